/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  Failures in Temporal's proto-JSON form: making, asking, cutting them.
 *
 * The way from and to SQL errors is in failure_sql.c.  Pure; results are
 * palloc'd in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"

/* D-12: what is kept of a failure between attempts, and of its parts when it is cut */
#define KEPT_SIZE			4096
#define CUT_MESSAGE_SIZE	1000
#define CUT_STACK_SIZE		1000

static const char *const timeout_names[] = {
	"unspecified", "start_to_close", "schedule_to_start", "schedule_to_close", "heartbeat"
};
static const char *const timeout_protos[] = {
	"TIMEOUT_TYPE_UNSPECIFIED", "TIMEOUT_TYPE_START_TO_CLOSE", "TIMEOUT_TYPE_SCHEDULE_TO_START",
	"TIMEOUT_TYPE_SCHEDULE_TO_CLOSE", "TIMEOUT_TYPE_HEARTBEAT"
};

static const struct
{
	const char *key;
	TpgFailureKind kind;
}			failure_infos[] = {
	{"applicationFailureInfo", TPG_FAILURE_APPLICATION},
	{"activityFailureInfo", TPG_FAILURE_ACTIVITY},
	{"timeoutFailureInfo", TPG_FAILURE_TIMEOUT},
	{"canceledFailureInfo", TPG_FAILURE_CANCELED},
	{"terminatedFailureInfo", TPG_FAILURE_TERMINATED},
	{"serverFailureInfo", TPG_FAILURE_SERVER},
	{"childWorkflowExecutionFailureInfo", TPG_FAILURE_CHILD},
};

static TpgTimeoutType
timeout_in_range(TpgTimeoutType type)
{
	return (type >= 0 && type < lengthof(timeout_names)) ? type : TPG_TIMEOUT_UNSPECIFIED;
}

const char *
tpg_timeout_type_name(TpgTimeoutType type)
{
	return timeout_names[timeout_in_range(type)];
}

const char *
tpg_timeout_type_proto(TpgTimeoutType type)
{
	return timeout_protos[timeout_in_range(type)];
}

TpgTimeoutType
tpg_timeout_type_from_proto(const char *name)
{
	for (int i = 0; name != NULL && i < lengthof(timeout_protos); i++)
	{
		/* the short name too: it comes back from SQL code */
		if (strcmp(timeout_protos[i], name) == 0 || strcmp(timeout_names[i], name) == 0)
			return i;
	}
	return TPG_TIMEOUT_UNSPECIFIED;
}

TpgFailureKind
tpg_failure_kind(const Jsonb *failure)
{
	for (int i = 0; i < lengthof(failure_infos); i++)
	{
		if (tpg_json_has(failure, failure_infos[i].key))
			return failure_infos[i].kind;
	}
	return TPG_FAILURE_OTHER;
}

TpgTimeoutType
tpg_failure_timeout_type(const Jsonb *failure)
{
	Jsonb	   *info = tpg_json_get(failure, "timeoutFailureInfo");

	return tpg_timeout_type_from_proto(tpg_json_get_text(info, "timeoutType"));
}

const char *
tpg_failure_timeout_name(const Jsonb *failure)
{
	char	   *type = tpg_json_get_text(tpg_json_get(failure, "timeoutFailureInfo"), "timeoutType");

	/* a wait of workflow code, which Temporal has no number for */
	if (type != NULL && strcmp(type, "await") == 0)
		return type;
	return tpg_timeout_type_name(tpg_failure_timeout_type(failure));
}

int
tpg_failure_sqlstate(const Jsonb *failure)
{
	switch (tpg_failure_kind(failure))
	{
		case TPG_FAILURE_ACTIVITY:
			return TPG_ERR_ACTIVITY_FAILURE;
		case TPG_FAILURE_CHILD:
			return TPG_ERR_CHILD_WORKFLOW_FAILURE;
		case TPG_FAILURE_CANCELED:
			return TPG_ERR_CANCELLED_FAILURE;
		case TPG_FAILURE_TIMEOUT:
			return TPG_ERR_TIMEOUT_FAILURE;
		case TPG_FAILURE_TERMINATED:
			return TPG_ERR_TERMINATED_FAILURE;
		case TPG_FAILURE_APPLICATION:
		case TPG_FAILURE_SERVER:
		case TPG_FAILURE_OTHER:
			break;
	}
	return TPG_ERR_APPLICATION_FAILURE;
}

