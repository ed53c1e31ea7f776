/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  Cron schedules of workflows: which are valid, and when the next run is due.
 *
 * The language is that of Temporal's server (robfig/cron, ParseStandard): five
 * fields, the @words, "@every 1h30m", and in front of it all CRON_TZ=Europe/Berlin
 * or TZ=...; without that it is UTC.  As everywhere, a day matches when both day
 * fields do, or, when neither of them begins with *, when one of them does.  7 is
 * a Sunday, too.
 *
 * When clocks change: a schedule of every hour (the hour field is * or lists all)
 * goes by what the clock shows, minute by minute, so it comes evenly, in the
 * hour that exists twice as well.  One with hours of its own comes once a
 * day for each of its times: a time that does not exist comes as much later as
 * the clock was put forward (02:30 at 03:30), and one that exists twice, the first time.
 *
 * Pure; time zones are PostgreSQL's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "model/cron.h"

/* The longest time between two matches of a schedule that has any: from 29 February 2096 to that of 2104. */
#define SEARCH_DAYS (9 * 366)

#define SECS_PER_MIN 60

typedef struct CronSchedule
{
	pg_tz	   *tz;
	int64		every_s;		/* @every; 0: by the fields */
	uint64		minutes;		/* bit n: n matches */
	uint64		hours;
	uint64		days;
	uint64		months;
	uint64		weekdays;
	bool		any_day;		/* the field begins with * */
	bool		any_weekday;
} CronSchedule;

typedef struct CronField
{
	const char *name;
	int			min;
	int			max;
	const char *const *words;	/* for min, min + 1, ...; NULL: none */
} CronField;

static const char *const month_words[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL
};
static const char *const weekday_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const CronField fields[] = {
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, month_words},
	{"day of week", 0, 7, weekday_words},
};

static const struct
{
	const char *word;
	const char *fields;
}			descriptors[] = {
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"},
};

/* ---------- reading ---------- */

static void
invalid(const char *schedule, char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid cron schedule \"%s\"", schedule),
			 errdetail_internal("%s", detail),
			 errhint("Five fields (minute hour day-of-month month day-of-week), as in \"30 2 * * mon-fri\" or \"*/15 * * * *\"; @hourly, @daily, @weekly, @monthly, @yearly; or \"@every 1h30m\". CRON_TZ=Europe/Berlin before it gives its time zone; without, it is UTC.")));
}

/* A number or a word of the field; *p moves behind it.  -1: neither. */
static int
read_value(const CronField *field, const char **p)
{
	int			value = 0;

	if (isdigit((unsigned char) **p))
	{
		for (; isdigit((unsigned char) **p); (*p)++)
			value = Min(value * 10 + (**p - '0'), 1000000);
		return value;
	}
	for (int i = 0; field->words != NULL && field->words[i] != NULL; i++)
	{
		if (pg_strncasecmp(*p, field->words[i], 3) == 0)
		{
			*p += 3;
			return field->min + i;
		}
	}
	return -1;
}

/* One of the parts between commas: *, 5, 1-5, each of them with /step. */
static void
read_range(const char *schedule, const CronField *field, const char *part, uint64 *set, bool *any)
{
	const char *p = part;
	int			low = field->min;
	int			high = field->max;
	int			step = 1;
	bool		star = *p == '*' || *p == '?';
	bool		single = false;

	if (star)
	{
		p++;
		/* 7 is but another name of 0 */
		if (field->words == weekday_words)
			high = 6;
	}
	else
	{
		low = read_value(field, &p);
		high = low;
		single = true;
		if (low >= 0 && *p == '-')
		{
			p++;
			high = read_value(field, &p);
			single = false;
		}
		if (low < 0 || high < 0)
			invalid(schedule, psprintf("\"%s\" is no %s.", part, field->name));
	}
	if (*p == '/')
	{
		const CronField number = {.words = NULL};

		p++;
		step = read_value(&number, &p);
		if (step <= 0)
			invalid(schedule, psprintf("The step of \"%s\" must be 1 or more.", part));
		/* 5/10 is 5-59/10 */
		if (single)
			high = field->words == weekday_words ? 6 : field->max;
	}
	if (*p != '\0')
		invalid(schedule, psprintf("\"%s\" is no %s.", part, field->name));
	if (low < field->min || high > field->max)
		invalid(schedule, psprintf("\"%s\": %s goes from %d to %d.", part, field->name, field->min, field->max));
	if (low > high)
		invalid(schedule, psprintf("\"%s\" goes backwards.", part));
	for (int i = low; i <= high; i += step)
		*set |= UINT64CONST(1) << i;
	if (star && step == 1)
		*any = true;
}

