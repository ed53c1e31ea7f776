/*-------------------------------------------------------------------------
 * runtime/commands.c - the commands of an activation and the events in history.
 *
 * Live, each command becomes an event when the activation is settled.  In a
 * replay the events are there: the commands have to be the same, in the same
 * order, or the code is not the one that wrote this history (TP020).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "runtime/commands.h"
#include "runtime/patches.h"
#include "runtime/updates.h"

static const TpgEventType command_event[] = {
	[TPG_COMMAND_SCHEDULE_ACTIVITY] = TPG_EVENT_ACTIVITY_TASK_SCHEDULED,
	[TPG_COMMAND_START_TIMER] = TPG_EVENT_TIMER_STARTED,
	[TPG_COMMAND_CANCEL_TIMER] = TPG_EVENT_TIMER_CANCELED,
	[TPG_COMMAND_MARKER] = TPG_EVENT_MARKER_RECORDED,
	[TPG_COMMAND_UPDATE_ACCEPTED] = TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
	[TPG_COMMAND_UPDATE_COMPLETED] = TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
	[TPG_COMMAND_CANCEL_EXTERNAL] = TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
	[TPG_COMMAND_START_CHILD] = TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
	[TPG_COMMAND_CANCEL_ACTIVITY] = TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED,
	[TPG_COMMAND_SIGNAL_EXTERNAL] = TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
	[TPG_COMMAND_MODIFY_PROPERTIES] = TPG_EVENT_WORKFLOW_PROPERTIES_MODIFIED,
	[TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES] = TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
	[TPG_COMMAND_PATCH] = TPG_EVENT_MARKER_RECORDED,
};

/* Is it answered by later events, which refer to its own? */
static bool
is_answered(TpgCommandKind kind)
{
	return kind == TPG_COMMAND_SCHEDULE_ACTIVITY || kind == TPG_COMMAND_START_TIMER || kind == TPG_COMMAND_SIGNAL_EXTERNAL ||
		kind == TPG_COMMAND_CANCEL_EXTERNAL || kind == TPG_COMMAND_START_CHILD;
}

/* The op of a command finds the events that answer it by the id of its own. */
static void
bind_event(TpgActivation *act, TpgOp *op, int32 event_id)
{
	op->event_id = event_id;
	if (event_id >= act->nby_event)
	{
		int			n = Max(event_id + 1, Max(act->nby_event * 2, act->run->nevents + 16));

		if (act->by_event == NULL)
			act->by_event = MemoryContextAllocZero(act->context, sizeof(TpgOp *) * n);
		else
		{
			act->by_event = repalloc(act->by_event, sizeof(TpgOp *) * n);
			memset(act->by_event + act->nby_event, 0, sizeof(TpgOp *) * (n - act->nby_event));
		}
		act->nby_event = n;
	}
	act->by_event[event_id] = op;
}

/* What an event or command is, for messages: activity "charge" (id 1). */
static char *
describe_event(const TpgEvent *e)
{
	switch (e->type)
	{
		case TPG_EVENT_ACTIVITY_TASK_SCHEDULED:
			return psprintf("%s of activity \"%s\" with id %s", tpg_event_type_name(e->type),
							tpg_json_get_text(tpg_json_get(e->attributes, "activityType"), "name"),
							tpg_json_get_text(e->attributes, "activityId"));
		case TPG_EVENT_TIMER_STARTED:
		case TPG_EVENT_TIMER_CANCELED:
			return psprintf("%s of timer %s", tpg_event_type_name(e->type), tpg_json_get_text(e->attributes, "timerId"));
		case TPG_EVENT_MARKER_RECORDED:
			return psprintf("%s \"%s\"", tpg_event_type_name(e->type), tpg_json_get_text(e->attributes, "markerName"));
		case TPG_EVENT_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			return psprintf("%s of signal \"%s\" to workflow \"%s\"", tpg_event_type_name(e->type),
							tpg_json_get_text(e->attributes, "signalName"),
							tpg_json_get_text(tpg_json_get(e->attributes, "workflowExecution"), "workflowId"));
		case TPG_EVENT_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			return psprintf("%s of workflow \"%s\"", tpg_event_type_name(e->type),
							tpg_json_get_text(tpg_json_get(e->attributes, "workflowExecution"), "workflowId"));
		case TPG_EVENT_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			return psprintf("%s of child workflow \"%s\" with id %s", tpg_event_type_name(e->type),
							tpg_json_get_text(tpg_json_get(e->attributes, "workflowType"), "name"),
							tpg_json_get_text(e->attributes, "workflowId"));
		case TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED:
			return psprintf("%s of event %d", tpg_event_type_name(e->type), (int) tpg_json_get_int(e->attributes, "scheduledEventId", 0));
		default:
			return pstrdup(tpg_event_type_name(e->type));
	}
}

