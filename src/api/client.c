/*-------------------------------------------------------------------------
 * client.c
 *	  SQL-callable: starting runs, waiting for them, ending them.
 *
 * Argument checks, then one engine call in the caller's transaction.  The CALL
 * forms of waiting commit first and hold no snapshot while they wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "api/args.h"
#include "api/client.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/close.h"
#include "engine/start.h"
#include "engine/testenv.h"
#include "ipc/shmem.h"
#include "ipc/waiters.h"
#include "model/cron.h"
#include "model/failure.h"
#include "runtime/activation.h"
#include "store/history.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_start_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_start_workflow_execution);
PG_FUNCTION_INFO_V1(tpg_sql_execute_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_result);
PG_FUNCTION_INFO_V1(tpg_sql_await_result);
PG_FUNCTION_INFO_V1(tpg_sql_terminate);

/* ---------- arguments ---------- */

static int64
interval_arg(FunctionCallInfo fcinfo, int n, const char *what, int64 dflt)
{
	return PG_ARGISNULL(n) ? dflt : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(n), what);
}

void
tpg_memo_check(const Jsonb *memo)
{
	if (!tpg_json_is_object(memo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("memo must be a JSON object"),
				 errhint("For example '{\"note\": \"by phone\"}'.")));
	tpg_size_check(VARSIZE(memo), tpg_guc_max_memo_size, "memo", "temporal_pg.max_memo_size");
}

void
tpg_not_in_workflow(const char *what, const char *hint)
{
	if (tpg_current_activation != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() cannot be called by workflow code", what),
				 errhint("%s", hint)));
}

void
tpg_not_read_only(const char *what)
{
	PreventCommandIfReadOnly(psprintf("temporal.%s()", what));
}

void
tpg_outside_to_write(const char *what)
{
	tpg_not_in_workflow(what, "Call it in an activity or a client session.");
	tpg_not_read_only(what);
}

const char *
tpg_client_identity(void)
{
	return GetUserNameFromId(GetUserId(), false);
}

static void
bad_choice(const char *what, const char *value, const char *choices)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s \"%s\"", what, value),
			 errhint("It is one of %s.", choices)));
}

static void
null_choice(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", what)));
}

static void
parse_policies(const char *reuse, const char *conflict, TpgStartRequest *r)
{
	if (reuse == NULL)
		null_choice("id_reuse_policy");
	if (conflict == NULL)
		null_choice("id_conflict_policy");

	if (strcmp(conflict, "fail") == 0)
		r->conflict_policy = TPG_CONFLICT_FAIL;
	else if (strcmp(conflict, "use_existing") == 0)
		r->conflict_policy = TPG_CONFLICT_USE_EXISTING;
	else if (strcmp(conflict, "terminate_existing") == 0)
		r->conflict_policy = TPG_CONFLICT_TERMINATE_EXISTING;
	else
		bad_choice("id_conflict_policy", conflict, "fail, use_existing, terminate_existing");

	if (strcmp(reuse, "allow_duplicate") == 0)
		r->reuse_policy = TPG_REUSE_ALLOW_DUPLICATE;
	else if (strcmp(reuse, "allow_duplicate_failed_only") == 0)
		r->reuse_policy = TPG_REUSE_ALLOW_DUPLICATE_FAILED_ONLY;
	else if (strcmp(reuse, "reject_duplicate") == 0)
		r->reuse_policy = TPG_REUSE_REJECT_DUPLICATE;
	else
		bad_choice("id_reuse_policy", reuse, "allow_duplicate, allow_duplicate_failed_only, reject_duplicate");

	/* */
	if (r->conflict_policy == TPG_CONFLICT_TERMINATE_EXISTING && r->reuse_policy == TPG_REUSE_REJECT_DUPLICATE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("id_conflict_policy \"terminate_existing\" and id_reuse_policy \"reject_duplicate\" exclude each other"),
				 errhint("A terminated run is a used id: allow duplicates, or let the start fail.")));
}

