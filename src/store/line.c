/*-------------------------------------------------------------------------
 * store/line.c - the line in which external activities wait for a worker.
 *
 * Workers get tasks by priority, then by turns of the fairness keys and their weights
 * (store/linekeys), then fairly between the runs of a key, then by age.  Fair: a run
 * that has queued a thousand tasks does not keep another one's ten waiting behind
 * them.  What makes this one walk along an index for each key whose turn it is, whatever is
 * queued, is that a task is given its place among those of its key when it gets in line, as in
 * start-time fair queueing:
 *
 *	  pass = max(pass of the first task in line, 1 + pass of the run's last one)
 *
 * So the tasks of one run have passes one behind the other, and those of a run that
 * comes later begin at the front, between them.  The index (namespace, task queue,
 * priority, fairness key, pass, due_at) is the order in which tasks of a key are given out; of
 * equal passes the oldest comes first.  A place costs two look-ups by index, a poll one walk over
 * as many entries as it takes, and those that others have locked.
 *
 * Entries of tasks that were given out lie dead at the front of a key until vacuum comes,
 * and while somebody holds an old snapshot that can be long.  So a process remembers how
 * far the front had come, and looks from there on; once a second, and where there is nothing,
 * it looks at all of it, and finds what has got in line further in front: a task whose
 * poll was rolled back, or that was committed late.
 *
 * In line are only tasks that are due: one whose next attempt comes later has no pass,
 * so that a thousand that wait for a retry are not in the way, and gets one when
 * that time has come (tpg_line_join_due).
 *
 * Lock order: here the execution first (FOR KEY SHARE, so that the run cannot close before
 * the transaction has ended), then the task, because of two that could not be had both
 * neither may stay locked: whoever closes a run leaves out tasks that are locked,
 * and trusts that their holder sees to them.  Nothing is waited for, so no deadlock.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "store/line.h"
#include "store/plan.h"

#define CLAIM_COLUMNS \
	"SELECT " TPG_ACTIVITY_COLUMNS ", " TPG_ACTIVITY_ATTRIBUTES ", e.workflow_id, e.run_id, e.workflow_type, e.activity_cancels, b.details, " \
	"h.user_metadata ->> 'summary', a.pass " \
	"FROM temporal_internal.activity_task a " \
	"JOIN temporal_internal.execution e ON e.key = a.execution_key AND e.status IN (1, 8) " \
	"CROSS JOIN LATERAL (SELECT l.attributes, l.user_metadata FROM temporal_internal.history l " \
	"WHERE l.execution_key = a.execution_key AND l.event_id = a.scheduled_event_id OFFSET 0) h " \
	"LEFT JOIN LATERAL (SELECT d.details FROM temporal_internal.activity_heartbeat d " \
	"WHERE d.execution_key = a.execution_key AND d.scheduled_event_id = a.scheduled_event_id OFFSET 0) b ON a.attempt > 1 "
/* in this order */
#define CLAIM_LOCKS " FOR KEY SHARE OF e SKIP LOCKED FOR UPDATE OF a SKIP LOCKED"

#define CLAIM_OF_KEY(condition) \
	CLAIM_COLUMNS "WHERE a.namespace_id = $1 AND a.task_queue = $2 AND a.priority_key = $4 AND a.fairness_key = $5 AND a.pass IS NOT NULL " \
	"AND NOT a.paused " condition "ORDER BY a.pass, a.due_at LIMIT $3" CLAIM_LOCKS
