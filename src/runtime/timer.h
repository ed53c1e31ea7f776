/*-------------------------------------------------------------------------
 * runtime/timer.h - user code runs under a limit of time.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_TIMER_H
#define TPG_RUNTIME_TIMER_H

#include "datatype/timestamp.h"
#include "utils/elog.h"

typedef struct TpgTimer
{
	volatile int64 limit_us;	/* -1: none */
	volatile TimestampTz since; /* the limit counts from here */
	volatile bool fired;
	bool		again;			/* workflow code: interrupts until it is stopped */
	int			times;			/* that it has done so */
	bool		active;
	bool		outlives;		/* the code below commits and rolls back by itself */
	bool		pending;		/* kept in an outer one: it had fired, and its code was not interrupted yet */
} TpgTimer;

/*
 * The code that follows is interrupted (query_canceled) after so long; -1: never.
 * The timer in force stands still meanwhile and is kept in *outer.  again: once
 * in a second until it ends, so that catching it does not help.  Code in an executor that
 * has caught it several times is ended with the process (ipc/overrun.h).
 */
extern void tpg_timer_start(TpgTimer *outer, int64 limit_us, bool again);

/*
 * The limit counts anew, and is so long from now; the end may not be earlier than
 * before.  Nothing where it has fired.
 */
extern void tpg_timer_extend(int64 limit_us);

/* The timer in force goes on whatever becomes of transactions. */
extern void tpg_timer_outlives_transactions(void);

/* True: it had fired, and what is left of the interruption is taken back. */
extern bool tpg_timer_stop(const TpgTimer *outer);

/* Has the timer in force fired? */
extern bool tpg_timer_fired(void);

/*
 * At the bottom of the stack of contexts of workflow code: makes of its
 * interruption an error that the code does not catch with query_canceled.
 */
extern ErrorContextCallback tpg_timer_context;

/* Workflow code has waited: its limit counts from now on again. */
extern void tpg_timer_restart(void);

#endif							/* TPG_RUNTIME_TIMER_H */
