/*-------------------------------------------------------------------------
 * engine/heartbeat.h - heartbeats of attempts that run in executors: from shared memory into the table.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_HEARTBEAT_H
#define TPG_ENGINE_HEARTBEAT_H

#include "ipc/heartbeats.h"
#include "store/activity.h"
#include "store/heartbeat.h"

typedef struct TpgKeptHeartbeat
{
	TpgSharedHeartbeat heartbeat;
	bool		done;			/* false: its row was locked, or has gone */
} TpgKeptHeartbeat;

/*
 * Writes those of this database that are due.  How many it has tried: the caller
 * commits, and then says so with tpg_shared_heartbeat_written().
 */
extern int	tpg_engine_heartbeats_keep(TimestampTz now, TpgKeptHeartbeat **kept);

/* The newest heartbeat of an activity, in shared memory or in the table; NULL: none. */
extern TpgHeartbeat *tpg_engine_heartbeat_newest(const TpgActivityTask *task);

/* Of an attempt that this executor has run, and whose transaction is lost; NULL: none. */
extern TpgHeartbeat *tpg_engine_heartbeat_shared(const TpgActivityTask *task);

#endif							/* TPG_ENGINE_HEARTBEAT_H */
