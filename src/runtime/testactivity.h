/*-------------------------------------------------------------------------
 * runtime/testactivity.h - an activity alone, in the caller's transaction.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_TESTACTIVITY_H
#define TPG_RUNTIME_TESTACTIVITY_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct TpgTestHeartbeat
{
	Jsonb	   *details;		/* may be NULL */
	TimestampTz at;
} TpgTestHeartbeat;

/*
 * Runs one attempt of a registered type, in the test environment of this transaction.
 * NULL: it has called complete_async().  Its errors are the caller's.
 */
extern Jsonb *tpg_test_activity(int32 namespace_id, const char *activity_type, Jsonb *input, int attempt,
								Jsonb *heartbeat_details, bool cancelled);

/* The heartbeats of the last one, in order. */
extern int	tpg_test_heartbeats(TpgTestHeartbeat **heartbeats);

#endif							/* TPG_RUNTIME_TESTACTIVITY_H */
