/*-------------------------------------------------------------------------
 * engine/look.h - a run as it is at one moment, for those who do not hold it.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_LOOK_H
#define TPG_ENGINE_LOOK_H

#include "engine/run.h"

/*
 * Row, history and, if it is open and with_mail is given, the mail that is due,
 * as a group that nobody will write.  *exec is read again; gone: TP010.  In the
 * current memory context.
 */
extern TpgRun *tpg_run_look(TpgExecution *exec, bool with_mail);

/*
 * Would a look at the run show the same again?  run: from tpg_run_look with mail,
 * in this or an earlier transaction.
 */
extern bool tpg_run_is_unchanged(const TpgRun *run);

#endif							/* TPG_ENGINE_LOOK_H */
