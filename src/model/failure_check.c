/*-------------------------------------------------------------------------
 *
 * failure_check.c
 *	  Is what somebody has written by hand a failure?
 *
 * A member that nobody reads, or that is read as something else, would be lost
 * without a word: an attempt that was not to be tried again is, and nobody knows
 * why.  So names and types are as tpg_failure_detail() writes them, or it is an error.
 *
 * Pure.  Callers: SQL functions that take a failure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "base/ident.h"
#include "base/json.h"
#include "model/failure.h"
#include "model/failure_check.h"

typedef enum MemberType
{
	A_STRING,
	A_BOOLEAN,
	A_NUMBER,
	AN_OBJECT,
	ANYTHING
} MemberType;

static const char *const type_words[] = {
	[A_STRING] = "a string", [A_BOOLEAN] = "true or false", [A_NUMBER] = "a number", [AN_OBJECT] = "an object"
};

#define IN(kind) (1 << (kind))
#define IN_ALL 0xffff

/* What tpg_failure_detail() writes, and for which kinds. */
static const struct
{
	const char *name;
	MemberType	type;
	int			kinds;
}			members[] = {
	{"message", A_STRING, IN_ALL},
	{"type", A_STRING, IN(TPG_FAILURE_APPLICATION) | IN(TPG_FAILURE_TIMEOUT)},
	{"details", ANYTHING, IN(TPG_FAILURE_APPLICATION) | IN(TPG_FAILURE_CANCELED)},
	{"non_retryable", A_BOOLEAN, IN(TPG_FAILURE_APPLICATION) | IN(TPG_FAILURE_SERVER)},
	{"next_retry_delay", A_STRING, IN(TPG_FAILURE_APPLICATION)},
	{"category", A_STRING, IN(TPG_FAILURE_APPLICATION)},
	{"cause", AN_OBJECT, IN_ALL},
	{"kind", A_STRING, IN_ALL},
	{"source", A_STRING, IN_ALL},
	{"stack_trace", A_STRING, IN_ALL},
	{"last_heartbeat_details", ANYTHING, IN(TPG_FAILURE_TIMEOUT)},
	{"retry_state", A_STRING, IN(TPG_FAILURE_ACTIVITY) | IN(TPG_FAILURE_CHILD)},
	{"activity_type", A_STRING, IN(TPG_FAILURE_ACTIVITY)},
	{"activity_id", A_STRING, IN(TPG_FAILURE_ACTIVITY)},
	{"identity", A_STRING, IN(TPG_FAILURE_ACTIVITY)},
	{"scheduled_event_id", A_NUMBER, IN(TPG_FAILURE_ACTIVITY)},
	{"started_event_id", A_NUMBER, IN(TPG_FAILURE_ACTIVITY) | IN(TPG_FAILURE_CHILD)},
	{"namespace", A_STRING, IN(TPG_FAILURE_CHILD)},
	{"workflow_id", A_STRING, IN(TPG_FAILURE_CHILD)},
	{"run_id", A_STRING, IN(TPG_FAILURE_CHILD)},
	{"workflow_type", A_STRING, IN(TPG_FAILURE_CHILD)},
	{"initiated_event_id", A_NUMBER, IN(TPG_FAILURE_CHILD)},
};

/* In DETAIL: which of two failures that may be nested. */
static const char *
where(int depth)
{
	return depth == 0 ? "failure" : depth == 1 ? "cause of the failure" : "cause of a cause of the failure";
}

/* "nonRetryable" is non_retryable to those who have read Temporal's JSON. */
static bool
same_word(const char *a, const char *b)
{
	for (;;)
	{
		while (*a == '_' || *a == '-' || *a == ' ')
			a++;
		while (*b == '_')
			b++;
		if (pg_ascii_tolower((unsigned char) *a) != *b)
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

static void
unknown_member(const char *name, TpgFailureKind kind, int depth)
{
	StringInfoData all;
	const char *meant = NULL;

	initStringInfo(&all);
	for (int i = 0; i < lengthof(members); i++)
	{
		if (!(members[i].kinds & IN(kind)))
			continue;
		appendStringInfo(&all, "%s%s", all.len ? ", " : "", members[i].name);
		if (same_word(name, members[i].name))
			meant = members[i].name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the %s has a member \"%.100s\", which is not known", where(depth), name),
			 meant ? errhint("Write %s.", meant) :
			 errhint("Members of a failure of kind %s are %s. What else is to be told goes into details.",
					 tpg_failure_kind_name(kind), all.data)));
}

