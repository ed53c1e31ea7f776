/*-------------------------------------------------------------------------
 * store/search_attribute.c - search attributes: names, types, values of runs.
 *
 * Rules: reference A-45, L-13.  A value is converted to the column of its type
 * here, by PostgreSQL's own input functions, so that a bad one is TP026 at the
 * call and never a row.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/float.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "store/plan.h"
#include "store/search_attribute.h"

struct TpgSearchAttribute
{
	char	   *name;
	int			column;			/* of put_plan, from 3 */
	Datum		value;
};

static TpgPlan type_plan = TPG_PLAN(
	"SELECT type FROM temporal_internal.search_attribute_definition WHERE namespace_id = $1 AND name = $2", 2, {INT4OID, TEXTOID}
);
#define PUT_ATTRIBUTE \
	"INSERT INTO temporal_internal.search_attribute AS a (execution_key, namespace_id, name, keyword_value, int_value, double_value, " \
	"bool_value, datetime_value, list_value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
#define PUT_TYPES {INT8OID, INT4OID, TEXTOID, TEXTOID, INT8OID, FLOAT8OID, BOOLOID, TIMESTAMPTZOID, TEXTARRAYOID}

static TpgPlan put_plan = TPG_PLAN(
	PUT_ATTRIBUTE, 9, PUT_TYPES
);
static TpgPlan upsert_plan = TPG_PLAN(
	PUT_ATTRIBUTE " ON CONFLICT (execution_key, name) DO UPDATE SET keyword_value = excluded.keyword_value, "
	"int_value = excluded.int_value, double_value = excluded.double_value, bool_value = excluded.bool_value, "
	"datetime_value = excluded.datetime_value, list_value = excluded.list_value", 9, PUT_TYPES
);
static TpgPlan remove_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.search_attribute a USING pg_catalog.jsonb_each($2) v "
	"WHERE a.execution_key = $1 AND a.name = v.key AND pg_catalog.jsonb_typeof(v.value) = 'null'", 2, {INT8OID, JSONBOID}
);

const char *
tpg_search_attribute_predefined(const char *name)
{
	return strcmp(name, TPG_CHANGE_VERSION) == 0 ? "KeywordList" : NULL;
}

static char *
registered_type(int32 namespace_id, const char *name)
{
	TpgStoreScope scope;
	Datum		values[2];
	char	   *type = NULL;

	if (tpg_search_attribute_predefined(name) != NULL)
		return pstrdup(tpg_search_attribute_predefined(name));
	tpg_store_begin(&scope);
	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(name);
	tpg_plan_execute(&type_plan, values, NULL, false, 1);
	if (SPI_processed == 1)
		type = tpg_row_text(0, 1, scope.caller_context);
	tpg_store_end(&scope);
	return type;
}

static void
wrong_type(const char *name, const char *type, const char *got)
{
	ereport(ERROR,
			(errcode(TPG_ERR_SEARCH_ATTRIBUTE_INVALID),
			 errmsg("search attribute \"%s\" takes a value of type %s", name, type),
			 errdetail("Got %s.", got),
			 errhint("Give a value of that type, or register another attribute with temporal.register_search_attribute().")));
}

/*
 * "2024-05-06T07:08:09Z" and whatever else timestamptz reads, but "now" and "today": the same
 * JSON would be another time in the next run, which gets it, too.
 */
static Datum
parse_datetime(const char *name, const char *text)
{
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	int			tz;
	struct pg_tm tm;
	fsec_t		fsec;
	TimestampTz ts;
	int			word;
	bool		bad = strlen(text) > MAXDATELEN;

	bad = bad || ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nf) != 0;
	for (int i = 0; !bad && i < nf; i++)
		bad = (ftype[i] == DTK_STRING || ftype[i] == DTK_SPECIAL) && DecodeSpecial(i, field[i], &word) == RESERV &&
			(word == DTK_NOW || word == DTK_TODAY || word == DTK_TOMORROW || word == DTK_YESTERDAY);
	bad = bad || tpg_decode_datetime(field, ftype, nf, &dtype, &tm, &fsec, &tz) != 0 || dtype != DTK_DATE;
	if (bad || tm2timestamp(&tm, fsec, &tz, &ts) != 0)
		wrong_type(name, "Datetime", psprintf("\"%s\"", text));
	return TimestampTzGetDatum(ts);
}

static Datum
parse_list(const char *name, const Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) &value->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	ArrayBuildState *state = NULL;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvString)
			wrong_type(name, "KeywordList", tpg_json_to_text(value));
		state = accumArrayResult(state, PointerGetDatum(cstring_to_text_with_len(v.val.string.val, v.val.string.len)),
								 false, TEXTOID, CurrentMemoryContext);
	}
	if (state == NULL)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	return makeArrayResult(state, CurrentMemoryContext);
}

