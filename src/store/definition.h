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
	TPG_DEF_ACTIVITY = 2,

	/* handlers: each belongs to a workflow type */
	TPG_DEF_SIGNAL = 3,
	TPG_DEF_QUERY = 4,
	TPG_DEF_UPDATE = 5,
	TPG_DEF_VALIDATOR = 6,		/* by the name of its update */
	TPG_DEF_INIT = 7			/* name '' */
} TpgDefinitionKind;

#define TPG_DEF_IS_HANDLER(kind) ((kind) >= TPG_DEF_SIGNAL)

typedef struct TpgDefinition
{
	int32		id;
	int32		namespace_id;
	TpgDefinitionKind kind;
	char	   *workflow_type;	/* of a handler, as registered: may be '*'; else '' */
	char	   *name;			/* as registered: '*' for the dynamic one */
	bool		builtin;		/* not registered: what every namespace has, such as activity "sql" */
	bool		dynamic;		/* called as f(name, input); an init of workflow '*' with the workflow's type as name */
	Oid			function;		/* InvalidOid: no such function at the moment */
	Oid			owner;			/* its owner; InvalidOid likewise */
	char	   *signature;		/* "public.greet(text)" */
	char	   *function_schema;
	char	   *function_name;
	char	   *function_arguments;
	char	   *mode;			/* "transactional"; only of activities */
	char	   *task_queue;
	char	   *versioning_behavior;
	char	   *version;		/* of a pinned workflow: of the runs that start now; read by a version: that; else NULL */
	char	   *owner_name;		/* of the function's owner when it was registered */
	Jsonb	   *options;		/* proto-JSON names; never NULL */
	int			nsettings;
	char	  **setting_names;
	char	  **setting_values;
	int			nfailure_sqlstates;
	int		   *failure_sqlstates;	/* packed as MAKE_SQLSTATE */
	TransactionId fn_xmin;		/* of the pg_proc row: changes with CREATE OR REPLACE */
	ItemPointerData fn_tid;
	List	   *copies;			/* of a version's workflow: OIDs of all functions of the version; NIL: not all are there */

	/*
	 * For the floor above: whatever it wants to remember for this version of
	 * the function, allocated below `context`, gone with it.
	 */
	MemoryContext context;
	void	   *call_cache;
} TpgDefinition;

/* The activity type that runs one command as the owner of the workflow's function, unless somebody registers that name. */
#define TPG_ACTIVITY_SQL "sql"

/* What goes into the table.  Of a handler, only what is above options, and with_workflow. */
typedef struct TpgDefinitionRow
{
	int32		namespace_id;
	TpgDefinitionKind kind;
	const char *workflow_type;	/* of a handler, else NULL */
	const char *name;
	const char *function_schema;
	const char *function_name;
	const char *function_arguments;
	const char *task_queue;
	const char *mode;
	Jsonb	   *options;
	Jsonb	   *settings;
	bool		with_workflow;	/* a handler that register_workflow() was given */
	int			nfailure_sqlstates;
	const char **failure_sqlstates;
	const char *versioning_behavior;
} TpgDefinitionRow;

/*
 * The definition of a type; the built-in one, or the dynamic one ('*'), when the name has none.
 * A built-in one has no function, and no owner of its own.
 * TP014 when there is neither (NULL with missing_ok).  The result stays valid
 * until the end of the transaction, also when the cache is invalidated meanwhile.
 */
extern TpgDefinition *tpg_definition_lookup(int32 namespace_id, TpgDefinitionKind kind,
											const char *name, bool missing_ok);

/*
 * The code of a run of this workflow type: that of the version which it is pinned to, which
 * needs no registration any more, or (version NULL) what is registered now.  NULL when there
 * is none.
 */
extern TpgDefinition *tpg_definition_of_run(int32 namespace_id, const char *workflow_type, const char *version);

/* The same for code that is to be run now: TP014 when there is none, or its function does not exist. */
extern TpgDefinition *tpg_definition_require(int32 namespace_id, const char *workflow_type, const char *version);

/* Owner of the function that runs this; InvalidOid: nothing can run it now. */
extern Oid	tpg_definition_owner_of_run(int32 namespace_id, const char *workflow_type, const char *version);

/*
 * The handler that a run of this type, pinned to this version or (NULL) to none, has for this
 * name: among those of its version, else of its own type, or of
 * workflow '*' when that is what runs the type, the one of that name, else the dynamic one.  A
 * validator is that of the handler that takes the update; an init has the name ''.
 *
 * NULL when there is none, which is remembered as well, and when its function does not exist
 * at the moment.  Only a validator or an init without its function is returned all the same,
 * for the call to fail: to leave it out would take what it is there to refuse.
 *
 * 42501 when its function has come to belong to another role than the workflow's (ALTER
 * FUNCTION, or DROP and CREATE by somebody else): it would run with the rights of that one.
 * Valid until the end of the transaction.
 */
extern TpgDefinition *tpg_handler_lookup(int32 namespace_id, TpgDefinitionKind kind,
										 const char *workflow_type, const char *version, const char *name);

/* Names of the handlers of this kind that a run of this type has, sorted; '*' among them. */
extern char **tpg_handler_names(int32 namespace_id, TpgDefinitionKind kind,
								const char *workflow_type, const char *version, int *n);

/* "workflow", "signal" ...: as in the table, and for messages */
extern const char *tpg_definition_kind_name(TpgDefinitionKind kind);

/*
 * Insert, or replace the row of the same name.  Settings, SQLSTATEs and versioning of
 * a handler are those of its workflow, whatever the row says.
 */
extern void tpg_definition_put(const TpgDefinitionRow *row);

/* A workflow's handlers go with it.  false: there was none */
extern bool tpg_definition_delete(int32 namespace_id, TpgDefinitionKind kind, const char *name);

/* The validator of an update goes with it.  false: there was none */
extern bool tpg_handler_delete(int32 namespace_id, TpgDefinitionKind kind,
							   const char *workflow_type, const char *name);

/* Those that an earlier register_workflow() was given. */
extern void tpg_handler_delete_with_workflow(int32 namespace_id, const char *workflow_type);

/*
 * Keeps the workflow's registration as it is until the end of the transaction.  false: there
 * is none of this very name.
 */
extern bool tpg_definition_lock_workflow(int32 namespace_id, const char *workflow_type);

/* One registered handler, and whose code it is now. */
typedef struct TpgHandlerInfo
{
	TpgDefinitionKind kind;
	char	   *name;
	char	   *signature;
	Oid			function;		/* InvalidOid: no such function at the moment */
	Oid			owner;			/* likewise */
} TpgHandlerInfo;

/* All handlers registered for this very workflow type. */
extern TpgHandlerInfo *tpg_handler_list(int32 namespace_id, const char *workflow_type, int *n);

/* Raises TP014 with the near names in the HINT. */
TPG_NORETURN extern void tpg_definition_not_found(int32 namespace_id, TpgDefinitionKind kind,
												  const char *name) TPG_NORETURN_AFTER;

/* Is this SQLSTATE one that ends a run of the workflow as Failed? */
extern bool tpg_definition_fails_workflow(const TpgDefinition *def, int sqlstate);

/*
 * Changes whenever a function, a schema or a registration may have changed, in
 * any session: what was computed by running code before may be of old code.
 */
extern uint64 tpg_definition_generation(void);

/* Called once from _PG_init: invalidation and end-of-transaction callbacks. */
extern void tpg_definition_init(void);

#endif							/* TPG_STORE_DEFINITION_H */
