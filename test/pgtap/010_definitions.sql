-- Registering workflows and activities, and how JSON input becomes arguments.
BEGIN;
SELECT plan(127);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- one workflow that runs any activity and gives what it gave
CREATE FUNCTION call(type text, input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(type, input, retry_policy => temporal.retry_policy(maximum_attempts => 1));
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN jsonb_build_object('error', temporal.failure_type(), 'message', temporal.failure() #>> '{cause,message}');
END $$;
SELECT lives_ok($$SELECT temporal.register_workflow('call')$$, 'a function is registered by the name of the type');
SELECT temporal.test_start('2030-01-01');
CREATE FUNCTION pg_temp.answer(type text, input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS
	$$SELECT temporal.test_run('call', jsonb_build_object('type', type, 'input', input))$$;

-- ---------- resolving ----------

CREATE FUNCTION greet(name text) RETURNS text LANGUAGE sql AS $$SELECT 'hello ' || name$$;
SELECT temporal.register_activity('greet');
SELECT is(pg_temp.answer('greet', '"ann"'), '"hello ann"', 'an activity is called with its input');
SELECT is((SELECT function FROM temporal.definition WHERE name = 'greet'), 'shop.greet(pg_catalog.text)',
	'the definition shows the function by its signature');

SELECT temporal.register_activity('salute', 'shop.greet');
SELECT is(pg_temp.answer('salute', '"bob"'), '"hello bob"', 'a type may have another name than its function');

CREATE FUNCTION greet(n int) RETURNS text LANGUAGE sql AS $$SELECT 'number ' || n$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('g2', 'greet')$$), '42725', 'an overloaded name is not unique');
SELECT isnt(pg_temp.hint_of($$SELECT temporal.register_activity('g2', 'greet')$$), '', 'which the hint explains');
SELECT temporal.register_activity('greet_int', 'greet(int)');
SELECT temporal.register_activity('greet_text', 'shop.greet(text)');
SELECT is(pg_temp.answer('greet_int', '7'), '"number 7"', 'an overload is named by its argument types');
SELECT is(pg_temp.answer('greet_text', '"7"'), '"hello 7"', 'the other overload is another function');
SELECT is(pg_temp.answer('greet', '"ann"'), '"hello ann"', 'a registration stays with its signature when an overload comes');

CREATE SCHEMA "Odd schema";
CREATE FUNCTION "Odd schema"."Odd ""name"""(a text) RETURNS text LANGUAGE sql AS $$SELECT a || '!'$$;
SELECT temporal.register_activity('Größe; DROP', '"Odd schema"."Odd ""name"""');
SELECT is(pg_temp.answer('Größe; DROP', '"x"'), '"x!"', 'names are quoted wherever that is needed');

SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('nothing')$$), '42883', 'no such function');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'greet(uuid)')$$), '42883', 'no such overload');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'nowhere.greet')$$), '42883', 'no such schema');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'count("any")')$$) IN ('42809', '42883'), true, 'an aggregate is no code');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'row_number()')$$), '42809', 'a window function is no code');
CREATE PROCEDURE proc() LANGUAGE sql AS $$SELECT 1$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'proc')$$), '42809', 'a procedure is no code of a transactional activity');
CREATE FUNCTION many() RETURNS SETOF int LANGUAGE sql AS $$SELECT 1$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'many')$$) IN ('42809', '0A000'), true, 'a set is no result');
CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'trig')$$) IN ('42809', '0A000'), true, 'a trigger function is no code');
CREATE FUNCTION poly(a anyelement) RETURNS text LANGUAGE sql AS $$SELECT a::text$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'poly')$$), '0A000', 'JSON cannot carry a polymorphic argument');
CREATE FUNCTION inner_type(a internal) RETURNS int LANGUAGE internal STRICT IMMUTABLE AS 'int4abs';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('x', 'inner_type')$$), '0A000', 'JSON cannot carry an internal argument');

-- ---------- DROP and CREATE, replace, unregister ----------

