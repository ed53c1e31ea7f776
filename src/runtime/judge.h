/*-------------------------------------------------------------------------
 * runtime/judge.h - may workflow code call this function?
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_JUDGE_H
#define TPG_RUNTIME_JUDGE_H

typedef enum TpgJudged
{
	TPG_JUDGED_HARMLESS = 1,	/* the same in every replay */
	TPG_JUDGED_OURS,			/* of schema temporal */
	TPG_JUDGED_LOOK_INSIDE,		/* SQL or PL/pgSQL: it is as good as its body */
	TPG_JUDGED_OPAQUE,			/* another language, and not declared immutable */
	TPG_JUDGED_BAD
} TpgJudged;

typedef struct TpgJudgement
{
	TpgJudged	judged;
	const char *why;			/* of a bad one: "reads the clock" */
	const char *instead;		/* what to call */
} TpgJudgement;

extern TpgJudgement tpg_judge(Oid function);

/* The same, remembered until any function changes: for who asks at every call. */
extern TpgJudged tpg_judge_quickly(Oid function);

/* Is it the function of that name in schema temporal? */
extern bool tpg_judge_is_ours(Oid function, const char *name);

/* What a function of schema temporal does to the course of the run. */
typedef enum TpgStep
{
	TPG_STEP_NONE,
	TPG_STEP_ASKS,				/* starts, records or draws something */
	TPG_STEP_WAITS
} TpgStep;

extern TpgStep tpg_judge_step(Oid function);

#endif							/* TPG_RUNTIME_JUDGE_H */
