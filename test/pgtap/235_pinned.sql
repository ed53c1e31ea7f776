-- Pinned workflow types: a run keeps the code that it began with; what registration refuses; what lies in a version's schema.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(130);

CREATE SCHEMA app;
CREATE SCHEMA other;
SET LOCAL search_path = app, public;

\ir ../lib/helpers.sql

CREATE FUNCTION pg_temp.version_of(type text) RETURNS text LANGUAGE sql AS $$
	SELECT version FROM temporal.definition WHERE kind = 'workflow' AND name = type
$$;
CREATE FUNCTION pg_temp.run_version(id text) RETURNS text LANGUAGE sql AS $$
	SELECT version FROM temporal.workflow WHERE workflow_id = id AND is_current
$$;
CREATE FUNCTION pg_temp.pin(type text) RETURNS text LANGUAGE sql AS $$
	SELECT temporal.register_workflow(type, versioning_behavior => 'pinned');
	SELECT pg_temp.version_of(type)
$$;
-- all schemas of versions
CREATE FUNCTION pg_temp.schemas() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM pg_namespace WHERE nspname ~ '^temporal_[0-9a-f]{20}$'
$$;

-- ---------- one version, and the next ----------

CREATE FUNCTION deploy(v text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION deep(what text DEFAULT 'x') RETURNS text LANGUAGE sql AS $i$SELECT %L || ' ' || what$i$ $f$, v);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION helper(what text) RETURNS text LANGUAGE plpgsql AS $i$BEGIN RETURN deep(what) || ', ' || %L; END$i$ $f$, v);
	EXECUTE format($f$CREATE OR REPLACE FUNCTION on_go(s text) RETURNS void LANGUAGE plpgsql AS $i$BEGIN PERFORM temporal.set_state('go', %L || s); END$i$ $f$, v);
	EXECUTE $f$CREATE OR REPLACE FUNCTION ask() RETURNS text LANGUAGE plpgsql AS $i$BEGIN RETURN helper('ask'); END$i$ $f$;
	EXECUTE $f$CREATE OR REPLACE FUNCTION allow(n int) RETURNS void LANGUAGE plpgsql AS $i$BEGIN IF n < 0 THEN RAISE EXCEPTION USING MESSAGE = helper('no'); END IF; END$i$ $f$;
	EXECUTE $f$CREATE OR REPLACE FUNCTION up(n int) RETURNS text LANGUAGE plpgsql AS $i$BEGIN RETURN helper('up ' || n); END$i$ $f$;
	EXECUTE format($f$CREATE OR REPLACE FUNCTION begin_it() RETURNS void LANGUAGE plpgsql AS $i$BEGIN PERFORM temporal.set_state('init', %L::text); END$i$ $f$, v);
	EXECUTE $f$CREATE OR REPLACE FUNCTION other_fiber() RETURNS text LANGUAGE plpgsql AS $i$BEGIN PERFORM temporal.sleep('1 h'); RETURN helper('fiber'); END$i$ $f$;
	EXECUTE format($f$CREATE OR REPLACE FUNCTION orders() RETURNS jsonb LANGUAGE plpgsql AS $i$
DECLARE f temporal.future;
BEGIN
	f := temporal.spawn('other_fiber');
	PERFORM temporal.execute_activity(%L);
	PERFORM temporal.wait_condition('state ? ''go''');
	RETURN jsonb_build_array(helper('run'), temporal.await(f), temporal.state());
END $i$ $f$, 'act_' || v);
END $$;
CREATE FUNCTION act_v1() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION act_v2() RETURNS int LANGUAGE sql AS 'SELECT 2';
SELECT temporal.register_activity('act_v1'), temporal.register_activity('act_v2');

CREATE FUNCTION register() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.register_workflow('orders', init => 'begin_it', signals => '{"go": "on_go"}', queries => '{"ask": "ask"}',
		updates => '{"up": ["up", "allow"]}', versioning_behavior => 'pinned');
	RETURN pg_temp.version_of('orders');
END $$;
SELECT deploy('v1');
SELECT register() AS v1 \gset
SELECT matches(:'v1'::text, '^temporal_[0-9a-f]{20}$', 'a pinned workflow type has a version');
SELECT is(register(), :'v1', 'the same code is the same version');
SELECT is(pg_temp.schemas(), 1::bigint, 'and nothing was made for it');
SELECT is((SELECT array_agg(proname::text ORDER BY proname COLLATE "C") FROM pg_proc WHERE pronamespace = :'v1'::regnamespace),
	'{allow,ask,begin_it,deep,helper,on_go,orders,other_fiber,up}', 'its schema has all functions that are reached, the spawned one among them');
