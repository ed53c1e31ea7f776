-- Retries and timeouts of activities, to the microsecond of the virtual clock.
BEGIN;
SELECT plan(64);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || d;
END $$;

-- an activity that the mock fails, and a workflow that gives it a policy
CREATE FUNCTION act(n int DEFAULT 0) RETURNS text LANGUAGE sql AS $$SELECT 'done'$$;
CREATE FUNCTION wf(policy jsonb, s2c interval DEFAULT NULL, local bool DEFAULT false) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE p temporal.retry_policy;
BEGIN
	IF policy IS NOT NULL THEN
		p := jsonb_populate_record(NULL::temporal.retry_policy, policy);
	END IF;
	IF local THEN
		RETURN temporal.execute_local_activity('act', schedule_to_close_timeout => s2c, retry_policy => p);
	END IF;
	RETURN temporal.execute_activity('act', schedule_to_close_timeout => s2c, retry_policy => p);
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN temporal.failure();
END $$;
SELECT temporal.register_activity('act'), temporal.register_workflow('wf');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- when the attempts of a run were made, in seconds from the first one
CREATE FUNCTION pg_temp.attempts(policy jsonb, fails jsonb, s2c interval DEFAULT NULL, max int DEFAULT NULL, local bool DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before int := (SELECT count(*) FROM temporal.mock_calls('act'));
	r text;
	id text;
BEGIN
	PERFORM temporal.mock_activity('act', fails => fails);
	id := temporal.start_workflow('wf', jsonb_build_object('policy', policy, 's2c', s2c, 'local', local));
	IF max IS NULL THEN
		PERFORM temporal.test_drive('closed', id);
		r := ' ' || coalesce(temporal.result(id) ->> 'retry_state', 'done');
	ELSE
		FOR i IN 1 .. 1000 LOOP
			EXIT WHEN (SELECT count(*) FROM temporal.mock_calls('act')) >= before + max;
			PERFORM temporal.test_advance(coalesce((SELECT next_attempt_time FROM temporal.pending_activity a WHERE a.workflow_id = id), (SELECT fires_at FROM temporal.timer t WHERE t.workflow_id = id), temporal.test_now()) - temporal.test_now());
		END LOOP;
		PERFORM temporal.terminate(id);
		r := '';
	END IF;
	RETURN (SELECT string_agg(trim_scale(extract(epoch FROM at - first))::text, ' ' ORDER BY call) FROM (
		SELECT *, first_value(at) OVER (ORDER BY call) AS first FROM temporal.mock_calls('act') WHERE call > before) c) || r;
END $$;
SELECT matches(pg_temp.attempts(NULL, '{}', '1 s'), '^0 ', 'the mock is called');

-- ---------- delays (A-38, D-07 to D-10) ----------

SELECT is(pg_temp.attempts(NULL, '{}', max => 11), '0 1 3 7 15 31 63 127 227 327 427', 'D-07: 1 s, doubled, at most 100 s, for ever');
SELECT is(pg_temp.attempts('{"initial_interval": "10 s", "backoff_coefficient": 1}', '{}', max => 4), '0 10 20 30', 'A-38: a coefficient of 1');
SELECT is(pg_temp.attempts('{"initial_interval": "0.1 s", "backoff_coefficient": 1.5}', '{}', max => 5), '0 0.1 0.25 0.475 0.8125', 'A-38: fractions');
SELECT is(pg_temp.attempts('{"initial_interval": "1 s", "backoff_coefficient": 3, "maximum_interval": "5 s"}', '{}', max => 5), '0 1 4 9 14', 'A-38: the maximum interval');
SELECT is(pg_temp.attempts('{"initial_interval": "4 s"}', '{}', max => 10), '0 4 12 28 60 124 252 508 908 1308', 'A-24: the maximum is 100 times the first unless given');
SELECT is(pg_temp.attempts('{"initial_interval": "0.000001 s", "backoff_coefficient": 10, "maximum_interval": "1 s"}', '{}', max => 8), '0 0.000001 0.000011 0.000111 0.001111 0.011111 0.111111 1.111111', 'A-38: to the microsecond');
SELECT is(pg_temp.attempts('{"initial_interval": "1 s", "backoff_coefficient": 1e300, "maximum_interval": "1 h"}', '{}', max => 4), '0 1 3601 7201', 'A-39: overflow is the maximum interval');
SELECT is(pg_temp.attempts('{"initial_interval": "30 days", "maximum_interval": "60 days"}', '{}', max => 4), '0 2592000 7776000 12960000', 'A-38: months');

-- ---------- giving up (A-39) ----------

SELECT is(pg_temp.attempts('{"maximum_attempts": 1}', '{}'), '0 maximum_attempts_reached', 'D-07: one attempt is no retry');
SELECT is(pg_temp.attempts('{"maximum_attempts": 3}', '{}'), '0 1 3 maximum_attempts_reached', 'A-39: so many attempts');
SELECT is(pg_temp.attempts('{"maximum_attempts": 1, "backoff_coefficient": 0.1}', '{}'), '0 maximum_attempts_reached', 'A-40: with one attempt nothing else is checked');
SELECT is(pg_temp.attempts('{}', '{}', '10 s'), '0 1 3 7 timeout', 'A-39: the next one would begin after the end');
SELECT is(pg_temp.attempts('{}', '{}', '7.000001 s'), '0 1 3 7 timeout', 'A-39: a microsecond before it is in time');
SELECT is(pg_temp.attempts('{}', '{}', '6.999999 s'), '0 1 3 timeout', 'A-39: a microsecond after it is not');
SELECT is(pg_temp.attempts('{"maximum_attempts": 4}', '{}', '3.5 s'), '0 1 3 timeout', 'A-39: whichever comes first');

-- ---------- retryable or not (D.3) ----------

SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "non_retryable_error_types": ["Card", "Other"]}', '{"type": "Card"}'), '0 non_retryable_failure', 'D.3: a listed type');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "non_retryable_error_types": ["Card", "Other"]}', '{"type": "card"}'), '0 1 maximum_attempts_reached', 'D.3: case matters');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "non_retryable_error_types": ["Car"]}', '{"type": "Card"}'), '0 1 maximum_attempts_reached', 'D.3: the whole type');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "non_retryable_error_types": [""]}', '{"message": "no type"}'), '0 non_retryable_failure', 'E-07: the empty type is listed as such');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2}', '{"type": "Card", "non_retryable": true}'), '0 non_retryable_failure', 'D.3: by flag');
SELECT is(pg_temp.attempts('{"maximum_attempts": 1}', '{"non_retryable": true}'), '0 non_retryable_failure', 'A-39: that is looked at first');

