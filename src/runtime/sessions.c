/*-------------------------------------------------------------------------
 * runtime/sessions.c - queries and updates: workflow code in the caller's backend.
 *
 * A query replays the history, delivers in memory what the mailbox holds, and
 * then runs the handler; nothing is written or locked.  An update is a workflow
 * task that the caller does himself, under the run lock: its mail, the update, and
 * the rows of both, in his transaction.  It never closes the run: where the code
 * has come to its end, a message makes an executor close it.
 *
 * Callers: api/messages, after the rights; SPI not connected.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "engine/mail.h"
#include "engine/task.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "runtime/attempt.h"
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

static TpgDefinition *
definition_of(const TpgExecution *exec)
{
	TpgDefinition *def = tpg_definition_lookup(exec->namespace_id, TPG_DEF_WORKFLOW, exec->workflow_type, false);

	if (!OidIsValid(def->function))
		ereport(ERROR,
				(errcode(TPG_ERR_NOT_REGISTERED),
				 errmsg("function %s of workflow type \"%s\" does not exist", def->signature, exec->workflow_type),
				 errhint("Create it again, or register another one with temporal.register_workflow().")));
	return def;
}

/* ---------- queries ---------- */

/* The code of the handler, as its owner, after the replay. */
static Jsonb *
call_query(TpgActivation *act, TpgDefinition *handler, const char *name, Jsonb *input)
{
	TpgActivation *outer = tpg_current_activation;
	TpgRoleScope role;
	Jsonb	   *result = NULL;

	PG_TRY();
	{
		tpg_role_enter(&role, act->def->owner, true);
		tpg_current_activation = act;
		act->fiber = act->main;
		act->main->suspended = false;
		result = tpg_scheduler_call(act, handler, name, input);
		tpg_role_leave(&role);
	}
	PG_FINALLY();
	{
		tpg_current_activation = outer;
	}
	PG_END_TRY();
	return result;
}

static const char *
fiber_title(const TpgFiber *f)
{
	switch (f->kind)
	{
		case TPG_FIBER_RUN:
			return "run";
		case TPG_FIBER_SIGNAL:
			return psprintf("signal %s", f->name);
		case TPG_FIBER_UPDATE:
			return psprintf("update %s", f->name);
		case TPG_FIBER_SPAWN:
			return psprintf("spawned %s", f->name);
	}
	return f->name;
}

/* __stack_trace: where every fiber stands (F-21) */
static Jsonb *
stack_trace(const TpgActivation *act)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < act->nfibers; i++)
	{
		const TpgFiber *f = act->fibers[i];

		if (f->finished)
			continue;
		appendStringInfo(&buf, "%s%s, waiting in %s:\n%s\n", buf.len > 0 ? "\n" : "", fiber_title(f),
						 f->waits_how ? f->waits_how : "nothing", f->where ? f->where : "(not begun)");
	}
	return tpg_json_string(buf.data);
}

static Jsonb *
names_of(const TpgExecution *exec, TpgDefinitionKind kind)
{
	TpgJson    *array = tpg_json_array();
	int			n;
	char	  **names = tpg_handler_names(exec->namespace_id, kind, exec->workflow_type, &n);

	for (int i = 0; i < n; i++)
	{
		TpgJson    *b = tpg_json_object();

		tpg_json_add_text(b, "name", names[i]);
		tpg_json_push_jsonb(array, tpg_json_finish(b));
	}
	return tpg_json_finish(array);
}

/* __temporal_workflow_metadata (F-22) */
static Jsonb *
metadata(const TpgExecution *exec)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *definition = tpg_json_object();

	tpg_json_add_text(definition, "type", exec->workflow_type);
	tpg_json_add_jsonb(definition, "queryDefinitions", names_of(exec, TPG_DEF_QUERY));
	tpg_json_add_jsonb(definition, "signalDefinitions", names_of(exec, TPG_DEF_SIGNAL));
	tpg_json_add_jsonb(definition, "updateDefinitions", names_of(exec, TPG_DEF_UPDATE));
	tpg_json_add_jsonb(b, "definition", tpg_json_finish(definition));
	return tpg_json_finish(b);
}

static void
unknown_query(const TpgExecution *exec, const char *name)
{
	int			n;
	char	  **names = tpg_handler_names(exec->namespace_id, TPG_DEF_QUERY, exec->workflow_type, &n);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s, ", names[i]);
	appendStringInfoString(&list, "__stack_trace, __temporal_workflow_metadata");
	ereport(ERROR,
			(errcode(TPG_ERR_QUERY_FAILED),
			 errmsg("workflow type \"%s\" has no query \"%s\"", exec->workflow_type, name),
			 errhint("It has: %s.", list.data)));
}

