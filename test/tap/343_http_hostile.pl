# Activities of type http: servers and authors of workflows that mean harm to the
# process that makes everybody's requests, or to the secrets that it knows.

use strict;
use warnings;
use HttpServer;
use JSON::PP ();
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());

# names that take long to look up: a library for the server
my $shim = PostgreSQL::Test::Utils::tempdir() . '/slow_names.so';
my $slow_names = system("cc -shared -fPIC -o $shim test/lib/slow_names.c -ldl") == 0;
local $ENV{LD_PRELOAD} = $shim if $slow_names;
my $port = $server->port;
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => qq{
temporal_pg.idle_timeout = 60s
temporal_pg.http_allow = '127.0.0.1:*, *.nowhere.invalid:*'
temporal_pg.http_allow_private = '127.0.0.1'
});
my $json = JSON::PP->new->canonical->allow_nonref->utf8;

my $setup = q{
	CREATE FUNCTION ask(request jsonb, unused int DEFAULT 1) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE detail text;
	BEGIN
		RETURN temporal.execute_activity('http', request, start_to_close_timeout => '30 s', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN detail::jsonb -> 'cause';
	END $$;
	CREATE FUNCTION ask_nothing() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('http', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	END $$;
	CREATE FUNCTION held(queue text DEFAULT 'default') RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('http', '{"url": "HELD_URL"}', task_queue => queue);
	END $$;
	SELECT temporal.register_workflow('ask'), temporal.register_workflow('ask_nothing'), temporal.register_workflow('held');
	SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/echo/'), temporal.grant_http('postgres', 'http://127.0.0.1:*/hostile/'),
		temporal.grant_http('postgres', 'http://127.0.0.1:*/redirect'), temporal.grant_http('postgres', 'http://*.nowhere.invalid/');
	SELECT temporal.set_secret('short', 'opensesame'), temporal.set_secret('long', 'opensesame-and-more'), temporal.set_secret('name', 'label-of-a-host');
};
$setup =~ s/HELD_URL/$server->url('\/echo\/')/e;
$node->query($setup);

my $asked = 0;
sub ask
{
	my ($request) = @_;
	my $id = 'ask-' . ++$asked;
	$node->query("SELECT temporal.start_workflow('ask', \$q\$" . $json->encode({ request => $request }) . "\$q\$, id => '$id')");
	$node->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$id'", timeout => 60);
	return $json->decode($node->query("SELECT temporal.result('$id')"));
}
sub url { return $server->url($_[0]); }
my $pid = sub { return join ' ', $node->pids('temporal_pg http') };

ask({ url => url('/echo/') });
my $process = $pid->();
my $check = sub {
	my ($what, $request, $test) = @_;
	local $_ = ask($request);
	ok(eval { $test->() }, $what) or diag($json->encode($_));
};

# ---------- authors ----------

$check->('secrets in a list of values', { url => url('/echo/'), headers => { 'X-Key' => [ { secret => 'short' }, 'b' ] } }, sub { $_->{body}{headers}{'x-key'} eq '***, b' });
$check->('one that is not there in a list of values', { url => url('/echo/'), headers => { 'X-Key' => [ { secret => 'none' } ] } }, sub { $_->{type} eq 'HttpDenied' && $_->{message} =~ /no secret "none"/ });
$check->('a list in a list', { url => url('/echo/'), headers => { 'X-Key' => [ [ { secret => 'short' } ] ] } }, sub { $_->{type} eq 'HttpRequestError' });
$check->('input null', undef, sub { $_->{type} eq 'HttpRequestError' });
$check->('input of another kind', [ { url => 1 } ], sub { $_->{type} eq 'HttpRequestError' });
$check->('a secret is in no host, with however many slashes', { url => 'http:///${secret:name}.nowhere.invalid/', secrets => ['name'] }, sub { $_->{type} eq 'HttpRequestError' && $_->{message} !~ /label-of-a-host/ });
$check->('a secret that is the beginning of another one', { url => url('/echo/?a=${secret:short}&b=${secret:long}'), secrets => [ 'short', 'long' ] }, sub { $_->{body}{path} eq '/echo/?a=***&b=***' });
my ($rc, undef, $err) = $node->try_query('CALL temporal.execute_workflow($$ask_nothing$$)');
like($err, qr/must be an object/, 'no input at all');

# ---------- around the path of a grant ----------

foreach my $path ('/echo/..;/status', '/echo/..%3b/status', '/echo/.;/status', '/echo/%2e%2E;x/status', '/echo/..%2fstatus', '/echo/..%5cstatus', '/echo/..\\status', '/echo/%252e%252e/status', '/echo/../status', '/echo', '//echo/x')
{
	$check->("not granted: $path", { url => url($path) }, sub { $_->{type} =~ /^(HttpDenied|HttpRequestError)$/ });
}

# ---------- addresses ----------

$node->query(q{ALTER SYSTEM SET temporal_pg.http_allow = '*, *:*'});
$node->query('SELECT pg_reload_conf()');
$node->query(q{SELECT temporal.grant_http('postgres', 'http://*:*/')});
{
	my $until = time() + 20;
	my $r;
	do { $r = ask({ url => 'http://10.1.2.3/', timeout => '1 s' }) } while ($r->{message} !~ /not public/ && time() < $until);
}
foreach my $host (qw([::] [::1] [::1%25lo] [::7f00:1] [::ffff:10.0.0.1] [::ffff:0:10.0.0.1] [64:ff9b::10.0.0.1] [64:ff9b:1::1] [2002:0a00:0001::1] [2001:db8::1] [2001:2::1] [2001:10::1] [3fff::1] [5f00::1] [fe80::1] [fe80::1%251] [fec0::1]
	[fd00::1] [ff02::1] [100::1] 0.0.0.0 0 10.1 0x0a000001 012.1.2.3 167772161 100.64.0.1 169.254.169.254 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255))
{
	$check->("not public: $host", { url => "http://$host:1/", timeout => '2 s' }, sub { $_->{type} eq 'HttpDenied' && $_->{message} =~ /not public/ });
}

# ---------- servers ----------

$check->('a redirect that shows a secret', { url => url('/redirect?to=https://opensesame.nowhere.example:99/x'), max_redirects => 1, headers => { 'X-Key' => { secret => 'short' } } },
	sub { $_->{type} eq 'HttpDenied' && $json->encode($_) !~ /opensesame/ });
my $began = time();
$check->('very many lines in the header', { url => url('/hostile/lines') }, sub { $_->{type} eq 'HttpResponseTooLarge' && $_->{non_retryable} });
$check->('very many different lines', { url => url('/hostile/names') }, sub { $_->{type} eq 'HttpResponseTooLarge' });
cmp_ok(time() - $began, '<', 10, 'nobody waits for that');
$began = time();
$check->('an error whose JSON has numbers of 130000 digits', { url => url('/hostile/numbers?s=500') }, sub { $_->{type} =~ /^Http(Error|ResponseTooLarge)$/ });
$check->('the same when a secret may be in it', { url => url('/hostile/numbers?s=500'), headers => { 'X-Key' => { secret => 'short' } } }, sub { $_->{type} =~ /^Http(Error|ResponseTooLarge)$/ });
$check->('as a result it is text', { url => url('/hostile/numbers?s=200') }, sub { $_->{status} == 200 && $_->{body} =~ /^\[1e131000,/ });
cmp_ok(time() - $began, '<', 10, 'nobody waits for these either');
$check->('1xx without end', { url => url('/hostile/continue') }, sub { $_->{type} =~ /^Http(ResponseTooLarge|ConnectionError)$/ });
$check->('304 with a body', { url => url('/hostile/notmodified'), accept => [304] }, sub { $_->{status} == 304 && !defined $_->{body} });
$check->('trailers', { url => url('/hostile/trailers') }, sub { $_->{status} == 200 && $_->{body} eq 'abc' });
$check->('HTTP/0.9', { url => url('/hostile/old') }, sub { $_->{type} eq 'HttpConnectionError' });
$check->('no bytes, but packed', { url => url('/hostile/notgzip') }, sub { $_->{type} eq 'HttpConnectionError' });

# ---------- a task queue that is paused ----------

$node->query(q{SELECT temporal.pause_task_queue('default', 'the shop is closed')});
$node->query(q{SELECT temporal.start_workflow('held', id => 'held', task_queue => 'free')});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.pending_activity WHERE workflow_id = 'held'});
# a request that came later, of another queue
$node->query(q{SELECT temporal.start_workflow('held', '"free"', id => 'free', task_queue => 'free')});
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'free'});
is($node->query(q{SELECT state FROM temporal.pending_activity WHERE workflow_id = 'held'}), 'Scheduled', 'a request of a paused queue is not made');
like($node->query(q{SELECT detail FROM temporal.explain('held')}), qr/is paused \(the shop is closed\)/, 'explain() says so');
$node->query(q{SELECT temporal.unpause_task_queue('default')});
$node->wait_for(q{SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'held'});
pass('and is when it is no longer');

