/*-------------------------------------------------------------------------
 * runtime/scheduler.c - which fiber runs when.
 *
 * The order is that of Temporal's Python workers (reference G-09 to G-12): in an
 * activation first signals and updates are delivered, then all the rest; after
 * each of the two every fiber that can go on runs, first in first out, until
 * none can; then the wait conditions are looked at in the order of their making, all
 * that are true are resolved, and so on until nothing moves.
 *
 * The run function's stack lies at the bottom.  Its waiting call is where the
 * scheduler works; handlers and spawned functions run on top of it, in
 * subtransactions that are always rolled back, and are unwound when they wait.
 * When such a fiber can go on it is run again from its top: the calls that it
 * made before are answered from its log, without effect.
 *
 * Everything is allocated in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/await.h"
#include "runtime/cancel.h"
#include "runtime/blocked.h"
#include "runtime/guard.h"
#include "runtime/invoke.h"
#include "runtime/scheduler.h"
#include "runtime/settings.h"
#include "runtime/timer.h"
#include "runtime/updates.h"
#include "runtime/waits.h"

/* ---------- fibers ---------- */

TpgFiber *
tpg_fiber_create(TpgActivation *act, TpgFiberKind kind, const char *name, TpgDefinition *def, Jsonb *input)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgFiber   *f = palloc0(sizeof(TpgFiber));

	f->kind = kind;
	f->id = act->nfibers;
	f->name = pstrdup(name);
	f->def = def;
	f->input = input;
	f->since = act->now;
	if (act->nfibers == act->maxfibers)
	{
		act->maxfibers = Max(act->maxfibers * 2, 8);
		if (act->fibers == NULL)
			act->fibers = palloc(sizeof(TpgFiber *) * act->maxfibers);
		else
			act->fibers = repalloc(act->fibers, sizeof(TpgFiber *) * act->maxfibers);
	}
	act->fibers[act->nfibers++] = f;
	MemoryContextSwitchTo(old);
	return f;
}

void
tpg_fiber_enqueue(TpgActivation *act, TpgFiber *f)
{
	if (f->queued || f->finished)
		return;
	if (act->queue_tail == act->maxqueue)
	{
		/* move to the front what is left, or grow */
		int			n = act->queue_tail - act->queue_head;

		if (act->queue_head > 0 && n < act->maxqueue / 2)
			memmove(act->queue, act->queue + act->queue_head, sizeof(TpgFiber *) * n);
		else
		{
			TpgFiber  **bigger;

			act->maxqueue = Max(act->maxqueue * 2, 16);
			bigger = MemoryContextAlloc(act->context, sizeof(TpgFiber *) * act->maxqueue);
			if (n > 0)
				memcpy(bigger, act->queue + act->queue_head, sizeof(TpgFiber *) * n);
			act->queue = bigger;
		}
		act->queue_head = 0;
		act->queue_tail = n;
	}
	f->queued = true;
	act->queue[act->queue_tail++] = f;
}

void
tpg_shield_done(TpgActivation *act, TpgOp *shield)
{
	shield->result = shield->inner->result;
	shield->failure = tpg_op_failure(act, shield->inner);
	tpg_activation_done(act, shield);
}

void
tpg_activation_done(TpgActivation *act, TpgOp *op)
{
	op->done_order = ++act->ndone;
	if (op->failure != NULL)
		act->nfailed++;
	if (act->nshields > 0)
	{
		if (op->kind == TPG_OP_SHIELD)
			act->nshields--;
		for (int i = 0; i < act->nops[TPG_OP_SHIELD]; i++)
			if (act->ops[TPG_OP_SHIELD][i]->inner == op && act->ops[TPG_OP_SHIELD][i]->done_order == 0)
				tpg_shield_done(act, act->ops[TPG_OP_SHIELD][i]);
	}
	for (int i = 0; i < act->nfibers; i++)
	{
		TpgFiber   *f = act->fibers[i];

		if (f->ready != NULL && !f->queued && !f->finished && f->ready(act, f->ready_arg))
			tpg_fiber_enqueue(act, f);
	}
}

static bool
is_unfinished_handler(const TpgFiber *f)
{
	return (f->kind == TPG_FIBER_SIGNAL || f->kind == TPG_FIBER_UPDATE) && !f->finished;
}

