/*-------------------------------------------------------------------------
 *
 * invoke.c
 *	  Calls a registered function with arguments given as JSON.
 *
 * Rules: one argument takes the whole input, but an object given to a scalar is
 * taken by the argument's name; several arguments take an array by position, an
 * object by name, and a scalar as the first.  JSON null is NULL.  What is not given
 * takes its default, and an argument without one is an error that names it.
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
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/json.h"
#include "runtime/callable.h"
#include "runtime/invoke.h"

/* What an argument gets. */
typedef struct GivenValue
{
	bool		given;
	JsonbValue	value;
} GivenValue;

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

/* The whole input as a value. */
static void
whole(const Jsonb *input, JsonbValue *jv)
{
	if (JB_ROOT_IS_SCALAR(input))
		(void) JsonbExtractScalar((JsonbContainer *) &input->root, jv);
	else
	{
		jv->type = jbvBinary;
		jv->val.binary.data = (JsonbContainer *) &input->root;
		jv->val.binary.len = VARSIZE(input) - VARHDRSZ;
	}
}

static void
give(GivenValue *g, const JsonbValue *jv)
{
	g->given = true;
	g->value = *jv;
}

static void
give_null(GivenValue *g)
{
	g->given = true;
	g->value.type = jbvNull;
}

static void
give_member(GivenValue *g, const Jsonb *object, const char *name)
{
	if (name != NULL &&
		getKeyJsonValueFromContainer((JsonbContainer *) &object->root, name, strlen(name), &g->value) != NULL)
		g->given = true;
}

static void
give_element(GivenValue *g, const Jsonb *array, int i)
{
	JsonbValue *jv = getIthJsonbValueFromContainer((JsonbContainer *) &array->root, i);

	if (jv != NULL)
		give(g, jv);
}

static void
too_many(const TpgCallable *c, int count)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("input has %d values, but function %s takes %d", count, c->name, c->nargs),
			 errhint("An array is mapped to the arguments by position, an object by name.")));
}

static void
map_to_one(const TpgCallable *c, const Jsonb *input, GivenValue *g)
{
	const TpgArgument *arg = &c->args[0];
	bool		is_json = (arg->kind == TPG_ARG_JSONB || arg->kind == TPG_ARG_JSON);
	JsonbValue	jv;

	if (tpg_json_is_null(input))
	{
		/* no input at all is a missing argument, an explicit null is a value */
		if (arg->dflt == NULL && (input != NULL || is_json))
			give_null(g);
		return;
	}
	if (tpg_json_is_object(input) && !is_json && arg->kind != TPG_ARG_COMPOSITE && arg->name != NULL)
	{
		give_member(g, input, arg->name);
		return;
	}
	if (tpg_json_is_array(input) && !is_json && arg->kind != TPG_ARG_ARRAY)
	{
		int			count = JB_ROOT_COUNT(input);

		if (count > 1)
			too_many(c, count);
		give_element(g, input, 0);
		return;
	}
	whole(input, &jv);
	give(g, &jv);
}

/* f(a, VARIADIC b): what is left of the array goes into b, unless that is an array already. */
static void
map_variadic(const TpgCallable *c, const Jsonb *input, GivenValue *given)
{
	int			count = JB_ROOT_COUNT(input);
	int			last = c->nargs - 1;
	JsonbValue *jv;
	TpgJson    *rest;
	JsonbValue	value;

	if (count < c->nargs)
		return;
	jv = getIthJsonbValueFromContainer((JsonbContainer *) &input->root, last);
	if (count == c->nargs &&
		(jv->type == jbvNull || (jv->type == jbvBinary && JsonContainerIsArray(jv->val.binary.data))))
		return;
	rest = tpg_json_array();
	for (int i = last; i < count; i++)
		tpg_json_push_jsonb(rest, tpg_json_value_to_jsonb(getIthJsonbValueFromContainer((JsonbContainer *) &input->root, i)));
	whole(tpg_json_finish(rest), &value);
	give(&given[last], &value);
}

