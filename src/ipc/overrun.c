/*-------------------------------------------------------------------------
 * ipc/overrun.c - workflow tasks that took their executor with them.
 *
 * Code that goes on whatever it is told is stopped with its process, which can write nothing
 * about that any more.  So the process leaves the run's key here, and the next executor that takes
 * the run writes that its task has timed out.  Likewise where the process ends by an error that
 * nothing catches (FATAL), several times one after the other: once may be an operator.
 *
 * A process that takes the server with it (kill -9, a crash of code in C) takes shared memory as well.
 * So in careful mode, which follows a crash, an executor has a file that says on whose task it
 * is, as long as it is; those that are there when the server starts are counted.  Tasks that were
 * under way by chance are counted, too: once does nothing.
 *
 * Written in a signal handler: atomics, no locks.  More than have room, or a restart of
 * the server, and the task is tried once more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "ipc/layout.h"
#include "ipc/overrun.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"

#define GIVEN_UP 1000000		/* in place of a number of deaths */

static TpgOverrun *
find(Oid dboid, int64 execution_key)
{
	uint32		n = pg_atomic_read_u32(&tpg_shared->noverruns);

	for (int i = 0; i < Min(n, TPG_OVERRUNS); i++)
	{
		TpgOverrun *o = &tpg_shared->overruns[i];

		if (o->dboid == dboid && pg_atomic_read_u64(&o->execution_key) == (uint64) execution_key)
			return o;
	}
	return NULL;
}

/* Its entry; a new one takes the place of the oldest. */
static TpgOverrun *
entry_of(Oid dboid, int64 execution_key)
{
	TpgOverrun *o = find(dboid, execution_key);

	if (o != NULL)
		return o;
	o = &tpg_shared->overruns[pg_atomic_fetch_add_u32(&tpg_shared->noverruns, 1) % TPG_OVERRUNS];
	o->dboid = dboid;
	pg_atomic_write_u32(&o->deaths, 0);
	pg_atomic_write_u64(&o->execution_key, (uint64) execution_key);
	return o;
}

bool
tpg_overrun_give_up(void)
{
	const TpgSlot *slot;

	if (!tpg_in_executor())
		return false;
	/* this process alone writes these */
	slot = &tpg_slots[tpg_my_slot];
	if (slot->inflight_key == 0 || slot->inflight_event != TPG_SLOT_WORKFLOW_TASK)
		return false;
	pg_atomic_write_u32(&entry_of(MyDatabaseId, slot->inflight_key)->deaths, GIVEN_UP);
	return true;
}

void
tpg_overrun_died(Oid dboid, int64 execution_key)
{
	pg_atomic_fetch_add_u32(&entry_of(dboid, execution_key)->deaths, 1);
}

TpgOverrunKind
tpg_overrun_take(int64 execution_key, int deaths)
{
	TpgOverrun *o = find(MyDatabaseId, execution_key);
	uint32		n = o == NULL ? 0 : pg_atomic_read_u32(&o->deaths);

	if (o == NULL || n < deaths)
		return TPG_OVERRUN_NONE;
	pg_atomic_write_u64(&o->execution_key, 0);
	return n >= GIVEN_UP ? TPG_OVERRUN_GIVEN_UP : TPG_OVERRUN_DIED;
}

/* ---------- in careful mode ---------- */

#define FILE_PREFIX "temporal_pg_task_"

/* of this process; "": there is none */
static char file_name[64];

void
tpg_overrun_begin(int64 execution_key)
{
	TpgOverrun *o = find(MyDatabaseId, execution_key);
	FILE	   *file;

	if (!tpg_in_executor() || !tpg_careful_mode())
		return;
	snprintf(file_name, sizeof(file_name), FILE_PREFIX "%d", tpg_my_slot);
	file = AllocateFile(file_name, PG_BINARY_W);
	/* a disk that is full is no reason to do nothing */
	if (file == NULL)
		return;
	fprintf(file, "%u " INT64_FORMAT " %u\n", MyDatabaseId, execution_key, o ? pg_atomic_read_u32(&o->deaths) : 0);
	FreeFile(file);
}

void
tpg_overrun_end(int64 execution_key, bool done)
{
	TpgOverrun *o;

	if (file_name[0] == '\0')
		return;
	unlink(file_name);
	file_name[0] = '\0';
	o = find(MyDatabaseId, execution_key);
	if (o != NULL && done)
		pg_atomic_write_u64(&o->execution_key, 0);
}

void
tpg_overrun_exit(void)
{
	if (file_name[0] != '\0')
		unlink(file_name);
	file_name[0] = '\0';
}

/* By the postmaster, in the data directory. */
static void
count_file(const char *name)
{
	FILE	   *file = AllocateFile(name, PG_BINARY_R);
	Oid			dboid;
	int64		execution_key;
	uint32		deaths;

	if (file != NULL)
	{
		if (fscanf(file, "%u " INT64_FORMAT " %u", &dboid, &execution_key, &deaths) == 3)
		{
			pg_atomic_fetch_add_u32(&entry_of(dboid, execution_key)->deaths, deaths + 1);
		}
		FreeFile(file);
	}
	unlink(name);
}

void
tpg_overruns_reset(void)
{
	DIR		   *dir = AllocateDir(".");
	struct dirent *entry;

	pg_atomic_init_u32(&tpg_shared->noverruns, 0);
	for (int i = 0; i < TPG_OVERRUNS; i++)
	{
		tpg_shared->overruns[i].dboid = InvalidOid;
		pg_atomic_init_u32(&tpg_shared->overruns[i].deaths, 0);
		pg_atomic_init_u64(&tpg_shared->overruns[i].execution_key, 0);
	}
	while ((entry = ReadDirExtended(dir, ".", LOG)) != NULL)
		if (strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
			count_file(entry->d_name);
	FreeDir(dir);
}
