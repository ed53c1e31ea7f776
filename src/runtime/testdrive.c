/*-------------------------------------------------------------------------
 * runtime/testdrive.c - a transaction drives its own runs, under a virtual clock.
 *
 * The loop of dispatcher and executor in one process: the same drive functions,
 * in the caller's transaction, for the runs that this transaction has started and
 * no others.  A workflow task that fails raises its failure at once instead of
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
#include "runtime/mock.h"
#include "runtime/testdrive.h"
#include "store/due.h"
#include "store/execution.h"

/* a test that has skipped time so often will not end */
#define MAX_SKIPS 5000

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
 * Everything of one run that is due now.  True if anything was done.  What it has
 * asked of other runs is done also when it is closed; then the environment need
 * not come back to it.
 */
static bool
drive_one(int64 key)
{
	bool		any = false;
	bool		again;
	TpgExecution *exec;

	do
	{
		TpgDueRow  *rows;
		TpgTaskKind outbox;
		int			n;

		CHECK_FOR_INTERRUPTS();
		again = tpg_drive_workflow_task(key).kind == TPG_TASK_DONE;
		CommandCounterIncrement();
		exec = tpg_execution_by_key(key);
		if (exec == NULL)
			return any;			/* its start was rolled back to a savepoint */
		if (exec->last_task_failure != NULL)
			raise_task_failure(exec);
		outbox = tpg_drive_outbox(key).kind;
		if (outbox == TPG_TASK_DONE || outbox == TPG_TASK_AGAIN)
			again = true;
		CommandCounterIncrement();
		if (tpg_engine_fire_timeouts(key, tpg_clock_now()) > 0)
			again = true;
		n = tpg_due_activities_of_run(key, tpg_clock_now(), &rows);
		for (int i = 0; i < n; i++)
		{
			/* an external one waits for a poll, unless a mock stands in for the worker */
			if (rows[i].id != 0 && !tpg_mock_is_set(rows[i].type))
				continue;
			if (tpg_drive_activity_task(key, rows[i].event_id).kind == TPG_TASK_DONE)
				again = true;
			CommandCounterIncrement();
		}
		any = any || again;
	} while (again);
	if (!tpg_status_is_open(exec->status))
		tpg_testenv_ended(key);
	return any;
}

static void
drive_due(void)
{
	bool		any;

	do
	{
		int			position = 0;
		int64		key;

		any = false;
		while ((key = tpg_testenv_next(&position)) != 0)
			any = drive_one(key) || any;
	} while (any);
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
