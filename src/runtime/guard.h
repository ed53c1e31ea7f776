/*-------------------------------------------------------------------------
 * runtime/guard.h - the determinism guard: what workflow code must not do while it runs.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_GUARD_H
#define TPG_RUNTIME_GUARD_H

#include "runtime/activation.h"

/* From _PG_init: the hooks. */
extern void tpg_guard_init(void);

/*
 * Before a function of a run is called: TP022 if the static check finds fault with
 * it as it is now; from here on the hooks watch.  They stop with the activation, and where
 * act->guarded is false.
 */
extern void tpg_guard_enter(TpgActivation *act, const TpgDefinition *def);

#endif							/* TPG_RUNTIME_GUARD_H */
