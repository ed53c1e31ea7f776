/*-------------------------------------------------------------------------
 * runtime/ops.c - what workflow code can start.
 *
 * Each start makes an op and a command; the op is answered by an event of a
 * later group of history.  Ids count per kind and run (G-17), also those of
 * what is cancelled before it was sent.
 *
 * Callers: api/workflow functions, within the code; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/attempt.h"
#include "model/activitymode.h"
#include "model/failure.h"
#include "runtime/ops.h"
#include "runtime/scheduler.h"

/* ---------- activities ---------- */

static int64
pick_duration(int64 given, const Jsonb *registered, const char *key)
{
	return given >= 0 ? given : tpg_json_get_duration(registered, key, 0);
}

/* D-01, D-02: what is not given comes from the registration, and is capped. */
static Jsonb *
activity_attributes(TpgActivation *act, const TpgActivityOptions *o, const TpgDefinition *def, const char *id, bool local)
{
	const TpgExecution *exec = act->run->exec;
	Jsonb	   *registered = def ? def->options : NULL;
	int64		s2c = pick_duration(o->schedule_to_close_us, registered, "scheduleToCloseTimeout");
	int64		s2s = pick_duration(o->schedule_to_start_us, registered, "scheduleToStartTimeout");
	int64		stc = pick_duration(o->start_to_close_us, registered, "startToCloseTimeout");
	int64		hb = pick_duration(o->heartbeat_us, registered, "heartbeatTimeout");
	int64		run_timeout = TIMESTAMP_NOT_FINITE(exec->run_expiration) ? 0 : exec->run_expiration - exec->execution_time;
	Jsonb	   *policy = o->retry_policy ? tpg_retry_policy_to_jsonb(o->retry_policy) : tpg_json_get(registered, "retryPolicy");
	TpgJson    *b = tpg_json_object();
	TpgJson    *inner;
	const char *queue = o->task_queue;
	TpgPriority registered_priority = tpg_priority_from_jsonb(tpg_json_get(registered, "priority"));
	TpgPriority priority = tpg_priority_inherit(&o->priority, &registered_priority);

	if (s2c == 0 && stc == 0)
		stc = Max(tpg_guc_default_start_to_close_us(), 0);
	if (s2c == 0 && stc == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("activity \"%s\" needs start_to_close_timeout or schedule_to_close_timeout", o->type),
				 errhint("Give one in the call or at the registration, or set temporal_pg.default_start_to_close_timeout.")));
	if (s2c > 0)
	{
		s2s = s2s > 0 ? Min(s2s, s2c) : s2c;
		stc = stc > 0 ? Min(stc, s2c) : s2c;
	}
	else if (run_timeout > 0)
	{
		s2c = run_timeout;
		s2s = s2s > 0 ? s2s : run_timeout;
	}
	if (run_timeout > 0)
	{
		s2c = Min(s2c, run_timeout);
		s2s = Min(s2s, run_timeout);
		stc = Min(stc, run_timeout);
	}
	hb = Min(hb, stc);

	tpg_json_add_text(b, "activityId", id);
	inner = tpg_json_object();
	tpg_json_add_text(inner, "name", o->type);
	tpg_json_add_jsonb(b, "activityType", tpg_json_finish(inner));
	if (queue == NULL)
		queue = tpg_json_get_text(registered, "taskQueue");
	if (queue == NULL && def != NULL)
		queue = def->task_queue;
	/* the view adds that of the run */
	if (queue != NULL && strcmp(queue, exec->task_queue) != 0)
	{
		inner = tpg_json_object();
		tpg_json_add_text(inner, "name", queue);
		tpg_json_add_jsonb(b, "taskQueue", tpg_json_finish(inner));
	}
	tpg_json_add_jsonb(b, "input", o->input);
	if (s2c > 0)
		tpg_json_add_duration(b, "scheduleToCloseTimeout", s2c);
	if (s2s > 0 && !local)
		tpg_json_add_duration(b, "scheduleToStartTimeout", s2s);
	/* neither of the two: the usual 60 s, which the view adds */
	if (stc > 0 && (s2c > 0 || stc != TPG_USUAL_START_TO_CLOSE_US))
		tpg_json_add_duration(b, "startToCloseTimeout", stc);
	if (hb > 0 && !local)
		tpg_json_add_duration(b, "heartbeatTimeout", hb);
	/* absent: the default policy (D-07) */
	tpg_json_add_jsonb(b, "retryPolicy", policy);
	/* absent: that of the run */
	tpg_json_add_jsonb(b, "priority", tpg_priority_to_jsonb(&priority));
	return tpg_json_finish(b);
}

