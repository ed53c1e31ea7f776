/*-------------------------------------------------------------------------
 * runtime/queries.h - queries: a replay and a handler in the caller's backend.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_QUERIES_H
#define TPG_RUNTIME_QUERIES_H

#include "store/execution.h"

/* Runs a query handler over the run as it is, mail included.  No locks, no writes.  TP015. */
extern Jsonb *tpg_query(TpgExecution *exec, const char *name, Jsonb *input);

#endif							/* TPG_RUNTIME_QUERIES_H */
