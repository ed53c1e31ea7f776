# An activity that takes its server process down each time does not take the
# server down for ever: after a crash activities run one by one, recorded before
# they start, and the one that has crashed three times is paused. All others go
# on, and it goes on when it has been repaired.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', conf => 'temporal_pg.sweep_interval = 300ms');

$node->query(q{
	CREATE TABLE effect (id text);
	CREATE FUNCTION harmless(id text) RETURNS void LANGUAGE sql AS $$ INSERT INTO effect VALUES (id) $$;
	-- what a bug in some C function would do
	CREATE FUNCTION crash(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effect VALUES (id);
		COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';
		RETURN 'alive';
	END $$;
	CREATE FUNCTION lives(id text, n int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. n LOOP
			PERFORM temporal.execute_activity('harmless', id);
			PERFORM temporal.sleep('100 ms');
		END LOOP;
		RETURN n;
	END $$;
	CREATE FUNCTION dies(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('harmless', id);
		RETURN temporal.execute_activity('crash', id, activity_id => 'deadly', retry_policy => temporal.retry_policy('200 ms', 1));
	END $$;
	SELECT temporal.register_activity('harmless'), temporal.register_activity('crash');
	SELECT temporal.register_workflow('lives'), temporal.register_workflow('dies');
	SELECT temporal.start_workflow('lives', jsonb_build_array('other' || i, 5), id => 'other' || i) FROM generate_series(1, 5) i;
});
$node->try_query(q{SELECT temporal.start_workflow('dies', '"patient"', id => 'patient')});

$node->wait_for(q{SELECT paused FROM temporal.pending_activity WHERE workflow_id = 'patient'});
my $crashes = () = slurp($node->logfile) =~ /was terminated by signal 9/g;
is($node->query(q{SELECT state, crash_count, attempt, activity_id, last_failure_message FROM temporal.pending_activity WHERE workflow_id = 'patient'}),
	'Paused|3|4|deadly|activity crashed its server process', 'it is paused after three crashes');
note("$crashes crashes of the server");
# the first crash may come where nothing was recorded: the server did not know yet that it had to be careful
cmp_ok($crashes, '<=', 4, 'the server has crashed no more often than that');
like(slurp($node->logfile), qr/WARNING:  activity "crash" of workflow "patient" was paused: it has crashed its server process 3 times/, 'the log says so');
like(slurp($node->logfile), qr/HINT:  Repair the activity, then call temporal\.unpause_activity\(\)\./, '... and what to do');
like($node->query(q{SELECT string_agg(e::text, E'\n') FROM temporal.explain('patient') e}), qr/paused/i, 'explain() shows it');

# the rest goes on, although the server is still careful
$node->query(q{SELECT temporal.start_workflow('lives', jsonb_build_array('new', 2), id => 'new')});
is($node->query(q{SELECT string_agg(temporal.result(id, timeout => '60 s')::text, ',') FROM unnest('{other1,other2,other3,other4,other5,new}'::text[]) id}),
	'5,5,5,5,5,2', 'the rest goes on');
is($node->query(q{SELECT id, count(*) FROM effect GROUP BY id ORDER BY id}),
	"new|2\nother1|5\nother2|5\nother3|5\nother4|5\nother5|5\npatient|1", 'what the crashing activity did is not there, all else is, once');

# paused across a restart of the server
$node->restart_immediate;
$node->query(q{SELECT temporal.start_workflow('lives', jsonb_build_array('newer', 1), id => 'newer'); SELECT temporal.result('newer', timeout => '60 s')});
is($node->query(q{SELECT state FROM temporal.pending_activity WHERE workflow_id = 'patient'}), 'Paused', 'it stays paused after a restart');

# repaired
$node->query(q{
	CREATE OR REPLACE FUNCTION crash(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effect VALUES (id);
		RETURN 'repaired, attempt ' || (temporal.activity_info()).attempt;
	END $$;
	SELECT temporal.unpause_activity('patient', 'deadly');
});
is($node->query(q{SELECT temporal.result('patient', timeout => '60 s')}), '"repaired, attempt 4"', 'unpaused after repair, it completes');
is($node->query(q{SELECT count(*) FROM effect WHERE id = 'patient'}), '2', 'it has happened once');
is($node->query(q{SELECT attributes ->> 'attempt', attributes #>> '{lastFailure,message}' FROM temporal.history WHERE workflow_id = 'patient' AND event_type = 'ActivityTaskStarted' ORDER BY event_id DESC LIMIT 1}),
	'4|activity crashed its server process', 'the history tells why there were four attempts');

# In careful mode, an executor that is told to end in the middle of an attempt
# has not crashed: the attempt has not happened, and is done again.
$node->query(q{
	CREATE FUNCTION long() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effect VALUES ('long');
		PERFORM pg_sleep(CASE WHEN (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'go on') > 0 THEN 0 ELSE 3600 END);
		RETURN (temporal.activity_info()).attempt;
	END $$;
	CREATE FUNCTION patience() RETURNS jsonb LANGUAGE sql AS $$ SELECT temporal.execute_activity('long', start_to_close_timeout => '1 day') $$;
	SELECT temporal.register_activity('long'), temporal.register_workflow('patience');
});
$node->restart_immediate;
$node->query(q{SELECT temporal.start_workflow('patience', id => 'patience')});
# an attempt of its own: where the server is not careful any more its workflow task has tried it first
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.worker w JOIN pg_stat_activity a USING (pid) WHERE w.workflow_id = 'patience' AND w.task = 'activity' AND a.wait_event = 'PgSleep'});
is($node->query(q{SELECT state FROM temporal.pending_activity WHERE workflow_id = 'patience'}), 'Started', 'an attempt is under way');
my $session = $node->background_psql('postgres');
$session->query_safe(q{SET application_name = 'go on'});
$node->query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'});
is($node->query(q{SELECT temporal.result('patience', timeout => '20 s')}), '1', 'an attempt whose executor was told to end is done again, and does not count');
$session->quit;
is($node->query(q{SELECT count(*) FROM effect WHERE id = 'long'}), '1', 'it has happened once');

# --- workflow code that takes the server with it: its task is tried later and later, until the code is mended

$node->query(q{
	CREATE FUNCTION killer() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		CREATE TEMP TABLE IF NOT EXISTS nothing (x text) ON COMMIT DROP;
		COPY nothing FROM PROGRAM 'kill -9 $PPID; sleep 10';
	END $$;
	CREATE FUNCTION kills() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.execute_local_activity('killer'); RETURN 'done'; END $$;
	SELECT temporal.register_activity('killer'), temporal.register_workflow('kills');
});
$node->try_query(q{SELECT temporal.start_workflow('kills', id => 'kills')});
$node->wait_for(q{SELECT task_attempt >= 2 FROM temporal.workflow WHERE workflow_id = 'kills'});
is($node->query(q{SELECT last_task_failure #>> '{applicationFailureInfo,type}' FROM temporal.workflow WHERE workflow_id = 'kills'}), 'WorkerDied', 'a workflow task that takes the server with it has failed');
foreach (1 .. 50)
{
	my ($status) = $node->try_query(q{CREATE OR REPLACE FUNCTION killer() RETURNS void LANGUAGE sql AS ''});
	last if $status == 0;
	$node->wait_ready;
}
$node->wait_for(q{SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = 'kills'});
is($node->query(q{SELECT string_agg(event_type::text, ',' ORDER BY event_id) FROM temporal.history WHERE workflow_id = 'kills' AND event_type::text ~ 'Task(Failed|TimedOut)|Execution'}),
	'WorkflowExecutionStarted,WorkflowTaskFailed,WorkflowExecutionCompleted', 'and goes on when that is mended');
is(scalar(grep { /temporal_pg_task_/ } PostgreSQL::Test::Utils::slurp_dir($node->data_dir)), 0, 'no file is left');

is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();

sub slurp { return PostgreSQL::Test::Utils::slurp_file($_[0]) }
