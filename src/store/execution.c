/*-------------------------------------------------------------------------
 * store/execution.c - table temporal_internal.execution: one row a run.
 *
 * Order of locks: run lock (store/runlock), then this row.  FOR KEY SHARE is
 * what mail is inserted under; a task's UPDATE does not conflict with it, since
 * no key column changes; closing locks FOR UPDATE and so waits for nobody's mail
 * to be lost.  A row is updated at most once in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/ident.h"
#include "store/execution.h"
#include "store/plan.h"

#define EXECUTION_COLUMNS \
	"key, namespace_id, run_no, workflow_id, workflow_type, task_queue, run_id, first_run_id, original_run_id, status, " \
	"start_time, execution_time, close_time, last_task_time, run_expiration, execution_expiration, wft_not_before, " \
	"history_bytes, next_event_id, last_task_id, pending_activities, attempt, wft_attempt, cancel_requested, " \
	"start_request_id, memo, last_task_failure"

static TpgPlan by_key_plan = TPG_PLAN(
	"SELECT " EXECUTION_COLUMNS " FROM temporal_internal.execution WHERE key = $1", 1, {INT8OID}
);
static TpgPlan current_plan = TPG_PLAN(
	"SELECT " EXECUTION_COLUMNS " FROM temporal_internal.execution "
	"WHERE namespace_id = $1 AND workflow_id = $2 ORDER BY run_no DESC LIMIT 1", 2, {INT4OID, TEXTOID}
);
static TpgPlan by_run_id_plan = TPG_PLAN(
	"SELECT " EXECUTION_COLUMNS " FROM temporal_internal.execution "
	"WHERE namespace_id = $1 AND workflow_id = $2 AND run_id = $3", 3, {INT4OID, TEXTOID, UUIDOID}
);
#define INSERT_EXECUTION \
	"INSERT INTO temporal_internal.execution (namespace_id, run_no, workflow_id, workflow_type, task_queue, run_id, first_run_id, " \
	"original_run_id, start_time, execution_time, run_expiration, execution_expiration, history_bytes, attempt, start_request_id, memo) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
#define INSERT_TYPES \
	{INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
		TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID, TEXTOID, JSONBOID}

static TpgPlan insert_plan = TPG_PLAN(
	INSERT_EXECUTION "ON CONFLICT (namespace_id, workflow_id, run_no) DO NOTHING RETURNING key", 16, INSERT_TYPES
);
static TpgPlan insert_fresh_plan = TPG_PLAN(
	INSERT_EXECUTION "RETURNING key", 16, INSERT_TYPES
);
static TpgPlan lock_plans[] = {
	[TPG_ROW_KEY_SHARE] = TPG_PLAN("SELECT status FROM temporal_internal.execution WHERE key = $1 FOR KEY SHARE", 1, {INT8OID}),
	[TPG_ROW_UPDATE] = TPG_PLAN("SELECT status FROM temporal_internal.execution WHERE key = $1 FOR UPDATE", 1, {INT8OID}),
	/* SKIP LOCKED is NOWAIT without the error, which would cost a subtransaction to catch */
	[TPG_ROW_UPDATE_NOWAIT] = TPG_PLAN("SELECT status FROM temporal_internal.execution WHERE key = $1 FOR UPDATE SKIP LOCKED", 1, {INT8OID}),
};
static TpgPlan update_task_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET next_event_id = $2, last_task_id = $3, last_task_time = $4, history_bytes = $5, "
	"pending_activities = $6, wft_attempt = 1, wft_not_before = NULL, last_task_failure = NULL WHERE key = $1",
	6, {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID, INT4OID}
);
static TpgPlan update_close_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET next_event_id = $2, last_task_id = $3, last_task_time = $4, history_bytes = $5, "
	"pending_activities = 0, wft_attempt = 1, wft_not_before = NULL, last_task_failure = NULL, status = $6, close_time = $7 WHERE key = $1",
	7, {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID, INT2OID, TIMESTAMPTZOID}
);
static TpgPlan update_task_failure_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET next_event_id = $2, last_task_id = $3, last_task_time = $4, history_bytes = $5, "
	"pending_activities = $6, wft_attempt = $7, wft_not_before = $8, last_task_failure = $9 WHERE key = $1",
	9, {INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, JSONBOID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"WITH gone AS (DELETE FROM temporal_internal.search_attribute WHERE execution_key = $1) "
	"DELETE FROM temporal_internal.execution WHERE key = $1", 1, {INT8OID}
);
static TpgPlan failed_tasks_plan = TPG_PLAN(
	"SELECT m.execution_key FROM temporal_internal.message m JOIN temporal_internal.execution e ON e.key = m.execution_key "
	"WHERE m.kind = 4 AND m.deliver_at > $1 AND e.wft_not_before > $1 LIMIT $2", 2, {TIMESTAMPTZOID, INT4OID}
);
static TpgPlan retry_now_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET wft_not_before = NULL WHERE key = $1", 1, {INT8OID}
);
static TpgPlan retry_mail_plan = TPG_PLAN(
	"UPDATE temporal_internal.message SET deliver_at = $2 WHERE execution_key = $1 AND kind = 4 AND deliver_at > $2",
	2, {INT8OID, TIMESTAMPTZOID}
);
static TpgPlan expired_plan = TPG_PLAN(
	"SELECT max(e.key), array_agg(e.key) FILTER (WHERE e.close_time < $1 - n.retention) "
	"FROM (SELECT key, namespace_id, close_time FROM temporal_internal.execution WHERE key > $2 ORDER BY key LIMIT $3) e "
	"JOIN temporal_internal.namespace n ON n.id = e.namespace_id", 3, {TIMESTAMPTZOID, INT8OID, INT4OID}
);

