/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  Table temporal_internal.definition and the cache in front of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_DEFINITION_H
#define TPG_STORE_DEFINITION_H

#include "base/compat.h"
#include "storage/itemptr.h"
#include "utils/jsonb.h"

typedef enum TpgDefinitionKind
{
	TPG_DEF_WORKFLOW = 1,
	TPG_DEF_ACTIVITY = 2
} TpgDefinitionKind;

typedef struct TpgDefinition
{
	int32		id;
	int32		namespace_id;
	TpgDefinitionKind kind;
	char	   *name;			/* as registered: '*' for the dynamic one */
	bool		dynamic;
	Oid			function;		/* InvalidOid: no such function at the moment */
	Oid			owner;			/* its owner; InvalidOid likewise */
	char	   *signature;		/* "public.greet(text)" */
	char	   *function_schema;
	char	   *function_name;
	char	   *function_arguments;
	char	   *mode;			/* "transactional"; NULL for workflows */
	char	   *task_queue;
	char	   *versioning_behavior;
	Jsonb	   *options;		/* proto-JSON names; never NULL */
	int			nsettings;
	char	  **setting_names;
	char	  **setting_values;
	int			nfailure_sqlstates;
	int		   *failure_sqlstates;	/* packed as MAKE_SQLSTATE */
	TransactionId fn_xmin;		/* of the pg_proc row: changes with CREATE OR REPLACE */
	ItemPointerData fn_tid;

	/*
	 * For the floor above: whatever it wants to remember for this version of
	 * the function, allocated below `context`, gone with it.
	 */
	MemoryContext context;
	void	   *call_cache;
} TpgDefinition;

/* What goes into the table. */
typedef struct TpgDefinitionRow
{
	int32		namespace_id;
	TpgDefinitionKind kind;
	const char *name;
	const char *function_schema;
	const char *function_name;
	const char *function_arguments;
	const char *task_queue;
	const char *mode;
	Jsonb	   *options;
	Jsonb	   *settings;
	int			nfailure_sqlstates;
	const char **failure_sqlstates;
	const char *versioning_behavior;
} TpgDefinitionRow;

/*
 * The definition of a type; the dynamic one ('*') when the name has none.
 * TP014 when there is neither (NULL with missing_ok).  The result stays valid
 * until the end of the transaction, also when the cache is invalidated meanwhile.
 */
extern TpgDefinition *tpg_definition_lookup(int32 namespace_id, TpgDefinitionKind kind,
											const char *name, bool missing_ok);

/* Owner of the function that runs this type; InvalidOid: nothing can run it now. */
extern Oid	tpg_definition_owner(int32 namespace_id, TpgDefinitionKind kind, const char *name);

/* Insert, or replace the row of the same name. */
extern void tpg_definition_put(const TpgDefinitionRow *row);

/* false: there was none */
extern bool tpg_definition_delete(int32 namespace_id, TpgDefinitionKind kind, const char *name);

/* Raises TP014 with the near names in the HINT. */
TPG_NORETURN extern void tpg_definition_not_found(int32 namespace_id, TpgDefinitionKind kind,
												  const char *name) TPG_NORETURN_AFTER;

/* Is this SQLSTATE one that ends a run of the workflow as Failed? */
extern bool tpg_definition_fails_workflow(const TpgDefinition *def, int sqlstate);

/* Called once from _PG_init: invalidation and end-of-transaction callbacks. */
extern void tpg_definition_init(void);

#endif							/* TPG_STORE_DEFINITION_H */
