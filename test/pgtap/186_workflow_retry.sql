-- Retry of runs: who is tried again, when, with what, and what is told of it (A-07, A-22, A-24 to A-28, A-38, A-39, D.3).
BEGIN;
SELECT plan(59);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL TimeZone = 'UTC';

\ir ../lib/helpers.sql

-- fails in the way that it is told, until its attempt number n
CREATE FUNCTION flaky(n int, how text DEFAULT 'app') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
BEGIN
	IF i.attempt < n THEN
		CASE how
			WHEN 'app' THEN PERFORM temporal.raise_application_error('attempt ' || i.attempt, 'Flaky');
			WHEN 'final' THEN PERFORM temporal.raise_application_error('no use', 'Flaky', non_retryable => true);
			WHEN 'delay' THEN PERFORM temporal.raise_application_error('wait', 'Flaky', next_retry_delay => '7 s');
			WHEN 'long delay' THEN PERFORM temporal.raise_application_error('wait', 'Flaky', next_retry_delay => '1 hour');
			WHEN 'activity' THEN PERFORM temporal.execute_activity('fails');
			WHEN 'raise' THEN RAISE EXCEPTION 'plain';
			WHEN 'time' THEN PERFORM temporal.sleep('1 hour');
			WHEN 'bug' THEN PERFORM 1 / 0;
		END CASE;
	END IF;
	RETURN jsonb_build_array(i.attempt, temporal.last_failure() #>> '{message}', i.memo, i.retry_policy ->> 'maximumAttempts');
END $$;
CREATE FUNCTION fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('inner', 'Inner', non_retryable => true); END $$;
SELECT temporal.register_activity('fails'), temporal.register_workflow('flaky');
SELECT temporal.register_search_attribute('Place', 'Keyword');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- start, drive to the end, and what became of the runs
CREATE FUNCTION pg_temp.runs(how text, policy temporal.retry_policy, n int DEFAULT 99, run_timeout interval DEFAULT NULL, execution_timeout interval DEFAULT NULL, delay interval DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE id text := temporal.start_workflow('flaky', jsonb_build_array(n, how), retry_policy => policy, run_timeout => run_timeout, execution_timeout => execution_timeout, start_delay => delay);
BEGIN
	PERFORM temporal.test_drive('closed', id);
	RETURN (SELECT jsonb_agg(jsonb_build_array(w.status, extract(epoch FROM w.execution_time - w.start_time), replace(h.attributes ->> 'retryState', 'RETRY_STATE_', '')) ORDER BY w.attempt)
		FROM temporal.workflow w JOIN temporal.history h ON h.run_id = w.run_id AND h.event_id = w.history_length WHERE w.workflow_id = id);
END $$;

-- ---------- event by event ----------

SELECT temporal.start_workflow('flaky', '[3]', id => 'r1', retry_policy => temporal.retry_policy(), memo => '{"m": 1}', search_attributes => '{"Place": "here"}', static_summary => 'sum',
	task_timeout => '5 s', run_timeout => '1 min', execution_timeout => '1 hour', priority_key => 2, task_queue => 'q');
SELECT temporal.test_drive('closed', 'r1');
SELECT is(temporal.result('r1'), '[3, "attempt 2", {"m": 1}, null]', 'the third attempt; it knows why');
SELECT is(temporal.result('r1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'r1' AND is_current)), '[3, "attempt 2", {"m": 1}, null]', 'result() of the first run is that of the chain');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('r1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'r1' AND is_current), follow_runs => false)$$), 'TF007', 'follow_runs => false: its own');
SELECT is((SELECT array_agg(status::text ORDER BY attempt) FROM temporal.workflow WHERE workflow_id = 'r1'), '{Failed,Failed,Completed}', 'A-07: a run that is retried has failed');
SELECT run_id AS run1 FROM temporal.workflow WHERE workflow_id = 'r1' AND attempt = 1 \gset
SELECT run_id AS run2 FROM temporal.workflow WHERE workflow_id = 'r1' AND attempt = 2 \gset
SELECT run_id AS run3 FROM temporal.workflow WHERE workflow_id = 'r1' AND attempt = 3 \gset
SELECT results_eq(format($$SELECT event_type::text, event_time, attributes #- '{failure,stackTrace}' FROM temporal.history WHERE run_id = %L ORDER BY event_id$$, :'run1'), format($$VALUES
	('WorkflowExecutionStarted', '2030-01-01 00:00:00+00'::timestamptz, jsonb_build_object('attempt', 1, 'identity', current_user, 'taskQueue', '{"name": "q"}'::jsonb, 'workflowType', '{"name": "flaky"}'::jsonb, 'input', '[3]'::jsonb, 'memo', '{"m": 1}'::jsonb,
		'searchAttributes', '{"Place": "here"}'::jsonb, 'priority', '{"priorityKey": 2}'::jsonb, 'retryPolicy', '{"initialInterval": "1s", "maximumInterval": "100s", "backoffCoefficient": 2}'::jsonb,
		'workflowTaskTimeout', '5s', 'workflowRunTimeout', '60s', 'workflowExecutionTimeout', '3600s', 'workflowExecutionExpirationTime', '2030-01-01T01:00:00Z', 'originalExecutionRunId', %1$L::text, 'firstExecutionRunId', %1$L::text)),
	('WorkflowExecutionFailed', '2030-01-01 00:00:00+00', jsonb_build_object('retryState', 'RETRY_STATE_IN_PROGRESS', 'newExecutionRunId', %2$L::text, 'failure', '{"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky"}}'::jsonb))
	$$, :'run1', :'run2'), 'A-25: the first run');
