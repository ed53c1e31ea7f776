/*-------------------------------------------------------------------------
 * engine/reset.h - a run begins again in the middle of its history.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_RESET_H
#define TPG_ENGINE_RESET_H

#include "store/execution.h"

typedef struct TpgResetRequest
{
	int32		event_id;
	const char *reason;			/* may be NULL */
	const char *identity;
	bool		signals;		/* those behind the point are sent again */
	bool		updates;
} TpgResetRequest;

/*
 * Starts the next run of the id from the history of `base`, open or closed; the
 * run of that id that is open is terminated.  Waits for whoever works on it (under
 * lock_timeout).  False: meanwhile another run has come, or base is gone; look again.
 * Takes effect at COMMIT.
 */
extern bool tpg_engine_reset(const TpgExecution *base, const TpgResetRequest *request, pg_uuid_t *run_id);

#endif							/* TPG_ENGINE_RESET_H */
