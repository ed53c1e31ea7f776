/*-------------------------------------------------------------------------
 * runtime/children.h - what workflow code does with child workflows.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHILDREN_H
#define TPG_RUNTIME_CHILDREN_H

#include "model/priority.h"
#include "model/retry.h"
#include "runtime/activation.h"

/* Options of execute_child_workflow as given in the call; -1 or NULL: not given. */
typedef struct TpgChildOptions
{
	const char *type;
	Jsonb	   *input;
	const char *id;				/* NULL: a new uuid */
	const char *task_queue;
	int64		execution_timeout_us;
	int64		run_timeout_us;
	int64		task_timeout_us;
	const char *parent_close_policy;	/* Temporal's name */
	const char *id_reuse_policy;	/* Temporal's name; NULL: allow duplicates */
	TpgCancellation cancellation;
	TpgRetryPolicy *retry_policy;
	const char *cron_schedule;
	Jsonb	   *memo;
	Jsonb	   *search_attributes;
	const char *summary;
	TpgPriority priority;		/* as given by the call */
} TpgChildOptions;

/* Its future is done when the child has ended, or could not be started. */
extern TpgOp *tpg_op_start_child(TpgActivation *act, const TpgChildOptions *options);

/* Waits until it has started; TP011 when it could not. *run_id: of its first run. */
extern void tpg_child_await_start(TpgActivation *act, TpgOp *child, const char **workflow_id, const char **run_id);

/* One of the events 30 to 36. */
extern void tpg_child_deliver(TpgActivation *act, const TpgEvent *event, TpgOp *child);

/* By its cancellation type (G-37, G-38). */
extern void tpg_child_cancel(TpgActivation *act, TpgOp *child);

/* The answer to a request of cancellation that was sent to a child. */
extern void tpg_child_cancel_answered(TpgActivation *act, TpgOp *child);

/* What awaiting it raises: the wrapper around its failure, or the failure to start it. */
extern Jsonb *tpg_child_failure(TpgActivation *act, TpgOp *child);

#endif							/* TPG_RUNTIME_CHILDREN_H */
