/*-------------------------------------------------------------------------
 *
 * registration.c
 *	  What every registration checks: the name, the function, the rights.
 *
 * Callers: the SQL functions that register.  Reads catalogs, changes nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "api/registration.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "model/activitymode.h"
#include "runtime/callable.h"
#include "runtime/check.h"
#include "store/function.h"
#include "store/namespace.h"
#include "store/definition_table.h"

/* Names that the server keeps for itself, as Temporal's does. */
static const char *const reserved_prefixes[] = {"__temporal_", "__stack_trace"};

void
tpg_register_check_name(const char *name, const char *what)
{
	tpg_id_check(name, what);
	for (int i = 0; i < lengthof(reserved_prefixes); i++)
	{
		if (strncmp(name, reserved_prefixes[i], strlen(reserved_prefixes[i])) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s \"%s\" is reserved", what, name),
					 errhint("Names must not begin with \"%s\".", reserved_prefixes[i])));
	}
}

/*
 * Whoever may register code runs it as its owner from then on, so it takes the right
 * to act as that role.
 */
static void
check_owner(Oid function, const char *signature)
{
	Oid			owner = tpg_function_owner(function);
	char	   *owner_name = GetUserNameFromId(owner, false);

	if (superuser_arg(owner) && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to register function %s", signature),
				 errdetail("It belongs to \"%s\", a superuser, and would run as that role.", owner_name),
				 errhint("Only a superuser can register it. ALTER FUNCTION %s OWNER TO %s makes it run as your role.",
						 signature, quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	if (!is_member_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to register function %s", signature),
				 errdetail("It belongs to \"%s\" and would run as that role.", owner_name),
				 errhint("Become a member with GRANT %s TO %s.", quote_identifier(owner_name),
						 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	if (TPG_OWNER_NEEDS_LOGIN)
	{
		HeapTuple	tuple;
		bool		can_login;

		tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(owner));
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for role %u", owner);
		can_login = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
		ReleaseSysCache(tuple);
		if (!can_login)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("function %s cannot be registered", signature),
					 errdetail("It belongs to \"%s\", a role without LOGIN, as which no process can run before PostgreSQL 17.", owner_name),
					 errhint("Run ALTER ROLE %s LOGIN; a role without a password cannot be used from outside where one is asked for.",
							 quote_identifier(owner_name))));
	}
}

/* How messages name the code of a definition. */
static const char *
code_of(TpgDefinitionKind kind)
{
	switch (kind)
	{
		case TPG_DEF_WORKFLOW:
			return "a workflow";
		case TPG_DEF_ACTIVITY:
			return "an activity";
		case TPG_DEF_SIGNAL:
			return "a signal handler";
		case TPG_DEF_QUERY:
			return "a query handler";
		case TPG_DEF_UPDATE:
			return "an update handler";
		case TPG_DEF_VALIDATOR:
			return "an update validator";
		case TPG_DEF_INIT:
			return "a workflow's init";
	}
	return NULL;
}

Oid
tpg_register_function(TpgDefinitionRow *row, const char *function)
{
	/* an init takes what its workflow takes */
	bool		dynamic = strcmp(row->kind == TPG_DEF_INIT ? row->workflow_type : row->name, "*") == 0;
	TpgFunctionName *name;
	Oid			oid;

	if (function == NULL && dynamic)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("function must not be null where the type is '*'")));
	if (function != NULL && function[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function must not be empty")));

	oid = tpg_function_by_text(function != NULL ? function : row->name);
	tpg_callable_check(oid, code_of(row->kind), dynamic,
					   row->mode != NULL && tpg_activity_mode_from_name(row->mode) == TPG_MODE_AUTONOMOUS);
	name = tpg_function_name(oid);
	check_owner(oid, tpg_function_signature(name));
	row->function_schema = name->schema;
	row->function_name = name->name;
	row->function_arguments = name->arguments;
	if (row->kind == TPG_DEF_WORKFLOW || row->kind == TPG_DEF_ACTIVITY)
		tpg_register_check_present(row->namespace_id, row->kind, row->name);
	return oid;
}

void
tpg_register_check_present(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	TpgDefinition *present = tpg_definition_read(namespace_id, kind, "", name);
	Oid			owner;

	if (present == NULL || strcmp(present->name, name) != 0)
		return;
	owner = get_role_oid(present->owner_name, true);
	if ((OidIsValid(owner) && is_member_of_role(GetUserId(), owner)) || tpg_access_level(namespace_id) >= TPG_ACCESS_ADMIN)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for %s type \"%s\"", tpg_definition_kind_name(kind), name),
			 errdetail("It is registered for a function of \"%s\".", present->owner_name),
			 errhint("Members of that role and admins of the namespace may replace or remove it; use another name.")));
}

static void
complain(const TpgCheck *check, TpgSeverity severity, int level)
{
	char	   *hint = tpg_check_hint(check, severity);

	ereport(level,
			(errcode(level < ERROR ? ERRCODE_WARNING : TPG_ERR_DETERMINISM_VIOLATION),
			 severity == TPG_SEVERITY_ERROR ? errmsg("function %s is not deterministic", check->name) :
			 errmsg("function %s may not do what it looks like", check->name),
			 errdetail_internal("%s", tpg_check_summary(check, severity)),
			 errhint("%s%sSee temporal.check_workflow(%s).", hint ? hint : "", hint ? " " : "",
					 quote_literal_cstr(check->name))));
}

void
tpg_register_check_determinism(Oid function)
{
	TpgCheck   *check;

	if (tpg_guc_determinism == TPG_DETERMINISM_OFF)
		return;
	check = tpg_check_function(function);
	if (tpg_check_count(check, TPG_SEVERITY_ERROR) > 0)
		complain(check, TPG_SEVERITY_ERROR, tpg_guc_determinism == TPG_DETERMINISM_ERROR ? ERROR : WARNING);
	if (tpg_check_count(check, TPG_SEVERITY_WARNING) > 0)
		complain(check, TPG_SEVERITY_WARNING, WARNING);
	MemoryContextDelete(check->context);
}
