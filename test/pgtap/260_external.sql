-- External activities: what a poll gives and what comes of it, in the test environment (one transaction, virtual
-- clock). Waiting, waking, the order between runs and workers that disappear: tap/330_outside_workers.pl.
BEGIN;
SELECT * FROM no_plan();
\ir ../lib/helpers.sql
SET LOCAL client_min_messages = warning;

CREATE ROLE tpg_ext_nobody LOGIN;
CREATE ROLE tpg_ext_client LOGIN;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SET LOCAL search_path = shop, public;

CREATE FUNCTION one(activity text, queue text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(activity, '{"amount": 12}', task_queue => queue, summary => 'the card', cancellation_type => 'wait_cancellation_completed');
END $$;
CREATE FUNCTION several(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await_all(array_agg(temporal.start_activity('charge', to_jsonb(i), priority_key => CASE WHEN i % 2 = 0 THEN 1 END))) FROM generate_series(1, n) i;
	RETURN '"all"';
END $$;
CREATE FUNCTION polled(queue text DEFAULT 'default', max_tasks int DEFAULT 1) RETURNS SETOF temporal.activity_task LANGUAGE sql AS $$
	SELECT * FROM temporal.poll_activity_task(queue, 'worker-1', '1 min', max_tasks) $$;
CREATE FUNCTION outcome(id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.result(id)::text;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

SELECT temporal.register_activity('charge', mode => 'external', start_to_close_timeout => '5 minutes', schedule_to_close_timeout => '1 day',
	retry_policy => temporal.retry_policy('10 s', maximum_attempts => 3));
SELECT temporal.register_activity('watched', mode => 'external', heartbeat_timeout => '30 s', start_to_close_timeout => '1 hour',
	retry_policy => temporal.retry_policy('10 s', maximum_attempts => 2));
SELECT temporal.register_workflow('one'), temporal.register_workflow('several');
SELECT temporal.grant_access('default', 'tpg_ext_client', 'client');

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- one task ----------

SELECT temporal.start_workflow('one', '["charge"]', id => 'w1');
SELECT is_empty('SELECT * FROM polled()', 'nothing before the workflow has run');
SELECT temporal.test_drive();
SELECT is(state::text || mode, 'Scheduledexternal', 'it waits for a worker') FROM temporal.pending_activity WHERE workflow_id = 'w1';
CREATE TEMP TABLE task AS SELECT * FROM polled();
SELECT is((task_token ~ '^[0-9a-f]{80}$', namespace, task_queue, activity_type, activity_id, input, workflow_id, workflow_type, attempt, heartbeat_details,
		scheduled_time, current_attempt_scheduled_time, started_time, priority_key, summary)::text,
	(true, 'default', 'default', 'charge', '1', '{"amount": 12}', 'w1', 'one', 1, NULL,
		timestamptz '2030-01-01 00:00:00+00', timestamptz '2030-01-01 00:00:00+00', timestamptz '2030-01-01 00:00:00+00', 3, 'the card')::text, 'what the worker gets') FROM task;
SELECT is((schedule_to_close_timeout, start_to_close_timeout, heartbeat_timeout)::text, (interval '1 day', interval '5 minutes', NULL)::text, 'its timeouts') FROM task;
SELECT is(retry_policy ->> 'maximumAttempts', '3', 'its retry policy') FROM task;
SELECT is(run_id, (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'w1'), 'its run') FROM task;
SELECT is((state, last_worker_identity, attempt, next_attempt_time)::text, '(Started,worker-1,1,)', 'it is seen as started by that worker') FROM temporal.pending_activity WHERE workflow_id = 'w1';
SELECT is_empty('SELECT * FROM polled()', 'given once');
SELECT temporal.complete_activity(task_token, '{"paid": true}') FROM task;
SELECT temporal.test_drive();
SELECT is(outcome('w1'), '{"paid": true}', 'its result is that of the activity');
SELECT is(pg_temp.events_of('w1'), '{Started,ActivityTaskScheduled,ActivityTaskStarted,ActivityTaskCompleted,Completed}', 'the history of an activity like any other');
SELECT is(attributes ->> 'identity', 'worker-1', 'with the name of the worker') FROM temporal.history WHERE workflow_id = 'w1' AND event_type = 'ActivityTaskStarted';
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.complete_activity('%s')$$, task_token)), 'TP013', 'it completes once') FROM task;
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.heartbeat_activity('%s')$$, task_token)), 'TP013', 'and a heartbeat of it says that it is over') FROM task;

