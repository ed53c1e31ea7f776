/*-------------------------------------------------------------------------
 * messages.c
 *	  SQL-callable: queries and updates, from any session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/client.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/start.h"
#include "ipc/waiters.h"
#include "model/failure.h"
#include "runtime/activation.h"
#include "runtime/queries.h"
#include "runtime/sessions.h"
#include "store/message.h"
#include "store/runlock.h"

PG_FUNCTION_INFO_V1(tpg_sql_query);
PG_FUNCTION_INFO_V1(tpg_sql_update);
PG_FUNCTION_INFO_V1(tpg_sql_start_update);
PG_FUNCTION_INFO_V1(tpg_sql_update_result);
PG_FUNCTION_INFO_V1(tpg_sql_update_with_start);
PG_FUNCTION_INFO_V1(tpg_sql_execute_update);

/* ---------- queries ---------- */

static void
check_reject_condition(const TpgExecution *exec, const char *condition)
{
	bool		reject;

	if (condition == NULL || strcmp(condition, "none") == 0)
		return;
	if (strcmp(condition, "not_open") == 0)
		reject = !tpg_status_is_open(exec->status);
	else if (strcmp(condition, "not_completed_cleanly") == 0)
		reject = !tpg_status_is_open(exec->status) && exec->status != TPG_STATUS_COMPLETED;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid reject_condition \"%s\"", condition),
				 errhint("It is one of none, not_open, not_completed_cleanly.")));
	if (reject)
		ereport(ERROR,
				(errcode(TPG_ERR_QUERY_FAILED),
				 errmsg("query was rejected: workflow \"%s\" is %s", exec->workflow_id, tpg_status_name(exec->status)),
				 errhint("Use reject_condition => 'none' to query it all the same.")));
}

/* (workflow_id, query_name, input, run_id, reject_condition) */
Datum
tpg_sql_query(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	char	   *name = tpg_arg_text(fcinfo, 1);
	Jsonb	   *input = tpg_arg_jsonb(fcinfo, 2);
	pg_uuid_t  *run_id = PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3);
	TpgExecution *exec;

	tpg_not_in_workflow("query", "Workflow code reads its own state with temporal.state().");
	tpg_id_check(name, "query name");
	tpg_payload_check(input, "query input");
	exec = tpg_find_run(workflow_id, run_id, false);
	check_reject_condition(exec, tpg_arg_text(fcinfo, 4));
	PG_RETURN_JSONB_P(tpg_query(exec, name, input));
}

/* ---------- updates ---------- */

/* Arguments from n on: (update_name, input, update_id). */
static void
request_from_args(FunctionCallInfo fcinfo, int n, TpgUpdateRequest *r)
{
	memset(r, 0, sizeof(*r));
	r->name = tpg_arg_text(fcinfo, n);
	tpg_id_check(r->name, "update name");
	r->input = tpg_arg_jsonb(fcinfo, n + 1);
	tpg_payload_check(r->input, "update input");
	r->id = tpg_arg_text(fcinfo, n + 2);
	if (r->id != NULL)
		tpg_id_check(r->id, "update id");
	else
		r->id = tpg_uuid_to_text(tpg_uuid_random());
	r->identity = tpg_client_identity();
}

static void
raise_update_failure(const char *id, const Jsonb *failure)
{
	ereport(ERROR,
			(errcode(TPG_ERR_UPDATE_FAILED),
			 errmsg("update \"%s\" failed: %s", id, tpg_failure_message(failure)),
			 errdetail_internal("%s", tpg_json_to_text(tpg_failure_detail(failure)))));
}

/* its start delay, or the time between two runs of a chain. */
static void
update_before_begin(const char *workflow_id, const char *name, TimestampTz begins_at)
{
	ereport(ERROR,
			(errcode(TPG_ERR_UPDATE_WOULD_WAIT),
			 errmsg("update \"%s\" has to wait", name),
			 errdetail("Workflow \"%s\" begins only at %s.", workflow_id, timestamptz_to_str(begins_at)),
			 errhint("Ask again then; or CALL temporal.execute_update(), which waits until then; or send a signal, which is kept.")));
}