int
tpg_scheduler_unfinished(const TpgActivation *act)
{
	int			n = 0;

	for (int i = 0; i < act->nfibers; i++)
		n += is_unfinished_handler(act->fibers[i]);
	return n;
}

/* ---------- the log of a fiber ---------- */

/* Is anybody to hear what the code says?  Not in a replay, and not while a fiber repeats itself. */
static void
set_thresholds(TpgActivation *act, bool silent)
{
	silent = silent || !tpg_activation_is_live(act);
	log_min_messages = silent ? FATAL : act->log_min_messages;
	client_min_messages = silent ? ERROR : act->client_min_messages;
}

bool
tpg_fiber_repeats(const TpgActivation *act)
{
	return act->fiber->log_pos < act->fiber->nlog;
}

TpgLogEntry *
tpg_fiber_replayed(TpgActivation *act, const char *call)
{
	TpgFiber   *f = act->fiber;
	TpgLogEntry *e;

	if (f->kind == TPG_FIBER_RUN || act->read_only || f->log_pos >= f->nlog)
		return NULL;
	e = &f->log[f->log_pos++];
	if (strcmp(e->call, call) != 0)
		tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
							 psprintf("handler \"%s\" does not repeat what it did before it waited", f->name),
							 psprintf("It called temporal.%s(); before it was temporal.%s().", call, e->call),
							 "Code of workflows must do the same each time it is run with the same answers.");
	if (f->log_pos == f->nlog)
		set_thresholds(act, false);
	return e;
}

TpgLogEntry *
tpg_fiber_record(TpgActivation *act, const char *call)
{
	static TpgLogEntry scratch;
	TpgFiber   *f = act->fiber;
	TpgLogEntry *e;

	if (f->kind == TPG_FIBER_RUN || act->read_only)
		return &scratch;
	if (f->nlog == f->maxlog)
	{
		f->maxlog = Max(f->maxlog * 2, 8);
		if (f->log == NULL)
			f->log = MemoryContextAlloc(act->context, sizeof(TpgLogEntry) * f->maxlog);
		else
			f->log = repalloc(f->log, sizeof(TpgLogEntry) * f->maxlog);
	}
	e = &f->log[f->nlog++];
	f->log_pos = f->nlog;
	memset(e, 0, sizeof(*e));
	e->call = call;
	return e;
}

/* ---------- running ---------- */

Jsonb *
tpg_scheduler_call(TpgActivation *act, TpgDefinition *def, const char *name, Jsonb *input)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		outer_read_only = act->read_only;
	Jsonb	   *result = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		act->read_only = true;
		XactReadOnly = true;
		(void) tpg_settings_enter(def);
		PushActiveSnapshot(GetTransactionSnapshot());
		tpg_guard_enter(act, def);
		result = tpg_invoke(def, name, input);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		tpg_last_error_restore(&act->last_error, edata);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		act->read_only = outer_read_only;
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		ReThrowError(edata);
	}
	PG_END_TRY();
	act->read_only = outer_read_only;
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return result;
}

static void
set_fatal(TpgActivation *act, ErrorData *edata)
{
	if (act->fatal == NULL)
		act->fatal = edata;
}

