/*-------------------------------------------------------------------------
 * engine/chain.h - the next run of a workflow: continue-as-new, retry, cron.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CHAIN_H
#define TPG_ENGINE_CHAIN_H

#include "base/json.h"
#include "engine/run.h"
#include "model/retry.h"

typedef enum TpgInitiator
{
	TPG_INITIATOR_NONE,			/* no run follows */
	TPG_INITIATOR_WORKFLOW,		/* the code continues as new */
	TPG_INITIATOR_RETRY,
	TPG_INITIATOR_CRON
} TpgInitiator;

/*
 * What the new run is to be.  What is not given is that of the old run's start
 * event; but input is never taken from there, nor is a cron schedule
 * where the code continues as new.
 */
typedef struct TpgNextRun
{
	TpgInitiator initiator;
	pg_uuid_t	run_id;			/* the event that closes the old run names it */
	int64		backoff_us;		/* its first task waits so long */
	int			attempt;
	const char *workflow_type;
	const char *task_queue;
	const Jsonb *input;
	int64		run_timeout_us; /* -1: not given; the same below */
	int64		task_timeout_us;
	const Jsonb *retry_policy;
	const char *cron_schedule;	/* NULL: none */
	const Jsonb *memo;
	const Jsonb *search_attributes;
	bool		upgrade;		/* a pinned run does not hand its version on */
	const Jsonb *failure;		/* of the old run */
	const Jsonb *last_result;	/* of the last run that completed */
} TpgNextRun;

/*
 * The code continues as new: run id and backoff of the next run are made up
 * and these are the attributes of WorkflowExecutionContinuedAsNew.
 */
extern Jsonb *tpg_chain_closing_attributes(const TpgRun *run, TpgNextRun *next, TimestampTz now);

/*
 * What follows a run that failed, or timed out, with `failure`, or completed
 * (NULL) with `result`: retry goes before cron.  The verdict is that of
 * the retry policy, for the closing event.
 */
extern TpgRetryVerdict tpg_chain_decide(const TpgRun *run, const Jsonb *failure, const Jsonb *result, TimestampTz now,
										TpgNextRun *next);

/* To the closing event's attributes: the run that follows, if one does. */
extern void tpg_chain_add_next(TpgJson *attributes, const TpgNextRun *next);

/*
 * The code of a run has returned or failed: the closing event, all rows, and the
 * next run.  The caller holds the row lock and has looked at the mailbox.
 */
extern void tpg_chain_complete(TpgRun *run, const Jsonb *result, TimestampTz now);
extern void tpg_chain_fail(TpgRun *run, const Jsonb *failure, TimestampTz now);

/*
 * Starts the next run, if there is one, of a run that has just been closed, in the
 * same transaction: the caller holds its row lock, so nobody can have taken its
 * number.  *exec is the new run.
 */
extern void tpg_chain_start(const TpgRun *run, const TpgNextRun *next, TimestampTz now, TpgExecution *exec);

#endif							/* TPG_ENGINE_CHAIN_H */
