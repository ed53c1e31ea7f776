/*-------------------------------------------------------------------------
 * runtime/autonomous.c - attempts that commit by themselves.
 *
 * A procedure that is CALLed so that it may COMMIT, or the one command of the
 * built-in activity "sql".  Its start is recorded and committed first, then it
 * runs outside of any transaction of ours, then its end is recorded: at least once.
 * Between the two commits nothing of it is locked, so whoever ends it meanwhile
 * (a timeout, a token, the close of its run) has ended it, and what comes of it
 * later is dropped.
 *
 * An executor that dies in between is missed by the dispatcher (engine/lost).
 *
 * What must hold across the transactions of the procedure lives in the session:
 * its settings, and the timer.  Nothing of it may be left for the next attempt.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/close.h"
#include "engine/openattempt.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "model/failure.h"
#include "runtime/attempt.h"
#include "runtime/autonomous.h"
#include "runtime/heartbeat.h"
#include "runtime/invoke.h"
#include "runtime/languages.h"
#include "runtime/settings.h"
#include "runtime/statement.h"
#include "runtime/timer.h"

/* The attempt in progress in this process. */
typedef struct Current
{
	MemoryContext context;		/* all of it; outlives transactions */
	TpgActivityTask *task;
	TpgExecution *exec;
	TpgAttemptInfo info;
	int64		limit_us;		/* -1: none */
	bool		builtin;		/* activity "sql" */
	bool		closed;			/* its run has; nothing is to be recorded */
	bool		put_aside;		/* workers are being stopped: no attempt */
	TpgAttempt	attempt;
} Current;

static Current *current = NULL;

bool
tpg_is_autonomous(const TpgDefinition *def)
{
	return def->mode != NULL && strcmp(def->mode, "autonomous") == 0;
}

bool
tpg_autonomous_begin(const TpgActivityTask *task, const TpgDefinition *def)
{
	bool		careful = tpg_careful_mode();
	MemoryContext context;
	MemoryContext old;
	TimestampTz deadline;

	tpg_autonomous_forget();
	if (careful && !tpg_careful_begin())
		return false;
	context = AllocSetContextCreate(TopMemoryContext, "temporal_pg autonomous attempt", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	current = palloc0(sizeof(Current));
	current->context = context;
	current->builtin = def->builtin;
	/* again, to have them beyond this transaction */
	current->task = tpg_activity_claim(task->execution_key, task->scheduled_event_id);
	current->exec = tpg_execution_by_key(task->execution_key);
	current->info.task = current->task;
	current->info.exec = current->exec;
	current->info.started_at = current->attempt.started_at = tpg_clock_now();
	current->info.autonomous = true;
	current->info.context = context;
	current->attempt.identity = tpg_attempt_identity();
	deadline = tpg_attempt_deadline(current->task, current->info.started_at, &current->info.timeout_type);
	current->limit_us = TIMESTAMP_NOT_FINITE(deadline) ? -1 : Max(deadline - current->info.started_at, 0);
	current->task->in_executor = careful ? TPG_ALONE_IN_EXECUTOR : TPG_IN_EXECUTOR;
	tpg_slot_set_attempt(current->info.started_at);
	tpg_engine_attempt_open(current->task, current->info.started_at, current->attempt.identity);
	MemoryContextSwitchTo(old);
	return true;
}

bool
tpg_autonomous_is_mine(const TpgActivityTask *t)
{
	return current != NULL && tpg_activity_is_open(t) &&
		t->execution_key == current->task->execution_key && t->scheduled_event_id == current->task->scheduled_event_id &&
		t->attempt == current->task->attempt && t->started_at == current->info.started_at;
}

void
tpg_autonomous_forget(void)
{
	if (current == NULL)
		return;
	if (current->task->in_executor == TPG_ALONE_IN_EXECUTOR)
		tpg_careful_end();
	MemoryContextDelete(current->context);
	current = NULL;
}

/* ---------- what is run ---------- */

/* A command that can never succeed is not tried again. */
static void
invalid_input(const char *message)
{
	tpg_failure_throw(tpg_failure_application(message, "22023", NULL, true, -1, NULL, "temporal_pg", NULL), 0);
}

/* {"command": …, "settings": …}, or the command alone. */
static char *
command_of(const Jsonb *input, Jsonb **settings)
{
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	char	   *command;

	*settings = NULL;
	if (input != NULL && JB_ROOT_IS_SCALAR(input) && !tpg_json_is_null(input))
		return tpg_json_scalar_text(input);
	if (input == NULL || !tpg_json_is_object(input))
		invalid_input("input of activity \"sql\" must be an object such as {\"command\": \"VACUUM orders\"}");
	it = JsonbIteratorInit((JsonbContainer *) &input->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *key = token == WJB_KEY ? pnstrdup(v.val.string.val, v.val.string.len) : NULL;

		if (key != NULL && strcmp(key, "command") != 0 && strcmp(key, "settings") != 0)
			invalid_input(psprintf("input of activity \"sql\" knows no key \"%s\", only \"command\" and \"settings\"", key));
	}
	command = tpg_json_get_text(input, "command");
	if (command == NULL)
		invalid_input("input of activity \"sql\" has no \"command\"");
	*settings = tpg_json_get(input, "settings");
	return command;
}

TpgDefinition *
tpg_attempt_code(TpgDefinition *def, const TpgExecution *exec)
{
	return def->builtin ? tpg_definition_require(exec->namespace_id, exec->workflow_type, exec->version) : def;
}

static void
start_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	MemoryContextSwitchTo(current->context);
}

