# The background processes: one dispatcher a database, executors as the owners of
# the functions; commands on databases and on the extension that need them out
# of the way; settings of roles and databases; too few places for them.

use strict;
use warnings;
use TemporalNode;
use Test::More;
use Time::HiRes qw(time);

my ($began, $status, $out, $err);

# A statement that must not hang, whatever the processes are doing.
sub does_not_hang
{
	my ($node, $sql, $name, %opt) = @_;
	my $from = time();
	my ($rc, undef, $stderr) = $node->try_query("SET statement_timeout = '20s'; $sql", %opt);
	is($rc, 0, "$name: done") or diag($stderr);
	cmp_ok(time() - $from, '<', 18, "$name: does not hang");
	return;
}

my $node = TemporalNode->new_preloaded('main', fsync => 0, extension => 0, conf => q{
temporal_pg.sweep_interval = 500ms
temporal_pg.idle_timeout = 1s
});
my $version = $node->query('SELECT current_setting($$server_version_num$$)::int / 10000');

# --- two databases, two owners in each

# What every database gets: a workflow type of each role, whose activities tell where they ran.
my $setup = q{
	CREATE EXTENSION temporal_pg;
	CREATE TABLE seen (id text, role name, session_role name, pid int, isolation text, read_only text, durable text, is_deferrable text);
	CREATE TABLE go_on (yes boolean);
	GRANT ALL ON seen, go_on TO PUBLIC;
	SELECT temporal.create_namespace('default') WHERE NOT EXISTS (SELECT FROM temporal.namespace WHERE namespace = 'default');
} . join('', map {
	my $role = $_;
	qq{
	SELECT temporal.grant_access('default', '$role', 'author');
	GRANT CREATE ON SCHEMA public TO $role;
	SET SESSION AUTHORIZATION $role;
	CREATE FUNCTION look_as_$role(id text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
		INSERT INTO seen SELECT id, current_user, session_user, pg_backend_pid(), current_setting('transaction_isolation'),
			current_setting('transaction_read_only'), current_setting('synchronous_commit'), current_setting('transaction_deferrable');
	END \$\$;
	CREATE FUNCTION wait_as_$role(id text) RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM look_as_$role(id);
		IF NOT EXISTS (SELECT FROM go_on) THEN
			PERFORM pg_sleep(3600);
		END IF;
		RETURN 'waited';
	END \$\$;
	CREATE FUNCTION run_as_$role(id text) RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM temporal.execute_activity('look_as_$role', id);
		PERFORM temporal.await_all(ARRAY[temporal.start_activity('look_as_$role', id), temporal.start_activity('look_as_$role', id)]);
		PERFORM temporal.sleep('50 ms');
		RETURN id;
	END \$\$;
	CREATE FUNCTION hold_as_$role(id text) RETURNS jsonb LANGUAGE plpgsql AS \$\$
	BEGIN
		RETURN temporal.execute_activity('wait_as_$role', id, start_to_close_timeout => '1 day');
	END \$\$;
	SELECT temporal.register_activity('look_as_$role'), temporal.register_activity('wait_as_$role'),
		temporal.register_workflow('run_as_$role'), temporal.register_workflow('hold_as_$role');
	RESET SESSION AUTHORIZATION;
	} } qw(ann bob));

$node->query('CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
foreach my $db (qw(one two))
{
	$node->query("CREATE DATABASE $db");
	$node->query($setup, db => $db);
}
foreach my $db (qw(one two))
{
	$node->query(qq{SELECT temporal.start_workflow('run_as_' || role, to_jsonb(role || i), id => role || i)
		FROM unnest('{ann,bob}'::text[]) role, generate_series(1, 10) i}, db => $db);
}
foreach my $db (qw(one two))
{
	$node->wait_for("SELECT count(*) = 20 FROM temporal.workflow WHERE status = 'Completed'", db => $db);
	is($node->query('SELECT role, count(*), bool_and(session_role = role AND left(id, 3) = role) FROM seen GROUP BY 1 ORDER BY 1', db => $db),
		"ann|30|t\nbob|30|t", "database $db: everything ran, as its owner, connected as its owner");
	is($node->query('SELECT count(*) FROM (SELECT pid FROM seen GROUP BY pid HAVING count(DISTINCT role) > 1) x', db => $db), 0,
		"database $db: no process runs code of two roles");
	is($node->broken_runs(db => $db), '', "database $db: histories are whole and replay");
}
my @pids = map { [ split /\n/, $node->query('SELECT DISTINCT pid FROM seen', db => $_) ] } qw(one two);
my %one = map { $_ => 1 } @{ $pids[0] };
is(scalar(grep { $one{$_} } @{ $pids[1] }), 0, 'the databases share no process');
is($node->query("SELECT datname, count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' GROUP BY 1 ORDER BY 1"),
	"one|1\ntwo|1", 'one dispatcher for each database that has the extension, without a restart');

# --- idle executors leave, and come back

$node->wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor'});
pass('idle executors leave');
$node->query(q{SELECT temporal.start_workflow('run_as_ann', '"back"', id => 'back')}, db => 'one');
is($node->query(q{SELECT temporal.result('back', timeout => '10 s')}, db => 'one'), '"back"', 'and come back when there is work');

# --- a dispatcher or a launcher that is told to end is started again

my ($dispatcher) = $node->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND datname = 'one'});
$node->query("SELECT pg_terminate_backend($dispatcher)");
$node->query(q{SELECT temporal.start_workflow('run_as_ann', '"again"', id => 'again')}, db => 'one');
is($node->query(q{SELECT temporal.result('again', timeout => '20 s')}, db => 'one'), '"again"', 'a dispatcher that was ended is started again');
my ($launcher) = $node->pids('temporal_pg launcher');
$node->query("SELECT pg_terminate_backend($launcher)");
$node->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg launcher' AND pid <> $launcher");
pass('so is the launcher');

