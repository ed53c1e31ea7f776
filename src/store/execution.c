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

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/ident.h"
#include "base/json.h"
#include "store/execution.h"
#include "store/plan.h"
#include "store/row.h"

/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	EXECUTION_KEY,
	EXECUTION_START_TIME,
	EXECUTION_EXECUTION_TIME,
	EXECUTION_RUN_EXPIRATION,
	EXECUTION_EXECUTION_EXPIRATION,
	EXECUTION_RUN_ID,
	EXECUTION_FIRST_RUN_ID,
	EXECUTION_ORIGINAL_RUN_ID,
	EXECUTION_NAMESPACE_ID,
	EXECUTION_RUN_NO,
	EXECUTION_ATTEMPT,
	EXECUTION_NEXT_EVENT_ID,
	EXECUTION_LAST_TASK_ID,
	EXECUTION_PENDING_ACTIVITIES,
	EXECUTION_WFT_ATTEMPT,
	EXECUTION_HISTORY_BYTES,
	EXECUTION_LAST_TASK_TIME,
	EXECUTION_CLOSE_TIME,
	EXECUTION_WFT_NOT_BEFORE,
	EXECUTION_WFT_DEADLINE,
	EXECUTION_WFT_SCHEDULED_EVENT_ID,
	EXECUTION_WFT_STARTED_EVENT_ID,
	EXECUTION_SIGNAL_COUNT,
	EXECUTION_UPDATE_COUNT,
	EXECUTION_ACTIVITY_CANCELS,
	EXECUTION_WFT_STATE,
	EXECUTION_STATUS,
	EXECUTION_CANCEL_REQUESTED,
	EXECUTION_WORKFLOW_ID,
	EXECUTION_WORKFLOW_TYPE,
	EXECUTION_TASK_QUEUE,
	EXECUTION_START_REQUEST_ID,
	EXECUTION_MEMO,
	EXECUTION_PARENT,
	EXECUTION_VERSIONING,
	EXECUTION_LAST_TASK_FAILURE,
	EXECUTION_PRIORITY,
	EXECUTION_RESET_RUN_ID,		/* read by describe() only */
	EXECUTION_COLUMNS
};

static TpgPlan current_plan = TPG_PLAN(
	"SELECT key FROM temporal_internal.execution WHERE namespace_id = $1 AND workflow_id = $2 ORDER BY run_no DESC LIMIT 1",
	2, {INT4OID, TEXTOID}
);
static TpgPlan by_run_id_plan = TPG_PLAN(
	"SELECT key FROM temporal_internal.execution WHERE namespace_id = $1 AND workflow_id = $2 AND run_id = $3",
	3, {INT4OID, TEXTOID, UUIDOID}
);
#define INSERT_EXECUTION \
	"INSERT INTO temporal_internal.execution (namespace_id, run_no, workflow_id, workflow_type, task_queue, run_id, first_run_id, " \
	"original_run_id, start_time, execution_time, run_expiration, execution_expiration, history_bytes, attempt, start_request_id, memo, parent, versioning, priority) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
#define INSERT_TYPES \
	{INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
		TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID, TEXTOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID}

static TpgPlan insert_plan = TPG_PLAN(
	INSERT_EXECUTION "ON CONFLICT (namespace_id, workflow_id, run_no) DO NOTHING RETURNING key", 19, INSERT_TYPES
);
static TpgPlan insert_fresh_plan = TPG_PLAN(
	INSERT_EXECUTION "RETURNING key", 19, INSERT_TYPES
);
/*
 * What every update writes, as $1 to $9.  Each update comes in two variants, the
 * second one with the memo as its last parameter.
 */
#define COMMON_VALUES 9
#define UPDATE_EXECUTION \
	"UPDATE temporal_internal.execution SET next_event_id = $2, last_task_id = $3, last_task_time = $4, history_bytes = $5, " \
	"signal_count = $6, update_count = $7, cancel_requested = $8, activity_cancels = $9, "
