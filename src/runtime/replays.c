/*-------------------------------------------------------------------------
 * runtime/replays.c - replays of runs that others hold, kept for the next look.
 *
 * A replayed run in memory (its state, its fibers) is what a query reads.  It
 * stays true until the run has a new event or task, mail becomes due, or a
 * function or registration changes; all of which costs a few index reads to
 * find out.  So a session that asks the same run again pays for the handler only.
 *
 * Kept is what was replayed from committed rows: not in a transaction that has
 * written anything.  Bounded by number and size, least recently used out first.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "engine/look.h"
#include "runtime/replays.h"

#define KEPT_REPLAYS 16
#define KEPT_REPLAY_BYTES (4 * 1024 * 1024)

static TpgReplay *kept[KEPT_REPLAYS];
static uint64 kept_clock;

static void
drop(int slot)
{
	MemoryContextDelete(kept[slot]->context);
	kept[slot] = NULL;
}

void
tpg_replay_forget(int64 execution_key)
{
	for (int i = 0; i < KEPT_REPLAYS; i++)
		if (kept[i] != NULL && kept[i]->run->exec->key == execution_key)
			drop(i);
}

static void
keep(TpgReplay *r)
{
	int			victim = 0;

	if (MemoryContextMemAllocated(r->context, true) > KEPT_REPLAY_BYTES)
		return;
	for (int i = 0; i < KEPT_REPLAYS; i++)
	{
		if (kept[i] == NULL)
		{
			victim = i;
			break;
		}
		if (kept[i]->used < kept[victim]->used)
			victim = i;
	}
	if (kept[victim] != NULL)
		drop(victim);
	MemoryContextSetParent(r->context, TopMemoryContext);
	kept[victim] = r;
}

/* What the code says on its way is for the log of the task that will do it (RAISE, log()). */
static void
replay_silently(TpgRun *run, TpgDefinition *def, TpgPass *pass)
{
	int			outer_log = log_min_messages;
	int			outer_client = client_min_messages;

	PG_TRY();
	{
		log_min_messages = FATAL;
		client_min_messages = ERROR;
		tpg_pass_run(run, def, run->task_id != 0, NULL, NULL, pass);
	}
	PG_FINALLY();
	{
		log_min_messages = outer_log;
		client_min_messages = outer_client;
	}
	PG_END_TRY();
}

static TpgReplay *
replay(TpgExecution *exec)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg kept replay", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TpgReplay  *r = palloc0(sizeof(TpgReplay));
	TpgExecution *own = palloc(sizeof(TpgExecution));

	/* before anything is looked up: what changes from here on makes it stale */
	r->generation = tpg_definition_generation();
	r->context = context;
	*own = *exec;
	/* what has been committed and not been delivered yet, is delivered for the one who looks (F-13) */
	r->run = tpg_run_look(own, true);
	replay_silently(r->run, tpg_definition_require(own->namespace_id, own->workflow_type, own->version), &r->pass);
	MemoryContextSwitchTo(old);
	return r;
}

TpgReplay *
tpg_replay_get(TpgExecution *exec)
{
	TpgReplay  *r = NULL;

	for (int i = 0; i < KEPT_REPLAYS && r == NULL; i++)
	{
		if (kept[i] == NULL || kept[i]->run->exec->key != exec->key)
			continue;
		if (kept[i]->generation == tpg_definition_generation() && tpg_run_is_unchanged(kept[i]->run))
			r = kept[i];
		else
			drop(i);
	}
	if (r == NULL)
	{
		r = replay(exec);
		if (r->pass.kind != TPG_PASS_ERROR && r->pass.kind != TPG_PASS_INTERRUPTED &&
			!TransactionIdIsValid(GetTopTransactionIdIfAny()))
			keep(r);
	}
	r->used = ++kept_clock;
	return r;
}
