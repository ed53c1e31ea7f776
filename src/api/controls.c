/*-------------------------------------------------------------------------
 *
 * controls.c
 *	  SQL-callable: what operators do to pending activities.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/client.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/control.h"
#include "model/retry.h"
#include "store/execution.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_activity_options);
PG_FUNCTION_INFO_V1(tpg_sql_command_activities);

/* 10 years */
#define MAX_JITTER_US (INT64CONST(10) * 365 * USECS_PER_DAY)

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

/* (task_queue, four timeouts, retry_policy, priority_key, fairness_key, fairness_weight) */
Datum
tpg_sql_activity_options(PG_FUNCTION_ARGS)
{
	TpgJson    *b = tpg_json_object();
	char	   *queue = tpg_arg_text(fcinfo, 0);
	TpgPriority priority;

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
	priority = tpg_arg_priority(fcinfo, 6, 7);
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&priority));
	PG_RETURN_JSONB_P(tpg_json_finish(b));
}

static void
check_target(const char *activity_id, const char *activity_type)
{
	const char *problem = NULL;
	int			sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;

	if (activity_id == NULL && activity_type == NULL)
	{
		problem = "activity id must not be null";
		sqlstate = ERRCODE_NULL_VALUE_NOT_ALLOWED;
	}
	else if (activity_id != NULL && activity_type != NULL)
		problem = "activity_id and activity_type exclude each other";
	else if (activity_id != NULL && activity_id[0] == '\0')
		problem = "activity id must not be empty";
	else if (activity_type != NULL && activity_type[0] == '\0')
		problem = "activity type must not be empty";
	if (problem != NULL)
		ereport(ERROR,
				(errcode(sqlstate),
				 errmsg("%s", problem),
				 errhint("An id names one activity, a type all that are pending of it, '*' all of the run; see temporal.pending_activity.")));
}

/* The command with the jitter as the engine reads it. */
static Jsonb *
with_jitter(Jsonb *command, const Interval *jitter)
{
	TpgJson    *b;
	int64		us = tpg_interval_arg_us(jitter, "jitter");

	if (us > MAX_JITTER_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("jitter is out of range"),
				 errhint("At most 10 years are possible.")));
	b = tpg_json_object_from(command);
	tpg_json_add_duration(b, "jitter", us);
	return tpg_json_finish(b);
}

/* The function that makes such commands; NULL: it is none. */
static const char *
function_of_command(const Jsonb *command)
{
	static const char *const ops[][2] = {
		{"pause", "pause_activity"}, {"unpause", "unpause_activity"}, {"reset", "reset_activity"}, {"options", "update_activity_options"}
	};
	char	   *op = tpg_json_is_object(command) ? tpg_json_get_text(command, "op") : NULL;

	for (int i = 0; op != NULL && i < lengthof(ops); i++)
		if (strcmp(op, ops[i][0]) == 0)
			return i < 3 || tpg_json_is_object(tpg_json_get(command, "options")) ? ops[i][1] : NULL;
	return NULL;
}

/* A reason stands in a row that is read and written with each attempt: a note, no document. */
static void
check_reason(const Jsonb *command)
{
	Jsonb	   *info = tpg_json_get(command, "info");

	if (info != NULL && tpg_json_is_object(info))
		tpg_id_check_optional(tpg_json_get_text(info, "reason"), "reason");
}

/* temporal_internal.command_activities(): (workflow id, run id, activity id, activity type, command, jitter) */
Datum
tpg_sql_command_activities(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	char	   *activity_id = tpg_arg_text(fcinfo, 2);
	char	   *activity_type = tpg_arg_text(fcinfo, 3);
	Jsonb	   *command = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);
	const char *function = command ? function_of_command(command) : NULL;
	TpgExecution *exec;

	if (function != NULL)
		tpg_outside_to_write(function);
	exec = tpg_run_required(workflow_id, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1), TPG_ACCESS_AUTHOR);
	check_target(activity_id, activity_type);
	if (function == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("this is no command to an activity"),
				 errhint("Call temporal.pause_activity() and the like.")));
	check_reason(command);
	if (!PG_ARGISNULL(5))
		command = with_jitter(command, PG_GETARG_INTERVAL_P(5));
	if (!tpg_engine_control(exec->key, activity_id, activity_type, command))
		ereport(ERROR,
				(errcode(TPG_ERR_ACTIVITY_NOT_FOUND),
				 activity_id != NULL ? errmsg("workflow \"%s\" has no pending activity \"%s\"", workflow_id, activity_id) :
				 errmsg("workflow \"%s\" has no pending activity of type \"%s\"", workflow_id, activity_type),
				 errhint("temporal.pending_activity lists the activities that are pending.")));
	PG_RETURN_VOID();
}
