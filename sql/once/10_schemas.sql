-- The two schemas. Plain CREATE: a schema of that name made by somebody else must be an error, never adopted.

CREATE SCHEMA temporal;
COMMENT ON SCHEMA temporal IS 'Durable workflows: the public functions, types and views of temporal_pg.';
GRANT USAGE ON SCHEMA temporal TO PUBLIC;

CREATE SCHEMA temporal_internal;
COMMENT ON SCHEMA temporal_internal IS 'Tables and private functions of temporal_pg. Nobody but the owner of the extension has rights here; everything goes through schema temporal.';
