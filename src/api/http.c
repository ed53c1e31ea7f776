/*-------------------------------------------------------------------------
 * api/http.c - SQL functions about what activities of type http may request.
 *
 * What they promise is in the COMMENTs of sql/again/39_http.sql.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "api/client.h"
#include "base/ident.h"
#include "store/httpaccess.h"
#include "store/namespace.h"
#include "worker/httpclient.h"

/* shorter ones would be blotted out of answers where they stand by chance */
#define MIN_SECRET_LENGTH 8
#define MAX_SECRET_SIZE 8192
#define MAX_SECRET_NAME 100

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

PG_FUNCTION_INFO_V1(tpg_sql_grant_http);
PG_FUNCTION_INFO_V1(tpg_sql_revoke_http);
PG_FUNCTION_INFO_V1(tpg_sql_set_secret);
PG_FUNCTION_INFO_V1(tpg_sql_drop_secret);

static char *
name_arg(FunctionCallInfo fcinfo, int argno, const char *what)
{
	char	   *value = tpg_arg_text(fcinfo, argno);

	tpg_id_check(value, what);
	return value;
}

/* The beginning of a URL in the form in which it is kept, which is that of requests (http/form). */
static char *
url_of(const char *url)
{
	const char *problem;
	char	   *meant;
	char	   *form;

	tpg_id_check(url, "url");
	form = tpg_http_client_url_form(url, &problem, &meant);
	if (form == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid beginning of a URL: \"%s\"", url),
				 errdetail_internal("No request would match it: %s.", problem),
				 meant != NULL ? errhint("Requests match \"%s\".", meant) :
				 errhint("It is http:// or https://, a host, a port where that is not the usual one, and a path; no user, no query. For example https://api.example.com/v1/, https://*.example.com/ or http://localhost:8080/.")));
	return form;
}

static int32
administered(const char *what)
{
	int32		id;

	tpg_outside_to_write(what);
	id = tpg_namespace_current_for_write();
	tpg_access_require(id, TPG_ACCESS_ADMIN);
	return id;
}

static void
check_role(const char *role)
{
	/* PUBLIC is no role but may stand for all of them */
	if (strcmp(role, "public") != 0)
		(void) get_role_oid(role, false);
}

Datum
tpg_sql_grant_http(PG_FUNCTION_ARGS)
{
	char	   *role = name_arg(fcinfo, 0, "role");
	char	   *url = url_of(tpg_arg_text(fcinfo, 1));
	int32		namespace_id = administered("grant_http");

	check_role(role);
	tpg_http_grant(namespace_id, role, url);
	PG_RETURN_VOID();
}

Datum
tpg_sql_revoke_http(PG_FUNCTION_ARGS)
{
	char	   *role = name_arg(fcinfo, 0, "role");
	char	   *url = url_of(tpg_arg_text(fcinfo, 1));
	int32		namespace_id = administered("revoke_http");

	if (!tpg_http_revoke(namespace_id, role, url))
		ereport(NOTICE,
				(errmsg("role \"%s\" had no grant for \"%s\"", role, url)));
	PG_RETURN_VOID();
}

static char *
secret_name_arg(FunctionCallInfo fcinfo, int argno)
{
	char	   *name = name_arg(fcinfo, argno, "name");

	if (strspn(name, LETTERS CAPITALS DIGITS "_.-") != strlen(name) || strlen(name) > MAX_SECRET_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name of a secret: \"%s\"", name),
				 errhint("A name is at most %d letters, digits, dots, hyphens and underscores.", MAX_SECRET_NAME)));
	return name;
}

Datum
tpg_sql_set_secret(PG_FUNCTION_ARGS)
{
	char	   *name = secret_name_arg(fcinfo, 0);
	char	   *value = tpg_arg_text(fcinfo, 1);
	char	   *role = name_arg(fcinfo, 2, "role");
	char	   *url = PG_ARGISNULL(3) ? NULL : url_of(tpg_arg_text(fcinfo, 3));
	int32		namespace_id = administered("set_secret");

	check_role(role);
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value must not be null")));
	for (const char *p = value; *p; p++)
		if ((unsigned char) *p < ' ' || *p == 127)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a secret must not have control characters"),
					 errhint("A line end at its end may have come from a file.")));
	if (pg_mbstrlen(value) < MIN_SECRET_LENGTH || strlen(value) > MAX_SECRET_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a secret has %d characters at least and %d bytes at most", MIN_SECRET_LENGTH, MAX_SECRET_SIZE),
				 errhint("What is shorter is no secret: write it into the request.")));
	tpg_secret_set(namespace_id, name, value, role, url);
	PG_RETURN_VOID();
}

Datum
tpg_sql_drop_secret(PG_FUNCTION_ARGS)
{
	char	   *name = secret_name_arg(fcinfo, 0);

	if (!tpg_secret_drop(administered("drop_secret"), name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("secret \"%s\" does not exist", name)));
	PG_RETURN_VOID();
}
