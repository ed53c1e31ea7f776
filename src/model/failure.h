/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  Failures: Temporal's Failure message as jsonb in its proto-JSON form,
 *	  and the way from and to SQL errors.
 *
 * {"message", "source", "stackTrace", "cause", and one of
 *	"applicationFailureInfo" {type, nonRetryable, details, nextRetryDelay, category},
 *	"timeoutFailureInfo" {timeoutType, lastHeartbeatDetails},
 *	"canceledFailureInfo" {details}, "terminatedFailureInfo" {},
 *	"serverFailureInfo" {nonRetryable},
 *	"activityFailureInfo" {scheduledEventId, startedEventId, identity,
 *						   activityType {name}, activityId, retryState},
 *	"childWorkflowExecutionFailureInfo" {namespace, workflowExecution {workflowId, runId},
 *						   workflowType {name}, initiatedEventId, startedEventId, retryState}}
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_FAILURE_H
#define TPG_MODEL_FAILURE_H

#include "base/compat.h"
#include "model/retry.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

typedef enum TpgTimeoutType
{
	TPG_TIMEOUT_UNSPECIFIED = 0,
	TPG_TIMEOUT_START_TO_CLOSE = 1,
	TPG_TIMEOUT_SCHEDULE_TO_START = 2,
	TPG_TIMEOUT_SCHEDULE_TO_CLOSE = 3,
	TPG_TIMEOUT_HEARTBEAT = 4
} TpgTimeoutType;

/* What a failure is at its top. */
typedef enum TpgFailureKind
{
	TPG_FAILURE_OTHER,
	TPG_FAILURE_APPLICATION,
	TPG_FAILURE_TIMEOUT,
	TPG_FAILURE_CANCELED,
	TPG_FAILURE_TERMINATED,
	TPG_FAILURE_SERVER,
	TPG_FAILURE_ACTIVITY,
	TPG_FAILURE_CHILD
} TpgFailureKind;

extern const char *tpg_timeout_type_name(TpgTimeoutType type);	/* "start_to_close" */
extern const char *tpg_timeout_type_proto(TpgTimeoutType type); /* "TIMEOUT_TYPE_START_TO_CLOSE" */
extern TpgTimeoutType tpg_timeout_type_from_proto(const char *name);

extern TpgFailureKind tpg_failure_kind(const Jsonb *failure);
extern TpgTimeoutType tpg_failure_timeout_type(const Jsonb *failure);
extern const char *tpg_failure_timeout_name(const Jsonb *failure);	/* "start_to_close"; "await" of a wait */

/* TF001 ... TF006 for the kind */
extern int	tpg_failure_sqlstate(const Jsonb *failure);

/* next_retry_delay_us: -1 for none.  category: NULL, "unspecified" or "benign". */
extern Jsonb *tpg_failure_application(const char *message, const char *type, const Jsonb *details,
									  bool non_retryable, int64 next_retry_delay_us,
									  const char *category, const char *source, const Jsonb *cause);
extern Jsonb *tpg_failure_timeout(TpgTimeoutType type, const Jsonb *last_heartbeat_details, const Jsonb *cause);
/* Of a whole workflow. */
extern Jsonb *tpg_failure_workflow_timeout(void);
extern Jsonb *tpg_failure_canceled(const char *message, const Jsonb *details);
extern Jsonb *tpg_failure_terminated(const char *reason);
extern Jsonb *tpg_failure_server(const char *message, bool non_retryable, const Jsonb *cause);

/* The wrapper that workflow code sees; its message follows from the kind of the cause (E-02). */
extern Jsonb *tpg_failure_activity(const Jsonb *cause, int64 scheduled_event_id, int64 started_event_id,
								   const char *identity, const char *activity_type,
								   const char *activity_id, TpgRetryVerdict retry_state);
extern Jsonb *tpg_failure_child(const Jsonb *cause, const char *namespace_name, const char *workflow_id,
								const char *run_id, const char *workflow_type,
								int64 initiated_event_id, int64 started_event_id,
								TpgRetryVerdict retry_state);

/* The failure as it is kept for a retry: over 4 KB it is cut (D-12). */
extern Jsonb *tpg_failure_truncate(Jsonb *failure);

/* Type of the innermost application failure (or the name of the timeout type); may be NULL. */
extern char *tpg_failure_type(const Jsonb *failure);

/* Message of the innermost failure. */
extern char *tpg_failure_message(const Jsonb *failure);

/* Message at the top: "Activity task failed". */
extern char *tpg_failure_top_message(const Jsonb *failure);

#include "model/failure_sql.h"

#endif							/* TPG_MODEL_FAILURE_H */
