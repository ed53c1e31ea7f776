/*-------------------------------------------------------------------------
 * engine/httpattempt.h - attempts of activities of type http: from due to recorded.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_HTTPATTEMPT_H
#define TPG_ENGINE_HTTPATTEMPT_H

#include "engine/openattempt.h"

/* One that begins: recorded as started by this transaction. */
typedef struct TpgHttpStart
{
	TpgActivityTask *task;
	TpgExecution *exec;
} TpgHttpStart;

/*
 * Records the start of up to `limit` attempts that are due.  *seen: how many were
 * due; some may have been cancelled or had a closed run.
 */
extern int	tpg_engine_http_begin(TimestampTz now, int limit, const char *identity, TpgHttpStart **starts, int *seen);

typedef enum TpgHttpRecord
{
	TPG_HTTP_RECORDED,
	TPG_HTTP_GONE,				/* has ended otherwise: nothing to record */
	TPG_HTTP_LOCKED				/* somebody has it: try again a little later */
} TpgHttpRecord;

/* Which attempt. */
typedef struct TpgHttpName
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		attempt;
	TimestampTz started_at;
} TpgHttpName;

/* Records its end; never waits. */
extern TpgHttpRecord tpg_engine_http_end(const TpgHttpName *name, TpgAttempt *attempt);

/* Records that it has timed out, if it has; else *timeout_at is when it will (RECORDED only where it has). */
extern TpgHttpRecord tpg_engine_http_time_out(const TpgHttpName *name, TimestampTz now, TimestampTz *timeout_at);

#endif							/* TPG_ENGINE_HTTPATTEMPT_H */
