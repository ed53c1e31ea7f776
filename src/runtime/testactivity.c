/*-------------------------------------------------------------------------
 * runtime/testactivity.c - an activity alone, in the caller's transaction.
 *
 * The function as its owner and under its registered settings, as an attempt
 * would run it, but without workflow, timeouts and retries (reference K-09):
 * what it raises is raised to the caller.  Mocks don't count here.
 *
 * In a test environment only, so the transaction cannot be committed.  The
 * heartbeats lie in TopTransactionContext, and stay when the activity fails.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/json.h"
#include "engine/testenv.h"
#include "runtime/activation.h"
#include "runtime/attempt.h"
#include "runtime/testactivity.h"

static LocalTransactionId heartbeats_lxid = InvalidLocalTransactionId;
static List *heartbeats = NIL;

/* Every one is kept (K-09). */
static void
record_heartbeat(void *arg, const Jsonb *details)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	TpgTestHeartbeat *h = palloc(sizeof(TpgTestHeartbeat));

	h->details = details ? tpg_json_copy(details) : NULL;
	h->at = tpg_clock_now();
	heartbeats = lappend(heartbeats, h);
	MemoryContextSwitchTo(old);
}

Jsonb *
tpg_test_activity(int32 namespace_id, const char *activity_type, Jsonb *input, int attempt,
				  Jsonb *heartbeat_details, bool cancelled)
{
	TpgDefinition *def = tpg_definition_lookup(namespace_id, TPG_DEF_ACTIVITY, activity_type, false);
	TpgExecution exec = {.namespace_id = namespace_id, .workflow_id = "test", .workflow_type = "test", .task_queue = "test"};
	TpgActivityTask task = {.namespace_id = namespace_id, .attempt = attempt, .mode = TPG_MODE_TRANSACTIONAL,
	.activity_id = "test", .activity_type = (char *) activity_type, .task_queue = "test"};
	TpgAttemptTest test = {.on_heartbeat = record_heartbeat, .cancelled = cancelled, .heartbeat_details = heartbeat_details};
	TpgAttemptInfo info = {.task = &task, .exec = &exec, .context = CurrentMemoryContext, .test = &test};
	TpgAttemptInfo *outer_attempt = tpg_current_attempt;
	bool		outer_read_only = XactReadOnly;
	TpgJson    *b = tpg_json_object();
	Jsonb	   *result = NULL;

	if (!OidIsValid(def->function))
		ereport(ERROR,
				(errcode(TPG_ERR_NOT_REGISTERED),
				 errmsg("activity type \"%s\" has no function", activity_type),
				 errhint("A test of a workflow replaces it with temporal.mock_activity().")));
	tpg_json_add_jsonb(b, "input", input);
	task.attributes = tpg_json_finish(b);
	task.scheduled_at = task.attempt_scheduled_at = task.due_at = info.started_at = tpg_clock_now();
	heartbeats_lxid = tpg_my_lxid();
	heartbeats = NIL;
	tpg_current_attempt = &info;
	PG_TRY();
	{
		result = tpg_attempt_call(&info, def);
	}
	PG_FINALLY();
	{
		tpg_current_attempt = outer_attempt;
		XactReadOnly = outer_read_only;
	}
	PG_END_TRY();
	return info.stays_open ? NULL : result;
}

int
tpg_test_heartbeats(TpgTestHeartbeat **result)
{
	int			n = 0;
	ListCell   *lc;

	if (heartbeats_lxid != tpg_my_lxid())
		return 0;
	*result = palloc(sizeof(TpgTestHeartbeat) * Max(list_length(heartbeats), 1));
	foreach(lc, heartbeats)
		(*result)[n++] = *(TpgTestHeartbeat *) lfirst(lc);
	return n;
}
