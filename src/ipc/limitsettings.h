/*-------------------------------------------------------------------------
 *
 * limitsettings.h
 *	  The settings of task queues come into shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_LIMITSETTINGS_H
#define TPG_IPC_LIMITSETTINGS_H

#include "ipc/limits.h"

/* ---------- for the dispatcher ---------- */

typedef struct TpgLimitSettings
{
	int32		namespace_id;
	const char *task_queue;
	bool		paused;
	int			max_concurrent[TPG_LIMIT_KINDS];	/* -1: any number */
	double		per_second[TPG_LIMIT_KINDS];	/* -1: no rate */
} TpgLimitSettings;

/*
 * All settings of this database anew; begin comes before they are read.  Between a COMMIT
 * that changes settings and the end of the load nothing that has a queue starts.
 * put: index -1 when there is no room.
 */
extern void tpg_limits_load_begin(void);
extern TpgLimitRef tpg_limits_load_put(const TpgLimitSettings *settings);
extern void tpg_limits_load_end(void);

/* Are task queues of this database configured? */
extern bool tpg_limits_any(void);

/* Were there settings for which there was no room?  Any process. */
extern bool tpg_limits_left_out(void);

/* For this floor: of a database that is no more. */
extern void tpg_limits_forget_database(Oid dboid);

#endif							/* TPG_IPC_LIMITSETTINGS_H */
