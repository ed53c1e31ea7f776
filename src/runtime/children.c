/*-------------------------------------------------------------------------
 * runtime/children.c - what workflow code does with child workflows.
 *
 * A child has two ops: its start, which child_execution() waits for, and its end,
 * which is the future (reference G-33).  Both are answered by mail from the
 * outbox (engine/child).
 *
 * Within the code of a run, or while an event is delivered to it; allocates in
 * act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/await.h"
#include "runtime/cancel.h"
#include "runtime/children.h"
#include "runtime/commands.h"
#include "runtime/externals.h"
#include "runtime/ops.h"
#include "runtime/random.h"
#include "runtime/scheduler.h"
#include "store/namespace.h"
#include "store/search_attribute.h"

static Jsonb *
named(const char *name)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "name", name);
	return tpg_json_finish(b);
}

static Jsonb *
child_attributes(const TpgChildOptions *o, const char *id)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "workflowId", id);
	tpg_json_add_jsonb(b, "workflowType", named(o->type));
	if (o->task_queue != NULL)
		tpg_json_add_jsonb(b, "taskQueue", named(o->task_queue));
	tpg_json_add_jsonb(b, "input", o->input);
	if (o->execution_timeout_us > 0)
		tpg_json_add_duration(b, "workflowExecutionTimeout", o->execution_timeout_us);
	if (o->run_timeout_us > 0)
		tpg_json_add_duration(b, "workflowRunTimeout", o->run_timeout_us);
	if (o->task_timeout_us > 0)
		tpg_json_add_duration(b, "workflowTaskTimeout", o->task_timeout_us);
	tpg_json_add_text(b, "parentClosePolicy", o->parent_close_policy);
	tpg_json_add_text(b, "workflowIdReusePolicy", o->id_reuse_policy);
	if (o->retry_policy != NULL)
		tpg_json_add_jsonb(b, "retryPolicy", tpg_retry_policy_to_jsonb(o->retry_policy));
	tpg_json_add_text(b, "cronSchedule", o->cron_schedule);
	tpg_json_add_jsonb(b, "memo", o->memo);
	tpg_json_add_jsonb(b, "searchAttributes", o->search_attributes);
	/* absent: that of the run */
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&o->priority));
	return tpg_json_finish(b);
}

static void
check_pending(TpgActivation *act)
{
	if (act->npending_children >= tpg_guc_max_pending_children)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("too many pending child workflows"),
				 errdetail("%d are pending, which is as many as a run may have.", act->npending_children),
				 errhint("Await some before starting more. The limit is the setting temporal_pg.max_pending_children.")));
}

TpgOp *
tpg_op_start_child(TpgActivation *act, const TpgChildOptions *o)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_child_workflow");
	MemoryContext old;
	TpgCommand *c;
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "start_child_workflow");
	if (tpg_activation_is_live(act))
	{
		TpgSearchAttribute *attributes;

		/* what would fail its start is an error of this code */
		(void) tpg_definition_lookup(act->run->exec->namespace_id, TPG_DEF_WORKFLOW, o->type, false);
		(void) tpg_search_attributes_check(act->run->exec->namespace_id, o->search_attributes, &attributes);
	}
	check_pending(act);
	op = tpg_activation_add_op(act, TPG_OP_CHILD);
	op->inner = tpg_activation_add_op(act, TPG_OP_CHILD_START);
	op->inner->inner = op;
	op->cancellation = o->cancellation;
	act->npending_children++;
	c = tpg_activation_add_command(act, TPG_COMMAND_START_CHILD, op);
	old = MemoryContextSwitchTo(act->context);
	op->type = pstrdup(o->type);
	op->id = o->id ? pstrdup(o->id) : tpg_uuid_to_text(tpg_random_uuid(act));
	op->inner->type = op->type;
	op->inner->id = op->id;
	c->attributes = child_attributes(o, op->id);
	if (o->summary != NULL)
	{
		TpgJson    *b = tpg_json_object();

		tpg_json_add_text(b, "summary", o->summary);
		c->user_metadata = tpg_json_finish(b);
	}
	MemoryContextSwitchTo(old);
	tpg_fiber_record(act, "start_child_workflow")->op = op;
	return op;
}

void
tpg_child_await_start(TpgActivation *act, TpgOp *child, const char **workflow_id, const char **run_id)
{
	(void) tpg_op_await(act, child->inner, -1);
	*workflow_id = child->id;
	*run_id = child->run_id;
}

/* ---------- its events ---------- */

