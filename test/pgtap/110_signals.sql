-- Signals: handlers, wait_signal, kept ones, order, request ids, signal_with_start, triggers, what is refused.
BEGIN;
SELECT plan(64);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- notes what the code has seen, in order, in state "seen"
CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || to_jsonb(what));
END $$;

-- ---------- wait_signal ----------

-- takes n signals "s", each within an hour
CREATE FUNCTION taker(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	got jsonb := '[]';
	one jsonb;
BEGIN
	FOR i IN 1 .. n LOOP
		one := temporal.wait_signal('s', '1 hour');
		got := got || jsonb_build_array(coalesce(one, '"timeout"'));
	END LOOP;
	RETURN got;
END $$;
SELECT temporal.register_workflow('taker');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

SELECT temporal.start_workflow('taker', '1', id => 'w1');
SELECT temporal.test_drive();
SELECT is(temporal.signal('w1', 's', '{"a": 1}'), true, 'F-01: a signal to an open run is taken');
SELECT temporal.test_drive('idle');
SELECT is(temporal.result('w1'), '[{"a": 1}]', 'wait_signal gives its input');
SELECT is(pg_temp.events_of('w1'), '{Started,TimerStarted,Signaled,TimerCanceled,Completed}', 'one event for it; the timeout''s timer is cancelled');
SELECT is((SELECT attributes - 'identity' FROM temporal.history WHERE workflow_id = 'w1' AND event_id = 3), '{"signalName": "s", "input": {"a": 1}}'::jsonb, 'event: name and input');
SELECT ok((SELECT attributes ? 'identity' FROM temporal.history WHERE workflow_id = 'w1' AND event_id = 3), 'event: who has sent it');

SELECT temporal.start_workflow('taker', '2', id => 'w2');
SELECT temporal.test_drive('closed', 'w2');
SELECT is(temporal.result('w2'), '["timeout", "timeout"]', 'NULL when the time is over');
SELECT is((SELECT close_time - start_time FROM temporal.workflow WHERE workflow_id = 'w2'), '2 hours'::interval, 'after exactly that time');

SELECT temporal.start_workflow('taker', '4', id => 'w3');
SELECT temporal.signal('w3', 's', 'null'), temporal.signal('w3', 's'), temporal.signal('w3', 'other', '9'), temporal.signal('w3', 's', '3');
SELECT temporal.test_drive();
SELECT temporal.signal('w3', 's', '4');
SELECT temporal.test_drive();
SELECT is(temporal.result('w3'), '[null, null, 3, 4]', 'F-04, F-07: kept before anyone waits, in order; JSON null is no payload; another name is not taken');
SELECT is(pg_temp.events_of('w3'), '{Started,Signaled,Signaled,Signaled,Signaled,TimerStarted,Signaled,TimerCanceled,Completed}',
	'S-14: waits that find a signal leave no timer');

-- a timed-out wait does not eat the next signal
CREATE FUNCTION patient() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	first jsonb := temporal.wait_signal('s', '1 min');
BEGIN
	PERFORM temporal.sleep('1 min');
	RETURN jsonb_build_object('first', first, 'second', temporal.wait_signal('s', '1 s'));
END $$;
SELECT temporal.register_workflow('patient');
SELECT temporal.start_workflow('patient', id => 'p');
SELECT temporal.test_advance('90 s');
SELECT temporal.signal('p', 's', '"late"');
SELECT temporal.test_drive('closed', 'p');
SELECT is(temporal.result('p'), '{"first": null, "second": "late"}', 'a wait that is over takes nothing any more');

-- zero timeout: a poll
CREATE FUNCTION poll() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_build_array(temporal.wait_signal('s', '0'), temporal.wait_signal('s', '0'));
END $$;
SELECT temporal.register_workflow('poll');
SELECT temporal.start_workflow('poll', id => 'poll');
SELECT temporal.signal('poll', 's', '1');
SELECT temporal.test_drive('closed', 'poll');
SELECT is(temporal.result('poll'), '[1, null]', 'a timeout of zero takes what is there');

-- futures: two waits of one name take in the order of their making, and mix with timers
CREATE FUNCTION futures() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	a temporal.future := temporal.start_wait_signal('s');
	b temporal.future := temporal.start_wait_signal('s');
	t temporal.future := temporal.start_timer('1 min');
	first temporal.future := temporal.await_any(ARRAY[t, b, a]);
BEGIN
	RETURN jsonb_build_object('first', CASE first WHEN a THEN 'a' WHEN b THEN 'b' ELSE 't' END, 'a', temporal.await(a), 'b', temporal.await(b), 'c', temporal.wait_signal('s', '1 s'));
END $$;
SELECT temporal.register_workflow('futures');
SELECT temporal.start_workflow('futures', id => 'f');
SELECT temporal.test_drive();
SELECT temporal.signal('f', 's', '1');
SELECT temporal.test_drive();
SELECT temporal.signal('f', 's', '2');
SELECT temporal.test_drive('closed', 'f');
SELECT is(temporal.result('f'), '{"first": "a", "a": 1, "b": 2, "c": null}', 'futures of one signal are served in the order of their making');
SELECT is(temporal.replay('f'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'f')::int, 'it replays');

-- ---------- handlers ----------

CREATE FUNCTION noter(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM note('run');
	PERFORM temporal.wait_condition('jsonb_array_length(coalesce(state->''seen'', ''[]'')) > (args->>0)::int', args => jsonb_build_array(n));
	RETURN temporal.state('seen');
END $$;
CREATE FUNCTION noter_init(n int) RETURNS void LANGUAGE sql AS $$SELECT note('init ' || n)$$;
CREATE FUNCTION on_int(i int) RETURNS void LANGUAGE sql AS $$SELECT note('int ' || i)$$;
CREATE FUNCTION on_pair(a text, b text DEFAULT 'dflt') RETURNS void LANGUAGE sql AS $$SELECT note(a || '/' || b)$$;
CREATE FUNCTION on_none() RETURNS void LANGUAGE sql AS $$SELECT note('none')$$;
CREATE FUNCTION on_any(name text, input jsonb) RETURNS void LANGUAGE sql AS $$SELECT note(name || '=' || coalesce(input::text, 'nothing'))$$;
CREATE FUNCTION on_fail() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('no', 'Stop'); END $$;
CREATE FUNCTION on_bug() RETURNS int LANGUAGE sql AS $$SELECT 1 / 0$$;
SELECT temporal.register_workflow('noter', init => 'noter_init', signals => '{"int": "on_int", "pair": "on_pair", "none": "on_none", "fail": "on_fail", "bug": "on_bug"}');

SELECT temporal.start_workflow('noter', '3', id => 'n1');
SELECT temporal.signal('n1', 'int', '1');
SELECT temporal.signal('n1', 'pair', '{"a": "x"}');
SELECT temporal.test_drive();
SELECT is(temporal.result('n1'), '["init 3", "int 1", "x/dflt", "run"]', 'F-11, G-13: init, handlers, then the first step of the run function');

SELECT temporal.start_workflow('noter', '6', id => 'n2');
SELECT temporal.test_drive();
SELECT temporal.signal('n2', 'pair', '["p", "q"]'), temporal.signal('n2', 'none'), temporal.signal('n2', 'int', '{"i": 5}'), temporal.signal('n2', 'int', '6'), temporal.signal('n2', 'int', '7');
SELECT temporal.test_drive();
SELECT is(temporal.result('n2'), '["init 6", "run", "p/q", "none", "int 5", "int 6", "int 7"]', 'handlers run in the order of the signals, arguments by position and by name');
SELECT is(temporal.replay('n2'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'n2')::int, 'it replays');

-- bad payloads (F-08)
SELECT temporal.start_workflow('noter', '2', id => 'bad');
SELECT temporal.test_drive();
SELECT temporal.signal('bad', 'int', '"no number"'), temporal.signal('bad', 'int', '{"j": 1}'), temporal.signal('bad', 'int', '[1, 2]'), temporal.signal('bad', 'none', '1'), temporal.signal('bad', 'int', '99999999999');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('bad'), 'Running', 'F-08: signals that the handler cannot take are dropped');
SELECT temporal.signal('bad', 'int', '1');
SELECT temporal.test_drive();
SELECT is(temporal.result('bad'), '["init 2", "run", "int 1"]', 'F-08: and the run goes on');
SELECT is((SELECT count(*)::int FROM temporal.history WHERE workflow_id = 'bad' AND event_type = 'WorkflowExecutionSignaled'), 6, 'F-08: they are in history');
SELECT is(temporal.replay('bad'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'bad')::int, 'F-08: which replays');

-- a failure in a handler fails the run, another error only the task
SELECT temporal.start_workflow('noter', '9', id => 'fails');
SELECT temporal.test_drive();
SELECT temporal.signal('fails', 'fail');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('fails'), 'Failed', 'a failure in a signal handler ends the run as Failed');
SELECT is((SELECT attributes #>> '{failure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'fails' ORDER BY event_id DESC LIMIT 1), 'Stop', 'with that failure');
SAVEPOINT s;
SELECT temporal.start_workflow('noter', '9', id => 'bug');
SELECT temporal.test_drive();
SELECT temporal.signal('bug', 'bug');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_drive()$$), '22012', 'another error fails only the task');
ROLLBACK TO s;

