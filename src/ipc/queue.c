/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  Work queues: rings of hints, and who waits at them.
 *
 * A queue belongs to a database and a role.  Its mutex guards the ring, the
 * chain of its executors and the list of the idle ones together, so that "ring
 * is empty, I go to sleep" and "there is something, who sleeps?" cannot miss
 * each other.
 *
 * Invariants: an executor on the idle list finds nothing in the ring that may be
 * started or has been sent a wake-up for each item; an item offered while it is in the ring or in
 * the hands of an executor leads to one more look at it after that offer.
 *
 * tpg_queue_offer() is called after commit: it takes a spinlock and sets a
 * latch, nothing else.  No memory is allocated anywhere here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ipc/concurrency.h"
#include "ipc/databases.h"
#include "ipc/layout.h"
#include "ipc/limitsettings.h"
#include "ipc/queue.h"
#include "ipc/shmem.h"

/* last queue that this process looked up */
static TpgQueueRef cached_ref = {-1, 0};
static Oid	cached_dboid = InvalidOid;
static Oid	cached_owner = InvalidOid;

void
tpg_queues_reset(void)
{
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];

		SpinLockInit(&queue->mutex);
		queue->dboid = InvalidOid;
		queue->members = -1;
		queue->idle = -1;
		tpg_lanes_reset(&queue->lanes);
	}
}

/* The rest of this block: caller holds the queue's mutex. */

/* False: no room. */
static bool
append(TpgQueue *queue, const TpgWorkItem *item, TimestampTz now)
{
	bool		was_empty = queue->lanes.nitems == 0;

	if (!tpg_lanes_append(&queue->lanes, item))
		return false;
	if (was_empty)
		queue->nonempty_since = now;
	return true;
}

static void
unlink_idle(TpgQueue *queue, int slot)
{
	int		   *link = &queue->idle;

	while (*link >= 0 && *link != slot)
		link = &tpg_slots[*link].next_idle;
	if (*link == slot)
		*link = tpg_slots[slot].next_idle;
	tpg_slots[slot].is_idle = false;
	tpg_slots[slot].next_idle = -1;
}

/* Takes an idle executor off the list, to be woken once the mutex is free. */
static PGPROC *
take_idle(TpgQueue *queue)
{
	int			slot = queue->idle;

	if (slot < 0)
		return NULL;
	queue->idle = tpg_slots[slot].next_idle;
	tpg_slots[slot].is_idle = false;
	tpg_slots[slot].next_idle = -1;
	return tpg_slots[slot].proc;
}

/* ---------------------------------------------------------------------
 * Finding a queue
 * ---------------------------------------------------------------------
 */

static bool
ref_holds(TpgQueueRef ref, Oid dboid, Oid owner)
{
	TpgQueue   *queue;
	bool		holds;

	if (ref.index < 0)
		return false;
	queue = &tpg_shared->queues[ref.index];
	SpinLockAcquire(&queue->mutex);
	holds = queue->generation == ref.generation &&
		queue->dboid == dboid && queue->owner == owner;
	SpinLockRelease(&queue->mutex);
	return holds;
}

/* Under tpg_shared_lock: hands queue i to (dboid, owner), if it is not in use. */
static bool
take_over(int i, Oid dboid, Oid owner, TimestampTz now)
{
	TpgQueue   *queue = &tpg_shared->queues[i];
	bool		taken = false;

	SpinLockAcquire(&queue->mutex);
	if (queue->nmembers == 0 && queue->lanes.nitems == 0)
	{
		queue->dboid = dboid;
		queue->owner = owner;
		queue->generation++;
		queue->more = false;
		queue->start_failures = 0;
		queue->backoff_until = 0;
		queue->last_pop = 0;
		queue->last_used = now;
		taken = true;
	}
	SpinLockRelease(&queue->mutex);
	return taken;
}

