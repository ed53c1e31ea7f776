/*-------------------------------------------------------------------------
 * store/control.c - table temporal_internal.activity_request.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/control.h"
#include "store/plan.h"

static TpgPlan take_plan = TPG_PLAN(
	"WITH taken AS (DELETE FROM temporal_internal.activity_request WHERE execution_key = $1 AND scheduled_event_id = $2 RETURNING id, command) "
	"SELECT command FROM taken ORDER BY id", 2, {INT8OID, INT4OID}
);
static TpgPlan apply_plan = TPG_PLAN(
	"SELECT temporal_internal.apply_activity_command($1, $2, $3)", 3, {INT8OID, INT4OID, JSONBOID}
);
static TpgPlan command_plan = TPG_PLAN(
	"SELECT temporal_internal.apply_activity_commands($1, $2, $3, $4)", 4, {INT8OID, TEXTOID, TEXTOID, JSONBOID}
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

bool
tpg_control_command(int64 execution_key, const char *activity_id, const char *activity_type, const Jsonb *command)
{
	TpgStoreScope scope;
	Datum		values[4] = {Int64GetDatum(execution_key)};
	char		nulls[] = "    ";
	bool		isnull;
	bool		any;

	if (activity_id != NULL)
		values[1] = CStringGetTextDatum(activity_id);
	else
		nulls[1] = 'n';
	if (activity_type != NULL)
		values[2] = CStringGetTextDatum(activity_type);
	else
		nulls[2] = 'n';
	values[3] = PointerGetDatum(command);
	tpg_store_begin(&scope);
	tpg_plan_execute(&command_plan, values, nulls, false, 0);
	any = DatumGetBool(tpg_row_datum(0, 1, &isnull));
	tpg_store_end(&scope);
	return any;
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
