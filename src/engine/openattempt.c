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
#include "engine/heartbeat.h"
#include "engine/openattempt.h"
#include "engine/token.h"
#include "ipc/wake.h"
#include "store/history.h"

/* The earliest deadline of a started attempt that was last heard of at that time; *type: which. */
static TimestampTz
open_deadline(const TpgActivityTask *t, TimestampTz heard_at, TpgTimeoutType *type)
{
	TimestampTz deadline = tpg_attempt_deadline(t, t->started_at, type);
	int64		heartbeat = tpg_json_get_duration(t->attributes, "heartbeatTimeout", 0);

	if (heartbeat > 0 && heard_at + heartbeat < deadline)
	{
		*type = TPG_TIMEOUT_HEARTBEAT;
		deadline = heard_at + heartbeat;
	}
	return deadline;
}

void
tpg_engine_attempt_open(TpgActivityTask *t, TimestampTz started_at, const char *identity)
{
	TpgTimeoutType type;

	t->started_at = started_at;
	t->due_at = DT_NOEND;
	t->timeout_at = open_deadline(t, started_at, &type);
	t->worker_identity = identity ? pstrdup(identity) : NULL;
	tpg_activity_open(t);
	if (!TIMESTAMP_NOT_FINITE(t->timeout_at) && !tpg_clock_is_virtual())
		tpg_wake_due(t->timeout_at);
	TPG_FAULT("activity_opened");
}

char *
tpg_engine_attempt_token(const TpgActivityTask *t, TimestampTz started_at)
{
	TpgToken	token = {t->execution_key, t->scheduled_event_id, t->attempt, started_at};

	return tpg_token_encode(&token);
}

TpgActivityTask *
tpg_engine_attempt_find(const TpgAttemptName *name, bool shared)
{
	TpgActivityTask *task;
	TpgToken	token;

	if (name->token == NULL)
		return shared ? tpg_activity_lock_shared(name->exec->key, 0, name->activity_id) :
			tpg_activity_lock(name->exec->key, 0, name->activity_id);

	if (!tpg_token_decode(name->token, &token))
		return NULL;
	task = shared ? tpg_activity_lock_shared(token.execution_key, token.scheduled_event_id, NULL) :
		tpg_activity_lock(token.execution_key, token.scheduled_event_id, NULL);
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

bool
tpg_engine_attempt_end(TpgActivityTask *t, TpgAttempt *a)
{
	TpgStatus	status;
	TpgExecution *exec;

	/*
	 * An attempt that may be followed by another waits for a workflow task that
	 * is being written: that may cancel the activity, and either finds it between
	 * two attempts or is seen here (engine/cancel).
	 */
	if (!tpg_execution_lock(t->execution_key, a->end == TPG_ATTEMPT_COMPLETED ? TPG_ROW_KEY_SHARE : TPG_ROW_SHARE, &status) ||
		!tpg_status_is_open(status))
	{
		tpg_activity_delete(t->execution_key, t->scheduled_event_id);
		return false;
	}
	exec = tpg_execution_by_key(t->execution_key);
	a->cancel_requested = tpg_engine_attempt_cancelled(t, exec);
	tpg_engine_attempt_record(t, a, exec);
	if (a->end == TPG_ATTEMPT_COMPLETED)
		TPG_FAULT("activity_recorded");
	else
		TPG_FAULT("activity_retry_recorded");
	return true;
}

bool
tpg_engine_attempt_heartbeat(const TpgActivityTask *t, const Jsonb *details)
{
	TpgHeartbeat heartbeat = {.at = tpg_clock_now(), .attempt = t->attempt, .details = (Jsonb *) details};
	TpgExecution *exec = tpg_execution_by_key(t->execution_key);

	tpg_heartbeat_put(t->execution_key, t->scheduled_event_id, &heartbeat);
	return exec == NULL || tpg_engine_attempt_cancelled(t, exec);
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
