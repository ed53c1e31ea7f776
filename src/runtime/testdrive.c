/*-------------------------------------------------------------------------
 * runtime/testdrive.c - a transaction drives its own runs, under a virtual clock.
 *
 * The loop of dispatcher and executor in one process: the same drive functions, in the
 * same order (runtime/testorder), in the caller's transaction, for the runs that this transaction
 * has started and no others.  A workflow task that fails raises its failure at once instead of
 * being tried for ever (compare reference K-08).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/sweep.h"
#include "engine/testenv.h"
#include "model/failure.h"
#include "runtime/drive.h"
#include "runtime/testdrive.h"
#include "runtime/testorder.h"
#include "store/due.h"
#include "store/execution.h"

/* a test that has skipped time so often will not end */
#define MAX_SKIPS 5000
/* reading what is due, again and again: one part in so many of it */
#define READ_SHARE 10

/* The error as the code raised it: its type is its SQLSTATE. */
static int
task_failure_sqlstate(const Jsonb *failure)
{
	char	   *type = tpg_failure_type(failure);

	if (tpg_failure_kind(failure) == TPG_FAILURE_TIMEOUT)
		return TPG_ERR_TIMEOUT_FAILURE;
	if (type != NULL && strlen(type) == 5 && strspn(type, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5)
		return MAKE_SQLSTATE(type[0], type[1], type[2], type[3], type[4]);
	return ERRCODE_RAISE_EXCEPTION;
}

static void
raise_task_failure(const TpgExecution *exec)
{
	const Jsonb *failure = exec->last_task_failure;
	char	   *stack = tpg_json_get_text(failure, "stackTrace");
	char	   *hint = tpg_json_get_text(tpg_json_get(tpg_json_get(failure, "applicationFailureInfo"), "details"), "hint");

	ereport(ERROR,
			(errcode(task_failure_sqlstate(failure)),
			 errmsg("workflow task of \"%s\" failed: %s", exec->workflow_id, tpg_failure_message(failure)),
			 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure))),
			 hint ? errhint("%s", hint) : 0,
			 stack ? errcontext("%s", stack) : 0));
}

/*
 * What a run asks of others, and its timeouts: nothing has to wait its turn for that.  True if anything was done.
 * It is done also when the run is closed; then the environment need not come back to it.
 */
static bool
drive_beside(int64 key)
{
	TpgExecution *exec = tpg_execution_by_key(key);
	TpgTaskKind outbox;
	bool		any;

	if (exec == NULL)
		return false;			/* its start was rolled back to a savepoint */
	outbox = tpg_drive_outbox(key).kind;
	any = outbox == TPG_TASK_DONE || outbox == TPG_TASK_AGAIN;
	CommandCounterIncrement();
	if (tpg_engine_fire_timeouts(key, tpg_clock_now()) > 0)
		any = true;
	if (!any && !tpg_status_is_open(exec->status))
		tpg_testenv_ended(key);
	return any;
}

static bool
drive_workflow_task(int64 key)
{
	bool		done;
	TpgExecution *exec;

	CHECK_FOR_INTERRUPTS();
	done = tpg_drive_workflow_task(key).kind == TPG_TASK_DONE;
	CommandCounterIncrement();
	exec = tpg_execution_by_key(key);
	if (exec != NULL && exec->last_task_failure != NULL)
		raise_task_failure(exec);
	return done;
}

static bool
drive_activity_task(int64 key, int32 event_id)
{
	bool		done;

	CHECK_FOR_INTERRUPTS();
	done = tpg_drive_activity_task(key, event_id).kind == TPG_TASK_DONE;
	CommandCounterIncrement();
	return done;
}

static bool
drive_task(const TpgBacklogRow *r)
{
	bool		done;

	if (r->event_id != 0)
		return drive_activity_task(r->execution_key, r->event_id);
	done = drive_workflow_task(r->execution_key);
	return drive_beside(r->execution_key) || done;
}

/*
 * All of one run that is due and goes as early as this priority, in queues without settings: it is the oldest, and
 * what comes into being meanwhile of other runs is younger.
 */
