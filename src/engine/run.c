/*-------------------------------------------------------------------------
 * engine/run.c - a run in memory: its row, its history, what this task adds.
 *
 * Histories of runs that this process worked on stay in a cache (the sticky
 * cache of Temporal, without the stack): only who holds the run lock appends,
 * so a cached history is a prefix of the stored one and only the rest is read.
 * The cache is bounded by number and size, least recently used out first.
 *
 * Callers hold the run lock (except tpg_run_load_readonly).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/json.h"
#include "engine/run.h"
#include "store/heartbeat.h"

#define CACHED_RUN_BYTES (4 * 1024 * 1024)

static TpgRun **cache = NULL;	/* ncached places, some of them NULL */
static int	ncached = 0;
static uint64 cache_clock;

static void
run_reserve(TpgRun *run, int n)
{
	if (run->nevents + n <= run->maxevents)
		return;
	run->maxevents = Max(run->maxevents * 2, run->nevents + n + 16);
	if (run->events == NULL)
		run->events = MemoryContextAlloc(run->context, sizeof(TpgEvent) * run->maxevents);
	else
		run->events = repalloc_huge(run->events, sizeof(TpgEvent) * run->maxevents);
}

/* Reads what the table has beyond the events that we have. */
static void
run_read_history(TpgRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	TpgEvent   *events;
	int			n = tpg_history_read(run->exec->key, run->nevents + 1, &events);

	run_reserve(run, n);
	memcpy(run->events + run->nevents, events, sizeof(TpgEvent) * n);
	run->nevents += n;
	run->nstored = run->nevents;
	pfree(events);
	MemoryContextSwitchTo(old);

	if (run->nstored != run->exec->next_event_id - 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("history of workflow \"%s\" has %d events instead of %d",
						run->exec->workflow_id, run->nstored, run->exec->next_event_id - 1)));
}

static TpgRun *
run_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "temporal_pg run", ALLOCSET_SMALL_SIZES);
	TpgRun	   *run = MemoryContextAllocZero(context, sizeof(TpgRun));

	run->context = context;
	return run;
}

static void
cache_drop(int slot)
{
	MemoryContextDelete(cache[slot]->context);
	cache[slot] = NULL;
}

/*
 * A place for one more run: a free one, one that is made, or that of the run that
 * was used longest ago.  Those in use stay, whatever temporal_pg.max_cached_workflows says.
 */
static int
cache_place(void)
{
	int			victim = -1;

	for (int i = 0; i < ncached; i++)
	{
		if (cache[i] == NULL)
			return i;
		if (!cache[i]->in_use && (victim < 0 || cache[i]->used < cache[victim]->used))
			victim = i;
	}
	if (victim >= 0 && ncached >= tpg_guc_max_cached_workflows)
	{
		cache_drop(victim);
		return victim;
	}
	if (cache == NULL)
		cache = MemoryContextAlloc(TopMemoryContext, sizeof(TpgRun *));
	else
		cache = repalloc(cache, sizeof(TpgRun *) * (ncached + 1));
	cache[ncached] = NULL;
	return ncached++;
}

/* After an abort, what a cached run took from that transaction is not true: forget it. */
static void
cache_xact_callback(XactEvent event, void *arg)
{
	bool		aborted = event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT;

	if (!aborted && event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE)
		return;
	for (int i = 0; i < ncached; i++)
	{
		if (cache[i] == NULL || !cache[i]->touched)
			continue;
		if (aborted)
			cache_drop(i);
		else
			cache[i]->touched = cache[i]->in_use = false;
	}
}

/*
 * The same for what is rolled back to a savepoint, and for what an error on the
 * way has left here: such a run was never released.
 */
static void
cache_subxact_callback(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = 0; i < ncached; i++)
	{
		if (cache[i] == NULL || !cache[i]->touched || cache[i]->loaded_in != subid)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			cache_drop(i);
		else
			cache[i]->loaded_in = parent;
	}
}

