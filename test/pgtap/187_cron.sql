-- cron: the language of schedules, the runs that follow each other, clocks that change (A-29 to A-32, A-37, A-43, S-27).
BEGIN;
SELECT plan(116);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- what a run tells of itself and of those before it
CREATE FUNCTION job(fails_at int DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
	n int := coalesce((temporal.last_completion_result() ->> 'n')::int, 0) + 1;
BEGIN
	IF n = fails_at AND temporal.last_failure() IS NULL THEN
		PERFORM temporal.raise_application_error('not today', 'Tired');
	END IF;
	RETURN jsonb_build_object('n', n, 'attempt', i.attempt, 'failure', temporal.last_failure() ->> 'message');
END $$;
SELECT temporal.register_workflow('job');

-- ---------- schedules that are none ----------

SELECT is(pg_temp.sqlstate_of(format('SELECT temporal.start_workflow(''job'', cron_schedule => %L)', s)), '22023', 'not: ' || s)
FROM unnest(ARRAY['* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * 0 *', '* * * * 8', 'a * * * *', '-1 * * * *',
	'5-1 * * * *', '*/0 * * * *', '1/ * * * *', '1, * * * *', '1-2-3 * * * *', '*5 * * * *', '* * * foo *', '* * * januar *', '@never', '@every', '@every 5', '@every 5x', '@every -5m',
	'@every 1e3s', '@every 0s', '@every .s', '@every 5m ', '@every 9999999h', '@Daily', 'TZ= 0 0 * * *', 'TZ=Nowhere/City 0 0 * * *', 'CRON_TZ=UTC', '0 0 30 2 *', '0 0 31 4,6 *', 'UTC 0 0 * * *']) s;
SELECT is(pg_temp.hint_of($$SELECT temporal.start_workflow('job', cron_schedule => 'daily')$$) ~ 'minute hour day-of-month month day-of-week', true, 'the HINT shows what one looks like');
SELECT is(pg_temp.detail_of($$SELECT temporal.start_workflow('job', cron_schedule => '0 0 30 2 *')$$), 'No day matches it.', 'one that never comes');
SELECT is(pg_temp.detail_of($$SELECT temporal.start_workflow('job', cron_schedule => 'CRON_TZ=Moon 0 0 * * *')$$), '"Moon" is no time zone; see pg_timezone_names.', 'no such zone');
SELECT is(pg_temp.detail_of($$SELECT temporal.start_workflow('job', cron_schedule => '0 25 * * *')$$), '"25": hour goes from 0 to 23.', 'out of range');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_workflow('job', cron_schedule => '@daily', start_delay => '1 s')$$), '22023', 'not with a start delay');

-- ---------- when the first run begins ----------

