/*-------------------------------------------------------------------------
 * store/linekeys.h - which fairness key of a line is next.  For store/line.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_LINEKEYS_H
#define TPG_STORE_LINEKEYS_H

#include "datatype/timestamp.h"
#include "model/turns.h"

typedef struct TpgLine TpgLine;

/* The tasks of one priority and fairness key of a task queue. */
typedef struct TpgLineKey
{
	TpgLine    *line;
	int			priority;
	char		key[TPG_FAIRNESS_KEY_MAX + 4];
	double		weight;
	TpgTurn    *turn;

	/* within one choice */
	int			taken;			/* tasks that were found */
	int			wanted;			/* and that come to their turn besides */
	bool		gone;			/* it had less than was wanted */

	/* how far its front had come when all of it was looked at, or later */
	TimestampTz front_at;		/* 0: not known */
	int64		front_pass;
	TimestampTz front_due;
} TpgLineKey;

/* What this process knows of the line of a queue. */
extern TpgLine *tpg_line_of(int32 namespace_id, const char *task_queue);

/* The same of the test environment of this transaction. */
extern TpgLine *tpg_line_of_test(int32 namespace_id, const char *task_queue);

/* Reads which keys have something due of some runs (bigint[]). */
extern void tpg_line_look_at_runs(TpgLine *line, Datum execution_keys, TimestampTz now);

/*
 * Reads which keys it has, unless (force) that has been done a moment ago; false: nothing was read.
 * Within the store's bracket.
 */
extern bool tpg_line_look(TpgLine *line, bool force);

/* A choice begins. */
extern void tpg_line_choice_begin(TpgLine *line);

/*
 * The keys of the first priority that has some, and how many of the next `limit` tasks are theirs
 * (wanted).  *first: the first of them; 0: there is none.
 */
extern int	tpg_line_choose(TpgLine *line, int limit, TpgLineKey **first);

/* A task of it has been given out. */
extern void tpg_line_taken(TpgLineKey *key);

#endif							/* TPG_STORE_LINEKEYS_H */
