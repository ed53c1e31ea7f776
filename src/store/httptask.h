/*-------------------------------------------------------------------------
 * store/httptask.h - table temporal_internal.activity_task: activities of type http.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_HTTPTASK_H
#define TPG_STORE_HTTPTASK_H

#include "nodes/pg_list.h"
#include "store/activity.h"

/*
 * Is an attempt due in a task queue without settings, or (or_open) recorded as started in any?
 * unlimited: names of queues whose settings don't count, as C strings.
 */
extern bool tpg_activity_http_exists(TimestampTz now, bool or_open, List *unlimited);

/*
 * Locks and gives what is due in such queues, in order.  Waits for nobody: what is locked, or whose run's
 * row is, is left out.  due_of: the same for these, in their order, whatever their queues are.
 */
extern int	tpg_activity_http_due(TimestampTz now, int limit, List *unlimited, TpgActivityTask **tasks);
extern int	tpg_activity_http_due_of(TimestampTz now, const TpgActivityKey *keys, int nkeys, TpgActivityTask **tasks);

/* The task queues in which some have become due since that time; no counts. */
extern int	tpg_activity_http_new(TimestampTz since, TimestampTz now, TpgQueueCount **queues);

/* One that has ended, with the lock that tpg_engine_attempt_end() would wait for; NULL when it is locked or gone. */
extern TpgActivityTask *tpg_activity_http_claim(int64 execution_key, int32 scheduled_event_id, bool completed);

/* An attempt that is recorded as started; cancelled: its workflow has asked for that. */
typedef struct TpgOpenRequest
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		attempt;
	TimestampTz started_at;
	bool		cancelled;
} TpgOpenRequest;

/* All of them. No locks. */
extern int	tpg_activity_http_open(TpgOpenRequest **requests);

#endif							/* TPG_STORE_HTTPTASK_H */
