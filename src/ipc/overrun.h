/*-------------------------------------------------------------------------
 * ipc/overrun.h - workflow tasks that took their executor with them.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_OVERRUN_H
#define TPG_IPC_OVERRUN_H

/*
 * The workflow task in hand is given up: whoever takes its run next is told, and the caller
 * ends its process.  False where there is none, or no executor.  May be called in a signal handler.
 */
extern bool tpg_overrun_give_up(void);

/* Was a task of this run given up, in this database?  Answers once. */
extern bool tpg_overrun_take(int64 execution_key);

extern void tpg_overruns_reset(void);

#endif							/* TPG_IPC_OVERRUN_H */
