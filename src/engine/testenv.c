/*-------------------------------------------------------------------------
 * engine/testenv.c - which runs belong to a test environment.
 *
 * State of one transaction: the list lives in TopTransactionContext and is
 * recognised as stale by the transaction's number.  Savepoints: a key whose start was rolled back stays in the list and is
 * found to be gone when it is looked up.
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

static LocalTransactionId env_lxid = InvalidLocalTransactionId;
static int64 *env_keys;
static SubTransactionId *env_over; /* beside each: the subtransaction in force when its run was over; 0: it is not */
static int	env_nkeys;
static int	env_maxkeys;

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

/* What was over by what has been undone, is not. */
static void
testenv_subxact_callback(SubXactEvent event, SubTransactionId mySubid, SubTransactionId parentSubid, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB || !tpg_testenv_active())
		return;
	for (int i = 0; i < env_nkeys; i++)
		if (env_over[i] >= mySubid)
			env_over[i] = InvalidSubTransactionId;
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
	env_nkeys = 0;
	env_maxkeys = 16;
	env_keys = MemoryContextAlloc(TopTransactionContext, sizeof(int64) * env_maxkeys);
	env_over = MemoryContextAlloc(TopTransactionContext, sizeof(SubTransactionId) * env_maxkeys);
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
	if (env_nkeys == env_maxkeys)
	{
		env_maxkeys *= 2;
		env_keys = repalloc(env_keys, sizeof(int64) * env_maxkeys);
		env_over = repalloc(env_over, sizeof(SubTransactionId) * env_maxkeys);
	}
	env_over[env_nkeys] = InvalidSubTransactionId;
	env_keys[env_nkeys++] = execution_key;
}

int
tpg_testenv_runs(const int64 **keys)
{
	*keys = env_keys;
	return tpg_testenv_active() ? env_nkeys : 0;
}

void
tpg_testenv_set_over(int i)
{
	env_over[i] = GetCurrentSubTransactionId();
}

bool
tpg_testenv_is_over(int i)
{
	return env_over[i] != InvalidSubTransactionId;
}

bool
tpg_testenv_owns(int64 execution_key)
{
	if (!tpg_testenv_active())
		return false;
	for (int i = 0; i < env_nkeys; i++)
		if (env_keys[i] == execution_key)
			return true;
	return false;
}