static void
map_to_several(const TpgCallable *c, const Jsonb *input, GivenValue *given)
{
	if (tpg_json_is_null(input))
		return;
	if (tpg_json_is_object(input))
	{
		for (int i = 0; i < c->nargs; i++)
			give_member(&given[i], input, c->args[i].name);
	}
	else if (tpg_json_is_array(input))
	{
		int			count = JB_ROOT_COUNT(input);

		if (count > c->nargs && !c->variadic)
			too_many(c, count);
		for (int i = 0; i < Min(count, c->nargs); i++)
			give_element(&given[i], input, i);
		if (c->variadic)
			map_variadic(c, input, given);
	}
	else
	{
		JsonbValue	jv;

		whole(input, &jv);
		give(&given[0], &jv);
	}
}

static void
missing_argument(const TpgCallable *c, int i, const Jsonb *input)
{
	const TpgArgument *arg = &c->args[i];

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 arg->name != NULL ?
			 errmsg("missing argument \"%s\" of function %s", arg->name, c->name) :
			 errmsg("missing argument %d of function %s", i + 1, c->name),
			 errdetail("The argument has type %s and no default.", format_type_be(arg->type)),
			 tpg_json_is_object(input) ?
			 errhint("The keys of an input object are the names of the arguments.") : 0));
}

static void
map_input(const TpgCallable *c, const Jsonb *input, GivenValue *given)
{
	if (c->nargs == 0)
	{
		if (!tpg_json_is_null(input))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("function %s takes no arguments, but there is input", c->name)));
		return;
	}
	if (c->nargs == 1)
		map_to_one(c, input, &given[0]);
	else
		map_to_several(c, input, given);
	for (int i = 0; i < c->nargs; i++)
	{
		if (!given[i].given && c->args[i].dflt == NULL)
			missing_argument(c, i, input);
	}
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
call_statement(const TpgCallable *c, const GivenValue *given, Oid *types, int *ntypes, bool *has_record)
{
	StringInfoData sql;
	StringInfoData columns;

	*ntypes = 0;
	initStringInfo(&columns);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s(", c->name);
	for (int i = 0; i < c->nargs; i++)
	{
		const TpgArgument *arg = &c->args[i];

		if (i > 0)
			appendStringInfoString(&sql, ", ");
		if (c->variadic && i == c->nargs - 1)
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
find_plan(CallCache *cc, const GivenValue *given)
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
fill_parameters(const TpgCallable *c, GivenValue *given, const CallPlan *p, Datum *values, char *nulls)
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

Jsonb *
tpg_invoke(TpgDefinition *def, const char *dynamic_name, Jsonb *input)
{
	MemoryContext caller = CurrentMemoryContext;
	CallCache  *cc = call_cache(def);
	const TpgCallable *c = cc->callable;
	GivenValue *given = palloc0(sizeof(GivenValue) * (c->nargs + 1));
	Datum		values[FUNC_MAX_ARGS + 1];
	char		nulls[FUNC_MAX_ARGS + 1];
	CallPlan   *plan;
	Datum		value;
	bool		isnull;
	Oid			type;
	Jsonb	   *result;
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
			give_null(&given[1]);
		else
			whole(input, &given[1].value);
	}
	else
		map_input(c, input, given);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = find_plan(cc, given);
	(void) fill_parameters(c, given, plan, values, nulls);
	invoke_stage = plan->has_record ? CALLED_WITH_RECORD : CALLED;
	rc = SPI_execute_plan(plan->plan, values, nulls, false, 0);
	if (rc != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "call of %s gave %s with " UINT64_FORMAT " rows",
			 def->signature, SPI_result_code_string(rc), SPI_processed);

	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	MemoryContextSwitchTo(caller);
	result = tpg_datum_to_jsonb(value, type, isnull);
	if (type == JSONBOID)
		result = tpg_json_copy(result);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	pfree(given);
	return result;
}
