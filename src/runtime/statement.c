/*-------------------------------------------------------------------------
 * runtime/statement.c - one statement as a client would send it: at top level, through a portal.
 *
 * What exec_simple_query() does in a backend.  SPI cannot: under it PostgreSQL
 * takes VACUUM and its like to be part of a function.  The portal is what keeps
 * the statement going across the transactions that it commits.
 *
 * Callers: runtime/autonomous at top level, runtime/attempt in a test's transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/json.h"
#include "runtime/statement.h"
#include "store/definition.h"

/* Takes the rows as JSON objects. */
typedef struct Receiver
{
	DestReceiver pub;
	MemoryContext context;
	Size		size;
	bool		any_columns;
	List	   *rows;			/* of Jsonb * */
	Jsonb	   *first;			/* the value of the only column of the first row; NULL: more than one column */
} Receiver;

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	((Receiver *) self)->any_columns = desc->natts > 0;
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *r = (Receiver *) self;
	MemoryContext old = MemoryContextSwitchTo(r->context);
	TupleDesc	desc = slot->tts_tupleDescriptor;
	TpgJson    *b = tpg_json_object();
	Jsonb	   *value = NULL;
	Jsonb	   *row;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		value = tpg_datum_to_jsonb(slot->tts_values[i], a->atttypid, slot->tts_isnull[i]);
		tpg_json_add_jsonb(b, NameStr(a->attname), value);
	}
	row = tpg_json_finish(b);
	if (r->rows == NIL && desc->natts == 1)
		r->first = tpg_json_copy(value);
	r->rows = lappend(r->rows, row);
	r->size += VARSIZE(row);
	MemoryContextSwitchTo(old);
	if (r->size > (Size) tpg_guc_max_payload_size)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 errmsg("result is too large"),
				 errdetail("After %d rows it has %zu bytes; the limit is %d.", list_length(r->rows), r->size, tpg_guc_max_payload_size),
				 errhint("Store it in a table and return a reference, or raise temporal_pg.max_payload_size.")));
	return true;
}

static void
receiver_nothing(DestReceiver *self)
{
}

static void
run_portal(List *statements, const char *source, CommandTag tag, bool top, Receiver *r, QueryCompletion *qc)
{
	Portal		portal = CreateNewPortal();

	memset(r, 0, sizeof(*r));
	r->pub.receiveSlot = receive_row;
	r->pub.rStartup = receiver_startup;
	r->pub.rShutdown = receiver_nothing;
	r->pub.rDestroy = receiver_nothing;
	r->pub.mydest = DestTuplestore;
	r->context = CurrentMemoryContext;

	portal->visible = false;
	PortalDefineQuery(portal, NULL, source, tag, statements, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	InitializeQueryCompletion(qc);
	(void) tpg_portal_run(portal, FETCH_ALL, top, &r->pub, &r->pub, qc);
	PortalDrop(portal, false);
	MemoryContextSwitchTo(r->context);
}

/* What CALL would have been analysed to: found by its OID, not by its name. */
static CallStmt *
call_of(const TpgCallable *c, const NullableDatum *arguments)
{
	CallStmt   *call = makeNode(CallStmt);
	List	   *args = NIL;
	HeapTuple	tuple;
	TupleDesc	outputs;

	for (int i = 0; i < c->nargs; i++)
	{
		Oid			type = c->args[i].type;
		int16		len;
		bool		by_value;

		get_typlenbyval(type, &len, &by_value);
		args = lappend(args, makeConst(type, -1, get_typcollation(type), len, arguments[i].value, arguments[i].isnull, by_value));
	}
	call->funcexpr = makeFuncExpr(c->function, c->result_type, args, InvalidOid, DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
	call->funcexpr->funcvariadic = c->variadic;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(c->function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", c->function);
	outputs = build_function_result_tupdesc_t(tuple);
	ReleaseSysCache(tuple);
	for (int i = 0; outputs != NULL && i < outputs->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(outputs, i);

		call->outargs = lappend(call->outargs, makeNullConst(a->atttypid, -1, a->attcollation));
	}
	return call;
}

Jsonb *
tpg_statement_call(const TpgCallable *c, const NullableDatum *arguments, bool top)
{
	PlannedStmt *statement = makeNode(PlannedStmt);
	Receiver	r;
	QueryCompletion qc;

	statement->commandType = CMD_UTILITY;
	statement->canSetTag = true;
	statement->utilityStmt = (Node *) call_of(c, arguments);
	statement->stmt_location = -1;
	run_portal(list_make1(statement), psprintf("CALL %s", c->name), CMDTAG_CALL, top, &r, &qc);
	if (r.rows == NIL)
		return tpg_json_null();
	return r.first ? r.first : linitial(r.rows);
}

static void
refuse(const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("activity \"%s\" cannot run %s", TPG_ACTIVITY_SQL, what),
			 errhint("%s", hint)));
}

/* Commands that need a client, or a session that lives on. */
static void
check_command(Node *n)
{
	switch (nodeTag(n))
	{
		case T_TransactionStmt:
			refuse("transaction control", "The command is a transaction of its own, or several where it commits by itself. Several commands in one transaction are a function that is registered as an activity.");
			break;
		case T_ListenStmt:
		case T_UnlistenStmt:
			refuse("LISTEN and UNLISTEN", "Nobody reads the notifications there; use temporal.wait_signal().");
			break;
		case T_VariableSetStmt:
			refuse("SET and RESET", "Settings of the command are given as \"settings\" beside \"command\".");
			break;
		case T_DeclareCursorStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_PrepareStmt:
		case T_ExecuteStmt:
		case T_DeallocateStmt:
		case T_DiscardStmt:
			refuse(GetCommandTagName(CreateCommandTag(n)), "The command is alone in its session.");
			break;
		case T_CopyStmt:
			if (((CopyStmt *) n)->filename == NULL)
				refuse("COPY FROM STDIN and TO STDOUT", "There is no client. Name a file or a program, or use INSERT.");
			break;
		default:
			break;
	}
}

Jsonb *
tpg_statement_run(const char *command, bool top)
{
	List	   *parsed = pg_parse_query(command);
	RawStmt    *raw;
	List	   *statements;
	bool		snapshot;
	Receiver	r;
	QueryCompletion qc;
	TpgJson    *b;
	ListCell   *lc;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 parsed == NIL ? errmsg("there is no command") : errmsg("there are %d commands", list_length(parsed)),
				 errdetail("Activity \"%s\" runs one command.", TPG_ACTIVITY_SQL),
				 errhint("Execute an activity for each command, or write a function and register it as an activity.")));
	raw = linitial_node(RawStmt, parsed);
	check_command(raw->stmt);

	snapshot = analyze_requires_snapshot(raw);
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	statements = pg_plan_queries(pg_analyze_and_rewrite_fixedparams(raw, command, NULL, 0, NULL), command, CURSOR_OPT_PARALLEL_OK, NULL);
	if (snapshot)
		PopActiveSnapshot();
	run_portal(statements, command, CreateCommandTag(raw->stmt), top, &r, &qc);

	b = tpg_json_object();
	tpg_json_add_text(b, "tag", GetCommandTagName(qc.commandTag != CMDTAG_UNKNOWN ? qc.commandTag : CreateCommandTag(raw->stmt)));
	tpg_json_add_int(b, "rows", (int64) qc.nprocessed);
	if (r.any_columns)
	{
		TpgJson    *rows = tpg_json_array();

		foreach(lc, r.rows)
			tpg_json_push_jsonb(rows, lfirst(lc));
		tpg_json_add_jsonb(b, "result", tpg_json_finish(rows));
	}
	return tpg_json_finish(b);
}
