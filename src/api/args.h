/*-------------------------------------------------------------------------
 * args.h
 *	  Arguments of SQL functions: NULL, or not NULL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_ARGS_H
#define TPG_API_ARGS_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "model/priority.h"

/* NULL for an SQL NULL */
extern char *tpg_arg_text(FunctionCallInfo fcinfo, int n);
extern Jsonb *tpg_arg_jsonb(FunctionCallInfo fcinfo, int n);

/* 22004 "%s must not be null" */
extern void tpg_arg_required(FunctionCallInfo fcinfo, int n, const char *what);
extern char *tpg_arg_required_text(FunctionCallInfo fcinfo, int n, const char *what);

/* priority_key, argument `key`; fairness_key, fairness_weight from argument `fairness` on; 22023. */
extern TpgPriority tpg_arg_priority(FunctionCallInfo fcinfo, int key, int fairness);

#endif							/* TPG_API_ARGS_H */
