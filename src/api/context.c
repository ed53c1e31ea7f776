/*-------------------------------------------------------------------------
 * context.c
 *	  SQL-callable: what workflow and activity code may know, keep and say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/attempt.h"
#include "runtime/ops.h"
#include "runtime/random.h"
#include "runtime/scheduler.h"
#include "runtime/state.h"
#include "runtime/upserts.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_state);
PG_FUNCTION_INFO_V1(tpg_sql_state_key);
PG_FUNCTION_INFO_V1(tpg_sql_state_default);
PG_FUNCTION_INFO_V1(tpg_sql_set_state);
PG_FUNCTION_INFO_V1(tpg_sql_set_state_all);
PG_FUNCTION_INFO_V1(tpg_sql_delete_state);
PG_FUNCTION_INFO_V1(tpg_sql_from_jsonb);
PG_FUNCTION_INFO_V1(tpg_sql_now);
PG_FUNCTION_INFO_V1(tpg_sql_random);
PG_FUNCTION_INFO_V1(tpg_sql_uuid4);
PG_FUNCTION_INFO_V1(tpg_sql_side_effect);
PG_FUNCTION_INFO_V1(tpg_sql_workflow_info);
PG_FUNCTION_INFO_V1(tpg_sql_activity_info);
PG_FUNCTION_INFO_V1(tpg_sql_is_replaying);
PG_FUNCTION_INFO_V1(tpg_sql_log);
PG_FUNCTION_INFO_V1(tpg_sql_failure);
PG_FUNCTION_INFO_V1(tpg_sql_last_failure_type);
PG_FUNCTION_INFO_V1(tpg_sql_raise_application_error);

static char *
required_text(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* ---------- state ---------- */

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
	Jsonb	   *value = state_value(act, required_text(fcinfo, 0, "key"));

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
	Jsonb	   *value = state_value(act, required_text(fcinfo, 0, "key"));
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
	char	   *key = required_text(fcinfo, 0, "key");
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

	char	   *key = required_text(fcinfo, 0, "key");

	if (state_change(act))
		tpg_state_delete(act, key);
	PG_RETURN_VOID();
}

/* ---------- clock, chance ---------- */

Datum
tpg_sql_now(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("now");
	TpgLogEntry *e = tpg_fiber_replayed(act, "now");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "now");
		e->number = act->now;
	}
	PG_RETURN_TIMESTAMPTZ(e->number);
}

Datum
tpg_sql_random(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("random");
	TpgLogEntry *e = tpg_fiber_replayed(act, "random");

	if (e == NULL)
	{
		/* what only looks must not draw from the run's numbers (G-05) */
		tpg_activation_writable(act, "random");
		e = tpg_fiber_record(act, "random");
		e->real = tpg_random_double(act);
	}
	PG_RETURN_FLOAT8(e->real);
}

Datum
tpg_sql_uuid4(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("uuid4");
	TpgLogEntry *e = tpg_fiber_replayed(act, "uuid4");
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	if (e == NULL)
	{
		tpg_activation_writable(act, "uuid4");
		e = tpg_fiber_record(act, "uuid4");
		e->uuid = *tpg_random_uuid(act);
	}
	*uuid = e->uuid;
	PG_RETURN_UUID_P(uuid);
}

typedef struct SideEffect
{
	const char *sql;
	int			nargs;
	Oid		   *types;
	Datum	   *values;
	char	   *nulls;
} SideEffect;

/* Read-only, as the code's own role. */
static Jsonb *
evaluate_side_effect(void *arg)
{
	SideEffect *s = arg;
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *value = NULL;

	SPI_connect();
	if (SPI_execute_with_args(s->sql, s->nargs, s->types, s->values, s->nulls, true, 2) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a side effect must be a query"),
				 errhint("For example temporal.side_effect('SELECT rate FROM exchange WHERE currency = $1', 'EUR'::text).")));
	if (SPI_tuptable->tupdesc->natts != 1 || SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a side effect must give one value"),
				 errdetail("It gave " UINT64_FORMAT " rows of %d columns.", SPI_processed, SPI_tuptable->tupdesc->natts),
				 errhint("Aggregate what it gives into one value, for example by jsonb_agg().")));
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(caller);

		value = tpg_datum_to_jsonb(d, SPI_gettypeid(SPI_tuptable->tupdesc, 1), isnull);
		value = tpg_json_copy(value);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return value ? value : tpg_json_null();
}

