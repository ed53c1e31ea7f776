/*-------------------------------------------------------------------------
 * store/search_attribute.h - search attributes: names, types, values of runs.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_SEARCH_ATTRIBUTE_H
#define TPG_STORE_SEARCH_ATTRIBUTE_H

#include "utils/jsonb.h"

typedef struct TpgSearchAttribute TpgSearchAttribute;

/*
 * Checks {name: value} against the registered names and types, and the limits
 * of A-45: TP026, TP025.  NULL is none.  Null values are left out.
 */
extern int	tpg_search_attributes_check(int32 namespace_id, const Jsonb *values, TpgSearchAttribute **attributes);

/* Writes checked values of a new run. */
extern void tpg_search_attributes_put(int64 execution_key, int32 namespace_id, const TpgSearchAttribute *attributes, int n);

#endif							/* TPG_STORE_SEARCH_ATTRIBUTE_H */
