/*-------------------------------------------------------------------------
 *
 * waiters.h
 *	  Clients that wait for a run.
 *
 * Use: tpg_waiter_prepare(key); then, until the condition holds, look with a
 * new snapshot and tpg_waiter_sleep(); at the end tpg_waiter_cancel().  Being
 * woken says nothing about the run: runs share condition variables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_WAITERS_H
#define TPG_IPC_WAITERS_H

extern void tpg_waiter_prepare(int64 execution_key);

/* timeout_ms -1: none.  True when the time is over. Processes interrupts. */
extern bool tpg_waiter_sleep(int64 execution_key, long timeout_ms);
extern void tpg_waiter_cancel(void);

/* For the delivery at commit: bits say which condition variables. */
extern uint64 tpg_waiter_bit(int64 execution_key);
extern void tpg_waiter_broadcast(uint64 bits);

#endif							/* TPG_IPC_WAITERS_H */