-- ---------- which one ----------

SELECT temporal.start_workflow('several', '5', id => 'w2');
SELECT temporal.test_drive();
SELECT is(array_agg(input::text), '{2,4,1}', 'by priority, then in the order in which they were scheduled') FROM polled(max_tasks => 3);
SELECT is(array_agg(input::text), '{3,5}', 'the rest') FROM polled(max_tasks => 3);
SELECT temporal.start_workflow('one', '["charge", "other"]', id => 'w3');
SELECT temporal.test_drive();
SELECT is_empty('SELECT * FROM polled()', 'not those of another task queue');
SET LOCAL temporal_pg.namespace = 'default';
SELECT temporal.create_namespace('elsewhere');
SET LOCAL temporal_pg.namespace = 'elsewhere';
SELECT is_empty($$SELECT * FROM polled('other')$$, 'nor of another namespace');
RESET temporal_pg.namespace;
SELECT temporal.pause_activity('w3', '1');
SELECT is_empty($$SELECT * FROM polled('other')$$, 'nor one that is paused');
SELECT temporal.unpause_activity('w3', '1');
SELECT is(count(*), 1::bigint, 'once it is no longer paused, it is given out') FROM polled('other');
SELECT temporal.pause_activity('w3', '1'), temporal.unpause_activity('w3', '1');
SELECT is(state::text, 'Started', 'an open attempt outlives a pause') FROM temporal.pending_activity WHERE workflow_id = 'w3';
SELECT is_empty($$SELECT * FROM polled('other')$$, 'and is given to nobody else');
SELECT temporal.reset_activity('w3', '1');
SELECT is((attempt, workflow_id)::text, '(1,w3)', 'one that is reset is given out again') FROM polled('other');

-- ---------- a poll that is rolled back ----------

SELECT temporal.start_workflow('one', '["charge", "undone"]', id => 'w4');
SELECT temporal.test_drive();
SAVEPOINT s;
SELECT is(count(*), 1::bigint, 'a task is given out') FROM polled('undone');
ROLLBACK TO s;
SELECT is((count(*), max(attempt))::text, '(1,1)', 'after a rollback it was not') FROM polled('undone');

-- ---------- retries, timeouts, heartbeats ----------

SELECT temporal.start_workflow('one', '["charge", "retry"]', id => 'w5');
SELECT temporal.test_drive();
SELECT temporal.fail_activity(task_token, '{"message": "no money", "type": "Declined"}') FROM polled('retry');
SELECT is_empty($$SELECT * FROM polled('retry')$$, 'in its backoff it is not given out');
SELECT temporal.test_advance('9 s');
SELECT is_empty($$SELECT * FROM polled('retry')$$, 'not before the time');
SELECT temporal.test_advance('2 s');
SELECT temporal.fail_activity(task_token, '"once more"') FROM polled('retry');
SELECT temporal.test_advance('21 s');
CREATE TEMP TABLE third AS SELECT * FROM polled('retry');
SELECT is((attempt, current_attempt_scheduled_time - scheduled_time)::text, '(3,00:00:31)', 'the third attempt') FROM third;
SELECT temporal.fail_activity(task_token, '{"message": "at last"}') FROM third;
SELECT temporal.test_drive();
SELECT is(outcome('w5'), 'TF007', 'after the last attempt it has failed');

SELECT temporal.start_workflow('one', '["charge", "late"]', id => 'w6');
SELECT temporal.test_drive();
CREATE TEMP TABLE late AS SELECT * FROM polled('late');
SELECT temporal.test_advance('5 minutes');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.complete_activity('%s')$$, task_token)), 'TP013', 'who is too late is told so') FROM late;
SELECT temporal.test_advance('10 s');
SELECT is(attempt, 2, 'the task of a worker that has disappeared goes to the next') FROM polled('late');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.complete_activity('%s')$$, task_token)), 'TP013', 'the token of the first attempt does not end the second') FROM late;