static TpgPlan claim_plan = TPG_PLAN(CLAIM_OF_KEY(""), 5, {INT4OID, TEXTOID, INT4OID, INT2OID, TEXTOID});
static TpgPlan claim_from_plan = TPG_PLAN(
	CLAIM_OF_KEY("AND (a.pass, a.due_at) >= ($6, $7) "), 7, {INT4OID, TEXTOID, INT4OID, INT2OID, TEXTOID, INT8OID, TIMESTAMPTZOID}
);
static TpgPlan claim_runs_plan = TPG_PLAN(
	CLAIM_COLUMNS "WHERE a.execution_key = ANY ($6) AND a.namespace_id = $1 AND a.task_queue = $2 AND a.priority_key = $4 AND a.fairness_key = $5 "
	"AND a.mode = 3 AND NOT a.paused AND a.due_at <= $7 AND a.started_at IS NULL "
	"ORDER BY a.pass, a.due_at, a.execution_key, a.scheduled_event_id LIMIT $3 OFFSET $8" CLAIM_LOCKS,
	8, {INT4OID, TEXTOID, INT4OID, INT2OID, TEXTOID, INT8ARRAYOID, TIMESTAMPTZOID, INT4OID}
);
static TpgPlan open_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task a SET started_at = $4, due_at = 'infinity', timeout_at = nullif(u.timeout_at, 'infinity'), "
	"worker_identity = $5, pass = NULL "
	"FROM unnest($1, $2, $3) AS u(execution_key, scheduled_event_id, timeout_at) "
	"WHERE a.execution_key = u.execution_key AND a.scheduled_event_id = u.scheduled_event_id",
	5, {INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, TEXTOID}
);
#define FRONT(d) \
	"(SELECT f.pass FROM temporal_internal.activity_task f WHERE f.namespace_id = " d ".namespace_id AND f.task_queue = " d ".task_queue " \
	"AND f.priority_key = " d ".priority_key AND f.fairness_key = " d ".fairness_key AND f.pass IS NOT NULL AND NOT f.paused ORDER BY f.pass LIMIT 1)"
static TpgPlan front_plan = TPG_PLAN(
	"SELECT f.pass FROM temporal_internal.activity_task f WHERE f.namespace_id = $1 AND f.task_queue = $2 AND f.priority_key = $3 "
	"AND f.fairness_key = $4 AND f.pass IS NOT NULL AND NOT f.paused AND f.pass >= $5 ORDER BY f.pass LIMIT 1",
	5, {INT4OID, TEXTOID, INT2OID, TEXTOID, INT8OID}
);
static TpgPlan last_plan = TPG_PLAN(
	"SELECT o.pass FROM temporal_internal.activity_task o WHERE o.execution_key = $5 AND o.pass IS NOT NULL AND o.task_queue = $2 "
	"AND o.priority_key = $3 AND o.fairness_key = $4 AND o.namespace_id = $1 ORDER BY o.scheduled_event_id DESC LIMIT 1",
	5, {INT4OID, TEXTOID, INT2OID, TEXTOID, INT8OID}
);
static TpgPlan all_last_plan = TPG_PLAN(
	"SELECT o.task_queue, o.priority_key, o.fairness_key, max(o.pass) FROM temporal_internal.activity_task o "
	"WHERE o.execution_key = $1 AND o.pass IS NOT NULL GROUP BY 1, 2, 3", 1, {INT8OID}
);
static TpgPlan join_plan = TPG_PLAN(
	"WITH due AS MATERIALIZED (SELECT execution_key, scheduled_event_id, namespace_id, task_queue, priority_key, fairness_key, due_at "
	"FROM temporal_internal.activity_task WHERE mode = 3 AND pass IS NULL AND NOT paused AND due_at < 'infinity' AND due_at <= $1 "
	"ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED), "
	"place AS MATERIALIZED (SELECT d.execution_key, d.scheduled_event_id, greatest(" FRONT("d") ", "
	"(SELECT max(o.pass) + 1 FROM temporal_internal.activity_task o WHERE o.execution_key = d.execution_key AND o.pass IS NOT NULL "
	"AND o.task_queue = d.task_queue AND o.priority_key = d.priority_key AND o.fairness_key = d.fairness_key), 0) - 1 + row_number() OVER ("
	"PARTITION BY d.execution_key, d.task_queue, d.priority_key, d.fairness_key ORDER BY d.due_at, d.scheduled_event_id) AS pass FROM due d), "
	"joined AS (UPDATE temporal_internal.activity_task a SET pass = p.pass FROM place p "
	"WHERE a.execution_key = p.execution_key AND a.scheduled_event_id = p.scheduled_event_id RETURNING a.namespace_id, a.task_queue) "
	"SELECT namespace_id, task_queue, count(*)::integer FROM joined GROUP BY 1, 2", 2, {TIMESTAMPTZOID, INT4OID}
);

/* How long it is known how far the front of a key had come. */
#define FRONT_VALID_US INT64CONST(1000000)

/*
 * What a process remembers of the places that it gave: a run often queues many tasks in one transaction, of
 * several keys.  When there are more than that, all are forgotten.
 */
#define MAX_PLACES 10000

typedef struct Place
{
	uint64		hash;			/* of namespace, queue, priority and key: a collision costs a bit of fairness */

	/* of the run */
	LocalTransactionId lxid;
	int64		execution_key;
	int64		last;			/* pass of its last one; -1: it has none in line */
	bool		given;			/* by this transaction, and so not before the front */

	/* of all */
	TimestampTz front_at;		/* 0: not known */
	int64		front;
} Place;

