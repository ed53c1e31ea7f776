-- Starting workflows: ids and policies, request ids, timeouts, delay, memo,
-- search attributes, limits; transactions and triggers.
BEGIN;
SELECT plan(156);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- ends as it is told
CREATE FUNCTION wf(how text DEFAULT 'complete', seconds int DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF seconds > 0 THEN
		PERFORM temporal.sleep(make_interval(secs => seconds));
	END IF;
	IF how = 'fail' THEN
		PERFORM temporal.raise_application_error('told to', 'Told');
	END IF;
	RETURN how;
END $$;
SELECT temporal.register_workflow('wf', task_queue => 'own queue');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- ids ----------

SELECT matches(temporal.start_workflow('wf'), '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'without an id it gets a version 4 uuid');
SELECT isnt(temporal.start_workflow('wf'), temporal.start_workflow('wf'), 'a new one each time');
SELECT is(temporal.start_workflow('wf', id => 'a'), 'a', 'the id given is the id');
SELECT is(temporal.start_workflow('wf', id => U&'\00E9\4E2D'), U&'\00E9\4E2D', 'an id may be any text');
SELECT is(temporal.start_workflow('wf', id => repeat('x', 1000)), repeat('x', 1000), 'of 1000 bytes (A-01)');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => repeat('x', 1001))$$), '22023', 'not of 1001');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => repeat('é', 501))$$), '22023', 'bytes count, not characters');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => '')$$), '22023', 'an empty id is none');
SELECT is((SELECT (workflow_id, started) FROM temporal.start_workflow_execution('wf', id => 'ex')), ROW('ex'::text, true), 'start_workflow_execution tells that it has started it');
SELECT run_id AS ex2 FROM temporal.start_workflow_execution('wf', id => 'ex2') \gset
SELECT is((SELECT run_id FROM temporal.workflow WHERE workflow_id = 'ex2'), :'ex2', 'and which run it is');

-- ---------- conflict: the current run is open (A-10, A-12) ----------

SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'c');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c')$$), 'TP011', 'A-10: fail is the default');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c', id_conflict_policy => 'fail')$$), 'TP011', 'A-10: fail');
SELECT is(pg_temp.detail_of($$SELECT temporal.start_workflow('wf', id => 'c')$$)::jsonb ->> 'run_id', (SELECT run_id::text FROM temporal.workflow WHERE workflow_id = 'c'), 'A-14: DETAIL has the open run');
SELECT matches(pg_temp.hint_of($$SELECT temporal.start_workflow('wf', id => 'c')$$), 'use_existing', 'HINT tells how to use it');
SELECT is((SELECT started FROM temporal.start_workflow_execution('wf', id => 'c', id_conflict_policy => 'use_existing')), false, 'A-10: use_existing starts nothing');
SELECT is((SELECT run_id FROM temporal.start_workflow_execution('wf', id => 'c', id_conflict_policy => 'use_existing')),
	(SELECT run_id FROM temporal.workflow WHERE workflow_id = 'c'), 'A-10: and gives the open run');
SELECT is((SELECT started FROM temporal.start_workflow_execution('wf', '["complete", 60]', id => 'c', id_conflict_policy => 'terminate_existing')), true, 'A-10: terminate_existing starts');
SELECT results_eq($$SELECT status::text, is_current FROM temporal.workflow WHERE workflow_id = 'c' ORDER BY is_current$$, $$VALUES ('Terminated', false), ('Running', true)$$,
	'A-02: one run is open, the latest is current');
SELECT is((SELECT attributes ->> 'reason' FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'c' AND NOT w.is_current ORDER BY event_id DESC LIMIT 1),
	'TerminateIfRunning WorkflowIdReusePolicy', 'A-10: the reason is Temporal''s');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c', id_conflict_policy => 'terminate_existing', id_reuse_policy => 'reject_duplicate')$$), '22023', 'A-12: contradiction');
