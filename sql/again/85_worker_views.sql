-- The views that also look at what the executors are doing; see 50_views.sql.

CREATE VIEW temporal_internal.in_flight AS
	SELECT s.execution_key, coalesce(s.event_id, 0) AS event_id, s.pid, s.role, s.since
	FROM temporal_internal.worker_slots() s
	WHERE s.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
	  AND s.execution_key IS NOT NULL;
COMMENT ON VIEW temporal_internal.in_flight IS 'What executors of this database are working on; event_id 0: a workflow task.';

CREATE VIEW temporal.pending_activity WITH (security_barrier) AS
	SELECT n.name AS namespace, e.workflow_id, e.run_id, a.activity_id, a.activity_type,
		CASE WHEN f.pid IS NOT NULL AND r.paused THEN 'PauseRequested'
			WHEN e.activity_cancels > 0 AND EXISTS (
				SELECT FROM temporal_internal.history c
				WHERE c.execution_key = a.execution_key AND c.event_id > a.scheduled_event_id AND c.event_type = 15
				  AND (c.attributes ->> 'scheduledEventId')::integer = a.scheduled_event_id) THEN 'CancelRequested'
			WHEN f.pid IS NOT NULL THEN 'Started'
			WHEN a.started_at IS NOT NULL AND a.paused THEN 'PauseRequested'
			WHEN a.paused THEN 'Paused'
			WHEN a.started_at IS NOT NULL THEN 'Started'
			ELSE 'Scheduled' END::temporal.pending_activity_state AS state,
		a.attempt,
		coalesce((h.attributes #>> '{retryPolicy,maximumAttempts}')::integer, 0) AS maximum_attempts,
		a.scheduled_at AS scheduled_time,
		coalesce(f.since, a.started_at, a.last_attempt_at) AS last_started_time,
		CASE WHEN f.pid IS NULL AND a.started_at IS NULL AND NOT a.paused THEN a.due_at END AS next_attempt_time,
		a.scheduled_at + nullif((h.attributes ->> 'scheduleToCloseTimeout')::interval, '0') AS expiration_time,
		a.last_failure,
		temporal_internal.failure_message(a.last_failure) AS last_failure_message,
		a.worker_identity AS last_worker_identity,
		a.task_queue, a.priority_key, nullif(a.fairness_key, '') COLLATE pg_catalog."default" AS fairness_key, a.fairness_weight, r.paused, a.crash_count,
		h.attributes -> 'input' AS input,
		h.user_metadata ->> 'summary' AS summary,
		a.scheduled_event_id,
		(ARRAY['transactional', 'autonomous', 'external', 'http'])[a.mode] AS mode,
		coalesce(s.heartbeat_at, b.heartbeat_at) AS last_heartbeat_time,
		CASE WHEN s.heartbeat_at IS NULL THEN b.details ELSE s.details END AS heartbeat_details,
		CASE WHEN r.paused THEN coalesce(a.pause_info, r.info) END AS pause_info,
		a.options AS updated_options
	FROM temporal_internal.execution e
	JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	JOIN temporal_internal.activity_task a ON a.execution_key = e.key
	CROSS JOIN LATERAL (
		SELECT coalesce(l.attributes || a.options, l.attributes) AS attributes, l.user_metadata
		FROM temporal_internal.history l
		WHERE l.execution_key = a.execution_key AND l.event_id = a.scheduled_event_id
		OFFSET 0) h	-- by its key, never by reading the whole history
	LEFT JOIN temporal_internal.activity_heartbeat b ON b.execution_key = a.execution_key AND b.scheduled_event_id = a.scheduled_event_id
	-- newer than in the table
	LEFT JOIN temporal_internal.heartbeats() s ON s.execution_key = a.execution_key AND s.scheduled_event_id = a.scheduled_event_id
		AND s.attempt = a.attempt AND s.heartbeat_at >= coalesce(b.heartbeat_at, '-infinity')
	LEFT JOIN temporal_internal.in_flight f ON f.execution_key = a.execution_key AND f.event_id = a.scheduled_event_id
	-- what was asked while an attempt has the row locked
	LEFT JOIN LATERAL (
		SELECT q.command ->> 'op' = 'pause' AS paused, q.command -> 'info' AS info
		FROM temporal_internal.activity_request q
		WHERE f.pid IS NOT NULL AND q.execution_key = a.execution_key AND q.scheduled_event_id = a.scheduled_event_id
			AND (q.command ->> 'op' IN ('pause', 'unpause') OR q.command ->> 'op' = 'reset' AND (q.command ->> 'keep_paused')::boolean IS NOT TRUE)
		ORDER BY q.id DESC LIMIT 1) asked ON true
	CROSS JOIN LATERAL (SELECT coalesce(asked.paused, a.paused) AS paused, asked.info) r
	WHERE e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.pending_activity IS 'The activities that have been scheduled and have not ended, in the namespaces that you may see.';
COMMENT ON COLUMN temporal.pending_activity.attempt IS 'Attempt that is running or comes next, from 1.';
COMMENT ON COLUMN temporal.pending_activity.maximum_attempts IS '0: no limit.';
COMMENT ON COLUMN temporal.pending_activity.scheduled_time IS 'When the workflow asked for it.';
COMMENT ON COLUMN temporal.pending_activity.last_started_time IS 'Start of the attempt that is running, else of the last one.';
COMMENT ON COLUMN temporal.pending_activity.next_attempt_time IS 'When the next attempt may start; in the past: it waits for an executor. NULL while one is running, or paused.';
COMMENT ON COLUMN temporal.pending_activity.expiration_time IS 'End of its schedule-to-close timeout; NULL: none.';
COMMENT ON COLUMN temporal.pending_activity.last_failure IS 'Failure of the last attempt.';
COMMENT ON COLUMN temporal.pending_activity.last_failure_message IS 'Message of its innermost cause.';
COMMENT ON COLUMN temporal.pending_activity.priority_key IS '1 (first) to 5.';
COMMENT ON COLUMN temporal.pending_activity.fairness_key IS 'Whose turns it has within its priority, its own or its workflow''s; NULL: none was given.';
COMMENT ON COLUMN temporal.pending_activity.fairness_weight IS 'How many turns that key has against others, as given; NULL: 1. Weights of the task queue (temporal.task_queue) take precedence.';
COMMENT ON COLUMN temporal.pending_activity.crash_count IS 'How many attempts took their server process down; after three it is paused.';
COMMENT ON COLUMN temporal.pending_activity.scheduled_event_id IS 'Its ActivityTaskScheduled event in the history.';
COMMENT ON COLUMN temporal.pending_activity.mode IS 'Who runs it: transactional, autonomous, external, or http (the HTTP process).';
COMMENT ON COLUMN temporal.pending_activity.last_heartbeat_time IS 'When the present attempt, or one before it, was last heard of by a heartbeat.';
COMMENT ON COLUMN temporal.pending_activity.heartbeat_details IS 'What that heartbeat told.';
COMMENT ON COLUMN temporal.pending_activity.pause_info IS 'Of one that was paused: time, identity (the role) and reason; NULL where it was paused for crashing.';
COMMENT ON COLUMN temporal.pending_activity.updated_options IS 'What temporal.update_activity_options() has changed, by the names in its event.';

CREATE VIEW temporal.task_queue WITH (security_barrier) AS
	SELECT n.name AS namespace, q.task_queue, q.kind,
		coalesce(b.backlog, 0) AS backlog,
		coalesce(b.running, 0) AS running,
		b.oldest AS oldest_since,
		(SELECT temporal_internal.clock_now()) - b.oldest AS oldest_age,
		CASE q.kind WHEN 'activity' THEN temporal_internal.pollers(q.namespace_id, q.task_queue) ELSE 0 END AS pollers,
		r.add_rate, r.dispatch_rate,
		nullif(CASE q.kind WHEN 'activity' THEN s.max_concurrent_activities ELSE s.max_concurrent_workflow_tasks END, -1) AS max_concurrent,
		nullif(CASE q.kind WHEN 'activity' THEN s.activities_per_second ELSE s.workflow_tasks_per_second END, -1) AS max_per_second,
		nullif(s.fairness_weights, '{}') AS fairness_weights,
		s.paused_at AS paused_since, s.pause_reason,
		coalesce(r.waits_for, CASE WHEN s.paused_at IS NOT NULL THEN 'unpause_task_queue' END) AS waits_for
	FROM (
		SELECT d.namespace_id, coalesce(d.task_queue, 'default') AS task_queue, d.kind
		FROM temporal_internal.definition d
		WHERE d.kind IN ('workflow', 'activity')
		UNION
		SELECT s.namespace_id, s.name, k.kind
		FROM temporal_internal.task_queue_settings s, (VALUES ('workflow'), ('activity')) AS k(kind)
		UNION
		SELECT e.namespace_id, e.task_queue, 'workflow'
		FROM temporal_internal.message m
		JOIN temporal_internal.execution e ON e.key = m.execution_key
		WHERE m.deliver_at <= (SELECT temporal_internal.clock_now())
		UNION
		SELECT a.namespace_id, a.task_queue, 'activity'
		FROM temporal_internal.activity_task a
		WHERE NOT a.paused AND a.due_at <= (SELECT temporal_internal.clock_now())
	) q
	JOIN temporal_internal.namespace n ON n.id = q.namespace_id
	LEFT JOIN (
		SELECT r.namespace_id, r.task_queue, 'workflow' AS kind,
			count(*) FILTER (WHERE f.pid IS NULL) AS backlog,
			count(*) FILTER (WHERE f.pid IS NOT NULL) AS running,
			min(r.due) FILTER (WHERE f.pid IS NULL) AS oldest
		FROM (
			SELECT e.namespace_id, e.task_queue, e.key, greatest(min(m.deliver_at), e.wft_not_before) AS due
			FROM temporal_internal.message m
			JOIN temporal_internal.execution e ON e.key = m.execution_key
			WHERE m.deliver_at <= (SELECT temporal_internal.clock_now())
			GROUP BY e.key
		) r
		LEFT JOIN temporal_internal.in_flight f ON f.execution_key = r.key AND f.event_id = 0
		WHERE r.due <= (SELECT temporal_internal.clock_now())
		GROUP BY r.namespace_id, r.task_queue
		UNION ALL
		SELECT a.namespace_id, a.task_queue, 'activity',
			count(*) FILTER (WHERE f.pid IS NULL),
			count(*) FILTER (WHERE f.pid IS NOT NULL),
			min(a.due_at) FILTER (WHERE f.pid IS NULL)
		FROM temporal_internal.activity_task a
		LEFT JOIN temporal_internal.in_flight f ON f.execution_key = a.execution_key AND f.event_id = a.scheduled_event_id
		WHERE NOT a.paused AND a.due_at <= (SELECT temporal_internal.clock_now())
		GROUP BY a.namespace_id, a.task_queue
	) b ON b.namespace_id = q.namespace_id AND b.task_queue = q.task_queue AND b.kind = q.kind
	LEFT JOIN temporal_internal.task_queue_settings s ON s.namespace_id = q.namespace_id AND s.name = q.task_queue
	CROSS JOIN LATERAL temporal_internal.task_queue_state(q.namespace_id, q.task_queue, q.kind) r
	WHERE q.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.task_queue IS 'What is due and waits for an executor, by namespace, task queue and kind (workflow: workflow tasks, activity: activity attempts). Queues of registered types, and those that are configured, are listed also when nothing waits.';
COMMENT ON COLUMN temporal.task_queue.backlog IS 'Tasks that are due and not running. What waits for a timer or for its next attempt does not count.';
COMMENT ON COLUMN temporal.task_queue.pollers IS 'Of activities: sessions that wait in poll_activity_task() or poll_activity_tasks() now. A worker that has no free place does not poll.';
COMMENT ON COLUMN temporal.task_queue.oldest_since IS 'Since when the oldest of them has been due.';
COMMENT ON COLUMN temporal.task_queue.add_rate IS 'Tasks that became due, a second, over about the last half minute; NULL where the queue is not configured. What runs within the workflow task does not count.';
COMMENT ON COLUMN temporal.task_queue.dispatch_rate IS 'The same for tasks that were started.';
COMMENT ON COLUMN temporal.task_queue.max_concurrent IS 'How many may run at once, by temporal.configure_task_queue(); NULL: no limit. max_per_second: how many may start in a second.';
COMMENT ON COLUMN temporal.task_queue.paused_since IS 'When temporal.pause_task_queue() has paused it, for what pause_reason says; NULL: it is not paused.';
COMMENT ON COLUMN temporal.task_queue.waits_for IS 'What keeps its tasks from starting now: a limit of the queue, a setting of the server, or the function that lets them go on (start_workers, unpause_task_queue); NULL: nothing.';

CREATE VIEW temporal.worker WITH (security_barrier) AS
	SELECT s.slot AS worker, s.pid, pg_get_userbyid(s.role) AS role, s.status,
		CASE WHEN s.execution_key IS NULL THEN NULL WHEN s.event_id IS NULL THEN 'workflow' ELSE 'activity' END AS task,
		n.name AS namespace, e.workflow_id, e.run_id, a.activity_type, a.activity_id,
		s.since, s.started_at, s.workflow_tasks, s.activities, s.failures
	FROM temporal_internal.worker_slots() s
	LEFT JOIN temporal_internal.execution e ON e.key = s.execution_key
		AND e.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v))
	LEFT JOIN temporal_internal.namespace n ON n.id = e.namespace_id
	LEFT JOIN temporal_internal.activity_task a ON a.execution_key = e.key AND a.scheduled_event_id = s.event_id
	WHERE s.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
	  AND (pg_has_role(s.role, 'USAGE') OR pg_has_role('pg_monitor', 'USAGE') OR temporal_internal.access_level(0) = 3);
COMMENT ON VIEW temporal.worker IS 'The executors of this database: those that run functions of roles of which you are a member; all of them for members of pg_monitor and of the owner of the extension. They start when there is work and end after temporal_pg.idle_timeout without.';
COMMENT ON COLUMN temporal.worker.worker IS 'Number of its slot in the server.';
COMMENT ON COLUMN temporal.worker.role IS 'The role whose functions it runs, and as which it is connected.';
COMMENT ON COLUMN temporal.worker.status IS 'starting, connecting, idle or busy.';
COMMENT ON COLUMN temporal.worker.task IS 'What it is working on: workflow (a workflow task), activity, or nothing.';
COMMENT ON COLUMN temporal.worker.workflow_id IS 'Whose task it is; NULL also when you may not see that namespace.';
COMMENT ON COLUMN temporal.worker.since IS 'Busy or idle since.';
COMMENT ON COLUMN temporal.worker.workflow_tasks IS 'Workflow tasks done since it started; likewise activities (attempts that went through the queue, also those that failed). failures: tasks whose transaction failed.';
