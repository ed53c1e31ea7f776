-- What operators do to pending activities: pause, unpause, reset, options (D-42 to D-46). Beside attempts that run in
-- executors: tap/320_autonomous.pl.
BEGIN;
SELECT * FROM no_plan();

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

CREATE SEQUENCE made;
CREATE FUNCTION fails(note text DEFAULT 'no') RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% %', note, (temporal.activity_info()).attempt USING ERRCODE = CASE note WHEN 'for good' THEN 'XX001' ELSE 'XX000' END;
END $$;
CREATE FUNCTION ask() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM temporal.complete_async()';
CREATE FUNCTION wf(type text DEFAULT 'fails', tries int DEFAULT 2) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(type, activity_id => 'a', start_to_close_timeout => '1 hour', schedule_to_close_timeout => '10 days',
		retry_policy => temporal.retry_policy(initial_interval => '1 min', backoff_coefficient => 1, maximum_attempts => tries, non_retryable_error_types => '{XX001}'));
END $$;
CREATE FUNCTION three() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_activity('fails', activity_id => 'f1'), temporal.start_activity('fails', activity_id => 'f2'), temporal.start_activity('ask', activity_id => 'k');
	PERFORM temporal.sleep('100 days');
	RETURN NULL;
END $$;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.register_activity('fails'), temporal.register_activity('ask'), temporal.register_workflow('wf'), temporal.register_workflow('three');
CREATE FUNCTION pg_temp.begins(id text, input jsonb DEFAULT NULL, type text DEFAULT 'wf') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow(type, input, id => id);
	PERFORM temporal.test_drive('idle');
END $$;
CREATE FUNCTION pg_temp.pending(id text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws('|', activity_id, state, attempt, last_failure_message), ' ' ORDER BY activity_id) FROM temporal.pending_activity WHERE workflow_id = id
$$;

-- ---------- pause, unpause ----------

SELECT pg_temp.begins('p1');
SELECT temporal.pause_activity('p1', 'a', reason => 'the shop is closed');
SELECT is(pg_temp.pending('p1'), 'a|Paused|2|no 1', 'paused');
SELECT is((SELECT pause_info FROM temporal.pending_activity WHERE workflow_id = 'p1'), jsonb_build_object('time', temporal.test_now(), 'identity', current_user, 'reason', 'the shop is closed'), 'who, when and why');
SELECT temporal.pause_activity('p1', 'a', reason => 'again');
SELECT is((SELECT pause_info ->> 'reason' FROM temporal.pending_activity WHERE workflow_id = 'p1'), 'the shop is closed', 'pausing it again changes nothing');
SELECT temporal.test_advance('20 days');
SELECT is(pg_temp.pending('p1'), 'a|Paused|2|no 1', 'its timeouts do not fire (D-04)');
SELECT temporal.reset_activity('p1', 'a', keep_paused => true);
SELECT is(pg_temp.pending('p1'), 'a|Paused|1|no 1', 'reset: attempt 1, kept paused');
SELECT temporal.unpause_activity('p1', 'a');
SELECT is((SELECT pause_info FROM temporal.pending_activity WHERE workflow_id = 'p1'), NULL, 'unpaused');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.status_of('p1'), 'Failed', '... and the deadline that has passed counts');

SELECT pg_temp.begins('p2');
SELECT temporal.pause_activity('p2', 'a'), temporal.unpause_activity('p2', 'a', jitter => '1 hour');
SELECT is((SELECT next_attempt_time BETWEEN temporal.test_now() AND temporal.test_now() + interval '1 hour' FROM temporal.pending_activity WHERE workflow_id = 'p2'), true, 'unpaused with jitter');
SELECT temporal.test_advance('1 hour');
SELECT is(pg_temp.status_of('p2'), 'Failed', 'the second attempt was the last');
SELECT pg_temp.begins('p3');
SELECT temporal.pause_activity('p3', 'a'), temporal.unpause_activity('p3', 'a', reset_attempts => true);
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.pending('p3'), 'a|Scheduled|2|no 1', 'unpaused with reset_attempts: the first has been made again');
SELECT temporal.unpause_activity('p3', 'a', reset_attempts => true);
SELECT is(pg_temp.pending('p3'), 'a|Scheduled|2|no 1', 'unpause of one that is not paused does nothing');

