/*-------------------------------------------------------------------------
 * store/row.h - single rows written without a plan.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_ROW_H
#define TPG_STORE_ROW_H

#include "nodes/lockoptions.h"
#include "store/scan.h"

/*
 * Locks the row that tpg_scan_next has found; the scan's values are then those of its
 * latest version.  False: it has been deleted, or (LockWaitSkip) somebody has it.
 */
extern bool tpg_row_lock(TpgScan *scan, LockTupleMode mode, LockWaitPolicy wait);

/* Deletes the row that tpg_scan_next has found, in its latest version.  False: it has been deleted. */
extern bool tpg_row_delete(TpgScan *scan);

/* One more row of temporal_internal.<table>; every column is given. */
extern void tpg_row_insert(const char *table, int columns, const Datum *values, const bool *nulls);

#endif							/* TPG_STORE_ROW_H */
