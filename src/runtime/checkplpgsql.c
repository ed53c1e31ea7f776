/*-------------------------------------------------------------------------
 * runtime/checkplpgsql.c - the static check: functions in PL/pgSQL.
 *
 * The function is compiled by PL/pgSQL and its statements are walked in order.
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
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "plpgsql.h"

#include "base/compat.h"
#include "runtime/checkliteral.h"
#include "runtime/checkplpgsql.h"
#include "runtime/checkquery.h"
#include "runtime/judge.h"

typedef PLpgSQL_function *(*CompileFunction) (FunctionCallInfo fcinfo, bool forValidator);

typedef struct Walk
{
	TpgCheck   *check;
	PLpgSQL_function func;		/* a copy, with our estate */
	PLpgSQL_execstate estate;
	Query	  **cursors;		/* by variable: the query that it is open for */
	int			loops;			/* around the statement */
} Walk;

static void walk_statements(Walk *w, List *statements);

/* A function of PL/pgSQL, whose library is loaded if need be. */
static void *
plpgsql(const char *function)
{
	return load_external_function("$libdir/plpgsql", function, true, NULL);
}

/* ---------- expressions ---------- */

typedef struct Analysis
{
	Walk	   *w;
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
									(ParserSetupHook) plpgsql("plpgsql_parser_setup"), copy, NULL);
	tpg_check_node(check, (Node *) a->query);
}

static Query *
check_expression(Walk *w, PLpgSQL_expr *expr)
{
	Analysis	a = {.w = w, .expr = expr};

	if (expr == NULL)
		return NULL;
	tpg_check_guarded(w->check, analyse_and_check, &a);
	return a.query;
}

static void
check_expressions(Walk *w, List *expressions)
{
	ListCell   *lc;

	foreach(lc, expressions)
		(void) check_expression(w, lfirst(lc));
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/* The value of the query goes into something of that type, by PL/pgSQL's own assignment. */
static void
check_target_type(Walk *w, Query *query, int column, Oid type)
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

static Oid
variable_type(Walk *w, int dno)
{
	PLpgSQL_datum *d = w->estate.datums[dno];

	return d->dtype == PLPGSQL_DTYPE_VAR || d->dtype == PLPGSQL_DTYPE_PROMISE ? ((PLpgSQL_var *) d)->datatype->typoid : InvalidOid;
}

/* ---------- variables of type record ---------- */

static void
set_record(Walk *w, PLpgSQL_rec *rec, TupleDesc columns)
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
	Walk	   *w;
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

static void
learn_row(Walk *w, PLpgSQL_datum *target, Query *query, bool value)
{
	RowArg		a = {.w = w, .query = query, .value = value};

	if (target == NULL || query == NULL || query->commandType != CMD_SELECT)
		return;
	target = w->estate.datums[target->dno];
	if (target->dtype == PLPGSQL_DTYPE_ROW)
	{
		PLpgSQL_row *row = (PLpgSQL_row *) target;

		for (int i = 0; i < row->nfields; i++)
			check_target_type(w, query, i, variable_type(w, row->varnos[i]));
		return;
	}
	if (target->dtype != PLPGSQL_DTYPE_REC)
		return;
	a.rec = (PLpgSQL_rec *) target;
	tpg_check_guarded(w->check, learn_row_guarded, &a);
}

/* Copies, so that the estate of the check is all its own. */
static void
copy_variables(Walk *w)
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

/* The variable behind CASE has the type of what it is compared with; until it runs that is not known. */
static void
set_variable_type(Walk *w, int dno, Query *query)
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

/* ---------- statements ---------- */

static void
check_domain_of(TpgCheck *check, void *arg)
{
	tpg_check_domain(check, *(Oid *) arg);
}

static void
check_declarations(Walk *w, PLpgSQL_stmt_block *block)
{
	for (int i = 0; i < block->n_initvars; i++)
	{
		PLpgSQL_datum *d = w->estate.datums[block->initvarnos[i]];
		PLpgSQL_variable *v = (PLpgSQL_variable *) d;
		Oid			type = variable_type(w, d->dno);
		Query	   *query;

		if (d->dtype != PLPGSQL_DTYPE_VAR && d->dtype != PLPGSQL_DTYPE_REC)
			continue;
		w->check->line = v->lineno;
		w->check->expression = v->refname;
		if (OidIsValid(type))
			tpg_check_guarded(w->check, check_domain_of, &type);
		query = check_expression(w, v->default_val);
		check_target_type(w, query, 0, type);
		learn_row(w, d, query, true);
		if (d->dtype == PLPGSQL_DTYPE_VAR && ((PLpgSQL_var *) d)->cursor_explicit_expr != NULL)
			w->cursors[d->dno] = check_expression(w, ((PLpgSQL_var *) d)->cursor_explicit_expr);
	}
}

/* Does it leave the loop, or hand the error on? */
static bool
ends_it(List *statements)
{
	PLpgSQL_stmt *last = statements == NIL ? NULL : llast(statements);

	if (last == NULL)
		return false;
	switch (last->cmd_type)
	{
		case PLPGSQL_STMT_RETURN:
			return true;
		case PLPGSQL_STMT_EXIT:
			return ((PLpgSQL_stmt_exit *) last)->is_exit && ((PLpgSQL_stmt_exit *) last)->cond == NULL;
		case PLPGSQL_STMT_RAISE:
			return ((PLpgSQL_stmt_raise *) last)->elog_level >= ERROR;
		default:
			return false;
	}
}

/* RAISE; as the last statement */
static bool
raises_again(List *statements)
{
	PLpgSQL_stmt *last = statements == NIL ? NULL : llast(statements);
	PLpgSQL_stmt_raise *raise = (PLpgSQL_stmt_raise *) last;

	return last != NULL && last->cmd_type == PLPGSQL_STMT_RAISE &&
		raise->message == NULL && raise->condname == NULL && raise->options == NIL;
}

static void
check_handler(Walk *w, PLpgSQL_exception *handler)
{
	for (PLpgSQL_condition *c = handler->conditions; c != NULL; c = c->next)
	{
		int			sqlstate = c->sqlerrstate;

		w->check->line = handler->lineno;
		w->check->expression = psprintf("WHEN %s", c->condname ? c->condname : unpack_sql_state(sqlstate));
		if (sqlstate == 0 && w->loops > 0 && !ends_it(handler->action))
			tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1,
						   "WHEN OTHERS around a waiting call in a loop also catches mistakes in the code itself, and tries them again for ever",
						   "WHEN SQLSTATE 'TF000', for failures only, or a retry policy");
		if ((sqlstate == ERRCODE_ASSERT_FAILURE || sqlstate == ERRCODE_PLPGSQL_ERROR) && !raises_again(handler->action))
			tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1,
						   "it catches assert_failure, as which a waiting call ends the code", "WHEN OTHERS");
	}
}

