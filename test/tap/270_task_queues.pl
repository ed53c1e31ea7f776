# Task queues under control, with real executors: what runs at once and what starts in a second stays within the
# limits, also for two roles that share a queue; paused queues wait; priorities and fairness keys; limits survive an
# executor that is killed, and nothing leaks; stop_workers() and start_workers(), also over a restart.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.max_executors = 8
temporal_pg.careful_period = 0
max_prepared_transactions = 2
log_min_messages = log
});
$node->query(q{
	CREATE ROLE ann LOGIN;
	CREATE ROLE bob LOGIN;
	SELECT temporal.grant_access('default', 'ann', 'author'), temporal.grant_access('default', 'bob', 'author');
	CREATE TABLE ran (n int, kind text, started timestamptz, ended timestamptz DEFAULT clock_timestamp(), pid int DEFAULT pg_backend_pid());
	GRANT ALL ON ran TO ann, bob;
	CREATE FUNCTION public.work(n int, kind text, seconds float8) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE t timestamptz := clock_timestamp();
	BEGIN
		PERFORM pg_sleep(seconds);
		INSERT INTO public.ran VALUES (n, kind, t);
	END $$;
});
for my $role (qw(ann bob))
{
	$node->query(qq{
		CREATE SCHEMA $role AUTHORIZATION $role;
		SET SESSION AUTHORIZATION $role;
		SET search_path = $role;
		CREATE FUNCTION ${role}_work(n int, kind text, seconds float8) RETURNS void LANGUAGE sql AS 'SELECT public.work(n, kind, seconds)';
		CREATE FUNCTION ${role}_many(queue text, kind text, n int, seconds float8, priority int DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM temporal.await_all((SELECT array_agg(temporal.start_activity('${role}_work', jsonb_build_array(i, kind, seconds), task_queue => queue, priority_key => priority))
				FROM generate_series(1, n) i));
		END \$\$;
		CREATE FUNCTION ${role}_one(kind text, n int, seconds float8) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM temporal.execute_activity('${role}_work', jsonb_build_array(n, kind, seconds));
		END \$\$;
		SELECT temporal.register_workflow('${role}_many'), temporal.register_workflow('${role}_one'), temporal.register_activity('${role}_work');
	});
}

sub start
{
	my ($type, $input, %opt) = @_;
	my $options = join '', map { ", $_ => $opt{$_}" } sort keys %opt;
	return $node->query("SELECT temporal.start_workflow('$type', '$input'$options)");
}
sub done
{
	my ($kind, $n, %opt) = @_;
	return $node->wait_for("SELECT count(*) >= $n FROM ran WHERE kind = '$kind'", %opt);
}
# how many of a kind have run at the same time
sub most_at_once
{
	my ($where) = @_;
	return $node->query(qq{
		SELECT coalesce(max(n), 0) FROM (
			SELECT count(*) AS n FROM ran a JOIN ran b ON b.started <= a.started AND b.ended > a.started
			WHERE a.kind $where AND b.kind $where GROUP BY a.ctid) x});
}
sub waits_for
{
	my ($queue, $kind) = @_;
	return $node->query("SELECT waits_for FROM temporal.task_queue WHERE task_queue = '$queue' AND kind = '$kind'");
}

# ---------- how many at once, of two roles ----------

$node->query(q{SELECT temporal.configure_task_queue('narrow', max_concurrent_activities => 2)});
start('ann_many', '["narrow", "at once", 12, 0.15]');
start('bob_many', '["narrow", "at once", 12, 0.15]');
$node->wait_for(q{SELECT waits_for = 'max_concurrent_activities' AND backlog > 0 FROM temporal.task_queue WHERE task_queue = 'narrow' AND kind = 'activity'});
ok(1, 'the view says what keeps the backlog');
done('at once', 24);
is(most_at_once("= 'at once'"), 2, 'two activities at once, and never three, though eight executors of two roles are allowed');
is($node->query("SELECT count(DISTINCT pid) > 1 FROM ran WHERE kind = 'at once'"), 't', '... in several processes');
# nothing is tried in vain all the time: a few that were given out a moment too early
cmp_ok($node->query("SELECT coalesce(sum(failures), 0) FROM temporal.worker"), '==', 0, '... and nothing has failed');

# the limit is raised while they run
start('ann_many', '["narrow", "raised", 8, 1]');
done('raised', 1);
$node->query(q{SELECT temporal.configure_task_queue('narrow', max_concurrent_activities => 4)});
done('raised', 8);
is(most_at_once("= 'raised'"), 4, 'a raised limit is used at once');

# workflow tasks: a queue of its own, whose runs take a while
$node->query(q{
	CREATE FUNCTION slow() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE t timestamptz := clock_timestamp();
	BEGIN
		WHILE clock_timestamp() < t + interval '0.2 s' LOOP END LOOP;
		PERFORM temporal.set_state('t', t);
	END $$;
	SET temporal_pg.determinism = off;
	SELECT temporal.register_workflow('slow', task_queue => 'single');
	SELECT temporal.configure_task_queue('single', max_concurrent_workflow_tasks => 1);
	SELECT temporal.start_workflow('slow', id => 'slow-' || i) FROM generate_series(1, 6) i;
});
my $most = 0;
my $until = time() + 30;
while (time() < $until)
{
	my ($busy, $open) = split /\|/, $node->query(q{SELECT (SELECT running FROM temporal.task_queue WHERE task_queue = 'single' AND kind = 'workflow'), (SELECT count(*) FROM temporal.workflow WHERE workflow_type = 'slow' AND status = 'Running')});
	$most = $busy if $busy > $most;
	last if $open == 0;
}
is($most, 1, 'one workflow task at a time');
is($node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_type = 'slow' AND status = 'Completed'"), 6, '... and all have been done');

# ---------- how many in a second ----------

$node->query(q{SELECT temporal.configure_task_queue('even', activities_per_second => 10), temporal.configure_task_queue('fast', activities_per_second => 120)});
start('ann_many', '["even", "even", 120, 0]');
start('bob_many', '["fast", "fast", 1400, 0]');
done('even', 115, timeout => 60);
done('fast', 1300, timeout => 60);
for (['even', 10], ['fast', 120])
{
	my ($kind, $rate) = @$_;
	# every window of ten seconds that begins with a start, not only the first one
	my ($least, $most) = split /\|/, $node->query(qq{
		SELECT min(n), max(n) FROM (
			SELECT (SELECT count(*) FROM ran b WHERE b.kind = '$kind' AND b.started >= a.started AND b.started < a.started + interval '10 s') AS n
			FROM ran a WHERE a.kind = '$kind' AND a.started < (SELECT max(started) FROM ran WHERE kind = '$kind') - interval '10 s') x});
	cmp_ok($most, '<=', $rate * 10 * 1.05, "$rate a second: at most $most in 10 s");
	cmp_ok($least, '>=', $rate * 10 * 0.9, "... and at least $least");
}
is($node->query("SELECT dispatch_rate BETWEEN 0 AND 20 AND add_rate > 0 FROM temporal.task_queue WHERE task_queue = 'even' AND kind = 'activity'"), 't', 'the view has rates');
$node->query(q{SELECT temporal.configure_task_queue('even', activities_per_second => -1), temporal.configure_task_queue('fast', activities_per_second => -1)});
done('even', 120);
done('fast', 1400);
is($node->query("SELECT count(*) FROM temporal_internal.task_queue_settings WHERE name IN ('even', 'fast')"), 0, 'the rates have been taken away');

# workflow tasks have a rate, too
$node->query(q{
	CREATE FUNCTION quick() RETURNS void LANGUAGE sql AS '';
	SELECT temporal.register_workflow('quick', task_queue => 'quick'), temporal.configure_task_queue('quick', workflow_tasks_per_second => 5);
	SELECT temporal.start_workflow('quick') FROM generate_series(1, 11);
});
$node->wait_for(q{SELECT count(*) = 11 FROM temporal.workflow WHERE workflow_type = 'quick' AND status = 'Completed'});
is($node->query(q{SELECT max(close_time) - min(close_time) BETWEEN '1.85 s' AND '4 s' FROM temporal.workflow WHERE workflow_type = 'quick'}), 't', 'eleven workflow tasks at five a second take two seconds');

# a rate of zero, a pause
$node->query(q{SELECT temporal.configure_task_queue('even', activities_per_second => 0)});
start('ann_many', '["even", "none", 3, 0]', id => "'none'");
$node->wait_for(q{SELECT count(*) = 3 FROM temporal.pending_activity WHERE workflow_id = 'none'});
is(waits_for('even', 'activity'), 'activities_per_second', 'with a rate of zero nothing starts');
like($node->query(q{SELECT detail FROM temporal.explain('none') LIMIT 1}), qr/^Attempt 1 waits: task queue "even" has reached its limit activities_per_second$/, '... as explain() says');
is($node->query("SELECT count(*) FROM ran WHERE kind = 'none'"), 0, '... really');
$node->query(q{SELECT temporal.configure_task_queue('even', activities_per_second => 50)});
done('none', 3);

$node->query(q{SELECT temporal.pause_task_queue('default', 'no fuel')});
start('ann_one', '["paused", 1, 0]', id => "'paused'");
$node->wait_for(q{SELECT backlog = 1 FROM temporal.task_queue WHERE task_queue = 'default' AND kind = 'workflow'});
like($node->query(q{SELECT detail FROM temporal.explain('paused')}), qr/^task queue "default" is paused \(no fuel\): see temporal.unpause_task_queue\(\)$/, 'a paused queue is explained');
is(waits_for('default', 'workflow'), 'unpause_task_queue', '... and shown');
is($node->query(q{SELECT history_length FROM temporal.workflow WHERE workflow_id = 'paused'}), 1, 'its workflows wait');
$node->restart;
$node->wait_for(q{SELECT waits_for = 'unpause_task_queue' FROM temporal.task_queue WHERE task_queue = 'default' AND kind = 'workflow'});
start('bob_one', '["other", 1, 0]', task_queue => "'other'");
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.workflow WHERE workflow_type = 'bob_one' AND status = 'Completed'});
is($node->query(q{SELECT history_length FROM temporal.workflow WHERE workflow_id = 'paused'}), 1, '... also after a restart, while another queue goes on');
$node->query(q{SELECT temporal.unpause_task_queue('default')});
done('paused', 1);
my $settings_in_2pc = ($node->try_query(q{BEGIN; SELECT temporal.pause_task_queue('default'); PREPARE TRANSACTION 'x'}))[2];
like($settings_in_2pc, qr/cannot PREPARE a transaction that has configured task queues/, 'settings are not prepared');
$node->query(q{BEGIN; SELECT temporal.pause_task_queue('default'); ROLLBACK});
start('ann_one', '["rolled back", 1, 0]');
done('rolled back', 1);
ok(1, 'a pause that is rolled back pauses nothing');

