/*-------------------------------------------------------------------------
 *
 * definitions.c
 *	  SQL functions that register workflows and activities.
 *
 * What they promise is in the COMMENTs of sql/again/10_definitions.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/client.h"
#include "api/registration.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "model/retry.h"
#include "runtime/pin.h"
#include "runtime/settings.h"
#include "store/definition.h"
#include "store/function.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_register_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_register_activity);
PG_FUNCTION_INFO_V1(tpg_sql_unregister_workflow);
PG_FUNCTION_INFO_V1(tpg_sql_unregister_activity);
PG_FUNCTION_INFO_V1(tpg_sql_retry_policy);

static void
invalid_word(const char *what, const char *word, const char *words)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s: \"%s\"", what, word),
			 errhint("Possible are %s.", words)));
}

static void
set_failure_sqlstates(TpgDefinitionRow *row, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	row->failure_sqlstates = palloc(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		char	   *code;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("failure_sqlstates must not contain nulls")));
		code = TextDatumGetCString(values[i]);
		if (strlen(code) != 5 || strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid SQLSTATE in failure_sqlstates: \"%s\"", code),
					 errhint("An SQLSTATE is five digits and upper-case letters, such as P0001.")));
		row->failure_sqlstates[row->nfailure_sqlstates++] = code;
	}
}

/* text, NULL gives dflt; 22023 when empty or too long */
static const char *
queue_arg(FunctionCallInfo fcinfo, int argno, const char *dflt)
{
	char	   *queue = tpg_arg_text(fcinfo, argno);

	if (queue == NULL)
		return dflt;
	tpg_id_check(queue, "task queue");
	return queue;
}

static void
check_versioning(const char *behavior)
{
	if (strcmp(behavior, "auto_upgrade") == 0 || strcmp(behavior, "pinned") == 0)
		return;
	invalid_word("versioning_behavior", behavior, "auto_upgrade and pinned");
}

Datum
tpg_sql_register_workflow(PG_FUNCTION_ARGS)
{
	TpgDefinitionRow row = {.kind = TPG_DEF_WORKFLOW};
	char	   *function = tpg_arg_text(fcinfo, 1);
	const char *default_sqlstate = "P0001";
	TpgHandlersGiven given;
	List	   *handlers;
	Oid			oid;

	tpg_outside_to_write("register_workflow");
	row.name = tpg_arg_text(fcinfo, 0);
	tpg_register_check_name(row.name, "workflow type");
	row.task_queue = queue_arg(fcinfo, 6, "default");
	if (PG_ARGISNULL(7))
	{
		row.failure_sqlstates = &default_sqlstate;
		row.nfailure_sqlstates = 1;
	}
	else
		set_failure_sqlstates(&row, PG_GETARG_ARRAYTYPE_P(7));
	row.versioning_behavior = PG_ARGISNULL(8) ? "auto_upgrade" : tpg_arg_text(fcinfo, 8);
	check_versioning(row.versioning_behavior);

	row.namespace_id = tpg_namespace_current_for_write();
	tpg_access_require(row.namespace_id, TPG_ACCESS_AUTHOR);
	oid = tpg_register_function(&row, function);
	tpg_register_check_determinism(oid);
	row.settings = tpg_settings_capture();
	given.init = tpg_arg_text(fcinfo, 2);
	given.signals = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	given.queries = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);
	given.updates = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5);
	handlers = tpg_handlers_check(&row, oid, &given);
	tpg_definition_put(&row);
	tpg_handlers_put(&row, oid, handlers);
	tpg_pin_workflow(row.namespace_id, row.name);
	PG_RETURN_VOID();
}

static void
check_mode(const char *mode)
{
	if (tpg_activity_mode_from_name(mode) == 0)
		invalid_word("mode", mode, "transactional, autonomous and external");
}

/* A worker outside runs it, with whatever it calls the code. */
static void
set_no_function(TpgDefinitionRow *row, const char *function, bool settings)
{
	if (function != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an external activity has no function"),
				 errhint("Workers outside of the database run it: see temporal.poll_activity_task().")));
	if (settings)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an external activity has no settings"),
				 errhint("They are those of the worker's own sessions.")));
	row->function_schema = row->function_name = row->function_arguments = "";
	tpg_register_check_present(row->namespace_id, row->kind, row->name);
}

/* A timeout among the default options; zero is none. */
static void
add_timeout(TpgJson *b, const char *key, FunctionCallInfo fcinfo, int argno, const char *what)
{
	int64		us;

	if (PG_ARGISNULL(argno))
		return;
	us = tpg_interval_arg_us(PG_GETARG_INTERVAL_P(argno), what);
	if (us > 0)
		tpg_json_add_duration(b, key, us);
}

