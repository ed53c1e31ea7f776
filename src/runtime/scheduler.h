/*-------------------------------------------------------------------------
 * runtime/scheduler.h - which fiber runs when.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_SCHEDULER_H
#define TPG_RUNTIME_SCHEDULER_H

#include "runtime/activation.h"

extern TpgFiber *tpg_fiber_create(TpgActivation *act, TpgFiberKind kind, const char *name, TpgDefinition *def, Jsonb *input);

/* It can go on: behind those that can already. */
extern void tpg_fiber_enqueue(TpgActivation *act, TpgFiber *fiber);

/* Before the run function begins: the first activation's signals and their handlers. */
extern void tpg_scheduler_start(TpgActivation *act);

/* The run function waits. True: it can go on; false: nothing comes any more. */
extern bool tpg_scheduler_run(TpgActivation *act);

/* The run function has returned: what can run without anything new, runs. */
extern void tpg_scheduler_drain(TpgActivation *act);

/* Signal and update handlers that have begun and not ended. */
extern int	tpg_scheduler_unfinished(const TpgActivation *act);

/* The run closes: warns of handlers that are dropped (F-46). */
extern void tpg_scheduler_warn_unfinished(const TpgActivation *act);

/*
 * For the driver, once what a pass has done is written: a pass may be made again,
 * or undone, and each of these is to be heard once.  report_dropped: signals whose
 * input no handler could take (F-08), of the open activation only if that stays,
 * too.  warn_unfinished: handlers that the end of the run drops (F-46).
 */
extern void tpg_scheduler_report_dropped(TpgActivation *act, bool open_too);
extern void tpg_scheduler_warn_unfinished(const TpgActivation *act);

/*
 * The log of a fiber that is run again.  replayed: the answer that this call was
 * given before, or NULL: the call is new.  record: its answer, for the next time.
 * The run function needs no log, since its stack is kept.
 */
extern TpgLogEntry *tpg_fiber_replayed(TpgActivation *act, const char *call);
extern TpgLogEntry *tpg_fiber_record(TpgActivation *act, const char *call);

/* Does the present fiber only repeat what it did before? */
extern bool tpg_fiber_repeats(const TpgActivation *act);

/* Calls code within the run, read-only, in a subtransaction; errors are thrown. */
extern Jsonb *tpg_scheduler_call(TpgActivation *act, TpgDefinition *def, const char *name, Jsonb *input);

#endif							/* TPG_RUNTIME_SCHEDULER_H */
