/*-------------------------------------------------------------------------
 *
 * slots.c
 *	  Executor slots.
 *
 * A dispatcher reserves a slot and registers a background worker with the
 * slot's number and generation; the worker takes the slot when it comes
 * (attach), and gives it back in before_shmem_exit, which runs after the abort
 * of its transaction.  A worker that never comes is found by the watchdog: the
 * slot gets a new generation, so a late one is refused.
 *
 * Invariant: a slot that is not free belongs to exactly one queue's chain.
 *
 * Reserve, attach, release and stop take tpg_shared_lock.  tpg_slot_interrupt()
 * is called after commit: spinlock and kill() only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/layout.h"
#include "ipc/overrun.h"
#include "ipc/queuestate.h"
#include "ipc/shmem.h"

/* An executor that works is not asked to make room before it has run that long. */
#define MIN_TENURE_MS 1000

int			tpg_my_slot = -1;

static bool forsaken = false;

void
tpg_slots_reset(void)
{
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		SpinLockInit(&slot->mutex);
		pg_atomic_init_u32(&slot->retire, 0);
		slot->status = TPG_SLOT_FREE;
		slot->next_member = -1;
		slot->next_idle = -1;
		slot->queue.index = -1;
	}
}

/* ---------------------------------------------------------------------
 * What this process runs
 * ---------------------------------------------------------------------
 */

bool
tpg_in_executor(void)
{
	return tpg_my_slot >= 0;
}

void
tpg_slot_set_inflight(int64 execution_key, int32 event_id)
{
	TpgSlot    *slot;

	if (tpg_my_slot < 0)
		return;
	slot = &tpg_slots[tpg_my_slot];
	SpinLockAcquire(&slot->mutex);
	slot->inflight_key = execution_key;
	slot->inflight_event = event_id;
	slot->attempt_started = 0;
	slot->interrupt_reason = TPG_INTERRUPT_NONE;
	SpinLockRelease(&slot->mutex);
}

/* The reason stays to be read until the next attempt begins. */
void
tpg_slot_clear_inflight(void)
{
	TpgSlot    *slot;

	if (tpg_my_slot < 0)
		return;
	slot = &tpg_slots[tpg_my_slot];
	SpinLockAcquire(&slot->mutex);
	slot->inflight_key = 0;
	slot->inflight_event = 0;
	slot->attempt_started = 0;
	SpinLockRelease(&slot->mutex);
}

int
tpg_slot_interrupt_reason(void)
{
	TpgSlot    *slot;
	int			reason;

	if (tpg_my_slot < 0)
		return TPG_INTERRUPT_NONE;
	slot = &tpg_slots[tpg_my_slot];
	SpinLockAcquire(&slot->mutex);
	reason = slot->interrupt_reason;
	SpinLockRelease(&slot->mutex);
	return reason;
}

/*
 * The signal is sent with the mutex held: an executor that has cleared what is
 * in flight will not be sent one for it any more.
 */
void
tpg_slot_interrupt(Oid dboid, int64 execution_key, int32 event_id, int reason)
{
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		if (i == tpg_my_slot || slot->inflight_key != execution_key)
			continue;
		SpinLockAcquire(&slot->mutex);
		if (slot->inflight_key == execution_key && slot->dboid == dboid &&
			(event_id == 0 || slot->inflight_event == event_id) && slot->pid != 0)
		{
			/* D-42, D-43: it goes on, and hears of that when it sends a heartbeat */
			if (reason == TPG_INTERRUPT_PAUSE || reason == TPG_INTERRUPT_RESET)
			{
				if (slot->interrupt_reason == TPG_INTERRUPT_NONE)
					slot->interrupt_reason = reason;
			}
			else
			{
				slot->interrupt_reason = reason;
				kill(slot->pid, SIGINT);
			}
		}
		SpinLockRelease(&slot->mutex);
	}
}

