/*-------------------------------------------------------------------------
 * runtime/checkquery.h - the static check: analysed queries and expressions.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHECKQUERY_H
#define TPG_RUNTIME_CHECKQUERY_H

#include "nodes/parsenodes.h"
#include "runtime/check.h"

/* Looks at an analysed tree, whose locations refer to check->source. */
extern void tpg_check_node(TpgCheck *check, Node *node);

/* The CHECK constraints of a domain: a value that becomes one is looked at by them. */
extern void tpg_check_domain(TpgCheck *check, Oid type);

/* Their expressions (of the domains below as well); NIL: it is no domain, or has none. */
extern List *tpg_check_domain_expressions(Oid type);

/* An argument of a call by its number, whatever way it was given; NULL: its default. */
extern Node *tpg_check_argument(const FuncExpr *call, int number);

/* The expression that a query consists of; NULL if it is more than that. */
extern Node *tpg_check_only_expression(const Query *query);

/* Text that a constant holds; NULL: it is none, or is null. */
extern char *tpg_check_constant_text(Node *node);

/* A call of a function in schema temporal that gives jsonb; NULL: it is another expression. */
extern FuncExpr *tpg_check_jsonb_call(Node *node);

/* Its result becomes text. */
extern void tpg_check_jsonb_as_text(TpgCheck *check, const FuncExpr *call);

/*
 * What depends on the clock and is no function: CURRENT_DATE and the like, and
 * the literal 'now'.  "CURRENT_DATE reads the clock", or NULL.  source may be NULL.
 */
extern const char *tpg_check_clock_node(Node *node, const char *source, const char **instead);

#endif							/* TPG_RUNTIME_CHECKQUERY_H */
