# Pinned versions on a real server: a new version is deployed while runs of the
# old one are open, through crashes and restarts; two roles, neither a superuser;
# versions that nobody has any more go, and no other; DROP EXTENSION takes the rest.

use strict;
use warnings;
use PostgreSQL::Test::Utils;
use TemporalNode;
use Test::More;

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.sweep_interval = 200ms
temporal_pg.fault_injection = on
});
my ($status, $out, $err);

$node->query(q{
	CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mallory LOGIN;
	REVOKE CREATE ON DATABASE postgres FROM PUBLIC;
	CREATE SCHEMA shop AUTHORIZATION ann; CREATE SCHEMA bank AUTHORIZATION bob;
	GRANT USAGE ON SCHEMA shop, bank TO PUBLIC;
	SELECT temporal.grant_access('default', 'ann', 'author'), temporal.grant_access('default', 'bob', 'author'), temporal.grant_access('default', 'mallory', 'author');
});

# What ann deploys: a workflow that calls a helper, with a query and an update.
sub deploy
{
	my ($v, $schema, $role) = @_;
	return qq{
	SET SESSION AUTHORIZATION $role;
	SET search_path = $schema;
	SET client_min_messages = warning;
	CREATE OR REPLACE FUNCTION helper(what text) RETURNS text LANGUAGE plpgsql AS \$\$BEGIN RETURN what || ' of $v by ' || current_user; END \$\$;
	CREATE OR REPLACE FUNCTION ask() RETURNS text LANGUAGE plpgsql AS \$\$BEGIN RETURN helper('query'); END \$\$;
	CREATE OR REPLACE FUNCTION up() RETURNS text LANGUAGE plpgsql AS \$\$BEGIN RETURN helper('update'); END \$\$;
	CREATE OR REPLACE FUNCTION run() RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE n int := 0;
	BEGIN
		-- each version has another number of commands
		FOR i IN 1..length('$v') LOOP
			PERFORM temporal.sleep('10 ms');
		END LOOP;
		PERFORM temporal.wait_signal('go');
		RETURN helper('result');
	END \$\$;
	SELECT temporal.register_workflow('$schema', 'run', queries => '{"ask": "ask"}', updates => '{"up": "up"}', versioning_behavior => 'pinned');
	};
}
sub version { return $node->query("SELECT version FROM temporal.definition WHERE kind = 'workflow' AND name = '$_[0]'"); }
sub asleep { return $node->wait_for("SELECT bool_and(history_length = $_[1]) FROM temporal.workflow WHERE workflow_id ~ '$_[0]'"); }

# --- deploy while runs are open

$node->query(deploy('1', 'shop', 'ann'));
$node->query(deploy('1', 'bank', 'bob'));
my $shop1 = version('shop');
my $bank1 = version('bank');
isnt($shop1, $bank1, 'two roles, two versions');
$node->query(q{SELECT temporal.start_workflow(t, id => t || ' old ' || i) FROM unnest('{shop,bank}'::text[]) t, generate_series(1, 3) i});
asleep('old', 3);
is($node->query(q{SELECT temporal.query('shop old 1', 'ask'), temporal.query('bank old 1', 'ask')}), '"query of 1 by ann"|"query of 1 by bob"', 'each runs as its owner');

# one session that has looked before, and so has a replay
my $session = q{SELECT temporal.query('shop old 1', 'ask'); } . deploy('22', 'shop', 'ann') . q{RESET SESSION AUTHORIZATION; SELECT temporal.query('shop old 1', 'ask');};
is($node->query($session) =~ s{\s*\n\s*}{ }gr, '"query of 1 by ann" "query of 1 by ann"', 'a session that holds a replay gives the old answer before and after');
my $shop2 = version('shop');
isnt($shop2, $shop1, 'another version');
$node->query(q{SELECT temporal.start_workflow('shop', id => 'shop new ' || i) FROM generate_series(1, 3) i});
asleep('shop new', 5);
is($node->query(q{SELECT string_agg(DISTINCT workflow_id ~ 'old' || ' ' || version, ',' ORDER BY workflow_id ~ 'old' || ' ' || version) FROM temporal.workflow WHERE workflow_type = 'shop'}),
	"false $shop2,true $shop1", 'old and new runs side by side');
