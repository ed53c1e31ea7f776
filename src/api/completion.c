/*-------------------------------------------------------------------------
 *
 * completion.c
 *	  SQL-callable: ending an activity attempt from outside of it, and keeping it open for that.
 *
 * Each of the four has two forms: by task token, which names one attempt, and by
 * workflow id, run id and activity id, which mean the present attempt.  What they
 * do takes effect with the caller's transaction.
 *
 * Promised in the COMMENTs of sql/again/38_activities.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/client.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/openattempt.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "model/failure_check.h"
#include "runtime/attempt.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_complete_async);
PG_FUNCTION_INFO_V1(tpg_sql_complete_activity);
PG_FUNCTION_INFO_V1(tpg_sql_complete_activity_by_id);
PG_FUNCTION_INFO_V1(tpg_sql_fail_activity);
PG_FUNCTION_INFO_V1(tpg_sql_fail_activity_by_id);
PG_FUNCTION_INFO_V1(tpg_sql_heartbeat_activity);
PG_FUNCTION_INFO_V1(tpg_sql_heartbeat_activity_by_id);
PG_FUNCTION_INFO_V1(tpg_sql_report_activity_cancelled);
PG_FUNCTION_INFO_V1(tpg_sql_report_activity_cancelled_by_id);

/* The attempt that the first arguments name, and where the others begin. */
typedef struct Named
{
	TpgActivityTask *task;
	Jsonb	   *payload;		/* the last argument; may be NULL */
} Named;

Datum
tpg_sql_complete_async(PG_FUNCTION_ARGS)
{
	tpg_attempt_stay_open();
	PG_RETURN_VOID();
}

static void
not_found(const TpgAttemptName *name)
{
	ereport(ERROR,
			(errcode(TPG_ERR_ACTIVITY_NOT_FOUND),
			 name->token ? errmsg("activity attempt not found") :
			 errmsg("activity \"%s\" of workflow \"%s\" not found", name->activity_id, name->exec->workflow_id),
			 name->token ? errdetail("It has ended, been tried again, timed out, or its workflow has closed.") :
			 errdetail("It has ended or was never scheduled, or the run has closed."),
			 errhint("SELECT * FROM temporal.pending_activity shows the activities that are pending.")));
}

static void
refuse_own(const char *what)
{
	ereport(ERROR,
			(errcode(TPG_ERR_WRONG_CONTEXT),
			 errmsg("an activity cannot call temporal.%s() for its own attempt", what),
			 errhint("Return the result, raise the failure, or call temporal.heartbeat(); temporal.complete_async() leaves the end to another transaction.")));
}

static Named
find(const TpgAttemptName *name, const char *what, const Jsonb *payload, TpgAttemptFind attempt)
{
	const TpgAttemptInfo *own = tpg_current_attempt;
	Named		n = {.payload = (Jsonb *) payload};

	/* which may not be recorded yet */
	if (own != NULL && name->token != NULL && strcmp(name->token, tpg_engine_attempt_token(own->task, own->started_at)) == 0)
		refuse_own(what);
	n.task = tpg_engine_attempt_find(name, attempt);
	if (n.task == NULL)
		not_found(name);
	tpg_access_require(n.task->namespace_id, TPG_ACCESS_CLIENT);
	if (own != NULL && own->task->execution_key == n.task->execution_key && own->task->scheduled_event_id == n.task->scheduled_event_id)
		refuse_own(what);
	return n;
}

/* (task_token, payload) */
static Named
by_token(FunctionCallInfo fcinfo, const char *what, const char *payload_name, TpgAttemptFind attempt)
{
	TpgAttemptName name = {.token = tpg_arg_required_text(fcinfo, 0, "task token")};
	Jsonb	   *payload = tpg_arg_jsonb(fcinfo, 1);

	tpg_not_in_workflow(what, "An activity or a client session can call it.");
	tpg_not_read_only(what);
	tpg_payload_check(payload, payload_name);
	return find(&name, what, payload, attempt);
}

/* (workflow_id, run_id, activity_id, payload) */
static Named
by_id(FunctionCallInfo fcinfo, const char *what, const char *payload_name, TpgAttemptFind attempt)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	TpgAttemptName name = {.activity_id = tpg_arg_text(fcinfo, 2)};
	Jsonb	   *payload = tpg_arg_jsonb(fcinfo, 3);

	tpg_not_in_workflow(what, "An activity or a client session can call it.");
	tpg_not_read_only(what);
	tpg_id_check(workflow_id, "workflow id");
	tpg_id_check(name.activity_id, "activity id");
	tpg_payload_check(payload, payload_name);
	name.exec = tpg_find_run(workflow_id, run_id, false);
	return find(&name, what, payload, attempt);
}

/* The row was locked when the run closed, and what we do about it is rolled back with the error. */
static void
run_closed(void)
{
	tpg_wake_lost();
	ereport(ERROR,
			(errcode(TPG_ERR_ACTIVITY_NOT_FOUND),
			 errmsg("activity attempt not found"),
			 errdetail("Its workflow has closed.")));
}

