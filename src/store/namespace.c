/*-------------------------------------------------------------------------
 *
 * namespace.c
 *	  Tables temporal_internal.namespace and access, and the question who may
 *	  do what.
 *
 * Both tables are small and read by each call of the API, so a backend keeps
 * what it has read until one of them changes anywhere: writers send a relcache
 * invalidation for the table.  Reads use a snapshot of now, so that the cache of a
 * REPEATABLE READ transaction is not filled with the past.
 *
 * Callers: any floor above, in a transaction.  Rights are those of the
 * current user, so they are asked for outside of a store bracket.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/json.h"
#include "store/extension.h"
#include "store/namespace.h"
#include "store/plan.h"

typedef struct AccessEntry
{
	char	   *role_name;
	int			level;
} AccessEntry;

typedef struct NamespaceEntry
{
	struct NamespaceEntry *next;
	int32		id;
	char	   *name;
	int64		retention_us;
	int			naccess;
	AccessEntry *access;
} NamespaceEntry;

static MemoryContext cache_context = NULL;
static NamespaceEntry *cache = NULL;
static bool cache_valid = true;
static Oid	namespace_table = InvalidOid;
static Oid	access_table = InvalidOid;

static TpgPlan by_name_plan = {
	.sql = "SELECT id, name, retention FROM temporal_internal.namespace WHERE name = $1",
	.nargs = 1,.argtypes = {TEXTOID}
};
static TpgPlan by_id_plan = {
	.sql = "SELECT id, name, retention FROM temporal_internal.namespace WHERE id = $1",
	.nargs = 1,.argtypes = {INT4OID}
};
static TpgPlan access_plan = {
	.sql = "SELECT role_name, level FROM temporal_internal.access WHERE namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}
};
static TpgPlan create_plan = {
	.sql = "INSERT INTO temporal_internal.namespace (name, retention) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id",
	.nargs = 2,.argtypes = {TEXTOID, INTERVALOID}
};
static TpgPlan any_plan = {
	.sql = "SELECT FROM temporal_internal.namespace LIMIT 1"
};
static TpgPlan alter_plan = {
	.sql = "UPDATE temporal_internal.namespace SET retention = $2 WHERE id = $1",
	.nargs = 2,.argtypes = {INT4OID, INTERVALOID}
};
static TpgPlan grant_plan = {
	.sql = "INSERT INTO temporal_internal.access (namespace_id, role_name, level) VALUES ($1, $2, $3) "
	"ON CONFLICT (namespace_id, role_name) DO UPDATE SET level = excluded.level",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, INT2OID}
};
static TpgPlan revoke_plan = {
	.sql = "DELETE FROM temporal_internal.access WHERE namespace_id = $1 AND role_name = $2",
	.nargs = 2,.argtypes = {INT4OID, TEXTOID}
};
static TpgPlan open_runs_plan = {
	.sql = "SELECT count(*) FROM temporal_internal.execution WHERE namespace_id = $1 AND status IN (1, 8)",
	.nargs = 1,.argtypes = {INT4OID}
};

/*
 * Nobody may start a run in a namespace while it is being deleted; deleting one
 * is rare enough to hold up the others for it.
 */
static TpgPlan delete_plans[] = {
	{.sql = "LOCK TABLE temporal_internal.execution IN SHARE ROW EXCLUSIVE MODE"},
	{.sql = "DELETE FROM temporal_internal.message m USING temporal_internal.execution e "
	"WHERE m.execution_key = e.key AND e.namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.signal_request r USING temporal_internal.execution e "
	"WHERE r.execution_key = e.key AND e.namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.activity_request WHERE execution_key IN (SELECT key FROM temporal_internal.execution WHERE namespace_id = $1)",
	.nargs = 1,.argtypes = {INT4OID}},
	/* in this order: whoever writes a heartbeat leaves it where the activity is locked */
	{.sql = "DELETE FROM temporal_internal.activity_task WHERE namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.activity_heartbeat WHERE execution_key IN (SELECT key FROM temporal_internal.execution WHERE namespace_id = $1)",
	.nargs = 1, .argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.search_attribute WHERE namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.history h USING temporal_internal.execution e "
	"WHERE h.execution_key = e.key AND e.namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.execution WHERE namespace_id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
	{.sql = "DELETE FROM temporal_internal.namespace WHERE id = $1",
	.nargs = 1,.argtypes = {INT4OID}},
};

static TpgPlan attribute_plan = {
	.sql = "INSERT INTO temporal_internal.search_attribute_definition (namespace_id, name, type) VALUES ($1, $2, $3) "
	"ON CONFLICT (namespace_id, name) DO UPDATE SET type = search_attribute_definition.type RETURNING type",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};

static void
relcache_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == namespace_table || relid == access_table)
		cache_valid = false;
}

void
tpg_namespace_init(void)
{
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
}

/* Tells all backends, this one included, that the tables have changed. */
static void
announce_change(void)
{
	CacheInvalidateRelcacheByRelid(tpg_extension_table("namespace"));
	cache_valid = false;
}