-- ---------- next_retry_delay (D-09, D-10) ----------

SELECT is(pg_temp.attempts('{"maximum_attempts": 4}', '{"next_retry_delay": "7 s"}'), '0 7 14 21 maximum_attempts_reached', 'D-09: instead of the computed delay');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "maximum_interval": "2 s"}', '{"next_retry_delay": "1 h"}'), '0 3600 maximum_attempts_reached', 'D-09: beyond the maximum interval');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2}', '{"next_retry_delay": "0.5s"}'), '0 0.5 maximum_attempts_reached', 'D-09: as a duration');
SELECT is(pg_temp.attempts('{"maximum_attempts": 4}', '{"next_retry_delay": "0 s"}'), '0 timeout', 'D-10: zero gives up');
SELECT is(pg_temp.attempts('{}', '{"next_retry_delay": "11 s"}', '10 s'), '0 timeout', 'D-09: not beyond the end');

-- local activities: the same, the wait is a timer (D-35)
SELECT is(pg_temp.attempts('{"maximum_attempts": 4}', '{}', local => true), '0 1 3 7 maximum_attempts_reached', 'D-35: local activities are retried alike');
SELECT is(pg_temp.attempts('{}', '{}', '10 s', local => true), '0 1 3 7 timeout', 'D-34: their schedule-to-close spans the waits');
SELECT is(pg_temp.attempts('{"maximum_attempts": 2, "non_retryable_error_types": ["X"]}', '{"type": "X"}', local => true), '0 non_retryable_failure', 'D.3: local activities too');

