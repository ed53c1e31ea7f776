/*-------------------------------------------------------------------------
 * engine/attempt.h - an activity attempt has ended: retry or outcome.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_ATTEMPT_H
#define TPG_ENGINE_ATTEMPT_H

#include "engine/run.h"
#include "model/failure.h"
#include "store/heartbeat.h"

/*
 * An ActivityTaskScheduled event without startToCloseTimeout and
 * scheduleToCloseTimeout means this one (D-01 asks for one of them).
 */
#define TPG_USUAL_START_TO_CLOSE_US INT64CONST(60000000)

/* What a cancelled activity gives as details when no attempt of it was running (S-12). */
#define TPG_NOT_STARTED "ACTIVITY_ID_NOT_STARTED"

/* The start-to-close timeout of an activity; 0: none. */
extern int64 tpg_attempt_start_to_close(const TpgActivityTask *task);

/* How one attempt went. */
typedef enum TpgAttemptEnd
{
	TPG_ATTEMPT_COMPLETED,
	TPG_ATTEMPT_FAILED,
	TPG_ATTEMPT_TIMED_OUT,
	TPG_ATTEMPT_CANCELED		/* the code had asked for that, and the function let it happen */
} TpgAttemptEnd;

typedef struct TpgAttempt
{
	TpgAttemptEnd end;
	TimestampTz started_at;
	TimestampTz ended_at;
	Jsonb	   *result;			/* completed; details of a cancelled one */
	Jsonb	   *failure;		/* failed, timed out */
	const char *identity;
	bool		cancel_requested;	/* by the code: there is no next attempt */
	TpgHeartbeat *heartbeat;	/* its last one, which may not be in the table; NULL: none */
} TpgAttempt;

/*
 * Pure decision: true, the task goes on with its next attempt (*task is changed
 * for it); false, *outcome says how the activity ended.  D-07 to D-19.
 */
extern bool tpg_attempt_decide(TpgActivityTask *task, const TpgAttempt *attempt, TpgOutcome *outcome);

/* When an attempt that starts now has to be over; *type says by which timeout. DT_NOEND: never. */
extern TimestampTz tpg_attempt_deadline(const TpgActivityTask *task, TimestampTz started_at, TpgTimeoutType *type);

/* Failure of an attempt that ran into a timeout. */
extern Jsonb *tpg_attempt_timeout_failure(TpgTimeoutType type, const Jsonb *cause);

/*
 * Records the end of a claimed task: next attempt, or outcome into the mailbox
 * of its run (false).  The caller has locked the execution row FOR KEY SHARE and seen it open.
 */
extern bool tpg_engine_attempt_record(TpgActivityTask *task, const TpgAttempt *attempt, const TpgExecution *exec);

/*
 * A type has been registered: pending activities of it that are not being run
 * take the mode that it has now.  '*': all types that have no registration of their own.
 */
extern void tpg_engine_activity_mode_changed(int32 namespace_id, const char *activity_type);

/* A type is registered no more: it may be one that is built in. */
extern void tpg_engine_activity_unregistered(int32 namespace_id, const char *activity_type);

/*
 * May one more of this queue start now, that stays open beyond this transaction: in the hands of a worker
 * outside, or a request?  If so, it counts there until the attempt has ended, which leaves_place tells in
 * the transaction in which it does; other open attempts occupy nobody.  *again: when to ask again.
 */
extern bool tpg_engine_attempt_takes_place(int32 namespace_id, const char *task_queue, TimestampTz *again);
extern void tpg_engine_attempt_leaves_place(const TpgActivityTask *task);

/* All activities of a run that is closed or deleted. */
extern void tpg_engine_activities_delete(int64 execution_key);

/* Those that a close had to leave out: a piece of the walk of tpg_activity_delete_left_over(). */
extern void tpg_engine_activities_delete_left_over(int64 *cursor, int limit);

/* Puts an outcome into the mailbox and deletes the task. */
extern void tpg_engine_activity_outcome(const TpgActivityTask *task, const TpgOutcome *outcome, const TpgExecution *exec);

#endif							/* TPG_ENGINE_ATTEMPT_H */
