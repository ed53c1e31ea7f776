/*-------------------------------------------------------------------------
 *
 * slots.h
 *	  Executor slots: who works where, on what.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_SLOTS_H
#define TPG_IPC_SLOTS_H

#include "datatype/timestamp.h"
#include "ipc/wake.h"

typedef enum TpgSlotStatus
{
	TPG_SLOT_FREE = 0,
	TPG_SLOT_STARTING,			/* promised to a process that has not come yet */
	TPG_SLOT_CONNECTING,		/* process is there, not connected */
	TPG_SLOT_RUNNING
} TpgSlotStatus;

/* Event id of work in hand that is a workflow task (and whatever runs within it). */
#define TPG_SLOT_WORKFLOW_TASK (-1)
#define TPG_SLOT_OUTBOX (-2)

/* For the runtime, in an executor; elsewhere they do nothing. */
extern void tpg_slot_set_inflight(int64 execution_key, int32 event_id);
extern void tpg_slot_clear_inflight(void);
extern int	tpg_slot_interrupt_reason(void);
extern bool tpg_in_executor(void);

/*
 * What is in flight here is an attempt that is recorded with that start, from before the commit
 * of the record on.  And: does an executor run that one?  One that has only been given its hint
 * does not.
 */
extern void tpg_slot_set_attempt(TimestampTz started_at);
extern bool tpg_slot_runs(Oid dboid, int64 execution_key, int32 event_id, TimestampTz started_at);

/* For statistics: one more of each kind, done or failed. */
extern void tpg_slot_count(TpgWorkKind kind, bool failed);

/* Dispatcher: a slot for a new executor; -1: all taken. */
extern int	tpg_slot_reserve(Oid dboid, Oid owner, uint32 *generation);

/* Give a reserved slot back if its process has not come. True if it did that. */
extern bool tpg_slot_release(int slot, uint32 generation);

/* Free slots whose process did not come in time. How many. */
extern int	tpg_slot_watchdog(Oid dboid, TimestampTz now);

/* Executor: take the slot; false = too late, or the database is being stopped. */
extern bool tpg_slot_attach(int slot, uint32 generation, Oid *dboid, Oid *owner);
extern void tpg_slot_connected(void);

/* Executor: don't give the item in hand back to the queue when this process ends. */
extern void tpg_slot_forsake(void);

/* Executor: was it asked to make room? */
extern bool tpg_slot_retiring(void);

/*
 * Dispatcher: somebody else's executor should end, because this queue with so
 * many executors waits.  False: nobody can be asked.
 */
extern bool tpg_slot_make_room(Oid dboid, Oid owner, int members);

/* All executors of a database should end; with terminate the busy ones are killed (SIGTERM). */
extern int	tpg_slot_stop_database(Oid dboid, bool terminate);

/* SIGINT with TPG_INTERRUPT_SHUTDOWN to all that run something in a database: how many. */
extern int	tpg_slot_cancel_database(Oid dboid);

/* Delivery at commit: SIGINT to those who run this; a pause or reset is only noted, for the next heartbeat. */
extern void tpg_slot_interrupt(Oid dboid, int64 execution_key, int32 event_id, int reason);

/* A copy for views. */
typedef struct TpgSlotInfo
{
	int			slot;
	TpgSlotStatus status;
	int			pid;
	Oid			dboid;
	Oid			owner;
	bool		idle;
	int64		execution_key;	/* 0: none */
	int32		event_id;
	TimestampTz started_at;
	TimestampTz since;			/* busy or idle since */
	int64		workflow_tasks;
	int64		activities;
	int64		failures;
} TpgSlotInfo;

extern int	tpg_slot_count_all(void);
extern bool tpg_slot_info(int slot, TpgSlotInfo *info);

#endif							/* TPG_IPC_SLOTS_H */
