-- The determinism guard: what check_workflow() finds, what registration refuses, what the net catches while code runs.
BEGIN;
SELECT * FROM no_plan();
SET LOCAL client_min_messages = warning;

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
\ir ../lib/helpers.sql

CREATE TABLE rate (eur numeric);
INSERT INTO rate VALUES (1.1);
CREATE VIEW rates AS SELECT * FROM rate;
CREATE SEQUENCE numbers;
CREATE FUNCTION act(n int DEFAULT 0) RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM count(*) FROM shop.rate; RETURN clock_timestamp(); END $$;
SELECT temporal.register_activity('act');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

CREATE FUNCTION pg_temp.error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- what is found in a function with this body, but "note"s: 'line severity reason'
CREATE FUNCTION pg_temp.found(body text, declarations text DEFAULT '', returns text DEFAULT 'jsonb') RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
	DROP FUNCTION IF EXISTS shop.wf(jsonb);
	EXECUTE format('CREATE FUNCTION shop.wf(input jsonb DEFAULT NULL) RETURNS %s LANGUAGE plpgsql AS %L', returns,
				   'DECLARE ' || declarations || E'\nBEGIN\n' || body || E'\nEND');
	RETURN ARRAY(SELECT format('%s %s %s', line, severity, reason) FROM temporal.check_workflow('shop.wf'));
END $$;

-- ---------- what is refused ----------

