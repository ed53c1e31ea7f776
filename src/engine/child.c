/*-------------------------------------------------------------------------
 * engine/child.c - child workflows: between a run and those that it has started.
 *
 * Parent and child reach each other through their outboxes only, so no
 * transaction locks both their rows for update.  A child knows its parent by a
 * link in its row, which its later runs keep (reference A-06): an id that meanwhile
 * belongs to somebody else is never touched.  Only a parent that was reset may find a
 * child of its before, and change that link.
 *
 * Rules: reference A-47, S-16, S-17, G-33 to G-40; a child whose parent closes in
 * the task that started it is started all the same, and then the parent close
 * policy applies.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/cancel.h"
#include "engine/child.h"
#include "engine/close.h"
#include "engine/outbox.h"
#include "engine/start.h"
#include "ipc/wake.h"
#include "store/history.h"
#include "store/outbox.h"
#include "store/runlink.h"
#include "store/runlock.h"

static Jsonb *
execution_json(const char *workflow_id, const pg_uuid_t *run_id)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "workflowId", workflow_id);
	tpg_json_add_text(b, "runId", tpg_uuid_to_text(run_id));
	return tpg_json_finish(b);
}

static char *
name_in(const Jsonb *attributes, const char *key)
{
	return tpg_json_get_text(tpg_json_get(attributes, key), "name");
}

static void
add_type(TpgJson *b, const char *type)
{
	TpgJson    *name = tpg_json_object();

	tpg_json_add_text(name, "name", type);
	tpg_json_add_jsonb(b, "workflowType", tpg_json_finish(name));
}

/*
 * The run that a child names as its parent was reset to this one: was that behind
 * the start of the child?  The event that initiated it is in both histories then.
 */
static bool
has_taken_over(const TpgExecution *parent, const TpgExecution *child, const char *run_id)
{
	int32		event_id = (int32) tpg_json_get_int(child->parent, "initiatedEventId", 0);
	TpgExecution *old;
	TpgEvent	mine;
	TpgEvent	theirs;

	if (tpg_uuid_equal(&parent->original_run_id, &parent->run_id))
		return false;
	old = tpg_execution_find(parent->namespace_id, parent->workflow_id, DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run_id))));
	return old != NULL && tpg_uuid_equal(&old->original_run_id, &parent->original_run_id) &&
		tpg_history_event(parent->key, event_id, &mine) && tpg_history_event(old->key, event_id, &theirs) &&
		mine.type == TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED && theirs.type == mine.type && theirs.time == mine.time;
}

/* Is it a child of that run, or of one that was reset to it? */
static bool
is_child_of(const TpgExecution *child, const TpgExecution *parent)
{
	char	   *run_id = tpg_json_get_text(child->parent, "runId");

	if (child->parent == NULL || run_id == NULL)
		return false;
	return strcmp(run_id, tpg_uuid_to_text(&parent->run_id)) == 0 || has_taken_over(parent, child, run_id);
}

TpgExecution *
tpg_child_current(const TpgExecution *parent, const char *workflow_id, int32 initiated_event_id)
{
	TpgExecution *exec = tpg_execution_find(parent->namespace_id, workflow_id, NULL);

	if (exec == NULL || !is_child_of(exec, parent))
		return NULL;
	/* it may have started the id twice */
	if (initiated_event_id != 0 && tpg_json_get_int(exec->parent, "initiatedEventId", 0) != initiated_event_id)
		return NULL;
	return exec;
}

/* ---------- starting ---------- */

static TpgReusePolicy
reuse_policy_of(const char *policy)
{
	if (policy != NULL && strcmp(policy, "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY") == 0)
		return TPG_REUSE_ALLOW_DUPLICATE_FAILED_ONLY;
	if (policy != NULL && strcmp(policy, "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE") == 0)
		return TPG_REUSE_REJECT_DUPLICATE;
	return TPG_REUSE_ALLOW_DUPLICATE;
}

