/*-------------------------------------------------------------------------
 * model/outcome.h - how an activity ended: as a struct, as mail, as events.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_OUTCOME_H
#define TPG_MODEL_OUTCOME_H

#include "datatype/timestamp.h"
#include "model/event.h"
#include "model/retry.h"
#include "utils/jsonb.h"

typedef struct TpgOutcome
{
	TpgEventType type;			/* ActivityTaskCompleted, Failed, TimedOut or Canceled */
	TimestampTz time;			/* when it ended */
	TimestampTz started_at;		/* of the last attempt; 0: none was running (B-16) */
	int			attempt;
	const char *identity;
	Jsonb	   *last_failure;	/* of the attempt before; may be NULL */
	Jsonb	   *result;			/* when completed; details when cancelled */
	Jsonb	   *failure;		/* when failed or timed out */
	TpgRetryVerdict verdict;	/* when failed or timed out */
} TpgOutcome;

/* To and from the payload of its message. */
extern Jsonb *tpg_outcome_to_jsonb(const TpgOutcome *outcome);
extern void tpg_outcome_from_jsonb(const Jsonb *payload, TpgOutcome *outcome);

/* Attributes of the two events that record it; Temporal's names. */
extern Jsonb *tpg_outcome_started_attributes(const TpgOutcome *outcome, int32 scheduled_event_id);

/* own_event_id: of the closing event; the started one is left out where it is
 * the one before.  cancel_requested_event_id: of a cancelled one; else 0. */
extern Jsonb *tpg_outcome_close_attributes(const TpgOutcome *outcome, int32 scheduled_event_id, int32 started_event_id,
										   int32 own_event_id, int32 cancel_requested_event_id);

#endif							/* TPG_MODEL_OUTCOME_H */
