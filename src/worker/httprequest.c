/*-------------------------------------------------------------------------
 *
 * httprequest.c
 *	  From the input of an activity of type http to a request.
 *
 * A secret is filled in here, in the memory of the HTTP process, and only where
 * the input says by itself that it is to be: text that comes from elsewhere and
 * happens to have ${secret:name} in it is no reason.
 *
 * What is read from tables is read before anything can be wrong with the input:
 * an error of this file is caught without a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha1.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/httpguc.h"
#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "store/definition.h"
#include "store/namespace.h"
#include "worker/httpanswer.h"
#include "worker/httprequest.h"

#define MAX_HEADERS 200
#define MAX_REDIRECTS 20
/* what libcurl takes, in milliseconds, is an int in some versions */
#define MAX_TIMEOUT_DAYS 24
#define PLACEHOLDER "${secret:"

typedef enum Style
{
	STYLE_PLAIN,
	STYLE_URL,
	STYLE_JSON
} Style;

/* libcurl's own, or what would change which server it is that is asked */
static const char *const reserved_headers[] = {
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect", "upgrade", "te", "trailer",
	"proxy-authorization", "proxy-connection", "accept-encoding", "http2-settings"
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

static const char *const members[] = {"url", "method", "headers", "body", "timeout", "max_redirects", "accept", "secrets"};

void
tpg_http_call_fail(TpgHttpCall *call, const char *type, const char *message, const char *detail, const char *hint, bool non_retryable)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	Jsonb	   *details = NULL;
	size_t		size;

	if (detail != NULL || hint != NULL)
	{
		TpgJson    *b = tpg_json_object();

		if (detail != NULL)
			tpg_json_add_text(b, "detail", tpg_http_call_redact(call, detail, strlen(detail), &size));
		if (hint != NULL)
			tpg_json_add_text(b, "hint", tpg_http_call_redact(call, hint, strlen(hint), &size));
		details = tpg_json_finish(b);
	}
	message = tpg_http_call_redact(call, message, strlen(message), &size);
	call->attempt.end = TPG_ATTEMPT_FAILED;
	call->attempt.ended_at = GetCurrentTimestamp();
	call->attempt.failure = tpg_failure_application(message, type, details, non_retryable, -1, NULL, "temporal_pg", NULL);
	call->ended = true;
	MemoryContextSwitchTo(old);
}

TPG_NORETURN static void bad_input(const char *message, const char *hint) TPG_NORETURN_AFTER;

static void
bad_input(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message),
			 hint ? errhint("%s", hint) : 0));
}

char *
tpg_http_url_encode(const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *text; text++)
	{
		unsigned char c = (unsigned char) *text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
			appendStringInfoChar(&buf, c);
		else
			appendStringInfo(&buf, "%%%02X", c);
	}
	return buf.data;
}

/* ---------- secrets ---------- */

/* Looks it up; before what could fail. */
static void
use_secret(TpgHttpCall *call, int32 namespace_id, Oid owner, const char *name, char **missing)
{
	TpgSecret  *secret;

	for (int i = 0; i < call->nsecrets; i++)
		if (strcmp(call->secrets[i]->name, name) == 0)
			return;
	secret = call->nsecrets < TPG_HTTP_MAX_SECRETS ? tpg_secret_find(namespace_id, name, owner) : NULL;
	if (secret == NULL)
		*missing = pstrdup(name);
	else
	{
		int			at = call->nsecrets++;

		for (; at > 0 && strlen(call->secrets[at - 1]->value) < strlen(secret->value); at--)
			call->secrets[at] = call->secrets[at - 1];
		call->secrets[at] = secret;
	}
}

static char *
secret_of_header(JsonbValue *v)
{
	Jsonb	   *value = tpg_json_value_to_jsonb(v);

	return tpg_json_is_object(value) ? tpg_json_get_text(value, "secret") : NULL;
}

