# Races that locks have to decide, each set up step by step with sessions that
# hold their transactions open: signals against closes, an update against a
# worker, two starts of one id, a close against an activity that will not stop;
# and what has been done although the code failed behind it, what is drawn again
# in another process, and that work is announced by COMMIT, not before, and by
# ROLLBACK never.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

# A sweep as slow as an hour: what runs has been announced.
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 1h
temporal_pg.idle_timeout = 500ms
temporal_pg.max_executors = 4
});
my $LIMIT = 20;

sub wait_for { my ($sql) = @_; return $node->wait_for($sql, timeout => $LIMIT) }
sub result { my ($id) = @_; my (undef, $out, $err) = $node->try_query("SELECT temporal.result('$id', timeout => '$LIMIT s')"); return "$out$err" }
sub signal { my ($id, $name, $input) = @_; return $node->query("SELECT temporal.signal('$id', '$name', '$input')") }
sub signals_of { my ($id) = @_; return $node->query("SELECT count(*) FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'WorkflowExecutionSignaled'") }
sub status_of { my ($id) = @_; return $node->query("SELECT status FROM temporal.workflow WHERE workflow_id = '$id'") }
sub executors_at_rest { return wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND state = 'active'}) }

# sends a statement that will have to wait, and waits until it does
sub begin_waiting
{
	my ($session, $sql) = @_;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->{stdin} .= "$sql;\n";
	$session->{run}->pump_nb;
	return wait_for("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
}

$node->query(q{
	CREATE TABLE done (id text, what text);
	CREATE FUNCTION note(id text, what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO done VALUES (id, what) $$;
	-- takes no notice of being cancelled
	CREATE FUNCTION stubborn(id text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM pg_sleep(60);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
		INSERT INTO done VALUES (id, 'stubborn');
	END $$;
	CREATE FUNCTION insisting(id text, timeout interval) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('stubborn', id, start_to_close_timeout => timeout, retry_policy => temporal.retry_policy(maximum_attempts => 1));
	END $$;

	-- collects items until it is told to finish, after some seconds of computing
	CREATE FUNCTION collector(seconds float8) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_signal('finish');
		IF seconds > 0 THEN
			PERFORM pg_sleep(seconds);
		END IF;
		RETURN temporal.state('items');
	END $$;
	CREATE FUNCTION add_item(item int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state('items', coalesce(temporal.state('items'), '[]') || to_jsonb(item));
	END $$;
	CREATE FUNCTION put_item(item int) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM add_item(item);
		RETURN temporal.state('items');
	END $$;

	CREATE FUNCTION mend() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
	CREATE FUNCTION broken(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'before'));
		PERFORM mend();
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'behind'));
		RETURN 'mended';
	END $$;

	CREATE FUNCTION drawing() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.await(temporal.start_timer('1 ms', temporal.uuid4()::text));
		RETURN 'drawn';
	END $$;

	SELECT temporal.register_activity(f) FROM unnest(ARRAY['note', 'stubborn']) f;
	SELECT temporal.register_workflow(f) FROM unnest(ARRAY['insisting', 'broken', 'drawing']) f;
	SET temporal_pg.determinism = off;    -- pg_sleep() stands for computing
	SELECT temporal.register_workflow('collector', signals => '{"item": "add_item"}', updates => '{"put": "put_item"}');
	RESET temporal_pg.determinism;
});
my $one = $node->background_psql('postgres', on_error_stop => 0);
my $two = $node->background_psql('postgres', on_error_stop => 0);

# --- a close waits for a signal whose sender has not committed

foreach my $end ('COMMIT', 'ROLLBACK')
{
	my $id = lc $end;
	$node->query("SELECT temporal.start_workflow('collector', '[0]', id => '$id')");
	signal($id, 'item', 1);
	$one->query_safe("BEGIN; SELECT temporal.signal('$id', 'item', '2')");
	signal($id, 'finish', 'null');
	sleep 0.3;
	is(status_of($id), 'Running', "with a signal on its way the run stays open, $end");
	$one->query_safe($end);
	is(result($id), $end eq 'COMMIT' ? '[1, 2]' : '[1]', '... until the sender has ended');
	is(signals_of($id), $end eq 'COMMIT' ? 3 : 2, '... and each signal is in its history once');
}

# --- a signal that comes while the code is on its way to its end

$node->query(q{SELECT temporal.start_workflow('collector', '[3]', id => 'late')});
signal('late', 'finish', 'null');
wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'});
signal('late', 'item', 1);
like(result('late'), qr/^(null|\[1\])$/, 'a signal comes while the code is on its way to its end');
is(signals_of('late'), 2, '... and is in the history before its end');

# --- a session that has the run: the worker does not touch it meanwhile, another update waits its turn

$node->query(q{SELECT temporal.start_workflow('collector', '[0]', id => 'held')});
signal('held', 'item', 1);
wait_for(q{SELECT count(*) = 0 FROM temporal.pending_message WHERE workflow_id = 'held'});
is($one->query_safe(q{BEGIN; SELECT temporal.update('held', 'put', '2')}), '[1, 2]', 'an update in a transaction that stays open');
signal('held', 'item', 3);
sleep 0.3;
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event_type = 'Lock'}), 0, 'no executor waits for it');
is($node->query(q{SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'held' AND kind = 'Signal'}), 1, 'mail waits');
begin_waiting($two, q{SELECT temporal.update('held', 'put', '4')});
pass('another update waits');
$one->query_safe('COMMIT');
$two->query_safe('SELECT 1');
signal('held', 'finish', 'null');
is(result('held'), '[1, 2, 3, 4]', 'all were handled, once each');
is($node->query(q{SELECT count(*) FROM temporal.history WHERE event_type = 'WorkflowTaskFailed'}), 0, 'no two had a run at once');

