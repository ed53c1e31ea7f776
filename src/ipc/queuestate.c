/*-------------------------------------------------------------------------
 *
 * queuestate.c
 *	  Work queues as the dispatcher and the views see them.
 *
 * Each queue is looked at under its mutex; two of them not at the same instant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "ipc/concurrency.h"
#include "ipc/layout.h"
#include "ipc/queuestate.h"

/* after the n-th failure in a row to start an executor: 1 s, 2 s, 4 s … 60 s */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000

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
		/* no executor's */
		if (queue->owner == TPG_HTTP_OWNER)
			continue;

		memset(state, 0, sizeof(*state));
		SpinLockAcquire(&queue->mutex);
		state->ref.index = i;
		state->ref.generation = queue->generation;
		state->dboid = queue->dboid;
		state->owner = queue->owner;
		for (int c = 0; c < TPG_LANE_CLASSES; c++)
			if (queue->lanes.nclass[c] > 0 && tpg_database_may_take(queue->dboid, c))
				state->waiting += queue->lanes.nclass[c];
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
