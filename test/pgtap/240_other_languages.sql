-- Workflows, activities and handlers in PL/Python, PL/Perl and SQL: they wait, fail, are cancelled, pass futures on; code that
-- swallows the suspension is found out, and heals when it is replaced.
BEGIN;
SELECT plan(58);

\ir ../lib/helpers.sql

CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE EXTENSION IF NOT EXISTS plperl;
SELECT temporal.test_start('2030-01-01 12:00+00');

CREATE FUNCTION echo(v jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT v';
CREATE FUNCTION bad(type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN PERFORM temporal.raise_application_error('went wrong', type, details => '[7]', non_retryable => true); END $$;
SELECT temporal.register_activity('echo'), temporal.register_activity('bad');

-- what a workflow that was started under an id has come to: its result, or the SQLSTATE that ended it
CREATE FUNCTION pg_temp.outcome(id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.result(id, timeout => '0') #>> '{}';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION pg_temp.run(type text, input jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_workflow(type, input, id => type || coalesce(' ' || (input #>> '{}'), ''));
	PERFORM temporal.test_drive('blocked');
	RETURN pg_temp.outcome(type || coalesce(' ' || (input #>> '{}'), ''));
END $$;
-- how the workflow task of a run that is started now fails: all that is said of it
CREATE FUNCTION pg_temp.task_failure(type text, input jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	PERFORM temporal.start_workflow(type, input);
	PERFORM temporal.test_drive('blocked');
	RETURN 'no failure';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ' ' || d;
END $$;

-- ---------- they wait ----------

CREATE FUNCTION py_steps(n int) RETURNS text LANGUAGE plpython3u AS $$
import json
p = plpy.prepare("SELECT temporal.execute_activity('echo', $1) AS r", ["jsonb"])
total = 0
for i in range(n):
    total += json.loads(p.execute([json.dumps({"i": i})])[0]["r"])["i"]
    plpy.execute("SELECT temporal.sleep('1 minute')")
return "%d in %s" % (total, plpy.execute("SELECT temporal.now() - '2030-01-01 12:00+00' AS t")[0]["t"])
$$;
CREATE FUNCTION pl_steps(n int) RETURNS text LANGUAGE plperl AS $$
my $p = spi_prepare(q{SELECT temporal.execute_activity('echo', $1) ->> 'i' AS r}, 'jsonb');
my $total = 0;
for my $i (0 .. $_[0] - 1) {
	$total += spi_exec_prepared($p, qq({"i": $i}))->{rows}[0]{r};
	spi_exec_query("SELECT temporal.sleep('1 minute')");
}
return "$total in $_[0]";
$$;
CREATE FUNCTION sql_steps(n int) RETURNS jsonb LANGUAGE sql AS $$
	SELECT temporal.execute_activity('echo', n);
	SELECT temporal.sleep('1 minute');
	SELECT temporal.execute_activity('echo', n + 1);
$$;
SELECT temporal.register_workflow(w) FROM unnest('{py_steps,pl_steps,sql_steps}'::text[]) w;
SELECT is(temporal.test_run('py_steps', '4') #>> '{}', '6 in 00:04:00', 'PL/Python: activities and timers');
SELECT is(temporal.test_run('pl_steps', '4') #>> '{}', '6 in 4', 'PL/Perl');
SELECT is(temporal.test_run('sql_steps', '4') #>> '{}', '5', 'SQL');

-- ---------- futures are text there ----------

CREATE FUNCTION py_futures() RETURNS text LANGUAGE plpython3u AS $$
one = plpy.prepare("SELECT temporal.await($1) AS r", ["temporal.future"])
several = plpy.prepare("SELECT temporal.await_all($1) AS r", ["temporal.future[]"])
first = plpy.prepare("SELECT temporal.await_any($1) AS r", ["temporal.future[]"])
a = plpy.execute("SELECT temporal.start_activity('echo', '1') AS f")[0]["f"]
t = plpy.execute("SELECT temporal.start_timer('1 h') AS f")[0]["f"]
return " ".join([a, t, first.execute([[t, a]])[0]["r"], one.execute([a])[0]["r"], str(several.execute([[a, t]])[0]["r"]),
    plpy.execute("SELECT temporal.await('%s') AS r" % a)[0]["r"]])
$$;
CREATE FUNCTION pl_futures() RETURNS text LANGUAGE plperl AS $$
my $a = spi_exec_query("SELECT temporal.start_activity('echo', '1') AS f")->{rows}[0]{f};
my $t = spi_exec_query("SELECT temporal.start_timer('1 h') AS f")->{rows}[0]{f};
my $first = spi_exec_prepared(spi_prepare('SELECT temporal.await_any($1) AS r', 'temporal.future[]'), [$t, $a])->{rows}[0]{r};
my $one = spi_exec_prepared(spi_prepare('SELECT temporal.await($1) AS r', 'temporal.future'), $a)->{rows}[0]{r};
return "$a $t $first $one";
$$;
CREATE FUNCTION py_bad_future(text text) RETURNS text LANGUAGE plpython3u AS $$
return plpy.execute(plpy.prepare("SELECT temporal.await($1) AS r", ["temporal.future"]), [text])[0]["r"]
$$;
SELECT temporal.register_workflow(w) FROM unnest('{py_futures,pl_futures,py_bad_future}'::text[]) w;
SELECT is(temporal.test_run('py_futures') #>> '{}', 'activity:1 timer:1 activity:1 1 [''1'', ''null''] 1', 'PL/Python: a future goes through text, alone and in arrays');
SELECT is(temporal.test_run('pl_futures') #>> '{}', 'activity:1 timer:1 activity:1 1', 'PL/Perl');
SELECT matches(pg_temp.task_failure('py_bad_future', '"activity:1"'), 'future activity:1 was not made by this run.*TP021', 'one that this run has not made');
SELECT matches(pg_temp.task_failure('py_bad_future', '"timer:0"'), 'was not made by this run', 'number 0');
SELECT matches(pg_temp.task_failure('py_bad_future', to_jsonb(t)), 'invalid input syntax for type temporal.future.*22P02', 'no future: ' || t)
FROM unnest('{timer:99999999999,timer:x,timer:,timer,sandwich:1}'::text[]) t;
SELECT is(pg_temp.sqlstate_of($$SELECT 'activity:1'::temporal.future$$), '0A000', 'outside of workflow code a future is not made from text');

-- ---------- failures ----------

CREATE FUNCTION py_fails(how text) RETURNS text LANGUAGE plpython3u AS $$
import json
if how == 'uncaught':
    plpy.execute("SELECT temporal.execute_activity('bad', 'Mine'::text)")
if how == 'raised':
    plpy.execute("SELECT temporal.raise_application_error('from Python', 'Py')")
if how == 'error':
    plpy.error('from plpy', sqlstate='TF001', detail='{"type": "Plpy"}')
if how == 'python':
    raise ValueError('from the language')
try:
    plpy.execute("SELECT temporal.execute_activity('bad', 'Mine'::text)")
except (plpy.spiexceptions.AssertFailure, plpy.spiexceptions.QueryCanceled):
    raise
except plpy.SPIError as e:
    if how == 'raised again':
        raise
    return "%s; %s; %s" % (e, json.loads(e.spidata[1])["cause"]["type"], plpy.execute("SELECT temporal.failure_type() AS t")[0]["t"])
$$;
CREATE FUNCTION pl_fails(how text) RETURNS text LANGUAGE plperl AS $$
my $how = $_[0];
spi_exec_query("SELECT temporal.execute_activity('bad', 'Mine'::text)") if $how eq 'uncaught';
spi_exec_query("SELECT temporal.raise_application_error('from Perl', 'Pl')") if $how eq 'raised';
die "from the language" if $how eq 'perl';
eval { spi_exec_query("SELECT temporal.execute_activity('bad', 'Mine'::text)") };
if (my $error = $@) {
	die $error if $error =~ /^workflow (is suspended|was cancelled)/ || $how eq 'raised again';
	die "$error, giving up" if $how eq 'more';
	chomp $error;
	return "$error; " . spi_exec_query("SELECT temporal.failure_type() AS t")->{rows}[0]{t};
}
$$;
SELECT temporal.register_workflow(w) FROM unnest('{py_fails,pl_fails}'::text[]) w;
SELECT is(pg_temp.run('py_fails', '"caught"'), 'Activity task failed: went wrong; Mine; Mine', 'PL/Python catches a failure');
SELECT matches(pg_temp.run('py_fails', to_jsonb(h)), '^TF007 workflow .* failed: went wrong', 'PL/Python: ' || h) FROM unnest('{uncaught,raised again}'::text[]) h;
SELECT is((SELECT attributes #>> '{failure,cause,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'py_fails raised again' AND event_type = 'WorkflowExecutionFailed'),
	'Mine', '... as it came');
SELECT matches(pg_temp.run('py_fails', '"raised"'), '^TF007 .* failed: from Python$', 'PL/Python: raise_application_error()');
SELECT matches(pg_temp.run('py_fails', '"error"'), '^TF007 .* failed: .*from plpy', 'PL/Python: plpy.error with a SQLSTATE of a failure');
SELECT matches(pg_temp.task_failure('py_fails', '"python"'), 'ValueError: from the language', 'PL/Python: any other exception fails the task');
SELECT is(pg_temp.run('pl_fails', '"caught"'), 'Activity task failed: went wrong at line 6.; Mine', 'PL/Perl catches a failure');
SELECT matches(pg_temp.run('pl_fails', to_jsonb(h)), '^TF007 workflow .* failed: went wrong', 'PL/Perl: ' || h) FROM unnest('{uncaught,raised again}'::text[]) h;
SELECT is((SELECT attributes #>> '{failure,cause,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'pl_fails ' || h AND event_type = 'WorkflowExecutionFailed'),
	'Mine', '... as it came') FROM unnest('{uncaught,raised again}'::text[]) h;
SELECT matches(pg_temp.run('pl_fails', '"raised"'), '^TF007 .* failed: from Perl$', 'PL/Perl: raise_application_error()');
SELECT is((SELECT attributes #>> '{failure,applicationFailureInfo,type}' FROM temporal.history WHERE workflow_id = 'pl_fails raised' AND event_type = 'WorkflowExecutionFailed'), 'Pl', '... with its type');
SELECT matches(pg_temp.task_failure('pl_fails', '"perl"'), 'from the language.*38000', 'PL/Perl: any other error fails the task');
SELECT matches(pg_temp.task_failure('pl_fails', '"more"'), 'giving up.*38000', 'PL/Perl: an error with more to say is another one');

-- ---------- activities ----------

CREATE FUNCTION py_activity(how text) RETURNS text LANGUAGE plpython3u AS $$
if how == 'fails': plpy.execute("SELECT temporal.raise_application_error('from Python', 'Py', non_retryable => true)")
if how == 'sql': plpy.execute("SELECT 1 / 0")
return "%s in attempt %d" % (how, plpy.execute("SELECT (temporal.activity_info()).attempt AS a")[0]["a"])
$$;
CREATE FUNCTION pl_activity(how text) RETURNS text LANGUAGE plperl AS $$
spi_exec_query("SELECT temporal.raise_application_error('from Perl', 'Pl', non_retryable => true)") if $_[0] eq 'fails';
spi_exec_query("SELECT 1 / 0") if $_[0] eq 'sql';
return "$_[0] in attempt " . spi_exec_query("SELECT (temporal.activity_info()).attempt AS a")->{rows}[0]{a};
$$;
CREATE FUNCTION calls(activity text, how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN temporal.execute_activity(activity, how, retry_policy => temporal.retry_policy(maximum_attempts => 2)) #>> '{}';
EXCEPTION WHEN SQLSTATE 'TF002' THEN
	RETURN temporal.failure_type() || ' ' || (temporal.failure() ->> 'retry_state') || ': ' || (temporal.failure() #>> '{cause,message}');
END $$;
SELECT temporal.register_activity(a) FROM unnest('{py_activity,pl_activity}'::text[]) a;
SELECT temporal.register_workflow('calls');
SELECT is(temporal.test_run('calls', '["py_activity", "well"]') #>> '{}', 'well in attempt 1', 'an activity in PL/Python');
SELECT is(temporal.test_run('calls', '["pl_activity", "well"]') #>> '{}', 'well in attempt 1', 'an activity in PL/Perl');
SELECT is(temporal.test_run('calls', '["py_activity", "fails"]') #>> '{}', 'Py non_retryable_failure: from Python', 'PL/Python: its failure has its type, and is not tried again');
SELECT is(temporal.test_run('calls', '["pl_activity", "fails"]') #>> '{}', 'Pl non_retryable_failure: from Perl', 'PL/Perl');
SELECT is(temporal.test_run('calls', '["py_activity", "sql"]') #>> '{}', '22012 maximum_attempts_reached: spiexceptions.DivisionByZero: division by zero', 'PL/Python: an SQL error is told by its SQLSTATE');
SELECT is(temporal.test_run('calls', '["pl_activity", "sql"]') #>> '{}', '22012 maximum_attempts_reached: division by zero at line 3.', 'PL/Perl');

-- ---------- handlers ----------

CREATE FUNCTION py_service() RETURNS text LANGUAGE plpython3u AS $$
plpy.execute("SELECT temporal.wait_condition($c$state ? 'done' AND temporal.all_handlers_finished()$c$)")
return plpy.execute("SELECT temporal.state() AS s")[0]["s"]
$$;
CREATE FUNCTION py_signal(n int) RETURNS void LANGUAGE plpython3u AS $$
plpy.execute("SELECT temporal.sleep('1 minute')")
plpy.execute("SELECT temporal.set_state('signal', %d)" % n)
$$;
CREATE FUNCTION pl_signal(n int) RETURNS void LANGUAGE plperl AS $$
spi_exec_query("SELECT temporal.sleep('1 minute')");
spi_exec_query("SELECT temporal.set_state('perl', $_[0])");
$$;
CREATE FUNCTION py_query() RETURNS jsonb LANGUAGE plpython3u AS $$ return plpy.execute("SELECT temporal.state() AS s")[0]["s"] $$;
CREATE FUNCTION pl_query() RETURNS jsonb LANGUAGE plperl AS $$ return spi_exec_query("SELECT temporal.state() AS s")->{rows}[0]{s} $$;
CREATE FUNCTION py_update(n int) RETURNS int LANGUAGE plpython3u AS $$
plpy.execute("SELECT temporal.set_state('done', %d)" % n)
return n + 1
$$;
CREATE FUNCTION pl_update(n int) RETURNS int LANGUAGE plperl AS $$
spi_exec_query("SELECT temporal.set_state('pl', $_[0])");
return $_[0] + 1;
$$;
CREATE FUNCTION py_check(n int) RETURNS void LANGUAGE plpython3u AS $$
if n < 0: plpy.execute("SELECT temporal.raise_application_error('negative', 'Negative')")
$$;
CREATE FUNCTION pl_check(n int) RETURNS void LANGUAGE plperl AS $$ die "negative\n" if $_[0] < 0; $$;
SELECT temporal.register_workflow('py_service', signals => '{"python": "py_signal", "perl": "pl_signal"}', queries => '{"python": "py_query", "perl": "pl_query"}',
	updates => '{"python": ["py_update", "py_check"], "perl": ["pl_update", "pl_check"]}');
SELECT temporal.start_workflow('py_service', id => 'service');
SELECT temporal.test_drive();
SELECT temporal.signal('service', 'python', '1'), temporal.signal('service', 'perl', '2');
SELECT temporal.test_advance('2 minutes');
SELECT is(temporal.query('service', 'python'), '{"perl": 2, "signal": 1}', 'signal handlers that wait, a query handler in PL/Python');
SELECT is(temporal.query('service', 'perl'), '{"perl": 2, "signal": 1}', 'a query handler in PL/Perl');
SELECT is(temporal.update('service', 'perl', '3'), '4', 'an update handler in PL/Perl');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('service', 'perl', '-3')$$), 'TP023', 'a validator in PL/Perl');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('service', 'python', '-3')$$), 'TP023', 'a validator in PL/Python');
SELECT is(temporal.update('service', 'python', '5'), '6', 'an update handler in PL/Python');
SELECT temporal.test_drive('closed', 'service');
SELECT is(pg_temp.outcome('service'), '{"pl": 3, "done": 5, "perl": 2, "signal": 1}', 'the end of it');
SELECT pg_temp.replays('service');

-- ---------- cancellation ----------

CREATE FUNCTION py_sleeps() RETURNS text LANGUAGE plpython3u AS $$
try:
    plpy.execute("SELECT temporal.sleep('1 hour')")
except plpy.spiexceptions.QueryCanceled:
    plpy.execute("SELECT temporal.execute_activity('echo', '\"cleaned up\"')")
    raise
$$;
CREATE FUNCTION pl_sleeps() RETURNS text LANGUAGE plperl AS $$
eval { spi_exec_query("SELECT temporal.sleep('1 hour')") };
if (my $error = $@) {
	spi_exec_query(q{SELECT temporal.execute_activity('echo', '"cleaned up"')}) if $error =~ /^workflow was cancelled/;
	die $error;
}
$$;
CREATE FUNCTION sql_sleeps() RETURNS void LANGUAGE sql AS $$ SELECT temporal.sleep('1 hour') $$;
SELECT temporal.register_workflow(w), temporal.start_workflow(w, id => w) FROM unnest('{py_sleeps,pl_sleeps,sql_sleeps}'::text[]) w;
SELECT temporal.test_drive();
SELECT temporal.cancel(w) FROM unnest('{py_sleeps,pl_sleeps,sql_sleeps}'::text[]) w;
SELECT temporal.test_drive('idle');
SELECT is(pg_temp.status_of(w), 'Canceled', w || ' is cancelled') FROM unnest('{py_sleeps,pl_sleeps,sql_sleeps}'::text[]) w;
SELECT is((SELECT count(*)::int FROM temporal.history WHERE workflow_id = w AND event_type = 'ActivityTaskCompleted'), 1, w || ' has cleaned up')
FROM unnest('{py_sleeps,pl_sleeps}'::text[]) w;

-- ---------- the suspension is swallowed ----------

CREATE FUNCTION py_swallows(how text) RETURNS text LANGUAGE plpython3u AS $$
try:
    plpy.execute("SELECT temporal.wait_signal('wake')")
except:
    pass
if how == 'go on': plpy.execute("SELECT temporal.set_state('x', 1)")
if how == 'raise': raise Exception('something else')
return 'slept'
$$;
CREATE FUNCTION pl_swallows(how text) RETURNS text LANGUAGE plperl AS $$
eval { spi_exec_query("SELECT temporal.wait_signal('wake')") };
spi_exec_query("SELECT temporal.set_state('x', 1)") if $_[0] eq 'go on';
die "something else" if $_[0] eq 'raise';
return 'slept';
$$;
SELECT temporal.register_workflow(w) FROM unnest('{py_swallows,pl_swallows}'::text[]) w;
SELECT matches(pg_temp.task_failure(w, to_jsonb(h)), 'workflow task .* failed: .*caught the suspension.*It was suspended at: .*temporal.wait_signal.*' || f || ' function', w || ', then ' || h || ': the task fails, and says where')
FROM (VALUES ('py_swallows', 'PL/Python'), ('pl_swallows', 'PL/Perl')) v(w, f), unnest('{return,go on}'::text[]) h;
SELECT matches(pg_temp.task_failure(w, '"raise"'), 'something else.*suspension of the workflow was caught', w || ', then raise') FROM unnest('{py_swallows,pl_swallows}'::text[]) w;
SELECT temporal.start_workflow(w, '"return"', id => w || ' return') FROM unnest('{py_swallows,pl_swallows}'::text[]) w;
SELECT isnt(pg_temp.sqlstate_of($$SELECT temporal.test_drive('blocked')$$), 'ok', 'as long as they are so, they fail');
CREATE OR REPLACE FUNCTION py_swallows(how text) RETURNS text LANGUAGE plpython3u AS $$
return plpy.execute("SELECT temporal.wait_signal('wake') AS s")[0]["s"]
$$;
CREATE OR REPLACE FUNCTION pl_swallows(how text) RETURNS text LANGUAGE plperl AS $$
return spi_exec_query("SELECT temporal.wait_signal('wake') AS s")->{rows}[0]{s};
$$;
SELECT temporal.signal(w || ' return', 'wake', '"awake"') FROM unnest('{py_swallows,pl_swallows}'::text[]) w;
SELECT temporal.test_advance('1 minute');
SELECT is(pg_temp.outcome(w || ' return'), '"awake"', w || ' heals') FROM unnest('{py_swallows,pl_swallows}'::text[]) w;

-- ---------- the type of a wait's timeout ----------

CREATE FUNCTION awaits() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await(temporal.start_timer('1 h'), '1 s');
EXCEPTION WHEN SQLSTATE 'TF005' THEN
	RETURN temporal.failure_type() || ' ' || (temporal.failure() ->> 'type');
END $$;
SELECT temporal.register_workflow('awaits');
SELECT is(temporal.test_run('awaits') #>> '{}', 'await await', 'a wait that timed out says so');

SELECT * FROM finish();
ROLLBACK;
