/*-------------------------------------------------------------------------
 * store/version.c - versions of pinned code: tables pinned_version, pinned_definition.
 *
 * A version is what a registration with versioning_behavior 'pinned' found: the rows of the
 * workflow type and of its handlers, with copies (store/versioncopy) as their functions.  Runs
 * keep its name.  It is never changed, so that what a run has begun with is what it goes on with.
 *
 * A version goes when no registration and no run has it.  Whoever starts a run holds the
 * version's lock, shared, and has looked at the registration behind that; who drops it holds
 * the lock alone, and looks for runs behind that.  So no run is left without its code.  One that
 * takes over the version of another run needs no lock: that one has it until then.
 *
 * In a transaction; locks no rows.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "base/json.h"
#include "store/definition_table.h"
#include "store/function.h"
#include "store/plan.h"
#include "store/runlock.h"
#include "store/version.h"
#include "store/versioncopy.h"

/* The rows of a workflow type: its own and those of its handlers. */
#define ROWS_OF_TYPE(ns, type) \
	"d.namespace_id = " ns " AND (d.workflow_type = " type " AND d.kind NOT IN ('workflow', 'activity') " \
	"OR d.workflow_type = '' AND d.kind = 'workflow' AND d.name = " type ")"

static TpgPlan text_plan = TPG_PLAN(
	"SELECT string_agg((to_jsonb(d) - '{id,namespace_id,version,with_workflow,registered_at}'::text[] "
	"|| jsonb_build_object('namespace', n.name))::text, E'\\n' ORDER BY d.kind COLLATE \"C\", d.name COLLATE \"C\") "
	"FROM temporal_internal.definition d JOIN temporal_internal.namespace n ON n.id = d.namespace_id "
	"WHERE " ROWS_OF_TYPE("$1", "$2"), 2, {INT4OID, TEXTOID}
);
static TpgPlan put_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.pinned_version (version, namespace_id, workflow_type, functions) "
	"VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", 4, {TEXTOID, INT4OID, TEXTOID, JSONBOID}
);
static TpgPlan put_definitions_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.pinned_definition (version, kind, workflow_type, name, function_schema, function_name, "
	"function_arguments, task_queue, settings, failure_sqlstates, owner_name) "
	"SELECT $1, d.kind, d.workflow_type, d.name, $1, d.function_name, d.function_arguments, d.task_queue, "
	"w.settings || jsonb_build_object('search_path', concat_ws(', ', $1, w.settings ->> 'search_path')), "
	"w.failure_sqlstates, d.owner_name "
	"FROM temporal_internal.definition d JOIN temporal_internal.definition w "
	"ON w.namespace_id = d.namespace_id AND w.kind = 'workflow' AND w.workflow_type = '' AND w.name = $3 "
	"WHERE " ROWS_OF_TYPE("$2", "$3"), 3, {TEXTOID, INT4OID, TEXTOID}
);
static TpgPlan register_plan = TPG_PLAN(
	"UPDATE temporal_internal.definition SET version = $1 "
	"WHERE namespace_id = $2 AND kind = 'workflow' AND workflow_type = '' AND name = $3", 3, {TEXTOID, INT4OID, TEXTOID}
);
static TpgPlan unregistered_plan = TPG_PLAN(
	"SELECT v.version FROM temporal_internal.pinned_version v "
	"WHERE NOT EXISTS (SELECT FROM temporal_internal.definition d WHERE d.version = v.version)", 0, {0}
);
static TpgPlan used_plan = TPG_PLAN(
	"SELECT EXISTS (SELECT FROM temporal_internal.definition d WHERE d.version = $1) OR "
	"EXISTS (SELECT FROM temporal_internal.execution e WHERE e.key > $2 AND e.versioning ->> 'version' = $1)", 2, {TEXTOID, INT8OID}
);
static TpgPlan delete_plan = TPG_PLAN(
	"WITH gone AS (DELETE FROM temporal_internal.pinned_definition WHERE version = $1) "
	"DELETE FROM temporal_internal.pinned_version WHERE version = $1", 1, {TEXTOID}
);
static TpgPlan functions_plan = TPG_PLAN(
	"SELECT f ->> 0, f ->> 1, f ->> 2 FROM temporal_internal.pinned_version v, jsonb_array_elements(v.functions) f "
	"WHERE v.version = $1", 1, {TEXTOID}
);

/* Of copies that were given to another role: schemas that this may not use yet. */
static TpgPlan new_owners_plan = TPG_PLAN(
	"SELECT DISTINCT n.oid, p.proowner FROM temporal_internal.pinned_version v "
	"JOIN pg_namespace n ON n.nspname = v.version JOIN pg_proc p ON p.pronamespace = n.oid "
	"WHERE NOT has_schema_privilege(p.proowner, n.oid, 'USAGE')", 0, {0}
);

/* The number of its lock: the hexadecimal digits that its name ends with. */
static uint64
lock_number(const char *version)
{
	size_t		len = strlen(version);

	return strtoull(len > 16 ? version + len - 16 : version, NULL, 16);
}

void
tpg_version_keep(const char *version)
{
	(void) tpg_version_lock(lock_number(version), false, true);
	/* what whoever held the lock has changed */
	AcceptInvalidationMessages();
}

char *
tpg_version_of_definitions(int32 namespace_id, const char *workflow_type)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), CStringGetTextDatum(workflow_type)};
	char	   *result;

	tpg_store_begin(&scope);
	tpg_plan_execute(&text_plan, values, NULL, false, 1);
	result = tpg_row_text(0, 1, scope.caller_context);
	tpg_store_end(&scope);
	return result;
}

