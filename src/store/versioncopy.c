/*-------------------------------------------------------------------------
 * store/versioncopy.c - the functions of a version: copies in a schema of its own.
 *
 * A copy is made of the catalog's row, not of a text: language, body, arguments, defaults,
 * owner, rights and SET clauses are those of the original.  Only a search_path that the
 * function sets for itself gets the schema in front, as that of the registration does; and in a
 * body in language SQL calls by name get the schema (see runtime/pinned).
 *
 * The schema belongs to the extension's owner, and the functions' owner, also one that they are
 * given to later, has USAGE on it and nothing else.  So nobody can put a function of his own in front of another, or replace a
 * copy; its owner can still drop it.  That takes no right to create schemas from who
 * registers: the caller has checked that he may act for the owner of each function.
 *
 * Schema and copies go with the extension, and are ordinary objects in a dump.
 *
 * Writes catalogs, in a transaction; results in the current memory context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "access/genam.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "store/extension.h"
#include "store/function.h"
#include "store/qualify.h"
#include "store/versioncopy.h"

#define PREFIX "temporal_"
#define HASH_DIGITS 20

/* Of pg_proc, what a copy has in common with its original, beside body, trees and SET clauses. */
static const AttrNumber same_columns[] = {
	Anum_pg_proc_proowner, Anum_pg_proc_prolang, Anum_pg_proc_prokind, Anum_pg_proc_prosecdef,
	Anum_pg_proc_proleakproof, Anum_pg_proc_proisstrict, Anum_pg_proc_proretset, Anum_pg_proc_provolatile,
	Anum_pg_proc_prorettype, Anum_pg_proc_proargtypes, Anum_pg_proc_proallargtypes, Anum_pg_proc_proargmodes,
	Anum_pg_proc_proargnames, Anum_pg_proc_protrftypes, Anum_pg_proc_probin
};

static HeapTuple
function_tuple(Oid function)
{
	HeapTuple	tuple = SearchSysCacheCopy1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	return tuple;
}

char *
tpg_version_text_of_function(Oid function)
{
	HeapTuple	tuple = function_tuple(function);
	Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	TpgOwnerScope scope;
	bool		isnull;
	Datum		acl = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	char	   *definition;

	/* names of types are printed as the search_path wants them */
	tpg_owner_enter(&scope);
	definition = psprintf("%s\nOWNER %s\nACL %s\n",
					TextDatumGetCString(DirectFunctionCall1(pg_get_functiondef, ObjectIdGetDatum(function))),
					GetUserNameFromId(owner, false), isnull ? "" : OidOutputFunctionCall(F_ARRAY_OUT, acl));
	tpg_owner_leave(&scope);
	return definition;
}

char *
tpg_version_name(const char *text)
{
	bytea	   *hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, CStringGetTextDatum(text)));
	char		digits[HASH_DIGITS + 1];

	for (int i = 0; i < HASH_DIGITS / 2; i++)
		snprintf(digits + 2 * i, 3, "%02x", (unsigned char) VARDATA_ANY(hash)[i]);
	return psprintf(PREFIX "%s", digits);
}

bool
tpg_version_is_name(const char *name)
{
	const char *digits = name != NULL && strncmp(name, PREFIX, strlen(PREFIX)) == 0 ? name + strlen(PREFIX) : NULL;

	return digits != NULL && strlen(digits) == HASH_DIGITS && strspn(digits, "0123456789abcdef") == HASH_DIGITS;
}

char *
tpg_version_path(const char *version, const char *path)
{
	/* set_config('search_path', '', …) leaves nothing, before which a comma would stand alone */
	return path[strspn(path, " ")] == '\0' ? pstrdup(version) : psprintf("%s, %s", version, path);
}

/* ---------- the schema ---------- */

static void
goes_with_extension(const ObjectAddress *object)
{
	ObjectAddress extension;

	ObjectAddressSet(extension, ExtensionRelationId, tpg_extension_oid());
	recordDependencyOn(object, &extension, DEPENDENCY_AUTO_EXTENSION);
}

