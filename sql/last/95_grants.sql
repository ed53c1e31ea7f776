-- Who may do what. Functions of schema temporal check the rights of their caller themselves, views filter by them; schema
-- temporal_internal is closed, whatever default privileges the installing role has set.

REVOKE ALL ON SCHEMA temporal_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA temporal_internal FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA temporal_internal FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA temporal_internal FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA temporal FROM PUBLIC;

GRANT SELECT ON temporal.namespace, temporal.workflow, temporal.child_workflow, temporal.history, temporal.pending_activity, temporal.pending_message,
	temporal.timer, temporal.task_queue, temporal.task_queue_backlog, temporal.worker, temporal.definition, temporal.search_attribute, temporal.workflow_update,
	temporal.http_access, temporal.secret TO PUBLIC;

-- Called, with the rights of the one who asks, by views and by functions of schema temporal that were bound to them when
-- they were made. Without USAGE on the schema nobody can call them by name.
GRANT EXECUTE ON FUNCTION
	temporal_internal.may_see(integer),
	temporal_internal.access_level(integer),
	temporal_internal.clock_now(),
	temporal_internal.failure_message(jsonb),
	temporal_internal.version_is_outdated(text),
	temporal_internal.find_run(text, uuid, integer),
	temporal_internal.worker_slots(),
	temporal_internal.pollers(integer, text),
	temporal_internal.task_queue_state(integer, text, text),
	temporal_internal.heartbeats(),
	temporal_internal.trace_run(bigint),
	temporal_internal.explain_run(bigint),
	temporal_internal.describe_run(bigint),
	temporal_internal.command_activities(text, uuid, text, text, jsonb, interval),
	temporal_internal.activity_options(text, interval, interval, interval, interval, temporal.retry_policy, integer, text, double precision)
	TO PUBLIC;

-- operators of temporal.future
GRANT EXECUTE ON FUNCTION
	temporal_internal.future_in(cstring),
	temporal_internal.future_out(temporal.future),
	temporal_internal.future_eq(temporal.future, temporal.future),
	temporal_internal.future_ne(temporal.future, temporal.future),
	temporal_internal.future_lt(temporal.future, temporal.future),
	temporal_internal.future_le(temporal.future, temporal.future),
	temporal_internal.future_gt(temporal.future, temporal.future),
	temporal_internal.future_ge(temporal.future, temporal.future),
	temporal_internal.future_cmp(temporal.future, temporal.future),
	temporal_internal.future_hash(temporal.future)
	TO PUBLIC;