# --- two sessions start one id

$one->query_safe(q{BEGIN; SELECT temporal.start_workflow('collector', '[0]', id => 'same')});
begin_waiting($two, q{SELECT 'started: ' || started FROM temporal.start_workflow_execution('collector', '[0]', id => 'same', id_conflict_policy => 'use_existing')});
$one->query_safe('COMMIT');
my ($out) = $two->query('SELECT 1');
like($out, qr/started: false/, 'the second of two starts of an id takes the run of the first');
$one->query_safe(q{BEGIN; SELECT temporal.start_workflow('collector', '[0]', id => 'same again')});
$two->{stderr} = '';
begin_waiting($two, q{SELECT temporal.start_workflow('collector', '[0]', id => 'same again')});
$one->query_safe('COMMIT');
$two->query('SELECT 1');
like($two->{stderr}, qr/"same again" is already running/, '... or is told that there is one');
$two->{stderr} = '';
is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id LIKE 'same%' AND status = 'Running'}), 2, 'one run each');

# --- an activity that swallows what is to stop it: closed is closed, too late is too late

$node->query(q{SELECT temporal.start_workflow('insisting', '["closed", "1 day"]', id => 'closed')});
# too long for an eager step: from the queue
wait_for(q{SELECT count(*) = 1 FROM temporal.pending_activity WHERE state = 'Started'});
wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'});
$node->query(q{SELECT temporal.terminate('closed')});
executors_at_rest();
$node->query(q{SELECT temporal.start_workflow('insisting', '["too late", "200 ms"]', id => 'too late')});
like(result('too late'), qr/ERROR/, 'an activity that goes on after its timeout has timed out');
executors_at_rest();
is($node->query('SELECT * FROM done'), '', 'what it did after the run was closed, or after its time, is undone');

# --- what an eager activity has done stays done when the code fails behind it

$node->query(q{SELECT temporal.start_workflow('broken', '"broken"', id => 'broken')});
wait_for(q{SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'broken'});
is($node->query('SELECT * FROM done'), 'broken|before', 'the activity before the failure is done');
$node->query(q{SELECT temporal.signal('broken', 'nobody')});
wait_for(q{SELECT wft_attempt > 2 FROM temporal_internal.execution WHERE workflow_id = 'broken'});
$node->query('CREATE OR REPLACE FUNCTION mend() RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$');
is(result('broken'), '"mended"', 'the code is mended');
is($node->query('SELECT * FROM done'), "broken|before\nbroken|behind", 'each activity was done once');
is($node->query(q{SELECT signal_count FROM temporal_internal.execution WHERE workflow_id = 'broken'}), '1', 'and the signal counts once, however many tasks it made fail');

# --- another process draws the same

$node->query(q{SELECT temporal.start_workflow('drawing', id => 'drawing')});
is(result('drawing'), '"drawn"', 'a run that draws a uuid');
(undef, $out, my $err) = $node->try_query(q{SELECT temporal.replay('drawing')});
is($out . $err, '4', '... is replayed by another process');

# --- what a transaction has started runs when it commits

$one->query_safe(q{BEGIN; SELECT temporal.start_workflow('drawing', id => 'after a while')});
sleep 0.3;
is(status_of('after a while'), '', 'a start that is not committed');
$one->query_safe('COMMIT');
is(result('after a while'), '"drawn"', '... runs when it is');

# --- nothing stirs when nothing is to be done

signal('same', 'finish', 'null');
signal('same again', 'finish', 'null');
wait_for(q{SELECT count(*) = 0 FROM temporal.workflow WHERE status = 'Running'});
wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'});
pass('executors go when there is nothing to do');
sub last_statement { return $node->query(q{SELECT query_start FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher'}) }
my $last = last_statement();
$one->query_safe(q{BEGIN; SELECT temporal.start_workflow('collector', '[0]', id => 'back'); SELECT temporal.signal('back', 'item', '1'); ROLLBACK});
foreach (1 .. 8)
{
	sleep 0.1;
	last if $node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'}) > 0;
}
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'}), 0, 'a start that is rolled back wakes no executor');
is(last_statement(), $last, '... nor the dispatcher, which executes nothing');

is($node->broken_runs, '', 'histories are whole and replay');
eval { $_->quit } foreach $one, $two;
$node->stop;
done_testing();