SELECT results_eq(format($$SELECT event_type::text, event_time, attributes #- '{failure,stackTrace}' #- '{continuedFailure,stackTrace}' FROM temporal.history WHERE run_id = %L ORDER BY event_id$$, :'run2'), format($$VALUES
	('WorkflowExecutionStarted', '2030-01-01 00:00:00+00'::timestamptz, jsonb_build_object('attempt', 2, 'initiator', 'CONTINUE_AS_NEW_INITIATOR_RETRY', 'taskQueue', '{"name": "q"}'::jsonb, 'workflowType', '{"name": "flaky"}'::jsonb, 'input', '[3]'::jsonb, 'memo', '{"m": 1}'::jsonb,
		'searchAttributes', '{"Place": "here"}'::jsonb, 'priority', '{"priorityKey": 2}'::jsonb, 'retryPolicy', '{"initialInterval": "1s", "maximumInterval": "100s", "backoffCoefficient": 2}'::jsonb,
		'workflowTaskTimeout', '5s', 'workflowRunTimeout', '60s', 'workflowExecutionTimeout', '3600s', 'workflowExecutionExpirationTime', '2030-01-01T01:00:00Z', 'originalExecutionRunId', %2$L::text, 'firstExecutionRunId', %1$L::text,
		'continuedExecutionRunId', %1$L::text, 'continuedFailure', '{"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky"}}'::jsonb, 'firstWorkflowTaskBackoff', '1s')),
	('WorkflowExecutionFailed', '2030-01-01 00:00:01+00', jsonb_build_object('retryState', 'RETRY_STATE_IN_PROGRESS', 'newExecutionRunId', %3$L::text, 'failure', '{"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky"}}'::jsonb))
	$$, :'run1', :'run2', :'run3'), 'A-26, A-27: the second');
SELECT is((SELECT array_agg(event_type::text || ' ' || event_time ORDER BY event_id) FROM temporal.history WHERE run_id = :'run3'), '{"WorkflowExecutionStarted 2030-01-01 00:00:01+00","WorkflowExecutionCompleted 2030-01-01 00:00:03+00"}', 'A-38: the third comes 2 s later');
SELECT is((SELECT array_agg(run_expiration_time ORDER BY attempt) FROM temporal.workflow WHERE workflow_id = 'r1'), '{2030-01-01 00:01:00+00,2030-01-01 00:01:01+00,2030-01-01 00:01:03+00}', 'A-20: the backoff moves the end of the run');
SELECT is((SELECT array_agg(DISTINCT execution_expiration_time) FROM temporal.workflow WHERE workflow_id = 'r1'), '{2030-01-01 01:00:00+00}', 'A-19: but not that of the execution');
SELECT is((SELECT array_agg(DISTINCT jsonb_build_array(memo, search_attributes, task_queue)) FROM temporal.workflow WHERE workflow_id = 'r1'), '{"[{\"m\": 1}, {\"Place\": \"here\"}, \"q\"]"}', 'views');
SELECT is((SELECT array_agg(static_summary) FROM temporal.describe('r1')), '{sum}', 'the summary goes on');
SELECT is((SELECT array_agg(detail) FROM temporal.trace('r1', :'run2')), '{"attempt 2, after 1 s; sum; [3]","Flaky: attempt 2; tried again"}', 'trace() tells');
SELECT is((SELECT array_agg(temporal.replay('r1', run_id)) FROM temporal.workflow WHERE workflow_id = 'r1'), '{2,2,2}', 'each run replays');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'r1'), 0::bigint, 'nothing of them is left');

