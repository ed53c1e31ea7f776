/*-------------------------------------------------------------------------
 * store/due.h - what is due: the dispatcher's view of the tables.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_DUE_H
#define TPG_STORE_DUE_H

#include "datatype/timestamp.h"

typedef struct TpgDueRow
{
	TimestampTz due;
	int64		id;				/* of the message or outbox row; 0 for activities */
	int64		execution_key;
	int32		event_id;		/* ActivityTaskScheduled; 0 for runs */
	int32		namespace_id;
	char	   *type;
	char	   *version;		/* that the run is pinned to, or NULL */
	char	   *task_queue;
	int			priority_key;	/* 1 to 5 */
} TpgDueRow;

/*
 * Mail that is due at `now`, after the cursor and in order; the cursor moves to
 * the last row given.  A run may come several times, one whose failed workflow
 * task has to wait does not come.  Rows are in the current memory context.
 */
extern int	tpg_due_runs(TimestampTz now, TimestampTz *cur_due, int64 *cur_id, int limit, TpgDueRow **rows);

/* The same for what runs ask of other runs. */
extern int	tpg_due_outboxes(TimestampTz now, TimestampTz *cur_due, int64 *cur_id, int limit, TpgDueRow **rows);

/* The same for activity attempts. */
extern int	tpg_due_activities(TimestampTz now, TimestampTz *cur_due, int64 *cur_key, int32 *cur_event,
							   int limit, TpgDueRow **rows);

/* The earliest future due time of mail, attempts and timeouts; DT_NOEND: none. */
extern TimestampTz tpg_due_next(TimestampTz now);

/* The same for one run: of a test environment. */
extern TimestampTz tpg_due_next_of_run(int64 execution_key, TimestampTz now);

#endif							/* TPG_STORE_DUE_H */