TpgQueueRef
tpg_queue_ref(Oid dboid, Oid owner)
{
	TpgQueueRef ref = {-1, 0};
	TimestampTz now;
	int			oldest = -1;

	if (!tpg_shmem_ready())
		return ref;
	if (cached_dboid == dboid && cached_owner == owner &&
		ref_holds(cached_ref, dboid, owner))
		return cached_ref;

	now = GetCurrentTimestamp();
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];

		if (queue->dboid == dboid && queue->owner == owner)
		{
			queue->last_used = now;
			ref.index = i;
			break;
		}
	}

	/* none: a free one, else the one that has been without use for longest */
	while (ref.index < 0)
	{
		oldest = -1;
		for (int i = 0; i < TPG_MAX_QUEUES; i++)
		{
			TpgQueue   *queue = &tpg_shared->queues[i];

			if (queue->nmembers > 0 || queue->lanes.nitems > 0)
				continue;
			if (oldest < 0 || !OidIsValid(queue->dboid) ||
				queue->last_used < tpg_shared->queues[oldest].last_used)
				oldest = i;
			if (!OidIsValid(queue->dboid))
				break;
		}
		if (oldest < 0)
			break;
		/* somebody may just have put something in; then look again */
		if (take_over(oldest, dboid, owner, now))
			ref.index = oldest;
	}
	if (ref.index >= 0)
		ref.generation = tpg_shared->queues[ref.index].generation;
	LWLockRelease(tpg_shared_lock);

	if (ref.index >= 0)
	{
		cached_ref = ref;
		cached_dboid = dboid;
		cached_owner = owner;
	}
	return ref;
}

void
tpg_queue_forget_database(Oid dboid)
{
	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];

		SpinLockAcquire(&queue->mutex);
		if (queue->dboid == dboid && queue->nmembers == 0)
		{
			queue->dboid = InvalidOid;
			queue->owner = InvalidOid;
			queue->generation++;
			tpg_lanes_reset(&queue->lanes);
			queue->more = false;
		}
		SpinLockRelease(&queue->mutex);
	}
	LWLockRelease(tpg_shared_lock);
	tpg_limits_forget_database(dboid);
}

/* ---------------------------------------------------------------------
 * Offering
 * ---------------------------------------------------------------------
 */

/* Is an executor of this queue at work on it?  Then it will look once more. */
static bool
in_hand(TpgQueue *queue, const TpgWorkItem *item, int flags)
{
	for (int i = queue->members; i >= 0; i = tpg_slots[i].next_member)
	{
		TpgSlot    *slot = &tpg_slots[i];

		if (slot->has_item && tpg_same_item(&slot->item, item))
		{
			if ((flags & TPG_OFFER_ONCE) == 0)
				slot->again = true;
			return true;
		}
	}
	return false;
}

TpgOffer
tpg_queue_offer(TpgQueueRef ref, TpgWorkItem item, int flags)
{
	TpgQueue   *queue;
	TpgOffer	result;
	PGPROC	   *idle = NULL;
	bool		grow = false;
	Oid			dboid;
	TimestampTz now;

	if (ref.index < 0)
		return TPG_OFFER_GONE;
	queue = &tpg_shared->queues[ref.index];
	now = GetCurrentTimestamp();

	SpinLockAcquire(&queue->mutex);
	dboid = queue->dboid;
	if (queue->generation != ref.generation)
		result = TPG_OFFER_GONE;
	else if (tpg_lanes_contain(&queue->lanes, &item))
		result = TPG_OFFER_KNOWN;
	else if (in_hand(queue, &item, flags))
		result = TPG_OFFER_IN_HAND;
	else if (!append(queue, &item, now))
	{
		queue->more = true;
		result = TPG_OFFER_FULL;
	}
	else
	{
		result = TPG_OFFER_TAKEN;
		/* at the limit of the database nobody need wake up: who ends something looks */
		if ((flags & TPG_OFFER_SELF) == 0 && tpg_database_may_take(dboid, tpg_lane_class(&item)))
		{
			idle = take_idle(queue);
			grow = idle == NULL;
		}
	}
	SpinLockRelease(&queue->mutex);

	if (idle != NULL)
		tpg_wake_process(idle);
	else if (grow)
		tpg_database_wake_grow(dboid);
	return result;
}

