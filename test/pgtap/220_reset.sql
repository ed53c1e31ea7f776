-- reset: where to, what is kept, what is done again, what is sent again (B-29 to B-33, S-26, A-03, A-04, A-47).
BEGIN;
SELECT plan(136);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION pg_temp.events(run uuid) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(replace(event_type::text, 'WorkflowExecution', '') || ' ' || task_id, ', ' ORDER BY event_id) FROM temporal.history WHERE run_id = run
$$;
CREATE FUNCTION pg_temp.replay_all(id text) RETURNS text LANGUAGE sql AS $$
	SELECT is(array_agg(temporal.replay(id, run_id) ORDER BY run_id), array_agg(history_length::int ORDER BY run_id), id || ': every run replays') FROM temporal.workflow WHERE workflow_id = id
$$;

CREATE TABLE done (what text);
CREATE FUNCTION step(what text) RETURNS text LANGUAGE plpgsql AS $$BEGIN INSERT INTO done VALUES (what); RETURN what; END $$;
CREATE FUNCTION order_wf() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a jsonb; b jsonb;
BEGIN
	a := temporal.execute_activity('step', 'a'::text);
	PERFORM temporal.sleep('1 h');
	b := temporal.execute_activity('step', 'b'::text);
	RETURN jsonb_build_array(a, b, temporal.uuid4(), temporal.now());
END $$;
SELECT temporal.register_activity('step'), temporal.register_workflow('order_wf');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- a closed run: its last, a middle, the first activation ----------

SELECT temporal.test_run('order_wf', id => 'w1', memo => '{"m": 1}') AS first_result \gset
SELECT run_id AS r1 FROM temporal.workflow WHERE workflow_id = 'w1' \gset
SELECT pg_temp.events(:'r1') AS e1 \gset
SELECT is(:'e1'::text, 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, TimerStarted 2, TimerFired 3, ActivityTaskScheduled 3, ActivityTaskStarted 4, ActivityTaskCompleted 4, Completed 4', 'what there is to go back in');
SELECT temporal.reset('w1', 10, 'once more') AS r2 \gset
SELECT is(pg_temp.events(:'r2'), 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, TimerStarted 2, TimerFired 3, ActivityTaskScheduled 3, ActivityTaskStarted 4, ActivityTaskCompleted 4, WorkflowTaskFailed 4',
	'naming the closing event: the code has been told, and decides again');
SELECT is((SELECT attributes - 'identity' FROM temporal.history WHERE run_id = :'r2' AND event_id = 10),
	jsonb_build_object('cause', 'RESET_WORKFLOW', 'baseRunId', :'r1', 'newRunId', :'r2', 'failure', '{"message": "once more", "source": "Server", "resetWorkflowFailureInfo": {}}'::jsonb), 'S-26: the mark of a reset');
SELECT is((SELECT ROW(status, is_current)::text FROM temporal.workflow WHERE run_id = :'r1'), '(Completed,f)', 'the closed run stays as it was');
SELECT is(temporal.replay('w1'), 10, 'a new run that has not been driven yet replays');
SELECT is(temporal.replay('w1', :'r1'::uuid), 10, 'so does the old one');
SELECT is((SELECT count(*) FROM temporal.explain('w1')) > 0, true, 'explain() can look at it');
SELECT temporal.test_drive('closed', 'w1');
SELECT is(pg_temp.events(:'r2'), 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, TimerStarted 2, TimerFired 3, ActivityTaskScheduled 3, ActivityTaskStarted 4, ActivityTaskCompleted 4, WorkflowTaskFailed 4, Completed 4',
	'it goes on in the same activation');
SELECT pg_temp.replay_all('w1');
SELECT is(temporal.result('w1') - 2 - 2, :'first_result'::jsonb - 2 - 2, 'the same steps');
SELECT isnt(temporal.result('w1') -> 2, :'first_result'::jsonb -> 2, 'B-33: but other random values');
SELECT is(temporal.result('w1', :'r1'), :'first_result'::jsonb, 'the old run keeps its result');
SELECT is((SELECT array_agg(what) FROM done), '{a,b}', 'nothing was done twice');
SELECT is((SELECT array_agg(DISTINCT first_run_id) FROM temporal.workflow WHERE workflow_id = 'w1'), ARRAY[:'r1'::uuid], 'A-03: one chain');
SELECT is((SELECT array_agg(DISTINCT attributes ->> 'originalExecutionRunId') FROM temporal.history WHERE workflow_id = 'w1' AND event_id = 1), ARRAY[:'r1'], 'A-04: one origin');
SELECT is((SELECT memo FROM temporal.workflow WHERE run_id = :'r2'), '{"m": 1}', 'the memo');
SELECT is((SELECT array_agg(event || ': ' || detail) FROM temporal.trace('w1') WHERE event_id IN (1, 10)), '{"workflow order_wf started: ","workflow reset: once more"}', 'trace() tells of it');
SELECT is((SELECT at FROM temporal.trace('w1') WHERE event_id = 6), '+1h00m', 'and counts from the beginning of the history');

SELECT temporal.reset('w1', 6, run_id => :'r1') AS r3 \gset
SELECT is(pg_temp.events(:'r3'), 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, TimerStarted 2, TimerFired 3, WorkflowTaskFailed 3', 'a middle one, named by what it was told, of a run that is not the latest');
SELECT temporal.test_drive('closed', 'w1');
SELECT is((SELECT array_agg(what) FROM done), '{a,b,b}', 'what follows is done again');
SELECT is((SELECT attributes ->> 'failure' LIKE '%Workflow reset%' FROM temporal.history WHERE run_id = :'r3' AND event_id = 7), true, 'a reason for those who give none');
SELECT temporal.reset('w1', 2) AS r4 \gset
SELECT is(pg_temp.events(:'r4'), 'Started 1, WorkflowTaskFailed 1', 'the first activation, of a run that was reset itself');
SELECT is(temporal.replay('w1'), 2, 'which replays, having nothing to compare');
SELECT temporal.test_drive('closed', 'w1');
SELECT is((SELECT array_agg(what) FROM done), '{a,b,b,a,b}', 'all is done again');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'w1'), 4::bigint, 'four runs');
SELECT pg_temp.replay_all('w1');
SELECT temporal.reset('w1', 2, run_id => :'r3') AS r5 \gset
SELECT temporal.test_drive('closed', 'w1');
SELECT pg_temp.replay_all('w1');