SELECT is((SELECT is_outdated FROM temporal.definition WHERE name = 'orders'), false, 'they are what they were copied from');
SELECT is((SELECT count(*) FROM temporal.definition WHERE kind <> 'workflow' AND version IS NOT NULL), 0::bigint, 'only a workflow type has a version');

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('orders', id => 'o1');
SELECT temporal.test_drive();
SELECT is(pg_temp.run_version('o1'), :'v1', 'a run has it');
SELECT is((temporal.describe('o1')).versioning, jsonb_build_object('behavior', 'pinned', 'version', :'v1'), 'describe() shows it');
SELECT temporal.update('o1', 'up', '1');
SELECT is(temporal.query('o1', 'ask'), '"v1 ask, v1"', 'a query of the first version');

SELECT deploy('v2');
SELECT is((SELECT is_outdated FROM temporal.definition WHERE name = 'orders'), true, 'functions that were changed make it outdated');
SELECT is(temporal.query('o1', 'ask'), '"v1 ask, v1"', 'CREATE OR REPLACE FUNCTION changes nothing for an open run');
SELECT temporal.start_workflow('orders', id => 'o1b');
SELECT is(pg_temp.run_version('o1b'), :'v1', 'nor for one that starts before the new code is registered');

SELECT register() AS v2 \gset
SELECT isnt(:'v2'::text, :'v1', 'changed code is another version');
SELECT is((SELECT is_outdated FROM temporal.definition WHERE name = 'orders'), false, 'which is not outdated');
SELECT temporal.start_workflow('orders', id => 'o2');
SELECT temporal.test_drive();
SELECT is((SELECT jsonb_object_agg(workflow_id, attributes #>> '{activityType,name}') FROM temporal.history WHERE event_type = 'ActivityTaskScheduled'),
	'{"o1": "act_v1", "o1b": "act_v1", "o2": "act_v2"}', 'each run has called the activity of its version');
SELECT is(temporal.query('o1', 'ask'), '"v1 ask, v1"', 'query of the old run');
SELECT is(temporal.query('o2', 'ask'), '"v2 ask, v2"', 'query of the new run');
SELECT is(temporal.update('o1', 'up', '2'), '"v1 up 2, v1"', 'update of the old run');
SELECT is(temporal.update('o2', 'up', '2'), '"v2 up 2, v2"', 'update of the new run');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('o1', 'up', '-1')$$), 'v1 no, v1', 'its validator as well');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('o2', 'up', '-1')$$), 'v2 no, v2', 'that of the new one');
SELECT temporal.signal('o1', 'go', '"a"'), temporal.signal('o2', 'go', '"b"');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.replay('o1'), temporal.replay('o2')$$), 'ok', 'both replay');
SELECT is((SELECT count(*) FROM temporal.replay_check()), 0::bigint, 'replay_check() as well');
SELECT temporal.test_drive('closed', 'o1');
SELECT temporal.test_drive('closed', 'o2');
SELECT is(temporal.result('o1'), '["v1 run, v1", "v1 fiber, v1", {"go": "v1a", "init": "v1"}]', 'the old run has ended with its own code');
SELECT is(temporal.result('o2'), '["v2 run, v2", "v2 fiber, v2", {"go": "v2b", "init": "v2"}]', 'the new one with its own');
SELECT is(temporal.query('o1', 'ask'), '"v1 ask, v1"', 'a closed run is asked with its own code');
SELECT pg_temp.replays('o1');

-- back to the old code
SELECT deploy('v1');
SELECT is(register(), :'v1', 'the old code again is the old version');
SELECT deploy('v2');
SELECT is(register(), :'v2', 'and back');

-- ---------- other registrations ----------