bool
tpg_queue_pending(TpgQueueRef ref, TpgWorkItem item)
{
	TpgQueue   *queue = &tpg_shared->queues[ref.index];
	bool		pending = false;

	SpinLockAcquire(&queue->mutex);
	if (queue->generation == ref.generation)
	{
		pending = tpg_lanes_contain(&queue->lanes, &item);
		for (int i = queue->members; i >= 0 && !pending; i = tpg_slots[i].next_member)
			pending = tpg_slots[i].has_item && !tpg_slots[i].limit_held &&
				tpg_same_item(&tpg_slots[i].item, &item);
	}
	SpinLockRelease(&queue->mutex);
	return pending;
}

void
tpg_queue_push(Oid dboid, Oid owner, TpgWorkItem item)
{
	TpgOffer	offer = tpg_queue_offer(tpg_queue_ref(dboid, owner), item, 0);

	if (offer == TPG_OFFER_FULL || offer == TPG_OFFER_GONE)
		tpg_database_wake_scan(tpg_database_find(dboid, false), dboid);
}

void
tpg_park(TpgWorkItem item, Oid owner)
{
	if (tpg_shmem_ready())
		tpg_database_park(MyDatabaseId, item, owner);
}

/* ---------------------------------------------------------------------
 * For an executor
 * ---------------------------------------------------------------------
 */

static TpgQueue *
my_queue(void)
{
	Assert(tpg_my_slot >= 0);
	return &tpg_shared->queues[tpg_slots[tpg_my_slot].queue.index];
}

bool
tpg_queue_is_mine(TpgQueueRef ref)
{
	return tpg_my_slot >= 0 && tpg_slots[tpg_my_slot].queue.index == ref.index;
}

/*
 * Takes the next item that this database may start (temporal_pg.max_concurrent_*),
 * and counts it there.  -1: none.  Caller holds the queue's mutex.
 */
static int
take_next(TpgQueue *queue, Oid dboid, TpgWorkItem *item)
{
	bool		allowed[TPG_LANE_CLASSES] = {true, true, true};
	int			priority;
	int			class;

	while ((class = tpg_lanes_next(&queue->lanes, allowed, &priority)) >= 0)
	{
		if (tpg_database_take(dboid, class))
		{
			tpg_lanes_take(&queue->lanes, class, priority, item);
			return class;
		}
		allowed[class] = false;
	}
	return -1;
}

/*
 * One of that class has ended where the database was limited: somebody of each
 * queue that has more of it looks again.  After the count was given back, so
 * that either he finds it or whoever puts in an item does.
 */
static void
wake_for_class(Oid dboid, int class)
{
	for (int i = 0; i < TPG_MAX_QUEUES; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];
		PGPROC	   *idle = NULL;
		bool		grow = false;

		if (queue->dboid != dboid)
			continue;
		SpinLockAcquire(&queue->mutex);
		if (queue->dboid == dboid && queue->lanes.nclass[class] > 0)
		{
			idle = take_idle(queue);
			grow = idle == NULL;
		}
		SpinLockRelease(&queue->mutex);
		if (idle != NULL)
			tpg_wake_process(idle);
		else if (grow)
			tpg_database_wake_grow(dboid);
	}
}

/* What was in hand counts no more.  Under no spinlock. */
static void
item_over(int slot_index, Oid dboid, const TpgWorkItem *item)
{
	int			class = tpg_lane_class(item);

	if (tpg_database_give(dboid, class))
		wake_for_class(dboid, class);
	tpg_limits_item_over(slot_index, item->limit);
}

bool
tpg_queue_pop(TpgWorkItem *item)
{
	TpgQueue   *queue = my_queue();
	TpgSlot    *slot = &tpg_slots[tpg_my_slot];
	TimestampTz now = GetCurrentTimestamp();
	bool		got = false;
	bool		refill = false;
	int			class;

	SpinLockAcquire(&queue->mutex);
	class = take_next(queue, slot->dboid, item);
	if (class >= 0)
	{
		if (slot->is_idle)
			unlink_idle(queue, tpg_my_slot);
		queue->last_pop = now;
		slot->item = *item;
		slot->has_item = true;
		slot->again = false;
		slot->since = now;
		if (queue->more && queue->lanes.nitems < TPG_RING_LOW)
		{
			queue->more = false;
			refill = true;
		}
		got = true;
	}
	else if (!slot->is_idle)
	{
		slot->next_idle = queue->idle;
		queue->idle = tpg_my_slot;
		slot->is_idle = true;
		slot->since = now;
	}
	SpinLockRelease(&queue->mutex);

	if (refill)
		tpg_database_wake_refill(slot->dboid);
	return got;
}

