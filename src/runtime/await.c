/*-------------------------------------------------------------------------
 * runtime/await.c - workflow code waits for what it has started.
 *
 * A wait ends when enough of its ops are done, when its own timer fires, or when
 * its fiber is cancelled.  Only a fiber's wait is unwound; it comes back to the
 * same wait (TpgFiber.wait) when it is run again.
 *
 * Callers: api functions, within the code; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/await.h"
#include "runtime/cancel.h"
#include "runtime/children.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"

typedef struct WaitFor
{
	TpgOp	  **ops;
	int			nops;
	bool		all;
	TpgOp	   *timer;			/* may be NULL */
	bool		cancelled;		/* waits for the end of what was cancelled */
	int			first;			/* of all: those before it are done, and did not fail */
	int			nfailed;		/* as many had failed in the run when all were looked at */
} WaitFor;

typedef enum WaitEnd
{
	WAIT_DONE,
	WAIT_TIMED_OUT,
	WAIT_CANCELLED
} WaitEnd;

/* As many as are asked for, or a failure of one of all, or the timer. */
static bool
wait_ready(TpgActivation *act, void *arg)
{
	WaitFor    *w = arg;

	if (w->timer != NULL && tpg_op_done(w->timer))
		return true;
	if (!w->all)
	{
		for (int i = 0; i < w->nops; i++)
			if (tpg_op_done(w->ops[i]))
				return true;
		return false;
	}
	/* called for each op of the run that is done: a thousand of them are not looked at a thousand times */
	if (w->nfailed != act->nfailed)
	{
		for (int i = w->first; i < w->nops; i++)
			if (tpg_op_done(w->ops[i]) && w->ops[i]->failure != NULL)
				return true;
		w->nfailed = act->nfailed;
	}
	while (w->first < w->nops && tpg_op_done(w->ops[w->first]))
		w->first++;
	return w->first == w->nops;
}

int
tpg_wait_activities(const TpgFiber *fiber, int32 *event_ids)
{
	const WaitFor *w = fiber->wait;
	int			n = 0;

	if (w == NULL || fiber->ready != wait_ready || !w->all || fiber->cancel_pending)
		return 0;
	for (int i = 0; i < w->nops; i++)
		if (w->ops[i]->kind == TPG_OP_ACTIVITY && w->ops[i]->event_id != 0 && !tpg_op_done(w->ops[i]))
			event_ids[n++] = w->ops[i]->event_id;
	return n;
}

TpgOp *
tpg_wait_timeout(const TpgFiber *fiber)
{
	return fiber->wait ? fiber->wait->timer : NULL;
}

static Jsonb *
await_timeout_failure(TpgActivation *act)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	Jsonb	   *failure = tpg_failure_timeout(TPG_TIMEOUT_UNSPECIFIED, NULL, NULL);
	TpgJson    *b = tpg_json_object_from(failure);
	TpgJson    *info = tpg_json_object();

	tpg_json_add_text(b, "message", "await timed out");
	tpg_json_add_text(info, "timeoutType", "await");
	tpg_json_add_jsonb(b, "timeoutFailureInfo", tpg_json_finish(info));
	failure = tpg_json_finish(b);
	MemoryContextSwitchTo(old);
	return failure;
}

/* What was waited for has ended, not only the time. */
static bool
is_done(TpgActivation *act, const WaitFor *w)
{
	WaitFor		without = *w;

	without.timer = NULL;
	return wait_ready(act, &without);
}

/* Did it end by being cancelled? */
static bool
any_cancelled(const WaitFor *w)
{
	for (int i = 0; i < w->nops; i++)
		if (tpg_op_done(w->ops[i]) && tpg_cancel_is_failure(w->ops[i]->failure))
			return true;
	return false;
}

/*
 * The fiber has been cancelled: so is what it waits for, each by its type.  True:
 * the cancellation is raised now; false: first some of it has to end (reference
 * S-9 to S-11, G-27).
 */
static bool
cancel_wait(TpgActivation *act, TpgFiber *f, WaitFor *w)
{
	f->cancel_pending = false;
	act->cancelling_run = f->cancelled_with_run;
	for (int i = 0; i < w->nops; i++)
		tpg_op_cancel(act, w->ops[i]);
	act->cancelling_run = false;
	if (w->timer != NULL)
		tpg_op_drop_timer(act, w->timer);
	w->timer = NULL;
	w->cancelled = true;
	return is_done(act, w);
}

/*
 * Waits.  A fiber that was unwound here comes back with the wait that it began
 * then (its timer runs), not with a new one.
 */
static WaitEnd
wait_for(TpgActivation *act, TpgOp **ops, int nops, bool all, int64 timeout_us, const char *how)
{
	TpgFiber   *f = act->fiber;
	WaitFor    *w = f->wait;
	bool		cancelled = false;

	if (w == NULL)
	{
		WaitFor		now = {.ops = ops, .nops = nops, .all = all};

		/* at once and without a trace, as awaiting what is done; a condition has to be looked at first */
		if (wait_ready(act, &now))
			return WAIT_DONE;
		tpg_activation_writable(act, how);
		w = MemoryContextAllocZero(act->context, sizeof(WaitFor));
		w->ops = MemoryContextAlloc(act->context, sizeof(TpgOp *) * nops);
		memcpy(w->ops, ops, sizeof(TpgOp *) * nops);
		w->nops = nops;
		w->all = all;
		if (timeout_us >= 0 && !f->cancel_pending)
			w->timer = tpg_op_new_timer(act, timeout_us, NULL);
		f->wait = w;
	}
	for (;;)
	{
		if (f->cancel_pending && !is_done(act, w) && cancel_wait(act, f, w))
		{
			cancelled = true;
			break;
		}
		tpg_activation_block(act, wait_ready, w, how, w->ops, w->nops);
		if (wait_ready(act, w))
			break;
	}
	f->wait = NULL;
	if (w->cancelled && !cancelled)
	{
		/* it has ended after all: cancelled, or its own way, and then the next wait is told */
		cancelled = any_cancelled(w);
		f->cancel_pending = !cancelled;
	}
	if (cancelled)
		return WAIT_CANCELLED;
	if (w->timer == NULL)
		return WAIT_DONE;
	if (tpg_op_done(w->timer))
		/* both in one activation: what was waited for counts */
		return is_done(act, w) ? WAIT_DONE : WAIT_TIMED_OUT;
	tpg_op_drop_timer(act, w->timer);
	return WAIT_DONE;
}