/* USAGE for a role: besides what others have, or in place of what default privileges may have given. */
static void
set_schema_acl(Oid schema, Oid schema_owner, Oid user, bool anew)
{
	Relation	rel = table_open(NamespaceRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Acl		   *acl;
	AclItem		item = {.ai_grantee = user,.ai_grantor = schema_owner};
	Datum		values[Natts_pg_namespace] = {0};
	bool		nulls[Natts_pg_namespace] = {false};
	bool		replace[Natts_pg_namespace] = {false};
	bool		isnull;
	Datum		old;
	Oid		   *old_members = NULL;
	Oid		   *members;
	int			nold = 0;
	int			n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	old = SysCacheGetAttr(NAMESPACEOID, tuple, Anum_pg_namespace_nspacl, &isnull);
	if (!isnull)
		nold = aclmembers(DatumGetAclPCopy(old), &old_members);
	acl = anew || isnull ? acldefault(OBJECT_SCHEMA, schema_owner) : DatumGetAclPCopy(old);
	ACLITEM_SET_PRIVS_GOPTIONS(item, ACL_USAGE, ACL_NO_RIGHTS);
	if (user != schema_owner)
		acl = aclupdate(acl, &item, ACL_MODECHG_ADD, schema_owner, DROP_RESTRICT);
	n = aclmembers(acl, &members);
	values[Anum_pg_namespace_nspacl - 1] = PointerGetDatum(acl);
	replace[Anum_pg_namespace_nspacl - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	updateAclDependencies(NamespaceRelationId, schema, 0, schema_owner, nold, old_members, n, members);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

bool
tpg_version_schema_is_ours(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	/* a dump keeps the owner of a schema, not that of an extension: whoever restores has that */
	return owner == tpg_extension_owner() || superuser_arg(owner);
}

static Oid
make_schema(const char *version, Oid user, const char *what)
{
	Oid			schema = get_namespace_oid(version, true);
	Oid			schema_owner = tpg_extension_owner();
	ObjectAddress address;

	if (OidIsValid(schema))
	{
		if (!tpg_version_schema_is_ours(schema))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_SCHEMA),
					 errmsg("schema \"%s\" already exists", version),
					 errdetail("It belongs neither to the owner of extension temporal_pg nor to a superuser."),
					 errhint("Rename it: this name belongs to a version of workflow code.")));
		return schema;
	}
	schema = NamespaceCreate(version, schema_owner, false);
	CommandCounterIncrement();
	set_schema_acl(schema, schema_owner, user, true);
	ObjectAddressSet(address, NamespaceRelationId, schema);
	goes_with_extension(&address);
	CreateComments(schema, NamespaceRelationId, 0, psprintf("Version of %s. Made and dropped by temporal_pg.", what));
	return schema;
}

void
tpg_version_schema_grant(Oid schema, Oid user)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			schema_owner;

	if (!HeapTupleIsValid(tuple))
		return;
	schema_owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (tpg_version_schema_is_ours(schema))
		set_schema_acl(schema, schema_owner, user, false);
}

/* ---------- the functions ---------- */

/* The SET clauses, with the schema in front of a search_path; NULL as a Datum: none */
static Datum
copied_config(HeapTuple tuple, const char *version)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	Datum	   *values;
	int			n;

	if (isnull)
		return (Datum) 0;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *setting = TextDatumGetCString(values[i]);

		if (pg_strncasecmp(setting, "search_path=", strlen("search_path=")) == 0)
			values[i] = CStringGetTextDatum(psprintf("search_path=%s", tpg_version_path(version, setting + strlen("search_path="))));
	}
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
attribute_or_null(HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, tuple, column, &isnull);

	return isnull ? (Datum) 0 : value;
}

/* As ProcedureCreate() wants it: with the long header. */
static Datum
array_or_null(HeapTuple tuple, AttrNumber column)
{
	Datum		value = attribute_or_null(tuple, column);

	return value == (Datum) 0 ? value : PointerGetDatum(DatumGetArrayTypePCopy(value));
}

static Node *
tree_or_null(HeapTuple tuple, AttrNumber column)
{
	Datum		value = attribute_or_null(tuple, column);

	return value == (Datum) 0 ? NULL : stringToNode(TextDatumGetCString(value));
}

static char *
text_or_null(HeapTuple tuple, AttrNumber column)
{
	Datum		value = attribute_or_null(tuple, column);

	return value == (Datum) 0 ? NULL : TextDatumGetCString(value);
}

