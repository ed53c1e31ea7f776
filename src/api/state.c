/*-------------------------------------------------------------------------
 * state.c
 *	  SQL-callable: the state of a workflow, and JSON values as values of SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "api/args.h"
#include "base/json.h"
#include "runtime/scheduler.h"
#include "runtime/state.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_state);
PG_FUNCTION_INFO_V1(tpg_sql_state_key);
PG_FUNCTION_INFO_V1(tpg_sql_state_default);
PG_FUNCTION_INFO_V1(tpg_sql_from_jsonb);
PG_FUNCTION_INFO_V1(tpg_sql_set_state);
PG_FUNCTION_INFO_V1(tpg_sql_set_state_all);
PG_FUNCTION_INFO_V1(tpg_sql_delete_state);

/* What the fiber was told, for when it is run again. */
static TpgLogEntry *
record_json(TpgActivation *act, const char *call, const Jsonb *value)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgLogEntry *e = tpg_fiber_record(act, call);

	e->isnull = value == NULL;
	e->json = value ? tpg_json_copy(value) : NULL;
	MemoryContextSwitchTo(old);
	return e;
}

static Jsonb *
state_value(TpgActivation *act, const char *key)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "state");

	if (e == NULL)
		e = record_json(act, "state", tpg_state_get(act, key));
	return e->isnull ? NULL : e->json;
}

/* May the state be changed, and has it not been already, by this call, before the fiber waited? */
static bool
state_change(TpgActivation *act)
{
	if (tpg_fiber_replayed(act, "set_state") != NULL)
		return false;
	tpg_activation_writable(act, "set_state");
	(void) tpg_fiber_record(act, "set_state");
	return true;
}

Datum
tpg_sql_state(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("state");
	TpgLogEntry *e = tpg_fiber_replayed(act, "state");

	if (e == NULL)
		e = record_json(act, "state", tpg_state_all(act));
	PG_RETURN_JSONB_P(tpg_json_copy(e->json));
}

Datum
tpg_sql_state_key(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("state");
	Jsonb	   *value = state_value(act, tpg_arg_required_text(fcinfo, 0, "key"));

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(tpg_json_copy(value));
}

/*
 * A JSON value as a value of an SQL type, by its input function; JSON null is
 * NULL.  Arrays and composites go through jsonb_populate_record.
 */
static Datum
jsonb_to_type(FunctionCallInfo fcinfo, const Jsonb *value, Oid type, bool *isnull)
{
	*isnull = tpg_json_is_null(value);
	if (*isnull)
		return (Datum) 0;
	if (type == JSONBOID)
		return JsonbPGetDatum(tpg_json_copy(value));
	if (tpg_json_is_object(value) || tpg_json_is_array(value))
	{
		/* through a record of one column, which knows how to take any type */
		char	   *sql = psprintf("SELECT v FROM pg_catalog.jsonb_to_record($1) AS r(v %s)", format_type_be_qualified(type));
		TpgJson    *b = tpg_json_object();
		Oid			argtype = JSONBOID;
		Datum		arg;
		Datum		result;
		MemoryContext caller = CurrentMemoryContext;
		int16		len;
		bool		byval;

		tpg_json_add_jsonb(b, "v", value);
		arg = JsonbPGetDatum(tpg_json_finish(b));
		SPI_connect();
		if (SPI_execute_with_args(sql, 1, &argtype, &arg, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "could not convert a JSON value to %s", format_type_be(type));
		result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
		get_typlenbyval(type, &len, &byval);
		if (!*isnull)
		{
			MemoryContext old = MemoryContextSwitchTo(caller);

			result = datumCopy(result, byval, len);
			MemoryContextSwitchTo(old);
		}
		SPI_finish();
		return result;
	}
	else
	{
		Oid			input;
		Oid			param;

		getTypeInputInfo(type, &input, &param);
		return OidInputFunctionCall(input, tpg_json_scalar_text(value), param, -1);
	}
}

/* state(key, default anyelement): the value as the type of the default */
Datum
tpg_sql_state_default(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("state");
	Jsonb	   *value = state_value(act, tpg_arg_required_text(fcinfo, 0, "key"));
	bool		isnull;
	Datum		result;

	if (value == NULL)
	{
		if (PG_ARGISNULL(1))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	}
	result = jsonb_to_type(fcinfo, value, get_fn_expr_argtype(fcinfo->flinfo, 1), &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

Datum
tpg_sql_from_jsonb(PG_FUNCTION_ARGS)
{
	bool		isnull;
	Datum		result;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	result = jsonb_to_type(fcinfo, PG_GETARG_JSONB_P(0), get_fn_expr_argtype(fcinfo->flinfo, 1), &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

Datum
tpg_sql_set_state(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("set_state");
	char	   *key = tpg_arg_required_text(fcinfo, 0, "key");
	Jsonb	   *value = PG_ARGISNULL(1) ? tpg_json_null() : tpg_any_arg_to_jsonb(fcinfo, 1);

	tpg_payload_check(value, "state");
	if (state_change(act))
		tpg_state_set(act, key, value);
	PG_RETURN_VOID();
}

Datum
tpg_sql_set_state_all(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("set_state");
	Jsonb	   *value = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);

	if (value == NULL || !tpg_json_is_object(value))
		ereport(ERROR,
				(errcode(value ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("state must be a JSON object"),
				 errhint("To set one value: temporal.set_state('name', value).")));
	tpg_payload_check(value, "state");
	if (state_change(act))
		tpg_state_replace(act, value);
	PG_RETURN_VOID();
}

Datum
tpg_sql_delete_state(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("delete_state");
	char	   *key = tpg_arg_required_text(fcinfo, 0, "key");

	if (state_change(act))
		tpg_state_delete(act, key);
	PG_RETURN_VOID();
}
