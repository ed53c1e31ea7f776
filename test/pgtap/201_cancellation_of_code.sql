-- Cancellation as code sees it: how a run ends, handlers, futures, spawned functions, shields, other workflows.
BEGIN;
SELECT plan(165);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql
\ir ../lib/cancelling.sql

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- how a run ends (E-11, E-12) ----------

CREATE FUNCTION ending(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'own' THEN
		RAISE query_canceled USING MESSAGE = 'enough';
	END IF;
	BEGIN
		PERFORM temporal.sleep('1 day');
	EXCEPTION
		WHEN OTHERS THEN
			RETURN 'caught by OTHERS';
	END;
	RETURN 'slept';
EXCEPTION WHEN query_canceled THEN
	CASE how
		WHEN 'swallow' THEN
			PERFORM temporal.sleep('1 min');
			RETURN 'swallowed';
		WHEN 'other' THEN PERFORM temporal.raise_application_error('no way back', 'Stuck');
		WHEN 'new' THEN RAISE query_canceled USING MESSAGE = 'my words';
		WHEN 'activity' THEN
			PERFORM temporal.await(cancelled_activity());
		ELSE
			PERFORM temporal.sleep('1 min');
			RAISE;
	END CASE;
END $$;
CREATE FUNCTION cancelled_activity() RETURNS temporal.future LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.start_activity('note', 'x'::text);
BEGIN
	PERFORM temporal.cancel(f);
	RETURN f;
END $$;
-- nobody has asked
CREATE FUNCTION gives_up() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN temporal.await(cancelled_activity()); END $$;
SELECT temporal.register_workflow('ending'), temporal.register_workflow('gives_up');
SELECT count(temporal.start_workflow('ending', to_jsonb(how), id => how)) FROM unnest('{raise,swallow,other,new,activity,none}'::text[]) how;
SELECT temporal.test_drive();
SELECT ok(NOT cancel_requested, 'nobody has asked') FROM temporal.workflow WHERE workflow_id = 'raise';
SELECT count(temporal.cancel(how, CASE WHEN how <> 'none' THEN 'because of ' || how END)) FROM unnest('{raise,swallow,other,new,activity,none}'::text[]) how;
SELECT is((SELECT array_agg(kind || ' ' || (payload ->> 'cause')) FROM temporal.pending_message WHERE workflow_id = 'raise' AND deliver_at <= temporal.test_now()), '{"CancelRequest because of raise"}', 'the request is mail');
SELECT temporal.test_drive('closed', how) FROM unnest('{raise,swallow,other,new,activity,none}'::text[]) how;
SELECT is((SELECT array_agg(how || ' ' || pg_temp.status_of(how) ORDER BY n) FROM unnest('{raise,swallow,other,new,activity,none}'::text[]) WITH ORDINALITY x (how, n)),
	'{"raise Canceled","swallow Completed","other Failed","new Canceled","activity Canceled","none Canceled"}', 'handed on: Canceled; swallowed: Completed; another error: Failed');
SELECT is(temporal.result('swallow'), '"swallowed"', 'WHEN OTHERS lets it pass');
SELECT is(pg_temp.golden('raise'), '{Started,"TimerStarted 1","CancelRequested because of raise","TimerCanceled 1 @2","TimerStarted 2","TimerFired 2 @5","Canceled because of raise"}', 'Canceled tells the reason');
SELECT is(pg_temp.golden('none'), '{Started,"TimerStarted 1",CancelRequested,"TimerCanceled 1 @2","TimerStarted 2","TimerFired 2 @5",Canceled}', 'without a reason none');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('raise')$$), 'TF004', 'result() raises TF004');
SELECT is(pg_temp.message_of($$SELECT temporal.result('raise')$$), 'workflow "raise" was cancelled', 'and says so');
SELECT is(pg_temp.detail_of($$SELECT temporal.result('raise')$$)::jsonb, '{"kind": "cancelled", "details": "because of raise", "message": "workflow was cancelled"}', 'with the reason');
SELECT is(pg_temp.detail_of($$SELECT temporal.result('none')$$)::jsonb, '{"kind": "cancelled", "message": "workflow was cancelled"}', 'or without');
SELECT is((SELECT (cancel_requested, (temporal.describe('raise')).cancel_requested, temporal.result('swallow') IS NOT NULL) FROM temporal.workflow WHERE workflow_id = 'raise'), (true, true, true), 'the view and describe() tell of the request');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('gives_up', id => 'given up')$$), 'TF007', 'a cancellation that nobody has asked for fails the run');
SELECT pg_temp.replays(how) FROM unnest('{raise,swallow,other,new,activity,none}'::text[]) how;
SELECT is((SELECT array_agg(event || coalesce(': ' || nullif(detail, ''), '')) FROM temporal.trace('raise') WHERE event_id IN (3, 4, 7)),
	'{"cancel requested: because of raise","  timer #1 canceled","workflow canceled: \"because of raise\""}', 'trace() tells it');

