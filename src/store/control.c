/*-------------------------------------------------------------------------
 * store/control.c - table temporal_internal.activity_request.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "store/control.h"
#include "store/plan.h"

static TpgPlan take_plan = TPG_PLAN(
	"WITH taken AS (DELETE FROM temporal_internal.activity_request WHERE execution_key = $1 AND scheduled_event_id = $2 RETURNING id, command) "
	"SELECT command FROM taken ORDER BY id", 2, {INT8OID, INT4OID}
);
static TpgPlan apply_plan = TPG_PLAN(
	"SELECT temporal_internal.apply_activity_command($1, $2, $3)", 3, {INT8OID, INT4OID, JSONBOID}
);
static TpgPlan delete_all_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.activity_request WHERE execution_key = $1", 1, {INT8OID}
);

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
tpg_control_apply(int64 execution_key, int32 scheduled_event_id, const Jsonb *command)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int64GetDatum(execution_key), Int32GetDatum(scheduled_event_id), PointerGetDatum(command)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&apply_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

void
tpg_control_delete_all(int64 execution_key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_all_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}
