-- Registering workflows, their handlers, and activities.

CREATE FUNCTION temporal.register_workflow(
	workflow_type text,
	function text DEFAULT NULL,
	init text DEFAULT NULL,
	signals jsonb DEFAULT NULL,
	queries jsonb DEFAULT NULL,
	updates jsonb DEFAULT NULL,
	task_queue text DEFAULT 'default',
	failure_sqlstates text[] DEFAULT '{P0001}',
	versioning_behavior text DEFAULT 'auto_upgrade')
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_workflow';
COMMENT ON FUNCTION temporal.register_workflow(text, text, text, jsonb, jsonb, jsonb, text, text[], text) IS
$$Registers a function as the code of a workflow type, in the namespace of the session (temporal_pg.namespace). Registering a type again replaces what was registered, with the handlers that this function was given; handlers that were registered separately stay, unless they are named again.

workflow_type: name of the type, at most 1000 bytes; '*' registers the function that runs every type without one of its own, called as f(name text, input jsonb).
function: the function: name, schema.name, or name(argument types) where the name is overloaded; the name of the type when not given. It is found in the search_path and kept by its signature, so it may be dropped and created again.
init: a function that takes the input of the workflow and runs before the workflow's own function and before any handler.
signals, queries: functions that take signals and queries, as {"name": "function"}. See register_signal_handler and register_query_handler.
updates: functions that take updates, as {"name": "handler"} or {"name": ["handler", "validator"]}. See register_update_handler.
task_queue: queue of runs that are started without one.
failure_sqlstates: SQLSTATEs of errors that end a run as Failed; one that ends in 000 stands for its class. Temporal failures (TF...) always do; every other error only fails the workflow task, which is tried again until the code is mended.
versioning_behavior: auto_upgrade: open runs go on with the code as it is when they are replayed. pinned: a run keeps the code that it began with, see below. Open runs stay what they are when it is registered with another one.

pinned: the functions of the workflow and of its handlers, and all functions of users that they reach, are copied into a schema of the extension's owner, named by a hash of all of it and first in the search_path of such runs; owner, rights and SET clauses stay. That is a version: runs that start from then on have it for their whole life, whatever becomes of the functions, the handlers and the registration. Registering the same code again makes none, changed code makes a new one. CREATE OR REPLACE FUNCTION alone changes neither open nor new runs (column is_outdated of view temporal.definition tells). A run that is continued as new, or reset, keeps the version; a child, and the next run of a cron schedule, begin with the one that is registered for their type; so does a retry, but that of a run which had inherited its version. A version that no run has any more, open or kept, and no registration, is dropped. Activities, tables and types are as they are today. Calls by schema (app.f()), or bound otherwise, would reach the originals and are refused; check_workflow() lists them.

The code, also that of handlers, runs as the owner of the function, with the search_path, TimeZone, DateStyle and the other settings of how values look and are read (see docs/determinism.md) of the session that registers the workflow type.
Errors: 42883 no such function, 42725 not unique, 42809 not an ordinary function, 42P13 wrong arguments for '*' or for a validator, or a function that cannot be pinned (DETAIL: which calls), 42723 two functions of one name that would be pinned together, 0A000 types that JSON cannot carry, TP022 code that is not deterministic (see check_workflow and the setting temporal_pg.determinism), 42501 not a member of the function's owner, a handler or a function to be pinned that belongs to another role than the function, or no level "author" in the namespace, 22004 and 22023 bad arguments, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.register_signal_handler(
	workflow_type text,
	signal_name text,
	handler text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_signal_handler';
COMMENT ON FUNCTION temporal.register_signal_handler(text, text, text) IS
$$Registers a function as the handler of a signal to runs of a workflow type, in the namespace of the session (temporal_pg.namespace). It takes such signals before wait_signal() sees them. Registering it again replaces what was registered.

workflow_type: a registered type, or '*' for the handlers of every run that the function registered as '*' runs.
signal_name: name of the signal, at most 1000 bytes, not beginning with "__temporal_" or "__stack_trace"; '*' registers the function for every signal without one of its own, called as f(name text, input jsonb).
handler: the function: name, schema.name, or name(argument types) where the name is overloaded. It takes the input of the signal; what it returns is ignored. It may do what a workflow may, and wait.