-- ---------- where to: what can be named ----------

SELECT throws_ok($$SELECT temporal.reset('w1', 1)$$, '22023', 'workflow "w1" cannot be reset to event 1', 'not the start event');
SELECT is(pg_temp.hint_of($$SELECT temporal.reset('w1', 1)$$), 'The first one that can be named is 2.', 'the hint names the nearest');
SELECT is(pg_temp.hint_of(format($$SELECT temporal.reset('w1', 11, run_id => %L)$$, :'r1')), 'The last one that can be named is 10. temporal.trace(''w1'') shows them.', 'on the other side, too');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'w1'), 5::bigint, 'and nothing has happened');
SELECT temporal.start_workflow('order_wf', id => 'not begun', start_delay => '1 year');
SELECT throws_ok($$SELECT temporal.reset('not begun', 2)$$, '55000', NULL, 'a run that has not begun has nothing to go back to');
SELECT is(pg_temp.status_of('not begun'), 'Running', 'and goes on');

-- ---------- an open run ----------

CREATE FUNCTION waits() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE t temporal.future; f temporal.future;
BEGIN
	t := temporal.start_timer('2 h');
	f := temporal.start_activity('slow');
	PERFORM temporal.wait_signal('go');
	PERFORM temporal.execute_activity('step', 'after go'::text);
	PERFORM temporal.await(f);
	PERFORM temporal.await(t);
	RETURN jsonb_build_array(temporal.now());
END $$;
CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM step('slow'); END $$;
SELECT temporal.register_activity('slow', retry_policy => temporal.retry_policy('1 h')), temporal.register_workflow('waits');
SELECT temporal.mock_activity('slow', fails => '{"message": "later"}');
DELETE FROM done;
SELECT temporal.start_workflow('waits', id => 'o1', run_timeout => '1 day');
SELECT temporal.test_drive();
SELECT temporal.test_advance('10 min');
SELECT temporal.signal('o1', 'go', request_id => 'g1');
SELECT temporal.test_drive();
SELECT run_id AS o1 FROM temporal.workflow WHERE workflow_id = 'o1' \gset
SELECT is((SELECT array_agg(event_type::text ORDER BY event_id) FROM temporal.history WHERE run_id = :'o1' AND event_id < 5), '{WorkflowExecutionStarted,TimerStarted,ActivityTaskScheduled,WorkflowExecutionSignaled}', 'a run with a pending timer and activity');
SELECT is((SELECT attempt FROM temporal.pending_activity WHERE run_id = :'o1'), 2, 'which has failed once');
SELECT temporal.reset('o1', 5, 'wrong') AS o2 \gset
SELECT is(pg_temp.status_of('o1'), 'Running', 'the new run is the current one');
SELECT is((SELECT ROW(w.status, h.attributes ->> 'reason')::text FROM temporal.workflow w JOIN temporal.history h USING (run_id) WHERE run_id = :'o1' AND event_type = 'WorkflowExecutionTerminated'), '(Terminated,wrong)', 'the open one was terminated');
SELECT is(pg_temp.events(:'o2'), 'Started 1, TimerStarted 1, ActivityTaskScheduled 1, Signaled 2, WorkflowTaskFailed 2', 'what activation 2 was told is kept, and not sent again');
SELECT is((SELECT array_agg(ROW(scheduled_event_id, attempt, scheduled_time)::text) FROM temporal.pending_activity WHERE run_id = :'o2'), ARRAY[ROW(3, 1, temporal.test_now())::text], 'B-31: the activity is scheduled again, its clocks begin now');
SELECT is((SELECT array_agg(ROW(started_event_id, fires_at)::text) FROM temporal.timer WHERE run_id = :'o2'), ARRAY[ROW(2, (SELECT event_time + '2 h' FROM temporal.history WHERE run_id = :'o2' AND event_id = 2))::text], 'the timer fires when it was to fire');
SELECT is((SELECT pending_activities FROM temporal.workflow WHERE run_id = :'o2'), 1, 'counted');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE run_id = :'o1') + (SELECT count(*) FROM temporal.pending_activity WHERE run_id = :'o1'), 0::bigint, 'of the old run nothing is pending');
SELECT is((SELECT run_expiration_time FROM temporal.workflow WHERE run_id = :'o2'), temporal.test_now() + '1 day', 'the run timeout begins anew');
SELECT is(temporal.signal('o1', 'go', request_id => 'g1'), true, 'the same request again');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE run_id = :'o2' AND kind = 'Signal'), 0::bigint, 'is known to the new run');
SELECT throws_ok(format($$SELECT temporal.result('o1', %L)$$, :'o1'), 'TF006', NULL, 'who asks the old run hears of its end');
SELECT temporal.mock_activity('slow', returns => 'null');
SELECT temporal.test_drive('closed', 'o1');
SELECT is(temporal.result('o1'), jsonb_build_array((SELECT event_time + '2 h' FROM temporal.history WHERE run_id = :'o2' AND event_id = 2)), 'and it ends when the timer fires');
SELECT is((SELECT array_agg(what) FROM done), '{"after go","after go"}', 'the step behind the point was done again');
SELECT pg_temp.replay_all('o1');