# a pause holds from its COMMIT on, also where the dispatcher has not read it yet: for a queue that had settings, for
# one that had none, and for an activity that its workflow task would try itself
$node->query(q{SELECT temporal.configure_task_queue('known', max_concurrent_workflow_tasks => 5)});
$node->query(q{SELECT temporal.start_workflow('ann_one', '["warm", 1, 0]', task_queue => 'known')});
done('warm', 1);
my ($dispatcher) = $node->dispatcher_pids;
kill 'STOP', $dispatcher;
$node->query(q{SELECT temporal.pause_task_queue('known'), temporal.pause_task_queue('fresh')});
start('ann_one', '["at once", 1, 0]', id => "'of known'", task_queue => "'known'");
start('ann_one', '["at once", 1, 0]', id => "'of fresh'", task_queue => "'fresh'");
start('ann_many', '["fresh", "at once", 1, 0]', id => "'its activity'", task_queue => "'unknown'");
# the executors have given it back
$node->wait_for(q{SELECT sum(waiting) = 0 AND sum(idle) = sum(executors) AND sum(executors) > 0 FROM temporal_internal.worker_queues()});
my $not_begun = q{SELECT string_agg(workflow_id || ' ' || history_length, ', ' ORDER BY workflow_id) FROM temporal.workflow WHERE workflow_id IN ('of known', 'of fresh')};
is($node->query($not_begun), 'of fresh 1, of known 1', 'a pause holds for what is started right after its COMMIT');
kill 'CONT', $dispatcher;
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.pending_activity WHERE workflow_id = 'its activity'});
$node->wait_for(q{SELECT count(*) = 2 FROM temporal.task_queue WHERE task_queue IN ('known', 'fresh') AND kind = 'workflow' AND backlog = 1 AND waits_for = 'unpause_task_queue'});
is($node->query($not_begun), 'of fresh 1, of known 1', '... and longer');
is($node->query(q{SELECT count(*) FROM ran WHERE kind = 'at once' AND n = 1 AND started > (SELECT started FROM ran WHERE kind = 'warm')}), 0, '... also an activity');
$node->query(q{SELECT temporal.unpause_task_queue('known'), temporal.unpause_task_queue('fresh')});
$node->wait_for(q{SELECT count(*) = 3 FROM temporal.workflow WHERE workflow_id IN ('of known', 'of fresh', 'its activity') AND status = 'Completed'});

