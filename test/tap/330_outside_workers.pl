# Workers outside of the database poll for activities: they sleep on a latch, are woken one by one, get tasks by priority
# and fairly between workflows, hold up no vacuum while they wait, and may disappear at any moment.

use strict;
use warnings;
use List::Util qw(max min sum);
use POSIX qw(_exit WNOHANG);
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# the sweep, which finds what nobody was woken for, comes too late to be of help
my $node = TemporalNode->new_preloaded('main', conf => q{
max_connections = 160
temporal_pg.sweep_interval = 60s
autovacuum = off
});

$node->query(q{
	SELECT temporal.register_activity('ext', mode => 'external');
	CREATE FUNCTION fan(n int, queue text DEFAULT 'default', priority int DEFAULT 3, first int DEFAULT 1) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await_all(array_agg(temporal.start_activity('ext', to_jsonb(i), task_queue => queue, priority_key => priority))) FROM generate_series(first, n) i;
		RETURN '"all"';
	END $$;
	CREATE FUNCTION retried(delay text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('ext', task_queue => 'retried', retry_policy => temporal.retry_policy(delay::interval));
	END $$;
	CREATE FUNCTION watched() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('ext', task_queue => 'watched', heartbeat_timeout => '500 ms', retry_policy => temporal.retry_policy('10 ms'));
	END $$;
	SELECT temporal.register_workflow(w) FROM unnest('{fan,retried,watched}'::text[]) w;
});

# A psql that does one thing in a process of its own; what it prints is in {out} when it has ended.
my $sessions = 0;
sub session
{
	my ($sql, %opt) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/session' . ++$sessions;
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null' or _exit(9);
		open STDOUT, '>', $file or _exit(9);
		open STDERR, '>&', \*STDOUT or _exit(9);
		exec('psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($opt{db} // 'postgres') . " application_name=s$sessions", map { ('-c', $_) } ref $sql ? @$sql : $sql) or _exit(9);
	}
	return { pid => $pid, file => $file, name => "s$sessions" };
}
sub ended
{
	my ($s, $timeout) = @_;
	my $until = time() + ($timeout // 30);
	while (waitpid($s->{pid}, WNOHANG) == 0)
	{
		if (time() > $until) { kill 'KILL', $s->{pid}; waitpid $s->{pid}, 0; return "still running after $timeout s" }
		sleep 0.01;
	}
	return slurp_file($s->{file}) =~ s/\n\z//r;
}
# until so many sessions wait in polls of that queue
sub polling
{
	my ($queue, $n, %opt) = @_;
	$node->wait_for("SELECT temporal_internal.pollers(1, '$queue') = $n", %opt);
	return;
}
sub in_line
{
	my ($queue, $n) = @_;
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE task_queue = '$queue' AND state = 'Scheduled'");
	return;
}

# ---------- latch ----------

my @delays;
foreach my $form (1 .. 20)
{
	my $s = session($form % 2
		? "SELECT workflow_id, attempt FROM temporal.poll_activity_task('latch', 'me')"
		: "CALL temporal.poll_activity_tasks('latch', 'me')");
	polling('latch', 1);
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"latch\"]', id => 'latch$form')");
	my $out = ended($s, 20);
	die "a poller that waited got nothing: $out" if $out !~ /latch$form/;
	like($out, $form % 2 ? qr/^latch$form\|1$/ : qr/"workflow_id": "latch$form"/, 'a poller that waits gets what comes') if $form <= 2;
	push @delays, $node->query(
		"SELECT round(extract(epoch FROM last_started_time - scheduled_time) * 1000, 1) FROM temporal.pending_activity WHERE workflow_id = 'latch$form'");
}
@delays = sort { $a <=> $b } @delays;
note("from schedule to start: median $delays[10] ms, at most $delays[-1] ms");
# a sweep comes each five seconds
cmp_ok($delays[10], '<', 500, 'within milliseconds');

{
	my $t = time();
	is(ended(session("SELECT count(*) FROM temporal.poll_activity_task('nothing', 'me', '1 s')")), '0', 'no row when the time is over');
	cmp_ok(time() - $t, '<', 5, 'in time');
	is(ended(session("CALL temporal.poll_activity_tasks('nothing', 'me', '300 ms')")), '[]', 'the procedure gives an empty array');
	$t = time();
	is(ended(session("SELECT count(*) FROM temporal.poll_activity_task('nothing', 'me', '1 hour')"), 20), '0', 'the function waits 10 s at most');
	cmp_ok(time() - $t, '>', 9, 'and no less');
}

# ---------- one task wakes one poller ----------

{
	my @s = map { session("CALL temporal.poll_activity_tasks('herd', 'poller', '20 s')") } 1 .. 10;
	polling('herd', 10);

	$node->query("SELECT temporal.start_workflow('fan', '[3, \"herd\"]')");
	polling('herd', 7);
	sleep 0.3;
	is($node->query("SELECT temporal_internal.pollers(1, 'herd')"), '7', 'three tasks wake three of ten pollers');
	kill 'TERM', $_->{pid} foreach @s;
	my @got = grep { /workflow_id/ } map { ended($_) } @s;
	is(scalar @got, 3, 'which have got one each');
	polling('herd', 0, timeout => 10);
	pass('pollers whose clients have gone are gone');
}

# ---------- order ----------

$node->query("SELECT temporal.start_workflow('fan', '[1000, \"fair\"]', id => 'A')");
in_line('fair', 1000);
$node->query("SELECT temporal.start_workflow('fan', '[10, \"fair\"]', id => 'B')");
in_line('fair', 1010);
is($node->query(q{SELECT count(*) FROM temporal.poll_activity_task('fair', 'me', '0 s', 100) WHERE workflow_id = 'B'}), '10',
	'1,000 tasks of A before 10 of B: B is done within the first 100');
$node->query("SELECT temporal.start_workflow('fan', '[10, \"fair\"]', id => 'C')");
in_line('fair', 920);
is($node->query(q{
	CREATE TEMP TABLE got (n int, id text);
	DO $$ BEGIN
		FOR i IN 1 .. 100 LOOP
			INSERT INTO got SELECT i, workflow_id FROM temporal.poll_activity_task('fair', 'me', '0 s');
			COMMIT;
		END LOOP;
	END $$;
	SELECT count(*) FILTER (WHERE id = 'C'), count(*), max(n) FILTER (WHERE id = 'C') <= 30 FROM got}), '10|100|t', 'also one by one, and when some of A have been given out');
$node->query("SELECT temporal.start_workflow('fan', '[5, \"fair\", 1]', id => 'urgent'), temporal.start_workflow('fan', '[5, \"fair\", 2]', id => 'soon')");
in_line('fair', 830);
is($node->query(q{SELECT string_agg(workflow_id, ' ') FROM temporal.poll_activity_task('fair', 'me', '0 s', 12)}),
	join(' ', ('urgent') x 5, ('soon') x 5, 'A', 'A'), 'a higher priority goes before all');
is($node->query(q{SELECT string_agg(input::text, ' ') FROM temporal.poll_activity_task('fair', 'me', '0 s', 3) WHERE workflow_id = 'A'}) =~ s/\d+/n/gr, 'n n n', 'those of one workflow');
is($node->query(q{SELECT string_agg(input::text, ' ') = (SELECT string_agg(i::text, ' ') FROM generate_series(min(input::text::int), min(input::text::int) + 19) i)
	FROM temporal.poll_activity_task('fair', 'me', '0 s', 20) WHERE workflow_id = 'A'}), 't', 'in the order in which they were scheduled');

# ---------- retries ----------

{
	$node->query("SELECT temporal.start_workflow('retried', '\"700 ms\"', id => 'r1')");
	in_line('retried', 1);
	$node->query("SELECT temporal.fail_activity(task_token, '\"no\"') FROM temporal.poll_activity_task('retried', 'me')");
	my $s = session("SELECT attempt FROM temporal.poll_activity_task('retried', 'me', '10 s')");
	is(ended($s, 20), '2', 'a retry comes to a poller that waits');
	my $late = $node->query("SELECT round(extract(epoch FROM a.last_started_time - t.attempt_scheduled_at) * 1000) FROM temporal.pending_activity a
		JOIN temporal_internal.activity_task t USING (scheduled_event_id) WHERE a.workflow_id = 'r1' AND t.task_queue = 'retried'");
	cmp_ok($late, '<', 2000, "when it is due ($late ms later)");
}

# more than get in line at once; each in a place of its own, so that another workflow's come between them
{
	$node->query("SELECT temporal.start_workflow('fan', '[600, \"again\"]', id => 'again')");
	in_line('again', 600);
	$node->query("SELECT count(temporal.fail_activity(task_token, '\"no\"')) FROM temporal.poll_activity_task('again', 'me', '0 s', 1000)");
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('again', 'me', '0 s', 1000)"), '0', 'none before its time');
	$node->wait_for("SELECT count(*) = 600 FROM temporal_internal.activity_task WHERE task_queue = 'again' AND pass IS NOT NULL");
	is($node->query("SELECT count(DISTINCT pass) FROM temporal_internal.activity_task WHERE task_queue = 'again'"), '600', '600 retries get in line');
	$node->query("SELECT temporal.start_workflow('fan', '[10, \"again\"]', id => 'between')");
	in_line('again', 610);
	is($node->query("SELECT count(*) FILTER (WHERE workflow_id = 'between'), sum(attempt) FROM temporal.poll_activity_task('again', 'me', '0 s', 30)"), '10|50', 'and are given out as fairly');
}

# paused and unpaused while somebody waits
{
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"paused\"]', id => 'p1')");
	in_line('paused', 1);
	$node->query("SELECT temporal.pause_activity('p1', '1')");
	my $s = session("SELECT workflow_id FROM temporal.poll_activity_task('paused', 'me', '10 s')");
	polling('paused', 1);
	$node->query("SELECT temporal.unpause_activity('p1', '1')");
	is(ended($s, 20), 'p1', 'a poller is woken when an activity is unpaused');
}

# a poll that is rolled back while another one waits
{
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"undone\"]', id => 'u1')");
	in_line('undone', 1);
	my $holds = session(['BEGIN', "SELECT workflow_id FROM temporal.poll_activity_task('undone', 'holds')", 'SELECT pg_sleep(1)', 'ROLLBACK']);
	$node->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$holds->{name}' AND query LIKE '%pg_sleep%'");
	my $waits = session("SELECT workflow_id FROM temporal.poll_activity_task('undone', 'waits', '10 s')");
	like(ended($holds), qr/^u1/, 'a task is given out, and given back by a rollback');
	is(ended($waits, 20), 'u1', 'which wakes the one that waits');
}

