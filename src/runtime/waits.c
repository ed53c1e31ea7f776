/*-------------------------------------------------------------------------
 * runtime/waits.c - signals, conditions, locks, spawned functions.
 *
 * All of them are ops that are answered within the run, not by an event of their
 * own, so they need no command; a replay finds them again because it delivers
 * the same signals in the same activations.
 *
 * Within the code of a run; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "access/xact.h"

#include "base/errors.h"
#include "base/json.h"
#include "engine/mail.h"
#include "runtime/await.h"
#include "runtime/callable.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"
#include "runtime/settings.h"
#include "runtime/state.h"
#include "runtime/pinned.h"
#include "runtime/waits.h"
#include "store/function.h"

static char *
kept_string(TpgActivation *act, const char *text)
{
	return MemoryContextStrdup(act->context, text);
}

static Jsonb *
kept_json(TpgActivation *act, const Jsonb *value)
{
	MemoryContext old;
	Jsonb	   *copy;

	if (value == NULL)
		return NULL;
	old = MemoryContextSwitchTo(act->context);
	copy = tpg_json_copy(value);
	MemoryContextSwitchTo(old);
	return copy;
}

/* ---------- signals ---------- */

static TpgDefinition *
signal_handler(TpgActivation *act, const char *name)
{
	return tpg_handler_lookup(act->run->exec->namespace_id, TPG_DEF_SIGNAL, act->run->exec->workflow_type, act->run->exec->version, name);
}

void
tpg_signal_deliver(TpgActivation *act, const TpgEvent *event)
{
	const char *name = tpg_json_get_text(event->attributes, "signalName");
	Jsonb	   *input = tpg_json_get_raw(event->attributes, "input");
	TpgDefinition *handler = signal_handler(act, name);
	TpgSignal  *kept;

	if (handler != NULL)
	{
		tpg_fiber_enqueue(act, tpg_fiber_create(act, TPG_FIBER_SIGNAL, name, handler, input));
		return;
	}

	/*
	 * F-07: kept, in order, until somebody asks for it.  Who waits already takes
	 * it when the handlers of the activation have run (G-09), as with a condition.
	 */
	if (act->nsignals == act->maxsignals)
	{
		act->maxsignals = Max(act->maxsignals * 2, 8);
		if (act->signals == NULL)
			act->signals = MemoryContextAlloc(act->context, sizeof(TpgSignal) * act->maxsignals);
		else
			act->signals = repalloc(act->signals, sizeof(TpgSignal) * act->maxsignals);
	}
	kept = &act->signals[act->nsignals++];
	kept->name = kept_string(act, name);
	kept->input = input;
	kept->event = event;
	kept->taken = false;
}

void
tpg_signals_carry_over(const TpgActivation *act, const TpgExecution *next)
{
	const TpgRun *run = act->run;

	for (int i = 0; i < act->nsignals; i++)
		if (!act->signals[i].taken)
			tpg_mail_send(next, TPG_MESSAGE_SIGNAL, 0, next->execution_time, act->signals[i].event->attributes);
	/* a session's update may have brought the code to its end before */
	for (int i = act->pos; i < run->nevents; i++)
		if (run->events[i].type == TPG_EVENT_WORKFLOW_EXECUTION_SIGNALED)
			tpg_mail_send(next, TPG_MESSAGE_SIGNAL, 0, next->execution_time, run->events[i].attributes);
}

/* The first signal of that name that nobody has taken. */
static bool
take_signal(TpgActivation *act, TpgOp *op)
{
	for (int i = act->first_signal; i < act->nsignals; i++)
	{
		if (i == act->first_signal && act->signals[i].taken)
			act->first_signal++;
		else if (!act->signals[i].taken && strcmp(act->signals[i].name, op->type) == 0)
		{
			act->signals[i].taken = true;
			op->result = act->signals[i].input;
			return true;
		}
	}
	return false;
}

TpgOp *
tpg_op_start_wait_signal(TpgActivation *act, const char *name)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_wait_signal");
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "wait_signal");
	op = tpg_activation_add_op(act, TPG_OP_SIGNAL);
	op->type = kept_string(act, name);
	if (take_signal(act, op))
		tpg_activation_done(act, op);
	tpg_fiber_record(act, "start_wait_signal")->op = op;
	return op;
}

/* ---------- conditions ---------- */

/* Plans of conditions, by text; few and often. */
typedef struct ConditionPlan
{
	char		key[NAMEDATALEN * 4];
	SPIPlanPtr	plan;
} ConditionPlan;

#define MAX_CONDITION_PLANS 256