#define COMMON_TYPES INT8OID, INT4OID, INT4OID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, BOOLOID, INT4OID
#define UPDATE_TASK UPDATE_EXECUTION \
	"pending_activities = $10, wft_attempt = 1, wft_not_before = NULL, last_task_failure = NULL"
#define UPDATE_CLOSE UPDATE_EXECUTION \
	"pending_activities = 0, wft_attempt = 1, wft_not_before = NULL, last_task_failure = NULL, status = $10, close_time = $11"
#define UPDATE_TASK_FAILURE UPDATE_EXECUTION \
	"pending_activities = $10, wft_attempt = $11, wft_not_before = $12, last_task_failure = $13"

static TpgPlan update_task_plans[] = {
	TPG_PLAN(UPDATE_TASK " WHERE key = $1", COMMON_VALUES + 1, {COMMON_TYPES, INT4OID}),
	TPG_PLAN(UPDATE_TASK ", memo = $11 WHERE key = $1", COMMON_VALUES + 2, {COMMON_TYPES, INT4OID, JSONBOID}),
};
static TpgPlan update_close_plans[] = {
	TPG_PLAN(UPDATE_CLOSE " WHERE key = $1", COMMON_VALUES + 2, {COMMON_TYPES, INT2OID, TIMESTAMPTZOID}),
	TPG_PLAN(UPDATE_CLOSE ", memo = $12 WHERE key = $1", COMMON_VALUES + 3, {COMMON_TYPES, INT2OID, TIMESTAMPTZOID, JSONBOID}),
};
static TpgPlan update_task_failure_plans[] = {
	TPG_PLAN(UPDATE_TASK_FAILURE " WHERE key = $1", COMMON_VALUES + 4, {COMMON_TYPES, INT4OID, INT4OID, TIMESTAMPTZOID, JSONBOID}),
	TPG_PLAN(UPDATE_TASK_FAILURE ", memo = $14 WHERE key = $1", COMMON_VALUES + 5, {COMMON_TYPES, INT4OID, INT4OID, TIMESTAMPTZOID, JSONBOID, JSONBOID}),
};
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
	"SELECT CASE WHEN count(*) = $3 THEN max(e.key) END, array_agg(e.key) FILTER (WHERE e.close_time < $1 - n.retention "
	/* what it has to tell others is told first */
	"AND NOT EXISTS (SELECT FROM temporal_internal.outbox o WHERE o.execution_key = e.key)), "
	"array_agg(DISTINCT e.version) FILTER (WHERE e.version IS NOT NULL) "
	"FROM (SELECT key, namespace_id, close_time, versioning ->> 'version' AS version FROM temporal_internal.execution WHERE key > $2 ORDER BY key LIMIT $3) e "
	"LEFT JOIN temporal_internal.namespace n ON n.id = e.namespace_id", 3, {TIMESTAMPTZOID, INT8OID, INT4OID}
);

static TpgPlan open_runs_plan = TPG_PLAN(
	"SELECT key FROM temporal_internal.execution WHERE key > $1 AND namespace_id = $2 AND status IN (1, 8) "
	"AND ($3 IS NULL OR workflow_type = $3) ORDER BY key LIMIT $4", 4, {INT8OID, INT4OID, TEXTOID, INT4OID}
);

static TimestampTz
scan_time(const TpgScan *s, int column, TimestampTz dflt)
{
	return s->nulls[column] ? dflt : DatumGetTimestampTz(s->values[column]);
}

static pg_uuid_t
scan_uuid(const TpgScan *s, int column, const pg_uuid_t *dflt)
{
	return s->nulls[column] ? *dflt : *DatumGetUUIDP(s->values[column]);
}

