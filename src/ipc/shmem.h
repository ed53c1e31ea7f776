/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  The shared memory of temporal_pg, and careful mode.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_SHMEM_H
#define TPG_IPC_SHMEM_H

#include "datatype/timestamp.h"

/* Hooks; from _PG_init, after tpg_guc_init(), while libraries are preloaded. */
extern void tpg_shmem_init(void);

/* Is the shared memory there?  (Library preloaded, server up.) */
extern bool tpg_shmem_ready(void);

/* Error with a HINT when the library was not preloaded. */
extern void tpg_require_preload(void);

/*
 * Careful mode: for a while after a crash, one activity at a time in the whole
 * cluster, its attempt recorded before it starts.  tpg_careful_begin() takes
 * the one permit (false: somebody else has it; true also when we have it
 * already); it is given back by tpg_careful_end() or by the end of the process.
 */
extern bool tpg_careful_mode(void);
extern bool tpg_careful_begin(void);
extern void tpg_careful_end(void);

/* Did a crash of the server end what was going on at that time? */
extern bool tpg_careful_went_down(TimestampTz started_at);

/* Recovery is over: the period of careful mode counts from now (launcher). */
extern void tpg_careful_arm(void);

#endif							/* TPG_IPC_SHMEM_H */