static char *
describe_command(const TpgCommand *c)
{
	switch (c->kind)
	{
		case TPG_COMMAND_SCHEDULE_ACTIVITY:
			return psprintf("activity \"%s\" with id %s to be scheduled", c->op->type, c->op->id);
		case TPG_COMMAND_START_TIMER:
			return psprintf("timer %s to be started", c->op->id);
		case TPG_COMMAND_CANCEL_TIMER:
			return psprintf("timer %s to be cancelled", c->op->id);
		case TPG_COMMAND_MARKER:
			return psprintf("marker \"%s\" to be recorded", c->name);
		case TPG_COMMAND_UPDATE_ACCEPTED:
			return psprintf("update \"%s\" to be accepted", c->update->id);
		case TPG_COMMAND_UPDATE_COMPLETED:
			return psprintf("update \"%s\" to be completed", c->update->id);
		case TPG_COMMAND_SIGNAL_EXTERNAL:
			return psprintf("signal \"%s\" to workflow \"%s\"", c->op->type, c->op->id);
		case TPG_COMMAND_CANCEL_EXTERNAL:
			return psprintf("cancellation of workflow \"%s\"", c->op->id);
		case TPG_COMMAND_START_CHILD:
			return psprintf("child workflow \"%s\" with id %s to be started", c->op->type, c->op->id);
		case TPG_COMMAND_CANCEL_ACTIVITY:
			return psprintf("cancellation of activity \"%s\" with id %s", c->op->type, c->op->id);
		case TPG_COMMAND_MODIFY_PROPERTIES:
			return pstrdup("a change of the memo");
		case TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES:
			return pstrdup("a change of search attributes");
		case TPG_COMMAND_PATCH:
			return psprintf("patch \"%s\" to be recorded", c->name);
	}
	return NULL;
}

static void
nondeterminism(TpgActivation *act, const TpgEvent *expected, const TpgCommand *got)
{
	char	   *e = expected ? describe_event(expected) : NULL;
	char	   *g = got ? describe_command(got) : NULL;

	tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
						 expected ?
						 psprintf("workflow code does not match history at event %d", expected->event_id) :
						 psprintf("workflow code does not match history after event %d", act->group_end),
						 psprintf("History has %s; the code asked for %s.", e ? e : "nothing more in this activation", g ? g : "nothing more"),
						 TPG_NONDETERMINISM_HINT);
}

