-- Execution and run timeouts (A-19 to A-23), and workflow code that computes for too long (A-21, S-23, S-24).
BEGIN;
SELECT plan(43);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL TimeZone = 'UTC';

\ir ../lib/helpers.sql

CREATE FUNCTION waits() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.wait_signal('go');
END $$;
CREATE FUNCTION again(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 min');
	PERFORM temporal.continue_as_new(n + 1);
END $$;
CREATE FUNCTION options(n int, o text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
BEGIN
	IF n = 1 THEN
		PERFORM temporal.continue_as_new('[0, ""]'::jsonb, run_timeout => CASE o WHEN 'run' THEN interval '2 hours' WHEN 'short' THEN interval '3 s' END);
	END IF;
	RETURN jsonb_build_array(i.run_timeout, i.task_timeout);
END $$;
SELECT temporal.register_workflow(w) FROM unnest('{waits,again,options}'::text[]) w;
SELECT temporal.test_start('2030-01-01 00:00:00+00');
CREATE FUNCTION pg_temp.closed(id text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_array(w.status, w.close_time, h.attributes) FROM temporal.workflow w JOIN temporal.history h ON h.run_id = w.run_id AND h.event_id = w.history_length
	WHERE w.workflow_id = id AND w.is_current
$$;

-- ---------- caps ----------

SELECT temporal.start_workflow('waits', id => 'a1', execution_timeout => '1 hour');
SELECT temporal.start_workflow('waits', id => 'a2', execution_timeout => '1 hour', run_timeout => '2 hours');
SELECT temporal.start_workflow('waits', id => 'a3', execution_timeout => '2 hours', run_timeout => '1 hour', start_delay => '30 min');
SELECT temporal.start_workflow('waits', id => 'a4', execution_timeout => '1 hour', start_delay => '30 min');
SELECT temporal.start_workflow('waits', id => 'a5', execution_timeout => '1 hour', start_delay => '2 hours');
SELECT temporal.start_workflow('waits', id => 'a6');
SELECT temporal.start_workflow('waits', id => 'a7', run_timeout => '4 s');
SELECT temporal.start_workflow('waits', id => 'a8', task_timeout => '5 min', run_timeout => '1 hour');
SELECT is((SELECT array_agg(jsonb_build_array(run_timeout, task_timeout, run_expiration_time - start_time, execution_expiration_time - start_time) ORDER BY d.workflow_id) FROM unnest('{a1,a2,a3,a4,a5,a6,a7,a8}'::text[]) id, temporal.describe(id) d), ARRAY[
	'["01:00:00", "00:00:10", "01:00:00", "01:00:00"]', '["01:00:00", "00:00:10", "01:00:00", "01:00:00"]', '["01:00:00", "00:00:10", "01:30:00", "02:00:00"]', '["01:00:00", "00:00:10", "01:00:00", "01:00:00"]',
	'["01:00:00", "00:00:10", "01:00:00", "01:00:00"]', '[null, "00:00:10", null, null]', '["00:00:04", "00:00:04", "00:00:04", null]', '["01:00:00", "00:02:00", "01:00:00", null]']::jsonb[],
	'A-19 to A-21: the run timeout is that of the execution where none or a longer one is given; a delay moves the one, not the other; the task timeout ends with the run''s, and at 120 s');
SELECT is((SELECT attributes ->> 'workflowExecutionExpirationTime' FROM temporal.history WHERE workflow_id = 'a3' AND event_id = 1), '2030-01-01T02:00:00Z', 'A-19: the time at which it expires is fixed at the start');
SELECT is(temporal.test_run('options', '[1, "run"]', execution_timeout => '1 hour'), '["01:00:00", "00:00:10"]', 'continue-as-new: a run timeout ends with the execution''s');
SELECT is(temporal.test_run('options', '[1, "short"]'), '["00:00:03", "00:00:03"]', 'and takes the task timeout along');

-- ---------- hitting them ----------

SELECT temporal.test_advance('3 hours');
SELECT is(pg_temp.closed('a1'), '["TimedOut", "2030-01-01T01:00:00+00:00", {"retryState": "RETRY_STATE_TIMEOUT"}]', 'A-22: the execution timeout');
SELECT is(pg_temp.closed('a2'), '["TimedOut", "2030-01-01T01:00:00+00:00", {"retryState": "RETRY_STATE_TIMEOUT"}]', 'with a longer run timeout');
SELECT is(pg_temp.closed('a3'), '["TimedOut", "2030-01-01T01:30:00+00:00", {"retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"}]', 'A-22: the run timeout, counted from the end of the delay');
SELECT is(pg_temp.closed('a4'), '["TimedOut", "2030-01-01T01:00:00+00:00", {"retryState": "RETRY_STATE_TIMEOUT"}]', 'A-20: the execution timeout comes first');
SELECT is((SELECT array_agg(event_type::text) FROM temporal.history WHERE workflow_id = 'a5'), '{WorkflowExecutionStarted,WorkflowExecutionTimedOut}', 'also before its code has begun');
SELECT is(pg_temp.status_of('a6'), 'Running', 'without a timeout there is none');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('a1')$$), 'TF005', 'result() raises it');
SELECT is((SELECT detail FROM temporal.trace('a1') WHERE event = 'workflow timed out'), 'execution timeout', 'trace() tells which');
SELECT is((SELECT detail FROM temporal.trace('a3') WHERE event = 'workflow timed out'), 'run timeout', 'which');
SELECT temporal.start_workflow('again', '1', id => 'b1', execution_timeout => '150 s');
SELECT temporal.test_drive('closed', 'b1');
SELECT is((SELECT array_agg(jsonb_build_array(status, close_time - start_time) ORDER BY start_time) FROM temporal.workflow WHERE workflow_id = 'b1'), ARRAY['["ContinuedAsNew", "00:01:00"]', '["ContinuedAsNew", "00:01:00"]', '["TimedOut", "00:00:30"]']::jsonb[],
	'A-19: it goes on over continue-as-new');

-- A-23: what waits in the mailbox is history before the end, and no code runs
CREATE FUNCTION half() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.signal('b2', 's', '1'); END $$;
CREATE FUNCTION collects() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_timer('1 day'), temporal.start_activity('half', schedule_to_start_timeout => '1 day');
	RETURN temporal.wait_signal('s');
END $$;
SELECT temporal.register_activity('half'), temporal.register_workflow('collects');
SELECT temporal.start_workflow('collects', id => 'b2', run_timeout => '1 min', start_delay => '1 s');
SELECT temporal.signal('b2', 'early', '0');
SELECT temporal.terminate('a6');
SELECT temporal.test_advance('1 s');
SELECT is(pg_temp.events_of('b2'), '{Started,Signaled,TimerStarted,ActivityTaskScheduled,Signaled,ActivityTaskStarted,ActivityTaskCompleted,Completed}', 'undisturbed');
SELECT temporal.start_workflow('waits', id => 'b3', run_timeout => '1 min', start_delay => '1 hour');
SELECT temporal.signal('b3', 'early', '0');
SELECT temporal.test_advance('2 hours');
SELECT is(pg_temp.events_of('b3'), '{Started,Signaled,TimedOut}', 'a signal that was kept for the run');
SELECT temporal.start_workflow('waits', id => 'b4', execution_timeout => '1 min', start_delay => '1 min');
SELECT temporal.signal('b4', 'go', '"late"');
SELECT temporal.test_advance('2 min');
SELECT is(pg_temp.events_of('b4'), '{Started,Signaled,TimedOut}', 'A-23: mail that comes due with the timeout is flushed before it, and not handled');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE workflow_id LIKE 'b%'), 0::bigint, 'nothing is left in the mailboxes');

