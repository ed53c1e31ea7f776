-- Types of what can be seen of a run.

CREATE TYPE temporal.pending_activity_state AS ENUM
	('Scheduled', 'Started', 'CancelRequested', 'Paused', 'PauseRequested');
COMMENT ON TYPE temporal.pending_activity_state IS 'Scheduled: waits for its next attempt, or for an executor. Started: an attempt is running. CancelRequested, PauseRequested: running, and to be stopped. Paused: no attempt is made until temporal.unpause_activity(). In the order of Temporal''s own numbers.';

CREATE TYPE temporal.message_kind AS ENUM
	('FirstTask', 'Timer', 'ActivityOutcome', 'TaskRetry', 'GoOn', 'RunTimeout', 'Signal', 'CancelRequest', 'Marker', 'Answer');
COMMENT ON TYPE temporal.message_kind IS 'What waits in the mailbox of a run: FirstTask: its start. Timer: fires at deliver_at. ActivityOutcome: an activity has ended. TaskRetry: the next attempt of a failed workflow task. GoOn: look again. RunTimeout: the run timeout, at deliver_at. Signal: one that was sent. Marker: a local activity has ended, but its workflow task failed. Answer: of another run, to a signal that this one sent it.';

CREATE TYPE temporal.workflow_description AS (
	namespace					text,
	workflow_id					text,
	run_id						uuid,
	is_current					boolean,
	workflow_type				text,
	status						temporal.workflow_status,
	task_queue					text,
	start_time					timestamptz,
	execution_time				timestamptz,
	close_time					timestamptz,
	execution_duration			interval,
	execution_timeout			interval,
	run_timeout					interval,
	task_timeout				interval,
	execution_expiration_time	timestamptz,
	run_expiration_time			timestamptz,
	history_length				integer,
	history_size_bytes			bigint,
	memo						jsonb,
	search_attributes			jsonb,
	static_summary				text,
	static_details				text,
	priority_key				integer,
	fairness_key				text,
	fairness_weight				double precision,
	parent_workflow_id			text,
	parent_run_id				uuid,
	root_workflow_id			text,
	root_run_id					uuid,
	first_run_id				uuid,
	original_run_id				uuid,
	start_request_id			text,
	attempt						integer,
	retry_policy				jsonb,
	cron_schedule				text,
	versioning					jsonb,
	cancel_requested			boolean,
	pending_activities			jsonb,
	pending_timers				jsonb,
	pending_messages			bigint,
	pending_workflow_task		jsonb,
	last_task_failure			jsonb,
	reset_run_id				uuid
);
COMMENT ON TYPE temporal.workflow_description IS 'What temporal.describe() tells of a run.';
COMMENT ON COLUMN temporal.workflow_description.is_current IS 'The latest run of this workflow id?';
COMMENT ON COLUMN temporal.workflow_description.execution_time IS 'When it was allowed to begin: start_time plus the start delay.';
COMMENT ON COLUMN temporal.workflow_description.versioning IS 'Of a pinned run: behavior, version (the schema with its code), and inherited where it has that from the run that it continues; NULL: it runs what is registered.';
COMMENT ON COLUMN temporal.workflow_description.execution_duration IS 'Of a closed run: from execution_time to close_time.';
COMMENT ON COLUMN temporal.workflow_description.execution_timeout IS 'Limit of the run and its retries together; NULL: none.';
COMMENT ON COLUMN temporal.workflow_description.run_timeout IS 'Limit of the run; NULL: none.';
COMMENT ON COLUMN temporal.workflow_description.task_timeout IS 'Limit of one workflow task.';
COMMENT ON COLUMN temporal.workflow_description.history_length IS 'Number of events.';
COMMENT ON COLUMN temporal.workflow_description.search_attributes IS 'Name and value of each, as a JSON object.';
COMMENT ON COLUMN temporal.workflow_description.priority_key IS '1 (first) to 5.';
COMMENT ON COLUMN temporal.workflow_description.fairness_key IS 'Whose turns its tasks have within their priority; NULL: none was given.';
COMMENT ON COLUMN temporal.workflow_description.fairness_weight IS 'How many turns that key has against others, as given; NULL: 1. Weights of the task queue (temporal.task_queue) take precedence.';
COMMENT ON COLUMN temporal.workflow_description.parent_workflow_id IS 'Of a child workflow, else NULL.';
COMMENT ON COLUMN temporal.workflow_description.root_workflow_id IS 'The topmost ancestor; the workflow itself when it has no parent.';
COMMENT ON COLUMN temporal.workflow_description.first_run_id IS 'First run of the chain that continue-as-new, retries and cron make.';
COMMENT ON COLUMN temporal.workflow_description.original_run_id IS 'The run in which the history began; another than run_id only after a reset.';
COMMENT ON COLUMN temporal.workflow_description.attempt IS 'Attempt of the workflow by its own retry policy.';
COMMENT ON COLUMN temporal.workflow_description.pending_activities IS 'Array of objects with the columns of temporal.pending_activity, in order of scheduling.';
COMMENT ON COLUMN temporal.workflow_description.pending_timers IS 'Array of objects with the columns of temporal.timer, in order of firing.';
COMMENT ON COLUMN temporal.workflow_description.pending_messages IS 'What is due in the mailbox and not in the history yet.';
COMMENT ON COLUMN temporal.workflow_description.pending_workflow_task IS 'state, scheduled_time, original_scheduled_time, attempt of the workflow task that is due or has failed; NULL when there is none.';
COMMENT ON COLUMN temporal.workflow_description.last_task_failure IS 'Why the last workflow task failed, as long as none has succeeded since.';
COMMENT ON COLUMN temporal.workflow_description.reset_run_id IS 'The run to which this one was reset, the last one if that was done several times; NULL: it was not.';
