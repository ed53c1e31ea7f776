/*-------------------------------------------------------------------------
 *
 * task_queues.c
 *	  SQL-callable: settings of task queues; workers stopped and started.
 *
 * What they promise is in the COMMENTs of sql/again/58_task_queues.sql.  Settings
 * take effect when their transaction commits; stop_workers() acts at once, and
 * what it has done is undone if its transaction is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "api/args.h"
#include "api/client.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "ipc/concurrency.h"
#include "ipc/databases.h"
#include "ipc/lanes.h"
#include "ipc/limits.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "model/priority.h"
#include "runtime/activation.h"
#include "runtime/attempt.h"
#include "store/extension.h"
#include "store/namespace.h"
#include "store/task_queue.h"

PG_FUNCTION_INFO_V1(tpg_sql_configure_task_queue);
PG_FUNCTION_INFO_V1(tpg_sql_pause_task_queue);
PG_FUNCTION_INFO_V1(tpg_sql_unpause_task_queue);
PG_FUNCTION_INFO_V1(tpg_sql_task_queue_state);
PG_FUNCTION_INFO_V1(tpg_sql_stop_workers);
PG_FUNCTION_INFO_V1(tpg_sql_start_workers);

/* more than that is no rate that could be kept */
#define MAX_PER_SECOND 1000000.0
#define MAX_CONCURRENT 1000000
#define MAX_WEIGHTS 1000

/* between two looks whether the executors have gone */
#define STOP_STEP_MS 20
/* an activity that does not heed its cancellation: its process is terminated */
#define STOP_TERMINATE_MS 2000

static void
outside_of_code(const char *what)
{
	if (tpg_current_activation != NULL || tpg_current_attempt != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() cannot be called by workflow or activity code", what),
				 errhint("Call it in a session.")));
}

/* ---------- settings ---------- */

/* The queue that argument 0 names, in the namespace of the session, locked. */
static void
queue_arg(FunctionCallInfo fcinfo, const char *what, TpgTaskQueue *queue)
{
	char	   *name = tpg_arg_required_text(fcinfo, 0, "name");
	int32		namespace_id;

	outside_of_code(what);
	tpg_not_read_only(what);
	tpg_require_preload();
	tpg_id_check(name, "task queue");
	namespace_id = tpg_namespace_current_for_write();
	tpg_access_require(namespace_id, TPG_ACCESS_ADMIN);
	tpg_task_queue_get(namespace_id, name, queue);
}

static void
write_queue(const TpgTaskQueue *queue)
{
	tpg_task_queue_put(queue);
	if (tpg_task_queue_count() > TPG_MAX_TASK_QUEUES)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("too many configured task queues"),
				 errdetail("At most %d can be configured or paused.", TPG_MAX_TASK_QUEUES),
				 errhint("Take away the settings of others with temporal.configure_task_queue(), where -1 is no limit.")));
	tpg_wake_settings();
}

static void
concurrency_arg(FunctionCallInfo fcinfo, int n, const char *what, int *value)
{
	if (PG_ARGISNULL(n))
		return;
	*value = PG_GETARG_INT32(n);
	if (*value < -1 || *value > MAX_CONCURRENT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between -1 and %d", what, MAX_CONCURRENT),
				 errdetail("It is %d.", *value),
				 errhint("-1 is no limit; with 0 none start.")));
}

static void
rate_arg(FunctionCallInfo fcinfo, int n, const char *what, double *value)
{
	if (PG_ARGISNULL(n))
		return;
	*value = PG_GETARG_FLOAT8(n);
	if (isnan(*value) || (*value < 0 && *value != -1) || *value > MAX_PER_SECOND)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be -1, or between 0 and %.0f", what, MAX_PER_SECOND),
				 errdetail("It is %g.", *value),
				 errhint("-1 is no limit; with 0 none start.")));
}

/* {"key": weight}; clamped as those of tasks are. */
static Jsonb *
weights_arg(Jsonb *weights)
{
	TpgJson    *b = tpg_json_object();
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *key = NULL;

	if (!tpg_json_is_object(weights))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fairness_weights must be a JSON object"),
				 errhint("For example '{\"gold\": 5, \"free\": 0.5}'.")));
	if (JB_ROOT_COUNT(weights) > MAX_WEIGHTS)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("fairness_weights has too many keys"),
				 errdetail("There are %d, at most %d are kept.", (int) JB_ROOT_COUNT(weights), MAX_WEIGHTS),
				 errhint("Give the weight with the workflow or activity: fairness_weight.")));
	it = JsonbIteratorInit(&weights->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		TpgPriority priority = {0, NULL, 0};

		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		priority.fairness_key = key;
		tpg_priority_check(&priority);
		if (v.type != jbvNumeric)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the weight of fairness key \"%s\" must be a number", key)));
		tpg_json_add_float(b, key, tpg_fairness_weight_arg(tpg_json_get_float(weights, key, 0)));
	}
	return tpg_json_finish(b);
}

/*
 * configure_task_queue(name, max_concurrent_activities, max_concurrent_workflow_tasks,
 * activities_per_second, workflow_tasks_per_second, fairness_weights)
 */
Datum
tpg_sql_configure_task_queue(PG_FUNCTION_ARGS)
{
	TpgTaskQueue queue;

	queue_arg(fcinfo, "configure_task_queue", &queue);
	concurrency_arg(fcinfo, 1, "max_concurrent_activities", &queue.max_concurrent_activities);
	concurrency_arg(fcinfo, 2, "max_concurrent_workflow_tasks", &queue.max_concurrent_workflow_tasks);
	rate_arg(fcinfo, 3, "activities_per_second", &queue.activities_per_second);
	rate_arg(fcinfo, 4, "workflow_tasks_per_second", &queue.workflow_tasks_per_second);
	if (!PG_ARGISNULL(5))
		queue.fairness_weights = weights_arg(PG_GETARG_JSONB_P(5));
	write_queue(&queue);
	PG_RETURN_VOID();
}

