/*-------------------------------------------------------------------------
 * runtime/heartbeat.c - heartbeats of the attempt that runs in this process.
 *
 * A heartbeat goes to three places: the timer of the attempt, whose limit it puts
 * off; the memory of the attempt, for its end; and shared memory, for others (in
 * an executor; a step within a workflow task has no row yet, and a test no
 * others).  It writes nothing to a table: see engine/heartbeat.
 *
 * Requests to stop arrive as interrupts (ipc/slots), wherever the function is;
 * here they say what they are.  A request is raised once, as cancellation of
 * workflow code is, so that the function can clean up and send heartbeats
 * meanwhile.
 *
 * Called in the subtransaction of the attempt.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "engine/heartbeat.h"
#include "ipc/slots.h"
#include "model/failure.h"
#include "runtime/heartbeat.h"
#include "runtime/timer.h"

/*
 * D-14 throttles what a worker sends over the network.  Here others see each heartbeat
 * at once, and what is spared is commits: one a second loses less in a crash, and costs
 * little.  Details that are large cost WAL, and are written as rarely as D-14 says.
 */
#define WRITE_INTERVAL_US INT64CONST(1000000)
#define LARGE_INTERVAL_US INT64CONST(30000000)
#define LARGE_MAX_INTERVAL_US INT64CONST(60000000)

static int64
write_interval(const TpgAttemptInfo *info, const Jsonb *details)
{
	int64		us;

	if (details == NULL || VARSIZE(details) <= TPG_HEARTBEAT_INLINE)
		return WRITE_INTERVAL_US;
	us = info->heartbeat_us > 0 ? info->heartbeat_us / 10 * 8 : LARGE_INTERVAL_US;
	return Max(Min(us, LARGE_MAX_INTERVAL_US), WRITE_INTERVAL_US);
}

int64
tpg_heartbeat_begin(TpgAttemptInfo *info, int64 limit_us)
{
	TimestampTz now = GetCurrentTimestamp();

	info->limit_at = limit_us < 0 ? DT_NOEND : now + limit_us;
	info->heartbeat_us = info->local ? 0 : tpg_json_get_duration(info->task->attributes, "heartbeatTimeout", 0);
	info->heartbeat_limits = info->heartbeat_us > 0 && (limit_us < 0 || info->heartbeat_us < limit_us);
	return info->heartbeat_limits ? info->heartbeat_us : limit_us;
}

/* From now on again; never earlier than before. Real time, as the timer's is. */
static void
put_off(TpgAttemptInfo *info)
{
	TimestampTz now = GetCurrentTimestamp();

	if (info->heartbeat_us <= 0)
		return;
	info->heartbeat_limits = TIMESTAMP_IS_NOEND(info->limit_at) || now + info->heartbeat_us < info->limit_at;
	tpg_timer_extend(info->heartbeat_limits ? info->heartbeat_us : Max(info->limit_at - now, 0));
}

int
tpg_heartbeat_interrupt_reason(const TpgAttemptInfo *info)
{
	return info->test_cancelled ? TPG_INTERRUPT_CANCEL : tpg_slot_interrupt_reason();
}

static void
raise_timeout(const TpgAttemptInfo *info)
{
	/* what is pending stays so: the function is interrupted also when it catches this */
	ereport(ERROR,
			(errcode(TPG_ERR_TIMEOUT_FAILURE),
			 errmsg("activity \"%s\" has timed out", info->task->activity_type),
			 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(
				 tpg_attempt_timeout_failure(info->heartbeat_limits ? TPG_TIMEOUT_HEARTBEAT : info->timeout_type, NULL)))),
			 errhint("What it has done is rolled back, unless it has committed it itself; its retry policy says whether it is tried again.")));
}

static const char *
request(int reason)
{
	switch (reason)
	{
		case TPG_INTERRUPT_CLOSED:
			return "activity is to stop: its workflow has closed";
		case TPG_INTERRUPT_PAUSE:
			return "activity is to stop: it was paused";
		case TPG_INTERRUPT_RESET:
			return "activity is to stop: it was reset";
		case TPG_INTERRUPT_CANCEL:
			return "activity was cancelled by its workflow";
		case TPG_INTERRUPT_SHUTDOWN:
			return "activity is to stop: its workers are being stopped";
		default:
			return NULL;
	}
}

static void
raise_request(int reason)
{
	QueryCancelPending = false;
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("%s", request(reason)),
			 errhint("To clean up, catch query_canceled, and raise it again.")));
}

