-- trace(): a history for people.
--
-- The functions that read tables are SECURITY DEFINER and take the key of a run; the public ones call them with the key that
-- find_run() gives after it has checked the rights of the one who asks.

CREATE FUNCTION temporal_internal.short_text(value text, width integer)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN length(v.line) <= width THEN v.line ELSE left(v.line, greatest(width, 3) - 3) || '...' END
	FROM (SELECT btrim(regexp_replace(left(value, width * 4 + 100), '[[:space:][:cntrl:]]+', ' ', 'g')) AS line) v;
END;
COMMENT ON FUNCTION temporal_internal.short_text(text, integer) IS 'A text on one line of at most so many characters.';

CREATE FUNCTION temporal_internal.short_duration(duration interval)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE
		WHEN d.ms < 1000 THEN d.ms || ' ms'
		WHEN d.ms < 60000 THEN trim_scale(round(d.ms / 1000.0, 2)) || ' s'
		WHEN d.ms < 3600000 THEN d.ms / 60000 || ' min' || coalesce(' ' || nullif(d.ms / 1000 % 60, 0) || ' s', '')
		WHEN d.ms < 86400000 THEN d.ms / 3600000 || ' h' || coalesce(' ' || nullif(d.ms / 60000 % 60, 0) || ' min', '')
		ELSE d.ms / 86400000 || ' d' || coalesce(' ' || nullif(d.ms / 3600000 % 24, 0) || ' h', '') END
	FROM (SELECT greatest(round(extract(epoch FROM duration) * 1000), 0)::bigint AS ms) d;
END;
COMMENT ON FUNCTION temporal_internal.short_duration(interval) IS 'A duration in one or two units: 12 ms, 2.5 s, 3 min 4 s, 2 d 1 h.';

-- one expression, not STRICT: so that it is inlined, being used for each line
CREATE FUNCTION temporal_internal.short_offset(duration interval)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT '+' || CASE
		WHEN duration < '1 minute' THEN greatest(round(extract(epoch FROM duration), 3), 0.000) || 's'
		WHEN duration < '1 hour' THEN to_char(duration, 'FMMI"m"SS"s"')
		WHEN duration < '1 day' THEN to_char(duration, 'FMHH24"h"MI"m"')
		ELSE to_char(justify_hours(duration), 'FMDDD"d"HH24"h"') END;
END;
COMMENT ON FUNCTION temporal_internal.short_offset(interval) IS 'Time since the start of a run: +0.012s, +3m04s, +2d01h.';

