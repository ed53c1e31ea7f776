/*-------------------------------------------------------------------------
 * store/activityend.c - table temporal_internal.activity_task: one that ends, without a plan.
 *
 * Locks and their order: see store/activity.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "store/activityend.h"
#include "store/extension.h"
#include "store/row.h"

/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	ACTIVITY_EXECUTION_KEY,
	ACTIVITY_DUE_AT,
	ACTIVITY_TIMEOUT_AT,
	ACTIVITY_SCHEDULED_AT,
	ACTIVITY_ATTEMPT_SCHEDULED_AT,
	ACTIVITY_STARTED_AT,
	ACTIVITY_LAST_ATTEMPT_AT,
	ACTIVITY_SCHEDULED_EVENT_ID,
	ACTIVITY_NAMESPACE_ID,
	ACTIVITY_ATTEMPT,
	ACTIVITY_CRASH_COUNT,
	ACTIVITY_PRIORITY_KEY,
	ACTIVITY_MODE,
	ACTIVITY_IN_EXECUTOR,
	ACTIVITY_PAUSED,
	ACTIVITY_ACTIVITY_ID,
	ACTIVITY_ACTIVITY_TYPE,
	ACTIVITY_TASK_QUEUE,
	ACTIVITY_WORKER_IDENTITY,
	ACTIVITY_LAST_FAILURE,
	ACTIVITY_OPTIONS,
	ACTIVITY_PASS,
	ACTIVITY_FAIRNESS_KEY,
	ACTIVITY_FAIRNESS_WEIGHT,
	ACTIVITY_PAUSE_INFO,
	ACTIVITY_PLACE_QUEUE,
	ACTIVITY_COLUMNS
};

static bool
find(TpgScan *s, int64 execution_key, int32 scheduled_event_id)
{
	tpg_scan_begin_write(s, "activity_task", ACTIVITY_COLUMNS, execution_key, scheduled_event_id);
	return tpg_scan_next(s) && DatumGetInt32(s->values[ACTIVITY_SCHEDULED_EVENT_ID]) == scheduled_event_id;
}

static TimestampTz
time_or(const TpgScan *s, int column, TimestampTz dflt)
{
	return s->nulls[column] ? dflt : DatumGetTimestampTz(s->values[column]);
}

static TpgActivityTask *
task_from_scan(const TpgScan *s)
{
	TpgActivityTask *t = palloc0(sizeof(TpgActivityTask));

	t->execution_key = DatumGetInt64(s->values[ACTIVITY_EXECUTION_KEY]);
	t->scheduled_event_id = DatumGetInt32(s->values[ACTIVITY_SCHEDULED_EVENT_ID]);
	t->namespace_id = DatumGetInt32(s->values[ACTIVITY_NAMESPACE_ID]);
	t->attempt = DatumGetInt32(s->values[ACTIVITY_ATTEMPT]);
	t->crash_count = DatumGetInt16(s->values[ACTIVITY_CRASH_COUNT]);
	t->mode = DatumGetInt16(s->values[ACTIVITY_MODE]);
	t->paused = DatumGetBool(s->values[ACTIVITY_PAUSED]);
	t->in_executor = DatumGetInt16(s->values[ACTIVITY_IN_EXECUTOR]);
	t->activity_id = tpg_scan_text(s, ACTIVITY_ACTIVITY_ID);
	t->activity_type = tpg_scan_text(s, ACTIVITY_ACTIVITY_TYPE);
	t->task_queue = tpg_scan_text(s, ACTIVITY_TASK_QUEUE);
	t->place_queue = tpg_scan_text(s, ACTIVITY_PLACE_QUEUE);
	t->scheduled_at = time_or(s, ACTIVITY_SCHEDULED_AT, 0);
	t->attempt_scheduled_at = time_or(s, ACTIVITY_ATTEMPT_SCHEDULED_AT, 0);
	t->due_at = time_or(s, ACTIVITY_DUE_AT, 0);
	t->timeout_at = time_or(s, ACTIVITY_TIMEOUT_AT, DT_NOEND);
	t->started_at = time_or(s, ACTIVITY_STARTED_AT, 0);
	t->priority.key = DatumGetInt16(s->values[ACTIVITY_PRIORITY_KEY]);
	t->worker_identity = tpg_scan_text(s, ACTIVITY_WORKER_IDENTITY);
	t->last_failure = (Jsonb *) tpg_scan_varlena(s, ACTIVITY_LAST_FAILURE);
	t->heartbeats_kept = true;
	t->tid = s->tid;
	return t;
}

TpgActivityTask *
tpg_activity_lock_to_complete(int64 execution_key, int32 scheduled_event_id)
{
	TpgScan		scan;
	TpgActivityTask *task = NULL;

	if (find(&scan, execution_key, scheduled_event_id) && tpg_row_lock(&scan, LockTupleExclusive, LockWaitBlock))
		task = task_from_scan(&scan);
	tpg_scan_end(&scan);
	return task;
}

bool
tpg_activity_delete(int64 execution_key, int32 scheduled_event_id)
{
	TpgScan		scan;
	bool		found = find(&scan, execution_key, scheduled_event_id) && tpg_row_delete(&scan);

	tpg_scan_end(&scan);
	return found;
}

void
tpg_activity_delete_task(const TpgActivityTask *t)
{
	Relation	rel;
	ItemPointerData tid = t->tid;

	if (!ItemPointerIsValid(&tid))
	{
		tpg_activity_delete(t->execution_key, t->scheduled_event_id);
		return;
	}
	rel = table_open(tpg_extension_table("activity_task"), RowExclusiveLock);
	simple_table_tuple_delete(rel, &tid, SnapshotAny);
	table_close(rel, NoLock);
}
