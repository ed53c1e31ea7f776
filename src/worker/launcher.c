/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The launcher: a dispatcher for each database that needs one.
 *
 * Connected to no database; it reads pg_database and nothing else, and that
 * only when it starts and when a dispatcher has to be started.  At its start it
 * sends a dispatcher into each database that accepts connections and is no
 * template, to see whether the extension is there; after that, into those that
 * ask (CREATE EXTENSION, work in a database without a dispatcher).
 *
 * Invariant: a database with unanswered requests gets a dispatcher, sooner or
 * later, as long as it exists and accepts connections.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "ipc/databases.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "worker/bgw.h"
#include "worker/launcher.h"

/*
 * So many dispatchers may be on their way or looking for the extension at a
 * time: a server with a hundred databases has no hundred worker slots.
 */
#define MAX_PROBING 2

/* one that has not come after this time is given up */
#define START_TIMEOUT_MS 10000

#define RETRY_MS 500
#define GIVE_UP_RETRY_MS 2000

/* lack of worker slots: reported when it has lasted, and not too often */
#define SHORTAGE_PATIENCE_MS 3000
#define SHORTAGE_REPORT_MS 60000

static TimestampTz shortage_since = 0;
static TimestampTz shortage_reported = 0;

/* Names and OIDs of the databases that we look after; in the current context. */
typedef struct DatabaseName
{
	Oid			dboid;
	char		name[NAMEDATALEN];
} DatabaseName;

static List *
list_databases(void)
{
	List	   *result = NIL;
	MemoryContext result_context = CurrentMemoryContext;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	tpg_bgw_begin();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;
		DatabaseName *database;

		/* connection limit -2: what an interrupted DROP DATABASE leaves behind */
		if (form->datistemplate || !form->datallowconn || form->datconnlimit == -2)
			continue;
		old = MemoryContextSwitchTo(result_context);
		database = palloc(sizeof(DatabaseName));
		database->dboid = form->oid;
		strlcpy(database->name, NameStr(form->datname), NAMEDATALEN);
		result = lappend(result, database);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	tpg_bgw_commit();
	return result;
}

static void
report_shortage(const char *name, TimestampTz now)
{
	if (shortage_since == 0)
		shortage_since = now;
	if (!TimestampDifferenceExceeds(shortage_since, now, SHORTAGE_PATIENCE_MS) ||
		(shortage_reported != 0 &&
		 !TimestampDifferenceExceeds(shortage_reported, now, SHORTAGE_REPORT_MS)))
		return;
	shortage_reported = now;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too few background worker slots to start a dispatcher for database \"%s\"", name),
			 errdetail("Workflows of that database do not run until there is one."),
			 errhint("Raise max_worker_processes, or lower temporal_pg.max_executors, and restart the server.")));
}

/* False: the database is not there, or takes no connections. */
static bool
start_dispatcher(TpgDatabaseState *state, List *databases, TimestampTz now)
{
	ListCell   *lc;

	foreach(lc, databases)
	{
		DatabaseName *database = lfirst(lc);
		BackgroundWorkerHandle *handle;
		char		title[BGW_MAXLEN];

		if (database->dboid != state->dboid)
			continue;
		if (!tpg_database_promise(state->index, state->dboid))
			return true;
		snprintf(title, sizeof(title), "temporal_pg dispatcher for %s", database->name);
		if (tpg_bgw_start("tpg_dispatcher_main", "temporal_pg dispatcher", title,
						  state->index, &state->dboid, sizeof(Oid), &handle))
		{
			shortage_since = 0;
			pfree(handle);
		}
		else
		{
			/* executors of other databases may hold all the slots */
			(void) tpg_slot_make_room(state->dboid, InvalidOid, 0);
			tpg_database_break_promise(state->index, state->dboid, RETRY_MS);
			report_shortage(database->name, now);
		}
		return true;
	}
	return false;
}

/* Starts what is to be started; the time of the next look. */
static TimestampTz
launcher_turn(TpgDatabaseState *states, TimestampTz now)
{
	int			n = tpg_database_states(states, tpg_database_limit());
	int			probing = 0;
	List	   *databases = NIL;
	bool		listed = false;
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < n; i++)
	{
		if (states[i].starting_since != 0)
		{
			TimestampTz deadline = TimestampTzPlusMilliseconds(states[i].starting_since,
															   START_TIMEOUT_MS);

			if (now >= deadline)
			{
				tpg_database_break_promise(states[i].index, states[i].dboid,
										   GIVE_UP_RETRY_MS);
				states[i].running = false;
				states[i].retry_at = TimestampTzPlusMilliseconds(now, GIVE_UP_RETRY_MS);
			}
			else
				next = Min(next, deadline);
		}
		if (states[i].running && !states[i].confirmed)
			probing++;
	}

	for (int i = 0; i < n; i++)
	{
		if (!states[i].wanted || states[i].running)
			continue;
		if (states[i].retry_at > now)
		{
			next = Min(next, states[i].retry_at);
			continue;
		}
		if (probing >= MAX_PROBING)
			continue;			/* woken when one has found out */
		if (!listed)
		{
			databases = list_databases();
			listed = true;
		}
		if (start_dispatcher(&states[i], databases, now))
		{
			probing++;
			/* comes back: promised (deadline) or refused (retry) */
			next = Min(next, TimestampTzPlusMilliseconds(now, RETRY_MS));
		}
		else
			tpg_database_dismiss(states[i].index, states[i].dboid);
	}
	return next;
}

void
tpg_launcher_main(Datum main_arg)
{
	MemoryContext turn_context;
	TpgDatabaseState *states;
	ListCell   *lc;
	uint32		wait_event;

	tpg_bgw_setup();
	tpg_launcher_attach();
	tpg_careful_arm();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	tpg_bgw_pin_settings();
	wait_event = tpg_wait_event("TemporalLauncherMain");

	states = MemoryContextAlloc(TopMemoryContext,
								mul_size(tpg_database_limit(), sizeof(TpgDatabaseState)));
	turn_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg launcher turn",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn_context);

	foreach(lc, list_databases())
	{
		DatabaseName *database = lfirst(lc);

		if (!tpg_database_request(database->dboid))
		{
			ereport(LOG,
					(errmsg("temporal_pg cannot look after all databases of this server"),
					 errdetail("There are places for %d.", tpg_database_limit()),
					 errhint("Raise temporal_pg.max_databases and restart the server.")));
			break;
		}
	}
	pgstat_report_activity(STATE_IDLE, NULL);

	for (;;)
	{
		TimestampTz now;
		TimestampTz next;
		long		timeout = -1;
		int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

		ResetLatch(MyLatch);
		tpg_bgw_process_interrupts();
		MemoryContextReset(turn_context);

		now = GetCurrentTimestamp();
		next = launcher_turn(states, now);
		if (next != DT_NOEND)
		{
			timeout = Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next));
			events |= WL_TIMEOUT;
		}
		(void) WaitLatch(MyLatch, events, timeout, wait_event);
	}
}
