# Updates of runs whose first task is not due: CALL execute_update() waits for it, also where somebody ends the
# wait early, the run closes in it, or another run has taken its place.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', conf => q{temporal_pg.continue_as_new_min_interval = 2s});

$node->query(q{
	CREATE FUNCTION add(n int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state('sum', temporal.state('sum', 0) + n);
		RETURN temporal.state('sum', 0);
	END $$;
	CREATE FUNCTION entity(rounds int) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_signal('next');
		IF rounds > 0 THEN PERFORM temporal.continue_as_new(rounds - 1); END IF;
		RETURN temporal.state('sum');
	END $$;
	CREATE FUNCTION flaky() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		IF (temporal.workflow_info()).attempt = 1 THEN PERFORM temporal.raise_application_error('not yet'); END IF;
		PERFORM temporal.wait_condition('state ? ''sum''');
		RETURN temporal.state('sum');
	END $$;
	SELECT temporal.register_workflow('entity', updates => '{"add": "add"}'), temporal.register_workflow('flaky', updates => '{"add": "add"}');
});

my $hour = q{start_delay => '1 h'};
my $call = q{CALL temporal.execute_update('%s', 'add', '%s', wait_timeout => '60 s')};

# has the client come to wait?
sub wait_for_waiter
{
	$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL temporal.execute_update%' AND state = 'active' AND wait_event_type IN ('Extension', 'IPC')});
	return;
}

# --- the delay is over

$node->query(q{SELECT temporal.start_workflow('entity', '0', id => 'd', start_delay => '2 s')});
my ($rc, $out, $err) = $node->try_query(q{CALL temporal.execute_update('d', 'add', '1', wait_timeout => '100 ms')});
like($err, qr/TP008|has not been taken in time/, 'no longer than wait_timeout');
is($node->query(sprintf $call, 'd', 1), '1', 'the update is taken when the delay is over');
is($node->query(q{SELECT count(*) FROM temporal.workflow_update WHERE workflow_id = 'd'}), '1', 'nothing was kept of the one before');

# --- somebody ends it

$node->query("SELECT temporal.start_workflow('entity', '0', id => 's', $hour)");
my $session = $node->background_psql('postgres');
$session->query_until(qr//, sprintf($call, 's', 2) . ";\n");
wait_for_waiter();
is($node->query(q{SELECT count(*) FROM pg_locks WHERE locktype = 'userlock'}), '0', 'it holds no run while it waits');
$node->query(q{SELECT temporal.signal_with_start('entity', 'other', 'null', '0', id => 's')});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.workflow_update WHERE workflow_id = 's'});
pass('signal_with_start() ends the delay, and the wait');
$session->quit;

$node->query("SELECT temporal.start_workflow('entity', '0', id => 'c', $hour)");
$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_until(qr//, sprintf($call, 'c', 3) . ";\n");
wait_for_waiter();
$node->query(q{SELECT temporal.terminate('c')});
$node->wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CALL temporal.execute_update%' AND state = 'active'});
$session->query('SELECT 1');
like($session->{stderr}, qr/is already closed/, 'a run that closes in its delay');
$session->quit;

# --- between two runs of a chain

$node->query(q{SELECT temporal.start_workflow('entity', '1', id => 'n'), temporal.signal('n', 'next')});
$node->wait_for(q{SELECT count(*) = 2 FROM temporal.workflow WHERE workflow_id = 'n'});
($rc, $out, $err) = $node->try_query(q{SELECT temporal.update('n', 'add', '4')});
like($err, qr/TP024|has to wait/, 'update() does not wait');
is($node->query(sprintf $call, 'n', 4), '4', 'what it continues as begins later');
$node->query(q{SELECT temporal.start_workflow('flaky', id => 'r', retry_policy => temporal.retry_policy('2 s'))});
$node->wait_for(q{SELECT count(*) = 2 FROM temporal.workflow WHERE workflow_id = 'r'});
is($node->query(sprintf $call, 'r', 5), '5', 'and so does a retry');
is($node->query(q{SELECT temporal.result('r', timeout => '20 s')}), '5', '... which has it');

is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();