/* pause_task_queue(name, reason) */
Datum
tpg_sql_pause_task_queue(PG_FUNCTION_ARGS)
{
	TpgTaskQueue queue;
	char	   *reason = tpg_arg_text(fcinfo, 1);

	queue_arg(fcinfo, "pause_task_queue", &queue);
	if (reason != NULL)
		tpg_id_check(reason, "reason");
	if (queue.paused_at == 0)
		queue.paused_at = GetCurrentTimestamp();
	queue.pause_reason = reason;
	write_queue(&queue);
	PG_RETURN_VOID();
}

/* unpause_task_queue(name) */
Datum
tpg_sql_unpause_task_queue(PG_FUNCTION_ARGS)
{
	TpgTaskQueue queue;

	queue_arg(fcinfo, "unpause_task_queue", &queue);
	queue.paused_at = 0;
	queue.pause_reason = NULL;
	write_queue(&queue);
	PG_RETURN_VOID();
}

/* temporal_internal.task_queue_state(namespace_id, task_queue, kind) */
Datum
tpg_sql_task_queue_state(PG_FUNCTION_ARGS)
{
	char	   *kind_name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	TpgLimitKind kind = strcmp(kind_name, "activity") == 0 ? TPG_LIMIT_ACTIVITY : TPG_LIMIT_WORKFLOW;
	bool		activity = kind == TPG_LIMIT_ACTIVITY;
	TpgLimitState state;
	TupleDesc	tupdesc;
	Datum		values[3] = {0};
	bool		nulls[3] = {true, true, true};
	const char *waits_for = NULL;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (tpg_shmem_ready())
	{
		if (tpg_limits_state(PG_GETARG_INT32(0), text_to_cstring(PG_GETARG_TEXT_PP(1)), kind, &state))
		{
			values[0] = Float8GetDatum(state.add_rate);
			values[1] = Float8GetDatum(state.dispatch_rate);
			nulls[0] = nulls[1] = false;
		}
		if (tpg_database_stopped(MyDatabaseId))
			waits_for = "start_workers";
		else if (state.paused)
			waits_for = "unpause_task_queue";
		else if (state.full)
			waits_for = activity ? "max_concurrent_activities" : "max_concurrent_workflow_tasks";
		else if (state.late)
			waits_for = activity ? "activities_per_second" : "workflow_tasks_per_second";
		else if (!tpg_database_may_take(MyDatabaseId, activity ? TPG_LANE_ACTIVITY : TPG_LANE_WORKFLOW))
			waits_for = activity ? "temporal_pg.max_concurrent_activities" : "temporal_pg.max_concurrent_workflow_tasks";
	}
	if (waits_for != NULL)
	{
		values[2] = CStringGetTextDatum(waits_for);
		nulls[2] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

/* ---------- workers ---------- */

/* this transaction is in stop_workers(), or was */
static bool stopping = false;

/* Neither allocates nor fails. */
static void
stop_at_transaction_end(XactEvent event, void *arg)
{
	if (!stopping || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	/* after a rollback the dispatcher, which reads the settings now, finds that nothing has been stopped */
	if (event == XACT_EVENT_COMMIT)
		tpg_database_set_stopped(MyDatabaseId, true);
	tpg_database_end_stopping(MyDatabaseId);
	stopping = false;
}

static void
begin_stopping(void)
{
	static bool callback_registered = false;

	if (stopping)
		return;
	if (!callback_registered)
	{
		RegisterXactCallback(stop_at_transaction_end, NULL);
		callback_registered = true;
	}
	stopping = true;
	tpg_database_begin_stopping(MyDatabaseId);
}

static void
require_owner(const char *what)
{
	outside_of_code(what);
	tpg_require_preload();
	if (!tpg_access_is_owner())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for temporal.%s()", what),
				 errhint("Only the owner of extension temporal_pg, its members and superusers can do that.")));
}

/* Waits until the executors have gone, at most so long; false: some are left. */
static bool
wait_for_executors(int64 us, bool terminate)
{
	TimestampTz until = GetCurrentTimestamp() + us;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (tpg_slot_stop_database(MyDatabaseId, terminate) == 0)
			return true;
		if (us >= 0 && GetCurrentTimestamp() >= until)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, STOP_STEP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* stop_workers(grace) */
Datum
tpg_sql_stop_workers(PG_FUNCTION_ARGS)
{
	int64		grace;
	int			cancelled = 0;

	tpg_arg_required(fcinfo, 0, "grace");
	grace = tpg_interval_arg_us(PG_GETARG_INTERVAL_P(0), "grace");
	require_owner("stop_workers");
	tpg_not_read_only("stop_workers");

	(void) tpg_namespace_current_for_write();
	tpg_home_claim(false);
	tpg_workers_set_stopped(true);
	tpg_wake_settings();
	begin_stopping();
	if (!wait_for_executors(grace, false))
	{
		cancelled = tpg_slot_cancel_database(MyDatabaseId);
		if (!wait_for_executors((int64) STOP_TERMINATE_MS * 1000, false))
			(void) wait_for_executors(-1, true);
	}
	PG_RETURN_INT32(cancelled);
}

/* start_workers() */
Datum
tpg_sql_start_workers(PG_FUNCTION_ARGS)
{
	require_owner("start_workers");
	tpg_not_read_only("start_workers");
	if (stopping)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("workers that this transaction has stopped cannot be started by it"),
				 errhint("Use ROLLBACK, or COMMIT first.")));
	tpg_workers_set_stopped(false);
	tpg_wake_settings();
	PG_RETURN_VOID();
}
