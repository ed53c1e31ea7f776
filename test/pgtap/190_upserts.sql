-- Memo, search attributes and details that the code changes, and what it knows of the run before (A-34, A-44, A-45, G-47 to G-50).
BEGIN;
SELECT plan(92);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- events of a run behind the first, with what they say
CREATE FUNCTION pg_temp.said(id text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(event_type || coalesce(' ' || (coalesce(attributes -> 'upsertedMemo', attributes -> 'searchAttributes'))::text, ''), ', ' ORDER BY event_id)
	FROM temporal.history WHERE workflow_id = id AND event_id > 1
$$;
CREATE FUNCTION pg_temp.memo_of(id text) RETURNS jsonb LANGUAGE sql AS $$SELECT memo FROM temporal.workflow WHERE workflow_id = id AND is_current$$;
CREATE FUNCTION pg_temp.attributes_of(id text) RETURNS jsonb LANGUAGE sql AS $$SELECT search_attributes FROM temporal.workflow WHERE workflow_id = id AND is_current$$;
-- runs a body as a workflow of its own, to its end
CREATE FUNCTION pg_temp.run(body text, id text, memo jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION shop.body() RETURNS jsonb LANGUAGE plpgsql AS %L', body);
	RETURN temporal.test_run('body', id => id, memo => memo);
END $$;
CREATE FUNCTION body() RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
SELECT temporal.register_workflow('body');
SELECT temporal.register_search_attribute(name, type) FROM (VALUES ('T', 'Text'), ('K', 'Keyword'), ('I', 'Int'), ('F', 'Double'), ('B', 'Bool'), ('D', 'Datetime'), ('L', 'KeywordList')) v (name, type);
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- memo ----------

SELECT is(pg_temp.run($$
DECLARE
	seen jsonb[];
BEGIN
	seen := seen || temporal.memo();
	PERFORM temporal.upsert_memo('{"b": 2, "c": [1, null]}');
	seen := seen || temporal.memo();
	PERFORM temporal.upsert_memo('{"a": null, "b": "two", "nobody": null}');
	seen := seen || temporal.memo() || (temporal.workflow_info()).memo;
	PERFORM temporal.upsert_memo('{}');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.upsert_memo('{"z": {"x": null}}');
	RETURN to_jsonb(seen || temporal.memo());
END$$, 'memo', '{"a": 1, "s": "stays"}'),
	'[{"a": 1, "s": "stays"}, {"a": 1, "b": 2, "c": [1, null], "s": "stays"}, {"b": "two", "c": [1, null], "s": "stays"}, {"b": "two", "c": [1, null], "s": "stays"}, {"b": "two", "c": [1, null], "s": "stays", "z": {"x": null}}]',
	'G-47: memo() and workflow_info() see a change at once; A-44: null deletes, what is not named stays');
SELECT is(pg_temp.said('memo'), 'WorkflowPropertiesModified {"b": 2, "c": [1, null]}, WorkflowPropertiesModified {"a": null, "b": "two", "nobody": null}, TimerStarted, TimerFired, '
	'WorkflowPropertiesModified {"z": {"x": null}}, WorkflowExecutionCompleted', 'an event each, null also for what is not there; an empty object is none');
SELECT is(pg_temp.memo_of('memo'), '{"b": "two", "c": [1, null], "s": "stays", "z": {"x": null}}', 'the view shows it');
SELECT is((temporal.describe('memo')).memo, '{"b": "two", "c": [1, null], "s": "stays", "z": {"x": null}}', 'so does describe()');
SELECT is(temporal.replay('memo'), 7, 'it replays');
SELECT is((SELECT attributes -> 'memo' FROM temporal.history WHERE workflow_id = 'memo' AND event_id = 1), '{"a": 1, "s": "stays"}', 'the start event is as it was');

-- while the run is open, in each kind of task
CREATE FUNCTION note(x jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo(x);
	RETURN temporal.memo();
END $$;
CREATE FUNCTION see_memo() RETURNS jsonb LANGUAGE sql AS 'SELECT temporal.memo()';
CREATE FUNCTION see_info() RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(temporal.workflow_info())';
CREATE FUNCTION noted() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo('{"at": "start"}');
	PERFORM temporal.wait_signal('end');
	PERFORM 1 / (temporal.memo() ->> 'divisor')::int;
	RETURN temporal.memo();
END $$;
SELECT temporal.register_workflow('noted', signals => '{"note": "note"}', queries => '{"memo": "see_memo", "info": "see_info"}', updates => '{"note": "note"}');
SELECT temporal.start_workflow('noted', id => 'noted');
SELECT is(pg_temp.memo_of('noted'), NULL, 'no memo');
SELECT is(temporal.query('noted', 'memo'), '{"at": "start"}', 'a query sees what its replay will do');
SELECT is(pg_temp.memo_of('noted'), NULL, 'and changes nothing');
SELECT temporal.test_drive();
SELECT is(pg_temp.memo_of('noted'), '{"at": "start"}', 'written by the task');
SELECT temporal.signal('noted', 'note', '{"at": "signal"}');
SELECT temporal.test_drive();
SELECT is(pg_temp.memo_of('noted'), '{"at": "signal"}', 'a signal handler');
SELECT is(temporal.update('noted', 'note', '{"u": 1, "divisor": 0}'), '{"u": 1, "at": "signal", "divisor": 0}', 'an update in this session');
SELECT is(pg_temp.memo_of('noted'), '{"u": 1, "at": "signal", "divisor": 0}', 'which writes it');
SAVEPOINT s;
SELECT temporal.update('noted', 'note', '{"u": 2}');
ROLLBACK TO s;
SELECT is(pg_temp.memo_of('noted'), '{"u": 1, "at": "signal", "divisor": 0}', 'and undoes it with its transaction');
SELECT is(temporal.query('noted', 'memo'), '{"u": 1, "at": "signal", "divisor": 0}', 'a query sees the memo of now');
SELECT is(temporal.query('noted', 'info') -> 'memo', '{"u": 1, "at": "signal", "divisor": 0}', 'also by workflow_info()');
SELECT temporal.signal('noted', 'end');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_drive()$$), '22012', 'a task that fails');
SELECT is(pg_temp.memo_of('noted'), '{"u": 1, "at": "signal", "divisor": 0}', 'changes nothing');
SELECT is(temporal.update('noted', 'note', '{"divisor": 1, "u": null, "at": null}'), '{"divisor": 1}', 'mended from outside');
SELECT temporal.test_drive('closed', 'noted');
SELECT is(temporal.result('noted'), '{"divisor": 1}', 'the code sees it');
SELECT is(temporal.replay('noted'), (SELECT history_length::int FROM temporal.workflow WHERE workflow_id = 'noted'), 'and it replays');

-- several activations in one task: a statement that an activity follows, and one behind it
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT temporal.register_activity('one');
CREATE FUNCTION twice() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo('{"step": 1, "x": 1}');
	PERFORM temporal.upsert_search_attributes('{"K": "one", "I": 1}');
	PERFORM temporal.execute_activity('one');
	PERFORM temporal.upsert_memo('{"step": 2}');
	PERFORM temporal.upsert_search_attributes('{"K": "two"}');
	PERFORM temporal.sleep('1 h');
END $$;
SELECT temporal.register_workflow('twice');
SELECT temporal.start_workflow('twice', id => 'twice');
SELECT temporal.test_drive();
SELECT is(pg_temp.memo_of('twice') || pg_temp.attributes_of('twice'), '{"step": 2, "x": 1, "K": "two", "I": 1}', 'several activations in one task: the last word counts');

-- a handler that waits is run again from its top, and is told what it was told before
CREATE FUNCTION slow_note() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	before jsonb := temporal.memo();
	info temporal.workflow_info := temporal.workflow_info();
BEGIN
	PERFORM temporal.upsert_memo('{"n": 1}');
	PERFORM temporal.upsert_search_attributes('{"I": 1}');
	PERFORM temporal.set_current_details('slow');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('told', jsonb_build_array(before, info.memo, info.search_attributes, info.history_length, temporal.memo()));
	RETURN NULL;
END $$;
CREATE FUNCTION quick_note() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo('{"n": 2}');
	PERFORM temporal.upsert_search_attributes('{"I": 2}');
	PERFORM temporal.set_current_details('quick');
END $$;
CREATE FUNCTION repeated() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition($c$state ? 'told'$c$);
	RETURN temporal.state('told');
END $$;
SELECT temporal.register_workflow('repeated', signals => '{"slow": "slow_note", "quick": "quick_note"}');
SELECT temporal.start_workflow('repeated', id => 'repeated', memo => '{"n": 0}');
SELECT temporal.signal('repeated', 'slow'), temporal.signal('repeated', 'quick');
SELECT temporal.test_drive();
SELECT is(temporal.query('repeated', '__temporal_workflow_metadata') ->> 'currentDetails', 'quick', 'both have run');
SELECT temporal.test_advance('1 h');
SELECT is(temporal.query('repeated', '__temporal_workflow_metadata') ->> 'currentDetails', 'quick', 'what has been said is not said again');
SELECT temporal.test_drive('closed', 'repeated');
SELECT is(temporal.result('repeated'), '[{"n": 0}, {"n": 0}, null, 3, {"n": 2}]', 'its calls repeat their answers, and change nothing again');
SELECT is(pg_temp.said('repeated'), 'WorkflowExecutionSignaled, WorkflowExecutionSignaled, WorkflowPropertiesModified {"n": 1}, UpsertWorkflowSearchAttributes {"I": 1}, TimerStarted, '
	'WorkflowPropertiesModified {"n": 2}, UpsertWorkflowSearchAttributes {"I": 2}, TimerFired, TimerStarted, TimerFired, WorkflowExecutionCompleted', 'G-14: in the order of the code');
SELECT is(pg_temp.memo_of('repeated') || pg_temp.attributes_of('repeated'), '{"n": 2, "I": 2}', 'the last one stays');
SELECT is(temporal.replay('repeated'), 12, 'it replays');

-- what the code is told of its history is the same when the run has closed
CREATE FUNCTION counter() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('length', (temporal.workflow_info()).history_length);
	RETURN temporal.state('length');
END $$;
CREATE FUNCTION length() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state('length')$$;
SELECT temporal.register_workflow('counter', queries => '{"length": "shop.length"}');
SELECT is(temporal.test_run('counter', id => 'counter'), '3', 'G-07: events of which the code was told');
SELECT is(temporal.query('counter', 'length'), '3', 'without the one that closes the run');

-- ---------- search attributes ----------

SELECT is(pg_temp.run($$
BEGIN
	PERFORM temporal.upsert_search_attributes('{"T": "some text", "K": "key", "I": 9007199254740993, "F": 1.5, "B": true, "D": "2024-02-29T12:00:00+02:00", "L": ["a", "b"]}');
	PERFORM temporal.upsert_search_attributes('{}');
	RETURN (temporal.workflow_info()).search_attributes;
END$$, 'typed'), '{"T": "some text", "K": "key", "I": 9007199254740993, "F": 1.5, "B": true, "D": "2024-02-29T12:00:00+02:00", "L": ["a", "b"]}', 'G-47: the code sees them at once');
SELECT is(pg_temp.said('typed'), 'UpsertWorkflowSearchAttributes {"B": true, "D": "2024-02-29T12:00:00+02:00", "F": 1.5, "I": 9007199254740993, "K": "key", "L": ["a", "b"], "T": "some text"}, WorkflowExecutionCompleted',
	'an event; an empty object is none');
SELECT is(pg_temp.attributes_of('typed'), '{"T": "some text", "K": "key", "I": 9007199254740993, "F": 1.5, "B": true, "D": "2024-02-29T10:00:00.000000Z", "L": ["a", "b"]}', 'rows of their types');
SELECT is((SELECT array_agg(name ORDER BY name COLLATE "C") FROM temporal.search_attribute
	WHERE workflow_id = 'typed' AND (keyword_value IN ('some text', 'key') OR int_value = 9007199254740993 OR double_value = 1.5 OR bool_value OR datetime_value = '2024-02-29 10:00+00' OR list_value @> '{b}')),
	'{B,D,F,I,K,L,T}', 'by which the run is found');

SELECT is(pg_temp.run($$
BEGIN
	PERFORM temporal.upsert_search_attributes('{"K": "a", "I": [7], "L": []}');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.upsert_search_attributes('{"K": null, "I": 8, "B": null}');
	RETURN (temporal.workflow_info()).search_attributes;
END$$, 'changed'), '{"I": 8, "L": []}', 'null takes away');
SELECT is(pg_temp.attributes_of('changed'), '{"I": 8, "L": []}', 'the row, too');
SELECT is((SELECT array_agg(to_jsonb(s) - '{namespace,workflow_id,run_id}'::text[] ORDER BY name) FROM temporal.search_attribute s WHERE workflow_id = 'changed'),
	ARRAY['{"name": "I", "type": "Int", "int_value": 8, "bool_value": null, "list_value": null, "double_value": null, "keyword_value": null, "datetime_value": null}',
		'{"name": "L", "type": "KeywordList", "int_value": null, "bool_value": null, "list_value": [], "double_value": null, "keyword_value": null, "datetime_value": null}']::jsonb[], 'a row each');
SELECT is(temporal.replay('changed'), 6, 'it replays');

-- bad ones are the code's error, at once
SELECT is(pg_temp.run(format($$
DECLARE
	d text;
BEGIN
	PERFORM temporal.upsert_search_attributes(%L);
	RETURN '"ok"';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_HINT;
	RETURN to_jsonb(SQLSTATE || CASE WHEN d = '' THEN ' no hint' ELSE '' END);
END$$, attributes), 'bad ' || n), to_jsonb(expected), 'A-45: ' || what)
FROM (VALUES (1, '{"Nobody": 1}', 'TP026', 'an unknown name'), (2, '{"Nobody": null}', 'TP026', 'also to take it away'), (3, '{"I": "x"}', 'TP026', 'a wrong type'), (4, '{"I": 1.5}', 'TP026', 'no integer'),
	(5, '{"D": "soon"}', 'TP026', 'no time'), (6, '{"L": [1]}', 'TP026', 'no list of keywords'), (7, '[1]', '22023', 'no object'), (8, '"K"', '22023', 'no object'), (12, 'null', '22023', 'null is no object either'),
	(9, json_build_object('K', repeat('x', 2049))::text, 'TP025', 'a value of more than 2 KB'), (10, '{"TemporalChangeVersion": ["x"]}', 'TP026', 'what patched() keeps'),
	(11, '{"K": "x"}', 'ok', 'a good one')) v (n, attributes, expected, what);
SELECT is((SELECT array_agg(DISTINCT search_attributes) FROM temporal.workflow WHERE workflow_id LIKE 'bad %'), ARRAY['{"K": "x"}'::jsonb, NULL], 'and no row');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id LIKE 'bad %' AND event_type = 'UpsertWorkflowSearchAttributes'), 1::bigint, 'nor event');
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.run('BEGIN PERFORM temporal.upsert_search_attributes(''{"Nobody": 1}''); RETURN NULL; END', 'uncaught')$$), 'TP026', 'not caught, it fails the workflow task');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_search_attribute('TemporalChangeVersion', 'Int')$$), '42710', 'a predefined name has its type');
SELECT lives_ok($$SELECT temporal.register_search_attribute('TemporalChangeVersion', 'KeywordList')$$, 'registering it with that is good for nothing');
SELECT is((SELECT count(*) FROM temporal_internal.search_attribute_definition WHERE name = 'TemporalChangeVersion'), 0::bigint, 'and leaves nothing');

