/*-------------------------------------------------------------------------
 * runtime/state.h - what the functions of one run share: state().
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_STATE_H
#define TPG_RUNTIME_STATE_H

#include "runtime/activation.h"

/* All of it, as an object. */
extern Jsonb *tpg_state_all(TpgActivation *act);

/* One value, NULL when it is not there. */
extern Jsonb *tpg_state_get(TpgActivation *act, const char *key);
extern void tpg_state_set(TpgActivation *act, const char *key, const Jsonb *value);
extern void tpg_state_delete(TpgActivation *act, const char *key);

/* Replaces all by the members of an object. */
extern void tpg_state_replace(TpgActivation *act, const Jsonb *object);

#endif							/* TPG_RUNTIME_STATE_H */
