/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  Commands that need the background processes of a database out of the way.
 *
 * DROP DATABASE, CREATE DATABASE … TEMPLATE, ALTER DATABASE … RENAME or SET
 * TABLESPACE fail while somebody is connected, and DROP EXTENSION would wait for
 * activities to finish.  Before such a command the processes of that database
 * are stopped, and kept from starting until the transaction is over: whatever
 * its outcome, what comes up then looks at what is there.
 *
 * An activity that is stopped in the middle has not happened: it is rolled back
 * and runs again, with no attempt counted, if its database survives.
 *
 * Somebody without the right to execute the command stops nothing.
 *
 * The hook runs in every backend; it takes no lock that it holds while it waits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ipc/databases.h"
#include "ipc/shmem.h"
#include "store/extension.h"
#include "worker/utility.h"

/* Databases paused, or to be looked at, by this transaction. */
#define MAX_TOUCHED 16

typedef enum Touch
{
	TOUCH_PAUSED,				/* resume at the end */
	TOUCH_DROPPED,				/* the same; after a commit the database is gone */
	TOUCH_ALTERED				/* it may take connections now: look at it */
} Touch;

typedef struct Touched
{
	Oid			dboid;
	Touch		touch;
} Touched;

static Touched touched[MAX_TOUCHED];
static int	ntouched = 0;

static ProcessUtility_hook_type prev_process_utility = NULL;
static bool callback_registered = false;

/* Neither allocates nor fails. */
static void
at_transaction_end(XactEvent event, void *arg)
{
	bool		committed = event == XACT_EVENT_COMMIT;

	if (ntouched == 0 ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	for (int i = 0; i < ntouched; i++)
	{
		if (touched[i].touch == TOUCH_ALTERED)
			(void) tpg_database_request(touched[i].dboid);
		else
			tpg_database_resume(touched[i].dboid,
								committed && touched[i].touch == TOUCH_DROPPED);
	}
	ntouched = 0;
}

static bool
touch(Oid dboid, Touch how)
{
	if (ntouched >= MAX_TOUCHED)
		return false;
	if (!callback_registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		callback_registered = true;
	}
	touched[ntouched].dboid = dboid;
	touched[ntouched].touch = how;
	ntouched++;
	return true;
}

static void
stop_processes(Oid dboid, Touch how)
{
	for (int i = 0; i < ntouched; i++)
	{
		if (touched[i].dboid == dboid && touched[i].touch != TOUCH_ALTERED)
			return;				/* done already in this transaction */
	}

	/*
	 * The callback must know before anybody is stopped.  An entry without a
	 * pause to it would resume somebody else's, so there is no way out in
	 * between.
	 */
	if (!touch(dboid, how))
		return;
	tpg_database_pause(dboid);
	if (!tpg_database_quiesce(dboid))
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("background processes of temporal_pg are still running in database \"%s\"",
						get_database_name(dboid)),
				 errhint("Look for activities that cannot be interrupted in pg_stat_activity, and try again.")));
}

/* May the current role do such things to this database? */
static bool
may_alter(Oid dboid, bool as_template)
{
	HeapTuple	tuple;
	bool		may = superuser();

	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	if (!HeapTupleIsValid(tuple))
		return false;
	if (!may)
		may = has_privs_of_role(GetUserId(), ((Form_pg_database) GETSTRUCT(tuple))->datdba);
	if (!may && as_template && ((Form_pg_database) GETSTRUCT(tuple))->datistemplate)
	{
		HeapTuple	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));

		if (HeapTupleIsValid(role))
		{
			may = ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
			ReleaseSysCache(role);
		}
	}
	ReleaseSysCache(tuple);
	return may;
}

static void
stop_database(const char *name, Touch how, bool as_template)
{
	Oid			dboid = get_database_oid(name, true);

	/* one's own can't be the object of such a command: let it say so */
	if (!OidIsValid(dboid) || dboid == MyDatabaseId ||
		tpg_database_find(dboid, false) < 0 || !may_alter(dboid, as_template))
		return;
	stop_processes(dboid, how);
}

static const char *
find_option(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

static bool
drops_our_extension(DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach(lc, stmt->objects)
	{
		if (strcmp(strVal(lfirst(lc)), "temporal_pg") == 0)
			return OidIsValid(tpg_extension_oid()) &&
				has_privs_of_role(GetUserId(), tpg_extension_owner());
	}
	return false;
}

static void
before_command(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			stop_database(((DropdbStmt *) command)->dbname, TOUCH_DROPPED, false);
			break;
		case T_CreatedbStmt:
			{
				const char *template = find_option(((CreatedbStmt *) command)->options, "template");

				stop_database(template ? template : "template1", TOUCH_PAUSED, true);
				break;
			}
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType == OBJECT_DATABASE)
				stop_database(((RenameStmt *) command)->subname, TOUCH_PAUSED, false);
			break;
		case T_AlterDatabaseStmt:
			{
				AlterDatabaseStmt *stmt = (AlterDatabaseStmt *) command;
				Oid			dboid;

				if (find_option(stmt->options, "tablespace") != NULL)
					stop_database(stmt->dbname, TOUCH_PAUSED, false);
				else if (OidIsValid(dboid = get_database_oid(stmt->dbname, true)))
					(void) touch(dboid, TOUCH_ALTERED);
				break;
			}
		case T_DropStmt:
			if (drops_our_extension((DropStmt *) command))
				stop_processes(MyDatabaseId, TOUCH_PAUSED);
			break;
		default:
			break;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (tpg_shmem_ready() && IsTransactionState() && !RecoveryInProgress())
		before_command(pstmt->utilityStmt);

	if (prev_process_utility)
		prev_process_utility(pstmt, queryString, readOnlyTree, context, params,
							 queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
								queryEnv, dest, qc);
}

void
tpg_utility_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
