/*-------------------------------------------------------------------------
 *
 * httpstart.c
 *	  When the HTTP process of a database is started: when a request is due, or
 *	  one was in flight in a process that is gone.
 *
 * Called by the dispatcher.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "engine/httpattempt.h"
#include "ipc/databases.h"
#include "ipc/http.h"
#include "ipc/limitsettings.h"
#include "ipc/slots.h"
#include "worker/bgw.h"
#include "worker/httpstart.h"

/* next try when there was no place */
#define NO_ROOM_MS 500
#define SHORTAGE_REPORT_MS 60000

void
tpg_http_look(TimestampTz since, TimestampTz now)
{
	TpgQueueCount *queues;
	int			n;

	if (tpg_http_has_hints() || tpg_engine_http_exists(now, !tpg_http_running()))
		tpg_database_wake_http(tpg_database_find(MyDatabaseId, false), MyDatabaseId);
	if (!tpg_limits_any())
		return;
	n = tpg_activity_http_new(since, now, &queues);
	for (int i = 0; i < n; i++)
		tpg_limits_news(tpg_limits_find(queues[i].namespace_id, queues[i].task_queue), TPG_LIMIT_ACTIVITY, 0);
}

TimestampTz
tpg_http_turn(TimestampTz now)
{
	static TimestampTz reported = 0;
	BackgroundWorkerHandle *handle;
	TimestampTz look_again;
	int			index;

	if (!tpg_http_wanted(now, &look_again))
		return look_again;
	index = tpg_http_promise(now);
	if (tpg_bgw_start("tpg_http_main", "temporal_pg http", "temporal_pg http", index,
					  &MyDatabaseId, sizeof(Oid), &handle))
	{
		pfree(handle);
		return TimestampTzPlusMilliseconds(now, NO_ROOM_MS);
	}
	look_again = TimestampTzPlusMilliseconds(now, NO_ROOM_MS);
	tpg_http_break_promise(look_again);
	(void) tpg_slot_make_room(MyDatabaseId, InvalidOid, 0);
	if (reported == 0 || TimestampDifferenceExceeds(reported, now, SHORTAGE_REPORT_MS))
	{
		reported = now;
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too few background worker slots to start the HTTP process of temporal_pg"),
				 errdetail("Activities of type http wait for it."),
				 errhint("Raise max_worker_processes, or lower temporal_pg.max_executors, and restart the server.")));
	}
	return look_again;
}
