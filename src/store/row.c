/*-------------------------------------------------------------------------
 * store/row.c - single rows written without a plan.
 *
 * What every message and every end of an activity writes is one row by its primary key;
 * as with reading (store/scan), setting up an executor costs more than the row.  This is what
 * the executor does for SELECT ... FOR UPDATE, DELETE and INSERT of one row: the same
 * locks, the same waiting, the same records in the WAL.
 *
 * As with tpg_plan_execute(), a row is found as of now in every isolation level; where somebody changes it
 * while it is waited for, a transaction that repeats its reads gets a serialization failure.
 *
 * Only for tables without triggers, rules, row security and generated columns, and (insert) where every
 * column is given here; no right is checked.
 *
 * Callers: the store floor, in a transaction that may write.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "store/extension.h"
#include "store/row.h"

static void
check_serializable(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

bool
tpg_row_lock(TpgScan *s, LockTupleMode mode, LockWaitPolicy wait)
{
	TM_FailureData failure;
	TM_Result	result;
	uint8		flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;

	Assert(s->writes);
	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	if (s->slot == NULL)
		s->slot = table_slot_create(s->rel, NULL);
	result = table_tuple_lock(s->rel, &s->tid, s->snapshot, s->slot, GetCurrentCommandId(true), mode, wait, flags,
							  &failure);
	switch (result)
	{
		case TM_Ok:
			break;
		case TM_Deleted:
			check_serializable();
			return false;
		case TM_SelfModified:
		case TM_WouldBlock:
			return false;
		case TM_Updated:
			check_serializable();
			/* FALLTHROUGH */
		default:
			elog(ERROR, "could not lock a row of temporal_internal.%s: %d", RelationGetRelationName(s->rel), (int) result);
	}
	s->tid = s->slot->tts_tid;
	slot_getallattrs(s->slot);
	memcpy(s->values, s->slot->tts_values, sizeof(Datum) * RelationGetNumberOfAttributes(s->rel));
	memcpy(s->nulls, s->slot->tts_isnull, sizeof(bool) * RelationGetNumberOfAttributes(s->rel));
	return true;
}

bool
tpg_row_delete(TpgScan *s)
{
	TM_FailureData failure;

	Assert(s->writes);
	for (;;)
	{
		TM_Result	result = table_tuple_delete(s->rel, &s->tid, GetCurrentCommandId(true), s->snapshot, InvalidSnapshot, true,
												&failure, false);

		switch (result)
		{
			case TM_Ok:
				return true;
			case TM_SelfModified:
				return false;
			case TM_Deleted:
				check_serializable();
				return false;
			case TM_Updated:
				check_serializable();
				if (!tpg_row_lock(s, LockTupleExclusive, LockWaitBlock))
					return false;
				break;
			default:
				elog(ERROR, "could not delete a row of temporal_internal.%s: %d", RelationGetRelationName(s->rel), (int) result);
		}
	}
}

void
tpg_row_insert(const char *table, int columns, const Datum *values, const bool *nulls)
{
	Relation	rel;
	EState	   *estate;
	MemoryContext old;
	ResultRelInfo *result;
	TupleTableSlot *slot;

	PreventCommandIfReadOnly("INSERT");
	rel = table_open(tpg_extension_table(table), RowExclusiveLock);
	if (RelationGetNumberOfAttributes(rel) != columns)
		elog(ERROR, "table temporal_internal.%s has %d columns instead of %d", table, RelationGetNumberOfAttributes(rel), columns);
	estate = CreateExecutorState();
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	result = makeNode(ResultRelInfo);
	InitResultRelInfo(result, rel, 1, NULL, 0);
	ExecOpenIndices(result, false);
	slot = table_slot_create(rel, NULL);
	memcpy(slot->tts_values, values, sizeof(Datum) * columns);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * columns);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	tpg_insert_index_tuples(result, slot, estate);
	ExecDropSingleTupleTableSlot(slot);
	ExecCloseIndices(result);
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}
