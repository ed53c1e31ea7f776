/*-------------------------------------------------------------------------
 * future.c
 *	  The SQL type temporal.future and the ops behind it.
 *
 * A future is a number by value; which run it belongs to is part of it, so that
 * one that was carried into another run is refused there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "api/future.h"
#include "base/errors.h"

PG_FUNCTION_INFO_V1(tpg_sql_future_in);
PG_FUNCTION_INFO_V1(tpg_sql_future_out);

static uint32
run_tag(const TpgActivation *act)
{
	return (uint32) act->run->exec->key & 0xFFFFFF;
}

Datum
tpg_future_make(TpgActivation *act, const TpgOp *op)
{
	return Int64GetDatum((int64) op->kind << 56 | (int64) run_tag(act) << 32 | (uint32) op->seq);
}

TpgOp *
tpg_future_op(TpgActivation *act, Datum future)
{
	int64		value = DatumGetInt64(future);
	TpgOp	   *op = NULL;

	if (((uint32) (value >> 32) & 0xFFFFFF) == run_tag(act))
		op = tpg_activation_op(act, (TpgOpKind) (value >> 56), (int32) value);
	if (op == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("future %s was not made by this run", DatumGetCString(DirectFunctionCall1(tpg_sql_future_out, future))),
				 errhint("A future lives in the run whose code started it; it cannot be stored or passed on.")));
	return op;
}

TpgOp *
tpg_future_child(TpgActivation *act, Datum future)
{
	TpgOp	   *op = tpg_future_op(act, future);

	if (op->kind != TPG_OP_CHILD)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the future is not that of a child workflow"),
				 errhint("It comes from temporal.start_child_workflow().")));
	return op;
}

TpgOp **
tpg_future_ops(TpgActivation *act, Datum array, int *n)
{
	ArrayType  *a = DatumGetArrayTypeP(array);
	Datum	   *elements;
	bool	   *nulls;
	TpgOp	  **ops;

	deconstruct_array(a, ARR_ELEMTYPE(a), 8, true, TYPALIGN_DOUBLE, &elements, &nulls, n);
	ops = palloc(sizeof(TpgOp *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an array of futures must not contain null")));
		ops[i] = tpg_future_op(act, elements[i]);
	}
	return ops;
}

static const char *const kinds[] = {"unknown", "activity", "timer", "local_activity", "signal", "condition", "lock", "function", "external", "shield", "child_workflow", "child_workflow_start"};

/*
 * For languages that have all values as text.  A future has no life outside of
 * its run, so only the code of a run can read one: its own.
 */
Datum
tpg_sql_future_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	const char *colon = strchr(text, ':');
	TpgOp	   *op = NULL;

	if (tpg_current_activation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a future cannot be made from text outside of workflow code"),
				 errhint("It comes from temporal.start_activity(), temporal.start_timer() and their like.")));
	for (int kind = 1; colon != NULL && colon[1] != '\0' && kind < (int) lengthof(kinds); kind++)
	{
		if (strlen(kinds[kind]) == colon - text && strncmp(kinds[kind], text, colon - text) == 0 &&
			strspn(colon + 1, "0123456789") == strlen(colon + 1) && strlen(colon + 1) < 10)
		{
			op = tpg_activation_op(tpg_current_activation, (TpgOpKind) kind, atoi(colon + 1));
			if (op == NULL)
				ereport(ERROR,
						(errcode(TPG_ERR_WRONG_CONTEXT),
						 errmsg("future %s was not made by this run", text),
						 errhint("A future lives in the run whose code started it; it cannot be stored or passed on.")));
			return tpg_future_make(tpg_current_activation, op);
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type temporal.future: \"%s\"", text),
			 errhint("A future prints as its kind and number, for example activity:3.")));
}

Datum
tpg_sql_future_out(PG_FUNCTION_ARGS)
{
	int64		value = PG_GETARG_INT64(0);
	int			kind = (int) (value >> 56);

	PG_RETURN_CSTRING(psprintf("%s:%d", kind > 0 && kind < (int) lengthof(kinds) ? kinds[kind] : kinds[0], (int32) value));
}
