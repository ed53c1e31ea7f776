/*-------------------------------------------------------------------------
 * model/turns.c - whose turn it is: fairness keys of one priority, by their weights.
 *
 * Stride scheduling: each key has a pass, which grows by 1/weight with every task that it
 * is given out; the lowest is next.  Invariants: one that had nothing to do has saved up
 * nothing: its pass is not below that of the last turn.  Where one is passed over because somebody
 * else has its tasks locked, it is late by one turn at most.
 *
 * Memory is that of the context given.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "model/turns.h"

/* more keys than that are forgotten, all at once */
#define MAX_KEYS 10000

struct TpgTurns
{
	HTAB	   *passes;
	double		virtual_time[TPG_PRIORITY_MAX + 1];	/* pass of the last turn, by priority */
};

TpgTurns *
tpg_turns_create(MemoryContext context)
{
	TpgTurns   *turns = MemoryContextAllocZero(context, sizeof(TpgTurns));
	HASHCTL		ctl = {.keysize = sizeof(TpgTurnKey), .entrysize = sizeof(TpgTurn), .hcxt = context};

	turns->passes = hash_create("temporal_pg fairness keys", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return turns;
}

TpgTurn *
tpg_turns_of(TpgTurns *turns, int priority, const char *key, double delay)
{
	TpgTurnKey	id;
	TpgTurn    *turn;
	bool		found;

	memset(&id, 0, sizeof(id));
	id.priority = Min(Max(priority, 1), TPG_PRIORITY_MAX);
	strlcpy(id.key, key, sizeof(id.key));
	turn = hash_search(turns->passes, &id, HASH_ENTER, &found);
	if (!found || turn->pass < turns->virtual_time[id.priority])
		turn->pass = turns->virtual_time[id.priority] + delay;
	return turn;
}

void
tpg_turns_stay(TpgTurns *turns, TpgTurn *turn, double weight)
{
	turn->pass = Max(turn->pass, turns->virtual_time[turn->id.priority] - 1 / weight);
}

void
tpg_turns_taken(TpgTurns *turns, TpgTurn *turn, double weight)
{
	turns->virtual_time[turn->id.priority] = Max(turns->virtual_time[turn->id.priority], turn->pass);
	turn->pass += 1 / weight;
}

bool
tpg_turns_forget(TpgTurns *turns)
{
	HASH_SEQ_STATUS status;
	TpgTurn    *turn;

	if (hash_get_num_entries(turns->passes) < MAX_KEYS)
		return false;
	hash_seq_init(&status, turns->passes);
	while ((turn = hash_seq_search(&status)) != NULL)
		(void) hash_search(turns->passes, &turn->id, HASH_REMOVE, NULL);
	return true;
}
