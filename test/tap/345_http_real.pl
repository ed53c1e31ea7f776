# Activities of type http and what is between them and their servers in real life: HTTP/2, connections that are
# kept too long, proxies of the environment, names that change, a promoted standby, no room for the process.

use strict;
use warnings;
use HttpServer;
use JSON::PP ();
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = PostgreSQL::Test::Utils::tempdir();
my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $proxy = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
my $json = JSON::PP->new->canonical->allow_nonref->utf8;

# a library for the server by which names change
my $shim = "$dir/slow_names.so";
my $with_shim = system("cc -shared -fPIC -o $shim test/lib/slow_names.c -ldl") == 0;
local $ENV{LD_PRELOAD} = $shim if $with_shim;
local $ENV{TEMPORAL_PG_NAMES} = "$dir/names";
# what libcurl would use by itself
local @ENV{qw(http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ($proxy->url('')) x 6;

my $conf = qq{
temporal_pg.idle_timeout = 60s
temporal_pg.sweep_interval = 1s
temporal_pg.http_allow = '127.0.0.1:*, localhost:*, changing.nowhere.invalid:*'
temporal_pg.http_allow_private = '127.0.0.1'
};
my $node = TemporalNode->new_preloaded('main', fsync => 0, init => { allows_streaming => 1 }, conf => $conf);
$node->query(q{
	CREATE FUNCTION ask(request jsonb, attempts int DEFAULT 1) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE detail text;
	BEGIN
		RETURN temporal.execute_activity('http', request, start_to_close_timeout => '30 s', retry_policy => temporal.retry_policy(initial_interval => '100 ms', maximum_attempts => attempts));
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN detail::jsonb -> 'cause';
	END $$;
	SELECT temporal.register_workflow('ask');
	SELECT temporal.grant_http('postgres', 'http://*:*/'), temporal.grant_http('postgres', 'https://*:*/');
});

my $asked = 0;
sub start
{
	my ($request, $attempts) = @_;
	my $id = 'ask-' . ++$asked;
	$node->query("SELECT temporal.start_workflow('ask', \$q\$" . $json->encode({ request => $request, attempts => $attempts // 1 }) . "\$q\$, id => '$id')");
	return $id;
}
sub result
{
	my ($id, $n) = @_;
	($n // $node)->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$id'", timeout => 60);
	return $json->decode(($n // $node)->query("SELECT temporal.result('$id')"));
}
sub ask { return result(start(@_)); }
sub url { return $server->url($_[0]); }
sub wait_until
{
	my ($what, $test) = @_;
	my $until = time() + 30;
	sleep 0.02 until $test->() || time() > $until;
	ok($test->(), $what);
	return;
}
my $pid = sub { return join ' ', $node->pids('temporal_pg http') };

# ---------- proxies ----------

is(ask({ url => url('/ok') })->{status}, 200, 'a request while the environment names a proxy');
is($proxy->log, '', '... which hears nothing of it');
my $process = $pid->();

# ---------- a connection that is kept, and closed when it is used again ----------

foreach my $method (qw(POST PATCH GET PUT))
{
	ask({ url => url('/ok'), method => $method });
	my $r = ask({ url => url("/reset?kept-$method"), method => $method });
	is($r->{type}, 'HttpConnectionError', "$method: the connection is reset before a byte of the answer");
	my $n = $server->count(qr{^request $method /reset\?kept-$method }m);
	if ($method =~ /^P[OA]/) { is($n, 1, '... in one attempt it is sent once') }
	else { cmp_ok($n, '<=', 6, '... it may be sent again, as it is idempotent') }
}

# ---------- slow and large ----------

{
	my $began = time();
	my $r = ask({ url => url('/dribble'), timeout => 2 });
	is($r->{type}, 'HttpTimeout', 'one byte a second');
	cmp_ok(time() - $began, '<', 8, '... is not waited for');

	my $memory = sub { open my $fh, '<', "/proc/$process/status" or return 0; return (join('', <$fh>) =~ /VmHWM:\s+(\d+)/)[0]; };
	my $before = $memory->();
	is(ask({ url => url('/endless') })->{type}, 'HttpResponseTooLarge', 'chunks without end');
	is(ask({ url => url('/bomb') })->{type}, 'HttpResponseTooLarge', '64 MB that are packed');
	result($_) foreach map { start({ url => url('/bomb') }) } 1 .. 20;
	my $grown = int(($memory->() - $before) / 1024);
	cmp_ok($grown, '<', 100, "twenty of them at a time: the process has grown by $grown MB");
}

# ---------- an end from inside while it is in flight ----------

{
	my $id = start({ url => url('/hang?terminated') });
	wait_until('it is sent', sub { $server->count(qr{^request GET /hang\?terminated }m) });
	$node->query("SELECT temporal.terminate('$id')");
	wait_until('terminate() closes the connection', sub { $server->count(qr{^closed /hang\?terminated}m) });
	$id = start({ url => url('/hang?cancelled') });
	wait_until('it is sent', sub { $server->count(qr{^request GET /hang\?cancelled }m) });
	$node->query("SELECT temporal.cancel('$id')");
	wait_until('cancel() too', sub { $server->count(qr{^closed /hang\?cancelled}m) });
	$node->wait_for("SELECT status = 'Canceled' OR status = 'Completed' FROM temporal.workflow WHERE workflow_id = '$id'");
}

# ---------- a name that leads elsewhere the second time ----------

SKIP:
{
	skip 'no compiler', 4 if !$with_shim;
	my $lead = sub { open my $fh, '>', "$dir/names" or die; print $fh $_[0]; close $fh; };
	my $name = "http://changing.nowhere.invalid:$port";
	$lead->('127.0.0.1');
	is(ask({ url => "$name/cut" })->{type}, 'HttpConnectionError', 'a name leads to an address that is allowed');
	$lead->('127.0.0.2');
	# libcurl keeps what it has looked up for a minute; a process of its own has nothing
	$node->query(q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'});
	my $r = ask({ url => "$name/ok", timeout => 5 });
	is($r->{type}, 'HttpDenied', 'to another one: the address that is connected to counts');
	like($r->{message}, qr/address 127\.0\.0\.2 of host changing\.nowhere\.invalid is not public/, '... and is told');
	# both, in one lookup each: the first is refused, the second allowed
	$lead->('127.0.0.2 127.0.0.1');
	$node->query(q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'});
	is(ask({ url => "$name/ok", timeout => 5 })->{status}, 200, 'of several addresses one that is allowed is used');
	is($server->count(qr{^request GET /ok }m) > 0, 1, '... really');
}

# ---------- HTTP/2 ----------

SKIP:
{
	skip 'no openssl or node here', 20 if system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout $dir/key -out $dir/cert >/dev/null 2>&1 && node --version >/dev/null 2>&1") != 0;
	my $tls_port = PostgreSQL::Test::Cluster::get_free_port();
	my $log = "$dir/http2.log";
	my $count = sub { my ($re) = @_; open my $fh, '<', $log or return 0; local $/; my $n = () = (<$fh> // '') =~ /$re/mg; return $n; };
	my $child = fork // die;
	if ($child == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/http2.out";
		open STDERR, '>&', \*STDOUT;
		delete $ENV{LD_PRELOAD};
		exec 'node', 'test/lib/http2_server.mjs', $tls_port, "$dir/key", "$dir/cert", $log;
	}
	my $base = "https://localhost:$tls_port";
	$node->query("ALTER SYSTEM SET temporal_pg.http_ca_file = '$dir/cert'");
	$node->query('SELECT pg_reload_conf()');
	my $until = time() + 30;
	my $r;
	do { $r = ask({ url => "$base/ok" }) } while (!$r->{status} && time() < $until);
	is($r->{status}, 200, 'an HTTP/2 server') or diag($json->encode($r));
	is($r->{body}{method}, 'GET', '... has answered');

	# many at a time: each gets its own answer
	my @ids = map { start({ url => "$base/slow?ms=300&n=$_" }) } 1 .. 3;
	$node->query(join '', map { "SELECT temporal.start_workflow('ask', '{\"request\": {\"url\": \"$base/slow?ms=500&m=$_\"}}', id => 'h2-$_');" } 1 .. 300);
	$node->wait_for(q{SELECT count(*) = 300 FROM temporal.workflow WHERE workflow_id LIKE 'h2-%' AND status = 'Completed'}, timeout => 60);
	is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'h2-%' AND temporal.result(workflow_id) ->> 'status' = '200'}), '300', '300 at a time');
	my $sessions = $node->query(q{SELECT count(DISTINCT temporal.result(workflow_id) #> '{body,session}') FROM temporal.workflow WHERE workflow_id LIKE 'h2-%'});
	cmp_ok($sessions, '<', 300, "by $sessions connections");

	# one of them ends, the others of its connection go on
	my $slow = start({ url => "$base/slow?ms=1500&stays" });
	my $hang = start({ url => "$base/hang?goes" });
	wait_until('two in flight', sub { $count->(qr{/hang\?goes }) && $count->(qr{/slow\?ms=1500&stays }) });
	$node->query("SELECT temporal.terminate('$hang')");
	wait_until('the stream of one that is terminated is closed', sub { $count->(qr{^closed \d+ /hang\?goes}m) });
	is(result($slow)->{status}, 200, '... and no other');

	foreach my $how (qw(reset shorter crash))
	{
		is(ask({ url => "$base/$how?once", method => 'POST' })->{type}, 'HttpConnectionError', "$how: one attempt fails");
		is($count->(qr{^request \d+ POST /$how\?once }m), 1, '... and was sent once');
		is(ask({ url => "$base/$how?again" }, 3)->{status}, 200, '... another one does it');
	}
	is(ask({ url => "$base/refused" }, 3)->{status}, 200, 'a stream that was refused is tried again');
	is(ask({ url => "$base/endless" })->{type}, 'HttpResponseTooLarge', 'without end');

	# GOAWAY while others are in flight on that connection
	@ids = map { start({ url => "$base/slow?ms=800&goaway=$_" }) } 1 .. 10;
	wait_until('ten in flight', sub { $count->(qr{&goaway=}) >= 10 });
	is(ask({ url => "$base/goaway" }, 3)->{status}, 200, 'the server says GOAWAY');
	is(join(' ', map { result($_)->{status} // 'failed' } @ids), join(' ', ('200') x 10), '... what is in flight is answered');
	is(ask({ url => "$base/ok" })->{status}, 200, '... and the next request has another connection');
	kill 'KILL', $child;
	waitpid $child, 0;
	is(ask({ url => "$base/ok" })->{type}, 'HttpConnectionError', 'the server is gone');
}

# ---------- a standby is promoted ----------

{
	$node->backup('backup');
	my $standby = TemporalNode->new('standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->start;
	my $id = start({ url => url('/hangonce?promoted'), method => 'POST' }, 5);
	wait_until('a request is in flight', sub { $server->count(qr{^request POST /hangonce}m) });
	$node->wait_for_catchup($standby);
	is($standby->query("SELECT state FROM temporal.pending_activity WHERE workflow_id = '$id'"), 'Started', 'the standby shows it');
	is($standby->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'}), '0', '... and does nothing');
	$node->stop('immediate');
	wait_until('the primary goes, and its connection', sub { $server->count(qr{^closed /hangonce}m) });
	$standby->promote;
	is(result($id, $standby)->{status}, 200, 'the new primary has done it again');
	my %keys = map { $_ => 1 } $server->log =~ m{^request POST /hangonce\?promoted (\S+)}mg;
	is(scalar(keys %keys), 1, '... with the same Idempotency-Key');
	is($standby->query("SELECT attributes -> 'attempt' FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'ActivityTaskStarted'"), '2', '... as the second attempt');
	is($standby->query("SELECT attributes #>> '{lastFailure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'ActivityTaskStarted'"), 'HttpInterrupted', '... after one that was interrupted');
	is($standby->broken_runs, '', 'all runs are whole');
	$standby->stop;
}
$server->stop;
$proxy->stop;
done_testing();
