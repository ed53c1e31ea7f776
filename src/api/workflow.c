/*-------------------------------------------------------------------------
 * workflow.c
 *	  SQL-callable: what workflow code starts and waits for.
 *
 * Each function asks for the activation first (TP021 outside of workflow code).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "api/client.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/cron.h"
#include "runtime/await.h"
#include "runtime/continue.h"
#include "runtime/ops.h"

PG_FUNCTION_INFO_V1(tpg_sql_execute_activity);
PG_FUNCTION_INFO_V1(tpg_sql_start_activity);
PG_FUNCTION_INFO_V1(tpg_sql_execute_local_activity);
PG_FUNCTION_INFO_V1(tpg_sql_start_local_activity);
PG_FUNCTION_INFO_V1(tpg_sql_sleep);
PG_FUNCTION_INFO_V1(tpg_sql_start_timer);
PG_FUNCTION_INFO_V1(tpg_sql_await);
PG_FUNCTION_INFO_V1(tpg_sql_await_all);
PG_FUNCTION_INFO_V1(tpg_sql_await_any);
PG_FUNCTION_INFO_V1(tpg_sql_is_done);
PG_FUNCTION_INFO_V1(tpg_sql_continue_as_new);

static int64
duration_arg(FunctionCallInfo fcinfo, int n, const char *what)
{
	return PG_ARGISNULL(n) ? -1 : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(n), what);
}

/* A result for SQL: always a copy, since the op keeps its own. */
static Datum
jsonb_result(const Jsonb *value)
{
	return JsonbPGetDatum(tpg_json_copy(value));
}

/* ---------- activities ---------- */

static TpgCancellation
cancellation_arg(FunctionCallInfo fcinfo, int n)
{
	char	   *type;

	if (PG_ARGISNULL(n))
		return TPG_CANCELLATION_TRY;
	type = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(type, "try_cancel") == 0)
		return TPG_CANCELLATION_TRY;
	if (strcmp(type, "wait_cancellation_completed") == 0)
		return TPG_CANCELLATION_WAIT_COMPLETED;
	if (strcmp(type, "abandon") == 0)
		return TPG_CANCELLATION_ABANDON;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid cancellation_type \"%s\"", type),
			 errhint("It is one of try_cancel, wait_cancellation_completed, abandon.")));
}

/* (activity_type, input, task_queue, 4 timeouts, retry_policy, cancellation_type, activity_id, summary, priority_key, fairness_key, fairness_weight) */
static TpgOp *
start_activity(FunctionCallInfo fcinfo, TpgActivation *act, bool local)
{
	TpgActivityOptions o = {0};
	int			n = 2;

	tpg_arg_required(fcinfo, 0, "activity_type");
	o.type = text_to_cstring(PG_GETARG_TEXT_PP(0));
	tpg_id_check(o.type, "activity type");
	o.input = PG_ARGISNULL(1) ? NULL : tpg_any_arg_to_jsonb(fcinfo, 1);
	if (!local)
	{
		if (!PG_ARGISNULL(n))
		{
			o.task_queue = text_to_cstring(PG_GETARG_TEXT_PP(n));
			tpg_id_check(o.task_queue, "task queue");
		}
		n++;
	}
	o.schedule_to_close_us = duration_arg(fcinfo, n++, "schedule_to_close_timeout");
	o.schedule_to_start_us = duration_arg(fcinfo, n++, "schedule_to_start_timeout");
	o.start_to_close_us = duration_arg(fcinfo, n++, "start_to_close_timeout");
	o.heartbeat_us = local ? -1 : duration_arg(fcinfo, n++, "heartbeat_timeout");
	if (!PG_ARGISNULL(n))
		o.retry_policy = tpg_retry_policy_from_datum(PG_GETARG_DATUM(n));
	n++;
	o.cancellation = cancellation_arg(fcinfo, n++);
	if (!PG_ARGISNULL(n))
		o.activity_id = text_to_cstring(PG_GETARG_TEXT_PP(n));
	n++;
	if (!PG_ARGISNULL(n))
	{
		o.summary = text_to_cstring(PG_GETARG_TEXT_PP(n));
		tpg_size_check(strlen(o.summary), tpg_guc_max_summary_size, "summary", "temporal_pg.max_summary_size");
	}
	n++;
	if (!local)
		o.priority = tpg_arg_priority(fcinfo, n, n + 1);
	return local ? tpg_op_start_local_activity(act, &o) : tpg_op_start_activity(act, &o);
}

Datum
tpg_sql_execute_activity(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("execute_activity");

	return jsonb_result(tpg_op_await(act, start_activity(fcinfo, act, false), -1));
}

Datum
tpg_sql_start_activity(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_activity");

	return tpg_future_make(act, start_activity(fcinfo, act, false));
}

Datum
tpg_sql_execute_local_activity(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("execute_local_activity");

	return jsonb_result(tpg_op_await(act, start_activity(fcinfo, act, true), -1));
}

