/*-------------------------------------------------------------------------
 * store/control.c - what operators change of pending activities; table temporal_internal.activity_request.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/control.h"
#include "store/plan.h"

static TpgPlan read_plan = TPG_PLAN(
	"SELECT " TPG_ACTIVITY_COLUMNS ", h.attributes, a.options, a.pause_info FROM temporal_internal.activity_task a "
	"JOIN temporal_internal.history h ON h.execution_key = a.execution_key AND h.event_id = a.scheduled_event_id "
	"WHERE a.execution_key = $1 AND a.scheduled_event_id = $2", 2, {INT8OID, INT4OID}
);
static TpgPlan write_plan = TPG_PLAN(
	"UPDATE temporal_internal.activity_task SET paused = $3, pause_info = $4, crash_count = $5, attempt = $6, options = $7, task_queue = $8, "
	"priority_key = $9, due_at = $10, attempt_scheduled_at = $11, timeout_at = $12, fairness_key = $13, fairness_weight = $14, pass = NULL "
	"WHERE execution_key = $1 AND scheduled_event_id = $2",
	14, {INT8OID, INT4OID, BOOLOID, JSONBOID, INT2OID, INT4OID, JSONBOID, TEXTOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	TEXTOID, FLOAT8OID}
);
static TpgPlan targets_plan = TPG_PLAN(
	"SELECT a.scheduled_event_id, EXISTS (SELECT FROM temporal_internal.in_flight f WHERE f.execution_key = $1 "
	"AND f.event_id = a.scheduled_event_id) AS is_there FROM temporal_internal.activity_task a "
	"WHERE a.execution_key = $1 AND (a.activity_id = $2 OR $2 IS NULL AND $3 IN (a.activity_type, '*')) ORDER BY is_there, 1",
	3, {INT8OID, TEXTOID, TEXTOID}
);
static TpgPlan lock_run_plan = TPG_PLAN(
	"SELECT FROM temporal_internal.execution WHERE key = $1 AND status IN (1, 8) FOR NO KEY UPDATE", 1, {INT8OID}
);
static TpgPlan ask_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.activity_request (execution_key, scheduled_event_id, command) "
	"SELECT a.execution_key, a.scheduled_event_id, $3 FROM temporal_internal.activity_task a "
	"WHERE a.execution_key = $1 AND a.scheduled_event_id = $2", 3, {INT8OID, INT4OID, JSONBOID}
);
static TpgPlan take_plan = TPG_PLAN(
	"WITH taken AS (DELETE FROM temporal_internal.activity_request WHERE execution_key = $1 AND scheduled_event_id = $2 RETURNING id, command) "
	"SELECT command FROM taken ORDER BY id", 2, {INT8OID, INT4OID}
);
static TpgPlan delete_all_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.activity_request WHERE execution_key = $1", 1, {INT8OID}
);

TpgControlledActivity *
tpg_control_read(int64 execution_key, int32 scheduled_event_id)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};
	TpgControlledActivity *c = NULL;

	tpg_store_begin(&scope);
	tpg_plan_execute(&read_plan, values, NULL, false, 1);
	if (SPI_processed == 1)
	{
		c = MemoryContextAllocZero(scope.caller_context, sizeof(TpgControlledActivity));
		tpg_activity_from_row(0, &c->task, scope.caller_context);
		c->options = (Jsonb *) tpg_row_varlena(0, TPG_ACTIVITY_NCOLUMNS + 2, scope.caller_context);
		c->pause_info = (Jsonb *) tpg_row_varlena(0, TPG_ACTIVITY_NCOLUMNS + 3, scope.caller_context);
	}
	tpg_store_end(&scope);
	return c;
}

void
tpg_control_write(const TpgControlledActivity *c)
{
	TpgStoreScope scope;
	const TpgActivityTask *t = &c->task;
	Datum		values[14];
	char		nulls[15] = "              ";

	tpg_store_begin(&scope);
	values[0] = Int64GetDatum(t->execution_key);
	values[1] = Int32GetDatum(t->scheduled_event_id);
	values[2] = BoolGetDatum(t->paused);
	values[3] = PointerGetDatum(c->pause_info);
	if (c->pause_info == NULL)
		nulls[3] = 'n';
	values[4] = Int16GetDatum((int16) t->crash_count);
	values[5] = Int32GetDatum(t->attempt);
	values[6] = PointerGetDatum(c->options);
	if (c->options == NULL)
		nulls[6] = 'n';
	values[7] = CStringGetTextDatum(t->task_queue);
	values[8] = Int16GetDatum((int16) tpg_priority_effective(&t->priority));
	values[9] = TimestampTzGetDatum(t->due_at);
	values[10] = TimestampTzGetDatum(t->attempt_scheduled_at);
	values[11] = TimestampTzGetDatum(t->timeout_at);
	if (TIMESTAMP_NOT_FINITE(t->timeout_at))
		nulls[11] = 'n';
	values[12] = CStringGetTextDatum(t->priority.fairness_key ? t->priority.fairness_key : "");
	values[13] = Float8GetDatum(t->priority.fairness_weight);
	if (t->priority.fairness_weight == 0)
		nulls[13] = 'n';
	tpg_plan_execute(&write_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

int
tpg_control_targets(int64 execution_key, const char *activity_id, const char *activity_type, TpgControlTarget **targets)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int64GetDatum(execution_key)};
	char		nulls[] = "   ";
	int			n;

	if (activity_id != NULL)
		values[1] = CStringGetTextDatum(activity_id);
	else
		nulls[1] = 'n';
	if (activity_type != NULL)
		values[2] = CStringGetTextDatum(activity_type);
	else
		nulls[2] = 'n';
	tpg_store_begin(&scope);
	tpg_plan_execute(&targets_plan, values, nulls, false, 0);
	n = (int) SPI_processed;
	*targets = MemoryContextAlloc(scope.caller_context, sizeof(TpgControlTarget) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*targets)[i].scheduled_event_id = tpg_row_int32(i, 1);
		(*targets)[i].in_executor = tpg_row_bool(i, 2);
	}
	tpg_store_end(&scope);
	return n;
}

/* Was there a row? */
static bool
execute(TpgPlan *plan, Datum *values)
{
	TpgStoreScope scope;
	bool		any;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	any = SPI_processed > 0;
	tpg_store_end(&scope);
	return any;
}

bool
tpg_control_lock_run(int64 execution_key)
{
	Datum		value = Int64GetDatum(execution_key);

	return execute(&lock_run_plan, &value);
}

bool
tpg_control_ask(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	Datum		values[3] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id), PointerGetDatum(command)};

	return execute(&ask_plan, values);
}

int
tpg_control_take(int64 execution_key, int32 scheduled_event_id, Jsonb ***commands)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id)};
	int			n;

	tpg_store_begin(&scope);
	tpg_plan_execute(&take_plan, values, NULL, false, 0);
	n = (int) SPI_processed;
	*commands = MemoryContextAlloc(scope.caller_context, sizeof(Jsonb *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*commands)[i] = (Jsonb *) tpg_row_varlena(i, 1, scope.caller_context);
	tpg_store_end(&scope);
	return n;
}

void
tpg_control_delete_all(int64 execution_key)
{
	Datum		value = Int64GetDatum(execution_key);

	(void) execute(&delete_all_plan, &value);
}