CREATE FUNCTION ask_more() RETURNS text LANGUAGE sql AS $$SELECT 'more ' || helper('')$$;
SELECT temporal.start_workflow('orders', id => 'o3');
SELECT temporal.test_drive();
SELECT temporal.register_query_handler('orders', 'more', 'ask_more');
SELECT pg_temp.version_of('orders') AS v3 \gset
SELECT isnt(:'v3'::text, :'v2', 'a handler makes a new version');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('o3', 'more')$$), 'TP015', 'an open run has no new handler');
SELECT matches(pg_temp.hint_of($$SELECT temporal.query('o3', 'more')$$), 'It has: ask, __stack', 'its own are told');
SELECT is(temporal.query('o3', '__temporal_workflow_metadata') #> '{definition,queryDefinitions}', '[{"name": "ask"}]', 'and shown');
SELECT temporal.start_workflow('orders', id => 'o4');
SELECT temporal.test_drive();
SELECT is(temporal.query('o4', 'more'), '"more v2 , v2"', 'a new run has it');
SELECT temporal.unregister_handler('orders', 'query', 'ask');
SELECT isnt(pg_temp.version_of('orders'), :'v3', 'so does taking one away');
SELECT is(temporal.query('o4', 'ask'), '"v2 ask, v2"', 'from new runs only');
SELECT temporal.unregister_handler('orders', 'query', 'more');
SELECT is(register(), :'v2', 'with the same handlers, the same version');

SET LOCAL "TimeZone" = 'Asia/Tokyo';
SELECT isnt(register(), :'v2', 'recorded settings are part of a version');
RESET "TimeZone";
SELECT is(register(), :'v2', 'that of before');

SELECT temporal.register_workflow('orders');
SELECT is(pg_temp.version_of('orders'), NULL, 'auto_upgrade has none');
SELECT temporal.start_workflow('orders', id => 'o5');
SELECT is(pg_temp.run_version('o5'), NULL, 'nor has its run');
SELECT is(pg_temp.run_version('o3'), :'v2', 'pinned runs stay pinned');
SELECT register();
SELECT is(pg_temp.run_version('o5'), NULL, 'and others stay without');
SELECT deploy('v1');
SELECT temporal.test_drive();
SELECT is((SELECT attributes #>> '{activityType,name}' FROM temporal.history WHERE workflow_id = 'o5' AND event_type = 'ActivityTaskScheduled'), 'act_v1', 'it runs the code of today');

SELECT temporal.terminate('o5');
SELECT temporal.unregister_workflow('orders');
DROP FUNCTION orders, on_go, ask_more;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('orders')$$), 'TP014', 'without its registration no run starts');
SELECT is(temporal.query('o3', 'ask'), '"v2 ask, v2"', 'an open one can be asked');
SELECT temporal.signal('o3', 'go', '"late"');
SELECT temporal.test_drive('closed', 'o3');
SELECT is(temporal.result('o3'), '["v2 run, v2", "v2 fiber, v2", {"go": "v2late", "init": "v2"}]', 'and ends, although its functions are gone');

-- ---------- chains ----------

CREATE FUNCTION chain_of(v text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($f$CREATE OR REPLACE FUNCTION chain(n int DEFAULT 0, upgrade text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $b$
BEGIN
	IF n < 0 THEN
		PERFORM temporal.raise_application_error(%1$L || ' fails');
	END IF;
	PERFORM temporal.wait_signal('next');
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(jsonb_build_array(n - 1), initial_versioning_behavior => upgrade);
	ELSIF upgrade IS NOT NULL THEN
		PERFORM temporal.raise_application_error(%1$L || ' failed');
	END IF;
	RETURN %1$L;
END $b$ $f$, v);
END $$;
SELECT chain_of('c1');
SELECT pg_temp.pin('chain') AS c1 \gset
SELECT temporal.start_workflow('chain', '[2]', id => 'keeps'), temporal.start_workflow('chain', '[1, "auto_upgrade"]', id => 'moves'),
	temporal.start_workflow('chain', '[1, "pinned"]', id => 'stays'),
	temporal.start_workflow('chain', '[0, "fails"]', id => 'retries', retry_policy => temporal.retry_policy('1 min', maximum_attempts => 2)),
	temporal.start_workflow('chain', id => 'cron', cron_schedule => '0 12 * * *');
SELECT temporal.test_drive();
SELECT chain_of('c2');
SELECT pg_temp.pin('chain') AS c2 \gset
SELECT temporal.signal(id, 'next') FROM unnest('{keeps,moves,stays,retries}'::text[]) id;
SELECT temporal.test_drive();
SELECT is(pg_temp.run_version('keeps'), :'c1', 'continue-as-new keeps the version');
SELECT is((temporal.describe('keeps')).versioning, jsonb_build_object('behavior', 'pinned', 'version', :'c1', 'inherited', true), 'describe() tells that it was inherited');
SELECT is((SELECT attributes ->> 'inheritedPinnedVersion' FROM temporal.history h JOIN temporal.workflow w USING (run_id)
	WHERE w.workflow_id = 'keeps' AND is_current AND event_id = 1), :'c1', 'the start event as well');
SELECT is(pg_temp.run_version('moves'), :'c2', 'unless the code wants the one of today');
SELECT is((SELECT attributes ->> 'initialVersioningBehavior' FROM temporal.history WHERE workflow_id = 'moves' AND event_type = 'WorkflowExecutionContinuedAsNew'),
	'CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE', 'which stands in the event');
SELECT is(pg_temp.run_version('stays'), :'c1', 'pinned says what holds anyway');
SELECT temporal.start_workflow('chain', '[1, "sideways"]', id => 'bad');
SELECT temporal.signal('bad', 'next');
SELECT is(pg_temp.message_of('SELECT temporal.test_drive()'), 'workflow task of "bad" failed: invalid initial_versioning_behavior: "sideways"', 'other words are an error');
SELECT temporal.terminate('bad');
SELECT is(pg_temp.run_version('retries'), :'c2', 'a retry takes the version of today');
SELECT temporal.signal('keeps', 'next');
SELECT temporal.test_drive();
SELECT temporal.signal('keeps', 'next');
SELECT temporal.test_drive('closed', 'keeps');
SELECT is(temporal.result('keeps'), '"c1"', 'the whole chain has run the code that it began with');
SELECT temporal.signal('moves', 'next');
SELECT temporal.test_drive('closed', 'moves');
SELECT is(temporal.result('moves'), '"c2"', 'the other one has moved');
SELECT temporal.test_advance('12 h');
SELECT temporal.signal('cron', 'next');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(version ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'cron'), ARRAY[:'c1', :'c2'], 'the next run of a cron schedule takes the version of today');

-- a retry of a run that has inherited its version
SELECT temporal.start_workflow('chain', '[1]', id => 'heir', retry_policy => temporal.retry_policy('1 min', maximum_attempts => 2));
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION chain(n int DEFAULT 0, upgrade text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_signal('next');
	IF n > 0 THEN
		PERFORM temporal.continue_as_new(jsonb_build_array(n - 1, 'fails'));
	END IF;
	PERFORM temporal.raise_application_error('failed');
	RETURN NULL;
END $$;
SELECT pg_temp.pin('chain') AS c3 \gset
SELECT temporal.start_workflow('chain', '[1]', id => 'heir2', retry_policy => temporal.retry_policy('1 min', maximum_attempts => 2));
SELECT temporal.test_drive();
SELECT chain_of('c2');
SELECT pg_temp.pin('chain');
SELECT temporal.signal('heir2', 'next');
SELECT temporal.test_drive();
SELECT temporal.signal('heir2', 'next');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(DISTINCT version) FROM temporal.workflow WHERE workflow_id = 'heir2'), ARRAY[:'c3'], 'a retry of a run that has inherited its version keeps it');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'heir2'), 3::bigint, 'which was a third run');

