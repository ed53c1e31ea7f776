/*-------------------------------------------------------------------------
 * runtime/pass.c - one pass over the code of a workflow.
 *
 * The code runs in a subtransaction that is read-only and rolled back, so a
 * pass costs no transaction id and leaves nothing behind.  How it ended is
 * told from the activation's own records, never from an SQLSTATE alone: a
 * user's ASSERT is no suspension.
 *
 * Callers: runtime/drive (executor, test environment) and the replaying
 * functions in the caller's backend; in a transaction, SPI not connected.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/json.h"
#include "ipc/slots.h"
#include "model/failure.h"
#include "runtime/cancel.h"
#include "runtime/guard.h"
#include "runtime/inplace.h"
#include "runtime/invoke.h"
#include "runtime/pass.h"
#include "runtime/role.h"
#include "runtime/scheduler.h"
#include "runtime/settings.h"
#include "runtime/timer.h"
#include "runtime/updates.h"

#define DEFAULT_TASK_TIMEOUT_US INT64CONST(10000000)

int64
tpg_pass_task_timeout_us(const TpgRun *run)
{
	int64		us = run->nevents > 0 ? tpg_json_get_duration(run->events[0].attributes, "workflowTaskTimeout", -1) : -1;

	return us > 0 ? us : DEFAULT_TASK_TIMEOUT_US;
}

/* A cancellation that gets out of the code ends a run as Canceled, if that was asked for. */
static void
code_failed(TpgPass *pass, Jsonb *failure)
{
	pass->kind = pass->act->cancel_requested && tpg_cancel_is_failure(failure) ? TPG_PASS_CANCELED : TPG_PASS_FAILED;
	pass->failure = failure;
}

Jsonb *
tpg_pass_timeout_failure(const TpgRun *run)
{
	TpgJson    *b = tpg_json_object_from(tpg_failure_timeout(TPG_TIMEOUT_START_TO_CLOSE, NULL, NULL));

	tpg_json_add_text(b, "message", psprintf("workflow code was interrupted: it ran for longer than its task timeout of %s without waiting",
											 tpg_duration_to_text(tpg_pass_task_timeout_us(run))));
	return tpg_json_finish(b);
}

/* The code was interrupted, whatever it did about that. */
static void
timed_out(TpgPass *pass, ErrorData *edata)
{
	const TpgActivation *act = pass->act;
	Jsonb	   *failure = tpg_pass_timeout_failure(act->run);
	ErrorData  *e = palloc0(sizeof(ErrorData));

	e->elevel = ERROR;
	e->sqlerrcode = TPG_ERR_TIMEOUT_FAILURE;
	e->message = tpg_json_get_text(failure, "message");
	e->detail = tpg_json_to_text(tpg_failure_detail(failure));
	e->hint = pstrdup("Do what takes long in an activity, or start the workflow with a longer task_timeout.");
	/* a handler's comes to the run function as another error */
	e->context = act->fatal && act->fatal->context ? act->fatal->context : edata ? edata->context : NULL;
	pass->kind = TPG_PASS_ERROR;
	pass->error = e;
}

static void
classify_error(TpgPass *pass, ErrorData *edata, bool fired)
{
	TpgActivation *act = pass->act;
	Jsonb	   *raised;

	if (fired)
	{
		timed_out(pass, edata);
		return;
	}
	if (act->interrupted != NULL)
	{
		pass->kind = TPG_PASS_INTERRUPTED;
		pass->error = act->interrupted;
		return;
	}
	if (act->fatal != NULL)
	{
		pass->kind = TPG_PASS_ERROR;
		pass->error = act->fatal;
		if (pass->error->context == NULL)
			pass->error->context = edata->context;
		return;
	}
	if (act->failed != NULL)
	{
		code_failed(pass, act->failed);
		return;
	}
	if (act->continued != NULL && tpg_activation_is_suspension(edata))
	{
		pass->kind = TPG_PASS_CONTINUED;
		return;
	}
	if (act->main->suspended && tpg_activation_is_suspension(edata))
	{
		pass->kind = TPG_PASS_SUSPENDED;
		pass->where = act->main->where = edata->context;
		return;
	}
	pass->error = edata;
	if (act->main->suspended)
	{
		/* it was caught, and something else was raised instead */
		edata->hint = pstrdup("The suspension of the workflow was caught: do not catch assert_failure.");
		pass->kind = TPG_PASS_ERROR;
	}
	else if (edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		pass->kind = TPG_PASS_INTERRUPTED;
	else if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED || tpg_activation_fails_workflow(act, edata->sqlerrcode))
	{
		/* one that came from history goes back as it was (E-04) */
		raised = tpg_activation_raised(act, edata->detail);
		if (raised == NULL)
			raised = edata->sqlerrcode == ERRCODE_QUERY_CANCELED ? tpg_failure_canceled(edata->message, NULL) :
				tpg_failure_from_error(edata, "temporal_pg");
		code_failed(pass, raised);
	}
	else
		pass->kind = TPG_PASS_ERROR;
}

