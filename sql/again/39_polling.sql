-- Workers outside of the database get activities here; they end them by the functions of 38_activities.sql.

CREATE FUNCTION temporal.poll_activity_task(
	task_queue text,
	identity text,
	wait interval DEFAULT '10 s',
	max_tasks integer DEFAULT 1)
RETURNS SETOF temporal.activity_task
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_poll_activity_task';
COMMENT ON FUNCTION temporal.poll_activity_task(text, text, interval, integer) IS
$$Gives attempts of external activities to a worker outside of the database: a row each. Waits in the server for the first, if there is none; no row when the time is over. The attempts begin with the caller's transaction: after COMMIT they are this worker's, after ROLLBACK they were never given out.

task_queue: from which one, in the namespace of the session (temporal_pg.namespace).
identity: who the worker is, for histories and temporal.pending_activity; for example pid@host.
wait: how long to wait for the first task. At most 10 seconds, whatever is given: a statement that waits holds its snapshot, which keeps vacuum from its work. CALL temporal.poll_activity_tasks() can wait for longer.
max_tasks: how many at most, 1 to 1000: as many as the worker has free places for. Inputs of more than 16 MB together are for the next poll. All that it gives have begun, also those that a LIMIT or WHERE around it leaves out: SELECT ... FROM temporal.poll_activity_task(..., max_tasks => 5) LIMIT 1 begins five attempts.

Tasks come by priority (1 first), then by turns of fairness keys and their weights, then fairly between the workflows of a key, then by age. End each with temporal.complete_activity(), fail_activity() or report_activity_cancelled(); where it has a heartbeat_timeout, call temporal.heartbeat_activity() within that time. An attempt that is not ended in time is repeated, by its retry policy: so an activity happens at least once, and completes once.
In a test environment (temporal.test_start()) it does not wait, and gives tasks of the test's own workflows.
Errors: 22004, 22023 an argument; 42501 without the level "client" in the namespace; TP021 called by workflow code; 25006.$$;

CREATE PROCEDURE temporal.poll_activity_tasks(
	task_queue text,
	identity text,
	wait interval DEFAULT '60 s',
	max_tasks integer DEFAULT 1,
	INOUT tasks jsonb DEFAULT NULL)
LANGUAGE c
AS 'MODULE_PATHNAME', 'tpg_sql_poll_activity_tasks';
COMMENT ON PROCEDURE temporal.poll_activity_tasks(text, text, interval, integer, jsonb) IS
$$The same as temporal.poll_activity_task(), with no snapshot and no transaction held while it waits, so that it may wait for long. The attempts have begun, and are committed, when it returns.

task_queue, identity, max_tasks: as there.
wait: how long to wait for the first task.
tasks: an array of objects with the fields of temporal.activity_task; empty when the time is over.

Errors: 2D000 in a transaction block, else as there.$$;

CREATE FUNCTION temporal_internal.pollers(namespace_id integer, task_queue text)
RETURNS integer
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tpg_sql_pollers';
COMMENT ON FUNCTION temporal_internal.pollers(integer, text) IS 'How many sessions wait for external activities of that task queue now.';
