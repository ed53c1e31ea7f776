/*-------------------------------------------------------------------------
 * store/execution.h - table temporal_internal.execution: one row a run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_EXECUTION_H
#define TPG_STORE_EXECUTION_H

#include "datatype/timestamp.h"
#include "model/priority.h"
#include "model/status.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

typedef struct TpgExecution
{
	int64		key;
	int32		namespace_id;
	int32		run_no;
	char	   *workflow_id;
	char	   *workflow_type;
	char	   *task_queue;
	pg_uuid_t	run_id;
	pg_uuid_t	first_run_id;
	pg_uuid_t	original_run_id;
	TpgStatus	status;
	TimestampTz start_time;
	TimestampTz execution_time; /* start_time + start delay */
	TimestampTz close_time;		/* 0: open */
	TimestampTz last_task_time; /* 0: no task yet */
	TimestampTz run_expiration; /* DT_NOEND: none */
	TimestampTz execution_expiration;
	TimestampTz wft_not_before; /* 0: no failed task */
	int64		history_bytes;
	int32		next_event_id;
	int32		last_task_id;
	int32		pending_activities;
	int32		signal_count;
	int32		update_count;
	int32		activity_cancels;	/* activities that were running when they were to be cancelled */
	int32		attempt;
	int32		wft_attempt;
	bool		cancel_requested;
	char	   *start_request_id;	/* may be NULL */
	Jsonb	   *memo;			/* may be NULL */
	Jsonb	   *parent;			/* of a child: {workflowId, runId, initiatedEventId}; else NULL */
	TpgPriority priority;
	bool		memo_changed;	/* by this task: to be written back, too */
	Jsonb	   *last_task_failure;	/* may be NULL */
	Jsonb	   *versioning;		/* of a pinned run: {behavior, version, inherited}; else NULL */
	char	   *version;		/* out of that: which code it runs (store/version.h); else NULL */
} TpgExecution;

/* Has its first task still to come, at the end of the start delay? */
static inline bool
tpg_execution_is_delayed(const TpgExecution *e, TimestampTz now)
{
	return e->last_task_id == 0 && e->execution_time > now;
}

typedef enum TpgRowLock
{
	TPG_ROW_KEY_SHARE,			/* insert mail: conflicts only with closing and deletion */
	TPG_ROW_SHARE,				/* also waits for a workflow task that is being written */
	TPG_ROW_UPDATE,				/* close; waits */
	TPG_ROW_UPDATE_NOWAIT,		/* close; refuses instead of waiting */
	TPG_ROW_KEY_SHARE_NOWAIT
} TpgRowLock;

/* By key, as of now in any isolation level; NULL when it is gone. */
extern TpgExecution *tpg_execution_by_key(int64 key);

/* The current (latest) run of an id, or the run with that run id, as of now; NULL when there is none. */
extern TpgExecution *tpg_execution_find(int32 namespace_id, const char *workflow_id, const pg_uuid_t *run_id);

/*
 * Inserts a run and gives its key; 0 when another run of that number exists
 * (then somebody else has started it; if that is not committed yet, this waits
 * for it first).  fresh_id: the id was made for this run, so there is nobody to
 * conflict with.  e->version is that of e->versioning.
 */
extern int64 tpg_execution_insert(const TpgExecution *execution, bool fresh_id);

/* Locks the row; false when it is gone or (NOWAIT) locked. *status: as of now. */
extern bool tpg_execution_lock(int64 key, TpgRowLock lock, TpgStatus *status);

/*
 * Locks the row of an open run FOR KEY SHARE, once a transaction; NULL when it is gone or has closed.
 * What is true of it from its start on may be read, until the end of the transaction.
 */
extern const TpgExecution *tpg_execution_share(int64 key);

/* Writes back what a workflow task changes, and clears its failure. */
extern void tpg_execution_update_task(const TpgExecution *execution);

/* The same, and closes the run with execution->status and close_time. */
extern void tpg_execution_update_close(const TpgExecution *execution);

/* Records a failed workflow task: next_event_id, history_bytes, wft_attempt, wft_not_before, last_task_failure. */
extern void tpg_execution_update_task_failure(const TpgExecution *execution);

extern void tpg_execution_delete(int64 key);

/* Keys of open runs whose workflow task has failed and waits for its next attempt. */
extern int	tpg_execution_failed_tasks(TimestampTz now, int limit, int64 **keys);
extern void tpg_execution_retry_now(int64 key, TimestampTz now);

/*
 * Looks at the next `limit` runs in order of key, from the cursor on, for closed
 * ones whose retention is over at `now`; the cursor moves on, to 0 at the end.
 * *versions: those that the runs which were looked at are pinned to, as text.
 */
extern int	tpg_execution_expired(TimestampTz now, int64 *cursor, int limit, int64 **keys, List **versions);

/*
 * Keys above `after`, in order, of the next `limit` open runs of a namespace, of
 * one workflow type or (NULL) of all.
 */
extern int	tpg_execution_open_runs(int32 namespace_id, const char *workflow_type, int64 after, int limit, int64 **keys);

#endif							/* TPG_STORE_EXECUTION_H */
