/*-------------------------------------------------------------------------
 * runtime/updates.c - updates: validated, accepted, handled.
 *
 * An update is asked for in a session (runtime/sessions), which runs validator
 * and handler within an activation of its own, behind the signals of that
 * activation.  The validator runs read-only and only there; a replay takes the
 * accepted ones from history and starts their handlers at the same place.
 * A rejection leaves no event (reference F-28, F-37, F-39, S-19, S-20).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "runtime/scheduler.h"
#include "runtime/updates.h"

static TpgUpdate *
update_add(TpgActivation *act, const char *id, const char *name, Jsonb *input, const char *identity)
{
	TpgUpdate  *u = MemoryContextAllocZero(act->context, sizeof(TpgUpdate));

	u->id = MemoryContextStrdup(act->context, id);
	u->name = MemoryContextStrdup(act->context, name);
	u->identity = identity ? MemoryContextStrdup(act->context, identity) : NULL;
	u->input = input;
	if (act->nupdates == act->maxupdates)
	{
		act->maxupdates = Max(act->maxupdates * 2, 8);
		if (act->updates == NULL)
			act->updates = MemoryContextAlloc(act->context, sizeof(TpgUpdate *) * act->maxupdates);
		else
			act->updates = repalloc(act->updates, sizeof(TpgUpdate *) * act->maxupdates);
	}
	act->updates[act->nupdates++] = u;
	return u;
}

TpgUpdate *
tpg_update_find(TpgActivation *act, const char *id)
{
	for (int i = 0; i < act->nupdates; i++)
		if (strcmp(act->updates[i]->id, id) == 0)
			return act->updates[i];
	return NULL;
}

static TpgDefinition *
handler_of(TpgActivation *act, TpgDefinitionKind kind, const char *name)
{
	return tpg_handler_lookup(act->run->exec->namespace_id, kind, act->run->exec->workflow_type, act->run->exec->version, name);
}

/* Its command, and its handler as a fiber. */
static void
accept(TpgActivation *act, TpgUpdate *u, TpgDefinition *handler)
{
	TpgCommand *c = tpg_activation_add_command(act, TPG_COMMAND_UPDATE_ACCEPTED, NULL);
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgJson    *b = tpg_json_object();
	TpgJson    *request = tpg_json_object();
	TpgJson    *meta = tpg_json_object();
	TpgJson    *input = tpg_json_object();
	TpgFiber   *f;

	tpg_json_add_text(meta, "updateId", u->id);
	tpg_json_add_text(meta, "identity", u->identity);
	tpg_json_add_jsonb(request, "meta", tpg_json_finish(meta));
	tpg_json_add_text(input, "name", u->name);
	tpg_json_add_jsonb(input, "args", u->input);
	tpg_json_add_jsonb(request, "input", tpg_json_finish(input));
	tpg_json_add_text(b, "protocolInstanceId", u->id);
	tpg_json_add_jsonb(b, "acceptedRequest", tpg_json_finish(request));
	c->attributes = tpg_json_finish(b);
	c->update = u;
	u->accepted = true;
	f = tpg_fiber_create(act, TPG_FIBER_UPDATE, u->name, handler, u->input);
	f->update = u;
	tpg_fiber_enqueue(act, f);
	MemoryContextSwitchTo(old);
}

/* F-36: unknown ones are rejected, with a list of those that are known. */
static void
reject_unknown(TpgActivation *act, TpgUpdate *u)
{
	int			n;
	char	  **names = tpg_handler_names(act->run->exec->namespace_id, TPG_DEF_UPDATE, act->run->exec->workflow_type, act->run->exec->version, &n);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	u->rejection = MemoryContextAllocZero(act->context, sizeof(ErrorData));
	u->rejection->sqlerrcode = TPG_ERR_NOT_REGISTERED;
	u->rejection->message = MemoryContextStrdup(act->context, psprintf("workflow type \"%s\" has no update \"%s\"", act->run->exec->workflow_type, u->name));
	u->rejection->hint = MemoryContextStrdup(act->context, n > 0 ? psprintf("It has: %s.", list.data) : "Register a handler with temporal.register_update_handler().");
}

