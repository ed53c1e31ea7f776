/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  The executors of a database: when there should be more of them.
 *
 * A queue with work and without executors gets one at once.  One whose
 * executors are all busy gets another when nobody has taken anything for a few
 * milliseconds (they are at long activities), or when the ring has not been
 * empty for longer (a real backlog), one at a time: a burst of short tasks does
 * not start processes that have nothing to do by the time they are there.
 *
 * Where no place is free (temporal_pg.max_executors, max_worker_processes),
 * executors of other queues are asked to make room.  A role as whom no executor
 * can be started is tried again with growing delays.
 *
 * Called by the dispatcher outside of transactions; looks at shared memory only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "ipc/databases.h"
#include "ipc/dispatch.h"
#include "ipc/queuestate.h"
#include "ipc/slots.h"
#include "worker/bgw.h"
#include "worker/pool.h"

/* nobody has taken anything for that long: all are at something long */
#define STUCK_MS 5
/* the ring was not empty for that long: more hands would help */
#define BACKLOG_MS 20
/* next try when there was no place; a place that becomes free wakes us, too */
#define NO_ROOM_MS 200
/* executors that are on their way are looked after that often */
#define STARTING_MS 20

/* how often lack of worker slots is reported: when work stands still, and when it only could go faster */
#define STANDSTILL_REPORT_MS 60000
#define SHORTAGE_REPORT_MS 3600000

/* Workers that were registered and have not taken their slot yet, by slot. */
typedef struct Starting
{
	BackgroundWorkerHandle *handle; /* NULL: none */
	uint32		generation;
	TpgQueueRef queue;
} Starting;

static Starting *starting = NULL;
static int	nstarting = 0;

/* by queue: when it last got another executor; failures that were reported */
static TimestampTz last_growth[TPG_MAX_QUEUES];
static uint32 growth_generation[TPG_MAX_QUEUES];
static int	reported_failures[TPG_MAX_QUEUES];

static TimestampTz shortage_reported = 0;
static TimestampTz last_watchdog = 0;

void
tpg_pool_init(void)
{
	starting = MemoryContextAllocZero(TopMemoryContext,
									  mul_size(tpg_slot_count_all(), sizeof(Starting)));
}

/*
 * A worker that has ended without taking its slot leaves it reserved; the
 * handle tells at once, the watchdog (no handle: the dispatcher before us
 * registered it) after a while.
 */
static void
look_after_starting(TimestampTz now)
{
	for (int i = 0; i < tpg_slot_count_all() && nstarting > 0; i++)
	{
		Starting   *s = &starting[i];
		TpgSlotInfo info;
		pid_t		pid;
		BgwHandleStatus status;

		if (s->handle == NULL)
			continue;
		status = GetBackgroundWorkerPid(s->handle, &pid);
		if (status == BGWH_NOT_YET_STARTED)
			continue;
		if (status == BGWH_STARTED && tpg_slot_info(i, &info) &&
			info.status == TPG_SLOT_STARTING)
			continue;			/* there, but it has not said so */
		if (status == BGWH_STOPPED && tpg_slot_release(i, s->generation))
			tpg_queue_start_result(s->queue, false);
		pfree(s->handle);
		s->handle = NULL;
		nstarting--;
	}

	if (TimestampDifferenceExceeds(last_watchdog, now, 1000))
	{
		last_watchdog = now;
		(void) tpg_slot_watchdog(MyDatabaseId, now);
	}
}

static void
report_shortage(TimestampTz now, int members)
{
	if (shortage_reported != 0 &&
		!TimestampDifferenceExceeds(shortage_reported, now,
									members == 0 ? STANDSTILL_REPORT_MS : SHORTAGE_REPORT_MS))
		return;
	shortage_reported = now;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too few background worker slots to start an executor of temporal_pg"),
			 members == 0 ?
			 errdetail("Work waits for an executor that runs as its owner.") :
			 errdetail("Work waits although fewer executors run than temporal_pg.max_executors allows."),
			 errhint("Raise max_worker_processes, or lower temporal_pg.max_executors, and restart the server.")));
}