static HTAB *places = NULL;

/*
 * The run that is queueing.  Where its last one of a key stands is found by walking back over its tasks; when
 * a transaction asks for a second key, that is read for all its keys at once.
 */
static struct
{
	LocalTransactionId lxid;
	int64		execution_key;
	bool		all;			/* the places know */
} queueing = {InvalidLocalTransactionId, 0, false};

static bool
is_known(TimestampTz looked_at)
{
	TimestampTz now = GetCurrentTimestamp();

	return looked_at != 0 && now >= looked_at && now - looked_at < FRONT_VALID_US;
}

static void
make_places(void)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64), .entrysize = sizeof(Place), .hcxt = TopMemoryContext};

	if (places != NULL && hash_get_num_entries(places) < MAX_PLACES)
		return;
	if (places != NULL)
		hash_destroy(places);
	places = NULL;
	queueing.lxid = InvalidLocalTransactionId;
	places = hash_create("temporal_pg places in line", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What is known of the line that a task gets into. */
static Place *
place_of(int32 namespace_id, const char *task_queue, int priority_key, const char *fairness_key)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) task_queue, (int) strlen(task_queue), (uint64) namespace_id);
	Place	   *p;
	bool		found;

	hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) fairness_key, (int) strlen(fairness_key), (uint64) priority_key));
	p = hash_search(places, &hash, HASH_ENTER, &found);
	if (!found)
	{
		p->lxid = InvalidLocalTransactionId;
		p->front_at = 0;
	}
	return p;
}

/* Pass of the first task in line, in the bracket; 0: there is none. */
static int64
front_pass(Place *p, Datum *values)
{
	if (is_known(p->front_at))
	{
		values[4] = Int64GetDatum(p->front);
		tpg_plan_execute(&front_plan, values, NULL, false, 1);
		if (SPI_processed == 1)
			return p->front = tpg_row_int64(0, 1);
	}
	values[4] = Int64GetDatum(0);
	tpg_plan_execute(&front_plan, values, NULL, false, 1);
	if (SPI_processed == 0)
		return 0;
	p->front_at = GetCurrentTimestamp();
	return p->front = tpg_row_int64(0, 1);
}

static void
set_last(Place *p, int64 execution_key, int64 last)
{
	p->lxid = tpg_my_lxid();
	p->execution_key = execution_key;
	p->last = last;
	p->given = false;
}

static bool
has_last(const Place *p, int64 execution_key)
{
	return p->lxid == tpg_my_lxid() && p->execution_key == execution_key;
}

/* Of all keys of the run that have something in line, and are not known yet. */
static void
read_all_last(const TpgActivityTask *t)
{
	Datum		value = Int64GetDatum(t->execution_key);

	tpg_plan_execute(&all_last_plan, &value, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Place	   *p = place_of(t->namespace_id, TextDatumGetCString(tpg_row_datum(i, 1, &isnull)), tpg_row_int16(i, 2),
								 TextDatumGetCString(tpg_row_datum(i, 3, &isnull)));

		if (!has_last(p, t->execution_key))
			set_last(p, t->execution_key, tpg_row_int64(i, 4));
	}
	queueing.all = true;
}

/* Where the run's last one of this key stands, in the bracket. */
static void
find_last(Place *p, const TpgActivityTask *t, Datum *values)
{
	bool		second = queueing.lxid == tpg_my_lxid() && queueing.execution_key == t->execution_key;

	if (second && !queueing.all)
		read_all_last(t);
	if (has_last(p, t->execution_key))
		return;
	if (second)
	{
		set_last(p, t->execution_key, -1);
		return;
	}
	values[4] = Int64GetDatum(t->execution_key);
	tpg_plan_execute(&last_plan, values, NULL, false, 1);
	set_last(p, t->execution_key, SPI_processed == 1 ? tpg_row_int64(0, 1) : -1);
	queueing.all = false;
	queueing.execution_key = t->execution_key;
	queueing.lxid = tpg_my_lxid();
}

