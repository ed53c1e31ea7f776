-- Signals from workflow code to other workflows: the command, the outbox, the answer, what is refused (G-41 to G-44).
BEGIN;
SELECT plan(32);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION receiver(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	got jsonb := '[]';
BEGIN
	FOR i IN 1 .. n LOOP
		got := got || jsonb_build_array(temporal.wait_signal('hi'));
	END LOOP;
	RETURN got;
END $$;
CREATE FUNCTION sender(target text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.signal(target, 'hi', '{"n": 1}') || ' ' || temporal.signal(target, 'hi', request_id => 'once') || ' ' || temporal.signal(target, 'hi', request_id => 'once');
END $$;
SELECT temporal.register_workflow('receiver'), temporal.register_workflow('sender');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- taken ----------

SELECT temporal.start_workflow('receiver', '2', id => 'r1');
SELECT temporal.start_workflow('sender', '"r1"', id => 's1');
SELECT temporal.test_drive();
SELECT is(temporal.result('s1'), '"true true true"', 'a signal from workflow code gives true when it has been taken');
SELECT is(temporal.result('r1'), '[{"n": 1}, null]', 'it arrives; a request id is taken once');
SELECT is(pg_temp.events_of('s1'), '{Started,SignalExternalInitiated,ExternalSignaled,SignalExternalInitiated,ExternalSignaled,SignalExternalInitiated,ExternalSignaled,Completed}',
	'G-41: events 37 and 39 for each');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 's1' AND event_id = 2),
	'{"input": {"n": 1}, "signalName": "hi", "workflowExecution": {"workflowId": "r1"}}'::jsonb, 'event 37: to whom and what');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 's1' AND event_id = 3),
	'{"initiatedEventId": 2, "workflowExecution": {"workflowId": "r1"}}'::jsonb, 'event 39: which one was taken');
