/*-------------------------------------------------------------------------
 * runtime/ops.h - what workflow code can start and wait for.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_OPS_H
#define TPG_RUNTIME_OPS_H

#include "model/retry.h"
#include "runtime/activation.h"

/* Options of execute_activity as given in the call; -1 or NULL: not given. */
typedef struct TpgActivityOptions
{
	const char *type;
	Jsonb	   *input;
	const char *task_queue;
	int64		schedule_to_close_us;
	int64		schedule_to_start_us;
	int64		start_to_close_us;
	int64		heartbeat_us;
	TpgRetryPolicy *retry_policy;
	const char *activity_id;
	const char *summary;
	int			priority_key;	/* 0: not given */
} TpgActivityOptions;

extern TpgOp *tpg_op_start_activity(TpgActivation *act, const TpgActivityOptions *options);
extern TpgOp *tpg_op_start_local_activity(TpgActivation *act, const TpgActivityOptions *options);
extern TpgOp *tpg_op_start_timer(TpgActivation *act, int64 us, const char *summary);
extern void tpg_op_cancel_timer(TpgActivation *act, TpgOp *op);

/* Evaluates once, records, and replays the recorded value. */
extern Jsonb *tpg_op_side_effect(TpgActivation *act, Jsonb *(*evaluate) (void *arg), void *arg);

/*
 * Waits; timeout_us -1: none, else TF005 when it is over.  await_all raises the
 * failure that came first in history; await_any gives the index of the first of the
 * array that is done.
 */
extern Jsonb *tpg_op_await(TpgActivation *act, TpgOp *op, int64 timeout_us);
extern void tpg_op_await_all(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us);
extern int	tpg_op_await_any(TpgActivation *act, TpgOp **ops, int nops, int64 timeout_us);

/* Waits without an error at the end of time: false. `how` names the call. */
extern bool tpg_op_await_within(TpgActivation *act, TpgOp *op, int64 timeout_us, const char *how);
extern bool tpg_op_is_done(TpgActivation *act, TpgOp *op);

/* The timer that ends what a fiber waits in; NULL: none. */
extern TpgOp *tpg_wait_timeout(const TpgFiber *fiber);

/* The outcome of an op that is done; raises its failure. */
extern Jsonb *tpg_op_result(TpgActivation *act, TpgOp *op);

static inline bool
tpg_op_done(const TpgOp *op)
{
	return op->done_order != 0;
}

/* Is there a local activity to run now?  In order of their starts. */
extern TpgOp *tpg_op_next_local_activity(TpgActivation *act, int *from);

#endif							/* TPG_RUNTIME_OPS_H */
