/*-------------------------------------------------------------------------
 * http/client.c - thousands of HTTP requests at a time: libcurl's multi interface.
 *
 * libcurl tells which sockets it waits for, and they are put into an epoll set
 * of which the process waits for the one descriptor, beside its latch.
 *
 * Redirects are followed here and not by libcurl: each hop is judged as the
 * first URL was, and what is meant for one server does not go to another one.
 *
 * libcurl looks names up in threads.  They begin with all signals blocked, so
 * that PostgreSQL's handlers run in its own thread only; and few look up at a
 * time, since nothing keeps libcurl from starting one for each request.
 *
 * Invariants: no byte goes to a host, URL or address that the policy does not
 * allow; not more than max_response decoded bytes of an answer are kept.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fmgr.h"
#include "lib/ilist.h"

#include "http/client.h"
#include "http/policy.h"
#include "http/transfer.h"

PG_MODULE_MAGIC;

/* so many look up names at a time: each costs a thread */
#define MAX_RESOLVING 32
/* one that takes longer, or waits for a connection of its host to be free, is not waited for */
#define RESOLVING_MS 500
#define MAX_IDLE_CONNECTIONS 256
#define EVENTS 256

static CURLM *multi = NULL;
static int	epoll_fd = -1;
static int64 timer_at = -1;
static dlist_head queue;
static dlist_head done;
extern PGDLLEXPORT const TpgHttpClient *tpg_http_client_open(void);

/* Around every call by which libcurl may start a thread. */
static void
block_signals(sigset_t *old)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
}

static void
restore_signals(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* ---------- callbacks of libcurl ---------- */

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct epoll_event event = {.data.fd = fd};

	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
		(void) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	return 0;
}

static int
timer_changed(CURLM *m, long timeout_ms, void *arg)
{
	timer_at = timeout_ms < 0 ? -1 : tpg_http_now_ms() + timeout_ms;
	return 0;
}

/* ---------- a request ---------- */

static void
finish(TpgHttpTransfer *t, TpgHttpEnd end)
{
	tpg_http_stop_resolving(t);
	t->end = end;
	t->state = DONE;
	dlist_push_tail(&done, &t->node);
}

static void
refuse(TpgHttpTransfer *t, TpgHttpEnd end, const char *message)
{
	if (message != t->message)
		strlcpy(t->message, message, sizeof(t->message));
	finish(t, end);
}

static bool
covered_by(const char *const *prefixes, int n, const TpgHttpUrl *url, bool all)
{
	for (int i = 0; i < n; i++)
		if (tpg_http_url_covered(prefixes[i], url) != all)
			return !all;
	return all;
}

/* False: refused, and finished. */
static bool
check_policy(TpgHttpTransfer *t)
{
	if (!tpg_http_host_allowed(tpg_http_shared.allow, &t->parsed))
	{
		refuse(t, TPG_HTTP_DENIED_HOST, "the server does not allow requests to this host and port");
		return false;
	}
	if (!covered_by(t->request->grants, t->request->ngrants, &t->parsed, false))
	{
		refuse(t, TPG_HTTP_DENIED_URL, "requests to this URL are not granted");
		return false;
	}
	return true;
}

/* Secrets that are for certain URLs only. */
static bool
secrets_may_go(TpgHttpTransfer *t)
{
	return covered_by(t->request->secret_urls, t->request->nsecret_urls, &t->parsed, true);
}

