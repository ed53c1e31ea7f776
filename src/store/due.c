/*-------------------------------------------------------------------------
 * store/due.c - what is due: the dispatcher's view of the tables.
 *
 * Reads only.  Whatever is found here is a hint: the executor that takes it up
 * looks again under the run lock or the row lock.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/timestamp.h"

#include "store/due.h"
#include "store/plan.h"

#define RUN_PRIORITY "coalesce((e.priority ->> 'priorityKey')::int4, 3)"

static TpgPlan runs_plan = TPG_PLAN(
	"SELECT m.deliver_at, m.id, m.execution_key, 0, e.namespace_id, e.workflow_type, e.versioning ->> 'version', e.task_queue, " RUN_PRIORITY " "
	"FROM temporal_internal.message m JOIN temporal_internal.execution e ON e.key = m.execution_key "
	"WHERE (m.deliver_at, m.id) > ($2, $3) AND m.deliver_at <= $1 AND (e.wft_not_before IS NULL OR e.wft_not_before <= $1 OR m.kind = 6) "
	"ORDER BY m.deliver_at, m.id LIMIT $4", 4, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID}
);
static TpgPlan activities_plan = TPG_PLAN(
	"SELECT due_at, 0::int8, execution_key, scheduled_event_id, namespace_id, activity_type, NULL::text, task_queue, priority_key::int4 "
	"FROM temporal_internal.activity_task "
	"WHERE NOT paused AND mode < 3 AND (due_at, execution_key, scheduled_event_id) > ($2, $3, $4) AND due_at <= $1 "
	"ORDER BY due_at, execution_key, scheduled_event_id LIMIT $5", 5, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID}
);
static TpgPlan outboxes_plan = TPG_PLAN(
	"SELECT o.due_at, o.id, o.execution_key, 0, e.namespace_id, e.workflow_type, e.versioning ->> 'version', e.task_queue, " RUN_PRIORITY " "
	"FROM temporal_internal.outbox o JOIN temporal_internal.execution e ON e.key = o.execution_key "
	"WHERE (o.due_at, o.id) > ($2, $3) AND o.due_at <= $1 ORDER BY o.due_at, o.id LIMIT $4",
	4, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID}
);
static TpgPlan next_plan = TPG_PLAN(
	"SELECT least("
	"(SELECT min(deliver_at) FROM temporal_internal.message WHERE deliver_at > $1), "
	"(SELECT min(due_at) FROM temporal_internal.activity_task WHERE NOT paused AND mode < 3 AND due_at > $1), "
	"(SELECT min(due_at) FROM temporal_internal.activity_task "
	"WHERE mode = 3 AND pass IS NULL AND NOT paused AND due_at < 'infinity' AND due_at > $1), "
	"(SELECT min(due_at) FROM temporal_internal.activity_task WHERE NOT paused AND mode = 4 AND due_at > $1 AND due_at < 'infinity'), "
	"(SELECT min(due_at) FROM temporal_internal.outbox WHERE due_at > $1), "
	"(SELECT min(timeout_at) FROM temporal_internal.activity_task WHERE timeout_at > $1))", 1, {TIMESTAMPTZOID}
);

static TpgPlan run_next_plan = TPG_PLAN(
	"SELECT least("
	"(SELECT min(deliver_at) FROM temporal_internal.message WHERE execution_key = $1 AND deliver_at > $2), "
	"(SELECT least(min(due_at) FILTER (WHERE due_at > $2), min(timeout_at) FILTER (WHERE timeout_at > $2)) "
	"FROM temporal_internal.activity_task WHERE NOT paused AND execution_key = $1))",
	2, {INT8OID, TIMESTAMPTZOID}
);

static int
read_rows(TpgPlan *plan, Datum *values, TpgDueRow **rows)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*rows = MemoryContextAlloc(scope.caller_context, sizeof(TpgDueRow) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgDueRow  *r = &(*rows)[i];

		r->due = tpg_row_int64(i, 1);
		r->id = tpg_row_int64(i, 2);
		r->execution_key = tpg_row_int64(i, 3);
		r->event_id = tpg_row_int32(i, 4);
		r->namespace_id = tpg_row_int32(i, 5);
		r->type = tpg_row_text(i, 6, scope.caller_context);
		r->version = tpg_row_text(i, 7, scope.caller_context);
		r->task_queue = tpg_row_text(i, 8, scope.caller_context);
		r->priority_key = tpg_row_int32(i, 9);
	}
	tpg_store_end(&scope);
	return n;
}

static int
read_page(TpgPlan *plan, TimestampTz now, TimestampTz *cur_due, int64 *cur_id, int limit, TpgDueRow **rows)
{
	Datum		values[4] = {TimestampTzGetDatum(now), TimestampTzGetDatum(*cur_due), Int64GetDatum(*cur_id), Int32GetDatum(limit)};
	int			n = read_rows(plan, values, rows);

	if (n > 0)
	{
		*cur_due = (*rows)[n - 1].due;
		*cur_id = (*rows)[n - 1].id;
	}
	return n;
}

int
tpg_due_runs(TimestampTz now, TimestampTz *cur_due, int64 *cur_id, int limit, TpgDueRow **rows)
{
	return read_page(&runs_plan, now, cur_due, cur_id, limit, rows);
}

int
tpg_due_outboxes(TimestampTz now, TimestampTz *cur_due, int64 *cur_id, int limit, TpgDueRow **rows)
{
	return read_page(&outboxes_plan, now, cur_due, cur_id, limit, rows);
}

int
tpg_due_activities(TimestampTz now, TimestampTz *cur_due, int64 *cur_key, int32 *cur_event, int limit, TpgDueRow **rows)
{
	Datum		values[5] = {TimestampTzGetDatum(now), TimestampTzGetDatum(*cur_due), Int64GetDatum(*cur_key),
	Int32GetDatum(*cur_event), Int32GetDatum(limit)};
	int			n = read_rows(&activities_plan, values, rows);

	if (n > 0)
	{
		*cur_due = (*rows)[n - 1].due;
		*cur_key = (*rows)[n - 1].execution_key;
		*cur_event = (*rows)[n - 1].event_id;
	}
	return n;
}

static TimestampTz
read_time(TpgPlan *plan, Datum *values)
{
	TpgStoreScope scope;
	TimestampTz next = DT_NOEND;
	Datum		d;
	bool		isnull;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 1);
	d = tpg_row_datum(0, 1, &isnull);
	if (!isnull)
		next = DatumGetTimestampTz(d);
	tpg_store_end(&scope);
	return next;
}

TimestampTz
tpg_due_next(TimestampTz now)
{
	Datum		value = TimestampTzGetDatum(now);

	return read_time(&next_plan, &value);
}

TimestampTz
tpg_due_next_of_run(int64 execution_key, TimestampTz now)
{
	Datum		values[2] = {Int64GetDatum(execution_key), TimestampTzGetDatum(now)};

	return read_time(&run_next_plan, values);
}
