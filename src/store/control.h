/*-------------------------------------------------------------------------
 * store/control.h - what operators change of pending activities; table temporal_internal.activity_request.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_CONTROL_H
#define TPG_STORE_CONTROL_H

#include "store/activity.h"

/* An activity with what operators have changed of it. */
typedef struct TpgControlledActivity
{
	TpgActivityTask task;		/* attributes: those of its event alone */
	Jsonb	   *options;		/* in place of the event's; may be NULL */
	Jsonb	   *pause_info;		/* may be NULL */
} TpgControlledActivity;

/* NULL: it is gone.  The caller has its row locked. */
extern TpgControlledActivity *tpg_control_read(int64 execution_key, int32 scheduled_event_id);

/*
 * paused, pause_info, crash_count, attempt, options, task_queue, priority.key, due_at,
 * attempt_scheduled_at, timeout_at.  It has lost its place in line.
 */
/* in_line: it is due, for a worker outside, and gets its place in line. */
extern void tpg_control_write(const TpgControlledActivity *activity, bool in_line);

/* Was a reset asked for while its attempt is open?  Without a lock. */
extern bool tpg_control_reset_asked(int64 execution_key, int32 scheduled_event_id);

typedef struct TpgControlTarget
{
	int32		scheduled_event_id;
	bool		in_executor;	/* an executor is working on it */
} TpgControlTarget;

/*
 * The activity of that id, or (NULL) those of a type, '*' for all, of a run: how many.  Those in
 * executors come last.  Nothing is locked.
 */
extern int	tpg_control_targets(int64 execution_key, const char *activity_id, const char *activity_type, TpgControlTarget **targets);

/* Locks the run's row FOR NO KEY UPDATE, as who asks does; false: it is closed. */
extern bool tpg_control_lock_run(int64 execution_key);

/* Asks it of whoever ends the attempt that is running; false: the activity is gone. */
extern bool tpg_control_ask(int64 execution_key, int32 scheduled_event_id, const Jsonb *command);

/*
 * Takes out what is asked of an activity, in order.  How many.  The caller has
 * its row locked, and the execution row FOR SHARE: who asks holds that FOR NO KEY
 * UPDATE, so he has been seen, or finds the row after us.
 */
extern int	tpg_control_take(int64 execution_key, int32 scheduled_event_id, Jsonb ***commands);

/* Of a run. */
extern void tpg_control_delete_all(int64 execution_key);

#endif							/* TPG_STORE_CONTROL_H */
