/*-------------------------------------------------------------------------
 *
 * heartbeat.c
 *	  SQL-callable: heartbeats of activities that run in the database.
 *
 * Promised in the COMMENTs of sql/again/39_heartbeats.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "ipc/heartbeats.h"
#include "ipc/slots.h"
#include "runtime/heartbeat.h"
#include "runtime/timer.h"

PG_FUNCTION_INFO_V1(tpg_sql_heartbeat);
PG_FUNCTION_INFO_V1(tpg_sql_cancellation_details);
PG_FUNCTION_INFO_V1(tpg_sql_heartbeats);

Datum
tpg_sql_heartbeat(PG_FUNCTION_ARGS)
{
	/* before the argument is looked at */
	(void) tpg_attempt_require("heartbeat");
	tpg_attempt_heartbeat(PG_ARGISNULL(0) ? NULL : tpg_any_arg_to_jsonb(fcinfo, 0));
	PG_RETURN_VOID();
}

/* reference D-27; order of the type temporal.activity_cancellation_details */
Datum
tpg_sql_cancellation_details(PG_FUNCTION_ARGS)
{
	TpgAttemptInfo *info = tpg_attempt_require("cancellation_details");
	int			reason = tpg_heartbeat_interrupt_reason(info);
	Datum		values[6];
	bool		nulls[6] = {false};
	TupleDesc	tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (tpg_timer_fired() && (info->heartbeat_limits || !info->eager_limit))
		reason = TPG_INTERRUPT_TIMEOUT;
	if (reason == TPG_INTERRUPT_NONE || reason == TPG_INTERRUPT_YIELD)
		PG_RETURN_NULL();
	values[0] = BoolGetDatum(reason == TPG_INTERRUPT_CANCEL);
	values[1] = BoolGetDatum(reason == TPG_INTERRUPT_CLOSED);
	values[2] = BoolGetDatum(reason == TPG_INTERRUPT_TIMEOUT);
	values[3] = BoolGetDatum(reason == TPG_INTERRUPT_PAUSE);
	values[4] = BoolGetDatum(reason == TPG_INTERRUPT_RESET);
	values[5] = BoolGetDatum(reason == TPG_INTERRUPT_SHUTDOWN);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* temporal_internal.heartbeats() */
Datum
tpg_sql_heartbeats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < tpg_slot_count_all(); i++)
	{
		TpgSharedHeartbeat h;
		Datum		values[5];
		bool		nulls[5] = {false};

		if (!tpg_shared_heartbeat_read(i, MyDatabaseId, &h))
			continue;
		values[0] = Int64GetDatum(h.execution_key);
		values[1] = Int32GetDatum(h.scheduled_event_id);
		values[2] = Int32GetDatum(h.attempt);
		values[3] = TimestampTzGetDatum(h.at);
		values[4] = PointerGetDatum(h.details);
		nulls[4] = h.details == NULL;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
