/*-------------------------------------------------------------------------
 * engine/sweep.c - what no message announces: timeouts, retention, crashes.
 *
 * Called by the dispatcher, in transactions of its own; runs no user code.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "engine/close.h"
#include "engine/lost.h"
#include "engine/mail.h"
#include "engine/openattempt.h"
#include "engine/sweep.h"
#include "engine/task.h"
#include "engine/versions.h"
#include "ipc/shmem.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "store/activity.h"
#include "store/activityend.h"
#include "store/control.h"
#include "store/definition.h"
#include "store/outbox.h"
#include "store/request.h"
#include "store/runlock.h"

#define TIMEOUT_BATCH 200
#define RETENTION_PIECE 10000
#define RETENTION_BATCH 1000
#define RETENTION_INTERVAL_US INT64CONST(60000000)

/* Is the run of this task still open?  Then it stays so until this transaction ends. */
static TpgExecution *
open_execution(int64 key)
{
	TpgStatus	status;

	if (!tpg_execution_lock(key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return NULL;
	return tpg_execution_by_key(key);
}

/* An attempt that is recorded as started: retried, where its policy lets it (D-18, D-19). */
static void
fire_open_timeout(TpgActivityTask *t, TimestampTz now)
{
	TpgHeartbeat *heartbeat;
	TpgTimeoutType type;
	TpgAttempt	a = {.end = TPG_ATTEMPT_TIMED_OUT, .ended_at = now, .identity = t->worker_identity};

	if (!tpg_engine_attempt_overdue(t, now, &type, &heartbeat))
		return;
	a.started_at = t->started_at;
	a.failure = tpg_failure_timeout(type, heartbeat ? heartbeat->details : NULL,
									type == TPG_TIMEOUT_SCHEDULE_TO_CLOSE ? t->last_failure : NULL);
	if (t->in_executor != TPG_NOT_IN_EXECUTOR)
		tpg_wake_interrupt(t->execution_key, t->scheduled_event_id, TPG_INTERRUPT_TIMEOUT);
	(void) tpg_engine_attempt_end(t, &a);
	TPG_FAULT("activity_timeout_recorded");
}

/* No attempt is running: schedule-to-start, or schedule-to-close during a backoff (S-7, S-8). */
static void
fire_timeout(TpgActivityTask *t, TimestampTz now)
{
	TpgExecution *exec = open_execution(t->execution_key);
	int64		close = tpg_json_get_duration(t->attributes, "scheduleToCloseTimeout", 0);
	TpgOutcome	o = {0};
	TpgTimeoutType type = close > 0 && t->scheduled_at + close <= now ?
		TPG_TIMEOUT_SCHEDULE_TO_CLOSE : TPG_TIMEOUT_SCHEDULE_TO_START;

	if (exec == NULL)
	{
		tpg_activity_delete(t->execution_key, t->scheduled_event_id);
		return;
	}
	o.type = TPG_EVENT_ACTIVITY_TASK_TIMED_OUT;
	o.time = now;
	o.verdict = TPG_RETRY_TIMEOUT;
	o.failure = tpg_attempt_timeout_failure(type, t->last_failure);
	tpg_engine_activity_outcome(t, &o, exec);
	TPG_FAULT("activity_timeout_recorded");
}

int
tpg_engine_fire_timeouts(int64 execution_key, TimestampTz now)
{
	TpgActivityTask *tasks;
	int			n = tpg_activity_timed_out(execution_key, now, TIMEOUT_BATCH, &tasks);

	for (int i = 0; i < n; i++)
	{
		if (tpg_activity_is_open(&tasks[i]))
			fire_open_timeout(&tasks[i], now);
		else
			fire_timeout(&tasks[i], now);
	}
	return n;
}

void
tpg_engine_delete_run(int64 execution_key)
{
	tpg_message_delete_all(execution_key);
	tpg_engine_activities_delete(execution_key);
	tpg_heartbeat_delete_all(execution_key);
	tpg_control_delete_all(execution_key);
	tpg_history_delete(execution_key);
	tpg_request_delete_all(execution_key);
	tpg_outbox_delete_all(execution_key);
	tpg_execution_delete(execution_key);
}

/*
 * Walks over the runs, a piece each minute, so that its cost does not depend on
 * how many are kept; where a piece had much to delete, the next follows at the
 * next sweep.
 */
static void
delete_expired(TimestampTz now)
{
	static TimestampTz last = 0;
	static int64 cursor = 0;
	int64	   *keys;
	List	   *versions;
	int64		start = cursor;
	int			n;

	if (last != 0 && now - last < RETENTION_INTERVAL_US && now >= last)
		return;
	if (start == 0)
		tpg_versions_walk_begins();
	n = tpg_execution_expired(now, &cursor, RETENTION_PIECE, &keys, &versions);
	tpg_versions_seen(versions);
	for (int i = 0; i < Min(n, RETENTION_BATCH); i++)
	{
		TpgStatus	status;

		/* a start that is about to take the next number of this id holds it */
		if (tpg_execution_lock(keys[i], TPG_ROW_UPDATE_NOWAIT, &status))
			tpg_engine_delete_run(keys[i]);
	}
	if (n > 0)
		TPG_FAULT("retention_batch");
	if (n > RETENTION_BATCH)
		cursor = start;			/* the rest of this piece */
	else if (n < RETENTION_BATCH / 2)
		last = now;
	if (cursor == 0 && n <= RETENTION_BATCH)
		tpg_versions_walk_ends(start);
}

/* somebody has left one just now */
static bool left_over = false;

/*
 * Activities of closed runs whose rows were locked when those closed, and whose
 * holder then raised an error or died.  The same walk, a piece each minute; where
 * one is known to be there, a piece each sweep, since it may hold a place in a
 * limited task queue.
 */
static void
delete_left_over(TimestampTz now)
{
	static TimestampTz last = 0;
	static int64 cursor = 0;
	static bool hurry = false;

	if (left_over)
	{
		cursor = 0;
		hurry = true;
		left_over = false;
	}
	if (!hurry && last != 0 && now - last < RETENTION_INTERVAL_US && now >= last)
		return;
	tpg_engine_activities_delete_left_over(&cursor, RETENTION_PIECE);
	last = now;
	if (cursor == 0)
		hurry = false;
}

void
tpg_engine_left_over(void)
{
	left_over = true;
}

void
tpg_engine_sweep(TimestampTz now)
{
	tpg_engine_find_crashed(now);
	(void) tpg_engine_fire_timeouts(0, now);
	delete_expired(now);
	delete_left_over(now);
}

void
tpg_engine_unroutable(TpgDueRow *row, bool activity)
{
	TimestampTz now = tpg_clock_now();
	Jsonb	   *failure;
	char	   *message = row->version == NULL ? psprintf("%s type \"%s\" has no function", activity ? "activity" : "workflow", row->type) :
		psprintf("version \"%s\" of workflow type \"%s\" has no function", row->version, row->type);

	if (activity)
	{
		TpgActivityTask *t = tpg_activity_claim(row->execution_key, row->event_id);
		TpgExecution *exec;
		TpgAttempt	a = {0};

		if (t == NULL || t->due_at > now || t->paused)
			return;
		exec = open_execution(t->execution_key);
		if (exec == NULL)
		{
			tpg_activity_delete(t->execution_key, t->scheduled_event_id);
			return;
		}
		/* D-51: retryable, since it may be registered by then */
		failure = tpg_failure_application(message, "NotFoundError", NULL, false, -1, NULL, "temporal_pg", NULL);
		a.end = TPG_ATTEMPT_FAILED;
		a.started_at = a.ended_at = now;
		a.failure = failure;
		(void) tpg_engine_attempt_end(t, &a);
	}
	else
	{
		TpgRun	   *run;

		if (!tpg_run_lock(row->execution_key, false))
			return;
		run = tpg_run_load(row->execution_key);
		if (run == NULL || !tpg_status_is_open(run->exec->status) ||
			(run->exec->wft_not_before > now && run->exec->run_expiration > now))
			return;
		/* its run timeout needs no code */
		if (run->exec->run_expiration <= now)
			(void) tpg_engine_time_out(run, now);
		else
		{
			failure = tpg_failure_application(message, "NotFoundError", NULL, false, -1, NULL, "temporal_pg", NULL);
			tpg_task_write_failure(run, failure, "WORKFLOW_WORKER_UNHANDLED_FAILURE", now);
		}
		tpg_run_release(run, false);
	}
}

void
tpg_engine_retry_failed_tasks(void)
{
	TimestampTz now = tpg_clock_now();
	int64	   *keys;
	int			n = tpg_execution_failed_tasks(now, 1000, &keys);

	for (int i = 0; i < n; i++)
	{
		/* whoever works on it right now sees the new code anyway */
		if (tpg_run_lock(keys[i], false))
			tpg_execution_retry_now(keys[i], now);
	}
	if (n > 0)
		tpg_wake_scan();
}