-- while it waits
SELECT temporal.start_workflow('flaky', '[3]', id => 'r2', retry_policy => temporal.retry_policy(initial_interval => '10 min'));
SELECT temporal.test_drive();
SELECT is((SELECT (attempt, status::text, execution_time - start_time) FROM temporal.workflow WHERE workflow_id = 'r2' AND is_current), ROW(2, 'Running'::text, '10 min'::interval), 'the next attempt is there at once, and waits');
SELECT is((SELECT (what, until - since) FROM temporal.explain('r2')), ROW('the backoff before attempt 2'::text, '10 min'::interval), 'explain() says so');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('flaky', '[3]', id => 'r2')$$), 'TP011', 'the id is in use');
SELECT temporal.terminate('r2', 'enough');
SELECT temporal.test_advance('1 hour');
SELECT is((SELECT array_agg(status::text ORDER BY attempt) FROM temporal.workflow WHERE workflow_id = 'r2'), '{Failed,Terminated}', 'A-28: terminate is not retried');

-- ---------- when, and until when ----------

SELECT is(pg_temp.runs('app', NULL), '[["Failed", 0, "RETRY_POLICY_NOT_SET"]]', 'A-24: no policy, no retry');
SELECT is(pg_temp.runs('app', temporal.retry_policy(maximum_attempts => 5)), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 1, "IN_PROGRESS"], ["Failed", 2, "IN_PROGRESS"], ["Failed", 4, "IN_PROGRESS"], ["Failed", 8, "MAXIMUM_ATTEMPTS_REACHED"]]', 'A-38, A-39: twice as long each time, and no more attempts');
SELECT is(pg_temp.runs('app', temporal.retry_policy(maximum_attempts => 1)), '[["Failed", 0, "MAXIMUM_ATTEMPTS_REACHED"]]', 'one attempt is no retry');
SELECT is(pg_temp.runs('app', temporal.retry_policy(initial_interval => '3 s', backoff_coefficient => 1.5, maximum_interval => '5 s', maximum_attempts => 4)), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 3, "IN_PROGRESS"], ["Failed", 4.5, "IN_PROGRESS"], ["Failed", 5, "MAXIMUM_ATTEMPTS_REACHED"]]', 'to the maximum interval');
SELECT is(pg_temp.runs('app', temporal.retry_policy(), execution_timeout => '10 s'), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 1, "IN_PROGRESS"], ["Failed", 2, "IN_PROGRESS"], ["Failed", 4, "TIMEOUT"]]', 'A-39: not beyond the end of the execution');
SELECT is(pg_temp.runs('app', temporal.retry_policy(), execution_timeout => '7 s', n => 4), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 1, "IN_PROGRESS"], ["Failed", 2, "IN_PROGRESS"], ["TimedOut", 4, "TIMEOUT"]]', 'A-25: exactly at the end it is still tried, but has no time left');
SELECT is(pg_temp.runs('app', temporal.retry_policy(), delay => '1 min', n => 3), '[["Failed", 60, "IN_PROGRESS"], ["Failed", 1, "IN_PROGRESS"], ["Completed", 2, null]]', 'A-42: the start delay is one of the first run');
SELECT is(pg_temp.runs('app', temporal.retry_policy(), delay => '9 s', execution_timeout => '10 s', n => 3), '[["Failed", 9, "IN_PROGRESS"], ["TimedOut", 1, "TIMEOUT"]]', 'A-19: and it does not extend the execution');

-- ---------- what is retryable (D.3) ----------

