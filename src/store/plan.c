/*-------------------------------------------------------------------------
 * store/plan.c - saved SPI plans and the bracket in which they run.
 *
 * Every statement on the extension's tables goes through here, so that it runs
 * as the extension's owner, with search_path pinned (names and operators
 * cannot be captured, and the plan is never analysed again because a caller's
 * path differs), and is planned once a backend.
 *
 * Callers: the store floor only, in a transaction, with no lock of their own.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "store/plan.h"

void
tpg_store_begin(TpgStoreScope *scope)
{
	scope->caller_context = CurrentMemoryContext;

	/* before anything is connected: raises a clear error where there is no extension */
	tpg_owner_enter(&scope->owner);

	/* a background process has none of its own; statements take fresh ones on top of it */
	scope->pushed_snapshot = !ActiveSnapshotSet();
	if (scope->pushed_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
tpg_store_end(TpgStoreScope *scope)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (scope->pushed_snapshot)
		PopActiveSnapshot();
	tpg_owner_leave(&scope->owner);
}

static void
plan_prepare(TpgPlan *plan)
{
	uint64		generation = tpg_extension_generation();

	if (plan->plan != NULL && plan->generation == generation)
		return;

	/* the extension was dropped and created again: the old tables are gone */
	if (plan->plan != NULL)
	{
		SPI_freeplan(plan->plan);
		plan->plan = NULL;
	}
	Assert(plan->nargs <= TPG_PLAN_MAX_ARGS);
	plan->plan = SPI_prepare(plan->sql, plan->nargs, plan->argtypes);
	if (plan->plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", plan->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan->plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", plan->sql);
	plan->generation = generation;
}

int
tpg_plan_execute(TpgPlan *plan, Datum *values, const char *nulls, bool read_only, long limit)
{
	int			rc;

	/*
	 * Whoever may write a run, and which of two is first, is settled by our own
	 * locks, behind which all is read as of now.  A transaction that repeats its reads
	 * would write by what it saw when it began: it would not even find a run that
	 * is younger than that.
	 */
	if (!read_only && IsolationUsesXactSnapshot())
		return tpg_plan_execute_latest(plan, values, nulls, limit);
	plan_prepare(plan);
	rc = SPI_execute_plan(plan->plan, values, nulls, read_only, limit);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", plan->sql, SPI_result_code_string(rc));
	return rc;
}

int
tpg_plan_by_index_begin(void)
{
	static const char *const settings[][2] = {
		{"plan_cache_mode", "force_generic_plan"}, {"enable_seqscan", "off"}, {"enable_sort", "off"},
		{"enable_hashjoin", "off"}, {"enable_mergejoin", "off"}, {"enable_bitmapscan", "off"}
	};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
tpg_plan_by_index_end(int level)
{
	AtEOXact_GUC(false, level);
}

int
tpg_plan_execute_latest(TpgPlan *plan, Datum *values, const char *nulls, long limit)
{
	int			rc;

	plan_prepare(plan);
	rc = SPI_execute_snapshot(plan->plan, values, nulls, GetLatestSnapshot(), InvalidSnapshot,
							  false, false, limit);
	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", plan->sql, SPI_result_code_string(rc));
	return rc;
}

Datum
tpg_row_datum(uint64 r, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, column, isnull);
}

static Datum
row_not_null(uint64 r, int column)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);

	return isnull ? (Datum) 0 : value;
}

int64
tpg_row_int64(uint64 r, int column)
{
	return DatumGetInt64(row_not_null(r, column));
}

int32
tpg_row_int32(uint64 r, int column)
{
	return DatumGetInt32(row_not_null(r, column));
}

int16
tpg_row_int16(uint64 r, int column)
{
	return DatumGetInt16(row_not_null(r, column));
}

bool
tpg_row_bool(uint64 r, int column)
{
	return DatumGetBool(row_not_null(r, column));
}

char *
tpg_row_text(uint64 r, int column, MemoryContext ctx)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);
	MemoryContext old;
	char	   *result;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(ctx);
	result = TextDatumGetCString(value);
	MemoryContextSwitchTo(old);
	return result;
}

struct varlena *
tpg_row_varlena(uint64 r, int column, MemoryContext ctx)
{
	bool		isnull;
	Datum		value = tpg_row_datum(r, column, &isnull);
	MemoryContext old;
	struct varlena *result;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(ctx);
	result = PG_DETOAST_DATUM_COPY(value);
	MemoryContextSwitchTo(old);
	return result;
}