The code runs as the owner of the workflow's function, which has to be its own, with the settings that the registration of the workflow recorded.
Errors: TP014 the workflow type is not registered (HINT: near names), 42883 no such function, or the workflow's function does not exist now, 42725 not unique, 42809 not an ordinary function, 42P13 wrong arguments for '*', 0A000 types that JSON cannot carry, TP022 code that is not deterministic (see check_workflow), 42501 not a member of the function's owner, a function that belongs to another role than the workflow's, or no level "author" in the namespace, 22004 and 22023 bad arguments, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.register_query_handler(
	workflow_type text,
	query_name text,
	handler text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_query_handler';
COMMENT ON FUNCTION temporal.register_query_handler(text, text, text) IS
$$Registers a function as the handler of a query of runs of a workflow type, in the namespace of the session (temporal_pg.namespace). Registering it again replaces what was registered.

workflow_type: a registered type, or '*' for the handlers of every run that the function registered as '*' runs.
query_name: name of the query, at most 1000 bytes, not beginning with "__temporal_" or "__stack_trace"; '*' registers the function for every query without one of its own, called as f(name text, input jsonb).
handler: the function: name, schema.name, or name(argument types) where the name is overloaded. It takes the input of the query, and returns the answer. It must neither write nor wait.

The code runs as the owner of the workflow's function, which has to be its own, with the settings that the registration of the workflow recorded.
Errors: TP014 the workflow type is not registered (HINT: near names), 42883 no such function, or the workflow's function does not exist now, 42725 not unique, 42809 not an ordinary function, 42P13 wrong arguments for '*', 0A000 types that JSON cannot carry, TP022 code that is not deterministic (see check_workflow), 42501 not a member of the function's owner, a function that belongs to another role than the workflow's, or no level "author" in the namespace, 22004 and 22023 bad arguments, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.register_update_handler(
	workflow_type text,
	update_name text,
	handler text,
	validator text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_update_handler';
COMMENT ON FUNCTION temporal.register_update_handler(text, text, text, text) IS
$$Registers a function as the handler of an update of runs of a workflow type, in the namespace of the session (temporal_pg.namespace). Registering it again replaces what was registered, with the validator.

workflow_type: a registered type, or '*' for the handlers of every run that the function registered as '*' runs.
update_name: name of the update, at most 1000 bytes, not beginning with "__temporal_" or "__stack_trace"; '*' registers the functions for every update without one of its own, called as f(name text, input jsonb).
handler: the function: name, schema.name, or name(argument types) where the name is overloaded. It takes the input of the update, and returns its result. It may do what a workflow may, and wait.
validator: a function with the arguments of the handler (names, types, and defaults for the same ones) that is called first: an error rejects the update, which then leaves no trace. It must neither write nor wait; what it returns is ignored.

The code runs as the owner of the workflow's function, which has to be its own, with the settings that the registration of the workflow recorded.
Errors: TP014 the workflow type is not registered (HINT: near names), 42883 no such function, or the workflow's function does not exist now, 42725 not unique, 42809 not an ordinary function, 42P13 wrong arguments for '*' or for the validator, 0A000 types that JSON cannot carry, TP022 code that is not deterministic (see check_workflow), 42501 not a member of the function's owner, a function that belongs to another role than the workflow's, or no level "author" in the namespace, 22004 and 22023 bad arguments, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.register_activity(
	activity_type text,
	function text DEFAULT NULL,
	mode text DEFAULT 'transactional',
	task_queue text DEFAULT NULL,
	schedule_to_close_timeout interval DEFAULT NULL,
	schedule_to_start_timeout interval DEFAULT NULL,
	start_to_close_timeout interval DEFAULT NULL,
	heartbeat_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	cancellation_type text DEFAULT NULL,
	summary text DEFAULT NULL,
	priority_key integer DEFAULT NULL,
	settings jsonb DEFAULT NULL,
	fairness_key text DEFAULT NULL,
	fairness_weight double precision DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_activity';
COMMENT ON FUNCTION temporal.register_activity(text, text, text, text, interval, interval, interval, interval, temporal.retry_policy, text, text, integer, jsonb, text, double precision) IS
$$Registers a function as the code of an activity type, in the namespace of the session (temporal_pg.namespace). Registering a type again replaces what was registered.

