-- Cancellation of runs: the request, each kind of wait, cleaning up, golden histories (A-43, A-49, G-27 to G-32, E-11,
-- E-12, S-3, S-11 to S-13). Activities that run in a process of their own: tap/200_cancellation.pl.
BEGIN;
SELECT plan(76);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql
\ir ../lib/cancelling.sql

SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- each kind of wait ----------

-- whoever waits is told once, and tells: message, DETAIL, failure(); then cleans up
CREATE FUNCTION idle_branch() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep('1 day');
	RETURN 'slept';
EXCEPTION WHEN query_canceled THEN
	PERFORM temporal.execute_activity('note', 'branch ' || SQLERRM);
	RAISE;
END $$;
CREATE FUNCTION waits(kind text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	heard jsonb;
	f temporal.future;
BEGIN
	BEGIN
		CASE kind
			WHEN 'sleep' THEN PERFORM temporal.sleep('1 day');
			WHEN 'timer' THEN PERFORM temporal.await(temporal.start_timer('1 day'));
			WHEN 'timer in time' THEN PERFORM temporal.await(temporal.start_timer('1 day'), '1 hour');
			WHEN 'activity' THEN PERFORM temporal.execute_activity('fails');
			WHEN 'activity waiting' THEN PERFORM temporal.execute_activity('fails', cancellation_type => 'wait_cancellation_completed');
			WHEN 'activity abandoned' THEN PERFORM temporal.execute_activity('fails', cancellation_type => 'abandon');
			WHEN 'local activity' THEN PERFORM temporal.execute_local_activity('fails');
			WHEN 'spawned' THEN PERFORM temporal.await(temporal.spawn('idle_branch'));
			WHEN 'shield' THEN PERFORM temporal.await(temporal.shield(temporal.start_timer('1 day')));
			WHEN 'shielded branch' THEN PERFORM temporal.await(temporal.shield(temporal.spawn('idle_branch')));
			WHEN 'all' THEN PERFORM temporal.await_all(ARRAY[temporal.start_timer('1 day'), temporal.start_timer('2 days')]);
			WHEN 'all in time' THEN PERFORM temporal.await_all(ARRAY[temporal.start_timer('1 day'), temporal.start_activity('fails')], '1 hour');
			WHEN 'any' THEN PERFORM temporal.await_any(ARRAY[temporal.start_timer('1 day'), temporal.start_wait_signal('never'), temporal.start_wait_condition('false')]);
			WHEN 'any in time' THEN PERFORM temporal.await_any(ARRAY[temporal.start_timer('1 day')], '1 hour');
			WHEN 'condition' THEN PERFORM temporal.wait_condition('false');
			WHEN 'condition in time' THEN PERFORM temporal.wait_condition('false', '1 day');
			WHEN 'signal' THEN PERFORM temporal.wait_signal('never');
			WHEN 'signal in time' THEN PERFORM temporal.wait_signal('never', '1 day');
			WHEN 'lock' THEN
				f := temporal.spawn('holder');
				PERFORM temporal.sleep('1 s');
				PERFORM temporal.lock('l');
		END CASE;
	EXCEPTION WHEN query_canceled THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		heard := jsonb_build_array(SQLERRM, detail::jsonb - 'source' - 'message', temporal.failure() - 'source', temporal.failure_type());
	END;
	-- it is not raised again (G-28)
	PERFORM temporal.execute_activity('note', 'cleanup'::text);
	PERFORM temporal.sleep('1 min');
	RETURN heard || to_jsonb(temporal.cancel_requested());
END $$;
CREATE FUNCTION holder() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.lock('l');
	PERFORM temporal.sleep('1 hour');
END $$;
SELECT temporal.register_workflow('waits');

CREATE TEMP TABLE waited (n serial, kind text PRIMARY KEY, what text, history text[]);
INSERT INTO waited (kind, what, history) VALUES
	('sleep', 'timer #1', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","TimerStarted 2","TimerFired 2 @8",Completed}'),
	('timer', 'timer #1', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","TimerStarted 2","TimerFired 2 @8",Completed}'),
	('timer in time', 'timer #1', '{Started,"TimerStarted 1","TimerStarted 2","CancelRequested not needed","TimerCanceled 1 @2","TimerCanceled 2 @3","ActivityScheduled 1","ActivityStarted @7","ActivityCompleted @7 started 8","TimerStarted 3","TimerFired 3 @10",Completed}'),
	('activity', 'activity fails #1', '{Started,"ActivityScheduled 1","CancelRequested not needed","ActivityCancelRequested @2","ActivityScheduled 2","ActivityStarted @5","ActivityCanceled @2 started 0 request 4 ACTIVITY_ID_NOT_STARTED","ActivityCompleted @5 started 6","TimerStarted 1","TimerFired 1 @9",Completed}'),
	('activity waiting', 'activity fails #1', '{Started,"ActivityScheduled 1","CancelRequested not needed","ActivityCancelRequested @2","ActivityCanceled @2 started 0 request 4 ACTIVITY_ID_NOT_STARTED","ActivityScheduled 2","ActivityStarted @6","ActivityCompleted @6 started 7","TimerStarted 1","TimerFired 1 @9",Completed}'),
	('activity abandoned', 'activity fails #1', '{Started,"ActivityScheduled 1","CancelRequested not needed","ActivityScheduled 2","ActivityStarted @4","ActivityCompleted @4 started 5","TimerStarted 1","TimerFired 1 @7",Completed}'),
	('local activity', 'local activity fails #local-1', '{Started,"MarkerRecorded not now","TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @3","ActivityScheduled 1","ActivityStarted @6","ActivityCompleted @6 started 7","TimerStarted 2","TimerFired 2 @9",Completed}'),
	('spawned', 'function idle_branch, timer #1', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","ActivityScheduled 2","ActivityStarted @8","ActivityCompleted @8 started 9","TimerStarted 2","TimerFired 2 @11",Completed}'),
	('shield', 'timer #1', '{Started,"TimerStarted 1","CancelRequested not needed","ActivityScheduled 1","ActivityStarted @4","ActivityCompleted @4 started 5","TimerStarted 2","TimerFired 2 @7",Completed}'),
	('shielded branch', 'function idle_branch, timer #1', '{Started,"TimerStarted 1","CancelRequested not needed","ActivityScheduled 1","ActivityStarted @4","ActivityCompleted @4 started 5","TimerStarted 2","TimerFired 2 @7",Completed}'),
	('all', 'timer #1, timer #2', '{Started,"TimerStarted 1","TimerStarted 2","CancelRequested not needed","TimerCanceled 1 @2","TimerCanceled 2 @3","ActivityScheduled 1","ActivityStarted @7","ActivityCompleted @7 started 8","TimerStarted 3","TimerFired 3 @10",Completed}'),
	('all in time', 'timer #1, activity fails #1', '{Started,"TimerStarted 1","ActivityScheduled 1","TimerStarted 2","CancelRequested not needed","TimerCanceled 1 @2","ActivityCancelRequested @3","TimerCanceled 2 @4","ActivityScheduled 2","ActivityStarted @9","ActivityCanceled @3 started 0 request 7 ACTIVITY_ID_NOT_STARTED","ActivityCompleted @9 started 10","TimerStarted 3","TimerFired 3 @13",Completed}'),
	('any', 'timer #1, signal never, condition false', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","TimerStarted 2","TimerFired 2 @8",Completed}'),
	('any in time', 'timer #1', '{Started,"TimerStarted 1","TimerStarted 2","CancelRequested not needed","TimerCanceled 1 @2","TimerCanceled 2 @3","ActivityScheduled 1","ActivityStarted @7","ActivityCompleted @7 started 8","TimerStarted 3","TimerFired 3 @10",Completed}'),
	('condition', 'condition false', '{Started,"CancelRequested not needed","ActivityScheduled 1","ActivityStarted @3","ActivityCompleted @3 started 4","TimerStarted 1","TimerFired 1 @6",Completed}'),
	('condition in time', 'condition false', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","TimerStarted 2","TimerFired 2 @8",Completed}'),
	('signal', 'signal never', '{Started,"CancelRequested not needed","ActivityScheduled 1","ActivityStarted @3","ActivityCompleted @3 started 4","TimerStarted 1","TimerFired 1 @6",Completed}'),
	('signal in time', 'signal never', '{Started,"TimerStarted 1","CancelRequested not needed","TimerCanceled 1 @2","ActivityScheduled 1","ActivityStarted @5","ActivityCompleted @5 started 6","TimerStarted 2","TimerFired 2 @8",Completed}'),
	('lock', 'lock l, timer #2', '{Started,"TimerStarted 1","TimerStarted 2","TimerFired 1 @2","CancelRequested not needed","ActivityScheduled 1","ActivityStarted @6","ActivityCompleted @6 started 7","TimerStarted 3","TimerFired 3 @9",Completed}');
SELECT count(temporal.start_workflow('waits', to_jsonb(kind), id => kind)) FROM waited;
SELECT temporal.test_advance('2 s');
SELECT is((SELECT string_agg(e.what, ', ') FROM temporal.explain(kind) e WHERE at IS NOT NULL), what, kind || ': explain() tells what it waits for') FROM waited ORDER BY n;
SELECT count(temporal.cancel(kind, 'not needed')) FROM waited;
SELECT temporal.test_drive('closed', kind) FROM waited ORDER BY n;
-- the last of them are the same for all: a cleanup as if nothing had been
SELECT is(pg_temp.golden(kind), history, kind || ' is cancelled') FROM waited ORDER BY n;
SELECT is(temporal.result(kind), '["workflow was cancelled", {"kind": "cancelled", "details": "not needed"}, {"kind": "cancelled", "details": "not needed", "message": "workflow was cancelled"}, null, true]',
	kind || ': the code is told once, with the reason') FROM waited ORDER BY n;
SELECT pg_temp.replays(kind) FROM waited ORDER BY n;

SELECT * FROM finish();
ROLLBACK;
