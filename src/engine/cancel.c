/*-------------------------------------------------------------------------
 * engine/cancel.c - asking a run, or an activity of it, to end.
 *
 * A request is mail, as a signal is, and the code decides what becomes of it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "engine/cancel.h"
#include "engine/mail.h"
#include "ipc/wake.h"
#include "store/activity.h"
#include "store/activityend.h"
#include "store/heartbeat.h"

bool
tpg_engine_cancel(const TpgExecution *exec, const TpgCancelRequest *r)
{
	TpgStatus	status;
	TpgJson    *b = tpg_json_object();
	TimestampTz now = tpg_clock_now();

	if (!tpg_execution_lock(exec->key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return false;
	tpg_wake_run_released();
	if (exec->cancel_requested)
		return true;
	if (tpg_execution_is_delayed(exec, now))
		tpg_mail_bring_forward(exec, now);
	tpg_json_add_text(b, "cause", r->reason);
	if (r->sender_event_id != 0)
		tpg_json_add_int(b, "externalInitiatedEventId", r->sender_event_id);
	tpg_json_add_jsonb(b, "externalWorkflowExecution", r->sender);
	tpg_json_add_text(b, "identity", r->identity);
	tpg_mail_send(exec, TPG_MESSAGE_CANCEL, 0, now, tpg_json_finish(b));
	return true;
}

void
tpg_engine_cancel_activity(TpgRun *run, int32 scheduled_event_id)
{
	TpgActivityTask *task = tpg_activity_claim(run->exec->key, scheduled_event_id);
	TpgOutcome	o = {.type = TPG_EVENT_ACTIVITY_TASK_CANCELED};

	if (task == NULL || tpg_activity_is_open(task))
	{
		/* it runs, or has ended just now; who ends an attempt finds the request in history */
		tpg_wake_interrupt(run->exec->key, scheduled_event_id, TPG_INTERRUPT_CANCEL);
		return;
	}
	o.time = tpg_clock_now();
	o.result = tpg_json_string(TPG_NOT_STARTED);
	tpg_engine_activity_outcome(task, &o, run->exec);
}

/* One of this transaction has no row: what ran of it has failed, and waited for its next attempt. */
static bool
take_not_running(const TpgRun *run, int32 scheduled_event_id)
{
	TpgActivityTask *task;

	if (scheduled_event_id > run->nstored)
		return true;
	task = tpg_activity_claim(run->exec->key, scheduled_event_id);
	if (task == NULL || tpg_activity_is_open(task))
		return false;
	tpg_activity_delete_task(task);
	tpg_heartbeat_delete(task->execution_key, task->scheduled_event_id);
	return true;
}

void
tpg_engine_cancelled_at_end(TpgRun *run, TimestampTz now)
{
	int			nevents = run->nevents;
	int32		task_id = run->task_id;
	TpgOutcome	o = {.type = TPG_EVENT_ACTIVITY_TASK_CANCELED,.time = now,.result = tpg_json_string(TPG_NOT_STARTED)};

	for (int i = run->nstored; i < nevents; i++)
	{
		int32		scheduled_event_id;

		if (run->events[i].type != TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED)
			continue;
		scheduled_event_id = (int32) tpg_json_get_int(run->events[i].attributes, "scheduledEventId", 0);
		if (!take_not_running(run, scheduled_event_id))
			continue;
		run->task_id = 0;
		tpg_run_append(run, o.type, now,
					   tpg_outcome_close_attributes(&o, scheduled_event_id, 0, run->nevents + 1, run->events[i].event_id), NULL);
		run->task_id = task_id;
	}
}
