/*-------------------------------------------------------------------------
 *
 * pollers.c
 *	  Sessions that wait for an external activity of a task queue.
 *
 * One entry a process, in one of 64 lists by the hash of the queue, in the order in which
 * they came.  Who makes a task due takes the first off the list and sets its latch:
 * one task wakes one poller, not all.
 *
 * Invariant: a poller is on its list before it looks at the tables, so a commit between
 * its look and its sleep finds it.  A wake that is not used (its poller ends before it has
 * looked: cancelled, client gone) is passed on to the next.  What is lost all the same, such
 * as a wake in a transaction that was prepared, is found by the dispatcher's sweep, which
 * wakes one poller of each queue.
 *
 * A spinlock a list; the functions with "wake" in their names and tpg_poller_end() neither
 * fail nor allocate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "ipc/databases.h"
#include "ipc/layout.h"
#include "ipc/pollers.h"
#include "ipc/shmem.h"

/*
 * Of libpq/libpq.h, which needs the headers of GSSAPI where the server was built with it.  The
 * set waits for the client's socket (its first event), the latch and the postmaster;
 * it is NULL where there is no client.
 */
extern PGDLLIMPORT WaitEventSet *FeBeWaitSet;
extern bool pq_check_connection(void);
#define CLIENT_SOCKET_POSITION 0

/* how many queues of one list the sweep tells apart */
#define MAX_SEEN 32
/* latches set under one hold of a list */
#define WAKE_BATCH 16

static int	my_poller = -1;		/* >= 0: this session polls */
static uint32 wait_event = 0;

static TpgPollerList *
list_of(uint64 key)
{
	return &tpg_shared->pollers[key % TPG_POLLER_LISTS];
}

uint64
tpg_poller_key(int32 namespace_id, const char *task_queue)
{
	uint64		key = hash_bytes_extended((const unsigned char *) task_queue, (int) strlen(task_queue),
										  ((uint64) MyDatabaseId << 32) | (uint32) namespace_id);

	return key;
}

/* ---------- lists; the caller holds the mutex ---------- */

static void
append(TpgPollerList *list, int i)
{
	TpgPoller  *p = &tpg_pollers[i];

	p->next = -1;
	p->previous = list->last;
	if (list->last >= 0)
		tpg_pollers[list->last].next = i;
	else
		list->first = i;
	list->last = i;
	p->state = TPG_POLLER_WAITING;
	p->more = false;
}

static void
unlink_poller(TpgPollerList *list, int i)
{
	TpgPoller  *p = &tpg_pollers[i];

	if (p->previous >= 0)
		tpg_pollers[p->previous].next = p->next;
	else
		list->first = p->next;
	if (p->next >= 0)
		tpg_pollers[p->next].previous = p->previous;
	else
		list->last = p->previous;
}

/* ---------- waking ---------- */

static void
wake_one(TpgPollerList *list, int i, bool more)
{
	unlink_poller(list, i);
	tpg_pollers[i].state = TPG_POLLER_WOKEN;
	tpg_pollers[i].more = more;
}

void
tpg_poller_wake(uint64 key, int tasks, bool more)
{
	TpgPollerList *list = list_of(key);
	bool		again = list->first >= 0;

	while (again && tasks > 0)
	{
		PGPROC	   *procs[WAKE_BATCH];
		int			n = 0;
		int			next;

		SpinLockAcquire(&list->mutex);
		for (int i = list->first; i >= 0 && tasks > 0 && n < WAKE_BATCH; i = next)
		{
			next = tpg_pollers[i].next;
			if (tpg_pollers[i].key != key)
				continue;
			tasks -= tpg_pollers[i].wants;
			procs[n++] = tpg_pollers[i].proc;
			wake_one(list, i, more);
		}
		SpinLockRelease(&list->mutex);
		for (int i = 0; i < n; i++)
			tpg_wake_process(procs[i]);
		again = n == WAKE_BATCH;
	}
}

void
tpg_poller_wake_database(Oid dboid, bool all)
{
	if (!tpg_shmem_ready())
		return;
	for (int l = 0; l < TPG_POLLER_LISTS; l++)
	{
		TpgPollerList *list = &tpg_shared->pollers[l];
		uint64		seen[MAX_SEEN];
		int			nseen = 0;
		bool		again = list->first >= 0;

		while (again)
		{
			PGPROC	   *procs[WAKE_BATCH];
			int			n = 0;
			int			next;

			SpinLockAcquire(&list->mutex);
			for (int i = list->first; i >= 0 && n < WAKE_BATCH; i = next)
			{
				bool		known = false;

				next = tpg_pollers[i].next;
				if (tpg_pollers[i].dboid != dboid)
					continue;
				for (int s = 0; s < nseen && !all; s++)
					known = known || seen[s] == tpg_pollers[i].key;
				if (known)
					continue;
				if (nseen < MAX_SEEN)
					seen[nseen++] = tpg_pollers[i].key;
				procs[n++] = tpg_pollers[i].proc;
				wake_one(list, i, true);
			}
			SpinLockRelease(&list->mutex);
			for (int i = 0; i < n; i++)
				tpg_wake_process(procs[i]);
			again = n == WAKE_BATCH;
		}
	}
}

