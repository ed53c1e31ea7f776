# An activity that commits piece by piece, and tells by heartbeats how far it is: after kill -9, a pause, a reset, a timeout
# and a stop of the workers the next attempt goes on where the last one was, and no piece is done twice. What else there is
# about heartbeats: 310_heartbeats.pl; about autonomous activities: 320_autonomous.pl.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 1h
temporal_pg.idle_timeout = 60s
autovacuum = off
});

$node->query(q{
	CREATE TABLE piece (id text, n int, attempt int);
	CREATE TABLE gate (id text, upto int);
	-- pieces up to where its gate stands, with a heartbeat behind each; ends at the tenth
	CREATE PROCEDURE pieces(id text, INOUT info jsonb DEFAULT NULL) LANGUAGE plpgsql AS $$
	DECLARE
		me temporal.activity_info := temporal.activity_info();
	BEGIN
		FOR i IN coalesce((me.heartbeat_details ->> 'done')::int, 0) + 1 .. 10 LOOP
			LOOP
				PERFORM temporal.heartbeat(jsonb_build_object('done', i - 1));
				COMMIT;
				EXIT WHEN i <= (SELECT max(g.upto) FROM gate g WHERE g.id = pieces.id);
				IF me.attempt = 1 AND EXISTS (SELECT FROM gate g WHERE g.id = pieces.id || ' silent') THEN
					PERFORM pg_sleep(60);
				END IF;
				PERFORM pg_sleep(0.01);
			END LOOP;
			INSERT INTO piece VALUES (id, i, me.attempt);
			PERFORM temporal.heartbeat(jsonb_build_object('done', i));
			COMMIT;
		END LOOP;
		info := jsonb_build_object('attempt', me.attempt);
	END $$;
	CREATE FUNCTION job(id text, heartbeat interval DEFAULT NULL, attempts int DEFAULT 0) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('pieces', jsonb_build_object('id', id), heartbeat_timeout => heartbeat,
			retry_policy => temporal.retry_policy('10 ms', 1, maximum_attempts => attempts), activity_id => 'p');
	END $$;
	SELECT temporal.register_activity('pieces', mode => 'autonomous', start_to_close_timeout => '10 min'), temporal.register_workflow('job');
});

sub start
{
	my ($id, $arguments) = @_;
	$node->query("INSERT INTO gate VALUES ('$id', 4); SELECT temporal.start_workflow('job', '" . qq({"id": "$id"$arguments}) . "', id => '$id')");
	# the fourth is done, and the dispatcher has written that
	$node->wait_for("SELECT count(*) = 4 FROM piece WHERE id = '$id'");
	$node->wait_for("SELECT details ->> 'done' = '4' FROM temporal_internal.activity_heartbeat h JOIN temporal_internal.execution e ON e.key = h.execution_key WHERE e.workflow_id = '$id'");
	return;
}

sub pid_of
{
	my ($id) = @_;
	return $node->query("SELECT f.pid FROM temporal_internal.in_flight f JOIN temporal_internal.execution e ON e.key = f.execution_key WHERE e.workflow_id = '$id'");
}

# it goes on, and each piece was done once, by which attempt
sub finish
{
	my ($id, $by, $what) = @_;
	$node->query("UPDATE gate SET upto = 10 WHERE id = '$id'");
	$node->wait_for("SELECT status = 'Completed' FROM temporal.workflow WHERE workflow_id = '$id'");
	is($node->query("SELECT string_agg(n || ':' || attempt, ' ' ORDER BY n, attempt) FROM piece WHERE id = '$id'"), $by, $what);
	is($node->query("SELECT count(*) FROM temporal_internal.activity_heartbeat h JOIN temporal_internal.execution e ON e.key = h.execution_key WHERE e.workflow_id = '$id'"),
		0, "... and nothing of its heartbeats is left ($id)");
	return;
}

my $first_four = '1:1 2:1 3:1 4:1';
sub others { my ($attempt) = @_; return "$first_four " . join(' ', map { "$_:$attempt" } 5 .. 10); }

start('killed', '');
$node->kill_backend(pid_of('killed'), 'KILL');
finish('killed', others(2), 'after kill -9 the next attempt goes on');

start('terminated', '');
$node->kill_backend(pid_of('terminated'), 'TERM');
finish('terminated', others(2), 'its process is told to end');

# --- told by its next heartbeat

start('paused', '');
$node->query(q{SELECT temporal.pause_activity('paused', 'p', reason => 'look')});
$node->wait_for(q{SELECT state = 'Paused' FROM temporal.pending_activity WHERE workflow_id = 'paused'});
is($node->query(q{SELECT attempt || ' ' || (last_failure #>> '{applicationFailureInfo,type}') || ' ' || (heartbeat_details ->> 'done') FROM temporal.pending_activity WHERE workflow_id = 'paused'}),
	'2 ActivityPause 4', 'a pause is told by a heartbeat, and the next attempt is held');
$node->query(q{SELECT temporal.unpause_activity('paused', 'p')});
finish('paused', others(2), 'unpaused, it goes on');

start('reset', '');
$node->query(q{SELECT temporal.reset_activity('reset', 'p')});
$node->wait_for(q{SELECT last_failure #>> '{applicationFailureInfo,type}' = 'ActivityReset' FROM temporal.pending_activity WHERE workflow_id = 'reset'});
finish('reset', others(1), 'a reset is told, too, and the next attempt is the first, with what was told before');

# --- its heartbeats stop

start('silent', q{, "heartbeat": "3 s"});
$node->query(q{INSERT INTO gate VALUES ('silent silent', 1)});
$node->wait_for(q{SELECT last_failure #>> '{timeoutFailureInfo,timeoutType}' = 'TIMEOUT_TYPE_HEARTBEAT' FROM temporal.pending_activity WHERE workflow_id = 'silent'});
is($node->query(q{SELECT last_failure #>> '{timeoutFailureInfo,lastHeartbeatDetails,done}' FROM temporal.pending_activity WHERE workflow_id = 'silent'}), '4',
	'a heartbeat timeout tells what was told last');
finish('silent', others(2), 'the next attempt goes on');

# --- the workers are stopped: no attempt is lost by that, also when there is only one

start('stopped', q{, "attempts": 1});
is($node->query(q{SELECT temporal.stop_workers('0 s')}), 1, 'one had to be asked');
$node->wait_for(q{SELECT state = 'Scheduled' FROM temporal.pending_activity WHERE workflow_id = 'stopped'});
is($node->query(q{SELECT attempt || ' ' || (heartbeat_details ->> 'done') FROM temporal.pending_activity WHERE workflow_id = 'stopped'}), '1 4', 'it is put back, and has not counted');
$node->query(q{SELECT temporal.start_workers()});
finish('stopped', others(1), 'the workers are back');

# --- cancelled

start('cancelled', '');
$node->query(q{SELECT temporal.cancel('cancelled')});
$node->wait_for(q{SELECT status = 'Canceled' FROM temporal.workflow WHERE workflow_id = 'cancelled'});
is($node->query(q{SELECT count(*) FROM piece WHERE id = 'cancelled'}), 4, 'what a cancelled one has committed stays');
is($node->query(q{SELECT count(*) FROM temporal_internal.activity_heartbeat}), 0, 'of heartbeats nothing is left at all');
is($node->broken_runs, '', 'every run is sound');
$node->stop;
done_testing();
