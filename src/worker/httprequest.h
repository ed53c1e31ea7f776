/*-------------------------------------------------------------------------
 *
 * httprequest.h
 *	  From the input of an activity of type http to a request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTPREQUEST_H
#define TPG_WORKER_HTTPREQUEST_H

#include "engine/httpattempt.h"
#include "http/client.h"
#include "store/httpaccess.h"

#define TPG_HTTP_MAX_SECRETS 16

/* One request, in a memory context of its own. */
typedef struct TpgHttpCall
{
	MemoryContext context;
	TpgHttpName name;
	TimestampTz timeout_at;		/* of the attempt */
	TpgHttpRequest request;
	TpgHttpTransfer *transfer;	/* NULL: nothing was sent */

	/* for the answer */
	char	   *owner_name;
	char	   *namespace_name;
	TpgSecret  *secrets[TPG_HTTP_MAX_SECRETS];
	int			nsecrets;
	int		   *accepted;		/* statuses that are results, besides 2xx */
	int			naccepted;

	/* its end, once there is one */
	bool		ended;
	TpgAttempt	attempt;
	TimestampTz record_at;		/* not before: somebody has the row */
	int			tries;
} TpgHttpCall;

/*
 * In a transaction, which it may read in; in the call's context.  What is wrong with the
 * input ends the call.
 */
extern void tpg_http_call_build(TpgHttpCall *call, const TpgHttpStart *start);

/* Ends it by a failure. detail, hint: NULL for none. */
extern void tpg_http_call_fail(TpgHttpCall *call, const char *type, const char *message, const char *detail, const char *hint,
							   bool non_retryable);

/* Percent-encoded. */
extern char *tpg_http_url_encode(const char *text);

#endif							/* TPG_WORKER_HTTPREQUEST_H */
