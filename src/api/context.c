/*-------------------------------------------------------------------------
 * context.c
 *	  SQL-callable: what workflow and activity code calls instead of the clock, chance, a
 *	  query or RAISE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/attempt.h"
#include "runtime/ops.h"
#include "runtime/random.h"
#include "runtime/scheduler.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_now);
PG_FUNCTION_INFO_V1(tpg_sql_random);
PG_FUNCTION_INFO_V1(tpg_sql_uuid4);
PG_FUNCTION_INFO_V1(tpg_sql_side_effect);
PG_FUNCTION_INFO_V1(tpg_sql_is_replaying);
PG_FUNCTION_INFO_V1(tpg_sql_log);
PG_FUNCTION_INFO_V1(tpg_sql_failure);
PG_FUNCTION_INFO_V1(tpg_sql_last_failure_type);
PG_FUNCTION_INFO_V1(tpg_sql_raise_application_error);

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

	s.sql = tpg_arg_required_text(fcinfo, 0, "sql");
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

Datum
tpg_sql_is_replaying(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!tpg_activation_is_live(tpg_activation_require("is_replaying")));
}

/* log(level, message, fields): silent in a replay, since the thresholds are raised there */
Datum
tpg_sql_log(PG_FUNCTION_ARGS)
{
	char	   *level = tpg_arg_required_text(fcinfo, 0, "level");
	char	   *message = tpg_arg_required_text(fcinfo, 1, "message");
	Jsonb	   *fields = tpg_arg_jsonb(fcinfo, 2);
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
	char	   *message = tpg_arg_required_text(fcinfo, 0, "message");
	char	   *type = tpg_arg_text(fcinfo, 1);
	Jsonb	   *details = tpg_arg_jsonb(fcinfo, 2);
	bool		non_retryable = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	char	   *category = tpg_arg_text(fcinfo, 5);
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
