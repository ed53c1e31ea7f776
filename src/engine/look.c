/*-------------------------------------------------------------------------
 * engine/look.c - a run as it is at one moment, for those who do not hold it.
 *
 * Without the run lock an executor may commit between two reads: an event that
 * the row does not count yet, or a signal that has left the mailbox behind the
 * history that was read before it came there.  So all is read with one snapshot,
 * of now in any isolation level.  Nothing is locked or written.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/ident.h"
#include "engine/look.h"
#include "engine/mail.h"
#include "store/scan.h"

TpgRun *
tpg_run_look(TpgExecution *exec, bool with_mail)
{
	TpgRun	   *volatile run = NULL;

	tpg_scan_together_begin();
	PG_TRY();
	{
		TpgExecution *now = tpg_execution_by_key(exec->key);

		if (now == NULL)
			ereport(ERROR,
					(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
					 errmsg("workflow \"%s\" does not exist any more", exec->workflow_id)));
		*exec = *now;
		run = tpg_run_load_readonly(exec);
		if (with_mail && tpg_status_is_open(exec->status))
			(void) tpg_mail_take((TpgRun *) run, tpg_clock_now(), true);
	}
	PG_FINALLY();
	{
		tpg_scan_together_end();
	}
	PG_END_TRY();
	return (TpgRun *) run;
}

bool
tpg_run_is_unchanged(const TpgRun *run)
{
	const TpgExecution *then = run->exec;
	volatile bool unchanged = false;

	tpg_scan_together_begin();
	PG_TRY();
	{
		TpgExecution *now = tpg_execution_by_key(then->key);

		/* a task that writes no event is counted, and takes mail only with that; so what was there then is there still */
		unchanged = now != NULL && now->status == then->status &&
			tpg_uuid_equal(&now->run_id, &then->run_id) &&
			now->next_event_id - 1 == run->nstored && now->last_task_id == run->stored_task_id &&
			(!tpg_status_is_open(now->status) ||
			 !tpg_message_more_due(then->key, tpg_clock_now(), run->message_ids, run->nmessages));
	}
	PG_FINALLY();
	{
		tpg_scan_together_end();
	}
	PG_END_TRY();
	return unchanged;
}
