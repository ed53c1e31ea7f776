/*-------------------------------------------------------------------------
 * engine/signal.h - sending a signal.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_SIGNAL_H
#define TPG_ENGINE_SIGNAL_H

#include "store/execution.h"

typedef struct TpgSignalRequest
{
	const char *name;
	const Jsonb *input;			/* may be NULL */
	const char *request_id;		/* may be NULL */
	const char *identity;		/* of a session; NULL when a workflow sends it */
	const Jsonb *sender;		/* a workflow: {workflowId, runId}; else NULL */
	bool		ends_delay;		/* begins the run at once */
} TpgSignalRequest;

typedef enum TpgSignalOutcome
{
	TPG_SIGNAL_SENT,
	TPG_SIGNAL_CLOSED,			/* the run is closed, or gone */
	TPG_SIGNAL_FULL				/* it has had as many as a run takes */
} TpgSignalOutcome;

/*
 * Puts a signal into the mailbox of an open run.  The same request id again is
 * taken and does nothing (F-03).  Takes effect at COMMIT; no lock that another
 * signal would wait for.  In a start delay it is kept until that is over, unless
 * it ends the delay.
 */
extern TpgSignalOutcome tpg_engine_signal(const TpgExecution *exec, const TpgSignalRequest *r);

/* The error for TPG_SIGNAL_FULL, to a session. */
extern void tpg_engine_signal_limit(const TpgExecution *exec);

#endif							/* TPG_ENGINE_SIGNAL_H */