-- a termination undone: what it has told nobody of is told
SELECT temporal.start_workflow('waits', id => 'o3');
SELECT temporal.test_drive();
SELECT temporal.signal('o3', 'go', '1');
SELECT temporal.terminate('o3', 'by mistake');
SELECT run_id AS o3, history_length AS n FROM temporal.workflow WHERE workflow_id = 'o3' \gset
SELECT matches(pg_temp.events(:'o3'), 'Signaled 0, Terminated 0$', 'a signal that came with the end');
SELECT temporal.reset('o3', :n) AS o4 \gset
SELECT matches(pg_temp.events(:'o4'), 'Signaled (\d+), WorkflowTaskFailed \1$', 'is told when the termination is undone');
SELECT temporal.test_drive('closed', 'o3');
SELECT is(pg_temp.status_of('o3'), 'Completed', 'and it goes on as if nothing had happened');
SELECT pg_temp.replay_all('o3');
SELECT temporal.reset('o3', :n, run_id => :'o3');
SELECT temporal.terminate('o3');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.replay('o3')$$), 'ok', 'a new run that is terminated before it begins replays');
SELECT is(temporal.query('o3', '__temporal_workflow_metadata') #>> '{definition,type}', 'waits', 'and can be asked');
SELECT temporal.reset('o3', (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'o3' AND is_current)::int);
SELECT temporal.test_drive('closed', 'o3');
SELECT is(pg_temp.status_of('o3'), 'Completed', 'and be reset itself');
SELECT pg_temp.replay_all('o3');

-- ---------- the classical use: code that does not replay, code that was wrong ----------

CREATE FUNCTION pays(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('step', 'check'::text);
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.execute_activity('step', 'pay twice'::text);
	PERFORM temporal.sleep('1 h');
	RETURN 'paid';
END $$;
SELECT temporal.register_workflow('pays');
DELETE FROM done;
SELECT temporal.start_workflow('pays', '1', id => 'p1');
SELECT temporal.test_advance('90 min');
CREATE OR REPLACE FUNCTION pays(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('step', 'check'::text);
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.execute_activity('step', 'pay once'::text);
	RETURN 'paid';
END $$;
SELECT is((SELECT sqlstate FROM temporal.replay_check('pays')), 'TP020', 'the new code does not replay the run');
SELECT temporal.reset('p1', (substring((SELECT message FROM temporal.replay_check('pays')) FROM 'event (\d+)'))::int, 'mended') AS p2 \gset
SELECT is_empty($$SELECT * FROM temporal.replay_check('pays')$$, 'reset to the event that it named, it does');
SELECT temporal.test_drive('closed', 'p1');
SELECT is(temporal.result('p1'), '"paid"', 'and the run ends');
SELECT is((SELECT array_agg(what) FROM done), '{check,"pay twice","pay once"}', 'done again is what stands behind the point');
SELECT is(temporal.replay('p1'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'p1' AND is_current)::int, 'it replays');

-- ---------- signals and updates ----------

CREATE FUNCTION note(x jsonb) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', temporal.state('seen', '[]'::jsonb) || x);
	RETURN jsonb_array_length(temporal.state('seen'));
END $$;
CREATE FUNCTION check_note(x jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF x = '"no"' OR x = temporal.state('refuse') THEN RAISE EXCEPTION 'refused'; END IF;
END $$;
CREATE FUNCTION slow_note(x jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 h');
	PERFORM temporal.set_state('seen', temporal.state('seen', '[]'::jsonb) || x);
	RETURN 'late';
END $$;
CREATE FUNCTION entity(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('step', 'entity'::text);
	PERFORM temporal.wait_condition('state ? ''stop''');
	IF n > 0 THEN PERFORM temporal.continue_as_new(n - 1); END IF;
	RETURN temporal.state('seen');
END $$;
CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('stop', true)$$;
CREATE FUNCTION seen() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state('seen')$$;
SELECT temporal.register_workflow('entity', signals => '{"note": "note", "stop": "stop"}', updates => '{"note": ["note", "check_note"], "slow": "slow_note"}', queries => '{"seen": "seen"}');
SELECT temporal.start_workflow('entity', '0', id => 'e1');
SELECT temporal.test_drive();
SELECT temporal.signal('e1', 'note', '"s1"');
SELECT temporal.test_drive();
SELECT is(temporal.update('e1', 'note', '"u1"', 'u1'), '2', 'an update');
SELECT temporal.signal('e1', 'note', '"s2"');
SELECT temporal.test_drive();
SELECT temporal.start_update('e1', 'slow', '"u2"', 'u2');
SELECT temporal.update('e1', 'note', '"u3"', 'u3');
SELECT temporal.signal('e1', 'note', '"s3"');    -- not taken yet
SELECT temporal.cancel('e1', 'not again');
SELECT run_id AS e1 FROM temporal.workflow WHERE workflow_id = 'e1' \gset
CREATE FUNCTION pg_temp.resets(reapply text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r uuid;
	got text;
BEGIN
	BEGIN
		r := temporal.reset('e1', 4, reapply => reapply);
		PERFORM temporal.test_drive('idle');
		PERFORM temporal.test_advance('2 h');
		got := temporal.query('e1', 'seen');
		IF temporal.replay('e1') <> (SELECT history_length FROM temporal.workflow WHERE run_id = r) THEN got := 'does not replay'; END IF;
		RAISE EXCEPTION 'back' USING ERRCODE = 'ZZ999';
	EXCEPTION WHEN SQLSTATE 'ZZ999' THEN
		RETURN got;
	END;
END $$;
SELECT is(pg_temp.resets('all'), '["s1", "u1", "s2", "u3", "s3", "u2"]', 'B-32: signals and updates in the order of history; one that waits ends later');
SELECT is(pg_temp.resets('signals'), '["s1", "s2", "s3"]', 'signals only');
SELECT is(pg_temp.resets('updates'), '["u1", "u3", "u2"]', 'updates only');
SELECT is(pg_temp.resets('none'), 'null', 'none');
SELECT temporal.reset('e1', 4) AS e2 \gset
SELECT is(pg_temp.events(:'e2'), 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, WorkflowTaskFailed 2, Signaled 2, UpdateAdmitted 2, Signaled 2, UpdateAdmitted 2, UpdateAdmitted 2, Signaled 2', 'as events of the activation that is done again');
SELECT is((SELECT attributes FROM temporal.history WHERE run_id = :'e2' AND event_type = 'WorkflowExecutionUpdateAdmitted' ORDER BY event_id LIMIT 1) #- '{request,meta,identity}',
	'{"origin": "UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY", "request": {"meta": {"updateId": "u1"}, "input": {"name": "note", "args": "u1"}}}', 'UpdateAdmitted');
SELECT is((SELECT cancel_requested FROM temporal.workflow WHERE run_id = :'e2'), false, 'a cancel request is not sent again');
SELECT throws_ok($$SELECT temporal.update('e1', 'note', '"u1"', 'u1')$$, 'TP024', NULL, 'who asks for such an update again waits for it');
SELECT temporal.test_drive();
SELECT is(temporal.update('e1', 'note', '"u1"', 'u1'), '2', 'and gets the new outcome');
SELECT is((SELECT array_agg(update_id ORDER BY accepted_event_id) FROM temporal.workflow_update WHERE run_id = :'e2'), '{u1,u2,u3}', 'accepted in their order');
SELECT temporal.test_advance('2 h');
SELECT is(temporal.update_result('e1', 'u2'), '"late"', 'one that waits');
SELECT pg_temp.replay_all('e1');
-- a second reset to before the first one: each once
SELECT temporal.reset('e1', 2) AS e3 \gset
SELECT is((SELECT count(*) FROM temporal.history WHERE run_id = :'e3' AND event_type IN ('WorkflowExecutionSignaled', 'WorkflowExecutionUpdateAdmitted')), 6::bigint, 'each once, also after a second reset');
-- and a third one, before a task has done the second
SELECT temporal.reset('e1', 5) AS e4 \gset
SELECT is((SELECT count(*) FROM temporal.history WHERE run_id = :'e4' AND event_type IN ('WorkflowExecutionSignaled', 'WorkflowExecutionUpdateAdmitted')), 6::bigint, 'and a third one');
SELECT temporal.test_advance('2 h');
SELECT is(temporal.query('e1', 'seen'), '["s1", "u1", "s2", "u3", "s3", "u2"]', 'none was lost or doubled');
SELECT pg_temp.replay_all('e1');
-- the code of today judges
CREATE OR REPLACE FUNCTION check_note(x jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF x = '"u1"' THEN RAISE EXCEPTION 'refused'; END IF;
END $$;
SELECT temporal.reset('e1', 4) AS e5 \gset
SELECT temporal.test_advance('2 h');
SELECT is((SELECT array_agg(update_id ORDER BY accepted_event_id) FROM temporal.workflow_update WHERE run_id = :'e5'), '{u2,u3}', 'a validator may reject what it had accepted');
SELECT throws_ok($$SELECT temporal.update_result('e1', 'u1')$$, 'TP010', NULL, 'such an update is gone');
CREATE OR REPLACE FUNCTION check_note(x jsonb) RETURNS void LANGUAGE sql AS '';
SELECT temporal.unregister_handler('entity', 'update', 'slow');
SELECT temporal.reset('e1', 4) AS e6 \gset
SELECT temporal.test_advance('2 h');
SELECT is((SELECT array_agg(update_id ORDER BY accepted_event_id) FROM temporal.workflow_update WHERE run_id = :'e6'), '{u1,u3}', 'judged by the code of each time; one whose handler is gone is rejected');
SELECT temporal.signal('e1', 'stop');
SELECT temporal.test_drive('closed', 'e1');
SELECT is(temporal.replay('e1'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'e1' AND is_current)::int, 'it replays');

-- ---------- from the runs that it continued as ----------

SELECT temporal.start_workflow('entity', '2', id => 'c1');
SELECT temporal.test_drive();
SELECT temporal.signal('c1', 'note', '"run 1"'), temporal.signal('c1', 'stop');
SELECT temporal.test_advance('10 s');
SELECT temporal.signal('c1', 'note', '"run 2"'), temporal.signal('c1', 'stop');
SELECT temporal.test_advance('10 s');
SELECT temporal.signal('c1', 'note', '"run 3"');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'c1'), '{ContinuedAsNew,ContinuedAsNew,Running}', 'a chain');
SELECT first_run_id AS c1, run_id AS c3 FROM temporal.workflow WHERE workflow_id = 'c1' AND is_current \gset
SELECT temporal.reset('c1', 4, run_id => :'c1') AS c4 \gset
SELECT is((SELECT array_agg(coalesce(attributes -> 'input', '"stop"') ORDER BY event_id) FROM temporal.history WHERE run_id = :'c4' AND event_type = 'WorkflowExecutionSignaled'), '{"\"run 1\"","\"stop\"","\"run 2\"","\"stop\"","\"run 3\""}', 'signals of all of them, in order');
SELECT is((SELECT status::text FROM temporal.workflow WHERE run_id = :'c3'), 'Terminated', 'the last run is terminated');
SELECT temporal.test_advance('10 s');
SELECT pg_temp.replay_all('c1');

-- ---------- children ----------

CREATE FUNCTION kid(n int) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_signal('go'); RETURN 'grown ' || n; END $$;
CREATE FUNCTION parent() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a temporal.future; b temporal.future;
BEGIN
	a := temporal.start_child_workflow('kid', 1, id => 'kid 1 of ' || (temporal.workflow_info()).workflow_id);
	b := temporal.start_child_workflow('kid', 2, id => 'kid 2 of ' || (temporal.workflow_info()).workflow_id);
	PERFORM temporal.wait_signal('go');
	PERFORM temporal.execute_activity('step', 'parent'::text);
	RETURN to_jsonb(temporal.await_all(ARRAY[a, b]));
END $$;
SELECT temporal.register_workflow('kid'), temporal.register_workflow('parent');
SELECT temporal.start_workflow('parent', id => 'f1');
SELECT temporal.test_drive();
SELECT temporal.signal('f1', 'go'), temporal.signal('kid 1 of f1', 'go');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(workflow_id || ' ' || status ORDER BY workflow_id) FROM temporal.workflow WHERE workflow_id LIKE 'kid _ of f1'), '{"kid 1 of f1 Completed","kid 2 of f1 Running"}', 'one child has ended, one has not');
SELECT min(event_id) AS at FROM temporal.history WHERE workflow_id = 'f1' AND event_type = 'ActivityTaskScheduled' \gset
SELECT temporal.reset('f1', :at) AS f2 \gset
SELECT temporal.test_drive();
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'kid _ of f1'), 2::bigint, 'B-31: the children are kept');
SELECT is(pg_temp.status_of('kid 2 of f1'), 'Running', 'A-47: no parent close policy');
SELECT is((SELECT count(*) FROM temporal.child_workflow WHERE run_id = :'f2' AND child_run_id IS NOT NULL), 2::bigint, 'and are children of the new run');
SELECT temporal.signal('kid 2 of f1', 'go');
SELECT temporal.test_drive('closed', 'f1');
SELECT is(temporal.result('f1'), '["grown 1", "grown 2"]', 'the end that was told behind the point is told again, the one to come comes to the new run');
SELECT pg_temp.replay_all('f1');
-- all that is closed, reset again: the ends are known
SELECT temporal.reset('f1', :at, run_id => :'f2') AS f3 \gset
SELECT temporal.test_drive('closed', 'f1');
SELECT is(temporal.result('f1'), '["grown 1", "grown 2"]', 'a closed parent hears of them again');
SELECT temporal.reset('f1', 3) AS f4 \gset
SELECT is((SELECT count(*) FROM temporal.child_workflow WHERE run_id = :'f4'), 0::bigint, 'back to before its children');
SELECT temporal.test_drive();
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'kid _ of f1'), 4::bigint, 'it starts new ones');
SELECT temporal.signal('f1', 'go');
-- parent close policy of a parent that was reset reaches the children that it kept
SELECT temporal.start_workflow('parent', id => 'f5');
SELECT temporal.test_drive();
SELECT temporal.signal('f5', 'go');
SELECT temporal.test_drive();
SELECT temporal.reset('f5', (SELECT min(event_id) FROM temporal.history WHERE workflow_id = 'f5' AND event_type = 'ActivityTaskScheduled'));
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('kid 1 of f5'), 'Running', 'kept');
SELECT temporal.terminate('f5');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('kid 1 of f5') || pg_temp.status_of('kid 2 of f5'), 'TerminatedTerminated', 'ended with the new run');

