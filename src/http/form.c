/*-------------------------------------------------------------------------
 * http/form.c - URLs that are granted, in the form in which requests are compared with them.
 *
 * What a request asks for is read by libcurl, which writes 127.1 as 127.0.0.1 and takes
 * /a/../ out of paths.  A grant that was read by anybody else could cover another
 * host than it says, or nothing at all; so libcurl reads both.
 *
 * For sessions, which load the library for this alone: nothing here needs
 * libcurl's initialization, starts a thread, or keeps anything.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>
#include <strings.h>

#include "fmgr.h"

#include "http/form.h"
#include "http/policy.h"
#include "http/transfer.h"

/* longer than what may be granted (temporal_pg.max_id_length) in any form */
#define SPACE 16384

typedef struct Given
{
	const char *star;			/* "", "*." or "*" before the host */
	bool		any_port;
	char		url[SPACE];		/* without these, to be read by libcurl */
	const char *path;			/* in it, from the host's end */
} Given;

/* What patterns have and URLs don't is taken out; false: a star where there can be none, or a host in disguise. */
static bool
take_apart(const char *url, Given *g)
{
	const char *host = strstr(url, "://") + 3;
	size_t		len = strcspn(host, "/?#");
	const char *rest = host + len;

	g->star = "";
	g->any_port = len > 2 && strncmp(rest - 2, ":*", 2) == 0;
	if (g->any_port)
		len -= 2;
	if (host[0] == '*' && (len == 1 || host[1] == ':'))
		g->star = "*";
	else if (host[0] == '*' && host[1] == '.')
		g->star = "*.";
	if (memchr(host + strlen(g->star), '*', len - strlen(g->star)) != NULL)
		return false;
	/* host:8080:* */
	if (g->any_port && host[len - 1] != ']' && memchr(host, ':', len) != NULL)
		return false;
	/* libcurl decodes a name, and reads what it has decoded no more: %31 is no beginning of an address */
	if (host[0] != '[' && memchr(host, '%', len) != NULL)
		return false;
	snprintf(g->url, sizeof(g->url), "%.*s%s%.*s%s", (int) (host - url), url, strcmp(g->star, "*") == 0 ? "any" : "",
			 (int) (len - strlen(g->star)), host + strlen(g->star), rest);
	g->path = strstr(g->url, "://") + 3;
	g->path += strcspn(g->path, "/?#");
	return true;
}

static void
compose(const Given *g, const TpgHttpUrl *u, const char *host, const char *path, char *form, size_t space)
{
	char		port[16] = "";

	if (g->any_port)
		strlcpy(port, ":*", sizeof(port));
	else if (u->port != (strcmp(u->scheme, "https") == 0 ? 443 : 80))
		snprintf(port, sizeof(port), ":%d", u->port);
	snprintf(form, space, "%s://%s%s%s", u->scheme, g->star, strcmp(g->star, "*") == 0 ? "" : host, port);
	for (char *c = form; *c; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	strlcat(form, path, space);
}

/* As it goes over the wire. */
static void
encode(const char *path, char *out, size_t space)
{
	char	   *end = out + space - 4;

	for (; *path && out < end; path++)
	{
		if ((unsigned char) *path >= 127 || *path == '\\')
			out += snprintf(out, 4, "%%%02X", (unsigned char) *path);
		else
			*out++ = *path;
	}
	*out = '\0';
}

static const char *
problem_of_path(const Given *g, const TpgHttpUrl *u, char *form, size_t space)
{
	char		path[SPACE];
	const char *given = *g->path ? g->path : "/";

	strlcpy(path, u->path, sizeof(path));
	if (tpg_http_path_is_ambiguous(u->path))
	{
		/* what is before it */
		while (tpg_http_path_is_ambiguous(path))
			path[strlen(path) - 1] = '\0';
		*(strrchr(path, '/') + 1) = '\0';
		compose(g, u, u->host, path, form, space);
		return "its path has an encoded dot, slash, backslash or percent sign, or a dot before a semicolon: what servers make of these differs, so no request to it would be covered";
	}
	for (const char *p = u->path; *p; p++)
	{
		if ((unsigned char) *p >= 127)
		{
			encode(u->path, path, sizeof(path));
			compose(g, u, u->host, path, form, space);
			return "its path has characters that have to be percent-encoded";
		}
	}
	if (strcasecmp(given, u->path) != 0)
	{
		compose(g, u, u->host, u->path, form, space);
		return "its path is not the one that would be requested";
	}
	return NULL;
}

static const char *
read_url(const Given *g, CURLU *url, TpgHttpUrl *u, char *form, size_t space)
{
	const char *problem;
	char	   *text;

	if (curl_url_set(url, CURLUPART_URL, g->url, 0) != CURLUE_OK)
		return "it is not of the form https://host/path";
	problem = tpg_http_parse_url(url, u);
	if (problem != NULL && u->host != NULL && u->path != NULL && u->scheme != NULL)
	{
#if LIBCURL_VERSION_NUM >= 0x075800
		/* a name that is not in ASCII */
		if (curl_url_get(url, CURLUPART_HOST, &text, CURLU_PUNYCODE) == CURLUE_OK)
		{
			if (strcmp(text, u->host) != 0)
				compose(g, u, text, u->path, form, space);
			curl_free(text);
		}
#endif
	}
	if (problem != NULL)
		return problem;
	if (curl_url_get(url, CURLUPART_ZONEID, &text, 0) == CURLUE_OK)
	{
		curl_free(text);
		compose(g, u, u->host, u->path, form, space);
		return "its address has a zone, which is no part of what is compared";
	}
	if (curl_url_get(url, CURLUPART_QUERY, &text, 0) == CURLUE_OK || curl_url_get(url, CURLUPART_FRAGMENT, &text, 0) == CURLUE_OK)
	{
		curl_free(text);
		compose(g, u, u->host, u->path, form, space);
		return "it has a query or a fragment";
	}
	if (strcmp(g->star, "*.") == 0 && tpg_http_is_literal_address(u->host))
		return "there are no names below an address";
	return problem_of_path(g, u, form, space);
}

const char *
tpg_http_url_form(const char *url, char *form, size_t space)
{
	static Given g;
	TpgHttpUrl	u = {0};
	CURLU	   *curl;
	const char *problem;

	form[0] = '\0';
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return "it begins neither with http:// nor with https://";
	/* libcurl overlooks some slashes */
	if (strlen(url) > SPACE / 4 || strstr(url, "://")[3] == '/' || !take_apart(url, &g))
		return "it is not of the form https://host/path";
	curl = curl_url();
	if (curl == NULL)
		return "out of memory";
	problem = read_url(&g, curl, &u, form, space);
	if (problem == NULL)
		compose(&g, &u, u.host, u.path, form, space);
	tpg_http_forget_url(&u);
	curl_url_cleanup(curl);
	return problem;
}
