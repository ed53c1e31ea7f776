/*-------------------------------------------------------------------------
 * runtime/cancel.h - cancellation within workflow code.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CANCEL_H
#define TPG_RUNTIME_CANCEL_H

#include "runtime/activation.h"

/*
 * The present or next waiting call of a fiber that would have to wait raises
 * query_canceled, once (G-27, G-28); what it waits for is cancelled, too.
 */
extern void tpg_fiber_cancel(TpgActivation *act, TpgFiber *fiber);

/*
 * Cancels what was started, by its cancellation type: done at once as cancelled,
 * or when its end has come.  Nothing where it is done, or has been cancelled.
 * What was not sent yet leaves no events (S-3, S-13).
 */
extern void tpg_op_cancel(TpgActivation *act, TpgOp *op);

/* The timer of a wait that has ended. */
extern void tpg_op_drop_timer(TpgActivation *act, TpgOp *op);

/* A future that is done with another one, but whose cancellation leaves that alone (G-30). */
extern TpgOp *tpg_op_shield(TpgActivation *act, TpgOp *inner);

/* What a cancelled wait raises, as a failure. */
extern Jsonb *tpg_cancel_failure(TpgActivation *act);

/* Is a failure a cancellation, or caused by one? May be NULL. */
extern bool tpg_cancel_is_failure(const Jsonb *failure);

/*
 * An error of SQLSTATE query_canceled: did the code raise it, or is it that this
 * process was told to stop?
 */
extern bool tpg_cancel_is_of_code(TpgActivation *act, const ErrorData *edata);

#endif							/* TPG_RUNTIME_CANCEL_H */
