/*-------------------------------------------------------------------------
 * runtime/await.h - workflow code waits for what it has started.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_AWAIT_H
#define TPG_RUNTIME_AWAIT_H

#include "runtime/activation.h"

/*
 * Waits; timeout_us -1: none, else TF005 when it is over.  await_all raises the
 * failure that came first in history; await_any gives the index of the first of the
 * array that is done.
 */
extern Jsonb *tpg_op_await(TpgActivation *act, TpgOp *op, int64 timeout_us);

/* The same, but gives the failure that would be raised; NULL: there is none. */
extern Jsonb *tpg_op_try_await(TpgActivation *act, TpgOp *op, int64 timeout_us, Jsonb **failure);
extern void tpg_op_await_all(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us);
extern int	tpg_op_await_any(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us);

/* Waits without an error at the end of time: false. `how` names the call. */
extern bool tpg_op_await_within(TpgActivation *act, TpgOp *op, int64 timeout_us, const char *how);
extern bool tpg_op_is_done(TpgActivation *act, TpgOp *op);

/* The timer that ends what a fiber waits in; NULL: none. */
extern TpgOp *tpg_wait_timeout(const TpgFiber *fiber);

/*
 * The pending activities that all have to end before a fiber goes on, unless one of
 * them fails, or something else than their ends happens; at most fiber->nwaits_for.
 */
extern int	tpg_wait_activities(const TpgFiber *fiber, int32 *event_ids);

/* What awaiting an op that is done raises; NULL: success. */
extern Jsonb *tpg_op_failure(TpgActivation *act, TpgOp *op);

/* The outcome of an op that is done; raises its failure. */
extern Jsonb *tpg_op_result(TpgActivation *act, TpgOp *op);

#endif							/* TPG_RUNTIME_AWAIT_H */
