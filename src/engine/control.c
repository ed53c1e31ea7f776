/*-------------------------------------------------------------------------
 * engine/control.c - what operators do to pending activities.
 *
 * A command is applied to the row of the activity.  Where a transactional attempt is running
 * that row is locked, and nobody waits for it: the command becomes a row of activity_request,
 * which whoever ends the attempt takes up (engine/openattempt).  That none is missed: who asks holds
 * the execution row FOR NO KEY UPDATE, who ends an attempt that another may follow holds it FOR
 * SHARE.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/pg_prng.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/control.h"
#include "engine/task.h"
#include "ipc/wake.h"
#include "store/control.h"
#include "store/execution.h"
#include "store/heartbeat.h"

static bool
flag(const Jsonb *command, const char *key)
{
	return tpg_json_get_bool(command, key, false);
}

static Jsonb *
just(const char *op)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "op", op);
	return tpg_json_finish(b);
}

/* What it says of queue and priority; the rest is read where it is needed. */
static void
take_options(TpgActivityTask *t, const Jsonb *options)
{
	char	   *queue = tpg_json_get_text(tpg_json_get(options, "taskQueue"), "name");
	TpgPriority own;

	if (queue != NULL)
		t->task_queue = queue;
	own = tpg_priority_from_jsonb(tpg_json_get(options, "priority"));
	t->priority = tpg_priority_inherit(&own, &t->priority);
}

/* What was changed before stays, also of what the priority consists of. */
static Jsonb *
merge_options(const Jsonb *before, const Jsonb *options)
{
	TpgPriority old = tpg_priority_from_jsonb(tpg_json_get(before, "priority"));
	TpgPriority priority = tpg_priority_from_jsonb(tpg_json_get(options, "priority"));
	TpgJson    *b = tpg_json_object_from(tpg_json_merge(before, options));

	priority = tpg_priority_inherit(&priority, &old);
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&priority));
	return tpg_json_finish(b);
}

static void
restore_options(TpgControlledActivity *c)
{
	const TpgExecution *exec = tpg_execution_by_key(c->task.execution_key);

	c->options = NULL;
	c->task.task_queue = exec->task_queue;
	c->task.priority = exec->priority;
	take_options(&c->task, c->task.attributes);
}

/* Due at once, or within the jitter. */
static void
begin_anew(TpgControlledActivity *c, const Jsonb *command, TimestampTz now)
{
	TpgActivityTask *t = &c->task;
	bool		running = t->started_at != 0;

	if (!t->paused)
	{
		c->pause_info = NULL;
		t->crash_count = 0;
	}
	if (!running)
	{
		t->due_at = now + (int64) (tpg_json_get_duration(command, "jitter", 0) * pg_prng_double(&pg_global_prng_state));
		t->attempt_scheduled_at = t->due_at;
		if (flag(command, "reset_heartbeats"))
			tpg_heartbeat_delete(t->execution_key, t->scheduled_event_id);
	}
}

/* Of one that is running: the attempt goes on, and what comes after it is the first. False: there is nothing to be done. */
static bool
change(TpgControlledActivity *c, const Jsonb *command, TimestampTz now)
{
	TpgActivityTask *t = &c->task;
	bool		running = t->started_at != 0;
	char	   *op = tpg_json_get_text(command, "op");

	if (strcmp(op, "pause") == 0)
	{
		if (t->paused)
			return false;
		t->paused = true;
		c->pause_info = tpg_json_get(command, "info");
	}
	else if (strcmp(op, "unpause") == 0)
	{
		if (!t->paused)
			return false;
		t->paused = false;
		if (flag(command, "reset_attempts"))
		{
			if (running)
				(void) tpg_control_ask(t->execution_key, t->scheduled_event_id, just("reset"));
			else
				t->attempt = 1;
		}
		begin_anew(c, command, now);
	}
	else if (strcmp(op, "reset") == 0)
	{
		t->paused = t->paused && flag(command, "keep_paused");
		if (running)
			(void) tpg_control_ask(t->execution_key, t->scheduled_event_id, command);
		else
		{
			t->attempt = 1;
			if (flag(command, "restore_original_options"))
				restore_options(c);
		}
		begin_anew(c, command, now);
	}
	else
	{
		Jsonb	   *options = tpg_json_get(command, "options");

		c->options = c->options != NULL ? merge_options(c->options, options) : options;
		take_options(t, c->options);
	}
	return true;
}

void
tpg_engine_control_apply(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	TpgControlledActivity *c = tpg_control_read(execution_key, scheduled_event_id);
	TimestampTz now = tpg_clock_now();

	if (c == NULL || !change(c, command, now))
		return;
	if (c->options != NULL)
		c->task.attributes = tpg_json_merge(c->task.attributes, c->options);
	/* too early is right for one that is running: who finds it over computes it anew */
	c->task.timeout_at = c->task.started_at != 0 ? now : tpg_task_timeout_at(&c->task);
	tpg_control_write(c);
	tpg_wake_scan();
}

/* At COMMIT an attempt that runs in an executor is told, with its next heartbeat, of a pause or reset. */
static void
tell_attempt(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	char	   *op = tpg_json_get_text(command, "op");

	/* a task that wanted to close the run meanwhile has been refused */
	tpg_wake_run_released();
	if (strcmp(op, "pause") == 0)
		tpg_wake_interrupt(execution_key, scheduled_event_id, TPG_INTERRUPT_PAUSE);
	else if (strcmp(op, "reset") == 0)
		tpg_wake_interrupt(execution_key, scheduled_event_id, TPG_INTERRUPT_RESET);
}

/* False: it is gone. */
static bool
control_one(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	if (tpg_activity_lock(execution_key, scheduled_event_id, NULL) == NULL)
		return false;
	tpg_engine_control_apply(execution_key, scheduled_event_id, command);
	return true;
}

/* The same where an executor has it; the run's row is locked. */
static bool
control_running(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	bool		found = true;

	if (tpg_activity_claim(execution_key, scheduled_event_id) != NULL)
		tpg_engine_control_apply(execution_key, scheduled_event_id, command);
	else
		found = tpg_control_ask(execution_key, scheduled_event_id, command);
	tell_attempt(execution_key, scheduled_event_id, command);
	return found;
}

bool
tpg_engine_control(int64 execution_key, const char *activity_id, const char *activity_type, const Jsonb *command)
{
	TpgControlTarget *targets;
	TpgStatus	status;
	int			n = tpg_control_targets(execution_key, activity_id, activity_type, &targets);
	bool		any = false;

	/* rows are waited for before the run is locked: who ends an attempt locks in that order */
	for (int i = 0; i < n; i++)
	{
		if (!targets[i].in_executor)
			any |= control_one(execution_key, targets[i].scheduled_event_id, command);
		else if (tpg_control_lock_run(execution_key))
			any |= control_running(execution_key, targets[i].scheduled_event_id, command);
		else
			break;
	}
	/* a run that closed now would leave out what is locked here */
	if (!any || (tpg_execution_lock(execution_key, TPG_ROW_KEY_SHARE, &status) && tpg_status_is_open(status)))
		return any;
	/* one that has closed has left it out */
	tpg_wake_lost();
	return false;
}