# ---------- names that nobody answers for ----------

SKIP:
{
	my ($version) = `curl-config --version` =~ /(\d+\.\d+)/;
	skip 'libcurl waits for what looks up names', 3 if !$slow_names || $version < 7.87;
	$node->query("SELECT temporal.start_workflow('ask', '{\"request\": {\"url\": \"http://slow-to-look-up.nowhere.invalid/\", \"timeout\": 1}}', id => 'slow-$_')") for 1 .. 3;
	$node->wait_for(q{SELECT count(*) = 3 FROM temporal.pending_activity WHERE workflow_id LIKE 'slow-%' AND state = 'Started'});
	$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE workflow_id LIKE 'slow-%' AND status = 'Running'});
	cmp_ok($node->query(q{SELECT extract(epoch FROM max(close_time - start_time)) FROM temporal.workflow WHERE workflow_id LIKE 'slow-%'}), '<', 15, 'the timeout counts, not how long the name takes');
	like($node->query(q{SELECT temporal.result('slow-1') ->> 'type'}), qr/^HttpTimeout$/, 'and is told');
	$began = time();
	ask({ url => url('/echo/') });
	cmp_ok(time() - $began, '<', 15, 'others go on meanwhile');
}

is($pid->(), $process, 'it is still the same process');
is($node->broken_runs, '', 'all runs are whole');
$server->stop;
done_testing();
