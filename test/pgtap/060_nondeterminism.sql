-- Replay: the same code replays its histories; changed code is found out, with event and commands named.
BEGIN;
SELECT plan(64);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

-- the error of a command: SQLSTATE: message / detail
CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || SQLERRM || ' / ' || d || CASE WHEN h = '' THEN ' (no hint)' ELSE '' END;
END $$;

CREATE FUNCTION a(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1';
CREATE FUNCTION b(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 2';
SELECT temporal.register_activity('a'), temporal.register_activity('b');

-- the code as it was: two activities, a timer, a local activity and a side effect
CREATE FUNCTION wf(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	n := temporal.execute_activity('a', n)::int;
	PERFORM temporal.sleep('1 day');
	n := temporal.execute_activity('b', n)::int;
	n := temporal.execute_local_activity('a', n)::int;
	n := n + temporal.side_effect('SELECT 100')::int;
	PERFORM temporal.sleep('1 day');
	RETURN n;
END $$;
SELECT temporal.register_workflow('wf');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT is(temporal.test_run('wf', '1', id => 'closed'), '105', 'a run that is closed');
SELECT temporal.start_workflow('wf', '1', id => 'open');
SELECT temporal.test_advance('1 day');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'open'), 12, 'a run in the middle of its code');
SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) AS open_history FROM temporal.history h WHERE workflow_id = 'open' \gset
SELECT is(temporal.replay('open'), 12, 'the same code replays an open run');
SELECT is(temporal.replay('closed'), 14, 'and a closed one');
SELECT is(temporal.replay('closed', (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'closed')), 14, 'also by its run id');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'open'), 12, 'and writes nothing');
SELECT temporal.start_workflow('wf', '1', id => 'new');
SELECT is(temporal.replay('new'), 1, 'a run that has not begun is replayed by any code');
SELECT temporal.terminate('new');
SELECT is(temporal.replay('new'), 2, 'also when it was terminated so');

-- code that differs; each change is made, tried and undone
CREATE FUNCTION pg_temp.changed(body text, id text DEFAULT 'closed') RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	BEGIN
		EXECUTE format('CREATE OR REPLACE FUNCTION shop.wf(n int) RETURNS int LANGUAGE plpgsql AS %L', 'BEGIN ' || body || ' END');
		r := pg_temp.error_of(format('SELECT temporal.replay(%L)', id));
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN r;
	END;
END $$;

SELECT is(pg_temp.changed($$n := temporal.execute_activity('a', n, start_to_close_timeout => '5 s', summary => 'x')::int; PERFORM temporal.sleep('2 days'); n := temporal.execute_activity('b', 77)::int;
	n := temporal.execute_local_activity('a', 1)::int; n := n + temporal.side_effect('SELECT 2')::int; PERFORM temporal.sleep('9 days'); RETURN 1;$$), 'ok',
	'G-15: inputs, options, durations and the result may differ');
SELECT is(pg_temp.changed($$PERFORM temporal.sleep('1 day');$$),
	'TP020: workflow code does not match history at event 2 / History has ActivityTaskScheduled of activity "a" with id 1; the code asked for timer 1 to be started.',
	'another kind of command: event and both commands are named');
SELECT is(pg_temp.changed($$n := temporal.execute_activity('b', n)::int;$$),
	'TP020: workflow code does not match history at event 2 / History has ActivityTaskScheduled of activity "a" with id 1; the code asked for activity "b" with id 1 to be scheduled.',
	'another activity type');
SELECT is(pg_temp.changed($$n := temporal.execute_activity('a', n, activity_id => 'mine')::int;$$),
	'TP020: workflow code does not match history at event 2 / History has ActivityTaskScheduled of activity "a" with id 1; the code asked for activity "a" with id mine to be scheduled.',
	'another activity id');
SELECT is(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; n := temporal.execute_activity('b', n)::int;$$),
	'TP020: workflow code does not match history at event 5 / History has TimerStarted of timer 1; the code asked for activity "b" with id 2 to be scheduled.',
	'a step left out');
SELECT is(pg_temp.changed($$PERFORM temporal.start_timer('1 h'); n := temporal.execute_activity('a', n)::int;$$),
	'TP020: workflow code does not match history at event 2 / History has ActivityTaskScheduled of activity "a" with id 1; the code asked for timer 1 to be started.',
	'a step put in front');
SELECT is(pg_temp.changed($$PERFORM temporal.start_activity('a', n); PERFORM temporal.execute_activity('b', n)::int;$$),
	'TP020: workflow code does not match history after event 2 / History has nothing more in this activation; the code asked for activity "b" with id 2 to be scheduled.',
	'a step too much in one activation');
SELECT is(pg_temp.changed($$RETURN 1;$$),
	'TP020: workflow code does not match history at event 2 / History has ActivityTaskScheduled of activity "a" with id 1; the code asked for nothing more.',
	'code that returns at once');
