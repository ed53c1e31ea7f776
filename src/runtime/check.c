/*-------------------------------------------------------------------------
 * runtime/check.c - the static check of workflow code.
 *
 * Looks at what PostgreSQL itself makes of the code: PL/pgSQL's compiled
 * functions (runtime/checkplpgsql) and analysed queries (runtime/checkquery).
 * It goes on into functions that are called, each once.
 *
 * Nothing is run.  Analysis may fail (a table that is made later, say); that
 * is a note, not a complaint.  It happens in subtransactions that are rolled back,
 * so no lock stays either.
 *
 * Callers: registration, check_workflow(), runtime/verdict; in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "commands/proclang.h"
#include "executor/functions.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/resowner.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "runtime/check.h"
#include "runtime/checkplpgsql.h"
#include "runtime/checkquery.h"

/* ---------- findings ---------- */

#define MAX_EXPRESSION 200

static char *
shortened(const char *text)
{
	int			len;

	while (*text == ' ' || *text == '\n' || *text == '\t')
		text++;
	len = strlen(text);
	if (len <= MAX_EXPRESSION)
		return pstrdup(text);
	len = pg_mbcliplen(text, len, MAX_EXPRESSION);
	return psprintf("%.*s…", len, text);
}

static int
line_of(const char *source, int location)
{
	int			line = 1;

	for (int i = 0; i < location && source[i] != '\0'; i++)
		line += source[i] == '\n';
	return line;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

void
tpg_check_find(TpgCheck *check, TpgSeverity severity, int location, const char *reason, const char *instead)
{
	MemoryContext old = MemoryContextSwitchTo(check->context);
	TpgFinding *f = palloc0(sizeof(TpgFinding));
	ListCell   *lc;

	f->severity = severity;
	f->function = check->signature;
	f->line = check->line;
	if (check->source_is_body && location >= 0)
		f->line = line_of(check->source, location);
	f->expression = check->expression ? shortened(check->expression) : NULL;
	f->reason = pstrdup(reason);
	f->instead = instead ? pstrdup(instead) : NULL;
	foreach(lc, check->findings)
	{
		TpgFinding *g = lfirst(lc);

		if (g->line == f->line && same_text(g->function, f->function) && same_text(g->reason, f->reason) &&
			same_text(g->expression, f->expression))
			break;
	}
	if (lc == NULL)
		check->findings = lappend(check->findings, f);
	MemoryContextSwitchTo(old);
}

int
tpg_check_count(const TpgCheck *check, TpgSeverity severity)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, check->findings)
		n += ((TpgFinding *) lfirst(lc))->severity == severity;
	return n;
}

char *
tpg_check_summary(const TpgCheck *check, TpgSeverity severity)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, check->findings)
	{
		const TpgFinding *f = lfirst(lc);

		if (f->severity != severity)
			continue;
		if (++n > 3)
			continue;
		if (n > 1)
			appendStringInfoString(&buf, "; ");
		if (f->line > 0)
			appendStringInfo(&buf, n > 1 ? "line %d" : "Line %d", f->line);
		else
			appendStringInfoString(&buf, n > 1 ? "head" : "Head");
		if (f->function != check->name)
			appendStringInfo(&buf, " of %s", f->function);
		appendStringInfo(&buf, ": %s", f->reason);
	}
	if (n > 3)
		appendStringInfo(&buf, "; and %d more", n - 3);
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

char *
tpg_check_hint(const TpgCheck *check, TpgSeverity severity)
{
	ListCell   *lc;

	foreach(lc, check->findings)
	{
		const TpgFinding *f = lfirst(lc);

		if (f->severity == severity && f->instead != NULL)
			return psprintf("Use %s instead.", f->instead);
	}
	return NULL;
}

/* ---------- errors of analysis ---------- */

