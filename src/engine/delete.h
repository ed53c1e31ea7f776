/*-------------------------------------------------------------------------
 * engine/delete.h - a run is removed on request.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_DELETE_H
#define TPG_ENGINE_DELETE_H

#include "store/execution.h"

/*
 * Removes a run with all its rows, after terminating it if it is open; waits for
 * whoever works on it (under lock_timeout).  only_latest: not if its id has a later
 * run.  False: that, or it was gone.  Takes effect at COMMIT.
 */
extern bool tpg_engine_delete(const TpgExecution *exec, bool only_latest, const char *identity);

#endif							/* TPG_ENGINE_DELETE_H */
