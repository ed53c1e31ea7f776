/*-------------------------------------------------------------------------
 * engine/outbox.c - what a run asks of another run, and the answer.
 *
 * A workflow task that wants something of another run writes an event and a row
 * in the outbox.  That is done after its COMMIT, in a short transaction of its
 * own: it writes the other run and the answer, which is mail to the run that
 * asked, together, so it happens once whatever crashes.  A run that has closed
 * meanwhile gets no answer, but what it asked for is done all the same.
 *
 * Order of locks: outbox lock, execution row of the other run, execution row of
 * the one that asked, both FOR KEY SHARE.  A parent close policy that terminates, and
 * the start of a child that is there since before a reset, take the child's run lock and
 * its row FOR UPDATE: they do not wait for them, so
 * that no session's transaction holds an executor, nor two outboxes each other.
 *
 * What is asked of one workflow id is done in order.  An entry that fails waits longer
 * and longer, and holds up those behind it for the same id, no others.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/cancel.h"
#include "engine/child.h"
#include "engine/mail.h"
#include "engine/outbox.h"
#include "engine/signal.h"
#include "ipc/wake.h"
#include "store/definition.h"
#include "store/outbox.h"
#include "store/runlock.h"

/* as many as one transaction does: the others wait for locks that it holds */
#define OUTBOX_BATCH 50

/* the row that an error stopped, if any */
static int64 row_in_hand;

/* the run that the last entry which found one locked is about */
static int64 locked_key;

#define RETRY_FIRST_US INT64CONST(1000000)
#define RETRY_MAX_US INT64CONST(60000000)

void
tpg_engine_outbox_wake(const TpgExecution *exec, TimestampTz due_at)
{
	/* a test's transaction does it itself */
	if (tpg_clock_is_virtual())
		return;
	if (due_at > tpg_clock_now())
		tpg_wake_due(due_at);
	else
	{
		Oid			owner = tpg_definition_owner_of_run(exec->namespace_id, exec->workflow_type, exec->version);
		TpgWorkItem item = {.execution_key = exec->key, .event_id = 0, .kind = TPG_WORK_OUTBOX,
		.priority = tpg_priority_effective(&exec->priority)};

		if (OidIsValid(owner))
			tpg_wake_work(owner, item);
		else
			tpg_wake_scan();
	}
}

bool
tpg_engine_outbox_is_for(TpgEventType type)
{
	return type == TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED ||
		type == TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED ||
		type == TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED;
}

void
tpg_engine_outbox_add(const TpgExecution *exec, const TpgEvent *event)
{
	tpg_outbox_insert(exec->key, TPG_OUTBOX_EVENT, event->event_id, event->time);
	tpg_engine_outbox_wake(exec, event->time);
}

/* The answer, as mail to the run that asked.  False: that is not open any more. */
static bool
answer(const TpgExecution *asker, int32 ref_event_id, TpgEventType type, TpgJson *attributes)
{
	TpgStatus	status;
	TpgJson    *b = tpg_json_object();

	if (!tpg_execution_lock(asker->key, TPG_ROW_KEY_SHARE, &status) || !tpg_status_is_open(status))
		return false;
	tpg_wake_run_released();
	tpg_json_add_int(attributes, "initiatedEventId", ref_event_id);
	tpg_json_add_int(b, "type", type);
	tpg_json_add_jsonb(b, "attributes", tpg_json_finish(attributes));
	tpg_mail_send(asker, TPG_MESSAGE_ANSWER, ref_event_id, tpg_clock_now(), tpg_json_finish(b));
	return true;
}

static Jsonb *
execution_of(const char *workflow_id, const char *run_id)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "workflowId", workflow_id);
	tpg_json_add_text(b, "runId", run_id);
	return tpg_json_finish(b);
}

/*
 * The run that an event is about; NULL when there is none, or it is the one that
 * asks (G-41).
 */
static TpgExecution *
find_target(const TpgExecution *asker, const TpgEvent *e)
{
	Jsonb	   *target = tpg_json_get(e->attributes, "workflowExecution");
	char	   *workflow_id = tpg_json_get_text(target, "workflowId");
	char	   *run_id = tpg_json_get_text(target, "runId");
	TpgExecution *exec;

	/* nobody else's run of that id, and whatever run the child goes on as (G-38, G-40) */
	if (tpg_json_get_bool(e->attributes, "childWorkflowOnly", false))
		return tpg_child_current(asker, workflow_id, 0);
	exec = tpg_execution_find(asker->namespace_id, workflow_id, run_id ? DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(run_id))) : NULL);

	return exec != NULL && exec->key != asker->key ? exec : NULL;
}