-- the dynamic handler (F-07)
SELECT temporal.register_workflow('dyn', 'noter', signals => '{"int": "on_int", "*": "on_any"}');
SELECT temporal.start_workflow('dyn', '3', id => 'd');
SELECT temporal.test_drive();
SELECT temporal.signal('d', 'x', '{"k": 1}'), temporal.signal('d', 'int', '2'), temporal.signal('d', 'y');
SELECT temporal.test_drive();
SELECT is(temporal.result('d'), '["run", "x={\"k\": 1}", "int 2", "y=nothing"]', 'F-07: the dynamic handler takes the others, with name and input');
SELECT temporal.register_workflow('deaf', 'taker', signals => '{"*": "on_any"}');
SELECT temporal.start_workflow('deaf', '1', id => 'deaf');
SELECT temporal.signal('deaf', 's', '1');
SELECT temporal.test_drive('closed', 'deaf');
SELECT is(temporal.result('deaf'), '["timeout"]', 'a handler takes a signal before wait_signal sees it');

-- ---------- never lost ----------

-- a run that would close with undelivered mail handles it first (S-15)
CREATE FUNCTION self_signal(id text) RETURNS void LANGUAGE sql AS $$SELECT temporal.signal(id, 'int', '42')$$;
CREATE FUNCTION closing() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('self_signal', to_jsonb((temporal.workflow_info()).workflow_id));
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_activity('self_signal'), temporal.register_workflow('closing', signals => '{"int": "on_int"}');
SELECT temporal.start_workflow('closing', id => 'closing');
SELECT temporal.test_drive('closed');
SELECT is(temporal.result('closing'), '["int 42"]', 'S-15, G-10: a signal sent by an activity is handled before its completion is seen');
SELECT is(temporal.replay('closing'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'closing')::int, 'and it replays');