DROP FUNCTION greet(text);
SELECT is(pg_temp.answer('greet', '"ann"') ->> 'error', 'NotFoundError', 'an attempt without a function fails');
CREATE FUNCTION greet(name text) RETURNS text LANGUAGE sql AS $$SELECT 'hi ' || name$$;
SELECT is(pg_temp.answer('greet', '"ann"'), '"hi ann"', 'created again, the function is found again');
CREATE OR REPLACE FUNCTION greet(name text) RETURNS text LANGUAGE sql AS $$SELECT 'hey ' || name$$;
SELECT is(pg_temp.answer('greet', '"ann"'), '"hey ann"', 'replaced, the function is the new one');
SELECT temporal.register_activity('greet', 'greet(int)');
SELECT is(pg_temp.answer('greet', '3'), '"number 3"', 'registering a type again replaces it');
SELECT is((SELECT count(*)::int FROM temporal.definition WHERE name = 'greet'), 1, 'and leaves one definition');

SELECT temporal.unregister_activity('greet');
SELECT is((SELECT count(*)::int FROM temporal.definition WHERE name = 'greet'), 0, 'an unregistered type is gone');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.unregister_activity('greet')$$), 'TP014', 'and cannot be unregistered again');
SELECT matches(pg_temp.hint_of($$SELECT temporal.unregister_activity('greet_in')$$), 'greet_int', 'the hint lists near names');
SELECT matches(pg_temp.hint_of($$SELECT temporal.start_workflow('cal')$$), 'call', 'also at a start');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('call', '{"type": "greet"}')$$), 'TP014',
	'an activity that is not registered is an error in the workflow');
SAVEPOINT s;
SELECT temporal.unregister_workflow('call');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('call')$$), 'TP014', 'an unregistered workflow cannot be started');
ROLLBACK TO s;
SELECT is(pg_temp.answer('greet_int', '3'), '"number 3"', 'unregistering is undone by ROLLBACK');

-- ---------- arguments: one ----------

CREATE TYPE address AS (street text, zip int);
CREATE TYPE customer AS (name text, home address, tags text[]);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN name_list AS text[];

