-- Task queues: settings, their view and their rights; priorities and fairness keys and who has them from whom; an
-- activity tested alone. What executors make of limits is in tap/270_task_queues.pl.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(47);
\ir ../lib/helpers.sql

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
CREATE ROLE queue_admin;
CREATE ROLE queue_author LOGIN;
GRANT USAGE ON SCHEMA shop TO queue_author;
SELECT temporal.grant_access('default', 'queue_author', 'author');
SELECT temporal.create_namespace('other');
SELECT temporal.grant_access('other', 'queue_admin', 'admin');

CREATE FUNCTION act(n int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION parent() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_activity('act', 1);
	PERFORM temporal.start_activity('act', 2, priority_key => 5);
	PERFORM temporal.start_activity('act', 3, task_queue => 'slow', fairness_key => 'own', fairness_weight => 0.5);
	PERFORM temporal.start_activity('preferred', 4);
	PERFORM temporal.start_child_workflow('child', id => 'child');
	PERFORM temporal.sleep('1 h');
END $$;
CREATE FUNCTION child() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_activity('act', 5);
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.continue_as_new();
END $$;
SELECT temporal.register_workflow('parent'), temporal.register_workflow('child'), temporal.register_activity('act'), temporal.register_activity('preferred', 'act', priority_key => 1);

-- ---------- settings ----------

SELECT is((SELECT count(*) FROM temporal.task_queue WHERE task_queue = 'slow'), 0::bigint, 'a queue without settings and without work is not there');
SELECT lives_ok($$SELECT temporal.configure_task_queue('slow', max_concurrent_activities => 3, activities_per_second => 0.5)$$, 'a queue is configured before it is used');
SELECT results_eq($$SELECT kind, max_concurrent, max_per_second, backlog, pollers FROM temporal.task_queue WHERE task_queue = 'slow' ORDER BY kind$$,
	$$VALUES ('activity', 3, 0.5::float8, 0::bigint, 0), ('workflow', NULL, NULL, 0::bigint, 0)$$, '... and shown, by kind');
SELECT lives_ok($$SELECT temporal.configure_task_queue('slow', max_concurrent_workflow_tasks => 0)$$, 'another limit');
SELECT results_eq($$SELECT kind, max_concurrent, max_per_second FROM temporal.task_queue WHERE task_queue = 'slow' ORDER BY kind$$,
	$$VALUES ('activity', 3, 0.5::float8), ('workflow', 0, NULL)$$, '... keeps the others');
SELECT lives_ok($$SELECT temporal.configure_task_queue('slow', -1, -1, -1, fairness_weights => '{"gold": 5, "huge": 1e9, "tiny": 0.0000001}')$$, '-1 takes them away');
SELECT results_eq($$SELECT DISTINCT max_concurrent, max_per_second, fairness_weights FROM temporal.task_queue WHERE task_queue = 'slow'$$,
	$$VALUES (NULL::int, NULL::float8, '{"gold": 5, "huge": 1000, "tiny": 0.001}'::jsonb)$$, '... and weights are clamped');
SELECT lives_ok($$SELECT temporal.pause_task_queue('slow', 'being repaired')$$, 'it is paused');
SELECT results_eq($$SELECT DISTINCT pause_reason, paused_since IS NOT NULL FROM temporal.task_queue WHERE task_queue = 'slow'$$, $$VALUES ('being repaired', true)$$, '... for a reason');
SELECT lives_ok($$SELECT temporal.pause_task_queue('slow', 'for longer')$$, '... and again');
SELECT results_eq($$SELECT DISTINCT pause_reason FROM temporal.task_queue WHERE task_queue = 'slow'$$, $$VALUES ('for longer')$$, '... for another one');
SELECT lives_ok($$SELECT temporal.unpause_task_queue('slow'), temporal.configure_task_queue('slow', fairness_weights => '{}')$$, 'all is taken away');
SELECT is((SELECT count(*) FROM temporal_internal.task_queue_settings), 0::bigint, '... and nothing is left of it');
SELECT lives_ok($$SELECT temporal.unpause_task_queue('never')$$, 'one that is not paused is no error');

-- ---------- rights ----------

SET LOCAL ROLE queue_author;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.configure_task_queue('slow', 1)$$), '42501', 'an author does not configure');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.pause_task_queue('slow')$$), '42501', '... nor pause');
SELECT throws_ok('SELECT * FROM temporal_internal.task_queue_settings', '42501', NULL, '... nor read the table');
SET LOCAL ROLE queue_admin;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.pause_task_queue('slow')$$), '42501', 'an admin of another namespace neither');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.stop_workers()$$), '42501', '... nor does he stop the workers');
SET LOCAL temporal_pg.namespace = 'other';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.pause_task_queue('slow')$$), 'ok', 'in his own he does');
SELECT is((SELECT count(*) FROM temporal.task_queue WHERE namespace = 'other' AND task_queue = 'slow'), 2::bigint, '... and sees it');
RESET ROLE;
SET LOCAL temporal_pg.namespace = 'default';
SET LOCAL ROLE queue_author;
SELECT is((SELECT count(*) FROM temporal.task_queue WHERE namespace = 'other'), 0::bigint, '... others do not');
RESET ROLE;
SELECT temporal.drop_namespace('other');
SELECT is((SELECT count(*) FROM temporal_internal.task_queue_settings), 0::bigint, 'settings go with their namespace');

