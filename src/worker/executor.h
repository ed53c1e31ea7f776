/*-------------------------------------------------------------------------
 *
 * executor.h
 *	  The processes that run workflow tasks and activities.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_EXECUTOR_H
#define TPG_WORKER_EXECUTOR_H

extern PGDLLEXPORT void tpg_executor_main(Datum main_arg);

#endif							/* TPG_WORKER_EXECUTOR_H */
