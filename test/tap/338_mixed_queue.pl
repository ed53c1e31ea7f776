# One task queue for all three kinds of activities: those of executors, of workers outside, and requests. Its limits hold
# for all of them together, a place that one of them gives back goes to whoever waits, and temporal.task_queue counts what
# each of them has in hand.

use strict;
use warnings;
use HttpServer;
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
# a sweep would hide a wake that was lost
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => qq{
temporal_pg.sweep_interval = 60s
temporal_pg.careful_period = 0
temporal_pg.max_executors = 6
temporal_pg.http_allow = '127.0.0.1:$port'
temporal_pg.http_allow_private = '127.0.0.1'
});
$node->query(q{
	SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/');
	CREATE FUNCTION nap(seconds float8) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(seconds)';
	CREATE FUNCTION mixed(n int, type text, queue text, input jsonb, priority int DEFAULT NULL) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		RETURN cardinality(temporal.await_all((SELECT array_agg(temporal.start_activity(type, input, task_queue => queue, priority_key => priority)) FROM generate_series(1, n))));
	END $$;
	SELECT temporal.register_workflow('mixed'), temporal.register_activity('nap'), temporal.register_activity('ext', mode => 'external');
	CREATE TABLE works (on_it boolean DEFAULT true);
	INSERT INTO works DEFAULT VALUES;
	-- a worker outside, as one session; in a form of polls
	CREATE PROCEDURE worker(queue text, max_tasks int, seconds float8, form text) LANGUAGE plpgsql AS $$
	DECLARE
		tasks jsonb;
		tokens text[];
	BEGIN
		WHILE (SELECT on_it FROM works) LOOP
			COMMIT;
			IF form = 'call' THEN
				tasks := NULL;
				CALL temporal.poll_activity_tasks(queue, 'worker', '6 s', max_tasks, tasks);
				tokens := ARRAY(SELECT t ->> 'task_token' FROM jsonb_array_elements(tasks) t);
			ELSE
				tokens := ARRAY(SELECT task_token FROM temporal.poll_activity_task(queue, 'worker', '6 s', max_tasks));
			END IF;
			COMMIT;
			PERFORM pg_sleep(seconds) FROM unnest(tokens) LIMIT 1;
			PERFORM temporal.complete_activity(t) FROM unnest(tokens) t;
			COMMIT;
		END LOOP;
	END $$;
	-- when each attempt began and ended
	CREATE FUNCTION attempts(ids text) RETURNS TABLE (workflow_id text, began timestamptz, ended timestamptz) LANGUAGE sql AS $$
		WITH h AS MATERIALIZED (SELECT * FROM temporal.history h WHERE h.workflow_id LIKE ids AND event_type IN ('ActivityTaskStarted', 'ActivityTaskCompleted'))
		SELECT s.workflow_id, s.event_time, e.event_time FROM h s JOIN h e ON e.run_id = s.run_id AND (e.attributes ->> 'startedEventId')::int = s.event_id
		WHERE e.event_type = 'ActivityTaskCompleted'
	$$;
});

