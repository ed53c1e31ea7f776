/*-------------------------------------------------------------------------
 * http/client.h - thousands of HTTP requests at a time, in one process.
 *
 * The interface between worker/http.c and library temporal_pg_http: a table of
 * functions, so that neither library needs a symbol of the other.  For one
 * thread.  Strings in requests belong to the caller until the transfer is released.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_HTTP_CLIENT_H
#define TPG_HTTP_CLIENT_H

#define TPG_HTTP_LIBRARY "temporal_pg_http"
#define TPG_HTTP_ENTRY "tpg_http_client_open"
#define TPG_HTTP_URL_FORM "tpg_http_url_form"

/* How it went. */
typedef enum TpgHttpEnd
{
	TPG_HTTP_ANSWERED,			/* status, headers and body are there */
	TPG_HTTP_BAD_REQUEST,		/* nothing was sent: URL or header that cannot be */
	TPG_HTTP_DENIED_HOST,		/* the setting temporal_pg.http_allow does not have it */
	TPG_HTTP_DENIED_URL,		/* no grant has it */
	TPG_HTTP_DENIED_ADDRESS,	/* the name leads to a private address */
	TPG_HTTP_DENIED_REDIRECT,	/* what must not be sent to where the redirect leads */
	TPG_HTTP_TOO_MANY_REDIRECTS,
	TPG_HTTP_TOO_LARGE,
	TPG_HTTP_TIMED_OUT,
	TPG_HTTP_NO_MEMORY,			/* the answers in flight are too much together */
	TPG_HTTP_INVALID,			/* a header that cannot be, such as two different lengths */
	TPG_HTTP_BROKEN				/* could not connect, connection lost, no HTTP */
} TpgHttpEnd;

typedef struct TpgHttpHeader
{
	const char *name;
	const char *value;
	bool		secret;			/* something in it must not go to another server */
} TpgHttpHeader;

typedef struct TpgHttpRequest
{
	const char *url;
	const char *method;
	const TpgHttpHeader *headers;
	int			nheaders;
	const char *body;			/* NULL: none */
	size_t		body_size;
	bool		body_secret;
	bool		url_secret;
	long		timeout_ms;		/* over all redirects; 0: none */
	int			max_redirects;
	size_t		max_response;	/* bytes, decoded */
	const char *const *grants;	/* prefixes of URLs, one of which must fit */
	int			ngrants;
	const char *const *secret_urls; /* prefixes, all of which must fit where secrets go */
	int			nsecret_urls;
	void	   *tag;			/* the caller's */
} TpgHttpRequest;

typedef struct TpgHttpResponse
{
	TpgHttpEnd	end;
	int			status;
	const char *url;			/* the last one, without query and fragment; may be NULL */
	const char *origin;			/* "https://api.example.com/" of it; may be NULL */
	const char *message;		/* unless answered */
	const char *headers;		/* lines of the last answer, CRLF after each */
	size_t		headers_size;
	const char *body;
	size_t		body_size;
	long		retry_after_s;	/* 0: none */
	int			redirects;
} TpgHttpResponse;

typedef struct TpgHttpConfig
{
	const char *allow;			/* hosts, separated by commas */
	const char *allow_private;	/* networks, separated by commas */
	const char *ca_file;		/* "": the system's */
	int			max_per_host;	/* connections; 0: no limit */
	size_t		max_memory;		/* bytes of answers in flight */
} TpgHttpConfig;

typedef struct TpgHttpTransfer TpgHttpTransfer;

typedef struct TpgHttpClient
{
	const char *version;

	/* Takes effect for what is started, and for each redirect, from now on. False: out of memory. */
	bool		(*configure) (const TpgHttpConfig *config);

	/* Readable when work() has something to do. */
	int			(*fd) (void);

	/* Milliseconds until work() has to be called anyway; -1: need not be. */
	long		(*timeout) (void);
	void		(*work) (void);

	/* Never waits; also what is refused comes out of next_done(). NULL: out of memory. */
	TpgHttpTransfer *(*start) (const TpgHttpRequest *request);

	/* One that has ended since, NULL: none.  The caller releases it. */
	TpgHttpTransfer *(*next_done) (void);
	void		(*response) (TpgHttpTransfer *transfer, TpgHttpResponse *response);
	const TpgHttpRequest *(*request) (TpgHttpTransfer *transfer);

	/* At any time: closes the connection of one that is in progress. */
	void		(*release) (TpgHttpTransfer *transfer);
} TpgHttpClient;

/* Looked up by name by the process; NULL: libcurl could not be started. */
typedef const TpgHttpClient *(*TpgHttpClientOpen) (void);

/*
 * The other one, for whoever grants: the form in which the beginning of a URL is kept and
 * compared, "*.example.com" and ":*" allowed.  NULL: *form has it; else what is wrong
 * with it, and *form the one that was perhaps meant, or "".
 */
typedef const char *(*TpgHttpUrlForm) (const char *url, char *form, size_t space);

#endif							/* TPG_HTTP_CLIENT_H */
