/*-------------------------------------------------------------------------
 * runtime/waits.h - signals, conditions, locks, spawned functions.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_WAITS_H
#define TPG_RUNTIME_WAITS_H

#include "runtime/activation.h"

/* A signal has come: its handler is started, or it is kept for who waits or will wait for it. */
extern void tpg_signal_deliver(TpgActivation *act, const TpgEvent *event);

/*
 * The run continues as new: signals that nobody has taken, and those that came
 * after its code had ended, become mail of the next run.
 */
extern void tpg_signals_carry_over(const TpgActivation *act, const TpgExecution *next);

/* The next signal of a name, as an op. */
extern TpgOp *tpg_op_start_wait_signal(TpgActivation *act, const char *name);

/* A condition over `state` and `args`, as an op. */
extern TpgOp *tpg_op_start_wait_condition(TpgActivation *act, const char *expression, Jsonb *args);

/* The same as a C function, in a library that stays; `name` says what it is. */
extern TpgOp *tpg_op_start_wait_predicate(TpgActivation *act, const char *name,
										  bool (*predicate) (const Jsonb *state, const Jsonb *args), Jsonb *args);

/*
 * No code can run: looks whether signals have come for those who wait for them,
 * and at all conditions.  False: nobody can go on.
 */
extern bool tpg_waits_look(TpgActivation *act);

/* Who has a lock (NULL: nobody); waits for it; gives it back. FIFO; belongs to its fiber. */
extern TpgFiber *tpg_lock_holder(TpgActivation *act, const char *name);
extern void tpg_lock_acquire(TpgActivation *act, const char *name);
extern void tpg_lock_release(TpgActivation *act, const char *name);
extern void tpg_locks_release_all(TpgActivation *act, TpgFiber *fiber);

/* A function as a fiber of its own. */
extern TpgOp *tpg_op_spawn(TpgActivation *act, const char *function, Jsonb *input);

#endif							/* TPG_RUNTIME_WAITS_H */
