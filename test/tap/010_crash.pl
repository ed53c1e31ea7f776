# Workflows under fire: executors get kill -9, the server stops in immediate
# mode, at random moments and once at each named fault point. Afterwards every
# run is complete, every activity has happened exactly once, and every history
# is whole and replays.
#
# A process that dies and a server that stops lose what the operating system was
# not given, whether or not it has put that to disk; so fsync is off, which makes
# recoveries short. TEMPORAL_PG_LONG=1 has it on, and more of everything.
# TEMPORAL_PG_SEED=n repeats the random choices of a run (not its timing).

use strict;
use warnings;
use List::Util qw(shuffle);
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $long = $ENV{TEMPORAL_PG_LONG} // 0;
my $WORKFLOWS = $long ? 1000 : 200;
my $RANDOM_HITS = $long ? 100 : 24;

my $seed = $ENV{TEMPORAL_PG_SEED} // time() * 1000 % 1_000_000_000;
srand($seed);
diag("seed $seed");

my $node = TemporalNode->new_preloaded('main', fsync => $long, conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 500ms
temporal_pg.max_executors = 4
temporal_pg.continue_as_new_min_interval = 20ms
});

$node->query(q{
	CREATE TABLE ledger (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, steps int[] NOT NULL DEFAULT '{}', expected int NOT NULL DEFAULT 5);

	CREATE FUNCTION add(id int, step int) RETURNS int LANGUAGE sql AS $$
		UPDATE ledger l SET n = n + 1, steps = steps || add.step WHERE l.id = add.id RETURNING n $$;
	-- too long for an eager step
	CREATE FUNCTION add_slowly(id int, step int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE ledger l SET n = n + 1, steps = steps || step WHERE l.id = add_slowly.id;
		PERFORM pg_sleep(0.12);
		RETURN step;
	END $$;
	-- writes, and fails, twice
	CREATE FUNCTION add_at_third_attempt(id int, step int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		UPDATE ledger l SET n = n + 1, steps = steps || step WHERE l.id = add_at_third_attempt.id;
		IF (temporal.activity_info()).attempt < 3 THEN
			RAISE EXCEPTION 'attempt %', (temporal.activity_info()).attempt;
		END IF;
		RETURN step;
	END $$;
	-- of another role: in another process
	CREATE ROLE clerk LOGIN;
	GRANT SELECT, UPDATE ON ledger TO clerk;
	CREATE FUNCTION add_as_clerk(id int, step int) RETURNS text LANGUAGE sql AS $$
		UPDATE ledger l SET n = n + 1, steps = steps || add_as_clerk.step WHERE l.id = add_as_clerk.id;
		SELECT current_user::text $$;
	ALTER FUNCTION add_as_clerk(int, int) OWNER TO clerk;

	CREATE FUNCTION nap() RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.7) $$;

	CREATE FUNCTION step_of(activity text, id int, step int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity(activity, jsonb_build_array(id, step));
	END $$;

	-- does the steps that it is sent
	CREATE FUNCTION keeper(id int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. 5 LOOP
			PERFORM step_of('add', id, temporal.wait_signal('step')::int);
		END LOOP;
	END $$;
	CREATE FUNCTION start_keeper(id int) RETURNS text LANGUAGE sql AS $$
		SELECT temporal.start_workflow('keeper', to_jsonb(id), id => 'k' || id, id_conflict_policy => 'use_existing') $$;

	-- Five steps, each kind its own way.
	CREATE FUNCTION five(id int, kind text, done int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		way text;
		ways text[] := '{}';
		slow temporal.future;
	BEGIN
		CASE kind
			WHEN 'eager' THEN
				FOR i IN 1 .. 5 LOOP
					PERFORM step_of('add', id, i);
				END LOOP;
			WHEN 'parallel' THEN
				PERFORM temporal.await_all(array_agg(temporal.start_activity('add', jsonb_build_array(id, i)))) FROM generate_series(1, 5) AS i;
			WHEN 'slow' THEN
				slow := temporal.start_activity('add_slowly', jsonb_build_array(id, 1));
				PERFORM step_of('add', id, 2);
				PERFORM temporal.await(slow);
				PERFORM step_of('add_slowly', id, 3);
				PERFORM step_of('add', id, 4);
				PERFORM step_of('add', id, 5);
			WHEN 'timers' THEN
				FOR i IN 1 .. 5 LOOP
					PERFORM step_of('add', id, i);
					PERFORM temporal.sleep(make_interval(secs => temporal.random() * 0.4));
				END LOOP;
			WHEN 'local' THEN
				FOR i IN 1 .. 4 LOOP
					PERFORM temporal.execute_local_activity('add', jsonb_build_array(id, i));
				END LOOP;
				PERFORM temporal.sleep('200 ms');
				PERFORM temporal.execute_local_activity('add', jsonb_build_array(id, 5));
			WHEN 'blocks' THEN
				FOR i IN 1 .. 5 LOOP
					BEGIN
						IF i % 2 = 0 THEN
							PERFORM step_of('add', id, i);
						ELSE
							PERFORM temporal.execute_local_activity('add', jsonb_build_array(id, i));
						END IF;
						IF i = 3 THEN
							PERFORM temporal.sleep('200 ms');
						END IF;
						PERFORM 1 / (i - i);
					EXCEPTION WHEN division_by_zero THEN
						ways := ways || format('%s caught', i);
					END;
				END LOOP;
			WHEN 'retry' THEN
				PERFORM step_of('add_at_third_attempt', id, 1);
				PERFORM temporal.await_all(ARRAY[
					temporal.start_activity('add_at_third_attempt', jsonb_build_array(id, 2)),
					temporal.start_activity('add', jsonb_build_array(id, 3))]);
				PERFORM temporal.execute_local_activity('add_at_third_attempt', jsonb_build_array(id, 4), retry_policy => temporal.retry_policy('20 ms'));
				PERFORM step_of('add', id, 5);
			WHEN 'mixed' THEN
				FOR i IN 1 .. 5 LOOP
					way := (ARRAY['add', 'local', 'add_slowly', 'add_as_clerk', 'add_at_third_attempt', 'beside a timer'])[1 + floor(temporal.random() * 6)];
					ways := ways || way;
					PERFORM temporal.set_state('way', way);
					IF way = 'local' THEN
						PERFORM temporal.execute_local_activity('add', jsonb_build_array(id, i));
					ELSIF way = 'beside a timer' THEN
						PERFORM temporal.await_all(ARRAY[
							temporal.start_timer('100 ms'),
							temporal.start_activity('add', jsonb_build_array(id, i)),
							temporal.start_timer('50 ms')]);
					ELSE
						PERFORM step_of(way, id, i);
					END IF;
				END LOOP;
				ways := ways || temporal.state('way')::text || temporal.uuid4()::text || temporal.now()::text
					|| temporal.side_effect('SELECT clock_timestamp()')::text;
			-- one in each run
			WHEN 'chain' THEN
				PERFORM step_of('add', id, done + 1);
				IF done < 4 THEN
					PERFORM temporal.continue_as_new(jsonb_build_array(id, kind, done + 1));
				END IF;
			WHEN 'relay' THEN
				PERFORM temporal.execute_activity('start_keeper', id);
				FOR i IN 1 .. 5 LOOP
					PERFORM temporal.signal('k' || id, 'step', to_jsonb(i));
				END LOOP;
			-- fails until it is mended, see below
			WHEN 'broken' THEN
				IF id % 4 = 3 THEN
					PERFORM mend(id);
				END IF;
				PERFORM step_of('add', id, 1);
				IF id % 4 = 0 THEN
					PERFORM step_of('add', id, 2);
				ELSIF id % 4 = 1 THEN
					PERFORM temporal.execute_local_activity('add', jsonb_build_array(id, 2));
				ELSE
					PERFORM step_of('add', id, 2);
					PERFORM temporal.sleep('100 ms');
				END IF;
				PERFORM mend(id);
				FOR i IN 3 .. 5 LOOP
					PERFORM step_of('add', id, i);
				END LOOP;
			-- keeps all executors busy, so that one activity is not begun in time
			WHEN 'timeout' THEN
				FOR i IN 1 .. 8 LOOP
					PERFORM temporal.start_activity('nap');
				END LOOP;
				BEGIN
					PERFORM temporal.execute_activity('nap', schedule_to_start_timeout => '100 ms');
				EXCEPTION WHEN SQLSTATE 'TF002' THEN
					ways := ways || temporal.failure_type();
				END;
				FOR i IN 1 .. 5 LOOP
					PERFORM step_of('add', id, i);
				END LOOP;
			WHEN 'sleeper' THEN
				PERFORM temporal.sleep('1 day');
		END CASE;
		RETURN jsonb_build_object('id', id, 'ways', ways);
	END $$;
	CREATE FUNCTION mend(id int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / (id - id); END $$;

	SELECT temporal.register_activity(f, retry_policy => temporal.retry_policy('50 ms'))
	FROM unnest(ARRAY['add', 'add_slowly', 'add_at_third_attempt', 'add_as_clerk']) f;
	CREATE FUNCTION outside() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.execute_activity('outside', task_queue => 'outside'); END $$;
	SELECT temporal.register_activity('outside', mode => 'external'), temporal.register_workflow('outside');
	SELECT temporal.register_activity('nap'), temporal.register_activity('start_keeper');
	SELECT temporal.register_workflow('five'), temporal.register_workflow('keeper');
	SELECT temporal.create_namespace('old', retention => '1 hour');
});

my @kinds = qw(eager parallel slow timers local blocks retry mixed broken chain relay);
my ($crashes, $begun, $extra) = (0, 0, 0);

# Start workflows, with their ledger rows, in one transaction. A crash may come
# across it: the request id makes it safe to do it again, but for a chain, whose
# later runs have request ids of their own.
sub start_runs
{
	my ($kind, $expected, @ids) = @_;
	return $node->try_query(
		qq{INSERT INTO ledger (id, expected) SELECT unnest(ARRAY[@{[ join ',', @ids ]}]), $expected ON CONFLICT DO NOTHING;
		SELECT temporal.start_workflow('five', jsonb_build_array(i, }
		  . ($kind eq 'any' ? "(ARRAY['" . join("','", @kinds) . "'])[1 + i % " . scalar(@kinds) . "]" : "'$kind'")
		  . qq{), id => 'w' || i, request_id => 'start of ' || i, static_summary => '$kind')
		FROM unnest(ARRAY[@{[ join ',', @ids ]}]) AS i
		WHERE NOT EXISTS (SELECT FROM temporal.workflow w WHERE w.workflow_id = 'w' || i AND NOT w.is_current)});
}

sub until_started
{
	my (@arguments) = @_;
	foreach (1 .. 5)
	{
		my ($status, undef, $err) = start_runs(@arguments);
		return if $status == 0;
		BAIL_OUT("cannot start workflows: $err") unless $err =~ /server closed|connect|terminated abnormally|starting up|in recovery|shutting down/;
		$node->wait_ready;
	}
	die 'the server does not stay up';
}

# the next of the 200
sub start_some
{
	my ($n) = @_;
	my @ids = grep { $_ <= $WORKFLOWS } $begun + 1 .. $begun + $n;
	$begun += @ids;
	until_started('any', 5, @ids) if @ids;
	return scalar @ids;
}

sub start_extra
{
	my ($kind, $expected) = @_;
	my $id = 2000 + ++$extra;
	until_started($kind, $expected // 5, $id);
	return $id;
}

# After a crash activities run one by one for a while: mostly a short one here,
# since there is little else for chains of eager steps to come about.
sub next_careful_period
{
	my $period = (0, 0, 0, 400, 2000)[ int(rand(5)) ];
	$node->try_query("ALTER SYSTEM SET temporal_pg.careful_period = $period");
	$node->try_query('SELECT pg_reload_conf()');
	return;
}

# What makes the engine pass a point that the ordinary load may not reach.
my %special = (
	start_before_commit => sub {
		my ($status) = start_runs('eager', 5, 1999);
		isnt($status, 0, 'the client that was killed in a start sees an error');
		$node->wait_fault('start_before_commit');
		is($node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'w1999'"), 0, '... and nothing was started');
		until_started('eager', 5, 1999);
	},
	terminate_before_commit => sub {
		my $id = start_extra('sleeper', 0);
		my ($status) = $node->try_query("SELECT temporal.terminate('w$id', 'crash')");
		isnt($status, 0, 'the client that was killed in a termination sees an error');
		$node->wait_fault('terminate_before_commit');
		is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = 'w$id'"), 'Running', '... and nothing was terminated');
		$node->query("SELECT temporal.terminate('w$id', 'again')");
	},
	activity_opened => sub {
		$node->query("SELECT temporal.start_workflow('outside', id => 'outside')");
		$node->wait_for("SELECT count(*) = 1 FROM temporal.pending_activity WHERE workflow_id = 'outside'");
		my ($status) = $node->try_query("SELECT * FROM temporal.poll_activity_task('outside', 'crash')");
		isnt($status, 0, 'the worker that was killed in a poll sees an error');
		$node->wait_fault('activity_opened');
		is($node->query("SELECT attempt FROM temporal.poll_activity_task('outside', 'again', '10 s')"), '1', '... and the task was not given out');
		$node->query("SELECT temporal.complete_activity('outside', NULL, '1')");
	},
	delete_before_commit => sub {
		my $id = start_extra('sleeper', 0);
		my ($status) = $node->try_query("SELECT temporal.delete_workflow('w$id')");
		isnt($status, 0, 'the client that was killed in a deletion sees an error');
		$node->wait_fault('delete_before_commit');
		is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = 'w$id'"), 'Running', '... and nothing was deleted');
		$node->query("SELECT temporal.delete_workflow('w$id')");
		is($node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'w$id'"), 0, '... until it was asked for again');
	},
	map({ my $point = $_; $point => sub {
			my $id = start_extra('sleeper', 0);
			my $runs = "SELECT string_agg(status::text, ' ' ORDER BY start_time) FROM temporal.workflow WHERE workflow_id = 'w$id'";
			my $asleep = "SELECT count(*) = 1 FROM temporal.timer WHERE workflow_id = 'w$id'";
			$node->wait_for($asleep);
			my ($status) = $node->try_query("SELECT temporal.reset('w$id', 2, 'crash')");
			isnt($status, 0, "the client that was killed in a reset at $point sees an error");
			$node->wait_fault($point);
			is($node->query($runs), 'Running', '... and nothing was reset');
			$node->query("SELECT temporal.reset('w$id', 2, 'again')");
			is($node->query($runs), 'Terminated Running', '... until it was asked for again');
			$node->wait_for($asleep);
			$node->query("SELECT temporal.terminate('w$id')");
		} } qw(reset_run_closed reset_before_commit)),
	retention_batch => sub {
		# closed runs that are older than the hour that their namespace keeps them
		$node->query(q{
			SET temporal_pg.namespace = 'old';
			SELECT temporal.register_workflow('five');
			SELECT temporal.start_workflow('five', '[0, "sleeper"]', id => 'old' || i), temporal.terminate('old' || i) FROM generate_series(1, 150) i;
			UPDATE temporal_internal.execution e SET close_time = now() - interval '2 hours'
			FROM temporal_internal.namespace n WHERE n.id = e.namespace_id AND n.name = 'old';
		});
		# it looks once a minute, and when it starts
		kill 'TERM', $node->dispatcher_pids;
		$node->wait_fault('retention_batch');
		$node->wait_for("SELECT count(*) = 0 FROM temporal.workflow WHERE namespace = 'old'");
	},
	map({ my ($point, @kinds) = @$_; $point => sub {
			my $tries = 0;
			while (-e $node->data_dir . "/temporal_pg_fault_$point")
			{
				die "fault point $point is not reached" if $tries++ > 50;
				start_extra($_) foreach @kinds;
				for (1 .. 20) { sleep 0.03; last unless -e $node->data_dir . "/temporal_pg_fault_$point" }
			}
			$node->wait_fault($point);
		} }
		[ task_failure_recorded => 'broken' ],
		[ activity_timeout_recorded => 'timeout' ],
		[ activity_retry_recorded => 'retry' ],
		[ local_activity => 'local' ],
		[ eager_step => 'eager' ],
		[ next_run_started => 'chain' ],
		[ outbox_before_commit => 'relay' ],
		map { [ $_ => 'mixed' ] } qw(activity_claimed activity_executed activity_recorded activity_after_commit
			task_locked task_replayed task_events_written task_before_commit task_after_commit close_before_update)));

# attempts that are recorded before they end: 250_completion.pl, 320_autonomous.pl, 342_http_load.pl
my @points = grep { !/^(http_.*|autonomous_opened|autonomous_called|activity_lost_recorded)$/ }
	split /,/, $node->query("SELECT array_to_string(temporal_internal.fault_points(), ',')");
ok(scalar @points >= 20, 'there are fault points: ' . scalar @points);

my @hits = shuffle(map({ [ fault => $_ ] } @points),
	map { [ rand() < 0.65 ? 'executor' : rand() < 0.8 ? 'server' : 'dispatcher' ] } 1 .. $RANDOM_HITS);
my $share = int($WORKFLOWS / @hits) + 1;
my $began = time();

foreach my $hit (@hits)
{
	my ($what, $point) = @$hit;
	next_careful_period();
	$node->arm_fault($point) if $what eq 'fault';
	if ($what eq 'fault' && $special{$point})
	{
		$special{$point}->();
		start_some($share);
	}
	else
	{
		start_some($share);
		sleep rand(0.25);
		if ($what eq 'fault') { $node->wait_fault($point) }
		elsif ($what eq 'server') { $node->restart_immediate }
		elsif ($what eq 'dispatcher') { my ($pid) = $node->dispatcher_pids; redo unless $pid && $node->kill_backend($pid) }
		else
		{
			my $killed;
			until ($killed = $node->kill_executor(wait => 1)) { start_extra('slow') }
		}
	}
	$crashes++;
}
while (start_some(50)) { }
note(sprintf('%d crashes in %.1f s', $crashes, time() - $began));
is($begun, $WORKFLOWS, 'all workflows were started');
cmp_ok($crashes - @points, '>=', 20, "random hits, besides one at each of " . @points . ' fault points');

# broken code is mended, and what was suspected of crashing the server is let go
$node->query('CREATE OR REPLACE FUNCTION mend(id int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$');
my $mended = time();
my $paused = 0;
my $told = 0;
until ($node->query("SELECT count(*) FROM temporal.workflow WHERE status = 'Running'") == 0)
{
	my $waited = time() - $mended;
	last if $waited > 90;
	if ($waited > 10 && !$told++)
	{
		diag($_) foreach "open for $waited s", split /\n/, $node->query(q{
			SELECT w.workflow_id, w.history_length, w.next_task_at, w.task_attempt, clock_timestamp() FROM temporal.workflow w WHERE status = 'Running';
			SELECT workflow_id, kind, deliver_at FROM temporal.pending_message;
			SELECT execution_key, scheduled_event_id, activity_type, due_at, started_at, attempt, crash_count, paused FROM temporal_internal.activity_task;
			SELECT * FROM temporal_internal.worker_slots();
			SELECT * FROM temporal_internal.worker_queues();
			SELECT pid, backend_type, state, wait_event, query_start, query FROM pg_stat_activity WHERE backend_type LIKE 'temporal%'});
	}
	$paused += () = $node->query(
		'SELECT 1, temporal.unpause_activity(workflow_id, activity_id) FROM temporal.pending_activity WHERE paused') =~ /1/g;
	sleep 0.1;
}
cmp_ok(time() - $mended, '<', 30, 'what is left when the fire is over is soon done');
note("$paused activities were paused as crashing");

is($node->query("SELECT workflow_id, status, last_task_failure, pending_activities FROM temporal.workflow WHERE status = 'Running'"), '', 'no run is left open');
is($node->query("SELECT count(DISTINCT workflow_id) FROM temporal.workflow WHERE workflow_id LIKE 'w%' AND substr(workflow_id, 2)::int < 2000 AND status = 'Completed'"),
	$WORKFLOWS + 1, 'all workflows are complete');
is($node->query("SELECT workflow_id || ' ' || status FROM temporal.workflow "
	  . "WHERE status NOT IN ('Completed', 'ContinuedAsNew') AND workflow_id NOT IN (SELECT w.workflow_id FROM temporal.workflow w JOIN temporal.history h USING (run_id) "
	  . "WHERE h.event_id = 1 AND h.attributes -> 'input' ->> 1 = 'sleeper')"), '', 'none has ended otherwise');
is($node->query("SELECT count(*) - count(DISTINCT workflow_id) FROM temporal.workflow WHERE run_id = first_run_id"), 0, 'none has run twice');
is($node->query("SELECT count(*) FROM temporal.workflow GROUP BY workflow_id HAVING count(*) NOT IN (1, 5) AND NOT (count(*) = 2 AND bool_and(status = 'Terminated'))"), '',
	'a chain has its five runs, what was reset two');
is($node->query('SELECT count(*) FROM ledger WHERE expected = 5 AND id < 2000'), $WORKFLOWS + 1, 'each has its row of the ledger');
is($node->query(q{SELECT id, n, steps, expected FROM ledger
	WHERE n <> expected OR (SELECT array_agg(s ORDER BY s) FROM unnest(steps) s) IS DISTINCT FROM (CASE expected WHEN 5 THEN '{1,2,3,4,5}'::int[] END)}),
	'', 'every step was done exactly once');
is($node->query("SELECT w.workflow_id, h.attributes -> 'result' FROM temporal.workflow w JOIN temporal.history h USING (run_id) "
	  . "WHERE h.event_type = 'WorkflowExecutionCompleted' AND 'w' || (h.attributes -> 'result' ->> 'id') <> w.workflow_id"), '', 'each gave its own result');
is($node->broken_runs, '', 'histories are whole and replay');
is($node->query("SELECT count(*) FROM temporal.history WHERE event_type = 'WorkflowTaskFailed' AND attributes ->> 'cause' <> 'RESET_WORKFLOW' GROUP BY run_id HAVING count(*) > 1"), '',
	'a failing workflow task leaves one event');

$node->stop;
done_testing();
