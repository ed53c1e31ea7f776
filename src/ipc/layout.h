/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  What lies in shared memory. For the files of this floor only.
 *
 * Locks, in the order in which they may be taken:
 *	  tpg_shared_lock	LWLock: who has which entry; taken when processes come
 *						and go and when a transaction registers its first
 *						wake, never in the delivery at commit
 *	  queue->mutex		spinlock: ring, members, idle list
 *	  slot->mutex		spinlock: what may be interrupted
 *	  database->park_mutex	spinlock: items put aside, runs whose requests are to be looked at
 *	  pollers[].mutex	spinlock: a list of sessions that poll
 *	  limit->mutex			spinlock: what a task queue may start
 *	  tpg_heartbeat_locks	LWLock a slot: its heartbeat; taken alone
 * A spinlock is never held across more than a few dozen instructions (and one
 * kill()), and no two are held together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_IPC_LAYOUT_H
#define TPG_IPC_LAYOUT_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/dsm_impl.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/spin.h"

#include "ipc/databases.h"
#include "ipc/heartbeats.h"
#include "ipc/http.h"
#include "ipc/lanes.h"
#include "ipc/limits.h"
#include "ipc/queue.h"
#include "ipc/slots.h"

#define TPG_RING_LOW 256
#define TPG_WAITER_CVS 64
#define TPG_POLLER_LISTS 64

/* A slot whose process has not come after this time is free again. */
#define TPG_START_TIMEOUT_MS 10000

typedef struct TpgQueue
{
	slock_t		mutex;
	Oid			dboid;			/* InvalidOid: free; changed under both locks */
	Oid			owner;
	uint32		generation;
	bool		more;			/* due rows are known that had no room */
	int			members;		/* first slot of the chain, -1 */
	int			idle;			/* first slot of the idle list, -1 */
	int			nmembers;
	int			start_failures; /* in a row */
	TimestampTz nonempty_since;
	TimestampTz last_pop;
	TimestampTz last_used;
	TimestampTz backoff_until;

	TpgLanes	lanes;
} TpgQueue;

/* What a configured task queue may start; one for each kind of task. */
typedef struct TpgLimit
{
	int			max;			/* at once; -1: any number */
	int64		interval;		/* microseconds between two starts; 0: no rate, -1: none may start */
	int64		next;			/* time at which the next one is due if they come evenly */
	int			running;		/* in the hands of executors and of transactions in progress */
	int			open;			/* attempts that have outlived the transaction that started them */
	bool		wanted;			/* something waits: tell the dispatcher when one ends */
	bool		place_wanted;	/* a worker outside waits for a place: wake one when an executor gives one back */
	bool		news;			/* there may be more rows than the dispatcher knows */
	double		added;			/* decaying counts, for the view */
	double		started;
	TimestampTz added_at;
	TimestampTz started_at;
} TpgLimit;

typedef struct TpgLimits
{
	slock_t		mutex;
	Oid			dboid;			/* InvalidOid: free; changed by the dispatcher of that database */
	uint32		generation;
	int32		namespace_id;
	uint64		name_hash;
	uint64		poller_key;		/* of the sessions that poll it (ipc/pollers) */
	bool		paused;
	bool		seen;			/* by the load in progress */
	TpgLimit	kinds[TPG_LIMIT_KINDS];
} TpgLimits;

typedef struct TpgSlot
{
	/* under tpg_shared_lock */
	TpgSlotStatus status;
	uint32		generation;
	int			pid;
	PGPROC	   *proc;
	Oid			dboid;
	Oid			owner;
	TpgQueueRef queue;
	TimestampTz started_at;

	/* under the queue's mutex */
	int			next_member;	/* -1: last */
	int			next_idle;
	bool		is_idle;
	bool		has_item;
	bool		again;			/* item was offered while it was worked on */
	TpgWorkItem item;
	TimestampTz since;			/* idle or busy since */

	/* of the item in hand; written by the executor alone */
	TpgLimitRef limit;
	TpgLimitKind limit_kind;
	bool		limit_held;		/* it counts as running there */
	bool		limit_refused;	/* it may not start now */

	/* under mutex */
	slock_t		mutex;
	int64		inflight_key;
	int32		inflight_event;
	TimestampTz attempt_started;	/* of the recorded attempt that it runs; 0: none */
	int			interrupt_reason;

	pg_atomic_uint32 retire;

	/* written by the executor alone */
	int64		workflow_tasks;
	int64		activities;
	int64		failures;
} TpgSlot;

/* The heartbeat of the attempt that runs in the slot of the same number; under its lock. */
typedef struct TpgHeartbeatEntry
{
	int64		execution_key;	/* 0: none */
	int32		scheduled_event_id;
	int32		attempt;
	Oid			dboid;
	bool		open;
	bool		pending;		/* not in the table yet */
	uint64		version;
	TimestampTz at;
	TimestampTz write_at;		/* pending: when */
	TimestampTz written_at;		/* 0: never */
	int64		interval_us;
	Size		size;			/* of its details; 0: none */
	dsm_handle	segment;		/* where they are when they don't fit here */
	char		details[TPG_HEARTBEAT_INLINE];
} TpgHeartbeatEntry;

typedef enum TpgDispatcherStatus
{
	TPG_DISPATCHER_NONE = 0,
	TPG_DISPATCHER_STARTING,
	TPG_DISPATCHER_RUNNING
} TpgDispatcherStatus;