SELECT is((SELECT started FROM temporal.start_workflow_execution('wf', id => 'c', id_conflict_policy => 'use_existing', id_reuse_policy => 'reject_duplicate')), false, 'A-11: the reuse policy means nothing while it is open');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c', id_conflict_policy => 'nonsense')$$), '22023', 'a word that is no policy');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c', id_reuse_policy => 'terminate_if_running')$$), '22023', 'the deprecated policy is not known');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'c', id_conflict_policy => NULL)$$), '22004', 'NULL is no policy');

-- ---------- reuse: the current run is closed (A-11) ----------

CREATE FUNCTION pg_temp.reuse(ended text, policy text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	PERFORM temporal.start_workflow('wf', CASE ended WHEN 'Failed' THEN '["fail"]' WHEN 'Completed' THEN '["complete"]' ELSE '["complete", 60]' END::jsonb,
		id => ended || policy, run_timeout => CASE ended WHEN 'TimedOut' THEN interval '5 s' END);
	IF ended = 'Terminated' THEN
		PERFORM temporal.terminate(ended || policy);
	END IF;
	PERFORM temporal.test_drive('closed', ended || policy);
	SELECT status INTO STRICT r FROM temporal.workflow WHERE workflow_id = ended || policy;
	IF r <> ended THEN
		RETURN 'it has ' || r;
	END IF;
	RETURN pg_temp.sqlstate_of(format('SELECT temporal.start_workflow(''wf'', id => %L, id_reuse_policy => %L)', ended || policy, policy));
END $$;
SELECT is(pg_temp.reuse(ended, policy), expected, format('A-11: %s after %s', policy, ended)) FROM (VALUES
	('Completed', 'allow_duplicate', 'ok'), ('Failed', 'allow_duplicate', 'ok'), ('Terminated', 'allow_duplicate', 'ok'), ('TimedOut', 'allow_duplicate', 'ok'),
	('Completed', 'allow_duplicate_failed_only', 'TP011'), ('Failed', 'allow_duplicate_failed_only', 'ok'), ('Terminated', 'allow_duplicate_failed_only', 'ok'), ('TimedOut', 'allow_duplicate_failed_only', 'ok'),
	('Completed', 'reject_duplicate', 'TP011'), ('Failed', 'reject_duplicate', 'TP011'), ('Terminated', 'reject_duplicate', 'TP011'), ('TimedOut', 'reject_duplicate', 'TP011')
) AS v (ended, policy, expected);
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'Completedreject_duplicate', id_reuse_policy => 'reject_duplicate', id_conflict_policy => 'use_existing')$$), 'TP011',
	'A-11: the conflict policy means nothing when it is closed');
SELECT is((pg_temp.detail_of($$SELECT temporal.start_workflow('wf', id => 'Completedreject_duplicate', id_reuse_policy => 'reject_duplicate')$$)::jsonb) ->> 'status', 'Completed', 'DETAIL has the status');

-- ---------- request ids (A-15) ----------

SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'req', request_id => 'r1');
SELECT is((SELECT (run_id, started) FROM temporal.start_workflow_execution('wf', id => 'req', request_id => 'r1')), (SELECT ROW(run_id, true) FROM temporal.workflow WHERE workflow_id = 'req'),
	'A-15: the same request gives the same run, started by it');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', id => 'req', request_id => 'r2')$$), 'TP011', 'A-15: another request does not');
SELECT is((SELECT run_id FROM temporal.start_workflow_execution('wf', id => 'req', request_id => 'r1', id_conflict_policy => 'terminate_existing')), (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'req'),
	'A-15: it is looked at before the policies');
SELECT temporal.test_drive('closed', 'req');
SELECT is((SELECT run_id FROM temporal.start_workflow_execution('wf', id => 'req', request_id => 'r1', id_reuse_policy => 'reject_duplicate')), (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'req'),
	'A-15: also when the run is closed');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'req'), 1, 'A-15: there is one run');
