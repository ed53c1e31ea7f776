/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  What a transaction tells other processes once it is over.
 *
 * Everything here is registered during a transaction and delivered right
 * after its COMMIT has released its locks; ABORT and PREPARE drop it (but see
 * tpg_wake_run_released).  What is delivered are hints: losing one costs a
 * delay up to the next sweep, never correctness.  Without the library in
 * shared_preload_libraries all of these do nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_WAKE_H
#define TPG_IPC_WAKE_H

#include "datatype/timestamp.h"

typedef enum TpgWorkKind
{
	TPG_WORK_RUN = 1,			/* a run has due mail; event_id is 0 */
	TPG_WORK_ACTIVITY = 2,		/* an attempt of an activity is due */
	TPG_WORK_OUTBOX = 3			/* what a run asks of others is due; event_id is 0 */
} TpgWorkKind;

typedef struct TpgWorkItem
{
	int64		execution_key;
	int32		event_id;		/* scheduled event of the activity */
	uint8		kind;			/* TpgWorkKind */
	/* what follows does not tell two items apart */
	uint8		priority;		/* 1 (first) to 5; 0: 3 */
	uint16		limit;			/* the dispatcher gives it out: number of its limits, + 1 (ipc/limits) */
} TpgWorkItem;

/* Why an executor was interrupted; 0 means that it was not. */
typedef enum TpgInterruptReason
{
	TPG_INTERRUPT_NONE = 0,
	TPG_INTERRUPT_CLOSED = 1,	/* the run is closed */
	TPG_INTERRUPT_TIMEOUT = 2,	/* the attempt has timed out */
	TPG_INTERRUPT_CANCEL = 3,	/* cancellation was requested */
	TPG_INTERRUPT_PAUSE = 4,	/* the activity was paused */
	TPG_INTERRUPT_YIELD = 5,	/* somebody waits for the run lock: put the eager activity aside */
	TPG_INTERRUPT_RESET = 6,	/* the activity is to begin anew */
	TPG_INTERRUPT_SHUTDOWN = 7	/* stop_workers(): put aside whatever it is */
} TpgInterruptReason;

/* There is work for executors of this role in this database. */
extern void tpg_wake_work(Oid owner, TpgWorkItem item);

/*
 * The same for a task of a task queue.  One that is configured is given out by the
 * dispatcher, which is told that there is more.
 */
extern void tpg_wake_task(Oid owner, TpgWorkItem item, int32 namespace_id, const char *task_queue);

/* The dispatcher of this database should look at the tables. */
extern void tpg_wake_scan(void);

/* A request of an activity of type http is due: the HTTP process is told, or the dispatcher where the queue is configured. */
extern void tpg_wake_http(int32 namespace_id, const char *task_queue);

/*
 * Settings of task queues, or whether workers are stopped, have been changed by
 * this transaction: the dispatcher reads them when it ends, in whatever way.
 */
extern void tpg_wake_settings(void);

/* Something is to be done when this transaction ends (ipc/limits); false: nobody is there. */
extern bool tpg_wake_expect(void);

/* Something becomes due at this (real) time. */
extern void tpg_wake_due(TimestampTz when);

/* Clients that wait for this run should look again. */
extern void tpg_wake_waiters(int64 execution_key);

/*
 * That many external activities of a task queue (see tpg_poller_key) are due: wakes as many
 * sessions that poll for them as it takes.  more: it is not known how many.
 */
extern void tpg_wake_pollers(uint64 key, int tasks, bool more);

/* The same if this transaction is rolled back: it holds tasks that others leave out. */
extern void tpg_wake_pollers_at_abort(uint64 key, int tasks);

/* Interrupt (SIGINT) executors that run this attempt (a pause or reset: tell them with the next heartbeat); event 0: all of the run. */
extern void tpg_wake_interrupt(int64 execution_key, int32 event_id, int reason);

/*
 * A run lock is held by this transaction: when it ends, by COMMIT or by ABORT,
 * work that was put aside because of locks is tried again.
 */
extern void tpg_wake_run_released(void);

/*
 * This transaction has had the row of an activity locked while its run closed, and leaves
 * it there: after COMMIT or ABORT the dispatcher looks for it.
 */
extern void tpg_wake_lost(void);

/* Start a dispatcher in this database (CREATE EXTENSION, post_restore()). */
extern void tpg_wake_start_dispatcher(void);

/*
 * For executors: the process will take the next item of its own queue by
 * itself right after this transaction, so nobody need be woken for the first
 * item that it leaves there.  Holds until the transaction ends.
 */
extern void tpg_wake_will_pop(void);

#endif							/* TPG_IPC_WAKE_H */
