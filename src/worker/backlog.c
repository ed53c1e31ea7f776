/*-------------------------------------------------------------------------
 *
 * backlog.c
 *	  Gives out the work of configured task queues.
 *
 * What is due in such a queue stays in its table until it may start.  The
 * dispatcher reads the first rows of it (by priority, fairness key and age), and
 * puts as many hints into the rings as the queue's limits allow now, besides
 * those that wait there; executors, and the HTTP process for the requests among
 * them, then ask the limits themselves (tpg_limits_start), since time has passed.
 * Where a queue has no limit on how many run, it is given out for a little more than
 * all executors, and as many requests as the HTTP process begins at once: the
 * backlog stays here, where it is ordered.  Neither of the two holds up the other.
 *
 * Within a priority the fairness keys take turns by their weights (engine/backlogorder).
 *
 * Nothing is tried in a loop: this is called when a row may be new, when a task
 * has ended, or at the time of the next token.  The memory of passes and of rows
 * is the dispatcher's own, and may be lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "engine/backlogorder.h"
#include "engine/sweep.h"
#include "engine/task.h"
#include "ipc/http.h"
#include "ipc/lanes.h"
#include "ipc/limitsettings.h"
#include "ipc/pollers.h"
#include "ipc/queue.h"
#include "model/priority.h"
#include "model/turns.h"
#include "store/definition.h"
#include "store/task_queue.h"
#include "worker/backlog.h"

/* rows read at once */
#define BATCH_ROWS 1000
/* reading takes at most one part in so many of the time */
#define READ_SHARE 10
/* no room in the ring */
#define FULL_MS 20
/* requests that have been given out and have not begun */
#define MAX_HTTP 200

typedef struct Given
{
	TpgQueueRef queue;
	TpgWorkItem item;
	bool		http;
} Given;

typedef struct Backlog
{
	TpgLimitRef ref;
	TpgLimitKind kind;
	bool		stale;			/* there may be rows that have not been read */
	bool		complete;		/* those that were read last were all that there were */
	TimestampTz read_at;
	int64		read_us;		/* and how long that took */

	MemoryContext context;		/* of rows and lanes */
	TpgBacklogOrder order;
	Oid		   *owners;			/* of the rows' code */

	Given	   *given;			/* hints that may not have been taken up */
	int			ngiven;
	int			nhttp;			/* so many of them are requests */
	int			maxgiven;

	TpgTurns   *turns;
} Backlog;

typedef struct Queue
{
	int32		namespace_id;
	char	   *name;
	TpgLimitRef ref;
	bool		limits_activities;
	int			counted;		/* by the last recount: in the table, and in ipc/limits; -1: not yet */
	int			known;
	Backlog		backlogs[TPG_LIMIT_KINDS];
} Queue;

static MemoryContext queues_context = NULL;
static Queue *queues = NULL;
static int	nqueues = 0;

void
tpg_backlog_init(void)
{
	queues_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg task queues", ALLOCSET_DEFAULT_SIZES);
}

static void
backlog_init(Backlog *b, TpgLimitRef ref, TpgLimitKind kind)
{
	memset(b, 0, sizeof(*b));
	b->ref = ref;
	b->kind = kind;
	b->stale = true;
	b->context = AllocSetContextCreate(queues_context, "temporal_pg backlog", ALLOCSET_DEFAULT_SIZES);
	b->turns = tpg_turns_create(queues_context);
	b->maxgiven = 64;
	b->given = MemoryContextAlloc(queues_context, sizeof(Given) * b->maxgiven);
}

/* ---------------------------------------------------------------------
 * Settings
 * ---------------------------------------------------------------------
 */

/*
 * Starts anew with everything: settings change rarely.  What is in the rings by
 * then is asked for again when it starts.
 */
