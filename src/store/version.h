/*-------------------------------------------------------------------------
 * store/version.h - versions of pinned code: tables pinned_version, pinned_definition.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_VERSION_H
#define TPG_STORE_VERSION_H

#include "store/definition.h"
#include "store/execution.h"
#include "nodes/pg_list.h"

/*
 * What makes the rows of a workflow type and its handlers the version that they are, beside the
 * functions' bodies: the same text for the same registration, in any database.
 */
extern char *tpg_version_of_definitions(int32 namespace_id, const char *workflow_type);

/*
 * Makes a version known: what is registered for the workflow type at the moment, with the
 * schema `version` in front of the recorded search_path.  `functions`: what was copied, OIDs.
 * Nothing happens where it is known.  True: it is new.
 */
extern bool tpg_version_put(const char *version, int32 namespace_id, const char *workflow_type, const List *functions);

/* Runs of the workflow type that start from now on have this version. */
extern void tpg_version_register(const char *version, int32 namespace_id, const char *workflow_type);

/*
 * For whoever starts a run of `def`, the definition of this type: the definition that is to be
 * used, whose version, if it has one, is not dropped before the end of the transaction.
 */
extern TpgDefinition *tpg_version_hold(int32 namespace_id, const char *workflow_type, TpgDefinition *def);

/* Pins a run that is to be inserted. */
extern void tpg_version_pin(TpgExecution *execution, const char *version, bool inherited);
extern bool tpg_version_was_inherited(const TpgExecution *execution);

/* Keeps a version from being dropped until the end of the transaction. */
extern void tpg_version_keep(const char *version);

/* Roles to which copies were given (REASSIGN OWNED) get USAGE on their schemas. */
extern void tpg_versions_follow_owners(void);

/* Names of the versions that no workflow type is registered with. */
extern List *tpg_version_unregistered(void);

/*
 * Drops a version, its schema and what lies in it, if no workflow type is registered with it,
 * nobody is about to start a run with it, and no run with a key above `after` has it.  The
 * caller has looked at the others.  False: it stays.
 */
extern bool tpg_version_drop(const char *version, int64 after);

/* Is one of its functions another one today than it was when it was copied?  False where there is no such version. */
extern bool tpg_version_is_outdated(const char *version);

/* OIDs of all its functions; NIL: one of them is gone, or its schema is. */
extern List *tpg_version_copies(const char *version);

#endif							/* TPG_STORE_VERSION_H */
