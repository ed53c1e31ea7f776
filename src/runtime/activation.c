/*-------------------------------------------------------------------------
 * runtime/activation.c - workflow code at work: what it asked for, what it was answered.
 *
 * The code runs from the top.  History is a sequence of groups, one an
 * activation: the events that it delivered and those of the commands that the
 * code issued in it.  Whenever the code has to wait, the waiting call itself
 * closes the open group (comparing commands with events in replay, appending events when
 * live) and delivers the next one; only when there is none the code is unwound, by
 * an error that PL/pgSQL's OTHERS does not catch.  So a replay of any length
 * is one pass.
 *
 * Memory: everything here is allocated in act->context, above all
 * subtransactions.  Runs inside the subtransaction that runtime/pass opened.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/activation.h"
#include "runtime/cancel.h"
#include "runtime/children.h"
#include "runtime/commands.h"
#include "runtime/externals.h"
#include "runtime/ops.h"
#include "runtime/random.h"
#include "runtime/scheduler.h"
#include "runtime/timer.h"
#include "runtime/updates.h"
#include "runtime/waits.h"

TpgActivation *tpg_current_activation = NULL;

/* ---------- the object ---------- */

/* Of the subtransaction in which the code at work was called. */
static int
code_nest_level(const TpgActivation *act)
{
	return act->fiber->kind == TPG_FIBER_RUN ? act->base_nest_level : act->fiber->nest_level;
}

/*
 * A cancel from outside (statement_timeout, an executor that is to make way) is
 * raised as cancellation is, and code that catches that catches this, too.  So it
 * is noticed when it is raised; then nothing that the code does counts any more.
 * A limit of time that is over is told by the timer's own context.
 */
static void
notice_error(void *arg)
{
	TpgActivation *act = arg;
	MemoryContext old;
	ErrorData  *edata;

	act->last_error.nest_level = code_nest_level(act);
	tpg_last_error_note(&act->last_error);
	if (act->interrupted != NULL || geterrcode() != ERRCODE_QUERY_CANCELED || tpg_timer_fired())
		return;
	old = MemoryContextSwitchTo(act->context);
	edata = CopyErrorData();
	if (edata->elevel == ERROR && edata->funcname != NULL && strcmp(edata->funcname, "ProcessInterrupts") == 0)
		act->interrupted = edata;
	else
		FreeErrorData(edata);
	MemoryContextSwitchTo(old);
}

TpgActivation *
tpg_activation_create(TpgRun *run, TpgDefinition *def, bool live)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg activation", ALLOCSET_DEFAULT_SIZES);
	TpgActivation *act = MemoryContextAllocZero(context, sizeof(TpgActivation));

	act->context = context;
	act->run = run;
	act->def = def;
	act->live = live;
	act->phase = 2;
	act->errors.callback = notice_error;
	act->errors.arg = act;
	act->last_error.context = context;
	act->errors.previous = &tpg_timer_context;
	act->log_min_messages = log_min_messages;
	act->client_min_messages = client_min_messages;
	act->main = act->fiber = tpg_fiber_create(act, TPG_FIBER_RUN, "run", def, NULL);
	return act;
}

TpgActivation *
tpg_activation_require(const char *what)
{
	TpgActivation *act = tpg_current_activation;

	if (act == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() can only be called by workflow code", what),
				 errhint("Register the function that calls it with temporal.register_workflow() and start it with temporal.start_workflow().")));
	if (tpg_timer_fired())
	{
		/* caught, or not even noticed: the pass tells it as what it is */
		CHECK_FOR_INTERRUPTS();
		tpg_activation_fatal(act, TPG_ERR_TIMEOUT_FAILURE, "workflow code was interrupted", NULL, NULL);
	}
	if (act->interrupted != NULL)
		tpg_activation_check(act);
	if (act->fatal != NULL || act->fiber->suspended)
		tpg_activation_fatal(act, TPG_ERR_WRONG_CONTEXT,
							 psprintf("workflow code caught the suspension and went on to call temporal.%s()", what),
							 act->fiber->suspended_at ? psprintf("It was suspended at: %s", act->fiber->suspended_at) : NULL,
							 "A waiting call ends the code by an error (assert_failure) when it has to wait. Do not catch assert_failure, and in other languages re-raise it.");
	return act;
}

