/*-------------------------------------------------------------------------
 *
 * utility.h
 *	  Commands that need the background processes of a database out of the way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_UTILITY_H
#define TPG_WORKER_UTILITY_H

extern void tpg_utility_init(void);

#endif							/* TPG_WORKER_UTILITY_H */
