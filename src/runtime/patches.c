/*-------------------------------------------------------------------------
 * runtime/patches.c - changed code of running workflows: patched().
 *
 * Reference G-18 to G-21.  A live call of patched() gives true and leaves a marker; a
 * replay gives true where history has one, at the latest in the activation
 * that is being replayed, else false, which then holds for the rest of the run.
 * So code can keep its old way for runs that have gone it.  Markers are
 * compared by patch, not by their place among other commands.
 *
 * With each marker comes a search attribute that lists the run's patches, for
 * finding the runs that still go an old way.
 *
 * Within the code of a run; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "model/status.h"
#include "runtime/patches.h"
#include "runtime/scheduler.h"
#include "runtime/upserts.h"
#include "store/search_attribute.h"

#define PATCH_MARKER "core_patch"

/* G-21: bytes of the list as JSON */
#define MAX_CHANGE_VERSION_SIZE 2048

typedef struct TpgPatch
{
	char	   *id;
	bool		use;
} TpgPatch;

/* ---------- markers in history ---------- */

static bool
is_patch_marker(const Jsonb *attributes)
{
	const char *name = tpg_json_get_text(attributes, "markerName");

	return name != NULL && strcmp(name, PATCH_MARKER) == 0;
}

/* Which patch it is the marker of; NULL: none. */
static const char *
patch_of_marker(const TpgEvent *e, bool *deprecated)
{
	const Jsonb *data;

	if (e->type != TPG_EVENT_MARKER_RECORDED || !is_patch_marker(e->attributes))
		return NULL;
	data = tpg_json_get(tpg_json_get(e->attributes, "details"), "patch-data");
	if (deprecated != NULL)
		*deprecated = tpg_json_get_bool(data, "deprecated", false);
	return tpg_json_get_text(data, "id");
}

static const Jsonb *
change_versions(const TpgEvent *e)
{
	if (e->type != TPG_EVENT_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
		return NULL;
	return tpg_json_get(tpg_json_get(e->attributes, "searchAttributes"), TPG_CHANGE_VERSION);
}

bool
tpg_event_is_of_patch(const TpgRun *run, int i)
{
	if (patch_of_marker(&run->events[i], NULL) != NULL)
		return true;
	/* nothing else sets that attribute */
	return change_versions(&run->events[i]) != NULL;
}

bool
tpg_event_is_bad_patch(const Jsonb *attributes)
{
	TpgEvent	e = {.type = TPG_EVENT_MARKER_RECORDED, .attributes = (Jsonb *) attributes};

	return is_patch_marker(attributes) && patch_of_marker(&e, NULL) == NULL;
}

/* Index of the first marker of a patch among events[from .. to), -1: none. */
static int
find_marker(const TpgRun *run, const char *id, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		const char *found = patch_of_marker(&run->events[i], NULL);

		if (found != NULL && strcmp(found, id) == 0)
			return i;
	}
	return -1;
}

/* ---------- asking ---------- */

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* All patches that the run knows, with this new one, in order. */
static Jsonb *
known_patches(const TpgActivation *act, const char *id)
{
	const TpgRun *run = act->run;
	const char **ids = palloc(sizeof(char *) * (run->nevents + act->ncommands + 1));
	TpgJson    *list = tpg_json_array();
	int			n = 0;

	for (int i = 0; i < run->nevents; i++)
	{
		ids[n] = patch_of_marker(&run->events[i], NULL);
		n += ids[n] != NULL;
	}
	for (int i = 0; i < act->ncommands; i++)
		if (act->commands[i].kind == TPG_COMMAND_PATCH)
			ids[n++] = act->commands[i].name;
	ids[n++] = id;
	qsort(ids, n, sizeof(char *), compare_ids);
	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(ids[i], ids[i - 1]) != 0)
			tpg_json_push_text(list, ids[i]);
	return tpg_json_finish(list);
}

/* Is the list, as JSON without blanks, small enough? */
static bool
list_fits(const Jsonb *list)
{
	return strlen(tpg_json_to_text(list)) - (JB_ROOT_COUNT(list) - 1) < MAX_CHANGE_VERSION_SIZE;
}