/* Event 37: answered by 39 or 38 (G-41). */
static void
signal_external(const TpgExecution *asker, const TpgEvent *e)
{
	TpgExecution *target = NULL;
	TpgSignalOutcome outcome = TPG_SIGNAL_CLOSED;
	TpgJson    *b = tpg_json_object();

	/* another run may take the place of one that closes while we look */
	for (int tries = 0; tries < 100 && outcome == TPG_SIGNAL_CLOSED; tries++)
	{
		TpgSignalRequest r = {
			.name = tpg_json_get_text(e->attributes, "signalName"),
			.input = tpg_json_get_raw(e->attributes, "input"),
			.request_id = tpg_json_get_text(e->attributes, "requestId"),
			.sender = execution_of(asker->workflow_id, tpg_uuid_to_text(&asker->run_id)),
		};

		target = find_target(asker, e);
		if (target == NULL || !tpg_status_is_open(target->status))
			break;
		outcome = tpg_engine_signal(target, &r);
	}
	tpg_json_add_jsonb(b, "workflowExecution", tpg_json_get(e->attributes, "workflowExecution"));
	if (outcome == TPG_SIGNAL_SENT)
	{
		answer(asker, e->event_id, TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED, b);
		return;
	}
	tpg_json_add_text(b, "cause", outcome == TPG_SIGNAL_FULL ? "SIGNAL_COUNT_LIMIT_EXCEEDED" : "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND");
	answer(asker, e->event_id, TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, b);
}

/* Event 22: answered by 24 or 23; a run that is closed already was asked well enough (G-42). */
static void
cancel_external(const TpgExecution *asker, const TpgEvent *e)
{
	TpgExecution *target = find_target(asker, e);
	TpgCancelRequest r = {
		.reason = tpg_json_get_text(e->attributes, "reason"),
		.sender = execution_of(asker->workflow_id, tpg_uuid_to_text(&asker->run_id)),
		.sender_event_id = e->event_id,
	};
	TpgJson    *b = tpg_json_object();

	/* another run may take the place of one that closes while we look */
	for (int tries = 0; tries < 100 && target != NULL && !tpg_engine_cancel(target, &r); tries++)
	{
		int64		key = target->key;

		target = find_target(asker, e);
		if (target != NULL && target->key == key)
			break;
	}
	tpg_json_add_jsonb(b, "workflowExecution", tpg_json_get(e->attributes, "workflowExecution"));
	if (target != NULL)
		answer(asker, e->event_id, TPG_EVENT_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED, b);
	else
	{
		tpg_json_add_text(b, "cause", "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND");
		answer(asker, e->event_id, TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED, b);
	}
}

static TpgChildOutcome
start_child(const TpgExecution *asker, const TpgEvent *e, TpgInherited *inherited)
{
	TpgJson    *b = tpg_json_object();
	TpgEventType type;
	TpgChildOutcome outcome = tpg_child_start(asker, e, inherited, &type, b);

	if (outcome != TPG_CHILD_LOCKED)
		answer(asker, e->event_id, type, b);
	return outcome;
}

static void
report_end(const TpgExecution *child, const TpgEvent *closing)
{
	int64		tried = 0;

	/* while we wait for its row, the parent may be reset: then it is the new run that wants to know */
	for (;;)
	{
		TpgJson    *b = tpg_json_object();
		TpgEventType type;
		int32		initiated_event_id;
		TpgExecution *parent = tpg_child_ended(child, closing, &type, b, &initiated_event_id);

		if (parent == NULL || parent->key == tried || answer(parent, initiated_event_id, type, b))
			break;
		tried = parent->key;
	}
}

static TpgChildOutcome
do_row(const TpgExecution *asker, const TpgOutboxRow *row, const TpgEvent *e, TpgInherited *inherited)
{
	if (row->kind == TPG_OUTBOX_CLOSE_POLICY)
		return tpg_child_close_policy(asker, e);
	switch (e->type)
	{
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			signal_external(asker, e);
			break;
		case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			cancel_external(asker, e);
			break;
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			return start_child(asker, e, inherited);
		default:
			if (!tpg_event_type_is_closing(e->type))
				elog(ERROR, "event %d of workflow \"%s\" asks nothing of another run", row->ref_event_id, asker->workflow_id);
			report_end(asker, e);
			break;
	}
	return TPG_CHILD_DONE;
}

/* ---------- in order ---------- */