SELECT temporal.start_workflow('one', '["watched", "watched"]', id => 'w7');
SELECT temporal.test_drive();
CREATE TEMP TABLE watched AS SELECT * FROM polled('watched');
SELECT is(heartbeat_timeout, interval '30 s', 'the worker knows how often it has to be heard of') FROM watched;
SELECT temporal.test_advance('25 s');
SELECT is(temporal.heartbeat_activity(task_token, '{"row": 7}'), false, 'a heartbeat, and nobody has cancelled it') FROM watched;
SELECT temporal.test_advance('25 s');
SELECT is(state::text || heartbeat_details, 'Started{"row": 7}', 'it is alive') FROM temporal.pending_activity WHERE workflow_id = 'w7';
SELECT temporal.test_advance('20 s');
SELECT is((attempt, heartbeat_details)::text, '(2,"{""row"": 7}")', 'without one it is given to the next, who hears how far it was') FROM polled('watched');
SELECT is(temporal.record_activity_heartbeat('w7', NULL, '1', '{"row": 7}')::text, '(f,f,f)', 'nothing is wanted of it');
SELECT temporal.pause_activity('w7', '1');
SELECT is(temporal.record_activity_heartbeat('w7', NULL, '1', '{"row": 7}')::text, '(f,t,f)', 'a heartbeat tells of a pause');
SELECT is(temporal.heartbeat_activity('w7', NULL, '1'), false, '... which is no cancellation');
SELECT temporal.unpause_activity('w7', '1');
SELECT is(temporal.record_activity_heartbeat('w7', NULL, '1')::text, '(f,f,f)', '... and when it is over');
SELECT temporal.reset_activity('w7', '1');
SELECT is(temporal.record_activity_heartbeat('w7', NULL, '1')::text, '(f,f,t)', '... and of a reset');
SELECT temporal.fail_activity('w7', NULL, '1', '{"message": "begins anew", "type": "ActivityReset"}');
SELECT is((attempt, (temporal.record_activity_heartbeat(task_token)).activity_reset)::text, '(1,f)', 'the attempt that follows knows nothing of it') FROM polled('watched');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.record_activity_heartbeat('nonsense')$$), '22023', 'a token of nothing');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.record_activity_heartbeat(NULL)$$), '22004', 'none');
SELECT temporal.cancel('w7');
SELECT temporal.test_drive();
SELECT is(temporal.record_activity_heartbeat('w7', NULL, '1')::text, '(t,f,f)', 'and of a cancellation');
SELECT is(temporal.heartbeat_activity('w7', NULL, '1'), true, 'a heartbeat tells of a cancellation');
SELECT temporal.report_activity_cancelled('w7', NULL, '1', '"cleaned up"');
SELECT temporal.test_drive();
SELECT is(outcome('w7'), 'TF004', 'the worker has let it happen');

-- cancelled in its backoff: nobody gets it any more
SELECT temporal.start_workflow('one', '["charge", "backoff"]', id => 'w8');
SELECT temporal.test_drive();
SELECT temporal.fail_activity(task_token, '"no"') FROM polled('backoff');
SELECT temporal.cancel('w8');
SELECT temporal.test_drive();
SELECT is(outcome('w8'), 'TF004', 'an activity that nobody has is cancelled at once');
SELECT temporal.test_advance('1 minute');
SELECT is_empty($$SELECT * FROM polled('backoff')$$, 'and given to nobody');

-- the run is closed
SELECT temporal.start_workflow('one', '["charge", "closed"]', id => 'w9'), temporal.start_workflow('one', '["charge", "closed"]', id => 'w10');
SELECT temporal.test_drive();
CREATE TEMP TABLE closed AS SELECT * FROM polled('closed');
SELECT temporal.terminate('w9'), temporal.terminate('w10');
SELECT is(pg_temp.sqlstate_of(format($$SELECT temporal.complete_activity('%s')$$, task_token)), 'TP013', 'of a closed run nothing is completed') FROM closed;
SELECT is_empty($$SELECT * FROM polled('closed')$$, 'nor given out');

-- ---------- large inputs ----------

CREATE FUNCTION large() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await_all(array_agg(temporal.start_activity('charge', to_jsonb(repeat('x', 1900000)), task_queue => 'large'))) FROM generate_series(1, 10);
	RETURN '"all"';
END $$;
SELECT temporal.register_workflow('large');
SELECT temporal.start_workflow('large', id => 'large');
SELECT temporal.test_drive();
SELECT is(count(temporal.complete_activity(task_token)), 8::bigint, 'one poll gives 16 MB') FROM polled('large', 10);
SELECT is(count(temporal.complete_activity(task_token)), 2::bigint, 'and the next one the rest') FROM polled('large', 10);
SELECT temporal.test_drive();
SELECT is(outcome('large'), '"all"', 'all of it');

-- ---------- one worker for all types ----------

