/*-------------------------------------------------------------------------
 * store/runsbacklog.h - what is due of some runs, of whatever queues: for a test environment.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_RUNSBACKLOG_H
#define TPG_STORE_RUNSBACKLOG_H

#include "store/task_queue.h"

typedef struct TpgRunsBacklogRow
{
	TpgBacklogRow row;			/* without a version */
	int32		namespace_id;
	char	   *task_queue;
	bool		external;		/* for a worker outside */
	bool		has_settings;	/* its queue */
} TpgRunsBacklogRow;

/*
 * Due workflow tasks or activity tasks of these runs, by queue.  In queues without settings there are no turns:
 * their rows have no fairness key.  Rows are in the current memory context.
 */
extern int	tpg_runs_backlog(const int64 *execution_keys, int nruns, bool activities, TimestampTz now, TpgRunsBacklogRow **rows);

#endif							/* TPG_STORE_RUNSBACKLOG_H */
