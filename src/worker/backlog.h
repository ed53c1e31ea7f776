/*-------------------------------------------------------------------------
 *
 * backlog.h
 *	  Gives out the work of configured task queues.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_BACKLOG_H
#define TPG_WORKER_BACKLOG_H

#include "datatype/timestamp.h"

extern void tpg_backlog_init(void);

/* Reads the settings anew; in a transaction. */
extern void tpg_backlog_load(void);

/* Counts the attempts of outside workers anew; in a transaction, with every sweep. */
extern void tpg_backlog_recount(void);

/* Are there rows to be read, now that some may start?  read: in a transaction. */
extern bool tpg_backlog_wants_rows(TimestampTz now);
extern void tpg_backlog_read(TimestampTz now);

/* Gives out what may start.  When to look again; DT_NOEND: when told. */
extern TimestampTz tpg_backlog_turn(TimestampTz now);

#endif							/* TPG_WORKER_BACKLOG_H */
