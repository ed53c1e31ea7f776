# Trees of 10 x 10 x 10 children under fire: kill -9 of executors and the
# dispatcher, immediate restarts, and the fault points on the way from one run to
# another. Children end well, fail, continue as new, run an activity, or linger
# until the close policy of their parent reaches them; parents continue as new in
# between. Afterwards each child exists once, its outcome is in its parent once,
# policies are applied, nothing is left in outboxes and mailboxes, all runs replay.
# Retention keeps a parent until its policies are applied. And a workflow that
# continues as new for 1,000 generations: each costs the same.
#
# fsync is off as in 010_crash.pl. TEMPORAL_PG_LONG=1: more hits.
# TEMPORAL_PG_SEED=n repeats the random choices of a run (not its timing).

use strict;
use warnings;
use List::Util qw(shuffle);
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $RANDOM_HITS = $ENV{TEMPORAL_PG_LONG} ? 60 : 3;
my $seed = $ENV{TEMPORAL_PG_SEED} // time() * 1000 % 1_000_000_000;
srand($seed);
diag("seed $seed");

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 500ms
temporal_pg.max_executors = 4
temporal_pg.careful_period = 200ms
temporal_pg.continue_as_new_min_interval = 0
});

# The last digit of an id says what becomes of it.
$node->query(q{
	CREATE TABLE ledger (workflow_id text);
	CREATE FUNCTION book() RETURNS void LANGUAGE sql AS $$ INSERT INTO ledger SELECT i.workflow_id FROM temporal.activity_info() i $$;
	CREATE FUNCTION policy_of(k int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE k WHEN 7 THEN 'abandon' WHEN 9 THEN 'request_cancel' ELSE 'terminate' END $$;
	CREATE FUNCTION leaf(generation int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		k int := right((temporal.workflow_info()).workflow_id, 1);
	BEGIN
		IF k >= 7 THEN
			PERFORM temporal.wait_signal('end');
		ELSIF k = 6 AND generation < 3 THEN
			PERFORM temporal.continue_as_new(generation + 1);
		ELSIF k = 5 THEN
			PERFORM temporal.raise_application_error('a five', 'Five', non_retryable => true);
		ELSIF k < 3 THEN
			PERFORM temporal.execute_activity('book');
		ELSE
			PERFORM temporal.sleep(make_interval(secs => temporal.random()));
		END IF;
		RETURN k;
	END $$;
	-- starts ten, waits for those that end; an odd one goes on as another run with what it got
	CREATE FUNCTION branch(depth int, got int[]) RETURNS int[] LANGUAGE plpgsql AS $$
	DECLARE
		me text := (temporal.workflow_info()).workflow_id;
		f temporal.future[];
		r jsonb;
	BEGIN
		IF got IS NOT NULL THEN
			RETURN got;
		END IF;
		FOR k IN 0 .. 9 LOOP
			f := f || CASE WHEN depth > 1
				THEN temporal.start_child_workflow('branch', jsonb_build_array(depth - 1, NULL), id => me || '.' || k)
				ELSE temporal.start_child_workflow('leaf', 1, id => me || '.' || k, parent_close_policy => policy_of(k)) END;
		END LOOP;
		got := '{0,0}';
		FOR k IN 0 .. CASE WHEN depth > 1 THEN 9 ELSE 6 END LOOP
			BEGIN
				r := temporal.await(f[k + 1]);
				got := CASE WHEN depth > 1 THEN ARRAY[got[1] + (r ->> 0)::int, got[2] + (r ->> 1)::int] ELSE ARRAY[got[1] + 1, got[2]] END;
			EXCEPTION WHEN SQLSTATE 'TF003' THEN
				got[2] := got[2] + 1;
			END;
		END LOOP;
		-- those of the last moment, too
		IF depth = 1 THEN
			FOR k IN 8 .. 9 LOOP
				PERFORM temporal.child_execution(f[k + 1]);
			END LOOP;
		END IF;
		IF right(me, 1) ~ '[13579]' THEN
			PERFORM temporal.continue_as_new(jsonb_build_array(depth, got));
		END IF;
		RETURN got;
	END $$;
	SELECT temporal.register_activity('book', retry_policy => temporal.retry_policy('50 ms')), temporal.register_workflow('leaf'), temporal.register_workflow('branch');
});

# again and again until it is done
sub until_done
{
	my ($sql) = @_;
	foreach (1 .. 5)
	{
		my ($status, $out, $err) = $node->try_query($sql);
		return $out if $status == 0;
		BAIL_OUT("$sql: $err") unless $err =~ /server closed|connect|terminated abnormally|starting up|in recovery|shutting down/;
		$node->wait_ready;
	}
	die 'the server does not stay up';
}

my $trees = 0;

# There is always one that grows.
sub plant
{
	return if $trees && until_done(q{SELECT count(*) FROM temporal.workflow WHERE parent_workflow_id IS NULL AND status = 'Running'}) > 0;
	my $id = 't' . ++$trees . '-';
	# a root goes on as another run, whose request id is another one
	until_done("SELECT temporal.start_workflow('branch', '[3, null]', id => '$id') WHERE NOT EXISTS (SELECT FROM temporal.workflow WHERE workflow_id = '$id')");
	return;
}

my @hits = shuffle(
	qw(fault:outbox_before_commit fault:outbox_before_commit fault:next_run_started fault:task_events_written fault:close_before_update fault:terminate_before_commit),
	qw(server dispatcher executor), map { (qw(executor executor server fault:outbox_before_commit fault:next_run_started))[ rand 5 ] } 1 .. $RANDOM_HITS);
my $began = time();
foreach my $hit (@hits)
{
	plant();
	sleep 0.1 + rand 0.3;
	if ($hit =~ /^fault:(.*)/)
	{
		my $file = $node->data_dir . "/temporal_pg_fault_$1";
		my $until = time() + 30;
		$node->arm_fault($1);
		while (-e $file)
		{
			die "fault point $1 was never reached" if time() > $until;
			plant();
			sleep 0.02;
		}
		$node->wait_fault($1);
	}
	elsif ($hit eq 'server') { $node->restart_immediate }
	elsif ($hit eq 'dispatcher') { $node->kill_backend(($node->dispatcher_pids)[0]) }
	else { $node->kill_executor or die 'no executor to kill' }
}
diag(sprintf('%d hits in %.1f s, %d trees', scalar @hits, time() - $began, $trees));

# ---------- what is there afterwards ----------

$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE workflow_type = 'branch' AND status = 'Running'}, timeout => 90);
my $quiet = q{SELECT NOT EXISTS (SELECT FROM temporal_internal.outbox) AND NOT EXISTS (SELECT FROM temporal_internal.message)};
$node->wait_for($quiet, timeout => 30);
diag(sprintf('all over after %.1f s', time() - $began));

