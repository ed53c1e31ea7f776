/*-------------------------------------------------------------------------
 *
 * httpguc.c
 *	  Settings temporal_pg.http_*: of activities of type http.
 *
 * All of them are the server's: what may be reached from the machine that it runs
 * on is nothing for a tenant, or a session, to decide.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <sys/socket.h>

#include "utils/guc.h"

#include "base/guc.h"
#include "base/httpguc.h"

char	   *tpg_guc_http_allow = NULL;
char	   *tpg_guc_http_allow_private = NULL;
char	   *tpg_guc_http_ca_file = NULL;
int			tpg_guc_http_max_in_flight = 2000;
int			tpg_guc_http_max_connections_per_host = 0;
int			tpg_guc_http_max_response_size = 2 * 1024 * 1024;
int			tpg_guc_http_max_memory = 256 * 1024;

#define SEPARATORS ", \t\r\n"

/* "host", "*.host", "*", "[address]", each with ":port" or ":*" or without. */
static bool
check_host(const char *item, size_t len)
{
	size_t		i = 0;

	if (item[0] == '[')
	{
		while (i < len && item[i] != ']')
			i++;
		if (i == len)
			return false;
		i++;
	}
	else
	{
		if (item[0] == '*' && (len == 1 || item[1] == '.' || item[1] == ':'))
			i = 1;
		while (i < len && (isalnum((unsigned char) item[i]) || strchr("-._", item[i])))
			i++;
	}
	if (i == 0)
		return false;
	if (i == len)
		return true;
	if (item[i++] != ':' || i == len)
		return false;
	if (item[i] == '*')
		return i + 1 == len;
	for (; i < len; i++)
		if (!isdigit((unsigned char) item[i]))
			return false;
	return true;
}

static bool
check_network(const char *item, size_t len)
{
	char		buffer[80];
	unsigned char address[16];
	char	   *slash;
	int			family;
	int			bits;

	if (len >= sizeof(buffer))
		return false;
	memcpy(buffer, item, len);
	buffer[len] = '\0';
	slash = strchr(buffer, '/');
	if (slash != NULL)
		*slash++ = '\0';
	family = strchr(buffer, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, buffer, address) != 1)
		return false;
	if (slash == NULL)
		return true;
	bits = atoi(slash);
	return *slash != '\0' && strspn(slash, "0123456789") == strlen(slash) && bits <= (family == AF_INET ? 32 : 128);
}

static bool
check_list(const char *list, bool (*check) (const char *, size_t), const char *what)
{
	while (*list != '\0')
	{
		size_t		len;

		list += strspn(list, SEPARATORS);
		len = strcspn(list, SEPARATORS);
		if (len > 0 && !check(list, len))
		{
			GUC_check_errdetail("\"%.*s\" is no %s.", (int) len, list, what);
			return false;
		}
		list += len;
	}
	return true;
}

static bool
check_allow(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, check_host, "host such as api.example.com, *.example.com or localhost:8080");
}

static bool
check_allow_private(char **newval, void **extra, GucSource source)
{
	return check_list(*newval, check_network, "network such as 10.0.0.0/8 or ::1");
}

static void
define_limit(const char *name, const char *text, int *variable, int boot, int min, int max, int unit)
{
	DefineCustomIntVariable(name, text, NULL, variable, boot, min, max, PGC_SIGHUP, unit, NULL, NULL, NULL);
}

void
tpg_guc_http_init(void)
{
	DefineCustomStringVariable("temporal_pg.http_allow",
							   "Hosts to which activities of type http may send requests.",
							   "Separated by commas: api.example.com, *.example.com, host:8080, host:*, *. Without a port: 80 for http, 443 for https. Empty: none.",
							   &tpg_guc_http_allow, "", PGC_SIGHUP, 0, check_allow, NULL, NULL);
	DefineCustomStringVariable("temporal_pg.http_allow_private",
							   "Networks that activities of type http may reach although they are not public.",
							   "Separated by commas: 10.1.2.0/24, 127.0.0.1, ::1. Empty: none.",
							   &tpg_guc_http_allow_private, "", PGC_SIGHUP, 0, check_allow_private, NULL, NULL);
	DefineCustomStringVariable("temporal_pg.http_ca_file",
							   "File with the certificates of the authorities that activities of type http trust.",
							   "Empty: those of the system.",
							   &tpg_guc_http_ca_file, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
	define_limit("temporal_pg.http_max_in_flight", "Requests that a database may have in flight at a time.",
				 &tpg_guc_http_max_in_flight, 2000, 1, 100000, 0);
	define_limit("temporal_pg.http_max_connections_per_host", "Connections that a database may have to one host at a time; 0 is no limit.",
				 &tpg_guc_http_max_connections_per_host, 0, 0, 100000, 0);
	define_limit("temporal_pg.http_max_response_size", "Largest body of an answer, decoded.",
				 &tpg_guc_http_max_response_size, 2 * 1024 * 1024, 1024, 128 * 1024 * 1024, GUC_UNIT_BYTE);
	define_limit("temporal_pg.http_max_memory", "What the answers in flight in a database may take together.",
				 &tpg_guc_http_max_memory, 256 * 1024, 1024, INT_MAX, GUC_UNIT_KB);
}
