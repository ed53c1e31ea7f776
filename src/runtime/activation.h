/*-------------------------------------------------------------------------
 * runtime/activation.h - workflow code at work: what it asked for, what it was answered.
 *
 * An activation object lives for one pass over the code, in a memory context
 * of its own that lies outside of all subtransactions: what the code asks for
 * (its commands) and what it has been told survives the unwinding.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_ACTIVATION_H
#define TPG_RUNTIME_ACTIVATION_H

#include "base/compat.h"
#include "common/pg_prng.h"
#include "engine/chain.h"
#include "engine/run.h"
#include "runtime/languages.h"
#include "store/definition.h"

typedef enum TpgOpKind
{
	TPG_OP_ACTIVITY = 1,
	TPG_OP_TIMER = 2,
	TPG_OP_LOCAL_ACTIVITY = 3,
	TPG_OP_SIGNAL = 4,			/* wait_signal: the next signal of that name */
	TPG_OP_CONDITION = 5,		/* wait_condition */
	TPG_OP_LOCK = 6,
	TPG_OP_FIBER = 7,			/* spawn() */
	TPG_OP_EXTERNAL = 8,		/* a signal to another workflow */
	TPG_OP_SHIELD = 9,			/* another one, behind a shield */
	TPG_OP_CHILD = 10,			/* a child workflow, until its end */
	TPG_OP_CHILD_START = 11,	/* until its start */
	TPG_OP_KINDS = 12
} TpgOpKind;

/* What every error of nondeterminism advises. */
#define TPG_NONDETERMINISM_HINT \
	"Code of running workflows must issue the same commands again. Restore the old order of calls, or let temporal.patched() say which way a run is to take."

/* What cancelling an activity or child workflow does (D-25, G-37). */
typedef enum TpgCancellation
{
	TPG_CANCELLATION_TRY,		/* ask, and go on as cancelled */
	TPG_CANCELLATION_WAIT_COMPLETED,	/* ask, and wait for its end */
	TPG_CANCELLATION_ABANDON,	/* go on as cancelled */
	TPG_CANCELLATION_WAIT_REQUESTED /* children: ask, and go on when it has been told */
} TpgCancellation;

/* Something that the code has started and can await. */
typedef struct TpgOp
{
	TpgOpKind	kind;
	int32		seq;			/* per kind, from 1 (G-17) */
	char	   *id;				/* activity id, timer id */
	char	   *type;			/* activity type; name of a signal, lock or function; a condition's expression */
	int32		event_id;		/* ActivityTaskScheduled or TimerStarted; 0: its command is not an event yet */
	int32		started_event_id;	/* ActivityTaskStarted */
	int32		done_order;		/* counts what is done in the run, from 1; 0: pending */
	bool		cancelled;		/* by the code, or a wait that was given up */
	TpgCancellation cancellation;	/* of an activity or child */
	struct TpgOp *inner;		/* of a shield, what stands behind it; a child and its start; of a request, the child */
	const char *run_id;			/* of a child that has started */
	Jsonb	   *result;
	Jsonb	   *failure;		/* as the event has it: without wrapper */
	const char *retry_state;

	/* local activities */
	Jsonb	   *attributes;		/* input and options, as in ActivityTaskScheduled */
	int			attempt;
	TimestampTz scheduled_at;
	Jsonb	   *last_failure;
	struct TpgOp *backoff_timer;	/* until its next attempt */
	struct TpgOp *backoff_for;	/* of such a timer: the local activity */

	Jsonb	   *args;			/* of a condition */
	bool		(*predicate) (const Jsonb *state, const Jsonb *args);	/* of one in C; NULL: type is its SQL expression */
	struct TpgFiber *holder;	/* of a lock */
} TpgOp;