# ---------- priorities and fairness ----------

# configured: held back by a pause, then one at a time
$node->query(q{SELECT temporal.configure_task_queue('ordered', max_concurrent_activities => 1), temporal.pause_task_queue('ordered')});
start('ann_many', '["ordered", "low", 5, 0, 5]');
$node->wait_for(q{SELECT backlog = 5 FROM temporal.task_queue WHERE task_queue = 'ordered' AND kind = 'activity'});
start('ann_many', '["ordered", "usual", 5, 0]');
start('bob_many', '["ordered", "high", 5, 0, 1]');
$node->wait_for(q{SELECT backlog = 15 FROM temporal.task_queue WHERE task_queue = 'ordered' AND kind = 'activity'});
$node->query(q{SELECT temporal.unpause_task_queue('ordered')});
$node->wait_for(q{SELECT count(*) = 15 FROM ran WHERE kind IN ('low', 'usual', 'high')});
is($node->query(q{SELECT string_agg(left(kind, 1), '' ORDER BY started) FROM ran WHERE kind IN ('low', 'usual', 'high')}), 'hhhhhuuuuulllll', 'the lowest priority number first');
is($node->query(q{SELECT string_agg(n::text, '' ORDER BY started) FROM ran WHERE kind = 'usual'}), '12345', '... then the oldest');