static void
run(TpgHttpTransfer *t)
{
	sigset_t	old;
	CURLMcode	code;

	t->state = RUNNING;
	t->end = TPG_HTTP_BROKEN;
	t->status = 0;
	t->retry_after = 0;
	t->curl_error[0] = '\0';
	t->header_size = t->body_size = 0;
	t->header_complete = t->with_length = t->lost = false;
	t->sendings = 0;
	t->address_allowed = false;
	if (t->deadline != 0 && t->deadline <= tpg_http_now_ms())
	{
		refuse(t, TPG_HTTP_TIMED_OUT, "timed out");
		return;
	}
	if (!tpg_http_make_headers(t))
	{
		refuse(t, TPG_HTTP_BAD_REQUEST, "a header has a name or value that a header cannot have");
		return;
	}
	if (!tpg_http_set_options(t))
	{
		refuse(t, TPG_HTTP_BROKEN, "could not set up the request");
		return;
	}
	t->resolving = !tpg_http_is_literal_address(t->parsed.host);
	if (t->resolving)
	{
		tpg_http_shared.nresolving++;
		t->resolving_since = tpg_http_now_ms();
		dlist_push_tail(&tpg_http_shared.resolving, &t->resolving_node);
	}
	block_signals(&old);
	code = curl_multi_add_handle(multi, t->easy);
	restore_signals(&old);
	if (code != CURLM_OK)
		refuse(t, TPG_HTTP_BROKEN, curl_multi_strerror(code));
}

static void
run_or_queue(TpgHttpTransfer *t)
{
	if (tpg_http_shared.nresolving >= MAX_RESOLVING && !tpg_http_is_literal_address(t->parsed.host))
	{
		t->state = QUEUED;
		dlist_push_tail(&queue, &t->node);
	}
	else
		run(t);
}

static TpgHttpTransfer *
client_start(const TpgHttpRequest *request)
{
	TpgHttpTransfer *t = calloc(1, sizeof(TpgHttpTransfer));
	const char *problem;

	if (t == NULL)
		return NULL;
	t->request = request;
	t->method = request->method;
	t->with_body = request->body != NULL;
	t->with_secrets = t->with_headers = true;
	t->deadline = request->timeout_ms > 0 ? tpg_http_now_ms() + request->timeout_ms : 0;
	t->easy = curl_easy_init();
	t->url = curl_url();
	if (t->easy == NULL || t->url == NULL)
	{
		curl_easy_cleanup(t->easy);
		curl_url_cleanup(t->url);
		free(t);
		return NULL;
	}
	if (curl_url_set(t->url, CURLUPART_URL, request->url, 0) != CURLUE_OK)
		refuse(t, TPG_HTTP_BAD_REQUEST, "the URL is not of the form https://host/path");
	else if ((problem = tpg_http_parse_url(t->url, &t->parsed)) != NULL)
		refuse(t, TPG_HTTP_BAD_REQUEST, problem);
	else if (!tpg_http_show_url(t))
		refuse(t, TPG_HTTP_NO_MEMORY, "out of memory");
	else if (check_policy(t))
	{
		if (secrets_may_go(t))
			run_or_queue(t);
		else
			refuse(t, TPG_HTTP_DENIED_URL, "a secret of the request may not be sent to this URL");
	}
	return t;
}

/* ---------- its end ---------- */

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The next hop; false: it has ended with this answer. */
static bool
follow(TpgHttpTransfer *t)
{
	const TpgHttpRequest *r = t->request;
	char	   *location;
	TpgHttpUrl	before = t->parsed;
	bool		same;
	CURLUcode	code;
	const char *problem;

	if (!is_redirect(t->status) || r->max_redirects == 0)
		return false;
	location = tpg_http_find_header(t, "location");
	if (location == NULL)
		return false;
	if (t->redirects >= r->max_redirects)
	{
		free(location);
		snprintf(t->message, sizeof(t->message), "more than %d redirects", r->max_redirects);
		refuse(t, TPG_HTTP_TOO_MANY_REDIRECTS, t->message);
		return true;
	}
	t->redirects++;
	code = curl_url_set(t->url, CURLUPART_URL, location, 0);
	free(location);
	memset(&t->parsed, 0, sizeof(t->parsed));
	problem = code != CURLUE_OK ? "redirected to what is no URL" : tpg_http_parse_url(t->url, &t->parsed);
	if (problem != NULL)
	{
		tpg_http_forget_url(&t->parsed);
		t->parsed = before;
		refuse(t, TPG_HTTP_DENIED_REDIRECT, problem);
		return true;
	}
	same = tpg_http_same_origin(&before, &t->parsed);
	if (strcmp(before.scheme, "https") == 0 && strcmp(t->parsed.scheme, "http") == 0)
		problem = "redirected from https to http";
	tpg_http_forget_url(&before);
	if (!tpg_http_show_url(t))
	{
		refuse(t, TPG_HTTP_NO_MEMORY, "out of memory");
		return true;
	}
	if (problem != NULL)
	{
		refuse(t, TPG_HTTP_DENIED_REDIRECT, problem);
		return true;
	}
	if (!check_policy(t))
		return true;

	if (t->status == 303 ? strcmp(t->method, "HEAD") != 0 : (t->status <= 302 && strcmp(t->method, "POST") == 0))
	{
		t->method = "GET";
		t->with_body = false;
	}
	if (!same)
		t->with_headers = t->with_secrets = false;
	else if (!secrets_may_go(t))
		t->with_secrets = false;
	if (!t->with_secrets && t->with_body && r->body_secret)
	{
		refuse(t, TPG_HTTP_DENIED_REDIRECT, "redirected to where a secret of the request may not be sent");
		return true;
	}
	run_or_queue(t);
	return true;
}

