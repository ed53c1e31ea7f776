/*-------------------------------------------------------------------------
 * runtime/checkliteral.h - the static check: literals that mean the present time.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_CHECKLITERAL_H
#define TPG_RUNTIME_CHECKLITERAL_H

#include "nodes/primnodes.h"

/* The word in it ("now", "today" ...) that a constant of a date or time type was made of; NULL: none. */
extern const char *tpg_check_literal(const Const *constant, const char *source);

/* The same of a text that will be read as a value of that type. */
extern const char *tpg_check_literal_text(const char *text, Oid type);

#endif							/* TPG_RUNTIME_CHECKLITERAL_H */