/* Arguments 3 to 11, 13 and 14 of register_activity, with the names that they have in an event. */
static Jsonb *
activity_options(FunctionCallInfo fcinfo)
{
	TpgJson    *b = tpg_json_object();
	const char *queue = queue_arg(fcinfo, 3, NULL);
	char	   *cancellation = tpg_arg_text(fcinfo, 9);
	char	   *summary = tpg_arg_text(fcinfo, 10);
	TpgPriority priority;

	tpg_json_add_text(b, "taskQueue", queue);
	add_timeout(b, "scheduleToCloseTimeout", fcinfo, 4, "schedule_to_close_timeout");
	add_timeout(b, "scheduleToStartTimeout", fcinfo, 5, "schedule_to_start_timeout");
	add_timeout(b, "startToCloseTimeout", fcinfo, 6, "start_to_close_timeout");
	add_timeout(b, "heartbeatTimeout", fcinfo, 7, "heartbeat_timeout");
	if (!PG_ARGISNULL(8))
		tpg_json_add_jsonb(b, "retryPolicy",
						   tpg_retry_policy_to_jsonb(tpg_retry_policy_from_datum(PG_GETARG_DATUM(8))));
	if (cancellation != NULL)
	{
		if (strcmp(cancellation, "try_cancel") != 0 && strcmp(cancellation, "abandon") != 0 &&
			strcmp(cancellation, "wait_cancellation_completed") != 0)
			invalid_word("cancellation_type", cancellation, "try_cancel, wait_cancellation_completed and abandon");
		tpg_json_add_text(b, "cancellationType", cancellation);
	}
	if (summary != NULL)
	{
		tpg_size_check(strlen(summary), tpg_guc_max_summary_size, "summary", "temporal_pg.max_summary_size");
		tpg_json_add_text(b, "summary", summary);
	}
	priority = tpg_arg_priority(fcinfo, 11, 13);
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&priority));
	return tpg_json_finish(b);
}

/* The session's settings, overridden by those that the registration asks for. */
static Jsonb *
merged_settings(const Jsonb *extra, Oid owner)
{
	TpgJson    *b;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;
	char	   *key = NULL;

	tpg_settings_validate(extra, owner);
	b = tpg_json_object_from(tpg_settings_capture());
	if (extra == NULL)
		return tpg_json_finish(b);
	it = JsonbIteratorInit((JsonbContainer *) &extra->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(jv.val.string.val, jv.val.string.len);
		else if (token == WJB_VALUE)
			tpg_json_add_text(b, tpg_settings_canonical_name(key),
							  tpg_json_scalar_text(tpg_json_value_to_jsonb(&jv)));
	}
	return tpg_json_finish(b);
}

Datum
tpg_sql_register_activity(PG_FUNCTION_ARGS)
{
	TpgDefinitionRow row = {.kind = TPG_DEF_ACTIVITY};
	char	   *function = tpg_arg_text(fcinfo, 1);
	Oid			oid;

	tpg_outside_to_write("register_activity");
	row.name = tpg_arg_text(fcinfo, 0);
	tpg_register_check_name(row.name, "activity type");
	row.mode = PG_ARGISNULL(2) ? "transactional" : tpg_arg_text(fcinfo, 2);
	check_mode(row.mode);
	row.options = activity_options(fcinfo);
	row.versioning_behavior = "auto_upgrade";

	row.namespace_id = tpg_namespace_current_for_write();
	tpg_access_require(row.namespace_id, TPG_ACCESS_AUTHOR);
	if (tpg_activity_mode_from_name(row.mode) == TPG_MODE_EXTERNAL)
		set_no_function(&row, function, !PG_ARGISNULL(12));
	else
	{
		oid = tpg_register_function(&row, function);
		row.settings = merged_settings(PG_ARGISNULL(12) ? NULL : PG_GETARG_JSONB_P(12), tpg_function_owner(oid));
	}
	tpg_definition_put(&row);
	tpg_engine_activity_mode_changed(row.namespace_id, row.name);
	PG_RETURN_VOID();
}

static void
unregister(TpgDefinitionKind kind, const char *name, const char *what)
{
	int32		namespace_id;

	tpg_outside_to_write(kind == TPG_DEF_WORKFLOW ? "unregister_workflow" : "unregister_activity");
	tpg_id_check(name, what);
	namespace_id = tpg_namespace_current();
	tpg_access_require(namespace_id, TPG_ACCESS_AUTHOR);
	tpg_register_check_present(namespace_id, kind, name);
	if (!tpg_definition_delete(namespace_id, kind, name))
		tpg_definition_not_found(namespace_id, kind, name);
	if (kind == TPG_DEF_ACTIVITY)
		tpg_engine_activity_unregistered(namespace_id, name);
}

Datum
tpg_sql_unregister_workflow(PG_FUNCTION_ARGS)
{
	unregister(TPG_DEF_WORKFLOW, tpg_arg_text(fcinfo, 0), "workflow type");
	PG_RETURN_VOID();
}

Datum
tpg_sql_unregister_activity(PG_FUNCTION_ARGS)
{
	unregister(TPG_DEF_ACTIVITY, tpg_arg_text(fcinfo, 0), "activity type");
	PG_RETURN_VOID();
}

/* The constructor of the type: fills in defaults, so that what is shown is what holds. */
Datum
tpg_sql_retry_policy(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5];
	HeapTuple	tuple;
	TpgRetryPolicy *policy;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "temporal.retry_policy must return a composite type");
	desc = BlessTupleDesc(desc);
	for (int i = 0; i < 5; i++)
	{
		nulls[i] = PG_ARGISNULL(i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(i);
	}
	tuple = heap_form_tuple(desc, values, nulls);
	policy = tpg_retry_policy_from_datum(HeapTupleGetDatum(tuple));

	values[0] = IntervalPGetDatum(tpg_interval_from_us(policy->initial_us));
	values[1] = Float8GetDatum(policy->coefficient);
	values[2] = IntervalPGetDatum(tpg_interval_from_us(policy->max_us));
	values[3] = Int32GetDatum(policy->max_attempts);
	nulls[0] = nulls[1] = nulls[2] = nulls[3] = false;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
