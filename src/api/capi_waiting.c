/*-------------------------------------------------------------------------
 * capi_waiting.c
 *	  The C interface: what workflow code waits for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "api/capi.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "runtime/await.h"
#include "runtime/waits.h"

extern Datum tpg_sql_sleep(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_timer(PG_FUNCTION_ARGS);
extern Datum tpg_sql_await(PG_FUNCTION_ARGS);
extern Datum tpg_sql_await_all(PG_FUNCTION_ARGS);
extern Datum tpg_sql_await_any(PG_FUNCTION_ARGS);
extern Datum tpg_sql_is_done(PG_FUNCTION_ARGS);
extern Datum tpg_sql_cancel_future(PG_FUNCTION_ARGS);
extern Datum tpg_sql_shield(PG_FUNCTION_ARGS);
extern Datum tpg_sql_wait_signal(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_wait_signal(PG_FUNCTION_ARGS);
extern Datum tpg_sql_wait_condition(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_wait_condition(PG_FUNCTION_ARGS);
extern Datum tpg_sql_lock(PG_FUNCTION_ARGS);
extern Datum tpg_sql_unlock(PG_FUNCTION_ARGS);
extern Datum tpg_sql_all_handlers_finished(PG_FUNCTION_ARGS);

/* A duration that must be given, 0 included. */
static void
required_duration(TpgCall *c, int n, int64 us)
{
	tpg_call_datum(c, n, IntervalPGetDatum(tpg_interval_from_us(us)));
}

/* ---------- timers ---------- */

void
tpg_capi_sleep(int64 duration_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "sleep", 1);
	required_duration(&c, 0, duration_us);
	tpg_call_void(&c, tpg_sql_sleep);
}

TpgFuture
tpg_capi_start_timer(int64 duration_us, const char *summary)
{
	TpgCall		c;

	tpg_call_begin(&c, "start_timer", 2);
	required_duration(&c, 0, duration_us);
	tpg_call_text(&c, 1, summary);
	return tpg_call_to_future(&c, tpg_sql_start_timer);
}

/* ---------- futures ---------- */

Jsonb *
tpg_capi_await(TpgFuture future, int64 timeout_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "await", 2);
	tpg_call_datum(&c, 0, Int64GetDatum(future.value));
	tpg_call_timeout(&c, 1, timeout_us);
	return tpg_call_to_jsonb(&c, tpg_sql_await);
}

Jsonb *
tpg_capi_try_await(TpgFuture future, int64 timeout_us, TpgFailure **failure)
{
	TpgActivation *act;
	TpgCall		c;
	Jsonb	   *raised;
	Jsonb	   *result;

	tpg_call_begin(&c, "try_await", 0);
	act = tpg_activation_require("await");
	tpg_call_required(failure, "failure");
	if (timeout_us != TPG_FOREVER)
		timeout_us = tpg_interval_arg_us(tpg_interval_from_us(timeout_us), "timeout");
	result = tpg_op_try_await(act, tpg_future_op(act, Int64GetDatum(future.value)), timeout_us, &raised);
	*failure = NULL;
	MemoryContextSwitchTo(c.caller);
	if (raised != NULL)
	{
		tpg_activation_tell(act, raised);
		*failure = tpg_call_failure(&c, raised);
		result = NULL;
	}
	else
		result = tpg_json_copy(result);
	tpg_call_end(&c);
	return result;
}

static void
future_array(TpgCall *c, const TpgFuture *futures, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	if (n > 0)
		tpg_call_required(futures, "futures");
	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(futures[i].value);
	/* as an array of temporal.future, whose values are the same */
	tpg_call_datum(c, 0, PointerGetDatum(construct_array(elements, Max(n, 0), INT8OID, 8, true, TYPALIGN_DOUBLE)));
}

Jsonb **
tpg_capi_await_all(const TpgFuture *futures, int n, int64 timeout_us)
{
	TpgCall		c;
	Datum	   *elements;
	int			nelements;
	Jsonb	  **results;

	tpg_call_begin(&c, "await_all", 2);
	future_array(&c, futures, n);
	tpg_call_timeout(&c, 1, timeout_us);
	deconstruct_array(DatumGetArrayTypeP(tpg_call(&c, tpg_sql_await_all, NULL)), JSONBOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &nelements);
	MemoryContextSwitchTo(c.caller);
	results = palloc(sizeof(Jsonb *) * Max(nelements, 1));
	for (int i = 0; i < nelements; i++)
		results[i] = tpg_json_copy(DatumGetJsonbP(elements[i]));
	tpg_call_end(&c);
	return results;
}

