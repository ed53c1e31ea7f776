/*-------------------------------------------------------------------------
 * store/search_attribute.h - search attributes: names, types, values of runs.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_SEARCH_ATTRIBUTE_H
#define TPG_STORE_SEARCH_ATTRIBUTE_H

#include "utils/jsonb.h"

typedef struct TpgSearchAttribute TpgSearchAttribute;

/* Predefined: the patches that a run knows.  Every namespace has it, unregistered. */
#define TPG_CHANGE_VERSION "TemporalChangeVersion"

/* The type of a predefined attribute; NULL: it is none. */
extern const char *tpg_search_attribute_predefined(const char *name);

/*
 * Checks {name: value} against the registered names and types, and the limits
 * of A-45: TP026, TP025.  NULL is none.  Null values are left out.
 */
extern int	tpg_search_attributes_check(int32 namespace_id, const Jsonb *values, TpgSearchAttribute **attributes);

/* Are all that a run has together within the limits?  The other one raises TP025. */
extern bool tpg_search_attributes_fit(const Jsonb *values);
extern void tpg_search_attributes_check_size(const Jsonb *values);

/* Writes checked values of a new run. */
extern void tpg_search_attributes_put(int64 execution_key, int32 namespace_id, const TpgSearchAttribute *attributes, int n);

/* Changes those of a run: {name: value}, which has been checked; null takes one away. */
extern void tpg_search_attributes_upsert(int64 execution_key, int32 namespace_id, const Jsonb *values);

#endif							/* TPG_STORE_SEARCH_ATTRIBUTE_H */
