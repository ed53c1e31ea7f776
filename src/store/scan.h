/*-------------------------------------------------------------------------
 * store/scan.h - short reads by primary key, without a plan.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_SCAN_H
#define TPG_STORE_SCAN_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

typedef struct TpgScan
{
	Relation	rel;
	bool		writes;			/* its lock on the table stays until the end of the transaction */
	Relation	index;
	SysScanDesc scan;
	Snapshot	snapshot;
	Datum	   *values;			/* of the row that tpg_scan_next found */
	bool	   *nulls;
	ItemPointerData tid;		/* where it is */
	TupleTableSlot *slot;		/* of store/row; NULL: nothing was locked */
} TpgScan;

/*
 * Rows of temporal_internal.<table> whose first key column is `key`, in the
 * order of its primary key, as of now (also what this transaction wrote, in any
 * isolation level).  from >= 0: only those whose second key column, an integer,
 * is at least that.  columns: what the table must have, to be safe from another
 * version's.
 */
extern void tpg_scan_begin(TpgScan *scan, const char *table, int columns, int64 key, int64 from);

/* The same, for rows that are to be locked or deleted (store/row). */
extern void tpg_scan_begin_write(TpgScan *scan, const char *table, int columns, int64 key, int64 from);

extern bool tpg_scan_next(TpgScan *scan);
extern void tpg_scan_end(TpgScan *scan);

/*
 * Reads that have to agree with each other: all scans between the two use one
 * snapshot, that of begin.  end also when there was an error.
 */
extern void tpg_scan_together_begin(void);
extern void tpg_scan_together_end(void);

/* Values of the present row; copies in the current memory context. */
extern char *tpg_scan_text(const TpgScan *scan, int column);	/* NULL for null */
extern struct varlena *tpg_scan_varlena(const TpgScan *scan, int column);

#endif							/* TPG_STORE_SCAN_H */
