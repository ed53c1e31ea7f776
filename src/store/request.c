/*-------------------------------------------------------------------------
 * store/request.c - table temporal_internal.signal_request: signals that came before.
 *
 * Outlives the delivery of the signal (reference F-03), goes with the run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/plan.h"
#include "store/request.h"

static TpgPlan remember_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.signal_request (execution_key, request_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	2, {INT8OID, TEXTOID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.signal_request WHERE execution_key = $1", 1, {INT8OID}
);

bool
tpg_request_remember(int64 execution_key, const char *request_id)
{
	TpgStoreScope scope;
	Datum		values[2];
	bool		is_new;

	tpg_store_begin(&scope);
	values[0] = Int64GetDatum(execution_key);
	values[1] = CStringGetTextDatum(request_id);
	tpg_plan_execute(&remember_plan, values, NULL, false, 0);
	is_new = SPI_processed == 1;
	tpg_store_end(&scope);
	return is_new;
}

void
tpg_request_delete_all(int64 execution_key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}
