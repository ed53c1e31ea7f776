# A run that somebody holds: by an update in a transaction that does nothing more,
# or by a prepared one. Its mail waits, nobody spins, other runs go on; when it
# ends, by COMMIT or ROLLBACK, what has waited is handled at once. And many who
# signal and update one run at a time get through, without a deadlock.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# A sweep as slow as an hour: what runs has been announced, or was parked.
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 1h
temporal_pg.max_executors = 4
max_prepared_transactions = 5
});
my $WINDOW = 2.5;    # seconds
my $AT_ONCE = 250;    # ms longer than where nothing is held; what is only looked at again takes half a second

$node->query(q{
	CREATE TABLE pace AS SELECT 8.0::float8 AS seconds;
	CREATE FUNCTION adder() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('state ? ''stop''');
		RETURN temporal.state('sum', 0);
	END $$;
	CREATE FUNCTION add(i int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF i < 0 THEN
			PERFORM temporal.raise_application_error('not negative');
		END IF;
		PERFORM temporal.set_state('sum', temporal.state('sum', 0) + i);
		RETURN temporal.state('sum', 0);
	END $$;
	CREATE FUNCTION slow(i int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep((SELECT seconds FROM pace));
		PERFORM add(i);
	END $$;
	-- takes no notice of being told to make way
	CREATE FUNCTION stubborn(i int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM pg_sleep((SELECT seconds FROM pace));
		EXCEPTION WHEN query_canceled THEN
			PERFORM pg_sleep(3);
		END;
		PERFORM add(i);
	END $$;
	-- adds 1 when the time has come
	CREATE FUNCTION late(wait interval) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep(wait);
		PERFORM add(1);
	END $$;
	CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('stop', true) $$;
	CREATE FUNCTION total() RETURNS int LANGUAGE sql AS $$ SELECT temporal.state('sum', 0) $$;
	SET temporal_pg.determinism = off;    -- pg_sleep() stands for computing
	SELECT temporal.register_workflow('adder', signals => '{"add": "add", "slow": "slow", "stubborn": "stubborn", "late": "late", "stop": "stop"}',
		updates => '{"add": "add"}', queries => '{"total": "total"}');

	-- ms until the run has taken n signals and no mail but timers waits for it, at most 10 s
	CREATE PROCEDURE handled(id text, n int, INOUT ms float8 DEFAULT NULL) LANGUAGE plpgsql AS $$
	DECLARE
		began timestamptz := clock_timestamp();
	BEGIN
		LOOP
			ms := extract(epoch FROM clock_timestamp() - began) * 1000;
			EXIT WHEN ms > 10000 OR (SELECT count(*) FROM temporal.history WHERE workflow_id = id AND event_type = 'WorkflowExecutionSignaled') >= n
				AND NOT EXISTS (SELECT FROM temporal.pending_message WHERE workflow_id = id AND kind <> 'Timer');
			COMMIT;
			PERFORM pg_sleep(0.002);
		END LOOP;
	END $$;
	SELECT temporal.start_workflow('adder', id => id) FROM unnest('{held,other,busy,stubborn,many,prepared}'::text[]) id;
});
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.pending_message});
my $one = $node->background_psql('postgres', on_error_stop => 0);

sub handled { my ($id, $n) = @_; return $node->query("CALL handled('$id', $n)") }
sub total { my ($id) = @_; return $node->query("SELECT temporal.query('$id', 'total')") }

# Nanoseconds of CPU that the processes have used; in ticks of the clock where the kernel does not tell more.
sub cpu
{
	my $ns = 0;
	foreach my $pid (@_)
	{
		if (open my $fh, '<', "/proc/$pid/schedstat")
		{
			$ns += (split ' ', <$fh>)[0];
		}
		elsif (open $fh, '<', "/proc/$pid/stat")
		{
			my @fields = split ' ', (split /\) /, <$fh>)[1];
			$ns += ($fields[11] + $fields[12]) * 10_000_000;
		}
	}
	return $ns;
}

