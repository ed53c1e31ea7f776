/*-------------------------------------------------------------------------
 *
 * invoke.c
 *	  Calls a registered function with arguments given as JSON.
 *
 * A plan is kept for each set of arguments that was given, in the definition's
 * own memory, so it goes when the function changes.  Each plan passes all the
 * arguments with their exact types and defaults spelled out: parsing it can
 * therefore find no other function, whatever overloads there are.
 *
 * Callers: drivers and the test environment, in a (sub)transaction that can be
 * aborted, with the definition's settings in force, as the function's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/json.h"
#include "runtime/argmap.h"
#include "runtime/callable.h"
#include "runtime/invoke.h"

typedef struct CallPlan
{
	struct CallPlan *next;
	bool	   *given;			/* which arguments are parameters */
	bool		has_record;		/* arrays and composites, in one jsonb parameter at the end */
	SPIPlanPtr	plan;
} CallPlan;

/* TpgDefinition.call_cache */
typedef struct CallCache
{
	TpgCallable *callable;
	CallPlan   *plans;
} CallCache;

static bool
goes_by_record(const TpgArgument *arg)
{
	return arg->kind == TPG_ARG_ARRAY || arg->kind == TPG_ARG_COMPOSITE;
}

static void
free_plans(void *arg)
{
	CallCache  *cc = arg;

	for (CallPlan *p = cc->plans; p != NULL; p = p->next)
	{
		if (p->plan != NULL)
			SPI_freeplan(p->plan);
	}
	cc->plans = NULL;
}

static CallCache *
call_cache(TpgDefinition *def)
{
	MemoryContext context;
	MemoryContext old;
	MemoryContextCallback *callback;
	CallCache  *cc;

	if (def->call_cache != NULL)
		return def->call_cache;
	if (!OidIsValid(def->function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s of %s \"%s\" does not exist", def->signature,
						tpg_definition_kind_name(def->kind), def->name),
				 errhint("Create it again, or register another function under that name.")));

	/* goes with the transaction if loading fails halfway */
	context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg call", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	cc = palloc0(sizeof(CallCache));
	cc->callable = tpg_callable_load(def->function);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = free_plans;
	callback->arg = cc;
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, def->context);
	def->call_cache = cc;
	return cc;
}

/* A value as the text that an input function reads; not for JSON null. */
static char *
value_as_text(const TpgArgument *arg, JsonbValue *jv)
{
	switch (jv->type)
	{
		case jbvString:
			/* the text of a JSON document has its quotes */
			if (arg->kind != TPG_ARG_JSON)
				return pnstrdup(jv->val.string.val, jv->val.string.len);
			break;
		case jbvNumeric:
			{
				Datum		n = NumericGetDatum(jv->val.numeric);

				/* to others 5.0 is the same number as 5 */
				if (arg->kind == TPG_ARG_INTEGER)
					n = DirectFunctionCall1(numeric_trim_scale, n);
				return DatumGetCString(DirectFunctionCall1(numeric_out, n));
			}
		case jbvBool:
			return pstrdup(jv->val.boolean ? "true" : "false");
		default:
			break;
	}
	return tpg_json_to_text(tpg_json_value_to_jsonb(jv));
}

typedef struct ConversionContext
{
	const TpgCallable *callable;
	int			argument;
} ConversionContext;

static void
conversion_error_context(void *arg)
{
	ConversionContext *cx = arg;
	const TpgArgument *a = &cx->callable->args[cx->argument];

	if (a->name != NULL)
		errcontext("argument \"%s\" of function %s", a->name, cx->callable->name);
	else
		errcontext("argument %d of function %s", cx->argument + 1, cx->callable->name);
}

