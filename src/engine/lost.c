/*-------------------------------------------------------------------------
 * engine/lost.c - attempts whose process is gone.
 *
 * Two kinds are recorded before they end: transactional ones in careful mode, of
 * which a lock on the row tells whether they run, and autonomous ones, of which
 * the executors' slots do: an executor has the attempt in its slot from before
 * the commit that records its start until behind the one that records its end.
 *
 * Called by the dispatcher, in transactions of its own.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/json.h"
#include "engine/lost.h"
#include "engine/openattempt.h"
#include "engine/task.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "model/failure.h"
#include "store/activity.h"

#define CRASHED_BATCH 200
#define CRASHES_UNTIL_PAUSE 3

/*
 * A failed attempt like any other, tried again by the retry policy.  crashed: it
 * was alone when the server went down, so it has taken it down; after three of
 * those the activity is paused instead of doing it for ever.
 */
static void
record_death(TpgActivityTask *t, bool crashed, const char *message, const char *type, TimestampTz now)
{
	TpgAttempt	a = {.end = TPG_ATTEMPT_FAILED, .started_at = t->started_at, .ended_at = now, .identity = t->worker_identity};
	int			crashes = t->crash_count + 1;
	TpgExecution *exec;
	bool		pause = crashed && crashes >= CRASHES_UNTIL_PAUSE;
	TpgStatus	status;

	/* a workflow task that is being written may cancel it */
	if (!tpg_execution_lock(t->execution_key, TPG_ROW_SHARE, &status))
		return;
	exec = tpg_execution_by_key(t->execution_key);
	if (tpg_engine_attempt_cancelled(t, exec))
	{
		/* the code has given it up, and now nothing runs any more (S-12) */
		a.end = TPG_ATTEMPT_CANCELED;
		if (t->in_executor == TPG_NOT_IN_EXECUTOR)
		{
			/* of a transactional one nothing is left either */
			a.started_at = 0;
			a.result = tpg_json_string(TPG_NOT_STARTED);
		}
		(void) tpg_engine_attempt_end(t, &a);
		return;
	}
	a.failure = tpg_failure_application(message, type, NULL, false, -1, NULL, "temporal_pg", NULL);
	if (pause)
		t->paused = true;
	if (!tpg_engine_attempt_end(t, &a) || !crashed)
		return;
	t->crash_count = crashes;
	tpg_activity_put_crashes(t);
	if (pause)
		ereport(WARNING,
				(errmsg("activity \"%s\" of workflow \"%s\" was paused: it has crashed its server process %d times",
						t->activity_type, exec->workflow_id, t->crash_count),
				 errhint("Repair the activity, then call temporal.unpause_activity().")));
}

/*
 * One that was merely told to end (pg_terminate_backend, a shutdown) has not
 * happened.  They come up in careful mode only, so some time after it the last
 * have been found.
 */
void
tpg_engine_find_crashed(TimestampTz now)
{
	static bool done = false;
	bool		careful = tpg_careful_mode();
	TpgActivityTask *tasks;
	int			n;

	if (done)
		return;
	/* whoever has the permit is at an attempt, or between its two transactions */
	if (!tpg_careful_begin())
		return;
	n = tpg_activity_crashed(CRASHED_BATCH, &tasks);
	for (int i = 0; i < n; i++)
	{
		if (tpg_careful_went_down(tasks[i].started_at))
			record_death(&tasks[i], true, "activity crashed its server process", "BackendCrash", now);
		else
		{
			tpg_activity_record_crash(&tasks[i]);	/* no longer started, else as it was */
			tpg_engine_attempt_requests(&tasks[i]);
			tpg_task_wake_activity(&tasks[i]);
		}
	}
	tpg_careful_end();
	done = n == 0 && !careful;
}

bool
tpg_engine_find_lost(TimestampTz now)
{
	TpgActivityKey *keys;
	int			n = tpg_activity_in_executors(&keys);
	bool		locked = false;

	for (int i = 0; i < n; i++)
	{
		TpgActivityTask *t;
		bool		crashed;

		if (tpg_slot_runs(MyDatabaseId, keys[i].execution_key, keys[i].scheduled_event_id, keys[i].started_at))
			continue;
		t = tpg_activity_claim(keys[i].execution_key, keys[i].scheduled_event_id);
		if (t == NULL)
		{
			locked = true;
			continue;
		}
		/* with the row locked nobody can have recorded its end, nor begin another one */
		if (t->in_executor == TPG_NOT_IN_EXECUTOR || !tpg_activity_is_open(t) ||
			tpg_slot_runs(MyDatabaseId, t->execution_key, t->scheduled_event_id, t->started_at))
			continue;
		crashed = t->in_executor == TPG_ALONE_IN_EXECUTOR && tpg_careful_went_down(t->started_at);
		record_death(t, crashed, crashed ? "activity crashed its server process" : "the process that ran the attempt has ended",
					 "WorkerDied", now);
		TPG_FAULT("activity_lost_recorded");
	}
	return locked;
}
