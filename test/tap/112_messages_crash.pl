# Handlers that wait, under fire: signals and updates whose handlers wait for
# activities, timers, locks and conditions, clients that connect again and ask
# again with the same update id, queries in between; meanwhile executors, the
# dispatcher and clients get kill -9, at random moments and at each fault point
# that such a load passes. Afterwards each accepted update has completed once,
# with the outcome that everybody was told; each activity that was scheduled has
# had its effect once; what was rejected has left nothing; all runs replay.
#
# fsync is off as in 010_crash.pl. TEMPORAL_PG_LONG=1: more of everything.
# TEMPORAL_PG_SEED=n repeats the random choices of a run (not its timing).

use strict;
use warnings;
use List::Util qw(shuffle sum0 uniq);
use TemporalClient;
use TemporalNode;
use Test::More;
use Time::HiRes qw(sleep time);

my $CLIENTS = 8;    # at most 10 updates may be in progress in a run
my $SENDERS = 2;
my $RANDOM_HITS = $ENV{TEMPORAL_PG_LONG} ? 60 : 6;

my $seed = $ENV{TEMPORAL_PG_SEED} // time() * 1000 % 1_000_000_000;
srand($seed);
diag("seed $seed");

my $node = TemporalNode->new_preloaded('main', fsync => 0, conf => q{
temporal_pg.fault_injection = on
temporal_pg.sweep_interval = 500ms
temporal_pg.max_executors = 4
temporal_pg.careful_period = 300ms
});

