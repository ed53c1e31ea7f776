/*-------------------------------------------------------------------------
 * store/runlink.c - what ties a run to others changes: by a reset.
 *
 * Two columns of temporal_internal.execution that no task writes.  Callers hold the
 * run's lock and have its row locked FOR UPDATE, or are the only ones who write
 * that column (a reset, with the lock of the latest run of the id).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"

#include "store/plan.h"
#include "store/runlink.h"

static TpgPlan put_parent_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET parent = $2 WHERE key = $1", 2, {INT8OID, JSONBOID}
);
static TpgPlan put_reset_plan = TPG_PLAN(
	"UPDATE temporal_internal.execution SET reset_run_id = $2 WHERE key = $1", 2, {INT8OID, UUIDOID}
);

static void
runlink_execute(TpgPlan *plan, int64 execution_key, Datum value)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int64GetDatum(execution_key), value};

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

void
tpg_runlink_put_parent(int64 execution_key, const Jsonb *parent)
{
	runlink_execute(&put_parent_plan, execution_key, PointerGetDatum(parent));
}

void
tpg_runlink_put_reset(int64 execution_key, const pg_uuid_t *run_id)
{
	runlink_execute(&put_reset_plan, execution_key, UUIDPGetDatum(run_id));
}
