/*-------------------------------------------------------------------------
 *
 * argmap.h
 *	  Which argument of a function gets which part of a JSON input.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_ARGMAP_H
#define TPG_RUNTIME_ARGMAP_H

#include "runtime/callable.h"
#include "utils/jsonb.h"

/* What an argument gets. */
typedef struct TpgGivenValue
{
	bool		given;
	JsonbValue	value;
} TpgGivenValue;

/* *given is zeroed and has c->nargs places.  22023 for an input that does not fit. */
extern void tpg_map_input(const TpgCallable *c, const Jsonb *input, TpgGivenValue *given);

/* The whole of a JSON document as a value. */
extern void tpg_json_whole(const Jsonb *input, JsonbValue *jv);
extern void tpg_give_null(TpgGivenValue *g);

#endif							/* TPG_RUNTIME_ARGMAP_H */