# ---------- who disappears ----------

{
	# the client is gone before there is anything
	my @s = map { session("CALL temporal.poll_activity_tasks('gone', 'gone', '60 s')") } 1 .. 3;
	polling('gone', 3);
	kill 'KILL', $_->{pid} foreach @s[0, 1];
	polling('gone', 1, timeout => 10);
	pass('a poller whose client has gone stops to wait');
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"gone\"]', id => 'g1')");
	like(ended($s[2], 20), qr/"attempt": 1/, 'what comes goes to the one that is there, in its first attempt');
	ended($_) foreach @s[0, 1];
}
{
	# at the very moment: whether or not somebody dies with it, each task comes to somebody
	my @s;
	foreach my $round (1 .. 15)
	{
		my @two = map { session("CALL temporal.poll_activity_tasks('race', 'r', '30 s')") } 1 .. 2;
		polling('race', 2);
		my $pid = fork // die;
		if ($pid == 0) { sleep rand(0.02); kill 'KILL', $two[0]{pid}; _exit(0) }
		$node->query("SELECT temporal.start_workflow('fan', '[2, \"race\"]', id => 'race$round')");
		waitpid $pid, 0;
		waitpid $two[0]{pid}, 0;
		my $out = ended($two[1], 20);
		push @s, $out if $out !~ /"workflow_id": "race$round"/;
		# the other task: still in line, or with the one that was killed
		my $left = $node->query("SELECT count(*) FROM temporal.poll_activity_task('race', 'r', '0 s')");
		my $started = $node->query("SELECT count(*) FROM temporal.pending_activity WHERE workflow_id = 'race$round' AND state = 'Started'");
		push @s, "$left left, $started started" if $started != 2;
		$node->query("SELECT temporal.terminate('race$round')");
	}
	is("@s", '', 'of two tasks none is lost when one of two workers dies');
}
{
	# with a task in its hands
	$node->query("SELECT temporal.start_workflow('watched', id => 'h1')");
	my $s = session(["SELECT workflow_id FROM temporal.poll_activity_task('watched', 'dies')", 'SELECT pg_sleep(60)']);
	$node->wait_for("SELECT state = 'Started' FROM temporal.pending_activity WHERE workflow_id = 'h1'");
	kill 'KILL', $s->{pid};
	ended($s);
	$node->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$s->{name}'");
	is($node->query("SELECT attempt FROM temporal.poll_activity_task('watched', 'lives', '10 s')"), '2', 'its attempt times out, and another worker gets the next');
	$node->query("SELECT temporal.complete_activity('h1', NULL, '1', '\"done\"')");
	is($node->query("CALL temporal.await_result('h1', NULL, '10 s')"), '"done"', 'and completes it');
}

