/*-------------------------------------------------------------------------
 * runtime/drive.h - a workflow task, an activity task: from the claim to the last row.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_DRIVE_H
#define TPG_RUNTIME_DRIVE_H

#include "utils/elog.h"

typedef enum TpgTaskKind
{
	TPG_TASK_DONE,				/* commit */
	TPG_TASK_NOTHING,			/* nothing was due */
	TPG_TASK_LOCKED,			/* somebody else holds it: commit, look again later */
	TPG_TASK_LIMITED,			/* its task queue may not start it now: the dispatcher will give it out */
	TPG_TASK_MISROUTED,			/* belongs to an executor of another role: `owner` */
	TPG_TASK_AGAIN,				/* commit, then call again at once */
	TPG_TASK_AUTONOMOUS			/* commit, then go on outside of a transaction: runtime/autonomous */
} TpgTaskKind;

typedef struct TpgTaskOutcome
{
	TpgTaskKind kind;
	Oid			owner;
} TpgTaskOutcome;

/*
 * In a transaction of the caller's, who commits afterwards.  Both find out
 * themselves whether there is anything to do.  Errors are ours, never those of user code.
 */
extern TpgTaskOutcome tpg_drive_workflow_task(int64 execution_key);
extern TpgTaskOutcome tpg_drive_activity_task(int64 execution_key, int32 event_id);

/* What the run asks of other runs (engine/outbox); runs no user code. */
extern TpgTaskOutcome tpg_drive_outbox(int64 execution_key);

/* In a new transaction, after the one above ended in an error (also at COMMIT).  False: somebody else has the run. */
extern bool tpg_drive_workflow_task_failed(int64 execution_key, ErrorData *error);
extern void tpg_drive_activity_task_failed(int64 execution_key, int32 event_id, ErrorData *error);
extern void tpg_drive_outbox_failed(int64 execution_key, ErrorData *error);

#endif							/* TPG_RUNTIME_DRIVE_H */
