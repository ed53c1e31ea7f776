/*-------------------------------------------------------------------------
 * runtime/testdrive.h - a transaction drives its own runs, under a virtual clock.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_TESTDRIVE_H
#define TPG_RUNTIME_TESTDRIVE_H

#include "datatype/timestamp.h"

typedef enum TpgTestUntil
{
	TPG_TEST_IDLE,				/* nothing is due at the present virtual time */
	TPG_TEST_BLOCKED,			/* nothing will ever be due: time is skipped */
	TPG_TEST_CLOSED				/* the run is closed: time is skipped */
} TpgTestUntil;

/*
 * Drives the runs of the test environment (key 0: all).  With TPG_TEST_CLOSED,
 * false when they can get no further without being closed.
 */
extern bool tpg_test_drive(TpgTestUntil until, int64 execution_key);

/* Moves the clock on by so much, stopping at everything that becomes due on the way. */
extern void tpg_test_advance(int64 us);

#endif							/* TPG_RUNTIME_TESTDRIVE_H */