-- limits hold for all that there is together
SET LOCAL temporal_pg.max_memo_size = 2048;
SELECT is(pg_temp.run($$
BEGIN
	PERFORM temporal.upsert_memo(jsonb_build_object('a', repeat('x', 1500)));
	BEGIN
		PERFORM temporal.upsert_memo(jsonb_build_object('b', repeat('y', 1500)));
	EXCEPTION WHEN SQLSTATE 'TP025' THEN
		PERFORM temporal.upsert_memo('{"a": null}');
		PERFORM temporal.upsert_memo(jsonb_build_object('b', repeat('y', 1500)));
		RETURN temporal.memo();
	END;
	RETURN NULL;
END$$, 'large'), jsonb_build_object('b', repeat('y', 1500)), 'TP025 of a memo that grows too large, which the code may catch');
SELECT is(temporal.replay('large'), 5, 'the replay raises it again');
SET LOCAL temporal_pg.max_memo_size = 1024;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.replay('large')$$), 'ok', 'what was good once is good for a replay under other limits');
RESET temporal_pg.max_memo_size;
SET LOCAL temporal_pg.max_search_attributes = 2;
SELECT is(pg_temp.run($$
BEGIN
	PERFORM temporal.upsert_search_attributes('{"K": "x", "I": 1}');
	PERFORM temporal.upsert_search_attributes('{"K": null, "F": 2}');
	BEGIN
		PERFORM temporal.upsert_search_attributes('{"B": true}');
	EXCEPTION WHEN SQLSTATE 'TP025' THEN
		RETURN (temporal.workflow_info()).search_attributes;
	END;
	RETURN NULL;
END$$, 'many'), '{"F": 2, "I": 1}', 'A-45: TP025 of too many');
RESET temporal_pg.max_search_attributes;

