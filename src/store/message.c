/*-------------------------------------------------------------------------
 * store/message.c - table temporal_internal.message, the mailboxes.
 *
 * Anybody may insert (holding the execution row FOR KEY SHARE, so that the run
 * cannot close meanwhile); only the holder of the run lock reads and deletes.
 * Messages are never row-locked: the unit of claiming is the run.  (The one
 * update, when a start delay ends early, meets no reader: nothing is due yet.)
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "utils/timestamp.h"

#include "store/extension.h"
#include "store/message.h"
#include "store/plan.h"
#include "store/row.h"

/* columns of the table, from 0, in the order of sql/once/30_tables.sql */
enum
{
	MESSAGE_EXECUTION_KEY,
	MESSAGE_ID,
	MESSAGE_DELIVER_AT,
	MESSAGE_REF_EVENT_ID,
	MESSAGE_KIND,
	MESSAGE_PAYLOAD,
	MESSAGE_COLUMNS
};

static TpgPlan delete_timer_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.message WHERE execution_key = $1 AND kind = 2 AND ref_event_id = $2", 2, {INT8OID, INT4OID}
);
static TpgPlan delete_kind_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.message WHERE execution_key = $1 AND kind = $2", 2, {INT8OID, INT2OID}
);
static TpgPlan bring_forward_plan = TPG_PLAN(
	"UPDATE temporal_internal.message SET deliver_at = $2 WHERE execution_key = $1 AND kind IN (1, 7) AND deliver_at > $2",
	2, {INT8OID, TIMESTAMPTZOID}
);

/* Runs a statement that gives nothing back. */
static void
message_execute(TpgPlan *plan, Datum *values, const char *nulls)
{
	TpgStoreScope scope;

	tpg_store_begin(&scope);
	tpg_plan_execute(plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

void
tpg_message_insert(int64 execution_key, TpgMessageKind kind, int32 ref_event_id,
				   TimestampTz deliver_at, const Jsonb *payload)
{
	Datum		values[MESSAGE_COLUMNS];
	bool		nulls[MESSAGE_COLUMNS] = {false};

	values[MESSAGE_EXECUTION_KEY] = Int64GetDatum(execution_key);
	values[MESSAGE_ID] = Int64GetDatum(nextval_internal(tpg_extension_table("message_id_seq"), false));
	values[MESSAGE_DELIVER_AT] = TimestampTzGetDatum(deliver_at);
	values[MESSAGE_REF_EVENT_ID] = Int32GetDatum(ref_event_id);
	nulls[MESSAGE_REF_EVENT_ID] = ref_event_id == 0;
	values[MESSAGE_KIND] = Int16GetDatum((int16) kind);
	values[MESSAGE_PAYLOAD] = PointerGetDatum(payload);
	nulls[MESSAGE_PAYLOAD] = payload == NULL;
	tpg_row_insert("message", MESSAGE_COLUMNS, values, nulls);
}

int
tpg_message_read_due(int64 execution_key, TimestampTz now, TpgMessage **messages)
{
	TpgScan		scan;
	int			max = 8;
	int			n = 0;

	*messages = palloc(sizeof(TpgMessage) * max);
	tpg_scan_begin(&scan, "message", MESSAGE_COLUMNS, execution_key, -1);
	while (tpg_scan_next(&scan))
	{
		TpgMessage *m;

		if (DatumGetTimestampTz(scan.values[MESSAGE_DELIVER_AT]) > now)
			continue;
		if (n == max)
		{
			max *= 2;
			*messages = repalloc_huge(*messages, sizeof(TpgMessage) * max);
		}
		m = &(*messages)[n++];
		m->id = DatumGetInt64(scan.values[MESSAGE_ID]);
		m->kind = DatumGetInt16(scan.values[MESSAGE_KIND]);
		m->ref_event_id = scan.nulls[MESSAGE_REF_EVENT_ID] ? 0 : DatumGetInt32(scan.values[MESSAGE_REF_EVENT_ID]);
		m->deliver_at = DatumGetTimestampTz(scan.values[MESSAGE_DELIVER_AT]);
		m->payload = (Jsonb *) tpg_scan_varlena(&scan, MESSAGE_PAYLOAD);
	}
	tpg_scan_end(&scan);
	return n;
}

/*
 * Is it one of the ids?  They mostly come in the same order as the rows, so the
 * one behind the last that was found is looked at first.
 */
static bool
is_among(int64 id, const int64 *ids, int nids, int *next)
{
	for (int i = 0; i < nids; i++)
	{
		int			at = (*next + i) % nids;

		if (ids[at] == id)
		{
			*next = at + 1;
			return true;
		}
	}
	return false;
}

bool
tpg_message_more_due(int64 execution_key, TimestampTz now, const int64 *ids, int nids)
{
	TpgScan		scan;
	bool		more = false;
	int			next = 0;

	tpg_scan_begin(&scan, "message", MESSAGE_COLUMNS, execution_key, -1);
	while (!more && tpg_scan_next(&scan))
		more = DatumGetTimestampTz(scan.values[MESSAGE_DELIVER_AT]) <= now &&
			!is_among(DatumGetInt64(scan.values[MESSAGE_ID]), ids, nids, &next);
	tpg_scan_end(&scan);
	return more;
}

int
tpg_message_count_signals(int64 execution_key)
{
	TpgScan		scan;
	int			n = 0;

	tpg_scan_begin(&scan, "message", MESSAGE_COLUMNS, execution_key, -1);
	while (tpg_scan_next(&scan))
		n += DatumGetInt16(scan.values[MESSAGE_KIND]) == TPG_MESSAGE_SIGNAL;
	tpg_scan_end(&scan);
	return n;
}

void
tpg_message_bring_forward(int64 execution_key, TimestampTz now)
{
	Datum		values[2] = {Int64GetDatum(execution_key), TimestampTzGetDatum(now)};

	message_execute(&bring_forward_plan, values, NULL);
}

void
tpg_message_delete(int64 execution_key, const int64 *ids, int nids)
{
	TpgScan		scan;
	int64		first = PG_INT64_MAX;
	int			next = 0;
	int			deleted = 0;

	if (nids == 0)
		return;
	for (int i = 0; i < nids; i++)
		first = Min(first, ids[i]);
	tpg_scan_begin_write(&scan, "message", MESSAGE_COLUMNS, execution_key, first);
	while (deleted < nids && tpg_scan_next(&scan))
		if (is_among(DatumGetInt64(scan.values[MESSAGE_ID]), ids, nids, &next))
			deleted += tpg_row_delete(&scan);
	tpg_scan_end(&scan);
}

void
tpg_message_delete_timer(int64 execution_key, int32 started_event_id)
{
	Datum		values[2] = {Int64GetDatum(execution_key), Int32GetDatum(started_event_id)};

	message_execute(&delete_timer_plan, values, NULL);
}

void
tpg_message_delete_kind(int64 execution_key, TpgMessageKind kind)
{
	Datum		values[2] = {Int64GetDatum(execution_key), Int16GetDatum((int16) kind)};

	message_execute(&delete_kind_plan, values, NULL);
}

void
tpg_message_delete_all(int64 execution_key)
{
	TpgScan		scan;

	tpg_scan_begin_write(&scan, "message", MESSAGE_COLUMNS, execution_key, -1);
	while (tpg_scan_next(&scan))
		(void) tpg_row_delete(&scan);
	tpg_scan_end(&scan);
}
