-- Histories, event by event with their attributes, as Temporal's server writes them but without
-- the WorkflowTask events of runs that are driven in the database.
BEGIN;
SELECT plan(44);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql
\ir ../lib/histories.sql

CREATE FUNCTION greet(name text) RETURNS text LANGUAGE sql AS $$SELECT 'hello ' || name$$;
CREATE FUNCTION flaky(good_attempt int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.activity_info()).attempt < good_attempt THEN
		PERFORM temporal.raise_application_error(format('attempt %s', (temporal.activity_info()).attempt), 'Flaky', '{"k": 1}');
	END IF;
	RETURN 'ok';
END $$;
CREATE FUNCTION slow() RETURNS void LANGUAGE sql AS $$SELECT pg_sleep(5)$$;
SELECT temporal.register_activity('greet'), temporal.register_activity('flaky'), temporal.register_activity('slow');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
CREATE FUNCTION hello(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('greet', name, summary => 'says hello', activity_id => NULL) #>> '{}';
END $$;
CREATE FUNCTION nap(d interval) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep(d); END $$;
CREATE FUNCTION racing() RETURNS text LANGUAGE plpgsql AS $$
DECLARE f temporal.future := temporal.start_activity('greet', 'x'::text);
BEGIN
	PERFORM temporal.await(f, '1 hour');
	PERFORM temporal.await(f, '1 hour');
	RETURN temporal.await_any(ARRAY[temporal.start_timer('1 min', 'short'), temporal.start_timer('2 min')], '90 s');
END $$;
CREATE FUNCTION retrying(good int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('flaky', good, start_to_close_timeout => '10 s', retry_policy => temporal.retry_policy('1 s', 2, '10 s', 3, '{Other}')) #>> '{}';
END $$;
CREATE FUNCTION caught(good int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM retrying(good);
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure_type();
END $$;
CREATE FUNCTION unstarted() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('nobody', schedule_to_start_timeout => '30 s');
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure() #>> '{cause,type}';
END $$;
SELECT temporal.register_workflow(x) FROM unnest('{hello,nap,racing,retrying,caught}'::text[]) x;
SELECT temporal.start_workflow('hello', '"ann"', id => 's1', memo => '{"a": 1}');
SELECT temporal.test_drive('closed');
SELECT temporal.start_workflow('nap', '"1 hour"', id => 's2');
SELECT temporal.start_workflow('nap', '"0"', id => 's2z');
SELECT temporal.start_workflow('racing', id => 's3');
SELECT temporal.start_workflow('retrying', '3', id => 's4');
SELECT temporal.start_workflow('retrying', '9', id => 's5');
SELECT temporal.start_workflow('caught', '9', id => 's5c');
SELECT temporal.test_drive('closed');
CREATE FUNCTION nobody() RETURNS void LANGUAGE sql AS $$SELECT$$;
SELECT temporal.register_activity('nobody'), temporal.register_workflow('unstarted');
-- its queue is one that nobody polls
CREATE FUNCTION pg_temp.hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.due_at := 'infinity'; RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON temporal_internal.activity_task FOR EACH ROW WHEN (NEW.activity_type = 'nobody') EXECUTE FUNCTION pg_temp.hold();
SELECT temporal.start_workflow('unstarted', id => 's7');

CREATE FUNCTION late() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('slow', schedule_to_close_timeout => '3 s', start_to_close_timeout => '0.02 s', retry_policy => temporal.retry_policy('2 s', 2));
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure() #>> '{cause,type}';
END $$;
CREATE FUNCTION late_failing() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('flaky', 9, schedule_to_close_timeout => '4 s', retry_policy => temporal.retry_policy('2 s', 2));
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure() #>> '{cause,message}';
END $$;
CREATE FUNCTION unstarted_close() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('nobody', schedule_to_close_timeout => '20 s');
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure() #>> '{cause,type}';
END $$;
CREATE FUNCTION in_backoff() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('flaky', 9, schedule_to_close_timeout => '4 s', start_to_close_timeout => '1 s', retry_policy => temporal.retry_policy('3 s'));
EXCEPTION WHEN SQLSTATE 'TF002' THEN RETURN temporal.failure() #>> '{cause,type}';
END $$;
CREATE FUNCTION timing_out() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('slow', start_to_close_timeout => '0.02 s', retry_policy => temporal.retry_policy(maximum_attempts => 1));
END $$;
SELECT temporal.register_workflow(x) FROM unnest('{late,late_failing,unstarted_close,in_backoff,timing_out}'::text[]) x;
SELECT temporal.start_workflow('late', id => 's8');
SELECT temporal.start_workflow('late_failing', id => 's8f');
SELECT temporal.start_workflow('unstarted_close', id => 's8u');
SELECT temporal.start_workflow('in_backoff', id => 's8b');
SELECT temporal.start_workflow('timing_out', id => 'stc');

CREATE TABLE ledger (what text);
CREATE FUNCTION note(w text) RETURNS int LANGUAGE sql AS $$INSERT INTO ledger VALUES (w); SELECT count(*)::int FROM ledger$$;
CREATE FUNCTION local() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
	n := temporal.execute_local_activity('note', 'a'::text);
	PERFORM temporal.execute_local_activity('flaky', 2, retry_policy => temporal.retry_policy('5 s'));
	BEGIN
		PERFORM temporal.execute_local_activity('flaky', 9, retry_policy => temporal.retry_policy(maximum_attempts => 1));
	EXCEPTION WHEN SQLSTATE 'TF002' THEN NULL;
	END;
	RETURN n + temporal.side_effect('SELECT $1 + 5', 1)::int;
END $$;
SELECT temporal.register_activity('note');
SELECT temporal.register_workflow('local');
SELECT temporal.start_workflow('local', id => 's29');
SELECT temporal.start_workflow('nap', '"1 hour"', id => 's22');
SELECT temporal.test_drive();
SELECT temporal.terminate('s22', 'why', '[1]');
SELECT temporal.start_workflow('nap', '"1 hour"', id => 's22u');
SELECT temporal.terminate('s22u');
SELECT temporal.test_drive('closed');

-- D-02, with a run timeout of 100 s
CREATE FUNCTION normalized() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('greet', 'stc only'::text, start_to_close_timeout => '5 s');
	PERFORM temporal.execute_activity('greet', 's2c only'::text, schedule_to_close_timeout => '5 s');
	PERFORM temporal.execute_activity('greet', 'all'::text, schedule_to_close_timeout => '50 s', schedule_to_start_timeout => '60 s', start_to_close_timeout => '70 s', heartbeat_timeout => '80 s');
	PERFORM temporal.execute_activity('greet', 'beyond the run'::text, schedule_to_close_timeout => '3 h', start_to_close_timeout => '2 h', heartbeat_timeout => '2 s');
END $$;
SELECT temporal.register_workflow('normalized');
SELECT temporal.start_workflow('normalized', id => 'opts', run_timeout => '100 s');
SELECT temporal.test_drive('closed');

SELECT pg_temp.follows('s1', $$
	1 +0 WorkflowExecutionStarted {"memo": {"a": 1}, "input": "ann", "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "hello"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": "ann", "taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "greet"}, "startToCloseTimeout": "60s"}
	3 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 2}
	4 +0 ActivityTaskCompleted {"result": "hello ann", "startedEventId": 3, "scheduledEventId": 2}
	5 +0 WorkflowExecutionCompleted {"result": "hello ann"}
$$, 'S-1: hello, activity');

SELECT pg_temp.follows('s2', $$
	1 +0 WorkflowExecutionStarted {"input": "1 hour", "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "nap"}, "workflowTaskTimeout": "10s"}
	2 +0 TimerStarted {"timerId": "1", "startToFireTimeout": "3600s"}
	3 +3600 TimerFired {"timerId": "1", "startedEventId": 2}
	4 +3600 WorkflowExecutionCompleted {"result": null}
$$, 'S-2: a timer');

SELECT pg_temp.follows('s2z', $$
	1 +0 WorkflowExecutionStarted {"input": "0", "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "nap"}, "workflowTaskTimeout": "10s"}
	2 +0 TimerStarted {"timerId": "1", "startToFireTimeout": "0s"}
	3 +0 TimerFired {"timerId": "1", "startedEventId": 2}
	4 +0 WorkflowExecutionCompleted {"result": null}
$$, 'S-2: a timer of no duration');

SELECT pg_temp.follows('s3', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "racing"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": "x", "taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "greet"}, "startToCloseTimeout": "60s"}
	3 +0 TimerStarted {"timerId": "1", "startToFireTimeout": "3600s"}
	4 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 2}
	5 +0 ActivityTaskCompleted {"result": "hello x", "startedEventId": 4, "scheduledEventId": 2}
	6 +0 TimerCanceled {"timerId": "1", "startedEventId": 3}
	7 +0 TimerStarted {"timerId": "2", "startToFireTimeout": "60s"}
	8 +0 TimerStarted {"timerId": "3", "startToFireTimeout": "120s"}
	9 +0 TimerStarted {"timerId": "4", "startToFireTimeout": "90s"}
	10 +60 TimerFired {"timerId": "2", "startedEventId": 7}
	11 +60 TimerCanceled {"timerId": "4", "startedEventId": 9}
	12 +60 WorkflowExecutionCompleted {"result": "timer:2"}
$$, 'S-3: timers cancelled later; none where what is awaited is done');

SELECT pg_temp.follows('s4', $$
	1 +0 WorkflowExecutionStarted {"input": 3, "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "retrying"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": 3, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "1s", "maximumAttempts": 3, "maximumInterval": "10s", "backoffCoefficient": 2, "nonRetryableErrorTypes": ["Other"]}, "activityType": {"name": "flaky"}, "startToCloseTimeout": "10s"}
	3 +3 ActivityTaskStarted {"attempt": 3, "lastFailure": {"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "scheduledEventId": 2}
	4 +3 ActivityTaskCompleted {"result": "ok", "startedEventId": 3, "scheduledEventId": 2}
	5 +3 WorkflowExecutionCompleted {"result": "ok"}
$$, 'S-4: two retries, then success');

SELECT pg_temp.follows('s5', $$
	1 +0 WorkflowExecutionStarted {"input": 9, "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "retrying"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": 9, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "1s", "maximumAttempts": 3, "maximumInterval": "10s", "backoffCoefficient": 2, "nonRetryableErrorTypes": ["Other"]}, "activityType": {"name": "flaky"}, "startToCloseTimeout": "10s"}
	3 +3 ActivityTaskStarted {"attempt": 3, "lastFailure": {"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "scheduledEventId": 2}
	4 +3 ActivityTaskFailed {"failure": {"source": "temporal_pg", "message": "attempt 3", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "startedEventId": 3, "scheduledEventId": 2}
	5 +3 WorkflowExecutionFailed {"failure": {"cause": {"source": "temporal_pg", "message": "attempt 3", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "message": "Activity task failed", "activityFailureInfo": {"activityId": "1", "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "activityType": {"name": "flaky"}, "startedEventId": 3, "scheduledEventId": 2}}, "retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"}
$$, 'S-5: an activity that fails for good, and its workflow');

SELECT pg_temp.follows('s5c', $$
	1 +0 WorkflowExecutionStarted {"input": 9, "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "caught"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": 9, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "1s", "maximumAttempts": 3, "maximumInterval": "10s", "backoffCoefficient": 2, "nonRetryableErrorTypes": ["Other"]}, "activityType": {"name": "flaky"}, "startToCloseTimeout": "10s"}
	3 +3 ActivityTaskStarted {"attempt": 3, "lastFailure": {"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "scheduledEventId": 2}
	4 +3 ActivityTaskFailed {"failure": {"source": "temporal_pg", "message": "attempt 3", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "startedEventId": 3, "scheduledEventId": 2}
	5 +3 WorkflowExecutionCompleted {"result": "Flaky"}
$$, 'S-5: and a workflow that catches it');

SELECT pg_temp.follows('s7', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "unstarted"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "nobody"}, "startToCloseTimeout": "60s", "scheduleToStartTimeout": "30s"}
	3 +30 ActivityTaskTimedOut {"failure": {"source": "Server", "message": "activity ScheduleToStart timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_START"}}, "retryState": "RETRY_STATE_TIMEOUT", "startedEventId": 0, "scheduledEventId": 2}
	4 +30 WorkflowExecutionCompleted {"result": "schedule_to_start"}
$$, 'S-7: schedule-to-start timeout');

SELECT pg_temp.follows('s8', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "late"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "2s", "maximumInterval": "200s", "backoffCoefficient": 2}, "activityType": {"name": "slow"}, "startToCloseTimeout": "0.020s", "scheduleToCloseTimeout": "3s", "scheduleToStartTimeout": "3s"}
	3 +2 ActivityTaskStarted {"attempt": 2, "lastFailure": {"source": "Server", "message": "activity StartToClose timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}}, "scheduledEventId": 2}
	4 +2 ActivityTaskTimedOut {"failure": {"cause": {"source": "Server", "message": "activity StartToClose timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}}, "source": "Server", "message": "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"}}, "retryState": "RETRY_STATE_TIMEOUT", "startedEventId": 3, "scheduledEventId": 2}
	5 +2 WorkflowExecutionCompleted {"result": "schedule_to_close"}
$$, 'S-8, D-19: a timed out attempt whose retry would not fit');

SELECT pg_temp.follows('s8f', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "late_failing"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": 9, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "2s", "maximumInterval": "200s", "backoffCoefficient": 2}, "activityType": {"name": "flaky"}, "startToCloseTimeout": "4s", "scheduleToCloseTimeout": "4s", "scheduleToStartTimeout": "4s"}
	3 +2 ActivityTaskStarted {"attempt": 2, "lastFailure": {"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "scheduledEventId": 2}
	4 +2 ActivityTaskFailed {"failure": {"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "retryState": "RETRY_STATE_TIMEOUT", "startedEventId": 3, "scheduledEventId": 2}
	5 +2 WorkflowExecutionCompleted {"result": "attempt 2"}
$$, 'S-8, D-19: a failed attempt whose retry would not fit');

SELECT pg_temp.follows('s8u', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "unstarted_close"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "nobody"}, "startToCloseTimeout": "20s", "scheduleToCloseTimeout": "20s", "scheduleToStartTimeout": "20s"}
	3 +20 ActivityTaskTimedOut {"failure": {"source": "Server", "message": "activity ScheduleToClose timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"}}, "retryState": "RETRY_STATE_TIMEOUT", "startedEventId": 0, "scheduledEventId": 2}
	4 +20 WorkflowExecutionCompleted {"result": "schedule_to_close"}
$$, 'S-8: schedule-to-close while it waits for a worker');

SELECT pg_temp.follows('s8b', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "in_backoff"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": 9, "taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "3s", "maximumInterval": "300s", "backoffCoefficient": 2}, "activityType": {"name": "flaky"}, "startToCloseTimeout": "1s", "scheduleToCloseTimeout": "4s", "scheduleToStartTimeout": "4s"}
	3 +3 ActivityTaskStarted {"attempt": 2, "lastFailure": {"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "scheduledEventId": 2}
	4 +3 ActivityTaskFailed {"failure": {"source": "temporal_pg", "message": "attempt 2", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "retryState": "RETRY_STATE_TIMEOUT", "startedEventId": 3, "scheduledEventId": 2}
	5 +3 WorkflowExecutionCompleted {"result": "Flaky"}
$$, 'S-8: the retry would begin in time, but the one after it not');

SELECT pg_temp.follows('stc', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "timing_out"}, "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"taskQueue": {"name": "default"}, "activityId": "1", "retryPolicy": {"initialInterval": "1s", "maximumAttempts": 1, "maximumInterval": "100s", "backoffCoefficient": 2}, "activityType": {"name": "slow"}, "startToCloseTimeout": "0.020s"}
	3 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 2}
	4 +0 ActivityTaskTimedOut {"failure": {"source": "Server", "message": "activity StartToClose timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}}, "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "startedEventId": 3, "scheduledEventId": 2}
	5 +0 WorkflowExecutionFailed {"failure": {"cause": {"source": "Server", "message": "activity StartToClose timeout", "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}}, "message": "Activity task timed out", "activityFailureInfo": {"activityId": "1", "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "activityType": {"name": "slow"}, "startedEventId": 3, "scheduledEventId": 2}}, "retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"}
$$, 'a start-to-close timeout of the last attempt');

SELECT pg_temp.follows('s22', $$
	1 +0 WorkflowExecutionStarted {"input": "1 hour", "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "nap"}, "workflowTaskTimeout": "10s"}
	2 +0 TimerStarted {"timerId": "1", "startToFireTimeout": "3600s"}
	3 +0 WorkflowExecutionTerminated {"reason": "why", "details": [1]}
$$, 'S-22: terminated while it waits');

SELECT pg_temp.follows('s22u', $$
	1 +0 WorkflowExecutionStarted {"input": "1 hour", "attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "nap"}, "workflowTaskTimeout": "10s"}
	2 +0 WorkflowExecutionTerminated {}
$$, 'S-22: terminated before it has begun');

SELECT pg_temp.follows('s29', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "local"}, "workflowTaskTimeout": "10s"}
	2 +0 MarkerRecorded {"details": {"data": {"seq": 1, "attempt": 1, "activityId": "local-1", "activityType": "note", "completeTime": "2030-01-01T01:00:00Z", "originalScheduleTime": "2030-01-01T01:00:00Z"}, "result": 1}, "markerName": "core_local_activity"}
	3 +0 MarkerRecorded {"details": {"data": {"seq": 2, "attempt": 1, "backoff": "5s", "activityId": "local-2", "activityType": "flaky", "completeTime": "2030-01-01T01:00:00Z", "originalScheduleTime": "2030-01-01T01:00:00Z"}}, "failure": {"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "markerName": "core_local_activity"}
	4 +0 TimerStarted {"timerId": "1", "startToFireTimeout": "5s"}
	5 +5 TimerFired {"timerId": "1", "startedEventId": 4}
	6 +5 MarkerRecorded {"details": {"data": {"seq": 2, "attempt": 2, "activityId": "local-2", "activityType": "flaky", "completeTime": "2030-01-01T01:00:05Z", "originalScheduleTime": "2030-01-01T01:00:00Z"}, "result": "ok"}, "markerName": "core_local_activity"}
	7 +5 MarkerRecorded {"details": {"data": {"seq": 3, "attempt": 1, "activityId": "local-3", "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "activityType": "flaky", "completeTime": "2030-01-01T01:00:05Z", "originalScheduleTime": "2030-01-01T01:00:05Z"}}, "failure": {"source": "temporal_pg", "message": "attempt 1", "applicationFailureInfo": {"type": "Flaky", "details": {"k": 1}}}, "markerName": "core_local_activity"}
	8 +5 MarkerRecorded {"details": {"seq": 1, "data": 6}, "markerName": "SideEffect"}
	9 +5 WorkflowExecutionCompleted {"result": 7}
$$, 'S-29: local activities: at once, after a durable backoff, failed; a side effect');

SELECT pg_temp.follows('opts', $$
	1 +0 WorkflowExecutionStarted {"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "normalized"}, "workflowRunTimeout": "100s", "workflowTaskTimeout": "10s"}
	2 +0 ActivityTaskScheduled {"input": "stc only", "taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "greet"}, "startToCloseTimeout": "5s", "scheduleToCloseTimeout": "100s", "scheduleToStartTimeout": "100s"}
	3 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 2}
	4 +0 ActivityTaskCompleted {"result": "hello stc only", "startedEventId": 3, "scheduledEventId": 2}
	5 +0 ActivityTaskScheduled {"input": "s2c only", "taskQueue": {"name": "default"}, "activityId": "2", "activityType": {"name": "greet"}, "startToCloseTimeout": "5s", "scheduleToCloseTimeout": "5s", "scheduleToStartTimeout": "5s"}
	6 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 5}
	7 +0 ActivityTaskCompleted {"result": "hello s2c only", "startedEventId": 6, "scheduledEventId": 5}
	8 +0 ActivityTaskScheduled {"input": "all", "taskQueue": {"name": "default"}, "activityId": "3", "activityType": {"name": "greet"}, "heartbeatTimeout": "50s", "startToCloseTimeout": "50s", "scheduleToCloseTimeout": "50s", "scheduleToStartTimeout": "50s"}
	9 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 8}
	10 +0 ActivityTaskCompleted {"result": "hello all", "startedEventId": 9, "scheduledEventId": 8}
	11 +0 ActivityTaskScheduled {"input": "beyond the run", "taskQueue": {"name": "default"}, "activityId": "4", "activityType": {"name": "greet"}, "heartbeatTimeout": "2s", "startToCloseTimeout": "100s", "scheduleToCloseTimeout": "100s", "scheduleToStartTimeout": "100s"}
	12 +0 ActivityTaskStarted {"attempt": 1, "scheduledEventId": 11}
	13 +0 ActivityTaskCompleted {"result": "hello beyond the run", "startedEventId": 12, "scheduledEventId": 11}
	14 +0 WorkflowExecutionCompleted {"result": null}
$$, 'D-02: timeouts as they are normalized');

-- what holds of every history here
SELECT is_empty($$SELECT workflow_id FROM temporal.history GROUP BY run_id, workflow_id HAVING count(*) <> max(event_id) OR min(event_id) <> 1$$, 'B-01: ids are 1 to n without a gap');
SELECT is_empty($$SELECT w.workflow_id FROM temporal.workflow w WHERE history_length <> (SELECT count(*) FROM temporal.history h WHERE h.run_id = w.run_id)$$, 'and the run knows how many');
SELECT is_empty($$
	SELECT w.workflow_id, w.status, h.event_type FROM temporal.workflow w JOIN temporal.history h ON h.run_id = w.run_id AND h.event_id = w.history_length
	WHERE h.event_type::text <> 'WorkflowExecution' || w.status$$, 'A-09: each is closed by the event of its status');
SELECT is_empty($$SELECT run_id FROM temporal.history WHERE event_type::text ~ '^WorkflowExecution(Completed|Failed|TimedOut|Terminated)' GROUP BY run_id HAVING count(*) <> 1$$, 'A-09: by one event');
SELECT is_empty($$SELECT workflow_id, event_id FROM temporal.history WHERE event_type::text LIKE 'WorkflowTask%'$$, 'no workflow task leaves an event unless it fails');
SELECT is_empty($$SELECT workflow_id FROM (SELECT workflow_id, task_id, lag(task_id) OVER (PARTITION BY run_id ORDER BY event_id) AS before FROM temporal.history WHERE task_id <> 0) x WHERE task_id < before OR task_id > before + 1$$,
	'activations are numbered without a gap');
SELECT is_empty($$SELECT workflow_id, event_id FROM (SELECT *, lag(task_time) OVER (PARTITION BY run_id ORDER BY event_id) AS before FROM temporal.history WHERE task_id <> 0) x WHERE task_time < before$$,
	'G-02: the clock of a workflow does not go back');
SELECT is_empty($$
	SELECT h.workflow_id, h.event_id FROM temporal.history h
	LEFT JOIN temporal.history r ON r.run_id = h.run_id AND r.event_id = (h.attributes ->> 'scheduledEventId')::int AND r.event_type = 'ActivityTaskScheduled'
	WHERE h.attributes ? 'scheduledEventId' AND r.event_id IS NULL$$, 'scheduledEventId is that of an ActivityTaskScheduled');
SELECT is_empty($$
	SELECT h.workflow_id, h.event_id FROM temporal.history h
	LEFT JOIN temporal.history r ON r.run_id = h.run_id AND r.event_id = (h.attributes ->> 'startedEventId')::int AND r.event_type IN ('ActivityTaskStarted', 'TimerStarted')
	WHERE (h.attributes ->> 'startedEventId')::int > 0 AND r.event_id IS NULL$$, 'startedEventId is that of an ActivityTaskStarted or TimerStarted');
SELECT is((SELECT count(*)::int FROM temporal.pending_activity) + (SELECT count(*)::int FROM temporal.timer) + (SELECT count(*)::int FROM temporal.pending_message), 0, 'nothing is left pending');
SELECT lives_ok(format('SELECT temporal.replay(%L)', workflow_id), 'and it is replayed: ' || workflow_id) FROM temporal.workflow ORDER BY workflow_id;

SELECT * FROM finish();
ROLLBACK;