-- ---------- what an attempt knows and leaves ----------

CREATE FUNCTION attempt_info() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.activity_info()).attempt < 3 THEN
		RAISE EXCEPTION 'attempt %', (temporal.activity_info()).attempt USING ERRCODE = 'unique_violation', DETAIL = 'the detail', CONSTRAINT = 'the_constraint';
	END IF;
	RETURN to_jsonb(temporal.activity_info());
END $$;
CREATE FUNCTION wf_info() RETURNS jsonb LANGUAGE sql AS $$
	SELECT temporal.execute_activity('attempt_info', start_to_close_timeout => '5 s', schedule_to_close_timeout => '1 h', priority_key => 2, retry_policy => temporal.retry_policy('3 s', 1))$$;
SELECT temporal.register_activity('attempt_info'), temporal.register_workflow('wf_info');
SELECT temporal.test_now() AS t \gset
SELECT temporal.start_workflow('wf_info', id => 'info');
SELECT temporal.test_advance('4 s');
SELECT is((SELECT (attempt, next_attempt_time > temporal.test_now(), maximum_attempts, last_failure_message, next_attempt_time - :'t'::timestamptz, scheduled_time - :'t'::timestamptz, expiration_time - :'t'::timestamptz) FROM temporal.pending_activity WHERE workflow_id = 'info'),
	ROW(3, true, 0, 'attempt 2'::text, '6 s'::interval, '0'::interval, '1 h'::interval), 'D-11: while it waits, the view tells attempt, failure and times');
SELECT is((SELECT last_failure - '{stackTrace,source}'::text[] FROM temporal.pending_activity WHERE workflow_id = 'info'),
	'{"message": "attempt 2", "applicationFailureInfo": {"type": "23505", "details": {"condition": "unique_violation", "detail": "the detail", "constraint": "the_constraint"}}}'::jsonb,
	'an SQL error is a failure of the type of its SQLSTATE, condition and the rest in its details');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'info'), 2, 'B-16: attempts leave no event');
SELECT temporal.test_drive('closed', 'info');
SELECT is(temporal.result('info') - '{run_id,task_token,scheduled_time,started_time,current_attempt_scheduled_time}'::text[],
	'{"activity_id": "1", "activity_type": "attempt_info", "attempt": 3, "namespace": "default", "workflow_id": "info", "workflow_type": "wf_info", "task_queue": "default", "heartbeat_details": null,
	  "schedule_to_close_timeout": "01:00:00", "start_to_close_timeout": "00:00:05", "heartbeat_timeout": null, "priority_key": 2, "is_local": false, "fairness_key": null, "fairness_weight": null,
	  "retry_policy": {"initialInterval": "3s", "backoffCoefficient": 1, "maximumInterval": "300s"}}'::jsonb, 'D-47: activity_info()');
