/*-------------------------------------------------------------------------
 * engine/task.c - what a workflow task leaves behind is written.
 *
 * One function turns the new events of a run into rows: history, activity
 * tasks, timers (mail in the future), and one update of the execution row.  An
 * activity or timer that began and ended within the transaction leaves events
 * only.
 *
 * Callers hold the run lock; at the level of the transaction at which the rows
 * are to survive (never within a replay).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "engine/cancel.h"
#include "engine/child.h"
#include "engine/mail.h"
#include "engine/outbox.h"
#include "engine/task.h"
#include "ipc/pollers.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "store/definition.h"
#include "store/heartbeat.h"
#include "store/search_attribute.h"

#define TASK_RETRY_FIRST_US INT64CONST(1000000)
#define TASK_RETRY_MAX_US INT64CONST(600000000)

TpgCloseCheck
tpg_task_check_close(TpgRun *run, TimestampTz now)
{
	TpgStatus	status;

	/* mail is inserted under FOR KEY SHARE: with this lock none can be on its way unseen */
	if (!tpg_execution_lock(run->exec->key, TPG_ROW_UPDATE_NOWAIT, &status))
		return TPG_CLOSE_LOCKED;
	if (tpg_message_more_due(run->exec->key, now, run->message_ids, run->nmessages))
		return TPG_CLOSE_MAIL;
	return TPG_CLOSE_OK;
}

static char *
name_of(const Jsonb *attributes, const char *key)
{
	return tpg_json_get_text(tpg_json_get(attributes, key), "name");
}

TimestampTz
tpg_task_timeout_at(const TpgActivityTask *t)
{
	int64		start = tpg_json_get_duration(t->attributes, "scheduleToStartTimeout", 0);
	int64		close = tpg_json_get_duration(t->attributes, "scheduleToCloseTimeout", 0);
	TimestampTz at = DT_NOEND;

	if (start > 0)
		at = Min(at, t->attempt_scheduled_at + start);
	if (close > 0)
		at = Min(at, t->scheduled_at + close);
	return at;
}

/* As its type is registered now; a type that is registered otherwise later changes its tasks itself. */
static TpgActivityMode
mode_of(const TpgActivityTask *t)
{
	TpgDefinition *def = tpg_definition_lookup(t->namespace_id, TPG_DEF_ACTIVITY, t->activity_type, true);
	TpgActivityMode builtin = tpg_activity_mode_of_builtin(t->activity_type);

	/* '*' is for types that nobody has */
	if (builtin != 0 && (def == NULL || def->dynamic))
		return builtin;
	return def ? tpg_activity_mode_from_name(def->mode) : TPG_MODE_TRANSACTIONAL;
}

void
tpg_task_from_event(const TpgExecution *exec, const TpgEvent *event, TpgActivityTask *t)
{
	TpgPriority own;

	memset(t, 0, sizeof(*t));
	t->execution_key = exec->key;
	t->scheduled_event_id = event->event_id;
	t->namespace_id = exec->namespace_id;
	t->attempt = 1;
	t->activity_id = tpg_json_get_text(event->attributes, "activityId");
	t->activity_type = name_of(event->attributes, "activityType");
	t->task_queue = name_of(event->attributes, "taskQueue");
	if (t->task_queue == NULL)
		t->task_queue = exec->task_queue;
	own = tpg_priority_from_jsonb(tpg_json_get(event->attributes, "priority"));
	t->priority = tpg_priority_inherit(&own, &exec->priority);
	t->mode = mode_of(t);
	t->scheduled_at = t->attempt_scheduled_at = t->due_at = event->time;
	t->attributes = event->attributes;
	t->timeout_at = tpg_task_timeout_at(t);
}

Oid
tpg_task_activity_owner(int32 namespace_id, int64 execution_key, const char *activity_type)
{
	TpgDefinition *def = tpg_definition_lookup(namespace_id, TPG_DEF_ACTIVITY, activity_type, true);
	TpgExecution *exec;

	if (def == NULL || !def->builtin)
		return def ? def->owner : InvalidOid;
	exec = tpg_execution_by_key(execution_key);
	return exec ? tpg_definition_owner_of_run(namespace_id, exec->workflow_type, exec->version) : InvalidOid;
}