-- a child that is reset: its parent waits for the new run
SELECT temporal.start_workflow('parent', id => 'g1');
SELECT temporal.test_drive();
SELECT temporal.signal('g1', 'go'), temporal.signal('kid 1 of g1', 'x'), temporal.signal('kid 2 of g1', 'x');
SELECT temporal.test_drive();
SELECT temporal.reset('kid 1 of g1', 2) AS kid \gset
SELECT temporal.test_drive();
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'g1' AND event_type = 'ChildWorkflowExecutionTerminated'), 0::bigint, 'it is not told of the termination');
SELECT is((SELECT ROW(parent_workflow_id, status)::text FROM temporal.workflow WHERE run_id = :'kid'), '(g1,Running)', 'the new run is its child');
SELECT temporal.signal('kid 1 of g1', 'go'), temporal.signal('kid 2 of g1', 'go');
SELECT temporal.test_drive('closed', 'g1');
SELECT is(temporal.result('g1'), '["grown 1", "grown 2"]', 'whose end it is told of');
SELECT temporal.start_workflow('parent', id => 'g2');
SELECT temporal.test_drive();
SELECT temporal.signal('kid 1 of g2', 'go');
SELECT temporal.test_drive();
SELECT temporal.reset('kid 1 of g2', (SELECT history_length FROM temporal.workflow WHERE workflow_id = 'kid 1 of g2')::int);
SELECT temporal.test_drive();
SELECT temporal.signal('kid 2 of g2', 'go'), temporal.signal('g2', 'go');
SELECT temporal.test_drive('closed', 'g2');
SELECT is((SELECT count(*) FROM temporal.history WHERE workflow_id = 'g2' AND event_type = 'ChildWorkflowExecutionCompleted'), 2::bigint, 'an end that it knew is not told twice');
SELECT pg_temp.replay_all('g2');

