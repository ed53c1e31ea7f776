/*-------------------------------------------------------------------------
 * waiting.c
 *	  SQL-callable: signals, conditions, locks and spawned functions in workflow code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "api/client.h"
#include "api/future.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "runtime/await.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"
#include "runtime/waits.h"

PG_FUNCTION_INFO_V1(tpg_sql_wait_condition);
PG_FUNCTION_INFO_V1(tpg_sql_start_wait_condition);
PG_FUNCTION_INFO_V1(tpg_sql_wait_signal);
PG_FUNCTION_INFO_V1(tpg_sql_start_wait_signal);
PG_FUNCTION_INFO_V1(tpg_sql_spawn);
PG_FUNCTION_INFO_V1(tpg_sql_all_handlers_finished);
PG_FUNCTION_INFO_V1(tpg_sql_lock);
PG_FUNCTION_INFO_V1(tpg_sql_unlock);

static int64
timeout_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? -1 : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(n), "timeout");
}

static char *
condition_arg(FunctionCallInfo fcinfo)
{
	char	   *condition = tpg_arg_text(fcinfo, 0);

	if (condition == NULL || condition[0] == '\0')
		ereport(ERROR,
				(errcode(condition ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("condition must not be %s", condition ? "empty" : "null"),
				 errhint("It is an SQL expression over state and args, for example $$(state->>'approved') IS NOT NULL$$.")));
	return condition;
}

/* wait_condition(condition, timeout, args): false when the time is over */
Datum
tpg_sql_wait_condition(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("wait_condition");
	TpgOp	   *op = tpg_op_start_wait_condition(act, condition_arg(fcinfo), tpg_arg_jsonb(fcinfo, 2));

	PG_RETURN_BOOL(tpg_op_await_within(act, op, timeout_arg(fcinfo, 1), "wait_condition"));
}

Datum
tpg_sql_start_wait_condition(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_wait_condition");

	return tpg_future_make(act, tpg_op_start_wait_condition(act, condition_arg(fcinfo), tpg_arg_jsonb(fcinfo, 1)));
}

/* wait_signal(signal_name, timeout): NULL when the time is over, JSON null for a signal without input */
Datum
tpg_sql_wait_signal(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("wait_signal");
	char	   *name = tpg_arg_text(fcinfo, 0);
	TpgOp	   *op;

	tpg_id_check(name, "signal name");
	op = tpg_op_start_wait_signal(act, name);
	if (!tpg_op_await_within(act, op, timeout_arg(fcinfo, 1), "wait_signal"))
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(op->result ? tpg_json_copy(op->result) : tpg_json_null());
}

Datum
tpg_sql_start_wait_signal(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("start_wait_signal");
	char	   *name = tpg_arg_text(fcinfo, 0);

	tpg_id_check(name, "signal name");
	return tpg_future_make(act, tpg_op_start_wait_signal(act, name));
}

/* spawn(function, input) */
Datum
tpg_sql_spawn(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("spawn");
	char	   *function = tpg_arg_text(fcinfo, 0);
	Jsonb	   *input = PG_ARGISNULL(1) ? NULL : tpg_any_arg_to_jsonb(fcinfo, 1);

	if (function == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("function must not be null")));
	tpg_payload_check(input, "input");
	return tpg_future_make(act, tpg_op_spawn(act, function, input));
}

Datum
tpg_sql_all_handlers_finished(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("all_handlers_finished");
	TpgLogEntry *e = tpg_fiber_replayed(act, "all_handlers_finished");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "all_handlers_finished");
		e->number = tpg_scheduler_unfinished(act) == 0;
	}
	PG_RETURN_BOOL(e->number != 0);
}

Datum
tpg_sql_lock(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("lock");
	char	   *name = tpg_arg_text(fcinfo, 0);

	tpg_id_check(name, "lock name");
	tpg_lock_acquire(act, name);
	PG_RETURN_VOID();
}

Datum
tpg_sql_unlock(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("unlock");
	char	   *name = tpg_arg_text(fcinfo, 0);

	tpg_id_check(name, "lock name");
	tpg_lock_release(act, name);
	PG_RETURN_VOID();
}