$node->query(q{SELECT temporal.signal(id, 'go') FROM unnest('{shop old 1,shop new 1}'::text[]) id});
is($node->query(q{SELECT temporal.result('shop old 1', timeout => '20 s'), temporal.result('shop new 1', timeout => '20 s')}),
	'"result of 1 by ann"|"result of 22 by ann"', 'executors that know both versions run each with its own');

# --- a crash, a restart: from the tables alone

$node->query(q{SELECT temporal.signal('shop old 2', 'other')});
$node->arm_fault('task_replayed');
# the crash may be there before the answer
$node->try_query(q{SELECT temporal.signal(id, 'go') FROM unnest('{shop old 2,shop new 2}'::text[]) id});
$node->wait_fault('task_replayed');
is($node->query(q{SELECT temporal.result('shop old 2', timeout => '30 s'), temporal.result('shop new 2', timeout => '30 s')}),
	'"result of 1 by ann"|"result of 22 by ann"', 'after a crash each goes on with its own code');
$node->restart_immediate;
is($node->query(q{SELECT temporal.query('shop old 3', 'ask'), temporal.query('shop new 3', 'ask')}), '"query of 1 by ann"|"query of 22 by ann"', 'queries after a restart');
is($node->query(q{SELECT temporal.update('shop old 3', 'up'), temporal.update('shop new 3', 'up')}), '"update of 1 by ann"|"update of 22 by ann"', 'updates');
is($node->query(q{SELECT temporal.query('shop old 2', 'ask')}), '"query of 1 by ann"', 'closed runs as well');
is($node->query(q{SELECT count(*) FROM temporal.replay_check()}), 0, 'all replay');

# --- without a registration

$node->query(q{SET SESSION AUTHORIZATION ann; SELECT temporal.unregister_workflow('shop'); DROP FUNCTION shop.run(), shop.helper(text)});
$node->restart_immediate;
$node->query(q{SELECT temporal.signal(id, 'go') FROM unnest('{shop old 3,shop new 3}'::text[]) id});
is($node->query(q{SELECT temporal.result('shop old 3', timeout => '30 s'), temporal.result('shop new 3', timeout => '30 s')}),
	'"result of 1 by ann"|"result of 22 by ann"', 'open runs end without registration and functions, as their owner');
is($node->query(q{SELECT count(*) FROM temporal.workflow WHERE last_task_failure IS NOT NULL}), 0, 'no task of theirs has failed');

# --- who may do what with the copies

sub sqlstate
{
	my ($role, $sql) = @_;
	($status, $out, $err) = $node->try_query("\\set VERBOSITY sqlstate\nSET SESSION AUTHORIZATION $role; SET client_min_messages = error; $sql");
	return $status == 0 ? 'ok' : $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}
is(sqlstate('ann', "CREATE OR REPLACE FUNCTION $shop1.helper(what text) RETURNS text LANGUAGE sql AS 'SELECT 1::text'"), '42501', 'the owner cannot replace a copy');
is(sqlstate('ann', "CREATE FUNCTION $shop1.length(text) RETURNS int LANGUAGE sql AS 'SELECT 1'"), '42501', '... or put a function into the schema');
is(sqlstate('mallory', "CREATE FUNCTION $shop1.length(text) RETURNS int LANGUAGE sql AS 'SELECT 1'"), '42501', 'nor can others');
is(sqlstate('mallory', "SELECT $bank1.helper('x')"), '42501', '... or call what they could not name');
is(sqlstate('mallory', "ALTER FUNCTION $bank1.helper(text) OWNER TO mallory"), '42501', '... or take it');
is(sqlstate('mallory', "DROP SCHEMA $bank1 CASCADE"), '42501', '... or drop it');
is(sqlstate('mallory', "SELECT temporal.register_workflow('mine', 'bank.run', versioning_behavior => 'pinned')"), '42501', 'nobody pins the code of others');
is(sqlstate('ann', 'CREATE SCHEMA whatever'), '42501', 'ann could not have made a schema');
$node->query(q{CREATE SCHEMA m AUTHORIZATION mallory; GRANT CREATE ON DATABASE postgres TO mallory});
is(sqlstate('mallory', q{SET search_path = m, bank; CREATE FUNCTION m.uses() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN helper('x'); END $$; SELECT temporal.register_workflow('uses', versioning_behavior => 'pinned')}),
	'42501', 'a version has no copies of the functions of other roles');

