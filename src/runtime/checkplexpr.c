/*-------------------------------------------------------------------------
 * runtime/checkplexpr.c - the static check: expressions and variables of PL/pgSQL.
 *
 * Each expression is analysed as PL/pgSQL will do it, with its own parser hooks,
 * over copies of the variables: nothing of the compiled function, which
 * PL/pgSQL keeps for running, is changed.  A variable of type record gets
 * the columns of the query that was last assigned to it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/expandedrecord.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "runtime/checkliteral.h"
#include "runtime/checkplexpr.h"
#include "runtime/checkquery.h"

void *
tpg_plcheck_symbol(const char *function)
{
	return load_external_function("$libdir/plpgsql", function, true, NULL);
}

/* ---------- expressions ---------- */

typedef struct Analysis
{
	TpgPlWalk  *w;
	PLpgSQL_expr *expr;
	Query	   *query;			/* NULL: it could not be analysed */
} Analysis;

static void
analyse_and_check(TpgCheck *check, void *arg)
{
	Analysis   *a = arg;
	PLpgSQL_expr *copy = palloc(sizeof(PLpgSQL_expr));
	List	   *raw = raw_parser(a->expr->query, a->expr->parseMode);

	*copy = *a->expr;
	copy->func = &a->w->func;
	copy->plan = NULL;
	copy->paramnos = NULL;
	check->source = a->expr->query;
	check->source_is_body = false;
	check->expression = a->expr->query;
	if (list_length(raw) != 1)
		return;
	a->query = parse_analyze_withcb(linitial_node(RawStmt, raw), a->expr->query,
									(ParserSetupHook) tpg_plcheck_symbol("plpgsql_parser_setup"), copy, NULL);
	tpg_check_node(check, (Node *) a->query);
}

Query *
tpg_plcheck_expression(TpgPlWalk *w, PLpgSQL_expr *expr)
{
	Analysis	a = {.w = w, .expr = expr};

	if (expr == NULL)
		return NULL;
	if (w->visit != NULL)
	{
		w->visit(expr, w->visit_arg);
		return NULL;
	}
	tpg_check_guarded(w->check, analyse_and_check, &a);
	return a.query;
}

