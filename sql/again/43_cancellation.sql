-- Asking a workflow to end, and ending what workflow code has started.

CREATE FUNCTION temporal.cancel(
	workflow_id text,
	reason text DEFAULT NULL,
	run_id uuid DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_cancel';
COMMENT ON FUNCTION temporal.cancel(text, text, uuid) IS
$$Asks an open workflow to end. Takes effect at COMMIT. Its run function is told once: the call that it waits in, or the next one that would have to wait, raises query_canceled, and what it waits for is cancelled, too. It may clean up and hand the error on, which closes the run as Canceled, or go on. Handlers are not cancelled. A workflow that is closed, or was asked before, is left alone.

In workflow code it is a command to another workflow: the code waits until that has been told (ExternalWorkflowExecutionCancelRequested).

workflow_id, run_id: the run; the latest of the id when no run id is given. reason: for history, and for the DETAIL of the error.
Errors: TP010 no such workflow (in workflow code it fails the workflow unless it is caught), 42501 without level "client", 22004, 22023, 25006.$$;

CREATE FUNCTION temporal.cancel(future temporal.future)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_cancel_future';
COMMENT ON FUNCTION temporal.cancel(temporal.future) IS
$$Cancels what workflow code has started: an activity by its cancellation_type, a timer, a wait, a spawned function (whose present or next waiting call raises query_canceled). What was started since the code last waited is not sent at all. Awaiting it raises TF002 for an activity, query_canceled otherwise.

future: what has ended, or was cancelled before, is left alone.
Errors: TP021 outside of workflow code, in queries, validators and conditions, or not of this run; 22004.$$;

CREATE FUNCTION temporal.shield(future temporal.future)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_shield';
COMMENT ON FUNCTION temporal.shield(temporal.future) IS
$$A future that ends as another one does, but whose cancellation leaves that alone. The wait for it is cancelled all the same.

future: what goes on.
Errors: TP021 outside of workflow code, or not of this run; 22004.$$;

CREATE FUNCTION temporal.cancel_requested()
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_cancel_requested';
COMMENT ON FUNCTION temporal.cancel_requested() IS
$$Has this workflow been asked to end?
Errors: TP021 outside of workflow code.$$;
