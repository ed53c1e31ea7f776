-- Handlers that wait, spawned functions, locks: who runs when, and how each of them may end.
BEGIN;
SELECT plan(43);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- what the code has seen, in order
CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || to_jsonb(what));
END $$;
CREATE FUNCTION until_stop() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM note('run begins');
	PERFORM temporal.wait_condition('state ? ''stop''');
	PERFORM note('run ends');
	RETURN temporal.state('seen');
END $$;
CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('stop', true)$$;
CREATE FUNCTION echo(what text) RETURNS text LANGUAGE sql AS $$SELECT what || '!'$$;
CREATE FUNCTION bad(what text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error(what || ' failed', 'Bad', non_retryable => true); END $$;
SELECT temporal.register_activity('echo'), temporal.register_activity('bad');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- handlers that wait ----------

CREATE FUNCTION slow(who text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
BEGIN
	PERFORM note(who || ' begins');
	n := n + 1;
	PERFORM temporal.sleep('10 s');
	n := n + 1;
	PERFORM note(who || ' has slept');
	PERFORM note(who || ' got ' || (temporal.execute_activity('echo', who) #>> '{}'));
	n := n + 1;
	PERFORM note(who || ' ends ' || n);
END $$;
SELECT temporal.register_workflow('slowly', 'until_stop', signals => '{"slow": "slow", "stop": "stop"}');
SELECT temporal.start_workflow('slowly', id => 'h1');
SELECT temporal.test_drive();
SELECT temporal.signal('h1', 'slow', '"a"'), temporal.signal('h1', 'slow', '"b"');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(fiber || ': ' || operation) FROM temporal_internal.blocked_operations((SELECT key FROM temporal_internal.execution WHERE workflow_id = 'h1')) AS x (fiber, operation, event_id, what, location, context)),
	'{"run: condition","signal slow: timer","signal slow: timer"}', 'the run function and both handlers wait');
SELECT temporal.test_advance('4 s');
SELECT temporal.signal('h1', 'slow', '"c"');
SELECT temporal.test_advance('1 min');
SELECT temporal.signal('h1', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('h1'), '["run begins", "a begins", "b begins", "c begins", "a has slept", "b has slept", "a got a!", "a ends 3", "b got b!", "b ends 3", "c has slept", "c got c!", "c ends 3", "run ends"]',
	'F-09: handlers start in the order of arrival and interleave where they wait; their variables are kept');
SELECT pg_temp.replays('h1');

-- ---------- the order within an activation (G-09 to G-12) ----------

-- a signal behind an activity's completion is handled first; the completion is seen then (G-10)
CREATE FUNCTION tell(id text) RETURNS void LANGUAGE sql AS $$SELECT temporal.signal(id, 'note', '"signal"')$$;
SELECT temporal.register_activity('tell');
CREATE FUNCTION orderly() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	id jsonb := to_jsonb((temporal.workflow_info()).workflow_id);
	a temporal.future := temporal.start_activity('echo', 'x'::text);
	b temporal.future := temporal.start_activity('tell', id);
BEGIN
	PERFORM temporal.await_all(ARRAY[a, b]);
	PERFORM note('activities');
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_workflow('orderly', signals => '{"note": "note"}');
SELECT temporal.start_workflow('orderly', id => 'o1');
SELECT temporal.test_drive();
SELECT is(temporal.result('o1'), '["signal", "activities"]', 'G-10: signals of an activation before everything else');

-- two timers of one instant, a signal between: signal first, then in the order of the history, one step each
CREATE FUNCTION stepper(who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM temporal.sleep('10 s');
		PERFORM note(who || i);
	END LOOP;
END $$;
CREATE FUNCTION steps() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	a temporal.future := temporal.spawn('stepper', 'a'::text);
	b temporal.future := temporal.spawn('stepper', 'b'::text);
BEGIN
	PERFORM note('spawned');
	PERFORM temporal.sleep('10 s');
	PERFORM note('run');
	PERFORM temporal.await_all(ARRAY[a, b]);
	PERFORM note('end');
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_workflow('steps', signals => '{"note": "note"}');
SELECT temporal.start_workflow('steps', id => 'o2');
SELECT temporal.test_advance('20 s');
SELECT temporal.signal('o2', 'note', '"s"');
SELECT temporal.test_drive('closed', 'o2');
SELECT is(temporal.result('o2'), '["spawned", "run", "a1", "b1", "a2", "b2", "s", "a3", "b3", "end"]', 'spawned functions begin where the run function waits, and take turns first in first out');
SELECT pg_temp.replays('o2');

-- conditions only when no fiber can go on, resolved together, in the order of their making (G-12, F-47)
CREATE FUNCTION watcher(who text, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('(state->>''n'')::int >= (args)::int', args => to_jsonb(n));
	PERFORM note(who || ' sees ' || temporal.state('n', 0));
END $$;
CREATE FUNCTION bump() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('n', temporal.state('n', 0) + 1);
	PERFORM note('bump');
END $$;
SELECT temporal.register_workflow('watching', 'until_stop', signals => '{"watch": "watcher", "bump": "bump", "stop": "stop"}');
SELECT temporal.start_workflow('watching', id => 'o3');
SELECT temporal.signal('o3', 'watch', '["z", 2]'), temporal.signal('o3', 'watch', '["y", 1]');
SELECT temporal.test_drive();
SELECT temporal.signal('o3', 'bump'), temporal.signal('o3', 'bump'), temporal.signal('o3', 'watch', '["x", 2]'), temporal.signal('o3', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('o3') -> 3, '"z sees 2"', 'G-12: conditions are looked at in the order of their making, after all that could run');
SELECT pg_temp.replays('o3');

-- the first activation: handlers run to their first wait before the run function's first step (G-11)
SET LOCAL client_min_messages = error;
SELECT temporal.start_workflow('slowly', id => 'o4');
SELECT temporal.signal('o4', 'slow', '"a"'), temporal.signal('o4', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('o4'), '["a begins", "run begins", "run ends"]', 'G-11: handlers up to their first wait, then the run function');

-- ---------- spawn ----------

CREATE FUNCTION branch(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep(make_interval(secs => n));
	PERFORM temporal.execute_activity('echo', n::text);
	RETURN n * 10;
END $$;
CREATE FUNCTION nested(depth int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF depth = 0 THEN
		PERFORM temporal.sleep('1 s');
		RETURN 1;
	END IF;
	RETURN 1 + (temporal.await(temporal.spawn('nested', depth - 1)))::int;
END $$;
CREATE FUNCTION branches() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	r jsonb[];
BEGIN
	SELECT temporal.await_all(array_agg(temporal.spawn('branch', i))) INTO r FROM generate_series(3, 1, -1) i;
	RETURN jsonb_build_object('r', r, 'nested', temporal.await(temporal.spawn('nested', 8)));
END $$;
SELECT temporal.register_workflow('branches');
SELECT temporal.start_workflow('branches', id => 's1');
SELECT temporal.test_drive('closed', 's1');
SELECT is(temporal.result('s1'), '{"r": [30, 20, 10], "nested": 9}', 'spawn: parallel branches of several steps; nested deep');
SELECT is((SELECT close_time - start_time FROM temporal.workflow WHERE workflow_id = 's1'), '4 s'::interval, 'they ran at the same time');
SELECT pg_temp.replays('s1');

CREATE FUNCTION failing_branch() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
	PERFORM temporal.execute_activity('bad', 'branch'::text);
	RETURN 1;
END $$;
CREATE FUNCTION catches() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.spawn('failing_branch');
BEGIN
	PERFORM temporal.await(f);
	RETURN '"no"';
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN jsonb_build_object('type', temporal.failure_type(), 'message', SQLERRM);
END $$;
SELECT temporal.register_workflow('catches');
SELECT is(temporal.test_run('catches') ->> 'type', 'Bad', 'a failure of a spawned function is raised by await');
CREATE FUNCTION ignores() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.spawn('failing_branch');
	PERFORM temporal.sleep('1 min');
	RETURN 'alive';
END $$;
SELECT temporal.register_workflow('ignores');
SELECT is(temporal.test_run('ignores'), '"alive"', 'and by nothing else');
CREATE FUNCTION spawns(f text) RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.await(temporal.spawn(f))$$;
SELECT temporal.register_workflow('spawns');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('spawns', '"nothing"')$$), '42883', 'spawn: no such function');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('spawns', 'null')$$), '22004', 'spawn: null');

-- a handler in a handler in a spawned function: EXCEPTION blocks within fibers
CREATE FUNCTION tries() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text := '';
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			PERFORM temporal.sleep('1 s');
			PERFORM temporal.execute_activity(CASE i WHEN 2 THEN 'echo' ELSE 'bad' END, 'x'::text);
			r := r || i || ' ok ';
		EXCEPTION WHEN SQLSTATE 'TF000' THEN
			r := r || i || ' ' || temporal.failure_type() || ' ';
			PERFORM temporal.sleep('1 s');
		END;
	END LOOP;
	RETURN r || coalesce(temporal.failure_type(), 'none');
END $$;
SELECT is(temporal.test_run('spawns', '"tries"'), '"1 Bad 2 ok 3 Bad Bad"', 'EXCEPTION blocks and failure_type() work in a fiber that is run again');

-- what a fiber asks for is answered the same when it is run again
CREATE FUNCTION asks() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	r jsonb := '[]';
	t timestamptz := temporal.now();
	u uuid := temporal.uuid4();
	d float8 := temporal.random();
	s jsonb := temporal.side_effect('SELECT to_jsonb(clock_timestamp())');
	w temporal.workflow_info := temporal.workflow_info();
BEGIN
	PERFORM temporal.set_state('first', jsonb_build_array(t, u, d, s));
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('again', jsonb_build_array(t, u, d, s));
	RETURN jsonb_build_object('same', temporal.state('first') = temporal.state('again'), 'later', temporal.now() - t = '1 h', 'done', temporal.is_done(temporal.start_timer('1 s')), 'id', w.workflow_id);
END $$;
SELECT temporal.start_workflow('spawns', '"asks"', id => 'asks');
SELECT temporal.test_drive('closed', 'asks');
SELECT is(temporal.result('asks'), '{"same": true, "later": true, "done": false, "id": "asks"}', 'now, uuid4, random, side_effect and state are answered as before');
SELECT pg_temp.replays('asks');

-- a fiber that does not repeat itself is found out
CREATE FUNCTION fickle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 30 LOOP
		IF pg_catalog.random() < 0.5 THEN
			PERFORM temporal.uuid4();
		ELSE
			PERFORM temporal.random();
		END IF;
	END LOOP;
	PERFORM temporal.sleep('1 s');
END $$;
SET LOCAL temporal_pg.determinism = off;       -- whose guard would be faster
SELECT temporal.start_workflow('spawns', '"fickle"', id => 'fickle');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_drive('closed', 'fickle')$$), 'TP020', 'a handler that does not repeat what it did');
SELECT temporal.terminate('fickle');
RESET temporal_pg.determinism;

