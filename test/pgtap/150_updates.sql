-- Updates: validator, acceptance and outcome, what waits, ids, with a start, events, closed runs, limits.
BEGIN;
SELECT plan(108);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE TABLE ledger (what text);
CREATE FUNCTION until_stop(n int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''', '30 days');
	RETURN temporal.state('sum');
END $$;
CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('stop', true)$$;
CREATE FUNCTION add(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('sum', temporal.state('sum', 0) + i);
	RETURN temporal.state('sum', 0);
END $$;
CREATE FUNCTION check_add(i int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF i < 0 THEN
		PERFORM temporal.raise_application_error('not negative', 'Negative');
	ELSIF i = 1000 THEN
		PERFORM temporal.set_state('sum', 0);
	ELSIF i = 1001 THEN
		PERFORM 1 / 0;
	ELSIF i = 1002 THEN
		PERFORM temporal.sleep('1 s');
	ELSIF i + temporal.state('sum', 0) > 100 THEN
		RAISE EXCEPTION 'too much: % + %', i, temporal.state('sum', 0) USING HINT = 'Add less.';
	END IF;
END $$;
CREATE FUNCTION add_slowly(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('book', i);
	RETURN add(i);
END $$;
CREATE FUNCTION add_late(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 hour');
	RETURN add(i);
END $$;
CREATE FUNCTION add_locally(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_local_activity('book', i);
	RETURN add(i);
END $$;
CREATE FUNCTION book(i int) RETURNS void LANGUAGE sql AS $$INSERT INTO shop.ledger VALUES ('booked ' || i)$$;
CREATE FUNCTION fails(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM add(i);
	PERFORM temporal.raise_application_error('failed after all', 'Late', jsonb_build_array(i));
END $$;
CREATE FUNCTION fails_slowly(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('book', i);
	PERFORM temporal.raise_application_error('failed after all', 'Late');
END $$;
CREATE FUNCTION divides(i int) RETURNS int LANGUAGE sql AS $$SELECT i / 0$$;
CREATE FUNCTION any_update(name text, input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object(name, input)$$;
CREATE FUNCTION any_check(name text, input jsonb) RETURNS void LANGUAGE plpgsql AS $$BEGIN IF name = 'never' THEN RAISE EXCEPTION 'never'; END IF; END $$;
CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS $$SELECT$$;
CREATE FUNCTION sum() RETURNS int LANGUAGE sql AS $$SELECT temporal.state('sum', 0)$$;
SELECT temporal.register_activity('book');
SET LOCAL client_min_messages = error;         -- it warns
SELECT temporal.register_workflow('adder', 'until_stop', signals => '{"stop": "stop", "add": "add"}', queries => '{"sum": "sum"}',
	updates => '{"add": ["add", "check_add"], "slowly": ["add_slowly", "check_add"], "late": "add_late", "locally": "add_locally", "fails": "fails", "fails_slowly": "fails_slowly", "divides": "divides", "nothing": "nothing", "stop": "stop"}');
RESET client_min_messages;
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- accepted and completed (S-19) ----------

SELECT temporal.start_workflow('adder', id => 'u');
SELECT temporal.test_drive();
SELECT is(temporal.update('u', 'add', '5'), '5', 'an update gives the handler''s result');
SELECT is(temporal.update('u', 'add', '{"i": 2}', 'two'), '7', 'arguments by name, with an id');
SELECT is(temporal.update('u', 'nothing'), 'null', 'a handler without result gives JSON null');
SELECT is(pg_temp.events_of('u'), '{Started,TimerStarted,UpdateAccepted,UpdateCompleted,UpdateAccepted,UpdateCompleted,UpdateAccepted,UpdateCompleted}', 'S-19, F-27: Accepted and Completed');
SELECT is((SELECT attributes #- '{acceptedRequest,meta,identity}'::text[] FROM temporal.history WHERE workflow_id = 'u' AND event_id = 5),
	'{"protocolInstanceId": "two", "acceptedRequest": {"meta": {"updateId": "two"}, "input": {"name": "add", "args": {"i": 2}}}}'::jsonb, 'event 41');
SELECT is((SELECT attributes #- '{meta,identity}' FROM temporal.history WHERE workflow_id = 'u' AND event_id = 6),
	'{"meta": {"updateId": "two"}, "acceptedEventId": 5, "outcome": {"success": 7}}'::jsonb, 'event 43');
SELECT is(temporal.query('u', 'sum'), '7', 'a query sees it at once');
SELECT pg_temp.replays('u');
SELECT is((SELECT count(*)::int FROM temporal.pending_message WHERE workflow_id = 'u' AND kind::text NOT ILIKE '%timer%'), 0, 'no mail is left');

-- mail is handled before
SELECT temporal.signal('u', 'add', '10');
SELECT is(temporal.update('u', 'add', '1'), '18', 'signals that were sent before are handled before');
SELECT is((pg_temp.events_of('u'))[9:11], '{Signaled,UpdateAccepted,UpdateCompleted}', 'in one activation');
SELECT pg_temp.replays('u');

-- ---------- rejected: no trace (S-20, F-28) ----------

CREATE TEMP TABLE before AS SELECT * FROM temporal.workflow WHERE workflow_id = 'u';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'add', '-1')$$), 'TP023', 'F-37: the validator rejects');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('u', 'add', '-1')$$), 'rejected: not negative', 'with its message');
SELECT matches(pg_temp.message_of($$SELECT temporal.update('u', 'add', '99')$$), 'too much: 99 \+ 18', 'the validator sees the state');
SELECT is(pg_temp.hint_of($$SELECT temporal.update('u', 'add', '99')$$), 'Add less.', 'and gives its hint');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'add', '1001')$$), 'TP023', 'E-14: any error of the validator rejects');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'add', '1000')$$), 'TP021', 'a validator must not change the state');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'add', '1002')$$), 'TP021', 'nor wait');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'add', '"x"')$$), 'TP023', 'arguments that the validator cannot take');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'unknown', '1')$$), 'TP023', 'F-36: no such update');
SELECT matches(pg_temp.hint_of($$SELECT temporal.update('u', 'unknown', '1')$$), 'add.*slowly', 'F-36: the hint lists those that there are');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_update('u', 'add', '-1', 'rej')$$), 'TP023', 'start_update too');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('u', 'rej')$$), 'TP010', 'F-28: nobody remembers it');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'fails', '1')$$), 'TF008', 'update(): a failing handler is an error');
SELECT is(pg_temp.detail_of($$SELECT temporal.update('u', 'fails', '1')$$)::jsonb ->> 'type', 'Late', 'whose detail is the failure');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'divides', '1')$$), '22012', 'an error that is no failure is the caller''s');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'slowly', '1')$$), 'TP024', 'TP024: it has to wait');
SELECT matches(pg_temp.hint_of($$SELECT temporal.update('u', 'slowly', '1')$$), 'start_update.*execute_update', 'the hint says how');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'locally', '1')$$), 'TP024', 'a local activity is a wait too');
SELECT results_eq($$SELECT * FROM temporal.workflow WHERE workflow_id = 'u'$$, $$SELECT * FROM before$$, 'S-20: none of these has left a trace');
SELECT is(temporal.query('u', 'sum'), '18', 'nor in the state');
SELECT is(temporal.update('u', 'add', '2'), '20', 'and the next one works');

-- ---------- dedupe (F-23) ----------

SELECT is(temporal.update('u', 'add', '2', 'two'), '7', 'F-23: the same id again gives the first outcome');
SELECT is(temporal.start_update('u', 'add', '2', 'two'), 'two', 'F-23: also of start_update');
SELECT is(temporal.update_result('u', 'two'), '7', 'F-30: and update_result');
SELECT is(temporal.query('u', 'sum'), '20', 'without doing anything');

-- ---------- waiting handlers ----------

SELECT is(temporal.start_update('u', 'slowly', '3', 's1'), 's1', 'start_update gives the id');
SELECT is((pg_temp.events_of('u'))[14:], '{UpdateAccepted,ActivityTaskScheduled}', 'S-19: accepted, and its activity is scheduled');
SELECT is((SELECT count(*)::int FROM temporal.workflow_update WHERE workflow_id = 'u' AND update_id = 's1'), 1, 'the view shows it');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('u', 's1')$$), 'TP009', 'its result cannot come before the transaction commits');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'slowly', '3', 's1')$$), 'TP024', 'nor be waited for by update()');
SELECT temporal.test_drive();
SELECT is(temporal.update_result('u', 's1'), '23', 'but after it was driven');
SELECT is((pg_temp.events_of('u'))[14:], '{UpdateAccepted,ActivityTaskScheduled,ActivityTaskStarted,ActivityTaskCompleted,UpdateCompleted}', 'S-19: completed by a later task');
SELECT is((SELECT array_agg(what) FROM ledger), '{"booked 3"}', 'its activity ran once');
SELECT temporal.start_update('u', 'locally', '4', 's2');
SELECT temporal.test_drive();
SELECT is(temporal.update_result('u', 's2'), '27', 'a local activity in an update');
SELECT temporal.start_update('u', 'fails_slowly', '4', 's3'), temporal.start_update('u', 'fails', '4', 's4');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('u', 's3')$$), 'TF008', 'a failure is recorded by start_update');
SELECT is(pg_temp.detail_of($$SELECT temporal.update_result('u', 's4')$$)::jsonb ->> 'type', 'Late', 'also at once');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('u', 'fails', '4', 's4')$$), 'TF008', 'F-23: and is the outcome of that id');
SELECT is(pg_temp.status_of('u'), 'Running', 'E-14: a failing update does not touch the run');
SELECT is((SELECT attributes #>> '{outcome,failure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'u' AND event_type = 'WorkflowExecutionUpdateCompleted' AND attributes #>> '{meta,updateId}' = 's4'), 'Late', 'event 43 with a failure');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_update('u', 'slowly', '1', 'sc', wait_for_stage => 'completed')$$), 'TP024', 'wait_for_stage completed');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('u', 'sc')$$), 'TP010', 'leaves nothing then');
SELECT is(temporal.start_update('u', 'add', '1', 'sc', wait_for_stage => 'completed'), 'sc', 'unless it needs no wait');
SELECT pg_temp.replays('u');

-- ---------- the dynamic one ----------

SET LOCAL client_min_messages = error;         -- it warns
SELECT temporal.register_workflow('dyn', 'until_stop', updates => '{"add": "add", "*": ["any_update", "any_check"]}');
RESET client_min_messages;
SELECT temporal.start_workflow('dyn', id => 'd');
SELECT is(temporal.update('d', 'x', '[1]'), '{"x": [1]}', 'F-36: a dynamic handler; the first task of the run');
SELECT is(temporal.update('d', 'add', '1'), '1', 'and one by name');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('d', 'never')$$), 'TP023', 'a dynamic validator');
SELECT temporal.test_drive();
SELECT pg_temp.replays('d');

-- ---------- an update that ends the code ----------

SELECT temporal.start_workflow('adder', id => 'e');
SELECT temporal.test_drive();
SELECT is(temporal.update('e', 'stop'), 'null', 'an update that brings the code to its end');
SELECT is(pg_temp.status_of('e'), 'Running', 'leaves the close to an executor');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('e', 'add', '4')$$), 'TP012', 'until then no more updates are taken');
SELECT temporal.test_drive();
SELECT is(temporal.result('e'), 'null', 'which then closes it');
SELECT pg_temp.replays('e');

-- ---------- closed runs (F-32, F-41) ----------

SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('e', 'add', '1')$$), 'TP012', 'F-32: a closed run');
SELECT temporal.start_workflow('adder', id => 'f');
SELECT temporal.start_update('f', 'late', '1', 'l1'), temporal.update('f', 'add', '1', 'a1');
SELECT temporal.terminate('f');
SELECT is(temporal.update('f', 'add', '1', 'a1'), '1', 'F-32: an id that it knows gives its outcome');
SELECT is(pg_temp.detail_of($$SELECT temporal.update_result('f', 'l1')$$)::jsonb ->> 'type', 'AcceptedUpdateCompletedWorkflow', 'F-41: accepted and not completed');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('f', 'late', '1', 'l1')$$), 'TF008', 'F-41: the same by its id');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_result('f', 'nothing')$$), 'TP010', 'F-30: an id that it does not know');

-- ---------- with a start (F-40) ----------

SELECT is(temporal.update_with_start('adder', 'add', '3', 'w1', id => 'w'), '3', 'F-40: started and updated');
SELECT is(pg_temp.events_of('w'), '{Started,UpdateAccepted,UpdateCompleted,TimerStarted}', 'F-40: in the first task');
SELECT is(temporal.update_with_start('adder', 'add', '4', id => 'w'), '7', 'F-40: an open run is updated');
SELECT is(temporal.update_with_start('adder', 'add', '9', 'w1', id => 'w'), '3', 'F-40: a known id gives its outcome');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_with_start('adder', 'add', '1', id => 'w', id_conflict_policy => 'fail')$$), 'TP011', 'F-40: policies of the start');
SELECT is(temporal.update_with_start('adder', 'add', '9', 'w1', id => 'w', id_conflict_policy => 'fail'), '3', 'F-40: which do not matter for a known id');
SELECT temporal.terminate('w');
SELECT is(temporal.update_with_start('adder', 'add', '9', 'w1', id => 'w'), '3', 'F-40: also of a closed run');
SELECT is(temporal.update_with_start('adder', 'add', '9', id => 'w'), '9', 'F-40: otherwise it is started again');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_with_start('adder', 'add', '-1', id => 'w new')$$), 'TP023', 'F-40: rejected');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'w new'), 0, 'no run is left');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_with_start('adder', 'add', '1', id => 'w d', start_delay => '1 h')$$), '22023', 'F-40: no start delay');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update_with_start('adder', 'add', '1', id => 'w c', cron_schedule => '* * * * *')$$), '22023', 'F-40: no cron');
SELECT temporal.start_workflow('adder', id => 'delayed', start_delay => '1 day');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('delayed', 'add', '1')$$), 'TP024', 'a run in its start delay');

-- ---------- an update that brings the code to its end: an executor closes the run later ----------

CREATE FUNCTION ends(fails bool) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''');
	IF fails THEN
		PERFORM temporal.raise_application_error('stopped', 'Stopped');
	END IF;
	RETURN 'stopped';
