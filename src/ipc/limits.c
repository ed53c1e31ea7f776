/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  What a task queue may start now: concurrency, rate, pause.
 *
 * Invariants: `running` counts what executors have in hand (slot->limit_held) and
 * what transactions in progress have asked for (held, below); both are given
 * back where those end, also by an error or when the process exits.  A process
 * that is killed takes the server's shared memory with it, and so the counts.
 *
 * The rate is a GCRA: `next` is when the next start is due if they come evenly;
 * one may come up to TOLERANCE_US early, so that a dispatcher that wakes up a
 * little late loses nothing, and a burst is that much worth of starts.
 *
 * What is called at commit uses spinlocks, atomics and a latch; no memory is
 * allocated anywhere here.  Entries belong to one database; its dispatcher alone
 * takes and frees them (ipc/limitsettings).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/layout.h"
#include "ipc/limits.h"
#include "ipc/pollers.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "ipc/wake.h"

/* a tenth of a second's worth at once: 1 % of what ten seconds may bring */
#define TOLERANCE_US INT64CONST(100000)

/* over which the rates for the view are averaged */
#define RATE_SECONDS 30.0

/* before the settings have been read */
#define ASK_AGAIN_MS 100

#define MAX_HELD 64

/* One queue's share in a subtransaction of the one in progress, outside of executors. */
typedef struct Held
{
	TpgLimitRef ref;
	TpgLimitKind kind;
	SubTransactionId subid;
	int			running;		/* started here, and over with it */
	int			opened;			/* started here, and open after COMMIT */
	int			ended;			/* open ones that end with it */
} Held;

static Held held[MAX_HELD];
static int	nheld = 0;
static Held *last_started = NULL;

/* NULL: of more queues than can be remembered in one transaction. */
static Held *
held_of(TpgLimitRef ref, TpgLimitKind kind)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	Held	   *h;

	for (int i = 0; i < nheld; i++)
		if (held[i].subid == subid && held[i].ref.index == ref.index && held[i].ref.generation == ref.generation && held[i].kind == kind)
			return &held[i];
	if (nheld >= MAX_HELD)
		return NULL;
	h = &held[nheld++];
	memset(h, 0, sizeof(*h));
	h->ref = ref;
	h->kind = kind;
	h->subid = subid;
	return h;
}

void
tpg_limits_reset(void)
{
	tpg_shared->nlimits = 0;
	for (int i = 0; i < TPG_MAX_TASK_QUEUES; i++)
		SpinLockInit(&tpg_shared->limits[i].mutex);
}

uint64
tpg_limits_hash(const char *name)
{
	return hash_bytes_extended((const unsigned char *) name, (int) strlen(name), 0);
}

TpgDatabase *
tpg_limits_database(void)
{
	static int	index = -1;

	if (!tpg_shmem_ready() || !OidIsValid(MyDatabaseId))
		return NULL;
	if (index < 0 || tpg_database_oids[index] != MyDatabaseId)
		index = tpg_database_find(MyDatabaseId, false);
	return index < 0 ? NULL : &tpg_databases[index];
}

/* Not so: the settings have been changed, and are about to be read. */
static bool
is_loaded(TpgDatabase *db)
{
	return db->limits_known == pg_atomic_read_u32(&db->limits_wanted);
}

static void
wake_dispatcher(void)
{
	tpg_database_wake_limits(tpg_database_find(MyDatabaseId, false), MyDatabaseId);
}

TpgLimitRef
tpg_limits_find(int32 namespace_id, const char *task_queue)
{
	TpgLimitRef ref = {-1, 0};
	TpgDatabase *db = tpg_limits_database();
	uint64		hash;

	if (db == NULL || db->nlimits == 0)
		return ref;
	hash = tpg_limits_hash(task_queue);
	for (int i = 0; i < tpg_shared->nlimits; i++)
	{
		TpgLimits  *l = &tpg_shared->limits[i];

		if (l->dboid == MyDatabaseId && l->namespace_id == namespace_id && l->name_hash == hash)
		{
			ref.index = i;
			ref.generation = l->generation;
			break;
		}
	}
	return ref;
}

/* Locked, if it is still that queue's; else NULL. */
TpgLimits *
tpg_limits_lock(TpgLimitRef ref)
{
	TpgLimits  *l;

	if (ref.index < 0)
		return NULL;
	l = &tpg_shared->limits[ref.index];
	SpinLockAcquire(&l->mutex);
	if (l->generation == ref.generation && OidIsValid(l->dboid))
		return l;
	SpinLockRelease(&l->mutex);
	return NULL;
}