/*
 * The item goes to the end of the ring rather than being done again at once,
 * so that a run with a steady flow of mail does not keep others waiting.  The
 * caller pops next: somebody else is woken only if that will be another item,
 * which may take long (an activity that its own workflow task has left).
 */
void
tpg_queue_finish(void)
{
	TpgQueue   *queue = my_queue();
	TpgSlot    *slot = &tpg_slots[tpg_my_slot];
	TimestampTz now = GetCurrentTimestamp();
	PGPROC	   *idle = NULL;
	bool		grow = false;
	bool		had_item;

	SpinLockAcquire(&queue->mutex);
	had_item = slot->has_item;
	if (slot->has_item && slot->again)
	{
		if (queue->lanes.nitems > 0)
		{
			idle = take_idle(queue);
			grow = idle == NULL;
		}
		if (!append(queue, &slot->item, now))
			queue->more = true; /* its row is due: a scan finds it */
	}
	slot->has_item = false;
	slot->again = false;
	slot->since = now;
	SpinLockRelease(&queue->mutex);
	if (had_item)
		item_over(tpg_my_slot, slot->dboid, &slot->item);

	if (idle != NULL)
		tpg_wake_process(idle);
	else if (grow)
		tpg_database_wake_grow(slot->dboid);
}

bool
tpg_queue_leave(void)
{
	TpgQueue   *queue = my_queue();
	bool		idle;

	SpinLockAcquire(&queue->mutex);
	idle = tpg_slots[tpg_my_slot].is_idle;
	if (idle)
		unlink_idle(queue, tpg_my_slot);
	SpinLockRelease(&queue->mutex);
	return idle;
}

/* ---------------------------------------------------------------------
 * Membership (callers hold tpg_shared_lock)
 * ---------------------------------------------------------------------
 */

/*
 * The caller holds a reference that it has just got under the same lock, or
 * knows otherwise that the queue cannot have changed hands.
 */
void
tpg_queue_join(TpgQueueRef ref, int slot)
{
	TpgQueue   *queue = &tpg_shared->queues[ref.index];

	SpinLockAcquire(&queue->mutex);
	tpg_slots[slot].next_member = queue->members;
	tpg_slots[slot].next_idle = -1;
	tpg_slots[slot].is_idle = false;
	tpg_slots[slot].has_item = false;
	tpg_slots[slot].again = false;
	queue->members = slot;
	queue->nmembers++;
	SpinLockRelease(&queue->mutex);
}

/*
 * An executor goes.  What it had in hand or was woken for must not be lost
 * with it: somebody else is woken, or the dispatcher.
 */
void
tpg_queue_part(int slot_index, bool give_back)
{
	TpgSlot    *slot = &tpg_slots[slot_index];
	TpgQueue   *queue = &tpg_shared->queues[slot->queue.index];
	TimestampTz now = GetCurrentTimestamp();
	PGPROC	   *idle = NULL;
	bool		grow = false;
	Oid			dboid = slot->dboid;
	int		   *link;
	bool		had_item;

	SpinLockAcquire(&queue->mutex);
	link = &queue->members;
	while (*link >= 0 && *link != slot_index)
		link = &tpg_slots[*link].next_member;
	if (*link == slot_index)
	{
		*link = slot->next_member;
		queue->nmembers--;
	}
	if (slot->is_idle)
		unlink_idle(queue, slot_index);
	had_item = slot->has_item;
	if (slot->has_item && (give_back || slot->again) && !tpg_lanes_contain(&queue->lanes, &slot->item))
		(void) append(queue, &slot->item, now);
	slot->has_item = false;
	slot->again = false;
	slot->next_member = -1;
	queue->last_used = now;
	if (queue->lanes.nitems > 0)
	{
		idle = take_idle(queue);
		grow = idle == NULL;
	}
	SpinLockRelease(&queue->mutex);
	if (had_item)
		item_over(slot_index, dboid, &slot->item);

	if (idle != NULL)
		tpg_wake_process(idle);
	else if (grow)
		tpg_database_wake_grow(dboid);
}
