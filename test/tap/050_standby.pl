# A hot standby shows everything and runs nothing; after a promotion it takes over.

use strict;
use warnings;
use TemporalNode;
use Test::More;

my $primary = TemporalNode->new_preloaded('primary', fsync => 0, init => { allows_streaming => 1 },
	conf => 'temporal_pg.sweep_interval = 500ms');
$primary->query(q{
	CREATE TABLE done (id text, step text);
	CREATE FUNCTION note(id text, step text) RETURNS void LANGUAGE sql AS $$ INSERT INTO done VALUES (id, step) $$;
	CREATE FUNCTION nap(id text, duration interval) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'before'));
		PERFORM temporal.sleep(duration);
		PERFORM temporal.execute_activity('note', jsonb_build_array(id, 'after'));
		RETURN 'slept';
	END $$;
	SELECT temporal.register_activity('note'), temporal.register_workflow('nap');

	-- one that takes messages
	CREATE FUNCTION noting() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('state ? ''stop''', '7 days');
		RETURN temporal.state('notes');
	END $$;
	CREATE FUNCTION add_note(what text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state('notes', coalesce(temporal.state('notes'), '[]') || to_jsonb(what));
		RETURN temporal.state('notes');
	END $$;
	CREATE FUNCTION add_slowly(what text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('7 days');
		RETURN add_note(what);
	END $$;
	CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('stop', true) $$;
	CREATE FUNCTION notes() RETURNS jsonb LANGUAGE sql AS $$ SELECT temporal.state('notes') $$;
	CREATE FUNCTION spoil() RETURNS void LANGUAGE sql AS $$ INSERT INTO done VALUES ('query', 'spoilt') $$;
	CREATE FUNCTION spoil_state() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.set_state('notes', 0); RETURN temporal.state('notes'); END $$;
	SET temporal_pg.determinism = off;    -- queries that would write
	SELECT temporal.register_workflow('noting', signals => '{"note": "add_note", "stop": "stop"}', updates => '{"note": "add_note", "slow": "add_slowly"}',
		queries => '{"notes": "notes", "spoil": "spoil", "spoil_state": "spoil_state"}');
	CREATE ROLE client LOGIN;
	SELECT temporal.grant_access('default', 'client', 'client');
});
$primary->backup('backup');
my $standby = TemporalNode->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->query(q{
	SELECT temporal.start_workflow('nap', '["short", "10 ms"]', id => 'short');
	SELECT temporal.start_workflow('nap', jsonb_build_array('long ' || i, '4 s'), id => 'long ' || i) FROM generate_series(1, 20) i;
	SELECT temporal.start_workflow('nap', '["next week", "7 days"]', id => 'next week');
});
is($primary->query(q{SELECT temporal.result('short', timeout => '20 s')}), '"slept"', 'the primary runs workflows');
$primary->wait_for(q{SELECT count(*) = 21 FROM temporal.timer});
$primary->query(q{SELECT temporal.start_workflow('noting', id => id) FROM unnest('{open,closed}'::text[]) id});
$primary->query(q{SELECT temporal.signal(id, 'note', '"first"') FROM unnest('{open,closed}'::text[]) id});
$primary->query(q{SELECT temporal.start_update('open', 'slow', '"later"', 'slow-1'); SELECT temporal.signal('closed', 'stop')});
$primary->query(q{SELECT temporal.result('closed', timeout => '20 s')});
# mail that stays in the mailbox, since somebody holds the run
my $holder = $primary->background_psql('postgres');
$holder->query_safe(q{BEGIN; SELECT temporal.update('open', 'note', '"not committed"')});
$primary->query(q{SELECT temporal.signal('open', 'note', '"second"')});
$primary->wait_for_catchup($standby);

# --- the standby

my $all = q{
	SELECT to_jsonb(v)::text FROM temporal.workflow v UNION ALL SELECT to_jsonb(v)::text FROM temporal.history v
	UNION ALL SELECT to_jsonb(v)::text FROM temporal.timer v UNION ALL SELECT to_jsonb(v)::text FROM temporal.definition v
	UNION ALL SELECT to_jsonb(v)::text FROM temporal.pending_message v UNION ALL SELECT to_jsonb(v)::text FROM temporal.namespace v
	UNION ALL SELECT to_jsonb(v)::text FROM temporal.pending_activity v UNION ALL SELECT to_jsonb(v)::text FROM temporal.search_attribute v ORDER BY 1};
