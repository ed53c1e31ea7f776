/*-------------------------------------------------------------------------
 * args.c
 *	  Arguments of SQL functions: NULL, or not NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "api/args.h"

char *
tpg_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

Jsonb *
tpg_arg_jsonb(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
}

void
tpg_arg_required(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
}

char *
tpg_arg_required_text(FunctionCallInfo fcinfo, int n, const char *what)
{
	tpg_arg_required(fcinfo, n, what);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}