int64
tpg_line_pass(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	int			priority_key = tpg_priority_effective(&t->priority);
	const char *fairness_key = t->priority.fairness_key ? t->priority.fairness_key : "";
	Datum		values[5] = {Int32GetDatum(t->namespace_id), (Datum) 0, Int16GetDatum((int16) priority_key)};
	Place	   *p;
	int64		front;
	int			level;

	if (t->mode != TPG_MODE_EXTERNAL || t->due_at > tpg_clock_now())
		return -1;
	make_places();
	p = place_of(t->namespace_id, t->task_queue, priority_key, fairness_key);
	if (has_last(p, t->execution_key) && p->given)
		return ++p->last;

	tpg_store_begin(&scope);
	level = tpg_plan_by_index_begin();
	values[1] = CStringGetTextDatum(t->task_queue);
	values[3] = CStringGetTextDatum(fairness_key);
	front = front_pass(p, values);
	find_last(p, t, values);
	p->last = Max(front, p->last + 1);
	p->given = true;
	tpg_plan_by_index_end(level);
	tpg_store_end(&scope);
	return p->last;
}

/* In a test one that has been tried before has none. */
static int64
pass_or_none(uint64 r, int column)
{
	bool		isnull;
	Datum		pass = tpg_row_datum(r, column, &isnull);

	return isnull ? -1 : DatumGetInt64(pass);
}

/* Puts what a plan gives behind the first n; returns how many there are now. */
static int
claim(TpgPlan *plan, Datum *values, TpgLineTask *tasks, int n, MemoryContext context)
{
	tpg_plan_execute(plan, values, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		TpgLineTask *t = &tasks[n++];
		int			c = TPG_ACTIVITY_NCOLUMNS + 2;	/* behind attributes */
		bool		isnull;

		t->key = NULL;
		t->turn = 0;
		tpg_activity_from_row(i, &t->task, context);
		t->workflow_id = tpg_row_text(i, c, context);
		t->run_id = *DatumGetUUIDP(tpg_row_datum(i, c + 1, &isnull));
		t->workflow_type = tpg_row_text(i, c + 2, context);
		t->activity_cancels = tpg_row_int32(i, c + 3);
		t->heartbeat_details = (Jsonb *) tpg_row_varlena(i, c + 4, context);
		t->summary = tpg_row_text(i, c + 5, context);
		t->pass = pass_or_none(i, c + 6);
	}
	return n;
}

/* Those of a key that come to their turn, behind the first n; returns how many there are now. */
static int
claim_of_key(TpgLineKey *k, bool of_runs, Datum *values, TpgLineTask *tasks, int n, MemoryContext context)
{
	int			end = n;

	values[2] = Int32GetDatum(k->wanted);
	values[3] = Int16GetDatum((int16) k->priority);
	values[4] = CStringGetTextDatum(k->key);
	if (of_runs)
	{
		/* those that were found before are not locked for this transaction itself */
		values[7] = Int32GetDatum(k->taken);
		end = claim(&claim_runs_plan, values, tasks, n, context);
	}
	else if (is_known(k->front_at))
	{
		values[5] = Int64GetDatum(k->front_pass);
		values[6] = TimestampTzGetDatum(k->front_due);
		end = claim(&claim_from_plan, values, tasks, n, context);
	}
	if (end == n && !of_runs)
	{
		end = claim(&claim_plan, values, tasks, n, context);
		k->front_at = end > n ? GetCurrentTimestamp() : 0;
	}
	if (end > n)
	{
		k->front_pass = tasks[n].pass;
		k->front_due = tasks[n].task.due_at;
	}
	k->gone = end - n < k->wanted;
	k->wanted = 0;
	for (int i = n; i < end; i++)
	{
		tasks[i].key = k;
		tasks[i].turn = k->turn->pass + k->taken++ / k->weight;
	}
	return end;
}

static int
compare_tasks(const void *a, const void *b)
{
	const TpgLineTask *ta = a;
	const TpgLineTask *tb = b;

	if (ta->key->priority != tb->key->priority)
		return ta->key->priority < tb->key->priority ? -1 : 1;
	if (ta->turn != tb->turn)
		return ta->turn < tb->turn ? -1 : 1;
	return ta->task.due_at < tb->task.due_at ? -1 : ta->task.due_at > tb->task.due_at;
}

/* Of the keys that are known. */
static int
claim_known(TpgLine *line, bool of_runs, Datum *values, TpgLineTask *tasks, int limit, MemoryContext context)
{
	TpgLineKey *keys;
	int			nkeys;
	int			n = 0;

	tpg_line_choice_begin(line);
	while (n < limit && (nkeys = tpg_line_choose(line, limit - n, &keys)) > 0)
		for (int i = 0; i < nkeys; i++)
			if (keys[i].wanted > 0)
				n = claim_of_key(&keys[i], of_runs, values, tasks, n, context);
	qsort(tasks, n, sizeof(TpgLineTask), compare_tasks);
	return n;
}