# no settings: what waits in the ring of an executor; held back by the setting of the server
$node->append_conf('postgresql.conf', 'temporal_pg.max_concurrent_activities = 0');
$node->reload;
$node->wait_for('SHOW temporal_pg.max_concurrent_activities', expected => '0');
start('ann_many', '["plain", "late", 5, 0.01, 5]', id => "'late'");
$node->wait_for(q{SELECT count(*) = 5 FROM temporal.pending_activity WHERE workflow_id = 'late'});
start('ann_many', '["plain", "soon", 5, 0.01, 2]', id => "'soon'");
$node->wait_for(q{SELECT count(*) = 5 FROM temporal.pending_activity WHERE workflow_id = 'soon'});
is(waits_for('plain', 'activity'), 'temporal_pg.max_concurrent_activities', 'the setting of the server holds activities back, while workflow tasks go on');
$node->append_conf('postgresql.conf', 'temporal_pg.max_concurrent_activities = 1');
$node->reload;
# the setting is read by executors with their next look: anything wakes them
$node->wait_for('SHOW temporal_pg.max_concurrent_activities', expected => '1');
$node->wait_for(q{SELECT count(*) = 10 FROM ran WHERE kind IN ('late', 'soon')});
is($node->query(q{SELECT string_agg(left(kind, 1), '' ORDER BY started) FROM ran WHERE kind IN ('late', 'soon')}), 'ssssslllll', 'priorities without settings');
start('ann_many', '["plain", "server", 8, 0.1]');
start('bob_many', '["plain", "server", 8, 0.1]');
done('server', 16);
is(most_at_once("= 'server'"), 1, 'temporal_pg.max_concurrent_activities holds for all roles together');
$node->append_conf('postgresql.conf', "temporal_pg.max_concurrent_activities = -1\ntemporal_pg.max_cached_workflows = 1");
$node->reload;
$node->wait_for('SHOW temporal_pg.max_cached_workflows', expected => '1');

