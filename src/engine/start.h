/*-------------------------------------------------------------------------
 * engine/start.h - starting a run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_START_H
#define TPG_ENGINE_START_H

#include "model/retry.h"
#include "store/execution.h"

typedef enum TpgReusePolicy
{
	TPG_REUSE_ALLOW_DUPLICATE,
	TPG_REUSE_ALLOW_DUPLICATE_FAILED_ONLY,
	TPG_REUSE_REJECT_DUPLICATE
} TpgReusePolicy;

typedef enum TpgConflictPolicy
{
	TPG_CONFLICT_FAIL,
	TPG_CONFLICT_USE_EXISTING,
	TPG_CONFLICT_TERMINATE_EXISTING
} TpgConflictPolicy;

typedef struct TpgStartRequest
{
	int32		namespace_id;
	const char *workflow_id;	/* NULL: a new uuid */
	const char *workflow_type;
	const char *task_queue;		/* NULL: the definition's */
	Jsonb	   *input;			/* NULL: none */
	int64		execution_timeout_us;	/* 0: none; the same below */
	int64		run_timeout_us;
	int64		task_timeout_us;
	TpgReusePolicy reuse_policy;
	TpgConflictPolicy conflict_policy;
	TpgRetryPolicy *retry_policy;	/* NULL: none */
	const char *cron_schedule;	/* NULL: none */
	int64		start_delay_us;
	Jsonb	   *memo;
	Jsonb	   *search_attributes;	/* object; checked and typed by the engine */
	const char *static_summary;
	const char *static_details;
	TpgPriority priority;
	const char *request_id;		/* NULL: none */
	const char *identity;

	/* of a child workflow; else NULL, 0, false */
	const Jsonb *parent;		/* {workflowId, runId, initiatedEventId} */
	const Jsonb *root;			/* {workflowId, runId} */
	bool		quiet;			/* an id in use is no error: result->in_use; nor is an unknown type */
} TpgStartRequest;

typedef struct TpgStartResult
{
	char	   *workflow_id;
	pg_uuid_t	run_id;
	bool		started;
	bool		in_use;
	int64		key;
} TpgStartResult;

/* TP011, TP014, TP026 as the contract says. Takes effect at COMMIT. */
extern void tpg_engine_start(const TpgStartRequest *request, TpgStartResult *result);

/*
 * Was this run started by the transaction in progress?  Waiting for it would be for ever (TP009).
 */
extern bool tpg_engine_started_here(int64 execution_key);
extern void tpg_engine_remember_start(int64 execution_key);

#endif							/* TPG_ENGINE_START_H */
