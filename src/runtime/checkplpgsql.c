/*-------------------------------------------------------------------------
 * runtime/checkplpgsql.c - the static check: functions in PL/pgSQL.
 *
 * The function is compiled by PL/pgSQL and its statements are walked in order;
 * what stands in them is for runtime/checkplexpr.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"

#include "base/compat.h"
#include "runtime/checkplexpr.h"
#include "runtime/checkplpgsql.h"
#include "runtime/checkquery.h"
#include "runtime/judge.h"
#include "runtime/pinned.h"

typedef PLpgSQL_function *(*CompileFunction) (FunctionCallInfo fcinfo, bool forValidator);

static void walk_statements(TpgPlWalk *w, List *statements);

/* ---------- statements ---------- */

static void
check_domain_of(TpgCheck *check, void *arg)
{
	tpg_check_domain(check, *(Oid *) arg);
}

static void
check_declarations(TpgPlWalk *w, PLpgSQL_stmt_block *block)
{
	for (int i = 0; i < block->n_initvars; i++)
	{
		PLpgSQL_datum *d = w->estate.datums[block->initvarnos[i]];
		PLpgSQL_variable *v = (PLpgSQL_variable *) d;
		Oid			type = tpg_plcheck_variable_type(w, d->dno);
		Query	   *query;

		if (d->dtype != PLPGSQL_DTYPE_VAR && d->dtype != PLPGSQL_DTYPE_REC)
			continue;
		w->check->line = v->lineno;
		w->check->expression = v->refname;
		if (OidIsValid(type) && w->visit == NULL)
			tpg_check_guarded(w->check, check_domain_of, &type);
		query = tpg_plcheck_expression(w, v->default_val);
		tpg_plcheck_target_type(w, query, 0, type);
		tpg_plcheck_learn_row(w, d, query, true);
		if (d->dtype == PLPGSQL_DTYPE_VAR && ((PLpgSQL_var *) d)->cursor_explicit_expr != NULL)
			w->cursors[d->dno] = tpg_plcheck_expression(w, ((PLpgSQL_var *) d)->cursor_explicit_expr);
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
check_handler(TpgPlWalk *w, PLpgSQL_exception *handler)
{
	for (PLpgSQL_condition *c = handler->conditions; c != NULL; c = c->next)
	{
		int			sqlstate = c->sqlerrstate;

		w->check->line = handler->lineno;
		w->check->expression = psprintf("WHEN %s", c->condname ? c->condname : unpack_sql_state(sqlstate));
		if (sqlstate == PLPGSQL_OTHERS && w->loops > 0 && !ends_it(handler->action))
			tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1,
						   "WHEN OTHERS around a waiting call in a loop also catches mistakes in the code itself, and tries them again for ever",
						   "WHEN SQLSTATE 'TF000', for failures only, or a retry policy");
		if ((sqlstate == ERRCODE_ASSERT_FAILURE || sqlstate == ERRCODE_PLPGSQL_ERROR) && !raises_again(handler->action))
			tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1,
						   "it catches assert_failure, as which a waiting call ends the code", "WHEN OTHERS");
	}
}

static void
walk_block(TpgPlWalk *w, PLpgSQL_stmt_block *block)
{
	int			waits = w->check->nwaits;
	ListCell   *lc;

	check_declarations(w, block);
	walk_statements(w, block->body);
	if (block->exceptions == NULL)
		return;
	waits = w->check->nwaits - waits;
	foreach(lc, block->exceptions->exc_list)
	{
		PLpgSQL_exception *handler = lfirst(lc);

		if (waits > 0)
			check_handler(w, handler);
		walk_statements(w, handler->action);
	}
}

static void
walk_loop(TpgPlWalk *w, List *body)
{
	w->loops++;
	walk_statements(w, body);
	w->loops--;
}

static void
walk_if(TpgPlWalk *w, PLpgSQL_stmt_if *s)
{
	ListCell   *lc;

	(void) tpg_plcheck_expression(w, s->cond);
	walk_statements(w, s->then_body);
	foreach(lc, s->elsif_list)
	{
		PLpgSQL_if_elsif *e = lfirst(lc);

		w->check->line = e->lineno;
		(void) tpg_plcheck_expression(w, e->cond);
		walk_statements(w, e->stmts);
	}
	walk_statements(w, s->else_body);
}

