/*-------------------------------------------------------------------------
 *
 * namespace.h
 *	  Tables temporal_internal.namespace and access, search attribute names,
 *	  and the question who may do what.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_NAMESPACE_H
#define TPG_STORE_NAMESPACE_H

#include "datatype/timestamp.h"

#define TPG_ACCESS_NONE		0
#define TPG_ACCESS_CLIENT	1	/* start, signal, query, update, see */
#define TPG_ACCESS_AUTHOR	2	/* and register */
#define TPG_ACCESS_ADMIN	3

#define TPG_DEFAULT_NAMESPACE "default"

/*
 * Id of the namespace that temporal_pg.namespace names.  42704 when there is no
 * such; 0 for the default one before its first use (then it is empty).
 */
extern int32 tpg_namespace_current(void);

/* The same, but creates the default namespace at its first use. */
extern int32 tpg_namespace_current_for_write(void);

/* 0 when there is none */
extern int32 tpg_namespace_find(const char *name);

/* A namespace that is named: 42704 when there is none, the default one is created. */
extern int32 tpg_namespace_for_write(const char *name);

/* Name of a namespace id, palloc'd; "?" when it is gone. */
extern char *tpg_namespace_name(int32 namespace_id);

/* Retention in microseconds. */
extern int64 tpg_namespace_retention(int32 namespace_id);

/* 0 when the name is taken */
extern int32 tpg_namespace_create(const char *name, int64 retention_us);
extern void tpg_namespace_alter(int32 namespace_id, int64 retention_us);

/* Keeps everybody from writing runs until the end of the transaction. */
extern void tpg_namespace_lock_runs(void);
extern int64 tpg_namespace_open_runs(int32 namespace_id);

/* Deletes the namespace and everything in it. */
extern void tpg_namespace_delete(int32 namespace_id);

/* The type that the name has now: the one asked for, or the one it had before. */
extern char *tpg_namespace_define_search_attribute(int32 namespace_id, const char *name, const char *type);

/* Level of the current user in the namespace; superuser and the extension owner's members: admin. */
extern int	tpg_access_level(int32 namespace_id);

/* Is the current user the extension's owner, a member of it, or superuser? */
extern bool tpg_access_is_owner(void);

/* 42501 with the statement that would grant it. */
extern void tpg_access_require(int32 namespace_id, int level);

extern void tpg_access_grant(int32 namespace_id, const char *role_name, int level);

/* false: the role had no grant */
extern bool tpg_access_revoke(int32 namespace_id, const char *role_name);
extern const char *tpg_access_level_name(int level);

/* 0 when it is no level */
extern int	tpg_access_level_from_name(const char *name);

/* Called once from _PG_init. */
extern void tpg_namespace_init(void);

#endif							/* TPG_STORE_NAMESPACE_H */
