/*-------------------------------------------------------------------------
 * engine/testenv.c - which runs belong to a test environment.
 *
 * State of one transaction: the list lives in TopTransactionContext and is
 * recognised as stale by the transaction's number.  Each entry knows the
 * subtransactions to which its start and its end belong: what is rolled back to
 * a savepoint has not happened, and runs that have ended cost nothing more.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/errors.h"
#include "engine/testenv.h"

typedef struct EnvRun
{
	int64		key;
	SubTransactionId started_in;
	SubTransactionId ended_in;	/* invalid: it may be open */
} EnvRun;

static LocalTransactionId env_lxid = InvalidLocalTransactionId;
static EnvRun *env_runs;
static int	env_nruns;
static int	env_maxruns;
static SubTransactionId env_last_ended_in;	/* the highest ended_in: what is above it has nothing to look for */

/* Whatever way the transaction ends, the clock is real again. */
static void
testenv_xact_callback(XactEvent event, void *arg)
{
	/* skipped time and mocked activities must never become somebody's real history */
	if ((event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) && tpg_testenv_active())
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("a transaction with a test environment cannot be committed"),
				 errhint("Run tests as BEGIN; ... ROLLBACK.")));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		env_lxid = InvalidLocalTransactionId;
		tpg_clock_clear();
	}
}

static void
testenv_subxact_callback(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	bool		aborted = event == SUBXACT_EVENT_ABORT_SUB;

	if (!tpg_testenv_active() || (!aborted && event != SUBXACT_EVENT_COMMIT_SUB))
		return;
	/* what it has started stands at the end */
	for (int i = env_nruns - 1; i >= 0 && env_runs[i].started_in == subid; i--)
	{
		if (aborted)
			env_nruns = i;
		else
			env_runs[i].started_in = parent;
	}
	if (env_last_ended_in < subid)
		return;
	env_last_ended_in = InvalidSubTransactionId;
	for (int i = 0; i < env_nruns; i++)
	{
		if (env_runs[i].ended_in == subid)
			env_runs[i].ended_in = aborted ? InvalidSubTransactionId : parent;
		env_last_ended_in = Max(env_last_ended_in, env_runs[i].ended_in);
	}
}

void
tpg_testenv_begin(void)
{
	static bool callback_registered = false;

	if (!callback_registered)
	{
		RegisterXactCallback(testenv_xact_callback, NULL);
		RegisterSubXactCallback(testenv_subxact_callback, NULL);
		callback_registered = true;
	}
	env_lxid = tpg_my_lxid();
	env_nruns = 0;
	env_maxruns = 16;
	env_last_ended_in = InvalidSubTransactionId;
	env_runs = MemoryContextAlloc(TopTransactionContext, sizeof(EnvRun) * env_maxruns);
}

bool
tpg_testenv_active(void)
{
	return env_lxid != InvalidLocalTransactionId && env_lxid == tpg_my_lxid();
}

void
tpg_testenv_started(int64 execution_key)
{
	if (!tpg_testenv_active())
		return;
	if (env_nruns == env_maxruns)
	{
		env_maxruns *= 2;
		env_runs = repalloc(env_runs, sizeof(EnvRun) * env_maxruns);
	}
	env_runs[env_nruns].key = execution_key;
	env_runs[env_nruns].started_in = GetCurrentSubTransactionId();
	env_runs[env_nruns].ended_in = InvalidSubTransactionId;
	env_nruns++;
}

int64
tpg_testenv_next(int *position)
{
	while (tpg_testenv_active() && *position < env_nruns)
	{
		EnvRun	   *r = &env_runs[(*position)++];

		if (r->ended_in == InvalidSubTransactionId)
			return r->key;
	}
	return 0;
}

int64 *
tpg_testenv_runs(int *n)
{
	int64	   *keys = palloc(sizeof(int64) * (env_nruns + 1));
	int			position = 0;

	*n = 0;
	while ((keys[*n] = tpg_testenv_next(&position)) != 0)
		(*n)++;
	return keys;
}

void
tpg_testenv_ended(int64 execution_key)
{
	for (int i = 0; i < env_nruns; i++)
		if (env_runs[i].key == execution_key)
			env_runs[i].ended_in = env_last_ended_in = GetCurrentSubTransactionId();
}

bool
tpg_testenv_owns(int64 execution_key)
{
	if (!tpg_testenv_active())
		return false;
	for (int i = 0; i < env_nruns; i++)
		if (env_runs[i].key == execution_key)
			return true;
	return false;
}