SELECT lives_ok($$SELECT temporal.start_workflow('wf', id => 'req', request_id => 'r2')$$, 'A-15: a new request starts a new one');
SELECT is((SELECT started FROM temporal.start_workflow_execution('wf', id => 'req3', request_id => 'r1')), true, 'A-15: a request id belongs to its workflow id');

-- ---------- retained ids (A-13) ----------
-- retention is tested with real servers; here only what a namespace may ask for
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.alter_namespace('default', '59 min')$$), '22023', 'A-13: retention of at least an hour');
SELECT lives_ok($$SELECT temporal.alter_namespace('default', '1 h')$$, 'A-13: an hour is enough');

-- ---------- timeouts (A-18 to A-22, A-42) ----------

SELECT temporal.start_workflow('wf', '["complete", 60]', id => 't1', execution_timeout => '10 s', run_timeout => '20 s', task_timeout => '30 s');
SELECT is((SELECT (attributes ->> 'workflowExecutionTimeout', attributes ->> 'workflowRunTimeout', attributes ->> 'workflowTaskTimeout') FROM temporal.history WHERE workflow_id = 't1' AND event_id = 1),
	ROW('10s'::text, '10s'::text, '10s'::text), 'A-20, A-21: the run timeout is capped by the execution timeout, the task timeout by the run timeout');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 't2', task_timeout => '5 min');
SELECT is((SELECT attributes ->> 'workflowTaskTimeout' FROM temporal.history WHERE workflow_id = 't2' AND event_id = 1), '120s', 'A-21: at most 120 s');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 't3');
SELECT is((SELECT attributes ->> 'workflowTaskTimeout' FROM temporal.history WHERE workflow_id = 't3' AND event_id = 1), '10s', 'A-21: 10 s by default');
SELECT ok((SELECT NOT attributes ?| '{workflowExecutionTimeout,workflowRunTimeout,workflowExecutionExpirationTime}' FROM temporal.history WHERE workflow_id = 't3' AND event_id = 1), 'A-19, A-20: no other timeout by default');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 't4', execution_timeout => '40 s', run_timeout => '30 s', start_delay => '20 s');
SELECT is((SELECT (run_expiration_time - start_time, execution_expiration_time - start_time, execution_time - start_time) FROM temporal.workflow WHERE workflow_id = 't4'),
	ROW('40 s'::interval, '40 s'::interval, '20 s'::interval), 'A-19, A-20: a delay shifts the end of the run, not that of the execution');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 't5', run_timeout => '30 s', start_delay => '20 s');
SELECT is((SELECT run_expiration_time - start_time FROM temporal.workflow WHERE workflow_id = 't5'), '50 s'::interval, 'A-20: run start + backoff + run timeout');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.start_workflow(''wf'', %s => %L)', arg, '-1 s')), '22023', 'A-18: no negative ' || arg)
	FROM unnest('{execution_timeout,run_timeout,task_timeout,start_delay}'::text[]) arg;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', cron_schedule => '* * * * *', start_delay => '1 s')$$), '22023', 'A-18: cron and delay exclude each other');

-- a run timeout closes the run
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'to', run_timeout => '45 s');
SELECT temporal.test_drive();
CREATE TEMP TABLE mark AS SELECT temporal.test_now() AS t;
SELECT temporal.test_advance('44.999 s');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'to'), 'Running', 'A-22: not before its time');
SELECT temporal.test_advance('1 ms');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'to'), 'TimedOut', 'A-22: the run timeout closes the run');
SELECT is((SELECT close_time - t FROM temporal.workflow, mark WHERE workflow_id = 'to'), '45 s'::interval, 'A-22: exactly then');
SELECT is((SELECT (event_type::text, attributes ->> 'retryState') FROM temporal.history WHERE workflow_id = 'to' ORDER BY event_id DESC LIMIT 1),
	ROW('WorkflowExecutionTimedOut'::text, 'RETRY_STATE_RETRY_POLICY_NOT_SET'::text), 'A-22: by WorkflowExecutionTimedOut');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('to')$$), 'TF005', 'the result is a timeout');
