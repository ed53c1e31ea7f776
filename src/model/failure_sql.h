/*-------------------------------------------------------------------------
 *
 * failure_sql.h
 *	  Failures from and to SQL errors, and the form that SQL code sees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_FAILURE_SQL_H
#define TPG_MODEL_FAILURE_SQL_H

#include "base/compat.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

/*
 * An SQL error as a failure.  TF001 is the application failure that its DETAIL
 * describes; an error that tpg_failure_throw() has raised gives back the failure that
 * it carried; any other is an application failure whose type is its SQLSTATE.
 */
extern Jsonb *tpg_failure_from_error(const ErrorData *edata, const char *source);

/* Its next_retry_delay, a duration or an interval, in microseconds; -1 when absent. */
extern int64 tpg_failure_detail_delay(const Jsonb *detail);

/*
 * What SQL sees in PG_EXCEPTION_DETAIL: {"kind", "type", "message", "details",
 * "non_retryable", "retry_state", "timeout_type", "activity_type", ..., "cause"}.
 */
extern Jsonb *tpg_failure_detail(const Jsonb *failure);

/* The message of the error that it is raised as: the one at the top and the innermost one. sqlstate: as below. */
extern char *tpg_failure_error_message(const Jsonb *failure, int sqlstate);

/* "application", "timeout" and so on, as that form has them; false: no such kind. */
extern const char *tpg_failure_kind_name(TpgFailureKind kind);
extern bool tpg_failure_kind_from_name(const char *name, TpgFailureKind *kind);

/*
 * The other way round: a failure that somebody writes by hand, of that form or
 * only in part ({"message": "card declined", "type": "CardDeclined"}), is an
 * application failure where it does not say otherwise.
 */
extern Jsonb *tpg_failure_from_detail(const Jsonb *detail, const char *message, const char *source);

/*
 * Raises the failure as an SQL error: SQLSTATE of its kind or the one given (0:
 * of its kind), the message at the top followed by the innermost one, DETAIL the
 * chain as JSON.
 */
TPG_NORETURN extern void tpg_failure_throw(const Jsonb *failure, int sqlstate) TPG_NORETURN_AFTER;

#endif							/* TPG_MODEL_FAILURE_SQL_H */
