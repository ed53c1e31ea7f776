/*-------------------------------------------------------------------------
 *
 * argmap.c
 *	  Which argument of a function gets which part of a JSON input.
 *
 * Rules: one argument takes the whole input, but an object given to a scalar is
 * taken by the argument's name; several arguments take an array by position, an
 * object by name, and a scalar as the first.  JSON null is NULL.  What is not given
 * takes its default, and an argument without one is an error that names it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/json.h"
#include "runtime/argmap.h"

/* The whole input as a value. */
void
tpg_json_whole(const Jsonb *input, JsonbValue *jv)
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
give(TpgGivenValue *g, const JsonbValue *jv)
{
	g->given = true;
	g->value = *jv;
}

void
tpg_give_null(TpgGivenValue *g)
{
	g->given = true;
	g->value.type = jbvNull;
}

static void
give_member(TpgGivenValue *g, const Jsonb *object, const char *name)
{
	if (name != NULL &&
		getKeyJsonValueFromContainer((JsonbContainer *) &object->root, name, strlen(name), &g->value) != NULL)
		g->given = true;
}

static void
give_element(TpgGivenValue *g, const Jsonb *array, int i)
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
map_to_one(const TpgCallable *c, const Jsonb *input, TpgGivenValue *g)
{
	const TpgArgument *arg = &c->args[0];
	bool		is_json = (arg->kind == TPG_ARG_JSONB || arg->kind == TPG_ARG_JSON);
	JsonbValue	jv;

	if (tpg_json_is_null(input))
	{
		/* no input at all is a missing argument, an explicit null is a value */
		if (arg->dflt == NULL && (input != NULL || is_json))
			tpg_give_null(g);
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
	tpg_json_whole(input, &jv);
	give(g, &jv);
}

/* f(a, VARIADIC b): what is left of the array goes into b, unless that is an array already. */
static void
map_variadic(const TpgCallable *c, const Jsonb *input, TpgGivenValue *given)
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
	tpg_json_whole(tpg_json_finish(rest), &value);
	give(&given[last], &value);
}

static void
map_to_several(const TpgCallable *c, const Jsonb *input, TpgGivenValue *given)
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

		tpg_json_whole(input, &jv);
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

void
tpg_map_input(const TpgCallable *c, const Jsonb *input, TpgGivenValue *given)
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