void
tpg_slot_set_attempt(TimestampTz started_at)
{
	TpgSlot    *slot;

	if (tpg_my_slot < 0)
		return;
	slot = &tpg_slots[tpg_my_slot];
	SpinLockAcquire(&slot->mutex);
	slot->attempt_started = started_at;
	SpinLockRelease(&slot->mutex);
}

bool
tpg_slot_runs(Oid dboid, int64 execution_key, int32 event_id, TimestampTz started_at)
{
	bool		found = false;

	for (int i = 0; i < tpg_slot_count_all() && !found; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		SpinLockAcquire(&slot->mutex);
		found = slot->inflight_key == execution_key && slot->inflight_event == event_id && slot->dboid == dboid &&
			slot->attempt_started == started_at && slot->pid != 0;
		SpinLockRelease(&slot->mutex);
	}
	return found;
}

void
tpg_slot_count(TpgWorkKind kind, bool failed)
{
	TpgSlot    *slot;

	if (tpg_my_slot < 0)
		return;
	slot = &tpg_slots[tpg_my_slot];
	if (kind == TPG_WORK_RUN)
		slot->workflow_tasks++;
	else if (kind == TPG_WORK_ACTIVITY)
		slot->activities++;
	if (failed)
		slot->failures++;
}

/* ---------------------------------------------------------------------
 * Coming and going
 * ---------------------------------------------------------------------
 */

/* Caller holds the lock. */
static void
free_slot(int i, bool give_back)
{
	TpgSlot    *slot = &tpg_slots[i];

	tpg_queue_part(i, give_back);
	SpinLockAcquire(&slot->mutex);
	slot->inflight_key = 0;
	slot->pid = 0;
	SpinLockRelease(&slot->mutex);
	slot->proc = NULL;
	slot->generation++;
	slot->status = TPG_SLOT_FREE;
	pg_atomic_write_u32(&slot->retire, 0);
}

/*
 * Is there work in another queue that has no executor at all, and could have
 * one?  Then a queue that has some does not get the next place.  Caller holds
 * the lock; the rest may change under our eyes, and then it was a bad guess.
 */
static bool
others_are_worse_off(int my_queue, TimestampTz now)
{
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];
		int			database;

		if (i == my_queue || queue->nmembers > 0 || queue->lanes.nitems == 0 ||
			queue->backoff_until > now || queue->owner == TPG_HTTP_OWNER)
			continue;
		database = tpg_database_find(queue->dboid, false);
		if (database >= 0 && tpg_databases[database].dispatcher != NULL)
			return true;
	}
	return false;
}

int
tpg_slot_reserve(Oid dboid, Oid owner, uint32 *generation)
{
	TpgQueueRef ref = tpg_queue_ref(dboid, owner);
	TimestampTz now = GetCurrentTimestamp();
	int			found = -1;

	if (ref.index < 0)
		return -1;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	/* the queue may have changed hands before we got the lock; now it can't */
	if (tpg_shared->queues[ref.index].generation == ref.generation &&
		!tpg_database_paused(dboid) && !tpg_database_stopped(dboid) &&
		(tpg_shared->queues[ref.index].nmembers == 0 ||
		 !others_are_worse_off(ref.index, now)))
	{
		for (int i = 0; i < tpg_shared->nslots; i++)
		{
			TpgSlot    *slot = &tpg_slots[i];

			if (slot->status != TPG_SLOT_FREE)
				continue;
			slot->status = TPG_SLOT_STARTING;
			slot->dboid = dboid;
			slot->owner = owner;
			slot->queue = ref;
			slot->pid = 0;
			slot->proc = NULL;
			slot->started_at = now;
			slot->since = now;
			slot->workflow_tasks = 0;
			slot->activities = 0;
			slot->failures = 0;
			slot->limit_held = slot->limit_refused = false;
			pg_atomic_write_u32(&slot->retire, 0);
			*generation = slot->generation;
			tpg_queue_join(ref, i);
			found = i;
			break;
		}
	}
	LWLockRelease(tpg_shared_lock);
	return found;
}

