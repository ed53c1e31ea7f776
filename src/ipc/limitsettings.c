/*-------------------------------------------------------------------------
 *
 * limitsettings.c
 *	  The settings of task queues come into shared memory.
 *
 * Entries belong to one database; its dispatcher alone takes and frees them, under
 * tpg_shared_lock, and changes them under their mutex (ipc/limits).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "ipc/layout.h"
#include "ipc/limitsettings.h"
#include "ipc/pollers.h"
#include "ipc/shmem.h"

/* of the dispatcher: limits_wanted when the load began */
static uint32 loading = 0;

void
tpg_limits_load_begin(void)
{
	TpgDatabase *db = tpg_limits_database();

	if (db != NULL)
	{
		db->limits_left_out = false;
		loading = pg_atomic_read_u32(&db->limits_wanted);
	}
	pg_memory_barrier();		/* then the settings are read */
	for (int i = 0; i < tpg_shared->nlimits; i++)
		tpg_shared->limits[i].seen = false;
}

/* Caller holds tpg_shared_lock. */
static int
free_entry(void)
{
	for (int i = 0; i < TPG_MAX_TASK_QUEUES; i++)
		if (!OidIsValid(tpg_shared->limits[i].dboid))
			return i;
	return -1;
}

static void
set_kind(TpgLimit *k, int max_concurrent, double per_second, TimestampTz now)
{
	k->max = max_concurrent;
	if (per_second < 0)
		k->interval = 0;
	else if (per_second == 0)
		k->interval = -1;
	else
		k->interval = Max((int64) rint(Min(USECS_PER_SEC / per_second, (double) USECS_PER_DAY * 1000)), 1);
	/* what a slower rate has put off is not put off any longer */
	k->next = k->interval > 0 ? Min(k->next, now + k->interval) : 0;
	k->news = true;
}

TpgLimitRef
tpg_limits_load_put(const TpgLimitSettings *s)
{
	TpgLimitRef ref = {-1, 0};
	uint64		hash = tpg_limits_hash(s->task_queue);
	TimestampTz now = GetCurrentTimestamp();
	TpgLimits  *l;
	bool		fresh = false;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < tpg_shared->nlimits && ref.index < 0; i++)
	{
		l = &tpg_shared->limits[i];
		if (l->dboid == MyDatabaseId && l->namespace_id == s->namespace_id && l->name_hash == hash)
			ref.index = i;
	}
	if (ref.index < 0)
	{
		ref.index = free_entry();
		fresh = true;
	}
	if (ref.index >= 0)
	{
		l = &tpg_shared->limits[ref.index];
		SpinLockAcquire(&l->mutex);
		if (fresh)
		{
			memset(l->kinds, 0, sizeof(l->kinds));
			l->dboid = MyDatabaseId;
			l->namespace_id = s->namespace_id;
			l->name_hash = hash;
			l->poller_key = tpg_poller_key(s->namespace_id, s->task_queue);
			l->generation++;
		}
		/* nobody has counted while any number could be open: the dispatcher does that now */
		if (l->kinds[TPG_LIMIT_ACTIVITY].max < 0)
			l->kinds[TPG_LIMIT_ACTIVITY].open = 0;
		l->seen = true;
		l->paused = s->paused;
		for (int kind = 0; kind < TPG_LIMIT_KINDS; kind++)
			set_kind(&l->kinds[kind], s->max_concurrent[kind], s->per_second[kind], now);
		ref.generation = l->generation;
		SpinLockRelease(&l->mutex);
		if (ref.index >= tpg_shared->nlimits)
			tpg_shared->nlimits = ref.index + 1;
	}
	else if (tpg_limits_database() != NULL)
		tpg_limits_database()->limits_left_out = true;
	LWLockRelease(tpg_shared_lock);
	return ref;
}

/* Frees the entries of a database, or those that the load has not seen.  How many stay. */
static int
free_entries(Oid dboid, bool all)
{
	int			n = 0;

	LWLockAcquire(tpg_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < tpg_shared->nlimits; i++)
	{
		TpgLimits  *l = &tpg_shared->limits[i];

		if (l->dboid != dboid)
			continue;
		if (l->seen && !all)
		{
			n++;
			continue;
		}
		SpinLockAcquire(&l->mutex);
		l->dboid = InvalidOid;
		l->generation++;
		SpinLockRelease(&l->mutex);
	}
	LWLockRelease(tpg_shared_lock);
	return n;
}

void
tpg_limits_load_end(void)
{
	TpgDatabase *db = tpg_limits_database();
	int			n = free_entries(MyDatabaseId, false);

	if (db != NULL)
	{
		db->nlimits = n;
		db->limits_known = loading;
	}
}

bool
tpg_limits_any(void)
{
	TpgDatabase *db = tpg_limits_database();

	return db != NULL && db->nlimits > 0;
}

bool
tpg_limits_left_out(void)
{
	TpgDatabase *db = tpg_limits_database();

	return db != NULL && db->limits_left_out;
}

void
tpg_limits_forget_database(Oid dboid)
{
	(void) free_entries(dboid, true);
}

int
tpg_limits_open(TpgLimitRef ref, TpgLimitKind kind)
{
	TpgLimits  *l = tpg_limits_lock(ref);
	int			open;

	if (l == NULL)
		return 0;
	open = l->kinds[kind].open;
	SpinLockRelease(&l->mutex);
	return open;
}

void
tpg_limits_set_open(TpgLimitRef ref, TpgLimitKind kind, int open)
{
	TpgLimits  *l = tpg_limits_lock(ref);

	if (l == NULL)
		return;
	if (open < l->kinds[kind].open)
		l->kinds[kind].news = true;
	l->kinds[kind].open = open;
	SpinLockRelease(&l->mutex);
}