/* Argument 0, the type, and from `first` on the others of start_workflow, in order. */
#define START_NARGS 18

void
tpg_start_from_args(FunctionCallInfo fcinfo, const char *function, int first, TpgStartResult *result)
{
	TpgStartRequest r = {0};

	tpg_not_in_workflow(function, "Call it in an activity.");
	tpg_not_read_only(function);
	/* nothing would run it */
	tpg_require_preload();
	r.workflow_type = tpg_arg_text(fcinfo, 0);
	tpg_id_check(r.workflow_type, "workflow type");
	r.input = tpg_arg_jsonb(fcinfo, first + 0);
	tpg_payload_check(r.input, "workflow input");
	r.workflow_id = tpg_arg_text(fcinfo, first + 1);
	if (r.workflow_id != NULL)
		tpg_id_check(r.workflow_id, "workflow id");
	r.task_queue = tpg_arg_text(fcinfo, first + 2);
	if (r.task_queue != NULL)
		tpg_id_check(r.task_queue, "task queue");
	r.execution_timeout_us = interval_arg(fcinfo, first + 3, "execution_timeout", 0);
	r.run_timeout_us = interval_arg(fcinfo, first + 4, "run_timeout", 0);
	r.task_timeout_us = interval_arg(fcinfo, first + 5, "task_timeout", 0);
	parse_policies(tpg_arg_text(fcinfo, first + 6), tpg_arg_text(fcinfo, first + 7), &r);
	if (!PG_ARGISNULL(first + 8))
		r.retry_policy = tpg_retry_policy_from_datum(PG_GETARG_DATUM(first + 8));
	r.cron_schedule = tpg_arg_text(fcinfo, first + 9);
	if (r.cron_schedule != NULL)
	{
		tpg_id_check(r.cron_schedule, "cron schedule");
		tpg_cron_check(r.cron_schedule);
	}
	r.start_delay_us = interval_arg(fcinfo, first + 10, "start_delay", 0);
	if (r.cron_schedule != NULL && r.start_delay_us > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cron_schedule and start_delay exclude each other"),
				 errhint("A cron workflow starts at the first match of its schedule.")));
	r.memo = tpg_arg_jsonb(fcinfo, first + 11);
	if (r.memo != NULL)
		tpg_memo_check(r.memo);
	r.search_attributes = tpg_arg_jsonb(fcinfo, first + 12);
	r.static_summary = tpg_arg_text(fcinfo, first + 13);
	if (r.static_summary != NULL)
		tpg_size_check(strlen(r.static_summary), tpg_guc_max_summary_size, "static_summary", "temporal_pg.max_summary_size");
	r.static_details = tpg_arg_text(fcinfo, first + 14);
	if (r.static_details != NULL)
		tpg_size_check(strlen(r.static_details), tpg_guc_max_details_size, "static_details", "temporal_pg.max_details_size");
	/* execute_workflow has two arguments of its own before them */
	r.priority = tpg_arg_priority(fcinfo, first + 15, first + (strcmp(function, "execute_workflow") == 0 ? 19 : 17));
	r.request_id = tpg_arg_text(fcinfo, first + 16);
	tpg_id_check_optional(r.request_id, "request id");
	r.identity = tpg_client_identity();
	r.namespace_id = tpg_namespace_current_for_write();
	tpg_access_require(r.namespace_id, TPG_ACCESS_CLIENT);
	tpg_engine_start(&r, result);
}

Datum
tpg_sql_start_workflow(PG_FUNCTION_ARGS)
{
	TpgStartResult result;

	tpg_start_from_args(fcinfo, "start_workflow", 1, &result);
	PG_RETURN_TEXT_P(cstring_to_text(result.workflow_id));
}