SELECT temporal.test_advance('0.0006 s');
SELECT temporal.start_workflow('waits', id => 'ms', execution_timeout => '1 hour');
SELECT is((SELECT execution_expiration_time - test_now FROM temporal.workflow, temporal.test_now() WHERE workflow_id = 'ms'), '1 hour 0.0004 s'::interval, 'A-19: rounded to milliseconds');
SELECT temporal.test_drive('closed', 'ms');
SELECT is(pg_temp.closed('ms') #>> '{2,retryState}', 'RETRY_STATE_TIMEOUT', 'it is the execution that expires then');

-- ---------- code that computes for too long ----------

CREATE TABLE how (mode text);
INSERT INTO how VALUES ('loop');
CREATE FUNCTION mode() RETURNS text LANGUAGE sql STABLE AS $$ SELECT mode FROM shop.how $$;
SET LOCAL temporal_pg.determinism = off;	-- they compute by pg_sleep()
CREATE FUNCTION computes() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
BEGIN
	PERFORM temporal.sleep('1 min');
	CASE mode()
		WHEN 'loop' THEN
			LOOP
				n := n + 1;
			END LOOP;
		WHEN 'stubborn' THEN
			LOOP
				BEGIN
					PERFORM pg_sleep(10);
				EXCEPTION WHEN query_canceled OR OTHERS THEN
					n := n + 1;
				END;
			END LOOP;
		WHEN 'swallows' THEN
			BEGIN
				PERFORM pg_sleep(10);
			EXCEPTION WHEN assert_failure THEN
				NULL;
			END;
			RETURN 'swallowed';
		WHEN 'swallows and calls' THEN
			BEGIN
				PERFORM pg_sleep(10);
			EXCEPTION WHEN assert_failure THEN
				NULL;
			END;
			PERFORM temporal.sleep('1 s');
			RETURN 'swallowed';
		ELSE
			-- together longer than the timeout, but it waits in between
			FOR i IN 1 .. 4 LOOP
				PERFORM pg_sleep(0.15);
				PERFORM temporal.sleep('1 s');
			END LOOP;
	END CASE;
	RETURN 'done';
END $$;
CREATE FUNCTION slow_handler() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(10); END $$;
CREATE FUNCTION slow_query() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(10); END $$;
CREATE FUNCTION stubborn_query() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(10);
EXCEPTION WHEN query_canceled THEN
	RETURN 'swallowed';
END $$;
CREATE FUNCTION state_of() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state()$$;
SELECT temporal.register_workflow('computes', signals => '{"slow": "slow_handler"}', updates => '{"slow": "slow_handler", "checked": ["state_of", "slow_handler"]}', queries => '{"slow": "slow_query", "stubborn": "stubborn_query", "state": "state_of"}');

-- in a test it is an error, in an executor a failed task: tap/190_task_timeout.pl
CREATE FUNCTION pg_temp.try(new_mode text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; context text; hint text;
BEGIN
	UPDATE shop.how SET mode = new_mode;
	PERFORM temporal.test_run('computes', task_timeout => '0.3 s', id => 'w-' || new_mode);
	RETURN '{ok}';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT, hint = PG_EXCEPTION_HINT;
	RETURN ARRAY[state, message, detail::jsonb ->> 'kind', detail::jsonb ->> 'type', (regexp_match(context, 'computes\(\) (line \d+)'))[1], hint];
END $$;
SELECT pg_temp.try('loop') AS t \gset
SELECT is((:'t'::text[])[1], 'TF005', 'S-24: interrupted');
SELECT is((:'t'::text[])[2], 'workflow task of "w-loop" failed: workflow code was interrupted: it ran for longer than its task timeout of 0.300s without waiting', 'it says so');
SELECT is((:'t'::text[])[3:4], '{timeout,start_to_close}', 'DETAIL: a timeout');
SELECT matches((:'t'::text[])[5], '^line (8|9)$', 'the context: in which line');
SELECT pg_temp.try('stubborn') AS t \gset
SELECT is((:'t'::text[])[1] || ' ' || (:'t'::text[])[5], 'TF005 line 14', 'WHEN query_canceled does not catch it');
SELECT is((pg_temp.try('swallows'))[1], 'TF005', 'who catches it and returns has timed out');
SELECT is((pg_temp.try('swallows and calls'))[1], 'TF005', 'so has who catches it and goes on');
SELECT is(pg_temp.try('waits in between'), '{ok}', 'A-21: each piece between two waits has its own time, in replays as well');

-- handlers, in their turn and in the caller's session
UPDATE how SET mode = '-';
SELECT temporal.start_workflow('computes', id => 'h1', task_timeout => '0.3 s');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('h1', 'slow')$$), 'TP015', 'a query');
SELECT is(pg_temp.message_of($$SELECT temporal.query('h1', 'slow')$$), 'query "slow" of workflow "h1" failed: its handler was interrupted: it ran for longer than the task timeout of 0.300s', 'says so');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('h1', 'stubborn')$$), 'TP015', 'which it cannot catch');
SELECT is(temporal.query('h1', 'state'), '{}', 'the next one is none the worse');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('h1', 'slow')$$), 'TF005', 'an update');
SELECT is(pg_temp.message_of($$SELECT temporal.update('h1', 'slow')$$), 'workflow code was interrupted: it ran for longer than its task timeout of 0.300s without waiting', 'says so');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('h1', 'checked')$$), 'TF005', 'a validator that takes too long has not rejected');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.start_update('h1', 'slow')$$), 'TF005', 'start_update');
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'h1'), 2, 'they leave no trace');
SAVEPOINT signal;
SELECT temporal.signal('h1', 'slow');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.test_drive()$$), 'TF005', 'a signal handler');
ROLLBACK TO signal;
SELECT temporal.test_drive('closed', 'h1');
SELECT is(temporal.result('h1'), '"done"', 'the workflow goes on');