-- what was refused once is refused in the replay, also where it would be good by now
SELECT is(pg_temp.run($$
BEGIN
	BEGIN
		PERFORM temporal.upsert_search_attributes('{"I": "one"}');
	EXCEPTION WHEN SQLSTATE 'TP026' THEN
		PERFORM temporal.upsert_search_attributes('{"K": "one"}');
	END;
	PERFORM temporal.sleep('1 h');
	RETURN (temporal.workflow_info()).search_attributes;
END$$, 'refused'), '{"K": "one"}', 'refused and done otherwise');
SELECT is(temporal.replay('refused'), 5, 'the replay is told the same');
-- a history of a database that knows another attribute; and what was changed may be another thing
SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) AS history FROM temporal.history h WHERE workflow_id = 'changed' \gset
CREATE OR REPLACE FUNCTION body() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_search_attributes('{"Elsewhere": "a", "I": [7], "L": []}');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.upsert_search_attributes('{"F": 1}');
	RETURN (temporal.workflow_info()).search_attributes;
END $$;
SELECT is(temporal.replay(replace(:'history', '"K"', '"Elsewhere"')::jsonb, 'body'), 6, 'a replay trusts history about what was good, and compares kinds only');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.replay(%L::jsonb, %L)', :'history', 'body')), 'TP026', 'but not what history does not have');
CREATE OR REPLACE FUNCTION body() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo('{"Elsewhere": "a"}');
	PERFORM temporal.sleep('1 h');
	RETURN NULL;
