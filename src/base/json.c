/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Building and reading jsonb from C.
 *
 * A value given to a builder may be freed before tpg_json_finish(): texts are
 * copied, except keys, which are constants of the program in practice.  No
 * catalogs are touched but by tpg_datum_to_jsonb().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/errors.h"
#include "base/json.h"

struct TpgJson
{
	JsonbParseState *state;
	bool		is_array;
};

/*
 * to_jsonb() of one type: it takes the type from the expression that calls it, so
 * each type needs a FmgrInfo of its own.
 */
typedef struct ToJsonb
{
	Oid			type;
	FmgrInfo	flinfo;
} ToJsonb;

static HTAB *to_jsonb_functions = NULL;

static ToJsonb *
to_jsonb_function(Oid type)
{
	ToJsonb    *entry;
	bool		found;
	MemoryContext old;
	FuncExpr   *expr;

	if (to_jsonb_functions == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(ToJsonb),.hcxt = TopMemoryContext};

		to_jsonb_functions = hash_create("temporal_pg to_jsonb functions", 32, &ctl,
										 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(to_jsonb_functions, &type, HASH_FIND, NULL);
	if (entry != NULL)
		return entry;

	/* makeNullConst() raises an error for a type that is gone: before HASH_ENTER */
	old = MemoryContextSwitchTo(TopMemoryContext);
	expr = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(makeNullConst(type, -1, InvalidOid)),
						InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	MemoryContextSwitchTo(old);

	entry = hash_search(to_jsonb_functions, &type, HASH_ENTER, &found);
	fmgr_info_cxt(F_TO_JSONB, &entry->flinfo, TopMemoryContext);
	fmgr_info_set_expr((Node *) expr, &entry->flinfo);
	return entry;
}

Jsonb *
tpg_datum_to_jsonb(Datum value, Oid type, bool isnull)
{
	JsonbValue	jv;

	if (isnull)
		return tpg_json_null();

	/* the common types without a detour through their output functions */
	switch (type)
	{
		case JSONBOID:
			return DatumGetJsonbP(value);
		case JSONOID:
			return tpg_json_from_text(TextDatumGetCString(value));
		case UNKNOWNOID:
			return tpg_json_from_text(DatumGetCString(value));
		case TEXTOID:
		case VARCHAROID:
			{
				text	   *t = DatumGetTextPP(value);

				jv.type = jbvString;
				jv.val.string.val = VARDATA_ANY(t);
				jv.val.string.len = VARSIZE_ANY_EXHDR(t);
				return JsonbValueToJsonb(&jv);
			}
		case BOOLOID:
			jv.type = jbvBool;
			jv.val.boolean = DatumGetBool(value);
			return JsonbValueToJsonb(&jv);
		case INT4OID:
			jv.type = jbvNumeric;
			jv.val.numeric = int64_to_numeric(DatumGetInt32(value));
			return JsonbValueToJsonb(&jv);
		case INT8OID:
			jv.type = jbvNumeric;
			jv.val.numeric = int64_to_numeric(DatumGetInt64(value));
			return JsonbValueToJsonb(&jv);
		case VOIDOID:
			return tpg_json_null();
		default:
			return DatumGetJsonbP(FunctionCall1(&to_jsonb_function(type)->flinfo, value));
	}
}

Jsonb *
tpg_any_arg_to_jsonb(FunctionCallInfo fcinfo, int argno)
{
	Oid			type;

	if (PG_ARGISNULL(argno))
		return NULL;
	type = get_fn_expr_argtype(fcinfo->flinfo, argno);
	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the type of argument %d", argno + 1)));
	return tpg_datum_to_jsonb(PG_GETARG_DATUM(argno), type, false);
}

Jsonb *
tpg_json_from_text(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile result = NULL;

	PG_TRY();
	{
		result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		/* only the words change; the error goes on, so no subtransaction is needed */
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		if (edata->sqlerrcode == ERRCODE_INVALID_TEXT_REPRESENTATION)
			edata->hint = pstrdup("A literal without a type is read as JSON; a text needs a cast: 'x'::text.");
		else if (edata->sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER && edata->hint == NULL)
			edata->hint = pstrdup("PostgreSQL cannot store the character with code zero; encode binary data, for example as base64.");
		else if (edata->sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX)
		{
			edata->sqlerrcode = TPG_ERR_LIMIT_EXCEEDED;
			edata->message = pstrdup("JSON value is nested too deep");
			edata->hint = NULL;
		}
		ReThrowError(edata);
	}
	PG_END_TRY();
	return result;
}

char *
tpg_json_to_text(const Jsonb *value)
{
	Jsonb	   *v = (Jsonb *) value;

	return JsonbToCString(NULL, &v->root, VARSIZE(v));
}

Jsonb *
tpg_json_copy(const Jsonb *value)
{
	Jsonb	   *copy;

	if (value == NULL)
		return NULL;
	copy = palloc(VARSIZE(value));
	memcpy(copy, value, VARSIZE(value));
	return copy;
}

Jsonb *
tpg_json_null(void)
{
	JsonbValue	jv = {.type = jbvNull};

	return JsonbValueToJsonb(&jv);
}

Jsonb *
tpg_json_string(const char *text)
{
	JsonbValue	jv = {.type = jbvString};

	jv.val.string.val = (char *) text;
	jv.val.string.len = strlen(text);
	return JsonbValueToJsonb(&jv);
}

Jsonb *
tpg_json_value_to_jsonb(JsonbValue *value)
{
	return JsonbValueToJsonb(value);
}

/* The value at the root when that is a scalar. */
static bool
root_scalar(const Jsonb *value, JsonbValue *jv)
{
	return JB_ROOT_IS_SCALAR(value) && JsonbExtractScalar((JsonbContainer *) &value->root, jv);
}

bool
tpg_json_is_null(const Jsonb *value)
{
	JsonbValue	jv;

	return value == NULL || (root_scalar(value, &jv) && jv.type == jbvNull);
}

bool
tpg_json_is_object(const Jsonb *value)
{
	return value != NULL && JB_ROOT_IS_OBJECT(value);
}

bool
tpg_json_is_array(const Jsonb *value)
{
	return value != NULL && JB_ROOT_IS_ARRAY(value) && !JB_ROOT_IS_SCALAR(value);
}

bool
tpg_json_is_string(const Jsonb *value)
{
	JsonbValue	v;

	return value != NULL && JB_ROOT_IS_SCALAR(value) &&
		JsonbExtractScalar(unconstify(JsonbContainer *, &value->root), &v) && v.type == jbvString;
}

/* Member of an object as it lies there: the result points into the object. */
static bool
find_member(const Jsonb *object, const char *key, JsonbValue *jv)
{
	if (!tpg_json_is_object(object))
		return false;
	return getKeyJsonValueFromContainer((JsonbContainer *) &object->root, key, strlen(key), jv) != NULL;
}

bool
tpg_json_has(const Jsonb *object, const char *key)
{
	JsonbValue	jv;

	return find_member(object, key, &jv);
}

Jsonb *
tpg_json_get_raw(const Jsonb *object, const char *key)
{
	JsonbValue	jv;

	return find_member(object, key, &jv) ? JsonbValueToJsonb(&jv) : NULL;
}

Jsonb *
tpg_json_get(const Jsonb *object, const char *key)
{
	JsonbValue	jv;

	if (!find_member(object, key, &jv) || jv.type == jbvNull)
		return NULL;
	return JsonbValueToJsonb(&jv);
}

/* NULL for JSON null */
static char *
value_text(const JsonbValue *jv)
{
	switch (jv->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(jv->val.string.val, jv->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(jv->val.numeric)));
		case jbvBool:
			return pstrdup(jv->val.boolean ? "true" : "false");
		case jbvBinary:
			return JsonbToCString(NULL, jv->val.binary.data, jv->val.binary.len);
		default:
			elog(ERROR, "unexpected kind of JSON value: %d", (int) jv->type);
	}
}

