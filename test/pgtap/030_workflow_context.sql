-- What workflow code can call, and what suspension does and does not do to it.
BEGIN;
SELECT plan(114);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
\ir ../lib/helpers.sql
-- define, register and run a workflow of that body; then replay it
CREATE FUNCTION pg_temp.run(body text, declarations text DEFAULT '', input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	id text;
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION shop.wf(input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS %L', 'DECLARE ' || declarations || ' BEGIN ' || body || ' END');
	PERFORM temporal.register_workflow('wf', 'shop.wf');
	id := temporal.start_workflow('wf', input);
	PERFORM temporal.test_drive('closed', id);
	PERFORM temporal.replay(id);
	RETURN temporal.result(id);
END $$;
-- how long the last run took, and its events
CREATE FUNCTION pg_temp.took() RETURNS interval LANGUAGE sql AS $$SELECT close_time - start_time FROM temporal.workflow WHERE workflow_type = 'wf' AND close_time IS NOT NULL ORDER BY (SELECT max(key) FROM temporal_internal.execution e WHERE e.run_id = workflow.run_id) DESC LIMIT 1$$;
CREATE FUNCTION pg_temp.events() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(event_type::text, ' ' ORDER BY event_id) FROM temporal.history WHERE run_id = (SELECT run_id FROM temporal_internal.execution WHERE workflow_type = 'wf' ORDER BY key DESC LIMIT 1)$$;

CREATE TABLE ledger (n serial, what text);
CREATE FUNCTION note(what text) RETURNS text LANGUAGE sql AS $$INSERT INTO ledger (what) VALUES (what) RETURNING what$$;
CREATE FUNCTION add1(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1';
CREATE FUNCTION broken(type text DEFAULT 'Bad') RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('it is ' || type, type, '[1]', non_retryable => true); END $$;
CREATE FUNCTION later(s float, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.activity_info()).attempt = 1 THEN
		PERFORM temporal.raise_application_error('wait', next_retry_delay => make_interval(secs => s));
	ELSIF what = 'fail' THEN
		PERFORM temporal.raise_application_error('late failure', 'Late', non_retryable => true);
	END IF;
	RETURN what;
END $$;
SELECT temporal.register_activity(a) FROM unnest('{note,add1,broken,later}'::text[]) a;
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- activities, timers, futures ----------

SELECT is(pg_temp.run($$RETURN temporal.execute_activity('add1', 41);$$), '42', 'execute_activity gives the result');
SELECT is(pg_temp.run($$RETURN temporal.execute_local_activity('add1', 41);$$), '42', 'execute_local_activity too');
SELECT is(pg_temp.run($$PERFORM temporal.sleep('30 days'); RETURN '1';$$), '1', 'sleep');
SELECT is(pg_temp.took(), '30 days'::interval, 'takes its time, which a test skips');
SELECT is(pg_temp.run($$PERFORM temporal.sleep('1 month'); RETURN '1';$$), '1', 'sleep of a month');
SELECT is(pg_temp.took(), '30 days'::interval, 'is 30 days');
SELECT is(pg_temp.run($$f := temporal.start_activity('add1', 1); g := temporal.start_activity('add1', 2); RETURN jsonb_build_array(f, temporal.await(g), temporal.await(f), temporal.await(f), g::text, f = g, f < g, f = f);$$, 'f temporal.future; g temporal.future;'),
	'["activity:1", 3, 2, 2, "activity:2", false, true, true]', 'start_activity gives a future; await it in any order, more than once');
SELECT is(pg_temp.run($$RETURN jsonb_build_array(temporal.start_timer('1 s'), temporal.start_local_activity('add1', 1));$$), '["timer:1", "local_activity:1"]', 'futures print as kind:number');
SELECT is(pg_temp.run($$RETURN temporal.await(temporal.start_timer('1 s'));$$), 'null', 'await of a timer gives JSON null');
SELECT is(pg_temp.run($$RETURN temporal.await(temporal.start_local_activity('add1', 1));$$), '2', 'await of a local activity');

SELECT is(pg_temp.run($$RETURN to_jsonb(temporal.await_all(array_agg(temporal.start_activity('add1', n)))) FROM generate_series(1, 5) n;$$), '[2, 3, 4, 5, 6]', 'await_all over array_agg of a query, in row order');
SELECT is(pg_temp.events(), 'WorkflowExecutionStarted ActivityTaskScheduled ActivityTaskScheduled ActivityTaskScheduled ActivityTaskScheduled ActivityTaskScheduled '
	|| repeat('ActivityTaskStarted ', 5) || repeat('ActivityTaskCompleted ', 5) || 'WorkflowExecutionCompleted', 'G-14: all are scheduled before any is waited for; B-08: outcomes that came together stand behind');
SELECT is(pg_temp.run($$RETURN to_jsonb(temporal.await_all('{}'));$$), '[]', 'await_all of none is none');
SELECT is(pg_temp.run($$RETURN to_jsonb(temporal.await_all(array_agg(temporal.start_activity('add1', n)))) FROM generate_series(1, 0) n;$$), '[]', 'also of the NULL that array_agg gives');
SELECT is(pg_temp.run($$
	BEGIN
		PERFORM temporal.await_all(ARRAY[temporal.start_activity('later', '[5, "fail"]'), temporal.start_activity('later', '[3, "fail"]', activity_id => 'quick'), temporal.start_activity('later', '[9, "ok"]', activity_id => 'slow')]);
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		RETURN jsonb_build_array(temporal.failure() ->> 'activity_id', temporal.now() - (temporal.workflow_info()).start_time);
	END;$$), '["quick", "00:00:03"]', 'await_all raises the failure that comes first, at once');
SELECT is(pg_temp.run($$
	BEGIN PERFORM temporal.await_all(ARRAY[f, temporal.start_activity('broken')]); EXCEPTION WHEN SQLSTATE 'TF002' THEN NULL; END;
	RETURN temporal.await(f);$$, $$f temporal.future := temporal.start_activity('later', '[7, "still there"]');$$), '"still there"', 'and leaves the others running');
SELECT is(pg_temp.took(), '7 s'::interval, 'to their end');
SELECT is(pg_temp.run($$RETURN to_jsonb(temporal.await_any(ARRAY[temporal.start_timer('5 s'), temporal.start_timer('2 s'), temporal.start_timer('9 s')])::text);$$), '"timer:2"', 'await_any gives the first that is done');
SELECT is(pg_temp.run($$PERFORM temporal.sleep('1 h'); RETURN to_jsonb(temporal.await_any(ARRAY[f[2], f[1]])::text);$$, $$f temporal.future[] := ARRAY[temporal.start_timer('1 s'), temporal.start_timer('2 s')];$$), '"timer:2"', 'of several that are done the first of the array');
SELECT is(pg_temp.run($$
	f := temporal.await_any(ARRAY[temporal.start_activity('broken'), temporal.start_timer('5 s')]);
	BEGIN PERFORM temporal.await(f); EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN to_jsonb(f::text || ' failed'); END;$$, 'f temporal.future;'), '"activity:1 failed"', 'await_any gives a failed one too, and await raises it');
SELECT is(pg_temp.run($$RETURN jsonb_build_array(temporal.is_done(f), temporal.await(f), temporal.is_done(f));$$, $$f temporal.future := temporal.start_timer('1 s');$$), '[false, null, true]', 'is_done does not wait');
SELECT is(pg_temp.run($$
	FOR n IN 1 .. 10 LOOP
		PERFORM temporal.sleep('1 s');
		IF temporal.is_done(f) THEN RETURN to_jsonb(n); END IF;
	END LOOP;$$, $$f temporal.future := temporal.start_timer('3.5 s');$$), '4', 'is_done in a loop');
SELECT is(pg_temp.run($$
	SELECT array_agg(g) INTO f FROM (SELECT DISTINCT g FROM unnest(ARRAY[f[1], f[2], f[1]]) g ORDER BY g) x;
	RETURN jsonb_build_array(cardinality(f), f[1] = ANY (f), (SELECT count(*) FROM unnest(f) a JOIN unnest(f) b ON a = b));$$, $$f temporal.future[] := ARRAY[temporal.start_timer('1 s'), temporal.start_timer('2 s')];$$), '[2, true, 2]', 'futures sort, hash and compare');

-- timeouts of waiting
SELECT is(pg_temp.run($$
	BEGIN
		RETURN temporal.await(f, '3 s');
	EXCEPTION WHEN SQLSTATE 'TF005' THEN
		RETURN jsonb_build_array(temporal.failure() ->> 'message', temporal.now() - (temporal.workflow_info()).start_time, temporal.await(f));
	END;$$, $$f temporal.future := temporal.start_activity('later', '[5, "came"]');$$), '["await timed out", "00:00:03", "came"]', 'await with a timeout raises TF005, and what was waited for goes on');
SELECT is(pg_temp.run($$RETURN temporal.await(temporal.start_activity('later', '[5, "came"]'), '10 s');$$), '"came"', 'await with a timeout that is not needed');
SELECT matches(pg_temp.events(), 'TimerStarted.*TimerCanceled', 'cancels its timer (S-3)');
SELECT is(pg_temp.run($$PERFORM temporal.await(f); RETURN temporal.await(f, '10 s');$$, $$f temporal.future := temporal.start_activity('add1', 1);$$), '2', 'await of what is done, with a timeout');
SELECT unalike(pg_temp.events(), '%Timer%', 'starts no timer');
SELECT is(pg_temp.run($$
	BEGIN PERFORM temporal.await_all(ARRAY[temporal.start_timer('1 s'), temporal.start_timer('5 s')], '3 s'); EXCEPTION WHEN SQLSTATE 'TF005' THEN RETURN '"late"'; END;$$), '"late"', 'await_all with a timeout');
SELECT is(pg_temp.run($$
	BEGIN PERFORM temporal.await_any(ARRAY[temporal.start_timer('4 s'), temporal.start_timer('5 s')], '3 s'); EXCEPTION WHEN SQLSTATE 'TF000' THEN RETURN '"late"'; END;$$), '"late"', 'await_any with a timeout');
SELECT is(pg_temp.run($$RETURN temporal.await(temporal.start_timer('3 s'), '3 s');$$), 'null', 'both at once: what was waited for counts');
SELECT is(pg_temp.run($$BEGIN PERFORM temporal.await(f, '0'); EXCEPTION WHEN SQLSTATE 'TF005' THEN RETURN '"at once"'; END;$$, $$f temporal.future := temporal.start_timer('1 s');$$), '"at once"', 'a timeout of zero');

-- ---------- state ----------

SELECT is(pg_temp.run($$
	PERFORM temporal.set_state('n', 1), temporal.set_state('t', 'x'::text), temporal.set_state('j', '{"a": [1]}'), temporal.set_state('z', NULL), temporal.set_state('d', '2024-01-02'::date), temporal.set_state('a', ARRAY[1, 2]);
	PERFORM temporal.sleep('1 s');
	RETURN jsonb_build_array(temporal.state(), temporal.state('n'), temporal.state('nothing'), temporal.state('z'), temporal.state('n', 0) + 1, temporal.state('nothing', 7), temporal.state('nothing', NULL::text), temporal.state('z', 5),
		temporal.state('d', NULL::date) + 1, temporal.state('a', NULL::int[]) || 3, temporal.state('j', NULL::jsonb) -> 'a');$$),
	'[{"a": [1, 2], "d": "2024-01-02", "j": {"a": [1]}, "n": 1, "t": "x", "z": null}, 1, null, null, 2, 7, null, null, "2024-01-03", [1, 2, 3], [1]]', 'state in all its forms, over a suspension');
SELECT is(pg_temp.run($$
	PERFORM temporal.set_state('a', 1), temporal.set_state('b', 2);
	PERFORM temporal.delete_state('a'), temporal.delete_state('nothing');
	PERFORM temporal.sleep('1 s');
	f := temporal.state();
	PERFORM temporal.set_state('{"c": 3}'::jsonb);
	RETURN jsonb_build_array(f, temporal.state());$$, 'f jsonb;'), '[{"b": 2}, {"c": 3}]', 'delete_state, and set_state of all');
SELECT is(pg_temp.run($$
	BEGIN PERFORM temporal.set_state('k', 'kept'::text); RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN NULL; END;
	PERFORM temporal.sleep('1 s');
	RETURN temporal.state('k');$$), '"kept"', 'an EXCEPTION block does not undo it');
SELECT is(pg_temp.run($$
	FOR i IN 1 .. 20 LOOP PERFORM temporal.set_state('sum', temporal.state('sum', 0) + i); IF i % 7 = 0 THEN PERFORM temporal.sleep('1 s'); END IF; END LOOP;
	RETURN temporal.state('sum');$$), '210', 'state is rebuilt by replay, once');
SELECT is(pg_temp.run($$RETURN temporal.state();$$), '{}', 'the state of a new run is empty');

-- ---------- clock, chance, side effects: the same in every replay ----------

SET LOCAL temporal_pg.determinism = off;       -- for pg_sleep()
SELECT is(pg_temp.run($$
	x := ARRAY[temporal.now()]; PERFORM pg_sleep(0.001); x := x || temporal.now();
	PERFORM temporal.sleep('1 s'); x := x || temporal.now();
	PERFORM temporal.execute_activity('add1', 1); x := x || temporal.now();
	PERFORM temporal.sleep('2 s'); x := x || temporal.now();
	PERFORM temporal.execute_local_activity('add1', 1); x := x || temporal.now();
	RETURN (SELECT jsonb_agg(t - x[1]) FROM unnest(x) t);$$, 'x timestamptz[];'), '["00:00:00", "00:00:00", "00:00:01", "00:00:01", "00:00:03", "00:00:03"]', 'G-02: now() is the time of the activation, also when it is replayed');
RESET temporal_pg.determinism;
SELECT is(pg_temp.run($$
	PERFORM temporal.set_state('r' || n, jsonb_build_array(temporal.random(), temporal.uuid4())) FROM generate_series(1, 3) n;
	a := temporal.state();
	PERFORM temporal.execute_activity('note', a::text);
	PERFORM temporal.sleep('1 s');
	b := jsonb_build_array(temporal.random(), temporal.uuid4());
	PERFORM temporal.execute_activity('note', b::text);
	PERFORM temporal.sleep('1 s');
	RETURN jsonb_build_array(a::text = (temporal.side_effect('SELECT what FROM shop.ledger WHERE n = (SELECT max(n) - 1 FROM shop.ledger)') #>> '{}'), b::text = (temporal.side_effect('SELECT what FROM shop.ledger WHERE n = (SELECT max(n) FROM shop.ledger)') #>> '{}'));$$,
	'a jsonb; b jsonb;'), '[true, true]', 'G-05: random() and uuid4() are the same when the code is run again');
SELECT is(pg_temp.run($$RETURN jsonb_build_array((SELECT count(DISTINCT temporal.random()) FROM generate_series(1, 100)), (SELECT bool_and(r >= 0 AND r < 1) FROM (SELECT temporal.random() r FROM generate_series(1, 100)) x),
	(SELECT count(DISTINCT temporal.uuid4()) FROM generate_series(1, 100)), temporal.uuid4()::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]');$$), '[100, true, 100, true]', 'random() and uuid4() differ from call to call');
SELECT temporal.start_workflow('wf', id => 'twin-1'), temporal.start_workflow('wf', id => 'twin-2');
CREATE OR REPLACE FUNCTION wf(input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(temporal.random())$$;
SELECT temporal.test_drive('closed');
SELECT isnt(temporal.result('twin-1'), temporal.result('twin-2'), 'and from run to run');
DROP FUNCTION wf(jsonb);

CREATE TABLE rate (v int);
INSERT INTO rate VALUES (1);
CREATE FUNCTION set_rate(n int) RETURNS void LANGUAGE sql AS 'UPDATE rate SET v = n';
SELECT temporal.register_activity('set_rate');
SELECT is(pg_temp.run($$
	a := temporal.side_effect('SELECT v FROM shop.rate');
	PERFORM temporal.execute_activity('set_rate', 2);
	b := temporal.side_effect('SELECT v + $1 FROM shop.rate WHERE $2 IS NOT NULL', 10, 'x');
	PERFORM temporal.sleep('1 s');
	RETURN jsonb_build_array(a, b, temporal.side_effect('SELECT v FROM shop.rate WHERE false'), temporal.side_effect('SELECT ROW(1, ''x'')::record'), temporal.side_effect('SELECT $1 || $2', 'a', 'b'));$$, 'a jsonb; b jsonb;'),
	'[1, 12, null, {"f1": 1, "f2": "x"}, "ab"]', 'G-06: side_effect is evaluated once, and remembered');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('RETURN temporal.side_effect(''SELECT shop.set_rate(3)'');')$$) ~ '^(25006|0A000|TF002): ', true, 'side_effect cannot write');
SELECT is((SELECT v FROM rate), 2, 'indeed');
SELECT matches(pg_temp.error_of(format('SELECT pg_temp.run(%L)', format('RETURN temporal.side_effect(%L);', 'SELECT ' || call))), '^TP021: .*temporal.' || name || '\(\) cannot be called by a query, validator, condition or side effect',
	'a side effect cannot call ' || name || '(): a replay would miss it') FROM (VALUES
	('execute_activity', 'start_activity', $$temporal.execute_activity('set_rate', 5)$$), ('sleep', 'start_timer', $$temporal.sleep('1 s')$$), ('random', 'random', 'temporal.random()'), ('set_state', 'set_state', $$temporal.set_state('a', 1)$$),
	('upsert_memo', 'upsert_memo', $$temporal.upsert_memo('{"a": 1}')$$), ('spawn', 'spawn', $$temporal.spawn('shop.wf')$$), ('signal', 'signal', $$temporal.signal('x', 'y')$$), ('side_effect', 'side_effect', $$temporal.side_effect('SELECT 1')$$),
	('start_child_workflow', 'start_child_workflow', $$temporal.start_child_workflow('wf')$$), ('continue_as_new', 'continue_as_new', 'temporal.continue_as_new()')) t (label, name, call);
SELECT is(pg_temp.run($$
	PERFORM temporal.set_state('n', 4);
	RETURN temporal.side_effect('SELECT temporal.state(''n'')::int + count(*) FROM shop.rate WHERE temporal.now() IS NOT NULL AND (temporal.workflow_info()).attempt = 1');$$), '5', 'but look at state(), now() and workflow_info()');
SELECT matches(pg_temp.error_of($$SELECT pg_temp.run('INSERT INTO shop.rate VALUES (3); RETURN NULL;')$$), '^(25006|TP022): ', 'nor can workflow code');
SELECT is((SELECT count(*)::int FROM rate), 1, 'indeed not');

-- ---------- what the code may know ----------

SELECT temporal.register_search_attribute('Customer', 'Keyword');
CREATE FUNCTION about() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a jsonb := to_jsonb(temporal.workflow_info());
BEGIN
	PERFORM temporal.sleep('5 s');
	RETURN jsonb_build_array(a - '{run_id,first_execution_run_id}'::text[], (temporal.workflow_info()).history_length, (temporal.workflow_info()).start_time = (a ->> 'start_time')::timestamptz,
		(temporal.workflow_info()).run_id = (a ->> 'first_execution_run_id')::uuid, temporal.memo(), temporal.is_replaying());
END $$;
SELECT temporal.register_workflow('about');
SELECT temporal.test_now() AS t \gset
SELECT temporal.start_workflow('about', id => 'about', run_timeout => '1 h', start_delay => '10 s', memo => '{"m": 1}', search_attributes => '{"Customer": "ann"}', task_queue => 'q', retry_policy => temporal.retry_policy(maximum_attempts => 2));
SELECT temporal.test_drive('closed', 'about');
SELECT is((temporal.result('about') -> 0) - '{history_size_bytes,start_time,workflow_start_time,root_run_id}'::text[], '{"namespace": "default", "workflow_id": "about", "workflow_type": "about", "task_queue": "q", "attempt": 1, "cron_schedule": null, "execution_timeout": null,
	"run_timeout": "01:00:00", "task_timeout": "00:00:10", "retry_policy": {"initialInterval": "1s", "backoffCoefficient": 2, "maximumInterval": "100s", "maximumAttempts": 2}, "memo": {"m": 1}, "search_attributes": {"Customer": "ann"},
	"history_length": 1, "continue_as_new_suggested": false, "root_workflow_id": "about", "parent_workflow_id": null, "parent_run_id": null, "continued_run_id": null, "priority_key": 3, "fairness_key": null, "fairness_weight": null}'::jsonb, 'G-48: workflow_info()');
SELECT is((temporal.result('about') #>> '{0,start_time}')::timestamptz - :'t', '10 s'::interval, 'G-48: start_time is that of the first task');
SELECT is((temporal.result('about') #>> '{0,workflow_start_time}')::timestamptz - :'t', '0'::interval, 'G-48: workflow_start_time that of the start');
SELECT is(temporal.result('about') - 0, '[3, true, true, {"m": 1}, false]', 'G-07: history_length grows with what the code was told; memo(); is_replaying() at the end');
SELECT is(pg_temp.run($$RETURN temporal.memo();$$), '{}', 'memo() without one is an empty object');
SET LOCAL temporal_pg.suggest_continue_as_new_events = 3;
SELECT is(pg_temp.run($$a := (temporal.workflow_info()).continue_as_new_suggested; PERFORM temporal.sleep('1 s'); RETURN jsonb_build_array(a, (temporal.workflow_info()).continue_as_new_suggested);$$, 'a bool;'), '[false, true]', 'G-08: continue-as-new is suggested by the length of the history');
RESET temporal_pg.suggest_continue_as_new_events;

-- log and RAISE are silent in a replay: seen by what an error handler of the client counts
SELECT is(pg_temp.run($$
	PERFORM temporal.log('debug', 'one', '{"k": 1}'), temporal.log('info', 'two');
	RAISE DEBUG 'three';
	PERFORM temporal.sleep('1 s');
	RETURN to_jsonb(temporal.is_replaying());$$), 'false', 'log() and RAISE');

-- ---------- failures ----------

SELECT is(pg_temp.run($$
	a := jsonb_build_array(temporal.failure(), temporal.failure_type());
	BEGIN PERFORM temporal.execute_activity('broken'); EXCEPTION WHEN SQLSTATE 'TF002' THEN a := a || to_jsonb(temporal.failure_type()); END;
	BEGIN PERFORM temporal.execute_activity('broken', 'Other'::text); EXCEPTION WHEN OTHERS THEN a := a || to_jsonb(SQLSTATE || temporal.failure_type()); END;
	RETURN a || to_jsonb(temporal.failure_type());$$, 'a jsonb;'), '[null, null, "Bad", "TF002Other", "Other"]', 'failure() and failure_type() are of the last one raised');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('PERFORM temporal.raise_application_error(''mine'', ''Mine''); RETURN NULL;')$$) ~ '^TF007: ', true, 'a failure that escapes fails the run');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('RAISE EXCEPTION ''plain''; RETURN NULL;')$$) ~ '^TF007: .*plain', true, 'P0001 too, by default');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('PERFORM 1 / 0; RETURN NULL;')$$) ~ '^22012: workflow task of .* failed: division by zero', true, 'E-10: another error fails the workflow task only');
CREATE FUNCTION strict() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM 1 / 0; END $$;
SELECT temporal.register_workflow('strict', failure_sqlstates => '{22000}');
SELECT matches(pg_temp.error_of($$SELECT temporal.test_run('strict')$$), '^TF007: ', 'unless its class is registered as a failure');
SELECT temporal.register_workflow('strict', failure_sqlstates => '{22003}');
SELECT matches(pg_temp.error_of($$SELECT temporal.test_run('strict')$$), '^22012: ', 'another code is another code');
CREATE FUNCTION lenient() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'x'; END $$;
SELECT temporal.register_workflow('lenient', failure_sqlstates => '{}');
SELECT matches(pg_temp.error_of($$SELECT temporal.test_run('lenient')$$), '^P0001: ', 'and without any, P0001 fails the task only');
SELECT is(pg_temp.run($$
	BEGIN
		BEGIN PERFORM temporal.execute_activity('broken'); EXCEPTION WHEN SQLSTATE 'TF002' THEN RAISE EXCEPTION 'wrapped' USING ERRCODE = 'TF001', DETAIL = jsonb_build_object('type', 'Outer', 'cause', temporal.failure()); END;
	EXCEPTION WHEN SQLSTATE 'TF001' THEN GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL; RETURN d::jsonb #> '{cause,cause,type}'; END;$$, 'd text;'), '"Bad"', 'a failure may be wrapped by hand');
SELECT is((SELECT d #>> '{cause,cause,type}' FROM (SELECT pg_temp.detail_of($x$SELECT pg_temp.run($$
	BEGIN PERFORM temporal.execute_activity('broken'); EXCEPTION WHEN SQLSTATE 'TF002' THEN RAISE EXCEPTION 'wrapped' USING ERRCODE = 'TF001', DETAIL = jsonb_build_object('type', 'Outer', 'cause', temporal.failure()); END; RETURN NULL;$$)$x$)::jsonb AS d) x), 'Bad', 'and the chain reaches the client');

-- sagas: compensation is plain EXCEPTION blocks
TRUNCATE ledger;
SELECT is(pg_temp.run($$
	PERFORM temporal.execute_activity('note', 'charge'::text);
	BEGIN
		PERFORM temporal.execute_activity('note', 'reserve'::text);
		BEGIN
			PERFORM temporal.sleep('1 day');
			PERFORM temporal.execute_activity('broken', 'Ship'::text);
		EXCEPTION WHEN SQLSTATE 'TF002' THEN
			PERFORM temporal.execute_activity('note', 'release'::text);
			PERFORM temporal.sleep('1 h');
			RAISE;
		END;
	EXCEPTION WHEN SQLSTATE 'TF000' THEN
		PERFORM temporal.execute_activity('note', 'refund ' || temporal.failure_type());
		RETURN '"compensated"';
	END;$$), '"compensated"', 'a saga, its handlers waiting too');
SELECT results_eq('SELECT what FROM ledger ORDER BY n', $$VALUES ('charge'), ('reserve'), ('release'), ('refund Ship')$$, 'each step once, in order');
TRUNCATE ledger;
SELECT is(pg_temp.run($$
	BEGIN
		PERFORM temporal.execute_local_activity('note', 'kept'::text);
		PERFORM temporal.sleep('1 s');
		RAISE EXCEPTION 'caught';
	EXCEPTION WHEN raise_exception THEN
		RETURN '"ok"';
	END;$$), '"ok"', 'a local activity in a block that is rolled back');
SELECT results_eq('SELECT what FROM ledger', $$VALUES ('kept')$$, 'has been done, once');

-- ---------- suspension ----------

SELECT is(pg_temp.run($$
	BEGIN
		PERFORM temporal.sleep('1 s');
		a := temporal.execute_activity('add1', 1);
	EXCEPTION WHEN OTHERS THEN
		RETURN '"caught"';
	END;
	RETURN a;$$, 'a jsonb;'), '2', 'passes through WHEN OTHERS');
SELECT is(pg_temp.run($$
	BEGIN BEGIN BEGIN
		a := temporal.execute_activity('add1', 1);
	EXCEPTION WHEN OTHERS THEN RETURN '1'; END; EXCEPTION WHEN data_exception THEN RETURN '2'; END; EXCEPTION WHEN OTHERS THEN RETURN '3'; END;
	RETURN a;$$, 'a jsonb;'), '2', 'through several');
SET LOCAL temporal_pg.determinism = off;       -- which would warn
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('BEGIN PERFORM temporal.sleep(''1 s''); EXCEPTION WHEN assert_failure THEN NULL; END; RETURN ''"swallowed"'';')$$) ~ '^TP021: .*caught the suspension and returned', true, 'swallowed: found at the return');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('BEGIN PERFORM temporal.sleep(''1 s''); EXCEPTION WHEN OTHERS OR assert_failure THEN NULL; END; PERFORM temporal.sleep(''1 s''); RETURN NULL;')$$) ~ '^TP021: .*caught the suspension and went on to call temporal.sleep', true, 'swallowed: found at the next call');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('LOOP BEGIN PERFORM temporal.execute_activity(''add1'', 1); RETURN NULL; EXCEPTION WHEN OTHERS OR assert_failure THEN NULL; END; EXIT WHEN false; END LOOP;')$$) ~ '^TP021', true, 'swallowed in an endless loop: found') WHERE false;
SELECT matches(pg_temp.detail_of($$SELECT pg_temp.run('BEGIN PERFORM temporal.sleep(''1 s''); EXCEPTION WHEN assert_failure THEN NULL; END; RETURN NULL;')$$), 'function wf\(jsonb\) line 1', 'and the error says where it was');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('BEGIN PERFORM temporal.sleep(''1 s''); EXCEPTION WHEN assert_failure THEN RAISE EXCEPTION ''other''; END; RETURN NULL;')$$) ~ '^P0001: workflow task of', true, 'replaced by another error: fails the task, not the run');
RESET temporal_pg.determinism;
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('ASSERT false, ''mine''; RETURN NULL;')$$) ~ '^P0004: workflow task of .*mine', true, 'an ASSERT of the user is none');
SELECT is(pg_temp.run($$BEGIN ASSERT false; EXCEPTION WHEN assert_failure THEN NULL; END; PERFORM temporal.sleep('1 s'); RETURN '"fine"';$$), '"fine"', 'and may be caught');
SELECT is(pg_temp.run($$BEGIN PERFORM temporal.sleep('1 s'); EXCEPTION WHEN assert_failure THEN RAISE; END; RETURN '"fine"';$$), '"fine"', 'a suspension that is raised again is one');