Datum
tpg_sql_side_effect(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("side_effect");
	SideEffect	s = {0};

	s.sql = required_text(fcinfo, 0, "sql");
	s.nargs = PG_NARGS() - 1;
	s.types = palloc(sizeof(Oid) * Max(s.nargs, 1));
	s.values = palloc(sizeof(Datum) * Max(s.nargs, 1));
	s.nulls = palloc0(s.nargs + 1);
	for (int i = 0; i < s.nargs; i++)
	{
		s.types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		s.values[i] = PG_GETARG_DATUM(i + 1);
		s.nulls[i] = PG_ARGISNULL(i + 1) ? 'n' : ' ';
		if (s.types[i] == UNKNOWNOID)
		{
			s.types[i] = TEXTOID;
			if (!PG_ARGISNULL(i + 1))
				s.values[i] = CStringGetTextDatum(DatumGetCString(s.values[i]));
		}
	}
	PG_RETURN_JSONB_P(tpg_json_copy(tpg_op_side_effect(act, evaluate_side_effect, &s)));
}

/* ---------- about oneself ---------- */

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static Datum
duration_or_null(const Jsonb *attributes, const char *key, bool *isnull)
{
	int64		us = tpg_json_get_duration(attributes, key, -1);

	*isnull = us < 0;
	return us < 0 ? (Datum) 0 : IntervalPGetDatum(tpg_interval_from_us(us));
}

static Datum
jsonb_or_null(const Jsonb *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? JsonbPGetDatum(value) : (Datum) 0;
}

static Datum
make_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* What changes while the code runs, as it is told to this call each time. */
static const Jsonb *
changing_json(TpgActivation *act, const Jsonb *now)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "workflow_info");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "workflow_info");
		e->json = (Jsonb *) now;
	}
	return e->json;
}

static int
changing_number(TpgActivation *act, int now)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "workflow_info");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "workflow_info");
		e->number = now;
	}
	return (int) e->number;
}

static Datum
uuid_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? DirectFunctionCall1(uuid_in, CStringGetDatum(value)) : (Datum) 0;
}

