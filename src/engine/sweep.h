/*-------------------------------------------------------------------------
 * engine/sweep.h - what no message announces: timeouts, retention, crashes.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_SWEEP_H
#define TPG_ENGINE_SWEEP_H

#include "datatype/timestamp.h"
#include "store/due.h"

/* Activity timeouts that are due; runs whose retention is over, a batch at a time. For the dispatcher. */
extern void tpg_engine_sweep(TimestampTz now);

/* An activity of a closed run was left over: the next sweeps look for it. */
extern void tpg_engine_left_over(void);

/* A due row whose type nothing can run at the moment: records that, with backoff. */
extern void tpg_engine_unroutable(TpgDueRow *row, bool activity);

/* Code was replaced: failed workflow tasks are tried again now. */
extern void tpg_engine_retry_failed_tasks(void);

/* Fires the activity timeouts that are due, of all runs (0) or, in a test environment, of one. How many. */
extern int	tpg_engine_fire_timeouts(int64 execution_key, TimestampTz now);

/* Deletes a closed run with all that belongs to it. */
extern void tpg_engine_delete_run(int64 execution_key);

#endif							/* TPG_ENGINE_SWEEP_H */