static void
walk_block(Walk *w, PLpgSQL_stmt_block *block)
{
	int			steps = w->check->nsteps;
	ListCell   *lc;

	check_declarations(w, block);
	walk_statements(w, block->body);
	if (block->exceptions == NULL)
		return;
	steps = w->check->nsteps - steps;
	foreach(lc, block->exceptions->exc_list)
	{
		PLpgSQL_exception *handler = lfirst(lc);

		if (steps > 0)
			check_handler(w, handler);
		walk_statements(w, handler->action);
	}
}

static void
walk_loop(Walk *w, List *body)
{
	w->loops++;
	walk_statements(w, body);
	w->loops--;
}

static void
walk_if(Walk *w, PLpgSQL_stmt_if *s)
{
	ListCell   *lc;

	(void) check_expression(w, s->cond);
	walk_statements(w, s->then_body);
	foreach(lc, s->elsif_list)
	{
		PLpgSQL_if_elsif *e = lfirst(lc);

		w->check->line = e->lineno;
		(void) check_expression(w, e->cond);
		walk_statements(w, e->stmts);
	}
	walk_statements(w, s->else_body);
}

static void
walk_case(Walk *w, PLpgSQL_stmt_case *s)
{
	Query	   *query = check_expression(w, s->t_expr);
	ListCell   *lc;

	if (s->t_expr != NULL)
		set_variable_type(w, s->t_varno, query);
	foreach(lc, s->case_when_list)
	{
		PLpgSQL_case_when *c = lfirst(lc);

		w->check->line = c->lineno;
		(void) check_expression(w, c->expr);
		walk_statements(w, c->stmts);
	}
	if (s->have_else)
		walk_statements(w, s->else_stmts);
}

static void
check_perform(Walk *w, PLpgSQL_stmt_perform *s)
{
	Query	   *query = check_expression(w, s->expr);
	FuncExpr   *call = query ? (FuncExpr *) tpg_check_only_expression(query) : NULL;
	Node	   *timeout;

	if (call == NULL || !IsA(call, FuncExpr) || !tpg_judge_is_ours(call->funcid, "wait_condition"))
		return;
	timeout = tpg_check_argument(call, 1);
	if (timeout != NULL && !(IsA(timeout, Const) && ((Const *) timeout)->constisnull))
		tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1,
					   "PERFORM throws away whether the condition came true or the time was over",
					   "IF NOT temporal.wait_condition(…) THEN");
}