static TpgExecution *
execution_from_scan(const TpgScan *s)
{
	TpgExecution *e = palloc0(sizeof(TpgExecution));

	e->key = DatumGetInt64(s->values[EXECUTION_KEY]);
	e->namespace_id = DatumGetInt32(s->values[EXECUTION_NAMESPACE_ID]);
	e->run_no = DatumGetInt32(s->values[EXECUTION_RUN_NO]);
	e->workflow_id = tpg_scan_text(s, EXECUTION_WORKFLOW_ID);
	e->workflow_type = tpg_scan_text(s, EXECUTION_WORKFLOW_TYPE);
	e->task_queue = tpg_scan_text(s, EXECUTION_TASK_QUEUE);
	e->run_id = *DatumGetUUIDP(s->values[EXECUTION_RUN_ID]);
	e->first_run_id = scan_uuid(s, EXECUTION_FIRST_RUN_ID, &e->run_id);
	e->original_run_id = scan_uuid(s, EXECUTION_ORIGINAL_RUN_ID, &e->run_id);
	e->status = DatumGetInt16(s->values[EXECUTION_STATUS]);
	e->start_time = scan_time(s, EXECUTION_START_TIME, 0);
	e->execution_time = scan_time(s, EXECUTION_EXECUTION_TIME, 0);
	e->close_time = scan_time(s, EXECUTION_CLOSE_TIME, 0);
	e->last_task_time = scan_time(s, EXECUTION_LAST_TASK_TIME, 0);
	e->run_expiration = scan_time(s, EXECUTION_RUN_EXPIRATION, DT_NOEND);
	e->execution_expiration = scan_time(s, EXECUTION_EXECUTION_EXPIRATION, DT_NOEND);
	e->wft_not_before = scan_time(s, EXECUTION_WFT_NOT_BEFORE, 0);
	e->history_bytes = DatumGetInt64(s->values[EXECUTION_HISTORY_BYTES]);
	e->next_event_id = DatumGetInt32(s->values[EXECUTION_NEXT_EVENT_ID]);
	e->last_task_id = DatumGetInt32(s->values[EXECUTION_LAST_TASK_ID]);
	e->pending_activities = DatumGetInt32(s->values[EXECUTION_PENDING_ACTIVITIES]);
	e->signal_count = s->nulls[EXECUTION_SIGNAL_COUNT] ? 0 : DatumGetInt32(s->values[EXECUTION_SIGNAL_COUNT]);
	e->update_count = s->nulls[EXECUTION_UPDATE_COUNT] ? 0 : DatumGetInt32(s->values[EXECUTION_UPDATE_COUNT]);
	e->activity_cancels = s->nulls[EXECUTION_ACTIVITY_CANCELS] ? 0 : DatumGetInt32(s->values[EXECUTION_ACTIVITY_CANCELS]);
	e->attempt = DatumGetInt32(s->values[EXECUTION_ATTEMPT]);
	e->wft_attempt = DatumGetInt32(s->values[EXECUTION_WFT_ATTEMPT]);
	e->cancel_requested = DatumGetBool(s->values[EXECUTION_CANCEL_REQUESTED]);
	e->start_request_id = tpg_scan_text(s, EXECUTION_START_REQUEST_ID);
	e->memo = (Jsonb *) tpg_scan_varlena(s, EXECUTION_MEMO);
	e->parent = (Jsonb *) tpg_scan_varlena(s, EXECUTION_PARENT);
	e->last_task_failure = (Jsonb *) tpg_scan_varlena(s, EXECUTION_LAST_TASK_FAILURE);
	if (!s->nulls[EXECUTION_PRIORITY])
		e->priority = tpg_priority_from_jsonb((Jsonb *) tpg_scan_varlena(s, EXECUTION_PRIORITY));
	e->versioning = (Jsonb *) tpg_scan_varlena(s, EXECUTION_VERSIONING);
	e->version = e->versioning != NULL ? tpg_json_get_text(e->versioning, "version") : NULL;
	return e;
}

TpgExecution *
tpg_execution_by_key(int64 key)
{
	TpgScan		scan;
	TpgExecution *e = NULL;

	tpg_scan_begin(&scan, "execution", EXECUTION_COLUMNS, key, -1);
	if (tpg_scan_next(&scan))
		e = execution_from_scan(&scan);
	tpg_scan_end(&scan);
	return e;
}

