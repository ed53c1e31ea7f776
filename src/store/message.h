/*-------------------------------------------------------------------------
 * store/message.h - table temporal_internal.message, the mailboxes.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_MESSAGE_H
#define TPG_STORE_MESSAGE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* Stored numbers: never change one. */
typedef enum TpgMessageKind
{
	TPG_MESSAGE_FIRST_TASK = 1, /* a run has started; no event */
	TPG_MESSAGE_TIMER = 2,		/* TimerFired; ref: TimerStarted */
	TPG_MESSAGE_ACTIVITY = 3,	/* outcome of an activity; ref: ActivityTaskScheduled */
	TPG_MESSAGE_TASK_RETRY = 4, /* a failed workflow task is tried again; no event */
	TPG_MESSAGE_GO_ON = 5,		/* look again; no event */
	TPG_MESSAGE_RUN_TIMEOUT = 6,	/* closes the run */
	TPG_MESSAGE_SIGNAL = 7,
	TPG_MESSAGE_CANCEL = 8,
	TPG_MESSAGE_MARKER = 9,		/* MarkerRecorded of a local activity whose activation could not be finished */
	TPG_MESSAGE_ANSWER = 10		/* of another run, to what this one asked: an event (engine/outbox) */
} TpgMessageKind;

typedef struct TpgMessage
{
	int64		id;
	TpgMessageKind kind;
	int32		ref_event_id;	/* 0: none */
	TimestampTz deliver_at;
	Jsonb	   *payload;		/* may be NULL */
} TpgMessage;

extern void tpg_message_insert(int64 execution_key, TpgMessageKind kind, int32 ref_event_id,
							   TimestampTz deliver_at, const Jsonb *payload);

/* What is due at `now`, in order of id, as of now in any isolation level. */
extern int	tpg_message_read_due(int64 execution_key, TimestampTz now, TpgMessage **messages);

/*
 * Is there mail that a workflow task has to see, due at `now`, other than the n
 * ids given?  As of now: what has been committed must be seen before a run closes.
 */
extern bool tpg_message_more_due(int64 execution_key, TimestampTz now, const int64 *ids, int nids);

/* Signals that are not delivered yet, as of now. */
extern int	tpg_message_count_signals(int64 execution_key);

/* Of a run whose start delay ends early: its first task and the signals kept for it become due. */
extern void tpg_message_bring_forward(int64 execution_key, TimestampTz now);

extern void tpg_message_delete(int64 execution_key, const int64 *ids, int nids);
extern void tpg_message_delete_timer(int64 execution_key, int32 started_event_id);
extern void tpg_message_delete_kind(int64 execution_key, TpgMessageKind kind);
extern void tpg_message_delete_all(int64 execution_key);

#endif							/* TPG_STORE_MESSAGE_H */
