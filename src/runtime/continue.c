/*-------------------------------------------------------------------------
 * runtime/continue.c - workflow code continues as a new run.
 *
 * It ends the code by the error of a suspension, so that no EXCEPTION block
 * holds it up; which of the two it was, the activation remembers.
 *
 * Within the run function; allocates in act->context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "runtime/continue.h"
#include "runtime/scheduler.h"
#include "runtime/upserts.h"
#include "store/search_attribute.h"

static const Jsonb *
kept(const Jsonb *value)
{
	return value ? tpg_json_copy(value) : NULL;
}

void
tpg_continue_as_new(TpgActivation *act, const TpgNextRun *next)
{
	const TpgExecution *exec = act->run->exec;
	/* those of now go on, but the memo of the start */
	const Jsonb *search_attributes = next->search_attributes ? next->search_attributes : tpg_search_attributes_changed(act);
	MemoryContext old;
	TpgNextRun *n;

	tpg_activation_writable(act, "continue_as_new");
	if (act->fiber->kind != TPG_FIBER_RUN)
		ereport(ERROR,
				(errcode(TPG_ERR_WRONG_CONTEXT),
				 errmsg("temporal.continue_as_new() can only be called by the run function"),
				 errdetail("It was called by handler \"%s\".", act->fiber->name),
				 errhint("Note it with temporal.set_state(), and let the run function wait for that.")));
	if (tpg_activation_is_live(act))
	{
		TpgSearchAttribute *attributes;

		/* what would fail the start of the next run is an error of this code */
		if (next->workflow_type != NULL)
			(void) tpg_definition_lookup(exec->namespace_id, TPG_DEF_WORKFLOW, next->workflow_type, false);
		(void) tpg_search_attributes_check(exec->namespace_id, search_attributes, &attributes);
	}

	old = MemoryContextSwitchTo(act->context);
	n = palloc(sizeof(TpgNextRun));
	*n = *next;
	n->workflow_type = next->workflow_type ? pstrdup(next->workflow_type) : NULL;
	n->task_queue = next->task_queue ? pstrdup(next->task_queue) : NULL;
	n->input = kept(next->input);
	n->cron_schedule = next->cron_schedule ? pstrdup(next->cron_schedule) : NULL;
	n->retry_policy = kept(next->retry_policy);
	n->memo = kept(next->memo);
	n->search_attributes = kept(search_attributes);
	act->continued = n;
	MemoryContextSwitchTo(old);

	act->fiber->suspended = true;
	ereport(ERROR,
			(errcode(ERRCODE_ASSERT_FAILURE),
			 errmsg_internal("workflow is suspended: it continues as new"),
			 errdetail_internal("This ends the code; it must not be caught.")));
}
