/*-------------------------------------------------------------------------
 *
 * callable.h
 *	  What a function is to a caller that has its arguments as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CALLABLE_H
#define TPG_RUNTIME_CALLABLE_H

#include "fmgr.h"

/* How a JSON value becomes a value of the argument's type. */
typedef enum TpgArgumentKind
{
	TPG_ARG_SCALAR,				/* through the type's input function */
	TPG_ARG_TEXT,				/* text, varchar: the string itself */
	TPG_ARG_BOOL,
	TPG_ARG_INTEGER,			/* int2, int4, int8: "5.0" is 5 */
	TPG_ARG_NUMERIC,
	TPG_ARG_JSONB,
	TPG_ARG_JSON,				/* json, and domains over json and jsonb: the text of the value */
	TPG_ARG_ARRAY,				/* by jsonb_to_record() */
	TPG_ARG_COMPOSITE			/* likewise */
} TpgArgumentKind;

typedef struct TpgArgument
{
	char	   *name;			/* NULL when it has none */
	Oid			type;
	char	   *type_name;		/* schema-qualified */
	TpgArgumentKind kind;
	bool		is_domain;
	char	   *dflt;			/* SQL of the default, cast to the type; NULL for none */
	FmgrInfo	input;			/* for kinds that use it */
	Oid			ioparam;
} TpgArgument;

typedef struct TpgCallable
{
	char	   *name;			/* "app.greet", quoted */
	int			nargs;			/* input arguments */
	TpgArgument *args;
	bool		variadic;		/* the last one is VARIADIC */
	Oid			result_type;
	Oid			function;
	bool		procedure;		/* called by CALL */
} TpgCallable;

/*
 * Everything about the function, palloc'd in the current memory context, which has
 * to live as long as the result is used.
 */
extern TpgCallable *tpg_callable_load(Oid function);

/*
 * Errors out when the function cannot be a workflow or activity: a procedure,
 * aggregate, window function, set-returning or trigger function, polymorphic or
 * pseudo-types (0A000, 42809), or, for a dynamic one, not f(text, jsonb).
 * procedure: where it must be one, that can COMMIT.
 */
extern void tpg_callable_check(Oid function, const char *what, bool dynamic, bool procedure);

#endif							/* TPG_RUNTIME_CALLABLE_H */