/* Kind, id and type have to be the same; inputs and options may differ (G-15). */
static bool
command_matches(const TpgCommand *c, const TpgEvent *e)
{
	if (command_event[c->kind] != e->type)
		return false;
	switch (c->kind)
	{
		case TPG_COMMAND_SCHEDULE_ACTIVITY:
			return strcmp(c->op->id, tpg_json_get_text(e->attributes, "activityId")) == 0 &&
				strcmp(c->op->type, tpg_json_get_text(tpg_json_get(e->attributes, "activityType"), "name")) == 0;
		case TPG_COMMAND_START_TIMER:
		case TPG_COMMAND_CANCEL_TIMER:
			return strcmp(c->op->id, tpg_json_get_text(e->attributes, "timerId")) == 0;
		case TPG_COMMAND_MARKER:
			return strcmp(c->name, tpg_json_get_text(e->attributes, "markerName")) == 0;
		case TPG_COMMAND_UPDATE_ACCEPTED:
			return strcmp(c->update->id, tpg_json_get_text(e->attributes, "protocolInstanceId")) == 0;
		case TPG_COMMAND_UPDATE_COMPLETED:
			return strcmp(c->update->id, tpg_json_get_text(tpg_json_get(e->attributes, "meta"), "updateId")) == 0;
		case TPG_COMMAND_SIGNAL_EXTERNAL:
		case TPG_COMMAND_CANCEL_EXTERNAL:
			return true;		/* neither target nor name are compared (G-15) */
		case TPG_COMMAND_START_CHILD:
			return strcmp(c->op->id, tpg_json_get_text(e->attributes, "workflowId")) == 0 &&
				strcmp(c->op->type, tpg_json_get_text(tpg_json_get(e->attributes, "workflowType"), "name")) == 0;
		case TPG_COMMAND_CANCEL_ACTIVITY:
			return tpg_json_get_int(e->attributes, "scheduledEventId", 0) == c->op->event_id;
		case TPG_COMMAND_MODIFY_PROPERTIES:
		case TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES:
			return true;
		case TPG_COMMAND_PATCH:
			break;				/* is not compared here (runtime/patches) */
	}
	return false;
}

void
tpg_command_elide(TpgActivation *act, const TpgOp *op)
{
	for (int i = 0; i < act->ncommands; i++)
		if (act->commands[i].op == op)
			act->commands[i].elided = true;
}

void
tpg_commands_compare(TpgActivation *act)
{
	TpgRun	   *run = act->run;
	int			i = act->group_start;

	tpg_patches_compare(act);
	for (int c = 0; c <= act->ncommands; c++)
	{
		TpgCommand *command = c < act->ncommands ? &act->commands[c] : NULL;

		if (command != NULL && (command->elided || command->kind == TPG_COMMAND_PATCH))
			continue;
		while (i < act->group_end && (!tpg_event_is_of_command(&run->events[i]) || tpg_event_is_of_patch(run, i)))
			i++;
		if (command == NULL && i == act->group_end)
			break;
		if (command == NULL || i == act->group_end || !command_matches(command, &run->events[i]))
			nondeterminism(act, i < act->group_end ? &run->events[i] : NULL, command);
		if (is_answered(command->kind))
			bind_event(act, command->op, run->events[i].event_id);
		else if (command->kind == TPG_COMMAND_UPDATE_ACCEPTED)
			command->update->accepted_event_id = run->events[i].event_id;
		i++;
	}
}

void
tpg_commands_append(TpgActivation *act)
{
	TpgRun	   *run = act->run;
	TimestampTz time = tpg_clock_now();

	for (int c = 0; c < act->ncommands; c++)
	{
		TpgCommand *command = &act->commands[c];
		int32		id;

		if (command->elided)
			continue;
		if (command->kind == TPG_COMMAND_CANCEL_TIMER)
		{
			/* now that the id of its TimerStarted is known */
			TpgJson    *b = tpg_json_object();

			tpg_json_add_text(b, "timerId", command->op->id);
			tpg_json_add_int(b, "startedEventId", command->op->event_id);
			command->attributes = tpg_json_finish(b);
		}
		if (command->kind == TPG_COMMAND_UPDATE_COMPLETED)
			command->attributes = tpg_update_completed_attributes(command->update);
		id = tpg_run_append(run, command_event[command->kind], time, command->attributes, command->user_metadata);
		if (is_answered(command->kind))
			bind_event(act, command->op, id);
		else if (command->kind == TPG_COMMAND_UPDATE_ACCEPTED)
			command->update->accepted_event_id = id;
	}
	act->pos = act->group_end = run->nevents;
}
