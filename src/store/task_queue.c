/*-------------------------------------------------------------------------
 * store/task_queue.c - table temporal_internal.task_queue_settings, and what waits in those queues.
 *
 * Writers hold an advisory place of their own: the row lock, or the unique index
 * where there is no row yet.  What they write takes effect at COMMIT, when the
 * dispatcher reads all of it (ipc/limits).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/plan.h"
#include "store/task_queue.h"

#define COLUMNS \
	"namespace_id, name, max_concurrent_activities, max_concurrent_workflow_tasks, activities_per_second, " \
	"workflow_tasks_per_second, fairness_weights, paused_at, pause_reason"

static TpgPlan make_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.task_queue_settings (namespace_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	2, {INT4OID, TEXTOID}
);
static TpgPlan get_plan = TPG_PLAN(
	"SELECT " COLUMNS " FROM temporal_internal.task_queue_settings WHERE namespace_id = $1 AND name = $2 FOR UPDATE",
	2, {INT4OID, TEXTOID}
);
static TpgPlan put_plan = TPG_PLAN(
	"UPDATE temporal_internal.task_queue_settings SET max_concurrent_activities = $3, max_concurrent_workflow_tasks = $4, "
	"activities_per_second = $5, workflow_tasks_per_second = $6, fairness_weights = $7, paused_at = $8, pause_reason = $9 "
	"WHERE namespace_id = $1 AND name = $2",
	9, {INT4OID, TEXTOID, INT4OID, INT4OID, FLOAT8OID, FLOAT8OID, JSONBOID, TIMESTAMPTZOID, TEXTOID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.task_queue_settings WHERE namespace_id = $1 AND name = $2 AND max_concurrent_activities = -1 "
	"AND max_concurrent_workflow_tasks = -1 AND activities_per_second = -1 AND workflow_tasks_per_second = -1 "
	"AND fairness_weights = '{}' AND paused_at IS NULL", 2, {INT4OID, TEXTOID}
);
static TpgPlan all_plan = TPG_PLAN(
	"SELECT " COLUMNS " FROM temporal_internal.task_queue_settings ORDER BY namespace_id, name", 0, {0}
);
static TpgPlan count_plan = TPG_PLAN(
	"SELECT count(*)::int4 FROM temporal_internal.task_queue_settings", 0, {0}
);

#define WEIGHT(key, own) \
	"coalesce(((SELECT s.fairness_weights FROM temporal_internal.task_queue_settings s " \
	"WHERE s.namespace_id = $1 AND s.name = $2) ->> " key ")::float8, " own ", 1)"
/*
 * With fairness keys some rows of each are wanted: the sort of all that is due for
 * that takes several times as long as the search for the first thousand.  The hash
 * sorts faster than the key; two keys of one hash only get fewer rows each.  A key has as many rows of a
 * thousand as it has turns: else one with much weight would be at its end first, and the others had turns of
 * their own until all of these rows are given out.
 */
#define NO_KEYS "0"
#define NTH_OF_KEY(priority, key, due) "row_number() OVER (PARTITION BY " priority ", hashtext(" key ") ORDER BY " due ")"
#define BY_AGE(weight) "t.nth"
#define BY_TURNS(weight) "(t.nth - 1) / greatest(" weight ", 0.001)"
#define ORDER_AND_LIMIT(by) \
	"WHERE t.nth <= $4 ORDER BY t.priority_key, " by ", t.due LIMIT $4"

#define DUE_ACTIVITIES \
	"FROM (SELECT * FROM temporal_internal.activity_task WHERE NOT paused AND mode < 3 AND due_at <= $3 UNION ALL " \
	"SELECT * FROM temporal_internal.activity_task WHERE NOT paused AND mode = 4 AND due_at <= $3) a WHERE a.namespace_id = $1 AND a.task_queue = $2"
#define ACTIVITY_WEIGHT WEIGHT("t.fairness_key", "t.fairness_weight")
#define ACTIVITIES(nth, by) \
	"SELECT t.execution_key, t.scheduled_event_id, t.activity_type, t.priority_key::int4, t.fairness_key, " \
	ACTIVITY_WEIGHT ", t.due, NULL::text, t.mode = 4 FROM (" \
	"SELECT a.execution_key, a.scheduled_event_id, a.mode, a.activity_type, a.priority_key, a.fairness_key, a.fairness_weight, a.due_at AS due, " \
	nth " AS nth " DUE_ACTIVITIES ") t " ORDER_AND_LIMIT(by(ACTIVITY_WEIGHT))