TpgRun *
tpg_run_load(int64 execution_key)
{
	TpgExecution *exec = tpg_execution_by_key(execution_key);
	TpgRun	   *run = NULL;
	MemoryContext old;
	int			victim = -1;
	static bool callback_registered = false;

	if (!callback_registered)
	{
		RegisterXactCallback(cache_xact_callback, NULL);
		RegisterSubXactCallback(cache_subxact_callback, NULL);
		callback_registered = true;
	}
	for (int i = 0; i < ncached; i++)
	{
		if (cache[i] != NULL && cache[i]->exec->key == execution_key)
		{
			run = cache[i];
			victim = i;
			break;
		}
	}
	if (exec == NULL)
	{
		if (run != NULL)
			cache_drop(victim);
		return NULL;
	}

	/* shorter than ours: not the history that we know (a database restored under our feet) */
	if (run != NULL && exec->next_event_id - 1 < run->nstored)
	{
		cache_drop(victim);
		run = NULL;
	}
	if (run == NULL)
	{
		victim = cache_place();
		run = run_create(TopMemoryContext);
		cache[victim] = run;
	}

	/* new each time: the row changes with every task; strings live as long as the run */
	old = MemoryContextSwitchTo(run->context);
	if (run->exec == NULL)
	{
		run->exec = palloc(sizeof(TpgExecution));
		*run->exec = *exec;
		run->exec->workflow_id = pstrdup(exec->workflow_id);
		run->exec->workflow_type = pstrdup(exec->workflow_type);
		run->exec->task_queue = pstrdup(exec->task_queue);
		run->exec->version = exec->version ? pstrdup(exec->version) : NULL;
	}
	else
	{
		TpgExecution *kept = run->exec;

		exec->workflow_id = kept->workflow_id;
		exec->workflow_type = kept->workflow_type;
		exec->task_queue = kept->task_queue;
		exec->version = kept->version;
		*kept = *exec;
	}
	MemoryContextSwitchTo(old);
	run->exec->start_request_id = NULL;
	run->stored_task_id = exec->last_task_id;
	run->stored_task_time = exec->last_task_time;
	run->nevents = run->nstored;
	run->group_start = run->group_delivered = run->nevents;
	run->nmessages = 0;
	run->nretries = 0;
	run->mailed_event_id = 0;
	run->retries = NULL;
	run->update_request = NULL;
	run->run_timed_out = false;
	run->eager_outcome = NULL;
	run->children_kept = run->goes_on = false;
	run->used = ++cache_clock;
	run->touched = run->in_use = true;
	run->loaded_in = GetCurrentSubTransactionId();
	if (run->nstored < exec->next_event_id - 1 || run->nstored == 0)
		run_read_history(run);
	run->group_start = run->group_delivered = run->nevents;
	return run;
}

TpgRun *
tpg_run_load_readonly(TpgExecution *exec)
{
	TpgRun	   *run = run_create(CurrentMemoryContext);

	run->exec = exec;
	run->stored_task_id = exec->last_task_id;
	run_read_history(run);
	run->group_start = run->group_delivered = run->nevents;
	return run;
}

void
tpg_run_release(TpgRun *run, bool keep)
{
	for (int i = 0; i < ncached; i++)
	{
		if (cache[i] != run)
			continue;
		if (keep)
		{
			run->nstored = run->nevents;
			run->exec->memo = NULL;
			run->exec->parent = NULL;
			run->exec->priority.fairness_key = NULL;
			run->exec->last_task_failure = NULL;
			run->exec->versioning = NULL;
			run->eager_outcome = NULL;
			run->in_use = false;
			/* a lowered setting takes effect as the runs beyond it are done with */
			if (i < tpg_guc_max_cached_workflows && MemoryContextMemAllocated(run->context, true) <= CACHED_RUN_BYTES &&
				run->exec->close_time == 0)
				return;
		}
		cache_drop(i);
		return;
	}
	MemoryContextDelete(run->context);
}

void
tpg_run_cache_reset(void)
{
	for (int i = 0; i < ncached; i++)
		if (cache[i] != NULL && !cache[i]->in_use)
			cache_drop(i);
}

/* Is the group that is being opened the one to which a run was reset?  Its first events are stored. */
static bool
is_again(const TpgRun *run)
{
	int			last = run->nevents - 1;

	while (last > 0 && run->events[last].task_id == 0)
		last--;
	return last > 0 && run->events[last].task_id == run->task_id;
}

void
tpg_run_open_group(TpgRun *run, TimestampTz now, bool from_mail)
{
	run->group_start = run->group_delivered = run->nevents;
	run->group_from_mail = from_mail;
	run->group_own_end = -1;
	run->eager_outcome = NULL;
	run->task_id = ++run->exec->last_task_id;

	run->group_message = run->nmessages;

	/*
	 * The clock of a workflow never goes back (G-02).  The first activation has
	 * that of the start event, which tells a replay of it even if the code does
	 * nothing in it; but signal_with_start may end a start delay early.
	 * One that a reset has the code do again has that of the reset.
	 */
	if (is_again(run))
		run->task_time = run->exec->last_task_time;
	else if (run->task_id == 1)
		run->task_time = Min(run->exec->execution_time, Max(now, run->exec->start_time));
	else
		run->task_time = Max(now, run->exec->last_task_time);
	run->exec->last_task_time = run->task_time;
}

void
tpg_run_open_forced(TpgRun *run, TimestampTz now)
{
	run->group_start = run->group_delivered = run->nevents;
	run->group_message = run->nmessages;
	run->group_from_mail = true;
	run->eager_outcome = NULL;
	run->task_id = 0;
	run->task_time = now;
}

void
tpg_run_add_retry(TpgRun *run, const TpgActivityTask *task)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);

	if (run->retries == NULL)
		run->retries = palloc(sizeof(TpgActivityTask));
	else
		run->retries = repalloc(run->retries, sizeof(TpgActivityTask) * (run->nretries + 1));
	/* what the attempt has left may lie in the memory of a pass, which ends before the run is written */
	run->retries[run->nretries] = *task;
	if (task->last_failure != NULL)
		run->retries[run->nretries].last_failure = tpg_json_copy(task->last_failure);
	if (task->heartbeat != NULL)
	{
		TpgHeartbeat *h = palloc(sizeof(TpgHeartbeat));

		*h = *task->heartbeat;
		h->details = h->details ? tpg_json_copy(h->details) : NULL;
		run->retries[run->nretries].heartbeat = h;
	}
	run->nretries++;
	MemoryContextSwitchTo(old);
}