static void
commit_transaction(void)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(current->context);
}

/* In two transactions: what the first sets is the session's, whatever the code makes of the other. */
static Jsonb *
run(void)
{
	TpgActivityTask *task = current->task;
	Jsonb	   *input = tpg_json_get_raw(task->attributes, "input");
	NullableDatum *arguments = palloc0(sizeof(NullableDatum) * (FUNC_MAX_ARGS + 1));
	const TpgCallable *callable = NULL;
	char	   *command = NULL;
	Jsonb	   *settings = NULL;
	TpgDefinition *def;
	TpgDefinition *code;
	Jsonb	   *result;

	start_transaction();
	def = tpg_definition_lookup(task->namespace_id, TPG_DEF_ACTIVITY, task->activity_type, false);
	code = tpg_attempt_code(def, current->exec);
	if (code->owner != GetUserId() || !tpg_is_autonomous(def))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("activity type \"%s\" was registered otherwise just now", task->activity_type)));
	if (def->builtin)
	{
		command = command_of(input, &settings);
		tpg_settings_validate(settings, GetUserId());
	}
	tpg_settings_session(code, settings);
	if (!def->builtin)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		callable = tpg_callable_load(def->function);
		(void) tpg_invoke_arguments(def, task->activity_type, input, arguments);
		PopActiveSnapshot();
	}
	commit_transaction();

	start_transaction();
	result = command ? tpg_statement_run(command, true) : tpg_statement_call(callable, arguments, true);
	/* deferred constraints: what fails here fails the attempt */
	commit_transaction();
	return result;
}

/* A command that is none, or none for this activity, fails each time. */
Jsonb *
tpg_attempt_failure(bool command, const ErrorData *edata)
{
	Jsonb	   *failure = tpg_failure_from_error(edata, "temporal_pg");
	TpgJson    *b;
	TpgJson    *info;

	if (!command ||
		(edata->sqlerrcode != ERRCODE_SYNTAX_ERROR && edata->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED))
		return failure;
	b = tpg_json_object_from(failure);
	info = tpg_json_object_from(tpg_json_get(failure, "applicationFailureInfo"));
	tpg_json_add_bool(info, "nonRetryable", true);
	tpg_json_add_jsonb(b, "applicationFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

/* The session is as before, whatever the code did to it; no transaction is in progress. */
static void
leave(void)
{
	QueryCancelPending = false;
	tpg_settings_session_end();
	MemoryContextSwitchTo(current->context);
}

static void
judge(ErrorData *edata, bool timed_out)
{
	TpgAttempt *a = &current->attempt;
	int			reason = tpg_slot_interrupt_reason();

	a->ended_at = tpg_clock_now();
	a->heartbeat = tpg_heartbeat_last(&current->info);
	if (timed_out)
	{
		/* what it told last is in the failure when its end is recorded: that needs a transaction */
		a->end = TPG_ATTEMPT_TIMED_OUT;
		a->result = NULL;
	}
	else if (edata == NULL)
		a->end = TPG_ATTEMPT_COMPLETED;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED && reason == TPG_INTERRUPT_CLOSED)
		current->closed = true;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED && reason == TPG_INTERRUPT_CANCEL)
		a->end = TPG_ATTEMPT_CANCELED;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED && reason == TPG_INTERRUPT_SHUTDOWN)
		current->put_aside = true;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED && (reason == TPG_INTERRUPT_PAUSE || reason == TPG_INTERRUPT_RESET))
	{
		a->end = TPG_ATTEMPT_FAILED;
		a->failure = tpg_attempt_stopped_failure(reason);
	}
	else
	{
		a->end = TPG_ATTEMPT_FAILED;
		a->failure = tpg_attempt_failure(current->builtin, edata);
	}
}