END $$;
SELECT temporal.register_workflow('ends', signals => '{"add": "add"}', queries => '{"sum": "sum"}', updates => '{"stop": "stop"}');
SELECT temporal.start_workflow('ends', to_jsonb(fails), id => 'ends ' || fails) FROM (VALUES (false), (true)) AS v (fails);
SELECT temporal.test_drive();
SELECT temporal.update('ends false', 'stop'), temporal.update('ends true', 'stop');
SELECT is(pg_temp.status_of('ends ' || fails), 'Running', 'the run is still open') FROM (VALUES (false), (true)) AS v (fails);
SELECT pg_temp.replays('ends ' || fails) FROM (VALUES (false), (true)) AS v (fails);
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.update(%L, ''stop'')', 'ends ' || fails)), 'TP012', 'and takes no more updates')
FROM (VALUES (false), (true)) AS v (fails);
-- signals come before the executor does
SELECT temporal.signal('ends false', 'add', '5'), temporal.signal('ends true', 'add', '5');
SELECT is(temporal.query('ends true', 'sum'), '0', 'code that has failed handles none');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('ends false') || ', ' || pg_temp.status_of('ends true'), 'Completed, Failed', 'they close');
SELECT ok(temporal.replay('ends false') = 5 AND temporal.replay('ends true') = 5, 'and replay');

