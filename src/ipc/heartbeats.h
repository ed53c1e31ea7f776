/*-------------------------------------------------------------------------
 *
 * heartbeats.h
 *	  The last heartbeat of each attempt that runs in an executor.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_HEARTBEATS_H
#define TPG_IPC_HEARTBEATS_H

#include "datatype/timestamp.h"

/* Details up to this size need no memory of their own. */
#define TPG_HEARTBEAT_INLINE 8192

typedef struct TpgSharedHeartbeat
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		attempt;
	bool		open;			/* the attempt is recorded in its row, so its process holds no lock on that */
	TimestampTz at;
	int64		interval_us;	/* written to the table once in that time */
	const void *details;		/* a jsonb; NULL: none */

	/* of one that was read */
	int			slot;
	uint64		version;
} TpgSharedHeartbeat;

/*
 * Executor: replaces what it has told before, seen by others at once.  The first
 * one of an attempt makes the dispatcher write it now.  May fail for want of memory.
 */
extern void tpg_shared_heartbeat_put(const TpgSharedHeartbeat *heartbeat);

/* Executor: the attempt is over. */
extern void tpg_shared_heartbeat_clear(void);

/* The last one of a slot, or of an attempt, palloc'd; false: none. */
extern bool tpg_shared_heartbeat_read(int slot, Oid dboid, TpgSharedHeartbeat *heartbeat);
extern bool tpg_shared_heartbeat_find(int64 execution_key, int32 scheduled_event_id, int32 attempt, TpgSharedHeartbeat *heartbeat);

/* Dispatcher: when the next one is to be written, DT_NOEND: none; and what is due in a slot. */
extern TimestampTz tpg_shared_heartbeat_next(Oid dboid);
extern bool tpg_shared_heartbeat_take(int slot, Oid dboid, TimestampTz now, TpgSharedHeartbeat *heartbeat);

/* Dispatcher: that one has been written, with its commit; or it could not be, and is to be tried again. */
extern void tpg_shared_heartbeat_written(const TpgSharedHeartbeat *heartbeat, TimestampTz now, bool done);

#endif							/* TPG_IPC_HEARTBEATS_H */
