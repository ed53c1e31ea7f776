/*-------------------------------------------------------------------------
 * engine/handout.h - external activities are given to workers that poll.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_HANDOUT_H
#define TPG_ENGINE_HANDOUT_H

#include "store/line.h"

/*
 * Up to max_tasks tasks of a queue, whose attempts begin with the caller's transaction:
 * after COMMIT they are the worker's, after ROLLBACK anybody's.  Does not wait; *again: when limits of the
 * queue may let more start (DT_NOEND: nothing is known).  *locked: there were
 * some, whose places somebody else has taken meanwhile; until the end of the transaction nobody gets them.  In
 * a test environment: of its own runs only, by its clock.
 */
extern int	tpg_engine_hand_out(int32 namespace_id, const char *task_queue, const char *identity, int max_tasks, TpgLineTask **tasks,
								TimestampTz *again, bool *locked);

/* For the dispatcher: what has become due gets in line, and pollers are woken for it. */
extern void tpg_engine_line_up(TimestampTz now);

#endif							/* TPG_ENGINE_HANDOUT_H */
