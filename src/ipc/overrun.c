/*-------------------------------------------------------------------------
 * ipc/overrun.c - workflow tasks that took their executor with them.
 *
 * Code that goes on whatever it is told is stopped with its process, which can write nothing
 * about that any more.  So the process leaves the run's key here, and the next executor that takes
 * the run writes that its task has timed out.
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

bool
tpg_overrun_give_up(void)
{
	const TpgSlot *slot;
	uint32		i;

	if (!tpg_in_executor())
		return false;
	/* this process alone writes these */
	slot = &tpg_slots[tpg_my_slot];
	if (slot->inflight_key == 0 || slot->inflight_event != TPG_SLOT_WORKFLOW_TASK)
		return false;
	i = pg_atomic_fetch_add_u32(&tpg_shared->noverruns, 1) % TPG_OVERRUNS;
	tpg_shared->overruns[i].dboid = MyDatabaseId;
	pg_atomic_write_u64(&tpg_shared->overruns[i].execution_key, (uint64) slot->inflight_key);
	return true;
}

bool
tpg_overrun_take(int64 execution_key)
{
	uint32		n = pg_atomic_read_u32(&tpg_shared->noverruns);

	for (int i = 0; i < Min(n, TPG_OVERRUNS); i++)
	{
		TpgOverrun *o = &tpg_shared->overruns[i];
		uint64		expected = (uint64) execution_key;

		if (o->dboid == MyDatabaseId && pg_atomic_compare_exchange_u64(&o->execution_key, &expected, 0))
			return true;
	}
	return false;
}

void
tpg_overruns_reset(void)
{
	pg_atomic_init_u32(&tpg_shared->noverruns, 0);
	for (int i = 0; i < TPG_OVERRUNS; i++)
	{
		tpg_shared->overruns[i].dboid = InvalidOid;
		pg_atomic_init_u64(&tpg_shared->overruns[i].execution_key, 0);
	}
}
