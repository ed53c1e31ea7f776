/*-------------------------------------------------------------------------
 * store/line.h - the line in which external activities wait for a worker.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_LINE_H
#define TPG_STORE_LINE_H

#include "store/activity.h"
#include "store/linekeys.h"
#include "utils/uuid.h"

/* An activity task that a worker is to get, with what else he is told. */
typedef struct TpgLineTask
{
	int64		pass;
	TpgLineKey *key;			/* NULL: not from the line of a queue */
	double		turn;			/* of that key */
	TpgActivityTask task;		/* attributes: of its ActivityTaskScheduled event */
	char	   *workflow_id;
	char	   *workflow_type;
	char	   *summary;		/* may be NULL */
	pg_uuid_t	run_id;
	int32		activity_cancels;	/* of its execution */
	Jsonb	   *heartbeat_details;	/* may be NULL */
} TpgLineTask;

/* The place of a task that is about to be inserted; -1: none, it does not wait in line. */
extern int64 tpg_line_pass(const TpgActivityTask *task);

/*
 * The first `limit` tasks of a queue, locked until the end of the transaction
 * together with their executions (FOR KEY SHARE), which are open.  Those that somebody
 * has locked are left out.
 */
extern int	tpg_line_claim(int32 namespace_id, const char *task_queue, int limit, TpgLineTask **tasks);

/* The same for the tasks of some runs that are due at `now`: in a test environment. */
extern int	tpg_line_claim_of_runs(const int64 *execution_keys, int nruns, int32 namespace_id, const char *task_queue, TimestampTz now,
								   int limit, TpgLineTask **tasks);

/* Attempts of claimed tasks begin, in the order of the claim, that stay open beyond this transaction: see tpg_activity_open. */
extern void tpg_line_open(const TpgLineTask *tasks, int ntasks);

/* A queue of which some tasks have got in line. */
typedef struct TpgLineQueue
{
	int32		namespace_id;
	char	   *task_queue;
	int			ntasks;
} TpgLineQueue;

/*
 * Tasks that were not due get in line when they are: `limit` of them at most; *ntasks: how many
 * there were.
 */
extern int	tpg_line_join_due(TimestampTz now, int limit, TpgLineQueue **queues, int *ntasks);

#endif							/* TPG_STORE_LINE_H */
