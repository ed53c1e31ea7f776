/*-------------------------------------------------------------------------
 * store/history.h - table temporal_internal.history.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_HISTORY_H
#define TPG_STORE_HISTORY_H

#include "datatype/timestamp.h"
#include "model/event.h"
#include "utils/jsonb.h"

typedef struct TpgEvent
{
	int32		event_id;
	int32		task_id;		/* activation that delivered it or issued its command; 0: neither */
	TpgEventType type;
	TimestampTz time;
	TimestampTz task_time;		/* clock of that activation */
	Jsonb	   *attributes;
	Jsonb	   *user_metadata;	/* may be NULL */
} TpgEvent;

/* Events from event_id on, in order, in the current memory context. */
extern int	tpg_history_read(int64 execution_key, int32 from_event_id, TpgEvent **events);

/* One event; false when there is none. */
extern bool tpg_history_event(int64 execution_key, int32 event_id, TpgEvent *event);

/* Appends; event ids have been given by the caller, who holds the run lock. */
extern void tpg_history_append(int64 execution_key, const TpgEvent *events, int nevents);

/* Has an ActivityTaskCancelRequested been written for this activity? As of now. */
extern bool tpg_history_cancel_requested(int64 execution_key, int32 scheduled_event_id);

extern void tpg_history_delete(int64 execution_key);

#endif							/* TPG_STORE_HISTORY_H */
