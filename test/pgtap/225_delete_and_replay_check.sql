-- delete_workflow (A-52), replay_check(), result() of one run of a chain (I-01, I-02).
BEGIN;
SELECT plan(45);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- rows of all tables that belong to no run, or to the runs of an id
CREATE FUNCTION pg_temp.rows_of(keys bigint[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(jsonb_object_agg(t, n), '{}') FROM (
		SELECT 'execution' AS t, count(*) AS n FROM temporal_internal.execution WHERE key = ANY (keys)
		UNION ALL SELECT 'history', count(*) FROM temporal_internal.history WHERE execution_key = ANY (keys)
		UNION ALL SELECT 'message', count(*) FROM temporal_internal.message WHERE execution_key = ANY (keys)
		UNION ALL SELECT 'outbox', count(*) FROM temporal_internal.outbox WHERE execution_key = ANY (keys)
		UNION ALL SELECT 'activity_task', count(*) FROM temporal_internal.activity_task WHERE execution_key = ANY (keys)
		UNION ALL SELECT 'search_attribute', count(*) FROM temporal_internal.search_attribute WHERE execution_key = ANY (keys)
		UNION ALL SELECT 'signal_request', count(*) FROM temporal_internal.signal_request WHERE execution_key = ANY (keys)) c
	WHERE n > 0
$$;
CREATE FUNCTION pg_temp.keys_of(id text) RETURNS bigint[] LANGUAGE sql AS $$
	SELECT array_agg(key) FROM temporal_internal.execution WHERE workflow_id = id
$$;

CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS $$BEGIN NULL; END $$;
CREATE FUNCTION busy() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_activity('slow', start_to_close_timeout => '1 min', activity_id => 'a');
	PERFORM temporal.start_timer('1 day');
	PERFORM temporal.wait_signal('go');
	RETURN 'done';
END $$;
SELECT temporal.register_search_attribute('Place', 'Keyword');
SELECT temporal.register_activity('slow'), temporal.register_workflow('busy');

-- ---------- delete_workflow ----------

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('busy', id => 'd1', search_attributes => '{"Place": "here"}', run_timeout => '1 week');
SELECT temporal.mock_activity('slow', fails => '{"message": "later", "next_retry_delay": "1 h"}');
SELECT temporal.signal('d1', 'other', request_id => 'r1');
SELECT temporal.test_drive();
SELECT pg_temp.keys_of('d1') AS d1 \gset
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(pg_temp.rows_of(:'d1')) k), '{activity_task,execution,history,message,search_attribute,signal_request}',
	'an open run has rows in many tables');
SELECT temporal.delete_workflow('d1');
SELECT is(pg_temp.rows_of(:'d1'), '{}', 'none of them is left');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.describe('d1')$$), 'TP010', 'it does not exist any more');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.delete_workflow('d1')$$), 'TP010', 'so it cannot be deleted again');
SELECT temporal.test_drive();
SELECT is(pg_temp.rows_of(:'d1'), '{}', 'and nothing comes back');
SELECT temporal.mock_activity('slow', returns => 'null');
SELECT is((SELECT temporal.start_workflow('busy', id => 'd1')), 'd1', 'its id is free');
SELECT temporal.test_drive();
SELECT temporal.signal('d1', 'go');
SELECT temporal.test_drive('closed', 'd1');
SELECT is(temporal.result('d1'), '"done"', 'a run of that id ends');
SELECT pg_temp.keys_of('d1') AS d1 \gset
SELECT temporal.delete_workflow('d1');
SELECT is(pg_temp.rows_of(:'d1'), '{}', 'a closed one is deleted just so');

-- one run of several
CREATE FUNCTION chain(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN
		PERFORM temporal.sleep('1 min');
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	PERFORM temporal.wait_signal('go');
	RETURN 'end of the chain';
END $$;
SELECT temporal.register_workflow('chain');
SELECT temporal.start_workflow('chain', '2', id => 'c1');
SELECT temporal.test_advance('5 min');
SELECT array_agg(run_id ORDER BY start_time, is_current) AS runs FROM temporal.workflow WHERE workflow_id = 'c1' \gset
SELECT is(cardinality(:'runs'::uuid[]), 3, 'three runs');
SELECT temporal.delete_workflow('c1', (:'runs'::uuid[])[2]);
SELECT is((SELECT array_agg(run_id ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'c1'), ARRAY[(:'runs'::uuid[])[1], (:'runs'::uuid[])[3]], 'the one in the middle is deleted');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.result('c1', %L)$$, (:'runs'::uuid[])[1])), 'TP010', 'a chain cannot be followed across the gap');
SELECT temporal.delete_workflow('c1');
SELECT is((SELECT array_agg(run_id) FROM temporal.workflow WHERE workflow_id = 'c1'), ARRAY[(:'runs'::uuid[])[1]], 'without run id the latest');

