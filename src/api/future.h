/*-------------------------------------------------------------------------
 * future.h
 *	  The SQL type temporal.future and the ops behind it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_FUTURE_H
#define TPG_API_FUTURE_H

#include "runtime/activation.h"

/* kind (8 bits), tag of the run (24), number (32) */
extern Datum tpg_future_make(TpgActivation *act, const TpgOp *op);

/* The op of a future; error when it was not made by this run. */
extern TpgOp *tpg_future_op(TpgActivation *act, Datum future);

/* The same of a child workflow; 22023 when it is something else. */
extern TpgOp *tpg_future_child(TpgActivation *act, Datum future);

/* The ops of an array of futures, which must have no NULL. */
extern TpgOp **tpg_future_ops(TpgActivation *act, Datum array, int *n);

#endif							/* TPG_API_FUTURE_H */