SELECT is(pg_temp.runs('final', temporal.retry_policy()), '[["Failed", 0, "NON_RETRYABLE_FAILURE"]]', 'not what says so itself');
SELECT is(pg_temp.runs('app', temporal.retry_policy(non_retryable_error_types => '{Other,Flaky}')), '[["Failed", 0, "NON_RETRYABLE_FAILURE"]]', 'not what the policy lists');
SELECT is(pg_temp.runs('app', temporal.retry_policy(non_retryable_error_types => '{flaky}', maximum_attempts => 2)), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 1, "MAXIMUM_ATTEMPTS_REACHED"]]', 'which is exact');
SELECT is(pg_temp.runs('activity', temporal.retry_policy(maximum_attempts => 2)), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 1, "MAXIMUM_ATTEMPTS_REACHED"]]', 'an activity that is not retryable does not make its workflow so');
SELECT is(pg_temp.runs('raise', temporal.retry_policy(), n => 2), '[["Failed", 0, "IN_PROGRESS"], ["Completed", 1, null]]', 'RAISE EXCEPTION');
SELECT is(pg_temp.runs('raise', temporal.retry_policy(non_retryable_error_types => '{P0001}')), '[["Failed", 0, "NON_RETRYABLE_FAILURE"]]', 'by its SQLSTATE');
SELECT is(pg_temp.runs('delay', temporal.retry_policy(), n => 3), '[["Failed", 0, "IN_PROGRESS"], ["Failed", 7, "IN_PROGRESS"], ["Completed", 7, null]]', 'D-09: next_retry_delay');
SELECT is(pg_temp.runs('long delay', temporal.retry_policy(), n => 2), '[["Failed", 0, "IN_PROGRESS"], ["Completed", 100, null]]', 'D-09: at most the maximum interval');
SAVEPOINT bug;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('flaky', '[2, "bug"]', retry_policy => temporal.retry_policy())$$), '22012', 'a bug fails the task, not the run');
ROLLBACK TO bug;

-- run timeouts
SELECT is(pg_temp.runs('time', temporal.retry_policy(), n => 3, run_timeout => '1 min'), '[["TimedOut", 0, "IN_PROGRESS"], ["TimedOut", 1, "IN_PROGRESS"], ["Completed", 2, null]]', 'A-22: a run timeout is retried');
SELECT is(pg_temp.runs('time', temporal.retry_policy(maximum_attempts => 2), run_timeout => '1 min'), '[["TimedOut", 0, "IN_PROGRESS"], ["TimedOut", 1, "MAXIMUM_ATTEMPTS_REACHED"]]', 'as the policy allows');
SELECT is(pg_temp.runs('time', temporal.retry_policy(non_retryable_error_types => '{TemporalTimeout:StartToClose}'), run_timeout => '1 min'), '[["TimedOut", 0, "NON_RETRYABLE_FAILURE"]]', 'D.3: unless it is listed');
SELECT is(pg_temp.runs('time', temporal.retry_policy(), run_timeout => '1 min', execution_timeout => '150 s'), '[["TimedOut", 0, "IN_PROGRESS"], ["TimedOut", 1, "IN_PROGRESS"], ["TimedOut", 2, "TIMEOUT"]]', 'A-22: nothing follows the execution timeout');
SELECT is(pg_temp.runs('time', temporal.retry_policy(), execution_timeout => '1 min'), '[["TimedOut", 0, "TIMEOUT"]]', 'nor where there is no other');
SELECT temporal.start_workflow('flaky', '[2, "time"]', id => 'r3', retry_policy => temporal.retry_policy(), run_timeout => '1 min');
SELECT temporal.test_drive('closed', 'r3');
SELECT is((SELECT attributes -> 'continuedFailure' FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'r3' AND w.attempt = 2 AND event_id = 1),
	'{"source": "Server", "message": "workflow timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}}', 'the next run is told of the timeout');
SELECT is(temporal.result('r3'), '[2, "workflow timeout", null, null]', 'in its code, too');
SELECT is((SELECT array_agg(t.detail) FROM temporal.workflow w, temporal.trace('r3', w.run_id) t WHERE w.workflow_id = 'r3' AND w.attempt = 1 AND t.event = 'workflow timed out'), '{"run timeout; tried again"}', 'trace() of a run timeout');

-- ---------- signals and updates ----------

CREATE FUNCTION listens() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	got jsonb := temporal.wait_signal('s', timeout => '1 min');
BEGIN
	IF (temporal.workflow_info()).attempt = 1 OR got = '"fail"' THEN
		PERFORM temporal.raise_application_error('got ' || got::text);
	END IF;
	RETURN jsonb_build_array(got, temporal.now());
