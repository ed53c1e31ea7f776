/*-------------------------------------------------------------------------
 * engine/reset.c - a run begins again in the middle of its history.
 *
 * Rules: reference B-29 to B-33, S-26, A-47.  What an activation was told is kept,
 * what the code decided in it is dropped, with all that follows; a
 * WorkflowTaskFailed stands in its place.  The activation is then done again: its
 * first events are in the table, the row counts the activations before it only.
 *
 *	kept                    what the activation was told of
 *	WorkflowTaskFailed      cause RESET_WORKFLOW, with both run ids
 *	...Signaled             sent again, also from the runs that base continued as
 *	...UpdateAdmitted       accepted behind the point: judged and handled again; both in the order of history
 *
 * The new run is the next of its id.  Order of locks: run lock and outbox lock of the
 * latest run, its row FOR UPDATE, the row of base FOR KEY SHARE, in which the new run is noted.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/close.h"
#include "engine/mail.h"
#include "engine/outbox.h"
#include "engine/reset.h"
#include "engine/resetopen.h"
#include "engine/start.h"
#include "engine/testenv.h"
#include "ipc/slots.h"
#include "ipc/wake.h"
#include "store/request.h"
#include "store/runlink.h"
#include "store/runlock.h"
#include "store/search_attribute.h"

#define DEFAULT_REASON "Workflow reset"

/* ---------- the point ---------- */

/* Did the code decide it?  An activation ends with such events. */
static bool
is_decision(const TpgEvent *e)
{
	return tpg_event_is_of_command(e) || tpg_event_type_is_closing(e->type);
}

/* Does one that belongs to no activation stand among the events of that one? */
static bool
is_within(const TpgEvent *events, int i, int32 task_id)
{
	while (i > 0 && events[i].task_id == 0)
		i--;
	return events[i].task_id == task_id && is_decision(&events[i]);
}

/*
 * How many events are kept, and which activation is done again.  The event named
 * belongs to it: told or decided there.  One that belongs to none (a failed task, a
 * termination and what was told with it) stands before the activation that follows.
 */
static int
find_point(const TpgEvent *events, int nevents, const TpgExecution *base, int32 event_id, int32 *task_id)
{
	int			kept = event_id - 1;

	*task_id = events[kept].task_id;
	for (int i = kept + 1; i < nevents && *task_id == 0; i++)
		*task_id = events[i].task_id;
	if (*task_id == 0)
	{
		*task_id = base->last_task_id + 1;
		return kept;
	}
	if (events[kept].task_id == 0 && !is_within(events, kept, *task_id))
		return kept;
	kept = 0;
	for (int i = 0; i < nevents; i++)
	{
		if (events[i].task_id > *task_id || (events[i].task_id == *task_id && is_decision(&events[i])))
			break;
		if (events[i].task_id != 0)
			kept = i + 1;
	}
	return kept;
}

static void
check_event_id(const TpgExecution *base, int nevents, int32 event_id)
{
	/* one that was reset, and is to begin again, has had its point moved only */
	if (base->last_task_id == 0 && tpg_uuid_equal(&base->run_id, &base->original_run_id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("workflow \"%s\" has not begun, so it cannot be reset", base->workflow_id),
				 errdetail("Run %s.", tpg_uuid_to_text(&base->run_id)),
				 errhint("Its code has decided nothing yet; what it will do is up to the code of then.")));
	if (event_id < 2 || event_id > nevents)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("workflow \"%s\" cannot be reset to event %d", base->workflow_id, event_id),
				 nevents >= 2 ? errdetail("Run %s has events 1 to %d, the first of which is its start.", tpg_uuid_to_text(&base->run_id), nevents) :
				 errdetail("Run %s has decided nothing yet.", tpg_uuid_to_text(&base->run_id)),
				 nevents < 2 ? errhint("It waits in its first activation: there is nothing to go back to.") :
				 event_id < 2 ? errhint("The first one that can be named is 2.") :
				 errhint("The last one that can be named is %d. temporal.trace('%s') shows them.", nevents, base->workflow_id)));
}

/* ---------- what is sent again ---------- */

typedef struct Again
{
	const TpgEvent **events;	/* Signaled, UpdateAccepted, UpdateAdmitted */
	int			n;
	int			max;
} Again;

static const Jsonb *
request_of(const TpgEvent *e)
{
	return tpg_json_get(e->attributes, e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED ? "request" : "acceptedRequest");
}

