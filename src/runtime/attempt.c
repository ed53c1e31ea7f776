/*-------------------------------------------------------------------------
 * runtime/attempt.c - an attempt of an activity runs in this process.
 *
 * The function runs in a subtransaction under a timer.  Its last step, still
 * inside, fires its deferred triggers (so that what would fail at COMMIT fails
 * the attempt) and looks whether its run is still open; only then is the
 * subtransaction released, and its effects belong to the transaction that
 * records its completion.
 *
 * Timeouts and requests from outside (SIGINT with a reason in the slot) arrive
 * as query_canceled.  Code that swallows it has still timed out.
 *
 * Callers: runtime/drive, at the level of the transaction or, in place, of a
 * pass; SPI not connected.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/json.h"
#include "engine/close.h"
#include "ipc/slots.h"
#include "model/failure.h"
#include "runtime/activation.h"
#include "runtime/attempt.h"
#include "runtime/autonomous.h"
#include "runtime/heartbeat.h"
#include "runtime/invoke.h"
#include "runtime/languages.h"
#include "runtime/mock.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "runtime/timer.h"

TpgAttemptInfo *tpg_current_attempt = NULL;
const TpgAttemptTest *tpg_attempt_test = NULL;

/* it called what works on its own run, whose task is in progress in this process */
static bool attempt_reentered = false;

void
tpg_attempt_check_reentry(int64 execution_key, const char *what)
{
	if (tpg_current_attempt == NULL || tpg_current_attempt->exec->key != execution_key || !tpg_current_attempt->in_task)
		return;
	if (tpg_current_attempt->local)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("a local activity cannot call temporal.%s() for its own workflow", what),
				 errhint("Use temporal.execute_activity().")));
	attempt_reentered = true;
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg_internal("activity works on its own run and is put aside")));
}

TpgAttemptInfo *
tpg_attempt_require(const char *what)
{
	/* workflow code that an activity has called, by an update, is no activity */
	if (tpg_current_attempt == NULL || tpg_current_activation != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() can only be called by an activity", what),
				 errhint("Register the function that calls it with temporal.register_activity().")));
	return tpg_current_attempt;
}

/* What a subtransaction has asked for is undone with it. */
static void
stays_open_subxact_callback(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	TpgAttemptInfo *info = tpg_current_attempt;

	if (info == NULL || !info->stays_open || info->open_subid != subid || info->open_lxid != tpg_my_lxid())
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		info->open_subid = parent;
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		info->stays_open = false;
}

void
tpg_attempt_stay_open(void)
{
	static bool registered = false;
	TpgAttemptInfo *info = tpg_attempt_require("complete_async");

	if (info->local)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("a local activity cannot be completed later"),
				 errhint("Use temporal.execute_activity().")));
	if (info->in_task)
	{
		/* its row is written by the task in which it runs: done again alone */
		attempt_reentered = true;
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg_internal("activity is to stay open and is put aside")));
	}
	if (!registered)
	{
		RegisterSubXactCallback(stays_open_subxact_callback, NULL);
		registered = true;
	}
	if (info->stays_open)
		return;
	info->stays_open = true;
	info->open_lxid = tpg_my_lxid();
	info->open_subid = GetCurrentSubTransactionId();
}

const char *
tpg_attempt_identity(void)
{
	static char *identity = NULL;
	static int	pid = 0;

	if (pid != MyProcPid)
	{
		char		host[256] = "localhost";

		gethostname(host, sizeof(host) - 1);
		identity = MemoryContextStrdup(TopMemoryContext, psprintf("%d@%s", MyProcPid, host));
		pid = MyProcPid;
	}
	return identity;
}

/* At the bottom of the code's stack: hears of all errors. */
static void
notice_error(void *arg)
{
	tpg_last_error_note(arg);
}

/* In the subtransaction; gives the result. Sets *closed instead when the run has closed. */
static Jsonb *
run_function(TpgAttemptInfo *info, TpgDefinition *def, bool check_open, bool *closed)
{
	const TpgActivityTask *task = info->task;
	TpgDefinition *code = tpg_attempt_code(def, info->exec);
	TpgRoleScope role;
	int			level;
	Jsonb	   *result;

	XactReadOnly = false;
	tpg_role_enter(&role, code->owner, false);
	level = tpg_settings_enter(code);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (tpg_is_autonomous(def))
		result = tpg_autonomous_atomic(def, task);
	else
		result = tpg_invoke(def, task->activity_type, tpg_json_get_raw(task->attributes, "input"));

	/* only where the transaction is ours: in a client's, a test's, others' triggers may be queued */
	if (tpg_in_executor())
		AfterTriggerFireDeferred();
	PopActiveSnapshot();
	tpg_settings_leave(level);
	tpg_role_leave(&role);

	if (check_open)
		*closed = tpg_execution_share(task->execution_key) == NULL;
	return result;
}

Jsonb *
tpg_attempt_call(TpgAttemptInfo *info, TpgDefinition *def)
{
	bool		closed;

	return run_function(info, def, false, &closed);
}

/* D-27: it has ended because it was asked to, and comes again when it may. */
Jsonb *
tpg_attempt_stopped_failure(int reason)
{
	if (reason == TPG_INTERRUPT_PAUSE)
		return tpg_failure_application("activity was paused", "ActivityPause", NULL, false, -1, NULL, "temporal_pg", NULL);
	return tpg_failure_application("activity was reset", "ActivityReset", NULL, false, -1, NULL, "temporal_pg", NULL);
}

