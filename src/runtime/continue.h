/*-------------------------------------------------------------------------
 * runtime/continue.h - workflow code continues as a new run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CONTINUE_H
#define TPG_RUNTIME_CONTINUE_H

#include "runtime/activation.h"

/*
 * Ends the run function: its run is closed and the next one started when the
 * activation is over.  Commands issued before still count (G-45).  TP021 in
 * handlers and spawned functions.
 */
TPG_NORETURN extern void tpg_continue_as_new(TpgActivation *act, const TpgNextRun *next) TPG_NORETURN_AFTER;

#endif							/* TPG_RUNTIME_CONTINUE_H */
