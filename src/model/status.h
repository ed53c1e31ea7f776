/*-------------------------------------------------------------------------
 *
 * status.h
 *	  Status of a run: Temporal's WorkflowExecutionStatus, numbers and names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_STATUS_H
#define TPG_MODEL_STATUS_H

typedef enum TpgStatus
{
	TPG_STATUS_RUNNING = 1,
	TPG_STATUS_COMPLETED = 2,
	TPG_STATUS_FAILED = 3,
	TPG_STATUS_CANCELED = 4,
	TPG_STATUS_TERMINATED = 5,
	TPG_STATUS_CONTINUED_AS_NEW = 6,
	TPG_STATUS_TIMED_OUT = 7,
	TPG_STATUS_PAUSED = 8
} TpgStatus;

static inline bool
tpg_status_is_open(TpgStatus status)
{
	return status == TPG_STATUS_RUNNING || status == TPG_STATUS_PAUSED;
}

/* As the enum temporal.workflow_status spells it. */
static inline const char *
tpg_status_name(TpgStatus status)
{
	switch (status)
	{
		case TPG_STATUS_RUNNING:
			return "Running";
		case TPG_STATUS_COMPLETED:
			return "Completed";
		case TPG_STATUS_FAILED:
			return "Failed";
		case TPG_STATUS_CANCELED:
			return "Canceled";
		case TPG_STATUS_TERMINATED:
			return "Terminated";
		case TPG_STATUS_CONTINUED_AS_NEW:
			return "ContinuedAsNew";
		case TPG_STATUS_TIMED_OUT:
			return "TimedOut";
		case TPG_STATUS_PAUSED:
			return "Paused";
	}
	return "Unspecified";
}

#endif							/* TPG_MODEL_STATUS_H */
