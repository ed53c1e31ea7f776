-- Golden outputs of trace() and explain(): runs that wait, retry, do several things at once, or whose task fails.
SET client_min_messages = warning;

-- ---------- under the clock of the test environment ----------

BEGIN;
CREATE FUNCTION add1(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1';
CREATE FUNCTION flaky() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'bank is closed, attempt %', (temporal.activity_info()).attempt;
END $$;
CREATE FUNCTION waiting(order_id int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('add1', order_id);
	-- the courier comes then
	PERFORM temporal.sleep('3 days');
	RETURN 'shipped';
END $$;
CREATE FUNCTION retrying() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('flaky',
		retry_policy => temporal.retry_policy('1 min', maximum_attempts => 9));
	RETURN 'paid';
END $$;
CREATE FUNCTION parallel() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	futures temporal.future[];
BEGIN
	PERFORM temporal.start_timer('30 days', 'reminder');
	SELECT array_agg(temporal.start_activity('add1', n)) INTO futures FROM generate_series(1, 3) n;
	futures := futures || temporal.start_activity('flaky', activity_id => 'bank') || temporal.start_timer('1 hour');
	PERFORM temporal.await_all(futures, '1 day');
	RETURN 'all done';
END $$;
DO $$BEGIN
	PERFORM temporal.register_activity(a) FROM unnest('{add1,flaky}'::text[]) a;
	PERFORM temporal.register_workflow(w) FROM unnest('{waiting,retrying,parallel}'::text[]) w;
	PERFORM temporal.test_start('2030-01-01 00:00:00+00');
	PERFORM temporal.start_workflow('waiting', '7', id => 'waiting'), temporal.start_workflow('retrying', id => 'retrying'), temporal.start_workflow('parallel', id => 'parallel'),
		temporal.start_workflow('waiting', '8', id => 'delayed', start_delay => '1 day');
	PERFORM temporal.test_advance('90 s');
END$$;

-- waiting
SELECT * FROM temporal.trace('waiting');
SELECT * FROM temporal.explain('waiting');

-- retrying
SELECT * FROM temporal.trace('retrying');
SELECT * FROM temporal.explain('retrying');

-- parallel
SELECT * FROM temporal.trace('parallel');
SELECT * FROM temporal.explain('parallel');

-- not begun
SELECT * FROM temporal.trace('delayed');
SELECT * FROM temporal.explain('delayed');

-- an activity that an operator has paused, and one whose type is gone
DO $$BEGIN
	PERFORM temporal.pause_activity('retrying', '1');
	PERFORM temporal.unregister_activity('flaky');
END$$;
SELECT * FROM temporal.trace('retrying');
SELECT * FROM temporal.explain('retrying');
SELECT * FROM temporal.explain('parallel');

-- code that does not fit the history any more
CREATE OR REPLACE FUNCTION waiting(order_id int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('3 days');
	RETURN 'shipped';
END $$;
SELECT * FROM temporal.explain('waiting');
ROLLBACK;

-- ---------- a task that fails: by an executor, so times and numbers of attempts are left out ----------

CREATE FUNCTION rate(what text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	RETURN 100 / length(what);
END $$;
CREATE FUNCTION failing(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 ms');
	RETURN 'costs ' || rate(what);
END $$;
DO $$BEGIN PERFORM temporal.register_workflow('failing'); END$$;
SELECT temporal.start_workflow('failing', '{"what": ""}', id => 'failing');
DO $$
BEGIN
	FOR i IN 1 .. 2000 LOOP
		EXIT WHEN EXISTS (SELECT FROM temporal.workflow WHERE workflow_id = 'failing' AND last_task_failure IS NOT NULL);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
-- S-23: the first failure is an event, the following ones are not
SELECT event_id, event_type, attributes ->> 'cause' AS cause, attributes #>> '{failure,message}' AS message, attributes #>> '{failure,applicationFailureInfo,type}' AS type
FROM temporal.history WHERE workflow_id = 'failing' ORDER BY event_id;
SELECT event_id, event, detail FROM temporal.trace('failing') WHERE event NOT LIKE 'workflow task failed % times';
SELECT what, at, regexp_replace(detail, '[0-9]+', 'n', 'g') AS detail FROM temporal.explain('failing');
-- mended, it goes on by itself
CREATE OR REPLACE FUNCTION rate(what text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	RETURN 100 / greatest(length(what), 1);
END $$;
SELECT temporal.result('failing', timeout => '60 s');
SELECT event_id, event, detail FROM temporal.trace('failing');
DO $$BEGIN PERFORM temporal.unregister_workflow('failing'); END$$;
DROP FUNCTION failing(text), rate(text);
