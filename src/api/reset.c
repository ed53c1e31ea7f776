/*-------------------------------------------------------------------------
 * reset.c
 *	  SQL-callable: going back in a history, and removing one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "api/client.h"
#include "base/errors.h"
#include "base/ident.h"
#include "engine/delete.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_delete_workflow);

/* (workflow_id, run_id) */
Datum
tpg_sql_delete_workflow(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(1) ? NULL : PG_GETARG_UUID_P(1);
	int32		namespace_id = tpg_namespace_current();
	TpgExecution *exec;

	tpg_not_in_workflow("delete_workflow", "Call it in an activity of another workflow.");
	tpg_not_read_only("delete_workflow");
	if (namespace_id != 0)
		tpg_access_require(namespace_id, TPG_ACCESS_ADMIN);

	/* without a run id it is the latest one that is meant, behind which another may just have come */
	do
		exec = tpg_find_run(workflow_id, run_id, false);
	while (!tpg_engine_delete(exec, run_id == NULL, tpg_client_identity()));
	PG_RETURN_VOID();
}
