-- Attempts that stay open beyond their transaction (D-13, D-20, D-21, D-28 to D-32): complete_async(), and the four functions
-- that end or keep one, by token and by ids. Real executors: tap/250_completion.pl; races: isolation completion.
BEGIN;
SELECT plan(106);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

CREATE TABLE asked (id serial, workflow_id text, run_id uuid, token text, attempt int, started timestamptz);
CREATE FUNCTION ask(note text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE i temporal.activity_info := temporal.activity_info();
BEGIN
	INSERT INTO asked (workflow_id, run_id, token, attempt, started) VALUES (i.workflow_id, i.run_id, i.task_token, i.attempt, i.started_time);
	PERFORM temporal.complete_async();
	IF note = 'error' AND i.attempt = 1 THEN
		RAISE EXCEPTION 'after complete_async' USING ERRCODE = 'XX777';
	END IF;
	RETURN 'is ignored';
END $$;
CREATE FUNCTION wf(note text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('ask', note, activity_id => 'a', start_to_close_timeout => '1 day', heartbeat_timeout => '1 hour',
		retry_policy => temporal.retry_policy(maximum_attempts => 3));
END $$;
-- cancels it after an hour, and cleans up
CREATE FUNCTION cancels(kind text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE f temporal.future;
BEGIN
	f := temporal.start_activity('ask', activity_id => 'a', start_to_close_timeout => '1 day', cancellation_type => kind);
	PERFORM temporal.sleep('1 hour');
	PERFORM temporal.cancel(f);
	RETURN temporal.await(f);
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN temporal.failure() #> '{cause}';
END $$;
CREATE FUNCTION local_wf() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_local_activity('ask', retry_policy => temporal.retry_policy(maximum_attempts => 1)); END $$;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.register_activity('ask'), temporal.register_workflow('wf'), temporal.register_workflow('cancels'), temporal.register_workflow('local_wf');

CREATE FUNCTION pg_temp.token(id text) RETURNS text LANGUAGE sql AS 'SELECT a.token FROM asked a WHERE a.workflow_id = $1 ORDER BY a.id DESC LIMIT 1';
-- a run that waits for its answer
CREATE FUNCTION pg_temp.asks(id text, input jsonb DEFAULT NULL, type text DEFAULT 'wf') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow(type, input, id => id);
	PERFORM temporal.test_drive('idle');
END $$;
CREATE FUNCTION pg_temp.result_of(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.test_drive('idle');
	BEGIN
		RETURN temporal.result(id);
	EXCEPTION WHEN SQLSTATE 'TF000' THEN
		RETURN to_jsonb(SQLERRM);
	END;
END $$;
CREATE FUNCTION pg_temp.pending(id text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('|', state, attempt, last_failure_message) FROM temporal.pending_activity WHERE workflow_id = id
$$;

-- ---------- complete ----------

SELECT pg_temp.asks('c1');
SELECT is(pg_temp.pending('c1'), 'Started|1', 'the attempt stays open');
SELECT is((SELECT count(*) FROM asked WHERE workflow_id = 'c1'), 1::bigint, 'what it wrote is there');
SELECT is((SELECT next_attempt_time FROM temporal.pending_activity WHERE workflow_id = 'c1'), NULL, 'no attempt is to come');
SELECT temporal.complete_activity(pg_temp.token('c1'), '{"x": 1}');
SELECT is(pg_temp.result_of('c1'), '{"x": 1}', 'completed by its token');
SELECT is(pg_temp.events_of('c1'), '{Started,ActivityTaskScheduled,ActivityTaskStarted,ActivityTaskCompleted,Completed}', 'the history is as of any activity');
SELECT pg_temp.replays('c1');
SELECT pg_temp.asks('c2');
SELECT temporal.complete_activity('c2', NULL, 'a', '[1]');
SELECT is(pg_temp.result_of('c2'), '[1]', 'completed by workflow id and activity id');
SELECT pg_temp.asks('c3');
SELECT temporal.complete_activity('c3', (SELECT run_id FROM asked WHERE workflow_id = 'c3'), 'a');
SELECT is(pg_temp.result_of('c3'), 'null', '... and run id; no result is JSON null');
SELECT pg_temp.asks('c4');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('c4', '00000000-0000-4000-8000-000000000000', 'a')$$), 'TP010', 'another run id is no run');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('c4', NULL, 'b')$$), 'TP013', 'another activity id is no activity');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('nobody', NULL, 'a')$$), 'TP010', 'another workflow id is no workflow');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%L, to_jsonb(repeat(''x'', 3000000)))', pg_temp.token('c4'))), 'TP025', 'a result that is too large');
SELECT is(pg_temp.pending('c4'), 'Started|1', '... leaves it open');
-- an activity that has no attempt yet
SELECT temporal.start_workflow('wf', id => 'c5', start_delay => '1 s');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('c5', NULL, 'a')$$), 'TP013', 'not before it is scheduled');

