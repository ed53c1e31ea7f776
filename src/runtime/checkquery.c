/*-------------------------------------------------------------------------
 * runtime/checkquery.c - the static check: analysed queries and expressions.
 *
 * Everything that a query can call is in its tree: functions behind operators,
 * casts, aggregates, the comparison of an ORDER BY, constraints of domains.
 * Tables are in its range tables.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "runtime/checkliteral.h"
#include "runtime/checkquery.h"
#include "runtime/judge.h"
#include "store/function.h"

typedef struct Walk
{
	TpgCheck   *check;
	Node	   *node;			/* whose functions are looked at */
	int			conditional;	/* inside AND, OR, CASE, COALESCE */
} Walk;

static bool walk(Node *node, void *context);

Node *
tpg_check_argument(const FuncExpr *call, int number)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, call->args)
	{
		Node	   *arg = lfirst(lc);

		if (IsA(arg, NamedArgExpr))
		{
			if (((NamedArgExpr *) arg)->argnumber == number)
				return (Node *) ((NamedArgExpr *) arg)->arg;
		}
		else if (n == number)
			return arg;
		n++;
	}
	return NULL;
}

Node *
tpg_check_only_expression(const Query *query)
{
	if (query->commandType != CMD_SELECT || list_length(query->targetList) != 1 || query->setOperations != NULL)
		return NULL;
	return (Node *) linitial_node(TargetEntry, query->targetList)->expr;
}

char *
tpg_check_constant_text(Node *node)
{
	Const	   *c = (Const *) node;

	if (node == NULL || !IsA(node, Const) || c->constisnull || c->consttype != TEXTOID)
		return NULL;
	return TextDatumGetCString(c->constvalue);
}

FuncExpr *
tpg_check_jsonb_call(Node *node)
{
	FuncExpr   *call = (FuncExpr *) node;

	if (node == NULL || !IsA(node, FuncExpr) || call->funcresulttype != JSONBOID ||
		tpg_judge(call->funcid).judged != TPG_JUDGED_OURS)
		return NULL;
	return call;
}

void
tpg_check_jsonb_as_text(TpgCheck *check, const FuncExpr *call)
{
	char	   *name = get_func_name(call->funcid);

	tpg_check_find(check, TPG_SEVERITY_WARNING, call->location,
				   psprintf("the result of temporal.%s() is jsonb: as text, a string in it keeps its quotes", name),
				   psprintf("temporal.from_jsonb(temporal.%s(…), NULL::text)", name));
}

/* ---------- the clock without a function ---------- */

static const char *
value_function_name(const SQLValueFunction *f)
{
	switch (f->op)
	{
		case SVFOP_CURRENT_DATE:
			return "CURRENT_DATE";
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
			return "CURRENT_TIME";
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			return "CURRENT_TIMESTAMP";
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
			return "LOCALTIME";
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return "LOCALTIMESTAMP";
		case SVFOP_SESSION_USER:
			return "SESSION_USER";
		case SVFOP_CURRENT_CATALOG:
			return "CURRENT_CATALOG";
		case SVFOP_CURRENT_SCHEMA:
			return "CURRENT_SCHEMA";
		default:
			return "";
	}
}

const char *
tpg_check_clock_node(Node *node, const char *source, const char **instead)
{
	const char *word;

	switch (nodeTag(node))
	{
		case T_SQLValueFunction:
			{
				SQLValueFunction *f = (SQLValueFunction *) node;

				/* the code runs as its owner, wherever it runs */
				if (f->op == SVFOP_CURRENT_ROLE || f->op == SVFOP_CURRENT_USER || f->op == SVFOP_USER)
					return NULL;
				if (f->op >= SVFOP_CURRENT_ROLE)
				{
					*instead = "temporal.side_effect()";
					return psprintf("%s depends on the process that runs the code", value_function_name(f));
				}
				*instead = f->op == SVFOP_CURRENT_DATE ? "temporal.now()::date" : "temporal.now()";
				return psprintf("%s reads the clock", value_function_name(f));
			}
		case T_Const:
			word = tpg_check_literal((Const *) node, source);
			if (word == NULL)
				return NULL;
			*instead = "temporal.now()";
			return psprintf("the literal '%s' is the time at which the expression was prepared", word);
		default:
			return NULL;
	}
}

