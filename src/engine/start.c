/*-------------------------------------------------------------------------
 * engine/start.c - starting a run.
 *
 * Rules: reference.  A start writes the execution row, event
 * 1 and a message "first task"; an executor is woken at COMMIT.  Of two sessions
 * that start one id at once, the second waits in the INSERT for the first to
 * end and then looks again.
 *
 * In the caller's transaction, as any role: rights have been checked above.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/close.h"
#include "engine/mail.h"
#include "engine/start.h"
#include "engine/testenv.h"
#include "model/cron.h"
#include "store/definition.h"
#include "store/history.h"
#include "store/namespace.h"
#include "store/runlock.h"
#include "store/search_attribute.h"
#include "store/version.h"

/* Keys started by this transaction, for the error TP009 and its like; in TopTransactionContext. */
static int64 *started_keys;
static int	nstarted;
static int	maxstarted;
static LocalTransactionId started_lxid = InvalidLocalTransactionId;

void
tpg_engine_remember_start(int64 key)
{
	if (started_lxid != tpg_my_lxid())
	{
		maxstarted = 16;
		nstarted = 0;
		started_keys = MemoryContextAlloc(TopTransactionContext, sizeof(int64) * maxstarted);
		started_lxid = tpg_my_lxid();
	}
	if (nstarted == maxstarted)
	{
		started_keys = repalloc_huge(started_keys, sizeof(int64) * maxstarted * 2);
		maxstarted *= 2;
	}
	started_keys[nstarted++] = key;
}

bool
tpg_engine_started_here(int64 execution_key)
{
	if (started_lxid != tpg_my_lxid())
		return false;
	for (int i = 0; i < nstarted; i++)
		if (started_keys[i] == execution_key)
			return true;
	return false;
}

#define TPG_DEFAULT_TASK_TIMEOUT_US INT64CONST(10000000)

/*
 * Attributes of WorkflowExecutionStarted (A.11).  Those that the execution row
 * tells, and the default task timeout, are added by the view temporal.history.
 */
static Jsonb *
started_attributes(const TpgStartRequest *r, const TpgExecution *e)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_jsonb(b, "input", r->input);
	if (r->execution_timeout_us > 0)
	{
		tpg_json_add_duration(b, "workflowExecutionTimeout", r->execution_timeout_us);
		tpg_json_add_timestamp(b, "workflowExecutionExpirationTime", e->execution_expiration);
	}
	if (r->run_timeout_us > 0)
		tpg_json_add_duration(b, "workflowRunTimeout", r->run_timeout_us);
	if (r->task_timeout_us != TPG_DEFAULT_TASK_TIMEOUT_US)
		tpg_json_add_duration(b, "workflowTaskTimeout", r->task_timeout_us);
	tpg_json_add_text(b, "identity", r->identity);
	if (r->retry_policy != NULL)
		tpg_json_add_jsonb(b, "retryPolicy", tpg_retry_policy_to_jsonb(r->retry_policy));
	tpg_json_add_text(b, "cronSchedule", r->cron_schedule);
	if (r->start_delay_us > 0)
		tpg_json_add_duration(b, "firstWorkflowTaskBackoff", r->start_delay_us);
	/* already the first run waits for its time */
	if (r->cron_schedule != NULL)
		tpg_json_add_text(b, "initiator", "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE");
	tpg_json_add_jsonb(b, "memo", r->memo);
	tpg_json_add_jsonb(b, "searchAttributes", r->search_attributes);
	if (r->parent != NULL)
	{
		TpgJson    *parent = tpg_json_object();

		tpg_json_add_text(parent, "workflowId", tpg_json_get_text(r->parent, "workflowId"));
		tpg_json_add_text(parent, "runId", tpg_json_get_text(r->parent, "runId"));
		tpg_json_add_jsonb(b, "parentWorkflowExecution", tpg_json_finish(parent));
		tpg_json_add_int(b, "parentInitiatedEventId", tpg_json_get_int(r->parent, "initiatedEventId", 0));
		tpg_json_add_jsonb(b, "rootWorkflowExecution", r->root);
	}
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&r->priority));
	return tpg_json_finish(b);
}

static Jsonb *
user_metadata(const TpgStartRequest *r)
{
	TpgJson    *b;

	if (r->static_summary == NULL && r->static_details == NULL)
		return NULL;
	b = tpg_json_object();
	tpg_json_add_text(b, "summary", r->static_summary);
	tpg_json_add_text(b, "details", r->static_details);
	return tpg_json_finish(b);
}