SELECT temporal.register_activity('*', mode => 'external', task_queue => 'any');
SELECT temporal.start_workflow('one', '["never_registered"]', id => 'w11');
SELECT temporal.test_drive();
SELECT temporal.complete_activity(task_token, to_jsonb('Dynamic activity ' || activity_type || ' received: ' || input)) FROM polled('any');
SELECT temporal.test_drive();
SELECT is(outcome('w11'), '"Dynamic activity never_registered received: {\"amount\": 12}"', 'an external * takes all types that have no registration');
SELECT temporal.unregister_activity('*');

-- registered as external later: what waits goes to workers
CREATE FUNCTION later(amount int) RETURNS int LANGUAGE sql AS 'SELECT amount';
SELECT temporal.register_activity('later');
SELECT temporal.start_workflow('one', '["later"]', id => 'w12');
SELECT temporal.register_activity('later', mode => 'external');
SELECT temporal.test_drive();
SELECT is(count(*), 1::bigint, 'a type that has become external') FROM polled();

-- ---------- mocks ----------

SELECT temporal.mock_activity('charge', returns => '{"mocked": 1}');
SELECT temporal.start_workflow('one', '["charge"]', id => 'w13');
SELECT temporal.test_drive();
SELECT is(outcome('w13'), '{"mocked": 1}', 'a mock stands in for the worker');
SELECT ok(count(*) > 0, 'and its call is told') FROM temporal.mock_calls('charge') WHERE input = '{"amount": 12}';

-- ---------- rights ----------

SELECT temporal.start_workflow('one', '["watched", "rights"]', id => 'w14');
SELECT temporal.test_drive();
SET LOCAL ROLE tpg_ext_nobody;
SELECT is(pg_temp.sqlstate_of($$SELECT * FROM temporal.poll_activity_task('rights', 'me')$$), '42501', 'a role without rights in the namespace gets nothing');
SET LOCAL ROLE tpg_ext_client;
SELECT is(count(temporal.complete_activity(task_token)), 1::bigint, 'a client is a worker') FROM temporal.poll_activity_task('rights', 'me');
RESET ROLE;
SELECT temporal.test_drive();
SELECT is(outcome('w14'), 'null', 'no result is JSON null');

SET LOCAL ROLE tpg_ext_client;
SELECT is(pollers, 0, 'a client sees how many workers wait') FROM temporal.task_queue WHERE task_queue = 'default' AND kind = 'activity';
RESET ROLE;

-- ---------- arguments ----------

SELECT is(pg_temp.sqlstate_of($$CALL temporal.poll_activity_tasks('q', 'me')$$), '2D000', 'the procedure commits, so not in a transaction');
SELECT is(pg_temp.sqlstate_of(format('SELECT * FROM temporal.poll_activity_task(%s)', arguments)), expected, arguments || ': ' || expected) FROM (VALUES
	($$'q', 'me', max_tasks => 0$$, '22023'), ($$'q', 'me', max_tasks => 1001$$, '22023'), ($$'q', 'me', max_tasks => NULL$$, '22004'),
	($$'q', 'me', NULL$$, '22004'), ($$'q', 'me', '-1 s'$$, '22023'), ($$'q', NULL$$, '22004'), ($$'q', ''$$, '22023'), ($$NULL, 'me'$$, '22004'), ($$'', 'me'$$, '22023'),
	($$repeat('q', 1001), 'me'$$, '22023'), ($$'q', repeat('m', 1001)$$, '22023'), ($$'q', 'me', '0 s', 1000$$, 'ok')) AS v(arguments, expected);

-- ---------- what explain() says ----------

CREATE FUNCTION waits_for_end() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('explained', task_queue => 'outside', cancellation_type => 'wait_cancellation_completed');
END $$;
SELECT temporal.register_workflow('waits_for_end'), temporal.register_activity('explained', mode => 'external');
SELECT temporal.start_workflow('waits_for_end', id => 'explained');
SELECT temporal.test_drive();
SELECT is(detail, 'Attempt 1 waits for a worker that polls task queue "outside"', 'who is waited for') FROM temporal.explain('explained');
SELECT task_token AS token FROM temporal.poll_activity_task('outside', 'me') \gset
SELECT is(detail, 'Attempt 1 is running', 'what runs') FROM temporal.explain('explained');
SELECT temporal.cancel('explained');
SELECT temporal.test_drive();
SELECT is(detail, 'Attempt 1 is running; its cancellation is requested', 'and that it is to end') FROM temporal.explain('explained');
SELECT temporal.report_activity_cancelled(:'token');

SELECT * FROM finish();
ROLLBACK;
