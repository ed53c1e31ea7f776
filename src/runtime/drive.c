/*-------------------------------------------------------------------------
 * runtime/drive.c - a workflow task, an activity task: from the claim to the last row.
 *
 * Workflow task: run lock, mail, passes over the code with eager steps between
 * them, then all rows at once.  Activity task: row lock, attempt, outcome.
 * The same functions serve the executors and the test environment.
 *
 * In a transaction of the caller's; nothing of the engine is written before the
 * code has been unwound for the last time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "engine/cancel.h"
#include "engine/chain.h"
#include "engine/close.h"
#include "engine/heartbeat.h"
#include "engine/mail.h"
#include "engine/openattempt.h"
#include "engine/outbox.h"
#include "engine/task.h"
#include "engine/testenv.h"
#include "ipc/limits.h"
#include "ipc/overrun.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "runtime/attempt.h"
#include "runtime/autonomous.h"
#include "runtime/drive.h"
#include "runtime/eager.h"
#include "runtime/mock.h"
#include "runtime/pass.h"
#include "runtime/scheduler.h"
#include "runtime/settings.h"
#include "runtime/unmoved.h"
#include "runtime/waits.h"
#include "store/activityend.h"
#include "store/history.h"
#include "store/runlock.h"

static TpgTaskOutcome
outcome_of(TpgTaskKind kind)
{
	TpgTaskOutcome outcome = {.kind = kind, .owner = InvalidOid};

	return outcome;
}

/* May this process run code of that owner? */
static bool
is_ours(Oid owner)
{
	/* a test runs them all in the caller's backend */
	return !tpg_in_executor() || owner == GetUserId();
}

/* May it start now?  A test's transaction has no queues. */
static bool
may_start(int32 namespace_id, const char *task_queue, TpgLimitKind kind)
{
	TimestampTz again;

	return !tpg_in_executor() || tpg_limits_start(namespace_id, task_queue, kind, &again);
}

/* ---------- workflow tasks ---------- */

/*
 * The open group cannot be finished now: what it delivers goes back into the
 * mailbox.  Groups before it stay.
 */
static void
put_back_group(TpgRun *run, TimestampTz now)
{
	TpgOutcome *outcome = run->eager_outcome;
	int			start = run->group_start;
	int			end = run->group_own_end;

	tpg_run_drop_group(run);
	if (run->group_from_mail)
		return;					/* its messages were not deleted yet */
	if (outcome != NULL)
	{
		tpg_mail_send(run->exec, TPG_MESSAGE_ACTIVITY, run->eager_scheduled_event_id, now, tpg_outcome_to_jsonb(outcome));
		run->mailed_event_id = run->eager_scheduled_event_id;
	}
	for (int i = start; i < end; i++)
		if (run->events[i].type == TPG_EVENT_MARKER_RECORDED)
			tpg_mail_send(run->exec, TPG_MESSAGE_MARKER, 0, run->events[i].time, run->events[i].attributes);
}

static void
task_failed(TpgRun *run, const TpgPass *pass, TimestampTz now)
{
	Jsonb	   *failure = tpg_pass_error_failure(pass->error);

	put_back_group(run, now);
	tpg_task_write_failure(run, failure, tpg_pass_error_cause(pass->error), now);
	ereport(LOG,
			(errmsg("workflow task of \"%s\" (%s) failed: %s", run->exec->workflow_id, run->exec->workflow_type, pass->error->message),
			 pass->error->context ? errcontext("%s", pass->error->context) : 0));
}

/* The code has come to its end, and nothing stands in the way: the run is closed. */
static void
close_run(TpgRun *run, const TpgPass *pass, TimestampTz now)
{
	TpgExecution next;
	TpgJson    *b;

	tpg_scheduler_warn_unfinished(pass->act);
	tpg_engine_cancelled_at_end(run, now);
	switch (pass->kind)
	{
		case TPG_PASS_RETURNED:
			tpg_chain_complete(run, pass->result, now);
			break;
		case TPG_PASS_CANCELED:
			b = tpg_json_object();
			tpg_json_add_jsonb(b, "details", tpg_json_get(tpg_json_get(pass->failure, "canceledFailureInfo"), "details"));
			tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_CANCELED, now, tpg_json_finish(b), NULL);
			tpg_task_write_close(run, TPG_STATUS_CANCELED, now);
			break;
		case TPG_PASS_CONTINUED:
			tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, now,
						   tpg_chain_closing_attributes(run, pass->act->continued, now), NULL);
			tpg_task_write_close(run, TPG_STATUS_CONTINUED_AS_NEW, now);
			tpg_chain_start(run, pass->act->continued, now, &next);
			tpg_signals_carry_over(pass->act, &next);
			break;
		default:
			tpg_chain_fail(run, pass->failure, now);
			break;
	}
}