-- ---------- when it is asked ----------

CREATE FUNCTION prepared() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('ready', true);
	PERFORM temporal.execute_activity('note', 'never sent'::text);
	RETURN 'done';
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.execute_activity('note', 'cleanup'::text);
	RETURN temporal.state('ready')::text;
END $$;
CREATE FUNCTION again(n int DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM temporal.sleep('1 hour');
	EXCEPTION WHEN query_canceled THEN
		PERFORM temporal.sleep('1 hour');
		RETURN 'asked ' || n;
	END;
	PERFORM temporal.continue_as_new(n + 1);
END $$;
SELECT temporal.register_workflow('prepared'), temporal.register_workflow('again');

SELECT temporal.start_workflow('prepared', id => 'first');
SELECT temporal.cancel('first');
SELECT temporal.test_drive();
SELECT is(pg_temp.golden('first'), '{Started,CancelRequested,"ActivityScheduled 2","ActivityStarted @3","ActivityCompleted @3 started 4",Completed}', 'G-31, S-13: in the first activation the code gets its first step; what that starts is never sent, but has its number');
SELECT is(temporal.result('first'), '"true"', 'and cleans up');
SELECT pg_temp.replays('first');

SELECT temporal.start_workflow('prepared', id => 'delayed', start_delay => '1 day');
SELECT temporal.test_drive();
SELECT temporal.cancel('delayed');
SELECT temporal.test_drive();
SELECT is((SELECT (status::text, close_time - start_time) FROM temporal.workflow WHERE workflow_id = 'delayed'), ('Completed'::text, '0'::interval), 'A-43: a request ends the start delay');
SELECT pg_temp.replays('delayed');

SELECT temporal.start_workflow('again', id => 'twice');
SELECT temporal.test_drive();
SELECT temporal.cancel('twice', 'a'), temporal.cancel('twice', 'b');
SELECT temporal.test_drive();
SELECT temporal.cancel('twice', 'c');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'twice' AND kind = 'CancelRequest'), 0::bigint, 'who is asked again is not sent anything');
SELECT temporal.test_drive('closed', 'twice');
SELECT is(pg_temp.golden('twice'), '{Started,"TimerStarted 1","CancelRequested a","TimerCanceled 1 @2","TimerStarted 2","TimerFired 2 @5",Completed}', 'A-49: once a run');
SELECT lives_ok($$SELECT temporal.cancel('twice', 'd')$$, 'A-49: a closed run is asked in vain');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'twice'), 7::bigint, 'and without a trace');

SELECT temporal.start_workflow('again', id => 'chain');
SELECT temporal.test_advance('1 hour');
SELECT temporal.test_drive();
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'chain'), 2::bigint, 'there is a second run');
SELECT lives_ok(format('SELECT temporal.cancel(%L, NULL, %L)', 'chain', run_id), 'the first one is closed') FROM temporal.workflow WHERE workflow_id = 'chain' AND NOT is_current;
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'chain' AND kind = 'CancelRequest'), 0::bigint, 'the second one is not asked in its place');
SELECT temporal.cancel('chain');
SELECT temporal.test_drive('closed', 'chain');
SELECT is(temporal.result('chain'), '"asked 1"', 'without a run id it goes to the current one');

