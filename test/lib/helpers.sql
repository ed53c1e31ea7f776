-- What the pgTAP tests share. Each includes it in its transaction, behind plan().

-- SQLSTATE, message, DETAIL and HINT of the error that a command raises, or 'ok'
CREATE FUNCTION pg_temp.sqlstate_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.message_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION pg_temp.detail_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN d;
END $$;
CREATE FUNCTION pg_temp.hint_of(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE h text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS OR assert_failure THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	RETURN h;
END $$;

-- the types of the events of a run, without WorkflowExecution
CREATE FUNCTION pg_temp.events_of(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(replace(event_type::text, 'WorkflowExecution', '') ORDER BY event_id) FROM temporal.history WHERE workflow_id = id
$$;
CREATE FUNCTION pg_temp.status_of(id text) RETURNS text LANGUAGE sql AS $$
	SELECT status::text FROM temporal.workflow WHERE workflow_id = id AND is_current
$$;
CREATE FUNCTION pg_temp.replays(id text) RETURNS text LANGUAGE sql AS $$
	SELECT is(temporal.replay(id), (SELECT history_length FROM temporal.workflow WHERE workflow_id = id)::int, id || ' replays')
$$;