SELECT is(pg_temp.run($$FOR i IN 1 .. 30 LOOP n := temporal.execute_activity('add1', n)::int; IF i % 10 = 0 THEN PERFORM temporal.sleep('1 s'); END IF; END LOOP; RETURN to_jsonb(n);$$, 'n int := 0;'), '30', 'in a loop');
SELECT is(pg_temp.run($$FOR r IN SELECT g FROM generate_series(1, 5) g LOOP PERFORM temporal.sleep('1 s'); n := n + temporal.execute_activity('add1', r.g)::int; END LOOP; RETURN to_jsonb(n);$$, 'n int := 0; r record;'), '20', 'in a FOR over a query');
SELECT is(pg_temp.run($$FOREACH n IN ARRAY ARRAY[1, 2, 3] LOOP s := s + temporal.execute_activity('add1', n)::int; END LOOP; RETURN to_jsonb(s);$$, 'n int; s int := 0;'), '9', 'in a FOREACH');
SELECT is(pg_temp.run($$OPEN c; LOOP FETCH c INTO n; EXIT WHEN NOT FOUND; PERFORM temporal.sleep('1 s'); s := s + n; END LOOP; CLOSE c; RETURN to_jsonb(s);$$, 'c CURSOR FOR SELECT generate_series(1, 3); n int; s int := 0;'), '6', 'with an open cursor');
SELECT is(pg_temp.run($$WHILE n < 3 LOOP n := n + 1; CONTINUE WHEN n = 2; PERFORM temporal.sleep('1 s'); END LOOP; CASE n WHEN 3 THEN PERFORM temporal.sleep('1 s'); ELSE NULL; END CASE; RETURN to_jsonb(n);$$, 'n int := 0;'), '3', 'in WHILE and CASE');
SELECT is(pg_temp.run($$EXECUTE 'SELECT temporal.execute_activity($1, $2)' INTO a USING 'add1', 5; RETURN a;$$, 'a jsonb;'), '6', 'in EXECUTE');
SELECT is(pg_temp.run($$RETURN temporal.execute_activity('add1', temporal.execute_activity('add1', temporal.execute_activity('add1', 0)::int)::int);$$), '3', 'nested in an expression');
SELECT is(pg_temp.run($$RETURN (SELECT sum(temporal.execute_activity('add1', g)::int) FROM generate_series(1, 3) g);$$), '9', 'in the rows of a query');
SELECT is(pg_temp.run($$RETURN (WITH a AS MATERIALIZED (SELECT temporal.execute_activity('add1', 1) AS x) SELECT x FROM a);$$), '2', 'in a CTE');
CREATE FUNCTION inner_sql(n int) RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.execute_activity('add1', n)$$;
CREATE FUNCTION inner_plpgsql(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 s'); RETURN inner_sql(n)::int + 100; END $$;
CREATE FUNCTION inner_set() RETURNS SETOF int LANGUAGE plpgsql AS $$BEGIN FOR i IN 1 .. 3 LOOP PERFORM temporal.sleep('1 s'); RETURN NEXT i; END LOOP; END $$;
CREATE PROCEDURE inner_proc(INOUT n int) LANGUAGE plpgsql AS $$BEGIN n := temporal.execute_activity('add1', n)::int; END $$;
SELECT is(pg_temp.run($$CALL shop.inner_proc(n); RETURN jsonb_build_array(shop.inner_sql(1), shop.inner_plpgsql(1), (SELECT sum(s) FROM shop.inner_set() s), n);$$, 'n int := 5;'), '[2, 102, 6, 6]', 'in nested functions of SQL and PL/pgSQL, set-returning ones, procedures');
CREATE FUNCTION pure_sql(n int) RETURNS int LANGUAGE sql AS $$SELECT temporal.sleep('1 s'); SELECT temporal.execute_activity('add1', n)::int + temporal.execute_activity('add1', n)::int$$;
SELECT temporal.register_workflow('pure_sql');
SELECT is(temporal.test_run('pure_sql', '20'), '42', 'a workflow in SQL');
CREATE FUNCTION recursive(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN IF n = 0 THEN RETURN 0; END IF; PERFORM temporal.sleep('1 s'); RETURN 1 + shop.recursive(n - 1); END $$;
SELECT temporal.register_workflow('recursive');
SELECT is(temporal.test_run('recursive', '40'), '40', 'a recursive one');
SET LOCAL temporal_pg.determinism = off;       -- for set_config()
SELECT is(pg_temp.run($$PERFORM set_config('work_mem', '3MB', true); PERFORM temporal.sleep('1 s'); RETURN to_jsonb(current_setting('work_mem'));$$), '"3MB"', 'settings that the code makes are made again');
RESET temporal_pg.determinism;
SELECT isnt(current_setting('work_mem'), '3MB', 'and do not leave it');

-- other languages, where they are installed
CREATE FUNCTION pg_temp.language(name text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', name);
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END $$;
SELECT pg_temp.language('plpython3u') AS python, pg_temp.language('plperl') AS perl \gset
\if :python
CREATE FUNCTION py(n int) RETURNS int LANGUAGE plpython3u AS $$
plpy.execute("SELECT temporal.sleep('1 s')")
m = n
for i in range(3):
	m = plpy.execute(f"SELECT temporal.execute_activity('add1', {m})::int AS n")[0]["n"]
return m
$$;
CREATE FUNCTION py_swallow() RETURNS int LANGUAGE plpython3u AS $$
try:
	plpy.execute("SELECT temporal.sleep('1 s')")
except Exception as e:
	pass
return 1
$$;
CREATE FUNCTION py_swallow2() RETURNS int LANGUAGE plpython3u AS $$
try:
	with plpy.subtransaction():
		plpy.execute("SELECT temporal.sleep('1 s')")
except plpy.SPIError:
	plpy.execute("SELECT temporal.execute_activity('add1', 1)")
return 1
$$;
CREATE FUNCTION py_reraise() RETURNS int LANGUAGE plpython3u AS $$
try:
	plpy.execute("SELECT temporal.sleep('1 s')")
except Exception as e:
	raise
return 7
$$;
CREATE FUNCTION py_finally() RETURNS int LANGUAGE plpython3u AS $$
try:
	plpy.execute("SELECT temporal.sleep('1 s')")
finally:
	pass
return 8
$$;
SELECT temporal.register_workflow(w) FROM unnest('{py,py_swallow,py_swallow2,py_reraise,py_finally}'::text[]) w;
\endif
SELECT CASE WHEN :'python'::bool THEN is(temporal.test_run('py', '1'), '4', 'a workflow in PL/Python') ELSE skip('PL/Python is not installed') END;
SELECT CASE WHEN :'python'::bool THEN matches(pg_temp.error_of($$SELECT temporal.test_run('py_swallow')$$), '^TP021: .*caught the suspension and returned', 'that swallows the suspension: found at the return') ELSE skip('PL/Python is not installed') END;
SELECT CASE WHEN :'python'::bool THEN matches(pg_temp.error_of($$SELECT temporal.test_run('py_swallow2')$$), '^TP021: .*went on to call temporal.execute_activity', 'found at the next call') ELSE skip('PL/Python is not installed') END;
SELECT CASE WHEN :'python'::bool THEN is(temporal.test_run('py_reraise'), '7', 'that raises it again: fine') ELSE skip('PL/Python is not installed') END;
SELECT CASE WHEN :'python'::bool THEN is(temporal.test_run('py_finally'), '8', 'with finally: fine') ELSE skip('PL/Python is not installed') END;
\if :perl
CREATE FUNCTION pl(n int) RETURNS int LANGUAGE plperl AS $$
spi_exec_query("SELECT temporal.sleep('1 s')");
my $n = $_[0];
for (1 .. 3) { $n = spi_exec_query("SELECT temporal.execute_activity('add1', $n)::int AS n")->{rows}[0]{n}; }
return $n;
$$;
CREATE FUNCTION pl_swallow() RETURNS int LANGUAGE plperl AS $$
eval { spi_exec_query("SELECT temporal.sleep('1 s')"); };
return 1;
$$;
CREATE FUNCTION pl_swallow2() RETURNS int LANGUAGE plperl AS $$
eval { spi_exec_query("SELECT temporal.sleep('1 s')"); };
spi_exec_query("SELECT temporal.execute_activity('add1', 1)");
return 1;
$$;
SELECT temporal.register_workflow(w) FROM unnest('{pl,pl_swallow,pl_swallow2}'::text[]) w;
\endif
SELECT CASE WHEN :'perl'::bool THEN is(temporal.test_run('pl', '1'), '4', 'a workflow in PL/Perl') ELSE skip('PL/Perl is not installed') END;
SELECT CASE WHEN :'perl'::bool THEN matches(pg_temp.error_of($$SELECT temporal.test_run('pl_swallow')$$), '^TP021: .*caught the suspension and returned', 'that swallows the suspension: found at the return') ELSE skip('PL/Perl is not installed') END;
SELECT CASE WHEN :'perl'::bool THEN matches(pg_temp.error_of($$SELECT temporal.test_run('pl_swallow2')$$), '^TP021: .*went on to call temporal.execute_activity', 'found at the next call') ELSE skip('PL/Perl is not installed') END;

-- ---------- limits of a run ----------

SET LOCAL temporal_pg.max_pending_activities = 3;
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('PERFORM temporal.start_activity(''add1'', n) FROM generate_series(1, 4) n; RETURN NULL;')$$) ~ '^TP025: ', true, 'J: pending activities are limited');
SELECT is(pg_temp.run($$PERFORM temporal.await_all(array_agg(temporal.start_activity('add1', n))) FROM generate_series(1, 3) n; PERFORM temporal.execute_activity('add1', 1); RETURN '1';$$), '1', 'J: those that have ended do not count');
RESET temporal_pg.max_pending_activities;
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('PERFORM temporal.start_activity(''add1'', 1, activity_id => ''x''), temporal.start_activity(''add1'', 1, activity_id => ''x''); RETURN NULL;')$$) ~ '^22023: .*in use by a pending activity', true, 'D-49: an activity id of a pending one cannot be used');
SELECT is(pg_temp.run($$PERFORM temporal.execute_activity('add1', 1, activity_id => 'x'); RETURN temporal.execute_activity('add1', 2, activity_id => 'x');$$), '3', 'D-49: one of an ended one can');
SELECT is(pg_temp.error_of($$SELECT pg_temp.run('RETURN to_jsonb(repeat(''x'', 3000000));')$$) ~ '^TP025: ', true, 'J: a result is limited');
SET LOCAL temporal_pg.max_history_events = 20;
SELECT matches(pg_temp.error_of($$SELECT pg_temp.run('FOR i IN 1 .. 30 LOOP PERFORM temporal.sleep(''1 s''); END LOOP; RETURN NULL;')$$), '^TF006: .*Workflow history count exceeds limit', 'C-08: a history that is too long ends the run');
RESET temporal_pg.max_history_events;

SELECT * FROM finish();
ROLLBACK;
