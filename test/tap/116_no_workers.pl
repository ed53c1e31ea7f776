# Without any worker: the server has no process for one. Queries, updates, views,
# explain(), trace() and describe() do their work in the session that asks, for a
# role that may no more than use workflows. What needs a worker is kept.

use strict;
use warnings;
use TemporalNode;
use Test::More;

# one for the launcher, one for the dispatcher
my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
max_worker_processes = 2
max_logical_replication_workers = 0
temporal_pg.sweep_interval = 200ms
});
$node->query(q{
	CREATE ROLE author LOGIN;
	CREATE ROLE client LOGIN;
	CREATE ROLE nobody LOGIN;
	CREATE SCHEMA shop AUTHORIZATION author;
	SELECT temporal.grant_access('default', 'author', 'author'), temporal.grant_access('default', 'client', 'client');
	SET SESSION AUTHORIZATION author;
	SET search_path = shop;
	CREATE TABLE secret AS SELECT 42 AS n;
	CREATE FUNCTION noting() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('state ? ''stop''');
		RETURN temporal.state('notes');
	END $$;
	CREATE FUNCTION note(what text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state('notes', coalesce(temporal.state('notes'), '[]') || to_jsonb(what));
		RETURN temporal.state('notes');
	END $$;
	CREATE FUNCTION notes() RETURNS jsonb LANGUAGE sql AS $$ SELECT temporal.state('notes') $$;
	CREATE FUNCTION stop() RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state('stop', true) $$;
	CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT current_user || ' ' || n FROM shop.secret $$;
	CREATE FUNCTION spoil() RETURNS void LANGUAGE sql AS $$ DELETE FROM shop.secret $$;
	SET temporal_pg.determinism = off;    -- queries that would write
	SELECT temporal.register_workflow('noting', signals => '{"note": "note", "stop": "stop"}', updates => '{"note": "note"}',
		queries => '{"notes": "notes", "who": "who", "spoil": "spoil"}');
});

sub as_client { my ($sql) = @_; return $node->query("SET SESSION AUTHORIZATION client;\n$sql") }
sub error_of
{
	my ($role, $sql) = @_;
	my (undef, undef, $err) = $node->try_query("\\set VERBOSITY verbose\nSET SESSION AUTHORIZATION $role;\n$sql");
	return $err;
}

is(as_client(q{SELECT temporal.start_workflow('noting', id => 'n')}), 'n', 'a workflow is started');
is(as_client(q{SELECT temporal.query('n', 'notes')}), 'null', 'a query of a run that has not begun');
is(as_client(q{SELECT temporal.signal('n', 'note', '"one"'), temporal.signal('n', 'note', '"two"')}), 't|t', 'signals are kept');
is(as_client(q{SELECT temporal.query('n', 'notes')}), '["one", "two"]', '... a query sees what they will do');
is(as_client(q{SELECT count(*) FROM temporal.pending_message WHERE kind = 'Signal'}), 2, '... and leaves them where they are');
is(as_client(q{SELECT temporal.query('n', 'who')}), '"author 42"', 'a query runs as the owner of the code, whoever asks');
like(error_of('client', q{SELECT * FROM shop.secret}), qr/42501/, '... who may not see that himself');
like(error_of('client', q{SELECT temporal.query('n', 'spoil')}), qr/ERROR:  TP015: query "spoil" of workflow "n" failed: cannot execute DELETE in a read-only transaction/, 'a query that writes');
is($node->query('SELECT count(*) FROM shop.secret'), 1, '... has not');
like(as_client(q{SELECT temporal.query('n', '__stack_trace') #>> '{}'}), qr/^run, waiting in wait_condition for condition state \? 'stop', since /, '__stack_trace');
is(as_client(q{SELECT temporal.query('n', '__temporal_workflow_metadata') #>> '{definition,type}'}), 'noting', '__temporal_workflow_metadata');
is(as_client(q{SELECT what FROM temporal.explain('n')}), 'an executor for its first workflow task', 'explain() says what is missing');
is(as_client(q{SELECT count(*) > 0 FROM temporal.trace('n')}), 't', 'trace()');
is(as_client(q{SELECT (temporal.describe('n')).status}), 'Running', 'describe()');

is(as_client(q{SELECT temporal.update('n', 'note', '"three"')}), '["one", "two", "three"]', 'an update takes the mail with it');
is(as_client(q{SELECT count(*) FROM temporal.pending_message}), 0, '... so that none is left');
is(as_client(q{SELECT what FROM temporal.explain('n')}), q{condition state ? 'stop'}, 'the code has begun');
foreach ([ q{NULL, 'note'} => qr/22004: workflow id must not be null/ ], [ q{'n', NULL} => qr/22004: update name must not be null/ ], [ q{'n', ''} => qr/22023: update name must not be empty/ ],
	[ q{'n', 'note', '"x"', ''} => qr/22023: update id must not be empty/ ], [ q{'n', 'note', '"x"', wait_timeout => '-1 s'} => qr/22023: wait_timeout must not be negative/ ],
	[ q{'nothing', 'note'} => qr/TP010: workflow "nothing" does not exist/ ], [ q{'n', 'nothing'} => qr/TP023: update "nothing" was rejected: .*\nHINT:  It has: note\./ ],
	[ q{'n', 'note'} => qr/TP023: update "note" was rejected: missing argument "what"/ ])
{
	like(error_of('client', "CALL temporal.execute_update($_->[0])"), qr/ERROR:  $_->[1]/, "execute_update($_->[0])");
}
is(as_client(q{SELECT temporal.query('n', 'notes')}), '["one", "two", "three"]', '... none of which has changed anything');
like(error_of('client', q{SELECT temporal.result('n', timeout => '100 ms')}), qr/ERROR:  TP008/, 'its result is waited for in vain');
as_client(q{SELECT temporal.terminate('n')});
is(as_client(q{SELECT temporal.query('n', 'notes')}), '["one", "two", "three"]', 'a query of a closed run');
is(as_client(q{SELECT replace(string_agg(event_type::text, ' ' ORDER BY event_id), 'WorkflowExecution', '') FROM temporal.history}),
	'Started Signaled Signaled UpdateAccepted UpdateCompleted Terminated', 'queries are not in its history');

foreach (q{temporal.query('n', 'notes')}, q{temporal.signal('n', 'note')}, q{temporal.update('n', 'note')}, q{temporal.start_update('n', 'note')},
	q{temporal.update_result('n', 'u')}, q{temporal.signal_with_start('noting', 'note')}, q{temporal.update_with_start('noting', 'note')}, q{* FROM temporal.explain('n')})
{
	like(error_of('nobody', "SELECT $_"), qr/ERROR:  42501: .*[^.]\n(DETAIL: .*\n)?HINT:  .*temporal\.grant_access\('default', 'nobody', 'client'\)/, "a role without rights: $_");
}
like(error_of('nobody', q{CALL temporal.execute_update('n', 'note')}), qr/ERROR:  42501: .*\n(DETAIL: .*\n)?HINT:  .*temporal\.grant_access/, '... execute_update');
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'}), 0, 'there was no worker');
$node->stop;
done_testing();