-- ---------- limits (F-33) ----------

SELECT temporal.start_workflow('adder', id => 'lim');
SELECT temporal.test_drive();
SELECT count(temporal.start_update('lim', 'late', '1', 'l' || i)) FROM generate_series(1, 10) i;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_update('lim', 'late', '1', 'l11')$$), 'TP025', 'F-33: 10 in progress');
SELECT is(temporal.start_update('lim', 'late', '1', 'l3'), 'l3', 'F-33: known ones are no more');
SELECT temporal.test_advance('2 h');
SELECT is(temporal.update_result('lim', 'l10'), '10', 'they complete in order');
SELECT is(temporal.update('lim', 'add', '1'), '11', 'and make room');
UPDATE temporal_internal.execution SET update_count = 2000 WHERE workflow_id = 'lim';
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('lim', 'add', '1')$$), 'TP025', 'F-33: 2,000 in all');

-- ---------- a caller that is stopped ----------

CREATE FUNCTION busy(x jsonb DEFAULT NULL) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN FOR i IN 1 .. 2000000000 LOOP NULL; END LOOP; RETURN true; END $$;
CREATE FUNCTION check_busy() RETURNS void LANGUAGE sql AS $$SELECT busy()$$;
CREATE FUNCTION until_busy() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_condition('CASE WHEN state ? ''stop'' THEN busy(state) END'); END $$;
SELECT temporal.register_workflow('busy', 'until_busy', signals => '{"stop": "stop"}', queries => '{"sum": "sum", "busy": "busy"}',
	updates => '{"stop": "stop", "nothing": ["nothing", "check_busy"]}');