SELECT is(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('b', n)::int;$$),
	'TP020: workflow code does not match history at event 10 / History has local activity "a"; the code asked for local activity "b".',
	'another local activity');
SELECT matches(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('a', n)::int; PERFORM temporal.sleep('1 day'); RETURN n;$$),
	'^TP020: workflow code does not match history at event 11 / History has MarkerRecorded "SideEffect"; the code asked for timer 2 to be started',
	'a side effect left out');
SELECT matches(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('a', n)::int;
	n := n + temporal.side_effect('SELECT 100')::int; PERFORM temporal.sleep('1 day'); PERFORM temporal.sleep('1 day'); RETURN n;$$), '^TP020: workflow code does not match history',
	'a step more than the closed run has');
SELECT matches(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('a', n)::int;
	n := n + temporal.side_effect('SELECT 100')::int; PERFORM temporal.sleep('1 day'); RAISE EXCEPTION 'new'; RETURN n;$$), '^TP020: workflow code does not match history at event 14',
	'code that fails where history completes');
SELECT matches(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('a', n)::int;
	n := n + temporal.side_effect('SELECT 100')::int; RETURN n;$$, 'open'), '^TP020: workflow code does not match history at event 12',
	'an open run: code that returns where history waits');
SELECT is(pg_temp.changed($$n := temporal.execute_activity('a', n)::int; PERFORM temporal.sleep('1 day'); n := temporal.execute_activity('b', n)::int; n := temporal.execute_local_activity('a', n)::int;
	n := n + temporal.side_effect('SELECT 100')::int; PERFORM temporal.sleep('1 day'); PERFORM temporal.sleep('1 day'); RETURN n;$$, 'open'), 'ok', 'an open run: a change that it has not come to yet');
SELECT matches(pg_temp.changed($$PERFORM 1 / 0; RETURN n;$$), '^22012: ', 'an error of the code comes through as it is');
SELECT matches(pg_temp.changed($$BEGIN PERFORM temporal.sleep('1 day'); EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1;$$), '^TP020', 'WHEN OTHERS does not hide it');
SELECT matches(pg_temp.changed($$BEGIN PERFORM temporal.sleep('1 day'); EXCEPTION WHEN OTHERS OR assert_failure THEN NULL; END; RETURN 1;$$), '^TP020', 'nor does assert_failure');

-- in a workflow task it fails the task, not the run
CREATE FUNCTION wf2(n int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 day'); PERFORM temporal.execute_activity('a', 1); END $$;
SELECT temporal.register_workflow('wf2');
SELECT temporal.start_workflow('wf2', id => 'live');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION wf2(n int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.execute_activity('a', 1); END $$;
SELECT matches(pg_temp.error_of($$SELECT temporal.test_drive('closed')$$), '^TP020: workflow task of "live" failed: workflow code does not match history at event 2', 'a workflow task fails with it');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'live'), 'Running', 'and the run stays open');
CREATE OR REPLACE FUNCTION wf2(n int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('7 days'); PERFORM temporal.execute_activity('b', 1); END $$;
SELECT lives_ok($$SELECT temporal.test_drive('closed', 'live')$$, 'mended, it goes on');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'live'), 'Completed', 'to its end');

-- a failed run fails in its replay too
CREATE FUNCTION failing() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.start_timer('1 day'); PERFORM temporal.sleep('1 s'); RAISE EXCEPTION 'no'; END $$;
SELECT temporal.register_workflow('failing');
SELECT matches(pg_temp.error_of($$SELECT temporal.test_run('failing', id => 'failed')$$), '^(P0001|TF007): ', 'a run that fails');
SELECT temporal.start_workflow('failing', id => 'failed');
SELECT temporal.test_drive('closed', 'failed');
SELECT is(temporal.replay('failed'), 5, 'K-12: a run that failed replays when it fails again');
CREATE OR REPLACE FUNCTION failing() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.start_timer('1 day'); PERFORM temporal.sleep('1 s'); END $$;
SELECT matches(pg_temp.error_of($$SELECT temporal.replay('failed')$$), '^TP020: .*at event 5 / History has WorkflowExecutionFailed; the code returned', 'and not when it does not');

-- ---------- replay of a history given as JSON ----------

SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) AS history FROM temporal.history h WHERE workflow_id = 'closed' \gset
SELECT is(temporal.replay(:'history'::jsonb, 'wf'), 14, 'an exported history is replayed');
SELECT is(temporal.replay(:'open_history'::jsonb, 'wf'), 12, 'also of an open run');
SELECT is(temporal.replay((SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) FROM temporal.history h WHERE workflow_id = 'new'), 'wf'), 2, 'also of one that has not begun');
SELECT matches(pg_temp.error_of(format('SELECT temporal.replay(%L::jsonb, ''wf2'')', :'history')), '^TP020: ', 'by other code it is not');
SELECT matches(pg_temp.error_of(format('SELECT temporal.replay(%L::jsonb, ''nobody'')', :'history')), '^TP014: ', 'nor by code that is not registered');
SELECT matches(pg_temp.error_of(format('SELECT temporal.replay(%L::jsonb, ''wf'')', jsonb_set(:'history'::jsonb, '{1,attributes,activityType,name}', '"b"'))), '^TP020: .*event 2', 'a history that was changed is found out');

SELECT is(left(pg_temp.error_of(format('SELECT temporal.replay(%L::jsonb, ''wf'')', history)), 5), '22023', 'no history: ' || what) FROM (VALUES
	('[]', 'no events'), ('{}', 'no array'), ('[1]', 'no event'), ('[{}]', 'nothing in it'), ('[null]', 'null'), ('"x"', 'text'),
	('[{"event_id": 1, "event_type": "WorkflowExecutionStarted"}]', 'no attributes'),
	('[{"event_id": 2, "task_id": 1, "event_type": "WorkflowExecutionStarted", "event_time": "2030-01-01", "attributes": {}}]', 'a gap'),
	('[{"event_id": 1, "task_id": 1, "event_type": "Nonsense", "event_time": "2030-01-01", "attributes": {}}]', 'an unknown type'),
	('[{"event_id": 1, "task_id": 1, "event_type": "TimerStarted", "event_time": "2030-01-01", "attributes": {"timerId": "1"}}]', 'no start'),
	('[{"event_id": 1, "task_id": 1, "event_type": "WorkflowExecutionStarted", "event_time": "2030-01-01", "attributes": []}]', 'attributes that are none')
) AS v (history, what);
SELECT isnt(left(pg_temp.error_of(format('SELECT temporal.replay(jsonb_build_array(%L::jsonb, %L::jsonb), ''wf'')',
	'{"event_id": 1, "task_id": 1, "event_type": "WorkflowExecutionStarted", "event_time": "2030-01-01", "attributes": {"input": 1}}', e)), 2), 'ok', 'a wrong event is an error, not a crash: ' || e) FROM (VALUES
	('{"event_id": 2, "task_id": 1, "event_type": "ActivityTaskScheduled", "event_time": "2030-01-01", "attributes": {}}'),
	('{"event_id": 2, "task_id": 1, "event_type": "ActivityTaskScheduled", "event_time": "2030-01-01", "attributes": {"activityId": "1", "activityType": "a"}}'),
	('{"event_id": 2, "task_id": 1, "event_type": "TimerStarted", "event_time": "2030-01-01", "attributes": {}}'),
	('{"event_id": 2, "task_id": 1, "event_type": "TimerCanceled", "event_time": "2030-01-01", "attributes": {}}'),
	('{"event_id": 2, "task_id": 1, "event_type": "MarkerRecorded", "event_time": "2030-01-01", "attributes": {}}'),
	('{"event_id": 2, "task_id": 1, "event_type": "MarkerRecorded", "event_time": "2030-01-01", "attributes": {"markerName": "core_local_activity"}}'),
	('{"event_id": 2, "task_id": 2, "event_type": "ActivityTaskCompleted", "event_time": "2030-01-01", "attributes": {}}'),
	('{"event_id": 2, "task_id": 2, "event_type": "ActivityTaskCompleted", "event_time": "2030-01-01", "attributes": {"scheduledEventId": 99999999}}'),
	('{"event_id": 2, "task_id": 2, "event_type": "ActivityTaskStarted", "event_time": "2030-01-01", "attributes": {"scheduledEventId": -5}}'),
	('{"event_id": 2, "task_id": 2, "event_type": "TimerFired", "event_time": "2030-01-01", "attributes": {"startedEventId": "x"}}'),
	('{"event_id": 2, "task_id": 2, "event_type": "TimerFired", "event_time": "nonsense", "attributes": {"startedEventId": 1}}'),
	('{"event_id": 2, "task_id": -2, "event_type": "TimerFired", "event_time": "2030-01-01", "attributes": {"startedEventId": 1}}')
) AS v (e);

SELECT matches(pg_temp.error_of($$SELECT temporal.replay('nobody')$$), '^TP010: ', 'replay of nothing');
SELECT temporal.unregister_activity('a'), temporal.unregister_activity('b');
SELECT is(temporal.replay('closed'), 14, 'a replay needs no registration of the activities');
SELECT temporal.unregister_workflow('wf');
SELECT matches(pg_temp.error_of($$SELECT temporal.replay('open')$$), '^TP014: ', 'replay of a type that is not registered');

SELECT * FROM finish();
ROLLBACK;
