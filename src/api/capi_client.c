/*-------------------------------------------------------------------------
 * capi_client.c
 *	  The C interface: what clients call, and payloads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/capi.h"
#include "api/client.h"
#include "base/json.h"
#include "model/status.h"

extern Datum tpg_sql_signal(PG_FUNCTION_ARGS);
extern Datum tpg_sql_signal_with_start(PG_FUNCTION_ARGS);
extern Datum tpg_sql_query(PG_FUNCTION_ARGS);
extern Datum tpg_sql_update(PG_FUNCTION_ARGS);
extern Datum tpg_sql_start_update(PG_FUNCTION_ARGS);
extern Datum tpg_sql_update_result(PG_FUNCTION_ARGS);
extern Datum tpg_sql_result(PG_FUNCTION_ARGS);
extern Datum tpg_sql_cancel(PG_FUNCTION_ARGS);
extern Datum tpg_sql_terminate(PG_FUNCTION_ARGS);

/* temporal.start_workflow() from input on, which is argument `n` */
static void
start_arguments(TpgCall *c, int n, const Jsonb *input, const TpgStartOpts *o)
{
	tpg_call_jsonb(c, n, input);
	tpg_call_text(c, n + 1, o->id);
	tpg_call_text(c, n + 2, o->task_queue);
	tpg_call_duration(c, n + 3, o->execution_timeout_us);
	tpg_call_duration(c, n + 4, o->run_timeout_us);
	tpg_call_duration(c, n + 5, o->task_timeout_us);
	tpg_call_text(c, n + 6, o->id_reuse_policy ? o->id_reuse_policy : "allow_duplicate");
	tpg_call_text(c, n + 7, o->id_conflict_policy);
	tpg_call_retry(c, n + 8, o->retry);
	tpg_call_text(c, n + 9, o->cron_schedule);
	tpg_call_duration(c, n + 10, o->start_delay_us);
	tpg_call_jsonb(c, n + 11, o->memo);
	tpg_call_jsonb(c, n + 12, o->search_attributes);
	tpg_call_text(c, n + 13, o->static_summary);
	tpg_call_text(c, n + 14, o->static_details);
	tpg_call_priority(c, n + 15, o->priority_key);
	tpg_call_text(c, n + 16, o->request_id);
	tpg_call_text(c, n + 17, o->fairness_key);
	tpg_call_weight(c, n + 18, o->fairness_weight);
}

#define START_NARGS 19

char *
tpg_capi_start_workflow(const char *type, const Jsonb *input, const TpgStartOpts *opts, pg_uuid_t *run_id, size_t size)
{
	TpgStartOpts o;
	TpgStartResult started;
	TpgCall		c;
	char	   *id;

	tpg_call_begin(&c, "start_workflow", 1 + START_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	if (o.id_conflict_policy == NULL)
		o.id_conflict_policy = "fail";
	tpg_call_text(&c, 0, type);
	start_arguments(&c, 1, input, &o);
	tpg_start_from_args(&c.u.fcinfo, "start_workflow", 1, &started);
	if (run_id != NULL)
		*run_id = started.run_id;
	id = MemoryContextStrdup(c.caller, started.workflow_id);
	tpg_call_end(&c);
	return id;
}

bool
tpg_capi_signal(const char *workflow_id, const char *signal_name, const Jsonb *input, const TpgSignalOpts *opts, size_t size)
{
	TpgSignalOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "signal", 6);
	tpg_call_options(&o, sizeof(o), opts, size);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_text(&c, 1, signal_name);
	tpg_call_jsonb(&c, 2, input);
	tpg_call_uuid(&c, 3, o.run_id);
	tpg_call_text(&c, 4, o.request_id);
	tpg_call_datum(&c, 5, BoolGetDatum(o.missing_ok));
	return tpg_call_to_bool(&c, tpg_sql_signal);
}

char *
tpg_capi_signal_with_start(const char *type, const char *signal_name, const Jsonb *signal_input, const Jsonb *input,
						   const TpgStartOpts *opts, size_t size)
{
	TpgStartOpts o;
	TpgCall		c;

	tpg_call_begin(&c, "signal_with_start", 3 + START_NARGS);
	tpg_call_options(&o, sizeof(o), opts, size);
	if (o.id_conflict_policy == NULL)
		o.id_conflict_policy = "use_existing";
	tpg_call_text(&c, 0, type);
	tpg_call_text(&c, 1, signal_name);
	tpg_call_jsonb(&c, 2, signal_input);
	start_arguments(&c, 3, input, &o);
	return tpg_call_to_text(&c, tpg_sql_signal_with_start);
}

