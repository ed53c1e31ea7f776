/*-------------------------------------------------------------------------
 * runtime/verdict.h - what the static check says of the code that is about to run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_VERDICT_H
#define TPG_RUNTIME_VERDICT_H

#include "nodes/primnodes.h"

typedef struct TpgVerdict
{
	bool		deterministic;
	bool		told;			/* somebody was warned of it */
	char	   *message;		/* else NULL, as the next ones */
	char	   *detail;
	char	   *hint;
} TpgVerdict;

/* Kept for as long as neither the function nor one that it calls changes. */
extern TpgVerdict *tpg_verdict(Oid function);

/* The same of a call: defaults of arguments that it gives itself don't count. */
extern TpgVerdict *tpg_verdict_of_call(const FuncExpr *call);

/* Has the verdict on this one looked at that function, too? */
extern bool tpg_verdict_covers(Oid function, Oid called);

#endif							/* TPG_RUNTIME_VERDICT_H */
