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

#include "store/activityend.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/json.h"
#include "engine/httpattempt.h"

int
tpg_engine_http_begin(TimestampTz now, int limit, const char *identity, TpgHttpStart **starts, int *seen)
{
	TpgActivityTask *tasks;
	int			n = 0;

	*seen = tpg_activity_http_due(now, limit, &tasks);
	*starts = palloc(sizeof(TpgHttpStart) * Max(*seen, 1));
	for (int i = 0; i < *seen; i++)
	{
		TpgActivityTask *t = &tasks[i];
		TpgExecution *exec = tpg_execution_by_key(t->execution_key);

		if (exec == NULL || !tpg_status_is_open(exec->status))
		{
			tpg_activity_delete(t->execution_key, t->scheduled_event_id);
			continue;
		}
		/* between two attempts, when nobody had the row */
		if (tpg_engine_attempt_cancelled(t, exec))
		{
			TpgAttempt	a = {.end = TPG_ATTEMPT_CANCELED, .ended_at = now};

			a.result = tpg_json_string(TPG_NOT_STARTED);
			tpg_engine_attempt_end(t, &a);
			continue;
		}
		tpg_engine_attempt_open(t, now, identity);
		(*starts)[n].task = t;
		(*starts)[n].exec = exec;
		n++;
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
