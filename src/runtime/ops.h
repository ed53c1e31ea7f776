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
	TpgCancellation cancellation;
	TpgPriority priority;		/* as given by the call */
} TpgActivityOptions;

extern TpgOp *tpg_op_start_activity(TpgActivation *act, const TpgActivityOptions *options);
extern TpgOp *tpg_op_start_local_activity(TpgActivation *act, const TpgActivityOptions *options);
/* A timer of the engine's own: of a timeout. */
extern TpgOp *tpg_op_new_timer(TpgActivation *act, int64 us, const char *summary);
extern TpgOp *tpg_op_start_timer(TpgActivation *act, int64 us, const char *summary);

/* Evaluates once, records, and replays the recorded value. */
extern Jsonb *tpg_op_side_effect(TpgActivation *act, Jsonb *(*evaluate) (void *arg), void *arg);

static inline bool
tpg_op_done(const TpgOp *op)
{
	return op->done_order != 0;
}

/* Is there a local activity to run now?  In order of their starts. */
extern TpgOp *tpg_op_next_local_activity(TpgActivation *act, int *from);

#endif							/* TPG_RUNTIME_OPS_H */