static void
convert_value(TpgSearchAttribute *a, const char *type, JsonbValue *v, const Jsonb *whole)
{
	char	   *text = tpg_json_scalar_text(whole);

	if (strcmp(type, "Keyword") == 0 || strcmp(type, "Text") == 0)
	{
		if (v->type != jbvString)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 3;
		a->value = CStringGetTextDatum(text);
	}
	else if (strcmp(type, "Int") == 0)
	{
		Datum		rounded;

		if (v->type != jbvNumeric)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		rounded = DirectFunctionCall2(numeric_round, NumericGetDatum(v->val.numeric), Int32GetDatum(0));
		if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, rounded, NumericGetDatum(v->val.numeric))) != 0 ||
			DatumGetInt32(DirectFunctionCall2(numeric_cmp, DirectFunctionCall1(numeric_abs, rounded),
											  DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX)))) > 0)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 4;
		a->value = DirectFunctionCall1(numeric_int8, rounded);
	}
	else if (strcmp(type, "Double") == 0)
	{
		if (v->type != jbvNumeric)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 5;
		a->value = DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v->val.numeric));
		if (isinf(DatumGetFloat8(a->value)))
			wrong_type(a->name, type, tpg_json_to_text(whole));
	}
	else if (strcmp(type, "Bool") == 0)
	{
		if (v->type != jbvBool)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 6;
		a->value = BoolGetDatum(v->val.boolean);
	}
	else if (strcmp(type, "Datetime") == 0)
	{
		if (v->type != jbvString)
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 7;
		a->value = parse_datetime(a->name, text);
	}
	else
	{
		if (v->type != jbvBinary || !tpg_json_is_array(whole))
			wrong_type(a->name, type, tpg_json_to_text(whole));
		a->column = 8;
		a->value = parse_list(a->name, whole);
	}
}

bool
tpg_search_attributes_fit(const Jsonb *values)
{
	return JB_ROOT_COUNT(values) <= tpg_guc_max_search_attributes && VARSIZE(values) <= tpg_guc_max_search_attributes_size;
}

void
tpg_search_attributes_check_size(const Jsonb *values)
{
	if (JB_ROOT_COUNT(values) > tpg_guc_max_search_attributes)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("too many search attributes"),
				 errdetail("There are %d; the limit is %d.", (int) JB_ROOT_COUNT(values), tpg_guc_max_search_attributes),
				 errhint("The limit is the setting temporal_pg.max_search_attributes.")));
	tpg_size_check(VARSIZE(values), tpg_guc_max_search_attributes_size, "search attributes", "temporal_pg.max_search_attributes_size");
}

static int
convert(int32 namespace_id, const Jsonb *values, bool check_sizes, TpgSearchAttribute **attributes)
{
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	TpgSearchAttribute *current = NULL;
	int			n = 0;

	*attributes = NULL;
	if (tpg_json_is_null(values))
		return 0;
	if (!tpg_json_is_object(values))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("search attributes must be a JSON object"),
				 errhint("For example '{\"Customer\": \"ann\"}'.")));
	if (check_sizes)
		tpg_search_attributes_check_size(values);

	*attributes = palloc0(sizeof(TpgSearchAttribute) * Max(JB_ROOT_COUNT(values), 1));
	it = JsonbIteratorInit((JsonbContainer *) &values->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			current = &(*attributes)[n];
			current->name = pnstrdup(v.val.string.val, v.val.string.len);
		}
		else if (token == WJB_VALUE)
		{
			char	   *type = registered_type(namespace_id, current->name);
			Jsonb	   *whole = tpg_json_value_to_jsonb(&v);

			if (type == NULL)
				ereport(ERROR,
						(errcode(TPG_ERR_SEARCH_ATTRIBUTE_INVALID),
						 errmsg("search attribute \"%s\" is not registered", current->name),
						 errhint("Register it with temporal.register_search_attribute().")));
			/* a list of one stands for its element (L-13) */
			if (strcmp(type, "KeywordList") != 0 && v.type == jbvBinary && tpg_json_is_array(whole) && JB_ROOT_COUNT(whole) == 1)
			{
				v = *getIthJsonbValueFromContainer(&whole->root, 0);
				whole = tpg_json_value_to_jsonb(&v);
			}
			if (v.type == jbvNull)
				continue;
			/* a predefined one has a limit of its own (G-21) */
			if (check_sizes && tpg_search_attribute_predefined(current->name) == NULL)
				tpg_size_check(VARSIZE(whole), tpg_guc_max_search_attribute_size, "search attribute value", "temporal_pg.max_search_attribute_size");
			convert_value(current, type, &v, whole);
			n++;
		}
	}
	return n;
}

int
tpg_search_attributes_check(int32 namespace_id, const Jsonb *values, TpgSearchAttribute **attributes)
{
	return convert(namespace_id, values, true, attributes);
}

static void
put(TpgPlan *plan, int64 execution_key, int32 namespace_id, const TpgSearchAttribute *a)
{
	Datum		values[9] = {0};
	char		nulls[10] = "   nnnnnn";

	values[0] = Int64GetDatum(execution_key);
	values[1] = Int32GetDatum(namespace_id);
	values[2] = CStringGetTextDatum(a->name);
	values[a->column] = a->value;
	nulls[a->column] = ' ';
	tpg_plan_execute(plan, values, nulls, false, 0);
}

void
tpg_search_attributes_put(int64 execution_key, int32 namespace_id, const TpgSearchAttribute *attributes, int n)
{
	TpgStoreScope scope;

	if (n == 0)
		return;
	tpg_store_begin(&scope);
	for (int i = 0; i < n; i++)
		put(&put_plan, execution_key, namespace_id, &attributes[i]);
	tpg_store_end(&scope);
}

void
tpg_search_attributes_upsert(int64 execution_key, int32 namespace_id, const Jsonb *values)
{
	TpgSearchAttribute *attributes;
	TpgStoreScope scope;
	int			n = convert(namespace_id, values, false, &attributes);

	tpg_store_begin(&scope);
	for (int i = 0; i < n; i++)
		put(&upsert_plan, execution_key, namespace_id, &attributes[i]);
	if (values != NULL && n < JB_ROOT_COUNT(values))
	{
		Datum		args[2] = {Int64GetDatum(execution_key), JsonbPGetDatum(values)};

		tpg_plan_execute(&remove_plan, args, NULL, false, 0);
	}
	tpg_store_end(&scope);
}