/* The rights on the original, in place of what default privileges may have given. */
static void
copy_acl(Oid copy, HeapTuple original)
{
	Relation	rel = table_open(ProcedureRelationId, RowExclusiveLock);
	HeapTuple	tuple = function_tuple(copy);
	Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	Datum		acl = attribute_or_null(original, Anum_pg_proc_proacl);
	Datum		old = attribute_or_null(tuple, Anum_pg_proc_proacl);
	Datum		values[Natts_pg_proc] = {0};
	bool		nulls[Natts_pg_proc] = {false};
	bool		replace[Natts_pg_proc] = {false};
	Oid		   *old_members = NULL;
	Oid		   *members = NULL;
	int			nold = 0;
	int			n = 0;

	if (old != (Datum) 0)
		nold = aclmembers(DatumGetAclPCopy(old), &old_members);
	if (acl != (Datum) 0)
		n = aclmembers(DatumGetAclPCopy(acl), &members);
	values[Anum_pg_proc_proacl - 1] = acl;
	nulls[Anum_pg_proc_proacl - 1] = acl == (Datum) 0;
	replace[Anum_pg_proc_proacl - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	updateAclDependencies(ProcedureRelationId, copy, 0, owner, nold, old_members, n, members);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

static void
copy_function(Oid function, Oid schema, const char *version, const char *what)
{
	HeapTuple	tuple = function_tuple(function);
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	ObjectAddress copy;

	/* no validator: the original has passed it, and a body may name what is not there any more */
	copy = ProcedureCreate(NameStr(proc->proname), schema, false, proc->proretset, proc->prorettype, proc->proowner,
						   proc->prolang, InvalidOid,
						   text_or_null(tuple, Anum_pg_proc_prosrc), text_or_null(tuple, Anum_pg_proc_probin),
						   tree_or_null(tuple, Anum_pg_proc_prosqlbody), proc->prokind, proc->prosecdef,
						   proc->proleakproof, proc->proisstrict, proc->provolatile, proc->proparallel,
						   buildoidvector(proc->proargtypes.values, proc->pronargs),
						   array_or_null(tuple, Anum_pg_proc_proallargtypes),
						   array_or_null(tuple, Anum_pg_proc_proargmodes),
						   array_or_null(tuple, Anum_pg_proc_proargnames),
						   (List *) tree_or_null(tuple, Anum_pg_proc_proargdefaults),
						   array_or_null(tuple, Anum_pg_proc_protrftypes), TPG_TRANSFORM_OIDS(NIL)
						   copied_config(tuple, version), proc->prosupport, proc->procost, proc->prorows);
	CommandCounterIncrement();
	copy_acl(copy.objectId, tuple);
	goes_with_extension(&copy);
	CreateComments(copy.objectId, ProcedureRelationId, 0,
				   psprintf("Copy of %s for %s.", tpg_function_signature(tpg_function_name(function)), what));
	heap_freetuple(tuple);
}

/* Once all copies are there: what the body of this one calls is them. */
static void
bind_body(Oid copy, Oid schema)
{
	Relation	rel;
	HeapTuple	tuple = function_tuple(copy);
	Datum		values[Natts_pg_proc] = {0};
	bool		nulls[Natts_pg_proc] = {false};
	bool		replace[Natts_pg_proc] = {false};
	char	   *body;

	/* a tree is bound as it is */
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang != SQLlanguageId || attribute_or_null(tuple, Anum_pg_proc_prosqlbody) != (Datum) 0)
		return;
	body = tpg_qualify_calls(text_or_null(tuple, Anum_pg_proc_prosrc), RAW_PARSE_DEFAULT, schema);
	if (body == NULL)
		return;
	values[Anum_pg_proc_prosrc - 1] = CStringGetTextDatum(body);
	replace[Anum_pg_proc_prosrc - 1] = true;
	rel = table_open(ProcedureRelationId, RowExclusiveLock);
	tuple = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

Oid
tpg_version_copy_of(const char *version, Oid function)
{
	TpgFunctionName *name = tpg_function_name(function);

	name->schema = unconstify(char *, version);
	return tpg_function_by_name(name);
}

/*
 * The owner of a copy may ALTER it; and functions are not locked, so that one may have been given
 * to another role since the caller looked at it.
 */
static void
check_copy(Oid copy, Oid function, Oid owner, const char *version, const char *what)
{
	char	   *signature;

	if (tpg_function_owner(copy) == owner && tpg_version_is_copy(copy, function, version))
		return;
	signature = tpg_function_signature(tpg_function_name(copy));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s cannot be pinned", what),
			 errdetail("%s is not what %s is: one of them was altered since it was copied.", signature,
					   tpg_function_signature(tpg_function_name(function))),
			 errhint("If it is the copy, DROP FUNCTION %s first: registering makes it again.", signature)));
}

