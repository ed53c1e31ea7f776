/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The one process a cluster that keeps dispatchers running.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_LAUNCHER_H
#define TPG_WORKER_LAUNCHER_H

#define TPG_LAUNCHER_RESTART_S 5

extern PGDLLEXPORT void tpg_launcher_main(Datum main_arg);

#endif							/* TPG_WORKER_LAUNCHER_H */
