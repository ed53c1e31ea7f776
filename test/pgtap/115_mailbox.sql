-- The mailbox: its order, its limit, start delays that end early.
BEGIN;
SELECT plan(17);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state('seen', coalesce(temporal.state('seen'), '[]') || to_jsonb(what));
END $$;
CREATE FUNCTION noter(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.wait_condition('jsonb_array_length(state->''seen'') >= (args)::int', args => to_jsonb(n));
	RETURN temporal.state('seen');
END $$;
SELECT temporal.register_workflow('noter', signals => '{"note": "note"}');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- order ----------

SELECT temporal.start_workflow('noter', '4', id => 'w1');
SELECT temporal.test_drive();
SELECT temporal.signal('w1', 'note', to_jsonb('s' || i)) FROM generate_series(1, 4) i;
-- the server's clock was set back by an hour behind the second one
UPDATE temporal_internal.message SET deliver_at = deliver_at - interval '1 hour' WHERE payload ->> 'input' IN ('s3', 's4');
SELECT temporal.test_drive();
SELECT is(temporal.result('w1'), '["s1", "s2", "s3", "s4"]', 'F-04: signals keep their order, whatever the clock did');

-- ---------- a start delay that ends early (A-43) ----------

SELECT temporal.start_workflow('noter', '3', id => 'w2', start_delay => '1 day');
SELECT temporal.signal('w2', 'note', '"first"');
SELECT temporal.test_advance('1 hour');
SELECT temporal.signal('w2', 'note', '"second"');
SELECT temporal.test_drive();
SELECT is(pg_temp.events_of('w2'), '{Started}', 'signals are kept until the delay is over');
SELECT temporal.signal_with_start('noter', 'note', '"third"', id => 'w2');
SELECT temporal.test_drive();
SELECT is(temporal.result('w2'), '["first", "second", "third"]', 'signal_with_start ends it for those that came before, too, in their order');
SELECT is((SELECT array_agg(DISTINCT task_id) FROM temporal.history WHERE workflow_id = 'w2'), '{1}', 'in one activation');
SELECT is((SELECT close_time FROM temporal.workflow WHERE workflow_id = 'w2'), '2030-01-01 01:00:00+00'::timestamptz, 'at once');
SELECT is((SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'w2'), 0::bigint, 'and nothing of the delay is left');
SELECT pg_temp.replays('w2');

-- the same where the run goes on: no task comes when the delay would have been over
SELECT temporal.start_workflow('noter', '2', id => 'w3', start_delay => '1 day', run_timeout => '30 days');
SELECT temporal.signal_with_start('noter', 'note', '"a"', id => 'w3');
SELECT temporal.test_drive();
SELECT temporal.test_advance('2 days');
SELECT is((SELECT next_task_at FROM temporal.workflow WHERE workflow_id = 'w3'), NULL, 'its first task comes once');
SELECT is((SELECT last_task_id FROM temporal_internal.execution WHERE workflow_id = 'w3'), 1, 'so there is no empty one');
SELECT is((SELECT array_agg(kind::text) FROM temporal.pending_message WHERE workflow_id = 'w3'), '{RunTimeout}', 'the run timeout counts from the delay''s end (A-20)');

-- ---------- F-05: 10,000 signals a run, those that wait included ----------

CREATE FUNCTION deaf() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.sleep('1 day'); END $$;
SELECT temporal.register_workflow('deaf');
SELECT temporal.start_workflow('deaf', id => 'w4');
SELECT is(count(temporal.signal('w4', 's', '1')), 10000::bigint, '10,000 signals are taken') FROM generate_series(1, 10000);
SELECT is(pg_temp.sqlstate_of($$SELECT count(temporal.signal('w4', 's', '1')) FROM generate_series(1, 101)$$), 'TP025', 'no more are, also when none is delivered yet');
SELECT is(pg_temp.message_of($$SELECT temporal.signal('w4', 's', '1') FROM generate_series(1, 101)$$), 'workflow "w4" has been sent 10000 signals', 'with a message that says so');
SELECT temporal.test_drive();
SELECT is((SELECT history_length FROM temporal.workflow WHERE workflow_id = 'w4')::int, 10002, 'those are delivered');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.signal('w4', 's', '1')$$), 'TP025', 'and then there is no room at all');
CREATE FUNCTION sender() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.signal('w4', 's');
EXCEPTION WHEN SQLSTATE 'TF001' THEN
	RETURN temporal.failure_type();
END $$;
SELECT temporal.register_workflow('sender');
SELECT is(temporal.test_run('sender', id => 'w5'), '"SignalCountLimitExceeded"', 'a workflow that signals it is told, too');
SELECT is((SELECT attributes ->> 'cause' FROM temporal.history WHERE workflow_id = 'w5' AND event_id = 3), 'SIGNAL_COUNT_LIMIT_EXCEEDED', 'with Temporal''s cause');

SELECT * FROM finish();
ROLLBACK;
