package HttpServer;

# An HTTP server that does what servers do to those who trust them: it is slow,
# resets connections, redirects, lies about sizes, never ends. One process, any
# number of connections.
#
#   my $server = HttpServer->new($dir);        # on 127.0.0.1, a port of its own
#   $server->url('/ok'); $server->port; $server->log; $server->stop;
#
# The path says what it does: see %answer. Each line of the log is
# "request METHOD PATH KEY" (KEY: Idempotency-Key) or "closed PATH" (by the client,
# before the answer was through).

use strict;
use warnings;
use Compress::Zlib ();
use Errno qw(EAGAIN EINTR);
use IO::Poll qw(POLLIN POLLOUT POLLHUP POLLERR);
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_LINGER SOMAXCONN);
use Time::HiRes qw(time);

sub new
{
	my ($class, $dir, %opt) = @_;
	my $self = bless { log => "$dir/http_server_$$.log", dir => $dir }, $class;
	$self->start($opt{port} // 0);
	return $self;
}

sub start
{
	my ($self, $port) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $port || 0, Listen => 4096, ReuseAddr => 1, Proto => 'tcp')
	  or die "listen: $!";
	$self->{port} = $listener->sockport;
	defined(my $pid = fork) or die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$self->{log}.out";
		open STDERR, '>&', \*STDOUT;
		# thousands of connections
		chomp(my $limit = `sh -c 'ulimit -Hn'`);
		system 'prlimit', '--pid', $$, "--nofile=$limit:$limit";
		eval { serve($listener, $self->{log}); };
		print STDERR $@ if $@;
		require POSIX;
		POSIX::_exit(1);
	}
	close $listener;
	$self->{pid} = $pid;
	return;
}

sub port { return $_[0]{port} }
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}$path"; }

sub log
{
	my ($self) = @_;
	open my $fh, '<', $self->{log} or return '';
	local $/;
	return scalar <$fh>;
}

