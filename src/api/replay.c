/*-------------------------------------------------------------------------
 * replay.c
 *	  SQL-callable: workflow code run over a history in the caller's backend.
 *
 * Nothing is written and nothing is locked: the code runs as its owner in a
 * read-only subtransaction that is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/replay.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/look.h"
#include "model/failure.h"
#include "runtime/await.h"
#include "runtime/blocked.h"
#include "runtime/ops.h"
#include "runtime/pass.h"
#include "runtime/updates.h"
#include "runtime/patches.h"
#include "runtime/waits.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_replay);
PG_FUNCTION_INFO_V1(tpg_sql_replay_history);
PG_FUNCTION_INFO_V1(tpg_sql_blocked_operations);

/* What the history ends with, if it is closed; else NULL. */
static const TpgEvent *
closing_event(const TpgRun *run)
{
	const TpgEvent *last = &run->events[run->nevents - 1];

	return tpg_event_type_is_closing(last->type) ? last : NULL;
}

/*
 * An update that a session did may bring the code to its end; it never closes the
 * run, an executor does, and until then history ends with the update's activation.
 */
static bool
ends_with_update(const TpgRun *run)
{
	for (int i = run->nevents - 1; i >= 0; i--)
		if (run->events[i].task_id != 0 && run->events[i].task_id <= run->exec->last_task_id)
			return tpg_updates_any_in_task(run, run->events[i].task_id);
	return false;
}

/*
 * Does what the code did agree with the end of history?  Raises what a workflow
 * task would fail with.  A workflow that fails as history says is no failure of
 * the replay (K-12).
 */
static void
check_end(TpgRun *run, const TpgPass *pass)
{
	const TpgEvent *closing = closing_event(run);
	const char *got = pass->kind == TPG_PASS_RETURNED ? "returned" : pass->kind == TPG_PASS_FAILED ? "failed" :
		pass->kind == TPG_PASS_CANCELED ? "ended as cancelled" :
		pass->kind == TPG_PASS_CONTINUED ? "continued as new" : "is waiting";
	bool		agrees;

	if (pass->kind == TPG_PASS_ERROR || pass->kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(pass->error);
	if (closing == NULL || closing->task_id == 0)
		agrees = pass->kind == TPG_PASS_SUSPENDED || closing != NULL || run->exec->wft_attempt > 1 || ends_with_update(run);
	else if (closing->type == TPG_EVENT_WORKFLOW_EXECUTION_COMPLETED)
		agrees = pass->kind == TPG_PASS_RETURNED;
	else if (closing->type == TPG_EVENT_WORKFLOW_EXECUTION_FAILED)
		agrees = pass->kind == TPG_PASS_FAILED;
	else if (closing->type == TPG_EVENT_WORKFLOW_EXECUTION_CANCELED)
		agrees = pass->kind == TPG_PASS_CANCELED;
	else if (closing->type == TPG_EVENT_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
		agrees = pass->kind == TPG_PASS_CONTINUED;
	else
		agrees = true;
	if (!agrees)
		ereport(ERROR,
				(errcode(TPG_ERR_NONDETERMINISM),
				 errmsg("workflow code does not match history %s %d", closing ? "at event" : "after event", run->nevents),
				 errdetail("History %s; the code %s%s%s.",
						   closing ? psprintf("has %s", tpg_event_type_name(closing->type)) : "goes on waiting", got,
						   pass->kind == TPG_PASS_FAILED ? ": " : "",
						   pass->kind == TPG_PASS_FAILED ? tpg_failure_message(pass->failure) : ""),
				 errhint("Code of running workflows must issue the same commands again.")));
}

/* Of a history from outside: has any of its code run?  If not, there is nothing to compare. */
static bool
has_begun(const TpgRun *run)
{
	for (int i = 1; i < run->nevents; i++)
		if (run->events[i].task_id != 0)
			return true;
	return false;
}

static void
not_in_workflow(void)
{
	if (tpg_current_activation != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.replay() cannot be called by workflow code"),
				 errhint("Call it in an activity or a client.")));
}

int
tpg_replay_run(TpgExecution *exec)
{
	TpgRun	   *run = tpg_run_look(exec, false);
	TpgPass		pass;

	/* a first activation that only began to wait has left no event, but is counted */
	if (exec->last_task_id > 0)
	{
		tpg_pass_run(run, tpg_definition_require(exec->namespace_id, exec->workflow_type, exec->version), false, NULL, NULL, &pass);
		check_end(run, &pass);
		tpg_pass_free(&pass);
	}
	return run->nevents;
}

/* replay(workflow_id, run_id): number of events replayed */
Datum
tpg_sql_replay(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	int32		namespace_id = tpg_namespace_current();
	TpgExecution *exec = NULL;

	tpg_id_check(workflow_id, "workflow id");
	not_in_workflow();
	if (namespace_id != 0)
	{
		tpg_access_require(namespace_id, TPG_ACCESS_CLIENT);
		exec = tpg_execution_find(namespace_id, workflow_id, run_id);
	}
	if (exec == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
				 errmsg("workflow \"%s\" does not exist", workflow_id),
				 errdetail("In namespace \"%s\".", tpg_guc_namespace),
				 errhint("See temporal.workflow for the workflows that you may see.")));
	PG_RETURN_INT32(tpg_replay_run(exec));
}