/* reference G-48, as far as it exists; order of the type temporal.workflow_info */
Datum
tpg_sql_workflow_info(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("workflow_info");
	TpgRun	   *run = act->run;
	const TpgExecution *e = run->exec;
	const Jsonb *start = run->events[0].attributes;
	const Jsonb *parent = tpg_json_get(start, "parentWorkflowExecution");
	const Jsonb *root = tpg_json_get(start, "rootWorkflowExecution");
	const Jsonb *memo = changing_json(act, tpg_memo(act));
	const Jsonb *search_attributes = changing_json(act, tpg_search_attributes(act));
	int			told = changing_number(act, act->told);
	Datum		values[24] = {0};
	bool		nulls[24] = {false};
	int64		bytes = 0;
	int			n = 0;

	for (int i = 0; i < told; i++)
		bytes += VARSIZE(run->events[i].attributes);
	values[n] = text_or_null(tpg_namespace_name(e->namespace_id), &nulls[n]), n++;
	values[n] = text_or_null(e->workflow_id, &nulls[n]), n++;
	values[n++] = UUIDPGetDatum(&e->run_id);
	values[n++] = UUIDPGetDatum(&e->first_run_id);
	values[n] = text_or_null(e->workflow_type, &nulls[n]), n++;
	values[n] = text_or_null(e->task_queue, &nulls[n]), n++;
	values[n++] = Int32GetDatum(e->attempt);
	values[n] = text_or_null(tpg_json_get_text(start, "cronSchedule"), &nulls[n]), n++;
	values[n] = duration_or_null(start, "workflowExecutionTimeout", &nulls[n]), n++;
	values[n] = duration_or_null(start, "workflowRunTimeout", &nulls[n]), n++;
	values[n++] = IntervalPGetDatum(tpg_interval_from_us(tpg_json_get_duration(start, "workflowTaskTimeout", INT64CONST(10000000))));
	values[n] = jsonb_or_null(tpg_json_get(start, "retryPolicy"), &nulls[n]), n++;
	values[n] = jsonb_or_null(memo, &nulls[n]), n++;
	values[n] = jsonb_or_null(search_attributes, &nulls[n]), n++;
	values[n++] = TimestampTzGetDatum(e->start_time);
	values[n++] = TimestampTzGetDatum(run->events[0].task_time);
	values[n++] = Int32GetDatum(told);
	values[n++] = Int64GetDatum(bytes);
	values[n++] = BoolGetDatum(told >= tpg_guc_suggest_continue_as_new_events ||
							   bytes >= (int64) tpg_guc_suggest_continue_as_new_size * 1024);
	values[n] = text_or_null(tpg_json_get_text(parent, "workflowId"), &nulls[n]), n++;
	values[n] = uuid_or_null(tpg_json_get_text(parent, "runId"), &nulls[n]), n++;
	values[n] = text_or_null(root ? tpg_json_get_text(root, "workflowId") : e->workflow_id, &nulls[n]), n++;
	values[n] = uuid_or_null(root ? tpg_json_get_text(root, "runId") : tpg_uuid_to_text(&e->run_id), &nulls[n]), n++;
	values[n] = uuid_or_null(tpg_json_get_text(start, "continuedExecutionRunId"), &nulls[n]), n++;
	return make_row(fcinfo, values, nulls);
}

static TpgAttemptInfo *
attempt_require(const char *what)
{
	if (tpg_current_attempt == NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() can only be called by an activity", what),
				 errhint("Register the function that calls it with temporal.register_activity().")));
	return tpg_current_attempt;
}

/* reference D-47; order of the type temporal.activity_info */
Datum
tpg_sql_activity_info(PG_FUNCTION_ARGS)
{
	TpgAttemptInfo *info = attempt_require("activity_info");
	const TpgActivityTask *t = info->task;
	const TpgExecution *e = info->exec;
	Datum		values[19] = {0};
	bool		nulls[19] = {false};
	int			n = 0;

	values[n] = text_or_null(t->activity_id, &nulls[n]), n++;
	values[n] = text_or_null(t->activity_type, &nulls[n]), n++;
	values[n++] = Int32GetDatum(t->attempt);
	values[n] = text_or_null(tpg_namespace_name(t->namespace_id), &nulls[n]), n++;
	values[n] = text_or_null(e->workflow_id, &nulls[n]), n++;
	values[n++] = UUIDPGetDatum(&e->run_id);
	values[n] = text_or_null(e->workflow_type, &nulls[n]), n++;
	values[n] = text_or_null(t->task_queue, &nulls[n]), n++;
	/* names this attempt; its parts are nobody's business but ours */
	values[n] = text_or_null(psprintf(INT64_FORMAT ".%d.%d", t->execution_key, t->scheduled_event_id, t->attempt), &nulls[n]), n++;
	nulls[n++] = true;			/* heartbeat_details: a transactional attempt starts from nothing */
	values[n++] = TimestampTzGetDatum(t->scheduled_at);
	values[n++] = TimestampTzGetDatum(t->attempt_scheduled_at);
	values[n++] = TimestampTzGetDatum(info->started_at);
	values[n] = duration_or_null(t->attributes, "scheduleToCloseTimeout", &nulls[n]), n++;
	nulls[n] = tpg_attempt_start_to_close(t) == 0;
	values[n++] = IntervalPGetDatum(tpg_interval_from_us(tpg_attempt_start_to_close(t)));
	values[n] = duration_or_null(t->attributes, "heartbeatTimeout", &nulls[n]), n++;
	values[n] = jsonb_or_null(tpg_json_get(t->attributes, "retryPolicy"), &nulls[n]), n++;
	values[n++] = Int32GetDatum((int32) tpg_json_get_int(tpg_json_get(t->attributes, "priority"), "priorityKey", 3));
	values[n++] = BoolGetDatum(info->local);
	return make_row(fcinfo, values, nulls);
}

