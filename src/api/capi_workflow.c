/*-------------------------------------------------------------------------
 * capi_workflow.c
 *	  The C interface: what workflow code starts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/capi.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/json.h"
#include "runtime/await.h"
#include "runtime/children.h"

extern Datum tpg_sql_execute_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_execute_local_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_local_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_execute_child_workflow(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_child_workflow(PG_FUNCTION_ARGS);
extern Datum tpg_sql_signal_child(PG_FUNCTION_ARGS);
extern Datum tpg_sql_spawn(PG_FUNCTION_ARGS);
extern Datum tpg_sql_continue_as_new(PG_FUNCTION_ARGS);

/* Awaits what the call has started; its failure goes to *failure. Ends the call. */
static Jsonb *
await_started(TpgCall *c, Datum future, const char *what, TpgFailure **failure)
{
	TpgActivation *act = tpg_activation_require(what);
	Jsonb	   *raised;
	Jsonb	   *result;

	tpg_call_required(failure, "failure");
	result = tpg_op_try_await(act, tpg_future_op(act, future), -1, &raised);
	*failure = NULL;
	MemoryContextSwitchTo(c->caller);
	if (raised != NULL)
	{
		tpg_activation_tell(act, raised);
		*failure = tpg_call_failure(c, raised);
		result = NULL;
	}
	else
		result = tpg_json_copy(result);
	tpg_call_end(c);
	return result;
}

/* ---------- activities ---------- */

/* In the order of temporal.execute_activity(). */
static void
activity_arguments(TpgCall *c, const char *type, const Jsonb *input, const TpgActivityOpts *o)
{
	tpg_call_text(c, 0, type);
	tpg_call_jsonb(c, 1, input);
	tpg_call_text(c, 2, o->task_queue);
	tpg_call_duration(c, 3, o->schedule_to_close_us);
	tpg_call_duration(c, 4, o->schedule_to_start_us);
	tpg_call_duration(c, 5, o->start_to_close_us);
	tpg_call_duration(c, 6, o->heartbeat_us);
	tpg_call_retry(c, 7, o->retry);
	tpg_call_text(c, 8, o->cancellation_type);
	tpg_call_text(c, 9, o->activity_id);
	tpg_call_text(c, 10, o->summary);
	tpg_call_priority(c, 11, o->priority_key);
	tpg_call_text(c, 12, o->fairness_key);
	tpg_call_weight(c, 13, o->fairness_weight);
}

#define ACTIVITY_NARGS 14

/* In that of temporal.execute_local_activity(). */
static void
local_activity_arguments(TpgCall *c, const char *type, const Jsonb *input, const TpgActivityOpts *o)
{
	if (o->task_queue != NULL || o->heartbeat_us != 0 || o->priority_key != 0 || o->fairness_key != NULL || o->fairness_weight != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a local activity has no task_queue, heartbeat, priority_key or fairness_key"),
				 errhint("It runs in the workflow task's own transaction. Use tpg_execute_activity().")));
	tpg_call_text(c, 0, type);
	tpg_call_jsonb(c, 1, input);
	tpg_call_duration(c, 2, o->schedule_to_close_us);
	tpg_call_duration(c, 3, o->schedule_to_start_us);
	tpg_call_duration(c, 4, o->start_to_close_us);
	tpg_call_retry(c, 5, o->retry);
	tpg_call_text(c, 6, o->cancellation_type);
	tpg_call_text(c, 7, o->activity_id);
	tpg_call_text(c, 8, o->summary);
}

#define LOCAL_ACTIVITY_NARGS 9

Jsonb *
tpg_capi_execute_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "execute_activity", ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	activity_arguments(&c, type, input, &o);
	return tpg_call_to_jsonb(&c, tpg_sql_execute_activity);
}

Jsonb *
tpg_capi_try_execute_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "try_execute_activity", ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	activity_arguments(&c, type, input, &o);
	return await_started(&c, tpg_call(&c, tpg_sql_start_activity, NULL), "execute_activity", failure);
}

TpgFuture
tpg_capi_start_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "start_activity", ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	activity_arguments(&c, type, input, &o);
	return tpg_call_to_future(&c, tpg_sql_start_activity);
}

Jsonb *
tpg_capi_execute_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "execute_local_activity", LOCAL_ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	local_activity_arguments(&c, type, input, &o);
	return tpg_call_to_jsonb(&c, tpg_sql_execute_local_activity);
}

Jsonb *
tpg_capi_try_execute_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "try_execute_local_activity", LOCAL_ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	local_activity_arguments(&c, type, input, &o);
	return await_started(&c, tpg_call(&c, tpg_sql_start_local_activity, NULL), "execute_local_activity", failure);
}

