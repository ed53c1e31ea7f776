-- Random programs: workflows with waiting handlers, spawned functions, locks, timers and activities get random
-- signals and updates at random times. The live run and replay() give the same history and the same final state.
-- As many as fit into the time; the seed is printed: SET temporal_pg_test.seed = '0.5' repeats the choices.
BEGIN;
SELECT plan(2);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = error;

CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || to_jsonb(what));
END $$;
CREATE FUNCTION work(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n % 7 = 0 THEN
		PERFORM temporal.raise_application_error('seven', 'Seven', non_retryable => true);
	END IF;
	RETURN n;
END $$;
-- one step of a program is [what, number, substeps]
CREATE FUNCTION steps(name text, program jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s jsonb;
	n int;
	f temporal.future[] := '{}';
BEGIN
	FOR s IN SELECT e FROM jsonb_array_elements(program) AS x (e) LOOP
		n := (s ->> 1)::int;
		PERFORM note(name || ' ' || (s ->> 0) || n);
		BEGIN
			CASE s ->> 0
				WHEN 'sleep' THEN PERFORM temporal.sleep(make_interval(secs => n));
				WHEN 'work' THEN PERFORM temporal.execute_activity('work', n);
				WHEN 'local' THEN PERFORM temporal.execute_local_activity('work', n);
				WHEN 'start' THEN f := f || temporal.start_activity('work', n);
				WHEN 'spawn' THEN f := f || temporal.spawn('steps', jsonb_build_array(name || '.' || n, s -> 2));
				WHEN 'all' THEN PERFORM temporal.await_all(f);
				WHEN 'any' THEN PERFORM temporal.await_any(f || temporal.start_timer(make_interval(secs => n)));
				WHEN 'lock' THEN
					PERFORM temporal.lock('l');
					PERFORM temporal.sleep('1 s');
					PERFORM temporal.unlock('l');
				WHEN 'cond' THEN PERFORM note(name || ' ' || temporal.wait_condition('jsonb_array_length(state->''seen'') % 5 = (args)::int', make_interval(secs => n), to_jsonb(n % 5)));
				WHEN 'signal' THEN PERFORM note(name || ' ' || coalesce(temporal.wait_signal('s', make_interval(secs => n)), '"none"'));
				WHEN 'patch' THEN PERFORM note(name || ' ' || temporal.patched('p' || n % 3));
				WHEN 'upsert' THEN
					PERFORM temporal.upsert_memo(jsonb_build_object('m' || n % 3, nullif(n, 0)));
					PERFORM temporal.upsert_search_attributes(jsonb_build_object('Number', n));
					PERFORM note(name || ' ' || temporal.memo() || temporal.workflow_info());
				WHEN 'random' THEN PERFORM note(name || ' ' || temporal.random() || temporal.uuid4() || temporal.now());
			END CASE;
		EXCEPTION WHEN SQLSTATE 'TF000' THEN
			PERFORM note(name || ' caught ' || temporal.failure_type());
		END;
	END LOOP;
	PERFORM note(name || ' ends');
	RETURN name;
END $$;
CREATE FUNCTION program(name text, program jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM steps(name, program);
	IF jsonb_array_length(program) % 2 = 0 THEN
		PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
	END IF;
	RETURN temporal.state('seen');
END $$;
CREATE FUNCTION whole() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state()$$;
CREATE FUNCTION its_memo() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.memo()$$;
CREATE FUNCTION its_attributes() RETURNS jsonb LANGUAGE sql AS $$SELECT (temporal.workflow_info()).search_attributes$$;
SELECT temporal.register_activity('work'), temporal.register_search_attribute('Number', 'Int');
SELECT temporal.register_workflow('program', signals => '{"go": "steps"}', updates => '{"go": "steps"}', queries => '{"whole": "whole", "memo": "its_memo", "attributes": "its_attributes"}');

CREATE FUNCTION pg_temp.pick(words text[]) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT words[1 + floor(random() * cardinality(words))::int]$$;
CREATE FUNCTION pg_temp.generate(depth int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	p jsonb := '[]';
	word text;
BEGIN
	FOR i IN 1 .. 1 + floor(random() * 4)::int LOOP
		word := pg_temp.pick('{sleep,work,local,start,spawn,all,any,lock,cond,signal,random,patch,upsert}');
		CONTINUE WHEN word = 'spawn' AND depth = 0;
		p := p || jsonb_build_array(jsonb_build_array(word, floor(random() * 10)::int, CASE WHEN word = 'spawn' THEN pg_temp.generate(depth - 1) END));
	END LOOP;
	RETURN p;
END $$;

-- one program, live and replayed: NULL, or what is wrong
CREATE FUNCTION pg_temp.try_one(id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	program jsonb := pg_temp.generate(2);
	said text := 'program ' || program::text;
	before jsonb;
	input jsonb;
	n int;
BEGIN
	PERFORM temporal.start_workflow('program', jsonb_build_array('run', program), id => id);
	FOR i IN 1 .. floor(random() * 6)::int LOOP
		IF random() < 0.6 THEN
			PERFORM temporal.test_advance(make_interval(secs => floor(random() * 5)::int));
		END IF;
		input := jsonb_build_array('h' || i, pg_temp.generate(1));
		EXIT WHEN (SELECT status FROM temporal.workflow w WHERE w.workflow_id = id) <> 'Running';
		CASE pg_temp.pick('{signal,signal,update,plain}')
			WHEN 'signal' THEN
				PERFORM temporal.signal(id, 'go', input);
				said := said || '; signal ' || input::text;
			WHEN 'update' THEN
				said := said || '; update ' || input::text;
				BEGIN
					PERFORM temporal.start_update(id, 'go', input, 'u' || i);
				EXCEPTION WHEN SQLSTATE 'TP012' THEN
					said := said || ' (too late)';
				END;
			ELSE
				PERFORM temporal.signal(id, 's', to_jsonb(i));
				said := said || '; s';
		END CASE;
		-- what a session sees now is what the worker will see
		IF random() < 0.3 THEN
			before := temporal.query(id, 'whole');
			PERFORM temporal.test_drive('idle', id);
			IF NOT coalesce(temporal.query(id, 'whole') -> 'seen' @> (before -> 'seen'), false) THEN
				RETURN 'query: ' || before::text || ' then ' || temporal.query(id, 'whole')::text || ' of ' || said;
			END IF;
		END IF;
	END LOOP;
	PERFORM temporal.test_drive('closed', id);
	SELECT history_length INTO n FROM temporal.workflow w WHERE w.workflow_id = id;
	IF temporal.replay(id) <> n THEN
		RETURN 'replay stops early: ' || said;
	END IF;
	-- the state of a closed run is that of a new replay; the result is what the live run saw
	IF NOT coalesce(temporal.query(id, 'whole') -> 'seen' @> temporal.result(id), false) THEN
		RETURN 'state: ' || temporal.query(id, 'whole')::text || ' result: ' || temporal.result(id)::text || ' of ' || said;
	END IF;
	-- the rows of memo and search attributes are what the code has made of them
	IF EXISTS (
		SELECT FROM temporal.workflow w
		WHERE w.workflow_id = id AND (coalesce(w.memo, '{}') <> temporal.query(id, 'memo') OR w.search_attributes IS DISTINCT FROM nullif(temporal.query(id, 'attributes'), 'null')))
	THEN
		RETURN 'rows: ' || temporal.query(id, 'memo')::text || temporal.query(id, 'attributes')::text || ' of ' || said;
	END IF;
	RETURN NULL;
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLSTATE || ' ' || SQLERRM || ' of ' || said;
END $$;

CREATE TEMP TABLE wrong (n int, what text);
SELECT coalesce(nullif(current_setting('temporal_pg_test.seed', true), '')::float8, extract(epoch FROM clock_timestamp())::numeric % 1) AS seed \gset
SELECT diag('seed ' || :'seed');
SELECT setseed(:seed);
SELECT temporal.test_start('2030-01-01 00:00:00+00');
CREATE FUNCTION pg_temp.try_all(duration interval) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	until timestamptz := clock_timestamp() + duration;
	n int := 0;
	what text;
BEGIN
	WHILE clock_timestamp() < until AND (SELECT count(*) FROM wrong) < 5 LOOP
		n := n + 1;
		what := pg_temp.try_one('p' || n);
		IF what IS NOT NULL THEN
			INSERT INTO wrong VALUES (n, what);
		END IF;
		DELETE FROM temporal_internal.execution WHERE workflow_id = 'p' || n;
	END LOOP;
	RETURN n;
END $$;
SELECT pg_temp.try_all(coalesce(nullif(current_setting('temporal_pg_test.duration', true), '')::interval, '25 s')) AS programs \gset
SELECT diag(:'programs' || ' programs');
SELECT cmp_ok(:programs, '>', 10, 'so many random programs were run');
SELECT is_empty('SELECT * FROM wrong', 'live run and replay agree');

SELECT * FROM finish();
ROLLBACK;