# ---------- limits of the task queue ----------

{
	$node->query("SELECT temporal.configure_task_queue('limited', max_concurrent_activities => 2)");
	$node->query("SELECT temporal.start_workflow('fan', '[4, \"limited\"]', id => 'l1')");
	in_line('limited', 4);
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('limited', 'me', '2 s', 10)"), '2', 'no more are given out than the queue allows');
	my $s = session("SELECT count(*) FROM temporal.poll_activity_task('limited', 'me', '10 s', 10)");
	polling('limited', 1);
	$node->query("SELECT temporal.complete_activity('l1', NULL, (SELECT activity_id FROM temporal.pending_activity WHERE workflow_id = 'l1' AND state = 'Started' LIMIT 1))");
	is(ended($s, 20), '1', 'when one ends, the next is given to the one that waits');
	$s = session("CALL temporal.poll_activity_tasks('limited', 'me', '20 s', 10)");
	polling('limited', 1);
	$node->query("SELECT temporal.configure_task_queue('limited', max_concurrent_activities => 10)");
	like(ended($s, 30), qr/"workflow_id": "l1"/, 'or when the limit is raised');
	$node->query("SELECT temporal.pause_task_queue('limited')");
	$node->query("SELECT temporal.start_workflow('fan', '[1, \"limited\"]', id => 'l2')");
	$s = session("CALL temporal.poll_activity_tasks('limited', 'me', '20 s', 10)");
	polling('limited', 1);
	$node->query("SELECT temporal.unpause_task_queue('limited')");
	like(ended($s, 30), qr/"workflow_id": "l2"/, 'or when the queue is unpaused');
	$node->query("SELECT temporal.configure_task_queue('limited', -1)");
}

