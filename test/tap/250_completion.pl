# Attempts that stay open, with real processes: an executor makes the attempt, clients end it, through restarts; timeouts in
# real time; the attempt that has given its token away before its commit.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my $node = TemporalNode->new_preloaded('main', conf => "temporal_pg.sweep_interval = 30s\ntemporal_pg.careful_period = 1s\ntemporal_pg.fault_injection = on");
$node->query(q{
	CREATE TABLE asked (id serial, workflow_id text, token text, attempt int);
	CREATE FUNCTION ask() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE i temporal.activity_info := temporal.activity_info();
	BEGIN
		INSERT INTO asked (workflow_id, token, attempt) VALUES (i.workflow_id, i.task_token, i.attempt);
		PERFORM temporal.complete_async();
	END $$;
	CREATE FUNCTION wf(stc interval DEFAULT '1 hour', s2c interval DEFAULT NULL, hb interval DEFAULT NULL, tries int DEFAULT 3) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('ask', activity_id => 'a', start_to_close_timeout => stc, schedule_to_close_timeout => s2c, heartbeat_timeout => hb,
			retry_policy => temporal.retry_policy('50 ms', 1, maximum_attempts => tries));
	END $$;
	-- two steps before it, so that it comes up within a workflow task
	CREATE FUNCTION step() RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE FUNCTION chain() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('step'), temporal.execute_activity('step');
		RETURN jsonb_build_array(temporal.execute_activity('ask', activity_id => 'a'), temporal.execute_activity('step'));
	END $$;
	SELECT temporal.register_activity('ask'), temporal.register_activity('step'), temporal.register_workflow('wf'), temporal.register_workflow('chain');
});
sub start { my ($id, $input, $type) = @_; $input //= 'null'; $type //= 'wf'; $node->query("SELECT temporal.start_workflow('$type', '$input', id => '$id')"); }
sub asked { my ($id, $n) = @_; $n //= 1; $node->wait_for("SELECT count(*) >= $n FROM asked WHERE workflow_id = '$id'"); return $node->query("SELECT token FROM asked WHERE workflow_id = '$id' ORDER BY id DESC LIMIT 1"); }
sub result { my ($id) = @_; my (undef, $out, $err) = $node->try_query("SELECT temporal.result('$id', timeout => '60 s')"); return ($out // '') . ($err // ''); }
sub complete { my ($token, $result) = @_; my (undef, $out, $err) = $node->try_query("\\set VERBOSITY sqlstate\nSELECT temporal.complete_activity('$token', '$result')"); return $err =~ /ERROR:\s+(\w+)/ ? $1 : 'ok'; }

start('plain');
my $token = asked('plain');
is(complete($token, '"answer"'), 'ok', 'completed by another session');
is(result('plain'), '"answer"', '... which is the result');
is(complete($token, '"again"'), 'TP013', 'only once');

start('chain', 'null', 'chain');
$token = asked('chain');
is($node->query(q{SELECT count(*) FROM asked WHERE workflow_id = 'chain'}), '1', 'within a workflow task it is put aside and done alone: once');
is(complete($token, '7'), 'ok', '... and stays open');
is(result('chain'), '[7, 1]', '... and the workflow goes on');

# through restarts
start('restart');
$token = asked('restart');
$node->restart_immediate;
is($node->query(q{SELECT state, attempt FROM temporal.pending_activity WHERE workflow_id = 'restart'}), 'Started|1', 'it is open after a restart');
is(complete($token, '"after"'), 'ok', 'its token is good');
is(result('restart'), '"after"', 'the run goes on');

# the executor dies in front of the commit
$node->arm_fault('activity_opened');
$node->try_query(q{SELECT temporal.start_workflow('wf', id => 'killed')});
$node->wait_fault('activity_opened');
$node->wait_ready;
$token = asked('killed');
is($node->query(q{SELECT count(*) FROM asked WHERE workflow_id = 'killed'}), '1', 'killed before its commit, the attempt has not been');
is(complete($token, '1'), 'ok', '... and is made again');
is(result('killed'), '1', '... and completed');

# timeouts
my $before = time();
start('stc', '["1 s"]');
my $first = asked('stc');
$token = asked('stc', 2);
cmp_ok(time() - $before, '<', 15, 'start-to-close: the next attempt, long before the sweep');
is(complete($first, '1'), 'TP013', '... and the token of the first is stale');
is(complete($token, '2'), 'ok', '... that of the second is good');
is(result('stc'), '2', '... and completes it');
start('s2c', '["1 hour", "1 s"]');
asked('s2c');
like(result('s2c'), qr/ScheduleToClose timeout/, 'schedule-to-close ends the activity');
start('hb', '["1 hour", null, "4 s", 1]');
$token = asked('hb');
$before = time();
for (1 .. 4)
{
	is($node->query("SELECT temporal.heartbeat_activity('$token', '$_')"), 'f', "heartbeat $_");
	$node->wait_for("SELECT clock_timestamp() > last_heartbeat_time + interval '1.5 s' FROM temporal.pending_activity WHERE workflow_id = 'hb'");
}
cmp_ok(time() - $before, '>', 5, 'heartbeats keep it');
like(result('hb'), qr/Heartbeat timeout/, 'silence ends it');

# the token was given away before the commit of the attempt
$node->query(q{
	CREATE TABLE gate (open boolean);
	CREATE FUNCTION slow_ask() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.complete_async();
		WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP;
	END $$;
	CREATE FUNCTION slow_wf() RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_activity('slow_ask', activity_id => 'a'); END $$;
	SELECT temporal.register_activity('slow_ask'), temporal.register_workflow('slow_wf');
});
start('slow', 'null', 'slow_wf');
$node->wait_for(q{SELECT state = 'Started' FROM temporal.pending_activity WHERE workflow_id = 'slow'});
my (undef, undef, $err) = $node->try_query(q{SET lock_timeout = '200ms'; SELECT temporal.complete_activity('slow', NULL, 'a', '1')});
like($err, qr/lock timeout/, 'who completes an attempt that has not committed waits for it');
$node->query('INSERT INTO gate VALUES (true)');
$node->wait_for(q{SELECT NOT EXISTS (SELECT FROM temporal.worker WHERE workflow_id = 'slow' AND task = 'activity')});
$node->query(q{SELECT temporal.complete_activity('slow', NULL, 'a', '"then"')});
is(result('slow'), '"then"', '... and completes it then');

is($node->broken_runs, '', 'no run is broken');
done_testing();
