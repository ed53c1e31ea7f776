/*-------------------------------------------------------------------------
 * model/turns.h - whose turn it is: fairness keys of one priority, by their weights.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_TURNS_H
#define TPG_MODEL_TURNS_H

#include "model/priority.h"

/* What one dispatcher, or one worker's session, remembers of a task queue. */
typedef struct TpgTurns TpgTurns;

typedef struct TpgTurnKey
{
	int32		priority;		/* 1 to 5 */
	char		key[TPG_FAIRNESS_KEY_MAX + 4];	/* "": tasks without one */
} TpgTurnKey;

/* One key.  Of those that have something to do, the one with the lowest pass is next. */
typedef struct TpgTurn
{
	TpgTurnKey	id;
	double		pass;
} TpgTurn;

extern TpgTurns *tpg_turns_create(MemoryContext context);

/* Valid until tpg_turns_forget.  delay: how much later than at once a key comes to its turn that had nothing to do before. */
extern TpgTurn *tpg_turns_of(TpgTurns *turns, int priority, const char *key, double delay);

/* One that had something to do all the time, though it was passed over: it may be late by one turn. */
extern void tpg_turns_stay(TpgTurns *turns, TpgTurn *turn, double weight);

/* Its turn is over: a task of it was given out. */
extern void tpg_turns_taken(TpgTurns *turns, TpgTurn *turn, double weight);

/* Call now and then: when there are very many, all are forgotten (true). */
extern bool tpg_turns_forget(TpgTurns *turns);

#endif							/* TPG_MODEL_TURNS_H */
