/*-------------------------------------------------------------------------
 *
 * parked.h
 *	  Work put aside because its run was locked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_PARKED_H
#define TPG_WORKER_PARKED_H

#include "datatype/timestamp.h"
#include "ipc/wake.h"

extern void tpg_parked_init(void);

/* Takes over what executors have put aside. */
extern void tpg_parked_collect(TimestampTz now);

/*
 * Offers again what is due, or everything after a lock was released.  The time
 * of the next offer, DT_NOEND if none.
 */
extern TimestampTz tpg_parked_turn(TimestampTz now, bool released);

/* Does this item wait here?  Then a scan need not offer it. */
extern bool tpg_parked_contains(TpgWorkItem item);

#endif							/* TPG_WORKER_PARKED_H */
