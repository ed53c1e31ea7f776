/*-------------------------------------------------------------------------
 * engine/attempt.c - an activity attempt has ended: retry or outcome.
 *
 * The decision is the same for queued and eager attempts; only the recording
 * differs (rows here, events in memory there).  Rules: reference D-07 to D-19.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/guc.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "engine/mail.h"
#include "engine/task.h"
#include "ipc/limits.h"
#include "ipc/pollers.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "model/retry.h"
#include "store/activityend.h"
#include "store/heartbeat.h"

static TpgRetryPolicy *
policy_of(const TpgActivityTask *t)
{
	TpgRetryPolicy *policy = tpg_retry_policy_from_jsonb(tpg_json_get(t->attributes, "retryPolicy"));

	if (policy == NULL)
	{
		policy = palloc(sizeof(TpgRetryPolicy));
		tpg_retry_policy_default(policy);
	}
	return policy;
}

static TimestampTz
expiration_of(const TpgActivityTask *t)
{
	int64		close = tpg_json_get_duration(t->attributes, "scheduleToCloseTimeout", 0);

	return close > 0 ? t->scheduled_at + close : DT_NOEND;
}

int64
tpg_attempt_start_to_close(const TpgActivityTask *t)
{
	bool		neither = !tpg_json_has(t->attributes, "scheduleToCloseTimeout");

	return tpg_json_get_duration(t->attributes, "startToCloseTimeout", neither ? TPG_USUAL_START_TO_CLOSE_US : 0);
}

TimestampTz
tpg_attempt_deadline(const TpgActivityTask *t, TimestampTz started_at, TpgTimeoutType *type)
{
	int64		us = tpg_attempt_start_to_close(t);
	TimestampTz expiration = expiration_of(t);
	TimestampTz deadline = us > 0 ? started_at + us : DT_NOEND;

	*type = TPG_TIMEOUT_START_TO_CLOSE;
	if (expiration < deadline)
	{
		*type = TPG_TIMEOUT_SCHEDULE_TO_CLOSE;
		deadline = expiration;
	}
	return deadline;
}

Jsonb *
tpg_attempt_timeout_failure(TpgTimeoutType type, const Jsonb *cause)
{
	return tpg_failure_timeout(type, NULL, cause);
}

/* S-8: the attempt could be repeated, but not before the activity's own deadline. */
static Jsonb *
no_time_left_failure(const Jsonb *cause)
{
	TpgJson    *b = tpg_json_object_from(tpg_failure_timeout(TPG_TIMEOUT_SCHEDULE_TO_CLOSE, NULL, cause));

	tpg_json_add_text(b, "message", "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying");
	return tpg_json_finish(b);
}

bool
tpg_attempt_decide(TpgActivityTask *t, const TpgAttempt *a, TpgOutcome *o)
{
	Jsonb	   *failure = a->failure;
	TpgRetryVerdict verdict;
	int64		delay = 0;

	memset(o, 0, sizeof(*o));
	o->time = a->ended_at;
	o->started_at = a->started_at;
	o->attempt = t->attempt;
	o->identity = a->identity;
	o->last_failure = t->last_failure;

	if (a->end == TPG_ATTEMPT_COMPLETED)
	{
		o->type = TPG_EVENT_ACTIVITY_TASK_COMPLETED;
		o->result = a->result;
		if (a->result == NULL || VARSIZE(a->result) <= (Size) tpg_guc_max_payload_size)
			return false;

		/* D-17: done, but its result cannot be kept */
		o->result = NULL;
		o->type = TPG_EVENT_ACTIVITY_TASK_FAILED;
		o->failure = tpg_failure_server("Complete result exceeds size limit.", true, NULL);
		o->verdict = TPG_RETRY_NON_RETRYABLE_FAILURE;
		return false;
	}

	if (a->end == TPG_ATTEMPT_CANCELED)
	{
		o->type = TPG_EVENT_ACTIVITY_TASK_CANCELED;
		o->result = a->result;
		return false;
	}

	verdict = tpg_retry_next(policy_of(t), t->attempt, failure, a->ended_at, expiration_of(t), &delay);
	/* D-42, D-43: held, or begun anew, whatever the policy says of a failure that could be repeated */
	if ((t->paused || t->reset) && (verdict == TPG_RETRY_MAXIMUM_ATTEMPTS_REACHED || verdict == TPG_RETRY_TIMEOUT))
		verdict = TPG_RETRY_IN_PROGRESS;
	/* D-23 */
	if (verdict == TPG_RETRY_IN_PROGRESS && a->cancel_requested)
		verdict = TPG_RETRY_CANCEL_REQUESTED;
	if (verdict == TPG_RETRY_IN_PROGRESS)
	{
		t->attempt = t->reset ? 1 : t->attempt + 1;
		t->last_failure = tpg_failure_truncate(failure);
		t->started_at = a->started_at;
		t->due_at = t->attempt_scheduled_at = a->ended_at + (t->reset ? 0 : delay);
		t->timeout_at = tpg_task_timeout_at(t);
		t->heartbeat = a->heartbeat;
		return true;
	}

	o->verdict = verdict;
	o->failure = failure;
	if (a->end == TPG_ATTEMPT_FAILED)
		o->type = TPG_EVENT_ACTIVITY_TASK_FAILED;
	else
	{
		o->type = TPG_EVENT_ACTIVITY_TASK_TIMED_OUT;
		/* D-19: what really stopped it is the deadline of the whole */
		if (verdict == TPG_RETRY_TIMEOUT && tpg_failure_timeout_type(failure) != TPG_TIMEOUT_SCHEDULE_TO_CLOSE &&
			tpg_failure_timeout_type(failure) != TPG_TIMEOUT_SCHEDULE_TO_START)
			o->failure = no_time_left_failure(t->last_failure ? t->last_failure : failure);
		else if (tpg_failure_timeout_type(failure) == TPG_TIMEOUT_SCHEDULE_TO_CLOSE ||
				 tpg_failure_timeout_type(failure) == TPG_TIMEOUT_SCHEDULE_TO_START)
			o->verdict = TPG_RETRY_TIMEOUT;
	}
	return false;
}