# --- settings of roles and databases

$node->query(qq{
	ALTER DATABASE one SET default_transaction_isolation = 'serializable';
	ALTER DATABASE one SET synchronous_commit = off;
	ALTER ROLE ann SET default_transaction_read_only = on;
	ALTER ROLE ann SET default_transaction_deferrable = on;
	ALTER ROLE bob IN DATABASE one SET default_transaction_isolation = 'repeatable read';
	ALTER ROLE bob IN DATABASE one SET default_transaction_read_only = on});
$node->query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type IN ($$temporal_pg executor$$, $$temporal_pg dispatcher$$)');
$node->query(q{SET default_transaction_read_only = off; TRUNCATE seen; SELECT temporal.start_workflow('run_as_' || role, to_jsonb('set ' || role), id => 'set ' || role)
	FROM unnest('{ann,bob}'::text[]) role}, db => 'one');
is($node->query(qq{SELECT temporal.result('set $_', timeout => '20 s')}, db => 'one'), qq{"set $_"}, "settings of role and database: $_\'s workflow runs all the same") foreach qw(ann bob);
is($node->query('SELECT DISTINCT isolation, read_only, durable, is_deferrable FROM seen', db => 'one'), 'read committed|off|on|off', '... and its activities see none of them');
$node->query('ALTER DATABASE one RESET ALL; ALTER ROLE ann RESET ALL; ALTER ROLE bob IN DATABASE one RESET ALL');

# --- commands on databases, while activities run in them

sub hold
{
	my ($db, $id, $role) = @_;
	$role //= 'ann';
	$node->query("SELECT temporal.start_workflow('hold_as_$role', '\"$id\"', id => '$id')", db => $db);
	holding($db, 1);
	return;
}
# (an eager attempt, before the one through the queue, is not meant)
sub holding
{
	my ($db, $n) = @_;
	$node->wait_for("SELECT count(*) >= $n FROM temporal.pending_activity WHERE activity_type LIKE 'wait_as_%' AND state = 'Started'", db => $db);
	$node->wait_for("SELECT count(*) >= $n FROM pg_stat_activity WHERE datname = '$db' AND backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'");
	return;
}

hold('one', 'held');
does_not_hang($node, 'CREATE DATABASE copy TEMPLATE one', 'CREATE DATABASE … TEMPLATE while an activity runs');
holding('one', 1);
pass('... which is begun again in the original');
is($node->query(q{SELECT attempt, crash_count FROM temporal.pending_activity WHERE workflow_id = 'held'}, db => 'one'), '1|0', '... with no attempt counted');

does_not_hang($node, 'ALTER DATABASE one RENAME TO uno', 'ALTER DATABASE … RENAME while an activity runs');
holding('uno', 1);
pass('... which is begun again under the new name');
$node->query('INSERT INTO go_on VALUES (true)', db => 'uno');
$node->query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND wait_event = 'PgSleep'});
is($node->query(q{SELECT temporal.result('held', timeout => '20 s')}, db => 'uno'), '"waited"', '... and completes');
is($node->query(q{SELECT count(*) FROM seen WHERE id = 'held'}, db => 'uno'), 1, '... having happened once');

