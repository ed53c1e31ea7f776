-- Code that waits for many activities at once is not run for completions that cannot let it go on (runtime/unmoved). Nobody
-- may see that: each program is run twice, as it is, and once more with a change of a function before each
-- step, after which the code is run in any case; the two histories must be the same, event by event.
-- Real executors, and crashes between: tap/334_waiting_for_many.pl.
BEGIN;
SELECT plan(110);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

-- counts the times that code is run: a temporary sequence may be used in a read-only transaction, and forgets no rollback
SET LOCAL temporal_pg.determinism = off;
CREATE TEMPORARY SEQUENCE passes;
CREATE FUNCTION pass() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('pg_temp.passes'); END $$;
CREATE FUNCTION pg_temp.passes() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO n FROM pg_temp.passes;
	PERFORM setval('pg_temp.passes', 1, false);
	RETURN n;
END $$;

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.register_activity('ext', mode => 'external', start_to_close_timeout => '10 days', retry_policy => temporal.retry_policy('1 s'));

-- activities 'a1' to 'an'
CREATE FUNCTION many(n int, prefix text DEFAULT 'a') RETURNS temporal.future[] LANGUAGE sql AS $$
	SELECT array_agg(temporal.start_activity('ext', i, activity_id => prefix || i) ORDER BY i) FROM generate_series(1, n) i