-- somebody who cancels his own statement means that
SELECT temporal.start_workflow('computes', id => 'h2');
SELECT temporal.test_drive();
SET LOCAL statement_timeout = '300 ms';
DO $$
BEGIN
	PERFORM temporal.query('h2', 'slow');
EXCEPTION WHEN query_canceled THEN
	SET LOCAL statement_timeout = 0;
	INSERT INTO shop.how VALUES ('cancelled');
END $$;
SET LOCAL statement_timeout = 0;
SELECT is((SELECT count(*) FROM how WHERE mode = 'cancelled'), 1::bigint, 'a statement_timeout in a query is that');
DELETE FROM how WHERE mode = 'cancelled';

-- activities have their own time, local ones too
CREATE FUNCTION half_a_second() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.5); RETURN 'slept'; END $$;
CREATE FUNCTION uses(local boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF local THEN
		RETURN temporal.execute_local_activity('half_a_second');
	END IF;
	RETURN temporal.execute_activity('half_a_second');
END $$;
SELECT temporal.register_activity('half_a_second'), temporal.register_workflow('uses');
SELECT is(temporal.test_run('uses', 'false', task_timeout => '0.2 s'), '"slept"', 'what an activity takes does not count');
SELECT is(temporal.test_run('uses', 'true', task_timeout => '0.2 s'), '"slept"', 'nor what a local activity takes');

-- temporal.replay() has the same limit
SELECT temporal.start_workflow('computes', id => 'r1', task_timeout => '0.3 s');
SELECT temporal.test_drive('closed', 'r1');
CREATE OR REPLACE FUNCTION computes() RETURNS text LANGUAGE plpgsql AS $$BEGIN LOOP NULL; END LOOP; END $$;
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.replay('r1')$$), 'TF005', 'replay() of code that computes for ever');

SELECT * FROM finish();
ROLLBACK;
