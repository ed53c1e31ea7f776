/*-------------------------------------------------------------------------
 *
 * databases.c
 *	  The table of databases: requests, dispatchers, wakes, pauses.
 *
 * Invariant: a database has at most one dispatcher, and none while it is
 * paused; a wake flag that was set before the dispatcher took it is seen by it
 * (set the flag, then the latch; it resets its latch, then takes the flags).
 *
 * The functions with "wake", "request_entry" and "park" in their names are
 * called after commit: atomics and a latch, no lock but a spinlock.  The others
 * take tpg_shared_lock.  No memory is allocated anywhere here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "ipc/layout.h"
#include "ipc/pollers.h"
#include "ipc/shmem.h"

/* how long quiesce() waits, and when it gets serious */
#define QUIESCE_LIMIT_MS 30000
#define QUIESCE_TERMINATE_MS 1000
#define QUIESCE_STEP_MS 5

void
tpg_databases_reset(void)
{
	for (int i = 0; i < tpg_shared->ndatabases; i++)
	{
		TpgDatabase *db = &tpg_databases[i];

		tpg_database_oids[i] = InvalidOid;
		pg_atomic_init_u32(&db->requests, 0);
		pg_atomic_init_u32(&db->answered, 0);
		pg_atomic_init_u32(&db->scan, 0);
		pg_atomic_init_u32(&db->refill, 0);
		pg_atomic_init_u32(&db->released, 0);
		pg_atomic_init_u32(&db->lost, 0);
		pg_atomic_init_u32(&db->grow, 0);
		pg_atomic_init_u32(&db->limits, 0);
		pg_atomic_init_u32(&db->settings, 0);
		pg_atomic_init_u32(&db->stopped, 0);
		pg_atomic_init_u32(&db->stopping, 0);
		for (int c = 0; c < TPG_LANE_CLASSES; c++)
			pg_atomic_init_u32(&db->running[c], 0);
		pg_atomic_init_u64(&db->next_due, (uint64) DT_NOEND);
		pg_atomic_init_u64(&db->heartbeat_due, (uint64) DT_NOEND);
		pg_atomic_init_u64(&db->planned, (uint64) DT_NOEND);
		pg_atomic_init_u32(&db->http_work, 0);
		pg_atomic_init_u32(&db->limits_wanted, 0);
		SpinLockInit(&db->park_mutex);
	}
}

static bool
is_wanted(TpgDatabase *db)
{
	return pg_atomic_read_u32(&db->requests) != pg_atomic_read_u32(&db->answered);
}

/* ---------------------------------------------------------------------
 * Entries
 * ---------------------------------------------------------------------
 */

static int
find_entry(Oid dboid)
{
	for (int i = 0; i < tpg_shared->ndatabases; i++)
	{
		if (tpg_database_oids[i] == dboid)
			return i;
	}
	return -1;
}

/* Start anew with an entry. Caller holds the lock. */
static void
assign_entry(int i, Oid dboid)
{
	TpgDatabase *db = &tpg_databases[i];

	db->status = TPG_DISPATCHER_NONE;
	db->pid = 0;
	db->pauses = 0;
	db->confirmed = false;
	db->starting_since = 0;
	db->retry_at = 0;
	db->dispatcher = NULL;
	pg_atomic_write_u32(&db->answered, pg_atomic_read_u32(&db->requests));
	pg_atomic_write_u32(&db->scan, 0);
	pg_atomic_write_u32(&db->refill, 0);
	pg_atomic_write_u32(&db->released, 0);
	pg_atomic_write_u32(&db->lost, 0);
	pg_atomic_write_u32(&db->grow, 0);
	pg_atomic_write_u32(&db->limits, 0);
	pg_atomic_write_u32(&db->settings, 0);
	pg_atomic_write_u32(&db->stopped, 0);
	pg_atomic_write_u32(&db->stopping, 0);
	for (int c = 0; c < TPG_LANE_CLASSES; c++)
		pg_atomic_write_u32(&db->running[c], 0);
	db->nlimits = 0;
	db->limits_known = pg_atomic_read_u32(&db->limits_wanted) - 1;
	pg_atomic_write_u64(&db->next_due, (uint64) DT_NOEND);
	pg_atomic_write_u64(&db->heartbeat_due, (uint64) DT_NOEND);
	pg_atomic_write_u64(&db->planned, (uint64) DT_NOEND);
	tpg_http_reset(i);
	db->nparked = 0;
	tpg_database_oids[i] = dboid;
}

