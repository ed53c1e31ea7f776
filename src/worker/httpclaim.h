/*-------------------------------------------------------------------------
 *
 * httpclaim.h
 *	  Which requests the HTTP process begins now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTPCLAIM_H
#define TPG_WORKER_HTTPCLAIM_H

#include "engine/httpattempt.h"

/* starts of one transaction */
#define TPG_HTTP_CLAIM_MAX 200

/* In a transaction: records the start of up to `limit` attempts. */
extern int	tpg_http_claim(int limit, const char *identity, TpgHttpStart **starts);

/* After its COMMIT; true: there may be more. */
extern bool tpg_http_claimed(void);

#endif							/* TPG_WORKER_HTTPCLAIM_H */
