/*-------------------------------------------------------------------------
 * engine/openattempt.c - attempts that stay open beyond the transaction in which they began.
 *
 * Their start is in the row of the activity: started_at, due_at infinity.
 * Whoever has the token ends one, in a transaction of his own, and its timeouts
 * are the sweep's.  A heartbeat changes its own short row only, so timeout_at
 * may be too early: whoever finds it over looks at the heartbeat, and puts it off.
 *
 * Lock order: the activity, then the execution.  In the caller's transaction.
 * Rules: reference D-13 to D-32.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/control.h"
#include "engine/heartbeat.h"
#include "engine/openattempt.h"
#include "engine/task.h"
#include "engine/token.h"
#include "ipc/wake.h"
#include "store/activityend.h"
#include "store/control.h"
#include "store/history.h"

/* So long after its deadline an attempt of an executor is ended by others; it has a timer of its own (D-06). */
#define EXECUTOR_GRACE_US INT64CONST(5000000)

/* The earliest deadline of a started attempt that was last heard of at that time; *type: which. */
static TimestampTz
open_deadline(const TpgActivityTask *t, TimestampTz heard_at, TpgTimeoutType *type)
{
	TimestampTz deadline = tpg_attempt_deadline(t, t->started_at, type);
	int64		heartbeat = tpg_json_get_duration(t->attributes, "heartbeatTimeout", 0);

	/* its own timer comes first; of its heartbeats the table knows some time later (runtime/heartbeat) */
	if (t->in_executor != TPG_NOT_IN_EXECUTOR)
	{
		if (!TIMESTAMP_NOT_FINITE(deadline))
			deadline += EXECUTOR_GRACE_US;
		if (heartbeat > 0)
			heartbeat = heartbeat * 2 + EXECUTOR_GRACE_US;
	}
	if (heartbeat > 0 && heard_at + heartbeat < deadline)
	{
		*type = TPG_TIMEOUT_HEARTBEAT;
		deadline = heard_at + heartbeat;
	}
	return deadline;
}

void
tpg_engine_attempt_begin(TpgActivityTask *t, TimestampTz started_at, const char *identity)
{
	TpgTimeoutType type;

	t->started_at = started_at;
	t->due_at = DT_NOEND;
	t->timeout_at = open_deadline(t, started_at, &type);
	t->worker_identity = identity ? pstrdup(identity) : NULL;
}

void
tpg_engine_attempt_open(TpgActivityTask *t, TimestampTz started_at, const char *identity)
{
	tpg_engine_attempt_begin(t, started_at, identity);
	tpg_activity_open(t);
	if (!TIMESTAMP_NOT_FINITE(t->timeout_at) && !tpg_clock_is_virtual())
		tpg_wake_due(t->timeout_at);
	TPG_FAULT("activity_opened");
}

void
tpg_engine_attempt_put_back(TpgActivityTask *t, const TpgHeartbeat *heartbeat)
{
	t->due_at = t->attempt_scheduled_at;
	t->timeout_at = tpg_task_timeout_at(t);
	tpg_activity_retry(t);
	if (heartbeat != NULL)
		tpg_heartbeat_put(t->execution_key, t->scheduled_event_id, heartbeat);
	tpg_task_wake_activity(t);
}

char *
tpg_engine_attempt_token(const TpgActivityTask *t, TimestampTz started_at)
{
	TpgToken	token = {t->execution_key, t->scheduled_event_id, t->attempt, started_at};

	return tpg_token_encode(&token);
}

TpgActivityTask *
tpg_engine_attempt_find(const TpgAttemptName *name, TpgAttemptFind what)
{
	TpgActivityTask *task;
	TpgToken	token;

	if (name->token == NULL)
		return what == TPG_FIND_TO_HEARTBEAT ? tpg_activity_lock_shared(name->exec->key, 0, name->activity_id) :
			tpg_activity_lock(name->exec->key, 0, name->activity_id);

	if (!tpg_token_decode(name->token, &token))
		return NULL;
	if (what == TPG_FIND_TO_COMPLETE)
		task = tpg_activity_lock_to_complete(token.execution_key, token.scheduled_event_id);
	else if (what == TPG_FIND_TO_HEARTBEAT)
		task = tpg_activity_lock_shared(token.execution_key, token.scheduled_event_id, NULL);
	else
		task = tpg_activity_lock(token.execution_key, token.scheduled_event_id, NULL);
	/* D-20: an earlier attempt, or one that was never recorded */
	if (task == NULL || task->attempt != token.attempt || task->started_at != token.started_at)
		return NULL;
	return task;
}

bool
tpg_engine_attempt_cancelled(const TpgActivityTask *t, const TpgExecution *exec)
{
	return exec->activity_cancels > 0 && tpg_history_cancel_requested(t->execution_key, t->scheduled_event_id);
}

void
tpg_engine_attempt_leave(TpgActivityTask *t)
{
	t->in_executor = TPG_NOT_IN_EXECUTOR;
	tpg_engine_attempt_open(t, t->started_at, t->worker_identity);
}

