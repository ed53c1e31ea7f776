/*-------------------------------------------------------------------------
 * engine/versions.c - versions of pinned code that no run has any more.
 *
 * Runs have no index by version, which each of their updates would have to open.  Instead, what
 * no workflow type is registered with when a walk over all runs begins, and no run had at its
 * end, is dropped.  A version gets about by a run that takes it over from an older one, which is
 * there until then: that has a lower key, so the walk meets one of the two; or by a start while
 * it was registered again meanwhile: store/version looks for that behind the version's lock.
 *
 * Runs that begin while the walk is at its end have higher keys than it has seen: their versions
 * are looked for as well.
 *
 * Only the dispatcher calls this, in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "engine/versions.h"
#include "store/version.h"

/* names, in TopMemoryContext: not seen so far by this walk */
static List *unseen = NIL;

void
tpg_versions_walk_begins(void)
{
	List	   *now = tpg_version_unregistered();
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	ListCell   *lc;

	list_free_deep(unseen);
	unseen = NIL;
	foreach(lc, now)
		unseen = lappend(unseen, pstrdup(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

void
tpg_versions_seen(const List *versions)
{
	ListCell   *lc;
	ListCell   *u;

	foreach(lc, versions)
	{
		foreach(u, unseen)
		{
			if (strcmp(lfirst(u), lfirst(lc)) != 0)
				continue;
			pfree(lfirst(u));
			unseen = foreach_delete_current(unseen, u);
		}
	}
}

#define LOCK_TIMEOUT_TEXT "50ms"

/* What stands in the way, such as an object of somebody that depends on a copy, is for him to remove. */
static void
drop(const char *version, int64 after)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		/* the dispatcher has no time to wait for who is about to drop or alter a copy */
		(void) NewGUCNestLevel();
		(void) set_config_option("lock_timeout", LOCK_TIMEOUT_TEXT, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		if (tpg_version_drop(version, after))
			ereport(LOG,
					(errmsg("version \"%s\" of workflow code was dropped: no run has it any more", version)));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* told to end */
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		{
			CurrentResourceOwner = owner;
			ReThrowError(edata);
		}
		ereport(LOG,
				(errmsg("version \"%s\" of workflow code could not be dropped: %s", version, edata->message),
				 edata->detail ? errdetail_internal("%s", edata->detail) : 0));
		FreeErrorData(edata);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

void
tpg_versions_walk_ends(int64 last)
{
	List	   *versions = unseen;
	ListCell   *lc;

	unseen = NIL;
	foreach(lc, versions)
		drop(lfirst(lc), last);
	list_free_deep(versions);
}