/* At the bottom of the code's stack: hears of all errors. */
static void
notice_error(void *arg)
{
	tpg_last_error_note(arg);
}

void
tpg_autonomous_call(void)
{
	MemoryContext caller = MemoryContextSwitchTo(current->context);
	ErrorData  *volatile edata = NULL;
	volatile bool timed_out = false;
	TpgLastError last_error = {.context = current->context};
	ErrorContextCallback errors = {.callback = notice_error, .arg = &last_error, .previous = error_context_stack};
	TpgTimer	outer;

	tpg_current_attempt = &current->info;
	tpg_attempt_execution_key = current->exec->key;
	tpg_timer_start(&outer, tpg_heartbeat_begin(&current->info, current->limit_us), true);
	tpg_timer_outlives_transactions();
	PG_TRY();
	{
		error_context_stack = &errors;
		current->attempt.result = run();
		error_context_stack = errors.previous;
		timed_out = tpg_timer_stop(&outer);
	}
	PG_CATCH();
	{
		timed_out = tpg_timer_stop(&outer);
		MemoryContextSwitchTo(current->context);
		edata = CopyErrorData();
		tpg_last_error_restore(&last_error, (ErrorData *) edata);
		FlushErrorState();
		/* as the main loop of a backend does */
		AbortCurrentTransaction();
		PortalErrorCleanup();
		jit_reset_after_error();
	}
	PG_END_TRY();
	tpg_current_attempt = NULL;
	tpg_attempt_execution_key = 0;
	leave();
	judge((ErrorData *) edata, timed_out);
	MemoryContextSwitchTo(caller);
	TPG_FAULT("autonomous_called");
}

void
tpg_autonomous_end(void)
{
	TpgActivityTask *t = tpg_activity_lock(current->task->execution_key, current->task->scheduled_event_id, NULL);

	if (current->closed)
		return;
	if (t == NULL || !tpg_autonomous_is_mine(t))
	{
		/* D-20 */
		ereport(LOG,
				(errmsg("attempt %d of activity \"%s\" of workflow \"%s\" has ended too late, and its result is dropped",
						current->task->attempt, current->task->activity_type, current->exec->workflow_id),
				 errdetail("It has timed out or was completed otherwise meanwhile, or its workflow has closed.")));
		return;
	}
	if (current->attempt.end == TPG_ATTEMPT_TIMED_OUT)
		current->attempt.failure = tpg_failure_timeout(current->info.heartbeat_limits ? TPG_TIMEOUT_HEARTBEAT : current->info.timeout_type,
													   tpg_heartbeat_last_details(&current->info), NULL);
	/* the dispatcher may have written some of this attempt */
	t->heartbeats_kept = t->heartbeats_kept || current->task->heartbeats_kept;
	if (current->put_aside)
		tpg_engine_attempt_put_back(t, current->attempt.heartbeat);
	else if (current->info.stays_open && current->attempt.end == TPG_ATTEMPT_COMPLETED)
	{
		tpg_engine_attempt_leave(t);
		if (current->attempt.heartbeat != NULL)
			tpg_heartbeat_put(t->execution_key, t->scheduled_event_id, current->attempt.heartbeat);
	}
	else
		(void) tpg_engine_attempt_end(t, &current->attempt);
}

Jsonb *
tpg_autonomous_atomic(TpgDefinition *def, const TpgActivityTask *task)
{
	Jsonb	   *input = tpg_json_get_raw(task->attributes, "input");
	NullableDatum *arguments = palloc0(sizeof(NullableDatum) * (FUNC_MAX_ARGS + 1));
	Jsonb	   *settings;
	char	   *command;

	if (!def->builtin)
		return tpg_statement_call(tpg_invoke_arguments(def, task->activity_type, input, arguments), arguments, false);
	command = command_of(input, &settings);
	tpg_settings_validate(settings, GetUserId());
	tpg_settings_add(settings);
	return tpg_statement_run(command, false);
}
