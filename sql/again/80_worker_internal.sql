-- The background processes, as the library sees them.

CREATE FUNCTION temporal_internal.extension_created() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'tpg_sql_extension_created';
REVOKE ALL ON FUNCTION temporal_internal.extension_created() FROM PUBLIC;
COMMENT ON FUNCTION temporal_internal.extension_created() IS
    'Has a dispatcher started in this database when the transaction commits.';

-- Executable by everybody, because views of schema temporal call it with the rights of the one who asks; the
-- schema keeps others out.
CREATE FUNCTION temporal_internal.worker_slots(
    OUT slot integer, OUT pid integer, OUT database oid, OUT role oid, OUT status text,
    OUT execution_key bigint, OUT event_id integer, OUT started_at timestamptz, OUT since timestamptz,
    OUT workflow_tasks bigint, OUT activities bigint, OUT failures bigint)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL SAFE ROWS 8
    AS 'MODULE_PATHNAME', 'tpg_sql_worker_slots';
COMMENT ON FUNCTION temporal_internal.worker_slots() IS
    'Executors of all databases: status starting, connecting, idle or busy (since when), what is in flight, and what was done since the executor started.';

CREATE FUNCTION temporal_internal.worker_queues(
    OUT database oid, OUT role oid, OUT waiting integer, OUT waiting_since timestamptz,
    OUT executors integer, OUT idle integer, OUT start_failures integer, OUT retry_at timestamptz)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL SAFE ROWS 8
    AS 'MODULE_PATHNAME', 'tpg_sql_worker_queues';
COMMENT ON FUNCTION temporal_internal.worker_queues() IS
    'Work queues in shared memory, one for each database and role: hints that wait, executors, and when to try again to start one after failures.';

-- Executable by everybody for the same reason.
CREATE FUNCTION temporal_internal.heartbeats(
    OUT execution_key bigint, OUT scheduled_event_id integer, OUT attempt integer, OUT heartbeat_at timestamptz, OUT details jsonb)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL SAFE ROWS 8
    AS 'MODULE_PATHNAME', 'tpg_sql_heartbeats';
COMMENT ON FUNCTION temporal_internal.heartbeats() IS
    'The last heartbeat of each attempt that an executor of this database is running, as shared memory has it; the table activity_heartbeat follows.';
