/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Wakes: registered in a transaction, delivered when it is over.
 *
 * Two callbacks, installed once a process.  The transaction callback decides
 * (COMMIT keeps, ABORT and PREPARE drop); the resource owner callback delivers,
 * in the phase after the transaction's locks have been released and its
 * invalidations sent, so that whoever is woken finds neither in its way.
 *
 * Invariant: a rolled-back transaction wakes nobody, except for mail that
 * waited behind a lock that it held.  An error in the delivery would be a PANIC
 * of the server: it uses only memory that was there before, spinlocks, atomics
 * and latches.  Whatever needs a look-up is looked up at registration.
 *
 * A subtransaction that rolls back leaves its wakes registered: a needless
 * wake-up is harmless.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/http.h"
#include "ipc/limits.h"
#include "ipc/pollers.h"
#include "ipc/queue.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "ipc/waiters.h"
#include "ipc/wake.h"

/* More than that, and the dispatcher looks at the tables instead. */
#define MAX_WORK 64
/* More task queues than that in one transaction, and the dispatcher looks at the tables. */
#define MAX_NEWS 16
/* More than that are not interrupted; they find out when they are done. */
#define MAX_INTERRUPTS 64
/* More task queues than that, and the dispatcher wakes a poller of each. */
#define MAX_POLLS 32

typedef struct PendingWork
{
	TpgQueueRef queue;
	TpgWorkItem item;
} PendingWork;

typedef struct PendingNews
{
	TpgLimitRef ref;
	TpgLimitKind kind;
	int			count;
} PendingNews;

typedef struct PendingInterrupt
{
	int64		execution_key;
	int32		event_id;
	int			reason;
} PendingInterrupt;

typedef struct PendingPoll
{
	uint64		key;
	int			tasks;			/* due after COMMIT */
	int			held;			/* due again after ABORT */
	bool		more;
} PendingPoll;

typedef enum Phase
{
	PHASE_NOTHING = 0,			/* nothing registered */
	PHASE_COLLECTING,			/* in the transaction */
	PHASE_COMMITTED,			/* its fate is known, locks are still held */
	PHASE_ABORTED
} Phase;

static struct
{
	Phase		phase;
	int			database;		/* entry of MyDatabaseId */
	bool		scan;
	bool		released;
	bool		lost;
	bool		http;
	bool		start_dispatcher;
	bool		settings;
	TimestampTz due;
	uint64		waiters;
	int			nwork;
	int			nnews;
	int			ninterrupts;
	int			npolls;
	PendingPoll polls[MAX_POLLS];
	PendingWork work[MAX_WORK];
	PendingNews news[MAX_NEWS];
	PendingInterrupt interrupts[MAX_INTERRUPTS];
} pending;

static bool callbacks_installed = false;
static bool will_pop = false;

static void
forget(void)
{
	pending.phase = PHASE_NOTHING;
	pending.scan = false;
	pending.released = false;
	pending.lost = false;
	pending.http = false;
	pending.start_dispatcher = false;
	pending.settings = false;
	pending.due = DT_NOEND;
	pending.waiters = 0;
	pending.nwork = 0;
	pending.nnews = 0;
	pending.ninterrupts = 0;
	pending.npolls = 0;
}