/* What is compared with commands of the code must be there: a history comes from outside. */
static bool
names_its_command(TpgEventType type, const Jsonb *attributes)
{
	switch (type)
	{
		case TPG_EVENT_ACTIVITY_TASK_SCHEDULED:
			return tpg_json_get_text(attributes, "activityId") != NULL &&
				tpg_json_get_text(tpg_json_get(attributes, "activityType"), "name") != NULL;
		case TPG_EVENT_TIMER_STARTED:
		case TPG_EVENT_TIMER_CANCELED:
			return tpg_json_get_text(attributes, "timerId") != NULL;
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			return tpg_json_get_text(attributes, "workflowId") != NULL &&
				tpg_json_get_text(tpg_json_get(attributes, "workflowType"), "name") != NULL;
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			return tpg_json_get_text(attributes, "signalName") != NULL &&
				tpg_json_get_text(tpg_json_get(attributes, "workflowExecution"), "workflowId") != NULL;
		case TPG_EVENT_MARKER_RECORDED:
			return tpg_json_get_text(attributes, "markerName") != NULL && !tpg_event_is_bad_patch(attributes);
		case TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED:
			return tpg_json_get_text(attributes, "signalName") != NULL;
		case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			return tpg_json_get_text(attributes, "protocolInstanceId") != NULL &&
				tpg_json_get_text(tpg_json_get(tpg_json_get(attributes, "acceptedRequest"), "input"), "name") != NULL;
		case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
			return tpg_json_get_text(tpg_json_get(attributes, "meta"), "updateId") != NULL;
		default:
			return true;
	}
}

/* An event of a history given as JSON: as temporal.history shows them, or Temporal's own export. */
static void
event_from_json(const Jsonb *json, int n, TpgEvent *e)
{
	char	   *type = tpg_json_get_text(json, "event_type");
	Jsonb	   *attributes = tpg_json_get(json, "attributes");
	char	   *time = tpg_json_get_text(json, "event_time");
	char	   *task_time = tpg_json_get_text(json, "task_time");

	memset(e, 0, sizeof(*e));
	e->event_id = (int32) tpg_json_get_int(json, "event_id", 0);
	e->task_id = (int32) tpg_json_get_int(json, "task_id", -1);
	e->type = type ? tpg_event_type_from_name(type) : 0;
	if (e->event_id != n + 1 || e->type == 0 || !tpg_json_is_object(attributes) || time == NULL || e->task_id < 0 ||
		(n == 0) != (e->type == TPG_EVENT_WORKFLOW_EXECUTION_STARTED) || (n == 0 && e->task_id == 0) ||
		!names_its_command(e->type, attributes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event %d of the history is not valid", n + 1),
				 errdetail("It is %s.", tpg_json_to_text(json)),
				 errhint("A history is an array of the rows of temporal.history in order: SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) FROM temporal.history h WHERE workflow_id = …")));
	e->time = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(time), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	e->task_time = task_time == NULL ? e->time :
		DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(task_time), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	e->attributes = attributes;
}

/* replay(history, workflow_type) */
Datum
tpg_sql_replay_history(PG_FUNCTION_ARGS)
{
	Jsonb	   *history = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	char	   *workflow_type = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	TpgRun	   *run = palloc0(sizeof(TpgRun));
	TpgExecution *exec = palloc0(sizeof(TpgExecution));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	TpgPass		pass;

	not_in_workflow();
	tpg_id_check(workflow_type, "workflow type");
	if (history == NULL || !tpg_json_is_array(history) || JB_ROOT_COUNT(history) == 0)
		ereport(ERROR,
				(errcode(history ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("history must be an array of events"),
				 errhint("SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) FROM temporal.history h WHERE workflow_id = …")));
	exec->namespace_id = tpg_namespace_current();
	tpg_access_require(exec->namespace_id, TPG_ACCESS_CLIENT);
	exec->workflow_id = "replay";
	exec->workflow_type = workflow_type;
	exec->task_queue = "default";
	exec->wft_attempt = 1;
	exec->run_expiration = DT_NOEND;
	exec->last_task_id = PG_INT32_MAX;	/* all of it was done */
	run->context = CurrentMemoryContext;
	run->exec = exec;
	run->events = palloc0(sizeof(TpgEvent) * JB_ROOT_COUNT(history));
	it = JsonbIteratorInit(&history->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		event_from_json(tpg_json_value_to_jsonb(&v), run->nevents, &run->events[run->nevents]);
		run->nevents++;
	}
	run->nstored = run->nevents;
	exec->start_time = exec->execution_time = run->events[0].time;
	if (tpg_json_get_text(run->events[0].attributes, "originalExecutionRunId") != NULL)
		exec->original_run_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(tpg_json_get_text(run->events[0].attributes, "originalExecutionRunId"))));
	if (has_begun(run))
	{
		tpg_pass_run(run, tpg_definition_require(exec->namespace_id, exec->workflow_type, exec->version), false, NULL, NULL, &pass);
		check_end(run, &pass);
		tpg_pass_free(&pass);
	}
	PG_RETURN_INT32(run->nevents);
}

