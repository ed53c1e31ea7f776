/*-------------------------------------------------------------------------
 * engine/httpattempt.h - attempts of activities of type http: from due to recorded.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_HTTPATTEMPT_H
#define TPG_ENGINE_HTTPATTEMPT_H

#include "engine/openattempt.h"
#include "store/httptask.h"

/* One that begins: recorded as started by this transaction. */
typedef struct TpgHttpStart
{
	TpgActivityTask *task;
	TpgExecution *exec;
} TpgHttpStart;

/*
 * Records the start of up to `limit` attempts that are due in task queues without settings.  *seen: how
 * many were due and are so no more; some may have been cancelled or had a closed run.
 */
extern int	tpg_engine_http_begin(TimestampTz now, int limit, const char *identity, TpgHttpStart **starts, int *seen);

/* An attempt in a configured task queue, which the dispatcher has given out, and what has come of it. */
typedef struct TpgHttpGiven
{
	int64		execution_key;
	int32		scheduled_event_id;
	bool		begun;
	bool		refused;		/* the limits of its queue: it stays due */
} TpgHttpGiven;

/* The same for these, in this order, as far as they are still due. */
extern int	tpg_engine_http_begin_given(TimestampTz now, TpgHttpGiven *given, int ngiven, const char *identity, TpgHttpStart **starts);

/* Is one due in a queue without settings, or (or_open) recorded as started? */
extern bool tpg_engine_http_exists(TimestampTz now, bool or_open);

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
