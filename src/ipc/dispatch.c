/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  The dispatcher's end of its database's entry.
 *
 * A dispatcher takes the entry before it connects to the database and leaves it
 * in before_shmem_exit.  It reads what others have announced in flags that they
 * raise before they set its latch; it resets its latch before it reads them.
 *
 * Only dispatchers call these. tpg_shared_lock at attach and detach; the rest is
 * atomics and one spinlock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/dispatch.h"
#include "ipc/layout.h"

/* a dispatcher that ended by an error is started again after */
#define RESTART_DELAY_MS 2000

/* entry of the database whose dispatcher this process is */
static int	my_entry = -1;

static void
dispatcher_detach(int code, Datum arg)
{
	int			index = DatumGetInt32(arg);
	TpgDatabase *db = &tpg_databases[index];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	db->dispatcher = NULL;
	db->pid = 0;
	db->status = TPG_DISPATCHER_NONE;
	db->confirmed = false;
	if (code != 0)
		db->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RESTART_DELAY_MS);
	pg_atomic_write_u64(&db->planned, (uint64) DT_NOEND);
	LWLockRelease(tpg_shared_lock);
	my_entry = -1;
	tpg_wake_process(tpg_shared->launcher);
}

/*
 * Before connecting to the database: from here on a pause waits for this
 * process, and after a pause has begun it is refused.
 */
bool
tpg_dispatcher_attach(int index, Oid dboid)
{
	bool		attached = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (index >= 0 && index < tpg_shared->ndatabases &&
		tpg_database_oids[index] == dboid)
	{
		TpgDatabase *db = &tpg_databases[index];

		if (db->status == TPG_DISPATCHER_STARTING && db->pauses == 0)
		{
			db->status = TPG_DISPATCHER_RUNNING;
			db->pid = MyProcPid;
			db->starting_since = 0;
			attached = true;
		}
	}
	LWLockRelease(tpg_shared_lock);

	if (attached)
	{
		my_entry = index;
		before_shmem_exit(dispatcher_detach, Int32GetDatum(index));
		tpg_databases[index].dispatcher = MyProc;
	}
	return attached;
}

uint32
tpg_dispatcher_requests(void)
{
	return pg_atomic_read_u32(&tpg_databases[my_entry].requests);
}

void
tpg_dispatcher_answer(uint32 requests)
{
	pg_atomic_write_u32(&tpg_databases[my_entry].answered, requests);
}

void
tpg_dispatcher_confirm(void)
{
	tpg_databases[my_entry].confirmed = true;
	tpg_wake_process(tpg_shared->launcher);
}

bool
tpg_dispatcher_take_scan(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].scan, 0) != 0;
}

bool
tpg_dispatcher_take_refill(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].refill, 0) != 0;
}

bool
tpg_dispatcher_take_released(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].released, 0) != 0;
}

bool
tpg_dispatcher_take_limits(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].limits, 0) != 0;
}

bool
tpg_dispatcher_take_settings(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].settings, 0) != 0;
}

bool
tpg_dispatcher_take_lost(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].lost, 0) != 0;
}

TimestampTz
tpg_dispatcher_take_due(void)
{
	return (TimestampTz) pg_atomic_exchange_u64(&tpg_databases[my_entry].next_due,
												(uint64) DT_NOEND);
}

TimestampTz
tpg_dispatcher_take_heartbeat_due(void)
{
	return (TimestampTz) pg_atomic_exchange_u64(&tpg_databases[my_entry].heartbeat_due,
												(uint64) DT_NOEND);
}

void
tpg_dispatcher_set_grow(bool wanted)
{
	(void) pg_atomic_exchange_u32(&tpg_databases[my_entry].grow, wanted ? 1 : 0);
}

bool
tpg_dispatcher_plan(TimestampTz wakeup)
{
	TpgDatabase *db = &tpg_databases[my_entry];

	pg_atomic_write_u64(&db->planned, (uint64) wakeup);
	pg_memory_barrier();		/* pairs with lower() of databases.c */
	return (TimestampTz) pg_atomic_read_u64(&db->next_due) >= wakeup &&
		(TimestampTz) pg_atomic_read_u64(&db->heartbeat_due) >= wakeup;
}

int
tpg_dispatcher_take_parked(TpgParkedItem *items, int max)
{
	TpgDatabase *db = &tpg_databases[my_entry];
	int			n;

	if (db->nparked == 0)
		return 0;
	SpinLockAcquire(&db->park_mutex);
	n = Min(db->nparked, max);
	memcpy(items, db->parked, n * sizeof(TpgParkedItem));
	db->nparked -= n;
	memmove(db->parked, db->parked + n, db->nparked * sizeof(TpgParkedItem));
	SpinLockRelease(&db->park_mutex);
	return n;
}
