/*-------------------------------------------------------------------------
 * http/policy.h - where requests may go.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_HTTP_POLICY_H
#define TPG_HTTP_POLICY_H

#include <sys/socket.h>

/* A URL as libcurl has parsed it: what is judged is what is requested. */
typedef struct TpgHttpUrl
{
	char	   *scheme;
	char	   *host;			/* IPv6 in brackets */
	char	   *path;
	int			port;
} TpgHttpUrl;

/* Is the host in a list such as "api.example.com, *.example.org:8443, [::1]:*"?  Without a port: the scheme's own. */
extern bool tpg_http_host_allowed(const char *list, const TpgHttpUrl *url);

/* Has it what some servers take for a slash or a dot, so that a path would lead out of a prefix? */
extern bool tpg_http_path_is_ambiguous(const char *path);

/* Does the prefix ("https://api.example.com/v1/") cover the URL? */
extern bool tpg_http_url_covered(const char *prefix, const TpgHttpUrl *url);

extern bool tpg_http_same_origin(const TpgHttpUrl *a, const TpgHttpUrl *b);

/* Is the address public, or in one of the networks ("10.0.0.0/8, ::1")? */
extern bool tpg_http_address_allowed(const char *networks, const struct sockaddr *address);

#endif							/* TPG_HTTP_POLICY_H */