TpgAttemptKind
tpg_attempt_run(TpgActivityTask *task, const TpgExecution *exec, TpgDefinition *def,
				bool local, int64 eager_us, bool check_open, TpgAttempt *a)
{
	MemoryContext caller_context = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	TpgActivation *outer_activation = tpg_current_activation;
	TpgAttemptInfo *outer_attempt = tpg_current_attempt;
	TpgAttemptInfo info = {.task = task, .exec = exec, .local = local, .in_task = !check_open,.context = CurrentMemoryContext,.test = tpg_attempt_test};
	int64		outer_key = tpg_attempt_execution_key;
	ErrorContextCallback *outer_context = error_context_stack;
	TpgLastError last_error = {.context = caller_context};
	ErrorContextCallback errors = {.callback = notice_error, .arg = &last_error};
	bool		outer_read_only = XactReadOnly;
	TimestampTz deadline;
	volatile int64 limit_us = -1;
	ErrorData  *volatile edata = NULL;
	volatile bool closed = false;
	volatile bool timed_out = false;
	volatile bool timing = false;
	TpgTimer	outer_timer;

	memset(a, 0, sizeof(*a));
	if (tpg_mock_run(task, a))
		return TPG_ATTEMPT_ENDED;
	a->identity = tpg_attempt_identity();
	a->started_at = info.started_at = tpg_clock_now();
	deadline = tpg_attempt_deadline(task, a->started_at, &info.timeout_type);
	if (!TIMESTAMP_NOT_FINITE(deadline))
		limit_us = Max(deadline - a->started_at, 0);
	if (eager_us >= 0 && (limit_us < 0 || eager_us < limit_us))
	{
		limit_us = eager_us;
		info.eager_limit = true;
	}
	limit_us = tpg_heartbeat_begin(&info, limit_us);

	tpg_current_activation = NULL;
	tpg_current_attempt = &info;
	tpg_attempt_execution_key = exec->key;
	attempt_reentered = false;
	BeginInternalSubTransaction(NULL);
	last_error.nest_level = GetCurrentTransactionNestLevel();
	MemoryContextSwitchTo(caller_context);
	PG_TRY();
	{
		bool		run_closed = false;

		error_context_stack = &errors;
		/* also without a limit: that of the code below must not count */
		tpg_timer_start(&outer_timer, limit_us, false);
		timing = true;
		a->result = run_function(&info, def, check_open, &run_closed);
		timing = false;
		timed_out = tpg_timer_stop(&outer_timer);
		error_context_stack = outer_context;
		closed = run_closed;
		/* a result that cannot be kept fails the attempt (D-17): its effects go, too */
		if (closed || timed_out || attempt_reentered ||
			(!info.stays_open && a->result != NULL && VARSIZE(a->result) > (Size) tpg_guc_max_payload_size))
			RollbackAndReleaseCurrentSubTransaction();
		else
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		if (timing)
			timed_out = tpg_timer_stop(&outer_timer);
		MemoryContextSwitchTo(caller_context);
		edata = CopyErrorData();
		tpg_last_error_restore(&last_error, (ErrorData *) edata);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller_context);
	CurrentResourceOwner = caller_owner;
	XactReadOnly = outer_read_only;
	tpg_current_activation = outer_activation;
	tpg_current_attempt = outer_attempt;
	tpg_attempt_execution_key = outer_key;
	a->ended_at = tpg_clock_now();
	a->heartbeat = tpg_heartbeat_last(&info);

	if (closed)
		return TPG_ATTEMPT_RUN_CLOSED;
	if (attempt_reentered)
		return TPG_ATTEMPT_PUT_ASIDE;
	if (timed_out)
	{
		if (info.eager_limit && !info.heartbeat_limits)
			return TPG_ATTEMPT_PUT_ASIDE;
		a->end = TPG_ATTEMPT_TIMED_OUT;
		a->result = NULL;
		a->failure = tpg_failure_timeout(info.heartbeat_limits ? TPG_TIMEOUT_HEARTBEAT : info.timeout_type,
										 tpg_heartbeat_last_details(&info), NULL);
		return TPG_ATTEMPT_ENDED;
	}
	if (edata == NULL)
	{
		if (info.stays_open)
			return TPG_ATTEMPT_STAYS_OPEN;
		a->end = TPG_ATTEMPT_COMPLETED;
		return TPG_ATTEMPT_ENDED;
	}
	if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		switch (tpg_heartbeat_interrupt_reason(&info))
		{
			case TPG_INTERRUPT_CLOSED:
				return TPG_ATTEMPT_RUN_CLOSED;
			case TPG_INTERRUPT_YIELD:
			case TPG_INTERRUPT_SHUTDOWN:
				return TPG_ATTEMPT_PUT_ASIDE;
			case TPG_INTERRUPT_CANCEL:
				a->end = TPG_ATTEMPT_CANCELED;
				return TPG_ATTEMPT_ENDED;
			case TPG_INTERRUPT_PAUSE:
			case TPG_INTERRUPT_RESET:
				a->end = TPG_ATTEMPT_FAILED;
				a->failure = tpg_attempt_stopped_failure(tpg_heartbeat_interrupt_reason(&info));
				return TPG_ATTEMPT_ENDED;
			default:
				/* a client who cancels his own query means the query */
				if (!tpg_in_executor())
					ReThrowError((ErrorData *) edata);
				break;
		}
	}
	if (tpg_is_autonomous(def) && edata->hint == NULL &&
		(edata->sqlerrcode == ERRCODE_INVALID_TRANSACTION_TERMINATION || edata->sqlerrcode == ERRCODE_ACTIVE_SQL_TRANSACTION))
		edata->hint = "A test is one transaction, in which nothing can commit: replace the activity with temporal.mock_activity().";
	a->end = TPG_ATTEMPT_FAILED;
	a->failure = tpg_attempt_failure(def->builtin, edata);
	return TPG_ATTEMPT_ENDED;
}
