/*-------------------------------------------------------------------------
 * model/outcome.c - how an activity ended: as a struct, as mail, as events.
 *
 * The outcome travels as a message; its two events (ActivityTaskStarted, late
 * by B-16, and the closing one) are written by the workflow task that
 * delivers it.  Pure: no tables, results in the caller's memory context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/json.h"
#include "model/outcome.h"

Jsonb *
tpg_outcome_to_jsonb(const TpgOutcome *o)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_int(b, "eventType", o->type);
	if (o->started_at != 0)
	{
		tpg_json_add_int(b, "startedAt", o->started_at);
		tpg_json_add_int(b, "attempt", o->attempt);
		tpg_json_add_text(b, "identity", o->identity);
		tpg_json_add_jsonb(b, "lastFailure", o->last_failure);
	}
	tpg_json_add_jsonb(b, "result", o->result);
	tpg_json_add_jsonb(b, "failure", o->failure);
	if (o->verdict != TPG_RETRY_UNSPECIFIED)
		tpg_json_add_text(b, "retryState", tpg_retry_verdict_proto(o->verdict));
	return tpg_json_finish(b);
}

void
tpg_outcome_from_jsonb(const Jsonb *payload, TpgOutcome *o)
{
	memset(o, 0, sizeof(*o));
	o->type = (TpgEventType) tpg_json_get_int(payload, "eventType", 0);
	o->started_at = tpg_json_get_int(payload, "startedAt", 0);
	o->attempt = (int) tpg_json_get_int(payload, "attempt", 0);
	o->identity = tpg_json_get_text(payload, "identity");
	o->last_failure = tpg_json_get(payload, "lastFailure");
	o->result = tpg_json_get_raw(payload, "result");
	o->failure = tpg_json_get(payload, "failure");
	o->verdict = tpg_retry_verdict_from_proto(tpg_json_get_text(payload, "retryState"));
}

Jsonb *
tpg_outcome_started_attributes(const TpgOutcome *o, int32 scheduled_event_id)
{
	TpgJson    *b = tpg_json_object();

	/* the view adds attempt 1 */
	if (o->attempt != 1)
		tpg_json_add_int(b, "attempt", o->attempt);
	tpg_json_add_text(b, "identity", o->identity);
	tpg_json_add_jsonb(b, "lastFailure", o->last_failure);
	tpg_json_add_int(b, "scheduledEventId", scheduled_event_id);
	return tpg_json_finish(b);
}

Jsonb *
tpg_outcome_close_attributes(const TpgOutcome *o, int32 scheduled_event_id, int32 started_event_id, int32 own_event_id,
							 int32 cancel_requested_event_id)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_jsonb(b, o->type == TPG_EVENT_ACTIVITY_TASK_CANCELED ? "details" : "result", o->result);
	tpg_json_add_jsonb(b, "failure", o->failure);
	if (o->verdict != TPG_RETRY_UNSPECIFIED)
		tpg_json_add_text(b, "retryState", tpg_retry_verdict_proto(o->verdict));
	tpg_json_add_int(b, "scheduledEventId", scheduled_event_id);
	if (cancel_requested_event_id != 0)
		tpg_json_add_int(b, "latestCancelRequestedEventId", cancel_requested_event_id);
	if (started_event_id != own_event_id - 1)
		tpg_json_add_int(b, "startedEventId", started_event_id);
	return tpg_json_finish(b);
}
