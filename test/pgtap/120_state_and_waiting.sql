-- State in all its forms, wait_condition as G-11, G-12 and F-47 say, conditions as futures, init.
BEGIN;
SELECT plan(42);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql
CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || to_jsonb(what));
END $$;
CREATE FUNCTION put(key text, value jsonb) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state(key, value)$$;

-- ---------- state ----------

CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION states() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	r jsonb := '{}';
	p pair;
BEGIN
	r := r || jsonb_build_object('empty', temporal.state(), 'missing', temporal.state('x') IS NULL, 'default', temporal.state('x', 7));
	PERFORM temporal.set_state('int', 1), temporal.set_state('text', 'one'::text), temporal.set_state('lit', '{"k": [1, 2]}'), temporal.set_state('arr', ARRAY[1, 2]),
		temporal.set_state('row', ROW(5, 'five')::pair), temporal.set_state('ts', timestamptz '2030-01-02 03:04:05+00'), temporal.set_state('null', NULL::int), temporal.set_state('bool', true);
	r := r || jsonb_build_object('all', temporal.state());
	p := temporal.state('row', NULL::pair);
	r := r || jsonb_build_object('a', p.a, 'b', p.b, 'i', temporal.state('int', 0) + 1, 'arr', (temporal.state('arr', NULL::int[]))[2],
		'ts', temporal.state('ts', NULL::timestamptz) = timestamptz '2030-01-02 03:04:05+00', 'b2', temporal.state('bool', false));
	PERFORM temporal.delete_state('row'), temporal.delete_state('nothing');
	r := r || jsonb_build_object('deleted', temporal.state('row') IS NULL, 'gone', NOT temporal.state() ? 'row');
	PERFORM temporal.set_state('{"fresh": 1}'::jsonb);
	r := r || jsonb_build_object('replaced', temporal.state());
	BEGIN
		PERFORM temporal.set_state('inside', 1);
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		r := r || jsonb_build_object('inside', temporal.state('inside'));
	END;
	RETURN r;
END $$;
SELECT temporal.register_workflow('states');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('states', id => 'states');
SELECT temporal.test_drive('closed');
CREATE TEMP TABLE r AS SELECT temporal.result('states') AS v;
SELECT is(v -> 'empty', '{}', 'state() of a new run is an empty object') FROM r;
SELECT is(v -> 'missing', 'true', 'a key that is not there is NULL') FROM r;
SELECT is(v -> 'default', '7', 'or the default') FROM r;
SELECT is(v -> 'all', '{"int": 1, "text": "one", "lit": {"k": [1, 2]}, "arr": [1, 2], "row": {"a": 5, "b": "five"}, "ts": "2030-01-02T03:04:05+00:00", "null": null, "bool": true}', 'values of all types; a literal is JSON') FROM r;
SELECT is(v - '{empty,missing,default,all,deleted,gone,replaced,inside}'::text[], '{"a": 5, "b": "five", "i": 2, "arr": 2, "ts": true, "b2": true}', 'and back, as the type of the default') FROM r;
SELECT is(v -> 'deleted', 'true', 'delete_state') FROM r;
SELECT is(v -> 'gone', 'true', 'the key is gone') FROM r;
SELECT is(v -> 'replaced', '{"fresh": 1}', 'set_state(jsonb) replaces all') FROM r;
SELECT is(v -> 'inside', '1', 'an EXCEPTION block does not undo the state') FROM r;
SELECT is(pg_temp.sqlstate_of(command), expected, what || ' outside of a workflow') FROM (VALUES
	($$SELECT temporal.state()$$, 'TP021', 'state'),
	($$SELECT temporal.state('x')$$, 'TP021', 'state of a key'),
	($$SELECT temporal.set_state('x', 1)$$, 'TP021', 'set_state'),
	($$SELECT temporal.wait_condition('true')$$, 'TP021', 'wait_condition'),
	($$SELECT temporal.wait_signal('s')$$, 'TP021', 'wait_signal'),
	($$SELECT temporal.spawn('f')$$, 'TP021', 'spawn'),
	($$SELECT temporal.lock('l')$$, 'TP021', 'lock'),
	($$SELECT temporal.unlock('l')$$, 'TP021', 'unlock'),
	($$SELECT temporal.all_handlers_finished()$$, 'TP021', 'all_handlers_finished')
) AS v (command, expected, what);