void
tpg_plcheck_expressions(TpgPlWalk *w, List *expressions)
{
	ListCell   *lc;

	foreach(lc, expressions)
		(void) tpg_plcheck_expression(w, lfirst(lc));
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

void
tpg_plcheck_target_type(TpgPlWalk *w, Query *query, int column, Oid type)
{
	Node	   *expr;
	char	   *text;
	const char *word;

	if (query == NULL || query->commandType != CMD_SELECT || column >= list_length(query->targetList) || !OidIsValid(type))
		return;
	expr = (Node *) list_nth_node(TargetEntry, query->targetList, column)->expr;
	text = tpg_check_constant_text(expr);
	word = text ? tpg_check_literal_text(text, type) : NULL;
	if (word != NULL)
		tpg_check_find(w->check, TPG_SEVERITY_ERROR, -1, psprintf("the literal '%s' reads the clock", word), "temporal.now()");
	if (is_text(type) && tpg_check_jsonb_call(expr) != NULL)
		tpg_check_jsonb_as_text(w->check, tpg_check_jsonb_call(expr));
}

Oid
tpg_plcheck_variable_type(TpgPlWalk *w, int dno)
{
	PLpgSQL_datum *d = w->estate.datums[dno];

	return d->dtype == PLPGSQL_DTYPE_VAR || d->dtype == PLPGSQL_DTYPE_PROMISE ? ((PLpgSQL_var *) d)->datatype->typoid : InvalidOid;
}

/* ---------- variables of type record ---------- */

static void
set_record(TpgPlWalk *w, PLpgSQL_rec *rec, TupleDesc columns)
{
	if (rec->rectypeid != RECORDOID || columns == NULL)
		return;
	columns = CreateTupleDescCopy(columns);
	for (int i = 0; i < columns->natts; i++)
	{
		/* as a literal becomes when it is assigned */
		if (TupleDescAttr(columns, i)->atttypid == UNKNOWNOID)
			TupleDescInitEntry(columns, i + 1, NameStr(TupleDescAttr(columns, i)->attname), TEXTOID, -1, 0);
	}
	rec->erh = make_expanded_record_from_tupdesc(BlessTupleDesc(columns), w->check->context);
}

typedef struct RowArg
{
	PLpgSQL_rec *rec;
	Query	   *query;
	bool		value;			/* its one column is the row, else its columns are */
	TpgPlWalk  *w;
} RowArg;

static void
learn_row_guarded(TpgCheck *check, void *arg)
{
	RowArg	   *a = arg;
	Node	   *expr;
	TupleDesc	columns = NULL;

	if (!a->value)
		columns = ExecCleanTypeFromTL(a->query->targetList);
	else if ((expr = tpg_check_only_expression(a->query)) != NULL)
		(void) get_expr_result_type(expr, NULL, &columns);
	set_record(a->w, a->rec, columns);
}

void
tpg_plcheck_learn_row(TpgPlWalk *w, PLpgSQL_datum *target, Query *query, bool value)
{
	RowArg		a = {.w = w, .query = query, .value = value};

	if (target == NULL || query == NULL || query->commandType != CMD_SELECT)
		return;
	target = w->estate.datums[target->dno];
	if (target->dtype == PLPGSQL_DTYPE_ROW)
	{
		PLpgSQL_row *row = (PLpgSQL_row *) target;

		for (int i = 0; i < row->nfields; i++)
			tpg_plcheck_target_type(w, query, i, tpg_plcheck_variable_type(w, row->varnos[i]));
		return;
	}
	if (target->dtype != PLPGSQL_DTYPE_REC)
		return;
	a.rec = (PLpgSQL_rec *) target;
	tpg_check_guarded(w->check, learn_row_guarded, &a);
}

void
tpg_plcheck_copy_variables(TpgPlWalk *w)
{
	int			n = w->func.ndatums;

	w->estate.ndatums = n;
	w->estate.datums = palloc(sizeof(PLpgSQL_datum *) * n);
	w->estate.datum_context = w->check->context;
	w->estate.func = &w->func;
	for (int i = 0; i < n; i++)
	{
		PLpgSQL_datum *d = w->func.datums[i];
		Size		size = 0;

		switch (d->dtype)
		{
			case PLPGSQL_DTYPE_VAR:
			case PLPGSQL_DTYPE_PROMISE:
				size = sizeof(PLpgSQL_var);
				break;
			case PLPGSQL_DTYPE_REC:
				size = sizeof(PLpgSQL_rec);
				break;
			case PLPGSQL_DTYPE_RECFIELD:
				size = sizeof(PLpgSQL_recfield);
				break;
			case PLPGSQL_DTYPE_ROW:
				break;
		}
		w->estate.datums[i] = d;
		if (size == 0)
			continue;
		w->estate.datums[i] = memcpy(palloc(size), d, size);
		if (d->dtype == PLPGSQL_DTYPE_REC)
			((PLpgSQL_rec *) w->estate.datums[i])->erh = NULL;
		else if (d->dtype == PLPGSQL_DTYPE_RECFIELD)
			((PLpgSQL_recfield *) w->estate.datums[i])->rectupledescid = INVALID_TUPLEDESC_IDENTIFIER;
	}
}

void
tpg_plcheck_set_variable_type(TpgPlWalk *w, int dno, Query *query)
{
	Node	   *expr = query ? tpg_check_only_expression(query) : NULL;
	PLpgSQL_var *var = (PLpgSQL_var *) w->estate.datums[dno];
	PLpgSQL_type *type;

	if (expr == NULL)
		return;
	type = memcpy(palloc(sizeof(PLpgSQL_type)), var->datatype, sizeof(PLpgSQL_type));
	type->typoid = exprType(expr);
	if (type->typoid == UNKNOWNOID)
		type->typoid = TEXTOID;
	type->atttypmod = -1;
	type->collation = get_typcollation(type->typoid);
	var->datatype = type;
}
