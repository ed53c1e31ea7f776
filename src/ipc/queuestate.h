/*-------------------------------------------------------------------------
 *
 * queuestate.h
 *	  Work queues as the dispatcher and the views see them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_QUEUESTATE_H
#define TPG_IPC_QUEUESTATE_H

#include "ipc/queue.h"

/* What the dispatcher wants to know of a queue. */
typedef struct TpgQueueState
{
	TpgQueueRef ref;
	Oid			dboid;
	Oid			owner;
	int			waiting;		/* items in the ring */
	int			members;		/* executors, starting ones included */
	int			starting;
	int			idle;
	TimestampTz nonempty_since; /* the ring has not been empty since */
	TimestampTz last_pop;
	TimestampTz backoff_until;	/* executors can't be started before */
	int			start_failures;
} TpgQueueState;

/* Copies the states of up to max queues of executors of a database (InvalidOid: of all). */
extern int	tpg_queue_states(Oid dboid, TpgQueueState *states, int max);

/* Executors of this queue could not, or could, be started. */
extern void tpg_queue_start_result(TpgQueueRef ref, bool ok);

#endif							/* TPG_IPC_QUEUESTATE_H */
