/*-------------------------------------------------------------------------
 *
 * executor.c
 *	  An executor: runs workflow tasks and activities of one role.
 *
 * Connected as the role that owns the functions, so that there is nothing to
 * switch back from.  It takes a hint from its queue, does what is due in one
 * transaction, and takes the next; between two it holds no transaction.  An
 * autonomous attempt is a transaction before it and one behind it.
 * Without work for temporal_pg.idle_timeout it ends.
 *
 * Invariants: user code leaves nothing behind in the session for the next
 * (settings, role, temporary tables, session locks, cursors, prepared
 * statements; LISTEN is refused in background processes); an item in hand is given back to the queue when the
 * process is told to end in the middle of it, and left to the sweep when the
 * executor itself is what fails.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "ipc/databases.h"
#include "ipc/heartbeats.h"
#include "ipc/overrun.h"
#include "ipc/queue.h"
#include "ipc/slots.h"
#include "runtime/autonomous.h"
#include "runtime/drive.h"
#include "store/extension.h"
#include "worker/bgw.h"
#include "worker/executor.h"

/* From 17 on a worker may run as a role without LOGIN. */
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
#define CONNECT_FLAGS BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define CONNECT_FLAGS 0
#endif

/* A task that wants to go on at once does so that often before others get their turn. */
#define MAX_ROUNDS 16

/* idle for so long: statistics that have not been reported are */
#define REPORT_AFTER_MS 1000

static Oid	my_owner = InvalidOid;

/* for one task; reset after it */
static MemoryContext task_context = NULL;

static void
task_error_context(void *arg)
{
	TpgWorkItem *item = arg;

	if (item->kind == TPG_WORK_ACTIVITY)
		errcontext("activity %d of workflow run " INT64_FORMAT,
				   item->event_id, item->execution_key);
	else if (item->kind == TPG_WORK_OUTBOX)
		errcontext("what workflow run " INT64_FORMAT " asked of another one", item->execution_key);
	else
		errcontext("workflow task of run " INT64_FORMAT, item->execution_key);
}

static void
report_task(const TpgWorkItem *item)
{
	char		text[64];

	if (item->kind == TPG_WORK_ACTIVITY)
		snprintf(text, sizeof(text), "activity %d of run " INT64_FORMAT,
				 item->event_id, item->execution_key);
	else if (item->kind == TPG_WORK_OUTBOX)
		snprintf(text, sizeof(text), "outbox of run " INT64_FORMAT, item->execution_key);
	else
		snprintf(text, sizeof(text), "workflow task of run " INT64_FORMAT,
				 item->execution_key);
	pgstat_report_activity(STATE_RUNNING, text);
}

/* False: the extension has been dropped. */
static bool
begin_transaction(void)
{
	tpg_bgw_begin();
	if (tpg_extension_lock())
		return true;
	tpg_bgw_commit();
	return false;
}

static void clean_session(void);

/*
 * The item's attempt is recorded as started: it runs, and commits as it likes,
 * outside of any transaction of ours.  Then its end is recorded, and that is no
 * longer cancelled: who interrupts now has come too late.
 */
static bool
do_autonomous(TpgTaskOutcome *outcome)
{
	bool		there;

	TPG_FAULT("autonomous_opened");
	tpg_autonomous_call();
	clean_session();
	HOLD_CANCEL_INTERRUPTS();
	there = begin_transaction();
	if (there)
	{
		tpg_autonomous_end();
		tpg_wake_will_pop();
		tpg_bgw_commit();
		outcome->kind = TPG_TASK_DONE;
	}
	/* an error that was caught on the way has let go of it */
	if (QueryCancelHoldoffCount > 0)
		RESUME_CANCEL_INTERRUPTS();
	QueryCancelPending = false;
	tpg_autonomous_forget();
	return there;
}

/*
 * Once round: the task in one transaction.  Errors are for the caller.
 */
