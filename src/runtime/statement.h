/*-------------------------------------------------------------------------
 * runtime/statement.h - one statement as a client would send it: at top level, through a portal.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_STATEMENT_H
#define TPG_RUNTIME_STATEMENT_H

#include "runtime/callable.h"
#include "utils/jsonb.h"

/*
 * top: what may commit does (a procedure that is CALLed, VACUUM): the caller has
 * started a transaction and nothing in it, no snapshot and no subtransaction, and
 * CurrentMemoryContext outlives transactions; another transaction may be in
 * progress on return.  Else it is part of the caller's transaction, and what would
 * commit is PostgreSQL's error.
 */

/* CALL; the result is its output arguments: null, the one value, or an object of several. */
extern Jsonb *tpg_statement_call(const TpgCallable *procedure, const NullableDatum *arguments, bool top);

/*
 * Any command but those that only a session makes sense of (0A000): {"tag": "VACUUM", "rows": 0}, and
 * "result", an array of objects, where it gives rows.
 */
extern Jsonb *tpg_statement_run(const char *command, bool top);

#endif							/* TPG_RUNTIME_STATEMENT_H */
