/*-------------------------------------------------------------------------
 * engine/signal.h - sending a signal.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_SIGNAL_H
#define TPG_ENGINE_SIGNAL_H

#include "store/execution.h"

/*
 * Puts a signal into the mailbox of an open run.  False: the run is closed.
 * The same request id again is taken and does nothing (F-03).  Takes effect at
 * COMMIT; no lock that another signal would wait for.  In a start delay it is
 * kept until that is over, unless it ends the delay.
 */
extern bool tpg_engine_signal(const TpgExecution *exec, const char *name, const Jsonb *input,
							  const char *request_id, const char *identity, bool ends_delay);

#endif							/* TPG_ENGINE_SIGNAL_H */
