# Everything a client does takes effect at COMMIT and vanishes at ROLLBACK:
# starts in transactions that stay open for long, from triggers, prepared ones;
# terminating a run whose activity is running; result() and snapshots.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

# A sweep as slow as an hour: what runs has been announced by a commit.
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
max_prepared_transactions = 5
temporal_pg.sweep_interval = 1h
});

sub sweep_interval
{
	my ($interval) = @_;
	$node->query("ALTER SYSTEM SET temporal_pg.sweep_interval = '$interval'");
	$node->query('SELECT pg_reload_conf()');
	return;
}

# at least n sweeps from now on: each is a transaction of the dispatcher
sub wait_for_sweeps
{
	my ($n) = @_;
	my $last = '';
	for (my $seen = -1; $seen < $n; $seen++)
	{
		$node->wait_for("SELECT query_start <> '$last' FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND state = 'idle'") if $last;
		$last = $node->query("SELECT query_start FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'");
	}
	return;
}

sub is_gone
{
	my ($what, $pattern) = @_;
	is($node->query(
			"SELECT (SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE '$pattern'), "
			  . "(SELECT count(*) FROM done WHERE id LIKE '$pattern')"), '0|0', "$what: nothing of it is there");
	is($node->broken_runs, '', "$what: no row without its run");
	return;
}

$node->query(q{
	CREATE TABLE done (id text, at timestamptz DEFAULT clock_timestamp());
	CREATE FUNCTION do_it(id text) RETURNS void LANGUAGE sql AS $$ INSERT INTO done VALUES (id) $$;
	CREATE FUNCTION do_it_for_ever(id text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO done VALUES (id);
		PERFORM pg_sleep(3600);
	END $$;
	CREATE FUNCTION simple(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('do_it', id);
		RETURN 'done ' || id;
	END $$;
	CREATE FUNCTION endless(id text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('do_it_for_ever', id, start_to_close_timeout => '1 day');
	END $$;
	CREATE FUNCTION sleepy(duration interval) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep(duration);
	END $$;
	SELECT temporal.register_activity(f) FROM unnest(ARRAY['do_it', 'do_it_for_ever']) f;
	SELECT temporal.register_workflow(f) FROM unnest(ARRAY['simple', 'endless', 'sleepy']) f;
});

# --- a start in a transaction that stays open for long

my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; SELECT temporal.start_workflow('simple', '"late"', id => 'late')});

# meanwhile others start and finish, so that the dispatcher has looked at later rows, and sweeps pass
$node->query(q{SELECT temporal.start_workflow('simple', '"meanwhile"', id => 'meanwhile')});
is($node->query(q{SELECT temporal.result('meanwhile', timeout => '10 s')}), '"done meanwhile"', 'others go on meanwhile');
if ($ENV{TEMPORAL_PG_LONG}) { $session->query_safe('SELECT pg_sleep(7)') }
else
{
	sweep_interval('100ms');
	wait_for_sweeps(3);
	sweep_interval('1h');
}
is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'late'}), 0, 'nobody sees the start before COMMIT');
my $began = time();
$session->query_safe('COMMIT');
is($node->query(q{SELECT temporal.result('late', timeout => '30 s')}), '"done late"', 'it runs after COMMIT');
cmp_ok(time() - $began, '<', 20, '... at once, without a sweep');

# a timer whose due time has passed before the start commits: the run begins with the COMMIT
$session->query_safe(q{BEGIN; SELECT temporal.start_workflow('simple', '"delayed"', id => 'delayed', start_delay => '300 ms')});
$session->query_safe(q{SELECT pg_sleep(0.6)});
$session->query_safe('COMMIT');
is($node->query(q{SELECT temporal.result('delayed', timeout => '10 s')}), '"done delayed"', 'a start whose delay is over at COMMIT runs');

# --- rolled back

$session->query_safe(q{BEGIN; SELECT temporal.start_workflow('simple', '"back"', id => 'back'); ROLLBACK});
$session->query_safe(q{BEGIN; SAVEPOINT s; SELECT temporal.start_workflow('simple', '"back"', id => 'back 2'); ROLLBACK TO s; INSERT INTO done VALUES ('after savepoint'); COMMIT});
is_gone('a start that is rolled back', 'back%');
is($node->query(q{SELECT temporal.start_workflow('simple', '"again"', id => 'back')}), 'back', '... and its id is free');
is($node->query(q{SELECT temporal.result('back', timeout => '10 s')}), '"done again"', '... for a run of its own');

