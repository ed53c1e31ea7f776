/*-------------------------------------------------------------------------
 * engine/control.h - what operators do to pending activities (D-42 to D-46).
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CONTROL_H
#define TPG_ENGINE_CONTROL_H

#include "utils/jsonb.h"

/*
 * A command is {"op": "pause", "info": {…}}, {"op": "unpause", "reset_attempts": …, "reset_heartbeats": …, "jitter": "1s"},
 * {"op": "reset", "keep_paused": …, "restore_original_options": …, "reset_heartbeats": …, "jitter": …}
 * or {"op": "options", "options": {…}}.
 */

/* Does it to an activity whose row the caller has locked, and which may be gone. */
extern void tpg_engine_control_apply(int64 execution_key, int32 scheduled_event_id, const Jsonb *command);

/*
 * Does it to the activity of that id, or (NULL) to those of a type, '*' for all, of a run, also
 * where they run; false: none is pending.  The caller has checked the rights.
 */
extern bool tpg_engine_control(int64 execution_key, const char *activity_id, const char *activity_type, const Jsonb *command);

#endif							/* TPG_ENGINE_CONTROL_H */
