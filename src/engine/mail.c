/*-------------------------------------------------------------------------
 * engine/mail.c - the mailbox becomes history.
 *
 * Order of the events (reference B-08, B-15): as the messages became due, but
 * signals in the order in which they were sent, whatever the clock did meanwhile,
 * and closing events of activities behind all others, in their own order.
 *
 * Callers of tpg_mail_take hold the run lock; senders hold the execution row
 * FOR KEY SHARE, or the run lock, or have just inserted the run.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/mail.h"
#include "ipc/wake.h"
#include "store/definition.h"

/* By the time at which they became due; timers of one instant by their start (B-15). */
static int
message_compare(const void *a, const void *b)
{
	const TpgMessage *ma = a;
	const TpgMessage *mb = b;

	if (ma->deliver_at != mb->deliver_at)
		return ma->deliver_at < mb->deliver_at ? -1 : 1;
	if (ma->kind == TPG_MESSAGE_TIMER && mb->kind == TPG_MESSAGE_TIMER && ma->ref_event_id != mb->ref_event_id)
		return ma->ref_event_id < mb->ref_event_id ? -1 : 1;
	return ma->id < mb->id ? -1 : ma->id > mb->id;
}

static int
message_compare_ids(const void *a, const void *b)
{
	const TpgMessage *ma = a;
	const TpgMessage *mb = b;

	return ma->id < mb->id ? -1 : ma->id > mb->id;
}

/*
 * By their due times; then the signals among themselves by id.  The server's
 * clock may have been set back between two signals of one sender, who counts on their order.
 */
static void
sort_messages(TpgMessage *messages, int n)
{
	TpgMessage *signals = palloc(sizeof(TpgMessage) * n);
	bool		ordered = true;
	int			nsignals = 0;

	qsort(messages, n, sizeof(TpgMessage), message_compare);
	for (int i = 0; i < n; i++)
	{
		if (messages[i].kind != TPG_MESSAGE_SIGNAL)
			continue;
		if (nsignals > 0 && messages[i].id < signals[nsignals - 1].id)
			ordered = false;
		signals[nsignals++] = messages[i];
	}
	if (!ordered)
	{
		qsort(signals, nsignals, sizeof(TpgMessage), message_compare_ids);
		for (int i = 0, s = 0; i < n; i++)
			if (messages[i].kind == TPG_MESSAGE_SIGNAL)
				messages[i] = signals[s++];
	}
	pfree(signals);
}

static void
append_timer_fired(TpgRun *run, const TpgMessage *m)
{
	TpgEvent   *started = tpg_run_event(run, m->ref_event_id);
	TpgJson    *b = tpg_json_object();

	if (started == NULL || started->type != TPG_EVENT_TIMER_STARTED)
		elog(ERROR, "timer of workflow \"%s\" refers to event %d, which is no TimerStarted",
			 run->exec->workflow_id, m->ref_event_id);
	tpg_json_add_text(b, "timerId", tpg_json_get_text(started->attributes, "timerId"));
	tpg_json_add_int(b, "startedEventId", m->ref_event_id);
	tpg_run_append(run, TPG_EVENT_TIMER_FIRED, run->task_time, tpg_json_finish(b), NULL);
}

/* Which event tells that a child was started, by the one that asked for it; of all events so far. */
typedef struct ChildStarts
{
	int32	   *started;		/* NULL: nobody has asked */
	int			nevents;		/* as many have been looked at */
} ChildStarts;

#define CHILD_ENDED (-1)

static bool
is_end_of_child(TpgEventType type)
{
	return type >= TPG_EVENT_CHILD_WORKFLOW_EXECUTION_COMPLETED && type <= TPG_EVENT_CHILD_WORKFLOW_EXECUTION_TERMINATED;
}

/* 0: it has not been started; CHILD_ENDED: it has ended */
static int32
child_started_event(TpgRun *run, ChildStarts *c, int32 initiated_event_id)
{
	/* a child that was asked for in this transaction has no answer yet */
	if (c->started == NULL)
		c->started = palloc0(sizeof(int32) * (run->nevents + 1));
	for (; c->nevents < run->nevents; c->nevents++)
	{
		TpgEvent   *e = &run->events[c->nevents];

		if (e->type == TPG_EVENT_CHILD_WORKFLOW_EXECUTION_STARTED)
			c->started[tpg_json_get_int(e->attributes, "initiatedEventId", 0)] = e->event_id;
		else if (is_end_of_child(e->type))
			c->started[tpg_json_get_int(e->attributes, "initiatedEventId", 0)] = CHILD_ENDED;
	}
	return c->started[initiated_event_id];
}

/*
 * What another run has answered; the end of a child names the event of its start,
 * too.  A child ends once, though a reset may have it run, and end, again.
 */
static void
append_answer(TpgRun *run, const TpgMessage *m, ChildStarts *starts)
{
	TpgEventType type = (TpgEventType) tpg_json_get_int(m->payload, "type", 0);
	Jsonb	   *attributes = tpg_json_get(m->payload, "attributes");

	if (is_end_of_child(type))
	{
		TpgJson    *b = tpg_json_object_from(attributes);
		int32		started = child_started_event(run, starts, m->ref_event_id);

		if (started == CHILD_ENDED)
			return;
		if (started != 0)
			tpg_json_add_int(b, "startedEventId", started);
		attributes = tpg_json_finish(b);
	}
	tpg_run_append(run, type, m->deliver_at, attributes, NULL);
}

