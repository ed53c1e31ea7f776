/*-------------------------------------------------------------------------
 * http/transfer.h - one request as libcurl is told of it, and what comes back.
 *
 * Between the files of src/http.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_HTTP_TRANSFER_H
#define TPG_HTTP_TRANSFER_H

#include <curl/curl.h>

/* CURLOPT_PREREQFUNCTION, without which an address that is not allowed any more could be reached by an old connection */
#if LIBCURL_VERSION_NUM < 0x075000
#error "temporal_pg needs libcurl 7.80 or later for activities of type http; build it without them: make WITH_HTTP=no"
#endif

#include "lib/ilist.h"

#include "http/client.h"
#include "http/policy.h"

typedef enum State
{
	QUEUED,						/* until fewer look up names */
	RUNNING,
	DONE,
	TAKEN						/* the caller knows */
} State;

struct TpgHttpTransfer
{
	dlist_node	node;			/* in queue or done */
	State		state;
	const TpgHttpRequest *request;
	CURL	   *easy;
	CURLU	   *url;
	struct curl_slist *headers;
	TpgHttpUrl	parsed;
	char	   *shown_url;
	char	   *origin;
	const char *method;			/* a redirect may have made it GET */
	bool		with_body;
	bool		with_secrets;	/* still at the servers that they are for */
	bool		with_headers;	/* the user's own; not at another server than the first */
	bool		resolving;		/* counted as such, and in the list of them */
	dlist_node	resolving_node;
	int64		resolving_since;
	int			redirects;
	int64		deadline;		/* 0: none */
	TpgHttpEnd	end;
	int			status;
	long		retry_after;
	char		message[512];
	char		curl_error[CURL_ERROR_SIZE];
	char	   *header_block;
	size_t		header_size;
	size_t		header_space;
	size_t		header_total;	/* of all answers */
	int			header_lines;	/* likewise */
	bool		address_allowed;	/* at least one of the host's, in this hop */
	bool		header_complete;
	bool		lost;			/* sent, and it is not known what became of it */
	int			sendings;		/* of this hop: libcurl begins again by itself on an old connection that is dead */
	bool		with_length;	/* the answer has a Content-Length */
	uint64		length;
	char	   *body;
	size_t		body_size;
	size_t		body_space;
};

/* What all transfers have in common. */
typedef struct TpgHttpShared
{
	int			nresolving;
	dlist_head	resolving;		/* the oldest first */
	size_t		memory_used;
	size_t		max_memory;
	char	   *allow;
	char	   *allow_private;
	char	   *ca_file;
} TpgHttpShared;

extern TpgHttpShared tpg_http_shared;

extern int64 tpg_http_now_ms(void);

/* Its name has been looked up, or need not be any more. */
extern void tpg_http_stop_resolving(TpgHttpTransfer *t);

/* NULL: good; else what is wrong with it. */
extern const char *tpg_http_parse_url(CURLU *url, TpgHttpUrl *parsed);
extern void tpg_http_forget_url(TpgHttpUrl *parsed);

/* It is to end so; 0, which makes libcurl stop. */
extern size_t tpg_http_too_large(TpgHttpTransfer *t, const char *what, size_t limit);

/* Sets what is shown of its URL; false: out of memory. */
extern bool tpg_http_show_url(TpgHttpTransfer *t);

/* Is no name to be looked up? */
extern bool tpg_http_is_literal_address(const char *host);

/* False: a header cannot be; something cannot be set. */
extern bool tpg_http_make_headers(TpgHttpTransfer *t);
extern bool tpg_http_set_options(TpgHttpTransfer *t);

/* Value of a header of the answer, malloc'd; NULL: not there. */
extern char *tpg_http_find_header(const TpgHttpTransfer *t, const char *name);

#endif							/* TPG_HTTP_TRANSFER_H */
