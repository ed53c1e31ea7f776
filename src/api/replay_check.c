/*-------------------------------------------------------------------------
 * replay_check.c
 *	  SQL-callable: every open run is replayed, and those that fail are told.
 *
 * A gate for deployments: the code of the session's own transaction counts, so
 * what is about to be committed can be tried first.  Nothing is written or locked.
 *
 * Each run has a subtransaction and a memory context of its own, and is read when
 * its turn comes: what one of them raises does not stop the others, and as much
 * memory is used as the largest of them needs, however many there are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/uuid.h"

#include "api/args.h"
#include "api/client.h"
#include "api/replay.h"
#include "base/errors.h"
#include "base/ident.h"
#include "store/definition.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_replay_check);

#define BATCH 1000

/* Of the server or the one who waits, not of the run: ends the check. */
static bool
is_of_session(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_OPERATOR_INTERVENTION || sqlstate == ERRCODE_OUT_OF_MEMORY || sqlstate == ERRCODE_DISK_FULL;
}

/* NULL: it replays. */
static ErrorData *
try_replay(TpgExecution *exec)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		(void) tpg_replay_run(exec);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && is_of_session(error->sqlerrcode))
		ReThrowError((ErrorData *) error);
	return (ErrorData *) error;
}

static void
put_failure(ReturnSetInfo *rsinfo, const TpgExecution *exec, const ErrorData *error)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(exec->workflow_id);
	values[1] = UUIDPGetDatum(&exec->run_id);
	values[2] = CStringGetTextDatum(exec->workflow_type);
	values[3] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
	values[4] = CStringGetTextDatum(error->message);
	nulls[5] = error->detail == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(error->detail);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* replay_check(workflow_type): a row for each open run that does not replay */
Datum
tpg_sql_replay_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *workflow_type = tpg_arg_text(fcinfo, 0);
	int32		namespace_id = tpg_namespace_current();
	MemoryContext context;
	MemoryContext old;
	int64	   *keys;
	int64		after = 0;
	int			n;

	tpg_not_in_workflow("replay_check", "Call it in an activity or a client.");
	if (workflow_type != NULL)
		tpg_id_check(workflow_type, "workflow type");
	tpg_access_require(namespace_id, TPG_ACCESS_CLIENT);
	/* a mistyped name must not pass the gate */
	if (workflow_type != NULL)
		(void) tpg_definition_lookup(namespace_id, TPG_DEF_WORKFLOW, workflow_type, false);
	InitMaterializedSRF(fcinfo, 0);
	if (namespace_id == 0)
		return (Datum) 0;

	context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg replay check", ALLOCSET_DEFAULT_SIZES);
	do
	{
		n = tpg_execution_open_runs(namespace_id, workflow_type, after, BATCH, &keys);
		for (int i = 0; i < n; i++)
		{
			TpgExecution *exec;

			CHECK_FOR_INTERRUPTS();
			after = keys[i];
			old = MemoryContextSwitchTo(context);
			exec = tpg_execution_by_key(keys[i]);
			/* it may have closed by now */
			if (exec != NULL && tpg_status_is_open(exec->status))
			{
				ErrorData  *error = try_replay(exec);

				if (error != NULL)
					put_failure(rsinfo, exec, error);
			}
			MemoryContextSwitchTo(old);
			MemoryContextReset(context);
		}
		pfree(keys);
	} while (n == BATCH);
	MemoryContextDelete(context);
	return (Datum) 0;
}
