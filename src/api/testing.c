/*-------------------------------------------------------------------------
 * testing.c
 *	  SQL-callable: workflows tested in one transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "api/client.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/testenv.h"
#include "model/failure_check.h"
#include "runtime/activation.h"
#include "runtime/attempt.h"
#include "runtime/mock.h"
#include "runtime/testactivity.h"
#include "runtime/testdrive.h"
#include "runtime/testorder.h"
#include "store/execution.h"
#include "store/function.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_test_start);
PG_FUNCTION_INFO_V1(tpg_sql_test_is_active);
PG_FUNCTION_INFO_V1(tpg_sql_test_drive);
PG_FUNCTION_INFO_V1(tpg_sql_test_advance);
PG_FUNCTION_INFO_V1(tpg_sql_test_now);
PG_FUNCTION_INFO_V1(tpg_sql_mock_activity);
PG_FUNCTION_INFO_V1(tpg_sql_mock_calls);
PG_FUNCTION_INFO_V1(tpg_sql_test_activity);
PG_FUNCTION_INFO_V1(tpg_sql_test_heartbeats);

static void
outside_of_code(const char *what)
{
	if (tpg_current_activation != NULL || tpg_current_attempt != NULL)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() cannot be called by workflow or activity code", what),
				 errhint("Call it in the session that tests them.")));
}

static void
require_env(const char *what)
{
	outside_of_code(what);
	if (!tpg_testenv_active())
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.%s() needs a test environment", what),
				 errhint("Begin a transaction and call temporal.test_start() first; it lasts until the transaction ends.")));
}

static void
begin_env(TimestampTz start)
{
	tpg_access_require(tpg_namespace_current_for_write(), TPG_ACCESS_AUTHOR);
	tpg_testenv_begin();
	tpg_test_order_begin();
	tpg_clock_set_virtual(start);
}

/* test_start(start_time) */
Datum
tpg_sql_test_start(PG_FUNCTION_ARGS)
{
	TimestampTz start = PG_ARGISNULL(0) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(0);

	outside_of_code("test_start");
	tpg_not_read_only("test_start");
	if (TIMESTAMP_NOT_FINITE(start))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start_time must be finite")));
	begin_env(start);
	PG_RETURN_VOID();
}

Datum
tpg_sql_test_is_active(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tpg_testenv_active());
}

/* test_drive(until, workflow_id) */
Datum
tpg_sql_test_drive(PG_FUNCTION_ARGS)
{
	char	   *until = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *workflow_id = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64		key = 0;

	require_env("test_drive");
	if (until == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("until must not be null")));
	if (workflow_id != NULL)
	{
		TpgExecution *exec;

		tpg_id_check(workflow_id, "workflow id");
		exec = tpg_execution_find(tpg_namespace_current(), workflow_id, NULL);
		if (exec == NULL || !tpg_testenv_owns(exec->key))
			ereport(ERROR,
					(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
					 errmsg("workflow \"%s\" was not started by this test", workflow_id),
					 errhint("A test environment drives only the workflows that its transaction has started since test_start().")));
		key = exec->key;
	}
	if (strcmp(until, "idle") == 0)
		(void) tpg_test_drive(TPG_TEST_IDLE, key);
	else if (strcmp(until, "blocked") == 0)
		(void) tpg_test_drive(TPG_TEST_BLOCKED, key);
	else if (strcmp(until, "closed") == 0)
	{
		if (!tpg_test_drive(TPG_TEST_CLOSED, key))
			ereport(ERROR,
					(errcode(TPG_ERR_WAIT_TIMEOUT),
					 errmsg("the test cannot get any further, and %s is still open",
							workflow_id ? psprintf("workflow \"%s\"", workflow_id) : "a workflow"),
					 errhint("It waits for something that will not come by itself; see temporal.explain().")));
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid until \"%s\"", until),
				 errhint("It is one of idle, blocked, closed.")));
	PG_RETURN_VOID();
}

