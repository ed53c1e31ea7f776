/*-------------------------------------------------------------------------
 * runtime/autonomous.h - attempts that commit by themselves.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_AUTONOMOUS_H
#define TPG_RUNTIME_AUTONOMOUS_H

#include "engine/attempt.h"
#include "store/definition.h"
#include "utils/elog.h"

/* Is that how attempts of this type are made? */
extern bool tpg_is_autonomous(const TpgDefinition *def);

/* Whose role and settings its attempts have: those of a built-in type the workflow's. */
extern TpgDefinition *tpg_attempt_code(TpgDefinition *def, const TpgExecution *exec);

/*
 * The three parts of an attempt, in an executor.  begin: in a transaction that has
 * claimed the task; records that the attempt has started.  false: somebody else is at
 * one in careful mode.  The caller commits.  call: outside of any transaction; raises
 * nothing.  end: in another transaction; records how it went.  forget: behind its
 * commit, or when it could not be recorded.
 */
extern bool tpg_autonomous_begin(const TpgActivityTask *task, const TpgDefinition *def);
extern void tpg_autonomous_call(void);
extern void tpg_autonomous_end(void);
extern void tpg_autonomous_forget(void);

/* The failure of an attempt; of a single command (activity "sql") that no attempt can run it is not retryable. */
extern Jsonb *tpg_attempt_failure(bool command, const ErrorData *edata);

/* Is this the attempt that is in progress here? */
extern bool tpg_autonomous_is_mine(const TpgActivityTask *task);

/*
 * The same without a commit, in the caller's subtransaction: a test's.  Raises what
 * the code raises; its COMMIT is an error.
 */
extern Jsonb *tpg_autonomous_atomic(TpgDefinition *def, const TpgActivityTask *task);

#endif							/* TPG_RUNTIME_AUTONOMOUS_H */
