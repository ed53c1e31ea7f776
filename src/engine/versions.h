/*-------------------------------------------------------------------------
 * engine/versions.h - versions of pinned code that no run has any more.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_VERSIONS_H
#define TPG_ENGINE_VERSIONS_H

#include "nodes/pg_list.h"

/*
 * The dispatcher walks over all runs for retention, in order of their keys and in pieces; this
 * goes along.  `versions`, text: those that the runs of a piece have.
 */
extern void tpg_versions_walk_begins(void);
extern void tpg_versions_seen(const List *versions);
/* last: the key at which its last piece began, or a lower one */
extern void tpg_versions_walk_ends(int64 last);

#endif							/* TPG_ENGINE_VERSIONS_H */
