/*-------------------------------------------------------------------------
 * store/extension.h - is the extension here, whose is it, may it run.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_EXTENSION_H
#define TPG_STORE_EXTENSION_H

/* Saved state of tpg_owner_enter. */
typedef struct TpgOwnerScope
{
	Oid			user;
	int			sec_context;
	int			guc_level;		/* search_path level on 17 and later */
} TpgOwnerScope;

/* OID of the extension, InvalidOid where it is not installed. */
extern Oid	tpg_extension_oid(void);

/* Owner of the extension; error where it is not installed. */
extern Oid	tpg_extension_owner(void);

/* Changes whenever the extension is dropped or made again: what is saved across is stale. */
extern uint64 tpg_extension_generation(void);

/*
 * Locks the extension against DROP until the end of the transaction and says
 * whether it is still there.  Workers call it first in each transaction, so
 * that DROP EXTENSION waits for them in one place instead of table by table.
 */
extern bool tpg_extension_lock(void);

/* Become the extension's owner, with search_path pinned; and back. An error in between is undone by the abort. */
extern void tpg_owner_enter(TpgOwnerScope *scope);
extern void tpg_owner_leave(TpgOwnerScope *scope);

/* Is this process in one now?  Known by the role that is in force, so an abort ends it. */
extern bool tpg_in_owner_scope(void);

/* Table OID of temporal_internal.<name>, cached. */
extern Oid	tpg_extension_table(const char *name);

/* True where the workflows of this database run here (see table home), or nothing was made yet. */
extern bool tpg_home_is_ours(void);

/* What tells this copy of the database from others, in task tokens: made anew by post_restore(). Zeros before there is any. */
struct pg_uuid_t;
extern void tpg_home_epoch(struct pg_uuid_t *epoch);

/* Makes this database the home: inserted with the first namespace, and by post_restore(). */
extern void tpg_home_claim(bool replace);

#endif							/* TPG_STORE_EXTENSION_H */