/* The rest of this block: caller holds the mutex. */

static bool
is_limited(const TpgLimits *l, TpgLimitKind kind)
{
	return l->paused || l->kinds[kind].max >= 0 || l->kinds[kind].interval != 0;
}

/* How many may start besides `pending`; 0: *again. */
static int
available(const TpgLimits *l, TpgLimitKind kind, int pending, TimestampTz now, TimestampTz *again)
{
	const TpgLimit *k = &l->kinds[kind];
	int64		n = INT_MAX;

	*again = DT_NOEND;
	if (l->paused || k->interval < 0)
		return 0;
	if (k->max >= 0)
		n = Min(n, (int64) k->max - k->running - k->open - pending);
	if (n <= 0)
		return 0;
	if (k->interval > 0)
	{
		int64		first = Max(k->next, now) + pending * k->interval;
		int64		slack = now + TOLERANCE_US - first;

		if (slack < 0)
		{
			*again = now - slack;
			return 0;
		}
		n = Min(n, slack / k->interval + 1);
	}
	return (int) n;
}

static void
decay(double *count, TimestampTz *at, TimestampTz now)
{
	if (*count > 0 && now > *at)
		*count *= exp(-(double) (now - *at) / USECS_PER_SEC / RATE_SECONDS);
	*at = now;
}

/* ---------------------------------------------------------------------
 * Starting and ending
 * ---------------------------------------------------------------------
 */

bool
tpg_limits_hold(int32 namespace_id, const char *task_queue, TpgLimitKind kind)
{
	TpgDatabase *db = tpg_limits_database();
	TpgLimits  *l = tpg_limits_lock(tpg_limits_find(namespace_id, task_queue));
	bool		limited;

	/* a database without an entry is one whose dispatcher has not come yet */
	if (l == NULL)
		return tpg_shmem_ready() && (db == NULL || !is_loaded(db));
	limited = is_limited(l, kind) || !is_loaded(db);
	SpinLockRelease(&l->mutex);
	return limited;
}

bool
tpg_limits_start(int32 namespace_id, const char *task_queue, TpgLimitKind kind, TimestampTz *again)
{
	TpgDatabase *db = tpg_limits_database();
	TpgSlot    *slot = tpg_my_slot >= 0 ? &tpg_slots[tpg_my_slot] : NULL;
	TimestampTz now;
	TpgLimitRef ref;
	TpgLimits  *l;
	Held	   *h = NULL;
	bool		may;

	*again = DT_NOEND;
	last_started = NULL;
	if (!tpg_shmem_ready() || (db != NULL && is_loaded(db) && db->nlimits == 0))
		return true;
	now = GetCurrentTimestamp();
	if (db == NULL || !is_loaded(db))
	{
		*again = TimestampTzPlusMilliseconds(now, ASK_AGAIN_MS);
		if (slot != NULL && !slot->limit_held)
		{
			slot->limit.index = -1;
			slot->limit_refused = true;
		}
		return slot != NULL && slot->limit_held;
	}
	/* a second round with the same item */
	if (slot != NULL && slot->limit_held)
		return true;
	ref = tpg_limits_find(namespace_id, task_queue);
	if (slot == NULL && ref.index >= 0)
	{
		h = tpg_wake_expect() ? held_of(ref, kind) : NULL;
		/* the next transaction takes more */
		if (h == NULL)
		{
			*again = now;
			return false;
		}
	}
	l = tpg_limits_lock(ref);
	if (l == NULL)
		return true;
	may = available(l, kind, 0, now, again) > 0;
	if (may)
	{
		TpgLimit   *k = &l->kinds[kind];

		k->running++;
		if (k->interval > 0)
			k->next = Max(k->next, now) + k->interval;
		decay(&k->started, &k->started_at, now);
		k->started += 1;
	}
	else
	{
		l->kinds[kind].wanted = true;
		l->kinds[kind].place_wanted = l->kinds[kind].place_wanted || slot == NULL;
	}
	SpinLockRelease(&l->mutex);

	if (slot != NULL)
	{
		slot->limit = ref;
		slot->limit_kind = kind;
		slot->limit_held = may;
		slot->limit_refused = !may;
	}
	else if (may)
	{
		h->running++;
		last_started = h;
	}
	return may;
}