static Jsonb *
names_of(const List *functions)
{
	TpgJson    *array = tpg_json_array();
	ListCell   *lc;

	foreach(lc, functions)
	{
		TpgFunctionName *name = tpg_function_name(lfirst_oid(lc));
		TpgJson    *parts = tpg_json_array();

		tpg_json_push_jsonb(parts, tpg_json_string(name->schema));
		tpg_json_push_jsonb(parts, tpg_json_string(name->name));
		tpg_json_push_jsonb(parts, tpg_json_string(name->arguments));
		tpg_json_push_jsonb(array, tpg_json_finish(parts));
	}
	return tpg_json_finish(array);
}

bool
tpg_version_put(const char *version, int32 namespace_id, const char *workflow_type, const List *functions)
{
	TpgStoreScope scope;
	Datum		values[4];
	bool		is_new;

	values[0] = CStringGetTextDatum(version);
	values[1] = Int32GetDatum(namespace_id);
	values[2] = CStringGetTextDatum(workflow_type);
	values[3] = JsonbPGetDatum(names_of(functions));
	tpg_store_begin(&scope);
	tpg_plan_execute(&put_plan, values, NULL, false, 0);
	is_new = SPI_processed == 1;
	if (is_new)
		tpg_plan_execute(&put_definitions_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
	return is_new;
}

void
tpg_version_register(const char *version, int32 namespace_id, const char *workflow_type)
{
	TpgStoreScope scope;
	Datum		values[3] = {CStringGetTextDatum(version), Int32GetDatum(namespace_id), CStringGetTextDatum(workflow_type)};

	tpg_definition_announce_change();
	tpg_store_begin(&scope);
	tpg_plan_execute(&register_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

TpgDefinition *
tpg_version_hold(int32 namespace_id, const char *workflow_type, TpgDefinition *def)
{
	while (def != NULL && def->version != NULL)
	{
		TpgDefinition *again;

		tpg_version_keep(def->version);
		again = tpg_definition_lookup(namespace_id, TPG_DEF_WORKFLOW, workflow_type, true);
		if (again != NULL && again->version != NULL && strcmp(again->version, def->version) == 0)
			return again;
		def = again;
	}
	return def;
}

void
tpg_version_pin(TpgExecution *e, const char *version, bool inherited)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "behavior", "pinned");
	tpg_json_add_text(b, "version", version);
	if (inherited)
		tpg_json_add_bool(b, "inherited", true);
	e->versioning = tpg_json_finish(b);
	e->version = pstrdup(version);
}

bool
tpg_version_was_inherited(const TpgExecution *e)
{
	return e->versioning != NULL && tpg_json_get_bool(e->versioning, "inherited", false);
}

List *
tpg_version_unregistered(void)
{
	TpgStoreScope scope;
	MemoryContext old;
	List	   *versions = NIL;

	tpg_store_begin(&scope);
	tpg_plan_execute(&unregistered_plan, NULL, NULL, false, 0);
	old = MemoryContextSwitchTo(scope.caller_context);
	for (uint64 i = 0; i < SPI_processed; i++)
		versions = lappend(versions, tpg_row_text(i, 1, scope.caller_context));
	MemoryContextSwitchTo(old);
	tpg_store_end(&scope);
	return versions;
}

bool
tpg_version_drop(const char *version, int64 after)
{
	TpgStoreScope scope;
	Datum		values[2] = {CStringGetTextDatum(version), Int64GetDatum(after)};
	bool		used;

	if (!tpg_version_lock(lock_number(version), true, false))
		return false;
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&used_plan, values, NULL, 1);
	used = tpg_row_bool(0, 1);
	tpg_store_end(&scope);
	if (used)
		return false;

	tpg_definition_announce_change();
	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
	tpg_version_schema_drop(version);
	return true;
}

void
tpg_versions_follow_owners(void)
{
	TpgStoreScope scope;

	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&new_owners_plan, NULL, NULL, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		tpg_version_schema_grant(DatumGetObjectId(tpg_row_datum(i, 1, &isnull)), DatumGetObjectId(tpg_row_datum(i, 2, &isnull)));
	}
	tpg_store_end(&scope);
}

bool
tpg_version_is_outdated(const char *version)
{
	TpgStoreScope scope;
	Datum		value = CStringGetTextDatum(version);
	bool		outdated = false;

	tpg_store_begin(&scope);
	tpg_plan_execute(&functions_plan, &value, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed && !outdated; i++)
	{
		TpgFunctionName original = {
			tpg_row_text(i, 1, CurrentMemoryContext), tpg_row_text(i, 2, CurrentMemoryContext), tpg_row_text(i, 3, CurrentMemoryContext)
		};
		TpgFunctionName copy = {unconstify(char *, version), original.name, original.arguments};

		outdated = !tpg_version_is_copy(tpg_function_by_name(&copy), tpg_function_by_name(&original), version);
	}
	tpg_store_end(&scope);
	return outdated;
}

List *
tpg_version_copies(const char *version)
{
	TpgStoreScope scope;
	Datum		value = CStringGetTextDatum(version);
	List	   *copies = NIL;
	bool		whole = tpg_version_schema_is_ours(get_namespace_oid(version, true));

	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&functions_plan, &value, NULL, 0);
	for (uint64 i = 0; i < SPI_processed && whole; i++)
	{
		TpgFunctionName name = {
			unconstify(char *, version), tpg_row_text(i, 2, CurrentMemoryContext), tpg_row_text(i, 3, CurrentMemoryContext)
		};
		Oid			copy = tpg_function_by_name(&name);
		MemoryContext old = MemoryContextSwitchTo(scope.caller_context);

		whole = OidIsValid(copy);
		copies = lappend_oid(copies, copy);
		MemoryContextSwitchTo(old);
	}
	tpg_store_end(&scope);
	return whole ? copies : NIL;
}