static void
query_error(const TpgExecution *exec, const char *name, const ErrorData *e)
{
	ereport(ERROR,
			(errcode(TPG_ERR_QUERY_FAILED),
			 errmsg("query \"%s\" of workflow \"%s\" failed: %s", name, exec->workflow_id, e->message),
			 e->detail ? errdetail_internal("%s", e->detail) : 0,
			 e->hint ? errhint("%s", e->hint) : 0,
			 e->context ? errcontext_msg("%s", e->context) : 0));
}

Jsonb *
tpg_session_query(TpgExecution *exec, const char *name, Jsonb *input)
{
	TpgDefinition *def;
	TpgDefinition *volatile handler = NULL;
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	Jsonb	   *volatile result = NULL;
	TpgRun	   *run;
	TpgPass		pass;

	if (strcmp(name, "__temporal_workflow_metadata") == 0)
		return metadata(exec);
	def = definition_of(exec);
	if (strcmp(name, "__stack_trace") != 0)
	{
		handler = tpg_handler_lookup(exec->namespace_id, TPG_DEF_QUERY, exec->workflow_type, name);
		if (handler == NULL)
			unknown_query(exec, name);
	}
	run = tpg_run_load_readonly(exec);
	/* what has been committed and not been delivered yet, is delivered for the one who looks (F-13) */
	if (tpg_status_is_open(exec->status))
		(void) tpg_mail_take(run, tpg_clock_now(), true);
	/* no activation, not even one that would come now: there is nothing that could answer (F-16) */
	if (exec->last_task_id == 0 && run->task_id == 0)
	{
		if (!tpg_status_is_open(exec->status))
			ereport(ERROR,
					(errcode(TPG_ERR_QUERY_FAILED),
					 errmsg("workflow \"%s\" was closed before its code has run", exec->workflow_id)));
		ereport(ERROR,
				(errcode(TPG_ERR_QUERY_FAILED),
				 errmsg("workflow \"%s\" has not begun", exec->workflow_id),
				 errdetail("It begins when its start delay is over, at %s.", timestamptz_to_str(exec->execution_time)),
				 errhint("Ask again then.")));
	}
	tpg_pass_run(run, def, run->task_id != 0, NULL, NULL, &pass);
	if (pass.kind == TPG_PASS_ERROR || pass.kind == TPG_PASS_INTERRUPTED)
		query_error(exec, name, pass.error);
	if (handler == NULL)
		return stack_trace(pass.act);
	PG_TRY();
	{
		result = call_query(pass.act, handler, name, input);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error != NULL)
		query_error(exec, name, (ErrorData *) error);
	tpg_payload_check((Jsonb *) result, "query result");
	result = tpg_json_copy((Jsonb *) result);
	tpg_pass_free(&pass);
	return (Jsonb *) result;
}

/* ---------- updates ---------- */

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
tpg_session_update_state(const TpgExecution *exec, const char *id, TpgUpdateState *state)
{
	TpgRun	   *run = tpg_run_load_readonly((TpgExecution *) exec);
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

void
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
		return;
	}
	now = tpg_clock_now();
	if (tpg_status_is_open(run->exec->status) && tpg_execution_is_delayed(run->exec, now))
		ereport(ERROR,
				(errcode(TPG_ERR_UPDATE_WOULD_WAIT),
				 errmsg("update \"%s\" has to wait", r->name),
				 errdetail("Workflow \"%s\" begins only when its start delay is over.", exec->workflow_id),
				 errhint("Send a signal, which is kept until then.")));
	if (tpg_status_is_open(run->exec->status) && !tpg_mail_take(run, now, true))
		tpg_run_open_group(run, now, true);
	if (!tpg_status_is_open(run->exec->status) || run->run_timed_out)
		ereport(ERROR,
				(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
				 errmsg("workflow \"%s\" is already closed", exec->workflow_id),
				 errhint("Only updates that it has taken before can be asked for.")));
	check_limits(run, in_flight);
	tpg_run_end_delivery(run);
	run->update_request = r;
	run->update_task_id = run->task_id;
	def = definition_of(run->exec);
	tpg_pass_run(run, def, true, NULL, NULL, &pass);
	if (pass.kind == TPG_PASS_ERROR || pass.kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(pass.error);
	judge(pass.act, r, must_complete, state);

	run->exec->update_count++;
	tpg_task_write(run);
	/* the code has come to its end, or wants local activities: an executor's business */
	if (pass.kind != TPG_PASS_SUSPENDED || tpg_op_next_local_activity(pass.act, &from) != NULL)
		tpg_mail_send(run->exec, TPG_MESSAGE_GO_ON, 0, now, NULL);
	tpg_wake_waiters(run->exec->key);
	tpg_pass_free(&pass);
	tpg_run_release(run, false);
}
