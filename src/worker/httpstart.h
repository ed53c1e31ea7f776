/*-------------------------------------------------------------------------
 *
 * httpstart.h
 *	  When the HTTP process of a database is started.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTPSTART_H
#define TPG_WORKER_HTTPSTART_H

#include "datatype/timestamp.h"

/*
 * In a transaction: tells it what is due, or has lost its process; and worker/backlog, what has become due
 * since that time in configured task queues.
 */
extern void tpg_http_look(TimestampTz since, TimestampTz now);

/* Outside of transactions: starts it where it is wanted; when to call this again. */
extern TimestampTz tpg_http_turn(TimestampTz now);

#endif							/* TPG_WORKER_HTTPSTART_H */
