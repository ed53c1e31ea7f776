/*-------------------------------------------------------------------------
 *
 * heartbeats.c
 *	  The last heartbeat of each attempt that runs in an executor.
 *
 * One entry a slot, under a lock of its own.  Small details lie in the entry,
 * larger ones in a segment of dynamic shared memory that belongs to the
 * executor: it goes with the attempt, with its process, and with a crash of the
 * server, whatever comes first.
 *
 * Invariant: only the executor of a slot gives its entry to an attempt and takes
 * it away; the dispatcher changes nothing but what says when to write it, and only
 * where the version tells that it is still what it has read.
 *
 * Lock order: behind tpg_shared_lock; under it only what dsm_attach() takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/dsm.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "ipc/databases.h"
#include "ipc/heartbeats.h"
#include "ipc/layout.h"
#include "ipc/shmem.h"

/* where this executor keeps details that are large */
static dsm_segment *my_segment = NULL;

void
tpg_shared_heartbeats_reset(void)
{
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		tpg_heartbeats[i].execution_key = 0;
		tpg_heartbeats[i].segment = DSM_HANDLE_INVALID;
	}
}

/* A segment for so much, beyond the end of the (sub)transaction. */
static dsm_segment *
large_enough(Size size)
{
	dsm_segment *segment;

	if (my_segment != NULL && dsm_segment_map_length(my_segment) >= size)
		return my_segment;
	segment = dsm_create(pg_nextpower2_size_t(size), 0);
	dsm_pin_mapping(segment);
	return segment;
}

void
tpg_shared_heartbeat_put(const TpgSharedHeartbeat *h)
{
	TpgHeartbeatEntry *e = &tpg_heartbeats[tpg_my_slot];
	Size		size = h->details ? VARSIZE_ANY(h->details) : 0;
	dsm_segment *segment = size > TPG_HEARTBEAT_INLINE ? large_enough(size) : NULL;
	dsm_segment *replaced = NULL;
	TimestampTz write_at = 0;
	bool		wake;

	LWLockAcquire(&tpg_heartbeat_locks[tpg_my_slot].lock, LW_EXCLUSIVE);
	if (e->execution_key != h->execution_key || e->scheduled_event_id != h->scheduled_event_id || e->attempt != h->attempt)
	{
		e->written_at = 0;
		e->pending = false;
	}
	e->execution_key = h->execution_key;
	e->scheduled_event_id = h->scheduled_event_id;
	e->attempt = h->attempt;
	e->open = h->open;
	e->dboid = MyDatabaseId;
	e->at = h->at;
	e->interval_us = h->interval_us;
	e->size = size;
	if (segment != NULL)
	{
		memcpy(dsm_segment_address(segment), h->details, size);
		e->segment = dsm_segment_handle(segment);
		if (segment != my_segment)
			replaced = my_segment;
		my_segment = segment;
	}
	else if (size > 0)
		memcpy(e->details, h->details, size);
	e->version++;
	wake = !e->pending;
	if (wake)
	{
		write_at = e->written_at == 0 ? h->at : Max(h->at, e->written_at + h->interval_us);
		e->write_at = write_at;
		e->pending = true;
	}
	LWLockRelease(&tpg_heartbeat_locks[tpg_my_slot].lock);

	if (replaced != NULL)
		dsm_detach(replaced);
	if (wake)
		tpg_database_wake_heartbeat(tpg_database_find(MyDatabaseId, false), MyDatabaseId, write_at);
}

void
tpg_shared_heartbeat_clear(void)
{
	TpgHeartbeatEntry *e;

	if (tpg_my_slot < 0)
		return;
	e = &tpg_heartbeats[tpg_my_slot];
	/* nobody else gives it a key */
	if (e->execution_key == 0)
		return;
	LWLockAcquire(&tpg_heartbeat_locks[tpg_my_slot].lock, LW_EXCLUSIVE);
	e->execution_key = 0;
	e->pending = false;
	e->segment = DSM_HANDLE_INVALID;
	LWLockRelease(&tpg_heartbeat_locks[tpg_my_slot].lock);
	if (my_segment != NULL)
		dsm_detach(my_segment);
	my_segment = NULL;
}

