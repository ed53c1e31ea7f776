/*-------------------------------------------------------------------------
 *
 * jsontime.h
 *	  Durations and times in Temporal's proto-JSON forms, and limits of size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_JSONTIME_H
#define TPG_BASE_JSONTIME_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* Durations: "60s", "0.500s" (3, 6 or no decimals, as proto-JSON writes them) */
extern char *tpg_duration_to_text(int64 microseconds);
extern int64 tpg_duration_from_text(const char *text);

/* A month is 30 days and a day 24 hours; 22008 when it does not fit. */
extern int64 tpg_interval_to_us(const Interval *value);
extern Interval *tpg_interval_from_us(int64 microseconds);

/*
 * An interval argument that has to be zero or more, at most about 100 years;
 * `what` names the argument in the error (22023).
 */
extern int64 tpg_interval_arg_us(const Interval *value, const char *what);

/* "2024-05-06T07:08:09.123456Z" */
extern char *tpg_timestamp_to_text(TimestampTz value);

/*
 * TP025 when the value is larger than temporal_pg.max_payload_size or nested
 * too deep; `what` is for the message: "workflow input".
 */
extern void tpg_payload_check(const Jsonb *value, const char *what);

/* The same for a size other than the payload limit; `setting` is named in the HINT. */
extern void tpg_size_check(int64 size, int64 limit, const char *what, const char *setting);

#endif							/* TPG_BASE_JSONTIME_H */
