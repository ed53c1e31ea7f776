/*-------------------------------------------------------------------------
 * store/activityend.h - table temporal_internal.activity_task: one that ends, without a plan.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_ACTIVITYEND_H
#define TPG_STORE_ACTIVITYEND_H

#include "store/activity.h"

/*
 * As tpg_activity_lock by the event: waits for whoever has it, NULL when it is gone.  Without
 * its attributes; heartbeats_kept is not looked at.
 */
extern TpgActivityTask *tpg_activity_lock_to_complete(int64 execution_key, int32 scheduled_event_id);

/* Still there?  (the run's close deletes it) */
extern bool tpg_activity_delete(int64 execution_key, int32 scheduled_event_id);

/* One that this transaction has locked. */
extern void tpg_activity_delete_task(const TpgActivityTask *task);

#endif							/* TPG_STORE_ACTIVITYEND_H */
