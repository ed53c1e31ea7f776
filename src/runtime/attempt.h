/*-------------------------------------------------------------------------
 * runtime/attempt.h - an attempt of an activity runs in this process.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_ATTEMPT_H
#define TPG_RUNTIME_ATTEMPT_H

#include "engine/attempt.h"
#include "store/heartbeat.h"
#include "store/definition.h"

typedef enum TpgAttemptKind
{
	TPG_ATTEMPT_ENDED,			/* *attempt says how */
	TPG_ATTEMPT_PUT_ASIDE,		/* took too long for an eager one, or somebody needs the run: nothing has happened */
	TPG_ATTEMPT_STAYS_OPEN,		/* what it did stays, and someone else will end it: complete_async() */
	TPG_ATTEMPT_RUN_CLOSED		/* the run has closed meanwhile: nothing has happened, nothing is to be recorded */
} TpgAttemptKind;

/* What a test makes of the attempts that it runs: see tpg_attempt_test. */
typedef struct TpgAttemptTest
{
	void		(*on_heartbeat) (void *arg, const Jsonb *details);	/* may be NULL; details may be NULL */
	void	   *arg;
	bool		cancelled;		/* the first heartbeat raises query_canceled */
	Jsonb	   *heartbeat_details;	/* what the attempt finds of an earlier one */
} TpgAttemptTest;

/* What the function may ask about itself: temporal.activity_info(). */
typedef struct TpgAttemptInfo
{
	const TpgActivityTask *task;
	const TpgExecution *exec;
	TimestampTz started_at;
	bool		local;
	bool		in_task;		/* within the workflow task of its run: eager or local */
	bool		stays_open;		/* it has called complete_async() */
	LocalTransactionId open_lxid;	/* in that transaction, and in it this subtransaction */
	SubTransactionId open_subid;
	bool		autonomous;		/* it may commit: its start is recorded */
	MemoryContext context;		/* of whoever runs it: outlives its subtransaction */
	TpgTimeoutType timeout_type;	/* which timeout it has besides that of its heartbeats */
	bool		eager_limit;	/* it is put aside before that */

	/* runtime/heartbeat */
	int64		heartbeat_us;	/* its heartbeat timeout; 0: none */
	bool		heartbeat_limits;	/* that comes before the other limits, as of the last heartbeat */
	TimestampTz limit_at;		/* the other limits; DT_NOEND: none */
	TpgHeartbeat heartbeat;		/* the last one; at 0: none */
	MemoryContext heartbeat_context;
	bool		earlier_known;
	Jsonb	   *earlier_details;	/* of the attempt before */
	const TpgAttemptTest *test; /* NULL: none */
	bool		test_cancelled; /* and has said so */
	bool		told;			/* that it is paused, or to begin anew */
} TpgAttemptInfo;

extern TpgAttemptInfo *tpg_current_attempt;

/* Set by a test around tpg_attempt_run(); else NULL. */
extern const TpgAttemptTest *tpg_attempt_test;

/*
 * Runs one attempt in a subtransaction: what it did stays in the transaction if
 * and only if it has completed.  eager_us: put aside after so long; -1: no limit but
 * its timeouts.  check_open: its run may close meanwhile, so look, as last step.
 */
extern TpgAttemptKind tpg_attempt_run(TpgActivityTask *task, const TpgExecution *exec, TpgDefinition *def,
									  bool local, int64 eager_us, bool check_open, TpgAttempt *attempt);

/* The function itself, as its owner and under its settings; nothing is caught.  For runtime/testactivity. */
extern Jsonb *tpg_attempt_call(TpgAttemptInfo *info, TpgDefinition *def);

/*
 * Somebody wants to work on a run in this process.  Where that is the run of the
 * eager attempt that is running, the attempt is put aside, to be done again alone
 * (the error that this raises does not reach its caller); a local one cannot be.
 */
extern void tpg_attempt_check_reentry(int64 execution_key, const char *what);

/* The attempt that is running has called complete_async(): when its function returns, the attempt stays open. */
extern void tpg_attempt_stay_open(void);

/* The failure of an attempt that was asked to stop for a while: a pause, a reset. */
extern Jsonb *tpg_attempt_stopped_failure(int reason);

/* TP021 outside of an activity. */
extern TpgAttemptInfo *tpg_attempt_require(const char *what);

/* "12345@host": who runs attempts here; palloc'd once. */
extern const char *tpg_attempt_identity(void);

#endif							/* TPG_RUNTIME_ATTEMPT_H */