# How many lines of the log match.
sub count { my ($self, $re) = @_; my $n = () = $self->log =~ /$re/mg; return $n; }

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub DESTROY { local $?; $_[0]->stop if ($_[0]{owner} //= $$) == $$; return; }

# ---------- the server itself ----------

my $bomb;

sub plain
{
	my ($status, $body, @headers) = @_;
	return "HTTP/1.1 $status X\r\nContent-Length: " . length($body) . "\r\n" . join('', map { "$_\r\n" } @headers) . "\r\n$body";
}

sub json { my ($value, @headers) = @_; return plain(200, JSON::PP->new->canonical->encode($value), 'Content-Type: application/json', @headers); }

# What to send; a connection's "then" is what happens when that is sent: keep, close, reset, hang, again.
my %seen;
my %answer = (
	ok => sub { my ($c, $q) = @_; return json({ ok => \1, path => $c->{path} }); },
	echo => sub { my ($c) = @_; return json({ method => $c->{method}, path => $c->{path}, headers => $c->{headers}, body => $c->{body} }); },
	text => sub { return plain(200, "gr\xc3\xbc\xc3\x9f dich", 'Content-Type: text/plain; charset=utf-8', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Two: 1', 'X-Two: 2'); },
	binary => sub { return plain(200, "\0\xff\xfe"); },
	badjson => sub { return plain(200, '{"a":', 'Content-Type: application/json'); },
	nuljson => sub { return plain(200, '{"a":"\\u0000"}', 'Content-Type: application/json'); },
	deepjson => sub { return plain(200, '[' x 100000, 'Content-Type: application/json'); },
	empty => sub { return "HTTP/1.1 204 X\r\n\r\n"; },
	slow => sub { my ($c, $q) = @_; $c->{at} = time() + ($q->{ms} // 100) / 1000; return json({ slow => \1 }); },
	# hangs the first time for each key
	hangonce => sub { my ($c) = @_; return json({ ok => \1 }) if $seen{ $c->{headers}{'idempotency-key'} }++; $c->{then} = 'hang'; return ''; },
	hang => sub { my ($c) = @_; $c->{then} = 'hang'; return ''; },
	reset => sub { my ($c) = @_; $c->{then} = 'reset'; return ''; },
	cut => sub { my ($c) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\nContent-Le"; },
	status => sub { my ($c, $q) = @_; return plain($q->{s}, "status $q->{s}", defined $q->{after} ? "Retry-After: $q->{after}" : ()); },
	# fails so many times for each key
	flaky => sub {
		my ($c, $q) = @_;
		return plain(503, 'not yet', 'Retry-After: 0') if $seen{ $c->{headers}{'idempotency-key'} }++ < ($q->{n} // 1);
		return json({ ok => \1, tries => $seen{ $c->{headers}{'idempotency-key'} } });
	},
	redirect => sub { my ($c, $q) = @_; return plain($q->{s} // 302, 'elsewhere', "Location: $q->{to}"); },
	loop => sub { my ($c, $q) = @_; return plain(302, '', 'Location: /loop'); },
	# lies about sizes
	shorter => sub { my ($c) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nten bytes!"; },
	longer => sub { my ($c) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nten bytes!"; },
	huge => sub { my ($c) = @_; $c->{then} = 'hang'; return "HTTP/1.1 200 X\r\nContent-Length: 1000000000000\r\n\r\nx"; },
	# says two things about it (?l=5,7), each in a line of its own, or what else is asked for
	lengths => sub { my ($c, $q) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\n" . join('', map { "Content-Length: $_\r\n" } split /,/, $q->{l}) . "\r\nhello world"; },
	length => sub { my ($c, $q) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\nContent-Length: $q->{l}\r\n\r\nhello world"; },
	negative => sub { my ($c) = @_; $c->{then} = 'close'; return "HTTP/1.1 200 X\r\nContent-Length: -1\r\n\r\nx"; },
	endless => sub { my ($c) = @_; $c->{then} = 'again'; $c->{piece} = "10000\r\n" . ('x' x 65536) . "\r\n"; return "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"; },
	headers => sub { my ($c) = @_; $c->{then} = 'again'; $c->{piece} = 'X-' . ('x' x 100) . ": y\r\n"; return "HTTP/1.1 200 X\r\n"; },
	# forever, a byte at a time
	drip => sub { my ($c) = @_; $c->{then} = 'again'; $c->{piece} = 'x'; $c->{every} = 0.05; return "HTTP/1.1 200 X\r\nContent-Length: 50000\r\n\r\n"; },
	dribble => sub { my ($c) = @_; $c->{then} = 'again'; $c->{piece} = 'x'; $c->{every} = 1; return "HTTP/1.1 200 X\r\nContent-Length: 50000\r\n\r\n"; },
	bomb => sub { $bomb //= Compress::Zlib::memGzip("\0" x (64 * 1024 * 1024)); return plain(200, $bomb, 'Content-Encoding: gzip'); },
	gzip => sub { return plain(200, Compress::Zlib::memGzip('{"packed": true}'), 'Content-Encoding: gzip', 'Content-Type: application/json'); },
	hostile => sub {
		my ($c, $q) = @_;
		my ($what) = $c->{path} =~ m{^/hostile/([a-z]*)};
		$c->{then} = 'close';
		return "HTTP/1.1 200 X\r\n" . "a:b\n" x 60000 . "\r\n" if $what eq 'lines';
		return "HTTP/1.1 200 X\r\n" . join('', map { sprintf "%x:\n", $_ } 1 .. 35000) . "\r\n" if $what eq 'names';
		return plain($q->{s}, '[' . join(',', ('1e131000') x 10000) . ']', 'Content-Type: application/json') if $what eq 'numbers';
		return "HTTP/1.1 304 X\r\nContent-Length: 3\r\n\r\nabc" if $what eq 'notmodified';
		return "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Late: y\r\n\r\n" if $what eq 'trailers';
		return plain(200, 'this is not packed', 'Content-Encoding: gzip') if $what eq 'notgzip';
		return 'just a body' if $what eq 'old';
		$c->{then} = 'again';
		return $c->{piece} = "HTTP/1.1 100 Continue\r\nX: " . 'x' x 1000 . "\r\n\r\n";
	},
	garbage => sub { my ($c) = @_; $c->{then} = 'close'; return "this is no HTTP\r\n\r\n"; },
);

sub unescape { my ($s) = @_; $s =~ s/%([0-9a-fA-F]{2})/chr hex $1/ge; return $s; }

sub answer_to
{
	my ($c) = @_;
	my ($name, $query) = $c->{path} =~ m{^/([a-z]*)[^?]*(?:\?(.*))?$};
	my %q = map { /^([^=]*)=(.*)$/ ? ($1 => unescape($2)) : () } split /&/, $query // '';
	my $do = $answer{ $name // '' };
	return $do ? $do->($c, \%q) : plain(404, '{"error": "no such thing"}', 'Content-Type: application/json');
}

# A whole request in the buffer?  Then the answer is made.
sub take_request
{
	my ($c, $log) = @_;
	return unless $c->{in} =~ /^(.*?\r\n\r\n)/s;
	my $head = $1;
	my ($line, @headers) = split /\r\n/, $head;
	my %headers;
	foreach my $header (@headers)
	{
		my ($name, $value) = split /:\s*/, $header, 2;
		$name = lc $name;
		$headers{$name} = exists $headers{$name} ? "$headers{$name}, $value" : $value;
	}
	my $length = $headers{'content-length'} // 0;
	return if length($c->{in}) < length($head) + $length;
	$c->{body} = substr $c->{in}, length $head, $length;
	substr($c->{in}, 0, length($head) + $length) = '';
	($c->{method}, $c->{path}) = split ' ', $line;
	$c->{headers} = \%headers;
	$c->{then} = 'keep';
	delete @$c{qw(at piece every)};
	syswrite $log, "request $c->{method} $c->{path} " . ($headers{'idempotency-key'} // '-') . "\n";
	$c->{busy} = 1;
	$c->{out} = answer_to($c);
	if ($c->{method} eq 'HEAD')
	{
		$c->{out} =~ s/(\r\n\r\n).*/$1/s;
	}
	return;
}

sub serve
{
	my ($listener, $log_name) = @_;
	open my $log, '>>', $log_name or die "$log_name: $!";
	$listener->blocking(0);
	local $SIG{PIPE} = 'IGNORE';
	my %connections;

	my $drop = sub {
		my ($c) = @_;
		syswrite $log, "closed $c->{path}\n" if $c->{busy};
		delete $connections{ fileno $c->{socket} };
		close $c->{socket};
	};
	while (1)
	{
		my $now = time();
		my $wait = 1000;
		my @poll = (fileno($listener), POLLIN);
		foreach my $fd (keys %connections)
		{
			my $c = $connections{$fd};
			my $mask = POLLIN;
			if (defined $c->{at} && $c->{at} > $now)
			{
				my $ms = ($c->{at} - $now) * 1000;
				$wait = $ms if $ms < $wait;
			}
			elsif ($c->{busy} && ($c->{then} ne 'hang' || length $c->{out}))
			{
				$mask |= POLLOUT;
			}
			push @poll, $fd, $mask;
		}
		IO::Poll::_poll($wait + 1, @poll);
		$now = time();
		while (my ($fd, $events) = splice @poll, 0, 2)
		{
			next unless $events;
			if ($fd == fileno $listener)
			{
				while (my $socket = $listener->accept)
				{
					$socket->blocking(0);
					$connections{ fileno $socket } = { socket => $socket, in => '', out => '', path => '-', then => 'keep' };
				}
				next;
			}
			my $c = $connections{$fd} or next;
			if ($events & (POLLIN | POLLHUP | POLLERR))
			{
				my $n = sysread $c->{socket}, $c->{in}, 65536, length $c->{in};
				if (!defined $n ? ($! != EAGAIN && $! != EINTR) : $n == 0)
				{
					$drop->($c);
					next;
				}
				take_request($c, $log) unless $c->{busy};
			}
			next unless $c->{busy} && ($events & POLLOUT);
			next if defined $c->{at} && $c->{at} > $now;
			if (length $c->{out})
			{
				my $n = syswrite $c->{socket}, $c->{out};
				if (!defined $n)
				{
					$drop->($c) if $! != EAGAIN && $! != EINTR;
					next;
				}
				substr($c->{out}, 0, $n) = '';
				next if length $c->{out};
			}
			if ($c->{then} eq 'again')
			{
				$c->{out} = $c->{piece};
				$c->{at} = $now + $c->{every} if $c->{every};
			}
			elsif ($c->{then} eq 'keep')
			{
				$c->{busy} = 0;
				take_request($c, $log);
			}
			elsif ($c->{then} ne 'hang')
			{
				$c->{busy} = 0;
				setsockopt $c->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $c->{then} eq 'reset';
				$drop->($c);
			}
		}
	}
	return;
}

1;
