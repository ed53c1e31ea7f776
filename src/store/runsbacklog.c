/*-------------------------------------------------------------------------
 * store/runsbacklog.c - what is due of some runs, of whatever queues: for a test environment.
 *
 * The same rows as the dispatcher reads of a queue (store/task_queue), but of the runs that a transaction
 * drives itself.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/plan.h"
#include "store/runsbacklog.h"

#define KEY_AND_WEIGHT(key, weight) \
	"s.name IS NOT NULL, CASE WHEN s.name IS NULL THEN '' ELSE " key " END, coalesce((s.fairness_weights ->> " key ")::float8, " weight ", 1) "
#define SETTINGS(of) "LEFT JOIN temporal_internal.task_queue_settings s ON s.namespace_id = " of ".namespace_id AND s.name = " of ".task_queue "

static TpgPlan plans[] = {
	TPG_PLAN(
		"SELECT e.key, 0, e.workflow_type, coalesce((e.priority ->> 'priorityKey')::int4, 3), r.due, false, false, e.namespace_id, e.task_queue, "
		KEY_AND_WEIGHT("coalesce(e.priority ->> 'fairnessKey', '')", "(e.priority ->> 'fairnessWeight')::float8")
		"FROM (SELECT m.execution_key, min(m.deliver_at) AS due, bool_or(m.kind = 6) AS forced FROM temporal_internal.message m "
		"WHERE m.execution_key = ANY ($1) AND m.deliver_at <= $2 GROUP BY 1) r "
		"JOIN temporal_internal.execution e ON e.key = r.execution_key AND (e.wft_not_before IS NULL OR e.wft_not_before <= $2 OR r.forced) "
		SETTINGS("e") "ORDER BY e.namespace_id, e.task_queue, 1", 2, {INT8ARRAYOID, TIMESTAMPTZOID}
	),
	TPG_PLAN(
		"SELECT a.execution_key, a.scheduled_event_id, a.activity_type, a.priority_key::int4, a.due_at, a.mode = 4, a.mode = 3, a.namespace_id, a.task_queue, "
		KEY_AND_WEIGHT("a.fairness_key", "a.fairness_weight")
		"FROM temporal_internal.activity_task a " SETTINGS("a")
		"WHERE a.execution_key = ANY ($1) AND NOT a.paused AND a.due_at <= $2 ORDER BY a.namespace_id, a.task_queue, 1, 2",
		2, {INT8ARRAYOID, TIMESTAMPTZOID}
	)
};

int
tpg_runs_backlog(const int64 *execution_keys, int nruns, bool activities, TimestampTz now, TpgRunsBacklogRow **rows)
{
	TpgStoreScope scope;
	Datum	   *keys;
	Datum		values[2];
	int			n;

	tpg_store_begin(&scope);
	keys = palloc(sizeof(Datum) * Max(nruns, 1));
	for (int i = 0; i < nruns; i++)
		keys[i] = Int64GetDatum(execution_keys[i]);
	values[0] = PointerGetDatum(construct_array(keys, nruns, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[1] = TimestampTzGetDatum(now);
	tpg_plan_execute(&plans[activities], values, NULL, false, 0);
	n = (int) SPI_processed;
	*rows = MemoryContextAllocZero(scope.caller_context, sizeof(TpgRunsBacklogRow) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TpgRunsBacklogRow *r = &(*rows)[i];
		bool		isnull;

		r->row.execution_key = tpg_row_int64(i, 1);
		r->row.event_id = tpg_row_int32(i, 2);
		r->row.type = tpg_row_text(i, 3, scope.caller_context);
		r->row.priority_key = tpg_row_int32(i, 4);
		r->row.due = tpg_row_int64(i, 5);
		r->row.http = tpg_row_bool(i, 6);
		r->external = tpg_row_bool(i, 7);
		r->namespace_id = tpg_row_int32(i, 8);
		r->task_queue = tpg_row_text(i, 9, scope.caller_context);
		r->has_settings = tpg_row_bool(i, 10);
		r->row.fairness_key = tpg_row_text(i, 11, scope.caller_context);
		r->row.weight = DatumGetFloat8(tpg_row_datum(i, 12, &isnull));
	}
	tpg_store_end(&scope);
	return n;
}
