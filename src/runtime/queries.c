/*-------------------------------------------------------------------------
 * runtime/queries.c - queries: a replay and a handler in the caller's backend.
 *
 * The history is replayed, what the mailbox holds is delivered in memory, and
 * then the handler runs, read-only; nothing is written or locked (reference
 * F-12 to F-22).  The replay is kept for the next query (runtime/replays).
 *
 * Callers: api/messages, after the rights; SPI not connected.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/json.h"
#include "runtime/blocked.h"
#include "runtime/queries.h"
#include "runtime/replays.h"
#include "runtime/role.h"
#include "runtime/scheduler.h"
#include "runtime/timer.h"
#include "runtime/upserts.h"

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

static Jsonb *
names_of(const TpgExecution *exec, TpgDefinitionKind kind)
{
	TpgJson    *array = tpg_json_array();
	int			n;
	char	  **names = tpg_handler_names(exec->namespace_id, kind, exec->workflow_type, exec->version, &n);

	for (int i = 0; i < n; i++)
	{
		TpgJson    *b = tpg_json_object();

		tpg_json_add_text(b, "name", names[i]);
		tpg_json_push_jsonb(array, tpg_json_finish(b));
	}
	return tpg_json_finish(array);
}

/*
 * What set_current_details() has said (G-50).  The rest of the metadata is there
 * also for a run whose code cannot be replayed.
 */
static const char *
current_details(TpgExecution *exec)
{
	TpgDefinition *def = tpg_definition_of_run(exec->namespace_id, exec->workflow_type, exec->version);
	TpgReplay  *replay;

	if (def == NULL || !OidIsValid(def->function))
		return NULL;
	replay = tpg_replay_get(exec);
	if (replay->pass.kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(replay->pass.error);
	return replay->pass.kind == TPG_PASS_ERROR ? NULL : tpg_current_details(replay->pass.act);
}

/* __temporal_workflow_metadata (F-22) */
static Jsonb *
metadata(TpgExecution *exec)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *definition = tpg_json_object();

	tpg_json_add_text(definition, "type", exec->workflow_type);
	tpg_json_add_jsonb(definition, "queryDefinitions", names_of(exec, TPG_DEF_QUERY));
	tpg_json_add_jsonb(definition, "signalDefinitions", names_of(exec, TPG_DEF_SIGNAL));
	tpg_json_add_jsonb(definition, "updateDefinitions", names_of(exec, TPG_DEF_UPDATE));
	tpg_json_add_jsonb(b, "definition", tpg_json_finish(definition));
	tpg_json_add_text(b, "currentDetails", current_details(exec));
	return tpg_json_finish(b);
}

static void
unknown_query(const TpgExecution *exec, const char *name)
{
	int			n;
	char	  **names = tpg_handler_names(exec->namespace_id, TPG_DEF_QUERY, exec->workflow_type, exec->version, &n);
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

/* No activation, not even one that would come now: there is nothing that could answer (F-16). */
static void
check_begun(const TpgRun *run)
{
	if (run->exec->last_task_id != 0 || run->task_id != 0)
		return;
	if (!tpg_status_is_open(run->exec->status))
		ereport(ERROR,
				(errcode(TPG_ERR_QUERY_FAILED),
				 errmsg("workflow \"%s\" was closed before its code has run", run->exec->workflow_id)));
	ereport(ERROR,
			(errcode(TPG_ERR_QUERY_FAILED),
			 errmsg("workflow \"%s\" has not begun", run->exec->workflow_id),
			 errdetail("It begins when its start delay is over, at %s.", timestamptz_to_str(run->exec->execution_time)),
			 errhint("Ask again then.")));
}

Jsonb *
tpg_query(TpgExecution *exec, const char *name, Jsonb *input)
{
	TpgDefinition *volatile handler = NULL;
	TpgReplay  *replay;
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	Jsonb	   *volatile result = NULL;
	volatile bool timing = false;
	bool		fired = false;
	int64		limit_us;
	TpgTimer	outer_timer;
	ErrorContextCallback context = tpg_timer_context;

	if (strcmp(name, "__temporal_workflow_metadata") == 0)
		return metadata(exec);
	if (strcmp(name, "__stack_trace") != 0)
	{
		handler = tpg_handler_lookup(exec->namespace_id, TPG_DEF_QUERY, exec->workflow_type, exec->version, name);
		if (handler == NULL)
			unknown_query(exec, name);
	}
	replay = tpg_replay_get(exec);
	check_begun(replay->run);
	if (replay->pass.kind == TPG_PASS_INTERRUPTED)
		tpg_pass_rethrow(replay->pass.error);
	if (replay->pass.kind == TPG_PASS_ERROR)
		query_error(exec, name, replay->pass.error);
	if (handler == NULL)
		/* else its code has ended */
		return tpg_json_string(replay->pass.kind == TPG_PASS_SUSPENDED ? tpg_blocked_stack_trace(replay->pass.act) : "");
	limit_us = tpg_pass_task_timeout_us(replay->run);
	context.previous = error_context_stack;
	error_context_stack = &context;
	PG_TRY();
	{
		tpg_timer_start(&outer_timer, limit_us, true);
		timing = true;
		result = call_query(replay->pass.act, handler, name, input);
		timing = false;
		(void) tpg_timer_stop(&outer_timer);
	}
	PG_CATCH();
	{
		fired = timing && tpg_timer_stop(&outer_timer);
		tpg_replay_forget(exec->key);
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !fired)
			PG_RE_THROW();
		FlushErrorState();
		if (fired)
			error->message = psprintf("its handler was interrupted: it ran for longer than the task timeout of %s", tpg_duration_to_text(limit_us));
	}
	PG_END_TRY();
	error_context_stack = context.previous;
	if (error != NULL)
		query_error(exec, name, (ErrorData *) error);
	tpg_payload_check((Jsonb *) result, "query result");
	return tpg_json_copy((Jsonb *) result);
}