int32
tpg_run_append(TpgRun *run, TpgEventType type, TimestampTz time, const Jsonb *attributes, const Jsonb *user_metadata)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	TpgEvent   *e;

	run_reserve(run, 1);
	e = &run->events[run->nevents];
	e->event_id = run->nevents + 1;
	e->task_id = run->task_id;
	e->type = type;
	e->time = time;
	e->task_time = run->task_time;
	e->attributes = tpg_json_copy(attributes);
	e->user_metadata = user_metadata ? tpg_json_copy(user_metadata) : NULL;
	run->nevents++;
	run->exec->next_event_id = run->nevents + 1;
	MemoryContextSwitchTo(old);
	return e->event_id;
}

void
tpg_run_append_outcome(TpgRun *run, int32 scheduled_event_id, const TpgOutcome *outcome)
{
	int32		started_event_id = 0;

	if (outcome->started_at != 0)
		started_event_id = tpg_run_append(run, TPG_EVENT_ACTIVITY_TASK_STARTED, outcome->started_at,
										  tpg_outcome_started_attributes(outcome, scheduled_event_id), NULL);
	tpg_run_append(run, outcome->type, outcome->time,
				   tpg_outcome_close_attributes(outcome, scheduled_event_id, started_event_id, run->nevents + 1, 0), NULL);
}

void
tpg_run_end_delivery(TpgRun *run)
{
	run->group_delivered = run->nevents;
	if (run->group_own_end < 0)
		run->group_own_end = run->nevents;
}

bool
tpg_event_is_of_command(const TpgEvent *e)
{
	switch (e->type)
	{
		case TPG_EVENT_ACTIVITY_TASK_SCHEDULED:
		case TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED:
		case TPG_EVENT_TIMER_STARTED:
		case TPG_EVENT_TIMER_CANCELED:
		case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
		case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
		case TPG_EVENT_WORKFLOW_PROPERTIES_MODIFIED:
		case TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			return true;
		case TPG_EVENT_MARKER_RECORDED:
			return strcmp(tpg_json_get_text(e->attributes, "markerName"), "core_local_activity") != 0;
		default:
			return false;
	}
}

static void
run_truncate(TpgRun *run, int nevents)
{
	/* what goes back into the mailbox counts when it is taken up again */
	for (int i = nevents; i < run->nevents; i++)
	{
		if (run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED)
			run->exec->signal_count--;
		else if (run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
			run->exec->cancel_requested = false;
	}
	run->nevents = nevents;
	run->exec->next_event_id = nevents + 1;
}

void
tpg_run_drop_commands(TpgRun *run)
{
	run_truncate(run, run->group_delivered);
}

void
tpg_run_drop_group(TpgRun *run)
{
	run_truncate(run, run->group_start);
	run->group_delivered = run->group_start;
	run->nmessages = run->group_message;
	if (run->task_id != 0)
		run->exec->last_task_id--;
}

void
tpg_run_drop_new(TpgRun *run)
{
	run_truncate(run, run->nstored);
	run->exec->last_task_id = run->stored_task_id;
	run->exec->last_task_time = run->stored_task_time;
	run->group_start = run->group_delivered = run->nstored;
	run->nmessages = 0;
	run->nretries = 0;
}

void
tpg_run_mark(const TpgRun *run, TpgRunMark *mark)
{
	mark->nevents = run->nevents;
	mark->group_start = run->group_start;
	mark->group_delivered = run->group_delivered;
	mark->group_own_end = run->group_own_end;
	mark->group_message = run->group_message;
	mark->nmessages = run->nmessages;
	mark->nretries = run->nretries;
	mark->task_id = run->task_id;
	mark->last_task_id = run->exec->last_task_id;
	mark->task_time = run->task_time;
	mark->last_task_time = run->exec->last_task_time;
	mark->group_from_mail = run->group_from_mail;
	mark->eager_outcome = run->eager_outcome;
	mark->eager_scheduled_event_id = run->eager_scheduled_event_id;
}

void
tpg_run_return_to(TpgRun *run, const TpgRunMark *mark)
{
	run_truncate(run, mark->nevents);
	run->group_start = mark->group_start;
	run->group_delivered = mark->group_delivered;
	run->group_own_end = mark->group_own_end;
	run->group_message = mark->group_message;
	run->nmessages = mark->nmessages;
	run->nretries = mark->nretries;
	run->task_id = mark->task_id;
	run->exec->last_task_id = mark->last_task_id;
	run->task_time = mark->task_time;
	run->exec->last_task_time = mark->last_task_time;
	run->group_from_mail = mark->group_from_mail;
	run->eager_outcome = mark->eager_outcome;
	run->eager_scheduled_event_id = mark->eager_scheduled_event_id;
}