bool
tpg_slot_release(int i, uint32 generation)
{
	bool		released = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (tpg_slots[i].generation == generation &&
		tpg_slots[i].status == TPG_SLOT_STARTING)
	{
		free_slot(i, true);
		released = true;
	}
	LWLockRelease(tpg_shared_lock);
	return released;
}

int
tpg_slot_watchdog(Oid dboid, TimestampTz now)
{
	int			freed = 0;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		if (slot->status == TPG_SLOT_STARTING && slot->dboid == dboid &&
			TimestampDifferenceExceeds(slot->started_at, now, TPG_START_TIMEOUT_MS))
		{
			TpgQueueRef ref = slot->queue;

			free_slot(i, true);
			tpg_queue_start_result(ref, false);
			freed++;
		}
	}
	LWLockRelease(tpg_shared_lock);
	return freed;
}

/*
 * A process that ends before it could connect counts as a failed start of its
 * queue (role without LOGIN, connection limit, …), unless it was told to stop.
 */
static void
executor_detach(int code, Datum arg)
{
	TpgSlot    *slot = &tpg_slots[tpg_my_slot];
	TpgQueueRef ref = slot->queue;
	Oid			dboid = slot->dboid;
	bool		attempt = slot->inflight_event > 0;
	bool		connected;

	tpg_overrun_exit();
	if (code != 0 && slot->inflight_key != 0 && slot->inflight_event == TPG_SLOT_WORKFLOW_TASK)
		tpg_overrun_died(dboid, slot->inflight_key);
	tpg_shared_heartbeat_clear();
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	connected = slot->status == TPG_SLOT_RUNNING;
	free_slot(tpg_my_slot, !forsaken);
	if (!connected && code != 0 && !tpg_database_paused(slot->dboid) && !tpg_database_stopped(slot->dboid))
		tpg_queue_start_result(ref, false);
	LWLockRelease(tpg_shared_lock);
	tpg_my_slot = -1;

	/* an attempt that was recorded is over with us */
	if (attempt)
		tpg_database_wake_lost(tpg_database_find(dboid, false), dboid);
	tpg_database_wake_growers();
}

bool
tpg_slot_attach(int i, uint32 generation, Oid *dboid, Oid *owner)
{
	TpgSlot    *slot;
	bool		attached = false;

	if (i < 0 || i >= tpg_shared->nslots)
		return false;
	slot = &tpg_slots[i];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	if (slot->generation == generation && slot->status == TPG_SLOT_STARTING)
	{
		if (tpg_database_paused(slot->dboid) || tpg_database_stopped(slot->dboid))
			free_slot(i, true);
		else
		{
			slot->status = TPG_SLOT_CONNECTING;
			slot->pid = MyProcPid;
			slot->proc = MyProc;
			*dboid = slot->dboid;
			*owner = slot->owner;
			attached = true;
		}
	}
	LWLockRelease(tpg_shared_lock);

	if (attached)
	{
		tpg_my_slot = i;
		before_shmem_exit(executor_detach, (Datum) 0);
	}
	return attached;
}

void
tpg_slot_connected(void)
{
	TpgSlot    *slot = &tpg_slots[tpg_my_slot];

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	slot->status = TPG_SLOT_RUNNING;
	LWLockRelease(tpg_shared_lock);
	tpg_queue_start_result(slot->queue, true);
}

void
tpg_slot_forsake(void)
{
	forsaken = true;
}

bool
tpg_slot_retiring(void)
{
	return pg_atomic_read_u32(&tpg_slots[tpg_my_slot].retire) != 0;
}

static void
ask_to_retire(TpgSlot *slot)
{
	pg_atomic_write_u32(&slot->retire, 1);
	tpg_wake_process(slot->proc);
}

/*
 * Idle executors of other queues go first, the longest idle at first.  A busy
 * one (it finishes what it has in hand) is asked only on behalf of a queue that
 * has two executors less than its own, or none at all.
 */
