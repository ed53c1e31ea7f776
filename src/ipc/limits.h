/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  What a task queue may start now: concurrency, rate, pause.
 *
 * Task queues without settings have no limits here, and cost one test.  The
 * settings are read from the table by the dispatcher, which also gives out the
 * work of configured queues (worker/backlog); before it has read them nothing
 * may start.
 *
 * Who starts a task asks first:
 *
 *	  tpg_limits_start()	may it start now?  If so, it counts.
 *
 * and it counts until
 *	  - an executor is through with the item in its hands, in whatever way;
 *	  - elsewhere, the transaction ends, or the subtransaction is rolled back;
 *		after tpg_limits_keep_open() and a COMMIT, until tpg_limits_open_ended() has
 *		been committed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_LIMITS_H
#define TPG_IPC_LIMITS_H

#include "datatype/timestamp.h"

/* configured task queues of all databases together */
#define TPG_MAX_TASK_QUEUES 512

typedef enum TpgLimitKind
{
	TPG_LIMIT_ACTIVITY,
	TPG_LIMIT_WORKFLOW,
	TPG_LIMIT_KINDS
} TpgLimitKind;

/* Limits as they were when looked up; they may be another queue's by now. */
typedef struct TpgLimitRef
{
	int			index;			/* -1: the queue is not configured */
	uint32		generation;
} TpgLimitRef;

/* Never blocks for long, never fails.  A queue that is not configured: index -1. */
extern TpgLimitRef tpg_limits_find(int32 namespace_id, const char *task_queue);

/* Is there a limit, or a pause?  Then nothing may run that has not asked. */
extern bool tpg_limits_hold(int32 namespace_id, const char *task_queue, TpgLimitKind kind);

/*
 * May one more start now?  If not, *again says when to ask again: a time, or
 * DT_NOEND: when one ends or the queue is unpaused (the dispatcher is told then).
 */
extern bool tpg_limits_start(int32 namespace_id, const char *task_queue, TpgLimitKind kind, TimestampTz *again);

/*
 * How many of so many may start now, as it looks: before tasks are locked that may not start.  Fewer: *again as above,
 * and whoever gives back a place wakes a session that polls.  no_use: there was room, and nothing that waits for it.
 */
extern int	tpg_limits_room(int32 namespace_id, const char *task_queue, TpgLimitKind kind, int wanted, TimestampTz *again);
extern void tpg_limits_no_use(int32 namespace_id, const char *task_queue, TpgLimitKind kind);

/* Have the settings of this database been read?  Else nothing may start yet. */
extern bool tpg_limits_known(void);

/* Are there attempts that this transaction would leave open, and that have a place? */
extern bool tpg_limits_opened(void);

/*
 * For attempts that stay open beyond the transaction that starts them, outside of
 * executors.  keep_open: the last start goes on counting after COMMIT.
 * open_ended: at COMMIT, so many of them count no more.  The dispatcher counts
 * them in the table when it reads the settings, and again with every sweep: what
 * is counted wrongly all the same (a transaction that was prepared) is set right there.
 */
extern void tpg_limits_keep_open(void);
extern void tpg_limits_open_ended(int32 namespace_id, const char *task_queue, TpgLimitKind kind, int count);

/*
 * What the dispatcher gave out (TpgWorkItem.limit) has not started: its row is gone, or (refused) the limits
 * did not let it, and it is due again.  Outside of transactions and of executors.
 */
extern void tpg_limits_hint_over(uint16 item_limit, TpgLimitKind kind, bool refused);

/* ---------- for the dispatcher ---------- */

/* How many may start now, besides `pending` that were given out; 0: *again as above, and an end is reported. */
extern int	tpg_limits_available(TpgLimitRef ref, TpgLimitKind kind, int pending, TimestampTz now, TimestampTz *again);

/* Open attempts: how many are known; set. */
extern int	tpg_limits_open(TpgLimitRef ref, TpgLimitKind kind);
extern void tpg_limits_set_open(TpgLimitRef ref, TpgLimitKind kind, int open);

extern bool tpg_limits_take_news(TpgLimitRef ref, TpgLimitKind kind);

/* ---------- for this floor ---------- */

/* There is more to start.  At commit: never fails. */
extern void tpg_limits_news(TpgLimitRef ref, TpgLimitKind kind, int count);

/* The transaction has ended. */
extern void tpg_limits_at_end(bool committed);

/* A subtransaction has been committed, or (parent 0) rolled back. */
extern void tpg_limits_at_subend(SubTransactionId subid, SubTransactionId parent);

/* An executor is through with its item. */
extern void tpg_limits_item_over(int slot, uint16 item_limit);

/* ---------- for views ---------- */

typedef struct TpgLimitState
{
	int			running;
	double		add_rate;		/* a second, over about the last half minute */
	double		dispatch_rate;
	bool		paused;
	bool		full;			/* as many run as may */
	bool		late;			/* the rate allows no more now */
} TpgLimitState;

extern bool tpg_limits_state(int32 namespace_id, const char *task_queue, TpgLimitKind kind, TpgLimitState *state);

#endif							/* TPG_IPC_LIMITS_H */
