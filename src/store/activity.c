/*-------------------------------------------------------------------------
 * store/activity.c - table temporal_internal.activity_task: pending activities.
 *
 * An attempt in the database is claimed by a lock on its row, held by the
 * transaction that runs it; so nobody else writes the row meanwhile, and a
 * crash gives it back.  The lock is one that lets the dispatcher share the key,
 * which it needs to write the attempt's heartbeats (store/heartbeat).  Lock order: this row, then the execution row FOR KEY
 * SHARE (at the end of the attempt); whoever closes a run deletes its tasks
 * after it has locked the execution row, and waits for none of them: an attempt
 * that runs may last for hours.  Who has one of those locked finds the run closed in
 * its last step and deletes it itself; what it cannot delete, because it raises
 * an error then or dies, is left over, and found by tpg_activity_delete_left_over.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/activity.h"
#include "store/line.h"
#include "store/plan.h"

static TpgPlan insert_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.activity_task (execution_key, scheduled_event_id, namespace_id, attempt, activity_id, activity_type, "
	"task_queue, scheduled_at, attempt_scheduled_at, due_at, timeout_at, last_failure, mode, priority_key, "
	"fairness_key, fairness_weight, pass) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
	17, {INT8OID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID,
	INT2OID, INT2OID, TEXTOID, FLOAT8OID, INT8OID}
);
static TpgPlan claim_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "WHERE a.execution_key = $1 AND a.scheduled_event_id = $2 FOR NO KEY UPDATE OF a SKIP LOCKED", 2, {INT8OID, INT4OID}
);
/* by event, by id; the second pair to be shared */
static TpgPlan lock_plans[] = {
	TPG_PLAN(TPG_ACTIVITY_WITH_EVENT "WHERE a.execution_key = $1 AND a.scheduled_event_id = $2 FOR UPDATE OF a", 2, {INT8OID, INT4OID}),
	TPG_PLAN(TPG_ACTIVITY_WITH_EVENT "WHERE a.execution_key = $1 AND a.activity_id = $2 FOR UPDATE OF a", 2, {INT8OID, TEXTOID}),
	TPG_PLAN(TPG_ACTIVITY_WITH_EVENT "WHERE a.execution_key = $1 AND a.scheduled_event_id = $2 FOR SHARE OF a", 2, {INT8OID, INT4OID}),
	TPG_PLAN(TPG_ACTIVITY_WITH_EVENT "WHERE a.execution_key = $1 AND a.activity_id = $2 FOR SHARE OF a", 2, {INT8OID, TEXTOID})
};
static TpgPlan retry_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET attempt = $3, due_at = $4, timeout_at = $5, attempt_scheduled_at = $6, last_failure = $7, "
	"last_attempt_at = $8, started_at = NULL, in_executor = 0, pass = NULL WHERE execution_key = $1 AND scheduled_event_id = $2",
	8, {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID, TIMESTAMPTZOID}
);
static TpgPlan start_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET started_at = $3 WHERE execution_key = $1 AND scheduled_event_id = $2",
	3, {INT8OID, INT4OID, TIMESTAMPTZOID}
);
static TpgPlan open_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET started_at = $3, due_at = 'infinity', timeout_at = $4, worker_identity = $5, in_executor = $6 "
	"WHERE execution_key = $1 AND scheduled_event_id = $2", 6, {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT2OID}
);
static TpgPlan put_off_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET timeout_at = $3 WHERE execution_key = $1 AND scheduled_event_id = $2",
	3, {INT8OID, INT4OID, TIMESTAMPTZOID}
);
static TpgPlan crashes_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET paused = $3, crash_count = $4 WHERE execution_key = $1 AND scheduled_event_id = $2",
	4, {INT8OID, INT4OID, BOOLOID, INT2OID}
);
static TpgPlan in_executors_plan = TPG_PLAN(
	"SELECT execution_key, scheduled_event_id, started_at FROM temporal_internal.activity_task WHERE in_executor > 0", 0, {0}
);
static TpgPlan crash_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET started_at = NULL, crash_count = $3, paused = $4, attempt = $5, due_at = $6, "
	"last_failure = $7 WHERE execution_key = $1 AND scheduled_event_id = $2",
	7, {INT8OID, INT4OID, INT2OID, BOOLOID, INT4OID, TIMESTAMPTZOID, JSONBOID}
);
static TpgPlan crashed_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "WHERE a.started_at IS NOT NULL AND a.due_at < 'infinity' LIMIT $1 FOR UPDATE OF a SKIP LOCKED", 1, {INT4OID}
);
static TpgPlan timed_out_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "WHERE a.timeout_at <= $1 AND NOT a.paused ORDER BY a.timeout_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED", 2, {TIMESTAMPTZOID, INT4OID}
);
static TpgPlan timed_out_run_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "WHERE a.timeout_at <= $1 AND NOT a.paused AND a.execution_key = $3 ORDER BY a.timeout_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED",
	3, {TIMESTAMPTZOID, INT4OID, INT8OID}
);
static TpgPlan take_mode_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task a SET mode = d.number, pass = NULL FROM ("
	"SELECT name, array_position('{transactional,autonomous,external}'::text[], mode) AS number FROM temporal_internal.definition "
	"WHERE namespace_id = $1 AND kind = 'activity') d "
	"WHERE a.namespace_id = $1 AND a.started_at IS NULL AND a.mode <> d.number AND ("
	"a.activity_type = d.name AND d.name = $2 OR $2 IS NULL AND d.name = '*' AND a.mode <> 4 AND NOT EXISTS ("
	"SELECT FROM temporal_internal.definition o WHERE o.namespace_id = $1 AND o.kind = 'activity' AND o.name = a.activity_type))",
	2, {INT4OID, TEXTOID}
);
static TpgPlan take_builtin_mode_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET mode = $3 "
	"WHERE namespace_id = $1 AND activity_type = $2 AND mode <> $3 AND started_at IS NULL", 3, {INT4OID, TEXTOID, INT2OID}
);
/* of deleted rows: the places in limited queues that open attempts had */
#define PLACE_COLUMNS "namespace_id, task_queue, mode, started_at, due_at"
#define PLACES "SELECT namespace_id, task_queue, count(*)::integer FROM gone " \
	"WHERE mode IN (3, 4) AND started_at IS NOT NULL AND due_at = 'infinity' GROUP BY 1, 2"
