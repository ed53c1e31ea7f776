/*-------------------------------------------------------------------------
 * store/httpaccess.h - tables temporal_internal.http_access and secret.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_HTTPACCESS_H
#define TPG_STORE_HTTPACCESS_H

extern void tpg_http_grant(int32 namespace_id, const char *role_name, const char *url);

/* false: there was no such grant */
extern bool tpg_http_revoke(int32 namespace_id, const char *role_name, const char *url);

/* Prefixes of the URLs that workflows of this role may request. */
extern int	tpg_http_granted(int32 namespace_id, Oid role, const char *const **urls);

typedef struct TpgSecret
{
	char	   *name;
	char	   *value;
	char	   *url;			/* prefix of where it may be sent; NULL: anywhere */
} TpgSecret;

/* Replaces one of that name.  url: NULL for none. */
extern void tpg_secret_set(int32 namespace_id, const char *name, const char *value, const char *role_name, const char *url);

/* false: there was none */
extern bool tpg_secret_drop(int32 namespace_id, const char *name);

/* NULL: there is none of that name, or not for this role. For the HTTP process alone. */
extern TpgSecret *tpg_secret_find(int32 namespace_id, const char *name, Oid role);

#endif							/* TPG_STORE_HTTPACCESS_H */
