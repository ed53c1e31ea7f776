# What the server says of a task is said once, however often its code is passed
# over: signals that no handler could take (F-08), handlers in progress at the end
# (F-46), what the code says itself; and never by a query. And queries beside the
# executor that works on the run see each signal that was committed before.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => 'temporal_pg.sweep_interval = 1h');
$node->query(q{
	CREATE FUNCTION step(i int) RETURNS void LANGUAGE sql AS $$ SELECT $$;
	-- steps that are unwound each time, so that its code is passed over again and again
	CREATE FUNCTION talking() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('state ? ''stop''');
		RAISE WARNING 'the run function says %', temporal.state('seen');
		IF temporal.state('stop') = '"fail"' THEN
			PERFORM temporal.raise_application_error('told to');
		END IF;
		FOR i IN 1 .. 3 LOOP
			PERFORM temporal.execute_local_activity('step', i);
		END LOOP;
		RETURN temporal.state('seen');
	END $$;
	CREATE FUNCTION see(i int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		RAISE WARNING 'the handler says %', i;
		PERFORM temporal.set_state('seen', temporal.state('seen', 0) + i);
	END $$;
	CREATE FUNCTION linger(i int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('1 day');
		RETURN i;
	END $$;
	CREATE FUNCTION stop(how text) RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('stop', how) $$;
	CREATE FUNCTION seen() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(temporal.state('seen'), '0'); END $$;
	SELECT temporal.register_activity('step');
	SELECT temporal.register_workflow('talking', signals => '{"see": "see", "linger": "linger", "stop": "stop"}', updates => '{"linger": "linger", "stop": "stop"}', queries => '{"seen": "seen"}');
});
my $session = $node->background_psql('postgres', on_error_stop => 0);

# what a session and the server's log have heard since: a line each
my $offset = 0;
sub heard
{
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset);
	$offset += length $log;
	return [ $log =~ /(?:WARNING|LOG):  ((?:the (?:run function|handler) says|signal "|workflow ").*)/g ];
}
sub asked
{
	my ($sql) = @_;
	my (undef, undef, $err) = $node->try_query($sql);
	return $err;
}

foreach my $end ('well', 'fail')
{
	my $id = "ends $end";
	heard();
	$node->query("SELECT temporal.start_workflow('talking', id => '$id')");
	# a signal on its way: the close is refused, and the task done again, until it is there
	$session->query_safe("BEGIN; SELECT temporal.signal('$id', 'see', '1')");
	is(asked("SELECT temporal.signal('$id', 'see', '\"much\"'), temporal.signal('$id', 'linger', '1'), temporal.signal('$id', 'see', '2'); SELECT temporal.query('$id', 'seen'); SELECT temporal.query('$id', '__stack_trace')"),
		'', "$id: a query says nothing, though signals that it takes up were not handled yet");
	$node->query("SELECT temporal.start_update('$id', 'linger', '3', 'u-3')") if $end eq 'well';
	is(asked("SELECT temporal.signal('$id', 'see', '\"more\"'), temporal.signal('$id', 'stop', '\"$end\"'); SELECT temporal.query('$id', 'seen')"), '', '... nor one of a run that has come to its end');
	# the dispatcher offers it again after 10, 20, 40, 80 ms
	select(undef, undef, undef, 0.2);
	is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = '$id'"), 'Running', '... a signal on its way holds its close up');
	$session->query_safe('COMMIT');
	$node->wait_for("SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = '$id'");
	is(asked("SELECT temporal.query('$id', 'seen'), temporal.query('$id', '__stack_trace')"), '', '... nor a query of the closed run');
	$node->query("SELECT temporal.replay('$id')") if $end eq 'well';

	my @heard = @{ heard() };
	note($_) foreach @heard;
	foreach my $bad ('much', 'more')
	{
		is(scalar(grep { $_ eq "signal \"see\" of workflow \"$id\" was dropped: invalid input syntax for type integer: \"$bad\"" } @heard), 1,
			"... a signal that no handler can take is reported once ($bad)");
	}
	is(scalar(grep { $_ eq "workflow \"$id\" ends while handlers are in progress" } @heard), 1, '... handlers in progress at its end are, too');
}
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($log, qr/WARNING:  workflow "ends well" ends.*\n.*DETAIL:  Dropped: signal linger, update linger \(u-3\)\.\n.*HINT:  Before the end, wait with temporal\.wait_condition\('temporal\.all_handlers_finished\(\)'\)\./, 'each of them by its name, and what to do');
like($log, qr/WARNING:  workflow "ends fail" ends.*\n.*DETAIL:  Dropped: signal linger\.\n/, '... of a run that fails as well');

# --- an update that takes such a signal along, and one that brings the code to its end

heard();
$node->query(q{SELECT temporal.start_workflow('talking', id => 'updated', start_delay => '1 day')});
# within its delay it has no executor; then the session is first
$node->query(q{SELECT temporal.signal('updated', 'see', '"much"'), temporal.signal('updated', 'linger', '1')});
$node->query(q{UPDATE temporal_internal.execution SET execution_time = now() WHERE workflow_id = 'updated'; UPDATE temporal_internal.message SET deliver_at = now()});
is(asked(q{SELECT temporal.update('updated', 'stop', '"well"')}) =~ s/^psql:<stdin>:\d+: //mgr, 'WARNING:  the run function says <NULL>',
	'an update says what the code says; it closes no run, and warns of no handlers');
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'updated'});
my @heard = @{ heard() };
is(scalar(grep { /^signal "see"/ } @heard), 1, '... the signal that it has taken along and that no handler can take is reported once');
is(scalar(grep { /^workflow "updated" ends/ } @heard), 1, '... the handler that the close drops, too');