# a schema of that name that somebody has made first
$node->query(q{SELECT temporal.delete_workflow('bank old ' || i) FROM generate_series(1, 3) i});
$node->query(q{SET SESSION AUTHORIZATION bob; SELECT temporal.unregister_workflow('bank')});

# --- versions that nobody has any more

# A dispatcher that has just begun looks at all runs.
sub new_sweep
{
	my ($pid) = $node->dispatcher_pids;
	$node->query("SELECT pg_terminate_backend($pid)");
	$node->wait_for("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'temporal_pg dispatcher' AND pid <> $pid AND datname = 'postgres'");
	return;
}
sub is_there { return $node->query("SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = '$_[0]') || ' ' || (SELECT count(*) FROM temporal_internal.pinned_version WHERE version = '$_[0]') || ' ' || (SELECT count(*) > 0 FROM temporal_internal.pinned_definition WHERE version = '$_[0]')"); }
sub gone { return $node->wait_for("SELECT NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '$_[0]')"); }

my $log = -s $node->logfile;
new_sweep();
gone($bank1);
is(is_there($bank1), '0 0 false', 'a version goes with its last run and its registration');
is(is_there($shop1), '1 1 true', 'closed runs keep theirs, since they can be asked');
like(slurp_file($node->logfile, $log), qr/version "$bank1" of workflow code was dropped/, 'the log says it');

is(sqlstate('mallory', "CREATE SCHEMA $bank1"), 'ok', 'somebody makes a schema of its name');
is(sqlstate('bob', deploy('1', 'bank', 'bob')), '42P06', 'then it is not used');
$node->query("DROP SCHEMA $bank1");

# a start that is about to commit, while its version is replaced
$node->query(deploy('1', 'bank', 'bob'));
is(version('bank'), $bank1, 'the same code is the same version, also when it was dropped');
my ($in, $answer, $trouble) = ("BEGIN; SELECT temporal.start_workflow('bank', id => 'late');\n", '', '');
my $timer = IPC::Run::timeout(60);
my $client = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$answer, '2>', \$trouble, $timer);
$client->pump until $answer =~ /late/ || $trouble ne '';
$node->query(deploy('333', 'bank', 'bob'));
my $bank3 = version('bank');
$node->query(deploy('4444', 'bank', 'bob'));
new_sweep();
gone($bank3);
is(is_there($bank1), '1 1 true', 'a version of a start that is about to commit stays');
$in .= "COMMIT; SELECT 'committed';\n";
$client->pump until $answer =~ /committed/ || $trouble ne '';
$in .= "\\q\n";
$client->finish;
$node->query(q{SELECT temporal.signal('late', 'go')});
is($node->query(q{SELECT temporal.result('late', timeout => '20 s')}), '"result of 1 by bob"', 'and the run has its code');
new_sweep();
$node->query(deploy('55555', 'bank', 'bob'));
my $bank4 = $node->query("SELECT version FROM temporal_internal.pinned_version WHERE workflow_type = 'bank' AND version NOT IN ('$bank1', '" . version('bank') . "')");
new_sweep();
gone($bank4);
is(is_there($bank1), '1 1 true', 'that of a closed run stays');

# somebody is altering a copy: the dispatcher does not wait for that
($in, $answer, $trouble) = ("BEGIN; ALTER FUNCTION $bank1.helper(text) COST 200; SELECT 'altered';\n", '', '');
$client = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$answer, '2>', \$trouble, IPC::Run::timeout(60));
$client->pump until $answer =~ /altered/ || $trouble ne '';
$node->query(q{SELECT temporal.start_workflow('bank', id => 'meanwhile'), temporal.delete_workflow('late')});
$log = -s $node->logfile;
new_sweep();
$node->wait_for_log(qr/version "$bank1" of workflow code could not be dropped: canceling statement due to lock timeout/, $log);
asleep('meanwhile', 11);
pass('timers go on while a version cannot be dropped');
$in .= "ROLLBACK;\n\\q\n";
$client->finish;