Jsonb *
tpg_op_failure(TpgActivation *act, TpgOp *op)
{
	MemoryContext old;
	Jsonb	   *failure;

	if (op->kind == TPG_OP_CHILD && op->failure != NULL)
		return tpg_child_failure(act, op);
	if (op->failure == NULL || (op->kind != TPG_OP_ACTIVITY && op->kind != TPG_OP_LOCAL_ACTIVITY))
		return op->failure;

	/* the wrapper is made here, from what history tells (E-01) */
	old = MemoryContextSwitchTo(act->context);
	failure = tpg_failure_activity(op->failure, op->event_id, op->started_event_id, NULL, op->type, op->id,
								   tpg_retry_verdict_from_proto(op->retry_state));
	MemoryContextSwitchTo(old);
	return failure;
}

Jsonb *
tpg_op_result(TpgActivation *act, TpgOp *op)
{
	Jsonb	   *failure = tpg_op_failure(act, op);

	if (failure != NULL)
		tpg_activation_throw(act, failure);
	return op->result ? op->result : tpg_json_null();
}

/* Raises it, after it has been written down for the next time. */
static void
throw_recorded(TpgActivation *act, const char *call, Jsonb *failure)
{
	tpg_fiber_record(act, call)->failure = failure;
	tpg_activation_throw(act, failure);
}

/* What a wait that did not end well raises. */
static void
throw_end(TpgActivation *act, const char *call, WaitEnd end)
{
	if (end == WAIT_TIMED_OUT)
		throw_recorded(act, call, await_timeout_failure(act));
	if (end == WAIT_CANCELLED)
		throw_recorded(act, call, tpg_cancel_failure(act));
}

Jsonb *
tpg_op_try_await(TpgActivation *act, TpgOp *op, int64 timeout_us, Jsonb **failure)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "await");

	if (e == NULL)
	{
		WaitEnd		end = wait_for(act, &op, 1, true, timeout_us, op->kind == TPG_OP_LOCK ? "lock" : "await");
		Jsonb	   *raised = end == WAIT_TIMED_OUT ? await_timeout_failure(act) :
			end == WAIT_CANCELLED ? tpg_cancel_failure(act) : tpg_op_failure(act, op);

		/* kept: the log outlives the call, and its memory */
		if (raised == NULL && op->result == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(act->context);

			op->result = tpg_json_null();
			MemoryContextSwitchTo(old);
		}
		e = tpg_fiber_record(act, "await");
		e->failure = raised;
		e->json = raised ? NULL : op->result;
	}
	*failure = e->failure;
	return e->json;
}

Jsonb *
tpg_op_await(TpgActivation *act, TpgOp *op, int64 timeout_us)
{
	Jsonb	   *failure;
	Jsonb	   *result = tpg_op_try_await(act, op, timeout_us, &failure);

	if (failure != NULL)
		tpg_activation_throw(act, failure);
	return result;
}

bool
tpg_op_await_within(TpgActivation *act, TpgOp *op, int64 timeout_us, const char *how)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, how);
	WaitEnd		end;

	if (e != NULL)
	{
		if (e->failure != NULL)
			tpg_activation_throw(act, e->failure);
		return e->number != 0;
	}
	end = wait_for(act, &op, 1, true, timeout_us, how);
	if (end == WAIT_CANCELLED)
		throw_end(act, how, end);
	if (end == WAIT_TIMED_OUT)
		op->cancelled = true;	/* it takes nothing any more */
	tpg_fiber_record(act, how)->number = end == WAIT_DONE;
	return end == WAIT_DONE;
}

void
tpg_op_await_all(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "await_all");
	TpgOp	   *first = NULL;

	if (e != NULL)
	{
		if (e->failure != NULL)
			tpg_activation_throw(act, e->failure);
		return;
	}
	throw_end(act, "await_all", wait_for(act, ops, nops, true, timeout_us, "await_all"));
	for (int i = 0; i < nops; i++)
		if (ops[i]->failure != NULL && tpg_op_done(ops[i]) && (first == NULL || ops[i]->done_order < first->done_order))
			first = ops[i];
	if (first != NULL)
		throw_recorded(act, "await_all", tpg_op_failure(act, first));
	tpg_fiber_record(act, "await_all");
}

int
tpg_op_await_any(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "await_any");

	if (e != NULL)
	{
		if (e->failure != NULL)
			tpg_activation_throw(act, e->failure);
		return (int) e->number;
	}
	throw_end(act, "await_any", wait_for(act, ops, nops, false, timeout_us, "await_any"));
	for (int i = 0; i < nops; i++)
	{
		if (tpg_op_done(ops[i]))
		{
			tpg_fiber_record(act, "await_any")->number = i;
			return i;
		}
	}
	elog(ERROR, "await_any found nothing that is done");
}

bool
tpg_op_is_done(TpgActivation *act, TpgOp *op)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "is_done");

	if (e != NULL)
		return e->number != 0;
	tpg_fiber_record(act, "is_done")->number = tpg_op_done(op);
	return tpg_op_done(op);
}
