/*-------------------------------------------------------------------------
 *
 * invoke.h
 *	  Calls a registered function with arguments given as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_INVOKE_H
#define TPG_RUNTIME_INVOKE_H

#include "runtime/callable.h"
#include "store/definition.h"
#include "utils/jsonb.h"

/*
 * Calls the function of `def` with `input` (NULL or JSON null: no input) mapped
 * to its arguments; a dynamic one is called as f(dynamic_name, input).  The result
 * is in the caller's memory context; void and NULL are JSON null.  SPI must not
 * be connected for the caller's own use.  Runs as the current user, in the current
 * subtransaction, with whatever settings are in force.
 */
extern Jsonb *tpg_invoke(TpgDefinition *def, const char *dynamic_name, Jsonb *input);

/*
 * The same of a procedure, without calling it: its input arguments, as values in the current
 * memory context; *arguments has room for FUNC_MAX_ARGS.
 */
extern const TpgCallable *tpg_invoke_arguments(TpgDefinition *def, const char *dynamic_name, Jsonb *input, NullableDatum *arguments);

/* Of an error of the last call: it never got into the function, since an argument could not be made of the input. */
extern bool tpg_invoke_argument_error(const ErrorData *edata);

#endif							/* TPG_RUNTIME_INVOKE_H */
