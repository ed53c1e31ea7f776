/*-------------------------------------------------------------------------
 * engine/backlogorder.h - in which order the tasks of a queue are given out.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_BACKLOGORDER_H
#define TPG_ENGINE_BACKLOGORDER_H

#include "model/turns.h"
#include "store/task_queue.h"

/* Rows of one priority, key and consumer, in order of age. */
typedef struct TpgBacklogLane
{
	int			priority;		/* from 1 */
	bool		http;
	const char *key;
	double		weight;
	int			next;			/* in rows */
	int			end;
} TpgBacklogLane;

typedef struct TpgBacklogOrder
{
	TpgBacklogRow *rows;
	TpgBacklogLane *lanes;		/* in order of priority */
	int			nlanes;
} TpgBacklogOrder;

/* Sorts the rows, in place; lanes are in the current memory context. */
extern void tpg_backlog_order(TpgBacklogOrder *order, TpgBacklogRow *rows, int nrows);

/* Is anything left? */
extern bool tpg_backlog_order_left(const TpgBacklogOrder *order);

/*
 * The lane whose turn it is, of those that have room (has_room NULL: all); NULL: there is none.  Its
 * first row is given out by next++ and, if it is taken, tpg_turns_taken(turns, *turn, its weight).
 */
typedef bool (*TpgHasRoom) (const void *arg, bool http);
extern TpgBacklogLane *tpg_backlog_order_next(TpgBacklogOrder *order, TpgTurns *turns, TpgHasRoom has_room, const void *arg, TpgTurn **turn);

#endif							/* TPG_ENGINE_BACKLOGORDER_H */
