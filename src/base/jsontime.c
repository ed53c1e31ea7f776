/*-------------------------------------------------------------------------
 *
 * jsontime.c
 *	  Durations and times in Temporal's proto-JSON forms, intervals given by
 *	  users, and the limits of payloads (the other half of base/json.h).
 *
 * Pure; results are palloc'd in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "base/json.h"

/* Intervals beyond this are mistakes, and would overflow timestamps. */
#define MAX_INTERVAL_US (INT64CONST(100) * 366 * USECS_PER_DAY)

/*
 * Levels of nesting that are accepted.  What can be stored must also be readable
 * in a process whose stack is deeper already.
 */
#define MAX_NESTING 1000

/* Decimals as proto-JSON writes them: none, three or six. */
static void
append_fraction(char *buf, size_t size, int64 us)
{
	size_t		len = strlen(buf);

	if (us == 0)
		return;
	if (us % 1000 == 0)
		snprintf(buf + len, size - len, ".%03d", (int) (us / 1000));
	else
		snprintf(buf + len, size - len, ".%06d", (int) us);
}

char *
tpg_duration_to_text(int64 microseconds)
{
	char		buf[64];
	uint64		us = microseconds < 0 ? -(uint64) microseconds : (uint64) microseconds;

	snprintf(buf, sizeof(buf), "%s" UINT64_FORMAT, microseconds < 0 ? "-" : "", us / USECS_PER_SEC);
	append_fraction(buf, sizeof(buf) - 1, us % USECS_PER_SEC);
	strlcat(buf, "s", sizeof(buf));
	return pstrdup(buf);
}

static void
duration_error(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid duration: \"%s\"", text),
			 errhint("Durations in JSON are seconds with the letter s, such as \"1.500s\".")));
}

int64
tpg_duration_from_text(const char *text)
{
	const char *p = text;
	bool		negative = false;
	int64		seconds = 0;
	int64		micros = 0;
	int			digits = 0;
	int64		result;

	if (*p == '-')
	{
		negative = true;
		p++;
	}
	for (; *p >= '0' && *p <= '9'; p++, digits++)
	{
		if (pg_mul_s64_overflow(seconds, 10, &seconds) ||
			pg_add_s64_overflow(seconds, *p - '0', &seconds))
			duration_error(text);
	}
	if (*p == '.')
	{
		int64		unit = USECS_PER_SEC;

		/* nanoseconds, which others may write, are cut off */
		for (p++; *p >= '0' && *p <= '9'; p++, digits++)
		{
			unit /= 10;
			micros += (*p - '0') * unit;
		}
	}
	if (digits == 0 || strcmp(p, "s") != 0)
		duration_error(text);
	if (pg_mul_s64_overflow(seconds, USECS_PER_SEC, &result) ||
		pg_add_s64_overflow(result, micros, &result))
		duration_error(text);
	return negative ? -result : result;
}

static void
interval_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("interval out of range")));
}

int64
tpg_interval_to_us(const Interval *value)
{
	int64		days = (int64) value->month * DAYS_PER_MONTH + value->day;
	int64		us;

	if (tpg_interval_is_infinite(value))
		interval_overflow();
	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, value->time, &us))
		interval_overflow();
	return us;
}

Interval *
tpg_interval_from_us(int64 microseconds)
{
	Interval   *result = palloc0(sizeof(Interval));

	result->day = microseconds / USECS_PER_DAY;
	result->time = microseconds % USECS_PER_DAY;
	return result;
}

int64
tpg_interval_arg_us(const Interval *value, const char *what)
{
	int64		us;

	if (value == NULL)
		return 0;
	if (tpg_interval_is_infinite(value))
		us = MAX_INTERVAL_US + 1;
	else
		us = tpg_interval_to_us(value);
	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", what)));
	if (us > MAX_INTERVAL_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range", what),
				 errhint("At most 100 years are possible.")));
	return us;
}

char *
tpg_timestamp_to_text(TimestampTz value)
{
	char		buf[128];
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_IS_NOBEGIN(value))
		return pstrdup("-infinity");
	if (TIMESTAMP_IS_NOEND(value))
		return pstrdup("infinity");

	/* without a time zone to convert to, the fields are those of UTC */
	if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	snprintf(buf, sizeof(buf), "%04d-%02d-%02dT%02d:%02d:%02d",
			 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	append_fraction(buf, sizeof(buf) - 1, fsec);
	strlcat(buf, "Z", sizeof(buf));
	return pstrdup(buf);
}

static int
json_depth(const Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) &value->root);
	JsonbIteratorToken token;
	JsonbValue	jv;
	int			depth = 0;
	int			deepest = 0;

	while ((token = JsonbIteratorNext(&it, &jv, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT)
		{
			depth++;
			deepest = Max(deepest, depth);
		}
		else if (token == WJB_END_ARRAY || token == WJB_END_OBJECT)
			depth--;
	}
	return deepest;
}

/* "details", "search attributes": all that a message may be about */
static bool
is_plural(const char *what)
{
	return what[0] != '\0' && what[strlen(what) - 1] == 's';
}

void
tpg_size_check(int64 size, int64 limit, const char *what, const char *setting)
{
	if (size > limit)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 is_plural(what) ? errmsg("%s are too large", what) : errmsg("%s is too large", what),
				 is_plural(what) ? errdetail("They have %lld bytes; the limit is %lld.", (long long) size, (long long) limit) :
				 errdetail("It has %lld bytes; the limit is %lld.", (long long) size, (long long) limit),
				 errhint("The limit is the setting %s.", setting)));
}

void
tpg_payload_check(const Jsonb *value, const char *what)
{
	if (value == NULL)
		return;
	tpg_size_check(VARSIZE(value), tpg_guc_max_payload_size, what, "temporal_pg.max_payload_size");

	/* a level takes at least eight bytes, so small values need no look inside */
	if (VARSIZE(value) > MAX_NESTING * 8 && json_depth(value) > MAX_NESTING)
		ereport(ERROR,
				(errcode(TPG_ERR_LIMIT_EXCEEDED),
				 is_plural(what) ? errmsg("%s are nested too deep", what) : errmsg("%s is nested too deep", what),
				 errhint("At most %d levels are possible.", MAX_NESTING)));
}