/*
 * An update of the run, or without a run id of the latest one of the workflow:
 * when that closes meanwhile, of the one that has taken its place (F-43).  False:
 * it is closed.
 */
static bool
update_if_open(TpgExecution **exec, const pg_uuid_t *run_id, const TpgUpdateRequest *r, bool must_complete, TpgUpdateState *state)
{
	while (!tpg_session_update(*exec, r, must_complete, state))
	{
		int64		key = (*exec)->key;

		if (run_id == NULL)
			*exec = tpg_find_run((*exec)->workflow_id, NULL, false);
		if ((*exec)->key == key)
			return false;
	}
	return true;
}

static bool
update_open_run(TpgExecution **exec, const pg_uuid_t *run_id, const TpgUpdateRequest *r, bool must_complete, TpgUpdateState *state)
{
	if (!update_if_open(exec, run_id, r, must_complete, state))
		return false;
	if (state->stage == TPG_UPDATE_UNKNOWN)
		update_before_begin((*exec)->workflow_id, r->name, state->begins_at);
	return true;
}

static void
update_of_closed(const TpgExecution *exec)
{
	ereport(ERROR,
			(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
			 errmsg("workflow \"%s\" is already closed", exec->workflow_id),
			 errdetail("Run %s.", tpg_uuid_to_text(&exec->run_id)),
			 errhint("Only updates that it has taken before can be asked for.")));
}

/* What an update that has to complete now gives, new or known. */
static Jsonb *
completed_result(const TpgUpdateRequest *r, const TpgUpdateState *state)
{
	if (state->failure != NULL)
		raise_update_failure(r->id, state->failure);
	if (state->stage != TPG_UPDATE_COMPLETED)
		ereport(ERROR,
				(errcode(TPG_ERR_UPDATE_WOULD_WAIT),
				 errmsg("update \"%s\" was accepted before and is not completed yet", r->id),
				 errhint("Wait for it with temporal.update_result().")));
	return state->result ? state->result : tpg_json_null();
}

/* (workflow_id, update_name, input, update_id, run_id) */
Datum
tpg_sql_update(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(4) ? NULL : PG_GETARG_UUID_P(4);
	TpgUpdateRequest r;
	TpgUpdateState state;
	TpgExecution *exec;

	tpg_not_in_workflow("update", "Call it in an activity.");
	tpg_not_read_only("update");
	request_from_args(fcinfo, 1, &r);
	exec = tpg_find_run(workflow_id, run_id, false);
	if (!update_open_run(&exec, run_id, &r, true, &state))
		update_of_closed(exec);
	PG_RETURN_JSONB_P(completed_result(&r, &state));
}

