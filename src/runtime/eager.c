/*-------------------------------------------------------------------------
 * runtime/eager.c - activities that run within the workflow task that scheduled them.
 *
 * A chain of short steps is one transaction and one commit: effects, events and
 * all.  A step is put aside, as if it had never run, when it takes too long or
 * somebody waits for the run; it then goes through the queue, and its type
 * is not tried eagerly for a while.
 *
 * Local activities always run here, at the level of the transaction, after the
 * code has been unwound: never under an EXCEPTION block of the code.
 *
 * Callers: runtime/drive, holding the run lock.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "engine/task.h"
#include "ipc/limits.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "runtime/attempt.h"
#include "runtime/eager.h"
#include "runtime/inplace.h"
#include "runtime/ops.h"

/* a chain ends after so many steps (64 subtransactions that wrote are where snapshots overflow) … */
#define EAGER_STEPS 50
/* … or after so long, so that mail and other runs get their turn */
#define EAGER_CHAIN_US INT64CONST(200000)
/* one step that takes longer is put aside */
#define EAGER_STEP_US INT64CONST(100000)
/* and its type goes through the queue so many times before it is tried again */
#define EAGER_PENALTY 100

/* Types that were too slow; small and forgetful. */
typedef struct SlowType
{
	int32		definition_id;
	int			penalty;
} SlowType;

static SlowType slow_types[32];
static int64 avoided_key = 0;

static SlowType *
find_slow(int32 definition_id, bool create)
{
	SlowType   *slot = &slow_types[(uint32) definition_id % lengthof(slow_types)];

	if (slot->definition_id == definition_id)
		return slot;
	if (!create)
		return NULL;
	slot->definition_id = definition_id;
	slot->penalty = 0;
	return slot;
}

void
tpg_eager_avoid(int64 execution_key)
{
	avoided_key = execution_key;
}

bool
tpg_eager_avoided(int64 execution_key)
{
	bool		avoided = avoided_key == execution_key;

	if (avoided)
		avoided_key = 0;
	return avoided;
}

void
tpg_eager_begin(TpgEagerBudget *b, TpgRun *run, bool allowed)
{
	memset(b, 0, sizeof(*b));
	b->run = run;
	b->allowed = allowed;
	b->in_place = allowed;
	b->started_at = GetCurrentTimestamp();
}

/*
 * The one activity that the open group has scheduled, if there is exactly one
 * and no other was left over by this task.
 */
static TpgEvent *
only_activity(TpgRun *run)
{
	TpgEvent   *found = NULL;

	if (run->nretries > 0)
		return NULL;
	for (int i = run->group_delivered; i < run->nevents; i++)
	{
		if (run->events[i].type != TPG_EVENT_ACTIVITY_TASK_SCHEDULED)
			continue;
		if (found != NULL)
			return NULL;
		found = &run->events[i];
	}
	return found;
}

/* What may run here at all: its definition. */
static TpgDefinition *
runnable(const TpgActivityTask *task, Oid owner)
{
	TpgDefinition *def = tpg_definition_lookup(task->namespace_id, TPG_DEF_ACTIVITY, task->activity_type, true);
	SlowType   *slow;

	if (def == NULL || task->mode == TPG_MODE_HTTP || def->owner != owner || strcmp(def->mode, "transactional") != 0)
		return NULL;
	slow = find_slow(def->id, false);
	if (slow != NULL && slow->penalty > 0)
	{
		slow->penalty--;
		return NULL;
	}
	return def;
}

static bool
eager_run(TpgEagerBudget *b, Oid owner)
{
	TpgRun	   *run = b->run;
	TpgEvent   *event = only_activity(run);
	TpgActivityTask task;
	TpgDefinition *def;
	TpgAttempt	attempt;
	TpgOutcome *outcome;

	if (!b->allowed || event == NULL || tpg_careful_mode())
		return false;
	if (b->steps >= EAGER_STEPS || GetCurrentTimestamp() - b->started_at > EAGER_CHAIN_US)
	{
		b->exhausted = true;
		return false;
	}
	tpg_task_from_event(run->exec, event, &task);
	/* what is limited goes through its queue (D-41); a test's transaction has none */
	if (!tpg_clock_is_virtual() && tpg_limits_hold(task.namespace_id, task.task_queue, TPG_LIMIT_ACTIVITY))
		return false;
	def = runnable(&task, owner);
	if (def == NULL)
		return false;

	/* a transaction takes nothing more after an activity that used temporary tables */
	if (b->steps > 0 && (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE))
		return false;

	if (tpg_attempt_run(&task, run->exec, def, false, EAGER_STEP_US, false, &attempt) != TPG_ATTEMPT_ENDED)
	{
		find_slow(def->id, true)->penalty = EAGER_PENALTY;
		b->allowed = false;
		return false;
	}
	b->steps++;
	outcome = MemoryContextAlloc(run->context, sizeof(TpgOutcome));
	if (tpg_attempt_decide(&task, &attempt, outcome))
	{
		tpg_run_add_retry(run, &task);
		return false;
	}
	tpg_run_open_group(run, attempt.ended_at, false);
	tpg_run_append_outcome(run, event->event_id, outcome);
	tpg_run_end_delivery(run);
	run->eager_outcome = outcome;
	run->eager_scheduled_event_id = task.scheduled_event_id;
	TPG_FAULT("eager_step");
	return true;
}

