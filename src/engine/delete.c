/*-------------------------------------------------------------------------
 * engine/delete.c - a run is removed on request (reference A-52).
 *
 * What the run still has to ask of others stands in its outbox: its end, which a
 * parent waits for, the parent close policy of its children.  That is done in the
 * same transaction, while the events that it refers to are there.
 *
 * Order of locks: run lock, outbox lock, execution row FOR UPDATE.  Whoever does
 * the outbox waits for the row of the run that asks, so the outbox comes first.
 *
 * Then the other runs are locked, whose deletion may be under way and want this one's row.
 * So a deletion that has its own waits only for runs that came later, by key.  Where one that came
 * before is in somebody's hands it gives up all its locks, waits, and begins again:
 * it works in a subtransaction, and rolls that back.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/resowner.h"

#include "base/errors.h"
#include "base/fault.h"
#include "engine/close.h"
#include "engine/delete.h"
#include "engine/outbox.h"
#include "engine/sweep.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "store/runlock.h"

#define REASON "Delete workflow execution"

typedef enum Outcome
{
	DELETED,
	NOT_THERE,					/* or not the latest any more */
	STEPPED_BACK
} Outcome;

/* more often than that nobody else is in the way */
#define OUTBOX_TRIES 3

/* Its outbox, as long as others are waited for in the order of their keys; else the one that is in the way. */
static int64
do_outbox(int64 key)
{
	int64		in_the_way = tpg_engine_outbox_locked_before(key);

	for (int tries = 0; in_the_way == 0 && tries < OUTBOX_TRIES; tries++)
	{
		TpgStatus	status;
		int64		other = tpg_engine_outbox_all(key);

		if (other == 0)
			break;
		if (other < key)
			in_the_way = other;
		else
		{
			tpg_run_lock(other, true);
			(void) tpg_execution_lock(other, TPG_ROW_UPDATE, &status);
		}
	}
	return in_the_way;
}

static Outcome
delete_run(const TpgExecution *exec, bool only_latest, const char *identity, int64 *in_the_way)
{
	TpgStatus	status;

	/* an executor that has the run with an eager activity is asked to put it aside */
	if (!tpg_run_lock(exec->key, false))
	{
		tpg_slot_interrupt(MyDatabaseId, exec->key, TPG_SLOT_WORKFLOW_TASK, TPG_INTERRUPT_YIELD);
		tpg_run_lock(exec->key, true);
	}
	tpg_wake_run_released();
	tpg_outbox_lock(exec->key, true);
	if (only_latest)
	{
		TpgExecution *latest = tpg_execution_find(exec->namespace_id, exec->workflow_id, NULL);

		if (latest == NULL || latest->key != exec->key)
			return NOT_THERE;
	}
	/* waits for senders of mail, and for a start that is about to take the next number of this id */
	if (!tpg_execution_lock(exec->key, TPG_ROW_UPDATE, &status))
		return NOT_THERE;
	if (tpg_status_is_open(status))
		(void) tpg_engine_terminate(exec, REASON, NULL, identity);
	*in_the_way = do_outbox(exec->key);
	if (*in_the_way != 0)
		return STEPPED_BACK;
	tpg_engine_delete_run(exec->key);
	/* whoever waits for its end sees that it is gone */
	tpg_wake_waiters(exec->key);
	TPG_FAULT("delete_before_commit");
	return DELETED;
}

/* One try, or the wait for who was in the way of the last one: that holds nothing when it is over. */
static Outcome
in_subtransaction(const TpgExecution *exec, bool only_latest, const char *identity, int64 *in_the_way)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Outcome outcome = STEPPED_BACK;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		TpgStatus	status;

		if (*in_the_way != 0)
		{
			tpg_run_lock(*in_the_way, true);
			(void) tpg_execution_lock(*in_the_way, TPG_ROW_UPDATE, &status);
			*in_the_way = 0;
		}
		else
			outcome = delete_run(exec, only_latest, identity, in_the_way);
		if (outcome == STEPPED_BACK)
			RollbackAndReleaseCurrentSubTransaction();
		else
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		ReThrowError(edata);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return outcome;
}

bool
tpg_engine_delete(const TpgExecution *exec, bool only_latest, const char *identity)
{
	int64		in_the_way = 0;
	Outcome		outcome;

	if (exec->key == tpg_attempt_execution_key)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("an activity cannot delete its own workflow \"%s\"", exec->workflow_id),
				 errhint("Delete it when it has closed, or let the namespace's retention do that.")));
	do
	{
		CHECK_FOR_INTERRUPTS();
		outcome = in_subtransaction(exec, only_latest, identity, &in_the_way);
	} while (outcome == STEPPED_BACK);
	return outcome == DELETED;
}