/* (workflow_id, update_name, input, update_id, run_id, wait_for_stage) */
Datum
tpg_sql_start_update(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(4) ? NULL : PG_GETARG_UUID_P(4);
	char	   *stage = tpg_arg_text(fcinfo, 5);
	TpgUpdateRequest r;
	TpgUpdateState state;
	TpgExecution *exec;

	tpg_not_in_workflow("start_update", "Call it in an activity.");
	tpg_not_read_only("start_update");
	if (stage == NULL || (strcmp(stage, "accepted") != 0 && strcmp(stage, "completed") != 0))
		ereport(ERROR,
				(errcode(stage ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 stage ? errmsg("invalid wait_for_stage \"%s\"", stage) : errmsg("wait_for_stage must not be null"),
				 errhint("It is accepted or completed.")));
	request_from_args(fcinfo, 1, &r);
	exec = tpg_find_run(workflow_id, run_id, false);
	if (!update_open_run(&exec, run_id, &r, false, &state))
		update_of_closed(exec);
	if (state.stage != TPG_UPDATE_COMPLETED && strcmp(stage, "completed") == 0)
		ereport(ERROR,
				(errcode(TPG_ERR_UPDATE_WOULD_WAIT),
				 errmsg("update \"%s\" has to wait", r.name),
				 errhint("Use wait_for_stage => 'accepted' and, after COMMIT, temporal.update_result(); or CALL temporal.execute_update().")));
	PG_RETURN_TEXT_P(cstring_to_text(r.id));
}

/* Waits until an accepted update is completed; nonatomic: with a commit before each sleep. */
static Jsonb *
wait_update(TpgExecution *exec, const char *id, int64 timeout_us, bool nonatomic, MemoryContext context)
{
	TimestampTz deadline = timeout_us < 0 ? DT_NOEND : GetCurrentTimestamp() + timeout_us;
	int64		key = exec->key;
	char	   *workflow_id = MemoryContextStrdup(context, exec->workflow_id);

	id = MemoryContextStrdup(context, id);
	for (;;)
	{
		TpgUpdateState state;
		MemoryContext look = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg update wait", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(look);
		long		ms = -1;

		tpg_waiter_prepare(key);
		exec = tpg_execution_by_key(key);
		if (exec != NULL)
			tpg_session_update_state(exec, id, &state);
		if (exec == NULL || state.stage == TPG_UPDATE_UNKNOWN)
		{
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WORKFLOW_NOT_FOUND),
					 errmsg("update \"%s\" does not exist", id),
					 errhint("A rejected update leaves no trace; ids of accepted ones are in temporal.workflow_update.")));
		}
		if (state.stage == TPG_UPDATE_COMPLETED)
		{
			Jsonb	   *result;

			tpg_waiter_cancel();
			if (state.failure != NULL)
				raise_update_failure(id, state.failure);
			MemoryContextSwitchTo(context);
			result = state.result ? tpg_json_copy(state.result) : tpg_json_null();
			MemoryContextSwitchTo(old);
			return result;
		}
		if (tpg_engine_started_here(key) || tpg_run_lock_is_held(key))
		{
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WAITING_FOR_OWN_TRANSACTION),
					 errmsg("update \"%s\" was accepted in this transaction and cannot complete before it commits", id),
					 errhint("COMMIT first, or use CALL temporal.execute_update().")));
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(look);
		if (nonatomic)
			SPI_commit();
		if (!TIMESTAMP_NOT_FINITE(deadline))
			ms = (long) Max((deadline - GetCurrentTimestamp() + 999) / 1000, 0);
		if (ms == 0 || tpg_waiter_sleep(key, ms))
		{
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WAIT_TIMEOUT),
					 errmsg("update \"%s\" has not completed in time", id),
					 errhint("SELECT * FROM temporal.explain('%s') tells what its handler waits for.", workflow_id)));
		}
	}
}

/* (workflow_id, update_id, timeout) */
Datum
tpg_sql_update_result(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	char	   *id = tpg_arg_text(fcinfo, 1);
	int64		timeout_us = PG_ARGISNULL(2) ? -1 : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(2), "timeout");

	tpg_not_in_workflow("update_result", "Call it in an activity or a client.");
	tpg_id_check(id, "update id");
	PG_RETURN_JSONB_P(wait_update(tpg_find_run(workflow_id, NULL, false), id, timeout_us, false, CurrentMemoryContext));
}

