/*-------------------------------------------------------------------------
 *
 * concurrency.c
 *	  How much executors may do at once in a database.
 *
 * temporal_pg.max_concurrent_activities and max_concurrent_workflow_tasks, in
 * each database.  An executor takes a place when it takes an item from its queue
 * and gives it back when it is through with it, or exits.
 *
 * Called under a queue's mutex: atomics only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/guc.h"
#include "ipc/concurrency.h"
#include "ipc/databases.h"
#include "ipc/layout.h"

static int
limit_of_class(int class)
{
	switch (class)
	{
		case TPG_LANE_WORKFLOW:
			return tpg_guc_max_concurrent_workflow_tasks;
		case TPG_LANE_ACTIVITY:
			return tpg_guc_max_concurrent_activities;
		default:
			return -1;
	}
}

bool
tpg_database_may_take(Oid dboid, int class)
{
	int			limit = limit_of_class(class);
	int			index;

	if (limit < 0)
		return true;
	index = tpg_database_find(dboid, false);
	return index < 0 || pg_atomic_read_u32(&tpg_databases[index].running[class]) < (uint32) limit;
}

/* Counted also without a limit: one may be set while they run. */
bool
tpg_database_take(Oid dboid, int class)
{
	int			limit = limit_of_class(class);
	int			index = tpg_database_find(dboid, false);
	pg_atomic_uint32 *running;
	uint32		old;

	if (index < 0)
		return true;
	running = &tpg_databases[index].running[class];
	old = pg_atomic_read_u32(running);
	do
	{
		if (limit >= 0 && old >= (uint32) limit)
			return false;
	} while (!pg_atomic_compare_exchange_u32(running, &old, old + 1));
	return true;
}

bool
tpg_database_give(Oid dboid, int class)
{
	int			index = tpg_database_find(dboid, false);
	pg_atomic_uint32 *running;
	uint32		old;

	if (index < 0)
		return false;
	running = &tpg_databases[index].running[class];
	old = pg_atomic_read_u32(running);
	while (old > 0 && !pg_atomic_compare_exchange_u32(running, &old, old - 1))
		;
	return limit_of_class(class) >= 0;
}
