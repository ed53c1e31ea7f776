/*-------------------------------------------------------------------------
 * http/transfer.c - one request as libcurl is told of it, and what comes back.
 *
 * The callbacks run within libcurl, in the one thread of the process that calls
 * it.  They may stop their transfer, and say why in it; they don't touch others.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "http/transfer.h"

#define MAX_HEADER_BYTES (256 * 1024)
/* of all answers together, as the bytes; who makes an object of them goes through them for each */
#define MAX_HEADER_LINES 2000

TpgHttpShared tpg_http_shared;

int64
tpg_http_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
tpg_http_stop_resolving(TpgHttpTransfer *t)
{
	if (t->resolving)
	{
		tpg_http_shared.nresolving--;
		dlist_delete(&t->resolving_node);
	}
	t->resolving = false;
}

/* ---------- callbacks of libcurl ---------- */

static void
deny_address(TpgHttpTransfer *t, const char *address)
{
	/* another address of the host may do, and then what becomes of that one counts */
	if (t->address_allowed)
		return;
	t->end = TPG_HTTP_DENIED_ADDRESS;
	snprintf(t->message, sizeof(t->message), "address %s of host %s is not public", address, t->parsed.host);
}

/* The name is known: the very address that is connected to. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	TpgHttpTransfer *t = arg;
	int			fd;

	tpg_http_stop_resolving(t);
	if (!tpg_http_address_allowed(tpg_http_shared.allow_private, &address->addr))
	{
		char		text[80] = "?";

		(void) getnameinfo(&address->addr, address->addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		deny_address(t, text);
		return CURL_SOCKET_BAD;
	}
	t->address_allowed = true;
	t->end = TPG_HTTP_BROKEN;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Connected, or to an old connection: that may have been opened when more was allowed. */
static int
before_request(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	TpgHttpTransfer *t = arg;
	struct sockaddr_storage address = {0};

	tpg_http_stop_resolving(t);
	t->end = TPG_HTTP_BROKEN;	/* an address before this one may have been refused */
	if (strchr(remote_ip, ':'))
	{
		address.ss_family = AF_INET6;
		(void) inet_pton(AF_INET6, remote_ip, &((struct sockaddr_in6 *) &address)->sin6_addr);
	}
	else
	{
		address.ss_family = AF_INET;
		(void) inet_pton(AF_INET, remote_ip, &((struct sockaddr_in *) &address)->sin_addr);
	}
	if (tpg_http_address_allowed(tpg_http_shared.allow_private, (struct sockaddr *) &address))
	{
		/*
		 * The server may have done what it was asked on the connection that has died (RFC 9110,
		 * 9.2.2).  Whether to ask again is the retry policy's to say.
		 */
		if (t->sendings++ > 0 && (strcmp(t->method, "POST") == 0 || strcmp(t->method, "PATCH") == 0))
		{
			t->lost = true;
			return CURL_PREREQFUNC_ABORT;
		}
		return CURL_PREREQFUNC_OK;
	}
	t->address_allowed = false;
	deny_address(t, remote_ip);
	return CURL_PREREQFUNC_ABORT;
}

/* Room for more, up to max, within the memory of all. */
static bool
reserve(TpgHttpTransfer *t, char **buffer, size_t *space, size_t needed)
{
	size_t		new_space = Max(*space, 1024);
	char	   *larger;

	if (needed <= *space)
		return true;
	while (new_space < needed)
		new_space *= 2;
	if (tpg_http_shared.memory_used - *space + new_space > tpg_http_shared.max_memory || (larger = realloc(*buffer, new_space)) == NULL)
	{
		t->end = TPG_HTTP_NO_MEMORY;
		snprintf(t->message, sizeof(t->message), "answers in flight would take more than %zu bytes together", tpg_http_shared.max_memory);
		return false;
	}
	tpg_http_shared.memory_used += new_space - *space;
	*buffer = larger;
	*space = new_space;
	return true;
}

size_t
tpg_http_too_large(TpgHttpTransfer *t, const char *what, size_t limit)
{
	t->end = TPG_HTTP_TOO_LARGE;
	snprintf(t->message, sizeof(t->message), "%s of the answer is larger than %zu bytes", what, limit);
	return 0;
}

/*
 * Where an answer that says two things about its length ends is anybody's guess (RFC 9112,
 * 6.3), and what somebody on the way has made of it may be an answer to others. libcurl takes the last one.
 */
