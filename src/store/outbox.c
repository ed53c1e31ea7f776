/*-------------------------------------------------------------------------
 * store/outbox.c - table temporal_internal.outbox: what runs ask of other runs.
 *
 * A run's own task inserts; whoever holds the run's outbox lock (store/runlock)
 * reads and deletes.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "store/outbox.h"
#include "store/plan.h"
#include "store/scan.h"

/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	OUTBOX_EXECUTION_KEY,
	OUTBOX_ID,
	OUTBOX_DUE_AT,
	OUTBOX_REF_EVENT_ID,
	OUTBOX_ATTEMPT,
	OUTBOX_KIND,
	OUTBOX_COLUMNS
};

static TpgPlan insert_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.outbox (execution_key, ref_event_id, due_at, kind) VALUES ($1, $2, $3, $4)",
	4, {INT8OID, INT4OID, TIMESTAMPTZOID, INT2OID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.outbox WHERE execution_key = $1 AND id = $2", 2, {INT8OID, INT8OID}
);
static TpgPlan postpone_plan = TPG_PLAN(
	"UPDATE temporal_internal.outbox SET due_at = $3, attempt = attempt + 1 WHERE execution_key = $1 AND id = $2",
	3, {INT8OID, INT8OID, TIMESTAMPTZOID}
);
static TpgPlan delete_all_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.outbox WHERE execution_key = $1", 1, {INT8OID}
);

static void
outbox_execute(TpgPlan *plan, Datum *values)
{
	TpgStoreScope scope;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

void
tpg_outbox_insert(int64 execution_key, TpgOutboxKind kind, int32 ref_event_id, TimestampTz due_at)
{
	Datum		values[4] = {Int64GetDatum(execution_key), Int32GetDatum(ref_event_id), TimestampTzGetDatum(due_at), Int16GetDatum((int16) kind)};

	outbox_execute(&insert_plan, values);
}

int
tpg_outbox_read(int64 execution_key, int64 from, int limit, TpgOutboxRow *rows)
{
	TpgScan		scan;
	int			n = 0;

	tpg_scan_begin(&scan, "outbox", OUTBOX_COLUMNS, execution_key, from);
	while (n < limit && tpg_scan_next(&scan))
	{
		TpgOutboxRow *r = &rows[n++];

		r->due_at = DatumGetTimestampTz(scan.values[OUTBOX_DUE_AT]);
		r->id = DatumGetInt64(scan.values[OUTBOX_ID]);
		r->ref_event_id = DatumGetInt32(scan.values[OUTBOX_REF_EVENT_ID]);
		r->attempt = DatumGetInt32(scan.values[OUTBOX_ATTEMPT]);
		r->kind = DatumGetInt16(scan.values[OUTBOX_KIND]);
	}
	tpg_scan_end(&scan);
	return n;
}

void
tpg_outbox_delete(int64 execution_key, int64 id)
{
	Datum		values[2] = {Int64GetDatum(execution_key), Int64GetDatum(id)};

	outbox_execute(&delete_plan, values);
}

void
tpg_outbox_postpone(int64 execution_key, int64 id, TimestampTz due_at)
{
	Datum		values[3] = {Int64GetDatum(execution_key), Int64GetDatum(id), TimestampTzGetDatum(due_at)};

	outbox_execute(&postpone_plan, values);
}

void
tpg_outbox_delete_all(int64 execution_key)
{
	Datum		value = Int64GetDatum(execution_key);

	outbox_execute(&delete_all_plan, &value);
}
