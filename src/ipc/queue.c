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
 * Invariants: an executor on the idle list finds the ring empty or has been
 * sent a wake-up for each item; an item offered while it is in the ring or in
 * the hands of an executor leads to one more look at it after that offer.
 *
 * tpg_queue_offer() is called after commit: it takes a spinlock and sets a
 * latch, nothing else.  No memory is allocated anywhere here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/layout.h"
#include "ipc/queue.h"
#include "ipc/shmem.h"

/* after the n-th failure in a row to start an executor: 1 s, 2 s, 4 s … 60 s */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000

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
	}
}

static inline bool
same_item(const TpgWorkItem *a, const TpgWorkItem *b)
{
	return a->execution_key == b->execution_key &&
		a->event_id == b->event_id && a->kind == b->kind;
}

static inline uint32
item_hash(const TpgWorkItem *item)
{
	uint32		h = (uint32) item->execution_key ^ (uint32) (item->execution_key >> 32);

	h = murmurhash32(h) ^ ((uint32) item->event_id * 2 + (uint32) item->kind);
	return murmurhash32(h);
}

static inline uint32
ring_count(const TpgQueue *queue)
{
	return queue->tail - queue->head;
}

/* The rest of this block: caller holds the queue's mutex. */

static bool
in_ring(TpgQueue *queue, const TpgWorkItem *item, uint32 hash)
{
	uint32		pos = queue->recent[hash % TPG_RECENT_SIZE];

	/* pos counts on like head and tail; old positions fall out of the range */
	return pos - queue->head < ring_count(queue) &&
		same_item(&queue->ring[pos % TPG_RING_SIZE], item);
}

static void
append(TpgQueue *queue, const TpgWorkItem *item, uint32 hash, TimestampTz now)
{
	if (queue->head == queue->tail)
		queue->nonempty_since = now;
	queue->ring[queue->tail % TPG_RING_SIZE] = *item;
	queue->recent[hash % TPG_RECENT_SIZE] = queue->tail;
	queue->tail++;
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
	if (queue->nmembers == 0 && queue->head == queue->tail)
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

			if (queue->nmembers > 0 || queue->head != queue->tail)
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
			queue->head = queue->tail;
			queue->more = false;
		}
		SpinLockRelease(&queue->mutex);
	}
	LWLockRelease(tpg_shared_lock);
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

		if (slot->has_item && same_item(&slot->item, item))
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
	uint32		hash;

	if (ref.index < 0)
		return TPG_OFFER_GONE;
	queue = &tpg_shared->queues[ref.index];
	now = GetCurrentTimestamp();
	hash = item_hash(&item);

	SpinLockAcquire(&queue->mutex);
	dboid = queue->dboid;
	if (queue->generation != ref.generation)
		result = TPG_OFFER_GONE;
	else if (in_ring(queue, &item, hash) || in_hand(queue, &item, flags))
		result = TPG_OFFER_KNOWN;
	else if (ring_count(queue) >= TPG_RING_SIZE)
	{
		queue->more = true;
		result = TPG_OFFER_FULL;
	}
	else
	{
		append(queue, &item, hash, now);
		result = TPG_OFFER_TAKEN;
		if ((flags & TPG_OFFER_SELF) == 0)
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

bool
tpg_queue_pop(TpgWorkItem *item)
{
	TpgQueue   *queue = my_queue();
	TpgSlot    *slot = &tpg_slots[tpg_my_slot];
	TimestampTz now = GetCurrentTimestamp();
	bool		got = false;
	bool		refill = false;

	SpinLockAcquire(&queue->mutex);
	if (queue->head != queue->tail)
	{
		if (slot->is_idle)
			unlink_idle(queue, tpg_my_slot);
		*item = queue->ring[queue->head % TPG_RING_SIZE];
		queue->head++;
		queue->last_pop = now;
		slot->item = *item;
		slot->has_item = true;
		slot->again = false;
		slot->since = now;
		if (queue->more && ring_count(queue) < TPG_RING_LOW)
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

	SpinLockAcquire(&queue->mutex);
	if (slot->has_item && slot->again)
	{
		uint32		hash = item_hash(&slot->item);

		if (queue->head != queue->tail)
		{
			idle = take_idle(queue);
			grow = idle == NULL;
		}
		if (ring_count(queue) < TPG_RING_SIZE)
			append(queue, &slot->item, hash, now);
		else
			queue->more = true; /* its row is due: a scan finds it */
	}
	slot->has_item = false;
	slot->again = false;
	slot->since = now;
	SpinLockRelease(&queue->mutex);

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
	if (slot->has_item && (give_back || slot->again))
	{
		uint32		hash = item_hash(&slot->item);

		if (ring_count(queue) < TPG_RING_SIZE && !in_ring(queue, &slot->item, hash))
			append(queue, &slot->item, hash, now);
	}
	slot->has_item = false;
	slot->again = false;
	slot->next_member = -1;
	queue->last_used = now;
	if (queue->head != queue->tail)
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

/* ---------------------------------------------------------------------
 * For the dispatcher
 * ---------------------------------------------------------------------
 */

int
tpg_queue_states(Oid dboid, TpgQueueState *states, int max)
{
	int			n = 0;

	for (int i = 0; i < TPG_MAX_QUEUES && n < max; i++)
	{
		TpgQueue   *queue = &tpg_shared->queues[i];
		TpgQueueState *state = &states[n];

		/* unlocked test first: most queues are others' or free */
		if (!OidIsValid(queue->dboid) || (OidIsValid(dboid) && queue->dboid != dboid))
			continue;

		memset(state, 0, sizeof(*state));
		SpinLockAcquire(&queue->mutex);
		state->ref.index = i;
		state->ref.generation = queue->generation;
		state->dboid = queue->dboid;
		state->owner = queue->owner;
		state->waiting = (int) ring_count(queue);
		state->members = queue->nmembers;
		state->nonempty_since = queue->nonempty_since;
		state->last_pop = queue->last_pop;
		state->backoff_until = queue->backoff_until;
		state->start_failures = queue->start_failures;
		for (int m = queue->members; m >= 0; m = tpg_slots[m].next_member)
		{
			TpgSlotStatus status = tpg_slots[m].status;

			if (status == TPG_SLOT_STARTING || status == TPG_SLOT_CONNECTING)
				state->starting++;
			else if (tpg_slots[m].is_idle)
				state->idle++;
		}
		SpinLockRelease(&queue->mutex);
		if (OidIsValid(state->dboid) && (!OidIsValid(dboid) || state->dboid == dboid))
			n++;
	}
	return n;
}

void
tpg_queue_start_result(TpgQueueRef ref, bool ok)
{
	TpgQueue   *queue = &tpg_shared->queues[ref.index];
	TimestampTz now = GetCurrentTimestamp();

	SpinLockAcquire(&queue->mutex);
	if (queue->generation == ref.generation)
	{
		if (ok)
		{
			queue->start_failures = 0;
			queue->backoff_until = 0;
		}
		else
		{
			int			delay = BACKOFF_LAST_MS;

			if (queue->start_failures < 6)
				delay = Min(BACKOFF_FIRST_MS << queue->start_failures, BACKOFF_LAST_MS);
			queue->start_failures++;
			queue->backoff_until = TimestampTzPlusMilliseconds(now, delay);
		}
	}
	SpinLockRelease(&queue->mutex);
}