Datum
tpg_sql_start_workflow_execution(PG_FUNCTION_ARGS)
{
	TpgStartResult result;
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	tpg_start_from_args(fcinfo, "start_workflow_execution", 1, &result);
	values[0] = CStringGetTextDatum(result.workflow_id);
	values[1] = UUIDPGetDatum(&result.run_id);
	values[2] = BoolGetDatum(result.started);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

/* ---------- finding a run ---------- */

void
tpg_run_not_found(const char *workflow_id, const pg_uuid_t *run_id)
{
	ereport(ERROR,
			(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
			 run_id ? errmsg("workflow \"%s\" has no run %s", workflow_id, tpg_uuid_to_text(run_id)) :
			 errmsg("workflow \"%s\" does not exist", workflow_id),
			 errdetail("In namespace \"%s\".", tpg_guc_namespace),
			 errhint("See temporal.workflow for the workflows that you may see; closed ones are deleted after the namespace's retention.")));
}

static TpgExecution *
find_run(const char *workflow_id, const pg_uuid_t *run_id, int level, bool missing_ok)
{
	int32		namespace_id = tpg_namespace_current();
	TpgExecution *exec = NULL;

	tpg_id_check(workflow_id, "workflow id");
	/* the default namespace before its first use is empty */
	if (namespace_id != 0)
	{
		tpg_access_require(namespace_id, level);
		exec = tpg_execution_find(namespace_id, workflow_id, run_id);
	}
	if (exec == NULL && !missing_ok)
		tpg_run_not_found(workflow_id, run_id);
	return exec;
}

TpgExecution *
tpg_run_required(const char *workflow_id, const pg_uuid_t *run_id, int level)
{
	return find_run(workflow_id, run_id, level, false);
}

TpgExecution *
tpg_find_run(const char *workflow_id, const pg_uuid_t *run_id, bool missing_ok)
{
	return find_run(workflow_id, run_id, TPG_ACCESS_CLIENT, missing_ok);
}

/* ---------- results ---------- */

/* Who does not want to follow is told where it goes on (I-02). */
static void
continued_as_new(const TpgExecution *exec, const TpgEvent *event)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "workflow_id", exec->workflow_id);
	tpg_json_add_text(b, "run_id", tpg_json_get_text(event->attributes, "newExecutionRunId"));
	ereport(ERROR,
			(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
			 errmsg("workflow \"%s\" has continued as new", exec->workflow_id),
			 errdetail_internal("%s", tpg_json_to_text(tpg_json_finish(b))),
			 errhint("DETAIL names the run in which it goes on; with follow_runs => true its result is waited for.")));
}