Datum
tpg_sql_test_advance(PG_FUNCTION_ARGS)
{
	require_env("test_advance");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("duration must not be null")));
	tpg_test_advance(tpg_interval_arg_us(PG_GETARG_INTERVAL_P(0), "duration"));
	PG_RETURN_VOID();
}

Datum
tpg_sql_test_now(PG_FUNCTION_ARGS)
{
	if (!tpg_testenv_active())
		require_env("test_now");
	PG_RETURN_TIMESTAMPTZ(tpg_clock_now());
}

/* mock_activity(activity_type, returns jsonb, handler text, fails jsonb) */
Datum
tpg_sql_mock_activity(PG_FUNCTION_ARGS)
{
	char	   *type = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *returns = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	char	   *handler = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	Jsonb	   *fails = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);

	require_env("mock_activity");
	tpg_id_check(type, "activity type");
	if ((returns != NULL) + (handler != NULL) + (fails != NULL) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("returns, handler and fails exclude each other")));
	if (fails != NULL && !tpg_json_is_object(fails))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fails must be a JSON object"),
				 errhint("For example '{\"type\": \"CardDeclined\", \"message\": \"no money\", \"non_retryable\": true}'.")));
	if (fails != NULL)
		tpg_failure_check(fails);	/* a wrong one is an error of this call */
	if (handler != NULL)
	{
		Oid			oid;

		if (handler[0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("handler must not be empty")));
		/* here and now: an unknown function is an error of this call */
		oid = tpg_function_by_text(strchr(handler, '(') ? handler : psprintf("%s(jsonb)", handler));
		handler = quote_qualified_identifier(get_namespace_name(get_func_namespace(oid)), get_func_name(oid));
	}
	tpg_mock_set(type, returns, handler, fails);
	PG_RETURN_VOID();
}

Datum
tpg_sql_mock_calls(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *type = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	TpgMockCall **calls;
	int			n;

	require_env("mock_calls");
	InitMaterializedSRF(fcinfo, 0);
	n = tpg_mock_calls(type, &calls);
	for (int i = 0; i < n; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum(calls[i]->number);
		values[1] = CStringGetTextDatum(calls[i]->activity_type);
		values[2] = CStringGetTextDatum(calls[i]->activity_id);
		values[3] = Int32GetDatum(calls[i]->attempt);
		values[4] = PointerGetDatum(calls[i]->input);
		nulls[4] = calls[i]->input == NULL;
		values[5] = TimestampTzGetDatum(calls[i]->time);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* test_activity(activity_type, input, attempt, heartbeat_details, cancelled) */
Datum
tpg_sql_test_activity(PG_FUNCTION_ARGS)
{
	char	   *type = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *input = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	Jsonb	   *details = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	int32		namespace_id;
	Jsonb	   *result;

	outside_of_code("test_activity");
	tpg_not_read_only("test_activity");
	tpg_id_check(type, "activity type");
	tpg_payload_check(input, "activity input");
	tpg_payload_check(details, "heartbeat_details");
	if (PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(2) ? "attempt" : "cancelled")));
	if (PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("attempt must be at least 1"),
				 errdetail("It is %d.", PG_GETARG_INT32(2))));
	if (!tpg_testenv_active())
		begin_env(GetCurrentTimestamp());
	namespace_id = tpg_namespace_current_for_write();
	tpg_access_require(namespace_id, TPG_ACCESS_AUTHOR);
	result = tpg_test_activity(namespace_id, type, input, PG_GETARG_INT32(2), details, PG_GETARG_BOOL(4));
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

Datum
tpg_sql_test_heartbeats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TpgTestHeartbeat *heartbeats = NULL;
	int			n;

	require_env("test_heartbeats");
	InitMaterializedSRF(fcinfo, 0);
	n = tpg_test_heartbeats(&heartbeats);
	for (int i = 0; i < n; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = PointerGetDatum(heartbeats[i].details);
		nulls[1] = heartbeats[i].details == NULL;
		values[2] = TimestampTzGetDatum(heartbeats[i].at);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
