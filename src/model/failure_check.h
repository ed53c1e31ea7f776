/*-------------------------------------------------------------------------
 *
 * failure_check.h
 *	  Is what somebody has written by hand a failure?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_FAILURE_CHECK_H
#define TPG_MODEL_FAILURE_CHECK_H

#include "utils/jsonb.h"

/*
 * An object of the form that SQL code sees (tpg_failure_detail), or of a part of it: of
 * kind application, whose causes may be of any kind.  22023, with the members that there
 * are; 22007 for a delay that is no interval.
 */
extern void tpg_failure_check(const Jsonb *failure);

#endif							/* TPG_MODEL_FAILURE_CHECK_H */
