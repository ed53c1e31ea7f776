/*-------------------------------------------------------------------------
 * store/runlink.h - what ties a run to others changes: by a reset.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_RUNLINK_H
#define TPG_STORE_RUNLINK_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* It is a child of another run from now on: {workflowId, runId, initiatedEventId}. */
extern void tpg_runlink_put_parent(int64 execution_key, const Jsonb *parent);

/* It was reset to that run. */
extern void tpg_runlink_put_reset(int64 execution_key, const pg_uuid_t *run_id);

#endif							/* TPG_STORE_RUNLINK_H */
