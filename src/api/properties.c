/*-------------------------------------------------------------------------
 * properties.c
 *	  SQL-callable: what workflow code says about its run and knows of the one
 *	  before, and patches.
 *
 * Each function asks for the activation first (TP021 outside of workflow code).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "runtime/patches.h"
#include "runtime/scheduler.h"
#include "runtime/upserts.h"

PG_FUNCTION_INFO_V1(tpg_sql_memo);
PG_FUNCTION_INFO_V1(tpg_sql_upsert_memo);
PG_FUNCTION_INFO_V1(tpg_sql_upsert_search_attributes);
PG_FUNCTION_INFO_V1(tpg_sql_set_current_details);
PG_FUNCTION_INFO_V1(tpg_sql_last_completion_result);
PG_FUNCTION_INFO_V1(tpg_sql_last_failure);
PG_FUNCTION_INFO_V1(tpg_sql_patched);
PG_FUNCTION_INFO_V1(tpg_sql_deprecate_patch);

/* SQL's NULL and JSON's are refused alike: neither takes everything away. */
static Jsonb *
changes_arg(FunctionCallInfo fcinfo, const char *what, const char *example)
{
	Jsonb	   *changes;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what),
				 errhint("To take one away, give it as null: '{\"name\": null}'.")));
	changes = PG_GETARG_JSONB_P(0);
	if (!tpg_json_is_object(changes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", what),
				 errhint("For example '%s'. To take one away, give it as null: '{\"name\": null}'.", example)));
	return changes;
}

Datum
tpg_sql_memo(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("memo");
	TpgLogEntry *e = tpg_fiber_replayed(act, "memo");

	if (e == NULL)
	{
		e = tpg_fiber_record(act, "memo");
		e->json = (Jsonb *) tpg_memo(act);
	}
	PG_RETURN_JSONB_P(e->json ? tpg_json_copy(e->json) : tpg_json_finish(tpg_json_object()));
}

Datum
tpg_sql_upsert_memo(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("upsert_memo");

	tpg_upsert_memo(act, changes_arg(fcinfo, "memo", "{\"note\": \"from the shop\"}"));
	PG_RETURN_VOID();
}

Datum
tpg_sql_upsert_search_attributes(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("upsert_search_attributes");

	tpg_upsert_search_attributes(act, changes_arg(fcinfo, "search attributes", "{\"Customer\": \"ann\"}"));
	PG_RETURN_VOID();
}

Datum
tpg_sql_set_current_details(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("set_current_details");

	tpg_set_current_details(act, PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* ---------- the run before ---------- */

Datum
tpg_sql_last_completion_result(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("last_completion_result");
	Jsonb	   *result = tpg_json_get_raw(act->run->events[0].attributes, "lastCompletionResult");

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

Datum
tpg_sql_last_failure(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("last_failure");
	Jsonb	   *failure = tpg_json_get(act->run->events[0].attributes, "continuedFailure");

	if (failure == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(tpg_failure_detail(failure));
}

/* ---------- patches ---------- */

static char *
patch_id_arg(FunctionCallInfo fcinfo)
{
	char	   *id = tpg_arg_text(fcinfo, 0);

	tpg_id_check(id, "patch id");
	return id;
}

Datum
tpg_sql_patched(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("patched");

	PG_RETURN_BOOL(tpg_patched(act, patch_id_arg(fcinfo)));
}

Datum
tpg_sql_deprecate_patch(PG_FUNCTION_ARGS)
{
	TpgActivation *act = tpg_activation_require("deprecate_patch");

	tpg_deprecate_patch(act, patch_id_arg(fcinfo));
	PG_RETURN_VOID();
}
