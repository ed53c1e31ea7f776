/*-------------------------------------------------------------------------
 * store/plan.h - saved SPI plans and the bracket in which they run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_PLAN_H
#define TPG_STORE_PLAN_H

#include "executor/spi.h"

#include "store/extension.h"

#define TPG_PLAN_MAX_ARGS 32

/* One statement of the store floor: a static variable, prepared at its first use in a backend. */
typedef struct TpgPlan
{
	const char *sql;
	int			nargs;
	Oid			argtypes[TPG_PLAN_MAX_ARGS];
	SPIPlanPtr	plan;
	uint64		generation;		/* of the extension, when it was prepared */
} TpgPlan;

#define TPG_PLAN(text, n, ...) {.sql = (text), .nargs = (n), .argtypes = __VA_ARGS__}

typedef struct TpgStoreScope
{
	TpgOwnerScope owner;
	bool		pushed_snapshot;
	MemoryContext caller_context;	/* where results that outlive the scope go */
} TpgStoreScope;

/*
 * Opens and closes the bracket: SPI connected, running as the extension's
 * owner with search_path pinned.  An error in between needs no end: the
 * (sub)transaction's abort undoes all of it.
 */
extern void tpg_store_begin(TpgStoreScope *scope);
extern void tpg_store_end(TpgStoreScope *scope);

/*
 * Runs a plan inside the bracket; SPI_processed and SPI_tuptable tell what it
 * gave.  Returns the SPI code.  A read-only call uses the active snapshot, any
 * other a fresh one, which sees all that this transaction did.
 */
extern int	tpg_plan_execute(TpgPlan *plan, Datum *values, const char *nulls, bool read_only, long limit);

/* The same as of now, whatever the isolation level of the transaction is. */
extern int	tpg_plan_execute_latest(TpgPlan *plan, Datum *values, const char *nulls, long limit);

/*
 * Within the bracket: what is planned until the end is planned once, as walks along indexes,
 * however small the tables are at that time.  For statements that must not depend on
 * how much there is.
 */
extern int	tpg_plan_by_index_begin(void);
extern void tpg_plan_by_index_end(int level);

/* Columns of row r of SPI_tuptable. By-reference values are copied to ctx. */
extern Datum tpg_row_datum(uint64 r, int column, bool *isnull);
extern int64 tpg_row_int64(uint64 r, int column);
extern int32 tpg_row_int32(uint64 r, int column);
extern int16 tpg_row_int16(uint64 r, int column);
extern bool tpg_row_bool(uint64 r, int column);
extern char *tpg_row_text(uint64 r, int column, MemoryContext ctx);	/* NULL for null */
extern struct varlena *tpg_row_varlena(uint64 r, int column, MemoryContext ctx);	/* detoasted copy, NULL for null */

#endif							/* TPG_STORE_PLAN_H */