-- ---------- a child that is there since before the reset ----------

CREATE FUNCTION entry() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a temporal.future;
BEGIN
	PERFORM temporal.wait_signal('start');
	a := temporal.start_child_workflow('kid', 7, id => 'fixed of ' || (temporal.workflow_info()).workflow_id);
	PERFORM temporal.child_execution(a);
	PERFORM temporal.execute_activity('step', 'entry'::text);
	RETURN temporal.await(a);
END $$;
SELECT temporal.register_workflow('entry');
CREATE FUNCTION pg_temp.begins(id text) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow('entry', id => id), temporal.test_drive();
	PERFORM temporal.signal(id, 'start'), temporal.test_drive();
	RETURN (temporal.describe('fixed of ' || id)).run_id;
END $$;
-- back to before the start of its child
CREATE FUNCTION pg_temp.restarts(id text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE r uuid;
BEGIN
	r := temporal.reset(id, (SELECT min(event_id) FROM temporal.history WHERE workflow_id = id AND event_type = 'StartChildWorkflowExecutionInitiated'));
	PERFORM temporal.test_drive();
	RETURN r;
END $$;
SELECT pg_temp.begins('h1') AS kid \gset
SELECT (temporal.describe('h1')).run_id AS h1 \gset
SELECT pg_temp.restarts('h1') AS h2 \gset
SELECT is((SELECT ROW(run_id, status)::text FROM temporal.workflow WHERE workflow_id = 'fixed of h1'), ROW(:'kid'::uuid, 'Running')::text, 'a child that is still open is not started again');
SELECT is((SELECT attributes #>> '{workflowExecution,runId}' FROM temporal.history WHERE run_id = :'h2' AND event_type = 'ChildWorkflowExecutionStarted'), :'kid', 'it is the child of the new run, too');
SELECT is((SELECT ROW(child_run_id, child_status)::text FROM temporal.child_workflow WHERE run_id = :'h2'), ROW(:'kid'::uuid, 'Running')::text, 'the view says so');
SELECT is((SELECT parent_run_id FROM temporal.workflow WHERE run_id = :'kid'), :'h2'::uuid, 'from both sides');
-- once more, from the new run, and to behind the start
SELECT pg_temp.restarts('h1') AS h3 \gset
SELECT temporal.reset('h1', (SELECT max(event_id) FROM temporal.history WHERE run_id = :'h3' AND event_type = 'ActivityTaskScheduled')) AS h4 \gset
SELECT temporal.test_drive();
SELECT temporal.signal('fixed of h1', 'go');
SELECT temporal.test_drive('closed', 'h1');
SELECT is(temporal.result('h1'), '"grown 7"', 'and its end is told to the run that waits for it');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'fixed of h1'), 1::bigint, 'it has run once');
SELECT pg_temp.replay_all('h1');
-- describe() tells of resets
SELECT is((temporal.describe('h1', :'h1')).reset_run_id, :'h2'::uuid, 'B-30: reset_run_id');
SELECT is((temporal.describe('h1', :'h3')).reset_run_id, :'h4'::uuid, 'of each run that was reset');
SELECT is((temporal.describe('h1')).reset_run_id, NULL, 'none of one that was not');
SELECT temporal.reset('h1', 3, run_id => :'h1') AS h5 \gset
SELECT is((temporal.describe('h1', :'h1')).reset_run_id, :'h5'::uuid, 'the last one');
SELECT temporal.test_drive();
SELECT isnt((temporal.describe('fixed of h1')).run_id, :'kid'::uuid, 'one that has ended is started again');

-- it gets the close policy of the run that has it now
SELECT pg_temp.begins('h6') AS kid \gset
SELECT pg_temp.restarts('h6');
SELECT temporal.terminate('h6');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('fixed of h6'), 'Terminated', 'parent close policy');

