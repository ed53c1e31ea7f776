/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *	  The dispatcher's end of its database's entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_DISPATCH_H
#define TPG_IPC_DISPATCH_H

#include "datatype/timestamp.h"
#include "ipc/databases.h"

/* False = not wanted (any more). */
extern bool tpg_dispatcher_attach(int index, Oid dboid);

/* Requests seen so far, and the answer to them: no extension here. */
extern uint32 tpg_dispatcher_requests(void);
extern void tpg_dispatcher_answer(uint32 requests);
extern void tpg_dispatcher_confirm(void);

extern bool tpg_dispatcher_take_scan(void);
extern bool tpg_dispatcher_take_refill(void);
extern bool tpg_dispatcher_take_released(void);
extern bool tpg_dispatcher_take_limits(void);
extern bool tpg_dispatcher_take_settings(void);
extern bool tpg_dispatcher_take_lost(void);
extern TimestampTz tpg_dispatcher_take_due(void);	/* DT_NOEND if none */
extern TimestampTz tpg_dispatcher_take_heartbeat_due(void);	/* likewise */
extern void tpg_dispatcher_set_grow(bool wanted);

/* Publish when it will wake up by itself; false = something came in meanwhile. */
extern bool tpg_dispatcher_plan(TimestampTz wakeup);

/* Takes up to max items that executors put aside. */
extern int	tpg_dispatcher_take_parked(TpgParkedItem *items, int max);

#endif							/* TPG_IPC_DISPATCH_H */
