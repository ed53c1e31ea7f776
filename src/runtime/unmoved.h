/*-------------------------------------------------------------------------
 * runtime/unmoved.h - workflow tasks that need not run the code.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_UNMOVED_H
#define TPG_RUNTIME_UNMOVED_H

#include "runtime/activation.h"

/* The code has been run and is suspended, and what it did is written: remembers what it waits for. */
extern void tpg_unmoved_note(TpgRun *run, const TpgActivation *act);

/*
 * The open group delivers nothing that could make the code go on: the task has no
 * commands, and is written as it is.  False: the code has to be run (and what was
 * remembered is forgotten).
 */
extern bool tpg_unmoved(TpgRun *run, const TpgDefinition *def);

#endif							/* TPG_RUNTIME_UNMOVED_H */
