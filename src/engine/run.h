/*-------------------------------------------------------------------------
 * engine/run.h - a run in memory: its row, its history, what this task adds.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_RUN_H
#define TPG_ENGINE_RUN_H

#include "model/outcome.h"
#include "store/activity.h"
#include "store/execution.h"
#include "store/history.h"
#include "store/message.h"

/* What a session asks of a run. */
typedef struct TpgUpdateRequest
{
	const char *id;
	const char *name;
	Jsonb	   *input;			/* may be NULL */
	const char *identity;
} TpgUpdateRequest;

/*
 * events[0 .. nstored) stand in the table; events[nstored .. nevents) are new.
 * The new ones form groups, one an activation: first what it delivers, then the
 * events of the commands that the code issued.  Only the last group is open.
 */
typedef struct TpgRun
{
	MemoryContext context;
	TpgExecution *exec;
	TpgEvent   *events;
	int			nevents;
	int			maxevents;
	int			nstored;
	int32		stored_task_id; /* those of the row when it was loaded */
	TimestampTz stored_task_time;

	/* the open group */
	int			group_start;	/* index of its first event */
	int			group_delivered;	/* index behind the last one that it delivers */
	int			group_own_end;	/* the same before more mail was added to it */
	int32		task_id;
	TimestampTz task_time;
	bool		group_from_mail;	/* it delivers messages; else an eager activity */

	/* mail taken up in this transaction; from group_message on by the open group */
	int64	   *message_ids;
	int			nmessages;
	int			maxmessages;
	int			group_message;
	bool		run_timed_out;	/* the run timeout is due */

	/* an eager outcome in the open group, in case its task fails and it must become mail */
	TpgOutcome *eager_outcome;
	int32		eager_scheduled_event_id;
	int32		mailed_event_id;	/* of the activity for which it did; else 0 */

	/* an update that the open group delivers, if its task is that one */
	const TpgUpdateRequest *update_request;
	int32		update_task_id;

	/* activities of this transaction that were tried eagerly and wait for their next attempt */
	TpgActivityTask *retries;
	int			nretries;

	/* it is closed by a reset: */
	bool		children_kept;	/* its children are those of the run to come */
	bool		goes_on;		/* that is what its parent will hear of */

	struct TpgBlocked *blocked; /* runtime/unmoved: where its code stands; NULL: not known */

	uint64		used;			/* for the cache: when last */
	bool		touched;		/* for the cache: by the transaction in progress */
	SubTransactionId loaded_in; /* for the cache: when it was touched last */
	bool		in_use;			/* for the cache: loaded and not yet released */
} TpgRun;

/* Where a pass over the code began, to come back to. */
typedef struct TpgRunMark
{
	int			nevents;
	int			group_start;
	int			group_delivered;
	int			group_own_end;
	int			group_message;
	int			nmessages;
	int			nretries;
	int32		task_id;
	int32		last_task_id;
	TimestampTz task_time;
	TimestampTz last_task_time;
	bool		group_from_mail;
	TpgOutcome *eager_outcome;
	int32		eager_scheduled_event_id;
} TpgRunMark;

extern void tpg_run_mark(const TpgRun *run, TpgRunMark *mark);
extern void tpg_run_return_to(TpgRun *run, const TpgRunMark *mark);

/*
 * Loads a run whose lock the caller holds; NULL when it is gone.  History comes
 * from this process's cache as far as it is there.  The result belongs to
 * the cache and is valid until tpg_run_release.
 */
extern TpgRun *tpg_run_load(int64 execution_key);

/* Without cache, in the current memory context; for reading (queries, replay). */
extern TpgRun *tpg_run_load_readonly(TpgExecution *exec);

/* Back to the cache after a commit is sure (keep) or not (drop). */
extern void tpg_run_release(TpgRun *run, bool keep);

/* Forget everything cached that is not in use, for tests. */
extern void tpg_run_cache_reset(void);

/* Opens the next group: the next activation, at `now` (never going back). */
extern void tpg_run_open_group(TpgRun *run, TimestampTz now, bool from_mail);

/* A group that is no activation: its events are delivered to no code (task_id 0). */
extern void tpg_run_open_forced(TpgRun *run, TimestampTz now);

/* An eagerly tried activity goes on as a queued one. */
extern void tpg_run_add_retry(TpgRun *run, const TpgActivityTask *task);

/* Appends an event to the open group; attributes are copied. Returns its id. */
extern int32 tpg_run_append(TpgRun *run, TpgEventType type, TimestampTz time, const Jsonb *attributes,
							const Jsonb *user_metadata);

/* The two events of an activity's outcome. */
extern void tpg_run_append_outcome(TpgRun *run, int32 scheduled_event_id, const TpgOutcome *outcome);

/* Everything delivered so far in the open group: commands follow. */
extern void tpg_run_end_delivery(TpgRun *run);

/* Drops the commands of the open group (its code runs again). */
extern void tpg_run_drop_commands(TpgRun *run);

/* Drops the open group altogether. */
extern void tpg_run_drop_group(TpgRun *run);

/* Drops all that is new. */
extern void tpg_run_drop_new(TpgRun *run);

/* Is it that of a command, which code has issued?  Closing events are not among them. */
extern bool tpg_event_is_of_command(const TpgEvent *event);

static inline TpgEvent *
tpg_run_event(TpgRun *run, int32 event_id)
{
	return event_id >= 1 && event_id <= run->nevents ? &run->events[event_id - 1] : NULL;
}

#endif							/* TPG_ENGINE_RUN_H */
