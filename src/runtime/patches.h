/*-------------------------------------------------------------------------
 * runtime/patches.h - changed code of running workflows: patched().
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_PATCHES_H
#define TPG_RUNTIME_PATCHES_H

#include "runtime/activation.h"

/* Is the run to take the new way?  The first call in a run decides for it (G-20). */
extern bool tpg_patched(TpgActivation *act, const char *id);

/* The code knows only the new way, and may forget about it when no open run is older. */
extern void tpg_deprecate_patch(TpgActivation *act, const char *id);

/* Is it the marker of a patch, or the change of search attributes that comes with one? */
extern bool tpg_event_is_of_patch(const TpgRun *run, int i);

/* Is it a marker of a patch that does not say which? */
extern bool tpg_event_is_bad_patch(const Jsonb *attributes);

/* Replay: TP020 as the error of the task where the open group has a patch that the code has dropped. */
extern void tpg_patches_compare(TpgActivation *act);

#endif							/* TPG_RUNTIME_PATCHES_H */
