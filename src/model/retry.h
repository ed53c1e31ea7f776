/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  Retry policies and the decision whether and when to try again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_RETRY_H
#define TPG_MODEL_RETRY_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct TpgRetryPolicy
{
	int64		initial_us;
	double		coefficient;
	int64		max_us;			/* 0: no maximum (not after normalising) */
	int			max_attempts;	/* 0: no limit */
	int			ntypes;
	char	  **types;			/* non_retryable_error_types */
} TpgRetryPolicy;

/* Temporal's RetryState, numbers and all; IN_PROGRESS means: try again. */
typedef enum TpgRetryVerdict
{
	TPG_RETRY_UNSPECIFIED = 0,
	TPG_RETRY_IN_PROGRESS = 1,
	TPG_RETRY_NON_RETRYABLE_FAILURE = 2,
	TPG_RETRY_TIMEOUT = 3,
	TPG_RETRY_MAXIMUM_ATTEMPTS_REACHED = 4,
	TPG_RETRY_POLICY_NOT_SET = 5,
	TPG_RETRY_INTERNAL_SERVER_ERROR = 6,
	TPG_RETRY_CANCEL_REQUESTED = 7
} TpgRetryVerdict;

/* initial 1 s, coefficient 2, maximum 100 s, no limit of attempts */
extern void tpg_retry_policy_default(TpgRetryPolicy *policy);

/* Fields left at 0 get their default (coefficient 2, maximum 100 x initial). */
extern void tpg_retry_policy_normalize(TpgRetryPolicy *policy);

/* 22023 when it breaks a rule of A-40 */
extern void tpg_retry_policy_validate(const TpgRetryPolicy *policy);

/* Proto-JSON {"initialInterval": "1s", ...}; absent fields get defaults; NULL gives NULL. */
extern TpgRetryPolicy *tpg_retry_policy_from_jsonb(const Jsonb *json);
extern Jsonb *tpg_retry_policy_to_jsonb(const TpgRetryPolicy *policy);

/*
 * A value of type temporal.retry_policy (a composite) as a normalised and
 * validated policy; NULL fields get their defaults.
 */
extern TpgRetryPolicy *tpg_retry_policy_from_datum(Datum composite);

/*
 * What follows when attempt number `attempt` (1, 2, ...) of an activity failed
 * with `failure`?  expiration: DT_NOEND for none.  *delay_us is set when the
 * verdict is TPG_RETRY_IN_PROGRESS.  A NULL policy is TPG_RETRY_POLICY_NOT_SET.
 */
extern TpgRetryVerdict tpg_retry_next(const TpgRetryPolicy *policy, int attempt,
									  const Jsonb *failure, TimestampTz now,
									  TimestampTz expiration, int64 *delay_us);

/* The same for a run: next_retry_delay is capped by the maximum interval (D-09, D-10). */
extern TpgRetryVerdict tpg_retry_next_workflow(const TpgRetryPolicy *policy, int attempt,
											   const Jsonb *failure, TimestampTz now,
											   TimestampTz expiration, int64 *delay_us);

/* "maximum_attempts_reached", and Temporal's "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED" */
extern const char *tpg_retry_verdict_name(TpgRetryVerdict verdict);
extern const char *tpg_retry_verdict_proto(TpgRetryVerdict verdict);

/* takes the proto name or NULL */
extern TpgRetryVerdict tpg_retry_verdict_from_proto(const char *name);

#endif							/* TPG_MODEL_RETRY_H */
