/*-------------------------------------------------------------------------
 * engine/token.h - task tokens: names of single attempts, for those outside.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_TOKEN_H
#define TPG_ENGINE_TOKEN_H

#include "datatype/timestamp.h"

/* What a token names. */
typedef struct TpgToken
{
	int64		execution_key;
	int32		scheduled_event_id;
	int32		attempt;
	TimestampTz started_at;		/* tells attempts of the same number apart, as after a reset of the activity */
} TpgToken;

/* Opaque text, palloc'd; good for this copy of the database only. */
extern char *tpg_token_encode(const TpgToken *token);

/*
 * 22023 when it is no token; false when it is one of another copy: of the time
 * before a dump was restored or the database cloned.
 */
extern bool tpg_token_decode(const char *text, TpgToken *token);

#endif							/* TPG_ENGINE_TOKEN_H */
