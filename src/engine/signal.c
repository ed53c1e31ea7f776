/*-------------------------------------------------------------------------
 * engine/signal.c - sending a signal.
 *
 * A signal is one row in the mailbox, inserted while the execution row is held
 * FOR KEY SHARE: the run cannot close before this transaction ends, and signals
 * do not wait for each other or for the run's tasks.  If the transaction rolls
 * back, a close that stood aside for it is tried again (wake_run_released).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "engine/mail.h"
#include "engine/signal.h"
#include "ipc/wake.h"
#include "store/request.h"

#define MAX_SIGNALS 10000

/*
 * F-05 counts every signal of the run, also those that wait in the mailbox.
 * Counting these costs as much as reading them, and a lock that made the count
 * exact would make signals wait for each other.  So a backend counts at its
 * first signal to a run and then at every COUNT_EVERY-th: the limit keeps its
 * purpose, a history of bounded size, and may be passed by that many a sender.
 */
#define COUNT_EVERY 100
#define COUNTED_RUNS 256		/* a power of 2 */

typedef struct CountedRun
{
	int64		execution_key;
	int			sent;			/* since the last count */
} CountedRun;

static CountedRun counted_runs[COUNTED_RUNS];

static bool
is_full(const TpgExecution *exec)
{
	CountedRun *c = &counted_runs[exec->key & (COUNTED_RUNS - 1)];

	if (exec->signal_count >= MAX_SIGNALS)
		return true;
	if (c->execution_key == exec->key && ++c->sent < COUNT_EVERY)
		return false;
	c->execution_key = exec->key;
	c->sent = 0;
	if (exec->signal_count + tpg_message_count_signals(exec->key) < MAX_SIGNALS)
		return false;
	c->execution_key = 0;		/* the next one is counted, too */
	return true;
}

TpgSignalOutcome
tpg_engine_signal(const TpgExecution *exec, const TpgSignalRequest *r)
{
	TpgStatus	status;
	TpgJson    *b = tpg_json_object();
	TimestampTz now = tpg_clock_now();
	TimestampTz deliver_at = now;

	if (!tpg_execution_lock(exec->key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return TPG_SIGNAL_CLOSED;
	tpg_wake_run_released();
	if (is_full(exec))
		return TPG_SIGNAL_FULL;
	if (r->request_id != NULL && !tpg_request_remember(exec->key, r->request_id))
		return TPG_SIGNAL_SENT;
	if (tpg_execution_is_delayed(exec, now))
	{
		if (r->ends_delay)
			tpg_mail_bring_forward(exec, now);
		else
			deliver_at = exec->execution_time;
	}
	tpg_json_add_text(b, "signalName", r->name);
	tpg_json_add_jsonb(b, "input", r->input);
	tpg_json_add_text(b, "identity", r->identity);
	tpg_json_add_text(b, "requestId", r->request_id);
	tpg_json_add_jsonb(b, "externalWorkflowExecution", r->sender);
	tpg_mail_send(exec, TPG_MESSAGE_SIGNAL, 0, deliver_at, tpg_json_finish(b));
	return TPG_SIGNAL_SENT;
}

void
tpg_engine_signal_limit(const TpgExecution *exec)
{
	ereport(ERROR,
			(errcode(TPG_ERR_LIMIT_EXCEEDED),
			 errmsg("workflow \"%s\" has been sent %d signals", exec->workflow_id, MAX_SIGNALS),
			 errdetail("That is as many as a run takes; those that wait in its mailbox count."),
			 errhint("Let it continue as new from time to time, or send fewer, larger signals.")));
}
