/*-------------------------------------------------------------------------
 * ipc/overrun.c - workflow tasks that took their executor with them.
 *
 * Code that goes on whatever it is told is stopped with its process, which can write nothing
 * about that any more.  So the process leaves the run's key here, and the next executor that takes
 * the run writes that its task has timed out.  Likewise where the process ends by an error that
 * nothing catches (FATAL), several times one after the other: once may be an operator.
 *
 * Written in a signal handler: atomics, no locks.  More than have room, or a restart of
 * the server, and the task is tried once more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "ipc/layout.h"
#include "ipc/overrun.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"

#define GIVEN_UP 1000000		/* in place of a number of deaths */

bool
tpg_overrun_give_up(void)
{
	const TpgSlot *slot;
	TpgOverrun *o;

	if (!tpg_in_executor())
		return false;
	/* this process alone writes these */
	slot = &tpg_slots[tpg_my_slot];
	if (slot->inflight_key == 0 || slot->inflight_event != TPG_SLOT_WORKFLOW_TASK)
		return false;
	o = &tpg_shared->overruns[pg_atomic_fetch_add_u32(&tpg_shared->noverruns, 1) % TPG_OVERRUNS];
	o->dboid = MyDatabaseId;
	pg_atomic_write_u32(&o->deaths, GIVEN_UP);
	pg_atomic_write_u64(&o->execution_key, (uint64) slot->inflight_key);
	return true;
}

static TpgOverrun *
find(Oid dboid, int64 execution_key)
{
	uint32		n = pg_atomic_read_u32(&tpg_shared->noverruns);

	for (int i = 0; i < Min(n, TPG_OVERRUNS); i++)
	{
		TpgOverrun *o = &tpg_shared->overruns[i];

		if (o->dboid == dboid && pg_atomic_read_u64(&o->execution_key) == (uint64) execution_key)
			return o;
	}
	return NULL;
}

void
tpg_overrun_died(Oid dboid, int64 execution_key)
{
	TpgOverrun *o = find(dboid, execution_key);

	if (o == NULL)
	{
		o = &tpg_shared->overruns[pg_atomic_fetch_add_u32(&tpg_shared->noverruns, 1) % TPG_OVERRUNS];
		o->dboid = dboid;
		pg_atomic_write_u32(&o->deaths, 0);
		pg_atomic_write_u64(&o->execution_key, (uint64) execution_key);
	}
	pg_atomic_fetch_add_u32(&o->deaths, 1);
}

TpgOverrunKind
tpg_overrun_take(int64 execution_key, int deaths)
{
	TpgOverrun *o = find(MyDatabaseId, execution_key);
	uint32		n = o == NULL ? 0 : pg_atomic_read_u32(&o->deaths);

	if (o == NULL || n < deaths)
		return TPG_OVERRUN_NONE;
	pg_atomic_write_u64(&o->execution_key, 0);
	return n >= GIVEN_UP ? TPG_OVERRUN_GIVEN_UP : TPG_OVERRUN_DIED;
}

void
tpg_overruns_reset(void)
{
	pg_atomic_init_u32(&tpg_shared->noverruns, 0);
	for (int i = 0; i < TPG_OVERRUNS; i++)
	{
		tpg_shared->overruns[i].dboid = InvalidOid;
		pg_atomic_init_u32(&tpg_shared->overruns[i].deaths, 0);
		pg_atomic_init_u64(&tpg_shared->overruns[i].execution_key, 0);
	}
}