-- ---------- wait_condition ----------

CREATE FUNCTION cond(condition text, timeout interval DEFAULT NULL, args jsonb DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
	SELECT temporal.wait_condition(condition, timeout, args)
$$;
SELECT temporal.register_workflow('cond', signals => '{"put": "put"}');

SELECT temporal.start_workflow('cond', '["true", "1 hour"]', id => 'c1');
SELECT temporal.test_drive();
SELECT is(temporal.result('c1'), 'true', 'a condition that is true');
SELECT is(pg_temp.events_of('c1'), '{Started,Completed}', 'F-48, S-3: leaves no timer events');
SELECT temporal.start_workflow('cond', '["state->>''k'' = args->>''v''", "1 hour", {"v": "x"}]', id => 'c2');
SELECT temporal.test_drive();
SELECT temporal.signal('c2', 'put', '["k", "y"]');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('c2'), 'Running', 'a condition over state and args: not yet; NULL is not true');
SELECT temporal.signal('c2', 'put', '["k", "x"]');
SELECT temporal.test_drive();
SELECT is((temporal.result('c2'), pg_temp.events_of('c2')), ('true'::jsonb, '{Started,TimerStarted,Signaled,Signaled,TimerCanceled,Completed}'::text[]), 'then true, and the timer is cancelled');
SELECT temporal.start_workflow('cond', '["state ? ''never''", "90 s"]', id => 'c3');
SELECT temporal.test_drive('closed', 'c3');
SELECT is((temporal.result('c3'), (SELECT close_time - start_time FROM temporal.workflow WHERE workflow_id = 'c3')), ('false'::jsonb, '90 s'::interval), 'false when the time is over');

-- errors in a condition fail the task
SELECT is(pg_temp.message_of($$SELECT temporal.start_workflow('cond', '["nonsense ->> 1"]', id => 'e1'); SELECT temporal.test_drive('idle', 'e1')$$) LIKE '%condition "nonsense ->> 1" failed%nonsense%', true, 'a condition that is no SQL fails the task');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('cond', '["1 / 0 = 1"]', id => 'e2'); SELECT temporal.test_drive('idle', 'e2')$$), '22012', 'an error in a condition too');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('cond', '["temporal.set_state(''x'', 1) IS NULL"]', id => 'e3'); SELECT temporal.test_drive('idle', 'e3')$$), 'TP021', 'a condition cannot change the state');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('cond', '["temporal.sleep(''1 s'') IS NULL"]', id => 'e4'); SELECT temporal.test_drive('idle', 'e4')$$), 'TP021', 'nor wait');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('cond', '["true) OR (true"]', id => 'e5'); SELECT temporal.test_drive('idle', 'e5')$$) IN ('ok', '42601'), true, 'a condition with brackets of its own does no harm');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('cond', '[""]', id => 'e6'); SELECT temporal.test_drive('idle', 'e6')$$), '22023', 'an empty condition');

