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

#include "common/pg_prng.h"
#include "engine/run.h"
#include "store/definition.h"

typedef enum TpgOpKind
{
	TPG_OP_ACTIVITY = 1,
	TPG_OP_TIMER = 2,
	TPG_OP_LOCAL_ACTIVITY = 3,
	TPG_OP_KINDS = 4
} TpgOpKind;

/* What every error of nondeterminism advises. */
#define TPG_NONDETERMINISM_HINT \
	"Code of running workflows must issue the same commands again. Restore the old order of calls, or start changed code under a new workflow type."

/* Something that the code has started and can await. */
typedef struct TpgOp
{
	TpgOpKind	kind;
	int32		seq;			/* per kind, from 1 (G-17) */
	char	   *id;				/* activity id, timer id */
	char	   *type;			/* activity type */
	int32		event_id;		/* ActivityTaskScheduled or TimerStarted; 0: its command is not an event yet */
	int32		started_event_id;	/* ActivityTaskStarted */
	int32		done_event_id;	/* the event that ended it; 0: pending */
	bool		cancelled;		/* a timer, by the code */
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
} TpgOp;

typedef enum TpgCommandKind
{
	TPG_COMMAND_SCHEDULE_ACTIVITY,
	TPG_COMMAND_START_TIMER,
	TPG_COMMAND_CANCEL_TIMER,
	TPG_COMMAND_MARKER
} TpgCommandKind;

typedef struct TpgCommand
{
	TpgCommandKind kind;
	TpgOp	   *op;
	bool		elided;			/* started and cancelled in one activation (S-3) */
	const char *name;			/* of a marker */
	Jsonb	   *attributes;
	Jsonb	   *user_metadata;
} TpgCommand;

/* One thread of the code.  The run function is fiber 0; handlers and spawned functions will be others. */
typedef struct TpgFiber
{
	const char *name;
	TpgOp	  **waits_for;		/* what it is blocked on; for explain() */
	int			nwaits_for;
	const char *waits_how;		/* "await", "await_all", ... */
	Jsonb	   *last_failure;	/* what failure() gives */
} TpgFiber;

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
	int32		task_id;
	TimestampTz now;			/* the workflow's clock */
	bool		settled;		/* its commands were compared or appended */

	TpgOp	  **ops[TPG_OP_KINDS];
	int			nops[TPG_OP_KINDS];
	int			maxops[TPG_OP_KINDS];
	TpgOp	  **by_event;		/* by event id of the command */
	int			nby_event;

	TpgCommand *commands;		/* of the open activation */
	int			ncommands;
	int			maxcommands;
	int			npending;		/* activities that are not done */
	int			nside_effects;
	int			next_marker;	/* replay: where to look for the next side effect */

	/* thresholds of the log as they were: a replay is silent */
	int			log_min_messages;
	int			client_min_messages;

	TpgFiber	fiber;

	/* state(): name and value, in order of their making */
	struct TpgStateEntry *state;
	int			nstate;
	int			maxstate;

	pg_prng_state random;
	bool		random_seeded;

	/* Which failure was raised with which DETAIL, so that one that escapes is written as it came (E-04). */
	List	   *raised;			/* of TpgRaised */

	/* how it ended */
	bool		suspended;
	char	   *suspended_at;	/* context, where it could be swallowed */
	ErrorData  *fatal;			/* fails the task, whatever the code does about it */

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

/* The activation whose code is running in this process, NULL: none. */
extern TpgActivation *tpg_current_activation;

/*
 * First thing in every function for workflow code: the activation, or TP021.
 * Finds out that the code has swallowed its suspension.  `what` is the
 * function's name.
 */
extern TpgActivation *tpg_activation_require(const char *what);

extern TpgActivation *tpg_activation_create(TpgRun *run, TpgDefinition *def, bool live);

/* Delivers the next group of history. False: there is none. */
extern bool tpg_activation_next(TpgActivation *act);

/* The open activation is over: its commands become events, or are compared with them. */
extern void tpg_activation_settle(TpgActivation *act);

/* Is the open activation one that was not there before this task? */
extern bool tpg_activation_is_live(const TpgActivation *act);

/* Anything left in history that the code has not come to? NULL or the event. */
extern const TpgEvent *tpg_activation_rest(TpgActivation *act);

extern TpgOp *tpg_activation_add_op(TpgActivation *act, TpgOpKind kind);
extern TpgOp *tpg_activation_op(TpgActivation *act, TpgOpKind kind, int32 seq);
extern TpgCommand *tpg_activation_add_command(TpgActivation *act, TpgCommandKind kind, TpgOp *op);

typedef bool (*TpgReady) (TpgActivation *act, void *arg);

/*
 * The calling code waits until ready() is true: delivers what comes next, and
 * when nothing does, unwinds the code.  The ops are for explain().
 */
extern void tpg_activation_block(TpgActivation *act, TpgReady ready, void *arg, const char *how, TpgOp **ops, int nops);

/* Fails the workflow task: recorded, then raised so that no handler of the code holds it up. */
extern void tpg_activation_fatal(TpgActivation *act, int sqlstate, char *message, char *detail, char *hint) pg_attribute_noreturn();

/* Remembers a failure and raises it to the code. */
extern void tpg_activation_throw(TpgActivation *act, Jsonb *failure) pg_attribute_noreturn();

/* The failure that was raised with this DETAIL, or NULL. */
extern Jsonb *tpg_activation_raised(TpgActivation *act, const char *detail);

#endif							/* TPG_RUNTIME_ACTIVATION_H */
