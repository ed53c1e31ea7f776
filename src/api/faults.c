/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  SQL-callable: fault points and lost caches, for crash tests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/fault.h"
#include "engine/run.h"

PG_FUNCTION_INFO_V1(tpg_sql_fault_points);
PG_FUNCTION_INFO_V1(tpg_sql_fail_at);
PG_FUNCTION_INFO_V1(tpg_sql_forget_runs);

Datum
tpg_sql_fault_points(PG_FUNCTION_ARGS)
{
	Datum		names[100];
	int			count = 0;

	while (count < lengthof(names) && tpg_fault_name(count) != NULL)
	{
		names[count] = CStringGetTextDatum(tpg_fault_name(count));
		count++;
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* fail_at(points): 0 is none */
Datum
tpg_sql_fail_at(PG_FUNCTION_ARGS)
{
	if (PG_GETARG_INT32(0) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("points must not be negative")));
	tpg_fault_countdown = PG_GETARG_INT32(0);
	PG_RETURN_VOID();
}

Datum
tpg_sql_forget_runs(PG_FUNCTION_ARGS)
{
	tpg_run_cache_reset();
	PG_RETURN_VOID();
}
