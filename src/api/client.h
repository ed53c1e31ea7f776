/*-------------------------------------------------------------------------
 * client.h
 *	  What the functions for clients share: checks, finding a run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_CLIENT_H
#define TPG_API_CLIENT_H

#include "fmgr.h"

#include "base/compat.h"
#include "engine/start.h"
#include "store/execution.h"

/* A memo is an object of bounded size: 22023, TP025. */
extern void tpg_memo_check(const Jsonb *memo);

/* TP021 in workflow code. */
extern void tpg_not_in_workflow(const char *what, const char *hint);

/* PostgreSQL's error for a command that writes, in a read-only transaction or on a standby, before anything is done. */
extern void tpg_not_read_only(const char *what);

/* Both, for what changes settings, definitions and rights. */
extern void tpg_outside_to_write(const char *what);

/* Who asks, for histories: the role. */
extern const char *tpg_client_identity(void);

/* TP010, as for a run that the caller may not see. */
TPG_NORETURN extern void tpg_run_not_found(const char *workflow_id, const pg_uuid_t *run_id) TPG_NORETURN_AFTER;

/* The run, for a caller who has that level in its namespace (a TpgAccessLevel); 42501, TP010. */
extern TpgExecution *tpg_run_required(const char *workflow_id, const pg_uuid_t *run_id, int level);

/* The run, which the caller may see; TP010, or NULL with missing_ok. */
extern TpgExecution *tpg_find_run(const char *workflow_id, const pg_uuid_t *run_id, bool missing_ok);

/* Starts a run: argument 0 is its type, those from `first` on are start_workflow's from `input` on. */
extern void tpg_start_from_args(FunctionCallInfo fcinfo, const char *function, int first, TpgStartResult *result);

/* For procedures: 2D000 in a transaction block; the one INOUT argument as the result. */
extern void tpg_require_nonatomic(FunctionCallInfo fcinfo, const char *what);
extern Datum tpg_call_result(FunctionCallInfo fcinfo, Jsonb *result);

#endif							/* TPG_API_CLIENT_H */