my @workers;
sub workers
{
	my ($n, @arguments) = @_;
	$node->query('UPDATE works SET on_it = true');
	my $sql = 'CALL worker(' . join(', ', map { /^[\d.]+$/ ? $_ : "'$_'" } @arguments) . ')';
	push @workers, map { $node->begin_session($sql) } 1 .. $n;
	return;
}
sub workers_end
{
	$node->query('UPDATE works SET on_it = false');
	is($node->failed_sessions(splice @workers), 0, 'no worker has failed');
	return;
}
sub configure { my ($queue, $settings) = @_; return $node->query("SELECT temporal.configure_task_queue('$queue', $settings)") }
sub start
{
	my ($id, $n, $type, $queue, $input, $priority) = @_;
	$priority //= 3;
	return $node->query("SELECT temporal.start_workflow('mixed', jsonb_build_object('n', $n, 'type', '$type', 'queue', '$queue', 'input', '$input'::jsonb, 'priority', $priority), id => '$id')");
}
sub url { my ($path) = @_; return '{"url": "' . $server->url($path) . '"}' }
sub done { my ($id, $timeout) = @_; return $node->query("CALL temporal.await_result('$id', NULL, '" . ($timeout // 60) . " s')") }
sub most_at_once
{
	my ($ids) = @_;
	return $node->query("SELECT max(n) FROM (SELECT sum(d) OVER (ORDER BY t, d) n FROM
		(SELECT began t, 1 d FROM attempts('$ids') UNION ALL SELECT ended, -1 FROM attempts('$ids')) x) y");
}

# ---------- all three, as many as may run ----------

foreach my $form ('call', 'select')
{
	configure("all_$form", 'max_concurrent_activities => 4');
	my $t = time();
	workers(5, "all_$form", 3, 0.03, $form);
	start("$form nap", 40, 'nap', "all_$form", '0.03');
	start("$form ext", 40, 'ext', "all_$form", 'null');
	start("$form http", 40, 'http', "all_$form", url('/slow?ms=30'));
	is(done("$form $_"), '40', "$form: all of kind $_") foreach qw(nap ext http);
	$t = time() - $t;
	note(sprintf('%s: 120 activities of 30 ms, 4 at once: %.1f s', $form, $t));
	is(most_at_once("$form %"), '4', 'four at once, and never five');
	cmp_ok($t, '<', 15, 'no place lies idle while somebody waits for it');
	workers_end();
	is($node->query("SELECT running FROM temporal.task_queue WHERE task_queue = 'all_$form' AND kind = 'activity'"), '0', 'no place is left over');
}

# ---------- what one kind gives back, another one waits for ----------

foreach my $form ('call', 'select')
{
	my $queue = "one_$form";
	configure($queue, 'max_concurrent_activities => 1');
	# it waits before there is anything, then for the place of an executor
	workers(2, $queue, 2, 0, $form);
	$node->wait_for("SELECT temporal_internal.pollers(1, '$queue') = 2");
	start("$queue nap", 1, 'nap', $queue, '1.5');
	$node->wait_for("SELECT running = 1 FROM temporal.task_queue WHERE task_queue = '$queue' AND kind = 'activity'");
	start("$queue ext", 1, 'ext', $queue, 'null');
	done("$queue nap");
	my $t = time();
	is(done("$queue ext", 20), '1', "$form: the place of an executor goes to a worker outside");
	cmp_ok(time() - $t, '<', 1, sprintf('at once: after %.2f s', time() - $t));
	# and the other way round
	workers_end();
	start("$queue ext2", 1, 'ext', $queue, 'null');
	my $token;
	$token = $node->query("SELECT task_token FROM temporal.poll_activity_task('$queue', 'me', '5 s')");
	start("$queue nap2", 1, 'nap', $queue, '0');
	start("$queue http2", 1, 'http', $queue, url('/slow?ms=1'));
	is($node->query("SELECT running || ' ' || backlog FROM temporal.task_queue WHERE task_queue = '$queue' AND kind = 'activity'"), '1 2', 'what a worker has in hand is running, the others wait');
	$node->query("SELECT temporal.complete_activity('$token')");
	$t = time();
	done("$queue $_", 20) foreach qw(ext2 nap2 http2);
	cmp_ok(time() - $t, '<', 2, sprintf('the place of a worker outside goes to an executor and to a request: %.2f s', time() - $t));
}

# ---------- one that waits for a place holds no task ----------

{
	configure('held', 'max_concurrent_activities => 1');
	start('held', 4, 'ext', 'held', 'null');
	my $token = $node->query("SELECT task_token FROM temporal.poll_activity_task('held', 'me', '5 s')");
	ok($token, 'one is given out');
	my $s = $node->background_psql('postgres');
	$s->query_until(qr/go/, "\\echo go\nSELECT count(*) FROM temporal.poll_activity_task('held', 'sleeper', '10 s', 100);\n");
	$node->wait_for("SELECT temporal_internal.pollers(1, 'held') = 1");
	is($node->query("SELECT count(*) FROM (SELECT FROM temporal_internal.activity_task WHERE task_queue = 'held' FOR UPDATE SKIP LOCKED) a"), '4', 'a poll that waits for a place has locked nothing');
	$s->quit;
	$node->query("SELECT temporal.terminate('held')");
}

# ---------- running ----------

{
	start('seen nap', 1, 'nap', 'seen', '20');
	start('seen ext', 3, 'ext', 'seen', 'null');
	start('seen http', 2, 'http', 'seen', url('/slow?ms=20000'));
	$node->wait_for("SELECT count(*) = 3 FROM temporal.pending_activity WHERE workflow_id IN ('seen nap', 'seen http') AND state = 'Started'");
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('seen', 'me', '5 s', 2)"), '2', 'two are given out');
	is($node->query("SELECT running || ' ' || backlog FROM temporal.task_queue WHERE task_queue = 'seen' AND kind = 'activity'"), '5 1', 'one of an executor, two of a worker, two requests are running, one waits');
	$node->query("SELECT temporal.pause_activity('seen ext', activity_type => 'ext')");
	is($node->query("SELECT running || ' ' || backlog FROM temporal.task_queue WHERE task_queue = 'seen' AND kind = 'activity'"), '5 0', 'attempts of paused activities run on');
	$node->query("SELECT temporal.terminate('seen ' || k) FROM unnest('{nap,ext,http}'::text[]) k");
	$node->wait_for("SELECT count(*) = 0 FROM temporal.task_queue WHERE task_queue = 'seen' AND kind = 'activity'");
	pass('nothing is left');
}

# ---------- an open attempt whose activity is moved to another queue ----------

sub running { my ($queue) = @_; return $node->query("SELECT running FROM temporal.task_queue WHERE task_queue = '$queue' AND kind = 'activity'") }
foreach my $how ('completed', 'failed', 'closed')
{
	my ($from, $to) = ("from_$how", "to_$how");
	configure($_, 'max_concurrent_activities => 1') foreach $from, $to;
	start("$how moves", 1, 'ext', $from, 'null');
	my $token = $node->query("SELECT task_token FROM temporal.poll_activity_task('$from', 'me', '5 s')");
	start("$how next", 1, 'ext', $from, 'null');
	start("$how there", 2, 'ext', $to, 'null');
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('$to', 'me', '5 s')"), '1', "$how: one of the other queue is given out");
	$node->wait_for("SELECT count(*) = 4 FROM temporal.pending_activity WHERE task_queue IN ('$from', '$to')");
	$node->query("SELECT temporal.update_activity_options('$how moves', activity_type => '*', task_queue => '$to')");
	is(running($from) . running($to), '11', 'it keeps its place where it has it');
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('$from', 'me', '0 s')"), '0', '... so that nothing more starts there');
	$node->query($how eq 'completed' ? "SELECT temporal.complete_activity('$token')" : $how eq 'failed' ? "SELECT temporal.fail_activity('$token', '\"again\"')" : "SELECT temporal.terminate('$how moves')");
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('$to', 'me', '1 s')"), '0', "$how: the queue to which it was moved has no place more");
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('$from', 'me', '5 s')"), '1', '... and the one in which it began has');
	is(running($from) . running($to), '11', '... as the view says');
	$node->query("SELECT temporal.terminate(workflow_id) FROM temporal.workflow WHERE workflow_id LIKE '$how%' AND status = 'Running'");
}

# ---------- what an operator lets go on is in line at once ----------

{
	my %found;
	foreach my $i (1 .. 8)
	{
		foreach my $what ("reset_activity('anew$i', activity_type => '*')", "pause_activity('anew$i', activity_type => '*')", "unpause_activity('anew$i', activity_type => '*')",
			"update_activity_options('anew$i', activity_type => '*', task_queue => 'elsewhere$i')", "reset_activity('anew$i', activity_type => '*', restore_original_options => true)")
		{
			my ($name) = $what =~ /^(\w+)/;
			my $queue = $name eq 'update_activity_options' ? "elsewhere$i" : "anew$i";
			if (!%found || $what =~ /^reset_activity.*\*'\)/)
			{
				start("anew$i", 3, 'ext', "anew$i", 'null');
				$node->wait_for("SELECT count(*) = 3 FROM temporal.pending_activity WHERE task_queue = 'anew$i'");
			}
			# the poll gives back what it gets
			my ($n) = $node->query("SELECT temporal.$what; BEGIN; SELECT count(*) || ' given' FROM temporal.poll_activity_task('$queue', 'me', '0 s', 5); ROLLBACK") =~ /(\d+) given/;
			$found{$name} .= $n;
		}
	}
	is($found{reset_activity}, '33' x 8, 'a poll right after reset_activity() finds what it has reset, or moved back');
	is($found{pause_activity}, '0' x 8, '... nothing of paused activities');
	is($found{unpause_activity}, '3' x 8, '... after unpause_activity() all');
	is($found{update_activity_options}, '3' x 8, '... and in the queue to which update_activity_options() has moved them');
}

is($node->broken_runs, '', 'every history is whole');
done_testing();