static void
read_inherited(const TpgExecution *parent, TpgInherited *i)
{
	TpgEvent	first;

	i->known = true;
	if (tpg_history_event(parent->key, 1, &first))
	{
		i->root = tpg_json_get(first.attributes, "rootWorkflowExecution");
	}
	if (i->root == NULL)
		i->root = execution_json(parent->workflow_id, &parent->run_id);
}

/*
 * A parent that was reset to before the start of a child asks for it again, while
 * that is still open.  Then it is the child: begun once, though with the input of
 * then.  Its run lock is tried only, as by a policy that terminates, so that no
 * task of it writes the old parent into its next run, nor closes it meanwhile.
 */
typedef enum Adoption
{
	ADOPTED,
	ADOPTION_LOCKED,
	NOT_ADOPTED
} Adoption;

#define OUTBOX_PAGE 50

/* Is a parent close policy on its way to the child? */
static bool
policy_waits(int64 execution_key, int32 initiated_event_id)
{
	TpgOutboxRow rows[OUTBOX_PAGE];
	int64		from = 0;
	int			n;

	do
	{
		n = tpg_outbox_read(execution_key, from, OUTBOX_PAGE, rows);
		for (int i = 0; i < n; i++)
			if (rows[i].kind == TPG_OUTBOX_CLOSE_POLICY && rows[i].ref_event_id == initiated_event_id)
				return true;
		if (n > 0)
			from = rows[n - 1].id + 1;
	} while (n == OUTBOX_PAGE);
	return false;
}

/* The run that started it, if that was reset, perhaps in several steps, to this one; else NULL. */
static TpgExecution *
base_with_child(const TpgExecution *parent, const TpgExecution *child)
{
	char	   *workflow_id = tpg_json_get_text(child->parent, "workflowId");
	char	   *run_id = tpg_json_get_text(child->parent, "runId");
	TpgExecution *base;

	if (run_id == NULL || strcmp(workflow_id, parent->workflow_id) != 0 || tpg_uuid_equal(&parent->original_run_id, &parent->run_id))
		return NULL;
	base = tpg_execution_find(parent->namespace_id, workflow_id, DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run_id))));
	return base != NULL && base->run_no < parent->run_no && tpg_uuid_equal(&base->original_run_id, &parent->original_run_id) ? base : NULL;
}

static Adoption
adopt(const TpgExecution *parent, const TpgStartRequest *r, pg_uuid_t *run_id)
{
	TpgExecution *child = tpg_execution_find(r->namespace_id, r->workflow_id, NULL);
	TpgExecution *base;
	TpgStatus	status;

	if (child == NULL || child->parent == NULL || !tpg_status_is_open(child->status) ||
		strcmp(child->workflow_type, r->workflow_type) != 0 || (base = base_with_child(parent, child)) == NULL)
		return NOT_ADOPTED;
	/* which ends it, where it is not the base but a later run that the reset has closed */
	if (policy_waits(base->key, (int32) tpg_json_get_int(child->parent, "initiatedEventId", 0)))
		return ADOPTION_LOCKED;
	/* its task is left alone: it may take longer than it is until the next try */
	if (!tpg_run_lock(child->key, false))
		return ADOPTION_LOCKED;
	if (!tpg_execution_lock(child->key, TPG_ROW_UPDATE_NOWAIT, &status))
		return ADOPTION_LOCKED;
	tpg_wake_run_released();
	/* it has ended, or gone on as another run: the start decides anew */
	if (!tpg_status_is_open(status))
		return ADOPTION_LOCKED;
	tpg_runlink_put_parent(child->key, r->parent);
	*run_id = child->first_run_id;
	return ADOPTED;
}

