/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one place that knows in what PostgreSQL 15, 16, 17 and 18 differ.
 *
 * Other files use the names defined here and never test PG_VERSION_NUM.
 * Include it after "postgres.h".
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_COMPAT_H
#define TPG_BASE_COMPAT_H

#include "catalog/namespace.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#if PG_VERSION_NUM < 150000
#error "temporal_pg needs PostgreSQL 15 or newer"
#endif

/* VARSIZE_ANY() and its like left postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* A condition that came with a minor release of each version. */
#ifndef ERRCODE_DATUM_VERSION_MISMATCH
#define ERRCODE_DATUM_VERSION_MISMATCH MAKE_SQLSTATE('2', '2', 'P', '0', '7')
#endif

/* Conditions that came later, or went: they have their names on each version, since a failure may outlive an upgrade. */
#ifndef ERRCODE_SNAPSHOT_TOO_OLD
#define ERRCODE_SNAPSHOT_TOO_OLD MAKE_SQLSTATE('7', '2', '0', '0', '0')
#endif
#ifndef ERRCODE_TRANSACTION_TIMEOUT
#define ERRCODE_TRANSACTION_TIMEOUT MAKE_SQLSTATE('2', '5', 'P', '0', '4')
#endif
#ifndef ERRCODE_FILE_NAME_TOO_LONG
#define ERRCODE_FILE_NAME_TOO_LONG MAKE_SQLSTATE('5', '8', 'P', '0', '3')
#endif
#ifndef ERRCODE_INVALID_ARGUMENT_FOR_XQUERY
#define ERRCODE_INVALID_ARGUMENT_FOR_XQUERY MAKE_SQLSTATE('1', '0', '6', '0', '8')
#endif

/* object_aclcheck() replaced the functions per kind of object in 16. */
#if PG_VERSION_NUM < 160000
#define tpg_function_aclcheck(oid, role, mode) pg_proc_aclcheck(oid, role, mode)
#define tpg_type_aclcheck(oid, role, mode) pg_type_aclcheck(oid, role, mode)
#define tpg_schema_aclcheck(oid, role, mode) pg_namespace_aclcheck(oid, role, mode)
#else
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#define tpg_function_aclcheck(oid, role, mode) object_aclcheck(ProcedureRelationId, oid, role, mode)
#define tpg_type_aclcheck(oid, role, mode) object_aclcheck(TypeRelationId, oid, role, mode)
#define tpg_schema_aclcheck(oid, role, mode) object_aclcheck(NamespaceRelationId, oid, role, mode)
#endif

/*
 * From 17 on a background worker may connect as a role without LOGIN, so
 * only before that must the owner of a registered function have it.
 */
#if PG_VERSION_NUM < 170000
#define TPG_OWNER_NEEDS_LOGIN true
#else
#define TPG_OWNER_NEEDS_LOGIN false
#endif

/* 18 declares pg_noreturn in front of the declaration; older ones don't have it. */
#if PG_VERSION_NUM < 180000
#define TPG_NORETURN
#define TPG_NORETURN_AFTER pg_attribute_noreturn()
#else
#define TPG_NORETURN pg_noreturn
#define TPG_NORETURN_AFTER
#endif

/* LockHeldByMe() got an argument in 17. */
#if PG_VERSION_NUM < 170000
#define tpg_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode)
#else
#define tpg_lock_held_by_me(tag, mode) LockHeldByMe(tag, mode, false)
#endif

/* ProcedureCreate() wants the transforms themselves, too, since 18. */
#if PG_VERSION_NUM < 180000
#define TPG_TRANSFORM_OIDS(list)
#else
#define TPG_TRANSFORM_OIDS(list) list,
#endif

/* PortalRun() lost its run_once argument in 18. */
#if PG_VERSION_NUM < 180000
#define tpg_portal_run(portal, count, top, dest, altdest, qc) \
	PortalRun(portal, count, top, true, dest, altdest, qc)
#else
#define tpg_portal_run(portal, count, top, dest, altdest, qc) \
	PortalRun(portal, count, top, dest, altdest, qc)
#endif

/* ExecutorCheckPerms_hook: two lists since 16. */
#if PG_VERSION_NUM < 160000
#define TPG_CHECK_PERMS_ARGS List *rangeTable, bool ereport_on_violation
#define TPG_CHECK_PERMS_PASS rangeTable, ereport_on_violation
#else
#define TPG_CHECK_PERMS_ARGS List *rangeTable, List *rtePermInfos, bool ereport_on_violation
#define TPG_CHECK_PERMS_PASS rangeTable, rtePermInfos, ereport_on_violation
#endif