int
tpg_database_find(Oid dboid, bool create)
{
	int			index;

	if (!tpg_shmem_ready() || !OidIsValid(dboid))
		return -1;
	index = find_entry(dboid);
	if (index >= 0 || !create)
		return index;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	index = find_entry(dboid);
	if (index < 0)
		index = find_entry(InvalidOid);
	if (index < 0)
	{
		/* all in use: take one that nobody looks after any more */
		for (int i = 0; i < tpg_shared->ndatabases; i++)
		{
			TpgDatabase *db = &tpg_databases[i];

			if (db->status == TPG_DISPATCHER_NONE && db->http_status == TPG_DISPATCHER_NONE && db->pauses == 0 && !is_wanted(db))
			{
				index = i;
				break;
			}
		}
	}
	if (index >= 0 && tpg_database_oids[index] != dboid)
		assign_entry(index, dboid);
	LWLockRelease(tpg_shared_lock);
	return index;
}

int
tpg_database_limit(void)
{
	return tpg_shared->ndatabases;
}

void
tpg_database_request_entry(int index, Oid dboid)
{
	if (index < 0 || tpg_database_oids[index] != dboid)
		return;
	pg_atomic_fetch_add_u32(&tpg_databases[index].requests, 1);
	tpg_wake_process(tpg_shared->launcher);
}

bool
tpg_database_request(Oid dboid)
{
	int			index = tpg_database_find(dboid, true);

	if (index < 0)
		return false;
	tpg_database_request_entry(index, dboid);
	return true;
}

/* ---------------------------------------------------------------------
 * Wakes
 * ---------------------------------------------------------------------
 */

/*
 * The entry, if it is still that database's.  Where work comes in but nobody
 * looks after the database (any more), the launcher is asked to see to it.
 */
static TpgDatabase *
entry_for_wake(int index, Oid dboid)
{
	TpgDatabase *db;

	if (index < 0 || tpg_database_oids[index] != dboid)
		return NULL;
	db = &tpg_databases[index];
	if (db->dispatcher == NULL && !is_wanted(db))
		tpg_database_request_entry(index, dboid);
	return db;
}

/*
 * Whoever changes the flag from 0 to 1 sets the latch: a burst of commits costs
 * one wake-up.
 */
static void
raise_flag(TpgDatabase *db, pg_atomic_uint32 *flag)
{
	if (pg_atomic_exchange_u32(flag, 1) == 0)
		tpg_wake_process(db->dispatcher);
}

void
tpg_database_wake_scan(int index, Oid dboid)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->scan);
}

void
tpg_database_wake_released(int index, Oid dboid)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->released);
}

void
tpg_database_wake_lost(int index, Oid dboid)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->lost);
}

void
tpg_database_wake_limits(int index, Oid dboid)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->limits);
}

void
tpg_database_wake_settings(int index, Oid dboid)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (!db)
		return;
	/* from now on nothing starts by what held before */
	pg_atomic_fetch_add_u32(&db->limits_wanted, 1);
	raise_flag(db, &db->settings);
}

/* Lowers a time; the dispatcher need only know if that is before it wakes up anyway. */
static void
lower(TpgDatabase *db, pg_atomic_uint64 *time, TimestampTz when)
{
	uint64		old = pg_atomic_read_u64(time);

	while (when < (TimestampTz) old)
	{
		if (pg_atomic_compare_exchange_u64(time, &old, (uint64) when))
			break;
	}
	pg_memory_barrier();		/* pairs with tpg_dispatcher_plan() */
	if (when < (TimestampTz) pg_atomic_read_u64(&db->planned))
		tpg_wake_process(db->dispatcher);
}

