/*-------------------------------------------------------------------------
 * info.c
 *	  SQL-callable: what workflow and activity code may know of its own execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/openattempt.h"
#include "runtime/heartbeat.h"
#include "runtime/scheduler.h"
#include "runtime/upserts.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_workflow_info);
PG_FUNCTION_INFO_V1(tpg_sql_activity_info);

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static Datum
weight_or_null(const TpgPriority *p, bool *isnull)
{
	*isnull = p->fairness_weight == 0;
	return Float8GetDatum(p->fairness_weight);
}

static Datum
duration_or_null(const Jsonb *attributes, const char *key, bool *isnull)
{
	int64		us = tpg_json_get_duration(attributes, key, -1);

	*isnull = us < 0;
	return us < 0 ? (Datum) 0 : IntervalPGetDatum(tpg_interval_from_us(us));
}

static Datum
jsonb_or_null(const Jsonb *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? JsonbPGetDatum(value) : (Datum) 0;
}

static Datum
make_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* What changes while the code runs, as it is told to this call each time. */
static const Jsonb *
changing_json(TpgActivation *act, const Jsonb *now)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "workflow_info");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "workflow_info");
		e->json = (Jsonb *) now;
	}
	return e->json;
}

static int
changing_number(TpgActivation *act, int now)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "workflow_info");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "workflow_info");
		e->number = now;
	}
	return (int) e->number;
}

static Datum
uuid_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? DirectFunctionCall1(uuid_in, CStringGetDatum(value)) : (Datum) 0;
}

/* reference G-48, as far as it exists; order of the type temporal.workflow_info */
Datum
tpg_sql_workflow_info(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("workflow_info");
	TpgRun	   *run = act->run;
	const TpgExecution *e = run->exec;
	const Jsonb *start = run->events[0].attributes;
	const Jsonb *parent = tpg_json_get(start, "parentWorkflowExecution");
	const Jsonb *root = tpg_json_get(start, "rootWorkflowExecution");
	const Jsonb *memo = changing_json(act, tpg_memo(act));
	const Jsonb *search_attributes = changing_json(act, tpg_search_attributes(act));
	int			told = changing_number(act, act->told);
	TpgPriority priority = tpg_priority_from_jsonb(tpg_json_get(start, "priority"));
	Datum		values[27] = {0};
	bool		nulls[27] = {false};
	int64		bytes = 0;
	int			n = 0;

	for (int i = 0; i < told; i++)
		bytes += VARSIZE(run->events[i].attributes);
	values[n] = text_or_null(tpg_namespace_name(e->namespace_id), &nulls[n]), n++;
	values[n] = text_or_null(e->workflow_id, &nulls[n]), n++;
	values[n++] = UUIDPGetDatum(&e->run_id);
	values[n++] = UUIDPGetDatum(&e->first_run_id);
	values[n] = text_or_null(e->workflow_type, &nulls[n]), n++;
	values[n] = text_or_null(e->task_queue, &nulls[n]), n++;
	values[n++] = Int32GetDatum(e->attempt);
	values[n] = text_or_null(tpg_json_get_text(start, "cronSchedule"), &nulls[n]), n++;
	values[n] = duration_or_null(start, "workflowExecutionTimeout", &nulls[n]), n++;
	values[n] = duration_or_null(start, "workflowRunTimeout", &nulls[n]), n++;
	values[n++] = IntervalPGetDatum(tpg_interval_from_us(tpg_json_get_duration(start, "workflowTaskTimeout", INT64CONST(10000000))));
	values[n] = jsonb_or_null(tpg_json_get(start, "retryPolicy"), &nulls[n]), n++;
	values[n] = jsonb_or_null(memo, &nulls[n]), n++;
	values[n] = jsonb_or_null(search_attributes, &nulls[n]), n++;
	values[n++] = TimestampTzGetDatum(e->start_time);
	values[n++] = TimestampTzGetDatum(run->events[0].task_time);
	values[n++] = Int32GetDatum(told);
	values[n++] = Int64GetDatum(bytes);
	values[n++] = BoolGetDatum(told >= tpg_guc_suggest_continue_as_new_events ||
							   bytes >= (int64) tpg_guc_suggest_continue_as_new_size * 1024);
	values[n] = text_or_null(tpg_json_get_text(parent, "workflowId"), &nulls[n]), n++;
	values[n] = uuid_or_null(tpg_json_get_text(parent, "runId"), &nulls[n]), n++;
	values[n] = text_or_null(root ? tpg_json_get_text(root, "workflowId") : e->workflow_id, &nulls[n]), n++;
	values[n] = uuid_or_null(root ? tpg_json_get_text(root, "runId") : tpg_uuid_to_text(&e->run_id), &nulls[n]), n++;
	values[n] = uuid_or_null(tpg_json_get_text(start, "continuedExecutionRunId"), &nulls[n]), n++;
	values[n++] = Int32GetDatum(tpg_priority_effective(&priority));
	values[n] = text_or_null(priority.fairness_key, &nulls[n]), n++;
	values[n] = weight_or_null(&priority, &nulls[n]), n++;
	return make_row(fcinfo, values, nulls);
}

/* reference D-47; order of the type temporal.activity_info */
Datum
tpg_sql_activity_info(PG_FUNCTION_ARGS)
{
	TpgAttemptInfo *info = tpg_attempt_require("activity_info");
	const TpgActivityTask *t = info->task;
	const TpgExecution *e = info->exec;
	Datum		values[21] = {0};
	bool		nulls[21] = {false};
	int			n = 0;

	values[n] = text_or_null(t->activity_id, &nulls[n]), n++;
	values[n] = text_or_null(t->activity_type, &nulls[n]), n++;
	values[n++] = Int32GetDatum(t->attempt);
	values[n] = text_or_null(tpg_namespace_name(t->namespace_id), &nulls[n]), n++;
	values[n] = text_or_null(e->workflow_id, &nulls[n]), n++;
	values[n++] = UUIDPGetDatum(&e->run_id);
	values[n] = text_or_null(e->workflow_type, &nulls[n]), n++;
	values[n] = text_or_null(t->task_queue, &nulls[n]), n++;
	values[n] = text_or_null(info->local ? NULL : tpg_engine_attempt_token(t, info->started_at), &nulls[n]), n++;
	values[n] = jsonb_or_null(tpg_heartbeat_earlier(info), &nulls[n]), n++;
	values[n++] = TimestampTzGetDatum(t->scheduled_at);
	values[n++] = TimestampTzGetDatum(t->attempt_scheduled_at);
	values[n++] = TimestampTzGetDatum(info->started_at);
	values[n] = duration_or_null(t->attributes, "scheduleToCloseTimeout", &nulls[n]), n++;
	nulls[n] = tpg_attempt_start_to_close(t) == 0;
	values[n++] = IntervalPGetDatum(tpg_interval_from_us(tpg_attempt_start_to_close(t)));
	values[n] = duration_or_null(t->attributes, "heartbeatTimeout", &nulls[n]), n++;
	values[n] = jsonb_or_null(tpg_json_get(t->attributes, "retryPolicy"), &nulls[n]), n++;
	values[n++] = Int32GetDatum(tpg_priority_effective(&t->priority));
	values[n++] = BoolGetDatum(info->local);
	values[n] = text_or_null(t->priority.fairness_key, &nulls[n]), n++;
	values[n] = weight_or_null(&t->priority, &nulls[n]), n++;
	return make_row(fcinfo, values, nulls);
}