-- an attempt is open
SELECT pg_temp.begins('o1', '["ask", 1]');
SELECT temporal.pause_activity('o1', 'a');
SELECT is(pg_temp.pending('o1'), 'a|PauseRequested|1', 'an attempt that is open goes on');
SELECT temporal.fail_activity('o1', NULL, 'a', '"first"');
SELECT is(pg_temp.pending('o1'), 'a|Paused|2|first', 'it fails: the next one is held, though it was the last (D-42)');
SELECT temporal.unpause_activity('o1', 'a');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.pending('o1'), 'a|Started|2|first', 'and made when it is unpaused');
SELECT temporal.pause_activity('o1', 'a'), temporal.complete_activity('o1', NULL, 'a', '"done"');
SELECT temporal.test_drive('idle');
SELECT is(temporal.result('o1'), '"done"', 'a completion counts');
SELECT pg_temp.begins('o2', '["ask", 1]');
SELECT temporal.pause_activity('o2', 'a'), temporal.fail_activity('o2', NULL, 'a', '{"message": "never", "non_retryable": true}');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.status_of('o2'), 'Failed', 'a failure for good too');
SELECT pg_temp.begins('o3', '["ask", 2]');
SELECT temporal.pause_activity('o3', 'a'), temporal.test_advance('5 hours'), temporal.unpause_activity('o3', 'a', reset_attempts => true);
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.pending('o3'), 'a|Started|1|activity StartToClose timeout', 'unpaused while it runs: its timeout has passed, and the next is attempt 1');

-- ---------- reset ----------

SELECT pg_temp.begins('r1');
SELECT temporal.test_advance('30 s');
SELECT temporal.reset_activity('r1', 'a');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.pending('r1'), 'a|Scheduled|2|no 1', 'reset: attempt 1 was made at once');
SELECT pg_temp.begins('r2', '["ask", 1]');
SELECT temporal.heartbeat_activity('r2', NULL, 'a', '5'), temporal.reset_activity('r2', 'a', reset_heartbeats => true);
SELECT is((SELECT heartbeat_details FROM temporal.pending_activity WHERE workflow_id = 'r2'), '5', 'reset leaves the attempt that is open');
SELECT temporal.fail_activity('r2', NULL, 'a', '"no"'), temporal.test_drive('idle');
SELECT is((SELECT concat_ws('|', state, attempt, heartbeat_details) FROM temporal.pending_activity WHERE workflow_id = 'r2'), 'Started|1', '... then begins anew, past maximum_attempts, and without its heartbeats');

-- ---------- options ----------