# the copy: the run is open there, too, and nothing happens
$node->query(q{SELECT temporal.start_workflow('run_as_bob', '"new"', id => 'new')}, db => 'copy');
my $sweeps = 0;
for (my $last = ''; $sweeps < 3;)
{
	# its dispatcher looks, and looks, and does nothing
	my $now = $node->query(q{SELECT query_start FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND datname = 'copy'});
	$sweeps++ if $now ne '' && $now ne $last && ($last = $now);
}
is($node->query(q{SELECT string_agg(workflow_id, ',' ORDER BY workflow_id) FROM temporal.workflow WHERE status = 'Running'}, db => 'copy'), 'held,new', 'a templated copy runs nothing');
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'temporal_pg executor' AND datname = 'copy'}), 0, '... has no executors');
is($node->query(q{SELECT count(*) FROM seen WHERE id IN ('held', 'new')}, db => 'copy'), 0, '... and none of its activities has happened');
$node->query('INSERT INTO go_on VALUES (true); SELECT temporal.post_restore()', db => 'copy');
is($node->query(q{SELECT temporal.result('held', timeout => '20 s'), temporal.result('new', timeout => '20 s')}, db => 'copy'), '"waited"|"new"', '... until post_restore()');
is($node->broken_runs(db => 'copy'), '', '... and then everything is whole');

hold('two', 'doomed', 'bob');
does_not_hang($node, 'DROP DATABASE two', 'DROP DATABASE while an activity runs');
is($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'two'}), 0, '... leaves no process');
does_not_hang($node, 'ALTER DATABASE copy SET TABLESPACE pg_default', 'ALTER DATABASE … SET TABLESPACE');
does_not_hang($node, 'CREATE DATABASE plain', 'CREATE DATABASE');

# refused, or rolled back: everything goes on
($status, undef, $err) = $node->try_query(q{CREATE DATABASE copy TEMPLATE uno});
isnt($status, 0, 'CREATE DATABASE that fails');
$node->query(q{SELECT temporal.start_workflow('run_as_bob', '"fine"', id => 'fine')}, db => 'uno');
is($node->query(q{SELECT temporal.result('fine', timeout => '20 s')}, db => 'uno'), '"fine"', '... leaves its template running');
($status) = $node->try_query('SET ROLE ann; DROP DATABASE uno');
isnt($status, 0, 'DROP DATABASE by somebody who may not');
like($node->query(q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'uno' AND backend_type = 'temporal_pg dispatcher'}), qr/^1$/, '... stops nothing');

# --- DROP EXTENSION

$node->query('TRUNCATE go_on', db => 'uno');
hold('uno', 'held again', 'bob');
($status) = $node->try_query('BEGIN; DROP EXTENSION temporal_pg; ROLLBACK', db => 'uno');
is($status, 0, 'DROP EXTENSION that is rolled back');
holding('uno', 1);
pass('... only interrupts what was running');
does_not_hang($node, 'DROP EXTENSION temporal_pg', 'DROP EXTENSION while an activity runs', db => 'uno');
$node->wait_for(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'uno' AND backend_type LIKE 'temporal%'});
pass('... leaves no process');
(undef, undef, $err) = $node->try_query(q{SELECT count(*) FROM temporal.workflow}, db => 'uno');
like($err, qr/schema "temporal" does not exist|relation "temporal\.workflow" does not exist/, '... and nothing else');
$node->query(q{DROP TABLE seen, go_on; DROP OWNED BY ann, bob; GRANT CREATE ON SCHEMA public TO ann, bob}, db => 'uno');
$node->query($setup, db => 'uno');
$node->query(q{SELECT temporal.start_workflow('run_as_ann', '"second life"', id => 'second')}, db => 'uno');
is($node->query(q{SELECT temporal.result('second', timeout => '20 s')}, db => 'uno'), '"second life"', 'CREATE EXTENSION again: everything works');

# --- whom no process can be started as

