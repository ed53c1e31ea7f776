# Autonomous activities with real processes: COMMIT inside, VACUUM, settings, two roles, timeouts, cancellation, pausing;
# and the death of the executor between its commits: kill -9, pg_terminate_backend, immediate stop, three crashes in a row.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my $node = TemporalNode->new_preloaded('main', conf => "temporal_pg.sweep_interval = 30s\ntemporal_pg.careful_period = 1s\ntemporal_pg.fault_injection = on");

$node->query(q{
	CREATE TABLE piece (job text, n int, attempt int, note text);
	CREATE TABLE gate (job text PRIMARY KEY);
	-- commits each piece; goes on behind those that are there; waits at piece 3 as long as its gate is closed
	CREATE PROCEDURE batch(job text, n int, INOUT made int DEFAULT 0) LANGUAGE plpgsql AS $$
	DECLARE done int := (SELECT coalesce(max(p.n), 0) FROM piece p WHERE p.job = batch.job);
	BEGIN
		FOR i IN done + 1 .. n LOOP
			INSERT INTO piece VALUES (job, i, (temporal.activity_info()).attempt, concat_ws(' ', current_user, current_setting('work_mem'), current_setting('TimeZone')));
			made := made + 1;
			COMMIT;
			WHILE i >= 3 AND EXISTS (SELECT FROM gate g WHERE g.job = batch.job) LOOP
				PERFORM pg_sleep(0.01);
				COMMIT;
			END LOOP;
			INSERT INTO piece VALUES (job, -i, 0, 'undone');
			ROLLBACK;
		END LOOP;
	END $$;
	CREATE FUNCTION job(job text, n int, timeout interval DEFAULT '1 min', tries int DEFAULT 5) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('batch', jsonb_build_array(job, n), activity_id => 'b', start_to_close_timeout => timeout,
			retry_policy => temporal.retry_policy('100 ms', 1, maximum_attempts => tries));
	END $$;
	CREATE FUNCTION command(c jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('sql', c, activity_id => 's', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	END $$;
	SELECT temporal.register_activity('batch', mode => 'autonomous', settings => '{"work_mem": "11MB", "TimeZone": "Asia/Tokyo"}');
	SELECT temporal.register_workflow('job'), temporal.register_workflow('command');
});
sub start { my ($id, $type, $input) = @_; $node->query("SELECT temporal.start_workflow('$type', '$input', id => '$id')"); }
sub result { my ($id) = @_; my (undef, $out, $err) = $node->try_query("SELECT temporal.result('$id', timeout => '60 s')"); return ($out // '') . ($err // ''); }
sub pieces { my ($id) = @_; return $node->query("SELECT string_agg(n || ':' || attempt, ' ' ORDER BY n) FROM piece WHERE job = '$id'"); }
sub held { my ($id, @more) = @_; $node->query("INSERT INTO gate VALUES ('$id')"); start($id, 'job', join('', '["', $id, '", 5', map({ ", $_" } @more), ']')); wait_piece($id); }
sub wait_piece { my ($id) = @_; $node->wait_for("SELECT EXISTS (SELECT FROM piece WHERE job = '$id' AND n = 3)"); }
sub pid_of { my ($id) = @_; return $node->query("SELECT pid FROM temporal.worker WHERE workflow_id = '$id' AND task = 'activity'"); }
sub state { my ($id) = @_; return $node->query("SELECT state, attempt, last_failure_message FROM temporal.pending_activity WHERE workflow_id = '$id'"); }
sub slurp { my ($file) = @_; open my $fh, '<', $file or die "$file: $!"; local $/; return <$fh>; }
sub open_gate { my ($id) = @_; $node->query("DELETE FROM gate WHERE job = '$id'"); }

# ---------- commits, settings, the session afterwards ----------

start('plain', 'job', '["plain", 4]');
is(result('plain'), '4', 'a procedure commits in pieces; its INOUT argument is the result');
is(pieces('plain'), '1:1 2:1 3:1 4:1', 'all pieces are there, and nothing that it rolled back');
is($node->query(q{SELECT DISTINCT note FROM piece WHERE job = 'plain'}), 'postgres 11MB Asia/Tokyo', 'its settings hold behind COMMIT and ROLLBACK');
is(scalar(() = $node->query(q{SELECT event_type FROM temporal.history WHERE workflow_id = 'plain'}) =~ /Activity/g), 3, 'its history is as of any activity');

held('visible');
is($node->query(q{SELECT count(*) FROM piece WHERE job = 'visible'}), '3', 'what it has committed can be seen while it runs');
is(state('visible'), 'Started|1|', 'it is pending as started');
open_gate('visible');
is(result('visible'), '5', '... and goes on');

$node->query(q{
	CREATE PROCEDURE litters(how text) LANGUAGE plpgsql AS $$
	BEGIN
		SET work_mem = '33MB';
		SET search_path = pg_catalog;
		SET default_transaction_read_only = on;
		CREATE TEMP TABLE litter (n int);
		PERFORM pg_advisory_lock(7);
		PREPARE p AS SELECT 1;
		COMMIT;
		IF how = 'error' THEN RAISE EXCEPTION 'littered'; END IF;
		IF how = 'wait' THEN PERFORM pg_sleep(60); END IF;
	END $$;
	CREATE FUNCTION looks() RETURNS text LANGUAGE sql AS $$
		SELECT concat_ws(' ', current_setting('work_mem'), current_setting('search_path'), current_setting('default_transaction_read_only'), to_regclass('pg_temp.litter'),
			(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), (SELECT count(*) FROM pg_prepared_statements))
	$$;
	CREATE FUNCTION littering(how text, give_up interval DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE f temporal.future := temporal.start_activity('litters', how, cancellation_type => 'wait_cancellation_completed', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	BEGIN
		BEGIN
			IF give_up IS NOT NULL THEN
				PERFORM temporal.sleep(give_up);
				PERFORM temporal.cancel(f);
			END IF;
			PERFORM temporal.await(f);
		EXCEPTION WHEN SQLSTATE 'TF002' THEN NULL;
		END;
		RETURN temporal.execute_activity('looks');
	END $$;
	SELECT temporal.register_activity('litters', mode => 'autonomous'), temporal.register_activity('looks'), temporal.register_workflow('littering');
	CREATE FUNCTION mem() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('work_mem') $$;
	CREATE FUNCTION mems() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN jsonb_build_array(temporal.execute_activity('mem_64'), temporal.execute_activity('mem'));
	END $$;
	SELECT temporal.register_activity('mem_64', 'mem', settings => '{"work_mem": "64MB"}'), temporal.register_activity('mem'), temporal.register_workflow('mems');
});
for my $how ('["nothing"]', '["error"]', '["wait", "300 ms"]')
{
	(my $id = "litter $how") =~ s/\W+/-/g;
	start($id, 'littering', $how);
	is(result($id), '"4MB public, pg_temp off 0 0"', "nothing is left in the session: $how");
}
start('mems', 'mems', 'null');
is(result('mems'), '["64MB", "4MB"]', 'settings of a transactional activity are not left to the next either');

# ---------- one command ----------

start('vacuum', 'command', '{"command": "VACUUM (ANALYZE) piece", "settings": {"maintenance_work_mem": "77MB"}}');
is(result('vacuum'), '{"tag": "VACUUM", "rows": 0}', 'VACUUM');
is($node->query(q{SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'piece'}), 't', '... has been done');
start('index', 'command', '"CREATE INDEX CONCURRENTLY piece_job ON piece (job)"');
# (result() would hold a snapshot, for which the command waits)
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'index'});
is(result('index'), '{"tag": "CREATE INDEX", "rows": 0}', 'CREATE INDEX CONCURRENTLY');
is($node->query(q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'piece_job'::regclass}), 't', '... is valid');
start('database', 'command', '"CREATE DATABASE by_workflow"');
is(result('database'), '{"tag": "CREATE DATABASE", "rows": 0}', 'CREATE DATABASE');
start('setting', 'command', '"SHOW maintenance_work_mem"');
is(result('setting'), '{"tag": "SHOW", "rows": 1, "result": [{"maintenance_work_mem": "64MB"}]}', 'settings of one command are not those of the next');

# ---------- two roles ----------

$node->query(q{
	CREATE ROLE other LOGIN;
	GRANT CREATE, USAGE ON SCHEMA public TO other;
	GRANT SELECT, INSERT ON piece, gate TO other;
	SELECT temporal.grant_access('default', 'other', 'author');
	CREATE TABLE secret (n int);
	SET ROLE other;
	CREATE PROCEDURE their_batch(job text, n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. n LOOP INSERT INTO piece VALUES (job, i, 1, current_user || ' ' || session_user); COMMIT; END LOOP;
	END $$;
	CREATE FUNCTION their_job(job text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('their_batch', jsonb_build_array(job, 2));
		RETURN temporal.execute_activity('sql', '{"command": "SELECT * FROM secret"}', retry_policy => temporal.retry_policy(maximum_attempts => 1));
	END $$;
	SELECT temporal.register_activity('their_batch', mode => 'autonomous'), temporal.register_workflow('their_job');
});
start('theirs', 'their_job', '"theirs"');
like(result('theirs'), qr/permission denied for table secret/, 'a command runs as the owner of the workflow\'s function');
is($node->query(q{SELECT DISTINCT note FROM piece WHERE job = 'theirs'}), 'other other', 'a procedure as its owner, who is connected');

# ---------- timeouts, cancellation, termination, completion from outside ----------

my $before = time();
held('late', '"1 s"', 1);
like(result('late'), qr/StartToClose timeout/, 'it times out');
cmp_ok(time() - $before, '<', 4, '... by the executor\'s own timer');
$node->wait_for(q{SELECT NOT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'late')});
is(pieces('late'), '1:1 2:1 3:1', 'what it had committed stays');

held('doomed');
$node->query(q{SELECT temporal.terminate('doomed')});
$node->wait_for(q{SELECT NOT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'doomed')});
is(pieces('doomed'), '1:1 2:1 3:1', 'termination interrupts it');

$node->query(q{
	CREATE FUNCTION cancelling(job text) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE f temporal.future := temporal.start_activity('batch', jsonb_build_array(job, 5), cancellation_type => 'wait_cancellation_completed');
	BEGIN
		PERFORM temporal.wait_signal('go');
		PERFORM temporal.cancel(f);
		RETURN temporal.await(f);
	EXCEPTION WHEN SQLSTATE 'TF002' THEN
		RETURN temporal.failure() #> '{cause,kind}';
	END $$;
	SELECT temporal.register_workflow('cancelling');
	INSERT INTO gate VALUES ('cancelled');
});
start('cancelled', 'cancelling', '"cancelled"');
wait_piece('cancelled');
$node->query(q{SELECT temporal.signal('cancelled', 'go')});
is(result('cancelled'), '"cancelled"', 'a cancellation interrupts it');

held('elsewhere');
$node->query(q{SELECT temporal.complete_activity('elsewhere', NULL, 'b', '"by hand"')});
is(result('elsewhere'), '"by hand"', 'completed from outside while it runs');
open_gate('elsewhere');
$node->wait_for(q{SELECT NOT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'elsewhere')});
like(slurp($node->logfile), qr/LOG:  attempt 1 of activity "batch" of workflow "elsewhere" has ended too late, and its result is dropped/, '... its own result is dropped');

# complete_async() of a procedure
$node->query(q{
	CREATE TABLE asked (token text);
	CREATE PROCEDURE asks() LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO asked VALUES ((temporal.activity_info()).task_token);
		COMMIT;
		PERFORM temporal.complete_async();
	END $$;
	CREATE FUNCTION asking() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('asks'); END $$;
	SELECT temporal.register_activity('asks', mode => 'autonomous'), temporal.register_workflow('asking');
});
start('asking', 'asking', 'null');
$node->wait_for(q{SELECT NOT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'asking' AND task = 'activity') AND EXISTS (SELECT FROM asked)});
is(state('asking'), 'Started|1|', 'complete_async(): it has returned and stays open');
$node->query(q{SELECT temporal.complete_activity(token, '"answer"') FROM asked});
is(result('asking'), '"answer"', '... until its token completes it');

# ---------- pausing one that runs ----------

held('paused', '"1 min"', 1);
$node->query(q{SELECT temporal.pause_activity('paused', 'b', reason => 'look at it')});
is(state('paused'), 'PauseRequested|1|', 'pause: it goes on');
ok($node->query("SELECT pg_terminate_backend(" . pid_of('paused') . ")"), 'its process is told to end');
$node->wait_for(q{SELECT state = 'Paused' FROM temporal.pending_activity WHERE workflow_id = 'paused'});
is(state('paused'), 'Paused|2|the process that ran the attempt has ended', 'it is found at once, and the next attempt is held, though it was the last');
open_gate('paused');
$node->query(q{SELECT temporal.unpause_activity('paused', 'b')});
is(result('paused'), '2', 'unpaused, it does what was left');
is(pieces('paused'), '1:1 2:1 3:1 4:2 5:2', '... and no piece twice');

# a transactional attempt that runs has its row locked: the request waits for its end
$node->query(q{
	CREATE FUNCTION slow(job text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM gate g WHERE g.job = slow.job) LOOP PERFORM pg_sleep(0.01); END LOOP;
		IF (temporal.activity_info()).attempt < 3 THEN RAISE EXCEPTION 'no %', (temporal.activity_info()).attempt; END IF;
		RETURN 'done';
	END $$;
	CREATE FUNCTION slow_job(job text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN RETURN temporal.execute_activity('slow', job, activity_id => 'b', retry_policy => temporal.retry_policy('50 ms', 1, maximum_attempts => 2)); END $$;
	SELECT temporal.register_activity('slow'), temporal.register_workflow('slow_job');
	INSERT INTO gate VALUES ('slow');
});
start('slow', 'slow_job', '"slow"');
$node->wait_for(q{SELECT state = 'Started' FROM temporal.pending_activity WHERE workflow_id = 'slow'});
$before = time();
$node->query(q{SELECT temporal.pause_activity('slow', 'b'); SELECT temporal.update_activity_options('slow', 'b', retry_policy => temporal.retry_policy('50 ms', 1, maximum_attempts => 3))});
cmp_ok(time() - $before, '<', 5, 'pausing a transactional attempt does not wait for it');
open_gate('slow');
$node->wait_for(q{SELECT state = 'Paused' FROM temporal.pending_activity WHERE workflow_id = 'slow'});
is(state('slow'), 'Paused|2|no 1', '... and is not lost');
$node->query(q{SELECT temporal.unpause_activity('slow', 'b')});
is(result('slow'), '"done"', 'options that were changed meanwhile hold: a third attempt');

# ---------- the death of the executor ----------

held('terminated');
ok($node->query("SELECT pg_terminate_backend(" . pid_of('terminated') . ")"), 'pg_terminate_backend()');
$before = time();
$node->wait_for(q{SELECT attempt = 2 FROM temporal.pending_activity WHERE workflow_id = 'terminated'});
cmp_ok(time() - $before, '<', 10, 'found long before the sweep (30 s) and its timeout (1 min)');
open_gate('terminated');
is(result('terminated'), '2', 'the next attempt goes on behind the commits');
is(pieces('terminated'), '1:1 2:1 3:1 4:2 5:2', 'no piece twice');
is($node->query(q{SELECT attributes ->> 'attempt', attributes #>> '{lastFailure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'terminated' AND event_type = 'ActivityTaskStarted'}), '2|WorkerDied', 'the history tells why');

held('restarted');
$node->restart_immediate;
$node->wait_for(q{SELECT attempt >= 2 FROM temporal.pending_activity WHERE workflow_id = 'restarted'});
open_gate('restarted');
is(result('restarted'), '2', 'immediate stop and restart');
is($node->query(q{SELECT crash_count FROM temporal.pending_activity WHERE workflow_id = 'restarted'}), '', '... is over');

for my $point (qw(autonomous_opened autonomous_called))
{
	$node->arm_fault($point);
	$node->try_query("SELECT temporal.start_workflow('job', '[\"$point\", 3]', id => '$point')");
	$node->wait_fault($point);
	$node->wait_ready;
	is(result($point), $point eq 'autonomous_opened' ? '3' : '0', "killed at $point: done by the next attempt");
	is(pieces($point), $point eq 'autonomous_opened' ? '1:2 2:2 3:2' : '1:1 2:1 3:1', '... at least once; what its code looks for, once');
}
held('lost');
$node->arm_fault('activity_lost_recorded');
$node->try_query("SELECT pg_terminate_backend(" . pid_of('lost') . ")");
$node->wait_fault('activity_lost_recorded');
$node->wait_ready;
open_gate('lost');
is(result('lost'), '2', 'the dispatcher is killed while it records that');

# alone in careful mode, it takes the server down three times
$node->query(q{
	ALTER SYSTEM SET temporal_pg.careful_period = '60s';
	CREATE PROCEDURE deadly(job text) LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO piece SELECT deadly.job, 1 + count(*), (temporal.activity_info()).attempt FROM piece p WHERE p.job = deadly.job;
		COMMIT;
		COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';
	END $$;
	CREATE FUNCTION dies(job text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN RETURN temporal.execute_activity('deadly', job, activity_id => 'b', retry_policy => temporal.retry_policy('100 ms', 1)); END $$;
	SELECT temporal.register_activity('deadly', mode => 'autonomous'), temporal.register_workflow('dies');
	SELECT pg_reload_conf();
});
$node->try_query(q{SELECT temporal.start_workflow('dies', '"patient"', id => 'patient')});
$node->wait_for(q{SELECT paused FROM temporal.pending_activity WHERE workflow_id = 'patient'});
is($node->query(q{SELECT state, crash_count FROM temporal.pending_activity WHERE workflow_id = 'patient'}), 'Paused|3', 'three crashes alone: paused');
cmp_ok($node->query(q{SELECT count(*) FROM piece WHERE job = 'patient'}), '<=', 4, '... and no more than one before the server was careful');
like(slurp($node->logfile), qr/WARNING:  activity "deadly" of workflow "patient" was paused: it has crashed its server process 3 times/, 'the log says so');
start('after', 'job', '["after", 2]');
is(result('after'), '2', 'the rest goes on');

is($node->broken_runs, '', 'no run is broken');
done_testing();