static bool
check_length(TpgHttpTransfer *t, const char *line, size_t n)
{
	static const char name[] = "content-length:";
	const char *p = line + strlen(name);
	const char *end = line + n;

	if (n < strlen(name) || strncasecmp(line, name, strlen(name)) != 0)
		return true;
	/* one, or the same one several times, as a proxy joins lines */
	do
	{
		uint64		length = 0;
		const char *digits;

		p += (*p == ',');
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
			length = length > PG_UINT64_MAX / 20 ? PG_UINT64_MAX : length * 10 + (*p - '0');
		if (p == digits)
			break;
		while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
			p++;
		if (t->with_length && t->length != length)
		{
			t->end = TPG_HTTP_INVALID;
			snprintf(t->message, sizeof(t->message), "the answer has two different Content-Lengths, %llu and %llu",
					 (unsigned long long) t->length, (unsigned long long) length);
			return false;
		}
		t->with_length = true;
		t->length = length;
	} while (p < end && *p == ',');
	if (p == end)
		return true;
	t->end = TPG_HTTP_INVALID;
	snprintf(t->message, sizeof(t->message), "the answer has a Content-Length that is no number");
	return false;
}

static size_t
header_came(char *data, size_t size, size_t n, void *arg)
{
	TpgHttpTransfer *t = arg;

	n *= size;
	t->header_total += n;
	if (t->header_total > MAX_HEADER_BYTES)
		return tpg_http_too_large(t, "header", MAX_HEADER_BYTES);
	if (++t->header_lines > MAX_HEADER_LINES)
	{
		t->end = TPG_HTTP_TOO_LARGE;
		snprintf(t->message, sizeof(t->message), "header of the answer has more than %d lines", MAX_HEADER_LINES);
		return 0;
	}
	/* the next answer: after 1xx, or trailers of the same one, which are no status line */
	if (n >= 5 && strncmp(data, "HTTP/", 5) == 0)
	{
		t->header_size = 0;
		t->header_complete = false;
		t->with_length = false;
	}
	else if (!t->header_complete && !check_length(t, data, n))
		return 0;
	if (data[0] == '\r' || data[0] == '\n')
		t->header_complete = true;
	if (!reserve(t, &t->header_block, &t->header_space, t->header_size + n))
		return 0;
	memcpy(t->header_block + t->header_size, data, n);
	t->header_size += n;
	return n;
}

static size_t
body_came(char *data, size_t size, size_t n, void *arg)
{
	TpgHttpTransfer *t = arg;

	n *= size;
	if (n > t->request->max_response - t->body_size)
		return tpg_http_too_large(t, "body", t->request->max_response);
	if (!reserve(t, &t->body, &t->body_space, t->body_size + n))
		return 0;
	memcpy(t->body + t->body_size, data, n);
	t->body_size += n;
	return n;
}

/* ---------- the URL ---------- */

void
tpg_http_forget_url(TpgHttpUrl *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->path);
	memset(u, 0, sizeof(*u));
}

/* NULL: good; else what is wrong with it. */
const char *
tpg_http_parse_url(CURLU *url, TpgHttpUrl *u)
{
	char	   *text = NULL;
	char	   *port = NULL;

	tpg_http_forget_url(u);
	if (curl_url_get(url, CURLUPART_USER, &text, 0) == CURLUE_OK || curl_url_get(url, CURLUPART_PASSWORD, &text, 0) == CURLUE_OK)
	{
		curl_free(text);
		return "the URL has a user name or password in it";
	}
	if (curl_url_get(url, CURLUPART_SCHEME, &u->scheme, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_HOST, &u->host, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_PATH, &u->path, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return "the URL is not of the form https://host/path";
	u->port = atoi(port);
	curl_free(port);
	if (strcmp(u->scheme, "http") != 0 && strcmp(u->scheme, "https") != 0)
		return "the URL is neither http nor https";
	for (const char *p = u->host; *p; p++)
		if ((unsigned char) *p >= 127)
			return "the host of the URL is not in ASCII: write its name as DNS has it, xn--...";
	for (const char *p = u->host; *p; p++)
		if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 127 || strchr("%/?#@\\*", *p))
			return "the host of the URL has characters that a host cannot have";
	return NULL;
}

/* Sets what is shown of the URL: no query, which may hold what nobody should read. */
bool
tpg_http_show_url(TpgHttpTransfer *t)
{
	size_t		len = strlen(t->parsed.scheme) + strlen(t->parsed.host) + strlen(t->parsed.path) + 20;

	free(t->shown_url);
	free(t->origin);
	t->shown_url = malloc(len);
	t->origin = malloc(len);
	if (t->shown_url == NULL || t->origin == NULL)
		return false;
	if (t->parsed.port == (strcmp(t->parsed.scheme, "https") == 0 ? 443 : 80))
		snprintf(t->origin, len, "%s://%s", t->parsed.scheme, t->parsed.host);
	else
		snprintf(t->origin, len, "%s://%s:%d", t->parsed.scheme, t->parsed.host, t->parsed.port);
	snprintf(t->shown_url, len, "%s%s", t->origin, t->parsed.path);
	return true;
}

/* ---------- the request ---------- */

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("!#$%&'*+-.^_`|~", *s)))
			return false;
	return true;
}

