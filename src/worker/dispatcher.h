/*-------------------------------------------------------------------------
 *
 * dispatcher.h
 *	  The one process a database that finds due work and starts executors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_DISPATCHER_H
#define TPG_WORKER_DISPATCHER_H

extern PGDLLEXPORT void tpg_dispatcher_main(Datum main_arg);

#endif							/* TPG_WORKER_DISPATCHER_H */
