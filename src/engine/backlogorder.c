/*-------------------------------------------------------------------------
 * engine/backlogorder.c - in which order the tasks of a queue are given out.
 *
 * By priority; within one by turns of the fairness keys and their weights (model/turns); within a
 * key by age.  The one order for the dispatcher (worker/backlog) and for test environments
 * (runtime/testorder).
 *
 * Pure but for its callback; memory is the caller's.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "engine/backlogorder.h"

static int
compare_rows(const void *a, const void *b)
{
	const TpgBacklogRow *ra = a;
	const TpgBacklogRow *rb = b;
	int			c;

	if (ra->priority_key != rb->priority_key)
		return ra->priority_key < rb->priority_key ? -1 : 1;
	if ((c = strcmp(ra->fairness_key, rb->fairness_key)) != 0)
		return c;
	if (ra->http != rb->http)
		return ra->http ? 1 : -1;
	if (ra->due != rb->due)
		return ra->due < rb->due ? -1 : 1;
	if (ra->execution_key != rb->execution_key)
		return ra->execution_key < rb->execution_key ? -1 : 1;
	return ra->event_id < rb->event_id ? -1 : ra->event_id > rb->event_id;
}

void
tpg_backlog_order(TpgBacklogOrder *order, TpgBacklogRow *rows, int nrows)
{
	order->rows = rows;
	order->nlanes = 0;
	order->lanes = palloc(sizeof(TpgBacklogLane) * Max(nrows, 1));
	qsort(rows, nrows, sizeof(TpgBacklogRow), compare_rows);
	for (int i = 0; i < nrows; i++)
	{
		TpgBacklogRow *r = &rows[i];
		TpgBacklogLane *lane = order->nlanes > 0 ? &order->lanes[order->nlanes - 1] : NULL;
		int			priority = Min(Max(r->priority_key, 1), TPG_PRIORITY_MAX);

		if (lane == NULL || lane->priority != priority || lane->http != r->http || strcmp(lane->key, r->fairness_key) != 0)
		{
			lane = &order->lanes[order->nlanes++];
			lane->priority = priority;
			lane->http = r->http;
			lane->key = r->fairness_key;
			lane->weight = Min(Max(r->weight, TPG_FAIRNESS_WEIGHT_MIN), TPG_FAIRNESS_WEIGHT_MAX);
			lane->next = i;
		}
		lane->end = i + 1;
	}
}

bool
tpg_backlog_order_left(const TpgBacklogOrder *order)
{
	for (int i = 0; i < order->nlanes; i++)
		if (order->lanes[i].next < order->lanes[i].end)
			return true;
	return false;
}

TpgBacklogLane *
tpg_backlog_order_next(TpgBacklogOrder *order, TpgTurns *turns, TpgHasRoom has_room, const void *arg, TpgTurn **turn)
{
	TpgBacklogLane *best = NULL;

	for (int i = 0; i < order->nlanes; i++)
	{
		TpgBacklogLane *lane = &order->lanes[i];
		TpgTurn    *t;

		if (lane->next >= lane->end || (has_room != NULL && !has_room(arg, lane->http)))
			continue;
		/* they are in order of priority */
		if (best != NULL && lane->priority != best->priority)
			break;
		t = tpg_turns_of(turns, lane->priority, lane->key, 0);
		if (best == NULL || t->pass < (*turn)->pass ||
			(t->pass == (*turn)->pass && order->rows[lane->next].due < order->rows[best->next].due))
		{
			best = lane;
			*turn = t;
		}
	}
	return best;
}
