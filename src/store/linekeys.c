/*-------------------------------------------------------------------------
 * store/linekeys.c - which fairness key of a line is next.
 *
 * Of the tasks of one priority, fairness keys take turns by their weights (model/turns),
 * as the dispatcher has it for executors (worker/backlog).  Each session that polls
 * chooses for itself, by what it remembers: each of them is fair, and so is their sum, with
 * nothing that they have to share.  So that not all of them begin with the same key, the first
 * is chosen by a lottery by weights, which makes fair also sessions that poll only once; and the
 * others begin at a random time within their first turn.
 *
 * Which keys there are is read from the index by leaps, one look-up a key; that takes at most
 * one part in LOOK_SHARE of the time.  In between, a key that has come into being, or that
 * has a new weight, is not known here.
 *
 * The memory is the process's own, and may be lost.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "lib/binaryheap.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "store/linekeys.h"
#include "store/plan.h"

/* looking takes at most one part in so many of the time; but once a second it may take one in MIN_LOOK_SHARE */
#define LOOK_SHARE 20
#define MIN_LOOK_SHARE 4
/* task queues that a process remembers; behind a pooler its clients may poll several */
#define MAX_LINES 8

struct TpgLine
{
	MemoryContext context;		/* NULL: free */
	int32		namespace_id;
	char	   *task_queue;
	TimestampTz used_at;
	TimestampTz looked_at;
	int64		look_us;
	LocalTransactionId own_lxid;	/* of a test environment: that of its transaction; else invalid */
	TpgTurns   *turns;
	MemoryContext keys_context;
	TpgLineKey *keys;			/* in order of priority and key */
	int			nkeys;
};

static TpgLine lines[MAX_LINES];

#define OF_LINE "FROM temporal_internal.activity_task a WHERE a.namespace_id = $1 AND a.task_queue = $2 AND a.pass IS NOT NULL AND NOT a.paused "
static TpgPlan keys_plan = TPG_PLAN(
	"WITH RECURSIVE k AS ("
	"(SELECT a.priority_key, a.fairness_key, a.fairness_weight " OF_LINE "ORDER BY a.priority_key, a.fairness_key, a.pass, a.due_at LIMIT 1) "
	"UNION ALL SELECT n.priority_key, n.fairness_key, n.fairness_weight FROM k CROSS JOIN LATERAL ("
	"SELECT a.priority_key, a.fairness_key, a.fairness_weight " OF_LINE "AND (a.priority_key, a.fairness_key) > (k.priority_key, k.fairness_key) "
	"ORDER BY a.priority_key, a.fairness_key, a.pass, a.due_at LIMIT 1) n) "
	"SELECT k.priority_key, k.fairness_key, coalesce(((SELECT s.fairness_weights FROM temporal_internal.task_queue_settings s "
	"WHERE s.namespace_id = $1 AND s.name = $2) ->> k.fairness_key)::float8, k.fairness_weight, 1) FROM k", 2, {INT4OID, TEXTOID}
);

static TpgPlan own_keys_plan = TPG_PLAN(
	"SELECT a.priority_key, a.fairness_key, coalesce((s.fairness_weights ->> a.fairness_key)::float8, "
	"(array_agg(a.fairness_weight ORDER BY a.pass, a.due_at, a.execution_key, a.scheduled_event_id))[1], 1) "
	"FROM temporal_internal.activity_task a "
	"LEFT JOIN temporal_internal.task_queue_settings s ON s.namespace_id = $1 AND s.name = $2 "
	"WHERE a.namespace_id = $1 AND a.task_queue = $2 AND a.execution_key = ANY ($3) AND a.mode = 3 AND NOT a.paused AND a.due_at <= $4 "
	"GROUP BY a.priority_key, a.fairness_key, s.fairness_weights ORDER BY 1, 2", 4, {INT4OID, TEXTOID, INT8ARRAYOID, TIMESTAMPTZOID}
);

