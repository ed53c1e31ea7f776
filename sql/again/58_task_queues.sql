-- Task queues under control, and the workers of a database.

CREATE FUNCTION temporal_internal.task_queue_state(namespace_id integer, task_queue text, kind text,
	OUT add_rate double precision, OUT dispatch_rate double precision, OUT waits_for text)
RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_task_queue_state';
COMMENT ON FUNCTION temporal_internal.task_queue_state(integer, text, text) IS
'What keeps tasks of a queue (kind workflow or activity) from starting now: the setting, or the function that lets them go on; NULL: nothing. Rates: tasks a second, as an average over about the last half minute; NULL where the queue is not configured.';

CREATE FUNCTION temporal.configure_task_queue(
	name text,
	max_concurrent_activities integer DEFAULT NULL,
	max_concurrent_workflow_tasks integer DEFAULT NULL,
	activities_per_second double precision DEFAULT NULL,
	workflow_tasks_per_second double precision DEFAULT NULL,
	fairness_weights jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_configure_task_queue';
COMMENT ON FUNCTION temporal.configure_task_queue(text, integer, integer, double precision, double precision, jsonb) IS
$$Sets the limits of a task queue of the namespace of the session (temporal_pg.namespace), for all executors, outside workers and requests (activities of type http) together. Takes effect when it is committed, for what starts from then on; what runs goes on. A queue with any setting is given out by priority, within a priority by turns of the fairness keys, and then by age; its activities do not run within the workflow task (eagerly) while they have a limit. Local activities, queries and updates have no limits.

An argument that is NULL, or not given, keeps what is set. -1 takes the limit away; with 0 nothing starts. A queue without any setting is as before it was configured.
name: the task queue, which need not have been used yet.
max_concurrent_activities, max_concurrent_workflow_tasks: how many may run at once.
activities_per_second, workflow_tasks_per_second: how many may start in a second, evenly; after a pause at most a tenth of a second's worth at once. Attempts count, not activities.
fairness_weights: {"key": weight}, in place of all that were set, at most 1000; weights from 0.001 to 1000, clamped. They take precedence over fairness_weight of workflows and activities.
Errors: TP025 more than 512 configured queues, or too many weights, TP021 in workflow or activity code, 42501 without the level "admin", 42704 no such namespace, 0A000 at PREPARE TRANSACTION, 55000 without shared_preload_libraries, 22004, 22023, 25006.$$;

CREATE FUNCTION temporal.pause_task_queue(name text, reason text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_pause_task_queue';
COMMENT ON FUNCTION temporal.pause_task_queue(text, text) IS
$$Keeps workflow tasks and activities of a task queue from starting, until temporal.unpause_task_queue(). What runs goes on. Signals and other mail are kept, timers and timeouts run. A queue that is paused already gets the new reason.

name: the task queue, in the namespace of the session.
reason: shown in temporal.task_queue and temporal.explain(); at most 1000 bytes.
Errors: as temporal.configure_task_queue().$$;

CREATE FUNCTION temporal.unpause_task_queue(name text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unpause_task_queue';
COMMENT ON FUNCTION temporal.unpause_task_queue(text) IS
$$Lets a paused task queue go on, within its limits. One that is not paused is no error.

name: the task queue, in the namespace of the session.
Errors: as temporal.configure_task_queue().$$;

CREATE FUNCTION temporal.stop_workers(grace interval DEFAULT '10 s')
RETURNS integer
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_stop_workers';
COMMENT ON FUNCTION temporal.stop_workers(interval) IS
$$Stops the workers of this database: no executor takes anything more, what runs gets time to end, then it is cancelled, and what does not heed that is terminated after two seconds more. Gives the number of those that were cancelled, once all executors have gone. What is cancelled has not happened and counts as no attempt. They stay stopped, also after a restart of the server, until temporal.start_workers(). Timers, timeouts, signals, queries and updates in sessions go on.

It acts at once; if its transaction is rolled back, the workers start again. Until the transaction ends, start_workers() of others waits.
grace: how long to wait for what runs; 0 cancels at once.
Errors: 42501 for others than the owner of the extension, its members and superusers, TP021 in workflow or activity code, 25006 in a read-only transaction, 0A000 at PREPARE TRANSACTION, 55000 without shared_preload_libraries, 22004, 22023.$$;

CREATE FUNCTION temporal.start_workers()
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_workers';
COMMENT ON FUNCTION temporal.start_workers() IS
$$Lets the workers of this database start again after temporal.stop_workers(), when it is committed. Where they were not stopped it does nothing: they start by themselves when there is work.

Errors: 25001 in the transaction that has stopped them; else as temporal.stop_workers().$$;
