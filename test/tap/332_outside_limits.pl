# Limits of a task queue hold for workers outside of the database, however many poll: how many have one in hand, how
# many start in a second, pauses; places come back from attempts that end, time out, or whose run has closed.

use strict;
use warnings;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# a sweep would hide a wake that was lost
my $node = TemporalNode->new_preloaded('main', conf => q{
temporal_pg.sweep_interval = 60s
temporal_pg.max_executors = 8
});
$node->query(q{
	SELECT temporal.register_activity('ext', mode => 'external');
	CREATE FUNCTION fan(n int, queue text, seconds float8 DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity('ext', to_jsonb(i), task_queue => queue,
			start_to_close_timeout => make_interval(secs => coalesce(seconds, 600)), retry_policy => temporal.retry_policy('10 ms')))) FROM generate_series(1, n) i;
		RETURN '"all"';
	END $$;
	SELECT temporal.register_workflow('fan');
	CREATE TABLE works (on_it boolean DEFAULT true);
	INSERT INTO works DEFAULT VALUES;
	CREATE TABLE handed (token text, queue text, at timestamptz DEFAULT clock_timestamp(), done timestamptz);
	-- a worker outside, as one session: polls, works, reports
	CREATE PROCEDURE worker(queue text, max_tasks int, seconds float8) LANGUAGE plpgsql AS $$
	DECLARE
		tasks jsonb;
		tokens text[];
	BEGIN
		WHILE (SELECT on_it FROM works) LOOP
			COMMIT;
			tasks := NULL;
			CALL temporal.poll_activity_tasks(queue, 'worker', '1 s', max_tasks, tasks);
			tokens := ARRAY(SELECT t ->> 'task_token' FROM jsonb_array_elements(tasks) t);
			INSERT INTO handed SELECT t, queue, clock_timestamp() FROM unnest(tokens) t;
			COMMIT;
			PERFORM pg_sleep(seconds * random() * 2) FROM unnest(tokens) LIMIT 1;
			-- the place is free after the commit
			UPDATE handed SET done = clock_timestamp() WHERE token = ANY (tokens);
			COMMIT;
			PERFORM temporal.complete_activity(t) FROM unnest(tokens) t;
			COMMIT;
		END LOOP;
	END $$;
});

