/*-------------------------------------------------------------------------
 * engine/chain.c - the next run of a workflow: what continue-as-new starts.
 *
 * The old run is closed and the new one started in one transaction: there
 * is no moment at which a signal finds neither.  Nothing of the old run's
 * mailbox is left by then (engine/task, the look before a close).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/chain.h"
#include "engine/mail.h"
#include "engine/testenv.h"
#include "store/search_attribute.h"

/* What is kept from the start event of the old run, whatever the code says. */
static const char *const kept[] = {
	"workflowExecutionTimeout", "workflowExecutionExpirationTime", "priority",
	"parentWorkflowExecution", "parentInitiatedEventId", "rootWorkflowExecution"
};

static int64
min_backoff_us(const TpgRun *run, TimestampTz now)
{
	int64		lived = now - run->exec->start_time;

	return Max((int64) tpg_guc_continue_as_new_min_interval * 1000 - lived, 0);
}

static Jsonb *
named(const char *name)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "name", name);
	return tpg_json_finish(b);
}

/* The value that the code has given, or else that of the old run's start event. */
static const Jsonb *
given_or_old(const Jsonb *given, const Jsonb *old, const char *key)
{
	return given != NULL ? given : tpg_json_get(old, key);
}

static int64
given_or_old_us(int64 given, const Jsonb *old, const char *key)
{
	return given >= 0 ? given : tpg_json_get_duration(old, key, -1);
}

Jsonb *
tpg_chain_closing_attributes(const TpgRun *run, const TpgNextRun *next, TimestampTz now, pg_uuid_t *run_id, int64 *backoff_us)
{
	TpgJson    *b = tpg_json_object();

	*run_id = *tpg_uuid_random();
	*backoff_us = min_backoff_us(run, now);
	tpg_json_add_text(b, "newExecutionRunId", tpg_uuid_to_text(run_id));
	tpg_json_add_jsonb(b, "workflowType", named(next->workflow_type ? next->workflow_type : run->exec->workflow_type));
	tpg_json_add_jsonb(b, "taskQueue", named(next->task_queue ? next->task_queue : run->exec->task_queue));
	tpg_json_add_jsonb(b, "input", next->input);
	if (next->run_timeout_us >= 0)
		tpg_json_add_duration(b, "workflowRunTimeout", next->run_timeout_us);
	if (next->task_timeout_us >= 0)
		tpg_json_add_duration(b, "workflowTaskTimeout", next->task_timeout_us);
	if (*backoff_us > 0)
		tpg_json_add_duration(b, "backoffStartInterval", *backoff_us);
	tpg_json_add_text(b, "initiator", "CONTINUE_AS_NEW_INITIATOR_WORKFLOW");
	tpg_json_add_jsonb(b, "memo", next->memo);
	tpg_json_add_jsonb(b, "searchAttributes", next->search_attributes);
	return tpg_json_finish(b);
}

/* Attributes of its WorkflowExecutionStarted; *run_timeout_us: -1 for none. */
static Jsonb *
started_attributes(const TpgRun *run, const TpgNextRun *next, int64 backoff_us, int64 *run_timeout_us)
{
	const Jsonb *old = run->events[0].attributes;
	int64		task_timeout = given_or_old_us(next->task_timeout_us, old, "workflowTaskTimeout");
	TpgJson    *b = tpg_json_object();

	*run_timeout_us = given_or_old_us(next->run_timeout_us, old, "workflowRunTimeout");
	tpg_json_add_jsonb(b, "input", next->input);
	for (int i = 0; i < lengthof(kept); i++)
		tpg_json_add_jsonb(b, kept[i], tpg_json_get(old, kept[i]));
	if (*run_timeout_us > 0)
		tpg_json_add_duration(b, "workflowRunTimeout", *run_timeout_us);
	if (task_timeout > 0)
		tpg_json_add_duration(b, "workflowTaskTimeout", task_timeout);
	tpg_json_add_text(b, "continuedExecutionRunId", tpg_uuid_to_text(&run->exec->run_id));
	tpg_json_add_text(b, "initiator", "CONTINUE_AS_NEW_INITIATOR_WORKFLOW");
	tpg_json_add_jsonb(b, "retryPolicy", given_or_old(next->retry_policy, old, "retryPolicy"));
	if (backoff_us > 0)
		tpg_json_add_duration(b, "firstWorkflowTaskBackoff", backoff_us);
	tpg_json_add_jsonb(b, "memo", given_or_old(next->memo, old, "memo"));
	tpg_json_add_jsonb(b, "searchAttributes", given_or_old(next->search_attributes, old, "searchAttributes"));
	return tpg_json_finish(b);
}

void
tpg_chain_start(const TpgRun *run, const TpgNextRun *next, const pg_uuid_t *run_id, int64 backoff_us, TimestampTz now, TpgExecution *e)
{
	const TpgExecution *old = run->exec;
	TpgSearchAttribute *attributes;
	TpgEvent	event = {0};
	int64		run_timeout_us;
	int			nattributes;

	memset(e, 0, sizeof(*e));
	event.attributes = started_attributes(run, next, backoff_us, &run_timeout_us);
	e->namespace_id = old->namespace_id;
	e->workflow_id = old->workflow_id;
	e->run_no = old->run_no + 1;
	e->workflow_type = pstrdup(next->workflow_type ? next->workflow_type : old->workflow_type);
	e->task_queue = pstrdup(next->task_queue ? next->task_queue : old->task_queue);
	e->run_id = e->original_run_id = *run_id;
	e->first_run_id = old->first_run_id;
	e->parent = old->parent;
	e->status = TPG_STATUS_RUNNING;
	e->attempt = 1;
	e->memo = tpg_json_get(event.attributes, "memo");
	e->start_time = now;
	e->execution_time = now + backoff_us;
	e->execution_expiration = old->execution_expiration;
	e->run_expiration = run_timeout_us > 0 ? e->execution_time + run_timeout_us : DT_NOEND;
	e->run_expiration = Min(e->run_expiration, e->execution_expiration);
	e->history_bytes = VARSIZE(event.attributes);
	nattributes = tpg_search_attributes_check(e->namespace_id, tpg_json_get(event.attributes, "searchAttributes"), &attributes);
	e->key = tpg_execution_insert(e, false);
	if (e->key == 0)
		elog(ERROR, "workflow \"%s\" has a run %d already", e->workflow_id, e->run_no);

	event.event_id = 1;
	event.task_id = 1;
	event.type = TPG_EVENT_WORKFLOW_EXECUTION_STARTED;
	event.time = e->start_time;
	event.task_time = e->execution_time;
	event.user_metadata = run->events[0].user_metadata;
	tpg_history_append(e->key, &event, 1);
	tpg_search_attributes_put(e->key, e->namespace_id, attributes, nattributes);
	tpg_mail_send(e, TPG_MESSAGE_FIRST_TASK, 0, e->execution_time, NULL);
	if (!TIMESTAMP_NOT_FINITE(e->run_expiration))
		tpg_mail_send(e, TPG_MESSAGE_RUN_TIMEOUT, 0, e->run_expiration, NULL);
	tpg_testenv_started(e->key);
	TPG_FAULT("next_run_started");
}
