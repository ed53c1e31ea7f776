# Workflows, activities and clients in C: built by PGXS against the installed
# header, as anybody's extension is. The example, through crashes of its
# executor; every call of the header; what C code can do wrong; memory.

use strict;
use warnings;
use Cwd qw(abs_path);
use TemporalNode;
use Test::More;

chomp(my $pg_config = `which pg_config`);

sub build
{
	my ($dir, @targets) = @_;
	my $out = `make -s -C $dir PG_CONFIG=$pg_config @targets 2>&1`;
	is($?, 0, "make @targets in $dir") or BAIL_OUT($out);
	return;
}

chomp(my $include = `$pg_config --includedir-server`);
ok(-f "$include/extension/temporal_pg/temporal_pg.h", 'the header is installed');
build('examples/c-workflow', 'all', 'install');
build('test/capi', 'all');
my $lib = abs_path('test/capi/capi_test');
my $newer = abs_path('test/capi/capi_newer');

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => 'temporal_pg.sweep_interval = 500ms');
my $pg = sub { return $node->query(@_) };

# --- the example

$pg->('CREATE EXTENSION c_workflow; SELECT shop.register()');
$pg->(q{INSERT INTO shop.stock VALUES ('lamp', 20)});
my $id = $pg->(q{SELECT shop.place_order('lamp', 2)});
is($pg->("SELECT memo FROM temporal.workflow WHERE workflow_id = '$id'"), '{"item": "lamp", "price": 100}', 'a client in C starts a workflow in C');
$node->wait_for("SELECT temporal.query('$id', 'progress') ->> 'status' = 'waiting for confirmation'");
$node->wait_for("SELECT EXISTS (SELECT FROM temporal.explain('$id') e WHERE what ~ 'confirmed')");
is($pg->("SELECT temporal.query('$id', 'progress')"), '{"status": "waiting for confirmation", "quantity": 2}', 'a query handler in C');
like($pg->("SELECT e FROM temporal.explain('$id') e"), qr/confirmed.*C code c_workflow\.c:\d+, in tpg_wait_predicate/s, 'explain() tells the line in C');
is($pg->("SELECT temporal.update('$id', 'set_quantity', '3')"), '2', 'an update handler in C');
{
	# before the workflow has run at all: in one transaction with its start
	my $early = $pg->(q{BEGIN; SELECT shop.place_order('lamp', 1) AS id \\gset
SELECT coalesce(temporal.update(:'id', 'set_quantity', '4')::text, 'none');
COMMIT;
SELECT temporal.query(:'id', 'progress') ->> 'quantity', temporal.terminate(:'id')});
	like($early, qr/^(none|null)\n4\|$/, 'an update before the first workflow task');
}
like(($node->try_query("SELECT temporal.update('$id', 'set_quantity', '0')"))[2], qr/quantity must be at least 1/, 'its validator refuses');

# a crash while it waits, and one in the middle
$node->kill_executor;
$pg->("SELECT temporal.signal('$id', 'confirm', '\"ann\"')");
$node->wait_for("SELECT temporal.query('$id', 'progress') ->> 'status' = 'delivering'");
$node->kill_executor;
is($pg->("SELECT temporal.result('$id', timeout => '60 s')"), '"lamp delivered"', 'it ends, whatever was killed');
is($pg->("SELECT temporal.query('$id', 'progress')"), '{"late": "lamp", "status": "delivered", "customer": "ann", "quantity": 3}', 'its state');
is($pg->('SELECT quantity FROM shop.stock'), '17', 'goods reserved once');
is($pg->(qq{SELECT amount FROM shop.payment WHERE order_id = '$id'}), '300', 'paid once');
is($pg->(qq{SELECT string_agg(event_type::text, ' ' ORDER BY event_id) FROM temporal.history
	WHERE workflow_id = '$id' AND event_type::text ~ 'Scheduled|Completed|Initiated|TimerStarted'}),
	'TimerStarted WorkflowExecutionUpdateCompleted ActivityTaskScheduled ActivityTaskCompleted ActivityTaskScheduled ActivityTaskCompleted '
	  . 'StartChildWorkflowExecutionInitiated TimerStarted ChildWorkflowExecutionCompleted WorkflowExecutionCompleted', 'its history');