-- reset
SELECT temporal.reset('keeps', (SELECT event_id - 1 FROM temporal.history h JOIN temporal.workflow USING (run_id)
	WHERE h.workflow_id = 'keeps' AND is_current AND h.event_type = 'WorkflowExecutionCompleted'), 'again');
SELECT is(pg_temp.run_version('keeps'), :'c1', 'reset keeps the version');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('keeps'), 'Completed', 'with which it goes on');
SELECT is(temporal.result('keeps'), '"c1"', 'and ends');

-- children, and a type that '*' runs
CREATE FUNCTION parent() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_child_workflow('chain', id => 'kid'); END $$;
SELECT pg_temp.pin('parent');
SELECT temporal.start_workflow('parent', id => 'parent');
SELECT chain_of('c4');
SELECT pg_temp.pin('chain') AS c4 \gset
SELECT temporal.test_drive();
SELECT is(pg_temp.run_version('kid'), :'c4', 'a child begins with the version of its own type');
CREATE FUNCTION anything(name text, input jsonb) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN 'first ' || name; END $$;
SELECT temporal.register_workflow('*', 'anything', versioning_behavior => 'pinned');
SELECT temporal.start_workflow('whatever', id => 'any');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION anything(name text, input jsonb) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'second ' || name; END $$;
SELECT temporal.register_workflow('*', 'anything', versioning_behavior => 'pinned');
CREATE FUNCTION whatever() RETURNS text LANGUAGE sql AS $$SELECT 'third'$$;
SELECT temporal.register_workflow('whatever');
SELECT temporal.signal('any', 'go');
SELECT temporal.test_drive('closed', 'any');
SELECT is(temporal.result('any'), '"first whatever"', 'a run of the dynamic workflow keeps its code, also when its type gets one of its own');

-- ---------- the copies ----------

CREATE ROLE tpg_pin LOGIN;
CREATE FUNCTION rich(a int, OUT b int, OUT c text) LANGUAGE plpgsql STRICT SECURITY DEFINER PARALLEL RESTRICTED COST 7 SET search_path = app, pg_temp SET work_mem = '8MB' AS $$
BEGIN
	b := rich_inner(a);
	c := current_setting('work_mem');
END $$;
CREATE FUNCTION rich_inner(a int, VARIADIC rest int[] DEFAULT '{1,2}') RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT a + rest[2]$$;
CREATE FUNCTION use_rich() RETURNS text LANGUAGE plpgsql SET temporal_pg.determinism = off AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN rich(1)::text; END $$;
REVOKE ALL ON FUNCTION rich FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rich TO tpg_pin;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
SELECT pg_temp.pin('use_rich') AS r \gset
SELECT is((SELECT count(*) FROM pg_proc WHERE pronamespace = :'r'::regnamespace), 3::bigint, 'code that wants no check is looked into all the same');
SELECT is(replace(pg_get_functiondef((:'r' || '.rich')::regproc), quote_literal(:'r') || ', ', '') , replace(pg_get_functiondef('app.rich'::regproc), 'app.rich', :'r' || '.rich'),
	'a copy has all that its original has, with the version in front of its own search_path');