static const char *
op_kind_name(TpgOpKind kind)
{
	static const char *const names[] = {
		[TPG_OP_ACTIVITY] = "activity", [TPG_OP_TIMER] = "timer", [TPG_OP_LOCAL_ACTIVITY] = "local_activity",
		[TPG_OP_SIGNAL] = "signal", [TPG_OP_CONDITION] = "condition", [TPG_OP_LOCK] = "lock", [TPG_OP_FIBER] = "function",
		[TPG_OP_EXTERNAL] = "external", [TPG_OP_SHIELD] = "shield", [TPG_OP_CHILD] = "child", [TPG_OP_CHILD_START] = "child_start"
	};

	StaticAssertStmt(lengthof(names) == TPG_OP_KINDS, "each kind of op has a name");
	return names[kind];
}

/* What one fiber waits for, a row each. */
static void
put_blocked(ReturnSetInfo *rsinfo, TpgActivation *act, const TpgFiber *f)
{
	const char *location = f->where ? tpg_blocked_location(f->where) : NULL;
	TpgOp	   *timeout = tpg_wait_timeout(f);

	/* of an inlined SQL function the context says nothing */
	if (location == NULL)
		location = f->def->signature;
	for (int i = 0; i < f->nwaits_for; i++)
	{
		TpgOp	   *op = f->waits_for[i];
		TpgFiber   *holder = op->kind == TPG_OP_LOCK ? tpg_lock_holder(act, op->type) : NULL;
		Datum		values[9];
		bool		nulls[9] = {false};
		int32		event_id;

		if (tpg_op_done(op))
			continue;
		while (op->kind == TPG_OP_SHIELD)
			op = op->inner;
		values[0] = CStringGetTextDatum(tpg_fiber_title(f));
		values[1] = CStringGetTextDatum(op_kind_name(op->kind));
		event_id = op->kind == TPG_OP_CHILD_START ? op->inner->event_id : op->event_id;
		values[2] = Int32GetDatum(event_id);
		nulls[2] = event_id == 0;
		values[3] = CStringGetTextDatum(tpg_op_title(op));
		values[4] = CStringGetTextDatum(location);
		values[5] = f->where ? CStringGetTextDatum(f->where) : (Datum) 0;
		nulls[5] = f->where == NULL;
		values[6] = TimestampTzGetDatum(f->since);
		values[7] = timeout ? Int32GetDatum(timeout->event_id) : (Datum) 0;
		nulls[7] = timeout == NULL || timeout->event_id == 0;
		values[8] = holder ? CStringGetTextDatum(tpg_fiber_title(holder)) : (Datum) 0;
		nulls[8] = holder == NULL;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* blocked_operations(key): what an open run's code is blocked on. For explain(), which has checked the rights. */
Datum
tpg_sql_blocked_operations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TpgExecution *exec = PG_ARGISNULL(0) ? NULL : tpg_execution_by_key(PG_GETARG_INT64(0));
	TpgRun	   *run;
	TpgPass		pass;

	InitMaterializedSRF(fcinfo, 0);
	if (exec == NULL || !tpg_status_is_open(exec->status) || exec->last_task_id == 0)
		return (Datum) 0;
	run = tpg_run_look(exec, false);
	tpg_pass_run(run, tpg_definition_require(exec->namespace_id, exec->workflow_type, exec->version), false, NULL, NULL, &pass);
	if (pass.kind == TPG_PASS_ERROR || pass.kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(pass.error);
	for (int i = 0; pass.kind == TPG_PASS_SUSPENDED && i < pass.act->nfibers; i++)
		if (!pass.act->fibers[i]->finished)
			put_blocked(rsinfo, pass.act, pass.act->fibers[i]);
	tpg_pass_free(&pass);
	return (Datum) 0;
}
