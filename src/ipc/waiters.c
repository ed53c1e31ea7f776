/*-------------------------------------------------------------------------
 *
 * waiters.c
 *	  Clients that wait for a run, on condition variables.
 *
 * One of 64 condition variables is chosen by the run's key.  A waiter registers
 * before it looks at the tables, so a commit between its look and its sleep
 * finds it registered.
 *
 * Preparing needs no transaction state; the broadcast is called after a commit
 * and neither fails nor allocates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "ipc/layout.h"
#include "ipc/shmem.h"
#include "ipc/waiters.h"

static uint32 wait_event = 0;

static int
waiter_index(int64 execution_key)
{
	return murmurhash32((uint32) execution_key ^ (uint32) (execution_key >> 32)) % TPG_WAITER_CVS;
}

uint64
tpg_waiter_bit(int64 execution_key)
{
	return UINT64CONST(1) << waiter_index(execution_key);
}

void
tpg_waiter_broadcast(uint64 bits)
{
	for (int i = 0; bits != 0; i++, bits >>= 1)
	{
		if (bits & 1)
			ConditionVariableBroadcast(&tpg_shared->waiters[i].cv);
	}
}

void
tpg_waiter_prepare(int64 execution_key)
{
	tpg_require_preload();
	if (wait_event == 0)
		wait_event = tpg_wait_event("TemporalWorkflowResult");
	ConditionVariablePrepareToSleep(&tpg_shared->waiters[waiter_index(execution_key)].cv);
}

bool
tpg_waiter_sleep(int64 execution_key, long timeout_ms)
{
	return ConditionVariableTimedSleep(&tpg_shared->waiters[waiter_index(execution_key)].cv,
									   timeout_ms, wait_event);
}

void
tpg_waiter_cancel(void)
{
	(void) ConditionVariableCancelSleep();
}