/* A fiber has ended by an error of its own. */
static void
fiber_failed(TpgActivation *act, TpgFiber *f, ErrorData *edata)
{
	Jsonb	   *failure;
	Jsonb	   *raised;

	if (f->kind == TPG_FIBER_SIGNAL && tpg_invoke_argument_error(edata))
	{
		/* F-08: dropped, the workflow is none the wiser */
		if (tpg_activation_is_live(act))
		{
			TpgDropped *d = palloc(sizeof(TpgDropped));

			d->task_id = act->task_id;
			d->message = psprintf("signal \"%s\" of workflow \"%s\" was dropped: %s", f->name, act->run->exec->workflow_id, edata->message);
			act->dropped = lappend(act->dropped, d);
		}
		return;
	}
	if (f->kind == TPG_FIBER_UPDATE && f->nlog == 0 && tpg_update_is_requested(act, f->update) && tpg_invoke_argument_error(edata))
	{
		/* input that its handler cannot take: as if a validator had said so (F-37) */
		f->update->rejection = edata;
		return;
	}
	if (f->kind == TPG_FIBER_UPDATE && f->nlog == 0 && f->update->admitted && tpg_invoke_argument_error(edata))
	{
		/* its handler has changed since it was asked for */
		tpg_update_completed(act, f->update, NULL, tpg_failure_from_error(edata, "temporal_pg"));
		return;
	}
	if (edata->sqlerrcode != ERRCODE_QUERY_CANCELED && !tpg_activation_fails_workflow(act, edata->sqlerrcode))
	{
		set_fatal(act, edata);
		return;
	}
	raised = tpg_activation_raised(act, edata->detail);
	if (raised != NULL)
		failure = raised;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
		failure = tpg_failure_canceled(edata->message, NULL);
	else
		failure = tpg_failure_from_error(edata, "temporal_pg");
	switch (f->kind)
	{
		case TPG_FIBER_UPDATE:
			tpg_update_completed(act, f->update, NULL, failure);
			break;
		case TPG_FIBER_SPAWN:
			f->future->failure = failure;
			tpg_activation_done(act, f->future);
			break;
		default:
			if (act->failed == NULL)
				act->failed = failure;
			break;
	}
}

static void
fiber_returned(TpgActivation *act, TpgFiber *f, Jsonb *result)
{
	switch (f->kind)
	{
		case TPG_FIBER_UPDATE:
			tpg_payload_check(result, "update result");
			tpg_update_completed(act, f->update, result, NULL);
			break;
		case TPG_FIBER_SPAWN:
			f->future->result = result;
			tpg_activation_done(act, f->future);
			break;
		default:
			break;
	}
}

/* Runs a fiber from its top until it waits or ends. */
static void
run_fiber(TpgActivation *act, TpgFiber *f)
{
	TpgFiber   *outer = act->fiber;
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorContextCallback *outer_context = error_context_stack;
	ErrorData  *volatile edata = NULL;
	Jsonb	   *volatile result = NULL;

	act->fiber = f;
	f->log_pos = 0;
	f->suspended = false;
	f->suspended_at = NULL;
	f->ready = NULL;
	f->last_failure = NULL;
	set_thresholds(act, f->nlog > 0);

	BeginInternalSubTransaction(NULL);
	f->nest_level = GetCurrentTransactionNestLevel();
	MemoryContextSwitchTo(act->context);
	PG_TRY();
	{
		error_context_stack = &act->errors;
		XactReadOnly = true;
		(void) tpg_settings_enter(f->def);
		PushActiveSnapshot(GetTransactionSnapshot());
		tpg_guard_enter(act, f->def);
		result = tpg_invoke(f->def, f->name, f->input);
		error_context_stack = outer_context;
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(act->context);
		edata = CopyErrorData();
		tpg_last_error_restore(&act->last_error, (ErrorData *) edata);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(act->context);
	act->fiber = outer;
	set_thresholds(act, false);

	if (act->interrupted != NULL)
		;						/* the caller unwinds the rest */
	else if (act->fatal != NULL)
	{
		if (edata != NULL && act->fatal->context == NULL)
			act->fatal->context = edata->context;
	}
	else if (f->suspended && edata != NULL && tpg_activation_is_suspension(edata))
		f->where = edata->context;
	else if (f->suspended)
	{
		ErrorData  *e = palloc0(sizeof(ErrorData));

		e->elevel = ERROR;
		e->sqlerrcode = TPG_ERR_WRONG_CONTEXT;
		e->message = psprintf("handler \"%s\" caught the suspension", f->name);
		e->detail = f->suspended_at ? psprintf("It was suspended at: %s", f->suspended_at) : NULL;
		e->hint = "Do not catch assert_failure, and in other languages re-raise it.";
		set_fatal(act, e);
	}
	else
	{
		f->finished = true;
		if (edata != NULL)
			fiber_failed(act, f, (ErrorData *) edata);
		else
			fiber_returned(act, f, (Jsonb *) result);
		/* however it has ended: nobody must wait for its locks for ever */
		tpg_locks_release_all(act, f);
	}
	MemoryContextSwitchTo(caller);
}

/* Everything that can run without anything new. True: it was the run function's turn. */
static bool
run_ready(TpgActivation *act)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		while (act->queue_head < act->queue_tail)
		{
			TpgFiber   *f = act->queue[act->queue_head++];

			f->queued = false;
			if (f == act->main)
			{
				f->ready = NULL;
				return true;
			}
			run_fiber(act, f);
			tpg_activation_check(act);
		}
		act->queue_head = act->queue_tail = 0;
		if (!tpg_waits_look(act))
			return false;
	}
}