SELECT is((SELECT count(*)::int FROM temporal.timer WHERE workflow_id = 'to'), 0, 'its timer is gone');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'toe', execution_timeout => '45 s');
SELECT temporal.test_drive('closed', 'toe');
SELECT is((SELECT attributes ->> 'retryState' FROM temporal.history WHERE workflow_id = 'toe' ORDER BY event_id DESC LIMIT 1), 'RETRY_STATE_TIMEOUT', 'A-22: the execution timeout closes with retry state TIMEOUT');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'to2', run_timeout => '60 s');
SELECT temporal.test_drive('closed', 'to2');
SELECT isnt((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'to2'), 'Running', 'timer and timeout at once close the run one way or the other');
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'delayed to', run_timeout => '30 s', start_delay => '1 day');
SELECT temporal.test_drive('closed', 'delayed to');
SELECT is((SELECT (status::text, close_time - start_time) FROM temporal.workflow WHERE workflow_id = 'delayed to'), ROW('TimedOut'::text, '1 day 30 s'::interval), 'A-20: the time of a delay does not count');

-- start delay
SELECT temporal.start_workflow('wf', id => 'd', start_delay => '30 days');
SELECT temporal.test_drive();
SELECT results_eq($$SELECT event_type::text, attributes ->> 'firstWorkflowTaskBackoff' FROM temporal.history WHERE workflow_id = 'd'$$, $$VALUES ('WorkflowExecutionStarted', '2592000s')$$,
	'A-42: a delayed start has its start event only');
SELECT temporal.test_advance('29 days 23:59:59');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'd'), 'Running', 'A-42: and does not run before');
SELECT temporal.test_advance('1 s');
SELECT is((SELECT (status::text, execution_time - start_time, close_time - start_time) FROM temporal.workflow WHERE workflow_id = 'd'), ROW('Completed'::text, '30 days'::interval, '30 days'::interval), 'A-42: but then');
SELECT temporal.start_workflow('wf', id => 'd2', start_delay => '1 h');
SELECT lives_ok($$SELECT temporal.terminate('d2')$$, 'A-43: terminate works during the delay');

-- ---------- kept with the run ----------

SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'kept', memo => '{"n": [1, null], "s": "x"}', static_summary => 'sum', static_details => E'line\nline', priority_key => 2,
	request_id => 'k1', retry_policy => temporal.retry_policy(maximum_attempts => 3), task_queue => 'q7', cron_schedule => '0 12 * * *');
