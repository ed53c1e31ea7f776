/*-------------------------------------------------------------------------
 * engine/cancel.h - asking a run, or an activity of it, to end.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CANCEL_H
#define TPG_ENGINE_CANCEL_H

#include "engine/run.h"

typedef struct TpgCancelRequest
{
	const char *reason;			/* may be NULL */
	const char *identity;		/* of a session; NULL when a workflow asks */
	const Jsonb *sender;		/* a workflow: {workflowId, runId}; else NULL */
	int32		sender_event_id;	/* its event; 0: none */
} TpgCancelRequest;

/*
 * Puts the request into the mailbox of an open run; false: it is closed.  The
 * code is told once, however often it is asked.  Ends a start delay
 * .  Takes effect at COMMIT; waits for nobody but who closes the run.
 */
extern bool tpg_engine_cancel(const TpgExecution *exec, const TpgCancelRequest *r);

/*
 * What an ActivityTaskCancelRequested of the run means for its task (D-22): one
 * that is not running is over, and its outcome is mail; one that is running is
 * told, and not tried again.  Behind the update of the execution row, so that who
 * records an attempt comes before or after all of it.
 */
extern void tpg_engine_cancel_activity(TpgRun *run, int32 scheduled_event_id);

/*
 * The code has come to its end, with the execution row locked, and its last task
 * may have cancelled activities: no task follows that could tell of those that were not
 * running, so their ActivityTaskCanceled are appended here, in front of the closing
 * event.  No code is told (task_id 0).
 */
extern void tpg_engine_cancelled_at_end(TpgRun *run, TimestampTz now);

#endif							/* TPG_ENGINE_CANCEL_H */
