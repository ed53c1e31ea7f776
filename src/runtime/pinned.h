/*-------------------------------------------------------------------------
 * runtime/pinned.h - pinned code calls what its version has.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_PINNED_H
#define TPG_RUNTIME_PINNED_H

#include "plpgsql.h"

#include "nodes/parsenodes.h"
#include "runtime/activation.h"

/* The code of a run is about to run in this process. */
extern void tpg_pinned_enter(const TpgActivation *act);

/* Calls by name, in a function of a version, become calls of the version; others stay as they are. */
extern void tpg_pinned_qualify(PLpgSQL_function *function);

/* The same for a text that code hands over, a SELECT; the text itself where there is nothing to change. */
extern const char *tpg_pinned_text(const TpgActivation *act, const char *source);

/* A query that pinned code is about to make ready: TP022 when it calls what is not of the version. */
extern void tpg_pinned_look(TpgActivation *act, Query *query);

#endif							/* TPG_RUNTIME_PINNED_H */
