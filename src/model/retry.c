/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Retry policies and the decision whether and when to try again.
 *
 * The arithmetic is that of Temporal's server, to the microsecond: no jitter,
 * overflow means the maximum interval.  Pure; may be called from anywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "model/failure.h"
#include "model/retry.h"

#define DEFAULT_INITIAL_US	USECS_PER_SEC
#define DEFAULT_COEFFICIENT 2.0
#define DEFAULT_MAX_FACTOR	100

#define TIMEOUT_TYPE_PREFIX "TemporalTimeout:"

/* No number of the server's (nanoseconds in 64 bits) may become larger. */
#define MAX_DELAY_US (PG_INT64_MAX / 1000)

static const char *const verdict_names[] = {
	"unspecified", "in_progress", "non_retryable_failure", "timeout",
	"maximum_attempts_reached", "retry_policy_not_set", "internal_server_error", "cancel_requested"
};
static const char *const verdict_protos[] = {
	"RETRY_STATE_UNSPECIFIED", "RETRY_STATE_IN_PROGRESS", "RETRY_STATE_NON_RETRYABLE_FAILURE",
	"RETRY_STATE_TIMEOUT", "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED", "RETRY_STATE_RETRY_POLICY_NOT_SET",
	"RETRY_STATE_INTERNAL_SERVER_ERROR", "RETRY_STATE_CANCEL_REQUESTED"
};

/* What may follow TemporalTimeout: in non_retryable_error_types; by TpgTimeoutType. */
static const char *const timeout_names[] = {
	"", "StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat"
};

void
tpg_retry_policy_default(TpgRetryPolicy *policy)
{
	memset(policy, 0, sizeof(*policy));
	tpg_retry_policy_normalize(policy);
}

void
tpg_retry_policy_normalize(TpgRetryPolicy *policy)
{
	if (policy->initial_us == 0)
		policy->initial_us = DEFAULT_INITIAL_US;
	if (policy->coefficient == 0)
		policy->coefficient = DEFAULT_COEFFICIENT;
	if (policy->max_us == 0 && policy->initial_us > 0)
		policy->max_us = policy->initial_us <= MAX_DELAY_US / DEFAULT_MAX_FACTOR
			? policy->initial_us * DEFAULT_MAX_FACTOR : MAX_DELAY_US;
}

static void
invalid_policy(const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid retry policy: %s", message)));
}

static void
check_timeout_type(const char *type)
{
	const char *name = type + strlen(TIMEOUT_TYPE_PREFIX);

	for (int i = 1; i < lengthof(timeout_names); i++)
	{
		if (strcmp(name, timeout_names[i]) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid retry policy: \"%s\" is no timeout type", type),
			 errhint("Timeout types are StartToClose, ScheduleToStart, ScheduleToClose and Heartbeat.")));
}

void
tpg_retry_policy_validate(const TpgRetryPolicy *policy)
{
	/* a single attempt: there is nothing to be wrong about */
	if (policy->max_attempts == 1)
		return;
	if (policy->initial_us < 0)
		invalid_policy("initial_interval must not be negative");
	if (!(policy->coefficient >= 1) || isinf(policy->coefficient))
		invalid_policy("backoff_coefficient must be a number of at least 1");
	if (policy->max_us < 0)
		invalid_policy("maximum_interval must not be negative");
	if (policy->max_us < policy->initial_us)
		invalid_policy("maximum_interval must not be less than initial_interval");
	if (policy->max_attempts < 0)
		invalid_policy("maximum_attempts must not be negative");
	for (int i = 0; i < policy->ntypes; i++)
	{
		if (strncmp(policy->types[i], TIMEOUT_TYPE_PREFIX, strlen(TIMEOUT_TYPE_PREFIX)) == 0)
			check_timeout_type(policy->types[i]);
	}
}

static void
types_from_json(TpgRetryPolicy *policy, const Jsonb *list)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;

	if (!tpg_json_is_array(list))
		return;
	policy->types = palloc(sizeof(char *) * (JB_ROOT_COUNT(list) + 1));
	it = JsonbIteratorInit((JsonbContainer *) &list->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && jv.type == jbvString)
			policy->types[policy->ntypes++] = pnstrdup(jv.val.string.val, jv.val.string.len);
	}
}