/* True: a quiet start is over with that. */
static bool
already_started(const TpgStartRequest *r, const TpgExecution *current, TpgStartResult *result)
{
	TpgJson    *b = tpg_json_object();
	Jsonb	   *detail;

	if (r->quiet)
	{
		result->in_use = true;
		return true;
	}
	tpg_json_add_text(b, "workflow_id", current->workflow_id);
	tpg_json_add_text(b, "run_id", tpg_uuid_to_text(&current->run_id));
	tpg_json_add_text(b, "first_execution_run_id", tpg_uuid_to_text(&current->first_run_id));
	tpg_json_add_text(b, "status", tpg_status_name(current->status));
	tpg_json_add_text(b, "start_request_id", current->start_request_id);
	detail = tpg_json_finish(b);
	ereport(ERROR,
			(errcode(TPG_ERR_WORKFLOW_ALREADY_STARTED),
			 errmsg(tpg_status_is_open(current->status) ?
					"workflow \"%s\" is already running" : "workflow id \"%s\" was already used", current->workflow_id),
			 errdetail_internal("%s", tpg_json_to_text(detail)),
			 tpg_status_is_open(current->status) ?
			 errhint("Use another id, or id_conflict_policy => 'use_existing' or 'terminate_existing'.") :
			 errhint("Use another id, or id_reuse_policy => 'allow_duplicate'.")));
	return false;
}

/* May this id be used again?  The current run is closed. */
static bool
reuse_allowed(TpgReusePolicy policy, TpgStatus status)
{
	switch (policy)
	{
		case TPG_REUSE_ALLOW_DUPLICATE:
			return true;
		case TPG_REUSE_ALLOW_DUPLICATE_FAILED_ONLY:
			return status == TPG_STATUS_FAILED || status == TPG_STATUS_CANCELED ||
				status == TPG_STATUS_TERMINATED || status == TPG_STATUS_TIMED_OUT;
		case TPG_REUSE_REJECT_DUPLICATE:
			return false;
	}
	return false;
}

static void
use_existing(const TpgExecution *current, bool started, TpgStartResult *result)
{
	result->workflow_id = current->workflow_id;
	result->run_id = current->run_id;
	result->key = current->key;
	result->started = started;
}

/*
 * Decides what the current run of the id means for this start.  True: the
 * result stands; false: run number *run_no may be inserted.
 */
static bool
resolve_current(const TpgStartRequest *r, TpgExecution *current, TpgStartResult *result, int *run_no)
{
	*run_no = 1;
	if (current == NULL)
		return false;

	/* a request is idempotent before any policy is looked at, also when the run is closed */
	if (r->request_id != NULL && current->start_request_id != NULL &&
		strcmp(r->request_id, current->start_request_id) == 0)
	{
		use_existing(current, true, result);
		return true;
	}
	if (tpg_status_is_open(current->status))
	{
		switch (r->conflict_policy)
		{
			case TPG_CONFLICT_FAIL:
				return already_started(r, current, result);
			case TPG_CONFLICT_USE_EXISTING:
				use_existing(current, false, result);
				return true;
			case TPG_CONFLICT_TERMINATE_EXISTING:
				/* one transaction with the new run; false: it closed by itself meanwhile */
				(void) tpg_engine_terminate(current, "TerminateIfRunning WorkflowIdReusePolicy", NULL, r->identity);
				break;
		}
	}
	else
	{
		TpgStatus	status;

		if (!reuse_allowed(r->reuse_policy, current->status))
			return already_started(r, current, result);
		/* keeps retention from deleting it between here and the insert, which would free its number */
		(void) tpg_execution_lock(current->key, TPG_ROW_KEY_SHARE, &status);
	}
	*run_no = current->run_no + 1;
	return false;
}

/* Of the execution: to the millisecond. */
static TimestampTz
expiration(TimestampTz t)
{
	return (t + 500) / 1000 * 1000;
}

