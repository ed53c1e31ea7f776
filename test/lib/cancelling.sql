-- What the tests of cancellation share: activities that keep a workflow waiting, and histories in short.

-- fails, and comes again in an hour
CREATE FUNCTION shop.fails(say text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE FUNCTION shop.note(say text) RETURNS text LANGUAGE sql AS $$SELECT say$$;
SELECT temporal.register_activity('fails', retry_policy => temporal.retry_policy('1 hour')), temporal.register_activity('note');

-- the events of a run with what matters of them: '@n' is the event that it refers to
CREATE FUNCTION pg_temp.golden(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(concat_ws(' ', replace(replace(event_type::text, 'WorkflowExecution', ''), 'ActivityTask', 'Activity'),
		coalesce(attributes ->> 'activityId', attributes ->> 'timerId', attributes ->> 'signalName', attributes #>> '{workflowExecution,workflowId}'), attributes ->> 'cause',
		'@' || coalesce(attributes ->> 'scheduledEventId', attributes ->> 'initiatedEventId', CASE WHEN event_type IN ('TimerFired', 'TimerCanceled') THEN attributes ->> 'startedEventId' END),
		'started ' || CASE WHEN attributes ? 'scheduledEventId' THEN attributes ->> 'startedEventId' END,
		'request ' || (attributes ->> 'latestCancelRequestedEventId'), CASE WHEN jsonb_typeof(attributes -> 'details') = 'string' THEN attributes ->> 'details' END, attributes ->> 'retryState', attributes #>> '{failure,message}') ORDER BY event_id)
	FROM temporal.history WHERE workflow_id = id
$$;