SELECT is((temporal.result('info') ->> 'scheduled_time')::timestamptz, :'t'::timestamptz, 'D-47: scheduled_time is that of the first attempt');
SELECT is((temporal.result('info') ->> 'current_attempt_scheduled_time')::timestamptz - :'t', '6 s'::interval, 'D-47: current_attempt_scheduled_time that of this one');
SELECT is((SELECT (event_time - :'t'::timestamptz, attributes ->> 'attempt', attributes #>> '{lastFailure,message}') FROM temporal.history WHERE workflow_id = 'info' AND event_id = 3),
	ROW('6 s'::interval, '3'::text, 'attempt 2'::text), 'B-16: the late ActivityTaskStarted has the start, the number and the last failure of the final attempt');

-- what failed attempts wrote is gone, what the good one wrote is there
CREATE TABLE ledger (attempt int);
CREATE FUNCTION book() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ledger VALUES ((temporal.activity_info()).attempt);
	IF (temporal.activity_info()).attempt < 3 THEN
		RAISE EXCEPTION 'not yet';
	END IF;
END $$;
CREATE FUNCTION wf_book() RETURNS void LANGUAGE sql AS $$SELECT temporal.execute_activity('book')$$;
SELECT temporal.register_activity('book'), temporal.register_workflow('wf_book');
SELECT temporal.test_run('wf_book');
SELECT results_eq('SELECT attempt FROM ledger', 'VALUES (3)', 'an attempt that failed leaves nothing, the one that completed what it wrote');

-- a large failure is cut for the retry (D-12)
SELECT temporal.mock_activity('act', fails => jsonb_build_object('message', repeat('x', 5000)));
SELECT temporal.start_workflow('wf', '{"policy": null}', id => 'big');
SELECT temporal.test_drive();
SELECT is((SELECT last_failure ->> 'message' FROM temporal.pending_activity WHERE workflow_id = 'big'), 'Failure exceeds size limit.', 'D-12: a failure of more than 4 KB is replaced');
SELECT ok((SELECT pg_column_size(last_failure) < 6000 AND last_failure ? 'cause' FROM temporal.pending_activity WHERE workflow_id = 'big'), 'D-12: what is left of it is the cause');
SELECT temporal.terminate('big');
CREATE FUNCTION big_result() RETURNS text LANGUAGE sql AS $$SELECT repeat('x', 2100000)$$;
CREATE FUNCTION wf_big() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.execute_activity('big_result'); RETURN '"kept"'; EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure(); END $$;
SELECT temporal.register_activity('big_result'), temporal.register_workflow('wf_big');
SELECT is((SELECT (r ->> 'retry_state', r #>> '{cause,kind}', r #>> '{cause,message}') FROM temporal.test_run('wf_big') r), ROW('non_retryable_failure'::text, 'server'::text, 'Complete result exceeds size limit.'::text),
	'D-17: a result that is too large is a failure of the server, not retried');

-- ---------- timeouts (D.1) ----------

CREATE FUNCTION slow(seconds float) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(seconds); RETURN 'slept'; END $$;
CREATE FUNCTION stubborn() RETURNS text LANGUAGE plpgsql AS $$BEGIN BEGIN PERFORM pg_sleep(5); EXCEPTION WHEN query_canceled THEN NULL; END; RETURN 'too late'; END $$;
CREATE FUNCTION timeouts(type text, input jsonb, stc interval DEFAULT NULL, s2c interval DEFAULT NULL, s2s interval DEFAULT NULL, policy jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(type, input, start_to_close_timeout => stc, schedule_to_close_timeout => s2c, schedule_to_start_timeout => s2s,
		retry_policy => CASE WHEN policy IS NOT NULL THEN jsonb_populate_record(NULL::temporal.retry_policy, policy) END);
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN jsonb_build_array(temporal.failure() ->> 'message', temporal.failure() ->> 'retry_state', temporal.failure_type(), temporal.failure() #>> '{cause,kind}', temporal.failure() #>> '{cause,cause,type}');
END $$;
SELECT temporal.register_activity('slow'), temporal.register_activity('stubborn'), temporal.register_workflow('timeouts');
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.due_at := 'infinity'; RETURN NEW; END $$;

SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 0.001, "stc": "5 s"}'), '"slept"', 'in time');
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 5, "stc": "0.02 s", "policy": {"maximum_attempts": 2, "initial_interval": "1 s"}}') - 2,
	'["Activity task timed out", "maximum_attempts_reached", "timeout", null]', 'start-to-close: each attempt, retried');
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 5, "stc": "0.02 s", "policy": {"non_retryable_error_types": ["TemporalTimeout:StartToClose"]}}') ->> 1, 'non_retryable_failure',
	'D.3: not retried when it is listed');
SELECT is(temporal.test_run('timeouts', '{"type": "stubborn", "input": null, "stc": "0.02 s", "policy": {"maximum_attempts": 1}}') ->> 1, 'maximum_attempts_reached', 'code that swallows the interrupt has timed out all the same');
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 5, "s2c": "0.02 s"}') - 4, '["Activity task timed out", "timeout", "schedule_to_close", "timeout"]', 'schedule-to-close: not retried');
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 5, "stc": "0.02 s", "s2c": "2 s", "policy": {"initial_interval": "3 s"}}'),
	'["Activity task timed out", "timeout", "schedule_to_close", "timeout", "start_to_close"]', 'D-19: timed out with no time for a retry: schedule-to-close, caused by the timeout');
