-- The views, and the functions below them.
--
-- Tables are read with the rights of the views' owner, functions are called with those of the one who asks. So each view
-- filters by what temporal_internal.may_see() says about the current user: once for each namespace, before any row is
-- read, in a form that can be an index condition. The views are security barriers: an operator or function of the user
-- sees only rows that have passed that filter, unless it is leakproof, as comparisons of ids, numbers and times are.

CREATE FUNCTION temporal_internal.access_level(namespace_id integer)
RETURNS integer
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tpg_sql_access_level';
COMMENT ON FUNCTION temporal_internal.access_level(integer) IS 'What the current user may do in a namespace: 0 nothing, 1 client, 2 author, 3 admin. Namespace 0: 3 for the owner of the extension, else 0.';

CREATE FUNCTION temporal_internal.clock_now()
RETURNS timestamptz
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tpg_sql_clock_now';
COMMENT ON FUNCTION temporal_internal.clock_now() IS 'The clock of the engine: the time, or the virtual time of a test.';

CREATE FUNCTION temporal_internal.failure_message(failure jsonb)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_failure_message_of';
COMMENT ON FUNCTION temporal_internal.failure_message(jsonb) IS 'Message of the innermost cause of a failure.';

CREATE FUNCTION temporal_internal.version_is_outdated(version text)
RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'tpg_sql_version_is_outdated';
COMMENT ON FUNCTION temporal_internal.version_is_outdated(text) IS 'Is one of the functions that were copied for a version another one by now, or gone? False for an unknown version.';

CREATE FUNCTION temporal_internal.failure_type(failure jsonb)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_failure_type_of';
COMMENT ON FUNCTION temporal_internal.failure_type(jsonb) IS 'Type of the innermost application failure of a chain, or which timeout it was; NULL when it is neither.';

CREATE FUNCTION temporal_internal.find_run(workflow_id text, run_id uuid, level integer)
RETURNS bigint
LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_find_run';
COMMENT ON FUNCTION temporal_internal.find_run(text, uuid, integer) IS 'Key of a run in the namespace of the session: the current one where run_id is NULL. Errors: TP010 none such, 42501 when the current user does not have the level (1 client, 2 author, 3 admin) there, 22004, 22023.';

CREATE VIEW temporal_internal.visible_namespace AS
	SELECT n.id, n.name
	FROM temporal_internal.namespace n
	WHERE temporal_internal.may_see(n.id);
COMMENT ON VIEW temporal_internal.visible_namespace IS 'The namespaces of which the current user may see the workflows.';

CREATE VIEW temporal.namespace WITH (security_barrier) AS
	SELECT n.name AS namespace, n.retention, n.created_at,
		(ARRAY['client', 'author', 'admin'])[temporal_internal.access_level(n.id)] AS access_level
	FROM temporal_internal.namespace n
	WHERE temporal_internal.may_see(n.id);
COMMENT ON VIEW temporal.namespace IS 'The namespaces that you may see.';
COMMENT ON COLUMN temporal.namespace.retention IS 'How long closed runs are kept.';
COMMENT ON COLUMN temporal.namespace.access_level IS 'What you may do there: client (start, signal, query, update, see), author (and register), admin.';