static SPIPlanPtr
condition_plan(const TpgActivation *act, const char *expression)
{
	static HTAB *plans = NULL;
	static Oid	types[2] = {JSONBOID, JSONBOID};
	ConditionPlan *entry = NULL;
	SPIPlanPtr	plan;
	bool		found = false;
	/* what it calls depends on the version, whose name has no white space */
	const char *key = act->run->exec->version != NULL ? psprintf("%s %s", act->run->exec->version, expression) : expression;
	bool		cacheable = strlen(key) < sizeof(entry->key);

	if (plans == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(entry->key), .entrysize = sizeof(ConditionPlan)};

		plans = hash_create("temporal_pg conditions", 64, &ctl, HASH_ELEM | HASH_STRINGS);
	}
	if (cacheable)
	{
		entry = hash_search(plans, key, HASH_FIND, NULL);
		if (entry != NULL)
			return entry->plan;
	}
	plan = SPI_prepare(tpg_pinned_text(act, psprintf("SELECT (%s)::pg_catalog.bool FROM (SELECT $1 AS state, $2 AS args) AS _", expression)), 2, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare condition \"%s\"", expression);
	if (cacheable && hash_get_num_entries(plans) < MAX_CONDITION_PLANS)
	{
		SPI_keepplan(plan);
		entry = hash_search(plans, key, HASH_ENTER, &found);
		entry->plan = plan;
	}
	return plan;
}

/* In a read-only subtransaction; its error is the code's. */
static bool
condition_is_true(TpgActivation *act, TpgOp *op)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		outer_read_only = act->read_only;
	volatile bool value = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		Datum		args[2];
		char		nulls[3] = "  ";

		act->read_only = act->in_condition = true;
		(void) tpg_settings_enter(act->def);
		PushActiveSnapshot(GetTransactionSnapshot());
		args[0] = JsonbPGetDatum(tpg_state_all(act));
		args[1] = PointerGetDatum(op->args);
		if (op->args == NULL)
			nulls[1] = 'n';
		if (op->predicate != NULL)
		{
			MemoryContext scratch = AllocSetContextCreate(caller, "temporal_pg condition", ALLOCSET_SMALL_SIZES);

			MemoryContextSwitchTo(scratch);
			value = op->predicate(DatumGetJsonbP(args[0]), op->args);
			MemoryContextSwitchTo(caller);
			MemoryContextDelete(scratch);
		}
		else
		{
			SPI_connect();
			if (SPI_execute_plan(condition_plan(act, op->type), args, nulls, true, 2) == SPI_OK_SELECT && SPI_processed == 1)
			{
				bool		isnull;
				Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

				value = !isnull && DatumGetBool(d);
			}
			SPI_finish();
		}
		RollbackAndReleaseCurrentSubTransaction();
		act->read_only = outer_read_only;
		act->in_condition = false;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(act->context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		act->read_only = outer_read_only;
		act->in_condition = false;
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		/* not the condition's doing */
		if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(edata);
		tpg_activation_fatal(act, edata->sqlerrcode, psprintf("condition \"%s\" failed: %s", op->type, edata->message),
							 edata->detail, edata->hint || op->predicate ? edata->hint : "A condition is an SQL expression over state and args, both jsonb, such as (state->>'approved')::boolean.");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return value;
}

TpgOp *
tpg_op_start_wait_condition(TpgActivation *act, const char *expression, Jsonb *args)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_wait_condition");
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "wait_condition");
	op = tpg_activation_add_op(act, TPG_OP_CONDITION);
	op->type = kept_string(act, expression);
	op->args = kept_json(act, args);
	tpg_fiber_record(act, "start_wait_condition")->op = op;
	return op;
}

TpgOp *
tpg_op_start_wait_predicate(TpgActivation *act, const char *name, bool (*predicate) (const Jsonb *state, const Jsonb *args), Jsonb *args)
{
	TpgOp	   *op = tpg_op_start_wait_condition(act, name, args);

	op->predicate = predicate;
	return op;
}

/* Signals that have come for those who wait, first come first served. */
static bool
match_signals(TpgActivation *act)
{
	bool		any = false;

	for (int i = act->first_signal_wait; i < act->nops[TPG_OP_SIGNAL] && act->first_signal < act->nsignals; i++)
	{
		TpgOp	   *op = act->ops[TPG_OP_SIGNAL][i];

		if (tpg_op_done(op) || op->cancelled)
		{
			if (i == act->first_signal_wait)
				act->first_signal_wait++;
		}
		else if (take_signal(act, op))
		{
			tpg_activation_done(act, op);
			any = true;
		}
	}
	return any;
}