/* ---------- functions ---------- */

/* The expression of a condition, which is SQL itself. */
static void
check_condition(TpgCheck *check, void *arg)
{
	Oid			types[2] = {JSONBOID, JSONBOID};
	char	   *sql = psprintf("SELECT (%s)::pg_catalog.bool FROM (SELECT $1 AS state, $2 AS args) AS _", (char *) arg);
	RawStmt    *raw = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	check->source = sql;
	check->source_is_body = false;
	check->expression = arg;
	tpg_check_node(check, (Node *) parse_analyze_fixedparams(raw, sql, types, 2, NULL));
}

/* The function that is spawned. */
static void
check_spawned(TpgCheck *check, void *arg)
{
	Oid			function = tpg_function_by_text(arg);

	tpg_check_reached(check, function, NULL, NULL);
	tpg_check_add_function(check, function, NULL);
}

static void
within_text(TpgCheck *check, void (*what) (TpgCheck *check, void *arg), char *text)
{
	TpgCheck	saved = *check;

	tpg_check_guarded(check, what, text);
	check->source = saved.source;
	check->source_is_body = saved.source_is_body;
	check->expression = saved.expression;
	check->line = saved.line;
}

static void
check_ours(Walk *w, Oid function, Node *node)
{
	TpgCheck   *check = w->check;
	char	   *text = node != NULL && IsA(node, FuncExpr) ? tpg_check_constant_text(tpg_check_argument((FuncExpr *) node, 0)) : NULL;
	TpgStep		step = tpg_judge_step(function);

	if (step == TPG_STEP_NONE)
		return;
	check->nwaits += step == TPG_STEP_WAITS;
	if (w->conditional > 0)
		tpg_check_find(check, TPG_SEVERITY_WARNING, exprLocation(node),
					   psprintf("temporal.%s() stands inside AND, OR, CASE or COALESCE, and may be called in one run and left out in its replay",
								get_func_name(function)),
					   "a statement of its own before this one");
	if (text == NULL)
	{
		if (tpg_judge_is_ours(function, "wait_condition") || tpg_judge_is_ours(function, "start_wait_condition") ||
			tpg_judge_is_ours(function, "spawn"))
			tpg_check_reached(check, InvalidOid, NULL, psprintf("what temporal.%s() is given is known only when it runs", get_func_name(function)));
		return;
	}
	/* what SQL and names stand in the text */
	if (tpg_judge_is_ours(function, "wait_condition") || tpg_judge_is_ours(function, "start_wait_condition"))
		within_text(check, check_condition, text);
	else if (tpg_judge_is_ours(function, "spawn"))
		within_text(check, check_spawned, text);
}

/* node: where it is called; NULL: nowhere that can be shown */
static void
check_function(Walk *w, Oid function, Node *node)
{
	TpgJudgement j = tpg_judge(function);

	tpg_check_reached(w->check, function, node, NULL);
	switch (j.judged)
	{
		case TPG_JUDGED_HARMLESS:
			break;
		case TPG_JUDGED_OURS:
			check_ours(w, function, node);
			break;
		case TPG_JUDGED_LOOK_INSIDE:
			tpg_check_add_function(w->check, function, node != NULL && IsA(node, FuncExpr) ? (FuncExpr *) node : NULL);
			break;
		case TPG_JUDGED_OPAQUE:
			tpg_check_find(w->check, TPG_SEVERITY_WARNING, exprLocation(node),
						   psprintf("%s() cannot be looked into, and is not declared IMMUTABLE", get_func_name(function)), "an activity");
			break;
		case TPG_JUDGED_BAD:
			tpg_check_find(w->check, TPG_SEVERITY_ERROR, exprLocation(node),
						   psprintf("%s() %s", get_func_name(function), j.why), j.instead);
			break;
	}
}