static bool
do_task(TpgWorkItem *item, TpgTaskOutcome *outcome)
{
	if (!begin_transaction())
		return false;
	if (item->kind == TPG_WORK_ACTIVITY)
		*outcome = tpg_drive_activity_task(item->execution_key, item->event_id);
	else if (item->kind == TPG_WORK_OUTBOX)
		*outcome = tpg_drive_outbox(item->execution_key);
	else
	{
		tpg_overrun_begin(item->execution_key);
		*outcome = tpg_drive_workflow_task(item->execution_key);
	}

	/* we take the next item ourselves, unless this one goes on */
	if (outcome->kind != TPG_TASK_AGAIN && outcome->kind != TPG_TASK_AUTONOMOUS)
		tpg_wake_will_pop();
	tpg_bgw_commit();
	if (item->kind == TPG_WORK_RUN)
		tpg_overrun_end(item->execution_key, outcome->kind == TPG_TASK_DONE);
	if (outcome->kind == TPG_TASK_AUTONOMOUS && !do_autonomous(outcome))
		return false;
	if (item->kind == TPG_WORK_ACTIVITY)
		TPG_FAULT("activity_after_commit");
	else if (item->kind == TPG_WORK_RUN)
		TPG_FAULT("task_after_commit");
	return true;
}

/*
 * The task's transaction was rolled back by an error: the runtime records that
 * in a new one.  If that fails, too, it is the executor's end; the item is not
 * given back, since it would meet the same trouble at once: the sweep brings it
 * again.  A run that somebody else has by now is LOCKED: he may undo what he
 * does, so its mail must be looked at again.
 */
static bool
record_failure(TpgWorkItem *item, ErrorData *error, TpgTaskOutcome *outcome)
{
	bool		there = false;

	PG_TRY();
	{
		there = begin_transaction();
		if (there)
		{
			if (item->kind == TPG_WORK_ACTIVITY)
			{
				tpg_drive_activity_task_failed(item->execution_key, item->event_id, error);
				tpg_autonomous_forget();
			}
			else if (item->kind == TPG_WORK_OUTBOX)
				tpg_drive_outbox_failed(item->execution_key, error);
			else if (!tpg_drive_workflow_task_failed(item->execution_key, error))
				outcome->kind = TPG_TASK_LOCKED;
			tpg_wake_will_pop();
			tpg_bgw_commit();
		}
	}
	PG_CATCH();
	{
		tpg_slot_forsake();
		/* an attempt that stays recorded is missed when we are gone */
		tpg_slot_set_inflight(item->execution_key, item->event_id);
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not record the failure of a task: %s",
						error->message ? error->message : "?")));
		PG_RE_THROW();
	}
	PG_END_TRY();
	return there;
}

/* What is left to do once the task's transaction is over. */
static void
follow_up(TpgWorkItem *item, TpgTaskOutcome *outcome)
{
	switch (outcome->kind)
	{
		case TPG_TASK_LOCKED:
			tpg_park(*item, my_owner);
			break;
		case TPG_TASK_MISROUTED:
			/* no owner known: the dispatcher records that nothing can run it */
			if (OidIsValid(outcome->owner) && outcome->owner != my_owner)
				tpg_queue_push(MyDatabaseId, outcome->owner, *item);
			else
				tpg_database_wake_scan(tpg_database_find(MyDatabaseId, false), MyDatabaseId);
			break;
		case TPG_TASK_AGAIN:
			/* had its rounds: to the end of the queue (it is in hand, so: noted) */
			tpg_queue_push(MyDatabaseId, my_owner, *item);
			break;
		case TPG_TASK_LIMITED:
			/* the dispatcher is told when the item is no longer in hand (ipc/limits) */
		case TPG_TASK_DONE:
		case TPG_TASK_NOTHING:
		case TPG_TASK_AUTONOMOUS:	/* done by now */
			break;
	}
}

