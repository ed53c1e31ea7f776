/*-------------------------------------------------------------------------
 * capi_call.c
 *	  The C interface: the frame of a call.
 *
 * A call's memory is a context below the caller's, so that it goes with that
 * when an error passes; and at the end of the call otherwise, so that a loop of
 * a thousand calls keeps nothing but its results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "api/capi.h"
#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/externals.h"

const char *tpg_capi_where = NULL;

/* ---------- begin and end ---------- */

/* Says which call of the code an error came from, and where the code waits. */
static void
call_context(void *arg)
{
	TpgCall    *c = arg;
	const char *file = c->where ? last_dir_separator(c->where) : NULL;

	if (c->where != NULL)
		errcontext("C code %s, in tpg_%s()", file ? file + 1 : c->where, c->function);
	else
		errcontext("C code, in tpg_%s()", c->function);
}

/*
 * What get_fn_expr_argtype() reads: the arguments that SQL declares "any" are
 * jsonb here, whichever they are.
 */
static FmgrInfo *
jsonb_arguments(void)
{
	static FmgrInfo *flinfo = NULL;

	if (flinfo == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		List	   *args = NIL;
		FmgrInfo   *made = palloc0(sizeof(FmgrInfo));

		for (int i = 0; i < TPG_CALL_MAX_ARGS; i++)
			args = lappend(args, makeNullConst(JSONBOID, -1, InvalidOid));
		made->fn_expr = (Node *) makeFuncExpr(InvalidOid, JSONBOID, args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
		made->fn_mcxt = TopMemoryContext;
		flinfo = made;
		MemoryContextSwitchTo(old);
	}
	return flinfo;
}

void
tpg_call_begin(TpgCall *c, const char *function, int nargs)
{
	Assert(nargs <= TPG_CALL_MAX_ARGS);
	c->function = function;
	/* a copy: other code runs while this one waits.  Of calls within a call it is the inner one's, which stands beside it. */
	c->where = tpg_capi_where;
	c->caller = CurrentMemoryContext;
	/* of the default size: one of those that PostgreSQL keeps for the next, and large enough for jsonb to be built in */
	c->scratch = AllocSetContextCreate(c->caller, "temporal_pg call from C", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(c->scratch);
	c->errors.callback = call_context;
	c->errors.arg = c;
	c->errors.previous = error_context_stack;
	error_context_stack = &c->errors;
	InitFunctionCallInfoData(c->u.fcinfo, jsonb_arguments(), nargs, InvalidOid, NULL, NULL);
	/* also behind them: of a function that has got another argument it must not be what lies there */
	for (int i = 0; i < TPG_CALL_MAX_ARGS; i++)
	{
		c->u.fcinfo.args[i].value = (Datum) 0;
		c->u.fcinfo.args[i].isnull = true;
	}
	/* PG_CATCH needs no subtransaction to swallow a suspension */
	if (tpg_current_activation != NULL)
		tpg_current_activation->called_from_c = true;
	/* code in C seldom does, and one that computes without end is to be stopped, too */
	CHECK_FOR_INTERRUPTS();
}

void
tpg_call_end(TpgCall *c)
{
	error_context_stack = c->errors.previous;
	MemoryContextSwitchTo(c->caller);
	MemoryContextDelete(c->scratch);
}

/* ---------- arguments ---------- */

void
tpg_call_datum(TpgCall *c, int n, Datum value)
{
	c->u.fcinfo.args[n].value = value;
	c->u.fcinfo.args[n].isnull = false;
}

void
tpg_call_text(TpgCall *c, int n, const char *value)
{
	if (value != NULL)
		tpg_call_datum(c, n, CStringGetTextDatum(value));
}

void
tpg_call_jsonb(TpgCall *c, int n, const Jsonb *value)
{
	if (value != NULL)
		tpg_call_datum(c, n, JsonbPGetDatum(value));
}

void
tpg_call_uuid(TpgCall *c, int n, const pg_uuid_t *value)
{
	if (value != NULL)
		tpg_call_datum(c, n, UUIDPGetDatum(value));
}

void
tpg_call_duration(TpgCall *c, int n, int64 us)
{
	if (us != 0)
		tpg_call_datum(c, n, IntervalPGetDatum(tpg_interval_from_us(us)));
}

void
tpg_call_timeout(TpgCall *c, int n, int64 us)
{
	if (us != TPG_FOREVER)
		tpg_call_datum(c, n, IntervalPGetDatum(tpg_interval_from_us(us)));
}

void
tpg_call_priority(TpgCall *c, int n, int key)
{
	if (key != 0)
		tpg_call_datum(c, n, Int32GetDatum(key));
}

void
tpg_call_weight(TpgCall *c, int n, double weight)
{
	if (weight != 0)
		tpg_call_datum(c, n, Float8GetDatum(weight));
}

/* A value of type temporal.retry_policy. */
void
tpg_call_retry(TpgCall *c, int n, const TpgRetryOpts *retry)
{
	Oid			type;
	TupleDesc	tupdesc;
	Datum		values[5] = {0};
	bool		nulls[5];

	if (retry == NULL)
		return;
	nulls[0] = retry->initial_interval_us == 0;
	if (!nulls[0])
		values[0] = IntervalPGetDatum(tpg_interval_from_us(retry->initial_interval_us));
	nulls[1] = retry->backoff_coefficient == 0;
	values[1] = Float8GetDatum(retry->backoff_coefficient);
	nulls[2] = retry->maximum_interval_us == 0;
	if (!nulls[2])
		values[2] = IntervalPGetDatum(tpg_interval_from_us(retry->maximum_interval_us));
	nulls[3] = retry->maximum_attempts == 0;
	values[3] = Int32GetDatum(retry->maximum_attempts);
	nulls[4] = retry->non_retryable_error_types == NULL;
	if (!nulls[4])
	{
		List	   *types = NIL;
		Datum	   *elements;
		int			nelements = 0;
		ListCell   *lc;

		for (const char *const *t = retry->non_retryable_error_types; *t != NULL; t++)
			types = lappend(types, unconstify(char *, *t));
		elements = palloc(sizeof(Datum) * Max(list_length(types), 1));
		foreach(lc, types)
			elements[nelements++] = CStringGetTextDatum(lfirst(lc));
		values[4] = PointerGetDatum(construct_array(elements, nelements, TEXTOID, -1, false, TYPALIGN_INT));
	}
	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("retry_policy"),
						   ObjectIdGetDatum(get_namespace_oid("temporal", false)));
	tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
	tpg_call_datum(c, n, HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

void
tpg_call_options(void *ours, size_t our_size, const void *theirs, size_t their_size)
{
	memset(ours, 0, our_size);
	if (theirs == NULL)
		return;
	memcpy(ours, theirs, Min(our_size, their_size));
	for (size_t i = our_size; i < their_size; i++)
	{
		if (((const char *) theirs)[i] != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("an option is given that this temporal_pg does not know"),
					 errhint("Install a newer temporal_pg and restart the server.")));
	}
}

/* ---------- calling ---------- */

void
tpg_call_required(const void *pointer, const char *what)
{
	if (pointer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
}

Datum
tpg_call(TpgCall *c, PGFunction function, bool *isnull)
{
	Datum		result;

	c->u.fcinfo.isnull = false;
	result = function(&c->u.fcinfo);
	if (isnull != NULL)
		*isnull = c->u.fcinfo.isnull;
	return c->u.fcinfo.isnull ? (Datum) 0 : result;
}

Datum
tpg_call_by_name(TpgCall *c, const char *function, int nargs, const Oid *types)
{
	List	   *name = list_make2(makeString("temporal"), makeString(pstrdup(function)));
	Oid			oid = LookupFuncName(name, nargs, types, true);
	FmgrInfo	flinfo;

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("temporal.%s() does not exist in this database", function),
				 errhint("CREATE EXTENSION temporal_pg, or ALTER EXTENSION temporal_pg UPDATE where it is older than its library.")));
	fmgr_info(oid, &flinfo);
	flinfo.fn_expr = jsonb_arguments()->fn_expr;
	c->u.fcinfo.flinfo = &flinfo;
	return tpg_call(c, flinfo.fn_addr, NULL);
}

void
tpg_call_void(TpgCall *c, PGFunction function)
{
	(void) tpg_call(c, function, NULL);
	tpg_call_end(c);
}

Jsonb *
tpg_call_to_jsonb(TpgCall *c, PGFunction function)
{
	bool		isnull;
	Datum		result = tpg_call(c, function, &isnull);
	Jsonb	   *copy = NULL;

	MemoryContextSwitchTo(c->caller);
	if (!isnull)
		copy = tpg_json_copy(DatumGetJsonbP(result));
	tpg_call_end(c);
	return copy;
}

char *
tpg_call_to_text(TpgCall *c, PGFunction function)
{
	bool		isnull;
	Datum		result = tpg_call(c, function, &isnull);
	char	   *copy = NULL;

	MemoryContextSwitchTo(c->caller);
	if (!isnull)
		copy = text_to_cstring(DatumGetTextPP(result));
	tpg_call_end(c);
	return copy;
}

TpgFuture
tpg_call_to_future(TpgCall *c, PGFunction function)
{
	TpgFuture	future = {.value = DatumGetInt64(tpg_call(c, function, NULL))};

	tpg_call_end(c);
	return future;
}

bool
tpg_call_to_bool(TpgCall *c, PGFunction function)
{
	bool		result = DatumGetBool(tpg_call(c, function, NULL));

	tpg_call_end(c);
	return result;
}

/* ---------- failures ---------- */

TpgFailure *
tpg_call_failure(const TpgCall *c, const Jsonb *failure)
{
	MemoryContext old = MemoryContextSwitchTo(c->caller);
	TpgFailure *f = palloc0(sizeof(TpgFailure));

	f->cancelled = tpg_failure_kind(failure) == TPG_FAILURE_CANCELED;
	f->sqlstate = f->cancelled ? ERRCODE_QUERY_CANCELED : tpg_external_sqlstate(failure);
	if (f->sqlstate == 0)
		f->sqlstate = tpg_failure_sqlstate(failure);
	f->message = tpg_failure_error_message(failure, f->sqlstate);
	f->type = tpg_failure_type(failure);
	f->detail = tpg_failure_detail(failure);
	MemoryContextSwitchTo(old);
	return f;
}