void
tpg_database_wake_due(int index, Oid dboid, TimestampTz when)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		lower(db, &db->next_due, when);
}

void
tpg_database_wake_heartbeat(int index, Oid dboid, TimestampTz when)
{
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		lower(db, &db->heartbeat_due, when);
}

void
tpg_database_wake_grow(Oid dboid)
{
	int			index = find_entry(dboid);
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->grow);
}

void
tpg_database_wake_refill(Oid dboid)
{
	int			index = find_entry(dboid);
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (db)
		raise_flag(db, &db->refill);
}

void
tpg_database_wake_growers(void)
{
	for (int i = 0; i < tpg_shared->ndatabases; i++)
	{
		TpgDatabase *db = &tpg_databases[i];

		if (OidIsValid(tpg_database_oids[i]) && pg_atomic_read_u32(&db->grow) != 0)
			tpg_wake_process(db->dispatcher);
	}
}

/*
 * When there is no room, the item is dropped: its row is still due, and the
 * next sweep finds it.
 */
void
tpg_database_park(Oid dboid, TpgWorkItem item, Oid owner)
{
	int			index = find_entry(dboid);
	TpgDatabase *db = entry_for_wake(index, dboid);

	if (!db)
		return;
	SpinLockAcquire(&db->park_mutex);
	if (db->nparked < TPG_PARK_SIZE)
	{
		db->parked[db->nparked].item = item;
		db->parked[db->nparked].owner = owner;
		db->nparked++;
	}
	SpinLockRelease(&db->park_mutex);
	tpg_wake_process(db->dispatcher);
}

/* ---------------------------------------------------------------------
 * Pauses
 * ---------------------------------------------------------------------
 */

void
tpg_database_pause(Oid dboid)
{
	int			index = tpg_database_find(dboid, true);
	TpgDatabase *db;

	if (index < 0)
		return;
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	db = &tpg_databases[index];
	if (tpg_database_oids[index] == dboid)
	{
		db->pauses++;
		/* one that was promised but has not come will be refused */
		if (db->status == TPG_DISPATCHER_STARTING)
			db->status = TPG_DISPATCHER_NONE;
		tpg_wake_process(db->dispatcher);
		tpg_wake_process(db->http);
	}
	LWLockRelease(tpg_shared_lock);
	tpg_poller_wake_database(dboid, true);
}

/* After the end of the transaction that paused it: no error possible. */
void
tpg_database_resume(Oid dboid, bool gone)
{
	int			index = tpg_database_find(dboid, false);

	if (index < 0)
		return;
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (tpg_database_oids[index] == dboid)
	{
		TpgDatabase *db = &tpg_databases[index];

		if (db->pauses > 0)
			db->pauses--;
		db->retry_at = 0;
		if (gone && db->pauses == 0 && db->status == TPG_DISPATCHER_NONE)
			assign_entry(index, InvalidOid);
	}
	LWLockRelease(tpg_shared_lock);
	if (gone)
		tpg_queue_forget_database(dboid);
	tpg_wake_process(tpg_shared->launcher);
}

bool
tpg_database_paused(Oid dboid)
{
	int			index = find_entry(dboid);

	return index >= 0 && tpg_databases[index].pauses > 0;
}

bool
tpg_database_stopped(Oid dboid)
{
	int			index = find_entry(dboid);

	return index >= 0 && (pg_atomic_read_u32(&tpg_databases[index].stopped) != 0 ||
						  pg_atomic_read_u32(&tpg_databases[index].stopping) != 0);
}

void
tpg_database_set_stopped(Oid dboid, bool stopped)
{
	int			index = find_entry(dboid);

	if (index >= 0)
		(void) pg_atomic_exchange_u32(&tpg_databases[index].stopped, stopped ? 1 : 0);
}

void
tpg_database_begin_stopping(Oid dboid)
{
	int			index = tpg_database_find(dboid, true);

	if (index >= 0)
		pg_atomic_fetch_add_u32(&tpg_databases[index].stopping, 1);
}

