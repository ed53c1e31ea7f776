# Limits of a task queue hold for activities of type http: how many are in flight, how many start in a second, priorities,
# turns of fairness keys; together with those that executors run; over a kill of the process and a crash of the server.

use strict;
use warnings;
use HttpServer;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
# a sweep would hide a wake that was lost
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => qq{
temporal_pg.sweep_interval = 60s
temporal_pg.careful_period = 0
temporal_pg.max_executors = 8
temporal_pg.http_allow = '127.0.0.1:$port'
temporal_pg.http_allow_private = '127.0.0.1'
});
$node->query(q{
	SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/');
	CREATE FUNCTION fan(url text, n int, queue text, key text DEFAULT NULL, weight float8 DEFAULT NULL, priority int DEFAULT NULL) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE futures temporal.future[];
	BEGIN
		FOR i IN 1 .. n LOOP
			futures := futures || temporal.start_activity('http', jsonb_build_object('url', url), task_queue => queue, start_to_close_timeout => '5 min',
				fairness_key => key, fairness_weight => weight, priority_key => priority);
		END LOOP;
		RETURN (SELECT count(*) FROM unnest(temporal.await_all(futures)) r WHERE r ->> 'status' = '200');
	END $$;
	CREATE FUNCTION naps() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0.02)';
	CREATE FUNCTION nap(n int, queue text) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		RETURN cardinality(temporal.await_all((SELECT array_agg(temporal.start_activity('naps', task_queue => queue)) FROM generate_series(1, n))));
	END $$;
	SELECT temporal.register_workflow('fan'), temporal.register_workflow('nap'), temporal.register_activity('naps');
	-- when each attempt began and ended
	CREATE FUNCTION attempts(ids text) RETURNS TABLE (workflow_id text, began timestamptz, ended timestamptz) LANGUAGE sql AS $$
		WITH h AS MATERIALIZED (SELECT * FROM temporal.history h WHERE h.workflow_id LIKE ids AND event_type IN ('ActivityTaskStarted', 'ActivityTaskCompleted'))
		SELECT s.workflow_id, s.event_time, e.event_time FROM h s JOIN h e ON e.run_id = s.run_id AND (e.attributes ->> 'startedEventId')::int = s.event_id
		WHERE e.event_type = 'ActivityTaskCompleted'
	$$;
});

