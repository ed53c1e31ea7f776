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

# --- the primary is gone

$primary->stop('immediate');
$standby->promote;
is($standby->query(q{SELECT DISTINCT temporal.result('long ' || i, timeout => '30 s') FROM generate_series(1, 20) i}), '"slept"', 'after promotion the timers fire, the runs go on');
is($standby->query(q{SELECT id, string_agg(step, ',' ORDER BY step) FROM done WHERE id LIKE 'long%' GROUP BY 1 HAVING string_agg(step, ',' ORDER BY step) <> 'after,before'}), '', '... each step was done once');
is($standby->query(q{CALL temporal.execute_workflow('nap', '["new", "10 ms"]', id => 'new')}), '"slept"', '... and new ones start');
is($standby->broken_runs, '', 'histories are whole and replay');
$standby->stop;
done_testing();