is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE parent_workflow_id IS NULL AND is_current AND temporal.result(workflow_id) = '[600, 100]'}), $trees, 'each root has counted its leaves: each outcome once');
is($node->query(q{SELECT count(DISTINCT workflow_id) || ' ' || count(DISTINCT first_run_id) FROM temporal.workflow WHERE parent_workflow_id IS NOT NULL}),
	1110 * $trees . ' ' . 1110 * $trees, 'each child has been started once');
is($node->query(q{
	SELECT string_agg(k || ' ' || status || ' ' || n || ' in ' || runs, ', ' ORDER BY k) FROM (
		SELECT right(workflow_id, 1) AS k, max(status::text) FILTER (WHERE is_current) AS status, count(DISTINCT workflow_id) AS n, count(*) AS runs
		FROM temporal.workflow WHERE workflow_type = 'leaf' GROUP BY 1) x}),
	join(', ', map { my ($k, $status, $runs) = @$_; sprintf '%d %s %d in %d', $k, $status, 100 * $trees, 100 * $runs * $trees }
		[ 0, 'Completed', 1 ], [ 1, 'Completed', 1 ], [ 2, 'Completed', 1 ], [ 3, 'Completed', 1 ], [ 4, 'Completed', 1 ], [ 5, 'Failed', 1 ],
		[ 6, 'Completed', 3 ], [ 7, 'Running', 1 ], [ 8, 'Terminated', 1 ], [ 9, 'Canceled', 1 ]), 'leaves have ended as they should, and by the policy of their parent');
is($node->query(q{SELECT count(*) FROM (SELECT right(workflow_id, 1) ~ '[13579]' AS odd, count(*) AS runs FROM temporal.workflow WHERE workflow_type = 'branch' GROUP BY workflow_id) x WHERE runs <> CASE WHEN odd THEN 2 ELSE 1 END}),
	0, 'odd branches have gone on as another run, once');
is($node->query(q{SELECT count(*) || ' ' || count(DISTINCT workflow_id) FROM ledger}), 300 * $trees . ' ' . 300 * $trees, 'each activity of a leaf has had its effect once');
# events of the parents, by the event that asked for the child
is($node->query(q{
	SELECT string_agg(concat_ws(' ', started, ended, n), ', ' ORDER BY ended) FROM (
		SELECT started, ended, count(*) AS n FROM (
			SELECT count(*) FILTER (WHERE h.event_type = 31) AS started, count(*) FILTER (WHERE h.event_type BETWEEN 32 AND 36) AS ended
			FROM temporal_internal.history h WHERE event_type BETWEEN 31 AND 36 OR event_type = 30 GROUP BY execution_key, attributes ->> 'initiatedEventId') x
		GROUP BY 1, 2) y}), join(', ', '1 0 ' . 300 * $trees, '1 1 ' . 810 * $trees), 'each parent was told once of the start, and once of the end of those that it waited for');
