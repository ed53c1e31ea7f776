# Code that waits for many activities at once is not run for completions that cannot let it go on. With real executors: how
# often it is run, a function that somebody else replaces, an error at COMMIT, kill -9 between, several executors
# and clients at a time. What holds of each program: test/pgtap/262_waiting_for_many.sql.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
chmod 0777, $dir;
my $node = TemporalNode->new_preloaded('main', conf => q{
temporal_pg.fault_injection = on
temporal_pg.careful_period = 0
temporal_pg.max_executors = 1
temporal_pg.sweep_interval = 1s
temporal_pg.idle_timeout = 10min
});
$node->query(qq{
	CREATE EXTENSION plperlu;
	-- a line for each time that the code is run
	CREATE FUNCTION pass(name text) RETURNS void IMMUTABLE LANGUAGE plperlu AS \$\$ open my \$f, '>>', "$dir/passes" or die; syswrite \$f, "\$_[0]\\n"; \$\$;
});
$node->query(q{
	SELECT temporal.register_activity('ext', mode => 'external', start_to_close_timeout => '10 min');
	CREATE FUNCTION many(name text, n int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE sum int;
	BEGIN
		PERFORM pass(name);
		SELECT sum(r::text::int) INTO sum FROM unnest(temporal.await_all((SELECT array_agg(temporal.start_activity('ext', i, activity_id => i::text) ORDER BY i)
			FROM generate_series(1, n) i))) r;
		RETURN sum;
	END $$;
	SELECT temporal.register_workflow('many');
});

sub passes
{
	my ($name) = @_;
	return 0 unless -e "$dir/passes";
	return scalar grep { $_ eq $name } split /\n/, slurp_file("$dir/passes");
}
sub begin
{
	my ($name, $n) = @_;
	$node->query("SELECT temporal.start_workflow('many', '[\"$name\", $n]', id => '$name')");
	return $node->wait_for("SELECT count(*) = $n FROM temporal.pending_activity WHERE workflow_id = '$name'");
}
sub complete { my ($name, @which) = @_; return $node->query("SELECT temporal.complete_activity('$name', NULL, i::text, to_jsonb(i)) FROM unnest(ARRAY[@{[ join ',', @which ]}]) i") }
# until so many are in the history
sub recorded
{
	my ($name, $n) = @_;
	return $node->wait_for("SELECT count(*) = $n FROM temporal.history WHERE workflow_id = '$name' AND event_type = 'ActivityTaskCompleted'");
}
sub ends { my ($name) = @_; return $node->query("CALL temporal.await_result('$name', NULL, '30 s')") }

# ---------- one executor ----------

begin('one by one', 20);
for my $i (1 .. 20) { complete('one by one', $i); recorded('one by one', $i) }
is(ends('one by one'), 210, 'all results are there');
is(passes('one by one'), 2, 'the code was run for the first task and the last');
is($node->query("SELECT count(DISTINCT task_id) FROM temporal.history WHERE workflow_id = 'one by one' AND event_type = 'ActivityTaskCompleted'"), 20,
	'each completion came in a task of its own');

# ---------- a function is replaced ----------

begin('replaced', 10);
for my $i (1 .. 3) { complete('replaced', $i); recorded('replaced', $i) }
is(passes('replaced'), 1, 'it has not been run again');
$node->query('CREATE FUNCTION something() RETURNS int LANGUAGE sql AS $$SELECT 1$$');
complete('replaced', 4);
recorded('replaced', 4);
is(passes('replaced'), 2, 'when somebody changes a function, it is');
my $source = $node->query("SELECT pg_get_functiondef('many'::regproc)");
$node->query(q{CREATE OR REPLACE FUNCTION many(name text, n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.sleep('1 s'); RETURN 0; END $$});
complete('replaced', 5);
$node->wait_for("SELECT last_task_failure ->> 'message' LIKE '%istory%' FROM temporal.workflow WHERE workflow_id = 'replaced'");
pass('one that does not fit is noticed with the next completion');
$node->query($source);
complete('replaced', 6 .. 10);
is(ends('replaced'), 55, 'and heals');

# ---------- errors at COMMIT ----------

begin('commit', 10);
complete('commit', 1, 2);
recorded('commit', 2);
$node->query(q{
	CREATE SEQUENCE refusals;
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF nextval('public.refusals') <= 3 THEN
			RAISE EXCEPTION 'refused' USING ERRCODE = 'serialization_failure';
		END IF;
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON temporal_internal.execution DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
});
# all but one: whoever counted the refused ones twice would be through
complete('commit', $_) for 3 .. 9;
$node->wait_for("SELECT is_called AND last_value > 3 FROM refusals");
recorded('commit', 9);
is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = 'commit'"), 'Running', 'one that is left is waited for');
$node->query('DROP TRIGGER refuse ON temporal_internal.execution');
complete('commit', 10);
is(ends('commit'), 55, 'a task that was refused at COMMIT is done again');

# ---------- kill -9 ----------

begin('killed', 12);
for my $i (1 .. 12)
{
	if ($i % 4 == 0)
	{
		my $fault = (qw(task_before_commit task_events_written task_after_commit))[ $i / 4 - 1 ];
		$node->arm_fault($fault);
		# its answer may be lost with the server, before or behind its COMMIT
		$node->try_query("SELECT temporal.complete_activity('killed', NULL, '$i', '$i')");
		$node->wait_fault($fault);
		$node->try_query("SELECT temporal.complete_activity('killed', NULL, '$i', '$i') FROM temporal.pending_activity WHERE workflow_id = 'killed' AND activity_id = '$i'");
	}
	else { complete('killed', $i) }
	recorded('killed', $i);
	is($node->query("SELECT status FROM temporal.workflow WHERE workflow_id = 'killed'"), 'Running', "$i are not all") if $i == 11;
}
is(ends('killed'), 78, 'after each crash it goes on');
cmp_ok(passes('killed'), '<=', 5, 'and the code was run once more for each: ' . passes('killed'));

# ---------- several at a time ----------

$node->append_conf('postgresql.conf', 'temporal_pg.max_executors = 4');
$node->query('SELECT pg_reload_conf()');
my ($RUNS, $WIDTH, $CLIENTS) = (6, 40, 3);
begin("r$_", $WIDTH) for 1 .. $RUNS;
my @clients = map {
	my $client = $_;
	$node->begin_session(qq{DO \$\$
		DECLARE t record;
		BEGIN
			FOR t IN SELECT r, i FROM generate_series(1, $RUNS) r, generate_series(1, $WIDTH) i WHERE i % $CLIENTS = $client - 1 ORDER BY random() LOOP
				PERFORM temporal.complete_activity('r' || t.r, NULL, t.i::text, to_jsonb(t.i));
				IF random() < 0.6 THEN COMMIT; END IF;
			END LOOP;
		END \$\$})
} 1 .. $CLIENTS;
is($node->failed_sessions(@clients), 0, 'no client has failed');
is(join(' ', map { ends("r$_") } 1 .. $RUNS), join(' ', ($WIDTH * ($WIDTH + 1) / 2) x $RUNS), 'every run has all its results');
is($node->query("SELECT count(*) FROM (SELECT FROM temporal.history WHERE event_type = 'ActivityTaskCompleted' AND workflow_id ~ '^r\\d' GROUP BY workflow_id, attributes ->> 'scheduledEventId') s"),
	$RUNS * $WIDTH, 'each completion is there once');
is($node->broken_runs, '', 'every history is whole, and replays');
done_testing();