TpgChildOutcome
tpg_child_start(const TpgExecution *parent, const TpgEvent *e, TpgInherited *inherited, TpgEventType *type, TpgJson *b)
{
	const Jsonb *a = e->attributes;
	TpgStartRequest r = {.quiet = true};
	TpgStartResult result;
	TpgChildOutcome outcome = TPG_CHILD_DONE;
	TpgJson    *link = tpg_json_object();
	TpgPriority own;

	if (!inherited->known)
		read_inherited(parent, inherited);
	tpg_json_add_text(link, "workflowId", parent->workflow_id);
	tpg_json_add_text(link, "runId", tpg_uuid_to_text(&parent->run_id));
	tpg_json_add_int(link, "initiatedEventId", e->event_id);

	r.namespace_id = parent->namespace_id;
	r.workflow_id = tpg_json_get_text(a, "workflowId");
	r.workflow_type = name_in(a, "workflowType");
	r.task_queue = name_in(a, "taskQueue");
	if (r.task_queue == NULL)
		r.task_queue = parent->task_queue;	/* C-09 */
	r.input = tpg_json_get_raw(a, "input");
	r.execution_timeout_us = tpg_json_get_duration(a, "workflowExecutionTimeout", 0);
	r.run_timeout_us = tpg_json_get_duration(a, "workflowRunTimeout", 0);
	r.task_timeout_us = tpg_json_get_duration(a, "workflowTaskTimeout", 0);
	r.reuse_policy = reuse_policy_of(tpg_json_get_text(a, "workflowIdReusePolicy"));
	r.conflict_policy = TPG_CONFLICT_FAIL;	/* a running id always conflicts (G-34) */
	r.retry_policy = tpg_retry_policy_from_jsonb(tpg_json_get(a, "retryPolicy"));
	r.cron_schedule = tpg_json_get_text(a, "cronSchedule");
	r.memo = tpg_json_get(a, "memo");
	r.search_attributes = tpg_json_get(a, "searchAttributes");
	own = tpg_priority_from_jsonb(tpg_json_get(a, "priority"));
	r.priority = tpg_priority_inherit(&own, &parent->priority);
	r.parent = tpg_json_finish(link);
	r.root = inherited->root;
	tpg_engine_start(&r, &result);
	if (result.in_use)
	{
		switch (adopt(parent, &r, &result.run_id))
		{
			case ADOPTED:
				outcome = TPG_CHILD_HELD;
				break;
			case ADOPTION_LOCKED:
				return TPG_CHILD_LOCKED;
			case NOT_ADOPTED:
				add_type(b, r.workflow_type);
				tpg_json_add_text(b, "workflowId", r.workflow_id);
				tpg_json_add_text(b, "cause", "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS");
				*type = TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_FAILED;
				return TPG_CHILD_DONE;
		}
	}
	add_type(b, r.workflow_type);
	tpg_json_add_jsonb(b, "workflowExecution", execution_json(r.workflow_id, &result.run_id));
	*type = TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED;
	return outcome;
}

/* ---------- its end ---------- */

void
tpg_child_report_close(const TpgExecution *exec, const TpgEvent *closing)
{
	/* its chain goes on: the parent hears of the last run only (G-36) */
	if (exec->parent == NULL || tpg_json_has(closing->attributes, "newExecutionRunId"))
		return;
	tpg_outbox_insert(exec->key, TPG_OUTBOX_EVENT, closing->event_id, closing->time);
	tpg_engine_outbox_wake(exec, closing->time);
}

static TpgEventType
event_for_parent(TpgEventType closing)
{
	switch (closing)
	{
		case TPG_EVENT_WORKFLOW_EXECUTION_COMPLETED:
			return TPG_EVENT_CHILD_WORKFLOW_EXECUTION_COMPLETED;
		case TPG_EVENT_WORKFLOW_EXECUTION_FAILED:
			return TPG_EVENT_CHILD_WORKFLOW_EXECUTION_FAILED;
		case TPG_EVENT_WORKFLOW_EXECUTION_CANCELED:
			return TPG_EVENT_CHILD_WORKFLOW_EXECUTION_CANCELED;
		case TPG_EVENT_WORKFLOW_EXECUTION_TIMED_OUT:
			return TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TIMED_OUT;
		default:
			return TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED;
	}
}

