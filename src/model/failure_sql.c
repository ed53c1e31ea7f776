/*-------------------------------------------------------------------------
 *
 * failure_sql.c
 *	  Failures from and to SQL errors, and the form that SQL code sees.
 *
 * What tpg_failure_throw() puts into DETAIL carries everything, so that an error
 * which user code catches and raises again gives back the failure it came from.
 * Pure; results are palloc'd in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"

static const char *const kind_names[] = {
	[TPG_FAILURE_OTHER] = "other",
	[TPG_FAILURE_APPLICATION] = "application",
	[TPG_FAILURE_TIMEOUT] = "timeout",
	[TPG_FAILURE_CANCELED] = "cancelled",
	[TPG_FAILURE_TERMINATED] = "terminated",
	[TPG_FAILURE_SERVER] = "server",
	[TPG_FAILURE_ACTIVITY] = "activity",
	[TPG_FAILURE_CHILD] = "child_workflow"
};

static void
add_event_id(TpgJson *b, const char *key, const Jsonb *info, const char *member)
{
	int64		id = tpg_json_get_int(info, member, 0);

	if (id > 0)
		tpg_json_add_int(b, key, id);
}

static void
add_retry_state(TpgJson *b, const Jsonb *info)
{
	char	   *state = tpg_json_get_text(info, "retryState");

	if (state != NULL)
		tpg_json_add_text(b, "retry_state", tpg_retry_verdict_name(tpg_retry_verdict_from_proto(state)));
}

static void
detail_application(TpgJson *b, const Jsonb *info)
{
	tpg_json_add_text(b, "type", tpg_json_get_text(info, "type"));
	tpg_json_add_jsonb(b, "details", tpg_json_get(info, "details"));
	tpg_json_add_bool(b, "non_retryable", tpg_json_get_bool(info, "nonRetryable", false));
	tpg_json_add_text(b, "next_retry_delay", tpg_json_get_text(info, "nextRetryDelay"));
	if (tpg_json_has(info, "category"))
		tpg_json_add_text(b, "category", "benign");
}

static void
detail_activity(TpgJson *b, const Jsonb *info)
{
	tpg_json_add_text(b, "activity_type", tpg_json_get_text(tpg_json_get(info, "activityType"), "name"));
	tpg_json_add_text(b, "activity_id", tpg_json_get_text(info, "activityId"));
	add_event_id(b, "scheduled_event_id", info, "scheduledEventId");
	add_event_id(b, "started_event_id", info, "startedEventId");
	tpg_json_add_text(b, "identity", tpg_json_get_text(info, "identity"));
	add_retry_state(b, info);
}

static void
detail_child(TpgJson *b, const Jsonb *info)
{
	Jsonb	   *execution = tpg_json_get(info, "workflowExecution");

	tpg_json_add_text(b, "namespace", tpg_json_get_text(info, "namespace"));
	tpg_json_add_text(b, "workflow_id", tpg_json_get_text(execution, "workflowId"));
	tpg_json_add_text(b, "run_id", tpg_json_get_text(execution, "runId"));
	tpg_json_add_text(b, "workflow_type", tpg_json_get_text(tpg_json_get(info, "workflowType"), "name"));
	add_event_id(b, "initiated_event_id", info, "initiatedEventId");
	add_event_id(b, "started_event_id", info, "startedEventId");
	add_retry_state(b, info);
}

Jsonb *
tpg_failure_detail(const Jsonb *failure)
{
	TpgJson    *b = tpg_json_object();
	TpgFailureKind kind = tpg_failure_kind(failure);
	Jsonb	   *info;
	Jsonb	   *cause;

	check_stack_depth();
	tpg_json_add_text(b, "kind", kind_names[kind]);
	tpg_json_add_text(b, "message", tpg_json_get_text(failure, "message"));
	tpg_json_add_text(b, "source", tpg_json_get_text(failure, "source"));
	tpg_json_add_text(b, "stack_trace", tpg_json_get_text(failure, "stackTrace"));
	switch (kind)
	{
		case TPG_FAILURE_APPLICATION:
			detail_application(b, tpg_json_get(failure, "applicationFailureInfo"));
			break;
		case TPG_FAILURE_TIMEOUT:
			info = tpg_json_get(failure, "timeoutFailureInfo");
			tpg_json_add_text(b, "type", tpg_failure_timeout_name(failure));
			tpg_json_add_jsonb(b, "last_heartbeat_details", tpg_json_get(info, "lastHeartbeatDetails"));
			break;
		case TPG_FAILURE_CANCELED:
			info = tpg_json_get(failure, "canceledFailureInfo");
			tpg_json_add_jsonb(b, "details", tpg_json_get(info, "details"));
			break;
		case TPG_FAILURE_SERVER:
			info = tpg_json_get(failure, "serverFailureInfo");
			tpg_json_add_bool(b, "non_retryable", tpg_json_get_bool(info, "nonRetryable", false));
			break;
		case TPG_FAILURE_ACTIVITY:
			detail_activity(b, tpg_json_get(failure, "activityFailureInfo"));
			break;
		case TPG_FAILURE_CHILD:
			detail_child(b, tpg_json_get(failure, "childWorkflowExecutionFailureInfo"));
			break;
		case TPG_FAILURE_TERMINATED:
		case TPG_FAILURE_OTHER:
			break;
	}
	cause = tpg_json_get(failure, "cause");
	if (cause != NULL)
		tpg_json_add_jsonb(b, "cause", tpg_failure_detail(cause));
	return tpg_json_finish(b);
}

/* A delay as "1.5s" or as an interval, which is what people write by hand; -1 when absent. */
int64
tpg_failure_detail_delay(const Jsonb *detail)
{
	char	   *text = tpg_json_get_text(detail, "next_retry_delay");
	size_t		len;
	int64		us;

	if (text == NULL)
		return -1;
	len = strlen(text);
	if (len > 1 && text[len - 1] == 's' && strspn(text, "0123456789.") == len - 1)
		return tpg_duration_from_text(text);
	us = tpg_interval_to_us(DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
																  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
	return Max(us, 0);
}

const char *
tpg_failure_kind_name(TpgFailureKind kind)
{
	return kind_names[kind];
}

bool
tpg_failure_kind_from_name(const char *name, TpgFailureKind *kind)
{
	for (int i = 0; i < lengthof(kind_names); i++)
	{
		if (strcmp(name, kind_names[i]) == 0)
		{
			*kind = i;
			return true;
		}
	}
	return false;
}

static TpgFailureKind
detail_kind(const Jsonb *detail, int sqlstate)
{
	char	   *name = tpg_json_get_text(detail, "kind");
	TpgFailureKind kind;

	if (name != NULL && tpg_failure_kind_from_name(name, &kind))
		return kind;
	if (sqlstate == TPG_ERR_CANCELLED_FAILURE)
		return TPG_FAILURE_CANCELED;
	if (sqlstate == TPG_ERR_TIMEOUT_FAILURE)
		return TPG_FAILURE_TIMEOUT;
	if (sqlstate == TPG_ERR_TERMINATED_FAILURE)
		return TPG_FAILURE_TERMINATED;
	return TPG_FAILURE_APPLICATION;
}

/* Was it written by tpg_failure_detail()?  Then it is raised again as it was (E-04). */
static bool
is_complete(const Jsonb *detail)
{
	return tpg_json_has(detail, "kind");
}

/*
 * The other way round.  `message` and `source` are used where the detail has none of its
 * own; sqlstate (0 for a cause) decides the kind when the detail does not say it.
 */
static Jsonb *
failure_from_detail(const Jsonb *detail, int sqlstate, const char *message, const char *source)
{
	char	   *own_message = tpg_json_get_text(detail, "message");
	char	   *own_source = tpg_json_get_text(detail, "source");
	char	   *stack = tpg_json_get_text(detail, "stack_trace");
	Jsonb	   *inner = tpg_json_get(detail, "cause");
	Jsonb	   *details = tpg_json_get(detail, "details");
	Jsonb	   *cause = NULL;
	Jsonb	   *result = NULL;
	TpgJson    *b;
	TpgRetryVerdict retry_state = tpg_retry_verdict_from_proto(tpg_json_get_text(detail, "retry_state"));

	check_stack_depth();
	if (own_message != NULL)
		message = own_message;
	if (own_source != NULL)
		source = own_source;
	if (tpg_json_is_object(inner))
		cause = failure_from_detail(inner, 0, "", NULL);

	switch (detail_kind(detail, sqlstate))
	{
		case TPG_FAILURE_APPLICATION:
			result = tpg_failure_application(message, tpg_json_get_text(detail, "type"), details,
											 tpg_json_get_bool(detail, "non_retryable", false),
											 tpg_failure_detail_delay(detail), tpg_json_get_text(detail, "category"),
											 NULL, cause);
			break;
		case TPG_FAILURE_TIMEOUT:
			result = tpg_failure_timeout(tpg_timeout_type_from_proto(tpg_json_get_text(detail, "type")),
										 tpg_json_get(detail, "last_heartbeat_details"), cause);
			break;
		case TPG_FAILURE_CANCELED:
			result = tpg_failure_canceled(message, details);
			break;
		case TPG_FAILURE_TERMINATED:
			result = tpg_failure_terminated(message);
			break;
		case TPG_FAILURE_SERVER:
			result = tpg_failure_server(message, tpg_json_get_bool(detail, "non_retryable", false), cause);
			break;
		case TPG_FAILURE_ACTIVITY:
			result = tpg_failure_activity(cause, tpg_json_get_int(detail, "scheduled_event_id", 0),
										  tpg_json_get_int(detail, "started_event_id", 0),
										  tpg_json_get_text(detail, "identity"),
										  tpg_json_get_text(detail, "activity_type"),
										  tpg_json_get_text(detail, "activity_id"), retry_state);
			break;
		case TPG_FAILURE_CHILD:
			result = tpg_failure_child(cause, tpg_json_get_text(detail, "namespace"),
									   tpg_json_get_text(detail, "workflow_id"),
									   tpg_json_get_text(detail, "run_id"),
									   tpg_json_get_text(detail, "workflow_type"),
									   tpg_json_get_int(detail, "initiated_event_id", 0),
									   tpg_json_get_int(detail, "started_event_id", 0), retry_state);
			break;
		case TPG_FAILURE_OTHER:
			result = tpg_json_finish(tpg_json_object());
			break;
	}

	/* what the constructors do not take; a key added again replaces the first */
	b = tpg_json_object_from(result);
	if (message[0] != '\0' || !tpg_json_has(result, "message"))
		tpg_json_add_text(b, "message", message);
	if (own_source != NULL || (!is_complete(detail) && !tpg_json_has(result, "source")))
		tpg_json_add_text(b, "source", source);
	tpg_json_add_text(b, "stackTrace", stack);
	if (cause != NULL && !tpg_json_has(result, "cause"))
		tpg_json_add_jsonb(b, "cause", cause);
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_from_detail(const Jsonb *detail, const char *message, const char *source)
{
	return failure_from_detail(detail, 0, message, source);
}

/*
 * The failure that a DETAIL describes; NULL when it describes none.  Users write
 * these by hand, and a mistake there must not hide the error itself.  *complete: it is
 * one of ours.
 */
static Jsonb *
failure_from_detail_text(const ErrorData *edata, const char *source, bool *complete)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile result = NULL;

	if (edata->detail == NULL || strchr(edata->detail, '{') == NULL)
		return NULL;

	/*
	 * Parsing holds nothing that an abort would have to release, so an error
	 * about the text can be dropped without a subtransaction.
	 */
	PG_TRY();
	{
		Jsonb	   *detail = tpg_json_from_text(edata->detail);

		if (tpg_json_is_object(detail))
		{
			*complete = is_complete(detail);
			result = failure_from_detail(detail, edata->sqlerrcode,
										 edata->message != NULL ? edata->message : "", source);
		}
	}
	PG_CATCH();
	{
		int			sqlstate = geterrcode();

		if (ERRCODE_TO_CATEGORY(sqlstate) != ERRCODE_DATA_EXCEPTION &&
			sqlstate != ERRCODE_STATEMENT_TOO_COMPLEX &&
			sqlstate != TPG_ERR_LIMIT_EXCEEDED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		*complete = false;
		result = NULL;
	}
	PG_END_TRY();
	return result;
}

/* One of our failures raised with a plain text or nothing as DETAIL. */
static Jsonb *
failure_from_plain(const ErrorData *edata, const char *source)
{
	TpgJson    *b = tpg_json_object();

	if (edata->detail != NULL)
		tpg_json_add_jsonb(b, "details", tpg_json_string(edata->detail));
	return failure_from_detail(tpg_json_finish(b), edata->sqlerrcode,
							   edata->message != NULL ? edata->message : "", source);
}

/* Any SQL error but our failures: its SQLSTATE is the type, the rest the details. */
static Jsonb *
failure_from_sql_error(const ErrorData *edata, const char *source)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "condition", tpg_condition_name(edata->sqlerrcode));
	tpg_json_add_text(b, "detail", edata->detail);
	tpg_json_add_text(b, "hint", edata->hint);
	tpg_json_add_text(b, "schema", edata->schema_name);
	tpg_json_add_text(b, "table", edata->table_name);
	tpg_json_add_text(b, "column", edata->column_name);
	tpg_json_add_text(b, "datatype", edata->datatype_name);
	tpg_json_add_text(b, "constraint", edata->constraint_name);
	return tpg_failure_application(edata->message != NULL ? edata->message : "",
								   unpack_sql_state(edata->sqlerrcode), tpg_json_finish(b),
								   false, -1, NULL, source, NULL);
}