/* A value of a header, or a list of them. */
static void
use_secrets_of_header(TpgHttpCall *call, JsonbValue *value, int32 namespace_id, Oid owner, char **missing)
{
	Jsonb	   *values = tpg_json_value_to_jsonb(value);
	char	   *name = secret_of_header(value);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (name != NULL)
		use_secret(call, namespace_id, owner, name, missing);
	if (!tpg_json_is_array(values))
		return;
	it = JsonbIteratorInit(&values->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM && (name = secret_of_header(&v)) != NULL)
			use_secret(call, namespace_id, owner, name, missing);
}

/* Those that the input lists, and those that are the whole value of a header. */
static void
use_secrets(TpgHttpCall *call, const Jsonb *input, int32 namespace_id, Oid owner, char **missing)
{
	Jsonb	   *listed;
	Jsonb	   *headers;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (input == NULL || !tpg_json_is_object(input))
		return;					/* build() says so */
	listed = tpg_json_get(input, "secrets");
	headers = tpg_json_get(input, "headers");
	if (listed != NULL && tpg_json_is_array(listed))
	{
		it = JsonbIteratorInit(&listed->root);
		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
			if (token == WJB_ELEM && v.type == jbvString)
				use_secret(call, namespace_id, owner, pnstrdup(v.val.string.val, v.val.string.len), missing);
	}
	if (headers != NULL && tpg_json_is_object(headers))
	{
		it = JsonbIteratorInit(&headers->root);
		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
			if (token == WJB_VALUE)
				use_secrets_of_header(call, &v, namespace_id, owner, missing);
	}
}

static const TpgSecret *
find_secret(const TpgHttpCall *call, const char *name, size_t len)
{
	for (int i = 0; i < call->nsecrets; i++)
		if (strlen(call->secrets[i]->name) == len && memcmp(call->secrets[i]->name, name, len) == 0)
			return call->secrets[i];
	return NULL;
}

/* The text with its secrets filled in. */
static char *
fill(const TpgHttpCall *call, const char *text, Style style, bool *had_secret)
{
	StringInfoData buf;
	const char *p = text;
	const char *at;

	initStringInfo(&buf);
	while ((at = strstr(p, PLACEHOLDER)) != NULL)
	{
		const char *name = at + strlen(PLACEHOLDER);
		const char *end = strchr(name, '}');
		const TpgSecret *secret = end ? find_secret(call, name, end - name) : NULL;

		if (secret == NULL)
		{
			/* not ours */
			appendBinaryStringInfo(&buf, p, name - p);
			p = name;
			continue;
		}
		appendBinaryStringInfo(&buf, p, at - p);
		if (style == STYLE_URL)
			appendStringInfoString(&buf, tpg_http_url_encode(secret->value));
		else if (style == STYLE_JSON)
		{
			StringInfoData quoted;

			initStringInfo(&quoted);
			escape_json(&quoted, secret->value);
			appendBinaryStringInfo(&buf, quoted.data + 1, quoted.len - 2);
		}
		else
			appendStringInfoString(&buf, secret->value);
		*had_secret = true;
		p = end + 1;
	}
	appendStringInfoString(&buf, p);
	return pg_server_to_any(buf.data, buf.len, PG_UTF8);
}

/* ---------- the parts of a request ---------- */

static void
check_members(const Jsonb *input)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (input == NULL || !tpg_json_is_object(input))
		bad_input("the input of an activity of type http must be an object", "For example {\"url\": \"https://api.example.com/\"}.");
	it = JsonbIteratorInit((JsonbContainer *) &input->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < lengthof(members) && !known; i++)
			known = strlen(members[i]) == v.val.string.len && memcmp(members[i], v.val.string.val, v.val.string.len) == 0;
		if (!known)
			bad_input(psprintf("an activity of type http takes no \"%.*s\"", v.val.string.len, v.val.string.val),
					  "It takes url, method, headers, body, timeout, max_redirects, accept and secrets.");
	}
}