SELECT matches(pg_get_functiondef((:'r' || '.rich')::regproc), 'SET search_path TO ''temporal_[0-9a-f]*'', ''app'', ''pg_temp''', 'there it stands');
SELECT is(pg_get_functiondef((:'r' || '.rich_inner')::regproc), replace(pg_get_functiondef('app.rich_inner'::regproc), 'app.', :'r' || '.'), 'defaults and VARIADIC as well');
SELECT is((SELECT array_agg(x::text ORDER BY 1) FROM pg_proc, unnest(proacl) x WHERE oid = (:'r' || '.rich')::regproc),
	(SELECT array_agg(x::text ORDER BY 1) FROM pg_proc, unnest(proacl) x WHERE oid = 'app.rich'::regproc), 'the rights are those of the original, whatever default privileges say');
SELECT ok(NOT has_schema_privilege('tpg_pin', :'r', 'USAGE') AND NOT has_schema_privilege('tpg_pin', :'r', 'CREATE'), 'nobody else may look into the schema');
SELECT matches(obj_description((:'r' || '.rich')::regproc, 'pg_proc'), 'Copy of app\.rich\(integer\) for workflow type "use_rich"', 'its comment says what it is');
SELECT temporal.start_workflow('use_rich', id => 'rich');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION rich_inner(a int, VARIADIC rest int[] DEFAULT '{1,2}') RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 0$$;
SELECT temporal.signal('rich', 'go');
SELECT temporal.test_drive('closed', 'rich');
SELECT is(temporal.result('rich'), '"(3,8MB)"', 'a function that sets its own search_path calls copies, too');

-- ---------- refused ----------

CREATE FUNCTION plus(a point, b point) RETURNS point LANGUAGE sql IMMUTABLE AS $$SELECT a$$;
CREATE OPERATOR <+> (LEFTARG = point, RIGHTARG = point, FUNCTION = plus);
CREATE FUNCTION total(s int, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT s + n$$;
CREATE AGGREGATE totals(int) (SFUNC = total, STYPE = int, INITCOND = 0);
CREATE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$;
CREATE FUNCTION with_default(n int DEFAULT one()) RETURNS int LANGUAGE sql AS $$SELECT n$$;
CREATE FUNCTION is_odd(n int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN n % 2 = 1; END $$;
CREATE DOMAIN odd AS int CHECK (is_odd(VALUE));
CREATE FUNCTION other.one() RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$;
CREATE FUNCTION pg_temp.gone() RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$;
CREATE FUNCTION theirs() RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$;
ALTER FUNCTION theirs OWNER TO tpg_pin;

CREATE FUNCTION calls_by_schema() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN app.one()
		+ "app" . one();
END $$;
CREATE FUNCTION calls_itself(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN CASE n WHEN 0 THEN 0 ELSE app.calls_itself(n - 1) END; END $$;
CREATE FUNCTION calls_atomic() RETURNS int BEGIN ATOMIC SELECT one(); END;
CREATE FUNCTION calls_operator() RETURNS point LANGUAGE plpgsql AS $$BEGIN RETURN '(1,1)'::point <+> '(1,1)'::point; END $$;
CREATE FUNCTION calls_aggregate() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT totals(n) FROM generate_series(1, 3) n); END $$;
CREATE FUNCTION calls_default() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN with_default(); END $$;
CREATE FUNCTION calls_domain() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1::odd; END $$;
CREATE FUNCTION calls_spawned() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.spawn('app.one'); RETURN 1; END $$;
CREATE FUNCTION calls_condition() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_condition('app.one() = 1'); RETURN 1; END $$;
CREATE FUNCTION calls_temp() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN pg_temp.gone(); END $$;
CREATE FUNCTION calls_theirs() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN theirs(); END $$;
CREATE FUNCTION calls_extension() RETURNS bool LANGUAGE plpgsql AS $$BEGIN RETURN pass('x') IS NOT NULL; END $$;
CREATE FUNCTION calls_dynamic() RETURNS int LANGUAGE plpgsql AS $$DECLARE s text := 'SELECT one()'; r int; BEGIN EXECUTE s INTO r; RETURN r; END $$;

SELECT is(pg_temp.sqlstate_of(format('SELECT pg_temp.pin(%L)', f)), state, f || ': ' || state) FROM (VALUES
	('calls_by_schema', '42P13'), ('calls_itself', '42P13'), ('calls_atomic', '42P13'), ('calls_operator', '42P13'), ('calls_aggregate', '42P13'),
	('calls_default', '42P13'), ('calls_domain', '42P13'), ('calls_spawned', '42P13'), ('calls_condition', '42P13'), ('calls_temp', '42P13'),
	('calls_theirs', '42501')) v (f, state);
SELECT is(pg_temp.detail_of($$SELECT pg_temp.pin('calls_by_schema')$$), 'Line 3 of calls_by_schema(): it calls app.one() by its schema.', 'DETAIL tells which call');
SELECT is((SELECT array_agg(severity || ' ' || coalesce(line, 0) || ' ' || reason) FROM temporal.check_workflow('calls_by_schema', 'pinned')),
	'{"error 3 it calls app.one() by its schema, so that a pinned run would see changes of it"}', 'check_workflow() as well');
SELECT matches((SELECT string_agg(severity || ' ' || reason, '') FROM temporal.check_workflow('calls_atomic', 'pinned')), '^error it is bound to app.one\(\) otherwise', 'what is bound otherwise is called so');
SELECT matches((SELECT string_agg(severity || ' ' || reason, '|') FROM temporal.check_workflow('calls_dynamic', 'pinned')), 'warning dynamic SQL is known only when it runs: functions', 'what cannot be seen is a warning');
SELECT is((SELECT count(*) FROM temporal.check_workflow('whatever', 'pinned')), 0::bigint, 'none where all is well');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.check_workflow('whatever', 'sideways')$$), '22023', 'other words are an error');
SELECT is(pg_temp.sqlstate_of('DO $b$BEGIN SET LOCAL transaction_read_only = on; PERFORM temporal.check_workflow(''whatever'', ''pinned''); END $b$'), '25006', 'nor in a read-only transaction');
SELECT is((SELECT severity || ' ' || reason FROM temporal.check_workflow('calls_theirs', 'pinned') WHERE severity = 'error'),
	'error it cannot be pinned: app.theirs() belongs to "tpg_pin"; a version has copies of functions of one role only, here "' || current_user || '".', 'or whose function it is');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('x', 'whatever', queries => '{"q": "other.one", "r": "app.one"}', versioning_behavior => 'pinned')$$), '42723',
	'two functions of one name cannot lie in one schema');
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.pin('pass')$$), '42725', 'ambiguous names are told as ever');
SET LOCAL temporal_pg.determinism = off;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('x', 'pass()', versioning_behavior => 'pinned')$$), '42P13', 'a function of an extension is not copied');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('x', 'pg_temp.gone()', versioning_behavior => 'pinned')$$), '42P13', 'nor a temporary one');
RESET temporal_pg.determinism;

