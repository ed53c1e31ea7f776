/*-------------------------------------------------------------------------
 * runtime/heartbeat.h - heartbeats of the attempt that runs in this process.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_HEARTBEAT_H
#define TPG_RUNTIME_HEARTBEAT_H

#include "runtime/attempt.h"

/*
 * The attempt is alive, with new details (NULL: none).  query_canceled where it
 * is asked to stop, once a request; TF005 where its time is over; TP021 outside of an
 * activity, and in a local one; TP025.  What temporal.heartbeat() is.
 */
extern void tpg_attempt_heartbeat(const Jsonb *details);

/* What the last attempt told, where its work has survived; NULL: nothing. In the memory of the attempt. */
extern const Jsonb *tpg_heartbeat_earlier(TpgAttemptInfo *attempt);

/* Why the attempt is asked to stop: a TpgInterruptReason. */
extern int	tpg_heartbeat_interrupt_reason(const TpgAttemptInfo *attempt);

/* For runtime/attempt: the limit of a new attempt under its heartbeat timeout (limit_us as for the timer). */
extern int64 tpg_heartbeat_begin(TpgAttemptInfo *attempt, int64 limit_us);

/* For runtime/attempt: its last heartbeat, to be kept; NULL: none. */
extern TpgHeartbeat *tpg_heartbeat_last(const TpgAttemptInfo *attempt);

/* For runtime/attempt: what the failure of a timeout tells; NULL: nothing. */
extern const Jsonb *tpg_heartbeat_last_details(const TpgAttemptInfo *attempt);

#endif							/* TPG_RUNTIME_HEARTBEAT_H */
