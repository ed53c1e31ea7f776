-- Activities as their users write them: payment, large dataset, heartbeat and resume, bound settings, custom and dynamic
-- names, completion from outside, metadata. Real executors: tap/250_completion.pl, tap/322_heartbeat_and_resume.pl.
BEGIN;
SELECT plan(22);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;
SET LOCAL client_min_messages = warning;
\ir ../lib/helpers.sql

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- one activity with one input; 'type' as its id
CREATE FUNCTION runs(type text, input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(type, input, activity_id => type, start_to_close_timeout => '10 min', heartbeat_timeout => '5 s',
		retry_policy => temporal.retry_policy(maximum_attempts => 3));
END $$;
SELECT temporal.register_workflow('runs');
CREATE FUNCTION pg_temp.run(type text, input jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT temporal.test_run('runs', jsonb_build_object('type', type, 'input', input)) $$;

-- what is rolled back with an attempt leaves no row; a sequence counts attempts
CREATE SEQUENCE attempts;

-- ---------- process_payment, send_email ----------

CREATE TYPE payment_input AS (order_id text, amount numeric, card_token text);
CREATE TYPE payment_result AS (transaction_id text, status text);
CREATE FUNCTION process_payment(input payment_input) RETURNS payment_result LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.log('info', format('Processing payment for order %s', input.order_id));
	RETURN ('tx-' || input.card_token, 'completed')::payment_result;
END $$;
CREATE TABLE sent (recipient text, subject text, body text);
CREATE TYPE email_input AS (recipient text, subject text, body text);
CREATE FUNCTION send_email(input email_input) RETURNS void LANGUAGE sql AS 'INSERT INTO sent SELECT (input).*';
SELECT temporal.register_activity('process_payment'), temporal.register_activity('send_email');
SELECT is(pg_temp.run('process_payment', '{"order_id": "o1", "amount": 12.5, "card_token": "visa"}'),
	'{"transaction_id": "tx-visa", "status": "completed"}', 'process_payment');
SELECT is(pg_temp.run('send_email', '{"recipient": "ann", "subject": "hi", "body": "there"}'), 'null', 'send_email');
SELECT is((SELECT count(*) FROM sent WHERE recipient = 'ann'), 1::bigint, '... has sent it');

-- ---------- process_large_dataset: alive as long as it says so ----------

CREATE TABLE dataset (id int PRIMARY KEY, batch int, processed boolean DEFAULT false);
INSERT INTO dataset SELECT i, i / 10 FROM generate_series(0, 34) i;
CREATE FUNCTION process_large_dataset(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	rows_processed int := 0;
	n int;
BEGIN
	PERFORM nextval('attempts');
	FOR b IN 0 .. 3 LOOP
		PERFORM temporal.heartbeat(rows_processed);
		UPDATE dataset SET processed = true WHERE batch = b;
		GET DIAGNOSTICS n = ROW_COUNT;
		rows_processed := rows_processed + n;
		IF b = 1 AND (temporal.activity_info()).attempt <= (input ->> 'fails')::int THEN
			RAISE EXCEPTION 'the disk is full';
		END IF;
		IF b = 1 AND (temporal.activity_info()).attempt <= (input ->> 'hangs')::int THEN
			PERFORM pg_sleep(60);
		END IF;
	END LOOP;
	RETURN jsonb_build_object('total_rows', rows_processed);
END $$;
SELECT temporal.register_activity('process_large_dataset');
SELECT is(pg_temp.run('process_large_dataset', '{}'), '{"total_rows": 35}', 'process_large_dataset');
SELECT is((SELECT count(*) FROM dataset WHERE processed), 35::bigint, '... every row');
SELECT is(pg_temp.run('process_large_dataset', '{"fails": 1}'), '{"total_rows": 35}', 'an attempt that fails is retried');
SELECT is((SELECT last_value FROM attempts), 3::bigint, '... once');
CREATE FUNCTION hangs() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity('process_large_dataset', '{"hangs": 1}', activity_id => 'h', heartbeat_timeout => '200 ms',
		retry_policy => temporal.retry_policy(maximum_attempts => 1));
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN jsonb_build_object('type', temporal.failure() #> '{cause,type}', 'told', temporal.failure() #> '{cause,last_heartbeat_details}');
END $$;
SELECT temporal.register_workflow('hangs');
SELECT is(temporal.test_run('hangs'), '{"type": "heartbeat", "told": 10}', 'without a heartbeat in time it has failed, and what it told last is known');

-- ---------- resumable_activity: on retry, pick up from where we left off ----------

CREATE PROCEDURE resumable_activity(items text[], INOUT processed jsonb DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
	info temporal.activity_info := temporal.activity_info();
	start_index int := coalesce((info.heartbeat_details ->> 0)::int, 0);
BEGIN
	FOR i IN start_index .. cardinality(items) - 1 LOOP
		PERFORM temporal.heartbeat(ARRAY[i]);
		IF i = 2 AND info.attempt = 1 OR i = 4 AND info.attempt = 2 THEN
			RAISE EXCEPTION 'item % cannot be had now', items[i + 1];
		END IF;
	END LOOP;
	processed := jsonb_build_object('processed', cardinality(items), 'began_at', start_index, 'attempt', info.attempt);
END $$;
SELECT temporal.register_activity('resumable_activity', mode => 'autonomous');
SELECT is(pg_temp.run('resumable_activity', '{"items": ["a", "b", "c", "d", "e", "f"]}'),
	'{"processed": 6, "began_at": 4, "attempt": 3}', 'resumable_activity goes on where the last attempt was');

-- ---------- MyActivities: what a registration binds ----------

CREATE SCHEMA live;
CREATE SCHEMA archive;
CREATE TABLE live.record (id text PRIMARY KEY, value text);
CREATE TABLE archive.record (id text PRIMARY KEY, value text);
INSERT INTO live.record VALUES ('123', 'of today');
INSERT INTO archive.record VALUES ('123', 'of old');
-- whose records: that of the registration
CREATE FUNCTION fetch_record(record_id text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT jsonb_build_object('value', r.value, 'by', current_setting('my_activities.client')) FROM record r WHERE r.id = record_id);
END $$;
CREATE FUNCTION save_record(record_id text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO record VALUES (record_id, save_record.value) ON CONFLICT (id) DO UPDATE SET value = excluded.value;
END $$;
SELECT temporal.register_activity('fetch_record', settings => '{"search_path": "live, shop, public", "my_activities.client": "one"}'),
	temporal.register_activity('save_record', settings => '{"search_path": "live, shop, public"}'),
	temporal.register_activity('fetch_old_record', 'fetch_record', settings => '{"search_path": "archive, shop, public", "my_activities.client": "two"}');
SELECT is(pg_temp.run('fetch_record', '{"record_id": "123"}'), '{"value": "of today", "by": "one"}', 'fetch_record has what it was registered with');
SELECT is(pg_temp.run('fetch_old_record', '{"record_id": "123"}'), '{"value": "of old", "by": "two"}', 'the same function, registered otherwise');
SELECT pg_temp.run('save_record', '{"record_id": "124", "value": "new"}');
SELECT is((SELECT string_agg(value, ',' ORDER BY id) FROM live.record), 'of today,new', 'save_record');
SELECT is(coalesce(current_setting('my_activities.client', true), '') || current_setting('search_path'), 'shop, public', 'nothing of it is left in the session');

-- ---------- custom-activity-name, dynamic_activity ----------

CREATE FUNCTION my_activity(input jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('output', input)$$;
SELECT temporal.register_activity('custom-activity-name', 'my_activity');
SELECT is(pg_temp.run('custom-activity-name', '7'), '{"output": 7}', 'a name of its own');
CREATE FUNCTION dynamic_activity(type text, args jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN format('Dynamic activity %s received: %s', (temporal.activity_info()).activity_type, args ->> 0);
END $$;
SELECT temporal.register_activity('*', 'dynamic_activity');
SELECT is(pg_temp.run('whatever', '["arg 1"]'), '"Dynamic activity whatever received: arg 1"', 'dynamic_activity');

-- ---------- MyProcessor: completed by somebody else ----------

CREATE TABLE external_queue (task_token text, input jsonb, id int GENERATED ALWAYS AS IDENTITY);
CREATE FUNCTION start_processing(input jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	-- hand off to the external system, with the token
	INSERT INTO external_queue VALUES ((temporal.activity_info()).task_token, input);
	PERFORM temporal.complete_async();
	RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.complete_from_external(task_token text, result text) RETURNS void LANGUAGE sql AS $$SELECT temporal.complete_activity(task_token, to_jsonb(result))$$;
CREATE FUNCTION pg_temp.fail_from_external(task_token text, error text) RETURNS void LANGUAGE sql AS $$SELECT temporal.fail_activity(task_token, to_jsonb(error))$$;
CREATE FUNCTION pg_temp.heartbeat_from_external(task_token text) RETURNS boolean LANGUAGE sql AS $$SELECT temporal.heartbeat_activity(task_token)$$;
CREATE FUNCTION pg_temp.newest_token() RETURNS text LANGUAGE sql AS 'SELECT task_token FROM external_queue ORDER BY id DESC LIMIT 1';
SELECT temporal.register_activity('start_processing');
SELECT temporal.start_workflow('runs', '{"type": "start_processing", "input": {"n": 1}}', id => 'external');
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.heartbeat_from_external(pg_temp.newest_token()), false, 'heartbeat_from_external: nobody has cancelled it');
CREATE TEMP TABLE first AS SELECT pg_temp.newest_token() AS token;
SELECT pg_temp.fail_from_external(token, 'the machine is broken') FROM first;
SELECT is((SELECT last_failure_message FROM temporal.pending_activity WHERE workflow_id = 'external'), 'the machine is broken', 'fail_from_external');
SELECT temporal.test_advance('2 s');
SELECT temporal.test_drive('idle');
SELECT is((SELECT count(*) FROM external_queue), 2::bigint, 'the next attempt hands it off again');
SELECT is(pg_temp.sqlstate_of($$SELECT pg_temp.complete_from_external(token, 'late') FROM first$$), 'TP013', 'the token of the first is stale');
SELECT pg_temp.complete_from_external(pg_temp.newest_token(), 'done elsewhere');
SELECT temporal.test_drive('idle');
SELECT is(temporal.result('external'), '"done elsewhere"', 'complete_from_external');

-- ---------- metadata ----------

CREATE FUNCTION tells_info(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	info temporal.activity_info := temporal.activity_info();
BEGIN
	RETURN to_jsonb(info) || jsonb_build_object('token', length(info.task_token));
END $$;
SELECT temporal.register_activity('tells_info');
SELECT temporal.start_workflow('runs', '{"type": "tells_info"}', id => 'info');
SELECT temporal.test_drive('idle');
SELECT is((SELECT jsonb_object_agg(key, value) FROM jsonb_each(temporal.result('info'))
		WHERE key IN ('activity_id', 'activity_type', 'attempt', 'workflow_id', 'heartbeat_details', 'token')),
	'{"activity_id": "tells_info", "activity_type": "tells_info", "attempt": 1, "workflow_id": "info", "heartbeat_details": null, "token": 80}', 'activity_info()');
SELECT is(((temporal.result('info')) ->> 'run_id')::uuid, (SELECT run_id FROM temporal.workflow WHERE workflow_id = 'info'), '... of that run');

SELECT * FROM finish();
ROLLBACK;
