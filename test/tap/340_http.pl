# Activities of type http, against a server that does what servers do to those
# who trust them: answers and failures, where requests may go, secrets, sizes.

use strict;
use warnings;
use HttpServer;
use IO::Socket::INET;
use JSON::PP ();
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $secret = 'Tr0ub4dor&3"x/y';
my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $other = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => qq{
temporal_pg.idle_timeout = 2s
temporal_pg.sweep_interval = 1s
temporal_pg.http_max_response_size = 100kB
temporal_pg.http_allow = '127.0.0.1:*, [::1]:*, localhost:*, 0.0.0.0:*, denied.example:*'
temporal_pg.http_allow_private = '127.0.0.1'
log_min_messages = debug2
});
my $json = JSON::PP->new->canonical->allow_nonref->utf8;

$node->query(q{
	-- the result, or what became of it
	CREATE FUNCTION ask(request jsonb, attempts int DEFAULT 1) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE detail text;
	BEGIN
		RETURN temporal.execute_activity('http', request, start_to_close_timeout => CASE WHEN jsonb_typeof(request) = 'object' AND request ->> 'url' ~ '/hang#short' THEN interval '400 ms' END, retry_policy => temporal.retry_policy(initial_interval => '100 ms', maximum_attempts => attempts));
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
		RETURN detail::jsonb -> 'cause';
	END $$;
	SELECT temporal.register_workflow('ask');
});
$node->query("SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/'), temporal.grant_http('postgres', 'http://[::1]:*/'), temporal.grant_http('postgres', 'http://localhost:*/'), temporal.grant_http('postgres', 'http://0.0.0.0:*/')");
$node->query(q{SELECT temporal.set_secret('token', $s$} . $secret . q{$s$), temporal.set_secret('here', 'only-for-here', url => $u$} . $server->url('/echo') . q{$u$)});