/* What a closed run gave: its result, or the error that ended it. */
static Jsonb *
outcome_of_run(const TpgExecution *exec)
{
	TpgEvent	event;
	Jsonb	   *failure;
	Jsonb	   *result;

	if (!tpg_history_event(exec->key, exec->next_event_id - 1, &event))
		elog(ERROR, "workflow \"%s\" has lost its last event", exec->workflow_id);
	switch (event.type)
	{
		case TPG_EVENT_WORKFLOW_EXECUTION_COMPLETED:
			result = tpg_json_get_raw(event.attributes, "result");
			return result ? result : tpg_json_null();
		case TPG_EVENT_WORKFLOW_EXECUTION_FAILED:
			failure = tpg_json_get(event.attributes, "failure");
			ereport(ERROR,
					(errcode(TPG_ERR_WORKFLOW_EXECUTION_FAILED),
					 errmsg("workflow \"%s\" failed: %s", exec->workflow_id, tpg_failure_message(failure)),
					 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_TERMINATED:
			failure = tpg_failure_terminated(tpg_json_get_text(event.attributes, "reason"));
			ereport(ERROR,
					(errcode(TPG_ERR_TERMINATED_FAILURE),
					 errmsg("workflow \"%s\" was terminated%s%s", exec->workflow_id,
							tpg_json_get_text(event.attributes, "reason") ? ": " : "",
							tpg_json_get_text(event.attributes, "reason") ? tpg_json_get_text(event.attributes, "reason") : ""),
					 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_TIMED_OUT:
			failure = tpg_failure_workflow_timeout();
			ereport(ERROR,
					(errcode(TPG_ERR_TIMEOUT_FAILURE),
					 errmsg("workflow \"%s\" timed out", exec->workflow_id),
					 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_CANCELED:
			failure = tpg_failure_canceled("workflow was cancelled", tpg_json_get(event.attributes, "details"));
			ereport(ERROR,
					(errcode(TPG_ERR_CANCELLED_FAILURE),
					 errmsg("workflow \"%s\" was cancelled", exec->workflow_id),
					 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
			continued_as_new(exec, &event);
			break;
		default:
			elog(ERROR, "workflow \"%s\" is closed by event %s", exec->workflow_id, tpg_event_type_name(event.type));
	}
	return NULL;
}

/* Has a closed run been followed by another: continued as new, retried, by cron? */
static bool
next_run_id(const TpgExecution *exec, pg_uuid_t *run_id)
{
	TpgEvent	event;
	char	   *id;

	if (!tpg_history_event(exec->key, exec->next_event_id - 1, &event))
		elog(ERROR, "workflow \"%s\" has lost its last event", exec->workflow_id);
	id = tpg_json_get_text(event.attributes, "newExecutionRunId");
	if (id == NULL)
		return false;
	*run_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(id)));
	return true;
}

static int64
key_of_run(int32 namespace_id, const char *workflow_id, const pg_uuid_t *run_id)
{
	TpgExecution *exec = tpg_execution_find(namespace_id, workflow_id, run_id);

	if (exec == NULL)
		tpg_run_not_found(workflow_id, run_id);
	return exec->key;
}

/*
 * Waits until the run, or with `follow` the last of those that follow it, is
 * closed.  nonatomic: the caller's transaction may be, and is, committed before
 * each sleep, so that no snapshot and no lock is held.  Memory of one look is
 * freed before the next.
 */
static TpgExecution *
wait_closed(const TpgExecution *first, int64 timeout_us, bool follow, bool nonatomic)
{
	TimestampTz deadline = timeout_us < 0 ? DT_NOEND : GetCurrentTimestamp() + timeout_us;
	int32		namespace_id = first->namespace_id;
	char	   *workflow_id = MemoryContextStrdup(CurrentMemoryContext, first->workflow_id);
	pg_uuid_t	run_id = first->run_id;
	int64		key = first->key;
	TpgExecution *exec;

	for (;;)
	{
		long		ms = -1;

		tpg_waiter_prepare(key);
		exec = tpg_execution_find(namespace_id, workflow_id, &run_id);
		if (exec == NULL)
		{
			tpg_waiter_cancel();
			tpg_run_not_found(workflow_id, &run_id);
		}
		if (!tpg_status_is_open(exec->status))
		{
			if (!follow || !next_run_id(exec, &run_id))
				break;
			/* goes on in another run (I-02) */
			tpg_waiter_cancel();
			key = key_of_run(namespace_id, workflow_id, &run_id);
			continue;
		}
		if (tpg_engine_started_here(key))
		{
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WAITING_FOR_OWN_TRANSACTION),
					 errmsg("workflow \"%s\" was started by this transaction and cannot run before it commits", workflow_id),
					 errhint("COMMIT first, or use CALL temporal.execute_workflow().")));
		}
		pfree(exec);
		if (nonatomic)
			SPI_commit();
		if (!TIMESTAMP_NOT_FINITE(deadline))
		{
			ms = (long) ((deadline - GetCurrentTimestamp() + 999) / 1000);
			ms = Max(ms, 0);
		}
		/* an error while it sleeps: the abort takes us off the list */
		if (ms == 0 || tpg_waiter_sleep(key, ms))
		{
			/* a last look: it may have closed just now */
			exec = tpg_execution_find(namespace_id, workflow_id, &run_id);
			if (exec != NULL && !tpg_status_is_open(exec->status) && !(follow && next_run_id(exec, &run_id)))
				break;
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WAIT_TIMEOUT),
					 errmsg("workflow \"%s\" has not closed in time", workflow_id),
					 errdetail("It is still open after waiting %s.", tpg_duration_to_text(timeout_us)),
					 errhint("SELECT * FROM temporal.explain('%s') tells what it waits for.", workflow_id)));
		}
	}
	tpg_waiter_cancel();
	return exec;
}