typedef enum TpgCommandKind
{
	TPG_COMMAND_SCHEDULE_ACTIVITY,
	TPG_COMMAND_START_TIMER,
	TPG_COMMAND_CANCEL_TIMER,
	TPG_COMMAND_MARKER,
	TPG_COMMAND_UPDATE_ACCEPTED,
	TPG_COMMAND_UPDATE_COMPLETED,
	TPG_COMMAND_SIGNAL_EXTERNAL,
	TPG_COMMAND_CANCEL_EXTERNAL,
	TPG_COMMAND_CANCEL_ACTIVITY,
	TPG_COMMAND_START_CHILD,
	TPG_COMMAND_MODIFY_PROPERTIES,
	TPG_COMMAND_UPSERT_SEARCH_ATTRIBUTES,
	TPG_COMMAND_PATCH
} TpgCommandKind;

typedef struct TpgCommand
{
	TpgCommandKind kind;
	TpgOp	   *op;
	bool		elided;			/* started and cancelled in one activation (S-3) */
	const char *name;			/* of a marker; a patch's id */
	struct TpgUpdate *update;
	Jsonb	   *attributes;
	Jsonb	   *user_metadata;
} TpgCommand;

/*
 * What a call of a fiber was answered, so that the fiber can be unwound when it
 * waits and run again from its top later.  Which of the members holds the
 * answer is known by the call.
 */
typedef struct TpgLogEntry
{
	const char *call;			/* name of the function, to find out that the code differs */
	bool		isnull;
	Jsonb	   *json;
	Jsonb	   *failure;		/* it was raised */
	TpgOp	   *op;
	int64		number;
	double		real;
	pg_uuid_t	uuid;
} TpgLogEntry;

typedef enum TpgFiberKind
{
	TPG_FIBER_RUN,				/* the run function */
	TPG_FIBER_SIGNAL,
	TPG_FIBER_UPDATE,
	TPG_FIBER_SPAWN
} TpgFiberKind;

struct TpgActivation;
typedef bool (*TpgReady) (struct TpgActivation *act, void *arg);

/*
 * One thread of the code: the run function, a handler in progress, a spawned
 * function.  The run function keeps its stack while others run on top of its
 * waiting call; each of these is unwound when it waits and run again over its
 * log when it can go on.
 */
typedef struct TpgFiber
{
	TpgFiberKind kind;
	int			id;
	const char *name;			/* "run", a signal's or update's name, a function */
	TpgDefinition *def;
	Jsonb	   *input;
	struct TpgUpdate *update;
	TpgOp	   *future;			/* of a spawned one */

	bool		queued;			/* in the ready queue */
	bool		finished;
	bool		cancel_pending; /* its present or next wait is cancelled */
	bool		cancelled_with_run;	/* not by the code alone */
	bool		suspended;		/* has been told to unwind */
	char	   *suspended_at;	/* context, where it could be swallowed */
	int			nest_level;		/* of the subtransaction around it */

	struct WaitFor *wait;		/* the wait in which it was unwound (runtime/ops) */
	TpgReady	ready;			/* what it waits for, NULL: it runs or has not begun */
	void	   *ready_arg;
	TpgOp	  **waits_for;		/* the same for explain() */
	int			nwaits_for;
	const char *waits_how;		/* "await", "await_all", ... */
	const char *where;			/* context of its last suspension */
	TimestampTz since;

	TpgLogEntry *log;
	int			nlog;
	int			maxlog;
	int			log_pos;

	Jsonb	   *last_failure;	/* what failure() gives */
} TpgFiber;

/* An update of the run: asked for, accepted, completed. */
typedef struct TpgUpdate
{
	char	   *id;
	char	   *name;
	Jsonb	   *input;
	char	   *identity;
	int64		message_id;		/* of the request in the mailbox; 0: none */
	int32		accepted_event_id;	/* 0: its command is not an event yet */
	bool		admitted;		/* by a reset: nobody asks for it */
	bool		accepted;
	bool		completed;
	ErrorData  *rejection;
	Jsonb	   *result;
	Jsonb	   *failure;
} TpgUpdate;

/* Of a signal that its handler could not take: what the log is to say. */
typedef struct TpgDropped
{
	int32		task_id;		/* of the activation that delivered it */
	char	   *message;
} TpgDropped;

