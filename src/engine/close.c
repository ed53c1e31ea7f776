/*-------------------------------------------------------------------------
 * engine/close.c - closing a run from outside its code.
 *
 * Forced closes run no workflow code.  What the mailbox holds is turned into
 * events first (reference A-23, B-13, S-22), then the closing event follows.
 * Order of locks: run lock, execution row FOR UPDATE, mail.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/chain.h"
#include "engine/close.h"
#include "engine/mail.h"
#include "engine/task.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "store/runlock.h"

int64		tpg_attempt_execution_key = 0;

/* The caller holds the run lock and the row lock. */
static void
force_close(TpgRun *run, TpgEventType type, TpgStatus status, const Jsonb *attributes, TimestampTz now)
{
	/* what an eager step had begun in this task is not part of it */
	tpg_run_drop_new(run);
	tpg_run_open_forced(run, now);
	(void) tpg_mail_take(run, now, false);
	tpg_run_append(run, type, now, attributes, NULL);
	tpg_task_write_close(run, status, now);
}

/* Whether its children and its chain go on in another run: reset. */
typedef struct GoesOn
{
	bool		children;
	bool		chain;
} GoesOn;

static const GoesOn nothing = {false, false};

/* The caller holds the run lock and the row lock; false: the run is gone. */
static bool
terminate_locked(const TpgExecution *exec, const char *reason, const Jsonb *details, const char *identity, GoesOn goes_on)
{
	TpgRun	   *run = tpg_run_load(exec->key);
	TpgJson    *b;

	if (run == NULL)
		return false;
	b = tpg_json_object();
	tpg_json_add_text(b, "reason", reason);
	tpg_json_add_jsonb(b, "details", details);
	tpg_json_add_text(b, "identity", identity);
	run->children_kept = goes_on.children;
	run->goes_on = goes_on.chain;
	force_close(run, TPG_EVENT_WORKFLOW_EXECUTION_TERMINATED, TPG_STATUS_TERMINATED, tpg_json_finish(b), tpg_clock_now());
	tpg_run_release(run, false);
	TPG_FAULT("terminate_before_commit");
	return true;
}

static bool
terminate(const TpgExecution *exec, const char *reason, const Jsonb *details, const char *identity, GoesOn goes_on)
{
	TpgStatus	status;

	if (exec->key == tpg_attempt_execution_key)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("an activity cannot terminate its own workflow \"%s\"", exec->workflow_id),
				 errhint("Let it fail with temporal.raise_application_error(non_retryable => true), or send the workflow a signal.")));

	/* an executor that has the run with an eager activity is asked to put it aside */
	if (!tpg_run_lock(exec->key, false))
	{
		tpg_slot_interrupt(MyDatabaseId, exec->key, TPG_SLOT_WORKFLOW_TASK, TPG_INTERRUPT_YIELD);
		tpg_run_lock(exec->key, true);
	}
	tpg_wake_run_released();
	if (!tpg_execution_lock(exec->key, TPG_ROW_UPDATE, &status) || !tpg_status_is_open(status))
		return false;
	return terminate_locked(exec, reason, details, identity, goes_on);
}

bool
tpg_engine_terminate(const TpgExecution *exec, const char *reason, const Jsonb *details, const char *identity)
{
	return terminate(exec, reason, details, identity, nothing);
}

bool
tpg_engine_terminate_for_reset(const TpgExecution *exec, const char *reason, const char *identity, bool children_kept, bool goes_on)
{
	return terminate(exec, reason, NULL, identity, (GoesOn) {.children = children_kept, .chain = goes_on});
}

TpgTerminateOutcome
tpg_engine_try_terminate(const TpgExecution *exec, const char *reason)
{
	TpgStatus	status;

	if (!tpg_run_lock(exec->key, false))
	{
		tpg_slot_interrupt(MyDatabaseId, exec->key, TPG_SLOT_WORKFLOW_TASK, TPG_INTERRUPT_YIELD);
		return TPG_TERMINATE_LOCKED;
	}
	/* who holds the row says so when he is done (tpg_wake_run_released); then it is tried again */
	if (!tpg_execution_lock(exec->key, TPG_ROW_UPDATE_NOWAIT, &status))
		return TPG_TERMINATE_LOCKED;
	tpg_wake_run_released();
	if (!tpg_status_is_open(status) || !terminate_locked(exec, reason, NULL, NULL, nothing))
		return TPG_TERMINATE_CLOSED;
	return TPG_TERMINATED;
}

/* What the next run is told of a run timeout: as Temporal's server words it. */
static Jsonb *
timeout_failure(void)
{
	TpgJson    *b = tpg_json_object_from(tpg_failure_timeout(TPG_TIMEOUT_START_TO_CLOSE, NULL, NULL));

	tpg_json_add_text(b, "message", "workflow timeout");
	return tpg_json_finish(b);
}

bool
tpg_engine_time_out(TpgRun *run, TimestampTz now)
{
	TpgStatus	status;
	TpgJson    *b = tpg_json_object();
	TpgRetryVerdict verdict = TPG_RETRY_TIMEOUT;
	TpgNextRun	next = {0};
	TpgExecution exec;

	if (!tpg_execution_lock(run->exec->key, TPG_ROW_UPDATE_NOWAIT, &status))
		return false;
	/* nothing follows where it is the execution that has expired, which is known to the millisecond */
	if (run->exec->execution_expiration - now >= 1000)
		verdict = tpg_chain_decide(run, timeout_failure(), NULL, now, &next);
	tpg_json_add_text(b, "retryState", tpg_retry_verdict_proto(verdict));
	tpg_chain_add_next(b, &next);
	force_close(run, TPG_EVENT_WORKFLOW_EXECUTION_TIMED_OUT, TPG_STATUS_TIMED_OUT, tpg_json_finish(b), now);
	tpg_chain_start(run, &next, now, &exec);
	return true;
}