is($pg->("SELECT temporal.replay('$id') > 0"), 't', 'its code fits its history');

my $dear = $pg->(q{SELECT shop.place_order('lamp', 11)});
$pg->("SELECT temporal.signal('$dear', 'confirm', '\"bob\"')");
my (undef, undef, $err) = $node->try_query("SELECT temporal.result('$dear', timeout => '60 s')");
like($err, qr/failed: card declined/, 'a failure that was caught, compensated and raised again');
like($err, qr/"activity_type": "charge"/, '... as it came');
is($pg->('SELECT quantity FROM shop.stock'), '17', '... after its compensation');
my $none = $pg->(q{SELECT shop.place_order('lamp', 18)});
$pg->("SELECT temporal.signal('$none', 'confirm', '\"cid\"')");
like(($node->try_query("SELECT temporal.result('$none', timeout => '60 s')"))[2], qr/not enough lamp/, 'a failure that nobody caught');

like($pg->(q{BEGIN; SELECT temporal.test_start(); SELECT temporal.test_run('delivery', '["lamp", 86400000]'); ROLLBACK}), qr/"lamp delivered"/,
	'the test environment skips its time');

# --- every call

my @functions = (
	'capi_tour() RETURNS text', 'capi_child(how boolean DEFAULT NULL) RETURNS text', 'capi_branch(n int) RETURNS void', 'capi_handler(n int) RETURNS void',
	'capi_loop(n int) RETURNS bigint', 'capi_swallow(how text) RETURNS text', 'capi_finally() RETURNS int', 'capi_cancelled() RETURNS text',
	'capi_bad(what text) RETURNS text', 'capi_timeout() RETURNS void', 'capi_next(n int) RETURNS text', 'capi_attempt() RETURNS text',
	'capi_fail(message text) RETURNS void', 'capi_beat() RETURNS text', 'capi_later(how text) RETURNS void', 'capi_end(how text, token text) RETURNS void', 'capi_client(call text, id text) RETURNS text');
