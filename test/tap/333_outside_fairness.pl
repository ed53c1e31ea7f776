# What workers outside get first: by priority, then by turns of the fairness keys and their weights, then by turns of the
# runs of a key; for a session that polls again and again, for sessions that poll once, and for many at once.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 60s
max_connections = 60
});
$node->query(q{
	SELECT temporal.register_activity('ext', mode => 'external');
	CREATE FUNCTION fan(n int, queue text, key text DEFAULT NULL, weight float8 DEFAULT NULL, priority int DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity('ext', to_jsonb(i), task_queue => queue, fairness_key => key, fairness_weight => weight,
			priority_key => priority, start_to_close_timeout => '1 hour', retry_policy => temporal.retry_policy('10 ms')))) FROM generate_series(1, n) i;
		RETURN '"all"';
	END $$;
	SELECT temporal.register_workflow('fan');
	CREATE TABLE got (n bigint GENERATED ALWAYS AS IDENTITY, queue text, id text);
	-- one session that polls so many times
	CREATE PROCEDURE polls(queue text, times int, at_a_time int DEFAULT 1) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. times LOOP
			INSERT INTO got (queue, id) SELECT queue, workflow_id FROM temporal.poll_activity_task(queue, 'me', '0 s', at_a_time);
			COMMIT;
		END LOOP;
	END $$;
});