my $asked = 0;
# Each request by a workflow of its own; their results, in order.
sub ask_all
{
	my ($attempts, @requests) = @_;
	my $from = $asked;
	$asked += @requests;
	$node->query(join '', map {
			my $q = $json->encode({ request => $requests[$_], attempts => $attempts });
			"SELECT temporal.start_workflow('ask', \$q\$$q\$q\$, id => 'ask-" . ($from + $_) . "');\n"
	} 0 .. $#requests);
	$node->wait_for("SELECT count(*) = 0 FROM temporal.workflow WHERE status = 'Running' AND workflow_id LIKE 'ask-%'", timeout => 90);
	my %results = map { split /\|/, $_, 2 } split /\n/, $node->query(
		"SELECT workflow_id, temporal.result(workflow_id) FROM temporal.workflow WHERE workflow_id LIKE 'ask-%' AND substr(workflow_id, 5)::int >= $from");
	return map { $json->decode($results{ 'ask-' . ($from + $_) } // 'null') } 0 .. $#requests;
}
sub ask { my ($request, $attempts) = @_; return (ask_all($attempts // 1, $request))[0]; }
sub url { return $server->url($_[0]); }
# ours, or that of libcurl where that looks itself
my $DIFFERENT = qr/(two different Content-Lengths, 5 and 7|Invalid Content-Length: value)$/;

# ---------- answers ----------

my @cases = (
	[ 'JSON is parsed', { url => url('/ok') }, sub { $_->{status} == 200 && $_->{body}{ok} && $_->{headers}{'content-type'} eq 'application/json' } ],
	[ 'text stays text', { url => url('/text') }, sub { $_->{body} eq "gr\x{fc}\x{df} dich" && $_->{headers}{'x-two'} eq '1, 2' && "@{ $_->{headers}{'set-cookie'} }" eq 'a=1 b=2' } ],
	[ 'bytes are base64', { url => url('/binary') }, sub { $_->{base64} && $_->{body} eq 'AP/+' } ],
	[ 'what only says that it is JSON is text', { url => url('/badjson') }, sub { $_->{body} eq '{"a":' } ],
	[ 'so is JSON that jsonb cannot have', { url => url('/nuljson') }, sub { $_->{body} eq '{"a":"\\u0000"}' } ],
	[ 'and JSON nested too deep', { url => url('/deepjson') }, sub { length $_->{body} == 100000 } ],
	[ 'no body is null', { url => url('/empty') }, sub { $_->{status} == 204 && !defined $_->{body} } ],
	[ 'packed bodies are unpacked', { url => url('/gzip') }, sub { $_->{body}{packed} } ],
	[ 'methods, headers, JSON bodies arrive', { url => url('/echo?a=b'), method => 'put', headers => { 'X-A' => 'b', 'X-N' => 1, 'X-L' => [ 'p', 'q' ] }, body => { c => [ 1, \1 ] } },
		sub { $_->{body}{method} eq 'PUT' && $_->{body}{path} eq '/echo?a=b' && $_->{body}{headers}{'x-a'} eq 'b' && $_->{body}{headers}{'x-n'} eq '1' && $_->{body}{headers}{'x-l'} eq 'p, q'
			&& $json->encode($json->decode($_->{body}{body})) eq '{"c":[1,true]}' && $_->{body}{headers}{'content-type'} eq 'application/json' && $_->{body}{headers}{'idempotency-key'} =~ /^[0-9a-f]{8}-[0-9a-f]{4}-5/ } ],
	[ 'and text bodies', { url => url('/echo'), method => 'POST', body => 'hello', headers => { 'Idempotency-Key' => 'mine' } },
		sub { $_->{body}{body} eq 'hello' && $_->{body}{headers}{'content-type'} =~ m{^text/plain} && $_->{body}{headers}{'idempotency-key'} eq 'mine' } ],
	[ 'a name is looked up; one of its addresses will do', { url => "http://localhost:$port/ok" }, sub { $_->{status} == 200 } ],
	[ 'HEAD has no body', { url => url('/ok'), method => 'HEAD' }, sub { $_->{status} == 200 && !defined $_->{body} } ],
	[ 'POST without a body', { url => url('/echo'), method => 'POST' }, sub { $_->{body}{method} eq 'POST' && $_->{body}{body} eq '' && !exists $_->{body}{headers}{'content-type'} } ],
	[ 'slower than one thinks', { url => url('/slow?ms=700') }, sub { $_->{status} == 200 } ],
	[ 'a longer answer than announced is cut', { url => url('/longer') }, sub { $_->{body} eq 'ten' } ],
	[ 'accepted statuses are results', { url => url('/status?s=404'), accept => [404] }, sub { $_->{status} == 404 && $_->{body} eq 'status 404' } ],

	# ---------- failures ----------
	[ 'status 404', { url => url('/status?s=404') }, sub { $_->{type} eq 'HttpError' && $_->{non_retryable} && $_->{details}{status} == 404 && $_->{details}{body} eq 'status 404' && $_->{message} =~ m{^HTTP status 404 from GET http://127.0.0.1:$port/status$} } ],
	[ 'status 500', { url => url('/status?s=500') }, sub { $_->{type} eq 'HttpError' && !$_->{non_retryable} } ],
	[ 'status 408', { url => url('/status?s=408') }, sub { $_->{type} eq 'HttpError' && !$_->{non_retryable} } ],
	[ 'status 425', { url => url('/status?s=425') }, sub { $_->{type} eq 'HttpError' && !$_->{non_retryable} } ],
	[ 'status 429', { url => url('/status?s=429&after=7') }, sub { $_->{type} eq 'HttpError' && !$_->{non_retryable} } ],
	[ 'a timeout that is out of range tells what it is', { url => url('/ok'), timeout => '1000 years' }, sub { $_->{details}{detail} eq 'It is "1000 years"; at most 24 days are possible.' && $_->{details}{hint} =~ /start_to_close_timeout/ } ],
	[ 'the longest one', { url => url('/ok'), timeout => '24 days' }, sub { $_->{status} == 200 } ],
	[ 'a redirect that nobody asked to follow', { url => url('/redirect?to=/ok') }, sub { $_->{type} eq 'HttpError' && $_->{non_retryable} && $_->{details}{location} eq '/ok' && $_->{details}{hint} =~ /max_redirects/ } ],
	[ 'reset', { url => url('/reset') }, sub { $_->{type} eq 'HttpConnectionError' && !$_->{non_retryable} } ],
	[ 'cut', { url => url('/cut') }, sub { $_->{type} eq 'HttpConnectionError' } ],
	[ 'garbage', { url => url('/garbage') }, sub { $_->{type} eq 'HttpConnectionError' } ],
	[ 'nobody listens at the address that is allowed', { url => 'http://localhost:1/' }, sub { $_->{type} eq 'HttpConnectionError' && !$_->{non_retryable} } ],
	[ 'nobody listens', { url => 'http://127.0.0.1:1/' }, sub { $_->{type} eq 'HttpConnectionError' && !$_->{non_retryable} } ],
	[ 'timeout', { url => url('/hang'), timeout => '300 ms' }, sub { $_->{type} eq 'HttpTimeout' && !$_->{non_retryable} } ],
	[ 'timeout in the middle', { url => url('/drip'), timeout => 0.4 }, sub { $_->{type} eq 'HttpTimeout' } ],

	# ---------- sizes ----------
	[ 'shorter than announced', { url => url('/shorter') }, sub { $_->{type} eq 'HttpConnectionError' && !$_->{non_retryable} } ],
	[ 'a terabyte announced', { url => url('/huge'), timeout => 20 }, sub { $_->{type} eq 'HttpResponseTooLarge' && $_->{non_retryable} } ],
	[ 'a negative length', { url => url('/negative') }, sub { $_->{type} eq 'HttpInvalidResponse' && !$_->{non_retryable} && $_->{message} =~ /Content-Length/ } ],
	[ 'two different lengths', { url => url('/lengths?l=5,7') }, sub { $_->{type} eq 'HttpInvalidResponse' && !$_->{non_retryable} && $_->{message} =~ $DIFFERENT && $_->{details}{hint} } ],
	[ 'the longer one first', { url => url('/lengths?l=11,5') }, sub { $_->{type} eq 'HttpInvalidResponse' } ],
	[ 'in one line', { url => url('/length?l=5,7') }, sub { $_->{type} eq 'HttpInvalidResponse' && $_->{message} =~ $DIFFERENT } ],
	[ 'the same one twice is one', { url => url('/lengths?l=5,05') }, sub { $_->{status} == 200 && $_->{body} eq 'hello' } ],
	[ 'also in one line', { url => url('/length?l=5,%205') }, sub { $_->{status} == 200 && $_->{body} eq 'hello' } ],
	map([ "no length: $_", { url => url("/length?l=$_") }, sub { $_->{type} eq 'HttpInvalidResponse' && $_->{message} =~ /Content-Length/ } ], '', '0x5', '5%205', '5,', '%2B5', 'five'),
	[ 'a length beyond all numbers', { url => url('/length?l=' . '9' x 30) }, sub { $_->{type} =~ /^Http(ResponseTooLarge|ConnectionError)$/ } ],
	[ 'without end', { url => url('/endless') }, sub { $_->{type} eq 'HttpResponseTooLarge' && $_->{non_retryable} } ],
	[ 'headers without end', { url => url('/headers') }, sub { $_->{type} eq 'HttpResponseTooLarge' || $_->{type} eq 'HttpConnectionError' } ],
	[ 'a bomb', { url => url('/bomb') }, sub { $_->{type} eq 'HttpResponseTooLarge' } ],

	# ---------- bad input ----------
	map([ "bad input: " . $json->encode($_->[0]), $_->[0], do { my $re = $_->[1]; sub { $_->{type} eq 'HttpRequestError' && $_->{non_retryable} && $_->{message} =~ $re } } ],
		[ 'x', qr/must be an object/ ], [ {}, qr/needs a url/ ], [ { url => 1 }, qr/needs a url/ ], [ { url => '' }, qr/must begin with/ ], [ { url => 'ftp://127.0.0.1/' }, qr/must begin with/ ],
		[ { url => 'file:///etc/passwd' }, qr/must begin with/ ], [ { url => 'http://' }, qr/not of the form/ ], [ { url => 'http://u:p@127.0.0.1/' }, qr/user name or password/ ],
		[ { url => "http://127.0.0.1/a b" }, qr/not of the form/ ], [ { url => "http://127.0.0.1\\\@x/" }, qr/characters|not of the form|user name/ ],
		[ { url => url('/ok'), metod => 'GET' }, qr/takes no "metod"/ ], [ { url => url('/ok'), method => 'BREW' }, qr/unknown method/ ], [ { url => url('/ok'), method => "GET / HTTP/1.1\r\nX: y" }, qr/unknown method/ ],
		[ { url => url('/ok'), headers => [] }, qr/must be an object/ ], [ { url => url('/ok'), headers => { 'X' => "a\r\nY: b" } }, qr/control characters/ ], [ { url => url('/ok'), headers => { "X: y\r\nZ" => 'a' } }, qr/cannot be the name/ ],
		[ { url => url('/ok'), headers => { Host => 'x' } }, qr/cannot be given/ ], [ { url => url('/ok'), headers => { 'X' => {} } }, qr/without "secret"/ ],
		[ { url => url('/ok'), timeout => '-1 s' }, qr/must be positive/ ], [ { url => url('/ok'), timeout => 0 }, qr/must be positive/ ], [ { url => url('/ok'), timeout => '1000 years' }, qr/^timeout is out of range$/ ], [ { url => url('/ok'), timeout => '25 days' }, qr/^timeout is out of range$/ ],
		[ { url => "http://b\x{fc}cher.example/" }, qr/not in ASCII/ ], [ { url => url('/ok'), timeout => 'soon' }, qr/invalid input syntax/ ], [ { url => url('/ok'), max_redirects => 99 }, qr/from 0 to 20/ ],
		[ { url => url('/ok'), max_redirects => 'x' }, qr/invalid input/ ], [ { url => url('/ok'), accept => 404 }, qr/must be an array/ ], [ { url => url('/ok'), accept => ['x'] }, qr/must be an array/ ],
		[ { url => url('/ok'), method => 'HEAD', body => 'x' }, qr/no body/ ], [ { url => 'http://x${secret:token}.127.0.0.1/', secrets => ['token'] }, qr/in the host/ ]),

	# ---------- where requests may go ----------
	map([ "denied: $_->[0]", { url => $_->[0] }, do { my $re = $_->[1]; sub { $_->{type} eq 'HttpDenied' && $_->{non_retryable} && $_->{message} =~ $re && $_->{details}{hint} } } ],
		[ 'http://10.1.2.3/', qr/does not allow/ ], [ 'http://example.com/', qr/does not allow/ ], [ "https://127.0.0.1:$port/", qr/not granted/ ], [ 'http://denied.example/', qr/does not allow|not granted/ ],
		[ 'http://[::1]:1/', qr/not public/ ], [ 'http://[::ffff:10.0.0.1]:1/', qr/does not allow/ ], [ 'http://0.0.0.0:1/', qr/not public/ ], [ 'http://0x0a000001/', qr/does not allow/ ]),

	# ---------- redirects ----------
	[ 'followed', { url => url('/redirect?to=/echo'), max_redirects => 3, headers => { Authorization => 'Bearer x' } }, sub { $_->{body}{path} eq '/echo' && $_->{body}{headers}{authorization} eq 'Bearer x' } ],
	[ 'POST becomes GET', { url => url('/redirect?s=302&to=/echo'), max_redirects => 3, method => 'POST', body => 'x' }, sub { $_->{body}{method} eq 'GET' && $_->{body}{body} eq '' } ],
	[ '307 stays POST', { url => url('/redirect?s=307&to=/echo'), max_redirects => 3, method => 'POST', body => 'x' }, sub { $_->{body}{method} eq 'POST' && $_->{body}{body} eq 'x' } ],
	[ 'a loop ends', { url => url('/loop'), max_redirects => 5 }, sub { $_->{type} eq 'HttpRedirectError' && $_->{non_retryable} } ],
	[ 'to another server: without headers', { url => url('/redirect?to=' . $other->url('/echo')), max_redirects => 1, headers => { Authorization => 'Bearer x', 'X-Key' => 'y', Accept => 'text/plain' } },
		sub { $_->{body}{path} eq '/echo' && !exists $_->{body}{headers}{authorization} && !exists $_->{body}{headers}{'x-key'} && $_->{body}{headers}{accept} eq 'text/plain' } ],
	[ 'to a host that is not allowed', { url => url('/redirect?to=http://example.com/'), max_redirects => 3 }, sub { $_->{type} eq 'HttpDenied' } ],
	[ 'to a private address', { url => url('/redirect?to=http://[::1]:' . $port . '/ok'), max_redirects => 3 }, sub { $_->{type} eq 'HttpDenied' && $_->{message} =~ /not public/ } ],
	[ 'to a file', { url => url('/redirect?to=file:///etc/passwd'), max_redirects => 3 }, sub { $_->{type} =~ /^Http(RedirectError|Denied)/ } ],
	[ 'with a password', { url => url("/redirect?to=http://u:p\@127.0.0.1:$port/ok"), max_redirects => 3 }, sub { $_->{type} eq 'HttpRedirectError' } ],

	# ---------- secrets ----------
	[ 'in a header', { url => url('/echo'), headers => { Authorization => 'Bearer ${secret:token}' }, secrets => ['token'] }, sub { $_->{body}{headers}{authorization} eq 'Bearer ***' } ],
	[ 'as a header', { url => url('/echo'), headers => { 'X-Key' => { secret => 'token' } } }, sub { $_->{body}{headers}{'x-key'} eq '***' } ],
	[ 'in the URL', { url => url('/echo?key=${secret:token}'), secrets => ['token'] }, sub { $_->{body}{path} eq '/echo?key=***' } ],
	[ 'in a text body', { url => url('/echo'), method => 'POST', body => 'a ${secret:token} b', secrets => ['token'] }, sub { $_->{body}{body} eq 'a *** b' } ],
	[ 'in a JSON body', { url => url('/echo'), method => 'POST', body => { k => '${secret:token}' }, secrets => ['token'] }, sub { $_->{body}{body} =~ /^\{"k": "\*\*\*"\}$/ } ],
	[ 'not where it is not listed', { url => url('/echo'), method => 'POST', body => '${secret:token}' }, sub { $_->{body}{body} eq '${secret:token}' } ],
	[ 'in what a failure tells', { url => url('/nothing/${secret:token}'), secrets => ['token'] }, sub { $_->{type} eq 'HttpError' && $_->{message} =~ m{/nothing/\*\*\*$} } ],
	[ 'not to another server', { url => url('/redirect?to=' . $other->url('/echo')), max_redirects => 1, headers => { Accept => { secret => 'token' } } }, sub { $_->{status} == 200 && $_->{body}{headers}{accept} eq '*/*' } ],
	[ 'nor in a body', { url => url('/redirect?s=307&to=' . $other->url('/echo')), max_redirects => 1, method => 'POST', body => '${secret:token}', secrets => ['token'] }, sub { $_->{type} eq 'HttpRedirectError' } ],
	[ 'only where it is for', { url => url('/echo'), headers => { A => { secret => 'here' } } }, sub { $_->{body}{headers}{a} eq '***' } ],
	[ 'and nowhere else', { url => url('/ok'), headers => { A => { secret => 'here' } } }, sub { $_->{type} eq 'HttpDenied' && $_->{message} =~ /secret/ } ],
	[ 'one that is not there', { url => url('/ok'), secrets => ['none'] }, sub { $_->{type} eq 'HttpDenied' && $_->{message} =~ /no secret "none"/ } ],
);
{
	my $began = time();
	my @results = ask_all(1, map { $_->[1] } @cases);
	note(sprintf '%d requests in %.1f s', scalar @cases, time() - $began);
	foreach my $i (0 .. $#cases)
	{
		local $_ = $results[$i];
		ok(eval { $cases[$i][2]->() }, $cases[$i][0]) or diag($json->encode($results[$i]));
	}
}
is(scalar $node->pids('temporal_pg http'), 1, 'by one process');

# what was really sent
ok($server->count(qr{^request GET /echo\?key=Tr0ub4dor%263%22x%2Fy }m) == 1, 'the server got the secret of the URL, encoded');

# ---------- retries ----------

{
	my $r = ask({ url => url('/flaky?n=2') }, 5);
	is($r->{body}{tries}, 3, 'tried until it answered, with the same key');
	my $began = time();
	$r = ask({ url => url('/status?s=429&after=1') }, 2);
	cmp_ok(time() - $began, '>=', 0.9, 'Retry-After is waited for');
	is($r->{details}{status}, 429, 'and then it was the last attempt');
	my %keys = map { $_ => 1 } $server->log =~ m{^request GET /(?:flaky\?n=2|status\?s=429&after=1) (\S+)$}mg;
	is(scalar keys %keys, 2, 'a key for each activity');

	$began = time();
	($r) = ask_all(1, { url => url('/hang#short') });
	is($r->{kind}, 'timeout', 'the start-to-close timeout ends a request, too');
	is($r->{type}, 'start_to_close', 'by its name');
	cmp_ok(time() - $began, '<', 5, 'in time');
	$node->wait_for('SELECT true');
	my $until = time() + 10;
	sleep 0.05 until $server->count(qr{^closed /hang$}m) >= 2 || time() > $until;
	is($server->count(qr{^closed /hang$}m), 2, 'and closes the connection');
}

# ---------- secrets are nowhere ----------

{
	my $tables = $node->query(q{SELECT string_agg(format('SELECT %L::text, count(*) FROM %s t WHERE t::text ~ ''Tr0ub4dor|only-for-here''', c.oid::regclass, c.oid::regclass), ' UNION ALL ')
		FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relnamespace IN ('temporal'::regnamespace, 'temporal_internal'::regnamespace) AND c.relname <> 'secret'});
	is($node->query("SELECT string_agg(a, ', ') FROM ($tables) x (a, n) WHERE n > 0"), '', 'no table but its own has the secret');
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
	my @lines = grep { /Tr0ub4dor|only-for-here/ && !/set_secret|~ ''/ } split /\n/, $log;
	is("@lines", '', "nor has the server's log") or diag(@lines);
	unlike($node->query('SELECT string_agg(s::text, $$ $$) FROM temporal.secret s'), qr/Tr0ub4dor/, 'nor the view');
	my $dump = `pg_dump -h @{[$node->host]} -p @{[$node->port]} postgres`;
	ok($dump =~ /http_access/ && $dump !~ /Tr0ub4dor/, 'nor a dump');
}

# ---------- settings are followed ----------

{
	$node->query("ALTER SYSTEM SET temporal_pg.http_allow = ''");
	$node->query('SELECT pg_reload_conf()');
	$node->wait_for("SELECT current_setting('temporal_pg.http_allow') = ''");
	# until the process has read it, too
	my $r;
	my $until = time() + 20;
	do { $r = ask({ url => url('/ok') }) } while ($r->{status} && time() < $until);
	like($r->{details}{hint}, qr/http_allow/, 'nothing is allowed by default');
	$node->query('ALTER SYSTEM RESET temporal_pg.http_allow');
	$node->query('SELECT pg_reload_conf()');
	$until = time() + 20;
	do { $r = ask({ url => url('/ok') }) } while (!$r->{status} && time() < $until);
	is($r->{status}, 200, 'and then it is again');
	my ($rc, undef, $err) = $node->try_query("ALTER SYSTEM SET temporal_pg.http_allow = 'http://x/'");
	like($err, qr/is no host/, 'what is no host is refused');
	($rc, undef, $err) = $node->try_query("ALTER SYSTEM SET temporal_pg.http_allow_private = '10.0.0.0/33'");
	like($err, qr/is no network/, 'nor what is no network');
}

# ---------- a host with few connections does not hold up others ----------

{
	$node->query('ALTER SYSTEM SET temporal_pg.http_max_connections_per_host = 2');
	$node->query('SELECT pg_reload_conf()');
	# of a process that has read it
	$node->query(q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'});
	is(ask({ url => url('/ok') })->{status}, 200, 'few connections: works');
	$node->query(join '', map { "SELECT temporal.start_workflow('ask', '{\"request\": {\"url\": \"http://localhost:$port/slow?ms=400&few\"}}', id => 'few-$_');" } 1 .. 50);
	sleep 0.3;
	my $began = time();
	is(ask({ url => 'http://localhost:' . $other->port . '/ok' })->{status}, 200, 'another server answers meanwhile');
	cmp_ok(time() - $began, '<', 5, 'soon');
	cmp_ok($node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'few-%' AND status = 'Running'}), '>', 5, 'while the first is busy with few connections');
	$node->query('ALTER SYSTEM RESET temporal_pg.http_max_connections_per_host');
	$node->query('SELECT pg_reload_conf()');
	$node->wait_for(q{SELECT count(*) = 50 FROM temporal.workflow WHERE workflow_id LIKE 'few-%' AND status = 'Completed'});
}

# ---------- rights ----------

{
	$node->query(q{
		CREATE ROLE tenant LOGIN;
		CREATE ROLE tenants;
		SELECT temporal.grant_access('default', 'tenant', 'author');
		GRANT CREATE ON SCHEMA public TO tenant;
		SET SESSION AUTHORIZATION tenant;
		CREATE FUNCTION tenant_ask(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN
			RETURN temporal.execute_activity('http', request);
		END $$;
		SELECT temporal.register_workflow('tenant_ask');
	});
	my $try = sub {
		my ($path, $id) = @_;
		return ($node->try_query("SELECT temporal.start_workflow('tenant_ask', '{\"url\": \"$_[0]\"}'::jsonb, id => '$id')")
			, $node->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$id'")
			, $node->try_query("SELECT temporal.result('$id') -> 'status'"))[-2, -1];
	};
	my ($out, $err) = $try->(url('/ok'), 't1');
	like($err, qr/not granted/, 'who has no grant is denied');
	$node->query("SELECT temporal.grant_http('tenants', '" . url('/ok') . "')");
	($out, $err) = $try->(url('/ok'), 't2');
	like($err, qr/not granted/, 'also when another role has it');
	$node->query('GRANT tenants TO tenant');
	($out, $err) = $try->(url('/ok?x=y'), 't3');
	is($out, '200', 'a member of that role is not') or diag($err);
	($out, $err) = $try->(url('/okay'), 't4');
	like($err, qr/not granted/, 'but only below that path');
	($out, $err) = $try->(url('/ok/%2e%2e/echo'), 't5');
	like($err, qr/not granted/, 'and not around it');
	($out, $err) = $try->(url('/ok/../echo'), 't6');
	like($err, qr/not granted/, 'in no way');
	($out, $err) = $try->(url('/redirect?to=/ok'), 't7');
	like($err, qr/not granted/, 'nor from elsewhere');
}

# ---------- TLS ----------

SKIP:
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	skip 'no openssl here', 3 if system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout $dir/key -out $dir/cert >/dev/null 2>&1") != 0;
	my $tls_port = PostgreSQL::Test::Cluster::get_free_port();
	my $pid = fork // die;
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec 'openssl', 's_server', '-quiet', '-accept', "127.0.0.1:$tls_port", '-cert', "$dir/cert", '-key', "$dir/key", '-www';
	}
	my $until = time() + 20;
	sleep 0.05 until IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $tls_port) || time() > $until;
	$node->query("SELECT temporal.grant_http('postgres', 'https://localhost:*/'), temporal.grant_http('postgres', 'https://127.0.0.1:*/')");
	my $r = ask({ url => "https://localhost:$tls_port/" });
	like($r->{message}, qr/certificate/, 'a certificate that nobody knows is not trusted') or diag($json->encode($r));
	$node->query("ALTER SYSTEM SET temporal_pg.http_ca_file = '$dir/cert'");
	$node->query('SELECT pg_reload_conf()');
	$until = time() + 20;
	do { $r = ask({ url => "https://localhost:$tls_port/" }) } while (!$r->{status} && time() < $until);
	is($r->{status}, 200, 'one of http_ca_file is') or diag($json->encode($r));
	$r = ask({ url => "https://127.0.0.1:$tls_port/" });
	is($r->{type}, 'HttpConnectionError', 'but not under another name');
	kill 'KILL', $pid;
	waitpid $pid, 0;
}

# ---------- a type of that name that is somebody's own ----------

$node->query(q{
	CREATE FUNCTION my_http(request jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('mine', request -> 'url')$$;
	SELECT temporal.register_activity('http', 'my_http');
});
is(ask({ url => 'x' })->{mine}, 'x', 'a registered type "http" is run instead');
$node->query(q{SELECT temporal.unregister_activity('http')});
is(ask({ url => url('/ok') })->{status}, 200, 'until it is unregistered');

# ---------- stop_workers() ----------

{
	$node->query("ALTER SYSTEM SET temporal_pg.http_max_in_flight = 2");
	$node->query("SELECT pg_reload_conf()");
	$node->wait_for("SELECT current_setting('temporal_pg.http_max_in_flight') = '2'");
	$node->query(join '', map { "SELECT temporal.start_workflow('ask', '{\"request\": {\"url\": \"http://127.0.0.1:$port/slow?ms=1500&stop\"}}', id => 'stop-$_');" } 1 .. 6);
	my $state = "FROM temporal.pending_activity WHERE workflow_id LIKE 'stop-%' AND state =";
	$node->wait_for("SELECT count(*) = 6 FROM temporal.pending_activity WHERE workflow_id LIKE 'stop-%'");
	$node->wait_for("SELECT count(*) > 0 $state 'Started'");
	$node->query("SELECT temporal.stop_workers('5 s')");
	$node->wait_for("SELECT count(*) = 0 $state 'Started'");
	my $left = $node->query("SELECT count(*) $state 'Scheduled'");
	cmp_ok($left, '>', 0, "what is in flight ends, $left requests wait");
	my $until = time() + 1.5;
	my $started = 0;
	while (time() < $until) { $started += $node->query("SELECT count(*) $state 'Started'"); sleep 0.05 }
	is($started, 0, 'and none of them is sent while the workers are stopped, nor by a sweep');
	$node->query("SELECT temporal.start_workers()");
	$node->wait_for("SELECT count(*) = 6 FROM temporal.workflow WHERE workflow_id LIKE 'stop-%' AND status = 'Completed'", timeout => 30);
	pass('then they are');
	$node->query("ALTER SYSTEM RESET temporal_pg.http_max_in_flight");
	$node->query("SELECT pg_reload_conf()");
}

# ---------- the process ends by itself ----------

$node->wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'});
pass('without requests the process ends');
is(ask({ url => url('/ok') })->{status}, 200, 'and comes back when there is one');

is($node->broken_runs, '', 'all runs are whole');
$server->stop;
$other->stop;
done_testing();