foreach my $f (@functions)
{
	my ($name) = $f =~ /^(\w+)/;
	$pg->("CREATE FUNCTION $f LANGUAGE c AS '$lib', '$name'");
}
$pg->(q{
	CREATE FUNCTION capi_echo(v jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT v';
	CREATE FUNCTION capi_info() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN temporal.execute_activity('capi_attempt') #>> '{}'; END $$;
	CREATE FUNCTION capi_beating() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN temporal.execute_activity('capi_beat') #>> '{}'; END $$;
	CREATE FUNCTION capi_service() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
		PERFORM temporal.wait_condition($c$state ? 'stop'$c$); RETURN temporal.state(); END $$;
	CREATE FUNCTION capi_note(n int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		PERFORM temporal.set_state('sum', temporal.state('sum', 0) + n); END $$;
	CREATE FUNCTION capi_put(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.set_state('put', n); RETURN n + 1; END $$;
	CREATE FUNCTION capi_put_later(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
		PERFORM temporal.sleep('10 ms'); PERFORM temporal.set_state('stop', n); RETURN n + 1; END $$;
	CREATE FUNCTION capi_state() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RETURN temporal.state(); END $$;
	SELECT temporal.register_activity(a) FROM unnest('{capi_echo,capi_fail,capi_attempt,capi_beat}'::text[]) a;
	SELECT temporal.register_workflow(w) FROM unnest('{capi_tour,capi_child,capi_loop,capi_swallow,capi_finally,capi_cancelled,capi_bad,capi_timeout,capi_next,capi_info,capi_beating}'::text[]) w;
	SELECT temporal.register_workflow('capi_service', signals => '{"note": "capi_note", "handle": "capi_handler"}', queries => '{"state": "capi_state"}',
		updates => '{"put": "capi_put", "put_later": "capi_put_later"}')});

$pg->(q{SELECT temporal.start_workflow('capi_tour', id => 'tour')});
$node->wait_for(q{SELECT EXISTS (SELECT FROM temporal.explain('tour') e WHERE e::text ~ 'signal hello')});
$pg->(q{SELECT temporal.signal('tour', 'hello', '"hi"')});
$node->wait_for(q{SELECT status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'tour' AND is_current});
my $toured = $pg->(q{SELECT temporal.result('tour', timeout => '60 s') #>> '{}'});
is($toured, join(' ', split(/\n\s*/, <<'TOUR' =~ s/\s+$//r)), 'every call for workflow code');
type=capi_tour
attempt=1
namespace=default
parent=NULL
uuids=differ
random=in range
now=after start
x=[1, 2]
y=NULL
state={"x": [1, 2], "nothing": null}
state={"z": 3}
memo={"m": 1}
patched=t
last=none
cancel_requested=f
side_effect="seen once"
activity={"n": 1}
local={"n": 2}
all={"n": 3},{"n": 4},null
any=0
done=t
failed=Oops
message=Activity task failed: oops
last=Oops
tried={"n": 5}
late=await
cancelled=t
signal="hi"
no_signal=timed out
predicate=t
never=f
condition=t
go=1
handlers=finished
child="tour"
child_id=capi-child
child="\"now\""
child_failed=NoChild
external=f
TOUR
is($pg->(q{SELECT temporal.replay('tour') > 0}), 't', '... and a replay gives the same commands');
is($pg->(q{SELECT count(*) FROM temporal.history WHERE workflow_id = 'tour' AND event_type = 'WorkflowTaskFailed'}), '0', '... no task failed');
is($pg->(q{SELECT temporal.start_workflow('capi_info', id => 'info')}) && $pg->(q{SELECT temporal.result('info', timeout => '60 s')}),
	'"capi_attempt 1 attempt 1 of info capi_info"', 'activity_info()');

# temporal.heartbeat() is called by name: where there is none, the call says so
$pg->(q{SELECT temporal.start_workflow('capi_beating', id => 'beat', retry_policy => temporal.retry_policy(maximum_attempts => 1))});
if ($pg->(q{SELECT count(*) FROM pg_proc WHERE proname = 'heartbeat' AND pronamespace = 'temporal'::regnamespace}))
{
	is($pg->(q{SELECT temporal.result('beat', timeout => '60 s')}), '"beaten"', 'heartbeat()');
}
else
{
	$node->wait_for(q{SELECT last_failure::text ~ 'temporal.heartbeat\(\) does not exist' FROM temporal.pending_activity WHERE workflow_id = 'beat'});
	pass('no heartbeat() yet, and the call says so');
	$pg->(q{SELECT temporal.terminate('beat')});
}

# attempts that end elsewhere
$pg->(q{
	CREATE TABLE token (how text, token text);
	CREATE FUNCTION capi_waits(how text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
		RETURN temporal.execute_activity('capi_later', how, cancellation_type => 'wait_cancellation_completed') #>> '{}'; END $$;
	SELECT temporal.register_activity('capi_later'), temporal.register_workflow('capi_waits');
	SELECT temporal.start_workflow('capi_waits', to_jsonb(how), id => how) FROM unnest('{completed,failed,cancelled}'::text[]) how});
$node->wait_for('SELECT count(*) = 3 FROM token');
$pg->(q{SELECT temporal.cancel('cancelled')});
$pg->(q{SELECT capi_end(how, token) FROM token WHERE how <> 'cancelled'});
is($pg->(q{SELECT temporal.result('completed', timeout => '60 s')}), '"from outside"', 'complete_activity()');
like(($node->try_query(q{SELECT temporal.result('failed', timeout => '60 s')}))[2], qr/"type": "Outside"/, 'fail_activity()');
$node->wait_for(q{SELECT capi_end(how, token) IS NULL FROM token WHERE how = 'cancelled' AND EXISTS (SELECT FROM temporal.history
	WHERE workflow_id = 'cancelled' AND event_type = 'ActivityTaskCancelRequested')}, expected => 'f');
$node->wait_for(q{SELECT status = 'Canceled' FROM temporal.workflow WHERE workflow_id = 'cancelled'});
pass('heartbeat_activity() tells of the cancellation, report_activity_cancelled() confirms it');
like(($node->try_query(q{SELECT capi_end(how, token) FROM token WHERE how = 'completed'}))[2], qr/C code capi_test\.c:\d+, in tpg_complete_activity/, 'one that has ended');

# clients
is($pg->(q{SELECT capi_client('status', 'service')}), '', 'no such workflow, no status');
is($pg->(q{SELECT capi_client('start', 'service')}), 'service', 'start_workflow()');
is($pg->(q{SELECT capi_client('signal', 'service')}), 't', 'signal()');
is($pg->(q{SELECT capi_client('signal', 'service')}), 't', '... with the same request id');
is($pg->(q{SELECT capi_client('signal_with_start', 'service')}), 'service', 'signal_with_start()');
is($pg->(q{SELECT capi_client('query', 'service')}), '{"sum": 8}', 'query(); the second signal was the first one');
is($pg->(q{SELECT capi_client('update', 'service')}), '9', 'update()');
is($pg->(q{SELECT capi_client('start_update', 'service')}), 'u-1', 'start_update()');
is($pg->(q{SELECT capi_client('update_result', 'service')}), '10', 'update_result()');
is($pg->(q{SELECT capi_client('result', 'service')}), '{"put": 8, "sum": 8, "stop": 9}', 'result()');
is($pg->(q{SELECT capi_client('start', 'ended'), capi_client('terminate', 'ended'), capi_client('status', 'ended')}), 'ended|done|Terminated', 'terminate()');
like(($node->try_query(q{SELECT capi_client('start', 'twice'), capi_client('start', 'twice')}))[2], qr/already/, 'an error of a client call is raised');
like(($node->try_query(q{SELECT capi_client('start', '')}))[2], qr/workflow id must not be empty.*C code capi_test\.c:\d+, in tpg_start_workflow/s, '... and says where');
like(($node->try_query(q{SELECT capi_client('sleep', 'x')}))[2], qr/temporal\.sleep\(\) can only be called by workflow code/, 'sleep() outside of workflow code');
is($pg->(q{SELECT temporal.start_workflow('capi_next', '3', id => 'next')}) && $pg->(q{SELECT temporal.result('next', timeout => '60 s')}), '"last"', 'continue_as_new()');
is($pg->(q{SELECT count(*) FROM temporal.workflow WHERE workflow_id = 'next'}), '4', '... three times');

# handlers that wait
$pg->(q{SELECT temporal.start_workflow('capi_service', id => 'handled'); SELECT temporal.signal('handled', 'handle', '5')});
$node->wait_for(q{SELECT temporal.query('handled', 'state') = '{"handled": [5, "Oops", "echo", false]}'});
pass('a signal handler in C waits, and is told the same each time');
$pg->(q{SELECT temporal.terminate('handled')});

# --- cancellation, failures raised again

$pg->(q{SELECT temporal.start_workflow('capi_cancelled', id => 'cleaning')});
$node->wait_for(q{SELECT EXISTS (SELECT FROM temporal.explain('cleaning') e WHERE e::text ~ 'signal wake')});
$pg->(q{SELECT capi_client('cancel', 'cleaning')});
$node->wait_for(q{SELECT status = 'Canceled' FROM temporal.workflow WHERE workflow_id = 'cleaning'});
is($pg->(q{SELECT count(*) FROM temporal.history WHERE workflow_id = 'cleaning' AND event_type = 'ActivityTaskCompleted'}), '1', 'cancelled, after it has cleaned up');
$pg->(q{SELECT temporal.start_workflow('capi_timeout', id => 'again')});
like(($node->try_query(q{SELECT temporal.result('again', timeout => '60 s')}))[2], qr/"activity_type": "capi_fail"/, 'a failure that is raised again is as it came');

# --- the suspension is swallowed

foreach my $how ('return', 'go on', 'raise')
{
	(my $name = $how) =~ s/ /-/;
	$pg->(qq{SELECT temporal.start_workflow('capi_swallow', '"$how"', id => 'swallow-$name')});
	$node->wait_for(qq{SELECT last_task_failure IS NOT NULL FROM temporal.workflow WHERE workflow_id = 'swallow-$name'});
	like($pg->(qq{SELECT last_task_failure FROM temporal.workflow WHERE workflow_id = 'swallow-$name'}), qr/suspension/, "swallowed, then $how: the task fails");
	is($pg->(qq{SELECT status FROM temporal.workflow WHERE workflow_id = 'swallow-$name'}), 'Running', '... the run stays');
}
like($pg->(q{SELECT e FROM temporal.explain('swallow-return') e}), qr/It was suspended at: C code capi_test\.c:\d+, in tpg_wait_signal/, 'it says where');
$pg->(q{CREATE OR REPLACE FUNCTION capi_swallow(how text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.wait_signal('wake'); RETURN 'mended'; END $$});
$pg->(q{SELECT temporal.signal('swallow-return', 'wake')});
is($pg->(q{SELECT temporal.result('swallow-return', timeout => '60 s')}), '"mended"', 'CREATE OR REPLACE FUNCTION heals it');
$pg->(q{SELECT temporal.terminate('swallow-go-on'), temporal.terminate('swallow-raise')});
$pg->(q{SELECT temporal.start_workflow('capi_finally', id => 'finally')});
$node->wait_for(q{SELECT EXISTS (SELECT FROM temporal.explain('finally') e WHERE e::text ~ 'signal wake')});
$pg->(q{SELECT temporal.signal('finally', 'wake')});
is($pg->(q{SELECT temporal.result('finally', timeout => '60 s')}), '1', 'PG_FINALLY is allowed');

# --- bad arguments: the message, and the SQLSTATE, of the SQL function

my @bad = (
	[ 'negative sleep', '22023', 'must not be negative' ],
	[ 'null type', '22004', 'activity_type must not be null' ],
	[ 'empty type', '22023', 'activity type must not be empty' ],
	[ 'unknown type', 'TP014', 'capi_nobody' ],
	[ 'negative timeout', '22023', 'timeout' ],
	[ 'negative option', '22023', 'start_to_close_timeout' ],
	[ 'priority', '22023', 'priority_key must be between' ],
	[ 'retry', '22023', 'invalid retry policy' ],
	[ 'local queue', '22023', 'a local activity has no task_queue' ],
	[ 'policy', '22023', 'invalid parent_close_policy' ],
	[ 'future', 'TP021', 'was not made by this run' ],
	[ 'not a child', '22023', 'not that of a child workflow' ],
	[ 'none of any', '22023', 'at least one future' ],
	[ 'null predicate', '22004', 'predicate must not be null' ],
	[ 'broken predicate', '22012', 'condition \\\\"p\\\\" failed: broken predicate' ],
	[ 'null evaluate', '22004', 'evaluate must not be null' ],
	[ 'state', '22023', 'state must be a JSON object' ],
	[ 'level', '22023', 'invalid log level' ],
	[ 'json', '22P02', 'invalid' ],
	[ 'null failure', '22004', 'failure must not be null' ],
	[ 'nowhere to put a failure', '22004', 'failure must not be null' ],
	[ 'nowhere to put it of a future', '22004', 'failure must not be null' ],
	[ 'null futures', '22004', 'futures must not be null' ],
	[ 'client in workflow', 'TP021', 'query' ],
	[ 'table', 'TP022', 'it uses table pg_catalog.pg_class' ],
	[ 'clock', 'TP022', 'clock_timestamp' ],
	[ 'options to come', '0A000', 'an option is given that this temporal_pg does not know' ]);
foreach my $bad (@bad)
{
	my ($what, $sqlstate, $message) = @$bad;
	$pg->("SELECT temporal.start_workflow('capi_bad', to_jsonb('$what'::text), id => 'bad $what')");
}
foreach my $bad (@bad)
{
	my ($what, $sqlstate, $message) = @$bad;
	$node->wait_for("SELECT last_task_failure IS NOT NULL OR status <> 'Running' FROM temporal.workflow WHERE workflow_id = 'bad $what'");
	my $failure = $pg->("SELECT last_task_failure FROM temporal.workflow WHERE workflow_id = 'bad $what'");
	like($failure, qr/$message/, $what);
	like($failure, qr/"type": "$sqlstate"/, "... $sqlstate");
	$pg->("SELECT temporal.terminate('bad $what')");
}
$pg->(q{SELECT temporal.start_workflow('capi_bad', '"options of before"', id => 'before')});
is($pg->(q{SELECT temporal.result('before', timeout => '60 s') #>> '{}'}), '"old"', 'a library with fewer options');

$pg->(q{SELECT temporal.start_workflow('capi_bad', '"spin"', id => 'spin', task_timeout => '1 s')});
$node->wait_for(q{SELECT last_task_failure::text ~ 'longer than its task timeout' FROM temporal.workflow WHERE workflow_id = 'spin'});
like($pg->(q{SELECT last_task_failure FROM temporal.workflow WHERE workflow_id = 'spin'}), qr/C code capi_test\.c:\d+, in tpg_now/, 'code that computes without end is interrupted');
$pg->(q{SELECT temporal.terminate('spin')});

# --- the determinism guard

is($pg->(q{SELECT reason FROM temporal.check_workflow('capi_tour')}), 'code in language c cannot be looked into', 'check_workflow() says that it cannot tell');
like(($node->try_query(q{CREATE FUNCTION capi_caller() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM capi_branch(1); END $$;
	SELECT temporal.register_workflow('capi_caller')}))[2], qr/capi_branch\(\) is volatile/, 'called by other workflow code it counts as volatile');
$pg->(q{ALTER FUNCTION capi_branch(int) IMMUTABLE; SELECT temporal.register_workflow('capi_caller'); SELECT temporal.start_workflow('capi_caller', id => 'caller')});
is($pg->(q{SELECT temporal.result('caller', timeout => '60 s')}), 'null', '... unless it says that it is immutable');

# --- memory

$pg->(q{SELECT temporal.start_workflow('capi_loop', '1000', id => 'loop')});
my $growth = $pg->(q{SELECT temporal.result('loop', timeout => '120 s')});
cmp_ok($growth, '<', 20_000, "990 activities leave nothing in the memory of the code ($growth bytes)");
my $flat = $pg->(q{
	CREATE TEMP TABLE size (n int, bytes bigint);
	DO $$ BEGIN
		FOR i IN 1 .. 60 LOOP
			PERFORM temporal.replay('loop');
			IF i IN (10, 60) THEN
				INSERT INTO size SELECT i, sum(total_bytes) FROM pg_backend_memory_contexts WHERE name !~ '^Local';
			END IF;
		END LOOP;
	END $$;
	SELECT max(bytes) FILTER (WHERE n = 60) - max(bytes) FILTER (WHERE n = 10) FROM size});
cmp_ok($flat, '<', 20_000, "50 replays of 1,000 activities leave nothing in the session ($flat bytes)");

# --- without temporal_pg, and with an older one

$pg->("CREATE FUNCTION newer_sleep() RETURNS void LANGUAGE c AS '$newer', 'newer_sleep'");
($err) = ($node->try_query('\set VERBOSITY verbose' . "\nSELECT newer_sleep()"))[2];
like($err, qr/0A000: temporal_pg is older than the header that this library was built with/, 'a library for a newer temporal_pg is told');
$node->stop;

my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init(extra => [ '-U', 'postgres' ]);
$plain->start;
$plain->safe_psql('postgres', "CREATE FUNCTION capi_client(call text, id text) RETURNS text LANGUAGE c AS '$lib', 'capi_client'");
my $stderr = '';
$plain->psql('postgres', '\set VERBOSITY verbose' . "\nSELECT capi_client('start', 'x')", stderr => \$stderr);
like($stderr, qr/55000: temporal_pg is not loaded.*HINT:.*shared_preload_libraries/s, 'without temporal_pg the first call says what is missing');

done_testing();
