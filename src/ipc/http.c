/*-------------------------------------------------------------------------
 *
 * http.c
 *	  The HTTP process of a database: is there one, what is it told.
 *
 * Invariant: a database has at most one, so an attempt that is recorded as
 * started and that it does not know has lost its process.  Work that is
 * announced while it ends makes the dispatcher start it again: who announces
 * raises the flag, then looks for the process; it goes, then looks at the flag.
 *
 * What is called at commit takes a spinlock at most; the rest tpg_shared_lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/http.h"
#include "ipc/layout.h"
#include "ipc/shmem.h"

/* one that ended by an error is started again after */
#define RESTART_DELAY_MS 2000

/* entry of the database whose HTTP process this is */
static int	my_entry = -1;

static TpgDatabase *
entry_of(int index, Oid dboid)
{
	return index >= 0 && tpg_database_oids[index] == dboid ? &tpg_databases[index] : NULL;
}

static TpgDatabase *
my_database(void)
{
	return entry_of(tpg_database_find(MyDatabaseId, false), MyDatabaseId);
}

void
tpg_database_wake_http(int index, Oid dboid)
{
	TpgDatabase *db = entry_of(index, dboid);
	PGPROC	   *http;

	if (db == NULL)
		return;
	(void) pg_atomic_exchange_u32(&db->http_work, 1);
	http = db->http;
	if (http != NULL)
		tpg_wake_process(http);
	else
	{
		/* due rows are what it starts the process for; without a dispatcher, one is asked for */
		tpg_database_wake_scan(index, dboid);
		tpg_wake_process(db->dispatcher);
	}
}

void
tpg_database_interrupt_http(int index, Oid dboid, int64 execution_key)
{
	TpgDatabase *db = entry_of(index, dboid);
	bool		known = false;

	if (db == NULL || db->http == NULL || db->http == MyProc)
		return;
	SpinLockAcquire(&db->park_mutex);
	for (int i = 0; i < Min(db->nhttp_interrupts, TPG_HTTP_INTERRUPTS) && !known; i++)
		known = db->http_interrupts[i] == execution_key;
	if (!known && db->nhttp_interrupts < TPG_HTTP_INTERRUPTS)
		db->http_interrupts[db->nhttp_interrupts++] = execution_key;
	else if (!known)
		db->nhttp_interrupts = TPG_HTTP_INTERRUPTS + 1;
	SpinLockRelease(&db->park_mutex);
	tpg_wake_process(db->http);
}

/* ---------- the dispatcher's side ---------- */

/* Not locked: NULL, or it may be another one's by now. */
static TpgQueue *
my_hints(void)
{
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];

		if (queue->dboid == MyDatabaseId && queue->owner == TPG_HTTP_OWNER && queue->lanes.nitems > 0)
			return queue;
	}
	return NULL;
}

bool
tpg_http_has_hints(void)
{
	return my_hints() != NULL;
}

void
tpg_http_tell(void)
{
	TpgDatabase *db = my_database();

	if (db == NULL)
		return;
	(void) pg_atomic_exchange_u32(&db->http_work, 1);
	tpg_wake_process(db->http);
}

bool
tpg_http_running(void)
{
	TpgDatabase *db = my_database();

	return db != NULL && db->http_status != TPG_DISPATCHER_NONE;
}

bool
tpg_http_wanted(TimestampTz now, TimestampTz *look_again)
{
	TpgDatabase *db = my_database();
	bool		wanted = false;

	*look_again = DT_NOEND;
	if (db == NULL || (pg_atomic_read_u32(&db->http_work) == 0 && db->http_status == TPG_DISPATCHER_NONE))
		return false;
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (db->http_status == TPG_DISPATCHER_STARTING)
	{
		TimestampTz deadline = TimestampTzPlusMilliseconds(db->http_starting_since, TPG_START_TIMEOUT_MS);

		/* registered, but never came */
		if (now >= deadline)
			db->http_status = TPG_DISPATCHER_NONE;
		else
			*look_again = deadline;
	}
	if (db->http_status == TPG_DISPATCHER_NONE && db->pauses == 0 && pg_atomic_read_u32(&db->http_work) != 0)
	{
		if (db->http_retry_at > now)
			*look_again = db->http_retry_at;
		else
			wanted = true;
	}
	LWLockRelease(tpg_shared_lock);
	return wanted;
}

int
tpg_http_promise(TimestampTz now)
{
	TpgDatabase *db = my_database();

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	db->http_status = TPG_DISPATCHER_STARTING;
	db->http_starting_since = now;
	LWLockRelease(tpg_shared_lock);
	return (int) (db - tpg_databases);
}

