/*-------------------------------------------------------------------------
 * runtime/random.h - random numbers that a replay draws again.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_RANDOM_H
#define TPG_RUNTIME_RANDOM_H

#include "runtime/activation.h"

/* The code draws other numbers from here on (B-33). */
extern void tpg_random_reseed(TpgActivation *act, const pg_uuid_t *run_id);

extern double tpg_random_double(TpgActivation *act);
extern pg_uuid_t *tpg_random_uuid(TpgActivation *act);

#endif							/* TPG_RUNTIME_RANDOM_H */
