/*-------------------------------------------------------------------------
 *
 * concurrency.h
 *	  How much executors may do at once in a database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_CONCURRENCY_H
#define TPG_IPC_CONCURRENCY_H

/*
 * How much executors may do at once in a database (temporal_pg.max_concurrent_*),
 * by class of ipc/lanes.  take: false, and nothing is taken, at the limit.
 */
extern bool tpg_database_may_take(Oid dboid, int class);
extern bool tpg_database_take(Oid dboid, int class);
extern bool tpg_database_give(Oid dboid, int class);	/* true: somebody may have waited for that */

#endif							/* TPG_IPC_CONCURRENCY_H */
