/*-------------------------------------------------------------------------
 * runtime/commands.h - the commands of an activation and the events in history.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_COMMANDS_H
#define TPG_RUNTIME_COMMANDS_H

#include "runtime/activation.h"

/* Live: each command of the open activation becomes an event. */
extern void tpg_commands_append(TpgActivation *act);

/* Replay: TP020 as the error of the task unless the commands are those of the open group. */
extern void tpg_commands_compare(TpgActivation *act);

/* What the open activation has issued for an op is not sent (S-3, S-13). */
extern void tpg_command_elide(TpgActivation *act, const TpgOp *op);

#endif							/* TPG_RUNTIME_COMMANDS_H */