END $$;
SELECT temporal.register_workflow('listens', updates => '{"u": "fails"}');
SELECT temporal.test_now() AS then \gset
SELECT temporal.start_workflow('listens', id => 's1', retry_policy => temporal.retry_policy(initial_interval => '10 s'));
SELECT temporal.signal('s1', 's', '1');
SELECT temporal.test_drive();
SELECT temporal.signal('s1', 's', '2');
SELECT temporal.test_drive();
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 's1' AND is_current), 1, 'A-43: a signal does not end the backoff');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('s1', 'u')$$), 'TP024', 'an update would have to wait for its end');
SELECT temporal.test_drive('closed', 's1');
SELECT is(temporal.result('s1'), jsonb_build_array(2, :'then'::timestamptz + '10 s'), 'but is there when it ends');
SELECT temporal.test_now() AS then \gset
SELECT temporal.start_workflow('listens', id => 's2', retry_policy => temporal.retry_policy(initial_interval => '10 s'));
SELECT temporal.signal('s2', 's', '1');
SELECT temporal.test_drive();
SELECT temporal.signal('s2', 's', '2');
SELECT temporal.signal_with_start('listens', 's', '3', id => 's2');
SELECT temporal.test_drive();
SELECT is(temporal.result('s2'), jsonb_build_array(2, :'then'::timestamptz), 'A-43: signal_with_start ends it');
SELECT is((SELECT array_agg(attributes ->> 'input' ORDER BY event_id) FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 's2' AND is_current AND event_type = 'WorkflowExecutionSignaled'), '{2,3}', 'none is lost, in order');
SELECT is(temporal.replay('s2'), (SELECT history_length FROM temporal.workflow WHERE workflow_id = 's2' AND is_current), 'it replays');

-- told to a run and taken by nobody, they end with it (F-07); continue_as_new() alone passes them on
SELECT temporal.start_workflow('listens', id => 's3', retry_policy => temporal.retry_policy(initial_interval => '10 s'));
SELECT temporal.signal('s3', 's', '1'), temporal.signal('s3', 's', '2');
SELECT temporal.test_drive();
SELECT is((SELECT ROW(w.attempt, (SELECT count(*) FROM temporal.pending_message m WHERE m.run_id = w.run_id AND kind = 'Signal'))::text FROM temporal.workflow w WHERE w.workflow_id = 's3' AND is_current), '(2,0)', 'F-07: a retry begins without what the run before it was told');
SELECT temporal.signal('s3', 's', '3');
SELECT temporal.test_drive('closed', 's3');
SELECT is(temporal.result('s3') -> 0, '3', 'and with what it is sent itself');

-- ---------- continue-as-new ----------

CREATE FUNCTION hops(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
BEGIN
	IF i.attempt < 3 THEN
		PERFORM temporal.raise_application_error('attempt ' || i.attempt);
	ELSIF n > 0 THEN
		PERFORM temporal.continue_as_new(n - 1);
	END IF;
	RETURN jsonb_build_array(n, i.attempt, temporal.last_failure() ->> 'message');
END $$;
SELECT temporal.register_workflow('hops');
SELECT temporal.start_workflow('hops', '1', id => 'h1', retry_policy => temporal.retry_policy());
SELECT temporal.test_drive('closed', 'h1');
SELECT is(temporal.result('h1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'h1' AND is_current)), '[0, 3, "attempt 2"]', 'retries, another input, retries again');
SELECT is((SELECT array_agg(jsonb_build_array(status, attempt, h.attributes -> 'input', replace(h.attributes ->> 'initiator', 'CONTINUE_AS_NEW_INITIATOR_', '')) ORDER BY execution_time)
	FROM temporal.workflow w JOIN temporal.history h USING (run_id) WHERE w.workflow_id = 'h1' AND event_id = 1),
	ARRAY['["Failed", 1, 1, null]', '["Failed", 2, 1, "RETRY"]', '["ContinuedAsNew", 3, 1, "RETRY"]', '["Failed", 1, 0, "WORKFLOW"]', '["Failed", 2, 0, "RETRY"]', '["Completed", 3, 0, "RETRY"]']::jsonb[], 'A-27, A-35: from the start event of the last one; attempts begin again');
SELECT is((SELECT count(DISTINCT first_run_id) FROM temporal.workflow WHERE workflow_id = 'h1'), 1::bigint, 'A-03: one chain');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('h1', (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'h1' AND status = 'ContinuedAsNew'), follow_runs => false)$$), 'TP012', 'follow_runs => false: that run has no result');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('h1', follow_runs => NULL)$$), '22004', 'follow_runs is true or false');

-- ---------- where it cannot be called ----------

SELECT is(pg_temp.sqlstate_of($$SELECT temporal.last_failure()$$), 'TP021', 'last_failure() is for workflow code');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.last_completion_result()$$), 'TP021', 'last_completion_result(), too');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE last_task_failure IS NOT NULL), 0::bigint, 'no task has failed in all this');

SELECT * FROM finish();
ROLLBACK;
