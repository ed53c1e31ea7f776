/*-------------------------------------------------------------------------
 * http/form.h - URLs that are granted, in the form in which requests are compared with them.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_HTTP_FORM_H
#define TPG_HTTP_FORM_H

#include "http/client.h"

/* A TpgHttpUrlForm (http/client.h), looked up by name. */
extern PGDLLEXPORT const char *tpg_http_url_form(const char *url, char *form, size_t space);

#endif							/* TPG_HTTP_FORM_H */