static void
swallowed_at_return(TpgPass *pass)
{
	TpgActivation *act = pass->act;

	if (act->interrupted != NULL)
	{
		pass->kind = TPG_PASS_INTERRUPTED;
		pass->error = act->interrupted;
		return;
	}
	pass->kind = TPG_PASS_ERROR;
	if (act->fatal != NULL)
	{
		pass->error = act->fatal;
		return;
	}
	pass->error = palloc0(sizeof(ErrorData));
	pass->error->elevel = ERROR;
	pass->error->sqlerrcode = TPG_ERR_WRONG_CONTEXT;
	pass->error->message = "workflow code caught the suspension and returned";
	if (act->main->suspended_at != NULL)
		pass->error->detail = psprintf("It was suspended at: %s", act->main->suspended_at);
	pass->error->hint = "A waiting call ends the code by an error (assert_failure) when it has to wait. Do not catch assert_failure, and in other languages re-raise it.";
}

/*
 * The code has ended: its last activation ends here too. May raise
 * nondeterminism.
 *
 * If it was an update's, the run is still open, and more may have been delivered
 * since.  Code that has returned still handles that (tpg_scheduler_drain); after a
 * failure nobody does.
 */
static void
finish_code(TpgActivation *act, bool failed)
{
	const TpgEvent *rest;

	tpg_activation_settle(act);
	rest = tpg_activation_rest(act);
	if (rest != NULL && failed && tpg_updates_any_in_task(act->run, act->task_id))
		rest = tpg_activation_next_command(act);
	if (rest != NULL)
		tpg_activation_fatal(act, TPG_ERR_NONDETERMINISM,
							 psprintf("workflow code does not match history at event %d", rest->event_id),
							 psprintf("The code has %s, but history goes on with %s.", act->continued ? "continued as new" : failed ? "failed" : "returned", tpg_event_type_name(rest->type)), TPG_NONDETERMINISM_HINT);
}

/*
 * Drops what an error left on the way out of the code, but keeps what activities
 * that ran in place have written: the in-memory half of a subtransaction's
 * abort, before its commit.
 *
 * At a suspension that is all there is.  The code itself can have written
 * nothing (it is read-only), holds no lock but of relations that it looked at, and
 * stands in a call that we know; subtransactions of its own EXCEPTION blocks
 * have been rolled back by PL/pgSQL on the way.  Open cursors, GUC levels and
 * other users are excluded before anything runs in place (runtime/inplace).
 *
 * PL/pgSQL drops its expression contexts of this subtransaction by itself at the
 * commit.  What differs from an abort is only that it would run callbacks that were
 * registered in them, and there are none: a set-returning function, which
 * registers one, is never evaluated in a context of PL/pgSQL's own.
 */
