/*-------------------------------------------------------------------------
 * runtime/replays.h - replays of runs that others hold, kept for the next look.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_REPLAYS_H
#define TPG_RUNTIME_REPLAYS_H

#include "runtime/pass.h"

typedef struct TpgReplay
{
	MemoryContext context;		/* of all of it */
	TpgRun	   *run;			/* as it was looked at, mail included */
	TpgPass		pass;			/* over all of that; its code is unwound */
	uint64		generation;		/* of functions and registrations */
	uint64		used;
} TpgReplay;

/*
 * The run as it is now, replayed: a kept one if nothing has changed.  The pass
 * may have ended in any way.  Valid until the end of the statement; not to be
 * used while another one is got.
 */
extern TpgReplay *tpg_replay_get(TpgExecution *exec);

/* Something went wrong with it: not for the next one. */
extern void tpg_replay_forget(int64 execution_key);

#endif							/* TPG_RUNTIME_REPLAYS_H */