static TpgPlan delete_all_plan = TPG_PLAN(
	/* one that is locked runs in another transaction, whose last step finds the run closed and deletes it itself */
	"WITH gone AS (DELETE FROM temporal_internal.activity_task a WHERE a.ctid = ANY (ARRAY (SELECT t.ctid FROM temporal_internal.activity_task t "
	"WHERE t.execution_key = $1 FOR UPDATE SKIP LOCKED)) RETURNING " PLACE_COLUMNS ") " PLACES, 1, {INT8OID}
);
/*
 * Of the runs behind $1, as many as the next $2 tasks belong to; gives the last of them, and the
 * places that open attempts have left.  Besides, what was asked of activities that are gone.
 */
static TpgPlan left_over_plan = TPG_PLAN(
	"WITH piece AS MATERIALIZED (SELECT p.execution_key FROM temporal_internal.activity_task p WHERE p.execution_key > $1 "
	"ORDER BY p.execution_key LIMIT $2), "
	"closed AS MATERIALIZED (SELECT DISTINCT p.execution_key FROM piece p LEFT JOIN temporal_internal.execution e ON e.key = p.execution_key "
	"WHERE e.status IN (1, 8) IS NOT TRUE), "
	"gone AS (DELETE FROM temporal_internal.activity_task a WHERE a.ctid = ANY (ARRAY (SELECT t.ctid FROM temporal_internal.activity_task t "
	"JOIN closed c ON c.execution_key = t.execution_key FOR UPDATE OF t SKIP LOCKED)) RETURNING " PLACE_COLUMNS "), "
	"asked AS (DELETE FROM temporal_internal.activity_request r WHERE r.ctid = ANY (ARRAY (SELECT q.ctid FROM temporal_internal.activity_request q "
	"WHERE NOT EXISTS (SELECT FROM temporal_internal.activity_task t "
	"WHERE t.execution_key = q.execution_key AND t.scheduled_event_id = q.scheduled_event_id) LIMIT $2))) "
	"SELECT p.namespace_id, p.task_queue, p.count, c.last FROM (SELECT CASE WHEN count(*) = $2 THEN max(execution_key) ELSE 0 END AS last FROM piece) c "
	"LEFT JOIN (" PLACES ") p ON true", 2, {INT8OID, INT4OID}
);

