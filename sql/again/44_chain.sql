-- The runs of a workflow that follow each other.

CREATE FUNCTION temporal.continue_as_new(
	input "any" DEFAULT NULL,
	workflow_type text DEFAULT NULL,
	task_queue text DEFAULT NULL,
	run_timeout interval DEFAULT NULL,
	task_timeout interval DEFAULT NULL,
	retry_policy temporal.retry_policy DEFAULT NULL,
	memo jsonb DEFAULT NULL,
	search_attributes jsonb DEFAULT NULL,
	cron_schedule text DEFAULT NULL,
	initial_versioning_behavior text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_continue_as_new';
COMMENT ON FUNCTION temporal.continue_as_new("any", text, text, interval, interval, temporal.retry_policy, jsonb, jsonb, text, text) IS
$$Ends the run and starts the next one of the same workflow id, with an empty history, in one transaction. Does not return. For the run function of a workflow only.

Signals that are on their way are handled first: the code then runs again to this point and decides anew. Signals that nobody has taken are mail of the next run (not so of a retry or the next run of a cron schedule, which have those only that are sent to them). Pending activities are given up, handlers in progress are dropped (wait with temporal.all_handlers_finished()); updates in progress fail. State is not kept: pass it on as input.

input: of the next run; none when not given.
workflow_type, task_queue, run_timeout, task_timeout, retry_policy, memo, search_attributes: those of this run when not given. The execution timeout goes on.
cron_schedule: the next run begins at its first match, and runs follow each other by it; that of this run ends when none is given.
initial_versioning_behavior: of a run that is pinned to a version of its code (see register_workflow): the next run of the same type has that version, too, or with auto_upgrade the one that is registered now. pinned says what is so without it.
The next run begins at once, or, when this one has lived for less than temporal_pg.continue_as_new_min_interval, that long after its start.
Errors: TP021 outside of workflow code, in a handler or spawned function; TP014 unknown workflow_type; TP025, TP026, 22023.$$;