static const char *
update_id_of(const TpgEvent *e)
{
	return tpg_json_get_text(tpg_json_get(request_of(e), "meta"), "updateId");
}

static bool
is_update(const TpgEvent *e)
{
	return e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED || e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED;
}

static bool
is_known_update(const Again *a, const TpgEvent *e)
{
	for (int i = 0; i < a->n; i++)
		if (is_update(a->events[i]) && strcmp(update_id_of(a->events[i]), update_id_of(e)) == 0)
			return true;
	return false;
}

static void
add_again(Again *a, const TpgEvent *e)
{
	if (e->type != TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED && !(is_update(e) && !is_known_update(a, e)))
		return;
	if (a->n == a->max)
	{
		a->max = Max(a->max * 2, 16);
		a->events = a->events ? repalloc_huge(a->events, sizeof(*a->events) * a->max) : palloc(sizeof(*a->events) * a->max);
	}
	a->events[a->n++] = e;
}

static bool
same_json(const Jsonb *a, const Jsonb *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/*
 * Of the runs that base continued as, one after the other.  Signals that a run left
 * to the next one, which stand in both, are told by being the next one's first, at
 * its very beginning.
 */
static void
add_later_runs(const TpgExecution *base, TpgEvent *events, int nevents, Again *a)
{
	const TpgExecution *exec = base;

	for (;;)
	{
		char	   *next = nevents > 0 ? tpg_json_get_text(events[nevents - 1].attributes, "newExecutionRunId") : NULL;
		TpgEvent   *later;
		int			nlater;
		int			left = 0;

		if (next == NULL || !tpg_event_type_is_closing(events[nevents - 1].type))
			break;
		exec = tpg_execution_find(base->namespace_id, base->workflow_id, DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(next))));
		if (exec == NULL)
			break;
		CHECK_FOR_INTERRUPTS();
		nlater = tpg_history_read(exec->key, 1, &later);
		for (int i = 0; i < nlater; i++)
		{
			if (later[i].type == TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED && later[i].time == exec->execution_time)
			{
				int			from = left;

				while (from < nevents && (events[from].type != TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED ||
										  !same_json(events[from].attributes, later[i].attributes)))
					from++;
				if (from < nevents)
				{
					left = from + 1;
					continue;
				}
			}
			add_again(a, &later[i]);
		}
		events = later;
		nevents = nlater;
	}
}

/* ---------- the new history ---------- */

static Jsonb *
failed_attributes(const TpgExecution *base, const pg_uuid_t *run_id, const TpgResetRequest *r)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *failure = tpg_json_object();

	tpg_json_add_text(failure, "message", r->reason ? r->reason : DEFAULT_REASON);
	tpg_json_add_text(failure, "source", "Server");
	tpg_json_add_jsonb(failure, "resetWorkflowFailureInfo", tpg_json_finish(tpg_json_object()));
	tpg_json_add_text(b, "cause", "RESET_WORKFLOW");
	tpg_json_add_jsonb(b, "failure", tpg_json_finish(failure));
	tpg_json_add_text(b, "identity", r->identity);
	tpg_json_add_text(b, "baseRunId", tpg_uuid_to_text(&base->run_id));
	tpg_json_add_text(b, "newRunId", tpg_uuid_to_text(run_id));
	return tpg_json_finish(b);
}

static Jsonb *
admitted_attributes(const TpgEvent *e)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_jsonb(b, "request", request_of(e));
	tpg_json_add_text(b, "origin", "UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY");
	return tpg_json_finish(b);
}

static void
append(TpgEvent *events, int *n, TpgEventType type, int32 task_id, TimestampTz time, TimestampTz now, Jsonb *attributes)
{
	TpgEvent   *e = &events[(*n)++];

	memset(e, 0, sizeof(*e));
	e->event_id = *n;
	e->task_id = task_id;
	e->type = type;
	e->time = time;
	e->task_time = now;
	e->attributes = attributes;
}