# half of it rolled back
$session->query_safe(q{BEGIN;
	SELECT temporal.start_workflow('simple', '"kept"', id => 'kept');
	SAVEPOINT s; SELECT temporal.start_workflow('simple', '"lost"', id => 'lost'); ROLLBACK TO s;
	SAVEPOINT t; SELECT temporal.start_workflow('simple', '"kept too"', id => 'kept too'); RELEASE t;
	COMMIT});
is($node->query(q{SELECT temporal.result('kept', timeout => '10 s'), temporal.result('kept too', timeout => '10 s')}), '"done kept"|"done kept too"', 'what was kept runs');
is_gone('a start that is rolled back to a savepoint', 'lost%');

# --- from a row trigger

$node->query(q{
	CREATE TABLE orders (id int PRIMARY KEY, item text);
	CREATE FUNCTION start_order() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.start_workflow('simple', to_jsonb('order ' || NEW.id), id => 'order ' || NEW.id);
		RETURN NULL;
	END $$;
	CREATE TRIGGER start_order AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION start_order();
});
$node->try_query('BEGIN; INSERT INTO orders SELECT i FROM generate_series(1, 1000) i; ROLLBACK');
is_gone('a thousand starts from a trigger that are rolled back', 'order %');
$began = time();
$node->query('INSERT INTO orders SELECT i FROM generate_series(1, 1000) i');
$node->wait_for("SELECT count(*) = 1000 FROM temporal.workflow WHERE workflow_id LIKE 'order %' AND status = 'Completed'");
note(sprintf('1,000 workflows from a trigger: %.1f s', time() - $began));
is($node->query("SELECT count(*), count(DISTINCT id) FROM done WHERE id LIKE 'order %'"), '1000|1000', 'a row trigger on 1,000 rows: 1,000 workflows have run, once each');

# a trigger at COMMIT
$node->query(q{
	CREATE TABLE late_orders (id int PRIMARY KEY);
	CREATE CONSTRAINT TRIGGER start_order AFTER INSERT ON late_orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION start_order();
	INSERT INTO late_orders SELECT i FROM generate_series(2001, 2010) i;
});
$node->wait_for("SELECT count(*) = 10 FROM done WHERE id LIKE 'order 20__'");
pass('a trigger that is deferred to COMMIT starts workflows, too');

# --- work for another role is announced, too: neither sweep nor idle timeout (20 s) is waited for

