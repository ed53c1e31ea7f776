/*-------------------------------------------------------------------------
 *
 * nearname.h
 *	  "Did you mean ...": TP014 with the names that are nearly the one given.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_NEARNAME_H
#define TPG_STORE_NEARNAME_H

#include "base/compat.h"

/* "Perhaps you meant ...", palloc'd, for a HINT; NULL when no name is near */
extern char *tpg_near_names(const char *name, char **names, int count);

/* what: "workflow" or "activity"; the HINT names its register function when no name is near */
TPG_NORETURN extern void tpg_near_names_error(const char *what, const char *name,
											  char **names, int count) TPG_NORETURN_AFTER;

#endif							/* TPG_STORE_NEARNAME_H */