Datum
tpg_sql_is_replaying(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!tpg_activation_is_live(tpg_activation_require("is_replaying")));
}

/* log(level, message, fields): silent in a replay, since the thresholds are raised there */
Datum
tpg_sql_log(PG_FUNCTION_ARGS)
{
	char	   *level = required_text(fcinfo, 0, "level");
	char	   *message = required_text(fcinfo, 1, "message");
	Jsonb	   *fields = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	const char *workflow_id = NULL;
	int			elevel;

	if (tpg_current_activation != NULL)
	{
		(void) tpg_activation_require("log");
		workflow_id = tpg_current_activation->run->exec->workflow_id;
	}
	else if (tpg_current_attempt != NULL)
		workflow_id = tpg_current_attempt->exec->workflow_id;
	else
		(void) tpg_activation_require("log");

	if (pg_strcasecmp(level, "debug") == 0)
		elevel = DEBUG1;
	else if (pg_strcasecmp(level, "info") == 0 || pg_strcasecmp(level, "log") == 0)
		elevel = LOG;
	else if (pg_strcasecmp(level, "notice") == 0)
		elevel = NOTICE;
	else if (pg_strcasecmp(level, "warning") == 0 || pg_strcasecmp(level, "error") == 0)
		elevel = WARNING;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid log level \"%s\"", level),
				 errhint("It is one of debug, info, notice, warning, error.")));
	ereport(elevel,
			(errmsg("workflow \"%s\": %s", workflow_id, message),
			 fields ? errdetail("%s", tpg_json_to_text(fields)) : 0));
	PG_RETURN_VOID();
}

/* ---------- failures ---------- */

Datum
tpg_sql_failure(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("failure");

	if (act->fiber->last_failure == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(tpg_failure_detail(act->fiber->last_failure));
}

Datum
tpg_sql_last_failure_type(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("failure_type");
	char	   *type = act->fiber->last_failure ? tpg_failure_type(act->fiber->last_failure) : NULL;

	if (type == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(type));
}

/* (message, type, details, non_retryable, next_retry_delay, category) */
Datum
tpg_sql_raise_application_error(PG_FUNCTION_ARGS)
{
	char	   *message = required_text(fcinfo, 0, "message");
	char	   *type = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Jsonb	   *details = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	bool		non_retryable = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	char	   *category = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	TpgJson    *b = tpg_json_object();

	if (tpg_current_activation != NULL)
		(void) tpg_activation_require("raise_application_error");
	tpg_id_check_optional(type, "error type");
	tpg_payload_check(details, "error details");
	if (category != NULL && strcmp(category, "unspecified") != 0 && strcmp(category, "benign") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid category \"%s\"", category),
				 errhint("It is one of unspecified, benign.")));
	tpg_json_add_text(b, "type", type);
	tpg_json_add_jsonb(b, "details", details);
	if (non_retryable)
		tpg_json_add_bool(b, "non_retryable", true);
	if (!PG_ARGISNULL(4))
		tpg_json_add_duration(b, "next_retry_delay", tpg_interval_arg_us(PG_GETARG_INTERVAL_P(4), "next_retry_delay"));
	tpg_json_add_text(b, "category", category);
	ereport(ERROR,
			(errcode(TPG_ERR_APPLICATION_FAILURE),
			 errmsg("%s", message),
			 errdetail_internal("%s", tpg_json_to_text(tpg_json_finish(b)))));
	PG_RETURN_VOID();
}
