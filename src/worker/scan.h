/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  From due rows in the tables to hints in the rings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_SCAN_H
#define TPG_WORKER_SCAN_H

#include "datatype/timestamp.h"

typedef enum TpgScanMode
{
	TPG_SCAN_NEW,				/* what has become due since `from` */
	TPG_SCAN_RESUME,			/* rings have room again: go on there */
	TPG_SCAN_ALL				/* everything that is due */
} TpgScanMode;

/* In a transaction of the dispatcher; memory: the current context, reset after. */
extern void tpg_scan_tables(TpgScanMode mode, TimestampTz from, TimestampTz now);

#endif							/* TPG_WORKER_SCAN_H */