-- ---------- locks ----------

CREATE FUNCTION careful(who text, activity text DEFAULT 'echo') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM note(who || ' wants');
	PERFORM temporal.lock('l');
	PERFORM note(who || ' has');
	PERFORM temporal.execute_activity(activity, who);
	PERFORM temporal.sleep('1 s');
	PERFORM temporal.unlock('l');
	PERFORM note(who || ' done');
END $$;
CREATE FUNCTION caught(who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await(temporal.spawn('careful', jsonb_build_array(who, 'bad')));
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	PERFORM note(who || ' failed');
END $$;
SELECT temporal.register_workflow('locking', 'until_stop', signals => '{"careful": "careful", "caught": "caught", "stop": "stop"}');
SELECT temporal.start_workflow('locking', id => 'l1');
SELECT temporal.signal('l1', 'careful', to_jsonb(w)) FROM unnest('{a,b,c}'::text[]) w;
SELECT temporal.test_drive('blocked');
SELECT temporal.signal('l1', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('l1'), '["a wants", "a has", "b wants", "c wants", "run begins", "a done", "b has", "b done", "c has", "c done", "run ends"]', 'locks: first come, first served');
SELECT pg_temp.replays('l1');
SELECT temporal.start_workflow('locking', id => 'l2');
SELECT temporal.signal('l2', 'caught', '"a"'), temporal.signal('l2', 'careful', '"b"');
SELECT temporal.test_drive('blocked');
SELECT temporal.signal('l2', 'stop');
SELECT temporal.test_drive();
SELECT ok(temporal.result('l2') @> '["a has", "a failed", "b has", "b done"]', 'a fiber that fails between lock and unlock frees the lock');
SELECT pg_temp.replays('l2');
CREATE FUNCTION forgets() RETURNS void LANGUAGE sql AS $$SELECT temporal.lock('l')$$;
CREATE FUNCTION forgetful() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await(temporal.spawn('forgets'));
	PERFORM temporal.lock('l');
	RETURN 'mine';
END $$;
SELECT temporal.register_workflow('forgetful');
SELECT is(temporal.test_run('forgetful'), '"mine"', 'also one that returns without unlock');
CREATE FUNCTION misuse(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF what = 'twice' THEN
		PERFORM temporal.lock('l'), temporal.lock('l');
	ELSIF what = 'null' THEN
		PERFORM temporal.lock(NULL);
	ELSE
		PERFORM temporal.unlock('l');
	END IF;
END $$;
SELECT temporal.register_workflow('misuse');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('misuse', '"twice"')$$), 'TP021', 'lock twice');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('misuse', '"unlock"')$$), 'TP021', 'unlock what is not locked');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('misuse', '"null"')$$), '22004', 'lock null');

