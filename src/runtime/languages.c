/*-------------------------------------------------------------------------
 * runtime/languages.c - errors that pass through a language which keeps only their message.
 *
 * PL/Perl and PL/Tcl catch an error of a query, carry its message through their
 * code, and raise that as external_routine_exception, with the line added.  So a
 * failure of an activity would not fail the run, nor a cancellation cancel it.
 * What is lost is remembered where the error is raised, and given back where it
 * leaves the code unchanged.  PL/Python keeps it, and adds to the message.
 *
 * Callers: runtime/activation, runtime/attempt.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "runtime/languages.h"

void
tpg_last_error_note(TpgLastError *last)
{
	MemoryContext old;
	int			code = geterrcode();

	if (GetCurrentTransactionNestLevel() <= last->nest_level)
		return;
	/* notices and the like come here, too */
	if (code == ERRCODE_SUCCESSFUL_COMPLETION || ERRCODE_TO_CATEGORY(code) == ERRCODE_WARNING || code == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION)
		return;
	old = MemoryContextSwitchTo(last->context);
	if (last->error != NULL)
		FreeErrorData(last->error);
	last->error = CopyErrorData();
	MemoryContextSwitchTo(old);
}

/* "", or " at line 3." once or more */
static bool
is_line_numbers(const char *s)
{
	static const char at[] = " at line ";

	while (strncmp(s, at, strlen(at)) == 0)
	{
		s += strlen(at);
		s += strspn(s, "0123456789");
		if (*s == '.')
			s++;
	}
	return s[strspn(s, " \n")] == '\0';
}

/* "plpy.SPIError: " or "spiexceptions.X: " and that message */
static bool
is_of_python(const char *s, const char *message)
{
	const char *colon = strstr(s, ": ");

	return (strncmp(s, "plpy.", 5) == 0 || strncmp(s, "spiexceptions.", 14) == 0) && colon != NULL && strcmp(colon + 2, message) == 0;
}

void
tpg_last_error_restore(const TpgLastError *last, ErrorData *edata)
{
	const ErrorData *e = last->error;

	/* PL/Python keeps all of it, but puts the exception's name in front, which is no part of a failure */
	if (e != NULL && edata->sqlerrcode == e->sqlerrcode && TPG_ERR_IS_FAILURE(e->sqlerrcode) && edata->message != NULL && e->message != NULL &&
		is_of_python(edata->message, e->message))
	{
		edata->message = e->message;
		return;
	}
	if (e == NULL || edata->sqlerrcode != ERRCODE_EXTERNAL_ROUTINE_EXCEPTION || edata->message == NULL || e->message == NULL ||
		strncmp(edata->message, e->message, strlen(e->message)) != 0 || !is_line_numbers(edata->message + strlen(e->message)))
		return;
	edata->sqlerrcode = e->sqlerrcode;
	/* of a mistake in the code the line is worth knowing */
	if (TPG_ERR_IS_FAILURE(e->sqlerrcode))
		edata->message = e->message;
	edata->detail = e->detail;
	if (edata->hint == NULL)
		edata->hint = e->hint;
}