-- with what ends the wait in one activation: that has come, and the next wait is told
CREATE FUNCTION two_waits() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	first text := 'cancelled';
BEGIN
	first := coalesce(temporal.wait_signal('go', '1 hour') #>> '{}', 'in time');
	PERFORM temporal.sleep('1 hour');
	RETURN first || ', slept';
EXCEPTION WHEN query_canceled THEN
	RETURN first || ', cancelled';
END $$;
SELECT temporal.register_workflow('two_waits');
SELECT temporal.start_workflow('two_waits', id => 'with signal'), temporal.start_workflow('two_waits', id => 'with timer');
SELECT temporal.test_drive();
SELECT temporal.cancel('with signal'), temporal.signal('with signal', 'go', '"gone"');
SELECT temporal.test_drive();
SELECT is(pg_temp.golden('with signal'), '{Started,"TimerStarted 1",CancelRequested,"Signaled go","TimerCanceled 1 @2",Completed}', 'G-09: a signal behind the request, in one activation');
SELECT is(temporal.result('with signal'), '"gone, cancelled"', 'is taken first; the second wait is told');
-- due at once
UPDATE temporal_internal.message SET deliver_at = temporal.test_now() WHERE kind = 2 AND execution_key = (SELECT key FROM temporal_internal.execution WHERE workflow_id = 'with timer');
SELECT temporal.cancel('with timer');
SELECT temporal.test_drive();
SELECT is(pg_temp.golden('with timer'), '{Started,"TimerStarted 1","TimerFired 1 @2",CancelRequested,Completed}', 'the same with a timer; what starts then is not sent');
SELECT is(temporal.result('with timer'), '"in time, cancelled"', 'the time is over, and the second wait is told');
SELECT pg_temp.replays(id) FROM unnest('{twice,with signal,with timer}'::text[]) id;

-- ---------- handlers are not cancelled (G-29) ----------

CREATE FUNCTION handled() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 day');
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	RETURN temporal.state();
END $$;
CREATE FUNCTION slow(n text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state(n, temporal.cancel_requested());
	PERFORM temporal.sleep('1 hour');
	PERFORM temporal.set_state(n, temporal.state(n) || to_jsonb(temporal.cancel_requested()));
	RETURN n;
END $$;
CREATE FUNCTION asked() RETURNS boolean LANGUAGE sql AS $$SELECT temporal.cancel_requested()$$;
SELECT temporal.register_workflow('handled', signals => '{"slow": "slow"}', updates => '{"slow": "slow"}', queries => '{"asked": "asked"}');
SELECT temporal.start_workflow('handled', id => 'h');
SELECT temporal.signal('h', 'slow', '"signal"'), temporal.start_update('h', 'slow', '"update"', 'u');
SELECT temporal.test_drive();
SELECT is(temporal.query('h', 'asked'), 'false', 'cancel_requested() in a query: not yet');
SELECT temporal.cancel('h');
SELECT is(temporal.query('h', 'asked'), 'true', 'a query hears of a request that is on its way');
SELECT temporal.test_drive();
SELECT is(temporal.query('h', 'asked'), 'true', 'and of one that has come');
SELECT is(pg_temp.status_of('h'), 'Running', 'the handlers go on');
SELECT temporal.test_drive('closed', 'h');
SELECT is(temporal.result('h'), '{"signal": [false, true], "update": [false, true]}', 'to their ends');
SELECT is(temporal.update_result('h', 'u'), '"update"', 'with results');
SELECT pg_temp.replays('h');

-- ---------- futures ----------

CREATE FUNCTION branch(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'nested' THEN
		RETURN 'nested ' || (temporal.await(temporal.spawn('branch', 'cleans'::text)) #>> '{}');
	END IF;
	PERFORM temporal.sleep('1 day');
	RETURN 'slept';
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.set_state('heard', coalesce(temporal.state('heard'), '[]') || to_jsonb(how || ': ' || SQLERRM));
	PERFORM temporal.sleep('1 s');
	IF how <> 'swallows' THEN
		RAISE;
	END IF;
	RETURN how;
END $$;
CREATE FUNCTION makes(kind text) RETURNS temporal.future LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE kind
		WHEN 'activity' THEN temporal.start_activity('fails')
		WHEN 'waiting' THEN temporal.start_activity('fails', cancellation_type => 'wait_cancellation_completed')
		WHEN 'abandoned' THEN temporal.start_activity('fails', cancellation_type => 'abandon')
		WHEN 'local' THEN temporal.start_local_activity('fails')
		WHEN 'timer' THEN temporal.start_timer('1 day')
		WHEN 'signal' THEN temporal.start_wait_signal('never')
		WHEN 'condition' THEN temporal.start_wait_condition('false')
		WHEN 'cleans' THEN temporal.spawn('branch', 'cleans'::text)
		WHEN 'swallows' THEN temporal.spawn('branch', 'swallows'::text)
		WHEN 'nested' THEN temporal.spawn('branch', 'nested'::text)
		WHEN 'shield' THEN temporal.shield(temporal.start_timer('1 day'))
		WHEN 'done' THEN temporal.start_timer('1 s')
	END;
END $$;
CREATE FUNCTION outcome(f temporal.future) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN coalesce(temporal.await(f)::text, 'null');
EXCEPTION
	WHEN query_canceled THEN RETURN concat_ws(' ', 'cancelled:', SQLERRM, temporal.failure_type());
	WHEN SQLSTATE 'TF000' THEN RETURN concat_ws(' ', SQLSTATE, SQLERRM, temporal.failure() #>> '{cause,kind}', temporal.failure_type());
END $$;
CREATE FUNCTION cancels(kind text, early bool) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := makes(kind);
	before text;
BEGIN
	IF NOT early THEN
		PERFORM temporal.sleep('2 s');
	END IF;
	PERFORM temporal.cancel(f);
	PERFORM temporal.cancel(f);
	before := temporal.is_done(f)::text;
	RETURN jsonb_build_array(before, outcome(f), outcome(f)) || coalesce(temporal.state('heard'), '[]');
END $$;
SELECT temporal.register_workflow('cancels');
CREATE TEMP TABLE futures (n serial, kind text PRIMARY KEY, late jsonb, late_history text[], early jsonb, early_history text[]);
INSERT INTO futures (kind, late, late_history, early, early_history) VALUES
	('activity', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,"ActivityScheduled 1","TimerStarted 1","TimerFired 1 @3","ActivityCancelRequested @2","ActivityCanceled @2 started 0 request 5 ACTIVITY_ID_NOT_STARTED",Completed}', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,Completed}'),
	('waiting', '["false", "TF002 Activity cancelled: activity was cancelled cancelled", "TF002 Activity cancelled: activity was cancelled cancelled"]', '{Started,"ActivityScheduled 1","TimerStarted 1","TimerFired 1 @3","ActivityCancelRequested @2","ActivityCanceled @2 started 0 request 5 ACTIVITY_ID_NOT_STARTED",Completed}', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,Completed}'),
	('abandoned', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,"ActivityScheduled 1","TimerStarted 1","TimerFired 1 @3",Completed}', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,Completed}'),
	('local', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,"TimerStarted 1","MarkerRecorded not now","TimerStarted 2","TimerFired 1 @2","TimerCanceled 2 @4",Completed}', '["true", "TF002 Activity cancelled: cancelled cancelled", "TF002 Activity cancelled: cancelled cancelled"]', '{Started,Completed}'),
	('timer', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 2 @3","TimerCanceled 1 @2",Completed}', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,Completed}'),
	('signal', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,"TimerStarted 1","TimerFired 1 @2",Completed}', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,Completed}'),
	('condition', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,"TimerStarted 1","TimerFired 1 @2",Completed}', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,Completed}'),
	('cleans', '["false", "cancelled: cancelled", "cancelled: cancelled", "cleans: cancelled"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 1 @2","TimerCanceled 2 @3","TimerStarted 3","TimerFired 3 @6",Completed}', '["false", "cancelled: cancelled", "cancelled: cancelled", "cleans: cancelled"]', '{Started,"TimerStarted 2","TimerFired 2 @2",Completed}'),
	('swallows', E'["false", "\\"swallows\\"", "\\"swallows\\"", "swallows: cancelled"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 1 @2","TimerCanceled 2 @3","TimerStarted 3","TimerFired 3 @6",Completed}', E'["false", "\\"swallows\\"", "\\"swallows\\"", "swallows: cancelled"]', '{Started,"TimerStarted 2","TimerFired 2 @2",Completed}'),
	('nested', '["false", "cancelled: cancelled", "cancelled: cancelled", "cleans: cancelled", "nested: cancelled"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 1 @2","TimerCanceled 2 @3","TimerStarted 3","TimerFired 3 @6","TimerStarted 4","TimerFired 4 @8",Completed}', '["false", "cancelled: cancelled", "cancelled: cancelled", "cleans: cancelled", "nested: cancelled"]', '{Started,"TimerStarted 2","TimerFired 2 @2","TimerStarted 3","TimerFired 3 @4",Completed}'),
	('shield', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 2 @3",Completed}', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,"TimerStarted 1",Completed}'),
	('done', '["true", "null", "null"]', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 1 @2","TimerFired 2 @3",Completed}', '["true", "cancelled: cancelled", "cancelled: cancelled"]', '{Started,Completed}');
SELECT count(temporal.start_workflow('cancels', jsonb_build_array(kind, e = 'early'), id => kind || ' ' || e)) FROM futures, unnest('{late,early}'::text[]) e;
SELECT temporal.test_drive('closed', kind || ' ' || e) FROM futures, unnest('{late,early}'::text[]) e;
SELECT is(pg_temp.golden(kind || ' late'), late_history, 'cancel(future): ' || kind) FROM futures ORDER BY n;
SELECT is(temporal.result(kind || ' late'), late, 'what await() gives of it: ' || kind) FROM futures ORDER BY n;
SELECT is(pg_temp.golden(kind || ' early'), early_history, 'in the activation that started it: ' || kind) FROM futures ORDER BY n;
SELECT is(temporal.result(kind || ' early'), early, 'what await() gives of that: ' || kind) FROM futures ORDER BY n;
SELECT pg_temp.replays(kind || ' ' || e) FROM futures, unnest('{late,early}'::text[]) e;


-- one that another function awaits
CREATE FUNCTION awaits() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 day');
	RETURN 'slept';
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.set_state('first', true);
	RAISE;
END $$;
CREATE FUNCTION shared() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.spawn('awaits');
BEGIN
	PERFORM temporal.wait_signal('stop');
	PERFORM temporal.cancel(f);
	RETURN jsonb_build_array(outcome(f), temporal.state('first'));
END $$;
-- what a handler makes the run function cancel
CREATE FUNCTION stop() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.set_state('stop', true); END $$;
CREATE FUNCTION race(how text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	t temporal.future := temporal.start_timer('1 hour');
	a temporal.future := temporal.start_activity('fails');
	r jsonb;
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''');
	PERFORM temporal.cancel(t), temporal.cancel(a);
	r := jsonb_build_array(outcome(t), outcome(a));
	PERFORM temporal.sleep('1 s');
	RETURN r;
END $$;
SELECT temporal.register_workflow('shared'), temporal.register_workflow('race', signals => '{"stop": "stop"}', updates => '{"stop": "stop"}');
SELECT temporal.start_workflow('shared', id => 'shared');
SELECT temporal.signal('shared', 'stop');
SELECT temporal.test_drive('closed', 'shared');
SELECT is(temporal.result('shared'), '["cancelled: cancelled", true]', 'a function that waits is told where it waits');
SELECT count(temporal.start_workflow('race', to_jsonb(how), id => 'race ' || how)) FROM unnest('{signal,update,ended}'::text[]) how;
SELECT temporal.test_drive();
SELECT temporal.signal('race signal', 'stop');
SELECT temporal.update('race update', 'stop');
SELECT temporal.test_drive('closed', id) FROM unnest('{race signal,race update}'::text[]) id;
SELECT is(pg_temp.golden('race signal'), '{Started,"TimerStarted 1","ActivityScheduled 1","Signaled stop","TimerCanceled 1 @2","ActivityCancelRequested @3","TimerStarted 2","ActivityCanceled @3 started 0 request 6 ACTIVITY_ID_NOT_STARTED","TimerFired 2 @7",Completed}', 'a signal makes the code cancel');
SELECT is(pg_temp.golden('race update'), '{Started,"TimerStarted 1","ActivityScheduled 1",UpdateAccepted,UpdateCompleted,"TimerCanceled 1 @2","ActivityCancelRequested @3","TimerStarted 2","ActivityCanceled @3 started 0 request 7 ACTIVITY_ID_NOT_STARTED","TimerFired 2 @8",Completed}', 'so does an update, in the session');
SELECT is(temporal.result(id), '["cancelled: cancelled", "TF002 Activity cancelled: cancelled cancelled"]', id) FROM unnest('{race signal,race update}'::text[]) id;
-- B-11, D-24: what has ended in the same activation, but is seen behind the signal (G-10)
UPDATE temporal_internal.message SET deliver_at = temporal.test_now() WHERE kind = 2 AND execution_key = (SELECT key FROM temporal_internal.execution WHERE workflow_id = 'race ended');
INSERT INTO temporal_internal.message (execution_key, kind, ref_event_id, deliver_at, payload)
SELECT execution_key, array_position(enum_range(NULL::temporal.message_kind), 'ActivityOutcome'), scheduled_event_id, temporal.test_now(), '{"eventType": 12, "startedAt": 1, "attempt": 2, "result": "late"}'
FROM temporal_internal.activity_task t JOIN temporal_internal.execution e ON e.key = t.execution_key WHERE workflow_id = 'race ended';
DELETE FROM temporal_internal.activity_task t USING temporal_internal.execution e WHERE e.key = t.execution_key AND workflow_id = 'race ended';
SELECT temporal.signal('race ended', 'stop');
SELECT temporal.test_drive('closed', 'race ended');
SELECT is(pg_temp.golden('race ended'), '{Started,"TimerStarted 1","ActivityScheduled 1","TimerFired 1 @2","ActivityStarted @3","Signaled stop","ActivityCompleted @3 started 5","TimerStarted 2","TimerFired 2 @8",Completed}', 'what has ended already is not cancelled in history');
SELECT is(temporal.result('race ended'), '["cancelled: cancelled", "TF002 Activity cancelled: cancelled cancelled"]', 'for the code it is');
SELECT pg_temp.replays(id) FROM unnest('{shared,race signal,race update,race ended}'::text[]) id;

-- ---------- shields ----------

CREATE FUNCTION shielded() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.spawn('careful_steps');
	s temporal.future := temporal.shield(temporal.shield(f));
	heard text;
BEGIN
	BEGIN
		PERFORM temporal.await(s);
	EXCEPTION WHEN query_canceled THEN
		heard := SQLERRM;
	END;
	RETURN jsonb_build_array(heard, outcome(s), outcome(f));
END $$;
CREATE FUNCTION careful_steps() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 hour');
	PERFORM temporal.sleep('1 hour');
	RETURN 'done with care';
END $$;
SELECT temporal.register_workflow('shielded');
SELECT temporal.start_workflow('shielded', id => 'shielded'), temporal.start_workflow('shielded', id => 'not cancelled');
SELECT temporal.test_drive();
SELECT temporal.cancel('shielded', 'hurry');
SELECT temporal.test_drive('closed', id) FROM unnest('{shielded,not cancelled}'::text[]) id;
SELECT is(temporal.result('shielded'), '["workflow was cancelled", "cancelled: cancelled", "\"done with care\""]', 'G-30: what is behind a shield goes on; the shield has been cancelled');
SELECT is(temporal.result('not cancelled'), '[null, "\"done with care\"", "\"done with care\""]', 'a shield ends as what is behind it');
SELECT is(pg_temp.golden('shielded'), '{Started,"TimerStarted 1","CancelRequested hurry","TimerFired 1 @2","TimerStarted 2","TimerFired 2 @5",Completed}', 'no event tells of a shield');
SELECT pg_temp.replays('shielded');

-- ---------- other workflows ----------

CREATE FUNCTION patient() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 day'); RETURN 'slept'; END $$;
CREATE FUNCTION asks(target text, run uuid DEFAULT NULL, reason text DEFAULT 'you are told to') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.cancel(target, reason, run);
	RETURN 'asked';
EXCEPTION WHEN SQLSTATE 'TP010' THEN
	RETURN SQLSTATE || ' ' || SQLERRM || ' ' || temporal.failure_type();
END $$;
CREATE FUNCTION asks_carelessly(target text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.cancel(target); RETURN 'asked'; END $$;
CREATE FUNCTION asks_by_handler() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''');
	RETURN temporal.await(temporal.spawn('asks', 'p2'::text)) #>> '{}';
END $$;
CREATE FUNCTION asks_for_handler() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.cancel('p1', 'from a handler'), temporal.set_state('stop', true); END $$;
-- is cancelled before it has asked
CREATE FUNCTION asks_too_late() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM temporal.signal('p3', 'hi');
	EXCEPTION WHEN query_canceled THEN
		PERFORM temporal.cancel('p3');
		RETURN 'cancelled: ' || SQLERRM;
	END;
	RETURN 'signalled';
END $$;
SELECT temporal.register_workflow('patient'), temporal.register_workflow('asks'), temporal.register_workflow('asks_carelessly'),
	temporal.register_workflow('asks_by_handler', signals => '{"go": "asks_for_handler"}', queries => '{"bad": "asks_carelessly"}'), temporal.register_workflow('asks_too_late');
SELECT count(temporal.start_workflow('patient', id => id)) FROM unnest('{p1,p2,p3,p4}'::text[]) id;
SELECT temporal.test_drive();
SELECT temporal.terminate('p4');
SELECT temporal.start_workflow('asks_by_handler', id => 'handler'), temporal.start_workflow('asks', '"nobody"', id => 'missing'), temporal.start_workflow('asks', '"p4"', id => 'of closed'),
	temporal.start_workflow('asks', '"itself"', id => 'itself'), temporal.start_workflow('asks_carelessly', '"nobody"', id => 'careless'),
	temporal.start_workflow('asks', jsonb_build_array('p1', '00000000-0000-4000-8000-000000000000'), id => 'of no run'), temporal.start_workflow('asks_too_late', id => 'late');
SELECT temporal.cancel('late', 'stop'), temporal.signal('handler', 'go');
SELECT temporal.test_drive();
SELECT is(pg_temp.golden('handler'), '{Started,"Signaled go","RequestCancelExternalInitiated p1","ExternalCancelRequested p1 @3","RequestCancelExternalInitiated p2","ExternalCancelRequested p2 @5",Completed}', 'G-42: events 22 and 24');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 'handler' AND event_id = 3), '{"reason": "from a handler", "workflowExecution": {"workflowId": "p1"}}', 'event 22: whom, and why');
SELECT is(pg_temp.golden('p1'), '{Started,"TimerStarted 1","CancelRequested from a handler","TimerCanceled 1 @2","Canceled from a handler"}', 'who is asked is cancelled');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 'p1' AND event_id = 3) #- '{externalWorkflowExecution,runId}', '{"cause": "from a handler", "externalInitiatedEventId": 3, "externalWorkflowExecution": {"workflowId": "handler"}}', 'G-43: and told by whom');
SELECT is((SELECT detail FROM temporal.trace('p1') WHERE event_id = 3), 'by workflow handler: from a handler', 'trace() tells it');
SELECT is((SELECT array_agg(event || ': ' || detail) FROM temporal.trace('handler') WHERE event_id IN (3, 4)), '{"cancel request sent: to p1: from a handler","  taken: "}', 'also of who asks');
SELECT is((SELECT array_agg(id || ' ' || (temporal.result(id) #>> '{}') ORDER BY n) FROM unnest('{missing,of closed,itself,of no run}'::text[]) WITH ORDINALITY x (id, n)), '{"missing TP010 workflow \"nobody\" does not exist ExternalWorkflowExecutionNotFound","of closed asked","itself TP010 workflow \"itself\" does not exist ExternalWorkflowExecutionNotFound","of no run TP010 workflow \"p1\" does not exist ExternalWorkflowExecutionNotFound"}', 'G-42: a closed one has been asked well enough, none is TP010');
SELECT is(pg_temp.golden('missing'), '{Started,"RequestCancelExternalInitiated nobody","RequestCancelExternalFailed nobody EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND @2",Completed}', 'event 23 with its cause');
SELECT is(pg_temp.status_of('careless'), 'Failed', 'uncaught it fails the workflow');
SELECT is((SELECT array_agg(event || ': ' || detail) FROM temporal.trace('missing') WHERE event_id IN (2, 3)), '{"cancel request sent: to nobody: you are told to","  not taken: no such workflow"}', 'trace() tells it');
SELECT is(pg_temp.golden('late'), '{Started,"CancelRequested stop","RequestCancelExternalInitiated p3","ExternalCancelRequested p3 @3",Completed}', 'G-44: a signal that was not sent yet is not sent');
SELECT is(temporal.result('late'), '"cancelled: workflow was cancelled"', 'the code goes on');
SELECT is(pg_temp.status_of('p3'), 'Canceled', 'and may ask others');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('handler', 'bad', '"p1"')$$), 'TP015', 'a query cannot ask');
SELECT pg_temp.replays(id) FROM unnest('{handler,p1,missing,of closed,itself,careless,late}'::text[]) id;

-- ---------- a cancel from outside is not the workflow's ----------

CREATE FUNCTION computes() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM sum(n) FROM generate_series(1, 1000000000) n;
	EXCEPTION WHEN query_canceled THEN
		RETURN 'taken for a request';
	END;
	RETURN 'computed';
END $$;
CREATE FUNCTION computes_in_branch() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN temporal.await(temporal.spawn('computes')) #>> '{}'; END $$;
CREATE FUNCTION tries_again() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			PERFORM computes();
			PERFORM temporal.sleep('1 s');
		EXCEPTION WHEN query_canceled THEN NULL;
		END;
	END LOOP;
	RETURN 'went on';
END $$;
CREATE FUNCTION pg_temp.interrupted(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN query_canceled THEN
	RETURN SQLERRM;
END $$;
SELECT temporal.register_workflow('computes'), temporal.register_workflow('computes_in_branch'), temporal.register_workflow('tries_again');
CREATE TEMP TABLE interrupted (what text, got text);
SET LOCAL statement_timeout = '100 ms';
INSERT INTO interrupted SELECT 'computes', pg_temp.interrupted($$SELECT temporal.test_run('computes')$$);
INSERT INTO interrupted SELECT 'computes_in_branch', pg_temp.interrupted($$SELECT temporal.test_run('computes_in_branch')$$);
INSERT INTO interrupted SELECT 'tries_again', pg_temp.interrupted($$SELECT temporal.test_run('tries_again')$$);
SET LOCAL statement_timeout = 0;
SELECT is(got, 'canceling statement due to statement timeout', what || ': code that catches query_canceled does not take a timeout of the session for a request') FROM interrupted;

-- ---------- a run that ends in the task that cancels an activity (S-12) ----------

CREATE FUNCTION ends(how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a temporal.future;
	b temporal.future;
BEGIN
	a := temporal.start_activity('fails');
	b := temporal.start_activity('fails', cancellation_type => 'wait_cancellation_completed');
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.cancel(a);
	PERFORM temporal.cancel(b);
	IF how = 'continues' THEN
		PERFORM temporal.continue_as_new('returns'::text);
	ELSIF how = 'fails' THEN
		PERFORM temporal.raise_application_error('no');
	END IF;
	RETURN 'done';
END $$;
SELECT temporal.register_workflow('ends');
SELECT temporal.start_workflow('ends', to_jsonb(how), id => 'ends: ' || how) FROM unnest('{returns,fails,continues}'::text[]) how;
SELECT temporal.test_advance('10 min');
CREATE FUNCTION pg_temp.last_events(id text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(event_type || CASE WHEN attributes ? 'latestCancelRequestedEventId' THEN format(' @%s request %s task %s', attributes ->> 'scheduledEventId', attributes ->> 'latestCancelRequestedEventId', task_id) ELSE '' END, ', ' ORDER BY event_id)
	FROM temporal.history h WHERE event_id >= 6 AND run_id = (SELECT w.first_run_id FROM temporal.workflow w WHERE w.workflow_id = id AND is_current)
$$;
SELECT is(pg_temp.last_events('ends: returns'), 'ActivityTaskCancelRequested, ActivityTaskCancelRequested, ActivityTaskCanceled @2 request 6 task 0, ActivityTaskCanceled @3 request 7 task 0, WorkflowExecutionCompleted', 'what was not running is over before the run is');
SELECT is(pg_temp.last_events('ends: fails'), 'ActivityTaskCancelRequested, ActivityTaskCancelRequested, ActivityTaskCanceled @2 request 6 task 0, ActivityTaskCanceled @3 request 7 task 0, WorkflowExecutionFailed', 'where it fails, too');
SELECT is(pg_temp.last_events('ends: continues'), 'ActivityTaskCancelRequested, ActivityTaskCancelRequested, ActivityTaskCanceled @2 request 6 task 0, ActivityTaskCanceled @3 request 7 task 0, WorkflowExecutionContinuedAsNew', 'and where it continues as new');
SELECT is((SELECT count(*) FROM temporal_internal.activity_task a JOIN temporal_internal.execution e ON e.key = a.execution_key WHERE e.workflow_id LIKE 'ends: %'), 0::bigint, 'no activity is left');
SELECT is(temporal.replay('ends: returns'), 10, 'it replays');
-- back to before that task, whichever of its events is named
SELECT first_run_id AS ends FROM temporal.workflow WHERE workflow_id = 'ends: returns' LIMIT 1 \gset
CREATE TEMP TABLE resets AS SELECT n, temporal.reset('ends: returns', n, run_id => :'ends') AS run FROM generate_series(6, 10) n;
SELECT is((SELECT array_agg(DISTINCT events) FROM (SELECT run, string_agg(event_type::text, ', ' ORDER BY event_id) AS events FROM temporal.history h JOIN resets ON run = run_id WHERE event_id <= 6 GROUP BY run) e),
	ARRAY['WorkflowExecutionStarted, ActivityTaskScheduled, ActivityTaskScheduled, TimerStarted, TimerFired, WorkflowTaskFailed'], 'a reset to any of these events drops them all');
SELECT temporal.test_drive('closed', 'ends: returns');
SELECT is(temporal.result('ends: returns'), '"done"', 'and goes on from there');
SELECT is(temporal.replay('ends: returns') > 0, true, 'which replays, too');

SELECT * FROM finish();
ROLLBACK;
