/*-------------------------------------------------------------------------
 * runtime/upserts.c - what a run says about itself: memo, search attributes, details.
 *
 * The code sees its own changes at once (reference G-47); the rows that others
 * see are written with the event (engine/task).  Each pass makes the changes
 * again, from those of the start event on, so a replay sees at each point what was seen
 * there before.
 *
 * Within the code of a run; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/guc.h"
#include "base/json.h"
#include "runtime/patches.h"
#include "runtime/scheduler.h"
#include "runtime/upserts.h"
#include "store/search_attribute.h"

/* of the events' attributes */
#define MEMO_KEY "upsertedMemo"
#define ATTRIBUTES_KEY "searchAttributes"

typedef struct TpgProperties
{
	Jsonb	   *memo;			/* may be NULL, as the others */
	Jsonb	   *search_attributes;
	bool		search_attributes_changed;
	char	   *details;
} TpgProperties;

static TpgProperties *
properties(TpgActivation *act)
{
	if (act->properties == NULL)
	{
		const Jsonb *start = act->run->events[0].attributes;
		MemoryContext old = MemoryContextSwitchTo(act->context);

		act->properties = palloc0(sizeof(TpgProperties));
		act->properties->memo = tpg_json_get(start, "memo");
		act->properties->search_attributes = tpg_json_get(start, "searchAttributes");
		MemoryContextSwitchTo(old);
	}
	return act->properties;
}

const Jsonb *
tpg_memo(TpgActivation *act)
{
	return properties(act)->memo;
}

const Jsonb *
tpg_search_attributes(TpgActivation *act)
{
	return properties(act)->search_attributes;
}

const Jsonb *
tpg_search_attributes_changed(const TpgActivation *act)
{
	return act->properties && act->properties->search_attributes_changed ? act->properties->search_attributes : NULL;
}

const char *
tpg_current_details(const TpgActivation *act)
{
	return act->properties ? act->properties->details : NULL;
}

/*
 * Is this what history has as the next change of that kind in this activation?
 * Then it was good when it was made, and limits and registrations of today
 * don't matter; any other has to pass them, or be refused as it was then, to
 * code that may have caught the error.
 */
static bool
is_recorded(const TpgActivation *act, TpgCommandKind kind, TpgEventType type, const char *key, const Jsonb *changes)
{
	const TpgRun *run = act->run;
	int			before = 0;

	if (tpg_activation_is_live(act))
		return false;
	for (int i = 0; i < act->ncommands; i++)
		before += act->commands[i].kind == kind;
	for (int i = act->group_start; i < act->group_end; i++)
	{
		Jsonb	   *recorded;

		if (run->events[i].type != type || tpg_event_is_of_patch(run, i) || before-- > 0)
			continue;
		recorded = tpg_json_get(run->events[i].attributes, key);
		return recorded != NULL && compareJsonbContainers(&recorded->root, (JsonbContainer *) &changes->root) == 0;
	}
	return false;
}

static void
add_command(TpgActivation *act, TpgCommandKind kind, const char *key, const Jsonb *changes)
{
	TpgCommand *c = tpg_activation_add_command(act, kind, NULL);
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgJson    *b = tpg_json_object();

	tpg_json_add_jsonb(b, key, changes);
	c->attributes = tpg_json_finish(b);
	MemoryContextSwitchTo(old);
}

/* May what a call changes be changed, and has it not been already, before the fiber waited? */
static bool
begin_change(TpgActivation *act, const char *call)
{
	if (tpg_fiber_replayed(act, call) != NULL)
		return false;
	tpg_activation_writable(act, call);
	return true;
}

static Jsonb *
merged(TpgActivation *act, const Jsonb *old_values, const Jsonb *changes)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	Jsonb	   *result = tpg_json_merge(old_values, changes);

	MemoryContextSwitchTo(old);
	return result;
}

void
tpg_upsert_memo(TpgActivation *act, const Jsonb *changes)
{
	TpgProperties *p = properties(act);
	Jsonb	   *memo;

	if (!begin_change(act, "upsert_memo"))
		return;
	/* none: no command, as the server would refuse one without members (G-47) */
	if (JB_ROOT_COUNT(changes) > 0)
	{
		memo = merged(act, p->memo, changes);
		if (!is_recorded(act, TPG_COMMAND_MODIFY_PROPERTIES, TPG_EVENT_WORKFLOW_PROPERTIES_MODIFIED, MEMO_KEY, changes))
			tpg_size_check(Max(VARSIZE(changes), VARSIZE(memo)), tpg_guc_max_memo_size, "memo", "temporal_pg.max_memo_size");
		add_command(act, TPG_COMMAND_MODIFY_PROPERTIES, MEMO_KEY, changes);
		p->memo = memo;
	}
	(void) tpg_fiber_record(act, "upsert_memo");
}

void
tpg_search_attributes_note(TpgActivation *act, const Jsonb *changes)
{
	TpgProperties *p = properties(act);

	p->search_attributes = merged(act, p->search_attributes, changes);
	p->search_attributes_changed = true;
}

void
tpg_search_attributes_command(TpgActivation *act, const Jsonb *changes)
{
	add_command(act, TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES, ATTRIBUTES_KEY, changes);
}

static void
check_search_attributes(TpgActivation *act, const Jsonb *changes)
{
	TpgSearchAttribute *attributes;

	(void) tpg_search_attributes_check(act->run->exec->namespace_id, changes, &attributes);
	if (tpg_json_has(changes, TPG_CHANGE_VERSION))
		ereport(ERROR,
				(errcode(TPG_ERR_SEARCH_ATTRIBUTE_INVALID),
				 errmsg("search attribute \"%s\" cannot be set by workflow code", TPG_CHANGE_VERSION),
				 errhint("temporal.patched() keeps it.")));
	tpg_search_attributes_check_size(merged(act, tpg_search_attributes(act), changes));
}

void
tpg_upsert_search_attributes(TpgActivation *act, const Jsonb *changes)
{
	if (!begin_change(act, "upsert_search_attributes"))
		return;
	if (JB_ROOT_COUNT(changes) > 0)
	{
		if (!is_recorded(act, TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES, TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, ATTRIBUTES_KEY, changes))
			check_search_attributes(act, changes);
		tpg_search_attributes_command(act, changes);
		tpg_search_attributes_note(act, changes);
	}
	(void) tpg_fiber_record(act, "upsert_search_attributes");
}

void
tpg_set_current_details(TpgActivation *act, const char *details)
{
	TpgProperties *p = properties(act);

	if (!begin_change(act, "set_current_details"))
		return;
	/* no command, so nothing tells a replay that it was good once */
	if (details != NULL)
		tpg_size_check(strlen(details), tpg_guc_max_details_size, "current details", "temporal_pg.max_details_size");
	p->details = details && details[0] != '\0' ? MemoryContextStrdup(act->context, details) : NULL;
	(void) tpg_fiber_record(act, "set_current_details");
}