/* An aggregate is always declared immutable: its functions count. */
static void
check_aggregate(Walk *w, Oid function, Node *node)
{
	HeapTuple	tuple;
	Form_pg_aggregate agg;
	Oid			parts[4];

	if (function < FirstNormalObjectId)
	{
		check_function(w, function, node);
		return;
	}
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return;
	agg = (Form_pg_aggregate) GETSTRUCT(tuple);
	tpg_check_reached(w->check, function, node, NULL);
	parts[0] = agg->aggtransfn;
	parts[1] = agg->aggfinalfn;
	parts[2] = agg->aggmtransfn;
	parts[3] = agg->aggmfinalfn;
	ReleaseSysCache(tuple);
	for (int i = 0; i < lengthof(parts); i++)
	{
		if (OidIsValid(parts[i]))
			check_function(w, parts[i], node);
	}
}

static bool
function_of_node(Oid function, void *context)
{
	Walk	   *w = context;

	if (IsA(w->node, Aggref) || IsA(w->node, WindowFunc))
	{
		if (SearchSysCacheExists1(AGGFNOID, ObjectIdGetDatum(function)))
		{
			check_aggregate(w, function, w->node);
			return false;
		}
	}
	check_function(w, function, w->node);
	return false;
}

/* The comparison behind a sort: a function that stands nowhere in the query. */
static void
check_sort(Walk *w, Oid sort_operator)
{
	Oid			family;
	Oid			type;
	TpgOrdering strategy;
	Oid			compare;

	if (!OidIsValid(sort_operator) || !get_ordering_op_properties(sort_operator, &family, &type, &strategy))
		return;
	compare = get_opfamily_proc(family, type, type, 1);
	if (OidIsValid(compare) && compare >= FirstNormalObjectId)
		check_function(w, compare, NULL);
}

List *
tpg_check_domain_expressions(Oid type)
{
	/* its memory context keeps a pointer to it */
	DomainConstraintRef *ref;
	List	   *expressions = NIL;
	ListCell   *lc;

	if (get_typtype(type) != TYPTYPE_DOMAIN)
		return NIL;
	ref = palloc0(sizeof(DomainConstraintRef));
	InitDomainConstraintRef(type, ref, CurrentMemoryContext, false);
	foreach(lc, ref->constraints)
	{
		DomainConstraintState *c = lfirst(lc);

		if (c->constrainttype == DOM_CONSTRAINT_CHECK)
			expressions = lappend(expressions, c->check_expr);
	}
	return expressions;
}

void
tpg_check_domain(TpgCheck *check, Oid type)
{
	List	   *expressions = tpg_check_domain_expressions(type);
	ListCell   *lc;

	foreach(lc, expressions)
	{
		TpgCheck	saved = *check;

		check->source = NULL;
		check->source_is_body = false;
		check->expression = psprintf("CHECK of domain %s", format_type_be(type));
		tpg_check_node(check, lfirst(lc));
		check->expression = saved.expression;
		check->source = saved.source;
		check->source_is_body = saved.source_is_body;
	}
}

/* ---------- queries ---------- */

static const char *
table_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

static void
check_query(Walk *w, Query *query)
{
	const char *verb = NULL;

	switch (query->commandType)
	{
		case CMD_SELECT:
			return;
		case CMD_INSERT:
			verb = "INSERT";
			break;
		case CMD_UPDATE:
			verb = "UPDATE";
			break;
		case CMD_DELETE:
			verb = "DELETE";
			break;
		case CMD_MERGE:
			verb = "MERGE";
			break;
		case CMD_UTILITY:
			if (IsA(query->utilityStmt, CallStmt))
			{
				CallStmt   *call = (CallStmt *) query->utilityStmt;

				(void) walk((Node *) call->funcexpr, w);
				return;
			}
			tpg_check_find(w->check, TPG_SEVERITY_ERROR, query->stmt_location,
						   psprintf("%s is no statement for workflow code", GetCommandTagName(CreateCommandTag(query->utilityStmt))),
						   IsA(query->utilityStmt, VariableSetStmt) ? "ALTER FUNCTION … SET" : "an activity");
			return;
		default:
			return;
	}
	tpg_check_find(w->check, TPG_SEVERITY_ERROR, query->stmt_location,
				   psprintf("%s writes table %s", verb, table_name(rt_fetch(query->resultRelation, query->rtable)->relid)),
				   "an activity; a short one as temporal.execute_local_activity()");
}

