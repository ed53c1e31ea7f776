/*-------------------------------------------------------------------------
 *
 * dispatcher.c
 *	  The dispatcher of a database: finds due work, starts executors.
 *
 * Connected as the bootstrap superuser; it never runs user code.  It sleeps
 * until something is due, somebody sets its latch, or the sweep interval is
 * over; while nothing is due it executes no statement but the sweep's.
 *
 * Every transaction first locks the extension and checks that it is there.
 * Where it is not, the process ends well (code 0) and is not started again
 * before somebody asks.  An error ends it with code 1, and the launcher starts
 * it again: it keeps nothing that the tables don't have.
 *
 * In a database that was restored or copied, nothing runs until post_restore().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/guc.h"
#include "engine/handout.h"
#include "engine/heartbeat.h"
#include "engine/lost.h"
#include "engine/sweep.h"
#include "ipc/databases.h"
#include "ipc/pollers.h"
#include "ipc/dispatch.h"
#include "ipc/queue.h"
#include "store/due.h"
#include "store/extension.h"
#include "store/task_queue.h"
#include "store/version.h"
#include "worker/backlog.h"
#include "worker/bgw.h"
#include "worker/dispatcher.h"
#include "worker/httpstart.h"
#include "worker/parked.h"
#include "worker/pool.h"
#include "worker/scan.h"

/* What a turn is for. */
typedef struct Turn
{
	bool		sweep;			/* the interval is over */
	bool		due;			/* something has become due */
	bool		scan;			/* somebody asked to look at everything */
	bool		refill;			/* a ring has drained */
} Turn;

/* reset at each turn */
static MemoryContext turn_context = NULL;

/* the earliest time at which something is due, as far as we know */
static TimestampTz next_due = DT_NOBEGIN;

/* rows that were due before have been seen, or announced */
static TimestampTz seen_until = DT_NOBEGIN;

/* a function changed, now or while nobody looked: failed workflow tasks may go through now */
static bool functions_changed = true;

static void
function_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	functions_changed = true;
}

/* an executor has ended in the middle of an attempt, now or while nobody looked */
static bool executor_lost = true;

/* Extension gone: nothing to do here any more. */
static void
leave(uint32 requests)
{
	tpg_queue_forget_database(MyDatabaseId);
	tpg_poller_wake_database(MyDatabaseId, true);
	tpg_dispatcher_answer(requests);
	proc_exit(0);
}

/* a copy whose workflows run elsewhere gets no executors, whatever is started in it */
static bool home_is_ours = false;

/* what a restored copy had when it was made is not what it has now */
static bool settings_read = false;

/*
 * Begins a transaction; returns whether workflows of this database run here.
 * The requests are read before the extension is looked for: one that comes
 * later, from a CREATE EXTENSION that commits later, stays unanswered.
 */
static bool
begin_transaction(void)
{
	uint32		requests = tpg_dispatcher_requests();
	bool		was_ours;

	tpg_bgw_begin();
	if (!tpg_extension_lock())
	{
		tpg_bgw_commit();
		leave(requests);
	}
	was_ours = home_is_ours;
	home_is_ours = tpg_home_is_ours();
	if (!was_ours)
		settings_read = false;
	return home_is_ours;
}

static void
commit_transaction(void)
{
	tpg_bgw_commit();
	pgstat_report_stat(false);
}

/* Heartbeats that are due into the table; gives the time of the next. */
static TimestampTz
keep_heartbeats(TimestampTz now)
{
	TpgKeptHeartbeat *kept = NULL;
	int			n = 0;

	pgstat_report_activity(STATE_RUNNING, "keep heartbeats");
	if (begin_transaction())
	{
		MemoryContext old = MemoryContextSwitchTo(turn_context);

		n = tpg_engine_heartbeats_keep(now, &kept);
		MemoryContextSwitchTo(old);
	}
	commit_transaction();
	for (int i = 0; i < n; i++)
		tpg_shared_heartbeat_written(&kept[i].heartbeat, GetCurrentTimestamp(), kept[i].done);
	pgstat_report_activity(STATE_IDLE, NULL);
	return home_is_ours ? tpg_shared_heartbeat_next(MyDatabaseId) : DT_NOEND;
}

