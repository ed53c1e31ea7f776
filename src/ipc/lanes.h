/*-------------------------------------------------------------------------
 *
 * lanes.h
 *	  The hints of one work queue: a lane for each class of work and priority.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_LANES_H
#define TPG_IPC_LANES_H

#include "ipc/wake.h"

#define TPG_RING_SIZE 1152
#define TPG_RECENT_SIZE 1024	/* power of two */
#define TPG_PRIORITIES 5
#define TPG_DEFAULT_PRIORITY 3

/* What temporal_pg.max_concurrent_* tells apart. */
typedef enum TpgLaneClass
{
	TPG_LANE_WORKFLOW,
	TPG_LANE_ACTIVITY,
	TPG_LANE_OUTBOX,
	TPG_LANE_CLASSES
} TpgLaneClass;

typedef struct TpgLaneCell
{
	TpgWorkItem item;			/* kind 0: free */
	uint32		seq;			/* which of two lanes' first items is older */
	int16		next;			/* -1: last */
} TpgLaneCell;

typedef struct TpgLanes
{
	int			nitems;
	int			nclass[TPG_LANE_CLASSES];
	uint32		seq;
	int16		free;
	int16		first[TPG_LANE_CLASSES][TPG_PRIORITIES];
	int16		last[TPG_LANE_CLASSES][TPG_PRIORITIES];

	/*
	 * The cell of an item, by hash: tells in constant time that it is here.
	 * Collisions only make a duplicate possible.
	 */
	int16		recent[TPG_RECENT_SIZE];
	TpgLaneCell cells[TPG_RING_SIZE];
} TpgLanes;

static inline TpgLaneClass
tpg_lane_class(const TpgWorkItem *item)
{
	return item->kind == TPG_WORK_ACTIVITY ? TPG_LANE_ACTIVITY :
		item->kind == TPG_WORK_OUTBOX ? TPG_LANE_OUTBOX : TPG_LANE_WORKFLOW;
}

static inline bool
tpg_same_item(const TpgWorkItem *a, const TpgWorkItem *b)
{
	return a->execution_key == b->execution_key &&
		a->event_id == b->event_id && a->kind == b->kind;
}

/* Callers hold the queue's mutex. */
extern void tpg_lanes_reset(TpgLanes *lanes);
extern bool tpg_lanes_contain(const TpgLanes *lanes, const TpgWorkItem *item);

/* False: no room for an item of that priority. */
extern bool tpg_lanes_append(TpgLanes *lanes, const TpgWorkItem *item);

/*
 * The class of the item to be taken next among the classes that are allowed: of
 * the lowest priority number, there the oldest.  -1: none.  take: that item.
 */
extern int	tpg_lanes_next(const TpgLanes *lanes, const bool *allowed, int *priority);
extern void tpg_lanes_take(TpgLanes *lanes, int class, int priority, TpgWorkItem *item);

#endif							/* TPG_IPC_LANES_H */
