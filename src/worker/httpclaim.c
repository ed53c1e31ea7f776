/*-------------------------------------------------------------------------
 *
 * httpclaim.c
 *	  Which requests the HTTP process begins now.
 *
 * In task queues without settings: what is due, the oldest first.  In configured ones: what the
 * dispatcher has given out, by priority, fairness key and limits (worker/backlog), if the limits
 * let it start still.  Where there is much of both, each gets half of the places.
 *
 * What was given out and has not begun is told to the dispatcher when the transaction is
 * over, and holds the row no more: it may be given out again, or something else.  An error in
 * between loses hints, which the sweep makes good.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "ipc/http.h"
#include "ipc/limits.h"
#include "worker/httpclaim.h"

static TpgWorkItem hints[TPG_HTTP_CLAIM_MAX];
static TpgHttpGiven given[TPG_HTTP_CLAIM_MAX];
static int	ngiven = 0;
static bool more_given = false;
static bool more_due = false;

int
tpg_http_claim(int limit, const char *identity, TpgHttpStart **starts)
{
	TimestampTz now = GetCurrentTimestamp();
	TpgHttpStart *of_given;
	TpgHttpStart *of_due;
	int			most;
	int			seen;
	int			n;
	int			ndue;

	limit = Min(limit, TPG_HTTP_CLAIM_MAX);
	most = more_due ? (limit + 1) / 2 : limit;
	ngiven = 0;
	n = tpg_http_take_hints(hints, most);
	for (int i = 0; i < n; i++)
	{
		given[i].execution_key = hints[i].execution_key;
		given[i].scheduled_event_id = hints[i].event_id;
	}
	ngiven = n;
	more_given = ngiven == most;
	n = tpg_engine_http_begin_given(now, given, ngiven, identity, &of_given);
	ndue = tpg_engine_http_begin(now, limit - n, identity, &of_due, &seen);
	more_due = seen >= limit - n;

	*starts = palloc(sizeof(TpgHttpStart) * Max(n + ndue, 1));
	memcpy(*starts, of_given, sizeof(TpgHttpStart) * n);
	memcpy(*starts + n, of_due, sizeof(TpgHttpStart) * ndue);
	return n + ndue;
}

bool
tpg_http_claimed(void)
{
	for (int i = 0; i < ngiven; i++)
		if (hints[i].limit > 0)
			tpg_limits_hint_over(hints[i].limit, TPG_LIMIT_ACTIVITY, given[i].refused);
	ngiven = 0;
	return more_given || more_due;
}
