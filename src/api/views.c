/*-------------------------------------------------------------------------
 *
 * views.c
 *	  SQL-callable: what the views, trace(), explain(), describe() and the
 *	  operator's functions need from the library.
 *
 * The SQL around them reads tables with the rights of the extension's owner;
 * these functions decide for the current user, so views and functions call
 * them as the one who asks: never from within a SECURITY DEFINER function.
 *
 * Any transaction; read-only but for post_restore().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "api/client.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/ident.h"
#include "ipc/shmem.h"
#include "ipc/wake.h"
#include "model/failure.h"
#include "store/execution.h"
#include "store/extension.h"
#include "store/namespace.h"
#include "store/version.h"

PG_FUNCTION_INFO_V1(tpg_sql_access_level);
PG_FUNCTION_INFO_V1(tpg_sql_find_run);
PG_FUNCTION_INFO_V1(tpg_sql_clock_now);
PG_FUNCTION_INFO_V1(tpg_sql_failure_message_of);
PG_FUNCTION_INFO_V1(tpg_sql_failure_type_of);
PG_FUNCTION_INFO_V1(tpg_sql_careful_mode);
PG_FUNCTION_INFO_V1(tpg_sql_wake_scan);
PG_FUNCTION_INFO_V1(tpg_sql_post_restore);
PG_FUNCTION_INFO_V1(tpg_sql_version_is_outdated);

/* temporal_internal.access_level(namespace_id) */
Datum
tpg_sql_access_level(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tpg_access_level(PG_GETARG_INT32(0)));
}

/* temporal_internal.find_run(workflow_id, run_id, level) */
Datum
tpg_sql_find_run(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_INT64(tpg_run_required(workflow_id, PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1), PG_GETARG_INT32(2))->key);
}

/* temporal_internal.clock_now() */
Datum
tpg_sql_clock_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(tpg_clock_now());
}

static Datum
text_or_null(FunctionCallInfo fcinfo, const char *text)
{
	if (text == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

/* temporal_internal.failure_message(failure) */
Datum
tpg_sql_failure_message_of(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, tpg_failure_message(PG_GETARG_JSONB_P(0)));
}

/* temporal_internal.failure_type(failure) */
Datum
tpg_sql_failure_type_of(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, tpg_failure_type(PG_GETARG_JSONB_P(0)));
}

/* temporal_internal.careful_mode() */
Datum
tpg_sql_careful_mode(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tpg_shmem_ready() && tpg_careful_mode());
}

/* temporal_internal.wake_scan() */
Datum
tpg_sql_wake_scan(PG_FUNCTION_ARGS)
{
	tpg_wake_scan();
	tpg_wake_settings();
	/* deadlines may have changed, too */
	tpg_wake_due(GetCurrentTimestamp());
	PG_RETURN_VOID();
}

/* temporal.post_restore() */
Datum
tpg_sql_post_restore(PG_FUNCTION_ARGS)
{
	if (!tpg_access_is_owner())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to let workflows run in this database"),
				 errhint("Only the owner of extension temporal_pg, its members and superusers may call temporal.post_restore().")));
	tpg_outside_to_write("post_restore");
	tpg_require_preload();
	tpg_home_claim(true);
	tpg_wake_start_dispatcher();
	tpg_wake_scan();
	PG_RETURN_VOID();
}

/* temporal_internal.version_is_outdated(version) */
Datum
tpg_sql_version_is_outdated(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tpg_version_is_outdated(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
