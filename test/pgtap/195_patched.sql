-- patched() and deprecate_patch(): the table of reference G.4, G-18 to G-21, S-30.
BEGIN;
SELECT plan(78);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- events of a run behind the first, with patches and what they list
CREATE FUNCTION pg_temp.said(id text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE event_type
			WHEN 'MarkerRecorded' THEN attributes ->> 'markerName' || ' ' || coalesce(attributes #>> '{details,patch-data}', '')
			WHEN 'UpsertWorkflowSearchAttributes' THEN (attributes -> 'searchAttributes')::text
			WHEN 'ActivityTaskScheduled' THEN 'activity ' || (attributes #>> '{activityType,name}')
			ELSE event_type::text END, ', ' ORDER BY event_id)
	FROM temporal.history WHERE workflow_id = id AND event_id > 1 AND event_type NOT IN ('ActivityTaskStarted', 'ActivityTaskCompleted', 'TimerFired')
$$;
CREATE FUNCTION pg_temp.versions_of(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT list_value FROM temporal.search_attribute WHERE workflow_id = id AND name = 'TemporalChangeVersion'
$$;
-- gives the workflow another body; runs are replayed by it from then on
CREATE FUNCTION pg_temp.code(body text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION shop.wf() RETURNS text LANGUAGE plpgsql AS %L', 'BEGIN ' || body || ' END');
END $$;
CREATE FUNCTION pg_temp.replay_of(id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
BEGIN
	PERFORM temporal.replay(id);
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ': ' || SQLERRM || ' / ' || d;
END $$;

CREATE FUNCTION old_way() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION new_way() RETURNS int LANGUAGE sql AS 'SELECT 2';
SELECT temporal.register_activity('old_way'), temporal.register_activity('new_way');
CREATE FUNCTION wf() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
SELECT temporal.register_workflow('wf');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- the four versions of the code
\set v1 'PERFORM temporal.execute_activity(''old_way''); PERFORM temporal.sleep(''1 day''); RETURN ''old'';'
\set v2 'IF temporal.patched(''x'') THEN PERFORM temporal.execute_activity(''new_way''); ELSE PERFORM temporal.execute_activity(''old_way''); END IF; PERFORM temporal.sleep(''1 day''); RETURN CASE WHEN temporal.patched(''x'') THEN ''new'' ELSE ''old'' END;'
\set v3 'PERFORM temporal.deprecate_patch(''x''); PERFORM temporal.execute_activity(''new_way''); PERFORM temporal.sleep(''1 day''); RETURN ''new'';'
\set v4 'PERFORM temporal.execute_activity(''new_way''); PERFORM temporal.sleep(''1 day''); RETURN ''new'';'

-- ---------- the table, version by version; a run of each stays open over all that follow ----------

SELECT pg_temp.code(:'v1');
SELECT temporal.start_workflow('wf', id => 'one');
SELECT temporal.test_drive();

SELECT pg_temp.code(:'v2');
SELECT temporal.start_workflow('wf', id => 'two');
SELECT temporal.test_drive();
SELECT is(pg_temp.said('two'), 'core_patch {"id": "x", "deprecated": false}, {"TemporalChangeVersion": ["x"]}, activity new_way, TimerStarted', 'S-30: executing for the first time, a marker and the search attribute');
SELECT is(pg_temp.versions_of('two'), '{x}', 'by which the run is found');
SELECT is((SELECT search_attributes FROM temporal.workflow WHERE workflow_id = 'two'), '{"TemporalChangeVersion": ["x"]}', 'and shown');
SELECT is((SELECT type FROM temporal.search_attribute WHERE name = 'TemporalChangeVersion'), 'KeywordList', 'predefined: nobody has registered it');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 'two' AND event_id = 2), '{"details": {"patch-data": {"id": "x", "deprecated": false}}, "markerName": "core_patch"}'::jsonb, 'the marker is that of Temporal''s SDKs');
SELECT is(pg_temp.replay_of('two'), 'ok', 'replay, marker there: true');
SELECT is(pg_temp.replay_of('one'), 'ok', 'replay, marker not there: false, and the old way is the right one');
SELECT temporal.start_workflow('wf', id => 'two closed');
SELECT temporal.test_advance('1 day');
SELECT is(temporal.result('one'), '"old"', 'G-20: false for the rest of the run, also when it asks live');
SELECT is(pg_temp.said('one'), 'activity old_way, TimerStarted, WorkflowExecutionCompleted', 'without a marker');
SELECT is(temporal.result('two'), '"new"', 'true for the rest of the run');
SELECT is(pg_temp.said('two'), 'core_patch {"id": "x", "deprecated": false}, {"TemporalChangeVersion": ["x"]}, activity new_way, TimerStarted, WorkflowExecutionCompleted', 'with one marker');
SELECT is(pg_temp.replay_of('one') || pg_temp.replay_of('two'), 'okok', 'both replay to their end');
SELECT pg_temp.code(:'v1');
SELECT is(pg_temp.replay_of('two'), 'TP020: workflow code does not match history at event 2 / History has patch "x", which the code does not ask for in this activation.', 'marker there, old code: nondeterminism');
SELECT pg_temp.code(:'v4');
SELECT is(pg_temp.replay_of('two'), 'TP020: workflow code does not match history at event 2 / History has patch "x", which the code does not ask for in this activation.', 'also for new code that has dropped the call too early');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('wf', id => 'none')$$), 'ok', 'new runs know nothing of it');

SELECT pg_temp.code(:'v3');
SELECT is(pg_temp.replay_of('two'), 'ok', 'deprecate_patch() stands for a call that has left a marker');
SELECT is(pg_temp.replay_of('none'), 'ok', 'replay, no marker, deprecate_patch(): allowed, nothing');
SELECT temporal.start_workflow('wf', id => 'three');
SELECT temporal.test_drive();
SELECT is(pg_temp.said('three'), 'core_patch {"id": "x", "deprecated": true}, {"TemporalChangeVersion": ["x"]}, activity new_way, TimerStarted', 'executing for the first time: a deprecated marker');
SELECT is(pg_temp.replay_of('three'), 'ok', 'it replays');
SELECT pg_temp.code(:'v2');
SELECT is(pg_temp.replay_of('three'), 'ok', 'patched() is true where a deprecated marker is there: taking the step back is possible');
SELECT pg_temp.code(:'v4');
SELECT is(pg_temp.replay_of('three'), 'ok', 'deprecated marker there, no call: it is ignored with its search attribute');
SELECT is(pg_temp.replay_of('two'), 'TP020: workflow code does not match history at event 2 / History has patch "x", which the code does not ask for in this activation.', 'unlike the other one');
SELECT temporal.test_advance('1 day');
SELECT is(temporal.result('three'), '"new"', 'and the run goes on to its end');
SELECT is(pg_temp.versions_of('three'), '{x}', 'what it knew stays');
SELECT is(pg_temp.said('three'), 'core_patch {"id": "x", "deprecated": true}, {"TemporalChangeVersion": ["x"]}, activity new_way, TimerStarted, WorkflowExecutionCompleted', 'as it was');
SELECT pg_temp.code(:'v3');
SELECT is(pg_temp.replay_of('three'), 'ok', 'code with the call still replays it');

-- a run fails its task, not itself, and goes on when the code is mended
SELECT pg_temp.code(:'v2');
SELECT temporal.start_workflow('wf', id => 'mended');
SELECT temporal.test_drive();
SELECT pg_temp.code(:'v4');
SELECT is(pg_temp.message_of($$SELECT temporal.test_advance('1 day')$$), 'workflow task of "mended" failed: workflow code does not match history at event 2', 'dropped too early');
SELECT is(pg_temp.hint_of($$SELECT temporal.test_advance('1 day')$$), 'Keep temporal.patched(''x''), or temporal.deprecate_patch(''x'') in its place, as long as runs are open that have begun with it.', 'the hint says what to do');
SELECT pg_temp.code(:'v3');
SELECT temporal.test_advance('1 day');
SELECT is(temporal.result('mended'), '"new"', 'mended');

-- ---------- where in the activation the call stands (G-19) ----------

SELECT pg_temp.code($$PERFORM temporal.start_timer('1 h'); PERFORM temporal.execute_activity('old_way'); PERFORM temporal.sleep('1 day');
	IF temporal.patched('late') THEN PERFORM temporal.execute_activity('new_way'); END IF; PERFORM temporal.sleep('1 day'); RETURN 'x';$$);
SELECT temporal.start_workflow('wf', id => 'late');
SELECT temporal.test_advance('1 day');
SELECT is(pg_temp.said('late'), 'TimerStarted, activity old_way, TimerStarted, core_patch {"id": "late", "deprecated": false}, {"TemporalChangeVersion": ["late"]}, activity new_way, TimerStarted', 'asked in a later activation');
SELECT is(pg_temp.replay_of('late'), 'ok', 'found there');
CREATE OR REPLACE FUNCTION wf() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future;
BEGIN
	PERFORM temporal.start_timer('1 h');
	PERFORM temporal.execute_activity('old_way');
	PERFORM temporal.sleep('1 day');
	f := temporal.start_activity('new_way');
	IF NOT temporal.patched('late') THEN RAISE division_by_zero; END IF;
	PERFORM temporal.await(f);
	PERFORM temporal.sleep('1 day');
	RETURN 'x';
END $$;
SELECT is(pg_temp.replay_of('late'), 'ok', 'the place within the activation does not matter');
SELECT pg_temp.code($$IF temporal.patched('late') THEN RETURN 'early'; END IF; PERFORM temporal.start_timer('1 h'); PERFORM temporal.execute_activity('old_way'); PERFORM temporal.sleep('1 day');
	IF temporal.patched('late') THEN PERFORM temporal.execute_activity('new_way'); END IF; PERFORM temporal.sleep('1 day'); RETURN 'x';$$);
SELECT is(pg_temp.replay_of('late'), 'TP020: workflow code does not match history at event 9 / History has patch "late", which the code does not ask for in this activation.',
	'asked before the activation of the marker it is false, for the rest of the run');
SELECT temporal.terminate('late');

-- ---------- several ----------

SELECT pg_temp.code($$
	IF temporal.patched('b') THEN NULL; END IF; IF temporal.patched('a') THEN NULL; END IF; IF temporal.patched('b') THEN NULL; END IF; PERFORM temporal.sleep('1 day');
	IF temporal.patched('c') THEN NULL; END IF; PERFORM temporal.deprecate_patch('a'); PERFORM temporal.deprecate_patch('d'); RETURN (temporal.workflow_info()).search_attributes::text;$$);
SELECT is(temporal.test_run('wf', id => 'several', search_attributes => '{"TemporalChangeVersion": ["of old"]}'), to_jsonb('{"TemporalChangeVersion": ["a", "b", "c", "d"]}'::text), 'all patches of the run, in order');
SELECT is(pg_temp.said('several'), 'core_patch {"id": "b", "deprecated": false}, {"TemporalChangeVersion": ["b"]}, core_patch {"id": "a", "deprecated": false}, {"TemporalChangeVersion": ["a", "b"]}, TimerStarted, '
	'core_patch {"id": "c", "deprecated": false}, {"TemporalChangeVersion": ["a", "b", "c"]}, core_patch {"id": "d", "deprecated": true}, {"TemporalChangeVersion": ["a", "b", "c", "d"]}, WorkflowExecutionCompleted', 'G-20: a marker each');
SELECT is(pg_temp.versions_of('several'), '{a,b,c,d}', 'in the row');
SELECT is(pg_temp.replay_of('several'), 'ok', 'it replays');
SELECT pg_temp.code($$
	IF temporal.patched('a') THEN NULL; END IF; PERFORM temporal.sleep('1 day');
	IF temporal.patched('c') THEN NULL; END IF; RETURN 'x';$$);
SELECT is(pg_temp.replay_of('several'), 'TP020: workflow code does not match history at event 2 / History has patch "b", which the code does not ask for in this activation.', 'one of them dropped');
SELECT pg_temp.code($$
	IF temporal.patched('a') AND temporal.patched('b') THEN NULL; END IF; PERFORM temporal.sleep('1 day');
	IF temporal.patched('c') THEN NULL; END IF; RETURN temporal.patched('d')::text || temporal.patched('e')::text;$$);
SELECT is(pg_temp.replay_of('several'), 'ok', 'the deprecated one is known, too');

-- a deprecated marker that code without the call has passed: a later call finds it, and leaves no second one
SELECT pg_temp.code($$PERFORM temporal.deprecate_patch('x'); PERFORM temporal.sleep('1 day'); PERFORM temporal.sleep('1 day'); RETURN 'x';$$);
SELECT temporal.start_workflow('wf', id => 'passed');
SELECT temporal.test_drive();
SELECT pg_temp.code($$PERFORM temporal.sleep('1 day'); PERFORM temporal.deprecate_patch('x'); PERFORM temporal.sleep('1 day'); RETURN temporal.patched('x');$$);
SELECT temporal.test_drive('closed', 'passed');
SELECT is(temporal.result('passed'), '"true"', 'it is true');
SELECT is(pg_temp.said('passed'), 'core_patch {"id": "x", "deprecated": true}, {"TemporalChangeVersion": ["x"]}, TimerStarted, TimerStarted, WorkflowExecutionCompleted', 'one marker');
SELECT is(pg_temp.replay_of('passed'), 'ok', 'it replays');

-- beside other upserts
SELECT temporal.register_search_attribute('Place', 'Keyword');
SELECT pg_temp.code($$PERFORM temporal.upsert_search_attributes('{"Place": "before"}'); PERFORM temporal.deprecate_patch('x'); PERFORM temporal.upsert_search_attributes('{"Place": "after"}'); PERFORM temporal.sleep('1 day');
	RETURN (temporal.workflow_info()).search_attributes;$$);
SELECT is((temporal.test_run('wf', id => 'beside') #>> '{}')::jsonb, '{"Place": "after", "TemporalChangeVersion": ["x"]}', 'with search attributes of one''s own');
SELECT is(pg_temp.said('beside'), '{"Place": "before"}, core_patch {"id": "x", "deprecated": true}, {"TemporalChangeVersion": ["x"]}, {"Place": "after"}, TimerStarted, WorkflowExecutionCompleted', 'in their order');
SELECT is(pg_temp.replay_of('beside'), 'ok', 'it replays');
SELECT pg_temp.code($$PERFORM temporal.upsert_search_attributes('{"Place": "before"}'); PERFORM temporal.upsert_search_attributes('{"Place": "after"}'); PERFORM temporal.sleep('1 day'); RETURN 'x';$$);
SELECT is(pg_temp.replay_of('beside'), 'ok', 'only the search attribute of the marker is ignored with it');
SELECT pg_temp.code($$PERFORM temporal.upsert_search_attributes('{"Place": "before"}'); PERFORM temporal.sleep('1 day'); RETURN 'x';$$);
SELECT is(pg_temp.replay_of('beside'), 'TP020: workflow code does not match history at event 5 / History has UpsertWorkflowSearchAttributes; the code asked for timer 1 to be started.', 'not others');

-- ---------- G-21 ----------

-- ["xxx…"] of n characters has n + 4 bytes
SELECT pg_temp.code($$RETURN temporal.patched(repeat('a', 1000)) AND temporal.patched(repeat('b', 1000)) AND temporal.patched(repeat('c', 36)) AND temporal.patched('d') AND temporal.patched('e');$$);
SET LOCAL client_min_messages = error;
SELECT is(temporal.test_run('wf', id => 'full'), '"true"', 'a list of 2048 bytes is too long');
RESET client_min_messages;
SELECT is((SELECT array_agg(length(replace((attributes #> '{searchAttributes,TemporalChangeVersion}')::text, ', ', ',')) ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'full' AND event_type = 'UpsertWorkflowSearchAttributes'),
	'{1004,2007,2046}', 'G-21: upserts up to 2047 bytes');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'full' AND event_type = 'MarkerRecorded'), 5::bigint, 'the markers are there all the same');
SELECT is(pg_temp.replay_of('full'), 'ok', 'it replays');
SELECT is(array_length(pg_temp.versions_of('full'), 1), 3, 'the row is as long as it could be');

-- ---------- handlers, spawned functions ----------

CREATE FUNCTION handler() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('log', coalesce(temporal.state('log'), '[]') || to_jsonb('run'::text));
	IF temporal.patched('in handler') THEN
		PERFORM temporal.execute_activity('new_way');
	ELSE
		PERFORM temporal.execute_activity('old_way');
	END IF;
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('done', coalesce(temporal.state('done', 0), 0) + 1);
	RETURN CASE WHEN temporal.patched('in handler') THEN 'new' ELSE 'old' END;
END $$;
CREATE FUNCTION spawned() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 h');
	RETURN CASE WHEN temporal.patched('in spawned') THEN 'new' ELSE 'old' END;
END $$;
CREATE FUNCTION is_patched(id text) RETURNS boolean LANGUAGE sql AS 'SELECT temporal.patched(id)';
CREATE FUNCTION host() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition($c$(state->>'done')::int = 2$c$);
	RETURN temporal.from_jsonb(temporal.await(temporal.spawn('spawned')), ''::text) || temporal.patched('in handler')::text;
END $$;
SELECT temporal.register_workflow('host', signals => '{"go": "handler"}', queries => '{"patched": "is_patched"}', updates => '{"go": "handler"}');
SELECT temporal.start_workflow('host', id => 'host');
SELECT is(temporal.query('host', 'patched', '"in handler"'), 'true', 'a query before the run has asked is told what it would be told');
SELECT temporal.signal('host', 'go'), temporal.signal('host', 'go');
SELECT temporal.test_drive();
SELECT is(pg_temp.said('host'), 'WorkflowExecutionSignaled, WorkflowExecutionSignaled, core_patch {"id": "in handler", "deprecated": false}, {"TemporalChangeVersion": ["in handler"]}, activity new_way, activity new_way, TimerStarted, TimerStarted',
	'two handlers, one marker');
SELECT is(temporal.query('host', 'patched', '"in handler"'), 'true', 'a query afterwards is told what the run was told');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'host'), 13, 'and leaves nothing');
SELECT temporal.test_drive('closed', 'host');
SELECT is(temporal.result('host'), '"newtrue"', 'spawned functions ask as well');
SELECT is(pg_temp.versions_of('host'), '{"in handler","in spawned"}', 'for their run');
SELECT is(pg_temp.replay_of('host'), 'ok', 'it replays');
SELECT is(temporal.query('host', 'patched', '"in handler"'), 'true', 'a closed run: what it was told');
SELECT is(temporal.query('host', 'patched', '"never"'), 'false', 'what it has never asked it will never be told');
-- a run whose signal was handled by older code
CREATE OR REPLACE FUNCTION handler() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('old_way');
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('done', coalesce(temporal.state('done', 0), 0) + 1);
	RETURN 'old';
END $$;
SELECT temporal.start_workflow('host', id => 'older');
SELECT temporal.signal('older', 'go');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION handler() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF temporal.patched('in handler') THEN
		PERFORM temporal.execute_activity('new_way');
	ELSE
		PERFORM temporal.execute_activity('old_way');
	END IF;
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('done', coalesce(temporal.state('done', 0), 0) + 1);
	RETURN CASE WHEN temporal.patched('in handler') THEN 'new' ELSE 'old' END;
END $$;
SELECT is(temporal.query('older', 'patched', '"in handler"'), 'false', 'a query is told what its replay was told');
SELECT temporal.start_update('older', 'go', update_id => 'u');
SELECT temporal.test_drive('closed', 'older');
SELECT is(temporal.update_result('older', 'u'), '"old"', 'a handler that runs live goes the way of the run');
SELECT is(temporal.result('older'), '"newfalse"', 'other patches are their own');
SELECT is(pg_temp.replay_of('older'), 'ok', 'it replays');

-- an update in this session asks, and writes what it was told
CREATE FUNCTION quick() RETURNS boolean LANGUAGE sql AS $$SELECT temporal.patched('by update')$$;
CREATE FUNCTION validator() RETURNS void LANGUAGE plpgsql AS $$BEGIN IF NOT temporal.patched('by update') THEN RAISE 'not patched'; END IF; END $$;
CREATE FUNCTION sleeper() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 day'); RETURN temporal.patched('by update'); END $$;
SELECT temporal.register_workflow('sleeper', updates => '{"quick": ["quick", "validator"]}');
SELECT temporal.start_workflow('sleeper', id => 'updated');
SELECT temporal.test_drive();
SELECT is(temporal.update('updated', 'quick'), 'true', 'an update; its validator was told what the handler is told');
SELECT is(pg_temp.versions_of('updated'), '{"by update"}', 'written by this session');
SELECT is(pg_temp.said('updated'), 'TimerStarted, WorkflowExecutionUpdateAccepted, core_patch {"id": "by update", "deprecated": false}, {"TemporalChangeVersion": ["by update"]}, WorkflowExecutionUpdateCompleted', 'between its events');
SELECT temporal.test_drive('closed', 'updated');
SELECT is(temporal.result('updated'), 'true', 'and known to the run function');
SELECT is(pg_temp.replay_of('updated'), 'ok', 'it replays');

-- conditions: what the run was told, or nothing
SELECT pg_temp.code($$PERFORM temporal.wait_condition('temporal.patched(''unasked'')'); RETURN 'x';$$);
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('wf', id => 'condition 1')$$), 'TP021', 'a condition that asks first fails the task');
SELECT pg_temp.code($$IF temporal.patched('asked') THEN PERFORM temporal.wait_condition('temporal.patched(''asked'')'); END IF; PERFORM temporal.sleep('1 h'); RETURN 'x';$$);
SELECT is(temporal.test_run('wf', id => 'condition 2'), '"x"', 'one that asks again is told');
SELECT is(pg_temp.replay_of('condition 2'), 'ok', 'it replays');

-- ---------- continue-as-new: a run is asked for itself ----------

CREATE FUNCTION chain(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF n = 3 THEN
		RETURN 'end ' || (temporal.workflow_info()).search_attributes::text;
	ELSIF n = 1 AND temporal.patched('first') OR n = 2 AND temporal.patched('second') THEN
		PERFORM temporal.continue_as_new(n + 1);
	END IF;
	RETURN 'old';
END $$;
SELECT temporal.register_workflow('chain');
SELECT is(temporal.test_run('chain', '1', id => 'chain'), '"end {\"TemporalChangeVersion\": [\"second\"]}"', 'markers are of a run; the search attribute goes on and lists those of the run that has written it');
SELECT is((SELECT array_agg(temporal.replay('chain', run_id) = history_length) FROM temporal.workflow WHERE workflow_id = 'chain'), '{t,t,t}', 'all replay');

-- ---------- who looks ----------

SELECT pg_temp.code($$PERFORM temporal.upsert_memo('{"note": "x"}'); PERFORM temporal.upsert_search_attributes('{"Place": "here"}'); PERFORM temporal.deprecate_patch('gone'); PERFORM temporal.deprecate_patch(repeat('long ', 20)); RETURN temporal.patched('here');$$);
SELECT temporal.test_run('wf', id => 'trace');
SELECT is((SELECT array_agg(event || ' | ' || detail ORDER BY event_id) FROM temporal.trace('trace') WHERE event_id BETWEEN 2 AND 8),
	ARRAY['memo changed | {"note": "x"}', 'search attributes changed | {"Place": "here"}', 'patch gone | deprecated', '  listed in TemporalChangeVersion | ["gone"]', 'patch long long long long long lo... | deprecated',
		'  listed in TemporalChangeVersion | ["gone", "long long long long l...', 'patch here | '], 'trace()');
SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) AS history FROM temporal.history h WHERE workflow_id = 'trace' \gset
SELECT is(temporal.replay(:'history'::jsonb, 'wf'), 10, 'a history kept elsewhere');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.replay(%L::jsonb, %L)', replace(:'history', '"id": "gone"', '"no": "gone"'), 'wf')), '22023', 'a marker that does not say which');

SELECT * FROM finish();
ROLLBACK;
