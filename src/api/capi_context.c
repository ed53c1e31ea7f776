/*-------------------------------------------------------------------------
 * capi_context.c
 *	  The C interface: what workflow and activity code calls about itself, and failures.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "api/capi.h"
#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/ops.h"

extern Datum tpg_sql_state(PG_FUNCTION_ARGS);
extern Datum tpg_sql_state_key(PG_FUNCTION_ARGS);
extern Datum tpg_sql_set_state(PG_FUNCTION_ARGS);
extern Datum tpg_sql_set_state_all(PG_FUNCTION_ARGS);
extern Datum tpg_sql_delete_state(PG_FUNCTION_ARGS);
extern Datum tpg_sql_now(PG_FUNCTION_ARGS);
extern Datum tpg_sql_random(PG_FUNCTION_ARGS);
extern Datum tpg_sql_uuid4(PG_FUNCTION_ARGS);
extern Datum tpg_sql_is_replaying(PG_FUNCTION_ARGS);
extern Datum tpg_sql_log(PG_FUNCTION_ARGS);
extern Datum tpg_sql_patched(PG_FUNCTION_ARGS);
extern Datum tpg_sql_deprecate_patch(PG_FUNCTION_ARGS);
extern Datum tpg_sql_cancel_requested(PG_FUNCTION_ARGS);
extern Datum tpg_sql_memo(PG_FUNCTION_ARGS);
extern Datum tpg_sql_upsert_memo(PG_FUNCTION_ARGS);
extern Datum tpg_sql_upsert_search_attributes(PG_FUNCTION_ARGS);
extern Datum tpg_sql_set_current_details(PG_FUNCTION_ARGS);
extern Datum tpg_sql_last_completion_result(PG_FUNCTION_ARGS);
extern Datum tpg_sql_last_failure(PG_FUNCTION_ARGS);
extern Datum tpg_sql_raise_application_error(PG_FUNCTION_ARGS);

/* ---------- state ---------- */

Jsonb *
tpg_capi_state(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "state", 0);
	return tpg_call_to_jsonb(&c, tpg_sql_state);
}

Jsonb *
tpg_capi_get_state(const char *key)
{
	TpgCall		c;

	tpg_call_begin(&c, "get_state", 1);
	tpg_call_text(&c, 0, key);
	return tpg_call_to_jsonb(&c, tpg_sql_state_key);
}

void
tpg_capi_set_state(const char *key, const Jsonb *value)
{
	TpgCall		c;

	tpg_call_begin(&c, "set_state", 2);
	tpg_call_text(&c, 0, key);
	tpg_call_jsonb(&c, 1, value);
	tpg_call_void(&c, tpg_sql_set_state);
}

void
tpg_capi_replace_state(const Jsonb *state)
{
	TpgCall		c;

	tpg_call_begin(&c, "replace_state", 1);
	tpg_call_jsonb(&c, 0, state);
	tpg_call_void(&c, tpg_sql_set_state_all);
}

void
tpg_capi_delete_state(const char *key)
{
	TpgCall		c;

	tpg_call_begin(&c, "delete_state", 1);
	tpg_call_text(&c, 0, key);
	tpg_call_void(&c, tpg_sql_delete_state);
}

/* ---------- clock, chance, side effects ---------- */

TimestampTz
tpg_capi_now(void)
{
	TpgCall		c;
	TimestampTz now;

	tpg_call_begin(&c, "now", 0);
	now = DatumGetTimestampTz(tpg_call(&c, tpg_sql_now, NULL));
	tpg_call_end(&c);
	return now;
}

double
tpg_capi_random(void)
{
	TpgCall		c;
	double		value;

	tpg_call_begin(&c, "random", 0);
	value = DatumGetFloat8(tpg_call(&c, tpg_sql_random, NULL));
	tpg_call_end(&c);
	return value;
}

pg_uuid_t
tpg_capi_uuid4(void)
{
	TpgCall		c;
	pg_uuid_t	uuid;

	tpg_call_begin(&c, "uuid4", 0);
	uuid = *DatumGetUUIDP(tpg_call(&c, tpg_sql_uuid4, NULL));
	tpg_call_end(&c);
	return uuid;
}

typedef struct SideEffect
{
	TpgEvaluate evaluate;
	void	   *arg;
} SideEffect;

static Jsonb *
evaluate_side_effect(void *arg)
{
	SideEffect *s = arg;
	Jsonb	   *value = s->evaluate(s->arg);

	return value ? value : tpg_json_null();
}

Jsonb *
tpg_capi_side_effect(TpgEvaluate evaluate, void *arg)
{
	TpgActivation *act;
	SideEffect	s = {.evaluate = evaluate, .arg = arg};
	TpgCall		c;
	Jsonb	   *value;

	tpg_call_begin(&c, "side_effect", 0);
	act = tpg_activation_require("side_effect");
	if (evaluate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("evaluate must not be null")));
	value = tpg_op_side_effect(act, evaluate_side_effect, &s);
	MemoryContextSwitchTo(c.caller);
	value = tpg_json_copy(value);
	tpg_call_end(&c);
	return value;
}

