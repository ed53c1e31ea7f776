/*-------------------------------------------------------------------------
 * engine/openattempt.h - attempts that stay open beyond the transaction in which they began.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_OPENATTEMPT_H
#define TPG_ENGINE_OPENATTEMPT_H

#include "engine/attempt.h"
#include "store/heartbeat.h"

/*
 * Records that an attempt of a locked task begins; *task is changed with it.  The
 * caller has seen the run open, and holds its row at least FOR KEY SHARE.
 */
extern void tpg_engine_attempt_open(TpgActivityTask *task, TimestampTz started_at, const char *identity);

/* The first half of it: *task as it is to be recorded. */
extern void tpg_engine_attempt_begin(TpgActivityTask *task, TimestampTz started_at, const char *identity);

/* One that an executor ran: it has returned, and stays open for whoever has the token. */
extern void tpg_engine_attempt_leave(TpgActivityTask *task);

/* An open attempt has not happened, and is to begin again at once, with the same number; heartbeat (may be NULL): what it told last. */
extern void tpg_engine_attempt_put_back(TpgActivityTask *task, const TpgHeartbeat *heartbeat);

/* Its token: of an attempt that is running, recorded or not. */
extern char *tpg_engine_attempt_token(const TpgActivityTask *task, TimestampTz started_at);

/* How someone outside names an attempt: by its token, or by the id of the activity, which means its present one. */
typedef struct TpgAttemptName
{
	const char *token;
	const TpgExecution *exec;	/* where there is no token */
	const char *activity_id;
} TpgAttemptName;

/* What for; the task of one that is completed comes without its attributes. */
typedef enum TpgAttemptFind
{
	TPG_FIND_TO_HEARTBEAT,		/* locked only against being changed */
	TPG_FIND_TO_COMPLETE,
	TPG_FIND_TO_END				/* in any way */
} TpgAttemptFind;

/*
 * The task, locked until the end of the transaction.  Waits for whoever has it, such as the attempt itself that has
 * given its token away and has not committed.  NULL: no such attempt, or no
 * longer the present one, or its run has closed.  22023 for what is no token.  The
 * caller then checks the rights in task->namespace_id.
 */
extern TpgActivityTask *tpg_engine_attempt_find(const TpgAttemptName *name, TpgAttemptFind what);

/*
 * It has ended: completed, failed or cancelled.  Recorded as tpg_engine_attempt_record does; false when
 * the run has closed, then the task is gone.
 */
extern bool tpg_engine_attempt_end(TpgActivityTask *task, TpgAttempt *attempt);

/* An attempt has not happened after all: what operators have asked of the activity meanwhile is done. */
extern void tpg_engine_attempt_requests(const TpgActivityTask *task);

/* What is wanted of an attempt that is open. */
typedef struct TpgAttemptWishes
{
	bool		cancel;			/* by its code */
	bool		pause;			/* by an operator, likewise */
	bool		reset;
} TpgAttemptWishes;

/* It is alive, with new details (NULL: none).  False: its run has closed. */
extern bool tpg_engine_attempt_heartbeat(const TpgActivityTask *task, const Jsonb *details, TpgAttemptWishes *wishes);

/* Has the code cancelled it? */
extern bool tpg_engine_attempt_cancelled(const TpgActivityTask *task, const TpgExecution *exec);

/*
 * timeout_at of an open attempt has passed: has one of its deadlines, heartbeats
 * considered?  If not, timeout_at is put off.  *type, *heartbeat (may become NULL): for the failure.
 */
extern bool tpg_engine_attempt_overdue(TpgActivityTask *task, TimestampTz now, TpgTimeoutType *type, TpgHeartbeat **heartbeat);

#endif							/* TPG_ENGINE_OPENATTEMPT_H */
