/*-------------------------------------------------------------------------
 * http/policy.c - where requests may go.
 *
 * Hosts and URLs are compared as libcurl has parsed them, so that there is no
 * second reading of a URL by which another host could be meant.  Addresses are
 * judged when the connection is made to them: a name may lead anywhere, and
 * elsewhere the next time.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

#include "http/policy.h"

static int
scheme_port(const char *scheme)
{
	return strcasecmp(scheme, "https") == 0 ? 443 : 80;
}

/* "*.example.com" stands for every name below, not for example.com itself; "*" for all. */
static bool
host_fits(const char *pattern, size_t len, const char *host)
{
	size_t		host_len = strlen(host);

	if (len == 1 && pattern[0] == '*')
		return true;
	if (len > 2 && pattern[0] == '*' && pattern[1] == '.')
		return host_len > len - 1 && strncasecmp(host + host_len - (len - 1), pattern + 1, len - 1) == 0;
	return host_len == len && strncasecmp(host, pattern, len) == 0;
}

/* "host", "host:port", "host:*", up to `len` bytes. */
static bool
authority_fits(const char *pattern, size_t len, const char *default_scheme, const TpgHttpUrl *url)
{
	const char *colon = NULL;
	int			port = scheme_port(default_scheme);

	for (const char *p = pattern + len; p > pattern; p--)
	{
		if (p[-1] == ']')
			break;
		if (p[-1] == ':')
		{
			colon = p - 1;
			break;
		}
	}
	if (colon != NULL)
	{
		size_t		digits = pattern + len - (colon + 1);

		if (digits == 1 && colon[1] == '*')
			port = url->port;
		else
			port = atoi(colon + 1);
		len = colon - pattern;
	}
	return port == url->port && host_fits(pattern, len, url->host);
}

bool
tpg_http_host_allowed(const char *list, const TpgHttpUrl *url)
{
	while (*list != '\0')
	{
		size_t		len;

		list += strspn(list, ", \t\n");
		len = strcspn(list, ", \t\n");
		if (len > 0 && authority_fits(list, len, url->scheme, url))
			return true;
		list += len;
	}
	return false;
}

bool
tpg_http_path_is_ambiguous(const char *path)
{
	for (const char *p = path; *p; p++)
	{
		if (*p == '\\')
			return true;
		/* "..;x" is ".." to those for whom a semicolon begins parameters */
		if (*p == '.' && (p[1] == ';' || strncasecmp(p + 1, "%3b", 3) == 0))
			return true;
		if (*p == '%' && (strncasecmp(p, "%2e", 3) == 0 || strncasecmp(p, "%2f", 3) == 0 || strncasecmp(p, "%5c", 3) == 0 ||
						  strncmp(p, "%25", 3) == 0))
			return true;
	}
	return false;
}

bool
tpg_http_url_covered(const char *prefix, const TpgHttpUrl *url)
{
	const char *authority = strstr(prefix, "://");
	const char *path;
	size_t		len;

	if (authority == NULL || strlen(url->scheme) != (size_t) (authority - prefix) ||
		strncasecmp(prefix, url->scheme, authority - prefix) != 0)
		return false;
	authority += 3;
	len = strcspn(authority, "/");
	path = authority + len;
	if (!authority_fits(authority, len, url->scheme, url))
		return false;
	len = strlen(path);
	if (len <= 1)
		return true;
	if (tpg_http_path_is_ambiguous(url->path) || strncmp(url->path, path, len) != 0)
		return false;
	/* "/v1" covers /v1 and /v1/x, not /v10 */
	return path[len - 1] == '/' || url->path[len] == '\0' || url->path[len] == '/';
}

bool
tpg_http_same_origin(const TpgHttpUrl *a, const TpgHttpUrl *b)
{
	return strcasecmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 && a->port == b->port;
}

/* ---------- addresses ---------- */

typedef struct Network
{
	uint8		bytes[16];
	int			family;
	int			bits;
} Network;

/* Everything that is not the open Internet's. */
static const char private_networks[] =
"0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, "
"192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4, "
"::/96, ::ffff:0:0:0/96, 64:ff9b:1::/48, 100::/64, 2001::/23, 2001:db8::/32, 3fff::/20, 5f00::/16, "
"fc00::/7, fe80::/10, fec0::/10, ff00::/8";

static bool
parse_network(const char *text, size_t len, Network *n)
{
	char		buffer[80];
	char	   *slash;

	if (len >= sizeof(buffer))
		return false;
	memcpy(buffer, text, len);
	buffer[len] = '\0';
	slash = strchr(buffer, '/');
	if (slash != NULL)
		*slash = '\0';
	n->family = strchr(buffer, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(n->family, buffer, n->bytes) != 1)
		return false;
	n->bits = slash ? atoi(slash + 1) : (n->family == AF_INET ? 32 : 128);
	return n->bits >= 0 && n->bits <= (n->family == AF_INET ? 32 : 128);
}

static bool
contains(const char *list, int family, const uint8 *address)
{
	while (*list != '\0')
	{
		Network		n;
		size_t		len;

		list += strspn(list, ", \t\n");
		len = strcspn(list, ", \t\n");
		if (len > 0 && parse_network(list, len, &n) && n.family == family)
		{
			int			whole = n.bits / 8;
			int			rest = n.bits % 8;

			if (memcmp(address, n.bytes, whole) == 0 &&
				(rest == 0 || (address[whole] >> (8 - rest)) == (n.bytes[whole] >> (8 - rest))))
				return true;
		}
		list += len;
	}
	return false;
}

bool
tpg_http_address_allowed(const char *networks, const struct sockaddr *address)
{
	static const uint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8 nat64[12] = {0, 0x64, 0xff, 0x9b};
	const uint8 *bytes;
	int			family = address->sa_family;

	if (family == AF_INET)
		bytes = (const uint8 *) &((const struct sockaddr_in *) address)->sin_addr;
	else if (family == AF_INET6)
		bytes = (const uint8 *) &((const struct sockaddr_in6 *) address)->sin6_addr;
	else
		return false;

	if (contains(networks, family, bytes))
		return true;
	/* IPv6 that carries an IPv4 address: mapped, translated, 6to4 */
	if (family == AF_INET6 && (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0))
	{
		family = AF_INET;
		bytes += 12;
	}
	else if (family == AF_INET6 && bytes[0] == 0x20 && bytes[1] == 0x02)
	{
		family = AF_INET;
		bytes += 2;
	}
	return contains(networks, family, bytes) || !contains(private_networks, family, bytes);
}