SELECT is((SELECT memo FROM temporal.workflow WHERE workflow_id = 'kept'), '{"n": [1, null], "s": "x"}'::jsonb, 'A-44: the memo');
SELECT is((SELECT user_metadata FROM temporal.history WHERE workflow_id = 'kept' AND event_id = 1), '{"summary": "sum", "details": "line\nline"}'::jsonb, 'A-46: summary and details are metadata of the event');
SELECT is((SELECT attributes -> 'priority' FROM temporal.history WHERE workflow_id = 'kept' AND event_id = 1), '{"priorityKey": 2}'::jsonb, 'A-48: the priority');
SELECT is((SELECT attributes -> 'retryPolicy' FROM temporal.history WHERE workflow_id = 'kept' AND event_id = 1), '{"initialInterval": "1s", "backoffCoefficient": 2, "maximumInterval": "100s", "maximumAttempts": 3}'::jsonb, 'A-24: the retry policy, with its defaults');
SELECT is((SELECT (attributes ->> 'cronSchedule', attributes #>> '{taskQueue,name}') FROM temporal.history WHERE workflow_id = 'kept' AND event_id = 1), ROW('0 12 * * *'::text, 'q7'::text), 'cron schedule and task queue');
SELECT is((SELECT task_queue FROM temporal.workflow WHERE workflow_id = 'c' AND is_current), 'own queue', 'the task queue of the registration by default');
SELECT ok((SELECT NOT attributes ? 'retryPolicy' FROM temporal.history WHERE workflow_id = 'c' AND event_id = 1 LIMIT 1), 'A-24: no retry policy unless given');
SELECT is((SELECT (d.memo, d.static_summary, d.static_details, d.priority_key, d.start_request_id, d.task_queue, d.cron_schedule, d.status::text) FROM temporal.describe('kept') d),
	ROW('{"n": [1, null], "s": "x"}'::jsonb, 'sum'::text, E'line\nline'::text, 2, 'k1'::text, 'q7'::text, '0 12 * * *'::text, 'Running'::text), 'describe() shows them');
SELECT ok((SELECT first_run_id = run_id FROM temporal.workflow WHERE workflow_id = 'kept'), 'A-03: the first run of its chain');
SELECT is((SELECT attributes ->> 'originalExecutionRunId' = run_id::text AND attributes ->> 'firstExecutionRunId' = run_id::text AND (attributes ->> 'attempt')::int = 1 FROM temporal.history WHERE workflow_id = 'kept' AND event_id = 1), true, 'A-03, A-04, A-26: ids and attempt in the event');
-- by its cron schedule it would go on for ever
SELECT temporal.terminate('kept');

-- ---------- search attributes (A-45) ----------

SELECT temporal.register_search_attribute(name, type) FROM (VALUES ('T', 'Text'), ('K', 'Keyword'), ('I', 'Int'), ('F', 'Double'), ('B', 'Bool'), ('D', 'Datetime'), ('L', 'KeywordList')) v (name, type);
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'sa', search_attributes => '{"T": "some text", "K": "key", "I": 9007199254740993, "F": 1.5, "B": true, "D": "2024-02-29T12:00:00+02:00", "L": ["a", "b"]}');
SELECT is((SELECT search_attributes FROM temporal.workflow WHERE workflow_id = 'sa'),
	'{"T": "some text", "K": "key", "I": 9007199254740993, "F": 1.5, "B": true, "D": "2024-02-29T10:00:00.000000Z", "L": ["a", "b"]}'::jsonb, 'A-45: one of each type');
SELECT is((SELECT workflow_id FROM temporal.search_attribute WHERE name = 'K' AND keyword_value = 'key'), 'sa', 'found by a keyword');
SELECT is((SELECT workflow_id FROM temporal.search_attribute WHERE name = 'I' AND int_value > 9007199254740992), 'sa', 'found by an integer, exactly');
SELECT is((SELECT workflow_id FROM temporal.search_attribute WHERE name = 'D' AND datetime_value = '2024-02-29 10:00+00'), 'sa', 'found by a time');
SELECT is((SELECT workflow_id FROM temporal.search_attribute WHERE name = 'L' AND list_value @> '{b}'), 'sa', 'found by an element of a list');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.start_workflow(''wf'', id => ''bad'', search_attributes => %L)', attributes)), expected, 'A-45: ' || what) FROM (VALUES
	('{"Unknown": 1}', 'TP026', 'an unknown name'),
	('{"I": "x"}', 'TP026', 'text for Int'),
	('{"I": 1.5}', 'TP026', 'a fraction for Int'),
	('{"I": 9223372036854775808}', 'TP026', 'too large for Int'),
	('{"F": "x"}', 'TP026', 'text for Double'),
	('{"B": "true"}', 'TP026', 'text for Bool'),
	('{"D": "yesterday-ish"}', 'TP026', 'nonsense for Datetime'),
	('{"D": 5}', 'TP026', 'a number for Datetime'),
	('{"D": "now"}', 'TP026', 'now for Datetime: it would be another time in the next run'),
	('{"D": " Yesterday 10:00"}', 'TP026', 'nor yesterday'),
	('{"F": 1e400}', 'TP026', 'more than a double can hold'),
	('{"K": {"a": 1}}', 'TP026', 'an object for Keyword'),
	('{"L": "a"}', 'TP026', 'text for KeywordList'),
	('{"L": [1]}', 'TP026', 'numbers in a KeywordList'),
	('{"K": ["a", "b"]}', 'TP026', 'two values for one'),
	('[1]', '22023', 'no object'),
	('"x"', '22023', 'no object at all')
) AS v (attributes, expected, what);
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'bad'), 0, 'and nothing is started');
SELECT temporal.start_workflow('wf', id => 'sa null', search_attributes => '{"K": null, "I": [7]}');
SELECT is((SELECT search_attributes FROM temporal.workflow WHERE workflow_id = 'sa null'), '{"I": 7}'::jsonb, 'L-13: null is unset, a list of one stands for its element');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', search_attributes => jsonb_build_object('K', repeat('x', 2049)))$$), 'TP025', 'J: a value of more than 2 KB');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', search_attributes => (SELECT jsonb_object_agg('n' || i, i) FROM generate_series(1, 101) i))$$) IN ('TP025', 'TP026'), true, 'J: more than 100');
SELECT lives_ok($$SELECT temporal.register_search_attribute('K', 'Keyword')$$, 'registering again with the same type does nothing');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_search_attribute('K', 'Int')$$), '42710', 'with another type it is an error');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_search_attribute('X', 'Number')$$), '22023', 'a type that does not exist');