typedef struct DynamicArg
{
	Walk	   *w;
	char	   *sql;
	Oid		   *types;
	int			ntypes;
	Query	   *query;
} DynamicArg;

static void
check_dynamic_text(TpgCheck *check, void *arg)
{
	DynamicArg *d = arg;
	ListCell   *lc;

	check->source = check->expression = d->sql;
	foreach(lc, raw_parser(d->sql, RAW_PARSE_DEFAULT))
	{
		d->query = parse_analyze_fixedparams(lfirst_node(RawStmt, lc), d->sql, d->types, d->ntypes, NULL);
		tpg_check_node(check, (Node *) d->query);
	}
}

/* EXECUTE: a constant text can be looked at like a statement. */
static Query *
check_dynamic(Walk *w, PLpgSQL_expr *expr, List *params)
{
	Query	   *query = check_expression(w, expr);
	Node	   *text = query ? tpg_check_only_expression(query) : NULL;
	DynamicArg	d = {.w = w, .types = palloc(sizeof(Oid) * (list_length(params) + 1))};
	ListCell   *lc;

	foreach(lc, params)
	{
		Query	   *param = check_expression(w, lfirst(lc));
		Node	   *value = param ? tpg_check_only_expression(param) : NULL;

		d.types[d.ntypes++] = value ? exprType(value) : UNKNOWNOID;
	}
	d.sql = tpg_check_constant_text(text);
	if (d.sql == NULL)
		tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1, "dynamic SQL is known only when it runs", "a statement without EXECUTE");
	else
		tpg_check_guarded(w->check, check_dynamic_text, &d);
	return d.query;
}

static void
check_open(Walk *w, PLpgSQL_stmt_open *s)
{
	(void) check_expression(w, s->argquery);
	if (s->query != NULL)
		w->cursors[s->curvar] = check_expression(w, s->query);
	else if (s->dynquery != NULL)
		w->cursors[s->curvar] = check_dynamic(w, s->dynquery, s->params);
}

static void
check_return(Walk *w, PLpgSQL_stmt_return *s)
{
	Query	   *query = check_expression(w, s->expr);

	check_target_type(w, query, 0, w->func.fn_rettype);
}

static void
check_raise(Walk *w, PLpgSQL_stmt_raise *s)
{
	ListCell   *lc;

	check_expressions(w, s->params);
	foreach(lc, s->options)
		(void) check_expression(w, ((PLpgSQL_raise_option *) lfirst(lc))->expr);
}

static void
check_assign(Walk *w, PLpgSQL_stmt_assign *s)
{
	learn_row(w, w->estate.datums[s->varno], check_expression(w, s->expr), true);
}

