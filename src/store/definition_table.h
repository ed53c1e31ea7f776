/*-------------------------------------------------------------------------
 *
 * definition_table.h
 *	  What the cache (definition.c) needs of the statements (definition_table.c).
 *	  Everybody else: definition.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_DEFINITION_TABLE_H
#define TPG_STORE_DEFINITION_TABLE_H

#include "store/definition.h"

/*
 * Reads a definition, without its function; NULL when there is none.  It is in a memory
 * context of its own, which goes with the transaction until somebody gives it another parent.
 */
extern TpgDefinition *tpg_definition_read(int32 namespace_id, TpgDefinitionKind kind,
										  const char *workflow_type, const char *name);

/* The same of what belongs to a version. */
extern TpgDefinition *tpg_definition_read_version(int32 namespace_id, TpgDefinitionKind kind,
												  const char *name, const char *version);

/*
 * Empties the caches in front of the tables.  Called before the change: so the end of the
 * statement empties our own, and the abort of a subtransaction knows that it has to.
 */
extern void tpg_definition_announce_change(void);

#endif							/* TPG_STORE_DEFINITION_TABLE_H */
