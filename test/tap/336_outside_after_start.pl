# What a task queue allows holds for workers outside from the first poll after a start of the server or a crash on: none
# is given out before its limits, its pause and the attempts that are open have been read; and a poll that does not wait
# gets what there is all the same.

use strict;
use warnings;
use POSIX ();
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = TemporalNode->new_preloaded('main', fsync => 0, extension => 0, conf => q{
temporal_pg.sweep_interval = 60s
temporal_pg.max_executors = 4
max_connections = 60
});
# the dispatcher of the last comes late: not more than two at a time look for the extension
$node->query("CREATE DATABASE other$_") foreach 1 .. 6;
$node->query('CREATE DATABASE shop');
$node->create_extension('shop');
sub query { my ($sql) = @_; return $node->query($sql, db => 'shop') }

query(q{
	SELECT temporal.register_activity('ext', mode => 'external', start_to_close_timeout => '1 h');
	CREATE FUNCTION fan(n int, queue text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity('ext', to_jsonb(i), task_queue => queue))) FROM generate_series(1, n) i;
		RETURN '"all"';
	END $$;
	SELECT temporal.register_workflow('fan');
	-- many settings, which take their time to be read, and attempts to be counted
	SELECT temporal.configure_task_queue('a' || i, max_concurrent_activities => 1) FROM generate_series(1, 300) i;
	SELECT temporal.configure_task_queue('few', max_concurrent_activities => 3);
	SELECT temporal.configure_task_queue('paused', activities_per_second => 1000);
	SELECT temporal.configure_task_queue('slow', activities_per_second => 5);
	-- polls again and again, without waiting, each in a transaction of its own
	CREATE PROCEDURE hammer(queue text, seconds float8) LANGUAGE plpgsql AS $$
	DECLARE
		until timestamptz := clock_timestamp() + make_interval(secs => seconds);
	BEGIN
		WHILE clock_timestamp() < until LOOP
			PERFORM FROM temporal.poll_activity_task(queue, 'me', '0 s', 2);
			COMMIT;
		END LOOP;
	END $$;
});
query("SELECT temporal.start_workflow('fan', ('[1000, \"' || q || '\"]')::jsonb, id => q || i) FROM unnest('{few,paused,slow}'::text[]) q, generate_series(1, 5) i");
$node->wait_for("SELECT count(*) = 15000 FROM temporal_internal.activity_task WHERE pass IS NOT NULL", db => 'shop');
query("SELECT temporal.pause_task_queue('paused')");
# in a session that has not been told of the settings by waiting
$node->wait_for("SELECT waits_for = 'unpause_task_queue' FROM temporal.task_queue WHERE task_queue = 'paused' AND kind = 'activity'", db => 'shop');
is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 2)"), '2', 'two of three places are taken');

sub started { my ($queue) = @_; return query("SELECT count(*) FROM temporal_internal.activity_task WHERE task_queue = '$queue' AND started_at IS NOT NULL") }

# sessions that connect as soon as they can
sub hammers
{
	my ($n, $queue, $seconds) = @_;
	return map { my $pid = fork // die; if ($pid == 0)
		{
			open STDIN, '<', '/dev/null';
			open STDERR, '>', '/dev/null';
			my $until = time() + 60;
			while (time() < $until) { POSIX::_exit(0) if system('psql', '-XqAt', '-d', $node->connstr('shop'), '-c', "CALL hammer('$queue', $seconds)") == 0 }
			POSIX::_exit(9);
		}
		$pid } 1 .. $n;
}

foreach my $how ('a crash', 'a restart', 'another crash')
{
	my $slow = started('slow');
	$node->stop($how =~ /crash/ ? 'immediate' : 'fast');
	my @pids = (hammers(3, 'few', 4), hammers(2, 'paused', 4), hammers(2, 'slow', 4));
	my $t = time();
	$node->start;
	foreach my $pid (@pids) { waitpid $pid, 0; die 'a session has failed' if $? != 0 }
	$t = time() - $t;
	is(started('few'), '3', "$how: of a queue with three places three are taken");
	is(started('paused'), '0', "$how: a paused queue gives nothing");
	cmp_ok(started('slow') - $slow, '<=', 5 * $t + 2, "$how: five a second");
}
query(q{
	SELECT temporal.complete_activity(workflow_id, run_id, activity_id, '1') FROM temporal.pending_activity WHERE task_queue = 'few' AND state = 'Started' LIMIT 1;
});

# the first poll that gets through, and does not wait
foreach my $how ('a crash', 'a restart')
{
	$node->stop($how =~ /crash/ ? 'immediate' : 'fast');
	$node->start;
	is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 1)"), $how eq 'a crash' ? '1' : '0', "$how: a poll that does not wait gets the place that is free, and no more");
	is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 1)"), '0', '... and the next one nothing');
}
query("SELECT temporal.configure_task_queue('few', max_concurrent_activities => 4)");
is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 5)"), '1', 'the same right after a change of settings');
query("SELECT temporal.unpause_task_queue('paused')");
is(query("SELECT count(*) FROM temporal.poll_activity_task('paused', 'me', '0 s', 5)"), '5', '... and after the end of a pause');

# what was given out while there was no limit counts when there is one
query("SELECT temporal.configure_task_queue('few', max_concurrent_activities => -1)");
is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 3)"), '3', 'without a limit three more are given out');
query("SELECT temporal.configure_task_queue('few', max_concurrent_activities => 5)");
sub complete { my ($n) = @_; return query("SELECT count(temporal.complete_activity(workflow_id, run_id, activity_id, '1')) FROM (SELECT * FROM temporal.pending_activity WHERE task_queue = 'few' AND state = 'Started' LIMIT $n) a") }
complete(2);
is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 3)"), '0', 'of seven two have ended: five are still in hand');
complete(2);
is(query("SELECT count(*) FROM temporal.poll_activity_task('few', 'me', '0 s', 3)"), '2', '... and after two more two may start');

is($node->broken_runs(db => 'shop'), '', 'every history is whole');
done_testing();
