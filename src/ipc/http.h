/*-------------------------------------------------------------------------
 *
 * http.h
 *	  The HTTP process of a database: is there one, what is it told.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_HTTP_H
#define TPG_IPC_HTTP_H

#include "datatype/timestamp.h"
#include "ipc/wake.h"

/* Runs whose requests are to be looked at: so many are named, more means all. */
#define TPG_HTTP_INTERRUPTS 64

/*
 * Delivery at commit: requests are due; something has happened to the pending
 * activities of a run.  Neither fails, allocates nor blocks.
 */
extern void tpg_database_wake_http(int index, Oid dboid);
extern void tpg_database_interrupt_http(int index, Oid dboid, int64 execution_key);

/*
 * Dispatcher of this database: what is in configured task queues it offers to queue TPG_HTTP_OWNER; then it
 * tells the process, or starts it when it looks next.  Are there some that were not taken?
 */
extern void tpg_http_tell(void);
extern bool tpg_http_has_hints(void);

/* Is the process there, or on its way? */
extern bool tpg_http_running(void);

/* Is it wanted and not there?  *look_again: when, if not before. */
extern bool tpg_http_wanted(TimestampTz now, TimestampTz *look_again);

/* It is about to be registered; it could not be.  The index is for its argument. */
extern int	tpg_http_promise(TimestampTz now);
extern void tpg_http_break_promise(TimestampTz retry_at);

/* The process: takes its place; false: not wanted any more. */
extern bool tpg_http_attach(int index, Oid dboid);
extern bool tpg_http_take_work(void);

/* Takes the next of what the dispatcher has given out; how many. */
extern int	tpg_http_take_hints(TpgWorkItem *items, int max);

/* Runs to be looked at, up to TPG_HTTP_INTERRUPTS; -1: all. */
extern int	tpg_http_take_interrupts(int64 *keys);

/* For databases.c. */
extern void tpg_http_reset(int index);
extern int	tpg_http_stop(int index, Oid dboid, bool terminate);

#endif							/* TPG_IPC_HTTP_H */