bool
tpg_eager_step(TpgEagerBudget *b)
{
	return eager_run(b, GetUserId());
}

bool
tpg_eager_in_place(TpgActivation *act, void *arg)
{
	TpgEagerBudget *b = arg;
	MemoryContext old;
	int			from = 0;
	int			steps = b->steps;
	bool		ran;

	if (!b->in_place || !tpg_activation_is_live(act) || !tpg_inplace_possible(act) ||
		tpg_op_next_local_activity(act, &from) != NULL)
		return false;
	old = MemoryContextSwitchTo(act->context);
	/* whatever it did, it is in the subtransaction of the code from here on */
	ran = eager_run(b, act->def->owner);
	if (b->steps > steps)
		act->effects = true;
	MemoryContextSwitchTo(old);
	return ran;
}

/* ---------- local activities ---------- */

static void
append_marker(TpgRun *run, const TpgOp *op, const TpgAttempt *attempt, int attempt_no, const TpgOutcome *outcome, int64 backoff)
{
	TpgJson    *data = tpg_json_object();
	TpgJson    *details = tpg_json_object();
	TpgJson    *b = tpg_json_object();

	tpg_json_add_int(data, "seq", op->seq);
	tpg_json_add_int(data, "attempt", attempt_no);
	tpg_json_add_text(data, "activityId", op->id);
	tpg_json_add_text(data, "activityType", op->type);
	tpg_json_add_timestamp(data, "completeTime", attempt->ended_at);
	tpg_json_add_timestamp(data, "originalScheduleTime", op->scheduled_at);
	if (backoff >= 0)
		tpg_json_add_duration(data, "backoff", backoff);
	else if (outcome->verdict != TPG_RETRY_UNSPECIFIED)
		tpg_json_add_text(data, "retryState", tpg_retry_verdict_proto(outcome->verdict));
	tpg_json_add_jsonb(details, "data", tpg_json_finish(data));
	if (backoff < 0)
		tpg_json_add_jsonb(details, "result", outcome->result);
	tpg_json_add_text(b, "markerName", "core_local_activity");
	tpg_json_add_jsonb(b, "details", tpg_json_finish(details));
	tpg_json_add_jsonb(b, "failure", backoff >= 0 ? attempt->failure : outcome->failure);
	tpg_run_append(run, TPG_EVENT_MARKER_RECORDED, attempt->ended_at, tpg_json_finish(b), NULL);
}

bool
tpg_eager_local_activities(TpgEagerBudget *b, TpgActivation *act)
{
	TpgRun	   *run = b->run;
	TpgOp	   *op;
	int			from = 0;
	bool		any = false;

	while ((op = tpg_op_next_local_activity(act, &from)) != NULL)
	{
		TpgDefinition *def = tpg_definition_lookup(run->exec->namespace_id, TPG_DEF_ACTIVITY, op->type, false);
		TpgActivityTask task = {0};
		TpgAttempt	attempt;
		TpgOutcome	outcome;
		int			attempt_no = op->attempt;
		int64		backoff = -1;

		task.execution_key = run->exec->key;
		task.namespace_id = run->exec->namespace_id;
		task.attempt = op->attempt;
		task.activity_id = op->id;
		task.activity_type = op->type;
		task.task_queue = run->exec->task_queue;
		task.scheduled_at = task.attempt_scheduled_at = op->scheduled_at;
		task.attributes = op->attributes;
		task.last_failure = op->last_failure;
		if (tpg_attempt_run(&task, run->exec, def, true, -1, false, &attempt) != TPG_ATTEMPT_ENDED)
			ereport(ERROR,	/* undoes the whole task, which is done again */
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("local activity \"%s\" was interrupted", op->type)));
		if (!any)
			tpg_run_open_group(run, attempt.ended_at, false);
		any = true;
		if (tpg_attempt_decide(&task, &attempt, &outcome))
			backoff = task.due_at - attempt.ended_at;
		append_marker(run, op, &attempt, attempt_no, &outcome, backoff);
		TPG_FAULT("local_activity");
	}
	if (any)
	{
		tpg_run_end_delivery(run);
		b->steps++;
	}
	return any;
}