void
tpg_check_guarded(TpgCheck *check, void (*what) (TpgCheck *check, void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorContextCallback *outer_context = error_context_stack;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(check->context);
	PG_TRY();
	{
		what(check, arg);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(check->context);
		edata = CopyErrorData();
		FlushErrorState();
		error_context_stack = outer_context;
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		{
			MemoryContextSwitchTo(caller);
			ReThrowError(edata);
		}
		tpg_check_find(check, TPG_SEVERITY_NOTE, -1, psprintf("cannot be checked: %s", edata->message), NULL);
		tpg_check_reached(check, InvalidOid, NULL, psprintf("it cannot be analysed: %s", edata->message));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

/* ---------- functions ---------- */

void
tpg_check_add_function(TpgCheck *check, Oid function, const FuncExpr *call)
{
	MemoryContext old;
	TpgChecked *f;
	ListCell   *lc;

	foreach(lc, check->functions)
	{
		if (((TpgChecked *) lfirst(lc))->function == function)
			return;
	}
	old = MemoryContextSwitchTo(check->context);
	f = palloc0(sizeof(TpgChecked));
	f->function = function;
	f->call = call;
	check->functions = lappend(check->functions, f);
	MemoryContextSwitchTo(old);
}

void
tpg_check_reached(TpgCheck *check, Oid function, Node *node, const char *why)
{
	MemoryContext old;
	TpgReached *r;
	ListCell   *lc;

	if (!check->reaching || (OidIsValid(function) && function < FirstNormalObjectId))
		return;
	foreach(lc, check->reached)
	{
		r = lfirst(lc);
		if (r->function == function && r->line == check->line && r->caller == check->signature && same_text(r->why, why))
			return;
	}
	old = MemoryContextSwitchTo(check->context);
	r = palloc0(sizeof(TpgReached));
	r->function = function;
	r->by_name = check->source != NULL && node != NULL &&
		((IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CALL) || IsA(node, Aggref) || IsA(node, WindowFunc));
	r->calls = check->function;
	r->caller = check->signature;
	r->line = check->line;
	r->why = why ? pstrdup(why) : NULL;
	check->reached = lappend(check->reached, r);
	MemoryContextSwitchTo(old);
}

typedef struct FunctionArg
{
	HeapTuple	tuple;
	TpgChecked *function;
} FunctionArg;

/* Defaults of arguments: each call would evaluate them anew. */
static void
check_defaults(TpgCheck *check, void *arg)
{
	FunctionArg *a = arg;
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(a->tuple);
	const FuncExpr *call = a->function->call;
	bool		isnull;
	Datum		defaults = SysCacheGetAttr(PROCOID, a->tuple, Anum_pg_proc_proargdefaults, &isnull);
	ListCell   *lc;

	if (isnull || (call != NULL && list_length(call->args) >= proc->pronargs))
		return;
	foreach(lc, castNode(List, stringToNode(TextDatumGetCString(defaults))))
	{
		check->expression = psprintf("DEFAULT %s", deparse_expression(lfirst(lc), NIL, false, false));
		tpg_check_node(check, lfirst(lc));
	}
}

static void
check_sql_body(TpgCheck *check, void *arg)
{
	FunctionArg *a = arg;
	bool		isnull;
	Datum		body = SysCacheGetAttr(PROCOID, a->tuple, Anum_pg_proc_prosqlbody, &isnull);
	ListCell   *lc;

	if (!isnull)
	{
		/* BEGIN ATOMIC: analysed when it was made, from a text that is not kept */
		tpg_check_node(check, stringToNode(TextDatumGetCString(body)));
		return;
	}
	check->source = TextDatumGetCString(SysCacheGetAttr(PROCOID, a->tuple, Anum_pg_proc_prosrc, &isnull));
	check->source_is_body = true;
	foreach(lc, raw_parser(check->source, RAW_PARSE_DEFAULT))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		SQLFunctionParseInfoPtr info = prepare_sql_fn_parse_info(a->tuple, (Node *) a->function->call, InvalidOid);

		/* behind the white space in front of it */
		check->line = line_of(check->source, raw->stmt_location + strspn(check->source + raw->stmt_location, " \t\r\n"));
		check->expression = raw->stmt_len > 0 ? pnstrdup(check->source + raw->stmt_location, raw->stmt_len) :
			pstrdup(check->source + raw->stmt_location);
		tpg_check_node(check, (Node *) parse_analyze_withcb(raw, check->source, (ParserSetupHook) sql_fn_parser_setup, info, NULL));
	}
}

/* The SET clauses of a function. True: one of them takes it out of the check. */
static bool
apply_config(HeapTuple tuple)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	ArrayType  *array;
	Datum	   *values;
	int			n;
	bool		off = false;

	if (isnull)
		return false;
	array = DatumGetArrayTypeP(config);
	ProcessGUCArray(array, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		char	   *value;

		ParseLongOption(TextDatumGetCString(values[i]), &name, &value);
		if (strcmp(name, "temporal_pg.determinism") == 0 && value != NULL && strcmp(value, "off") == 0)
			off = true;
	}
	return off;
}

static void
check_body(TpgCheck *check, void *arg)
{
	FunctionArg *a = arg;
	Oid			language = ((Form_pg_proc) GETSTRUCT(a->tuple))->prolang;

	if (apply_config(a->tuple) && !check->reaching)
		return;
	tpg_check_guarded(check, check_defaults, a);
	check->expression = NULL;
	if (language == SQLlanguageId)
		tpg_check_guarded(check, check_sql_body, a);
	else if (language == get_language_oid("plpgsql", true))
		tpg_check_plpgsql(check, a->function->function, a->function->call);
	else
	{
		char	   *reason = psprintf("code in language %s cannot be looked into", get_language_name(language, false));

		tpg_check_find(check, TPG_SEVERITY_NOTE, -1, reason, NULL);
		tpg_check_reached(check, InvalidOid, NULL, reason);
	}
}

static void
check_one(TpgCheck *check, TpgChecked *f)
{
	FunctionArg a = {.function = f, .tuple = SearchSysCacheCopy1(PROCOID, ObjectIdGetDatum(f->function))};

	if (!HeapTupleIsValid(a.tuple))
		return;
	f->xmin = HeapTupleHeaderGetRawXmin(a.tuple->t_data);
	f->tid = a.tuple->t_self;
	check->function = f->function;
	check->signature = format_procedure(f->function);
	if (check->name == NULL)
		check->name = check->signature;
	check->source = check->expression = NULL;
	check->source_is_body = false;
	check->line = 0;
	tpg_check_guarded(check, check_body, &a);
	heap_freetuple(a.tuple);
}

static TpgCheck *
check_functions(const List *functions, const FuncExpr *call, bool reaching)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TpgCheck   *check = palloc0(sizeof(TpgCheck));
	bool		snapshot = !ActiveSnapshotSet();
	ListCell   *lc;

	check->context = context;
	check->reaching = reaching;
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	foreach(lc, functions)
		tpg_check_add_function(check, lfirst_oid(lc), call);
	/* the list grows meanwhile */
	for (int i = 0; i < list_length(check->functions); i++)
		check_one(check, list_nth(check->functions, i));
	if (snapshot)
		PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	return check;
}

TpgCheck *
tpg_check_function(Oid function)
{
	return check_functions(list_make1_oid(function), NULL, false);
}

TpgCheck *
tpg_check_call(const FuncExpr *call)
{
	return check_functions(list_make1_oid(call->funcid), call, false);
}

TpgCheck *
tpg_check_reach(const List *functions)
{
	return check_functions(functions, NULL, true);
}
