/*-------------------------------------------------------------------------
 * engine/resetopen.c - what was open where a run was reset to (reference B-31, B-32).
 *
 * Activities are scheduled anew: whatever became of them later, it is not in the
 * history that is kept.  Timers fire when they were to fire.  What other runs have
 * answered behind the point is told again, since they have done it once: children
 * stay the run's children.
 *
 * Called by engine/reset, in its transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/ident.h"
#include "base/json.h"
#include "engine/child.h"
#include "engine/mail.h"
#include "engine/outbox.h"
#include "engine/resetopen.h"
#include "engine/task.h"
#include "model/outcome.h"
#include "store/activity.h"
#include "store/outbox.h"

/* The event that this one answers; 0: none.  *ends: nothing more comes. */
static int32
answers(const TpgEvent *e, bool *ends)
{
	*ends = true;
	switch (e->type)
	{
		case TPG_EVENT_ACTIVITY_TASK_COMPLETED:
		case TPG_EVENT_ACTIVITY_TASK_FAILED:
		case TPG_EVENT_ACTIVITY_TASK_TIMED_OUT:
		case TPG_EVENT_ACTIVITY_TASK_CANCELED:
			return (int32) tpg_json_get_int(e->attributes, "scheduledEventId", 0);
		case TPG_EVENT_TIMER_FIRED:
		case TPG_EVENT_TIMER_CANCELED:
			return (int32) tpg_json_get_int(e->attributes, "startedEventId", 0);
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED:
			*ends = false;
			return (int32) tpg_json_get_int(e->attributes, "initiatedEventId", 0);
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_COMPLETED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_CANCELED:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED:
		case TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
		case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
			return (int32) tpg_json_get_int(e->attributes, "initiatedEventId", 0);
		default:
			return 0;
	}
}

static void
schedule_again(TpgExecution *exec, const TpgEvent *e, bool cancelled, TimestampTz now)
{
	TpgActivityTask t;

	exec->pending_activities++;
	if (cancelled)
	{
		TpgOutcome	o = {.type = TPG_EVENT_ACTIVITY_TASK_CANCELED, .time = now};

		tpg_mail_send(exec, TPG_MESSAGE_ACTIVITY, e->event_id, now, tpg_outcome_to_jsonb(&o));
		return;
	}
	tpg_task_from_event(exec, e, &t);
	t.scheduled_at = t.attempt_scheduled_at = t.due_at = now;
	t.timeout_at = tpg_task_timeout_at(&t);
	tpg_activity_insert(&t, 1);
	tpg_task_wake_activity(&t);
}

static void
tell_again(const TpgExecution *exec, int32 ref_event_id, TpgEventType type, const Jsonb *attributes, TimestampTz now)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_int(b, "type", type);
	tpg_json_add_jsonb(b, "attributes", attributes);
	tpg_mail_send(exec, TPG_MESSAGE_ANSWER, ref_event_id, now, tpg_json_finish(b));
}

/* Its end, if nobody who is open was told: its outbox finds the new run. */
static void
ask_for_end(const TpgExecution *child, TimestampTz now)
{
	TpgStatus	status;

	if (tpg_execution_lock(child->key, TPG_ROW_KEY_SHARE, &status) && !tpg_status_is_open(status))
	{
		TpgExecution *closed = tpg_execution_by_key(child->key);

		tpg_outbox_insert(closed->key, TPG_OUTBOX_EVENT, closed->next_event_id - 1, now);
		tpg_engine_outbox_wake(closed, now);
	}
}

/* A child that has not ended as far as history tells. */
static void
take_over_child(TpgExecution *exec, const TpgExecution *base, const TpgEvent *initiated, bool started, TimestampTz now)
{
	TpgExecution *child = tpg_child_current(base, tpg_json_get_text(initiated->attributes, "workflowId"), initiated->event_id);

	if (child != NULL)
	{
		if (!started)
		{
			/* base closed before it could be told that the child has started */
			TpgJson    *b = tpg_json_object();
			TpgJson    *execution = tpg_json_object();

			tpg_json_add_text(execution, "workflowId", child->workflow_id);
			tpg_json_add_text(execution, "runId", tpg_uuid_to_text(&child->first_run_id));
			tpg_json_add_int(b, "initiatedEventId", initiated->event_id);
			tpg_json_add_jsonb(b, "workflowType", tpg_json_get(initiated->attributes, "workflowType"));
			tpg_json_add_jsonb(b, "workflowExecution", tpg_json_finish(execution));
			tell_again(exec, initiated->event_id, TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED, tpg_json_finish(b), now);
		}
		ask_for_end(child, now);
	}
	else if (!started)
		tpg_engine_outbox_add(exec, initiated);
	else
	{
		/* deleted since then, or its id is another's: it has ended, we don't know how */
		TpgJson    *b = tpg_json_object();

		tpg_json_add_int(b, "initiatedEventId", initiated->event_id);
		tpg_json_add_jsonb(b, "workflowType", tpg_json_get(initiated->attributes, "workflowType"));
		tell_again(exec, initiated->event_id, TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED, tpg_json_finish(b), now);
	}
}

void
tpg_reset_take_over(TpgExecution *exec, const TpgExecution *base, const TpgEvent *events, int kept,
					const TpgEvent *tail, int ntail, TimestampTz now)
{
	bool	   *ended = palloc0(sizeof(bool) * (kept + 1));
	bool	   *begun = palloc0(sizeof(bool) * (kept + 1));
	bool	   *cancelled = palloc0(sizeof(bool) * (kept + 1));

	for (int i = 0; i < kept; i++)
	{
		bool		ends;
		int32		id = answers(&events[i], &ends);

		if (id > 0 && id <= kept)
			(ends ? ended : begun)[id] = true;
		if (events[i].type == TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED)
			cancelled[tpg_json_get_int(events[i].attributes, "scheduledEventId", 0)] = true;
	}

	/* what others have answered since then; activities are not asked about */
	for (int i = 0; i < ntail; i++)
	{
		bool		ends;
		int32		id = answers(&tail[i], &ends);

		if (id <= 0 || id > kept || ended[id] || events[id - 1].type == TPG_EVENT_ACTIVITY_TASK_SCHEDULED ||
			events[id - 1].type == TPG_EVENT_TIMER_STARTED)
			continue;
		(ends ? ended : begun)[id] = true;
		tell_again(exec, id, tail[i].type, tail[i].attributes, now);
	}

	for (int i = 0; i < kept; i++)
	{
		const TpgEvent *e = &events[i];

		if (ended[e->event_id])
			continue;
		switch (e->type)
		{
			case TPG_EVENT_ACTIVITY_TASK_SCHEDULED:
				schedule_again(exec, e, cancelled[e->event_id], now);
				break;
			case TPG_EVENT_TIMER_STARTED:
				tpg_mail_send(exec, TPG_MESSAGE_TIMER, e->event_id,
							  e->time + tpg_json_get_duration(e->attributes, "startToFireTimeout", 0), NULL);
				break;
			case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
				take_over_child(exec, base, e, begun[e->event_id], now);
				break;
			case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
				/* base closed before the answer */
				tpg_engine_outbox_add(exec, e);
				break;
			default:
				break;
		}
	}
}
