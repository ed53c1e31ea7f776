/*-------------------------------------------------------------------------
 * signals.c
 *	  SQL-callable: signals, from sessions, triggers and workflow code.
 *
 * A session's signal takes effect with its transaction; one that workflow code
 * sends is a command of the run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "api/args.h"
#include "api/client.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/signal.h"
#include "engine/start.h"
#include "runtime/externals.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_signal);
PG_FUNCTION_INFO_V1(tpg_sql_signal_with_start);
PG_FUNCTION_INFO_V1(tpg_sql_signal_trigger);

static void
closed(const TpgExecution *exec)
{
	ereport(ERROR,
			(errcode(TPG_ERR_WORKFLOW_ALREADY_COMPLETED),
			 errmsg("workflow \"%s\" is already closed", exec->workflow_id),
			 errdetail("Run %s.", tpg_uuid_to_text(&exec->run_id)),
			 errhint("Start it again, or use temporal.signal_with_start().")));
}

/*
 * To the run, or without a run id to the latest one of the workflow: when that
 * closes meanwhile, to the one that has taken its place.  False: there is none
 * that is open.  Raises TP025.
 */
static bool
send(TpgExecution *exec, const pg_uuid_t *run_id, const TpgSignalRequest *r)
{
	for (;;)
	{
		int64		key = exec->key;

		if (tpg_status_is_open(exec->status))
		{
			switch (tpg_engine_signal(exec, r))
			{
				case TPG_SIGNAL_SENT:
					return true;
				case TPG_SIGNAL_FULL:
					tpg_engine_signal_limit(exec);
					break;
				case TPG_SIGNAL_CLOSED:
					break;
			}
		}
		if (run_id != NULL)
			return false;
		exec = tpg_execution_find(exec->namespace_id, exec->workflow_id, NULL);
		if (exec == NULL || exec->key == key)
			return false;
	}
}

/* (workflow_id, signal_name, input, run_id, request_id, missing_ok) */
Datum
tpg_sql_signal(PG_FUNCTION_ARGS)
{
	char	   *workflow_id = tpg_arg_text(fcinfo, 0);
	pg_uuid_t  *run_id = PG_ARGISNULL(3) ? NULL : PG_GETARG_UUID_P(3);
	bool		missing_ok = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	TpgSignalRequest r = {.name = tpg_arg_text(fcinfo, 1), .input = tpg_arg_jsonb(fcinfo, 2), .request_id = tpg_arg_text(fcinfo, 4)};
	TpgExecution *exec;

	tpg_id_check(r.name, "signal name");
	tpg_id_check_optional(r.request_id, "request id");
	tpg_payload_check(r.input, "signal input");
	if (tpg_current_activation != NULL)
	{
		tpg_id_check(workflow_id, "workflow id");
		PG_RETURN_BOOL(tpg_external_signal(tpg_activation_require("signal"), workflow_id, run_id ? tpg_uuid_to_text(run_id) : NULL,
										   r.name, (Jsonb *) r.input, r.request_id, missing_ok));
	}
	tpg_not_read_only("signal");
	r.identity = tpg_client_identity();
	exec = tpg_find_run(workflow_id, run_id, missing_ok);
	if (exec != NULL && send(exec, run_id, &r))
		PG_RETURN_BOOL(true);
	if (!missing_ok)
		closed(exec);
	PG_RETURN_BOOL(false);
}

/* (workflow_type, signal_name, signal_input, ...as start_workflow from input on) */
Datum
tpg_sql_signal_with_start(PG_FUNCTION_ARGS)
{
	TpgSignalRequest r = {.name = tpg_arg_text(fcinfo, 1), .input = tpg_arg_jsonb(fcinfo, 2), .request_id = tpg_arg_text(fcinfo, 19)};

	tpg_id_check(r.name, "signal name");
	tpg_payload_check(r.input, "signal input");
	r.identity = tpg_client_identity();
	for (int tries = 0;; tries++)
	{
		TpgStartResult result;
		TpgExecution *exec;

		tpg_start_from_args(fcinfo, "signal_with_start", 3, &result);
		exec = tpg_execution_by_key(result.key);
		r.ends_delay = !result.started;
		if (exec != NULL)
		{
			TpgSignalOutcome outcome = tpg_engine_signal(exec, &r);

			if (outcome == TPG_SIGNAL_FULL)
				tpg_engine_signal_limit(exec);
			if (outcome == TPG_SIGNAL_SENT)
				PG_RETURN_TEXT_P(cstring_to_text(result.workflow_id));
		}
		/* it closed between the two: start anew */
		if (tries >= 100)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not signal workflow \"%s\": its runs end as fast as they start", result.workflow_id),
					 errhint("Try again.")));
	}
}