TpgExecution *
tpg_execution_find(int32 namespace_id, const char *workflow_id, const pg_uuid_t *run_id)
{
	TpgStoreScope scope;
	Datum		values[3];
	TpgPlan    *plan = run_id ? &by_run_id_plan : &current_plan;
	int64		key;

	tpg_store_begin(&scope);
	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(workflow_id);
	values[2] = UUIDPGetDatum(run_id);
	tpg_plan_execute_latest(plan, values, NULL, 1);
	key = SPI_processed == 1 ? tpg_row_int64(0, 1) : 0;
	tpg_store_end(&scope);
	return key == 0 ? NULL : tpg_execution_by_key(key);
}

int64
tpg_execution_insert(const TpgExecution *e, bool fresh_id)
{
	TpgStoreScope scope;
	Datum		values[19];
	char		nulls[20] = "                   ";
	Jsonb	   *priority = tpg_priority_to_jsonb(&e->priority);
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
	values[16] = PointerGetDatum(e->parent);
	if (e->parent == NULL)
		nulls[16] = 'n';
	values[17] = PointerGetDatum(e->versioning);
	if (e->versioning == NULL)
		nulls[17] = 'n';
	values[18] = PointerGetDatum(priority);
	if (priority == NULL)
		nulls[18] = 'n';
	tpg_plan_execute(fresh_id ? &insert_fresh_plan : &insert_plan, values, nulls, false, 0);
	key = SPI_processed == 1 ? tpg_row_int64(0, 1) : 0;
	tpg_store_end(&scope);
	return key;
}

static bool
lock_row(TpgScan *scan, int64 key, TpgRowLock lock)
{
	static const LockTupleMode modes[] = {
		[TPG_ROW_KEY_SHARE] = LockTupleKeyShare,
		[TPG_ROW_SHARE] = LockTupleShare,
		[TPG_ROW_UPDATE] = LockTupleExclusive,
		[TPG_ROW_UPDATE_NOWAIT] = LockTupleExclusive,
		[TPG_ROW_KEY_SHARE_NOWAIT] = LockTupleKeyShare
	};

	tpg_scan_begin_write(scan, "execution", EXECUTION_COLUMNS, key, -1);
	return tpg_scan_next(scan) && tpg_row_lock(scan, modes[lock], lock >= TPG_ROW_UPDATE_NOWAIT ? LockWaitSkip : LockWaitBlock);
}

bool
tpg_execution_lock(int64 key, TpgRowLock lock, TpgStatus *status)
{
	TpgScan		scan;
	bool		found = lock_row(&scan, key, lock);

	if (found)
		*status = DatumGetInt16(scan.values[EXECUTION_STATUS]);
	tpg_scan_end(&scan);
	return found;
}

/*
 * Runs that the transaction has locked FOR KEY SHARE and seen open: nobody else can close or
 * delete them before it ends.  Empty after what may have given the locks back, or
 * changed a run here.
 */
#define MAX_SHARED 64
static const TpgExecution *shared[MAX_SHARED];
static int	nshared = 0;
static LocalTransactionId shared_lxid = InvalidLocalTransactionId;

static void
forget_shared(void)
{
	nshared = 0;
}

static void
forget_shared_at_subabort(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		forget_shared();
}

const TpgExecution *
tpg_execution_share(int64 key)
{
	static bool callback_registered = false;
	TpgScan		scan;
	MemoryContext old;
	TpgExecution *e = NULL;

	if (!callback_registered)
	{
		RegisterSubXactCallback(forget_shared_at_subabort, NULL);
		callback_registered = true;
	}
	if (shared_lxid != tpg_my_lxid())
		forget_shared();
	shared_lxid = tpg_my_lxid();
	for (int i = 0; i < nshared; i++)
		if (shared[i]->key == key)
			return shared[i];

	old = MemoryContextSwitchTo(nshared < MAX_SHARED ? TopTransactionContext : CurrentMemoryContext);
	if (lock_row(&scan, key, TPG_ROW_KEY_SHARE) && tpg_status_is_open(DatumGetInt16(scan.values[EXECUTION_STATUS])))
		e = execution_from_scan(&scan);
	tpg_scan_end(&scan);
	MemoryContextSwitchTo(old);
	if (e != NULL && nshared < MAX_SHARED)
		shared[nshared++] = e;
	return e;
}

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
	values[5] = Int32GetDatum(e->signal_count);
	if (e->signal_count == 0)
		nulls[5] = 'n';
	values[6] = Int32GetDatum(e->update_count);
	if (e->update_count == 0)
		nulls[6] = 'n';
	values[7] = BoolGetDatum(e->cancel_requested);
	values[8] = Int32GetDatum(e->activity_cancels);
	if (e->activity_cancels == 0)
		nulls[8] = 'n';
}