CREATE FUNCTION pg_temp.stopped(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure OR query_canceled THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT temporal.start_workflow('busy', id => 'b');
SELECT temporal.test_drive();
SET LOCAL statement_timeout = '200 ms';
SELECT is(pg_temp.stopped($$SELECT temporal.update('b', 'nothing')$$), '57014 canceling statement due to statement timeout', 'in a validator: no rejection');
SELECT is(pg_temp.stopped($$SELECT temporal.update('b', 'stop')$$), '57014 canceling statement due to statement timeout', 'in a condition: not its error');
SELECT is(pg_temp.stopped($$SELECT temporal.query('b', 'busy')$$), '57014 canceling statement due to statement timeout', 'in the handler of a query');
SELECT temporal.signal('b', 'stop');
SELECT is(pg_temp.stopped($$SELECT temporal.query('b', 'sum')$$), '57014 canceling statement due to statement timeout', 'in the code before a query');
SET LOCAL statement_timeout = 0;

-- ---------- what is refused ----------

SELECT is(pg_temp.sqlstate_of(command), expected, 'update: ' || what) FROM (VALUES
	($$SELECT temporal.update('nobody', 'add')$$, 'TP010', 'no such workflow'),
	($$SELECT temporal.update('u', NULL)$$, '22004', 'name null'),
	($$SELECT temporal.update('u', '')$$, '22023', 'name empty'),
	($$SELECT temporal.update('u', 'add', '1', repeat('x', 1001))$$, '22023', 'id too long'),
	($$SELECT temporal.update('u', 'add', to_jsonb(repeat('x', 3000000)))$$, 'TP025', 'input too large'),
	($$SELECT temporal.start_update('u', 'add', '1', wait_for_stage => 'admitted')$$, '22023', 'no such stage'),
	($$SELECT temporal.update_result('u', NULL)$$, '22004', 'id null'),
	($$CALL temporal.execute_update('u', 'add', '1')$$, '2D000', 'execute_update in a transaction block')
) AS v (command, expected, what);

SELECT * FROM finish();
ROLLBACK;
