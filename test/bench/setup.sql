-- What every workload's database has: the workflows that are measured, and how
-- to wait for them.
CREATE EXTENSION temporal_pg;

-- an activity that does next to nothing: what is measured is the machinery
CREATE FUNCTION greet(n integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_build_object('ok', true, 'n', n);
END $$;

CREATE FUNCTION hello(n integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('greet', n);
END $$;

CREATE FUNCTION chain(steps integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	sum integer := 0;
BEGIN
	FOR i IN 1 .. steps LOOP
		sum := sum + (temporal.execute_activity('greet', i) ->> 'n')::integer;
	END LOOP;
	RETURN sum;
END $$;

CREATE FUNCTION fan(width integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	futures temporal.future[];
	result jsonb;
	sum integer := 0;
BEGIN
	FOR i IN 1 .. width LOOP
		futures[i] := temporal.start_activity('greet', i);
	END LOOP;
	FOREACH result IN ARRAY temporal.await_all(futures) LOOP
		sum := sum + (result ->> 'n')::integer;
	END LOOP;
	RETURN sum;
END $$;

-- the same by workers outside
CREATE FUNCTION fan_outside(width integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RETURN cardinality(temporal.await_all(array_agg(temporal.start_activity('outside', i)))) FROM generate_series(1, width) i;
END $$;

CREATE FUNCTION nap(times integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		PERFORM temporal.sleep('100 ms');
	END LOOP;
END $$;

CREATE FUNCTION sleeper() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 day');
END $$;

-- 20 events, then it takes messages
CREATE FUNCTION desk() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 6 LOOP
		PERFORM temporal.execute_activity('greet', i);
	END LOOP;
	PERFORM temporal.sleep('1 day');
END $$;
CREATE FUNCTION desk_set(n integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('n', n);
	RETURN n;
END $$;
CREATE FUNCTION desk_get() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.state('n');
END $$;

-- notes when it hears of each signal
CREATE FUNCTION bell(times integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		PERFORM temporal.wait_signal('ring');
		PERFORM temporal.side_effect('SELECT clock_timestamp()');
	END LOOP;
END $$;

DO $$
BEGIN
	PERFORM temporal.register_activity('greet');
	PERFORM temporal.register_workflow(name)
	FROM unnest(ARRAY['hello', 'chain', 'fan', 'nap', 'sleeper', 'bell']) AS name;
	PERFORM temporal.register_workflow('desk', updates => '{"set": "desk_set"}', queries => '{"get": "desk_get"}');
END $$;

-- Waits until every workflow is closed and says how long after "since" that
-- was. A procedure that commits between two looks: it holds no snapshot, and
-- the commits are counted, to be taken off the server's.
CREATE PROCEDURE wait_closed(since timestamptz, INOUT seconds numeric, INOUT commits integer, INOUT failed integer)
LANGUAGE plpgsql AS $$
BEGIN
	commits := 0;
	LOOP
		seconds := extract(epoch FROM clock_timestamp() - since);
		EXIT WHEN NOT EXISTS (SELECT FROM temporal_internal.execution WHERE status = 1);
		IF seconds > 600 THEN
			RAISE EXCEPTION 'workflows are still open after 10 minutes';
		END IF;
		COMMIT;
		commits := commits + 1;
		PERFORM pg_sleep(0.01);
	END LOOP;
	SELECT count(*) INTO failed FROM temporal_internal.execution WHERE status <> 2;
END $$;
