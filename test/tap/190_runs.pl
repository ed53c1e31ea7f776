# Runs that follow each other, and workflow code that computes for too long, on
# a real server: executors interrupt the code and go on, new code heals it, and
# a crash between a run and the next one leaves neither two nor none.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my $node = TemporalNode->new_preloaded('main', conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 500ms
});

sub events
{
	my ($where) = @_;
	return $node->query("SELECT string_agg(event_type::text, ',' ORDER BY start_time, event_id) FROM temporal.history h JOIN temporal.workflow USING (run_id) WHERE h.$where");
}

$node->query(q{
	CREATE TABLE done (id text, step int);
	CREATE FUNCTION note(id text, step int, seconds float DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO done VALUES (id, step);
		PERFORM pg_sleep(seconds);
		RETURN step;
	END $$;
	SELECT temporal.register_activity('note');
});

# --- S-24: code that computes for longer than its task timeout

my $code = q{
	CREATE OR REPLACE FUNCTION computes(id text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		n bigint := 0;
	BEGIN
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 1));
		WHILE %s LOOP
			n := n + 1;
		END LOOP;
		RETURN n;
	END $$;
};
$node->query(sprintf($code, 'true'));
$node->query(q{SELECT temporal.register_workflow('computes')});
my $log = -s $node->logfile;
$node->query(q{SELECT temporal.start_workflow('computes', '"c"', id => 'c', task_timeout => '1.5 s')});
$node->wait_for(q{SELECT task_attempt >= 3 FROM temporal.workflow WHERE workflow_id = 'c'});
pass('it is interrupted, and tried again');
is(events(q{workflow_id = 'c'}),
	'WorkflowExecutionStarted,ActivityTaskScheduled,WorkflowTaskTimedOut', 'S-24: one event, at the first time');
is($node->query(q{SELECT attributes, task_id FROM temporal.history WHERE workflow_id = 'c' AND event_type = 'WorkflowTaskTimedOut'}),
	'{"timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE"}|0', 'with its type');
