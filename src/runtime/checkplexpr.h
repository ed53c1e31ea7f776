/*-------------------------------------------------------------------------
 * runtime/checkplexpr.h - the static check: expressions and variables of PL/pgSQL.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHECKPLEXPR_H
#define TPG_RUNTIME_CHECKPLEXPR_H

#include "plpgsql.h"

#include "nodes/parsenodes.h"
#include "runtime/check.h"

typedef struct TpgPlWalk
{
	TpgCheck   *check;
	PLpgSQL_function func;		/* a copy, with our estate */
	PLpgSQL_execstate estate;
	Query	  **cursors;		/* by variable: the query that it is open for */
	int			loops;			/* around the statement */
	void		(*visit) (PLpgSQL_expr *expr, void *arg);	/* in place of the check */
	void	   *visit_arg;
} TpgPlWalk;

/* A function of PL/pgSQL, whose library is loaded if need be. */
extern void *tpg_plcheck_symbol(const char *function);

/* The variables of func into estate: copies, so that the estate of the check is all its own. */
extern void tpg_plcheck_copy_variables(TpgPlWalk *w);

/* Analyses and checks; NULL when there is none or it could not be analysed. */
extern Query *tpg_plcheck_expression(TpgPlWalk *w, PLpgSQL_expr *expr);
extern void tpg_plcheck_expressions(TpgPlWalk *w, List *expressions);

/* A column of the query goes into something of that type, by PL/pgSQL's own assignment. */
extern void tpg_plcheck_target_type(TpgPlWalk *w, Query *query, int column, Oid type);

/* Of a scalar variable; else InvalidOid. */
extern Oid	tpg_plcheck_variable_type(TpgPlWalk *w, int dno);

/* The query's row goes into these variables; value: its one column is the row. */
extern void tpg_plcheck_learn_row(TpgPlWalk *w, PLpgSQL_datum *target, Query *query, bool value);

/* The variable behind CASE has the type of what it is compared with; until it runs that is not known. */
extern void tpg_plcheck_set_variable_type(TpgPlWalk *w, int dno, Query *query);

#endif							/* TPG_RUNTIME_CHECKPLEXPR_H */