/* F-47: all that are true in one look are resolved before any code runs. */
static bool
evaluate_conditions(TpgActivation *act)
{
	int			n = act->nops[TPG_OP_CONDITION];
	TpgOp	  **found;
	int			nfound = 0;

	while (act->first_condition < n)
	{
		TpgOp	   *op = act->ops[TPG_OP_CONDITION][act->first_condition];

		if (!tpg_op_done(op) && !op->cancelled)
			break;
		act->first_condition++;
	}
	if (act->first_condition == n)
		return false;
	found = palloc(sizeof(TpgOp *) * (n - act->first_condition));
	for (int i = act->first_condition; i < n; i++)
	{
		TpgOp	   *op = act->ops[TPG_OP_CONDITION][i];

		if (!tpg_op_done(op) && !op->cancelled && condition_is_true(act, op))
			found[nfound++] = op;
	}
	for (int i = 0; i < nfound; i++)
		tpg_activation_done(act, found[i]);
	pfree(found);
	return nfound > 0;
}

bool
tpg_waits_look(TpgActivation *act)
{
	bool		signals = match_signals(act);

	return evaluate_conditions(act) || signals;
}

/* ---------- locks ---------- */

/* The one that holds the lock, or else the first that waits for it. */
static TpgOp *
lock_front(TpgActivation *act, const char *name, bool held)
{
	for (int i = 0; i < act->nops[TPG_OP_LOCK]; i++)
	{
		TpgOp	   *op = act->ops[TPG_OP_LOCK][i];

		if (!op->cancelled && strcmp(op->type, name) == 0 && tpg_op_done(op) == held)
			return op;
	}
	return NULL;
}

TpgFiber *
tpg_lock_holder(TpgActivation *act, const char *name)
{
	TpgOp	   *op = lock_front(act, name, true);

	return op ? op->holder : NULL;
}

static void
lock_grant_next(TpgActivation *act, const char *name)
{
	TpgOp	   *next = lock_front(act, name, false);

	if (next != NULL && lock_front(act, name, true) == NULL)
		tpg_activation_done(act, next);
}

void
tpg_lock_acquire(TpgActivation *act, const char *name)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "lock");
	TpgOp	   *op;

	if (e != NULL)
		op = e->op;
	else
	{
		TpgOp	   *held = lock_front(act, name, true);

		tpg_activation_writable(act, "lock");
		if (held != NULL && held->holder == act->fiber)
			ereport(ERROR,
					(errcode(TPG_ERR_WRONG_CONTEXT),
					 errmsg("lock \"%s\" is already held by this code", name),
					 errhint("A lock is not reentrant: unlock it first.")));
		op = tpg_activation_add_op(act, TPG_OP_LOCK);
		op->type = kept_string(act, name);
		op->holder = act->fiber;
		lock_grant_next(act, name);
		tpg_fiber_record(act, "lock")->op = op;
	}
	(void) tpg_op_await(act, op, -1);
}

void
tpg_lock_release(TpgActivation *act, const char *name)
{
	TpgOp	   *held;

	if (tpg_fiber_replayed(act, "unlock") != NULL)
		return;
	held = lock_front(act, name, true);
	if (held == NULL || held->holder != act->fiber)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("lock \"%s\" is not held by this code", name),
				 errhint("A lock belongs to the function that has called temporal.lock().")));
	held->cancelled = true;
	tpg_fiber_record(act, "unlock");
	lock_grant_next(act, name);
}

void
tpg_locks_release_all(TpgActivation *act, TpgFiber *fiber)
{
	for (int i = 0; i < act->nops[TPG_OP_LOCK]; i++)
	{
		TpgOp	   *op = act->ops[TPG_OP_LOCK][i];

		if (op->holder == fiber && !op->cancelled)
		{
			op->cancelled = true;
			lock_grant_next(act, op->type);
		}
	}
}

/* ---------- spawn ---------- */

TpgOp *
tpg_op_spawn(TpgActivation *act, const char *function, Jsonb *input)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "spawn");
	MemoryContext old;
	TpgDefinition *def;
	TpgFiber   *f;
	TpgOp	   *op;
	Oid			oid;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "spawn");
	oid = tpg_function_by_text(function);
	tpg_callable_check(oid, "a spawned function", false, false);
	if (tpg_function_owner(oid) != act->def->owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s belongs to another role than its workflow", function),
				 errhint("A process never runs the code of two roles.")));

	/* as the workflow itself, with another function */
	old = MemoryContextSwitchTo(act->context);
	def = palloc(sizeof(TpgDefinition));
	*def = *act->def;
	def->function = oid;
	def->dynamic = false;
	def->name = pstrdup(function);
	def->signature = tpg_function_signature(tpg_function_name(oid));
	def->context = act->context;
	def->call_cache = NULL;
	op = tpg_activation_add_op(act, TPG_OP_FIBER);
	op->type = def->name;
	f = tpg_fiber_create(act, TPG_FIBER_SPAWN, function, def, kept_json(act, input));
	f->future = op;
	MemoryContextSwitchTo(old);
	tpg_fiber_enqueue(act, f);
	tpg_fiber_record(act, "spawn")->op = op;
	return op;
}
