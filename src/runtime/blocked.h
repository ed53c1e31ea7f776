/*-------------------------------------------------------------------------
 * runtime/blocked.h - where the code of a run stands, in words.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_BLOCKED_H
#define TPG_RUNTIME_BLOCKED_H

#include "runtime/activation.h"

/* "run", "signal approve", "update add (its id)", "spawned branch" */
extern const char *tpg_fiber_title(const TpgFiber *f);

/* "activity ship #1", "signal go", "condition state ? 'paid'" ... */
extern const char *tpg_op_title(const TpgOp *op);

/* Of an error context: "helper() line 4 at PERFORM, called by buy(text) line 9 at PERFORM"; NULL: no function of a language in it. */
extern char *tpg_blocked_location(const char *context);

/* Everything that has not ended, for people (F-21). */
extern char *tpg_blocked_stack_trace(const TpgActivation *act);

#endif							/* TPG_RUNTIME_BLOCKED_H */