bool
tpg_capi_is_replaying(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "is_replaying", 0);
	return tpg_call_to_bool(&c, tpg_sql_is_replaying);
}

void
tpg_capi_log(const char *level, const char *message, const Jsonb *fields)
{
	TpgCall		c;

	tpg_call_begin(&c, "log", 3);
	tpg_call_text(&c, 0, level);
	tpg_call_text(&c, 1, message);
	tpg_call_jsonb(&c, 2, fields);
	tpg_call_void(&c, tpg_sql_log);
}

/* ---------- the run ---------- */

bool
tpg_capi_patched(const char *patch_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "patched", 1);
	tpg_call_text(&c, 0, patch_id);
	return tpg_call_to_bool(&c, tpg_sql_patched);
}

void
tpg_capi_deprecate_patch(const char *patch_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "deprecate_patch", 1);
	tpg_call_text(&c, 0, patch_id);
	tpg_call_void(&c, tpg_sql_deprecate_patch);
}

bool
tpg_capi_cancel_requested(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "cancel_requested", 0);
	return tpg_call_to_bool(&c, tpg_sql_cancel_requested);
}

Jsonb *
tpg_capi_memo(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "memo", 0);
	return tpg_call_to_jsonb(&c, tpg_sql_memo);
}

void
tpg_capi_upsert_memo(const Jsonb *memo)
{
	TpgCall		c;

	tpg_call_begin(&c, "upsert_memo", 1);
	tpg_call_jsonb(&c, 0, memo);
	tpg_call_void(&c, tpg_sql_upsert_memo);
}

void
tpg_capi_upsert_search_attributes(const Jsonb *search_attributes)
{
	TpgCall		c;

	tpg_call_begin(&c, "upsert_search_attributes", 1);
	tpg_call_jsonb(&c, 0, search_attributes);
	tpg_call_void(&c, tpg_sql_upsert_search_attributes);
}

void
tpg_capi_set_current_details(const char *details)
{
	TpgCall		c;

	tpg_call_begin(&c, "set_current_details", 1);
	tpg_call_text(&c, 0, details);
	tpg_call_void(&c, tpg_sql_set_current_details);
}

Jsonb *
tpg_capi_last_completion_result(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "last_completion_result", 0);
	return tpg_call_to_jsonb(&c, tpg_sql_last_completion_result);
}

Jsonb *
tpg_capi_last_failure(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "last_failure", 0);
	return tpg_call_to_jsonb(&c, tpg_sql_last_failure);
}

/* ---------- failures ---------- */

TpgFailure *
tpg_capi_failure(void)
{
	TpgActivation *act;
	TpgFailure *failure = NULL;
	TpgCall		c;

	tpg_call_begin(&c, "failure", 0);
	act = tpg_activation_require("failure");
	if (act->fiber->last_failure != NULL)
		failure = tpg_call_failure(&c, act->fiber->last_failure);
	tpg_call_end(&c);
	return failure;
}

/* One that this run was told of goes on as it came; any other as the error that it describes. */
void
tpg_capi_raise_failure(const TpgFailure *failure)
{
	TpgCall		c;
	char	   *detail;
	Jsonb	   *raised = NULL;

	tpg_call_begin(&c, "raise_failure", 0);
	if (failure == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("failure must not be null")));
	detail = failure->detail ? tpg_json_to_text(failure->detail) : NULL;
	if (tpg_current_activation != NULL)
		raised = tpg_activation_raised(tpg_activation_require("raise_failure"), detail);
	if (raised != NULL)
		tpg_activation_throw(tpg_current_activation, raised);
	ereport(ERROR,
			(errcode(failure->sqlstate ? failure->sqlstate : TPG_ERR_APPLICATION_FAILURE),
			 errmsg_internal("%s", failure->message ? failure->message : ""),
			 detail ? errdetail_internal("%s", detail) : 0));
}

void
tpg_capi_raise_application_error(const char *message, const TpgErrorOpts *opts, size_t size)
{
	TpgErrorOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "raise_application_error", 6);
	tpg_call_options(&o, sizeof(o), opts, size);
	tpg_call_text(&c, 0, message);
	tpg_call_text(&c, 1, o.type);
	tpg_call_jsonb(&c, 2, o.details);
	tpg_call_datum(&c, 3, BoolGetDatum(o.non_retryable));
	tpg_call_duration(&c, 4, o.next_retry_delay_us);
	tpg_call_text(&c, 5, o.category);
	tpg_call_void(&c, tpg_sql_raise_application_error);
	pg_unreachable();
}