static void
work(Turn *turn)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		ours;

	if (turn->sweep || turn->due)
	{
		pgstat_report_activity(STATE_RUNNING, "sweep");
		ours = begin_transaction();
		if (ours && functions_changed)
		{
			functions_changed = false;
			tpg_versions_follow_owners();
			tpg_engine_retry_failed_tasks();
		}
		if (ours)
		{
			if (executor_lost)
				executor_lost = tpg_engine_find_lost(now);
			tpg_engine_sweep(now);
			if (turn->sweep)
				tpg_backlog_recount();
		}
		commit_transaction();
	}

	pgstat_report_activity(STATE_RUNNING, "look for due work");
	ours = begin_transaction();
	if (ours)
	{
		TpgScanMode mode = TPG_SCAN_NEW;

		if (turn->sweep || turn->scan)
			mode = TPG_SCAN_ALL;
		else if (turn->refill)
			mode = TPG_SCAN_RESUME;

		tpg_scan_tables(mode, seen_until, now);
		if (mode == TPG_SCAN_RESUME && turn->due)
			tpg_scan_tables(TPG_SCAN_NEW, seen_until, now);
		tpg_http_look(mode == TPG_SCAN_ALL ? DT_NOBEGIN : seen_until, now);
		if (mode != TPG_SCAN_RESUME || turn->due)
			seen_until = now;
		tpg_engine_line_up(now);
		next_due = tpg_due_next(now);
	}
	else
		next_due = DT_NOEND;
	commit_transaction();
	if (turn->sweep || turn->scan)
		tpg_poller_wake_database(MyDatabaseId, false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * What configure_task_queue() and stop_workers() have written.  A session in the
 * midst of stop_workers() has the last word until it ends; then this is called again.
 */
static void
read_settings(void)
{
	pgstat_report_activity(STATE_RUNNING, "read settings");
	if (begin_transaction())
	{
		settings_read = true;
		tpg_backlog_load();
		tpg_database_set_stopped(MyDatabaseId, tpg_workers_stopped_at() != 0);
	}
	commit_transaction();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* The work of configured task queues.  When to look again. */
static TimestampTz
give_out_backlogs(TimestampTz now)
{
	if (tpg_backlog_wants_rows(now))
	{
		pgstat_report_activity(STATE_RUNNING, "look at task queues");
		if (begin_transaction())
			tpg_backlog_read(now);
		commit_transaction();
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	return tpg_backlog_turn(now);
}

void
tpg_dispatcher_main(Datum main_arg)
{
	Oid			dboid;
	TimestampTz next_sweep = DT_NOBEGIN;
	TimestampTz next_heartbeat = DT_NOBEGIN;	/* the dispatcher before this one may have left some */
	uint32		wait_event;

	memcpy(&dboid, MyBgworkerEntry->bgw_extra, sizeof(dboid));
	tpg_bgw_setup();
	if (!tpg_dispatcher_attach(DatumGetInt32(main_arg), dboid))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	tpg_bgw_pin_settings();
	tpg_bgw_without_jit();
	wait_event = tpg_wait_event("TemporalDispatcherMain");

	turn_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg dispatcher turn",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn_context);

	(void) begin_transaction();
	commit_transaction();
	tpg_dispatcher_confirm();

	CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	tpg_parked_init();
	tpg_pool_init();
	tpg_backlog_init();
	read_settings();
	ereport(DEBUG1, (errmsg_internal("temporal_pg dispatcher started")));

	for (;;)
	{
		TimestampTz now;
		TimestampTz announced;
		TimestampTz wakeup;
		Turn		turn;
		bool		released;

		ResetLatch(MyLatch);
		tpg_bgw_process_interrupts();
		MemoryContextReset(turn_context);
		if (tpg_database_paused(MyDatabaseId))
			proc_exit(0);		/* unanswered: started again when that is over */

		now = GetCurrentTimestamp();
		announced = tpg_dispatcher_take_due();
		next_due = Min(next_due, announced);
		/* it may lie in the past: its transaction took long */
		seen_until = Min(seen_until, announced);

		announced = tpg_dispatcher_take_heartbeat_due();
		next_heartbeat = Min(next_heartbeat, announced);

		released = tpg_dispatcher_take_released();
		/* who wakes us may have made the home row: what he has queued waits for that to be seen */
		turn.scan = tpg_dispatcher_take_scan() || !home_is_ours;
		turn.refill = tpg_dispatcher_take_refill();
		turn.due = now >= next_due;
		turn.sweep = now >= next_sweep;
		if (tpg_dispatcher_take_lost())
		{
			executor_lost = turn.sweep = true;
			tpg_engine_left_over();
		}
		/* the interval may have been changed, and the clock, too */
		if (next_sweep > TimestampTzPlusMilliseconds(now, tpg_guc_sweep_interval))
			turn.sweep = true;

		if (tpg_dispatcher_take_settings())
		{
			read_settings();
			/* what its queues no longer hold back */
			turn.scan = true;
		}
		(void) tpg_dispatcher_take_limits();

		tpg_parked_collect(now);
		if (turn.scan || turn.refill || turn.due || turn.sweep)
		{
			work(&turn);
			now = GetCurrentTimestamp();
			if (turn.sweep)
				next_sweep = TimestampTzPlusMilliseconds(now, tpg_guc_sweep_interval);
		}

		/* a restored copy has become ours */
		if (home_is_ours && !settings_read)
			read_settings();

		if (now >= next_heartbeat)
		{
			/* the first look is for free where there are none */
			next_heartbeat = tpg_shared_heartbeat_next(MyDatabaseId);
			if (now >= next_heartbeat)
				next_heartbeat = keep_heartbeats(now);
		}

		wakeup = Min(Min(next_sweep, next_due), next_heartbeat);
		wakeup = Min(wakeup, tpg_parked_turn(now, released));
		if (home_is_ours)
			wakeup = Min(wakeup, give_out_backlogs(now));
		if (home_is_ours && !tpg_database_stopped(MyDatabaseId))
		{
			wakeup = Min(wakeup, tpg_pool_turn(now));
			wakeup = Min(wakeup, tpg_http_turn(now));
		}
		if (!tpg_dispatcher_plan(wakeup))
			continue;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wakeup),
						 wait_event);
		/* busy again: those who announce something due need not wake us */
		(void) tpg_dispatcher_plan(DT_NOBEGIN);
	}
}