int
tpg_capi_await_any(const TpgFuture *futures, int n, int64 timeout_us)
{
	TpgCall		c;
	int64		done;

	tpg_call_begin(&c, "await_any", 2);
	future_array(&c, futures, n);
	tpg_call_timeout(&c, 1, timeout_us);
	done = DatumGetInt64(tpg_call(&c, tpg_sql_await_any, NULL));
	tpg_call_end(&c);
	for (int i = 0; i < n; i++)
		if (futures[i].value == done)
			return i;
	elog(ERROR, "await_any gave a future that it was not given");
}

bool
tpg_capi_is_done(TpgFuture future)
{
	TpgCall		c;

	tpg_call_begin(&c, "is_done", 1);
	tpg_call_datum(&c, 0, Int64GetDatum(future.value));
	return tpg_call_to_bool(&c, tpg_sql_is_done);
}

void
tpg_capi_cancel_future(TpgFuture future)
{
	TpgCall		c;

	tpg_call_begin(&c, "cancel_future", 1);
	tpg_call_datum(&c, 0, Int64GetDatum(future.value));
	tpg_call_void(&c, tpg_sql_cancel_future);
}

TpgFuture
tpg_capi_shield(TpgFuture future)
{
	TpgCall		c;

	tpg_call_begin(&c, "shield", 1);
	tpg_call_datum(&c, 0, Int64GetDatum(future.value));
	return tpg_call_to_future(&c, tpg_sql_shield);
}

/* ---------- signals, conditions, locks ---------- */

Jsonb *
tpg_capi_wait_signal(const char *signal_name, int64 timeout_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "wait_signal", 2);
	tpg_call_text(&c, 0, signal_name);
	tpg_call_timeout(&c, 1, timeout_us);
	return tpg_call_to_jsonb(&c, tpg_sql_wait_signal);
}

TpgFuture
tpg_capi_start_wait_signal(const char *signal_name)
{
	TpgCall		c;

	tpg_call_begin(&c, "start_wait_signal", 1);
	tpg_call_text(&c, 0, signal_name);
	return tpg_call_to_future(&c, tpg_sql_start_wait_signal);
}

bool
tpg_capi_wait_condition(const char *condition, const Jsonb *args, int64 timeout_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "wait_condition", 3);
	tpg_call_text(&c, 0, condition);
	tpg_call_timeout(&c, 1, timeout_us);
	tpg_call_jsonb(&c, 2, args);
	return tpg_call_to_bool(&c, tpg_sql_wait_condition);
}

TpgFuture
tpg_capi_start_wait_condition(const char *condition, const Jsonb *args)
{
	TpgCall		c;

	tpg_call_begin(&c, "start_wait_condition", 2);
	tpg_call_text(&c, 0, condition);
	tpg_call_jsonb(&c, 1, args);
	return tpg_call_to_future(&c, tpg_sql_start_wait_condition);
}

/* A C function has no text, so no SQL function could take it. */
static TpgOp *
start_predicate(TpgActivation *act, const char *name, TpgPredicate predicate, const Jsonb *args)
{
	tpg_id_check(name, "condition name");
	if (predicate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("predicate must not be null")));
	return tpg_op_start_wait_predicate(act, name, predicate, (Jsonb *) args);
}

bool
tpg_capi_wait_predicate(const char *name, TpgPredicate predicate, const Jsonb *args, int64 timeout_us)
{
	TpgActivation *act;
	TpgCall		c;
	bool		fulfilled;

	tpg_call_begin(&c, "wait_predicate", 0);
	act = tpg_activation_require("wait_condition");
	if (timeout_us != TPG_FOREVER)
		timeout_us = tpg_interval_arg_us(tpg_interval_from_us(timeout_us), "timeout");
	fulfilled = tpg_op_await_within(act, start_predicate(act, name, predicate, args), timeout_us, "wait_condition");
	tpg_call_end(&c);
	return fulfilled;
}

TpgFuture
tpg_capi_start_wait_predicate(const char *name, TpgPredicate predicate, const Jsonb *args)
{
	TpgActivation *act;
	TpgFuture	future;
	TpgCall		c;

	tpg_call_begin(&c, "start_wait_predicate", 0);
	act = tpg_activation_require("start_wait_condition");
	future.value = DatumGetInt64(tpg_future_make(act, start_predicate(act, name, predicate, args)));
	tpg_call_end(&c);
	return future;
}

void
tpg_capi_lock(const char *name)
{
	TpgCall		c;

	tpg_call_begin(&c, "lock", 1);
	tpg_call_text(&c, 0, name);
	tpg_call_void(&c, tpg_sql_lock);
}

void
tpg_capi_unlock(const char *name)
{
	TpgCall		c;

	tpg_call_begin(&c, "unlock", 1);
	tpg_call_text(&c, 0, name);
	tpg_call_void(&c, tpg_sql_unlock);
}

bool
tpg_capi_all_handlers_finished(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "all_handlers_finished", 0);
	return tpg_call_to_bool(&c, tpg_sql_all_handlers_finished);
}