static TimestampTz
row_time(uint64 r, int column, TimestampTz dflt)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);

	return isnull ? dflt : DatumGetTimestampTz(value);
}

static TpgPlan exists_plan = TPG_PLAN(
	"SELECT FROM temporal_internal.activity_task WHERE execution_key = $1 AND scheduled_event_id = $2", 2, {INT8OID, INT4OID}
);
void
tpg_activity_from_row(uint64 r, TpgActivityTask *t, MemoryContext ctx)
{
	Datum		weight;
	bool		isnull;

	t->execution_key = tpg_row_int64(r, 1);
	t->scheduled_event_id = tpg_row_int32(r, 2);
	t->namespace_id = tpg_row_int32(r, 3);
	t->attempt = tpg_row_int32(r, 4);
	t->crash_count = tpg_row_int16(r, 5);
	t->paused = tpg_row_bool(r, 6);
	t->activity_id = tpg_row_text(r, 7, ctx);
	t->activity_type = tpg_row_text(r, 8, ctx);
	t->task_queue = tpg_row_text(r, 9, ctx);
	t->scheduled_at = row_time(r, 10, 0);
	t->attempt_scheduled_at = row_time(r, 11, 0);
	t->due_at = row_time(r, 12, 0);
	t->timeout_at = row_time(r, 13, DT_NOEND);
	t->started_at = row_time(r, 14, 0);
	t->last_failure = (Jsonb *) tpg_row_varlena(r, 15, ctx);
	t->mode = tpg_row_int16(r, 16);
	t->worker_identity = tpg_row_text(r, 17, ctx);
	t->priority.key = tpg_row_int16(r, 18);
	t->in_executor = tpg_row_int16(r, 19);
	t->priority.fairness_key = tpg_row_text(r, 20, ctx);
	weight = tpg_row_datum(r, 21, &isnull);
	t->priority.fairness_weight = isnull ? 0 : DatumGetFloat8(weight);
	t->attributes = (Jsonb *) tpg_row_varlena(r, TPG_ACTIVITY_NCOLUMNS + 1, ctx);
	/* of a first attempt that has not begun there are none; the statements here look */
	t->heartbeats_kept = t->attempt > 1;
}

static void
task_from_row(uint64 r, TpgActivityTask *t, MemoryContext ctx)
{
	tpg_activity_from_row(r, t, ctx);
	t->heartbeats_kept = tpg_row_bool(r, TPG_ACTIVITY_NCOLUMNS + 2);
}

void
tpg_activity_insert(const TpgActivityTask *tasks, int ntasks)
{
	TpgStoreScope scope;

	if (ntasks == 0)
		return;
	tpg_store_begin(&scope);
	for (int i = 0; i < ntasks; i++)
	{
		const TpgActivityTask *t = &tasks[i];
		Datum		values[17];
		char		nulls[18] = "                 ";
		int64		pass = tpg_line_pass(t);

		values[0] = Int64GetDatum(t->execution_key);
		values[1] = Int32GetDatum(t->scheduled_event_id);
		values[2] = Int32GetDatum(t->namespace_id);
		values[3] = Int32GetDatum(t->attempt);
		values[4] = CStringGetTextDatum(t->activity_id);
		values[5] = CStringGetTextDatum(t->activity_type);
		values[6] = CStringGetTextDatum(t->task_queue);
		values[7] = TimestampTzGetDatum(t->scheduled_at);
		values[8] = TimestampTzGetDatum(t->attempt_scheduled_at);
		values[9] = TimestampTzGetDatum(t->due_at);
		values[10] = TimestampTzGetDatum(t->timeout_at);
		if (TIMESTAMP_NOT_FINITE(t->timeout_at))
			nulls[10] = 'n';
		values[11] = PointerGetDatum(t->last_failure);
		if (t->last_failure == NULL)
			nulls[11] = 'n';
		values[12] = Int16GetDatum((int16) t->mode);
		values[13] = Int16GetDatum((int16) tpg_priority_effective(&t->priority));
		values[14] = CStringGetTextDatum(t->priority.fairness_key ? t->priority.fairness_key : "");
		values[15] = Float8GetDatum(t->priority.fairness_weight);
		if (t->priority.fairness_weight == 0)
			nulls[15] = 'n';
		values[16] = Int64GetDatum(pass);
		if (pass < 0)
			nulls[16] = 'n';
		tpg_plan_execute(&insert_plan, values, nulls, false, 0);
	}
	tpg_store_end(&scope);
}

