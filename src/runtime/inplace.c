/*-------------------------------------------------------------------------
 * runtime/inplace.c - may an activity run on top of the waiting workflow code?
 *
 * Unwinding and replaying the code after every step costs time in proportion
 * to the steps before it.  Where nothing of the waiting code stands in the way,
 * the one short activity that it waits for runs right there, in a
 * subtransaction of its own inside that of the code, and the code goes on.  The
 * rule that an EXCEPTION block must never be able to undo an activity whose
 * result is remembered holds, because in-place is refused inside of one.
 *
 * What is excluded here is what runtime/pass (release_keeping_effects) could not
 * clean up while keeping the activity's effects.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/portal.h"

#include "ipc/slots.h"
#include "runtime/inplace.h"

int
tpg_guc_nest_level(void)
{
	int			level = NewGUCNestLevel();

	AtEOXact_GUC(true, level);
	return level;
}

bool
tpg_inplace_possible(const TpgActivation *act)
{
	return tpg_in_executor() &&
	/* no EXCEPTION block, no language with subtransactions of its own */
		GetCurrentTransactionNestLevel() == act->base_nest_level &&
	/* no function with SET or SECURITY DEFINER */
		tpg_guc_nest_level() == act->base_guc_level &&
		GetUserId() == act->def->owner && !InLocalUserIdChange() &&
	/* no open cursor, no FOR over a query */
		ActivePortal == NULL && ThereAreNoReadyPortals();
}
