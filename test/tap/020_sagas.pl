# What an activity did stays done when the block around it is left by an error:
# its row is there once, whether it ran within the workflow task (local, eager)
# or through the queue (slow, parallel), and although the code is replayed over
# it, in another process, after a crash.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main',
	conf => "temporal_pg.sweep_interval = 500ms\ntemporal_pg.careful_period = 0");

$node->query(q{
	CREATE TABLE booking (saga text, step text);

	CREATE FUNCTION book(saga text, step text) RETURNS text LANGUAGE sql AS $$
		INSERT INTO booking VALUES (saga, step) RETURNING step $$;
	-- longer than an eager step may take
	CREATE FUNCTION book_slowly(saga text, step text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO booking VALUES (saga, step);
		PERFORM pg_sleep(0.15);
		RETURN step;
	END $$;
	CREATE FUNCTION refuse(saga text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO booking VALUES (saga, 'refused');
		PERFORM temporal.raise_application_error('no room', type => 'NoRoom', non_retryable => true);
	END $$;

	-- how: which way the step in the block takes; error: what ends the block
	CREATE FUNCTION saga(id text, how text, error text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		caught text := 'nothing';
	BEGIN
		BEGIN
			CASE how
				WHEN 'local' THEN
					PERFORM temporal.execute_local_activity('book', jsonb_build_array(id, 'a'));
				WHEN 'eager' THEN
					PERFORM temporal.execute_activity('book', jsonb_build_array(id, 'a'));
				WHEN 'queued' THEN
					PERFORM temporal.execute_activity('book_slowly', jsonb_build_array(id, 'a'));
				WHEN 'parallel' THEN
					PERFORM temporal.await_all(ARRAY[
						temporal.start_activity('book', jsonb_build_array(id, 'a')),
						temporal.start_activity('book', jsonb_build_array(id, 'b'))]);
			END CASE;
			PERFORM temporal.sleep('700 ms');
			CASE error
				WHEN 'activity' THEN PERFORM temporal.execute_activity('refuse', id);
				WHEN 'local activity' THEN PERFORM temporal.execute_local_activity('refuse', id);
				WHEN 'raise' THEN RAISE EXCEPTION 'changed my mind';
				WHEN 'sql' THEN PERFORM 1 / (length(id) - length(id));
			END CASE;
		EXCEPTION
			WHEN SQLSTATE 'TF002' THEN caught := temporal.failure_type();
			WHEN raise_exception OR division_by_zero THEN caught := SQLERRM;
		END;
		-- compensation, the way of the step
		IF how = 'local' THEN
			PERFORM temporal.execute_local_activity('book', jsonb_build_array(id, 'undone'));
		ELSE
			PERFORM temporal.execute_activity('book', jsonb_build_array(id, 'undone'));
		END IF;
		RETURN caught;
	END $$;

	SELECT temporal.register_activity(f) FROM unnest(ARRAY['book', 'book_slowly', 'refuse']) f;
	SELECT temporal.register_workflow('saga');
});

my @how = qw(local eager queued parallel);
my %error = (
	'activity' => 'NoRoom',
	'local activity' => 'NoRoom',
	'raise' => 'changed my mind',
	'sql' => 'division by zero');

sub start_all
{
	my ($prefix) = @_;
	my $n = 0;
	foreach my $how (@how)
	{
		foreach my $error (sort keys %error)
		{
			$n++;
			$node->query("SELECT temporal.start_workflow('saga', jsonb_build_array('$prefix-$how-$error', '$how', '$error'), "
				  . "id => '$prefix-$how-$error')");
		}
	}
	return $n;
}

sub check_all
{
	my ($prefix) = @_;
	foreach my $how (@how)
	{
		foreach my $error (sort keys %error)
		{
			my $id = "$prefix-$how-$error";
			my $steps = $how eq 'parallel' ? 'a,b,undone' : 'a,undone';

			is($node->query("SELECT temporal.result('$id', timeout => '30 s') #>> '{}'"), $error{$error},
				"$id: the block has caught the error");
			is($node->query("SELECT string_agg(step, ',' ORDER BY step) FROM booking WHERE saga = '$id'"), $steps,
				"$id: each row is there once");
		}
	}
	is($node->broken_runs(where => "w.workflow_id LIKE '$prefix-%'"), '', "$prefix: histories are whole and replay");
	return;
}

start_all('calm');
check_all('calm');

# the same with a crash while all of them sleep in their blocks
my $n = start_all('crash');
$node->wait_for("SELECT count(DISTINCT workflow_id) = $n FROM temporal.history "
	  . "WHERE workflow_id LIKE 'crash-%' AND event_type = 'TimerStarted'");
$node->restart_immediate;
check_all('crash');

$node->stop;
done_testing();