/* Ends it; one that was not recorded as started is ended as if it had begun now (by id only). */
static void
end_attempt(const Named *n, TpgAttemptEnd end, Jsonb *result, Jsonb *failure)
{
	TpgAttempt	a = {.end = end, .result = result, .failure = failure};

	a.ended_at = tpg_clock_now();
	a.started_at = tpg_activity_is_open(n->task) ? n->task->started_at : a.ended_at;
	a.identity = n->task->worker_identity ? n->task->worker_identity : tpg_client_identity();
	if (!tpg_engine_attempt_end(n->task, &a))
		run_closed();
}

static void
complete(const Named *n)
{
	end_attempt(n, TPG_ATTEMPT_COMPLETED, n->payload ? n->payload : tpg_json_null(), NULL);
}

Datum
tpg_sql_complete_activity(PG_FUNCTION_ARGS)
{
	Named		n = by_token(fcinfo, "complete_activity", "result", TPG_FIND_TO_COMPLETE);

	complete(&n);
	PG_RETURN_VOID();
}

Datum
tpg_sql_complete_activity_by_id(PG_FUNCTION_ARGS)
{
	Named		n = by_id(fcinfo, "complete_activity", "result", TPG_FIND_TO_COMPLETE);

	complete(&n);
	PG_RETURN_VOID();
}

/* What a caller may give: an object of the form that SQL code sees, or only its message. */
static void
fail(const Named *n)
{
	Jsonb	   *failure;

	if (n->payload == NULL || tpg_json_is_null(n->payload))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("failure must not be null")));
	if (tpg_json_is_object(n->payload))
	{
		tpg_failure_check(n->payload);
		failure = tpg_failure_from_detail(n->payload, "activity failed", NULL);
	}
	else if (tpg_json_is_string(n->payload))
		failure = tpg_failure_application(tpg_json_scalar_text(n->payload), NULL, NULL, false, -1, NULL, NULL, NULL);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("failure must be an object or a string, its message"),
				 errdetail("It is %.100s.", tpg_json_to_text(n->payload)),
				 errhint("For example '{\"message\": \"card declined\", \"type\": \"CardDeclined\", \"non_retryable\": true}'.")));
	end_attempt(n, TPG_ATTEMPT_FAILED, NULL, failure);
}

Datum
tpg_sql_fail_activity(PG_FUNCTION_ARGS)
{
	Named		n = by_token(fcinfo, "fail_activity", "failure", TPG_FIND_TO_END);

	fail(&n);
	PG_RETURN_VOID();
}

Datum
tpg_sql_fail_activity_by_id(PG_FUNCTION_ARGS)
{
	Named		n = by_id(fcinfo, "fail_activity", "failure", TPG_FIND_TO_END);

	fail(&n);
	PG_RETURN_VOID();
}

static bool
heartbeat(const Named *n)
{
	bool		cancelled = false;

	if (!tpg_activity_is_open(n->task))
		ereport(ERROR,
				(errcode(TPG_ERR_ACTIVITY_NOT_FOUND),
				 errmsg("activity \"%s\" has no attempt that is open", n->task->activity_id),
				 errdetail("It waits for its next attempt.")));
	if (!tpg_engine_attempt_heartbeat(n->task, n->payload, &cancelled))
		run_closed();
	return cancelled;
}

Datum
tpg_sql_heartbeat_activity(PG_FUNCTION_ARGS)
{
	Named		n = by_token(fcinfo, "heartbeat_activity", "details", TPG_FIND_TO_HEARTBEAT);

	PG_RETURN_BOOL(heartbeat(&n));
}

Datum
tpg_sql_heartbeat_activity_by_id(PG_FUNCTION_ARGS)
{
	Named		n = by_id(fcinfo, "heartbeat_activity", "details", TPG_FIND_TO_HEARTBEAT);

	PG_RETURN_BOOL(heartbeat(&n));
}

static void
report_cancelled(const Named *n)
{
	TpgExecution *exec = tpg_execution_by_key(n->task->execution_key);

	/* D-21 */
	if (exec != NULL && !tpg_engine_attempt_cancelled(n->task, exec))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cancellation of activity \"%s\" was not requested", n->task->activity_id),
				 errhint("Its workflow requests it; temporal.heartbeat_activity() tells when it has. Use temporal.fail_activity() to give up otherwise.")));
	end_attempt(n, TPG_ATTEMPT_CANCELED, n->payload, NULL);
}

Datum
tpg_sql_report_activity_cancelled(PG_FUNCTION_ARGS)
{
	Named		n = by_token(fcinfo, "report_activity_cancelled", "details", TPG_FIND_TO_END);

	report_cancelled(&n);
	PG_RETURN_VOID();
}

Datum
tpg_sql_report_activity_cancelled_by_id(PG_FUNCTION_ARGS)
{
	Named		n = by_id(fcinfo, "report_activity_cancelled", "details", TPG_FIND_TO_END);

	report_cancelled(&n);
	PG_RETURN_VOID();
}
