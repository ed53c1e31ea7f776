/*-------------------------------------------------------------------------
 * capi_activity.c
 *	  The C interface: what workflows and activities may know of themselves, and the ends of activities.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"

#include "api/capi.h"
#include "base/json.h"

extern Datum tpg_sql_complete_async(PG_FUNCTION_ARGS);
extern Datum tpg_sql_complete_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_fail_activity(PG_FUNCTION_ARGS);
extern Datum tpg_sql_report_activity_cancelled(PG_FUNCTION_ARGS);
extern Datum tpg_sql_heartbeat_activity(PG_FUNCTION_ARGS);

/* ---------- rows that tell of the code itself ---------- */

static Datum
member(Datum row, const char *name, bool *isnull)
{
	return GetAttributeByName(DatumGetHeapTupleHeader(row), name, isnull);
}

static char *
text_member(Datum row, const char *name)
{
	bool		isnull;
	Datum		d = member(row, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

static Jsonb *
jsonb_member(Datum row, const char *name)
{
	bool		isnull;
	Datum		d = member(row, name, &isnull);

	return isnull ? NULL : tpg_json_copy(DatumGetJsonbP(d));
}

/* Of a type that is passed by value; 0 for NULL. */
static Datum
value_member(Datum row, const char *name)
{
	bool		isnull;
	Datum		d = member(row, name, &isnull);

	return isnull ? (Datum) 0 : d;
}

static void
uuid_member(Datum row, const char *name, pg_uuid_t *uuid)
{
	bool		isnull;
	Datum		d = member(row, name, &isnull);

	if (!isnull)
		*uuid = *DatumGetUUIDP(d);
}

TpgWorkflowInfo *
tpg_capi_workflow_info(void)
{
	TpgWorkflowInfo *info;
	TpgCall		c;
	Datum		row;

	tpg_call_begin(&c, "workflow_info", 0);
	row = tpg_call_by_name(&c, "workflow_info", 0, NULL);
	MemoryContextSwitchTo(c.caller);
	info = palloc0(sizeof(TpgWorkflowInfo));
	info->namespace_name = text_member(row, "namespace");
	info->workflow_id = text_member(row, "workflow_id");
	uuid_member(row, "run_id", &info->run_id);
	info->workflow_type = text_member(row, "workflow_type");
	info->task_queue = text_member(row, "task_queue");
	info->attempt = DatumGetInt32(value_member(row, "attempt"));
	info->workflow_start_time = DatumGetTimestampTz(value_member(row, "workflow_start_time"));
	info->memo = jsonb_member(row, "memo");
	info->search_attributes = jsonb_member(row, "search_attributes");
	info->history_length = DatumGetInt32(value_member(row, "history_length"));
	info->history_size_bytes = DatumGetInt64(value_member(row, "history_size_bytes"));
	info->continue_as_new_suggested = DatumGetBool(value_member(row, "continue_as_new_suggested"));
	info->parent_workflow_id = text_member(row, "parent_workflow_id");
	info->root_workflow_id = text_member(row, "root_workflow_id");
	tpg_call_end(&c);
	return info;
}

TpgActivityInfo *
tpg_capi_activity_info(void)
{
	TpgActivityInfo *info;
	TpgCall		c;
	Datum		row;

	tpg_call_begin(&c, "activity_info", 0);
	row = tpg_call_by_name(&c, "activity_info", 0, NULL);
	MemoryContextSwitchTo(c.caller);
	info = palloc0(sizeof(TpgActivityInfo));
	info->activity_id = text_member(row, "activity_id");
	info->activity_type = text_member(row, "activity_type");
	info->attempt = DatumGetInt32(value_member(row, "attempt"));
	info->namespace_name = text_member(row, "namespace");
	info->workflow_id = text_member(row, "workflow_id");
	uuid_member(row, "run_id", &info->run_id);
	info->workflow_type = text_member(row, "workflow_type");
	info->task_queue = text_member(row, "task_queue");
	info->task_token = text_member(row, "task_token");
	info->heartbeat_details = jsonb_member(row, "heartbeat_details");
	info->scheduled_time = DatumGetTimestampTz(value_member(row, "scheduled_time"));
	info->started_time = DatumGetTimestampTz(value_member(row, "started_time"));
	info->is_local = DatumGetBool(value_member(row, "is_local"));
	tpg_call_end(&c);
	return info;
}

void
tpg_capi_heartbeat(const Jsonb *details)
{
	static const Oid types[] = {ANYOID};
	TpgCall		c;

	tpg_call_begin(&c, "heartbeat", 1);
	tpg_call_jsonb(&c, 0, details);
	(void) tpg_call_by_name(&c, "heartbeat", 1, types);
	tpg_call_end(&c);
}

/* ---------- attempts that end elsewhere ---------- */

void
tpg_capi_complete_async(void)
{
	TpgCall		c;

	tpg_call_begin(&c, "complete_async", 0);
	tpg_call_void(&c, tpg_sql_complete_async);
}

static void
of_token(TpgCall *c, const char *function, const char *task_token, const Jsonb *value)
{
	tpg_call_begin(c, function, 2);
	tpg_call_text(c, 0, task_token);
	tpg_call_jsonb(c, 1, value);
}

void
tpg_capi_complete_activity(const char *task_token, const Jsonb *result)
{
	TpgCall		c;

	of_token(&c, "complete_activity", task_token, result);
	tpg_call_void(&c, tpg_sql_complete_activity);
}

void
tpg_capi_fail_activity(const char *task_token, const Jsonb *failure)
{
	TpgCall		c;

	of_token(&c, "fail_activity", task_token, failure);
	tpg_call_void(&c, tpg_sql_fail_activity);
}

void
tpg_capi_report_activity_cancelled(const char *task_token, const Jsonb *details)
{
	TpgCall		c;

	of_token(&c, "report_activity_cancelled", task_token, details);
	tpg_call_void(&c, tpg_sql_report_activity_cancelled);
}

bool
tpg_capi_heartbeat_activity(const char *task_token, const Jsonb *details)
{
	TpgCall		c;

	of_token(&c, "heartbeat_activity", task_token, details);
	return tpg_call_to_bool(&c, tpg_sql_heartbeat_activity);
}
