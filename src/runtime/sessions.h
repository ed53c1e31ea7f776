/*-------------------------------------------------------------------------
 * runtime/sessions.h - updates: workflow tasks in the caller's backend.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_SESSIONS_H
#define TPG_RUNTIME_SESSIONS_H

#include "engine/run.h"

/* How far an update has come. */
typedef enum TpgUpdateStage
{
	TPG_UPDATE_UNKNOWN,
	TPG_UPDATE_ACCEPTED,
	TPG_UPDATE_COMPLETED
} TpgUpdateStage;

typedef struct TpgUpdateState
{
	TpgUpdateStage stage;
	Jsonb	   *result;
	Jsonb	   *failure;		/* of a completed one */
	TimestampTz begins_at;		/* an unknown one was not taken: the run begins only then; else 0 */
} TpgUpdateState;

/* What history says of an update. */
extern void tpg_session_update_state(TpgExecution *exec, const char *id, TpgUpdateState *state);

/*
 * Delivers an update in the caller's transaction, waiting for the run under
 * lock_timeout.  Rejection is TP023.  must_complete: TP024 when the handler has to
 * wait, TF008 when it fails; else both are recorded.  A run whose first task is not
 * due takes none: state->begins_at.  False: the run is closed, and does not know the
 * update.
 */
extern bool tpg_session_update(const TpgExecution *exec, const TpgUpdateRequest *request, bool must_complete,
							   TpgUpdateState *state);

#endif							/* TPG_RUNTIME_SESSIONS_H */
