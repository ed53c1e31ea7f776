-- What workflow code says about its run, and patches.

CREATE FUNCTION temporal.memo()
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_memo';
COMMENT ON FUNCTION temporal.memo() IS
$$The memo of the run, an object, with what upsert_memo() has changed.
Errors: TP021.$$;

CREATE FUNCTION temporal.upsert_memo(memo jsonb)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_upsert_memo';
COMMENT ON FUNCTION temporal.upsert_memo(jsonb) IS
$$Changes the memo of the run: seen by the code at once, and by all others (temporal.workflow, temporal.describe()) when its workflow task commits. The next run of the same id begins with the memo of the start again.

memo: an object; its members replace those of the same name, null takes one away, the others stay. An empty one does nothing.
Errors: TP021 outside of workflow code, and in queries, validators and conditions; TP025 too large together; 22023 no object; 22004.$$;

CREATE FUNCTION temporal.upsert_search_attributes(search_attributes jsonb)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_upsert_search_attributes';
COMMENT ON FUNCTION temporal.upsert_search_attributes(jsonb) IS
$$Changes the search attributes of the run: seen by the code at once (workflow_info()), and by all others (temporal.search_attribute, temporal.workflow) when its workflow task commits. They go on into the run that continue_as_new() starts.

search_attributes: an object of registered names and values of their types; they replace those of the same name, null takes one away, the others stay. An empty one does nothing.
Errors: TP026 unknown name or wrong type; TP021 outside of workflow code, and in queries, validators and conditions; TP025 too large or too many together; 22004, 22023 no object (null, too).$$;

CREATE FUNCTION temporal.set_current_details(details text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_set_current_details';
COMMENT ON FUNCTION temporal.set_current_details(text) IS
$$Says for people what the run is about just now. It is shown by the query __temporal_workflow_metadata as currentDetails, and nowhere else: it leaves nothing in history, and is found out by a replay.

details: replaces what was said before; NULL or empty: nothing more to say.
Errors: TP021 outside of workflow code, and in queries, validators and conditions; TP025 above temporal_pg.max_details_size.$$;

CREATE FUNCTION temporal.last_completion_result()
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_last_completion_result';
COMMENT ON FUNCTION temporal.last_completion_result() IS
$$The result of the last run of a cron chain that has completed; NULL when there was none. In workflow code.
Errors: TP021.$$;

CREATE FUNCTION temporal.last_failure()
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_last_failure';
COMMENT ON FUNCTION temporal.last_failure() IS
$$The failure of the run before, which a retry or cron has followed by this one, as a chain like that of failure(); NULL when it has not failed or there was none. In workflow code.
Errors: TP021.$$;

CREATE FUNCTION temporal.patched(patch_id text)
RETURNS boolean
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_patched';
COMMENT ON FUNCTION temporal.patched(text) IS
$$Is this run to take the new way of changed code? True where the run comes to the call for the first time, which leaves a marker in history, and in every replay of that; false in the replay of a run that went here before the call was there. The first answer holds for the rest of the run.

IF temporal.patched('new way') THEN ... new code ... ELSE ... old code ... END IF;

A query, validator or condition is told what the run was told. Where the run has not asked yet, queries and validators are told what it would be told now, and a condition fails.

patch_id: any name; another one for each change. The patches of a run are its search attribute TemporalChangeVersion.
Errors: TP021 outside of workflow code; 22004, 22023 empty or too long. A replay that finds a marker that the code does not ask for any more fails its task with TP020: see deprecate_patch().$$;

CREATE FUNCTION temporal.deprecate_patch(patch_id text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_deprecate_patch';
COMMENT ON FUNCTION temporal.deprecate_patch(text) IS
$$Takes the place of patched() when no open run goes the old way any more and its code is gone: runs that have the marker are replayed by it as well as new ones. When all open runs have begun with this call, it may go, too.

patch_id: as in patched(). It does nothing in a query, validator or condition.
Errors: TP021 outside of workflow code; 22004, 22023 empty or too long.$$;
