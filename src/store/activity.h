/*-------------------------------------------------------------------------
 * store/activity.h - table temporal_internal.activity_task: pending activities.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_ACTIVITY_H
#define TPG_STORE_ACTIVITY_H

#include "datatype/timestamp.h"
#include "model/activitymode.h"
#include "model/priority.h"
#include "storage/itemptr.h"
#include "utils/jsonb.h"

/* Whose an attempt is that is recorded and stays open. */
typedef enum TpgInExecutor
{
	TPG_NOT_IN_EXECUTOR = 0,	/* of somebody outside, who has its token */
	TPG_IN_EXECUTOR = 1,		/* autonomous: over when the executor is gone */
	TPG_ALONE_IN_EXECUTOR = 2	/* the same, in careful mode: no other ran when it began */
} TpgInExecutor;

typedef struct TpgActivityTask
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		namespace_id;
	int32		attempt;
	int32		crash_count;
	TpgActivityMode mode;
	bool		paused;
	bool		reset;			/* not in the table: the next attempt is the first again */
	TpgInExecutor in_executor;
	char	   *activity_id;
	char	   *activity_type;
	char	   *task_queue;
	TimestampTz scheduled_at;	/* first scheduling */
	TimestampTz attempt_scheduled_at;
	TimestampTz due_at;
	TimestampTz timeout_at;		/* DT_NOEND: none */
	TimestampTz started_at;		/* 0: no attempt recorded */
	TpgPriority priority;		/* its own or inherited; read: only the key */
	bool		heartbeats_kept;	/* there are heartbeats of it in their table, or there may be */
	ItemPointerData tid;		/* of its row, which this transaction has locked; invalid: not known (store/activityend) */
	struct TpgHeartbeat *heartbeat; /* not in the table: of the attempt that has just ended, to be kept with its retry */
	char	   *worker_identity;	/* of the last attempt that was recorded; may be NULL */
	Jsonb	   *last_failure;	/* may be NULL */
	Jsonb	   *attributes;		/* of its ActivityTaskScheduled event, with what was changed since; NULL where not read */
} TpgActivityTask;

/* Is an attempt of it recorded that stays open beyond its transaction? */
static inline bool
tpg_activity_is_open(const TpgActivityTask *t)
{
	return t->started_at != 0 && TIMESTAMP_IS_NOEND(t->due_at);
}

typedef struct TpgActivityKey
{
	int64		execution_key;
	int32		scheduled_event_id;
	TimestampTz started_at;
} TpgActivityKey;

/* Several at once. */
extern void tpg_activity_insert(const TpgActivityTask *tasks, int ntasks);

/*
 * Claims one by row lock, until the end of the transaction: NULL when it is
 * gone or locked.  With its event's attributes.
 */
extern TpgActivityTask *tpg_activity_claim(int64 execution_key, int32 scheduled_event_id);

/*
 * The same, but waits for whoever has it; as it is then.  By the event, or (event 0)
 * by the id of the activity.
 */
extern TpgActivityTask *tpg_activity_lock(int64 execution_key, int32 scheduled_event_id, const char *activity_id);

/* As tpg_activity_lock, with a lock that lets others do the same and nobody write it: for heartbeats. */
extern TpgActivityTask *tpg_activity_lock_shared(int64 execution_key, int32 scheduled_event_id, const char *activity_id);

/* Next attempt: attempt, due_at, timeout_at, attempt_scheduled_at, last_failure; clears started_at. */
extern void tpg_activity_retry(const TpgActivityTask *task);

/* Careful mode: records that an attempt starts, in a commit of its own. */
extern void tpg_activity_record_start(int64 execution_key, int32 scheduled_event_id, TimestampTz now);

/* An attempt begins that stays open beyond this transaction: started_at, timeout_at, worker_identity, in_executor; due_at becomes infinity. */
extern void tpg_activity_open(const TpgActivityTask *task);

/* timeout_at alone. */
extern void tpg_activity_put_off(const TpgActivityTask *task);

