-- Child workflows, in workflow code.

CREATE FUNCTION temporal.execute_child_workflow(
	workflow_type text,
	input "any" DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	parent_close_policy text DEFAULT 'terminate',
	cancellation_type text DEFAULT 'wait_cancellation_completed',
	id_reuse_policy text DEFAULT 'allow_duplicate',
	retry_policy temporal.retry_policy DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	summary text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_execute_child_workflow';
COMMENT ON FUNCTION temporal.execute_child_workflow(text, "any", text, text, interval, interval, interval, text, text, text, temporal.retry_policy, text, jsonb, jsonb, text, integer, text, double precision) IS
$$Starts a child workflow, waits for its end, and gives its result.

workflow_type: registered in the same namespace. input: its arguments. id: a new uuid when not given; one that is running is always in use. task_queue: this workflow's when not given. execution_timeout, run_timeout, task_timeout, id_reuse_policy, retry_policy, cron_schedule, memo, search_attributes: as of start_workflow(); no retry when not given.
parent_close_policy: what becomes of it when this run closes in any way, or continues as new: terminate, abandon, request_cancel.
cancellation_type: what cancelling it does: wait_cancellation_completed (ask it, and wait for its end), wait_cancellation_requested (until it has been told), try_cancel (go on at once), abandon (don't ask). summary: for people.
priority_key (1, first, to 5), fairness_key, fairness_weight: as of start_workflow(); each is this workflow's when not given.
Errors: TF003 child_workflow_failure, the cause inside; TP011 the id is in use (fails the workflow unless it is caught); TP014 unknown type; TP021 outside of workflow code; TP025, TP026, 22004, 22023.$$;

CREATE FUNCTION temporal.start_child_workflow(
	workflow_type text,
	input "any" DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	parent_close_policy text DEFAULT 'terminate',
	cancellation_type text DEFAULT 'wait_cancellation_completed',
	id_reuse_policy text DEFAULT 'allow_duplicate',
	retry_policy temporal.retry_policy DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	summary text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_child_workflow';
COMMENT ON FUNCTION temporal.start_child_workflow(text, "any", text, text, interval, interval, interval, text, text, text, temporal.retry_policy, text, jsonb, jsonb, text, integer, text, double precision) IS
$$Starts a child workflow; the future is its end. It is started when the code waits, also if that is the end of this run: then its parent_close_policy applies. To let it live on for sure: parent_close_policy => 'abandon'.

The arguments and errors of execute_child_workflow(); those of its end are raised by await().$$;

CREATE FUNCTION temporal.child_execution(child temporal.future, OUT workflow_id text, OUT run_id uuid)
RETURNS record
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_child_execution';
COMMENT ON FUNCTION temporal.child_execution(temporal.future) IS
$$Waits until a child workflow has been started, and gives its id and first run.

child: from start_child_workflow().
Errors: TP011 its id is in use, TP021, 22004, 22023 not the future of a child.$$;

CREATE FUNCTION temporal.signal(
	child temporal.future,
	signal_name text,
	input jsonb DEFAULT NULL)	-- not "any": signal('id', 'name', '{}') would not be unique
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_signal_child';
COMMENT ON FUNCTION temporal.signal(temporal.future, text, jsonb) IS
$$Signals a child workflow, whichever run it has come to, and waits until the signal has been taken.

child: from start_child_workflow(). signal_name, input: as of signal().
Errors: TP010 it has ended, TP021, 22004, 22023.$$;
