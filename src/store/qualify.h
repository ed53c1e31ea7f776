/*-------------------------------------------------------------------------
 * store/qualify.h - calls by name get the schema of a version.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_QUALIFY_H
#define TPG_STORE_QUALIFY_H

#include "parser/parser.h"

/* Does the schema, PostgreSQL or an extension have a function of this name? */
extern bool tpg_qualify_is_known(Oid schema, const char *name);

/*
 * The text with each call that names a function of the schema, and no schema, changed into one
 * that names both; NULL where there is none.  `mode` says how the text is to be parsed: 42601
 * when it cannot be.  In the current memory context.
 */
extern char *tpg_qualify_calls(const char *source, RawParseMode mode, Oid schema);

#endif							/* TPG_STORE_QUALIFY_H */
