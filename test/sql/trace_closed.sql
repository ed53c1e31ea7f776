-- Golden outputs of trace() and explain(): a run that failed, and one that compensated.
-- The test environment gives them a clock of their own, so every time is the same in every run.
SET client_min_messages = warning;
BEGIN;
CREATE FUNCTION reserve(item text) RETURNS text LANGUAGE sql AS $$SELECT 'reserved ' || item$$;
CREATE FUNCTION release(item text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION charge(customer text, amount int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF customer = 'bob' THEN
		PERFORM temporal.raise_application_error('insufficient funds', type => 'CardDeclined', details => jsonb_build_object('amount', amount), non_retryable => true);
	ELSIF (temporal.activity_info()).attempt < 3 THEN
		RAISE EXCEPTION 'bank is busy';
	END IF;
	PERFORM 1 / (CASE customer WHEN 'eve' THEN 0 ELSE 1 END);
END $$;
CREATE FUNCTION fails(customer text, item text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.execute_activity('reserve', item, summary => 'one of them');
	PERFORM temporal.sleep('36 hours');
	PERFORM temporal.execute_activity('charge', jsonb_build_array(customer, 30), retry_policy => temporal.retry_policy('10 s', maximum_attempts => 4));
	RETURN 'done';
END $$;
CREATE FUNCTION compensates(customer text, item text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rate jsonb := temporal.side_effect('SELECT 7');
BEGIN
	PERFORM temporal.execute_activity('reserve', item);
	BEGIN
		PERFORM temporal.execute_activity('charge', jsonb_build_array(customer, 30));
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		PERFORM temporal.execute_local_activity('release', item);
		PERFORM temporal.await(temporal.start_timer('5 minutes', 'until it is back'), '1 hour');
		RETURN 'compensated: ' || temporal.failure_type();
	END;
	RETURN 'done';
END $$;
DO $$BEGIN
	PERFORM temporal.register_activity(a) FROM unnest('{reserve,release,charge}'::text[]) a;
	PERFORM temporal.register_workflow(w) FROM unnest('{fails,compensates}'::text[]) w;
	PERFORM temporal.test_start('2030-01-01 00:00:00+00');
	PERFORM temporal.start_workflow('fails', '["eve", "lamp"]', id => 'order-1', static_summary => 'order of eve');
	PERFORM temporal.test_drive('closed');
	PERFORM temporal.start_workflow('compensates', '{"customer": "bob", "item": "a lamp with a name that is much too long to be shown on one line of a timeline"}', id => 'order-2');
	PERFORM temporal.test_drive('closed');
	PERFORM temporal.start_workflow('fails', '["ann", "lamp"]', id => 'order-3', run_timeout => '1 day');
	PERFORM temporal.test_drive('closed');
	PERFORM temporal.start_workflow('fails', '["ann", "lamp"]', id => 'order-4', start_delay => '1 day');
	PERFORM temporal.terminate('order-4', 'changed her mind', '{"by": "phone"}');
END$$;

-- failed
SELECT * FROM temporal.trace('order-1');
SELECT * FROM temporal.explain('order-1');

-- compensated
SELECT * FROM temporal.trace('order-2');
SELECT * FROM temporal.explain('order-2');

-- timed out, terminated
SELECT * FROM temporal.trace('order-3');
SELECT * FROM temporal.explain('order-3');
SELECT * FROM temporal.trace('order-4');
SELECT * FROM temporal.explain('order-4');
ROLLBACK;
