-- continue-as-new: the chain, what goes on and what does not, signals and updates on the way (A-33 to A-37, G-45, G-46, F-43).
BEGIN;
SELECT plan(46);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION pg_temp.runs_of(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = id
$$;
CREATE FUNCTION pg_temp.replay_all(id text) RETURNS text LANGUAGE sql AS $$
	SELECT is(array_agg(temporal.replay(id, run_id)), array_agg(history_length::int), id || ': every run replays') FROM temporal.workflow WHERE workflow_id = id
$$;

SET LOCAL temporal_pg.continue_as_new_min_interval = '1s';

-- ---------- the chain ----------

CREATE FUNCTION count_down(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 min');
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	RETURN 'done';
END $$;
SELECT temporal.register_workflow('count_down');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT is(temporal.test_run('count_down', '3', id => 'w1', execution_timeout => '1 day', run_timeout => '1 hour', memo => '{"note": "x"}'), '"done"',
	'test_run and result follow the chain');
SELECT is(pg_temp.runs_of('w1'), '{ContinuedAsNew,ContinuedAsNew,ContinuedAsNew,Completed}', 'four runs');
SELECT is((SELECT count(DISTINCT first_run_id) FROM temporal.workflow WHERE workflow_id = 'w1'), 1::bigint, 'A-03: one chain id');
SELECT is((SELECT array_agg(DISTINCT execution_expiration_time) FROM temporal.workflow WHERE workflow_id = 'w1'), ARRAY['2030-01-02 00:00:00+00'::timestamptz],
	'A-19: the execution expires when it did');
SELECT is((SELECT array_agg(run_expiration_time - start_time) FROM temporal.workflow WHERE workflow_id = 'w1'), array_fill('1 hour'::interval, '{4}'), 'each run has its run timeout');
SELECT is((SELECT array_agg(DISTINCT memo) FROM temporal.workflow WHERE workflow_id = 'w1'), ARRAY['{"note": "x"}'::jsonb], 'A-34: the memo goes on');
SELECT is((SELECT array_agg(t.event_type::text ORDER BY event_id) FROM temporal.history t JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'w1' AND w.run_id = w.first_run_id),
	'{WorkflowExecutionStarted,TimerStarted,TimerFired,WorkflowExecutionContinuedAsNew}', 'S-18: the old run');
SELECT is((SELECT attributes - 'newExecutionRunId' FROM temporal.history WHERE workflow_id = 'w1' AND event_type = 'WorkflowExecutionContinuedAsNew' ORDER BY event_time LIMIT 1),
	'{"input": 2, "initiator": "CONTINUE_AS_NEW_INITIATOR_WORKFLOW", "taskQueue": {"name": "default"}, "workflowType": {"name": "count_down"}}'::jsonb, 'its last event');
SELECT is((SELECT count(*) FROM temporal.history a JOIN temporal.history b ON b.run_id = (a.attributes ->> 'newExecutionRunId')::uuid AND b.event_id = 1
	WHERE a.workflow_id = 'w1' AND (b.attributes ->> 'continuedExecutionRunId')::uuid = a.run_id AND b.attributes ->> 'initiator' = 'CONTINUE_AS_NEW_INITIATOR_WORKFLOW'),
	3::bigint, 'each names the next, which names it');
SELECT is((SELECT array_agg(DISTINCT attributes ->> 'originalExecutionRunId' = run_id::text) FROM temporal.history WHERE workflow_id = 'w1' AND event_id = 1), '{t}', 'A-04: the original run id is its own');
SELECT pg_temp.replay_all('w1');
SELECT is(temporal.result('w1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'w1' AND is_current)), '"done"', 'result of the first run is that of the chain');
SELECT is((SELECT detail FROM temporal.trace('w1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'w1' AND is_current)) WHERE event_id = 4), '2', 'trace() shows the input that goes on');

-- ---------- options ----------

CREATE FUNCTION other(x jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
BEGIN
	RETURN jsonb_build_array(x, i.task_queue, i.run_timeout, i.task_timeout, i.memo, i.retry_policy #>> '{maximumAttempts}', i.search_attributes, i.attempt);
END $$;
CREATE FUNCTION changer() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.continue_as_new('{"a": 1}'::jsonb, 'other', task_queue => 'q2', run_timeout => '2 hours', task_timeout => '5 s',
		retry_policy => temporal.retry_policy(maximum_attempts => 3), memo => '{"m": 2}', search_attributes => '{"Place": "here"}');
END $$;
SELECT temporal.register_search_attribute('Place', 'Keyword');
SELECT temporal.register_workflow('other'), temporal.register_workflow('changer');
SELECT is(temporal.test_run('changer', id => 'w2', memo => '{"m": 1}'), '[{"a": 1}, "q2", "02:00:00", "00:00:05", {"m": 2}, "3", {"Place": "here"}, 1]', 'all that it can change');
SELECT is((SELECT ARRAY[workflow_type, task_queue, search_attributes ->> 'Place'] FROM temporal.workflow WHERE workflow_id = 'w2' AND is_current), '{other,q2,here}', 'the views show it');

-- ---------- A-33: not more often than once in a second ----------

CREATE FUNCTION hasty(n int) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	RETURN temporal.now();
END $$;
SELECT temporal.register_workflow('hasty');
SELECT temporal.test_advance('1 hour');
SELECT temporal.test_now() AS then \gset
SELECT is((temporal.test_run('hasty', '5', id => 'w3') #>> '{}')::timestamptz, :'then'::timestamptz + '3 s', 'a run that lived for less than a second is followed after a second');
SELECT is((SELECT array_agg(attributes ->> 'firstWorkflowTaskBackoff') FROM temporal.history WHERE workflow_id = 'w3' AND event_id = 1), '{NULL,1s,NULL,1s,NULL,1s}', 'as a backoff of its first task');
SET LOCAL temporal_pg.continue_as_new_min_interval = 0;
SELECT temporal.test_now() AS then \gset
SELECT is((temporal.test_run('hasty', '5', id => 'w4') #>> '{}')::timestamptz, :'then'::timestamptz, 'which a setting changes');

-- ---------- signals ----------

-- takes one signal a run
CREATE FUNCTION taker(n int, got jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	got := got || jsonb_build_array(temporal.wait_signal('s'));
	IF n = 1 THEN
		RETURN got;
	END IF;
	PERFORM temporal.continue_as_new(jsonb_build_array(n - 1, got));
	RETURN NULL;
END $$;
SELECT temporal.register_workflow('taker');
SELECT temporal.start_workflow('taker', '[5, []]', id => 'w5');
SELECT temporal.signal('w5', 's', to_jsonb(i), request_id => 'r' || i) FROM generate_series(1, 3) i;
SELECT temporal.test_drive();
SELECT is(pg_temp.runs_of('w5'), '{ContinuedAsNew,ContinuedAsNew,ContinuedAsNew,Running}', 'one signal a run');
SELECT temporal.signal('w5', 's', to_jsonb(i), request_id => 'r' || i) FROM generate_series(3, 4) i;
SELECT temporal.test_drive();
SELECT is(temporal.result('w5'), '[1, 2, 3, 3, 4]', 'signals that nobody has taken go on to the next run, in order; F-03: request ids do not');
SELECT is((SELECT array_agg(attributes ->> 'requestId' ORDER BY event_time, run_id = (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'w5' AND is_current), event_id) @> '{r1,r2,r3}'
	FROM temporal.history WHERE workflow_id = 'w5' AND event_type = 'WorkflowExecutionSignaled'), true, 'as they were sent');
SELECT pg_temp.replay_all('w5');

-- C-04, G-46: what has come meanwhile is handled first
CREATE FUNCTION seen(x jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || x);
END $$;
CREATE FUNCTION signals_myself() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM temporal.history WHERE workflow_id = 'w6' AND event_type = 'WorkflowExecutionSignaled') THEN
		PERFORM temporal.signal('w6', 'seen', '1');
	END IF;
END $$;
CREATE FUNCTION late(seen jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF seen IS NOT NULL THEN
		RETURN seen;
	END IF;
	PERFORM temporal.execute_activity('signals_myself');
	PERFORM temporal.continue_as_new(coalesce(temporal.state('seen'), '"none"'));
	RETURN NULL;
END $$;
SELECT temporal.register_activity('signals_myself'), temporal.register_workflow('late', signals => '{"seen": "seen"}');
SELECT is(temporal.test_run('late', id => 'w6'), '[1]', 'a signal that came with the last answer is handled before the run ends');

-- ---------- what does not go on ----------

CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS $$BEGIN NULL; END $$;
CREATE FUNCTION leaver(again boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF NOT again THEN
		RETURN 'second ' || coalesce(temporal.state('x')::text, 'no state');
	END IF;
	PERFORM temporal.set_state('x', 1);
	PERFORM temporal.start_timer('1 day');
	PERFORM temporal.start_activity('slow', start_to_close_timeout => '1 min');
	PERFORM temporal.continue_as_new(false);
	RETURN NULL;
END $$;
SELECT temporal.register_activity('slow'), temporal.register_workflow('leaver');
SELECT is(temporal.test_run('leaver', 'true', id => 'w7'), '"second no state"', 'state does not go on');
SELECT is((SELECT array_agg(t.event_type::text ORDER BY event_id) FROM temporal.history t JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'w7' AND w.run_id = w.first_run_id),
	'{WorkflowExecutionStarted,TimerStarted,ActivityTaskScheduled,WorkflowExecutionContinuedAsNew}', 'G-45: commands issued before count');
SELECT is((SELECT count(*) FROM temporal.pending_activity WHERE workflow_id = 'w7') + (SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'w7'), 0::bigint, 'A-36: but nothing of them is left');

-- ---------- updates ----------

CREATE FUNCTION entity(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''go''', '1 day');
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	RETURN 'run ' || n;
END $$;
CREATE FUNCTION go() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('go', true)$$;
CREATE FUNCTION hang() RETURNS void LANGUAGE sql AS $$SELECT temporal.sleep('1 hour')$$;
SET LOCAL client_min_messages = error;         -- it warns
SELECT temporal.register_workflow('entity', updates => '{"go": "go", "hang": "hang"}', signals => '{"go": "go", "hang": "hang"}', queries => '{"state": "seen"}');
RESET client_min_messages;
SELECT temporal.start_workflow('entity', '2', id => 'w8');
SELECT temporal.test_drive();
SELECT run_id AS first FROM temporal.workflow WHERE workflow_id = 'w8' \gset
SELECT temporal.start_update('w8', 'hang', update_id => 'u1');
SELECT temporal.update('w8', 'go', update_id => 'u2');
SELECT is(pg_temp.runs_of('w8'), '{Running}', 'an update in a session never closes the run');
-- the end of the code is decided; a signal that comes now goes on
SELECT temporal.signal('w8', 'go');
SELECT temporal.test_drive();
SELECT is(pg_temp.runs_of('w8'), '{ContinuedAsNew,ContinuedAsNew,Running}', 'an executor does, and a signal that came in between is mail of the next run');
SELECT pg_temp.replay_all('w8');
SELECT is(pg_temp.message_of($$SELECT temporal.update('w8', 'hang', update_id => 'u1')$$), 'update "hang" has to wait', 'F-43: update ids are of a run');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.update('w8', 'hang', update_id => 'u1', run_id => %L)$$, :'first')), 'TF008', 'F-41: an update that was accepted and not completed has failed');
SELECT is(pg_temp.detail_of(format($$SELECT temporal.update('w8', 'hang', update_id => 'u1', run_id => %L)$$, :'first'))::jsonb ->> 'type', 'AcceptedUpdateCompletedWorkflow', 'with Temporal''s failure');
SELECT is(temporal.update('w8', 'go', update_id => 'u2', run_id => :'first'), 'null', 'one that was completed gives its outcome for good');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.update('w8', 'go', run_id => %L)$$, :'first')), 'TP012', 'a new one is refused by a closed run');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.signal('w8', 'go', run_id => %L)$$, :'first')), 'TP012', 'so is a signal');
SELECT is(temporal.update('w8', 'go'), 'null', 'without run id it is the latest run that is meant');
SELECT temporal.test_drive('closed', 'w8');
SELECT is(temporal.result('w8'), '"run 0"', 'and the chain ends');
SELECT is(temporal.query('w8', '__temporal_workflow_metadata', run_id => :'first') #>> '{definition,type}', 'entity', 'a run that has continued can be queried');
SELECT is(temporal.query('w8', '__stack_trace', run_id => :'first') #>> '{}', '', 'it waits for nothing');

-- ---------- where it cannot be called; that it cannot be swallowed ----------

CREATE FUNCTION from_handler() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.continue_as_new(1); END $$;
CREATE FUNCTION swallower() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM temporal.continue_as_new(1);
	EXCEPTION WHEN assert_failure THEN
		NULL;
	END;
	RETURN 'swallowed';
END $$;
CREATE FUNCTION others(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		IF n = 1 THEN
			RETURN 'second';
		END IF;
		PERFORM temporal.continue_as_new(1);
	EXCEPTION WHEN OTHERS THEN
		RETURN 'swallowed';
	END;
END $$;
CREATE FUNCTION unknown() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.continue_as_new(1, 'nobody'); END $$;
CREATE FUNCTION bad_attribute() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.continue_as_new(1, search_attributes => '{"Nothing": 1}'); END $$;
CREATE FUNCTION spawner() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.await(temporal.spawn('from_handler')); END $$;
SET LOCAL client_min_messages = error;         -- it warns
SELECT temporal.register_workflow(w) FROM unnest('{swallower,others,unknown,bad_attribute,spawner}'::text[]) w;
RESET client_min_messages;
SELECT is(temporal.test_run('others', '0', id => 'w9'), '"second"', 'WHEN OTHERS lets it pass');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.continue_as_new(1)$$), 'TP021', 'not outside of workflow code');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('swallower', id => 'x1')$$), 'TP021', 'who catches it fails the task');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('unknown', id => 'x2')$$), 'TP014', 'an unknown type');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('bad_attribute', id => 'x3')$$), 'TP026', 'an unknown search attribute');
SELECT is(pg_temp.message_of($$SELECT temporal.test_run('spawner', id => 'x4')$$), 'workflow task of "x4" failed: temporal.continue_as_new() can only be called by the run function', 'not in a spawned function');
SELECT temporal.register_signal_handler('count_down', 'x', 'from_handler');
SELECT temporal.start_workflow('count_down', '1', id => 'x5');
SELECT temporal.signal('x5', 'x');
SELECT is(pg_temp.message_of($$SELECT temporal.test_drive()$$), 'workflow task of "x5" failed: temporal.continue_as_new() can only be called by the run function', 'nor in a handler');

SELECT * FROM finish();
ROLLBACK;