CREATE TRIGGER hold BEFORE INSERT ON temporal_internal.activity_task FOR EACH ROW EXECUTE FUNCTION hold();
SELECT temporal.test_now() AS t \gset
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 0, "s2s": "40 s"}') - 2, '["Activity task timed out", "timeout", "timeout", null]', 'S-7: nobody takes it: schedule-to-start, not retried');
SELECT is(temporal.test_now() - :'t', '40 s'::interval, 'S-7: at its time');
SELECT is(temporal.test_run('timeouts', '{"type": "slow", "input": 0, "s2c": "50 s"}') - 2, '["Activity task timed out", "timeout", "timeout", null]', 'S-8: nobody takes it: schedule-to-close');
SELECT is(temporal.test_now() - :'t', '90 s'::interval, 'S-8: at its time');
SELECT temporal.start_workflow('timeouts', '{"type": "slow", "input": 0}', id => 'rt', run_timeout => '30 s');
SELECT temporal.test_drive('closed', 'rt');
SELECT is((SELECT close_time - start_time FROM temporal.workflow WHERE workflow_id = 'rt'), '30 s'::interval, 'D-03: nobody takes it, within a run timeout: it ends with its run');
SELECT is((SELECT count(*)::int FROM temporal.pending_activity WHERE workflow_id = 'rt'), 0, 'C-06: and nothing of it stays');
DROP TRIGGER hold ON temporal_internal.activity_task;

-- no timeout at all
SET LOCAL temporal_pg.default_start_to_close_timeout = '';
SELECT matches(pg_temp.error_of($$SELECT temporal.test_run('timeouts', '{"type": "slow", "input": 0}')$$), '^22023', 'D-01: an activity needs a timeout');
SET LOCAL temporal_pg.default_start_to_close_timeout = '7 s';
SELECT temporal.start_workflow('timeouts', '{"type": "slow", "input": 0}', id => 'dflt');
SELECT temporal.test_drive('closed', 'dflt');
SELECT is((SELECT attributes ->> 'startToCloseTimeout' FROM temporal.history WHERE workflow_id = 'dflt' AND event_id = 2), '7s', 'unless there is a default');

-- ---------- chains of failures (E) ----------

CREATE FUNCTION inner_error() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.raise_application_error('out of stock', 'Stock', '{"item": 7}', non_retryable => true, category => 'benign');
END $$;
CREATE FUNCTION raised() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE SQLSTATE 'TF001' USING MESSAGE = 'by RAISE', DETAIL = '{"type": "Raised", "non_retryable": true, "details": [1]}';
END $$;
CREATE FUNCTION chain(type text, catch bool DEFAULT false) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	state text; detail text; message text;
BEGIN
	PERFORM temporal.execute_activity(type);
	RETURN NULL;
EXCEPTION WHEN SQLSTATE 'TF000' THEN
	IF NOT catch THEN
		RAISE;
	END IF;
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, message = MESSAGE_TEXT;
	RETURN jsonb_build_object('state', state, 'message', message, 'same', detail::jsonb = temporal.failure(), 'type', temporal.failure_type(), 'chain', temporal.failure() #- '{cause,stack_trace}' #- '{cause,source}');
END $$;
SELECT temporal.register_activity('inner_error'), temporal.register_activity('raised'), temporal.register_workflow('chain');
SELECT is(temporal.test_run('chain', '{"type": "inner_error", "catch": true}'), '{"state": "TF002", "message": "Activity task failed: out of stock", "same": true, "type": "Stock", "chain": {
	"kind": "activity", "message": "Activity task failed", "activity_type": "inner_error", "activity_id": "1", "scheduled_event_id": 2, "started_event_id": 3, "retry_state": "non_retryable_failure",
	"cause": {"kind": "application", "message": "out of stock", "type": "Stock", "details": {"item": 7}, "non_retryable": true, "category": "benign"}}}'::jsonb, 'E-01, E-02: what the code sees of a failed activity');
