/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  The SQL function that lists the fault points, for crash tests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/fault.h"

PG_FUNCTION_INFO_V1(tpg_sql_fault_points);

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
