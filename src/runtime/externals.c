/*-------------------------------------------------------------------------
 * runtime/externals.c - what workflow code asks of other workflows.
 *
 * A command, an event, and an answer from the outbox (reference G-41 to G-44):
 * the code waits for that.  Its failure is an application failure for history,
 * and an SQL error of its own for the code.
 *
 * Within the code of a run; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/await.h"
#include "runtime/externals.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"

#define NOT_FOUND "ExternalWorkflowExecutionNotFound"
#define SIGNAL_LIMIT "SignalCountLimitExceeded"

static Jsonb *
target_of(const char *workflow_id, const char *run_id)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "workflowId", workflow_id);
	tpg_json_add_text(b, "runId", run_id);
	return tpg_json_finish(b);
}

/* The command and its op; type: of what is sent, NULL: a request to cancel. */
static TpgOp *
start_request(TpgActivation *act, const char *call, TpgCommandKind kind, const char *workflow_id, const char *type, TpgJson *attributes)
{
	TpgOp	   *op = tpg_activation_add_op(act, TPG_OP_EXTERNAL);
	TpgCommand *c = tpg_activation_add_command(act, kind, op);
	MemoryContext old = MemoryContextSwitchTo(act->context);

	op->id = pstrdup(workflow_id);
	op->type = type ? pstrdup(type) : NULL;
	c->attributes = tpg_json_finish(attributes);
	MemoryContextSwitchTo(old);
	tpg_fiber_record(act, call)->op = op;
	return op;
}

static TpgOp *
start_signal(TpgActivation *act, const char *workflow_id, const char *run_id, bool child_only, const char *name, Jsonb *input,
			 const char *request_id)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "signal");
	TpgJson    *b;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "signal");
	b = tpg_json_object();
	tpg_json_add_jsonb(b, "workflowExecution", target_of(workflow_id, run_id));
	tpg_json_add_text(b, "signalName", name);
	tpg_json_add_jsonb(b, "input", input);
	tpg_json_add_text(b, "requestId", request_id);
	if (child_only)
		tpg_json_add_bool(b, "childWorkflowOnly", true);
	return start_request(act, "signal", TPG_COMMAND_SIGNAL_EXTERNAL, workflow_id, name, b);
}

bool
tpg_external_signal(TpgActivation *act, const char *workflow_id, const char *run_id, const char *name, Jsonb *input,
					const char *request_id, bool missing_ok)
{
	TpgOp	   *op = start_signal(act, workflow_id, run_id, false, name, input, request_id);

	(void) tpg_op_await_within(act, op, -1, "signal");
	if (op->failure == NULL)
		return true;
	if (missing_ok && strcmp(tpg_failure_type(op->failure), NOT_FOUND) == 0)
		return false;
	tpg_activation_throw(act, op->failure);
}

void
tpg_external_signal_child(TpgActivation *act, const TpgOp *child, const char *name, Jsonb *input)
{
	TpgOp	   *op = start_signal(act, child->id, NULL, true, name, input, NULL);

	(void) tpg_op_await(act, op, -1);
}

static TpgOp *
start_cancel(TpgActivation *act, const char *workflow_id, const char *run_id, const char *reason)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "cancel");
	TpgJson    *b;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "cancel");
	b = tpg_json_object();
	tpg_json_add_jsonb(b, "workflowExecution", target_of(workflow_id, run_id));
	tpg_json_add_text(b, "reason", reason);
	return start_request(act, "cancel", TPG_COMMAND_CANCEL_EXTERNAL, workflow_id, NULL, b);
}

void
tpg_external_cancel(TpgActivation *act, const char *workflow_id, const char *run_id, const char *reason)
{
	(void) tpg_op_await(act, start_cancel(act, workflow_id, run_id, reason), -1);
}

Jsonb *
tpg_external_failure(const TpgOp *op, const TpgEvent *e)
{
	const char *cause;

	if (e->type == TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED || e->type == TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
		return NULL;
	cause = tpg_json_get_text(e->attributes, "cause");
	if (cause != NULL && strcmp(cause, "SIGNAL_COUNT_LIMIT_EXCEEDED") == 0)
		return tpg_failure_application(psprintf("workflow \"%s\" takes no more signals", op->id), SIGNAL_LIMIT,
									   NULL, true, -1, NULL, "temporal_pg", NULL);
	return tpg_failure_application(psprintf(e->type == TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED ?
											"workflow \"%s\" does not exist" : "workflow \"%s\" does not exist or is closed", op->id), NOT_FOUND,
								   NULL, true, -1, NULL, "temporal_pg", NULL);
}

int
tpg_external_sqlstate(const Jsonb *failure)
{
	char	   *type;

	if (tpg_failure_kind(failure) != TPG_FAILURE_APPLICATION)
		return 0;
	type = tpg_failure_type(failure);
	if (type == NULL)
		return 0;
	if (strcmp(type, NOT_FOUND) == 0)
		return TPG_ERR_WORKFLOW_NOT_FOUND;
	return strcmp(type, TPG_FAILURE_TYPE_ALREADY_STARTED) == 0 ? TPG_ERR_WORKFLOW_ALREADY_STARTED : 0;
}