-- ---------- request ids (F-03) ----------

SELECT temporal.start_workflow('noter', '3', id => 'req');
SELECT temporal.test_drive();
SELECT is(temporal.signal('req', 'int', '1', request_id => 'r1'), true, 'F-03: with a request id');
SELECT is(temporal.signal('req', 'int', '1', request_id => 'r1'), true, 'F-03: the same again succeeds');
SELECT temporal.test_drive();
SELECT is(temporal.signal('req', 'int', '1', request_id => 'r1'), true, 'F-03: also after delivery');
SELECT temporal.test_drive();
SELECT is((SELECT count(*)::int FROM temporal.history WHERE workflow_id = 'req' AND event_type = 'WorkflowExecutionSignaled'), 1, 'F-03: but is taken once');
SELECT is((SELECT attributes ->> 'requestId' FROM temporal.history WHERE workflow_id = 'req' AND event_id = 2), 'r1', 'the event has it');
SAVEPOINT s;
SELECT temporal.signal('req', 'int', '2', request_id => 'r2');
ROLLBACK TO s;
SELECT temporal.signal('req', 'int', '3', request_id => 'r2');
SELECT temporal.test_drive();
SELECT is(temporal.result('req'), '["init 3", "run", "int 1", "int 3"]', 'ROLLBACK takes the request id back');