Jsonb *
tpg_failure_application(const char *message, const char *type, const Jsonb *details,
						bool non_retryable, int64 next_retry_delay_us,
						const char *category, const char *source, const Jsonb *cause)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();

	tpg_json_add_text(info, "type", type);
	if (non_retryable)
		tpg_json_add_bool(info, "nonRetryable", true);
	tpg_json_add_jsonb(info, "details", details);
	if (next_retry_delay_us >= 0)
		tpg_json_add_duration(info, "nextRetryDelay", next_retry_delay_us);
	if (category != NULL && pg_strcasecmp(category, "benign") == 0)
		tpg_json_add_text(info, "category", "APPLICATION_ERROR_CATEGORY_BENIGN");

	tpg_json_add_text(b, "message", message);
	tpg_json_add_text(b, "source", source);
	tpg_json_add_jsonb(b, "cause", cause);
	tpg_json_add_jsonb(b, "applicationFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_timeout(TpgTimeoutType type, const Jsonb *last_heartbeat_details, const Jsonb *cause)
{
	static const char *const words[] = {
		"", "StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"
	};
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();

	type = timeout_in_range(type);
	tpg_json_add_text(info, "timeoutType", tpg_timeout_type_proto(type));
	tpg_json_add_jsonb(info, "lastHeartbeatDetails", last_heartbeat_details);

	tpg_json_add_text(b, "message", type == TPG_TIMEOUT_UNSPECIFIED ? "timed out"
					  : psprintf("activity %s timeout", words[type]));
	tpg_json_add_text(b, "source", "Server");
	tpg_json_add_jsonb(b, "cause", cause);
	tpg_json_add_jsonb(b, "timeoutFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_workflow_timeout(void)
{
	/* whatever expired, Temporal's clients and parents say start-to-close (N-5, E-02) */
	TpgJson    *b = tpg_json_object_from(tpg_failure_timeout(TPG_TIMEOUT_START_TO_CLOSE, NULL, NULL));

	tpg_json_add_text(b, "message", "workflow timed out");
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_canceled(const char *message, const Jsonb *details)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();

	tpg_json_add_jsonb(info, "details", details);
	tpg_json_add_text(b, "message", message != NULL ? message : "cancelled");
	tpg_json_add_jsonb(b, "canceledFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_terminated(const char *reason)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "message", reason != NULL && reason[0] != '\0' ? reason : "terminated");
	tpg_json_add_text(b, "source", "Server");
	tpg_json_add_jsonb(b, "terminatedFailureInfo", tpg_json_finish(tpg_json_object()));
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_server(const char *message, bool non_retryable, const Jsonb *cause)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();

	if (non_retryable)
		tpg_json_add_bool(info, "nonRetryable", true);
	tpg_json_add_text(b, "message", message);
	tpg_json_add_text(b, "source", "Server");
	tpg_json_add_jsonb(b, "cause", cause);
	tpg_json_add_jsonb(b, "serverFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

/* {"name": name}, as types of workflows and activities are written */
static Jsonb *
named(const char *name)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "name", name);
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_activity(const Jsonb *cause, int64 scheduled_event_id, int64 started_event_id,
					 const char *identity, const char *activity_type,
					 const char *activity_id, TpgRetryVerdict retry_state)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();
	const char *message;

	switch (tpg_failure_kind(cause))
	{
		case TPG_FAILURE_TIMEOUT:
			message = "Activity task timed out";
			break;
		case TPG_FAILURE_CANCELED:
			message = "Activity cancelled";
			break;
		default:
			message = "Activity task failed";
			break;
	}

	tpg_json_add_int(info, "scheduledEventId", scheduled_event_id);
	if (started_event_id > 0)
		tpg_json_add_int(info, "startedEventId", started_event_id);
	tpg_json_add_text(info, "identity", identity);
	if (activity_type != NULL)
		tpg_json_add_jsonb(info, "activityType", named(activity_type));
	tpg_json_add_text(info, "activityId", activity_id);
	if (retry_state != TPG_RETRY_UNSPECIFIED)
		tpg_json_add_text(info, "retryState", tpg_retry_verdict_proto(retry_state));

	tpg_json_add_text(b, "message", message);
	tpg_json_add_jsonb(b, "cause", cause);
	tpg_json_add_jsonb(b, "activityFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_child(const Jsonb *cause, const char *namespace_name, const char *workflow_id,
				  const char *run_id, const char *workflow_type,
				  int64 initiated_event_id, int64 started_event_id,
				  TpgRetryVerdict retry_state)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *info = tpg_json_object();
	TpgJson    *execution = tpg_json_object();
	const char *message;

	switch (tpg_failure_kind(cause))
	{
		case TPG_FAILURE_TIMEOUT:
			message = "Child Workflow execution timed out";
			break;
		case TPG_FAILURE_TERMINATED:
			message = "Child Workflow execution terminated";
			break;
		case TPG_FAILURE_CANCELED:
			message = "Child Workflow execution cancelled";
			break;
		default:
			message = "Child Workflow execution failed";
			break;
	}

	tpg_json_add_text(execution, "workflowId", workflow_id);
	tpg_json_add_text(execution, "runId", run_id);
	tpg_json_add_text(info, "namespace", namespace_name);
	tpg_json_add_jsonb(info, "workflowExecution", tpg_json_finish(execution));
	if (workflow_type != NULL)
		tpg_json_add_jsonb(info, "workflowType", named(workflow_type));
	tpg_json_add_int(info, "initiatedEventId", initiated_event_id);
	if (started_event_id > 0)
		tpg_json_add_int(info, "startedEventId", started_event_id);
	if (retry_state != TPG_RETRY_UNSPECIFIED)
		tpg_json_add_text(info, "retryState", tpg_retry_verdict_proto(retry_state));

	tpg_json_add_text(b, "message", message);
	tpg_json_add_jsonb(b, "cause", cause);
	tpg_json_add_jsonb(b, "childWorkflowExecutionFailureInfo", tpg_json_finish(info));
	return tpg_json_finish(b);
}

/* A text of at most `size` bytes, cut at a character. */
static char *
cut(char *text, int size)
{
	int			len;

	if (text == NULL)
		return NULL;
	len = strlen(text);
	return len <= size ? text : pnstrdup(text, pg_mbcliplen(text, len, size));
}

/* The failure without its causes, details and long texts. */
static Jsonb *
cut_failure(const Jsonb *failure)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "message", cut(tpg_json_get_text(failure, "message"), CUT_MESSAGE_SIZE));
	tpg_json_add_text(b, "source", cut(tpg_json_get_text(failure, "source"), 100));
	tpg_json_add_text(b, "stackTrace", cut(tpg_json_get_text(failure, "stackTrace"), CUT_STACK_SIZE));
	for (int i = 0; i < lengthof(failure_infos); i++)
	{
		Jsonb	   *info = tpg_json_get(failure, failure_infos[i].key);
		TpgJson    *kept;

		if (info == NULL)
			continue;
		kept = tpg_json_object();
		tpg_json_add_text(kept, "type", cut(tpg_json_get_text(info, "type"), 200));
		tpg_json_add_text(kept, "timeoutType", tpg_json_get_text(info, "timeoutType"));
		if (tpg_json_get_bool(info, "nonRetryable", false))
			tpg_json_add_bool(kept, "nonRetryable", true);
		tpg_json_add_jsonb(b, failure_infos[i].key, tpg_json_finish(kept));
	}
	return tpg_json_finish(b);
}

Jsonb *
tpg_failure_truncate(Jsonb *failure)
{
	if (failure == NULL || VARSIZE(failure) <= KEPT_SIZE)
		return failure;
	return tpg_failure_server("Failure exceeds size limit.", false, cut_failure(failure));
}

/* The last failure of the chain of causes. */
static const Jsonb *
innermost(const Jsonb *failure)
{
	Jsonb	   *cause;

	while ((cause = tpg_json_get(failure, "cause")) != NULL)
		failure = cause;
	return failure;
}

char *
tpg_failure_type(const Jsonb *failure)
{
	char	   *type = NULL;

	/* an application failure may itself have a timeout or another as cause */
	for (; failure != NULL; failure = tpg_json_get(failure, "cause"))
	{
		TpgFailureKind kind = tpg_failure_kind(failure);

		if (kind == TPG_FAILURE_APPLICATION)
			type = tpg_json_get_text(tpg_json_get(failure, "applicationFailureInfo"), "type");
		else if (kind == TPG_FAILURE_TIMEOUT && type == NULL)
			type = pstrdup(tpg_failure_timeout_name(failure));
	}
	return type;
}

char *
tpg_failure_message(const Jsonb *failure)
{
	return tpg_json_get_text(innermost(failure), "message");
}

char *
tpg_failure_top_message(const Jsonb *failure)
{
	return tpg_json_get_text(failure, "message");
}