TpgRetryPolicy *
tpg_retry_policy_from_jsonb(const Jsonb *json)
{
	TpgRetryPolicy *policy;

	if (!tpg_json_is_object(json))
		return NULL;
	policy = palloc0(sizeof(TpgRetryPolicy));
	policy->initial_us = tpg_json_get_duration(json, "initialInterval", 0);
	policy->coefficient = tpg_json_get_float(json, "backoffCoefficient", 0);
	policy->max_us = tpg_json_get_duration(json, "maximumInterval", 0);
	policy->max_attempts = (int) tpg_json_get_int(json, "maximumAttempts", 0);
	types_from_json(policy, tpg_json_get(json, "nonRetryableErrorTypes"));
	tpg_retry_policy_normalize(policy);
	return policy;
}

Jsonb *
tpg_retry_policy_to_jsonb(const TpgRetryPolicy *policy)
{
	TpgJson    *b;

	if (policy == NULL)
		return NULL;
	b = tpg_json_object();
	tpg_json_add_duration(b, "initialInterval", policy->initial_us);
	tpg_json_add_float(b, "backoffCoefficient", policy->coefficient);
	tpg_json_add_duration(b, "maximumInterval", policy->max_us);

	/* proto-JSON leaves zeros and empty lists out */
	if (policy->max_attempts != 0)
		tpg_json_add_int(b, "maximumAttempts", policy->max_attempts);
	if (policy->ntypes > 0)
	{
		TpgJson    *list = tpg_json_array();

		for (int i = 0; i < policy->ntypes; i++)
			tpg_json_push_text(list, policy->types[i]);
		tpg_json_add_jsonb(b, "nonRetryableErrorTypes", tpg_json_finish(list));
	}
	return tpg_json_finish(b);
}

static void
types_from_array(TpgRetryPolicy *policy, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	policy->types = palloc(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("invalid retry policy: non_retryable_error_types must not contain nulls")));
		policy->types[policy->ntypes++] = TextDatumGetCString(values[i]);
	}
}

TpgRetryPolicy *
tpg_retry_policy_from_datum(Datum composite)
{
	HeapTupleHeader tuple = DatumGetHeapTupleHeader(composite);
	TpgRetryPolicy *policy = palloc0(sizeof(TpgRetryPolicy));
	Datum		value;
	bool		isnull;

	value = GetAttributeByName(tuple, "initial_interval", &isnull);
	if (!isnull)
		policy->initial_us = tpg_interval_to_us(DatumGetIntervalP(value));
	value = GetAttributeByName(tuple, "backoff_coefficient", &isnull);
	if (!isnull)
		policy->coefficient = DatumGetFloat8(value);
	value = GetAttributeByName(tuple, "maximum_interval", &isnull);
	if (!isnull)
		policy->max_us = tpg_interval_to_us(DatumGetIntervalP(value));
	value = GetAttributeByName(tuple, "maximum_attempts", &isnull);
	if (!isnull)
		policy->max_attempts = DatumGetInt32(value);
	value = GetAttributeByName(tuple, "non_retryable_error_types", &isnull);
	if (!isnull)
		types_from_array(policy, DatumGetArrayTypeP(value));
	tpg_retry_policy_normalize(policy);
	tpg_retry_policy_validate(policy);
	return policy;
}

static bool
type_is_listed(const TpgRetryPolicy *policy, const char *type)
{
	for (int i = 0; i < policy->ntypes; i++)
	{
		if (strcmp(policy->types[i], type) == 0)
			return true;
	}
	return false;
}

