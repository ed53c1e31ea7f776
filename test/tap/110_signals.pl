# Signals under fire: 50 sessions send 200 signals each to one workflow, and a
# row trigger sends 1,000 to each of 100 workflows, while executors and the
# dispatcher get kill -9 and the server is stopped in immediate mode. Each signal
# is handled exactly once, and those of one sender in their order.
#
# A process that dies loses what the operating system was not given, whether or
# not that is on disk, so fsync is off here. Every crash ends all sessions: the
# senders connect again, and send what was not answered with the same request id.
# TEMPORAL_PG_SEED=n repeats the random choices of a run (not its timing).

use strict;
use warnings;
use List::Util qw(shuffle sum0);
use TemporalClient;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $SENDERS = 50;
my $EACH = 200;
my $WATCHERS = 100;
my $ROWS = 1000;
my $long = $ENV{TEMPORAL_PG_LONG};

my $seed = $ENV{TEMPORAL_PG_SEED} // time() * 1000 % 1_000_000_000;
srand($seed);
diag("seed $seed");

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
			got[i] := one;
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

# An executor that has a run just now, if there is one.
sub kill_executor_at_work
{
	my $kill;
	until ($kill)
	{
		my ($pid, $works) = split /\|/, $node->query(q{
			SELECT pid, EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'userlock') AS works
			FROM pg_stat_activity a WHERE backend_type = 'temporal_pg executor' ORDER BY works DESC, random() LIMIT 1});
		return unless defined $pid;
		$kill = $node->kill_backend($pid) && $works;
	}
	return $kill eq 't';
}

# Lets the clients ask until all is answered, and has something killed now and
# then, at moments spread over their progress. Returns how many hits cut off a
# client, how many of them hit an executor at work, and what they were.
sub under_fire
{
	my ($clients, $total, @hits) = @_;
	my (@cuts, @struck);
	my $at_work = 0;
	my $next = sub { return $total * (@struck + rand()) / (@hits + @struck + 1) };
	my $when = $next->();
	while (grep { $_->run } @$clients)
	{
		sleep 0.01;
		next unless @hits && $when <= sum0 map { scalar @{ $_->{answers} } } @$clients;
		next unless grep { $_->is_connected } @$clients;
		my $hit = $hits[0];
		my $cut = sum0 map { $_->{cuts} } @$clients;
		if ($hit eq 'executor')
		{
			my $works = kill_executor_at_work();
			next unless defined $works;
			$at_work += $works;
		}
		elsif ($hit eq 'dispatcher')
		{
			my ($pid) = $node->dispatcher_pids;
			next unless $pid && $node->kill_backend($pid);
		}
		else { $node->restart_immediate }
		push @struck, shift @hits;
		push @cuts, $cut;
		$when = $next->();
	}
	push @cuts, sum0 map { $_->{cuts} } @$clients;
	return (scalar(grep { $cuts[ $_ + 1 ] > $cuts[$_] } 0 .. $#struck), $at_work, \@struck);
}

sub hits
{
	my ($n) = @_;
	return ('executor', shuffle(('executor') x ($n - 3), 'dispatcher', 'server'));
}

# ---------- 50 sessions, one workflow ----------

my $total = $SENDERS * $EACH;
my @hits = hits($long ? 40 : 7);
$node->query("SELECT temporal.start_workflow('counter', '$total', id => 'one')");
my @senders = map { TemporalClient->new($node, doubtful => 1) } 1 .. $SENDERS;
for my $k (0 .. $#senders)
{
	# commits a little later than it sends, so that they overlap, and are not done before the fire is
	$senders[$k]->ask(map {
			"SELECT temporal.signal('one', 'count', '[$k, $_]', request_id => 'r$k-$_') AS result, pg_sleep(0.03 * random()) AS pause"
		} 1 .. $EACH);
}
my $began = time();
my ($cut, $at_work, $struck) = under_fire(\@senders, $total, @hits);
my $sent = time();
is(scalar @$struck, scalar @hits, 'hits while they send: ' . join(', ', @$struck));
cmp_ok($cut, '>=', @hits - 1, "$cut have cut off senders");
cmp_ok($at_work, '>=', 2, 'executors died at work');
cmp_ok(sum0(map { $_->{again} } @senders), '>=', $SENDERS, 'signals that had been taken were sent again');
is(join(' ', map { @{ $_->{different} }, @{ $_->{trouble} } } @senders), '', 'and all were answered alike');
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'one'});
diag(sprintf 'sent in %.1f s, handled after %.1f s; %d executors died at work, %d signals sent again', $sent - $began, time() - $began, $at_work,
	sum0(map { $_->{again} } @senders));
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

# ---------- a row trigger, a hundred workflows ----------

$node->query(qq{
	CREATE TABLE parcel (k int, i int, PRIMARY KEY (k, i));
	CREATE TRIGGER parcel_changed AFTER INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('watch-%s', 'k', 'changed');
	SELECT temporal.start_workflow('watcher', '$ROWS', id => 'watch-' || k) FROM generate_series(1, $WATCHERS) k;
});
# Four sessions, each with workflows of its own. The primary key tells whether a
# statement that was cut off had been committed: then it inserts nothing.
@hits = hits($long ? 20 : 5);
my $share = $WATCHERS / 4;
my $batch = $ROWS / 10;
my @inserters = map { TemporalClient->new($node) } 1 .. 4;
for my $k (0 .. $#inserters)
{
	my ($from, $to) = ($k * $share + 1, ($k + 1) * $share);
	$inserters[$k]->ask(map {
			"WITH new AS (INSERT INTO parcel SELECT k, i FROM generate_series($_ * $batch + 1, $_ * $batch + $batch) i, generate_series($from, $to) k "
			  . 'ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) AS result FROM new'
		} 0 .. $ROWS / $batch - 1);
}
$began = time();
($cut, $at_work, $struck) = under_fire(\@inserters, sum0(map { scalar @{ $_->{asked} } } @inserters), @hits);
$sent = time();
is(scalar @$struck, scalar @hits, 'hits while the trigger sends: ' . join(', ', @$struck));
cmp_ok($cut, '>=', @hits - 1, "$cut have cut off statements");
is(join(' ', map { @{ $_->{trouble} } } @inserters), '', 'nothing else went wrong');
is(join(' ', grep { $_ != 0 && $_ != $share * $batch } map { $_->[1] } map { @{ $_->{answers} } } @inserters), '', 'a statement was done as a whole, or not at all');
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE workflow_id LIKE 'watch-%' AND status = 'Running'}, timeout => 120);
diag(sprintf 'sent in %.1f s, handled after %.1f s; %d executors died at work', $sent - $began, time() - $began, $at_work);
is($node->query('SELECT count(*) FROM parcel'), $WATCHERS * $ROWS, 'all rows are there');
is($node->query(q{SELECT DISTINCT status, temporal.result(workflow_id) FROM temporal.workflow WHERE workflow_id LIKE 'watch-%'}),
	qq(Completed|{"n": $ROWS}), "$ROWS signals of a trigger to each of $WATCHERS workflows: exactly once, in order");
is($node->query(q{SELECT count(*) FROM temporal.pending_message}), '0', 'no mail is left');
is($node->broken_runs, '', 'every run is whole, and replays');

$node->stop;
done_testing();
