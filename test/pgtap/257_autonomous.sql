-- Autonomous activities in one transaction: what can be registered, and how the built-in activity "sql" takes its input.
-- COMMIT, VACUUM, crashes, timeouts: tap/320_autonomous.pl.
BEGIN;
SELECT * FROM no_plan();

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

CREATE TABLE item (n int PRIMARY KEY);
CREATE PROCEDURE adds(n int) LANGUAGE sql AS 'INSERT INTO item VALUES (n)';
CREATE PROCEDURE commits(n int DEFAULT 0) LANGUAGE plpgsql AS $$BEGIN INSERT INTO item VALUES (n); COMMIT; END $$;
CREATE PROCEDURE gives(a int, OUT d int, b text[] DEFAULT '{x}', INOUT c text DEFAULT 'c', VARIADIC e int[] DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN c := c || array_to_string(b, '') || a; d := cardinality(e); END $$;
CREATE PROCEDURE gives_one(INOUT i item) LANGUAGE plpgsql AS $$BEGIN i.n := i.n + 1; END $$;
CREATE PROCEDURE any_type(name text, input jsonb, OUT told text) LANGUAGE plpgsql AS $$BEGIN told := name || input; END $$;
CREATE PROCEDURE definer() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE PROCEDURE with_setting() LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1';
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION wf(type text, input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(type, input, retry_policy => temporal.retry_policy(maximum_attempts => 1));
END $$;
CREATE FUNCTION local_wf(type text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_local_activity(type, 1); END $$;

-- ---------- registration ----------

SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.register_activity(%L, mode => %L)', name, mode)), state, concat_ws(' ', name, mode))
FROM (VALUES ('adds', 'autonomous', 'ok'), ('adds', 'transactional', '42809'), ('f', 'autonomous', '42809'), ('definer', 'autonomous', '42P13'),
	('with_setting', 'autonomous', '42P13'), ('no_such', 'autonomous', '42883'), ('adds', 'Autonomous', '22023'), ('adds', '', '22023'), ('gives', 'autonomous', 'ok')) v (name, mode, state);
SELECT isnt(pg_temp.hint_of(format('SELECT temporal.register_activity(%L, mode => ''autonomous'')', name)), '', name || ': HINT') FROM unnest('{f,definer,with_setting}'::text[]) name;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('adds', mode => 'autonomous', settings => '{"work_mem": "none"}')$$), '22023', 'settings are checked');
SELECT temporal.register_activity(p, mode => 'autonomous') FROM unnest('{adds,commits,gives_one}'::text[]) p;
SELECT temporal.register_workflow('wf'), temporal.register_workflow('local_wf');

-- ---------- calls, in a test ----------

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT is(temporal.test_run('wf', '["adds", 5]'), 'null', 'a procedure is CALLed');
SELECT is((SELECT array_agg(n) FROM item), '{5}', '... and has done its work');
SELECT is(temporal.test_run('wf', '["gives", {"a": 1}]'), '{"c": "cx1", "d": 0}', 'its output arguments are the result; defaults');
SELECT is(temporal.test_run('wf', '["gives", [1, ["y", "z"], "k", 7, 8]]'), '{"c": "kyz1", "d": 2}', 'arguments by position: arrays, VARIADIC');
SELECT is(temporal.test_run('wf', '["gives_one", {"n": 4}]'), '{"n": 5}', 'a composite; one output is the value itself');
SELECT is(pg_temp.message_of($$SELECT temporal.test_run('wf', '["gives", {}]')$$) ~ 'missing argument "a" of function shop.gives', true, 'a missing argument');
SELECT is(pg_temp.message_of($$SELECT temporal.test_run('wf', '["adds", 5]')$$) ~ 'duplicate key', true, 'an error fails it');
SELECT is((pg_temp.detail_of($$SELECT temporal.test_run('wf', '["commits", 9]')$$)::jsonb #>> '{cause,type}'), '2D000', 'a COMMIT cannot be in a test');
SELECT is((pg_temp.detail_of($$SELECT temporal.test_run('wf', '["commits", 9]')$$)::jsonb #>> '{cause,details,hint}') ~ 'mock_activity', true, '... HINT: mock it');
SELECT temporal.mock_activity('commits', returns => '"mocked"');
SELECT is(temporal.test_run('wf', '["commits"]'), '"mocked"', '... which helps');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('local_wf', '"adds"')$$), '0A000', 'never a local activity');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('local_wf', '"sql"')$$), '0A000', '... nor is "sql"');

-- ---------- "sql" ----------

SELECT is(temporal.test_run('wf', '["sql", {"command": "INSERT INTO item SELECT 6 RETURNING n"}]'), '{"tag": "INSERT", "rows": 1, "result": [{"n": 6}]}', 'a command');
SELECT is(temporal.test_run('wf', '["sql", "DELETE FROM item WHERE n = 6"]'), '{"tag": "DELETE", "rows": 1}', 'or only the command');
SELECT is(temporal.test_run('wf', '["sql", {"command": "SELECT current_setting(''work_mem'') AS m, current_user AS u, current_setting(''search_path'') AS p", "settings": {"work_mem": "17MB"}}]') #> '{result,0}',
	jsonb_build_object('m', '17MB', 'u', current_user, 'p', 'shop, public, pg_temp'), 'settings of its own, role and search_path of the workflow');
SELECT isnt(current_setting('work_mem'), '17MB', '... which are gone afterwards');
SELECT is(temporal.test_run('wf', '["sql", "CREATE TABLE more (n int)"]'), '{"tag": "CREATE TABLE", "rows": 0}', 'DDL');
CREATE FUNCTION pg_temp.cause(input jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('|', d #>> '{cause,type}', d ->> 'retry_state') FROM (SELECT pg_temp.detail_of(format('SELECT temporal.test_run(''wf'', %L)', jsonb_build_array('sql', input)))::jsonb AS d) x
$$;
SELECT is(pg_temp.cause(input), cause, input::text) FROM (VALUES
	(NULL::jsonb, '22023|non_retryable_failure'), ('[]', '22023|non_retryable_failure'), ('{}', '22023|non_retryable_failure'), ('{"command": null}', '22023|non_retryable_failure'),
	('{"command": "SELECT 1", "com": 1}', '22023|non_retryable_failure'), ('{"command": "SELECT 1", "args": [1]}', '22023|non_retryable_failure'),
	('""', '42601|non_retryable_failure'), ('"SELECT 1; SELECT 2"', '42601|non_retryable_failure'), ('"SELEC 1"', '42601|non_retryable_failure'),
	('"COMMIT"', '0A000|non_retryable_failure'), ('"PREPARE TRANSACTION ''x''"', '0A000|non_retryable_failure'), ('"SAVEPOINT s"', '0A000|non_retryable_failure'),
	('"LISTEN c"', '0A000|non_retryable_failure'), ('"UNLISTEN *"', '0A000|non_retryable_failure'), ('"COPY item FROM STDIN"', '0A000|non_retryable_failure'), ('"COPY item TO STDOUT"', '0A000|non_retryable_failure'),
	('"SET work_mem = ''1MB''"', '0A000|non_retryable_failure'), ('"RESET ALL"', '0A000|non_retryable_failure'), ('"FETCH ALL FROM c"', '0A000|non_retryable_failure'), ('"EXECUTE p"', '0A000|non_retryable_failure'),
	('{"command": "SELECT 1", "settings": {"no_such": "1"}}', '42704|maximum_attempts_reached'), ('{"command": "SELECT 1", "settings": {"work_mem": "x"}}', '22023|maximum_attempts_reached'),
	('{"command": "SELECT 1", "settings": {"role": "postgres"}}', '22023|maximum_attempts_reached'), ('{"command": "SELECT 1", "settings": [1]}', '22023|maximum_attempts_reached'),
	('"SELECT * FROM no_such"', '42P01|maximum_attempts_reached'), ('"SELECT repeat(''x'', 3000000)"', 'TP025|maximum_attempts_reached'), ('"VACUUM item"', '25001|maximum_attempts_reached')) v (input, cause);
SELECT is(pg_temp.detail_of($$SELECT temporal.test_run('wf', '["sql", "VACUUM item"]')$$)::jsonb #>> '{cause,details,hint}' ~ 'mock_activity', true, 'VACUUM in a test: HINT');
-- somebody's own "sql" goes before, '*' does not
SELECT temporal.register_activity('*', 'any_type', mode => 'autonomous');
SELECT is(temporal.test_run('wf', '["sql", "SELECT 1 AS one"]') -> 'tag', '"SELECT"', 'the dynamic activity does not take "sql"');
SELECT is(temporal.test_run('wf', '["other", 3]'), '"other3"', '... but others: a dynamic procedure');
SELECT temporal.register_activity('sql', 'f');
SELECT is(temporal.test_run('wf', '["sql", null]'), '1', 'who registers "sql" has it');

-- the owner of the workflow's function is who asks
SELECT temporal.unregister_activity('sql');
CREATE ROLE tpg_author LOGIN;
GRANT USAGE, CREATE ON SCHEMA shop TO tpg_author;
SELECT temporal.grant_access('default', 'tpg_author', 'author');
CREATE FUNCTION theirs(type text, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity(type, input, retry_policy => temporal.retry_policy(maximum_attempts => 1)); END $$;
ALTER FUNCTION theirs OWNER TO tpg_author;
SELECT temporal.register_workflow('theirs');
SELECT is(temporal.test_run('theirs', '["sql", "SELECT current_user AS u"]') #>> '{result,0,u}', 'tpg_author', 'it runs as the owner of the workflow''s function');
SELECT is(pg_temp.detail_of($$SELECT temporal.test_run('theirs', '["sql", "SELECT * FROM shop.item"]')$$)::jsonb #>> '{cause,type}', '42501', '... with no more rights');

SELECT * FROM finish();
ROLLBACK;
