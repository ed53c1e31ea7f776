/*-------------------------------------------------------------------------
 * engine/heartbeat.c - heartbeats of attempts that run in executors: from shared memory into the table.
 *
 * An attempt's own transaction can show nothing before it ends, so its heartbeats
 * go through shared memory: seen at once there, and written by the dispatcher in
 * transactions of its own.  Those never wait for anybody (store/heartbeat).
 *
 * When an attempt ends and another follows, its last heartbeat is written with
 * that (D-15); when the activity ends, the row goes with it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "engine/heartbeat.h"
#include "ipc/slots.h"
#include "ipc/wake.h"

int
tpg_engine_heartbeats_keep(TimestampTz now, TpgKeptHeartbeat **kept)
{
	int			nslots = tpg_slot_count_all();
	int			n = 0;

	*kept = palloc(sizeof(TpgKeptHeartbeat) * Max(nslots, 1));
	for (int i = 0; i < nslots; i++)
	{
		TpgKeptHeartbeat *k = &(*kept)[n];
		TpgHeartbeat h;

		if (!tpg_shared_heartbeat_take(i, MyDatabaseId, now, &k->heartbeat))
			continue;
		h.at = k->heartbeat.at;
		h.attempt = k->heartbeat.attempt;
		h.details = (Jsonb *) k->heartbeat.details;
		k->done = tpg_heartbeat_keep(k->heartbeat.execution_key, k->heartbeat.scheduled_event_id, &h, k->heartbeat.open);
		n++;
	}
	/* whoever wanted to close one of these runs has been refused */
	if (n > 0)
		tpg_wake_run_released();
	return n;
}

TpgHeartbeat *
tpg_engine_heartbeat_shared(const TpgActivityTask *t)
{
	TpgSharedHeartbeat shared;
	TpgHeartbeat *h;

	if (!tpg_shared_heartbeat_find(t->execution_key, t->scheduled_event_id, t->attempt, &shared))
		return NULL;
	h = palloc(sizeof(TpgHeartbeat));
	h->at = shared.at;
	h->attempt = shared.attempt;
	h->details = (Jsonb *) shared.details;
	return h;
}

TpgHeartbeat *
tpg_engine_heartbeat_newest(const TpgActivityTask *t)
{
	TpgHeartbeat *shared = tpg_engine_heartbeat_shared(t);
	TpgHeartbeat *kept = tpg_heartbeat_read(t->execution_key, t->scheduled_event_id);

	if (shared == NULL || (kept != NULL && kept->at > shared->at))
		return kept;
	return shared;
}
