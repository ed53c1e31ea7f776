/*-------------------------------------------------------------------------
 * store/heartbeat.c - table temporal_internal.activity_heartbeat.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "store/heartbeat.h"
#include "store/plan.h"
#include "store/row.h"

static TpgPlan read_plan = TPG_PLAN(
	"SELECT heartbeat_at, attempt, details FROM temporal_internal.activity_heartbeat WHERE execution_key = $1 AND scheduled_event_id = $2",
	2, {INT8OID, INT4OID}
);
static TpgPlan put_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.activity_heartbeat (execution_key, scheduled_event_id, heartbeat_at, attempt, details) "
	"VALUES ($1, $2, $3, $4, $5) ON CONFLICT (execution_key, scheduled_event_id) "
	"DO UPDATE SET heartbeat_at = excluded.heartbeat_at, attempt = excluded.attempt, details = excluded.details",
	5, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, JSONBOID}
);

/*
 * Without waiting for anybody: neither for the attempt, whose process holds its row until it
 * ends (so a key share lock: only the end of the activity conflicts with it), nor for a
 * session that ends or heartbeats an attempt that stays open, nor for whoever closes the run.
 * As long as this transaction lasts, the row stays, and the run open: no heartbeat is left over.
 */
#define PRESENT(strength) \
	"WITH present AS MATERIALIZED (SELECT FROM temporal_internal.activity_task a JOIN temporal_internal.execution e ON e.key = a.execution_key " \
	"WHERE a.execution_key = $1 AND a.scheduled_event_id = $2 AND a.attempt = $4 AND e.status IN (1, 8) " \
	"FOR " strength " OF a SKIP LOCKED FOR KEY SHARE OF e SKIP LOCKED) " \
	"INSERT INTO temporal_internal.activity_heartbeat AS h (execution_key, scheduled_event_id, heartbeat_at, attempt, details) " \
	"SELECT $1, $2, $3, $4, $5 FROM present ON CONFLICT (execution_key, scheduled_event_id) " \
	"DO UPDATE SET heartbeat_at = excluded.heartbeat_at, attempt = excluded.attempt, details = excluded.details"

static TpgPlan keep_plan = TPG_PLAN(
	PRESENT("KEY SHARE"), 5, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, JSONBOID}
);
static TpgPlan keep_open_plan = TPG_PLAN(
	PRESENT("NO KEY UPDATE"), 5, {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, JSONBOID}
);
/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	HEARTBEAT_EXECUTION_KEY,
	HEARTBEAT_HEARTBEAT_AT,
	HEARTBEAT_SCHEDULED_EVENT_ID,
	HEARTBEAT_ATTEMPT,
	HEARTBEAT_DETAILS,
	HEARTBEAT_COLUMNS
};

static TpgPlan delete_all_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.activity_heartbeat WHERE execution_key = $1", 1, {INT8OID}
);

TpgHeartbeat *
tpg_heartbeat_read(int64 execution_key, int32 scheduled_event_id)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};
	TpgHeartbeat *h = NULL;

	tpg_store_begin(&scope);
	tpg_plan_execute(&read_plan, values, NULL, false, 1);
	if (SPI_processed == 1)
	{
		h = MemoryContextAlloc(scope.caller_context, sizeof(TpgHeartbeat));
		h->at = tpg_row_int64(0, 1);
		h->attempt = tpg_row_int32(0, 2);
		h->details = (Jsonb *) tpg_row_varlena(0, 3, scope.caller_context);
	}
	tpg_store_end(&scope);
	return h;
}

void
tpg_heartbeat_put(int64 execution_key, int32 scheduled_event_id, const TpgHeartbeat *h)
{
	TpgStoreScope scope;
	Datum		values[5] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id), TimestampTzGetDatum(h->at),
	Int32GetDatum(h->attempt), PointerGetDatum(h->details)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&put_plan, values, h->details ? NULL : "    n", false, 0);
	tpg_store_end(&scope);
}

bool
tpg_heartbeat_keep(int64 execution_key, int32 scheduled_event_id, const TpgHeartbeat *h, bool open)
{
	TpgStoreScope scope;
	Datum		values[5] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id), TimestampTzGetDatum(h->at),
	Int32GetDatum(h->attempt), PointerGetDatum(h->details)};
	bool		done;

	tpg_store_begin(&scope);
	tpg_plan_execute(open ? &keep_open_plan : &keep_plan, values, h->details ? NULL : "    n", false, 0);
	done = SPI_processed == 1;
	tpg_store_end(&scope);
	return done;
}

void
tpg_heartbeat_delete(int64 execution_key, int32 scheduled_event_id)
{
	TpgScan		scan;

	/* mostly there is none */
	tpg_scan_begin_write(&scan, "activity_heartbeat", HEARTBEAT_COLUMNS, execution_key, scheduled_event_id);
	if (tpg_scan_next(&scan) && DatumGetInt32(scan.values[HEARTBEAT_SCHEDULED_EVENT_ID]) == scheduled_event_id)
		(void) tpg_row_delete(&scan);
	tpg_scan_end(&scan);
}

void
tpg_heartbeat_delete_all(int64 execution_key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_all_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}
