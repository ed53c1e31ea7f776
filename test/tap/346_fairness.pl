# Fairness keys by weight from end to end: three keys of weights 1, 2 and 4, all of which have work waiting in one queue, by
# executors, by workers outside who poll for one task or for ten, and by requests (activities of type http); a key that comes
# late; weights of the queue for what is queued; keys of CALL execute_workflow(); where a run's next tasks stand in line.

use strict;
use warnings;
use HttpServer;
use TemporalNode;
use Test::More;

my $server = HttpServer->new(PostgreSQL::Test::Utils::tempdir());
my $port = $server->port;
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => qq{
temporal_pg.sweep_interval = 60s
temporal_pg.careful_period = 0
temporal_pg.max_executors = 4
temporal_pg.http_allow = '127.0.0.1:$port'
temporal_pg.http_allow_private = '127.0.0.1'
});
my $url = $server->url('/ok');
$node->query(qq{
	SELECT temporal.grant_http('postgres', 'http://127.0.0.1:*/');
	CREATE TABLE did (n bigint GENERATED ALWAYS AS IDENTITY, queue text, id text);
	CREATE FUNCTION act() RETURNS void LANGUAGE sql AS 'INSERT INTO did (queue, id) SELECT task_queue, workflow_id FROM temporal.activity_info()';
	CREATE FUNCTION fan(type text, n int, queue text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity(type, jsonb_build_object('url', '$url'), task_queue => queue, start_to_close_timeout => '1 h'))) FROM generate_series(1, n);
	END \$\$;
	CREATE FUNCTION acts(n int, queue text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity('act', task_queue => queue, start_to_close_timeout => '1 h'))) FROM generate_series(1, n);
	END \$\$;
	-- keys of its activities, in two workflow tasks
	CREATE FUNCTION twice(queue text) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE f temporal.future[];
	BEGIN
		FOR i IN 1 .. 2 LOOP
			f := f || (SELECT array_agg(temporal.start_activity('ext', task_queue => queue, fairness_key => 'k' || k % 5, start_to_close_timeout => '1 h')) FROM generate_series(1, 10) k);
			PERFORM temporal.sleep('1 ms');
		END LOOP;
		PERFORM temporal.await_all(f);
	END \$\$;
	CREATE FUNCTION own() RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(i) FROM temporal.workflow_info() i';
	SELECT temporal.register_workflow('fan'), temporal.register_workflow('acts'), temporal.register_workflow('twice'), temporal.register_workflow('own'), temporal.register_activity('act'), temporal.register_activity('ext', mode => 'external');
	CREATE PROCEDURE polls(queue text, times int, most int) LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR i IN 1 .. times LOOP
			INSERT INTO did (queue, id) SELECT queue, p.workflow_id FROM temporal.poll_activity_task(queue, 'me', '0 s', most) p, LATERAL (SELECT temporal.complete_activity(p.task_token)) c;
			COMMIT;
		END LOOP;
	END \$\$;
});