static void
walk_case(TpgPlWalk *w, PLpgSQL_stmt_case *s)
{
	Query	   *query = tpg_plcheck_expression(w, s->t_expr);
	ListCell   *lc;

	if (s->t_expr != NULL)
		tpg_plcheck_set_variable_type(w, s->t_varno, query);
	foreach(lc, s->case_when_list)
	{
		PLpgSQL_case_when *c = lfirst(lc);

		w->check->line = c->lineno;
		(void) tpg_plcheck_expression(w, c->expr);
		walk_statements(w, c->stmts);
	}
	if (s->have_else)
		walk_statements(w, s->else_stmts);
}

static void
check_perform(TpgPlWalk *w, PLpgSQL_stmt_perform *s)
{
	Query	   *query = tpg_plcheck_expression(w, s->expr);
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
	TpgPlWalk  *w;
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
check_dynamic(TpgPlWalk *w, PLpgSQL_expr *expr, List *params)
{
	Query	   *query = tpg_plcheck_expression(w, expr);
	Node	   *text = query ? tpg_check_only_expression(query) : NULL;
	DynamicArg	d = {.w = w, .types = palloc(sizeof(Oid) * (list_length(params) + 1))};
	ListCell   *lc;

	foreach(lc, params)
	{
		Query	   *param = tpg_plcheck_expression(w, lfirst(lc));
		Node	   *value = param ? tpg_check_only_expression(param) : NULL;

		d.types[d.ntypes++] = value ? exprType(value) : UNKNOWNOID;
	}
	d.sql = tpg_check_constant_text(text);
	if (d.sql == NULL)
	{
		tpg_check_find(w->check, TPG_SEVERITY_WARNING, -1, "dynamic SQL is known only when it runs", "a statement without EXECUTE");
		tpg_check_reached(w->check, InvalidOid, NULL, "dynamic SQL is known only when it runs");
	}
	else
		tpg_check_guarded(w->check, check_dynamic_text, &d);
	return d.query;
}

static void
check_open(TpgPlWalk *w, PLpgSQL_stmt_open *s)
{
	(void) tpg_plcheck_expression(w, s->argquery);
	if (s->query != NULL)
		w->cursors[s->curvar] = tpg_plcheck_expression(w, s->query);
	else if (s->dynquery != NULL)
		w->cursors[s->curvar] = check_dynamic(w, s->dynquery, s->params);
}

static void
check_return(TpgPlWalk *w, PLpgSQL_stmt_return *s)
{
	Query	   *query = tpg_plcheck_expression(w, s->expr);

	tpg_plcheck_target_type(w, query, 0, w->func.fn_rettype);
}

static void
check_raise(TpgPlWalk *w, PLpgSQL_stmt_raise *s)
{
	ListCell   *lc;

	tpg_plcheck_expressions(w, s->params);
	foreach(lc, s->options)
		(void) tpg_plcheck_expression(w, ((PLpgSQL_raise_option *) lfirst(lc))->expr);
}

static void
check_assign(TpgPlWalk *w, PLpgSQL_stmt_assign *s)
{
	tpg_plcheck_learn_row(w, w->estate.datums[s->varno], tpg_plcheck_expression(w, s->expr), true);
}

static void
walk_statement(TpgPlWalk *w, PLpgSQL_stmt *stmt)
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
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_while *) stmt)->cond);
			walk_loop(w, ((PLpgSQL_stmt_while *) stmt)->body);
			break;
		case PLPGSQL_STMT_FORI:
			{
				PLpgSQL_stmt_fori *s = (PLpgSQL_stmt_fori *) stmt;

				(void) tpg_plcheck_expression(w, s->lower);
				(void) tpg_plcheck_expression(w, s->upper);
				(void) tpg_plcheck_expression(w, s->step);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FORS:
			{
				PLpgSQL_stmt_fors *s = (PLpgSQL_stmt_fors *) stmt;

				tpg_plcheck_learn_row(w, (PLpgSQL_datum *) s->var, tpg_plcheck_expression(w, s->query), false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FORC:
			{
				PLpgSQL_stmt_forc *s = (PLpgSQL_stmt_forc *) stmt;

				(void) tpg_plcheck_expression(w, s->argquery);
				tpg_plcheck_learn_row(w, (PLpgSQL_datum *) s->var, w->cursors[s->curvar], false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_DYNFORS:
			{
				PLpgSQL_stmt_dynfors *s = (PLpgSQL_stmt_dynfors *) stmt;

				tpg_plcheck_learn_row(w, (PLpgSQL_datum *) s->var, check_dynamic(w, s->query, s->params), false);
				walk_loop(w, s->body);
				break;
			}
		case PLPGSQL_STMT_FOREACH_A:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_foreach_a *) stmt)->expr);
			walk_loop(w, ((PLpgSQL_stmt_foreach_a *) stmt)->body);
			break;
		case PLPGSQL_STMT_EXIT:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_exit *) stmt)->cond);
			break;
		case PLPGSQL_STMT_RETURN:
			check_return(w, (PLpgSQL_stmt_return *) stmt);
			break;
		case PLPGSQL_STMT_RETURN_NEXT:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_return_next *) stmt)->expr);
			break;
		case PLPGSQL_STMT_RETURN_QUERY:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_return_query *) stmt)->query);
			if (((PLpgSQL_stmt_return_query *) stmt)->dynquery != NULL)
				(void) check_dynamic(w, ((PLpgSQL_stmt_return_query *) stmt)->dynquery, ((PLpgSQL_stmt_return_query *) stmt)->params);
			break;
		case PLPGSQL_STMT_RAISE:
			check_raise(w, (PLpgSQL_stmt_raise *) stmt);
			break;
		case PLPGSQL_STMT_ASSERT:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_assert *) stmt)->cond);
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_assert *) stmt)->message);
			break;
		case PLPGSQL_STMT_EXECSQL:
			{
				PLpgSQL_stmt_execsql *s = (PLpgSQL_stmt_execsql *) stmt;
				Query	   *query = tpg_plcheck_expression(w, s->sqlstmt);

				if (s->into)
					tpg_plcheck_learn_row(w, (PLpgSQL_datum *) s->target, query, false);
				break;
			}
		case PLPGSQL_STMT_DYNEXECUTE:
			{
				PLpgSQL_stmt_dynexecute *s = (PLpgSQL_stmt_dynexecute *) stmt;
				Query	   *query = check_dynamic(w, s->query, s->params);

				if (s->into)
					tpg_plcheck_learn_row(w, (PLpgSQL_datum *) s->target, query, false);
				break;
			}
		case PLPGSQL_STMT_OPEN:
			check_open(w, (PLpgSQL_stmt_open *) stmt);
			break;
		case PLPGSQL_STMT_FETCH:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_fetch *) stmt)->expr);
			tpg_plcheck_learn_row(w, (PLpgSQL_datum *) ((PLpgSQL_stmt_fetch *) stmt)->target, w->cursors[((PLpgSQL_stmt_fetch *) stmt)->curvar], false);
			break;
		case PLPGSQL_STMT_PERFORM:
			check_perform(w, (PLpgSQL_stmt_perform *) stmt);
			break;
		case PLPGSQL_STMT_CALL:
			(void) tpg_plcheck_expression(w, ((PLpgSQL_stmt_call *) stmt)->expr);
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
walk_statements(TpgPlWalk *w, List *statements)
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
	CompileFunction compile = (CompileFunction) tpg_plcheck_symbol("plpgsql_compile");
	PLpgSQL_function *compiled;
	TpgPlWalk	   *w = palloc0(sizeof(TpgPlWalk));

	flinfo.fn_oid = function;
	flinfo.fn_mcxt = CurrentMemoryContext;
	fmgr_info_set_expr((Node *) call, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, NULL);
	compiled = compile(fcinfo, false);

	/* a copy: what it will call when it runs */
	tpg_pinned_qualify(compiled);
	/* in use: it is not freed when it changes meanwhile */
	tpg_plpgsql_use_count(compiled)++;
	PG_TRY();
	{
		w->check = check;
		w->func = *compiled;
		w->func.fn_cxt = check->context;
		w->func.cur_estate = &w->estate;
		tpg_plcheck_copy_variables(w);
		w->cursors = palloc0(sizeof(Query *) * w->func.ndatums);
		walk_block(w, w->func.action);
	}
	PG_FINALLY();
	{
		tpg_plpgsql_use_count(compiled)--;
	}
	PG_END_TRY();
}

void
tpg_plpgsql_expressions(PLpgSQL_function *function, void (*visit) (PLpgSQL_expr *expr, void *arg), void *arg)
{
	TpgCheck	check = {.context = CurrentMemoryContext, .signature = ""};
	TpgPlWalk	w = {.check = &check, .visit = visit, .visit_arg = arg};

	w.func = *function;
	w.estate.datums = function->datums;
	w.cursors = palloc0(sizeof(Query *) * function->ndatums);
	walk_block(&w, function->action);
}