-- ---------- signal_with_start (F-10, S-28) ----------

SELECT is(temporal.signal_with_start('noter', 'int', '1', '2', id => 'sws'), 'sws', 'signal_with_start gives the id');
SELECT temporal.test_drive();
SELECT is(pg_temp.events_of('sws'), '{Started,Signaled,Completed}', 'S-28: started, and signalled before its first step');
SELECT is(temporal.result('sws'), '["init 2", "int 1", "run"]'::jsonb, 'F-11: the first activation contains init and the signal');
SELECT temporal.signal_with_start('noter', 'int', '2', '99', id => 'sws');
SELECT temporal.test_drive();
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'sws'), 2, 'F-10: a closed run is started again');
SELECT is(pg_temp.status_of('sws'), 'Running', 'with the new input');
SELECT temporal.signal_with_start('noter', 'int', '3', '1', id => 'sws');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'sws'), 2, 'F-10: an open one is signalled');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.signal_with_start('noter', 'int', '3', '1', id => 'sws', id_conflict_policy => 'fail')$$), 'TP011', 'F-10: unless the conflict policy fails');
SELECT temporal.signal_with_start('noter', 'int', '7', '1', id => 'sws rid', request_id => 'q');
SELECT temporal.signal_with_start('noter', 'int', '7', '1', id => 'sws rid', request_id => 'q');
SELECT temporal.test_drive();
SELECT is((SELECT count(*)::int FROM temporal.history WHERE workflow_id = 'sws rid' AND event_type = 'WorkflowExecutionSignaled'), 1, 'F-03: the same request signals once');

-- during a start delay (A-43)
SELECT temporal.start_workflow('noter', '1', id => 'delayed', start_delay => '1 day');
SELECT temporal.signal('delayed', 'int', '1');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('delayed'), 'Running', 'A-43: a signal does not end the delay');
SELECT temporal.test_advance('1 day');
SELECT is(temporal.result('delayed'), '["init 1", "int 1", "run"]'::jsonb, 'A-43: it is handled with the first activation');
CREATE FUNCTION clock() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	word jsonb := temporal.wait_signal('word');
BEGIN
	RETURN jsonb_build_object('word', word, 'now', temporal.now());
END $$;
SELECT temporal.register_workflow('clock');
SELECT temporal.start_workflow('clock', id => 'early', start_delay => '1 year');
SELECT temporal.signal_with_start('clock', 'word', '"go"', id => 'early');
SELECT temporal.test_drive();
SELECT is((SELECT (temporal.result('early') ->> 'now')::timestamptz - start_time < '1 month' FROM temporal.workflow WHERE workflow_id = 'early'), true, 'A-43: signal_with_start ends the delay, and the clock is that of its arrival');
SELECT lives_ok($$SELECT temporal.replay('early')$$, 'A-43: which a replay has, too');

-- ---------- triggers ----------

