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

TpgPriority
tpg_arg_priority(FunctionCallInfo fcinfo, int key, int fairness)
{
	TpgPriority p = {0, NULL, 0};

	if (!PG_ARGISNULL(key))
	{
		p.key = PG_GETARG_INT32(key);
		/* 0 is what is not given */
		if (p.key == 0)
			p.key = -1;
	}
	p.fairness_key = tpg_arg_text(fcinfo, fairness);
	if (!PG_ARGISNULL(fairness + 1))
		p.fairness_weight = tpg_fairness_weight_arg(PG_GETARG_FLOAT8(fairness + 1));
	tpg_priority_check(&p);
	return p;
}