CREATE VIEW temporal.workflow WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id,
		NOT EXISTS (
			SELECT FROM temporal_internal.execution l
			WHERE l.namespace_id = e.namespace_id AND l.workflow_id = e.workflow_id AND l.run_no > e.run_no) AS is_current,
		e.workflow_type,
		((SELECT enum_range(NULL::temporal.workflow_status)))[e.status] AS status,
		e.start_time, e.execution_time, e.close_time, e.task_queue,
		e.next_event_id - 1 AS history_length,
		e.history_bytes AS history_size_bytes,
		e.memo,
		(SELECT jsonb_object_agg(s.name, coalesce(
				to_jsonb(s.keyword_value), to_jsonb(s.int_value), to_jsonb(s.double_value), to_jsonb(s.bool_value),
				to_jsonb(to_char(s.datetime_value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
				to_jsonb(s.list_value)))
			FROM temporal_internal.search_attribute s
			WHERE s.execution_key = e.key) AS search_attributes,
		e.parent ->> 'workflowId' AS parent_workflow_id,
		(e.parent ->> 'runId')::uuid AS parent_run_id,
		coalesce(e.first_run_id, e.run_id) AS first_run_id, e.attempt, e.pending_activities, e.cancel_requested,
		e.run_expiration AS run_expiration_time,
		e.execution_expiration AS execution_expiration_time,
		e.wft_attempt AS task_attempt,
		e.last_task_failure,
		(SELECT greatest(min(m.deliver_at), e.wft_not_before)
			FROM temporal_internal.message m
			WHERE m.execution_key = e.key AND m.kind <> 6) AS next_task_at,
		(SELECT h.attributes ->> 'cronSchedule' FROM temporal_internal.history h WHERE h.execution_key = e.key AND h.event_id = 1) AS cron_schedule,
		e.versioning ->> 'version' AS version
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.workflow IS 'One row a run, open or closed and not yet deleted by retention, in the namespaces that you may see.';
COMMENT ON COLUMN temporal.workflow.is_current IS 'The latest run of this workflow id?';
COMMENT ON COLUMN temporal.workflow.execution_time IS 'When it may begin: start_time plus the start delay, the backoff of a retry, or the time until its cron schedule matches.';
COMMENT ON COLUMN temporal.workflow.cron_schedule IS 'By which the next run follows; NULL: none.';
COMMENT ON COLUMN temporal.workflow.version IS 'The version of its code that it is pinned to; NULL: it runs what is registered.';
COMMENT ON COLUMN temporal.workflow.close_time IS 'NULL while it is open.';
COMMENT ON COLUMN temporal.workflow.history_length IS 'Number of events.';
COMMENT ON COLUMN temporal.workflow.search_attributes IS 'Name and value of each, as a JSON object. To search by one, use the view temporal.search_attribute.';
COMMENT ON COLUMN temporal.workflow.parent_workflow_id IS 'Of a child workflow, else NULL.';
COMMENT ON COLUMN temporal.workflow.first_run_id IS 'First run of the chain that continue-as-new, retries and cron make.';
COMMENT ON COLUMN temporal.workflow.attempt IS 'Attempt of the workflow by its own retry policy; each is a run.';
COMMENT ON COLUMN temporal.workflow.pending_activities IS 'Number of activities that have been scheduled and not ended.';
COMMENT ON COLUMN temporal.workflow.run_expiration_time IS 'When it will time out; NULL: never.';
COMMENT ON COLUMN temporal.workflow.task_attempt IS 'Attempt of the present workflow task; above 1 its code has failed.';
COMMENT ON COLUMN temporal.workflow.last_task_failure IS 'Why the last workflow task failed, as long as none has succeeded since. Repair the function; the task is tried again by itself.';
COMMENT ON COLUMN temporal.workflow.next_task_at IS 'When its code will run again by itself, as far as that is known: a timer, mail, the next attempt of a failed task. In the past: an executor is about to take it.';

CREATE VIEW temporal.history WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, h.event_id, h.event_time,
		((SELECT enum_range(NULL::temporal.event_type)))[h.event_type] AS event_type,
		-- what follows from the run itself is not stored with each event
		CASE h.event_type
			WHEN 1 THEN jsonb_build_object('workflowType', jsonb_build_object('name', e.workflow_type),
				'taskQueue', jsonb_build_object('name', e.task_queue), 'originalExecutionRunId', coalesce(e.original_run_id, e.run_id),
				'firstExecutionRunId', coalesce(e.first_run_id, e.run_id), 'attempt', e.attempt, 'workflowTaskTimeout', '10s') || h.attributes
			WHEN 10 THEN jsonb_build_object('taskQueue', jsonb_build_object('name', e.task_queue))
				|| CASE WHEN h.attributes ? 'scheduleToCloseTimeout' THEN '{}' ELSE jsonb_build_object('startToCloseTimeout', '60s') END
				|| h.attributes
			WHEN 11 THEN jsonb_build_object('attempt', 1) || h.attributes
			WHEN 12 THEN jsonb_build_object('startedEventId', h.event_id - 1) || h.attributes
			WHEN 13 THEN jsonb_build_object('startedEventId', h.event_id - 1) || h.attributes
			WHEN 14 THEN jsonb_build_object('startedEventId', h.event_id - 1) || h.attributes
			WHEN 16 THEN jsonb_build_object('startedEventId', h.event_id - 1) || h.attributes
			ELSE h.attributes
		END AS attributes,
		h.task_id, coalesce(h.task_time, h.event_time) AS task_time, h.user_metadata
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.history h ON h.execution_key = e.key
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.history IS 'The events of the runs in the namespaces that you may see. Their order in a run is that of event_id.';
COMMENT ON COLUMN temporal.history.event_id IS '1, 2, 3 ... in each run, without a gap.';
COMMENT ON COLUMN temporal.history.event_time IS 'When it happened; that of an ActivityTaskStarted may lie before those of events in front of it, since it is written when the activity has ended.';
COMMENT ON COLUMN temporal.history.attributes IS 'Attribute names in camelCase, as in Temporal''s JSON.';
COMMENT ON COLUMN temporal.history.task_id IS 'The activation of the code that was told of the event, or whose command it is; 0: none.';
COMMENT ON COLUMN temporal.history.task_time IS 'The workflow''s clock (temporal.now()) in that activation.';
COMMENT ON COLUMN temporal.history.user_metadata IS 'summary and details, where given.';

CREATE VIEW temporal.pending_message WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, m.id AS message_id,
		((SELECT enum_range(NULL::temporal.message_kind)))[m.kind] AS kind,
		m.deliver_at, m.ref_event_id, m.payload
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.message m ON m.execution_key = e.key
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.pending_message IS 'The mailboxes of open runs: what has happened, or will at deliver_at, and is not in the history yet.';
COMMENT ON COLUMN temporal.pending_message.deliver_at IS 'When it becomes due; in the past: it waits for an executor.';
COMMENT ON COLUMN temporal.pending_message.ref_event_id IS 'The event that it answers: TimerStarted of a timer, ActivityTaskScheduled of an outcome.';

CREATE VIEW temporal.timer WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id,
		h.attributes ->> 'timerId' AS timer_id,
		m.ref_event_id AS started_event_id,
		h.event_time AS started_at,
		m.deliver_at AS fires_at,
		h.user_metadata ->> 'summary' AS summary
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.message m ON m.execution_key = e.key AND m.kind = 2
	CROSS JOIN LATERAL (
		SELECT l.event_time, l.attributes, l.user_metadata
		FROM temporal_internal.history l
		WHERE l.execution_key = m.execution_key AND l.event_id = m.ref_event_id
		OFFSET 0) h	-- by its key, never by reading the whole history
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.timer IS 'The timers that have been started and have neither fired nor been cancelled, in the namespaces that you may see.';
COMMENT ON COLUMN temporal.timer.started_event_id IS 'Its TimerStarted event in the history.';

CREATE VIEW temporal.http_access WITH (security_barrier) AS
	SELECT n.name AS namespace, a.role_name AS role, a.url
	FROM temporal_internal.http_access a
	JOIN temporal_internal.namespace n ON n.id = a.namespace_id
	WHERE a.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.http_access IS 'What temporal.grant_http() has granted, in the namespaces that you may see.';
COMMENT ON COLUMN temporal.http_access.role IS 'Workflows whose function belongs to this role, or to a member of it; or public.';
COMMENT ON COLUMN temporal.http_access.url IS 'How the URLs begin.';

CREATE VIEW temporal.secret WITH (security_barrier) AS
	SELECT n.name AS namespace, s.name, s.role_name AS role, s.url, s.set_at
	FROM temporal_internal.secret s
	JOIN temporal_internal.namespace n ON n.id = s.namespace_id
	WHERE s.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.secret IS 'The secrets that temporal.set_secret() keeps for HTTP requests, without their values, in the namespaces that you may see.';
COMMENT ON COLUMN temporal.secret.role IS 'Workflows of which role may use it, or public.';
COMMENT ON COLUMN temporal.secret.url IS 'How the URLs begin to which it may be sent; NULL: all that are granted.';

CREATE VIEW temporal.definition WITH (security_barrier) AS
	SELECT n.name AS namespace, d.kind, nullif(d.workflow_type, '') AS workflow_type, nullif(d.name, '') AS name,
		CASE WHEN d.function_name <> '' THEN format('%I.%I(%s)', d.function_schema, d.function_name, d.function_arguments) END AS function,
		d.task_queue, d.mode,
		CASE d.kind WHEN 'activity' THEN d.options END AS options,
		coalesce(w.settings, d.settings) AS settings,
		CASE d.kind WHEN 'workflow' THEN d.failure_sqlstates END AS failure_sqlstates,
		CASE d.kind WHEN 'workflow' THEN d.versioning_behavior END AS versioning_behavior,
		d.version, temporal_internal.version_is_outdated(d.version) AS is_outdated,
		d.registered_at
	FROM temporal_internal.definition d
	JOIN temporal_internal.namespace n ON n.id = d.namespace_id
	LEFT JOIN temporal_internal.definition w	-- of a handler
		ON w.namespace_id = d.namespace_id AND w.kind = 'workflow' AND w.workflow_type = '' AND w.name = d.workflow_type
	WHERE d.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.definition IS 'The workflow and activity types, and the handlers of workflow types, that are registered in the namespaces that you may see.';
COMMENT ON COLUMN temporal.definition.kind IS 'workflow or activity; of a handler: signal, query, update, validator or init.';
COMMENT ON COLUMN temporal.definition.workflow_type IS 'Of a handler: the workflow type that it belongs to.';
COMMENT ON COLUMN temporal.definition.name IS 'Name of the type, or of the signal, query or update; * is the one for every name without a function of its own. An init has none.';
COMMENT ON COLUMN temporal.definition.function IS 'The function by its signature. It may be dropped and created again. An external activity has none.';
COMMENT ON COLUMN temporal.definition.options IS 'Default options of the activity.';
COMMENT ON COLUMN temporal.definition.settings IS 'Settings under which the code runs: those of the session that registered it (a handler: of the one that registered its workflow type), and those given for each attempt.';
COMMENT ON COLUMN temporal.definition.failure_sqlstates IS 'SQLSTATEs of errors that end a run as Failed, besides temporal failures.';
COMMENT ON COLUMN temporal.definition.version IS 'Of a pinned workflow type: the version that runs start with; the schema of that name has the copies of its functions.';
COMMENT ON COLUMN temporal.definition.is_outdated IS 'Of a pinned workflow type: true where one of the functions has been changed or dropped since; registering it again makes the version of today.';

CREATE VIEW temporal.search_attribute WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, s.name,
		CASE s.name WHEN 'TemporalChangeVersion' THEN 'KeywordList' ELSE (
			SELECT d.type FROM temporal_internal.search_attribute_definition d
			WHERE d.namespace_id = s.namespace_id AND d.name = s.name) END AS type,
		s.keyword_value, s.int_value, s.double_value, s.bool_value, s.datetime_value, s.list_value
	FROM temporal_internal.search_attribute s
	JOIN temporal_internal.execution e ON e.key = s.execution_key
	JOIN temporal_internal.namespace n ON n.id = s.namespace_id
	WHERE s.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.search_attribute IS
$$One row for each search attribute of each run, in the namespaces that you may see. To find runs, compare the column of the attribute's type, which has an index:

SELECT workflow_id, run_id FROM temporal.search_attribute WHERE name = 'Customer' AND keyword_value = 'ann';
SELECT ... WHERE name = 'Amount' AND int_value BETWEEN 100 AND 200;$$;
COMMENT ON COLUMN temporal.search_attribute.type IS 'The registered type (that of TemporalChangeVersion, which patched() keeps, is predefined): Text, Keyword, Int, Double, Bool, Datetime or KeywordList. The value is in the column of that type, the others are NULL.';
COMMENT ON COLUMN temporal.search_attribute.keyword_value IS 'Of type Keyword or Text.';
COMMENT ON COLUMN temporal.search_attribute.list_value IS 'Of type KeywordList.';

CREATE VIEW temporal.workflow_update WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, h.attributes ->> 'protocolInstanceId' AS update_id,
		h.attributes #>> '{acceptedRequest,input,name}' AS update_name,
		h.attributes #> '{acceptedRequest,input,args}' AS input,
		h.event_id AS accepted_event_id, h.event_time AS accepted_time,
		c.event_id AS completed_event_id, c.event_time AS completed_time,
		c.attributes #> '{outcome,success}' AS result, c.attributes #> '{outcome,failure}' AS failure
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.history h ON h.execution_key = e.key AND h.event_type = 41
	LEFT JOIN temporal_internal.history c ON c.execution_key = e.key AND c.event_type = 43
		AND (c.attributes ->> 'acceptedEventId')::integer = h.event_id
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.workflow_update IS 'The updates that the runs in the namespaces that you may see have accepted; rejected ones leave no trace.';
COMMENT ON COLUMN temporal.workflow_update.result IS 'What the handler gave; NULL while it is in progress, or when it failed.';

CREATE VIEW temporal.child_workflow WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, h.event_id AS initiated_event_id,
		h.attributes #>> '{workflowType,name}' AS child_workflow_type,
		h.attributes ->> 'workflowId' AS child_workflow_id, c.run_id AS child_run_id,
		((SELECT enum_range(NULL::temporal.workflow_status)))[c.status] AS child_status,
		coalesce(lower(replace(h.attributes ->> 'parentClosePolicy', 'PARENT_CLOSE_POLICY_', '')), 'terminate') AS parent_close_policy,
		h.event_time AS initiated_time, c.start_time, c.close_time
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.history h ON h.execution_key = e.key AND h.event_type = 29
	LEFT JOIN LATERAL (
		SELECT x.run_id, x.status, x.start_time, x.close_time
		FROM temporal_internal.execution x
		WHERE x.namespace_id = e.namespace_id AND x.workflow_id = h.attributes ->> 'workflowId'
			AND (x.parent ->> 'initiatedEventId')::integer = h.event_id
			AND (x.parent ->> 'runId' = e.run_id::text OR e.original_run_id IS NOT NULL AND EXISTS (	-- of the run that was reset to this one
				SELECT FROM temporal_internal.history s
				WHERE s.execution_key = e.key AND s.event_type = 31
					AND s.attributes #>> '{workflowExecution,runId}' = coalesce(x.first_run_id, x.run_id)::text))
		ORDER BY x.run_no DESC LIMIT 1) c ON true
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.child_workflow IS 'The child workflows that the runs in the namespaces that you may see have asked for, each with its latest run.';
COMMENT ON COLUMN temporal.child_workflow.child_run_id IS 'NULL: it has not been started, its id was in use, retention has deleted it, or it is the child of a later run, to which this one was reset.';
COMMENT ON COLUMN temporal.child_workflow.parent_close_policy IS 'What becomes of it when the parent closes: terminate, abandon or request_cancel.';
