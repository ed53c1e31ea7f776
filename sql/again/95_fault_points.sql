-- For crash tests.

CREATE FUNCTION temporal_internal.fault_points()
RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_fault_points';
COMMENT ON FUNCTION temporal_internal.fault_points() IS 'Names of the points at which a test may have a process killed: with temporal_pg.fault_injection on, the process that passes the point named x removes the file temporal_pg_fault_x in the data directory and kills itself.';

CREATE FUNCTION temporal_internal.fail_at(points integer)
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_fail_at';
COMMENT ON FUNCTION temporal_internal.fail_at(integer) IS 'The so manieth fault point that this session passes from now on raises an error (57P02), once: a crash for a test in one transaction, which then rolls back to a savepoint. 0: none.';

CREATE FUNCTION temporal_internal.forget_runs()
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_forget_runs';
COMMENT ON FUNCTION temporal_internal.forget_runs() IS 'Drops the histories that this process keeps in memory between tasks.';