static TimestampTz
row_time(uint64 r, int column, TimestampTz dflt)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);

	return isnull ? dflt : DatumGetTimestampTz(value);
}

static void
row_uuid(uint64 r, int column, pg_uuid_t *uuid, const pg_uuid_t *dflt)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);

	*uuid = isnull ? *dflt : *DatumGetUUIDP(value);
}

static TpgExecution *
execution_from_row(MemoryContext ctx)
{
	TpgExecution *e;

	if (SPI_processed == 0)
		return NULL;
	e = MemoryContextAllocZero(ctx, sizeof(TpgExecution));
	e->key = tpg_row_int64(0, 1);
	e->namespace_id = tpg_row_int32(0, 2);
	e->run_no = tpg_row_int32(0, 3);
	e->workflow_id = tpg_row_text(0, 4, ctx);
	e->workflow_type = tpg_row_text(0, 5, ctx);
	e->task_queue = tpg_row_text(0, 6, ctx);
	row_uuid(0, 7, &e->run_id, NULL);
	row_uuid(0, 8, &e->first_run_id, &e->run_id);
	row_uuid(0, 9, &e->original_run_id, &e->run_id);
	e->status = tpg_row_int16(0, 10);
	e->start_time = row_time(0, 11, 0);
	e->execution_time = row_time(0, 12, 0);
	e->close_time = row_time(0, 13, 0);
	e->last_task_time = row_time(0, 14, 0);
	e->run_expiration = row_time(0, 15, DT_NOEND);
	e->execution_expiration = row_time(0, 16, DT_NOEND);
	e->wft_not_before = row_time(0, 17, 0);
	e->history_bytes = tpg_row_int64(0, 18);
	e->next_event_id = tpg_row_int32(0, 19);
	e->last_task_id = tpg_row_int32(0, 20);
	e->pending_activities = tpg_row_int32(0, 21);
	e->attempt = tpg_row_int32(0, 22);
	e->wft_attempt = tpg_row_int32(0, 23);
	e->cancel_requested = tpg_row_bool(0, 24);
	e->start_request_id = tpg_row_text(0, 25, ctx);
	e->memo = (Jsonb *) tpg_row_varlena(0, 26, ctx);
	e->last_task_failure = (Jsonb *) tpg_row_varlena(0, 27, ctx);
	return e;
}

TpgExecution *
tpg_execution_by_key(int64 key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(key);
	TpgExecution *e;

	tpg_store_begin(&scope);
	tpg_plan_execute(&by_key_plan, &value, NULL, false, 1);
	e = execution_from_row(scope.caller_context);
	tpg_store_end(&scope);
	return e;
}

TpgExecution *
tpg_execution_find(int32 namespace_id, const char *workflow_id, const pg_uuid_t *run_id, bool latest)
{
	TpgStoreScope scope;
	Datum		values[3];
	TpgPlan    *plan = run_id ? &by_run_id_plan : &current_plan;
	TpgExecution *e;

	tpg_store_begin(&scope);
	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(workflow_id);
	values[2] = UUIDPGetDatum(run_id);
	if (latest)
		tpg_plan_execute_latest(plan, values, NULL, 1);
	else
		tpg_plan_execute(plan, values, NULL, false, 1);
	e = execution_from_row(scope.caller_context);
	tpg_store_end(&scope);
	return e;
}