$$;
CREATE FUNCTION all_of(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE sum int;
BEGIN
	PERFORM pass();
	SELECT sum(r::text::int) INTO sum FROM unnest(temporal.await_all(many(n))) r;
	RETURN sum;
END $$;
SELECT temporal.register_workflow('all_of');

-- One step after the other, $1 is the workflow's id: 'a5' or 'a5 a6' completes these, anything else is SQL. What is due is done after
-- each; looks: the code is run in any case.
CREATE FUNCTION pg_temp.play(type text, id text, input jsonb, steps text[], looks boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	step text;
BEGIN
	PERFORM temporal.start_workflow(type, input, id => id), temporal.test_drive('idle');
	FOREACH step IN ARRAY steps LOOP
		IF step ~ '^[a-z]\d+( [a-z]\d+)*$' THEN
			PERFORM temporal.complete_activity(id, NULL, a, substr(a, 2)::jsonb) FROM regexp_split_to_table(step, ' ') a;
		ELSE
			EXECUTE replace(step, '$1', quote_literal(id));
		END IF;
		IF looks THEN
			CREATE OR REPLACE FUNCTION touched() RETURNS int LANGUAGE sql AS 'SELECT 1';
		END IF;
		PERFORM temporal.test_drive('idle');
	END LOOP;
END $$;
-- a history without what differs between two runs
CREATE FUNCTION pg_temp.told(id text) RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', event_id, task_id, event_type, event_time - min(event_time) OVER (), h.attributes - '{originalExecutionRunId,firstExecutionRunId}'::text[])
	FROM temporal.history h WHERE workflow_id = id ORDER BY event_id
$$;
-- both ways: four tests
CREATE FUNCTION pg_temp.same(type text, input jsonb, steps text[], runs int, status text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	ran bigint;
	ran_always bigint;
BEGIN
	PERFORM pg_temp.passes(), pg_temp.play(type, what || ', as it is', input, steps, false);
	ran := pg_temp.passes();
	PERFORM pg_temp.play(type, what || ', always run', input, steps, true);
	ran_always := pg_temp.passes();
	RETURN NEXT is(ran, runs::bigint, what || ': so often the code is run, instead of ' || ran_always);
	RETURN NEXT results_eq(format('SELECT * FROM pg_temp.told(%L)', what || ', as it is'), format('SELECT * FROM pg_temp.told(%L)', what || ', always run'),
		what || ': the same history');
	RETURN NEXT is(pg_temp.status_of(what || ', as it is'), status, what || ': ' || status);
	RETURN NEXT is(temporal.replay(what || ', as it is'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = what || ', as it is')::int, what || ': replays');
END $$;

-- ---------- completions ----------

CREATE FUNCTION pg_temp.shuffled(n int, prefix text DEFAULT 'a') RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(prefix || i ORDER BY md5(i::text)) FROM generate_series(1, n) i
$$;
SELECT pg_temp.same('all_of', '50', pg_temp.shuffled(50), 2, 'Completed', 'fifty, one by one');
SELECT is(temporal.result('fifty, one by one, as it is'), '1275', 'all results are there');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'fifty, one by one, as it is' AND event_type = 'ActivityTaskCompleted' AND task_id > 1), 50::bigint,
	'each was delivered');
SELECT is((SELECT count(DISTINCT task_id) FROM temporal.history WHERE workflow_id = 'fifty, one by one, as it is' AND event_type = 'ActivityTaskCompleted'), 50::bigint,
	'in an activation of its own');
SELECT pg_temp.same('all_of', '10', '{a1 a2,a3,a10 a4 a5 a6,a7,a8 a9}', 2, 'Completed', 'several at a time');
SELECT pg_temp.same('all_of', '10', '{a1 a2 a3 a4 a5 a6 a7 a8 a9 a10}', 2, 'Completed', 'all at a time');
SELECT pg_temp.same('all_of', '2', '{a2,a1}', 2, 'Completed', 'two');
SELECT pg_temp.same('all_of', '3', ARRAY['a2', $$SELECT temporal.fail_activity($1, NULL, 'a3', '"once more"')$$, 'SELECT temporal.test_advance(''2 s'')', 'a1', 'a3'],
	2, 'Completed', 'an attempt that is repeated');

-- one after the other, and one that nobody waits for
CREATE FUNCTION stages() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a temporal.future[] := many(3);
	b temporal.future[] := many(3, 'b');
	c temporal.future := temporal.start_activity('ext', activity_id => 'c1');
	seen text;
BEGIN
	PERFORM pass(), temporal.await_all(a);
	seen := format('%s %s', temporal.is_done(c), temporal.is_done(b[1]));
	PERFORM temporal.start_timer('1 year');
	PERFORM temporal.await_all(b);
	RETURN seen || format(' %s', temporal.is_done(c));
END $$;
SELECT temporal.register_workflow('stages');
SELECT pg_temp.same('stages', NULL, '{c1,a1,b1,a3,a2,b3,b2}', 3, 'Completed', 'two stages');
SELECT is(temporal.result('two stages, as it is'), '"t t t"', 'what is done is seen so');
SELECT pg_temp.same('stages', NULL, '{b1,b2,b3,a1,a3,a2}', 2, 'Completed', 'the second stage first');

-- a future twice, among other things, behind shields
CREATE FUNCTION odd(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a temporal.future[] := many(3);
BEGIN
	PERFORM pass();
	CASE kind
		WHEN 'twice' THEN PERFORM temporal.await_all(a || a[2]);
		WHEN 'any' THEN RETURN temporal.await_any(a);
		WHEN 'shields' THEN PERFORM temporal.await_all(ARRAY[temporal.shield(a[1]), a[2], temporal.shield(a[3])]);
		WHEN 'signal' THEN PERFORM temporal.await_all(a || temporal.start_wait_signal('go'));
		WHEN 'condition' THEN PERFORM temporal.await_all(a || temporal.start_wait_condition('(state ->> ''go'')::boolean'));
	END CASE;
	RETURN kind;
END $$;
CREATE FUNCTION set_go() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.set_state('go', true); END $$;
SELECT temporal.register_workflow('odd', signals => '{"set": "set_go"}');
SELECT pg_temp.same('odd', '"twice"', '{a1,a3,a2}', 4, 'Completed', 'a future twice');
SELECT pg_temp.same('odd', '"any"', '{a2}', 2, 'Completed', 'any of them');
SELECT pg_temp.same('odd', '"shields"', '{a1,a2,a3}', 4, 'Completed', 'behind shields');
SELECT pg_temp.same('odd', '"signal"', ARRAY['a1', 'a2', 'a3', $$SELECT temporal.signal($1, 'go')$$], 3, 'Completed', 'and for a signal');
SELECT pg_temp.same('odd', '"condition"', ARRAY['a1', $$SELECT temporal.signal($1, 'set')$$, 'a2', 'a3'], 3, 'Completed', 'and for a condition');

-- ---------- what else comes between them ----------

CREATE FUNCTION alert(n int, patience interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pass(), temporal.set_state('seen', '[]'), temporal.await_all(many(n), patience);
	RETURN format('all %s', temporal.state('seen'));
EXCEPTION
	WHEN SQLSTATE 'TF005' THEN RETURN format('too late %s', temporal.state('seen'));
	WHEN SQLSTATE 'TF002' THEN RETURN format('failed %s', temporal.state('seen'));
	WHEN query_canceled THEN
		PERFORM temporal.execute_activity('ext', activity_id => 'z1');
		RAISE;
END $$;
CREATE FUNCTION note(what text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', temporal.state('seen') || to_jsonb(what));
	-- leaves its trace at once
	PERFORM temporal.start_timer('1 year', what);
	RETURN temporal.state('seen');
END $$;
CREATE FUNCTION seen() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN temporal.state('seen'); END $$;
SELECT temporal.register_workflow('alert', signals => '{"note": "note"}', updates => '{"note": "note"}', queries => '{"seen": "seen"}');

SELECT pg_temp.same('alert', '5', ARRAY['a1', $$SELECT temporal.signal($1, 'note', '"s1"')$$, 'a2', 'a3', $$SELECT temporal.signal($1, 'note', '"s2"')$$, 'a4', 'a5'],
	4, 'Completed', 'signals');
SELECT is(temporal.result('signals, as it is'), '"all [\"s1\", \"s2\"]"', 'each was handled');
SELECT pg_temp.same('alert', '5', ARRAY['a1', $$SELECT temporal.complete_activity($1, NULL, 'a2'), temporal.signal($1, 'note', '"s1"'), temporal.complete_activity($1, NULL, 'a3')$$, 'a4', 'a5'],
	3, 'Completed', 'a signal among them');
SELECT pg_temp.same('alert', '4', ARRAY['a1', $$SELECT temporal.update($1, 'note', '"u1"', update_id => 'u')$$, 'a2', 'a3', $$SELECT temporal.query($1, 'seen')$$, 'a4'],
	5, 'Completed', 'an update and a query');
SELECT is(temporal.result('an update and a query, as it is'), '"all [\"u1\"]"', 'it was told');
SELECT pg_temp.same('alert', '[5, "1 hour"]', ARRAY['a1', 'a2', 'SELECT temporal.test_advance(''61 min'')'], 2, 'Completed', 'a timeout of the wait');
SELECT is(temporal.result('a timeout of the wait, as it is'), '"too late []"', 'it came');
SELECT pg_temp.same('alert', '[3, "1 hour"]', ARRAY['a1', 'a2', 'a3'], 2, 'Completed', 'a timeout that does not come');
SELECT pg_temp.same('alert', '5', ARRAY['a1', 'a2', $$SELECT temporal.cancel($1)$$, 'z1'], 4, 'Canceled', 'a cancellation');
SELECT pg_temp.same('alert', '5', ARRAY['a1', 'a2', $$SELECT temporal.fail_activity($1, NULL, 'a4', '{"message": "no", "non_retryable": true}')$$], 2, 'Completed', 'a failure');
SELECT is(temporal.result('a failure, as it is'), '"failed []"', 'it was raised');

-- what is asked of it while it waits
SELECT temporal.start_workflow('alert', '3', id => 'asked'), temporal.test_drive('idle');
SELECT temporal.complete_activity('asked', NULL, 'a1'), temporal.test_drive('idle');
SELECT is(temporal.query('asked', 'seen'), '[]', 'a query between two completions');
SELECT is(temporal.update('asked', 'note', '"u"'), '["u"]', 'an update');
SELECT is(temporal.query('asked', 'seen'), '["u"]', 'is seen by the next query');
SELECT temporal.complete_activity('asked', NULL, 'a2'), temporal.test_drive('idle');
SELECT is(temporal.query('asked', 'seen'), '["u"]', 'and by the one behind a completion');
SELECT matches((SELECT string_agg(e::text, ' ') FROM temporal.explain('asked') e), 'a3', 'explain() knows for what it waits');
SELECT doesnt_match((SELECT string_agg(e::text, ' ') FROM temporal.explain('asked') e), 'a2', 'and what is there');

-- ---------- fibers beside it ----------

CREATE FUNCTION pair(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await_all(many(2, name));
	PERFORM temporal.execute_activity('ext', activity_id => name || '9');
	RETURN name;
END $$;
CREATE FUNCTION pair_handler(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pair(name); END $$;
CREATE FUNCTION branches(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	p temporal.future := temporal.spawn('pair', 'p'::text);
BEGIN
	PERFORM pass(), temporal.await_all(many(n));
	RETURN temporal.await(p);
END $$;
SELECT temporal.register_workflow('branches', signals => '{"pair": "pair_handler"}');
SELECT pg_temp.same('branches', '4', '{a1,p2,a2,p1,a3,p9,a4}', 5, 'Completed', 'a branch beside it');
SELECT pg_temp.same('branches', '4', ARRAY['a1', $$SELECT temporal.signal($1, 'pair', '"h"')$$, 'h1', 'a2', 'p1', 'p2', 'a3', 'h2', 'p9', 'h9', 'a4'], 8, 'Completed', 'a handler beside it');

-- ---------- another code ----------

SELECT temporal.start_workflow('all_of', '5', id => 'patched'), temporal.test_drive('idle');
SELECT temporal.complete_activity('patched', NULL, 'a1', '1'), temporal.test_drive('idle');
SELECT pg_temp.passes();
SELECT temporal.complete_activity('patched', NULL, 'a2', '1'), temporal.test_drive('idle');
SELECT is(pg_temp.passes(), 0::bigint, 'the code is not run');
CREATE OR REPLACE FUNCTION all_of(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE sum int;
BEGIN
	PERFORM pass();
	SELECT sum(r::text::int) INTO sum FROM unnest(temporal.await_all(many(n))) r;
	RETURN sum + 1000;
END $$;
SELECT temporal.complete_activity('patched', NULL, 'a3', '1'), temporal.test_drive('idle');
SELECT is(pg_temp.passes(), 1::bigint, 'it is when it has changed');
SELECT temporal.complete_activity('patched', NULL, 'a4', '1'), temporal.test_drive('idle');
SELECT is(pg_temp.passes(), 0::bigint, 'once');
-- it is at once that a change that does not fit is noticed
CREATE OR REPLACE FUNCTION all_of(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 s');
	RETURN 0;
END $$;
SELECT is(pg_temp.sqlstate_of($q$DO $d$ BEGIN PERFORM temporal.complete_activity('patched', NULL, 'a5', '1'), temporal.test_drive('idle'); END $d$$q$), 'TP020',
	'a change that does not fit is noticed with the next completion');
-- of what it calls, too
CREATE OR REPLACE FUNCTION all_of(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pass(), temporal.await_all(many(n));
	RETURN 0;
END $$;
SELECT temporal.start_workflow('all_of', '5', id => 'helper'), temporal.test_drive('idle');
CREATE OR REPLACE FUNCTION many(n int, prefix text DEFAULT 'a') RETURNS temporal.future[] LANGUAGE sql AS $$
	SELECT array_agg(temporal.start_activity('ext', i, activity_id => prefix || i || 'x') ORDER BY i) FROM generate_series(1, n) i
$$;
SELECT is(pg_temp.sqlstate_of($q$DO $d$ BEGIN PERFORM temporal.complete_activity('helper', NULL, 'a1', '1'), temporal.test_drive('idle'); END $d$$q$), 'TP020',
	'also of a function that it calls');
CREATE OR REPLACE FUNCTION many(n int, prefix text DEFAULT 'a') RETURNS temporal.future[] LANGUAGE sql AS $$
	SELECT array_agg(temporal.start_activity('ext', i, activity_id => prefix || i) ORDER BY i) FROM generate_series(1, n) i
$$;
SELECT is(pg_temp.sqlstate_of($q$DO $d$ BEGIN PERFORM temporal.complete_activity('helper', NULL, 'a1', '1'), temporal.test_drive('idle'); END $d$$q$), 'ok', 'and healed');

-- ---------- what is rolled back has not happened ----------

CREATE FUNCTION pg_temp.in_vain(id text, activities text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE a text;
BEGIN
	FOREACH a IN ARRAY activities LOOP
		PERFORM temporal.complete_activity(id, NULL, a), temporal.test_drive('idle');
	END LOOP;
	RAISE EXCEPTION 'undone' USING ERRCODE = 'XX900';
EXCEPTION WHEN SQLSTATE 'XX900' THEN NULL;
END $$;
SELECT temporal.start_workflow('all_of', '4', id => 'undone'), temporal.test_drive('idle');
SELECT pg_temp.in_vain('undone', '{a1}');
SELECT temporal.complete_activity('undone', NULL, 'a2', '1'), temporal.test_drive('idle');
SELECT pg_temp.in_vain('undone', '{a1,a3}');
SELECT pg_temp.in_vain('undone', '{a1,a3,a4}');
SELECT is(pg_temp.status_of('undone'), 'Running', 'what was rolled back has not been counted');
SELECT temporal.complete_activity('undone', NULL, 'a3', '1'), temporal.test_drive('idle');
SAVEPOINT s;
SELECT temporal.complete_activity('undone', NULL, 'a4', '1'), temporal.test_drive('idle');
ROLLBACK TO SAVEPOINT s;
SELECT is(pg_temp.status_of('undone'), 'Running', 'not by a savepoint either');
SELECT temporal.complete_activity('undone', NULL, 'a1', '1'), temporal.test_drive('idle');
SELECT is(pg_temp.status_of('undone'), 'Running', 'one is left');
SELECT temporal.complete_activity('undone', NULL, 'a4', '1'), temporal.test_drive('idle');
SELECT is(pg_temp.status_of('undone'), 'Completed', 'none');
SELECT pg_temp.replays('undone');
SELECT is((SELECT array_agg(attributes ->> 'scheduledEventId' ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'undone' AND event_type = 'ActivityTaskCompleted'),
	'{3,4,2,5}', 'each once, in their order');

SELECT * FROM finish();
ROLLBACK;