char *
tpg_json_scalar_text(const Jsonb *value)
{
	JsonbValue	jv;

	if (value == NULL)
		return NULL;
	return root_scalar(value, &jv) ? value_text(&jv) : tpg_json_to_text(value);
}

char *
tpg_json_get_text(const Jsonb *object, const char *key)
{
	JsonbValue	jv;

	return find_member(object, key, &jv) ? value_text(&jv) : NULL;
}

bool
tpg_json_get_bool(const Jsonb *object, const char *key, bool dflt)
{
	JsonbValue	jv;

	if (!find_member(object, key, &jv))
		return dflt;
	if (jv.type == jbvBool)
		return jv.val.boolean;
	if (jv.type == jbvString)
	{
		bool		result;

		if (parse_bool_with_len(jv.val.string.val, jv.val.string.len, &result))
			return result;
	}
	return dflt;
}

int64
tpg_json_get_int(const Jsonb *object, const char *key, int64 dflt)
{
	JsonbValue	jv;

	if (!find_member(object, key, &jv))
		return dflt;
	if (jv.type == jbvNumeric)
		return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(jv.val.numeric)));

	/* proto-JSON writes 64-bit integers as strings */
	if (jv.type == jbvString)
		return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(value_text(&jv))));
	return dflt;
}

double
tpg_json_get_float(const Jsonb *object, const char *key, double dflt)
{
	JsonbValue	jv;

	if (!find_member(object, key, &jv) || jv.type != jbvNumeric)
		return dflt;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(jv.val.numeric)));
}

int64
tpg_json_get_duration(const Jsonb *object, const char *key, int64 dflt)
{
	char	   *text = tpg_json_get_text(object, key);

	return text == NULL ? dflt : tpg_duration_from_text(text);
}