sub fan
{
	my ($id, $type, $n, $queue, $key, $weight) = @_;
	my $call = $type eq 'act' ? "'acts', '[$n, \"$queue\"]'" : "'fan', '[\"$type\", $n, \"$queue\"]'";
	$node->query("SELECT temporal.start_workflow($call, id => '$id', fairness_key => '$key', fairness_weight => $weight)");
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE workflow_id = '$id'");
	return;
}
sub fans
{
	my ($queue, $type, $n) = @_;
	fan("$queue-one", $type, $n, $queue, 'one', 1);
	fan("$queue-two", $type, $n, $queue, 'two', 2);
	fan("$queue-four", $type, $n, $queue, 'four', 4);
	return;
}
# of those between two places, how many were of each
sub shares
{
	my ($queue, $first, $last, $order) = @_;
	$order //= "SELECT id, row_number() OVER (ORDER BY n) p FROM did WHERE queue = '$queue'";
	my %share = map { my ($id, $n) = split /\|/; ($id =~ s/^\Q$queue\E-//r, $n) } split /\n/, $node->query("SELECT id, count(*) FROM ($order) x WHERE p BETWEEN $first AND $last GROUP BY id");
	return \%share;
}
sub are
{
	my ($share, $expected, $off, $what) = @_;
	my $text = join ', ', map { "$_ " . ($share->{$_} // 0) } sort keys %$expected;
	my @bad = grep { abs(($share->{$_} // 0) - $expected->{$_}) > $off } keys %$expected;
	ok(!@bad, "$what: $text");
	return;
}
sub done { my ($queue, $n) = @_; $node->wait_for("SELECT count(*) >= $n FROM did WHERE queue = '$queue'", timeout => 60); return }
my $by_weight = { one => 100, two => 200, four => 400 };

# ---------- executors ----------

$node->query("SELECT temporal.configure_task_queue('exec', max_concurrent_activities => 1), temporal.pause_task_queue('exec')");
fans('exec', 'act', 1800);
$node->query("SELECT temporal.unpause_task_queue('exec')");
done('exec', 740);
are(shares('exec', 1, 700), $by_weight, 15, 'executors, 700 tasks');
$node->query("SELECT temporal.pause_task_queue('exec')");
fan('exec-late', 'act', 60, 'exec', 'late', 4);
my $begun = $node->query("SELECT count(*) FROM did WHERE queue = 'exec'");
$node->query("SELECT temporal.unpause_task_queue('exec')");
done('exec', $begun + 60);
are(shares('exec', $begun + 1, $begun + 55), { late => 20, four => 20, two => 10, one => 5 }, 8, 'a key that comes late, 55 tasks');
$node->query("SELECT temporal.terminate(workflow_id) FROM temporal.workflow WHERE status = 'Running'");

# ---------- workers outside ----------

fans('one', 'ext', 700);
$node->query("CALL polls('one', 700, 1)");
are(shares('one', 1, 700), $by_weight, 7, 'polls for one task, 700 tasks');
fan('one-late', 'ext', 100, 'one', 'late', 4);
$node->query("CALL polls('one', 55, 1)");
are(shares('one', 701, 755), { late => 20, four => 20, two => 10, one => 5 }, 4, 'a key that comes late, in a new session');
fans('ten', 'ext', 700);
$node->query("CALL polls('ten', 70, 10)");
are(shares('ten', 1, 700), $by_weight, 7, 'polls for ten, 700 tasks');
$node->query(q{SELECT temporal.configure_task_queue('ten', fairness_weights => '{"one": 20, "two": 4, "four": 1}')});
$node->query("CALL polls('ten', 25, 10)");
are(shares('ten', 701, 950), { one => 200, two => 40, four => 10 }, 7, 'weights of the queue at once, 250 tasks');
$node->query("SELECT temporal.terminate(workflow_id) FROM temporal.workflow WHERE status = 'Running'");

# places in line of tasks that a run queues in several transactions
$node->query("SELECT temporal.start_workflow('twice', '\"twice\"', id => 'twice')");
$node->wait_for("SELECT count(*) = 20 FROM temporal.pending_activity WHERE workflow_id = 'twice'");
is($node->query("SELECT string_agg(fairness_key || ':' || passes, ' ' ORDER BY fairness_key) FROM (SELECT fairness_key, string_agg(pass::text, ',' ORDER BY scheduled_event_id) passes FROM temporal_internal.activity_task WHERE task_queue = 'twice' GROUP BY 1) x"),
	join(' ', map { "k$_:0,1,2,3" } 0 .. 4), 'a run that queues tasks of several keys again has them behind its own');

# ---------- requests ----------

$node->query("SELECT temporal.configure_task_queue('http', max_concurrent_activities => 1), temporal.pause_task_queue('http')");
fans('http', 'http', 600);
$node->query("SELECT temporal.unpause_task_queue('http')");
my $order = q{SELECT s.workflow_id AS id, row_number() OVER (ORDER BY s.event_time, s.workflow_id) p FROM temporal.history s WHERE s.workflow_id LIKE 'http-%' AND s.event_type = 'ActivityTaskStarted'};
$node->wait_for("SELECT count(*) >= 740 FROM ($order) x", timeout => 120);
$node->query("SELECT temporal.pause_task_queue('http')");
are(shares('http', 1, 700, $order), $by_weight, 20, 'requests, 700 tasks');
$node->query("SELECT temporal.terminate(workflow_id) FROM temporal.workflow WHERE status = 'Running'");

# ---------- CALL execute_workflow() ----------

is($node->query(q{CALL temporal.execute_workflow('own', priority_key => 2, fairness_key => 'ann', fairness_weight => 3)}) =~ /"fairness_key": "ann"/ ? 1 : 0, 1, 'CALL execute_workflow() takes a key');
is($node->query(q{CALL temporal.execute_workflow('own', NULL, 'by position', NULL, NULL, NULL, NULL, 'allow_duplicate', 'fail', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2, NULL, '1 min', NULL)}) =~ /"priority_key": 2/ ? 1 : 0, 1, '... and is called by position as before');
for (q{fairness_key => ''}, q{fairness_weight => 'Infinity'}, 'fairness_weight => 0', 'priority_key => 9')
{
	my ($rc, $out, $err) = $node->psql('postgres', "CALL temporal.execute_workflow('own', $_)");
	like($err, qr/ERROR:  (fairness_key must have|fairness_weight must be|priority_key must be)/, "... $_");
}

is($node->broken_runs, '', 'every history is whole');
$server->stop;
done_testing();