static void
done(TpgActivation *act, TpgOp *child)
{
	act->npending_children--;
	if (!tpg_op_done(child))
		tpg_activation_done(act, child);
}

static void
start_failed(TpgActivation *act, TpgOp *child)
{
	Jsonb	   *failure = tpg_failure_application(psprintf("workflow id \"%s\" is in use", child->id), TPG_FAILURE_TYPE_ALREADY_STARTED,
												  NULL, true, -1, NULL, "temporal_pg", NULL);

	if (!tpg_op_done(child))
		child->failure = failure;
	if (!tpg_op_done(child->inner))
	{
		child->inner->failure = failure;
		tpg_activation_done(act, child->inner);
	}
	done(act, child);
}

/* How it ended, as the cause of the wrapper (E-01). */
static Jsonb *
cause_of(const TpgEvent *e)
{
	switch (e->type)
	{
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_FAILED:
			return tpg_json_get(e->attributes, "failure");
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_CANCELED:
			return tpg_failure_canceled("child workflow was cancelled", tpg_json_get(e->attributes, "details"));
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
			return tpg_failure_workflow_timeout();
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED:
			return tpg_failure_terminated(NULL);
		default:
			return NULL;
	}
}

void
tpg_child_deliver(TpgActivation *act, const TpgEvent *e, TpgOp *child)
{
	switch (e->type)
	{
		case TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED:
			child->started_event_id = e->event_id;
			child->run_id = tpg_json_get_text(tpg_json_get(e->attributes, "workflowExecution"), "runId");
			if (!tpg_op_done(child->inner))
				tpg_activation_done(act, child->inner);
			break;
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_FAILED:
			start_failed(act, child);
			break;
		default:
			if (!tpg_op_done(child))
			{
				child->result = tpg_json_get_raw(e->attributes, "result");
				child->failure = cause_of(e);
				child->retry_state = tpg_json_get_text(e->attributes, "retryState");
			}
			done(act, child);
			break;
	}
}

Jsonb *
tpg_child_failure(TpgActivation *act, TpgOp *child)
{
	MemoryContext old;
	Jsonb	   *failure;

	if (tpg_external_sqlstate(child->failure) != 0)
		return child->failure;	/* it could not be started */
	old = MemoryContextSwitchTo(act->context);
	failure = tpg_failure_child(child->failure, tpg_namespace_name(act->run->exec->namespace_id), child->id, child->run_id, child->type,
								child->event_id, child->started_event_id, tpg_retry_verdict_from_proto(child->retry_state));
	MemoryContextSwitchTo(old);
	return failure;
}

/* ---------- cancellation ---------- */

static void
resolve(TpgActivation *act, TpgOp *child)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);

	child->cancelled = true;
	child->failure = tpg_failure_canceled("child workflow was cancelled", NULL);
	MemoryContextSwitchTo(old);
	tpg_activation_done(act, child);
}

void
tpg_child_cancel(TpgActivation *act, TpgOp *child)
{
	MemoryContext old;
	TpgCommand *c;
	TpgJson    *b;
	TpgJson    *target;
	TpgOp	   *request;

	if (child->event_id == 0)
	{
		/* it was not sent: there never was one */
		tpg_command_elide(act, child);
		act->npending_children--;
		resolve(act, child);
		child->inner->failure = child->failure;
		tpg_activation_done(act, child->inner);
		return;
	}
	if (child->cancellation == TPG_CANCELLATION_ABANDON)
	{
		resolve(act, child);
		return;
	}
	request = tpg_activation_add_op(act, TPG_OP_EXTERNAL);
	request->inner = child;
	request->id = child->id;
	c = tpg_activation_add_command(act, TPG_COMMAND_CANCEL_EXTERNAL, request);
	old = MemoryContextSwitchTo(act->context);
	target = tpg_json_object();
	tpg_json_add_text(target, "workflowId", child->id);
	b = tpg_json_object();
	tpg_json_add_jsonb(b, "workflowExecution", tpg_json_finish(target));
	tpg_json_add_bool(b, "childWorkflowOnly", true);
	c->attributes = tpg_json_finish(b);
	MemoryContextSwitchTo(old);
	child->cancelled = true;
	if (child->cancellation == TPG_CANCELLATION_TRY)
		resolve(act, child);
}

void
tpg_child_cancel_answered(TpgActivation *act, TpgOp *child)
{
	if (child->cancellation == TPG_CANCELLATION_WAIT_REQUESTED && !tpg_op_done(child))
		resolve(act, child);
}
