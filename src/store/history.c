/*-------------------------------------------------------------------------
 * store/history.c - table temporal_internal.history.
 *
 * Append-only.  The writer holds the run lock and has taken the event ids from
 * the execution row, so ids have no gap; the primary key is the safety net.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/json.h"
#include "store/history.h"
#include "store/plan.h"
#include "store/scan.h"

/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	HISTORY_EXECUTION_KEY,
	HISTORY_EVENT_TIME,
	HISTORY_TASK_TIME,
	HISTORY_EVENT_ID,
	HISTORY_TASK_ID,
	HISTORY_EVENT_TYPE,
	HISTORY_ATTRIBUTES,
	HISTORY_USER_METADATA,
	HISTORY_COLUMNS
};

/* events written at once, bounds memory */
#define APPEND_BATCH 256

static TpgPlan delete_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.history WHERE execution_key = $1", 1, {INT8OID}
);

static void
event_from_scan(const TpgScan *scan, TpgEvent *event)
{
	event->event_id = DatumGetInt32(scan->values[HISTORY_EVENT_ID]);
	event->task_id = DatumGetInt32(scan->values[HISTORY_TASK_ID]);
	event->type = DatumGetInt16(scan->values[HISTORY_EVENT_TYPE]);
	event->time = DatumGetTimestampTz(scan->values[HISTORY_EVENT_TIME]);
	event->task_time = scan->nulls[HISTORY_TASK_TIME] ? event->time : DatumGetTimestampTz(scan->values[HISTORY_TASK_TIME]);
	event->attributes = (Jsonb *) tpg_scan_varlena(scan, HISTORY_ATTRIBUTES);
	event->user_metadata = (Jsonb *) tpg_scan_varlena(scan, HISTORY_USER_METADATA);
}

int
tpg_history_read(int64 execution_key, int32 from_event_id, TpgEvent **events)
{
	TpgScan		scan;
	int			max = 16;
	int			n = 0;

	*events = palloc(sizeof(TpgEvent) * max);
	tpg_scan_begin(&scan, "history", HISTORY_COLUMNS, execution_key, from_event_id);
	while (tpg_scan_next(&scan))
	{
		if (n == max)
		{
			max *= 2;
			*events = repalloc_huge(*events, sizeof(TpgEvent) * max);
		}
		event_from_scan(&scan, &(*events)[n++]);
	}
	tpg_scan_end(&scan);
	return n;
}

bool
tpg_history_event(int64 execution_key, int32 event_id, TpgEvent *event)
{
	TpgScan		scan;
	bool		found;

	tpg_scan_begin(&scan, "history", HISTORY_COLUMNS, execution_key, event_id);
	found = tpg_scan_next(&scan);
	if (found)
	{
		event_from_scan(&scan, event);
		found = event->event_id == event_id;
	}
	tpg_scan_end(&scan);
	return found;
}

bool
tpg_history_cancel_requested(int64 execution_key, int32 scheduled_event_id)
{
	TpgScan		scan;
	bool		found = false;

	tpg_scan_begin(&scan, "history", HISTORY_COLUMNS, execution_key, scheduled_event_id + 1);
	while (!found && tpg_scan_next(&scan))
		if (DatumGetInt16(scan.values[HISTORY_EVENT_TYPE]) == TPG_EVENT_ACTIVITY_TASK_CANCEL_REQUESTED)
		{
			TpgEvent	e;

			event_from_scan(&scan, &e);
			found = tpg_json_get_int(e.attributes, "scheduledEventId", 0) == scheduled_event_id;
		}
	tpg_scan_end(&scan);
	return found;
}

static void
fill_slot(TupleTableSlot *slot, int64 execution_key, const TpgEvent *e)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, 0, sizeof(bool) * HISTORY_COLUMNS);
	slot->tts_values[HISTORY_EXECUTION_KEY] = Int64GetDatum(execution_key);
	slot->tts_values[HISTORY_EVENT_TIME] = TimestampTzGetDatum(e->time);
	/* null says: the same as event_time */
	slot->tts_values[HISTORY_TASK_TIME] = TimestampTzGetDatum(e->task_time);
	slot->tts_isnull[HISTORY_TASK_TIME] = e->task_time == e->time;
	slot->tts_values[HISTORY_EVENT_ID] = Int32GetDatum(e->event_id);
	slot->tts_values[HISTORY_TASK_ID] = Int32GetDatum(e->task_id);
	slot->tts_values[HISTORY_EVENT_TYPE] = Int16GetDatum((int16) e->type);
	slot->tts_values[HISTORY_ATTRIBUTES] = JsonbPGetDatum(e->attributes);
	slot->tts_values[HISTORY_USER_METADATA] = PointerGetDatum(e->user_metadata);
	slot->tts_isnull[HISTORY_USER_METADATA] = e->user_metadata == NULL;
	ExecStoreVirtualTuple(slot);
}

/*
 * No SQL, as in store/row: a task writes its events as
 * one multi-insert, as COPY does, which is one WAL record a page instead of one
 * an event.  The table has no triggers, and every column is given here.
 */
void
tpg_history_append(int64 execution_key, const TpgEvent *events, int nevents)
{
	MemoryContext context;
	MemoryContext old;
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *result;
	TupleTableSlot **slots;

	if (nevents == 0)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg history append", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	rel = table_open(tpg_extension_table("history"), RowExclusiveLock);
	if (RelationGetNumberOfAttributes(rel) != HISTORY_COLUMNS)
		elog(ERROR, "table temporal_internal.history has %d columns instead of %d",
			 RelationGetNumberOfAttributes(rel), HISTORY_COLUMNS);
	estate = CreateExecutorState();
	result = makeNode(ResultRelInfo);
	InitResultRelInfo(result, rel, 1, NULL, 0);
	ExecOpenIndices(result, false);

	slots = palloc(sizeof(TupleTableSlot *) * Min(nevents, APPEND_BATCH));
	for (int done = 0; done < nevents; done += APPEND_BATCH)
	{
		int			n = Min(nevents - done, APPEND_BATCH);

		for (int i = 0; i < n; i++)
		{
			if (done == 0)
				slots[i] = table_slot_create(rel, NULL);
			fill_slot(slots[i], execution_key, &events[done + i]);
		}
		table_multi_insert(rel, slots, n, GetCurrentCommandId(true), 0, NULL);
		for (int i = 0; i < n; i++)
			tpg_insert_index_tuples(result, slots[i], estate);
	}
	for (int i = 0; i < Min(nevents, APPEND_BATCH); i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	ExecCloseIndices(result);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
tpg_history_delete(int64 execution_key)
{
	TpgStoreScope scope;
	Datum		value = Int64GetDatum(execution_key);

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, &value, NULL, false, 0);
	tpg_store_end(&scope);
}
