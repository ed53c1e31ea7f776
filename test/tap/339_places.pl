# Places of a task queue with limits, and what users do to their transactions: savepoints, rollbacks, terminated sessions,
# prepared transactions, another database with a queue of the same name.

use strict;
use warnings;
use POSIX ();
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# a sweep would set right what was counted wrongly
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 60s
max_prepared_transactions = 5
});
my @dbs = ('postgres', 'second');
$node->query('CREATE DATABASE second');
$node->create_extension('second');
foreach my $db (@dbs)
{
	$node->query(q{
		SELECT temporal.register_activity('ext', mode => 'external', start_to_close_timeout => '1 h');
		CREATE FUNCTION fan(n int, queue text) RETURNS jsonb LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM temporal.await_all(array_agg(temporal.start_activity('ext', to_jsonb(i), task_queue => queue))) FROM generate_series(1, n) i;
			RETURN '"all"';
		END $$;
		SELECT temporal.register_workflow('fan');
		SELECT temporal.configure_task_queue('four', max_concurrent_activities => 4);
		SELECT temporal.start_workflow('fan', '[60, "four"]', id => 'four');
	}, db => $db);
	$node->wait_for("SELECT count(*) = 60 FROM temporal.pending_activity WHERE task_queue = 'four'", db => $db);
}
sub query { my ($sql, $db) = @_; return $node->query($sql, db => $db // 'postgres') }
my $poll = "SELECT 'got ' || count(*) FROM temporal.poll_activity_task('four', 'me', '0 s', 10)";
sub got { my ($sql, $db) = @_; return join ' ', query($sql, $db) =~ /^got (\d+)/mg }
my $complete = "SELECT 'ended ' || count(temporal.complete_activity(workflow_id, run_id, activity_id, '1')) FROM temporal.pending_activity WHERE task_queue = 'four' AND state = 'Started'";
sub running { my ($db) = @_; return query("SELECT running FROM temporal.task_queue WHERE task_queue = 'four' AND kind = 'activity'", $db) }

is(got($poll), '4', 'four places');
is(got($poll, 'second'), '4', '... in each database');
is(got($poll), '0', '... and no more');
query($complete);
is(got($poll, 'second'), '0', 'places of one database are not given back in another');
is(got("BEGIN; $poll; ROLLBACK"), '4', 'a poll');
is(got("BEGIN; SAVEPOINT a; $poll; ROLLBACK TO a; $poll; ROLLBACK TO a; COMMIT"), '4 4', '... that is rolled back, also to a savepoint, gives back its places at once');
is(got("BEGIN; SAVEPOINT a; SAVEPOINT b; $poll; RELEASE b; ROLLBACK TO a; COMMIT"), '4', '... also from within another one');
is(got("BEGIN; SAVEPOINT a; $poll; RELEASE a; COMMIT"), '4', 'and one whose savepoint is released has them');
is(got($poll), '0', '... for good');
is(got("BEGIN; SAVEPOINT a; $complete; ROLLBACK TO a; COMMIT; $poll"), '0', 'completions that are rolled back to a savepoint give back nothing');
is(running(), '4', '... as the view says');
is(got("BEGIN; SAVEPOINT a; $complete; RELEASE a; COMMIT; $poll"), '4', 'others do');
# more subtransactions than can be remembered, were they not put together
query($complete);
query("DO \$\$ BEGIN FOR i IN 1 .. 200 LOOP BEGIN PERFORM FROM temporal.poll_activity_task('four', 'me', '0 s', 1); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$");
is(running(), '4', 'four of a transaction with many savepoints');
query($complete);

{
	# who waits is told when a savepoint gives it back
	my $s = $node->background_psql('postgres');
	$s->query("BEGIN; SAVEPOINT a; $poll");
	my $file = PostgreSQL::Test::Utils::tempdir() . '/waits';
	my $pid = fork // die;
	if ($pid == 0)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $file;
		exec('psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', "CALL temporal.poll_activity_tasks('four', 'waits', '20 s', 4)") or POSIX::_exit(9);
	}
	$node->wait_for("SELECT temporal_internal.pollers(1, 'four') = 1");
	my $t = time();
	$s->query('ROLLBACK TO a; COMMIT');
	waitpid $pid, 0;
	cmp_ok(time() - $t, '<', 3, sprintf('a session that waits for a place gets it when a savepoint was rolled back: %.2f s', time() - $t));
	$s->quit;
	query($complete);
}
{
	my $s = $node->background_psql('postgres', on_error_die => 0);
	$s->query("BEGIN; $poll");
	is(got($poll), '0', 'while a transaction has them nobody else gets them');
	query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction'");
	is(got($poll), '4', 'a session that is terminated gives them back');
	query($complete);
}
{
	my (undef, undef, $err) = $node->try_query("BEGIN; $poll; PREPARE TRANSACTION 'p'");
	like($err, qr/cannot PREPARE a transaction that has begun attempts/, 'attempts are not begun by a prepared transaction, which nobody could count');
	is(got("BEGIN; $poll; $complete; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'"), '4', 'one that ends them, too, is as any other');
	is(got($poll), '4', '... and has no place left');
	query($complete);
}
$node->query("SELECT temporal.terminate('four')", db => $_) foreach @dbs;
is($node->broken_runs, '', 'every history is whole');
done_testing();