/* A signal that nobody has taken yet. */
typedef struct TpgSignal
{
	char	   *name;
	Jsonb	   *input;			/* may be NULL */
	const TpgEvent *event;
	bool		taken;
} TpgSignal;

typedef struct TpgActivation
{
	MemoryContext context;
	TpgRun	   *run;
	TpgDefinition *def;
	bool		live;			/* may go beyond history */
	int			base_nest_level;	/* of the subtransaction around the code */
	int			base_guc_level;

	/* where in history: events[pos] is the first one of the next group */
	int			pos;
	int			group_start;
	int			group_end;
	int			told;			/* events that the code has been told of, the same live and in replay */
	int32		task_id;
	TimestampTz now;			/* the workflow's clock */
	bool		settled;		/* its commands were compared or appended */
	int			phase;			/* 0: signals and updates to come, 1: the rest, 2: delivered */
	bool		guarded;		/* its code runs: the hooks of runtime/guard watch */
	bool		warned;			/* by them, of something */
	Oid			invoked;		/* the function that the runtime called last */
	bool		called_from_c;	/* through the C interface */
	bool		read_only;		/* a validator, condition, query or side effect runs: no commands, no waiting, no change of state */
	bool		in_condition;	/* it is a condition */

	TpgOp	  **ops[TPG_OP_KINDS];
	int			nops[TPG_OP_KINDS];
	int			maxops[TPG_OP_KINDS];
	TpgOp	  **by_event;		/* by event id of the command */
	int			nby_event;

	TpgCommand *commands;		/* of the open activation */
	int			ncommands;
	int			maxcommands;
	int			npending;		/* activities that are not done */
	int			npending_children;
	int			nside_effects;
	int			next_marker;	/* replay: where to look for the next side effect */

	/* thresholds of the log as they were: a replay is silent */
	int			log_min_messages;
	int			client_min_messages;

	/* fibers; the first is the run function */
	TpgFiber   *fiber;			/* the one that runs */
	TpgFiber   *main;
	TpgFiber  **fibers;
	int			nfibers;
	int			maxfibers;
	TpgFiber  **queue;			/* those that can go on, first in first out */
	int			queue_head;
	int			queue_tail;
	int			maxqueue;
	int			ndone;			/* ops that are done */
	int			nfailed;		/* those of them that failed */
	int			first_condition;	/* before it, all are done or given up */
	int			first_signal_wait;	/* the same of waits for signals */
	int			first_signal;	/* before it, all are taken */
	Jsonb	   *failed;			/* a signal handler failed the run */
	bool		cancel_requested;
	const char *cancel_reason;	/* may be NULL */
	bool		cancelling_run; /* a wait that ends with the run cancels what it waits for */
	int			nshields;		/* shields that are not done */
	TpgNextRun *continued;		/* the code has continued as new; NULL: it has not */
	List	   *dropped;		/* of TpgDropped, in order */

	TpgSignal  *signals;
	int			nsignals;
	int			maxsignals;
	TpgUpdate **updates;
	int			nupdates;
	int			maxupdates;

	/* state(): name and value, in order of their making */
	struct TpgStateEntry *state;
	int			nstate;
	int			maxstate;

	struct TpgProperties *properties;	/* memo, search attributes, details (runtime/upserts) */
	List	   *patches;		/* of TpgPatch: what patched() has told (runtime/patches) */

	pg_prng_state random;
	bool		random_seeded;

	/* Which failure was raised with which DETAIL, so that one that escapes is written as it came (E-04). */
	List	   *raised;			/* of TpgRaised */

	/* how it ended */
	ErrorData  *fatal;			/* fails the task, whatever the code does about it */
	ErrorData  *interrupted;	/* this process was told to stop, whatever the code has made of that */
	ErrorContextCallback errors;	/* at the bottom of the code's stack: hears of all errors */
	TpgLastError last_error;	/* for languages that hand on its message only */

	/*
	 * The driver's offer to run what the code is blocked on without unwinding;
	 * true: history has grown by a group, and the surrounding subtransaction
	 * holds what the activity did (effects).
	 */
	bool		effects;
	bool		(*run_in_place) (struct TpgActivation *act, void *arg);
	void	   *in_place_arg;
} TpgActivation;