/* New work of a group: another one follows (true), or all is written. */
static bool
after_pass(TpgRun *run, TpgPass *pass, TpgEagerBudget *budget, TpgTaskOutcome *outcome)
{
	TimestampTz now = tpg_clock_now();

	*outcome = outcome_of(TPG_TASK_DONE);
	switch (pass->kind)
	{
		case TPG_PASS_SUSPENDED:
			tpg_scheduler_report_dropped(pass->act, true);
			if (tpg_eager_local_activities(budget, pass->act) || tpg_eager_step(budget))
				return true;
			tpg_task_write(run);
			tpg_unmoved_note(run, pass->act);
			return false;
		case TPG_PASS_ERROR:
			task_failed(run, pass, now);
			return false;
		case TPG_PASS_INTERRUPTED:
			if (tpg_in_executor() && tpg_slot_interrupt_reason() == TPG_INTERRUPT_NONE)
				task_failed(run, pass, now);	/* pg_cancel_backend, statement_timeout */
			else
				tpg_pass_rethrow(pass->error);
			return false;
		case TPG_PASS_RETURNED:
		case TPG_PASS_FAILED:
		case TPG_PASS_CANCELED:
		case TPG_PASS_CONTINUED:
			break;
	}

	switch (tpg_task_check_close(run, now))
	{
		case TPG_CLOSE_OK:
			tpg_scheduler_report_dropped(pass->act, true);
			close_run(run, pass, now);
			return false;
		case TPG_CLOSE_MAIL:
			/* another turn: the same activation sees the new mail too (C-04) */
			tpg_scheduler_report_dropped(pass->act, false);
			tpg_run_drop_commands(run);
			if (tpg_mail_take(run, now, false) && run->run_timed_out)
			{
				if (!tpg_engine_time_out(run, now))
					*outcome = outcome_of(TPG_TASK_LOCKED);
				return false;
			}
			return true;
		case TPG_CLOSE_LOCKED:
			tpg_scheduler_report_dropped(pass->act, false);
			put_back_group(run, now);
			tpg_task_write(run);
			*outcome = outcome_of(TPG_TASK_LOCKED);
			return false;
	}
	return false;
}

/* processes that a workflow task may take with it before it counts as failed; an operator may end one */
#define MAX_DEATHS 3

static Jsonb *
death_failure(void)
{
	return tpg_failure_application("the process that ran the workflow task ended, again and again; see the server's log",
								   "WorkerDied", NULL, false, -1, NULL, "temporal_pg", NULL);
}

static TpgTaskOutcome
drive_run(TpgRun *run, TimestampTz now)
{
	TpgOverrunKind overrun;
	TpgDefinition *def = tpg_definition_of_run(run->exec->namespace_id, run->exec->workflow_type, run->exec->version);
	TpgEagerBudget budget;
	TpgTaskOutcome outcome;
	bool		again;

	if (def == NULL || !OidIsValid(def->function))
	{
		char	   *message = run->exec->version == NULL ? psprintf("workflow type \"%s\" has no function", run->exec->workflow_type) :
			psprintf("version \"%s\" of workflow type \"%s\" has no function", run->exec->version, run->exec->workflow_type);
		Jsonb	   *failure = tpg_failure_application(message, "NotFoundError", NULL, false, -1, NULL, "temporal_pg", NULL);

		put_back_group(run, now);
		tpg_task_write_failure(run, failure, "WORKFLOW_WORKER_UNHANDLED_FAILURE", now);
		return outcome_of(TPG_TASK_DONE);
	}
	if (!is_ours(def->owner))
	{
		outcome.kind = TPG_TASK_MISROUTED;
		outcome.owner = def->owner;
		return outcome;
	}

	if (!may_start(run->exec->namespace_id, run->exec->task_queue, TPG_LIMIT_WORKFLOW))
		return outcome_of(TPG_TASK_LIMITED);
	overrun = tpg_overrun_take(run->exec->key, run->exec->wft_attempt > 1 ? 1 : MAX_DEATHS);
	if (overrun != TPG_OVERRUN_NONE)
	{
		bool		died = overrun == TPG_OVERRUN_DIED;

		put_back_group(run, now);
		tpg_task_write_failure(run, died ? death_failure() : tpg_pass_timeout_failure(run),
							   died ? "WORKFLOW_WORKER_UNHANDLED_FAILURE" : NULL, now);
		return outcome_of(TPG_TASK_DONE);
	}
	if (tpg_unmoved(run, def))
	{
		tpg_task_write(run);
		return outcome_of(TPG_TASK_DONE);
	}
	if (tpg_in_executor())
		tpg_settings_adopt(def);
	tpg_eager_begin(&budget, run, tpg_in_executor() && !tpg_eager_avoided(run->exec->key));
	do
	{
		TpgPass		pass;
		TpgRunMark	mark;

		CHECK_FOR_INTERRUPTS();
		tpg_run_mark(run, &mark);
		tpg_pass_run(run, def, true, budget.in_place ? tpg_eager_in_place : NULL, &budget, &pass);
		TPG_FAULT("task_replayed");
		if (pass.lost_effects)
			tpg_run_return_to(run, &mark);
		if (pass.lost_effects && pass.kind != TPG_PASS_INTERRUPTED)
		{
			/* undone with the code: the same pass again, with unwinding at each step */
			budget.in_place = false;
			again = true;
		}
		else
			again = after_pass(run, &pass, &budget, &outcome);
		tpg_pass_free(&pass);
	} while (again);

	return outcome;
}