CREATE TABLE parcel (id int PRIMARY KEY, place text);
SELECT temporal.start_workflow('taker', '3', id => 'parcel-' || i) FROM generate_series(1, 2) i;
CREATE TRIGGER parcel_signal AFTER INSERT OR UPDATE OR DELETE ON parcel FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('parcel-%s', 'id', 's');
SELECT temporal.test_drive();
INSERT INTO parcel SELECT i, 'here' FROM generate_series(1, 3) i;
UPDATE parcel SET place = 'there' WHERE id = 1;
DELETE FROM parcel WHERE id < 3;
SELECT temporal.test_drive();
SELECT is(temporal.result('parcel-1'), '[{"op": "INSERT", "old": null, "new": {"id": 1, "place": "here"}}, {"op": "UPDATE", "old": {"id": 1, "place": "here"}, "new": {"id": 1, "place": "there"}}, {"op": "DELETE", "old": {"id": 1, "place": "there"}, "new": null}]',
	'signal_trigger: op, old and new of each row');
SELECT is(pg_temp.status_of('parcel-2'), 'Running', 'another row goes to its own workflow; rows without a workflow are passed over');
DROP TRIGGER parcel_signal ON parcel;
CREATE TRIGGER parcel_signals AFTER INSERT ON parcel REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION temporal.signal_trigger('parcel-%s', 'id', 's');
INSERT INTO parcel VALUES (2, 'back'), (7, 'nowhere');
SELECT temporal.test_drive('closed', 'parcel-2');
SELECT is(temporal.result('parcel-2') -> 2, '{"op": "INSERT", "old": null, "new": {"id": 2, "place": "back"}}', 'at statement level by a transition table');
DROP TRIGGER parcel_signals ON parcel;
SELECT temporal.start_workflow('taker', '1', id => 'parcel-8');
SELECT temporal.test_drive();
CREATE CONSTRAINT TRIGGER parcel_late AFTER INSERT ON parcel DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('parcel-%s', 'id', 's');
INSERT INTO parcel VALUES (8, 'late');
SELECT is(EXISTS (SELECT FROM temporal.pending_message WHERE workflow_id = 'parcel-8' AND kind::text ILIKE '%signal%'), false, 'a deferred trigger signals at the end');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('parcel-8'), 'Completed', 'of the transaction');

CREATE TRIGGER parcel_column AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('parcel-%s', 'nr', 's');
SELECT is(pg_temp.sqlstate_of($$INSERT INTO parcel VALUES (20)$$), '42703', 'a column that is not there');
DROP TRIGGER parcel_column ON parcel;
CREATE TRIGGER parcel_args AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('parcel-%s');
SELECT is(pg_temp.sqlstate_of($$INSERT INTO parcel VALUES (20)$$), '39P01', 'too few arguments');
DROP TRIGGER parcel_args ON parcel;

-- ---------- what is refused ----------

SELECT temporal.start_workflow('taker', '1', id => 'open');
SELECT is(pg_temp.sqlstate_of(command), expected, 'signal: ' || what) FROM (VALUES
	($$SELECT temporal.signal('nobody', 's')$$, 'TP010', 'no such workflow'),
	($$SELECT temporal.signal('w1', 's')$$, 'TP012', 'a closed one'),
	($$SELECT temporal.signal('open', 's', run_id => gen_random_uuid())$$, 'TP010', 'no such run'),
	($$SELECT temporal.signal(NULL, 's')$$, '22004', 'id null'),
	($$SELECT temporal.signal('open', NULL)$$, '22004', 'name null'),
	($$SELECT temporal.signal('open', '')$$, '22023', 'name empty'),
	($$SELECT temporal.signal('open', repeat('n', 1001))$$, '22023', 'name too long'),
	($$SELECT temporal.signal('open', 's', request_id => repeat('r', 1001))$$, '22023', 'request id too long'),
	($$SELECT temporal.signal('open', 's', to_jsonb(repeat('x', 3000000)))$$, 'TP025', 'input too large')
) AS v (command, expected, what);
SELECT is(temporal.signal('nobody', 's', missing_ok => true), false, 'missing_ok: false for no such workflow');
SELECT is(temporal.signal('w1', 's', missing_ok => true), false, 'missing_ok: false for a closed one');
SELECT is(temporal.signal('open', 's', run_id => (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'open')), true, 'a run by its id');

SELECT * FROM finish();
ROLLBACK;