CREATE FUNCTION f_int(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION f_numeric(a numeric) RETURNS numeric LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION f_bool(a bool) RETURNS bool LANGUAGE sql AS 'SELECT NOT a';
CREATE FUNCTION f_date(a date) RETURNS date LANGUAGE sql AS 'SELECT a + 1';
CREATE FUNCTION f_timestamptz(a timestamptz) RETURNS timestamptz LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION f_interval(a interval) RETURNS interval LANGUAGE sql AS 'SELECT a * 2';
CREATE FUNCTION f_uuid(a uuid) RETURNS uuid LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION f_bytea(a bytea) RETURNS int LANGUAGE sql AS 'SELECT length(a)';
CREATE FUNCTION f_jsonb(a jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('got', a)$$;
CREATE FUNCTION f_json(a json) RETURNS text LANGUAGE sql AS $$SELECT a ->> 'k'$$;
CREATE FUNCTION f_customer(a customer) RETURNS text LANGUAGE sql AS $$SELECT concat_ws('/', (a).name, ((a).home).zip, array_to_string((a).tags, '+'))$$;
CREATE FUNCTION f_array(a int[]) RETURNS int LANGUAGE sql AS 'SELECT sum(x)::int FROM unnest(a) x';
CREATE FUNCTION f_customers(a customer[]) RETURNS int LANGUAGE sql AS $$SELECT count(*)::int FROM unnest(a) c WHERE (c).name IS NOT NULL$$;
CREATE FUNCTION f_mood(a mood) RETURNS mood LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION f_positive(a positive) RETURNS positive LANGUAGE sql AS 'SELECT (a * 2)::positive';
CREATE FUNCTION f_names(a name_list) RETURNS int LANGUAGE sql AS 'SELECT cardinality(a)';
CREATE FUNCTION f_void(a text) RETURNS void LANGUAGE sql AS 'SELECT NULL';
CREATE FUNCTION f_none() RETURNS text LANGUAGE sql AS $$SELECT 'none'$$;
CREATE FUNCTION f_null(a text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
CREATE FUNCTION f_isnull(a text) RETURNS bool LANGUAGE sql AS 'SELECT a IS NULL';
CREATE FUNCTION f_default(a int DEFAULT 42) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION f_composite() RETURNS customer LANGUAGE sql AS $$SELECT ROW('ann', ROW('Elm', 1), '{a,b}')::customer$$;
SELECT count(*) FROM (SELECT temporal.register_activity(proname) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace AND proname ~ '^f_') x;

SELECT is(pg_temp.answer(type, input::jsonb), expected::jsonb, 'one argument: ' || what) FROM (VALUES
	('f_int', '41', '42', 'an integer'),
	('f_int', '"41"', '42', 'an integer in a string'),
	('f_int', '{"a": 41}', '42', 'an object maps to one scalar by name'),
	('f_int', '{"a": 41, "other": 1}', '42', 'names that are unknown are ignored'),
	('f_numeric', '12345678901234567890.12345678901234567890', '12345678901234567890.12345678901234567890', 'a numeric keeps its digits'),
	('f_bool', 'true', 'false', 'a boolean'),
	('f_date', '"2024-02-28"', '"2024-02-29"', 'a date'),
	('f_interval', '"1 day"', '"2 days"', 'an interval'),
	('f_uuid', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', 'a uuid'),
	('f_bytea', '"\\x0001ff"', '3', 'bytes, as text'),
	('f_jsonb', '{"a": {"b": 1}}', '{"got": {"a": {"b": 1}}}', 'jsonb takes the whole input, also an object that names it'),
	('f_jsonb', '[1, 2]', '{"got": [1, 2]}', 'jsonb takes an array whole'),
	('f_json', '{"k": "v"}', '"v"', 'json'),
	('f_customer', '{"name": "ann", "home": {"street": "Elm", "zip": 5}, "tags": ["x", "y"]}', '"ann/5/x+y"', 'a composite by field name'),
	('f_customer', '{"name": "ann", "age": 7}', '"ann"', 'unknown fields are ignored, missing ones NULL'),
	('f_array', '[1, 2, 3]', '6', 'an array argument takes the array whole'),
	('f_customers', '[{"name": "a"}, {"name": "b"}, {}]', '2', 'an array of composites'),
	('f_mood', '"happy"', '"happy"', 'an enum'),
	('f_positive', '21', '42', 'a domain'),
	('f_names', '["a", "b"]', '2', 'a domain over an array'),
	('f_void', '"x"', 'null', 'void gives JSON null'),
	('f_null', '"x"', 'null', 'NULL gives JSON null'),
	('f_isnull', '{"a": null}', 'true', 'JSON null is NULL'),
	('f_default', '7', '7', 'a default that is overridden'),
	('f_composite', NULL, '{"name": "ann", "home": {"street": "Elm", "zip": 1}, "tags": ["a", "b"]}', 'a composite result'),
	('f_none', NULL, '"none"', 'no argument, no input')
) AS v (type, input, expected, what);
SELECT is(pg_temp.answer('f_default'), '42', 'one argument: a default that is taken');
SELECT is(pg_temp.answer('f_timestamptz', '"2024-01-01T00:00:00+02:00"')::text::timestamptz, '2023-12-31 22:00:00+00'::timestamptz, 'one argument: a time');

SELECT is(pg_temp.answer(type, input::jsonb) ->> 'error', expected, 'one argument: ' || what) FROM (VALUES
	('f_int', '"x"', '22P02', 'text is no integer'),
	('f_int', '99999999999', '22003', 'out of range'),
	('f_mood', '"angry"', '22P02', 'not in the enum'),
	('f_positive', '-1', '23514', 'the domain checks'),
	('f_uuid', '"zz"', '22P02', 'no uuid')
) AS v (type, input, expected, what);
SELECT isnt(pg_temp.answer('f_none', '1') ->> 'error', NULL, 'an input for no argument is an error');
SELECT matches(pg_temp.answer('f_int') ->> 'message', '"?a"?', 'a missing argument is an error that names it');

-- ---------- arguments: several ----------

CREATE FUNCTION g_two(a int, b text) RETURNS text LANGUAGE sql AS $$SELECT coalesce(a::text, 'null') || '-' || coalesce(b, 'null')$$;
CREATE FUNCTION g_default(a int, b text DEFAULT 'dflt', c bool DEFAULT true) RETURNS text LANGUAGE sql AS $$SELECT concat_ws('-', a, b, c)$$;
CREATE FUNCTION g_composite(a int, b address) RETURNS text LANGUAGE sql AS $$SELECT a || '-' || (b).zip$$;
CREATE FUNCTION g_array(a int, b int[]) RETURNS int LANGUAGE sql AS $$SELECT a + cardinality(b)$$;
CREATE FUNCTION g_quoted("Weird ""arg" int, b int) RETURNS int LANGUAGE sql AS $$SELECT $1 + $2$$;
CREATE FUNCTION g_unnamed(int, text) RETURNS text LANGUAGE sql AS $$SELECT $1 || $2$$;
CREATE FUNCTION g_variadic(a int, VARIADIC b int[]) RETURNS int LANGUAGE sql AS $$SELECT a + coalesce(sum(x), 0)::int FROM unnest(b) x$$;
CREATE FUNCTION g_out(a int, OUT b int, OUT c text) LANGUAGE sql AS $$SELECT a + 1, 'c'$$;
SELECT count(*) FROM (SELECT temporal.register_activity(proname) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace AND proname ~ '^g_' AND proname <> 'g_variadic') x;

SELECT is(pg_temp.answer(type, input::jsonb), expected::jsonb, 'several arguments: ' || what) FROM (VALUES
	('g_two', '[1, "x"]', '"1-x"', 'an array by position'),
	('g_two', '{"b": "x", "a": 1}', '"1-x"', 'an object by name'),
	('g_two', '{"b": "x", "a": 1, "c": 2}', '"1-x"', 'unknown names are ignored'),
	('g_two', '[null, null]', '"null-null"', 'null is given, not missing'),
	('g_default', '1', '"1-dflt-t"', 'a scalar goes to the first'),
	('g_default', '[1]', '"1-dflt-t"', 'defaults, by position'),
	('g_default', '{"a": 1, "c": false}', '"1-dflt-f"', 'defaults, by name'),
	('g_default', '[1, "x", false]', '"1-x-f"', 'all given'),
	('g_composite', '[1, {"street": "s", "zip": 9}]', '"1-9"', 'a composite among them'),
	('g_array', '[1, [4, 5]]', '3', 'an array among them'),
	('g_quoted', '{"Weird \"arg": 1, "b": 2}', '3', 'a name that has to be quoted'),
	('g_unnamed', '[1, "x"]', '"1x"', 'without names, by position'),
	('g_out', '1', '{"b": 2, "c": "c"}', 'OUT arguments are the result')
) AS v (type, input, expected, what);

SELECT isnt(pg_temp.answer(type, input::jsonb) ->> 'error', NULL, 'several arguments: ' || what) FROM (VALUES
	('g_two', '[1]', 'one is missing, by position'),
	('g_two', '[1, "x", 2]', 'too many'),
	('g_two', '{"b": "x"}', 'one is missing, by name'),
	('g_two', '7', 'a scalar for two')
) AS v (type, input, what);
SELECT matches(pg_temp.answer('g_two', '{"a": 1}') ->> 'message', 'b', 'the error names the missing argument');

-- ---------- the dynamic one ----------

CREATE FUNCTION any_activity(name text, input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_array(name, input)$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('*')$$), '22004', 'the dynamic one needs a function');
SELECT isnt(pg_temp.sqlstate_of($$SELECT temporal.register_activity('*', 'greet_none')$$), 'ok', 'which has to exist');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('*', 'f_int')$$), '42P13', 'and to take (text, jsonb)');
SELECT temporal.register_activity('*', 'any_activity');
SELECT is(pg_temp.answer('whatever', '{"x": 1}'), '["whatever", {"x": 1}]', 'the dynamic activity gets name and input');
SELECT is(pg_temp.answer('whatever'), '["whatever", null]', 'also without input');
SELECT is(pg_temp.answer('f_int', '1'), '2', 'a type of its own goes before it');
CREATE FUNCTION any_workflow(name text, input jsonb) RETURNS text LANGUAGE sql AS $$SELECT name || ':' || (input ->> 'k')$$;
SELECT temporal.register_workflow('*', 'any_workflow');
SELECT is(temporal.test_run('unknown workflow', '{"k": "v"}'), '"unknown workflow:v"', 'the dynamic workflow gets name and input');
SELECT temporal.unregister_activity('*'), temporal.unregister_workflow('*');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('unknown workflow')$$), 'TP014', 'and is gone when it is unregistered');