static MemberType
type_of(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return A_STRING;
		case jbvBool:
			return A_BOOLEAN;
		case jbvNumeric:
			return A_NUMBER;
		case jbvBinary:
			return JsonContainerIsObject(v->val.binary.data) ? AN_OBJECT : ANYTHING;
		default:
			return ANYTHING;
	}
}

static void
check_member(const char *name, JsonbValue *v, TpgFailureKind kind, int depth)
{
	for (int i = 0; i < lengthof(members); i++)
	{
		if (!(members[i].kinds & IN(kind)) || strcmp(name, members[i].name) != 0)
			continue;
		if (v->type != jbvNull && members[i].type != ANYTHING && members[i].type != type_of(v))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s of the %s must be %s", name, where(depth), type_words[members[i].type]),
					 errdetail("It is %.100s.", tpg_json_to_text(tpg_json_value_to_jsonb(v))),
					 strcmp(name, "cause") == 0 ? errhint("A cause is a failure itself: {\"message\": \"no route to host\"}, say.") :
					 strcmp(name, "next_retry_delay") == 0 ? errhint("For example \"90s\" or \"1.5 min\".") : 0));
		return;
	}
	unknown_member(name, kind, depth);
}

static TpgFailureKind
check_kind(const Jsonb *failure, int depth)
{
	char	   *name = tpg_json_get_text(failure, "kind");
	TpgFailureKind kind = TPG_FAILURE_APPLICATION;

	if (name == NULL)
		return kind;
	if (!tpg_failure_kind_from_name(name, &kind) || (depth == 0 && kind != TPG_FAILURE_APPLICATION))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid kind \"%.100s\" of the %s", name, where(depth)),
				 depth > 0 ? errhint("A cause is a failure as temporal.failure() gives it, or one of kind application.") :
				 strcmp(name, "cancelled") == 0 ? errhint("temporal.report_activity_cancelled() ends an attempt that was cancelled.") :
				 errhint("What ends an attempt is of kind application; another failure may be its cause.")));
	return kind;
}

/* One word of several. */
static void
check_word(const Jsonb *failure, const char *member, bool known, int depth, const char *words)
{
	char	   *word = tpg_json_get_text(failure, member);

	if (word != NULL && !known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s \"%.100s\" of the %s", member, word, where(depth)),
				 errhint("It is one of %s.", words)));
}

static bool
is(const Jsonb *failure, const char *member, const char *word)
{
	char	   *value = tpg_json_get_text(failure, member);

	return value != NULL && strcmp(value, word) == 0;
}

static void
check_values(const Jsonb *failure, TpgFailureKind kind, int depth)
{
	char	   *delay = tpg_json_get_text(failure, "next_retry_delay");
	char	   *type = tpg_json_get_text(failure, "type");
	char	   *state = tpg_json_get_text(failure, "retry_state");

	if (kind == TPG_FAILURE_APPLICATION)
		tpg_id_check_optional(type, "error type");
	else if (kind == TPG_FAILURE_TIMEOUT)
		/* "await": a wait of workflow code, for which Temporal has no number */
		check_word(failure, "type", is(failure, "type", "await") || is(failure, "type", "unspecified") ||
				   (type && tpg_timeout_type_from_proto(type) != TPG_TIMEOUT_UNSPECIFIED), depth,
				   "start_to_close, schedule_to_start, schedule_to_close, heartbeat, await");
	/* "1.5s" is an interval as well */
	if (delay != NULL)
		(void) tpg_interval_arg_us(DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(delay),
																		 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))),
								   "next_retry_delay");
	check_word(failure, "category", is(failure, "category", "unspecified") || is(failure, "category", "benign"), depth, "unspecified, benign");
	check_word(failure, "retry_state", is(failure, "retry_state", "unspecified") ||
			   (state && tpg_retry_verdict_from_proto(state) != TPG_RETRY_UNSPECIFIED), depth,
			   "in_progress, non_retryable_failure, timeout, maximum_attempts_reached, retry_policy_not_set, internal_server_error, cancel_requested");
}

static void
check(const Jsonb *failure, int depth)
{
	TpgFailureKind kind = TPG_FAILURE_APPLICATION;
	JsonbIterator *it = JsonbIteratorInit(unconstify(JsonbContainer *, &failure->root));
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;
	Jsonb	   *cause;

	check_stack_depth();
	kind = check_kind(failure, depth);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			check_member(name, &v, kind, depth);
	}
	check_values(failure, kind, depth);
	cause = tpg_json_get(failure, "cause");
	if (cause != NULL)
		check(cause, depth + 1);
}

void
tpg_failure_check(const Jsonb *failure)
{
	check(failure, 0);
}