void
tpg_task_wake_activity(const TpgActivityTask *t)
{
	if (tpg_clock_is_virtual())
		return;
	if (t->due_at > tpg_clock_now())
		tpg_wake_due(t->due_at);
	else if (t->mode == TPG_MODE_EXTERNAL)
	{
		tpg_wake_pollers(tpg_poller_key(t->namespace_id, t->task_queue), 1, false);
		/* unless it is new it may have no place in line: the dispatcher gives it one */
		if (t->attempt > 1 || t->due_at != t->scheduled_at)
			tpg_wake_due(t->due_at);
	}
	else if (t->mode == TPG_MODE_HTTP)
		tpg_wake_http(t->namespace_id, t->task_queue);
	else
	{
		Oid			owner = tpg_task_activity_owner(t->namespace_id, t->execution_key, t->activity_type);
		TpgWorkItem item = {.execution_key = t->execution_key, .event_id = t->scheduled_event_id, .kind = TPG_WORK_ACTIVITY,
		.priority = tpg_priority_effective(&t->priority)};

		if (OidIsValid(owner))
			tpg_wake_task(owner, item, t->namespace_id, t->task_queue);
		else
			tpg_wake_scan();
	}
	if (!TIMESTAMP_NOT_FINITE(t->timeout_at))
		tpg_wake_due(t->timeout_at);
}

/* What is new, by event id: true where it was also ended by a new event. */
static bool *
find_ended(TpgRun *run)
{
	bool	   *ended = palloc0(run->nevents - run->nstored + 1);

	for (int i = run->nstored; i < run->nevents; i++)
	{
		TpgEvent   *e = &run->events[i];
		const char *key;
		int64		id;

		switch (e->type)
		{
			case TPG_EVENT_ACTIVITY_TASK_COMPLETED:
			case TPG_EVENT_ACTIVITY_TASK_FAILED:
			case TPG_EVENT_ACTIVITY_TASK_TIMED_OUT:
			case TPG_EVENT_ACTIVITY_TASK_CANCELED:
				key = "scheduledEventId";
				break;
			case TPG_EVENT_TIMER_CANCELED:
			case TPG_EVENT_TIMER_FIRED:
				key = "startedEventId";
				break;
			default:
				continue;
		}
		id = tpg_json_get_int(e->attributes, key, 0);
		if (id > run->nstored)
			ended[id - 1 - run->nstored] = true;
		else if (key[1] == 'c')
			run->exec->pending_activities--;	/* was counted by the task that scheduled it */
		else if (e->type == TPG_EVENT_TIMER_CANCELED)
			tpg_message_delete_timer(run->exec->key, (int32) id);
	}
	return ended;
}

static void
write_activity(TpgRun *run, const TpgEvent *e)
{
	TpgActivityTask task;

	run->exec->pending_activities++;
	/* done, within this transaction: its outcome is in the mailbox */
	if (e->event_id == run->mailed_event_id)
		return;
	tpg_task_from_event(run->exec, e, &task);
	for (int i = 0; i < run->nretries; i++)
		if (run->retries[i].scheduled_event_id == e->event_id)
			task = run->retries[i];
	tpg_activity_insert(&task, 1);
	if (task.heartbeat != NULL)
		tpg_heartbeat_put(task.execution_key, task.scheduled_event_id, task.heartbeat);
	tpg_task_wake_activity(&task);
}

static void
write_timer(TpgRun *run, const TpgEvent *e)
{
	int64		us = tpg_json_get_duration(e->attributes, "startToFireTimeout", 0);

	tpg_mail_send(run->exec, TPG_MESSAGE_TIMER, e->event_id, e->time + us, NULL);
}

