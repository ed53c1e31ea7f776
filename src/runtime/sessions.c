/*-------------------------------------------------------------------------
 * runtime/sessions.c - updates: workflow tasks in the caller's backend.
 *
 * An update is a workflow task that the caller does himself, under the run lock:
 * its mail, the update, and the rows of both, in his transaction.  It never closes
 * the run: where the code has come to its end, a message makes an executor close it.
 *
 * Callers: api/messages, after the rights; SPI not connected.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "engine/look.h"
#include "engine/mail.h"
#include "engine/task.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "runtime/attempt.h"
#include "runtime/blocked.h"
#include "runtime/ops.h"
#include "runtime/pass.h"
#include "runtime/role.h"
#include "runtime/scheduler.h"
#include "runtime/sessions.h"
#include "runtime/settings.h"
#include "runtime/updates.h"
#include "store/runlock.h"

#define MAX_UPDATES_IN_FLIGHT 10
#define MAX_UPDATES 2000

/* Looks through the events, newest first; *in_flight counts the accepted ones that are not completed. */
static void
find_update(const TpgRun *run, const char *id, TpgUpdateState *state, int *in_flight)
{
	memset(state, 0, sizeof(*state));
	*in_flight = 0;
	for (int i = run->nevents - 1; i >= 0; i--)
	{
		const TpgEvent *e = &run->events[i];

		if (e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_COMPLETED)
		{
			(*in_flight)--;
			if (strcmp(tpg_json_get_text(tpg_json_get(e->attributes, "meta"), "updateId"), id) == 0)
			{
				Jsonb	   *outcome = tpg_json_get(e->attributes, "outcome");

				state->stage = TPG_UPDATE_COMPLETED;
				state->result = tpg_json_get_raw(outcome, "success");
				state->failure = tpg_json_get(outcome, "failure");
			}
		}
		else if (e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
		{
			(*in_flight)++;
			if (state->stage == TPG_UPDATE_UNKNOWN && strcmp(tpg_json_get_text(e->attributes, "protocolInstanceId"), id) == 0)
				state->stage = TPG_UPDATE_ACCEPTED;
		}
		/* of a reset, while no task has judged it yet */
		else if (e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED && state->stage == TPG_UPDATE_UNKNOWN &&
				 e->task_id > run->exec->last_task_id &&
				 strcmp(tpg_json_get_text(tpg_json_get(tpg_json_get(e->attributes, "request"), "meta"), "updateId"), id) == 0)
			state->stage = TPG_UPDATE_ACCEPTED;
	}
}

/* F-41: accepted, and the run closed before it was completed */
static void
fail_if_closed(const TpgExecution *exec, TpgUpdateState *state)
{
	if (state->stage != TPG_UPDATE_ACCEPTED || tpg_status_is_open(exec->status))
		return;
	state->stage = TPG_UPDATE_COMPLETED;
	state->failure = tpg_failure_application("Workflow Update failed because the Workflow completed before the Update completed.",
											 "AcceptedUpdateCompletedWorkflow", NULL, true, -1, NULL, "Server", NULL);
}

void
tpg_session_update_state(TpgExecution *exec, const char *id, TpgUpdateState *state)
{
	TpgRun	   *run = tpg_run_look(exec, false);
	int			in_flight;

	find_update(run, id, state, &in_flight);
	fail_if_closed(exec, state);
}

static void
check_limits(const TpgRun *run, int in_flight)
{
	if (in_flight >= MAX_UPDATES_IN_FLIGHT)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("workflow \"%s\" has %d updates in progress", run->exec->workflow_id, in_flight),
				 errdetail("At most %d may be.", MAX_UPDATES_IN_FLIGHT),
				 errhint("Wait for some of them with temporal.update_result().")));
	if (run->exec->update_count >= MAX_UPDATES)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("workflow \"%s\" has taken %d updates", run->exec->workflow_id, run->exec->update_count),
				 errdetail("A run takes at most %d.", MAX_UPDATES),
				 errhint("Let it continue as new from time to time.")));
}

static void
rejected(const TpgUpdateRequest *r, const ErrorData *e)
{
	ereport(ERROR,
			(errcode(TPG_ERR_UPDATE_REJECTED),
			 errmsg("update \"%s\" was rejected: %s", r->name, e->message),
			 e->detail ? errdetail_internal("%s", e->detail) : 0,
			 e->hint ? errhint("%s", e->hint) : errhint("Nothing has changed: the workflow has not taken it.")));
}

