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

/* The process of an executor ends by an error in the midst of a workflow task of that run, for whatever reason. */
extern void tpg_overrun_died(Oid dboid, int64 execution_key);

typedef enum TpgOverrunKind
{
	TPG_OVERRUN_NONE,
	TPG_OVERRUN_GIVEN_UP,
	TPG_OVERRUN_DIED			/* so many times, one after the other */
} TpgOverrunKind;

/* What became of the last tasks of this run, in this database?  Answers once. */
extern TpgOverrunKind tpg_overrun_take(int64 execution_key, int deaths);

/*
 * Around a workflow task in an executor in careful mode: where the server goes down with it, that counts as a death
 * when it is up again.
 */
extern void tpg_overrun_begin(int64 execution_key);
extern void tpg_overrun_end(int64 execution_key, bool done);

/* The executor ends. */
extern void tpg_overrun_exit(void);

/* When shared memory is made: with what the processes of before have left. */
extern void tpg_overruns_reset(void);

#endif							/* TPG_IPC_OVERRUN_H */