/* What the code has changed of its memo and search attributes. */
static void
write_upsert(TpgRun *run, const TpgEvent *e)
{
	TpgExecution *exec = run->exec;

	if (e->type == TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
		tpg_search_attributes_upsert(exec->key, exec->namespace_id, tpg_json_get(e->attributes, "searchAttributes"));
	else if (e->type == TPG_EVENT_WORKFLOW_PROPERTIES_MODIFIED)
	{
		exec->memo = tpg_json_merge(exec->memo, tpg_json_get(e->attributes, "upsertedMemo"));
		exec->memo_changed = true;
	}
}

/* Rows for all that is new, but not the execution row. */
static void
write_events(TpgRun *run, bool closing)
{
	bool	   *ended = find_ended(run);

	for (int i = run->nstored; i < run->nevents; i++)
	{
		TpgEvent   *e = &run->events[i];

		run->exec->history_bytes += VARSIZE(e->attributes);
		/* a session may wait for it */
		if (e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
			tpg_wake_waiters(run->exec->key);
		/* done even if the run closes in the same task */
		if (tpg_engine_outbox_is_for(e->type))
			tpg_engine_outbox_add(run->exec, e);
		if (e->type == TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED)
			run->exec->activity_cancels++;
		write_upsert(run, e);
		if (closing || ended[i - run->nstored])
			continue;
		if (e->type == TPG_EVENT_ACTIVITY_TASK_SCHEDULED)
			write_activity(run, e);
		else if (e->type == TPG_EVENT_TIMER_STARTED)
			write_timer(run, e);
	}
	tpg_history_append(run->exec->key, run->events + run->nstored, run->nevents - run->nstored);
	TPG_FAULT("task_events_written");
	pfree(ended);
}

/* Behind the update of the execution row: see engine/cancel. */
static void
cancel_activities(TpgRun *run)
{
	for (int i = run->nstored; i < run->nevents; i++)
		if (run->events[i].type == TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED)
			tpg_engine_cancel_activity(run, (int32) tpg_json_get_int(run->events[i].attributes, "scheduledEventId", 0));
}

/* C-08: a history that is too large or long ends its run. */
static const char *
limit_exceeded(TpgRun *run)
{
	if (run->nevents > tpg_guc_max_history_events)
		return "Workflow history count exceeds limit.";
	if (run->exec->history_bytes > (int64) tpg_guc_max_history_size * 1024)
		return "Workflow history size exceeds limit.";
	return NULL;
}

void
tpg_task_write(TpgRun *run)
{
	const char *limit;

	write_events(run, false);
	limit = limit_exceeded(run);
	if (limit != NULL)
	{
		TpgJson    *b = tpg_json_object();
		TpgEvent   *e;
		TimestampTz now = tpg_clock_now();

		tpg_json_add_text(b, "reason", limit);
		tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_TERMINATED, now, tpg_json_finish(b), NULL);
		e = &run->events[run->nevents - 1];
		tpg_history_append(run->exec->key, e, 1);
		run->nstored = run->nevents;
		tpg_task_write_close(run, TPG_STATUS_TERMINATED, now);
		return;
	}
	tpg_message_delete(run->exec->key, run->message_ids, run->nmessages);
	tpg_execution_update_task(run->exec);
	cancel_activities(run);
}

void
tpg_task_write_close(TpgRun *run, TpgStatus status, TimestampTz now)
{
	write_events(run, true);
	TPG_FAULT("close_before_update");
	run->exec->status = status;
	run->exec->close_time = now;

	/* the whole mailbox: timers, the run timeout; more mail cannot come, since the row is locked */
	tpg_message_delete_all(run->exec->key);
	if (run->exec->pending_activities > 0)
	{
		tpg_engine_activities_delete(run->exec->key);
		tpg_heartbeat_delete_all(run->exec->key);
		tpg_wake_interrupt(run->exec->key, 0, TPG_INTERRUPT_CLOSED);
	}
	run->exec->pending_activities = 0;
	if (!run->children_kept)
		tpg_children_apply_close_policy(run, now);
	if (!run->goes_on)
		tpg_child_report_close(run->exec, &run->events[run->nevents - 1]);
	tpg_execution_update_close(run->exec);
	tpg_wake_waiters(run->exec->key);
}

void
tpg_task_write_failure(TpgRun *run, const Jsonb *failure, const char *cause, TimestampTz now)
{
	TpgExecution *exec = run->exec;
	int			attempt = exec->wft_attempt;
	int64		delay = TASK_RETRY_FIRST_US;

	/* only the first attempt leaves an event (B-19); a group before it that got through is progress */
	if (run->nevents > run->nstored)
		attempt = 1;
	for (int i = 1; i < attempt && delay < TASK_RETRY_MAX_US; i++)
		delay *= 2;
	delay = Min(delay, TASK_RETRY_MAX_US);
	if (attempt == 1)
	{
		TpgJson    *b = tpg_json_object();

		if (cause != NULL)
		{
			tpg_json_add_text(b, "cause", cause);
			tpg_json_add_jsonb(b, "failure", failure);
		}
		else
			tpg_json_add_text(b, "timeoutType", tpg_timeout_type_proto(TPG_TIMEOUT_START_TO_CLOSE));
		run->task_id = 0;
		run->task_time = now;
		tpg_run_append(run, cause ? TPG_EVENT_WORKFLOW_TASK_FAILED : TPG_EVENT_WORKFLOW_TASK_TIMED_OUT, now, tpg_json_finish(b), NULL);
	}
	write_events(run, false);
	tpg_message_delete(exec->key, run->message_ids, run->nmessages);
	tpg_message_delete_kind(exec->key, TPG_MESSAGE_TASK_RETRY);
	exec->wft_attempt = attempt + 1;
	exec->wft_not_before = now + delay;
	exec->last_task_failure = (Jsonb *) failure;
	tpg_mail_send(exec, TPG_MESSAGE_TASK_RETRY, 0, exec->wft_not_before, NULL);
	tpg_execution_update_task_failure(exec);
	cancel_activities(run);
	TPG_FAULT("task_failure_recorded");
}