# fairness: gold has three times the weight
$node->query(q{SELECT temporal.configure_task_queue('fair', max_concurrent_activities => 1, fairness_weights => '{"gold": 3}'), temporal.pause_task_queue('fair')});
start('ann_many', '["fair", "free", 40, 0]', fairness_key => "'free'");
$node->wait_for(q{SELECT backlog = 40 FROM temporal.task_queue WHERE task_queue = 'fair' AND kind = 'activity'});
start('bob_many', '["fair", "gold", 40, 0]', fairness_key => "'gold'");
$node->wait_for(q{SELECT backlog = 80 FROM temporal.task_queue WHERE task_queue = 'fair' AND kind = 'activity'});
$node->query(q{SELECT temporal.unpause_task_queue('fair')});
$node->wait_for(q{SELECT count(*) = 80 FROM ran WHERE kind IN ('free', 'gold')});
my $gold = $node->query(q{SELECT count(*) FILTER (WHERE kind = 'gold') FROM (SELECT kind FROM ran WHERE kind IN ('free', 'gold') ORDER BY started LIMIT 40) x});
cmp_ok($gold, '>=', 28, "of the first forty $gold were gold");
cmp_ok($gold, '<=', 32, '... and the others had their turn');

# ---------- nothing leaks ----------

$node->query(q{SELECT temporal.configure_task_queue('one', max_concurrent_activities => 1)});
start('ann_many', '["one", "killed", 3, 1]', id => "'killed'");
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
my $pid = $node->query(q{SELECT pid FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
$node->kill_backend($pid, 'KILL');
done('killed', 3);
is(most_at_once("= 'killed'"), 1, 'after kill -9 of an executor the limit holds, and nothing waits for the one that is gone');
start('ann_many', '["one", "terminated", 3, 1]', id => "'terminated'");
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
$node->query(q{SELECT pg_terminate_backend(pid) FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
done('terminated', 3);
is(most_at_once("= 'terminated'"), 1, 'the same after one was terminated');
# errors and cancelled activities give their place back, too
$node->query(q{
	CREATE FUNCTION fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.05); RAISE EXCEPTION 'no'; END $$;
	CREATE FUNCTION failing() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await_any((SELECT array_agg(temporal.start_activity('fails', task_queue => 'one', retry_policy => temporal.retry_policy(maximum_attempts => 2, initial_interval => '10 ms'))) FROM generate_series(1, 5)));
	END $$;
	SELECT temporal.register_workflow('failing'), temporal.register_activity('fails');
	SELECT temporal.start_workflow('failing', id => 'failing');
});
# it closes when the first has failed, with the others waiting
$node->wait_for(q{SELECT status IN ('Failed', 'Completed') FROM temporal.workflow WHERE workflow_id = 'failing'});
start('ann_many', '["one", "after", 3, 0]');
done('after', 3);
is(most_at_once("= 'after'"), 1, 'places of failed ones, and of those whose run has closed, are free again');
is($node->query(q{SELECT running FROM temporal.task_queue WHERE task_queue = 'one' AND kind = 'activity'}), 0, '... and none is taken');

# ---------- workers stopped and started ----------

$node->query('TRUNCATE ran');
start('ann_one', '["grace", 1, 2]');
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
is($node->query(q{SELECT temporal.stop_workers('20 s')}), 0, 'stop_workers() lets what runs end');
is($node->query("SELECT count(*) FROM ran WHERE kind = 'grace'"), 1, '... and it has ended');
is(join(',', $node->executor_pids), '', '... and no executor is left');
start('ann_one', '["stopped", 1, 0]', id => "'stopped'");
$node->wait_for(q{SELECT backlog > 0 FROM temporal.task_queue WHERE task_queue = 'default' AND kind = 'workflow'});
is(waits_for('default', 'workflow'), 'start_workers', 'what comes in waits');
like($node->query(q{SELECT string_agg(detail, ' ') FROM temporal.explain('stopped')}), qr/the workers of this database are stopped: see temporal.start_workers\(\)/, '... as explain() says');
$node->restart;
$node->wait_for(q{SELECT waits_for = 'start_workers' FROM temporal.task_queue WHERE task_queue = 'default' AND kind = 'workflow'});
$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'});
start('bob_one', '["stopped", 2, 0]');
# a full sweep later
sleep(1);
is(join(',', $node->executor_pids), '', 'also after a restart of the server');
$node->query('BEGIN; SELECT temporal.start_workers(); ROLLBACK');
is(waits_for('default', 'workflow'), 'start_workers', 'a start that is rolled back starts nothing');
$node->query('SELECT temporal.start_workers()');
done('stopped', 2);
ok(1, 'start_workers() lets them go on');

start('ann_one', '["cancelled", 1, 30]', id => "'cancelled'");
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
my $begun = time();
is($node->query(q{SELECT temporal.stop_workers('0.3 s')}), 1, 'after the grace what runs is cancelled');
cmp_ok(time() - $begun, '<', 10, '... soon');
is($node->query(q{SELECT attempt || ' ' || state || ' ' || coalesce(last_failure_message, 'no failure') FROM temporal.pending_activity WHERE workflow_id = 'cancelled'}), '1 Scheduled no failure', '... and counts as no attempt');
is($node->query("SELECT count(*) FROM ran WHERE kind = 'cancelled'"), 0, '... has not happened');
$node->query(q{SELECT temporal.start_workers()});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
ok(1, '... and runs again');
$node->query(q{BEGIN; SELECT temporal.stop_workers('0'); ROLLBACK});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE task = 'activity' AND status = 'busy'});
ok(1, 'a stop that is rolled back has cancelled it, and lets it begin again');
like(($node->try_query(q{BEGIN; SELECT temporal.stop_workers('0'); SELECT temporal.start_workers()}))[2], qr/workers that this transaction has stopped cannot be started by it/, 'not both in one transaction');
$node->query(q{SELECT temporal.terminate('cancelled')});

# code that does not heed its cancellation is terminated
$node->query(q{
	CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_sleep(60);
			EXCEPTION WHEN query_canceled THEN
				NULL;
			END;
		END LOOP;
	END $$;
	CREATE FUNCTION calls_stubborn() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM temporal.execute_activity('stubborn', task_queue => 'one', start_to_close_timeout => '10 min'); END $$;
	SELECT temporal.register_workflow('calls_stubborn'), temporal.register_activity('stubborn');
	SELECT temporal.start_workflow('calls_stubborn', id => 'stubborn');
});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE activity_type = 'stubborn'});
is($node->query(q{SELECT temporal.stop_workers('0')}), 1, 'one that does not heed it is terminated');
is(join(',', $node->executor_pids), '', '... too');
is($node->query(q{SELECT attempt FROM temporal.pending_activity WHERE workflow_id = 'stubborn'}), 1, '... with no attempt counted');
$node->query(q{SELECT temporal.terminate('stubborn'); SELECT temporal.start_workers()});

start('ann_one', '["last", 1, 0]');
done('last', 1);
is($node->broken_runs, '', 'all histories are whole');
$node->stop;
done_testing();