/* As they change what becomes of the attempt that has ended. */
static void
foresee(TpgActivityTask *t, const Jsonb *command)
{
	const char *op = tpg_json_get_text(command, "op");
	Jsonb	   *options = tpg_json_get(command, "options");

	if (strcmp(op, "pause") == 0)
		t->paused = true;
	else if (strcmp(op, "unpause") == 0)
	{
		t->reset = t->reset || (t->paused && tpg_json_get_bool(command, "reset_attempts", false));
		t->paused = false;
	}
	else if (strcmp(op, "reset") == 0)
	{
		t->reset = true;
		t->paused = t->paused && tpg_json_get_bool(command, "keep_paused", false);
	}
	else if (options != NULL && t->attributes != NULL)
		t->attributes = tpg_json_merge(t->attributes, options);
}

/* An attempt has failed, timed out or was cancelled: what operators have asked of the activity meanwhile (D-42 to D-44) counts now. */
static void
record_with_requests(TpgActivityTask *t, const TpgAttempt *a, const TpgExecution *exec)
{
	Jsonb	  **commands;
	int			n = tpg_control_take(t->execution_key, t->scheduled_event_id, &commands);

	for (int i = 0; i < n; i++)
		foresee(t, commands[i]);
	if (!tpg_engine_attempt_record(t, a, exec))
		return;
	for (int i = 0; i < n; i++)
		tpg_engine_control_apply(t->execution_key, t->scheduled_event_id, commands[i]);
}

void
tpg_engine_attempt_requests(const TpgActivityTask *t)
{
	Jsonb	  **commands;
	TpgStatus	status;
	int			n;

	if (!tpg_execution_lock(t->execution_key, TPG_ROW_SHARE, &status))
		return;
	n = tpg_control_take(t->execution_key, t->scheduled_event_id, &commands);
	for (int i = 0; i < n; i++)
		tpg_engine_control_apply(t->execution_key, t->scheduled_event_id, commands[i]);
}

/* Completed: nothing that the run's code does meanwhile changes that. */
static bool
complete(TpgActivityTask *t, TpgAttempt *a)
{
	const TpgExecution *exec = tpg_execution_share(t->execution_key);

	if (exec == NULL)
		return false;
	tpg_engine_attempt_record(t, a, exec);
	TPG_FAULT("activity_recorded");
	return true;
}

/*
 * An attempt that may be followed by another waits for a workflow task that
 * is being written: that may cancel the activity, and either finds it between
 * two attempts or is seen here (engine/cancel).
 */
static bool
fail(TpgActivityTask *t, TpgAttempt *a)
{
	TpgStatus	status;
	TpgExecution *exec;

	if (!tpg_execution_lock(t->execution_key, TPG_ROW_SHARE, &status) || !tpg_status_is_open(status))
		return false;
	exec = tpg_execution_by_key(t->execution_key);
	a->cancel_requested = tpg_engine_attempt_cancelled(t, exec);
	record_with_requests(t, a, exec);
	TPG_FAULT("activity_retry_recorded");
	return true;
}

bool
tpg_engine_attempt_end(TpgActivityTask *t, TpgAttempt *a)
{
	if (a->end == TPG_ATTEMPT_COMPLETED ? complete(t, a) : fail(t, a))
		return true;
	tpg_engine_attempt_leaves_place(t);
	tpg_activity_delete(t->execution_key, t->scheduled_event_id);
	return false;
}

bool
tpg_engine_attempt_heartbeat(const TpgActivityTask *t, const Jsonb *details, TpgAttemptWishes *wishes)
{
	TpgHeartbeat heartbeat = {.at = tpg_clock_now(), .attempt = t->attempt, .details = (Jsonb *) details};
	TpgStatus	status;

	/* a run that closed before we end would leave out this task, and its heartbeat */
	if (!tpg_execution_lock(t->execution_key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return false;
	tpg_wake_run_released();
	tpg_heartbeat_put(t->execution_key, t->scheduled_event_id, &heartbeat);
	wishes->cancel = tpg_engine_attempt_cancelled(t, tpg_execution_by_key(t->execution_key));
	wishes->pause = t->paused;
	wishes->reset = tpg_control_reset_asked(t->execution_key, t->scheduled_event_id);
	return true;
}

bool
tpg_engine_attempt_overdue(TpgActivityTask *t, TimestampTz now, TpgTimeoutType *type, TpgHeartbeat **heartbeat)
{
	TimestampTz deadline;
	TimestampTz heard_at = t->started_at;

	*heartbeat = tpg_engine_heartbeat_newest(t);
	if (*heartbeat != NULL && (*heartbeat)->attempt == t->attempt)
		heard_at = Max(heard_at, (*heartbeat)->at);
	deadline = open_deadline(t, heard_at, type);
	if (deadline <= now)
		return true;
	t->timeout_at = deadline;
	tpg_activity_put_off(t);
	if (!TIMESTAMP_NOT_FINITE(deadline) && !tpg_clock_is_virtual())
		tpg_wake_due(deadline);
	return false;
}