TpgOp *
tpg_activation_add_op(TpgActivation *act, TpgOpKind kind)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgOp	   *op = palloc0(sizeof(TpgOp));

	if (act->nops[kind] == act->maxops[kind])
	{
		act->maxops[kind] = Max(act->maxops[kind] * 2, 8);
		if (act->ops[kind] == NULL)
			act->ops[kind] = palloc(sizeof(TpgOp *) * act->maxops[kind]);
		else
			act->ops[kind] = repalloc(act->ops[kind], sizeof(TpgOp *) * act->maxops[kind]);
	}
	op->kind = kind;
	op->attempt = 1;
	act->ops[kind][act->nops[kind]++] = op;
	op->seq = act->nops[kind];
	MemoryContextSwitchTo(old);
	return op;
}

TpgOp *
tpg_activation_op(TpgActivation *act, TpgOpKind kind, int32 seq)
{
	if (kind <= 0 || kind >= TPG_OP_KINDS || seq < 1 || seq > act->nops[kind])
		return NULL;
	return act->ops[kind][seq - 1];
}

TpgCommand *
tpg_activation_add_command(TpgActivation *act, TpgCommandKind kind, TpgOp *op)
{
	TpgCommand *c;

	if (act->ncommands == act->maxcommands)
	{
		act->maxcommands = Max(act->maxcommands * 2, 8);
		if (act->commands == NULL)
			act->commands = MemoryContextAlloc(act->context, sizeof(TpgCommand) * act->maxcommands);
		else
			act->commands = repalloc(act->commands, sizeof(TpgCommand) * act->maxcommands);
	}
	c = &act->commands[act->ncommands++];
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->op = op;
	return c;
}

/* ---------- failing ---------- */

void
tpg_activation_fatal(TpgActivation *act, int sqlstate, char *message, char *detail, char *hint)
{
	/* the first one counts */
	if (act->fatal == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(act->context);

		act->fatal = palloc0(sizeof(ErrorData));
		act->fatal->elevel = ERROR;
		act->fatal->sqlerrcode = sqlstate;
		act->fatal->message = pstrdup(message);
		act->fatal->detail = detail ? pstrdup(detail) : NULL;
		act->fatal->hint = hint ? pstrdup(hint) : NULL;
		MemoryContextSwitchTo(old);
	}
	/* as a suspension: EXCEPTION WHEN OTHERS lets it pass */
	ereport(ERROR,
			(errcode(ERRCODE_ASSERT_FAILURE),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
}

void
tpg_activation_check(TpgActivation *act)
{
	if (act->interrupted != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_ASSERT_FAILURE),
				 errmsg_internal("%s", act->interrupted->message)));
	if (act->fatal != NULL || act->failed != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_ASSERT_FAILURE),
				 errmsg_internal("the workflow is ended by a handler")));
}

void
tpg_activation_tell(TpgActivation *act, Jsonb *failure)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgRaised  *raised = palloc(sizeof(TpgRaised));

	raised->failure = failure;
	raised->detail = tpg_json_to_text(tpg_failure_detail(failure));
	act->raised = lappend(act->raised, raised);
	act->fiber->last_failure = failure;
	MemoryContextSwitchTo(old);
}

void
tpg_activation_throw(TpgActivation *act, Jsonb *failure)
{
	tpg_activation_tell(act, failure);
	/* cancellation passes through WHEN OTHERS */
	tpg_failure_throw(failure, tpg_failure_kind(failure) == TPG_FAILURE_CANCELED ? ERRCODE_QUERY_CANCELED : tpg_external_sqlstate(failure));
}

Jsonb *
tpg_activation_raised(TpgActivation *act, const char *detail)
{
	ListCell   *lc;

	if (detail == NULL)
		return NULL;
	foreach(lc, act->raised)
	{
		TpgRaised  *raised = lfirst(lc);

		if (strcmp(raised->detail, detail) == 0)
			return raised->failure;
	}
	return NULL;
}