static void
build_url(TpgHttpCall *call, const Jsonb *input)
{
	Jsonb	   *value = tpg_json_get(input, "url");
	char	   *text;
	char	   *authority;
	char	   *secret;

	if (!tpg_json_is_string(value))
		bad_input("an activity of type http needs a url, which is a string", NULL);
	text = tpg_json_scalar_text(value);
	if (pg_strncasecmp(text, "http://", 7) != 0 && pg_strncasecmp(text, "https://", 8) != 0)
		bad_input("the url must begin with http:// or https://", NULL);
	authority = strstr(text, "://") + 3;
	/* libcurl overlooks some slashes; where the host is must be plain */
	if (*authority == '/')
		bad_input("the url has no host", NULL);
	/* a host that is looked up with a secret in it has told it */
	secret = strstr(text, PLACEHOLDER);
	if (secret != NULL && secret < authority + strcspn(authority, "/?#"))
		bad_input("a secret cannot be in the host of a url", NULL);
	call->request.url = fill(call, text, STYLE_URL, &call->request.url_secret);
}

static void
build_method(TpgHttpCall *call, const Jsonb *input)
{
	char	   *method = tpg_json_get_text(input, "method");

	call->request.method = method ? NULL : "GET";
	for (int i = 0; method && i < lengthof(methods); i++)
		if (pg_strcasecmp(method, methods[i]) == 0)
			call->request.method = methods[i];
	if (call->request.method == NULL)
		bad_input(psprintf("unknown method \"%s\"", method), "Methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.");
}

static void
add_header(TpgHttpCall *call, TpgHttpHeader *headers, const char *name, const char *value, bool secret)
{
	TpgHttpHeader *h = &headers[call->request.nheaders];

	if (call->request.nheaders >= MAX_HEADERS)
		bad_input(psprintf("more than %d headers", MAX_HEADERS), NULL);
	if (*name == '\0' || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") != strlen(name))
		bad_input(psprintf("\"%s\" cannot be the name of a header", name), NULL);
	for (int i = 0; i < lengthof(reserved_headers); i++)
		if (pg_strcasecmp(name, reserved_headers[i]) == 0)
			bad_input(psprintf("header \"%s\" cannot be given", name), "It follows from the url and the body.");
	for (const char *p = value; *p; p++)
		if (((unsigned char) *p < ' ' && *p != '\t') || *p == 127)
			bad_input(psprintf("the value of header \"%s\" has control characters", name), NULL);
	h->name = name;
	h->value = value;
	h->secret = secret;
	call->request.nheaders++;
}

static void
add_header_value(TpgHttpCall *call, TpgHttpHeader *headers, const char *name, JsonbValue *v)
{
	Jsonb	   *value = tpg_json_value_to_jsonb(v);
	const TpgSecret *found;
	bool		secret = false;
	char	   *text;

	if (tpg_json_is_array(value))
		bad_input(psprintf("the value of header \"%s\" is a list in a list", name), NULL);
	if (tpg_json_is_object(value))
	{
		text = tpg_json_get_text(value, "secret");
		if (text == NULL)
			bad_input(psprintf("the value of header \"%s\" is an object without \"secret\"", name), NULL);
		found = find_secret(call, text, strlen(text));
		if (found == NULL)
			bad_input(psprintf("secret \"%s\" has not been looked up", text), NULL);
		add_header(call, headers, name, pstrdup(found->value), true);
		return;
	}
	text = tpg_json_scalar_text(value);
	if (text == NULL)
		return;					/* null: none */
	text = fill(call, text, STYLE_PLAIN, &secret);
	add_header(call, headers, name, text, secret);
}

static bool
has_header(const TpgHttpCall *call, const char *name)
{
	for (int i = 0; i < call->request.nheaders; i++)
		if (pg_strcasecmp(call->request.headers[i].name, name) == 0)
			return true;
	return false;
}

static TpgHttpHeader *
build_headers(TpgHttpCall *call, const Jsonb *input)
{
	Jsonb	   *given = tpg_json_get(input, "headers");
	TpgHttpHeader *headers = palloc0(sizeof(TpgHttpHeader) * (MAX_HEADERS + 2));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;

	call->request.headers = headers;
	if (given == NULL)
		return headers;
	if (!tpg_json_is_object(given))
		bad_input("headers must be an object", "For example {\"Accept\": \"text/plain\"}.");
	it = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
		{
			Jsonb	   *value = tpg_json_value_to_jsonb(&v);

			if (tpg_json_is_array(value))
			{
				JsonbIterator *inner = JsonbIteratorInit(&value->root);
				JsonbValue	e;

				while ((token = JsonbIteratorNext(&inner, &e, true)) != WJB_DONE)
					if (token == WJB_ELEM)
						add_header_value(call, headers, name, &e);
			}
			else
				add_header_value(call, headers, name, &v);
		}
	}
	return headers;
}