static void
deliver(void)
{
	Oid			dboid = MyDatabaseId;


	if (pending.phase == PHASE_COMMITTED)
	{
		if (pending.start_dispatcher)
			tpg_database_request_entry(pending.database, dboid);

		for (int i = 0; i < pending.nwork; i++)
		{
			bool		self = will_pop && tpg_queue_is_mine(pending.work[i].queue);
			TpgOffer	offer = tpg_queue_offer(pending.work[i].queue,
												pending.work[i].item,
												self ? TPG_OFFER_SELF : 0);

			if (offer == TPG_OFFER_FULL || offer == TPG_OFFER_GONE)
				pending.scan = true;
			/* we shall take one item ourselves; the others are for others */
			if (self && offer == TPG_OFFER_TAKEN)
				will_pop = false;
		}
		for (int i = 0; i < pending.nnews; i++)
			tpg_limits_news(pending.news[i].ref, pending.news[i].kind, pending.news[i].count);
		if (pending.nnews > 0)
			tpg_database_wake_limits(pending.database, dboid);
		if (pending.scan)
			tpg_database_wake_scan(pending.database, dboid);
		if (pending.http)
			tpg_database_wake_http(pending.database, dboid);
		if (pending.due < DT_NOEND)
			tpg_database_wake_due(pending.database, dboid, pending.due);
		if (pending.waiters != 0)
			tpg_waiter_broadcast(pending.waiters);
		for (int i = 0; i < pending.ninterrupts; i++)
			tpg_slot_interrupt(dboid, pending.interrupts[i].execution_key,
							   pending.interrupts[i].event_id,
							   pending.interrupts[i].reason);
		for (int i = 0; i < pending.ninterrupts; i++)
			tpg_database_interrupt_http(pending.database, dboid, pending.interrupts[i].execution_key);
	}
	if (pending.released)
		tpg_database_wake_released(pending.database, dboid);
	if (pending.lost)
		tpg_database_wake_lost(pending.database, dboid);
	if (pending.settings)
		tpg_database_wake_settings(pending.database, dboid);
	tpg_limits_at_end(pending.phase == PHASE_COMMITTED);
	/* behind that, since they ask the limits */
	for (int i = 0; i < pending.npolls; i++)
	{
		const PendingPoll *p = &pending.polls[i];
		int			tasks = pending.phase == PHASE_COMMITTED ? p->tasks : p->held;

		if (tasks > 0)
			tpg_poller_wake(p->key, tasks, p->more);
	}
	forget();
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (pending.phase == PHASE_NOTHING)
	{
		if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
			will_pop = false;
		return;
	}

	switch (event)
	{
		case XACT_EVENT_COMMIT:
			pending.phase = PHASE_COMMITTED;
			break;
		case XACT_EVENT_ABORT:
			will_pop = false;
			pending.phase = PHASE_ABORTED;
			break;
		case XACT_EVENT_PREPARE:

			/*
			 * Its locks live on, and COMMIT PREPARED comes from anywhere:
			 * the sweep finds what it made.
			 */
			will_pop = false;
			tpg_limits_at_end(false);
			forget();
			break;
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			forget();
			break;
		case XACT_EVENT_PRE_PREPARE:
			/* COMMIT PREPARED tells nobody, and no sweep looks for these */
			if (pending.settings)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has configured task queues, or has stopped or started workers"),
						 errhint("Use COMMIT.")));
			/* nobody would count them until the next sweeps */
			if (tpg_limits_opened())
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has begun attempts of a task queue with limits"),
						 errhint("Use COMMIT, or end the attempts in the same transaction.")));
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			break;
	}
}

/* What a rolled back subtransaction has begun or ended has not happened, and what it had locked others have left out. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (pending.phase != PHASE_COLLECTING)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		tpg_limits_at_subend(subid, parent);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		tpg_limits_at_subend(subid, InvalidSubTransactionId);
		for (int i = 0; i < pending.npolls; i++)
			pending.polls[i].tasks = Max(pending.polls[i].tasks, pending.polls[i].held);
	}
}

static void
at_resource_release(ResourceReleasePhase phase, bool isCommit, bool isTopLevel, void *arg)
{
	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !isTopLevel)
		return;
	if (pending.phase == PHASE_COMMITTED || pending.phase == PHASE_ABORTED)
	{
		deliver();
		will_pop = false;
	}
}

/* False: there is nobody to tell. */
static bool
prepare(void)
{
	if (!tpg_shmem_ready() || !OidIsValid(MyDatabaseId))
		return false;
	if (!callbacks_installed)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		RegisterResourceReleaseCallback(at_resource_release, NULL);
		forget();
		callbacks_installed = true;
	}
	if (pending.phase == PHASE_NOTHING)
	{
		Assert(IsTransactionState());
		pending.database = tpg_database_find(MyDatabaseId, true);
		pending.phase = PHASE_COLLECTING;
	}
	return true;
}

void
tpg_wake_work(Oid owner, TpgWorkItem item)
{
	TpgQueueRef queue;

	if (!prepare() || pending.scan)
		return;					/* a scan finds it */

	/* the newest are the likeliest to be the same (signals to one run) */
	for (int i = pending.nwork - 1; i >= 0; i--)
	{
		if (pending.work[i].item.execution_key == item.execution_key &&
			pending.work[i].item.event_id == item.event_id &&
			pending.work[i].item.kind == item.kind)
			return;
	}
	if (pending.nwork >= MAX_WORK)
	{
		pending.scan = true;
		return;
	}
	queue = tpg_queue_ref(MyDatabaseId, owner);
	if (queue.index < 0)
	{
		pending.scan = true;
		return;
	}
	pending.work[pending.nwork].queue = queue;
	pending.work[pending.nwork].item = item;
	pending.nwork++;
}

