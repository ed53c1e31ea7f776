/*-------------------------------------------------------------------------
 * runtime/upserts.h - what a run says about itself: memo, search attributes, details.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_UPSERTS_H
#define TPG_RUNTIME_UPSERTS_H

#include "runtime/activation.h"

/* As the code has made them so far; NULL: none.  What they point to does not change. */
extern const Jsonb *tpg_memo(TpgActivation *act);
extern const Jsonb *tpg_search_attributes(TpgActivation *act);
extern const char *tpg_current_details(const TpgActivation *act);

/* The search attributes, if the code has changed them; else NULL. */
extern const Jsonb *tpg_search_attributes_changed(const TpgActivation *act);

/* Members of an object put over those that are there; null takes one away.  TP025, TP026. */
extern void tpg_upsert_memo(TpgActivation *act, const Jsonb *changes);
extern void tpg_upsert_search_attributes(TpgActivation *act, const Jsonb *changes);

/* The same without a command: a change that comes with something else. */
extern void tpg_search_attributes_note(TpgActivation *act, const Jsonb *changes);

/* A command that changes search attributes. */
extern void tpg_search_attributes_command(TpgActivation *act, const Jsonb *changes);

/* NULL or empty: none. */
extern void tpg_set_current_details(TpgActivation *act, const char *details);

#endif							/* TPG_RUNTIME_UPSERTS_H */