static void
build_body(TpgHttpCall *call, TpgHttpHeader *headers, const Jsonb *input)
{
	Jsonb	   *body = tpg_json_get(input, "body");
	bool		text = tpg_json_is_string(body);

	if (body == NULL)
		return;
	if (strcmp(call->request.method, "HEAD") == 0)
		bad_input("a HEAD request has no body", NULL);
	call->request.body = fill(call, text ? tpg_json_scalar_text(body) : tpg_json_to_text(body), text ? STYLE_PLAIN : STYLE_JSON,
							  &call->request.body_secret);
	call->request.body_size = strlen(call->request.body);
	if (call->request.body_size > (size_t) tpg_guc_max_payload_size)
		bad_input("the body is larger than temporal_pg.max_payload_size", NULL);
	if (!has_header(call, "content-type"))
		add_header(call, headers, "Content-Type", text ? "text/plain; charset=utf-8" : "application/json", false);
}

static void
build_options(TpgHttpCall *call, const Jsonb *input)
{
	Jsonb	   *accept = tpg_json_get(input, "accept");
	Jsonb	   *secrets = tpg_json_get(input, "secrets");
	char	   *timeout = tpg_json_get_text(input, "timeout");
	char	   *redirects = tpg_json_get_text(input, "max_redirects");

	if (secrets != NULL && !tpg_json_is_array(secrets))
		bad_input("secrets must be an array of names", NULL);
	if (timeout != NULL)
	{
		Interval   *i;
		double		s;

		/* a number is seconds, as interval_in() has it */
		i = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(timeout), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		if (tpg_interval_is_infinite(i))
			bad_input("timeout must be finite", NULL);
		s = i->time / 1000000.0 + i->day * 86400.0 + i->month * 30.0 * 86400.0;
		if (s <= 0)
			bad_input("timeout must be positive", NULL);
		if (s > MAX_TIMEOUT_DAYS * 86400.0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("timeout is out of range"),
					 errdetail("It is \"%s\"; at most %d days are possible.", timeout, MAX_TIMEOUT_DAYS),
					 errhint("Leave it out where the start_to_close_timeout of the activity will do.")));
		call->request.timeout_ms = (long) Max(s * 1000, 1);
	}
	if (redirects != NULL)
	{
		call->request.max_redirects = pg_strtoint32(redirects);
		if (call->request.max_redirects < 0 || call->request.max_redirects > MAX_REDIRECTS)
			bad_input(psprintf("max_redirects must be from 0 to %d", MAX_REDIRECTS), NULL);
	}
	if (accept != NULL)
	{
		JsonbIterator *it;
		JsonbIteratorToken token;
		JsonbValue	v;

		if (!tpg_json_is_array(accept))
			bad_input("accept must be an array of statuses", "For example [404].");
		call->accepted = palloc(sizeof(int) * (JB_ROOT_COUNT(accept) + 1));
		it = JsonbIteratorInit(&accept->root);
		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		{
			int			status;

			if (token != WJB_ELEM)
				continue;
			status = v.type == jbvNumeric ? pg_strtoint32(tpg_json_scalar_text(tpg_json_value_to_jsonb(&v))) : 0;
			if (status < 200 || status > 599)
				bad_input("accept must be an array of statuses", "For example [404].");
			call->accepted[call->naccepted++] = status;
		}
	}
}

