/*-------------------------------------------------------------------------
 * store/history.c - table temporal_internal.history.
 *
 * Append-only.  The writer holds the run lock and has taken the event ids from
 * the execution row, so ids have no gap; the primary key is the safety net.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "store/history.h"
#include "store/plan.h"

#define EVENT_COLUMNS "event_id, task_id, event_type, event_time, task_time, attributes, user_metadata"

static TpgPlan read_plan = TPG_PLAN(
	"SELECT " EVENT_COLUMNS " FROM temporal_internal.history "
	"WHERE execution_key = $1 AND event_id >= $2 ORDER BY event_id", 2, {INT8OID, INT4OID}
);
static TpgPlan event_plan = TPG_PLAN(
	"SELECT " EVENT_COLUMNS " FROM temporal_internal.history "
	"WHERE execution_key = $1 AND event_id = $2", 2, {INT8OID, INT4OID}
);
static TpgPlan append_one_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.history (execution_key, " EVENT_COLUMNS ") "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	8, {INT8OID, INT4OID, INT4OID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID, JSONBOID}
);
static TpgPlan append_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.history (execution_key, " EVENT_COLUMNS ") "
	"SELECT $1, e.* FROM ROWS FROM (unnest($2), unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8)) e",
	8, {INT8OID, INT4ARRAYOID, INT4ARRAYOID, INT2ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, JSONBARRAYOID, JSONBARRAYOID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.history WHERE execution_key = $1", 1, {INT8OID}
);

static void
event_from_row(uint64 r, TpgEvent *event, MemoryContext ctx)
{
	bool		isnull;

	event->event_id = tpg_row_int32(r, 1);
	event->task_id = tpg_row_int32(r, 2);
	event->type = tpg_row_int16(r, 3);
	event->time = tpg_row_int64(r, 4);
	event->task_time = DatumGetTimestampTz(tpg_row_datum(r, 5, &isnull));
	if (isnull)
		event->task_time = event->time;
	event->attributes = (Jsonb *) tpg_row_varlena(r, 6, ctx);
	event->user_metadata = (Jsonb *) tpg_row_varlena(r, 7, ctx);
}

int
tpg_history_read(int64 execution_key, int32 from_event_id, TpgEvent **events)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(from_event_id)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&read_plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*events = MemoryContextAlloc(scope.caller_context, sizeof(TpgEvent) * Max(n, 1));
	for (int i = 0; i < n; i++)
		event_from_row(i, &(*events)[i], scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

bool
tpg_history_event(int64 execution_key, int32 event_id, TpgEvent *event)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(event_id)};
	bool		found;

	tpg_store_begin(&scope);
	tpg_plan_execute(&event_plan, values, NULL, false, 1);
	found = SPI_processed == 1;
	if (found)
		event_from_row(0, event, scope.caller_context);
	tpg_store_end(&scope);
	return found;
}

static ArrayType *
make_array(Datum *values, bool *nulls, int n, Oid type, int len, bool byval, char align)
{
	int			dims[1] = {n};
	int			lbs[1] = {1};

	return construct_md_array(values, nulls, 1, dims, lbs, type, len, byval, align);
}

void
tpg_history_append(int64 execution_key, const TpgEvent *events, int nevents)
{
	TpgStoreScope scope;
	Datum		values[8];
	char		nulls[9] = "        ";
	Datum	   *columns[7];
	bool	   *metadata_null;

	if (nevents == 0)
		return;
	tpg_store_begin(&scope);
	values[0] = Int64GetDatum(execution_key);
	if (nevents == 1)
	{
		values[1] = Int32GetDatum(events->event_id);
		values[2] = Int32GetDatum(events->task_id);
		values[3] = Int16GetDatum((int16) events->type);
		values[4] = TimestampTzGetDatum(events->time);
		values[5] = TimestampTzGetDatum(events->task_time);
		if (events->task_time == events->time)
			nulls[5] = 'n';
		values[6] = JsonbPGetDatum(events->attributes);
		values[7] = PointerGetDatum(events->user_metadata);
		if (events->user_metadata == NULL)
			nulls[7] = 'n';
		tpg_plan_execute(&append_one_plan, values, nulls, false, 0);
		tpg_store_end(&scope);
		return;
	}

	for (int c = 0; c < 7; c++)
		columns[c] = palloc(sizeof(Datum) * nevents);
	metadata_null = palloc(sizeof(bool) * nevents * 2);
	for (int i = 0; i < nevents; i++)
	{
		const TpgEvent *e = &events[i];

		columns[0][i] = Int32GetDatum(e->event_id);
		columns[1][i] = Int32GetDatum(e->task_id);
		columns[2][i] = Int16GetDatum((int16) e->type);
		columns[3][i] = TimestampTzGetDatum(e->time);
		columns[4][i] = TimestampTzGetDatum(e->task_time);
		columns[5][i] = JsonbPGetDatum(e->attributes);
		columns[6][i] = PointerGetDatum(e->user_metadata);
		metadata_null[i] = e->user_metadata == NULL;
		/* a null says: the same as event_time */
		metadata_null[nevents + i] = e->task_time == e->time;
	}
	values[1] = PointerGetDatum(make_array(columns[0], NULL, nevents, INT4OID, 4, true, TYPALIGN_INT));
	values[2] = PointerGetDatum(make_array(columns[1], NULL, nevents, INT4OID, 4, true, TYPALIGN_INT));
	values[3] = PointerGetDatum(make_array(columns[2], NULL, nevents, INT2OID, 2, true, TYPALIGN_SHORT));
	values[4] = PointerGetDatum(make_array(columns[3], NULL, nevents, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE));
	values[5] = PointerGetDatum(make_array(columns[4], metadata_null + nevents, nevents, TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE));
	values[6] = PointerGetDatum(make_array(columns[5], NULL, nevents, JSONBOID, -1, false, TYPALIGN_INT));
	values[7] = PointerGetDatum(make_array(columns[6], metadata_null, nevents, JSONBOID, -1, false, TYPALIGN_INT));
	tpg_plan_execute(&append_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

void
tpg_history_delete(int64 execution_key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}