# --- each test hears it at once

is(asked(q{
	BEGIN;
	SELECT temporal.test_start();
	SELECT temporal.start_workflow('talking', id => 'test');
	SELECT temporal.signal('test', 'linger', '1'), temporal.signal('test', 'stop', '"well"');
	SELECT temporal.query('test', 'seen');
	SELECT temporal.test_drive();
	SELECT temporal.query('test', 'seen'), temporal.replay('test');
	ROLLBACK}) =~ s/^psql:<stdin>:\d+: //mgr, <<'EOT' =~ s/\n$//r, 'in a test the warning comes from test_drive(), once');
WARNING:  the run function says <NULL>
WARNING:  workflow "test" ends while handlers are in progress
DETAIL:  Dropped: signal linger.
HINT:  Before the end, wait with temporal.wait_condition('temporal.all_handlers_finished()').
EOT

# --- queries right behind a signal, while an executor takes it up

$node->query(q{
	CREATE PROCEDURE ask(n int, INOUT missed int DEFAULT 0, INOUT errors text DEFAULT '') LANGUAGE plpgsql AS $$
	DECLARE
		id text;
	BEGIN
		FOR run IN 1 .. n LOOP
			id := temporal.start_workflow('talking');
			FOR i IN 1 .. 30 LOOP
				COMMIT;
				PERFORM temporal.signal(id, 'see', '1');
				COMMIT;
				FOR again IN 0 .. i % 5 LOOP
					BEGIN
						missed := missed + (temporal.query(id, 'seen') <> to_jsonb(i))::int;
						PERFORM temporal.replay(id);
					EXCEPTION WHEN OTHERS THEN
						errors := SQLSTATE || ' ' || SQLERRM;
					END;
					COMMIT;
				END LOOP;
			END LOOP;
		END LOOP;
	END $$;
});
is($node->query('CALL ask(30)'), '0|', '2,700 queries and replays beside an executor: each sees all that was committed, none fails');
eval { $session->quit };
is($node->broken_runs, '', 'histories are whole and replay');
$node->stop;
done_testing();