int64
tpg_execution_insert(const TpgExecution *e, bool fresh_id)
{
	TpgStoreScope scope;
	Datum		values[16];
	char		nulls[17] = "                ";
	int64		key;

	tpg_store_begin(&scope);
	values[0] = Int32GetDatum(e->namespace_id);
	values[1] = Int32GetDatum(e->run_no);
	values[2] = CStringGetTextDatum(e->workflow_id);
	values[3] = CStringGetTextDatum(e->workflow_type);
	values[4] = CStringGetTextDatum(e->task_queue);
	values[5] = UUIDPGetDatum(&e->run_id);
	values[6] = UUIDPGetDatum(&e->first_run_id);
	if (tpg_uuid_equal(&e->first_run_id, &e->run_id))
		nulls[6] = 'n';
	values[7] = UUIDPGetDatum(&e->original_run_id);
	if (tpg_uuid_equal(&e->original_run_id, &e->run_id))
		nulls[7] = 'n';
	values[8] = TimestampTzGetDatum(e->start_time);
	values[9] = TimestampTzGetDatum(e->execution_time);
	values[10] = TimestampTzGetDatum(e->run_expiration);
	if (TIMESTAMP_NOT_FINITE(e->run_expiration))
		nulls[10] = 'n';
	values[11] = TimestampTzGetDatum(e->execution_expiration);
	if (TIMESTAMP_NOT_FINITE(e->execution_expiration))
		nulls[11] = 'n';
	values[12] = Int64GetDatum(e->history_bytes);
	values[13] = Int32GetDatum(e->attempt);
	values[14] = e->start_request_id ? CStringGetTextDatum(e->start_request_id) : (Datum) 0;
	if (e->start_request_id == NULL)
		nulls[14] = 'n';
	values[15] = PointerGetDatum(e->memo);
	if (e->memo == NULL)
		nulls[15] = 'n';
	tpg_plan_execute(fresh_id ? &insert_fresh_plan : &insert_plan, values, nulls, false, 0);
	key = SPI_processed == 1 ? tpg_row_int64(0, 1) : 0;
	tpg_store_end(&scope);
	return key;
}

bool
tpg_execution_lock(int64 key, TpgRowLock lock, TpgStatus *status)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(key);
	bool		found;

	tpg_store_begin(&scope);
	tpg_plan_execute(&lock_plans[lock], &value, NULL, false, 1);
	found = SPI_processed == 1;
	if (found)
		*status = tpg_row_int16(0, 1);
	tpg_store_end(&scope);
	return found;
}

/* The five values that every update writes, as $1 to $5. */
static void
fill_common(const TpgExecution *e, Datum *values, char *nulls)
{
	values[0] = Int64GetDatum(e->key);
	values[1] = Int32GetDatum(e->next_event_id);
	values[2] = Int32GetDatum(e->last_task_id);
	values[3] = TimestampTzGetDatum(e->last_task_time);
	if (e->last_task_time == 0)
		nulls[3] = 'n';
	values[4] = Int64GetDatum(e->history_bytes);
}

void
tpg_execution_update_task(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[6];
	char		nulls[7] = "      ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[5] = Int32GetDatum(e->pending_activities);
	tpg_plan_execute(&update_task_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_execution_update_close(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[7];
	char		nulls[8] = "       ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[5] = Int16GetDatum((int16) e->status);
	values[6] = TimestampTzGetDatum(e->close_time);
	tpg_plan_execute(&update_close_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_execution_update_task_failure(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[9];
	char		nulls[10] = "         ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[5] = Int32GetDatum(e->pending_activities);
	values[6] = Int32GetDatum(e->wft_attempt);
	values[7] = TimestampTzGetDatum(e->wft_not_before);
	values[8] = PointerGetDatum(e->last_task_failure);
	tpg_plan_execute(&update_task_failure_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_execution_delete(int64 key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}

static int
read_keys(TpgPlan *plan, TimestampTz now, int limit, int64 **keys)
{
	TpgStoreScope scope;
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(limit)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*keys = MemoryContextAlloc(scope.caller_context, sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*keys)[i] = tpg_row_int64(i, 1);
	tpg_store_end(&scope);
	return n;
}

int
tpg_execution_failed_tasks(TimestampTz now, int limit, int64 **keys)
{
	return read_keys(&failed_tasks_plan, now, limit, keys);
}

void
tpg_execution_retry_now(int64 key, TimestampTz now)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(key), TimestampTzGetDatum(now)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&retry_now_plan, values, NULL, false, 0);
	tpg_plan_execute(&retry_mail_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

int
tpg_execution_expired(TimestampTz now, int64 *cursor, int limit, int64 **keys)
{
	TpgStoreScope scope;
	Datum		values[3] = {TimestampTzGetDatum(now), Int64GetDatum(*cursor), Int32GetDatum(limit)};
	Datum		d;
	bool		isnull;
	int			n = 0;

	*keys = NULL;
	tpg_store_begin(&scope);
	tpg_plan_execute(&expired_plan, values, NULL, false, 1);
	d = tpg_row_datum(0, 1, &isnull);
	*cursor = isnull ? 0 : DatumGetInt64(d);
	d = tpg_row_datum(0, 2, &isnull);
	if (!isnull)
	{
		Datum	   *elements;
		bool	   *nulls;

		deconstruct_array(DatumGetArrayTypeP(d), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &n);
		*keys = MemoryContextAlloc(scope.caller_context, sizeof(int64) * n);
		for (int i = 0; i < n; i++)
			(*keys)[i] = DatumGetInt64(elements[i]);
	}
	tpg_store_end(&scope);
	return n;
}