Datum
tpg_sql_start_local_activity(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_local_activity");

	return tpg_future_make(act, start_activity(fcinfo, act, true));
}

/* ---------- timers ---------- */

Datum
tpg_sql_sleep(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("sleep");

	tpg_arg_required(fcinfo, 0, "duration");
	(void) tpg_op_await(act, tpg_op_start_timer(act, duration_arg(fcinfo, 0, "duration"), NULL), -1);
	PG_RETURN_VOID();
}

Datum
tpg_sql_start_timer(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_timer");
	char	   *summary = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	tpg_arg_required(fcinfo, 0, "duration");
	if (summary != NULL)
		tpg_size_check(strlen(summary), tpg_guc_max_summary_size, "summary", "temporal_pg.max_summary_size");
	return tpg_future_make(act, tpg_op_start_timer(act, duration_arg(fcinfo, 0, "duration"), summary));
}

/* ---------- waiting ---------- */

Datum
tpg_sql_await(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("await");

	tpg_arg_required(fcinfo, 0, "future");
	return jsonb_result(tpg_op_await(act, tpg_future_op(act, PG_GETARG_DATUM(0)), duration_arg(fcinfo, 1, "timeout")));
}

Datum
tpg_sql_await_all(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("await_all");
	TpgOp	  **ops;
	Datum	   *results;
	int			nops;

	/* array_agg over no rows: none of none */
	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(JSONBOID));
	ops = tpg_future_ops(act, PG_GETARG_DATUM(0), &nops);
	tpg_op_await_all(act, ops, nops, duration_arg(fcinfo, 1, "timeout"));
	results = palloc(sizeof(Datum) * Max(nops, 1));
	for (int i = 0; i < nops; i++)
		results[i] = JsonbPGetDatum(tpg_op_result(act, ops[i]));
	PG_RETURN_ARRAYTYPE_P(construct_array(results, nops, JSONBOID, -1, false, TYPALIGN_INT));
}

Datum
tpg_sql_await_any(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("await_any");
	TpgOp	  **ops;
	int			nops;

	tpg_arg_required(fcinfo, 0, "futures");
	ops = tpg_future_ops(act, PG_GETARG_DATUM(0), &nops);
	if (nops == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("await_any needs at least one future"),
				 errhint("It would wait for ever.")));
	return tpg_future_make(act, ops[tpg_op_await_any(act, ops, nops, duration_arg(fcinfo, 1, "timeout"))]);
}

Datum
tpg_sql_is_done(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("is_done");

	tpg_arg_required(fcinfo, 0, "future");
	PG_RETURN_BOOL(tpg_op_is_done(act, tpg_future_op(act, PG_GETARG_DATUM(0))));
}

/* ---------- the next run ---------- */

static char *
optional_id(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *value;

	if (PG_ARGISNULL(n))
		return NULL;
	value = text_to_cstring(PG_GETARG_TEXT_PP(n));
	tpg_id_check(value, what);
	return value;
}

/* (input, workflow_type, task_queue, run_timeout, task_timeout, retry_policy, memo, search_attributes, cron_schedule, initial_versioning_behavior) */
Datum
tpg_sql_continue_as_new(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("continue_as_new");
	TpgNextRun	next = {0};

	next.input = PG_ARGISNULL(0) ? NULL : tpg_any_arg_to_jsonb(fcinfo, 0);
	tpg_payload_check(next.input, "workflow input");
	next.workflow_type = optional_id(fcinfo, 1, "workflow type");
	next.task_queue = optional_id(fcinfo, 2, "task queue");
	next.run_timeout_us = duration_arg(fcinfo, 3, "run_timeout");
	next.task_timeout_us = duration_arg(fcinfo, 4, "task_timeout");
	if (!PG_ARGISNULL(5))
		next.retry_policy = tpg_retry_policy_to_jsonb(tpg_retry_policy_from_datum(PG_GETARG_DATUM(5)));
	next.memo = PG_ARGISNULL(6) ? NULL : PG_GETARG_JSONB_P(6);
	if (next.memo != NULL)
		tpg_memo_check(next.memo);
	next.search_attributes = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	if (!PG_ARGISNULL(8))
	{
		next.cron_schedule = text_to_cstring(PG_GETARG_TEXT_PP(8));
		tpg_id_check(next.cron_schedule, "cron schedule");
		tpg_cron_check(next.cron_schedule);
	}
	if (!PG_ARGISNULL(9))
	{
		char	   *behavior = text_to_cstring(PG_GETARG_TEXT_PP(9));

		next.upgrade = strcmp(behavior, "auto_upgrade") == 0;
		if (!next.upgrade && strcmp(behavior, "pinned") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid initial_versioning_behavior: \"%s\"", behavior),
					 errhint("Possible are auto_upgrade and pinned.")));
	}
	tpg_continue_as_new(act, &next);
}