/* At another server than the first: only what says how to read the rest. */
static bool
goes_anywhere(const char *name)
{
	return strcasecmp(name, "accept") == 0 || strcasecmp(name, "accept-language") == 0 || strcasecmp(name, "content-type") == 0 ||
		strcasecmp(name, "user-agent") == 0 || strcasecmp(name, "idempotency-key") == 0;
}

static bool
add_header(TpgHttpTransfer *t, const char *name, const char *value)
{
	size_t		len = strlen(name) + strlen(value) + 4;
	char	   *line = malloc(len);
	struct curl_slist *list;

	if (line == NULL)
		return false;
	/* libcurl's way to say that the value is empty */
	snprintf(line, len, *value ? "%s: %s" : "%s;", name, value);
	list = curl_slist_append(t->headers, line);
	free(line);
	if (list == NULL)
		return false;
	t->headers = list;
	return true;
}

bool
tpg_http_make_headers(TpgHttpTransfer *t)
{
	const TpgHttpRequest *r = t->request;
	bool		has_type = false;
	struct curl_slist *list;

	curl_slist_free_all(t->headers);
	t->headers = NULL;
	/* no waiting for 100 Continue */
	list = curl_slist_append(NULL, "Expect:");
	if (list == NULL)
		return false;
	t->headers = list;
	for (int i = 0; i < r->nheaders; i++)
	{
		const TpgHttpHeader *h = &r->headers[i];

		if (h->secret && !t->with_secrets)
			continue;
		if (!t->with_headers && !goes_anywhere(h->name))
			continue;
		if (strcasecmp(h->name, "content-type") == 0)
		{
			if (!t->with_body)
				continue;
			has_type = true;
		}
		if (!is_token(h->name) || strpbrk(h->value, "\r\n"))
			return false;
		if (!add_header(t, h->name, h->value))
			return false;
	}
	/* libcurl would call it a form */
	if ((t->with_body || strcmp(t->method, "POST") == 0) && !has_type && (list = curl_slist_append(t->headers, "Content-Type:")) != NULL)
		t->headers = list;
	return true;
}

bool
tpg_http_is_literal_address(const char *host)
{
	struct in_addr unused;

	return host[0] == '[' || inet_pton(AF_INET, host, &unused) == 1;
}

#define SET(option, value) ok = ok && curl_easy_setopt(t->easy, option, value) == CURLE_OK

bool
tpg_http_set_options(TpgHttpTransfer *t)
{
	const TpgHttpRequest *r = t->request;
	bool		ok = true;

	curl_easy_reset(t->easy);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_CURLU, t->url);
	SET(CURLOPT_ERRORBUFFER, t->curl_error);
	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* who ends a request does not wait for the thread that looks its name up: all others would */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	/* not what the environment of the server says */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_USERAGENT, "temporal_pg");
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (tpg_http_shared.ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, tpg_http_shared.ca_file);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, t);
	SET(CURLOPT_HEADERFUNCTION, header_came);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, body_came);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HTTPHEADER, t->headers);
	/* what announces more need not be waited for; what is counted is what comes */
	if (strcmp(t->method, "HEAD") != 0)
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) r->max_response);
	if (t->deadline != 0)
		SET(CURLOPT_TIMEOUT_MS, (long) Max(t->deadline - tpg_http_now_ms(), 1));

	if (strcmp(t->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (t->with_body || strcmp(t->method, "POST") == 0)
	{
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) (t->with_body ? r->body_size : 0));
		SET(CURLOPT_POSTFIELDS, t->with_body ? r->body : "");
		SET(CURLOPT_CUSTOMREQUEST, t->method);
	}
	else
		SET(CURLOPT_CUSTOMREQUEST, t->method);
	return ok;
}

/* ---------- the answer ---------- */

/* Value of a header of the answer, malloc'd; NULL: not there. */
char *
tpg_http_find_header(const TpgHttpTransfer *t, const char *name)
{
	size_t		name_len = strlen(name);
	const char *p = t->header_block;
	const char *end = p + t->header_size;

	while (p != NULL && p < end)
	{
		const char *eol = memchr(p, '\n', end - p);

		if (eol == NULL)
			break;
		if ((size_t) (eol - p) > name_len && p[name_len] == ':' && strncasecmp(p, name, name_len) == 0)
		{
			const char *from = p + name_len + 1;

			while (from < eol && (*from == ' ' || *from == '\t'))
				from++;
			while (eol > from && (eol[-1] == '\r' || eol[-1] == ' ' || eol[-1] == '\t'))
				eol--;
			return strndup(from, eol - from);
		}
		p = eol + 1;
	}
	return NULL;
}