$node->query(q{
	CREATE ROLE clerk LOGIN;
	GRANT INSERT ON done TO clerk;
	CREATE FUNCTION do_it_as_clerk(id text) RETURNS text LANGUAGE sql AS $$ INSERT INTO done VALUES (id); SELECT current_user::text $$;
	ALTER FUNCTION do_it_as_clerk(text) OWNER TO clerk;
	CREATE FUNCTION delegate(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('do_it', id);
		PERFORM temporal.execute_activity('do_it_as_clerk', id);
		RETURN temporal.execute_activity('do_it_as_clerk', id);
	END $$;
	SELECT temporal.register_activity('do_it_as_clerk'), temporal.register_workflow('delegate');
});
$began = time();
is($node->query("CALL temporal.execute_workflow('delegate', '\"delegated $_\"', id => 'delegated $_', wait_timeout => '30 s')"), '"clerk"',
	"an activity of another role, $_") foreach 1 .. 5;
cmp_ok(time() - $began, '<', 10, '... is handed over and back at once');

# --- prepared transactions: no process hears of COMMIT PREPARED, the sweep finds what it brings

sweep_interval('300ms');
$session->query_safe(q{BEGIN; SELECT temporal.start_workflow('simple', '"prepared"', id => 'prepared'); PREPARE TRANSACTION 'p1'});
$session->query_safe(q{BEGIN; SELECT temporal.start_workflow('simple', '"undone"', id => 'undone'); PREPARE TRANSACTION 'p2'});
wait_for_sweeps(2);
is_gone('a start that is prepared', 'prepared');
is($node->query(q{SELECT temporal.start_workflow('simple', '"unimpeded"', id => 'unimpeded'); SELECT temporal.result('unimpeded', timeout => '10 s')}),
	"unimpeded\n\"done unimpeded\"", 'others go on');
$node->restart_immediate;
$node->query(q{COMMIT PREPARED 'p1'});
$node->query(q{ROLLBACK PREPARED 'p2'});
is($node->query(q{SELECT temporal.result('prepared', timeout => '10 s')}), '"done prepared"', 'it runs after COMMIT PREPARED, also across a crash');
is_gone('a start that is prepared and rolled back', 'undone');

# --- terminate while an activity is running: whatever it did is undone, its process is free at once

$session->reconnect_and_clear;
sweep_interval('1h');
$node->query(q{SELECT temporal.start_workflow('endless', to_jsonb('endless ' || i), id => 'endless ' || i) FROM generate_series(1, 3) i});
sub wait_for_endless
{
	my ($n) = @_;
	$node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE state = 'Started' AND activity_type = 'do_it_for_ever'");
	$node->wait_for("SELECT count(*) = $n FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'");
	return;
}
# a server that was restarted in immediate mode is careful: one activity at a time
$node->restart;
wait_for_endless(3);
$session->reconnect_and_clear;
$session->query_safe(q{BEGIN; SELECT temporal.terminate('endless 1', 'enough')});
wait_for_endless(3);
$session->query_safe('ROLLBACK');
is($node->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'endless 1'}), 'Running', 'a termination that is rolled back changes nothing');
wait_for_endless(3);
pass('... its activity goes on');
$began = time();
$node->query(q{SELECT temporal.terminate('endless 1', 'enough')});
wait_for_endless(2);
cmp_ok(time() - $began, '<', 30, 'the activity of a run that is terminated is interrupted');
is($node->query(q{SELECT status, close_time IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'endless 1'}), 'Terminated|t', 'the run is terminated');
is($node->query(q{SELECT count(*) FROM done WHERE id LIKE 'endless%'}), 0, 'what its activity had done is undone');
my (undef, undef, $err) = $node->try_query(q{\set VERBOSITY verbose
SELECT temporal.result('endless 1')});
like($err, qr/ERROR:  TF006/, 'result() raises TF006');
is($node->query(q{SELECT temporal.start_workflow('simple', '"free"', id => 'endless 1'); SELECT temporal.result('endless 1', timeout => '10 s')}),
	"endless 1\n\"done free\"", 'its id is free for another run');
# all at once, from one statement
$node->query(q{SELECT temporal.terminate(workflow_id) FROM temporal.workflow WHERE status = 'Running' AND workflow_id LIKE 'endless%'});
wait_for_endless(0);
is($node->query(q{SELECT count(*) FROM done WHERE id LIKE 'endless%'}), 0, 'likewise all of them');

# --- result() and snapshots

$session->query_safe(q{SELECT temporal.start_workflow('simple', '"snapshot"', id => 'snapshot', start_delay => '500 ms')});
$session->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM temporal.workflow});
my ($out, $error) = $session->query(q{SELECT temporal.result('snapshot', timeout => '10 s')});
is($out, '"done snapshot"', 'result() in REPEATABLE READ sees what has come after the snapshot');
is($session->query_safe(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'snapshot'}), 'Running', '... while the views show the snapshot');
is($session->query_safe(q{SELECT count(*) FROM done WHERE id = 'snapshot'}), 0, '... and so do tables');
$session->query_safe('COMMIT');