-- ---------- limits (J) ----------

SELECT lives_ok($$SELECT temporal.start_workflow('wf', to_jsonb(repeat('x', 2097152 - 100)), id => 'big')$$, 'J: an input of nearly 2 MB');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', to_jsonb(repeat('x', 2097152)))$$), 'TP025', 'J: not of more');
SELECT matches(pg_temp.hint_of($$SELECT temporal.start_workflow('wf', to_jsonb(repeat('x', 2097152)))$$), 'temporal_pg.max_payload_size', 'HINT names the setting');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', memo => jsonb_build_object('x', repeat('x', 2097152)))$$), 'TP025', 'J: memo');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', static_summary => repeat('x', 401))$$), 'TP025', 'J: summary of 400 bytes');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', static_summary => repeat('x', 400))$$), 'ok', 'J: which are allowed');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', static_details => repeat('x', 20001))$$), 'TP025', 'J: details of 20,000 bytes');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', static_details => repeat('x', 20000))$$), 'ok', 'J: which are allowed');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', task_queue => repeat('x', 1001))$$), '22023', 'J: task queue');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', request_id => repeat('x', 1001))$$), '22023', 'J: request id');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow(repeat('x', 1001))$$), '22023', 'J: workflow type');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', priority_key => 0)$$), '22023', 'A-48: priority 0');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', priority_key => 6)$$), '22023', 'A-48: priority 6');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('wf', memo => '[1]')$$), '22023', 'a memo is an object');
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.start_workflow(''wf'', retry_policy => temporal.retry_policy(%s))', policy)), expected, 'A-40: ' || policy) FROM (VALUES
	('backoff_coefficient => 0.5', '22023'), ('initial_interval => ''-1 s''', '22023'), ('maximum_interval => ''-1 s''', '22023'), ('initial_interval => ''2 s'', maximum_interval => ''1 s''', '22023'),
	('maximum_attempts => -1', '22023'), ('non_retryable_error_types => ''{TemporalTimeout:Nonsense}''', '22023'), ('non_retryable_error_types => ''{TemporalTimeout:StartToClose}''', 'ok'),
	('non_retryable_error_types => ''{NULL}''', '22004'), ('backoff_coefficient => 0.5, maximum_attempts => 1', 'ok')) v (policy, expected);

-- ---------- transactions and triggers ----------

SAVEPOINT s;
SELECT temporal.start_workflow('wf', id => 'undone');
ROLLBACK TO s;
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'undone'), 0, 'a start vanishes at ROLLBACK');
SELECT lives_ok($$SELECT temporal.test_drive('closed')$$, 'which the test environment survives');
SELECT lives_ok($$SELECT temporal.start_workflow('wf', id => 'undone')$$, 'and the id is free');
SAVEPOINT s;
SELECT temporal.start_workflow('wf', '["complete", 60]', id => 'c', id_conflict_policy => 'terminate_existing');
ROLLBACK TO s;
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id = 'c'), 2, 'terminate_existing vanishes as a whole');