END $$;
SELECT is(pg_temp.message_of(format('SELECT temporal.replay(%L::jsonb, %L)', :'history', 'body')), 'workflow code does not match history at event 2', 'another kind of change is not the same');
SELECT is(pg_temp.detail_of(format('SELECT temporal.replay(%L::jsonb, %L)', :'history', 'body')), 'History has UpsertWorkflowSearchAttributes; the code asked for a change of the memo.', 'and is named');
CREATE OR REPLACE FUNCTION body() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_search_attributes('{"K": "a"}');
	PERFORM temporal.upsert_search_attributes('{"K": "a"}');
	PERFORM temporal.sleep('1 h');
	RETURN NULL;
END $$;
SELECT is(pg_temp.detail_of(format('SELECT temporal.replay(%L::jsonb, %L)', :'history', 'body')), 'History has TimerStarted of timer 1; the code asked for a change of search attributes.', 'one too much');
CREATE OR REPLACE FUNCTION body() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 h');
	RETURN NULL;
END $$;
SELECT is(pg_temp.detail_of(format('SELECT temporal.replay(%L::jsonb, %L)', :'history', 'body')), 'History has UpsertWorkflowSearchAttributes; the code asked for timer 1 to be started.', 'one too few');

-- an error in the same activation takes all of it back
CREATE FUNCTION changes_and_fails() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.upsert_memo('{"m": 1}');
	PERFORM temporal.upsert_search_attributes('{"K": "failed"}');
	RAISE EXCEPTION 'no';
