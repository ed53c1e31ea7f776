/*-------------------------------------------------------------------------
 * store/scan.c - short reads by primary key, without a plan.
 *
 * What every task reads (its row, its mail, its history) is a handful of rows
 * by key; setting up an executor for them costs more than reading them.  As
 * PostgreSQL reads its catalogs: an ordered index scan with a snapshot of its own.
 *
 * Callers: the store floor, in a transaction; between begin and end no other use
 * of the table.  Writing in the same way: store/row.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "store/extension.h"
#include "store/scan.h"

/* of scans that belong together, else NULL */
static Snapshot together = NULL;

void
tpg_scan_together_begin(void)
{
	Assert(together == NULL);
	CommandCounterIncrement();
	together = RegisterSnapshot(GetLatestSnapshot());
}

void
tpg_scan_together_end(void)
{
	Snapshot	snapshot = together;

	together = NULL;
	if (snapshot != NULL)
		UnregisterSnapshot(snapshot);
}

static void
scan_begin(TpgScan *s, const char *table, int columns, int64 key, int64 from, bool writes)
{
	ScanKeyData keys[2];
	char		index[NAMEDATALEN];

	/* so that the snapshot sees what this transaction has written just now */
	CommandCounterIncrement();
	snprintf(index, sizeof(index), "%s_pkey", table);
	s->writes = writes;
	s->rel = table_open(tpg_extension_table(table), writes ? RowExclusiveLock : AccessShareLock);
	s->index = index_open(tpg_extension_table(index), AccessShareLock);
	if (RelationGetNumberOfAttributes(s->rel) != columns)
		elog(ERROR, "table temporal_internal.%s has %d columns instead of %d",
			 table, RelationGetNumberOfAttributes(s->rel), columns);
	s->values = palloc(sizeof(Datum) * columns);
	s->nulls = palloc(sizeof(bool) * columns);
	s->slot = NULL;
	s->snapshot = RegisterSnapshot(together ? together : GetLatestSnapshot());

	ScanKeyInit(&keys[0], s->index->rd_index->indkey.values[0], BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	if (from >= 0 && TupleDescAttr(RelationGetDescr(s->index), 1)->atttypid == INT8OID)
		ScanKeyInit(&keys[1], s->index->rd_index->indkey.values[1], BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(from));
	else if (from >= 0)
		ScanKeyInit(&keys[1], s->index->rd_index->indkey.values[1], BTGreaterEqualStrategyNumber, F_INT4GE, Int32GetDatum((int32) from));
	s->scan = systable_beginscan_ordered(s->rel, s->index, s->snapshot, from >= 0 ? 2 : 1, keys);
}

void
tpg_scan_begin(TpgScan *s, const char *table, int columns, int64 key, int64 from)
{
	scan_begin(s, table, columns, key, from, false);
}

void
tpg_scan_begin_write(TpgScan *s, const char *table, int columns, int64 key, int64 from)
{
	PreventCommandIfReadOnly("UPDATE");
	scan_begin(s, table, columns, key, from, true);
}

bool
tpg_scan_next(TpgScan *s)
{
	HeapTuple	tuple = systable_getnext_ordered(s->scan, ForwardScanDirection);

	if (!HeapTupleIsValid(tuple))
		return false;
	heap_deform_tuple(tuple, RelationGetDescr(s->rel), s->values, s->nulls);
	s->tid = tuple->t_self;
	return true;
}

void
tpg_scan_end(TpgScan *s)
{
	if (s->slot != NULL)
		ExecDropSingleTupleTableSlot(s->slot);
	systable_endscan_ordered(s->scan);
	UnregisterSnapshot(s->snapshot);
	index_close(s->index, AccessShareLock);
	table_close(s->rel, s->writes ? NoLock : AccessShareLock);
	pfree(s->values);
	pfree(s->nulls);
}

char *
tpg_scan_text(const TpgScan *s, int column)
{
	return s->nulls[column] ? NULL : TextDatumGetCString(s->values[column]);
}

struct varlena *
tpg_scan_varlena(const TpgScan *s, int column)
{
	return s->nulls[column] ? NULL : PG_DETOAST_DATUM_COPY(s->values[column]);
}
