/*-------------------------------------------------------------------------
 *
 * httpanswer.c
 *	  From the answer to a request to the result or failure of an attempt.
 *
 * Invariant: no secret that was filled into the request leaves the process, also
 * where the server sends it back: it is blotted out of the bytes, and again of
 * the strings that JSON has made of them.
 *
 * Nothing here touches more than memory, so errors of what reads JSON are caught
 * without a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "model/failure.h"
#include "worker/httpanswer.h"

#define BLOT "***"

/* so much of the body of an error is kept */
#define PIECE_BYTES 1000

#define MAX_EXPONENT 308

static bool
replace_all(StringInfo buf, const char *secret)
{
	size_t		len = strlen(secret);
	StringInfoData out;
	char	   *p = buf->data;
	char	   *end = p + buf->len;
	char	   *at;

	if (len == 0 || memmem(p, end - p, secret, len) == NULL)
		return false;
	initStringInfo(&out);
	while ((at = memmem(p, end - p, secret, len)) != NULL)
	{
		appendBinaryStringInfo(&out, p, at - p);
		appendStringInfoString(&out, BLOT);
		p = at + len;
	}
	appendBinaryStringInfo(&out, p, end - p);
	*buf = out;
	return true;
}

char *
tpg_http_call_redact(const TpgHttpCall *call, const char *data, size_t size, size_t *new_size)
{
	StringInfoData buf;
	StringInfoData escaped;

	initStringInfo(&buf);
	if (size > 0)
		appendBinaryStringInfo(&buf, data, (int) size);
	/* the longest first (tpg_http_call_build): no end of one is left where another one is its beginning */
	for (int i = 0; i < call->nsecrets; i++)
	{
		(void) replace_all(&buf, call->secrets[i]->value);
		(void) replace_all(&buf, tpg_http_url_encode(call->secrets[i]->value));
		/* as it stands in a body of JSON */
		initStringInfo(&escaped);
		escape_json(&escaped, call->secrets[i]->value);
		escaped.data[escaped.len - 1] = '\0';
		(void) replace_all(&buf, escaped.data + 1);
	}
	*new_size = buf.len;
	return buf.data;
}

/* What escapes had hidden from tpg_http_call_redact(). */
static Jsonb *
redact_strings(const TpgHttpCall *call, Jsonb *value)
{
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (call->nsecrets == 0)
		return value;
	it = JsonbIteratorInit(&value->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if ((token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM) && v.type == jbvString)
		{
			size_t		size;

			v.val.string.val = tpg_http_call_redact(call, v.val.string.val, v.val.string.len, &size);
			v.val.string.len = (int) size;
		}
		result = pushJsonbValue(&state, token,
								token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM || (token == WJB_BEGIN_ARRAY && v.val.array.rawScalar) ? &v : NULL);
	}
	return JsonbValueToJsonb(result);
}

/* Text that this database can keep. */
static bool
is_text(const char *data, size_t size)
{
	if (memchr(data, '\0', size) != NULL || !pg_verify_mbstr(PG_UTF8, data, (int) size, true))
		return false;
	if (GetDatabaseEncoding() == PG_UTF8)
		return true;
	for (size_t i = 0; i < size; i++)
		if (IS_HIGHBIT_SET(data[i]))
			return false;
	return true;
}

static char *
base64(const char *data, size_t size)
{
	int			space = pg_b64_enc_len((int) size) + 1;
	char	   *text = palloc(space);
	int			len = pg_b64_encode((const void *) data, (int) size, text, space);

	text[Max(len, 0)] = '\0';
	return text;
}

/* Name in lower case; what has more than one line is joined, Set-Cookie is an array. */
static Jsonb *
headers_of(const char *block, size_t size)
{
	TpgJson    *b = tpg_json_object();
	TpgJson    *cookies = NULL;
	List	   *names = NIL;
	List	   *values = NIL;
	ListCell   *ln;
	ListCell   *lv;
	const char *p = block;
	const char *end = block + size;

	while (p < end)
	{
		const char *eol = memchr(p, '\n', end - p);
		const char *next;
		const char *colon;
		char	   *name;
		char	   *value;
		bool		known = false;

		next = eol ? eol + 1 : end;
		eol = eol ? eol : end;
		while (eol > p && (eol[-1] == '\r' || eol[-1] == ' ' || eol[-1] == '\t'))
			eol--;
		colon = memchr(p, ':', eol - p);
		if (colon == NULL || colon == p || !is_text(p, eol - p))
		{
			p = next;			/* the status line, the empty one, or not to be kept */
			continue;
		}
		name = pnstrdup(p, colon - p);
		for (char *c = name; *c; c++)
			*c = pg_ascii_tolower((unsigned char) *c);
		for (colon++; colon < eol && (*colon == ' ' || *colon == '\t');)
			colon++;
		value = pnstrdup(colon, eol - colon);
		p = next;
		if (strcmp(name, "set-cookie") == 0)
		{
			if (cookies == NULL)
				cookies = tpg_json_array();
			tpg_json_push_text(cookies, value);
			continue;
		}
		forboth(ln, names, lv, values)
		{
			if (strcmp(lfirst(ln), name) == 0)
			{
				lfirst(lv) = psprintf("%s, %s", (char *) lfirst(lv), value);
				known = true;
			}
		}
		if (!known)
		{
			names = lappend(names, name);
			values = lappend(values, value);
		}
	}
	forboth(ln, names, lv, values)
		tpg_json_add_text(b, lfirst(ln), lfirst(lv));
	if (cookies != NULL)
		tpg_json_add_jsonb(b, "set-cookie", tpg_json_finish(cookies));
	return tpg_json_finish(b);
}