# How often they have slept. (pg_stat_database would not tell: a transaction that finds a
# run locked touches no table, and the server does not report transactions alone.)
sub wakeups
{
	my $n = 0;
	foreach my $pid (@_)
	{
		open my $fh, '<', "/proc/$pid/status" or next;
		$n += /^(?:non)?voluntary_ctxt_switches:\s+(\d+)/ ? $1 : 0 while <$fh>;
	}
	return $n;
}

sub mean { my $sum = 0; $sum += $_ foreach @_; return $sum / @_ }

# --- held by an update that is not committed

my $sum = 0;
my $signals = 0;
my $others = 0;
my (@held, @free);    # ms until a signal is handled: one that has waited, one that need not

# another run goes on while one is held; what has waited for that is handled when the session ends its transaction
sub other_then_held
{
	my ($end) = @_;
	$node->query(q{SELECT temporal.signal('other', 'add', '1')});
	push @free, handled('other', ++$others);
	$one->query_safe($end);
	push @held, handled('held', $signals);
	return;
}
foreach my $end ('COMMIT', 'ROLLBACK')
{
	$node->query(q{SELECT temporal.signal('held', 'late', '"3 s"')});
	handled('held', ++$signals);
	$one->query_safe(q{BEGIN; SELECT temporal.update('held', 'add', '1000')});
	$node->query(q{SELECT temporal.signal('held', 'add', '10') FROM generate_series(1, 3)});
	# by then the delay of what is parked has grown
	$node->wait_for(q{SELECT string_agg(kind::text, ' ' ORDER BY kind::text) FROM temporal.pending_message WHERE workflow_id = 'held' AND deliver_at <= now()},
		expected => 'Signal Signal Signal Timer');
	pass("mail behind an update waits ($end)");
	like($node->query(q{SELECT detail FROM temporal.explain('held') WHERE what = 'a workflow task that is due'}),
		qr/^Waits for session \d+, which holds the run/, '... and explain() names the session');

	if ($end eq 'COMMIT')
	{
		my @pids = map { $node->pids("temporal_pg $_") } qw(dispatcher executor);
		cmp_ok(scalar @pids, '>=', 2, '... there are a dispatcher and executors');
		my ($cpu, $wakeups, $from) = (cpu(@pids), wakeups(@pids), time());
		sleep $WINDOW;
		my ($ms, $elapsed) = ((cpu(@pids) - $cpu) / 1e6, time() - $from);
		$wakeups = wakeups(@pids) - $wakeups;
		note(sprintf('%.1f ms of CPU in %.1f s, woken %d times', $ms, $elapsed, $wakeups));
		cmp_ok($ms, '<', $elapsed * 10, '... their processes take less than 1 % of a core');
		# the look each second: the dispatcher gives it to an executor, who gives it back; a spin of 10 ms would be 500
		cmp_ok($wakeups, '<=', 20 * $elapsed, '... and sleep, but for a look each second');
	}

	$signals += 3;
	other_then_held($end);
	$node->wait_for(q{SELECT count(*) = 0 FROM temporal.timer WHERE workflow_id = 'held'});
	$sum += 31 + ($end eq 'COMMIT' ? 1000 : 0);
	is(total('held'), $sum, '... all of it');
	foreach (1 .. 2)
	{
		$one->query_safe(q{BEGIN; SELECT temporal.update('held', 'add', '0')});
		$node->query(q{SELECT temporal.signal('held', 'add', '0')});
		$signals++;
		# parked again and again, each time for longer
		sleep 1.3;
		other_then_held($end);
	}
}
note('handled after ms: ' . join(', ', map { int } @held) . '; beside that: ' . join(', ', map { int } @free));
cmp_ok($_, '<', 5000, 'another run goes on meanwhile') foreach @free;
cmp_ok(mean(@held) - mean(@free), '<', $AT_ONCE, 'what has waited is handled at once after COMMIT and ROLLBACK');

# --- an executor that works on the run makes way for an update, which comes to nothing