static Jsonb *
summary_metadata(const char *summary)
{
	TpgJson    *b;

	if (summary == NULL)
		return NULL;
	b = tpg_json_object();
	tpg_json_add_text(b, "summary", summary);
	return tpg_json_finish(b);
}

static void
check_pending_activities(TpgActivation *act)
{
	/* counted as such, not by looking at each: this is asked for every start */
	if (act->npending >= tpg_guc_max_pending_activities)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("too many pending activities"),
				 errdetail("%d are pending, which is as many as a run may have.", act->npending),
				 errhint("Await some before starting more. The limit is the setting temporal_pg.max_pending_activities.")));
}

/* START_ACTIVITY_DUPLICATE_ID: unique among the pending ones (D-49). */
static void
check_activity_id(TpgActivation *act, const char *id)
{
	tpg_id_check(id, "activity id");
	for (int i = 0; i < act->nops[TPG_OP_ACTIVITY]; i++)
	{
		TpgOp	   *op = act->ops[TPG_OP_ACTIVITY][i];

		if (!tpg_op_done(op) && op->id != NULL && strcmp(op->id, id) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("activity id \"%s\" is in use by a pending activity", id),
					 errhint("Leave activity_id out, or use an id that is unique among the pending activities of the run.")));
	}
}

/* A type that is built in need not be registered, and '*' is not for it. */
static TpgDefinition *
definition_of(TpgActivation *act, const char *type)
{
	bool		builtin = tpg_activity_mode_of_builtin(type) != 0;
	TpgDefinition *def = tpg_definition_lookup(act->run->exec->namespace_id, TPG_DEF_ACTIVITY, type,
											   builtin || !tpg_activation_is_live(act));

	return builtin && def != NULL && def->dynamic ? NULL : def;
}

TpgOp *
tpg_op_start_activity(TpgActivation *act, const TpgActivityOptions *o)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_activity");
	TpgDefinition *def;
	MemoryContext old;
	TpgOp	   *op;
	TpgCommand *c;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "start_activity");
	/* a replay needs no definition: it may have been unregistered since */
	def = definition_of(act, o->type);
	check_pending_activities(act);
	tpg_payload_check(o->input, "activity input");
	if (o->activity_id != NULL)
		check_activity_id(act, o->activity_id);
	op = tpg_activation_add_op(act, TPG_OP_ACTIVITY);
	op->cancellation = o->cancellation;
	act->npending++;
	old = MemoryContextSwitchTo(act->context);
	op->type = pstrdup(o->type);
	op->id = o->activity_id ? pstrdup(o->activity_id) : psprintf("%d", op->seq);
	c = tpg_activation_add_command(act, TPG_COMMAND_SCHEDULE_ACTIVITY, op);
	c->user_metadata = summary_metadata(o->summary || def == NULL ? o->summary : tpg_json_get_text(def->options, "summary"));
	/* in a replay only kind, id and type matter, but what raised an error then has to raise it now */
	if (tpg_activation_is_live(act) || tpg_guc_default_start_to_close_us() <= 0)
		c->attributes = activity_attributes(act, o, def, op->id, false);
	MemoryContextSwitchTo(old);
	tpg_fiber_record(act, "start_activity")->op = op;
	return op;
}

TpgOp *
tpg_op_start_local_activity(TpgActivation *act, const TpgActivityOptions *o)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_local_activity");
	TpgDefinition *def;
	MemoryContext old;
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "start_local_activity");
	def = definition_of(act, o->type);
	if (def == NULL && tpg_activity_mode_of_builtin(o->type) != 0 && tpg_activation_is_live(act))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("activity \"%s\" cannot be local", o->type),
				 errdetail("It is not done by the process that runs the workflow."),
				 errhint("Use temporal.execute_activity().")));
	if (def != NULL && strcmp(def->mode, "transactional") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("activity \"%s\" cannot be a local one", o->type),
				 errdetail("Its mode is %s, and a local activity is part of the workflow task's transaction.", def->mode),
				 errhint("Use temporal.execute_activity().")));
	if (def != NULL && def->owner != act->def->owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("local activity \"%s\" belongs to another role than its workflow", o->type),
				 errhint("A process never runs the code of two roles: use temporal.execute_activity().")));
	tpg_payload_check(o->input, "activity input");
	if (o->activity_id != NULL)
		tpg_id_check(o->activity_id, "activity id");
	op = tpg_activation_add_op(act, TPG_OP_LOCAL_ACTIVITY);
	old = MemoryContextSwitchTo(act->context);
	op->type = pstrdup(o->type);
	op->id = o->activity_id ? pstrdup(o->activity_id) : psprintf("local-%d", op->seq);
	op->attributes = activity_attributes(act, o, def, op->id, true);
	op->scheduled_at = act->now;
	MemoryContextSwitchTo(old);
	tpg_fiber_record(act, "start_local_activity")->op = op;
	return op;
}

