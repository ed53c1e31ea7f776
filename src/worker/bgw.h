/*-------------------------------------------------------------------------
 *
 * bgw.h
 *	  What the background processes have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_BGW_H
#define TPG_WORKER_BGW_H

#include "postmaster/bgworker.h"

/* Registers the launcher and the utility hook; from _PG_init, preloading. */
extern void tpg_worker_init(void);

/* Starts a process; name is shown in ps and logs. False: no worker slot free. */
extern bool tpg_bgw_start(const char *function, const char *type, const char *name,
						  int argument, const void *extra, size_t extra_size,
						  BackgroundWorkerHandle **handle);

/* First thing in a process: signal handlers, signals on. */
extern void tpg_bgw_setup(void);

/* After connecting: what ALTER ROLE or DATABASE SET must not change for us. */
extern void tpg_bgw_pin_settings(void);
extern void tpg_bgw_without_jit(void);

/*
 * A transaction of ours: READ COMMITTED, read-write, durable.  After the commit
 * the current memory context is what it was before the begin.
 */
extern void tpg_bgw_begin(void);
extern void tpg_bgw_commit(void);

/* Interrupts and configuration reload; once a turn of each main loop. */
extern void tpg_bgw_process_interrupts(void);

#endif							/* TPG_WORKER_BGW_H */
