-- The examples of the documentation with children and with continue-as-new: ParentWorkflow, EntityWorkflow.
BEGIN;
SELECT plan(19);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- ---------- ParentWorkflow ----------

CREATE TYPE parent_input AS (parent_id text, data text);
CREATE TYPE child_input AS (data text);
CREATE FUNCTION process_data(input child_input) RETURNS text LANGUAGE sql AS $$ SELECT 'processed ' || input.data $$;
CREATE FUNCTION child_workflow(input child_input) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('process_data', input, start_to_close_timeout => '30 s') #>> '{}';
END $$;
CREATE FUNCTION parent_workflow(input parent_input) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	child_result text;
BEGIN
	-- execute and wait for the child's result
	child_result := temporal.execute_child_workflow('ChildWorkflow', ROW(input.data)::shop.child_input, id => 'child-' || input.parent_id) #>> '{}';
	RETURN 'Parent got: ' || child_result;
END $$;
SELECT temporal.register_activity('process_data'), temporal.register_workflow('ChildWorkflow', 'child_workflow'), temporal.register_workflow('ParentWorkflow', 'parent_workflow');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT is(temporal.test_run('ParentWorkflow', '{"parent_id": "1", "data": "abc"}', id => 'parent-1'), '"Parent got: processed abc"', 'ParentWorkflow');
SELECT is(pg_temp.events_of('child-1'), '{Started,ActivityTaskScheduled,ActivityTaskStarted,ActivityTaskCompleted,Completed}', 'its child');
SELECT pg_temp.replays('parent-1');
SELECT pg_temp.replays('child-1');

-- start it without waiting, signal it, wait for the result later
CREATE FUNCTION some_signal(data jsonb) RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('data', data) $$;
CREATE FUNCTION listening_child(input child_input) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''data''');
	RETURN input.data || ' and ' || (temporal.state('data') #>> '{}');
END $$;
CREATE FUNCTION signalling_parent(input parent_input) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	child_handle temporal.future := temporal.start_child_workflow('ListeningChild', ROW(input.data)::shop.child_input, id => 'child-' || input.parent_id);
BEGIN
	PERFORM temporal.signal(child_handle, 'some_signal', '"signal data"');
	RETURN temporal.await(child_handle) #>> '{}';
END $$;
SELECT temporal.register_workflow('ListeningChild', 'listening_child', signals => '{"some_signal": "some_signal"}'), temporal.register_workflow('SignallingParent', 'signalling_parent');
SELECT is(temporal.test_run('SignallingParent', '{"parent_id": "2", "data": "abc"}', id => 'parent-2'), '"abc and signal data"', 'start_child_workflow, signal, await');
SELECT pg_temp.replays('parent-2');
SELECT pg_temp.replays('child-2');

-- ---------- EntityWorkflow ----------

CREATE FUNCTION work_on(item text) RETURNS text LANGUAGE sql AS $$ SELECT upper(item) $$;
-- the state is its input: it goes from run to run
CREATE FUNCTION entity_init(state jsonb) RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state(state) $$;
CREATE FUNCTION add_work(item text) RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('pending', temporal.state('pending') || to_jsonb(item)) $$;
CREATE FUNCTION done() RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('is_done', true) $$;
CREATE FUNCTION entity(state jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	item text;
BEGIN
	WHILE NOT temporal.state('is_done', false) OR temporal.state('pending') <> '[]' LOOP
		PERFORM temporal.wait_condition('state->''pending'' <> ''[]'' OR (state->>''is_done'')::boolean', timeout => '10 min');
		IF temporal.state('pending') <> '[]' THEN
			item := temporal.state('pending') ->> 0;
			PERFORM temporal.set_state('pending', temporal.state('pending') - 0);
			PERFORM temporal.set_state('finished', temporal.state('finished') || temporal.execute_activity('work_on', item));
		END IF;
		-- does Temporal suggest to continue as new?
		IF (temporal.workflow_info()).continue_as_new_suggested THEN
			-- finish any handlers that are in progress first
			PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
			PERFORM temporal.continue_as_new(temporal.state());
		END IF;
	END LOOP;
	RETURN temporal.state('finished');
END $$;
SELECT temporal.register_activity('work_on'), temporal.register_workflow('EntityWorkflow', 'entity', init => 'entity_init', signals => '{"add_work": "add_work", "done": "done"}');
SET LOCAL temporal_pg.suggest_continue_as_new_events = 20;
SELECT temporal.start_workflow('EntityWorkflow', '{"pending": [], "finished": [], "is_done": false}', id => 'e');
SELECT temporal.test_drive();
SELECT temporal.signal('e', 'add_work', to_jsonb('item ' || i)) FROM generate_series(1, 12) i;
SELECT temporal.test_drive();
SELECT temporal.test_advance('25 min');
SELECT is(pg_temp.status_of('e'), 'Running', 'EntityWorkflow lives on');
SELECT cmp_ok((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'e' AND status = 'ContinuedAsNew'), '>=', 2::bigint, 'in run after run');
SELECT temporal.signal('e', 'add_work', '"last"');
SELECT temporal.signal('e', 'done');
SELECT temporal.test_drive();
SELECT is(temporal.result('e'), (SELECT jsonb_agg('ITEM ' || i) || '"LAST"'::jsonb FROM generate_series(1, 12) i), 'its state goes with it, and no signal is lost');
SELECT cmp_ok((SELECT max(history_length) FROM temporal.workflow WHERE workflow_id = 'e'), '<=', 60, 'no history is long');
SELECT is(temporal.replay(workflow_id, run_id), history_length::int, 'run ' || row_number() OVER (ORDER BY start_time) || ' replays') FROM temporal.workflow WHERE workflow_id = 'e' ORDER BY start_time LIMIT 2;

-- an entity as a child: its parent hears of its end only
CREATE FUNCTION owner_of() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_child_workflow('EntityWorkflow', '{"pending": ["a", "b", "c", "d", "e", "f", "g", "h"], "finished": [], "is_done": false}'::jsonb, id => 'owned');
END $$;
SELECT temporal.register_workflow('owner_of');
SELECT temporal.start_workflow('owner_of', id => 'owner');
SELECT temporal.test_advance('1 min');
SELECT cmp_ok((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'owned'), '>', 1::bigint, 'a child has gone on as another run');
SELECT temporal.signal('owned', 'done');
SELECT temporal.test_drive();
SELECT is(temporal.result('owner'), '["A", "B", "C", "D", "E", "F", "G", "H"]', 'its parent gets the result of the last');
SELECT is(pg_temp.events_of('owner'), '{Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed}', 'and hears of no other');
SELECT is((SELECT array_agg(DISTINCT parent_workflow_id) FROM temporal.workflow WHERE workflow_id = 'owned'), '{owner}', 'all runs are its children');
SELECT pg_temp.replays('owner');
SELECT is((SELECT count(*) FROM temporal_internal.outbox), 0::bigint, 'nothing is left in an outbox');

SELECT * FROM finish();
ROLLBACK;