void
tpg_engine_start(const TpgStartRequest *r, TpgStartResult *result)
{
	TpgDefinition *def = tpg_definition_lookup(r->namespace_id, TPG_DEF_WORKFLOW, r->workflow_type, r->quiet);
	TpgExecution e = {0};
	TpgEvent	event = {0};
	TpgStartRequest request = *r;
	TpgSearchAttribute *attributes;
	int			nattributes;
	bool		fresh_id = r->workflow_id == NULL;

	/* who owns the clock and mocks activities decides what a run does, and may commit it: as much as writing its code */
	if (tpg_testenv_active())
		tpg_access_require(r->namespace_id, TPG_ACCESS_AUTHOR);

	/* before anything is written: unknown names and wrong types are the caller's error */
	nattributes = tpg_search_attributes_check(r->namespace_id, r->search_attributes, &attributes);

	/* caps of */
	if (request.execution_timeout_us > 0 &&
		(request.run_timeout_us == 0 || request.run_timeout_us > request.execution_timeout_us))
		request.run_timeout_us = request.execution_timeout_us;
	if (request.task_timeout_us == 0)
		request.task_timeout_us = (int64) tpg_guc_workflow_task_timeout * 1000;
	request.task_timeout_us = Min(request.task_timeout_us, (int64) tpg_guc_max_workflow_task_timeout * 1000);
	if (request.run_timeout_us > 0)
		request.task_timeout_us = Min(request.task_timeout_us, request.run_timeout_us);

	e.namespace_id = r->namespace_id;
	e.workflow_type = pstrdup(r->workflow_type);
	e.task_queue = pstrdup(r->task_queue ? r->task_queue : def != NULL && def->task_queue ? def->task_queue : "default");
	e.run_id = *tpg_uuid_random();
	e.first_run_id = e.original_run_id = e.run_id;
	e.status = TPG_STATUS_RUNNING;
	e.attempt = 1;
	e.start_request_id = r->request_id ? pstrdup(r->request_id) : NULL;
	e.memo = r->memo;
	e.parent = (Jsonb *) r->parent;
	e.priority = r->priority;
	result->in_use = false;
	if (def != NULL && def->version != NULL)
		def = tpg_version_hold(r->namespace_id, r->workflow_type, def);
	if (def != NULL && def->version != NULL)
		tpg_version_pin(&e, def->version, false);
	e.workflow_id = fresh_id ? tpg_uuid_to_text(tpg_uuid_random()) : pstrdup(r->workflow_id);

	for (int tries = 0; e.key == 0; tries++)
	{
		e.run_no = 1;
		if (!fresh_id &&
			resolve_current(&request, tpg_execution_find(e.namespace_id, e.workflow_id, NULL), result, &e.run_no))
			return;

		e.start_time = tpg_clock_now();
		if (request.cron_schedule != NULL)
			request.start_delay_us = tpg_cron_backoff(request.cron_schedule, e.start_time, e.start_time);
		e.execution_time = e.start_time + request.start_delay_us;
		e.execution_expiration = request.execution_timeout_us > 0 ? expiration(e.start_time + request.execution_timeout_us) : DT_NOEND;
		e.run_expiration = request.run_timeout_us > 0 ? e.execution_time + request.run_timeout_us : DT_NOEND;
		e.run_expiration = Min(e.run_expiration, e.execution_expiration);
		event.attributes = started_attributes(&request, &e);
		e.history_bytes = VARSIZE(event.attributes);
		e.key = tpg_execution_insert(&e, fresh_id);

		/* somebody else was faster; what he made decides.  Again and again only if runs end as fast as they start */
		if (e.key == 0 && tries >= 100)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not start workflow \"%s\": its runs end and start concurrently", e.workflow_id),
					 errhint("Try again.")));
	}

	event.event_id = 1;
	event.task_id = 1;
	event.type = TPG_EVENT_WORKFLOW_EXECUTION_STARTED;
	event.time = e.start_time;
	event.task_time = e.execution_time;
	event.user_metadata = user_metadata(&request);
	tpg_history_append(e.key, &event, 1);
	tpg_search_attributes_put(e.key, e.namespace_id, attributes, nattributes);
	tpg_mail_send(&e, TPG_MESSAGE_FIRST_TASK, 0, e.execution_time, NULL);
	if (!TIMESTAMP_NOT_FINITE(e.run_expiration))
		tpg_mail_send(&e, TPG_MESSAGE_RUN_TIMEOUT, 0, e.run_expiration, NULL);
	tpg_engine_remember_start(e.key);
	tpg_testenv_started(e.key);
	TPG_FAULT("start_before_commit");

	result->workflow_id = e.workflow_id;
	result->run_id = e.run_id;
	result->key = e.key;
	result->started = true;
}