/* The first table that an executor start asks rights for; InvalidOid: none. Right behind the hook's own arguments. */
#if PG_VERSION_NUM < 160000
#include "nodes/parsenodes.h"
static inline Oid
tpg_first_table(TPG_CHECK_PERMS_ARGS)
{
	ListCell   *lc;

	foreach(lc, rangeTable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->requiredPerms != 0)
			return rte->relid;
	}
	return InvalidOid;
}
#else
static inline Oid
tpg_first_table(TPG_CHECK_PERMS_ARGS)
{
	ListCell   *lc;

	foreach(lc, rtePermInfos)
	{
		RTEPermissionInfo *info = lfirst_node(RTEPermissionInfo, lc);

		if (info->requiredPerms != 0)
			return info->relid;
	}
	return InvalidOid;
}
#endif

/* Who owns a set of events to wait for: a memory context, or since 17 a resource owner. */
#if PG_VERSION_NUM < 170000
#define tpg_create_wait_event_set(n) CreateWaitEventSet(TopMemoryContext, n)
#else
#define tpg_create_wait_event_set(n) CreateWaitEventSet(NULL, n)
#endif

/* Wait events with a name of their own exist since 17. */
#if PG_VERSION_NUM < 170000
#define tpg_wait_event(name) ((uint32) PG_WAIT_EXTENSION)
#else
#define tpg_wait_event(name) WaitEventExtensionNew(name)
#endif

/* Number of this process among those that have a PGPROC: sessions come first, up to MaxBackends. */
#if PG_VERSION_NUM < 170000
#define tpg_my_proc_number() (MyProc->pgprocno)
#else
#define tpg_my_proc_number() ((int) MyProcNumber)
#endif

/* Soft errors came with 16; these two ask for hard ones, or for none about a missing type. */
#if PG_VERSION_NUM < 160000
#define tpg_qualified_name_list(text) stringToQualifiedNameList(text)
#else
#define tpg_qualified_name_list(text) stringToQualifiedNameList(text, NULL)
#endif

/* A type by its name as format_type() writes it; InvalidOid when there is none. */
static inline Oid
tpg_type_by_name(const char *name)
{
	Oid			type = InvalidOid;
	int32		typmod;

#if PG_VERSION_NUM < 160000
	parseTypeString(name, &type, &typmod, true);
#else
	TypeName   *parsed = typeStringToTypeName(name, NULL);
	Type		tuple = LookupTypeName(NULL, parsed, &typmod, true);

	if (tuple != NULL)
	{
		type = typeTypeId(tuple);
		ReleaseSysCache(tuple);
	}
#endif
	return type;
}

/* Infinite intervals exist since 17. */
#if PG_VERSION_NUM < 170000
#define tpg_interval_is_infinite(interval) false
#else
#define tpg_interval_is_infinite(interval) INTERVAL_NOT_FINITE(interval)
#endif

/*
 * Name resolution in pg_catalog only (no temporary schema either) until
 * unpinned.  Nests; the abort of the (sub)transaction undoes it.  Up to 16 an
 * override of the path is cheaper than a setting; 17 has only the setting, with a
 * cache in front of it.
 */
static inline int
tpg_compat_pin_search_path(void)
{
#if PG_VERSION_NUM < 170000
	OverrideSearchPath path = {.schemas = NIL,.addCatalog = true,.addTemp = false};

	PushOverrideSearchPath(&path);
	return 0;
#else
	int			level = NewGUCNestLevel();

	RestrictSearchPath();
	return level;
#endif
}

static inline void
tpg_compat_unpin_search_path(int level)
{
#if PG_VERSION_NUM < 170000
	PopOverrideSearchPath();
#else
	AtEOXact_GUC(false, level);
#endif
}

/* The number of the transaction in progress, known also while it has no xid. */
#if PG_VERSION_NUM < 170000
#define tpg_my_lxid() (MyProc->lxid)
#else
#define tpg_my_lxid() (MyProc->vxid.lxid)
#endif

/* Condition code of WHEN OTHERS: plpgsql.h names it since 18. */
#if PG_VERSION_NUM < 180000
#define PLPGSQL_OTHERS 0
#endif