static void
cache_prepare(void)
{
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg namespaces", ALLOCSET_SMALL_SIZES);

	/* a table made anew by DROP and CREATE EXTENSION has another OID */
	if (!cache_valid || !OidIsValid(namespace_table))
	{
		MemoryContextReset(cache_context);
		cache = NULL;
		namespace_table = tpg_extension_table("namespace");
		access_table = tpg_extension_table("access");
		cache_valid = true;
	}
}

/* Reads one namespace with its grants; NULL when there is none. */
static NamespaceEntry *
cache_load(TpgPlan *plan, Datum key)
{
	TpgStoreScope scope;
	NamespaceEntry *entry = NULL;
	bool		isnull;
	Datum		value;

	tpg_store_begin(&scope);
	tpg_plan_execute_latest(plan, &key, NULL, 1);
	if (SPI_processed == 1)
	{
		entry = MemoryContextAllocZero(cache_context, sizeof(NamespaceEntry));
		entry->id = tpg_row_int32(0, 1);
		entry->name = tpg_row_text(0, 2, cache_context);
		entry->retention_us = tpg_interval_to_us(DatumGetIntervalP(tpg_row_datum(0, 3, &isnull)));

		value = Int32GetDatum(entry->id);
		tpg_plan_execute_latest(&access_plan, &value, NULL, 0);
		entry->naccess = SPI_processed;
		entry->access = MemoryContextAllocZero(cache_context, sizeof(AccessEntry) * (SPI_processed + 1));
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			entry->access[i].role_name = tpg_row_text(i, 1, cache_context);
			entry->access[i].level = tpg_row_int16(i, 2);
		}
	}
	tpg_store_end(&scope);

	/* if something changed while reading, the entry is good for this call only */
	if (entry != NULL)
	{
		entry->next = cache;
		cache = entry;
	}
	return entry;
}

static NamespaceEntry *
entry_by_name(const char *name)
{
	NamespaceEntry *entry;

	cache_prepare();
	for (entry = cache; entry != NULL; entry = entry->next)
	{
		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return cache_load(&by_name_plan, CStringGetTextDatum(name));
}

static NamespaceEntry *
entry_by_id(int32 id)
{
	NamespaceEntry *entry;

	cache_prepare();
	for (entry = cache; entry != NULL; entry = entry->next)
	{
		if (entry->id == id)
			return entry;
	}
	return cache_load(&by_id_plan, Int32GetDatum(id));
}

static void
namespace_missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("namespace \"%s\" does not exist", name),
			 errhint("Create it with SELECT temporal.create_namespace(%s), or set temporal_pg.namespace to another.",
					 quote_literal_cstr(name))));
}

int32
tpg_namespace_find(const char *name)
{
	NamespaceEntry *entry = entry_by_name(name);

	return entry != NULL ? entry->id : 0;
}

int32
tpg_namespace_current(void)
{
	int32		id = tpg_namespace_find(tpg_guc_namespace);

	if (id == 0 && strcmp(tpg_guc_namespace, TPG_DEFAULT_NAMESPACE) != 0)
		namespace_missing(tpg_guc_namespace);
	return id;
}

int32
tpg_namespace_for_write(const char *name)
{
	int32		id = tpg_namespace_find(name);

	if (id == 0)
	{
		if (strcmp(name, TPG_DEFAULT_NAMESPACE) != 0)
			namespace_missing(name);
		id = tpg_namespace_create(name, INT64CONST(30) * USECS_PER_DAY);

		/* somebody else was faster */
		if (id == 0)
			id = tpg_namespace_find(name);
		if (id == 0)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("namespace \"%s\" was created by a concurrent transaction", name)));
	}
	return id;
}

int32
tpg_namespace_current_for_write(void)
{
	return tpg_namespace_for_write(tpg_guc_namespace);
}

char *
tpg_namespace_name(int32 namespace_id)
{
	NamespaceEntry *entry = entry_by_id(namespace_id);

	return pstrdup(entry != NULL ? entry->name : "?");
}

int64
tpg_namespace_retention(int32 namespace_id)
{
	NamespaceEntry *entry = entry_by_id(namespace_id);

	return entry != NULL ? entry->retention_us : INT64CONST(30) * USECS_PER_DAY;
}

int32
tpg_namespace_create(const char *name, int64 retention_us)
{
	TpgStoreScope scope;
	Datum		values[2];
	int32		id = 0;
	bool		first;

	values[0] = CStringGetTextDatum(name);
	values[1] = IntervalPGetDatum(tpg_interval_from_us(retention_us));
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&any_plan, NULL, NULL, 1);
	first = (SPI_processed == 0);
	tpg_plan_execute(&create_plan, values, NULL, false, 0);
	if (SPI_processed == 1)
		id = tpg_row_int32(0, 1);
	tpg_store_end(&scope);

	/*
	 * The first namespace makes this database the home of its workflows.  In a
	 * copy that has namespaces already that is for post_restore() to say.
	 */
	if (id != 0 && first)
		tpg_home_claim(false);
	announce_change();
	return id;
}