/* Live: the marker, and the search attribute unless it gets too large. */
static void
record_patch(TpgActivation *act, const char *id, bool deprecated)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	Jsonb	   *list = known_patches(act, id);
	TpgCommand *c = tpg_activation_add_command(act, TPG_COMMAND_PATCH, NULL);
	TpgJson    *b = tpg_json_object();
	TpgJson    *details = tpg_json_object();
	TpgJson    *data = tpg_json_object();
	Jsonb	   *changes;

	tpg_json_add_text(data, "id", id);
	tpg_json_add_bool(data, "deprecated", deprecated);
	tpg_json_add_jsonb(details, "patch-data", tpg_json_finish(data));
	tpg_json_add_text(b, "markerName", PATCH_MARKER);
	tpg_json_add_jsonb(b, "details", tpg_json_finish(details));
	c->name = id;
	c->attributes = tpg_json_finish(b);

	b = tpg_json_object();
	tpg_json_add_jsonb(b, TPG_CHANGE_VERSION, list);
	changes = tpg_json_finish(b);
	if (list_fits(list) && tpg_search_attributes_fit(tpg_json_merge(tpg_search_attributes(act), changes)))
	{
		tpg_search_attributes_command(act, changes);
		tpg_search_attributes_note(act, changes);
	}
	else
		ereport(WARNING,
				(errmsg("patch \"%s\" is left out of search attribute \"%s\", which is full", id, TPG_CHANGE_VERSION),
				 errhint("Let the workflow continue as new, or drop patches that no open run needs.")));
	MemoryContextSwitchTo(old);
}

/* Replay: the same as it was. */
static void
repeat_patch(TpgActivation *act, const char *id, int marker)
{
	const TpgRun *run = act->run;

	tpg_activation_add_command(act, TPG_COMMAND_PATCH, NULL)->name = id;
	if (marker + 1 < act->group_end && change_versions(&run->events[marker + 1]) != NULL)
		tpg_search_attributes_note(act, tpg_json_get(run->events[marker + 1].attributes, "searchAttributes"));
}

/*
 * Who only looks decides nothing, and is told what the run would be told if it
 * asked now.  A condition must not be: a replay, which knows the markers beforehand,
 * would tell it something else.
 */
static bool
foresee(TpgActivation *act, const char *id)
{
	if (act->in_condition)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("patch \"%s\" was not asked for before a condition asks", id),
				 errhint("Call temporal.patched() before you wait, and pass what it says in args.")));
	return find_marker(act->run, id, 0, act->run->nevents) >= 0 || tpg_status_is_open(act->run->exec->status);
}

static bool
ask(TpgActivation *act, const char *id, bool deprecated)
{
	MemoryContext old;
	TpgPatch   *patch;
	ListCell   *lc;
	int			marker;
	bool		before;

	foreach(lc, act->patches)
	{
		patch = lfirst(lc);
		if (strcmp(patch->id, id) == 0)
			return patch->use;
	}
	if (act->read_only)
		return foresee(act, id);

	old = MemoryContextSwitchTo(act->context);
	patch = palloc(sizeof(TpgPatch));
	patch->id = pstrdup(id);
	act->patches = lappend(act->patches, patch);
	MemoryContextSwitchTo(old);

	/* an earlier activation has it where code without the call let a deprecated marker pass */
	before = find_marker(act->run, id, 0, act->group_start) >= 0;
	marker = find_marker(act->run, id, act->group_start, act->group_end);
	patch->use = before || marker >= 0 || tpg_activation_is_live(act);
	if (marker >= 0)
		repeat_patch(act, patch->id, marker);
	else if (patch->use && !before)
		record_patch(act, patch->id, deprecated);
	return patch->use;
}

bool
tpg_patched(TpgActivation *act, const char *id)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "patched");
	bool		use;

	if (e != NULL)
		return e->number != 0;
	use = ask(act, id, false);
	tpg_fiber_record(act, "patched")->number = use;
	return use;
}

void
tpg_deprecate_patch(TpgActivation *act, const char *id)
{
	if (tpg_fiber_replayed(act, "deprecate_patch") != NULL)
		return;
	if (!act->read_only)
		(void) ask(act, id, true);
	(void) tpg_fiber_record(act, "deprecate_patch");
}

/* ---------- the end of an activation ---------- */

static bool
is_asked_for(const TpgActivation *act, const char *id)
{
	for (int i = 0; i < act->ncommands; i++)
		if (act->commands[i].kind == TPG_COMMAND_PATCH && strcmp(act->commands[i].name, id) == 0)
			return true;
	return false;
}

void
tpg_patches_compare(TpgActivation *act)
{
	for (int i = act->group_start; i < act->group_end; i++)
	{
		const TpgEvent *e = &act->run->events[i];
		bool		deprecated;
		const char *id = patch_of_marker(e, &deprecated);

		if (id == NULL || deprecated || is_asked_for(act, id))
			continue;
		tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
							 psprintf("workflow code does not match history at event %d", e->event_id),
							 psprintf("History has patch \"%s\", which the code does not ask for in this activation.", id),
							 psprintf("Keep temporal.patched('%s'), or temporal.deprecate_patch('%s') in its place, as long as runs are open that have begun with it.", id, id));
	}
}
