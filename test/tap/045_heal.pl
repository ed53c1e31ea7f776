# A failing workflow task does not fail its run: it is tried again with backoff,
# and as soon as its function is replaced. Code that has changed under a run is
# told apart from history (TP020), and the old code heals it.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => 'temporal_pg.sweep_interval = 500ms');

# As if the next attempt were far away: what heals then is not the backoff.
sub postpone
{
	my ($id) = @_;
	$node->query(qq{
		UPDATE temporal_internal.execution SET wft_not_before = now() + interval '10 minutes' WHERE workflow_id = '$id';
		UPDATE temporal_internal.message m SET deliver_at = now() + interval '10 minutes' FROM temporal_internal.execution e
		WHERE e.key = m.execution_key AND e.workflow_id = '$id'
		  AND m.kind = (SELECT i FROM unnest(enum_range(NULL::temporal.message_kind)) WITH ORDINALITY u(k, i) WHERE k::text = 'TaskRetry')});
	return;
}

sub failures
{
	my ($id) = @_;
	return $node->query("SELECT count(*) FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'WorkflowTaskFailed'");
}

$node->query(q{
	CREATE TABLE done (id text, step text);
	CREATE FUNCTION note(id text, step text) RETURNS text LANGUAGE sql AS $$ INSERT INTO done VALUES (id, step) RETURNING step $$;
	CREATE FUNCTION note_too(id text, step text) RETURNS text LANGUAGE sql AS $$ INSERT INTO done VALUES (id, step) RETURNING step $$;
	SELECT temporal.register_activity('note'), temporal.register_activity('note_too');
});

# --- an error in workflow code

my $code = q{
	CREATE OR REPLACE FUNCTION fragile(id text, divisor int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		n int;
	BEGIN
		PERFORM temporal.upsert_memo('{"got": "before"}');
		PERFORM temporal.patched('p');
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'before'));
		PERFORM temporal.upsert_memo('{"got": "behind"}');
		PERFORM temporal.patched('q');
		n := 10 / %s;
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'after'));
		RETURN 'n is ' || n;
	END $$;
};
$node->query(sprintf($code, 'divisor'));
$node->query(q{SELECT temporal.register_workflow('fragile'); SELECT temporal.start_workflow('fragile', '["f", 0]', id => 'f')});