Jsonb *
tpg_capi_query(const char *workflow_id, const char *query_name, const Jsonb *input, const pg_uuid_t *run_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "query", 5);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_text(&c, 1, query_name);
	tpg_call_jsonb(&c, 2, input);
	tpg_call_uuid(&c, 3, run_id);
	return tpg_call_to_jsonb(&c, tpg_sql_query);
}

/* temporal.update() and temporal.start_update() */
static void
update_arguments(TpgCall *c, const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id,
				 const pg_uuid_t *run_id)
{
	tpg_call_text(c, 0, workflow_id);
	tpg_call_text(c, 1, update_name);
	tpg_call_jsonb(c, 2, input);
	tpg_call_text(c, 3, update_id);
	tpg_call_uuid(c, 4, run_id);
}

Jsonb *
tpg_capi_update(const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "update", 5);
	update_arguments(&c, workflow_id, update_name, input, update_id, run_id);
	return tpg_call_to_jsonb(&c, tpg_sql_update);
}

char *
tpg_capi_start_update(const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "start_update", 6);
	update_arguments(&c, workflow_id, update_name, input, update_id, run_id);
	tpg_call_text(&c, 5, "accepted");
	return tpg_call_to_text(&c, tpg_sql_start_update);
}

Jsonb *
tpg_capi_update_result(const char *workflow_id, const char *update_id, int64 timeout_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "update_result", 3);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_text(&c, 1, update_id);
	tpg_call_timeout(&c, 2, timeout_us);
	return tpg_call_to_jsonb(&c, tpg_sql_update_result);
}

Jsonb *
tpg_capi_result(const char *workflow_id, const pg_uuid_t *run_id, int64 timeout_us)
{
	TpgCall		c;

	tpg_call_begin(&c, "result", 4);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_uuid(&c, 1, run_id);
	tpg_call_timeout(&c, 2, timeout_us);
	tpg_call_datum(&c, 3, BoolGetDatum(true));
	return tpg_call_to_jsonb(&c, tpg_sql_result);
}

void
tpg_capi_cancel(const char *workflow_id, const char *reason, const pg_uuid_t *run_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "cancel", 3);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_text(&c, 1, reason);
	tpg_call_uuid(&c, 2, run_id);
	tpg_call_void(&c, tpg_sql_cancel);
}

void
tpg_capi_terminate(const char *workflow_id, const char *reason, const Jsonb *details, const pg_uuid_t *run_id)
{
	TpgCall		c;

	tpg_call_begin(&c, "terminate", 4);
	tpg_call_text(&c, 0, workflow_id);
	tpg_call_text(&c, 1, reason);
	tpg_call_jsonb(&c, 2, details);
	tpg_call_uuid(&c, 3, run_id);
	tpg_call_void(&c, tpg_sql_terminate);
}

const char *
tpg_capi_workflow_status(const char *workflow_id, const pg_uuid_t *run_id)
{
	TpgCall		c;
	TpgExecution *exec;
	const char *status = NULL;

	tpg_call_begin(&c, "workflow_status", 0);
	tpg_not_in_workflow("workflow_status", "Call it in an activity.");
	exec = tpg_find_run(workflow_id, run_id, true);
	if (exec != NULL)
		status = tpg_status_name(exec->status);
	tpg_call_end(&c);
	return status;
}

/* ---------- payloads ---------- */

Jsonb *
tpg_capi_jsonb(const char *text)
{
	TpgCall		c;
	Jsonb	   *value = NULL;

	tpg_call_begin(&c, "jsonb", 0);
	if (text != NULL)
	{
		value = tpg_json_from_text(text);
		MemoryContextSwitchTo(c.caller);
		value = tpg_json_copy(value);
	}
	tpg_call_end(&c);
	return value;
}

char *
tpg_capi_jsonb_text(const Jsonb *value)
{
	return value ? tpg_json_to_text(value) : NULL;
}

Jsonb *
tpg_capi_to_jsonb(Datum value, Oid type)
{
	TpgCall		c;
	Jsonb	   *result;

	tpg_call_begin(&c, "to_jsonb", 0);
	result = tpg_datum_to_jsonb(value, type, false);
	MemoryContextSwitchTo(c.caller);
	result = tpg_json_copy(result);
	tpg_call_end(&c);
	return result;
}