/* ---------- groups ---------- */

bool
tpg_activation_is_live(const TpgActivation *act)
{
	return act->live && act->run->task_id != 0 && act->task_id == act->run->task_id;
}

static TpgOp *
op_of_event(TpgActivation *act, const TpgEvent *e, const char *key)
{
	int64		id = tpg_json_get_int(e->attributes, key, 0);
	TpgOp	   *op = id > 0 && id < act->nby_event ? act->by_event[id] : NULL;

	if (op == NULL)
		tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
							 psprintf("workflow code does not match history at event %d", e->event_id),
							 psprintf("History has %s for event " INT64_FORMAT ", which the code did not ask for.", tpg_event_type_name(e->type), id),
							 TPG_NONDETERMINISM_HINT);
	return op;
}

static void
deliver_local_activity(TpgActivation *act, const TpgEvent *e)
{
	Jsonb	   *details = tpg_json_get(e->attributes, "details");
	Jsonb	   *data = tpg_json_get(details, "data");
	TpgOp	   *op = tpg_activation_op(act, TPG_OP_LOCAL_ACTIVITY, (int32) tpg_json_get_int(data, "seq", 0));
	char	   *type = tpg_json_get_text(data, "activityType");
	int64		backoff = tpg_json_get_duration(data, "backoff", -1);

	if (op == NULL || type == NULL || strcmp(op->type, type) != 0)
		tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
							 psprintf("workflow code does not match history at event %d", e->event_id),
							 psprintf("History has local activity \"%s\"; the code asked for %s.", type ? type : "?",
									  op ? psprintf("local activity \"%s\"", op->type) : "none"), TPG_NONDETERMINISM_HINT);
	/* a handler of this activation has cancelled it */
	if (tpg_op_done(op))
		return;
	op->failure = tpg_json_get(e->attributes, "failure");
	if (backoff >= 0)
	{
		/* the next attempt comes after a durable timer (D-35) */
		TpgOp	   *timer = tpg_activation_add_op(act, TPG_OP_TIMER);
		TpgCommand *c = tpg_activation_add_command(act, TPG_COMMAND_START_TIMER, timer);
		TpgJson    *b = tpg_json_object();

		timer->id = psprintf("%d", timer->seq);
		timer->backoff_for = op;
		op->backoff_timer = timer;
		op->attempt = (int) tpg_json_get_int(data, "attempt", 1) + 1;
		op->last_failure = op->failure;
		tpg_json_add_text(b, "timerId", timer->id);
		tpg_json_add_duration(b, "startToFireTimeout", backoff);
		c->attributes = tpg_json_finish(b);
		return;
	}
	op->result = tpg_json_get_raw(details, "result");
	op->retry_state = tpg_json_get_text(data, "retryState");
	tpg_activation_done(act, op);
}

static void
deliver(TpgActivation *act, const TpgEvent *e)
{
	TpgOp	   *op;

	switch (e->type)
	{
		case TPG_EVENT_ACTIVITY_TASK_STARTED:
			op_of_event(act, e, "scheduledEventId")->started_event_id = e->event_id;
			break;
		case TPG_EVENT_ACTIVITY_TASK_COMPLETED:
		case TPG_EVENT_ACTIVITY_TASK_FAILED:
		case TPG_EVENT_ACTIVITY_TASK_TIMED_OUT:
		case TPG_EVENT_ACTIVITY_TASK_CANCELED:
			op = op_of_event(act, e, "scheduledEventId");
			act->npending--;
			tpg_op_ended(act, op);
			/* what was cancelled has been given up (D-25) */
			if (tpg_op_done(op))
				break;
			if (e->type == TPG_EVENT_ACTIVITY_TASK_CANCELED)
				op->failure = tpg_failure_canceled("activity was cancelled", tpg_json_get(e->attributes, "details"));
			op->result = tpg_json_get_raw(e->attributes, "result");
			if (op->failure == NULL)
				op->failure = tpg_json_get(e->attributes, "failure");
			op->retry_state = tpg_json_get_text(e->attributes, "retryState");
			tpg_activation_done(act, op);
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			act->cancel_requested = true;
			act->cancel_reason = tpg_json_get_text(e->attributes, "cause");
			tpg_fiber_cancel(act, act->main, true);
			break;
		case TPG_EVENT_TIMER_FIRED:
			op = op_of_event(act, e, "startedEventId");
			if (op->cancelled)
			{
				tpg_op_ended(act, op);
				break;
			}
			if (op->backoff_for != NULL)
				op->backoff_for->backoff_timer = NULL;	/* its next attempt is due */
			tpg_activation_done(act, op);
			break;
		case TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
		case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
			op = op_of_event(act, e, "initiatedEventId");
			if (op->inner != NULL)
				tpg_child_cancel_answered(act, op->inner);
			if (tpg_op_done(op))
				break;
			op->failure = tpg_external_failure(op, e);
			tpg_activation_done(act, op);
			break;
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_COMPLETED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_CANCELED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED:
			tpg_child_deliver(act, e, op_of_event(act, e, "initiatedEventId"));
			break;
		case TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED:
			tpg_signal_deliver(act, e);
			break;
		case TPG_EVENT_MARKER_RECORDED:
			deliver_local_activity(act, e);
			break;
		default:
			break;				/* the start event; what only marks history */
	}
}