/* One more of a configured task queue; false: it is not configured. */
static bool
news_of_queue(int32 namespace_id, const char *task_queue, TpgLimitKind kind)
{
	TpgLimitRef ref = tpg_limits_find(namespace_id, task_queue);

	if (ref.index < 0)
		return false;
	if (!prepare() || pending.scan)
		return true;
	for (int i = 0; i < pending.nnews; i++)
	{
		if (pending.news[i].ref.index == ref.index && pending.news[i].kind == kind)
		{
			pending.news[i].count++;
			return true;
		}
	}
	if (pending.nnews >= MAX_NEWS)
	{
		pending.scan = true;
		return true;
	}
	pending.news[pending.nnews].ref = ref;
	pending.news[pending.nnews].kind = kind;
	pending.news[pending.nnews].count = 1;
	pending.nnews++;
	return true;
}

void
tpg_wake_task(Oid owner, TpgWorkItem item, int32 namespace_id, const char *task_queue)
{
	TpgLimitKind kind = item.kind == TPG_WORK_ACTIVITY ? TPG_LIMIT_ACTIVITY : TPG_LIMIT_WORKFLOW;

	if (!news_of_queue(namespace_id, task_queue, kind))
		tpg_wake_work(owner, item);
}

void
tpg_wake_settings(void)
{
	if (prepare())
		pending.settings = true;
}

bool
tpg_wake_expect(void)
{
	return prepare();
}

void
tpg_wake_scan(void)
{
	if (prepare())
		pending.scan = true;
}

void
tpg_wake_http(int32 namespace_id, const char *task_queue)
{
	if (!news_of_queue(namespace_id, task_queue, TPG_LIMIT_ACTIVITY) && prepare())
		pending.http = true;
}

void
tpg_wake_due(TimestampTz when)
{
	if (prepare() && when < pending.due)
		pending.due = when;
}

void
tpg_wake_waiters(int64 execution_key)
{
	if (prepare())
		pending.waiters |= tpg_waiter_bit(execution_key);
}

static PendingPoll *
pending_poll(uint64 key)
{
	PendingPoll *p;

	if (!prepare())
		return NULL;
	for (int i = pending.npolls - 1; i >= 0; i--)
	{
		if (pending.polls[i].key == key)
			return &pending.polls[i];
	}
	if (pending.npolls >= MAX_POLLS)
	{
		pending.scan = true;
		return NULL;
	}
	p = &pending.polls[pending.npolls++];
	memset(p, 0, sizeof(*p));
	p->key = key;
	return p;
}

void
tpg_wake_pollers(uint64 key, int tasks, bool more)
{
	PendingPoll *p = pending_poll(key);

	if (p == NULL)
		return;
	p->tasks += tasks;
	p->more = p->more || more;
}

void
tpg_wake_pollers_at_abort(uint64 key, int tasks)
{
	PendingPoll *p = pending_poll(key);

	if (p != NULL)
		p->held += tasks;
}

void
tpg_wake_interrupt(int64 execution_key, int32 event_id, int reason)
{
	PendingInterrupt *interrupt;

	if (!prepare() || pending.ninterrupts >= MAX_INTERRUPTS)
		return;
	interrupt = &pending.interrupts[pending.ninterrupts++];
	interrupt->execution_key = execution_key;
	interrupt->event_id = event_id;
	interrupt->reason = reason;
}

void
tpg_wake_run_released(void)
{
	if (prepare())
		pending.released = true;
}

void
tpg_wake_lost(void)
{
	if (prepare())
		pending.lost = true;
}

void
tpg_wake_start_dispatcher(void)
{
	if (!prepare())
		return;
	if (pending.database < 0)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("temporal_pg cannot look after one more database"),
				 errdetail("All %d places are taken.", tpg_database_limit()),
				 errhint("Raise temporal_pg.max_databases and restart the server.")));
	pending.start_dispatcher = true;
}

void
tpg_wake_will_pop(void)
{
	will_pop = prepare();
}
