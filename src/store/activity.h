/*-------------------------------------------------------------------------
 * store/activity.h - table temporal_internal.activity_task: pending activities.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_ACTIVITY_H
#define TPG_STORE_ACTIVITY_H

#include "datatype/timestamp.h"
#include "model/priority.h"
#include "utils/jsonb.h"

typedef struct TpgActivityTask
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		namespace_id;
	int32		attempt;
	int32		crash_count;
	bool		paused;
	char	   *activity_id;
	char	   *activity_type;
	char	   *task_queue;
	TimestampTz scheduled_at;	/* first scheduling */
	TimestampTz attempt_scheduled_at;
	TimestampTz due_at;
	TimestampTz timeout_at;		/* DT_NOEND: none */
	TimestampTz started_at;		/* 0: no attempt recorded */
	TpgPriority priority;		/* its own or inherited; read: only the key */
	Jsonb	   *last_failure;	/* may be NULL */
	Jsonb	   *attributes;		/* of its ActivityTaskScheduled event; NULL where not read */
} TpgActivityTask;

/* Several at once. */
extern void tpg_activity_insert(const TpgActivityTask *tasks, int ntasks);

/*
 * Claims one by row lock, until the end of the transaction: NULL when it is
 * gone or locked.  With its event's attributes.
 */
extern TpgActivityTask *tpg_activity_claim(int64 execution_key, int32 scheduled_event_id);

/* Still there?  (the run's close deletes it) */
extern bool tpg_activity_delete(int64 execution_key, int32 scheduled_event_id);

/* Next attempt: attempt, due_at, timeout_at, attempt_scheduled_at, last_failure; clears started_at. */
extern void tpg_activity_retry(const TpgActivityTask *task);

/* Careful mode: records that an attempt starts, in a commit of its own. */
extern void tpg_activity_record_start(int64 execution_key, int32 scheduled_event_id, TimestampTz now);

/* After a crash: a recorded attempt that never ended. */
extern void tpg_activity_record_crash(const TpgActivityTask *task);

/* Tasks whose attempt was recorded as started and that nobody holds any more. */
extern int	tpg_activity_crashed(int limit, TpgActivityTask **tasks);

/* Locks (SKIP LOCKED) and gives the tasks, of one run or (0) of all, whose timeout_at has passed. */
extern int	tpg_activity_timed_out(int64 execution_key, TimestampTz now, int limit, TpgActivityTask **tasks);

extern void tpg_activity_delete_all(int64 execution_key);

#endif							/* TPG_STORE_ACTIVITY_H */