void
tpg_http_break_promise(TimestampTz retry_at)
{
	TpgDatabase *db = my_database();

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (db->http_status == TPG_DISPATCHER_STARTING)
	{
		db->http_status = TPG_DISPATCHER_NONE;
		db->http_retry_at = retry_at;
	}
	LWLockRelease(tpg_shared_lock);
}

/* ---------- the process itself ---------- */

static void
http_detach(int code, Datum arg)
{
	TpgDatabase *db = &tpg_databases[DatumGetInt32(arg)];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	db->http = NULL;
	db->http_pid = 0;
	db->http_status = TPG_DISPATCHER_NONE;
	db->http_retry_at = code == 0 ? 0 : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RESTART_DELAY_MS);
	LWLockRelease(tpg_shared_lock);
	my_entry = -1;
	/* what it has left open is for the next one */
	if (code != 0)
		(void) pg_atomic_exchange_u32(&db->http_work, 1);
	tpg_wake_process(db->dispatcher);
}

bool
tpg_http_attach(int index, Oid dboid)
{
	bool		attached = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (index >= 0 && index < tpg_shared->ndatabases && tpg_database_oids[index] == dboid)
	{
		TpgDatabase *db = &tpg_databases[index];

		if (db->http_status == TPG_DISPATCHER_STARTING && db->pauses == 0)
		{
			db->http_status = TPG_DISPATCHER_RUNNING;
			db->http_pid = MyProcPid;
			db->nhttp_interrupts = 0;
			attached = true;
		}
		else if (db->http_status == TPG_DISPATCHER_STARTING)
			db->http_status = TPG_DISPATCHER_NONE;
	}
	LWLockRelease(tpg_shared_lock);

	if (attached)
	{
		my_entry = index;
		before_shmem_exit(http_detach, Int32GetDatum(index));
		tpg_databases[index].http = MyProc;
	}
	return attached;
}

int
tpg_http_take_hints(TpgWorkItem *items, int max)
{
	const bool	allowed[TPG_LANE_CLASSES] = {[TPG_LANE_ACTIVITY] = true};
	TpgQueue   *queue = my_hints();
	int			priority;
	int			n = 0;

	if (queue == NULL)
		return 0;
	SpinLockAcquire(&queue->mutex);
	while (queue->dboid == MyDatabaseId && queue->owner == TPG_HTTP_OWNER && n < max &&
		   tpg_lanes_next(&queue->lanes, allowed, &priority) >= 0)
		tpg_lanes_take(&queue->lanes, TPG_LANE_ACTIVITY, priority, &items[n++]);
	SpinLockRelease(&queue->mutex);
	return n;
}

bool
tpg_http_take_work(void)
{
	return pg_atomic_exchange_u32(&tpg_databases[my_entry].http_work, 0) != 0;
}

int
tpg_http_take_interrupts(int64 *keys)
{
	TpgDatabase *db = &tpg_databases[my_entry];
	int			n;

	if (db->nhttp_interrupts == 0)
		return 0;
	SpinLockAcquire(&db->park_mutex);
	n = db->nhttp_interrupts;
	memcpy(keys, db->http_interrupts, sizeof(int64) * Min(n, TPG_HTTP_INTERRUPTS));
	db->nhttp_interrupts = 0;
	SpinLockRelease(&db->park_mutex);
	return n > TPG_HTTP_INTERRUPTS ? -1 : n;
}

/* ---------- the table of databases ---------- */

void
tpg_http_reset(int index)
{
	TpgDatabase *db = &tpg_databases[index];

	db->http_status = TPG_DISPATCHER_NONE;
	db->http_pid = 0;
	db->http_retry_at = 0;
	db->http = NULL;
	db->nhttp_interrupts = 0;
	pg_atomic_write_u32(&db->http_work, 0);
}

/* How many are still there: wakes it, so that it sees the pause; or ends it. */
int
tpg_http_stop(int index, Oid dboid, bool terminate)
{
	int			left = 0;

	LWLockAcquire(tpg_shared_lock, LW_SHARED);
	if (index >= 0 && tpg_database_oids[index] == dboid && tpg_databases[index].http_status == TPG_DISPATCHER_RUNNING)
	{
		left = 1;
		tpg_wake_process(tpg_databases[index].http);
		if (terminate)
			kill(tpg_databases[index].http_pid, SIGTERM);
	}
	LWLockRelease(tpg_shared_lock);
	return left;
}
