-- explain(): what a run is waiting for.

CREATE FUNCTION temporal_internal.blocked_operations(
	execution_key bigint,
	OUT fiber text, OUT operation text, OUT ref_event_id integer, OUT waits_for text, OUT location text, OUT context text,
	OUT since timestamptz, OUT timeout_event_id integer, OUT held_by text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_blocked_operations';
COMMENT ON FUNCTION temporal_internal.blocked_operations(bigint) IS 'Replays an open run and tells where its code is blocked: in which fiber, in which operation (activity, local_activity, timer, signal, condition, lock, function, external), for what and for which event, at which line, with the whole context, since when, which timer ends the wait, and who has the lock.';

CREATE FUNCTION temporal_internal.careful_mode()
RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_careful_mode';
COMMENT ON FUNCTION temporal_internal.careful_mode() IS 'Has the server crashed a short while ago? Then one activity runs at a time, so that one that crashes its process is found.';

CREATE FUNCTION temporal_internal.task_queue_wait(namespace_id integer, task_queue text, kind text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- the workers may not have heard of a pause yet
	reason text := coalesce((SELECT s.waits_for FROM temporal_internal.task_queue_state($1, $2, $3) s),
		(SELECT 'unpause_task_queue' FROM temporal_internal.task_queue_settings q
			WHERE q.namespace_id = $1 AND q.name = $2 AND q.paused_at IS NOT NULL));
BEGIN
	IF reason IS NULL THEN
		RETURN NULL;
	END IF;
	RETURN CASE
		WHEN reason = 'start_workers' THEN 'the workers of this database are stopped: see temporal.start_workers()'
		WHEN reason = 'unpause_task_queue' THEN (
			SELECT format('task queue "%s" is paused', $2) || coalesce(' (' || q.pause_reason || ')', '') || ': see temporal.unpause_task_queue()'
			FROM temporal_internal.task_queue_settings q WHERE q.namespace_id = $1 AND q.name = $2)
		WHEN reason LIKE 'temporal_pg.%' THEN format('as many run in this database as %s allows', reason)
		ELSE format('task queue "%s" has reached its limit %s', $2, reason) END;
END
$$;
COMMENT ON FUNCTION temporal_internal.task_queue_wait(integer, text, text) IS 'What keeps tasks of that queue and kind (workflow, activity) from starting now, in words; NULL: nothing.';

CREATE FUNCTION temporal_internal.turn_text(priority_key integer, fairness_key text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN $1 <> 3 THEN 'Priority ' || $1 || coalesce(', fairness key "' || $2 || '"', '') ELSE 'Fairness key "' || $2 || '"' END
$$;
COMMENT ON FUNCTION temporal_internal.turn_text(integer, text) IS 'Priority and fairness key of a task that waits, in words; NULL when it has none of its own.';

CREATE FUNCTION temporal_internal.explain_run(execution_key bigint)
RETURNS TABLE (what text, since timestamptz, until timestamptz, at text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
ROWS 10
AS $$
#variable_conflict use_column
DECLARE
	run temporal_internal.execution;
	clock timestamptz := temporal_internal.clock_now();
	failing boolean;
	executor_missing text;
	activity_executor_missing text;
	holder text;
	careful boolean := temporal_internal.careful_mode();
	waiting text;
	turn text;
	blocked jsonb;
	started jsonb := (SELECT h.attributes FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_id = 1);
	replay_error text;
	replay_detail text;
	replay_hint text;
	replay_context text;
BEGIN
	SELECT * INTO run FROM temporal_internal.execution e WHERE e.key = $1;
	IF NOT FOUND THEN
		RETURN;
	END IF;

	IF run.status NOT IN (1, 8) THEN
		RETURN QUERY
		SELECT 'nothing: the run is closed (' || (enum_range(NULL::temporal.workflow_status))[run.status] || ')',
			run.close_time, NULL::timestamptz, NULL::text,
			(SELECT concat_ws(': ', h.attributes ->> 'reason', temporal_internal.failure_text(h.attributes -> 'failure'),
					(coalesce(h.attributes -> 'result', h.attributes -> 'details'))::text)
				FROM temporal_internal.history h
				WHERE h.execution_key = $1 AND h.event_id = run.next_event_id - 1);
		RETURN;
	END IF;

	IF NOT EXISTS (SELECT FROM temporal_internal.home o JOIN pg_database d ON d.oid = o.database_oid WHERE d.datname = current_database()) THEN
		RETURN QUERY SELECT 'the database is a restored copy'::text, NULL::timestamptz, NULL::timestamptz, NULL::text,
			'Nothing runs here until temporal.post_restore() is called.'::text;
	END IF;

	-- why due work may not be taken: said once, in the detail of what waits
	SELECT 'no executor could be started (' || sum(q.start_failures) || ' attempts failed); see the server''s log and max_worker_processes'
		INTO executor_missing
		FROM temporal_internal.worker_queues() q
		WHERE q.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND q.waiting > 0
		HAVING sum(q.start_failures) > 0;

	activity_executor_missing := executor_missing;
	waiting := temporal_internal.task_queue_wait(run.namespace_id, run.task_queue, 'workflow');
	executor_missing := coalesce(waiting, executor_missing);
	turn := temporal_internal.turn_text((run.priority ->> 'priorityKey')::integer, run.priority ->> 'fairnessKey');

	-- a session whose update or terminate is not committed yet (the tag of store/runlock)
	SELECT 'waits for ' || coalesce('session ' || l.pid, 'a prepared transaction') || ', which holds the run until its transaction ends'
		INTO holder
		FROM pg_locks l
		WHERE l.locktype = 'userlock' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
			AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
			AND l.classid::bigint = $1 >> 32 AND l.objid::bigint = $1 & 4294967295 AND l.objsubid = 0;

	-- first of all: its code fails
	failing := run.last_task_failure IS NOT NULL AND run.wft_attempt > 1;
	IF failing THEN
		RETURN QUERY
		SELECT 'the workflow task fails: ' || temporal_internal.failure_text(run.last_task_failure),
			(SELECT max(h.event_time) FROM temporal_internal.history h WHERE h.execution_key = $1 AND h.event_type IN (8, 9)),
			run.wft_not_before,
			(regexp_match(run.last_task_failure ->> 'stackTrace', 'PL/pgSQL function ([^\n]+)'))[1],
			concat_ws(' ',
				'Attempt ' || run.wft_attempt - 1 || ' failed, attempt ' || run.wft_attempt || ' comes by itself.',
				run.last_task_failure #>> '{applicationFailureInfo,details,detail}',
				coalesce(run.last_task_failure #>> '{applicationFailureInfo,details,hint}',
					CASE temporal_internal.failure_type(run.last_task_failure)
						WHEN 'start_to_close' THEN 'Do what takes long in an activity, or start it with a longer task_timeout; mend the function with CREATE OR REPLACE FUNCTION.'
						WHEN 'NotFoundError' THEN 'Register the type with temporal.register_workflow().'
						ELSE 'Mend the function with CREATE OR REPLACE FUNCTION.' END));
	END IF;

	-- it has not begun
	IF run.last_task_id = 0 THEN
		IF NOT failing THEN
			RETURN QUERY
			SELECT CASE WHEN run.execution_time > clock THEN
					CASE started ->> 'initiator' WHEN 'CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE' THEN 'its cron schedule, ' || (started ->> 'cronSchedule')
						WHEN 'CONTINUE_AS_NEW_INITIATOR_RETRY' THEN 'the backoff before attempt ' || run.attempt
						ELSE 'its start delay' END
				ELSE 'an executor for its first workflow task' END,
				CASE WHEN run.execution_time > clock THEN run.start_time ELSE run.execution_time END,
				CASE WHEN run.execution_time > clock THEN run.execution_time END,
				NULL::text,
				CASE WHEN NOT EXISTS (
						SELECT FROM temporal_internal.definition d
						WHERE d.namespace_id = run.namespace_id AND d.kind = 'workflow' AND d.name IN (run.workflow_type, '*'))
						AND run.versioning IS NULL
					THEN format('Workflow type "%s" is not registered: see temporal.register_workflow().', run.workflow_type)
					WHEN run.execution_time > clock THEN executor_missing
					ELSE nullif(concat_ws('. ', executor_missing, turn), '') END;
		END IF;
		RETURN;
	END IF;

	-- where the code is blocked; that may itself fail, for the same reason as its task
	BEGIN
		IF failing AND run.last_task_failure ? 'timeoutFailureInfo' THEN
			RETURN;		-- its code would compute as long again
		END IF;
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') INTO blocked FROM temporal_internal.blocked_operations($1) b;
	EXCEPTION WHEN OTHERS OR assert_failure THEN
		GET STACKED DIAGNOSTICS replay_error = MESSAGE_TEXT, replay_detail = PG_EXCEPTION_DETAIL,
			replay_hint = PG_EXCEPTION_HINT, replay_context = PG_EXCEPTION_CONTEXT;
		blocked := '[]';
	END;
	IF replay_error IS NOT NULL AND NOT (failing AND temporal_internal.failure_message(run.last_task_failure) = replay_error) THEN
		RETURN QUERY
		SELECT 'unknown: the run cannot be replayed: ' || replay_error, run.last_task_time, NULL::timestamptz,
			(regexp_match(replay_context, 'PL/pgSQL function ((?!temporal_internal\.)[^\n]+)'))[1],
			concat_ws(' ', nullif(replay_detail, ''), nullif(replay_hint, ''));
	END IF;

	RETURN QUERY
	WITH op AS (
		SELECT b.ordinality AS pos, o.*
		FROM jsonb_array_elements(blocked) WITH ORDINALITY b
		CROSS JOIN jsonb_to_record(b.value) AS o(fiber text, ref_event_id integer, waits_for text, location text, since timestamptz,
			timeout_event_id integer, held_by text)
	), activity AS (
		SELECT 'activity' AS kind, t.scheduled_event_id AS event_id, t.scheduled_at AS since,
			CASE WHEN NOT t.paused AND f.pid IS NULL AND t.due_at > clock THEN nullif(t.due_at, 'infinity') END AS until,
			'activity ' || t.activity_type || ' #' || t.activity_id AS what,
			concat_ws('. ',
				-- without user and query, which may be nobody's business
				CASE WHEN t.mode = 4 THEN concat_ws(' ', 'HTTP', upper(coalesce(h.attributes #>> '{input,method}', 'GET')),
					regexp_replace(regexp_replace(h.attributes #>> '{input,url}', '[?#].*$', ''), '//[^/]*@', '//')) || ': ' ELSE '' END || CASE
					WHEN f.pid IS NOT NULL OR t.started_at IS NOT NULL THEN n.attempt || ' is running' || CASE WHEN run.activity_cancels > 0 AND EXISTS (
							SELECT FROM temporal_internal.history r
							WHERE r.execution_key = t.execution_key AND r.event_id > t.scheduled_event_id AND r.event_type = 15
								AND (r.attributes ->> 'scheduledEventId')::integer = t.scheduled_event_id)
						THEN '; its cancellation is requested'
						WHEN p.paused
						THEN '; paused: if it fails, the next one waits for temporal.unpause_activity()' ELSE '' END
					WHEN t.paused AND t.crash_count > 0 THEN 'paused after ' || t.crash_count || ' crashes of its server process: repair it, then call temporal.unpause_activity()'
					WHEN t.paused THEN 'paused: see temporal.unpause_activity()'
					WHEN t.mode = 4 AND t.due_at <= clock AND w.waiting IS NOT NULL AND EXISTS (
						SELECT FROM temporal_internal.task_queue_settings q
						WHERE q.namespace_id = t.namespace_id AND q.name = t.task_queue)
						THEN n.attempt || ' waits: ' || w.waiting
					WHEN t.mode = 4 AND t.due_at <= clock THEN n.attempt || ' waits for the HTTP process'
					WHEN t.mode <> 4 AND t.activity_type <> 'sql' AND NOT EXISTS (
						SELECT FROM temporal_internal.definition d
						WHERE d.namespace_id = t.namespace_id AND d.kind = 'activity' AND d.name IN (t.activity_type, '*'))
						THEN 'its type is not registered: see temporal.register_activity()'
					WHEN t.due_at > clock THEN n.attempt || ' is to come'
					WHEN w.waiting IS NOT NULL THEN n.attempt || ' waits: ' || w.waiting
					WHEN t.mode = 3 THEN n.attempt || ' waits for a worker that polls task queue "' || t.task_queue || '"'
					ELSE n.attempt || ' waits for an executor' || coalesce(', but ' || activity_executor_missing,
						CASE WHEN careful THEN ' (soon after a crash of the server, activities run one at a time)' END, '') END,
				CASE WHEN f.pid IS NULL AND t.started_at IS NULL AND NOT t.paused AND t.due_at <= clock
					THEN temporal_internal.turn_text(t.priority_key, nullif(t.fairness_key, '')) END,
				'Heartbeat ' || temporal_internal.short_duration(clock - coalesce(s.heartbeat_at, b.heartbeat_at)) || ' ago'
					|| coalesce(': ' || temporal_internal.short_text((CASE WHEN s.heartbeat_at IS NULL THEN b.details ELSE s.details END)::text, 60), ''),
				CASE WHEN t.attempt > 1 THEN 'Attempt ' || t.attempt - 1 || ' failed: ' || temporal_internal.failure_text(t.last_failure) END) AS detail
		FROM temporal_internal.activity_task t
		JOIN temporal_internal.history h ON h.execution_key = t.execution_key AND h.event_id = t.scheduled_event_id
		CROSS JOIN LATERAL (
			SELECT 'attempt ' || t.attempt || coalesce(' of ' || nullif((coalesce(h.attributes || t.options, h.attributes) #>> '{retryPolicy,maximumAttempts}')::integer, 0), '') AS attempt) n
		CROSS JOIN LATERAL (SELECT temporal_internal.task_queue_wait(t.namespace_id, t.task_queue, 'activity') AS waiting) w
		LEFT JOIN temporal_internal.activity_heartbeat b ON b.execution_key = t.execution_key AND b.scheduled_event_id = t.scheduled_event_id
		LEFT JOIN temporal_internal.heartbeats() s ON s.execution_key = t.execution_key AND s.scheduled_event_id = t.scheduled_event_id
			AND s.attempt = t.attempt AND s.heartbeat_at >= coalesce(b.heartbeat_at, '-infinity')
		LEFT JOIN temporal_internal.in_flight f ON f.execution_key = t.execution_key AND f.event_id = t.scheduled_event_id
		CROSS JOIN LATERAL (
			-- what was asked while an attempt has the row locked
			SELECT coalesce((
				SELECT q.command ->> 'op' = 'pause'
				FROM temporal_internal.activity_request q
				WHERE f.pid IS NOT NULL AND q.execution_key = t.execution_key AND q.scheduled_event_id = t.scheduled_event_id
					AND (q.command ->> 'op' IN ('pause', 'unpause') OR q.command ->> 'op' = 'reset' AND (q.command ->> 'keep_paused')::boolean IS NOT TRUE)
				ORDER BY q.id DESC LIMIT 1), t.paused) AS paused) p
		WHERE t.execution_key = $1
	), timer AS (
		SELECT 'timer' AS kind, m.ref_event_id AS event_id, h.event_time AS since, m.deliver_at AS until,
			'timer #' || (h.attributes ->> 'timerId') AS what,
			concat_ws('. ',
				CASE WHEN m.deliver_at > clock
					THEN 'fires in ' || temporal_internal.short_duration(m.deliver_at - clock) ELSE 'has fired; a workflow task is to take that up' END,
				h.user_metadata ->> 'summary') AS detail
		FROM temporal_internal.message m
		JOIN temporal_internal.history h ON h.execution_key = m.execution_key AND h.event_id = m.ref_event_id
		WHERE m.execution_key = $1 AND m.kind = 2
	), child AS (
		SELECT 'child' AS kind, h.event_id, h.event_time AS since, NULL::timestamptz AS until,
			'child workflow ' || (h.attributes #>> '{workflowType,name}') || ' ' || (h.attributes ->> 'workflowId') AS what,
			CASE WHEN s.started IS NOT TRUE THEN 'is to be started'
				ELSE format('has been started: see temporal.explain(%L)', h.attributes ->> 'workflowId') END AS detail
		FROM temporal_internal.history h
		-- once for all of them: a run may have a thousand
		LEFT JOIN (
			SELECT (x.attributes ->> 'initiatedEventId')::integer AS event_id, bool_or(x.event_type <> 31) AS ended, bool_or(x.event_type = 31) AS started
			FROM temporal_internal.history x
			WHERE x.execution_key = $1 AND x.event_type BETWEEN 30 AND 36 GROUP BY 1) s ON s.event_id = h.event_id
		WHERE h.execution_key = $1 AND h.event_type = 29 AND s.ended IS NOT TRUE
	), pending AS (
		SELECT * FROM activity UNION ALL SELECT * FROM timer UNION ALL SELECT * FROM child
	), mail AS (
		SELECT min(m.deliver_at) AS since, count(*) AS n
		FROM temporal_internal.message m
		WHERE m.execution_key = $1 AND m.kind <> 6 AND m.deliver_at <= clock
	), line AS (
		SELECT 1 AS part, o.pos,
			o.waits_for AS what, coalesce(p.since, h.event_time, o.since) AS since,
			CASE WHEN o.ref_event_id IS NULL THEN e.until ELSE p.until END AS until, o.location AS at,
			concat_ws('. ',
				-- has ended, but the code has not been told yet
				CASE WHEN p.what IS NOT NULL THEN p.detail WHEN h.event_type IN (10, 17) THEN 'has ended; a workflow task is to take that up' END,
				'Held by ' || o.held_by,
				CASE WHEN e.until > clock THEN 'Times out in ' || temporal_internal.short_duration(e.until - clock)
					WHEN e.until IS NOT NULL THEN 'Has timed out; a workflow task is to take that up' END,
				CASE WHEN o.fiber <> 'run' THEN 'In ' || o.fiber END) AS detail
		FROM op o
		LEFT JOIN pending p ON p.event_id = o.ref_event_id
		LEFT JOIN timer e ON e.event_id = o.timeout_event_id
		LEFT JOIN temporal_internal.history h ON h.execution_key = $1 AND h.event_id = o.ref_event_id
		UNION ALL
		-- goes on beside the code; only if we know where that is
		SELECT 2, p.event_id, p.what, p.since, p.until, NULL,
			concat_ws('. ', p.detail, CASE WHEN p.kind IN ('activity', 'child') AND replay_error IS NULL AND NOT failing THEN 'Not awaited now' END)
		FROM pending p
		WHERE NOT EXISTS (SELECT FROM op o WHERE p.event_id IN (o.ref_event_id, o.timeout_event_id))
		UNION ALL
		SELECT 3, 0, 'a workflow task that is due', m.since, NULL, NULL,
			CASE WHEN EXISTS (SELECT FROM temporal_internal.in_flight f WHERE f.execution_key = $1 AND f.event_id = 0)
				THEN 'an executor is working on it'
				ELSE coalesce(holder, concat_ws('. ', coalesce(executor_missing, 'waits for an executor'), turn)) END
		FROM mail m
		WHERE m.n > 0 AND NOT failing
	)
	SELECT l.what, l.since, l.until, l.at, nullif(upper(left(l.detail, 1)) || substr(l.detail, 2), '') FROM line l ORDER BY l.part, l.pos;
END
$$;
COMMENT ON FUNCTION temporal_internal.explain_run(bigint) IS 'temporal.explain() of a run that the caller may see.';

CREATE FUNCTION temporal.explain(workflow_id text, run_id uuid DEFAULT NULL)
RETURNS TABLE (what text, since timestamptz, until timestamptz, at text, detail text)
LANGUAGE sql STABLE
ROWS 10
BEGIN ATOMIC
	SELECT x.what, x.since, x.until, x.at, x.detail
	FROM temporal_internal.explain_run(temporal_internal.find_run($1, $2, 1)) x;
END;
COMMENT ON FUNCTION temporal.explain(text, uuid) IS
$$What a workflow is waiting for, since when, and at which line of which function. To find the line, its code is replayed in this session, as the owner of the function; nothing is written.

workflow_id: the workflow, in the namespace of the session (temporal_pg.namespace).
run_id: which run of it; the current one when not given.
what: what it waits for. When its code fails, that comes first; then what the code is blocked on; then activities and timers that go on beside it.
since: since when.
until: when it goes on by itself, as far as that is known: a timer fires, the next attempt is made, the wait times out.
at: function and line of the call that waits, and of the function of the workflow that called it.
detail: attempts, failures, what to do about them; in which handler or spawned function; who has the lock.

Errors: TP010 no such workflow or run, 42501 without the level "client" in the namespace, 22004, 22023.$$;