TpgJson *
tpg_json_object(void)
{
	TpgJson    *b = palloc0(sizeof(TpgJson));

	pushJsonbValue(&b->state, WJB_BEGIN_OBJECT, NULL);
	return b;
}

TpgJson *
tpg_json_array(void)
{
	TpgJson    *b = palloc0(sizeof(TpgJson));

	b->is_array = true;
	pushJsonbValue(&b->state, WJB_BEGIN_ARRAY, NULL);
	return b;
}

TpgJson *
tpg_json_object_from(const Jsonb *object)
{
	TpgJson    *b = tpg_json_object();
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;

	if (!tpg_json_is_object(object))
		return b;

	/* of equal keys the one added last stays, so what follows replaces these */
	it = JsonbIteratorInit((JsonbContainer *) &object->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		if (token == WJB_KEY || token == WJB_VALUE)
			pushJsonbValue(&b->state, token, &jv);
	}
	return b;
}

static void
push_value(TpgJson *b, const char *key, JsonbValue *value)
{
	Assert(b->is_array == (key == NULL));
	if (key != NULL)
	{
		JsonbValue	k = {.type = jbvString};

		k.val.string.val = (char *) key;
		k.val.string.len = strlen(key);
		pushJsonbValue(&b->state, WJB_KEY, &k);
		pushJsonbValue(&b->state, WJB_VALUE, value);
	}
	else
		pushJsonbValue(&b->state, WJB_ELEM, value);
}

static void
push_text(TpgJson *b, const char *key, const char *value)
{
	JsonbValue	jv = {.type = jbvString};

	jv.val.string.val = pstrdup(value);
	jv.val.string.len = strlen(value);
	push_value(b, key, &jv);
}

static void
push_jsonb(TpgJson *b, const char *key, const Jsonb *value)
{
	JsonbValue	jv;
	Jsonb	   *copy = tpg_json_copy(value);

	if (!root_scalar(copy, &jv))
	{
		jv.type = jbvBinary;
		jv.val.binary.data = &copy->root;
		jv.val.binary.len = VARSIZE(copy) - VARHDRSZ;
	}
	push_value(b, key, &jv);
}

void
tpg_json_add_text(TpgJson *b, const char *key, const char *value)
{
	if (value != NULL)
		push_text(b, key, value);
}

void
tpg_json_add_int(TpgJson *b, const char *key, int64 value)
{
	JsonbValue	jv = {.type = jbvNumeric};

	jv.val.numeric = int64_to_numeric(value);
	push_value(b, key, &jv);
}

void
tpg_json_add_float(TpgJson *b, const char *key, double value)
{
	JsonbValue	jv = {.type = jbvNumeric};

	jv.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(value)));
	push_value(b, key, &jv);
}

void
tpg_json_add_bool(TpgJson *b, const char *key, bool value)
{
	JsonbValue	jv = {.type = jbvBool};

	jv.val.boolean = value;
	push_value(b, key, &jv);
}

void
tpg_json_add_jsonb(TpgJson *b, const char *key, const Jsonb *value)
{
	if (value != NULL)
		push_jsonb(b, key, value);
}

void
tpg_json_add_interval(TpgJson *b, const char *key, const Interval *value)
{
	if (value != NULL)
		push_text(b, key, tpg_duration_to_text(tpg_interval_to_us(value)));
}

void
tpg_json_add_duration(TpgJson *b, const char *key, int64 microseconds)
{
	push_text(b, key, tpg_duration_to_text(microseconds));
}

void
tpg_json_add_timestamp(TpgJson *b, const char *key, TimestampTz value)
{
	push_text(b, key, tpg_timestamp_to_text(value));
}

void
tpg_json_push_text(TpgJson *b, const char *value)
{
	if (value != NULL)
		push_text(b, NULL, value);
}

void
tpg_json_push_jsonb(TpgJson *b, const Jsonb *value)
{
	if (value != NULL)
		push_jsonb(b, NULL, value);
}

Jsonb *
tpg_json_finish(TpgJson *b)
{
	JsonbValue *value = pushJsonbValue(&b->state, b->is_array ? WJB_END_ARRAY : WJB_END_OBJECT, NULL);
	Jsonb	   *result = JsonbValueToJsonb(value);

	pfree(b);
	return result;
}

static void
add_members(TpgJson *b, const Jsonb *object, const Jsonb *unless_in)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *key = NULL;

	if (!tpg_json_is_object(object))
		return;
	it = JsonbIteratorInit((JsonbContainer *) &object->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && v.type != jbvNull && !tpg_json_has(unless_in, key))
			tpg_json_add_jsonb(b, key, tpg_json_value_to_jsonb(&v));
	}
}

Jsonb *
tpg_json_merge(const Jsonb *object, const Jsonb *changes)
{
	TpgJson    *b = tpg_json_object();

	add_members(b, object, changes);
	add_members(b, changes, NULL);
	return tpg_json_finish(b);
}