/* Only the top of the failure counts: a wrapper around a non-retryable one is retried. */
static bool
is_retryable(const TpgRetryPolicy *policy, const Jsonb *failure)
{
	Jsonb	   *info;
	char	   *type;
	TpgTimeoutType timeout;

	switch (tpg_failure_kind(failure))
	{
		case TPG_FAILURE_APPLICATION:
			info = tpg_json_get(failure, "applicationFailureInfo");
			if (tpg_json_get_bool(info, "nonRetryable", false))
				return false;
			type = tpg_json_get_text(info, "type");
			return !type_is_listed(policy, type != NULL ? type : "");
		case TPG_FAILURE_TIMEOUT:
			timeout = tpg_failure_timeout_type(failure);
			if (timeout != TPG_TIMEOUT_START_TO_CLOSE && timeout != TPG_TIMEOUT_HEARTBEAT)
				return false;
			return !type_is_listed(policy, psprintf(TIMEOUT_TYPE_PREFIX "%s", timeout_names[timeout]));
		case TPG_FAILURE_SERVER:
			info = tpg_json_get(failure, "serverFailureInfo");
			return !tpg_json_get_bool(info, "nonRetryable", false);
		case TPG_FAILURE_CANCELED:
		case TPG_FAILURE_TERMINATED:
			return false;
		case TPG_FAILURE_ACTIVITY:
		case TPG_FAILURE_CHILD:
		case TPG_FAILURE_OTHER:
			break;
	}
	return true;
}

/* initial x coefficient^(attempt - 1); 0 when that overflows */
static int64
backoff(const TpgRetryPolicy *policy, int attempt)
{
	double		us = (double) policy->initial_us * pow(policy->coefficient, attempt - 1);

	return (us < (double) MAX_DELAY_US) ? (int64) us : 0;
}

/* -1 when the failure asks for none */
static int64
requested_delay(const Jsonb *failure)
{
	Jsonb	   *info = tpg_json_get(failure, "applicationFailureInfo");

	return tpg_json_get_duration(info, "nextRetryDelay", -1);
}

static TpgRetryVerdict
retry_decide(const TpgRetryPolicy *policy, int attempt, const Jsonb *failure,
			 TimestampTz now, TimestampTz expiration, bool is_activity, int64 *delay_us)
{
	int64		delay;
	int64		maximum;
	int64		requested;

	*delay_us = 0;
	if (policy == NULL)
		return TPG_RETRY_POLICY_NOT_SET;
	if (!is_retryable(policy, failure))
		return TPG_RETRY_NON_RETRYABLE_FAILURE;
	if (policy->max_attempts > 0 && attempt >= policy->max_attempts)
		return TPG_RETRY_MAXIMUM_ATTEMPTS_REACHED;

	delay = backoff(policy, attempt);
	maximum = policy->max_us;
	requested = requested_delay(failure);
	if (requested >= 0)
	{
		delay = requested;
		if (is_activity)
			maximum = requested;
	}
	if (maximum == 0 && delay <= 0)
		return TPG_RETRY_TIMEOUT;
	if (maximum > 0 && (delay <= 0 || delay > maximum))
		delay = maximum;

	/* written so that it cannot overflow */
	if (!TIMESTAMP_NOT_FINITE(expiration) && delay > expiration - now)
		return TPG_RETRY_TIMEOUT;
	*delay_us = delay;
	return TPG_RETRY_IN_PROGRESS;
}

TpgRetryVerdict
tpg_retry_next(const TpgRetryPolicy *policy, int attempt, const Jsonb *failure,
			   TimestampTz now, TimestampTz expiration, int64 *delay_us)
{
	return retry_decide(policy, attempt, failure, now, expiration, true, delay_us);
}

TpgRetryVerdict
tpg_retry_next_workflow(const TpgRetryPolicy *policy, int attempt, const Jsonb *failure,
						TimestampTz now, TimestampTz expiration, int64 *delay_us)
{
	return retry_decide(policy, attempt, failure, now, expiration, false, delay_us);
}

static TpgRetryVerdict
verdict_in_range(TpgRetryVerdict verdict)
{
	return (verdict >= 0 && verdict < lengthof(verdict_names)) ? verdict : TPG_RETRY_UNSPECIFIED;
}

const char *
tpg_retry_verdict_name(TpgRetryVerdict verdict)
{
	return verdict_names[verdict_in_range(verdict)];
}

const char *
tpg_retry_verdict_proto(TpgRetryVerdict verdict)
{
	return verdict_protos[verdict_in_range(verdict)];
}

TpgRetryVerdict
tpg_retry_verdict_from_proto(const char *name)
{
	for (int i = 0; name != NULL && i < lengthof(verdict_protos); i++)
	{
		/* the short name too: it comes back from SQL code */
		if (strcmp(verdict_protos[i], name) == 0 || strcmp(verdict_names[i], name) == 0)
			return i;
	}
	return TPG_RETRY_UNSPECIFIED;
}