-- parents and children
CREATE FUNCTION kid() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN 'grown'; END $$;
CREATE FUNCTION parent(policy text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_child_workflow('kid', id => 'kid of ' || (temporal.workflow_info()).workflow_id, parent_close_policy => policy) #>> '{}';
EXCEPTION WHEN SQLSTATE 'TF003' THEN
	RETURN 'child: ' || (temporal.failure() #>> '{cause,message}');
END $$;
SELECT temporal.register_workflow('kid'), temporal.register_workflow('parent');
SELECT temporal.start_workflow('parent', to_jsonb(p), id => 'p ' || p) FROM unnest('{terminate,abandon}'::text[]) p;
SELECT temporal.start_workflow('parent', '"terminate"', id => 'p3');
SELECT temporal.test_drive();
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'kid of %' AND status = 'Running'), 3::bigint, 'three children');
SELECT temporal.delete_workflow('p terminate'), temporal.delete_workflow('p abandon');
SELECT is(pg_temp.status_of('kid of p terminate'), 'Terminated', 'the parent close policy is applied, before its row in the outbox is gone');
SELECT is((SELECT attributes ->> 'reason' FROM temporal.history WHERE workflow_id = 'kid of p terminate' AND event_type = 'WorkflowExecutionTerminated'), 'by parent close policy', 'as at any end of a parent');
SELECT is(pg_temp.status_of('kid of p abandon'), 'Running', 'also abandon');
SELECT temporal.signal('kid of p abandon', 'go');
SELECT temporal.test_drive('closed', 'kid of p abandon');
SELECT is(pg_temp.status_of('kid of p abandon'), 'Completed', 'whose end nobody wants to know');
SELECT temporal.delete_workflow('kid of p3');
SELECT temporal.test_drive('closed', 'p3');
SELECT matches(temporal.result('p3') #>> '{}', '^child: ', 'a parent is told of the end of a child that is deleted');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'p3' AND event_type = 'ChildWorkflowExecutionTerminated'), 1::bigint, 'as terminated');

-- rights and places
CREATE ROLE tpg_d_client LOGIN;
CREATE ROLE tpg_d_admin LOGIN;
SELECT temporal.grant_access('default', 'tpg_d_client', 'client'), temporal.grant_access('default', 'tpg_d_admin', 'admin');
SELECT temporal.start_workflow('busy', id => 'd2');
GRANT USAGE ON SCHEMA shop TO tpg_d_client, tpg_d_admin;
SET LOCAL ROLE tpg_d_client;
SELECT throws_ok($$SELECT temporal.delete_workflow('d2')$$, '42501', NULL, 'a client may not');
SET LOCAL ROLE tpg_d_admin;
SELECT lives_ok($$SELECT temporal.delete_workflow('d2')$$, 'an admin may');
RESET ROLE;
CREATE FUNCTION remover() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('remove_self'); END $$;
CREATE FUNCTION remove_self() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.delete_workflow('s1');
	RETURN 'gone';
EXCEPTION WHEN SQLSTATE 'TP021' THEN
	RETURN 'refused';
END $$;
SELECT temporal.register_activity('remove_self'), temporal.register_workflow('remover');
SELECT is(temporal.test_run('remover', id => 's1'), '"refused"', 'an activity cannot delete its own run');
SAVEPOINT before;
SELECT temporal.delete_workflow('s1');
ROLLBACK TO before;
SELECT is(temporal.replay('s1') > 1, true, 'a deletion that is rolled back has not been');

-- ---------- result() of one run ----------

SELECT temporal.start_workflow('chain', '1', id => 'c2');
SELECT temporal.test_advance('5 min');
SELECT temporal.signal('c2', 'go');
SELECT temporal.test_drive('closed', 'c2');
SELECT first_run_id AS first, run_id AS last FROM temporal.workflow WHERE workflow_id = 'c2' AND is_current \gset
SELECT is(temporal.result('c2', :'first'), '"end of the chain"', 'a result is that of the chain');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.result('c2', %L, follow_runs => false)$$, :'first')), 'TP012', 'follow_runs => false: that run has no result of its own');
SELECT is(pg_temp.message_of(format($$SELECT temporal.result('c2', %L, follow_runs => false)$$, :'first')), 'workflow "c2" has continued as new', 'it says so');
SELECT is(pg_temp.detail_of(format($$SELECT temporal.result('c2', %L, follow_runs => false)$$, :'first'))::jsonb, jsonb_build_object('workflow_id', 'c2', 'run_id', :'last'), 'and where it goes on');
SELECT isnt(pg_temp.hint_of(format($$SELECT temporal.result('c2', %L, follow_runs => false)$$, :'first')), '', 'with a hint');
SELECT is(temporal.result('c2', :'last', follow_runs => false), '"end of the chain"', 'the last run of a chain has one');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.result('c2', %L, follow_runs => NULL)$$, :'first')), '22004', 'NULL is neither');