static void
read_field(const char *schedule, const CronField *field, char *text, uint64 *set, bool *any)
{
	char	   *part = text;

	*set = 0;
	*any = false;
	while (part != NULL)
	{
		char	   *comma = strchr(part, ',');

		if (comma != NULL)
			*comma = '\0';
		read_range(schedule, field, part, set, any);
		part = comma ? comma + 1 : NULL;
	}
}

static void
read_fields(const char *schedule, const char *text, CronSchedule *c)
{
	uint64	   *sets[] = {&c->minutes, &c->hours, &c->days, &c->months, &c->weekdays};
	bool		ignored;
	bool	   *any[] = {&ignored, &ignored, &c->any_day, &ignored, &c->any_weekday};
	char	   *copy = pstrdup(text);
	char	   *rest = copy;
	char	   *word;
	int			n = 0;

	while ((word = strtok_r(rest, " \t\r\n", &rest)) != NULL)
	{
		if (n < lengthof(fields))
			read_field(schedule, &fields[n], word, sets[n], any[n]);
		n++;
	}
	if (n != lengthof(fields))
		invalid(schedule, psprintf("It has %d fields instead of 5.", n));
	if (c->weekdays & (UINT64CONST(1) << 7))
		c->weekdays |= 1;
}

/* A duration as Go writes it: 1h30m, 1.5h, 90s. In seconds, a part of one left out, but at least one. */
static int64
read_duration(const char *schedule, const char *text)
{
	static const struct
	{
		const char *name;
		double		seconds;
	}			units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"\302\265s", 1e-6}, {"ns", 1e-9}, {"h", 3600}, {"m", 60}, {"s", 1}};
	const char *p = text;
	double		total = 0;

	if (*p == '\0')
		invalid(schedule, pstrdup("@every needs a duration."));
	while (*p != '\0')
	{
		char	   *end;
		double		number;
		bool		known = false;

		/* strtod would take signs, hexadecimals and exponents */
		if (strspn(p, "0123456789.") == 0)
			break;
		number = strtod(p, &end);
		if (end == p || end != p + strspn(p, "0123456789."))
			break;
		p = end;
		for (int i = 0; i < lengthof(units) && !known; i++)
		{
			size_t		len = strlen(units[i].name);

			if (strncmp(p, units[i].name, len) != 0)
				continue;
			known = true;
			total += number * units[i].seconds;
			p += len;
		}
		if (!known)
			break;
	}
	/* about 100 years, as of every interval of the API */
	if (*p != '\0' || total <= 0 || total > 3.2e9)
		invalid(schedule, psprintf("\"%s\" is no duration, or not one that can be waited for.", text));
	return Max((int64) total, 1);
}

static void
parse(const char *schedule, CronSchedule *c)
{
	const char *p = schedule;

	memset(c, 0, sizeof(*c));
	p += strspn(p, " \t\r\n");
	if (strncmp(p, "TZ=", 3) == 0 || strncmp(p, "CRON_TZ=", 8) == 0)
	{
		const char *name = strchr(p, '=') + 1;
		size_t		len = strcspn(name, " \t\r\n");
		char	   *zone = pnstrdup(name, len);

		c->tz = len > 0 && len <= TZ_STRLEN_MAX ? pg_tzset(zone) : NULL;
		if (c->tz == NULL || !pg_tz_acceptable(c->tz))
			invalid(schedule, psprintf("\"%s\" is no time zone; see pg_timezone_names.", zone));
		p = name + len;
		p += strspn(p, " \t\r\n");
	}
	else
		c->tz = pg_tzset("UTC");

	if (*p != '@')
	{
		read_fields(schedule, p, c);
		return;
	}
	if (strncmp(p, "@every ", 7) == 0)
	{
		c->every_s = read_duration(schedule, p + 7 + strspn(p + 7, " \t"));
		return;
	}
	for (int i = 0; i < lengthof(descriptors); i++)
	{
		if (strcmp(p, descriptors[i].word) != 0)
			continue;
		read_fields(schedule, descriptors[i].fields, c);
		return;
	}
	invalid(schedule, psprintf("\"%s\" is unknown.", p));
}

/* ---------- the next match ---------- */

static bool
has(uint64 set, int bit)
{
	return (set & (UINT64CONST(1) << bit)) != 0;
}