static TpgLine *
line_of(int32 namespace_id, const char *task_queue, LocalTransactionId own_lxid)
{
	TpgLine    *line = &lines[0];
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext context;

	for (int i = 0; i < MAX_LINES; i++)
	{
		TpgLine    *l = &lines[i];

		if (l->context != NULL && l->namespace_id == namespace_id && l->own_lxid == own_lxid && strcmp(l->task_queue, task_queue) == 0)
		{
			l->used_at = now;
			return l;
		}
		/* else a free one, or the one that has been without use for longest */
		if (line->context != NULL && (l->context == NULL || l->used_at < line->used_at))
			line = l;
	}
	if (line->context != NULL)
		MemoryContextDelete(line->context);
	memset(line, 0, sizeof(*line));
	context = AllocSetContextCreate(TopMemoryContext, "temporal_pg line", ALLOCSET_SMALL_SIZES);
	line->namespace_id = namespace_id;
	line->task_queue = MemoryContextStrdup(context, task_queue);
	line->used_at = now;
	line->own_lxid = own_lxid;
	line->turns = tpg_turns_create(context);
	/* last: an error before this leaves it free */
	line->context = context;
	return line;
}

TpgLine *
tpg_line_of(int32 namespace_id, const char *task_queue)
{
	return line_of(namespace_id, task_queue, InvalidLocalTransactionId);
}

TpgLine *
tpg_line_of_test(int32 namespace_id, const char *task_queue)
{
	return line_of(namespace_id, task_queue, tpg_my_lxid());
}

static int
compare_ids(const TpgLineKey *a, const TpgLineKey *b)
{
	return a->priority != b->priority ? (a->priority < b->priority ? -1 : 1) : strcmp(a->key, b->key);
}

static void
key_from_row(uint64 r, TpgLine *line, TpgLineKey *k)
{
	bool		isnull;

	memset(k, 0, sizeof(*k));
	k->line = line;
	k->priority = tpg_row_int16(r, 1);
	strlcpy(k->key, TextDatumGetCString(tpg_row_datum(r, 2, &isnull)), sizeof(k->key));
	k->weight = DatumGetFloat8(tpg_row_datum(r, 3, &isnull));
	k->weight = Min(Max(k->weight, TPG_FAIRNESS_WEIGHT_MIN), TPG_FAIRNESS_WEIGHT_MAX);
}

/*
 * Those of one priority that are new here.  Where there was none before, one of them is the first, by
 * lottery; the others have their first turn at any time within one turn of theirs.  A test leaves nothing to chance.
 */
static void
join_turns(TpgLine *line, TpgLineKey *keys, int nkeys)
{
	double		total = 0;
	int			first = -1;

	for (int i = 0; i < nkeys; i++)
	{
		total += keys[i].weight;
		if (pg_prng_double(&pg_global_prng_state) * total < keys[i].weight)
			first = i;
	}
	for (int i = 0; i < nkeys; i++)
		if (keys[i].turn != NULL)
			first = -1;
	for (int i = 0; i < nkeys; i++)
		if (keys[i].turn == NULL)
			keys[i].turn = tpg_turns_of(line->turns, keys[i].priority, keys[i].key,
										i == first || line->own_lxid != InvalidLocalTransactionId ? 0 : pg_prng_double(&pg_global_prng_state) / keys[i].weight);
}