void
tpg_namespace_alter(int32 namespace_id, int64 retention_us)
{
	TpgStoreScope scope;
	Datum		values[2];

	values[0] = Int32GetDatum(namespace_id);
	values[1] = IntervalPGetDatum(tpg_interval_from_us(retention_us));
	tpg_store_begin(&scope);
	tpg_plan_execute(&alter_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
	announce_change();
}

int64
tpg_namespace_open_runs(int32 namespace_id)
{
	TpgStoreScope scope;
	Datum		value = Int32GetDatum(namespace_id);
	int64		count;

	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&open_runs_plan, &value, NULL, 1);
	count = tpg_row_int64(0, 1);
	tpg_store_end(&scope);
	return count;
}

void
tpg_namespace_lock_runs(void)
{
	TpgStoreScope scope;

	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plans[0], NULL, NULL, false, 0);
	tpg_store_end(&scope);
}

void
tpg_namespace_delete(int32 namespace_id)
{
	TpgStoreScope scope;
	Datum		value = Int32GetDatum(namespace_id);

	tpg_store_begin(&scope);
	for (int i = 0; i < lengthof(delete_plans); i++)
		tpg_plan_execute(&delete_plans[i], &value, NULL, false, 0);
	tpg_store_end(&scope);
	announce_change();

	/* definitions went with it */
	CacheInvalidateRelcacheByRelid(tpg_extension_table("definition"));
}

bool
tpg_access_is_owner(void)
{
	/* true for superusers as well */
	return has_privs_of_role(GetUserId(), tpg_extension_owner());
}

int
tpg_access_level(int32 namespace_id)
{
	NamespaceEntry *entry;
	int			level = TPG_ACCESS_NONE;

	if (tpg_access_is_owner())
		return TPG_ACCESS_ADMIN;
	if (namespace_id == 0)
		return TPG_ACCESS_NONE;
	entry = entry_by_id(namespace_id);
	if (entry == NULL)
		return TPG_ACCESS_NONE;

	/* get_role_oid() may take invalidations, but only this loop uses the entry */
	for (int i = 0; i < entry->naccess; i++)
	{
		const char *role_name = entry->access[i].role_name;
		Oid			role;

		if (entry->access[i].level <= level)
			continue;
		if (strcmp(role_name, "public") != 0)
		{
			role = get_role_oid(role_name, true);
			if (!OidIsValid(role) || !has_privs_of_role(GetUserId(), role))
				continue;
		}
		level = entry->access[i].level;
	}
	return level;
}

void
tpg_access_require(int32 namespace_id, int level)
{
	char	   *name;

	if (tpg_access_level(namespace_id) >= level)
		return;
	name = namespace_id == 0 ? pstrdup(TPG_DEFAULT_NAMESPACE) : tpg_namespace_name(namespace_id);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for namespace \"%s\"", name),
			 errdetail("Role \"%s\" needs the level \"%s\" there.",
					   GetUserNameFromId(GetUserId(), false), tpg_access_level_name(level)),
			 errhint("An administrator can grant it with SELECT temporal.grant_access(%s, %s, %s).",
					 quote_literal_cstr(name),
					 quote_literal_cstr(GetUserNameFromId(GetUserId(), false)),
					 quote_literal_cstr(tpg_access_level_name(level)))));
}

void
tpg_access_grant(int32 namespace_id, const char *role_name, int level)
{
	TpgStoreScope scope;
	Datum		values[3];

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(role_name);
	values[2] = Int16GetDatum(level);
	tpg_store_begin(&scope);
	tpg_plan_execute(&grant_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
	announce_change();
}

bool
tpg_access_revoke(int32 namespace_id, const char *role_name)
{
	TpgStoreScope scope;
	Datum		values[2];
	bool		found;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(role_name);
	tpg_store_begin(&scope);
	tpg_plan_execute(&revoke_plan, values, NULL, false, 0);
	found = (SPI_processed > 0);
	tpg_store_end(&scope);
	announce_change();
	return found;
}

char *
tpg_namespace_define_search_attribute(int32 namespace_id, const char *name, const char *type)
{
	TpgStoreScope scope;
	Datum		values[3];
	char	   *actual;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(type);
	tpg_store_begin(&scope);
	tpg_plan_execute(&attribute_plan, values, NULL, false, 0);
	actual = tpg_row_text(0, 1, scope.caller_context);
	tpg_store_end(&scope);

	/* whoever keeps these names in a cache hears of it */
	CacheInvalidateRelcacheByRelid(tpg_extension_table("search_attribute_definition"));
	return actual;
}

const char *
tpg_access_level_name(int level)
{
	switch (level)
	{
		case TPG_ACCESS_CLIENT:
			return "client";
		case TPG_ACCESS_AUTHOR:
			return "author";
		case TPG_ACCESS_ADMIN:
			return "admin";
		default:
			return "none";
	}
}

int
tpg_access_level_from_name(const char *name)
{
	for (int level = TPG_ACCESS_CLIENT; level <= TPG_ACCESS_ADMIN; level++)
	{
		if (strcmp(name, tpg_access_level_name(level)) == 0)
			return level;
	}
	return TPG_ACCESS_NONE;
}