TpgFuture
tpg_capi_start_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size)
{
	TpgActivityOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "start_local_activity", LOCAL_ACTIVITY_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	local_activity_arguments(&c, type, input, &o);
	return tpg_call_to_future(&c, tpg_sql_start_local_activity);
}

/* ---------- child workflows ---------- */

/* In the order of temporal.execute_child_workflow(). */
static void
child_arguments(TpgCall *c, const char *type, const Jsonb *input, const TpgChildOpts *o)
{
	tpg_call_text(c, 0, type);
	tpg_call_jsonb(c, 1, input);
	tpg_call_text(c, 2, o->id);
	tpg_call_text(c, 3, o->task_queue);
	tpg_call_duration(c, 4, o->execution_timeout_us);
	tpg_call_duration(c, 5, o->run_timeout_us);
	tpg_call_duration(c, 6, o->task_timeout_us);
	tpg_call_text(c, 7, o->parent_close_policy);
	tpg_call_text(c, 8, o->cancellation_type);
	tpg_call_text(c, 9, o->id_reuse_policy);
	tpg_call_retry(c, 10, o->retry);
	tpg_call_text(c, 11, o->cron_schedule);
	tpg_call_jsonb(c, 12, o->memo);
	tpg_call_jsonb(c, 13, o->search_attributes);
	tpg_call_text(c, 14, o->summary);
	tpg_call_priority(c, 15, o->priority_key);
	tpg_call_text(c, 16, o->fairness_key);
	tpg_call_weight(c, 17, o->fairness_weight);
}

#define CHILD_NARGS 18

Jsonb *
tpg_capi_execute_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size)
{
	TpgChildOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "execute_child_workflow", CHILD_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	child_arguments(&c, type, input, &o);
	return tpg_call_to_jsonb(&c, tpg_sql_execute_child_workflow);
}

Jsonb *
tpg_capi_try_execute_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, TpgFailure **failure, size_t size)
{
	TpgChildOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "try_execute_child_workflow", CHILD_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	child_arguments(&c, type, input, &o);
	return await_started(&c, tpg_call(&c, tpg_sql_start_child_workflow, NULL), "execute_child_workflow", failure);
}

TpgFuture
tpg_capi_start_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size)
{
	TpgChildOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "start_child_workflow", CHILD_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	child_arguments(&c, type, input, &o);
	return tpg_call_to_future(&c, tpg_sql_start_child_workflow);
}

char *
tpg_capi_child_execution(TpgFuture child, pg_uuid_t *run_id)
{
	TpgActivation *act;
	TpgOp	   *op;
	TpgCall		c;
	const char *workflow_id;
	const char *run;
	char	   *copy;

	tpg_call_begin(&c, "child_execution", 0);
	act = tpg_activation_require("child_execution");
	op = tpg_future_child(act, Int64GetDatum(child.value));
	tpg_child_await_start(act, op, &workflow_id, &run);
	if (run_id != NULL)
		*run_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run)));
	copy = MemoryContextStrdup(c.caller, workflow_id);
	tpg_call_end(&c);
	return copy;
}

void
tpg_capi_signal_child(TpgFuture child, const char *signal_name, const Jsonb *input)
{
	TpgCall		c;

	tpg_call_begin(&c, "signal_child", 3);
	tpg_call_datum(&c, 0, Int64GetDatum(child.value));
	tpg_call_text(&c, 1, signal_name);
	tpg_call_jsonb(&c, 2, input);
	tpg_call_void(&c, tpg_sql_signal_child);
}

/* ---------- other code, the next run ---------- */

TpgFuture
tpg_capi_spawn(const char *function, const Jsonb *input)
{
	TpgCall		c;

	tpg_call_begin(&c, "spawn", 2);
	tpg_call_text(&c, 0, function);
	tpg_call_jsonb(&c, 1, input);
	return tpg_call_to_future(&c, tpg_sql_spawn);
}

void
tpg_capi_continue_as_new(const Jsonb *input, const TpgContinueOpts *opts, size_t size)
{
	TpgContinueOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "continue_as_new", 10);
	tpg_call_options(&o, sizeof(o), opts, size);
	tpg_call_jsonb(&c, 0, input);
	tpg_call_text(&c, 1, o.workflow_type);
	tpg_call_text(&c, 2, o.task_queue);
	tpg_call_duration(&c, 3, o.run_timeout_us);
	tpg_call_duration(&c, 4, o.task_timeout_us);
	tpg_call_retry(&c, 5, o.retry);
	tpg_call_jsonb(&c, 6, o.memo);
	tpg_call_jsonb(&c, 7, o.search_attributes);
	tpg_call_text(&c, 8, o.cron_schedule);
	tpg_call_text(&c, 9, o.initial_versioning_behavior);
	tpg_call_void(&c, tpg_sql_continue_as_new);
	pg_unreachable();
}
