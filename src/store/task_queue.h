/*-------------------------------------------------------------------------
 * store/task_queue.h - table temporal_internal.task_queue_settings, and what waits in those queues.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_TASK_QUEUE_H
#define TPG_STORE_TASK_QUEUE_H

#include "datatype/timestamp.h"
#include "store/activity.h"
#include "utils/jsonb.h"

typedef struct TpgTaskQueue
{
	int32		namespace_id;
	char	   *name;
	int			max_concurrent_activities;	/* -1: none; the same below */
	int			max_concurrent_workflow_tasks;
	double		activities_per_second;
	double		workflow_tasks_per_second;
	Jsonb	   *fairness_weights;	/* object, never NULL */
	TimestampTz paused_at;		/* 0: not paused */
	char	   *pause_reason;	/* may be NULL */
} TpgTaskQueue;

/* One for update: locks out others who configure it; as without settings where there are none. */
extern void tpg_task_queue_get(int32 namespace_id, const char *name, TpgTaskQueue *queue);

/* Writes it back, or deletes the row when all is as without settings. */
extern void tpg_task_queue_put(const TpgTaskQueue *queue);

extern int	tpg_task_queue_all(TpgTaskQueue **queues);
extern int	tpg_task_queue_count(void);

/* A task that is due. */
typedef struct TpgBacklogRow
{
	int64		execution_key;
	int32		event_id;		/* 0: a workflow task */
	char	   *type;
	char	   *version;		/* that the run is pinned to, or NULL */
	int			priority_key;
	char	   *fairness_key;	/* "": none */
	double		weight;			/* of the queue's settings, else the task's, else 1 */
	TimestampTz due;
	bool		http;			/* for the HTTP process */
} TpgBacklogRow;

/*
 * What is due in a queue, by priority, key and age: of each key the oldest, as many
 * as go into `limit`.  Rows are in the current memory context.
 */
extern int	tpg_task_queue_backlog(int32 namespace_id, const char *name, bool activities, TimestampTz now, int limit, TpgBacklogRow **rows);

/* Attempts that outside workers have in hand, and requests (recorded, and not ended), by the queue that they count in; palloc'd. */
extern int	tpg_task_queue_open_attempts(TpgQueueCount **counts);

/* stop_workers(): since when; 0: they are not stopped. */
extern TimestampTz tpg_workers_stopped_at(void);
extern void tpg_workers_set_stopped(bool stopped);

#endif							/* TPG_STORE_TASK_QUEUE_H */
