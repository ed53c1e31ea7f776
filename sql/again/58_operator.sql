-- What an operator does to pending activities (src/engine/control.c).

-- PUBLIC calls it by way of temporal.pause_activity() and the like, and members of pg_read_all_data, who have USAGE on every
-- schema, by its name: it looks at the rights itself.
CREATE FUNCTION temporal_internal.command_activities(workflow_id text, run_id uuid, activity_id text, activity_type text, command jsonb, jitter interval)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_command_activities';
COMMENT ON FUNCTION temporal_internal.command_activities(text, uuid, text, text, jsonb, interval) IS 'Does to the activity of that id, or to those of a type (*: all), of a run what an operator asks: op pause, unpause, reset or options. Errors: TP010, TP013, 42501 without the level "author" in the namespace, 22004, 22023.';

CREATE FUNCTION temporal_internal.activity_options(
	task_queue text,
	schedule_to_close_timeout interval,
	schedule_to_start_timeout interval,
	start_to_close_timeout interval,
	heartbeat_timeout interval,
	retry_policy temporal.retry_policy,
	priority_key integer,
	fairness_key text,
	fairness_weight double precision)
RETURNS jsonb
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_activity_options';
COMMENT ON FUNCTION temporal_internal.activity_options(text, interval, interval, interval, interval, temporal.retry_policy, integer, text, double precision) IS 'What is not NULL, checked, by the names in an ActivityTaskScheduled event.';

CREATE FUNCTION temporal.pause_activity(
	workflow_id text,
	activity_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	activity_type text DEFAULT NULL,
	reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.command_activities($1, $3, $2, $4,
		pg_catalog.jsonb_build_object('op', 'pause', 'info',
			pg_catalog.jsonb_build_object('time', temporal_internal.clock_now(), 'identity', CURRENT_USER, 'reason', $5)), NULL);
END;
COMMENT ON FUNCTION temporal.pause_activity(text, text, uuid, text, text) IS
$$Stops pending activities from being tried again, until temporal.unpause_activity(). An attempt that is running goes on: when it completes, or fails for good, the activity is over; when it fails otherwise, the next one is held, also one that the retry policy would no longer allow. While it is paused none of its timeouts is looked at, but an executor ends its own attempt in time.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
reason: kept with the time and the caller's name, see temporal.pending_activity; at most temporal_pg.max_id_length (1000) bytes.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.unpause_activity(
	workflow_id text,
	activity_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	activity_type text DEFAULT NULL,
	reset_attempts boolean DEFAULT false,
	reset_heartbeat boolean DEFAULT false,
	jitter interval DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.command_activities($1, $3, $2, $4,
		pg_catalog.jsonb_build_object('op', 'unpause', 'reset_attempts', $5, 'reset_heartbeats', $6), $7);
END;
COMMENT ON FUNCTION temporal.unpause_activity(text, text, uuid, text, boolean, boolean, interval) IS
$$Lets paused activities go on: the next attempt is due at once. It does nothing to one that is not paused. An activity that has crashed its server process three times is paused by itself: repair it first.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
reset_attempts: count from attempt 1 again.
reset_heartbeat: forget the details of heartbeats; not of an attempt that is running.
jitter: due after a random time up to this, so that many do not begin at once.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.reset_activity(
	workflow_id text,
	activity_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	activity_type text DEFAULT NULL,
	keep_paused boolean DEFAULT false,
	reset_heartbeats boolean DEFAULT false,
	restore_original_options boolean DEFAULT false,
	jitter interval DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.command_activities($1, $3, $2, $4,
		pg_catalog.jsonb_build_object('op', 'reset', 'keep_paused', $5, 'reset_heartbeats', $6, 'restore_original_options', $7), $8);
END;
COMMENT ON FUNCTION temporal.reset_activity(text, text, uuid, text, boolean, boolean, boolean, interval) IS
$$Begins pending activities anew: attempt 1 again, due at once, no longer paused. An attempt that is running goes on: when it completes, or fails for good, the activity is over; else attempt 1 follows at once. The schedule-to-close timeout does not begin anew.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
keep_paused: one that is paused stays so.
reset_heartbeats: forget the details of heartbeats.
restore_original_options: undo temporal.update_activity_options().
jitter: due after a random time up to this, so that many do not begin at once.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.update_activity_options(
	workflow_id text,
	activity_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	activity_type text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	heartbeat_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.command_activities($1, $3, $2, $4,
		pg_catalog.jsonb_build_object('op', 'options', 'options', temporal_internal.activity_options($5, $6, $7, $8, $9, $10, $11, $12, $13)), NULL);
END;
COMMENT ON FUNCTION temporal.update_activity_options(text, text, uuid, text, text, interval, interval, interval, interval, temporal.retry_policy, integer, text, double precision) IS
$$Changes options of pending activities, which hold from the next attempt on; their timeouts are computed anew at once. An attempt that runs in an executor keeps the time that it began with. The history keeps what the workflow asked for.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
task_queue, schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout, heartbeat_timeout, retry_policy, priority_key, fairness_key, fairness_weight: as of temporal.execute_activity(). NULL leaves one as it is; a timeout of zero is none, and start_to_close_timeout cannot be none.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument, TP021 in workflow code, 25006.$$;