/*
 * Has it a number beyond those of double precision?  1e131000 is 8 bytes, and 131 kB for
 * everybody who reads it as text: it stays what the server has written.
 */
static bool
has_huge_number(const char *text)
{
	bool		in_string = false;

	for (const char *p = text; *p; p++)
	{
		if (*p == '"')
			in_string = !in_string;
		else if (in_string && *p == '\\' && p[1] != '\0')
			p++;
		else if (!in_string && (*p == 'e' || *p == 'E') && p > text && p[-1] >= '0' && p[-1] <= '9')
		{
			const char *digits = p + 1 + (p[1] == '+' || p[1] == '-');

			digits += strspn(digits, "0");
			if (strspn(digits, "0123456789") > 3 || atoi(digits) > MAX_EXPONENT)
				return true;
		}
	}
	return false;
}

/* NULL: it is not. */
static Jsonb *
parse_json(const TpgHttpCall *call, const char *text)
{
	Jsonb	   *volatile value = NULL;
	MemoryContext context = CurrentMemoryContext;

	if (has_huge_number(text))
		return NULL;
	PG_TRY();
	{
		value = redact_strings(call, tpg_json_from_text(text));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		value = NULL;
	}
	PG_END_TRY();
	return value;
}

static bool
says_json(const Jsonb *headers)
{
	char	   *type = tpg_json_get_text(headers, "content-type");
	size_t		len;

	if (type == NULL)
		return false;
	len = strcspn(type, "; \t");
	return (len == 16 && pg_strncasecmp(type, "application/json", 16) == 0) ||
		(len > 5 && pg_strncasecmp(type + len - 5, "+json", 5) == 0);
}

static Jsonb *
result_of(const TpgHttpCall *call, const TpgHttpResponse *r, const Jsonb *headers, const char *body, size_t size)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_int(b, "status", r->status);
	tpg_json_add_jsonb(b, "headers", headers);
	if (size > 0 && is_text(body, size))
	{
		Jsonb	   *value = says_json(headers) ? parse_json(call, body) : NULL;

		tpg_json_add_jsonb(b, "body", value ? value : tpg_json_string(body));
	}
	else if (size > 0)
	{
		tpg_json_add_text(b, "body", base64(body, size));
		tpg_json_add_bool(b, "base64", true);
	}
	else
		tpg_json_add_jsonb(b, "body", tpg_json_null());
	return tpg_json_finish(b);
}

/* An answer that is no result. */
static Jsonb *
failure_of(const TpgHttpCall *call, const TpgHttpResponse *r, const Jsonb *headers, char *body, size_t size)
{
	TpgJson    *b = tpg_json_object();
	bool		retryable = r->status >= 500 || r->status == 408 || r->status == 425 || r->status == 429;
	int64		delay = retryable && r->retry_after_s > 0 ? (int64) r->retry_after_s * USECS_PER_SEC : -1;
	size_t		url_size;
	char	   *url = tpg_http_call_redact(call, r->url, strlen(r->url), &url_size);

	tpg_json_add_int(b, "status", r->status);
	tpg_json_add_text(b, "url", url);
	tpg_json_add_text(b, "location", r->status >= 300 && r->status < 400 ? tpg_json_get_text(headers, "location") : NULL);
	if (size > 0 && is_text(body, size))
	{
		Jsonb	   *value = says_json(headers) ? parse_json(call, body) : NULL;

		if (value != NULL)
		{
			body = tpg_json_to_text(value);
			size = strlen(body);
		}
		if (size > PIECE_BYTES)
			body[pg_mbcliplen(body, (int) size, PIECE_BYTES)] = '\0';
		tpg_json_add_text(b, "body", body);
	}
	if (r->status >= 300 && r->status < 400 && r->redirects == 0 && call->request.max_redirects == 0)
		tpg_json_add_text(b, "hint", "Redirects are followed where the input has max_redirects; accept makes a status a result.");
	return tpg_failure_application(psprintf("HTTP status %d from %s %s", r->status, call->request.method, url), "HttpError",
								   tpg_json_finish(b), !retryable, delay, NULL, "temporal_pg", NULL);
}

