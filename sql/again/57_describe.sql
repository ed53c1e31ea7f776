-- describe(), and what an operator does to a restored copy.

-- PL/pgSQL, because a condition reaches the tables through the views' barrier only when it compares with a constant or
-- parameter, never as a join.
CREATE FUNCTION temporal_internal.describe_run(execution_key bigint)
RETURNS temporal.workflow_description
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	run temporal_internal.execution;
	w temporal.workflow;
	started temporal_internal.history;
	d temporal.workflow_description;
	due_since timestamptz;
BEGIN
	SELECT * INTO run FROM temporal_internal.execution e WHERE e.key = $1;
	SELECT v.* INTO w FROM temporal.workflow v
		WHERE v.namespace = (SELECT n.name FROM temporal_internal.namespace n WHERE n.id = run.namespace_id)
		  AND v.workflow_id = run.workflow_id AND v.run_id = run.run_id;
	IF w.run_id IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT * INTO started FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_id = 1;

	d.namespace := w.namespace;
	d.workflow_id := w.workflow_id;
	d.run_id := w.run_id;
	d.is_current := w.is_current;
	d.workflow_type := w.workflow_type;
	d.status := w.status;
	d.task_queue := w.task_queue;
	d.start_time := w.start_time;
	d.execution_time := w.execution_time;
	d.close_time := w.close_time;
	d.execution_duration := w.close_time - w.execution_time;
	d.execution_timeout := started.attributes ->> 'workflowExecutionTimeout';
	d.run_timeout := started.attributes ->> 'workflowRunTimeout';
	d.task_timeout := coalesce(started.attributes ->> 'workflowTaskTimeout', '10s');
	d.execution_expiration_time := w.execution_expiration_time;
	d.run_expiration_time := w.run_expiration_time;
	d.history_length := w.history_length;
	d.history_size_bytes := w.history_size_bytes;
	d.memo := w.memo;
	d.search_attributes := w.search_attributes;
	d.static_summary := started.user_metadata ->> 'summary';
	d.static_details := started.user_metadata ->> 'details';
	d.priority_key := coalesce((started.attributes #>> '{priority,priorityKey}')::integer, 3);
	d.fairness_key := started.attributes #>> '{priority,fairnessKey}';
	d.fairness_weight := (started.attributes #>> '{priority,fairnessWeight}')::double precision;
	d.parent_workflow_id := w.parent_workflow_id;
	d.parent_run_id := w.parent_run_id;
	d.root_workflow_id := coalesce(started.attributes #>> '{rootWorkflowExecution,workflowId}', w.workflow_id);
	d.root_run_id := coalesce((started.attributes #>> '{rootWorkflowExecution,runId}')::uuid, w.run_id);
	d.first_run_id := w.first_run_id;
	d.original_run_id := coalesce(run.original_run_id, run.run_id);
	d.start_request_id := run.start_request_id;
	d.attempt := w.attempt;
	d.retry_policy := started.attributes -> 'retryPolicy';
	d.cron_schedule := nullif(started.attributes ->> 'cronSchedule', '');
	d.versioning := run.versioning;
	d.cancel_requested := w.cancel_requested;
	d.last_task_failure := w.last_task_failure;
	d.reset_run_id := run.reset_run_id;

	SELECT coalesce(jsonb_agg(to_jsonb(a) - '{namespace,workflow_id,run_id}'::text[] ORDER BY a.scheduled_event_id), '[]')
		INTO d.pending_activities
		FROM temporal.pending_activity a
		WHERE a.namespace = w.namespace AND a.workflow_id = w.workflow_id AND a.run_id = w.run_id;
	SELECT coalesce(jsonb_agg(to_jsonb(t) - '{namespace,workflow_id,run_id}'::text[] ORDER BY t.fires_at, t.started_event_id), '[]')
		INTO d.pending_timers
		FROM temporal.timer t
		WHERE t.namespace = w.namespace AND t.workflow_id = w.workflow_id AND t.run_id = w.run_id;
	SELECT count(*), min(m.deliver_at)
		INTO d.pending_messages, due_since
		FROM temporal_internal.message m
		WHERE m.execution_key = $1 AND m.kind <> 6 AND m.deliver_at <= (SELECT temporal_internal.clock_now());

	IF run.status IN (1, 8) AND (d.pending_messages > 0 OR run.wft_attempt > 1) THEN
		d.pending_workflow_task := jsonb_build_object(
			'state', CASE run.wft_state WHEN 2 THEN 'Started' ELSE 'Scheduled' END,
			'scheduled_time', coalesce(run.wft_not_before, due_since),
			'original_scheduled_time', CASE WHEN run.wft_attempt = 1 THEN due_since ELSE (
				SELECT max(h.event_time) FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_type IN (8, 9)) END,
			'attempt', run.wft_attempt);
	END IF;
	RETURN d;
END
$$;
COMMENT ON FUNCTION temporal_internal.describe_run(bigint) IS 'temporal.describe() of a run that the caller may see.';

CREATE FUNCTION temporal.describe(workflow_id text, run_id uuid DEFAULT NULL)
RETURNS temporal.workflow_description
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT d FROM temporal_internal.describe_run(temporal_internal.find_run($1, $2, 1)) d;
END;
COMMENT ON FUNCTION temporal.describe(text, uuid) IS
$$All that is known about a run, open or closed. Best read as SELECT * FROM temporal.describe('order-1') with \x.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
run_id: which run of it; the current one when not given.
Errors: TP010 no such workflow or run, 42501 without the level "client" in the namespace, 22004, 22023.$$;

CREATE FUNCTION temporal_internal.wake_scan()
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_wake_scan';
COMMENT ON FUNCTION temporal_internal.wake_scan() IS 'At COMMIT the dispatcher of this database looks for due work.';

CREATE FUNCTION temporal.post_restore()
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_post_restore';
COMMENT ON FUNCTION temporal.post_restore() IS
$$Lets workflows run in this database. A copy of a database (pg_restore, CREATE DATABASE ... TEMPLATE) runs nothing, so that what the original does is not done twice, until this is called in it.

Only the owner of the extension, its members and superusers may do it. Takes effect at COMMIT.
Errors: 42501, 55000 when temporal_pg is not in shared_preload_libraries, TP021 in workflow code, 25006.$$;