static void
ended(TpgHttpTransfer *t, CURLcode code)
{
	long		status = 0;
	curl_off_t	retry_after = 0;
	sigset_t	old;

	tpg_http_stop_resolving(t);
	(void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	t->status = (int) status;
	t->retry_after = (long) Min(retry_after, 86400);
	block_signals(&old);
	(void) curl_multi_remove_handle(multi, t->easy);
	restore_signals(&old);

	if (code == CURLE_OK)
	{
		if (!t->header_complete)
			refuse(t, TPG_HTTP_BROKEN, "the connection was closed within the header of the answer");
		else if (!follow(t))
			finish(t, TPG_HTTP_ANSWERED);
		return;
	}
	if (code == CURLE_FILESIZE_EXCEEDED && t->end == TPG_HTTP_BROKEN)
		(void) tpg_http_too_large(t, "body", t->request->max_response);
	/* a callback has stopped it, and said why */
	if (t->end != TPG_HTTP_BROKEN)
		finish(t, t->end);
	else if (t->lost)
		refuse(t, TPG_HTTP_BROKEN, "the connection was closed before anything of an answer had come");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		refuse(t, TPG_HTTP_TIMED_OUT, t->curl_error[0] ? t->curl_error : curl_easy_strerror(code));
	else
		refuse(t, code == CURLE_WEIRD_SERVER_REPLY ? TPG_HTTP_INVALID : TPG_HTTP_BROKEN,
			   t->curl_error[0] ? t->curl_error : curl_easy_strerror(code));
}

static TpgHttpTransfer *
oldest_resolving(void)
{
	return dlist_container(TpgHttpTransfer, resolving_node, dlist_head_node(&tpg_http_shared.resolving));
}

static void
client_work(void)
{
	struct epoll_event events[EVENTS];
	int			n;
	int			running;
	int			left;
	CURLMsg    *m;
	sigset_t	old;

	block_signals(&old);
	do
	{
		n = epoll_wait(epoll_fd, events, EVENTS, 0);
		for (int i = 0; i < n; i++)
		{
			int			mask = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
				(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				(events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);

			(void) curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
		}
	} while (n == EVENTS);
	if (timer_at >= 0 && timer_at <= tpg_http_now_ms())
	{
		timer_at = -1;
		(void) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	restore_signals(&old);

	while ((m = curl_multi_info_read(multi, &left)) != NULL)
	{
		TpgHttpTransfer *t;
		CURLcode	code = m->data.result;

		if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **) &t) == CURLE_OK)
			ended(t, code);
	}
	while (!dlist_is_empty(&queue) && tpg_http_shared.nresolving >= MAX_RESOLVING)
	{
		TpgHttpTransfer *oldest = oldest_resolving();

		if (oldest->resolving_since + RESOLVING_MS > tpg_http_now_ms())
			break;
		tpg_http_stop_resolving(oldest);
	}
	while (tpg_http_shared.nresolving < MAX_RESOLVING && !dlist_is_empty(&queue))
		run(dlist_container(TpgHttpTransfer, node, dlist_pop_head_node(&queue)));
}

