/*-------------------------------------------------------------------------
 * store/scan.h - short reads by primary key, without a plan.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_SCAN_H
#define TPG_STORE_SCAN_H

#include "access/genam.h"
#include "utils/relcache.h"

typedef struct TpgScan
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	Snapshot	snapshot;
	Datum	   *values;			/* of the row that tpg_scan_next found */
	bool	   *nulls;
} TpgScan;

/*
 * Rows of temporal_internal.<table> whose first key column is `key`, in the
 * order of its primary key, as of now (also what this transaction wrote, in any
 * isolation level).  from >= 0: only those whose second key column, an integer,
 * is at least that.  columns: what the table must have, to be safe from another
 * version's.
 */
extern void tpg_scan_begin(TpgScan *scan, const char *table, int columns, int64 key, int32 from);
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