SELECT is(pg_temp.found(body, declarations, returns), ARRAY[finding], label) FROM (VALUES
	('now()', 'x := now();', 'x timestamptz;', 'jsonb', '3 error now() reads the clock'),
	('random()', 'IF random() > 0.5 THEN RETURN NULL; END IF;', '', 'jsonb', '3 error random() draws a random number'),
	('gen_random_uuid()', 'RETURN to_jsonb(gen_random_uuid());', '', 'jsonb', '3 error gen_random_uuid() draws a random number'),
	('nextval()', 'PERFORM nextval(''shop.numbers'');', '', 'jsonb', '3 error nextval() depends on what other sessions have drawn'),
	('pg_sleep()', 'PERFORM pg_sleep(1);', '', 'jsonb', '3 error pg_sleep() holds the process up'),
	('pg_notify()', 'PERFORM pg_notify(''a'', ''b'');', '', 'jsonb', '3 error pg_notify() tells other sessions'),
	('an advisory lock', 'PERFORM pg_advisory_xact_lock(1);', '', 'jsonb', '3 error pg_advisory_xact_lock() takes a lock of the session'),
	('another volatile function', 'PERFORM txid_current();', '', 'jsonb', '3 error txid_current() depends on more than its arguments'),
	('a stable function', 'RETURN to_jsonb(current_setting(''port''));', '', 'jsonb', '3 error current_setting() depends on the settings of the process'),
	('age() with today', 'x := age(x);', 'x timestamptz;', 'jsonb', '3 error age() reads the clock'),
	('a table', 'SELECT eur INTO x FROM rate;', 'x numeric;', 'jsonb', '3 error it reads table shop.rate'),
	('a table in a subquery', 'IF (SELECT count(*) FROM rate) > 0 THEN RETURN NULL; END IF;', '', 'jsonb', '3 error it reads table shop.rate'),
	('a table in a CTE', 'RETURN (WITH r AS (SELECT * FROM rate) SELECT to_jsonb(count(*)) FROM r);', '', 'jsonb', '3 error it reads table shop.rate'),
	('a catalog', 'RETURN (SELECT to_jsonb(count(*)) FROM pg_class);', '', 'jsonb', '3 error it reads table pg_catalog.pg_class'),
	('a view', 'FOR x IN SELECT eur FROM rates LOOP NULL; END LOOP;', 'x numeric;', 'jsonb', '3 error it reads view shop.rates'),
	('a cursor', 'OPEN c;', 'c CURSOR FOR SELECT eur FROM rate;', 'jsonb', '1 error it reads table shop.rate'),
	('INSERT', E'INSERT INTO rate\nVALUES (1);', '', 'jsonb', '3 error INSERT writes table shop.rate'),
	('UPDATE', 'UPDATE rate SET eur = 1;', '', 'jsonb', '3 error UPDATE writes table shop.rate'),
	('SET', 'SET LOCAL work_mem = ''1MB'';', '', 'jsonb', '3 error SET is no statement for workflow code'),
	('NOTIFY', 'NOTIFY a;', '', 'jsonb', '3 error NOTIFY is no statement for workflow code'),
	('COMMIT', 'COMMIT;', '', 'jsonb', '3 error workflow code has no transaction of its own to end'),
	('in a declaration', 'NULL;', E'\nx timestamptz := clock_timestamp();', 'jsonb', '2 error clock_timestamp() reads the clock'),
	('in a branch', E'IF input IS NULL THEN\nNULL;\nELSIF random() > 0.5 THEN\nNULL;\nEND IF;', '', 'jsonb', '5 error random() draws a random number'),
	('in a message', 'RAISE NOTICE ''%'', now();', '', 'jsonb', '3 error now() reads the clock'),
	('in an operator', 'IF input IS NOT NULL AND now() > ''2000-01-01'' THEN NULL; END IF;', '', 'jsonb', '3 error now() reads the clock'),
	('in a condition', 'PERFORM temporal.wait_condition($c$(state->>''at'')::timestamptz < now()$c$);', '', 'jsonb', '3 error now() reads the clock'),
	('a table in a condition', 'PERFORM temporal.wait_condition(condition => ''EXISTS (SELECT FROM rate)'');', '', 'jsonb', '3 error it reads table shop.rate'),
	('constant dynamic SQL', 'EXECUTE ''SELECT now()'' INTO x;', 'x timestamptz;', 'jsonb', '3 error now() reads the clock'),
-- what has no function (postgres-notes 4.3: SQLValueFunction, literals)
	('CURRENT_TIMESTAMP', 'x := current_timestamp;', 'x timestamptz;', 'jsonb', '3 error CURRENT_TIMESTAMP reads the clock'),
	('CURRENT_DATE', 'x := current_date + 1;', 'x date;', 'jsonb', '3 error CURRENT_DATE reads the clock'),
	('LOCALTIME', 'RETURN to_jsonb(localtime(0));', '', 'jsonb', '3 error LOCALTIME reads the clock'),
	('SESSION_USER', 'RETURN to_jsonb(session_user);', '', 'jsonb', '3 error SESSION_USER depends on the process that runs the code'),
	('''now'' with a cast', 'x := ''now''::timestamptz;', 'x timestamptz;', 'jsonb', '3 error the literal ''now'' is the time at which the expression was prepared'),
	('''now'' without one', 'x := ''NOW'';', 'x timestamptz;', 'jsonb', '3 error the literal ''now'' is the time at which the expression was prepared'),
	('''tomorrow''', 'IF x < ''tomorrow 10:00'' THEN NULL; END IF;', 'x timestamptz;', 'jsonb', '3 error the literal ''tomorrow'' is the time at which the expression was prepared'),
	('an escaped one', 'x := date E''to\x64ay'';', 'x date;', 'jsonb', '3 error the literal ''today'' is the time at which the expression was prepared'),
	('in an array', 'x := ''{2020-01-01,now}'';', 'x timestamptz[];', 'jsonb', '3 error the literal ''now'' is the time at which the expression was prepared'),
	('in a range', 'x := ''[2020-01-01,now)'';', 'x tstzrange;', 'jsonb', '3 error the literal ''now'' is the time at which the expression was prepared'),
	('''now'' in a declaration', 'NULL;', 'x timestamptz := ''now'';', 'jsonb', '1 error the literal ''now'' reads the clock'),
	('''now'' as the result', 'RETURN ''now'';', '', 'timestamptz', '3 error the literal ''now'' reads the clock')
	) t (label, body, declarations, returns, finding);

-- ---------- what is called ----------

CREATE FUNCTION lying() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT now()';
CREATE FUNCTION inlined(n int) RETURNS float8 LANGUAGE sql AS E'SELECT n *\n random()';
CREATE FUNCTION atomic() RETURNS date LANGUAGE sql BEGIN ATOMIC; SELECT current_date; END;
CREATE FUNCTION outer_one() RETURNS float8 LANGUAGE plpgsql AS $$BEGIN
	RETURN shop.inlined(3);
END $$;
CREATE PROCEDURE proc() LANGUAGE plpgsql AS $$BEGIN PERFORM random(); END $$;
CREATE FUNCTION poly(x anyelement) RETURNS text LANGUAGE plpgsql AS $$DECLARE y x%TYPE := x; BEGIN RETURN y::text || random(); END $$;
CREATE FUNCTION defaulted(n int, at timestamptz DEFAULT now()) RETURNS timestamptz LANGUAGE sql AS 'SELECT at';
CREATE FUNCTION recursive(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN IF n = 0 THEN RETURN 0; END IF; RETURN 1 + shop.recursive(n - 1); END $$;
CREATE FUNCTION branch(n int) RETURNS float8 LANGUAGE plpgsql AS $$BEGIN RETURN random(); END $$;
CREATE DOMAIN lucky AS int CHECK (value > random());
CREATE FUNCTION add_noise(float8, float8) RETURNS float8 LANGUAGE sql AS 'SELECT $1 + $2 * random()';
CREATE AGGREGATE noisy_sum(float8) (SFUNC = add_noise, STYPE = float8, INITCOND = 0);
CREATE TYPE box_of AS (n int);
CREATE FUNCTION box_lt(box_of, box_of) RETURNS bool LANGUAGE sql AS 'SELECT $1.n < $2.n';
CREATE FUNCTION box_eq(box_of, box_of) RETURNS bool LANGUAGE sql AS 'SELECT $1.n = $2.n';
CREATE FUNCTION box_cmp(box_of, box_of) RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN CASE WHEN random() < 0.5 THEN -1 ELSE 1 END; END $$;
CREATE OPERATOR <<< (LEFTARG = box_of, RIGHTARG = box_of, FUNCTION = box_lt);
CREATE OPERATOR === (LEFTARG = box_of, RIGHTARG = box_of, FUNCTION = box_eq);
CREATE OPERATOR CLASS box_ops FOR TYPE box_of USING btree AS OPERATOR 1 <<<, OPERATOR 3 ===, FUNCTION 1 box_cmp(box_of, box_of);
CREATE FUNCTION shown(box_of) RETURNS text LANGUAGE sql AS 'SELECT clock_timestamp()::text';
CREATE CAST (box_of AS text) WITH FUNCTION shown(box_of) AS ASSIGNMENT;

CREATE FUNCTION pg_temp.called(body text, declarations text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text[] := pg_temp.found(body, declarations);
BEGIN
	RETURN (SELECT string_agg(format('%s %s: %s', function_name, line, reason), '; ') FROM temporal.check_workflow('shop.wf'));
END $$;
SELECT is(pg_temp.called(body, declarations), finding, label) FROM (VALUES
	('declared IMMUTABLE, folded into a constant', 'x := shop.lying();', 'x timestamptz;', 'lying() 1: now() reads the clock'),
	('a function in SQL', 'x := shop.inlined(2);', 'x float8;', 'inlined(integer) 2: random() draws a random number'),
	('BEGIN ATOMIC', 'x := shop.atomic();', 'x date;', 'atomic() : CURRENT_DATE reads the clock'),
	('through another', 'x := shop.outer_one();', 'x float8;', 'inlined(integer) 2: random() draws a random number'),
	('a procedure', 'CALL shop.proc();', '', 'proc() 1: random() draws a random number'),
	('a polymorphic one', 'x := shop.poly(2.5);', 'x text;', 'poly(anyelement) 1: random() draws a random number'),
	('the default of an argument', 'x := shop.defaulted(1);', 'x timestamptz;', 'defaulted(integer,timestamp with time zone) : now() reads the clock'),
	('spawned', 'PERFORM temporal.await(temporal.spawn(''branch'', 1));', '', 'branch(integer) 1: random() draws a random number'),
	('the constraint of a domain', 'NULL;', 'x shop.lucky;', 'wf(jsonb) 1: random() draws a random number'),
	('an aggregate', 'x := (SELECT shop.noisy_sum(g) FROM generate_series(1, 3) g);', 'x float8;', 'add_noise(double precision,double precision) 1: random() draws a random number'),
	('the comparison of a sort', 'x := ARRAY(SELECT b FROM unnest(x) b ORDER BY b USING OPERATOR(shop.<<<));', 'x shop.box_of[];', 'box_cmp(box_of,box_of) 1: random() draws a random number'),
	('a cast', 'y := x;', 'x shop.box_of; y text;', 'shown(box_of) 1: clock_timestamp() reads the clock')
	) t (label, body, declarations, finding);
SELECT is(pg_temp.called('x := 3::shop.lucky::text;', 'x text;'), 'wf(jsonb) 3: random() draws a random number', 'a cast to a domain');
SELECT is(pg_temp.called('x := shop.recursive(3); x := shop.defaulted(1, NULL) IS NULL;', 'x text;'), NULL, 'one that calls itself; a default that is not used');
SELECT is((SELECT array_agg(instead) FROM temporal.check_workflow('branch')), ARRAY['temporal.random()'], 'and what to call instead');

-- ---------- what is allowed ----------

SELECT is(pg_temp.found(body, declarations), '{}', label) FROM (VALUES
	('JSON', 'RETURN to_jsonb(1) || jsonb_build_object(''a'', 1, ''b'', to_jsonb(input)) || (SELECT jsonb_agg(g) FROM generate_series(1, 3) g) || jsonb_object(''{a,b}'');', ''),
	('strings', 'x := format(''%s %L'', 1, input) || concat(1, 2) || quote_literal(3) || string_agg(g::text, '','') || md5(''x'') FROM generate_series(1, 2) g;', 'x text;'),
	('times', 'x := temporal.now() + interval ''1 day''; y := x::date; x := date_trunc(''day'', x) + (x - temporal.now()); x := ''2020-01-01''; RETURN to_jsonb(to_char(x, ''YYYY'') || extract(year FROM x) || x::text);', 'x timestamptz; y date;'),
	('a time out of JSON', 'x := (input->>''at'')::timestamptz; y := input->>''at'';', 'x timestamptz; y text;'),
	('waiting', 'a := temporal.execute_activity(''act'', 1); f := temporal.start_timer(''1 s''); PERFORM temporal.await_any(ARRAY[f, temporal.start_activity(''act'')]); PERFORM temporal.await_all(array_agg(temporal.start_activity(''act'', g))) FROM generate_series(1, 3) g; IF temporal.wait_signal(''x'', timeout => ''3 days'') IS NOT NULL THEN RETURN a; END IF; IF NOT temporal.wait_condition(''temporal.all_handlers_finished() AND state ? ''''x'''''', ''1 h'') THEN NULL; END IF;', 'a jsonb; f temporal.future;'),
	('chance', 'x := temporal.random(); RETURN to_jsonb(temporal.uuid4());', 'x float8;'),
	('a side effect', 'RETURN temporal.side_effect(''SELECT max(eur) + random() FROM shop.rate'');', ''),
	('loops', 'FOR r IN SELECT g, g + 1 AS h FROM generate_series(1, 3) g LOOP PERFORM temporal.sleep(r.h * interval ''1 s''); END LOOP; FOREACH n IN ARRAY ''{1,2}''::int[] LOOP CONTINUE WHEN n = 1; END LOOP; CASE n WHEN 1, 2 THEN NULL; ELSE n := 4; END CASE; SELECT 1, ''x'' INTO n, t; CASE t WHEN ''x'' THEN NULL; END CASE;', 'r record; n int; t text;'),
	('EXCEPTION', 'BEGIN PERFORM temporal.execute_activity(''act''); EXCEPTION WHEN SQLSTATE ''TF002'' THEN GET STACKED DIAGNOSTICS x = PG_EXCEPTION_DETAIL; END; ASSERT true;', 'x text;'),
	('a record', 'r := ROW(1, ''x'', now_); RETURN to_jsonb(r.f2);', 'r record; now_ date;'),
	('a name that is one of ours', 'now := 1; RETURN to_jsonb(now);', 'now int;'),
	('the word in a string', 'x := ''now() random() SELECT FROM rate''; -- now()', 'x text;'),
	('CURRENT_USER: the code runs as its owner', 'RETURN to_jsonb(current_user);', '')
	) t (label, body, declarations);
SELECT is(temporal_check, '{}', 'a function that is not there yet is a note') FROM (SELECT pg_temp.found('BEGIN PERFORM 1; END;') AS temporal_check) x;
SELECT is(pg_temp.found('PERFORM shop.later();'), '{"3 note cannot be checked: function shop.later() does not exist"}', 'what cannot be analysed is a note');
CREATE FUNCTION free() RETURNS timestamptz LANGUAGE sql SET temporal_pg.determinism = off AS 'SELECT now()';
SELECT is(pg_temp.found('PERFORM shop.free();'), '{}', 'a function that is set free');

-- ---------- what is hardly meant ----------

SELECT is(pg_temp.found(body, declarations, returns), ARRAY[finding], label) FROM (VALUES
	('dynamic SQL', 'EXECUTE format(''SELECT %L'', input) INTO x;', 'x text;', 'jsonb', '3 warning dynamic SQL is known only when it runs'),
	('a waiting call inside AND', 'IF input IS NULL AND temporal.wait_condition(''true'') THEN NULL; END IF;', '', 'jsonb', '3 warning temporal.wait_condition() stands inside AND, OR, CASE or COALESCE, and may be called in one run and left out in its replay'),
	('inside OR', 'IF temporal.await(f) IS NULL OR input IS NULL THEN NULL; END IF;', 'f temporal.future;', 'jsonb', '3 warning temporal.await() stands inside AND, OR, CASE or COALESCE, and may be called in one run and left out in its replay'),
	('inside CASE', 'x := CASE WHEN input IS NULL THEN temporal.execute_activity(''act'') END;', 'x jsonb;', 'jsonb', '3 warning temporal.execute_activity() stands inside AND, OR, CASE or COALESCE, and may be called in one run and left out in its replay'),
	('inside COALESCE', 'x := coalesce(input, temporal.wait_signal(''s''));', 'x jsonb;', 'jsonb', '3 warning temporal.wait_signal() stands inside AND, OR, CASE or COALESCE, and may be called in one run and left out in its replay'),
	('a jsonb as text', 'x := temporal.execute_activity(''act'');', 'x text;', 'jsonb', '3 warning the result of temporal.execute_activity() is jsonb: as text, a string in it keeps its quotes'),
	('in a declaration', 'NULL;', 'x text := temporal.execute_activity(''act'');', 'jsonb', '1 warning the result of temporal.execute_activity() is jsonb: as text, a string in it keeps its quotes'),
	('by INTO', 'SELECT temporal.wait_signal(''act'') INTO x;', 'x text;', 'jsonb', '3 warning the result of temporal.wait_signal() is jsonb: as text, a string in it keeps its quotes'),
	('as the result', 'RETURN temporal.wait_signal(''act'');', '', 'text', '3 warning the result of temporal.wait_signal() is jsonb: as text, a string in it keeps its quotes'),
	('PERFORM wait_condition', 'PERFORM temporal.wait_condition(''true'', timeout => ''1 h'');', '', 'jsonb', '3 warning PERFORM throws away whether the condition came true or the time was over'),
	('WHEN OTHERS in a loop', E'LOOP\nBEGIN\nPERFORM temporal.execute_activity(''act'');\nEXIT;\nEXCEPTION WHEN OTHERS THEN NULL;\nEND;\nEND LOOP;', '', 'jsonb', '7 warning WHEN OTHERS around a waiting call in a loop also catches mistakes in the code itself, and tries them again for ever'),
	('assert_failure', E'BEGIN\nPERFORM temporal.sleep(''1 s'');\nEXCEPTION WHEN assert_failure THEN NULL;\nEND;', '', 'jsonb', '5 warning it catches assert_failure, as which a waiting call ends the code')
	) t (label, body, declarations, returns, finding);
SELECT is(pg_temp.found(body, declarations), '{}', label) FROM (VALUES
	('asked to be text', 'x := temporal.execute_activity(''act'')::text; x := temporal.execute_activity(''act'') #>> ''{}'';', 'x text;'),
	('without a timeout', 'PERFORM temporal.wait_condition(''true'');', ''),
	('WHEN OTHERS outside of a loop, or one that leaves it', 'BEGIN PERFORM temporal.sleep(''1 s''); EXCEPTION WHEN OTHERS THEN NULL; END; LOOP BEGIN PERFORM temporal.sleep(''1 s''); EXIT; EXCEPTION WHEN OTHERS THEN RAISE; END; END LOOP;', ''),
	('the first of COALESCE', 'x := coalesce(temporal.wait_signal(''s'', ''1 s''), input);', 'x jsonb;')
	) t (label, body, declarations);

-- ---------- registration ----------

CREATE FUNCTION clocked() RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
	RETURN now();
END $$;
CREATE FUNCTION fine() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 s'); RETURN 1; END $$;
SELECT is(pg_temp.error_of($$SELECT temporal.register_workflow('clocked')$$), 'TP022: function clocked() is not deterministic', 'refused');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('w', 'fine', signals => '{"s": "clocked"}')$$), 'TP022', 'a handler');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('w', 'fine', updates => '{"u": ["fine", "clocked"]}')$$), 'TP022', 'a validator');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('w', 'fine', init => 'clocked')$$), 'TP022', 'an init');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_workflow('w', 'clocked')$$), 'TP022', 'nothing is registered');
SELECT temporal.register_workflow('fine');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.register_query_handler('fine', 'q', 'clocked')$$), 'TP022', 'a query handler');
SELECT lives_ok($$SELECT temporal.register_activity('clocked')$$, 'an activity may do it');
SET LOCAL client_min_messages = error;
SET LOCAL temporal_pg.determinism = warning;
SELECT lives_ok($$SELECT temporal.register_workflow('clocked')$$, 'warning: it is registered');
SET LOCAL client_min_messages = warning;
SET LOCAL temporal_pg.determinism = off;
SELECT lives_ok($$SELECT temporal.register_workflow('clocked')$$, 'off: without a word');
SELECT is((SELECT settings->>'temporal_pg.determinism' FROM temporal.definition WHERE name = 'clocked' AND kind = 'workflow'), 'off', 'and is run so');
SELECT is((SELECT settings ? 'temporal_pg.determinism' FROM temporal.definition WHERE name = 'fine' AND kind = 'workflow'), false, 'as it is configured, when the session has said nothing');
RESET temporal_pg.determinism;
SELECT isnt(temporal.test_run('clocked'), NULL, 'it runs');

-- ---------- the net ----------

-- registered without a check, run with the net
CREATE FUNCTION pg_temp.caught(body text, declarations text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	state text;
BEGIN
	PERFORM pg_temp.found(body || ' RETURN NULL;', declarations);
	PERFORM temporal.register_workflow('wf', 'shop.wf');
	PERFORM temporal.test_run('wf');
	RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
	RETURN state || ': ' || regexp_replace(message, '^workflow task of "[^"]*" failed: ', '');
END $$;
CREATE FUNCTION shop.today() RETURNS date LANGUAGE sql STABLE AS 'SELECT current_date';
CREATE FUNCTION shop.of_today() RETURNS date LANGUAGE sql STABLE AS 'SELECT shop.today()';
CREATE FUNCTION shop.on_day(day date DEFAULT current_date) RETURNS date LANGUAGE sql IMMUTABLE AS 'SELECT day';
CREATE DOMAIN shop.past AS date CHECK (VALUE < current_date);
SET LOCAL client_min_messages = error;
SELECT is(pg_temp.caught(body, declarations), finding, 'the net: ' || label) FROM (VALUES
	('a function', 'EXECUTE concat(''SELECT '', ''now()'');', '', 'TP022: workflow code is not deterministic: now() reads the clock'),
	('a table', 'EXECUTE concat(''SELECT * FROM '', ''shop.rate'');', '', 'TP022: workflow code is not deterministic: it uses table shop.rate'),
	('CURRENT_TIMESTAMP', 'EXECUTE concat(''SELECT '', ''current_timestamp'');', '', 'TP022: workflow code is not deterministic: CURRENT_TIMESTAMP reads the clock'),
	('a literal', 'EXECUTE concat(''SELECT timestamptz '', quote_literal(''now''));', '', 'TP022: workflow code is not deterministic: the literal ''now'' is the time at which the expression was prepared'),
	('SET', 'EXECUTE concat(''SET LOCAL work_mem = '', 1000);', '', 'TP022: workflow code is not deterministic: SET is no statement for it'),
	('NOTIFY', 'EXECUTE concat(''NOTIFY '', ''a'');', '', 'TP022: workflow code is not deterministic: NOTIFY is no statement for it'),
	('what is written is refused as before', 'EXECUTE concat(''INSERT INTO shop.rate '', ''VALUES (1)'');', '', '25006: cannot execute INSERT in a read-only transaction'),
	('passes through WHEN OTHERS', 'BEGIN EXECUTE concat(''SELECT '', ''random()''); EXCEPTION WHEN OTHERS THEN NULL; END;', '', 'TP022: workflow code is not deterministic: random() draws a random number'),
	('a domain', 'EXECUTE concat(''SELECT 3::'', ''shop.lucky'');', '', 'TP022: workflow code is not deterministic: random() draws a random number'),
	('a folded immutable function', 'EXECUTE concat(''SELECT '', ''shop.lying()'');', '', 'TP022: function lying() is not deterministic'),
	('CURRENT_DATE in a function that is inlined', 'EXECUTE concat(''SELECT '', ''shop.today()'');', '', 'TP022: function today() is not deterministic'),
	('in one that it calls', 'EXECUTE concat(''SELECT '', ''shop.of_today()'');', '', 'TP022: function of_today() is not deterministic'),
	('in a default', 'EXECUTE concat(''SELECT '', ''shop.on_day()'');', '', 'TP022: function on_day(date) is not deterministic'),
	('in a default that is not taken', 'EXECUTE concat(''SELECT '', ''shop.on_day(date '', quote_literal(''2026-01-01''), '')'');', '', 'fine'),
	('in the constraint of a domain', 'EXECUTE concat(''SELECT date '', quote_literal(''2026-01-01''), ''::shop.past'');', '', 'TP022: workflow code is not deterministic: CURRENT_DATE reads the clock'),
	('age() is inlined, too', 'EXECUTE concat(''SELECT age(timestamptz '', quote_literal(''2026-01-01''), '')'');', '', 'TP022: workflow code is not deterministic: age() reads the clock'),
	('a condition', 'PERFORM temporal.wait_condition(concat(''now() '', ''IS NULL''));', '', 'TP022: condition "now() IS NULL" failed: workflow code is not deterministic: now() reads the clock'),
	('a spawned function', 'PERFORM temporal.await(temporal.spawn(concat(''shop.br'', ''anch''), 1));', '', 'TP022: function branch(integer) is not deterministic'),
	('query_to_xml(): by its volatility', 'PERFORM query_to_xml(concat(''SELECT '', ''1''), true, true, '''');', '', 'TP022: function wf(jsonb) is not deterministic'),
	('a side effect is free', 'PERFORM temporal.side_effect(''SELECT max(eur) FROM shop.rate WHERE random() < 2'');', '', 'fine'),
	('an error of one, caught', 'BEGIN PERFORM temporal.side_effect(''SELECT 1 / count(*) FROM shop.rate WHERE false''); EXCEPTION WHEN division_by_zero THEN EXECUTE concat(''SELECT '', ''now()''); END;', '', 'TP022: workflow code is not deterministic: now() reads the clock'),
	('activities are free', 'PERFORM temporal.execute_activity(''act'', 1); PERFORM temporal.execute_local_activity(''act'', 1); PERFORM temporal.sleep(''1 s'');', '', 'fine'),
	('harmless dynamic SQL', 'EXECUTE format(''SELECT %s + 1'', 1) INTO n; PERFORM temporal.sleep(''1 s'');', 'n int;', 'fine'),
	('a call before and behind', 'PERFORM temporal.execute_activity(''act'', 1); EXECUTE concat(''SELECT '', ''now()'');', '', 'TP022: workflow code is not deterministic: now() reads the clock')
	) t (label, body, declarations, finding);

-- temporary tables may be written in a read-only transaction, and their triggers run
CREATE TEMP TABLE scratch (n int);
SELECT is(pg_temp.caught($$EXECUTE concat('INSERT INTO pg_temp.', 'scratch VALUES (1)');$$), 'TP022: workflow code is not deterministic: it uses table ' || pg_my_temp_schema()::regnamespace || '.scratch',
	'a temporary table, and with it triggers');

-- handlers
CREATE FUNCTION waits() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.wait_condition('state ? ''stop'''); END $$;
CREATE FUNCTION dyn(what text) RETURNS text LANGUAGE plpgsql AS $$DECLARE r text; BEGIN EXECUTE 'SELECT ' || what INTO r; RETURN r; END $$;
CREATE FUNCTION agrees(what text) RETURNS void LANGUAGE sql AS '';
SELECT temporal.register_workflow('waits', queries => '{"q": "dyn"}', updates => '{"u": "dyn", "v": ["agrees", "dyn"]}', signals => '{"s": "dyn"}');
SELECT temporal.start_workflow('waits', id => 'h'), temporal.test_drive();
SELECT is(temporal.query('h', 'q', '"1"'), '"1"', 'a query');
SELECT matches(pg_temp.error_of($$SELECT temporal.query('h', 'q', '"now()"')$$), '^TP015: .*now\(\) reads the clock', 'a query that reads the clock');
SELECT is(temporal.query('h', 'q', '"2"'), '"2"', 'and the next one is well');
SELECT matches(pg_temp.error_of($$SELECT temporal.update('h', 'u', '"now()"')$$), '^TP022: .*now\(\) reads the clock', 'an update');
SELECT matches(pg_temp.error_of($$SELECT temporal.update('h', 'v', '"now()"')$$), '^TP022: .*now\(\) reads the clock', 'a validator: no rejection');
SELECT is(temporal.update('h', 'u', '"3"'), '"3"', 'an update that does not');

-- code that has changed
CREATE FUNCTION changed() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 h'); RETURN shop.helper(); END $$;
CREATE FUNCTION helper() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT temporal.register_workflow('changed');
SELECT temporal.start_workflow('changed', id => 'c'), temporal.test_drive();
CREATE OR REPLACE FUNCTION helper() RETURNS int LANGUAGE sql AS $$SELECT extract(year FROM current_date)::int$$;
SELECT matches(pg_temp.error_of($$SELECT temporal.test_drive('closed', 'c')$$), '^TP022: .*function changed\(\) is not deterministic', 'a function that it calls has changed');
CREATE OR REPLACE FUNCTION helper() RETURNS int LANGUAGE sql AS 'SELECT 2';
SELECT temporal.test_drive('closed', 'c');
SELECT is(temporal.result('c'), '2', 'and is mended');

-- warning and off
SET LOCAL temporal_pg.determinism = warning;
SELECT is(pg_temp.caught($$EXECUTE concat('SELECT ', 'now()'); PERFORM random();$$), 'fine', 'warning: it runs');
SET LOCAL temporal_pg.determinism = off;
SELECT is(pg_temp.caught($$EXECUTE concat('SELECT ', 'now()'); PERFORM count(*) FROM shop.rate;$$), 'fine', 'off: it runs');
RESET temporal_pg.determinism;
SELECT is(pg_temp.caught($$PERFORM shop.free();$$), 'fine', 'a function that is set free');

SELECT * FROM finish();
ROLLBACK;
