/*-------------------------------------------------------------------------
 *
 * controls.c
 *	  SQL-callable: options of pending activities that an operator changes.
 *
 * What is done with them is in sql/again/58_operator.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "base/ident.h"
#include "base/json.h"
#include "ipc/wake.h"
#include "model/retry.h"
#include "store/control.h"
#include "store/execution.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_activity_options);
PG_FUNCTION_INFO_V1(tpg_sql_tell_attempt);
PG_FUNCTION_INFO_V1(tpg_sql_command_activities);

/* A timeout; zero is kept, and means none. */
static int64
add_timeout(TpgJson *b, const char *key, FunctionCallInfo fcinfo, int argno, const char *what)
{
	int64		us;

	if (PG_ARGISNULL(argno))
		return -1;
	us = tpg_interval_arg_us(PG_GETARG_INTERVAL_P(argno), what);
	tpg_json_add_duration(b, key, us);
	return us;
}

/* (task_queue, four timeouts, retry_policy, priority_key) */
Datum
tpg_sql_activity_options(PG_FUNCTION_ARGS)
{
	TpgJson    *b = tpg_json_object();
	char	   *queue = tpg_arg_text(fcinfo, 0);

	if (queue != NULL)
	{
		TpgJson    *name = tpg_json_object();

		tpg_id_check(queue, "task queue");
		tpg_json_add_text(name, "name", queue);
		tpg_json_add_jsonb(b, "taskQueue", tpg_json_finish(name));
	}
	(void) add_timeout(b, "scheduleToCloseTimeout", fcinfo, 1, "schedule_to_close_timeout");
	(void) add_timeout(b, "scheduleToStartTimeout", fcinfo, 2, "schedule_to_start_timeout");
	if (add_timeout(b, "startToCloseTimeout", fcinfo, 3, "start_to_close_timeout") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start_to_close_timeout must be positive"),
				 errhint("An attempt without it could last for ever.")));
	(void) add_timeout(b, "heartbeatTimeout", fcinfo, 4, "heartbeat_timeout");
	if (!PG_ARGISNULL(5))
		tpg_json_add_jsonb(b, "retryPolicy", tpg_retry_policy_to_jsonb(tpg_retry_policy_from_datum(PG_GETARG_DATUM(5))));
	if (!PG_ARGISNULL(6))
	{
		TpgJson    *priority = tpg_json_object();
		int32		key = PG_GETARG_INT32(6);

		if (key < 1 || key > 5)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("priority_key must be between 1 and 5")));
		tpg_json_add_int(priority, "priorityKey", key);
		tpg_json_add_jsonb(b, "priority", tpg_json_finish(priority));
	}
	PG_RETURN_JSONB_P(tpg_json_finish(b));
}

/* temporal_internal.tell_attempt(): (execution key, scheduled event id, op) */
Datum
tpg_sql_tell_attempt(PG_FUNCTION_ARGS)
{
	char	   *op = text_to_cstring(PG_GETARG_TEXT_PP(2));

	/* a task that wanted to close the run meanwhile has been refused */
	tpg_wake_run_released();
	if (strcmp(op, "pause") == 0)
		tpg_wake_interrupt(PG_GETARG_INT64(0), PG_GETARG_INT32(1), TPG_INTERRUPT_PAUSE);
	else if (strcmp(op, "reset") == 0)
		tpg_wake_interrupt(PG_GETARG_INT64(0), PG_GETARG_INT32(1), TPG_INTERRUPT_RESET);
	PG_RETURN_VOID();
}

/* temporal_internal.command_activities(): (execution key, activity id, activity type, command) */
Datum
tpg_sql_command_activities(PG_FUNCTION_ARGS)
{
	TpgExecution *exec = PG_ARGISNULL(0) ? NULL : tpg_execution_by_key(PG_GETARG_INT64(0));
	bool		any;

	if (exec == NULL || PG_ARGISNULL(3))
		PG_RETURN_BOOL(false);
	tpg_access_require(exec->namespace_id, TPG_ACCESS_AUTHOR);
	any = tpg_control_command(exec->key, tpg_arg_text(fcinfo, 1), tpg_arg_text(fcinfo, 2), PG_GETARG_JSONB_P(3));
	/* it may have closed while we had the row, and have left that out */
	if (!any)
	{
		exec = tpg_execution_by_key(exec->key);
		if (exec == NULL || !tpg_status_is_open(exec->status))
			tpg_wake_lost();
	}
	PG_RETURN_BOOL(any);
}
