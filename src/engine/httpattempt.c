/*-------------------------------------------------------------------------
 * engine/httpattempt.c - attempts of activities of type http: from due to recorded.
 *
 * One process has thousands of them, so it waits for no lock: what somebody
 * else has is left for later.  Lock order: the activity, then the execution.
 *
 * Caller: worker/http, in short transactions.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/json.h"
#include "engine/httpattempt.h"
#include "ipc/limitsettings.h"
#include "store/activityend.h"
#include "store/task_queue.h"

/*
 * Settings for which there was no room in shared memory (the log says so) limit nothing: the names of
 * those queues; NULL: there are none.  In another namespace that name may have limits, which are asked below.
 */
static List *
left_out(void)
{
	TpgTaskQueue *queues;
	List	   *names = NIL;
	int			n;

	if (!tpg_limits_left_out())
		return NIL;
	n = tpg_task_queue_all(&queues);
	for (int i = 0; i < n; i++)
		if (queues[i].paused_at == 0 && tpg_limits_find(queues[i].namespace_id, queues[i].name).index < 0)
			names = lappend(names, queues[i].name);
	return names;
}

bool
tpg_engine_http_exists(TimestampTz now, bool or_open)
{
	return tpg_activity_http_exists(now, or_open, left_out());
}

/* The start of one is recorded; false: nothing is left of it, or (*refused) its queue does not let it start now. */
static bool
begin(TpgActivityTask *t, TimestampTz now, const char *identity, TpgHttpStart *start, bool *refused)
{
	TpgExecution *exec = tpg_execution_by_key(t->execution_key);
	TimestampTz again;

	*refused = false;
	if (exec == NULL || !tpg_status_is_open(exec->status))
	{
		tpg_activity_delete(t->execution_key, t->scheduled_event_id);
		return false;
	}
	/* between two attempts, when nobody had the row */
	if (tpg_engine_attempt_cancelled(t, exec))
	{
		TpgAttempt	a = {.end = TPG_ATTEMPT_CANCELED, .ended_at = now};

		a.result = tpg_json_string(TPG_NOT_STARTED);
		tpg_engine_attempt_end(t, &a);
		return false;
	}
	if (!tpg_engine_attempt_takes_place(t->namespace_id, t->task_queue, &again))
	{
		*refused = true;
		return false;
	}
	tpg_engine_attempt_open(t, now, identity);
	start->task = t;
	start->exec = exec;
	return true;
}

int
tpg_engine_http_begin(TimestampTz now, int limit, const char *identity, TpgHttpStart **starts, int *seen)
{
	TpgActivityTask *tasks;
	bool		refused;
	int			nrefused = 0;
	int			n = 0;

	*seen = tpg_activity_http_due(now, limit, left_out(), &tasks);
	*starts = palloc(sizeof(TpgHttpStart) * Max(*seen, 1));
	for (int i = 0; i < *seen; i++)
	{
		if (begin(&tasks[i], now, identity, &(*starts)[n], &refused))
			n++;
		nrefused += refused;
	}
	*seen -= nrefused;
	return n;
}

int
tpg_engine_http_begin_given(TimestampTz now, TpgHttpGiven *given, int ngiven, const char *identity, TpgHttpStart **starts)
{
	TpgActivityTask *tasks;
	TpgActivityKey *keys = palloc(sizeof(TpgActivityKey) * Max(ngiven, 1));
	int			ntasks;
	int			g = 0;
	int			n = 0;

	for (int i = 0; i < ngiven; i++)
	{
		keys[i].execution_key = given[i].execution_key;
		keys[i].scheduled_event_id = given[i].scheduled_event_id;
		given[i].begun = given[i].refused = false;
	}
	ntasks = ngiven > 0 ? tpg_activity_http_due_of(now, keys, ngiven, &tasks) : 0;
	*starts = palloc(sizeof(TpgHttpStart) * Max(ntasks, 1));
	/* both in the same order; some are gone, or somebody has them */
	for (int i = 0; i < ntasks; i++)
	{
		while (g < ngiven && (given[g].execution_key != tasks[i].execution_key || given[g].scheduled_event_id != tasks[i].scheduled_event_id))
			g++;
		if (g == ngiven)
			break;
		if (begin(&tasks[i], now, identity, &(*starts)[n], &given[g].refused))
		{
			given[g].begun = true;
			n++;
		}
		g++;
	}
	return n;
}

/* The task, locked; NULL, and why. */
static TpgActivityTask *
claim(const TpgHttpName *name, bool completed, TpgHttpRecord *why)
{
	TpgActivityTask *t = tpg_activity_http_claim(name->execution_key, name->scheduled_event_id, completed);

	if (t == NULL)
	{
		*why = tpg_activity_exists(name->execution_key, name->scheduled_event_id) ? TPG_HTTP_LOCKED : TPG_HTTP_GONE;
		return NULL;
	}
	/* D-20: a later attempt, or none */
	if (t->attempt != name->attempt || t->started_at != name->started_at || !tpg_activity_is_open(t))
	{
		*why = TPG_HTTP_GONE;
		return NULL;
	}
	return t;
}

TpgHttpRecord
tpg_engine_http_end(const TpgHttpName *name, TpgAttempt *a)
{
	TpgHttpRecord why;
	TpgActivityTask *t = claim(name, a->end == TPG_ATTEMPT_COMPLETED, &why);

	if (t == NULL)
		return why;
	a->started_at = t->started_at;
	if (a->identity == NULL)
		a->identity = t->worker_identity;
	(void) tpg_engine_attempt_end(t, a);
	TPG_FAULT("http_recorded");
	return TPG_HTTP_RECORDED;
}

TpgHttpRecord
tpg_engine_http_time_out(const TpgHttpName *name, TimestampTz now, TimestampTz *timeout_at)
{
	TpgHttpRecord why;
	TpgActivityTask *t = claim(name, false, &why);
	TpgAttempt	a = {.end = TPG_ATTEMPT_TIMED_OUT, .ended_at = now};
	TpgTimeoutType type;
	TpgHeartbeat *heartbeat;

	if (t == NULL)
		return why;
	if (!tpg_engine_attempt_overdue(t, now, &type, &heartbeat))
	{
		*timeout_at = t->timeout_at;
		return TPG_HTTP_LOCKED;
	}
	a.started_at = t->started_at;
	a.identity = t->worker_identity;
	a.failure = tpg_failure_timeout(type, heartbeat ? heartbeat->details : NULL,
									type == TPG_TIMEOUT_SCHEDULE_TO_CLOSE ? t->last_failure : NULL);
	(void) tpg_engine_attempt_end(t, &a);
	return TPG_HTTP_RECORDED;
}