CREATE TABLE purchase (id int PRIMARY KEY, item text);
CREATE FUNCTION on_purchase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow('bought', to_jsonb(NEW), id => 'purchase-' || NEW.id);
	RETURN NEW;
END $$;
CREATE FUNCTION bought(p purchase) RETURNS text LANGUAGE sql AS $$SELECT p.item || ' bought'$$;
SELECT temporal.register_workflow('bought');
CREATE TRIGGER bought AFTER INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION on_purchase();
INSERT INTO purchase SELECT i, 'item ' || i FROM generate_series(1, 100) i;
SELECT temporal.test_drive('idle');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id LIKE 'purchase-%' AND status = 'Completed'), 100, 'a row trigger starts a workflow a row');
SELECT is(temporal.result('purchase-77'), '"item 77 bought"', 'with the row as input');
SELECT is(pg_temp.sqlstate_of($$INSERT INTO shop.purchase VALUES (101, 'x'), (102, 'y'), (1, 'z')$$), '23505', 'a statement that fails');
SELECT is((SELECT count(*)::int FROM temporal.workflow WHERE workflow_id IN ('purchase-101', 'purchase-102')), 0, 'starts nothing');
CREATE FUNCTION nested(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow('wf', id => 'nested-' || n);
	BEGIN
		PERFORM temporal.start_workflow('wf', id => 'inner-' || n);
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN NULL;
	END;
END $$;
SELECT nested(1);
SELECT results_eq($$SELECT workflow_id FROM temporal.workflow WHERE workflow_id IN ('nested-1', 'inner-1')$$, $$VALUES ('nested-1')$$, 'an EXCEPTION block of a client undoes its starts');

-- ---------- waiting for one's own ----------

SELECT temporal.start_workflow('wf', '["complete", 3600]', id => 'own');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('own')$$), 'TP009', 'result() of what this transaction has started');
SELECT matches(pg_temp.hint_of($$SELECT temporal.result('own')$$), 'COMMIT', 'HINT: COMMIT');
SELECT count(temporal.start_workflow('wf', id => 'many-' || i)) FROM generate_series(1, 200) i;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('own', timeout => '1 s')$$), 'TP009', 'also after many other starts');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('nobody')$$), 'TP010', 'result() of nothing');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('own', '00000000-0000-4000-8000-000000000000')$$), 'TP010', 'result() of no run of it');
SELECT is(pg_temp.sqlstate_of($$CALL temporal.await_result('own')$$), '2D000', 'CALL await_result in a transaction');
SELECT is(pg_temp.sqlstate_of($$CALL temporal.execute_workflow('wf')$$), '2D000', 'CALL execute_workflow in a transaction');

-- ---------- terminate ----------

SELECT temporal.terminate('own', 'enough', '{"by": "me"}');
SELECT is((SELECT status::text FROM temporal.workflow WHERE workflow_id = 'own'), 'Terminated', 'A-50: terminate ends a run at once');
SELECT is((SELECT attributes - 'identity' FROM temporal.history WHERE workflow_id = 'own' ORDER BY event_id DESC LIMIT 1), '{"reason": "enough", "details": {"by": "me"}}'::jsonb, 'A-50: with reason and details');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('own')$$), 'TF006', 'the result is a termination');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.terminate('own')$$), 'TP012', 'A-50: a closed one cannot be terminated');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.terminate('nobody')$$), 'TP010', 'nor one that does not exist');
SELECT is((SELECT count(*)::int FROM temporal.pending_message WHERE workflow_id = 'own'), 0, 'its mailbox is empty');
SELECT temporal.test_drive('closed');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'own'), 2, 'A-09: nothing comes after the closing event');

SELECT * FROM finish();
ROLLBACK;
