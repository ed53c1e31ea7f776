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
	ErrorData  *error;			/* NULL: none */
} TpgLastError;

/* From an error context callback: remembers the error that is being raised. */
extern void tpg_last_error_note(TpgLastError *last);

/* What came out of the code: if it is the last error as PL/Perl or PL/Tcl hands it on, it gets back what they have lost. */
extern void tpg_last_error_restore(const TpgLastError *last, ErrorData *edata);

#endif							/* TPG_RUNTIME_LANGUAGES_H */
