/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Shared memory of temporal_pg: its size, its start, careful mode.
 *
 * Everything has a fixed size from the start of the server on, so that nothing
 * needs to be allocated where that may not fail.  All of it is hints: it may be
 * empty at any time (crash of the server), the tables are the truth.
 *
 * The hooks run in the postmaster; the rest may be called by any process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "ipc/layout.h"
#include "ipc/overrun.h"
#include "ipc/shmem.h"

TpgShared  *tpg_shared = NULL;
LWLock	   *tpg_shared_lock = NULL;
volatile Oid *tpg_database_oids = NULL;
TpgDatabase *tpg_databases = NULL;
TpgSlot    *tpg_slots = NULL;
TpgHeartbeatEntry *tpg_heartbeats = NULL;
LWLockPadded *tpg_heartbeat_locks = NULL;
TpgPoller  *tpg_pollers = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* this process has arranged to give its permit back at exit */
static bool careful_exit_registered = false;

static Size
oids_size(void)
{
	return MAXALIGN(mul_size(tpg_guc_max_databases, sizeof(Oid)));
}

static Size
databases_size(void)
{
	return MAXALIGN(mul_size(tpg_guc_max_databases, sizeof(TpgDatabase)));
}

static Size
slots_size(void)
{
	return MAXALIGN(mul_size(tpg_guc_max_executors, sizeof(TpgSlot)));
}

static Size
heartbeats_size(void)
{
	return MAXALIGN(mul_size(tpg_guc_max_executors, sizeof(TpgHeartbeatEntry)));
}

static Size
pollers_size(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(TpgPoller)));
}

static Size
total_size(void)
{
	Size		size = MAXALIGN(sizeof(TpgShared));

	size = add_size(size, oids_size());
	size = add_size(size, databases_size());
	size = add_size(size, slots_size());
	size = add_size(size, heartbeats_size());
	return add_size(size, pollers_size());
}

static void
shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();

	RequestAddinShmemSpace(total_size());
	RequestNamedLWLockTranche("temporal_pg", 1);
	RequestNamedLWLockTranche("temporal_pg_heartbeat", tpg_guc_max_executors);
}

/*
 * Did the server stop without a shutdown checkpoint?  Recovery has not begun
 * when this is called, so the control file still tells.
 */
static bool
stopped_uncleanly(void)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	bool		unclean;

	unclean = !crc_ok ||
		(control->state != DB_SHUTDOWNED &&
		 control->state != DB_SHUTDOWNED_IN_RECOVERY);
	pfree(control);
	return unclean;
}

static void
shmem_startup(void)
{
	bool		found;
	char	   *p;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	p = ShmemInitStruct("temporal_pg", total_size(), &found);
	tpg_shared = (TpgShared *) p;
	p += MAXALIGN(sizeof(TpgShared));
	tpg_database_oids = (volatile Oid *) p;
	p += oids_size();
	tpg_databases = (TpgDatabase *) p;
	p += databases_size();
	tpg_slots = (TpgSlot *) p;
	p += slots_size();
	tpg_heartbeats = (TpgHeartbeatEntry *) p;
	p += heartbeats_size();
	tpg_pollers = (TpgPoller *) p;
	tpg_shared_lock = &(GetNamedLWLockTranche("temporal_pg"))->lock;
	tpg_heartbeat_locks = GetNamedLWLockTranche("temporal_pg_heartbeat");

	if (!found)
	{
		memset(tpg_shared, 0, total_size());
		tpg_shared->ndatabases = tpg_guc_max_databases;
		tpg_shared->nslots = tpg_guc_max_executors;
		tpg_shared->unclean = stopped_uncleanly();
		tpg_shared->started_at = GetCurrentTimestamp();
		pg_atomic_init_u64(&tpg_shared->careful_until, 0);
		pg_atomic_init_u32(&tpg_shared->careful_pid, 0);
		for (int i = 0; i < TPG_WAITER_CVS; i++)
			ConditionVariableInit(&tpg_shared->waiters[i].cv);
		tpg_shared->npollers = MaxBackends;
		for (int i = 0; i < TPG_POLLER_LISTS; i++)
		{
			SpinLockInit(&tpg_shared->pollers[i].mutex);
			tpg_shared->pollers[i].first = tpg_shared->pollers[i].last = -1;
		}
		tpg_queues_reset();
		tpg_databases_reset();
		tpg_slots_reset();
		tpg_limits_reset();
		tpg_overruns_reset();
		tpg_shared_heartbeats_reset();
	}
	LWLockRelease(AddinShmemInitLock);
}

void
tpg_shmem_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

/* MyProc: without one (postmaster) no lock can be taken. */
bool
tpg_shmem_ready(void)
{
	return tpg_shared != NULL && MyProc != NULL;
}

void
tpg_require_preload(void)
{
	if (!tpg_shmem_ready())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("temporal_pg must be loaded when the server starts"),
				 errhint("Add temporal_pg to shared_preload_libraries and restart the server.")));
}

/*
 * The period begins when workers can run at all, not when recovery begins:
 * recovery may take longer than the whole period.
 */
void
tpg_careful_arm(void)
{
	uint64		none = 0;
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													tpg_guc_careful_period);

	/* only the first launcher after the crash does this */
	pg_atomic_compare_exchange_u64(&tpg_shared->careful_until, &none, (uint64) until);
}

bool
tpg_careful_mode(void)
{
	uint64		until;

	if (!tpg_shmem_ready() || !tpg_shared->unclean)
		return false;
	until = pg_atomic_read_u64(&tpg_shared->careful_until);
	return until == 0 || GetCurrentTimestamp() < (TimestampTz) until;
}

bool
tpg_careful_went_down(TimestampTz started_at)
{
	return tpg_shmem_ready() && tpg_shared->unclean && started_at < tpg_shared->started_at;
}

static void
careful_at_exit(int code, Datum arg)
{
	tpg_careful_end();
}

bool
tpg_careful_begin(void)
{
	uint32		holder = 0;

	if (!tpg_shmem_ready())
		return true;
	if (!careful_exit_registered)
	{
		before_shmem_exit(careful_at_exit, (Datum) 0);
		careful_exit_registered = true;
	}
	if (pg_atomic_compare_exchange_u32(&tpg_shared->careful_pid, &holder, (uint32) MyProcPid))
		return true;
	return holder == (uint32) MyProcPid;
}

void
tpg_careful_end(void)
{
	uint32		holder = (uint32) MyProcPid;

	if (tpg_shmem_ready())
		pg_atomic_compare_exchange_u32(&tpg_shared->careful_pid, &holder, 0);
}