-- ---------- who has what priority ----------

SELECT temporal.test_start('2030-01-01');
SELECT temporal.mock_activity('never');
SELECT temporal.start_workflow('parent', id => 'p', priority_key => 2, fairness_key => 'ann', fairness_weight => 3);
-- held back, so that the rows can be looked at
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.paused := true; RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON temporal_internal.activity_task FOR EACH ROW EXECUTE FUNCTION hold();
SELECT temporal.test_drive();
SELECT results_eq($$SELECT a.activity_type, a.priority_key::int, a.fairness_key COLLATE "default", a.fairness_weight FROM temporal_internal.activity_task a JOIN temporal_internal.execution e ON e.key = a.execution_key WHERE e.workflow_id = 'p' ORDER BY a.scheduled_event_id$$,
	$$VALUES ('act', 2, 'ann', 3::float8), ('act', 5, 'ann', 3), ('act', 2, 'own', 0.5), ('preferred', 1, 'ann', 3)$$, 'an activity has its own, then its registration''s, then the workflow''s priority, field by field');
SELECT results_eq($$SELECT a.priority_key::int, a.fairness_key COLLATE "default", a.fairness_weight FROM temporal_internal.activity_task a JOIN temporal_internal.execution e ON e.key = a.execution_key WHERE e.workflow_id = 'child'$$,
	$$VALUES (2, 'ann', 3::float8)$$, 'a child''s activity that of the parent');
SELECT is((SELECT attributes -> 'priority' FROM temporal.history WHERE workflow_id = 'child' AND event_id = 1), '{"priorityKey": 2, "fairnessKey": "ann", "fairnessWeight": 3}'::jsonb, '... as its first event says');
SELECT is((SELECT priority_key FROM temporal.describe('p')), 2, 'describe() says it, too');
DROP TRIGGER hold ON temporal_internal.activity_task;
DELETE FROM temporal_internal.activity_task;
SELECT temporal.test_advance('1 h 1 s');
SELECT is((SELECT e.priority FROM temporal_internal.execution e WHERE e.workflow_id = 'child' ORDER BY run_no DESC LIMIT 1), '{"priorityKey": 2, "fairnessKey": "ann", "fairnessWeight": 3}'::jsonb, 'it is kept when a run continues as new');

-- ---------- an activity alone ----------

