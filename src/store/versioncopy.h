/*-------------------------------------------------------------------------
 * store/versioncopy.h - the functions of a version: copies in a schema of its own.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_VERSIONCOPY_H
#define TPG_STORE_VERSIONCOPY_H

#include "nodes/pg_list.h"

/* All that makes a function do what it does, as text: its definition, owner and rights. */
extern char *tpg_version_text_of_function(Oid function);

/* temporal_<hash of the text>: the name of a version and of its schema. */
extern char *tpg_version_name(const char *text);

/*
 * Makes the schema, and in it a copy of each of the functions, which belong to `owner`, all or
 * what is missing.  `what` is said in their comments.  42723 when two have one name and the same
 * arguments, 42P06 when somebody else has a schema of this name.
 */
extern Oid	tpg_version_schema_make(const char *version, Oid owner, const List *functions, const char *what);

/* Drops the schema and the copies; 2BP01 when something else lies in it or depends on them. */
extern void tpg_version_schema_drop(const char *version);

/* The copy of a function in that schema; InvalidOid: none */
extern Oid	tpg_version_copy_of(const char *version, Oid function);

/* Is `copy`, in the schema of this version, what a copy of `original` would be?  InvalidOid is not. */
extern bool tpg_version_is_copy(Oid copy, Oid original, const char *version);

/* Is it what a version is named?  Somebody's schema may be, too: see tpg_version_schema_is_ours(). */
extern bool tpg_version_is_name(const char *name);

/* The search_path of a version: its schema, before `path`. */
extern char *tpg_version_path(const char *version, const char *path);

/* Does it belong to the extension's owner or a superuser?  Else it is none of a version, whatever its name. */
extern bool tpg_version_schema_is_ours(Oid schema);

/* USAGE for a role, if the schema is a version's. */
extern void tpg_version_schema_grant(Oid schema, Oid user);

#endif							/* TPG_STORE_VERSIONCOPY_H */