/* Raises what there is to be raised. */
static void
check_requests(TpgAttemptInfo *info)
{
	int			reason;

	if (info->test != NULL && info->test->cancelled && !info->test_cancelled)
	{
		info->test_cancelled = true;
		raise_request(TPG_INTERRUPT_CANCEL);
	}
	/* a step that takes too long within its task is put aside: no timeout of its own */
	if (tpg_timer_fired() && (info->heartbeat_limits || !info->eager_limit))
		raise_timeout(info);
	reason = tpg_slot_interrupt_reason();
	if (QueryCancelPending && reason == TPG_INTERRUPT_TIMEOUT)
		raise_timeout(info);
	if (QueryCancelPending && request(reason) != NULL)
		raise_request(reason);
	/* these come without an interruption */
	if ((reason == TPG_INTERRUPT_PAUSE || reason == TPG_INTERRUPT_RESET) && !info->told)
	{
		info->told = true;
		raise_request(reason);
	}
	CHECK_FOR_INTERRUPTS();
}

const Jsonb *
tpg_heartbeat_earlier(TpgAttemptInfo *info)
{
	MemoryContext old;

	if (info->earlier_known)
		return info->earlier_details;
	old = MemoryContextSwitchTo(info->context);
	if (info->test != NULL)
		info->earlier_details = info->test->heartbeat_details;
	else if (info->task->mode != TPG_MODE_TRANSACTIONAL && info->task->heartbeats_kept)
	{
		TpgHeartbeat *h = tpg_heartbeat_read(info->task->execution_key, info->task->scheduled_event_id);

		info->earlier_details = h ? h->details : NULL;
	}
	info->earlier_known = true;
	MemoryContextSwitchTo(old);
	return info->earlier_details;
}

/* For the end of the attempt; the memory of the one before is used again. */
static void
remember(TpgAttemptInfo *info, const Jsonb *details)
{
	MemoryContext old;

	if (info->heartbeat_context == NULL)
		info->heartbeat_context = AllocSetContextCreate(info->context, "temporal_pg heartbeat", ALLOCSET_START_SMALL_SIZES);
	else
		MemoryContextReset(info->heartbeat_context);
	old = MemoryContextSwitchTo(info->heartbeat_context);
	info->heartbeat.at = tpg_clock_now();
	info->heartbeat.attempt = info->task->attempt;
	info->heartbeat.details = details ? tpg_json_copy(details) : NULL;
	MemoryContextSwitchTo(old);
}

static void
publish(TpgAttemptInfo *info)
{
	TpgActivityTask *task = (TpgActivityTask *) info->task;
	TpgSharedHeartbeat h = {
		.execution_key = task->execution_key,
		.scheduled_event_id = task->scheduled_event_id,
		.attempt = task->attempt,
		.open = tpg_activity_is_open(task),
		.at = info->heartbeat.at,
		.interval_us = write_interval(info, info->heartbeat.details),
		.details = info->heartbeat.details
	};

	/* before the dispatcher may write one: whoever ends the activity deletes it */
	task->heartbeats_kept = true;
	tpg_shared_heartbeat_put(&h);
}

void
tpg_attempt_heartbeat(const Jsonb *details)
{
	TpgAttemptInfo *info = tpg_attempt_require("heartbeat");

	if (info->local)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("a local activity sends no heartbeats"),
				 errdetail("It runs within the workflow task, and nobody waits for signs of life from it."),
				 errhint("Use temporal.execute_activity().")));
	tpg_payload_check(details, "heartbeat details");
	check_requests(info);
	/* what the table has is about to be overwritten */
	(void) tpg_heartbeat_earlier(info);
	put_off(info);
	remember(info, details);
	if (info->test != NULL && info->test->on_heartbeat != NULL)
		info->test->on_heartbeat(info->test->arg, details);
	if (tpg_in_executor() && !info->in_task)
		publish(info);
}

TpgHeartbeat *
tpg_heartbeat_last(const TpgAttemptInfo *info)
{
	TpgHeartbeat *h;

	if (info->heartbeat.at == 0)
		return NULL;
	h = palloc(sizeof(TpgHeartbeat));
	*h = info->heartbeat;
	return h;
}

const Jsonb *
tpg_heartbeat_last_details(const TpgAttemptInfo *info)
{
	const TpgActivityTask *t = info->task;
	TpgHeartbeat *h;

	if (info->heartbeat.at != 0)
		return info->heartbeat.details;
	/* D-16: of any earlier attempt */
	h = t->heartbeats_kept ? tpg_heartbeat_read(t->execution_key, t->scheduled_event_id) : NULL;
	return h ? h->details : NULL;
}