Datum
tpg_sql_result(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	int64		timeout_us = interval_arg(fcinfo, 2, "timeout", -1);

	tpg_not_in_workflow("result", "Call it in an activity or a client.");
	if (PG_ARGISNULL(3))
		null_choice("follow_runs");
	PG_RETURN_JSONB_P(outcome_of_run(wait_closed(tpg_find_run(workflow_id, run_id, false), timeout_us, PG_GETARG_BOOL(3), false)));
}

/* ---------- CALL forms ---------- */

void
tpg_require_nonatomic(FunctionCallInfo fcinfo, const char *what)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("temporal.%s() commits and cannot be called in a transaction block", what),
				 errhint("Call it outside of a transaction block, or use the functions that do its steps, with COMMIT in between.")));
}

/* The one INOUT argument as the procedure's result. */
Datum
tpg_call_result(FunctionCallInfo fcinfo, Jsonb *result)
{
	TupleDesc	tupdesc;
	Datum		values[1] = {JsonbPGetDatum(result)};
	bool		nulls[1] = {false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* Waits with commits in between; the result is in the context in force at the call. */
static Jsonb *
call_wait(const TpgExecution *exec, int64 timeout_us, MemoryContext context)
{
	Jsonb	   *result;
	MemoryContext old;

	exec = wait_closed(exec, timeout_us, true, true);
	result = outcome_of_run(exec);
	old = MemoryContextSwitchTo(context);
	result = tpg_json_copy(result);
	MemoryContextSwitchTo(old);
	return result;
}

Datum
tpg_sql_execute_workflow(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	int64		timeout_us = interval_arg(fcinfo, START_NARGS, "wait_timeout", -1);
	TpgStartResult started;
	Jsonb	   *result;

	tpg_require_nonatomic(fcinfo, "execute_workflow");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	tpg_start_from_args(fcinfo, "execute_workflow", 1, &started);
	SPI_commit();
	MemoryContextSwitchTo(context);
	result = call_wait(tpg_find_run(started.workflow_id, &started.run_id, false), timeout_us, context);
	SPI_finish();
	return tpg_call_result(fcinfo, result);
}

Datum
tpg_sql_await_result(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	int64		timeout_us = interval_arg(fcinfo, 2, "wait_timeout", -1);
	Jsonb	   *result;

	tpg_require_nonatomic(fcinfo, "await_result");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	result = call_wait(tpg_find_run(workflow_id, run_id, false), timeout_us, context);
	SPI_finish();
	return tpg_call_result(fcinfo, result);
}

/* ---------- ending ---------- */

Datum
tpg_sql_terminate(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	char	   *reason = tpg_arg_text(fcinfo, 1);
	Jsonb	   *details = tpg_arg_jsonb(fcinfo, 2);
	pg_uuid_t  *run_id = PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3);
	TpgExecution *exec;

	tpg_not_in_workflow("terminate", "Call it in an activity.");
	tpg_not_read_only("terminate");
	exec = tpg_find_run(workflow_id, run_id, false);
	tpg_payload_check(details, "details");
	if (reason != NULL)
		tpg_size_check(strlen(reason), tpg_guc_max_payload_size, "reason", "temporal_pg.max_payload_size");
	while (!tpg_status_is_open(exec->status) || !tpg_engine_terminate(exec, reason, details, tpg_client_identity()))
	{
		int64		key = exec->key;

		/* without a run id it is the latest one that is meant, which it may just have continued as */
		if (run_id == NULL)
			exec = tpg_find_run(workflow_id, NULL, false);
		if (exec->key != key)
			continue;
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
				 errmsg("workflow \"%s\" is already closed", exec->workflow_id),
				 errdetail("Run %s.", tpg_uuid_to_text(&exec->run_id)),
				 errhint("See its status with temporal.describe('%s').", exec->workflow_id)));
	}
	PG_RETURN_VOID();
}