-- its later runs
CREATE OR REPLACE FUNCTION kid(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_signal('go');
	IF n = 7 THEN PERFORM temporal.continue_as_new(8); END IF;
	RETURN 'grown ' || n;
END $$;
SELECT pg_temp.begins('h7') AS kid \gset
SELECT temporal.signal('fixed of h7', 'go');
SELECT temporal.test_advance('10 s');
SELECT pg_temp.restarts('h7') AS h8 \gset
SELECT is((SELECT attributes #>> '{workflowExecution,runId}' FROM temporal.history WHERE run_id = :'h8' AND event_type = 'ChildWorkflowExecutionStarted'), :'kid', 'the child is known by its first run');
SELECT temporal.signal('fixed of h7', 'go');
SELECT temporal.test_drive('closed', 'h7');
SELECT is(temporal.result('h7'), '"grown 8"', 'a later run of it');

-- who asks for another type has none; nor does who finds the id with somebody else
CREATE OR REPLACE FUNCTION entry() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_signal('start');
	RETURN temporal.execute_child_workflow('parent', id => 'fixed of ' || (temporal.workflow_info()).workflow_id);
EXCEPTION WHEN SQLSTATE 'TP011' THEN
	RETURN '"in use"';
END $$;
CREATE FUNCTION entry_of_old() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE a temporal.future;
BEGIN
	a := temporal.start_child_workflow('kid', 1, id => 'fixed of ' || (temporal.workflow_info()).workflow_id);
	RETURN temporal.await(a);
END $$;
SELECT temporal.register_workflow('entry_of_old');
SELECT temporal.start_workflow('entry_of_old', id => 'h9');
SELECT temporal.test_drive();
CREATE OR REPLACE FUNCTION entry_of_old() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_child_workflow('parent', id => 'fixed of ' || (temporal.workflow_info()).workflow_id);
EXCEPTION WHEN SQLSTATE 'TP011' THEN
	RETURN '"in use"';
END $$;
SELECT temporal.reset('h9', 2);
SELECT temporal.test_drive('closed', 'h9');
SELECT is(temporal.result('h9'), '"in use"', 'no child of another type');
SELECT is(pg_temp.status_of('fixed of h9'), 'Running', 'one that nobody asks for any more goes on by itself');
SELECT temporal.start_workflow('kid', '1', id => 'fixed of h10'), temporal.start_workflow('entry', id => 'h10');
SELECT temporal.test_drive();
SELECT temporal.signal('h10', 'start');
SELECT temporal.test_drive('closed', 'h10');
SELECT pg_temp.restarts('h10');
SELECT temporal.test_drive('closed', 'h10');
SELECT is(temporal.result('h10'), '"in use"', 'nor somebody else''s run');

-- ---------- memo, search attributes, deadlines, cancelled activities ----------

CREATE FUNCTION changes() RETURNS text LANGUAGE plpgsql AS $$
DECLARE f temporal.future;
BEGIN
	PERFORM temporal.upsert_memo('{"stage": 1}'), temporal.upsert_search_attributes('{"Stage": 1}');
	f := temporal.start_activity('slow', schedule_to_close_timeout => '1 day');
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.cancel(f);
	PERFORM temporal.upsert_memo('{"stage": 2, "more": true}'), temporal.upsert_search_attributes('{"Stage": 2}');
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.upsert_memo('{"stage": 3}'), temporal.upsert_search_attributes('{"Stage": 3}');
	RETURN 'done';
END $$;
SELECT temporal.register_search_attribute('Stage', 'Int'), temporal.register_workflow('changes');
SELECT temporal.mock_activity('slow', fails => '{"message": "later"}');
SELECT temporal.test_run('changes', id => 'm1', memo => '{"start": true}', execution_timeout => '10 days');
SELECT max(event_id) AS stage2 FROM temporal.history WHERE workflow_id = 'm1' AND event_type = 'TimerFired' \gset
SELECT temporal.test_advance('1 day');
SELECT temporal.reset('m1', :stage2) AS m2 \gset
SELECT is((SELECT ROW(memo, search_attributes ->> 'Stage')::text FROM temporal.workflow WHERE run_id = :'m2'), ROW('{"start": true, "stage": 2, "more": true}'::jsonb, '2')::text, 'memo and search attributes as they were at the point');
SELECT is((SELECT execution_expiration_time FROM temporal.workflow WHERE run_id = :'m2'), temporal.test_now() + '10 days', 'the execution timeout begins anew');
SELECT temporal.test_drive('closed', 'm1');
SELECT is(pg_temp.status_of('m1'), 'Completed', 'it ends');
SELECT pg_temp.replay_all('m1');

-- ---------- the clock of what is done again ----------

CREATE FUNCTION at_what_time() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state('at')$$;
CREATE FUNCTION clocked() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_signal('s');
	PERFORM temporal.set_state('at', temporal.now());
	PERFORM temporal.execute_activity('step', temporal.now()::text);
	PERFORM temporal.wait_signal('end');
	RETURN 'done';
END $$;
SELECT temporal.register_workflow('clocked', queries => '{"at": "at_what_time"}');
SELECT temporal.start_workflow('clocked', id => 'k1');
SELECT temporal.signal('k1', 's');
SELECT temporal.test_drive();
SELECT temporal.test_advance('1 h');
SELECT temporal.test_now() AS reset_at, temporal.reset('k1', 3) AS k2 \gset
SELECT temporal.test_advance('1 min');
SELECT is((SELECT (attributes -> 'input' #>> '{}')::timestamptz FROM temporal.history WHERE run_id = :'k2' AND event_type = 'ActivityTaskScheduled'), :'reset_at'::timestamptz, 'it is that of the reset, whenever it is done');
SELECT is((temporal.query('k1', 'at') #>> '{}')::timestamptz, :'reset_at'::timestamptz, 'in each replay');

-- ---------- rights, places, transactions ----------

CREATE ROLE tpg_r_client LOGIN;
SELECT temporal.reset('w1', 2) AS gone \gset
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('w1', timeout => '0')$$), 'TP009', 'a run that this transaction has reset cannot be waited for in it');
SELECT temporal.test_drive('closed', 'w1');
SAVEPOINT before;
SELECT temporal.reset('w1', 2) AS gone \gset
ROLLBACK TO before;
SELECT is((SELECT count(*) FROM temporal.workflow WHERE run_id = :'gone'), 0::bigint, 'rolled back, nothing has happened');
SELECT temporal.grant_access('default', 'tpg_r_client', 'client');
GRANT USAGE ON SCHEMA shop TO tpg_r_client;
SET LOCAL ROLE tpg_r_client;
SELECT throws_ok($$SELECT temporal.reset('w1', 2)$$, '42501', NULL, 'in a test of somebody else a client may not, as with starts');
RESET ROLE;
-- named by an update: what it decided is decided again, and it comes back as a request
SELECT temporal.start_workflow('entity', '0', id => 'e7');
SELECT temporal.test_drive();
SELECT temporal.update('e7', 'note', '"u1"', 'u1'), temporal.signal('e7', 'note', '"s"');
SELECT temporal.test_drive();
SELECT temporal.reset('e7', (SELECT event_id FROM temporal.history WHERE workflow_id = 'e7' AND event_type = 'WorkflowExecutionUpdateCompleted')) AS e8 \gset
SELECT is(pg_temp.events(:'e8'), 'Started 1, ActivityTaskScheduled 1, ActivityTaskStarted 2, ActivityTaskCompleted 2, WorkflowTaskFailed 3, UpdateAdmitted 3, Signaled 3', 'an activation that was told nothing but an update');
SELECT is(temporal.replay('e7'), 7, 'replays before it is done again');
SELECT temporal.test_drive();
SELECT is(temporal.query('e7', 'seen'), '["u1", "s"]', 'what came first comes first');
SELECT pg_temp.replay_all('e7');
CREATE FUNCTION resetter() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('reset_self'); END $$;
CREATE FUNCTION reset_self() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.reset('s1', 2);
	RETURN 'reset';
EXCEPTION WHEN SQLSTATE 'TP021' THEN
	RETURN 'refused';
END $$;
SELECT temporal.register_activity('reset_self'), temporal.register_workflow('resetter');
SELECT is(temporal.test_run('resetter', id => 's1'), '"refused"', 'an activity cannot reset its own run');
SELECT is((SELECT count(*) FROM temporal_internal.execution e WHERE next_event_id - 1 <> (SELECT count(*) FROM temporal_internal.history h WHERE h.execution_key = e.key)), 0::bigint, 'rows and histories agree');

SELECT * FROM finish();
ROLLBACK;