SELECT pg_temp.begins('u1');
SELECT temporal.update_activity_options('u1', 'a', task_queue => 'other', retry_policy => temporal.retry_policy(initial_interval => '1 hour', maximum_attempts => 3), priority_key => 1, start_to_close_timeout => '2 hours');
SELECT is((SELECT concat_ws('|', task_queue, maximum_attempts, priority_key, updated_options ->> 'startToCloseTimeout') FROM temporal.pending_activity WHERE workflow_id = 'u1'), 'other|3|1|7200s', 'options are changed');
SELECT temporal.test_advance('1 min');
SELECT is((SELECT concat_ws('|', attempt, next_attempt_time - temporal.test_now()) FROM temporal.pending_activity WHERE workflow_id = 'u1'), '3|02:00:00', '... and hold: the interval of the new policy');
SELECT temporal.reset_activity('u1', 'a', restore_original_options => true);
SELECT is((SELECT concat_ws('|', task_queue, maximum_attempts, priority_key, updated_options) FROM temporal.pending_activity WHERE workflow_id = 'u1'), 'default|2|3', 'restored');
SELECT pg_temp.begins('u2', '["ask", 1]');
SELECT temporal.update_activity_options('u2', 'a', start_to_close_timeout => '10 min', heartbeat_timeout => '5 min');
SELECT temporal.test_advance('5 min');
SELECT is(pg_temp.status_of('u2'), 'Failed', 'the timeouts of an open attempt are computed anew');
SELECT pg_temp.begins('u3');
SELECT temporal.update_activity_options('u3', 'a', schedule_to_close_timeout => '30 s');
SELECT temporal.test_advance('30 s');
SELECT is(pg_temp.status_of('u3'), 'Failed', 'and those while none runs');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.update_activity_options(''u1'', ''a'', %s)', a)), '22023', a)
FROM unnest(ARRAY['start_to_close_timeout => ''0''', 'start_to_close_timeout => ''-1 s''', 'heartbeat_timeout => ''-1 s''', 'task_queue => ''''', 'priority_key => 6']) a;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.unpause_activity('u1', 'a', jitter => '-1 s')$$), '22023', 'jitter is not negative');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.pause_activity('u1', 'a', reason => repeat('x', 1001))$$), '22023', 'a reason is a note');

-- ---------- which ----------

SELECT pg_temp.begins('t1', type => 'three');
SELECT temporal.pause_activity('t1', activity_type => 'fails');
SELECT is(pg_temp.pending('t1'), 'f1|Paused|2|no 1 f2|Paused|2|no 1 k|Started|1', 'all of a type');
SELECT temporal.pause_activity('t1', activity_type => '*');
SELECT is(pg_temp.pending('t1'), 'f1|Paused|2|no 1 f2|Paused|2|no 1 k|PauseRequested|1', 'all of the workflow');
SELECT temporal.unpause_activity('t1', 'f2');
SELECT is(pg_temp.pending('t1'), 'f1|Paused|2|no 1 f2|Scheduled|2|no 1 k|PauseRequested|1', 'one by its id');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.pause_activity(''t1'', %s)', a)), state, a)
FROM (VALUES ('NULL', '22004'), ('''''', '22023'), ('''x''', 'TP013'), ('activity_type => ''x''', 'TP013'), ('activity_type => ''''', '22023'), ('''k'', activity_type => ''ask''', '22023')) v (a, state);

-- ---------- an attempt runs, and its row is locked: whoever ends it does what was asked ----------

CREATE FUNCTION pg_temp.request(id text, command jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO temporal_internal.activity_request (execution_key, scheduled_event_id, command)
	SELECT execution_key, scheduled_event_id, command FROM temporal_internal.activity_task
	WHERE execution_key = (SELECT max(key) FROM temporal_internal.execution WHERE workflow_id = id)
$$;
SELECT pg_temp.begins('q1', '["fails", 9]');
SELECT pg_temp.request('q1', '{"op": "pause", "info": {"reason": "asked"}}');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.pending('q1'), 'a|Paused|3|no 2', 'pause: held when the attempt has failed');
SELECT is((SELECT pause_info ->> 'reason' FROM temporal.pending_activity WHERE workflow_id = 'q1'), 'asked', '... with its reason');
SELECT is_empty('SELECT FROM temporal_internal.activity_request', 'the request is gone');
SELECT pg_temp.begins('q2');
SELECT pg_temp.request('q2', '{"op": "pause", "info": {}}'), pg_temp.request('q2', '{"op": "unpause"}'), pg_temp.request('q2', '{"op": "options", "options": {"retryPolicy": {"initialInterval": "7200s", "maximumAttempts": 9}}}');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.pending('q2'), 'a|Scheduled|4|no 3', 'options that come while the last attempt runs make it not the last; unpaused, the next was due at once');
SELECT pg_temp.begins('q3');
SELECT pg_temp.request('q3', '{"op": "reset"}');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.pending('q3'), 'a|Scheduled|2|no 1', 'reset: attempt 1 again, at once');

SELECT * FROM finish();
ROLLBACK;
