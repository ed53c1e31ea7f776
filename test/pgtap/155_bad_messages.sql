-- Signals, queries and updates with every kind of bad input, from where they may not be sent, and by whom: each
-- error has its SQLSTATE, a message in lower case without a full stop, something useful beside it, and no effect.
BEGIN;
SELECT plan(146);

CREATE ROLE tpg_nobody;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

-- "SQLSTATE message | DETAIL | HINT" of a command, as a role; ID stands for a name of 1,001 characters, BIG for 3 MB
CREATE FUNCTION pg_temp.error_of(command text, role text DEFAULT 'postgres') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	command := replace(replace(command, 'ID', quote_literal(repeat('x', 1001))), 'BIG', $q$to_jsonb(repeat('x', 3000000))$q$);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE command;
	RESET ROLE;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;

CREATE TABLE written (by text);
CREATE FUNCTION counting() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('state ? ''stop''');
	RETURN temporal.state();
END $$;
CREATE FUNCTION add(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('n', temporal.state('n', 0) + i);
	RETURN temporal.state('n', 0);
END $$;
CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$SELECT temporal.set_state('stop', true)$$;
CREATE FUNCTION n(i int DEFAULT 0) RETURNS int LANGUAGE sql AS $$SELECT temporal.state('n', 0) + i$$;
-- runs a command as what it is registered for
CREATE FUNCTION does(command text) RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE command; RETURN 'ok'; END $$;
SELECT temporal.register_workflow('counting', signals => '{"add": "add", "stop": "stop"}', queries => '{"n": "n", "does": "does"}', updates => '{"add": "add", "does": "does"}');
SELECT temporal.register_workflow('does'), temporal.register_activity('does');
SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT temporal.start_workflow('counting', id => id) FROM unnest('{open,closed,never}'::text[]) id;
SELECT temporal.signal('closed', 'stop');
SELECT temporal.test_drive();
SELECT temporal.update('open', 'add', '1', 'u-1');
CREATE TEMP TABLE before AS SELECT workflow_id, status::text, history_length, (SELECT count(*) FROM temporal.pending_message) AS mail FROM temporal.workflow;

-- ---------- bad arguments ----------

CREATE TEMP TABLE bad (command text, expected text);
INSERT INTO bad VALUES
	($$SELECT temporal.signal(NULL, 'add')$$, '^22004 workflow id must not be null'),
	($$SELECT temporal.signal('', 'add')$$, '^22023 workflow id must not be empty'),
	($$SELECT temporal.signal(ID, 'add')$$, '^22023 workflow id is too long \| It has 1001 bytes.* \| .*max_id_length'),
	($$SELECT temporal.signal('open', NULL)$$, '^22004 signal name must not be null'),
	($$SELECT temporal.signal('open', '')$$, '^22023 signal name must not be empty'),
	($$SELECT temporal.signal('open', ID)$$, '^22023 signal name is too long'),
	($$SELECT temporal.signal('open', 'add', request_id => ID)$$, '^22023 request id is too long'),
	($$SELECT temporal.signal('open', 'add', BIG)$$, '^TP025 signal input is too large \| It has \d+ bytes; the limit is \d+.* \| .*max_payload_size'),
	($$SELECT temporal.signal('nobody', 'add')$$, '^TP010 workflow "nobody" does not exist \| In namespace "default". \| See temporal.workflow'),
	($$SELECT temporal.signal('open', 'add', '1', '00000000-0000-4000-8000-000000000000')$$, '^TP010 workflow "open" has no run 0+-'),
	($$SELECT temporal.signal('closed', 'add')$$, '^TP012 workflow "closed" is already closed \| Run .* \| .*signal_with_start'),

	($$SELECT temporal.signal_with_start(NULL, 'add')$$, '^22004 workflow type must not be null'),
	($$SELECT temporal.signal_with_start('', 'add')$$, '^22023 workflow type must not be empty'),
	($$SELECT temporal.signal_with_start('nothing', 'add')$$, '^TP014 workflow "nothing" is not registered \| .*register_workflow'),
	($$SELECT temporal.signal_with_start('counting', NULL)$$, '^22004 signal name must not be null'),
	($$SELECT temporal.signal_with_start('counting', '')$$, '^22023 signal name must not be empty'),
	($$SELECT temporal.signal_with_start('counting', ID)$$, '^22023 signal name is too long'),
	($$SELECT temporal.signal_with_start('counting', 'add', BIG)$$, '^TP025 signal input is too large'),
	($$SELECT temporal.signal_with_start('counting', 'add', NULL, BIG)$$, '^TP025 workflow input is too large'),
	($$SELECT temporal.signal_with_start('counting', 'add', id => '')$$, '^22023 workflow id must not be empty'),
	($$SELECT temporal.signal_with_start('counting', 'add', id => ID)$$, '^22023 workflow id is too long'),
	($$SELECT temporal.signal_with_start('counting', 'add', request_id => ID)$$, '^22023 request id is too long'),
	($$SELECT temporal.signal_with_start('counting', 'add', id_conflict_policy => 'x')$$, '^22023 invalid id_conflict_policy "x" \| It is one of'),
	($$SELECT temporal.signal_with_start('counting', 'add', id_reuse_policy => NULL)$$, '^22004 id_reuse_policy must not be null'),
	($$SELECT temporal.signal_with_start('counting', 'add', id => 'closed', id_reuse_policy => 'reject_duplicate')$$, '^TP011 workflow id "closed" was already used \| \{.*\} \| '),
	($$SELECT temporal.signal_with_start('counting', 'add', start_delay => '-1 s')$$, '^22023 start_delay must not be negative'),
	($$SELECT temporal.signal_trigger()$$, '^39P01 .*must be called as a trigger \| CREATE TRIGGER'),

	($$SELECT temporal.query(NULL, 'n')$$, '^22004 workflow id must not be null'),
	($$SELECT temporal.query('', 'n')$$, '^22023 workflow id must not be empty'),
	($$SELECT temporal.query(ID, 'n')$$, '^22023 workflow id is too long'),
	($$SELECT temporal.query('open', NULL)$$, '^22004 query name must not be null'),
	($$SELECT temporal.query('open', '')$$, '^22023 query name must not be empty'),
	($$SELECT temporal.query('open', ID)$$, '^22023 query name is too long'),
	($$SELECT temporal.query('open', 'm')$$, '^TP015 workflow type "counting" has no query "m" \| It has: does, n, __stack_trace, __temporal_workflow_metadata\.'),
	($$SELECT temporal.query('open', 'n', '"x"')$$, '^TP015 query "n" of workflow "open" failed: invalid input syntax for type integer: "x"'),
	($$SELECT temporal.query('open', 'n', BIG)$$, '^TP025 query input is too large'),
	($$SELECT temporal.query('open', 'does')$$, '^TP015 query "does" of workflow "open" failed: missing argument "command" of function shop.does \| The argument has type text and no default'),
	($$SELECT temporal.query('open', 'n', reject_condition => 'x')$$, '^22023 invalid reject_condition "x" \| It is one of'),
	($$SELECT temporal.query('open', 'n', reject_condition => '')$$, '^22023 invalid reject_condition ""'),
	($$SELECT temporal.query('closed', 'n', reject_condition => 'not_open')$$, '^TP015 query was rejected: workflow "closed" is Completed \| '),
	($$SELECT temporal.query('nobody', 'n')$$, '^TP010 workflow "nobody" does not exist'),
	($$SELECT temporal.query('open', 'n', NULL, '00000000-0000-4000-8000-000000000000')$$, '^TP010 workflow "open" has no run'),

	($$SELECT temporal.update('nobody', 'add', '1')$$, '^TP010 workflow "nobody" does not exist'),
	($$SELECT temporal.update('open', 'add', '1', NULL, '00000000-0000-4000-8000-000000000000')$$, '^TP010 workflow "open" has no run'),
	($$SELECT temporal.update('closed', 'add', '1')$$, '^TP012 workflow "closed" is already closed \| '),
	($$SELECT temporal.start_update('open', 'add', '1', wait_for_stage => 'admitted')$$, '^22023 invalid wait_for_stage "admitted" \| It is accepted or completed'),
	($$SELECT temporal.start_update('open', 'add', '1', wait_for_stage => '')$$, '^22023 invalid wait_for_stage ""'),
	($$SELECT temporal.start_update('open', 'add', '1', wait_for_stage => NULL)$$, '^22004 wait_for_stage must not be null'),

	($$SELECT temporal.update_result(NULL, 'u')$$, '^22004 workflow id must not be null'),
	($$SELECT temporal.update_result('', 'u')$$, '^22023 workflow id must not be empty'),
	($$SELECT temporal.update_result('open', NULL)$$, '^22004 update id must not be null'),
	($$SELECT temporal.update_result('open', '')$$, '^22023 update id must not be empty'),
	($$SELECT temporal.update_result('open', ID)$$, '^22023 update id is too long'),
	($$SELECT temporal.update_result('open', 'u')$$, '^TP010 update "u" does not exist \| A rejected update leaves no trace'),
	($$SELECT temporal.update_result('nobody', 'u')$$, '^TP010 workflow "nobody" does not exist'),
	($$SELECT temporal.update_result('open', 'u-1', '-1 s')$$, '^22023 timeout must not be negative'),

	($$SELECT temporal.update_with_start(NULL, 'add')$$, '^22004 workflow type must not be null'),
	($$SELECT temporal.update_with_start('nothing', 'add')$$, '^TP014 workflow "nothing" is not registered'),
	($$SELECT temporal.update_with_start('counting', 'add', '1', id => '')$$, '^22023 workflow id must not be empty'),
	($$SELECT temporal.update_with_start('counting', 'add', '1', id => ID)$$, '^22023 workflow id is too long'),
	($$SELECT temporal.update_with_start('counting', 'add', '1', 'u', BIG)$$, '^TP025 workflow input is too large'),
	($$SELECT temporal.update_with_start('counting', 'add', '1', start_delay => '1 s')$$, '^22023 update_with_start cannot have start_delay \| '),
	($$SELECT temporal.update_with_start('counting', 'add', '1', cron_schedule => '* * * * *')$$, '^22023 update_with_start cannot have cron_schedule \| '),
	($$SELECT temporal.update_with_start('counting', 'add', '1', id => 'open', id_conflict_policy => 'fail')$$, '^TP011 workflow "open" is already running'),
	($$CALL temporal.execute_update('open', 'add', '1')$$, '^2D000 temporal.execute_update\(\) commits .* \| ');
-- what all kinds of update have in common
INSERT INTO bad SELECT format(call, arguments), expected
FROM (VALUES ($$SELECT temporal.update('open', %s)$$), ($$SELECT temporal.start_update('open', %s)$$), ($$SELECT temporal.update_with_start('counting', %s, id => 'open')$$)) AS c (call),
	(VALUES
		('NULL', '^22004 update name must not be null'),
		($$''$$, '^22023 update name must not be empty'),
		('ID', '^22023 update name is too long'),
		($$'add', '1', ''$$, '^22023 update id must not be empty'),
		($$'add', '1', ID$$, '^22023 update id is too long'),
		($$'add', BIG$$, '^TP025 update input is too large'),
		($$'subtract', '1'$$, '^TP023 update "subtract" was rejected: workflow type "counting" has no update "subtract" \| It has: add, does\.'),
		($$'add', '"x"'$$, '^TP023 update "add" was rejected: invalid input syntax for type integer: "x" \| Nothing has changed'),
		($$'add', '[1, 2]'$$, '^TP023 update "add" was rejected: '),
		($$'add'$$, '^TP023 update "add" was rejected: missing argument "i" of function shop.add \| The argument has type integer')
	) AS a (arguments, expected);
SELECT matches(pg_temp.error_of(command), expected, command) FROM bad;
SELECT is((SELECT string_agg(command, ', ') FROM bad WHERE pg_temp.error_of(command) !~ '^[0-9A-Z]{5} ([^A-Z]|[A-Z]+ )[^|]*[^.|]( \||$)'), NULL, 'messages begin in lower case and end without a full stop');

-- ---------- who may not ----------

CREATE TEMP TABLE calls (name text, call text);
INSERT INTO calls VALUES ('signal', $$SELECT temporal.signal('open', 'add', '1')$$), ('signal_with_start', $$SELECT temporal.signal_with_start('counting', 'add', '1', id => 'open')$$),
	('query', $$SELECT temporal.query('open', 'n')$$), ('update', $$SELECT temporal.update('open', 'add', '1')$$), ('start_update', $$SELECT temporal.start_update('open', 'add', '1')$$),
	('update_with_start', $$SELECT temporal.update_with_start('counting', 'add', '1', id => 'open')$$), ('update_result', $$SELECT temporal.update_result('open', 'u-1')$$);
SELECT matches(pg_temp.error_of(call, 'tpg_nobody'), $$^42501 permission denied [^.|]* \| .*temporal\.grant_access\('default', 'tpg_nobody', 'client'\)$$, name || ' without a right to it: the hint is what would give it') FROM calls;
CREATE TABLE changes (id text);
GRANT INSERT ON changes TO tpg_nobody;
CREATE TRIGGER changed AFTER INSERT ON changes FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('%s', 'id', 'add');
SELECT matches(pg_temp.error_of($$INSERT INTO shop.changes VALUES ('open')$$, 'tpg_nobody'), '^42501 .*temporal\.grant_access', 'signal_trigger, fired by one without a right to signal');

-- ---------- in a read-only transaction ----------

SELECT is(pg_temp.error_of('SET LOCAL transaction_read_only = on; ' || call),
	CASE WHEN name IN ('query', 'update_result') THEN 'ok' ELSE format('25006 cannot execute temporal.%s() in a read-only transaction', name) END, name || ' in a read-only transaction') FROM calls;

-- ---------- from where they may not be called ----------

SELECT temporal.test_start('2030-01-01 00:00:00+00');
SELECT matches(pg_temp.error_of(format($$SELECT temporal.start_workflow('does', %L, id => 'w'); SELECT temporal.test_drive()$$, to_jsonb(call))),
	format('^TP021 workflow task of "w" failed: temporal.%s\(\) cannot be called by workflow code \| .* \| .*activity', name), name || ' in workflow code') FROM calls WHERE name NOT IN ('query', 'signal');
SELECT matches(pg_temp.error_of(format($$SELECT temporal.start_workflow('does', %L, id => 'w'); SELECT temporal.test_drive()$$, to_jsonb(call))),
	'^TP021 workflow task of "w" failed: temporal.query\(\) cannot be called by workflow code \| .* \| .*temporal\.state\(\)', 'query in workflow code') FROM calls WHERE name = 'query';
SELECT matches(pg_temp.error_of(format($$SELECT temporal.query('open', 'does', %L)$$, to_jsonb(call))),
	format('^TP015 query "does" of workflow "open" failed: temporal.%s\(\) cannot be called by (workflow code|a query)', name), name || ' in a query') FROM calls;
SELECT matches(pg_temp.error_of(format($$SELECT temporal.update('open', 'does', %L)$$, to_jsonb(call))),
	format('^TP021 temporal.%s\(\) cannot be called by workflow code', name), name || ' in an update handler') FROM calls WHERE name <> 'signal';

-- in an activity they are what a client's are
CREATE FUNCTION acting(command text) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('does', command); END $$;
SELECT temporal.register_workflow('acting');
SELECT is(temporal.test_run('acting', to_jsonb(call)), '"ok"', name || ' in an activity') FROM calls;
SELECT is(temporal.query('open', 'n'), '6', 'all of which have done it');

-- ---------- in a subtransaction that is undone ----------

SELECT temporal.test_drive();
CREATE TEMP TABLE events AS SELECT pg_temp.events_of('open') AS e;
SAVEPOINT s;
SELECT temporal.signal('open', 'add', '100'), temporal.update('open', 'add', '1000', 'u-undone'), temporal.signal_with_start('counting', 'add', '1', id => 'undone');
SELECT is(temporal.query('open', 'n'), '1106', 'within it, they are there');
ROLLBACK TO s;
SELECT temporal.test_drive();
SELECT is((temporal.query('open', 'n'), pg_temp.events_of('open'), pg_temp.status_of('undone')), ('6'::jsonb, (SELECT e FROM events), NULL::text), 'undone, they never were');
SELECT matches(pg_temp.error_of($$SELECT temporal.update_result('open', 'u-undone')$$), '^TP010', 'nor does an undone update have a result');
SELECT is(temporal.update('open', 'add', '1', 'u-undone'), '7', 'its id is free again');
SELECT pg_temp.replays('open');

-- and all the errors above have left nothing
SELECT is((SELECT (status::text, history_length) FROM temporal.workflow WHERE workflow_id = 'closed'), (SELECT (status, history_length) FROM before WHERE workflow_id = 'closed'), 'errors have changed nothing of a closed run');
SELECT is((SELECT (status::text, history_length) FROM temporal.workflow WHERE workflow_id = 'never'), (SELECT (status, history_length) FROM before WHERE workflow_id = 'never'), 'of an open one');
SELECT is((SELECT string_agg(workflow_id, ' ' ORDER BY workflow_id) FROM temporal.workflow WHERE workflow_type = 'counting'), 'closed never open', 'and started none');

SELECT * FROM finish();
ROLLBACK;
