/*-------------------------------------------------------------------------
 *
 * httpanswer.h
 *	  From the answer to a request to the result or failure of an attempt.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTPANSWER_H
#define TPG_WORKER_HTTPANSWER_H

#include "worker/httprequest.h"

/* What has come of the transfer ends the call. No transaction needed. */
extern void tpg_http_call_answer(TpgHttpCall *call, const TpgHttpResponse *response);

/* The value with the secrets blotted out; palloc'd. */
extern char *tpg_http_call_redact(const TpgHttpCall *call, const char *data, size_t size, size_t *new_size);

#endif							/* TPG_WORKER_HTTPANSWER_H */