-- a handler that lies in no schema of the path must not take the place of what is called there
CREATE FUNCTION other.ok(b boolean) RETURNS text LANGUAGE sql AS $$SELECT 'the handler'$$;
CREATE FUNCTION calls_ok() RETURNS text LANGUAGE plpgsql SET temporal_pg.determinism = off AS $$BEGIN RETURN ok(true); END $$;
SELECT is((SELECT count(*) FROM temporal.check_workflow('calls_ok', 'pinned')), 0::bigint, 'a function of an extension may be called, and what it does is its own affair');
SELECT matches(pg_temp.detail_of($$SELECT temporal.register_workflow('calls_ok', queries => '{"q": "other.ok"}', versioning_behavior => 'pinned')$$),
	'^Line 1 of calls_ok\(\): it would call ok, which lies in a schema', 'and is not replaced by a handler of that name');

-- a refused registration leaves all as it was
SELECT pg_temp.schemas() AS schemas \gset
SELECT pg_temp.version_of('whatever') IS NULL AS none \gset
CREATE OR REPLACE FUNCTION whatever() RETURNS text LANGUAGE sql AS $$SELECT app.one()::text$$;
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.pin('whatever')$$), '42P13', 'refused');
SELECT is((SELECT versioning_behavior FROM temporal.definition WHERE name = 'whatever'), 'auto_upgrade', 'what was registered stays');
SELECT is(pg_temp.schemas(), :schemas::bigint, 'and no schema');

-- ---------- a copy that is gone ----------

SELECT temporal.start_workflow('chain', '[0]', id => 'broken');
SELECT temporal.test_drive();
SELECT pg_temp.run_version('broken') AS b \gset
DROP FUNCTION :b.chain(int, text);
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('broken', '__stack_trace')$$), 'TP014', 'a run whose copy was dropped has no code');
SELECT matches(pg_temp.hint_of($$SELECT temporal.query('broken', '__stack_trace')$$), 'Registering the same functions again', 'the hint says how to get it back');
SELECT matches((SELECT string_agg(e::text, ' ') FROM temporal.explain('broken') e), 'version .*' || :'b' || '.* does not exist', 'explain() tells it');
SELECT is(pg_temp.pin('chain'), :'b', 'registering the same code');
SELECT temporal.signal('broken', 'next');
SELECT temporal.test_drive('closed', 'broken');
SELECT is(temporal.result('broken'), '"c4"', 'makes it again');

