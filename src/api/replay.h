/*-------------------------------------------------------------------------
 * replay.h
 *	  A run is replayed: for replay() and replay_check().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_REPLAY_H
#define TPG_API_REPLAY_H

#include "store/execution.h"

/*
 * Runs today's code over the history of a run, which the caller may see, and gives
 * the number of its events.  Raises what a workflow task would fail with.
 */
extern int	tpg_replay_run(TpgExecution *exec);

#endif							/* TPG_API_REPLAY_H */
