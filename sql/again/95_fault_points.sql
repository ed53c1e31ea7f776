-- For crash tests.

CREATE FUNCTION temporal_internal.fault_points()
RETURNS text[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_fault_points';
COMMENT ON FUNCTION temporal_internal.fault_points() IS 'Names of the points at which a test may have a process killed: with temporal_pg.fault_injection on, the process that passes the point named x removes the file temporal_pg_fault_x in the data directory and kills itself.';
