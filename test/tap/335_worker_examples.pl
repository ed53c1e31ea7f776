# The workers of examples/ at work, and under fire: workers get kill -9 and the server stops in immediate mode, at random
# moments. Afterwards every run is complete, every activity has happened at least once and has been completed exactly once.
# TEMPORAL_PG_SEED=n repeats the random choices; TEMPORAL_PG_LONG=1: more of everything.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use POSIX qw(_exit WNOHANG);
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $examples = abs_path(dirname(__FILE__) . '/../../examples');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $long = $ENV{TEMPORAL_PG_LONG} // 0;
my $seed = $ENV{TEMPORAL_PG_SEED} // time() * 1000 % 1_000_000_000;
srand($seed);
diag("seed $seed");

my $node = TemporalNode->new_preloaded('main', fsync => $long, conf => q{
temporal_pg.sweep_interval = 1s
temporal_pg.careful_period = 0
});

# make works in a copy: the checkout may not be ours
system("cp -r '$examples/worker-c' '$dir/worker-c' && make -s -C '$dir/worker-c' clean worker >'$dir/make.log' 2>&1") == 0
  or BAIL_OUT('examples/worker-c does not build: ' . slurp_file("$dir/make.log"));
pass('examples/worker-c builds without a warning');

$node->query(q{
	SELECT temporal.register_activity(a, mode => 'external', start_to_close_timeout => '1500 ms',
		retry_policy => temporal.retry_policy('20 ms', maximum_interval => '200 ms')) FROM unnest('{echo,append,unknown}'::text[]) a;
	SELECT temporal.register_activity('count', mode => 'external', heartbeat_timeout => '1 s', start_to_close_timeout => '1 min',
		cancellation_type => 'wait_cancellation_completed', retry_policy => temporal.retry_policy('20 ms'));
	CREATE FUNCTION with_policy(type text, input jsonb, queue text DEFAULT 'default') RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity(type, input, task_queue => queue, retry_policy => temporal.retry_policy('10 ms', maximum_attempts => 2));
	END $$;
	-- five steps outside, two of them at the same time, one inside of the database
	CREATE FUNCTION five(id int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('append', 1);
		PERFORM temporal.await_all(ARRAY[temporal.start_activity('append', 2), temporal.start_activity('append', 3)]);
		PERFORM temporal.execute_activity('inside', id);
		PERFORM temporal.execute_activity('append', 4);
		RETURN id;
	END $$;
	CREATE TABLE inside_done (id int);
	CREATE FUNCTION inside(id int) RETURNS void LANGUAGE sql AS 'INSERT INTO inside_done VALUES (id)';
	SELECT temporal.register_activity('inside');
	SELECT temporal.register_workflow('five'), temporal.register_workflow('with_policy');
});

$ENV{WORKER_LEDGER} = "$dir/ledger";
my $started = 0;
sub worker
{
	my (@arguments) = @_;
	my $pid = fork // die "fork: $!";
	my $log = "$dir/worker" . ++$started;
	return { pid => $pid, log => $log } if $pid;
	open STDERR, '>', $log or _exit(9);
	open STDOUT, '>&', \*STDERR or _exit(9);
	exec(@arguments) or _exit(9);
}
sub c_worker
{
	my (@arguments) = @_;
	return worker("$dir/worker-c/worker", '--max-tasks', 4, @arguments, $node->connstr('postgres'));
}
# its exit status
sub ended
{
	my ($w, $timeout) = @_;
	my $until = time() + ($timeout // 30);
	while (waitpid($w->{pid}, WNOHANG) == 0)
	{
		if (time() > $until) { kill 'KILL', $w->{pid}; waitpid $w->{pid}, 0; return 'does not end' }
		sleep 0.02;
	}
	return $?;
}
sub heartbeat_of { my ($id) = @_; return "SELECT heartbeat_details IS NOT NULL AND state = 'Started' FROM temporal.pending_activity WHERE workflow_id = '$id'" }

# What every example can do.
sub try_worker
{
	my ($name, $start, $hands_back) = @_;
	my $w = $start->();
	is($node->query(q{CALL temporal.execute_workflow('with_policy', '["echo", {"a": "b \" \\\\ ü", "n": [1, null]}]', wait_timeout => '30 s')}),
		q{{"a": "b \" \\\\ ü", "n": [1, null]}}, "$name: input and result");
	my ($status, $out, $err) = $node->try_query(q{CALL temporal.execute_workflow('with_policy', '["unknown", 1]', wait_timeout => '30 s')});
	like($err, qr/this worker has no such activity/, "$name: a type that it does not know fails");
	# heartbeats keep an attempt alive beyond its heartbeat timeout
	is($node->query(q{CALL temporal.execute_workflow('with_policy', '["count", 25]', wait_timeout => '30 s')}), '25', "$name: heartbeats");
	is($node->query("SELECT max((attributes ->> 'attempt')::int) FROM temporal.history WHERE event_type = 'ActivityTaskStarted' AND workflow_id =
		(SELECT workflow_id FROM temporal.workflow ORDER BY start_time DESC LIMIT 1)"), '1', "$name: in one attempt");

	$node->query("SELECT temporal.start_workflow('with_policy', '[\"count\", 100000]', id => '$name c')");
	$node->wait_for(heartbeat_of("$name c"));
	$node->query("SELECT temporal.cancel('$name c')");
	$node->wait_for("SELECT status = 'Canceled' FROM temporal.workflow WHERE workflow_id = '$name c'", timeout => 10);
	pass("$name: a heartbeat tells of a cancellation");

	# a pause hands it back, with what it has told; the next attempt goes on from there
	$node->query("SELECT temporal.start_workflow('with_policy', '[\"count\", 60]', id => '$name p')");
	$node->wait_for(heartbeat_of("$name p"));
	$node->query("SELECT temporal.pause_activity('$name p', activity_type => '*')");
	$node->wait_for("SELECT state = 'Paused' AND temporal_internal.failure_type(last_failure) = 'ActivityPaused' FROM temporal.pending_activity WHERE workflow_id = '$name p'", timeout => 10);
	my $counted = $node->query("SELECT heartbeat_details FROM temporal.pending_activity WHERE workflow_id = '$name p'");
	cmp_ok($counted, '<', 60, "$name: a heartbeat tells of a pause, at $counted of 60");
	$node->query("SELECT temporal.unpause_activity('$name p', activity_type => '*', reset_attempts => true)");
	$node->wait_for("SELECT state = 'Started' AND heartbeat_details::text::int > $counted FROM temporal.pending_activity WHERE workflow_id = '$name p'");
	$node->query("SELECT temporal.reset_activity('$name p', activity_type => '*')");
	$node->wait_for("SELECT state = 'Started' AND temporal_internal.failure_type(last_failure) = 'ActivityReset' AND attempt = 1 FROM temporal.pending_activity WHERE workflow_id = '$name p'", timeout => 10);
	is($node->query("CALL temporal.await_result('$name p', NULL, '20 s')"), '60', "$name: and of a reset; it goes on from where it was");

	# connections are cut
	$node->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (query LIKE '%temporal.poll%' OR query LIKE '%complete_%' OR query LIKE '%heartbeat_%')");
	is($node->query(q{CALL temporal.execute_workflow('with_policy', '["echo", 1]', wait_timeout => '30 s')}), '1', "$name: connects again");

	$node->query("SELECT temporal.start_workflow('with_policy', '[\"count\", 12]', id => '$name g')");
	$node->wait_for(heartbeat_of("$name g"));
	kill 'TERM', $w->{pid};
	is(ended($w, 20), 0, "$name: ends well when it is told to");
	is($node->query("CALL temporal.await_result('$name g', NULL, '20 s')"), '12', "$name: what runs is finished first");
	return;
}

try_worker('worker-c', sub { c_worker() });

# what takes too long is handed back, and goes on elsewhere where it was
{
	my $w = c_worker('--grace', '0.2');
	$node->query("SELECT temporal.start_workflow('with_policy', '[\"count\", 30]', id => 'back')");
	$node->wait_for(heartbeat_of('back'));
	kill 'TERM', $w->{pid};
	is(ended($w, 10), 0, 'worker-c: ends when the grace period is over');
	is($node->query("SELECT attempt, last_failure -> 'applicationFailureInfo' ->> 'type', heartbeat_details::text::int > 0 FROM temporal.pending_activity WHERE workflow_id = 'back'"),
		'2|WorkerShutdown|t', 'worker-c: hands back what it could not finish');
	$w = c_worker();
	is($node->query("CALL temporal.await_result('back', NULL, '30 s')"), '30', 'worker-c: another one goes on with it');
	kill 'TERM', $w->{pid};
	ended($w);
}

# ---------- node-postgres ----------

SKIP:
{
	my $node_js = "$dir/worker-node";
	system("cp -r '$examples/worker-node' '$node_js'");
	skip 'there is no node', 9 if system('node --version >/dev/null 2>&1') != 0;
	is(system("node --check '$node_js/worker.mjs' >/dev/null 2>&1"), 0, 'examples/worker-node is a program');
	# NODE_MODULES: a directory with node-postgres in it
	my ($modules) = grep { defined && -d "$_/pg" } $ENV{NODE_MODULES}, "$examples/worker-node/node_modules", '/usr/share/nodejs', '/usr/lib/node_modules', '/usr/local/lib/node_modules';
	skip 'node-postgres is not installed (NODE_MODULES)', 8 unless $modules;
	symlink $modules, "$node_js/node_modules" unless -d "$node_js/node_modules";
	# Debian's packages find each other in a directory of that name only
	local $ENV{NODE_PATH} = $modules;
	my ($host, $port) = ($node->host, $node->port);
	try_worker('worker-node', sub { local %ENV = (%ENV, PGHOST => $host, PGPORT => $port, PGDATABASE => 'postgres'); worker('node', "$node_js/worker.mjs") });
}

# ---------- under fire ----------

my $WORKFLOWS = $long ? 500 : 100;
my $HITS = $long ? 60 : 14;
my @workers = map { c_worker() } 1 .. 3;
my ($begun, $kills, $crashes) = (0, 0, 0);

sub start_some
{
	my ($n) = @_;
	my @ids = grep { $_ <= $WORKFLOWS } $begun + 1 .. $begun + $n;
	foreach (1 .. 50)
	{
		last unless @ids;
		my ($status) = $node->try_query("SELECT temporal.start_workflow('five', to_jsonb(i), id => 'f' || i, request_id => 'start ' || i) FROM unnest(ARRAY[@{[ join ',', @ids ]}]) i");
		if ($status == 0) { $begun += @ids; last }
		$node->wait_ready;
	}
	return scalar @ids;
}

foreach my $hit (1 .. $HITS)
{
	start_some(int($WORKFLOWS / $HITS) + 1);
	sleep rand(0.3);
	if (rand() < 0.75)
	{
		my $i = int rand(@workers);
		kill 'KILL', $workers[$i]{pid};
		ended($workers[$i]);
		$workers[$i] = c_worker();
		$kills++;
	}
	elsif (rand() < 0.6) { $node->restart_immediate; $crashes++ }
	else { $node->kill_executor(wait => 1); $crashes++ }
}
while (start_some(50)) { }
$node->wait_for("SELECT count(*) = $WORKFLOWS FROM temporal.workflow WHERE workflow_type = 'five' AND status = 'Completed'", timeout => 120);
note("$kills workers killed, $crashes crashes of the server");
cmp_ok($kills, '>', 3, "workers were killed: $kills");
is($node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_type = 'five' AND status = 'Completed'"), $WORKFLOWS, 'every run is complete');

my %done;
$done{$_}++ foreach split /\n/, slurp_file("$dir/ledger");
my @never = grep { my $id = $_; grep { !$done{"f$id $_"} } 1 .. 3, 5 } 1 .. $WORKFLOWS;
is("@never", '', 'every activity has happened at least once');
my $again = grep { $_ > 1 } values %done;
note("$again activities have happened more than once");
is($node->query(q{
	SELECT count(*) FROM (
		SELECT workflow_id, run_id, attributes ->> 'scheduledEventId' FROM temporal.history
		WHERE event_type IN ('ActivityTaskCompleted', 'ActivityTaskFailed', 'ActivityTaskTimedOut', 'ActivityTaskCanceled') AND workflow_id ~ '^f[0-9]+$'
		GROUP BY 1, 2, 3 HAVING count(*) <> 1) twice}), '0', 'and has been completed once');
is($node->query(q{
	SELECT workflow_id, string_agg(event_id || ' ' || event_type || coalesce(' of ' || (attributes ->> 'scheduledEventId'), ''), ', ' ORDER BY event_id)
	FROM temporal.history WHERE workflow_id ~ '^f[0-9]+$'
	GROUP BY 1 HAVING count(*) FILTER (WHERE event_type = 'ActivityTaskCompleted') <> 5}), '', 'each of them');
is($node->query("SELECT count(*), count(DISTINCT id) FROM inside_done"), "$WORKFLOWS|$WORKFLOWS", 'those in the database have happened exactly once');
is($node->broken_runs, '', 'every history is whole, and replays');

kill 'TERM', $_->{pid} foreach @workers;
is(ended($_, 20), 0, 'a worker that has been through all that ends well') foreach @workers;
done_testing();
