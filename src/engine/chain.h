/*-------------------------------------------------------------------------
 * engine/chain.h - the next run of a workflow: what continue-as-new starts.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CHAIN_H
#define TPG_ENGINE_CHAIN_H

#include "engine/run.h"

/* What the new run is to be; what is not given is as in the old one. */
typedef struct TpgNextRun
{
	const char *workflow_type;
	const char *task_queue;
	const Jsonb *input;			/* never that of the old run */
	int64		run_timeout_us; /* -1: not given; the same below */
	int64		task_timeout_us;
	const Jsonb *retry_policy;
	const Jsonb *memo;
	const Jsonb *search_attributes;
} TpgNextRun;

/*
 * Attributes of WorkflowExecutionContinuedAsNew, and the delay of the next run
 * and its run id, which it has to have in them.
 */
extern Jsonb *tpg_chain_closing_attributes(const TpgRun *run, const TpgNextRun *next, TimestampTz now, pg_uuid_t *run_id, int64 *backoff_us);

/*
 * Starts the next run of a run that has just been closed, in the same
 * transaction: the caller holds its row lock, so nobody can have taken its
 * number.  *exec is the new run.
 */
extern void tpg_chain_start(const TpgRun *run, const TpgNextRun *next, const pg_uuid_t *run_id, int64 backoff_us, TimestampTz now,
							TpgExecution *exec);

#endif							/* TPG_ENGINE_CHAIN_H */
