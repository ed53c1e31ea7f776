-- In which order a test environment does what is due: as executors, HTTP process and workers outside do, by the same code:
-- priority first, in queues with settings then fairness keys in turns by their weights, then age.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM no_plan();
\ir ../lib/helpers.sql

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
CREATE TABLE did (n bigint GENERATED ALWAYS AS IDENTITY, id text, kind text DEFAULT 'activity');
CREATE FUNCTION act() RETURNS void LANGUAGE sql AS $$INSERT INTO shop.did (id) SELECT workflow_id FROM temporal.activity_info()$$;
CREATE FUNCTION fan(type text, n int, queue text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await_all(array_agg(temporal.start_activity(type, task_queue => queue, start_to_close_timeout => '1 day'))) FROM generate_series(1, n);
END $$;
CREATE FUNCTION one_by_one(n int, queue text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM temporal.execute_activity('act', task_queue => queue);
	END LOOP;
END $$;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.register_activity('act'), temporal.register_activity('ext', mode => 'external'), temporal.register_workflow('fan'), temporal.register_workflow('one_by_one');
CREATE FUNCTION pg_temp.fans(id text, type text, n int, queue text, priority int DEFAULT NULL, key text DEFAULT NULL, weight float8 DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT temporal.start_workflow('fan', jsonb_build_array(type, n, queue), id => id, priority_key => priority, fairness_key => key, fairness_weight => weight)
$$;
-- how many of those between two places were of each
CREATE FUNCTION pg_temp.shares(first int, last int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(id || ' ' || c, ', ' ORDER BY id) FROM (SELECT id, count(*) c FROM (SELECT id, row_number() OVER (ORDER BY n) p FROM shop.did) x WHERE p BETWEEN first AND last GROUP BY id) y
$$;

-- ---------- activities ----------

SELECT pg_temp.fans('p5', 'act', 20, 'plain', 5), pg_temp.fans('p3', 'act', 20, 'plain'), pg_temp.fans('p1', 'act', 20, 'plain', 1);
SELECT temporal.test_drive();
SELECT is((SELECT string_agg(id, ' ' ORDER BY first) FROM (SELECT id, min(n) first, max(n) - min(n) w FROM did GROUP BY id) x WHERE w = 19), 'p1 p3 p5', 'in a queue without settings: by priority');
TRUNCATE did;
SELECT pg_temp.fans('a', 'act', 20, 'plain', NULL, 'a'), pg_temp.fans('b', 'act', 20, 'plain', NULL, 'b');
SELECT temporal.test_drive();
SELECT is(pg_temp.shares(1, 20), 'a 20', '... and age; fairness keys have no turns there, as with executors');
TRUNCATE did;

SELECT temporal.configure_task_queue('turns', max_concurrent_activities => 100);
SELECT pg_temp.fans('w1', 'act', 400, 'turns', NULL, 'one', 1), pg_temp.fans('w2', 'act', 400, 'turns', NULL, 'two', 2), pg_temp.fans('w4', 'act', 400, 'turns', NULL, 'four', 4), pg_temp.fans('late', 'act', 3, 'turns', 5, 'four', 4), pg_temp.fans('soon', 'act', 3, 'turns', 1, 'one', 0.001);
SELECT temporal.test_drive();
SELECT is(pg_temp.shares(1, 3), 'soon 3', 'in a queue with settings: by priority');
SELECT is(pg_temp.shares(4, 703), 'w1 100, w2 200, w4 400', '... then 700 tasks of three keys by weights 1, 2 and 4');
SELECT is((SELECT max(c) FROM (SELECT count(*) c FROM (SELECT n / 7 g, id FROM did WHERE n BETWEEN 70 AND 650) x WHERE id = 'w1' GROUP BY g) y), 1::bigint, '... evenly: of seven at most one is of weight 1');
SELECT is(pg_temp.shares(704, 1203), 'w1 300, w2 200', '... those that are left go on');
SELECT is(pg_temp.shares(1204, 1206), 'late 3', '... what has a higher number comes last');
TRUNCATE did;

-- a key that comes later
SELECT pg_temp.fans('first', 'act', 60, 'turns', NULL, 'first');
SELECT temporal.start_workflow('one_by_one', '[10, "turns"]', id => 'steps', fairness_key => 'steps');
SELECT temporal.test_drive();
SELECT cmp_ok((SELECT max(p) FROM (SELECT id, row_number() OVER (ORDER BY n) p FROM did) x WHERE id = 'steps'), '<=', 60::bigint, 'a workflow with one activity after the other is not behind the other key''s sixty');
SELECT cmp_ok((SELECT count(*) FROM (SELECT id, row_number() OVER (ORDER BY n) p FROM did) x WHERE id = 'steps' AND p <= 10), '<=', 5::bigint, '... nor has it more than its turns');
TRUNCATE did;

-- weights of the queue, for what is due
SELECT pg_temp.fans('x', 'act', 100, 'weights', NULL, 'x', 9), pg_temp.fans('y', 'act', 100, 'weights', NULL, 'y', 1);
SELECT temporal.configure_task_queue('weights', fairness_weights => '{"x": 1, "y": 4}');
SELECT temporal.test_drive();
SELECT is(pg_temp.shares(1, 100), 'x 20, y 80', 'weights of the queue take precedence');
TRUNCATE did;

-- ---------- workflow tasks ----------

CREATE FUNCTION notes() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_local_activity('act');
END $$;
SELECT temporal.register_workflow('notes');
SELECT temporal.start_workflow('notes', id => 'n' || p || i, priority_key => p, task_queue => 'wq') FROM unnest('{4,2,5,1,3}'::int[]) p, generate_series(1, 2) i;
SELECT temporal.test_drive();
SELECT is((SELECT string_agg(id, ' ' ORDER BY n) FROM did), 'n11 n12 n21 n22 n31 n32 n41 n42 n51 n52', 'workflow tasks: by priority, then age');
TRUNCATE did;
SELECT temporal.configure_task_queue('wturns', max_concurrent_workflow_tasks => 10);
SELECT temporal.start_workflow('notes', id => k || i, fairness_key => k, fairness_weight => CASE k WHEN 'b' THEN 3 END, task_queue => 'wturns') FROM unnest('{a,b}'::text[]) k, generate_series(1, 80) i;
SELECT temporal.test_drive();
SELECT is((SELECT string_agg(k || ' ' || c, ', ' ORDER BY k) FROM (SELECT left(id, 1) k, count(*) c FROM (SELECT id FROM did ORDER BY n LIMIT 80) x GROUP BY 1) y), 'a 20, b 60', '... by weights in a queue with settings');
TRUNCATE did;

-- ---------- polls ----------

CREATE FUNCTION pg_temp.polls(queue text, times int, most int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		INSERT INTO shop.did (id) SELECT workflow_id FROM temporal.poll_activity_task(queue, 'me', '0 s', most);
	END LOOP;
END $$;
SELECT pg_temp.fans('w1', 'ext', 500, 'out', NULL, 'one', 1), pg_temp.fans('w2', 'ext', 500, 'out', NULL, 'two', 2), pg_temp.fans('w4', 'ext', 900, 'out', NULL, 'four', 4), pg_temp.fans('late', 'ext', 3, 'out', 5), pg_temp.fans('soon', 'ext', 3, 'out', 1);
SELECT temporal.test_drive();
SELECT pg_temp.polls('out', 703, 1);
SELECT is(pg_temp.shares(1, 3), 'soon 3', 'polls: by priority');
SELECT is(pg_temp.shares(4, 703), 'w1 100, w2 200, w4 400', '... then by weights, one at a time');
TRUNCATE did;
SELECT pg_temp.polls('out', 70, 10);
SELECT is(pg_temp.shares(1, 700), 'w1 100, w2 200, w4 400', '... and ten at a time');
TRUNCATE did;
SELECT pg_temp.fans('new', 'ext', 100, 'out', NULL, 'new');
SELECT temporal.test_drive();
SELECT pg_temp.polls('out', 80, 1);
SELECT is(pg_temp.shares(1, 80), 'new 10, w1 10, w2 20, w4 40', 'a key that comes late has its turns, no more and no less');
TRUNCATE did;
SELECT temporal.configure_task_queue('out', fairness_weights => '{"one": 13}');
SELECT pg_temp.polls('out', 200, 1);
SELECT ok((SELECT bool_and(abs(count - CASE id WHEN 'w1' THEN 130 WHEN 'w2' THEN 20 WHEN 'w4' THEN 40 ELSE 10 END) <= 1) FROM (SELECT id, count(*) FROM did GROUP BY id) x), 'weights of the queue count at once, for what is in line');
TRUNCATE did;
-- runs of a key, as outside of a test
SELECT pg_temp.fans('r1', 'ext', 50, 'runs', NULL, 'k'), pg_temp.fans('r2', 'ext', 50, 'runs', NULL, 'k');
SELECT temporal.test_drive();
SELECT pg_temp.polls('runs', 20, 1);
SELECT is(pg_temp.shares(1, 20), 'r1 10, r2 10', 'runs of one key take turns');

SELECT * FROM finish();
ROLLBACK;