int
tpg_line_claim(int32 namespace_id, const char *task_queue, int limit, TpgLineTask **result)
{
	TpgStoreScope scope;
	TpgLineTask *tasks = palloc(sizeof(TpgLineTask) * limit);
	TpgLine    *line = tpg_line_of(namespace_id, task_queue);
	Datum		values[7] = {Int32GetDatum(namespace_id), CStringGetTextDatum(task_queue)};
	bool		looked;
	int			level;
	int			n;

	tpg_store_begin(&scope);
	level = tpg_plan_by_index_begin();
	looked = tpg_line_look(line, false);
	n = claim_known(line, false, values, tasks, limit, scope.caller_context);
	if (n == 0 && !looked)
	{
		(void) tpg_line_look(line, true);
		n = claim_known(line, false, values, tasks, limit, scope.caller_context);
	}
	tpg_plan_by_index_end(level);
	tpg_store_end(&scope);
	*result = tasks;
	return n;
}

int
tpg_line_claim_of_runs(const int64 *execution_keys, int nruns, int32 namespace_id, const char *task_queue, TimestampTz now, int limit,
					   TpgLineTask **result)
{
	TpgStoreScope scope;
	TpgLineTask *tasks = palloc(sizeof(TpgLineTask) * limit);
	TpgLine    *line = tpg_line_of_test(namespace_id, task_queue);
	Datum		values[8] = {Int32GetDatum(namespace_id), CStringGetTextDatum(task_queue)};
	Datum	   *keys = palloc(sizeof(Datum) * Max(nruns, 1));
	int			n;

	for (int i = 0; i < nruns; i++)
		keys[i] = Int64GetDatum(execution_keys[i]);
	values[5] = PointerGetDatum(construct_array(keys, nruns, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[6] = TimestampTzGetDatum(now);
	tpg_store_begin(&scope);
	tpg_line_look_at_runs(line, values[5], now);
	n = claim_known(line, true, values, tasks, limit, scope.caller_context);
	tpg_store_end(&scope);
	*result = tasks;
	return n;
}

void
tpg_line_open(const TpgLineTask *tasks, int ntasks)
{
	TpgStoreScope scope;
	Datum	   *columns[3];
	Datum		values[5];
	int			level;

	if (ntasks == 0)
		return;
	tpg_store_begin(&scope);
	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * ntasks);
	for (int i = 0; i < ntasks; i++)
	{
		columns[0][i] = Int64GetDatum(tasks[i].task.execution_key);
		columns[1][i] = Int32GetDatum(tasks[i].task.scheduled_event_id);
		columns[2][i] = TimestampTzGetDatum(tasks[i].task.timeout_at);
	}
	values[0] = PointerGetDatum(construct_array(columns[0], ntasks, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[1] = PointerGetDatum(construct_array(columns[1], ntasks, INT4OID, 4, true, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(columns[2], ntasks, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = TimestampTzGetDatum(tasks[0].task.started_at);
	values[4] = CStringGetTextDatum(tasks[0].task.worker_identity);
	level = tpg_plan_by_index_begin();
	tpg_plan_execute(&open_plan, values, NULL, false, 0);
	tpg_plan_by_index_end(level);
	tpg_store_end(&scope);
	for (int i = 0; i < ntasks; i++)
		if (tasks[i].key != NULL)
			tpg_line_taken(tasks[i].key);
}

int
tpg_line_join_due(TimestampTz now, int limit, TpgLineQueue **queues, int *ntasks)
{
	TpgStoreScope scope;
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(limit)};
	int			n;
	int			level;

	tpg_store_begin(&scope);
	level = tpg_plan_by_index_begin();
	tpg_plan_execute(&join_plan, values, NULL, false, 0);
	tpg_plan_by_index_end(level);
	n = (int) SPI_processed;
	*queues = MemoryContextAlloc(scope.caller_context, sizeof(TpgLineQueue) * Max(n, 1));
	*ntasks = 0;
	for (int i = 0; i < n; i++)
	{
		TpgLineQueue *q = &(*queues)[i];

		q->namespace_id = tpg_row_int32(i, 1);
		q->task_queue = tpg_row_text(i, 2, scope.caller_context);
		q->ntasks = tpg_row_int32(i, 3);
		*ntasks += q->ntasks;
	}
	tpg_store_end(&scope);
	return n;
}
