-- Priority, fairness key and fairness weight (A-48, H-09): which calls take them, who has them from whom, where they are
-- seen, what keeps them. Whose turn it is by them: 272_turns.sql, tap/333, tap/344, tap/346.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM no_plan();
\ir ../lib/helpers.sql

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

-- ---------- the calls that take them ----------

CREATE TABLE calls (call text, fairness text[]);
INSERT INTO calls SELECT p.oid::regprocedure::text, p.proargnames FROM pg_proc p WHERE p.pronamespace = 'temporal'::regnamespace AND p.proname IN
	('start_workflow', 'start_workflow_execution', 'execute_workflow', 'signal_with_start', 'update_with_start', 'execute_activity', 'start_activity',
	'execute_child_workflow', 'start_child_workflow', 'register_activity', 'update_activity_options', 'test_run');
SELECT is((SELECT count(*) FROM calls), 12::bigint, 'all of them are there, one of a name');
SELECT is((SELECT array_agg(call) FROM calls WHERE NOT fairness @> '{priority_key,fairness_key,fairness_weight}'), NULL, 'each takes all three');
SELECT is((SELECT array_agg(DISTINCT proname) FROM pg_proc WHERE pronamespace = 'temporal'::regnamespace AND proargnames @> '{fairness_key}' AND NOT proargnames @> '{priority_key}'), NULL, 'none takes only some of them');

