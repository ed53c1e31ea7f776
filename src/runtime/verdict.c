/*-------------------------------------------------------------------------
 * runtime/verdict.c - what the static check says of the code that is about to run.
 *
 * Registration has checked it, but CREATE OR REPLACE FUNCTION has not, nor was it
 * there when a helper function changed.  So a process checks each version
 * of a function that it runs, once: a verdict holds until the function, or one
 * that it calls, is another version.  That is looked at only when the catalog
 * says that some function has changed; else asking costs a look into a table.
 *
 * Callers: runtime/guard, in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "runtime/check.h"
#include "runtime/verdict.h"
#include "store/definition.h"

typedef struct VerdictKey
{
	Oid			function;
	uint32		given;			/* arguments of the call; 0: not asked for, so defaults count */
} VerdictKey;

typedef struct VerdictEntry
{
	VerdictKey	key;
	MemoryContext context;
	TpgVerdict	verdict;
	uint64		generation;		/* of all functions, when this one was looked at */
	int			nparts;
	TpgChecked *parts;			/* itself and what it calls */
} VerdictEntry;

static HTAB *verdicts = NULL;

static bool
is_unchanged(const VerdictEntry *e)
{
	for (int i = 0; i < e->nparts; i++)
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(e->parts[i].function));
		bool		same;

		if (!HeapTupleIsValid(tuple))
			return false;
		same = HeapTupleHeaderGetRawXmin(tuple->t_data) == e->parts[i].xmin && ItemPointerEquals(&tuple->t_self, &e->parts[i].tid);
		ReleaseSysCache(tuple);
		if (!same)
			return false;
	}
	return true;
}

/* What is kept of a check is a few words. */
static void
keep(VerdictEntry *e, const TpgCheck *check)
{
	MemoryContext old;
	ListCell   *lc;

	e->context = AllocSetContextCreate(TopMemoryContext, "temporal_pg verdict", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(e->context);
	e->verdict.deterministic = tpg_check_count(check, TPG_SEVERITY_ERROR) == 0;
	if (!e->verdict.deterministic)
	{
		char	   *hint = tpg_check_hint(check, TPG_SEVERITY_ERROR);

		e->verdict.message = psprintf("function %s is not deterministic", check->name);
		e->verdict.detail = tpg_check_summary(check, TPG_SEVERITY_ERROR);
		e->verdict.hint = psprintf("%s%sMend it with CREATE OR REPLACE FUNCTION; see temporal.check_workflow().", hint ? hint : "", hint ? " " : "");
	}
	e->parts = palloc(sizeof(TpgChecked) * list_length(check->functions));
	foreach(lc, check->functions)
	{
		e->parts[e->nparts] = *(TpgChecked *) lfirst(lc);
		e->parts[e->nparts++].call = NULL;
	}
	MemoryContextSwitchTo(old);
}

bool
tpg_verdict_covers(Oid function, Oid called)
{
	VerdictKey	key = {.function = function};
	VerdictEntry *e = verdicts ? hash_search(verdicts, &key, HASH_FIND, NULL) : NULL;

	/* an old one was looked at anew when the function began */
	for (int i = 0; e != NULL && i < e->nparts; i++)
	{
		if (e->parts[i].function == called)
			return true;
	}
	return false;
}

static TpgVerdict *
verdict(Oid function, const FuncExpr *call)
{
	VerdictKey	key = {.function = function, .given = call ? list_length(call->args) : 0};
	VerdictEntry *e;
	TpgCheck   *check;
	uint64		generation;
	bool		found;

	if (verdicts == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(VerdictKey), .entrysize = sizeof(VerdictEntry)};

		verdicts = hash_create("temporal_pg verdicts", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	/* read before looking: a change in between makes for one more look */
	generation = tpg_definition_generation();
	e = hash_search(verdicts, &key, HASH_FIND, NULL);
	if (e != NULL && e->generation != generation)
	{
		if (is_unchanged(e))
			e->generation = generation;
		else
		{
			MemoryContextDelete(e->context);
			hash_search(verdicts, &key, HASH_REMOVE, NULL);
			e = NULL;
		}
	}
	if (e != NULL)
		return &e->verdict;
	check = call ? tpg_check_call(call) : tpg_check_function(function);
	e = hash_search(verdicts, &key, HASH_ENTER, &found);
	memset((char *) e + sizeof(VerdictKey), 0, sizeof(VerdictEntry) - sizeof(VerdictKey));
	e->generation = generation;
	keep(e, check);
	MemoryContextDelete(check->context);
	return &e->verdict;
}

TpgVerdict *
tpg_verdict(Oid function)
{
	return verdict(function, NULL);
}

TpgVerdict *
tpg_verdict_of_call(const FuncExpr *call)
{
	return verdict(call->funcid, call);
}