-- ---------- stale tokens ----------

SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.%s(%L, ''1'')', f, pg_temp.token('c1'))), 'TP013', f || ' with the token of one that is over')
FROM unnest('{complete_activity,fail_activity,heartbeat_activity,report_activity_cancelled}'::text[]) f;
SELECT pg_temp.asks('s1');
SELECT temporal.fail_activity(pg_temp.token('s1'), '{"message": "try again", "type": "Busy"}');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%L)', pg_temp.token('s1'))), 'TP013', 'an attempt that has failed is not completed');
SELECT is(pg_temp.pending('s1'), 'Scheduled|2|try again', 'it waits for the next');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.heartbeat_activity('s1', NULL, 'a', '1')$$), 'TP013', 'which has no heartbeat before it begins');
SELECT temporal.test_advance('1 s');
SELECT is(pg_temp.pending('s1'), 'Started|2|try again', 'the next attempt');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%L)', (SELECT token FROM asked WHERE workflow_id = 's1' AND attempt = 1))), 'TP013', 'the token of the first is stale');
SELECT temporal.complete_activity(pg_temp.token('s1'), '2');
SELECT is(pg_temp.result_of('s1'), '2', 'the token of the second is good');

SELECT pg_temp.asks('s2');
SELECT temporal.terminate('s2');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%L)', pg_temp.token('s2'))), 'TP013', 'a token of a run that was terminated');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('s2', NULL, 'a')$$), 'TP013', 'an id of it');

-- reset lets a running attempt go on (D-43); what follows it is attempt 1 again, with a token of its own
SELECT pg_temp.asks('s3');
SELECT temporal.reset_activity('s3', 'a');
SELECT is(pg_temp.pending('s3'), 'Started|1', 'reset_activity() leaves the attempt that is open');
SELECT temporal.test_advance('1 min');
SELECT temporal.fail_activity(pg_temp.token('s3'), '"no"');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.pending('s3'), 'Started|1|no', '... and it begins anew at once when that fails');
SELECT is((SELECT array_agg(attempt ORDER BY id) FROM asked WHERE workflow_id = 's3'), '{1,1}', 'as attempt 1');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%L)', (SELECT token FROM asked WHERE workflow_id = 's3' ORDER BY id LIMIT 1))), 'TP013', 'the token of the attempt before the reset is stale');
SELECT temporal.complete_activity(pg_temp.token('s3'), '"new"');
SELECT is(pg_temp.result_of('s3'), '"new"', 'the new one is good');

-- a restored copy does not take the answers of the original
SELECT pg_temp.asks('s4');
CREATE TEMP TABLE old_token AS SELECT pg_temp.token('s4') AS token;
SELECT temporal.post_restore();
SELECT is(pg_temp.sqlstate_of('SELECT temporal.complete_activity(token) FROM old_token'), 'TP013', 'a token of the time before post_restore()');
SELECT temporal.complete_activity('s4', NULL, 'a', '"by id"');
SELECT is(pg_temp.result_of('s4'), '"by id"', '... where the ids still mean it');

-- ---------- no token ----------

SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.complete_activity(%s)', t)), state, 'token ' || t)
FROM (VALUES ('NULL', '22004'), ('''''', '22023'), ('''zz''', '22023'), ('repeat(''0'', 80)', 'TP013'), ('repeat(''f'', 80)', 'TP013'), ('repeat(''F'', 80)', '22023'), ('repeat(''0'', 79)', '22023')) v (t, state);

-- ---------- fail ----------

