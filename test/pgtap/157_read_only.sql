-- What writes says so in a read-only transaction, before it does anything: by the name of the function that was called, and
-- with nothing of the tables behind it. In workflow code it is TP021.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(5);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
\ir ../lib/helpers.sql

CREATE FUNCTION act(x jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION q() RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION wf() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.wait_signal('stop'); END $$;
CREATE FUNCTION asks() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('ext', 1, activity_id => 'a'); END $$;
SELECT temporal.register_workflow('wf', signals => '{"s": "act"}', queries => '{"q": "q"}', updates => '{"u": "act"}'), temporal.register_workflow('asks'),
	temporal.register_activity('act'), temporal.register_activity('ext', mode => 'external');
SELECT temporal.create_namespace('other'), temporal.set_secret('known', 'known-value'), temporal.configure_task_queue('tq', 3), temporal.grant_http('postgres', 'http://x/');
SELECT temporal.test_start();
SELECT temporal.start_workflow('wf', id => 'w'), temporal.start_workflow('asks', id => 'a'), temporal.test_drive();

-- each public function that writes, and how it would be called
CREATE TEMP TABLE writes (name text, arguments text, in_code text DEFAULT 'TP021');
INSERT INTO writes (name, arguments) VALUES
	('register_workflow', '''wf'''), ('register_activity', '''act'''), ('register_signal_handler', '''wf'', ''s2'', ''act'''), ('register_query_handler', '''wf'', ''q2'', ''q'''),
	('register_update_handler', '''wf'', ''u2'', ''act'''), ('unregister_workflow', '''wf'''), ('unregister_activity', '''act'''), ('unregister_handler', '''wf'', ''signal'', ''s'''),
	('create_namespace', '''new'''), ('alter_namespace', '''other'', ''40 days'''), ('drop_namespace', '''other'''), ('grant_access', '''default'', ''pg_monitor'', ''client'''),
	('revoke_access', '''default'', ''pg_monitor'''), ('register_search_attribute', '''ReadOnly'', ''Int'''), ('grant_http', '''pg_monitor'', ''http://x/'''), ('revoke_http', '''postgres'', ''http://x/'''),
	('set_secret', '''known'', ''another value'''), ('drop_secret', '''known'''), ('configure_task_queue', '''q'', 1'), ('pause_task_queue', '''q'''), ('unpause_task_queue', '''tq'''),
	('stop_workers', '''0 s'''), ('start_workers', ''), ('pause_activity', '''a'', ''a'''), ('unpause_activity', '''a'', ''a'''), ('reset_activity', '''a'', ''a'''),
	('update_activity_options', '''a'', ''a'', priority_key => 1'), ('post_restore', ''), ('start_workflow', '''wf'''), ('start_workflow_execution', '''wf'''),
	('signal_with_start', '''wf'', ''s'''), ('start_update', '''w'', ''u'''), ('update', '''w'', ''u'''), ('update_with_start', '''wf'', ''u'''), ('terminate', '''w'''),
	('reset', '''w'', 3'), ('delete_workflow', '''w'''), ('complete_activity', '''a'', NULL, ''a'''), ('fail_activity', '''a'', NULL, ''a'', ''"no"'''),
	('heartbeat_activity', '''a'', NULL, ''a'''), ('record_activity_heartbeat', '''a'', NULL, ''a'''), ('report_activity_cancelled', '''a'', NULL, ''a'''), ('poll_activity_task', '''default'', ''me'''),
	('test_start', ''), ('test_activity', '''act''');
INSERT INTO writes VALUES ('signal', '''w'', ''s''', 'ok'), ('cancel', '''w''', 'ok');

CREATE FUNCTION pg_temp.said(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE context text; detail text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), substring(context FROM '[^\n]*temporal_internal[^\n]*'));
END $$;
CREATE TEMP TABLE said (name text, what text);
CREATE FUNCTION pg_temp.try_all() RETURNS TABLE (name text, what text) LANGUAGE sql AS $$
	SELECT w.name, pg_temp.said(format('SELECT temporal.%s(%s)', w.name, w.arguments)) FROM writes w
$$;
SAVEPOINT read_only;
SET LOCAL transaction_read_only = on;
SELECT results_eq('SELECT * FROM pg_temp.try_all()', $$SELECT name, format('25006 | cannot execute temporal.%s() in a read-only transaction', name) FROM writes$$, 'each says that it cannot, and nothing else');
SELECT is(pg_temp.said('SELECT temporal.test_run(''wf'')'), '25006 | cannot execute temporal.start_workflow() in a read-only transaction', 'test_run() that which it calls');
ROLLBACK TO read_only;

-- a new function that writes has to be here: the other volatile ones are these
SELECT is_empty($$
	SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'temporal'::regnamespace AND provolatile = 'v' AND prokind = 'f' AND prorettype <> 'trigger'::regtype
	EXCEPT SELECT name FROM writes
	EXCEPT SELECT unnest('{query,result,replay,replay_check,update_result,check_workflow,activity_info,cancellation_details,complete_async,heartbeat,raise_application_error}'::text[])
	EXCEPT SELECT unnest('{mock_activity,mock_calls,test_active,test_advance,test_drive,test_heartbeats,test_now,test_run}'::text[])
	EXCEPT SELECT unnest('{all_handlers_finished,await,await_all,await_any,cancel_requested,child_execution,continue_as_new,delete_state,deprecate_patch,execute_activity,execute_child_workflow,execute_local_activity,failure,failure_type,is_done,is_replaying,last_completion_result,last_failure,lock,log,memo,now,patched,random,set_current_details,set_state,shield,side_effect,sleep,spawn,start_activity,start_child_workflow,start_local_activity,start_timer,start_wait_condition,start_wait_signal,state,unlock,upsert_memo,upsert_search_attributes,uuid4,wait_condition,wait_signal,workflow_info}'::text[])
$$, 'all functions that write have been tried');

-- workflow code, which runs read-only, is told that it is the wrong place
CREATE FUNCTION calls(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || CASE WHEN SQLERRM LIKE '%temporal_internal%' THEN ' ' || SQLERRM ELSE '' END;
END $$;
SET LOCAL temporal_pg.determinism = off;
SELECT temporal.register_workflow('calls');
SELECT results_eq($$SELECT name, temporal.test_run('calls', to_jsonb(format('SELECT temporal.%s(%s)', name, arguments))) #>> '{}' FROM writes WHERE name NOT IN ('signal', 'cancel')$$,
	'SELECT name, in_code FROM writes WHERE name NOT IN (''signal'', ''cancel'')', 'in workflow code');
SELECT ok(NOT EXISTS (SELECT FROM temporal.namespace WHERE namespace = 'new') AND EXISTS (SELECT FROM temporal.secret WHERE name = 'known'), 'and nothing has been done');

SELECT * FROM finish();
ROLLBACK;
