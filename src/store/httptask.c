/*-------------------------------------------------------------------------
 * store/httptask.c - table temporal_internal.activity_task: activities of type http.
 *
 * Their attempts are claimed by one process, which waits for nobody.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "store/httptask.h"
#include "store/plan.h"

/* Not paused, and in no queue with settings but those of these names: the dispatcher gives out the others. */
#define IN_NO_CONFIGURED_QUEUE(names) "NOT a.paused AND NOT EXISTS (SELECT FROM temporal_internal.task_queue_settings q " \
	"WHERE q.namespace_id = a.namespace_id AND q.name = a.task_queue AND q.name <> ALL (" names ")) "
static TpgPlan exists_plan = TPG_PLAN(
	"SELECT EXISTS (SELECT FROM temporal_internal.activity_task a WHERE a.mode = 4 AND a.due_at <= $1 AND " IN_NO_CONFIGURED_QUEUE("$3") ") "
	"OR $2 AND EXISTS (SELECT FROM temporal_internal.activity_task WHERE mode = 4 AND due_at = 'infinity')", 3, {TIMESTAMPTZOID, BOOLOID, TEXTARRAYOID}
);
/* The run's row as well, so that nobody has to be waited for: who has one of the two is left alone. */
#define LOCKS "FOR UPDATE OF a SKIP LOCKED FOR KEY SHARE OF e SKIP LOCKED"
static TpgPlan due_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "JOIN temporal_internal.execution e ON e.key = a.execution_key "
	"WHERE a.mode = 4 AND a.due_at <= $1 AND " IN_NO_CONFIGURED_QUEUE("$3") "ORDER BY a.due_at LIMIT $2 " LOCKS,
	3, {TIMESTAMPTZOID, INT4OID, TEXTARRAYOID}
);
static TpgPlan due_of_plan = TPG_PLAN(
	TPG_ACTIVITY_WITH_EVENT "JOIN unnest($2, $3) WITH ORDINALITY u(execution_key, scheduled_event_id, n) "
	"ON u.execution_key = a.execution_key AND u.scheduled_event_id = a.scheduled_event_id "
	"JOIN temporal_internal.execution e ON e.key = a.execution_key "
	"WHERE a.mode = 4 AND a.due_at <= $1 AND NOT a.paused ORDER BY u.n " LOCKS, 3, {TIMESTAMPTZOID, INT8ARRAYOID, INT4ARRAYOID}
);
static TpgPlan new_plan = TPG_PLAN(
	"SELECT DISTINCT namespace_id, task_queue FROM temporal_internal.activity_task WHERE mode = 4 AND NOT paused AND due_at >= $1 AND due_at <= $2",
	2, {TIMESTAMPTZOID, TIMESTAMPTZOID}
);
#define HTTP_CLAIM(lock) TPG_ACTIVITY_WITH_EVENT "JOIN temporal_internal.execution e ON e.key = a.execution_key " \
	"WHERE a.execution_key = $1 AND a.scheduled_event_id = $2 FOR UPDATE OF a SKIP LOCKED FOR " lock " OF e SKIP LOCKED"
static TpgPlan claim_plan = TPG_PLAN(HTTP_CLAIM("KEY SHARE"), 2, {INT8OID, INT4OID});
static TpgPlan claim_shared_plan = TPG_PLAN(HTTP_CLAIM("SHARE"), 2, {INT8OID, INT4OID});
static TpgPlan open_plan = TPG_PLAN(
	"SELECT a.execution_key, a.scheduled_event_id, a.attempt, a.started_at, e.activity_cancels > 0 AND EXISTS ("
	"SELECT FROM temporal_internal.history h WHERE h.execution_key = a.execution_key AND h.event_id > a.scheduled_event_id "
	"AND h.event_type = 15 AND (h.attributes ->> 'scheduledEventId')::integer = a.scheduled_event_id) "
	"FROM temporal_internal.activity_task a JOIN temporal_internal.execution e ON e.key = a.execution_key "
	"WHERE a.mode = 4 AND a.due_at = 'infinity' AND a.started_at IS NOT NULL", 0, {0}
);

/* Of C strings. */
static Datum
names_array(List *names)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(names), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, names)
		values[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

bool
tpg_activity_http_exists(TimestampTz now, bool or_open, List *unlimited)
{
	TpgStoreScope scope;
	Datum		values[3] = {TimestampTzGetDatum(now), BoolGetDatum(or_open)};
	bool		exists;

	tpg_store_begin(&scope);
	values[2] = names_array(unlimited);
	tpg_plan_execute(&exists_plan, values, NULL, false, 1);
	exists = tpg_row_bool(0, 1);
	tpg_store_end(&scope);
	return exists;
}

int
tpg_activity_http_due(TimestampTz now, int limit, List *unlimited, TpgActivityTask **tasks)
{
	Datum		values[3] = {TimestampTzGetDatum(now), Int32GetDatum(limit), names_array(unlimited)};

	return tpg_activity_read(&due_plan, values, tasks);
}

int
tpg_activity_http_due_of(TimestampTz now, const TpgActivityKey *keys, int nkeys, TpgActivityTask **tasks)
{
	Datum	   *columns[2];
	Datum		values[3] = {TimestampTzGetDatum(now)};

	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * nkeys);
	for (int i = 0; i < nkeys; i++)
	{
		columns[0][i] = Int64GetDatum(keys[i].execution_key);
		columns[1][i] = Int32GetDatum(keys[i].scheduled_event_id);
	}
	values[1] = PointerGetDatum(construct_array(columns[0], nkeys, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = PointerGetDatum(construct_array(columns[1], nkeys, INT4OID, 4, true, TYPALIGN_INT));
	return tpg_activity_read(&due_of_plan, values, tasks);
}

int
tpg_activity_http_new(TimestampTz since, TimestampTz now, TpgQueueCount **queues)
{
	TpgStoreScope scope;
	Datum		values[2] = {TimestampTzGetDatum(since), TimestampTzGetDatum(now)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&new_plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*queues = MemoryContextAllocZero(scope.caller_context, sizeof(TpgQueueCount) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*queues)[i].namespace_id = tpg_row_int32(i, 1);
		(*queues)[i].task_queue = tpg_row_text(i, 2, scope.caller_context);
	}
	tpg_store_end(&scope);
	return n;
}

TpgActivityTask *
tpg_activity_http_claim(int64 execution_key, int32 scheduled_event_id, bool completed)
{
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};

	return tpg_activity_read_one(completed ? &claim_plan : &claim_shared_plan, values, NULL);
}

int
tpg_activity_http_open(TpgOpenRequest **requests)
{
	TpgStoreScope scope;
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&open_plan, NULL, NULL, false, 0);
	n = (int) SPI_processed;
	*requests = MemoryContextAlloc(scope.caller_context, sizeof(TpgOpenRequest) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgOpenRequest *r = &(*requests)[i];

		r->execution_key = tpg_row_int64(i, 1);
		r->scheduled_event_id = tpg_row_int32(i, 2);
		r->attempt = tpg_row_int32(i, 3);
		r->started_at = tpg_row_int64(i, 4);
		r->cancelled = tpg_row_bool(i, 5);
	}
	tpg_store_end(&scope);
	return n;
}
