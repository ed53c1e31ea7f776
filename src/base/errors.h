/*-------------------------------------------------------------------------
 *
 * errors.h
 *	  The SQLSTATEs of temporal_pg.
 *
 * Class TF: failures, what Temporal calls a FailureError; 'TF000' as a
 * condition in PL/pgSQL catches the class.  Class TP: misuse or trouble.
 * Bad arguments are PostgreSQL's own 22004, 22023, 42501.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_ERRORS_H
#define TPG_BASE_ERRORS_H

#include "utils/elog.h"

#define TPG_ERR_FAILURE_CLASS			MAKE_SQLSTATE('T', 'F', '0', '0', '0')
#define TPG_ERR_APPLICATION_FAILURE		MAKE_SQLSTATE('T', 'F', '0', '0', '1')
#define TPG_ERR_ACTIVITY_FAILURE		MAKE_SQLSTATE('T', 'F', '0', '0', '2')
#define TPG_ERR_CHILD_WORKFLOW_FAILURE	MAKE_SQLSTATE('T', 'F', '0', '0', '3')
#define TPG_ERR_CANCELLED_FAILURE		MAKE_SQLSTATE('T', 'F', '0', '0', '4')
#define TPG_ERR_TIMEOUT_FAILURE			MAKE_SQLSTATE('T', 'F', '0', '0', '5')
#define TPG_ERR_TERMINATED_FAILURE		MAKE_SQLSTATE('T', 'F', '0', '0', '6')
#define TPG_ERR_WORKFLOW_EXECUTION_FAILED	MAKE_SQLSTATE('T', 'F', '0', '0', '7')
#define TPG_ERR_UPDATE_FAILED			MAKE_SQLSTATE('T', 'F', '0', '0', '8')

#define TPG_ERR_WAIT_TIMEOUT			MAKE_SQLSTATE('T', 'P', '0', '0', '8')
#define TPG_ERR_WAITING_FOR_OWN_TRANSACTION	MAKE_SQLSTATE('T', 'P', '0', '0', '9')
#define TPG_ERR_WORKFLOW_NOT_FOUND		MAKE_SQLSTATE('T', 'P', '0', '1', '0')
#define TPG_ERR_WORKFLOW_ALREADY_STARTED	MAKE_SQLSTATE('T', 'P', '0', '1', '1')
#define TPG_ERR_WORKFLOW_ALREADY_COMPLETED	MAKE_SQLSTATE('T', 'P', '0', '1', '2')
#define TPG_ERR_ACTIVITY_NOT_FOUND		MAKE_SQLSTATE('T', 'P', '0', '1', '3')
#define TPG_ERR_NOT_REGISTERED			MAKE_SQLSTATE('T', 'P', '0', '1', '4')
#define TPG_ERR_QUERY_FAILED			MAKE_SQLSTATE('T', 'P', '0', '1', '5')
#define TPG_ERR_NONDETERMINISM			MAKE_SQLSTATE('T', 'P', '0', '2', '0')
#define TPG_ERR_WRONG_CONTEXT			MAKE_SQLSTATE('T', 'P', '0', '2', '1')
#define TPG_ERR_DETERMINISM_VIOLATION	MAKE_SQLSTATE('T', 'P', '0', '2', '2')
#define TPG_ERR_UPDATE_REJECTED			MAKE_SQLSTATE('T', 'P', '0', '2', '3')
#define TPG_ERR_UPDATE_WOULD_WAIT		MAKE_SQLSTATE('T', 'P', '0', '2', '4')
#define TPG_ERR_LIMIT_EXCEEDED			MAKE_SQLSTATE('T', 'P', '0', '2', '5')
#define TPG_ERR_SEARCH_ATTRIBUTE_INVALID	MAKE_SQLSTATE('T', 'P', '0', '2', '6')

/* Is it of class TF? */
#define TPG_ERR_IS_FAILURE(sqlstate) (ERRCODE_TO_CATEGORY(sqlstate) == TPG_ERR_FAILURE_CLASS)

/* Name of a condition: ours ("activity_failure"), PostgreSQL's ("unique_violation"), or NULL. */
extern const char *tpg_condition_name(int sqlstate);

#endif							/* TPG_BASE_ERRORS_H */
