-- What fail_activity() and mock_activity() take as a failure, and what they refuse; how sizes are complained of.
BEGIN;
SELECT plan(40);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

CREATE TABLE asked (id serial, workflow_id text, token text);
CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS $$
DECLARE i temporal.activity_info := temporal.activity_info();
BEGIN
	INSERT INTO asked (workflow_id, token) VALUES (i.workflow_id, i.task_token);
	PERFORM temporal.complete_async();
END $$;
CREATE FUNCTION wf() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('ask', activity_id => 'a', start_to_close_timeout => '1 day');
END $$;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.register_activity('ask'), temporal.register_workflow('wf');
CREATE FUNCTION pg_temp.token(id text) RETURNS text LANGUAGE sql AS 'SELECT a.token FROM asked a WHERE a.workflow_id = $1 ORDER BY a.id DESC LIMIT 1';
CREATE FUNCTION pg_temp.asks(id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow('wf', id => id);
	PERFORM temporal.test_drive('idle');
END $$;
CREATE FUNCTION pg_temp.pending(id text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('|', state, attempt, last_failure_message) FROM temporal.pending_activity WHERE workflow_id = id
$$;

-- what would be lost without a word if it were taken
SELECT pg_temp.asks('odd');
CREATE FUNCTION pg_temp.refused(failure jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
	PERFORM temporal.fail_activity(pg_temp.token('odd'), failure);
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT is(pg_temp.refused(failure), said, failure::text)
FROM (VALUES
	('{"nonRetryable": true}'::jsonb, '22023 | the failure has a member "nonRetryable", which is not known | Write non_retryable.'),
	('{"NextRetryDelay": "1s"}', '22023 | the failure has a member "NextRetryDelay", which is not known | Write next_retry_delay.'),
	('{"error": "x"}', '22023 | the failure has a member "error", which is not known | Members of a failure of kind application are message, type, details, non_retryable, next_retry_delay, category, cause, kind, source, stack_trace. What else is to be told goes into details.'),
	('{"applicationFailureInfo": {}}', '22023 | the failure has a member "applicationFailureInfo", which is not known | Members of a failure of kind application are message, type, details, non_retryable, next_retry_delay, category, cause, kind, source, stack_trace. What else is to be told goes into details.'),
	('{"activity_id": "a"}', '22023 | the failure has a member "activity_id", which is not known | Members of a failure of kind application are message, type, details, non_retryable, next_retry_delay, category, cause, kind, source, stack_trace. What else is to be told goes into details.'),
	('{"message": 5}', '22023 | message of the failure must be a string | It is 5.'),
	('{"message": {"text": "x"}}', '22023 | message of the failure must be a string | It is {"text": "x"}.'),
	('{"type": ["Declined"]}', '22023 | type of the failure must be a string | It is ["Declined"].'),
	('{"non_retryable": 1}', '22023 | non_retryable of the failure must be true or false | It is 1.'),
	('{"non_retryable": "true"}', '22023 | non_retryable of the failure must be true or false | It is "true".'),
	('{"next_retry_delay": 90}', '22023 | next_retry_delay of the failure must be a string | It is 90. | For example "90s" or "1.5 min".'),
	('{"next_retry_delay": "1000 years"}', '22023 | next_retry_delay is out of range | At most 100 years are possible.'),
	('{"cause": "text"}', '22023 | cause of the failure must be an object | It is "text". | A cause is a failure itself: {"message": "no route to host"}, say.'),
	('{"cause": [{"message": "x"}]}', '22023 | cause of the failure must be an object | It is [{"message": "x"}]. | A cause is a failure itself: {"message": "no route to host"}, say.'),
	('{"cause": {"non_retryable": 0}}', '22023 | non_retryable of the cause of the failure must be true or false | It is 0.'),
	('{"cause": {"cause": {"messsage": "x", "kind": "terminated"}}}', '22023 | the cause of a cause of the failure has a member "messsage", which is not known | Members of a failure of kind terminated are message, cause, kind, source, stack_trace. What else is to be told goes into details.'),
	('{"cause": {"kind": "timeout", "type": "soon"}}', '22023 | invalid type "soon" of the cause of the failure | It is one of start_to_close, schedule_to_start, schedule_to_close, heartbeat, await.'),
	('{"cause": {"kind": "activity", "retry_state": "again"}}', '22023 | invalid retry_state "again" of the cause of the failure | It is one of in_progress, non_retryable_failure, timeout, maximum_attempts_reached, retry_policy_not_set, internal_server_error, cancel_requested.'),
	('{"cause": {"kind": "activity", "scheduled_event_id": "5"}}', '22023 | scheduled_event_id of the cause of the failure must be a number | It is "5".'),
	('5', '22023 | failure must be an object or a string, its message | It is 5. | For example ''{"message": "card declined", "type": "CardDeclined", "non_retryable": true}''.'),
	('true', '22023 | failure must be an object or a string, its message | It is true. | For example ''{"message": "card declined", "type": "CardDeclined", "non_retryable": true}''.'),
	('["x"]', '22023 | failure must be an object or a string, its message | It is ["x"]. | For example ''{"message": "card declined", "type": "CardDeclined", "non_retryable": true}''.')) v (failure, said);
SELECT matches(pg_temp.refused(jsonb_build_object('type', repeat('x', 1001))), '^22023 \| error type is too long', 'a type as raise_application_error() takes it');
SELECT is(pg_temp.pending('odd'), 'Started|1', '... the attempt is still open');
SELECT is(pg_temp.refused('{"message": "m", "type": null, "details": [1], "non_retryable": false, "cause": {"message": null, "cause": {"kind": "activity", "activity_type": "t", "activity_id": "7", "started_event_id": 3, "retry_state": "timeout", "cause": {"kind": "timeout", "type": "heartbeat", "last_heartbeat_details": 5}}}}'), 'ok', 'null is none; all members of a chain are known');
-- whatever failure() gives can be a cause
CREATE FUNCTION gives_failure(how text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE f temporal.future;
BEGIN
	IF how = 'child' THEN
		PERFORM temporal.execute_child_workflow('gives_failure', 'fails'::text);
	ELSIF how = 'await' THEN
		PERFORM temporal.await(temporal.start_wait_signal('never'), '1 hour');
	ELSIF how = 'cancelled' THEN
		f := temporal.start_activity('ask');
		PERFORM temporal.cancel(f);
		PERFORM temporal.await(f);
	ELSIF how = 'heartbeat' THEN
		PERFORM temporal.execute_activity('ask', heartbeat_timeout => '1 min', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	ELSE
		PERFORM temporal.execute_activity('raise_it', how, retry_policy => temporal.retry_policy(maximum_attempts => 1));
	END IF;
	RETURN NULL;
EXCEPTION WHEN SQLSTATE 'TF000' THEN
	IF how = 'fails' THEN RAISE; END IF;
	RETURN temporal.failure();
END $$;
CREATE FUNCTION raise_it(how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'error' THEN
		PERFORM 1 / 0;
	END IF;
	PERFORM temporal.raise_application_error('no', 'Own', '{"a": 1}', true, '5 s', 'benign');
END $$;
SELECT temporal.register_workflow('gives_failure'), temporal.register_activity('raise_it');
CREATE TEMP TABLE given AS SELECT how, temporal.test_run('gives_failure', to_jsonb(how)) AS failure FROM unnest('{child,await,cancelled,heartbeat,error,application}'::text[]) how;
SELECT pg_temp.asks('caused by ' || how) FROM given;
SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.fail_activity(%L, %L)', pg_temp.token('caused by ' || how), jsonb_build_object('cause', failure))), 'ok', format('what failure() gives is a cause: %s, %s', how, failure ->> 'kind')) FROM given;
SELECT results_eq($$SELECT how, concat_ws(' ', failure ->> 'kind', failure #>> '{cause,kind}', failure #>> '{cause,cause,kind}') FROM given ORDER BY 1$$,
	$$VALUES ('application', 'activity application'), ('await', 'timeout'), ('cancelled', 'activity cancelled'), ('child', 'child_workflow activity application'), ('error', 'activity application'), ('heartbeat', 'activity timeout')$$, '... of all these kinds');

-- a mock fails so, too
CREATE FUNCTION mocked() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('raise_it', 'mocked'::text, retry_policy => temporal.retry_policy(maximum_attempts => 1));
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN temporal.failure() -> 'cause';
END $$;
SELECT temporal.register_workflow('mocked');
SELECT is(pg_temp.message_of($$SELECT temporal.mock_activity('raise_it', fails => '{"nonRetryable": true}')$$), 'the failure has a member "nonRetryable", which is not known', 'a mock takes no other failures');
SELECT temporal.mock_activity('raise_it', fails => '{"type": "Mocked", "category": "benign", "cause": {"message": "inner"}}');
SELECT is(temporal.test_run('mocked'), '{"kind": "application", "type": "Mocked", "cause": {"kind": "application", "message": "inner", "non_retryable": false}, "source": "temporal_pg", "message": "mocked failure", "category": "benign", "non_retryable": false}', 'and tells all of it');

-- ---------- too large ----------

SELECT is(pg_temp.message_of(format('SELECT temporal.heartbeat_activity(%L, to_jsonb(repeat(''x'', 3000000)))', pg_temp.token('odd'))), 'details are too large', 'more than one is are');
SELECT matches(pg_temp.detail_of(format('SELECT temporal.heartbeat_activity(%L, to_jsonb(repeat(''x'', 3000000)))', pg_temp.token('odd'))), '^They have \d+ bytes; the limit is \d+\.$', '... and have');
SELECT is(pg_temp.message_of($$SELECT temporal.terminate('odd', details => (repeat('[', 5000) || repeat(']', 5000))::jsonb)$$), 'details are nested too deep', '... and nested');
SELECT is(pg_temp.message_of(format('SELECT temporal.complete_activity(%L, to_jsonb(repeat(''x'', 3000000)))', pg_temp.token('odd'))), 'result is too large', 'one is');
SELECT is(pg_temp.message_of($$SELECT temporal.start_workflow('wf', search_attributes => (SELECT jsonb_object_agg('a' || i, i) FROM generate_series(1, 1000) i))$$), 'too many search attributes', 'a number is no size');
SELECT is(pg_temp.message_of($$SELECT temporal.start_workflow('wf', static_details => repeat('x', 300000))$$), 'static_details are too large', 'an argument');

SELECT * FROM finish();
ROLLBACK;