/* paused and crash_count alone. */
extern void tpg_activity_put_crashes(const TpgActivityTask *task);

/* Autonomous attempts that are recorded as running in an executor; nothing is locked. */
extern int	tpg_activity_in_executors(TpgActivityKey **keys);

/* After a crash: a recorded attempt that never ended. */
extern void tpg_activity_record_crash(const TpgActivityTask *task);

/* Tasks whose attempt was recorded as started in careful mode and that nobody holds any more. */
extern int	tpg_activity_crashed(int limit, TpgActivityTask **tasks);

/* Locks (SKIP LOCKED) and gives the tasks, of one run or (0) of all, whose timeout_at has passed. */
extern int	tpg_activity_timed_out(int64 execution_key, TimestampTz now, int limit, TpgActivityTask **tasks);

/*
 * Tasks of a type (NULL: of all types that only '*' runs) without a recorded attempt take the
 * mode in which their type is registered.  How many.
 */
extern int	tpg_activity_take_mode(int32 namespace_id, const char *activity_type);

/* Without a lock. */
extern bool tpg_activity_exists(int64 execution_key, int32 scheduled_event_id);

/* As take_mode, for a type that is not registered any more, and built in. */
extern int	tpg_activity_take_builtin_mode(int32 namespace_id, const char *activity_type, TpgActivityMode mode);

/* Of a task queue. */
typedef struct TpgQueueCount
{
	int32		namespace_id;
	char	   *task_queue;
	int			count;
} TpgQueueCount;

/* Gives how many of them workers outside had in hand, by task queue. */
extern int	tpg_activity_delete_all(int64 execution_key, TpgQueueCount **open);

/*
 * Deletes tasks whose run has closed: who had them locked at that time could not;
 * and what was asked of activities that have ended.
 * *cursor: 0 to begin; where to go on; 0 again at the end.  Result as of delete_all.
 */
extern int	tpg_activity_delete_left_over(int64 *cursor, int limit, TpgQueueCount **open);

/* For this floor: statements that read tasks select these columns of "a", and attributes behind them. */
#define TPG_ACTIVITY_COLUMNS \
	"a.execution_key, a.scheduled_event_id, a.namespace_id, a.attempt, a.crash_count, a.paused, a.activity_id, a.activity_type, " \
	"a.task_queue, a.scheduled_at, a.attempt_scheduled_at, a.due_at, a.timeout_at, a.started_at, a.last_failure, a.mode, a.worker_identity, " \
	"a.priority_key, a.in_executor, nullif(a.fairness_key, ''), a.fairness_weight"
#define TPG_ACTIVITY_NCOLUMNS 21
/* and the column behind them: those of the event h, with what an operator has changed */
#define TPG_ACTIVITY_ATTRIBUTES "coalesce(h.attributes || a.options, h.attributes)"
extern void tpg_activity_from_row(uint64 row, TpgActivityTask *task, MemoryContext context);

/* The beginning of such a statement, and running it: one task (NULL: none), or all; palloc'd. */
/* the dispatcher may have written heartbeats of an attempt that nothing else is left of */
#define TPG_HEARTBEATS_KEPT \
	", EXISTS (SELECT FROM temporal_internal.activity_heartbeat b WHERE b.execution_key = a.execution_key AND b.scheduled_event_id = a.scheduled_event_id)"
#define TPG_ACTIVITY_WITH_EVENT \
	"SELECT " TPG_ACTIVITY_COLUMNS ", " TPG_ACTIVITY_ATTRIBUTES TPG_HEARTBEATS_KEPT " FROM temporal_internal.activity_task a JOIN temporal_internal.history h " \
	"ON h.execution_key = a.execution_key AND h.event_id = a.scheduled_event_id "
struct TpgPlan;
extern TpgActivityTask *tpg_activity_read_one(struct TpgPlan *plan, Datum *values, const char *nulls);
extern int	tpg_activity_read(struct TpgPlan *plan, Datum *values, TpgActivityTask **tasks);

#endif							/* TPG_STORE_ACTIVITY_H */
