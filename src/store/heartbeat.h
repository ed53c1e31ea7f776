/*-------------------------------------------------------------------------
 * store/heartbeat.h - table temporal_internal.activity_heartbeat.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_HEARTBEAT_H
#define TPG_STORE_HEARTBEAT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct TpgHeartbeat
{
	TimestampTz at;
	int32		attempt;		/* the one that sent it */
	Jsonb	   *details;		/* may be NULL */
} TpgHeartbeat;

/* The last one; NULL: none so far. As of now in any isolation level. */
extern TpgHeartbeat *tpg_heartbeat_read(int64 execution_key, int32 scheduled_event_id);

/* Replaces the last one. The caller has a lock on the row of the activity. */
extern void tpg_heartbeat_put(int64 execution_key, int32 scheduled_event_id, const TpgHeartbeat *heartbeat);

/*
 * The same by somebody who holds nothing, and waits for nobody: for the dispatcher.  open: the attempt is
 * recorded in its row.  False: not now, or the attempt is not the present one any more.
 */
extern bool tpg_heartbeat_keep(int64 execution_key, int32 scheduled_event_id, const TpgHeartbeat *heartbeat, bool open);

extern void tpg_heartbeat_delete(int64 execution_key, int32 scheduled_event_id);

/* Of a run. */
extern void tpg_heartbeat_delete_all(int64 execution_key);

#endif							/* TPG_STORE_HEARTBEAT_H */
