/*-------------------------------------------------------------------------
 * children.c
 *	  SQL-callable: child workflows, in workflow code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "api/args.h"
#include "api/client.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/cron.h"
#include "runtime/await.h"
#include "runtime/children.h"
#include "runtime/externals.h"

PG_FUNCTION_INFO_V1(tpg_sql_execute_child_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_start_child_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_child_execution);
PG_FUNCTION_INFO_V1(tpg_sql_signal_child);

/* A word of ours, and Temporal's or our own value for it. */
typedef struct Choice
{
	const char *word;
	const char *proto;
	int			value;
} Choice;

static const Choice close_policies[] = {
	{"terminate", "PARENT_CLOSE_POLICY_TERMINATE", 0},
	{"abandon", "PARENT_CLOSE_POLICY_ABANDON", 0},
	{"request_cancel", "PARENT_CLOSE_POLICY_REQUEST_CANCEL", 0},
	{NULL}
};
static const Choice reuse_policies[] = {
	{"allow_duplicate", "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE", 0},
	{"allow_duplicate_failed_only", "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY", 0},
	{"reject_duplicate", "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE", 0},
	{NULL}
};
static const Choice cancellations[] = {
	{"wait_cancellation_completed", NULL, TPG_CANCELLATION_WAIT_COMPLETED},
	{"wait_cancellation_requested", NULL, TPG_CANCELLATION_WAIT_REQUESTED},
	{"try_cancel", NULL, TPG_CANCELLATION_TRY},
	{"abandon", NULL, TPG_CANCELLATION_ABANDON},
	{NULL}
};

/* The first one when the argument is NULL. */
static const Choice *
choice_arg(FunctionCallInfo fcinfo, int n, const char *what, const Choice *choices)
{
	char	   *word = tpg_arg_text(fcinfo, n);
	StringInfoData list;

	if (word == NULL)
		return choices;
	initStringInfo(&list);
	for (const Choice *c = choices; c->word != NULL; c++)
	{
		if (strcmp(c->word, word) == 0)
			return c;
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", c->word);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s \"%s\"", what, word),
			 errhint("It is one of %s.", list.data)));
}

static const char *
id_arg(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *value = tpg_arg_text(fcinfo, n);

	if (value != NULL)
		tpg_id_check(value, what);
	return value;
}

static int64
duration_arg(FunctionCallInfo fcinfo, int n, const char *what)
{
	return PG_ARGISNULL(n) ? -1 : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(n), what);
}

/*
 * (workflow_type, input, id, task_queue, execution_timeout, run_timeout, task_timeout, parent_close_policy,
 * cancellation_type, id_reuse_policy, retry_policy, cron_schedule, memo, search_attributes, summary, priority_key, fairness_key,
 * fairness_weight)
 */
static TpgOp *
start_child(FunctionCallInfo fcinfo, TpgActivation *act)
{
	TpgChildOptions o = {0};
	char	   *type = tpg_arg_text(fcinfo, 0);
	char	   *summary = tpg_arg_text(fcinfo, 14);

	tpg_id_check(type, "workflow type");
	o.type = type;
	o.input = PG_ARGISNULL(1) ? NULL : tpg_any_arg_to_jsonb(fcinfo, 1);
	tpg_payload_check(o.input, "workflow input");
	o.id = id_arg(fcinfo, 2, "workflow id");
	o.task_queue = id_arg(fcinfo, 3, "task queue");
	o.execution_timeout_us = duration_arg(fcinfo, 4, "execution_timeout");
	o.run_timeout_us = duration_arg(fcinfo, 5, "run_timeout");
	o.task_timeout_us = duration_arg(fcinfo, 6, "task_timeout");
	o.parent_close_policy = choice_arg(fcinfo, 7, "parent_close_policy", close_policies)->proto;
	o.cancellation = (TpgCancellation) choice_arg(fcinfo, 8, "cancellation_type", cancellations)->value;
	if (!PG_ARGISNULL(9))
		o.id_reuse_policy = choice_arg(fcinfo, 9, "id_reuse_policy", reuse_policies)->proto;
	if (!PG_ARGISNULL(10))
		o.retry_policy = tpg_retry_policy_from_datum(PG_GETARG_DATUM(10));
	o.cron_schedule = id_arg(fcinfo, 11, "cron schedule");
	if (o.cron_schedule != NULL)
		tpg_cron_check(o.cron_schedule);
	o.memo = tpg_arg_jsonb(fcinfo, 12);
	if (o.memo != NULL)
		tpg_memo_check(o.memo);
	o.search_attributes = tpg_arg_jsonb(fcinfo, 13);
	if (summary != NULL)
		tpg_size_check(strlen(summary), tpg_guc_max_summary_size, "summary", "temporal_pg.max_summary_size");
	o.summary = summary;
	o.priority = tpg_arg_priority(fcinfo, 15, 16);
	return tpg_op_start_child(act, &o);
}

Datum
tpg_sql_execute_child_workflow(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("execute_child_workflow");

	PG_RETURN_JSONB_P(tpg_json_copy(tpg_op_await(act, start_child(fcinfo, act), -1)));
}

Datum
tpg_sql_start_child_workflow(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_child_workflow");

	return tpg_future_make(act, start_child(fcinfo, act));
}

static TpgOp *
child_arg(FunctionCallInfo fcinfo, TpgActivation *act)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("child must not be null")));
	return tpg_future_child(act, PG_GETARG_DATUM(0));
}

/* child_execution(future) */
Datum
tpg_sql_child_execution(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("child_execution");
	const char *workflow_id;
	const char *run_id;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tpg_child_await_start(act, child_arg(fcinfo, act), &workflow_id, &run_id);
	values[0] = CStringGetTextDatum(workflow_id);
	values[1] = DirectFunctionCall1(uuid_in, CStringGetDatum(run_id));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

/* signal(child, signal_name, input) */
Datum
tpg_sql_signal_child(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("signal");
	TpgOp	   *child = child_arg(fcinfo, act);
	char	   *name = tpg_arg_text(fcinfo, 1);
	Jsonb	   *input = tpg_arg_jsonb(fcinfo, 2);

	tpg_id_check(name, "signal name");
	tpg_payload_check(input, "signal input");
	tpg_external_signal_child(act, child, name, input);
	PG_RETURN_VOID();
}
