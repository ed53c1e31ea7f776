/*-------------------------------------------------------------------------
 *
 * workers.c
 *	  SQL-callable: the background processes and what they do.
 *
 * Thin: shared memory in, rows out.  Any transaction; read-only but for
 * extension_created().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ipc/queuestate.h"
#include "ipc/shmem.h"
#include "ipc/slots.h"
#include "ipc/wake.h"

PG_FUNCTION_INFO_V1(tpg_sql_extension_created);
PG_FUNCTION_INFO_V1(tpg_sql_worker_slots);
PG_FUNCTION_INFO_V1(tpg_sql_worker_queues);

/* temporal_internal.extension_created() */
Datum
tpg_sql_extension_created(PG_FUNCTION_ARGS)
{
	tpg_require_preload();
	tpg_wake_start_dispatcher();
	PG_RETURN_VOID();
}

static const char *
slot_status(const TpgSlotInfo *info)
{
	switch (info->status)
	{
		case TPG_SLOT_FREE:
			return "free";
		case TPG_SLOT_STARTING:
			return "starting";
		case TPG_SLOT_CONNECTING:
			return "connecting";
		case TPG_SLOT_RUNNING:
			return info->idle ? "idle" : "busy";
	}
	return "unknown";
}

/* temporal_internal.worker_slots() */
Datum
tpg_sql_worker_slots(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < tpg_slot_count_all(); i++)
	{
		TpgSlotInfo info;
		Datum		values[12];
		bool		nulls[12] = {false};

		if (!tpg_slot_info(i, &info))
			continue;
		values[0] = Int32GetDatum(info.slot);
		values[1] = Int32GetDatum(info.pid);
		nulls[1] = info.pid == 0;
		values[2] = ObjectIdGetDatum(info.dboid);
		values[3] = ObjectIdGetDatum(info.owner);
		values[4] = CStringGetTextDatum(slot_status(&info));
		values[5] = Int64GetDatum(info.execution_key);
		nulls[5] = info.execution_key == 0;
		values[6] = Int32GetDatum(info.event_id);
		/* a workflow task, or an outbox */
		nulls[6] = info.event_id <= 0;
		values[7] = TimestampTzGetDatum(info.started_at);
		values[8] = TimestampTzGetDatum(info.since);
		values[9] = Int64GetDatum(info.workflow_tasks);
		values[10] = Int64GetDatum(info.activities);
		values[11] = Int64GetDatum(info.failures);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* temporal_internal.worker_queues() */
Datum
tpg_sql_worker_queues(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TpgQueueState states[TPG_MAX_QUEUES];
	int			n = tpg_shmem_ready() ? tpg_queue_states(InvalidOid, states, TPG_MAX_QUEUES) : 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n; i++)
	{
		Datum		values[8];
		bool		nulls[8] = {false};

		values[0] = ObjectIdGetDatum(states[i].dboid);
		values[1] = ObjectIdGetDatum(states[i].owner);
		values[2] = Int32GetDatum(states[i].waiting);
		values[3] = TimestampTzGetDatum(states[i].nonempty_since);
		nulls[3] = states[i].waiting == 0;
		values[4] = Int32GetDatum(states[i].members);
		values[5] = Int32GetDatum(states[i].idle);
		values[6] = Int32GetDatum(states[i].start_failures);
		values[7] = TimestampTzGetDatum(states[i].backoff_until);
		nulls[7] = states[i].backoff_until == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