END $$;
SELECT temporal.register_workflow('changes_and_fails');
SELECT temporal.start_workflow('changes_and_fails', id => 'failing');
SELECT temporal.test_drive();
SELECT is(pg_temp.said('failing'), 'WorkflowPropertiesModified {"m": 1}, UpsertWorkflowSearchAttributes {"K": "failed"}, WorkflowExecutionFailed', 'C-01: what came before the run failed counts');
SELECT is(pg_temp.memo_of('failing') || pg_temp.attributes_of('failing'), '{"m": 1, "K": "failed"}', 'and is written by the task that closes the run');

-- ---------- who only looks ----------

CREATE FUNCTION upsert_in_query() RETURNS void LANGUAGE sql AS $$SELECT temporal.upsert_memo('{"a": 1}')$$;
CREATE FUNCTION attributes_in_query() RETURNS void LANGUAGE sql AS $$SELECT temporal.upsert_search_attributes('{"K": "a"}')$$;
CREATE FUNCTION details_in_query() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_current_details('a')$$;
CREATE FUNCTION sleeper() RETURNS void LANGUAGE sql AS $$SELECT temporal.sleep('1 h')$$;
SELECT temporal.register_workflow('sleeper', queries => '{"m": "upsert_in_query", "a": "attributes_in_query", "d": "details_in_query"}');
SELECT temporal.start_workflow('sleeper', id => 'looked');
SELECT is(pg_temp.message_of(format('SELECT temporal.query(%L, %L)', 'looked', q)),
	format('query "%s" of workflow "looked" failed: temporal.%s() cannot be called by a query, validator, condition or side effect', q, f), 'a query cannot call ' || f || '()')