/* ---------- the key that makes it safe to try again ---------- */

/* UUID version 5 of run and event: the same for all attempts of an activity. */
static char *
idempotency_key(const TpgExecution *exec, int32 event_id)
{
	static const uint8 space[16] = {0x5b, 0x1e, 0x0c, 0x6a, 0x8c, 0x2f, 0x4d, 0x53, 0x9a, 0x0e, 0x7f, 0x41, 0xd6, 0x23, 0x90, 0xb8};
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA1);
	uint8		digest[SHA1_DIGEST_LENGTH];
	pg_uuid_t	uuid;
	char	   *name = psprintf("%s/%d", tpg_uuid_to_text(&exec->run_id), event_id);

	if (pg_cryptohash_init(ctx) < 0 || pg_cryptohash_update(ctx, space, sizeof(space)) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) name, strlen(name)) < 0 || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-1: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
	digest[6] = (digest[6] & 0x0f) | 0x50;
	digest[8] = (digest[8] & 0x3f) | 0x80;
	memcpy(uuid.data, digest, UUID_LEN);
	return tpg_uuid_to_text(&uuid);
}

static void
build(TpgHttpCall *call, const Jsonb *input, const char *key)
{
	TpgHttpHeader *headers;
	const char **urls = palloc(sizeof(char *) * TPG_HTTP_MAX_SECRETS);

	check_members(input);
	build_url(call, input);
	build_method(call, input);
	headers = build_headers(call, input);
	build_body(call, headers, input);
	build_options(call, input);
	if (!has_header(call, "idempotency-key"))
		add_header(call, headers, "Idempotency-Key", key, false);
	for (int i = 0; i < call->nsecrets; i++)
		if (call->secrets[i]->url != NULL)
			urls[call->request.nsecret_urls++] = call->secrets[i]->url;
	call->request.secret_urls = urls;
	call->request.max_response = tpg_guc_http_max_response_size;
}

void
tpg_http_call_build(TpgHttpCall *call, const TpgHttpStart *start)
{
	const TpgActivityTask *t = start->task;
	MemoryContext old = MemoryContextSwitchTo(call->context);
	TpgDefinition *workflow = tpg_definition_of_run(t->namespace_id, start->exec->workflow_type, start->exec->version);
	Jsonb	   *input = tpg_json_get(t->attributes, "input");
	char	   *missing = NULL;
	char	   *key = idempotency_key(start->exec, t->scheduled_event_id);

	call->name.execution_key = t->execution_key;
	call->name.scheduled_event_id = t->scheduled_event_id;
	call->name.attempt = t->attempt;
	call->name.started_at = t->started_at;
	call->timeout_at = t->timeout_at;
	call->request.tag = call;
	if (workflow == NULL || !OidIsValid(workflow->owner))
	{
		tpg_http_call_fail(call, "NotFoundError", psprintf("workflow type \"%s\" has no function, so nobody answers for its requests", start->exec->workflow_type), NULL,
						   NULL, false);
		MemoryContextSwitchTo(old);
		return;
	}
	call->owner_name = GetUserNameFromId(workflow->owner, false);
	call->namespace_name = tpg_namespace_name(t->namespace_id);
	call->request.ngrants = tpg_http_granted(t->namespace_id, workflow->owner, &call->request.grants);
	use_secrets(call, input, t->namespace_id, workflow->owner, &missing);
	if (missing != NULL)
	{
		tpg_http_call_fail(call, "HttpDenied", psprintf("there is no secret \"%s\" for role \"%s\"", missing, call->owner_name), NULL,
						   "temporal.set_secret() sets one; a request has 16 at most.", true);
		MemoryContextSwitchTo(old);
		return;
	}

	PG_TRY();
	{
		build(call, input, key);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/* nothing but memory has been touched */
		MemoryContextSwitchTo(call->context);
		error = CopyErrorData();
		FlushErrorState();
		tpg_http_call_fail(call, "HttpRequestError", error->message, error->detail, error->hint, true);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}