void
tpg_scheduler_start(TpgActivation *act)
{
	TpgDefinition *init = tpg_handler_lookup(act->run->exec->namespace_id, TPG_DEF_INIT, act->run->exec->workflow_type,
												 act->run->exec->version, "");

	/* the constructor: before any handler (G-13) */
	if (init != NULL)
	{
		TpgFiber   *f = tpg_fiber_create(act, TPG_FIBER_SPAWN, init->dynamic ? act->run->exec->workflow_type : "init", init,
										 tpg_json_get_raw(act->run->events[0].attributes, "input"));

		f->future = tpg_activation_add_op(act, TPG_OP_FIBER);
		run_fiber(act, f);
		tpg_activation_check(act);
		if (!f->finished)
			tpg_activation_fatal(act, TPG_ERR_WRONG_CONTEXT, psprintf("init of workflow type \"%s\" must not wait", act->run->exec->workflow_type),
								 f->where ? (char *) f->where : NULL, "Do what has to wait in the run function.");
		if (f->future->failure != NULL)
		{
			act->failed = f->future->failure;
			tpg_activation_check(act);
		}
	}
	act->phase = 1;
	tpg_activation_deliver(act, true);
	(void) run_ready(act);
	act->phase = 2;
	tpg_activation_deliver(act, false);
}

/* An activity is free to do what it likes; an error in it ends the pass. */
static bool
run_in_place(TpgActivation *act)
{
	bool		done;

	if (act->run_in_place == NULL)
		return false;
	act->guarded = false;
	done = act->run_in_place(act, act->in_place_arg);
	act->guarded = true;
	return done;
}

bool
tpg_scheduler_run(TpgActivation *act)
{
	for (;;)
	{
		if (run_ready(act))
			return true;
		if (act->phase < 2)
		{
			tpg_activation_deliver(act, act->phase == 0);
			act->phase++;
			continue;
		}
		tpg_activation_settle(act);
		if (tpg_activation_next(act))
			continue;
		if (!run_in_place(act) || !tpg_activation_next(act))
			return false;
	}
}

void
tpg_scheduler_drain(TpgActivation *act)
{
	act->main->finished = true;

	/*
	 * What remains of its last activation, and of activations behind it: an
	 * update in a session may have brought the code to its end without closing the
	 * run, and signals that came since are handled first.
	 */
	do
	{
		for (; act->phase < 2; act->phase++)
		{
			tpg_activation_deliver(act, act->phase == 0);
			(void) run_ready(act);
		}
		(void) run_ready(act);
		tpg_activation_settle(act);
	} while (tpg_activation_next(act));
}

/* ---------- what the log hears ---------- */

void
tpg_scheduler_report_dropped(TpgActivation *act, bool open_too)
{
	ListCell   *lc;

	foreach(lc, act->dropped)
	{
		TpgDropped *d = lfirst(lc);

		if (open_too || d->task_id != act->task_id)
			ereport(LOG, (errmsg_internal("%s", d->message)));
	}
}

void
tpg_scheduler_warn_unfinished(const TpgActivation *act)
{
	StringInfoData titles;

	if (tpg_scheduler_unfinished(act) == 0)
		return;
	initStringInfo(&titles);
	for (int i = 0; i < act->nfibers; i++)
		if (is_unfinished_handler(act->fibers[i]))
			appendStringInfo(&titles, "%s%s", titles.len > 0 ? ", " : "", tpg_fiber_title(act->fibers[i]));
	ereport(WARNING,
			(errmsg("workflow \"%s\" ends while handlers are in progress", act->run->exec->workflow_id),
			 errdetail("Dropped: %s.", titles.data),
			 errhint("Before the end, wait with temporal.wait_condition('temporal.all_handlers_finished()').")));
}