bool
tpg_slot_make_room(Oid dboid, Oid owner, int members)
{
	TpgSlot    *victim = NULL;
	int			victim_members = 0;
	TimestampTz now = GetCurrentTimestamp();
	bool		asked = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];
		int			others;

		if (slot->status == TPG_SLOT_FREE)
			continue;
		if (pg_atomic_read_u32(&slot->retire) != 0)
		{
			asked = true;		/* one is on its way out; wait for it */
			break;
		}
		if (slot->status != TPG_SLOT_RUNNING ||
			(slot->dboid == dboid && slot->owner == owner))
			continue;
		others = tpg_shared->queues[slot->queue.index].nmembers;
		if (slot->is_idle)
		{
			if (victim == NULL || !victim->is_idle || slot->since < victim->since)
				victim = slot;
			continue;
		}
		if (victim != NULL && victim->is_idle)
			continue;
		if (members > 0 ? others < members + 2 :
			(others < 2 && !TimestampDifferenceExceeds(slot->started_at, now, MIN_TENURE_MS)))
			continue;
		if (victim == NULL || others > victim_members ||
			(others == victim_members && slot->started_at < victim->started_at))
		{
			victim = slot;
			victim_members = others;
		}
	}
	if (!asked && victim != NULL)
	{
		ask_to_retire(victim);
		asked = true;
	}
	LWLockRelease(tpg_shared_lock);
	return asked;
}

int
tpg_slot_stop_database(Oid dboid, bool terminate)
{
	int			left = 0;

	if (!tpg_shmem_ready())
		return 0;
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		/* not this process: an activity may be what gives the command */
		if (slot->status == TPG_SLOT_FREE || slot->dboid != dboid || i == tpg_my_slot)
			continue;
		if (slot->status == TPG_SLOT_STARTING)
		{
			/* not there yet: the generation will refuse it */
			free_slot(i, false);
			continue;
		}
		left++;
		ask_to_retire(slot);
		if (terminate && !slot->is_idle)
			kill(slot->pid, SIGTERM);
	}
	LWLockRelease(tpg_shared_lock);
	return left;
}

int
tpg_slot_cancel_database(Oid dboid)
{
	int			cancelled = 0;

	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgSlot    *slot = &tpg_slots[i];

		if (i == tpg_my_slot)
			continue;
		SpinLockAcquire(&slot->mutex);
		if (slot->inflight_key != 0 && slot->dboid == dboid && slot->pid != 0)
		{
			slot->interrupt_reason = TPG_INTERRUPT_SHUTDOWN;
			kill(slot->pid, SIGINT);
			cancelled++;
		}
		SpinLockRelease(&slot->mutex);
	}
	return cancelled;
}

/* ---------------------------------------------------------------------
 * Views
 * ---------------------------------------------------------------------
 */

int
tpg_slot_count_all(void)
{
	return tpg_shmem_ready() ? tpg_shared->nslots : 0;
}

bool
tpg_slot_info(int i, TpgSlotInfo *info)
{
	TpgSlot    *slot = &tpg_slots[i];

	memset(info, 0, sizeof(*info));
	LWLockAcquire(tpg_shared_lock, LW_SHARED);
	info->slot = i;
	info->status = slot->status;
	info->pid = slot->pid;
	info->dboid = slot->dboid;
	info->owner = slot->owner;
	info->idle = slot->is_idle;
	info->started_at = slot->started_at;
	info->since = slot->since;
	info->workflow_tasks = slot->workflow_tasks;
	info->activities = slot->activities;
	info->failures = slot->failures;
	SpinLockAcquire(&slot->mutex);
	info->execution_key = slot->inflight_key;
	info->event_id = slot->inflight_event;
	SpinLockRelease(&slot->mutex);
	LWLockRelease(tpg_shared_lock);
	return info->status != TPG_SLOT_FREE;
}
