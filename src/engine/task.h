/*-------------------------------------------------------------------------
 * engine/task.h - what a workflow task leaves behind is written.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_TASK_H
#define TPG_ENGINE_TASK_H

#include "engine/run.h"

/* May the run close now?  Locks the row for it. */
typedef enum TpgCloseCheck
{
	TPG_CLOSE_OK,
	TPG_CLOSE_MAIL,				/* new mail is waiting: another turn first (C-04) */
	TPG_CLOSE_LOCKED			/* somebody is inserting mail: later */
} TpgCloseCheck;

extern TpgCloseCheck tpg_task_check_close(TpgRun *run, TimestampTz now);

/* The run goes on: new events, activities, timers; mail taken up is deleted. */
extern void tpg_task_write(TpgRun *run);

/* The same for a run whose last event closes it, with that status. */
extern void tpg_task_write_close(TpgRun *run, TpgStatus status, TimestampTz now);

/*
 * A workflow task has failed: what groups came before stays, the open one has
 * been dropped.  cause: Temporal's WorkflowTaskFailedCause without its prefix; NULL:
 * it has timed out, which is an event of its own (S-24).
 */
extern void tpg_task_write_failure(TpgRun *run, const Jsonb *failure, const char *cause, TimestampTz now);

/* A pending activity as its ActivityTaskScheduled event describes it. */
extern void tpg_task_from_event(const TpgExecution *exec, const TpgEvent *event, TpgActivityTask *task);

/* The earlier of the two deadlines that run while no attempt does. */
extern TimestampTz tpg_task_timeout_at(const TpgActivityTask *task);

/* As whose role it runs: the function's owner, of a built-in type that of the workflow's function. InvalidOid: nothing can run it now. */
extern Oid	tpg_task_activity_owner(int32 namespace_id, int64 execution_key, const char *activity_type);

extern void tpg_task_wake_activity(const TpgActivityTask *task);

#endif							/* TPG_ENGINE_TASK_H */
