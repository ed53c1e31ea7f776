-- Activities that end outside of the transaction in which they began.

CREATE FUNCTION temporal.complete_async()
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_complete_async';
COMMENT ON FUNCTION temporal.complete_async() IS
$$Called by an activity whose result will come later, from somewhere else. When its function returns, what it did is committed, its result is ignored, and the attempt stays open until someone calls complete_activity(), fail_activity() or report_activity_cancelled() with its task token, (temporal.activity_info()).task_token, or with its ids; its timeouts go on. When the function raises an error instead, the attempt fails as any other does.

Errors: TP021 outside of an activity, or in a local one.$$;

CREATE FUNCTION temporal.complete_activity(
	task_token text,
	result jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_complete_activity';
COMMENT ON FUNCTION temporal.complete_activity(text, jsonb) IS
$$Completes an activity attempt that is open, with the caller's transaction.

task_token: of the attempt, from activity_info() or poll_activity_task().
result: what execute_activity() gives to the workflow; NULL is JSON null.

If the attempt itself has not committed yet, this waits for it (under lock_timeout).
Errors: TP013 the attempt is not open any more: it has ended, timed out, been tried again, or its workflow has closed; TP021 called by that attempt itself, or by workflow code; TP025 result too large; 42501 without the level "client" in the namespace; 22004, 22023 no token; 25006.$$;

CREATE FUNCTION temporal.complete_activity(
	workflow_id text,
	run_id uuid,
	activity_id text,
	result jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_complete_activity_by_id';
COMMENT ON FUNCTION temporal.complete_activity(text, uuid, text, jsonb) IS
$$Completes the present attempt of an activity, with the caller's transaction; also when none has begun, so that it helps with an activity that nobody can run.

workflow_id, run_id: the run; the latest of the id when run_id is NULL.
activity_id: as in temporal.pending_activity.
result: what execute_activity() gives to the workflow; NULL is JSON null.

If an attempt is running, this waits for it (under lock_timeout), and finds the activity gone when it has completed.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, else as with a task token.$$;

CREATE FUNCTION temporal.fail_activity(
	task_token text,
	failure jsonb)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_fail_activity';
COMMENT ON FUNCTION temporal.fail_activity(text, jsonb) IS
$$Fails an activity attempt that is open, with the caller's transaction. It is tried again, by its retry policy, or the activity fails.

task_token: of the attempt, from activity_info() or poll_activity_task().
failure: an object of any of "message", "type", "details" (anything), "non_retryable" (true or false), "next_retry_delay" (as '1.5s' or an interval), "category" (unspecified, benign), "cause" (another one, of any "kind" and with the members that failure() gives); or a string, its message. It is an application failure: a "kind" of its own may say no more than that. "source" and "stack_trace" are kept.

Errors: 22023 a member that there is not (HINT: those that there are), or of another type; a delay or category that is none; another kind; a cause that is no failure; neither an object nor a string; 22007 a delay that is no interval; else as of temporal.complete_activity().$$;

CREATE FUNCTION temporal.fail_activity(
	workflow_id text,
	run_id uuid,
	activity_id text,
	failure jsonb)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_fail_activity_by_id';
COMMENT ON FUNCTION temporal.fail_activity(text, uuid, text, jsonb) IS
$$Fails the present attempt of an activity, with the caller's transaction; also when none has begun.

workflow_id, run_id: the run; the latest of the id when run_id is NULL.
activity_id: as in temporal.pending_activity.
failure: as with a task token.

Errors: as of temporal.complete_activity().$$;

CREATE FUNCTION temporal.heartbeat_activity(
	task_token text,
	details jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_heartbeat_activity';
COMMENT ON FUNCTION temporal.heartbeat_activity(text, jsonb) IS
$$Says, with the caller's transaction, that an open activity attempt is alive, which starts its heartbeat timeout anew. True: its workflow has requested its cancellation; clean up, then call temporal.report_activity_cancelled(). A pause or reset is not told: the attempt goes on, and temporal.pending_activity shows the state PauseRequested.

task_token: of the attempt, from activity_info() or poll_activity_task().
details: progress, replacing what was told before; seen in temporal.pending_activity, in the failure of a timeout, and by the next attempt.

Errors: TP013 the attempt is not open any more: stop working on it; TP025 details too large; else as of temporal.complete_activity().$$;

CREATE FUNCTION temporal.heartbeat_activity(
	workflow_id text,
	run_id uuid,
	activity_id text,
	details jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_heartbeat_activity_by_id';
COMMENT ON FUNCTION temporal.heartbeat_activity(text, uuid, text, jsonb) IS
$$The same for the present attempt of an activity.

workflow_id, run_id: the run; the latest of the id when run_id is NULL.
activity_id: as in temporal.pending_activity.
details: progress.

Errors: TP013 also when no attempt is open; else as with a task token.$$;

CREATE FUNCTION temporal.report_activity_cancelled(
	task_token text,
	details jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_report_activity_cancelled';
COMMENT ON FUNCTION temporal.report_activity_cancelled(text, jsonb) IS
$$Ends an open activity attempt as cancelled, with the caller's transaction, after its workflow has requested that.

task_token: of the attempt, from activity_info() or poll_activity_task().
details: what the workflow finds in the failure.

Errors: 22023 cancellation was not requested; else as of temporal.complete_activity().$$;

CREATE FUNCTION temporal.report_activity_cancelled(
	workflow_id text,
	run_id uuid,
	activity_id text,
	details jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_report_activity_cancelled_by_id';
COMMENT ON FUNCTION temporal.report_activity_cancelled(text, uuid, text, jsonb) IS
$$The same for the present attempt of an activity.

workflow_id, run_id: the run; the latest of the id when run_id is NULL.
activity_id: as in temporal.pending_activity.
details: what the workflow finds in the failure.

Errors: as with a task token.$$;
