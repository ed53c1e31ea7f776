/*-------------------------------------------------------------------------
 * store/control.h - table temporal_internal.activity_request: what operators ask of a running activity.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_CONTROL_H
#define TPG_STORE_CONTROL_H

#include "utils/jsonb.h"

/*
 * Takes out what is asked of an activity, in order.  How many.  The caller has
 * its row locked, and the execution row FOR SHARE: who asks holds that FOR NO KEY
 * UPDATE, so he has been seen, or finds the row after us.
 */
extern int	tpg_control_take(int64 execution_key, int32 scheduled_event_id, Jsonb ***commands);

/* Does it, as it is done to an activity that nobody runs (sql/again/57_operator.sql). */
extern void tpg_control_apply(int64 execution_key, int32 scheduled_event_id, const Jsonb *command);

/*
 * The same to the activity of that id, or (NULL) to those of a type, '*' for all, of a run,
 * also where they run; false: none is pending.  The caller has checked the rights.
 */
extern bool tpg_control_command(int64 execution_key, const char *activity_id, const char *activity_type, const Jsonb *command);

/* Of a run. */
extern void tpg_control_delete_all(int64 execution_key);

#endif							/* TPG_STORE_CONTROL_H */