void
tpg_backlog_load(void)
{
	TpgTaskQueue *settings;
	MemoryContext old;
	int			n;

	tpg_limits_load_begin();
	n = tpg_task_queue_all(&settings);
	MemoryContextReset(queues_context);
	nqueues = 0;
	old = MemoryContextSwitchTo(queues_context);
	queues = palloc0(sizeof(Queue) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgLimitSettings s = {
			.namespace_id = settings[i].namespace_id,
			.task_queue = settings[i].name,
			.paused = settings[i].paused_at != 0,
			.max_concurrent = {
				[TPG_LIMIT_ACTIVITY] = settings[i].max_concurrent_activities,
				[TPG_LIMIT_WORKFLOW] = settings[i].max_concurrent_workflow_tasks
			},
			.per_second = {
				[TPG_LIMIT_ACTIVITY] = settings[i].activities_per_second,
				[TPG_LIMIT_WORKFLOW] = settings[i].workflow_tasks_per_second
			}
		};
		TpgLimitRef ref = tpg_limits_load_put(&s);
		Queue	   *q;

		if (ref.index < 0)
		{
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many configured task queues in this server"),
					 errdetail("Task queue \"%s\" has no limits: all %d places are taken.", settings[i].name, TPG_MAX_TASK_QUEUES),
					 errhint("Take away the settings of task queues that need none.")));
			continue;
		}
		q = &queues[nqueues++];
		q->namespace_id = settings[i].namespace_id;
		q->name = pstrdup(settings[i].name);
		q->ref = ref;
		q->limits_activities = settings[i].max_concurrent_activities >= 0;
		q->counted = q->known = -1;
		for (int kind = 0; kind < TPG_LIMIT_KINDS; kind++)
			backlog_init(&q->backlogs[kind], ref, kind);
	}
	tpg_limits_load_end();
	MemoryContextSwitchTo(old);
	tpg_backlog_recount();
	/* workers outside, who may start more now */
	tpg_poller_wake_database(MyDatabaseId, false);
}

/*
 * A commit is seen in the table before its process counts it, so a difference is
 * believed only when the next sweep finds it unchanged; at first there is nothing
 * else to believe.
 */
void
tpg_backlog_recount(void)
{
	for (int i = 0; i < nqueues; i++)
	{
		Queue	   *q = &queues[i];
		int			counted;
		int			known;

		if (!q->limits_activities)
			continue;
		counted = tpg_task_queue_open_attempts(q->namespace_id, q->name);
		known = tpg_limits_open(q->ref, TPG_LIMIT_ACTIVITY);
		if (counted != known && (known == 0 || (q->counted == counted && q->known == known)))
			tpg_limits_set_open(q->ref, TPG_LIMIT_ACTIVITY, counted);
		q->counted = counted;
		q->known = known;
	}
}

/* ---------------------------------------------------------------------
 * Reading rows
 * ---------------------------------------------------------------------
 */

static bool
has_rows(const Backlog *b)
{
	return tpg_backlog_order_left(&b->order);
}

/* Hints that have been taken up, or have gone, are given out no more. */
static void
forget_given(Backlog *b)
{
	int			kept = 0;

	b->nhttp = 0;
	for (int i = 0; i < b->ngiven; i++)
	{
		if (!tpg_queue_pending(b->given[i].queue, b->given[i].item))
			continue;
		b->nhttp += b->given[i].http;
		b->given[kept++] = b->given[i];
	}
	b->ngiven = kept;
}

/* May one more start? */
static bool
may_start(Backlog *b, TimestampTz now, TimestampTz *again)
{
	return tpg_limits_available(b->ref, b->kind, b->ngiven, now, again) > 0;
}

/* May one more be put into the ring? */
static bool
has_room(const Backlog *b, bool http)
{
	return http ? b->nhttp < MAX_HTTP : b->ngiven - b->nhttp < tpg_guc_max_executors * 2;
}

static TimestampTz
may_read_at(const Backlog *b)
{
	return b->read_at + b->read_us * READ_SHARE;
}

static bool
wants_rows(Backlog *b, TimestampTz now)
{
	TimestampTz again;

	if (tpg_limits_take_news(b->ref, b->kind))
		b->stale = true;
	if (!b->stale && (b->complete || has_rows(b)))
		return false;
	if (may_read_at(b) > now)
		return false;
	forget_given(b);
	return (has_room(b, false) || has_room(b, true)) && may_start(b, now, &again);
}

bool
tpg_backlog_wants_rows(TimestampTz now)
{
	for (int i = 0; i < nqueues; i++)
		for (int kind = 0; kind < TPG_LIMIT_KINDS; kind++)
			if (wants_rows(&queues[i].backlogs[kind], now))
				return true;
	return false;
}

static void
read_rows(Queue *q, Backlog *b)
{
	TimestampTz begun = GetCurrentTimestamp();	/* not earlier than the news of these rows */
	bool		activities = b->kind == TPG_LIMIT_ACTIVITY;
	MemoryContext old;
	TpgBacklogRow *rows;
	int			n;

	MemoryContextReset(b->context);
	b->order.nlanes = 0;
	old = MemoryContextSwitchTo(b->context);
	n = tpg_task_queue_backlog(q->namespace_id, q->name, activities, begun, BATCH_ROWS, &rows);
	b->complete = n < BATCH_ROWS;
	b->stale = false;
	tpg_backlog_order(&b->order, rows, n);
	b->owners = palloc(sizeof(Oid) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgBacklogRow *r = &rows[i];

		b->owners[i] = r->http ? TPG_HTTP_OWNER : activities ? tpg_task_activity_owner(q->namespace_id, r->execution_key, r->type) :
			tpg_definition_owner_of_run(q->namespace_id, r->type, r->version);
		if (!OidIsValid(b->owners[i]) && !r->http)
		{
			TpgDueRow	due = {.due = r->due, .execution_key = r->execution_key, .event_id = r->event_id,
			.namespace_id = q->namespace_id, .type = r->type, .version = r->version, .task_queue = q->name, .priority_key = r->priority_key};

			tpg_engine_unroutable(&due, activities);
		}
	}
	MemoryContextSwitchTo(old);
	b->read_at = GetCurrentTimestamp();
	b->read_us = b->read_at - begun;
}

