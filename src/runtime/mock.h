/*-------------------------------------------------------------------------
 * runtime/mock.h - activities that a test replaces.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_MOCK_H
#define TPG_RUNTIME_MOCK_H

#include "engine/attempt.h"
#include "utils/jsonb.h"

/* What a mocked activity does: exactly one of the three. Until the end of the transaction. */
extern void tpg_mock_set(const char *activity_type, const Jsonb *returns, const char *handler, const Jsonb *fails);

extern bool tpg_mock_is_set(const char *activity_type);

/* Is this type mocked?  Then the attempt was recorded and has its end in *attempt. */
extern bool tpg_mock_run(const TpgActivityTask *task, TpgAttempt *attempt);

typedef struct TpgMockCall
{
	int			number;
	char	   *activity_type;
	char	   *activity_id;
	int			attempt;
	Jsonb	   *input;			/* may be NULL */
	TimestampTz time;
} TpgMockCall;

/* Calls of a type (NULL: of all), in order. */
extern int	tpg_mock_calls(const char *activity_type, TpgMockCall ***calls);

#endif							/* TPG_RUNTIME_MOCK_H */
