-- Going back in a history, and removing one.

CREATE FUNCTION temporal.delete_workflow(workflow_id text, run_id uuid DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_delete_workflow';
COMMENT ON FUNCTION temporal.delete_workflow(text, uuid) IS
$$Removes one run with its history, mail, pending activities and search attributes, without waiting for the namespace's retention. One that is open is terminated first (reason "Delete workflow execution"): its children get their parent close policy, and a parent is told of the end. Takes effect at COMMIT.

Waits for whoever works on the run (lock_timeout applies). The other runs of the id stay; so do the children. Who waits for its result gets TP010.

workflow_id, run_id: the run; the latest of the id when no run id is given.
Errors: TP010 no such workflow, TP021 in workflow code or in an activity of that run, 42501 without level "admin", 22004, 22023.$$;