sub fan
{
	my ($id, $n, $queue, %opt) = @_;
	my $before = $node->query("SELECT count(*) FROM temporal_internal.activity_task WHERE task_queue = '$queue' AND pass IS NOT NULL");
	my $input = join ', ', qq{"n": $n, "queue": "$queue"}, map { qq{"$_": "$opt{$_}"} } sort keys %opt;
	$node->query("SELECT temporal.start_workflow('fan', '{$input}', id => '$id')");
	in_line($queue, $before + $n);
	return;
}
sub in_line { my ($queue, $n) = @_; $node->wait_for("SELECT count(*) = $n FROM temporal_internal.activity_task WHERE task_queue = '$queue' AND pass IS NOT NULL"); return }
sub polls { my ($queue, $times, $at_a_time) = @_; $node->query("CALL polls('$queue', $times, " . ($at_a_time // 1) . ')'); return }
# how many of the last n were of that run
sub of_last { my ($queue, $n, $id) = @_; return $node->query("SELECT count(*) FROM (SELECT id FROM got WHERE queue = '$queue' ORDER BY n DESC LIMIT $n) x WHERE id = '$id'") }

# ---------- weights ----------

{
	fan('w1', 1000, 'weights', key => 'one', weight => 1);
	fan('w3', 1500, 'weights', key => 'three', weight => 3);
	polls('weights', 200);
	my $n = of_last('weights', 200, 'w3');
	cmp_ok(abs($n - 150), '<=', 3, "one at a time: weight 3 gets three turns of four ($n of 200)");
	polls('weights', 2, 100);
	$n = of_last('weights', 200, 'w3');
	cmp_ok(abs($n - 150), '<=', 3, "a hundred at a time: the same ($n of 200)");
	is($node->query("SELECT max(n) FROM (SELECT count(*) n FROM (SELECT id, sum((id = 'w1')::int) OVER (ORDER BY n) g FROM got WHERE queue = 'weights' ORDER BY n DESC LIMIT 100) x GROUP BY g) y"), '4', '... in turns, as the limits of a queue would let them start');

	# sessions that poll once know nothing of each other
	polls('weights', 1) foreach 1 .. 300;
	$n = of_last('weights', 300, 'w3');
	cmp_ok(abs($n - 225), '<=', 30, "300 sessions that poll once: the same, by chance ($n of 300)");

	# many at once
	my @pids = map { $node->begin_session("CALL polls('weights', 15)") } 1 .. 40;
	is($node->failed_sessions(@pids), 0, '40 sessions at once');
	is($node->query("SELECT count(*) - (SELECT count(*) FROM temporal.pending_activity WHERE task_queue = 'weights' AND state = 'Started') FROM got WHERE queue = 'weights'"), '0', '... no task is given out twice');
	$n = of_last('weights', 600, 'w3');
	cmp_ok(abs($n - 450), '<=', 40, "... and each fair ($n of 600)");

	# set for the queue while they wait
	$node->query(q{SELECT temporal.configure_task_queue('weights', fairness_weights => '{"one": 6, "three": 2}')});
	polls('weights', 200);
	$n = of_last('weights', 200, 'w1');
	cmp_ok(abs($n - 150), '<=', 3, "weights of the queue count for what is in line ($n of 200)");
}

# ---------- nobody is held up ----------

{
	fan('much', 1000, 'tenants', key => 'big');
	polls('tenants', 10);
	fan('little', 10, 'tenants', key => 'small');
	polls('tenants', 24);
	is(of_last('tenants', 24, 'little'), '10', 'a key with a thousand queued does not hold up another');

	# a session knows of a new key after a second at most
	fan('stays', 500, 'stays', key => 'big');
	$node->query(q{
		CALL polls('stays', 10);
		SELECT temporal.start_workflow('fan', '{"n": 10, "queue": "stays", "key": "small"}', id => 'comes');
		DO $$ BEGIN WHILE (SELECT count(*) < 10 FROM temporal_internal.activity_task WHERE task_queue = 'stays' AND fairness_key = 'small' AND pass IS NOT NULL) LOOP COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$;
		SELECT pg_sleep(1);
		CALL polls('stays', 24);
	});
	is(of_last('stays', 24, 'comes'), '10', 'a session that has other work finds a new key');

	# many runs of one key have no more than one run
	$node->query(q{SELECT temporal.start_workflow('fan', '{"n": 1, "queue": "tenants", "key": "many"}', id => 'many' || i) FROM generate_series(1, 100) i});
	in_line('tenants', 976 + 100);
	fan('single', 50, 'tenants', key => 'single');
	polls('tenants', 60);
	cmp_ok(abs(of_last('tenants', 60, 'single') - 20), '<=', 2, 'a hundred runs of one key have no more than one run of another');

	# the runs of a key
	fan('r1', 500, 'runs', key => 'k');
	fan('other', 500, 'runs', key => 'j');
	polls('runs', 20);
	fan('r2', 10, 'runs', key => 'k');
	polls('runs', 44);
	is(of_last('runs', 44, 'r2'), '10', 'runs of one key take turns');
	cmp_ok(abs(of_last('runs', 44, 'other') - 22), '<=', 1, '... which is not at the cost of another key');

	# without a key
	fan('n1', 500, 'none');
	fan('keyed', 500, 'none', key => 'k');
	fan('n2', 500, 'none');
	polls('none', 80);
	cmp_ok(abs(of_last('none', 80, 'keyed') - 40), '<=', 1, 'runs without a key have the turns of one key');
	cmp_ok(abs(of_last('none', 80, 'n1') - 20), '<=', 1, '... of which each has its own');

	# one session, several queues, in turns
	fan('p1', 100, 'pooled', key => 'a');
	fan('p2', 100, 'pooled', key => 'b', weight => 4);
	$node->query('CALL polls(\'pooled\', 1); CALL polls(\'runs\', 1); ' x 50);
	cmp_ok(abs(of_last('pooled', 50, 'p2') - 40), '<=', 2, 'a session that polls several queues remembers each');
}

# ---------- priority ----------

{
	fan('usual', 200, 'urgent', key => 'heavy', weight => 1000);
	polls('urgent', 5);
	fan('first', 10, 'urgent', key => 'light', weight => 0.001, priority => 1);
	fan('last', 10, 'urgent', key => 'light', priority => 5);
	polls('urgent', 10);
	is(of_last('urgent', 10, 'first'), '10', 'priority goes before fairness');
	polls('urgent', 195);
	is(of_last('urgent', 195, 'usual'), '195', '... also the last one');
	polls('urgent', 1, 100);
	is(of_last('urgent', 10, 'last'), '10', '... which comes in the end');
}

# ---------- with limits ----------

{
	$node->query("SELECT temporal.configure_task_queue('narrow', max_concurrent_activities => 1)");
	fan('a', 100, 'narrow', key => 'a');
	fan('b', 100, 'narrow', key => 'b');
	$node->query(q{
		DO $$
		BEGIN
			FOR i IN 1 .. 40 LOOP
				INSERT INTO got (queue, id) SELECT 'narrow', p.workflow_id FROM temporal.poll_activity_task('narrow', 'me', '5 s', 50) p, LATERAL (SELECT temporal.complete_activity(p.task_token)) c;
				COMMIT;
			END LOOP;
		END $$});
	cmp_ok(abs(of_last('narrow', 40, 'a') - 20), '<=', 1, 'who asks for fifty and gets one has not had the turns of fifty');
	is($node->query("SELECT count(*) FROM got WHERE queue = 'narrow'"), '40', '... one at a time');
}

# ---------- retries ----------

{
	fan('fails', 100, 'again', key => 'fails');
	$node->query("SELECT count(temporal.fail_activity(task_token, '\"no\"')) FROM temporal.poll_activity_task('again', 'me', '0 s', 100)");
	in_line('again', 100);
	fan('new', 100, 'again', key => 'new');
	polls('again', 60);
	cmp_ok(abs(of_last('again', 60, 'new') - 30), '<=', 1, 'those that are tried again are in line with their key');
}

is($node->broken_runs, '', 'every history is whole');
done_testing();
