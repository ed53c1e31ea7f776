-- What workflow code calls. Outside of it every function here raises TP021.

CREATE FUNCTION temporal.execute_activity(
	activity_type text,
	input "any" DEFAULT NULL,
	task_queue text DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	heartbeat_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	cancellation_type text DEFAULT NULL,
	activity_id text DEFAULT NULL,
	summary text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_execute_activity';
COMMENT ON FUNCTION temporal.execute_activity(text, "any", text, interval, interval, interval, interval, temporal.retry_policy, text, text, text, integer, text, double precision) IS
$$Schedules an activity, waits for it and gives its result (void is JSON null). A failed one raises TF002 here, after its retries (EXCEPTION WHEN SQLSTATE 'TF002'; 'TF000' catches every failure).

activity_type: a registered type. input: its arguments: a value of any type for one argument; an array by position or an object by name for several; a literal without a type is read as JSON.
task_queue, the timeouts, retry_policy, priority_key: those of the registration when not given, then the default of temporal_pg.default_start_to_close_timeout. schedule_to_close_timeout spans all attempts; schedule_to_start_timeout the wait for a process; start_to_close_timeout one attempt. heartbeat_timeout ends an attempt that has not called temporal.heartbeat() for so long.
priority_key (1, first, to 5), fairness_key, fairness_weight: as of start_workflow(); those of the workflow when not given.
cancellation_type: try_cancel, wait_cancellation_completed or abandon. activity_id: unique among the pending activities of the run; their number when not given. summary: one line for those who look.
Errors: TF002, TP014 not registered, TP021 outside of workflow code, TP025 too large or too many, 22004, 22023. Source of the rules: Temporal, ScheduleActivityTask.$$;

CREATE FUNCTION temporal.start_activity(
	activity_type text,
	input "any" DEFAULT NULL,
	task_queue text DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	heartbeat_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	cancellation_type text DEFAULT NULL,
	activity_id text DEFAULT NULL,
	summary text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_activity';
COMMENT ON FUNCTION temporal.start_activity(text, "any", text, interval, interval, interval, interval, temporal.retry_policy, text, text, text, integer, text, double precision) IS
$$Schedules an activity and gives a future for temporal.await(). Several run in parallel.

activity_type: a registered type. input: its arguments: a value of any type for one argument; an array by position or an object by name for several; a literal without a type is read as JSON.
task_queue, the timeouts, retry_policy, priority_key: those of the registration when not given, then the default of temporal_pg.default_start_to_close_timeout. schedule_to_close_timeout spans all attempts; schedule_to_start_timeout the wait for a process; start_to_close_timeout one attempt. heartbeat_timeout ends an attempt that has not called temporal.heartbeat() for so long.
priority_key (1, first, to 5), fairness_key, fairness_weight: as of start_workflow(); those of the workflow when not given.
cancellation_type: try_cancel, wait_cancellation_completed or abandon. activity_id: unique among the pending activities of the run; their number when not given. summary: one line for those who look.
Errors: as execute_activity(), whose TF002 comes from await().$$;

CREATE FUNCTION temporal.execute_local_activity(
	activity_type text,
	input "any" DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	cancellation_type text DEFAULT NULL,
	activity_id text DEFAULT NULL,
	summary text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_execute_local_activity';
COMMENT ON FUNCTION temporal.execute_local_activity(text, "any", interval, interval, interval, temporal.retry_policy, text, text, text) IS
$$Runs an activity within the workflow task itself, in its transaction: no queue, no commit of its own, exactly once. For short ones. It runs after the code has been unwound, so an EXCEPTION block around the call does not undo what it did.

activity_type: a registered type whose function belongs to the owner of the workflow. input, timeouts, retry_policy, cancellation_type, activity_id, summary: as in execute_activity().
Errors: TF002 when it has failed after its retries, 42501 when it belongs to another role, TP014, TP021, TP025, 22004, 22023.$$;

CREATE FUNCTION temporal.start_local_activity(
	activity_type text,
	input "any" DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	cancellation_type text DEFAULT NULL,
	activity_id text DEFAULT NULL,
	summary text DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_local_activity';
COMMENT ON FUNCTION temporal.start_local_activity(text, "any", interval, interval, interval, temporal.retry_policy, text, text, text) IS
$$execute_local_activity() without waiting: gives a future.

activity_type: a registered type whose function belongs to the owner of the workflow. input, timeouts, retry_policy, cancellation_type, activity_id, summary: as in execute_activity().
Errors: as there; TF002 comes from await().$$;

CREATE FUNCTION temporal.sleep(duration interval)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_sleep';
COMMENT ON FUNCTION temporal.sleep(interval) IS
$$Sleeps durably: a timer that survives restarts.

duration: zero or more; a month is 30 days.
Errors: TP021 outside of workflow code, 22023 negative or too long, 22004.$$;

CREATE FUNCTION temporal.start_timer(
	duration interval,
	summary text DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_timer';
COMMENT ON FUNCTION temporal.start_timer(interval, text) IS
$$Starts a durable timer and gives a future that is done when it fires.

duration: zero or more. summary: one line for those who look.
Errors: TP021, 22023, 22004, TP025.$$;

CREATE FUNCTION temporal.await(
	future temporal.future,
	timeout interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_await';
COMMENT ON FUNCTION temporal.await(temporal.future, interval) IS
$$Waits for a future and gives its result; JSON null for a timer. A failed one raises its failure each time it is awaited.

timeout: then TF005 is raised (DETAIL: type await), and what was waited for goes on.
Errors: TF002 a failed activity, TF005 timeout, TP021 outside of workflow code or a future of another run, 22004, 22023.$$;

CREATE FUNCTION temporal.await_all(
	futures temporal.future[],
	timeout interval DEFAULT NULL)
RETURNS jsonb[]
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_await_all';
COMMENT ON FUNCTION temporal.await_all(temporal.future[], interval) IS
$$Waits for all futures of an array and gives their results in its order; none of none. Raises the failure that came first in history as soon as it is there; the others go on.

timeout: then TF005 is raised.
Errors: as await().$$;

CREATE FUNCTION temporal.await_any(
	futures temporal.future[],
	timeout interval DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_await_any';
COMMENT ON FUNCTION temporal.await_any(temporal.future[], interval) IS
$$Waits until one of the futures is done, also by failing, and gives it; the first of the array when several are.

timeout: then TF005 is raised.
Errors: as await(); 22023 for an empty array.$$;

CREATE FUNCTION temporal.is_done(future temporal.future)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_is_done';
COMMENT ON FUNCTION temporal.is_done(temporal.future) IS
$$Is a future done (or failed)? Does not wait.
Errors: TP021, 22004.$$;

CREATE FUNCTION temporal.state()
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_state';
COMMENT ON FUNCTION temporal.state() IS
$$All of the state of the run, an object: what its functions share, kept in memory and rebuilt by replay.
Errors: TP021.$$;

CREATE FUNCTION temporal.state(key text)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_state_key';
COMMENT ON FUNCTION temporal.state(text) IS
$$One value of the state; NULL when it is not there.
Errors: TP021, 22004.$$;

CREATE FUNCTION temporal.state(
	key text,
	default_value anyelement)
RETURNS anyelement
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_state_default';
COMMENT ON FUNCTION temporal.state(text, anyelement) IS
$$One value of the state as the type of the default, which it is when the value is not there. JSON null is NULL.
Errors: TP021, 22004; those of the type's input.$$;

CREATE FUNCTION temporal.set_state(
	key text,
	value "any")
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_set_state';
COMMENT ON FUNCTION temporal.set_state(text, "any") IS
$$Sets one value of the state, of any type; a literal without a type is read as JSON. EXCEPTION blocks do not undo it.
Errors: TP021, TP025, 22004.$$;

CREATE FUNCTION temporal.set_state(state jsonb)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_set_state_all';
COMMENT ON FUNCTION temporal.set_state(jsonb) IS
$$Replaces all of the state by the members of an object.
Errors: TP021, TP025, 22023 no object, 22004.$$;

CREATE FUNCTION temporal.delete_state(key text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_delete_state';
COMMENT ON FUNCTION temporal.delete_state(text) IS
$$Takes one value out of the state.
Errors: TP021, 22004.$$;

CREATE FUNCTION temporal.from_jsonb(
	value jsonb,
	as_type anyelement)
RETURNS anyelement
LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_from_jsonb';
COMMENT ON FUNCTION temporal.from_jsonb(jsonb, anyelement) IS
$$A JSON value as a value of an SQL type: temporal.from_jsonb(result, NULL::text). Only the type of the second argument matters. JSON null is NULL. Works anywhere.
Errors: those of the type's input.$$;

CREATE FUNCTION temporal.now()
RETURNS timestamptz
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_now';
COMMENT ON FUNCTION temporal.now() IS
$$The clock of the workflow: the time of the present activation, the same in every replay, never going back. Instead of now() and clock_timestamp(), which differ in a replay.
Errors: TP021.$$;

CREATE FUNCTION temporal.random()
RETURNS double precision
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_random';
COMMENT ON FUNCTION temporal.random() IS
$$A random number from 0 to 1, the same in every replay.
Errors: TP021.$$;

CREATE FUNCTION temporal.uuid4()
RETURNS uuid
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_uuid4';
COMMENT ON FUNCTION temporal.uuid4() IS
$$A random uuid, the same in every replay.
Errors: TP021.$$;

CREATE FUNCTION temporal.side_effect(sql text)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_side_effect';
COMMENT ON FUNCTION temporal.side_effect(text) IS
$$Evaluates a read-only query of one value once, records it in history, and gives the recorded value in every replay. For reading tables and settings in workflow code.

sql: a query with at most one row of one column; no row is JSON null. Of workflow code it may call what only looks (state(), now(), workflow_info() …).
Errors: TP021, TP025, 22023 no such query; errors of the query itself.$$;

CREATE FUNCTION temporal.side_effect(sql text, VARIADIC arguments "any")
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_side_effect';
COMMENT ON FUNCTION temporal.side_effect(text, "any") IS
$$side_effect() of a query with parameters $1, $2 ...

arguments: values of any types; a literal without a type is text.
Errors: as there.$$;

CREATE FUNCTION temporal.workflow_info()
RETURNS temporal.workflow_info
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_workflow_info';
COMMENT ON FUNCTION temporal.workflow_info() IS
$$What the run may know about itself.
Errors: TP021.$$;

CREATE FUNCTION temporal.is_replaying()
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_is_replaying';
COMMENT ON FUNCTION temporal.is_replaying() IS
$$Is the code being replayed over history? For diagnostics only: never decide by it.
Errors: TP021.$$;

CREATE FUNCTION temporal.log(
	level text,
	message text,
	fields jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_log';
COMMENT ON FUNCTION temporal.log(text, text, jsonb) IS
$$Writes to the server log, with the workflow id; silent in a replay. In workflow and activity code.

level: debug, info, notice, warning, error. fields: shown as DETAIL.
Errors: TP021 elsewhere, 22023, 22004.$$;

CREATE FUNCTION temporal.failure()
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_failure';
COMMENT ON FUNCTION temporal.failure() IS
$$The failure that was raised last in this code, as a chain: kind, type, message, details, cause; NULL when there was none.
Errors: TP021.$$;

CREATE FUNCTION temporal.failure_type()
RETURNS text
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_last_failure_type';
COMMENT ON FUNCTION temporal.failure_type() IS
$$Type of the innermost application failure of failure(): what raise_application_error gave, or the SQLSTATE of an SQL error; NULL when there was none.
Errors: TP021.$$;

CREATE FUNCTION temporal.raise_application_error(
	message text,
	type text DEFAULT NULL,
	details jsonb DEFAULT NULL,
	non_retryable boolean DEFAULT false,
	next_retry_delay interval DEFAULT NULL,
	category text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_raise_application_error';
COMMENT ON FUNCTION temporal.raise_application_error(text, text, jsonb, boolean, interval, text) IS
$$Raises an application failure (TF001), in workflow code, activities or anywhere.

message: for people. type: for code: what non_retryable_error_types lists and failure_type() gives. details: any JSON. non_retryable: no further attempt. next_retry_delay: instead of the policy's delay before the next attempt. category: unspecified or benign.
Errors: TF001 always; 22004, 22023, TP025 for bad arguments.$$;

-- What activities call.

CREATE FUNCTION temporal.activity_info()
RETURNS temporal.activity_info
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_activity_info';
COMMENT ON FUNCTION temporal.activity_info() IS
$$What an activity may know about its attempt.
Errors: TP021 outside of an activity.$$;

-- Replay in the caller's backend.

CREATE FUNCTION temporal.replay(
	workflow_id text,
	run_id uuid DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_replay';
COMMENT ON FUNCTION temporal.replay(text, uuid) IS
$$Runs today's code of a workflow over the history of a run and gives the number of its events; nothing is written. An error tells that the code does not replay it.

workflow_id, run_id: the run; the latest of the id when no run id is given.
Errors: TP020 code and history disagree (event, expected, got), TP010 no such workflow, TP014 its type is not registered; whatever error the code raises; 42501, 22004, 22023.$$;

CREATE FUNCTION temporal.replay(
	history jsonb,
	workflow_type text)
RETURNS integer
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_replay_history';
COMMENT ON FUNCTION temporal.replay(jsonb, text) IS
$$replay() of a history given as JSON: an array of the rows of temporal.history.

history: SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) FROM temporal.history h WHERE ... workflow_type: the type whose code is to replay it.
Errors: as there.$$;