-- ---------- input "any" ----------

CREATE FUNCTION echo(a jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT a';
SELECT temporal.register_activity('echo');
CREATE FUNCTION any_input() RETURNS jsonb[] LANGUAGE plpgsql AS $$
DECLARE
	c customer := ROW('ann', ROW('Elm', 1), '{a}');
	r record;
BEGIN
	SELECT 1 AS x, 'y' AS y INTO r;
	RETURN ARRAY[
		temporal.execute_activity('echo', '{"literal": 1}'),
		temporal.execute_activity('echo', 'text'::text),
		temporal.execute_activity('echo', 7),
		temporal.execute_activity('echo', 1.50),
		temporal.execute_activity('echo', true),
		temporal.execute_activity('echo', c),
		temporal.execute_activity('echo', ARRAY[1, 2]),
		temporal.execute_activity('echo', ARRAY[]::text[]),
		temporal.execute_activity('echo', 'happy'::mood),
		temporal.execute_activity('echo', 3::positive),
		temporal.execute_activity('echo', '{"a":  1}'::json),
		temporal.execute_activity('echo', '"j"'::jsonb),
		temporal.execute_activity('echo', '2024-01-02'::date),
		temporal.execute_activity('echo', r),
		temporal.execute_activity('echo', NULL),
		temporal.execute_activity('echo', NULL::int),
		temporal.execute_activity('echo'),
		temporal.execute_activity('echo', 'x'::varchar),
		temporal.execute_activity('echo', 'x'::name)];
END $$;
SELECT temporal.register_workflow('any_input');
SELECT is(temporal.test_run('any_input'), '[{"literal": 1}, "text", 7, 1.50, true,
	{"name": "ann", "home": {"street": "Elm", "zip": 1}, "tags": ["a"]}, [1, 2], [], "happy", 3, {"a": 1}, "j", "2024-01-02",
	{"x": 1, "y": "y"}, null, null, null, "x", "x"]', 'an input of any type is converted, an untyped literal is read as JSON');

CREATE FUNCTION bad_literal() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.execute_activity('echo', 'no json')$$;
SELECT temporal.register_workflow('bad_literal');
SELECT isnt(pg_temp.hint_of($$SELECT temporal.test_run('bad_literal')$$), 'ok', 'a literal that is no JSON is an error');

-- ---------- from_jsonb ----------

SELECT is(temporal.from_jsonb('"x"', NULL::text), 'x', 'from_jsonb: text');
SELECT is(temporal.from_jsonb('7', NULL::int), 7, 'from_jsonb: integer');
SELECT is(temporal.from_jsonb('null', NULL::int), NULL::int, 'from_jsonb: JSON null is NULL');
SELECT is(temporal.from_jsonb(NULL, NULL::int), NULL::int, 'from_jsonb: NULL is NULL');
SELECT is(temporal.from_jsonb('[1, 2]', NULL::int[]), '{1,2}'::int[], 'from_jsonb: array');
SELECT is((temporal.from_jsonb('{"name": "ann", "home": {"zip": 3}}', NULL::customer)).home, ROW(NULL, 3)::address, 'from_jsonb: composite');
SELECT is(temporal.from_jsonb('"happy"', NULL::mood), 'happy'::mood, 'from_jsonb: enum');
SELECT is(temporal.from_jsonb('{"a": 1}', NULL::jsonb), '{"a": 1}'::jsonb, 'from_jsonb: jsonb');
SELECT is(temporal.from_jsonb('{"a": 1}', NULL::text), '{"a": 1}', 'from_jsonb: an object as text');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.from_jsonb('-1', NULL::shop.positive)$$), '23514', 'from_jsonb: a domain checks');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.from_jsonb('null', NULL::shop.positive)$$), 'ok', 'from_jsonb: NULL of a domain');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.from_jsonb('"x"', NULL::int)$$), '22P02', 'from_jsonb: wrong text');