# something of somebody else depends on a copy
$node->query(qq{GRANT USAGE ON SCHEMA $bank1 TO mallory; CREATE VIEW m.v AS SELECT $bank1.helper('x')});
$log = -s $node->logfile;
new_sweep();
$node->wait_for_log(qr/version "$bank1" of workflow code could not be dropped: cannot drop desired object/, $log);
is(is_there($bank1), '1 1 true', 'what others depend on is not dropped under them');
$node->query('DROP VIEW m.v');
new_sweep();
gone($bank1);
pass('but then');

# a registration that takes up an old version again, while another one does the same
$node->query(deploy('1', 'bank', 'bob'));
my @both = map {
	my ($i, $o, $e) = ("BEGIN;\n" . deploy('666666', 'bank', 'bob') . "SELECT 'registered';\n", '', '');
	{ in => \$i, out => \$o, err => \$e }
} 1 .. 2;
# functions are the same by then, so that only the registrations meet
$node->query(deploy('666666', 'bank', 'bob') =~ s/SELECT temporal\.register_workflow.*//sr);
foreach (@both)
{
	${ $_->{in} } = "BEGIN; SET SESSION AUTHORIZATION bob; SET search_path = bank; SELECT temporal.register_workflow('bank', 'run', queries => '{\"ask\": \"ask\"}', updates => '{\"up\": \"up\"}', versioning_behavior => 'pinned'); SELECT 'registered';\n";
	$_->{client} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', $_->{in}, '>', $_->{out}, '2>', $_->{err}, IPC::Run::timeout(60));
	if ($_ == $both[0])
	{
		$_->{client}->pump until ${ $_->{out} } =~ /registered/ || ${ $_->{err} } =~ /ERROR/;
	}
	else
	{
		$_->{client}->pump_nb;
		$node->wait_for(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'register_workflow'});
	}
}
foreach (@both)
{
	$_->{client}->pump until ${ $_->{out} } =~ /registered/ || ${ $_->{err} } =~ /ERROR/;
	${ $_->{in} } .= "COMMIT;\n\\q\n";
	$_->{client}->finish;
}
unlike(${ $_->{err} }, qr/ERROR/, 'two registrations of one version at once') foreach @both;
is($node->query(q{SELECT is_outdated FROM temporal.definition WHERE name = 'bank' AND kind = 'workflow'}), 'f', 'and the version is there');

# --- another owner

$node->query(q{SELECT temporal.start_workflow('bank', id => 'moved')});
asleep('moved', 13);
my $bank6 = version('bank');
is($node->query(qq{SELECT has_schema_privilege('ann', '$bank6', 'USAGE')}), 'f', 'a version is for the owner of its functions');
$node->query('REASSIGN OWNED BY bob TO ann');
$node->wait_for(qq{SELECT has_schema_privilege('ann', '$bank6', 'USAGE')});
is($node->query(qq{SELECT has_schema_privilege('ann', '$bank6', 'CREATE') OR has_schema_privilege('mallory', '$bank6', 'USAGE')}), 'f', 'whoever else gets them may use it, and nothing more');
is($node->query(q{SELECT temporal.query('moved', 'ask')}), '"query of 666666 by ann"', 'REASSIGN OWNED takes copies along');
$node->query(q{SELECT temporal.signal('moved', 'go')});
is($node->query(q{SELECT temporal.result('moved', timeout => '20 s')}), '"result of 666666 by ann"', 'and the run goes on as its owner');

# --- DROP EXTENSION

$node->query('DROP EXTENSION temporal_pg');
is($node->query(q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^temporal'}), 0, 'DROP EXTENSION takes the copies along, without CASCADE');
is($node->query(q{SELECT to_regprocedure('bank.run()')}), 'bank.run()', 'and not what they were copied from');

done_testing();