is($node->query(q{SELECT status, last_task_failure #>> '{timeoutFailureInfo,timeoutType}', last_task_failure ->> 'message' FROM temporal.workflow WHERE workflow_id = 'c'}),
	'Running|TIMEOUT_TYPE_START_TO_CLOSE|workflow code was interrupted: it ran for longer than its task timeout of 1.500s without waiting', 'the run stays open, its row shows why');
my $began = time();
like($node->query(q{SELECT what || ' at ' || at || ' since ' || (since IS NOT NULL) FROM temporal.explain('c') LIMIT 1}),
	qr/^the workflow task fails: workflow code was interrupted: .* at computes\(text\) line [678] at .* since true$/, 'explain() begins with it, and the line');
cmp_ok(time() - $began, '<', 1.5, '... without computing as long itself');
like(slurp_file($node->logfile, $log),
	qr/workflow task of "c" \(computes\) failed: workflow code was interrupted.*\n.*CONTEXT:  .*(?:\n\t.*)*PL\/pgSQL function computes\(text\) line [678] at /, 'so does the log');
is($node->query(q{SELECT string_agg(event, '; ') FILTER (WHERE event ~ 'task') FROM temporal.trace('c')}) =~ s/\d+ times/n times/r,
	'workflow task timed out; workflow task failed n times', 'trace(), too');
is($node->query(q{SELECT count(*) FROM done WHERE id = 'c'}), 1, 'its activity was done once');
$node->query(sprintf($code, 'n < 10'));
is($node->query(q{SELECT temporal.result('c', timeout => '30 s')}), '10', 'CREATE OR REPLACE FUNCTION heals it');
is(events(q{workflow_id = 'c'}),
	'WorkflowExecutionStarted,ActivityTaskScheduled,WorkflowTaskTimedOut,ActivityTaskStarted,ActivityTaskCompleted,WorkflowExecutionCompleted', 'nothing else has happened');
is($node->query(q{SELECT temporal.replay('c')}), 6, 'it replays');

# S-23: a bug, event by event
$node->query(q{
	CREATE FUNCTION buggy() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1 / 0; END $$;
	SELECT temporal.register_workflow('buggy'), temporal.start_workflow('buggy', id => 'b');
});
$node->wait_for(q{SELECT task_attempt >= 3 FROM temporal.workflow WHERE workflow_id = 'b'});
$node->query(q{CREATE OR REPLACE FUNCTION buggy() RETURNS int LANGUAGE plpgsql AS $$BEGIN RETURN 1; END $$});
$node->query(q{SELECT temporal.result('b', timeout => '30 s')});
is($node->query(q{SELECT string_agg(event_type || coalesce(' ' || (attributes ->> 'cause') || ' ' || (attributes #>> '{failure,message}'), ''), ', ' ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'b'}),
	'WorkflowExecutionStarted, WorkflowTaskFailed WORKFLOW_WORKER_UNHANDLED_FAILURE division by zero, WorkflowExecutionCompleted', 'S-23: a bug, three attempts, the fix');

# code that will not be stopped by catching it, and the executor after it
$node->query(q{
	CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_sleep(60);
			EXCEPTION WHEN query_canceled OR OTHERS THEN
				NULL;
			END;
		END LOOP;
	END $$;
	CREATE FUNCTION plain() RETURNS text LANGUAGE sql AS $$ SELECT 'fine' $$;
	SET temporal_pg.determinism = off;    -- pg_sleep() stands for computing
	SELECT temporal.register_workflow('stubborn'), temporal.register_workflow('plain'), temporal.start_workflow('stubborn', id => 's', task_timeout => '0.3 s');
});
$node->wait_for(q{SELECT task_attempt >= 2 FROM temporal.workflow WHERE workflow_id = 's'});
pass('who catches query_canceled is interrupted all the same');
is($node->query(q{SELECT temporal.start_workflow('plain', id => 'p'); COMMIT; SELECT temporal.result('p', timeout => '30 s')}), "p\n\"fine\"", 'others run');
$node->query(q{SELECT temporal.terminate('s')});

# nor by catching assert_failure, as which the interruption comes: its executor ends, and the next one writes why
$node->query(q{
	CREATE FUNCTION immortal() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_sleep(60);
			EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
				NULL;
			END;
		END LOOP;
	END $$;
	SET temporal_pg.determinism = off;
	SELECT temporal.register_workflow('immortal'), temporal.start_workflow('immortal', id => 'i', task_timeout => '0.3 s');
});
my $took = time;
$node->wait_for(q{SELECT task_attempt >= 2 FROM temporal.workflow WHERE workflow_id = 'i'});
cmp_ok(time - $took, '>', 3, 'code that catches everything is interrupted several times');
is(events(q{workflow_id = 'i'}), 'WorkflowExecutionStarted,WorkflowTaskTimedOut', 'then its process ends, and its task has timed out');
like($node->query(q{SELECT last_task_failure ->> 'message' FROM temporal.workflow WHERE workflow_id = 'i'}), qr/longer than its task timeout of 0.300s/, 'as its row shows');
$node->wait_for(q{SELECT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'i')});
$node->query(q{SET lock_timeout = '30 s'; SELECT temporal.terminate('i')});
is(events(q{workflow_id = 'i'}) =~ s/,WorkflowTaskTimedOut//r, 'WorkflowExecutionStarted,WorkflowExecutionTerminated', 'terminate() waits no longer than that');

# nor does it hold up the run timeout, which ends its task timeout, too
$node->query(q{SELECT temporal.start_workflow('stubborn', id => 's2', run_timeout => '1 s')});
like(($node->try_query(q{SELECT temporal.result('s2', timeout => '30 s')}))[2], qr/ERROR:  workflow "s2" timed out/, 'its run times out');
is(events(q{workflow_id = 's2'}) =~ s/,WorkflowTaskTimedOut//r, 'WorkflowExecutionStarted,WorkflowExecutionTimedOut', 'with its last event');

# --- what activities take does not count, wherever they run

$node->query(q{
	CREATE FUNCTION chain(id text, n int, seconds float) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		sum int := 0;
	BEGIN
		FOR i IN 1 .. n LOOP
			sum := sum + temporal.execute_activity('note', jsonb_build_array(id, i, seconds))::int;
		END LOOP;
		RETURN sum;
	END $$;
	CREATE FUNCTION chain_of_local(id text, n int, seconds float) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		sum int := 0;
	BEGIN
		FOR i IN 1 .. n LOOP
			sum := sum + temporal.execute_local_activity('note', jsonb_build_array(id, i, seconds))::int;
		END LOOP;
		RETURN sum;
	END $$;
	SELECT temporal.register_workflow('chain'), temporal.register_workflow('chain_of_local');
	SELECT temporal.start_workflow('chain', '["in place", 4, 0.06]', id => 'in place', task_timeout => '0.15 s'),
		temporal.start_workflow('chain', '["queued", 2, 0.5]', id => 'queued', task_timeout => '0.15 s'),
		temporal.start_workflow('chain_of_local', '["local", 2, 0.5]', id => 'local', task_timeout => '0.15 s');
});
foreach my $id ('in place', 'queued', 'local')
{
	like($node->query(qq{SELECT temporal.result('$id', timeout => '30 s')}), qr/^(?:10|3)$/, "activities, $id");
	is($node->query(qq{SELECT count(*) FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'WorkflowTaskTimedOut'}), 0, '... and no task has timed out');
}

# --- sessions follow the chain

$node->query(q{
	CREATE FUNCTION flaky(n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF (temporal.workflow_info()).attempt < n THEN
			PERFORM temporal.raise_application_error('not yet');
		END IF;
		RETURN 'attempt ' || n;
	END $$;
	CREATE FUNCTION sleepy() RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF (temporal.workflow_info()).attempt < 2 THEN
			PERFORM temporal.sleep('1 hour');
		END IF;
		RETURN 'in time';
	END $$;
	CREATE FUNCTION counts() RETURNS int LANGUAGE sql AS $$ SELECT coalesce(temporal.last_completion_result()::int, 0) + 1 $$;
	SELECT temporal.register_workflow(w) FROM unnest('{flaky,sleepy,counts}'::text[]) w;
});
is($node->query(q{CALL temporal.execute_workflow('flaky', '3', id => 'f', retry_policy => temporal.retry_policy(initial_interval => '0.1 s'), wait_timeout => '30 s')}),
	'"attempt 3"', 'CALL execute_workflow() gives the result of the attempt that has one');

# --- a crash between the end of a run and the next

sub chain_is
{
	my ($id, $expected, $what) = @_;
	is($node->query("SELECT string_agg(status::text, ',' ORDER BY start_time, execution_time) FROM temporal.workflow WHERE workflow_id = '$id'"), $expected, $what);
	is($node->query("SELECT count(*), count(DISTINCT n.run_id) FROM temporal.history h JOIN temporal.workflow n ON n.run_id::text = h.attributes ->> 'newExecutionRunId' WHERE h.workflow_id = '$id'"),
		join('|', (($expected =~ tr/,//)) x 2), '... each run has the one that it names');
	is($node->broken_runs(where => "w.workflow_id = '$id'"), '', '... and is whole');
	return;
}

$node->arm_fault('next_run_started');
# the crash may be there before the answer
$node->try_query(q{SELECT temporal.start_workflow('flaky', '2', id => 'x1', retry_policy => temporal.retry_policy(initial_interval => '0.1 s'))});
$node->wait_fault('next_run_started');
is($node->query(q{SELECT temporal.result('x1', timeout => '30 s')}), '"attempt 2"', 'a crash while a retry begins');
chain_is('x1', 'Failed,Completed', 'one run failed, one follows');

$node->arm_fault('next_run_started');
# the crash may be there before the answer
$node->try_query(q{SELECT temporal.start_workflow('sleepy', id => 'x2', run_timeout => '0.3 s', retry_policy => temporal.retry_policy(initial_interval => '0.1 s'))});
$node->wait_fault('next_run_started');
is($node->query(q{SELECT temporal.result('x2', timeout => '30 s')}), '"in time"', 'a crash while a run timeout is followed by a retry');
chain_is('x2', 'TimedOut,Completed', 'one run timed out, one follows');

$node->arm_fault('next_run_started');
# the crash may be there before the answer
$node->try_query(q{SELECT temporal.start_workflow('counts', id => 'x3', cron_schedule => '@every 1s')});
$node->wait_fault('next_run_started');
$node->wait_for(q{SELECT count(*) >= 2 FROM temporal.workflow WHERE workflow_id = 'x3' AND status = 'Completed'});
$node->restart_immediate;
$node->wait_for(q{SELECT count(*) >= 4 FROM temporal.workflow WHERE workflow_id = 'x3' AND status = 'Completed'});
$node->query(q{SELECT temporal.terminate('x3')});
is($node->query(q{SELECT bool_and(result = n) FROM (SELECT (attributes ->> 'result')::int AS result, row_number() OVER (ORDER BY event_time) AS n FROM temporal.history WHERE workflow_id = 'x3' AND event_type = 'WorkflowExecutionCompleted') r}),
	't', 'cron over a crash and a power failure: each result was passed on, none twice');
my $completed = $node->query(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'x3' AND status = 'Completed'});
chain_is('x3', ('Completed,' x $completed) . 'Terminated', 'one run after the other, until it is terminated');

$node->stop;
done_testing();