/* values, nulls: with room for one more */
static void
execute_update(TpgPlan *plans, const TpgExecution *e, Datum *values, char *nulls)
{
	TpgPlan    *plan = &plans[e->memo_changed];

	if (e->memo_changed)
		values[plan->nargs - 1] = JsonbPGetDatum(e->memo);
	tpg_plan_execute(plan, values, nulls, false, 0);
	/* its history has grown already */
	if (SPI_processed != 1)
		elog(ERROR, "the row of workflow \"%s\" could not be updated", e->workflow_id);
}

void
tpg_execution_update_task(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[COMMON_VALUES + 2];
	char		nulls[] = "           ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[COMMON_VALUES] = Int32GetDatum(e->pending_activities);
	execute_update(update_task_plans, e, values, nulls);
	tpg_store_end(&scope);
}

void
tpg_execution_update_close(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[COMMON_VALUES + 3];
	char		nulls[] = "            ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[COMMON_VALUES] = Int16GetDatum((int16) e->status);
	values[COMMON_VALUES + 1] = TimestampTzGetDatum(e->close_time);
	forget_shared();
	execute_update(update_close_plans, e, values, nulls);
	tpg_store_end(&scope);
}

void
tpg_execution_update_task_failure(const TpgExecution *e)
{
	TpgStoreScope scope;
	Datum		values[COMMON_VALUES + 5];
	char		nulls[] = "              ";

	tpg_store_begin(&scope);
	fill_common(e, values, nulls);
	values[COMMON_VALUES] = Int32GetDatum(e->pending_activities);
	values[COMMON_VALUES + 1] = Int32GetDatum(e->wft_attempt);
	values[COMMON_VALUES + 2] = TimestampTzGetDatum(e->wft_not_before);
	values[COMMON_VALUES + 3] = PointerGetDatum(e->last_task_failure);
	execute_update(update_task_failure_plans, e, values, nulls);
	tpg_store_end(&scope);
}

void
tpg_execution_delete(int64 key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(key);

	forget_shared();
	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}

static int
read_keys(TpgPlan *plan, Datum *values, const char *nulls, int64 **keys)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, nulls, false, 0);
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
	Datum		values[2] = {TimestampTzGetDatum(now), Int32GetDatum(limit)};

	return read_keys(&failed_tasks_plan, values, NULL, keys);
}

int
tpg_execution_open_runs(int32 namespace_id, const char *workflow_type, int64 after, int limit, int64 **keys)
{
	Datum		values[4] = {Int64GetDatum(after), Int32GetDatum(namespace_id), 0, Int32GetDatum(limit)};

	if (workflow_type != NULL)
		values[2] = CStringGetTextDatum(workflow_type);
	return read_keys(&open_runs_plan, values, workflow_type ? NULL : "  n ", keys);
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
tpg_execution_expired(TimestampTz now, int64 *cursor, int limit, int64 **keys, List **versions)
{
	TpgStoreScope scope;
	Datum		values[3] = {TimestampTzGetDatum(now), Int64GetDatum(*cursor), Int32GetDatum(limit)};
	Datum		d;
	bool		isnull;
	int			n = 0;

	*keys = NULL;
	*versions = NIL;
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
	d = tpg_row_datum(0, 3, &isnull);
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(scope.caller_context);
		Datum	   *elements;
		int			count;

		deconstruct_array(DatumGetArrayTypePCopy(d), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
		for (int i = 0; i < count; i++)
			*versions = lappend(*versions, TextDatumGetCString(elements[i]));
		MemoryContextSwitchTo(old);
	}
	tpg_store_end(&scope);
	return n;
}