-- ---------- options and settings of a registration ----------

CREATE FUNCTION settings_now() RETURNS jsonb LANGUAGE sql AS
	$$SELECT jsonb_build_object('path', current_setting('search_path'), 'zone', current_setting('TimeZone'), 'style', current_setting('DateStyle'),
		'mem', current_setting('work_mem'))$$;
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'German';
SELECT temporal.register_activity('settings_now', settings => '{"work_mem": "7MB"}');
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL work_mem = '5MB';
SELECT is(pg_temp.answer('settings_now') - 'path', '{"zone": "Asia/Tokyo", "style": "German, DMY", "mem": "7MB"}',
	'code runs under the settings of its registration');
SELECT matches(pg_temp.answer('settings_now') ->> 'path', '^"?shop"?, "?public"?', 'and its search_path');
SELECT is(current_setting('TimeZone') || current_setting('work_mem'), 'UTC5MB', 'which the caller does not notice');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('settings_now', settings => '{"nonsense_setting": "1"}')$$), '42704', 'an unknown setting');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('settings_now', settings => '[1]')$$), '22023', 'settings are an object');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('settings_now', settings => '{"work_mem": "many"}')$$), '22023', 'a wrong value');

SELECT temporal.register_activity('opts', 'echo', start_to_close_timeout => '3 s', schedule_to_close_timeout => '1 h', schedule_to_start_timeout => '2 min',
	retry_policy => temporal.retry_policy('2 s', 3, '10 s', 4, '{A,B}'), task_queue => 'q9', priority_key => 2, summary => 'sums up');
