/*-------------------------------------------------------------------------
 * runtime/cancel.h - cancellation within workflow code.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CANCEL_H
#define TPG_RUNTIME_CANCEL_H

#include "runtime/activation.h"

/*
 * The present or next waiting call of a fiber that would have to wait raises
 * query_canceled, once (G-27, G-28); what it waits for is cancelled, too.  with_run: since the run
 * is, whose reason the error then tells.
 */
extern void tpg_fiber_cancel(TpgActivation *act, TpgFiber *fiber, bool with_run);

/*
 * Cancels what was started, by its cancellation type: done at once as cancelled,
 * or when its end has come.  Nothing where it is done, or has been cancelled.
 * What was not sent yet leaves no events (S-3, S-13).
 */
extern void tpg_op_cancel(TpgActivation *act, TpgOp *op);

/*
 * Its end is delivered.  Handlers run before that is seen (G-10), and one of them
 * may have cancelled it: then there is nothing to ask for (B-11).
 */
extern void tpg_op_ended(TpgActivation *act, const TpgOp *op);

/* The timer of a wait that has ended. */
extern void tpg_op_drop_timer(TpgActivation *act, TpgOp *op);

/* A future that is done with another one, but whose cancellation leaves that alone (G-30). */
extern TpgOp *tpg_op_shield(TpgActivation *act, TpgOp *inner);

/* What a cancelled wait of the fiber that runs raises, as a failure. */
extern Jsonb *tpg_cancel_failure(TpgActivation *act);

/* Is a failure a cancellation, or caused by one? May be NULL. */
extern bool tpg_cancel_is_failure(const Jsonb *failure);

#endif							/* TPG_RUNTIME_CANCEL_H */