static void
check_rte(Walk *w, const RangeTblEntry *rte)
{
	if (rte->rtekind != RTE_RELATION || !rte->inFromCl)
		return;
	tpg_check_find(w->check, TPG_SEVERITY_ERROR, -1,
				   psprintf("it reads %s %s", rte->relkind == RELKIND_VIEW ? "view" : "table", table_name(rte->relid)),
				   "temporal.side_effect('SELECT …'), or an activity");
}

static bool
walk_conditional(Node *node, Walk *w)
{
	w->conditional++;
	(void) walk(node, w);
	w->conditional--;
	return false;
}

static bool
walk(Node *node, void *context)
{
	Walk	   *w = context;
	TpgCheck   *check = w->check;
	const char *reason;
	const char *instead = NULL;
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Query:
			check_query(w, (Query *) node);
			return query_tree_walker((Query *) node, walk, w, QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
		case T_RangeTblEntry:
			check_rte(w, (RangeTblEntry *) node);
			return false;
		case T_SortGroupClause:
			check_sort(w, ((SortGroupClause *) node)->sortop);
			return false;
		case T_BoolExpr:
			if (((BoolExpr *) node)->boolop != NOT_EXPR)
				return walk_conditional((Node *) ((BoolExpr *) node)->args, w);
			break;
		case T_CaseExpr:
			(void) walk((Node *) ((CaseExpr *) node)->arg, w);
			foreach(lc, ((CaseExpr *) node)->args)
			{
				(void) walk_conditional((Node *) lfirst_node(CaseWhen, lc)->expr, w);
				(void) walk_conditional((Node *) lfirst_node(CaseWhen, lc)->result, w);
			}
			return walk_conditional((Node *) ((CaseExpr *) node)->defresult, w);
		case T_CoalesceExpr:
			(void) walk(linitial(((CoalesceExpr *) node)->args), w);
			return walk_conditional((Node *) list_copy_tail(((CoalesceExpr *) node)->args, 1), w);
		case T_NextValueExpr:
			tpg_check_find(check, TPG_SEVERITY_ERROR, -1, "nextval() depends on what other sessions have drawn", "an activity");
			return false;
		case T_MinMaxExpr:
			{
				Oid			compare = lookup_type_cache(((MinMaxExpr *) node)->minmaxtype, TYPECACHE_CMP_PROC)->cmp_proc;

				if (OidIsValid(compare) && compare >= FirstNormalObjectId)
					check_function(w, compare, NULL);
				break;
			}
		case T_CoerceToDomain:
			tpg_check_domain(check, ((CoerceToDomain *) node)->resulttype);
			break;
		case T_CoerceViaIO:
			{
				CoerceViaIO *c = (CoerceViaIO *) node;
				FuncExpr   *call = tpg_check_jsonb_call((Node *) c->arg);

				if (call != NULL && c->coerceformat == COERCE_IMPLICIT_CAST && TypeCategory(c->resulttype) == TYPCATEGORY_STRING)
					tpg_check_jsonb_as_text(check, call);
				break;
			}
		default:
			break;
	}
	reason = tpg_check_clock_node(node, check->source, &instead);
	if (reason != NULL)
		tpg_check_find(check, TPG_SEVERITY_ERROR, exprLocation(node), reason, instead);
	w->node = node;
	(void) check_functions_in_node(node, function_of_node, w);
	return expression_tree_walker(node, walk, w);
}

void
tpg_check_node(TpgCheck *check, Node *node)
{
	Walk		w = {.check = check};

	(void) walk(node, &w);
}
