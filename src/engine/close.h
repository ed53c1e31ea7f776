/*-------------------------------------------------------------------------
 * engine/close.h - closing a run from outside its code.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CLOSE_H
#define TPG_ENGINE_CLOSE_H

#include "engine/run.h"

/*
 * The run whose activity is running in this process, 0: none.  Its attempt is
 * recorded if and only if the run is open, so it cannot close it.
 */
extern int64 tpg_attempt_execution_key;

/*
 * Terminates an open run: waits for whoever works on it (under lock_timeout).
 * False: it had closed meanwhile.  Takes effect at COMMIT.
 */
extern bool tpg_engine_terminate(const TpgExecution *exec, const char *reason, const Jsonb *details, const char *identity);

typedef enum TpgTerminateOutcome
{
	TPG_TERMINATED,
	TPG_TERMINATE_CLOSED,		/* it had closed meanwhile */
	TPG_TERMINATE_LOCKED		/* somebody has the run or its row */
} TpgTerminateOutcome;

/* The same without waiting. */
extern TpgTerminateOutcome tpg_engine_try_terminate(const TpgExecution *exec, const char *reason);
/*
 * The same for a reset.  children_kept: they are those of the new run, so no parent
 * close policy; goes_on: the new run is of the same chain, whose parent, if
 * it has one, is not told of this end.
 */
extern bool tpg_engine_terminate_for_reset(const TpgExecution *exec, const char *reason, const char *identity,
										   bool children_kept, bool goes_on);

/* The run timeout of a loaded run is over. The caller holds the run lock. False: the row is locked, later. */
extern bool tpg_engine_time_out(TpgRun *run, TimestampTz now);

#endif							/* TPG_ENGINE_CLOSE_H */