CREATE FUNCTION temporal_internal.failure_text(failure jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce('activity ' || (failure #>> '{activityFailureInfo,activityType,name}') || ': ', '')
		|| CASE WHEN f.type IN ('P0001', 'TF001') OR f.type IN ('start_to_close', 'schedule_to_start', 'schedule_to_close', 'heartbeat', 'unspecified')
			THEN '' ELSE coalesce(f.type || ': ', '') END
		|| coalesce(f.message, '')
	FROM (SELECT temporal_internal.failure_type(failure) AS type, temporal_internal.failure_message(failure) AS message) f;
END;
COMMENT ON FUNCTION temporal_internal.failure_text(jsonb) IS 'A failure in one sentence: type and message of its innermost cause, and the activity where it is one''s.';

CREATE FUNCTION temporal_internal.activity_label(type text, id text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT temporal_internal.short_text(type, 22 - length(i.id)) || ' #' || i.id
	FROM (SELECT temporal_internal.short_text(id, 8) AS id) i;
END;
COMMENT ON FUNCTION temporal_internal.activity_label(text, text) IS 'Type and id of an activity, in at most 24 characters.';

CREATE FUNCTION temporal_internal.words_of(name text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT lower(regexp_replace(replace(name, '_', ' '), '([a-z])([A-Z])', '\1 \2', 'g'));
END;
COMMENT ON FUNCTION temporal_internal.words_of(text) IS 'MAXIMUM_ATTEMPTS_REACHED and ActivityTaskStarted as words.';

CREATE FUNCTION temporal_internal.trace_run(execution_key bigint)
RETURNS TABLE (event_id integer, at text, event text, detail text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
ROWS 50
AS $$
	WITH run AS (
		SELECT e.key, e.workflow_type, e.status, e.attempt,
			-- a history that began in another run began before this one (reset)
			coalesce((SELECT h.event_time FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_id = 1), e.start_time) AS start_time, e.wft_attempt, e.last_task_failure
		FROM temporal_internal.execution e
		WHERE e.key = $1
	), ev AS MATERIALIZED (
		SELECT h.event_id, h.event_type, h.event_time, h.attributes AS a, h.user_metadata ->> 'summary' AS summary,
			CASE WHEN h.event_type <> 10 THEN NULL
				WHEN h.attributes #>> '{activityType,name}' ~ '^[[:graph:]]{1,14}$' AND h.attributes ->> 'activityId' ~ '^[[:graph:]]{1,8}$'
					THEN (h.attributes #>> '{activityType,name}') || ' #' || (h.attributes ->> 'activityId')
				ELSE temporal_internal.activity_label(h.attributes #>> '{activityType,name}', h.attributes ->> 'activityId') END AS activity,
			(h.attributes ->> 'scheduledEventId')::integer AS scheduled_id,
			-- not stored where it is the event before
			coalesce((h.attributes ->> 'startedEventId')::integer, h.event_id - 1) AS started_id
		FROM temporal_internal.history h
		WHERE h.execution_key = $1
	), labelled AS (
		SELECT v.event_id, v.event_type, v.event_time, v.a, v.summary, st.event_time AS began,
			coalesce(v.activity, sc.activity) AS activity,
			'timer #' || temporal_internal.short_text(v.a ->> 'timerId', 16) AS timer,
			v.a #>> '{details,data,activityType}' AS local_activity,
			coalesce(temporal_internal.failure_text(v.a -> 'failure'), '')
				|| CASE v.a ->> 'retryState'
					WHEN 'RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED' THEN ' (last attempt)'
					WHEN 'RETRY_STATE_NON_RETRYABLE_FAILURE' THEN ' (not retryable)'
					WHEN 'RETRY_STATE_TIMEOUT' THEN ' (no time left)'
					WHEN 'RETRY_STATE_CANCEL_REQUESTED' THEN ' (cancel requested)'
					ELSE '' END AS failure,
			-- of the event that closes a run
			CASE WHEN v.a ->> 'retryState' = 'RETRY_STATE_IN_PROGRESS' THEN 'tried again' WHEN v.a ? 'newExecutionRunId' THEN 'next run by cron' END AS follows
		FROM ev v
		LEFT JOIN ev sc ON sc.event_id = v.scheduled_id AND v.event_type BETWEEN 11 AND 16
		LEFT JOIN ev st ON st.event_id = v.started_id AND v.event_type BETWEEN 12 AND 16
	), line AS (
		SELECT 1 AS part, l.event_id AS pos, l.event_id, l.event_time,
			CASE l.event_type
				WHEN 1 THEN 'workflow ' || temporal_internal.short_text((SELECT r.workflow_type FROM run r), 25) || ' started'
				WHEN 2 THEN 'workflow completed'
				WHEN 3 THEN 'workflow failed'
				WHEN 4 THEN 'workflow timed out'
				WHEN 9 THEN CASE l.a ->> 'cause' WHEN 'RESET_WORKFLOW' THEN 'workflow reset' ELSE 'workflow task failed' END
				WHEN 10 THEN 'activity ' || l.activity || ' scheduled'
				WHEN 11 THEN '  ' || l.activity || ' started'
				WHEN 12 THEN '  ' || l.activity || ' completed'
				WHEN 13 THEN '  ' || l.activity || ' failed'
				WHEN 14 THEN '  ' || l.activity || ' timed out'
				WHEN 15 THEN '  ' || l.activity || ' cancel requested'
				WHEN 16 THEN '  ' || l.activity || ' canceled'
				WHEN 17 THEN l.timer || ' started (' || temporal_internal.short_duration((l.a ->> 'startToFireTimeout')::interval) || ')'
				WHEN 18 THEN '  ' || l.timer || ' fired'
				WHEN 19 THEN '  ' || l.timer || ' canceled'
				WHEN 20 THEN 'cancel requested'
				WHEN 21 THEN 'workflow canceled'
				WHEN 22 THEN 'cancel request sent'
				WHEN 23 THEN '  not taken'
				WHEN 24 THEN '  taken'
				WHEN 25 THEN CASE
					WHEN l.local_activity IS NOT NULL THEN 'local activity ' || temporal_internal.short_text(l.local_activity, 16)
						|| CASE WHEN l.a ? 'failure' THEN ' failed' ELSE ' completed' END
					WHEN l.a ->> 'markerName' = 'SideEffect' THEN 'side effect'
					WHEN l.a ->> 'markerName' = 'core_patch' THEN 'patch ' || temporal_internal.short_text(l.a #>> '{details,patch-data,id}', 30)
					ELSE 'marker ' || temporal_internal.short_text(l.a ->> 'markerName', 30) END
				WHEN 26 THEN 'signal ' || temporal_internal.short_text(l.a ->> 'signalName', 25) || ' received'
				WHEN 27 THEN 'workflow terminated'
				WHEN 28 THEN 'workflow continued as new'
				WHEN 22 THEN 'cancellation sent'
				WHEN 23 THEN '  not taken'
				WHEN 24 THEN '  taken'
				WHEN 29 THEN 'child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' initiated'
				WHEN 30 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' not started'
				WHEN 31 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' started'
				WHEN 32 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' completed'
				WHEN 33 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' failed'
				WHEN 34 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' canceled'
				WHEN 35 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' timed out'
				WHEN 36 THEN '  child ' || temporal_internal.short_text(l.a #>> '{workflowType,name}', 25) || ' terminated'
				WHEN 37 THEN 'signal ' || temporal_internal.short_text(l.a ->> 'signalName', 25) || ' sent'
				WHEN 38 THEN '  not taken'
				WHEN 39 THEN '  taken'
				WHEN 40 THEN CASE WHEN l.a -> 'searchAttributes' ? 'TemporalChangeVersion' THEN '  listed in TemporalChangeVersion' ELSE 'search attributes changed' END
				WHEN 41 THEN 'update ' || temporal_internal.short_text(l.a #>> '{acceptedRequest,input,name}', 25) || ' accepted'
				WHEN 43 THEN '  update ' || coalesce((SELECT temporal_internal.short_text(u.a #>> '{acceptedRequest,input,name}', 25)
					FROM labelled u WHERE u.event_id = (l.a ->> 'acceptedEventId')::integer), '?')
					|| CASE WHEN l.a #> '{outcome,failure}' IS NULL THEN ' completed' ELSE ' failed' END
				WHEN 46 THEN 'memo changed'
				WHEN 47 THEN 'update ' || temporal_internal.short_text(l.a #>> '{request,input,name}', 25) || ' asked again'
				ELSE temporal_internal.words_of((enum_range(NULL::temporal.event_type))[l.event_type]::text) END AS event,
			CASE l.event_type
				WHEN 1 THEN concat_ws('; ',
					CASE l.a ->> 'initiator' WHEN 'CONTINUE_AS_NEW_INITIATOR_RETRY' THEN 'attempt ' || (SELECT r.attempt FROM run r) || ', after '
						WHEN 'CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE' THEN 'cron, after '
						ELSE 'start delay ' END || temporal_internal.short_duration((l.a ->> 'firstWorkflowTaskBackoff')::interval),
					l.summary, nullif((l.a -> 'input')::text, 'null'))
				WHEN 2 THEN concat_ws('; ', nullif((l.a -> 'result')::text, 'null'), l.follows)
				WHEN 3 THEN concat_ws('; ', nullif(l.failure, ''), l.follows)
				WHEN 4 THEN concat_ws('; ', CASE l.a ->> 'retryState' WHEN 'RETRY_STATE_TIMEOUT' THEN 'execution timeout' ELSE 'run timeout' END, l.follows)
				WHEN 8 THEN 'task timeout'
				WHEN 9 THEN l.failure
				WHEN 10 THEN concat_ws('; ', l.summary, nullif((l.a -> 'input')::text, 'null'))
				WHEN 11 THEN CASE WHEN (l.a ->> 'attempt')::integer > 1 THEN
					'attempt ' || (l.a ->> 'attempt') || coalesce(', after ' || temporal_internal.failure_text(l.a -> 'lastFailure'), '') END
				WHEN 12 THEN concat_ws(': ', temporal_internal.short_duration(l.event_time - l.began), nullif((l.a -> 'result')::text, 'null'))
				WHEN 17 THEN l.summary
				WHEN 20 THEN concat_ws(': ', 'by workflow ' || (l.a #>> '{externalWorkflowExecution,workflowId}'), l.a ->> 'cause')
				WHEN 21 THEN nullif((l.a -> 'details')::text, 'null')
				WHEN 22 THEN 'to ' || (l.a #>> '{workflowExecution,workflowId}') || coalesce(': ' || (l.a ->> 'reason'), '')
				WHEN 23 THEN 'no such workflow'
				WHEN 25 THEN CASE WHEN l.a ? 'failure' THEN l.failure
						|| coalesce(' (again after ' || temporal_internal.short_duration((l.a #>> '{details,data,backoff}')::interval) || ')', '')
					WHEN l.local_activity IS NOT NULL THEN nullif((l.a #> '{details,result}')::text, 'null')
					WHEN l.a ->> 'markerName' = 'core_patch' THEN CASE l.a #>> '{details,patch-data,deprecated}' WHEN 'true' THEN 'deprecated' END
					ELSE (l.a #> '{details,data}')::text END
				WHEN 26 THEN nullif((l.a -> 'input')::text, 'null')
				WHEN 27 THEN concat_ws(': ', l.a ->> 'reason', l.a ->> 'details')
				WHEN 28 THEN concat_ws('; ', 'after ' || temporal_internal.short_duration((l.a ->> 'backoffStartInterval')::interval), nullif((l.a -> 'input')::text, 'null'))
				WHEN 22 THEN 'to ' || (l.a #>> '{workflowExecution,workflowId}')
				WHEN 23 THEN 'no such workflow'
				WHEN 29 THEN concat_ws('; ', l.a ->> 'workflowId', l.summary, nullif((l.a -> 'input')::text, 'null'))
				WHEN 30 THEN 'its id is in use'
				WHEN 32 THEN nullif((l.a -> 'result')::text, 'null')
				WHEN 33 THEN l.failure
				WHEN 37 THEN 'to ' || (l.a #>> '{workflowExecution,workflowId}') || coalesce(': ' || nullif((l.a -> 'input')::text, 'null'), '')
				WHEN 38 THEN CASE l.a ->> 'cause' WHEN 'SIGNAL_COUNT_LIMIT_EXCEEDED' THEN 'has taken too many signals' ELSE 'no such open workflow' END
				WHEN 40 THEN coalesce(l.a #> '{searchAttributes,TemporalChangeVersion}', l.a -> 'searchAttributes')::text
				WHEN 41 THEN nullif((l.a #> '{acceptedRequest,input,args}')::text, 'null')
				WHEN 47 THEN nullif((l.a #> '{request,input,args}')::text, 'null')
				WHEN 43 THEN coalesce(temporal_internal.failure_text(l.a #> '{outcome,failure}'), nullif((l.a #> '{outcome,success}')::text, 'null'))
				WHEN 46 THEN (l.a -> 'upsertedMemo')::text
				ELSE nullif(l.failure, '') END AS detail
		FROM labelled l
		UNION ALL
		-- what happens to a run that is open and leaves no event
		SELECT 2, t.scheduled_event_id, NULL, NULL,
			'  ' || temporal_internal.activity_label(t.activity_type, t.activity_id)
				|| CASE WHEN t.paused THEN ' is paused' ELSE ' waits for attempt ' || t.attempt END,
			CASE WHEN t.attempt > 1 THEN 'attempt ' || t.attempt - 1 || ': ' || temporal_internal.failure_text(t.last_failure) END
		FROM temporal_internal.activity_task t
		WHERE t.execution_key = $1 AND (t.attempt > 1 OR t.paused)
		UNION ALL
		SELECT 3, 0, NULL, NULL, 'workflow task failed ' || r.wft_attempt - 1 || ' times', temporal_internal.failure_text(r.last_task_failure)
		FROM run r
		WHERE r.status IN (1, 8) AND r.wft_attempt > 2
		UNION ALL
		SELECT 4, 0, NULL, NULL, 'still running', 'see temporal.explain()'
		FROM run r
		WHERE r.status IN (1, 8)
	), cut AS (
		SELECT l.part, l.pos, l.event_id, l.event_time, l.detail,
			CASE WHEN length(l.event) <= 43 THEN l.event ELSE left(l.event, 40) || '...' END AS event
		FROM line l
	), sized AS (
		SELECT c.*, 70 - max(length(c.event)) OVER () AS width
		FROM cut c
	)
	-- psql shows it in less than 100 columns: 18 around and between, 8 for event_id, at most 9 for the time, the rest for these two
	SELECT s.event_id, temporal_internal.short_offset(s.event_time - r.start_time), s.event,
		CASE WHEN s.detail IS NULL THEN ''
			WHEN length(s.detail) <= s.width AND s.detail !~ '[[:cntrl:]]' THEN s.detail
			ELSE temporal_internal.short_text(s.detail, s.width) END
	FROM sized s, run r
	ORDER BY s.part, s.pos
$$;
COMMENT ON FUNCTION temporal_internal.trace_run(bigint) IS 'temporal.trace() of a run that the caller may see.';

CREATE FUNCTION temporal.trace(workflow_id text, run_id uuid DEFAULT NULL)
RETURNS TABLE (event_id integer, at text, event text, detail text)
LANGUAGE sql STABLE
ROWS 50
BEGIN ATOMIC
	SELECT t.event_id, t.at, t.event, t.detail
	FROM temporal_internal.trace_run(temporal_internal.find_run($1, $2, 1)) t;
END;
COMMENT ON FUNCTION temporal.trace(text, uuid) IS
$$The history of a workflow as a timeline for people: a line an event, in less than 100 columns. What belongs to an activity or timer that was started before is indented.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
run_id: which run of it; the current one when not given.
event_id: number of the event; NULL for lines about an open run that are not events.
at: time since the start of the run.
event: what happened, to which activity or timer (type #id).
detail: input, result, failure, attempt, how long an activity took; cut to fit. In full: temporal.history.

Errors: TP010 no such workflow or run, 42501 without the level "client" in the namespace, 22004, 22023.$$;
