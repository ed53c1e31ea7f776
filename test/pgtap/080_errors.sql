-- What every public function says to NULL, empty strings, unknown names, wrong contexts, negative and huge
-- intervals, payloads of 3 MB, NUL and broken JSON, and wrong roles: the SQLSTATE, and a HINT where one helps.
--
-- A function of schema temporal without a row in the table below is a failure of this test.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM no_plan();      -- a test for each row of the table

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
CREATE ROLE tpg_nobody LOGIN;
CREATE ROLE tpg_client LOGIN;
GRANT USAGE, CREATE ON SCHEMA shop TO tpg_nobody, tpg_client;

CREATE TYPE answer AS (state text, message text, hint text);
-- runs a command in whatever context it is called
CREATE FUNCTION try(command text) RETURNS answer LANGUAGE plpgsql AS $$
DECLARE a answer;
BEGIN
	EXECUTE command;
	RETURN ROW('ok', '', '')::answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS a.state = RETURNED_SQLSTATE, a.message = MESSAGE_TEXT, a.hint = PG_EXCEPTION_HINT;
	RETURN a;
END $$;
CREATE FUNCTION in_workflow(command text) RETURNS answer LANGUAGE plpgsql AS $$BEGIN RETURN try(command); END $$;
CREATE FUNCTION in_activity(command text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('try', command);
END $$;
CREATE FUNCTION wf(n int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 h'); END $$;
CREATE FUNCTION done() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION failing() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE FUNCTION act(n int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION one(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT temporal.register_activity('try'), temporal.register_activity('act');
SET LOCAL client_min_messages = error;         -- try() is dynamic SQL
SELECT temporal.register_workflow(t) FROM unnest('{in_workflow,in_activity,wf,done,failing}'::text[]) t;
SET LOCAL client_min_messages = warning;
SELECT temporal.grant_access('default', 'tpg_client', 'client');
SELECT temporal.register_search_attribute('known', 'Int');

CREATE FUNCTION in_context(context text, command text) RETURNS answer LANGUAGE plpgsql AS $$
DECLARE a answer;
BEGIN
	IF context IN ('workflow', 'activity') THEN
		BEGIN
			RETURN jsonb_populate_record(NULL::answer, temporal.test_run('in_' || context, to_jsonb(command)));
		EXCEPTION WHEN OTHERS THEN      -- it failed the workflow task
			GET STACKED DIAGNOSTICS a.state = RETURNED_SQLSTATE, a.message = MESSAGE_TEXT, a.hint = PG_EXCEPTION_HINT;
			RETURN a;
		END;
	ELSIF context IN ('tpg_nobody', 'tpg_client') THEN
		EXECUTE format('SET LOCAL ROLE %I', context);
	END IF;
	a := try(command);
	RESET ROLE;
	RETURN a;
END $$;

CREATE TEMP TABLE tried (name text, nargs int, context text, command text, expected text, no_hint bool);

-- big values; commands name them
CREATE FUNCTION big() RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$SELECT to_jsonb(repeat('x', 3 * 1024 * 1024))$$;
CREATE FUNCTION long() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT repeat('x', 1001)$$;
CREATE FUNCTION policy(a int, c float8 DEFAULT 2, i interval DEFAULT '1 s') RETURNS temporal.retry_policy LANGUAGE sql AS $$SELECT ROW(i, c, NULL, a, NULL)::temporal.retry_policy$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shop TO PUBLIC;

-- ---------- contexts: whose call it is ----------

-- only workflow code: outside of it, in an activity, in a query of nobody
INSERT INTO tried SELECT name, nargs, context, command, 'TP021' FROM (VALUES
	('execute_activity', 14, $$temporal.execute_activity('act')$$), ('start_activity', 14, $$temporal.start_activity('act')$$),
	('execute_local_activity', 9, $$temporal.execute_local_activity('act')$$), ('start_local_activity', 9, $$temporal.start_local_activity('act')$$),
	('sleep', 1, $$temporal.sleep('1 s')$$), ('start_timer', 2, $$temporal.start_timer('1 s')$$), ('await', 2, $$temporal.await(NULL::temporal.future)$$), ('await_all', 2, $$temporal.await_all(NULL)$$),
	('await_any', 2, $$temporal.await_any(NULL)$$), ('is_done', 1, $$temporal.is_done(NULL)$$), ('state', 0, $$temporal.state()$$), ('state', 1, $$temporal.state('k')$$), ('state', 2, $$temporal.state('k', 1)$$),
	('set_state', 2, $$temporal.set_state('k', 1)$$), ('set_state', 1, $$temporal.set_state('{}'::jsonb)$$), ('delete_state', 1, $$temporal.delete_state('k')$$), ('now', 0, 'temporal.now()'), ('random', 0, 'temporal.random()'), ('uuid4', 0, 'temporal.uuid4()'),
	('upsert_memo', 1, $$temporal.upsert_memo('{}')$$), ('upsert_search_attributes', 1, $$temporal.upsert_search_attributes('{}')$$), ('set_current_details', 1, $$temporal.set_current_details('x')$$),
	('last_completion_result', 0, 'temporal.last_completion_result()'), ('last_failure', 0, 'temporal.last_failure()'), ('patched', 1, $$temporal.patched('p')$$), ('deprecate_patch', 1, $$temporal.deprecate_patch('p')$$),
	('side_effect', 1, $$temporal.side_effect('SELECT 1')$$), ('side_effect', 2, $$temporal.side_effect('SELECT $1', 1)$$), ('workflow_info', 0, 'temporal.workflow_info()'), ('memo', 0, 'temporal.memo()'),
	('is_replaying', 0, 'temporal.is_replaying()'), ('failure', 0, 'temporal.failure()'), ('failure_type', 0, 'temporal.failure_type()')) f (name, nargs, command), unnest('{client,activity,tpg_nobody}'::text[]) context;
INSERT INTO tried VALUES
	('log', 3, 'client', $$temporal.log('info', 'x')$$, 'TP021', false), ('log', 3, 'workflow', $$temporal.log('debug', 'x')$$, 'ok', false), ('log', 3, 'activity', $$temporal.log('debug', 'x')$$, 'ok', false),
	('complete_async', 0, 'client', $$temporal.complete_async()$$, 'TP021', false), ('complete_async', 0, 'workflow', $$temporal.complete_async()$$, 'TP021', false), ('heartbeat', 1, 'client', $$temporal.heartbeat(1)$$, 'TP021', false), ('heartbeat', 1, 'workflow', $$temporal.heartbeat()$$, 'TP021', false), ('heartbeat', 1, 'activity', $$temporal.heartbeat()$$, 'ok', false), ('heartbeat', 1, 'activity', $$temporal.heartbeat('{"a":')$$, '22P02', true), ('heartbeat', 1, 'activity', 'temporal.heartbeat(shop.big())', 'TP025', false),
	('cancellation_details', 0, 'client', 'temporal.cancellation_details()', 'TP021', false), ('cancellation_details', 0, 'workflow', 'temporal.cancellation_details()', 'TP021', false), ('cancellation_details', 0, 'activity', 'temporal.cancellation_details()', 'ok', false),
	('activity_info', 0, 'client', $$temporal.activity_info()$$, 'TP021', false), ('activity_info', 0, 'workflow', $$temporal.activity_info()$$, 'TP021', false), ('activity_info', 0, 'activity', $$temporal.activity_info()$$, 'ok', false);
-- not workflow code
INSERT INTO tried SELECT name, nargs, 'workflow', command, 'TP021' FROM (VALUES
	('start_workflow', 20, $$temporal.start_workflow('wf')$$), ('start_workflow_execution', 20, $$temporal.start_workflow_execution('wf')$$), ('result', 4, $$temporal.result('wf-1')$$), ('terminate', 4, $$temporal.terminate('wf-1')$$),
	('replay', 2, $$temporal.replay('wf-1')$$), ('replay', 2, $$temporal.replay('[{}]'::jsonb, 'wf')$$), ('test_start', 1, 'temporal.test_start()'), ('test_drive', 2, 'temporal.test_drive()'), ('test_advance', 1, $$temporal.test_advance('1 s')$$),
	('test_run', 13, $$temporal.test_run('done')$$), ('mock_activity', 4, $$temporal.mock_activity('act')$$), ('mock_calls', 1, $$temporal.mock_calls()$$)) f (name, nargs, command);
-- procedures of their own transactions
INSERT INTO tried VALUES ('execute_workflow', 22, 'client', $$CALL temporal.execute_workflow('wf')$$, '2D000', false), ('await_result', 4, 'client', $$CALL temporal.await_result('wf-1')$$, '2D000', false),
	('execute_workflow', 22, 'workflow', $$CALL temporal.execute_workflow('wf')$$, '2D000', false), ('await_result', 4, 'activity', $$CALL temporal.await_result('wf-1')$$, '2D000', false);

-- ---------- rights ----------

INSERT INTO tried SELECT name, nargs, 'tpg_nobody', command, '42501' FROM (VALUES
	('register_workflow', 9, $$temporal.register_workflow('x', 'shop.done')$$), ('register_activity', 15, $$temporal.register_activity('x', 'shop.done')$$), ('unregister_workflow', 1, $$temporal.unregister_workflow('wf')$$),
	('unregister_activity', 1, $$temporal.unregister_activity('act')$$), ('create_namespace', 2, $$temporal.create_namespace('n')$$), ('alter_namespace', 2, $$temporal.alter_namespace('default', '1 day')$$),
	('drop_namespace', 2, $$temporal.drop_namespace('default')$$), ('grant_access', 3, $$temporal.grant_access('default', 'tpg_nobody', 'admin')$$), ('revoke_access', 2, $$temporal.revoke_access('default', 'tpg_client')$$),
	('register_search_attribute', 2, $$temporal.register_search_attribute('n', 'Int')$$), ('start_workflow', 20, $$temporal.start_workflow('wf')$$), ('start_workflow_execution', 20, $$temporal.start_workflow_execution('wf')$$),
	('result', 4, $$temporal.result('wf-1')$$), ('terminate', 4, $$temporal.terminate('wf-1')$$), ('describe', 2, $$temporal.describe('wf-1')$$), ('trace', 2, $$temporal.trace('wf-1')$$), ('explain', 2, $$temporal.explain('wf-1')$$),
	('replay', 2, $$temporal.replay('wf-1')$$), ('replay', 2, $$temporal.replay('[{}]'::jsonb, 'wf')$$), ('pause_activity', 5, $$temporal.pause_activity('wf-1', '1')$$), ('unpause_activity', 7, $$temporal.unpause_activity('wf-1', '1')$$),
	('reset_activity', 8, $$temporal.reset_activity('wf-1', '1')$$), ('update_activity_options', 13, $$temporal.update_activity_options('wf-1', '1')$$), ('post_restore', 0, $$temporal.post_restore()$$), ('test_start', 1, $$temporal.test_start()$$), ('test_run', 13, $$temporal.test_run('done')$$)) f (name, nargs, command);
INSERT INTO tried SELECT name, nargs, 'tpg_client', command, '42501' FROM (VALUES
	('register_workflow', 9, $$temporal.register_workflow('x', 'shop.done')$$), ('register_activity', 15, $$temporal.register_activity('x', 'shop.done')$$), ('unregister_workflow', 1, $$temporal.unregister_workflow('wf')$$),
	('create_namespace', 2, $$temporal.create_namespace('n')$$), ('grant_access', 3, $$temporal.grant_access('default', 'tpg_nobody', 'admin')$$), ('post_restore', 0, $$temporal.post_restore()$$), ('test_start', 1, $$temporal.test_start()$$)) f (name, nargs, command);

-- ---------- NULL, empty, unknown, too long: names ----------

INSERT INTO tried SELECT name, nargs, context, format(command, value), expected FROM (VALUES
	('register_workflow', 9, 'client', $$temporal.register_workflow(%s, 'no_function')$$, '42883'), ('register_activity', 15, 'client', $$temporal.register_activity(%s, 'no_function')$$, '42883'),
	('unregister_workflow', 1, 'client', $$temporal.unregister_workflow(%s)$$, 'TP014'), ('unregister_activity', 1, 'client', $$temporal.unregister_activity(%s)$$, 'TP014'),
	('alter_namespace', 2, 'client', $$temporal.alter_namespace(%s, '1 day')$$, '42704'), ('drop_namespace', 2, 'client', $$temporal.drop_namespace(%s)$$, '42704'),
	('grant_access', 3, 'client', $$temporal.grant_access(%s, 'tpg_client', 'client')$$, '42704'), ('grant_access', 3, 'client', $$temporal.grant_access('default', %s, 'client')$$, '42704'), ('revoke_access', 2, 'client', $$temporal.revoke_access(%s, 'x')$$, '42704'),
	('revoke_access', 2, 'client', $$temporal.revoke_access('default', %s)$$, 'ok'), ('register_search_attribute', 2, 'client', $$temporal.register_search_attribute(%s, 'Int')$$, 'ok'),
	('start_workflow', 20, 'client', $$temporal.start_workflow(%s)$$, 'TP014'), ('start_workflow_execution', 20, 'client', $$temporal.start_workflow_execution(%s)$$, 'TP014'), ('result', 4, 'client', $$temporal.result(%s)$$, 'TP010'),
	('terminate', 4, 'client', $$temporal.terminate(%s)$$, 'TP010'), ('describe', 2, 'client', $$temporal.describe(%s)$$, 'TP010'), ('trace', 2, 'client', $$temporal.trace(%s)$$, 'TP010'), ('explain', 2, 'client', $$temporal.explain(%s)$$, 'TP010'),
	('replay', 2, 'client', $$temporal.replay(%s)$$, 'TP010'), ('replay', 2, 'client', $$temporal.replay('[{"event_id": 1, "task_id": 1, "event_type": "WorkflowExecutionStarted", "event_time": "2030-01-01", "attributes": {}}, {"event_id": 2, "task_id": 1, "event_type": "TimerStarted", "event_time": "2030-01-01", "attributes": {"timerId": "1"}}]'::jsonb, %s)$$, 'TP014'),
	('pause_activity', 5, 'client', $$temporal.pause_activity(%s, '1')$$, 'TP010'), ('unpause_activity', 7, 'client', $$temporal.unpause_activity(%s, '1')$$, 'TP010'), ('reset_activity', 8, 'client', $$temporal.reset_activity(%s, '1')$$, 'TP010'), ('update_activity_options', 13, 'client', $$temporal.update_activity_options(%s, '1')$$, 'TP010'), ('update_activity_options', 13, 'client', $$temporal.update_activity_options('wf-1', %s)$$, 'TP013'),
	('pause_activity', 5, 'client', $$temporal.pause_activity('wf-1', %s)$$, 'TP013'), ('unpause_activity', 7, 'client', $$temporal.unpause_activity('wf-1', %s)$$, 'TP013'), ('reset_activity', 8, 'client', $$temporal.reset_activity('wf-1', %s)$$, 'TP013'),
	('test_run', 13, 'client', $$temporal.test_run(%s)$$, 'TP014'), ('mock_activity', 4, 'client', $$temporal.mock_activity(%s)$$, 'ok'), ('test_drive', 2, 'client', $$temporal.test_drive(%s)$$, '22023'),
	('execute_activity', 14, 'workflow', $$temporal.execute_activity(%s)$$, 'TP014'), ('start_activity', 14, 'workflow', $$temporal.start_activity(%s)$$, 'TP014'), ('execute_local_activity', 9, 'workflow', $$temporal.execute_local_activity(%s)$$, 'TP014'), ('start_local_activity', 9, 'workflow', $$temporal.start_local_activity(%s)$$, 'TP014'),
	('log', 3, 'workflow', $$temporal.log(%s, 'x')$$, '22023')
) f (name, nargs, context, command, unknown), LATERAL (VALUES ('NULL', '22004'), ($$''$$, '22023'), ('shop.long()', CASE unknown WHEN 'TP013' THEN 'TP013' ELSE '22023' END), ($$'unknown name'$$, unknown)) v (value, expected);

-- ---------- start_workflow and its like ----------

INSERT INTO tried SELECT name, nargs, 'client', format(template, 'temporal.' || name, argument), expected, no_hint FROM (VALUES
	('start_workflow', 20, $$%s('wf', %s)$$), ('start_workflow_execution', 20, $$%s('wf', %s)$$)) f (name, nargs, template), (VALUES
	($$id => ''$$, '22023', true), ('id => shop.long()', '22023', true), ($$task_queue => ''$$, '22023', true), ('task_queue => shop.long()', '22023', true), ('shop.big()', 'TP025', false), ($$'{"a":'$$, '22P02', true), ($$'"\u0000"'$$, '22P05', true),
	($$execution_timeout => '-1 s'$$, '22023', true), ($$run_timeout => '-1 us'$$, '22023', true), ($$task_timeout => '-1 day'$$, '22023', true), ($$start_delay => '-1 month'$$, '22023', true),
	($$execution_timeout => '178000000 years'$$, '22023', true), ($$run_timeout => '178000000 years'$$, '22023', true), ($$task_timeout => '178000000 years'$$, '22023', true), ($$start_delay => '178000000 years'$$, '22023', true),
	($$start_delay => '290000 years'$$, '22023', true), ($$run_timeout => '290000 years'$$, '22023', true), ($$execution_timeout => '290000 years'$$, '22023', true),
	($$id_reuse_policy => NULL$$, '22004', true), ($$id_reuse_policy => ''$$, '22023', false), ($$id_reuse_policy => 'x'$$, '22023', false), ($$id_conflict_policy => NULL$$, '22004', true), ($$id_conflict_policy => ''$$, '22023', false),
	('retry_policy => shop.policy(-1)', '22023', true), ('retry_policy => shop.policy(0, 0.5)', '22023', true), ($$retry_policy => shop.policy(0, 'NaN')$$, '22023', true), ($$retry_policy => shop.policy(0, 'Infinity')$$, '22023', true),
	($$retry_policy => shop.policy(0, 2, '-1 s')$$, '22023', true), ($$retry_policy => shop.policy(0, 2, '178000000 years')$$, '22023', true),
	($$cron_schedule => ''$$, '22023', true), ($$memo => '[]'$$, '22023', false), ($$memo => '1'$$, '22023', false), ($$memo => jsonb_build_object('a', shop.big())$$, 'TP025', false), ($$memo => 'null'$$, '22023', false),
	($$search_attributes => '[]'$$, '22023', false), ($$search_attributes => '{"unknown": 1}'$$, 'TP026', false), ($$search_attributes => '{"known": "x"}'$$, 'TP026', false), ($$search_attributes => '{"": 1}'$$, 'TP026', false),
	($$static_summary => repeat('x', 401)$$, 'TP025', false), ($$static_details => repeat('x', 20001)$$, 'TP025', false), ('priority_key => 0', '22023', false), ('priority_key => 2147483647', '22023', false), ('priority_key => -1', '22023', false),
	('request_id => shop.long()', '22023', true), ($$id => 'wf-1'$$, 'TP011', false), ($$id => 'wf-1', id_conflict_policy => 'terminate_existing', id_reuse_policy => 'reject_duplicate'$$, '22023', false), ($$cron_schedule => '* * * * *', start_delay => '1 s'$$, '22023', false),
	('NULL', 'ok', false), ($$'null'$$, 'ok', false), ($$start_delay => '0'$$, 'ok', false), ($$run_timeout => '0'$$, 'ok', false)) v (argument, expected, no_hint);

-- ---------- the other clients' functions ----------

INSERT INTO tried VALUES
	('result', 4, 'client', $$temporal.result('wf-1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('result', 4, 'client', $$temporal.result('wf-1', timeout => '-1 s')$$, '22023', true),
	('result', 4, 'client', $$temporal.result('wf-1', timeout => '178000000 years')$$, '22023', true), ('result', 4, 'client', $$temporal.result('wf-1')$$, 'TP009', false), ('result', 4, 'client', $$temporal.result('failing-1')$$, 'TF007', true),
	('result', 4, 'client', $$temporal.result('terminated-1')$$, 'TF006', true), ('result', 4, 'client', $$temporal.result('timed-1')$$, 'TF005', true),
	('terminate', 4, 'client', $$temporal.terminate('terminated-1')$$, 'TP012', false), ('terminate', 4, 'client', $$temporal.terminate('wf-1', repeat('x', 3 * 1024 * 1024))$$, 'TP025', false), ('terminate', 4, 'client', $$temporal.terminate('wf-1', details => shop.big())$$, 'TP025', false),
	('terminate', 4, 'client', $$temporal.terminate('wf-1', run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false),
	('describe', 2, 'client', $$temporal.describe('wf-1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('trace', 2, 'client', $$temporal.trace('wf-1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('explain', 2, 'client', $$temporal.explain('wf-1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false),
	('replay', 2, 'client', $$temporal.replay('wf-1', '00000000-0000-4000-8000-000000000000'::uuid)$$, 'TP010', false), ('replay', 2, 'client', $$temporal.replay(NULL::jsonb, 'wf')$$, '22004', false), ('replay', 2, 'client', $$temporal.replay('{}'::jsonb, 'wf')$$, '22023', false), ('replay', 2, 'client', $$temporal.replay('[]'::jsonb, 'wf')$$, '22023', false),
	('pause_activity', 5, 'client', $$temporal.pause_activity('wf-1', '1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('pause_activity', 5, 'client', $$temporal.pause_activity('terminated-1', '1')$$, 'TP013', false),
	('unpause_activity', 7, 'client', $$temporal.unpause_activity('terminated-1', '1')$$, 'TP013', false), ('reset_activity', 8, 'client', $$temporal.reset_activity('terminated-1', '1')$$, 'TP013', false),
	('post_restore', 0, 'client', $$temporal.post_restore()$$, 'ok', false);

-- ---------- registering, namespaces ----------

CREATE FUNCTION reads_clock() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
INSERT INTO tried VALUES ('check_workflow', 2, 'client', 'temporal.check_workflow(NULL)', '22004', true), ('check_workflow', 2, 'client', $$temporal.check_workflow('')$$, '22023', true),
	('check_workflow', 2, 'client', $$temporal.check_workflow('no_such_function')$$, '42883', false), ('check_workflow', 2, 'client', $$temporal.check_workflow('shop.one')$$, '42725', false),
	('check_workflow', 2, 'client', $$temporal.check_workflow('no such function')$$, '42602', false),
	('check_workflow', 2, 'client', $$temporal.check_workflow('shop.done')$$, 'ok', false), ('check_workflow', 2, 'tpg_nobody', $$temporal.check_workflow('shop.done')$$, 'ok', false),
	('check_workflow', 2, 'workflow', $$temporal.check_workflow('shop.done')$$, 'TP021', false), ('register_workflow', 9, 'client', $$temporal.register_workflow('x', 'shop.reads_clock')$$, 'TP022', false),
	('register_query_handler', 3, 'client', $$temporal.register_query_handler('wf', 's', 'shop.reads_clock')$$, 'TP022', false);

INSERT INTO tried SELECT 'register_workflow', 9, 'client', format($$temporal.register_workflow('x', %s)$$, argument), expected, no_hint FROM (VALUES
	($$''$$, '22023', true), ($$'no such function'$$, '42602', true), ($$'no_such_function'$$, '42883', true), ($$'shop.one'$$, '42725', false), ($$'shop.one(uuid)'$$, '42883', true), ($$'((('$$, '42602', true), ($$'pg_catalog.count'$$, '42725', true), ($$'pg_catalog.count("any")'$$, '42809', true), ($$'shop.done', init => 'no_such_function'$$, '42883', true), ($$'shop.done', signals => '{}'$$, 'ok', true), ($$'shop.done', signals => '{"s": "no_such_function"}'$$, '42883', true), ($$'shop.done', signals => '{"": "shop.act"}'$$, '22023', true), ($$'shop.done', signals => '{"s": 1}'$$, '22023', false),
	($$'shop.done', queries => '[]'$$, '22023', false), ($$'shop.done', updates => '1'$$, '22023', false), ($$'shop.done', updates => '{"u": []}'$$, '22023', false), ($$'shop.done', updates => '{"u": ["shop.act", "shop.act", "shop.act"]}'$$, '22023', false), ($$'shop.done', task_queue => ''$$, '22023', true), ($$'shop.done', task_queue => shop.long()$$, '22023', true),
	($$'shop.done', failure_sqlstates => '{NULL}'$$, '22004', true), ($$'shop.done', failure_sqlstates => '{x}'$$, '22023', false), ($$'shop.done', failure_sqlstates => '{p0001}'$$, '22023', false), ($$'shop.done', failure_sqlstates => '{}'$$, 'ok', false), ($$'shop.done', versioning_behavior => 'pinned'$$, 'ok', false),
	($$'shop.done', versioning_behavior => ''$$, '22023', false)) v (argument, expected, no_hint);
INSERT INTO tried VALUES ('register_workflow', 9, 'client', $$temporal.register_workflow('__temporal_x', 'shop.done')$$, '22023', false), ('register_workflow', 9, 'client', $$temporal.register_workflow('*')$$, '22004', false),
	('register_activity', 15, 'client', $$temporal.register_activity('__temporal_x', 'shop.done')$$, '22023', false), ('register_activity', 15, 'client', $$temporal.register_activity('*')$$, '22004', false);
INSERT INTO tried SELECT 'register_activity', 15, 'client', format($$temporal.register_activity('x', 'shop.done', %s)$$, argument), expected, no_hint FROM (VALUES
	($$mode => 'external'$$, '22023', false), ($$mode => 'autonomous'$$, '42809', false), ($$mode => ''$$, '22023', false), ($$task_queue => ''$$, '22023', true), ($$schedule_to_close_timeout => '-1 s'$$, '22023', true), ($$schedule_to_start_timeout => '-1 s'$$, '22023', true),
	($$start_to_close_timeout => '-1 s'$$, '22023', true), ($$heartbeat_timeout => '-1 s'$$, '22023', true), ($$start_to_close_timeout => '178000000 years'$$, '22023', true), ('retry_policy => shop.policy(-1)', '22023', true), ($$cancellation_type => ''$$, '22023', false),
	($$summary => repeat('x', 401)$$, 'TP025', false), ('priority_key => 0', '22023', true), ($$settings => '[]'$$, '22023', false), ($$settings => '{"nonsense": "1"}'$$, '42704', true), ($$settings => '{"work_mem": null}'$$, '22004', true), ($$settings => '{"role": "postgres"}'$$, '22023', true),
	($$settings => '{"session_authorization": "postgres"}'$$, '22023', true), ($$settings => '{"work_mem": "x"}'$$, '22023', false), ($$settings => '{"shared_buffers": "1GB"}'$$, '55P02', true)) v (argument, expected, no_hint);
INSERT INTO tried VALUES ('create_namespace', 2, 'client', $$temporal.create_namespace(NULL)$$, '22004', true), ('create_namespace', 2, 'client', $$temporal.create_namespace('')$$, '22023', true), ('create_namespace', 2, 'client', $$temporal.create_namespace(shop.long())$$, '22023', true), ('create_namespace', 2, 'client', $$temporal.create_namespace('new one')$$, 'ok', true), ('create_namespace', 2, 'client', $$temporal.create_namespace('default')$$, '42710', true), ('create_namespace', 2, 'client', $$temporal.create_namespace('n', NULL)$$, '22004', false), ('create_namespace', 2, 'client', $$temporal.create_namespace('n', '1 min')$$, '22023', false),
	('create_namespace', 2, 'client', $$temporal.create_namespace('n', '-1 day')$$, '22023', true), ('create_namespace', 2, 'client', $$temporal.create_namespace('n', '178000000 years')$$, '22023', true), ('alter_namespace', 2, 'client', $$temporal.alter_namespace('default', NULL)$$, '22004', false),
	('alter_namespace', 2, 'client', $$temporal.alter_namespace('default', '0')$$, '22023', false), ('alter_namespace', 2, 'client', $$temporal.alter_namespace('default', '178000000 years')$$, '22023', true), ('drop_namespace', 2, 'client', $$temporal.drop_namespace('default')$$, '55006', false),
	('grant_access', 3, 'client', $$temporal.grant_access('default', 'tpg_client', NULL)$$, '22004', false), ('grant_access', 3, 'client', $$temporal.grant_access('default', 'tpg_client', '')$$, '22023', false), ('grant_access', 3, 'client', $$temporal.grant_access('default', 'tpg_client', 'owner')$$, '22023', false),
	('register_search_attribute', 2, 'client', $$temporal.register_search_attribute('n', NULL)$$, '22004', false), ('register_search_attribute', 2, 'client', $$temporal.register_search_attribute('n', '')$$, '22023', false), ('register_search_attribute', 2, 'client', $$temporal.register_search_attribute('n', 'int')$$, '22023', false),
	('register_search_attribute', 2, 'client', $$temporal.register_search_attribute('known', 'Bool')$$, '42710', false),
	('retry_policy', 5, 'client', $$temporal.retry_policy(NULL, NULL, NULL, NULL, NULL)$$, 'ok', false), ('retry_policy', 5, 'client', $$temporal.retry_policy('-1 s')$$, '22023', true), ('retry_policy', 5, 'client', $$temporal.retry_policy(backoff_coefficient => 0.99)$$, '22023', true),
	('retry_policy', 5, 'client', $$temporal.retry_policy(backoff_coefficient => 'NaN')$$, '22023', true), ('retry_policy', 5, 'client', $$temporal.retry_policy(maximum_attempts => -1)$$, '22023', true), ('retry_policy', 5, 'client', $$temporal.retry_policy('178000000 years')$$, '22023', true),
	('retry_policy', 5, 'client', $$temporal.retry_policy(non_retryable_error_types => '{NULL}')$$, '22004', false), ('retry_policy', 5, 'client', $$temporal.retry_policy(non_retryable_error_types => '{TemporalTimeout:}')$$, '22023', false);

-- ---------- workflow code ----------

INSERT INTO tried SELECT name, nargs, 'workflow', format('temporal.%s(''act'', %s)', name, argument), expected, no_hint FROM (VALUES
	('execute_activity', 14), ('start_activity', 14), ('execute_local_activity', 9), ('start_local_activity', 9)) f (name, nargs), (VALUES
	('shop.big()', 'TP025', false, true), ($$'{"a":'$$, '22P02', false, true), ($$'"\u0000"'$$, '22P05', true, true), ($$''$$, '22P02', false, true), ($$E'\x01'::text::jsonb$$, '22P02', true, true), ($$schedule_to_close_timeout => '-1 s'$$, '22023', true, true), ($$schedule_to_start_timeout => '-1 s'$$, '22023', true, true),
	($$start_to_close_timeout => '-1 s'$$, '22023', true, true), ($$heartbeat_timeout => '-1 s'$$, '22023', true, false), ($$start_to_close_timeout => '178000000 years'$$, '22023', true, true), ('retry_policy => shop.policy(-1)', '22023', true, true), ($$cancellation_type => 'x'$$, '22023', false, true),
	($$task_queue => ''$$, '22023', true, false), ('task_queue => shop.long()', '22023', true, false), ($$activity_id => ''$$, '22023', true, true), ('activity_id => shop.long()', '22023', true, true), ($$summary => repeat('x', 401)$$, 'TP025', false, true), ('priority_key => 0', '22023', true, false)) v (argument, expected, no_hint, local)
	WHERE local OR nargs = 14;
INSERT INTO tried VALUES
	('upsert_memo', 1, 'workflow', 'temporal.upsert_memo(NULL)', '22004', false), ('upsert_memo', 1, 'workflow', $$temporal.upsert_memo('[]')$$, '22023', false), ('upsert_memo', 1, 'workflow', $$temporal.upsert_memo('null')$$, '22023', false), ('upsert_memo', 1, 'workflow', $$temporal.upsert_memo('')$$, '22P02', true),
	('upsert_memo', 1, 'workflow', $$temporal.upsert_memo(jsonb_build_object('a', shop.big()))$$, 'TP025', false), ('upsert_memo', 1, 'workflow', $$temporal.upsert_memo('{"": 1}')$$, 'ok', false),
	('upsert_search_attributes', 1, 'workflow', 'temporal.upsert_search_attributes(NULL)', '22004', false), ('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('[]')$$, '22023', false), ('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('{"unknown": 1}')$$, 'TP026', false),
	('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('{"": null}')$$, 'TP026', false), ('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('{"known": "x"}')$$, 'TP026', false), ('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('{"TemporalChangeVersion": []}')$$, 'TP026', false),
	('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes(jsonb_build_object('known', shop.big()))$$, 'TP025', false), ('upsert_search_attributes', 1, 'workflow', $$temporal.upsert_search_attributes('{"known": null}')$$, 'ok', false),
	('set_current_details', 1, 'workflow', 'temporal.set_current_details(NULL)', 'ok', false), ('set_current_details', 1, 'workflow', $$temporal.set_current_details('')$$, 'ok', false), ('set_current_details', 1, 'workflow', $$temporal.set_current_details(repeat('x', 20001))$$, 'TP025', false),
	('last_completion_result', 0, 'workflow', 'temporal.last_completion_result()', 'ok', false), ('last_failure', 0, 'workflow', 'temporal.last_failure()', 'ok', false),
	('patched', 1, 'workflow', 'temporal.patched(NULL)', '22004', false), ('patched', 1, 'workflow', $$temporal.patched('')$$, '22023', false), ('patched', 1, 'workflow', 'temporal.patched(shop.long())', '22023', true), ('patched', 1, 'workflow', $$temporal.patched('p')$$, 'ok', false),
	('deprecate_patch', 1, 'workflow', 'temporal.deprecate_patch(NULL)', '22004', false), ('deprecate_patch', 1, 'workflow', $$temporal.deprecate_patch('')$$, '22023', false), ('deprecate_patch', 1, 'workflow', 'temporal.deprecate_patch(shop.long())', '22023', true), ('deprecate_patch', 1, 'workflow', $$temporal.deprecate_patch('p')$$, 'ok', false),
	('register_search_attribute', 2, 'client', $$temporal.register_search_attribute('TemporalChangeVersion', 'Text')$$, '42710', false),
	('sleep', 1, 'workflow', 'temporal.sleep(NULL)', '22004', false), ('sleep', 1, 'workflow', $$temporal.sleep('-1 us')$$, '22023', true), ('sleep', 1, 'workflow', $$temporal.sleep('178000000 years')$$, '22023', true), ('sleep', 1, 'workflow', $$temporal.sleep('290000 years')$$, '22023', true),
	('start_timer', 2, 'workflow', 'temporal.start_timer(NULL)', '22004', false), ('start_timer', 2, 'workflow', $$temporal.start_timer('-1 s')$$, '22023', true), ('start_timer', 2, 'workflow', $$temporal.start_timer('1 s', repeat('x', 401))$$, 'TP025', false), ('start_timer', 2, 'workflow', $$temporal.start_timer('290000 years')$$, '22023', true),
	('await', 2, 'workflow', 'temporal.await(NULL)', '22004', false), ('await', 2, 'workflow', $$temporal.await('timer:99')$$, 'TP021', false), ('await', 2, 'workflow', $$temporal.await(temporal.start_timer('1 s'), '-1 s')$$, '22023', true), ('await', 2, 'workflow', $$temporal.await('nonsense')$$, '22P02', true),
	('await', 2, 'workflow', $$temporal.await('timer:0')$$, 'TP021', true), ('await', 2, 'workflow', $$temporal.await('timer:99999999999999999999')$$, '22P02', true), ('await', 2, 'workflow', $$temporal.await('')$$, '22P02', true),
	('await_all', 2, 'workflow', 'temporal.await_all(NULL)', 'ok', false), ('await_all', 2, 'workflow', $$temporal.await_all('{}')$$, 'ok', false), ('await_all', 2, 'workflow', $$temporal.await_all('{NULL}')$$, '22004', false), ('await_all', 2, 'workflow', $$temporal.await_all('{timer:99}')$$, 'TP021', false), ('await_all', 2, 'workflow', $$temporal.await_all('{}', '-1 s')$$, '22023', true),
	('await_any', 2, 'workflow', 'temporal.await_any(NULL)', '22004', false), ('await_any', 2, 'workflow', $$temporal.await_any('{}')$$, '22023', false), ('await_any', 2, 'workflow', $$temporal.await_any('{NULL}')$$, '22004', false), ('await_any', 2, 'workflow', $$temporal.await_any(ARRAY[temporal.start_timer('1 s')], '-1 s')$$, '22023', true),
	('is_done', 1, 'workflow', 'temporal.is_done(NULL)', '22004', false), ('is_done', 1, 'workflow', $$temporal.is_done('activity:7')$$, 'TP021', false),
	('state', 0, 'workflow', 'temporal.state()', 'ok', false), ('state', 1, 'workflow', 'temporal.state(NULL)', '22004', false), ('state', 1, 'workflow', $$temporal.state('')$$, 'ok', false), ('state', 2, 'workflow', 'temporal.state(NULL, 1)', '22004', false), ('state', 2, 'workflow', $$temporal.state('x', NULL::int)$$, 'ok', false),
	('set_state', 2, 'workflow', 'temporal.set_state(NULL, 1)', '22004', false), ('set_state', 2, 'workflow', $$temporal.set_state('k', NULL)$$, 'ok', false), ('set_state', 2, 'workflow', $$temporal.set_state('k', shop.big())$$, 'TP025', false), ('set_state', 2, 'workflow', $$temporal.set_state('k', '{"a":')$$, '22P02', false),
	('set_state', 1, 'workflow', 'temporal.set_state(NULL::jsonb)', '22004', false), ('set_state', 1, 'workflow', $$temporal.set_state('[]'::jsonb)$$, '22023', false), ('set_state', 1, 'workflow', $$temporal.set_state('1'::jsonb)$$, '22023', false), ('set_state', 1, 'workflow', $$temporal.set_state(jsonb_build_object('a', shop.big()))$$, 'TP025', false),
	('delete_state', 1, 'workflow', 'temporal.delete_state(NULL)', '22004', false), ('delete_state', 1, 'workflow', $$temporal.delete_state('nothing')$$, 'ok', false),
	('from_jsonb', 2, 'client', 'temporal.from_jsonb(NULL, NULL::int)', 'ok', false), ('from_jsonb', 2, 'client', $$temporal.from_jsonb('"x"', NULL::int)$$, '22P02', true), ('from_jsonb', 2, 'client', $$temporal.from_jsonb('[1]', NULL::int)$$, '22P02', true), ('from_jsonb', 2, 'client', $$temporal.from_jsonb('1', NULL)$$, '42804', true),
	('from_jsonb', 2, 'client', $$temporal.from_jsonb('1', NULL::int[])$$, '22P02', true), ('from_jsonb', 2, 'client', $$temporal.from_jsonb('"x"', NULL::temporal.future)$$, '0A000', true),
	('now', 0, 'workflow', 'temporal.now()', 'ok', false), ('random', 0, 'workflow', 'temporal.random()', 'ok', false), ('uuid4', 0, 'workflow', 'temporal.uuid4()', 'ok', false), ('workflow_info', 0, 'workflow', 'temporal.workflow_info()', 'ok', false), ('memo', 0, 'workflow', 'temporal.memo()', 'ok', false),
	('is_replaying', 0, 'workflow', 'temporal.is_replaying()', 'ok', false), ('failure', 0, 'workflow', 'temporal.failure()', 'ok', false), ('failure_type', 0, 'workflow', 'temporal.failure_type()', 'ok', false),
	('side_effect', 1, 'workflow', 'temporal.side_effect(NULL)', '22004', false), ('side_effect', 1, 'workflow', $$temporal.side_effect('')$$, '22023', false), ('side_effect', 1, 'workflow', $$temporal.side_effect('nonsense')$$, '42601', true), ('side_effect', 1, 'workflow', $$temporal.side_effect('SELECT 1, 2')$$, '22023', false),
	('side_effect', 1, 'workflow', $$temporal.side_effect('SELECT generate_series(1, 2)')$$, '22023', false), ('side_effect', 1, 'workflow', $$temporal.side_effect('CREATE TABLE evil ()')$$, '0A000', true), ('side_effect', 1, 'workflow', $$temporal.side_effect('INSERT INTO shop.t DEFAULT VALUES RETURNING 1')$$, '42P01', true),
	('side_effect', 1, 'workflow', $$temporal.side_effect('SELECT shop.big()')$$, 'TP025', false), ('side_effect', 1, 'workflow', $$temporal.side_effect('SELECT 1 / 0')$$, '22012', true), ('side_effect', 1, 'workflow', $$temporal.side_effect('COMMIT')$$, '22023', false),
	('side_effect', 2, 'workflow', $$temporal.side_effect(NULL, 1)$$, '22004', false), ('side_effect', 2, 'workflow', $$temporal.side_effect('SELECT $2', 1)$$, '42P02', true), ('side_effect', 2, 'workflow', $$temporal.side_effect('SELECT $1::int', NULL)$$, 'ok', false),
	('log', 3, 'workflow', $$temporal.log('info', NULL)$$, '22004', false), ('log', 3, 'workflow', $$temporal.log('info', '')$$, 'ok', false), ('log', 3, 'workflow', $$temporal.log('loud', 'x')$$, '22023', false),
	('raise_application_error', 6, 'client', $$temporal.raise_application_error('m')$$, 'TF001', true), ('raise_application_error', 6, 'workflow', $$temporal.raise_application_error('m')$$, 'TF001', true), ('raise_application_error', 6, 'activity', $$temporal.raise_application_error('m', 't')$$, 'TF001', true),
	('raise_application_error', 6, 'client', $$temporal.raise_application_error(NULL)$$, '22004', false), ('raise_application_error', 6, 'client', $$temporal.raise_application_error('')$$, 'TF001', true), ('raise_application_error', 6, 'client', $$temporal.raise_application_error('m', shop.long())$$, '22023', true),
	('raise_application_error', 6, 'client', $$temporal.raise_application_error('m', details => shop.big())$$, 'TP025', false), ('raise_application_error', 6, 'client', $$temporal.raise_application_error('m', category => 'x')$$, '22023', false), ('raise_application_error', 6, 'client', $$temporal.raise_application_error('m', next_retry_delay => '-1 s')$$, '22023', true),
	('raise_application_error', 6, 'client', $$temporal.raise_application_error('m', next_retry_delay => '178000000 years')$$, '22023', true);

-- ---------- task queues and workers ----------

INSERT INTO tried SELECT name, nargs, context, command, '42501', false FROM (VALUES
	('configure_task_queue', 6, $$temporal.configure_task_queue('q', 1)$$), ('pause_task_queue', 2, $$temporal.pause_task_queue('q')$$), ('unpause_task_queue', 1, $$temporal.unpause_task_queue('q')$$),
	('stop_workers', 1, $$temporal.stop_workers()$$), ('start_workers', 0, $$temporal.start_workers()$$), ('test_activity', 5, $$temporal.test_activity('act')$$)) f (name, nargs, command), unnest('{tpg_nobody,tpg_client}'::text[]) context
	WHERE name <> 'test_activity' OR context = 'tpg_nobody';
INSERT INTO tried SELECT name, nargs, context, command, 'TP021', false FROM (VALUES
	('configure_task_queue', 6, $$temporal.configure_task_queue('q', 1)$$), ('pause_task_queue', 2, $$temporal.pause_task_queue('q')$$), ('unpause_task_queue', 1, $$temporal.unpause_task_queue('q')$$),
	('stop_workers', 1, $$temporal.stop_workers()$$), ('start_workers', 0, $$temporal.start_workers()$$), ('test_activity', 5, $$temporal.test_activity('act')$$), ('test_heartbeats', 0, $$temporal.test_heartbeats()$$)) f (name, nargs, command), unnest('{workflow,activity}'::text[]) context;
INSERT INTO tried SELECT name, nargs, 'client', format(command, value), expected, expected <> 'ok' FROM (VALUES
	('configure_task_queue', 6, $$temporal.configure_task_queue(%s, 1)$$), ('pause_task_queue', 2, $$temporal.pause_task_queue(%s)$$), ('unpause_task_queue', 1, $$temporal.unpause_task_queue(%s)$$)) f (name, nargs, command),
	(VALUES ('NULL', '22004'), ($$''$$, '22023'), ('shop.long()', '22023'), ($$'unknown name'$$, 'ok')) v (value, expected);
INSERT INTO tried SELECT 'configure_task_queue', 6, 'client', format('temporal.configure_task_queue(''q'', %s)', argument), expected, no_hint FROM (VALUES
	('max_concurrent_activities => -2', '22023', false), ('max_concurrent_activities => 2147483647', '22023', false), ('max_concurrent_workflow_tasks => -2', '22023', false), ('max_concurrent_workflow_tasks => 0', 'ok', false),
	($$activities_per_second => 'NaN'$$, '22023', false), ($$activities_per_second => 'Infinity'$$, '22023', false), ('activities_per_second => -0.5', '22023', false), ('workflow_tasks_per_second => -2', '22023', false), ('workflow_tasks_per_second => 1e300', '22023', false), ('workflow_tasks_per_second => 1e-300', 'ok', false),
	($$fairness_weights => '[]'$$, '22023', false), ($$fairness_weights => 'null'$$, '22023', false), ($$fairness_weights => '{"a": "1"}'$$, '22023', true), ($$fairness_weights => '{"a": null}'$$, '22023', true), ($$fairness_weights => '{"a": {}}'$$, '22023', true), ($$fairness_weights => '{"a": 0}'$$, '22023', true), ($$fairness_weights => '{"a": -1}'$$, '22023', true),
	($$fairness_weights => '{"": 1}'$$, '22023', true), ($$fairness_weights => jsonb_build_object(repeat('x', 65), 1)$$, '22023', true), ($$fairness_weights => (SELECT jsonb_object_agg(i::text, 1) FROM generate_series(1, 1001) i)$$, 'TP025', false),
	($$fairness_weights => '{"a": 1e9}'$$, 'ok', false), ('-1, -1, -1, -1', 'ok', false), ('NULL', 'ok', false)) v (argument, expected, no_hint);
INSERT INTO tried VALUES ('pause_task_queue', 2, 'client', $$temporal.pause_task_queue('q', '')$$, '22023', true), ('pause_task_queue', 2, 'client', $$temporal.pause_task_queue('q', shop.long())$$, '22023', true),
	('stop_workers', 1, 'client', $$temporal.stop_workers(NULL)$$, '22004', true), ('stop_workers', 1, 'client', $$temporal.stop_workers('-1 s')$$, '22023', true), ('stop_workers', 1, 'client', $$temporal.stop_workers('178000000 years')$$, '22023', true), ('start_workers', 0, 'client', $$temporal.start_workers()$$, 'ok', false),
	('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_key => '')$$, '22023', true), ('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_key => repeat('x', 65))$$, '22023', true), ('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_weight => 0)$$, '22023', true),
	('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_weight => 'NaN')$$, '22023', true), ('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_weight => -1)$$, '22023', true), ('start_workflow', 20, 'client', $$temporal.start_workflow('wf', fairness_key => 'k', fairness_weight => 1e9)$$, 'ok', false),
	('start_activity', 14, 'workflow', $$temporal.start_activity('act', fairness_key => '')$$, '22023', true), ('start_activity', 14, 'workflow', $$temporal.start_activity('act', fairness_weight => 0)$$, '22023', true), ('start_activity', 14, 'workflow', $$temporal.start_activity('act', fairness_key => 'k', fairness_weight => 2)$$, 'ok', false),
	('test_activity', 5, 'client', $$temporal.test_activity(NULL)$$, '22004', true), ('test_activity', 5, 'client', $$temporal.test_activity('')$$, '22023', true), ('test_activity', 5, 'client', $$temporal.test_activity('unknown name')$$, 'TP014', false), ('test_activity', 5, 'client', $$temporal.test_activity('act', shop.big())$$, 'TP025', false),
	('test_activity', 5, 'client', $$temporal.test_activity('act', attempt => 0)$$, '22023', true), ('test_activity', 5, 'client', $$temporal.test_activity('act', attempt => NULL)$$, '22004', true), ('test_activity', 5, 'client', $$temporal.test_activity('act', cancelled => NULL)$$, '22004', true), ('test_activity', 5, 'client', $$temporal.test_activity('act', heartbeat_details => shop.big())$$, 'TP025', false),
	('test_activity', 5, 'client', $$temporal.test_activity('act', '1')$$, 'ok', false), ('test_heartbeats', 0, 'client', 'temporal.test_heartbeats()', 'ok', false);

-- ---------- messages ----------

CREATE FUNCTION asked(n int DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.set_state('n', n); RETURN n; END $$;
CREATE FUNCTION answer(n int DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$BEGIN IF n < 0 THEN RAISE EXCEPTION 'no'; END IF; RETURN n; END $$;
CREATE FUNCTION checks(n int DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$BEGIN IF n = 1 THEN RAISE EXCEPTION 'not that'; END IF; END $$;
CREATE FUNCTION waits(n int DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 h'); RETURN n; END $$;
CREATE FUNCTION asked_wf() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('40 years'); END $$;
SELECT temporal.register_workflow('asked_wf', signals => '{"s": "asked"}', queries => '{"q": "answer"}', updates => '{"u": ["answer", "checks"], "w": "waits"}');

INSERT INTO tried SELECT name, nargs, context, command, 'TP021', false FROM (VALUES
	('wait_condition', 3, $$temporal.wait_condition('true')$$), ('start_wait_condition', 2, $$temporal.start_wait_condition('true')$$), ('wait_signal', 2, $$temporal.wait_signal('s')$$), ('start_wait_signal', 1, $$temporal.start_wait_signal('s')$$),
	('spawn', 2, $$temporal.spawn('shop.act')$$), ('all_handlers_finished', 0, $$temporal.all_handlers_finished()$$), ('lock', 1, $$temporal.lock('l')$$), ('unlock', 1, $$temporal.unlock('l')$$), ('continue_as_new', 10, 'temporal.continue_as_new(1)'), ('cancel_requested', 0, 'temporal.cancel_requested()'), ('execute_child_workflow', 18, $$temporal.execute_child_workflow('wf')$$), ('start_child_workflow', 18, $$temporal.start_child_workflow('wf')$$), ('child_execution', 1, 'temporal.child_execution(NULL)'), ('signal', 3, $$temporal.signal(NULL::temporal.future, 's')$$), ('shield', 1, 'temporal.shield(NULL)')) f (name, nargs, command), unnest('{client,activity,tpg_nobody}'::text[]) context;
INSERT INTO tried SELECT name, nargs, 'workflow', command, 'TP021', false FROM (VALUES
	('signal_with_start', 22, $$temporal.signal_with_start('wf', 's')$$), ('update', 5, $$temporal.update('asked-1', 'u')$$), ('start_update', 6, $$temporal.start_update('asked-1', 'u')$$), ('update_result', 3, $$temporal.update_result('asked-1', 'x')$$),
	('update_with_start', 23, $$temporal.update_with_start('asked_wf', 'u')$$), ('query', 5, $$temporal.query('asked-1', 'q')$$)) f (name, nargs, command);
-- the end of an attempt, from outside of it: by token, and by ids
INSERT INTO tried SELECT f.name, 2, c.context, format('temporal.%s(%s, %s)', f.name, c.token, f.payload), c.expected, c.context = 'workflow' FROM (VALUES
	('complete_activity', '''1'''), ('fail_activity', '''"no"'''), ('heartbeat_activity', '''1'''), ('record_activity_heartbeat', '''1'''), ('report_activity_cancelled', '''1''')) f (name, payload), (VALUES
	('client', 'NULL', '22004'), ('client', '''''', '22023'), ('client', '''x''', '22023'), ('client', 'repeat(''g'', 80)', '22023'), ('client', 'repeat(''0'', 80)', 'TP013'), ('client', 'repeat(''f'', 80)', 'TP013'),
	('tpg_nobody', 'repeat(''0'', 80)', 'TP013'), ('workflow', 'repeat(''0'', 80)', 'TP021'), ('activity', 'repeat(''0'', 80)', 'TP013')) c (context, token, expected);
INSERT INTO tried SELECT f.name, 4, c.context, format('temporal.%s(%s, %s)', f.name, c.ids, f.payload), c.expected, c.context = 'workflow' OR c.expected IN ('22004', '22023', 'TP010') FROM (VALUES
	('complete_activity', '''1'''), ('fail_activity', '''"no"'''), ('heartbeat_activity', '''1'''), ('record_activity_heartbeat', '''1'''), ('report_activity_cancelled', '''1''')) f (name, payload), (VALUES
	('client', 'NULL, NULL, ''1''', '22004'), ('client', ''''', NULL, ''1''', '22023'), ('client', '''wf-1'', NULL, NULL', '22004'), ('client', '''wf-1'', NULL, ''''', '22023'), ('client', '''none'', NULL, ''1''', 'TP010'),
	('client', '''asked-1'', ''00000000-0000-0000-0000-000000000000'', ''1''', 'TP010'), ('client', '''asked-1'', NULL, ''99''', 'TP013'), ('tpg_nobody', '''asked-1'', NULL, ''1''', '42501'), ('workflow', '''asked-1'', NULL, ''1''', 'TP021')) c (context, ids, expected);
INSERT INTO tried SELECT name, 2, 'client', format('temporal.%s(repeat(''0'', 80), shop.big())', name), 'TP025', false FROM unnest('{complete_activity,fail_activity,heartbeat_activity,record_activity_heartbeat,report_activity_cancelled}'::text[]) name;
INSERT INTO tried VALUES ('execute_update', 7, 'client', $$CALL temporal.execute_update('asked-1', 'u')$$, '2D000', false), ('signal_trigger', 0, 'client', $$temporal.signal_trigger()$$, '39P01', true);
INSERT INTO tried SELECT name, nargs, 'tpg_nobody', command, '42501', false FROM (VALUES
	('signal', 6, $$temporal.signal('asked-1', 's')$$), ('signal', 6, $$temporal.signal('asked-1', 's', missing_ok => true)$$), ('signal_with_start', 22, $$temporal.signal_with_start('wf', 's')$$), ('update', 5, $$temporal.update('asked-1', 'u')$$), ('start_update', 6, $$temporal.start_update('asked-1', 'u')$$), ('update_result', 3, $$temporal.update_result('asked-1', 'x')$$),
	('update_with_start', 23, $$temporal.update_with_start('asked_wf', 'u')$$), ('query', 5, $$temporal.query('asked-1', 'q')$$), ('register_signal_handler', 3, $$temporal.register_signal_handler('wf', 's', 'shop.act')$$), ('register_query_handler', 3, $$temporal.register_query_handler('wf', 's', 'shop.act')$$),
	('register_update_handler', 4, $$temporal.register_update_handler('wf', 's', 'shop.act')$$), ('unregister_handler', 3, $$temporal.unregister_handler('wf', 'signal', 's')$$)) f (name, nargs, command);
INSERT INTO tried SELECT name, nargs, context, format(command, value), expected, false FROM (VALUES
	('signal', 6, 'client', $$temporal.signal(%s, 's')$$, 'TP010'), ('signal', 6, 'client', $$temporal.signal('asked-1', %s)$$, 'ok'), ('signal_with_start', 22, 'client', $$temporal.signal_with_start(%s, 's')$$, 'TP014'), ('signal_with_start', 22, 'client', $$temporal.signal_with_start('wf', %s)$$, 'ok'),
	('query', 5, 'client', $$temporal.query(%s, 'q')$$, 'TP010'), ('query', 5, 'client', $$temporal.query('asked-1', %s)$$, 'TP015'), ('update', 5, 'client', $$temporal.update(%s, 'u')$$, 'TP010'), ('update', 5, 'client', $$temporal.update('asked-1', %s)$$, 'TP023'),
	('start_update', 6, 'client', $$temporal.start_update(%s, 'u')$$, 'TP010'), ('start_update', 6, 'client', $$temporal.start_update('asked-1', %s)$$, 'TP023'), ('update_result', 3, 'client', $$temporal.update_result(%s, 'x')$$, 'TP010'), ('update_result', 3, 'client', $$temporal.update_result('asked-1', %s)$$, 'TP010'),
	('update_with_start', 23, 'client', $$temporal.update_with_start(%s, 'u')$$, 'TP014'), ('update_with_start', 23, 'client', $$temporal.update_with_start('asked_wf', %s)$$, 'TP023'),
	('register_signal_handler', 3, 'client', $$temporal.register_signal_handler(%s, 's', 'shop.asked')$$, 'TP014'), ('register_signal_handler', 3, 'client', $$temporal.register_signal_handler('asked_wf', %s, 'shop.no_function')$$, '42883'),
	('register_query_handler', 3, 'client', $$temporal.register_query_handler(%s, 's', 'shop.asked')$$, 'TP014'), ('register_query_handler', 3, 'client', $$temporal.register_query_handler('asked_wf', %s, 'shop.no_function')$$, '42883'),
	('register_update_handler', 4, 'client', $$temporal.register_update_handler(%s, 's', 'shop.asked')$$, 'TP014'), ('register_update_handler', 4, 'client', $$temporal.register_update_handler('asked_wf', %s, 'shop.no_function')$$, '42883'),
	('unregister_handler', 3, 'client', $$temporal.unregister_handler(%s, 'signal', 's')$$, 'TP014'), ('unregister_handler', 3, 'client', $$temporal.unregister_handler('asked_wf', 'signal', %s)$$, 'TP014'),
	('wait_signal', 2, 'workflow', $$temporal.wait_signal(%s, '-1 s')$$, '22023'), ('lock', 1, 'workflow', $$temporal.lock(%s)$$, 'ok'), ('unlock', 1, 'workflow', $$temporal.unlock(%s)$$, 'TP021'), ('spawn', 2, 'workflow', $$temporal.spawn(%s)$$, '42602')
) f (name, nargs, context, command, unknown), LATERAL (VALUES ('NULL', '22004'), ($$''$$, CASE name WHEN 'spawn' THEN '42602' ELSE '22023' END), ('shop.long()', CASE name WHEN 'spawn' THEN '42883' ELSE '22023' END), ($$'unknown name'$$, unknown)) v (value, expected);
INSERT INTO tried VALUES
	('signal', 6, 'client', $$temporal.signal('asked-1', 's', shop.big())$$, 'TP025', false), ('signal', 6, 'client', $$temporal.signal('asked-1', 's', '{"a":')$$, '22P02', true), ('signal', 6, 'client', $$temporal.signal('terminated-1', 's')$$, 'TP012', false), ('signal', 6, 'client', $$temporal.signal('terminated-1', 's', missing_ok => true)$$, 'ok', false),
	('signal', 6, 'workflow', $$temporal.signal('asked-1', 's')$$, 'ok', false), ('signal', 6, 'workflow', $$temporal.signal('nobody', 's')$$, 'TP010', true), ('signal', 6, 'workflow', $$temporal.signal(NULL, 's')$$, '22004', true),
	('signal', 6, 'workflow', $$temporal.signal('asked-1', '')$$, '22023', true), ('signal', 6, 'workflow', $$temporal.signal('asked-1', 's', shop.big())$$, 'TP025', false), ('signal', 6, 'workflow', $$temporal.signal(shop.long(), 's')$$, '22023', true),
	('start_child_workflow', 18, 'workflow', 'temporal.start_child_workflow(NULL)', '22004', true), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('')$$, '22023', true), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('nobody')$$, 'TP014', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', id => '')$$, '22023', true),
	('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', run_timeout => '-1 s')$$, '22023', true), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', parent_close_policy => 'x')$$, '22023', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', cron_schedule => 'x')$$, '22023', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', cancellation_type => 'x')$$, '22023', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', id_reuse_policy => 'x')$$, '22023', false),
	('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', memo => '1')$$, '22023', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', search_attributes => '{"unknown": 1}')$$, 'TP026', false), ('start_child_workflow', 18, 'workflow', $$temporal.start_child_workflow('wf', shop.big())$$, 'TP025', false), ('execute_child_workflow', 18, 'workflow', $$temporal.execute_child_workflow('nobody')$$, 'TP014', false),
	('child_execution', 1, 'workflow', 'temporal.child_execution(NULL)', '22004', true), ('child_execution', 1, 'workflow', $$temporal.child_execution(temporal.start_timer('1 s'))$$, '22023', false), ('signal', 3, 'workflow', $$temporal.signal(NULL::temporal.future, 's')$$, '22004', true), ('signal', 3, 'workflow', $$temporal.signal(temporal.start_timer('1 s'), 's')$$, '22023', false),
	('cancel', 1, 'client', 'temporal.cancel(NULL::temporal.future)', 'TP021', false), ('cancel', 1, 'workflow', 'temporal.cancel(NULL::temporal.future)', '22004', true), ('shield', 1, 'workflow', 'temporal.shield(NULL)', '22004', true),
	('cancel', 3, 'client', $$temporal.cancel(NULL::text)$$, '22004', true), ('cancel', 3, 'client', $$temporal.cancel('')$$, '22023', true), ('cancel', 3, 'client', $$temporal.cancel(shop.long())$$, '22023', true), ('cancel', 3, 'client', $$temporal.cancel('nobody')$$, 'TP010', false),
	('cancel', 3, 'client', $$temporal.cancel('terminated-1')$$, 'ok', false), ('cancel', 3, 'tpg_nobody', $$temporal.cancel('asked-1')$$, '42501', false), ('cancel', 3, 'workflow', $$temporal.cancel('nobody')$$, 'TP010', true), ('cancel', 3, 'workflow', $$temporal.cancel('')$$, '22023', true),
	('cancel', 3, 'client', $$temporal.cancel('asked-1', run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('cancel_requested', 0, 'workflow', 'temporal.cancel_requested()', 'ok', true),
	('continue_as_new', 10, 'workflow', 'temporal.continue_as_new(shop.big())', 'TP025', false), ('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, '')$$, '22023', true), ('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, 'nobody')$$, 'TP014', false),
	('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, cron_schedule => '')$$, '22023', true), ('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, cron_schedule => 'x')$$, '22023', false), ('test_run', 13, 'client', $$temporal.test_run('wf', retry_policy => temporal.retry_policy(maximum_attempts => -1))$$, '22023', true),
	('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, run_timeout => '-1 s')$$, '22023', true), ('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, memo => '1')$$, '22023', false), ('continue_as_new', 10, 'workflow', $$temporal.continue_as_new(1, search_attributes => '{"unknown": 1}')$$, 'TP026', false),
	('signal', 6, 'client', $$temporal.signal('nobody', 's', missing_ok => true)$$, 'ok', false), ('signal', 6, 'client', $$temporal.signal('asked-1', 's', run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('signal', 6, 'client', $$temporal.signal('asked-1', 's', request_id => shop.long())$$, '22023', false),
	('signal_with_start', 22, 'client', $$temporal.signal_with_start('wf', 's', shop.big())$$, 'TP025', false), ('signal_with_start', 22, 'client', $$temporal.signal_with_start('wf', 's', '1', shop.big())$$, 'TP025', false), ('signal_with_start', 22, 'client', $$temporal.signal_with_start('wf', 's', start_delay => '-1 s')$$, '22023', false),
	('query', 5, 'client', $$temporal.query('asked-1', 'q', shop.big())$$, 'TP025', false), ('query', 5, 'client', $$temporal.query('asked-1', 'q', reject_condition => 'x')$$, '22023', false), ('query', 5, 'client', $$temporal.query('asked-1', 'q', reject_condition => NULL)$$, 'ok', true), ('query', 5, 'client', $$temporal.query('terminated-1', '__stack_trace', reject_condition => 'not_open')$$, 'TP015', true),
	('query', 5, 'client', $$temporal.query('asked-1', 'q', '-1')$$, 'TP015', true), ('query', 5, 'client', $$temporal.query('asked-1', 'q', '"x"')$$, 'TP015', true), ('query', 5, 'client', $$temporal.query('asked-1', 'q', run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false),
	('update', 5, 'client', $$temporal.update('asked-1', 'u', shop.big())$$, 'TP025', false), ('update', 5, 'client', $$temporal.update('asked-1', 'u', '1')$$, 'TP023', true), ('update', 5, 'client', $$temporal.update('asked-1', 'u', '-1')$$, 'TF008', true), ('update', 5, 'client', $$temporal.update('asked-1', 'w')$$, 'TP024', false), ('update', 5, 'client', $$temporal.update('terminated-1', 'u')$$, 'TP012', false),
	('update', 5, 'client', $$temporal.update('asked-1', 'u', update_id => '')$$, '22023', true), ('update', 5, 'client', $$temporal.update('asked-1', 'u', update_id => shop.long())$$, '22023', true), ('update', 5, 'client', $$temporal.update('asked-1', 'u', run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false),
	('start_update', 6, 'client', $$temporal.start_update('asked-1', 'w', update_id => 'waiting')$$, 'ok', false), ('start_update', 6, 'client', $$temporal.start_update('asked-1', 'w', wait_for_stage => 'completed')$$, 'TP024', false), ('start_update', 6, 'client', $$temporal.start_update('asked-1', 'w', wait_for_stage => '')$$, '22023', false), ('start_update', 6, 'client', $$temporal.start_update('asked-1', 'w', wait_for_stage => NULL)$$, '22004', true),
	('update_result', 3, 'client', $$temporal.update_result('asked-1', 'u', '-1 s')$$, '22023', true), ('update_result', 3, 'client', $$temporal.update_result('asked-1', 'u', '178000000 years')$$, '22023', true), ('update_with_start', 23, 'client', $$temporal.update_with_start('asked_wf', 'u', shop.big())$$, 'TP025', false), ('update_with_start', 23, 'client', $$temporal.update_with_start('asked_wf', 'u', '1')$$, 'TP023', true),
	('register_signal_handler', 3, 'client', $$temporal.register_signal_handler('asked_wf', 's', NULL)$$, '22004', true), ('register_signal_handler', 3, 'client', $$temporal.register_signal_handler('asked_wf', 's', '')$$, '22023', true), ('register_signal_handler', 3, 'client', $$temporal.register_signal_handler('asked_wf', '__temporal_x', 'shop.act')$$, '22023', false), ('register_signal_handler', 3, 'client', $$temporal.register_signal_handler('asked_wf', '*', 'shop.act')$$, '42P13', true),
	('register_query_handler', 3, 'client', $$temporal.register_query_handler('asked_wf', '__stack_trace', 'shop.act')$$, '22023', false), ('register_query_handler', 3, 'client', $$temporal.register_query_handler('asked_wf', 's', 'shop.one')$$, '42725', false), ('register_update_handler', 4, 'client', $$temporal.register_update_handler('asked_wf', 'u', 'shop.answer', 'shop.one(int)')$$, '42P13', true),
	('register_update_handler', 4, 'client', $$temporal.register_update_handler('asked_wf', 'u', 'shop.answer', '')$$, '22023', true), ('unregister_handler', 3, 'client', $$temporal.unregister_handler('asked_wf', NULL, 's')$$, '22004', true), ('unregister_handler', 3, 'client', $$temporal.unregister_handler('asked_wf', '', 's')$$, '22023', false), ('unregister_handler', 3, 'client', $$temporal.unregister_handler('asked_wf', 'x', 's')$$, '22023', false),
	('unregister_handler', 3, 'client', $$temporal.unregister_handler('asked_wf', 'init', NULL)$$, 'TP014', true), ('wait_condition', 3, 'workflow', 'temporal.wait_condition(NULL)', '22004', true), ('wait_condition', 3, 'workflow', $$temporal.wait_condition('')$$, '22023', true), ('wait_condition', 3, 'workflow', $$temporal.wait_condition('nonsense')$$, '42703', true),
	('wait_condition', 3, 'workflow', $$temporal.wait_condition('1 / 0 = 1')$$, '22012', true), ('wait_condition', 3, 'workflow', $$temporal.wait_condition('true', '-1 s')$$, '22023', true), ('wait_condition', 3, 'workflow', $$temporal.wait_condition('true', args => '[1')$$, '22P02', true),
	('start_wait_condition', 2, 'workflow', 'temporal.start_wait_condition(NULL)', '22004', true), ('start_wait_condition', 2, 'workflow', $$temporal.start_wait_condition('')$$, '22023', true), ('start_wait_signal', 1, 'workflow', 'temporal.start_wait_signal(NULL)', '22004', true), ('start_wait_signal', 1, 'workflow', $$temporal.start_wait_signal('')$$, '22023', true),
	('spawn', 2, 'workflow', $$temporal.spawn('shop.act', shop.big())$$, 'TP025', false), ('spawn', 2, 'workflow', $$temporal.spawn('shop.one')$$, '42725', false), ('all_handlers_finished', 0, 'workflow', 'temporal.all_handlers_finished()', 'ok', false);

-- ---------- deleting, checking ----------

INSERT INTO tried VALUES
	('delete_workflow', 2, 'client', 'temporal.delete_workflow(NULL)', '22004', true), ('delete_workflow', 2, 'client', $$temporal.delete_workflow('')$$, '22023', true), ('delete_workflow', 2, 'client', 'temporal.delete_workflow(shop.long())', '22023', true),
	('delete_workflow', 2, 'client', $$temporal.delete_workflow('nobody')$$, 'TP010', false), ('delete_workflow', 2, 'client', $$temporal.delete_workflow('wf-1', '00000000-0000-4000-8000-000000000000')$$, 'TP010', false),
	('reset', 5, 'client', 'temporal.reset(NULL, 2)', '22004', true), ('reset', 5, 'client', $$temporal.reset('', 2)$$, '22023', true), ('reset', 5, 'client', 'temporal.reset(shop.long(), 2)', '22023', true), ('reset', 5, 'client', $$temporal.reset('nobody', 2)$$, 'TP010', false),
	('reset', 5, 'client', $$temporal.reset('wf-1', 2, run_id => '00000000-0000-4000-8000-000000000000')$$, 'TP010', false), ('reset', 5, 'client', $$temporal.reset('wf-1', 2)$$, '55000', false), ('reset', 5, 'client', $$temporal.reset('asked-1', NULL)$$, '22004', false),
	('reset', 5, 'client', $$temporal.reset('failing-1', -1)$$, '22023', false), ('reset', 5, 'client', $$temporal.reset('failing-1', 1)$$, '22023', false), ('reset', 5, 'client', $$temporal.reset('failing-1', 2147483647)$$, '22023', false),
	('reset', 5, 'client', $$temporal.reset('failing-1', 2, reapply => NULL)$$, '22004', true), ('reset', 5, 'client', $$temporal.reset('failing-1', 2, reapply => '')$$, '22023', false), ('reset', 5, 'client', $$temporal.reset('failing-1', 2, reapply => 'signal')$$, '22023', false),
	('reset', 5, 'client', $$temporal.reset('failing-1', 2, repeat('x', 3 * 1024 * 1024))$$, 'TP025', false), ('reset', 5, 'workflow', $$temporal.reset('wf-1', 2)$$, 'TP021', false), ('reset', 5, 'tpg_nobody', $$temporal.reset('wf-1', 2)$$, '42501', false),
	('delete_workflow', 2, 'workflow', $$temporal.delete_workflow('wf-1')$$, 'TP021', false), ('delete_workflow', 2, 'tpg_nobody', $$temporal.delete_workflow('wf-1')$$, '42501', false), ('delete_workflow', 2, 'tpg_client', $$temporal.delete_workflow('wf-1')$$, '42501', false),
	('replay_check', 1, 'client', 'count(*) FROM temporal.replay_check(NULL)', 'ok', false), ('replay_check', 1, 'client', $$count(*) FROM temporal.replay_check('')$$, '22023', true), ('replay_check', 1, 'client', 'count(*) FROM temporal.replay_check(shop.long())', '22023', true),
	('replay_check', 1, 'client', $$count(*) FROM temporal.replay_check('unknown name')$$, 'TP014', false), ('replay_check', 1, 'workflow', 'count(*) FROM temporal.replay_check()', 'TP021', false), ('replay_check', 1, 'tpg_nobody', 'count(*) FROM temporal.replay_check()', '42501', false),
	('replay_check', 1, 'tpg_client', 'count(*) FROM temporal.replay_check()', 'ok', false);

-- ---------- workers outside ----------

INSERT INTO tried VALUES
	('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task(NULL, 'me')$$, '22004', true), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('', 'me')$$, '22023', true), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task(shop.long(), 'me')$$, '22023', true),
	('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', NULL)$$, '22004', true), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', 'me', '-1 s')$$, '22023', true), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', 'me', '290000 years')$$, '22023', true),
	('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', 'me', NULL)$$, '22004', true), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', 'me', '0 s', 0)$$, '22023', false), ('poll_activity_task', 4, 'client', $$count(*) FROM temporal.poll_activity_task('q', 'me', '0 s', 100000)$$, '22023', false),
	('poll_activity_task', 4, 'workflow', $$count(*) FROM temporal.poll_activity_task('q', 'me', '0 s')$$, 'TP021', false), ('poll_activity_task', 4, 'tpg_nobody', $$count(*) FROM temporal.poll_activity_task('q', 'me', '0 s')$$, '42501', false), ('poll_activity_task', 4, 'tpg_client', $$count(*) FROM temporal.poll_activity_task('q', 'me', '0 s')$$, 'ok', false),
	('poll_activity_tasks', 5, 'client', $$CALL temporal.poll_activity_tasks('q', 'me')$$, '2D000', false);

-- ---------- HTTP ----------

INSERT INTO tried SELECT f.name, f.nargs, c.context, format('temporal.%s(%s)', f.name, c.arguments), c.expected, c.expected <> '22023' AND c.expected <> '42501' FROM (VALUES ('grant_http', 2), ('revoke_http', 2)) f (name, nargs), (VALUES
	('client', $$NULL, 'https://h/'$$, '22004'), ('client', $$'', 'https://h/'$$, '22023'), ('client', $$'public', NULL$$, '22004'), ('client', $$'public', ''$$, '22023'), ('client', $$'public', 'h'$$, '22023'), ('client', $$'public', shop.long()$$, '22023'),
	('tpg_client', $$'public', 'https://h/'$$, '42501'), ('tpg_nobody', $$'public', 'https://h/'$$, '42501')) c (context, arguments, expected);
INSERT INTO tried VALUES ('grant_http', 2, 'client', $$temporal.grant_http('no such role', 'https://h/')$$, '42704', true), ('revoke_http', 2, 'client', $$temporal.revoke_http('no such role', 'https://h/')$$, 'ok', true),
	('set_secret', 4, 'client', $$temporal.set_secret(NULL, 'x')$$, '22004', true), ('set_secret', 4, 'client', $$temporal.set_secret('', 'x')$$, '22023', true), ('set_secret', 4, 'client', $$temporal.set_secret('a b', '12345678')$$, '22023', false), ('set_secret', 4, 'client', $$temporal.set_secret(shop.long(), '12345678')$$, '22023', true),
	('set_secret', 4, 'client', $$temporal.set_secret('a', NULL)$$, '22004', true), ('set_secret', 4, 'client', $$temporal.set_secret('a', '1234567')$$, '22023', false), ('set_secret', 4, 'client', $$temporal.set_secret('a', repeat('x', 9000))$$, '22023', false), ('set_secret', 4, 'client', $$temporal.set_secret('a', E'12345678\n')$$, '22023', false),
	('set_secret', 4, 'client', $$temporal.set_secret('a', '12345678', NULL)$$, '22004', true), ('set_secret', 4, 'client', $$temporal.set_secret('a', '12345678', 'no such role')$$, '42704', true), ('set_secret', 4, 'client', $$temporal.set_secret('a', '12345678', url => 'h')$$, '22023', false),
	('set_secret', 4, 'tpg_client', $$temporal.set_secret('a', '12345678')$$, '42501', false), ('set_secret', 4, 'tpg_nobody', $$temporal.set_secret('a', '12345678')$$, '42501', false),
	('drop_secret', 1, 'client', $$temporal.drop_secret(NULL)$$, '22004', true), ('drop_secret', 1, 'client', $$temporal.drop_secret('')$$, '22023', true), ('drop_secret', 1, 'client', $$temporal.drop_secret('none')$$, '42704', true), ('drop_secret', 1, 'tpg_nobody', $$temporal.drop_secret('none')$$, '42501', false),
	('execute_local_activity', 9, 'workflow', $$temporal.execute_local_activity('http')$$, '0A000', false);

-- ---------- tests ----------

INSERT INTO tried VALUES
	('test_start', 1, 'client', $$temporal.test_start('infinity')$$, '22023', true), ('test_start', 1, 'client', $$temporal.test_start('-infinity')$$, '22023', true), ('test_active', 0, 'client', 'temporal.test_active()', 'ok', false), ('test_now', 0, 'client', 'temporal.test_now()', 'ok', false),
	('test_drive', 2, 'client', $$temporal.test_drive('idle', '')$$, '22023', true), ('test_drive', 2, 'client', $$temporal.test_drive('closed', 'nobody')$$, 'TP010', false), ('test_drive', 2, 'client', $$temporal.test_drive('idle', shop.long())$$, '22023', true),
	('test_advance', 1, 'client', 'temporal.test_advance(NULL)', '22004', false), ('test_advance', 1, 'client', $$temporal.test_advance('-1 s')$$, '22023', true), ('test_advance', 1, 'client', $$temporal.test_advance('178000000 years')$$, '22023', true), ('test_advance', 1, 'client', $$temporal.test_advance('290000 years')$$, '22023', true),
	('mock_activity', 4, 'client', $$temporal.mock_activity('m', handler => 'no_such')$$, '42883', false), ('mock_activity', 4, 'client', $$temporal.mock_activity('m', handler => '')$$, '22023', true), ('mock_activity', 4, 'client', $$temporal.mock_activity('m', fails => '[]')$$, '22023', false),
	('mock_activity', 4, 'client', $$temporal.mock_activity('m', returns => '1', fails => '{}')$$, '22023', true), ('mock_activity', 4, 'client', $$temporal.mock_activity('m', fails => '{"next_retry_delay": "nonsense"}')$$, '22007', true),
	('mock_calls', 1, 'client', 'temporal.mock_calls(NULL)', 'ok', false), ('mock_calls', 1, 'client', $$temporal.mock_calls('unknown')$$, 'ok', false), ('test_run', 13, 'client', $$temporal.test_run('failing')$$, 'TF007', true), ('test_run', 13, 'client', $$temporal.test_run('wf', shop.big())$$, 'TP025', false),
	('test_run', 13, 'client', $$temporal.test_run('wf', run_timeout => '-1 s')$$, '22023', true), ('test_run', 13, 'client', $$temporal.test_run('wf', run_timeout => '1 s')$$, 'TF005', true);

-- ---------- what comes of it ----------

-- before there is a test environment
SELECT is((in_context('client', 'SELECT ' || command)).state, 'TP021', 'without test environment: ' || command) FROM unnest('{temporal.test_drive(),temporal.test_now(),temporal.mock_calls(),temporal.mock_activity(''act''),temporal.test_advance(''1 s'')}'::text[]) command;
SELECT isnt((in_context('client', 'SELECT ' || command)).hint, '', 'and the hint says how to begin one: ' || command) FROM unnest('{temporal.test_drive(),temporal.test_now(),temporal.mock_calls()}'::text[]) command;
SELECT is(temporal.test_active(), false, 'test_active() tells');

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('failing', id => 'failing-1'), temporal.start_workflow('wf', id => 'timed-1', run_timeout => '1 s'), temporal.start_workflow('wf', id => 'terminated-1');
SELECT temporal.terminate('terminated-1');
SELECT temporal.test_advance('2 s');
SELECT temporal.start_workflow('wf', id => 'wf-1', start_delay => '50 years'), temporal.start_workflow('asked_wf', id => 'asked-1');
SELECT temporal.test_drive();

SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace = 'temporal'::regnamespace AND NOT EXISTS (SELECT FROM tried t WHERE t.name = p.proname AND t.nargs = p.pronargs)
	ORDER BY 1::text$$, 'every function of schema temporal is tried');
SELECT is_empty($$
	SELECT DISTINCT name, nargs FROM tried t WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'temporal'::regnamespace AND t.name = p.proname AND t.nargs = p.pronargs)$$, 'and nothing else');
CREATE TEMP TABLE seen AS
	SELECT t.*, (a).state, (a).message, (a).hint
	FROM (SELECT *, in_context(context, CASE WHEN command LIKE 'CALL %' THEN command ELSE 'SELECT ' || command END) AS a FROM tried OFFSET 0) t;
SELECT is(state, expected, format('%s: %s', context, command)) FROM seen;
SELECT is_empty($$SELECT context, command, state, message FROM seen WHERE state <> 'ok' AND hint = '' AND NOT coalesce(no_hint, false) AND (state ~ '^(TF|TP)' OR state = '42501' OR state = '22023' AND message !~ 'must not be (empty|negative)|at least|for parameter')$$, 'every error that needs a hint has one');
SELECT is_empty($$SELECT context, command, message FROM seen WHERE state LIKE 'XX%'$$, 'no internal error');
SELECT is_empty($$SELECT command, message FROM seen WHERE message ~ '\.$|^[A-Z][a-z]' AND state ~ '^(TF|TP|220)'$$, 'messages are in PostgreSQL''s style: no capital, no full stop');
SELECT is_empty($$SELECT command, hint FROM seen WHERE hint !~ '[.)?…]$' AND hint <> ''$$, 'and hints are sentences');

SELECT * FROM finish();
ROLLBACK;
