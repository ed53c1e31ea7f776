# Signals under fire: 50 sessions send 200 signals each to one workflow, and a
# row trigger sends 1,000 to each of 10 workflows, while executors get kill -9.
# Each signal is handled exactly once, and those of one sender in their order.
#
# A process that dies loses what the operating system was not given, whether or
# not that is on disk, so fsync is off here. A sender whose COMMIT was not
# answered finds out by a request id: it sends the same signal again.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $SENDERS = 50;
my $EACH = 200;
my $KILLS = $ENV{TEMPORAL_PG_LONG} ? 40 : 6;

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 500ms
temporal_pg.max_executors = 4
max_connections = 120
});

$node->query(q{
	-- takes n signals and gives the numbers of each sender, in the order of their handling
	CREATE FUNCTION counter(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		one jsonb;
		got jsonb[];
	BEGIN
		FOR i IN 1 .. n LOOP
			one := temporal.wait_signal('count');
			got[i] := one -> 0;
		END LOOP;
		RETURN to_jsonb(got);
	END $$;
	SELECT temporal.register_workflow('counter');
	CREATE FUNCTION watcher(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('(state->>''n'')::int = (args)::int', args => to_jsonb(n));
		RETURN temporal.state();
	END $$;
	-- notes how many there were, and what was not in order
	CREATE FUNCTION row_changed(op text, old jsonb, new jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF (new ->> 'i')::int <> temporal.state('n', 0) + 1 THEN
			PERFORM temporal.set_state('disorder', new);
		END IF;
		PERFORM temporal.set_state('n', temporal.state('n', 0) + 1);
	END $$;
	SELECT temporal.register_workflow('watcher', signals => '{"changed": "row_changed"}');
});

# ---------- 50 sessions, one workflow ----------

my $total = $SENDERS * $EACH;
$node->query("SELECT temporal.start_workflow('counter', '$total', id => 'one')");
my $script = PostgreSQL::Test::Utils::tempdir() . '/send.sql';
open my $fh, '>', $script or die $!;
print $fh <<'SQL';
\set next :i + 1
SELECT temporal.signal('one', 'count', jsonb_build_array(jsonb_build_array(:client_id, :next)), request_id => 'r' || :client_id || '-' || :next);
\set i :next
SQL
close $fh;

# a crash of the server ends all sessions, so here they send first, and executors die while they handle
my $killer = sub {
	my ($kills, $done) = @_;
	my $n = 0;
	my $until = time() + 60;
	while ($n < $kills && time() < $until)
	{
		my ($status, $out) = $node->try_query($done);
		last if $status == 0 && $out eq 't';
		$n++ if defined $node->kill_executor(wait => 1);
		sleep(rand(0.3));
	}
	return $n;
};

my $began = time();
$node->PostgreSQL::Test::Cluster::command_ok(
	[
		'pgbench', '-n', '-c', $SENDERS, '-j', 2, '-t', $EACH, '-D', 'i=0',
		'-f', $script, 'postgres'
	],
	"$SENDERS sessions send $EACH signals each");
my $sent = time();
my $kills = $killer->($KILLS, q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'one'});
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'one'}, timeout => 120);
diag(sprintf 'sent in %.1f s, handled after %.1f s, %d kills', $sent - $began, time() - $began, $kills);
is($node->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'one'}), 'Completed', 'the workflow has taken them all');
is($node->query(q{
	WITH got AS (
		SELECT (e ->> 0)::int AS sender, (e ->> 1)::int AS i, n
		FROM jsonb_array_elements(temporal.result('one')) WITH ORDINALITY AS x (e, n))
	SELECT count(*) || ' ' || count(DISTINCT (sender, i)) || ' ' || count(DISTINCT sender) FROM got}),
	"$total $total $SENDERS", 'each exactly once');
is($node->query(q{
	WITH got AS (
		SELECT (e ->> 0)::int AS sender, (e ->> 1)::int AS i, n
		FROM jsonb_array_elements(temporal.result('one')) WITH ORDINALITY AS x (e, n))
	SELECT count(*) FROM (SELECT i - row_number() OVER (PARTITION BY sender ORDER BY n) AS off FROM got) AS x WHERE off <> 0}),
	'0', 'those of one sender in their order');
is($node->query(q{SELECT count(*) FROM temporal.pending_message}), '0', 'no mail is left');

# ---------- a row trigger, ten workflows ----------

$node->query(q{
	CREATE TABLE parcel (k int, i int, PRIMARY KEY (k, i));
	CREATE TRIGGER parcel_changed AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('watch-%s', 'k', 'changed');
	SELECT temporal.start_workflow('watcher', '1000', id => 'watch-' || k) FROM generate_series(1, 10) k;
});
for my $from (0 .. 9)
{
	my $sql = "INSERT INTO parcel SELECT k, i FROM generate_series($from * 100 + 1, $from * 100 + 100) i, generate_series(1, 10) k";
	# a statement that the crash has cut off is done again, unless it had been committed
	my $done = "SELECT count(*) = 1000 FROM parcel WHERE i > $from * 100 AND i <= $from * 100 + 100";
	$node->kill_executor(wait => 1) if $from % 3 == 1;
	for my $try (1 .. 5)
	{
		my ($status) = $node->try_query($sql);
		last if $status == 0;
		$node->wait_ready;
		last if $node->query($done) eq 't';
	}
}
$node->wait_for(q{SELECT count(*) = 10 FROM temporal.workflow WHERE workflow_id LIKE 'watch-%' AND status = 'Completed'}, timeout => 120);
is($node->query(q{SELECT DISTINCT temporal.result(workflow_id) FROM temporal.workflow WHERE workflow_id LIKE 'watch-%'}),
	'{"n": 1000}', '1,000 signals of a trigger to each of 10 workflows: exactly once, in order');
is($node->broken_runs, '', 'every run is whole, and replays');

$node->stop;
done_testing();
