-- Registering workflows and activities.

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
$$Registers a function as the code of a workflow type, in the namespace of the session (temporal_pg.namespace). Registering a type again replaces what was registered.

workflow_type: name of the type, at most 1000 bytes; '*' registers the function that runs every type without one of its own, called as f(name text, input jsonb).
function: the function: name, schema.name, or name(argument types) where the name is overloaded; the name of the type when not given. It is found in the search_path and kept by its signature, so it may be dropped and created again.
init, signals, queries, updates: handlers; not supported yet.
task_queue: queue of runs that are started without one.
failure_sqlstates: SQLSTATEs of errors that end a run as Failed; one that ends in 000 stands for its class. Temporal failures (TF...) always do; every other error only fails the workflow task, which is tried again until the code is mended.
versioning_behavior: auto_upgrade: open runs go on with the code as it is when they are replayed. pinned is not supported yet.

The code runs as the owner of the function, with the search_path, TimeZone, DateStyle, IntervalStyle and extra_float_digits of the session that registers it.
Errors: 42883 no such function, 42725 not unique, 42809 not an ordinary function, 0A000 types that JSON cannot carry and what is not supported yet, 42501 not a member of the function's owner, or no level "author" in the namespace, 22004 and 22023 bad arguments.$$;

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
	settings jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_activity';
COMMENT ON FUNCTION temporal.register_activity(text, text, text, text, interval, interval, interval, interval, temporal.retry_policy, text, text, integer, jsonb) IS
$$Registers a function as the code of an activity type, in the namespace of the session (temporal_pg.namespace). Registering a type again replaces what was registered.

activity_type: name of the type, at most 1000 bytes; '*' registers the function that runs every type without one of its own, called as f(name text, input jsonb).
function: the function: name, schema.name, or name(argument types) where the name is overloaded; the name of the type when not given.
mode: transactional: what the attempt does and the record of its completion are one transaction, so it happens exactly once. autonomous and external are not supported yet.
task_queue, schedule_to_close_timeout, schedule_to_start_timeout, start_to_close_timeout, heartbeat_timeout, retry_policy, cancellation_type, summary, priority_key: what execute_activity and start_activity use where the call does not say it. An interval of zero is as good as none. cancellation_type is try_cancel, wait_cancellation_completed or abandon; priority_key is 1 (first) to 5; these two and heartbeat_timeout are kept, without effect yet.
settings: settings for each attempt, for example {"statement_timeout": "5s"}; the function's owner must be allowed to set them.

The code runs as the owner of the function, with the search_path, TimeZone, DateStyle, IntervalStyle and extra_float_digits of the session that registers it.
Errors: 42883 no such function, 42725 not unique, 42809 not an ordinary function, 0A000 types that JSON cannot carry and what is not supported yet, 42501 not a member of the function's owner, or no level "author" in the namespace, 42704 unknown setting, 22004 and 22023 bad arguments.$$;

CREATE FUNCTION temporal.unregister_workflow(workflow_type text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unregister_workflow';
COMMENT ON FUNCTION temporal.unregister_workflow(text) IS
$$Removes the registration of a workflow type from the namespace of the session. Open runs of the type stay open; their workflow tasks fail until the type is registered again.

workflow_type: name of the type, or '*'.
Errors: TP014 when it is not registered (HINT: near names), 42501 without the level "author" in the namespace, 22004, 22023.$$;

CREATE FUNCTION temporal.unregister_activity(activity_type text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unregister_activity';
COMMENT ON FUNCTION temporal.unregister_activity(text) IS
$$Removes the registration of an activity type from the namespace of the session. Attempts that come due fail (NotFoundError) and are tried again by their retry policy, so they go on when the type is registered again in time.

activity_type: name of the type, or '*'.
Errors: TP014 when it is not registered (HINT: near names), 42501 without the level "author" in the namespace, 22004, 22023.$$;