CREATE TABLE done (n int, who name);
CREATE FUNCTION works(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE i temporal.activity_info := temporal.activity_info();
BEGIN
	IF n < 0 THEN
		RAISE EXCEPTION 'negative' USING ERRCODE = '22003';
	END IF;
	INSERT INTO shop.done VALUES (n, current_user);
	RETURN jsonb_build_object('n', n, 'id', i.activity_id, 'type', i.activity_type, 'attempt', i.attempt, 'details', i.heartbeat_details, 'workflow', i.workflow_id, 'queue', i.task_queue);
END $$;
CREATE FUNCTION later() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.complete_async(); RETURN 1; END $$;
ALTER FUNCTION works(int) OWNER TO queue_author;
GRANT INSERT ON done TO queue_author;
SELECT temporal.register_activity('works'), temporal.register_activity('later');
SELECT is(temporal.test_activity('works', '7'), '{"n": 7, "id": "test", "type": "works", "queue": "test", "attempt": 1, "details": null, "workflow": "test"}'::jsonb, 'an activity runs alone');
SELECT is((SELECT array_agg(n || ' ' || who) FROM done), '{7 queue_author}', '... as its owner, in this transaction');
SELECT is(temporal.test_activity('works', '8', attempt => 3, heartbeat_details => '{"done": 5}') - 'n' - 'id' - 'type' - 'queue' - 'workflow', '{"attempt": 3, "details": {"done": 5}}'::jsonb, '... with a given attempt and details');
SELECT throws_ok($$SELECT temporal.test_activity('works', '-1')$$, '22003', 'negative', 'its error is raised as it is');
SELECT is(current_user::text, session_user::text, '... and leaves nothing behind');
SELECT throws_ok('SELECT temporal.activity_info()', 'TP021', NULL, '... no activity either');
SELECT is(temporal.test_activity('later'), NULL, 'one that completes later has no result');
SELECT is(temporal.test_activity('act', '1', cancelled => true), '1'::jsonb, 'without a heartbeat it does not notice that it is cancelled');
SELECT is((SELECT count(*) FROM temporal.test_heartbeats()), 0::bigint, '... and there is none');
CREATE FUNCTION beats(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN coalesce((((temporal.activity_info()).heartbeat_details) ->> 'done')::int, 0) + 1 .. n LOOP
		PERFORM temporal.heartbeat(jsonb_build_object('done', i));
	END LOOP;
	RETURN 'all';
EXCEPTION WHEN query_canceled THEN
	IF n > 9 THEN
		RAISE;
	END IF;
	RETURN 'cleaned up: ' || (temporal.cancellation_details()).cancel_requested;
END $$;
SELECT temporal.register_activity('beats');
SELECT is(temporal.test_activity('beats', '3'), '"all"'::jsonb, 'one that sends heartbeats');
SELECT results_eq('SELECT heartbeat, details FROM temporal.test_heartbeats()', $$VALUES (1, '{"done": 1}'::jsonb), (2, '{"done": 2}'), (3, '{"done": 3}')$$, '... each of which is kept');
SELECT temporal.test_activity('beats', '3', heartbeat_details => '{"done": 2}');
SELECT results_eq('SELECT details FROM temporal.test_heartbeats()', $$VALUES ('{"done": 3}'::jsonb)$$, '... and that goes on from the details of an earlier attempt');
SELECT is(temporal.test_activity('beats', '3', cancelled => true), '"cleaned up: true"'::jsonb, 'a cancelled one hears of it at its first heartbeat');
CREATE FUNCTION cancelled(command text) RETURNS boolean LANGUAGE plpgsql AS $$      -- throws_ok() does not catch query_canceled
BEGIN
	EXECUTE command;
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END $$;
SELECT ok(cancelled($$SELECT temporal.test_activity('beats', '10', cancelled => true)$$), '... and may let it go on');
SELECT temporal.mock_activity('works', returns => '"mocked"');
SELECT is(temporal.test_activity('works', '9') ->> 'n', '9', 'a mock does not count');
SELECT is(temporal.test_now(), '2030-01-01 01:00:01'::timestamptz, 'the clock of the test stands still');
SAVEPOINT s;
SELECT is(temporal.test_activity('works', '10') ->> 'n', '10', 'after a rollback');
ROLLBACK TO s;
SELECT is((SELECT count(*) FROM done WHERE n = 10), 0::bigint, '... what it did is gone');
SELECT ok(temporal.test_active(), 'it runs in a test environment, which cannot be committed');

SELECT * FROM finish();
ROLLBACK;