my @workers;
sub workers
{
	my ($n, $queue, $max_tasks, $seconds) = @_;
	$node->query('UPDATE works SET on_it = true');
	push @workers, map { $node->begin_session("CALL worker('$queue', $max_tasks, $seconds)") } 1 .. $n;
	return;
}
sub workers_end
{
	$node->query('UPDATE works SET on_it = false');
	is($node->failed_sessions(splice @workers), 0, 'no worker has failed');
	return;
}
# most that workers had in hand at one time
sub most
{
	my ($queue) = @_;
	return $node->query("SELECT max(n) FROM (SELECT sum(d) OVER (ORDER BY t, d) n FROM
		(SELECT at t, 1 d FROM handed WHERE queue = '$queue' UNION ALL SELECT done, -1 FROM handed WHERE queue = '$queue' AND done IS NOT NULL) x) y");
}
sub in_line
{
	my ($queue, $n) = @_;
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE task_queue = '$queue' AND state = 'Scheduled'");
	return;
}
sub poll { my ($queue, $max, $wait) = @_; return $node->query("SELECT count(*) FROM temporal.poll_activity_task('$queue', 'me', '" . ($wait // '0 s') . "', $max)") }

# ---------- how many at once ----------

{
	$node->query("SELECT temporal.configure_task_queue('few', max_concurrent_activities => 5)");
	$node->query("SELECT temporal.start_workflow('fan', '[150, \"few\"]', id => 'few' || i) FROM generate_series(1, 2) i");
	in_line('few', 300);
	workers(8, 'few', 3, 0.02);
	my $t = time();
	is($node->query("CALL temporal.await_result('few$_', NULL, '60 s')"), '"all"', "all of workflow $_ is done") foreach 1 .. 2;
	note(sprintf('300 activities, 5 at once: %.1f s', time() - $t));
	is(most('few'), '5', 'eight workers that ask for three each have five in hand, and no more');
	workers_end();
	is($node->query("SELECT running FROM temporal.task_queue WHERE task_queue = 'few' AND kind = 'activity'"), '0', 'no place is lost');
}

# ---------- how many a second ----------

{
	$node->query("SELECT temporal.configure_task_queue('slow', activities_per_second => 40)");
	$node->query("SELECT temporal.start_workflow('fan', '[600, \"slow\"]', id => 'slow')");
	in_line('slow', 600);
	workers(6, 'slow', 10, 0);
	$node->wait_for("SELECT max(at) - min(at) > '10.5 s' FROM handed WHERE queue = 'slow'", timeout => 60);
	my $n = $node->query("SELECT count(*) FROM handed, (SELECT min(at) AS first FROM handed WHERE queue = 'slow') f WHERE queue = 'slow' AND at < first + interval '10 s'");
	note("$n starts in 10 s, 400 are allowed");
	cmp_ok(abs($n - 400), '<=', 20, 'forty a second, within 5 %');

	# ---------- paused ----------

	$node->query("SELECT temporal.pause_task_queue('slow')");
	$node->wait_for("SELECT count(*) = 0 FROM handed WHERE queue = 'slow' AND done IS NULL");
	my $paused = $node->query("SELECT count(*) FROM handed WHERE queue = 'slow'");
	my $since = time();
	sleep 0.1 while time() - $since < 1;
	is($node->query("SELECT count(*) FROM handed WHERE queue = 'slow'"), $paused, 'nothing starts in a paused queue');
	my ($unpaused) = $node->query("SELECT temporal.unpause_task_queue('slow'); SELECT clock_timestamp()") =~ /(\d+-.*)/;
	$node->wait_for("SELECT count(*) > $paused FROM handed WHERE queue = 'slow'");
	cmp_ok($node->query("SELECT extract(epoch FROM min(at) - '$unpaused') FROM handed WHERE queue = 'slow' AND at > '$unpaused'"), '<', 0.8, 'and it goes on at once');
	$node->query("SELECT temporal.configure_task_queue('slow', activities_per_second => -1)");
	is($node->query("CALL temporal.await_result('slow', NULL, '60 s')"), '"all"', 'all is done');
	workers_end();
}
{
	# all that poll are in the pause, not only the one that is woken first
	$node->query("SELECT temporal.start_workflow('fan', '[50, \"idle\"]', id => 'idle')");
	in_line('idle', 50);
	$node->query("SELECT temporal.pause_task_queue('idle')");
	is(poll('idle', 10), '0', 'a pause holds from its commit on');
	workers(5, 'idle', 1, 0);
	$node->wait_for("SELECT temporal_internal.pollers(1, 'idle') = 5");
	$node->query("SELECT temporal.unpause_task_queue('idle')");
	is($node->query("CALL temporal.await_result('idle', NULL, '20 s')"), '"all"', 'those that wait are woken');
	workers_end();
	$node->query("SELECT temporal.configure_task_queue('idle', -1)");
}

# ---------- an end that meets the end of its run ----------

{
	# the first walk of the dispatcher's sweep is over, the next one comes a minute later
	$node->query("SELECT temporal.configure_task_queue('meets', max_concurrent_activities => 1)");
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"meets\"]', id => 'meets')");
	in_line('meets', 1);
	is(poll('meets', 1), '1', 'one is given out');
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"meets\"]', id => 'behind it')");
	in_line('meets', 1);
	my $s = $node->background_psql('postgres', on_error_stop => 0);
	$s->query(q{BEGIN; SELECT count(*) FROM (SELECT FROM temporal_internal.activity_task WHERE task_queue = 'meets' AND started_at IS NOT NULL FOR UPDATE) l});
	$node->query("SELECT temporal.terminate('meets')");
	my (undef, $failed) = $s->query(q{SELECT temporal.complete_activity('meets', NULL, '1')});
	$s->query('ROLLBACK');
	$s->quit;
	is(poll('meets', 1, '10 s'), '1', 'a completion that comes too late gives back the place at once');
	is($node->query("SELECT count(*) FROM temporal_internal.activity_task WHERE task_queue = 'meets'"), '1', 'and what was left over is gone');
	$node->query("SELECT temporal.terminate('behind it')");
}

# ---------- places come back ----------

{
	$node->query("SELECT temporal.configure_task_queue('two', max_concurrent_activities => 2)");
	$node->query("SELECT temporal.start_workflow('fan', '[2, \"two\"]', id => 'closes')");
	in_line('two', 2);
	is(poll('two', 5), '2', 'two are given out');
	$node->query("SELECT temporal.start_workflow('fan', '[4, \"two\", 1]', id => 'next')");
	in_line('two', 4);
	is(poll('two', 5), '0', 'no more');
	$node->query("SELECT temporal.terminate('closes')");
	my $t = time();
	is(poll('two', 5, '10 s'), '2', 'a run that is closed gives back the places of its attempts');
	note(sprintf('after %.2f s', time() - $t));
	# nobody reports these two
	$t = time();
	cmp_ok(poll('two', 5, '10 s'), '>=', 1, 'so does a worker that has disappeared, when its time is over');
	cmp_ok(time() - $t, '<', 5, sprintf('after %.2f s', time() - $t));
	$node->query("SELECT temporal.terminate('next')");
	$node->wait_for("SELECT running = 0 FROM temporal.task_queue WHERE task_queue = 'two' AND kind = 'activity'");
	pass('nothing is left over');
}
{
	# more in one transaction than it can remember
	$node->query("SELECT temporal.configure_task_queue('many', max_concurrent_activities => 150)");
	$node->query("SELECT temporal.start_workflow('fan', '[300, \"many\"]', id => 'many')");
	in_line('many', 300);
	my $n = 0;
	$node->wait_for("SELECT count(*) > 0 FROM temporal.task_queue WHERE task_queue = 'many' AND kind = 'activity'");
	foreach my $turn (1 .. 5) { $n += poll('many', 100, '100 ms') }
	is($n, '150', 'in several polls as many as may run');
	$node->query("SELECT temporal.complete_activity('many', NULL, activity_id) FROM temporal.pending_activity WHERE workflow_id = 'many' AND state = 'Started'");
	$n = 0;
	my $t = time();
	while ($n < 150 && time() - $t < 15) { $n += poll('many', 100, '1 s') }
	is($n, 150, 'all places come back, also those of 150 completions in one transaction');
	note(sprintf('after %.2f s', time() - $t));
	$node->query("SELECT temporal.terminate('many')");
}

# ---------- a crash ----------

{
	$node->query("SELECT temporal.start_workflow('fan', '[4, \"two\"]', id => 'crash')");
	in_line('two', 4);
	is(poll('two', 1), '1', 'one is given out');
	$node->restart_immediate;
	is(poll('two', 5, '10 s'), '1', 'after a crash it still has its place');
	is(poll('two', 5), '0', 'and there are no others');
	$node->query("SELECT temporal.terminate('crash')");
}

# ---------- stopped workers ----------

{
	$node->query("SELECT temporal.start_workflow('fan', '[2, \"stopped\"]', id => 'stopped')");
	in_line('stopped', 2);
	$node->query("SELECT temporal.stop_workers('5 s')");
	is($node->query("SELECT count(temporal.complete_activity(task_token)) FROM temporal.poll_activity_task('stopped', 'me', '5 s', 2)"), '2',
		'stop_workers() stops executors: workers outside get what is in line, and report it');
	is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = 'stopped'"), 'Running', 'the code goes on later');
	$node->query("SELECT temporal.start_workers()");
	is($node->query("CALL temporal.await_result('stopped', NULL, '20 s')"), '"all"', 'when they have been started');
}

is($node->broken_runs, '', 'every history is whole');
done_testing();
