/*-------------------------------------------------------------------------
 * runtime/pass.h - one pass over the code of a workflow.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_PASS_H
#define TPG_RUNTIME_PASS_H

#include "runtime/activation.h"

typedef enum TpgPassKind
{
	TPG_PASS_SUSPENDED,			/* waits for something */
	TPG_PASS_RETURNED,			/* the run completes with `result` */
	TPG_PASS_FAILED,			/* the run fails with `failure` */
	TPG_PASS_CANCELED,			/* the run ends as it was asked to */
	TPG_PASS_CONTINUED,			/* the run ends and act->continued follows */
	TPG_PASS_ERROR,				/* the workflow task fails with `error` */
	TPG_PASS_INTERRUPTED		/* cancelled from outside: nothing can be said about the code */
} TpgPassKind;

typedef struct TpgPass
{
	TpgPassKind kind;
	TpgActivation *act;			/* its context holds all of the rest */
	Jsonb	   *result;
	Jsonb	   *failure;
	ErrorData  *error;
	const char *where;			/* context of the suspension: PL/pgSQL's lines */
	bool		lost_effects;	/* something ran in place and was undone: run again without that */
} TpgPass;

/*
 * Runs the code from the top over the run's history.  live: it may go on beyond
 * it, into the open group.  Never throws an error of the code; what the code
 * did to the database is undone, except for what ran in place.
 */
extern void tpg_pass_run(TpgRun *run, TpgDefinition *def, bool live,
						 bool (*run_in_place) (TpgActivation *act, void *arg), void *in_place_arg,
						 TpgPass *pass);

/* How long code of the run may compute between two waits, which tpg_pass_run sees to. */
extern int64 tpg_pass_task_timeout_us(const TpgRun *run);

/* Frees the pass. */
extern void tpg_pass_free(TpgPass *pass);

/* Raises the error of a pass to the caller. */
TPG_NORETURN extern void tpg_pass_rethrow(const ErrorData *error) TPG_NORETURN_AFTER;

/* An error of the code as the failure of its workflow task, with where it came from. */
extern Jsonb *tpg_pass_error_failure(const ErrorData *error);

/* Temporal's WorkflowTaskFailedCause for it; NULL: the task has timed out. */
extern const char *tpg_pass_error_cause(const ErrorData *error);

/* The failure of a workflow task that took longer than it may. */
extern Jsonb *tpg_pass_timeout_failure(const TpgRun *run);

#endif							/* TPG_RUNTIME_PASS_H */
