package TemporalNode;

# A throw-away server with temporal_pg preloaded: PostgreSQL::Test::Cluster and
# what the tests of temporal_pg need on top.
#
#   my $node = TemporalNode->new_preloaded('main');       # started, extension created
#   $node->query(q{SELECT ...});                          # rows as text; dies on an error
#   $node->wait_for(q{SELECT status = 'Completed' ...});  # until it says t; dies when it never does
#   $node->kill_executor;                                 # kill -9; the server goes through crash recovery
#   $node->restart_immediate;
#
# new_preloaded(name, option => value ...):
#   conf       more lines for postgresql.conf
#   fsync      1 (default): as a real server; 0: when the test is not about durability
#   extension  1 (default): CREATE EXTENSION temporal_pg in database postgres
#   start      1 (default)
#   init       a hash for PostgreSQL::Test::Cluster->init ({ allows_streaming => 1 } ...)

use strict;
use warnings;
use parent 'PostgreSQL::Test::Cluster';

use Carp;
use File::Basename qw(dirname);
use File::Spec;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

# the same superuser whoever runs the tests
$ENV{PGUSER} = 'postgres';

my $conf_dir = File::Spec->rel2abs(dirname(__FILE__) . '/../conf');

sub new_preloaded
{
	my ($class, $name, %opt) = @_;
	my $node = $class->new($name // 'main');

	my %init = %{ $opt{init} // {} };
	$init{extra} = [ '-U', 'postgres', @{ $init{extra} // [] } ];
	$node->init(%init);
	$node->append_conf('postgresql.conf', slurp_file("$conf_dir/tap.conf"));
	$node->append_conf('postgresql.conf',
		'fsync = ' . (($opt{fsync} // 1) ? 'on' : 'off'));
	$node->append_conf('postgresql.conf', $opt{conf}) if defined $opt{conf};
	if ($opt{start} // 1)
	{
		$node->start;
		$node->create_extension if $opt{extension} // 1;
	}
	return $node;
}

sub create_extension
{
	my ($self, $db) = @_;
	$self->safe_psql($db // 'postgres', 'CREATE EXTENSION temporal_pg');
	return;
}

# Run SQL (several statements are fine) and return what psql prints; any error
# ends the test.
sub query
{
	my ($self, $sql, %opt) = @_;
	return $self->safe_psql($opt{db} // 'postgres', $sql, %{ $opt{psql} // {} });
}

# Run SQL that may fail; returns (exit status, stdout, stderr).
sub try_query
{
	my ($self, $sql, %opt) = @_;
	my ($out, $err) = ('', '');
	my $status = $self->psql(
		$opt{db} // 'postgres', $sql,
		stdout => \$out,
		stderr => \$err,
		on_error_stop => 1);
	return ($status, $out, $err);
}

# Wait until the query returns the expected text ('t'). A server that is just
# recovering is waited for as well. Dies with the last answer when it takes too
# long, so that a test stops there and not in what follows from it.
sub wait_for
{
	my ($self, $sql, %opt) = @_;
	my $expected = $opt{expected} // 't';
	my $timeout = $opt{timeout} // 60;
	my $until = time() + $timeout;
	my ($status, $out, $err);

	while (1)
	{
		($status, $out, $err) = $self->try_query($sql, %opt);
		return 1 if $status == 0 && $out eq $expected;
		last if time() > $until;
		sleep($opt{interval} // 0.05);
	}
	croak "waited $timeout s in vain for \"$expected\" from: $sql\n"
	  . "last answer: $out\n$err";
}

# Wait until the server takes connections (after a crash it goes through recovery).
sub wait_ready
{
	my ($self, %opt) = @_;
	return $self->wait_for('SELECT true', %opt);
}

# pids of the processes of a kind, as pg_stat_activity calls it
sub pids
{
	my ($self, $backend_type, %opt) = @_;
	my $out = $self->query(
		"SELECT pid FROM pg_stat_activity WHERE backend_type = '$backend_type' ORDER BY pid",
		%opt);
	return split /\n/, $out;
}

sub executor_pids { my ($self, %opt) = @_; return $self->pids('temporal_pg executor', %opt); }
sub dispatcher_pids { my ($self, %opt) = @_; return $self->pids('temporal_pg dispatcher', %opt); }

# Send a signal (KILL) to a server process, and wait until it has gone. After
# KILL the postmaster resets the whole server: wait_ready() is called here.
sub kill_backend
{
	my ($self, $pid, $signal) = @_;
	$signal //= 'KILL';
	return 0 unless kill $signal, $pid;
	my $until = time() + 30;
	while (kill 0, $pid)
	{
		croak "process $pid survives $signal" if time() > $until;
		sleep 0.01;
	}
	$self->wait_ready if $signal eq 'KILL';
	return 1;
}

# Kill an executor with SIGKILL. With wait => seconds one is waited for; returns
# its pid, or undef where there is none.
sub kill_executor
{
	my ($self, %opt) = @_;
	my $until = time() + ($opt{wait} // 10);
	my @pids;
	while (!(@pids = $self->executor_pids))
	{
		return undef if time() > $until;
		sleep 0.02;
	}
	my $pid = $pids[ int(rand(@pids)) ];
	return $self->kill_backend($pid, 'KILL') ? $pid : undef;
}

# Stop as a power failure would, and start again.
sub restart_immediate
{
	my ($self) = @_;
	$self->stop('immediate');
	$self->start;
	$self->wait_ready;
	return;
}

# Arm a fault point (base/fault.h): the next process that passes it is gone.
# Needs temporal_pg.fault_injection = on in the configuration.
sub arm_fault
{
	my ($self, $name) = @_;
	my $file = $self->data_dir . "/temporal_pg_fault_$name";
	open my $fh, '>', $file or croak "$file: $!";
	close $fh;
	return;
}

# Wait until an armed fault point has struck, and the server is back.
sub wait_fault
{
	my ($self, $name, %opt) = @_;
	my $file = $self->data_dir . "/temporal_pg_fault_$name";
	my $until = time() + ($opt{timeout} // 30);
	while (-e $file)
	{
		croak "fault point $name was never reached" if time() > $until;
		sleep 0.02;
	}
	return $self->wait_ready(%opt);
}

# Take back a fault point that has not struck; says whether it was still armed.
sub disarm_fault
{
	my ($self, $name) = @_;
	return unlink($self->data_dir . "/temporal_pg_fault_$name");
}

1;