/* Does the schedule come on that day at all?  A day as date2j() counts. */
static bool
day_matches(const CronSchedule *c, int julian)
{
	int			year;
	int			month;
	int			day;
	bool		by_day;
	bool		by_weekday;

	j2date(julian, &year, &month, &day);
	if (!has(c->months, month))
		return false;
	by_day = has(c->days, day);
	by_weekday = has(c->weekdays, j2day(julian));
	return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/*
 * When a clock of that zone shows it, `local` being that as if it were UTC.  One
 * that it shows twice: the first time; one that it does not: by the clock that
 * was not put forward.
 */
static pg_time_t
instant_of(pg_time_t local, const pg_tz *tz)
{
	pg_time_t	day_before = local - SECS_PER_DAY;
	pg_time_t	boundary;
	long		offset_before;
	long		offset_after;
	int			is_dst;
	pg_time_t	before;

	if (pg_next_dst_boundary(&day_before, &offset_before, &is_dst, &boundary, &offset_after, &is_dst, tz) <= 0)
		return local - offset_before;
	before = local - offset_before;
	if (before < boundary || local - offset_after < boundary)
		return before;
	return local - offset_after;
}

/* The day in that zone, as date2j() counts, and the seconds since its beginning. */
static int
local_day(pg_time_t t, const pg_tz *tz, int *second)
{
	struct pg_tm *tm = pg_localtime(&t, tz);

	*second = tm->tm_hour * SECS_PER_HOUR + tm->tm_min * SECS_PER_MIN + tm->tm_sec;
	return date2j(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
}

static pg_time_t
midnight_of(int julian)
{
	return ((pg_time_t) julian - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* Of a schedule of every hour: what the clock shows, minute by minute. 0: never. */
static pg_time_t
next_of_every_hour(const CronSchedule *c, pg_time_t after)
{
	pg_time_t	t = after + 1;
	int			second;
	int			first = local_day(t, c->tz, &second);
	int			julian = first;

	/* to the next full minute of that clock */
	t += (SECS_PER_MIN - second % SECS_PER_MIN) % SECS_PER_MIN;
	for (;;)
	{
		julian = local_day(t, c->tz, &second);
		if (julian - first > SEARCH_DAYS)
			return 0;
		if (!day_matches(c, julian))
			t = Max(instant_of(midnight_of(julian + 1), c->tz), t + SECS_PER_MIN);
		else if (has(c->minutes, second / SECS_PER_MIN % 60))
			return t;
		else
			t += SECS_PER_MIN;
	}
}

/* Of one with hours of its own: each of its times, once a day. 0: never. */
static pg_time_t
next_of_hours(const CronSchedule *c, pg_time_t after)
{
	int			second;
	int			first = local_day(after, c->tz, &second);

	/* from the day before: what did not exist there may come after midnight */
	for (int julian = first - 1; julian - first <= SEARCH_DAYS; julian++)
	{
		pg_time_t	best = 0;

		if (!day_matches(c, julian))
			continue;
		for (int hour = 0; hour < 24; hour++)
		{
			if (!has(c->hours, hour))
				continue;
			for (int minute = 0; minute < 60; minute++)
			{
				pg_time_t	t;

				if (!has(c->minutes, minute))
					continue;
				t = instant_of(midnight_of(julian) + hour * SECS_PER_HOUR + minute * SECS_PER_MIN, c->tz);
				if (t > after && (best == 0 || t < best))
					best = t;
			}
		}
		if (best != 0)
			return best;
	}
	return 0;
}

static pg_time_t
next_match(const CronSchedule *c, pg_time_t after)
{
	const uint64 every_hour = (UINT64CONST(1) << 24) - 1;

	if (c->every_s > 0)
		return after + c->every_s;
	if (c->hours == every_hour)
		return next_of_every_hour(c, after);
	return next_of_hours(c, after);
}

void
tpg_cron_check(const char *schedule)
{
	CronSchedule c;

	parse(schedule, &c);
	if (next_match(&c, timestamptz_to_time_t(0)) == 0)
		invalid(schedule, pstrdup("No day matches it."));
}

int64
tpg_cron_backoff(const char *schedule, TimestampTz last, TimestampTz now)
{
	CronSchedule c;
	pg_time_t	after = timestamptz_to_time_t(last);
	TimestampTz next = last;

	parse(schedule, &c);
	/* a run that has begun and ended before its time: the next one is that of this time */
	if (now >= last)
	{
		pg_time_t	t;

		/* what was missed is left out; not one by one: the server may have been down for a year */
		if (c.every_s > 0)
			after += (now - last) / USECS_PER_SEC / c.every_s * c.every_s;
		else
			after = Max(after, timestamptz_to_time_t(now));
		t = next_match(&c, after);
		if (t == 0)
			return -1;
		next = time_t_to_timestamptz(t);
		if (next <= now)
			next += c.every_s * USECS_PER_SEC;
	}
	return (next - now + USECS_PER_SEC - 1) / USECS_PER_SEC * USECS_PER_SEC;
}
