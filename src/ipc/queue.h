/*-------------------------------------------------------------------------
 *
 * queue.h
 *	  Work queues: one ring of hints for each (database, owner role).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_QUEUE_H
#define TPG_IPC_QUEUE_H

#include "datatype/timestamp.h"
#include "ipc/wake.h"

/* A queue as it was when looked up; it may have been given to others since. */
typedef struct TpgQueueRef
{
	int			index;			/* -1: none */
	uint32		generation;
} TpgQueueRef;

typedef enum TpgOffer
{
	TPG_OFFER_TAKEN,			/* now in the ring */
	TPG_OFFER_KNOWN,			/* was there already */
	TPG_OFFER_IN_HAND,			/* is being worked on */
	TPG_OFFER_FULL,				/* no room; an executor reports when there is */
	TPG_OFFER_GONE				/* no such queue, and none to be had */
} TpgOffer;

/* flags of tpg_queue_offer */
#define TPG_OFFER_SELF		0x01	/* the caller pops next: wake nobody */
#define TPG_OFFER_ONCE		0x02	/* if being worked on, that will do */

/*
 * Finds or makes the queue.  Takes a lightweight lock: not for use in the
 * delivery at commit.
 */
extern TpgQueueRef tpg_queue_ref(Oid dboid, Oid owner);

/* In place of a role: hints for the HTTP process, which has no slot (ipc/http). */
#define TPG_HTTP_OWNER InvalidOid

/* Never fails, allocates or blocks for long. */
extern TpgOffer tpg_queue_offer(TpgQueueRef ref, TpgWorkItem item, int flags);

/* Does it wait in the ring, or has it been taken without having started yet (ipc/limits)? */
extern bool tpg_queue_pending(TpgQueueRef ref, TpgWorkItem item);

/* Both in one; a full ring becomes a scan by the dispatcher. */
extern void tpg_queue_push(Oid dboid, Oid owner, TpgWorkItem item);

/* The run is locked elsewhere: the dispatcher of this database offers it again. */
extern void tpg_park(TpgWorkItem item, Oid owner);

/*
 * For an executor and its own queue.  pop: false = nothing there, and the
 * caller is now on the idle list.  finish: done with the popped item; if it was
 * offered again meanwhile, it goes back into the ring.  leave: off the idle
 * list; false = somebody has just given us work.  is_mine: does an executor
 * take items from that queue?
 */
extern bool tpg_queue_is_mine(TpgQueueRef ref);
extern bool tpg_queue_pop(TpgWorkItem *item);
extern void tpg_queue_finish(void);
extern bool tpg_queue_leave(void);

/* Membership of an executor slot, for slots.c; under no other lock but control. */
extern void tpg_queue_join(TpgQueueRef ref, int slot);
extern void tpg_queue_part(int slot, bool give_back);

/* Forget the hints of a database that is no more. */
extern void tpg_queue_forget_database(Oid dboid);

#define TPG_MAX_QUEUES 64

#endif							/* TPG_IPC_QUEUE_H */