sub fan
{
	my ($id, $path, $n, $queue, %opt) = @_;
	my $input = join ', ', qq{"url": "@{[ $server->url($path) ]}", "n": $n, "queue": "$queue"}, map { qq{"$_": "$opt{$_}"} } sort keys %opt;
	$node->query("SELECT temporal.start_workflow('fan', '{$input}', id => '$id')");
	return;
}
sub in_line
{
	my ($queue, $n) = @_;
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE task_queue = '$queue' AND state = 'Scheduled'");
	return;
}
sub configure { my ($queue, $settings) = @_; return $node->query("SELECT temporal.configure_task_queue('$queue', $settings)") }
sub done { my ($id, $timeout) = @_; $node->wait_for("SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = '$id'", timeout => $timeout // 60); return $node->query("SELECT temporal.result('$id')") }
sub most_at_once
{
	my ($ids) = @_;
	return $node->query("SELECT max(n) FROM (SELECT sum(d) OVER (ORDER BY t, d) n FROM
		(SELECT began t, 1 d FROM attempts('$ids') UNION ALL SELECT ended, -1 FROM attempts('$ids')) x) y");
}

# ---------- how many at once ----------

{
	configure('few', 'max_concurrent_activities => 5');
	my $t = time();
	fan("few$_", '/slow?ms=20', 75, 'few') foreach 1 .. 2;
	is(done("few$_"), 75, "all of run $_") foreach 1 .. 2;
	note(sprintf('150 requests of 20 ms, 5 at once: %.1f s', time() - $t));
	is(most_at_once('few%'), '5', 'five requests are in flight, and never six');

	# raised while they wait
	fan('few_raised', '/slow?ms=500', 60, 'few');
	$node->wait_for("SELECT count(*) = 5 FROM temporal.pending_activity WHERE workflow_id = 'few_raised' AND state = 'Started'");
	like($node->query("SELECT detail FROM temporal.explain('few_raised') WHERE detail LIKE '%waits%' LIMIT 1"), qr/waits: task queue "few" has reached its limit max_concurrent_activities/, 'explain() says what they wait for');
	is($node->query("SELECT waits_for FROM temporal.task_queue WHERE task_queue = 'few' AND kind = 'activity'"), 'max_concurrent_activities', 'so does the view');
	configure('few', '12');
	is(done('few_raised'), 60, 'the limit is raised');
	is(most_at_once('few_raised'), '12', 'and used');

	# together with what executors run
	configure('both', 'max_concurrent_activities => 3');
	$node->query("SELECT temporal.start_workflow('nap', '[60, \"both\"]', id => 'both_naps')");
	fan('both_http', '/slow?ms=20', 60, 'both');
	is(done('both_naps'), 60, 'activities of executors');
	is(done('both_http'), 60, 'and requests in one queue');
	is(most_at_once('both%'), '3', 'have one limit');
}

# ---------- how many a second ----------

{
	configure('slow', 'activities_per_second => 40');
	fan('slow', '/ok', 600, 'slow');
	is(done('slow'), 600, 'all are done');
	my $n = $node->query("SELECT count(*) FROM (SELECT began, min(began) OVER () AS first FROM attempts('slow')) x WHERE began < first + interval '10 s'");
	note("$n starts in 10 s, 400 are allowed");
	cmp_ok(abs($n - 400), '<=', 20, 'forty a second, within 5 %');
}

# ---------- which one ----------

{
	configure('turns', 'max_concurrent_activities => 2');
	$node->query("SELECT temporal.pause_task_queue('turns')");
	fan('turns_one', '/ok', 1000, 'turns', key => 'one', weight => 1);
	fan('turns_three', '/ok', 200, 'turns', key => 'three', weight => 3);
	fan('turns_none', '/ok', 60, 'turns');
	fan('turns_urgent', '/ok', 5, 'turns', priority => 1);
	in_line('turns', 1265);
	$node->query("SELECT temporal.unpause_task_queue('turns')");
	is(done('turns_three'), 200, 'a key with a thousand queued does not hold up another');
	$node->query("SELECT temporal.terminate('turns_one')");
	my $order = "SELECT workflow_id, row_number() OVER (ORDER BY began) n FROM attempts('turns%')";
	is($node->query("SELECT count(*) FROM ($order) x WHERE workflow_id = 'turns_urgent' AND n <= 6"), '5', 'priority goes before fairness (two begin at the same time)');
	my ($one, $three, $none) = split /\|/, $node->query("SELECT count(*) FILTER (WHERE workflow_id = 'turns_one'), count(*) FILTER (WHERE workflow_id = 'turns_three'), count(*) FILTER (WHERE workflow_id = 'turns_none') FROM ($order) x WHERE n BETWEEN 6 AND 205");
	note("of 200: $one with weight 1, $three with weight 3, $none without key");
	cmp_ok(abs($three - 120), '<=', 6, 'weight 3 has three turns of five');
	cmp_ok(abs($one - 40), '<=', 6, 'weight 1 has one');
	cmp_ok(abs($none - 40), '<=', 6, 'those without a key have one together');

	# weights of the queue count for what is queued
	configure('weights', "1, fairness_weights => '{\"a\": 1}'");
	$node->query("SELECT temporal.pause_task_queue('weights')");
	fan('weights_a', '/ok', 100, 'weights', key => 'a', weight => 9);
	fan('weights_b', '/ok', 100, 'weights', key => 'b', weight => 1);
	in_line('weights', 200);
	configure('weights', "fairness_weights => '{\"b\": 4, \"a\": 1}'");
	$node->query("SELECT temporal.unpause_task_queue('weights')");
	is(done('weights_b'), 100, 'the key with more weight');
	is(done('weights_a'), 100, 'and the other one');
	my $b = $node->query("SELECT count(*) FROM (SELECT workflow_id FROM attempts('weights%') ORDER BY began LIMIT 100) x WHERE workflow_id = 'weights_b'");
	cmp_ok(abs($b - 80), '<=', 4, "weights set while they wait: $b of 100, four of five are due");
}

# ---------- paused, and without settings again ----------

{
	configure('stop', 'max_concurrent_activities => 0');
	fan('stop', '/ok', 250, 'stop');
	fan('free', '/ok', 20, 'free');
	is(done('free'), 20, 'another queue is not held up');
	is($node->query("SELECT count(*) FROM temporal.pending_activity WHERE workflow_id = 'stop' AND state = 'Scheduled'"), '250', 'with 0 none start');
	configure('stop', '-1');
	is(done('stop'), 250, 'when the last setting is taken away, all go on');

	configure('held', '1');
	fan('held', '/slow?ms=1', 50, 'held');
	$node->query("SELECT temporal.stop_workers('5 s')");
	$node->query("SELECT temporal.start_workers()");
	is(done('held'), 50, 'after stop_workers() and start_workers() they go on');
}

# ---------- retries ----------

{
	configure('again', '2');
	fan('again', '/flaky?n=1', 30, 'again');
	is(done('again'), 30, 'those that are tried again get their place again');
}

# ---------- places come back ----------

sub places_are_free
{
	my ($queue, $n, $what) = @_;
	fan("after_$what", '/hang?' . $what, $n + 1, $queue);
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE workflow_id = 'after_$what' AND state = 'Started'");
	pass("$what: all places are free again");
	$node->query("SELECT temporal.terminate('after_$what')");
	return;
}
{
	configure('two', '2');
	fan('closes', '/hang', 3, 'two');
	$node->wait_for("SELECT count(*) = 2 FROM temporal.pending_activity WHERE workflow_id = 'closes' AND state = 'Started'");
	$node->query("SELECT temporal.terminate('closes')");
	places_are_free('two', 2, 'closed');

	fan('told', '/slow?ms=1000', 4, 'two');
	$node->wait_for("SELECT count(*) = 2 FROM temporal.pending_activity WHERE workflow_id = 'told' AND state = 'Started'");
	$node->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'temporal_pg http'");
	is(done('told'), 4, 'the process is told to end: what it had is tried again');
	is(most_at_once('told'), '2', 'within the limit');
	places_are_free('two', 2, 'told');

	fan('killed', '/slow?ms=1000', 4, 'two');
	$node->wait_for("SELECT count(*) = 2 FROM temporal.pending_activity WHERE workflow_id = 'killed' AND state = 'Started'");
	$node->kill_backend(($node->pids('temporal_pg http'))[0]);
	is(done('killed'), 4, 'it is killed, and the server starts anew');
	is(most_at_once('killed'), '2', 'within the limit');
	places_are_free('two', 2, 'killed');
}

is($node->broken_runs, '', 'every history is whole');
$server->stop;
done_testing();
