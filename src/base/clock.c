/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The only source of time.
 *
 * The virtual time is a variable of the backend; the test environment that
 * sets it also clears it at the end of its transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"

static bool clock_is_virtual = false;
static TimestampTz virtual_now = 0;

TimestampTz
tpg_clock_now(void)
{
	return clock_is_virtual ? virtual_now : GetCurrentTimestamp();
}

void
tpg_clock_set_virtual(TimestampTz now)
{
	clock_is_virtual = true;
	virtual_now = now;
}

bool
tpg_clock_is_virtual(void)
{
	return clock_is_virtual;
}

void
tpg_clock_clear(void)
{
	clock_is_virtual = false;
}
