# A dump carries everything, the copy runs nothing until temporal.post_restore(),
# and then all open runs finish there. pg_upgrade takes the extension along.

use strict;
use warnings;
use TemporalNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = TemporalNode->new_preloaded('main', fsync => 0, extension => 0, conf => 'temporal_pg.sweep_interval = 500ms');
my ($status, $err);

# --- a database with a bit of everything

$node->query('CREATE ROLE ann LOGIN; CREATE ROLE clerk LOGIN; CREATE DATABASE app');
$node->query(q{
	CREATE EXTENSION temporal_pg;
	CREATE TABLE done (id text, step text);
	CREATE SCHEMA shop AUTHORIZATION ann;
	GRANT INSERT, SELECT ON done TO ann;
	CREATE FUNCTION step(id text, step text) RETURNS text LANGUAGE sql AS $$ INSERT INTO done VALUES (id, step) RETURNING step $$;
	CREATE TYPE payment AS (customer text, amount numeric);
	CREATE FUNCTION pay(p payment) RETURNS numeric LANGUAGE sql AS $$ SELECT (p).amount $$;
	CREATE FUNCTION stubborn(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO done VALUES (id, 'stubborn');
		IF (temporal.activity_info()).attempt < 3 THEN
			RAISE EXCEPTION 'attempt %', (temporal.activity_info()).attempt;
		END IF;
		RETURN 'gave in';
	END $$;
	CREATE FUNCTION quick(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.execute_activity('pay', jsonb_build_object('customer', id, 'amount', 12.50));
	END $$;
	CREATE FUNCTION sleepy(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.execute_activity('step', jsonb_build_array(id, 'before'));
		PERFORM temporal.set_state('asleep', true);
		PERFORM temporal.sleep('1 day');
		PERFORM temporal.execute_activity('step', jsonb_build_array(id, 'after'));
		RETURN 'slept, state ' || temporal.state('asleep')::text;
	END $$;
	CREATE FUNCTION retrying(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		RETURN temporal.from_jsonb(temporal.execute_activity('stubborn', id), NULL::text);
	END $$;
	CREATE FUNCTION failing() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.raise_application_error('no', type => 'Refused'); END $$;
	CREATE FUNCTION broken() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0; END $$;
	SET SESSION AUTHORIZATION ann;
	CREATE FUNCTION shop.sell(id text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.sleep('1 day');
		RETURN 'sold by ' || current_user;
	END $$;
	RESET SESSION AUTHORIZATION;

	SELECT temporal.register_activity('step', start_to_close_timeout => '5 min'), temporal.register_activity('pay');
	SELECT temporal.register_activity('stubborn', retry_policy => temporal.retry_policy('1 day'));
	SELECT temporal.register_workflow(f) FROM unnest('{quick,sleepy,retrying,failing,broken}'::text[]) f;
	SELECT temporal.configure_task_queue('narrow', max_concurrent_activities => 3), temporal.pause_task_queue('shut', 'for now');
	SELECT temporal.register_search_attribute('Customer', 'Keyword'), temporal.register_search_attribute('Amount', 'Int');
	SELECT temporal.create_namespace('sales', retention => '7 days');
	SELECT temporal.grant_access('sales', 'ann', 'author'), temporal.grant_access('sales', 'clerk', 'client');
	SET SESSION AUTHORIZATION ann;
	SET temporal_pg.namespace = 'sales';
	SELECT temporal.register_workflow('sell', 'shop.sell(text)', failure_sqlstates => '{P0001,23505}', versioning_behavior => 'pinned');
	SELECT temporal.start_workflow('sell', '"order"', id => 'order');
	-- the run is pinned to the code of before
	CREATE OR REPLACE FUNCTION shop.sell(id text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'changed'; END $$;
	RESET SESSION AUTHORIZATION;
	RESET temporal_pg.namespace;

	SELECT temporal.start_workflow('quick', to_jsonb('quick ' || i), id => 'quick ' || i, memo => '{"note": "ü\"\\n"}',
		search_attributes => jsonb_build_object('Customer', 'c' || i, 'Amount', i), static_summary => 'quick one') FROM generate_series(1, 5) i;
	SELECT temporal.start_workflow('sleepy', to_jsonb('sleepy ' || i), id => 'sleepy ' || i) FROM generate_series(1, 5) i;
	SELECT temporal.start_workflow('sleepy', '"ended"', id => 'ended');
	SELECT temporal.start_workflow('retrying', '"retrying"', id => 'retrying');
	SELECT temporal.start_workflow('failing', id => 'failing');
	SELECT temporal.start_workflow('broken', id => 'broken');
	SELECT temporal.start_workflow('quick', '"delayed"', id => 'delayed', start_delay => '1 day');
	SELECT temporal.start_workflow('sleepy', '"expires"', id => 'expires', run_timeout => '1 hour');
}, db => 'app');
$node->wait_for(q{SELECT count(*) = 8 FROM temporal.timer}, db => 'app');
$node->wait_for(q{SELECT count(*) = 6 FROM temporal.workflow WHERE status IN ('Completed', 'Failed')}, db => 'app');
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.pending_activity WHERE attempt = 2}, db => 'app');
$node->wait_for(q{SELECT count(*) = 1 FROM temporal.workflow WHERE last_task_failure IS NOT NULL}, db => 'app');
$node->query(q{SELECT temporal.terminate('ended', 'not needed'); SELECT temporal.start_workflow('sleepy', '"ended"', id => 'ended')}, db => 'app');
$node->wait_for(q{SELECT count(*) = 8 FROM temporal.timer}, db => 'app');

# All that there is to see, but for the failing task, which goes on failing in the original.
my @views = qw(namespace definition workflow history pending_activity pending_message timer search_attribute);
sub contents_of
{
	my ($n, $db) = @_;
	my $text = '';
	foreach my $view (@views)
	{
		$text .= "$view:\n" . $n->query("SELECT to_jsonb(v)::text FROM temporal.$view v WHERE to_jsonb(v) ->> 'workflow_id' IS DISTINCT FROM 'broken' ORDER BY 1", db => $db) . "\n";
	}
	$text .= "access:\n" . $n->query('SELECT n.name, a.role_name, a.level FROM temporal_internal.access a JOIN temporal_internal.namespace n ON n.id = a.namespace_id ORDER BY 1, 2', db => $db) . "\n";
	return $text;
}
my $original = contents_of($node, 'app');
like($original, qr/"retention": "7 days"[\s\S]*shop\.sell\(pg_catalog\.text\)[\s\S]*"Terminated"[\s\S]*sales\|ann\|2/, 'there is something to be dumped');

# --- dumps

my $dir = PostgreSQL::Test::Utils::tempdir();
sub run_ok
{
	my ($n, $name, @command) = @_;
	local $ENV{PGHOST} = $n->host;
	local $ENV{PGPORT} = $n->port;
	my ($out, $stderr) = ('', '');
	my $ok = IPC::Run::run(\@command, '>', \$out, '2>', \$stderr);
	ok($ok, $name) or diag($stderr);
	is($stderr, '', "$name: without a word");
	return $out;
}
run_ok($node, 'pg_dump', 'pg_dump', '-f', "$dir/app.sql", 'app');
run_ok($node, 'pg_dump -Fc', 'pg_dump', '-Fc', '-f', "$dir/app.dump", 'app');
run_ok($node, 'pg_dumpall --roles-only', 'pg_dumpall', '--roles-only', '-f', "$dir/roles.sql");
is(contents_of($node, 'app'), $original, 'the original is as before');

# --- into another database of the same server, and into another server

$node->query('CREATE DATABASE copy');
run_ok($node, 'psql < dump', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', 'copy', '-f', "$dir/app.sql");

# Looks for a while, and does nothing: so many transactions of the dispatcher.
sub sweeps
{
	my ($n, $db) = @_;
	my ($seen, $last) = (0, '');
	while ($seen < 4)
	{
		my $now = $n->query("SELECT query_start FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND datname = '$db'");
		next if $now eq $last || $now eq '';
		($seen, $last) = ($seen + 1, $now);
	}
	return;
}

# The dispatcher may look at any moment in between, and in one transaction sees what others commit: here all that there is are tasks.
$node->query('CREATE DATABASE half');
$node->query('CREATE EXTENSION temporal_pg', db => 'half');
slurp_file("$dir/app.sql") =~ /^(COPY temporal_internal\.activity_task .*?^\\\.\n)/ms;
append_to_file("$dir/tasks.sql", "SET session_replication_role = replica;\n$1");
run_ok($node, 'tasks first', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'half', '-f', "$dir/tasks.sql");
# a new one looks at everything
$node->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND datname = 'half'");
sweeps($node, 'half');
is($node->query('SELECT count(*) FROM temporal_internal.activity_task', db => 'half'), 1, 'what is being restored is not cleared away');
$node->query('DROP DATABASE half WITH (FORCE)');

my $other = TemporalNode->new_preloaded('other', fsync => 0, extension => 0, conf => 'temporal_pg.sweep_interval = 500ms');
$other->query('CREATE DATABASE app');
$other->query('CREATE ROLE ann LOGIN; CREATE ROLE clerk LOGIN');
run_ok($other, 'pg_restore', 'pg_restore', '--exit-on-error', '-d', 'app', "$dir/app.dump");

# the day is over
my $wake_up = q{
	UPDATE temporal_internal.message SET deliver_at = now() WHERE kind = 2 OR deliver_at BETWEEN now() + interval '2 hours' AND now() + interval '2 days';
	UPDATE temporal_internal.activity_task SET due_at = now(), attempt_scheduled_at = now();
};

foreach ([ $node, 'copy' ], [ $other, 'app' ])
{
	my ($n, $db) = @$_;
	my $where = $n->name . ", database $db";

	is(contents_of($n, $db), $original, "$where: everything is there");
	is($n->query(q{SELECT count(*) FROM temporal_internal.home}, db => $db), 0, "$where: it has no home");
	# what is due runs nowhere
	$n->query($wake_up, db => $db);
	$n->query(q{SELECT temporal.start_workflow('quick', '"fresh"', id => 'fresh')}, db => $db);
	sweeps($n, $db);
	is($n->query(q{SELECT count(*) FROM done}, db => $db), $node->query('SELECT count(*) FROM done', db => 'app'), "$where: runs nothing");
	is($n->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'fresh'}, db => $db), 'Running', '... not even what is started in it');
	like($n->query(q{SELECT string_agg(e::text, E'\n') FROM temporal.explain('sleepy 1') e}, db => $db), qr/post_restore/, '... and explain() says why');

	($status, undef, $err) = $n->try_query("\\set VERBOSITY verbose\nSET SESSION AUTHORIZATION ann; SELECT temporal.post_restore()", db => $db);
	like($err, qr/ERROR:  42501/, "$where: not everybody may call post_restore()");
	$n->query('SELECT temporal.post_restore()', db => $db);
	is($n->query(q{SELECT string_agg(concat_ws(' ', task_queue, max_concurrent, pause_reason), ', ' ORDER BY task_queue) FROM temporal.task_queue WHERE kind = 'activity' AND task_queue <> 'default'}, db => $db),
		'narrow 3, shut for now', "$where: task queues have their settings");
	$n->wait_for(q{SELECT waits_for = 'unpause_task_queue' FROM temporal.task_queue WHERE task_queue = 'shut' AND kind = 'activity'}, db => $db);
	is($n->query(q{SELECT temporal.result('sleepy ' || i, timeout => '20 s') FROM generate_series(1, 5) i}, db => $db),
		join("\n", ('"slept, state true"') x 5), "$where: after post_restore() sleeping runs wake up");
	is($n->query(q{SELECT temporal.result('delayed', timeout => '20 s')}, db => $db), '12.50', '... delayed ones begin');
	is($n->query(q{SELECT temporal.result('ended', timeout => '20 s')}, db => $db), '"slept, state true"', '... the second run of an id');
	is($n->query(q{SELECT temporal.result('fresh', timeout => '20 s')}, db => $db), '12.50', '... new ones, too');
	is($n->query(q{SET temporal_pg.namespace = 'sales'; SELECT temporal.result('order', timeout => '20 s')}, db => $db), '"sold by ann"', '... those of other owners and namespaces');
	$n->wait_for(q{SELECT attempt = 3 FROM temporal.pending_activity WHERE workflow_id = 'retrying'}, db => $db);
	$n->query($wake_up, db => $db);
	is($n->query(q{SELECT temporal.result('retrying', timeout => '20 s')}, db => $db), '"gave in"', '... attempts are counted on');
	$n->query(q{CREATE OR REPLACE FUNCTION broken() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 7; END $$}, db => $db);
	is($n->query(q{SELECT temporal.result('broken', timeout => '20 s')}, db => $db), '7', '... failed tasks are tried again');
	is($n->query(q{SELECT count(*) FROM temporal.workflow WHERE status = 'Running'}, db => $db), 0, "$where: no run is left open");
	is($n->query(q{SELECT id, step, count(*) FROM done GROUP BY 1, 2 HAVING count(*) <> CASE id WHEN 'ended' THEN CASE step WHEN 'before' THEN 2 ELSE 1 END ELSE 1 END}, db => $db), '', "$where: every step was done once");
	is($n->broken_runs(db => $db), '', "$where: histories are whole and replay");
}
is(contents_of($node, 'app'), $original, 'the original has not noticed');

# --- pg_upgrade

is($node->query(q{
	SELECT c.relname, a.attname, a.atttypid::regtype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname LIKE 'temporal%' AND c.relkind IN ('r', 'm', 'i', 'c', 'p') AND a.attnum > 0 AND format_type(a.atttypid, NULL) ~ '^reg'}, db => 'app'), '',
	'no column of a reg* type');
$node->stop;
my $new = TemporalNode->new_preloaded('new', fsync => 0, extension => 0, start => 0, conf => 'temporal_pg.sweep_interval = 500ms');
my $bindir = do { my ($o) = (''); IPC::Run::run([ 'pg_config', '--bindir' ], '>', \$o) || die; chomp $o; $o };
my @upgrade = ('pg_upgrade', '--no-sync', '-U', 'postgres', '-s', $node->host, '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir, '-p', $node->port, '-P', $new->port);
chdir $dir;
command_ok([ @upgrade, '--check' ], 'pg_upgrade --check has nothing to say');
command_ok([ @upgrade ], 'pg_upgrade');
$new->start;
is(contents_of($new, 'app'), $original, 'everything is there after pg_upgrade');
$new->query($wake_up, db => 'app');
is($new->query(q{SELECT temporal.result('sleepy 1', timeout => '20 s')}, db => 'app'), '"slept, state true"', '... and runs, since it is no copy');
$new->stop;
$other->stop;
done_testing();