CREATE FUNCTION use_opts(call jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('opts', 1);
	PERFORM temporal.execute_activity('opts', 2, start_to_close_timeout => '4 s', retry_policy => temporal.retry_policy('5 s'), task_queue => 'q10', priority_key => 4, summary => 'own');
END $$;
SELECT temporal.register_workflow('use_opts');
SELECT temporal.test_run('use_opts', '{}', id => 'opts-1');
SELECT is((SELECT attributes - '{activityId,activityType,input}'::text[] FROM temporal.history WHERE workflow_id = 'opts-1' AND event_id = 2),
	'{"taskQueue": {"name": "q9"}, "startToCloseTimeout": "3s", "scheduleToCloseTimeout": "3600s", "scheduleToStartTimeout": "120s", "priority": {"priorityKey": 2},
	  "retryPolicy": {"initialInterval": "2s", "backoffCoefficient": 3, "maximumInterval": "10s", "maximumAttempts": 4, "nonRetryableErrorTypes": ["A", "B"]}}'::jsonb,
	'options of the registration hold where the call gives none');
SELECT is((SELECT user_metadata ->> 'summary' FROM temporal.history WHERE workflow_id = 'opts-1' AND event_id = 2), 'sums up', 'also the summary');
SELECT is((SELECT attributes - '{activityId,activityType,input,scheduleToCloseTimeout,scheduleToStartTimeout}'::text[] FROM temporal.history WHERE workflow_id = 'opts-1' AND event_type = 'ActivityTaskScheduled' AND event_id > 2),
	'{"taskQueue": {"name": "q10"}, "startToCloseTimeout": "4s", "priority": {"priorityKey": 4},
	  "retryPolicy": {"initialInterval": "5s", "backoffCoefficient": 2, "maximumInterval": "500s"}}'::jsonb,
	'options of the call go before');

-- ---------- rights ----------

CREATE ROLE tpg_author LOGIN;
CREATE ROLE tpg_other LOGIN;
CREATE ROLE tpg_group NOLOGIN;
GRANT ALL ON SCHEMA shop TO PUBLIC;
SET LOCAL ROLE tpg_author;
CREATE FUNCTION own() RETURNS text LANGUAGE sql AS $$SELECT current_user || '/' || session_user$$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('own')$$), '42501', 'registering needs the level author');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_activity('own')$$), 'grant_access', 'the hint has the statement that grants it');
RESET ROLE;
SELECT temporal.grant_access('default', 'tpg_author', 'author');
SELECT temporal.grant_access('default', 'tpg_other', 'author');
SET LOCAL ROLE tpg_author;
SELECT lives_ok($$SELECT temporal.register_activity('own')$$, 'with it, one registers one''s own functions');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('echo')$$), '42501', 'but none of a superuser''s');
SELECT isnt(pg_temp.hint_of($$SELECT temporal.register_activity('echo')$$), '', 'as the hint says');
SET LOCAL ROLE tpg_other;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('stolen', 'own')$$), '42501', 'nor another role''s');
SELECT matches(pg_temp.hint_of($$SELECT temporal.register_activity('stolen', 'own')$$), 'GRANT', 'without membership, which the hint says');
RESET ROLE;
GRANT tpg_author TO tpg_other;
SET LOCAL ROLE tpg_other;
SELECT lives_ok($$SELECT temporal.register_activity('lent', 'own')$$, 'members of the owner may register');
RESET ROLE;
SELECT matches(pg_temp.answer('lent') #>> '{}', '^tpg_author/', 'and it runs as its owner');
ALTER FUNCTION own() OWNER TO tpg_other;
SELECT matches(pg_temp.answer('lent') #>> '{}', '^tpg_other/', 'the owner is read anew at each run');
ALTER FUNCTION own() OWNER TO tpg_group;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_activity('own')$$), CASE WHEN current_setting('server_version_num')::int < 170000 THEN '42501' ELSE 'ok' END,
	'an owner without LOGIN cannot run code before PostgreSQL 17');

SELECT * FROM finish();
ROLLBACK;