# ---------- 100 idle pollers ----------

{
	my $tables = "SELECT sum(n_dead_tup) FROM pg_stat_all_tables WHERE schemaname IN ('temporal_internal', 'pg_catalog')";
	my @s = map { session($_ % 2
			? "CALL temporal.poll_activity_tasks('idle', 'idle', '60 s')"
			: [ map { "SELECT count(*) FROM temporal.poll_activity_task('idle', 'idle')" } 1 .. 3 ]) } 1 .. 100;
	polling('idle', 100, timeout => 60);
	$node->query('SELECT pg_stat_force_next_flush(); VACUUM');
	my $dead = $node->query($tables);
	my $activity = "count(*) FILTER (WHERE application_name ~ '^s' AND backend_xmin IS NOT NULL), coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE backend_xmin IS NOT NULL), 0)";
	my $oldest = 0;
	my $until = time() + ($ENV{TEMPORAL_PG_LONG} ? 28 : 13);
	while (time() < $until)
	{
		my (undef, $age) = split /\|/, $node->query("SELECT $activity FROM pg_stat_activity");
		$oldest = max($oldest, $age);
		sleep 0.5;
	}
	cmp_ok($oldest, '<', 15, sprintf('100 idle pollers: the oldest backend_xmin is %.1f s old', $oldest));
	# those that wait in the procedure hold none
	is($node->query("SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^s' AND query LIKE 'CALL%' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"), '0', 'in the procedure there is none');
	is($node->query("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.query LIKE 'CALL temporal.poll%' AND l.locktype = 'relation'"), '0', 'and no lock');
	my $more = $node->query("SELECT pg_stat_force_next_flush(); $tables") =~ s/^\n//r;
	cmp_ok($more - $dead, '<', 500, sprintf('and %d rows have died', $more - $dead));
	# they are woken one by one all the same
	my $n = $node->query("SELECT temporal_internal.pollers(1, 'idle')");
	$node->query("SELECT temporal.start_workflow('fan', '[50, \"idle\"]')");
	$node->wait_for("SELECT count(*) = 50 FROM temporal.pending_activity WHERE task_queue = 'idle' AND state = 'Started'");
	cmp_ok($node->query("SELECT round(extract(epoch FROM max(last_started_time - scheduled_time)) * 1000) FROM temporal.pending_activity WHERE task_queue = 'idle'"), '<', 3000, 'and 50 tasks are soon taken');
	kill 'KILL', $_->{pid} foreach @s;
	ended($_) foreach @s;
	polling('idle', 0);
}

