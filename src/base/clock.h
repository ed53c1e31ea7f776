/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The only source of time.
 *
 * The engine never asks PostgreSQL for the time, so that a test can own it:
 * while a virtual time is set, tpg_clock_now() returns that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_CLOCK_H
#define TPG_BASE_CLOCK_H

#include "datatype/timestamp.h"

extern TimestampTz tpg_clock_now(void);
extern void tpg_clock_set_virtual(TimestampTz now);
extern bool tpg_clock_is_virtual(void);
extern void tpg_clock_clear(void);

#endif							/* TPG_BASE_CLOCK_H */