activity_type: name of the type, at most 1000 bytes; '*' registers the function that runs every type without one of its own, called as f(name text, input jsonb).
function: the function: name, schema.name, or name(argument types) where the name is overloaded; the name of the type when not given. An external activity has none.
mode: transactional: what the attempt does and the record of its completion are one transaction, so it happens exactly once. external: workers outside of the database poll for it, see temporal.poll_activity_task(). autonomous: a procedure, CALLed so that it may COMMIT; its start is recorded first, so what it does happens at least once: an attempt whose process dies is followed by another one, which finds what was committed. Never within a workflow task, never as a local activity; in a test it is part of the test's transaction.
task_queue, schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout, heartbeat_timeout, retry_policy, cancellation_type, summary, priority_key, fairness_key, fairness_weight: what execute_activity and start_activity use where the call does not say it. An interval of zero is as good as none. cancellation_type is try_cancel, wait_cancellation_completed or abandon; priority_key is 1 (first) to 5; fairness_key has at most 64 bytes; fairness_weight is clamped to 0.001 to 1000. Where neither says them, they are those of the workflow.
settings: settings for each attempt, for example {"work_mem": "64MB"}; the function's owner must be allowed to set them. In mode autonomous they hold across its COMMITs.

The code runs as the owner of the function, with the search_path, TimeZone, DateStyle and the other settings of how values look and are read (see docs/determinism.md) of the session that registers it.
Errors: 42883 no such function, 42725 not unique, 42809 not an ordinary function, or (autonomous) no procedure, 42P13 a procedure with SECURITY DEFINER or a SET clause, which cannot COMMIT, 0A000 types that JSON cannot carry and what is not supported yet, 42501 not a member of the function's owner, or no level "author" in the namespace, 42704 unknown setting, 22004 and 22023 bad arguments, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.unregister_workflow(workflow_type text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unregister_workflow';
COMMENT ON FUNCTION temporal.unregister_workflow(text) IS
$$Removes the registration of a workflow type, and of its handlers, from the namespace of the session. Open runs of the type stay open; their workflow tasks fail until the type is registered again, except those of pinned runs, which go on with their version.

workflow_type: name of the type, or '*'.
Errors: TP014 when it is not registered (HINT: near names), 42501 without the level "author" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.unregister_handler(
	workflow_type text,
	kind text,
	name text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unregister_handler';
COMMENT ON FUNCTION temporal.unregister_handler(text, text, text) IS
$$Removes the registration of a handler of a workflow type from the namespace of the session, however it was registered.

workflow_type: a registered type, or '*'.
kind: signal, query, update (its validator goes with it), validator (by the name of its update) or init.
name: name of the signal, query or update, or '*'; not given for init.
Errors: TP014 the type or the handler is not registered (HINT: near names), 42501 without the level "author" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.unregister_activity(activity_type text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unregister_activity';
COMMENT ON FUNCTION temporal.unregister_activity(text) IS
$$Removes the registration of an activity type from the namespace of the session. Attempts that come due fail (NotFoundError) and are tried again by their retry policy, so they go on when the type is registered again in time.

activity_type: name of the type, or '*'.
Errors: TP014 when it is not registered (HINT: near names), 42501 without the level "author" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.check_workflow(function text, versioning_behavior text DEFAULT 'auto_upgrade')
RETURNS TABLE (function_name text, line integer, expression text, severity text, reason text, instead text)
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'tpg_sql_check_workflow';
COMMENT ON FUNCTION temporal.check_workflow(text, text) IS
$$What in a function, and in the functions that it calls, could give something else when the code is replayed, or is hardly meant as it stands. No rows: nothing was found. The function needs not be registered; none of it is run. Names are found in the search_path of the session.

function: of a workflow, handler, validator or init: name, schema.name, or name(argument types) where the name is overloaded.
versioning_behavior: pinned: also the calls that keep register_workflow() from pinning the function (error), and the places where it cannot see what is called (warning). Makes copies and undoes them, so that not on a standby.
function_name: where it stands, which may be a function that is called. line: of that function's body, as in error messages. expression: the statement or expression, shortened.
severity: error: a replay may see something else; registration refuses it (TP022) where temporal_pg.determinism is error. warning: deterministic, but hardly what was meant, or known only when it runs. note: it could not be looked at.
reason: why. instead: what to call instead.
Errors: TP021 when it is called by workflow code, 42883 no such function, 42725 not unique, 42602 no name, 42501 pinned, and not a member of the function's owner, 25006 pinned, in a read-only transaction, 22004, 22023.$$;
