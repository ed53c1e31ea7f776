/*-------------------------------------------------------------------------
 * runtime/languages.h - errors that pass through a language which keeps only their message.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_LANGUAGES_H
#define TPG_RUNTIME_LANGUAGES_H

#include "utils/elog.h"

/* The last error that was raised below some code; in a context that outlives its subtransactions. */
typedef struct TpgLastError
{
	MemoryContext context;
	int			nest_level;		/* of the subtransaction around the code: only deeper ones count, which its language may catch */
	ErrorData  *error;			/* NULL: none */
} TpgLastError;

/* From an error context callback: remembers the error that is being raised. */
extern void tpg_last_error_note(TpgLastError *last);

/* What came out of the code: if it is the last error as PL/Perl, PL/Tcl or PL/Python hands it on, it is as it was raised. */
extern void tpg_last_error_restore(const TpgLastError *last, ErrorData *edata);

#endif							/* TPG_RUNTIME_LANGUAGES_H */