bool
tpg_limits_known(void)
{
	TpgDatabase *db = tpg_limits_database();

	return !tpg_shmem_ready() || (db != NULL && is_loaded(db));
}

int
tpg_limits_room(int32 namespace_id, const char *task_queue, TpgLimitKind kind, int wanted, TimestampTz *again)
{
	TimestampTz now = GetCurrentTimestamp();
	TpgLimits  *l;
	int			room;

	*again = DT_NOEND;
	if (!tpg_limits_known())
	{
		*again = TimestampTzPlusMilliseconds(now, ASK_AGAIN_MS);
		return 0;
	}
	l = tpg_limits_lock(tpg_limits_find(namespace_id, task_queue));
	if (l == NULL)
		return wanted;
	room = available(l, kind, 0, now, again);
	if (room < wanted)
		l->kinds[kind].wanted = l->kinds[kind].place_wanted = true;
	SpinLockRelease(&l->mutex);
	return Min(room, wanted);
}

void
tpg_limits_no_use(int32 namespace_id, const char *task_queue, TpgLimitKind kind)
{
	TpgLimits  *l = tpg_limits_lock(tpg_limits_find(namespace_id, task_queue));

	if (l == NULL)
		return;
	l->kinds[kind].place_wanted = false;
	SpinLockRelease(&l->mutex);
}

bool
tpg_limits_opened(void)
{
	for (int i = 0; i < nheld; i++)
		if (held[i].opened > held[i].ended)
			return true;
	return false;
}

void
tpg_limits_keep_open(void)
{
	if (last_started == NULL)
		return;
	last_started->running--;
	last_started->opened++;
	last_started = NULL;
}

void
tpg_limits_open_ended(int32 namespace_id, const char *task_queue, TpgLimitKind kind, int count)
{
	TpgLimitRef ref = tpg_limits_find(namespace_id, task_queue);
	Held	   *h = ref.index >= 0 && tpg_wake_expect() ? held_of(ref, kind) : NULL;

	/* of too many queues at once: the next recount tells */
	if (h != NULL)
		h->ended += count;
}

/* One share is over; true: the dispatcher wants to know. */
static bool
settle(const Held *h, bool committed)
{
	TpgLimits  *l = tpg_limits_lock(h->ref);
	TpgLimit   *k;
	bool		wake;

	if (l == NULL)
		return false;
	k = &l->kinds[h->kind];
	k->running -= h->running + h->opened;
	if (committed)
		k->open = Max(k->open + h->opened - h->ended, 0);
	wake = k->wanted;
	k->wanted = false;
	SpinLockRelease(&l->mutex);
	return wake;
}

void
tpg_limits_at_end(bool committed)
{
	bool		wake = false;

	for (int i = 0; i < nheld; i++)
		wake |= settle(&held[i], committed);
	nheld = 0;
	last_started = NULL;
	if (wake)
		wake_dispatcher();
}

/* What it has becomes its parent's, or (parent 0) is over. */
void
tpg_limits_at_subend(SubTransactionId subid, SubTransactionId parent)
{
	bool		wake = false;
	int			kept = 0;

	last_started = NULL;
	for (int i = 0; i < nheld; i++)
	{
		Held		h = held[i];
		int			same = 0;

		if (h.subid == subid && parent == InvalidSubTransactionId)
		{
			wake |= settle(&h, false);
			continue;
		}
		if (h.subid == subid)
			h.subid = parent;
		/* one entry each, however many savepoints there were */
		while (same < kept && (held[same].subid != h.subid || held[same].kind != h.kind || held[same].ref.index != h.ref.index ||
							   held[same].ref.generation != h.ref.generation))
			same++;
		if (same == kept)
			held[kept++] = h;
		else
		{
			held[same].running += h.running;
			held[same].opened += h.opened;
			held[same].ended += h.ended;
		}
	}
	nheld = kept;
	if (wake)
		wake_dispatcher();
}

/* One that the dispatcher gave out has not started: another one may go, or the same again.  Not in an executor. */
void
tpg_limits_hint_over(uint16 item_limit, TpgLimitKind kind, bool refused)
{
	TpgLimits  *l = &tpg_shared->limits[item_limit - 1];
	bool		wake;

	SpinLockAcquire(&l->mutex);
	if (refused)
		l->kinds[kind].news = true;
	wake = refused || l->kinds[kind].wanted;
	l->kinds[kind].wanted = false;
	SpinLockRelease(&l->mutex);
	if (wake)
		wake_dispatcher();
}

