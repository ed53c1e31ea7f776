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