$node->query(q{
	-- what activities did, by the activity that did it
	CREATE TABLE ledger (workflow_id text, activity_id text, what text);
	CREATE TABLE asked (update_id text PRIMARY KEY, result jsonb);

	CREATE FUNCTION book(what text) RETURNS text LANGUAGE sql AS $$
		INSERT INTO ledger SELECT i.workflow_id, i.activity_id, book.what FROM temporal.activity_info() i;
		SELECT book.what $$;
	CREATE FUNCTION book_slowly(what text) RETURNS text LANGUAGE sql AS $$
		INSERT INTO ledger SELECT i.workflow_id, i.activity_id, book_slowly.what FROM temporal.activity_info() i;
		SELECT book_slowly.what FROM pg_sleep(0.05) $$;
	-- writes, and fails, once
	CREATE FUNCTION book_again(what text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO ledger SELECT i.workflow_id, i.activity_id, book_again.what FROM temporal.activity_info() i;
		IF (temporal.activity_info()).attempt = 1 THEN
			RAISE EXCEPTION 'first attempt';
		END IF;
		RETURN what;
	END $$;

	CREATE FUNCTION add_to(list text, what text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.set_state(list, coalesce(temporal.state(list), '[]') || to_jsonb(what));
	END $$;
	-- one way to wait
	CREATE FUNCTION wait_somehow(way text, what text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		begun int;
	BEGIN
		CASE way
			WHEN 'activity' THEN
				PERFORM temporal.execute_activity('book', what);
			WHEN 'slow' THEN
				PERFORM temporal.execute_activity('book_slowly', what);
			WHEN 'retry' THEN
				PERFORM temporal.execute_activity('book_again', what);
			WHEN 'local' THEN
				PERFORM temporal.execute_local_activity('book', what);
			WHEN 'timer' THEN
				PERFORM temporal.sleep(make_interval(secs => temporal.random() * 0.1));
			WHEN 'lock' THEN
				PERFORM temporal.lock('one at a time');
				IF temporal.state('inside', ''::text) <> '' THEN
					PERFORM add_to('clashes', what);
				END IF;
				PERFORM temporal.set_state('inside', what);
				PERFORM temporal.execute_activity('book', what);
				PERFORM temporal.sleep('20 ms');
				PERFORM temporal.set_state('inside', ''::text);
				PERFORM temporal.unlock('one at a time');
			WHEN 'condition' THEN
				-- until one more signal has come, or no more will
				begun := jsonb_array_length(coalesce(temporal.state('begun'), '[]'));
				PERFORM temporal.wait_condition('jsonb_array_length(coalesce(state->''begun'', ''[]'')) > (args)::int OR state ? ''closing''', args => to_jsonb(begun));
			WHEN 'parallel' THEN
				PERFORM temporal.await_all(ARRAY[
					temporal.start_activity('book', what || ' a'), temporal.start_timer('50 ms'),
					temporal.start_activity('book_slowly', what || ' b'), temporal.spawn('wait_somehow', jsonb_build_array('lock', what || ' c'))]);
			WHEN 'fail' THEN
				PERFORM temporal.execute_activity('book', what);
				PERFORM temporal.raise_application_error('failed as asked: ' || what, 'Asked');
		END CASE;
	END $$;
	-- update "do": waits in several ways; its result is all its own
	CREATE FUNCTION do_update(id text, ways text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
	DECLARE
		way text;
		n int := 0;
	BEGIN
		FOREACH way IN ARRAY ways LOOP
			n := n + 1;
			PERFORM wait_somehow(way, id || ' ' || n);
		END LOOP;
		PERFORM add_to('updated', id);
		RETURN jsonb_build_object('id', id, 'place', jsonb_array_length(temporal.state('updated')), 'uuid', temporal.uuid4());
	END $$;
	CREATE FUNCTION check_update(id text, ways text[]) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF ways = '{}' THEN
			RAISE EXCEPTION 'nothing to do for %', id;
		END IF;
	END $$;
	-- update "now": does not wait
	CREATE FUNCTION now_update(id text) RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM add_to('updated', id);
		RETURN jsonb_build_object('id', id, 'place', jsonb_array_length(temporal.state('updated')), 'uuid', temporal.uuid4());
	END $$;
	CREATE FUNCTION do_signal(id text, way text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM add_to('begun', id);
		PERFORM wait_somehow(way, id);
		PERFORM add_to('signalled', id);
	END $$;
	CREATE FUNCTION close_signal() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM temporal.set_state('closing', true); END $$;
	CREATE FUNCTION begun_query() RETURNS int LANGUAGE sql AS $$ SELECT jsonb_array_length(coalesce(temporal.state('begun'), '[]')) $$;
	CREATE FUNCTION desk() RETURNS jsonb LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM temporal.wait_condition('state ? ''closing'' AND temporal.all_handlers_finished()');
		RETURN temporal.state();
	END $$;
	SELECT temporal.register_activity(f, retry_policy => temporal.retry_policy('50 ms')) FROM unnest(ARRAY['book', 'book_slowly', 'book_again']) f;
	SELECT temporal.register_workflow('desk', signals => '{"do": "do_signal", "close": "close_signal"}', queries => '{"begun": "begun_query"}',
		updates => '{"do": ["do_update", "check_update"], "now": "now_update"}');
});


# ---------- the load ----------

my @ways = qw(activity slow retry local timer lock condition parallel);
my @clients = map { TemporalClient->new($node, errors => '^(TF008|TP012|TP023)$', doubtful => 1) } 1 .. $CLIENTS;
my @senders = map { TemporalClient->new($node, errors => '^TP012$', doubtful => 1) } 1 .. $SENDERS;
my %all = (updates => 1, signals => 1);
my (@open, @updates, @signals, %booked, %seen);
my ($desks, $queries, $backwards, $paused, $looked) = (0, 0, '', 0, 0);

# the driver's own statements, again and again until they are done
sub until_done
{
	my ($sql) = @_;
	foreach (1 .. 5)
	{
		my ($status, undef, $err) = $node->try_query($sql);
		return if $status == 0;
		BAIL_OUT("$sql: $err") unless $err =~ /server closed|connect|terminated abnormally|starting up|in recovery|shutting down/;
		$node->wait_ready;
	}
	die 'the server does not stay up';
}

sub open_desk
{
	my $id = 'desk' . ++$desks;
	until_done("SELECT temporal.start_workflow('desk', id => '$id', request_id => 'start $id')");
	push @open, $id;
	return;
}

# what each way of waiting books, under which name
sub bookings
{
	my ($way, $what) = @_;
	return map { "$what $_" } qw(a b c) if $way eq 'parallel';
	return $way =~ /^(timer|condition)$/ ? () : ($what);
}

sub ask_update
{
	my ($client) = @_;
	my $desk = $open[ rand @open ];
	my $n = @updates;
	my $id = "u$n";
	my $kind = (('do') x 7, 'now', 'fail', 'none')[ rand 10 ];
	my @steps = map { $ways[ rand @ways ] } 1 .. 1 + rand 3;
	push @steps, 'fail' if $kind eq 'fail';
	@steps = () if $kind eq 'none' || $kind eq 'now';
	# the update and the caller's row are one transaction
	$client->ask($kind eq 'now'
		? "INSERT INTO asked SELECT '$id', temporal.update('$desk', 'now', '[\"$id\"]', '$id') "
		  . 'ON CONFLICT (update_id) DO UPDATE SET result = EXCLUDED.result RETURNING result'
		: "CALL temporal.execute_update('$desk', 'do', '[\"$id\", [" . join(', ', map { "\"$_\"" } @steps) . "]]', '$id')");
	push @updates, { id => $id, desk => $desk, kind => $kind, steps => \@steps, client => $client, n => $#{ $client->{asked} } };
	return;
}

sub ask_signal
{
	my ($k) = @_;
	my $desk = $open[ rand @open ];
	my $way = $ways[ rand @ways ];
	my $n = @signals;
	$senders[$k]->ask("SELECT temporal.signal('$desk', 'do', '[\"s$n\", \"$way\"]', request_id => 's$n') AS result");
	push @signals, { id => "s$n", desk => $desk, way => $way, sender => $k };
	return;
}

# One look at everybody, who get more to do.
sub look
{
	my (%more) = @_;
	foreach my $client (@clients) { if ($more{updates} && $client->is_done) { ask_update($client) for 1 .. 4 } }
	foreach my $k (0 .. $#senders) { if ($more{signals} && $senders[$k]->is_done) { ask_signal($k) for 1 .. 4 } }
	$_->run foreach @clients, @senders;
	sleep 0.01;
	return if time() < $looked + 0.3;
	$looked = time();
	# what has been seen stays
	my $desk = 'desk' . (1 + int rand $desks);
	my ($status, $begun) = $node->try_query("SELECT temporal.query('$desk', 'begun')");
	if ($status == 0)
	{
		$queries++;
		$backwards .= "$desk $seen{$desk} $begun " if $begun < ($seen{$desk} // 0);
		$seen{$desk} = $begun;
	}
	# whoever was at work in three crashes is suspected of them
	my (undef, $out) = $node->try_query('SELECT 1, temporal.unpause_activity(workflow_id, activity_id) FROM temporal.pending_activity WHERE paused');
	$paused += () = $out =~ /^1/mg;
	return;
}

# Lets them work for a while.
sub work
{
	my ($seconds) = @_;
	my $until = time() + $seconds;
	do { look(%all) } while time() < $until;
	return;
}

# A process that has something to do: executors with a run, clients with a statement.
sub kill_at_work
{
	my ($sql) = @_;
	my $until = time() + 20;
	while (1)
	{
		my ($pid) = split /\n/, $node->query("SELECT pid FROM pg_stat_activity a WHERE $sql ORDER BY random() LIMIT 1");
		return if $pid && $node->kill_backend($pid);
		die "nobody to kill: $sql" if time() > $until;
		look(%all);
	}
}

# ---------- the fire ----------

my @hits = shuffle(
	qw(fault:start_before_commit fault:task_locked fault:task_replayed fault:task_events_written fault:task_before_commit
	  fault:task_after_commit fault:activity_claimed fault:activity_executed fault:activity_recorded fault:activity_after_commit
	  fault:activity_retry_recorded fault:eager_step fault:local_activity fault:close_before_update),
	qw(server dispatcher client executor), map { (qw(executor executor client server))[ rand 4 ] } 5 .. $RANDOM_HITS);
my $began = time();
my $round = 0;
my @cuts;
open_desk() for 1 .. 2;
foreach my $hit (@hits)
{
	work(0.1 + rand 0.3);
	push @cuts, sum0 map { $_->{cuts} } @clients, @senders;
	if ($hit =~ /^fault:(.*)/)
	{
		my $point = $1;
		my $file = $node->data_dir . "/temporal_pg_fault_$point";
		my $until = time() + 30;
		$node->arm_fault($point);
		open_desk() if $point eq 'start_before_commit';
		next_desk() if $point eq 'close_before_update';
		while (-e $file)
		{
			die "fault point $point was never reached" if time() > $until;
			look(%all);
		}
		$node->wait_fault($point);
	}
	elsif ($hit eq 'server') { $node->restart_immediate }
	elsif ($hit eq 'dispatcher') { kill_at_work("backend_type = 'temporal_pg dispatcher'") }
	elsif ($hit eq 'client') { kill_at_work("backend_type = 'client backend' AND pid <> pg_backend_pid() AND query ~ 'temporal.*update'") }
	else { kill_at_work("backend_type = 'temporal_pg executor' AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'userlock')") }
	next_desk() if ++$round % 3 == 0;
}
my $fire = time() - $began;
work(0.1);

# The oldest desk closes. Not before the signals to it are answered: a client cannot
# know of a signal to a closed run whether it was the end or the signal that came first.
sub next_desk
{
	open_desk();
	look(updates => 1) while grep { !$_->is_done } @senders;
	my $old = shift @open;
	until_done("SELECT temporal.signal('$old', 'close', request_id => 'close') WHERE NOT EXISTS "
		  . "(SELECT FROM temporal.workflow WHERE workflow_id = '$old' AND status = 'Completed')");
	return;
}

# the rest
my $until = time() + 60;
look() while time() < $until && grep { !$_->is_done } @senders;
until_done("SELECT temporal.signal('$_', 'close', request_id => 'close')") foreach @open;
look() while time() < $until
	&& (grep({ !$_->is_done } @clients) || $node->query(q{SELECT count(*) FROM temporal.workflow WHERE status = 'Running'}) ne '0');
if (time() >= $until)
{
	diag($_) foreach split /\n/, $node->query(q{
		SELECT w.workflow_id, w.history_length, w.next_task_at, w.task_attempt, w.last_task_failure FROM temporal.workflow w WHERE status = 'Running';
		SELECT workflow_id, kind, deliver_at FROM temporal.pending_message;
		SELECT workflow_id, activity_id, activity_type, attempt, paused FROM temporal.pending_activity});
}

# ---------- what is there afterwards ----------

my %answers;
my @told;
foreach my $u (@updates)
{
	my ($state, $result) = @{ $u->{client}{answers}[ $u->{n} ] // [ 'none', '' ] };
	$answers{$state}++;
	push @told, join("\t", $u->{id}, $u->{desk}, $u->{kind}, $state, $result =~ s/\\/\\\\/gr);
	next if $state ne '00000' && $state ne 'TF008';
	my $n = 0;
	foreach my $way (@{ $u->{steps} })
	{
		$n++;
		$booked{$_}++ foreach bookings($way, "$u->{id} $n");
	}
}
foreach my $s (@signals) { $booked{$_}++ foreach bookings($s->{way}, $s->{id}) }
diag(sprintf('%d hits in %.1f s, all over after %.1f s; %d desks, %d signals, %d updates (%s), %d asked again when answered; %d queries; %d activities paused',
	scalar @hits, $fire, time() - $began, $desks, scalar @signals, scalar @updates, join(', ', map { "$_ $answers{$_}" } sort keys %answers),
	sum0(map { $_->{again} } @clients), $queries, $paused));

push @cuts, sum0 map { $_->{cuts} } @clients, @senders;
my @missed = map { $hits[$_] } grep { $cuts[ $_ + 1 ] == $cuts[$_] } 0 .. $#hits;
# a fault point may strike while they connect
cmp_ok(@hits - @missed, '>=', 0.9 * @hits, @hits - @missed . ' of ' . @hits . " hits have cut off clients (not: @missed)");
is(scalar(grep { !$_->is_done } @clients, @senders), 0, 'everybody was answered');
is(join("\n", map { @{ $_->{trouble} } } @clients, @senders), '', 'and met nothing but the end of the server');
is(join("\n", grep { $_ ne '00000 t' } map { "@$_" } map { @{ $_->{answers} } } @senders), '', 'every signal was taken');
# a validator is not asked, nor a request id looked up, when the run is closed
is(join("\n", grep { !/: (TP023 .*|TP012 .*|00000 t), then TP012 / } map { @{ $_->{different} } } @clients, @senders), '', 'who asks again gets the same answer');
cmp_ok(sum0(map { $_->{again} } @clients), '>=', @hits, 'updates that were answered have been asked again');
cmp_ok($answers{$_} // 0, '>', 0, "some updates were answered by $_") foreach qw(00000 TF008 TP023);
is($backwards, '', 'queries never went backwards');
cmp_ok($queries, '>=', 10, 'and there were some');

my $file = PostgreSQL::Test::Utils::tempdir() . '/told';
PostgreSQL::Test::Utils::append_to_file($file, join('', map { "$_\n" } @told));
PostgreSQL::Test::Utils::append_to_file("$file.booked", join('', map { "$_\n" } keys %booked));
PostgreSQL::Test::Utils::append_to_file("$file.signals", join('', map { "$_->{id}\t$_->{desk}\t$_->{sender}\t$_->{way}\n" } @signals));
$node->query(qq{
	CREATE TABLE told (id text, desk text, kind text, state text, result text);
	CREATE TABLE booked (what text);
	CREATE TABLE sent (id text, desk text, sender int, way text);
	\\copy told from '$file'
	\\copy booked from '$file.booked'
	\\copy sent from '$file.signals'
	CREATE VIEW outcome AS
		SELECT workflow_id AS desk, attributes #>> '{meta,updateId}' AS id, attributes #> '{outcome,success}' AS success,
			attributes #>> '{outcome,failure,message}' AS failure
		FROM temporal.history WHERE event_type = 'WorkflowExecutionUpdateCompleted';
	CREATE VIEW listed AS
		SELECT workflow_id AS desk, list, e #>> '{}' AS id, place
		FROM temporal.workflow, LATERAL temporal.result(workflow_id) AS state, unnest('{begun,signalled,updated,clashes}'::text[]) AS list,
			LATERAL jsonb_array_elements(state -> list) WITH ORDINALITY AS x (e, place)
		WHERE status = 'Completed';
});
is($node->query(q{SELECT status, count(*) FROM temporal.workflow GROUP BY 1}), "Completed|$desks", 'all desks are closed, each was opened once');
is($node->query(q{
	SELECT t.*, accepted, completed FROM told t
	LEFT JOIN (SELECT workflow_id AS desk, attributes ->> 'protocolInstanceId' AS id, count(*) AS accepted FROM temporal.history
		WHERE event_type = 'WorkflowExecutionUpdateAccepted' GROUP BY 1, 2) a USING (desk, id)
	LEFT JOIN (SELECT desk, id, count(*) AS completed FROM outcome GROUP BY 1, 2) c USING (desk, id)
	WHERE (coalesce(accepted, 0), coalesce(completed, 0)) <> CASE WHEN state IN ('00000', 'TF008') THEN (1::bigint, 1::bigint) ELSE (0::bigint, 0::bigint) END}),
	'', 'what was accepted has completed, once; what was refused has left nothing');
is($node->query(q{SELECT count(*) FROM outcome WHERE (desk, id) NOT IN (SELECT desk, id FROM told)}), '0', 'nothing else was accepted');
is($node->query(q{
	SELECT t.*, success, failure FROM told t JOIN outcome USING (desk, id)
	WHERE CASE state WHEN '00000' THEN success IS DISTINCT FROM result::jsonb
		ELSE kind <> 'fail' OR failure NOT LIKE 'failed as asked: ' || id || ' %' OR result <> format('update "%s" failed: %s', id, failure) END}),
	'', 'the answers are what is in history');
is($node->query(q{
	SELECT t.*, place FROM told t FULL JOIN (SELECT * FROM listed WHERE list = 'updated') l USING (desk, id)
	WHERE (state = '00000') IS DISTINCT FROM (place IS NOT NULL) OR place <> (CASE state WHEN '00000' THEN result END::jsonb ->> 'place')::int}),
	'', 'and in the last state of the workflow, at the place that was told');
is($node->query(q{SELECT * FROM (SELECT * FROM told WHERE kind = 'now' AND state = '00000') t FULL JOIN asked a ON a.update_id = t.id
	WHERE t.result::jsonb IS DISTINCT FROM a.result}), '', 'an update and the row of its caller are there together');
is($node->query(q{SELECT what, b.n, l.n FROM (SELECT what, count(*) AS n FROM booked GROUP BY 1) b FULL JOIN (SELECT what, count(*) AS n FROM ledger GROUP BY 1) l USING (what)
	WHERE b.n IS DISTINCT FROM l.n}), '', 'each step that was asked for was done once');
is($node->query(q{SELECT workflow_id, activity_id, s.n, l.n FROM
	(SELECT workflow_id, attributes ->> 'activityId' AS activity_id, count(*) AS n FROM temporal.history WHERE event_type = 'ActivityTaskScheduled' GROUP BY 1, 2) s
	FULL JOIN (SELECT workflow_id, activity_id, count(*) AS n FROM ledger GROUP BY 1, 2) l USING (workflow_id, activity_id)
	WHERE l.n <> 1 OR s.n <> 1 OR l.n IS NULL}), '', 'each activity that was scheduled has had its effect once');
is($node->query(q{SELECT list, s.*, n FROM sent s CROSS JOIN unnest('{begun,signalled}'::text[]) AS list
	LEFT JOIN (SELECT desk, list, id, count(*) AS n FROM listed GROUP BY 1, 2, 3) l USING (desk, list, id) WHERE n IS DISTINCT FROM 1}),
	'', 'each signal was begun and ended once');
is($node->query(q{SELECT count(*) FROM listed WHERE list IN ('begun', 'signalled') AND (desk, id) NOT IN (SELECT desk, id FROM sent)}), '0', 'and nothing else was');
is($node->query(q{SELECT * FROM (SELECT desk, sender, id, substr(id, 2)::int < max(substr(id, 2)::int) OVER (PARTITION BY desk, sender ORDER BY place) AS late
	FROM listed JOIN sent USING (desk, id) WHERE list = 'begun') AS x WHERE late}), '', 'those of one sender in their order');
is($node->query(q{SELECT * FROM listed WHERE list = 'clashes'}), '', 'a lock was held by one at a time');
is($node->query(q{SELECT count(*) FROM temporal.pending_message}), '0', 'no mail is left');
is($node->query(q{SELECT workflow_id, attributes FROM temporal.history WHERE event_type = 'WorkflowTaskFailed'}), '', 'no task has failed');

# once more, each of them
my $again = TemporalClient->new($node, errors => '^(TF008|TP012)$');
my @accepted = grep { $_->{client}{answers}[ $_->{n} ][0] =~ /^(00000|TF008)$/ } @updates;
$again->ask(map { "CALL temporal.execute_update('$_->{desk}', 'do', '[\"$_->{id}\", [\"timer\"]]', '$_->{id}')" } @accepted);
sleep 0.02 while $again->run;
is(join("\n", grep { defined } map {
			my ($before, $now) = ("@{ $accepted[$_]{client}{answers}[ $accepted[$_]{n} ] }", "@{ $again->{answers}[$_] }");
			$before ne $now ? "$accepted[$_]{id}: $before, now $now" : undef
		} 0 .. $#accepted),
	'', 'asked once more, each gives the same outcome: ' . scalar @accepted);
is($node->broken_runs, '', 'every run is whole, and replays');

$node->stop;
done_testing();