/*
 * Of an activation that no task has completed: a reset has left it what it
 * delivers.  Only the task that does it goes there.
 */
static bool
is_ahead(const TpgActivation *act, const TpgEvent *e)
{
	return e->task_id > Max(act->run->exec->last_task_id, 1);
}

/* The run was reset to this activation: what comes is drawn anew. */
static void
told_of_reset(TpgActivation *act, const TpgEvent *e)
{
	char	   *run_id = tpg_json_get_text(e->attributes, "newRunId");

	if (e->type == TPG_EVENT_WORKFLOW_TASK_FAILED && run_id != NULL)
		tpg_random_reseed(act, DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run_id))));
}

bool
tpg_activation_next(TpgActivation *act)
{
	TpgRun	   *run = act->run;
	bool		only_start = false;

	/* events that no activation delivered: failed tasks, forced closes */
	while (act->pos < run->nevents && run->events[act->pos].task_id == 0)
		act->pos++;
	act->group_start = act->pos;
	if (act->pos < run->nevents && is_ahead(act, &run->events[act->pos]))
		return false;
	if (act->pos < run->nevents)
		act->task_id = run->events[act->pos].task_id;
	else if (act->live && run->task_id != 0 && act->task_id != run->task_id)
	{
		/* the open one delivers nothing that is an event */
		act->task_id = run->task_id;
		act->now = run->task_time;
	}
	else
		return false;

	/* RAISE and log() were heard when the activation was live */
	log_min_messages = tpg_activation_is_live(act) ? act->log_min_messages : FATAL;
	client_min_messages = tpg_activation_is_live(act) ? act->client_min_messages : ERROR;

	/* whatever came before was waited for */
	tpg_timer_restart();
	act->settled = false;
	act->phase = 0;
	act->told = act->group_start;
	for (int i = act->pos; i < run->nevents; i++)
	{
		/* the first activation, whose event was there before, may have failed and gone on behind the failure */
		if (run->events[i].task_id == 0)
			continue;
		if (run->events[i].task_id != act->task_id)
			break;
		act->pos = i + 1;
		told_of_reset(act, &run->events[i]);
		if (!tpg_event_is_of_command(&run->events[i]) && !tpg_event_type_is_closing(run->events[i].type))
			act->told = i + 1;
		/* what ended a start delay early is earlier than the start event foresaw */
		act->now = only_start ? run->events[i].task_time : Max(act->now, run->events[i].task_time);
		only_start = i == 0;
	}
	act->group_end = act->pos;
	return true;
}