is($node->query(q{SELECT count(*) FROM temporal_internal.execution c WHERE parent IS NOT NULL AND NOT EXISTS (
		SELECT FROM temporal_internal.execution p JOIN temporal_internal.history h ON h.execution_key = p.key
		WHERE p.run_id = (c.parent ->> 'runId')::uuid AND h.event_id = (c.parent ->> 'initiatedEventId')::int AND h.event_type = 29 AND h.attributes ->> 'workflowId' = c.workflow_id)}),
	0, 'each child names the event that asked for it');
$node->query(q{SELECT count(temporal.signal(workflow_id, 'end')) FROM temporal.workflow WHERE workflow_type = 'leaf' AND status = 'Running'});
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE status = 'Running'});
is($node->query($quiet), 't', 'those that were abandoned live on, and end; nothing is left in outboxes and mailboxes');
is($node->broken_runs, '', 'all runs are whole, and replay');

# ---------- retention ----------

# A parent has ended, but a session holds its child: the close policy waits. It does so longer than the parent is kept.
my $holder = $node->background_psql('postgres');
$node->query(q{SELECT temporal.start_workflow('branch', '[1, null]', id => 'old-0'), temporal.start_workflow('leaf', '3', id => 'old-3')});
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'old-0.8'});
$node->query(q{SELECT temporal.start_workflow('branch', '[1, null]', id => 'old-2')});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.workflow WHERE workflow_id = 'old-2.8'});
$holder->query_safe(q{BEGIN; SELECT temporal.signal('old-2.8', 'hello')});
$node->wait_for(q{SELECT bool_and(status <> 'Running') FROM temporal.workflow WHERE workflow_id IN ('old-0', 'old-2', 'old-3')});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal_internal.outbox});
# a piece of 10,000 runs each minute
my $walk = 60 + 60 * $node->query(q{SELECT (SELECT max(key) FROM temporal_internal.execution) / 10000});
sub expire
{
	$node->query(q{UPDATE temporal_internal.execution SET close_time = now() - interval '10 years' WHERE workflow_id IN ('old-0', 'old-2', 'old-3')});
	# it looks once a minute, and when it starts
	kill 'TERM', $node->dispatcher_pids;
	return;
}
expire();
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE workflow_id IN ('old-0', 'old-3')}, timeout => $walk);
is($node->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'old-2'}), 'Completed', 'a run that has yet to tell others something is kept');
$holder->query_safe('COMMIT');
$holder->quit;
$node->wait_for(q{SELECT status = 'Terminated' FROM temporal.workflow WHERE workflow_id = 'old-2.8'});
expire();
$node->wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE workflow_id = 'old-2'}, timeout => $walk);

# ---------- 1,000 generations ----------

$node->query(q{
	CREATE FUNCTION heir(generation int, load text) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF generation < 1000 THEN
			PERFORM temporal.continue_as_new(jsonb_build_array(generation + 1, load));
		END IF;
		RETURN generation;
	END $$;
	SELECT temporal.register_workflow('heir');
});

# kB of each executor's own memory
sub memory
{
	my %kb;
	foreach my $pid ($node->executor_pids)
	{
		open my $fh, '<', "/proc/$pid/status" or next;
		while (<$fh>) { $kb{$pid} = $1 if /^RssAnon:\s+(\d+)/ }
		close $fh;
	}
	return \%kb;
}
sub generations
{
	my ($id) = @_;
	$node->query("SELECT temporal.start_workflow('heir', jsonb_build_array(1, repeat('x', 10000)), id => '$id')");
	is($node->query("CALL temporal.await_result('$id', wait_timeout => '60 s')"), '1000', "1,000 generations: $id");
	return;
}
generations('first');
my $before = memory();
generations('second');
my $after = memory();
my ($pieces, $ratio) = split /\|/, $node->query(q{
	WITH piece AS (
		SELECT workflow_id, (run_no - 1) / 100 AS piece, max(start_time) - min(start_time) AS took FROM temporal_internal.execution WHERE workflow_type = 'heir' GROUP BY 1, 2)
	SELECT string_agg(workflow_id || ' ' || piece || ': ' || extract(milliseconds FROM took)::int, ', ' ORDER BY workflow_id, piece) FILTER (WHERE piece IN (0, 9)),
		round((extract(epoch FROM sum(took) FILTER (WHERE piece = 9)) / extract(epoch FROM sum(took) FILTER (WHERE piece = 0)))::numeric, 2)
	FROM piece});
diag("ms for 100 generations: $pieces; ratio $ratio");
cmp_ok($ratio, '<', 3, 'the last 100 generations cost about what the first 100 did');
my @grown = map { "$_: $before->{$_} to $after->{$_} kB" } grep { exists $after->{$_} && $after->{$_} > $before->{$_} + 4096 } keys %$before;
ok(%$before, 'the executors are still there') or diag(explain($before));
is("@grown", '', 'and have not grown by 1,000 generations of 10 kB');

done_testing();
