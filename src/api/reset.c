/*-------------------------------------------------------------------------
 * reset.c
 *	  SQL-callable: going back in a history, and removing one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "api/args.h"
#include "api/client.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/jsontime.h"
#include "engine/delete.h"
#include "engine/reset.h"
#include "engine/testenv.h"
#include "ipc/shmem.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_reset);
PG_FUNCTION_INFO_V1(tpg_sql_delete_workflow);

static void
parse_reapply(const char *reapply, TpgResetRequest *r)
{
	if (reapply == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reapply must not be null")));
	r->signals = strcmp(reapply, "all") == 0 || strcmp(reapply, "signals") == 0;
	r->updates = strcmp(reapply, "all") == 0 || strcmp(reapply, "updates") == 0;
	if (!r->signals && !r->updates && strcmp(reapply, "none") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid reapply \"%s\"", reapply),
				 errhint("It is one of all, signals, updates, none.")));
}

/* (workflow_id, event_id, reason, run_id, reapply): the new run's id */
Datum
tpg_sql_reset(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3);
	pg_uuid_t  *new_run_id = palloc(sizeof(pg_uuid_t));
	TpgResetRequest r = {0};
	TpgExecution *exec;

	tpg_not_in_workflow("reset", "Call it in an activity of another workflow.");
	tpg_not_read_only("reset");
	/* nothing would run it */
	tpg_require_preload();
	tpg_id_check(workflow_id, "workflow id");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("event id must not be null"),
				 errhint("temporal.trace('%s') shows the events.", workflow_id)));
	r.event_id = PG_GETARG_INT32(1);
	r.reason = tpg_arg_text(fcinfo, 2);
	if (r.reason != NULL)
		tpg_size_check(strlen(r.reason), tpg_guc_max_payload_size, "reason", "temporal_pg.max_payload_size");
	parse_reapply(tpg_arg_text(fcinfo, 4), &r);
	r.identity = tpg_client_identity();

	for (int tries = 0;; tries++)
	{
		exec = tpg_find_run(workflow_id, run_id, false);
		/* who owns the clock decides what it does: as with a start */
		if (tpg_testenv_active())
			tpg_access_require(exec->namespace_id, TPG_ACCESS_AUTHOR);
		if (tpg_engine_reset(exec, &r, new_run_id))
			break;
		if (tries >= 100)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not reset workflow \"%s\": its runs end and start concurrently", workflow_id),
					 errhint("Try again.")));
	}
	PG_RETURN_UUID_P(new_run_id);
}

/* (workflow_id, run_id) */
Datum
tpg_sql_delete_workflow(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	int32		namespace_id = tpg_namespace_current();
	TpgExecution *exec;

	tpg_not_in_workflow("delete_workflow", "Call it in an activity of another workflow.");
	tpg_not_read_only("delete_workflow");
	if (namespace_id != 0)
		tpg_access_require(namespace_id, TPG_ACCESS_ADMIN);

	/* without a run id it is the latest one that is meant, behind which another may just have come */
	do
		exec = tpg_find_run(workflow_id, run_id, false);
	while (!tpg_engine_delete(exec, run_id == NULL, tpg_client_identity()));
	PG_RETURN_VOID();
}