$node->query(q{SELECT temporal.signal('busy', 'slow', '5')});
$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'}, interval => 0.01);
$node->query('UPDATE pace SET seconds = 0');
my (undef, undef, $err) = $node->try_query(q{SET lock_timeout = '30s'; SELECT temporal.update('busy', 'add', '-1')});
like($err, qr/not negative/, 'an update that fails takes the run from an executor');
cmp_ok(handled('busy', 1), '<', 5000, '... which takes up its work again');
is(total('busy'), 5, '... and does it once');

# --- one that does not make way: the update waits its turn, as long as it may

$node->query(q{UPDATE pace SET seconds = 8; SELECT temporal.signal('stubborn', 'stubborn', '1')});
$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'}, interval => 0.01);
(undef, undef, $err) = $node->try_query(qq{\\set VERBOSITY verbose\nSET lock_timeout = '100ms';\nSELECT temporal.update('stubborn', 'add', '-1')});
like($err, qr/ERROR:  55P03/, 'an update that may not wait so long: lock_timeout');
# when it has been told so once, it needs three seconds
$node->query('UPDATE pace SET seconds = 0');
is($node->query(q{SET lock_timeout = '20s'; SELECT temporal.update('stubborn', 'add', '100')}), 101, '... one that may has its turn behind the executor');
handled('stubborn', 1);
is(total('stubborn'), 101, '... and nothing is lost');

# --- many who signal and update one run, in one transaction each

my $script = PostgreSQL::Test::Utils::tempdir() . '/both.sql';
open my $fh, '>', $script or die $!;
print $fh <<'SQL';
BEGIN;
SELECT temporal.signal('many', 'add', '1');
SELECT temporal.update('many', 'add', '100');
SELECT temporal.signal('many', 'add', '1');
COMMIT;
SQL
close $fh;
$node->PostgreSQL::Test::Cluster::command_ok([ 'pgbench', '-n', '-c', 6, '-j', 2, '-t', 20, '-f', $script, 'postgres' ], 'six sessions signal and update one run at once');
handled('many', 240);
is(total('many'), 120 * 102, '... each signal and each update counts once');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/deadlock detected/, '... nobody has waited in a circle');

# --- a prepared transaction that holds a run, over a crash of the server

$node->query(q{ALTER SYSTEM SET temporal_pg.sweep_interval = '300ms'});
$node->query(q{BEGIN; SELECT temporal.update('prepared', 'add', '7'); PREPARE TRANSACTION 'update'});
eval { $one->quit };
$node->restart_immediate;
$node->query(q{SELECT temporal.signal('prepared', 'add', '1')});
(undef, undef, $err) = $node->try_query(qq{\\set VERBOSITY verbose\nSET lock_timeout = '100ms';\nSELECT temporal.update('prepared', 'add', '100')});
like($err, qr/ERROR:  55P03/, 'an update of a run that a prepared transaction holds: lock_timeout');
is(total('prepared'), 1, '... it is not committed');
like($node->query(q{SELECT detail FROM temporal.explain('prepared') WHERE what = 'a workflow task that is due'}),
	qr/^Waits for a prepared transaction, which holds the run/, '... explain() tells what holds it');
$node->query(q{COMMIT PREPARED 'update'});
cmp_ok(handled('prepared', 1), '<', 2000, 'after COMMIT PREPARED its mail is handled');
is(total('prepared'), 8, '... beside the update');
foreach my $end ('COMMIT', 'ROLLBACK')
{
	$node->query(q{BEGIN; SELECT temporal.signal('prepared', 'add', '10'); SELECT temporal.signal_with_start('adder', 'add', '20', id => 'new'); PREPARE TRANSACTION 'signal'});
	is($node->query(q{SELECT count(*) FROM temporal.pending_message WHERE workflow_id IN ('prepared', 'new') AND kind = 'Signal'}), 0, "signals that are prepared ($end)");
	$node->query("$end PREPARED 'signal'");
	handled('prepared', 2);
	is(total('prepared'), 18, '... are sent with COMMIT PREPARED, and only then');
	is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'new'}), 1, '... as are starts');
}
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.pending_message});
is(total('new'), 20, 'the started one has its signal');

is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();