static void
report_failures(TpgQueueState *queue)
{
	int			i = queue->ref.index;

	if (queue->start_failures == 0)
		reported_failures[i] = 0;
	if (queue->start_failures <= reported_failures[i])
		return;
	reported_failures[i] = queue->start_failures;

	tpg_bgw_begin();
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("could not start an executor of temporal_pg as role \"%s\"",
					GetUserNameFromId(queue->owner, true) ?
					GetUserNameFromId(queue->owner, true) : "?"),
			 errdetail("Attempts that failed in a row: %d. Its workflows and activities wait; the next attempt is made after a delay.",
					   queue->start_failures),
			 TPG_OWNER_NEEDS_LOGIN ?
			 errhint("The log has the reason. The role must exist, have LOGIN and CONNECT on this database, and a connection must be free within the limits of the role and of the database.") :
			 errhint("The log has the reason. The role must exist, have CONNECT on this database, and a connection must be free within the limits of the role and of the database.")));
	tpg_bgw_commit();
}

/* False: there was no place for one. */
static bool
start_executor(TpgQueueState *queue, TimestampTz now)
{
	uint32		generation;
	BackgroundWorkerHandle *handle;
	MemoryContext old;
	bool		registered;
	int			slot = tpg_slot_reserve(queue->dboid, queue->owner, &generation);

	if (slot < 0)
	{
		(void) tpg_slot_make_room(queue->dboid, queue->owner, queue->members);
		return false;
	}

	/* a handle of an earlier tenant of that slot, which has long gone */
	if (starting[slot].handle != NULL)
	{
		pfree(starting[slot].handle);
		starting[slot].handle = NULL;
		nstarting--;
	}

	old = MemoryContextSwitchTo(TopMemoryContext);
	registered = tpg_bgw_start("tpg_executor_main", "temporal_pg executor",
							   "temporal_pg executor", slot,
							   &generation, sizeof(generation), &handle);
	MemoryContextSwitchTo(old);
	if (!registered)
	{
		(void) tpg_slot_release(slot, generation);
		(void) tpg_slot_make_room(queue->dboid, queue->owner, queue->members);
		report_shortage(now, queue->members);
		return false;
	}

	starting[slot].handle = handle;
	starting[slot].generation = generation;
	starting[slot].queue = queue->ref;
	nstarting++;
	last_growth[queue->ref.index] = now;
	growth_generation[queue->ref.index] = queue->ref.generation;
	return true;
}

/* Is it time for one more?  If not yet: when to look again. */
static bool
should_grow(TpgQueueState *queue, TimestampTz now, TimestampTz *look_again)
{
	TimestampTz stuck_at;
	TimestampTz backlog_at;

	if (queue->backoff_until > now)
	{
		*look_again = queue->backoff_until;
		return false;
	}
	if (queue->starting > 0)
	{
		*look_again = TimestampTzPlusMilliseconds(now, STARTING_MS);
		return false;
	}
	if (queue->members == 0)
		return true;

	stuck_at = TimestampTzPlusMilliseconds(Max(queue->last_pop, queue->nonempty_since), STUCK_MS);
	backlog_at = queue->nonempty_since;
	if (growth_generation[queue->ref.index] == queue->ref.generation)
		backlog_at = Max(backlog_at, last_growth[queue->ref.index]);
	backlog_at = TimestampTzPlusMilliseconds(backlog_at, BACKLOG_MS);
	*look_again = Min(stuck_at, backlog_at);
	return *look_again <= now;
}

TimestampTz
tpg_pool_turn(TimestampTz now)
{
	TpgQueueState queues[TPG_MAX_QUEUES];
	TimestampTz next = DT_NOEND;
	bool		repeated = false;
	bool		wanting;
	int			n;

	look_after_starting(now);

	for (;;)
	{
		wanting = false;
		n = tpg_queue_states(MyDatabaseId, queues, TPG_MAX_QUEUES);
		for (int i = 0; i < n; i++)
		{
			TimestampTz look_again = now;

			report_failures(&queues[i]);
			if (queues[i].waiting == 0 || queues[i].idle > 0)
				continue;
			wanting = true;
			if (should_grow(&queues[i], now, &look_again))
				look_again = TimestampTzPlusMilliseconds(now,
														 start_executor(&queues[i], now) ?
														 STARTING_MS : NO_ROOM_MS);
			next = Min(next, look_again);
		}

		/*
		 * The flag stays up as long as somebody wants more: those who push
		 * then need not wake us, and a place that becomes free does.  When it
		 * is taken down, somebody may have pushed just before: look once more.
		 */
		if (wanting || repeated)
			break;
		tpg_dispatcher_set_grow(false);
		repeated = true;
	}
	if (wanting)
		tpg_dispatcher_set_grow(true);

	if (nstarting > 0)
		next = Min(next, TimestampTzPlusMilliseconds(now, STARTING_MS));
	return next;
}
