/*-------------------------------------------------------------------------
 *
 * httpclient.h
 *	  The HTTP process and library temporal_pg_http: loading it, its settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTPCLIENT_H
#define TPG_WORKER_HTTPCLIENT_H

#include "http/client.h"

/* NULL where it cannot be loaded; the log says why. */
extern const TpgHttpClient *tpg_http_client_load(void);

/*
 * In a session: the form in which a URL that is granted is kept, palloc'd.  NULL, *problem
 * and *meant (or NULL): it cannot be granted.  0A000 without the library.
 */
extern char *tpg_http_client_url_form(const char *url, const char **problem, char **meant);

/* Hands the settings on as they are now (client may be NULL); how many requests there may be at a time. */
extern int	tpg_http_client_configure(const TpgHttpClient *client);

#endif							/* TPG_WORKER_HTTPCLIENT_H */