void
tpg_limits_item_over(int slot_index, uint16 item_limit)
{
	TpgSlot    *slot = &tpg_slots[slot_index];
	TpgLimits  *l;
	uint64		poller_key = 0;
	bool		place_wanted = false;
	bool		wake = false;

	if (slot->limit_held || slot->limit_refused)
	{
		/* refused before the limits were known: the look at everything that follows may have met it in hand */
		if (slot->limit.index < 0 && slot->limit_refused)
			tpg_database_wake_scan(tpg_database_find(slot->dboid, false), slot->dboid);
		l = tpg_limits_lock(slot->limit);
		if (l != NULL)
		{
			TpgLimit   *k = &l->kinds[slot->limit_kind];

			if (slot->limit_held)
			{
				k->running--;
				place_wanted = k->place_wanted;
				poller_key = l->poller_key;
			}
			/* its row is due, and nobody holds it any more */
			if (slot->limit_refused)
				k->news = true;
			wake = k->wanted || k->news;
			k->wanted = false;
			SpinLockRelease(&l->mutex);
		}
		slot->limit_held = slot->limit_refused = false;
	}
	else if (item_limit > 0)
	{
		/* given out by the dispatcher, but its row was gone: another one may go */
		l = &tpg_shared->limits[item_limit - 1];
		SpinLockAcquire(&l->mutex);
		for (int i = 0; i < TPG_LIMIT_KINDS; i++)
		{
			wake = wake || l->kinds[i].wanted;
			l->kinds[i].wanted = false;
		}
		SpinLockRelease(&l->mutex);
	}
	if (wake)
		tpg_database_wake_limits(tpg_database_find(slot->dboid, false), slot->dboid);
	if (place_wanted)
		tpg_poller_wake(poller_key, 1, true);
}

void
tpg_limits_news(TpgLimitRef ref, TpgLimitKind kind, int count)
{
	TimestampTz now = GetCurrentTimestamp();
	TpgLimits  *l = tpg_limits_lock(ref);

	if (l == NULL)
		return;
	l->kinds[kind].news = true;
	if (count > 0)
	{
		decay(&l->kinds[kind].added, &l->kinds[kind].added_at, now);
		l->kinds[kind].added += count;
	}
	SpinLockRelease(&l->mutex);
}

/* ---------------------------------------------------------------------
 * For the dispatcher
 * ---------------------------------------------------------------------
 */

int
tpg_limits_available(TpgLimitRef ref, TpgLimitKind kind, int pending, TimestampTz now, TimestampTz *again)
{
	TpgLimits  *l = tpg_limits_lock(ref);
	int			n = 0;

	*again = DT_NOEND;
	if (l == NULL)
		return 0;
	n = available(l, kind, pending, now, again);
	/* in one with the look: an end after this is reported */
	l->kinds[kind].wanted = n == 0 || pending > 0;
	SpinLockRelease(&l->mutex);
	return n;
}

bool
tpg_limits_take_news(TpgLimitRef ref, TpgLimitKind kind)
{
	TpgLimits  *l = tpg_limits_lock(ref);
	bool		news;

	if (l == NULL)
		return false;
	news = l->kinds[kind].news;
	l->kinds[kind].news = false;
	SpinLockRelease(&l->mutex);
	return news;
}

/* ---------------------------------------------------------------------
 * For views
 * ---------------------------------------------------------------------
 */

bool
tpg_limits_state(int32 namespace_id, const char *task_queue, TpgLimitKind kind, TpgLimitState *state)
{
	TimestampTz now = GetCurrentTimestamp();
	TpgLimits  *l = tpg_limits_lock(tpg_limits_find(namespace_id, task_queue));
	TpgLimit	k;
	TimestampTz again;

	memset(state, 0, sizeof(*state));
	if (l == NULL)
		return false;
	k = l->kinds[kind];
	state->paused = l->paused;
	state->late = available(l, kind, 0, now, &again) == 0 && !TIMESTAMP_NOT_FINITE(again);
	SpinLockRelease(&l->mutex);

	state->running = k.running + k.open;
	state->full = k.max >= 0 && state->running >= k.max;
	state->late = state->late || k.interval < 0;
	decay(&k.added, &k.added_at, now);
	decay(&k.started, &k.started_at, now);
	state->add_rate = k.added / RATE_SECONDS;
	state->dispatch_rate = k.started / RATE_SECONDS;
	return true;
}
