/*-------------------------------------------------------------------------
 * store/extension.c - is the extension here, whose is it, may it run.
 *
 * The cache is filled from pg_extension and emptied by any invalidation of
 * the schema cache (dropping the extension drops its schemas).  "Not
 * installed" is never cached.
 *
 * Callers: any floor above, in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/errors.h"
#include "base/ident.h"
#include "store/extension.h"
#include "store/plan.h"

static Oid	cached_oid = InvalidOid;
static Oid	cached_owner = InvalidOid;
static uint64 generation = 1;
static bool cache_valid = false;
static bool callback_registered = false;

static void
extension_invalidate(Datum arg, int cacheid, uint32 hashvalue)
{
	cache_valid = false;
}

/* Reads pg_extension; the relation has no syscache before PostgreSQL 18. */
static bool
extension_load(void)
{
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			oid = InvalidOid;
	Oid			owner = InvalidOid;

	if (cache_valid)
		return true;
	if (!callback_registered)
	{
		CacheRegisterSyscacheCallback(NAMESPACEOID, extension_invalidate, (Datum) 0);
		callback_registered = true;
	}

	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("temporal_pg"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);

		oid = form->oid;
		owner = form->extowner;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(oid))
		return false;
	if (oid != cached_oid)
		generation++;
	cached_oid = oid;
	cached_owner = owner;

	/* while CREATE EXTENSION itself runs, what is read may still change */
	cache_valid = !creating_extension;
	return true;
}

Oid
tpg_extension_oid(void)
{
	return extension_load() ? cached_oid : InvalidOid;
}

Oid
tpg_extension_owner(void)
{
	if (!extension_load())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"temporal_pg\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION temporal_pg.")));
	return cached_owner;
}

uint64
tpg_extension_generation(void)
{
	(void) extension_load();
	return generation;
}

bool
tpg_extension_lock(void)
{
	Oid			oid = tpg_extension_oid();

	if (!OidIsValid(oid))
		return false;
	LockDatabaseObject(ExtensionRelationId, oid, 0, AccessShareLock);
	AcceptInvalidationMessages();
	if (cache_valid)
		return true;
	return tpg_extension_oid() == oid;
}

/*
 * The second flag tells the scope from others: PostgreSQL sets it only for
 * checks of foreign keys, and our tables force no row security that it would lift.
 */
#define OWNER_SCOPE (SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS)

bool
tpg_in_owner_scope(void)
{
	Oid			user;
	int			sec_context;

	GetUserIdAndSecContext(&user, &sec_context);
	return (sec_context & OWNER_SCOPE) == OWNER_SCOPE;
}

void
tpg_owner_enter(TpgOwnerScope *scope)
{
	Oid			owner = tpg_extension_owner();

	GetUserIdAndSecContext(&scope->user, &scope->sec_context);
	SetUserIdAndSecContext(owner, scope->sec_context | OWNER_SCOPE);
	scope->guc_level = tpg_compat_pin_search_path();
}

void
tpg_owner_leave(TpgOwnerScope *scope)
{
	tpg_compat_unpin_search_path(scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->sec_context);
}

Oid
tpg_extension_table(const char *name)
{
	Oid			schema = get_namespace_oid("temporal_internal", false);
	Oid			table = get_relname_relid(name, schema);

	if (!OidIsValid(table))
		elog(ERROR, "table temporal_internal.%s is missing", name);
	return table;
}

/* also not one without namespaces: what is restored comes table by table, and is seen in parts while it does */
static TpgPlan home_check_plan = TPG_PLAN(
	"SELECT EXISTS (SELECT FROM temporal_internal.home WHERE database_oid = $1)", 1, {OIDOID}
);
static TpgPlan home_claim_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.home (database_oid, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING", 2, {OIDOID, UUIDOID}
);
static TpgPlan home_clear_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.home", 0, {0}
);

/* columns of the table, from 1, in the order of sql/once/30_tables.sql and 31_task_queue_settings.sql */
enum
{
	HOME_DATABASE_OID = 1,
	HOME_EPOCH,
	HOME_CREATED_AT,
	HOME_WORKERS_STOPPED_AT,
	HOME_COLUMNS = HOME_WORKERS_STOPPED_AT
};

/* Read once a transaction, since a poll makes many tokens; not in one that has changed it, and may undo that. */
static LocalTransactionId epoch_lxid = InvalidLocalTransactionId;
static LocalTransactionId claim_lxid = InvalidLocalTransactionId;
static pg_uuid_t known_epoch;

void
tpg_home_epoch(pg_uuid_t *epoch)
{
	Relation	rel;
	Snapshot	snapshot;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (epoch_lxid == tpg_my_lxid() && claim_lxid != epoch_lxid)
	{
		*epoch = known_epoch;
		return;
	}
	memset(epoch, 0, sizeof(pg_uuid_t));

	/* a row or two, so without its index */
	CommandCounterIncrement();
	rel = table_open(tpg_extension_table("home"), AccessShareLock);
	if (RelationGetNumberOfAttributes(rel) != HOME_COLUMNS)
		elog(ERROR, "table temporal_internal.home has %d columns instead of %d", RelationGetNumberOfAttributes(rel), HOME_COLUMNS);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyInit(&key, HOME_DATABASE_OID, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(MyDatabaseId));
	scan = systable_beginscan(rel, InvalidOid, false, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		memcpy(epoch, DatumGetUUIDP(heap_getattr(tuple, HOME_EPOCH, RelationGetDescr(rel), &isnull)), sizeof(pg_uuid_t));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	known_epoch = *epoch;
	epoch_lxid = tpg_my_lxid();
}

bool
tpg_home_is_ours(void)
{
	TpgStoreScope scope;
	Datum		value = ObjectIdGetDatum(MyDatabaseId);
	bool		ours;

	tpg_store_begin(&scope);
	tpg_plan_execute(&home_check_plan, &value, NULL, false, 1);
	ours = SPI_processed == 1 && tpg_row_bool(0, 1);
	tpg_store_end(&scope);
	return ours;
}

void
tpg_home_claim(bool replace)
{
	TpgStoreScope scope;
	Datum		values[2];

	claim_lxid = tpg_my_lxid();
	tpg_store_begin(&scope);
	if (replace)
		tpg_plan_execute(&home_clear_plan, NULL, NULL, false, 0);
	values[0] = ObjectIdGetDatum(MyDatabaseId);
	values[1] = UUIDPGetDatum(tpg_uuid_random());
	tpg_plan_execute(&home_claim_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}
