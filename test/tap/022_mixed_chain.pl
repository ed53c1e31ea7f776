# A chain of short steps in one workflow task, some of which ran with the code
# unwound (inside an EXCEPTION block) and some on top of it, and then an error of
# the code: what the first ones did must not be done again when the others are.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main');

$node->query(q{
	CREATE TABLE done (run text, step text);
	CREATE FUNCTION step(run text, step text) RETURNS text LANGUAGE sql AS $$
		INSERT INTO done VALUES (run, step) RETURNING step $$;
	CREATE FUNCTION chain(run text, ending text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'in a block'));
		EXCEPTION WHEN SQLSTATE 'TF000' THEN NULL;
		END;
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'plain 1'));
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'plain 2'));
		CASE ending
			WHEN 'fails the run' THEN RAISE EXCEPTION 'boom';
			WHEN 'fails the task' THEN PERFORM 1 / 0;
			WHEN 'sleeps' THEN PERFORM temporal.sleep('50 ms');
			ELSE NULL;
		END CASE;
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'last'));
		RETURN 'done';
	END $$;
	SELECT temporal.register_activity('step'), temporal.register_workflow('chain');
});

my %steps = (
	'returns' => 'in a block,last,plain 1,plain 2',
	'sleeps' => 'in a block,last,plain 1,plain 2',
	'fails the run' => 'in a block,plain 1,plain 2',
	'fails the task' => 'in a block,plain 1,plain 2');

foreach my $ending (sort keys %steps)
{
	$node->query("SELECT temporal.start_workflow('chain', jsonb_build_array('$ending', '$ending'), id => '$ending')");
	$node->wait_for($ending eq 'fails the task'
		? "SELECT task_attempt > 2 FROM temporal.workflow WHERE workflow_id = '$ending'"
		: "SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$ending'");
	is($node->query("SELECT string_agg(step, ',' ORDER BY step COLLATE \"C\") FROM done WHERE run = '$ending'"),
		$steps{$ending}, "code that $ending: each step once");
	next if $ending eq 'fails the task';
	is($node->query("SELECT temporal.replay('$ending') = history_length FROM temporal.workflow WHERE workflow_id = '$ending'"),
		't', "code that $ending: its history replays");
}

# the steps behind the failing line are not lost, either
$node->query(q{
	CREATE OR REPLACE FUNCTION chain(run text, ending text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'in a block'));
		EXCEPTION WHEN SQLSTATE 'TF000' THEN NULL;
		END;
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'plain 1'));
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'plain 2'));
		PERFORM temporal.execute_activity('step', jsonb_build_array(run, 'last'));
		RETURN 'done';
	END $$;
});
$node->wait_for("SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'fails the task'");
is($node->query("SELECT string_agg(step, ',' ORDER BY step COLLATE \"C\") FROM done WHERE run = 'fails the task'"),
	$steps{returns}, 'mended code: each step once');

$node->stop;
done_testing();
