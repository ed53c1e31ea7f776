-- Going back in a history, and removing one.

CREATE FUNCTION temporal.reset(
	workflow_id text,
	event_id integer,
	reason text DEFAULT NULL,
	run_id uuid DEFAULT NULL,
	reapply text DEFAULT 'all')
RETURNS uuid
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_reset';
COMMENT ON FUNCTION temporal.reset(text, integer, text, uuid, text) IS
$$Goes back in the history of a run, open or closed, to before the code decided something, and gives the id of the new run that goes on from there with today's code. The open run of the workflow id is terminated. Takes effect at COMMIT. Waits for whoever works on the run (lock_timeout applies).

event_id: an event from 2 to the last one. Of the activation (task_id in temporal.history) that it belongs to, all is kept that the code was told, and dropped what the code decided in it, with everything behind. So name the command that was wrong, such as its ActivityTaskScheduled, or the closing event of a run that should not have ended; of the events that brought a decision about, any. An event that belongs to no activation (task_id 0: WorkflowTaskFailed, a termination or timeout) stands before the one that follows: naming a WorkflowExecutionTerminated undoes the termination.
reason: in the new history's WorkflowTaskFailed (cause RESET_WORKFLOW), and in the termination of the open run.
run_id: the run whose history it is; the latest of the id when not given.
reapply: what came behind that point, and in the runs that this one continued as, and is sent again: all, signals, updates or none. In the order in which the history has them. Updates are validated and handled again, accepted or not.

A pinned run goes on with its own version, not with today's code. The new run has the memo and search attributes of the point, and the timeouts begin anew. Activities that were pending there are scheduled again, also if they were completed later: what they have done in this database is done twice. Timers fire when they were to fire. Children that had been started stay its children. Those that were started later run on by themselves, without a parent close policy, until the new run asks for a child of the same id and type: one that is still open then becomes its child, as it is. Cancel requests behind the point are not sent again. temporal.random() and uuid4() give other values from there on.

Errors: TP010 no such workflow, TP021 in workflow code or in an activity of that workflow, 55000 its code has not run yet, 22023 no such event (HINT: the nearest) or reapply, 42501 without level "client", 22004, 25006.$$;

CREATE FUNCTION temporal.delete_workflow(workflow_id text, run_id uuid DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_delete_workflow';
COMMENT ON FUNCTION temporal.delete_workflow(text, uuid) IS
$$Removes one run with its history, mail, pending activities and search attributes, without waiting for the namespace's retention. One that is open is terminated first (reason "Delete workflow execution"): its children get their parent close policy, and a parent is told of the end. Takes effect at COMMIT.

Waits for whoever works on the run (lock_timeout applies). The other runs of the id stay; so do the children. Who waits for its result gets TP010.

workflow_id, run_id: the run; the latest of the id when no run id is given.
Errors: TP010 no such workflow, TP021 in workflow code or in an activity of that run, 42501 without level "admin", 22004, 22023, 25006.$$;