/* False: the extension is gone, and so should we. */
static bool
run_item(TpgWorkItem *item)
{
	TpgTaskOutcome outcome = {TPG_TASK_NOTHING, InvalidOid};
	volatile bool there = true;
	volatile bool failed = false;
	ErrorContextCallback callback;

	callback.callback = task_error_context;
	callback.arg = item;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	report_task(item);
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		ErrorData  *volatile error = NULL;

		/*
		 * A cancel that came in between was meant for something else.  One
		 * meant for this task comes after it is in flight.
		 */
		QueryCancelPending = false;
		tpg_slot_set_inflight(item->execution_key, item->event_id);
		PG_TRY();
		{
			there = do_task(item, &outcome);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(task_context);
			error = CopyErrorData();
			FlushErrorState();
			AbortCurrentTransaction();
			MemoryContextSwitchTo(task_context);
		}
		PG_END_TRY();
		tpg_slot_clear_inflight();

		if (error != NULL)
		{
			/* what cancelled the task must not cancel this */
			QueryCancelPending = false;
			failed = true;
			outcome.kind = TPG_TASK_DONE;
			there = record_failure(item, error, &outcome);
		}
		if (!there || outcome.kind != TPG_TASK_AGAIN)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	error_context_stack = callback.previous;
	tpg_shared_heartbeat_clear();

	if (there)
	{
		follow_up(item, &outcome);
		if (failed || outcome.kind == TPG_TASK_DONE || outcome.kind == TPG_TASK_AGAIN)
			tpg_slot_count(item->kind, failed);
	}
	return there;
}

/*
 * What user code can leave behind in a session.  Each step costs next to
 * nothing where there is nothing to do.  Not undone: the static variables of
 * procedural languages, and the state of sequences (currval).
 */
static void
clean_session(void)
{
	Oid			temp_namespace;
	Oid			temp_toast_namespace;
	bool		role_changed = GetUserId() != my_owner || GetSessionUserId() != my_owner;

	LockReleaseAll(USER_LOCKMETHOD, true);
	DropAllPreparedStatements();
	PortalHashTableDeleteAll();
	/* settings need no RESET: user code runs in GUC nest levels that are always reverted (runtime/settings) */

	GetTempNamespaceState(&temp_namespace, &temp_toast_namespace);
	if (role_changed || OidIsValid(temp_namespace))
	{
		tpg_bgw_begin();
		if (role_changed)
			SetPGVariable("session_authorization", NIL, false);
		if (OidIsValid(temp_namespace))
			ResetTempTableNamespace();
		tpg_bgw_commit();
	}
}

/*
 * Nothing in the queue.  Returns false when it is time to end.  Being woken
 * does not mean that there is work, so the caller keeps the time.
 */
static bool
sleep_until_work(TimestampTz idle_since, uint32 wait_event)
{
	bool		reported = false;

	pgstat_report_activity(STATE_IDLE, NULL);
	for (;;)
	{
		long		idle_ms = TimestampDifferenceMilliseconds(idle_since, GetCurrentTimestamp());
		long		timeout = Max(tpg_guc_idle_timeout - idle_ms, 0);
		int			events;

		if (timeout == 0)
			return !tpg_queue_leave();	/* unless work has come just now */
		if (!reported)
			timeout = Min(timeout, REPORT_AFTER_MS);
		events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						   timeout, wait_event);
		if (events & WL_LATCH_SET)
			return true;
		if (!reported)
		{
			pgstat_report_stat(true);
			reported = true;
		}
	}
}

void
tpg_executor_main(Datum main_arg)
{
	Oid			dboid;
	uint32		generation;
	uint32		wait_event;
	TimestampTz idle_since;

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	tpg_bgw_setup();
	if (!tpg_slot_attach(DatumGetInt32(main_arg), generation, &dboid, &my_owner))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(dboid, my_owner, CONNECT_FLAGS);
	tpg_bgw_pin_settings();
	wait_event = tpg_wait_event("TemporalExecutorIdle");
	tpg_slot_connected();

	task_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg task",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(task_context);

	idle_since = GetCurrentTimestamp();
	for (;;)
	{
		TpgWorkItem item;

		ResetLatch(MyLatch);
		tpg_bgw_process_interrupts();
		/* whatever we were woken for, somebody else is woken when we go */
		if (tpg_slot_retiring() || tpg_database_stopped(MyDatabaseId))
			break;
		if (!tpg_queue_pop(&item))
		{
			if (!sleep_until_work(idle_since, wait_event))
				break;
			continue;
		}
		if (!run_item(&item))
		{
			tpg_slot_forsake();
			break;
		}
		tpg_queue_finish();
		pgstat_report_stat(false);
		clean_session();
		MemoryContextReset(task_context);
		idle_since = GetCurrentTimestamp();
	}
	proc_exit(0);
}
