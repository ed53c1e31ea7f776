/*-------------------------------------------------------------------------
 * runtime/pin.h - which code a pinned run keeps.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_PIN_H
#define TPG_RUNTIME_PIN_H

#include "nodes/pg_list.h"
#include "runtime/check.h"

/*
 * After any change of a registration, in its transaction: where the workflow type is pinned,
 * makes the version of its code as it is now, if there is none yet, and has new runs start with it.
 *
 * 42P13 with a list of the calls that the copies would make to the originals, 42501 functions
 * of another role; WARNING about calls that cannot be seen.
 */
extern void tpg_pin_workflow(int32 namespace_id, const char *workflow_type);

/*
 * What stands against pinning this function, with the settings of the session, as findings:
 * errors for what tpg_pin_workflow() would refuse, warnings for what it could not see.
 * Leaves nothing behind.
 */
extern List *tpg_pin_findings(Oid function);

#endif							/* TPG_RUNTIME_PIN_H */