/* How often a compiled PL/pgSQL function is in use, and of which row it was made: fields of its cache entry since 18. */
#if PG_VERSION_NUM < 180000
#define tpg_plpgsql_use_count(function) ((function)->use_count)
#define tpg_plpgsql_xmin(function) ((function)->fn_xmin)
#define tpg_plpgsql_tid(function) ((function)->fn_tid)
#else
#define tpg_plpgsql_use_count(function) ((function)->cfunc.use_count)
#define tpg_plpgsql_xmin(function) ((function)->cfunc.fn_xmin)
#define tpg_plpgsql_tid(function) ((function)->cfunc.fn_tid)
#endif

/*
 * Functions that workflow code must not call, or may call although they are not
 * immutable (runtime/judge.c), as far as the versions differ in them.
 */
#if PG_VERSION_NUM < 160000
#define TPG_RANDOM_FUNCTIONS_16(X)
#define TPG_HARMLESS_FUNCTIONS_16 F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT
#else
#define TPG_RANDOM_FUNCTIONS_16(X) X(F_RANDOM_NORMAL) X(F_ARRAY_SAMPLE) X(F_ARRAY_SHUFFLE)
#define TPG_HARMLESS_FUNCTIONS_16 \
	F_DATE_ADD_TIMESTAMPTZ_INTERVAL, F_DATE_SUBTRACT_TIMESTAMPTZ_INTERVAL, F_JSONB_AGG_STRICT, \
	F_JSONB_AGG_STRICT_TRANSFN, F_JSONB_OBJECT_AGG_STRICT_TRANSFN, F_JSONB_OBJECT_AGG_UNIQUE_STRICT_TRANSFN, \
	F_JSONB_OBJECT_AGG_UNIQUE_TRANSFN, F_JSON_AGG_STRICT, F_JSON_AGG_STRICT_TRANSFN, F_JSON_OBJECT_AGG_STRICT, \
	F_JSON_OBJECT_AGG_STRICT_TRANSFN, F_JSON_OBJECT_AGG_UNIQUE, F_JSON_OBJECT_AGG_UNIQUE_STRICT, \
	F_JSON_OBJECT_AGG_UNIQUE_STRICT_TRANSFN, F_JSON_OBJECT_AGG_UNIQUE_TRANSFN
#endif
#if PG_VERSION_NUM < 170000
#define TPG_RANDOM_FUNCTIONS_17(X) X(F_RANDOM)
#define TPG_HARMLESS_FUNCTIONS_17 TPG_HARMLESS_FUNCTIONS_16
#else
#define TPG_RANDOM_FUNCTIONS_17(X) \
	X(F_RANDOM_) X(F_RANDOM_INT4_INT4) X(F_RANDOM_INT8_INT8) X(F_RANDOM_NUMERIC_NUMERIC)
#define TPG_HARMLESS_FUNCTIONS_17 \
	TPG_HARMLESS_FUNCTIONS_16, F_JSONB_POPULATE_RECORD_VALID, F_TIMEZONE_TIMESTAMP, F_TIMEZONE_TIMESTAMPTZ
#endif
#if PG_VERSION_NUM < 180000
#define TPG_UUID_FUNCTIONS(X) X(F_GEN_RANDOM_UUID)
#else
#define TPG_UUID_FUNCTIONS(X) X(F_GEN_RANDOM_UUID) X(F_UUIDV4) X(F_UUIDV7_) X(F_UUIDV7_INTERVAL)
#endif
#define TPG_RANDOM_FUNCTIONS(X) TPG_RANDOM_FUNCTIONS_16(X) TPG_RANDOM_FUNCTIONS_17(X)
#define TPG_HARMLESS_FUNCTIONS TPG_HARMLESS_FUNCTIONS_17

/* What get_ordering_op_properties() says of an operator, beside its family and type. */
#if PG_VERSION_NUM < 180000
typedef int16 TpgOrdering;
#else
#include "access/cmptype.h"
typedef CompareType TpgOrdering;
#endif

/* DecodeDateTime() takes an extra argument since 16. */
#if PG_VERSION_NUM < 160000
#define tpg_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz)
#else
#define tpg_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &(DateTimeErrorExtra) {0})
#endif

/* ExecInsertIndexTuples() takes an extra argument since 16. */
#if PG_VERSION_NUM < 160000
#define tpg_insert_index_tuples(result, slot, estate) \
	list_free(ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL))
#else
#define tpg_insert_index_tuples(result, slot, estate) \
	list_free(ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL, false))
#endif

/* guc_malloc() and guc_free() are for everybody since 16. */
#if PG_VERSION_NUM < 160000
#define tpg_guc_alloc(size) malloc(size)
#else
#define tpg_guc_alloc(size) guc_malloc(LOG, size)
#endif

#endif							/* TPG_BASE_COMPAT_H */
