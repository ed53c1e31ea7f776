# Cancellation with real executors: activities that run, wait or fail just then; crashes at the fault points around it;
# code that computes. Golden histories S-9 to S-12 of activities that run in another process (the rest: pgtap/200, 201).

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $RACES = $ENV{TEMPORAL_PG_LONG} ? 2000 : 300;

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 500ms
temporal_pg.max_executors = 4
track_commit_timestamp = on
});

$node->query(q{
	CREATE TABLE done (id text);
	CREATE FUNCTION long(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO done VALUES (id);
		PERFORM pg_sleep(60);
		RETURN 'slept';
	END $$;
	CREATE FUNCTION second(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(4);
		INSERT INTO done VALUES (id);
		RETURN 'slept';
	END $$;
	CREATE FUNCTION swallows(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(60);
	EXCEPTION WHEN query_canceled THEN
		INSERT INTO done VALUES (id);
		RETURN 'swallowed';
	END $$;
	CREATE FUNCTION breaks(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(60);
	EXCEPTION WHEN query_canceled THEN
		RAISE EXCEPTION 'broken off';
	END $$;
	CREATE FUNCTION fails(id text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
	-- when it was last attempted: a sequence is not rolled back
	CREATE FUNCTION flaky(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM setval('at_' || id, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint), pg_sleep(random() * 0.01);
		RAISE EXCEPTION 'not now';
	END $$;

	CREATE FUNCTION waits(activity text, way text DEFAULT 'try_cancel', goes_on boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		got text := 'cancelled';
	BEGIN
		got := temporal.execute_activity(activity, (temporal.workflow_info()).workflow_id, cancellation_type => way) #>> '{}';
		PERFORM temporal.sleep('1 hour');
	EXCEPTION WHEN query_canceled THEN
		IF goes_on THEN
			PERFORM temporal.wait_signal('end');
			RETURN got;
		END IF;
		RAISE;
	END $$;
	SELECT temporal.register_activity('long', retry_policy => temporal.retry_policy('10 ms')), temporal.register_activity('second'),
		temporal.register_activity('swallows'), temporal.register_activity('breaks', retry_policy => temporal.retry_policy('10 ms')),
		temporal.register_activity('fails', retry_policy => temporal.retry_policy('1 hour')),
		temporal.register_activity('flaky', retry_policy => temporal.retry_policy('50 ms', 1.0)), temporal.register_workflow('waits');

	CREATE FUNCTION golden(id text) RETURNS text LANGUAGE sql AS $$
		SELECT string_agg(concat_ws(' ', replace(replace(event_type::text, 'WorkflowExecution', ''), 'ActivityTask', 'Activity'),
			'@' || (attributes ->> 'scheduledEventId'), 'started ' || CASE WHEN attributes ? 'scheduledEventId' THEN attributes ->> 'startedEventId' END,
			'request ' || (attributes ->> 'latestCancelRequestedEventId'), attributes ->> 'retryState', attributes #>> '{failure,message}'), ', ' ORDER BY event_id)
		FROM temporal.history WHERE workflow_id = id
	$$;
	-- in an executor, within its function: as an attempt of its own, or in the workflow task that tries it first
	CREATE FUNCTION sleeps(id text, task text DEFAULT 'activity') RETURNS boolean LANGUAGE sql AS $$
		SELECT EXISTS (SELECT FROM temporal.worker w JOIN pg_stat_activity a USING (pid)
			WHERE w.workflow_id = id AND a.wait_event = 'PgSleep' AND w.task = sleeps.task)
	$$;
});

sub start
{
	my ($id, @input) = @_;
	$node->query(sprintf q{SELECT temporal.start_workflow('waits', jsonb_build_array(%s), id => '%s')}, join(', ', @input), $id);
}

# Seconds until a condition is true, from the commit of the cancellation on.
sub cancel_and_wait
{
	my ($id, $until) = @_;
	$node->query("SELECT temporal.cancel('$id', 'enough')");
	my $began = time();
	$node->wait_for($until, interval => 0.01);
	return time() - $began;
}
sub closed { return "SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$_[0]'" }
sub golden { return $node->query("SELECT golden('$_[0]')") }

# ---------- an activity that runs ----------

start('try', "'long'");
$node->wait_for("SELECT sleeps('try')");
cmp_ok(cancel_and_wait('try', closed('try')), '<', 15, 'try_cancel: the run ends at once');
$node->wait_for("SELECT NOT sleeps('try')", timeout => 5);
is(golden('try'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, Canceled', 'S-9');

start('try on', "'long'", "'try_cancel'", 'true');
$node->wait_for("SELECT sleeps('try on')");
cmp_ok(cancel_and_wait('try on', "SELECT golden('try on') LIKE '%ActivityCanceled%'"), '<', 15, 'an activity that runs is interrupted');
$node->query("SELECT temporal.signal('try on', 'end')");
$node->wait_for(closed('try on'));
is(golden('try on'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, ActivityStarted @2, ActivityCanceled @2 started 5 request 4, Signaled, Completed',
	'S-9: its end comes later, and nobody hears of it');

start('wait', "'long'", "'wait_cancellation_completed'");
$node->wait_for("SELECT sleeps('wait')");
cmp_ok(cancel_and_wait('wait', closed('wait')), '<', 15, 'wait_cancellation_completed: the run ends when the activity has');
is(golden('wait'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, ActivityStarted @2, ActivityCanceled @2 started 5 request 4, Canceled', 'S-10');
is($node->query("SELECT count(*) FROM done"), 0, 'what a cancelled attempt has written is undone');

start('swallows', "'swallows'", "'wait_cancellation_completed'", 'true');
$node->wait_for("SELECT sleeps('swallows')");
cancel_and_wait('swallows', "SELECT golden('swallows') LIKE '%ActivityCompleted%'");
$node->query("SELECT temporal.signal('swallows', 'end')");
$node->wait_for(closed('swallows'));
is(golden('swallows'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, ActivityStarted @2, ActivityCompleted @2 started 5, Signaled, Completed',
	'S-10: one that goes on to its end completes');
is($node->query("SELECT temporal.result('swallows')"), '"swallowed"', 'the code gets its result, and the cancellation at its next wait');
is($node->query("SELECT count(*) FROM done WHERE id = 'swallows'"), 1, 'what it has written stays');

start('breaks', "'breaks'", "'wait_cancellation_completed'");
$node->wait_for("SELECT sleeps('breaks')");
cancel_and_wait('breaks', closed('breaks'));
is(golden('breaks'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, ActivityStarted @2, '
	  . 'ActivityFailed @2 started 5 RETRY_STATE_CANCEL_REQUESTED broken off, Failed RETRY_STATE_RETRY_POLICY_NOT_SET Activity task failed', 'S-10: one that fails is not tried again');

start('abandon', "'second'", "'abandon'");
$node->wait_for("SELECT sleeps('abandon')");
cmp_ok(cancel_and_wait('abandon', closed('abandon')), '<', 3, 'abandon: the run ends at once');
is(golden('abandon'), 'Started, ActivityScheduled, CancelRequested, Canceled', 'S-11');
start('abandon on', "'second'", "'abandon'", 'true');
$node->wait_for("SELECT sleeps('abandon on')");
cancel_and_wait('abandon on', "SELECT golden('abandon on') LIKE '%ActivityCompleted%'");
is($node->query("SELECT count(*) FROM done WHERE id = 'abandon on'"), 1, 'S-11: what is abandoned goes on');
$node->query("SELECT temporal.signal('abandon on', 'end')");
$node->wait_for(closed('abandon on'));
is($node->query("SELECT temporal.result('abandon on')"), '"cancelled"', 'and nobody hears of it');

# asked while the workflow task still tries the activity itself: that lets go, and must not be the next thing that its executor does
foreach my $i (1 .. 5)
{
	# each of a type that is not known to be slow yet
	$node->query("CREATE FUNCTION slow$i(id text) RETURNS text LANGUAGE sql AS 'SELECT second(id)'; SELECT temporal.register_activity('slow$i')");
	start("eager $i", "'slow$i'", "'abandon'");
	# on a slow machine the time for that is over
	$node->wait_for("SELECT sleeps('eager $i', 'workflow') OR sleeps('eager $i')", interval => 0.001);
	cmp_ok(cancel_and_wait("eager $i", closed("eager $i")), '<', 3, 'a request that finds the run locked does not wait for an activity');
}
is($node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'eager%' AND golden(workflow_id) = 'Started, ActivityScheduled, CancelRequested, Canceled'"), 5, 'nor is an end of it told');

# ---------- one that does not run ----------

start('backoff', "'fails'", "'wait_cancellation_completed'");
$node->wait_for("SELECT attempt = 2 FROM temporal.pending_activity WHERE workflow_id = 'backoff'");
cmp_ok(cancel_and_wait('backoff', closed('backoff')), '<', 15, 'one that waits for its next attempt is cancelled at once');
is(golden('backoff'), 'Started, ActivityScheduled, CancelRequested, ActivityCancelRequested @2, ActivityCanceled @2 started 0 request 4, Canceled', 'S-12');

# ---------- one that fails just then (D-23) ----------

$node->query("SELECT format('CREATE SEQUENCE at_r%s', i) FROM generate_series(1, $RACES) i \\gexec");
for (my $i = 1; $i <= $RACES; $i += 20)
{
	my $ids = "SELECT 'r' || i AS id FROM generate_series($i, least($i + 19, $RACES)) i";
	$node->query("SELECT count(temporal.start_workflow('waits', '[\"flaky\", \"try_cancel\", true]', id => id)) FROM ($ids) x");
	$node->wait_for("SELECT bool_and(attempt >= 2) AND count(*) = (SELECT count(*) FROM ($ids) x) FROM temporal.pending_activity WHERE workflow_id IN ($ids)");
	# each in a transaction of its own, at a moment of its own
	$node->query("SELECT format('SELECT temporal.cancel(%L), pg_sleep(%s)', id, random() * 0.02) FROM ($ids) x \\gexec");
}
my $races = q{FROM temporal.workflow WHERE workflow_id ~ '^r\d'};
$node->wait_for("SELECT bool_and(golden(workflow_id) ~ 'Activity(Canceled|Failed)') $races");
$node->query("SELECT count(temporal.signal(workflow_id, 'end')) $races");
$node->wait_for("SELECT bool_and(status = 'Completed') $races");
is($node->query("SELECT count(*) FROM temporal.pending_activity"), 0, 'no activity is left');
my $ends = $node->query(qq{SELECT string_agg(how || ' ' || n, ', ' ORDER BY how) FROM (
	SELECT regexp_replace(golden(workflow_id), '.*(Activity(Canceled|Failed) \@2 started )(\\d).*', '\\2 \\3') AS how, count(*) AS n $races GROUP BY 1) x});
note($ends);
# the attempt began behind the COMMIT that cancelled it: less than the interval between two, since what commits is seen a little later
is($node->query(qq{
	SELECT h.workflow_id, s.last_value / 1e6 - extract(epoch FROM pg_xact_commit_timestamp(i.xmin))
	FROM temporal.history h JOIN temporal.workflow w USING (run_id)
	JOIN temporal_internal.execution e ON e.run_id = h.run_id
	JOIN temporal_internal.history i ON i.execution_key = e.key AND i.event_id = h.event_id
	JOIN pg_sequences s ON s.sequencename = 'at_' || h.workflow_id
	WHERE h.workflow_id ~ '^r\\d' AND h.event_type = 'ActivityTaskCancelRequested' AND s.last_value / 1e6 > extract(epoch FROM pg_xact_commit_timestamp(i.xmin)) + 0.04}),
	'', 'none was attempted again');
is($node->query(qq{SELECT workflow_id, golden(workflow_id) $races
	AND golden(workflow_id) !~ '^Started, ActivityScheduled, CancelRequested, ActivityCancelRequested \@2, (ActivityCanceled \@2 started 0 request 4|ActivityStarted \@2, (ActivityCanceled \@2 started 5 request 4|ActivityFailed \@2 started 5 RETRY_STATE_CANCEL_REQUESTED not now)), Signaled, Completed\$'}),
	'', 'each has ended once, as cancelled or failed for the last time');

# ---------- a task that fails, code that computes ----------

$node->query(q{
	CREATE FUNCTION mended() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('1 hour');
	EXCEPTION WHEN query_canceled THEN
		PERFORM 1 / 0;
	END $$;
	CREATE FUNCTION computes() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM sum(sqrt(n)) FROM generate_series(1, 4000000) n;
		RETURN 'computed';
	EXCEPTION WHEN query_canceled THEN
		RETURN 'taken for a request';
	END $$;
	SELECT temporal.register_workflow('mended'), temporal.register_workflow('computes');
	SELECT temporal.start_workflow('mended', id => 'mended');
});
$node->wait_for("SELECT count(*) = 1 FROM temporal.timer WHERE workflow_id = 'mended'");
cancel_and_wait('mended', "SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'mended'");
$node->query(q{
	CREATE OR REPLACE FUNCTION mended() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('1 hour');
	EXCEPTION WHEN query_canceled THEN
		RAISE;
	END $$});
$node->wait_for(closed('mended'));
is(golden('mended'), 'Started, TimerStarted, WorkflowTaskFailed division by zero, CancelRequested, TimerCanceled, Canceled', 'a request is not lost with the workflow task that failed');

my $computes = q{SELECT a.pid FROM temporal.worker w JOIN pg_stat_activity a USING (pid) WHERE w.workflow_id = '%s'};
$node->query("SELECT temporal.start_workflow('computes', id => 'computes')");
$node->wait_for(sprintf "SELECT count(*) = 1 FROM ($computes) x", 'computes');
is($node->query(sprintf "SELECT temporal.cancel('computes') \\gset\nSELECT count(*) FROM ($computes) x", 'computes'), 1, 'who cancels does not wait for code that computes');
$node->wait_for(closed('computes'));
is($node->query("SELECT temporal.result('computes')"), '"computed"', 'code that never waits is not told');
$node->query("SELECT temporal.start_workflow('computes', id => 'interrupted')");
$node->wait_for(sprintf "SELECT count(*) = 1 FROM ($computes) x", 'interrupted');
$node->query(sprintf "SELECT pg_cancel_backend(pid) FROM ($computes) x", 'interrupted');
$node->wait_for(closed('interrupted'));
is($node->query("SELECT temporal.result('interrupted')"), '"computed"', 'an interrupt of the executor is not taken for a request');
is(golden('interrupted'), 'Started, WorkflowTaskFailed canceling statement due to user request, Completed', 'but fails the workflow task');

# ---------- crashes ----------

$node->query(q{
	CREATE FUNCTION asks(target text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.cancel(target); END $$;
	SELECT temporal.register_workflow('asks');
});
my $n = 0;
foreach my $point (qw(task_locked task_replayed task_events_written task_before_commit task_after_commit close_before_update outbox_before_commit activity_executed activity_recorded))
{
	my $id = 'crash' . ++$n;
	my $runs = $point =~ /activity/;
	my $activity = $runs ? 'swallows' : 'fails';
	start($id, "'$activity'", "'wait_cancellation_completed'");
	$node->wait_for($runs ? "SELECT sleeps('$id')" : "SELECT attempt = 2 FROM temporal.pending_activity WHERE workflow_id = '$id'");
	$node->arm_fault($point);
	if ($point eq 'outbox_before_commit') { $node->try_query("SELECT temporal.start_workflow('asks', to_jsonb('$id'::text), id => 'asks')") }
	# the crash may be there before the answer
	else { $node->try_query("SELECT temporal.cancel('$id')") }
	$node->wait_fault($point);
	$node->wait_for(closed($id));
	# a crash takes the interrupted attempt with it, and then nothing runs any more
	like(golden($id), qr/^Started, ActivityScheduled, CancelRequested, ActivityCancelRequested \@2, (ActivityStarted \@2, ActivityCompleted \@2 started 5|ActivityCanceled \@2 started 0 request 4), Canceled$/,
		"kill -9 at $point");
}
is($node->query("SELECT golden('asks')"), 'Started, RequestCancelExternalInitiated, ExternalCancelRequested, Completed', 'a request to another workflow is made once');
is($node->broken_runs, '', 'histories are whole and replay');

$node->stop;
done_testing();
