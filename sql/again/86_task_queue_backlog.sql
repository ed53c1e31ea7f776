-- What waits in the task queues, by priority and fairness key; see 85_worker_views.sql.

CREATE VIEW temporal.task_queue_backlog WITH (security_barrier) AS
	SELECT n.name AS namespace, b.task_queue, b.kind, b.priority_key, nullif(b.fairness_key, '') AS fairness_key,
		least(greatest(coalesce((s.fairness_weights ->> b.fairness_key)::double precision, b.fairness_weight, 1), 0.001), 1000) AS fairness_weight,
		b.backlog, b.oldest AS oldest_since, (SELECT temporal_internal.clock_now()) - b.oldest AS oldest_age
	FROM (
		SELECT w.namespace_id, w.task_queue, w.kind, w.priority_key, w.fairness_key,
			(array_agg(w.fairness_weight ORDER BY w.due))[1] AS fairness_weight, count(*) AS backlog, min(w.due) AS oldest
		FROM (
			SELECT e.namespace_id, e.task_queue, 'workflow' AS kind, coalesce((e.priority ->> 'priorityKey')::integer, 3) AS priority_key,
				coalesce(e.priority ->> 'fairnessKey', '') AS fairness_key, (e.priority ->> 'fairnessWeight')::double precision AS fairness_weight,
				greatest(r.due, e.wft_not_before) AS due, e.key AS execution_key, 0 AS event_id
			FROM (
				SELECT m.execution_key, min(m.deliver_at) AS due
				FROM temporal_internal.message m
				WHERE m.deliver_at <= (SELECT temporal_internal.clock_now())
				GROUP BY m.execution_key
			) r
			JOIN temporal_internal.execution e ON e.key = r.execution_key
			WHERE e.wft_not_before IS NULL OR e.wft_not_before <= (SELECT temporal_internal.clock_now())
			UNION ALL
			SELECT a.namespace_id, a.task_queue, 'activity', a.priority_key, a.fairness_key COLLATE pg_catalog."default", a.fairness_weight, a.due_at, a.execution_key, a.scheduled_event_id
			FROM temporal_internal.activity_task a
			WHERE NOT a.paused AND a.due_at <= (SELECT temporal_internal.clock_now())
		) w
		LEFT JOIN temporal_internal.in_flight f ON f.execution_key = w.execution_key AND f.event_id = w.event_id
		WHERE f.pid IS NULL
		GROUP BY w.namespace_id, w.task_queue, w.kind, w.priority_key, w.fairness_key
	) b
	JOIN temporal_internal.namespace n ON n.id = b.namespace_id
	LEFT JOIN temporal_internal.task_queue_settings s ON s.namespace_id = b.namespace_id AND s.name = b.task_queue
	WHERE b.namespace_id = ANY (ARRAY(SELECT v.id FROM temporal_internal.visible_namespace v));
COMMENT ON VIEW temporal.task_queue_backlog IS 'What is due and waits for a worker, by namespace, task queue, kind (workflow, activity), priority and fairness key: how many tasks each key has waiting, and for how long. Only where something waits; the sums are those of temporal.task_queue.';
COMMENT ON COLUMN temporal.task_queue_backlog.priority_key IS '1 (first) to 5.';
COMMENT ON COLUMN temporal.task_queue_backlog.fairness_key IS 'NULL: tasks that were given none; they take turns as one key does.';
COMMENT ON COLUMN temporal.task_queue_backlog.fairness_weight IS 'How many turns the key has against others of its priority: by temporal.configure_task_queue(), else by its oldest task, else 1.';
COMMENT ON COLUMN temporal.task_queue_backlog.backlog IS 'Tasks that are due and not running.';
COMMENT ON COLUMN temporal.task_queue_backlog.oldest_since IS 'Since when the oldest of them has been due; oldest_age: how long that is.';
