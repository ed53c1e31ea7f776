-- What workflow code waits for besides activities and timers. Outside of it every function here raises TP021.

CREATE FUNCTION temporal.wait_condition(
	condition text,
	timeout interval DEFAULT NULL,
	args jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_wait_condition';
COMMENT ON FUNCTION temporal.wait_condition(text, interval, jsonb) IS
$$Waits until a condition is true; false when the time is over. Looked at after all code that could run has run, never polled; look at the state again after it, since others may have run in between.

condition: an SQL expression over state and args, both jsonb: (state->>'approved') IS NOT NULL. timeout: none when not given. args: what it may refer to besides the state.
Errors: TP021; an error of the expression fails the workflow task; 22004, 22023.$$;

CREATE FUNCTION temporal.start_wait_condition(
	condition text,
	args jsonb DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_wait_condition';
COMMENT ON FUNCTION temporal.start_wait_condition(text, jsonb) IS
$$wait_condition() as a future, to be awaited with others.
Errors: as there.$$;

CREATE FUNCTION temporal.wait_signal(
	signal_name text,
	timeout interval DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_wait_signal';
COMMENT ON FUNCTION temporal.wait_signal(text, interval) IS
$$Takes the next signal of a name that no handler takes, in order, waiting for it if need be, and gives its input: JSON null when it had none; SQL NULL when the time is over.
Errors: TP021, 22004, 22023.$$;

CREATE FUNCTION temporal.start_wait_signal(signal_name text)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_start_wait_signal';
COMMENT ON FUNCTION temporal.start_wait_signal(text) IS
$$wait_signal() as a future.
Errors: as there.$$;

CREATE FUNCTION temporal.spawn(
	function text,
	input "any" DEFAULT NULL)
RETURNS temporal.future
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_spawn';
COMMENT ON FUNCTION temporal.spawn(text, "any") IS
$$Runs a function of the same owner beside this code, like a coroutine, and gives a future of its result: parallel branches of several steps. It shares the state of the run.

function: as in register_workflow(); needs no registration. input: its arguments.
Errors: TP021, 42883 no such function, 42501 another owner, TP025, 22004. A failure of the function is raised by await().$$;

CREATE FUNCTION temporal.all_handlers_finished()
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_all_handlers_finished';
COMMENT ON FUNCTION temporal.all_handlers_finished() IS
$$Has every signal and update handler that has begun ended? Wait for it before the end: those in progress are dropped.
Errors: TP021.$$;

CREATE FUNCTION temporal.lock(name text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_lock';
COMMENT ON FUNCTION temporal.lock(text) IS
$$Waits for a lock of the run, first come first served. It belongs to this code (the run function, one handler, one spawned function) and is given back when that ends in any way.
Errors: TP021 also when it holds it already, 22004, 22023.$$;

CREATE FUNCTION temporal.unlock(name text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_unlock';
COMMENT ON FUNCTION temporal.unlock(text) IS
$$Gives a lock back.
Errors: TP021 when this code does not hold it, 22004, 22023.$$;