$node->query('CREATE ROLE ghost NOLOGIN');
$node->query(q{CREATE FUNCTION haunt() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$; ALTER FUNCTION haunt() OWNER TO ghost}, db => 'uno');
($status, undef, $err) = $node->try_query("\\set VERBOSITY verbose\nSELECT temporal.register_workflow('haunt')", db => 'uno');
if ($version < 17)
{
	isnt($status, 0, 'a function whose owner cannot log in is refused at registration');
	like($err, qr/HINT:  .*LOGIN/, '... with a HINT');
	$node->query(q{ALTER ROLE ghost LOGIN; SELECT temporal.register_workflow('haunt'); ALTER ROLE ghost NOLOGIN; SELECT temporal.start_workflow('haunt', id => 'haunt')}, db => 'uno');
	$node->wait_for_log(qr/WARNING:  could not start an executor of temporal_pg as role "ghost"/);
	pass('a role that loses LOGIN later: the log says so');
	$node->query('ALTER ROLE ghost LOGIN');
}
else
{
	is($status, 0, 'an owner without LOGIN is no obstacle');
	$node->query(q{SELECT temporal.start_workflow('haunt', id => 'haunt')}, db => 'uno');
	ok(1) foreach 1 .. 2;
}
is($node->query(q{SELECT temporal.result('haunt', timeout => '60 s')}, db => 'uno'), '1', '... and its workflows run');
is($node->broken_runs(db => 'uno'), '', 'histories are whole and replay');
$node->stop;

# --- too few worker slots: one is taken by the launcher, one by a dispatcher, one by logical replication

my $small = TemporalNode->new_preloaded('small', fsync => 0, extension => 0, conf => q{
max_worker_processes = 4
temporal_pg.sweep_interval = 500ms
});
$small->query('CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
$small->query($setup);
$small->query(q{INSERT INTO go_on VALUES (true);
	SELECT temporal.start_workflow('run_as_' || role, to_jsonb(role || i), id => role || i) FROM generate_series(1, 20) i, unnest('{ann,bob}'::text[]) role});
$small->wait_for("SELECT count(*) = 40 FROM temporal.workflow WHERE status = 'Completed'");
pass('with one worker slot left, two roles take turns');
my $warnings = () = PostgreSQL::Test::Utils::slurp_file($small->logfile) =~ /WARNING:  too few background worker slots to start an executor of temporal_pg/g;
is($warnings, 1, '... with one warning in the log');
like(PostgreSQL::Test::Utils::slurp_file($small->logfile), qr/HINT:  Raise max_worker_processes, or lower temporal_pg\.max_executors, and restart the server\./, '... that says what to do');
$small->stop;

# --- no preload

my $bare = TemporalNode->new_preloaded('bare', fsync => 0, extension => 0, conf => "shared_preload_libraries = ''");
($status, undef, $err) = $bare->try_query("\\set VERBOSITY verbose\nCREATE EXTENSION temporal_pg");
isnt($status, 0, 'without preload CREATE EXTENSION fails');
like($err, qr/ERROR:  55000: temporal_pg must be loaded when the server starts/, '... with a clear error');
like($err, qr/HINT:  Add temporal_pg to shared_preload_libraries and restart the server\./, '... and a HINT');
$bare->append_conf('postgresql.conf', "shared_preload_libraries = 'temporal_pg'");
$bare->restart;
$bare->query('CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
$bare->query($setup);
$bare->query(q{SELECT temporal.start_workflow('run_as_ann', '"at last"', id => 'x')});
is($bare->query(q{SELECT temporal.result('x', timeout => '20 s')}), '"at last"', 'and with it everything works');
$bare->query(q{SELECT temporal.start_workflow('hold_as_ann', '"open"', id => 'open')});
$bare->wait_for(q{SELECT count(*) = 1 FROM temporal.pending_activity WHERE workflow_id = 'open'});
# the library gone from the configuration of a server that has workflows
$bare->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$bare->restart;
($status, undef, $err) = $bare->try_query(qq{\\set VERBOSITY verbose\nSELECT temporal.start_workflow('run_as_ann', '"lost"', id => 'y')});
like($err, qr/HINT:  Add temporal_pg to shared_preload_libraries and restart the server\./, 'preload taken away: a start says so, too');
is($bare->query(q{SELECT status, (SELECT count(*) FROM temporal.worker) FROM temporal.workflow WHERE workflow_id = 'x'}), 'Completed|0', '... and the views can be read');
is($bare->query(q{SELECT temporal.replay('x') > 0}), 't', '... a history replays');
(undef, undef, $err) = $bare->try_query(q{SELECT temporal.result('open')});
like($err, qr/HINT:  Add temporal_pg to shared_preload_libraries/, '... whoever wants to wait for a result is told');
$bare->query(q{SELECT temporal.terminate('open')});
is($bare->query(q{SELECT status FROM temporal.workflow WHERE workflow_id = 'open'}), 'Terminated', '... and a run can be terminated');
$bare->stop;

done_testing();
