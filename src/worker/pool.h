/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  The executors of a database: when there should be more of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_POOL_H
#define TPG_WORKER_POOL_H

#include "datatype/timestamp.h"

extern void tpg_pool_init(void);

/*
 * Starts executors where work waits; notices those that did not come.  The time
 * of the next look, DT_NOEND if none is needed.  Runs outside of transactions.
 */
extern TimestampTz tpg_pool_turn(TimestampTz now);

#endif							/* TPG_WORKER_POOL_H */
