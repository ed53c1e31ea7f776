-- Heartbeats as activity code sends them, under a virtual clock: arguments, contexts, timeouts, retries. With real
-- executors: test/tap/310_heartbeats.pl.
BEGIN;
SELECT plan(54);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql
\ir ../lib/histories.sql

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- what an attempt that is rolled back has seen: a sequence is not
CREATE SEQUENCE seen MINVALUE 0 START 0;
CREATE FUNCTION saw() RETURNS bigint LANGUAGE sql AS $$SELECT last_value FROM seen$$;
CREATE FUNCTION forget() RETURNS void LANGUAGE sql AS $$SELECT setval('seen', 0)$$;

-- input: {"n": heartbeats, "every": seconds between them, "then": what, "from": details begin there}; fails in its first attempts
CREATE FUNCTION works(i jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	info temporal.activity_info := temporal.activity_info();
BEGIN
	FOR k IN 1 .. coalesce((i ->> 'n')::int, 0) LOOP
		PERFORM temporal.heartbeat(jsonb_build_object('attempt', info.attempt, 'row', k));
		PERFORM pg_sleep(coalesce((i ->> 'every')::float8, 0));
	END LOOP;
	IF info.attempt <= coalesce((i ->> 'fails')::int, 0) THEN
		RAISE 'attempt % fails', info.attempt;
	END IF;
	PERFORM pg_sleep(coalesce((i ->> 'sleeps')::float8, 0));
	RETURN jsonb_build_object('attempt', info.attempt, 'found', info.heartbeat_details);
END $$;
CREATE FUNCTION calls(activity text, i jsonb, heartbeat interval DEFAULT NULL, attempts int DEFAULT 3, start_to_close interval DEFAULT '30 s') RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(activity, i, heartbeat_timeout => heartbeat, start_to_close_timeout => start_to_close,
		retry_policy => temporal.retry_policy(maximum_attempts => attempts, initial_interval => '1 min', backoff_coefficient => 1));
END $$;
SELECT temporal.register_activity('works'), temporal.register_workflow('calls');

CREATE FUNCTION pg_temp.pending(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('attempt', attempt, 'at', last_heartbeat_time - scheduled_time, 'details', heartbeat_details) FROM temporal.pending_activity WHERE workflow_id = id
$$;
CREATE FUNCTION pg_temp.failure_of(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT attributes -> 'failure' FROM temporal.history WHERE workflow_id = id AND event_type = 'ActivityTaskTimedOut'
$$;
CREATE FUNCTION pg_temp.rows_of(id text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM temporal_internal.activity_heartbeat b JOIN temporal_internal.execution e ON e.key = b.execution_key WHERE e.workflow_id = id
$$;

-- ---------- arguments ----------

CREATE TYPE place AS (page int, line int);
CREATE FUNCTION tells(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE how
		WHEN 'nothing' THEN PERFORM temporal.heartbeat();
		WHEN 'null' THEN PERFORM temporal.heartbeat(NULL);
		WHEN 'null jsonb' THEN PERFORM temporal.heartbeat(NULL::jsonb);
		WHEN 'json null' THEN PERFORM temporal.heartbeat('null'::jsonb);
		WHEN 'integer' THEN PERFORM temporal.heartbeat(7);
		WHEN 'text' THEN PERFORM temporal.heartbeat('half'::text);
		WHEN 'literal' THEN PERFORM temporal.heartbeat('{"row": 1}');
		WHEN 'row' THEN PERFORM temporal.heartbeat(ROW(3, 4)::place);
		WHEN 'array' THEN PERFORM temporal.heartbeat('{1,2}'::int[]);
		WHEN 'large' THEN PERFORM temporal.heartbeat(jsonb_build_object('x', repeat('x', 100000)));
		WHEN 'last wins' THEN PERFORM temporal.heartbeat(1), temporal.heartbeat(2);
		WHEN 'none at last' THEN PERFORM temporal.heartbeat(1), temporal.heartbeat();
	END CASE;
	RAISE 'again, please';
END $$;
SELECT temporal.register_activity('tells');
SELECT count(temporal.start_workflow('calls', jsonb_build_array('tells', how), id => how))
	FROM unnest('{nothing,"null",null jsonb,json null,integer,text,literal,row,array,large,last wins,none at last}'::text[]) how;
SELECT temporal.test_drive();
SELECT is(pg_temp.pending(how) - 'details', '{"attempt": 2, "at": "00:00:00"}', how || ': heard of')
	FROM unnest('{nothing,null jsonb}'::text[]) how;
SELECT is(coalesce(pg_temp.pending(how) -> 'details', '"none"'), details::jsonb, how || ' as details')
	FROM (VALUES ('nothing', 'null'), ('null', 'null'), ('null jsonb', 'null'), ('json null', 'null'), ('integer', '7'), ('text', '"half"'), ('literal', '{"row": 1}'),
		('row', '{"page": 3, "line": 4}'), ('array', '[1, 2]'), ('last wins', '2'), ('none at last', 'null')) v (how, details);
SELECT is(length(pg_temp.pending('large') #>> '{details,x}'), 100000, 'large ones');
SELECT ok(heartbeat_details IS NULL, 'no details are NULL') FROM temporal.pending_activity WHERE workflow_id = 'nothing';
SELECT ok(heartbeat_details = 'null', 'JSON null is JSON null') FROM temporal.pending_activity WHERE workflow_id = 'json null';
SELECT matches((SELECT detail FROM temporal.explain('literal')), 'Heartbeat 0 ms ago: {"row": 1}', 'explain() tells it');
SELECT matches((SELECT detail FROM temporal.explain('large')), 'Heartbeat 0 ms ago: {"x": "xxx.*\.\.\.\.', 'and cuts off what is long');
SELECT is((temporal.describe('integer')).pending_activities #> '{0,heartbeat_details}', '7', 'describe() tells it');
SELECT temporal.test_advance('20 s');
SELECT matches((SELECT detail FROM temporal.explain('nothing')), 'Heartbeat 20 s ago\.', 'without details, and how long ago that was');
SELECT count(temporal.terminate(workflow_id)) FROM temporal.workflow WHERE status = 'Running';
SELECT is((SELECT count(*) FROM temporal_internal.activity_heartbeat), 0::bigint, 'a workflow that closes takes them with it');

-- ---------- contexts ----------

CREATE FUNCTION oversized() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.heartbeat('ok'::text);
	PERFORM temporal.heartbeat(to_jsonb(repeat('x', 3 * 1024 * 1024)));
END $$;
CREATE FUNCTION beats() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.heartbeat(1); END $$;
CREATE FUNCTION local_beats() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.execute_local_activity('beats', retry_policy => temporal.retry_policy(maximum_attempts => 1)); END $$;
CREATE FUNCTION code_beats() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.heartbeat(1); END $$;
SELECT temporal.register_activity('oversized'), temporal.register_activity('beats'), temporal.register_workflow('local_beats'), temporal.register_workflow('code_beats');
SELECT is(pg_temp.sqlstate_of('SELECT temporal.heartbeat()'), 'TP021', 'a session is no activity');
SELECT is(pg_temp.sqlstate_of('SELECT temporal.cancellation_details()'), 'TP021', 'nor is it asked to stop');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('code_beats')$$), 'TP021', 'workflow code is no activity');
SELECT matches(pg_temp.detail_of($$SELECT temporal.test_run('local_beats')$$), '"type": "TP021"', 'D-34: local activities send none');
SELECT matches(pg_temp.detail_of($$SELECT temporal.test_run('local_beats')$$), 'a local activity sends no heartbeats', 'and it says so');
SELECT is(temporal.test_run('calls', '["beats", null]'::jsonb), 'null', 'without a heartbeat timeout');
SELECT matches(pg_temp.detail_of($$SELECT temporal.test_run('calls', '["oversized", null, null, 1]'::jsonb)$$), '"type": "TP025".*heartbeat details', 'D-17: too large is TP025, at the call');
SELECT matches(pg_temp.detail_of($$SELECT temporal.test_run('calls', '["oversized", null, null, 1]'::jsonb)$$), 'temporal_pg.max_payload_size', 'and tells the limit');

-- ---------- the next attempt ----------

SELECT temporal.start_workflow('calls', '["works", {"n": 3, "fails": 2}]', id => 'transactional');
SELECT temporal.test_drive();
SELECT is(pg_temp.pending('transactional'), '{"attempt": 2, "at": "00:00:00", "details": {"attempt": 1, "row": 3}}', 'D-15: what was told last is kept when the attempt fails');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.pending('transactional'), '{"attempt": 3, "at": "00:01:00", "details": {"attempt": 2, "row": 3}}', 'and replaced by the next');
SELECT temporal.test_drive('closed', 'transactional');
SELECT is(temporal.result('transactional'), '{"attempt": 3, "found": null}', 'a transactional attempt starts from nothing');
SELECT is(pg_temp.rows_of('transactional'), 0::bigint, 'nothing is left when it has completed');

-- the mode decides when the attempt begins
CREATE FUNCTION pg_temp.set_mode(id text, m int) RETURNS void LANGUAGE sql AS $$
	UPDATE temporal_internal.activity_task a SET mode = m FROM temporal_internal.execution e WHERE e.key = a.execution_key AND e.workflow_id = id
$$;
SELECT temporal.start_workflow('calls', '["works", {"n": 3, "fails": 1}]', id => 'carried');
SELECT temporal.start_workflow('calls', '["works", {"n": 0, "fails": 1}]', id => 'silent');
SELECT temporal.test_drive();
SELECT pg_temp.set_mode('carried', 2), pg_temp.set_mode('silent', 2);
SELECT temporal.test_drive('closed', 'carried'), temporal.test_drive('closed', 'silent');
SELECT is(temporal.result('carried'), '{"attempt": 2, "found": {"attempt": 1, "row": 3}}', 'D-16: another mode finds what was told last, whatever it tells itself');
SELECT is(temporal.result('silent'), '{"attempt": 2, "found": null}', 'or nothing where nothing was told');
SELECT is(pg_temp.rows_of('carried'), 0::bigint, 'nothing is left of that either');

-- ---------- timeouts: of real time ----------

SELECT temporal.start_workflow('calls', '["works", {"n": 1, "sleeps": 20}, "0.2 s", 2]', id => 'stops');
SELECT temporal.test_drive();
SELECT is(pg_temp.pending('stops'), '{"attempt": 2, "at": "00:00:00", "details": {"attempt": 1, "row": 1}}', 'one that stops times out, and is tried again');
SELECT is((SELECT last_failure FROM temporal.pending_activity WHERE workflow_id = 'stops'),
	'{"source": "Server", "message": "activity Heartbeat timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": {"attempt": 1, "row": 1}}}', 'its failure tells the last details');
SELECT temporal.test_drive('closed', 'stops');
SELECT is(pg_temp.failure_of('stops') -> 'timeoutFailureInfo', '{"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": {"attempt": 2, "row": 1}}', 'so does the event of the last one');
SELECT matches(pg_temp.detail_of($$SELECT temporal.result('stops')$$), '"type": "heartbeat"', 'result() tells which timeout');
SELECT is(pg_temp.rows_of('stops'), 0::bigint, 'and its row is gone');

SELECT temporal.start_workflow('calls', '["works", {"n": 1, "sleeps": 20}, "0.2 s", 1]', id => 's6');
SELECT temporal.test_drive('closed', 's6');
SELECT pg_temp.follows('s6', $$
	1 +0 WorkflowExecutionStarted {"input": ["works", {"n": 1, "sleeps": 20}, "0.2 s", 1], "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "calls"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": {"n": 1, "sleeps": 20}, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "60s", "maximumAttempts": 1, "maximumInterval": "6000s", "backoffCoefficient": 1}, "activityType": {"name": "works"}, "heartbeatTimeout": "0.200s", "startToCloseTimeout": "30s"}
	3 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 2}
	4 +0 ActivityTaskTimedOut {"failure": {"source": "Server", "message": "activity Heartbeat timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": {"row": 1, "attempt": 1}}}, "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "startedEventId": 3, "scheduledEventId": 2}
	5 +0 WorkflowExecutionFailed {"failure": {"cause": {"source": "Server", "message": "activity Heartbeat timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": {"row": 1, "attempt": 1}}}, "message": "Activity task timed out", "activityFailureInfo": {"activityId": "1", "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "activityType": {"name": "works"}, "startedEventId": 3, "scheduledEventId": 2}}, "retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"}
$$, 'S-6: heartbeat timeout of the only attempt');

SELECT is(temporal.test_run('calls', '["works", {"n": 8, "every": 0.1}, "0.4 s", 1]'::jsonb, id => 'alive'), '{"attempt": 1, "found": null}', 'each heartbeat puts its timeout off');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('calls', '["works", {"n": 100, "every": 0.1}, "0.4 s", 1, "0.6 s"]'::jsonb, id => 'endless')$$), 'TF007', 'not its start-to-close timeout');
SELECT temporal.start_workflow('calls', '["works", {"n": 100, "every": 0.1}, "0.4 s", 1, "0.6 s"]', id => 'too long');
SELECT temporal.test_drive('closed', 'too long');
SELECT is((pg_temp.failure_of('too long') #>> '{timeoutFailureInfo,timeoutType}', (pg_temp.failure_of('too long') #>> '{timeoutFailureInfo,lastHeartbeatDetails,row}')::int BETWEEN 3 AND 7), ('TIMEOUT_TYPE_START_TO_CLOSE'::text, true), 'which tells the last details, too');

-- attempt 1 tells something and fails, attempt 2 nothing
CREATE FUNCTION silent_at_last() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.activity_info()).attempt = 1 THEN
		PERFORM temporal.heartbeat('from the first'::text);
		RAISE 'fails';
	END IF;
	PERFORM pg_sleep(20);
END $$;
SELECT temporal.register_activity('silent_at_last');
SELECT temporal.start_workflow('calls', '["silent_at_last", null, "0.2 s", 2]', id => 'silent at last');
SELECT temporal.test_drive('closed', 'silent at last');
SELECT is(pg_temp.failure_of('silent at last') #> '{timeoutFailureInfo,lastHeartbeatDetails}', '"from the first"', 'D-16: the failure tells the details of any attempt');

-- too late: 1 cancelled by the timeout, then 2 TF005 of a heartbeat, 3 which interrupts once more
CREATE FUNCTION too_late() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM temporal.heartbeat(1);
	BEGIN
		PERFORM pg_sleep(20);
	EXCEPTION WHEN query_canceled THEN
		PERFORM setval('seen', CASE WHEN (temporal.cancellation_details()).timed_out AND NOT (temporal.cancellation_details()).cancel_requested THEN 1 ELSE 100 END);
	END;
	BEGIN
		PERFORM temporal.heartbeat(2);
	EXCEPTION WHEN SQLSTATE 'TF005' THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		PERFORM setval('seen', saw() + CASE WHEN detail::jsonb ->> 'type' = 'heartbeat' THEN 2 ELSE 200 END);
	END;
	RETURN 'returns';
END $$;
SELECT temporal.register_activity('too_late');
SELECT temporal.start_workflow('calls', '["too_late", null, "0.2 s", 1]', id => 'too late');
SELECT temporal.test_drive('closed', 'too late');
SELECT is(saw(), 3::bigint, 'after its timeout a heartbeat raises TF005, and cancellation_details() tells that its time is over');
SELECT is(pg_temp.failure_of('too late') -> 'timeoutFailureInfo', '{"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": 1}', 'whatever it returns, it has timed out, and what it told too late is not kept');

-- not asked to stop
CREATE FUNCTION asks() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN jsonb_build_object('asked', temporal.cancellation_details() IS NOT NULL); END $$;
SELECT temporal.register_activity('asks');
SELECT is(temporal.test_run('calls', '["asks", null]'::jsonb), '{"asked": false}', 'cancellation_details() is NULL where nobody has asked');

-- ---------- with complete_async() ----------

CREATE TABLE token (token text);
CREATE FUNCTION goes_on() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.heartbeat('began'::text), temporal.complete_async();
	INSERT INTO token VALUES ((temporal.activity_info()).task_token);
END $$;
SELECT temporal.register_activity('goes_on');
SELECT temporal.start_workflow('calls', '["goes_on", null, "10 s", 1]', id => 'goes on');
SELECT temporal.test_drive();
SELECT is(pg_temp.pending('goes on') -> 'details', '"began"', 'an attempt that stays open keeps its heartbeat');
SELECT temporal.test_advance('8 s');
SELECT temporal.heartbeat_activity((SELECT token FROM token), '"goes on"');
SELECT temporal.test_advance('8 s');
SELECT is(pg_temp.pending('goes on'), '{"attempt": 1, "at": "00:00:08", "details": "goes on"}', 'and others go on with it');
SELECT temporal.test_advance('3 s');
SELECT is(pg_temp.failure_of('goes on') -> 'timeoutFailureInfo', '{"timeoutType": "TIMEOUT_TYPE_HEARTBEAT", "lastHeartbeatDetails": "goes on"}', 'until they stop');

-- ---------- rights ----------

CREATE ROLE heartbeat_stranger;
SELECT temporal.start_workflow('calls', '["tells", "integer"]', id => 'seen');
SELECT temporal.test_drive();
SET LOCAL ROLE heartbeat_stranger;
SELECT is((SELECT count(*) FROM temporal.pending_activity), 0::bigint, 'whoever may not see the namespace sees no heartbeat');
SELECT is(pg_temp.sqlstate_of('SELECT * FROM temporal_internal.heartbeats()'), '42501', 'in shared memory either');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