-- ---------- replay_check ----------

CREATE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.execute_activity('slow');
	PERFORM temporal.wait_signal('go');
	RETURN 'done';
END $$;
SELECT temporal.mock_activity('slow', returns => 'null');
SELECT temporal.register_workflow('steps');
SELECT temporal.start_workflow('steps', '1', id => 'r' || i) FROM generate_series(1, 5) i;
SELECT temporal.start_workflow('steps', '1', id => 'not begun', start_delay => '1 year');
SELECT temporal.test_advance('2 min');
SELECT temporal.signal('r5', 'go');
SELECT temporal.test_drive('closed', 'r5');
SELECT is_empty('SELECT * FROM temporal.replay_check()', 'with the code that wrote them all replay');
SELECT is_empty($$SELECT * FROM temporal.replay_check('steps')$$, 'also those of one type');

-- the gate: code is tried in the transaction that would deploy it
SAVEPOINT deploy;
CREATE OR REPLACE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('slow');
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.wait_signal('go');
	RETURN 'done';
END $$;
SELECT is((SELECT array_agg(workflow_id ORDER BY workflow_id) FROM temporal.replay_check('steps')), '{r1,r2,r3,r4}', 'a row for each open run that does not; closed ones and those that have not begun are not asked');
SELECT is((SELECT array_agg(DISTINCT ARRAY[workflow_type, sqlstate, message, detail]) FROM temporal.replay_check()),
	ARRAY[ARRAY['steps', 'TP020', 'workflow code does not match history at event 2', 'History has TimerStarted of timer 1; the code asked for activity "slow" with id 1 to be scheduled.']], 'with what replay() would say');
SELECT is((SELECT count(*) FROM temporal.replay_check() c JOIN temporal.workflow w USING (workflow_id, run_id, workflow_type)), 4::bigint, 'and which run it is');
SELECT is_empty($$SELECT * FROM temporal.replay_check('kid')$$, 'other types are not concerned');
ROLLBACK TO deploy;
SELECT is_empty('SELECT * FROM temporal.replay_check()', 'rolled back, nothing has happened');

-- each run by itself: whatever one raises, the others are looked at
CREATE OR REPLACE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE (temporal.workflow_info()).workflow_id
		WHEN 'r1' THEN PERFORM 1 / (n - n);
		WHEN 'r2' THEN RETURN 'early';
		WHEN 'r3' THEN RAISE EXCEPTION 'a failure of the workflow';
		ELSE NULL;
	END CASE;
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.execute_activity('slow');
	PERFORM temporal.wait_signal('go');
	RETURN 'done';
END $$;
SELECT is((SELECT array_agg(workflow_id || ' ' || sqlstate ORDER BY workflow_id) FROM temporal.replay_check()), '{"r1 22012","r2 TP020","r3 TP020"}', 'division by zero, an early return, a failure');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'r1' AND event_type = 'WorkflowTaskFailed'), 0::bigint, 'nothing is written');
DROP FUNCTION steps(int);
SELECT is((SELECT array_agg(DISTINCT sqlstate) FROM temporal.replay_check('steps')), '{TP014}', 'a function that is gone');
SELECT temporal.unregister_workflow('steps');
SELECT is((SELECT array_agg(DISTINCT sqlstate) FROM temporal.replay_check()), '{TP014}', 'a type that is not registered any more');
SELECT is(pg_temp.sqlstate_of($$SELECT * FROM temporal.replay_check('stepz')$$), 'TP014', 'a mistyped name does not pass');
-- more than one batch, and no memory for each
CREATE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN 'done'; END $$;
SELECT temporal.register_workflow('steps');
SELECT count(temporal.start_workflow('steps', '1', id => 'many' || i)) FROM generate_series(1, 1100) i;
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 s'); RETURN 'done'; END $$;
SELECT is((SELECT count(DISTINCT workflow_id) FROM temporal.replay_check('steps') WHERE workflow_id LIKE 'many%'), 1100::bigint, 'all of many runs');
CREATE FUNCTION pg_temp.interrupted(command text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END $$;
CREATE OR REPLACE FUNCTION steps(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN LOOP END LOOP; END $$;
SET LOCAL statement_timeout = '300ms';
SELECT is(pg_temp.interrupted($$SELECT count(*) FROM temporal.replay_check('steps')$$), true, 'it can be interrupted, also in code that does not end');
RESET statement_timeout;
SET LOCAL ROLE tpg_d_client;
SELECT lives_ok($$SELECT * FROM temporal.replay_check('kid')$$, 'a client may');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