typedef struct TpgDatabase
{
	/* under tpg_shared_lock */
	TpgDispatcherStatus status;
	int			pid;
	int			pauses;
	bool		confirmed;
	TimestampTz starting_since;
	TimestampTz retry_at;

	/* read without a lock: a stale one is a wake that nobody needed */
	PGPROC	   *volatile dispatcher;

	pg_atomic_uint32 requests;
	pg_atomic_uint32 answered;
	pg_atomic_uint32 scan;
	pg_atomic_uint32 refill;
	pg_atomic_uint32 released;
	pg_atomic_uint32 lost;
	pg_atomic_uint32 grow;
	pg_atomic_uint32 limits;	/* a configured task queue has something new, or an end */
	pg_atomic_uint32 settings;	/* read them again */
	pg_atomic_uint32 running[TPG_LANE_CLASSES]; /* in the hands of executors, by class */
	pg_atomic_uint32 stopped;	/* workers: by the table, as it was read last */
	pg_atomic_uint32 stopping;	/* sessions that are in stop_workers() */
	volatile int nlimits;		/* configured task queues */
	pg_atomic_uint32 limits_wanted; /* grows when settings are changed */
	volatile uint32 limits_known;	/* as of which of these the limits were loaded */
	volatile bool limits_left_out;	/* there were more than have room */
	pg_atomic_uint64 next_due;	/* earliest announced; TimestampTz */
	pg_atomic_uint64 heartbeat_due; /* earliest heartbeat that is to be written */
	pg_atomic_uint64 planned;	/* dispatcher wakes up by itself then */

	/* the HTTP process, which runs while there are requests to be made */
	TpgDispatcherStatus http_status;	/* these four under tpg_shared_lock */
	int			http_pid;
	TimestampTz http_starting_since;
	TimestampTz http_retry_at;
	PGPROC	   *volatile http;
	pg_atomic_uint32 http_work;

	slock_t		park_mutex;
	int			nhttp_interrupts;	/* TPG_HTTP_INTERRUPTS + 1: more than have room */
	int64		http_interrupts[TPG_HTTP_INTERRUPTS];
	int			nparked;
	TpgParkedItem parked[TPG_PARK_SIZE];
} TpgDatabase;

typedef enum TpgPollerStatus
{
	TPG_POLLER_NONE = 0,
	TPG_POLLER_WAITING,			/* on its list */
	TPG_POLLER_WOKEN			/* off it, until it looks */
} TpgPollerStatus;

/* One for each process that can be a session, by its number; under the mutex of its list. */
typedef struct TpgPoller
{
	uint64		key;
	Oid			dboid;
	int			wants;
	PGPROC	   *proc;
	int			next;
	int			previous;
	TpgPollerStatus state;
	bool		more;
} TpgPoller;

typedef struct TpgPollerList
{
	slock_t		mutex;
	int			first;			/* -1: nobody */
	int			last;
} TpgPollerList;

/* see ipc/overrun.h */
#define TPG_OVERRUNS 16
typedef struct TpgOverrun
{
	volatile Oid dboid;
	pg_atomic_uint32 deaths;
	pg_atomic_uint64 execution_key; /* 0: none */
} TpgOverrun;

typedef struct TpgShared
{
	int			ndatabases;
	int			nslots;
	int			npollers;
	PGPROC	   *volatile launcher;

	bool		unclean;		/* recovery was needed at start */
	TimestampTz started_at;		/* the server, or after a crash what is left of it */
	pg_atomic_uint64 careful_until;
	pg_atomic_uint32 careful_pid;

	pg_atomic_uint32 noverruns;
	TpgOverrun	overruns[TPG_OVERRUNS];

	ConditionVariableMinimallyPadded waiters[TPG_WAITER_CVS];
	TpgPollerList pollers[TPG_POLLER_LISTS];
	TpgQueue	queues[TPG_MAX_QUEUES];
	volatile int nlimits;		/* entries of limits that were ever used */
	TpgLimits	limits[TPG_MAX_TASK_QUEUES];
} TpgShared;

extern TpgShared *tpg_shared;
extern LWLock *tpg_shared_lock;

/* entry i of databases is for the database tpg_database_oids[i] */
extern volatile Oid *tpg_database_oids;
extern TpgDatabase *tpg_databases;
extern TpgSlot *tpg_slots;
extern TpgHeartbeatEntry *tpg_heartbeats;
extern LWLockPadded *tpg_heartbeat_locks;
extern TpgPoller *tpg_pollers;

extern void tpg_queues_reset(void);
extern void tpg_slots_reset(void);
extern void tpg_databases_reset(void);
extern void tpg_limits_reset(void);
extern TpgDatabase *tpg_limits_database(void);	/* of this process; may be NULL */
extern uint64 tpg_limits_hash(const char *name);
extern TpgLimits *tpg_limits_lock(TpgLimitRef ref);	/* by its mutex, if it is still that queue's; else NULL */
extern void tpg_shared_heartbeats_reset(void);

/* Neither fails nor allocates; a process that is there no more is no harm. */
static inline void
tpg_wake_process(PGPROC *proc)
{
	if (proc != NULL)
		SetLatch(&proc->procLatch);
}

/* the slot of this process, -1 outside of executors */
extern int	tpg_my_slot;

#endif							/* TPG_IPC_LAYOUT_H */
