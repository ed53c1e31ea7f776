/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Cron schedules of workflows: which are valid, and when the next run is due.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_CRON_H
#define TPG_MODEL_CRON_H

#include "datatype/timestamp.h"

/* 22023 when the text is no schedule, or one that never comes. */
extern void tpg_cron_check(const char *schedule);

/*
 * How long after `now` the next run begins, in whole seconds: at the first
 * match after `last` that is still to come.  last: when the run before was
 * scheduled; for the first run, `now`.  -1: never.
 */
extern int64 tpg_cron_backoff(const char *schedule, TimestampTz last, TimestampTz now);

#endif							/* TPG_MODEL_CRON_H */
