/*-------------------------------------------------------------------------
 * runtime/timer.c - user code runs under a limit of time.
 *
 * One timer for attempts of activities and for workflow code, nested as they
 * are: while an activity runs on top of waiting workflow code, the clock of that
 * stands still, and it begins anew afterwards.  Real time, also where a test owns
 * the clock (K-04).
 *
 * Invariant: outside of start and stop nothing here interrupts anybody.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "ipc/overrun.h"
#include "runtime/timer.h"

#define AGAIN_MS 1000
#define GIVE_UP_AFTER 5

static void context_callback(void *arg);

ErrorContextCallback tpg_timer_context = {.callback = context_callback};

/* static, so that it is there whenever the signal comes */
static TpgTimer timer = {.limit_us = -1};
static TimeoutId timeout_id = MAX_TIMEOUTS;

static void
arm(int64 us)
{
	enable_timeout_after(timeout_id, (int) Min(Max((us + 999) / 1000, 1), INT_MAX / 2));
}

/* In the signal handler. A restart does not move the timeout, which costs more than to look here. */
static void
handler(void)
{
	int64		passed;

	if (!timer.active || timer.limit_us < 0 || (timer.fired && !timer.again))
		return;
	passed = GetCurrentTimestamp() - timer.since;
	if (!timer.fired && passed < timer.limit_us)
	{
		/* less than nothing: the server's clock was set back */
		arm(timer.limit_us - Max(passed, 0));
		return;
	}
	timer.fired = true;
	if (timer.again)
	{
		enable_timeout_after(timeout_id, AGAIN_MS);
		/* an error that nothing catches */
		if (++timer.times > GIVE_UP_AFTER && (ProcDiePending || tpg_overrun_give_up()))
			ProcDiePending = true;
	}
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Whatever user code was running has been left by an error. */
static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_ABORT || !timer.active || timer.outlives)
		return;
	timer.active = false;
	disable_timeout(timeout_id, false);
}

void
tpg_timer_start(TpgTimer *outer, int64 limit_us, bool again)
{
	if (timeout_id == MAX_TIMEOUTS)
	{
		timeout_id = RegisterTimeout(USER_TIMEOUT, handler);
		RegisterXactCallback(at_end_of_transaction, NULL);
	}
	*outer = timer;
	timer.active = false;
	/* what was meant for the code below is for that */
	outer->pending = outer->active && outer->fired && QueryCancelPending;
	if (outer->pending)
		QueryCancelPending = false;
	timer.limit_us = limit_us;
	timer.again = again;
	timer.times = 0;
	timer.fired = false;
	timer.outlives = false;
	timer.since = GetCurrentTimestamp();
	timer.active = true;
	if (limit_us >= 0)
		arm(limit_us);
}

void
tpg_timer_outlives_transactions(void)
{
	timer.outlives = true;
}

bool
tpg_timer_stop(const TpgTimer *outer)
{
	bool		fired;

	timer.active = false;
	if (timer.limit_us >= 0)
		disable_timeout(timeout_id, false);
	fired = timer.fired;
	/* it may have fired behind the last look at interrupts; a cancel by somebody else stays */
	if (fired)
		QueryCancelPending = false;
	timer.limit_us = outer->limit_us;
	timer.again = outer->again;
	timer.times = outer->times;
	timer.outlives = outer->outlives;
	timer.fired = outer->fired;
	timer.since = GetCurrentTimestamp();
	timer.active = outer->active;
	if (timer.active && timer.limit_us >= 0)
		arm(timer.fired ? AGAIN_MS * 1000 : timer.limit_us);
	if (outer->pending)
		QueryCancelPending = InterruptPending = true;
	return fired;
}

/* The timeout itself stays where it is: the handler looks whether the end has come, as above. */
void
tpg_timer_extend(int64 limit_us)
{
	if (!timer.active || timer.limit_us < 0 || timer.fired)
		return;
	/* the handler may come in between: then it finds more time, not less */
	timer.since = GetCurrentTimestamp();
	timer.limit_us = limit_us;
}

bool
tpg_timer_fired(void)
{
	return timer.active && timer.fired;
}

/*
 * Code that catches cancellation to clean up means that of its workflow.  This is
 * another one, so it goes through as a suspension does: as assert_failure.
 */
static void
context_callback(void *arg)
{
	if (timer.active && timer.fired && geterrcode() == ERRCODE_QUERY_CANCELED)
		errcode(ERRCODE_ASSERT_FAILURE);
}

void
tpg_timer_restart(void)
{
	if (timer.active && timer.again && !timer.fired)
		timer.since = GetCurrentTimestamp();
}
