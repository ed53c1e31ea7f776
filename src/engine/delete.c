/*-------------------------------------------------------------------------
 * engine/delete.c - a run is removed on request (reference A-52).
 *
 * What the run still has to ask of others stands in its outbox: its end, which a
 * parent waits for, the parent close policy of its children.  That is done in the
 * same transaction, while the events that it refers to are there.
 *
 * Order of locks: run lock, outbox lock, execution row FOR UPDATE.  Whoever does
 * the outbox waits for the row of the run that asks, so the outbox comes first.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

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

bool
tpg_engine_delete(const TpgExecution *exec, bool only_latest, const char *identity)
{
	TpgStatus	status;

	if (exec->key == tpg_attempt_execution_key)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("an activity cannot delete its own workflow \"%s\"", exec->workflow_id),
				 errhint("Delete it when it has closed, or let the namespace's retention do that.")));

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
			return false;
	}
	/* waits for senders of mail, and for a start that is about to take the next number of this id */
	if (!tpg_execution_lock(exec->key, TPG_ROW_UPDATE, &status))
		return false;
	if (tpg_status_is_open(status))
		(void) tpg_engine_terminate(exec, REASON, NULL, identity);
	tpg_engine_outbox_all(exec->key);
	tpg_engine_delete_run(exec->key);
	/* whoever waits for its end sees that it is gone */
	tpg_wake_waiters(exec->key);
	TPG_FAULT("delete_before_commit");
	return true;
}
