-- Child workflows: start and end, ids, close policies, cancellation, failures, roots and parents (A-05, A-06, A-47, G-33 to G-40, S-16, S-17).
BEGIN;
SELECT plan(168);

CREATE SCHEMA shop;
SET LOCAL search_path = shop, public;

\ir ../lib/helpers.sql

CREATE FUNCTION pg_temp.attributes_of(id text, event text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT attributes FROM temporal.history h JOIN temporal.workflow USING (run_id) WHERE h.workflow_id = id AND is_current AND event_type::text = event ORDER BY event_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.run_of(id text) RETURNS text LANGUAGE sql AS $$
	SELECT run_id::text FROM temporal.workflow WHERE workflow_id = id AND is_current
$$;
-- the bare events of a run and its attributes, ids and runs by name
CREATE FUNCTION pg_temp.story_of(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(replace(event_type::text, 'WorkflowExecution', '') || ' ' || (attributes - 'workflowType' - 'taskQueue' - 'input' - 'failure' - 'workflowTaskTimeout')::text ORDER BY event_id)
	FROM temporal.history h WHERE workflow_id = id AND event_id > 1
$$;

-- what a child does: as its input says
CREATE FUNCTION child(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE what
		WHEN 'fail' THEN PERFORM temporal.raise_application_error('no luck', 'Unlucky', details => '{"n": 13}', non_retryable => true);
		WHEN 'wait' THEN RETURN temporal.wait_signal('go') #>> '{}';
		WHEN 'sleep' THEN PERFORM temporal.sleep('1 hour');
		WHEN 'stubborn' THEN
			BEGIN
				PERFORM temporal.sleep('1 hour');
			EXCEPTION WHEN query_canceled THEN
				RETURN 'not cancelled';
			END;
		WHEN 'tidy' THEN
			BEGIN
				PERFORM temporal.sleep('1 hour');
			EXCEPTION WHEN query_canceled THEN
				PERFORM temporal.sleep('1 min');
				RAISE;
			END;
		ELSE NULL;
	END CASE;
	RETURN 'did ' || what;
END $$;
SELECT temporal.register_workflow('child');
SELECT temporal.test_start('2030-01-01 00:00:00+00');

-- ---------- S-16, event by event ----------

CREATE FUNCTION simple(what text, id text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN 'parent got ' || (temporal.execute_child_workflow('child', what, id => id) #>> '{}');
END $$;
SELECT temporal.register_workflow('simple');
SELECT is(temporal.test_run('simple', '["x", "c1"]', id => 'p1'), '"parent got did x"', 'execute_child_workflow gives the child''s result');
SELECT is(temporal.result('c1'), '"did x"', 'which is a workflow of its own');
SELECT is(pg_temp.events_of('p1'), '{Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed}', 'S-16: the parent');
SELECT is(pg_temp.events_of('c1'), '{Started,Completed}', 'S-16: the child');
SELECT is(pg_temp.attributes_of('p1', 'StartChildWorkflowExecutionInitiated'),
	'{"input": "x", "workflowId": "c1", "workflowType": {"name": "child"}, "parentClosePolicy": "PARENT_CLOSE_POLICY_TERMINATE", "workflowIdReusePolicy": "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE"}', 'event 29: what is asked for');
SELECT is(pg_temp.attributes_of('p1', 'ChildWorkflowExecutionStarted'),
	jsonb_build_object('initiatedEventId', 2, 'workflowType', '{"name": "child"}'::jsonb, 'workflowExecution', jsonb_build_object('workflowId', 'c1', 'runId', pg_temp.run_of('c1'))), 'event 31: its run');
SELECT is(pg_temp.attributes_of('p1', 'ChildWorkflowExecutionCompleted'),
	jsonb_build_object('initiatedEventId', 2, 'startedEventId', 3, 'result', 'did x', 'workflowType', '{"name": "child"}'::jsonb,
		'workflowExecution', jsonb_build_object('workflowId', 'c1', 'runId', pg_temp.run_of('c1'))), 'event 32: its result, and the events before');
SELECT is(pg_temp.attributes_of('c1', 'WorkflowExecutionStarted') - '{input,taskQueue,workflowType,originalExecutionRunId,firstExecutionRunId,attempt,workflowTaskTimeout,workflowId}'::text[],
	jsonb_build_object('parentInitiatedEventId', 2, 'parentWorkflowExecution', jsonb_build_object('workflowId', 'p1', 'runId', pg_temp.run_of('p1')),
		'rootWorkflowExecution', jsonb_build_object('workflowId', 'p1', 'runId', pg_temp.run_of('p1'))), 'A-05, A-06: the child''s start event names parent and root');
SELECT is((SELECT parent_workflow_id FROM temporal.workflow WHERE workflow_id = 'c1'), 'p1', 'temporal.workflow shows the parent');
SELECT is((SELECT parent_workflow_id FROM temporal.workflow WHERE workflow_id = 'p1'), NULL, 'which has none');
SELECT is((SELECT parent_workflow_id FROM temporal.describe('c1')), 'p1', 'describe() as well');
SELECT is((SELECT array_agg(event || coalesce(': ' || nullif(detail, ''), '')) FROM temporal.trace('p1') WHERE event_id BETWEEN 2 AND 4),
	ARRAY['child child initiated: c1; "x"', '  child child started', '  child child completed: "did x"'], 'trace() shows them');
SELECT is((SELECT ARRAY[child_workflow_type, child_workflow_id, child_run_id::text, child_status::text, parent_close_policy, initiated_event_id::text] FROM temporal.child_workflow WHERE workflow_id = 'p1'),
	ARRAY['child', 'c1', pg_temp.run_of('c1'), 'Completed', 'terminate', '2'], 'temporal.child_workflow lists it');
SELECT pg_temp.replays('p1');
SELECT pg_temp.replays('c1');

-- ---------- options; what is inherited ----------

CREATE FUNCTION tell(x jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
BEGIN
	RETURN jsonb_build_array(x, i.task_queue, i.execution_timeout, i.run_timeout, i.task_timeout, i.memo, i.retry_policy #>> '{maximumAttempts}', i.search_attributes);
END $$;
CREATE FUNCTION optional(given boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF given THEN
		RETURN temporal.execute_child_workflow('tell', '{"a": 1}'::jsonb, id => 'o-1', task_queue => 'q2', execution_timeout => '3 hours', run_timeout => '2 hours', task_timeout => '5 s',
			parent_close_policy => 'abandon', id_reuse_policy => 'reject_duplicate', retry_policy => temporal.retry_policy(maximum_attempts => 3), memo => '{"m": 2}',
			search_attributes => '{"Place": "here"}', summary => 'for people');
	END IF;
	RETURN temporal.execute_child_workflow('tell');
END $$;
SELECT temporal.register_search_attribute('Place', 'Keyword');
SELECT temporal.register_workflow('tell'), temporal.register_workflow('optional');
SELECT is(temporal.test_run('optional', 'true', id => 'o'), '[{"a": 1}, "q2", "03:00:00", "02:00:00", "00:00:05", {"m": 2}, "3", {"Place": "here"}]', 'every option reaches the child');
SELECT is((SELECT attributes - '{input,workflowType}'::text[] || jsonb_build_object('summary', user_metadata ->> 'summary') FROM temporal.history WHERE workflow_id = 'o' AND event_id = 2),
	'{"memo": {"m": 2}, "summary": "for people", "taskQueue": {"name": "q2"}, "workflowId": "o-1", "retryPolicy": {"maximumAttempts": 3, "backoffCoefficient": 2, "initialInterval": "1s", "maximumInterval": "100s"}, "searchAttributes": {"Place": "here"}, "parentClosePolicy": "PARENT_CLOSE_POLICY_ABANDON", "workflowRunTimeout": "7200s", "workflowTaskTimeout": "5s", "workflowIdReusePolicy": "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE", "workflowExecutionTimeout": "10800s"}'::jsonb,
	'and stands in event 29');
SELECT is((SELECT keyword_value FROM temporal.search_attribute WHERE workflow_id = 'o-1'), 'here', 'its search attributes are found');
SELECT temporal.start_workflow('optional', 'false', id => 'od', task_queue => 'mine', execution_timeout => '1 day', memo => '{"m": 1}', search_attributes => '{"Place": "there"}', priority_key => 2,
	retry_policy => temporal.retry_policy(maximum_attempts => 2));
SELECT temporal.test_drive();
SELECT is(temporal.result('od'), '[null, "mine", null, null, "00:00:10", null, null, null]', 'G-34: not given: the parent''s task queue, and nothing else of the parent''s');
SELECT matches((SELECT child_workflow_id FROM temporal.child_workflow WHERE workflow_id = 'od'), '^[0-9a-f]{8}-[0-9a-f]{4}-4', 'its id is a uuid');
SELECT is((SELECT pg_temp.attributes_of(child_workflow_id, 'WorkflowExecutionStarted') #>> '{priority,priorityKey}' FROM temporal.child_workflow WHERE workflow_id = 'od'), '2', 'A-48: but the priority');
SELECT pg_temp.replays('o');
SELECT pg_temp.replays('od');

-- ---------- the id is in use ----------

CREATE FUNCTION careful(id text, what text DEFAULT 'x', reuse text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future;
BEGIN
	f := temporal.start_child_workflow('child', what, id => id, id_reuse_policy => reuse);
	PERFORM temporal.child_execution(f);
	RETURN temporal.await(f) #>> '{}';
EXCEPTION WHEN SQLSTATE 'TP011' THEN
	RETURN concat_ws(' ', SQLSTATE, SQLERRM, temporal.failure_type());
END $$;
SELECT temporal.register_workflow('careful');
SELECT temporal.start_workflow('child', '"wait"', id => 'taken');
SELECT temporal.test_drive();
SELECT is(temporal.test_run('careful', '"taken"', id => 'p2'), '"TP011 workflow id \"taken\" is in use WorkflowExecutionAlreadyStarted"', 'E-17: an id that is running is an error, from starting');
SELECT is(pg_temp.story_of('p2'), ARRAY[
	'StartChildInitiated {"workflowId": "taken", "parentClosePolicy": "PARENT_CLOSE_POLICY_TERMINATE"}',
	'StartChildFailed {"cause": "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS", "workflowId": "taken", "initiatedEventId": 2}',
	'Completed {"result": "TP011 workflow id \"taken\" is in use WorkflowExecutionAlreadyStarted"}'], 'S-17 event by event');
SELECT pg_temp.replays('p2');
SELECT is(pg_temp.status_of('taken'), 'Running', 'the close policy does not reach somebody else''s workflow');
SELECT temporal.start_workflow('simple', '["x", "taken"]', id => 'p3');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('p3'), 'Failed', 'uncaught it fails the workflow');
SELECT is(pg_temp.attributes_of('p3', 'WorkflowExecutionFailed') #>> '{failure,applicationFailureInfo,type}', 'WorkflowExecutionAlreadyStarted', 'as itself, not wrapped');
SELECT pg_temp.replays('p3');
SELECT temporal.signal('taken', 'go', '"ok"');
SELECT temporal.test_drive();
CREATE FUNCTION pg_temp.reuse(ended text, policy text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n text := ended || '-' || policy;
BEGIN
	PERFORM temporal.start_workflow('child', to_jsonb(CASE WHEN ended = 'failed' THEN 'fail' ELSE 'x' END), id => n);
	PERFORM temporal.test_drive();
	RETURN left(temporal.test_run('careful', jsonb_build_array(n, 'x', policy)) #>> '{}', 5);
END $$;
SELECT is((SELECT array_agg(concat_ws(' ', e, p, pg_temp.reuse(e, p)) ORDER BY e, p) FROM unnest('{completed,failed}'::text[]) e, unnest('{allow_duplicate,allow_duplicate_failed_only,reject_duplicate}'::text[]) p),
	'{"completed allow_duplicate did x","completed allow_duplicate_failed_only TP011","completed reject_duplicate TP011","failed allow_duplicate did x","failed allow_duplicate_failed_only did x","failed reject_duplicate TP011"}',
	'A-11: an id of the past, by id_reuse_policy');

-- one id twice in one task: the policy of the one that was not started does not reach the other
CREATE FUNCTION twice() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.start_child_workflow('child', 'wait'::text, id => 'twin', parent_close_policy => 'abandon');
	PERFORM temporal.start_child_workflow('child', 'wait'::text, id => 'twin', parent_close_policy => 'terminate');
END $$;
SELECT temporal.register_workflow('twice');
SELECT temporal.test_run('twice', id => 'tw');
SELECT is(pg_temp.status_of('twin'), 'Running', 'the same id twice in the task that closes: the first is abandoned, the second never was');

-- ---------- two phases ----------

CREATE FUNCTION phases() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.start_child_workflow('child', 'sleep'::text, id => 'c4');
	before boolean := temporal.is_done(f);
	e record;
BEGIN
	e := temporal.child_execution(f);
	RETURN jsonb_build_array(f::text, before, e.workflow_id, e.run_id = (temporal.child_execution(f)).run_id, temporal.is_done(f), e.run_id, temporal.now(), temporal.await(f), temporal.now());
END $$;
SELECT temporal.register_workflow('phases');
SELECT temporal.test_run('phases', id => 'p4') AS phases \gset
SELECT is(:'phases'::jsonb #- '{5}' #- '{5}' #- '{6}', '["child_workflow:1", false, "c4", true, false, "did sleep"]', 'G-33: child_execution() waits for the start only, await() for the end');
SELECT is(:'phases'::jsonb ->> 5, pg_temp.run_of('c4'), 'and tells the run');
SELECT is((:'phases'::jsonb ->> 8)::timestamptz - (:'phases'::jsonb ->> 6)::timestamptz, '1 hour'::interval, 'an hour later');
SELECT pg_temp.replays('p4');

-- ---------- how it can end otherwise ----------

CREATE FUNCTION outcome(what text, id text, run_timeout interval DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	detail jsonb;
BEGIN
	RETURN temporal.execute_child_workflow('child', what, id => id, run_timeout => run_timeout);
EXCEPTION WHEN SQLSTATE 'TF003' THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN jsonb_build_array(SQLERRM, detail #>> '{kind}', detail #>> '{workflow_type}', detail #>> '{workflow_id}', detail #>> '{cause,kind}', detail #>> '{cause,message}',
		coalesce(detail #>> '{cause,type}', detail #>> '{cause,timeout_type}'), detail #> '{cause,details}', temporal.failure_type(), temporal.failure() = detail, detail #>> '{retry_state}');
END $$;
SELECT temporal.register_workflow('outcome');
SELECT is(temporal.test_run('outcome', '["fail", "e1"]', id => 'q1'),
	'["Child Workflow execution failed: no luck", "child_workflow", "child", "e1", "application", "no luck", "Unlucky", {"n": 13}, "Unlucky", true, "retry_policy_not_set"]', 'E-02: failed');
SELECT is(pg_temp.attributes_of('q1', 'ChildWorkflowExecutionFailed') #>> '{failure,applicationFailureInfo,type}', 'Unlucky', 'E-01: history has the bare failure');
SELECT is(temporal.test_run('outcome', '["sleep", "e2", "5 min"]', id => 'q2') #- '{10}',
	'["Child Workflow execution timed out: workflow timed out", "child_workflow", "child", "e2", "timeout", "workflow timed out", "start_to_close", null, "start_to_close", true]', 'timed out');
SELECT temporal.start_workflow('outcome', '["wait", "e3"]', id => 'q3'), temporal.start_workflow('outcome', '["wait", "e4"]', id => 'q4'), temporal.start_workflow('outcome', '["wait", "e5"]', id => 'q5');
SELECT temporal.test_drive();
SELECT temporal.terminate('e3', 'enough'), temporal.cancel('e4', 'please');
SELECT temporal.test_drive();
SELECT is(temporal.result('q3') #- '{10}', '["Child Workflow execution terminated: terminated", "child_workflow", "child", "e3", "terminated", "terminated", null, null, null, true]', 'terminated');
SELECT is(temporal.result('q4') #- '{10}' #- '{7}' #- '{5}', '["Child Workflow execution cancelled: child workflow was cancelled", "child_workflow", "child", "e4", "cancelled", null, null, true]', 'cancelled by others');
SELECT is((SELECT array_agg(pg_temp.events_of(q) || ARRAY[pg_temp.status_of(q)]) FROM unnest('{q1,q2,q3,q4}'::text[]) q),
	'{{Started,StartChildInitiated,ChildStarted,ChildFailed,Completed,Completed},{Started,StartChildInitiated,ChildStarted,ChildTimedOut,Completed,Completed},{Started,StartChildInitiated,ChildStarted,ChildTerminated,Completed,Completed},{Started,StartChildInitiated,ChildStarted,ChildCanceled,Completed,Completed}}',
	'each by an event of its own');
SELECT pg_temp.replays(q) FROM unnest('{q1,q2,q3,q4}'::text[]) q;
SELECT temporal.signal('e5', 'go', '"at last"');
SELECT temporal.test_drive();
SELECT is(temporal.result('q5'), '"at last"', 'or well');

-- uncaught, through three floors
CREATE FUNCTION middle(id text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN temporal.execute_child_workflow('simple', jsonb_build_array('fail', id || '-leaf'), id => id || '-middle') #>> '{}'; END $$;
SELECT temporal.register_workflow('middle');
SELECT temporal.start_workflow('middle', '"deep"', id => 'deep-top');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(pg_temp.status_of('deep-' || x)) FROM unnest('{top,middle,leaf}'::text[]) x), '{Failed,Failed,Failed}', 'a failure goes up');
SELECT is((SELECT ARRAY[d ->> 'kind', d #>> '{cause,kind}', d #>> '{cause,cause,kind}', d #>> '{cause,cause,type}', d ->> 'workflow_id', d #>> '{cause,workflow_id}']
	FROM (SELECT pg_temp.detail_of($$SELECT temporal.result('deep-top')$$)::jsonb AS d) x), '{child_workflow,child_workflow,application,Unlucky,deep-middle,deep-leaf}', 'with the whole chain in the client''s DETAIL');
SELECT is(temporal.test_run('careful', '["bug"]', id => 'ok'), '"did x"', 'a child whose name tells nothing');

-- ---------- roots and parents ----------

CREATE FUNCTION nest(depth int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	i temporal.workflow_info := temporal.workflow_info();
	here jsonb := jsonb_build_array(jsonb_build_array(i.workflow_id, i.parent_workflow_id, i.root_workflow_id));
BEGIN
	IF depth = 0 THEN
		RETURN here;
	END IF;
	RETURN here || temporal.execute_child_workflow('nest', depth - 1, id => i.workflow_id || '.' || depth);
END $$;
SELECT temporal.register_workflow('nest');
SELECT is(temporal.test_run('nest', '3', id => 'n'), '[["n", null, "n"], ["n.3", "n", "n"], ["n.3.2", "n.3", "n"], ["n.3.2.1", "n.3.2", "n"]]', 'children of children: workflow_info() knows parent and root');
SELECT is((SELECT array_agg(DISTINCT pg_temp.attributes_of(w, 'WorkflowExecutionStarted') #>> '{rootWorkflowExecution,runId}') FROM unnest('{n.3,n.3.2,n.3.2.1}'::text[]) w), ARRAY[pg_temp.run_of('n')], 'by run, too');
SELECT temporal.test_run('nest', '30', id => 'd');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE workflow_type = 'nest' AND status = 'Completed' AND left(workflow_id, 1) = 'd'), 31::bigint, 'any depth');

-- ---------- parent close policies ----------

-- starts one child of each policy, and ends as its input says
CREATE FUNCTION leaves(how text, wait boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	me temporal.workflow_info := temporal.workflow_info();
	f temporal.future[];
BEGIN
	IF me.continued_run_id IS NOT NULL THEN
		RETURN temporal.wait_signal('end') #>> '{}';
	END IF;
	FOR i IN 1 .. 3 LOOP
		f := f || temporal.start_child_workflow('child', 'sleep'::text, id => me.workflow_id || '-' || ('{terminate,abandon,request_cancel}'::text[])[i],
			parent_close_policy => ('{terminate,abandon,request_cancel}'::text[])[i]);
	END LOOP;
	-- one that has ended already
	IF wait THEN
		PERFORM temporal.execute_child_workflow('child', 'x'::text, id => me.workflow_id || '-ended');
	END IF;
	CASE how
		WHEN 'complete' THEN RETURN 'done';
		WHEN 'fail' THEN PERFORM temporal.raise_application_error('failed', non_retryable => true);
		WHEN 'continue' THEN PERFORM temporal.continue_as_new('continue'::text);
		WHEN 'wait' THEN RETURN temporal.wait_signal('end') #>> '{}';
	END CASE;
END $$;
CREATE FUNCTION pg_temp.left_behind(id text) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(coalesce(pg_temp.status_of(id || '-' || p), '-') ORDER BY n) FROM unnest('{terminate,abandon,request_cancel,ended}'::text[]) WITH ORDINALITY AS x (p, n)
$$;
SELECT temporal.register_workflow('leaves');
SELECT count(temporal.start_workflow('leaves', to_jsonb(how), id => how)) FROM unnest('{complete,fail,continue}'::text[]) how;
SELECT temporal.start_workflow('leaves', '"wait"', id => 'terminated'), temporal.start_workflow('leaves', '"wait"', id => 'cancelled'), temporal.start_workflow('leaves', '"wait"', id => 'timed', run_timeout => '1 min'),
	temporal.start_workflow('leaves', '"wait"', id => 'replaced');
SELECT temporal.test_drive();
SELECT temporal.terminate('terminated', 'enough'), temporal.cancel('cancelled');
SELECT temporal.start_workflow('child', '"wait"', id => 'replaced', id_conflict_policy => 'terminate_existing');
SELECT temporal.test_advance('61 s');
SELECT is((SELECT array_agg(how || ' ' || pg_temp.left_behind(how)::text ORDER BY n) FROM unnest('{complete,fail,continue,terminated,cancelled,timed,replaced}'::text[]) WITH ORDINALITY x (how, n)),
	(SELECT array_agg(how || ' {Terminated,Running,Canceled,Completed}' ORDER BY n) FROM unnest('{complete,fail,continue,terminated,cancelled,timed,replaced}'::text[]) WITH ORDINALITY x (how, n)),
	'A-47: however the parent closes, its policy is applied to each child that has not ended');
SELECT is((SELECT array_agg(pg_temp.status_of(how) ORDER BY n) FROM unnest('{complete,fail,continue,terminated,cancelled,timed,replaced}'::text[]) WITH ORDINALITY x (how, n)),
	'{Completed,Failed,Running,Terminated,Canceled,TimedOut,Running}', '(they did close in these ways)');
SELECT is(pg_temp.attributes_of('complete-terminate', 'WorkflowExecutionTerminated'), '{"reason": "by parent close policy"}', 'the child''s history tells why');
SELECT is(pg_temp.attributes_of('complete-request_cancel', 'WorkflowExecutionCancelRequested'),
	jsonb_build_object('cause', 'by parent close policy', 'externalInitiatedEventId', 4, 'externalWorkflowExecution', jsonb_build_object('workflowId', 'complete', 'runId', pg_temp.run_of('complete'))), 'and who asked');
SELECT is((SELECT array_agg(DISTINCT detail) FROM temporal.history h, LATERAL (SELECT h.event_type::text AS detail) d WHERE workflow_id = 'complete' AND event_id > (SELECT event_id FROM temporal.history WHERE workflow_id = 'complete' AND event_type = 'WorkflowExecutionCompleted')),
	NULL, 'the closed parent hears nothing of it');
SELECT temporal.test_advance('2 hours');
SELECT is(temporal.result('complete-abandon'), '"did sleep"', 'one that was abandoned lives on');
SELECT is((SELECT count(*) FROM temporal_internal.outbox), 0::bigint, 'nothing is left in the outboxes');
SELECT pg_temp.replays(w) FROM unnest('{complete,fail,cancelled,complete-abandon,complete-request_cancel}'::text[]) w;
SELECT is((SELECT array_agg(temporal.replay(workflow_id, run_id) = history_length ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'continue'), '{t,t}', 'both runs of the one that went on replay');
SELECT temporal.signal('continue', 'end');

-- in the task that closes
SELECT temporal.test_run('leaves', '["complete", false]', id => 'hasty');
SELECT is(pg_temp.events_of('hasty'), '{Started,StartChildInitiated,StartChildInitiated,StartChildInitiated,Completed}', 'children started in the task that closes');
SELECT temporal.test_drive();
SELECT is(pg_temp.left_behind('hasty'), '{Terminated,Running,Canceled,-}', 'are started all the same, and then the policy applies');
SELECT is(pg_temp.events_of('hasty-terminate'), '{Started,Terminated}', 'the terminated one never ran');
SELECT pg_temp.replays('hasty');

-- ---------- cancelling: before it is sent, before it is started, when it runs, when it has ended ----------

CREATE FUNCTION cancels(type text, what text, at text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	id text := (temporal.workflow_info()).workflow_id || '-child';
	f temporal.future := temporal.start_child_workflow('child', what, id => id, cancellation_type => type, parent_close_policy => 'abandon');
	began timestamptz;
	cause text;
	started boolean;
BEGIN
	IF at = 'started' THEN
		PERFORM temporal.child_execution(f);
	END IF;
	IF at = 'ended' THEN
		PERFORM temporal.await(f);
	END IF;
	began := temporal.now();
	PERFORM temporal.cancel(f);
	started := temporal.is_done(f);
	BEGIN
		PERFORM temporal.await(f);
		cause := 'completed';
	EXCEPTION WHEN SQLSTATE 'TF003' OR query_canceled THEN
		cause := concat_ws(' ', SQLSTATE, SQLERRM);
	END;
	RETURN jsonb_build_array(started, cause, temporal.now() - began);
END $$;
SELECT temporal.register_workflow('cancels');
CREATE FUNCTION pg_temp.cancelling(type text, what text, at text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id text := concat_ws('-', type, what, at);
	got jsonb := temporal.test_run('cancels', jsonb_build_array(type, what, at), id => id);
BEGIN
	PERFORM temporal.test_advance('2 hours');
	RETURN concat_ws(' | ', got #>> '{}', pg_temp.events_of(id)::text, coalesce(pg_temp.status_of(id || '-child'), 'no child'));
END $$;
SELECT is(pg_temp.cancelling(t, w, a), e, concat_ws(' ', 'cancelled child:', t, w, a)) FROM (VALUES
	('wait_cancellation_completed', 'sleep', 'now', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,Completed} | no child'),
	('wait_cancellation_completed', 'sleep', 'started', '[false, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,ChildCanceled,Completed} | Canceled'),
	('wait_cancellation_completed', 'stubborn', 'started', '[false, "completed", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,ChildCompleted,Completed} | Completed'),
	('wait_cancellation_completed', 'tidy', 'started', '[false, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:01:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,ChildCanceled,Completed} | Canceled'),
	('wait_cancellation_completed', 'x', 'ended', '[true, "completed", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed} | Completed'),
	('wait_cancellation_requested', 'sleep', 'now', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,Completed} | no child'),
	('wait_cancellation_requested', 'sleep', 'started', '[false, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,Completed} | Canceled'),
	('wait_cancellation_requested', 'stubborn', 'started', '[false, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,Completed} | Completed'),
	('wait_cancellation_requested', 'tidy', 'started', '[false, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,ExternalCancelRequested,Completed} | Canceled'),
	('wait_cancellation_requested', 'x', 'ended', '[true, "completed", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed} | Completed'),
	('try_cancel', 'sleep', 'now', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,Completed} | no child'),
	('try_cancel', 'sleep', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,Completed} | Canceled'),
	('try_cancel', 'stubborn', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,Completed} | Completed'),
	('try_cancel', 'tidy', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,RequestCancelExternalInitiated,Completed} | Canceled'),
	('try_cancel', 'x', 'ended', '[true, "completed", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed} | Completed'),
	('abandon', 'sleep', 'now', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,Completed} | no child'),
	('abandon', 'sleep', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,Completed} | Completed'),
	('abandon', 'stubborn', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,Completed} | Completed'),
	('abandon', 'tidy', 'started', '[true, "TF003 Child Workflow execution cancelled: child workflow was cancelled", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,Completed} | Completed'),
	('abandon', 'x', 'ended', '[true, "completed", "00:00:00"] | {Started,StartChildInitiated,ChildStarted,ChildCompleted,Completed} | Completed')
	) x (t, w, a, e);
SELECT is(temporal.replay(workflow_id), history_length::int, workflow_id || ' replays') FROM temporal.workflow WHERE workflow_type = 'cancels' ORDER BY workflow_id;

-- the command is sent, the child not yet started: the outbox keeps the order
CREATE FUNCTION set_to(key text) RETURNS void LANGUAGE sql AS $$ SELECT temporal.set_state(key, true) $$;
CREATE FUNCTION sends(type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.start_child_workflow('child', 'sleep'::text, id => type || '-sent', cancellation_type => type, parent_close_policy => 'abandon');
BEGIN
	PERFORM temporal.wait_condition('state ? ''cancel''');
	PERFORM temporal.cancel(f);
	PERFORM temporal.await(f);
	RETURN 'no';
EXCEPTION WHEN SQLSTATE 'TF003' THEN
	RETURN SQLERRM;
END $$;
SELECT temporal.register_workflow('sends', updates => '{"set": "set_to"}');
SELECT count(temporal.start_workflow('sends', to_jsonb(t), id => t)) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t;
-- in this session: what is in the outbox stays there
SELECT count(temporal.update(t, 'set', '"nothing"')) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t;
SELECT is((SELECT array_agg(what || ': ' || detail) FROM temporal.explain('abandon') WHERE what LIKE 'child%'), '{"child workflow child abandon-sent: Is to be started. Not awaited now"}', 'explain() of a child that is to be started');
SELECT count(temporal.update(t, 'set', '"cancel"')) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t;
SELECT is((SELECT array_agg(pg_temp.status_of(t || '-sent')) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t), '{NULL,NULL,NULL,NULL}', '(not started)');
SELECT temporal.test_drive();
SELECT temporal.test_advance('1 min');
SELECT is((SELECT array_agg(temporal.result(t) #>> '{}') FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t),
	array_fill('Child Workflow execution cancelled: child workflow was cancelled'::text, '{4}'), 'cancelled between its command and its start');
SELECT is((SELECT array_agg(array_to_string(array_remove(array_remove(pg_temp.events_of(t), 'UpdateAccepted'), 'UpdateCompleted'), ' ')) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t),
	ARRAY['Started StartChildInitiated RequestCancelExternalInitiated ChildStarted ExternalCancelRequested ChildCanceled Completed', 'Started StartChildInitiated RequestCancelExternalInitiated ChildStarted ExternalCancelRequested Completed',
		'Started StartChildInitiated RequestCancelExternalInitiated Completed', 'Started StartChildInitiated Completed'], 'by its type');
SELECT is((SELECT array_agg(pg_temp.status_of(t || '-sent')) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t), '{Canceled,Canceled,Canceled,Running}',
	'the child was started, and asked unless it was abandoned');
SELECT pg_temp.replays(t) FROM unnest('{wait_cancellation_completed,wait_cancellation_requested,try_cancel,abandon}'::text[]) t;
SELECT is(pg_temp.attributes_of('wait_cancellation_requested', 'RequestCancelExternalWorkflowExecutionInitiated'), '{"childWorkflowOnly": true, "workflowExecution": {"workflowId": "wait_cancellation_requested-sent"}}', 'G-38: event 22');

-- a parent that waits is cancelled
SELECT temporal.start_workflow('simple', '["tidy", "cc1"]', id => 'cp1'), temporal.start_workflow('simple', '["stubborn", "cc2"]', id => 'cp2');
SELECT temporal.test_drive();
SELECT temporal.cancel('cp1', 'enough'), temporal.cancel('cp2', 'enough');
SELECT temporal.test_drive();
SELECT is(pg_temp.status_of('cp1'), 'Running', 'the parent waits until its child has tidied up');
SELECT temporal.test_advance('1 min');
SELECT is(pg_temp.status_of('cp1') || pg_temp.status_of('cc1'), 'CanceledCanceled', 'E-11: then both are cancelled');
SELECT is(pg_temp.events_of('cp1'), '{Started,StartChildInitiated,ChildStarted,CancelRequested,RequestCancelExternalInitiated,ExternalCancelRequested,ChildCanceled,Canceled}', 'event by event');
SELECT is(pg_temp.status_of('cp2') || pg_temp.status_of('cc2'), 'CompletedCompleted', 'a child that goes on gives its result');
SELECT pg_temp.replays('cp1');
SELECT pg_temp.replays('cp2');

-- ---------- signals; a child that goes on as another run ----------

CREATE FUNCTION relay_child(runs int, got jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	got := got || jsonb_build_array(temporal.wait_signal('hi'));
	IF runs > 1 THEN
		PERFORM temporal.continue_as_new(jsonb_build_array(runs - 1, got));
	END IF;
	RETURN got;
END $$;
CREATE FUNCTION talker(runs int, says int) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.start_child_workflow('relay_child', jsonb_build_array(runs, '[]'::jsonb), id => 'relay-' || (temporal.workflow_info()).workflow_id);
	r jsonb;
BEGIN
	FOR i IN 1 .. says LOOP
		PERFORM temporal.signal(f, 'hi', to_jsonb(i));
		PERFORM temporal.sleep('2 s');
	END LOOP;
	IF says < runs THEN
		PERFORM temporal.cancel(f);
	END IF;
	r := temporal.await(f);
	BEGIN
		PERFORM temporal.signal(f, 'hi', '"too late"');
	EXCEPTION WHEN SQLSTATE 'TP010' THEN
		r := r || to_jsonb(SQLERRM);
	END;
	RETURN r || to_jsonb((temporal.child_execution(f)).run_id);
END $$;
SELECT temporal.register_workflow('relay_child'), temporal.register_workflow('talker');
SELECT is(temporal.test_run('talker', '[3, 3]', id => 't1') - 4, '[1, 2, 3, "workflow \"relay-t1\" does not exist or is closed"]', 'G-40: signals follow the child through its runs; one that has ended is not found');
SELECT is((SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'relay-t1'), '{ContinuedAsNew,ContinuedAsNew,Completed}', '(three runs)');
SELECT is(temporal.result('t1') ->> 4, (SELECT first_run_id::text FROM temporal.workflow WHERE workflow_id = 'relay-t1' AND is_current), 'G-36: child_execution() tells the first run');
SELECT is(array_remove(array_remove(array_remove(pg_temp.events_of('t1'), 'TimerStarted'), 'TimerFired'), 'ExternalSignaled'),
	'{Started,StartChildInitiated,SignalExternalInitiated,ChildStarted,SignalExternalInitiated,SignalExternalInitiated,ChildCompleted,SignalExternalInitiated,SignalExternalFailed,Completed}', 'the parent hears of the last run only');
SELECT is(pg_temp.attributes_of('t1', 'ChildWorkflowExecutionCompleted') #>> '{workflowExecution,runId}', pg_temp.run_of('relay-t1'), 'and of which run it was');
SELECT is((SELECT attributes FROM temporal.history WHERE workflow_id = 't1' AND event_id = 3), '{"input": 1, "signalName": "hi", "childWorkflowOnly": true, "workflowExecution": {"workflowId": "relay-t1"}}'::jsonb, 'event 37');
SELECT is((SELECT array_agg(DISTINCT attributes #>> '{parentWorkflowExecution,workflowId}' || (attributes ->> 'parentInitiatedEventId')) FROM temporal.history WHERE workflow_id = 'relay-t1' AND event_id = 1), '{t12}', 'A-06: each run names the parent');
SELECT temporal.start_workflow('talker', '[3, 1]', id => 't2');
SELECT temporal.test_advance('10 s');
SELECT is((SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'relay-t2'), '{ContinuedAsNew,Canceled}', 'a cancellation reaches the later run');
SELECT is(pg_temp.status_of('t2') || ' ' || left(pg_temp.detail_of($$SELECT temporal.result('t2')$$), 25), 'Failed {"kind": "child_workflow"', 'E-11: nobody has asked the parent, so it fails');
SELECT temporal.start_workflow('talker', '[3, 2]', id => 't3');
SELECT temporal.test_advance('3 s');
SELECT temporal.terminate('t3');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(status::text ORDER BY start_time, is_current) FROM temporal.workflow WHERE workflow_id = 'relay-t3'), '{ContinuedAsNew,ContinuedAsNew,Terminated}', 'so does the close policy');
SELECT pg_temp.replays(w) FROM unnest('{t1,t2}'::text[]) w;
SELECT is(array_agg(temporal.replay(workflow_id, run_id)), array_agg(history_length::int), 'all runs of the children replay') FROM temporal.workflow WHERE workflow_id ~ '^relay-t';

-- ---------- many; from handlers and spawned functions ----------

CREATE FUNCTION square(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.sleep(make_interval(mins => n % 7));
	IF n = 13 THEN
		PERFORM temporal.raise_application_error('thirteen', 'Unlucky');
	END IF;
	RETURN n * n;
END $$;
CREATE FUNCTION fan(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN to_jsonb(temporal.await_all((SELECT array_agg(temporal.start_child_workflow('square', i)) FROM generate_series(1, n) i)));
EXCEPTION WHEN SQLSTATE 'TF003' THEN
	RETURN to_jsonb(temporal.failure_type());
END $$;
SELECT temporal.register_workflow('square'), temporal.register_workflow('fan');
SELECT is((SELECT sum(x::int) FROM jsonb_array_elements_text(temporal.test_run('fan', '12', id => 'f1')) x), 650::bigint, 'await_all: the results in the order of the futures');
SELECT is(temporal.test_run('fan', '12', id => 'f1a') -> 11, '144', 'not in that of the ends');
SELECT is(temporal.test_run('fan', '20', id => 'f2'), '"Unlucky"', 'or the failure that came first');
SELECT is((SELECT array_agg(DISTINCT status::text) FROM temporal.workflow WHERE parent_workflow_id = 'f1'), '{Completed}', 'by parent_workflow_id');
SELECT pg_temp.replays('f1');
SELECT pg_temp.replays('f2');

CREATE FUNCTION has_child(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.set_state(what, temporal.execute_child_workflow('child', 'x'::text, id => 'of-' || what));
	RETURN temporal.state(what) #>> '{}';
END $$;
CREATE FUNCTION sees() RETURNS jsonb LANGUAGE sql AS $$ SELECT temporal.state() $$;
CREATE FUNCTION household() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM temporal.await(temporal.spawn('has_child', 'spawned'::text));
	PERFORM temporal.wait_condition('state ?& ''{signalled,updated}''');
	RETURN temporal.state();
END $$;
SELECT temporal.register_workflow('household', signals => '{"bear": "has_child"}', updates => '{"bear": "has_child"}', queries => '{"sees": "sees", "bears": "has_child"}');
SELECT temporal.start_workflow('household', id => 'h');
SELECT temporal.test_drive();
SELECT temporal.signal('h', 'bear', '"signalled"');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.update('h', 'bear', '"updated"')$$), 'TP024', 'an update whose handler starts a child has to wait');
SELECT temporal.start_update('h', 'bear', '"updated"', 'u1');
SELECT is(pg_temp.sqlstate_of($$SELECT temporal.query('h', 'bears', '"queried"')$$), 'TP015', 'a query cannot start one');
SELECT temporal.test_drive();
SELECT is(temporal.result('h'), '{"spawned": "did x", "updated": "did x", "signalled": "did x"}', 'from a spawned function, a signal and an update');
SELECT is(temporal.update_result('h', 'u1'), '"did x"', 'whose caller gets the result');
SELECT is((SELECT count(*) FROM temporal.workflow WHERE parent_workflow_id = 'h'), 3::bigint, 'each once');
SELECT pg_temp.replays('h');

-- ---------- what operators see while it waits ----------

SELECT temporal.start_workflow('simple', '["wait", "w-child"]', id => 'w');
SELECT temporal.test_drive();
SELECT is((SELECT array_agg(what || ' | ' || at || ' | ' || detail) FROM temporal.explain('w')),
	ARRAY['child workflow child w-child | simple(text,text) line 3 at RETURN | Has been started: see temporal.explain(''w-child'')'], 'explain() tells which child, and where to look');
SELECT is((SELECT array_agg(child_status || ' ' || (close_time IS NULL)) FROM temporal.child_workflow WHERE workflow_id = 'w'), '{"Running true"}', 'temporal.child_workflow: it runs');
SELECT is(temporal.query('w', '__stack_trace') #>> '{}' ~ 'line 3', true, 'a query of the parent');
SELECT ok(temporal.query('w-child', '__stack_trace') #>> '{}' ~ 'wait_signal|signal go', 'and of the child');
SELECT temporal.signal('w-child', 'go', '"gone"');
SELECT temporal.test_drive();
SELECT is(temporal.result('w'), '"parent got gone"', 'anybody may signal a child');

-- what waits for the start; a shield is only around it
CREATE FUNCTION starts(id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future := temporal.start_child_workflow('child', 'x'::text, id => id);
BEGIN
	PERFORM temporal.child_execution(f);
	PERFORM temporal.sleep('1 s');
	PERFORM temporal.await(temporal.shield(temporal.start_child_workflow('child', 'wait'::text, id => id || '2')));
END $$;
SELECT temporal.register_workflow('starts', updates => '{"set": "set_to"}');
SELECT temporal.start_workflow('starts', '"st"', id => 'starts');
SELECT temporal.update('starts', 'set', '"nothing"');
SELECT is((SELECT array_agg(concat_ws(' | ', what, at, detail)) FROM temporal.explain('starts')),
	'{"start of child workflow child st | starts(text) line 5 at PERFORM | Is to be started"}', 'explain() of child_execution()');
SELECT temporal.test_advance('1 s');
SELECT is((SELECT array_agg(concat_ws(' | ', what, at, detail)) FROM temporal.explain('starts')),
	ARRAY['child workflow child st2 | starts(text) line 7 at PERFORM | Has been started: see temporal.explain(''st2'')'], 'and of a shield');

-- ---------- code that differs from history ----------

CREATE FUNCTION pg_temp.changed(body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r text;
BEGIN
	EXECUTE format('CREATE OR REPLACE FUNCTION shop.simple(what text, id text) RETURNS text LANGUAGE plpgsql AS %L', 'BEGIN ' || body || ' END');
	r := concat_ws(' ', pg_temp.sqlstate_of($c$SELECT temporal.replay('p1')$c$), pg_temp.detail_of($c$SELECT temporal.replay('p1')$c$));
	EXECUTE $c$CREATE OR REPLACE FUNCTION shop.simple(what text, id text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN ''parent got '' || (temporal.execute_child_workflow(''child'', what, id => id) #>> ''{}''); END'$c$;
	RETURN r;
END $$;
SELECT is(pg_temp.changed($$RETURN temporal.execute_child_workflow('tell', what, id => id);$$),
	'TP020 History has StartChildWorkflowExecutionInitiated of child workflow "child" with id c1; the code asked for child workflow "tell" with id c1 to be started.', 'another type');
SELECT is(pg_temp.changed($$RETURN temporal.execute_child_workflow('child', what, id => id || '2');$$),
	'TP020 History has StartChildWorkflowExecutionInitiated of child workflow "child" with id c1; the code asked for child workflow "child" with id c12 to be started.', 'another id');
SELECT is(left(pg_temp.changed($$PERFORM temporal.sleep('1 s'); RETURN temporal.execute_child_workflow('child', what, id => id);$$), 5), 'TP020', 'something before it');
SELECT is(left(pg_temp.changed($$RETURN 'x';$$), 5), 'TP020', 'no child at all');
SELECT is(pg_temp.changed($$RETURN 'parent got ' || (temporal.execute_child_workflow('child', 'other input'::text, id => id, parent_close_policy => 'abandon', run_timeout => '1 s') #>> '{}');$$),
	'ok ok', 'other options may change');
-- the type need not be there any more
SELECT temporal.unregister_workflow('tell');
SELECT pg_temp.replays('o');

-- ---------- the limit ----------

SET LOCAL temporal_pg.max_pending_children = 3;
CREATE FUNCTION brood(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f temporal.future[];
BEGIN
	FOR i IN 1 .. n LOOP
		f := f || temporal.start_child_workflow('child', 'x'::text);
		IF i % 3 = 0 AND i < 7 THEN
			PERFORM temporal.await_all(f);
		END IF;
	END LOOP;
	RETURN 'all';
EXCEPTION WHEN SQLSTATE 'TP025' THEN
	RETURN cardinality(f) || ' ' || SQLERRM;
END $$;
SELECT temporal.register_workflow('brood');
SELECT is(temporal.test_run('brood', '9', id => 'b1'), '"all"', 'three at a time');
SELECT is(temporal.test_run('brood', '10', id => 'b2'), '"9 too many pending child workflows"', 'TP025: not a fourth');
SELECT pg_temp.replays('b2');
RESET temporal_pg.max_pending_children;

SELECT is((SELECT count(*) FROM temporal_internal.outbox), 0::bigint, 'nothing is left in any outbox');

SELECT * FROM finish();
ROLLBACK;