void
tpg_engine_activity_outcome(const TpgActivityTask *t, const TpgOutcome *o, const TpgExecution *exec)
{
	tpg_activity_delete_task(t);
	/* a first attempt within one transaction leaves none, unless the dispatcher has written some */
	if (t->attempt > 1 || t->started_at != 0 || t->heartbeats_kept)
		tpg_heartbeat_delete(t->execution_key, t->scheduled_event_id);
	tpg_mail_send(exec, TPG_MESSAGE_ACTIVITY, t->scheduled_event_id, o->time, tpg_outcome_to_jsonb(o));
}

void
tpg_engine_activity_mode_changed(int32 namespace_id, const char *activity_type)
{
	if (tpg_activity_take_mode(namespace_id, strcmp(activity_type, "*") == 0 ? NULL : activity_type) > 0)
		tpg_wake_scan();
}

void
tpg_engine_activity_unregistered(int32 namespace_id, const char *activity_type)
{
	TpgActivityMode builtin = tpg_activity_mode_of_builtin(activity_type);

	if (builtin != 0 && tpg_activity_take_builtin_mode(namespace_id, activity_type, builtin) > 0)
		tpg_wake_scan();
}

bool
tpg_engine_attempt_takes_place(int32 namespace_id, const char *task_queue, TimestampTz *again)
{
	if (tpg_clock_is_virtual() || !tpg_limits_hold(namespace_id, task_queue, TPG_LIMIT_ACTIVITY))
		return true;
	if (!tpg_limits_start(namespace_id, task_queue, TPG_LIMIT_ACTIVITY, again))
		return false;
	tpg_limits_keep_open();
	return true;
}

/* So many attempts of workers outside, or requests, have ended. */
static void
give_back_places(int32 namespace_id, const char *task_queue, int count)
{
	tpg_limits_open_ended(namespace_id, task_queue, TPG_LIMIT_ACTIVITY, count);
	/* which may be what somebody waits for */
	if (!tpg_clock_is_virtual() && tpg_limits_hold(namespace_id, task_queue, TPG_LIMIT_ACTIVITY))
		tpg_wake_pollers(tpg_poller_key(namespace_id, task_queue), count, true);
}

void
tpg_engine_attempt_leaves_place(const TpgActivityTask *t)
{
	if ((t->mode == TPG_MODE_EXTERNAL || t->mode == TPG_MODE_HTTP) && tpg_activity_is_open(t))
		give_back_places(t->namespace_id, t->place_queue ? t->place_queue : t->task_queue, 1);
}

static void
give_back_all(const TpgQueueCount *open, int n)
{
	for (int i = 0; i < n; i++)
		give_back_places(open[i].namespace_id, open[i].task_queue, open[i].count);
}

void
tpg_engine_activities_delete(int64 execution_key)
{
	TpgQueueCount *open;
	int			n = tpg_activity_delete_all(execution_key, &open);

	give_back_all(open, n);
}

void
tpg_engine_activities_delete_left_over(int64 *cursor, int limit)
{
	TpgQueueCount *open;
	int			n = tpg_activity_delete_left_over(cursor, limit, &open);

	give_back_all(open, n);
}

bool
tpg_engine_attempt_record(TpgActivityTask *t, const TpgAttempt *a, const TpgExecution *exec)
{
	TpgOutcome	outcome;

	tpg_engine_attempt_leaves_place(t);
	if (!tpg_attempt_decide(t, a, &outcome))
	{
		tpg_engine_activity_outcome(t, &outcome, exec);
		return false;
	}
	tpg_activity_retry(t);
	/* D-15 */
	if (t->heartbeat != NULL)
		tpg_heartbeat_put(t->execution_key, t->scheduled_event_id, t->heartbeat);
	if (!t->paused)
		tpg_task_wake_activity(t);
	return true;
}