static long
client_timeout(void)
{
	int64		at = -1;

	if (!dlist_is_empty(&done) || (!dlist_is_empty(&queue) && tpg_http_shared.nresolving < MAX_RESOLVING))
		return 0;
	if (!dlist_is_empty(&queue))
		at = oldest_resolving()->resolving_since + RESOLVING_MS;
	if (timer_at >= 0 && (at < 0 || timer_at < at))
		at = timer_at;
	return at < 0 ? -1 : (long) Max(at - tpg_http_now_ms(), 0);
}

static int
client_fd(void)
{
	return epoll_fd;
}

static TpgHttpTransfer *
client_next_done(void)
{
	TpgHttpTransfer *t;

	if (dlist_is_empty(&done))
		return NULL;
	t = dlist_container(TpgHttpTransfer, node, dlist_pop_head_node(&done));
	t->state = TAKEN;
	return t;
}

static void
client_response(TpgHttpTransfer *t, TpgHttpResponse *r)
{
	memset(r, 0, sizeof(*r));
	r->end = t->end;
	r->status = t->status;
	r->url = t->shown_url;
	r->origin = t->origin;
	r->message = t->message;
	r->headers = t->header_block;
	r->headers_size = t->header_size;
	r->body = t->body;
	r->body_size = t->body_size;
	r->retry_after_s = t->retry_after;
	r->redirects = t->redirects;
}

static const TpgHttpRequest *
client_request(TpgHttpTransfer *t)
{
	return t->request;
}

static void
client_release(TpgHttpTransfer *t)
{
	sigset_t	old;

	tpg_http_stop_resolving(t);
	if (t->state == QUEUED || t->state == DONE)
		dlist_delete(&t->node);
	block_signals(&old);
	if (t->state == RUNNING)
		(void) curl_multi_remove_handle(multi, t->easy);
	curl_easy_cleanup(t->easy);
	restore_signals(&old);
	tpg_http_shared.memory_used -= t->header_space + t->body_space;
	curl_slist_free_all(t->headers);
	curl_url_cleanup(t->url);
	tpg_http_forget_url(&t->parsed);
	free(t->shown_url);
	free(t->origin);
	free(t->header_block);
	free(t->body);
	free(t);
}

static bool
client_configure(const TpgHttpConfig *c)
{
	char	   *new_allow = strdup(c->allow);
	char	   *new_private = strdup(c->allow_private);
	char	   *new_ca = strdup(c->ca_file);

	if (new_allow == NULL || new_private == NULL || new_ca == NULL)
	{
		free(new_allow);
		free(new_private);
		free(new_ca);
		return false;
	}
	free(tpg_http_shared.allow);
	free(tpg_http_shared.allow_private);
	free(tpg_http_shared.ca_file);
	tpg_http_shared.allow = new_allow;
	tpg_http_shared.allow_private = new_private;
	tpg_http_shared.ca_file = new_ca;
	tpg_http_shared.max_memory = c->max_memory;
	return curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long) c->max_per_host) == CURLM_OK;
}

static TpgHttpClient client = {
	.configure = client_configure,
	.fd = client_fd,
	.timeout = client_timeout,
	.work = client_work,
	.start = client_start,
	.next_done = client_next_done,
	.response = client_response,
	.request = client_request,
	.release = client_release
};

const TpgHttpClient *
tpg_http_client_open(void)
{
	dlist_init(&queue);
	dlist_init(&done);
	dlist_init(&tpg_http_shared.resolving);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	multi = curl_multi_init();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (multi == NULL || epoll_fd < 0 ||
		curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) MAX_IDLE_CONNECTIONS) != CURLM_OK)
		return NULL;
	client.version = curl_version();
	return &client;
}