TpgExecution *
tpg_child_ended(const TpgExecution *child, const TpgEvent *closing, TpgEventType *type, TpgJson *b, int32 *initiated_event_id)
{
	static const char *const handed_on[] = {"result", "failure", "details", "retryState"};
	char	   *run_id = tpg_json_get_text(child->parent, "runId");
	TpgExecution *parent;
	TpgExecution *current;

	*type = event_for_parent(closing->type);
	*initiated_event_id = (int32) tpg_json_get_int(child->parent, "initiatedEventId", 0);
	if (closing->type != TPG_EVENT_WORKFLOW_EXECUTION_TERMINATED)
		for (int i = 0; i < lengthof(handed_on); i++)
			tpg_json_add_jsonb(b, handed_on[i], tpg_json_get_raw(closing->attributes, handed_on[i]));
	tpg_json_add_jsonb(b, "workflowExecution", execution_json(child->workflow_id, &child->run_id));
	add_type(b, child->workflow_type);
	parent = tpg_execution_find(child->namespace_id, tpg_json_get_text(child->parent, "workflowId"),
								DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run_id))));
	if (parent != NULL && tpg_status_is_open(parent->status))
		return parent;
	/* the run to which that was reset keeps the children that it had by then */
	current = tpg_execution_find(child->namespace_id, tpg_json_get_text(child->parent, "workflowId"), NULL);
	return current != NULL && has_taken_over(current, child, run_id) ? current : parent;
}

/* ---------- the end of its parent ---------- */

/* By event id of its start: has a child ended, as far as its parent was told? */
static bool *
find_ended(const TpgRun *run)
{
	bool	   *ended = palloc0(run->nevents + 1);

	for (int i = 0; i < run->nevents; i++)
	{
		int64		initiated_event_id;

		switch (run->events[i].type)
		{
			case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_FAILED:
			case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_COMPLETED:
			case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_FAILED:
			case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_CANCELED:
			case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
			case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED:
				initiated_event_id = tpg_json_get_int(run->events[i].attributes, "initiatedEventId", 0);
				if (initiated_event_id <= run->nevents)
					ended[initiated_event_id] = true;
				break;
			default:
				break;
		}
	}
	return ended;
}

void
tpg_children_apply_close_policy(const TpgRun *run, TimestampTz now)
{
	bool	   *ended = NULL;
	bool		any = false;

	for (int i = 0; i < run->nevents; i++)
	{
		const TpgEvent *e = &run->events[i];
		const char *policy;

		if (e->type != TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
			continue;
		if (ended == NULL)
			ended = find_ended(run);
		policy = tpg_json_get_text(e->attributes, "parentClosePolicy");
		if (ended[e->event_id] || (policy != NULL && strcmp(policy, "PARENT_CLOSE_POLICY_ABANDON") == 0))
			continue;
		tpg_outbox_insert(run->exec->key, TPG_OUTBOX_CLOSE_POLICY, e->event_id, now);
		any = true;
	}
	if (any)
		tpg_engine_outbox_wake(run->exec, now);
}

TpgChildOutcome
tpg_child_close_policy(const TpgExecution *parent, const TpgEvent *e)
{
	const char *policy = tpg_json_get_text(e->attributes, "parentClosePolicy");
	const char *workflow_id = tpg_json_get_text(e->attributes, "workflowId");
	bool		terminate = policy == NULL || strcmp(policy, "PARENT_CLOSE_POLICY_REQUEST_CANCEL") != 0;
	TpgCancelRequest cancel = {
		.reason = "by parent close policy",
		.sender = execution_json(parent->workflow_id, &parent->run_id),
		.sender_event_id = e->event_id,
	};

	/* a run that closes meanwhile may have gone on as another */
	for (int tries = 0; tries < 100; tries++)
	{
		TpgExecution *child = tpg_child_current(parent, workflow_id, e->event_id);

		if (child == NULL || !tpg_status_is_open(child->status))
			return TPG_CHILD_DONE;
		if (!terminate)
		{
			if (tpg_engine_cancel(child, &cancel))
				return TPG_CHILD_DONE;
			continue;
		}
		switch (tpg_engine_try_terminate(child, "by parent close policy"))
		{
			case TPG_TERMINATED:
				return TPG_CHILD_HELD;
			case TPG_TERMINATE_LOCKED:
				return TPG_CHILD_LOCKED;
			case TPG_TERMINATE_CLOSED:
				break;
		}
	}
	return TPG_CHILD_DONE;
}