void
tpg_database_end_stopping(Oid dboid)
{
	int			index = find_entry(dboid);

	if (index >= 0 && pg_atomic_read_u32(&tpg_databases[index].stopping) > 0)
		pg_atomic_fetch_sub_u32(&tpg_databases[index].stopping, 1);
}

bool
tpg_database_quiesce(Oid dboid)
{
	TimestampTz begun = GetCurrentTimestamp();

	for (;;)
	{
		int			index = find_entry(dboid);
		int			left;
		bool		late;

		CHECK_FOR_INTERRUPTS();
		left = tpg_slot_stop_database(dboid, true);
		late = TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), QUIESCE_TERMINATE_MS);

		LWLockAcquire(tpg_shared_lock, LW_SHARED);
		if (index >= 0 && tpg_database_oids[index] == dboid &&
			tpg_databases[index].status == TPG_DISPATCHER_RUNNING)
		{
			left++;
			tpg_wake_process(tpg_databases[index].dispatcher);
			if (late)
				kill(tpg_databases[index].pid, SIGTERM);
		}
		LWLockRelease(tpg_shared_lock);
		left += tpg_http_stop(index, dboid, late);

		if (left == 0)
			return true;
		if (TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), QUIESCE_LIMIT_MS))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 QUIESCE_STEP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* ---------------------------------------------------------------------
 * Launcher
 * ---------------------------------------------------------------------
 */

static void
launcher_detach(int code, Datum arg)
{
	tpg_shared->launcher = NULL;
}

void
tpg_launcher_attach(void)
{
	before_shmem_exit(launcher_detach, (Datum) 0);
	tpg_shared->launcher = MyProc;
}

int
tpg_database_states(TpgDatabaseState *states, int max)
{
	int			n = 0;

	LWLockAcquire(tpg_shared_lock, LW_SHARED);
	for (int i = 0; i < tpg_shared->ndatabases && n < max; i++)
	{
		TpgDatabase *db = &tpg_databases[i];

		if (!OidIsValid(tpg_database_oids[i]))
			continue;
		states[n].index = i;
		states[n].dboid = tpg_database_oids[i];
		states[n].wanted = is_wanted(db) && db->pauses == 0;
		states[n].running = db->status != TPG_DISPATCHER_NONE;
		states[n].confirmed = db->confirmed;
		states[n].starting_since =
			db->status == TPG_DISPATCHER_STARTING ? db->starting_since : 0;
		states[n].retry_at = db->retry_at;
		states[n].dispatcher_pid = db->pid;
		n++;
	}
	LWLockRelease(tpg_shared_lock);
	return n;
}

/* The launcher is about to register a dispatcher for this database. */
bool
tpg_database_promise(int index, Oid dboid)
{
	TpgDatabase *db = &tpg_databases[index];
	bool		promised = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (tpg_database_oids[index] == dboid && db->status == TPG_DISPATCHER_NONE &&
		db->pauses == 0)
	{
		db->status = TPG_DISPATCHER_STARTING;
		db->starting_since = GetCurrentTimestamp();
		promised = true;
	}
	LWLockRelease(tpg_shared_lock);
	return promised;
}

/* It could not be started, or did not come. */
void
tpg_database_break_promise(int index, Oid dboid, int retry_ms)
{
	TpgDatabase *db = &tpg_databases[index];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (tpg_database_oids[index] == dboid && db->status == TPG_DISPATCHER_STARTING)
	{
		db->status = TPG_DISPATCHER_NONE;
		db->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), retry_ms);
	}
	LWLockRelease(tpg_shared_lock);
}

/* The database does not exist, or takes no connections: nothing to look after. */
void
tpg_database_dismiss(int index, Oid dboid)
{
	TpgDatabase *db = &tpg_databases[index];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (tpg_database_oids[index] == dboid && db->status == TPG_DISPATCHER_NONE)
	{
		if (db->pauses == 0)
			assign_entry(index, InvalidOid);
		else
			pg_atomic_write_u32(&db->answered, pg_atomic_read_u32(&db->requests));
	}
	LWLockRelease(tpg_shared_lock);
}
