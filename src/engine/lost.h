/*-------------------------------------------------------------------------
 * engine/lost.h - attempts whose process is gone.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_LOST_H
#define TPG_ENGINE_LOST_H

#include "datatype/timestamp.h"

/* Attempts that were recorded in careful mode; costs nothing once the last has been found. */
extern void tpg_engine_find_crashed(TimestampTz now);

/*
 * Autonomous attempts that are recorded as running in an executor and that no
 * executor runs: they have failed.  True: not all could be looked at, since
 * somebody had them locked; ask again.
 */
extern bool tpg_engine_find_lost(TimestampTz now);

#endif							/* TPG_ENGINE_LOST_H */