CREATE FUNCTION act() RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(i) FROM temporal.activity_info() i$$;
-- workflow code that runs any statement, and tells its error
CREATE FUNCTION code(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION upd() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION info(wait interval DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE i jsonb;
BEGIN
	IF wait IS NOT NULL THEN
		PERFORM temporal.sleep(wait);
	END IF;
	SELECT to_jsonb(w) INTO i FROM temporal.workflow_info() w;
	RETURN jsonb_build_object('run', i, 'activity', temporal.execute_activity('act'), 'own', temporal.execute_activity('act', priority_key => 4, fairness_key => 'own', fairness_weight => 9));
END $$;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SET LOCAL temporal_pg.determinism = off;
SELECT temporal.register_activity('act'), temporal.register_workflow('code'), temporal.register_workflow('info', updates => '{"upd": "upd"}');
CREATE FUNCTION pg_temp.in_code(statement text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN temporal.test_run('code', to_jsonb(statement)) #>> '{}'; END $$;
CREATE FUNCTION pg_temp.outside(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE bad (argument text, message text);
INSERT INTO bad VALUES ($$priority_key => 0$$, 'priority_key must be between 1 and 5'), ($$priority_key => 6$$, 'priority_key must be between 1 and 5'), ($$priority_key => -1$$, 'priority_key must be between 1 and 5'),
	($$fairness_key => ''$$, 'fairness_key must have 1 to 64 bytes'), ($$fairness_key => repeat('x', 65)$$, 'fairness_key must have 1 to 64 bytes'), ($$fairness_key => repeat('é', 33)$$, 'fairness_key must have 1 to 64 bytes'),
	($$fairness_weight => 0$$, 'fairness_weight must be a positive number'), ($$fairness_weight => -0.5$$, 'fairness_weight must be a positive number'), ($$fairness_weight => 'NaN'$$, 'fairness_weight must be a positive number'),
	($$fairness_weight => 'Infinity'$$, 'fairness_weight must be a positive number'), ($$fairness_weight => '-Infinity'$$, 'fairness_weight must be a positive number');
SELECT is(pg_temp.outside(format('SELECT temporal.%s, %s)', call, argument)), '22023 ' || message, format('%s, %s)', call, argument)) FROM bad, (VALUES
	($$start_workflow('info'$$), ($$start_workflow_execution('info'$$), ($$signal_with_start('info', 's'$$), ($$update_with_start('info', 'upd'$$), ($$test_run('info'$$), ($$register_activity('x', 'shop.act'$$), ($$update_activity_options('none', 'a'$$)) c (call);
SELECT is(pg_temp.in_code(format('SELECT temporal.%s, %s)', call, argument)), '22023 ' || message, format('%s, %s)', call, argument)) FROM bad, (VALUES
	($$execute_activity('act'$$), ($$start_activity('act'$$), ($$execute_child_workflow('info'$$), ($$start_child_workflow('info'$$)) c (call);
SELECT is(pg_temp.in_code(format('SELECT temporal.%s(''act'', %s => %s)', call, name, value)), format('42883 function temporal.%s(unknown, %s => %s) does not exist', call, name, type), call || ' takes no ' || name)
	FROM (VALUES ('execute_local_activity'), ('start_local_activity')) c (call), (VALUES ('priority_key', '1', 'integer'), ('fairness_key', $$'a'::text$$, 'text')) a (name, value, type);
-- at the bounds
SELECT is(pg_temp.outside(format($$SELECT temporal.start_workflow('info', %s)$$, argument)), 'ok', argument)
	FROM (VALUES ('priority_key => 1'), ('priority_key => 5'), ($$fairness_key => repeat('x', 64)$$), ($$fairness_key => repeat('é', 32)$$), ('fairness_weight => 1e300'), ('fairness_weight => 1e-300'), ($$fairness_key => ' '$$)) a (argument);
SELECT is((SELECT array_agg((temporal.test_run('info', fairness_key => 'k', fairness_weight => w) #>> '{run,fairness_weight}')::float8 ORDER BY w) FROM unnest('{1e-300,0.001,0.5,1000,1e300}'::float8[]) w), '{0.001,0.001,0.5,1000,1000}', 'weights are clamped to 0.001 and 1000, and nothing else is');
-- calls of old go to the same functions
SELECT lives_ok($$SELECT temporal.start_workflow('info', NULL, 'old', 'default', NULL, NULL, NULL, 'allow_duplicate', 'fail', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2, 'request')$$, 'start_workflow() by position');
SELECT lives_ok($$SELECT temporal.register_activity('old', 'shop.act', 'transactional', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '{}')$$, 'register_activity() by position');
SELECT is(pg_temp.in_code($$SELECT temporal.execute_child_workflow('info', NULL, 'old child', NULL, NULL, NULL, NULL, 'abandon', 'abandon', 'allow_duplicate', NULL, NULL, NULL, NULL, 'summary')$$), 'ok', 'execute_child_workflow() by position');

-- ---------- who has them from whom ----------

CREATE FUNCTION pg_temp.three(info jsonb) RETURNS text LANGUAGE sql AS $$SELECT concat_ws('|', info ->> 'priority_key', coalesce(info ->> 'fairness_key', '-'), coalesce(info ->> 'fairness_weight', '-'))$$;
SELECT temporal.test_run('info') AS r \gset
SELECT is(ARRAY[pg_temp.three(:'r'::jsonb -> 'run'), pg_temp.three(:'r'::jsonb -> 'activity'), pg_temp.three(:'r'::jsonb -> 'own')], '{3|-|-,3|-|-,4|own|9}', 'nothing is given but to one activity');
SELECT temporal.test_run('info', priority_key => 2, fairness_key => 'ann', fairness_weight => 3) AS r \gset
SELECT is(ARRAY[pg_temp.three(:'r'::jsonb -> 'run'), pg_temp.three(:'r'::jsonb -> 'activity'), pg_temp.three(:'r'::jsonb -> 'own')], '{2|ann|3,2|ann|3,4|own|9}', 'an activity has those of its workflow, or its own');
-- in a later workflow task, of a run that was kept in memory
SELECT temporal.test_run('info', '"1 h"', priority_key => 2, fairness_key => 'ann', fairness_weight => 3) AS r \gset
SELECT is(ARRAY[pg_temp.three(:'r'::jsonb -> 'run'), pg_temp.three(:'r'::jsonb -> 'activity')], '{2|ann|3,2|ann|3}', '... also in a later workflow task');
-- through the other ways to start
SELECT temporal.signal_with_start('info', 's', id => 'sws', priority_key => 1, fairness_key => 'sws', fairness_weight => 2), temporal.start_workflow_execution('info', id => 'swe', priority_key => 1, fairness_key => 'swe', fairness_weight => 2),
	temporal.update_with_start('info', 'upd', id => 'uws', priority_key => 1, fairness_key => 'uws', fairness_weight => 2);
SELECT temporal.test_drive();
SELECT is((SELECT concat_ws('|', d.priority_key, d.fairness_key, d.fairness_weight) FROM temporal.describe(id) d), '1|' || id || '|2', id || ': describe() shows them')
	FROM unnest('{sws,swe,uws}'::text[]) id;
SELECT is((SELECT h.attributes -> 'priority' FROM temporal.history h WHERE h.workflow_id = 'sws' AND h.event_id = 1), '{"priorityKey": 1, "fairnessKey": "sws", "fairnessWeight": 2}', 'so does the first event');
SELECT is((SELECT concat_ws('|', d.priority_key, coalesce(d.fairness_key, '-'), coalesce(d.fairness_weight::text, '-')) FROM temporal.describe('old child') d), '3|-|-', 'describe() of a workflow that was given none');

-- children, and theirs
CREATE FUNCTION family(depth int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE children jsonb := '{}';
BEGIN
	IF depth > 0 THEN
		children := jsonb_build_object('same', temporal.execute_child_workflow('family', depth - 1, id => 'same' || depth),
			'key', temporal.execute_child_workflow('family', depth - 1, id => 'key' || depth, fairness_key => 'key' || depth),
			'weight', temporal.await(temporal.start_child_workflow('family', depth - 1, id => 'weight' || depth, fairness_weight => depth)),
			'priority', temporal.execute_child_workflow('family', depth - 1, id => 'priority' || depth, priority_key => depth));
	END IF;
	RETURN children || jsonb_build_object('activity', temporal.execute_activity('act'));
END $$;
SELECT temporal.register_workflow('family');
SELECT temporal.test_run('family', '2', priority_key => 5, fairness_key => 'top', fairness_weight => 7) AS r \gset
SELECT is(pg_temp.three(:'r'::jsonb #> (string_to_array(path, ',') || '{activity}'::text[])), expected, 'A-48: ' || path) FROM (VALUES
	('same', '5|top|7'), ('key', '5|key2|7'), ('weight', '5|top|2'), ('priority', '2|top|7'), ('same,same', '5|top|7'), ('key,same', '5|key2|7'), ('key,key', '5|key1|7'), ('key,weight', '5|key2|1'),
	('weight,priority', '1|top|2'), ('priority,key', '2|key1|7')) v (path, expected);
SELECT is((SELECT h.attributes -> 'priority' FROM temporal.history h WHERE h.event_type = 'StartChildWorkflowExecutionInitiated' AND h.attributes ->> 'workflowId' = 'key2'), '{"fairnessKey": "key2"}', 'the event of the start has what the code has said');
SELECT is((SELECT h.attributes -> 'priority' FROM temporal.history h WHERE h.workflow_id = 'key2' AND h.event_id = 1), '{"priorityKey": 5, "fairnessKey": "key2", "fairnessWeight": 7}', '... and that of the child what holds');
SELECT is((SELECT h.attributes ? 'priority' FROM temporal.history h WHERE h.event_type = 'StartChildWorkflowExecutionInitiated' AND h.attributes ->> 'workflowId' = 'same2'), false, '... nothing where it has said nothing');
SELECT is(temporal.replay('same2'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'same2')::int, 'it replays');

-- of a registration
SELECT temporal.register_activity('preferred', 'shop.act', priority_key => 1, fairness_key => 'type', fairness_weight => 5), temporal.register_activity('heavy', 'shop.act', fairness_weight => 5);
CREATE FUNCTION registered() RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_array(temporal.execute_activity('preferred'), temporal.execute_activity('preferred', fairness_key => 'own'), temporal.execute_activity('heavy'))
$$;
SELECT temporal.register_workflow('registered');
SELECT temporal.test_run('registered', priority_key => 4, fairness_key => 'run', fairness_weight => 2) AS r \gset
SELECT is((SELECT array_agg(pg_temp.three(i)) FROM jsonb_array_elements(:'r') i), '{1|type|5,1|own|5,4|run|5}', 'the call, then the registration, then the workflow');

-- ---------- runs that follow ----------

CREATE FUNCTION again(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	RETURN temporal.execute_activity('act');
END $$;
CREATE FUNCTION fails() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.workflow_info()).attempt < 3 THEN
		PERFORM temporal.raise_application_error('no');
	END IF;
	RETURN temporal.execute_activity('act');
END $$;
SELECT temporal.register_workflow('again'), temporal.register_workflow('fails');
SELECT is(pg_temp.three(temporal.test_run('again', '2', id => 'again', priority_key => 2, fairness_key => 'ann', fairness_weight => 3)), '2|ann|3', 'continue-as-new keeps them');
SELECT is(pg_temp.three(temporal.test_run('fails', id => 'fails', retry_policy => temporal.retry_policy('1 s'), priority_key => 2, fairness_key => 'ann', fairness_weight => 3)), '2|ann|3', 'a retry keeps them');
SELECT temporal.start_workflow('again', '0', id => 'cron', cron_schedule => '@hourly', priority_key => 2, fairness_key => 'ann', fairness_weight => 3);
SELECT temporal.test_advance('3 h');
SELECT results_eq($$SELECT DISTINCT concat_ws('|', d.priority_key, d.fairness_key, d.fairness_weight) FROM temporal.workflow w, temporal.describe(w.workflow_id, w.run_id) d WHERE w.workflow_id = 'cron'$$, $$VALUES ('2|ann|3')$$, 'the runs of a cron schedule keep them');
SELECT cmp_ok((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'cron'), '>=', 3::bigint, '... all of them');
SELECT temporal.terminate('cron');
SELECT temporal.start_workflow('info', '"1 h"', id => 'reset', priority_key => 2, fairness_key => 'ann', fairness_weight => 3);
SELECT temporal.test_drive('closed', 'reset');
SELECT temporal.reset('reset', event_id => 4, reason => 'again');
SELECT temporal.test_drive('closed', 'reset');
SELECT is(pg_temp.three(temporal.result('reset') -> 'activity'), '2|ann|3', 'a reset keeps them');
SELECT is((SELECT concat_ws('|', d.priority_key, d.fairness_key, d.fairness_weight) FROM temporal.describe('reset') d), '2|ann|3', '... as describe() says');

-- ---------- pending ones ----------

SELECT temporal.register_activity('ext', mode => 'external');
CREATE FUNCTION waits() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('ext', activity_id => 'a', task_queue => 'out', fairness_weight => 4, start_to_close_timeout => '1 h'); END $$;
SELECT temporal.register_workflow('waits');
SELECT temporal.start_workflow('waits', id => 'waits', priority_key => 2, fairness_key => 'ann', fairness_weight => 3);
SELECT temporal.test_drive();
CREATE FUNCTION pg_temp.pending() RETURNS text LANGUAGE sql AS $$SELECT concat_ws('|', priority_key, coalesce(fairness_key, '-'), fairness_weight, updated_options -> 'priority') FROM temporal.pending_activity WHERE workflow_id = 'waits'$$;
SELECT is(pg_temp.pending(), '2|ann|4', 'temporal.pending_activity shows them');
SELECT is((SELECT pending_activities #>> '{0,fairness_key}' FROM temporal.describe('waits')), 'ann', '... and so does describe()');
SELECT is((SELECT detail FROM temporal.explain('waits')), 'Attempt 1 waits for a worker that polls task queue "out". Priority 2, fairness key "ann"', '... and explain()');
SELECT results_eq($$SELECT task_queue, kind, priority_key, fairness_key, fairness_weight, backlog, oldest_since FROM temporal.task_queue_backlog WHERE task_queue = 'out'$$, $$SELECT 'out', 'activity', 2, 'ann', 4::float8, 1::bigint, temporal.test_now()$$, '... and what waits in the queue, by key');
SELECT temporal.test_advance('5 min');
SELECT temporal.configure_task_queue('out', fairness_weights => '{"ann": 50}');
SELECT results_eq($$SELECT fairness_weight, oldest_age FROM temporal.task_queue_backlog WHERE task_queue = 'out'$$, $$VALUES (50::float8, '5 min'::interval)$$, '... for how long, and with what weight');
SELECT temporal.start_workflow('waits', id => 'also'), temporal.start_workflow('info', id => 'info', start_delay => '1 s', priority_key => 1, fairness_key => 'ann', fairness_weight => 3, task_queue => 'held');
SELECT is((SELECT array_agg(concat_ws('|', kind, task_queue, priority_key, coalesce(fairness_key, '-'), fairness_weight, backlog) ORDER BY kind, task_queue, priority_key) FROM temporal.task_queue_backlog), '{activity|out|2|ann|50|1,workflow|default|3|-|1|1}', '... workflow tasks, too; not what is not due yet');
SELECT is((SELECT array_agg(concat_ws('|', kind, task_queue, n) ORDER BY kind, task_queue) FROM (SELECT kind, task_queue, sum(backlog) n FROM temporal.task_queue_backlog GROUP BY 1, 2) x),
	(SELECT array_agg(concat_ws('|', kind, task_queue, backlog) ORDER BY kind, task_queue) FROM temporal.task_queue WHERE backlog > 0), '... the sums are those of temporal.task_queue');
SELECT is((SELECT detail FROM temporal.explain('also')), NULL, 'nothing is said of one that was given none');
SELECT temporal.terminate('also'), temporal.terminate('info');
SELECT temporal.update_activity_options('waits', 'a', fairness_key => 'bob');
SELECT is(pg_temp.pending(), '2|bob|4|{"fairnessKey": "bob"}', 'update_activity_options() changes one');
SELECT temporal.update_activity_options('waits', 'a', priority_key => 5, fairness_weight => 1e6);
SELECT is(pg_temp.pending(), '5|bob|1000|{"fairnessKey": "bob", "priorityKey": 5, "fairnessWeight": 1000}', '... and the others, and keeps it');
SELECT is((SELECT concat_ws('|', priority_key, fairness_key, fairness_weight) FROM temporal.poll_activity_task('out', 'me', '0 s')), '5|bob|1000', 'a worker outside is told');
SELECT lives_ok($$SELECT temporal.fail_activity('waits', NULL, 'a', '"no"')$$, 'it fails');
SELECT is(pg_temp.pending(), '5|bob|1000|{"fairnessKey": "bob", "priorityKey": 5, "fairnessWeight": 1000}', '... which it keeps for the next attempt');
SELECT temporal.reset_activity('waits', 'a', restore_original_options => true);
SELECT is(pg_temp.pending(), '2|ann|4', 'restored: its own, and for the rest those of the workflow');

SELECT * FROM finish();
ROLLBACK;
