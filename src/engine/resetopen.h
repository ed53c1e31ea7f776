/*-------------------------------------------------------------------------
 * engine/resetopen.h - what was open where a run was reset to.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_RESETOPEN_H
#define TPG_ENGINE_RESETOPEN_H

#include "store/execution.h"
#include "store/history.h"

/*
 * Rows for what `kept` events of the new run have begun and not ended; tail: the
 * events of base behind them.  Sets exec->pending_activities.
 */
extern void tpg_reset_take_over(TpgExecution *exec, const TpgExecution *base, const TpgEvent *events, int kept,
								const TpgEvent *tail, int ntail, TimestampTz now);

#endif							/* TPG_ENGINE_RESETOPEN_H */
