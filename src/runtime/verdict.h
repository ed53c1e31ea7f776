/*-------------------------------------------------------------------------
 * runtime/verdict.h - what the static check says of the code that is about to run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_VERDICT_H
#define TPG_RUNTIME_VERDICT_H

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

#endif							/* TPG_RUNTIME_VERDICT_H */
