-- Where the code stands: each kind of wait, in the run function, in handlers, in spawned functions, told by explain() and __stack_trace.
BEGIN;
SELECT plan(27);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION ship(what text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE 'out of %', what; END $$;
CREATE FUNCTION leaf() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 day');
	RETURN 1;
END $$;
CREATE FUNCTION branch() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.await(temporal.spawn('leaf'));
END $$;
-- a wait in a helper: the one that calls it is to be seen, too
CREATE FUNCTION paid(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition($c$(state->>'paid')::int >= args::int$c$, '2 hours', to_jsonb(n));
END $$;
CREATE FUNCTION reserve(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1;
	PERFORM paid(n);
	RETURN n;
END $$;
CREATE FUNCTION hold(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.lock('stock');
	PERFORM temporal.execute_activity('ship', what);
	PERFORM temporal.unlock('stock');
END $$;
CREATE FUNCTION order_run() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	futures temporal.future[];
BEGIN
	futures := ARRAY[temporal.start_wait_signal('go'), temporal.start_timer('3 days', 'patience'), temporal.start_wait_condition($c$state ? 'stop'$c$),
		temporal.spawn('branch'), temporal.start_activity('ship', 'y'::text)];
	PERFORM temporal.await_any(futures, '5 days');
	PERFORM temporal.await(futures[3]);
END $$;
CREATE FUNCTION one_signal() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go', '1 hour'); END $$;
CREATE FUNCTION any_signal() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); END $$;
CREATE FUNCTION two() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.await_all(ARRAY[temporal.start_timer('1 hour'), temporal.start_wait_signal('go')]); END $$;
CREATE FUNCTION in_sql() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.wait_signal('go')$$;
SELECT temporal.register_activity('ship', start_to_close_timeout => '1 min', retry_policy => temporal.retry_policy('1 hour', maximum_attempts => 3));
SELECT temporal.register_workflow('order', 'order_run', signals => '{"hold": "hold", "paid": "paid"}', updates => '{"reserve": "reserve"}');
SELECT temporal.register_workflow(f) FROM unnest('{one_signal,any_signal,two,in_sql}'::text[]) f;

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('order', id => 'o');
SELECT temporal.start_workflow(f, id => f) FROM unnest('{one_signal,any_signal,two,in_sql}'::text[]) f;
SELECT temporal.test_advance('10 min');
SELECT temporal.signal('o', 'hold', '"a"'), temporal.signal('o', 'hold', '"b"'), temporal.signal('o', 'paid', '1');
SELECT temporal.test_advance('5 min');
SELECT temporal.start_update('o', 'reserve', '2', 'u-2'), temporal.start_update('o', 'reserve', '3', 'u-3');
SELECT temporal.test_advance('1 min');

CREATE TEMP TABLE blocked AS SELECT row_number() OVER () AS n, e.* FROM temporal.explain('o') e;
CREATE FUNCTION pg_temp.line(want text, place text DEFAULT '%', hint text DEFAULT '%') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', what, to_char(since AT TIME ZONE 'UTC', 'HH24:MI'), to_char(until AT TIME ZONE 'UTC', 'DD HH24:MI'), at, detail)
	FROM blocked WHERE what LIKE want AND at LIKE place AND coalesce(detail, '') LIKE hint
$$;

-- the run function, in an await_any of one of each kind
SELECT is(pg_temp.line('signal go'), 'signal go | 00:00 | 06 00:00 | order_run() line 7 at PERFORM | Times out in 4 d 23 h', 'await_any: a signal, since the beginning, until the timeout of the wait');
SELECT is(pg_temp.line('timer #1'), 'timer #1 | 00:00 | 04 00:00 | order_run() line 7 at PERFORM | Fires in 2 d 23 h. patience. Times out in 4 d 23 h', 'a timer, with its summary');
SELECT is(pg_temp.line('condition state ?%'), 'condition state ? ''stop'' | 00:00 | 06 00:00 | order_run() line 7 at PERFORM | Times out in 4 d 23 h', 'a condition');
SELECT is(pg_temp.line('function branch'), 'function branch | 00:00 | 06 00:00 | order_run() line 7 at PERFORM | Times out in 4 d 23 h', 'a spawned function');
SELECT is(pg_temp.line('activity ship #1'), 'activity ship #1 | 00:00 | 01 01:00 | order_run() line 7 at PERFORM | Attempt 2 of 3 is to come. Attempt 1 failed: out of y. Times out in 4 d 23 h', 'an activity, until its next attempt');
-- spawned, and spawned by that
SELECT is(pg_temp.line('function leaf'), 'function leaf | 00:00 | branch() line 3 at RETURN | In spawned branch', 'a spawned function waits for one that it has spawned');
SELECT is(pg_temp.line('timer #%', 'leaf%'), 'timer #3 | 00:00 | 02 00:00 | leaf() line 3 at PERFORM | Fires in 23 h 44 min. In spawned leaf', 'which sleeps');
-- handlers
SELECT is(pg_temp.line('activity ship #2'), 'activity ship #2 | 00:10 | 01 01:10 | hold(text) line 4 at PERFORM | Attempt 2 of 3 is to come. Attempt 1 failed: out of a. In signal hold', 'a signal handler waits for an activity');
SELECT is(pg_temp.line('lock stock'), 'lock stock | 00:10 | hold(text) line 3 at PERFORM | Held by signal hold. In signal hold', 'another one for its lock: who has it');
SELECT is(pg_temp.line('%args 1', 'paid%'), 'condition (state->>''paid'')::int >= args::int, args 1 | 00:10 | 01 02:10 | paid(integer) line 3 at PERFORM | Times out in 1 h 54 min. In signal paid', 'one for a condition with arguments, of its own since and timeout');
SELECT is(pg_temp.line('%args 2'), 'condition (state->>''paid'')::int >= args::int, args 2 | 00:15 | 01 02:15 | paid(integer) line 3 at PERFORM, called by reserve(integer) line 4 at PERFORM | Times out in 1 h 59 min. In update reserve (u-2)', 'an update handler in a helper: both lines, and which update');
SELECT is(pg_temp.line('%args 3', hint => '%In update reserve (u-3)') IS NOT NULL, true, 'another of the same name');
SELECT is((SELECT count(*)::int FROM blocked), 12, 'nothing is shown twice: timers of timeouts are part of their waits');

-- other forms
SELECT is((SELECT concat_ws(' | ', what, until, at, detail) FROM temporal.explain('one_signal')), 'signal go | 2030-01-01 01:00:00+00 | one_signal() line 1 at PERFORM | Times out in 44 min', 'wait_signal with a timeout');
SELECT is((SELECT concat_ws(' | ', what, until, at, detail) FROM temporal.explain('any_signal')), 'signal go | any_signal() line 1 at PERFORM', 'and without');
SELECT is((SELECT string_agg(what, ', ') FROM temporal.explain('two')), 'timer #1, signal go', 'await_all: all that are not done');
SELECT is((SELECT concat_ws(' | ', what, at) FROM temporal.explain('in_sql')), 'signal go | shop.in_sql()', 'in a function in SQL, which PostgreSQL may inline: at least its name');

-- __stack_trace tells the same, with the whole stack
CREATE TEMP TABLE stack AS SELECT n, part FROM regexp_split_to_table(temporal.query('o', '__stack_trace') #>> '{}', '\n\n') WITH ORDINALITY AS s (part, n);
CREATE FUNCTION pg_temp.stack(first text) RETURNS text LANGUAGE sql AS $$SELECT rtrim(part, E'\n') FROM stack WHERE part LIKE first || '%'$$;
SELECT is((SELECT count(*)::int FROM stack), 8, '__stack_trace: every fiber');
SELECT is(split_part(pg_temp.stack('run'), E'\n', 1), 'run, waiting in await_any for signal go, timer #1, condition state ? ''stop'', function branch, activity ship #1, at most until timer #2, since 2030-01-01 00:00:00+00:', 'all that it waits for, and since when');
SELECT is(pg_temp.stack('update reserve (u-2)'), $$update reserve (u-2), waiting in wait_condition for condition (state->>'paid')::int >= args::int, args 2, at most until timer #5, since 2030-01-01 00:15:00+00:
SQL statement "SELECT temporal.wait_condition($c$(state->>'paid')::int >= args::int$c$, '2 hours', to_jsonb(n))"
PL/pgSQL function paid(integer) line 3 at PERFORM
SQL statement "SELECT paid(n)"
PL/pgSQL function reserve(integer) line 4 at PERFORM
SQL statement "SELECT shop.reserve($1)"$$, 'the whole stack');
SELECT matches((SELECT string_agg(part, '' ORDER BY n) FROM stack WHERE part LIKE 'signal hold%'), 'waiting in await for activity ship #2, since .*waiting in lock for lock stock, since ', 'two handlers of one name, one at the lock of the other');
SELECT matches(pg_temp.stack('spawned leaf'), '^spawned leaf, waiting in await for timer #3, since 2030-01-01 00:00:00\+00:\n.*\nPL/pgSQL function leaf\(\) line 3 at PERFORM', 'a nested one');

-- what has come is not waited for any more
SELECT temporal.signal('o', 'go');
SELECT temporal.test_drive();
SELECT is((SELECT concat_ws(' | ', what, since, at, detail) FROM temporal.explain('o') LIMIT 1), 'condition state ? ''stop'' | 2030-01-01 00:16:00+00 | order_run() line 8 at PERFORM', 'the next wait: since then');
SELECT is((SELECT string_agg(concat_ws(' | ', what, at, detail), ', ') FROM temporal.explain('o') WHERE what ~ '^signal|timer #[12]$|#1$'),
	'timer #1 | Fires in 2 d 23 h. patience, activity ship #1 | Attempt 2 of 3 is to come. Attempt 1 failed: out of y. Not awaited now', 'what is not waited for goes on beside it; the timeout of the wait is gone');
-- mail that nobody has taken up
SELECT temporal.signal('any_signal', 'other');
SELECT is((SELECT string_agg(what || coalesce(': ' || detail, ''), ', ') FROM temporal.explain('any_signal')), 'signal go, a workflow task that is due: Waits for an executor', 'mail that waits');
SELECT is((SELECT count(*)::int FROM temporal.explain('any_signal') WHERE detail LIKE '%session%'), 0, 'the run is not held by somebody else');
SELECT temporal.signal('any_signal', 'go');
SELECT temporal.test_drive();
SELECT matches((SELECT what FROM temporal.explain('any_signal')), '^nothing: the run is closed \(Completed\)', 'and when it is closed, for nothing');

SELECT * FROM finish();
ROLLBACK;
