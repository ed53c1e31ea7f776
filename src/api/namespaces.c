/*-------------------------------------------------------------------------
 *
 * namespaces.c
 *	  SQL functions about namespaces, rights in them and search attributes.
 *
 * What they promise is in the COMMENTs of sql/again/20_namespaces.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/client.h"
#include "base/ident.h"
#include "base/json.h"
#include "ipc/wake.h"
#include "store/namespace.h"
#include "store/search_attribute.h"

/* A-13 and J: closed runs can be looked at for a while at least. */
#define MIN_RETENTION_US USECS_PER_HOUR

PG_FUNCTION_INFO_V1(tpg_sql_create_namespace);
PG_FUNCTION_INFO_V1(tpg_sql_alter_namespace);
PG_FUNCTION_INFO_V1(tpg_sql_drop_namespace);
PG_FUNCTION_INFO_V1(tpg_sql_grant_access);
PG_FUNCTION_INFO_V1(tpg_sql_revoke_access);
PG_FUNCTION_INFO_V1(tpg_sql_register_search_attribute);
PG_FUNCTION_INFO_V1(tpg_sql_may_see);

static const char *const attribute_types[] = {
	"Text", "Keyword", "Int", "Double", "Bool", "Datetime", "KeywordList"
};

/* A text that must be there. */
static char *
name_arg(FunctionCallInfo fcinfo, int argno, const char *what)
{
	char	   *value = PG_ARGISNULL(argno) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argno));

	tpg_id_check(value, what);
	return value;
}

static int64
retention_arg(FunctionCallInfo fcinfo, int argno)
{
	int64		us;

	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("retention must not be null")));
	us = tpg_interval_arg_us(PG_GETARG_INTERVAL_P(argno), "retention");
	if (us < MIN_RETENTION_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("retention must be at least 1 hour")));
	return us;
}

static void
require_owner(const char *what)
{
	if (!tpg_access_is_owner())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s", what),
				 errhint("Only the owner of extension temporal_pg, its members and superusers can do that.")));
}

/* A namespace that exists, and in which the current user is admin. */
static int32
administered(const char *what, const char *name)
{
	int32		id;

	tpg_outside_to_write(what);
	id = tpg_namespace_for_write(name);
	tpg_access_require(id, TPG_ACCESS_ADMIN);
	return id;
}

Datum
tpg_sql_create_namespace(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "namespace");
	int64		retention = retention_arg(fcinfo, 1);

	tpg_outside_to_write("create_namespace");
	require_owner("create a namespace");
	if (tpg_namespace_find(name) != 0 || tpg_namespace_create(name, retention) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists", name),
				 errhint("Use temporal.alter_namespace to change its retention.")));
	PG_RETURN_VOID();
}

Datum
tpg_sql_alter_namespace(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "namespace");
	int64		retention = retention_arg(fcinfo, 1);

	tpg_namespace_alter(administered("alter_namespace", name), retention);
	PG_RETURN_VOID();
}

Datum
tpg_sql_drop_namespace(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "namespace");
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	int32		id;
	int64		open_runs;

	tpg_outside_to_write("drop_namespace");
	require_owner("drop a namespace");
	id = tpg_namespace_find(name);
	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" does not exist", name)));
	tpg_namespace_lock_runs();
	open_runs = tpg_namespace_open_runs(id);
	if (open_runs > 0 && !force)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("namespace \"%s\" has open runs", name),
				 errdetail_plural("There is %lld.", "There are %lld.", (unsigned long) open_runs, (long long) open_runs),
				 errhint("Terminate them first, or use force => true to have them deleted.")));
	tpg_namespace_delete(id);
	tpg_wake_settings();
	PG_RETURN_VOID();
}

Datum
tpg_sql_grant_access(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "namespace");
	char	   *role = name_arg(fcinfo, 1, "role");
	char	   *level_name = name_arg(fcinfo, 2, "level");
	int			level = tpg_access_level_from_name(level_name);
	int32		id;

	if (level == TPG_ACCESS_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid level: \"%s\"", level_name),
				 errhint("Levels are client, author and admin.")));
	id = administered("grant_access", name);

	/* PUBLIC is no role but may stand for all of them */
	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
	tpg_access_grant(id, role, level);
	PG_RETURN_VOID();
}

Datum
tpg_sql_revoke_access(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "namespace");
	char	   *role = name_arg(fcinfo, 1, "role");
	int32		id = administered("revoke_access", name);

	if (!tpg_access_revoke(id, role))
		ereport(NOTICE,
				(errmsg("role \"%s\" had no access to namespace \"%s\"", role, name)));
	PG_RETURN_VOID();
}

Datum
tpg_sql_register_search_attribute(PG_FUNCTION_ARGS)
{
	char	   *name = name_arg(fcinfo, 0, "search attribute");
	char	   *type = name_arg(fcinfo, 1, "type");
	int32		id;
	char	   *actual;
	int			i;

	for (i = 0; i < lengthof(attribute_types); i++)
	{
		if (strcmp(type, attribute_types[i]) == 0)
			break;
	}
	if (i == lengthof(attribute_types))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type of a search attribute: \"%s\"", type),
				 errhint("Types are Text, Keyword, Int, Double, Bool, Datetime and KeywordList.")));

	tpg_outside_to_write("register_search_attribute");
	id = tpg_namespace_current_for_write();
	tpg_access_require(id, TPG_ACCESS_ADMIN);
	actual = (char *) tpg_search_attribute_predefined(name);
	if (actual == NULL)
		actual = tpg_namespace_define_search_attribute(id, name, type);
	if (strcmp(actual, type) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("search attribute \"%s\" is registered with type %s", name, actual)));
	PG_RETURN_VOID();
}

Datum
tpg_sql_may_see(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tpg_access_level(PG_GETARG_INT32(0)) >= TPG_ACCESS_CLIENT);
}
