/*-------------------------------------------------------------------------
 *
 * registration.h
 *	  What the SQL functions that register types and handlers share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_REGISTRATION_H
#define TPG_API_REGISTRATION_H

#include "nodes/pg_list.h"
#include "store/definition.h"

/* 22004, 22023: null, empty, too long, reserved */
extern void tpg_register_check_name(const char *name, const char *what);

/*
 * Finds the function that a user names (NULL: the one that is called like the row), checks
 * that it can be the code of row->kind and that the current user may register it, and
 * fills in what the row says of it.
 */
extern Oid	tpg_register_function(TpgDefinitionRow *row, const char *function);

/*
 * Looks whether workflow code is deterministic, as temporal_pg.determinism says: TP022, or
 * WARNINGs, for this function and those that it calls.
 */
extern void tpg_register_check_determinism(Oid function);

/* Arguments of register_workflow(); NULL where not given. */
typedef struct TpgHandlersGiven
{
	const char *init;
	Jsonb	   *signals;
	Jsonb	   *queries;
	Jsonb	   *updates;
} TpgHandlersGiven;

/* The rows of these handlers (a list of TpgDefinitionRow), checked; `function` is the workflow's. */
extern List *tpg_handlers_check(const TpgDefinitionRow *workflow, Oid function, const TpgHandlersGiven *given);

/*
 * Once the workflow's row is there: puts them in place of those that its registration had
 * before.  42501 when a handler that stays belongs to another role than `function`.
 */
extern void tpg_handlers_put(const TpgDefinitionRow *workflow, Oid function, List *handlers);

/*
 * May the caller replace or remove what is registered under that name?  It may
 * if it is a member of the owner of its function, or admin; else 42501.
 */
extern void tpg_register_check_present(int32 namespace_id, TpgDefinitionKind kind, const char *name);

#endif							/* TPG_API_REGISTRATION_H */