/* After the pass: what became of it. */
static void
judge(TpgActivation *act, const TpgUpdateRequest *r, bool must_complete, TpgUpdateState *state)
{
	TpgUpdate  *u = tpg_update_find(act, r->id);

	/* the code has failed in an earlier update, which no executor has closed the run for yet */
	if (u == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
				 errmsg("workflow \"%s\" has come to its end", act->run->exec->workflow_id),
				 errhint("Only updates that it has taken before can be asked for.")));
	if (u->rejection != NULL && u->rejection->sqlerrcode == TPG_ERR_WORKFLOW_ALREADY_COMPLETED)
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
				 errmsg("%s", u->rejection->message),
				 errhint("Only updates that it has taken before can be asked for.")));
	if (u->rejection != NULL)
		rejected(r, u->rejection);
	state->stage = u->completed ? TPG_UPDATE_COMPLETED : TPG_UPDATE_ACCEPTED;
	state->result = u->result ? tpg_json_copy(u->result) : NULL;
	state->failure = u->failure ? tpg_json_copy(u->failure) : NULL;
	if (!must_complete)
		return;
	if (!u->completed)
		ereport(ERROR,
				(errcode(TPG_ERR_UPDATE_WOULD_WAIT),
				 errmsg("update \"%s\" has to wait", r->name),
				 errdetail("Its handler waits for something that cannot come before this transaction commits."),
				 errhint("Use temporal.start_update() and, after COMMIT, temporal.update_result(); or CALL temporal.execute_update().")));
	if (u->failure != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_UPDATE_FAILED),
				 errmsg("update \"%s\" failed: %s", r->name, tpg_failure_message(u->failure)),
				 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(u->failure)))));
}

bool
tpg_session_update(const TpgExecution *exec, const TpgUpdateRequest *r, bool must_complete, TpgUpdateState *state)
{
	TimestampTz now;
	TpgDefinition *def;
	TpgRun	   *run;
	TpgPass		pass;
	int			in_flight;
	int			from = 0;

	tpg_attempt_check_reentry(exec->key, "update");
	/* an executor that has the run with an eager activity puts it aside */
	if (!tpg_run_lock(exec->key, false))
	{
		tpg_slot_interrupt(MyDatabaseId, exec->key, TPG_SLOT_WORKFLOW_TASK, TPG_INTERRUPT_YIELD);
		tpg_run_lock(exec->key, true);
	}
	tpg_wake_run_released();
	run = tpg_run_load(exec->key);
	if (run == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
				 errmsg("workflow \"%s\" does not exist any more", exec->workflow_id)));

	/* the same update again: attach to it (F-23) */
	find_update(run, r->id, state, &in_flight);
	if (state->stage != TPG_UPDATE_UNKNOWN)
	{
		fail_if_closed(run->exec, state);
		tpg_run_release(run, false);
		return true;
	}
	now = tpg_clock_now();
	/* a cancellation or signal_with_start() may have ended the delay early: then its first task is due */
	if (tpg_status_is_open(run->exec->status) && tpg_execution_is_delayed(run->exec, now) &&
		!tpg_message_more_due(run->exec->key, now, NULL, 0))
	{
		state->begins_at = run->exec->execution_time;
		tpg_run_release(run, false);
		return true;
	}
	if (tpg_status_is_open(run->exec->status) && !tpg_mail_take(run, now, true))
		tpg_run_open_group(run, now, true);
	if (!tpg_status_is_open(run->exec->status) || run->run_timed_out)
	{
		tpg_run_release(run, false);
		return false;
	}
	check_limits(run, in_flight);
	tpg_run_end_delivery(run);
	run->update_request = r;
	run->update_task_id = run->task_id;
	def = tpg_definition_require(run->exec->namespace_id, run->exec->workflow_type, run->exec->version);
	tpg_pass_run(run, def, true, NULL, NULL, &pass);
	if (pass.kind == TPG_PASS_ERROR || pass.kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(pass.error);
	judge(pass.act, r, must_complete, state);

	run->exec->update_count++;
	tpg_scheduler_report_dropped(pass.act, true);
	tpg_task_write(run);
	/* the code has come to its end, or wants local activities: an executor's business */
	if (pass.kind != TPG_PASS_SUSPENDED || tpg_op_next_local_activity(pass.act, &from) != NULL)
		tpg_mail_send(run->exec, TPG_MESSAGE_GO_ON, 0, now, NULL);
	tpg_wake_waiters(run->exec->key);
	tpg_pass_free(&pass);
	tpg_run_release(run, false);
	return true;
}