/* Caller holds the lock, so that what the entry names is still there. */
static void
copy_entry(int slot, TpgSharedHeartbeat *h)
{
	TpgHeartbeatEntry *e = &tpg_heartbeats[slot];
	void	   *details = NULL;

	h->slot = slot;
	h->version = e->version;
	h->execution_key = e->execution_key;
	h->scheduled_event_id = e->scheduled_event_id;
	h->attempt = e->attempt;
	h->open = e->open;
	h->at = e->at;
	h->interval_us = e->interval_us;
	if (e->size > 0)
	{
		details = palloc(e->size);
		if (e->size <= TPG_HEARTBEAT_INLINE)
			memcpy(details, e->details, e->size);
		else
		{
			dsm_segment *mine = dsm_find_mapping(e->segment);
			dsm_segment *segment = mine ? mine : dsm_attach(e->segment);

			if (segment == NULL)
				elog(ERROR, "details of a heartbeat are gone");
			memcpy(details, dsm_segment_address(segment), e->size);
			if (mine == NULL)
				dsm_detach(segment);
		}
	}
	h->details = details;
}

bool
tpg_shared_heartbeat_read(int slot, Oid dboid, TpgSharedHeartbeat *h)
{
	bool		found;

	/* as good as at any other time */
	if (tpg_heartbeats[slot].execution_key == 0)
		return false;
	LWLockAcquire(&tpg_heartbeat_locks[slot].lock, LW_SHARED);
	found = tpg_heartbeats[slot].execution_key != 0 && tpg_heartbeats[slot].dboid == dboid;
	if (found)
		copy_entry(slot, h);
	LWLockRelease(&tpg_heartbeat_locks[slot].lock);
	return found;
}

bool
tpg_shared_heartbeat_find(int64 execution_key, int32 scheduled_event_id, int32 attempt, TpgSharedHeartbeat *h)
{
	if (!tpg_shmem_ready())
		return false;
	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		if (tpg_heartbeats[i].execution_key == execution_key && tpg_shared_heartbeat_read(i, MyDatabaseId, h) &&
			h->execution_key == execution_key && h->scheduled_event_id == scheduled_event_id && h->attempt == attempt)
			return true;
	}
	return false;
}

TimestampTz
tpg_shared_heartbeat_next(Oid dboid)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < tpg_shared->nslots; i++)
	{
		TpgHeartbeatEntry *e = &tpg_heartbeats[i];

		if (e->execution_key == 0)
			continue;
		LWLockAcquire(&tpg_heartbeat_locks[i].lock, LW_SHARED);
		if (e->execution_key != 0 && e->dboid == dboid && e->pending)
			next = Min(next, e->write_at);
		LWLockRelease(&tpg_heartbeat_locks[i].lock);
	}
	return next;
}

bool
tpg_shared_heartbeat_take(int slot, Oid dboid, TimestampTz now, TpgSharedHeartbeat *h)
{
	TpgHeartbeatEntry *e = &tpg_heartbeats[slot];
	bool		due;

	if (e->execution_key == 0)
		return false;
	LWLockAcquire(&tpg_heartbeat_locks[slot].lock, LW_SHARED);
	due = e->execution_key != 0 && e->dboid == dboid && e->pending && e->write_at <= now;
	if (due)
		copy_entry(slot, h);
	LWLockRelease(&tpg_heartbeat_locks[slot].lock);
	return due;
}

void
tpg_shared_heartbeat_written(const TpgSharedHeartbeat *h, TimestampTz now, bool done)
{
	TpgHeartbeatEntry *e = &tpg_heartbeats[h->slot];

	LWLockAcquire(&tpg_heartbeat_locks[h->slot].lock, LW_EXCLUSIVE);
	if (e->execution_key == h->execution_key && e->scheduled_event_id == h->scheduled_event_id && e->attempt == h->attempt && e->pending)
	{
		e->written_at = now;
		e->write_at = now + e->interval_us;
		if (done && e->version == h->version)
			e->pending = false;
	}
	LWLockRelease(&tpg_heartbeat_locks[h->slot].lock);
}