static void
release_keeping_effects(ResourceOwner code_owner)
{
	SubTransactionId subid = GetCurrentSubTransactionId();

	AtEOSubXact_SPI(false, subid);
	while (ActiveSnapshotSet())
		PopActiveSnapshot();
	ResourceOwnerRelease(code_owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(code_owner, RESOURCE_RELEASE_LOCKS, true, false);
	ResourceOwnerRelease(code_owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	CurrentResourceOwner = CurTransactionResourceOwner;
	ResourceOwnerDelete(code_owner);
	ReleaseCurrentSubTransaction();
}

void
tpg_pass_run(TpgRun *run, TpgDefinition *def, bool live,
			 bool (*run_in_place) (TpgActivation *act, void *arg), void *in_place_arg, TpgPass *pass)
{
	TpgActivation *act = tpg_activation_create(run, def, live);
	TpgActivation *outer = tpg_current_activation;
	MemoryContext caller_context = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	ErrorContextCallback *outer_context = error_context_stack;
	ResourceOwner volatile code_owner = NULL;
	volatile bool timing = false;
	TpgTimer	outer_timer;
	TpgRoleScope role;
	int			level;

	memset(pass, 0, sizeof(*pass));
	pass->act = act;
	act->run_in_place = run_in_place;
	act->in_place_arg = in_place_arg;

	BeginInternalSubTransaction(NULL);
	act->base_nest_level = GetCurrentTransactionNestLevel();
	MemoryContextSwitchTo(act->context);
	if (run_in_place != NULL)
	{
		Assert(!ActiveSnapshotSet());
		code_owner = ResourceOwnerCreate(CurrentResourceOwner, "temporal_pg workflow code");
		CurrentResourceOwner = code_owner;
	}
	PG_TRY();
	{
		/* the context of an error is that of the code, not of who drives it */
		error_context_stack = &act->errors;
		tpg_timer_start(&outer_timer, tpg_pass_task_timeout_us(run), true);
		timing = true;
		XactReadOnly = true;
		tpg_role_enter(&role, def->owner, !tpg_in_executor());
		level = tpg_settings_enter(def);
		act->base_guc_level = tpg_guc_nest_level();
		PushActiveSnapshot(GetTransactionSnapshot());
		tpg_current_activation = act;
		if (!tpg_activation_next(act))
			elog(ERROR, "workflow \"%s\" has no history", run->exec->workflow_id);
		tpg_scheduler_start(act);
		tpg_guard_enter(act, def);
		pass->result = tpg_invoke(def, run->exec->workflow_type, tpg_json_get_raw(run->events[0].attributes, "input"));
		MemoryContextSwitchTo(act->context);
		if (tpg_timer_fired())
			timed_out(pass, NULL);
		else if (act->main->suspended || act->fatal != NULL || act->interrupted != NULL)
			swallowed_at_return(pass);
		else
		{
			tpg_payload_check(pass->result, "workflow result");
			tpg_scheduler_drain(act);
			finish_code(act, false);
			pass->kind = TPG_PASS_RETURNED;
		}
		timing = false;
		if (tpg_timer_stop(&outer_timer) && pass->kind == TPG_PASS_RETURNED)
			timed_out(pass, NULL);
		tpg_current_activation = outer;
		error_context_stack = outer_context;
		log_min_messages = act->log_min_messages;
		client_min_messages = act->client_min_messages;
		if (act->effects && pass->kind == TPG_PASS_RETURNED)
		{
			PopActiveSnapshot();
			tpg_settings_leave(level);
			tpg_role_leave(&role);
			ReleaseCurrentSubTransaction();
		}
		else
		{
			pass->lost_effects = act->effects;
			RollbackAndReleaseCurrentSubTransaction();
		}
	}
	PG_CATCH();
	{
		ErrorData  *edata;
		bool		fired = timing && tpg_timer_stop(&outer_timer);

		tpg_current_activation = outer;
		log_min_messages = act->log_min_messages;
		client_min_messages = act->client_min_messages;
		MemoryContextSwitchTo(act->context);
		edata = CopyErrorData();
		FlushErrorState();
		tpg_last_error_restore(&act->last_error, edata);
		classify_error(pass, edata, fired);
		if (act->effects && pass->kind == TPG_PASS_SUSPENDED)
		{
			AtEOXact_GUC(false, act->base_guc_level - 1);
			tpg_role_leave(&role);
			release_keeping_effects(code_owner);
		}
		else
		{
			pass->lost_effects = act->effects;
			RollbackAndReleaseCurrentSubTransaction();
		}
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller_context);
	CurrentResourceOwner = caller_owner;

	if (pass->kind == TPG_PASS_FAILED || pass->kind == TPG_PASS_CONTINUED || pass->kind == TPG_PASS_CANCELED)
	{
		/* it has ended, but what it asked for before stands (G-14); outside of the subtransaction: no user code */
		PG_TRY();
		{
			MemoryContextSwitchTo(act->context);
			finish_code(act, true);
		}
		PG_CATCH();
		{
			if (act->fatal == NULL)
				PG_RE_THROW();
			FlushErrorState();
			pass->kind = TPG_PASS_ERROR;
			pass->error = act->fatal;
		}
		PG_END_TRY();
		MemoryContextSwitchTo(caller_context);
	}
}

void
tpg_pass_free(TpgPass *pass)
{
	MemoryContextDelete(pass->act->context);
	pass->act = NULL;
}

void
tpg_pass_rethrow(const ErrorData *e)
{
	/*
	 * As a new error: the record may be one of our own making, or of a time
	 * when the thresholds of the log were raised, and says where it may be heard.
	 */
	ereport(ERROR,
			(errcode(e->sqlerrcode),
			 errmsg_internal("%s", e->message),
			 e->detail ? errdetail_internal("%s", e->detail) : 0,
			 e->hint ? errhint("%s", e->hint) : 0,
			 e->context ? errcontext_msg("%s", e->context) : 0));
}

Jsonb *
tpg_pass_error_failure(const ErrorData *error)
{
	Jsonb	   *failure = tpg_failure_from_error(error, "temporal_pg");
	TpgJson    *b;

	if (error->context == NULL)
		return failure;
	b = tpg_json_object_from(failure);
	tpg_json_add_text(b, "stackTrace", error->context);
	return tpg_json_finish(b);
}

const char *
tpg_pass_error_cause(const ErrorData *error)
{
	/* as a failure, a timeout ends the run; as an error of the task it is the one of the code */
	if (error->sqlerrcode == TPG_ERR_TIMEOUT_FAILURE)
		return NULL;
	return error->sqlerrcode == TPG_ERR_NONDETERMINISM ? "NON_DETERMINISTIC_ERROR" : "WORKFLOW_WORKER_UNHANDLED_FAILURE";
}
