-- More examples of the cookbook: cancellation with cleanup, a saga, other workflows, an entity workflow.
BEGIN;
SELECT plan(13);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- cancel and clean up ----------

CREATE FUNCTION reserve(room text) RETURNS text LANGUAGE sql AS $$SELECT room || ' is reserved'$$;
CREATE FUNCTION release(room text) RETURNS text LANGUAGE sql AS $$SELECT room || ' is free again'$$;
CREATE FUNCTION stay(room text, nights int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('reserve', room);
	PERFORM temporal.sleep(make_interval(days => nights));
	RETURN room || ' was paid for';
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.execute_activity('release', room);
	RAISE;
END $$;
SELECT temporal.register_activity('reserve'), temporal.register_activity('release'), temporal.register_workflow('stay');
SELECT is(temporal.test_run('stay', '["room 7", 3]', id => 'stay-0'), '"room 7 was paid for"', 'nobody cancels');
SELECT temporal.start_workflow('stay', '["room 7", 3]', id => 'stay-1');
SELECT temporal.test_drive();
SELECT temporal.cancel('stay-1', 'the guest is ill');
SELECT temporal.test_drive();
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.result('stay-1')$$), 'TF004', 'cancelled');
SELECT is(pg_temp.detail_of($$SELECT temporal.result('stay-1')$$)::jsonb ->> 'details', 'the guest is ill', 'for that reason');
SELECT is((SELECT attributes -> 'result' FROM temporal.history WHERE workflow_id = 'stay-1' AND event_id = 10), '"room 7 is free again"', 'behind the cleanup');

-- ---------- undo what was done ----------

CREATE FUNCTION book(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF what = 'car' THEN
		PERFORM temporal.raise_application_error('no car left', 'SoldOut', non_retryable => true);
	END IF;
	RETURN what;
END $$;
CREATE FUNCTION unbook(what text) RETURNS text LANGUAGE sql AS $$SELECT 'no ' || what$$;
CREATE FUNCTION trip(steps text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	done text[] := '{}';
	step text;
	why text;
BEGIN
	FOREACH step IN ARRAY steps LOOP
		PERFORM temporal.execute_activity('book', step);
		done := step || done;
		PERFORM temporal.sleep('0.2 s');
	END LOOP;
	RETURN 'booked: ' || array_to_string(steps, ', ');
EXCEPTION WHEN SQLSTATE 'TF000' OR query_canceled THEN
	why := coalesce(temporal.failure_type(), SQLERRM);
	FOREACH step IN ARRAY done LOOP
		PERFORM temporal.execute_activity('unbook', step);
	END LOOP;
	IF temporal.cancel_requested() THEN
		RAISE;
	END IF;
	RETURN format('%s: undone: %s', why, array_to_string(done, ', '));
END $$;
SELECT temporal.register_activity('book'), temporal.register_activity('unbook'), temporal.register_workflow('trip');
SELECT is(temporal.test_run('trip', '[["flight", "hotel", "guide"]]'), '"booked: flight, hotel, guide"', 'a whole trip');
SELECT is(temporal.test_run('trip', '[["flight", "hotel", "car"]]'), '"SoldOut: undone: hotel, flight"', 'what failed is undone, the last one first');
SELECT temporal.start_workflow('trip', '[["flight", "hotel", "guide"]]', id => 'trip-2');
SELECT temporal.test_advance('0.3 s');
SELECT temporal.cancel('trip-2');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('trip-2'), 'Canceled', 'or cancelled');
SELECT is((SELECT array_agg(attributes -> 'result' ->> 0 ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'trip-2' AND event_type = 'ActivityTaskCompleted'),
	'{flight,hotel,"no hotel","no flight"}', 'undone as well');

-- ---------- other workflows ----------

CREATE FUNCTION kitchen() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	dish text := temporal.wait_signal('order') #>> '{}';
BEGIN
	PERFORM temporal.sleep('1 hour');
	RETURN dish || ' is served';
END $$;
CREATE FUNCTION waiter(dish text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.signal('kitchen-1', 'order', to_jsonb(dish));
	IF temporal.wait_signal('guest leaves', '0.3 s') IS NULL THEN
		PERFORM temporal.cancel('kitchen-1', 'the guest was not patient');
	END IF;
	PERFORM temporal.signal('cellar-1', 'order', '"wine"');
	RETURN 'served';
EXCEPTION WHEN SQLSTATE 'TP010' THEN
	RETURN SQLERRM;
END $$;
SELECT temporal.register_workflow('kitchen'), temporal.register_workflow('waiter');
SELECT temporal.start_workflow('kitchen', id => 'kitchen-1');
SELECT is(temporal.test_run('waiter', '"soup"', id => 'waiter-1'), '"workflow \"cellar-1\" does not exist or is closed"', 'TP010 where there is none');
SELECT temporal.test_drive();
SELECT is(pg_temp.events_of('kitchen-1'), '{Started,Signaled,TimerStarted,CancelRequested,TimerCanceled,Canceled}', 'the other one is signalled and cancelled');

-- ---------- EntityWorkflow ----------

CREATE FUNCTION meter_run(total int DEFAULT 0, changes int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''off'' OR (state ->> ''changes'')::int >= args::int', args => to_jsonb(changes + 3));
	IF temporal.state('off', false) THEN
		RETURN temporal.state('total');
	END IF;
	PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	PERFORM temporal.continue_as_new(jsonb_build_array(temporal.state('total', 0), temporal.state('changes', 0)));
END $$;
CREATE FUNCTION meter_init(total int DEFAULT 0, changes int DEFAULT 0) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('total', total), temporal.set_state('changes', changes)$$;
CREATE FUNCTION reading(amount int) RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('total', temporal.state('total', 0) + amount), temporal.set_state('changes', temporal.state('changes', 0) + 1)$$;
CREATE FUNCTION meter_off() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('off', true)$$;
SELECT temporal.register_workflow('meter', 'meter_run', init => 'meter_init', signals => '{"reading": "reading", "off": "meter_off"}');
SELECT temporal.start_workflow('meter', '{}', id => 'meter-1');
SELECT count(temporal.signal('meter-1', 'reading', to_jsonb(n))) FROM generate_series(1, 7) n;
SELECT temporal.test_drive();
SELECT temporal.signal('meter-1', 'off');
SELECT temporal.test_drive('closed', 'meter-1');
SELECT is(temporal.result('meter-1'), '28', 'no reading is lost on the way');
SELECT is((SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'meter-1'), '{ContinuedAsNew,Completed}', 'in two runs');
SELECT is((SELECT attributes -> 'input' FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'meter-1' AND is_current AND event_id = 1), '[28, 7]', 'the second one began where the first one ended');

SELECT * FROM finish();
ROLLBACK;
