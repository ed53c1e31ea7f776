/*-------------------------------------------------------------------------
 *
 * http.h
 *	  The HTTP process of a database: makes the requests of activities of type http.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_WORKER_HTTP_H
#define TPG_WORKER_HTTP_H

extern PGDLLEXPORT void tpg_http_main(Datum main_arg);

#endif							/* TPG_WORKER_HTTP_H */