#define RUN_PRIORITY "coalesce((e.priority ->> 'priorityKey')::int4, 3)"
#define DUE_RUNS \
	"FROM (SELECT m.execution_key, min(m.deliver_at) AS due, bool_or(m.kind = 6) AS forced FROM temporal_internal.message m " \
	"WHERE m.deliver_at <= $3 GROUP BY m.execution_key) r " \
	"JOIN temporal_internal.execution e ON e.key = r.execution_key " \
	"WHERE e.namespace_id = $1 AND e.task_queue = $2 AND (e.wft_not_before IS NULL OR e.wft_not_before <= $3 OR r.forced)"
#define RUN_WEIGHT WEIGHT("(t.priority ->> 'fairnessKey')", "(t.priority ->> 'fairnessWeight')::float8")
#define RUNS(nth, by) \
	"SELECT t.key, 0, t.workflow_type, t.priority_key, coalesce(t.priority ->> 'fairnessKey', ''), " \
	RUN_WEIGHT ", t.due, t.versioning ->> 'version', false FROM (" \
	"SELECT e.key, e.workflow_type, e.priority, e.versioning, r.due, " RUN_PRIORITY " AS priority_key, " nth " AS nth " DUE_RUNS ") t " ORDER_AND_LIMIT(by(RUN_WEIGHT))

#define BACKLOG_TYPES {INT4OID, TEXTOID, TIMESTAMPTZOID, INT4OID}

/* by kind: activities or workflow tasks; then: without fairness keys or with some */
static TpgPlan backlog_plans[2][2] = {
	{TPG_PLAN(RUNS(NO_KEYS, BY_AGE), 4, BACKLOG_TYPES),
	TPG_PLAN(RUNS(NTH_OF_KEY(RUN_PRIORITY, "e.priority ->> 'fairnessKey'", "r.due"), BY_TURNS), 4, BACKLOG_TYPES)},
	{TPG_PLAN(ACTIVITIES(NO_KEYS, BY_AGE), 4, BACKLOG_TYPES),
	TPG_PLAN(ACTIVITIES(NTH_OF_KEY("a.priority_key", "a.fairness_key", "a.due_at"), BY_TURNS), 4, BACKLOG_TYPES)}
};
static TpgPlan keys_plans[2] = {
	TPG_PLAN("SELECT EXISTS (SELECT " DUE_RUNS " AND e.priority ->> 'fairnessKey' IS NOT NULL)", 3, {INT4OID, TEXTOID, TIMESTAMPTZOID}),
	TPG_PLAN("SELECT EXISTS (SELECT " DUE_ACTIVITIES " AND a.fairness_key <> '')", 3, {INT4OID, TEXTOID, TIMESTAMPTZOID})
};

static TpgPlan open_plan = TPG_PLAN(
	"SELECT count(*)::int4 FROM temporal_internal.activity_task "
	"WHERE namespace_id = $1 AND task_queue = $2 AND mode IN (3, 4) AND started_at IS NOT NULL AND due_at = 'infinity'", 2, {INT4OID, TEXTOID}
);
static TpgPlan stopped_plan = TPG_PLAN(
	"SELECT workers_stopped_at FROM temporal_internal.home WHERE database_oid = $1", 1, {OIDOID}
);
static TpgPlan set_stopped_plan = TPG_PLAN(
	"UPDATE temporal_internal.home SET workers_stopped_at = CASE WHEN $2 THEN coalesce(workers_stopped_at, pg_catalog.now()) END "
	"WHERE database_oid = $1", 2, {OIDOID, BOOLOID}
);

static double
row_float8(uint64 r, int column)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

static void
queue_from_row(uint64 r, TpgTaskQueue *q, MemoryContext ctx)
{
	bool		isnull;
	Datum		paused_at;

	q->namespace_id = tpg_row_int32(r, 1);
	q->name = tpg_row_text(r, 2, ctx);
	q->max_concurrent_activities = tpg_row_int32(r, 3);
	q->max_concurrent_workflow_tasks = tpg_row_int32(r, 4);
	q->activities_per_second = row_float8(r, 5);
	q->workflow_tasks_per_second = row_float8(r, 6);
	q->fairness_weights = (Jsonb *) tpg_row_varlena(r, 7, ctx);
	paused_at = tpg_row_datum(r, 8, &isnull);
	q->paused_at = isnull ? 0 : DatumGetTimestampTz(paused_at);
	q->pause_reason = tpg_row_text(r, 9, ctx);
}

