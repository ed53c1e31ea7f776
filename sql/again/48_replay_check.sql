-- A gate for deployments.

CREATE FUNCTION temporal.replay_check(
	workflow_type text DEFAULT NULL,
	OUT workflow_id text,
	OUT run_id uuid,
	OUT workflow_type text,
	OUT sqlstate text,
	OUT message text,
	OUT detail text)
RETURNS SETOF record
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_replay_check';
COMMENT ON FUNCTION temporal.replay_check(text) IS
$$Would today's code still replay every open run? One row for each that it would not; no row is good. Nothing is written or locked. What this transaction has changed counts: create the new functions, check, and COMMIT or ROLLBACK.

A pinned run is replayed with its own version, which today's code does not change. It takes the time of a replay of each open run. It can be interrupted. Runs that start while it works may be missed.

workflow_type: the type whose runs are looked at; all when not given.
workflow_id, run_id, workflow_type: of the run. sqlstate, message, detail: the error with which its next workflow task would fail: TP020 where code and history disagree, with the event in the message; TP014 where its type is not registered.
Errors: TP014 workflow_type is not registered, TP021 in workflow code, 42501 without level "client", 22023.$$;
