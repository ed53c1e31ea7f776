-- Types of the public API.

CREATE TYPE temporal.workflow_status AS ENUM
	('Running', 'Completed', 'Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut', 'Paused');
COMMENT ON TYPE temporal.workflow_status IS 'Status of a run, as Temporal''s command line spells it. Running and Paused are open, the others closed.';

CREATE TYPE temporal.event_type AS ENUM (
	'WorkflowExecutionStarted', 'WorkflowExecutionCompleted', 'WorkflowExecutionFailed', 'WorkflowExecutionTimedOut',
	'WorkflowTaskScheduled', 'WorkflowTaskStarted', 'WorkflowTaskCompleted', 'WorkflowTaskTimedOut', 'WorkflowTaskFailed',
	'ActivityTaskScheduled', 'ActivityTaskStarted', 'ActivityTaskCompleted', 'ActivityTaskFailed', 'ActivityTaskTimedOut',
	'ActivityTaskCancelRequested', 'ActivityTaskCanceled',
	'TimerStarted', 'TimerFired', 'TimerCanceled',
	'WorkflowExecutionCancelRequested', 'WorkflowExecutionCanceled',
	'RequestCancelExternalWorkflowExecutionInitiated', 'RequestCancelExternalWorkflowExecutionFailed', 'ExternalWorkflowExecutionCancelRequested',
	'MarkerRecorded', 'WorkflowExecutionSignaled', 'WorkflowExecutionTerminated', 'WorkflowExecutionContinuedAsNew',
	'StartChildWorkflowExecutionInitiated', 'StartChildWorkflowExecutionFailed', 'ChildWorkflowExecutionStarted',
	'ChildWorkflowExecutionCompleted', 'ChildWorkflowExecutionFailed', 'ChildWorkflowExecutionCanceled',
	'ChildWorkflowExecutionTimedOut', 'ChildWorkflowExecutionTerminated',
	'SignalExternalWorkflowExecutionInitiated', 'SignalExternalWorkflowExecutionFailed', 'ExternalWorkflowExecutionSignaled',
	'UpsertWorkflowSearchAttributes', 'WorkflowExecutionUpdateAccepted', 'WorkflowExecutionUpdateRejected',
	'WorkflowExecutionUpdateCompleted', 'WorkflowPropertiesModifiedExternally', 'ActivityPropertiesModifiedExternally',
	'WorkflowPropertiesModified', 'WorkflowExecutionUpdateAdmitted',
	'NexusOperationScheduled', 'NexusOperationStarted', 'NexusOperationCompleted', 'NexusOperationFailed', 'NexusOperationCanceled',
	'NexusOperationTimedOut', 'NexusOperationCancelRequested',
	'WorkflowExecutionOptionsUpdated', 'NexusOperationCancelRequestCompleted', 'NexusOperationCancelRequestFailed',
	'WorkflowExecutionPaused', 'WorkflowExecutionUnpaused', 'WorkflowExecutionTimeSkippingTransitioned');
COMMENT ON TYPE temporal.event_type IS 'Types of history events, in the order of Temporal''s own numbers (reference: temporal.api.enums.v1.EventType).';

-- A future is a value of its own kind: no casts, lives only in the run that made it.
CREATE TYPE temporal.future;
CREATE FUNCTION temporal_internal.future_in(cstring) RETURNS temporal.future
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tpg_sql_future_in';
CREATE FUNCTION temporal_internal.future_out(temporal.future) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tpg_sql_future_out';
CREATE TYPE temporal.future (
	INPUT = temporal_internal.future_in, OUTPUT = temporal_internal.future_out,
	INTERNALLENGTH = 8, PASSEDBYVALUE, ALIGNMENT = double, STORAGE = plain);
COMMENT ON TYPE temporal.future IS 'Something that a workflow has started and can await: an activity, a timer. Prints as kind:number, for example activity:3, and is read from that by the code of the run that made it, where alone it is valid.';

CREATE FUNCTION temporal_internal.future_eq(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8eq';
CREATE FUNCTION temporal_internal.future_ne(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8ne';
CREATE FUNCTION temporal_internal.future_lt(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8lt';
CREATE FUNCTION temporal_internal.future_le(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8le';
CREATE FUNCTION temporal_internal.future_gt(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8gt';
CREATE FUNCTION temporal_internal.future_ge(temporal.future, temporal.future) RETURNS boolean
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'int8ge';
CREATE FUNCTION temporal_internal.future_cmp(temporal.future, temporal.future) RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'btint8cmp';
CREATE FUNCTION temporal_internal.future_hash(temporal.future) RETURNS integer
	LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'hashint8';

-- The operators stand in pg_catalog, so that futures compare under any search_path.
CREATE OPERATOR pg_catalog.= (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR pg_catalog.<> (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR pg_catalog.< (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_lt,
	COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR pg_catalog.<= (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_le,
	COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR pg_catalog.> (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_gt,
	COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR pg_catalog.>= (LEFTARG = temporal.future, RIGHTARG = temporal.future, FUNCTION = temporal_internal.future_ge,
	COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
CREATE OPERATOR CLASS temporal.future_ops DEFAULT FOR TYPE temporal.future USING btree AS
	OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
	FUNCTION 1 temporal_internal.future_cmp(temporal.future, temporal.future);
CREATE OPERATOR CLASS temporal.future_hash_ops DEFAULT FOR TYPE temporal.future USING hash AS
	OPERATOR 1 pg_catalog.=, FUNCTION 1 temporal_internal.future_hash(temporal.future);