void
tpg_activation_deliver(TpgActivation *act, bool signals)
{
	TpgRun	   *run = act->run;
	MemoryContext old = MemoryContextSwitchTo(act->context);

	for (int i = act->group_start; i < act->group_end; i++)
	{
		TpgEvent   *e = &run->events[i];

		/* it is for nobody */
		if (e->task_id == 0)
			continue;
		if (signals && e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED)
			tpg_update_deliver_admitted(act, e);
		else if (!tpg_event_is_of_command(e) && (e->type == TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED) == signals)
			deliver(act, e);
	}
	if (signals)
		tpg_updates_deliver(act);
	MemoryContextSwitchTo(old);
}

/* ---------- the end of an activation ---------- */

void
tpg_activation_settle(TpgActivation *act)
{
	if (act->settled)
		return;
	if (tpg_activation_is_live(act))
		tpg_commands_append(act);
	else
		tpg_commands_compare(act);
	act->ncommands = 0;
	act->settled = true;
}

const TpgEvent *
tpg_activation_rest(TpgActivation *act)
{
	for (int i = act->pos; i < act->run->nevents; i++)
	{
		const TpgEvent *e = &act->run->events[i];

		if (e->task_id == 0 || tpg_event_type_is_closing(e->type))
			continue;
		return is_ahead(act, e) ? NULL : e;
	}
	return NULL;
}

const TpgEvent *
tpg_activation_next_command(TpgActivation *act)
{
	for (int i = act->pos; i < act->run->nevents && !is_ahead(act, &act->run->events[i]); i++)
		if (act->run->events[i].task_id != 0 && tpg_event_is_of_command(&act->run->events[i]))
			return &act->run->events[i];
	return NULL;
}

/* ---------- waiting ---------- */

#define SUSPENDED_MESSAGE "workflow is suspended"

bool
tpg_activation_is_suspension(const ErrorData *edata)
{
	if (edata->sqlerrcode == ERRCODE_ASSERT_FAILURE)
		return true;
	/* PL/Perl and PL/Tcl carry an error through their code as its message */
	return edata->sqlerrcode == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION && edata->message != NULL &&
		strncmp(edata->message, SUSPENDED_MESSAGE, strlen(SUSPENDED_MESSAGE)) == 0;
}

static void
suspend(TpgActivation *act)
{
	TpgFiber   *f = act->fiber;

	/* inside an EXCEPTION block, or in another language, it could be swallowed: then say where */
	if (GetCurrentTransactionNestLevel() > code_nest_level(act) || act->called_from_c)
	{
		MemoryContext old = MemoryContextSwitchTo(act->context);

		f->suspended_at = GetErrorContextStack();
		MemoryContextSwitchTo(old);
	}
	f->suspended = true;
	ereport(ERROR,
			(errcode(ERRCODE_ASSERT_FAILURE),
			 errmsg_internal(SUSPENDED_MESSAGE),
			 errdetail_internal("This ends the code until what it waits for has come; it must not be caught.")));
}

void
tpg_activation_block(TpgActivation *act, TpgReady ready, void *arg, const char *how, TpgOp **ops, int nops)
{
	TpgFiber   *f = act->fiber;

	if (ready(act, arg))
		return;
	tpg_activation_writable(act, how);
	f->ready = ready;
	f->ready_arg = arg;
	f->waits_how = how;
	f->waits_for = ops;
	f->nwaits_for = nops;
	if (f->since != act->now)
		f->since = act->now;
	if (f->kind == TPG_FIBER_RUN && tpg_scheduler_run(act))
		return;
	suspend(act);
}

void
tpg_activation_writable(TpgActivation *act, const char *what)
{
	if (act->read_only)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() cannot be called by a query, validator, condition or side effect", what),
				 errhint("These only look: they cannot wait, start anything or change the state.")));
}

bool
tpg_activation_fails_workflow(const TpgActivation *act, int sqlstate)
{
	if (TPG_ERR_IS_FAILURE(sqlstate) && sqlstate != TPG_ERR_WORKFLOW_EXECUTION_FAILED && sqlstate != TPG_ERR_UPDATE_FAILED)
		return true;
	/* of a call to another workflow */
	if (sqlstate == TPG_ERR_WORKFLOW_NOT_FOUND || sqlstate == TPG_ERR_WORKFLOW_ALREADY_STARTED)
		return true;
	return tpg_definition_fails_workflow(act->def, sqlstate);
}