void
tpg_backlog_read(TimestampTz now)
{
	for (int i = 0; i < nqueues; i++)
		for (int kind = 0; kind < TPG_LIMIT_KINDS; kind++)
			if (wants_rows(&queues[i].backlogs[kind], now))
				read_rows(&queues[i], &queues[i].backlogs[kind]);
}

/* ---------------------------------------------------------------------
 * Giving out
 * ---------------------------------------------------------------------
 */

static bool
lane_has_room(const void *backlog, bool http)
{
	return has_room(backlog, http);
}

static void
remember_given(Backlog *b, TpgQueueRef queue, TpgWorkItem item, bool http)
{
	if (b->ngiven == b->maxgiven)
	{
		b->maxgiven *= 2;
		b->given = repalloc(b->given, sizeof(Given) * b->maxgiven);
	}
	b->given[b->ngiven].queue = queue;
	b->given[b->ngiven].item = item;
	b->given[b->ngiven].http = http;
	b->nhttp += http;
	b->ngiven++;
}

/* the HTTP process has to be told */
static bool requests_given = false;

/* False: no room in the ring. */
static bool
give_out(Backlog *b, TpgBacklogLane *lane, TpgTurn *turn)
{
	TpgBacklogRow *r = &b->order.rows[lane->next];
	Oid			owner = b->owners[lane->next];
	TpgWorkItem item = {0};
	TpgQueueRef queue;

	if (!OidIsValid(owner) && !lane->http)
	{
		lane->next++;
		return true;
	}
	item.execution_key = r->execution_key;
	item.event_id = r->event_id;
	item.kind = b->kind == TPG_LIMIT_ACTIVITY ? TPG_WORK_ACTIVITY : TPG_WORK_RUN;
	item.priority = lane->priority;
	item.limit = b->ref.index + 1;
	queue = tpg_queue_ref(MyDatabaseId, owner);
	/* a run that is being worked on is looked at once more: this may be newer mail */
	switch (tpg_queue_offer(queue, item, (b->kind == TPG_LIMIT_ACTIVITY ? TPG_OFFER_ONCE : 0) | (lane->http ? TPG_OFFER_SELF : 0)))
	{
		case TPG_OFFER_TAKEN:
			remember_given(b, queue, item, lane->http);
			requests_given = requests_given || lane->http;
			tpg_turns_taken(b->turns, turn, lane->weight);
			break;
		case TPG_OFFER_KNOWN:
		case TPG_OFFER_IN_HAND:
			break;
		case TPG_OFFER_FULL:
		case TPG_OFFER_GONE:
			return false;
	}
	lane->next++;
	return true;
}

static TimestampTz
give_out_some(Backlog *b, TimestampTz now)
{
	TimestampTz again;
	TpgBacklogLane *lane;
	TpgTurn    *turn = NULL;

	if (tpg_limits_take_news(b->ref, b->kind))
		b->stale = true;
	if (!b->stale && b->complete && !has_rows(b))
		return DT_NOEND;
	forget_given(b);
	(void) tpg_turns_forget(b->turns);
	while (may_start(b, now, &again))
	{
		lane = tpg_backlog_order_next(&b->order, b->turns, lane_has_room, b, &turn);
		/* those who take up what was given out tell; but there may be some for the other of the two */
		if (lane == NULL && has_rows(b))
			return b->stale && (has_room(b, false) || has_room(b, true)) ? Max(may_read_at(b), now) : DT_NOEND;
		if (lane == NULL)
			return b->complete && !b->stale ? DT_NOEND : Max(may_read_at(b), now);
		if (!give_out(b, lane, turn))
			return TimestampTzPlusMilliseconds(now, FULL_MS);
	}
	return again;
}

TimestampTz
tpg_backlog_turn(TimestampTz now)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < nqueues; i++)
		for (int kind = 0; kind < TPG_LIMIT_KINDS; kind++)
			next = Min(next, give_out_some(&queues[i].backlogs[kind], now));
	if (requests_given)
		tpg_http_tell();
	requests_given = false;
	return next;
}