static TpgEvent *
new_history(const TpgEvent *old, int kept, int32 task_id, const Again *a, Jsonb *failed, TimestampTz now, int *nevents)
{
	TpgEvent   *events = palloc_extended(sizeof(TpgEvent) * (kept + 1 + a->n), MCXT_ALLOC_HUGE);
	int			n = kept;

	memcpy(events, old, sizeof(TpgEvent) * kept);
	/* what a termination had told nobody of is told now */
	for (int i = kept - 1; i >= 0 && (events[i].task_id == 0 || events[i].task_id == task_id); i--)
		if (events[i].task_id == 0 && events[i].type != TPG_EVENT_WORKFLOW_TASK_FAILED)
			events[i].task_id = task_id;
	append(events, &n, TPG_EVENT_WORKFLOW_TASK_FAILED, task_id, now, now, failed);
	for (int i = 0; i < a->n; i++)
	{
		if (is_update(a->events[i]))
			append(events, &n, TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED, task_id, now, now, admitted_attributes(a->events[i]));
		else
			append(events, &n, TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED, task_id, now, now, a->events[i]->attributes);
	}
	*nevents = n;
	return events;
}

/* ---------- the new run ---------- */

/* Both timeouts begin anew: a run that has timed out would do so again at once. */
static TimestampTz
expires(const Jsonb *started, const char *timeout, TimestampTz now)
{
	int64		us = tpg_json_get_duration(started, timeout, 0);

	return us > 0 ? now + us : DT_NOEND;
}

/* What the row counts of its events. */
static void
count_events(TpgExecution *e, const TpgEvent *events, int nevents)
{
	for (int i = 0; i < nevents; i++)
	{
		e->history_bytes += VARSIZE(events[i].attributes);
		switch (events[i].type)
		{
			case TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED:
				e->signal_count++;
				break;
			case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			case TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
				e->update_count++;
				break;
			case TPG_EVENT_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
				e->cancel_requested = true;
				break;
			case TPG_EVENT_WORKFLOW_PROPERTIES_MODIFIED:
				e->memo = tpg_json_merge(e->memo, tpg_json_get(events[i].attributes, "upsertedMemo"));
				break;
			default:
				break;
		}
	}
	e->next_event_id = nevents + 1;
}

static void
start_new_run(const TpgExecution *base, int32 run_no, const pg_uuid_t *run_id, const TpgEvent *events, int nevents,
			  int32 task_id, TimestampTz now, TpgExecution *e)
{
	const Jsonb *started = events[0].attributes;
	TpgSearchAttribute *attributes;
	int			nattributes;

	memset(e, 0, sizeof(*e));
	e->namespace_id = base->namespace_id;
	e->workflow_id = base->workflow_id;
	e->run_no = run_no;
	e->workflow_type = base->workflow_type;
	e->task_queue = base->task_queue;
	e->run_id = *run_id;
	e->first_run_id = base->first_run_id;
	e->original_run_id = base->original_run_id;
	e->parent = base->parent;
	e->priority = base->priority;
	/* what is kept of its history is of that code */
	e->versioning = base->versioning;
	e->version = base->version;
	e->start_request_id = base->start_request_id;
	e->status = TPG_STATUS_RUNNING;
	e->attempt = base->attempt;
	e->wft_attempt = 1;
	e->memo = tpg_json_get(started, "memo");
	e->start_time = e->execution_time = e->last_task_time = now;
	e->execution_expiration = expires(started, "workflowExecutionTimeout", now);
	e->run_expiration = Min(expires(started, "workflowRunTimeout", now), e->execution_expiration);
	e->last_task_id = task_id - 1;
	count_events(e, events, nevents);
	e->key = tpg_execution_insert(e, false);
	if (e->key == 0)
		elog(ERROR, "workflow \"%s\" has a run %d already", e->workflow_id, e->run_no);
	tpg_history_append(e->key, events, nevents);

	nattributes = tpg_search_attributes_check(e->namespace_id, tpg_json_get(started, "searchAttributes"), &attributes);
	tpg_search_attributes_put(e->key, e->namespace_id, attributes, nattributes);
	for (int i = 0; i < nevents; i++)
	{
		char	   *request_id;

		if (events[i].type == TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
			tpg_search_attributes_upsert(e->key, e->namespace_id, tpg_json_get(events[i].attributes, "searchAttributes"));
		/* one that is sent again is known */
		else if (events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED &&
				 (request_id = tpg_json_get_text(events[i].attributes, "requestId")) != NULL)
			(void) tpg_request_remember(e->key, request_id);
	}
}

/* Locks the latest run of the id, and ends it if it is open; gives the events of base as they are behind that. */
static bool
take_latest(const TpgExecution *base, const TpgResetRequest *r, TpgExecution **latest, TpgEvent **events, int *nevents)
{
	TpgExecution *exec = tpg_execution_find(base->namespace_id, base->workflow_id, NULL);
	TpgExecution *again;
	TpgStatus	status;
	bool		is_base;

	if (exec == NULL)
		return false;
	is_base = exec->key == base->key;
	if (exec->key == tpg_attempt_execution_key)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("an activity cannot reset its own workflow \"%s\"", exec->workflow_id),
				 errhint("Let it fail with temporal.raise_application_error(), or have another workflow do it.")));
	/* an executor that has the run with an eager activity is asked to put it aside */
	if (!tpg_run_lock(exec->key, false))
	{
		tpg_slot_interrupt(MyDatabaseId, exec->key, TPG_SLOT_WORKFLOW_TASK, TPG_INTERRUPT_YIELD);
		tpg_run_lock(exec->key, true);
	}
	tpg_wake_run_released();
	tpg_outbox_lock(exec->key, true);
	again = tpg_execution_find(base->namespace_id, base->workflow_id, NULL);
	if (again == NULL || again->key != exec->key)
		return false;
	*nevents = tpg_history_read(base->key, 1, events);
	base = tpg_execution_by_key(base->key);
	if (base == NULL || *nevents == 0)
		return false;
	check_event_id(base, *nevents, r->event_id);

	/* what it has asked of others is answered first: the answers go on with it */
	if (is_base && tpg_status_is_open(again->status))
		tpg_engine_outbox_all(exec->key);
	if (!tpg_execution_lock(exec->key, TPG_ROW_UPDATE, &status))
		return false;
	if (!is_base && !tpg_execution_lock(base->key, TPG_ROW_KEY_SHARE, &status))
		return false;
	again = tpg_execution_by_key(exec->key);
	if (tpg_status_is_open(again->status))
		(void) tpg_engine_terminate_for_reset(again, r->reason ? r->reason : DEFAULT_REASON, r->identity, is_base,
											  tpg_uuid_equal(&again->first_run_id, &base->first_run_id));
	TPG_FAULT("reset_run_closed");
	*latest = again;
	*nevents = tpg_history_read(base->key, 1, events);
	return true;
}