SELECT is((SELECT attributes #>> '{externalWorkflowExecution,workflowId}' FROM temporal.history WHERE workflow_id = 'r1' AND event_id = 2), 's1',
	'G-43: the receiver''s event tells the sender');
SELECT is((SELECT (attributes #>> '{externalWorkflowExecution,runId}')::uuid FROM temporal.history WHERE workflow_id = 'r1' AND event_id = 2),
	(SELECT run_id FROM temporal.workflow WHERE workflow_id = 's1'), 'and its run');
SELECT ok(NOT (SELECT attributes ? 'identity' FROM temporal.history WHERE workflow_id = 'r1' AND event_id = 2), 'no session is named');
SELECT pg_temp.replays('s1');
SELECT pg_temp.replays('r1');
SELECT is((SELECT array_agg(event || coalesce(': ' || nullif(detail, ''), '')) FROM temporal.trace('s1') WHERE event_id BETWEEN 2 AND 3),
	'{"signal hi sent: to r1: {\"n\": 1}","  taken"}', 'trace() shows them');

-- ---------- not taken ----------

CREATE FUNCTION hopeful(target text, missing_ok boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.signal(target, 'hi', missing_ok => missing_ok);
EXCEPTION WHEN SQLSTATE 'TP010' THEN
	RETURN 'TP010 ' || SQLERRM || ' ' || temporal.failure_type();
END $$;
CREATE FUNCTION careless(target text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.signal(target, 'hi');
END $$;
SELECT temporal.register_workflow('hopeful'), temporal.register_workflow('careless');
SELECT temporal.start_workflow('hopeful', '["nobody", false]', id => 'h1'), temporal.start_workflow('hopeful', '["nobody", true]', id => 'h2'),
	temporal.start_workflow('hopeful', '["r1", false]', id => 'h3'), temporal.start_workflow('hopeful', '["h4", false]', id => 'h4'),
	temporal.start_workflow('careless', '"nobody"', id => 'c1');
SELECT temporal.test_drive();
SELECT is(temporal.result('h1'), '"TP010 workflow \"nobody\" does not exist or is closed ExternalWorkflowExecutionNotFound"', 'no such workflow: TP010, which can be caught');
SELECT is((SELECT attributes ->> 'cause' FROM temporal.history WHERE workflow_id = 'h1' AND event_type = 'SignalExternalWorkflowExecutionFailed'),
	'EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND', 'event 38 with its cause');
SELECT is(temporal.result('h2'), '"false"', 'missing_ok: false');
SELECT is(left(temporal.result('h3') #>> '{}', 5), 'TP010', 'a closed one is not found');
SELECT is(left(temporal.result('h4') #>> '{}', 5), 'TP010', 'nor is the one that asks');
SELECT is(pg_temp.status_of('c1'), 'Failed', 'uncaught it fails the workflow');
SELECT is((SELECT attributes #>> '{failure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'c1' AND event_type = 'WorkflowExecutionFailed'),
	'ExternalWorkflowExecutionNotFound', 'with the failure as it came');
SELECT pg_temp.replays('c1');

-- ---------- by run id; from handlers and spawned functions ----------

CREATE FUNCTION by_run(target text, run uuid) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN temporal.signal(target, 'hi', run_id => run, missing_ok => true); END $$;
CREATE FUNCTION relay(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.signal('r2', 'hi', to_jsonb(what));
	PERFORM temporal.set_state('relayed', temporal.state('relayed', 0) + 1);
END $$;
CREATE FUNCTION relayer() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await(temporal.spawn('relay', 'spawned'::text));
	PERFORM temporal.wait_condition('(state->>''relayed'')::int = 3');
	RETURN temporal.state('relayed', 0);
END $$;
SELECT temporal.register_workflow('by_run'), temporal.register_workflow('relayer', signals => '{"relay": "relay"}', updates => '{"relay": "relay"}', queries => '{"look": "careless"}');
SELECT temporal.start_workflow('receiver', '5', id => 'r2');
SELECT temporal.start_workflow('by_run', jsonb_build_array('r2', (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'r2')), id => 'b1'),
	temporal.start_workflow('by_run', jsonb_build_array('r2', (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'r1')), id => 'b2');
SELECT temporal.start_workflow('relayer', id => 'm');
SELECT temporal.test_drive();
SELECT temporal.signal('m', 'relay', '"signalled"');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('m', 'relay', '"updated"')$$), 'TP024', 'an update whose handler sends a signal has to wait');
SELECT temporal.start_update('m', 'relay', '"updated"', 'u1');
SELECT temporal.test_drive();
SELECT is(temporal.result('b1'), '"true"', 'to one run');
SELECT is(temporal.result('b2'), '"false"', 'a run of another workflow is none');
SELECT is(temporal.result('m'), '3', 'from a spawned function, a signal handler and an update handler');
SELECT is((SELECT array_agg(attributes -> 'input' ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'r2' AND event_type = 'WorkflowExecutionSignaled'),
	'{NULL,"\"spawned\"","\"signalled\"","\"updated\""}', 'each once, in order');
SELECT pg_temp.replays('m');

-- ---------- a sender that closes in the same task; what waits ----------

CREATE FUNCTION last_words() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.spawn('relay', 'last words'::text);
	PERFORM temporal.wait_signal('go');
END $$;
SELECT temporal.register_workflow('last_words');
SELECT temporal.start_workflow('last_words', id => 'l');
SELECT temporal.signal('l', 'go');
SELECT temporal.test_drive();
SELECT is(pg_temp.events_of('l'), '{Started,Signaled,SignalExternalInitiated,Completed}', 'a run that closes gets no answer');
SELECT is(temporal.result('r2') -> 4, '"last words"', 'but its signal is sent');
SELECT is((SELECT count(*) FROM temporal_internal.outbox), 0::bigint, 'nothing is left in the outbox');

-- before the outbox is emptied, explain() shows what is waited for
CREATE FUNCTION asks() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.signal('r3', 'hi'); END $$;
SELECT temporal.register_workflow('asks', updates => '{"relay": "relay"}');
SELECT temporal.start_workflow('receiver', '1', id => 'r3'), temporal.start_workflow('asks', id => 'a');
SELECT temporal.start_update('a', 'relay', '"x"', 'u');
SELECT is((SELECT array_agg(what ORDER BY what) FROM temporal.explain('a') WHERE at IS NOT NULL), '{"signal hi to workflow r2","signal hi to workflow r3"}', 'explain() tells to whom');
SELECT temporal.test_drive();
SELECT is(temporal.result('r3'), '[null]', 'and then it is taken');

-- ---------- wrong context, bad input ----------

CREATE FUNCTION bad(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE what
		WHEN 'id' THEN temporal.signal(NULL, 'hi')::text
		WHEN 'name' THEN temporal.signal('r', '')::text
		WHEN 'long' THEN temporal.signal(repeat('x', 1001), 'hi')::text END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT temporal.register_workflow('bad');
SELECT is((SELECT array_agg(temporal.test_run('bad', to_jsonb(w)) #>> '{}' ORDER BY n) FROM unnest('{id,name,long}'::text[]) WITH ORDINALITY AS x (w, n)),
	'{"22004 workflow id must not be null","22023 signal name must not be empty","22023 workflow id is too long"}', 'bad input is refused at once');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('m', 'look', '"r2"')$$), 'TP015', 'a query cannot send one');

SELECT * FROM finish();
ROLLBACK;
