/*-------------------------------------------------------------------------
 * engine/chain.c - the next run of a workflow: continue-as-new, retry, cron.
 *
 * The old run is closed and the new one started in one transaction:
 * there is no moment at which a signal finds neither.  Nothing of the old run's
 * mailbox is left by then (engine/task, the look before a close).
 *
 * What the code continues as follows its wishes; retry and cron begin again from
 * the start event, whatever the code has changed since.
 *
 * Of a pinned run, what it continues as inherits the version, if it is of the same type, and so
 * does its retry if it had inherited it itself; else, as the next run of a cron schedule, the
 * new run has the version that any start would give it (G-53).
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
#include "engine/task.h"
#include "engine/testenv.h"
#include "model/cron.h"
#include "store/definition.h"
#include "store/search_attribute.h"
#include "store/version.h"

#define DEFAULT_TASK_TIMEOUT_US INT64CONST(10000000)

/* What is kept from the start event of the old run, whatever the code says. */
static const char *const kept[] = {
	"workflowExecutionTimeout", "workflowExecutionExpirationTime", "priority",
	"parentWorkflowNamespace", "parentWorkflowExecution", "parentInitiatedEventId", "rootWorkflowExecution"
};

static const char *const initiator_names[] = {
	NULL, "CONTINUE_AS_NEW_INITIATOR_WORKFLOW", "CONTINUE_AS_NEW_INITIATOR_RETRY", "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE"
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

/* ---------- what follows ---------- */

Jsonb *
tpg_chain_closing_attributes(const TpgRun *run, TpgNextRun *next, TimestampTz now)
{
	TpgJson    *b = tpg_json_object();

	next->initiator = TPG_INITIATOR_WORKFLOW;
	next->run_id = *tpg_uuid_random();
	next->attempt = 1;
	next->backoff_us = min_backoff_us(run, now);
	if (next->cron_schedule != NULL)
		next->backoff_us = Max(next->backoff_us, tpg_cron_backoff(next->cron_schedule, now, now));
	tpg_json_add_text(b, "newExecutionRunId", tpg_uuid_to_text(&next->run_id));
	tpg_json_add_jsonb(b, "workflowType", named(next->workflow_type ? next->workflow_type : run->exec->workflow_type));
	tpg_json_add_jsonb(b, "taskQueue", named(next->task_queue ? next->task_queue : run->exec->task_queue));
	tpg_json_add_jsonb(b, "input", next->input);
	if (next->run_timeout_us >= 0)
		tpg_json_add_duration(b, "workflowRunTimeout", next->run_timeout_us);
	if (next->task_timeout_us >= 0)
		tpg_json_add_duration(b, "workflowTaskTimeout", next->task_timeout_us);
	if (next->backoff_us > 0)
		tpg_json_add_duration(b, "backoffStartInterval", next->backoff_us);
	tpg_json_add_text(b, "initiator", initiator_names[next->initiator]);
	tpg_json_add_jsonb(b, "memo", next->memo);
	tpg_json_add_jsonb(b, "searchAttributes", next->search_attributes);
	if (next->upgrade)
		tpg_json_add_text(b, "initialVersioningBehavior", "CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE");
	return tpg_json_finish(b);
}

TpgRetryVerdict
tpg_chain_decide(const TpgRun *run, const Jsonb *failure, const Jsonb *result, TimestampTz now, TpgNextRun *next)
{
	const TpgExecution *old = run->exec;
	const Jsonb *start = run->events[0].attributes;
	TpgRetryVerdict verdict = TPG_RETRY_UNSPECIFIED;
	int64		backoff = -1;

	memset(next, 0, sizeof(*next));
	next->attempt = 1;
	if (failure != NULL)
	{
		verdict = tpg_retry_next_workflow(tpg_retry_policy_from_jsonb(tpg_json_get(start, "retryPolicy")), old->attempt,
										  failure, now, old->execution_expiration, &backoff);
		if (verdict == TPG_RETRY_IN_PROGRESS)
		{
			next->initiator = TPG_INITIATOR_RETRY;
			next->attempt = old->attempt + 1;
		}
	}
	next->cron_schedule = tpg_json_get_text(start, "cronSchedule");
	if (next->initiator == TPG_INITIATOR_NONE && next->cron_schedule != NULL)
	{
		backoff = tpg_cron_backoff(next->cron_schedule, old->execution_time, now);
		if (backoff >= 0)
			next->initiator = TPG_INITIATOR_CRON;
	}
	if (next->initiator == TPG_INITIATOR_NONE)
		return verdict;

	next->run_id = *tpg_uuid_random();
	next->backoff_us = backoff;
	next->input = tpg_json_get_raw(start, "input");
	next->run_timeout_us = next->task_timeout_us = -1;
	next->failure = failure;
	/* of a run that has not completed, what it was given itself */
	if (failure == NULL)
		next->last_result = result ? result : tpg_json_null();
	else
		next->last_result = tpg_json_get_raw(start, "lastCompletionResult");
	return verdict;
}

void
tpg_chain_add_next(TpgJson *attributes, const TpgNextRun *next)
{
	if (next->initiator != TPG_INITIATOR_NONE)
		tpg_json_add_text(attributes, "newExecutionRunId", tpg_uuid_to_text(&next->run_id));
}

void
tpg_chain_complete(TpgRun *run, const Jsonb *result, TimestampTz now)
{
	TpgJson    *b = tpg_json_object();
	TpgNextRun	next;
	TpgExecution exec;

	(void) tpg_chain_decide(run, NULL, result, now, &next);
	tpg_json_add_jsonb(b, "result", result);
	tpg_chain_add_next(b, &next);
	tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_COMPLETED, now, tpg_json_finish(b), NULL);
	tpg_task_write_close(run, TPG_STATUS_COMPLETED, now);
	tpg_chain_start(run, &next, now, &exec);
}

