# 2,000 requests in flight at a time, in one process, to a server that is slow,
# resets, redirects and lies about sizes; the process is killed in the middle, and
# the server goes down and comes back; cancelled requests close their connections.

use strict;
use warnings;
use HttpServer;
use JSON::PP ();
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $N = 2000;
my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
my $node = TemporalNode->new_preloaded('main', fsync => 1, conf => qq{
temporal_pg.idle_timeout = 5s
temporal_pg.sweep_interval = 1s
temporal_pg.careful_period = 0
temporal_pg.http_max_in_flight = 3000
temporal_pg.http_allow = '127.0.0.1:$port'
temporal_pg.http_allow_private = '127.0.0.1'
temporal_pg.http_max_response_size = 100kB
});

# Waits for something that is seen outside of the database.
sub wait_until
{
	my ($what, $done) = @_;
	my $until = time() + 60;
	while (!$done->())
	{
		die "waited in vain: $what" if time() > $until;
		sleep 0.05;
	}
	return;
}
sub url { return $server->url($_[0]); }
sub http_processes { return scalar $node->pids('temporal_pg http'); }

$node->query(q{
	CREATE FUNCTION ask(url text, attempts int DEFAULT 3) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE detail text;
	BEGIN
		RETURN temporal.execute_activity('http', jsonb_build_object('url', url, 'max_redirects', 5, 'timeout', '50 s'),
			retry_policy => temporal.retry_policy(initial_interval => '200 ms', maximum_attempts => attempts)) ->> 'status';
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN detail::jsonb #>> '{cause,type}';
	END $$;
	-- many in one run
	CREATE FUNCTION fan_out(url text, n int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE futures temporal.future[];
	BEGIN
		FOR i IN 1 .. n LOOP
			futures := futures || temporal.start_activity('http', jsonb_build_object('url', url));
		END LOOP;
		RETURN (SELECT count(*) FROM unnest(temporal.await_all(futures)) r WHERE r ->> 'status' = '200');
	END $$;
	CREATE FUNCTION cancelled(url text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('http', jsonb_build_object('url', url), start_to_close_timeout => '1 hour');
	END $$;
	SELECT temporal.register_workflow(w) FROM unnest('{ask,fan_out,cancelled}'::text[]) w;
	SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/');
});
# one that is slow is left alone by the others: the process is there
$node->query(qq{SELECT temporal.start_workflow('ask', '{"url": "@{[url('/ok')]}"}', id => 'first')});
$node->wait_for(q{SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'first'});

# a crash that is meant to come may be there before the answer
sub start_all
{
	my ($name, $n, @paths) = @_;
	my $values = join ', ', map { "'" . url($_) . "'" } @paths;
	$node->try_query(qq{SELECT count(temporal.start_workflow('ask', jsonb_build_object('url', (ARRAY[$values])[1 + i % @{[scalar @paths]}]), id => '$name-' || i)) FROM generate_series(0, $n - 1) i});
	return;
}
sub wait_all { my ($name) = @_; return $node->wait_for("SELECT count(*) = 0 FROM temporal.workflow WHERE status = 'Running' AND workflow_id LIKE '$name-%'", timeout => 120); }
sub results { my ($name) = @_; return $node->query("SELECT r, count(*) FROM (SELECT temporal.result(workflow_id) #>> '{}' AS r FROM temporal.workflow WHERE workflow_id LIKE '$name-%') x GROUP BY 1 ORDER BY r COLLATE \"C\""); }

# ---------- all of them hang at the same time ----------

my $began = time();
start_all('hang', $N, '/hang');
note(sprintf '%d started after %.1f s', $N, time() - $began);
wait_until("$N requests at the server", sub { $server->count(qr{^request GET /hang }m) >= $N });
note(sprintf '%d requests in flight after %.1f s', $N, time() - $began);
is(http_processes(), 1, "$N requests are in flight in one process");
is($node->query(q{SELECT state, mode, last_worker_identity ~ '^http [0-9]+@', count(*) FROM temporal.pending_activity GROUP BY 1, 2, 3}), "Started|http|t|$N", 'pending_activity shows them');
is($node->query(q{SELECT query FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'}), "$N requests in flight", 'pg_stat_activity, too');
like($node->query(q{SELECT detail FROM temporal.explain('hang-7')}), qr{^HTTP GET http://127.0.0.1:$port/hang: attempt 1 of 3 is running}, 'and explain()');
cmp_ok(scalar $node->executor_pids, '<=', 8, 'no executor is held');
{
	$node->query(qq{SELECT temporal.start_workflow('ask', '{"url": "@{[url('/ok?while')]}"}', id => 'meanwhile')});
	$node->wait_for(q{SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'meanwhile'}, timeout => 10);
	pass('another request is not held up by them');
}
my ($rss) = map { /^VmRSS:\s+(\d+)/m ? $1 : 0 } PostgreSQL::Test::Utils::slurp_file('/proc/' . ($node->pids('temporal_pg http'))[0] . '/status');
note("memory of the process: $rss kB");

# ---------- they go when their runs do ----------

$began = time();
$node->query(q{SELECT count(temporal.terminate(workflow_id)) FROM temporal.workflow WHERE workflow_id LIKE 'hang-%'});
wait_until('connections closed', sub { $server->count(qr{^closed /hang$}m) == $N });
pass(sprintf 'terminated: all connections are closed after %.1f s', time() - $began);

# ---------- cancelled ----------

$node->query(qq{SELECT count(temporal.start_workflow('cancelled', '{"url": "@{[url('/hang?c')]}"}', id => 'c-' || i)) FROM generate_series(1, 20) i});
wait_until('20 requests', sub { $server->count(qr{^request GET /hang\?c }m) == 20 });
$node->query(q{SELECT count(temporal.cancel(workflow_id)) FROM temporal.workflow WHERE workflow_id LIKE 'c-%'});
wait_until('20 closed', sub { $server->count(qr{^closed /hang\?c$}m) == 20 });
$node->wait_for(q{SELECT count(*) = 20 FROM temporal.workflow WHERE workflow_id LIKE 'c-%' AND status = 'Canceled'});
pass('cancelled: connections closed, runs canceled');

# ---------- all kinds of trouble at once ----------

$began = time();
start_all('mixed', $N, '/ok', '/slow?ms=300', '/reset', '/redirect?to=/ok', '/shorter', '/endless', '/status?s=500', '/flaky?n=1', '/status?s=404', '/huge');
wait_all('mixed');
my $took = time() - $began;
is(results('mixed'), join("\n", map { "$_->[0]|" . $_->[1] * $N / 10 } [ 200 => 4 ], [ HttpConnectionError => 2 ], [ HttpError => 2 ], [ HttpResponseTooLarge => 2 ]), 'each gets what it deserves');
note(sprintf '%d activities of ten kinds, %d attempts, in %.1f s', $N, $N * 1.9, $took);
is(http_processes(), 1, 'still one process');

# ---------- how fast ----------

$began = time();
start_all('fast', $N, '/ok');
wait_all('fast');
$took = time() - $began;
note(sprintf '%d activities, each of a run of its own, in %.1f s: %.0f a second', $N, $took, $N / $took);
is(results('fast'), "200|$N", 'all of them');
$began = time();
$node->query(qq{SELECT temporal.start_workflow('fan_out', '{"url": "@{[url('/slow?ms=200')]}", "n": 1000}', id => 'fan')});
$node->wait_for(q{SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'fan'});
is($node->query(q{SELECT temporal.result('fan')}), '1000', sprintf '1,000 activities of one run, 200 ms each, in %.1f s', time() - $began);

# ---------- the process is killed ----------

start_all('killed', 300, '/slow?ms=1500');
wait_until('300 requests', sub { $server->count(qr{^request GET /slow\?ms=1500 }m) >= 300 });
$node->kill_backend(($node->pids('temporal_pg http'))[0]);
wait_all('killed');
is(results('killed'), '200|300', 'kill -9 of the process: all are tried again');
is($node->query(q{SELECT count(*) FROM temporal.history WHERE workflow_id LIKE 'killed-%' AND event_type = 'ActivityTaskStarted'
	AND attributes #>> '{lastFailure,applicationFailureInfo,type}' = 'HttpInterrupted'}), '300', 'because their process was gone, and not when their time was over');
{
	my %keys;
	$keys{$_}++ foreach $server->log =~ m{^request GET /slow\?ms=1500 (\S+)$}mg;
	is(scalar keys %keys, 300, 'with the same key');
	is(scalar(grep { $_ != 2 } values %keys), 0, 'once more each');
}
# at the places where that matters
$node->append_conf('postgresql.conf', 'temporal_pg.fault_injection = on');
$node->reload;
foreach my $point (qw(activity_opened http_begun http_ended http_recorded))
{
	$node->arm_fault($point);
	start_all($point, 20, '/slow?ms=50');
	$node->wait_fault($point);
	wait_all($point);
	is(results($point), '200|20', "killed at $point: none is lost");
}
# told to end, it is the same
start_all('told', 20, '/slow?ms=700');
wait_until('20 requests', sub { $server->count(qr{^request GET /slow\?ms=700 }m) >= 20 });
$node->query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'});
wait_all('told');
is(results('told'), '200|20', 'pg_terminate_backend: tried again');

# ---------- the server goes down ----------

start_all('down', 200, '/slow?ms=800');
wait_until('200 requests', sub { $server->count(qr{^request GET /slow\?ms=800 }m) >= 200 });
$server->stop;
$node->wait_for(q{SELECT count(*) >= 100 FROM temporal.pending_activity WHERE last_failure_message ~ '/slow'});
$server->start($port);
wait_all('down');
like(results('down'), qr/^200\|\d+/, 'the server was away: ' . join(', ', split /\n/, results('down')));

# ---------- commands that need the processes out of the way ----------

start_all('drop', 5, '/hang?drop');
wait_until('5 requests', sub { $server->count(qr{^request GET /hang\?drop }m) == 5 });
is($node->broken_runs, '', 'all runs are whole');
$began = time();
$node->query('DROP EXTENSION temporal_pg CASCADE');
cmp_ok(time() - $began, '<', 10, 'DROP EXTENSION does not wait for requests');
is(http_processes(), 0, 'the process is gone');
$server->stop;
done_testing();
