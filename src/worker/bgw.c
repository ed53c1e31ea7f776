/*-------------------------------------------------------------------------
 *
 * bgw.c
 *	  What the background processes have in common.
 *
 * Invariant: a transaction of a background process is READ COMMITTED and
 * read-write, and its commit is durable before anybody hears of it, whatever
 * the settings of role, database and server say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "worker/bgw.h"
#include "worker/launcher.h"
#include "worker/utility.h"

static MemoryContext context_before = NULL;

static void
fill_worker(BackgroundWorker *worker, const char *function, const char *type, const char *name)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* never on a standby; by itself after a promotion */
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "temporal_pg", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
	strlcpy(worker->bgw_name, name, sizeof(worker->bgw_name));
}

void
tpg_worker_init(void)
{
	BackgroundWorker worker;

	/* pg_upgrade moves files under us: nothing may run */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

	fill_worker(&worker, "tpg_launcher_main", "temporal_pg launcher", "temporal_pg launcher");
	worker.bgw_restart_time = TPG_LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);

	tpg_utility_init();
}

/*
 * Only the launcher is restarted by the postmaster.  The other processes are
 * started again by the one above them, which knows whether they are wanted.
 */
bool
tpg_bgw_start(const char *function, const char *type, const char *name,
			  int argument, const void *extra, size_t extra_size,
			  BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	Assert(extra_size <= BGW_EXTRALEN);
	fill_worker(&worker, function, type, name);
	worker.bgw_main_arg = Int32GetDatum(argument);
	memcpy(worker.bgw_extra, extra, extra_size);
	/* our latch is set when it starts and when it ends */
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/*
 * die() rather than the default handler for background workers: that one exits
 * in the signal handler, in the middle of anything.
 */
void
tpg_bgw_setup(void)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

void
tpg_bgw_pin_settings(void)
{
	static const char *const pinned[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		/* these two would end the process, or the transaction, from outside */
		{"transaction_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
	};

	for (int i = 0; i < lengthof(pinned); i++)
	{
		/* not every version has all of them */
		if (GetConfigOption(pinned[i][0], true, false) != NULL)
			SetConfigOption(pinned[i][0], pinned[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/* For a process that runs no code but ours: its statements are short, and compiling one takes longer than a second. */
void
tpg_bgw_without_jit(void)
{
	SetConfigOption("jit", "off", PGC_USERSET, PGC_S_OVERRIDE);
}

static void
ensure_durable(void)
{
	if (synchronous_commit < SYNCHRONOUS_COMMIT_ON)
		(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
}

void
tpg_bgw_begin(void)
{
	context_before = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	XactDeferrable = false;
	ensure_durable();
}

void
tpg_bgw_commit(void)
{
	/* user code may have set it in between */
	ensure_durable();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context_before);
}

void
tpg_bgw_process_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}