/* True: it may be accepted. */
static bool
validate(TpgActivation *act, TpgUpdate *u)
{
	TpgDefinition *validator = handler_of(act, TPG_DEF_VALIDATOR, u->name);
	MemoryContext caller = CurrentMemoryContext;

	if (validator == NULL)
		return true;
	PG_TRY();
	{
		(void) tpg_scheduler_call(act, validator, u->name, u->input);
	}
	PG_CATCH();
	{
		/* that is nothing that the validator has said */
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(act->context);
		u->rejection = CopyErrorData();
		/* the caller was stopped: nobody has judged it */
		if (u->rejection->sqlerrcode == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		MemoryContextSwitchTo(caller);
	}
	PG_END_TRY();

	/* a validator that tries to change something is a bug, no rejection (E-14) */
	if (u->rejection != NULL && (u->rejection->sqlerrcode == TPG_ERR_WRONG_CONTEXT ||
								 u->rejection->sqlerrcode == TPG_ERR_DETERMINISM_VIOLATION))
		tpg_activation_fatal(act, u->rejection->sqlerrcode, u->rejection->message, u->rejection->detail, u->rejection->hint);
	return u->rejection == NULL;
}

static void
deliver_request(TpgActivation *act, const TpgUpdateRequest *r)
{
	TpgUpdate  *u = update_add(act, r->id, r->name, r->input, r->identity);
	TpgDefinition *handler = handler_of(act, TPG_DEF_UPDATE, r->name);

	if (act->main->finished)
	{
		/* its end is decided, though no executor has closed it yet */
		u->rejection = MemoryContextAllocZero(act->context, sizeof(ErrorData));
		u->rejection->sqlerrcode = TPG_ERR_WORKFLOW_ALREADY_COMPLETED;
		u->rejection->message = MemoryContextStrdup(act->context, psprintf("workflow \"%s\" has come to its end", act->run->exec->workflow_id));
	}
	else if (handler == NULL)
		reject_unknown(act, u);
	else if (validate(act, u))
		accept(act, u, handler);
}

static const char *
admitted_id(const TpgEvent *e)
{
	return tpg_json_get_text(tpg_json_get(tpg_json_get(e->attributes, "request"), "meta"), "updateId");
}

/* Did a reset bring it (B-32)?  Then nobody asks for it who could be told that its input is wrong. */
static bool
is_admitted(const TpgActivation *act, const char *id)
{
	for (int i = act->group_start; i < act->group_end; i++)
		if (act->run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ADMITTED &&
			strcmp(admitted_id(&act->run->events[i]), id) == 0)
			return true;
	return false;
}

/* One that was accepted behind the point to which the run was reset is judged, and handled, again. */
static void
deliver_admitted(TpgActivation *act, const TpgEvent *e)
{
	Jsonb	   *request = tpg_json_get(e->attributes, "request");
	Jsonb	   *input = tpg_json_get(request, "input");
	TpgUpdateRequest r = {
		.id = admitted_id(e),
		.name = tpg_json_get_text(input, "name"),
		.input = tpg_json_get_raw(input, "args"),
		.identity = tpg_json_get_text(tpg_json_get(request, "meta"), "identity"),
	};
	TpgUpdate  *u;

	/* by an earlier reset, too */
	if (tpg_update_find(act, r.id) != NULL)
		return;
	deliver_request(act, &r);
	u = tpg_update_find(act, r.id);
	u->admitted = true;
	if (u->rejection == NULL)
		return;
	ereport(LOG,
			(errmsg("update \"%s\" of workflow \"%s\" was rejected after the reset: %s", r.id, act->run->exec->workflow_id, u->rejection->message)));
	tpg_wake_waiters(act->run->exec->key);
}

static void
deliver_accepted(TpgActivation *act, const TpgEvent *e)
{
	Jsonb	   *request = tpg_json_get(e->attributes, "acceptedRequest");
	Jsonb	   *input = tpg_json_get(request, "input");
	char	   *name = tpg_json_get_text(input, "name");
	TpgUpdate  *u = update_add(act, tpg_json_get_text(e->attributes, "protocolInstanceId"), name,
							   tpg_json_get_raw(input, "args"), tpg_json_get_text(tpg_json_get(request, "meta"), "identity"));
	TpgDefinition *handler = handler_of(act, TPG_DEF_UPDATE, name);

	if (handler == NULL)
		tpg_activation_fatal(act, TPG_ERR_NOT_REGISTERED,
							 psprintf("workflow type \"%s\" has no update \"%s\" any more", act->run->exec->workflow_type, name),
							 psprintf("Event %d has accepted one.", e->event_id),
							 "Register its handler again with temporal.register_update_handler().");
	u->admitted = is_admitted(act, u->id);
	accept(act, u, handler);
}

/* Is there a session that asks for an update in the open activation? */
static bool
is_asked(const TpgActivation *act)
{
	return tpg_activation_is_live(act) && act->run->update_request != NULL && act->run->update_task_id == act->task_id;
}

bool
tpg_update_is_requested(const TpgActivation *act, const TpgUpdate *u)
{
	return is_asked(act) && strcmp(u->id, act->run->update_request->id) == 0;
}

/* In the open activation; NULL: it was not, or is to be judged yet. */
static const TpgEvent *
accepted_event(const TpgActivation *act, const char *id)
{
	for (int i = act->group_start; i < act->group_end; i++)
		if (act->run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED &&
			strcmp(tpg_json_get_text(act->run->events[i].attributes, "protocolInstanceId"), id) == 0)
			return &act->run->events[i];
	return NULL;
}

void
tpg_update_deliver_admitted(TpgActivation *act, const TpgEvent *e)
{
	const TpgEvent *accepted;

	if (tpg_activation_is_live(act))
	{
		deliver_admitted(act, e);
		return;
	}
	accepted = accepted_event(act, admitted_id(e));
	if (accepted != NULL && tpg_update_find(act, admitted_id(e)) == NULL)
		deliver_accepted(act, accepted);
}

void
tpg_updates_deliver(TpgActivation *act)
{
	TpgRun	   *run = act->run;

	if (tpg_activation_is_live(act))
	{
		if (is_asked(act))
			deliver_request(act, run->update_request);
		return;
	}
	for (int i = act->group_start; i < act->group_end; i++)
	{
		const TpgEvent *e = &run->events[i];

		if (e->type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED &&
			!is_admitted(act, tpg_json_get_text(e->attributes, "protocolInstanceId")))
			deliver_accepted(act, e);
	}
}

void
tpg_update_completed(TpgActivation *act, TpgUpdate *u, Jsonb *result, Jsonb *failure)
{
	TpgCommand *c = tpg_activation_add_command(act, TPG_COMMAND_UPDATE_COMPLETED, NULL);

	u->completed = true;
	u->result = result;
	u->failure = failure;
	c->update = u;
}

Jsonb *
tpg_update_completed_attributes(const TpgUpdate *u)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *meta = tpg_json_object();
	TpgJson    *outcome = tpg_json_object();

	tpg_json_add_text(meta, "updateId", u->id);
	tpg_json_add_text(meta, "identity", u->identity);
	tpg_json_add_jsonb(b, "meta", tpg_json_finish(meta));
	tpg_json_add_int(b, "acceptedEventId", u->accepted_event_id);
	if (u->failure != NULL)
		tpg_json_add_jsonb(outcome, "failure", u->failure);
	else
		tpg_json_add_jsonb(outcome, "success", u->result ? u->result : tpg_json_null());
	tpg_json_add_jsonb(b, "outcome", tpg_json_finish(outcome));
	return tpg_json_finish(b);
}

bool
tpg_updates_any_in_task(const TpgRun *run, int32 task_id)
{
	for (int i = 0; i < run->nevents; i++)
		if (run->events[i].task_id == task_id && run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
			return true;
	return false;
}