/* The event by which the code has cancelled an activity. */
static int32
cancel_request_of(const TpgRun *run, int32 scheduled_event_id)
{
	for (int i = run->nevents - 1; i >= scheduled_event_id; i--)
		if (run->events[i].type == TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED &&
			tpg_json_get_int(run->events[i].attributes, "scheduledEventId", 0) == scheduled_event_id)
			return run->events[i].event_id;
	return 0;
}

bool
tpg_mail_take(TpgRun *run, TimestampTz now, bool new_group)
{
	TpgMessage *messages;
	TpgOutcome *outcomes;
	int32	   *outcome_started;
	ChildStarts starts = {NULL};
	int			n;

	/* ids below those taken up may have been committed since: read all, skip the known */
	n = tpg_message_read_due(run->exec->key, now, &messages);
	if (run->nmessages > 0)
	{
		int			kept = 0;

		for (int i = 0; i < n; i++)
		{
			bool		known = false;

			for (int j = 0; j < run->nmessages && !known; j++)
				known = run->message_ids[j] == messages[i].id;
			if (!known)
				messages[kept++] = messages[i];
		}
		n = kept;
	}
	if (n == 0)
		return false;
	sort_messages(messages, n);

	if (new_group)
		tpg_run_open_group(run, now, true);
	if (run->nmessages + n > run->maxmessages)
	{
		run->maxmessages = (run->nmessages + n) * 2;
		if (run->message_ids == NULL)
			run->message_ids = MemoryContextAlloc(run->context, sizeof(int64) * run->maxmessages);
		else
			run->message_ids = repalloc(run->message_ids, sizeof(int64) * run->maxmessages);
	}

	outcomes = palloc0(sizeof(TpgOutcome) * n);
	outcome_started = palloc0(sizeof(int32) * n);
	for (int i = 0; i < n; i++)
	{
		TpgMessage *m = &messages[i];

		run->message_ids[run->nmessages++] = m->id;
		switch (m->kind)
		{
			case TPG_MESSAGE_TIMER:
				append_timer_fired(run, m);
				break;
			case TPG_MESSAGE_ACTIVITY:
				tpg_outcome_from_jsonb(m->payload, &outcomes[i]);
				outcomes[i].time = m->deliver_at;
				if (outcomes[i].started_at != 0)
					outcome_started[i] = tpg_run_append(run, TPG_EVENT_ACTIVITY_TASK_STARTED, outcomes[i].started_at,
														tpg_outcome_started_attributes(&outcomes[i], m->ref_event_id), NULL);
				break;
			case TPG_MESSAGE_SIGNAL:
				tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED, m->deliver_at, m->payload, NULL);
				run->exec->signal_count++;
				break;
			case TPG_MESSAGE_MARKER:
				tpg_run_append(run, TPG_EVENT_MARKER_RECORDED, m->deliver_at, m->payload, NULL);
				break;
			case TPG_MESSAGE_CANCEL:
				/* once a run */
				if (!run->exec->cancel_requested)
					tpg_run_append(run, TPG_EVENT_WORKFLOW_EXECUTION_CANCEL_REQUESTED, m->deliver_at, m->payload, NULL);
				run->exec->cancel_requested = true;
				break;
			case TPG_MESSAGE_ANSWER:
				append_answer(run, m, &starts);
				break;
			case TPG_MESSAGE_RUN_TIMEOUT:
				run->run_timed_out = true;
				break;
			default:
				break;			/* only says: look */
		}
	}
	for (int i = 0; i < n; i++)
	{
		if (messages[i].kind == TPG_MESSAGE_ACTIVITY)
			tpg_run_append(run, outcomes[i].type, outcomes[i].time,
						   tpg_outcome_close_attributes(&outcomes[i], messages[i].ref_event_id, outcome_started[i], run->nevents + 1,
														outcomes[i].type == TPG_EVENT_ACTIVITY_TASK_CANCELED ? cancel_request_of(run, messages[i].ref_event_id) : 0), NULL);
	}
	tpg_run_end_delivery(run);
	return true;
}

void
tpg_mail_wake(const TpgExecution *exec, TimestampTz deliver_at)
{
	/* the dispatcher's clock is the real one; a test's transaction drives its runs itself */
	if (tpg_clock_is_virtual())
		return;
	if (deliver_at > tpg_clock_now())
		tpg_wake_due(deliver_at);
	else
	{
		Oid			owner = tpg_definition_owner_of_run(exec->namespace_id, exec->workflow_type, exec->version);
		TpgWorkItem item = {.execution_key = exec->key, .event_id = 0, .kind = TPG_WORK_RUN,
		.priority = tpg_priority_effective(&exec->priority)};

		if (OidIsValid(owner))
			tpg_wake_task(owner, item, exec->namespace_id, exec->task_queue);
		else
			tpg_wake_scan();
	}
}

void
tpg_mail_send(const TpgExecution *exec, TpgMessageKind kind, int32 ref_event_id, TimestampTz deliver_at, const Jsonb *payload)
{
	tpg_message_insert(exec->key, kind, ref_event_id, deliver_at, payload);
	tpg_mail_wake(exec, deliver_at);
}

void
tpg_mail_bring_forward(const TpgExecution *exec, TimestampTz now)
{
	tpg_message_bring_forward(exec->key, now);
	/* a client may wait for its begin with an update */
	tpg_wake_waiters(exec->key);
}