SELECT is(temporal.test_run('chain', '{"type": "raised", "catch": true}') #> '{chain,cause}', '{"kind": "application", "message": "by RAISE", "type": "Raised", "details": [1], "non_retryable": true}'::jsonb, 'TF001 raised by hand is the same');
SELECT temporal.start_workflow('chain', '{"type": "inner_error"}', id => 'chain');
SELECT temporal.test_drive('closed', 'chain');
SELECT is((SELECT attributes #- '{failure,cause,stackTrace}' #- '{failure,stackTrace}' FROM temporal.history WHERE workflow_id = 'chain' ORDER BY event_id DESC LIMIT 1) #- '{failure,activityFailureInfo,identity}',
	'{"retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET", "failure": {"message": "Activity task failed",
		"activityFailureInfo": {"activityId": "1", "activityType": {"name": "inner_error"}, "scheduledEventId": 2, "startedEventId": 3, "retryState": "RETRY_STATE_NON_RETRYABLE_FAILURE"},
		"cause": {"message": "out of stock", "source": "temporal_pg", "applicationFailureInfo": {"type": "Stock", "details": {"item": 7}, "nonRetryable": true, "category": "APPLICATION_ERROR_CATEGORY_BENIGN"}}}}'::jsonb,
	'E-01, E-04: a failure that escapes is recorded as it was');
SELECT is((SELECT (j ->> 'kind', j #>> '{cause,type}') FROM (SELECT substr(pg_temp.error_of($$SELECT temporal.result('chain')$$), 7)::jsonb AS j) x), ROW('activity'::text, 'Stock'::text), 'E-18: the client sees the chain in DETAIL');
SELECT is(left(pg_temp.error_of($$SELECT temporal.result('chain')$$), 5), 'TF007', 'E-18: the SQLSTATE is that of a failed workflow');

-- errors that carry much
CREATE FUNCTION sql_error(how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'unique' THEN
		INSERT INTO ledger_pk VALUES (1), (1);
	ELSIF how = 'missing' THEN
		PERFORM * FROM no_such_table;
	ELSE
		PERFORM 1 / 0;
	END IF;
END $$;
CREATE TABLE ledger_pk (id int PRIMARY KEY);
CREATE FUNCTION sql_chain(how text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('sql_error', to_jsonb(how), retry_policy => temporal.retry_policy(maximum_attempts => 5, non_retryable_error_types => '{23505,42P01,22012}'));
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN jsonb_build_array(temporal.failure_type(), temporal.failure() #>> '{cause,details,condition}', temporal.failure() #>> '{cause,details,constraint}', temporal.failure() ->> 'retry_state');
END $$;
SELECT temporal.register_activity('sql_error'), temporal.register_workflow('sql_chain');
SELECT is(temporal.test_run('sql_chain', '"unique"'), '["23505", "unique_violation", "ledger_pk_pkey", "non_retryable_failure"]', 'an SQLSTATE can be listed as not retryable: 23505');
SELECT is(temporal.test_run('sql_chain', '"missing"'), '["42P01", "undefined_table", null, "non_retryable_failure"]', 'an SQLSTATE can be listed as not retryable: 42P01');
SELECT is(temporal.test_run('sql_chain', '"zero"'), '["22012", "division_by_zero", null, "non_retryable_failure"]', 'an SQLSTATE can be listed as not retryable: 22012');
SELECT is((SELECT count(*)::int FROM ledger_pk), 0, 'and nothing of the failed attempts is there');

SELECT * FROM finish();
ROLLBACK;
