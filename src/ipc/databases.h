/*-------------------------------------------------------------------------
 *
 * databases.h
 *	  The databases that temporal_pg looks after, and their dispatchers.
 *
 * Requests to look after a database are counted, and so are the answers: a
 * dispatcher that ends because there is nothing to look after answers the
 * requests that it had seen before it looked.  A database with unanswered
 * requests and without a dispatcher gets one from the launcher.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_DATABASES_H
#define TPG_IPC_DATABASES_H

#include "datatype/timestamp.h"
#include "ipc/wake.h"

/* Index of a database's entry, -1 if there is none (and none can be had). */
extern int	tpg_database_find(Oid dboid, bool create);

/* Ask for a dispatcher. The second form: by entry, never fails or blocks. */
extern bool tpg_database_request(Oid dboid);
extern void tpg_database_request_entry(int index, Oid dboid);

/* Wakes for a dispatcher, by entry; they never fail, allocate or block. */
extern void tpg_database_wake_scan(int index, Oid dboid);
extern void tpg_database_wake_due(int index, Oid dboid, TimestampTz when);
extern void tpg_database_wake_heartbeat(int index, Oid dboid, TimestampTz when);
extern void tpg_database_wake_released(int index, Oid dboid);
extern void tpg_database_wake_limits(int index, Oid dboid);
extern void tpg_database_wake_settings(int index, Oid dboid);
extern void tpg_database_wake_lost(int index, Oid dboid);	/* an executor has ended in the middle of an attempt, or a row of a closed run was left over */
extern void tpg_database_wake_grow(Oid dboid);
extern void tpg_database_wake_refill(Oid dboid);

/* An executor's place is free: dispatchers that wait for one look. */
extern void tpg_database_wake_growers(void);

/*
 * Stop a database's processes and keep them from starting until resumed
 * (DROP DATABASE and the like).  Pauses nest.  quiesce() waits for the
 * processes to end, up to a limit; it processes interrupts.
 */
extern void tpg_database_pause(Oid dboid);
extern void tpg_database_resume(Oid dboid, bool gone);
extern bool tpg_database_paused(Oid dboid);
extern bool tpg_database_quiesce(Oid dboid);

/*
 * Workers stopped by stop_workers(): executors of that database end and none is
 * started.  Known from the table (set), or because a session is about to write
 * that (its transaction has not ended yet).
 */
extern bool tpg_database_stopped(Oid dboid);
extern void tpg_database_set_stopped(Oid dboid, bool stopped);
extern void tpg_database_begin_stopping(Oid dboid);
extern void tpg_database_end_stopping(Oid dboid);

/* Launcher. */
typedef struct TpgDatabaseState
{
	int			index;
	Oid			dboid;
	bool		wanted;			/* requests unanswered and not paused */
	bool		running;		/* a dispatcher is there or promised */
	bool		confirmed;		/* the extension was seen there */
	TimestampTz starting_since; /* 0: not starting */
	TimestampTz retry_at;		/* don't start before */
	int			dispatcher_pid; /* 0: none */
} TpgDatabaseState;

extern int	tpg_database_states(TpgDatabaseState *states, int max);
extern int	tpg_database_limit(void);
extern void tpg_launcher_attach(void);
extern bool tpg_database_promise(int index, Oid dboid);
extern void tpg_database_break_promise(int index, Oid dboid, int retry_ms);
extern void tpg_database_dismiss(int index, Oid dboid);

/* What executors put aside, for the dispatcher. */
typedef struct TpgParkedItem
{
	TpgWorkItem item;
	Oid			owner;
} TpgParkedItem;

extern void tpg_database_park(Oid dboid, TpgWorkItem item, Oid owner);

#define TPG_PARK_SIZE 256

#endif							/* TPG_IPC_DATABASES_H */