is($standby->query($all), $primary->query($all), 'the views show the same there');
is($standby->query('SELECT count(*) FROM temporal.worker'), 0, 'it has no executors');
is($standby->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'temporal%'}), 0, '... and no other process of ours');
is($standby->query(q{SELECT temporal.result('short')}), '"slept"', 'result() of a closed run works');
cmp_ok($standby->query(q{SELECT count(*) FROM temporal.trace('short')}), '>', 3, 'trace() does');
like($standby->query(q{SELECT string_agg(e::text, E'\n') FROM temporal.explain('next week') e}), qr/timer|sleep/i, 'explain() does');
is($standby->query(q{SELECT (temporal.describe('next week')).status}), 'Running', 'describe() does');
cmp_ok($standby->query(q{SELECT temporal.replay('short')}), '>', 5, 'replay() does');
is($standby->query(q{SELECT count(*) FROM temporal.task_queue}), $primary->query(q{SELECT count(*) FROM temporal.task_queue}), 'the view of task queues does');

# --- queries there

sub standby_error { my ($sql) = @_; my (undef, undef, $err) = $standby->try_query("\\set VERBOSITY verbose\n$sql"); return $err }
is($standby->query(q{SELECT temporal.query('open', 'notes')}), '["first", "second"]', 'a query of an open run: what is committed, mail included');
is($standby->query(q{SELECT count(*) FROM temporal.pending_message WHERE workflow_id = 'open' AND kind = 'Signal'}), 1, '... which stays in the mailbox');
is($standby->query(q{SELECT temporal.query('closed', 'notes')}), '["first"]', 'a query of a closed run');
is($standby->query(q{SET SESSION AUTHORIZATION client; SELECT temporal.query('open', 'notes')}), '["first", "second"]', '... by a role that may use workflows');
is($standby->query(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT temporal.query('open', 'notes'); COMMIT}), '["first", "second"]', '... in REPEATABLE READ');
like(standby_error(q{SELECT temporal.query('open', 'spoil')}), qr/ERROR:  TP015: query "spoil" of workflow "open" failed: cannot execute INSERT in a read-only transaction/, 'a query that writes to a table');
like(standby_error(q{SELECT temporal.query('open', 'spoil_state')}), qr/ERROR:  TP015: query "spoil_state" of workflow "open" failed: temporal\.set_state\(\) cannot be called by a query/, '... to the state');
like(standby_error(q{SELECT temporal.query('open', 'no')}), qr/ERROR:  TP015: .*\nHINT:  It has: notes, spoil, spoil_state, __stack_trace/, 'a query that there is not');
my $trace = $standby->query(q{SELECT temporal.query('open', '__stack_trace') #>> '{}'});
like($trace, qr/^run, waiting in wait_condition for condition state \? 'stop', at most until timer #1, since 20.*\n.*\nPL\/pgSQL function noting\(\) line 3 at PERFORM/, '__stack_trace: the run function');
like($trace, qr/^update slow \(slow-1\), waiting in await for timer #2, since 20.*\n.*\nPL\/pgSQL function add_slowly\(text\) line 3 at PERFORM/m, '... a handler in progress');
is($standby->query(q{SELECT temporal.query('open', '__temporal_workflow_metadata') #> '{definition,updateDefinitions}'}), '[{"name": "note"}, {"name": "slow"}]', '__temporal_workflow_metadata');
is($standby->query(q{SELECT what || ' at ' || coalesce(at, 'no line') FROM temporal.explain('open')}), <<'EOT' =~ s/\n$//r, 'explain(): the code, the handler, the mail');
condition state ? 'stop' at noting() line 3 at PERFORM
timer #2 at add_slowly(text) line 3 at PERFORM
a workflow task that is due at no line
EOT
is($standby->query(q{SELECT string_agg(event, ', ' ORDER BY event_id) FROM temporal.trace('open') WHERE event ~ '^(signal|update)'}), 'signal note received, update slow accepted', 'trace()');
is($standby->query(q{SELECT (temporal.describe('open')).status}), 'Running', 'describe()');
is($standby->query(q{SELECT update_id, update_name, completed_time IS NULL FROM temporal.workflow_update}), 'slow-1|slow|t', 'the view of updates');
like(standby_error(q{SELECT temporal.update_result('open', 'slow-1', '200 ms')}), qr/ERROR:  TP008/, 'update_result() of one in progress: TP008 when the time is over');

# --- what writes says so before it does anything

foreach ([ 'signal' => q{'open', 'note', '"x"'} ], [ 'signal_with_start' => q{'noting', 'note', '"x"', id => 'open'} ], [ 'update' => q{'open', 'note', '"x"'} ],
	[ 'start_update' => q{'open', 'slow', '"x"'} ], [ 'update_with_start' => q{'noting', 'note', '"x"', id => 'open'} ], [ 'start_workflow' => q{'noting'} ],
	[ 'poll_activity_task' => q{'default', 'me'} ], [ 'terminate' => q{'open'} ], [ 'register_workflow' => q{'nap'} ], [ 'unregister_activity' => q{'note'} ], [ 'grant_http' => q{'client', 'http://x/'} ],
	[ 'set_secret' => q{'s', 'a secret value'} ], [ 'create_namespace' => q{'n'} ], [ 'revoke_access' => q{'default', 'client'} ], [ 'pause_activity' => q{'open', 'a'} ], [ 'pause_task_queue' => q{'default'} ],
	[ 'stop_workers' => q{} ], [ 'post_restore' => q{} ], [ 'test_activity' => q{'note'} ])
{
	like(standby_error("SELECT temporal.$_->[0]($_->[1])"), qr/ERROR:  25006: cannot execute temporal\.$_->[0]\(\) in a read-only transaction\n(?!CONTEXT)/, "$_->[0]() gives PostgreSQL's own error, of itself");
}
like(standby_error(q{CALL temporal.execute_update('open', 'note', '"x"')}), qr/ERROR:  25006: cannot execute temporal\.execute_update\(\) in a read-only transaction/, 'execute_update() too');
like(standby_error(q{CALL temporal.poll_activity_tasks('default', 'me')}), qr/ERROR:  25006: cannot execute temporal\.poll_activity_tasks\(\) in a read-only transaction/, 'and poll_activity_tasks()');

foreach ([ 'start_workflow()' => q{temporal.start_workflow('nap', '["no", "1 s"]', id => 'no')} ],
	[ 'terminate()' => q{temporal.terminate('next week')} ],
	[ 'register_workflow()' => q{temporal.register_workflow('nap')} ],
	[ 'create_namespace()' => q{temporal.create_namespace('no')} ],
	[ 'post_restore()' => q{temporal.post_restore()} ])
{
	my (undef, undef, $err) = $standby->try_query("\\set VERBOSITY verbose\nSELECT $_->[1]");
	like($err, qr/ERROR:  25006: /, "$_->[0] gives 25006: " . ($err =~ /ERROR:  (.*)/)[0]);
}
my (undef, undef, $err) = $standby->try_query(qq{\\set VERBOSITY verbose\nSELECT temporal.result('next week', timeout => '300 ms')});
like($err, qr/ERROR:  TP008/, 'waiting for an open run: TP008 when the time is over');

# --- the primary is gone, and with it the transaction that held a run

$primary->stop('immediate');
eval { $holder->quit };
$standby->promote;
is($standby->query(q{SELECT DISTINCT temporal.result('long ' || i, timeout => '30 s') FROM generate_series(1, 20) i}), '"slept"', 'after promotion the timers fire, the runs go on');
is($standby->query(q{SELECT id, string_agg(step, ',' ORDER BY step) FROM done WHERE id LIKE 'long%' GROUP BY 1 HAVING string_agg(step, ',' ORDER BY step) <> 'after,before'}), '', '... each step was done once');
is($standby->query(q{CALL temporal.execute_workflow('nap', '["new", "10 ms"]', id => 'new')}), '"slept"', '... and new ones start');
$standby->wait_for(q{SELECT count(*) = 0 FROM temporal.pending_message WHERE workflow_id = 'open' AND kind = 'Signal'});
is($standby->query(q{SELECT temporal.query('open', 'notes')}), '["first", "second"]', '... mail is handled');
is($standby->query(q{SELECT temporal.update('open', 'note', '"third"')}), '["first", "second", "third"]', '... and updates are taken');
is($standby->broken_runs, '', 'histories are whole and replay');
$standby->stop;
done_testing();