Oid
tpg_version_schema_make(const char *version, Oid owner, const List *functions, const char *what)
{
	Oid			schema = make_schema(version, owner, what);
	List	   *seen = NIL;
	List	   *made = NIL;
	ListCell   *lc;

	foreach(lc, functions)
	{
		Oid			function = lfirst_oid(lc);
		Oid			copy = tpg_version_copy_of(version, function);

		if (OidIsValid(copy) && list_member_oid(seen, copy))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_FUNCTION),
					 errmsg("%s cannot be pinned", what),
					 errdetail("%s has the same name and arguments as another of its functions; a version has both in one schema.",
							   tpg_function_signature(tpg_function_name(function))),
					 errhint("Rename one of them.")));
		if (!OidIsValid(copy))
		{
			copy_function(function, schema, version, what);
			copy = tpg_version_copy_of(version, function);
			made = lappend_oid(made, copy);
		}
		check_copy(copy, function, owner, version, what);
		seen = lappend_oid(seen, copy);
	}
	foreach(lc, made)
		bind_body(lfirst_oid(lc), schema);
	return schema;
}

void
tpg_version_schema_drop(const char *version)
{
	Oid			schema = get_namespace_oid(version, true);
	ObjectAddresses *objects = new_object_addresses();
	ObjectAddress address;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* somebody has dropped it */
	if (!OidIsValid(schema))
		return;
	rel = table_open(ProcedureRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_proc_pronamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		ObjectAddressSet(address, ProcedureRelationId, ((Form_pg_proc) GETSTRUCT(tuple))->oid);
		add_exact_object_address(&address, objects);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	ObjectAddressSet(address, NamespaceRelationId, schema);
	add_exact_object_address(&address, objects);
	performMultipleDeletions(objects, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	free_object_addresses(objects);
}

static bool
same_value(Datum a, Datum b)
{
	if (a == (Datum) 0 || b == (Datum) 0)
		return a == b;
	return datumIsEqual(PointerGetDatum(PG_DETOAST_DATUM(a)), PointerGetDatum(PG_DETOAST_DATUM(b)), false, -1);
}

static bool
same_tree(Node *a, Node *b)
{
	return strcmp(nodeToString(a), nodeToString(b)) == 0;
}

/*
 * Does `body` of a copy say what that of its original does?  The version's name is a hash over
 * the original, which cannot have it in its text.
 */
static bool
same_body(const char *body, const char *original, const char *version)
{
	const char *prefix = psprintf("%s.", version);

	while (*original != '\0' || *body != '\0')
	{
		if (strncmp(body, prefix, strlen(prefix)) == 0)
			body += strlen(prefix);
		else if (*body++ != *original++)
			return false;
	}
	return true;
}

bool
tpg_version_is_copy(Oid copy, Oid original, const char *version)
{
	HeapTuple	a;
	HeapTuple	b;
	Relation	rel;
	Datum		x;
	Datum		y;
	bool		same = true;

	if (!OidIsValid(copy) || !OidIsValid(original))
		return false;
	a = function_tuple(copy);
	b = function_tuple(original);
	rel = table_open(ProcedureRelationId, AccessShareLock);
	for (int i = 0; i < lengthof(same_columns) && same; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), same_columns[i] - 1);

		x = attribute_or_null(a, same_columns[i]);
		y = attribute_or_null(b, same_columns[i]);
		same = att->attlen == -1 ? same_value(x, y) : x == y;
	}
	table_close(rel, AccessShareLock);
	/* trees have places in a text that is gone, which a copy has not */
	return same && same_body(text_or_null(a, Anum_pg_proc_prosrc), text_or_null(b, Anum_pg_proc_prosrc), version) &&
		same_tree(tree_or_null(a, Anum_pg_proc_proargdefaults), tree_or_null(b, Anum_pg_proc_proargdefaults)) &&
		same_tree(tree_or_null(a, Anum_pg_proc_prosqlbody), tree_or_null(b, Anum_pg_proc_prosqlbody)) &&
		same_value(attribute_or_null(a, Anum_pg_proc_proconfig), copied_config(b, version));
}
