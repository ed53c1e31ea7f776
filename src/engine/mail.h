/*-------------------------------------------------------------------------
 * engine/mail.h - the mailbox becomes history.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_MAIL_H
#define TPG_ENGINE_MAIL_H

#include "engine/run.h"

/*
 * Takes up what is due at `now` and was not taken up yet, as events of a new
 * group, or of the open one.  False: nothing was there, and no group was opened.
 */
extern bool tpg_mail_take(TpgRun *run, TimestampTz now, bool new_group);

/* Puts something into the mailbox of a run, and wakes an executor at commit. */
extern void tpg_mail_send(const TpgExecution *exec, TpgMessageKind kind, int32 ref_event_id,
						  TimestampTz deliver_at, const Jsonb *payload);

/* Wakes for mail of a run that is due at that time. */
extern void tpg_mail_wake(const TpgExecution *exec, TimestampTz deliver_at);

/* Of a run whose start delay ends early: its first task and the signals kept for it become due. */
extern void tpg_mail_bring_forward(const TpgExecution *exec, TimestampTz now);

#endif							/* TPG_ENGINE_MAIL_H */