void
tpg_task_queue_get(int32 namespace_id, const char *name, TpgTaskQueue *queue)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name)};

	tpg_store_begin(&scope);
	/* another session that takes the last setting away deletes the row under our hands */
	do
	{
		CHECK_FOR_INTERRUPTS();
		tpg_plan_execute(&make_plan, values, NULL, false, 0);
		tpg_plan_execute_latest(&get_plan, values, NULL, 1);
	} while (SPI_processed == 0);
	queue_from_row(0, queue, scope.caller_context);
	tpg_store_end(&scope);
}

void
tpg_task_queue_put(const TpgTaskQueue *q)
{
	TpgStoreScope scope;
	Datum		values[9];
	char		nulls[10] = "         ";

	tpg_store_begin(&scope);
	values[0] = Int32GetDatum(q->namespace_id);
	values[1] = CStringGetTextDatum(q->name);
	values[2] = Int32GetDatum(q->max_concurrent_activities);
	values[3] = Int32GetDatum(q->max_concurrent_workflow_tasks);
	values[4] = Float8GetDatum(q->activities_per_second);
	values[5] = Float8GetDatum(q->workflow_tasks_per_second);
	values[6] = JsonbPGetDatum(q->fairness_weights);
	values[7] = TimestampTzGetDatum(q->paused_at);
	if (q->paused_at == 0)
		nulls[7] = 'n';
	values[8] = q->pause_reason ? CStringGetTextDatum(q->pause_reason) : (Datum) 0;
	if (q->pause_reason == NULL)
		nulls[8] = 'n';
	tpg_plan_execute(&put_plan, values, nulls, false, 0);
	tpg_plan_execute(&delete_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

int
tpg_task_queue_all(TpgTaskQueue **queues)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&all_plan, NULL, NULL, false, 0);
	n = (int) SPI_processed;
	*queues = MemoryContextAllocZero(scope.caller_context, sizeof(TpgTaskQueue) * Max(n, 1));
	for (int i = 0; i < n; i++)
		queue_from_row(i, &(*queues)[i], scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

int
tpg_task_queue_count(void)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&count_plan, NULL, NULL, false, 1);
	n = tpg_row_int32(0, 1);
	tpg_store_end(&scope);
	return n;
}

int
tpg_task_queue_backlog(int32 namespace_id, const char *name, bool activities, TimestampTz now, int limit, TpgBacklogRow **rows)
{
	TpgStoreScope scope;
	Datum		values[4] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name), TimestampTzGetDatum(now), Int32GetDatum(limit)};
	bool		keys;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&keys_plans[activities], values, NULL, false, 1);
	keys = tpg_row_bool(0, 1);
	tpg_plan_execute(&backlog_plans[activities][keys], values, NULL, false, 0);
	n = (int) SPI_processed;
	*rows = MemoryContextAlloc(scope.caller_context, sizeof(TpgBacklogRow) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgBacklogRow *r = &(*rows)[i];

		r->execution_key = tpg_row_int64(i, 1);
		r->event_id = tpg_row_int32(i, 2);
		r->type = tpg_row_text(i, 3, scope.caller_context);
		r->priority_key = tpg_row_int32(i, 4);
		r->fairness_key = tpg_row_text(i, 5, scope.caller_context);
		r->weight = row_float8(i, 6);
		r->due = tpg_row_int64(i, 7);
		r->version = tpg_row_text(i, 8, scope.caller_context);
		r->http = tpg_row_bool(i, 9);
	}
	tpg_store_end(&scope);
	return n;
}

int
tpg_task_queue_open_attempts(int32 namespace_id, const char *name)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&open_plan, values, NULL, false, 1);
	n = tpg_row_int32(0, 1);
	tpg_store_end(&scope);
	return n;
}

TimestampTz
tpg_workers_stopped_at(void)
{
	TpgStoreScope scope;
	Datum		value = ObjectIdGetDatum(MyDatabaseId);
	TimestampTz at = 0;

	tpg_store_begin(&scope);
	tpg_plan_execute(&stopped_plan, &value, NULL, false, 1);
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		d = tpg_row_datum(0, 1, &isnull);

		at = isnull ? 0 : DatumGetTimestampTz(d);
	}
	tpg_store_end(&scope);
	return at;
}

void
tpg_workers_set_stopped(bool stopped)
{
	TpgStoreScope scope;
	Datum		values[2] = {ObjectIdGetDatum(MyDatabaseId), BoolGetDatum(stopped)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&set_stopped_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}
