/*-------------------------------------------------------------------------
 * store/httpaccess.c - tables temporal_internal.http_access and secret.
 *
 * Who may request which URLs, and what is filled into requests.  The value of a
 * secret is read by tpg_secret_find() alone, for the HTTP process.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "store/httpaccess.h"
#include "store/plan.h"

static TpgPlan grant_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.http_access (namespace_id, role_name, url) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
	3, {INT4OID, TEXTOID, TEXTOID}
);
static TpgPlan revoke_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.http_access WHERE namespace_id = $1 AND role_name = $2 AND url = $3", 3, {INT4OID, TEXTOID, TEXTOID}
);
static TpgPlan granted_plan = TPG_PLAN(
	"SELECT role_name, url FROM temporal_internal.http_access WHERE namespace_id = $1", 1, {INT4OID}
);
static TpgPlan set_plan = TPG_PLAN(
	"INSERT INTO temporal_internal.secret (namespace_id, name, value, role_name, url) VALUES ($1, $2, $3, $4, $5) "
	"ON CONFLICT (namespace_id, name) DO UPDATE SET value = excluded.value, role_name = excluded.role_name, url = excluded.url, "
	"set_at = pg_catalog.now()", 5, {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
);
static TpgPlan drop_plan = TPG_PLAN(
	"DELETE FROM temporal_internal.secret WHERE namespace_id = $1 AND name = $2", 2, {INT4OID, TEXTOID}
);
static TpgPlan find_plan = TPG_PLAN(
	"SELECT role_name, value, url FROM temporal_internal.secret WHERE namespace_id = $1 AND name = $2", 2, {INT4OID, TEXTOID}
);

/* Is what was given to a role by name also this one's?  PUBLIC is everybody. */
static bool
is_for(const char *role_name, Oid role)
{
	Oid			granted;

	if (strcmp(role_name, "public") == 0)
		return true;
	granted = get_role_oid(role_name, true);
	return OidIsValid(granted) && has_privs_of_role(role, granted);
}

void
tpg_http_grant(int32 namespace_id, const char *role_name, const char *url)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int32GetDatum(namespace_id), CStringGetTextDatum(role_name), CStringGetTextDatum(url)};

	tpg_store_begin(&scope);
	tpg_plan_execute(&grant_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

bool
tpg_http_revoke(int32 namespace_id, const char *role_name, const char *url)
{
	TpgStoreScope scope;
	Datum		values[3] = {Int32GetDatum(namespace_id), CStringGetTextDatum(role_name), CStringGetTextDatum(url)};
	bool		found;

	tpg_store_begin(&scope);
	tpg_plan_execute(&revoke_plan, values, NULL, false, 0);
	found = SPI_processed > 0;
	tpg_store_end(&scope);
	return found;
}

int
tpg_http_granted(int32 namespace_id, Oid role, const char *const **urls)
{
	TpgStoreScope scope;
	Datum		value = Int32GetDatum(namespace_id);
	const char **found;
	int			n = 0;

	tpg_store_begin(&scope);
	tpg_plan_execute(&granted_plan, &value, NULL, false, 0);
	found = MemoryContextAlloc(scope.caller_context, sizeof(char *) * Max(SPI_processed, 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		if (is_for(tpg_row_text(i, 1, CurrentMemoryContext), role))
			found[n++] = tpg_row_text(i, 2, scope.caller_context);
	tpg_store_end(&scope);
	*urls = found;
	return n;
}

void
tpg_secret_set(int32 namespace_id, const char *name, const char *value, const char *role_name, const char *url)
{
	TpgStoreScope scope;
	Datum		values[5] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name), CStringGetTextDatum(value), CStringGetTextDatum(role_name)};

	if (url != NULL)
		values[4] = CStringGetTextDatum(url);
	tpg_store_begin(&scope);
	tpg_plan_execute(&set_plan, values, url ? NULL : "    n", false, 0);
	tpg_store_end(&scope);
}

bool
tpg_secret_drop(int32 namespace_id, const char *name)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name)};
	bool		found;

	tpg_store_begin(&scope);
	tpg_plan_execute(&drop_plan, values, NULL, false, 0);
	found = SPI_processed > 0;
	tpg_store_end(&scope);
	return found;
}

TpgSecret *
tpg_secret_find(int32 namespace_id, const char *name, Oid role)
{
	TpgStoreScope scope;
	Datum		values[2] = {Int32GetDatum(namespace_id), CStringGetTextDatum(name)};
	TpgSecret  *s = NULL;

	tpg_store_begin(&scope);
	tpg_plan_execute(&find_plan, values, NULL, false, 1);
	if (SPI_processed == 1 && is_for(tpg_row_text(0, 1, CurrentMemoryContext), role))
	{
		s = MemoryContextAlloc(scope.caller_context, sizeof(TpgSecret));
		s->name = MemoryContextStrdup(scope.caller_context, name);
		s->value = tpg_row_text(0, 2, scope.caller_context);
		s->url = tpg_row_text(0, 3, scope.caller_context);
	}
	tpg_store_end(&scope);
	return s;
}