static void
walk_statement(Walk *w, PLpgSQL_stmt *stmt)
{
	w->check->line = stmt->lineno;
	w->check->expression = NULL;
	switch (stmt->cmd_type)
	{
		case PLPGSQL_STMT_BLOCK:
			walk_block(w, (PLpgSQL_stmt_block *) stmt);
			break;
		case PLPGSQL_STMT_ASSIGN:
			check_assign(w, (PLpgSQL_stmt_assign *) stmt);
			break;
		case PLPGSQL_STMT_IF:
			walk_if(w, (PLpgSQL_stmt_if *) stmt);
			break;
		case PLPGSQL_STMT_CASE:
			walk_case(w, (PLpgSQL_stmt_case *) stmt);
			break;
		case PLPGSQL_STMT_LOOP:
			walk_loop(w, ((PLpgSQL_stmt_loop *) stmt)->body);
			break;
		case PLPGSQL_STMT_WHILE:
			(void) check_expression(w, ((PLpgSQL_stmt_while *) stmt)->cond);
			walk_loop(w, ((PLpgSQL_stmt_while *) stmt)->body);
			break;
		case PLPGSQL_STMT_FORI:
			{
				PLpgSQL_stmt_fori *s = (PLpgSQL_stmt_fori *) stmt;

				(void) check_expression(w, s->lower);
				(void) check_expression(w, s->upper);
				(void) check_expression(w, s->step);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FORS:
			{
				PLpgSQL_stmt_fors *s = (PLpgSQL_stmt_fors *) stmt;

				learn_row(w, (PLpgSQL_datum *) s->var, check_expression(w, s->query), false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FORC:
			{
				PLpgSQL_stmt_forc *s = (PLpgSQL_stmt_forc *) stmt;

				(void) check_expression(w, s->argquery);
				learn_row(w, (PLpgSQL_datum *) s->var, w->cursors[s->curvar], false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_DYNFORS:
			{
				PLpgSQL_stmt_dynfors *s = (PLpgSQL_stmt_dynfors *) stmt;

				learn_row(w, (PLpgSQL_datum *) s->var, check_dynamic(w, s->query, s->params), false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FOREACH_A:
			(void) check_expression(w, ((PLpgSQL_stmt_foreach_a *) stmt)->expr);
			walk_loop(w, ((PLpgSQL_stmt_foreach_a *) stmt)->body);
			break;
		case PLPGSQL_STMT_EXIT:
			(void) check_expression(w, ((PLpgSQL_stmt_exit *) stmt)->cond);
			break;
		case PLPGSQL_STMT_RETURN:
			check_return(w, (PLpgSQL_stmt_return *) stmt);
			break;
		case PLPGSQL_STMT_RETURN_NEXT:
			(void) check_expression(w, ((PLpgSQL_stmt_return_next *) stmt)->expr);
			break;
		case PLPGSQL_STMT_RETURN_QUERY:
			(void) check_expression(w, ((PLpgSQL_stmt_return_query *) stmt)->query);
			if (((PLpgSQL_stmt_return_query *) stmt)->dynquery != NULL)
				(void) check_dynamic(w, ((PLpgSQL_stmt_return_query *) stmt)->dynquery, ((PLpgSQL_stmt_return_query *) stmt)->params);
			break;
		case PLPGSQL_STMT_RAISE:
			check_raise(w, (PLpgSQL_stmt_raise *) stmt);
			break;
		case PLPGSQL_STMT_ASSERT:
			(void) check_expression(w, ((PLpgSQL_stmt_assert *) stmt)->cond);
			(void) check_expression(w, ((PLpgSQL_stmt_assert *) stmt)->message);
			break;
		case PLPGSQL_STMT_EXECSQL:
			{
				PLpgSQL_stmt_execsql *s = (PLpgSQL_stmt_execsql *) stmt;
				Query	   *query = check_expression(w, s->sqlstmt);

				if (s->into)
					learn_row(w, (PLpgSQL_datum *) s->target, query, false);
				break;
			}
		case PLPGSQL_STMT_DYNEXECUTE:
			{
				PLpgSQL_stmt_dynexecute *s = (PLpgSQL_stmt_dynexecute *) stmt;
				Query	   *query = check_dynamic(w, s->query, s->params);

				if (s->into)
					learn_row(w, (PLpgSQL_datum *) s->target, query, false);
				break;
			}
		case PLPGSQL_STMT_OPEN:
			check_open(w, (PLpgSQL_stmt_open *) stmt);
			break;
		case PLPGSQL_STMT_FETCH:
			(void) check_expression(w, ((PLpgSQL_stmt_fetch *) stmt)->expr);
			learn_row(w, (PLpgSQL_datum *) ((PLpgSQL_stmt_fetch *) stmt)->target, w->cursors[((PLpgSQL_stmt_fetch *) stmt)->curvar], false);
			break;
		case PLPGSQL_STMT_PERFORM:
			check_perform(w, (PLpgSQL_stmt_perform *) stmt);
			break;
		case PLPGSQL_STMT_CALL:
			(void) check_expression(w, ((PLpgSQL_stmt_call *) stmt)->expr);
			break;
		case PLPGSQL_STMT_COMMIT:
		case PLPGSQL_STMT_ROLLBACK:
			tpg_check_find(w->check, TPG_SEVERITY_ERROR, -1, "workflow code has no transaction of its own to end", "nothing");
			break;
		case PLPGSQL_STMT_GETDIAG:
		case PLPGSQL_STMT_CLOSE:
			break;
	}
}

static void
walk_statements(Walk *w, List *statements)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, statements)
		walk_statement(w, lfirst(lc));
}

void
tpg_check_plpgsql(TpgCheck *check, Oid function, const FuncExpr *call)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	flinfo = {0};
	CompileFunction compile = (CompileFunction) plpgsql("plpgsql_compile");
	PLpgSQL_function *compiled;
	Walk	   *w = palloc0(sizeof(Walk));

	flinfo.fn_oid = function;
	flinfo.fn_mcxt = CurrentMemoryContext;
	fmgr_info_set_expr((Node *) call, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, NULL);
	compiled = compile(fcinfo, false);

	/* in use: it is not freed when it changes meanwhile */
	tpg_plpgsql_use_count(compiled)++;
	PG_TRY();
	{
		w->check = check;
		w->func = *compiled;
		w->func.fn_cxt = check->context;
		w->func.cur_estate = &w->estate;
		copy_variables(w);
		w->cursors = palloc0(sizeof(Query *) * w->func.ndatums);
		walk_block(w, w->func.action);
	}
	PG_FINALLY();
	{
		tpg_plpgsql_use_count(compiled)--;
	}
	PG_END_TRY();
}
