/*-------------------------------------------------------------------------
 * engine/child.h - child workflows: between a run and those that it has started.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_CHILD_H
#define TPG_ENGINE_CHILD_H

#include "base/json.h"
#include "engine/run.h"

/* The run closes: what is to become of its children that have not ended goes into its outbox. */
extern void tpg_children_apply_close_policy(const TpgRun *run, TimestampTz now);

/* The run has closed for good, and is a child: its end goes into its outbox, for its parent. */
extern void tpg_child_report_close(const TpgExecution *exec, const TpgEvent *closing);

/* What the children of a run have from it; read once for all that are started together: its input may be large. */
typedef struct TpgInherited
{
	bool		known;
	const Jsonb *root;			/* that of the parent, which is itself where it has none */
} TpgInherited;

/* What became of something that a run asked of a child. */
typedef enum TpgChildOutcome
{
	TPG_CHILD_DONE,
	TPG_CHILD_HELD,				/* done, and the child's run lock is held until the transaction ends */
	TPG_CHILD_LOCKED			/* somebody has the child: later */
} TpgChildOutcome;

/* From the outbox (engine/outbox), in its transaction.  *type, attributes: the event that answers. */
extern TpgChildOutcome tpg_child_start(const TpgExecution *parent, const TpgEvent *initiated, TpgInherited *inherited,
									   TpgEventType *type, TpgJson *attributes);

/* The run that is told of a child's end; NULL: it is gone.  *type, attributes: the event that tells it. */
extern TpgExecution *tpg_child_ended(const TpgExecution *child, const TpgEvent *closing, TpgEventType *type, TpgJson *attributes,
									 int32 *initiated_event_id);

extern TpgChildOutcome tpg_child_close_policy(const TpgExecution *parent, const TpgEvent *initiated);

/* The latest run of the child that an event (0: any) has started; NULL: there is none, or the id is another's. */
extern TpgExecution *tpg_child_current(const TpgExecution *parent, const char *workflow_id, int32 initiated_event_id);

#endif							/* TPG_ENGINE_CHILD_H */
