-- What temporal.configure_task_queue() and pause_task_queue() say about task queues.

CREATE TABLE temporal_internal.task_queue_settings (
	namespace_id					integer NOT NULL REFERENCES temporal_internal.namespace ON DELETE CASCADE,
	name							text NOT NULL,
	max_concurrent_activities		integer NOT NULL DEFAULT -1 CHECK (max_concurrent_activities >= -1),
	max_concurrent_workflow_tasks	integer NOT NULL DEFAULT -1 CHECK (max_concurrent_workflow_tasks >= -1),
	activities_per_second			double precision NOT NULL DEFAULT -1,
	workflow_tasks_per_second		double precision NOT NULL DEFAULT -1,
	fairness_weights				jsonb NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(fairness_weights) = 'object'),
	paused_at						timestamptz,
	pause_reason					text,
	PRIMARY KEY (namespace_id, name)
);
COMMENT ON TABLE temporal_internal.task_queue_settings IS 'A task queue that is configured: the dispatcher gives out its work, but for that of workers outside, by priority, fairness and age, within these limits (-1: none). Read into shared memory when a change is committed.';
SELECT pg_catalog.pg_extension_config_dump('temporal_internal.task_queue_settings', '');

ALTER TABLE temporal_internal.home ADD COLUMN workers_stopped_at timestamptz;
COMMENT ON COLUMN temporal_internal.home.workers_stopped_at IS 'Set by temporal.stop_workers(), cleared by start_workers(): no executor runs in this database.';