# ---------- whatever ends a wait ----------

like(ended(session(["SET statement_timeout = '300ms'", "CALL temporal.poll_activity_tasks('end', 'me', '60 s')"])), qr/57014/, 'statement_timeout');
{
	my $s = session("CALL temporal.poll_activity_tasks('end', 'me', '60 s')");
	polling('end', 1);
	$node->query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '$s->{name}'");
	like(ended($s), qr/57014/, 'pg_cancel_backend()');
	polling('end', 0);
}
like(ended(session(["BEGIN", "CALL temporal.poll_activity_tasks('end', 'me')"])), qr/2D000/, 'not in a transaction block');
like(ended(session(["SET default_transaction_read_only = on", "CALL temporal.poll_activity_tasks('end', 'me')"])), qr/25006/, 'not in a read-only transaction');
# an error within a subtransaction leaves no poller behind
$node->query(q{SET statement_timeout = '200ms'; DO $$ BEGIN PERFORM temporal.poll_activity_task('end', 'me'); EXCEPTION WHEN query_canceled THEN NULL; END $$; SELECT 1});
is($node->query("SELECT temporal_internal.pollers(1, 'end')"), '0', 'nobody is left behind');

{
	$node->query('CREATE DATABASE other');
	$node->query("CREATE EXTENSION temporal_pg", db => 'other');
	# before anything has made the default namespace
	is(ended(session("SELECT count(*) FROM temporal.poll_activity_task('x', 'me', '100 ms')", db => 'other')), '0', 'a poll in an empty database');
	$node->query("SELECT temporal.register_activity('ext', mode => 'external')", db => 'other');
	my @s = (session("SELECT count(*) FROM temporal.poll_activity_task('x', 'me')", db => 'other'),
		session("CALL temporal.poll_activity_tasks('x', 'me', '60 s')", db => 'other'));
	$node->wait_for("SELECT temporal_internal.pollers(1, 'x') = 2", db => 'other');
	my $t = time();
	$node->query('DROP EXTENSION temporal_pg CASCADE', db => 'other');
	cmp_ok(time() - $t, '<', 5, 'DROP EXTENSION does not wait for pollers');
	is(ended($s[0], 5), '0', 'which give up');
	is(ended($s[1], 5), '[]', 'both');
	my $s = session('SELECT pg_sleep(60)', db => 'other');
	$node->query('DROP DATABASE other WITH (FORCE)');
	ended($s, 10);
}

# a restart
{
	my @s = map { session("CALL temporal.poll_activity_tasks('end', 'me', '60 s')") } 1 .. 3;
	polling('end', 3);
	$node->query("SELECT temporal.start_workflow('fan', '[3, \"restarted\"]', id => 'restarted')");
	in_line('restarted', 3);
	$node->query("SELECT 1 FROM temporal.poll_activity_task('restarted', 'me')");
	my $t = time();
	$node->restart;
	cmp_ok(time() - $t, '<', 15, 'the server stops while pollers wait');
	like(ended($_, 5), qr/57P01|server closed/, 'who is told') foreach @s;
	is($node->query("SELECT count(*) FROM temporal.poll_activity_task('restarted', 'me', '0 s', 10)"), '2', 'the line is as it was');
	$node->restart_immediate;
	$node->query("SELECT temporal.complete_activity('restarted', NULL, i::text) FROM generate_series(1, 3) i");
	is($node->query("CALL temporal.await_result('restarted', NULL, '20 s')"), '"all"', 'attempts that had begun are completed after a crash');
}

is($node->broken_runs, '', 'every history is whole');
done_testing();