/* The workflow id that an entry is about. */
static char *
target_of(const TpgExecution *asker, const TpgEvent *e)
{
	if (e->type == TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
		return tpg_json_get_text(e->attributes, "workflowId");
	if (tpg_event_type_is_closing(e->type))
		return tpg_json_get_text(asker->parent, "workflowId");
	return tpg_json_get_text(tpg_json_get(e->attributes, "workflowExecution"), "workflowId");
}

static bool
is_among(List *ids, const char *id)
{
	ListCell   *lc;

	foreach(lc, ids)
		if (strcmp(lfirst(lc), id) == 0)
			return true;
	return false;
}

static int64
latest_run_key(const TpgExecution *asker, const char *workflow_id)
{
	TpgExecution *exec = tpg_execution_find(asker->namespace_id, workflow_id, NULL);

	return exec ? exec->key : 0;
}

static void
read_event(const TpgExecution *asker, const TpgOutboxRow *row, TpgEvent *e)
{
	if (!tpg_history_event(asker->key, row->ref_event_id, e))
		elog(ERROR, "workflow \"%s\" has no event %d, to which its outbox refers", asker->workflow_id, row->ref_event_id);
}

TpgOutboxOutcome
tpg_engine_outbox(int64 execution_key)
{
	TpgOutboxRow rows[OUTBOX_BATCH];
	TpgInherited inherited = {false};
	TpgExecution *asker;
	TimestampTz now = tpg_clock_now();
	List	   *waiting = NIL;	/* workflow ids for which something has to wait */
	int64		from = 0;
	bool		enough = false;
	int			nlocked = 0;
	int			ndone = 0;
	int			n;

	row_in_hand = 0;
	if (!tpg_outbox_lock(execution_key, false))
		return TPG_OUTBOX_LOCKED;
	asker = tpg_execution_by_key(execution_key);
	if (asker == NULL)
		return TPG_OUTBOX_NOTHING;
	do
	{
		n = tpg_outbox_read(execution_key, from, OUTBOX_BATCH, rows);
		for (int i = 0; i < n && !enough; i++)
		{
			TpgEvent	e;
			char	   *target;

			CHECK_FOR_INTERRUPTS();
			row_in_hand = rows[i].id;
			read_event(asker, &rows[i], &e);
			target = target_of(asker, &e);
			/* a cancellation must not overtake its start; what is asked of others is nothing to it */
			if (rows[i].due_at > now)
			{
				waiting = lappend(waiting, target);
				continue;
			}
			if (is_among(waiting, target))
				continue;
			switch (do_row(asker, &rows[i], &e, &inherited))
			{
				case TPG_CHILD_LOCKED:
					locked_key = latest_run_key(asker, target);
					waiting = lappend(waiting, target);
					nlocked++;
					continue;
				case TPG_CHILD_HELD:
					/* it holds a lock that others wait for */
					enough = true;
					break;
				case TPG_CHILD_DONE:
					break;
			}
			tpg_outbox_delete(execution_key, rows[i].id);
			enough |= ++ndone == OUTBOX_BATCH;
		}
		if (n > 0)
			from = rows[n - 1].id + 1;
	} while (n == OUTBOX_BATCH && !enough);
	if (ndone == 0)
		return nlocked > 0 ? TPG_OUTBOX_LOCKED : TPG_OUTBOX_NOTHING;
	TPG_FAULT("outbox_before_commit");
	return enough || nlocked > 0 ? TPG_OUTBOX_MORE : TPG_OUTBOX_DONE;
}

int64
tpg_engine_outbox_all(int64 execution_key)
{
	TpgOutboxOutcome outcome;

	do
	{
		CHECK_FOR_INTERRUPTS();
		outcome = tpg_engine_outbox(execution_key);
	} while (outcome == TPG_OUTBOX_DONE || outcome == TPG_OUTBOX_MORE);
	return outcome == TPG_OUTBOX_LOCKED ? locked_key : 0;
}

int64
tpg_engine_outbox_locked_before(int64 execution_key)
{
	TpgExecution *asker = tpg_execution_by_key(execution_key);
	TpgOutboxRow rows[OUTBOX_BATCH];
	int64		from = 0;
	int			n;

	do
	{
		n = tpg_outbox_read(execution_key, from, OUTBOX_BATCH, rows);
		for (int i = 0; i < n; i++)
		{
			TpgEvent	e;
			TpgStatus	status;
			int64		key;

			CHECK_FOR_INTERRUPTS();
			read_event(asker, &rows[i], &e);
			key = latest_run_key(asker, target_of(asker, &e));
			if (key != 0 && key < execution_key && !tpg_execution_lock(key, TPG_ROW_KEY_SHARE_NOWAIT, &status) &&
				tpg_execution_by_key(key) != NULL)
				return key;
		}
		if (n > 0)
			from = rows[n - 1].id + 1;
	} while (n == OUTBOX_BATCH);
	return 0;
}

/* That row, or else the first. */
static bool
find_failed(int64 execution_key, TpgOutboxRow *row)
{
	if (row_in_hand != 0 && tpg_outbox_read(execution_key, row_in_hand, 1, row) == 1 && row->id == row_in_hand)
		return true;
	return tpg_outbox_read(execution_key, 0, 1, row) == 1;
}

void
tpg_engine_outbox_failed(int64 execution_key)
{
	TpgOutboxRow row;
	TpgExecution *asker;
	TimestampTz now = tpg_clock_now();
	int64		delay = RETRY_FIRST_US;

	if (!tpg_outbox_lock(execution_key, false))
		return;
	asker = tpg_execution_by_key(execution_key);
	if (asker == NULL || !find_failed(execution_key, &row))
		return;
	for (int i = 1; i < row.attempt && delay < RETRY_MAX_US; i++)
		delay *= 2;
	delay = Min(delay, RETRY_MAX_US);
	tpg_outbox_postpone(execution_key, row.id, now + delay);
	tpg_engine_outbox_wake(asker, now + delay);
	/* what came before it was undone with it, and what comes behind need not wait for it */
	tpg_engine_outbox_wake(asker, now);
}
