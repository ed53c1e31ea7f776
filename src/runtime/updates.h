/*-------------------------------------------------------------------------
 * runtime/updates.h - updates: validated, accepted, handled.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_UPDATES_H
#define TPG_RUNTIME_UPDATES_H

#include "runtime/activation.h"

/* One that a reset brought, in its place among the signals of the group: judged when live, else as it was. */
extern void tpg_update_deliver_admitted(TpgActivation *act, const TpgEvent *admitted);

/*
 * The others of the present group, behind its signals: in a replay the accepted ones of its
 * events (looked ahead, F-39), live the request of a session.
 */
extern void tpg_updates_deliver(TpgActivation *act);

/* Its handler has ended. */
extern void tpg_update_completed(TpgActivation *act, TpgUpdate *update, Jsonb *result, Jsonb *failure);

/* Attributes of WorkflowExecutionUpdateCompleted. */
extern Jsonb *tpg_update_completed_attributes(const TpgUpdate *update);

extern TpgUpdate *tpg_update_find(TpgActivation *act, const char *id);

/* Is it the one that a session asks for now? */
extern bool tpg_update_is_requested(const TpgActivation *act, const TpgUpdate *update);
/*
 * Was that activation an update's, done by a session?  Such a one may bring the
 * code to its end and yet not close the run.
 */
extern bool tpg_updates_any_in_task(const TpgRun *run, int32 task_id);

#endif							/* TPG_RUNTIME_UPDATES_H */