-- one that the code calls: today's function must not take its place
CREATE FUNCTION part() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'old'; END $$;
CREATE FUNCTION whole() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN part(); END $$;
SELECT pg_temp.pin('whole') AS w \gset
SELECT temporal.start_workflow('whole', id => 'in parts');
SELECT temporal.test_drive();
SELECT is(temporal.query('in parts', '__stack_trace') IS NOT NULL, true, 'all copies are there');
CREATE OR REPLACE FUNCTION part() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'new'; END $$;
DROP FUNCTION :w.part();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('in parts', '__stack_trace')$$), 'TP014', 'a run with one copy less has no code, either');
CREATE OR REPLACE FUNCTION part() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'old'; END $$;
ALTER FUNCTION :w.whole() SET work_mem = '8MB';
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.pin('whole')$$), '55000', 'a copy that was altered is not taken for the code that is registered');
ALTER FUNCTION :w.whole() RESET ALL;
SELECT is(pg_temp.pin('whole'), :'w', 'registering the same code');
SELECT temporal.signal('in parts', 'go');
SELECT temporal.test_drive('closed', 'in parts');
SELECT is(temporal.result('in parts'), '"old"', 'makes what is missing');

-- what fits a call better is created later, outside of the version
CREATE FUNCTION wide(n bigint) RETURNS text LANGUAGE sql AS $$SELECT 'old'$$;
CREATE FUNCTION fold(n bigint) RETURNS text LANGUAGE sql AS $$SELECT wide(1) /* wide(1) */ || ' ' || (SELECT wide(n)) || ' wide(2)'$$;
CREATE PROCEDURE wide_too(INOUT r text) LANGUAGE plpgsql AS $$BEGIN r := wide(2); END $$;
CREATE FUNCTION any_wide(x anyelement) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN wide(1); END $$;
CREATE FUNCTION better() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	a text;
	b text := 'x';
	c CURSOR (k int) FOR SELECT wide(k) AS v;
	r record;
BEGIN
	PERFORM temporal.wait_signal('go');
	a := wide(1);
	FOR r IN c(1) LOOP a := a || ' ' || r.v; END LOOP;
	FOR r IN SELECT wide(g) AS "wide(" FROM generate_series(1, 2) g LOOP a = a || ' ' || r."wide("; END LOOP;
	CALL wide_too(b);
	PERFORM temporal.wait_condition($c$wide(1) = 'old'$c$);
	RETURN jsonb_build_array(a, b, fold(3), wide(n => 5), CASE WHEN "wide"(6) = 'old' THEN wide(7) END, any_wide(1), any_wide('x'::text));
END $$;
CREATE FUNCTION wide_now() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN wide(1); END $$;
CREATE FUNCTION worse(how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text;
	v varchar := 'x';
BEGIN
	PERFORM temporal.wait_signal('go');
	IF how = 'dynamic' THEN
		EXECUTE 'SELECT wide(1)' INTO r;
	ELSIF how = 'overloaded' THEN
		r := format(5);
	ELSE
		r := upper(v);
	END IF;
	RETURN r;
END $$;
CREATE FUNCTION format(n bigint) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'old'; END $$;
CREATE FUNCTION wide_again() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN wide(1); END $$;
SELECT temporal.register_workflow('better', queries => '{"now": "wide_now"}', versioning_behavior => 'pinned');
SELECT temporal.register_workflow('worse', versioning_behavior => 'pinned'), temporal.register_workflow('wide_again');
SELECT temporal.start_workflow('better', id => 'better'), temporal.start_workflow('wide_again', id => 'auto_upgrade');
SELECT temporal.start_workflow('worse', to_jsonb(w), id => w) FROM unnest('{dynamic,overloaded,builtin}'::text[]) w;
SELECT temporal.test_drive();
SELECT is((SELECT replace(prosrc, pg_temp.version_of('better'), 'V') FROM pg_proc WHERE proname = 'fold' AND pronamespace = pg_temp.version_of('better')::regnamespace),
	$$SELECT V.wide(1) /* wide(1) */ || ' ' || (SELECT V.wide(n)) || ' wide(2)'$$, 'calls in a copy in SQL name the version');
SELECT is((SELECT is_outdated FROM temporal.definition WHERE name = 'better'), false, 'and it is still what it was copied from');
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.pin('better')$$), 'ok', 'also for the same registration');
CREATE FUNCTION wide(n integer) RETURNS text LANGUAGE sql AS $$SELECT 'new'$$;
CREATE FUNCTION format(n integer) RETURNS text LANGUAGE sql AS $$SELECT 'new'$$;
CREATE FUNCTION upper(n varchar) RETURNS text LANGUAGE sql AS $$SELECT 'new'$$;
SELECT is(temporal.query('better', 'now'), '"old"', 'a query goes on with what its version calls');
SELECT temporal.signal('better', 'go'), temporal.signal('auto_upgrade', 'go');
SELECT temporal.test_drive('closed', 'better');
SELECT is(temporal.result('better'), '["old old old old", "old", "old old wide(2)", "old", "old", "old", "old"]', 'so does the code');
SELECT pg_temp.replays('better');
SELECT temporal.test_drive('closed', 'auto_upgrade');
SELECT is(temporal.result('auto_upgrade'), '"new"', 'other code finds what is there today');
SELECT temporal.signal(w, 'go') FROM unnest('{dynamic,overloaded,builtin}'::text[]) w;
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.test_drive(''closed'', %L)', w)), 'TP022', w || ': what no schema can be put before is refused')
FROM unnest('{dynamic,overloaded,builtin}'::text[]) w;
DROP FUNCTION wide(integer), format(integer), upper(varchar);
SELECT temporal.test_drive('closed', w) FROM unnest('{dynamic,overloaded,builtin}'::text[]) w;
SELECT is((SELECT jsonb_object_agg(w, temporal.result(w)) FROM unnest('{dynamic,overloaded,builtin}'::text[]) w),
	'{"builtin": "X", "dynamic": "old", "overloaded": "old"}', 'until that is gone');

