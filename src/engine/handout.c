/*-------------------------------------------------------------------------
 * engine/handout.c - external activities are given to workers that poll.
 *
 * The start of an attempt is recorded before the worker learns of it, in one transaction for
 * the whole batch; so a task is given to one worker at a time.  A worker that never heard
 * of it, since its connection broke, is one that has disappeared: the attempt
 * times out and is repeated.
 *
 * Which task comes next: store/line.  In the caller's transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/handout.h"
#include "engine/openattempt.h"
#include "engine/testenv.h"
#include "ipc/pollers.h"
#include "ipc/wake.h"

/* What one poll gives at most, of inputs: the rest is for the next one. */
#define MAX_BYTES ((Size) 16 * 1024 * 1024)
/* Tasks that get in line in one go. */
#define LINE_BATCH 500

/* In a test environment: of its runs. */
static int
claim_own(int32 namespace_id, const char *task_queue, int limit, TpgLineTask **tasks)
{
	int			nruns;
	int64	   *runs = tpg_testenv_runs(&nruns);

	return tpg_line_claim_of_runs(runs, nruns, namespace_id, task_queue, tpg_clock_now(), limit, tasks);
}

/* The code has cancelled it between two attempts (S-12). */
static bool
was_cancelled(TpgLineTask *t)
{
	TpgExecution exec = {.key = t->task.execution_key, .activity_cancels = t->activity_cancels};
	TpgAttempt	a = {.end = TPG_ATTEMPT_CANCELED};

	if (!tpg_engine_attempt_cancelled(&t->task, &exec))
		return false;
	a.result = tpg_json_string(TPG_NOT_STARTED);
	a.ended_at = tpg_clock_now();
	tpg_engine_attempt_end(&t->task, &a);
	return true;
}

/* Claims, and begins what was not cancelled; *found: how many were claimed. */
static int
claim_and_begin(int32 namespace_id, const char *task_queue, const char *identity, int limit, TpgLineTask **tasks, int *found,
				TimestampTz *again)
{
	TimestampTz now;
	Size		bytes = 0;
	int			begun = 0;
	int			left = 0;
	bool		refused = false;

	*found = tpg_testenv_active() ? claim_own(namespace_id, task_queue, limit, tasks) :
		tpg_line_claim(namespace_id, task_queue, limit, tasks);
	now = tpg_clock_now();
	for (int i = 0; i < *found; i++)
	{
		TpgLineTask *t = &(*tasks)[i];

		if (was_cancelled(t))
			continue;
		bytes += VARSIZE(t->task.attributes);
		if (left > 0 || (begun > 0 && bytes > MAX_BYTES))
		{
			left++;				/* as it was, after COMMIT for somebody else */
			continue;
		}
		/* what may not stays locked until the end of the transaction, for which a poll does not wait long */
		refused = !tpg_engine_attempt_takes_place(namespace_id, task_queue, again);
		if (refused)
			break;
		tpg_engine_attempt_begin(&t->task, now, identity);
		(*tasks)[begun++] = *t;
	}
	/* where the queue allows no more, there is nothing for anybody else either */
	if (refused && begun == 0)
		*found = 0;
	if (left > 0 && !tpg_clock_is_virtual())
		tpg_wake_pollers(tpg_poller_key(namespace_id, task_queue), left, false);
	return begun;
}

int
tpg_engine_hand_out(int32 namespace_id, const char *task_queue, const char *identity, int max_tasks, TpgLineTask **tasks, TimestampTz *again)
{
	TimestampTz first_timeout = DT_NOEND;
	int			found;
	int			n = 0;

	*tasks = NULL;
	*again = DT_NOEND;
	/* where all were cancelled, there may be more behind them */
	do
		n = claim_and_begin(namespace_id, task_queue, identity, max_tasks, tasks, &found, again);
	while (n == 0 && found > 0);
	if (n == 0)
		return 0;

	for (int i = 0; i < n; i++)
		first_timeout = Min(first_timeout, (*tasks)[i].task.timeout_at);
	tpg_line_open(*tasks, n);
	TPG_FAULT("activity_opened");
	if (!tpg_clock_is_virtual())
	{
		/* a poll that looked meanwhile has left them out */
		tpg_wake_pollers_at_abort(tpg_poller_key(namespace_id, task_queue), found);
		if (!TIMESTAMP_NOT_FINITE(first_timeout))
			tpg_wake_due(first_timeout);
	}
	return n;
}

void
tpg_engine_line_up(TimestampTz now)
{
	TpgLineQueue *queues;
	int			n;
	int			ntasks;

	n = tpg_line_join_due(now, LINE_BATCH, &queues, &ntasks);
	for (int i = 0; i < n; i++)
		tpg_wake_pollers(tpg_poller_key(queues[i].namespace_id, queues[i].task_queue), queues[i].ntasks, false);
	if (ntasks == LINE_BATCH)
		tpg_wake_scan();		/* the rest in the next turn */
}