-- ---------- the end ----------

CREATE FUNCTION finishing() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''');
	PERFORM note('finished: ' || temporal.all_handlers_finished());
	PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	PERFORM note('finished: ' || temporal.all_handlers_finished());
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_workflow('finishing', signals => '{"slow": "slow", "stop": "stop"}');
SELECT temporal.start_workflow('finishing', id => 'e1');
SELECT temporal.signal('e1', 'slow', '"a"'), temporal.signal('e1', 'stop');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('e1'), 'Running', 'all_handlers_finished() as a condition: waits');
SELECT temporal.test_drive('closed', 'e1');
SELECT is(temporal.result('e1') -> 1, '"finished: false"', 'F-45: false while a handler is in progress');
SELECT is(temporal.result('e1') -> -1, '"finished: true"', 'F-45: true when none is');
SELECT pg_temp.replays('e1');

-- dropped ones: a failure of the handler after its workflow has ended is nobody's
SELECT temporal.start_workflow('slowly', id => 'e2');
SELECT temporal.signal('e2', 'slow', '"a"');
SELECT temporal.test_drive();
SELECT temporal.signal('e2', 'stop');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('e2'), 'Completed', 'F-46: handlers in progress are dropped at the end');
SELECT is(temporal.replay('e2'), 5, 'F-46: and it replays');

-- ---------- failing handlers ----------

CREATE FUNCTION breaks() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
	PERFORM temporal.execute_activity('bad', 'handler'::text);
END $$;
CREATE FUNCTION divides() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
	PERFORM 1 / (temporal.state('zero', 0));
END $$;
CREATE FUNCTION swallows() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
EXCEPTION WHEN assert_failure THEN
	NULL;
END $$;
CREATE FUNCTION swallows_on() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM temporal.sleep('1 s');
	EXCEPTION WHEN assert_failure THEN
		NULL;
	END;
	PERFORM temporal.set_state('went', 'on');
END $$;
CREATE FUNCTION asserts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
	ASSERT false, 'mine';
END $$;
SELECT temporal.register_workflow('breaking', 'until_stop', signals => '{"breaks": "breaks", "divides": "divides", "swallows": "swallows", "swallows_on": "swallows_on", "asserts": "asserts"}');
SELECT temporal.start_workflow('breaking', id => 'f1');
SELECT temporal.signal('f1', 'breaks');
SELECT temporal.test_drive('closed', 'f1');
SELECT is((SELECT (status::text, attributes #>> '{failure,cause,applicationFailureInfo,type}') FROM temporal.workflow JOIN temporal.history USING (run_id) WHERE workflow.workflow_id = 'f1' ORDER BY event_id DESC LIMIT 1),
	('Failed'::text, 'Bad'::text), 'a failure in a handler that has waited ends the run');
SELECT pg_temp.replays('f1');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.start_workflow('breaking', id => %1$L); SELECT temporal.signal(%1$L, %1$L); SELECT temporal.test_drive('closed', %1$L)$$, handler)), expected, what) FROM (VALUES
	('divides', '22012', 'another error in a handler that has waited fails the task'),
	('swallows', 'TP021', 'a handler that swallows its suspension and returns'),
	('swallows_on', 'TP021', 'and one that goes on'),
	('asserts', 'P0004', 'an assertion of the handler is no suspension')
) AS v (handler, expected, what);
SELECT matches(pg_temp.message_of($$SELECT temporal.start_workflow('breaking', id => 'sw'); SELECT temporal.signal('sw', 'swallows'); SELECT temporal.test_drive('idle', 'sw')$$), 'swallows.*caught the suspension', 'it is named');

-- what a timer gives, JSON null, is there each time the handler is run again
CREATE FUNCTION awaits_timer() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r jsonb := temporal.await(temporal.start_timer('1 s'));
BEGIN
	FOR i IN 1 .. 3 LOOP
		PERFORM temporal.sleep('1 s');
	END LOOP;
	PERFORM note('timer gave ' || r::text);
END $$;
SELECT temporal.register_signal_handler('slowly', 'timer', 'awaits_timer');
SELECT temporal.start_workflow('slowly', id => 'timer');
SELECT temporal.signal('timer', 'timer');
SELECT temporal.test_advance('5 s');
SELECT temporal.signal('timer', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('timer'), '["run begins", "timer gave null", "run ends"]', 'the result of a timer is kept for when the handler is run again');

-- a healed handler goes on where it was
SELECT temporal.start_workflow('slowly', id => 'heal');
SELECT temporal.signal('heal', 'slow', '"a"');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION slow(who text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
BEGIN
	PERFORM note(who || ' begins');
	PERFORM temporal.sleep('10 s');
	PERFORM note('changed');
END $$;
SELECT temporal.test_advance('10 s');
SELECT temporal.signal('heal', 'stop');
SELECT temporal.test_drive();
SELECT is(temporal.result('heal'), '["a begins", "run begins", "changed", "run ends"]', 'a handler replaced while it waits goes on with the new code');

SELECT * FROM finish();
ROLLBACK;