# only this transaction has started it: waiting would be for ever
(undef, undef, $err) = $node->try_query(q{\set VERBOSITY verbose
BEGIN; SELECT temporal.start_workflow('simple', '"own"', id => 'own'); SELECT temporal.result('own')});
like($err, qr/ERROR:  TP009/, 'result() of what this transaction has started: TP009 at once');
like($err, qr/HINT:  .*COMMIT/, '... with a HINT');
is($node->query(q{CALL temporal.execute_workflow('simple', '"own"', id => 'own')}), '"done own"', 'CALL execute_workflow() commits the start');
(undef, undef, $err) = $node->try_query(q{\set VERBOSITY verbose
BEGIN; CALL temporal.execute_workflow('simple', '"own"', id => 'own 2'); COMMIT});
like($err, qr/ERROR:  2D000|ERROR:  25001|ERROR:  TP009/, '... and is refused in a transaction block: ' . ($err =~ /ERROR:  (\S+)/)[0]);
is_gone('a refused execute_workflow()', 'own 2');

$began = time();
$node->query(q{SELECT temporal.start_workflow('sleepy', '"1 day"', id => 'sleepy')});
(undef, undef, $err) = $node->try_query(q{\set VERBOSITY verbose
SELECT temporal.result('sleepy', timeout => '200 ms')});
like($err, qr/ERROR:  TP008/, 'result() gives up after its timeout');
# no snapshot is held meanwhile
$session->{stdin} .= "CALL temporal.await_result('sleepy', wait_timeout => '1 min');\n";
$session->{run}->pump_nb;
$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL temporal.await_result%' AND wait_event_type IS NOT NULL
	AND backend_xmin IS NULL AND backend_xid IS NULL AND pid <> pg_backend_pid()});
pass('CALL await_result() waits without a snapshot');
$node->query(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL temporal.await_result%' AND pid <> pg_backend_pid()});
# --- savepoints, and the histories that a process keeps in memory

$node->query(q{
	CREATE FUNCTION keep(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state('kept', coalesce(temporal.state('kept'), '[]') || to_jsonb(n));
		RETURN temporal.state('kept');
	END $$;
	CREATE FUNCTION positive(n int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF n < 0 THEN
			RAISE EXCEPTION 'not that';
		END IF;
	END $$;
	CREATE FUNCTION keeper() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.wait_signal('end'); END $$;
	CREATE FUNCTION refused_updates(n int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		refused int := 0;
	BEGIN
		FOR i IN 1 .. n LOOP
			BEGIN
				PERFORM temporal.update('keeper ' || i, 'keep', '-1');
			EXCEPTION WHEN SQLSTATE 'TP023' THEN
				refused := refused + 1;
			END;
		END LOOP;
		RETURN refused;
	END $$;
	CREATE FUNCTION updater(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN temporal.execute_activity('refused_updates', n); END $$;
	SELECT temporal.register_activity('refused_updates'), temporal.register_workflow('updater'),
		temporal.register_workflow('keeper', signals => '{"keep": "keep"}', updates => '{"keep": ["keep", "positive"]}');
	SELECT temporal.start_workflow('keeper', id => 'keeper ' || i) FROM generate_series(1, 50) i;
});
my $keeper = $node->background_psql('postgres');
$keeper->query_safe(q{BEGIN; SAVEPOINT a; SELECT temporal.update('keeper 1', 'keep', '1')});
is($keeper->query_safe(q{SELECT refused_updates(1)}), '1', 'an update is refused');
$keeper->query_safe(q{ROLLBACK TO a; COMMIT});
# others make the history longer than the one that was rolled back
for my $n (2 .. 4)
{
	$node->query("SELECT temporal.signal('keeper 1', 'keep', '$n')");
	$node->wait_for("SELECT history_length = $n FROM temporal.workflow WHERE workflow_id = 'keeper 1'");
}
is($keeper->query_safe(q{SELECT temporal.update('keeper 1', 'keep', '5')}), '[2, 3, 4, 5]', 'an update that was rolled back to a savepoint is forgotten');

# more runs than a process keeps, each left behind by an error, while its own is in use
$node->query(q{SELECT temporal.start_workflow('updater', '50', id => 'updater')});
is($node->query(q{SELECT temporal.result('updater', timeout => '20 s')}), '50', 'an activity is refused by many runs');
is($node->query(q{SELECT string_agg(event_type::text, ' ' ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'updater'}),
	'WorkflowExecutionStarted ActivityTaskScheduled ActivityTaskStarted ActivityTaskCompleted WorkflowExecutionCompleted', '... and its own run goes on');

eval { $keeper->quit };
eval { $session->quit };

is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();