TpgActivityTask *
tpg_activity_read_one(TpgPlan *plan, Datum *values, const char *nulls)
{
	TpgStoreScope scope;
	TpgActivityTask *task = NULL;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, nulls, false, 1);
	if (SPI_processed == 1)
	{
		task = MemoryContextAllocZero(scope.caller_context, sizeof(TpgActivityTask));
		task_from_row(0, task, scope.caller_context);
	}
	tpg_store_end(&scope);
	return task;
}

TpgActivityTask *
tpg_activity_claim(int64 execution_key, int32 scheduled_event_id)
{
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};

	return tpg_activity_read_one(&claim_plan, values, NULL);
}

static TpgActivityTask *
lock_task(bool shared, int64 execution_key, int32 scheduled_event_id, const char *activity_id)
{
	Datum		values[2] = {Int64GetDatum(execution_key),
	activity_id ? CStringGetTextDatum(activity_id) : Int32GetDatum(scheduled_event_id)};

	return tpg_activity_read_one(&lock_plans[(shared ? 2 : 0) + (activity_id ? 1 : 0)], values, NULL);
}

TpgActivityTask *
tpg_activity_lock(int64 execution_key, int32 scheduled_event_id, const char *activity_id)
{
	return lock_task(false, execution_key, scheduled_event_id, activity_id);
}

TpgActivityTask *
tpg_activity_lock_shared(int64 execution_key, int32 scheduled_event_id, const char *activity_id)
{
	return lock_task(true, execution_key, scheduled_event_id, activity_id);
}