int
tpg_poller_count(uint64 key)
{
	int			n = 0;

	if (!tpg_shmem_ready())
		return 0;
	for (int i = 0; i < tpg_shared->npollers; i++)
	{
		if (tpg_pollers[i].state != TPG_POLLER_NONE && tpg_pollers[i].key == key)
			n++;
	}
	return n;
}

/* ---------- the poller itself ---------- */

static void
at_abort(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		tpg_poller_end();
}

static void
at_subabort(SubXactEvent event, SubTransactionId mySubid, SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		tpg_poller_end();
}

void
tpg_poller_begin(uint64 key, int wants)
{
	static bool callbacks_installed = false;
	TpgPollerList *list;
	TpgPoller  *p;
	int			me;

	tpg_require_preload();
	tpg_poller_end();
	me = tpg_my_proc_number();
	list = list_of(key);
	if (!callbacks_installed)
	{
		RegisterXactCallback(at_abort, NULL);
		RegisterSubXactCallback(at_subabort, NULL);
		callbacks_installed = true;
	}
	if (wait_event == 0)
		wait_event = tpg_wait_event("TemporalPollActivityTask");
	if (me < 0 || me >= tpg_shared->npollers)
		elog(ERROR, "process has number %d of %d", me, tpg_shared->npollers);
	p = &tpg_pollers[me];
	SpinLockAcquire(&list->mutex);
	p->key = key;
	p->dboid = MyDatabaseId;
	p->proc = MyProc;
	p->wants = wants;
	append(list, me);
	SpinLockRelease(&list->mutex);
	my_poller = me;
}

void
tpg_poller_end(void)
{
	TpgPoller  *p;
	TpgPollerList *list;
	bool		woken;
	bool		more;

	if (my_poller < 0)
		return;
	p = &tpg_pollers[my_poller];
	list = list_of(p->key);
	SpinLockAcquire(&list->mutex);
	woken = p->state == TPG_POLLER_WOKEN;
	more = p->more;
	if (p->state == TPG_POLLER_WAITING)
		unlink_poller(list, my_poller);
	p->state = TPG_POLLER_NONE;
	SpinLockRelease(&list->mutex);
	my_poller = -1;
	if (woken)
		tpg_poller_wake(p->key, p->wants, more);
}

/* Has it been woken?  Then it is on the list again. */
static bool
take_wake(bool *more)
{
	TpgPoller  *p = &tpg_pollers[my_poller];
	TpgPollerList *list = list_of(p->key);
	bool		woken;

	SpinLockAcquire(&list->mutex);
	woken = p->state == TPG_POLLER_WOKEN;
	if (woken)
	{
		*more = p->more;
		append(list, my_poller);
	}
	SpinLockRelease(&list->mutex);
	return woken;
}

static bool
can_watch_client(void)
{
	return FeBeWaitSet != NULL && WaitEventSetCanReportClosed();
}

void
tpg_poller_check_client(void)
{
	if (!can_watch_client() || pq_check_connection())
		return;
	/* as when the client is read from: ends the session */
	ClientConnectionLost = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}

/* Until the latch is set, the client has gone, or the time is over. */
static void
wait_for_something(long ms)
{
	WaitEvent	event;

	if (!can_watch_client())
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
		return;
	}
	ModifyWaitEvent(FeBeWaitSet, CLIENT_SOCKET_POSITION, WL_SOCKET_CLOSED, NULL);
	if (WaitEventSetWait(FeBeWaitSet, ms, &event, 1, wait_event) == 0)
		return;
	if (event.events & WL_POSTMASTER_DEATH)
		proc_exit(1);
	if (event.events & WL_SOCKET_CLOSED)
		tpg_poller_check_client();
}

bool
tpg_poller_sleep(long timeout_ms, bool *more)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	*more = false;
	for (;;)
	{
		long		ms;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (tpg_database_paused(MyDatabaseId))
			return false;
		if (take_wake(more))
			return true;
		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
		if (ms <= 0)
			return false;
		wait_for_something(ms);
	}
}
