-- What any session may do with workflows.

CREATE FUNCTION temporal.start_workflow(
	workflow_type text,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	id_reuse_policy text DEFAULT 'allow_duplicate',
	id_conflict_policy text DEFAULT 'fail',
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
AS 'MODULE_PATHNAME', 'tpg_sql_start_workflow';
COMMENT ON FUNCTION temporal.start_workflow(text, jsonb, text, text, interval, interval, interval, text, text, temporal.retry_policy, text, interval, jsonb, jsonb, text, text, integer, text, text, double precision) IS
$$Starts a workflow and gives its id. Takes effect at COMMIT and vanishes at ROLLBACK, also from triggers.

workflow_type: a registered type.
input: its arguments: one value for one argument; an array by position or an object by name for several.
id: the workflow id, unique among open workflows of the namespace; a new uuid when not given.
task_queue: the registration's when not given.
execution_timeout, run_timeout: the longest life of the workflow with all its runs, and of one run; none when not given.
task_timeout: for one piece of its code between two waits, 10 s when not given, at most 120 s. Code that computes for longer is interrupted: the task fails and is tried again.
id_reuse_policy: when the last run of this id is closed: allow_duplicate, allow_duplicate_failed_only, reject_duplicate.
id_conflict_policy: when a run of this id is open: fail, use_existing, terminate_existing.
retry_policy: a run that fails, or reaches its run_timeout, is followed by another with the same input, until the policy or the execution_timeout ends that; result() goes on with it. None when not given. See temporal.retry_policy().
cron_schedule: runs follow each other by a schedule in UTC, the first one too, each begun at the first match after the last one has ended: minute hour day-of-month month day-of-week, as '30 2 * * mon-fri'; @hourly, @daily, @weekly, @monthly, @yearly; '@every 1h30m'; 'CRON_TZ=Europe/Berlin 0 8 * * *' in another time zone. temporal.last_completion_result() passes a result on to the next run. Only cancellation, terminate() and continue_as_new() end it.
start_delay: the first task waits so long; that of a retry does not. Not together with cron_schedule.
memo: an object of notes, not indexed.
search_attributes: an object of registered attributes, typed and indexed.
static_summary, static_details: shown by describe().
priority_key: 1 (first) to 5; 3 when not given. Where work waits, what has a lower number goes first; activities and children have it from the workflow.
fairness_key, fairness_weight: at most 64 bytes; 0.001 to 1000, clamped, 1 when not given. In a task queue that temporal.configure_task_queue() knows, and among external activities in any, keys of one priority take turns by their weights. Activities and children have them from the workflow, each of the two for itself, unless they are given their own.
request_id: the same request id again gives the same run again, whatever the policies say, also when it is closed.
Errors: TP011 already running or id used (DETAIL: the run), TP014 not registered, TP021 in workflow code, TP025 too large, TP026 search attribute, 42501 without level "client", 22004, 22023, 25006. Source of the rules: Temporal, StartWorkflowExecution.$$;

CREATE FUNCTION temporal.start_workflow_execution(
	workflow_type text,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	id_reuse_policy text DEFAULT 'allow_duplicate',
	id_conflict_policy text DEFAULT 'fail',
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
	fairness_weight double precision DEFAULT NULL,
	OUT workflow_id text,
	OUT run_id uuid,
	OUT started boolean)
RETURNS record
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_workflow_execution';
COMMENT ON FUNCTION temporal.start_workflow_execution(text, jsonb, text, text, interval, interval, interval, text, text, temporal.retry_policy, text, interval, jsonb, jsonb, text, text, integer, text, text, double precision) IS
$$start_workflow() that also gives the run id, and whether this call has started the run (false: id_conflict_policy use_existing has found an open one). Arguments and errors as there.$$;

CREATE PROCEDURE temporal.execute_workflow(
	workflow_type text,
	input jsonb DEFAULT NULL,
	id text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	execution_timeout interval DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	id_reuse_policy text DEFAULT 'allow_duplicate',
	id_conflict_policy text DEFAULT 'fail',
	retry_policy temporal.retry_policy DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	start_delay interval DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	static_summary text DEFAULT NULL,
	static_details text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	request_id text DEFAULT NULL,
	wait_timeout interval DEFAULT NULL,
	INOUT result jsonb DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'tpg_sql_execute_workflow';
COMMENT ON PROCEDURE temporal.execute_workflow(text, jsonb, text, text, interval, interval, interval, text, text, temporal.retry_policy, text, interval, jsonb, jsonb, text, text, integer, text, interval, jsonb, text, double precision) IS
$$Starts a workflow, COMMITs, waits until it is closed and gives its result. No snapshot is held while it waits.

Arguments as of start_workflow(); wait_timeout: how long to wait, for ever when not given.
Errors: those of start_workflow() and result(); 2D000 in a transaction block.$$;

CREATE FUNCTION temporal.result(workflow_id text, run_id uuid DEFAULT NULL, timeout interval DEFAULT NULL, follow_runs boolean DEFAULT true)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_result';
COMMENT ON FUNCTION temporal.result(text, uuid, interval, boolean) IS
$$Waits until a workflow is closed and gives its result. It sees what is committed meanwhile in any isolation level, but holds the snapshot of its statement: for long waits use CALL temporal.await_result().

workflow_id, run_id: the run; the latest of the id when no run id is given.
timeout: how long to wait, for ever when not given.
follow_runs: whether to go on with the run that follows: continued as new, tried again, by cron. With a cron schedule there is always one, until somebody ends it.
Errors: TF007 it failed (DETAIL: the failure chain as JSON), TF004 cancelled, TF005 timed out, TF006 terminated, TP008 wait over, TP012 follow_runs is false and this run continued as new (DETAIL: the next run as JSON), TP009 started by this transaction, TP010 no such workflow, 42501 without level "client", 22004, 22023.$$;

CREATE PROCEDURE temporal.await_result(workflow_id text, run_id uuid DEFAULT NULL, wait_timeout interval DEFAULT NULL, INOUT result jsonb DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'tpg_sql_await_result';
COMMENT ON PROCEDURE temporal.await_result(text, uuid, interval, jsonb) IS
$$result() that COMMITs first and holds no snapshot while it waits. Arguments and errors as there; 2D000 in a transaction block.$$;

CREATE FUNCTION temporal.terminate(workflow_id text, reason text DEFAULT NULL, details jsonb DEFAULT NULL, run_id uuid DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_terminate';
COMMENT ON FUNCTION temporal.terminate(text, text, jsonb, uuid) IS
$$Ends an open workflow at once: no more of its code runs, running activities are interrupted and undone; no retry and no cron follows. Waits for whoever works on the run at the moment (lock_timeout applies). Takes effect at COMMIT.

workflow_id, run_id: the run; the latest of the id when no run id is given. reason, details: kept in its history.
Errors: TP010 no such workflow, TP012 already closed, TP021 in workflow code, 42501 without level "client", 22004, 22023, 25006.$$;
