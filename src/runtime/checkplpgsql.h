/*-------------------------------------------------------------------------
 * runtime/checkplpgsql.h - the static check: functions in PL/pgSQL.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHECKPLPGSQL_H
#define TPG_RUNTIME_CHECKPLPGSQL_H

#include "plpgsql.h"

#include "runtime/check.h"

/* Looks at a function as PL/pgSQL's own compiler sees it. call: for the types of polymorphic arguments, may be NULL. */
extern void tpg_check_plpgsql(TpgCheck *check, Oid function, const FuncExpr *call);

/* Each expression and statement of a compiled function, in no particular order. */
extern void tpg_plpgsql_expressions(PLpgSQL_function *function, void (*visit) (PLpgSQL_expr *expr, void *arg), void *arg);

#endif							/* TPG_RUNTIME_CHECKPLPGSQL_H */