static Datum
convert(TpgArgument *arg, JsonbValue *jv, char *isnull)
{
	char	   *text;

	*isnull = ' ';
	if (jv->type == jbvNull)
	{
		*isnull = 'n';

		/* a domain may refuse it */
		if (arg->is_domain)
			(void) InputFunctionCall(&arg->input, NULL, arg->ioparam, -1);
		return (Datum) 0;
	}
	switch (arg->kind)
	{
		case TPG_ARG_TEXT:
			if (jv->type == jbvString)
				return PointerGetDatum(cstring_to_text_with_len(jv->val.string.val, jv->val.string.len));
			return CStringGetTextDatum(value_as_text(arg, jv));
		case TPG_ARG_BOOL:
			if (jv->type == jbvBool)
				return BoolGetDatum(jv->val.boolean);
			return DirectFunctionCall1(boolin, CStringGetDatum(value_as_text(arg, jv)));
		case TPG_ARG_NUMERIC:
			if (jv->type == jbvNumeric)
				return NumericGetDatum(jv->val.numeric);
			return DirectFunctionCall3(numeric_in, CStringGetDatum(value_as_text(arg, jv)),
									   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		case TPG_ARG_JSONB:
			return JsonbPGetDatum(tpg_json_value_to_jsonb(jv));
		case TPG_ARG_JSON:
			text = value_as_text(arg, jv);
			if (!arg->is_domain)
				return CStringGetTextDatum(text);
			break;
		default:
			text = value_as_text(arg, jv);
			break;
	}
	return InputFunctionCall(&arg->input, text, arg->ioparam, -1);
}

/* The statement that calls the function with these arguments given. */
static char *
call_statement(const TpgCallable *c, const TpgGivenValue *given, Oid *types, int *ntypes, bool *has_record)
{
	StringInfoData sql;
	StringInfoData columns;

	*ntypes = 0;
	initStringInfo(&columns);
	initStringInfo(&sql);
	/* of a procedure the arguments alone, each a column */
	appendStringInfo(&sql, c->procedure ? "SELECT " : "SELECT %s(", c->name);
	for (int i = 0; i < c->nargs; i++)
	{
		const TpgArgument *arg = &c->args[i];

		if (i > 0)
			appendStringInfoString(&sql, ", ");
		if (c->variadic && i == c->nargs - 1 && !c->procedure)
			appendStringInfoString(&sql, "VARIADIC ");
		if (!given[i].given)
			appendStringInfoString(&sql, arg->dflt);
		else if (goes_by_record(arg))
		{
			appendStringInfo(&sql, "x.p%d", i + 1);
			appendStringInfo(&columns, "%sp%d %s", columns.len > 0 ? ", " : "", i + 1, arg->type_name);
		}
		else
		{
			types[(*ntypes)++] = arg->type;
			appendStringInfo(&sql, "$%d", *ntypes);
		}
	}
	if (!c->procedure)
		appendStringInfoChar(&sql, ')');
	*has_record = (columns.len > 0);
	if (*has_record)
	{
		types[(*ntypes)++] = JSONBOID;
		appendStringInfo(&sql, " FROM pg_catalog.jsonb_to_record($%d) AS x(%s)", *ntypes, columns.data);
	}
	return sql.data;
}

static CallPlan *
find_plan(CallCache *cc, const TpgGivenValue *given)
{
	int			nargs = cc->callable->nargs;
	MemoryContext context = GetMemoryChunkContext(cc);
	Oid			types[FUNC_MAX_ARGS + 1];
	int			ntypes;
	CallPlan   *p;
	char	   *sql;
	SPIPlanPtr	plan;

	for (p = cc->plans; p != NULL; p = p->next)
	{
		int			i;

		for (i = 0; i < nargs && p->given[i] == given[i].given; i++)
			;
		if (i == nargs)
			return p;
	}

	p = MemoryContextAllocZero(context, sizeof(CallPlan));
	p->given = MemoryContextAllocZero(context, sizeof(bool) * (nargs + 1));
	for (int i = 0; i < nargs; i++)
		p->given[i] = given[i].given;
	sql = call_statement(cc->callable, given, types, &ntypes, &p->has_record);

	/*
	 * Never a plan for these very values: it would be made again and again, and
	 * an immutable function would run inside the planner.
	 */
	plan = SPI_prepare_cursor(sql, ntypes, types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", sql);
	p->plan = plan;
	p->next = cc->plans;
	cc->plans = p;
	return p;
}

/* What jsonb_to_record() would say less clearly. */
static void
check_container(const TpgCallable *c, int i, const JsonbValue *jv)
{
	bool		object = (c->args[i].kind == TPG_ARG_COMPOSITE);

	if (jv->type == jbvNull ||
		(jv->type == jbvBinary && object == JsonContainerIsObject(jv->val.binary.data)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 object ? errmsg("value of type %s must be a JSON object", format_type_be(c->args[i].type)) :
			 errmsg("value of type %s must be a JSON array", format_type_be(c->args[i].type))));
}

/* Parameters of the plan; returns how many. */
static int
fill_parameters(const TpgCallable *c, TpgGivenValue *given, const CallPlan *p, Datum *values, char *nulls)
{
	ConversionContext cx = {.callable = c};
	ErrorContextCallback callback;
	TpgJson    *record = p->has_record ? tpg_json_object() : NULL;
	int			n = 0;

	callback.callback = conversion_error_context;
	callback.arg = &cx;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	for (int i = 0; i < c->nargs; i++)
	{
		TpgArgument *arg = &c->args[i];

		if (!given[i].given)
			continue;
		cx.argument = i;
		if (goes_by_record(arg))
		{
			check_container(c, i, &given[i].value);
			tpg_json_add_jsonb(record, psprintf("p%d", i + 1), tpg_json_value_to_jsonb(&given[i].value));
		}
		else
		{
			values[n] = convert(arg, &given[i].value, &nulls[n]);
			n++;
		}
	}
	error_context_stack = callback.previous;
	if (record != NULL)
	{
		values[n] = JsonbPGetDatum(tpg_json_finish(record));
		nulls[n++] = ' ';
	}
	return n;
}

/* How far the last call has come. */
static enum
{
	MAKING_ARGUMENTS,
	CALLED_WITH_RECORD,			/* which the plan makes into arguments */
	CALLED
}			invoke_stage;

bool
tpg_invoke_argument_error(const ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	/* values that are no such value, or not of the domain */
	if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		return false;
	if (invoke_stage == CALLED_WITH_RECORD)
		return edata->context == NULL || strstr(edata->context, "function ") == NULL;
	return invoke_stage == MAKING_ARGUMENTS;
}

/* SPI connected: one row, of the result or (of a procedure) of the arguments. */
static void
execute(TpgDefinition *def, const char *dynamic_name, Jsonb *input)
{
	CallCache  *cc = call_cache(def);
	const TpgCallable *c = cc->callable;
	TpgGivenValue *given = palloc0(sizeof(TpgGivenValue) * (c->nargs + 1));
	Datum		values[FUNC_MAX_ARGS + 1];
	char		nulls[FUNC_MAX_ARGS + 1];
	CallPlan   *plan;
	int			rc;

	invoke_stage = MAKING_ARGUMENTS;
	if (def->dynamic)
	{
		Assert(c->nargs == 2);
		given[0].given = given[1].given = true;
		given[0].value.type = jbvString;
		given[0].value.val.string.val = (char *) dynamic_name;
		given[0].value.val.string.len = strlen(dynamic_name);
		if (tpg_json_is_null(input))
			tpg_give_null(&given[1]);
		else
			tpg_json_whole(input, &given[1].value);
	}
	else
		tpg_map_input(c, input, given);

	plan = find_plan(cc, given);
	(void) fill_parameters(c, given, plan, values, nulls);
	if (!c->procedure)
		invoke_stage = plan->has_record ? CALLED_WITH_RECORD : CALLED;
	rc = SPI_execute_plan(plan->plan, values, nulls, false, 0);
	if (rc != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "call of %s gave %s with " UINT64_FORMAT " rows",
			 def->signature, SPI_result_code_string(rc), SPI_processed);
}

Jsonb *
tpg_invoke(TpgDefinition *def, const char *dynamic_name, Jsonb *input)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		value;
	bool		isnull;
	Oid			type;
	Jsonb	   *result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	execute(def, dynamic_name, input);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	MemoryContextSwitchTo(caller);
	result = tpg_datum_to_jsonb(value, type, isnull);
	if (type == JSONBOID)
		result = tpg_json_copy(result);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	return result;
}

const TpgCallable *
tpg_invoke_arguments(TpgDefinition *def, const char *dynamic_name, Jsonb *input, NullableDatum *arguments)
{
	MemoryContext caller = CurrentMemoryContext;
	const TpgCallable *c = call_cache(def)->callable;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	execute(def, dynamic_name, input);
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < c->nargs; i++)
	{
		int16		len;
		bool		by_value;

		get_typlenbyval(c->args[i].type, &len, &by_value);
		arguments[i].value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &arguments[i].isnull);
		if (!arguments[i].isnull)
			arguments[i].value = datumCopy(arguments[i].value, by_value, len);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller);
	invoke_stage = CALLED;
	return c;
}
