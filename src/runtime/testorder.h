/*-------------------------------------------------------------------------
 * runtime/testorder.h - which task of its runs a test environment does next.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_TESTORDER_H
#define TPG_RUNTIME_TESTORDER_H

#include "store/task_queue.h"

/* The environment begins: nobody has had a turn. */
extern void tpg_test_order_begin(void);

/* Reads what is due of its runs.  How many there are. */
extern int	tpg_test_order_read(void);

/*
 * The next of those that were read, whose turn it is now; *by_turns: in a queue with settings.  NULL: there
 * are none.  Valid until the next are read.
 */
extern TpgBacklogRow *tpg_test_order_next(bool *by_turns);

/*
 * The same for one run: what goes as early as this priority, in queues without settings.  Valid until the next
 * of a run are read; what was read of all is not touched.
 */
extern int	tpg_test_order_read_run(int64 execution_key, bool activities, int priority);
extern TpgBacklogRow *tpg_test_order_next_of_run(void);

/* That task was done. */
extern void tpg_test_order_taken(void);

#endif							/* TPG_RUNTIME_TESTORDER_H */