-- conditions see what the functions of the workflow's schema are, and its own info
CREATE FUNCTION is_ready(s jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT (s ->> 'n')::int >= 2$$;
SELECT temporal.start_workflow('cond', '["is_ready(state)"]', id => 'fn');
SELECT temporal.signal('fn', 'put', '["n", 1]');
SELECT temporal.test_drive();
SELECT temporal.signal('fn', 'put', '["n", 2]');
SELECT temporal.test_drive();
SELECT is(temporal.result('fn'), 'true', 'a condition may call functions of the recorded search_path');

-- F-47: all that are true in one look are resolved, though the first to run makes the second false again
CREATE FUNCTION wants(who text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('(state->>''tokens'')::int > 0');
	PERFORM temporal.set_state('tokens', temporal.state('tokens', 0) - 1);
	PERFORM note(who || ' took, left ' || temporal.state('tokens', 0));
END $$;
CREATE FUNCTION token() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('tokens', temporal.state('tokens', 0) + 1);
	PERFORM note('token');
END $$;
CREATE FUNCTION tokens(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('jsonb_array_length(coalesce(state->''seen'', ''[]'')) >= (args->>0)::int', args => jsonb_build_array(n));
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_workflow('tokens', signals => '{"wants": "wants", "token": "token"}');
SELECT temporal.start_workflow('tokens', '4', id => 't1');
SELECT temporal.signal('t1', 'wants', '"a"'), temporal.signal('t1', 'wants', '"b"');
SELECT temporal.test_drive();
SELECT temporal.signal('t1', 'token');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('t1'), 'Running', 'F-47: two waiters of one condition');
SELECT temporal.signal('t1', 'token');
SELECT temporal.test_drive();
SELECT is(temporal.result('t1'), '["token", "a took, left 0", "b took, left -1", "token"]', 'F-47: both wake, though the first makes it false again');
SELECT pg_temp.replays('t1');

-- G-12: no condition is looked at between two ready fibers
SELECT temporal.start_workflow('tokens', '5', id => 't2');
SELECT temporal.test_drive();
SELECT temporal.signal('t2', 'wants', '"a"'), temporal.signal('t2', 'token'), temporal.signal('t2', 'token'), temporal.signal('t2', 'wants', '"b"');
SELECT temporal.test_drive();
SELECT temporal.signal('t2', 'token');
SELECT temporal.test_drive();
SELECT is(temporal.result('t2'), '["token", "token", "a took, left 1", "b took, left 0", "token"]', 'G-12: every ready fiber runs before conditions are looked at');
SELECT pg_temp.replays('t2');

-- ---------- conditions as futures ----------

CREATE FUNCTION mixed() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	c temporal.future := temporal.start_wait_condition('(state->>''k'')::int = (args)::int', '5');
	s temporal.future := temporal.start_wait_signal('s');
	t temporal.future := temporal.start_timer('1 hour');
	won temporal.future := temporal.await_any(ARRAY[t, s, c], '2 hours');
BEGIN
	RETURN jsonb_build_object('won', CASE won WHEN c THEN 'condition' WHEN s THEN 'signal' ELSE 'timer' END, 'c', temporal.is_done(c), 's', temporal.is_done(s), 'now', temporal.now());
END $$;
SELECT temporal.register_workflow('mixed', signals => '{"put": "put"}');
SELECT temporal.start_workflow('mixed', id => 'm' || i) FROM generate_series(1, 3) i;
SELECT temporal.test_drive();
SELECT temporal.signal('m1', 'put', '["k", 5]'), temporal.signal('m2', 's', '1');
SELECT temporal.test_drive('blocked');
SELECT is(temporal.result('m1') - 'now', '{"won": "condition", "c": true, "s": false}', 'await_any of a condition');
SELECT is(temporal.result('m2') - 'now', '{"won": "signal", "c": false, "s": true}', 'of a signal');
SELECT is(temporal.result('m3') - 'now', '{"won": "timer", "c": false, "s": false}', 'of a timer');
SELECT pg_temp.replays('m1');

-- ---------- init ----------

CREATE FUNCTION set_up(name text, n int DEFAULT 3) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('greeting', 'Hello, ' || name || ' ' || n)$$;
CREATE FUNCTION greeter(name text, n int DEFAULT 3) RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state('greeting')$$;
SELECT temporal.register_workflow('greeter', init => 'set_up');
SELECT is(temporal.test_run('greeter', '"ann"'), '"Hello, ann 3"', 'G-13: init receives the input of the run function');
CREATE FUNCTION set_up_waits(name text) RETURNS void LANGUAGE sql AS $$SELECT temporal.sleep('1 s')$$;
SELECT temporal.register_workflow('slow greeter', 'greeter', init => 'set_up_waits');
SELECT matches(pg_temp.message_of($$SELECT temporal.test_run('slow greeter', '"ann"')$$), 'init.*must not wait', 'init must not wait');
CREATE FUNCTION set_up_fails(name text) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('no ' || name, 'Bad'); END $$;
SELECT temporal.register_workflow('failing greeter', 'greeter', init => 'set_up_fails');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('failing greeter', '"ann"')$$), 'TF007', 'a failure in init fails the run');

SELECT * FROM finish();
ROLLBACK;
