-- Queries: what they see, what they may not do, closed runs, dynamic ones, the built-in ones.
BEGIN;
SELECT plan(44);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION counting(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM temporal.set_state('at', i);
		PERFORM temporal.sleep('1 min');
	END LOOP;
	PERFORM temporal.set_state('at', 'end'::text);
	RETURN n;
END $$;
CREATE FUNCTION at() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state('at')$$;
CREATE FUNCTION whole() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state()$$;
CREATE FUNCTION sum_of(a int, b int DEFAULT 10) RETURNS int LANGUAGE sql AS $$SELECT a + b$$;
CREATE FUNCTION add(k text, v jsonb) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state(k, v)$$;
CREATE FUNCTION q_set() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('at', 99)$$;
CREATE FUNCTION q_sleep() RETURNS void LANGUAGE sql AS $$SELECT temporal.sleep('1 s')$$;
CREATE FUNCTION q_activity() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.execute_activity('at')$$;
CREATE FUNCTION q_spawn() RETURNS temporal.future LANGUAGE sql AS $$SELECT temporal.spawn('at')$$;
CREATE FUNCTION q_lock() RETURNS void LANGUAGE sql AS $$SELECT temporal.lock('l')$$;
CREATE FUNCTION q_wait() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.wait_signal('s')$$;
CREATE FUNCTION q_effect() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.side_effect('SELECT ''1''::jsonb')$$;
CREATE TABLE notes (t text);
CREATE FUNCTION q_write() RETURNS void LANGUAGE sql AS $$INSERT INTO shop.notes VALUES ('x')$$;
CREATE FUNCTION q_fail() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('no answer', 'Bad'); END $$;
CREATE FUNCTION q_big() RETURNS text LANGUAGE sql AS $$SELECT repeat('x', 3000000)$$;
CREATE FUNCTION q_me() RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_array((temporal.workflow_info()).workflow_id, temporal.now())$$;
CREATE FUNCTION q_any(name text, input jsonb) RETURNS text LANGUAGE sql AS $$SELECT 'Dynamic query ''' || name || ''' ' || coalesce(input::text, '-')$$;
SET LOCAL temporal_pg.determinism = off;       -- q_write is to fail when it runs
SELECT temporal.register_workflow('counting', signals => '{"add": "add"}',
	queries => '{"at": "at", "whole": "whole", "sum": "sum_of", "set": "q_set", "sleep": "q_sleep", "activity": "q_activity", "spawn": "q_spawn", "lock": "q_lock", "wait": "q_wait", "effect": "q_effect", "write": "q_write", "fail": "q_fail", "big": "q_big", "me": "q_me"}');
RESET temporal_pg.determinism;
SELECT temporal.register_activity('at');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

SELECT temporal.start_workflow('counting', '3', id => 'c');
SELECT is(temporal.query('c', 'at'), '1', 'F-13: a query of a run that no task has begun sees what the first will do');
SELECT is(pg_temp.events_of('c'), '{Started}', 'S-21: and leaves nothing');
SELECT temporal.test_drive();
SELECT is(temporal.query('c', 'at'), '1', 'a query sees the state');
SELECT temporal.test_advance('1 min');
SELECT is(temporal.query('c', 'at'), '2', 'as it is then');
SELECT temporal.signal('c', 'add', '["k", {"v": 1}]');
SELECT is(temporal.query('c', 'whole'), '{"at": 2, "k": {"v": 1}}', 'F-13: with the mail that is not delivered yet');
SELECT is(pg_temp.events_of('c'), '{Started,TimerStarted,TimerFired,TimerStarted}', 'S-21: no events');
SELECT is(temporal.query('c', 'sum', '[1, 2]'), '3', 'arguments by position');
SELECT is(temporal.query('c', 'sum', '{"a": 1}'), '11', 'by name, with a default');
SELECT is(temporal.query('c', 'me') -> 0, '"c"', 'a query may look at the workflow');
SELECT is((temporal.query('c', 'me') ->> 1)::timestamptz, '2030-01-01 00:01:00+00'::timestamptz, 'at its time');

SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.query(''c'', %L)', name)), 'TP015', 'F-19: a query may not ' || what) FROM (VALUES
	('set', 'change the state'), ('sleep', 'wait'), ('activity', 'start an activity'), ('spawn', 'spawn'), ('lock', 'lock'), ('wait', 'wait for a signal'),
	('effect', 'have side effects'), ('write', 'write to tables'), ('fail', 'fail without being an error')
) AS v (name, what);
SELECT is(temporal.query('c', 'at'), '2', 'after which nothing has changed');
SELECT is((SELECT count(*)::int FROM notes), 0, 'nor elsewhere');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('c', 'big')$$), 'TP025', 'F-20: a result that is too large');

SELECT is(pg_temp.sqlstate_of(command), expected, 'query: ' || what) FROM (VALUES
	($$SELECT temporal.query('c', 'nothing')$$, 'TP015', 'no such query'),
	($$SELECT temporal.query('nobody', 'at')$$, 'TP010', 'no such workflow'),
	($$SELECT temporal.query('c', 'sum', '["x", 1]')$$, 'TP015', 'an argument that is no number'),
	($$SELECT temporal.query('c', 'sum')$$, 'TP015', 'no argument'),
	($$SELECT temporal.query('c', NULL)$$, '22004', 'name null'),
	($$SELECT temporal.query('c', 'at', reject_condition => 'maybe')$$, '22023', 'no such reject condition')
) AS v (command, expected, what);
SELECT matches(pg_temp.hint_of($$SELECT temporal.query('c', 'nothing')$$), 'at.*sum.*__stack_trace', 'F-19: the hint lists those that there are');

-- F-21, F-22
SELECT matches(temporal.query('c', '__stack_trace') #>> '{}', 'run, waiting in .*PL/pgSQL function counting\(integer\) line 5 at PERFORM', 'F-21: __stack_trace tells where the code stands');
SELECT is(temporal.query('c', '__temporal_workflow_metadata') #> '{definition,signalDefinitions}', '[{"name": "add"}]', 'F-22: __temporal_workflow_metadata tells what it takes');
SELECT is(temporal.query('c', '__temporal_workflow_metadata') #>> '{definition,type}', 'counting', 'and its type');

-- closed runs
SELECT temporal.test_drive('closed', 'c');
SELECT is(temporal.query('c', 'at'), '"end"', 'F-12: closed runs are answered too');
SELECT is(temporal.query('c', 'whole') -> 'k', '{"v": 1}', 'with their whole state');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('c', 'at', reject_condition => 'not_open')$$), 'TP015', 'F-15: unless rejected: not_open');
SELECT is(temporal.query('c', 'at', reject_condition => 'not_completed_cleanly'), '"end"', 'F-15: not_completed_cleanly');
SELECT temporal.start_workflow('counting', '3', id => 't');
SELECT temporal.test_drive();
SELECT temporal.terminate('t');
SELECT is(temporal.query('t', 'at'), '1', 'a terminated one');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('t', 'at', reject_condition => 'not_completed_cleanly')$$), 'TP015', 'F-15: is not completed cleanly');
SELECT temporal.start_workflow('counting', '3', id => 'never');
SELECT temporal.terminate('never');
SELECT is(pg_temp.message_of($$SELECT temporal.query('never', 'at')$$), 'workflow "never" was closed before its code has run', 'F-16: closed before its code has run');
SELECT temporal.start_workflow('counting', '3', id => 'later', start_delay => '1 min');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('later', 'at')$$) || ' ' || pg_temp.message_of($$SELECT temporal.query('later', 'at')$$), 'TP015 workflow "later" has not begun', 'F-16: its start delay is not over');
SELECT temporal.test_advance('1 min');
SELECT is(temporal.query('later', 'at'), '1', 'now it is');

-- the dynamic one
SELECT temporal.register_query_handler('counting', '*', 'q_any');
SELECT is(temporal.query('t', 'x', '[1]'), '"Dynamic query ''x'' [1]"', 'F-19: a dynamic handler takes the others');
SELECT is(temporal.query('t', 'at'), '1', 'and not those that have their own');

-- of code that does not match history, or fails
CREATE OR REPLACE FUNCTION counting(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('at');
	RETURN n;
END $$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('t', 'at')$$) IN ('TP015', 'TP020'), true, 'code that does not match history');

SELECT * FROM finish();
ROLLBACK;