static bool
drive_run(int64 key, int priority)
{
	bool		any = false;
	bool		again;

	do
	{
		TpgBacklogRow *r;

		again = tpg_test_order_read_run(key, false, priority) > 0 && drive_workflow_task(key);
		again = drive_beside(key) || again;
		(void) tpg_test_order_read_run(key, true, priority);
		while ((r = tpg_test_order_next_of_run()) != NULL)
			again = drive_activity_task(key, r->event_id) || again;
		any = any || again;
	} while (again);
	return any;
}

/*
 * What is due, in its order.  What has come into being meanwhile is looked for when a part of what was read
 * has been done, so that many cost no more than a few.
 */
static bool
drive_tasks(void)
{
	int			budget = Max(tpg_test_order_read() / READ_SHARE, 1);
	int64		last_run = 0;
	bool		workflow_tasks = false;
	bool		any = false;
	TpgBacklogRow *r;
	bool		by_turns;

	while (budget > 0 && (r = tpg_test_order_next(&by_turns)) != NULL)
	{
		/* what workflow tasks have asked for is in this order, too */
		if (workflow_tasks && r->event_id != 0)
			break;
		if (!by_turns && r->execution_key == last_run)
			continue;
		if (!by_turns)
			last_run = r->execution_key;
		if (!(by_turns ? drive_task(r) : drive_run(r->execution_key, r->priority_key)))
			continue;
		if (by_turns)
			tpg_test_order_taken();
		any = true;
		workflow_tasks = workflow_tasks || r->event_id == 0;
		budget--;
	}
	return any;
}

/* What no row announces, of all runs. */
static bool
drive_all_runs(void)
{
	int			position = 0;
	int64		key;
	bool		any = false;

	while ((key = tpg_testenv_next(&position)) != 0)
	{
		bool		done = drive_workflow_task(key);

		if (drive_beside(key) || done)
		{
			(void) drive_run(key, TPG_PRIORITY_DEFAULT);
			any = true;
		}
	}
	return any;
}

static void
drive_due(void)
{
	while (drive_tasks() || drive_all_runs())
		;
}

static TimestampTz
next_due(void)
{
	int			position = 0;
	int64		key;
	TimestampTz next = DT_NOEND;

	while ((key = tpg_testenv_next(&position)) != 0)
		next = Min(next, tpg_due_next_of_run(key, tpg_clock_now()));
	return next;
}

static bool
is_closed(int64 execution_key)
{
	int			position = 0;
	int64		key;
	TpgExecution *exec;

	if (execution_key != 0)
	{
		exec = tpg_execution_by_key(execution_key);
		/* it goes on as the latest run of its chain */
		if (exec != NULL && !tpg_status_is_open(exec->status))
		{
			TpgExecution *latest = tpg_execution_find(exec->namespace_id, exec->workflow_id, NULL);

			if (latest != NULL && tpg_uuid_equal(&latest->first_run_id, &exec->first_run_id))
				exec = latest;
		}
		return exec == NULL || !tpg_status_is_open(exec->status);
	}
	while ((key = tpg_testenv_next(&position)) != 0)
	{
		exec = tpg_execution_by_key(key);
		if (exec != NULL && tpg_status_is_open(exec->status))
			return false;
	}
	return true;
}

bool
tpg_test_drive(TpgTestUntil until, int64 execution_key)
{
	for (int skips = 0;; skips++)
	{
		TimestampTz next;

		drive_due();
		if (until == TPG_TEST_IDLE)
			return true;
		if (until == TPG_TEST_CLOSED && is_closed(execution_key))
			return true;
		next = next_due();
		if (TIMESTAMP_NOT_FINITE(next))
			return until == TPG_TEST_BLOCKED;
		if (skips >= MAX_SKIPS)
			ereport(ERROR,
					(errcode(TPG_ERR_WAIT_TIMEOUT),
					 errmsg("the test does not come to an end: time was skipped %d times, to %s", skips, timestamptz_to_str(next)),
					 errhint("An activity that fails each time is tried for ever: give it maximum_attempts, or mock it. SELECT * FROM temporal.pending_activity tells.")));
		tpg_clock_set_virtual(next);
	}
}

void
tpg_test_advance(int64 us)
{
	TimestampTz target = tpg_clock_now() + us;

	for (;;)
	{
		TimestampTz next;

		drive_due();
		next = next_due();
		if (next > target)
			break;
		tpg_clock_set_virtual(next);
	}
	tpg_clock_set_virtual(target);
}
