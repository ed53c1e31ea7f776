-- What workflow and activity code may ask about itself.

CREATE TYPE temporal.workflow_info AS (
	namespace text, workflow_id text, run_id uuid, first_execution_run_id uuid, workflow_type text, task_queue text,
	attempt integer, cron_schedule text, execution_timeout interval, run_timeout interval, task_timeout interval,
	retry_policy jsonb, memo jsonb, search_attributes jsonb, workflow_start_time timestamptz, start_time timestamptz,
	history_length integer, history_size_bytes bigint, continue_as_new_suggested boolean,
	parent_workflow_id text, parent_run_id uuid, root_workflow_id text, root_run_id uuid, continued_run_id uuid,
	priority_key integer, fairness_key text, fairness_weight double precision);
COMMENT ON TYPE temporal.workflow_info IS 'What temporal.workflow_info() tells. workflow_start_time: when the run was started; start_time: the clock of its first task; history_length and history_size_bytes: of the events that the code has been told of so far. parent: NULL where there is none; root: itself, where it has no parent; continued_run_id: the run before it in its chain; priority_key: 1 (first) to 5; fairness_key, fairness_weight: NULL where none was given.';

CREATE TYPE temporal.activity_info AS (
	activity_id text, activity_type text, attempt integer, namespace text, workflow_id text, run_id uuid, workflow_type text,
	task_queue text, task_token text, heartbeat_details jsonb, scheduled_time timestamptz, current_attempt_scheduled_time timestamptz,
	started_time timestamptz, schedule_to_close_timeout interval, start_to_close_timeout interval, heartbeat_timeout interval,
	retry_policy jsonb, priority_key integer, is_local boolean, fairness_key text, fairness_weight double precision);
COMMENT ON TYPE temporal.activity_info IS 'What temporal.activity_info() tells an activity about its attempt. scheduled_time: when the activity was first scheduled; heartbeat_details: what an earlier attempt told last; NULL in transactional mode, where a new attempt starts from nothing; fairness_key, fairness_weight: NULL where neither it nor its workflow was given one.';

CREATE TYPE temporal.activity_cancellation_details AS (cancel_requested boolean, not_found boolean, timed_out boolean, paused boolean, reset boolean, worker_shutdown boolean);
COMMENT ON TYPE temporal.activity_cancellation_details IS 'What temporal.cancellation_details() tells an activity. cancel_requested: its workflow has cancelled it; not_found: its workflow has closed; timed_out: its time is over; paused: temporal.pause_activity(); reset: temporal.reset_activity(); worker_shutdown: temporal.stop_workers().';

CREATE TYPE temporal.activity_task AS (
	task_token text, namespace text, task_queue text, activity_type text, activity_id text, input jsonb,
	workflow_id text, run_id uuid, workflow_type text, attempt integer, heartbeat_details jsonb, scheduled_time timestamptz,
	current_attempt_scheduled_time timestamptz, started_time timestamptz, schedule_to_close_timeout interval,
	start_to_close_timeout interval, heartbeat_timeout interval, retry_policy jsonb, priority_key integer, summary text,
	fairness_key text, fairness_weight double precision);
COMMENT ON TYPE temporal.activity_task IS 'An attempt that a worker outside has got from temporal.poll_activity_task(). task_token: names it to complete_activity(), fail_activity(), heartbeat_activity() and report_activity_cancelled(); input: what the workflow gave, JSON null where it gave nothing; heartbeat_details: what an earlier attempt told last, NULL: nothing; start_to_close_timeout, schedule_to_close_timeout: NULL: none, heartbeat_timeout: after so long without a heartbeat the attempt is given up, NULL: no heartbeats are needed; fairness_key, fairness_weight: NULL where neither it nor its workflow was given one.';