-- what registration cannot see, and warns of, is called as it is
CREATE FUNCTION unseen(x int) RETURNS text LANGUAGE sql AS $$SELECT 'unseen ' || x$$;
CREATE FUNCTION blind() RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	EXECUTE concat('SELECT ', 1, ' AS a') INTO r;
	RETURN unseen(r.a);
END $$;
SET LOCAL client_min_messages = error;
SELECT temporal.register_workflow('blind', versioning_behavior => 'pinned');
SET LOCAL client_min_messages = warning;
SELECT temporal.start_workflow('blind', id => 'blind');
SELECT temporal.test_drive('closed', 'blind');
SELECT is(temporal.result('blind'), '"unseen 1"', 'a function that nobody could see is called as it is');
SELECT is((SELECT count(*) FROM pg_proc WHERE proname = 'unseen'), 1::bigint, 'there is no copy of it');

-- restored by another superuser than made it, who owns the extension then
CREATE ROLE tpg_dumped SUPERUSER;
ALTER SCHEMA :w OWNER TO tpg_dumped;
SELECT is(pg_temp.pin('whole'), :'w', 'a schema of another superuser is a version as well');

-- a schema of its name, but of somebody else
SELECT temporal.start_workflow('whole', id => 'taken over');
SELECT temporal.test_drive();
DROP SCHEMA :w CASCADE;
CREATE SCHEMA :w AUTHORIZATION tpg_pin;
CREATE FUNCTION :w.part() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'theirs'; END $$;
CREATE FUNCTION :w.whole() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN 'theirs'; END $$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('taken over', '__stack_trace')$$), 'TP014', 'code in a schema of another role is no version');
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.pin('whole')$$), '42P06', 'nor does it become one');

-- who looks at code says by his search_path what its names mean, and it is analysed as its owner
CREATE FUNCTION literal() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN array_length('{a,b}'::text[], 1); END $$;
GRANT USAGE ON SCHEMA app TO tpg_pin;
CREATE SCHEMA evil AUTHORIZATION tpg_pin;
SET LOCAL ROLE tpg_pin;
CREATE FUNCTION evil.run(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'code of one role runs as %', current_user; END $$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.run(VALUE));
SELECT pg_catalog.set_config('search_path', 'evil, pg_catalog', true) \gset
DO $b$
BEGIN
	PERFORM temporal.check_workflow('app.literal', 'pinned');
EXCEPTION WHEN insufficient_privilege THEN
	PERFORM set_config('tpg_test.refused', SQLERRM, true);
END $b$;
RESET ROLE;
SET LOCAL search_path = app, public;
SELECT is(current_setting('tpg_test.refused', true), 'permission denied to pin function app.literal()', 'nobody has code looked at as another role');

-- an empty path
SELECT set_config('search_path', '', true);
CREATE FUNCTION app.pathless() RETURNS text LANGUAGE plpgsql SET search_path FROM CURRENT AS $$BEGIN RETURN 'done'; END $$;
SELECT count(*) AS findings FROM temporal.check_workflow('app.pathless', 'pinned') \gset
SELECT temporal.register_workflow('pathless', 'app.pathless', versioning_behavior => 'pinned');
SELECT temporal.start_workflow('pathless', id => 'pathless');
SET LOCAL search_path = app, public;
SELECT is(:findings, 0, 'code without a search_path can be pinned');
SELECT temporal.test_drive('closed', 'pathless');
SELECT is(temporal.result('pathless'), '"done"', 'and runs');

SELECT * FROM finish();
ROLLBACK;
