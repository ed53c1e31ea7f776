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
use POSIX ();
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
	# a psql that cannot connect may be gone before it has been given its input
	my $status = eval {
		local $SIG{PIPE} = 'IGNORE';
		$self->psql(
			$opt{db} // 'postgres', $sql,
			stdout => \$out,
			stderr => \$err,
			on_error_stop => 1);
	};
	if (!defined $status)
	{
		die $@ unless $@ =~ /Broken pipe/;
		($status, $err) = (2, "could not connect: $err$@");
	}
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
	my $message = "waited $timeout s in vain for \"$expected\" from: $sql\nlast answer: $out\n$err";
	foreach my $look (
		q{SELECT pid, backend_type, usename, state, wait_event_type, wait_event, left(query, 80) AS query FROM pg_stat_activity ORDER BY backend_type, pid},
		q{SELECT workflow_id, activity_type, state, attempt, last_started_time, next_attempt_time, last_failure_message FROM temporal.pending_activity LIMIT 20},
		q{SELECT * FROM temporal_internal.worker_slots()},
		q{SELECT pid, mode, granted, locktype, relation::regclass FROM pg_locks WHERE NOT granted})
	{
		my (undef, $shown) = $self->try_query($look, %opt);
		$message .= "\n$look\n" . ($shown // '') . "\n";
	}
	croak $message;
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

# Sessions that run by themselves: begin_session() begins one with a statement,
# and returns its pid; failed_sessions() waits for their ends, and counts the failures.
sub begin_session
{
	my ($self, $sql) = @_;
	my $pid = fork // croak "fork: $!";
	return $pid if $pid;
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', '/dev/null';
	exec('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $self->connstr('postgres'), '-c', $sql) or POSIX::_exit(9);
}
sub failed_sessions
{
	my ($self, @pids) = @_;
	my $failed = 0;
	foreach my $pid (@pids) { waitpid $pid, 0; $failed++ if $? != 0 }
	return $failed;
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
	$self->{epoch_at_arming}{$name} = $self->epoch;
	open my $fh, '>', $file or croak "$file: $!";
	close $fh;
	return;
}

# Something that changes with every crash and every start of the server.
sub epoch
{
	my ($self) = @_;
	return $self->query(
		"SELECT pid || ' since ' || backend_start FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
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
	# the file goes first, then the process, then everything else
	return $self->wait_for(
		"SELECT pid || ' since ' || backend_start <> '$self->{epoch_at_arming}{$name}' "
		  . "FROM pg_stat_activity WHERE backend_type = 'checkpointer'", %opt);
}

# Take back a fault point that has not struck; says whether it was still armed.
sub disarm_fault
{
	my ($self, $name) = @_;
	return unlink($self->data_dir . "/temporal_pg_fault_$name");
}

# What must hold of every run whatever has happened to the server: one line for
# each that is broken, so '' is good. Invariants 1, 4 and 5 of the architecture.
sub broken_runs
{
	my ($self, %opt) = @_;
	my $where = $opt{where} // 'true';    # on temporal.workflow w

	# replay() raises an error where code and history disagree: one at a time
	$self->query(
		q{
		CREATE OR REPLACE FUNCTION pg_temp.replay_error(namespace text, workflow_id text, run_id uuid) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM set_config('temporal_pg.namespace', namespace, true), temporal.replay(workflow_id, run_id);
			RETURN NULL;
		EXCEPTION WHEN OTHERS THEN
			RETURN SQLSTATE || ' ' || SQLERRM;
		END $$;
		} . qq{
		WITH run AS (
			SELECT e.key, w.namespace, w.workflow_id, w.run_id, w.status, w.history_length
			FROM temporal.workflow w JOIN temporal_internal.execution e USING (run_id)
			WHERE $where
		), events AS (
			SELECT execution_key AS key, count(*) AS n, min(event_id) AS first, max(event_id) AS last,
				(array_agg(event_type ORDER BY event_id DESC))[1] AS last_type,
				count(*) FILTER (WHERE event_type = 10) AS scheduled,
				count(*) FILTER (WHERE event_type IN (12, 13, 14, 16)) AS ended,
				count(DISTINCT attributes ->> 'scheduledEventId') FILTER (WHERE event_type IN (12, 13, 14, 16)) AS ended_once
			FROM temporal_internal.history GROUP BY execution_key
		)
		SELECT workflow_id || ' (' || status || '): ' || problem
		FROM run LEFT JOIN events USING (key),
		LATERAL (VALUES
			(first <> 1 OR last <> n OR n <> history_length, format('events %s to %s, %s of them, row says %s', first, last, n, history_length)),
			(n IS NULL, 'no history'),
			(status::text IS DISTINCT FROM coalesce((SELECT replace(t::text, 'WorkflowExecution', '')
				FROM unnest(enum_range(NULL::temporal.event_type)) WITH ORDINALITY AS u(t, i)
				WHERE i = last_type AND i IN (2, 3, 4, 21, 27, 28)), 'Running'), 'last event is of type ' || last_type),
			(ended <> ended_once, 'an activity ended twice'),
			(ended > scheduled, 'more activities ended than were scheduled'),
			(status <> 'Running' AND EXISTS (SELECT FROM temporal_internal.message m WHERE m.execution_key = key), 'closed, with mail'),
			(status <> 'Running' AND EXISTS (SELECT FROM temporal_internal.activity_task a WHERE a.execution_key = key), 'closed, with pending activities'),
			(status = 'Completed' AND pg_temp.replay_error(namespace, workflow_id, run_id) IS NOT NULL, 'replay: ' || pg_temp.replay_error(namespace, workflow_id, run_id))
		) AS v(broken, problem)
		WHERE broken
		UNION ALL
		SELECT 'rows of a run that does not exist: ' || key FROM (
			SELECT execution_key AS key FROM temporal_internal.history
			UNION SELECT execution_key FROM temporal_internal.message
			UNION SELECT execution_key FROM temporal_internal.activity_task) AS all_rows
		WHERE NOT EXISTS (SELECT FROM temporal_internal.execution e WHERE e.key = all_rows.key)
		ORDER BY 1
		}, %opt);
}

1;
