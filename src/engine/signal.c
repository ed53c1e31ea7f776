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

bool
tpg_engine_signal(const TpgExecution *exec, const char *name, const Jsonb *input, const char *request_id, const char *identity,
				  bool ends_delay)
{
	TpgStatus	status;
	TpgJson    *b = tpg_json_object();
	TimestampTz now = tpg_clock_now();

	if (!tpg_execution_lock(exec->key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return false;
	tpg_wake_run_released();
	if (exec->signal_count >= MAX_SIGNALS)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("workflow \"%s\" has taken %d signals", exec->workflow_id, exec->signal_count),
				 errdetail("A run takes at most %d.", MAX_SIGNALS),
				 errhint("Let it continue as new from time to time, or send fewer, larger signals.")));
	if (request_id != NULL && !tpg_request_remember(exec->key, request_id))
		return true;
	tpg_json_add_text(b, "signalName", name);
	tpg_json_add_jsonb(b, "input", input);
	tpg_json_add_text(b, "identity", identity);
	tpg_json_add_text(b, "requestId", request_id);
	tpg_mail_send(exec, TPG_MESSAGE_SIGNAL, 0, !ends_delay && tpg_execution_is_delayed(exec, now) ? exec->execution_time : now,
				  tpg_json_finish(b));
	return true;
}
