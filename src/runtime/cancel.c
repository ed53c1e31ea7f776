/*-------------------------------------------------------------------------
 * runtime/cancel.c - cancellation within workflow code.
 *
 * A request to cancel the run is delivered once, to the run function and to what
 * it waits for; handlers are not cancelled (reference G-27 to G-32).  The code
 * sees query_canceled, which EXCEPTION WHEN OTHERS lets pass.  A cancel of the
 * statement that drives the code looks the same to it: see runtime/activation.
 *
 * What is cancelled by its type: activities D-22 to D-26, S-9 to S-13.
 *
 * Within the code of a run, or while an event is delivered to it; allocates in
 * act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/cancel.h"
#include "runtime/children.h"
#include "runtime/commands.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"

void
tpg_fiber_cancel(TpgActivation *act, TpgFiber *f, bool with_run)
{
	if (f->finished)
		return;
	f->cancel_pending = true;
	f->cancelled_with_run = with_run;
	if (f->ready != NULL)
		tpg_fiber_enqueue(act, f);
}

Jsonb *
tpg_cancel_failure(TpgActivation *act)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	bool		with_run = act->fiber->cancelled_with_run;
	Jsonb	   *details = with_run && act->cancel_reason ? tpg_json_string(act->cancel_reason) : NULL;
	Jsonb	   *failure = tpg_failure_canceled(with_run ? "workflow was cancelled" : "cancelled", details);

	MemoryContextSwitchTo(old);
	return failure;
}

bool
tpg_cancel_is_failure(const Jsonb *failure)
{
	while (failure != NULL)
	{
		TpgFailureKind kind = tpg_failure_kind(failure);

		if (kind == TPG_FAILURE_CANCELED)
			return true;
		if (kind != TPG_FAILURE_ACTIVITY && kind != TPG_FAILURE_CHILD)
			return false;
		failure = tpg_json_get(failure, "cause");
	}
	return false;
}

/* ---------- what was started ---------- */

static void
resolve_cancelled(TpgActivation *act, TpgOp *op)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);

	op->cancelled = true;
	op->failure = tpg_failure_canceled("cancelled", NULL);
	MemoryContextSwitchTo(old);
	tpg_activation_done(act, op);
}

/* Its command has not become an event: neither that nor a cancellation is sent. */
static bool
elide(TpgActivation *act, TpgOp *op)
{
	if (op->event_id != 0)
		return false;
	tpg_command_elide(act, op);
	return true;
}

void
tpg_op_ended(TpgActivation *act, const TpgOp *op)
{
	for (int i = 0; i < act->ncommands; i++)
		if (act->commands[i].op == op &&
			(act->commands[i].kind == TPG_COMMAND_CANCEL_TIMER || act->commands[i].kind == TPG_COMMAND_CANCEL_ACTIVITY))
			act->commands[i].elided = true;
}

void
tpg_op_drop_timer(TpgActivation *act, TpgOp *op)
{
	if (tpg_op_done(op) || op->cancelled)
		return;
	op->cancelled = true;
	if (!elide(act, op))
		tpg_activation_add_command(act, TPG_COMMAND_CANCEL_TIMER, op);
}

static void
cancel_activity(TpgActivation *act, TpgOp *op)
{
	TpgCommand *c;
	TpgJson    *b;
	MemoryContext old;

	if (elide(act, op))
	{
		act->npending--;
		resolve_cancelled(act, op);
		return;
	}
	if (op->cancellation != TPG_CANCELLATION_ABANDON)
	{
		c = tpg_activation_add_command(act, TPG_COMMAND_CANCEL_ACTIVITY, op);
		old = MemoryContextSwitchTo(act->context);
		b = tpg_json_object();
		tpg_json_add_int(b, "scheduledEventId", op->event_id);
		c->attributes = tpg_json_finish(b);
		MemoryContextSwitchTo(old);
	}
	if (op->cancellation == TPG_CANCELLATION_WAIT_COMPLETED)
		op->cancelled = true;	/* done when its end is recorded */
	else
		resolve_cancelled(act, op);
}

static TpgFiber *
fiber_of(TpgActivation *act, const TpgOp *op)
{
	for (int i = 0; i < act->nfibers; i++)
		if (act->fibers[i]->future == op)
			return act->fibers[i];
	return NULL;
}

void
tpg_op_cancel(TpgActivation *act, TpgOp *op)
{
	if (tpg_op_done(op) || op->cancelled)
		return;
	switch (op->kind)
	{
		case TPG_OP_ACTIVITY:
			cancel_activity(act, op);
			break;
		case TPG_OP_LOCAL_ACTIVITY:
			/* it has not run, or waits for its next attempt: no marker tells of it */
			if (op->backoff_timer != NULL)
				tpg_op_drop_timer(act, op->backoff_timer);
			op->backoff_timer = NULL;
			resolve_cancelled(act, op);
			break;
		case TPG_OP_TIMER:
			tpg_op_drop_timer(act, op);
			op->cancelled = false;
			resolve_cancelled(act, op);
			break;
		case TPG_OP_EXTERNAL:
			/* what has been sent cannot be called back (G-44); nobody waits for the answer any more */
			(void) elide(act, op);
			resolve_cancelled(act, op);
			break;
		case TPG_OP_FIBER:
			/* a function cleans up, and may even go on */
			op->cancelled = true;
			tpg_fiber_cancel(act, fiber_of(act, op), act->cancelling_run);
			break;
		case TPG_OP_CHILD:
			tpg_child_cancel(act, op);
			break;
		case TPG_OP_CHILD_START:
			tpg_op_cancel(act, op->inner);
			break;
		case TPG_OP_SIGNAL:
		case TPG_OP_CONDITION:
		case TPG_OP_LOCK:
		case TPG_OP_SHIELD:
			resolve_cancelled(act, op);
			break;
		case TPG_OP_KINDS:
			break;
	}
}

TpgOp *
tpg_op_shield(TpgActivation *act, TpgOp *inner)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "shield");
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "shield");
	op = tpg_activation_add_op(act, TPG_OP_SHIELD);
	op->inner = inner;
	op->type = inner->type;
	act->nshields++;
	if (tpg_op_done(inner))
		tpg_shield_done(act, op);
	tpg_fiber_record(act, "shield")->op = op;
	return op;
}
