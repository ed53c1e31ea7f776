/*-------------------------------------------------------------------------
 * cancellation.c
 *	  SQL-callable: asking a workflow to end, and ending what workflow code has started.
 *
 * A session's request takes effect with its transaction; one that workflow code
 * sends is a command of the run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "api/args.h"
#include "api/client.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/cancel.h"
#include "runtime/cancel.h"
#include "runtime/externals.h"
#include "runtime/scheduler.h"

PG_FUNCTION_INFO_V1(tpg_sql_cancel);
PG_FUNCTION_INFO_V1(tpg_sql_cancel_future);
PG_FUNCTION_INFO_V1(tpg_sql_shield);
PG_FUNCTION_INFO_V1(tpg_sql_cancel_requested);

/* (workflow_id, reason, run_id) */
Datum
tpg_sql_cancel(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2);
	TpgCancelRequest r = {.reason = tpg_arg_text(fcinfo, 1)};
	TpgExecution *exec;

	if (r.reason != NULL)
		tpg_size_check(strlen(r.reason), tpg_guc_max_payload_size, "reason", "temporal_pg.max_payload_size");
	if (tpg_current_activation != NULL)
	{
		tpg_id_check(workflow_id, "workflow id");
		tpg_external_cancel(tpg_activation_require("cancel"), workflow_id, run_id ? tpg_uuid_to_text(run_id) : NULL, r.reason);
		PG_RETURN_VOID();
	}
	tpg_not_read_only("cancel");
	r.identity = tpg_client_identity();
	exec = tpg_find_run(workflow_id, run_id, false);
	/* a closed run is asked in vain, which is no error; but another may have taken its place just now */
	while (tpg_status_is_open(exec->status) && !tpg_engine_cancel(exec, &r) && run_id == NULL)
	{
		int64		key = exec->key;

		exec = tpg_find_run(workflow_id, NULL, false);
		if (exec->key == key)
			break;
	}
	PG_RETURN_VOID();
}

/* cancel(future) */
Datum
tpg_sql_cancel_future(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("cancel");
	TpgOp	   *op;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("future must not be null")));
	op = tpg_future_op(act, PG_GETARG_DATUM(0));
	if (tpg_fiber_replayed(act, "cancel") == NULL)
	{
		tpg_activation_writable(act, "cancel");
		tpg_op_cancel(act, op);
		tpg_fiber_record(act, "cancel");
	}
	PG_RETURN_VOID();
}

/* shield(future) */
Datum
tpg_sql_shield(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("shield");

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("future must not be null")));
	return tpg_future_make(act, tpg_op_shield(act, tpg_future_op(act, PG_GETARG_DATUM(0))));
}

/* cancel_requested() */
Datum
tpg_sql_cancel_requested(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("cancel_requested");
	TpgLogEntry *e = tpg_fiber_replayed(act, "cancel_requested");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "cancel_requested");
		e->number = act->cancel_requested;
	}
	PG_RETURN_BOOL(e->number != 0);
}
