-- Whole histories, event by event with their attributes. Each test that compares some includes it behind helpers.sql.

-- one line an event: id, seconds since the start, type, attributes without what differs from run to run
CREATE FUNCTION pg_temp.history_of(id text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s +%s %s %s', event_id, trim_scale(extract(epoch FROM event_time - min(event_time) OVER ())), event_type,
		regexp_replace(regexp_replace(
			(attributes - '{identity,originalExecutionRunId,firstExecutionRunId}'::text[])::text,
			'"identity": "[^"]*"(, )?', '', 'g'), ', "stackTrace": "(\\.|[^"\\])*"', '', 'g'))
	FROM temporal.history WHERE workflow_id = id ORDER BY event_id
$$;
CREATE FUNCTION pg_temp.follows(id text, expected text, what text) RETURNS text LANGUAGE sql AS $$
	SELECT results_eq(format('SELECT pg_temp.history_of(%L)', id),
		format('SELECT btrim(l, E''\t '') FROM regexp_split_to_table(%L, %L) WITH ORDINALITY x (l, n) WHERE btrim(l, E''\t '') <> %L ORDER BY n', btrim(expected), E'\n', ''), what)
$$;
