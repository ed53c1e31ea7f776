/*-------------------------------------------------------------------------
 * engine/outbox.h - what a run asks of another run, and the answer.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_OUTBOX_H
#define TPG_ENGINE_OUTBOX_H

#include "engine/run.h"

/* Does an event of this type ask something of another run? */
extern bool tpg_engine_outbox_is_for(TpgEventType type);

/* This event of the run asks something of another run: done after the COMMIT. */
extern void tpg_engine_outbox_add(const TpgExecution *exec, const TpgEvent *event);

/* Somebody should do what is due in the outbox of this run. */
extern void tpg_engine_outbox_wake(const TpgExecution *exec, TimestampTz due_at);

typedef enum TpgOutboxOutcome
{
	TPG_OUTBOX_DONE,			/* all that was due */
	TPG_OUTBOX_NOTHING,			/* nothing was */
	TPG_OUTBOX_MORE,			/* enough for one transaction; more is due */
	TPG_OUTBOX_LOCKED			/* another process is at it */
} TpgOutboxOutcome;

/*
 * Does what is due in the outbox of a run, in order for each workflow id that it is asked of.  Writes the other runs and
 * the answers in the caller's transaction; runs no user code.  May wait for a
 * transaction that starts or closes the other run.
 */
extern TpgOutboxOutcome tpg_engine_outbox(int64 execution_key);

/*
 * All of it that is due, in the caller's transaction, which holds the outbox lock.
 * 0, or a run that somebody else has: what is asked of it is left.
 */
extern int64 tpg_engine_outbox_all(int64 execution_key);

/*
 * Of the runs that it is asked of and that came before this one, one whose row somebody
 * has locked to close or delete it; 0: none, and none will have until the transaction ends.
 */
extern int64 tpg_engine_outbox_locked_before(int64 execution_key);

/* It raised an error: the entry that did is tried again later. In a new transaction. */
extern void tpg_engine_outbox_failed(int64 execution_key);

#endif							/* TPG_ENGINE_OUTBOX_H */
