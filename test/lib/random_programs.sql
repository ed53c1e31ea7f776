-- Programs for pgtap/170_random_programs.sql: what they are made of, how they are made, and how one is tried.

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = error;
-- all programs are rolled back, so the tables stay empty for the planner, and fill with dead rows
SET LOCAL enable_seqscan = off;

-- ---------- the code of the workflow ----------

-- A mark ends with a digest of all marks before it: who has the last one knows them all.
CREATE FUNCTION note(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen jsonb := coalesce(temporal.state('seen'), '[]');
	mark text := what || '#' || left(md5(what || coalesce(seen ->> -1, '')), 8);
BEGIN
	PERFORM temporal.set_state('seen', seen || to_jsonb(mark));
	RETURN mark;
END $$;
CREATE FUNCTION work(n int, mark text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n % 4 = 0 THEN
		PERFORM temporal.raise_application_error('four', 'Four', non_retryable => true);
	END IF;
	RETURN n;
END $$;
CREATE FUNCTION flaky(n int, mark text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF (temporal.activity_info()).attempt <= n % 4 THEN
		RAISE EXCEPTION 'attempt %', (temporal.activity_info()).attempt;
	END IF;
	RETURN n;
END $$;
CREATE FUNCTION ping(n int, mark text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.signal((temporal.activity_info()).workflow_id, (ARRAY['s', 't', 'go'])[1 + n % 3], CASE WHEN n % 3 = 2 THEN jsonb_build_array('ping' || n, '[]'::jsonb) ELSE to_jsonb(n) END);
	RETURN n;
END $$;

-- one step of a program is [what, number, substeps]
CREATE FUNCTION steps(name text, program jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	s jsonb;
	n int;
	secs interval;
	mark text;
	input jsonb;
	f temporal.future[] := '{}';
	dies bool := false;
	stops bool;
	position int := 0;
	condition text := 'jsonb_array_length(state->''seen'') % 5 = (args)::int';
	policy temporal.retry_policy;
BEGIN
	FOR s IN SELECT e FROM jsonb_array_elements(program) AS x (e) LOOP
		n := (s ->> 1)::int;
		position := position + 1;
		stops := false;
		secs := make_interval(secs => n);
		mark := note(name || ' ' || (s ->> 0) || n);
		input := jsonb_build_array(n, mark);
		policy := temporal.retry_policy('1 s', 2, NULL, 1 + n % 5);
		BEGIN
			CASE s ->> 0
				WHEN 'sleep' THEN PERFORM temporal.sleep(secs);
				WHEN 'work' THEN PERFORM temporal.execute_activity('work', input);
				WHEN 'flaky' THEN PERFORM temporal.execute_activity('flaky', input, retry_policy => policy);
				WHEN 'late' THEN PERFORM temporal.execute_activity('flaky', input, schedule_to_close_timeout => '2 s');
				WHEN 'ping' THEN PERFORM temporal.execute_activity('ping', input);
				WHEN 'local' THEN PERFORM temporal.execute_local_activity('work', input);
				WHEN 'lflaky' THEN PERFORM temporal.execute_local_activity('flaky', input, retry_policy => policy);
				WHEN 'lping' THEN PERFORM temporal.execute_local_activity('ping', input);
				WHEN 'swork' THEN f := f || temporal.start_activity('work', input);
				WHEN 'sflaky' THEN f := f || temporal.start_activity('flaky', input, retry_policy => policy);
				WHEN 'slocal' THEN f := f || temporal.start_local_activity('flaky', input, retry_policy => policy);
				WHEN 'swait' THEN f := f || temporal.start_activity('flaky', input, retry_policy => policy, cancellation_type => 'wait_cancellation_completed');
				WHEN 'sleave' THEN f := f || temporal.start_activity('flaky', input, retry_policy => policy, cancellation_type => 'abandon');
				WHEN 'wait' THEN PERFORM temporal.execute_activity('flaky', input, retry_policy => policy, cancellation_type => 'wait_cancellation_completed');
				WHEN 'cancel' THEN
					IF cardinality(f) > 0 THEN
						PERFORM temporal.cancel(f[1 + n % cardinality(f)]);
					END IF;
				WHEN 'shield' THEN
					IF cardinality(f) > 0 THEN
						f := f || temporal.shield(f[1 + n % cardinality(f)]);
					END IF;
				WHEN 'tell' THEN PERFORM note(name || ' ' || temporal.signal(CASE n % 3 WHEN 0 THEN 'nobody' ELSE 'other' END, 't', to_jsonb(n), missing_ok => true));
				WHEN 'ask' THEN
					BEGIN
						PERFORM temporal.cancel(CASE n % 3 WHEN 0 THEN 'nobody' ELSE 'other' END, mark);
					EXCEPTION WHEN SQLSTATE 'TP010' THEN
						PERFORM note(name || ' finds nobody');
					END;
				WHEN 'again' THEN
					-- with what is left of it, so it comes to an end
					IF name ~ '^run\+*$' THEN
						PERFORM temporal.continue_as_new(jsonb_build_array(name || '+', (SELECT coalesce(jsonb_agg(e), '[]') FROM jsonb_array_elements(program) WITH ORDINALITY x (e, i) WHERE i > position)));
					END IF;
				WHEN 'stimer' THEN f := f || temporal.start_timer(secs);
				WHEN 'ssignal' THEN f := f || temporal.start_wait_signal(CASE n % 2 WHEN 0 THEN 's' ELSE 't' END);
				WHEN 'scond' THEN f := f || temporal.start_wait_condition(condition, to_jsonb(n % 5));
				WHEN 'spawn' THEN f := f || temporal.spawn('steps', jsonb_build_array(name || '.' || n, s -> 2));
				WHEN 'done' THEN
					IF cardinality(f) > 0 THEN
						PERFORM note(name || ' ' || temporal.is_done(f[1 + n % cardinality(f)]));
					END IF;
				WHEN 'await' THEN
					IF cardinality(f) > 0 THEN
						PERFORM note(name || ' ' || coalesce(temporal.await(f[1 + n % cardinality(f)], secs)::text, 'null'));
					END IF;
				WHEN 'all' THEN PERFORM temporal.await_all(f, CASE WHEN n < 5 THEN secs END);
				WHEN 'any' THEN PERFORM note(name || ' ' || temporal.await_any(f || temporal.start_timer(secs))::text);
				WHEN 'mixed' THEN
					PERFORM note(name || ' ' || temporal.await_any(ARRAY[temporal.start_wait_condition(condition, to_jsonb(n % 5)),
						temporal.start_wait_signal('s'), temporal.start_activity('work', input)], secs)::text);
				WHEN 'lock' THEN
					PERFORM temporal.lock('l');
					PERFORM note(name || ' holds l');
					PERFORM temporal.sleep('1 s');
					PERFORM temporal.unlock('l');
				WHEN 'lockwork' THEN
					PERFORM temporal.lock('l');
					BEGIN
						PERFORM temporal.execute_activity('work', input);
					EXCEPTION WHEN SQLSTATE 'TF000' THEN
						PERFORM note(name || ' caught under lock');
					END;
					PERFORM temporal.unlock('l');
				WHEN 'lockend' THEN	-- the lock goes with its holder
					PERFORM temporal.lock('l');
					PERFORM temporal.sleep('1 s');
					EXIT;
				WHEN 'lockdie' THEN
					PERFORM temporal.lock('l');
					PERFORM temporal.sleep('1 s');
					dies := true;
				WHEN 'die' THEN dies := true;
				WHEN 'cond' THEN PERFORM note(name || ' ' || temporal.wait_condition(condition, secs, to_jsonb(n % 5)));
				WHEN 'wcond' THEN PERFORM temporal.wait_condition(condition, args => to_jsonb(n % 5));
				WHEN 'signal' THEN PERFORM note(name || ' ' || coalesce(temporal.wait_signal('s', secs), '"none"'));
				WHEN 'wsignal' THEN PERFORM note(name || ' ' || temporal.wait_signal('t'));
				WHEN 'random' THEN PERFORM note(name || ' ' || temporal.random() || temporal.uuid4() || temporal.now());
				WHEN 'effect' THEN PERFORM temporal.set_state('effects', coalesce(temporal.state('effects'), '[]') || temporal.side_effect('SELECT clock_timestamp()::text'));
				WHEN 'undo' THEN
					BEGIN
						PERFORM note(name || ' in a block');
						RAISE EXCEPTION 'undone';
					EXCEPTION WHEN raise_exception THEN
						PERFORM note(name || ' behind it');
					END;
			END CASE;
		EXCEPTION WHEN SQLSTATE 'TF000' THEN
			PERFORM note(name || ' caught ' || coalesce(temporal.failure_type(), SQLSTATE));
		WHEN query_canceled THEN
			PERFORM note(name || ' ' || SQLERRM || ' ' || temporal.cancel_requested());
			-- a lock that it has goes with it
			stops := n % 2 = 0 OR s ->> 0 LIKE 'lock%';
		END;
		IF stops THEN
			-- cleans up, and may itself be stopped in that
			PERFORM temporal.execute_activity('work', jsonb_build_array(1, note(name || ' cleans up')));
			RAISE query_canceled USING MESSAGE = name || ' stops';
		END IF;
		IF dies THEN
			PERFORM temporal.raise_application_error('dies', 'Dies');
		END IF;
	END LOOP;
	RETURN note(name || ' ends');
END $$;
CREATE FUNCTION program(name text, program jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mark text := steps(name, program);
BEGIN
	IF jsonb_array_length(program) % 2 = 0 THEN
		PERFORM temporal.wait_condition('temporal.all_handlers_finished()');
		mark := note('all ends');
	END IF;
	RETURN mark;
END $$;
CREATE FUNCTION whole() RETURNS jsonb LANGUAGE sql AS $$SELECT temporal.state()$$;
-- of names and of the moment
CREATE FUNCTION welcome(name text, program jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF name LIKE 'x%' OR jsonb_array_length(coalesce(temporal.state('seen'), '[]')) % 4 = 3 THEN
		RAISE EXCEPTION 'not now';
	END IF;
END $$;
SELECT temporal.register_activity('work'), temporal.register_activity('flaky'), temporal.register_activity('ping');
SELECT temporal.register_workflow('program', signals => '{"go": "steps"}', updates => '{"go": ["steps", "welcome"]}', queries => '{"whole": "whole"}');

-- ---------- making programs ----------

CREATE FUNCTION pg_temp.pick(words text[]) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN words[1 + floor(random() * cardinality(words))::int]; END $$;
CREATE FUNCTION pg_temp.generate(depth int, may_die bool) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	p jsonb := '[]';
	word text;
BEGIN
	FOR i IN 1 .. 1 + floor(random() * 4)::int LOOP
		word := pg_temp.pick('{sleep,work,flaky,late,ping,local,lflaky,lping,swork,sflaky,slocal,swait,sleave,wait,cancel,cancel,shield,tell,ask,stimer,ssignal,scond,spawn,spawn,spawn,done,await,await,all,any,any,mixed,lock,lock,lockwork,lockend,lockdie,die,cond,cond,wcond,signal,wsignal,random,effect,undo}');
		IF depth = 2 AND random() < 0.03 THEN
			word := 'again';
		END IF;
		CONTINUE WHEN word = 'spawn' AND depth = 0 OR word IN ('die', 'lockdie') AND NOT may_die;
		p := p || jsonb_build_array(jsonb_build_array(word, floor(random() * 10)::int) || CASE WHEN word = 'spawn' THEN jsonb_build_array(pg_temp.generate(depth - 1, true)) ELSE '[]' END);
	END LOOP;
	RETURN p;
END $$;

-- ---------- trying them ----------

CREATE TEMP TABLE happened (kind text PRIMARY KEY, n int);
CREATE TEMP TABLE wrong (program int, what text);
CREATE FUNCTION pg_temp.run_of(id text) RETURNS temporal_internal.execution LANGUAGE plpgsql STABLE AS $$
DECLARE
	run temporal_internal.execution;
BEGIN
	SELECT * INTO STRICT run FROM temporal_internal.execution e
	WHERE namespace_id = (SELECT n.id FROM temporal_internal.namespace n WHERE n.name = 'default') AND e.workflow_id = run_of.id
	ORDER BY run_no DESC LIMIT 1;
	RETURN run;
END $$;
-- what code and engine have made of a run; not the values, of which side effects have new ones each time
CREATE FUNCTION pg_temp.outline(id text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
	k bigint := (pg_temp.run_of(id)).key;
BEGIN
	RETURN (SELECT jsonb_agg(jsonb_build_array(event_id, event_type, task_id, event_time, attributes -> 'activityId', attributes -> 'timerId', attributes -> 'signalName') ORDER BY event_id)
		FROM temporal_internal.history WHERE execution_key = k);
END $$;
-- the first tasks of a history, as a client would give it to replay()
CREATE FUNCTION pg_temp.begin_of(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	run temporal_internal.execution := pg_temp.run_of(id);
	tasks int := 1 + floor(random() * run.last_task_id)::int;
	n int := (SELECT max(event_id) FROM temporal_internal.history WHERE execution_key = run.key AND task_id BETWEEN 1 AND tasks);
BEGIN
	RETURN (SELECT jsonb_agg(to_jsonb(h) ORDER BY event_id) FROM temporal.history h WHERE h.namespace = 'default' AND h.workflow_id = begin_of.id AND h.run_id = run.run_id AND event_id <= n);
END $$;
-- what a session sees; nothing before the start delay is over
CREATE FUNCTION pg_temp.seen(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	run temporal_internal.execution := pg_temp.run_of(id);
BEGIN
	RETURN CASE WHEN run.last_task_id > 0 OR run.execution_time <= temporal.test_now() THEN temporal.query(id, 'whole') -> 'seen' END;
END $$;

CREATE FUNCTION pg_temp.do_it(id text, what text, secs int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF what = 'advance' THEN
		PERFORM temporal.test_advance(make_interval(secs => secs));
	ELSE
		PERFORM temporal.test_drive(what, id);
	END IF;
END $$;
-- The same, perhaps in a process that crashes, which then is as if it had not been, or has lost its memory.
CREATE FUNCTION pg_temp.do_it_crashing(id text, what text, secs int, OUT wrong text, OUT kinds text[]) LANGUAGE plpgsql AS $$
DECLARE
	crashes bool := random() < 0.3;
	forgets bool := random() < 0.3;
	first jsonb;
	again jsonb;
BEGIN
	kinds := ARRAY[what];
	IF crashes THEN
		BEGIN
			PERFORM temporal_internal.fail_at(floor(random() * 16)::int);
			PERFORM pg_temp.do_it(id, what, secs);
			PERFORM temporal_internal.fail_at(0);
			first := pg_temp.outline(id);
			RAISE crash_shutdown;
		EXCEPTION WHEN crash_shutdown THEN
			kinds := kinds || CASE WHEN first IS NULL THEN 'crash in the middle' ELSE 'crash before commit' END;
		END;
	END IF;
	IF forgets THEN
		PERFORM temporal_internal.forget_runs();
		kinds := kinds || 'lost cache'::text;
	END IF;
	PERFORM pg_temp.do_it(id, what, secs);
	-- elsewhere time was skipped, which is not given back
	IF what = 'idle' AND first IS NOT NULL THEN
		again := pg_temp.outline(id);
		IF first <> again THEN
			wrong := format('after a crash not the same again: %s then %s', first, again);
		END IF;
	END IF;
END $$;

-- An open or closed run is replayed: NULL, or what is wrong. In the end, or where nothing is on its way.
CREATE FUNCTION pg_temp.check_replay(id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int := (pg_temp.run_of(id)).next_event_id - 1;
	replayed int := temporal.replay(id);
BEGIN
	RETURN CASE WHEN replayed <> n THEN 'replay stops at event ' || replayed || ' of ' || n END;
END $$;
-- What the live run left in history, against the state that a replay comes to: NULL, or what is wrong.
CREATE FUNCTION pg_temp.check_state(k bigint, state jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	lost text;
	effects jsonb;
BEGIN
	SELECT string_agg(mark, ', ') INTO lost FROM (
		SELECT CASE WHEN attributes ? 'activityId' THEN attributes -> 'input' ->> 1 WHEN attributes ? 'outcome' THEN attributes #>> '{outcome,success}' ELSE attributes ->> 'result' END AS mark
		FROM temporal_internal.history WHERE execution_key = k) h
	WHERE mark LIKE '%#%' AND NOT coalesce(state -> 'seen' ? mark, false);
	IF lost IS NOT NULL THEN
		RETURN format('marks of the live run that the replay has not: %s in %s', lost, state);
	END IF;
	-- the values that side effects had when they were new
	SELECT jsonb_agg(attributes #> '{details,data}' ORDER BY event_id) INTO effects FROM temporal_internal.history
	WHERE execution_key = k AND attributes ->> 'markerName' = 'SideEffect';
	IF state -> 'effects' IS DISTINCT FROM effects THEN
		RETURN format('side effects were %s in %s', effects, state);
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION pg_temp.one_message(id text, i int, OUT wrong text, OUT kinds text[], OUT said text) LANGUAGE plpgsql AS $$
DECLARE
	what text := pg_temp.pick('{signal,signal,start_update,start_update,update,plain,plain,bad,cancel}');
	input jsonb := jsonb_build_array(CASE what WHEN 'bad' THEN 'x' ELSE 'h' END || i, pg_temp.generate(1, what LIKE '%update'));
	before jsonb;
	run temporal_internal.execution;
BEGIN
	said := what || ' ' || input::text;
	IF what = 'cancel' THEN
		said := what;
		PERFORM temporal.cancel(id, 'c' || i);
	ELSIF what = 'signal' THEN
		PERFORM temporal.signal(id, 'go', input);
	ELSIF what = 'plain' THEN
		said := pg_temp.pick('{s,t,nobody}');
		PERFORM temporal.signal(id, said, to_jsonb(i));
	ELSE
		run := pg_temp.run_of(id);
		before := pg_temp.seen(id);
		BEGIN
			IF what = 'update' THEN
				PERFORM temporal.update(id, 'go', input, 'u' || i);
			ELSE
				PERFORM temporal.start_update(id, 'go', input, 'u' || i);
			END IF;
			IF what = 'bad' THEN
				wrong := 'a bad update was accepted';
			END IF;
		EXCEPTION WHEN SQLSTATE 'TP012' OR SQLSTATE 'TP023' OR SQLSTATE 'TP024' OR SQLSTATE 'TF008' THEN
			what := what || ' ' || SQLSTATE;
			IF run <> pg_temp.run_of(id) OR before IS DISTINCT FROM pg_temp.seen(id) THEN
				wrong := 'an update that was refused (' || SQLSTATE || ') has left a trace';
			END IF;
		END;
	END IF;
	kinds := ARRAY[what];
END $$;

-- A run that has ended goes on from somewhere in its history, to its end.
CREATE FUNCTION pg_temp.try_reset(id text, event_id int, OUT wrong text, OUT kinds text[], OUT said text) LANGUAGE plpgsql AS $$
DECLARE
	reapply text := pg_temp.pick('{all,all,signals,updates,none}');
	run temporal_internal.execution := pg_temp.run_of(id);
	more text[];
BEGIN
	said := format('reset to event %s, %s', event_id, reapply);
	kinds := ARRAY['reset ' || reapply];
	PERFORM temporal.reset(id, event_id, reapply => reapply);
	FOR i IN 1 .. 12 LOOP
		IF random() < 0.5 THEN
			wrong := pg_temp.check_replay(id);
			PERFORM temporal.query(id, 'whole');
		END IF;
		IF wrong IS NULL THEN
			SELECT * INTO wrong, more FROM pg_temp.do_it_crashing(id, 'blocked', 0);
			said := said || '; ' || array_to_string(more, ', ');
		END IF;
		EXIT WHEN wrong IS NOT NULL OR (pg_temp.run_of(id)).status <> 1;
		PERFORM temporal.signal(id, 's', '0'), temporal.signal(id, 't', '0'), temporal.signal(id, 'go', jsonb_build_array('wake', '[]'::jsonb));
	END LOOP;
	IF wrong IS NULL AND (pg_temp.run_of(id)).status = 1 THEN
		PERFORM temporal.terminate(id);
	END IF;
	IF wrong IS NULL THEN
		wrong := pg_temp.check_replay(id);
	END IF;
	IF wrong IS NULL AND (pg_temp.run_of(id)).last_task_id > 0 THEN
		wrong := pg_temp.check_state((pg_temp.run_of(id)).key, temporal.query(id, 'whole'));
	END IF;
	kinds := kinds || ('reset to status ' || (pg_temp.run_of(id)).status);
END $$;
CREATE FUNCTION pg_temp.try_one(id text, OUT wrong text, OUT kinds text[], OUT said text) LANGUAGE plpgsql AS $$
DECLARE
	program jsonb := pg_temp.generate(2, random() < 0.1);
	replay_until int := floor(random() * 8)::int;
	steps int := floor(random() * 6)::int;
	what text;
	before jsonb;
	more text[];
	words text;
	stack text;
	run temporal_internal.execution;
	other bool := false;
BEGIN
	kinds := '{}';
	said := 'program ' || program::text;
	IF program::text ~ '"(tell|ask)"' THEN
		PERFORM temporal.start_workflow('program', '["other", [["wsignal", 0]]]', id => 'other');
		other := true;
	END IF;
	PERFORM temporal.start_workflow('program', jsonb_build_array('run', program), id => id,
		run_timeout => CASE WHEN random() < 0.1 THEN interval '12 s' END, start_delay => CASE WHEN random() < 0.1 THEN interval '2 s' END);
	FOR i IN 1 .. steps + 12 LOOP
		-- enough: what still waits is woken until it ends
		IF i > steps THEN
			SELECT * INTO wrong, more FROM pg_temp.do_it_crashing(id, 'blocked', 0);
			said := said || '; blocked';
		ELSE
			what := pg_temp.pick('{idle,idle,advance,none}');
			IF what <> 'none' THEN
				-- what a session sees now is what the worker will see
				before := pg_temp.seen(id);
				run := pg_temp.run_of(id);
				SELECT * INTO wrong, more FROM pg_temp.do_it_crashing(id, what, floor(random() * 4)::int);
				said := said || '; ' || array_to_string(more, ', ');
				-- (not where a crash lies between, before which time was skipped, nor of a run that has continued as new)
				IF wrong IS NULL AND run.key = (pg_temp.run_of(id)).key AND (what = 'idle' OR cardinality(more) = 1) AND NOT coalesce(pg_temp.seen(id) ? (before ->> -1), before IS NULL) THEN
					wrong := format('a query has seen %s, which has not come', before);
				END IF;
			END IF;
		END IF;
		kinds := kinds || more;
		IF wrong IS NULL AND i <= replay_until THEN
			wrong := pg_temp.check_replay(id);
			kinds := kinds || 'replay of an open run'::text;
		END IF;
		run := pg_temp.run_of(id);
		EXIT WHEN run.status <> 1 OR wrong IS NOT NULL;
		IF i > steps THEN
			PERFORM temporal.signal(id, 's', '0'), temporal.signal(id, 't', '0'), temporal.signal(id, 'go', jsonb_build_array('wake', '[]'::jsonb));
		ELSE
			SELECT * INTO wrong, more, words FROM pg_temp.one_message(id, i);
			kinds := kinds || more;
			said := said || '; ' || words;
			EXIT WHEN wrong IS NOT NULL;
		END IF;
	END LOOP;
	IF wrong IS NULL AND run.status = 1 THEN
		PERFORM temporal.terminate(id);
		said := said || '; terminated';
	END IF;
	IF wrong IS NULL AND other THEN
		PERFORM temporal.test_drive('idle', 'other');
		wrong := pg_temp.check_replay('other');
		kinds := kinds || ('other ' || (pg_temp.run_of('other')).status);
	END IF;
	IF wrong IS NULL THEN
		wrong := pg_temp.check_replay(id);
	END IF;
	-- each run of the chain; of one that was closed before its first activation there is nothing to ask
	FOR run IN SELECT * FROM temporal_internal.execution e WHERE e.workflow_id = id AND last_task_id > 0 LOOP
		IF wrong IS NULL AND run.status = 6 THEN
			kinds := kinds || 'continued'::text;
			PERFORM temporal.replay(id, run.run_id);
		END IF;
		IF wrong IS NULL THEN
			wrong := pg_temp.check_state(run.key, temporal.query(id, 'whole', run_id => run.run_id));
		END IF;
	END LOOP;
	IF wrong IS NULL AND (pg_temp.run_of(id)).last_task_id > 0 AND random() < 0.3 THEN
		-- the code as it stood earlier, from a history that a client gives
		PERFORM temporal.replay(pg_temp.begin_of(id), 'program');
		kinds := kinds || 'replay of a beginning'::text;
	END IF;
	kinds := kinds || ('status ' || (pg_temp.run_of(id)).status);
	run := pg_temp.run_of(id);
	IF wrong IS NULL AND run.last_task_id > 0 AND run.next_event_id > 2 AND random() < 0.3 THEN
		SELECT * INTO wrong, more, words FROM pg_temp.try_reset(id, 2 + floor(random() * (run.next_event_id - 2))::int);
		kinds := kinds || more;
		said := said || '; ' || words;
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'RB000';
EXCEPTION
	WHEN SQLSTATE 'RB000' THEN
		NULL;	-- all of it is gone
	WHEN OTHERS OR assert_failure THEN
		GET STACKED DIAGNOSTICS words = PG_EXCEPTION_DETAIL, stack = PG_EXCEPTION_CONTEXT;
		wrong := concat_ws(' ', SQLSTATE, SQLERRM, words, stack);
END $$;
CREATE FUNCTION pg_temp.try_all(seed bigint, first int, count int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := 0;
	tried record;
	kind text;
	counts jsonb := '{}';
BEGIN
	FOR i IN first .. first + count - 1 LOOP
		PERFORM setseed(hashint8extended(i, seed) / 9223372036854775808.0);
		SELECT * INTO tried FROM pg_temp.try_one('p' || i);
		n := n + 1;
		FOREACH kind IN ARRAY tried.kinds LOOP
			counts := counts || jsonb_build_object(kind, coalesce((counts ->> kind)::int, 0) + 1);
		END LOOP;
		IF tried.wrong IS NOT NULL THEN
			INSERT INTO wrong VALUES (i, tried.wrong || E'\n' || tried.said);
			EXIT WHEN (SELECT count(*) FROM wrong) >= 5;
		END IF;
	END LOOP;
	INSERT INTO happened SELECT key, value::int FROM jsonb_each(counts);
	RETURN n;
END $$;
