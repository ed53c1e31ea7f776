-- Signals, queries and updates: from any session.

CREATE FUNCTION temporal.signal(
	workflow_id text,
	signal_name text,
	input jsonb DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	request_id text DEFAULT NULL,
	missing_ok boolean DEFAULT false)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_signal';
COMMENT ON FUNCTION temporal.signal(text, text, jsonb, uuid, text, boolean) IS
$$Sends a signal to an open workflow. Takes effect at COMMIT and vanishes at ROLLBACK, also from triggers; never waits for the workflow or for other signals. True: taken.

In workflow code it is a command to another workflow: the code waits until the signal has been taken (ExternalWorkflowExecutionSignaled). A run cannot signal itself.

workflow_id, run_id: the run; the latest of the id when no run id is given. signal_name: a handler's, or what temporal.wait_signal() waits for; kept until one of them asks for it. input: its arguments.
request_id: the same request id again is taken once, as long as the run is kept.
missing_ok: false instead of an error when there is no such open workflow.
Errors: TP010 no such workflow, TP012 it is closed (in workflow code TP010, too, which fails the workflow unless it is caught), TP025 too large or more than 10,000 for the run, 42501 without level "client", 22004, 22023, 25006.$$;

CREATE FUNCTION temporal.signal_with_start(
	workflow_type text,
	signal_name text,
	signal_input jsonb DEFAULT NULL,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	id_reuse_policy text DEFAULT 'allow_duplicate',
	id_conflict_policy text DEFAULT 'use_existing',
	retry_policy temporal.retry_policy DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	start_delay interval DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	static_summary text DEFAULT NULL,
	static_details text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	request_id text DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_signal_with_start';
COMMENT ON FUNCTION temporal.signal_with_start(text, text, jsonb, jsonb, text, text, interval, interval, interval, text, text, temporal.retry_policy, text, interval, jsonb, jsonb, text, text, integer, text, text, double precision) IS
$$Signals the open workflow of an id, or starts it and signals it, and gives the id. Of two sessions at once one starts it and both signal it.

workflow_type, and from input on: as of start_workflow(). signal_name, signal_input: as of signal(). request_id: the same again starts and signals once.
Errors: those of both.$$;

CREATE FUNCTION temporal.signal_trigger()
RETURNS trigger
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_signal_trigger';
COMMENT ON FUNCTION temporal.signal_trigger() IS
$$Trigger function that signals a workflow about a row: EXECUTE FUNCTION temporal.signal_trigger('order-%s', 'id', 'changed').

Arguments: the format of the workflow id; the column whose value replaces %s in it; the signal's name. The input is {"op", "old", "new"}. Rows whose workflow is not there or closed are passed over. FOR EACH ROW, or FOR EACH STATEMENT with a transition table. A TRUNCATE trigger needs a format without %s: it has no rows, old and new are null.
Errors: 39P01 not a trigger or wrong arguments, 42703 no such column, TP025 rows too large, 42501.$$;

CREATE FUNCTION temporal.query(
	workflow_id text,
	query_name text,
	input jsonb DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	reject_condition text DEFAULT 'none')
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_query';
COMMENT ON FUNCTION temporal.query(text, text, jsonb, uuid, text) IS
$$Asks a workflow, open or closed, in this session: its code is replayed over its history and the mail that has been committed, then the handler runs. Nothing is written or locked; no executor is needed; works on a hot standby.

workflow_id, run_id: the run. query_name: a registered query handler's; __stack_trace: where its code stands; __temporal_workflow_metadata: what it can be asked, and what set_current_details() has said. input: the handler's arguments.
reject_condition: none, not_open, not_completed_cleanly.
Errors: TP015 no such handler (HINT: those that there are), rejected, or an error of the handler; TP010, TP014, TP020, TP025, 42501, 22004, 22023.$$;

CREATE FUNCTION temporal.update(
	workflow_id text,
	update_name text,
	input jsonb DEFAULT NULL,
	update_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_update';
COMMENT ON FUNCTION temporal.update(text, text, jsonb, text, uuid) IS
$$Changes a workflow and gives the handler's result, in this session and transaction: validator, handler and everything that they bring about commit or roll back with it. Waits for whoever works on the run (lock_timeout applies), and holds the run until the transaction ends: keep that short.

update_name: a registered update handler's. input: its arguments. update_id: the same id again gives the first outcome.
Errors: TP023 the validator, or nobody, wants it: nothing has changed; TF008 the handler failed: nothing has changed; TP024 the handler has to wait: use start_update() or CALL execute_update(); or the run begins only later (start delay, or the time before a retry, a cron run or what it continues as): ask again then, or CALL execute_update(), which waits; TP012 closed; TP010, TP014, TP021, TP025 (10 in progress, 2,000 in all), 42501, 22004, 22023; 25006.$$;

CREATE FUNCTION temporal.start_update(
	workflow_id text,
	update_name text,
	input jsonb DEFAULT NULL,
	update_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	wait_for_stage text DEFAULT 'accepted')
RETURNS text
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_update';
COMMENT ON FUNCTION temporal.start_update(text, text, jsonb, text, uuid, text) IS
$$update() whose handler may wait: runs validator and handler up to its first wait in this transaction, and gives the update's id for update_result(). Acceptance and failure are recorded.

wait_for_stage: accepted, or completed (TP024 when that cannot be in this transaction).
Errors: TP023 rejected; the others of update().$$;

CREATE FUNCTION temporal.update_result(
	workflow_id text,
	update_id text,
	timeout interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_update_result';
COMMENT ON FUNCTION temporal.update_result(text, text, interval) IS
$$Waits until an accepted update is completed and gives its result.

timeout: how long, for ever when not given.
Errors: TF008 it failed, or the workflow closed before; TP008 wait over; TP009 accepted in this very transaction; TP010 no such update; 42501, 22004, 22023.$$;

CREATE FUNCTION temporal.update_with_start(
	workflow_type text,
	update_name text,
	update_input jsonb DEFAULT NULL,
	update_id text DEFAULT NULL,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	id_reuse_policy text DEFAULT 'allow_duplicate',
	id_conflict_policy text DEFAULT 'use_existing',
	retry_policy temporal.retry_policy DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	start_delay interval DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	static_summary text DEFAULT NULL,
	static_details text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	request_id text DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_update_with_start';
COMMENT ON FUNCTION temporal.update_with_start(text, text, jsonb, text, jsonb, text, text, interval, interval, interval, text, text, temporal.retry_policy, text, interval, jsonb, jsonb, text, text, integer, text, text, double precision) IS
$$Updates the open workflow of an id, or starts it and updates it, in one transaction, and gives the handler's result.

workflow_type, and from input on: as of start_workflow(). update_name, update_input, update_id: as of update().
Errors: those of both.$$;

CREATE PROCEDURE temporal.execute_update(
	workflow_id text,
	update_name text,
	input jsonb DEFAULT NULL,
	update_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	wait_timeout interval DEFAULT NULL,
	INOUT result jsonb DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'tpg_sql_execute_update';
COMMENT ON PROCEDURE temporal.execute_update(text, text, jsonb, text, uuid, interval, jsonb) IS
$$start_update(), COMMIT, and update_result(), which holds no snapshot while it waits. A run that begins only later (start delay, or the time before a retry, a cron run or what it continues as) is waited for as well.

Arguments as of these; wait_timeout: for all of it. Errors: theirs; 2D000 in a transaction block.$$;