/* The name of a workflow: the format's one %s replaced by the value of a column. */
static char *
format_id(const char *format, const char *value)
{
	const char *at = strstr(format, "%s");

	if (at == NULL)
		return pstrdup(format);
	return psprintf("%.*s%s%s", (int) (at - format), format, value, at + 2);
}

static Jsonb *
row_as_jsonb(HeapTuple tuple, TupleDesc desc)
{
	/* a handler has three arguments for it, whatever the operation */
	if (tuple == NULL)
		return tpg_json_null();
	return tpg_datum_to_jsonb(heap_copy_tuple_as_datum(tuple, desc), desc->tdtypeid, false);
}

/* To a workflow that is there and open; what happened to a row is no business of the others. */
static void
signal_change(int32 namespace_id, const char *workflow_id, const char *name, const char *op, Jsonb *old, Jsonb *new)
{
	TpgExecution *exec = tpg_execution_find(namespace_id, workflow_id, NULL);
	TpgSignalRequest r = {.name = name, .identity = tpg_client_identity()};
	TpgJson    *b = tpg_json_object();

	if (exec == NULL)
		return;
	tpg_json_add_text(b, "op", op);
	tpg_json_add_jsonb(b, "old", old);
	tpg_json_add_jsonb(b, "new", new);
	r.input = tpg_json_finish(b);
	tpg_payload_check(r.input, "signal input");
	(void) send(exec, NULL, &r);
}

static void
signal_row(TriggerData *trigger, HeapTuple old, HeapTuple new, const char *op, int32 namespace_id)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	char	  **args = trigger->tg_trigger->tgargs;
	int			column = SPI_fnumber(desc, args[1]);
	char	   *value;

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", args[1], RelationGetRelationName(trigger->tg_relation)),
				 errhint("The second argument of signal_trigger names the column that goes into the workflow id.")));
	value = SPI_getvalue(new ? new : old, desc, column);
	if (value != NULL)
		signal_change(namespace_id, format_id(args[0], value), args[2], op, row_as_jsonb(old, desc), row_as_jsonb(new, desc));
}

/* There are no rows to tell of, and no column to find the workflow by. */
static void
signal_truncate(TriggerData *trigger, int32 namespace_id)
{
	char	  **args = trigger->tg_trigger->tgargs;

	if (strstr(args[0], "%s") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("signal_trigger for TRUNCATE cannot make a workflow id of \"%s\"", args[0]),
				 errdetail("A TRUNCATE has no rows, and so no value of column \"%s\".", args[1]),
				 errhint("Name one workflow, without %%s, in the first argument.")));
	signal_change(namespace_id, args[0], args[2], "TRUNCATE", tpg_json_null(), tpg_json_null());
}

/* Rows of a transition table, one signal each. */
static void
signal_transition(TriggerData *trigger, const char *op, int32 namespace_id)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Tuplestorestate *rows = trigger->tg_newtable ? trigger->tg_newtable : trigger->tg_oldtable;
	TupleTableSlot *slot;

	if (rows == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a statement trigger with signal_trigger needs a transition table"),
				 errhint("Add REFERENCING NEW TABLE AS ... (or OLD TABLE AS ...), or make it FOR EACH ROW.")));
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, true, NULL);

		signal_row(trigger, rows == trigger->tg_oldtable ? tuple : NULL, rows == trigger->tg_newtable ? tuple : NULL, op, namespace_id);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* signal_trigger('order-%s', 'column', 'signal_name') */
Datum
tpg_sql_signal_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	const char *op;
	int32		namespace_id;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("temporal.signal_trigger() must be called as a trigger"),
				 errhint("CREATE TRIGGER ... AFTER INSERT ON ... FOR EACH ROW EXECUTE FUNCTION temporal.signal_trigger('order-%%s', 'id', 'changed').")));
	if (trigger->tg_trigger->tgnargs != 3)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("signal_trigger takes three arguments"),
				 errhint("The format of the workflow id, the column that goes into it, the signal's name.")));
	tpg_id_check(trigger->tg_trigger->tgargs[2], "signal name");
	namespace_id = tpg_namespace_current();
	if (namespace_id == 0)
		return PointerGetDatum(NULL);
	tpg_access_require(namespace_id, TPG_ACCESS_CLIENT);
	op = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? "INSERT" : TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? "UPDATE" : "DELETE";
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		signal_truncate(trigger, namespace_id);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
	{
		signal_transition(trigger, op, namespace_id);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		signal_row(trigger, NULL, trigger->tg_trigtuple, op, namespace_id);
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		signal_row(trigger, trigger->tg_trigtuple, trigger->tg_newtuple, op, namespace_id);
	else
		signal_row(trigger, trigger->tg_trigtuple, NULL, op, namespace_id);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple);
}
