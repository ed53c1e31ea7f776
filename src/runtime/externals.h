/*-------------------------------------------------------------------------
 * runtime/externals.h - what workflow code asks of other workflows.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_EXTERNALS_H
#define TPG_RUNTIME_EXTERNALS_H

#include "runtime/activation.h"

/* Type of the failure of a child whose id is in use. */
#define TPG_FAILURE_TYPE_ALREADY_STARTED "WorkflowExecutionAlreadyStarted"

/*
 * Sends a signal to another workflow and waits until it has been taken.  Raises
 * TP010 when there is no such open workflow, or gives false if missing_ok.
 * run_id, input and request_id may be NULL.
 */
extern bool tpg_external_signal(TpgActivation *act, const char *workflow_id, const char *run_id, const char *name, Jsonb *input,
								const char *request_id, bool missing_ok);

/* The same to a child, whichever run it has come to; raises TP010 when it has ended. */
extern void tpg_external_signal_child(TpgActivation *act, const TpgOp *child, const char *name, Jsonb *input);

/* Asks another workflow to end, and waits until it has been told.  Raises TP010 when there is none. */
extern void tpg_external_cancel(TpgActivation *act, const char *workflow_id, const char *run_id, const char *reason);

/* What the event that answers makes of it: a failure, or NULL. */
extern Jsonb *tpg_external_failure(const TpgOp *op, const TpgEvent *e);

/* As which SQL error a failure is raised that another workflow's absence or presence has caused; 0: any other. */
extern int	tpg_external_sqlstate(const Jsonb *failure);

#endif							/* TPG_RUNTIME_EXTERNALS_H */