TpgTaskOutcome
tpg_drive_workflow_task(int64 execution_key)
{
	TimestampTz now;
	TpgTaskOutcome outcome;
	TpgRun	   *run;
	bool		keep;

	if (!tpg_run_lock(execution_key, false))
		return outcome_of(TPG_TASK_LOCKED);
	tpg_slot_set_inflight(execution_key, TPG_SLOT_WORKFLOW_TASK);
	TPG_FAULT("task_locked");
	run = tpg_run_load(execution_key);
	now = tpg_clock_now();
	if (run == NULL || !tpg_status_is_open(run->exec->status))
	{
		/* mail for a closed run: nobody will read it */
		tpg_message_delete_all(execution_key);
		if (run != NULL)
			tpg_run_release(run, false);
		return outcome_of(TPG_TASK_NOTHING);
	}
	if (run->exec->wft_not_before > now && run->exec->run_expiration > now)
		outcome = outcome_of(TPG_TASK_NOTHING);
	else if (!tpg_mail_take(run, now, true))
		outcome = outcome_of(TPG_TASK_NOTHING);
	else if (run->run_timed_out)
		outcome = outcome_of(tpg_engine_time_out(run, now) ? TPG_TASK_DONE : TPG_TASK_LOCKED);
	else
		outcome = drive_run(run, now);
	/* where there was nothing, it is as it was: a hint may have come twice */
	keep = outcome.kind == TPG_TASK_DONE || outcome.kind == TPG_TASK_NOTHING;
	tpg_run_release(run, keep && (tpg_in_executor() || tpg_testenv_active()));
	tpg_slot_clear_inflight();
	TPG_FAULT("task_before_commit");
	return outcome;
}

bool
tpg_drive_workflow_task_failed(int64 execution_key, ErrorData *error)
{
	TpgRun	   *run;
	TimestampTz now = tpg_clock_now();

	tpg_eager_avoid(execution_key);
	if (!tpg_run_lock(execution_key, false))
		return false;
	run = tpg_run_load(execution_key);
	if (run == NULL || !tpg_status_is_open(run->exec->status))
		return true;

	/* an interrupted one, or a conflict with somebody else, is done again; anything else waits as a failed task does */
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK)
		tpg_mail_wake(run->exec, now);
	else
		tpg_task_write_failure(run, tpg_pass_error_failure(error), tpg_pass_error_cause(error), now);
	tpg_run_release(run, false);
	return true;
}

/* ---------- activity tasks ---------- */

/* Whose attempt was recorded as started in careful mode by this process. */
static int64 careful_key = 0;
static int32 careful_event = 0;

/* Real ones are the HTTP process's; in a test there are none. */
static TpgTaskOutcome
drive_http(TpgActivityTask *task)
{
	TpgAttempt	attempt = {0};

	if (!tpg_testenv_active())
		return outcome_of(TPG_TASK_NOTHING);
	if (!tpg_mock_run(task, &attempt))
	{
		TpgJson    *b = tpg_json_object();

		tpg_json_add_text(b, "hint", "SELECT temporal.mock_activity('http', returns => '{\"status\": 200, \"headers\": {}, \"body\": null}').");
		attempt.end = TPG_ATTEMPT_FAILED;
		attempt.started_at = attempt.ended_at = tpg_clock_now();
		attempt.identity = tpg_attempt_identity();
		attempt.failure = tpg_failure_application("a test makes no HTTP requests: mock the activity with temporal.mock_activity('http', ...)",
												  "HttpNotMocked", tpg_json_finish(b), true, -1, NULL, "temporal_pg", NULL);
	}
	tpg_engine_attempt_end(task, &attempt);
	return outcome_of(TPG_TASK_DONE);
}