/* (workflow_type, update_name, update_input, update_id, ...as start_workflow from input on) */
Datum
tpg_sql_update_with_start(PG_FUNCTION_ARGS)
{
	TpgUpdateRequest r;
	TpgUpdateState state;
	TpgStartResult started;

	tpg_not_in_workflow("update_with_start", "Call it in an activity.");
	tpg_not_read_only("update_with_start");
	request_from_args(fcinfo, 1, &r);
	if (!PG_ARGISNULL(13) || !PG_ARGISNULL(14))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("update_with_start cannot have %s", PG_ARGISNULL(13) ? "start_delay" : "cron_schedule"),
				 errhint("An update is handled in the first task.")));

	/* an update that the latest run has taken needs no start (F-40) */
	if (!PG_ARGISNULL(3) && !PG_ARGISNULL(5))
	{
		TpgExecution *exec = tpg_find_run(tpg_arg_text(fcinfo, 5), NULL, true);

		if (exec != NULL)
		{
			tpg_session_update_state(exec, r.id, &state);
			if (state.stage != TPG_UPDATE_UNKNOWN)
				PG_RETURN_JSONB_P(completed_result(&r, &state));
		}
	}
	for (int tries = 0;; tries++)
	{
		tpg_start_from_args(fcinfo, "update_with_start", 4, &started);
		if (tpg_session_update(tpg_execution_by_key(started.key), &r, true, &state))
		{
			if (state.stage == TPG_UPDATE_UNKNOWN)
				update_before_begin(started.workflow_id, r.name, state.begins_at);
			PG_RETURN_JSONB_P(completed_result(&r, &state));
		}
		/* it closed between the two: start anew */
		if (tries >= 100)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not update workflow \"%s\": its runs end as fast as they start", started.workflow_id),
					 errhint("Try again.")));
	}
}

/*
 * The run is in a backoff before its first task: sleeps until that is over, or
 * somebody has ended it, without a transaction.  As at a server of Temporal the
 * waiting client alone knows of the update (F-24), and asks again.
 */
static void
wait_until_begin(const TpgExecution *exec, const char *name, TimestampTz begins_at, TimestampTz deadline)
{
	int64		key = exec->key;
	char	   *workflow_id = pstrdup(exec->workflow_id);
	TimestampTz until = Min(begins_at, deadline);
	TpgExecution *now;
	bool		over;

	/* the lock of the run */
	SPI_commit();
	tpg_waiter_prepare(key);
	now = tpg_execution_by_key(key);
	over = now == NULL || !tpg_execution_is_delayed(now, GetCurrentTimestamp()) ||
		tpg_message_more_due(key, GetCurrentTimestamp(), NULL, 0);
	SPI_commit();
	if (!over)
	{
		long		ms = (long) Max((until - GetCurrentTimestamp() + 999) / 1000, 0);

		if ((ms == 0 || tpg_waiter_sleep(key, ms)) && begins_at > deadline)
		{
			tpg_waiter_cancel();
			ereport(ERROR,
					(errcode(TPG_ERR_WAIT_TIMEOUT),
					 errmsg("update \"%s\" has not been taken in time", name),
					 errdetail("Workflow \"%s\" begins only at %s.", workflow_id, timestamptz_to_str(begins_at)),
					 errhint("Nothing has changed: ask again then.")));
		}
	}
	tpg_waiter_cancel();
}

/* (workflow_id, update_name, input, update_id, run_id, wait_timeout, INOUT result) */
Datum
tpg_sql_execute_update(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(4) ? NULL : PG_GETARG_UUID_P(4);
	int64		timeout_us = PG_ARGISNULL(5) ? -1 : tpg_interval_arg_us(PG_GETARG_INTERVAL_P(5), "wait_timeout");
	TpgUpdateRequest r;
	TpgUpdateState state;
	TpgExecution *exec;
	TimestampTz deadline;
	Jsonb	   *result;

	tpg_require_nonatomic(fcinfo, "execute_update");
	tpg_not_read_only("execute_update");
	request_from_args(fcinfo, 1, &r);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	deadline = timeout_us < 0 ? DT_NOEND : GetCurrentTimestamp() + timeout_us;
	for (;;)
	{
		exec = tpg_find_run(workflow_id, run_id, false);
		if (!update_if_open(&exec, run_id, &r, false, &state))
			update_of_closed(exec);
		if (state.stage != TPG_UPDATE_UNKNOWN)
			break;
		wait_until_begin(exec, r.name, state.begins_at, deadline);
		MemoryContextSwitchTo(context);
	}
	if (timeout_us >= 0)
		timeout_us = Max(deadline - GetCurrentTimestamp(), 0);
	SPI_commit();
	MemoryContextSwitchTo(context);
	result = wait_update(exec, r.id, timeout_us, true, context);
	SPI_finish();
	return tpg_call_result(fcinfo, result);
}
