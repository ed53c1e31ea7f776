-- What an operator does to pending activities.
--
-- A command is applied to the row of the activity. Where a transactional attempt is running that row is locked, and nobody
-- waits for it: the command becomes a row of activity_request, which whoever ends the attempt takes up. That none is missed:
-- who asks holds the execution row FOR NO KEY UPDATE, who ends an attempt that another may follow holds it FOR SHARE.

CREATE FUNCTION temporal_internal.apply_activity_command(execution_key bigint, scheduled_event_id integer, command jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t temporal_internal.activity_task;
	event jsonb;
	options jsonb;
	clock timestamptz := temporal_internal.clock_now();
	running boolean;
	anew boolean := false;
BEGIN
	SELECT * INTO t FROM temporal_internal.activity_task a WHERE a.execution_key = $1 AND a.scheduled_event_id = $2;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT h.attributes INTO event FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_id = $2;
	running := t.started_at IS NOT NULL;

	CASE command ->> 'op'
	WHEN 'pause' THEN
		IF t.paused THEN
			RETURN;
		END IF;
		t.paused := true;
		t.pause_info := command -> 'info';
	WHEN 'unpause' THEN
		IF NOT t.paused THEN
			RETURN;
		END IF;
		t.paused := false;
		anew := true;
		IF (command ->> 'reset_attempts')::boolean THEN
			IF running THEN
				INSERT INTO temporal_internal.activity_request (execution_key, scheduled_event_id, command) VALUES ($1, $2, '{"op": "reset"}');
			ELSE
				t.attempt := 1;
			END IF;
		END IF;
	WHEN 'reset' THEN
		t.paused := t.paused AND (command ->> 'keep_paused')::boolean IS TRUE;
		anew := true;
		IF running THEN
			-- the attempt goes on; what comes after it is the first one
			INSERT INTO temporal_internal.activity_request (execution_key, scheduled_event_id, command) VALUES ($1, $2, command);
		ELSE
			t.attempt := 1;
			IF (command ->> 'restore_original_options')::boolean THEN
				t.options := NULL;
				t.task_queue := coalesce(event #>> '{taskQueue,name}', (SELECT e.task_queue FROM temporal_internal.execution e WHERE e.key = $1));
				t.priority_key := coalesce((event #>> '{priority,priorityKey}')::smallint, 3);
			END IF;
		END IF;
	WHEN 'options' THEN
		t.options := coalesce(t.options, '{}') || (command -> 'options');
		t.task_queue := coalesce(t.options #>> '{taskQueue,name}', t.task_queue);
		t.priority_key := coalesce((t.options #>> '{priority,priorityKey}')::smallint, t.priority_key);
	END CASE;

	options := event || coalesce(t.options, '{}');
	IF anew AND NOT t.paused THEN
		t.pause_info := NULL;
		t.crash_count := 0;
	END IF;
	IF anew AND NOT running THEN
		t.due_at := clock + coalesce((command ->> 'jitter')::interval, '0') * random();
		t.attempt_scheduled_at := t.due_at;
	END IF;
	IF (command ->> 'reset_heartbeats')::boolean AND NOT running THEN
		DELETE FROM temporal_internal.activity_heartbeat b WHERE b.execution_key = $1 AND b.scheduled_event_id = $2;
	END IF;
	IF running THEN
		-- too early is right: who finds it over computes it anew
		t.timeout_at := clock;
	ELSE
		t.timeout_at := least(
			t.attempt_scheduled_at + nullif((options ->> 'scheduleToStartTimeout')::interval, '0'),
			t.scheduled_at + nullif((options ->> 'scheduleToCloseTimeout')::interval, '0'));
	END IF;
	UPDATE temporal_internal.activity_task a
	SET paused = t.paused, pause_info = t.pause_info, crash_count = t.crash_count, attempt = t.attempt, options = t.options,
		task_queue = t.task_queue, priority_key = t.priority_key, due_at = t.due_at, attempt_scheduled_at = t.attempt_scheduled_at,
		timeout_at = t.timeout_at, pass = NULL
	WHERE a.execution_key = $1 AND a.scheduled_event_id = $2;
	PERFORM temporal_internal.wake_scan();
END
$$;
COMMENT ON FUNCTION temporal_internal.apply_activity_command(bigint, integer, jsonb) IS 'Does to an activity what an operator asks: op pause, unpause, reset or options. The caller has its row locked.';

CREATE FUNCTION temporal_internal.tell_attempt(execution_key bigint, scheduled_event_id integer, op text)
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_tell_attempt';
COMMENT ON FUNCTION temporal_internal.tell_attempt(bigint, integer, text) IS 'At COMMIT an attempt that runs in an executor is told, with its next heartbeat, of a pause or reset.';

CREATE FUNCTION temporal_internal.apply_activity_commands(execution_key bigint, activity_id text, activity_type text, command jsonb)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	event integer;
	in_executor boolean;
	any_found boolean := false;
BEGIN
	-- rows are waited for before the run is locked: who ends an attempt locks in that order
	FOR event, in_executor IN
		SELECT a.scheduled_event_id, EXISTS (SELECT FROM temporal_internal.in_flight f WHERE f.execution_key = $1 AND f.event_id = a.scheduled_event_id) AS is_there
		FROM temporal_internal.activity_task a
		WHERE a.execution_key = $1 AND (a.activity_id = $2 OR $2 IS NULL AND $3 IN (a.activity_type, '*'))
		ORDER BY is_there, 1
	LOOP
		IF in_executor THEN
			PERFORM FROM temporal_internal.execution e WHERE e.key = $1 AND e.status IN (1, 8) FOR NO KEY UPDATE;
			EXIT WHEN NOT FOUND;
			PERFORM FROM temporal_internal.activity_task a
				WHERE a.execution_key = $1 AND a.scheduled_event_id = event FOR UPDATE SKIP LOCKED;
			IF NOT FOUND THEN
				INSERT INTO temporal_internal.activity_request (execution_key, scheduled_event_id, command)
					SELECT a.execution_key, event, $4 FROM temporal_internal.activity_task a
					WHERE a.execution_key = $1 AND a.scheduled_event_id = event;
				any_found := any_found OR FOUND;
				PERFORM temporal_internal.tell_attempt($1, event, $4 ->> 'op');
				CONTINUE;
			END IF;
			PERFORM temporal_internal.tell_attempt($1, event, $4 ->> 'op');
		ELSE
			PERFORM FROM temporal_internal.activity_task a WHERE a.execution_key = $1 AND a.scheduled_event_id = event FOR UPDATE;
			CONTINUE WHEN NOT FOUND;
		END IF;
		any_found := true;
		PERFORM temporal_internal.apply_activity_command($1, event, $4);
	END LOOP;
	-- a run that closed now would leave out what is locked here
	PERFORM FROM temporal_internal.execution e WHERE e.key = $1 AND e.status IN (1, 8) FOR KEY SHARE;
	RETURN any_found AND FOUND;
END
$$;
COMMENT ON FUNCTION temporal_internal.apply_activity_commands(bigint, text, text, jsonb) IS 'The same to the activity of that id, or to those of a type (*: all), of a run; false: none is pending. For the owner of the extension.';

-- PUBLIC calls it by way of temporal.pause_activity() and the like, and members of pg_read_all_data, who have USAGE on every
-- schema, by its name: it has to look at the rights itself.
CREATE FUNCTION temporal_internal.command_activities(execution_key bigint, activity_id text, activity_type text, command jsonb)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_command_activities';
COMMENT ON FUNCTION temporal_internal.command_activities(bigint, text, text, jsonb) IS 'Does what apply_activity_commands() does, for who has the level "author" in the namespace of the run. Errors: 42501.';

CREATE FUNCTION temporal_internal.require_activity(is_pending boolean, workflow_id text, activity_id text, activity_type text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF activity_id IS NULL AND activity_type IS NULL THEN
		RAISE EXCEPTION 'activity id must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'temporal.pending_activity lists the activities that are pending. activity_type => ''*'' means all of the workflow.';
	ELSIF activity_id IS NOT NULL AND activity_type IS NOT NULL THEN
		RAISE EXCEPTION 'activity_id and activity_type exclude each other' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'An id names one activity, a type all that are pending of it.';
	ELSIF activity_id = '' THEN
		RAISE EXCEPTION 'activity id must not be empty' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'temporal.pending_activity lists the activities that are pending.';
	ELSIF activity_type = '' THEN
		RAISE EXCEPTION 'activity type must not be empty' USING ERRCODE = 'invalid_parameter_value',
			HINT = 'temporal.pending_activity lists the activities that are pending.';
	ELSIF NOT is_pending AND activity_id IS NULL THEN
		RAISE EXCEPTION 'workflow "%" has no pending activity of type "%"', workflow_id, activity_type USING ERRCODE = 'TP013',
			HINT = 'temporal.pending_activity lists the activities that are pending.';
	ELSIF NOT is_pending THEN
		RAISE EXCEPTION 'workflow "%" has no pending activity "%"', workflow_id, activity_id USING ERRCODE = 'TP013',
			HINT = 'temporal.pending_activity lists the activities that are pending.';
	END IF;
END
$$;
COMMENT ON FUNCTION temporal_internal.require_activity(boolean, text, text, text) IS 'Raises TP013 unless one is pending, 22004 and 22023 for names that are none.';

CREATE FUNCTION temporal_internal.checked_jitter(jitter interval)
RETURNS interval
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF extract(epoch FROM jitter) NOT BETWEEN 0 AND 315360000 THEN
		RAISE EXCEPTION 'jitter must be between 0 and 10 years' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN jitter;
END
$$;
COMMENT ON FUNCTION temporal_internal.checked_jitter(interval) IS 'Raises 22023 for what is none.';

CREATE FUNCTION temporal_internal.checked_reason(reason text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF octet_length(reason) > 1000 THEN
		RAISE EXCEPTION 'reason is too long' USING ERRCODE = 'invalid_parameter_value',
			DETAIL = format('It has %s bytes; 1000 are allowed.', octet_length(reason));
	END IF;
	RETURN reason;
END
$$;
COMMENT ON FUNCTION temporal_internal.checked_reason(text) IS 'Raises 22023 for what is more than a note.';

CREATE FUNCTION temporal_internal.activity_options(
	task_queue text,
	schedule_to_close_timeout interval,
	schedule_to_start_timeout interval,
	start_to_close_timeout interval,
	heartbeat_timeout interval,
	retry_policy temporal.retry_policy,
	priority_key integer)
RETURNS jsonb
LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_activity_options';
COMMENT ON FUNCTION temporal_internal.activity_options(text, interval, interval, interval, interval, temporal.retry_policy, integer) IS 'What is not NULL, checked, by the names in an ActivityTaskScheduled event.';

CREATE FUNCTION temporal.pause_activity(
	workflow_id text,
	activity_id text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	activity_type text DEFAULT NULL,
	reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.require_activity(
		temporal_internal.command_activities(temporal_internal.find_run($1, $3, 2), $2, $4,
			pg_catalog.jsonb_build_object('op', 'pause', 'info',
				pg_catalog.jsonb_build_object('time', temporal_internal.clock_now(), 'identity', CURRENT_USER, 'reason', temporal_internal.checked_reason($5)))), $1, $2, $4);
END;
COMMENT ON FUNCTION temporal.pause_activity(text, text, uuid, text, text) IS
$$Stops pending activities from being tried again, until temporal.unpause_activity(). An attempt that is running goes on: when it completes, or fails for good, the activity is over; when it fails otherwise, the next one is held, also one that the retry policy would no longer allow. While it is paused none of its timeouts is looked at, but an executor ends its own attempt in time.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
reason: kept with the time and the caller's name, see temporal.pending_activity; at most 1000 bytes.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument.$$;

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
	SELECT temporal_internal.require_activity(
		temporal_internal.command_activities(temporal_internal.find_run($1, $3, 2), $2, $4,
			pg_catalog.jsonb_build_object('op', 'unpause', 'reset_attempts', $5, 'reset_heartbeats', $6,
				'jitter', temporal_internal.checked_jitter($7))), $1, $2, $4);
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
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument.$$;

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
	SELECT temporal_internal.require_activity(
		temporal_internal.command_activities(temporal_internal.find_run($1, $3, 2), $2, $4,
			pg_catalog.jsonb_build_object('op', 'reset', 'keep_paused', $5, 'reset_heartbeats', $6,
				'restore_original_options', $7, 'jitter', temporal_internal.checked_jitter($8))), $1, $2, $4);
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
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument.$$;

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
	priority_key integer DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
	SELECT temporal_internal.require_activity(
		temporal_internal.command_activities(temporal_internal.find_run($1, $3, 2), $2, $4,
			pg_catalog.jsonb_build_object('op', 'options', 'options',
				temporal_internal.activity_options($5, $6, $7, $8, $9, $10, $11))), $1, $2, $4);
END;
COMMENT ON FUNCTION temporal.update_activity_options(text, text, uuid, text, text, interval, interval, interval, interval, temporal.retry_policy, integer) IS
$$Changes options of pending activities, which hold from the next attempt on; their timeouts are computed anew at once. An attempt that runs in an executor keeps the time that it began with. The history keeps what the workflow asked for.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
activity_id: id of the activity, as temporal.pending_activity shows it.
run_id: which run of it; the current one when not given.
activity_type: in place of an id, all pending activities of that type; '*': all of the run.
task_queue, schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout, heartbeat_timeout, retry_policy, priority_key: as of temporal.execute_activity(). NULL leaves one as it is; a timeout of zero is none, and start_to_close_timeout cannot be none.
Takes effect at COMMIT; keep the transaction short, since the workflow may have to wait for it.
Errors: TP010 no such workflow or run, TP013 no such activity is pending, 42501 without the level "author" in the namespace, 22004 neither an id nor a type, 22023 both of them, or a bad argument.$$;
