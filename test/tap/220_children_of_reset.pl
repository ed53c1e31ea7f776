# A parent is reset to before the start of a child that is still open, which becomes a child of the new run: while it is
# at work, and over crashes between the two.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 300ms
});

$node->query(q{
	CREATE TABLE effect (id text);
	CREATE FUNCTION holds(id text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effect VALUES (id);
		PERFORM pg_advisory_xact_lock_shared(4711);
	END $$;
	-- its only activity may be at work within its workflow task
	CREATE FUNCTION kid(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('holds', id);
		PERFORM temporal.wait_signal('go');
		RETURN 'grown';
	END $$;
	CREATE FUNCTION parent(kid text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_signal('start');
		RETURN temporal.execute_child_workflow('kid', kid, id => kid);
	END $$;
	-- computes, and goes on as another run
	CREATE FUNCTION chain(kid text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF kid <> 'last' THEN
			FOR i IN 1 .. 30000000 LOOP NULL; END LOOP;
			PERFORM temporal.continue_as_new('last'::text);
		END IF;
		PERFORM temporal.wait_signal('go');
		RETURN 'grown';
	END $$;
	CREATE FUNCTION parent_of_chain(kid text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_signal('start');
		RETURN temporal.execute_child_workflow('chain', kid, id => kid);
	END $$;
	SELECT temporal.register_workflow('chain'), temporal.register_workflow('parent_of_chain');
	SELECT temporal.register_activity('holds'), temporal.register_workflow('kid'), temporal.register_workflow('parent');
});

my $reset = q{SELECT temporal.reset('%s', (SELECT min(event_id) FROM temporal.history WHERE workflow_id = '%1$s' AND event_type = 'StartChildWorkflowExecutionInitiated'))};

sub begin
{
	my ($id) = @_;
	$node->query("SELECT temporal.start_workflow('parent', to_jsonb('kid of $id'::text), id => '$id'), temporal.signal('$id', 'start')");
	$node->wait_for("SELECT count(*) = 1 FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'ChildWorkflowExecutionStarted'");
	return $node->query("SELECT run_id FROM temporal.workflow WHERE workflow_id = 'kid of $id'");
}

sub adopted
{
	my ($id, $kid, $what) = @_;
	$node->wait_for("SELECT count(*) = 1 FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = '$id' AND w.is_current AND event_type = 'ChildWorkflowExecutionStarted'");
	is($node->query("SELECT child_run_id FROM temporal.child_workflow c JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = '$id' AND w.is_current"), $kid, $what);
	$node->query("SELECT temporal.signal('kid of $id', 'go')");
	is($node->query("SELECT temporal.result('$id', timeout => '30 s')"), '"grown"', '... whose end it is told of');
	is($node->query("SELECT count(*) FROM effect WHERE id = 'kid of $id'"), '1', '... and which has run once');
	return;
}

# --- the child is at work

my $session = $node->background_psql('postgres');
$session->query_safe('SELECT pg_advisory_lock(4711)');
my $kid = begin('a');
$node->wait_for(q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted});
$node->query(sprintf $reset, 'a');
$session->query_safe('SELECT pg_advisory_unlock(4711)');
adopted('a', $kid, 'a child at work is taken over');

# --- somebody has the child: it is waited for, without holding anybody up

$kid = begin('b');
$session->query_safe(q{BEGIN; SELECT temporal.signal('kid of b', 'other')});
$node->query(sprintf $reset, 'b');
$node->wait_for(q{SELECT count(*) = 1 FROM temporal_internal.outbox o JOIN temporal_internal.execution e ON e.key = o.execution_key WHERE e.workflow_id = 'b'});
is($node->query(q{SELECT count(*) FROM pg_locks WHERE NOT granted}), '0', 'nobody waits for a lock');
$session->query_safe('COMMIT');
adopted('b', $kid, 'it is taken over when he is done');
$session->quit;

# --- its task goes on as another run meanwhile

$node->query(q{SELECT temporal.start_workflow('parent_of_chain', to_jsonb('kid of n'::text), id => 'n'), temporal.signal('n', 'start')});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker WHERE workflow_id = 'kid of n'});
$node->query(sprintf $reset, 'n');
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.history h JOIN temporal.workflow w USING (run_id) WHERE w.workflow_id = 'n' AND w.is_current AND event_type = 'ChildWorkflowExecutionStarted'});
$node->query(q{SELECT temporal.signal('kid of n', 'go')});
is($node->query(q{SELECT temporal.result('n', timeout => '30 s')}), '"grown"', 'the run that it goes on as is the child of the new parent, too');

# --- crashes

foreach my $fault (qw(reset_run_closed reset_before_commit outbox_before_commit task_before_commit))
{
	my $id = "crash $fault";
	$kid = begin($id);
	$node->wait_for("SELECT count(*) = 1 FROM effect WHERE id = 'kid of $id'");
	# what has no answer is asked again
	$node->arm_fault($fault);
	$node->try_query(sprintf $reset, $id);
	$node->wait_fault($fault);
	$node->query(sprintf $reset, $id) if $node->query("SELECT count(*) FROM temporal.workflow WHERE workflow_id = '$id'") == 1;
	adopted($id, $kid, "a crash at $fault");
}

is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();