void
tpg_chain_fail(TpgRun *run, const Jsonb *failure, TimestampTz now)
{
	TpgJson    *b = tpg_json_object();
	TpgNextRun	next;
	TpgExecution exec;
	TpgRetryVerdict verdict = tpg_chain_decide(run, failure, NULL, now, &next);

	tpg_json_add_jsonb(b, "failure", failure);
	tpg_json_add_text(b, "retryState", tpg_retry_verdict_proto(verdict));
	tpg_chain_add_next(b, &next);
	tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_FAILED, now, tpg_json_finish(b), NULL);
	tpg_task_write_close(run, TPG_STATUS_FAILED, now);
	tpg_chain_start(run, &next, now, &exec);
}

/* ---------- its start ---------- */

/* Attributes of its WorkflowExecutionStarted; *run_timeout_us: 0 for none. */
static Jsonb *
started_attributes(const TpgRun *run, const TpgNextRun *next, const TpgExecution *e, int64 *run_timeout_us)
{
	const Jsonb *old = run->events[0].attributes;
	int64		execution_timeout = tpg_json_get_duration(old, "workflowExecutionTimeout", 0);
	int64		run_timeout = Max(given_or_old_us(next->run_timeout_us, old, "workflowRunTimeout"), 0);
	int64		task_timeout = given_or_old_us(next->task_timeout_us, old, "workflowTaskTimeout");
	TpgJson    *b = tpg_json_object();

	/* caps of, as at the first start */
	if (execution_timeout > 0 && (run_timeout == 0 || run_timeout > execution_timeout))
		run_timeout = execution_timeout;
	if (task_timeout <= 0)
		task_timeout = DEFAULT_TASK_TIMEOUT_US;
	task_timeout = Min(task_timeout, (int64) tpg_guc_max_workflow_task_timeout * 1000);
	if (run_timeout > 0)
		task_timeout = Min(task_timeout, run_timeout);
	*run_timeout_us = run_timeout;

	tpg_json_add_jsonb(b, "input", next->input);
	for (int i = 0; i < lengthof(kept); i++)
		tpg_json_add_jsonb(b, kept[i], tpg_json_get(old, kept[i]));
	if (run_timeout > 0)
		tpg_json_add_duration(b, "workflowRunTimeout", run_timeout);
	if (task_timeout != DEFAULT_TASK_TIMEOUT_US)
		tpg_json_add_duration(b, "workflowTaskTimeout", task_timeout);
	tpg_json_add_text(b, "continuedExecutionRunId", tpg_uuid_to_text(&run->exec->run_id));
	tpg_json_add_text(b, "initiator", initiator_names[next->initiator]);
	tpg_json_add_jsonb(b, "continuedFailure", next->failure);
	tpg_json_add_jsonb(b, "lastCompletionResult", next->last_result);
	tpg_json_add_jsonb(b, "retryPolicy", given_or_old(next->retry_policy, old, "retryPolicy"));
	tpg_json_add_text(b, "cronSchedule", next->cron_schedule);
	if (tpg_version_was_inherited(e))
		tpg_json_add_text(b, "inheritedPinnedVersion", e->version);
	if (next->backoff_us > 0)
		tpg_json_add_duration(b, "firstWorkflowTaskBackoff", next->backoff_us);
	tpg_json_add_jsonb(b, "memo", given_or_old(next->memo, old, "memo"));
	tpg_json_add_jsonb(b, "searchAttributes", given_or_old(next->search_attributes, old, "searchAttributes"));
	return tpg_json_finish(b);
}

