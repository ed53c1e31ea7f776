# Heartbeats with real executors: seen by others while the transaction of the attempt is open, durable soon after,
# written rarely and without waiting for anybody; timeout, cancellation, kill -9, the end of the dispatcher. Afterwards
# nothing is left, and idle means idle. What the code of one attempt sees: pgtap/255_heartbeats.sql; attempts that go on
# where the one before them was: 322_heartbeat_and_resume.pl.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# a sweep as slow as an hour: nothing here may need one
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
shared_preload_libraries = 'temporal_pg, pg_stat_statements'
pg_stat_statements.track = all
temporal_pg.sweep_interval = 1h
temporal_pg.max_executors = 4
temporal_pg.idle_timeout = 60s
max_prepared_transactions = 5
autovacuum = off
});

$node->query(q{
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE done (id text, attempt int);
	CREATE TABLE go (id text);
	CREATE TABLE hold (id text);
	-- sends heartbeats until it is told to go on; {"size": of the details, "silent": after the first one}
	CREATE FUNCTION beats(id text, o jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		info temporal.activity_info := temporal.activity_info();
		filling text := repeat('x', coalesce((o ->> 'size')::int, 0));
		n int := 0;
	BEGIN
		INSERT INTO done VALUES (id, info.attempt);
		WHILE EXISTS (SELECT FROM hold h WHERE h.id = beats.id) LOOP
			PERFORM pg_sleep(0.02);
		END LOOP;
		LOOP
			n := n + 1;
			PERFORM temporal.heartbeat(jsonb_build_object('id', id, 'n', n, 'filling', filling));
			EXIT WHEN EXISTS (SELECT FROM go g WHERE g.id = beats.id);
			PERFORM pg_sleep(coalesce((o ->> 'every')::float8, 0.02));
			PERFORM pg_sleep(60) WHERE o ? 'silent';
		END LOOP;
		RETURN jsonb_build_object('found', info.heartbeat_details -> 'n', 'attempt', info.attempt,
			'own', (SELECT heartbeat_details -> 'n' FROM temporal.pending_activity a WHERE a.workflow_id = id) = to_jsonb(n));
	END $$;
	-- 1,000 heartbeats in so many seconds
	CREATE FUNCTION thousand(seconds float8) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.heartbeat(), pg_sleep(0.15);	-- no step of its workflow task any more
		FOR n IN 1 .. 1000 LOOP
			PERFORM temporal.heartbeat(n), pg_sleep(seconds / 1000);
		END LOOP;
	END $$;
	CREATE FUNCTION per_second(n int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
		began timestamptz := clock_timestamp();
	BEGIN
		FOR i IN 1 .. n LOOP
			PERFORM temporal.heartbeat(i);
		END LOOP;
		RETURN round(n / extract(epoch FROM clock_timestamp() - began));
	END $$;
	-- asked to stop: where that reaches it, and what it is told. md5() of so much takes long, without looking for
	-- interrupts; what changes is not computed by the planner.
	CREATE FUNCTION cancelled(id text, how text) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		much text := repeat('x', 20000000);
	BEGIN
		IF how = 'sleeps' THEN
			PERFORM temporal.heartbeat(), pg_sleep(60);
		END IF;
		LOOP
			PERFORM temporal.heartbeat(md5(much || clock_timestamp()));
		END LOOP;
	EXCEPTION WHEN query_canceled THEN
		IF how = 'raises' THEN
			RAISE;
		END IF;
		-- once a request: it may go on
		PERFORM temporal.heartbeat('cleans up'::text);
		INSERT INTO done VALUES (id, 1);
		RETURN jsonb_build_object('message', SQLERRM, 'details', temporal.cancellation_details());
	END $$;
	CREATE FUNCTION waits(activity text, input jsonb, heartbeat interval DEFAULT NULL, attempts int DEFAULT 1, way text DEFAULT 'wait_cancellation_completed', backoff interval DEFAULT '10 ms') RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity(activity, input, heartbeat_timeout => heartbeat, start_to_close_timeout => '5 min', cancellation_type => way,
			retry_policy => temporal.retry_policy(maximum_attempts => attempts, initial_interval => backoff));
	END $$;
	SELECT temporal.register_activity(name) FROM unnest('{beats,thousand,per_second,cancelled}'::text[]) name;
	SELECT temporal.register_workflow('waits');
});

sub start
{
	my ($id, $activity, @arguments) = @_;
	my $arguments = join ', ', @arguments;
	$node->query("SELECT temporal.start_workflow('waits', jsonb_build_array('$activity', $arguments), id => '$id')");
	return;
}
# an activity that beats until go_on()
sub start_beating { my ($id, $o, $attempts) = @_; start($id, 'beats', sprintf("jsonb_build_array('%s', '%s'::jsonb)", $id, $o // '{}'), "'10 s'", $attempts // 1); return; }
sub go_on { my ($id) = @_; $node->query("INSERT INTO go VALUES ('$id')"); return $node->query("SELECT temporal.result('$id', timeout => '30 s')"); }
my $seen = q{SELECT coalesce((SELECT heartbeat_details ->> 'n' FROM temporal.pending_activity WHERE workflow_id = '%s')::int, 0)};
sub seen { my ($id) = @_; return $node->query(sprintf $seen, $id); }
my $kept = q{SELECT coalesce((SELECT (b.details ->> 'n')::int FROM temporal_internal.activity_heartbeat b JOIN temporal_internal.execution e ON e.key = b.execution_key WHERE e.workflow_id = '%s'), 0)};
sub kept { my ($id) = @_; return $node->query(sprintf $kept, $id); }
sub wait_until { my ($what, $id, $n) = @_; return $node->wait_for(sprintf("SELECT ($what) >= $n", $id)); }
my $left = q{SELECT (SELECT count(*) FROM temporal_internal.activity_heartbeat) + (SELECT count(*) FROM temporal_internal.heartbeats())};

# --- seen at once, durable soon after

start_beating('open');
wait_until($seen, 'open', 5);
pass('another session sees heartbeats');
is($node->query('SELECT count(*) FROM done'), 0, '... while the transaction of the attempt is open');
is($node->query(q{SELECT (state, mode, now() - last_heartbeat_time < '1 s') FROM temporal.pending_activity}), '(Started,transactional,t)', '... with the time of the last');
like($node->query(q{SELECT detail FROM temporal.explain('open')}), qr/^Attempt 1 of 1 is running\. Heartbeat \d+ ms ago: \{"n": \d+, "id": "open", "filling": ""\}$/, 'explain() tells');
my $n = seen('open');
my $began = time();
wait_until($kept, 'open', $n);
cmp_ok(time() - $began, '<', 2, 'they are in the table soon after');
is(go_on('open'), '{"own": true, "found": null, "attempt": 1}', 'the attempt sees its own');
is($node->query($left), 0, 'and nothing is left');

# --- large details: in memory of their own

sub segments { my ($pid) = @_; open my $fh, '<', "/proc/$pid/maps" or return -1; return scalar grep { m{/dev/shm/PostgreSQL} } <$fh>; }
my %segments = map { $_ => segments($_) } $node->executor_pids;
start_beating('large', '{"size": 1000000, "every": 0.005}');
wait_until($seen, 'large', 5);
is($node->query(q{SELECT length(heartbeat_details ->> 'filling') FROM temporal.pending_activity WHERE workflow_id = 'large'}), 1000000, 'a megabyte is seen');
wait_until($kept, 'large', 1);
my $first = kept('large');
sleep(2.2);
is(kept('large'), $first, '... and written as rarely as its heartbeat timeout allows: not each second');
cmp_ok(seen('large'), '>', $first, '... while others see each of them');
like(go_on('large'), qr/"own": true/, '... its own process, too');
is($node->query($left), 0, '... and nothing is left');
is(join(' ', map { segments($_) - ($segments{$_} // 0) } grep { exists $segments{$_} } $node->executor_pids), join(' ', map { 0 } grep { exists $segments{$_} } $node->executor_pids), '... nor memory');

# --- throttled

my $writes = q{SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '%INSERT INTO temporal_internal.activity_heartbeat%'};
$node->query('SELECT pg_stat_statements_reset()');
$began = time();
start('thousand', 'thousand', '2.5');
$node->query(q{SELECT temporal.result('thousand', timeout => '60 s')});
my $seconds = time() - $began;
my $count = $node->query($writes);
note(sprintf '1,000 heartbeats in %.1f s: %d writes', $seconds, $count);
cmp_ok($count, '>=', 2, 'a thousand heartbeats are written more than once');
cmp_ok($count, '<=', $seconds + 2, '... but only once a second');
is($node->query($left), 0, '... and leave nothing');

# --- idle again: nobody is woken for heartbeats any more, while an attempt that has sent one is open

start_beating('quiet', '{"silent": true}');
wait_until($kept, 'quiet', 1);
sleep(1.2);    # the first was written at once; nothing is to follow
$node->query('SELECT pg_stat_statements_reset()');
sleep(3);
is($node->query(q{SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '%temporal_internal.%' AND query NOT LIKE '%pg_stat_statements%'}), 0, 'idle means idle: not a statement in three seconds');
$node->query(q{SELECT temporal.terminate('quiet')});
$node->wait_for($left, expected => 0);

# --- a timeout

$began = time();
start('silent', 'beats', q{'["silent", {"silent": true}]'::jsonb}, "'300 ms'", '2');
my (undef, undef, $error) = $node->try_query(q{SELECT temporal.result('silent', timeout => '30 s')});
like($error, qr/"type": "heartbeat".*"last_heartbeat_details": \{"n": 1, "id": "silent", "filling": ""\}/, 'an activity that stops times out, and its failure tells the last details');
cmp_ok(time() - $began, '<', 5, 'at once, twice');
is($node->query(q{SELECT attributes ->> 'attempt' FROM temporal.history WHERE workflow_id = 'silent' AND event_type = 'ActivityTaskStarted'}), 2, 'it was tried again');
is($node->query(q{SELECT count(*) FROM done WHERE id = 'silent'}), 0, 'what it did is rolled back');
is($node->query($left), 0, 'nothing is left of it');

# a step within its workflow task, which takes 100 ms at most, has the same timeout
start('step', 'beats', q{'["step", {"silent": true}]'::jsonb}, "'40 ms'", '2', "'abandon'", "'1 hour'");
$node->wait_for(q{SELECT attempt = 2 FROM temporal.pending_activity WHERE workflow_id = 'step'});
is($node->query(q{SELECT (last_failure #>> '{timeoutFailureInfo,timeoutType}', last_failure #> '{timeoutFailureInfo,lastHeartbeatDetails,n}', heartbeat_details -> 'n') FROM temporal.pending_activity WHERE workflow_id = 'step'}),
	'(TIMEOUT_TYPE_HEARTBEAT,1,1)', 'a step within its task times out, and leaves its details to the next attempt');
$node->query(q{SELECT temporal.terminate('step')});
is($node->query($left), 0, 'nothing is left of it');

# --- asked to stop

foreach my $how (qw(sleeps computes raises))
{
	start($how, 'cancelled', "jsonb_build_array('$how', '$how')");
	$node->wait_for("SELECT count(last_heartbeat_time) = 1 FROM temporal.pending_activity WHERE workflow_id = '$how'");
	$node->query("SELECT temporal.cancel('$how')");
	$node->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$how'");
}
my %answer = map { $_ => $node->query("SELECT attributes ->> 'result' FROM temporal.history WHERE workflow_id = '$_' AND event_type = 'ActivityTaskCompleted'") } qw(sleeps computes);
like($answer{sleeps}, qr/"cancel_requested": true/, 'a request reaches an activity wherever it is, and it can be told why');
# or the executor does, between two: then once more
foreach my $try (1 .. 20)
{
	last if $answer{computes} =~ /"message": "activity was cancelled by its workflow"/;
	start("computes $try", 'cancelled', "jsonb_build_array('computes $try', 'computes')");
	$node->wait_for("SELECT count(last_heartbeat_time) = 1 FROM temporal.pending_activity WHERE workflow_id = 'computes $try'");
	$node->query("SELECT temporal.cancel('computes $try')");
	$node->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'computes $try'");
	$answer{computes} = $node->query("SELECT attributes ->> 'result' FROM temporal.history WHERE workflow_id = 'computes $try' AND event_type = 'ActivityTaskCompleted'");
}
like($answer{computes}, qr/"message": "activity was cancelled by its workflow"/, 'heartbeat() raises it, and says so');
is($node->query(q{SELECT string_agg(id, ',' ORDER BY id) FROM done WHERE id IN ('sleeps', 'computes', 'raises')}), 'computes,sleeps', 'one that cleans up and returns has completed, with what it did');
is($node->query(q{SELECT count(*) FROM temporal.history WHERE workflow_id = 'raises' AND event_type = 'ActivityTaskCanceled'}), 1, 'one that lets it pass is cancelled');

start_beating('terminated');
wait_until($seen, 'terminated', 2);
$node->query(q{SELECT temporal.terminate('terminated')});
$node->wait_for($left, expected => 0);
pass('a workflow that is terminated takes its heartbeats with it');

# --- nobody is waited for

start_beating('held');
start_beating('beside');
wait_until($kept, $_, 1) foreach qw(held beside);
$node->query(q{BEGIN; SELECT temporal.terminate('held'); PREPARE TRANSACTION 'held'});
my $held = kept('held');
wait_until($kept, 'beside', kept('beside') + 60);
pass('others are written while somebody is about to close a run');
is(kept('held'), $held, '... whose own have to wait');
$node->query(q{ROLLBACK PREPARED 'held'});
wait_until($kept, 'held', $held + 60);
pass('... until he does not');
like(go_on($_), qr/"own": true/, "$_ goes on") foreach qw(held beside);

# --- the dispatcher ends

start_beating('dispatched');
wait_until($kept, 'dispatched', 1);
my ($dispatcher) = $node->dispatcher_pids;
$node->kill_backend($dispatcher, 'TERM');
$n = seen('dispatched');
wait_until($kept, 'dispatched', $n + 1);
isnt(join(',', $node->dispatcher_pids), $dispatcher, 'the next dispatcher goes on with what is there');

# --- the executor is told to end: the attempt begins again

my $pid = $node->query(q{SELECT f.pid FROM temporal_internal.in_flight f JOIN temporal_internal.execution e ON e.key = f.execution_key WHERE e.workflow_id = 'dispatched'});
$node->kill_backend($pid, 'TERM');
is($node->query(q{SELECT heartbeat_details ->> 'id' FROM temporal.pending_activity WHERE workflow_id = 'dispatched'}), 'dispatched', 'its heartbeats are still there');
is(go_on('dispatched'), '{"own": true, "found": null, "attempt": 1}', 'a transactional one starts from nothing');
is($node->query($left), 0, 'and leaves nothing, not even what the lost attempt had told');

# --- kill -9

start_beating('killed');
wait_until($kept, 'killed', 10);
$held = kept('killed');
$pid = $node->query(q{SELECT f.pid FROM temporal_internal.in_flight f JOIN temporal_internal.execution e ON e.key = f.execution_key WHERE e.workflow_id = 'killed'});
# the attempt that comes says nothing before we have looked
$node->query(q{INSERT INTO hold VALUES ('killed')});
$node->kill_backend($pid, 'KILL');
$node->wait_for(q{SELECT state = 'Started' FROM temporal.pending_activity WHERE workflow_id = 'killed'});
cmp_ok(seen('killed'), '>=', $held, 'after kill -9 what was written is seen');
$node->query(q{DELETE FROM hold});
is(go_on('killed'), '{"own": true, "found": null, "attempt": 1}', 'a transactional one starts from nothing');
is($node->query($left), 0, 'and leaves nothing');

# --- what it costs

start('fast', 'per_second', '300000');
note('heartbeats a second: ' . $node->query(q{SELECT temporal.result('fast', timeout => '60 s')}));
is($node->broken_runs, '', 'every run is sound');
$node->stop;
done_testing();