void
tpg_activity_retry(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	Datum		values[8];
	char		nulls[9] = "        ";

	tpg_store_begin(&scope);
	values[0] = Int64GetDatum(t->execution_key);
	values[1] = Int32GetDatum(t->scheduled_event_id);
	values[2] = Int32GetDatum(t->attempt);
	values[3] = TimestampTzGetDatum(t->due_at);
	values[4] = TimestampTzGetDatum(t->timeout_at);
	if (TIMESTAMP_NOT_FINITE(t->timeout_at))
		nulls[4] = 'n';
	values[5] = TimestampTzGetDatum(t->attempt_scheduled_at);
	values[6] = PointerGetDatum(t->last_failure);
	if (t->last_failure == NULL)
		nulls[6] = 'n';
	values[7] = TimestampTzGetDatum(t->started_at);
	if (t->started_at == 0)
		nulls[7] = 'n';
	tpg_plan_execute(&retry_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_activity_record_start(int64 execution_key, int32 scheduled_event_id, TimestampTz now)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id), TimestampTzGetDatum(now)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&start_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

static Datum
time_or_null(TimestampTz at, char *isnull)
{
	*isnull = TIMESTAMP_NOT_FINITE(at) ? 'n' : ' ';
	return TimestampTzGetDatum(at);
}

void
tpg_activity_open(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	Datum		values[6] = {Int64GetDatum(t->execution_key), Int32GetDatum(t->scheduled_event_id), TimestampTzGetDatum(t->started_at)};
	char		nulls[7] = "      ";

	tpg_store_begin(&scope);
	values[3] = time_or_null(t->timeout_at, &nulls[3]);
	if (t->worker_identity == NULL)
		nulls[4] = 'n';
	else
		values[4] = CStringGetTextDatum(t->worker_identity);
	values[5] = Int16GetDatum((int16) t->in_executor);
	tpg_plan_execute(&open_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_activity_put_off(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int64GetDatum(t->execution_key), Int32GetDatum(t->scheduled_event_id)};
	char		nulls[4] = "   ";

	tpg_store_begin(&scope);
	values[2] = time_or_null(t->timeout_at, &nulls[2]);
	tpg_plan_execute(&put_off_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_activity_put_crashes(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	Datum		values[4] = {Int64GetDatum(t->execution_key), Int32GetDatum(t->scheduled_event_id), BoolGetDatum(t->paused),
	Int16GetDatum((int16) t->crash_count)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&crashes_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

int
tpg_activity_in_executors(TpgActivityKey **keys)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&in_executors_plan, NULL, NULL, false, 0);
	n = (int) SPI_processed;
	*keys = MemoryContextAlloc(scope.caller_context, sizeof(TpgActivityKey) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*keys)[i].execution_key = tpg_row_int64(i, 1);
		(*keys)[i].scheduled_event_id = tpg_row_int32(i, 2);
		(*keys)[i].started_at = tpg_row_int64(i, 3);
	}
	tpg_store_end(&scope);
	return n;
}

void
tpg_activity_record_crash(const TpgActivityTask *t)
{
	TpgStoreScope scope;
	Datum		values[7];
	char		nulls[8] = "       ";

	tpg_store_begin(&scope);
	values[0] = Int64GetDatum(t->execution_key);
	values[1] = Int32GetDatum(t->scheduled_event_id);
	values[2] = Int16GetDatum((int16) t->crash_count);
	values[3] = BoolGetDatum(t->paused);
	values[4] = Int32GetDatum(t->attempt);
	values[5] = TimestampTzGetDatum(t->due_at);
	values[6] = PointerGetDatum(t->last_failure);
	if (t->last_failure == NULL)
		nulls[6] = 'n';
	tpg_plan_execute(&crash_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

int
tpg_activity_read(TpgPlan *plan, Datum *values, TpgActivityTask **tasks)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*tasks = MemoryContextAllocZero(scope.caller_context, sizeof(TpgActivityTask) * Max(n, 1));
	for (int i = 0; i < n; i++)
		task_from_row(i, &(*tasks)[i], scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

int
tpg_activity_crashed(int limit, TpgActivityTask **tasks)
{
	Datum		value = Int32GetDatum(limit);

	return tpg_activity_read(&crashed_plan, &value, tasks);
}

int
tpg_activity_timed_out(int64 execution_key, TimestampTz now, int limit, TpgActivityTask **tasks)
{
	Datum		values[3] = {TimestampTzGetDatum(now), Int32GetDatum(limit), Int64GetDatum(execution_key)};

	return tpg_activity_read(execution_key == 0 ? &timed_out_plan : &timed_out_run_plan, values, tasks);
}

int
tpg_activity_take_mode(int32 namespace_id, const char *activity_type)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), (Datum) 0};
	int			n;

	tpg_store_begin(&scope);
	if (activity_type != NULL)
		values[1] = CStringGetTextDatum(activity_type);
	tpg_plan_execute(&take_mode_plan, values, activity_type ? NULL : " n", false, 0);
	n = (int) SPI_processed;
	tpg_store_end(&scope);
	return n;
}

int
tpg_activity_take_builtin_mode(int32 namespace_id, const char *activity_type, TpgActivityMode mode)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int32GetDatum(namespace_id), CStringGetTextDatum(activity_type), Int16GetDatum((int16) mode)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&take_builtin_mode_plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	tpg_store_end(&scope);
	return n;
}

static int
read_places(TpgQueueCount **places, MemoryContext context)
{
	int			n = 0;

	*places = MemoryContextAlloc(context, sizeof(TpgQueueCount) * Max(SPI_processed, 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		TpgQueueCount *p = &(*places)[n];

		p->task_queue = tpg_row_text(i, 2, context);
		if (p->task_queue == NULL)
			continue;
		p->namespace_id = tpg_row_int32(i, 1);
		p->count = tpg_row_int32(i, 3);
		n++;
	}
	return n;
}

int
tpg_activity_delete_all(int64 execution_key, TpgQueueCount **open)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_all_plan, &value, NULL, false, 0);
	n = read_places(open, scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

int
tpg_activity_delete_left_over(int64 *cursor, int limit, TpgQueueCount **open)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(*cursor), Int32GetDatum(limit)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&left_over_plan, values, NULL, false, 0);
	*cursor = tpg_row_int64(0, 4);
	n = read_places(open, scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

bool
tpg_activity_exists(int64 execution_key, int32 scheduled_event_id)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};
	bool		exists;

	tpg_store_begin(&scope);
	tpg_plan_execute(&exists_plan, values, NULL, false, 1);
	exists = SPI_processed == 1;
	tpg_store_end(&scope);
	return exists;
}