-- a Tuesday
SELECT temporal.test_start('2030-01-01 12:34:56+00');
CREATE FUNCTION pg_temp.first_after(schedule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := temporal.start_workflow('job', cron_schedule => schedule); at text;
BEGIN
	SELECT to_char(execution_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') INTO at FROM temporal.workflow WHERE workflow_id = id AND is_current;
	PERFORM temporal.terminate(id);
	RETURN at;
END $$;
SELECT is(pg_temp.first_after(schedule), expected, schedule) FROM (VALUES
	('* * * * *', '2030-01-01 12:35:00'), ('34 * * * *', '2030-01-01 13:34:00'), ('*/15 * * * *', '2030-01-01 12:45:00'), ('5/20 * * * *', '2030-01-01 12:45:00'), ('10-20/5,50 * * * *', '2030-01-01 12:50:00'),
	('0 9-17 * * *', '2030-01-01 13:00:00'), ('30 2 * * *', '2030-01-02 02:30:00'), ('? ? ? ? ?', '2030-01-01 12:35:00'), ('0 0 1 * *', '2030-02-01 00:00:00'), ('0 0 31 * *', '2030-01-31 00:00:00'), ('0 0 29 2 *', '2032-02-29 00:00:00'),
	('0 0 * feb-apr MON', '2030-02-04 00:00:00'), ('0 0 * * 0', '2030-01-06 00:00:00'), ('0 0 * * 7', '2030-01-06 00:00:00'), ('0 0 * * sat-7', '2030-01-05 00:00:00'), ('0 0 * * 1-5', '2030-01-02 00:00:00'), ('0 0 * * tue', '2030-01-08 00:00:00'),
	-- both day fields: either, but with a * both
	('0 0 15 * fri', '2030-01-04 00:00:00'), ('0 0 3 * fri', '2030-01-03 00:00:00'), ('0 0 13 * *', '2030-01-13 00:00:00'), ('0 0 */2 * wed', '2030-01-02 00:00:00'),
	('@hourly', '2030-01-01 13:00:00'), ('@daily', '2030-01-02 00:00:00'), ('@midnight', '2030-01-02 00:00:00'), ('@weekly', '2030-01-06 00:00:00'), ('@monthly', '2030-02-01 00:00:00'), ('@yearly', '2031-01-01 00:00:00'), ('@annually', '2031-01-01 00:00:00'),
	('@every 5m', '2030-01-01 12:39:56'), ('@every 1h30m', '2030-01-01 14:04:56'), ('@every 1.5h', '2030-01-01 14:04:56'), ('@every 1500ms', '2030-01-01 12:34:57'), ('@every 10ms', '2030-01-01 12:34:57'),
	('CRON_TZ=Europe/Berlin 0 8 * * *', '2030-01-02 07:00:00'), ('TZ=Asia/Kolkata 0 0 * * *', '2030-01-01 18:30:00'), ('  TZ=America/New_York   @daily', '2030-01-02 05:00:00')) v (schedule, expected);
SELECT is(temporal.test_now(), '2030-01-01 12:34:56+00'::timestamptz, 'no time has passed');
-- A-29: the delay is in whole seconds, rounded up
SELECT temporal.test_advance('0.4 s');
SELECT temporal.start_workflow('job', id => 'rounded', cron_schedule => '* * * * *');
SELECT is((SELECT attributes ->> 'firstWorkflowTaskBackoff' FROM temporal.history WHERE workflow_id = 'rounded'), '4s', 'A-29: the delay is rounded up to whole seconds');
SELECT temporal.terminate('rounded');
SELECT temporal.test_advance('3.6 s');

-- ---------- S-27: the runs, event by event ----------

SELECT temporal.start_workflow('job', id => 'c1', cron_schedule => '*/10 * * * *');
SELECT is((SELECT ARRAY[status::text, cron_schedule, attempt::text, next_task_at::text] FROM temporal.workflow WHERE workflow_id = 'c1'), ARRAY['Running', '*/10 * * * *', '1', '2030-01-01 12:40:00+00'::timestamptz::text], 'A-30: the first run waits, too');
SELECT is((SELECT what FROM temporal.explain('c1')), 'its cron schedule, */10 * * * *', 'explain() says for what');
SELECT temporal.test_advance('20 min');
CREATE FUNCTION pg_temp.chain_of(id text) RETURNS SETOF jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_array(r.no, h.event_id, replace(h.event_type::text, 'WorkflowExecution', ''), h.event_time,
		(SELECT jsonb_object_agg(a.key, CASE WHEN a.key LIKE '%RunId' THEN to_jsonb((SELECT x.no FROM (SELECT run_id, row_number() OVER (ORDER BY start_time, execution_time) AS no FROM temporal.workflow WHERE workflow_id = id) x WHERE x.run_id::text = a.value #>> '{}'))
			ELSE a.value END) FROM jsonb_each(h.attributes - '{taskQueue,workflowType,identity,workflowTaskTimeout,retryPolicy,cronSchedule,originalExecutionRunId,failure,continuedFailure}'::text[]) a)
		|| CASE WHEN h.attributes ? 'failure' THEN jsonb_build_object('failure', h.attributes #>> '{failure,message}') ELSE '{}' END
		|| CASE WHEN h.attributes ? 'continuedFailure' THEN jsonb_build_object('continuedFailure', h.attributes #>> '{continuedFailure,message}') ELSE '{}' END)
	FROM (SELECT run_id, row_number() OVER (ORDER BY start_time, execution_time) AS no FROM temporal.workflow WHERE workflow_id = id) r
	JOIN temporal.history h USING (run_id)
	ORDER BY r.no, h.event_id
$$;
SET LOCAL TimeZone = 'UTC';
SELECT results_eq($$SELECT * FROM pg_temp.chain_of('c1')$$, $$VALUES
	('[1, 1, "Started", "2030-01-01T12:35:00+00:00", {"attempt": 1, "initiator": "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE", "firstExecutionRunId": 1, "firstWorkflowTaskBackoff": "300s"}]'::jsonb),
	('[1, 2, "Completed", "2030-01-01T12:40:00+00:00", {"result": {"n": 1, "attempt": 1, "failure": null}, "newExecutionRunId": 2}]'),
	('[2, 1, "Started", "2030-01-01T12:40:00+00:00", {"attempt": 1, "initiator": "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE", "firstExecutionRunId": 1, "continuedExecutionRunId": 1, "lastCompletionResult": {"n": 1, "attempt": 1, "failure": null}, "firstWorkflowTaskBackoff": "600s"}]'),
	('[2, 2, "Completed", "2030-01-01T12:50:00+00:00", {"result": {"n": 2, "attempt": 1, "failure": null}, "newExecutionRunId": 3}]'),
	('[3, 1, "Started", "2030-01-01T12:50:00+00:00", {"attempt": 1, "initiator": "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE", "firstExecutionRunId": 1, "continuedExecutionRunId": 2, "lastCompletionResult": {"n": 2, "attempt": 1, "failure": null}, "firstWorkflowTaskBackoff": "600s"}]')
	$$, 'S-27: two runs and the start of a third');
SELECT is((SELECT array_agg(DISTINCT attributes ->> 'cronSchedule') FROM temporal.history WHERE workflow_id = 'c1' AND event_id = 1), '{*/10 * * * *}', 'each has the schedule');
SELECT is((SELECT array_agg(status::text ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'c1'), '{Completed,Completed,Running}', 'A-07: their status is their own');
SELECT is(temporal.result('c1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'c1' AND is_current), follow_runs => false) ->> 'n', '1', 'follow_runs => false: the result of one run');
SELECT is((SELECT array_agg(detail ORDER BY event_id) FROM temporal.trace('c1', (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'c1' ORDER BY execution_time OFFSET 1 LIMIT 1))),
	'{"cron, after 10 min","{\"n\": 2, \"attempt\": 1, \"failure\": null}; next r..."}', 'trace() tells');
SELECT is(temporal.replay('c1', run_id), 2, 'replays') FROM temporal.workflow WHERE workflow_id = 'c1' AND status = 'Completed' LIMIT 1;

-- terminate ends it
SELECT temporal.terminate('c1');
SELECT temporal.test_advance('1 hour');
SELECT is((SELECT array_agg(status::text ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'c1'), '{Completed,Completed,Terminated}', 'A-28: terminate ends it, also while it waits');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('c1')$$), 'TF006', 'and result() says so');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('c1', (SELECT first_run_id FROM temporal.workflow WHERE workflow_id = 'c1' AND is_current))$$), 'TF006', 'also where it has to follow the runs');

-- ---------- failures ----------

-- A-31: a failed run keeps the result of the last one that completed
SELECT temporal.start_workflow('job', '2', id => 'c2', cron_schedule => '@hourly');
SELECT temporal.test_advance('3 hours');
SELECT is((SELECT array_agg(jsonb_build_array(status, attempt, h.attributes -> 'lastCompletionResult' -> 'n', h.attributes #> '{continuedFailure,message}') ORDER BY execution_time) FROM temporal.workflow w JOIN temporal.history h USING (run_id) WHERE w.workflow_id = 'c2' AND h.event_id = 1),
	ARRAY['["Completed", 1, null, null]', '["Failed", 1, 1, null]', '["Completed", 1, 1, "not today"]', '["Running", 1, 2, null]']::jsonb[], 'A-31: the failure, and the result before it');
SELECT is((SELECT attributes - '{failure,newExecutionRunId}'::text[] FROM temporal.history WHERE workflow_id = 'c2' AND event_type = 'WorkflowExecutionFailed'), '{"retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"}'::jsonb, 'no policy, no retry');
SELECT temporal.terminate('c2');

-- A-32: first retried, then by cron
CREATE FUNCTION never() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.raise_application_error('never', 'T'); END $$;
SELECT temporal.register_workflow('never');
SELECT temporal.test_advance('1 hour' - (temporal.test_now() - date_trunc('hour', temporal.test_now())));
SELECT temporal.start_workflow('never', id => 'c3', cron_schedule => '@hourly', retry_policy => temporal.retry_policy(maximum_attempts => 2, initial_interval => '10 s'));
SELECT temporal.test_now() AS then \gset
SELECT temporal.test_advance('2 hours');
SELECT results_eq($$SELECT jsonb_build_array(c -> 0, c -> 2, c #> '{4,attempt}', c #> '{4,initiator}', c #> '{4,firstWorkflowTaskBackoff}', c #> '{4,retryState}', c #> '{4,newExecutionRunId}', c #> '{4,continuedFailure}') FROM pg_temp.chain_of('c3') c$$, $$VALUES
	('[1, "Started", 1, "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE", "3600s", null, null, null]'::jsonb),
	('[1, "Failed", null, null, null, "RETRY_STATE_IN_PROGRESS", 2, null]'),
	('[2, "Started", 2, "CONTINUE_AS_NEW_INITIATOR_RETRY", "10s", null, null, "never"]'),
	('[2, "Failed", null, null, null, "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", 3, null]'),
	('[3, "Started", 1, "CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE", "3590s", null, null, "never"]'),
	('[3, "Failed", null, null, null, "RETRY_STATE_IN_PROGRESS", 4, null]'),
	('[4, "Started", 2, "CONTINUE_AS_NEW_INITIATOR_RETRY", "10s", null, null, "never"]')
	$$, 'A-32: attempt 2, then the next hour with attempt 1');
SELECT temporal.terminate('c3');

-- a run that times out; runs never overlap, and what was missed is left out
CREATE FUNCTION long(for_ interval) RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep(for_); END $$;
SELECT temporal.register_workflow('long');
SELECT temporal.test_advance('1 hour' - (temporal.test_now() - date_trunc('hour', temporal.test_now())));
SELECT temporal.test_now() AS then \gset
SELECT temporal.start_workflow('long', '"25 min"', id => 'c4', cron_schedule => '*/10 * * * *', execution_timeout => '100 min');
SELECT temporal.start_workflow('long', '"25 min"', id => 'c5', cron_schedule => '*/10 * * * *', run_timeout => '5 min');
SELECT temporal.test_advance('2 hours');
SELECT is((SELECT array_agg(jsonb_build_array(status, extract(epoch FROM execution_time - :'then') / 60, extract(epoch FROM close_time - :'then') / 60) ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'c4'),
	ARRAY['["Completed", 10, 35]', '["Completed", 40, 65]', '["Completed", 70, 95]', '["TimedOut", 100, 100]']::jsonb[], 'the next match after the end; the execution timeout ends it all');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 'c4' AND event_type = 'WorkflowExecutionTimedOut'), '{"retryState": "RETRY_STATE_TIMEOUT"}'::jsonb, 'A-22: for good');
SELECT is((SELECT jsonb_agg(DISTINCT jsonb_build_array(status, close_time - execution_time)) FROM temporal.workflow WHERE workflow_id = 'c5' AND close_time IS NOT NULL), '[["TimedOut", "00:05:00"]]'::jsonb, 'A-20: each run has its run timeout, from its own beginning');
SELECT is((SELECT jsonb_build_array(attributes -> 'retryState', attributes ? 'newExecutionRunId') FROM temporal.history WHERE workflow_id = 'c5' AND event_type = 'WorkflowExecutionTimedOut' LIMIT 1), '["RETRY_STATE_RETRY_POLICY_NOT_SET", true]'::jsonb, 'A-22: a run timeout is followed by cron');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'c5' AND close_time IS NOT NULL), 11::bigint, 'every ten minutes');
SELECT temporal.terminate('c5');

-- ---------- @every counts from the last scheduled time ----------

SELECT temporal.test_now() AS then \gset
SELECT temporal.start_workflow('long', '"70 s"', id => 'e1', cron_schedule => '@every 1m');
SELECT temporal.start_workflow('job', id => 'e2', cron_schedule => '@every 90s');
SELECT temporal.test_advance('10 min');
SELECT is((SELECT array_agg(extract(epoch FROM execution_time - :'then')::int ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'e1'), '{60,180,300,420,540}', '@every: at its own pace, leaving out what has passed');
SELECT is((SELECT array_agg(extract(epoch FROM execution_time - :'then')::int ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'e2'), '{90,180,270,360,450,540,630}', '@every without waiting');
SELECT temporal.terminate(x) FROM unnest('{e1,e2}'::text[]) x;

-- ---------- continue-as-new ends it, unless it says otherwise (A-37) ----------

CREATE FUNCTION moves_on(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF n = 1 THEN
		PERFORM temporal.continue_as_new(0);
	ELSIF n = 2 THEN
		PERFORM temporal.continue_as_new(0, cron_schedule => '@daily');
	ELSIF n = 3 THEN
		PERFORM temporal.continue_as_new(0, cron_schedule => 'x');
	END IF;
	RETURN 'done';
END $$;
SELECT temporal.register_workflow('moves_on');
SELECT temporal.start_workflow('moves_on', n::text::jsonb, id => 'm' || n, cron_schedule => '@hourly') FROM generate_series(1, 2) n;
SELECT temporal.test_drive('closed', 'm1');
SELECT is(temporal.result('m1'), '"done"', 'A-37: the next run is the last one');
SELECT is((SELECT array_agg(cron_schedule ORDER BY execution_time, is_current) FROM temporal.workflow WHERE workflow_id = 'm1'), '{@hourly,NULL}', 'it has no schedule');
SELECT is((SELECT (cron_schedule, status::text, (execution_time AT TIME ZONE 'UTC')::time, attempt) FROM temporal.workflow WHERE workflow_id = 'm2' AND is_current), ROW('@daily'::text, 'Running'::text, '00:00'::time, 1), 'or another, and waits for its first match');
SELECT temporal.terminate('m2');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_run('moves_on', '3')$$), '22023', 'which has to be one');

-- ---------- signals while it waits (A-43) ----------

CREATE FUNCTION listens() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_build_array(temporal.now(), temporal.wait_signal('s', timeout => '1 min'));
END $$;
SELECT temporal.register_workflow('listens');
SELECT temporal.test_advance('1 hour' - (temporal.test_now() - date_trunc('hour', temporal.test_now())));
SELECT temporal.test_now() AS then \gset
SELECT temporal.start_workflow('listens', id => 's1', cron_schedule => '@hourly');
SELECT temporal.test_advance('61 min');
-- the second run waits
SELECT temporal.test_advance('9 min');
SELECT temporal.signal('s1', 's', '1');
SELECT temporal.test_drive();
SELECT is((SELECT last_task_failure IS NULL AND history_length = 1 FROM temporal.workflow WHERE workflow_id = 's1' AND is_current), true, 'A-43: a signal does not end the wait');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('s1', '__stack_trace')$$) <> 'XX000', true, 'a query is no internal error');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('s1', 'u')$$) IN ('TP024', 'TP014', 'TP023'), true, 'an update would have to wait');
SELECT temporal.test_advance('50 min');
SELECT is((SELECT attributes -> 'result' FROM temporal.history WHERE workflow_id = 's1' AND event_type = 'WorkflowExecutionCompleted' ORDER BY event_time DESC LIMIT 1) -> 1, '1', 'it is there when the run begins');
-- the third run: signal_with_start
SELECT temporal.test_advance('10 min');
SELECT temporal.signal_with_start('listens', 's', '2', id => 's1');
SELECT temporal.test_drive();
SELECT is((SELECT jsonb_build_array((attributes #>> '{result,0}')::timestamptz - :'then', attributes #> '{result,1}') FROM temporal.history WHERE workflow_id = 's1' AND event_type = 'WorkflowExecutionCompleted' ORDER BY event_time DESC LIMIT 1),
	'["02:10:00", 2]'::jsonb, 'A-43: signal_with_start ends it');
SELECT is((SELECT execution_time - :'then' FROM temporal.workflow WHERE workflow_id = 's1' AND is_current), '3 hours'::interval, 'the next run is that of the time which the last one was meant for');
SELECT temporal.terminate('s1');

-- ---------- clocks that change ----------

-- Berlin: 2030-03-31 02:00 -> 03:00 (01:00 UTC), 2030-10-27 03:00 -> 02:00 (01:00 UTC)
CREATE FUNCTION pg_temp.times_of(schedule text, from_ timestamptz, span interval) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE id text; times text[];
BEGIN
	PERFORM temporal.test_advance(from_ - temporal.test_now());
	id := temporal.start_workflow('job', cron_schedule => schedule);
	PERFORM temporal.test_advance(span);
	SELECT array_agg(to_char(execution_time AT TIME ZONE 'UTC', 'DD HH24:MI') ORDER BY execution_time, is_current) INTO times FROM temporal.workflow WHERE workflow_id = id AND close_time IS NOT NULL;
	PERFORM temporal.terminate(id);
	RETURN times;
END $$;
SELECT is(pg_temp.times_of('CRON_TZ=Europe/Berlin 30 2 * * *', '2030-03-29 12:00+00', '3 days'), '{"30 01:30","31 01:30","01 00:30"}', 'a time that does not exist comes an hour later, on that day');
SELECT is(pg_temp.times_of('CRON_TZ=Europe/Berlin 30 2 * * *', '2030-10-25 12:00+00', '3 days'), '{"26 00:30","27 00:30","28 01:30"}', 'a time that exists twice comes the first time');
SELECT is(pg_temp.times_of('CRON_TZ=Europe/Berlin */30 * * * *', '2031-03-30 00:01+00', '2 hours'), '{"30 00:30","30 01:00","30 01:30","30 02:00"}', 'every half an hour goes on evenly, forward');
SELECT is(pg_temp.times_of('CRON_TZ=Europe/Berlin */30 * * * *', '2031-10-25 23:31+00', '3 hours'), '{"26 00:00","26 00:30","26 01:00","26 01:30","26 02:00","26 02:30"}', 'and backward');
SELECT is(pg_temp.times_of('CRON_TZ=Europe/Berlin 0,30 2,3 * * *', '2032-03-27 23:00+00', '6 hours'), '{"28 01:00","28 01:30"}', 'what falls on another time comes once');
SELECT is(pg_temp.times_of('TZ=Europe/Berlin 0 12 * * *', '2033-03-25 23:00+00', '2 days'), '{"26 11:00","27 10:00"}', 'the hour of the clock there counts');

SELECT * FROM finish();
ROLLBACK;
