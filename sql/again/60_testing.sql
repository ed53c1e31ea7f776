-- Tests inside one transaction: the engine itself, under a virtual clock.

CREATE FUNCTION temporal.test_start(start_time timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_start';
COMMENT ON FUNCTION temporal.test_start(timestamptz) IS
$$Makes this transaction the worker of the workflows that it starts from now on, with a clock of its own that only test_drive(), test_run() and test_advance() move. Ends with the transaction; ROLLBACK leaves nothing.

start_time: what the clock shows first; the real time when not given.
Errors: TP021 in workflow or activity code, 42501 without level "author" (also at the start of a workflow), 22023, 25006.$$;

CREATE FUNCTION temporal.test_active()
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_is_active';
COMMENT ON FUNCTION temporal.test_active() IS 'Has this transaction a test environment, made by temporal.test_start() or temporal.test_run()?';

CREATE FUNCTION temporal.test_drive(until text DEFAULT 'idle', workflow_id text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_drive';
COMMENT ON FUNCTION temporal.test_drive(text, text) IS
$$Drives the workflows of the test environment.

until: idle: all that is due at the present virtual time; blocked: also what is due later, skipping time, until nothing will happen by itself any more; closed: skipping time until the workflow (or, without workflow_id, every one) is closed.
workflow_id: one that this transaction has started.
Errors: TP008 it cannot be closed without somebody's doing, TP010, TP021 without test environment; a failed workflow task raises its error; 22004, 22023.$$;

CREATE FUNCTION temporal.test_advance(duration interval)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_advance';
COMMENT ON FUNCTION temporal.test_advance(interval) IS
$$Moves the clock of the test environment on, doing everything that becomes due on the way at its time.

duration: zero or more.
Errors: as test_drive().$$;

CREATE FUNCTION temporal.test_now()
RETURNS timestamptz
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_now';
COMMENT ON FUNCTION temporal.test_now() IS
$$The clock of the test environment.
Errors: TP021 without one.$$;

CREATE FUNCTION temporal.mock_activity(activity_type text, returns jsonb DEFAULT NULL, handler text DEFAULT NULL, fails jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_mock_activity';
COMMENT ON FUNCTION temporal.mock_activity(text, jsonb, text, jsonb) IS
$$Replaces what an activity type does in this test environment; schedule, retries, timeouts and history stay the engine's. Mocking a type again replaces the mock.

activity_type: a registered type. returns: its result. handler: a function that takes the input as jsonb and gives the result; runs as you. fails: {"type", "message", "details", "non_retryable", "next_retry_delay", "category", "cause"} as of temporal.fail_activity(): each attempt fails so. None of the three: returns JSON null.
Errors: TP021 without test environment, 42883 no such handler, 22004, 22023.$$;

CREATE FUNCTION temporal.mock_calls(activity_type text DEFAULT NULL, OUT call integer, OUT type text, OUT activity_id text, OUT attempt integer, OUT input jsonb, OUT at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_mock_calls';
COMMENT ON FUNCTION temporal.mock_calls(text) IS
$$The attempts that mocks have answered in this test environment, in order; of one type or of all.
Errors: TP021 without one.$$;

CREATE FUNCTION temporal.test_run(
	workflow_type text,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	start_delay interval DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	started text;
BEGIN
	IF NOT temporal.test_active() THEN
		PERFORM temporal.test_start();
	END IF;
	started := temporal.start_workflow(workflow_type, input, id, execution_timeout => execution_timeout,
		run_timeout => run_timeout, task_timeout => task_timeout, start_delay => start_delay, memo => memo,
		search_attributes => search_attributes, retry_policy => retry_policy, priority_key => priority_key,
		fairness_key => fairness_key, fairness_weight => fairness_weight);
	PERFORM temporal.test_drive('closed', started);
	RETURN temporal.result(started);
END
$$;
COMMENT ON FUNCTION temporal.test_run(text, jsonb, text, interval, interval, interval, interval, jsonb, jsonb, temporal.retry_policy, integer, text, double precision) IS
$$Starts a workflow in the test environment (beginning one if there is none), drives it until it is closed, skipping time, and gives its result; raises its failure as result() does.

Arguments as of start_workflow().
Errors: those of start_workflow(), test_drive() and result().$$;

CREATE FUNCTION temporal.test_activity(activity_type text, input jsonb DEFAULT NULL, attempt integer DEFAULT 1, heartbeat_details jsonb DEFAULT NULL, cancelled boolean DEFAULT false)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_activity';
COMMENT ON FUNCTION temporal.test_activity(text, jsonb, integer, jsonb, boolean) IS
$$Runs the function of an activity alone, in this transaction, as an attempt would: as its owner, with its registered settings. Without workflow, timeouts and retries: what it raises is raised here. Begins a test environment if there is none, so the transaction cannot be committed. Gives the result; NULL after temporal.complete_async().

activity_type: a registered type; a mock does not count. input: its arguments.
attempt: what activity_info() says, from 1. heartbeat_details: what it says that the attempt before has told.
cancelled: its first heartbeat raises query_canceled, as one does whose workflow has cancelled it; without a heartbeat it notices nothing.
Errors: those of the function; TP014 not registered, TP021 in workflow or activity code, TP025 input too large, 42501 without level "author", 22004, 22023; 25006.$$;

CREATE FUNCTION temporal.test_heartbeats(OUT heartbeat integer, OUT details jsonb, OUT at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_test_heartbeats';
COMMENT ON FUNCTION temporal.test_heartbeats() IS
$$The heartbeats of the last temporal.test_activity() of this transaction, in order, all of them; also when it has failed.
Errors: TP021 without test environment.$$;