SELECT pg_temp.asks('f1');
SELECT temporal.fail_activity(pg_temp.token('f1'), '{"message": "declined", "type": "CardDeclined", "non_retryable": true, "details": [7]}');
SELECT is(pg_temp.result_of('f1'), '"workflow \"f1\" failed: declined"', 'a failure that is not retryable');
SELECT is((SELECT attributes #>> '{failure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'f1' AND event_type = 'ActivityTaskFailed'), 'CardDeclined', '... with its type');
SELECT is((SELECT attributes -> 'retryState' FROM temporal.history WHERE workflow_id = 'f1' AND event_type = 'ActivityTaskFailed'), '"RETRY_STATE_NON_RETRYABLE_FAILURE"', '... and why it was the last');
SELECT pg_temp.asks('f2');
SELECT temporal.fail_activity('f2', NULL, 'a', '{"message": "later", "next_retry_delay": "90 min"}');
SELECT is((SELECT next_attempt_time FROM temporal.pending_activity WHERE workflow_id = 'f2'), temporal.test_now() + interval '90 min', 'the failure says when to try again');
SELECT temporal.test_advance('90 min');
SELECT temporal.fail_activity('f2', NULL, 'a', '"again"');
SELECT temporal.test_advance('2 s');
SELECT temporal.fail_activity('f2', NULL, 'a', '"the third"');
SELECT is(pg_temp.result_of('f2'), '"workflow \"f2\" failed: the third"', 'maximum_attempts counts those too');
SELECT pg_temp.asks('f3');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.fail_activity(%L, %s)', pg_temp.token('f3'), f)), state, 'failure ' || f)
FROM (VALUES ('NULL', '22004'), ('''null''', '22004'), ('''[1]''', '22023'), ('''{"next_retry_delay": "soon"}''', '22007')) v (f, state);
SELECT is(pg_temp.pending('f3'), 'Started|1', '... leave it open');

-- ---------- heartbeats and timeouts ----------

SELECT pg_temp.asks('h1');
SELECT temporal.test_advance('50 min');
SELECT is(temporal.heartbeat_activity(pg_temp.token('h1'), '{"done": 10}'), false, 'a heartbeat; no cancellation is requested');
SELECT is((SELECT heartbeat_details FROM temporal.pending_activity WHERE workflow_id = 'h1'), '{"done": 10}', 'its details can be seen');
SELECT temporal.test_advance('50 min');
SELECT is(pg_temp.pending('h1'), 'Started|1', 'it has put the timeout off');
SELECT is(temporal.heartbeat_activity('h1', NULL, 'a', '{"done": 20}'), false, 'by ids');
SELECT temporal.test_advance('59 min');
SELECT is(pg_temp.pending('h1'), 'Started|1', '... likewise');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.pending('h1'), 'Scheduled|2|activity Heartbeat timeout', 'silence ends the attempt');
SELECT is((SELECT last_failure #> '{timeoutFailureInfo,lastHeartbeatDetails}' FROM temporal.pending_activity WHERE workflow_id = 'h1'), '{"done": 20}', '... with the last details');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.heartbeat_activity(%L)', pg_temp.token('h1'))), 'TP013', '... and its token is stale');
SELECT temporal.test_advance('1 s');
SELECT is(pg_temp.pending('h1'), 'Started|2|activity Heartbeat timeout', 'the next attempt');
SELECT temporal.test_advance('59 min');
SELECT is(pg_temp.pending('h1'), 'Started|2|activity Heartbeat timeout', '... has its own hour');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.heartbeat_activity(%L, to_jsonb(repeat(''x'', 3000000)))', pg_temp.token('h1'))), 'TP025', 'details that are too large');

-- start to close: heartbeats don't help
SELECT pg_temp.asks('h2');
DO $$BEGIN FOR i IN 1..30 LOOP PERFORM temporal.test_advance('50 min'); PERFORM temporal.heartbeat_activity('h2', NULL, 'a'); END LOOP;
EXCEPTION WHEN SQLSTATE 'TP013' THEN NULL; END $$;
SELECT is((SELECT last_failure #>> '{timeoutFailureInfo,timeoutType}' FROM temporal.pending_activity WHERE workflow_id = 'h2'), 'TIMEOUT_TYPE_START_TO_CLOSE', 'start-to-close goes on');

-- ---------- cancellation ----------

SELECT pg_temp.asks('k1', '"wait_cancellation_completed"', 'cancels');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.report_activity_cancelled(%L)', pg_temp.token('k1'))), '22023', 'not before it is requested (D-21)');
SELECT temporal.test_advance('1 hour');
SELECT is(pg_temp.pending('k1'), 'CancelRequested|1', 'the workflow has cancelled it, and waits');
SELECT is(temporal.heartbeat_activity(pg_temp.token('k1')), true, 'a heartbeat tells');
SELECT temporal.report_activity_cancelled(pg_temp.token('k1'), '"cleaned up"');
SELECT is(pg_temp.result_of('k1') ->> 'kind', 'cancelled', 'reported as cancelled');
SELECT is((SELECT attributes -> 'details' FROM temporal.history WHERE workflow_id = 'k1' AND event_type = 'ActivityTaskCanceled'), '"cleaned up"', '... with details');
SELECT pg_temp.replays('k1');
SELECT pg_temp.asks('k2', '"wait_cancellation_completed"', 'cancels');
SELECT temporal.test_advance('1 hour');
SELECT temporal.report_activity_cancelled('k2', NULL, 'a');
SELECT is(pg_temp.result_of('k2') ->> 'kind', 'cancelled', 'by ids');
SELECT pg_temp.asks('k3', '"wait_cancellation_completed"', 'cancels');
SELECT temporal.test_advance('1 hour');
SELECT temporal.complete_activity(pg_temp.token('k3'), '"in spite"');
SELECT is(pg_temp.result_of('k3'), '"in spite"', 'it may complete all the same');
SELECT pg_temp.asks('k4', '"wait_cancellation_completed"', 'cancels');
SELECT temporal.test_advance('1 hour');
SELECT temporal.fail_activity(pg_temp.token('k4'), '"no"');
SELECT is(pg_temp.result_of('k4') ->> 'message', 'no', 'a failure is the last one (D-23)');
SELECT pg_temp.asks('k5', '"try_cancel"', 'cancels');
SELECT temporal.test_advance('1 hour');
SELECT is(pg_temp.result_of('k5') ->> 'kind', 'cancelled', 'try_cancel does not wait');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.heartbeat_activity(%L)', pg_temp.token('k5'))), 'TP013', '... and its run has closed');
SELECT pg_temp.asks('k6', '"abandon"', 'cancels');
SELECT temporal.test_advance('30 min');
SELECT is(temporal.heartbeat_activity(pg_temp.token('k6')), false, 'abandon: never told');

-- ---------- errors behind complete_async(), local activities, its own attempt ----------

SELECT pg_temp.asks('e1', '"error"');
SELECT is(pg_temp.pending('e1'), 'Scheduled|2|after complete_async', 'an error after complete_async() fails the attempt');
SELECT is((SELECT count(*) FROM asked WHERE workflow_id = 'e1'), 0::bigint, '... and undoes what it did');
SELECT temporal.test_advance('1 s');
SELECT temporal.complete_activity(pg_temp.token('e1'), '"second"');
SELECT is(pg_temp.result_of('e1'), '"second"', 'the second stays open, and is completed');
SELECT is(pg_temp.message_of($$SELECT temporal.test_run('local_wf')$$) ~ 'a local activity cannot be completed later', true, 'not in a local activity');
SELECT is(pg_temp.sqlstate_of('SELECT temporal.complete_async()'), 'TP021', 'not outside of an activity');
CREATE FUNCTION thinks_better(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		BEGIN
			PERFORM temporal.complete_async();
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
		IF how = 'undone' THEN
			RAISE EXCEPTION 'no';
		END IF;
	EXCEPTION WHEN raise_exception THEN
		NULL;
	END;
	RETURN 'done';
END $$;
CREATE FUNCTION better_wf(how text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('thinks_better', how, activity_id => 'a'); END $$;
SELECT temporal.register_activity('thinks_better'), temporal.register_workflow('better_wf');
SELECT is(temporal.test_run('better_wf', '"undone"'), '"done"', 'what an EXCEPTION block undoes was not asked for');
SELECT temporal.start_workflow('better_wf', '"kept"', id => 'kept');
SELECT temporal.test_drive();
SELECT is((SELECT state FROM temporal.pending_activity WHERE workflow_id = 'kept'), 'Started', 'what one has got through was');
SELECT temporal.complete_activity('kept', NULL, 'a', '"later"');
SELECT is(pg_temp.result_of('kept'), '"later"', 'and is completed later');
CREATE FUNCTION itself(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'token' THEN
		PERFORM temporal.complete_activity((temporal.activity_info()).task_token);
	ELSE
		PERFORM temporal.complete_activity((temporal.activity_info()).workflow_id, NULL, (temporal.activity_info()).activity_id);
	END IF;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION itself_wf(how text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('itself', how); END $$;
SELECT temporal.register_activity('itself'), temporal.register_workflow('itself_wf');
SELECT is(temporal.test_run('itself_wf', '"id"'), '"TP021"', 'an activity does not end itself by its ids');
SELECT is(temporal.test_run('itself_wf', '"token"'), '"TP021"', 'nor by its token, though that names nothing before it is recorded');
CREATE FUNCTION itself_in_all_ways(stale text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mine text := (temporal.activity_info()).task_token;
	states text[] := '{}';
	command text;
BEGIN
	FOREACH command IN ARRAY ARRAY['complete_activity($1)', 'fail_activity($1, ''"no"'')', 'heartbeat_activity($1)', 'report_activity_cancelled($1)', 'complete_activity($2)'] LOOP
		BEGIN
			EXECUTE 'SELECT temporal.' || command USING mine, stale;
			states := states || 'ok'::text;
		EXCEPTION WHEN OTHERS THEN
			states := states || SQLSTATE::text;
		END;
	END LOOP;
	RETURN states;
END $$;
CREATE FUNCTION itself_in_all_ways_wf(stale text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('itself_in_all_ways', stale); END $$;
SELECT temporal.register_activity('itself_in_all_ways'), temporal.register_workflow('itself_in_all_ways_wf');
SELECT is(temporal.test_run('itself_in_all_ways_wf', to_jsonb(repeat('0', 80))), '"{TP021,TP021,TP021,TP021,TP013}"', 'whatever it wants to do to itself; a token of nothing is TP013');

-- ---------- rights ----------

CREATE ROLE tpg_nobody;
CREATE ROLE tpg_client;
SELECT temporal.grant_access('default', 'tpg_client', 'client');
SELECT pg_temp.asks('r1');
CREATE FUNCTION pg_temp.as_role(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	state := pg_temp.sqlstate_of(command);
	RESET ROLE;
	RETURN state;
END $$;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SELECT is(pg_temp.as_role('tpg_nobody', format('SELECT temporal.%s(%L, ''1'')', f, pg_temp.token('r1'))), '42501', f || ' needs rights in the namespace, whoever has the token')
FROM unnest('{complete_activity,fail_activity,heartbeat_activity,report_activity_cancelled}'::text[]) f;
SELECT is(pg_temp.as_role('tpg_nobody', $$SELECT temporal.complete_activity('r1', NULL, 'a')$$), '42501', 'by ids likewise');
SELECT temporal.create_namespace('other');
SET LOCAL temporal_pg.namespace = 'other';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.complete_activity('r1', NULL, 'a')$$), 'TP010', 'ids mean those of the session''s namespace');
SELECT is(pg_temp.as_role('tpg_client', format('SELECT temporal.complete_activity(%L, ''"x"'')', pg_temp.token('r1'))), 'ok', 'a token those of its own: a client there may');
RESET temporal_pg.namespace;
SELECT is(pg_temp.result_of('r1'), '"x"', '... and has');

-- ---------- a failure that is none ----------

SELECT pg_temp.asks('bad');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.fail_activity(%L, %L)', pg_temp.token('bad'), jsonb_build_object('message', 'm') || failure)), state, failure::text)
FROM (VALUES ('{"next_retry_delay": "-1s"}'::jsonb, '22023'), ('{"next_retry_delay": "soon"}', '22007'), ('{"category": "bogus"}', '22023'), 
	('{"kind": "cancelled"}', '22023'), ('{"kind": "timeout"}', '22023'), ('{"kind": "other"}', '22023'), ('{"kind": 7}', '22023'), ('{"cause": "text"}', '22023'),
	('{"cause": {"kind": "bogus"}}', '22023'), ('{"cause": {"cause": {"kind": "bogus"}}}', '22023'),
	('{"next_retry_delay": "1.5s", "category": "benign", "kind": "application", "cause": {"kind": "timeout", "type": "start_to_close", "message": "late", "cause": null}}', 'ok')) v (failure, state);
SELECT is((SELECT last_failure #>> '{cause,timeoutFailureInfo,timeoutType}' FROM temporal.pending_activity WHERE workflow_id = 'bad'), 'TIMEOUT_TYPE_START_TO_CLOSE', 'a cause may be of any kind');
SELECT pg_temp.asks('bad 2');
SELECT is(pg_temp.hint_of($$SELECT temporal.fail_activity(pg_temp.token('bad 2'), '{"kind": "cancelled"}')$$), 'temporal.report_activity_cancelled() ends an attempt that was cancelled.', 'what to call instead');

SELECT * FROM finish();
ROLLBACK;
