/*-------------------------------------------------------------------------
 *
 * pollers.h
 *	  Sessions that wait for an external activity of a task queue.
 *
 * Use: tpg_poller_begin(); then, until there is something, look with a new
 * snapshot and tpg_poller_sleep(); at the end tpg_poller_end(), also when there
 * was an error: the abort calls it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_POLLERS_H
#define TPG_IPC_POLLERS_H

/* A task queue of this database, by hash: two that share one wake each other in vain. */
extern uint64 tpg_poller_key(int32 namespace_id, const char *task_queue);

/* This session waits for that many tasks at most. */
extern void tpg_poller_begin(uint64 key, int wants);

/*
 * Sleeps until it is woken, or the time is over (false).  Whoever is woken is on the list
 * again before he looks.  *more: more may be there than he can take.  Processes
 * interrupts; ends the session when its client has gone.
 */
extern bool tpg_poller_sleep(long timeout_ms, bool *more);

/* Is the client of this session still there?  If not, this does not return. */
extern void tpg_poller_check_client(void);

/* If it was woken and has not looked since, somebody else is woken. */
extern void tpg_poller_end(void);

/* For a view: how many wait for that queue now. */
extern int	tpg_poller_count(uint64 key);

/*
 * Wakes those that have waited longest, until they want `tasks` together.  For the delivery
 * at commit: never fails, allocates or blocks.
 */
extern void tpg_poller_wake(uint64 key, int tasks, bool more);

/* One of each queue of a database looks (all: everybody, and gives up). */
extern void tpg_poller_wake_database(Oid dboid, bool all);

#endif							/* TPG_IPC_POLLERS_H */
