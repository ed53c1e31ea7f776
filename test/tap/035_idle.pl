# Idle means idle: while 10,000 workflows sleep, executors are gone, the
# dispatcher executes nothing but its slow sweep, writes nothing, and takes less
# than 0.1 % of a core, the launcher included.
#
# TEMPORAL_PG_LONG=1 looks for a minute instead of 15 seconds.

use strict;
use warnings;
use List::Util qw(sum0);
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $WORKFLOWS = 10000;
my $window = $ENV{TEMPORAL_PG_LONG} ? 60 : 15;
my $sweep_s = 5;    # the default of temporal_pg.sweep_interval

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
shared_preload_libraries = 'temporal_pg, pg_stat_statements'
pg_stat_statements.track = all
temporal_pg.idle_timeout = 1s
autovacuum = off
});
is($node->query('SHOW temporal_pg.sweep_interval'), "${sweep_s}s", 'the sweep is as slow as it is by default');

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

$node->query(q{
	CREATE EXTENSION pg_stat_statements;
	CREATE FUNCTION sleeper(n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('1 day');
		RETURN 'slept';
	END $$;
	-- one that waits for its next attempt, and one that has failed in its code
	CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
	CREATE FUNCTION retrying() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('fail', retry_policy => temporal.retry_policy('1 day'), start_to_close_timeout => '1 hour');
	END $$;
	SELECT temporal.register_activity('fail'), temporal.register_workflow('sleeper'), temporal.register_workflow('retrying');
	SELECT temporal.start_workflow('retrying', id => 'retrying ' || i) FROM generate_series(1, 10) i;
});
my $began = time();
$node->query("SELECT count(temporal.start_workflow('sleeper', to_jsonb(i), id => 'sleeper ' || i)) FROM generate_series(1, $WORKFLOWS) i");
$node->wait_for("SELECT count(*) = $WORKFLOWS FROM temporal.timer", timeout => 120);
note(sprintf('%d workflows went to sleep in %.1f s', $WORKFLOWS, time() - $began));
$node->wait_for(q{SELECT count(*) = 10 FROM temporal.pending_activity WHERE attempt = 2});
is($node->query("SELECT status, count(*) FROM temporal.workflow GROUP BY 1"), 'Running|' . ($WORKFLOWS + 10), 'all of them sleep');
$node->wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'});
pass('the executors are gone');
$node->query('VACUUM ANALYZE; CHECKPOINT');

# two sweeps later everything has settled
my $dispatcher = $node->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'});
sub swept { return $node->query(q{SELECT query_start FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'}) }
foreach (1 .. 2)
{
	my $last = swept();
	$node->wait_for("SELECT query_start <> '$last' AND state = 'idle' FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'", interval => 0.3);
}

# --- the window, in which nobody asks anything

my $writes = q{SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), sum(n_dead_tup) FROM pg_stat_user_tables WHERE schemaname = 'temporal_internal'};
my @pids = map { $node->pids("temporal_pg $_") } qw(dispatcher launcher);
is(scalar @pids, 2, 'there are a dispatcher and a launcher');
my $writes_before = $node->query($writes);
my $wal_before = $node->query(q{SELECT pg_stat_statements_reset(); SELECT pg_current_wal_insert_lsn()});
$wal_before =~ s/.*\n//;
my ($cpu_before, $from) = (cpu(@pids), time());
sleep($window);
my ($cpu, $elapsed) = (cpu(@pids) - $cpu_before, time() - $from);

my $percent = $cpu / ($elapsed * 1e9) * 100;
note(sprintf('dispatcher and launcher: %.2f ms in %.1f s, %.4f %% of a core', $cpu / 1e6, $elapsed, $percent));
cmp_ok($percent, '<', 0.1, 'less than 0.1 % of a core');

my @statements = split /\n/, $node->query(q{SELECT calls || ' x ' || regexp_replace(query, '\s+', ' ', 'g') FROM pg_stat_statements
	WHERE query !~ 'pg_stat_|pg_current_wal' ORDER BY calls DESC});
note($_) foreach @statements;
my $sweeps = int($elapsed / $sweep_s) + 1;
my @too_many = grep { /^(\d+)/ && $1 > $sweeps } @statements;
is("@too_many", '', "only the sweep: no statement more than $sweeps times in the window");
cmp_ok(scalar @statements, '<=', 12, 'and a sweep is a dozen statements at most');
is($node->query($writes), $writes_before, 'nothing was written, no dead rows grew');
is($node->query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$wal_before') < 2000"), 't', '... no WAL either');
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'}), 0, 'no executor has come');
is(join(',', map { $node->pids("temporal_pg $_") } qw(dispatcher launcher)), join(',', @pids), 'the processes are the same as before');

# --- and they do wake up

$node->query(q{
	UPDATE temporal_internal.message m SET deliver_at = now() + interval '1 second' FROM temporal_internal.execution e
	WHERE e.key = m.execution_key AND e.workflow_id ~ '^sleeper [0-9]{1,2}$'});
is($node->query(q{SELECT DISTINCT temporal.result('sleeper ' || i, timeout => '30 s') FROM generate_series(1, 99) i}), '"slept"', 'those whose time has come wake up');
$node->stop;
done_testing();