bool
tpg_engine_reset(const TpgExecution *base, const TpgResetRequest *r, pg_uuid_t *run_id)
{
	TimestampTz now;
	TpgExecution *latest;
	TpgExecution e;
	TpgEvent   *old;
	TpgEvent   *events;
	Again		tail = {0};
	Again		again = {0};
	int32		task_id;
	int			nold;
	int			nevents;
	int			kept;

	if (!take_latest(base, r, &latest, &old, &nold))
		return false;
	now = tpg_clock_now();
	base = tpg_execution_by_key(base->key);
	kept = find_point(old, nold, base, r->event_id, &task_id);

	for (int i = kept; i < nold; i++)
		add_again(&tail, &old[i]);
	add_later_runs(base, old, nold, &tail);
	again.events = palloc_extended(sizeof(*again.events) * Max(tail.n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < tail.n; i++)
	{
		bool		wanted = is_update(tail.events[i]) ? r->updates : r->signals;

		/* an update that stands in what is kept is done there */
		for (int j = 0; j < kept && wanted && is_update(tail.events[i]); j++)
			wanted = !(is_update(&old[j]) && (old[j].type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED || old[j].task_id == task_id) &&
					   strcmp(update_id_of(&old[j]), update_id_of(tail.events[i])) == 0);
		if (wanted)
			again.events[again.n++] = tail.events[i];
	}

	*run_id = *tpg_uuid_random();
	events = new_history(old, kept, task_id, &again, failed_attributes(base, run_id, r), now, &nevents);
	start_new_run(base, latest->run_no + 1, run_id, events, nevents, task_id, now, &e);
	tpg_runlink_put_reset(base->key, run_id);
	tpg_reset_take_over(&e, base, events, kept, old + kept, nold - kept, now);
	tpg_execution_update_task(&e);
	tpg_mail_send(&e, TPG_MESSAGE_FIRST_TASK, 0, now, NULL);
	if (!TIMESTAMP_NOT_FINITE(e.run_expiration))
		tpg_mail_send(&e, TPG_MESSAGE_RUN_TIMEOUT, 0, e.run_expiration, NULL);
	tpg_engine_remember_start(e.key);
	tpg_testenv_started(e.key);
	TPG_FAULT("reset_before_commit");
	return true;
}
