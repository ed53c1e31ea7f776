/*-------------------------------------------------------------------------
 *
 * httpguc.h
 *	  Settings temporal_pg.http_*: of activities of type http.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_HTTPGUC_H
#define TPG_BASE_HTTPGUC_H

/* Called by tpg_guc_init(). */
extern void tpg_guc_http_init(void);

extern char *tpg_guc_http_allow;	/* hosts, "": none */
extern char *tpg_guc_http_allow_private;	/* networks */
extern char *tpg_guc_http_ca_file;
extern int	tpg_guc_http_max_in_flight;
extern int	tpg_guc_http_max_connections_per_host;	/* 0: no limit */
extern int	tpg_guc_http_max_response_size; /* bytes */
extern int	tpg_guc_http_max_memory;	/* kB */

#endif							/* TPG_BASE_HTTPGUC_H */