Jsonb *
tpg_failure_from_error(const ErrorData *edata, const char *source)
{
	Jsonb	   *result;
	bool		complete = false;

	if (TPG_ERR_IS_FAILURE(edata->sqlerrcode))
	{
		result = failure_from_detail_text(edata, source, &complete);
		if (result == NULL)
			result = failure_from_plain(edata, source);
	}
	else
		result = failure_from_sql_error(edata, source);

	if (edata->context != NULL && !complete && !tpg_json_has(result, "stackTrace"))
	{
		TpgJson    *b = tpg_json_object_from(result);

		tpg_json_add_text(b, "stackTrace", edata->context);
		result = tpg_json_finish(b);
	}
	return result;
}

char *
tpg_failure_error_message(const Jsonb *failure, int sqlstate)
{
	char	   *top = tpg_failure_top_message(failure);
	char	   *inner = tpg_failure_message(failure);

	if (top == NULL)
		top = pstrdup(tpg_condition_name(sqlstate ? sqlstate : tpg_failure_sqlstate(failure)));
	return inner == NULL || strcmp(top, inner) == 0 ? top : psprintf("%s: %s", top, inner);
}

void
tpg_failure_throw(const Jsonb *failure, int sqlstate)
{
	if (sqlstate == 0)
		sqlstate = tpg_failure_sqlstate(failure);
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg_internal("%s", tpg_failure_error_message(failure, sqlstate)),
			 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
	pg_unreachable();
}
