/*-------------------------------------------------------------------------
 * store/outbox.h - table temporal_internal.outbox: what runs ask of other runs.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_OUTBOX_H
#define TPG_STORE_OUTBOX_H

#include "datatype/timestamp.h"

/* Stored numbers: never change one. */
typedef enum TpgOutboxKind
{
	TPG_OUTBOX_EVENT = 1,		/* what the event says */
	TPG_OUTBOX_CLOSE_POLICY = 2 /* what is to become of the child that it has started */
} TpgOutboxKind;

typedef struct TpgOutboxRow
{
	int64		id;
	TpgOutboxKind kind;
	int32		ref_event_id;	/* of the run that asks */
	int32		attempt;
	TimestampTz due_at;
} TpgOutboxRow;

extern void tpg_outbox_insert(int64 execution_key, TpgOutboxKind kind, int32 ref_event_id, TimestampTz due_at);

/* Of one run, the next `limit` from that id on, in order of id, due or not; as of now in any isolation level. */
extern int	tpg_outbox_read(int64 execution_key, int64 from, int limit, TpgOutboxRow *rows);

extern void tpg_outbox_delete(int64 execution_key, int64 id);

/* It could not be done: again at due_at. */
extern void tpg_outbox_postpone(int64 execution_key, int64 id, TimestampTz due_at);

extern void tpg_outbox_delete_all(int64 execution_key);

#endif							/* TPG_STORE_OUTBOX_H */