FROM (VALUES ('m', 'upsert_memo'), ('a', 'upsert_search_attributes'), ('d', 'set_current_details')) v (q, f);

-- ---------- continue-as-new ----------

CREATE FUNCTION chain(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF n = 1 THEN
		PERFORM temporal.upsert_memo('{"m": "upserted", "more": 1}');
		PERFORM temporal.upsert_search_attributes('{"K": null, "I": 5}');
	ELSIF n = 3 THEN
		RETURN jsonb_build_array(temporal.memo(), (temporal.workflow_info()).search_attributes);
	END IF;
	PERFORM temporal.continue_as_new(n + 1);
END $$;
SELECT temporal.register_workflow('chain');
SELECT is(temporal.test_run('chain', '1', id => 'chain', memo => '{"m": "start"}', search_attributes => '{"K": "start", "B": true}'),
	'[{"m": "start"}, {"B": true, "I": 5}]', 'A-34: the memo of the start, the search attributes of now');
SELECT is((SELECT array_agg(search_attributes ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'chain'),
	array_fill('{"B": true, "I": 5}'::jsonb, '{3}'), 'in all runs');
SELECT is((SELECT array_agg(memo ->> 'm' ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'chain'), '{upserted,start,start}', 'the memo was changed in the first only');
SELECT is((SELECT array_agg(temporal.replay('chain', run_id) = history_length) FROM temporal.workflow WHERE workflow_id = 'chain'), '{t,t,t}', 'all replay');
CREATE FUNCTION giver(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF n = 1 THEN
		PERFORM temporal.upsert_search_attributes('{"I": 5}');
		PERFORM temporal.continue_as_new(2, search_attributes => '{"K": "given"}');
	END IF;
	RETURN (temporal.workflow_info()).search_attributes;
END $$;
SELECT temporal.register_workflow('giver');
SELECT is(temporal.test_run('giver', '1', id => 'giver', search_attributes => '{"B": true}'), '{"K": "given"}', 'those that the code gives are all');

-- ---------- current details ----------

CREATE FUNCTION teller() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_current_details('packing');
	PERFORM temporal.wait_signal('go');
	PERFORM temporal.set_current_details('on its **way**');
	PERFORM temporal.wait_signal('go');
	PERFORM temporal.set_current_details(NULL);
	PERFORM temporal.wait_signal('go');
	PERFORM temporal.set_current_details('arrived');
END $$;
CREATE FUNCTION pg_temp.details(id text) RETURNS text LANGUAGE sql AS $$SELECT temporal.query(id, '__temporal_workflow_metadata') ->> 'currentDetails'$$;
SELECT temporal.register_workflow('teller');
SELECT temporal.start_workflow('teller', id => 'teller');
SELECT is(pg_temp.details('teller'), 'packing', 'G-50: currentDetails in the metadata, also before the first task');
SELECT temporal.test_drive();
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'teller'), 1, 'no event tells of it');
SELECT temporal.signal('teller', 'go');
SELECT is(pg_temp.details('teller'), 'on its **way**', 'as of now, mail included');
SELECT temporal.signal('teller', 'go');
SELECT is(temporal.query('teller', '__temporal_workflow_metadata') ? 'currentDetails', false, 'NULL is none');
SELECT is(temporal.query('teller', '__temporal_workflow_metadata') #>> '{definition,type}', 'teller', 'the rest is there');
SELECT temporal.signal('teller', 'go');
SELECT temporal.test_drive();
SELECT is(pg_temp.details('teller'), 'arrived', 'the last word of a closed run');
CREATE OR REPLACE FUNCTION teller() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 h'); END $$;
SELECT is(temporal.query('teller', '__temporal_workflow_metadata') - 'definition', '{}', 'code that does not replay it says nothing, but the definition is told');
SELECT is(pg_temp.run($$
BEGIN
	PERFORM temporal.set_current_details(repeat('x', 20000));
	PERFORM temporal.set_current_details(repeat('x', 20001));
EXCEPTION WHEN SQLSTATE 'TP025' THEN
	RETURN '"too large"';
END$$, 'details'), '"too large"', 'A-46: 20,000 bytes at most');
SELECT is(length(pg_temp.details('details')), 20000, 'and so many are good');

-- ---------- the run before ----------

CREATE FUNCTION after() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	told jsonb := jsonb_build_object('result', temporal.last_completion_result(), 'no_result', temporal.last_completion_result() IS NULL, 'failure', temporal.last_failure());
BEGIN
	PERFORM temporal.side_effect(format('SELECT %L::jsonb', told));
	RETURN told;
END $$;
SELECT temporal.register_workflow('after');
SELECT is(temporal.test_run('after', id => 'first'), '{"result": null, "no_result": true, "failure": null}', 'G-49: NULL when there was none');
-- of a run that cron or a retry has started: what it is told is the error that its replay ends with
CREATE FUNCTION pg_temp.told(attributes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	history jsonb := jsonb_build_array(
		jsonb_build_object('event_id', 1, 'task_id', 1, 'event_type', 'WorkflowExecutionStarted', 'event_time', '2030-01-01', 'attributes', attributes),
		jsonb_build_object('event_id', 2, 'task_id', 1, 'event_type', 'TimerStarted', 'event_time', '2030-01-01', 'attributes', '{"timerId": "1"}'::jsonb));
BEGIN
	PERFORM temporal.replay(history, 'after');
EXCEPTION WHEN division_by_zero THEN
	RETURN SQLERRM;
END $$;
CREATE OR REPLACE FUNCTION after() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RAISE division_by_zero USING MESSAGE = format('%s | %s', coalesce(temporal.last_completion_result()::text, 'NULL'), coalesce(temporal.last_failure()::text, 'NULL'));
END $$;
SELECT is(pg_temp.told('{}'), 'NULL | NULL', 'nothing');
SELECT is(pg_temp.told('{"lastCompletionResult": {"n": 1}}'), '{"n": 1} | NULL', 'a result');
SELECT is(pg_temp.told('{"lastCompletionResult": null}'), 'null | NULL', 'a result that is JSON null');
SELECT is(pg_temp.told('{"lastCompletionResult": 7, "continuedFailure": {"message": "no luck", "source": "temporal_pg", "applicationFailureInfo": {"type": "Luck", "nonRetryable": true}}}'),
	'7 | {"kind": "application", "type": "Luck", "source": "temporal_pg", "message": "no luck", "non_retryable": true}', 'a failure, as failure() tells one');

SELECT * FROM finish();
ROLLBACK;
