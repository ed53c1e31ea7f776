/*-------------------------------------------------------------------------
 * runtime/unmoved.c - workflow tasks that need not run the code.
 *
 * Code that waits for all of a thousand activities would be replayed a thousand times to
 * wait again.  So the process that ran it remembers, beside the cached history, for which
 * activities each fiber waits.  As long as only such activities complete, and each
 * fiber still waits for another one, no code can run: the task is its mail.
 *
 * Nothing of that is in history: a replay goes through every activation, and finds as
 * little to do in these.  What other processes have added to it meanwhile is looked at in the
 * same way: a signal, a timer, an update make void what is remembered.  So does a change of
 * any function: the code is run at the next mail, as if this were not here.
 *
 * Memory: a context below the run's.  Callers hold the run lock.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/json.h"
#include "runtime/await.h"
#include "runtime/unmoved.h"

typedef struct WaitingFiber
{
	int32	   *activities;		/* ActivityTaskScheduled, ascending */
	int			nactivities;
	int			npending;		/* of them */
	bool	   *completed;
} WaitingFiber;

struct TpgBlocked
{
	MemoryContext context;
	Oid			function;
	uint64		functions;		/* functions_version before it was run */
	int			nevents;		/* of the history of which this is true */
	WaitingFiber *fibers;
	int			nfibers;
};

/* Counts the changes of functions that this process has heard of; and as it was before the code was run last. */
static uint64 functions_version = 0;
static uint64 functions_of_pass = 0;

static void
functions_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	functions_version++;
}

static void
forget(TpgRun *run)
{
	if (run->blocked != NULL)
		MemoryContextDelete(run->blocked->context);
	run->blocked = NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	int32		ia = *(const int32 *) a;
	int32		ib = *(const int32 *) b;

	return ia < ib ? -1 : ia > ib;
}

/* False: it may go on by something else, or with the next completion. */
static bool
note_fiber(const TpgFiber *f, WaitingFiber *w)
{
	if (f->nwaits_for < 2)
		return false;
	w->activities = palloc(sizeof(int32) * f->nwaits_for);
	w->nactivities = w->npending = tpg_wait_activities(f, w->activities);
	qsort(w->activities, w->nactivities, sizeof(int32), compare_ids);
	/* a future may be in the array twice */
	for (int i = 1; i < w->nactivities; i++)
		if (w->activities[i] == w->activities[i - 1])
			return false;
	w->completed = palloc0(sizeof(bool) * Max(w->nactivities, 1));
	return w->npending > 1;
}

void
tpg_unmoved_note(TpgRun *run, const TpgActivation *act)
{
	MemoryContext context;
	MemoryContext old;
	struct TpgBlocked *b;
	bool		known = true;

	forget(run);
	/* closed by a limit of its history */
	if (run->exec->close_time != 0 || act->failed != NULL || act->continued != NULL)
		return;

	context = AllocSetContextCreate(run->context, "temporal_pg waiting fibers", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	b = palloc0(sizeof(struct TpgBlocked));
	b->context = context;
	b->function = act->def->function;
	b->functions = functions_of_pass;
	b->nevents = run->nevents;
	b->fibers = palloc0(sizeof(WaitingFiber) * Max(act->nfibers, 1));
	for (int i = 0; i < act->nfibers && known; i++)
		if (!act->fibers[i]->finished)
			known = !act->fibers[i]->queued && note_fiber(act->fibers[i], &b->fibers[b->nfibers++]);
	MemoryContextSwitchTo(old);
	if (known && b->nfibers > 0)
		run->blocked = b;
	else
		MemoryContextDelete(context);
}

/* Each fiber that waited for it waits for one less; false: one waits for nothing more. */
static bool
completed(struct TpgBlocked *b, int32 scheduled_event_id)
{
	for (int i = 0; i < b->nfibers; i++)
	{
		WaitingFiber *w = &b->fibers[i];
		int32	   *found = bsearch(&scheduled_event_id, w->activities, w->nactivities, sizeof(int32), compare_ids);

		if (found == NULL || w->completed[found - w->activities])
			continue;
		w->completed[found - w->activities] = true;
		if (--w->npending == 0)
			return false;
	}
	return true;
}

/* What has come since is nothing but completions of activities, none of which lets a fiber go on. */
static bool
only_completions(TpgRun *run)
{
	int			ncompleted = 0;

	for (int i = run->blocked->nevents; i < run->nevents; i++)
	{
		const TpgEvent *e = &run->events[i];

		if (e->type == TPG_EVENT_ACTIVITY_TASK_STARTED)
			continue;
		if (e->type != TPG_EVENT_ACTIVITY_TASK_COMPLETED)
			return false;
		if (!completed(run->blocked, (int32) tpg_json_get_int(e->attributes, "scheduledEventId", 0)))
			return false;
		if (i >= run->group_start)
			ncompleted++;
	}
	/* other mail, that leaves no event, says: look */
	return ncompleted > 0 && ncompleted == run->nmessages - run->group_message;
}

bool
tpg_unmoved(TpgRun *run, const TpgDefinition *def)
{
	static bool registered = false;
	struct TpgBlocked *b = run->blocked;

	if (!registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
		registered = true;
	}
	/* a change that comes while the code runs may not have been what ran */
	functions_of_pass = functions_version;
	if (b == NULL)
		return false;
	if (b->nevents <= run->nstored && run->group_start == run->nstored && run->group_from_mail &&
		run->exec->wft_attempt <= 1 && b->function == def->function && b->functions == functions_version &&
		only_completions(run))
	{
		b->nevents = run->nevents;
		return true;
	}
	forget(run);
	return false;
}
