/*-------------------------------------------------------------------------
 * store/runlock.c - who works on a run: a heavyweight lock with a tag of our own.
 *
 * Whoever delivers mail to a run, closes it or changes its history holds this
 * lock until its transaction ends: commit, abort or death frees it.  It is
 * taken before the execution row is locked, never after.  The tag is of the
 * type that the old userlock module left unused, so no advisory lock of a user
 * can collide with it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "base/compat.h"
#include "store/runlock.h"

/* what of a run is locked: the last field of the tag */
#define LOCK_RUN 0
#define LOCK_OUTBOX 1
/* no run, but a version of code */
#define LOCK_VERSION 2

static LOCKTAG
run_tag(int64 execution_key, uint16 part)
{
	LOCKTAG		tag = {
		.locktag_field1 = MyDatabaseId,
		.locktag_field2 = (uint32) ((uint64) execution_key >> 32),
		.locktag_field3 = (uint32) execution_key,
		.locktag_field4 = part,
		.locktag_type = LOCKTAG_USERLOCK,
		.locktag_lockmethodid = USER_LOCKMETHOD,
	};

	return tag;
}

bool
tpg_run_lock(int64 execution_key, bool wait)
{
	LOCKTAG		tag = run_tag(execution_key, LOCK_RUN);

	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

bool
tpg_run_lock_is_held(int64 execution_key)
{
	LOCKTAG		tag = run_tag(execution_key, LOCK_RUN);

	return tpg_lock_held_by_me(&tag, ExclusiveLock);
}

bool
tpg_outbox_lock(int64 execution_key, bool wait)
{
	LOCKTAG		tag = run_tag(execution_key, LOCK_OUTBOX);

	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

bool
tpg_version_lock(uint64 number, bool alone, bool wait)
{
	LOCKTAG		tag = run_tag((int64) number, LOCK_VERSION);

	return LockAcquire(&tag, alone ? ExclusiveLock : ShareLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}