typedef struct TpgRaised
{
	char	   *detail;
	Jsonb	   *failure;
} TpgRaised;

/* Is it what a waiting call raises to unwind the code?  Only a fiber that is suspended may ask. */
extern bool tpg_activation_is_suspension(const ErrorData *edata);

/* The activation whose code is running in this process, NULL: none. */
extern TpgActivation *tpg_current_activation;

/*
 * First thing in every function for workflow code: the activation, or TP021.
 * Finds out that the code has swallowed its suspension.  `what` is the
 * function's name.
 */
extern TpgActivation *tpg_activation_require(const char *what);

extern TpgActivation *tpg_activation_create(TpgRun *run, TpgDefinition *def, bool live);

/*
 * Goes to the next group of history; tpg_scheduler delivers it.  False: there
 * is none.
 */
extern bool tpg_activation_next(TpgActivation *act);

/* Delivers what of the group belongs to a phase: first signals, then the rest. */
extern void tpg_activation_deliver(TpgActivation *act, bool signals);

/* An op is done: whoever waited for it can go on. */
extern void tpg_activation_done(TpgActivation *act, TpgOp *op);

/* What a shield stands before is done, so the shield is. */
extern void tpg_shield_done(TpgActivation *act, TpgOp *shield);

/* Does an error with this SQLSTATE end the run as Failed?  Others fail only the workflow task (E-09, E-10). */
extern bool tpg_activation_fails_workflow(const TpgActivation *act, int sqlstate);

/* The code wants to do something that read-only code may not: TP021 as the error of the task. */
extern void tpg_activation_writable(TpgActivation *act, const char *what);

/* The open activation is over: its commands become events, or are compared with them. */
extern void tpg_activation_settle(TpgActivation *act);

/* Is the open activation one that was not there before this task? */
extern bool tpg_activation_is_live(const TpgActivation *act);

/* Anything left in history that the code has not come to? NULL or the event. */
extern const TpgEvent *tpg_activation_rest(TpgActivation *act);

/* The first event of a command that no activation has reached, or NULL. */
extern const TpgEvent *tpg_activation_next_command(TpgActivation *act);

extern TpgOp *tpg_activation_add_op(TpgActivation *act, TpgOpKind kind);
extern TpgOp *tpg_activation_op(TpgActivation *act, TpgOpKind kind, int32 seq);
extern TpgCommand *tpg_activation_add_command(TpgActivation *act, TpgCommandKind kind, TpgOp *op);

/*
 * The calling code waits until ready() is true: the run function delivers what
 * comes next and lets other fibers run meanwhile, and is unwound when nothing
 * comes; any other fiber is unwound at once.  arg and ops must live in
 * act->context.  The ops are for explain().
 */
extern void tpg_activation_block(TpgActivation *act, TpgReady ready, void *arg, const char *how, TpgOp **ops, int nops);

/* Fails the workflow task: recorded, then raised so that no handler of the code holds it up. */
TPG_NORETURN extern void tpg_activation_fatal(TpgActivation *act, int sqlstate, char *message, char *detail,
											  char *hint) TPG_NORETURN_AFTER;

/* Unwinds the code when what it did cannot count any more: interrupted, fatal, failed by a handler. */
extern void tpg_activation_check(TpgActivation *act);

/* Remembers a failure that the code is told of. */
extern void tpg_activation_tell(TpgActivation *act, Jsonb *failure);

/* The same, and raises it to the code. */
TPG_NORETURN extern void tpg_activation_throw(TpgActivation *act, Jsonb *failure) TPG_NORETURN_AFTER;

/* The failure that was raised with this DETAIL, or NULL. */
extern Jsonb *tpg_activation_raised(TpgActivation *act, const char *detail);

#endif							/* TPG_RUNTIME_ACTIVATION_H */