/* Which code the next run has. */
static void
choose_version(const TpgExecution *old, const TpgNextRun *next, TpgExecution *e)
{
	TpgDefinition *def;

	if (old->version != NULL && strcmp(e->workflow_type, old->workflow_type) == 0 &&
		((next->initiator == TPG_INITIATOR_WORKFLOW && !next->upgrade) ||
		 (next->initiator == TPG_INITIATOR_RETRY && tpg_version_was_inherited(old))))
	{
		/* which the old run has, until the end of this transaction at least */
		tpg_version_pin(e, old->version, true);
		return;
	}
	def = tpg_version_hold(e->namespace_id, e->workflow_type,
						   tpg_definition_lookup(e->namespace_id, TPG_DEF_WORKFLOW, e->workflow_type, true));
	if (def != NULL && def->version != NULL)
		tpg_version_pin(e, def->version, false);
}

void
tpg_chain_start(const TpgRun *run, const TpgNextRun *next, TimestampTz now, TpgExecution *e)
{
	const TpgExecution *old = run->exec;
	TpgSearchAttribute *attributes;
	TpgEvent	event = {0};
	int64		run_timeout_us;
	int			nattributes;

	if (next->initiator == TPG_INITIATOR_NONE)
		return;
	memset(e, 0, sizeof(*e));
	e->namespace_id = old->namespace_id;
	e->workflow_id = old->workflow_id;
	e->run_no = old->run_no + 1;
	e->workflow_type = pstrdup(next->workflow_type ? next->workflow_type : old->workflow_type);
	e->task_queue = pstrdup(next->task_queue ? next->task_queue : old->task_queue);
	choose_version(old, next, e);
	event.attributes = started_attributes(run, next, e, &run_timeout_us);
	e->run_id = e->original_run_id = next->run_id;
	e->first_run_id = old->first_run_id;
	e->parent = old->parent;
	e->priority = tpg_priority_from_jsonb(tpg_json_get(event.attributes, "priority"));
	e->status = TPG_STATUS_RUNNING;
	e->attempt = next->attempt;
	e->memo = tpg_json_get(event.attributes, "memo");
	e->start_time = now;
	e->execution_time = now + next->backoff_us;
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