static bool
is_accepted(const TpgHttpCall *call, int status)
{
	if (status >= 200 && status < 300)
		return true;
	for (int i = 0; i < call->naccepted; i++)
		if (call->accepted[i] == status)
			return true;
	return false;
}

static void
answered(TpgHttpCall *call, const TpgHttpResponse *r)
{
	size_t		size;
	size_t		headers_size;
	char	   *body = tpg_http_call_redact(call, r->body, r->body_size, &size);
	char	   *block = tpg_http_call_redact(call, r->headers, r->headers_size, &headers_size);
	Jsonb	   *headers = headers_of(block, headers_size);

	call->attempt.ended_at = GetCurrentTimestamp();
	call->ended = true;
	if (is_accepted(call, r->status))
	{
		call->attempt.end = TPG_ATTEMPT_COMPLETED;
		call->attempt.result = result_of(call, r, headers, body, size);
	}
	else
	{
		call->attempt.end = TPG_ATTEMPT_FAILED;
		call->attempt.failure = failure_of(call, r, headers, body, size);
	}
}

/*
 * A server can make what cannot be kept: a few bytes of JSON that are gigabytes
 * as text, say.  That is its own request's failure, and not the end of the process
 * with everybody's; only memory has been touched, so that no subtransaction is needed.
 */
static void
answered_safely(TpgHttpCall *call, const TpgHttpResponse *r)
{
	PG_TRY();
	{
		answered(call, r);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(call->context);
		error = CopyErrorData();
		FlushErrorState();
		tpg_http_call_fail(call, "HttpResponseTooLarge",
						   psprintf("the answer (HTTP status %d) cannot be kept: %s", r->status, error->message), NULL, NULL, true);
	}
	PG_END_TRY();
}

static void
denied(TpgHttpCall *call, const TpgHttpResponse *r, const char *hint)
{
	tpg_http_call_fail(call, "HttpDenied", psprintf("%s: %s", r->message, r->url ? r->url : "?"), NULL, hint, true);
}

void
tpg_http_call_answer(TpgHttpCall *call, const TpgHttpResponse *r)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	const char *origin = r->origin ? r->origin : "?";
	const char *where = psprintf("%s %s", call->request.method ? call->request.method : "?", r->url ? r->url : "?");

	switch (r->end)
	{
		case TPG_HTTP_ANSWERED:
			answered_safely(call, r);
			break;
		case TPG_HTTP_BAD_REQUEST:
			tpg_http_call_fail(call, "HttpRequestError", r->message, NULL, NULL, true);
			break;
		case TPG_HTTP_DENIED_HOST:
			denied(call, r, psprintf("A superuser can add the host of %s to the setting temporal_pg.http_allow, with its port where that is not the usual one.", origin));
			break;
		case TPG_HTTP_DENIED_URL:
			denied(call, r, psprintf("An administrator of namespace \"%s\" can grant it with SELECT temporal.grant_http(%s, %s), and change a secret's url with temporal.set_secret().",
									 call->namespace_name, quote_literal_cstr(call->owner_name), quote_literal_cstr(psprintf("%s/", origin))));
			break;
		case TPG_HTTP_DENIED_ADDRESS:
			denied(call, r, "A superuser can add the network to the setting temporal_pg.http_allow_private.");
			break;
		case TPG_HTTP_DENIED_REDIRECT:
		case TPG_HTTP_TOO_MANY_REDIRECTS:
			tpg_http_call_fail(call, "HttpRedirectError", psprintf("%s: %s", r->message, where), NULL, NULL, true);
			break;
		case TPG_HTTP_TOO_LARGE:
			tpg_http_call_fail(call, "HttpResponseTooLarge", psprintf("%s: %s", r->message, where), NULL,
							   "The limit of a body is the setting temporal_pg.http_max_response_size.", true);
			break;
		case TPG_HTTP_TIMED_OUT:
			tpg_http_call_fail(call, "HttpTimeout", psprintf("%s: %s", where, r->message), NULL, NULL, false);
			break;
		case TPG_HTTP_NO_MEMORY:
			tpg_http_call_fail(call, "HttpOverload", psprintf("%s: %s", where, r->message), NULL,
							   "The limit is the setting temporal_pg.http_max_memory.", false);
			break;
		case TPG_HTTP_INVALID:
			tpg_http_call_fail(call, "HttpInvalidResponse", psprintf("%s: %s", where, r->message), NULL,
							   "The server, or a proxy before it, does not speak HTTP as RFC 9112 has it.", false);
			break;
		case TPG_HTTP_BROKEN:
			tpg_http_call_fail(call, "HttpConnectionError", psprintf("%s: %s", where, r->message), NULL, NULL, false);
			break;
	}
	MemoryContextSwitchTo(old);
}