# tried again with a backoff of 1 s, 2 s
$node->wait_for(q{SELECT task_attempt >= 3 FROM temporal.workflow WHERE workflow_id = 'f'});
pass('a failing task is tried again');
cmp_ok($node->query(q{SELECT extract(epoch FROM next_task_at - clock_timestamp()) FROM temporal.workflow WHERE workflow_id = 'f'}), '>', 0.5, '... later and later');
is($node->query(q{SELECT status, last_task_failure #>> '{message}', last_task_failure #>> '{applicationFailureInfo,type}' FROM temporal.workflow WHERE workflow_id = 'f'}),
	'Running|division by zero|22012', 'the run stays open, its row shows the failure');
is(failures('f'), 1, 'attempts after the first leave no event');
is($node->query(q{SELECT memo, search_attributes FROM temporal.workflow WHERE workflow_id = 'f'}), '{"got": "before"}|{"TemporalChangeVersion": ["p"]}',
	'what the activations before the failing one have changed stays');
is($node->query(q{SELECT attributes ->> 'cause' FROM temporal.history WHERE workflow_id = 'f' AND event_type = 'WorkflowTaskFailed'}),
	'WORKFLOW_WORKER_UNHANDLED_FAILURE', 'the event tells the cause');
like($node->query(q{SELECT e FROM temporal.explain('f') e LIMIT 1}), qr/division by zero/, 'explain() begins with it');
is($node->query(q{SELECT string_agg(step, ',') FROM done WHERE id = 'f'}), 'before', 'what went before is kept, once');

postpone('f');
my $began = time();
$node->query(sprintf($code, 'greatest(divisor, 1)'));
is($node->query(q{SELECT temporal.result('f', timeout => '30 s')}), '"n is 10"', 'CREATE OR REPLACE FUNCTION heals it');
cmp_ok(time() - $began, '<', 30, '... within seconds, whatever the backoff');
is(failures('f'), 1, 'one WorkflowTaskFailed in all');
is($node->query(q{SELECT last_task_failure IS NULL, task_attempt FROM temporal.workflow WHERE workflow_id = 'f'}), 't|1', 'the failure is gone from the row');
is($node->query(q{SELECT string_agg(step, ',') FROM done WHERE id = 'f'}), 'before,after', 'each step was done once');

# --- code that is not deterministic any more, or is set free

$node->query(q{
	CREATE FUNCTION noted_at(id text) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO done VALUES (id, 'at'); RETURN clock_timestamp(); END $$;
	CREATE FUNCTION punctual(id text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('noted_at', id), temporal.execute_activity('noted_at', id);
		PERFORM temporal.sleep('0.2 s');
		RETURN temporal.side_effect('SELECT now()') IS NOT NULL;
	END $$;
	SELECT temporal.register_activity('noted_at'), temporal.register_workflow('punctual');
	SELECT temporal.start_workflow('punctual', '"p0"', id => 'p0');
	SET temporal_pg.determinism = off;
	CREATE FUNCTION free(id text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('noted_at', id);
		RETURN now() IS NOT NULL AND EXISTS (SELECT FROM done);
	END $$;
	SELECT temporal.register_workflow('free'), temporal.start_workflow('free', '"free"', id => 'free');
});
is($node->query(q{SELECT temporal.result('p0', timeout => '30 s')}), 'true', 'activities, in place or not, and side effects may read the clock');
is($node->query(q{SELECT temporal.result('free', timeout => '30 s')}), 'true', 'what was registered with the guard off runs without it');
$node->query(q{
	CREATE FUNCTION turned(id text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	SELECT temporal.register_workflow('turned');
	CREATE OR REPLACE FUNCTION turned(id text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF id = 'nobody' THEN RETURN current_time IS NULL; END IF;
		RETURN false;
	END $$;
	SELECT temporal.start_workflow('turned', '"p1"', id => 'p1');
});
$node->wait_for(q{SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'p1'});
is($node->query(q{SELECT status, last_task_failure #>> '{message}', last_task_failure #>> '{applicationFailureInfo,type}' FROM temporal.workflow WHERE workflow_id = 'p1'}),
	'Running|function turned(text) is not deterministic|TP022', 'a changed function is looked at before it runs');
postpone('p1');
$node->query(q{CREATE OR REPLACE FUNCTION turned(id text) RETURNS boolean LANGUAGE sql AS 'SELECT temporal.now() IS NOT NULL'});
is($node->query(q{SELECT temporal.result('p1', timeout => '30 s')}), 'true', 'and healed');

# another function that the code calls, and a function that has been dropped
$node->query(q{
	CREATE FUNCTION helper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0; END $$;
	CREATE FUNCTION calls() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN helper(); END $$;
	-- fails in its first activation, and does more than return once it is mended
	CREATE FUNCTION calls_and_acts(id text) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		n int := helper();
	BEGIN
		PERFORM temporal.await_all(ARRAY[
			temporal.start_activity('note', jsonb_build_array(id, 'a')), temporal.start_activity('note', jsonb_build_array(id, 'b'))]);
		PERFORM temporal.sleep('100 ms');
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'c'));
		RETURN n;
	END $$;
	CREATE FUNCTION dropped() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.start_timer('1 day'), temporal.wait_signal('go'); RETURN 1; END $$;
	SELECT temporal.register_workflow('calls'), temporal.register_workflow('calls_and_acts'), temporal.register_workflow('dropped');
	SELECT temporal.start_workflow('calls', id => 'calls'), temporal.start_workflow('calls_and_acts', '"acts"', id => 'acts'), temporal.start_workflow('dropped', id => 'dropped');
});
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.timer WHERE workflow_id = 'dropped'});
$node->query(q{DROP FUNCTION dropped(); SELECT temporal.signal('dropped', 'go')});
$node->wait_for(qq{SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = '$_'}) foreach qw(calls acts dropped);
like($node->query(q{SELECT last_task_failure ->> 'message' FROM temporal.workflow WHERE workflow_id = 'dropped'}), qr/"dropped" has no function/, 'a function that was dropped fails the task');
postpone($_) foreach qw(calls acts dropped);
$node->query(q{
	CREATE FUNCTION dropped() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.start_timer('1 day'), temporal.wait_signal('go'); RETURN 2; END $$;
	CREATE OR REPLACE FUNCTION helper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 3; END $$;
});
is($node->query(q{SELECT temporal.result('calls', timeout => '30 s'), temporal.result('acts', timeout => '30 s'), temporal.result('dropped', timeout => '30 s')}), '3|3|2', 'a helper that is mended, a function created again: both heal');
is($node->query(q{SELECT string_agg(step, ',' ORDER BY step) FROM done WHERE id = 'acts'}), 'a,b,c', '... and what the mended code does is done once');

# replaced when nobody was there to see it
$node->query(q{
	CREATE OR REPLACE FUNCTION helper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0; END $$;
	SELECT temporal.start_workflow('calls', id => 'unseen');
});
$node->wait_for(q{SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'unseen'});
$node->query('ALTER SYSTEM SET temporal_pg.sweep_interval = 3600000');
$node->query('SELECT pg_reload_conf()');
$node->wait_for(q{SELECT current_setting('temporal_pg.sweep_interval') = '1h'});
postpone('unseen');
$node->restart;
$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND state = 'idle'});
is($node->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'unseen'}), 'Running', 'no heal without a change');
postpone('unseen');
$node->query(q{CREATE OR REPLACE FUNCTION helper() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 4; END $$});
$node->restart;
is($node->query(q{SELECT temporal.result('unseen', timeout => '30 s')}), '4', 'a change that the dispatcher did not see is found when it starts');
$node->query('ALTER SYSTEM RESET temporal_pg.sweep_interval');
$node->query('SELECT pg_reload_conf()');

