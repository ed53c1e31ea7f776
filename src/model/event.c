/*-------------------------------------------------------------------------
 *
 * event.c
 *	  Names of history events.
 *
 * Pure: no tables, no shared memory; may be called from anywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "model/event.h"

/* index is the number of the type */
static const char *const event_names[] = {
	"Unspecified",
	"WorkflowExecutionStarted",
	"WorkflowExecutionCompleted",
	"WorkflowExecutionFailed",
	"WorkflowExecutionTimedOut",
	"WorkflowTaskScheduled",
	"WorkflowTaskStarted",
	"WorkflowTaskCompleted",
	"WorkflowTaskTimedOut",
	"WorkflowTaskFailed",
	"ActivityTaskScheduled",
	"ActivityTaskStarted",
	"ActivityTaskCompleted",
	"ActivityTaskFailed",
	"ActivityTaskTimedOut",
	"ActivityTaskCancelRequested",
	"ActivityTaskCanceled",
	"TimerStarted",
	"TimerFired",
	"TimerCanceled",
	"WorkflowExecutionCancelRequested",
	"WorkflowExecutionCanceled",
	"RequestCancelExternalWorkflowExecutionInitiated",
	"RequestCancelExternalWorkflowExecutionFailed",
	"ExternalWorkflowExecutionCancelRequested",
	"MarkerRecorded",
	"WorkflowExecutionSignaled",
	"WorkflowExecutionTerminated",
	"WorkflowExecutionContinuedAsNew",
	"StartChildWorkflowExecutionInitiated",
	"StartChildWorkflowExecutionFailed",
	"ChildWorkflowExecutionStarted",
	"ChildWorkflowExecutionCompleted",
	"ChildWorkflowExecutionFailed",
	"ChildWorkflowExecutionCanceled",
	"ChildWorkflowExecutionTimedOut",
	"ChildWorkflowExecutionTerminated",
	"SignalExternalWorkflowExecutionInitiated",
	"SignalExternalWorkflowExecutionFailed",
	"ExternalWorkflowExecutionSignaled",
	"UpsertWorkflowSearchAttributes",
	"WorkflowExecutionUpdateAccepted",
	"WorkflowExecutionUpdateRejected",
	"WorkflowExecutionUpdateCompleted",
	"WorkflowPropertiesModifiedExternally",
	"ActivityPropertiesModifiedExternally",
	"WorkflowPropertiesModified",
	"WorkflowExecutionUpdateAdmitted",
	"NexusOperationScheduled",
	"NexusOperationStarted",
	"NexusOperationCompleted",
	"NexusOperationFailed",
	"NexusOperationCanceled",
	"NexusOperationTimedOut",
	"NexusOperationCancelRequested",
	"WorkflowExecutionOptionsUpdated",
	"NexusOperationCancelRequestCompleted",
	"NexusOperationCancelRequestFailed",
	"WorkflowExecutionPaused",
	"WorkflowExecutionUnpaused",
	"WorkflowExecutionTimeSkippingTransitioned"
};

StaticAssertDecl(lengthof(event_names) == TPG_EVENT_TYPE_MAX + 1,
				 "a name for each event type");

const char *
tpg_event_type_name(int type)
{
	if (type < 1 || type > TPG_EVENT_TYPE_MAX)
		return event_names[0];
	return event_names[type];
}

int
tpg_event_type_from_name(const char *name)
{
	for (int i = 1; i <= TPG_EVENT_TYPE_MAX; i++)
	{
		if (strcmp(event_names[i], name) == 0)
			return i;
	}
	return 0;
}

bool
tpg_event_type_is_closing(int type)
{
	switch (type)
	{
		case TPG_EVENT_WORKFLOW_EXECUTION_COMPLETED:
		case TPG_EVENT_WORKFLOW_EXECUTION_FAILED:
		case TPG_EVENT_WORKFLOW_EXECUTION_TIMED_OUT:
		case TPG_EVENT_WORKFLOW_EXECUTION_CANCELED:
		case TPG_EVENT_WORKFLOW_EXECUTION_TERMINATED:
		case TPG_EVENT_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
			return true;
		default:
			return false;
	}
}