/* Of the keys that a plan has given. */
static void
take_keys(TpgLine *line)
{
	MemoryContext context;
	TpgLineKey *old = line->keys;
	TpgLineKey *keys;
	int			nold = line->nkeys;
	int			nkeys;
	int			to;
	int			o = 0;

	nkeys = (int) SPI_processed;
	/* an error behind this leaves none, and not those whose turns are forgotten */
	line->nkeys = 0;
	if (tpg_turns_forget(line->turns))
		nold = 0;
	context = AllocSetContextCreate(line->context, "temporal_pg keys of a line", ALLOCSET_SMALL_SIZES);
	keys = MemoryContextAllocHuge(context, sizeof(TpgLineKey) * Max(nkeys, 1));
	for (int i = 0; i < nkeys; i++)
	{
		TpgLineKey *k = &keys[i];

		key_from_row(i, line, k);
		while (o < nold && compare_ids(&old[o], k) < 0)
			o++;
		if (o < nold && compare_ids(&old[o], k) == 0)
		{
			k->front_at = old[o].front_at;
			k->front_pass = old[o].front_pass;
			k->front_due = old[o].front_due;
			k->turn = old[o].turn;
			tpg_turns_stay(line->turns, k->turn, k->weight);
		}
	}
	for (int i = 0; i < nkeys; i = to)
	{
		for (to = i; to < nkeys && keys[to].priority == keys[i].priority; to++)
			;
		join_turns(line, keys + i, to - i);
	}
	if (line->keys_context != NULL)
		MemoryContextDelete(line->keys_context);
	line->keys_context = context;
	line->keys = keys;
	line->nkeys = nkeys;
}

bool
tpg_line_look(TpgLine *line, bool force)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		pause = Max(Min(line->look_us * LOOK_SHARE, USECS_PER_SEC), line->look_us * MIN_LOOK_SHARE);
	Datum		values[2];

	if (!force && line->looked_at != 0 && now >= line->looked_at && now - line->looked_at < pause)
		return false;
	values[0] = Int32GetDatum(line->namespace_id);
	values[1] = CStringGetTextDatum(line->task_queue);
	tpg_plan_execute(&keys_plan, values, NULL, false, 0);
	take_keys(line);
	line->looked_at = now;
	line->look_us = GetCurrentTimestamp() - now;
	return true;
}

void
tpg_line_look_at_runs(TpgLine *line, Datum execution_keys, TimestampTz now)
{
	Datum		values[4] = {Int32GetDatum(line->namespace_id), CStringGetTextDatum(line->task_queue), execution_keys, TimestampTzGetDatum(now)};

	tpg_plan_execute(&own_keys_plan, values, NULL, false, 0);
	take_keys(line);
}

void
tpg_line_choice_begin(TpgLine *line)
{
	for (int i = 0; i < line->nkeys; i++)
		line->keys[i].taken = line->keys[i].wanted = 0;
}

/* Where its next task has its turn. */
static double
next_turn(const TpgLineKey *k)
{
	return k->turn->pass + (k->taken + k->wanted) / k->weight;
}

/* The first of a heap is the greatest. */
static int
compare_turns(Datum a, Datum b, void *arg)
{
	double		ta = next_turn((TpgLineKey *) DatumGetPointer(a));
	double		tb = next_turn((TpgLineKey *) DatumGetPointer(b));

	/* of equals the one that stands first */
	return ta < tb ? 1 : ta > tb ? -1 : DatumGetPointer(a) < DatumGetPointer(b) ? 1 : -1;
}

int
tpg_line_choose(TpgLine *line, int limit, TpgLineKey **first)
{
	binaryheap *heap;
	int			from = 0;
	int			to;
	int			live = 0;

	while (from < line->nkeys && line->keys[from].gone)
		from++;
	for (to = from; to < line->nkeys && line->keys[to].priority == line->keys[from].priority; to++)
		if (!line->keys[to].gone)
			live++;
	*first = &line->keys[from];
	if (live == 0)
		return 0;
	for (int i = from; i < to; i++)
		line->keys[i].wanted = 0;
	if (live == 1)
	{
		line->keys[from].wanted = limit;
		return to - from;
	}
	heap = binaryheap_allocate(live, compare_turns, NULL);
	for (int i = from; i < to; i++)
		if (!line->keys[i].gone)
			binaryheap_add_unordered(heap, PointerGetDatum(&line->keys[i]));
	binaryheap_build(heap);
	for (int i = 0; i < limit; i++)
	{
		Datum		next = binaryheap_first(heap);

		((TpgLineKey *) DatumGetPointer(next))->wanted++;
		binaryheap_replace_first(heap, next);
	}
	binaryheap_free(heap);
	return to - from;
}

void
tpg_line_taken(TpgLineKey *k)
{
	tpg_turns_taken(k->line->turns, k->turn, k->weight);
}