TpgOp *
tpg_op_next_local_activity(TpgActivation *act, int *from)
{
	while (*from < act->nops[TPG_OP_LOCAL_ACTIVITY])
	{
		TpgOp	   *op = act->ops[TPG_OP_LOCAL_ACTIVITY][(*from)++];

		if (!tpg_op_done(op) && op->backoff_timer == NULL)
			return op;
	}
	return NULL;
}

/* ---------- timers ---------- */

TpgOp *
tpg_op_new_timer(TpgActivation *act, int64 us, const char *summary)
{
	TpgOp	   *op = tpg_activation_add_op(act, TPG_OP_TIMER);
	TpgCommand *c = tpg_activation_add_command(act, TPG_COMMAND_START_TIMER, op);
	MemoryContext old = MemoryContextSwitchTo(act->context);
	TpgJson    *b = tpg_json_object();

	op->id = psprintf("%d", op->seq);
	tpg_json_add_text(b, "timerId", op->id);
	tpg_json_add_duration(b, "startToFireTimeout", us);
	c->attributes = tpg_json_finish(b);
	c->user_metadata = summary_metadata(summary);
	MemoryContextSwitchTo(old);
	return op;
}

TpgOp *
tpg_op_start_timer(TpgActivation *act, int64 us, const char *summary)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "start_timer");
	TpgOp	   *op;

	if (e != NULL)
		return e->op;
	tpg_activation_writable(act, "start_timer");
	op = tpg_op_new_timer(act, us, summary);
	tpg_fiber_record(act, "start_timer")->op = op;
	return op;
}

/* ---------- side effects ---------- */

/* The next recorded value, in order; replay only. */
static Jsonb *
recorded_side_effect(TpgActivation *act)
{
	TpgRun	   *run = act->run;

	for (int i = act->group_start; i < act->group_end; i++)
	{
		Jsonb	   *details;

		if (run->events[i].type != TPG_EVENT_MARKER_RECORDED ||
			strcmp(tpg_json_get_text(run->events[i].attributes, "markerName"), "SideEffect") != 0)
			continue;
		details = tpg_json_get(run->events[i].attributes, "details");
		if (tpg_json_get_int(details, "seq", 0) == act->nside_effects)
			return tpg_json_get_raw(details, "data");
	}
	return NULL;
}

/*
 * What is read for a side effect is recorded, so it may be anything. But a replay does not read again:
 * what the query asked of the workflow (an activity, a random number, state) would be missing then.
 */
static Jsonb *
evaluate_freely(TpgActivation *act, Jsonb *(*evaluate) (void *arg), void *arg)
{
	bool		guarded = act->guarded;
	bool		read_only = act->read_only;
	Jsonb	   *value;

	act->guarded = false;
	act->read_only = true;
	PG_TRY();
	{
		value = evaluate(arg);
	}
	PG_FINALLY();
	{
		act->guarded = guarded;
		act->read_only = read_only;
	}
	PG_END_TRY();
	return value;
}

Jsonb *
tpg_op_side_effect(TpgActivation *act, Jsonb *(*evaluate) (void *arg), void *arg)
{
	TpgLogEntry *e = tpg_fiber_replayed(act, "side_effect");
	TpgCommand *c;
	Jsonb	   *value = NULL;
	MemoryContext old;
	TpgJson    *details;
	TpgJson    *b;

	if (e != NULL)
		return e->json;
	tpg_activation_writable(act, "side_effect");
	act->nside_effects++;
	if (!tpg_activation_is_live(act))
		value = recorded_side_effect(act);
	if (value == NULL)
	{
		/* not in history: live, or a mismatch that the end of the activation will report */
		value = tpg_activation_is_live(act) ? evaluate_freely(act, evaluate, arg) : tpg_json_null();
		tpg_payload_check(value, "side effect");
	}
	old = MemoryContextSwitchTo(act->context);
	c = tpg_activation_add_command(act, TPG_COMMAND_MARKER, NULL);
	c->name = "SideEffect";
	details = tpg_json_object();
	tpg_json_add_int(details, "seq", act->nside_effects);
	tpg_json_add_jsonb(details, "data", value);
	b = tpg_json_object();
	tpg_json_add_text(b, "markerName", "SideEffect");
	tpg_json_add_jsonb(b, "details", tpg_json_finish(details));
	c->attributes = tpg_json_finish(b);
	value = tpg_json_copy(value);
	MemoryContextSwitchTo(old);
	tpg_fiber_record(act, "side_effect")->json = value;
	return value;
}
