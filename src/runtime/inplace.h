/*-------------------------------------------------------------------------
 * runtime/inplace.h - may an activity run on top of the waiting workflow code?
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_INPLACE_H
#define TPG_RUNTIME_INPLACE_H

#include "runtime/activation.h"

/* In the waiting call itself, before it unwinds. */
extern bool tpg_inplace_possible(const TpgActivation *act);

/* How deep GUC nesting is. */
extern int	tpg_guc_nest_level(void);

#endif							/* TPG_RUNTIME_INPLACE_H */
