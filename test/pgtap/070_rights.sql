-- Who may do what, and what hostile roles cannot do: read, drive or hijack what was not granted to them.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(142);

-- alice writes workflows, bob uses them, carl has another namespace, mallory has nothing
CREATE ROLE tpg_alice LOGIN;
CREATE ROLE tpg_bob LOGIN;
CREATE ROLE tpg_carl LOGIN;
CREATE ROLE tpg_mallory LOGIN;
CREATE ROLE tpg_admin LOGIN;
CREATE ROLE tpg_staff NOLOGIN;
CREATE SCHEMA alice AUTHORIZATION tpg_alice;
CREATE SCHEMA bob AUTHORIZATION tpg_bob;
CREATE SCHEMA mallory AUTHORIZATION tpg_mallory;
GRANT USAGE ON SCHEMA alice, bob, mallory TO PUBLIC;

-- SQLSTATE of a command, run as a role
CREATE FUNCTION pg_temp.as_role(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	RESET ROLE;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLSTATE;
END $$;
-- its one value as text, or the SQLSTATE
CREATE FUNCTION pg_temp.value_as(role text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE query INTO r;
	RESET ROLE;
	RETURN r;
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.hint_as(role text, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE h text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	RESET ROLE;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN h;
END $$;

-- ---------- levels ----------

SELECT is(pg_temp.as_role('tpg_bob', $$SELECT temporal.start_workflow('wf')$$), '42501', 'nobody has anything until it is granted');
SELECT matches(pg_temp.hint_as('tpg_bob', $$SELECT temporal.start_workflow('wf')$$), $$temporal\.grant_access\('default', 'tpg_bob', 'client'\)$$, 'the hint is the statement that grants it');
SELECT is(pg_temp.as_role('tpg_bob', $$SELECT temporal.grant_access('default', 'tpg_bob', 'client')$$), '42501', 'one does not grant oneself');
SELECT temporal.grant_access('default', 'tpg_alice', 'author'), temporal.grant_access('default', 'tpg_bob', 'client'), temporal.grant_access('default', 'tpg_admin', 'admin');
SELECT temporal.create_namespace('other');
SELECT temporal.grant_access('other', 'tpg_carl', 'admin');

SET LOCAL ROLE tpg_alice;
SET LOCAL search_path = alice, public;
CREATE FUNCTION alice.act(n int DEFAULT 1) RETURNS text LANGUAGE sql AS $$SELECT current_user || ' ' || n$$;
CREATE FUNCTION alice.wf(n int DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 h'); RETURN current_user || ', ' || (temporal.execute_activity('act', n) #>> '{}'); END $$;
SELECT temporal.register_activity('act'), temporal.register_workflow('wf');
RESET ROLE;
RESET search_path;

SELECT is(pg_temp.as_role(role, command), expected, format('%s: %s', role, command)) FROM (VALUES
	('tpg_bob', $$SELECT temporal.start_workflow('wf', id => 'by bob')$$, 'ok'),
	('tpg_bob', $$SELECT temporal.register_workflow('wf2', 'alice.wf')$$, '42501'),
	('tpg_bob', $$SELECT temporal.unregister_workflow('wf')$$, '42501'),
	('tpg_bob', $$SELECT temporal.register_search_attribute('x', 'Int')$$, '42501'),
	('tpg_bob', $$SELECT temporal.alter_namespace('default', '2 h')$$, '42501'),
	('tpg_bob', $$SELECT temporal.drop_namespace('other', true)$$, '42501'),
	('tpg_bob', $$SELECT temporal.create_namespace('mine')$$, '42501'),
	('tpg_bob', $$SELECT temporal.test_start()$$, '42501'),
	('tpg_bob', $$SELECT temporal.post_restore()$$, '42501'),
	('tpg_alice', $$SELECT temporal.unregister_workflow('wf')$$, 'ok'),
	('tpg_alice', $$SELECT temporal.test_start()$$, 'ok'),
	('tpg_alice', $$SELECT temporal.grant_access('default', 'tpg_mallory', 'client')$$, '42501'),
	('tpg_alice', $$SELECT temporal.register_search_attribute('x', 'Int')$$, '42501'),
	('tpg_alice', $$SELECT temporal.create_namespace('mine')$$, '42501'),
	('tpg_admin', $$SELECT temporal.register_search_attribute('x', 'Int')$$, 'ok'),
	('tpg_admin', $$SELECT temporal.grant_access('default', 'tpg_mallory', 'client')$$, 'ok'),
	('tpg_admin', $$SELECT temporal.revoke_access('default', 'tpg_mallory')$$, 'ok'),
	('tpg_admin', $$SELECT temporal.grant_access('other', 'tpg_mallory', 'client')$$, '42501'),
	('tpg_admin', $$SELECT temporal.alter_namespace('other', '2 h')$$, '42501'),
	('tpg_admin', $$SELECT temporal.create_namespace('mine')$$, '42501'),
	('tpg_admin', $$SELECT temporal.drop_namespace('default')$$, '42501'),
	('tpg_admin', $$SELECT temporal.post_restore()$$, '42501'),
	('tpg_carl', $$SELECT temporal.start_workflow('wf')$$, '42501'),
	('tpg_carl', $$SELECT temporal.terminate('by bob')$$, '42501'),
	('tpg_carl', $$SELECT temporal.alter_namespace('other', '2 h')$$, 'ok'),
	('tpg_mallory', $$SELECT temporal.start_workflow('wf')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.result('by bob', timeout => '0')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.terminate('by bob')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.describe('by bob')$$, '42501'),
	('tpg_mallory', $$SELECT * FROM temporal.trace('by bob')$$, '42501'),
	('tpg_mallory', $$SELECT * FROM temporal.explain('by bob')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.replay('by bob')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.replay('[{"event_id": 1}]'::jsonb, 'wf')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.register_workflow('x', 'mallory.x')$$, '42501'),
	('tpg_mallory', $$SELECT temporal.test_start()$$, '42501')
) AS v (role, command, expected);
SELECT is(pg_temp.as_role('tpg_mallory', $$SELECT temporal.result('nobody')$$), '42501', 'without rights one does not even learn what exists');
SELECT lives_ok($$SET LOCAL ROLE tpg_alice; SELECT temporal.register_workflow('wf', 'alice.wf'); RESET ROLE$$, 'the type is registered again');

-- membership and public
GRANT tpg_staff TO tpg_mallory;
SELECT temporal.grant_access('default', 'tpg_staff', 'client');
SELECT is(pg_temp.value_as('tpg_mallory', 'SELECT count(*) FROM temporal.workflow'), '1', 'members of a role have its level');
REVOKE tpg_staff FROM tpg_mallory;
SELECT is(pg_temp.value_as('tpg_mallory', 'SELECT count(*) FROM temporal.workflow'), '0', 'as long as they are members');
SELECT temporal.grant_access('default', 'public', 'client');
SELECT is(pg_temp.value_as('tpg_mallory', 'SELECT count(*) FROM temporal.workflow'), '1', 'what is granted to public everybody has');
SELECT is(pg_temp.as_role('tpg_alice', $$SELECT temporal.unregister_activity('act')$$), 'ok', 'and the highest level of a role counts');
SELECT temporal.revoke_access('default', 'public'), temporal.revoke_access('default', 'tpg_staff');
SELECT is(pg_temp.value_as('tpg_mallory', 'SELECT count(*) FROM temporal.workflow'), '0', 'until it is revoked');
SELECT lives_ok($$SELECT temporal.revoke_access('default', 'tpg_staff')$$, 'revoking what was not granted is no error');
SELECT is(pg_temp.as_role('tpg_admin', $$SELECT temporal.grant_access('default', 'no such role', 'client')$$), '42704', 'a role that does not exist');
SELECT is(pg_temp.as_role('tpg_admin', $$SELECT temporal.grant_access('default', 'tpg_mallory', 'boss')$$), '22023', 'a level that does not exist');
CREATE ROLE tpg_renamed;
SELECT temporal.grant_access('default', 'tpg_renamed', 'admin');
DROP ROLE tpg_renamed;
CREATE ROLE tpg_super SUPERUSER LOGIN;
SELECT is(pg_temp.value_as('tpg_super', 'SELECT access_level FROM temporal.namespace WHERE namespace = ''other'''), 'admin', 'a superuser is admin everywhere');

-- ---------- namespaces ----------

SET LOCAL ROLE tpg_carl;
SET LOCAL temporal_pg.namespace = 'other';
CREATE FUNCTION pg_temp.nothing() RETURNS void LANGUAGE sql AS $$SELECT$$;
RESET ROLE;
CREATE SCHEMA carl AUTHORIZATION tpg_carl;
SET LOCAL ROLE tpg_carl;
CREATE FUNCTION carl.wf(n int DEFAULT 1) RETURNS text LANGUAGE sql AS $$SELECT 'carl'$$;
SELECT temporal.register_workflow('wf', 'carl.wf');
SELECT is(temporal.start_workflow('wf', id => 'by bob'), 'by bob', 'the same id in another namespace is another workflow');
SELECT is(pg_temp.value_as('tpg_carl', 'SELECT string_agg(namespace, '','') FROM temporal.workflow'), 'other', 'carl sees his namespace only');
RESET ROLE;
SET LOCAL temporal_pg.namespace = 'default';
SELECT is(pg_temp.value_as('tpg_bob', 'SELECT string_agg(namespace, '','') FROM temporal.workflow'), 'default', 'bob sees his only');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'by bob'), 2, 'a superuser sees both');
SELECT is(pg_temp.value_as('tpg_bob', format('SELECT count(*) FROM temporal.%I', view)), '1', 'bob sees of his namespace: ' || view) FROM unnest('{namespace,workflow,history}'::text[]) view;
SELECT is_empty($$SELECT viewname, n FROM (SELECT viewname, pg_temp.value_as('tpg_mallory', format('SELECT count(*) FROM temporal.%I', viewname)) AS n FROM pg_views WHERE schemaname = 'temporal') x WHERE n <> '0'$$, 'mallory sees nothing in any view');
SELECT is(pg_temp.as_role('tpg_bob', format('SET LOCAL temporal_pg.namespace = ''other''; SELECT %s', call)), '42501', 'bob in namespace other: ' || call) FROM (VALUES
	($$temporal.start_workflow('wf')$$), ($$temporal.terminate('by bob')$$), ($$temporal.result('by bob')$$), ($$temporal.describe('by bob')$$), ($$temporal.replay('by bob')$$)) v (call);
SELECT is(pg_temp.as_role('tpg_alice', $$SELECT temporal.test_start(); SET LOCAL temporal_pg.namespace = 'other'; SELECT temporal.start_workflow('wf')$$), '42501', 'a test environment does not reach into another namespace');
SET LOCAL temporal_pg.namespace = 'default';
SELECT temporal.grant_access('other', 'tpg_alice', 'client');
SELECT is(pg_temp.as_role('tpg_alice', $$SELECT temporal.test_start(); SET LOCAL temporal_pg.namespace = 'other'; SELECT temporal.start_workflow('wf')$$), '42501', 'nor into one where she is client: tests decide what runs do');
SET LOCAL temporal_pg.namespace = 'default';
SELECT is(pg_temp.as_role('tpg_bob', $$SET LOCAL temporal_pg.namespace = 'nowhere'; SELECT temporal.start_workflow('wf')$$) IN ('42704', '42501', '3F000'), true, 'a namespace that does not exist');

-- ---------- the schema temporal_internal is closed ----------

SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE relnamespace = 'temporal_internal'::regnamespace AND relkind IN ('r', 'v', 'S')
	AND (has_table_privilege('tpg_mallory', c.oid, 'SELECT') OR has_table_privilege('tpg_mallory', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER'))$$, 'nobody has rights on its tables');
SELECT ok(NOT has_schema_privilege('tpg_mallory', 'temporal_internal', 'USAGE') AND NOT has_schema_privilege('tpg_mallory', 'temporal_internal', 'CREATE') AND NOT has_schema_privilege('tpg_mallory', 'temporal', 'CREATE'), 'nor on the schemas');
SELECT is_empty($$SELECT relname, state FROM (SELECT relname, pg_temp.as_role('tpg_admin', format('SELECT * FROM temporal_internal.%I', relname)) AS state FROM pg_class WHERE relnamespace = 'temporal_internal'::regnamespace AND relkind IN ('r', 'v')) x WHERE state <> '42501'$$, 'not even admins read its tables');
SELECT isnt(pg_temp.as_role('tpg_admin', format('%s temporal.%I %s', verb, viewname, rest)), 'ok', format('views are read only: %s %s', verb, viewname))
	FROM pg_views, (VALUES ('UPDATE', 'SET namespace = NULL'), ('DELETE FROM', '')) v (verb, rest) WHERE schemaname = 'temporal' AND viewname IN ('workflow', 'history', 'namespace') ORDER BY 1;
SELECT is(pg_temp.as_role('tpg_mallory', 'SELECT temporal_internal.trace_run(1)'), '42501', 'its functions cannot be called by name');
SELECT is_empty($$
	SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace = 'temporal_internal'::regnamespace AND has_function_privilege('tpg_mallory', p.oid, 'EXECUTE')
	  AND p.proname !~ '^(future_|may_see|access_level|clock_now|failure_message|find_run|worker_slots|pollers|task_queue_state|heartbeats$|trace_run|explain_run|describe_run|command_activities|activity_options|version_is_outdated)'$$,
	'only those that views and public functions call are executable at all');

-- pg_read_all_data gives USAGE on every schema, and is to read only; and not what nobody reads
CREATE ROLE tpg_reader LOGIN IN ROLE pg_read_all_data;
SELECT temporal.set_secret('rights', 'nobody reads this');
SELECT isnt(pg_temp.value_as('tpg_reader', 'SELECT count(*) FROM temporal_internal.execution'), '0', 'pg_read_all_data reads tables');
SELECT is(pg_temp.value_as('tpg_reader', 'SELECT count(*) FROM temporal_internal.secret'), '0', 'but no secrets');
SELECT is(pg_temp.as_role('tpg_reader', $$SELECT temporal_internal.command_activities('by bob', NULL, NULL, '*', '{"op": "pause"}', NULL)$$), '42501', 'and does nothing to activities');
SELECT is(pg_temp.as_role(session_user::text, format($$SELECT temporal_internal.command_activities('by bob', NULL, NULL, '*', %L, NULL)$$, command)), '22023', 'no command: ' || command)
	FROM unnest('{"{}","[]","1","null","{\"op\": \"drop\"}","{\"op\": \"options\"}"}'::text[]) command;
SELECT temporal.drop_secret('rights');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('temporal'::regnamespace, 'temporal_internal'::regnamespace) AND prosecdef
	AND NOT (coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}')$$, 'every SECURITY DEFINER function pins its search_path');

-- ---------- leaks through views ----------

SET LOCAL ROLE tpg_carl;
CREATE TABLE carl.seen (what text);
CREATE FUNCTION carl.leak(what text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN INSERT INTO carl.seen VALUES (what); RETURN true; END $$;
CREATE FUNCTION carl.leak_eq(a text, b text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN INSERT INTO carl.seen VALUES (a); RETURN true; END $$;
CREATE OPERATOR carl.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = carl.leak_eq);
RESET ROLE;
SELECT pg_temp.value_as('tpg_carl', 'SELECT count(*) FROM temporal.workflow WHERE carl.leak(namespace || workflow_id)') \g /dev/null
SELECT pg_temp.value_as('tpg_carl', 'SELECT count(*) FROM temporal.history WHERE carl.leak(namespace || event_type) AND workflow_id OPERATOR(carl.===) ''x''') \g /dev/null
SELECT pg_temp.value_as('tpg_carl', 'SELECT count(*) FROM temporal.definition WHERE carl.leak(namespace || name)') \g /dev/null
SELECT is_empty($$SELECT what FROM carl.seen WHERE what LIKE 'default%'$$, 'functions and operators of the reader see only rows that he may see');
SELECT isnt_empty($$SELECT what FROM carl.seen WHERE what LIKE 'other%'$$, 'which they do see');

-- ---------- code runs as its owner, and cannot leave that role ----------

SELECT temporal.revoke_access('other', 'tpg_alice');
SET LOCAL ROLE tpg_alice;
SET LOCAL search_path = alice, public;
SELECT temporal.register_activity('act');
RESET search_path;
RESET ROLE;
SELECT temporal.test_start('2030-01-01');
SELECT is(temporal.test_run('wf', '{"n": 7}'), '"tpg_alice, tpg_alice 7"', 'in a superuser''s test, too, code runs as its owner');

CREATE TABLE public.secret (v text);
INSERT INTO public.secret VALUES ('secret');
SET LOCAL ROLE tpg_alice;
SET LOCAL search_path = alice, public;
CREATE FUNCTION alice.try(command text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE command; RETURN 'ok'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
CREATE FUNCTION alice.escape(command text, how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'workflow' THEN
		RETURN alice.try(command);
	ELSIF how = 'local' THEN
		RETURN temporal.execute_local_activity('try', command) #>> '{}';
	END IF;
	RETURN temporal.execute_activity('try', command) #>> '{}';
END $$;
SET LOCAL temporal_pg.determinism = off;       -- rights, not the guard, are to stop it
SELECT temporal.register_activity('try'), temporal.register_workflow('escape');
RESET search_path;
RESET ROLE;
SELECT isnt(temporal.test_run('escape', jsonb_build_array(command, how)), '"ok"', format('%s of alice in a superuser''s session: %s', how, command))
	FROM unnest('{workflow,activity,local}'::text[]) how, unnest(ARRAY['SET ROLE postgres', 'RESET ROLE', 'SET LOCAL ROLE NONE', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres',
		'SELECT set_config(''role'', ''postgres'', false)', 'SELECT * FROM public.secret', 'CREATE ROLE tpg_evil SUPERUSER', 'COPY (SELECT 1) TO ''/tmp/tpg_evil''', 'SELECT pg_read_file(''PG_VERSION'')',
		'CREATE TEMP TABLE evil (a int)', 'SELECT temporal.grant_access(''default'', ''tpg_alice'', ''admin'')', 'SELECT temporal_internal.find_run(''x'', NULL, 1)']) command;
SELECT is(current_user, session_user, 'and the session is its user''s again');

-- deferred triggers would run at COMMIT, as whoever commits
SET LOCAL ROLE tpg_alice;
CREATE TABLE alice.fired (who text);
CREATE TABLE alice.bait (a int);
CREATE FUNCTION alice.fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO alice.fired VALUES (current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER fire AFTER INSERT ON alice.bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alice.fire();
RESET ROLE;
SELECT temporal.test_run('escape', '["INSERT INTO alice.bait VALUES (1)", "activity"]') \g /dev/null
SELECT temporal.test_run('escape', '["SET CONSTRAINTS ALL DEFERRED", "activity"]') \g /dev/null
SELECT temporal.test_run('escape', '["INSERT INTO alice.bait VALUES (1)", "local"]') \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SELECT is_empty($$SELECT who FROM alice.fired WHERE who <> 'tpg_alice'$$, 'a deferred trigger of alice never runs as a superuser');
SET CONSTRAINTS ALL DEFERRED;

-- ---------- hijacking by search_path, pg_temp, shadows ----------

SET LOCAL ROLE tpg_alice;
SET LOCAL search_path = alice, public;
CREATE TABLE alice.rate (v text);
INSERT INTO alice.rate VALUES ('alice''s');
CREATE FUNCTION alice.helper(t text) RETURNS text LANGUAGE sql AS $$SELECT 'alice''s ' || t$$;
CREATE FUNCTION alice.unqualified() RETURNS text LANGUAGE plpgsql AS $$
DECLARE v text;
BEGIN
	PERFORM temporal.sleep('1 s');
	SELECT rate.v || '/' || helper('x') || '/' || upper('up') || '/' || lower('LOW') INTO v FROM rate;
	IF v <> 'alice''s/alice''s x/UP/low' THEN
		RAISE EXCEPTION 'hijacked: %', v;
	END IF;
	PERFORM temporal.sleep('1 h');
	RETURN v;
END $$;
SELECT temporal.register_workflow('unqualified');
RESET search_path;
RESET ROLE;
SELECT temporal.start_workflow('unqualified', id => 'unqualified');
SELECT temporal.test_advance('2 s');
SELECT is(temporal.replay('unqualified'), 4, 'the code replays');

SET LOCAL ROLE tpg_bob;
CREATE TEMP TABLE rate (v text);
INSERT INTO pg_temp.rate VALUES ('bob''s');
CREATE TABLE bob.rate (v text);
INSERT INTO bob.rate VALUES ('bob''s');
GRANT SELECT ON bob.rate, pg_temp.rate TO PUBLIC;
CREATE FUNCTION bob.helper(t text) RETURNS text LANGUAGE sql AS $$SELECT 'bob''s ' || t$$;
CREATE FUNCTION bob.upper(t text) RETURNS text LANGUAGE sql AS $$SELECT 'bob''s ' || t$$;
CREATE FUNCTION pg_temp.lower(t text) RETURNS text LANGUAGE sql AS $$SELECT 'bob''s ' || t$$;
CREATE FUNCTION bob.cat(a text, b text) RETURNS text LANGUAGE sql AS $$SELECT 'bob''s '::text$$;
CREATE OPERATOR bob.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = bob.cat);
CREATE FUNCTION bob.find_run(a text, b uuid, c int) RETURNS bigint LANGUAGE sql AS $$SELECT 1::bigint$$;
RESET ROLE;
CREATE FUNCTION public.tpg_under_bobs_path(query text) RETURNS text LANGUAGE plpgsql SET search_path = pg_temp, bob, pg_catalog, alice, public AS $$
DECLARE r text;
BEGIN
	SET LOCAL ROLE tpg_bob;
	EXECUTE query INTO r;
	RESET ROLE;
	RETURN r;
END $$;
SELECT is(public.tpg_under_bobs_path('SELECT upper(''x'') || helper(''y'')'), 'bob''s ', 'bob''s search_path does shadow');
SELECT is(public.tpg_under_bobs_path('SELECT temporal.replay(''unqualified'')'), '4', 'replayed by bob under his search_path, temporary tables and operators');
SELECT is(public.tpg_under_bobs_path('SELECT what FROM temporal.explain(''unqualified'')'), 'timer #2', 'explained by bob');
SELECT is(public.tpg_under_bobs_path('SELECT event FROM temporal.trace(''unqualified'')'), 'workflow unqualified started', 'traced by bob');
SELECT is(public.tpg_under_bobs_path('SELECT (temporal.describe(''unqualified'')).status'), 'Running', 'described by bob');
SELECT is(public.tpg_under_bobs_path('SELECT workflow_type FROM temporal.workflow WHERE workflow_id = ''unqualified'''), 'unqualified', 'seen by bob');
DROP TABLE pg_temp.rate;
DROP FUNCTION pg_temp.lower(text);

-- what a reader's session cannot be made to do by workflow code that he replays
SET LOCAL ROLE tpg_alice;
CREATE FUNCTION alice.trap() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF session_user = current_user THEN
		RETURN 'as the reader';
	END IF;
	PERFORM alice.try('SET ROLE postgres'), alice.try('RESET ROLE'), alice.try('INSERT INTO public.secret VALUES (1)'), alice.try('CREATE TABLE alice.written (a int)'),
		alice.try('INSERT INTO alice.rate VALUES (''written'')'), alice.try('SELECT set_config(''search_path'', ''evil'', false)'), alice.try('DISCARD ALL'), alice.try('LISTEN evil'),
		alice.try('PREPARE evil AS SELECT 1'), alice.try('SELECT pg_advisory_lock(4711)');
	PERFORM temporal.sleep('1 h');
	RETURN current_user;
END $$;
SET LOCAL search_path = alice, public;
SELECT temporal.register_workflow('trap');
RESET search_path;
RESET ROLE;
SELECT temporal.start_workflow('trap', id => 'trap');
SELECT temporal.test_drive();
SELECT is(temporal.replay('trap'), 2, 'a superuser replays hostile code');
SELECT is(current_user || '/' || current_setting('search_path'), session_user || '/"$user", public', 'role and search_path are his own afterwards');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relname = 'written' UNION SELECT v FROM alice.rate WHERE v = 'written' UNION SELECT v FROM public.secret WHERE v = '1'$$, 'and nothing was written');

-- mocks run as the tester
SET LOCAL ROLE tpg_alice;
CREATE FUNCTION alice.mock(input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(current_user)$$;
RESET ROLE;
CREATE SCHEMA super;
CREATE FUNCTION super.wf() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.execute_activity('act')$$;
SELECT temporal.register_workflow('super', 'super.wf');
SELECT is(pg_temp.value_as('tpg_alice', $$SELECT temporal.test_run('super') FROM (SELECT temporal.test_start(), temporal.mock_activity('act', handler => 'alice.mock')) x$$), '"tpg_alice"', 'a mock of a superuser''s workflow runs as the tester');
SELECT is(pg_temp.as_role('tpg_alice', $$SELECT temporal.register_workflow('super', 'super.wf')$$), '42501', 'whose function she cannot register');

SELECT * FROM finish();
ROLLBACK;
