/*-------------------------------------------------------------------------
 * runtime/testorder.c - which task of its runs a test environment does next.
 *
 * What the dispatcher does for executors, with the same code (engine/backlogorder): in each queue by
 * priority, in one with settings then by turns of the fairness keys, then by age.  Of several queues, which
 * executors would serve at once, the one goes first that has the lower priority number, then the older task.
 *
 * State of one transaction, in TopTransactionContext: who had how many turns, and what was read last.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "engine/backlogorder.h"
#include "engine/testenv.h"
#include "runtime/mock.h"
#include "runtime/testorder.h"
#include "store/runsbacklog.h"

/* Those of one kind in one queue. */
typedef struct Queue
{
	struct Queue *next;
	int32		namespace_id;
	char	   *name;
	bool		activities;
	TpgTurns   *turns;
	TpgBacklogOrder order;		/* of what was read last */
	bool		by_turns;
} Queue;

static Queue *queues = NULL;
static MemoryContext rows_context = NULL;

/* One run, without turns. */
static Queue one_run;
static MemoryContext run_context = NULL;

/* the one that is being done */
static TpgBacklogLane *lane = NULL;
static TpgTurn *turn = NULL;
static Queue *queue = NULL;

void
tpg_test_order_begin(void)
{
	queues = NULL;
	lane = NULL;
	rows_context = AllocSetContextCreate(TopTransactionContext, "temporal_pg test backlog", ALLOCSET_DEFAULT_SIZES);
	run_context = AllocSetContextCreate(TopTransactionContext, "temporal_pg test backlog of a run", ALLOCSET_DEFAULT_SIZES);
	memset(&one_run, 0, sizeof(one_run));
	one_run.turns = tpg_turns_create(TopTransactionContext);
}

static Queue *
queue_of(const TpgRunsBacklogRow *r, bool activities)
{
	MemoryContext old;
	Queue	   *q;

	for (q = queues; q != NULL; q = q->next)
		if (q->activities == activities && q->namespace_id == r->namespace_id && strcmp(q->name, r->task_queue) == 0)
			return q;
	old = MemoryContextSwitchTo(TopTransactionContext);
	q = palloc0(sizeof(Queue));
	q->namespace_id = r->namespace_id;
	q->name = pstrdup(r->task_queue);
	q->activities = activities;
	q->turns = tpg_turns_create(TopTransactionContext);
	q->next = queues;
	queues = q;
	MemoryContextSwitchTo(old);
	return q;
}

/* Reads into q, or into the queues; how many. */
static int
read_rows(const int64 *keys, int nruns, bool activities, int priority, Queue *of_run)
{
	TpgRunsBacklogRow *rows;
	TpgBacklogRow *chosen;
	int			n = tpg_runs_backlog(keys, nruns, activities, tpg_clock_now(), &rows);
	int			m = 0;
	int			to;

	chosen = palloc(sizeof(TpgBacklogRow) * Max(n, 1));
	for (int i = 0; i < n; i = to)
	{
		Queue	   *q = of_run ? of_run : queue_of(&rows[i], activities);
		int			first = m;

		for (to = i; to < n && rows[to].namespace_id == rows[i].namespace_id && strcmp(rows[to].task_queue, rows[i].task_queue) == 0; to++)
		{
			/* an external one waits for a poll, unless a mock stands in for the worker */
			if (rows[to].external && !tpg_mock_is_set(rows[to].row.type))
				continue;
			if (of_run == NULL || (!rows[to].has_settings && rows[to].row.priority_key <= priority))
				chosen[m++] = rows[to].row;
		}
		if (of_run != NULL)
			continue;
		q->by_turns = rows[i].has_settings;
		(void) tpg_turns_forget(q->turns);
		tpg_backlog_order(&q->order, chosen + first, m - first);
	}
	if (of_run != NULL)
		tpg_backlog_order(&of_run->order, chosen, m);
	return m;
}

int
tpg_test_order_read(void)
{
	MemoryContext old;
	int64	   *keys;
	int			nruns;
	int			n;

	lane = NULL;
	for (Queue *q = queues; q != NULL; q = q->next)
		q->order.nlanes = 0;
	MemoryContextReset(rows_context);
	old = MemoryContextSwitchTo(rows_context);
	keys = tpg_testenv_runs(&nruns);
	n = read_rows(keys, nruns, false, 0, NULL);
	n += read_rows(keys, nruns, true, 0, NULL);
	MemoryContextSwitchTo(old);
	return n;
}

/* Lower priority number, then workflow tasks, then the older one. */
static bool
goes_before(const TpgBacklogLane *la, const Queue *qa, const TpgBacklogLane *lb, const Queue *qb)
{
	const TpgBacklogRow *a = &qa->order.rows[la->next];
	const TpgBacklogRow *b = &qb->order.rows[lb->next];

	if (la->priority != lb->priority)
		return la->priority < lb->priority;
	if (qa->activities != qb->activities)
		return qb->activities;
	if (a->due != b->due)
		return a->due < b->due;
	return a->execution_key < b->execution_key;
}

TpgBacklogRow *
tpg_test_order_next(bool *by_turns)
{
	lane = NULL;
	for (Queue *q = queues; q != NULL; q = q->next)
	{
		TpgTurn    *t;
		TpgBacklogLane *l = tpg_backlog_order_next(&q->order, q->turns, NULL, NULL, &t);

		if (l != NULL && (lane == NULL || goes_before(l, q, lane, queue)))
		{
			lane = l;
			turn = t;
			queue = q;
		}
	}
	if (lane == NULL)
		return NULL;
	*by_turns = queue->by_turns;
	return &queue->order.rows[lane->next++];
}

void
tpg_test_order_taken(void)
{
	tpg_turns_taken(queue->turns, turn, lane->weight);
}

int
tpg_test_order_read_run(int64 execution_key, bool activities, int priority)
{
	MemoryContext old;
	int			n;

	MemoryContextReset(run_context);
	old = MemoryContextSwitchTo(run_context);
	n = read_rows(&execution_key, 1, activities, priority, &one_run);
	MemoryContextSwitchTo(old);
	return n;
}

TpgBacklogRow *
tpg_test_order_next_of_run(void)
{
	TpgTurn    *t;
	TpgBacklogLane *l = tpg_backlog_order_next(&one_run.order, one_run.turns, NULL, NULL, &t);

	return l ? &one_run.order.rows[l->next++] : NULL;
}