# --- code that has changed under a run

# what the code was, what it has become, and what the error says: event, what history has, what the code asked for
my @changes = (
	[ 'another activity', q{PERFORM temporal.execute_activity('note', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		q{PERFORM temporal.execute_activity('note_too', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		qr/at event 2\b/, qr/History has .*note\b.*; the code asked for .*note_too/ ],
	[ 'a timer for an activity', q{PERFORM temporal.execute_activity('note', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		q{PERFORM temporal.sleep('1 day'); PERFORM temporal.execute_activity('note', '["x", "a"]');},
		qr/at event 2\b/, qr/History has .*activity.*note.*; the code asked for .*timer/i ],
	[ 'an activity more, in front', q{PERFORM temporal.sleep('1 day');},
		q{PERFORM temporal.execute_activity('note', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		qr/at event 2\b/, qr/History has .*timer.*; the code asked for .*activity.*note/i ],
	[ 'an activity less', q{PERFORM temporal.execute_activity('note', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		q{PERFORM temporal.sleep('1 day');},
		qr/at event 2\b/, qr/History has .*activity.*note.*; the code asked for .*timer/i ],
	[ 'one of two that run at once', q{PERFORM temporal.start_activity('note', '["x", "a"]'); PERFORM temporal.start_timer('2 days'); PERFORM temporal.sleep('1 day');},
		q{PERFORM temporal.start_activity('note', '["x", "a"]'); PERFORM temporal.sleep('1 day');},
		qr/event 4\b/, qr/History has .*timer.*; the code asked for nothing more/i ],
	[ 'a return', q{PERFORM temporal.sleep('1 day'); PERFORM temporal.execute_activity('note', '["x", "a"]');},
		q{RETURN 'early';},
		qr/at event 2\b/, qr/TimerStarted|timer/i ],
);

sub define
{
	my ($i, $body) = @_;
	return "CREATE OR REPLACE FUNCTION changed_$i() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN $body RETURN 'done'; END \$\$;";
}

# all asleep in the old code, then changed
foreach my $i (0 .. $#changes)
{
	$node->query(define($i, $changes[$i][1])
		  . "SELECT temporal.register_workflow('changed_$i'); SELECT temporal.start_workflow('changed_$i', id => 'changed_$i')");
	$node->wait_for("SELECT count(*) > 0 FROM temporal.timer WHERE workflow_id = 'changed_$i'");
	$node->query(define($i, $changes[$i][2]));
}

# the day is over
sub wake_up
{
	$node->query(q{
		UPDATE temporal_internal.message m SET deliver_at = now() FROM temporal_internal.history h
		WHERE h.execution_key = m.execution_key AND h.event_id = m.ref_event_id AND h.attributes ->> 'startToFireTimeout' = '86400s'});
	return;
}
wake_up();
foreach my $i (0 .. $#changes)
{
	my ($name, $old, $new, $event, $both) = @{ $changes[$i] };
	my $id = "changed_$i";

	$node->wait_for("SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = '$id'");
	is($node->query("SELECT status, last_task_failure #>> '{applicationFailureInfo,type}' FROM temporal.workflow WHERE workflow_id = '$id'"),
		'Running|TP020', "$name: TP020, and the run stays open");
	like($node->query("SELECT last_task_failure ->> 'message' FROM temporal.workflow WHERE workflow_id = '$id'"), $event, '... names the event');
	like($node->query("SELECT last_task_failure #>> '{applicationFailureInfo,details}' FROM temporal.workflow WHERE workflow_id = '$id'"), $both, '... and both commands');
	my (undef, undef, $err) = $node->try_query("\\set VERBOSITY verbose\nSELECT temporal.replay('$id')");
	like($err, qr/ERROR:  TP020: .*event/, '... as replay() does');
	is($node->query("SELECT attributes ->> 'cause' FROM temporal.history WHERE workflow_id = '$id' AND event_type = 'WorkflowTaskFailed'"),
		'NON_DETERMINISTIC_ERROR', '... and the history');
	postpone($id);
}

# S-25, whole: after any number of attempts
is($node->query(q{
	SELECT event_id, event_type, attributes - '{identity,originalExecutionRunId,firstExecutionRunId}'::text[] #- '{failure,stackTrace}' #- '{failure,applicationFailureInfo,details,hint}'
	FROM temporal.history WHERE workflow_id = 'changed_0' ORDER BY event_id}), <<'EVENTS' =~ s/\n\z//r, 'S-25: one WorkflowTaskFailed behind what was there');
1|WorkflowExecutionStarted|{"attempt": 1, "taskQueue": {"name": "default"}, "workflowType": {"name": "changed_0"}, "workflowTaskTimeout": "10s"}
2|ActivityTaskScheduled|{"input": ["x", "a"], "taskQueue": {"name": "default"}, "activityId": "1", "activityType": {"name": "note"}, "startToCloseTimeout": "60s"}
3|ActivityTaskStarted|{"attempt": 1, "scheduledEventId": 2}
4|ActivityTaskCompleted|{"result": "a", "startedEventId": 3, "scheduledEventId": 2}
5|TimerStarted|{"timerId": "1", "startToFireTimeout": "86400s"}
6|WorkflowTaskFailed|{"cause": "NON_DETERMINISTIC_ERROR", "failure": {"source": "temporal_pg", "message": "workflow code does not match history at event 2", "applicationFailureInfo": {"type": "TP020", "details": {"detail": "History has ActivityTaskScheduled of activity \"note\" with id 1; the code asked for activity \"note_too\" with id 1 to be scheduled.", "condition": "nondeterminism"}}}}
EVENTS
$node->query(define($_, $changes[$_][1])) foreach 0 .. $#changes;
is($node->query("SELECT temporal.result('changed_$_', timeout => '30 s')"), '"done"', "$changes[$_][0]: the old code heals it") foreach 0 .. $#changes;
is($node->query("SELECT workflow_id, count(*) FROM temporal.history WHERE event_type = 'WorkflowTaskFailed' GROUP BY 1 HAVING count(*) <> 1"), '',
	'each has exactly one WorkflowTaskFailed');
is($node->broken_runs, '', 'histories are whole and replay');

$node->stop;
done_testing();