/* Workers are being stopped: it has not happened, and is done again when they are back. */
static void
put_aside(TpgActivityTask *task)
{
	/* recorded in careful mode, and no crash */
	if (task->started_at != 0)
		tpg_activity_retry(task);
}

/* The run was seen open; with this lock it stays so until the start is committed. */
static TpgTaskOutcome
begin_autonomous(TpgActivityTask *task, TpgDefinition *def)
{
	TpgStatus	status;

	if (!tpg_execution_lock(task->execution_key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
	{
		tpg_activity_delete(task->execution_key, task->scheduled_event_id);
		return outcome_of(TPG_TASK_DONE);
	}
	if (!may_start(task->namespace_id, task->task_queue, TPG_LIMIT_ACTIVITY))
		return outcome_of(TPG_TASK_LIMITED);
	TPG_FAULT("activity_claimed");
	return outcome_of(tpg_autonomous_begin(task, def) ? TPG_TASK_AUTONOMOUS : TPG_TASK_LOCKED);
}

static TpgTaskOutcome
drive_attempt(TpgActivityTask *task, TpgExecution *exec)
{
	TpgDefinition *def = tpg_definition_lookup(task->namespace_id, TPG_DEF_ACTIVITY, task->activity_type, true);
	TpgAttempt	attempt = {0};
	bool		mocked = tpg_mock_is_set(task->activity_type);
	Oid			owner = InvalidOid;

	/* between two attempts, when nobody had the row */
	if (tpg_engine_attempt_cancelled(task, exec))
	{
		attempt.end = TPG_ATTEMPT_CANCELED;
		attempt.result = tpg_json_string(TPG_NOT_STARTED);
		attempt.ended_at = tpg_clock_now();
		tpg_engine_attempt_end(task, &attempt);
		return outcome_of(TPG_TASK_DONE);
	}
	if (task->mode == TPG_MODE_HTTP)
		return drive_http(task);
	if (def != NULL)
		owner = tpg_task_activity_owner(task->namespace_id, task->execution_key, task->activity_type);
	if (!OidIsValid(owner) && !mocked)
	{
		attempt.end = TPG_ATTEMPT_FAILED;
		attempt.started_at = attempt.ended_at = tpg_clock_now();
		attempt.identity = tpg_attempt_identity();
		attempt.failure = tpg_failure_application(psprintf("activity type \"%s\" has no function", task->activity_type),
												  "NotFoundError", NULL, false, -1, NULL, "temporal_pg", NULL);
		tpg_engine_attempt_end(task, &attempt);
		return outcome_of(TPG_TASK_DONE);
	}
	if (!mocked && !is_ours(owner))
	{
		TpgTaskOutcome outcome = {.kind = TPG_TASK_MISROUTED, .owner = owner};

		return outcome;
	}
	if (tpg_in_executor() && tpg_is_autonomous(def))
		return begin_autonomous(task, def);
	if (tpg_in_executor() && tpg_careful_mode() && task->started_at == 0)
	{
		/* alone, and recorded by a commit of its own before it starts */
		if (!tpg_careful_begin())
			return outcome_of(TPG_TASK_LOCKED);
		/* over by now: the dispatcher may have looked for lost attempts for the last time */
		if (!tpg_careful_mode())
		{
			tpg_careful_end();
			return outcome_of(TPG_TASK_AGAIN);
		}
		if (!may_start(task->namespace_id, task->task_queue, TPG_LIMIT_ACTIVITY))
		{
			tpg_careful_end();
			return outcome_of(TPG_TASK_LIMITED);
		}
		tpg_activity_record_start(task->execution_key, task->scheduled_event_id, tpg_clock_now());
		careful_key = task->execution_key;
		careful_event = task->scheduled_event_id;
		return outcome_of(TPG_TASK_AGAIN);
	}

	/* with what it starts at once, and not before: a place that is asked for is taken */
	if (!may_start(task->namespace_id, task->task_queue, TPG_LIMIT_ACTIVITY))
		return outcome_of(TPG_TASK_LIMITED);
	if (tpg_in_executor())
		tpg_settings_adopt(def);
	/* in flight since before the look for a cancellation: one of the two finds it (worker/executor) */
	TPG_FAULT("activity_claimed");
	switch (tpg_attempt_run(task, exec, def, false, -1, true, &attempt))
	{
		case TPG_ATTEMPT_ENDED:
			TPG_FAULT("activity_executed");
			tpg_engine_attempt_end(task, &attempt);
			break;
		case TPG_ATTEMPT_STAYS_OPEN:
			tpg_engine_attempt_open(task, attempt.started_at, attempt.identity);
			/* this process tells it to nobody any more */
			if (attempt.heartbeat != NULL)
				tpg_heartbeat_put(task->execution_key, task->scheduled_event_id, attempt.heartbeat);
			break;
		case TPG_ATTEMPT_RUN_CLOSED:
			tpg_activity_delete(task->execution_key, task->scheduled_event_id);
			break;
		case TPG_ATTEMPT_PUT_ASIDE:
			put_aside(task);
			return outcome_of(TPG_TASK_NOTHING);
	}
	return outcome_of(TPG_TASK_DONE);
}

static TpgTaskOutcome
drive_activity(int64 execution_key, int32 event_id, bool mine)
{
	TpgActivityTask *task = tpg_activity_claim(execution_key, event_id);
	TpgExecution *exec;

	/* due_at was looked at by whoever gave the hint; it may have changed */
	if (task == NULL || task->paused || task->due_at > tpg_clock_now())
		return outcome_of(TPG_TASK_NOTHING);
	/* recorded as started by a process that is gone: the dispatcher decides */
	if (task->started_at != 0 && !mine)
		return outcome_of(TPG_TASK_NOTHING);
	exec = tpg_execution_by_key(execution_key);
	if (exec == NULL || !tpg_status_is_open(exec->status))
	{
		tpg_activity_delete(execution_key, event_id);
		return outcome_of(TPG_TASK_DONE);
	}
	return drive_attempt(task, exec);
}

TpgTaskOutcome
tpg_drive_activity_task(int64 execution_key, int32 event_id)
{
	bool		mine = careful_key == execution_key && careful_event == event_id;
	TpgTaskOutcome outcome = drive_activity(execution_key, event_id, mine);

	if (mine)
	{
		careful_key = 0;
		tpg_careful_end();
	}
	return outcome;
}

void
tpg_drive_activity_task_failed(int64 execution_key, int32 event_id, ErrorData *error)
{
	TpgActivityTask *task = tpg_activity_claim(execution_key, event_id);
	TpgAttempt	attempt = {0};

	if (careful_key == execution_key && careful_event == event_id)
	{
		careful_key = 0;
		tpg_careful_end();
	}
	/* an attempt that is recorded is somebody's: ours where its end could not be recorded */
	if (task == NULL || (tpg_activity_is_open(task) && !tpg_autonomous_is_mine(task)))
		return;
	/* stopped outside of the function: no attempt */
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && tpg_slot_interrupt_reason() == TPG_INTERRUPT_SHUTDOWN)
	{
		put_aside(task);
		return;
	}

	/*
	 * Its COMMIT failed, or the attempt could not even begin: an attempt like any
	 * other that fails; or the cancellation has come outside of the function.
	 */
	attempt.end = error->sqlerrcode == ERRCODE_QUERY_CANCELED && tpg_slot_interrupt_reason() == TPG_INTERRUPT_CANCEL ?
		TPG_ATTEMPT_CANCELED : TPG_ATTEMPT_FAILED;
	attempt.started_at = attempt.ended_at = tpg_clock_now();
	attempt.identity = tpg_attempt_identity();
	attempt.failure = tpg_failure_from_error(error, "temporal_pg");
	attempt.heartbeat = tpg_engine_heartbeat_shared(task);
	if (attempt.heartbeat != NULL)
		task->heartbeats_kept = true;
	tpg_engine_attempt_end(task, &attempt);
}

/* ---------- outboxes ---------- */

TpgTaskOutcome
tpg_drive_outbox(int64 execution_key)
{
	TpgOutboxOutcome outcome;

	tpg_slot_set_inflight(execution_key, TPG_SLOT_OUTBOX);
	outcome = tpg_engine_outbox(execution_key);
	tpg_slot_clear_inflight();
	switch (outcome)
	{
		case TPG_OUTBOX_DONE:
			return outcome_of(TPG_TASK_DONE);
		case TPG_OUTBOX_MORE:
			return outcome_of(TPG_TASK_AGAIN);
		case TPG_OUTBOX_LOCKED:
			return outcome_of(TPG_TASK_LOCKED);
		case TPG_OUTBOX_NOTHING:
			break;
	}
	return outcome_of(TPG_TASK_NOTHING);
}

void
tpg_drive_outbox_failed(int64 execution_key, ErrorData *error)
{
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("what a workflow asked of another one could not be done: %s", error->message)));
	tpg_engine_outbox_failed(execution_key);
}
