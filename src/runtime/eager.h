/*-------------------------------------------------------------------------
 * runtime/eager.h - activities that run within the workflow task that scheduled them.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_EAGER_H
#define TPG_RUNTIME_EAGER_H

#include "runtime/activation.h"

/* What one workflow task may still take on. */
typedef struct TpgEagerBudget
{
	TpgRun	   *run;
	bool		allowed;
	bool		in_place;
	bool		exhausted;		/* stopped by the budget: the run should go on in a next task at once */
	int			steps;
	TimestampTz started_at;
} TpgEagerBudget;

extern void tpg_eager_begin(TpgEagerBudget *budget, TpgRun *run, bool allowed);

/*
 * The code waits.  If it has left exactly one new activity, of its own role,
 * that has been short so far: runs it, and opens the group with its outcome.
 * False: it did not, or its next attempt is later.
 */
extern bool tpg_eager_step(TpgEagerBudget *budget);

/* The same, offered to the waiting call (runtime/activation). */
extern bool tpg_eager_in_place(TpgActivation *act, void *budget);

/* Runs the local activities that are due, into a new group. False: there was none. */
extern bool tpg_eager_local_activities(TpgEagerBudget *budget, TpgActivation *act);

/* After an error at COMMIT: no eager steps for this run the next time. */
extern void tpg_eager_avoid(int64 execution_key);
extern bool tpg_eager_avoided(int64 execution_key);

#endif							/* TPG_RUNTIME_EAGER_H */
