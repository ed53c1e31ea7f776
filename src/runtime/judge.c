/*-------------------------------------------------------------------------
 * runtime/judge.c - may workflow code call this function?
 *
 * What the catalog says of a function decides, not its text: a volatile one may
 * not, a stable one only if it is in the list below.  The list has those that are
 * stable for the sake of settings that a registration records (TimeZone,
 * DateStyle, ...) or because of what types do that they are called with.
 * Functions in SQL and PL/pgSQL are judged by their bodies, whatever they
 * are declared as; that is for the caller to do.
 *
 * Reads catalogs through their caches, in a transaction.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/proclang.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "runtime/judge.h"
#include "store/definition.h"

/* Stable, and harmless all the same; in order of their OIDs after the first use. */
static Oid	harmless[] = {
	/* how values are written and read: the settings for it are recorded with the type */
	F_ANYTEXTCAT, F_ARRAY_IN, F_ARRAY_OUT, F_ARRAY_TO_STRING_ANYARRAY_TEXT,
	F_ARRAY_TO_STRING_ANYARRAY_TEXT_TEXT, F_CONCAT, F_CONCAT_WS, F_CONVERT, F_CONVERT_FROM, F_CONVERT_TO,
	F_DATE_IN, F_DATE_OUT, F_DOMAIN_IN, F_ENUM_IN, F_ENUM_OUT, F_FORMAT_TEXT, F_FORMAT_TEXT_ANY, F_INTERVAL_IN,
	F_INTERVAL_OUT, F_LENGTH_BYTEA_NAME, F_MULTIRANGE_IN, F_MULTIRANGE_OUT, F_PG_TYPEOF,
	F_QUOTE_LITERAL_ANYELEMENT, F_QUOTE_NULLABLE_ANYELEMENT, F_RANGE_IN, F_RANGE_OUT, F_RECORD_IN,
	F_RECORD_OUT, F_TEXTANYCAT, F_TIMESTAMPTZ_IN, F_TIMESTAMPTZ_OUT, F_TIMESTAMP_IN, F_TIMESTAMP_OUT,
	F_TIME_IN, F_TO_CHAR_FLOAT4_TEXT, F_TO_CHAR_FLOAT8_TEXT, F_TO_CHAR_INT4_TEXT, F_TO_CHAR_INT8_TEXT,
	F_TO_CHAR_INTERVAL_TEXT, F_TO_CHAR_NUMERIC_TEXT, F_TO_CHAR_TIMESTAMPTZ_TEXT, F_TO_CHAR_TIMESTAMP_TEXT,
	F_TO_NUMBER, F_XML, F_XML_IN,
	/* JSON */
	F_ARRAY_TO_JSON_ANYARRAY, F_ARRAY_TO_JSON_ANYARRAY_BOOL, F_JSONB_AGG, F_JSONB_AGG_FINALFN,
	F_JSONB_BUILD_ARRAY_, F_JSONB_BUILD_ARRAY_ANY, F_JSONB_BUILD_OBJECT_, F_JSONB_BUILD_OBJECT_ANY,
	F_JSONB_OBJECT_AGG_FINALFN, F_JSONB_PATH_EXISTS_TZ, F_JSONB_PATH_MATCH_TZ, F_JSONB_PATH_QUERY_ARRAY_TZ,
	F_JSONB_PATH_QUERY_FIRST_TZ, F_JSONB_PATH_QUERY_TZ, F_JSONB_POPULATE_RECORD, F_JSONB_POPULATE_RECORDSET,
	F_JSONB_TO_RECORD, F_JSONB_TO_RECORDSET, F_JSON_AGG, F_JSON_BUILD_ARRAY_, F_JSON_BUILD_ARRAY_ANY,
	F_JSON_BUILD_OBJECT_, F_JSON_BUILD_OBJECT_ANY, F_JSON_OBJECT_AGG, F_JSON_POPULATE_RECORD,
	F_JSON_POPULATE_RECORDSET, F_JSON_TO_RECORD, F_JSON_TO_RECORDSET, F_ROW_TO_JSON_RECORD,
	F_ROW_TO_JSON_RECORD_BOOL, F_TO_JSON, F_TO_JSONB, F_JSON_AGG_TRANSFN, F_JSONB_AGG_TRANSFN,
	F_JSON_OBJECT_AGG_TRANSFN, F_JSONB_OBJECT_AGG_TRANSFN,
	/* text search */
	F_JSONB_TO_TSVECTOR_JSONB_JSONB, F_JSON_TO_TSVECTOR_JSON_JSONB, F_PHRASETO_TSQUERY_TEXT,
	F_PLAINTO_TSQUERY_TEXT, F_TO_TSQUERY_TEXT, F_TO_TSVECTOR_JSON, F_TO_TSVECTOR_JSONB, F_TO_TSVECTOR_TEXT,
	F_TS_HEADLINE_JSONB_TSQUERY, F_TS_HEADLINE_JSONB_TSQUERY_TEXT, F_TS_HEADLINE_JSON_TSQUERY,
	F_TS_HEADLINE_JSON_TSQUERY_TEXT, F_TS_HEADLINE_TEXT_TSQUERY, F_TS_HEADLINE_TEXT_TSQUERY_TEXT,
	F_TS_MATCH_TQ, F_TS_MATCH_TT, F_WEBSEARCH_TO_TSQUERY_TEXT,
	/* times, by the recorded time zone */
	F_DATE_CMP_TIMESTAMPTZ, F_DATE_EQ_TIMESTAMPTZ, F_DATE_GE_TIMESTAMPTZ, F_DATE_GT_TIMESTAMPTZ,
	F_DATE_LE_TIMESTAMPTZ, F_DATE_LT_TIMESTAMPTZ, F_DATE_NE_TIMESTAMPTZ, F_DATE_PART_TEXT_TIMESTAMPTZ,
	F_DATE_TIMESTAMPTZ, F_DATE_TRUNC_TEXT_TIMESTAMPTZ,
	F_EXTRACT_TEXT_TIMESTAMPTZ, F_GENERATE_SERIES_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL, F_INTERVAL_PL_TIMESTAMPTZ,
	F_IN_RANGE_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL_BOOL_BOOL, F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8,
	F_MAKE_TIMESTAMPTZ_INT4_INT4_INT4_INT4_INT4_FLOAT8_TEXT,
	F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_INTERVAL,
	F_OVERLAPS_TIMESTAMPTZ_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ,
	F_OVERLAPS_TIMESTAMPTZ_TIMESTAMPTZ_TIMESTAMPTZ_INTERVAL, F_TIMESTAMPTZ_CMP_DATE,
	F_TIMESTAMPTZ_CMP_TIMESTAMP, F_TIMESTAMPTZ_DATE, F_TIMESTAMPTZ_DATE_TIME, F_TIMESTAMPTZ_EQ_DATE,
	F_TIMESTAMPTZ_EQ_TIMESTAMP, F_TIMESTAMPTZ_GE_DATE, F_TIMESTAMPTZ_GE_TIMESTAMP, F_TIMESTAMPTZ_GT_DATE,
	F_TIMESTAMPTZ_GT_TIMESTAMP, F_TIMESTAMPTZ_LE_DATE, F_TIMESTAMPTZ_LE_TIMESTAMP, F_TIMESTAMPTZ_LT_DATE,
	F_TIMESTAMPTZ_LT_TIMESTAMP, F_TIMESTAMPTZ_MI_INTERVAL, F_TIMESTAMPTZ_NE_DATE, F_TIMESTAMPTZ_NE_TIMESTAMP,
	F_TIMESTAMPTZ_PL_INTERVAL, F_TIMESTAMPTZ_TIMESTAMP, F_TIMESTAMP_CMP_TIMESTAMPTZ,
	F_TIMESTAMP_EQ_TIMESTAMPTZ, F_TIMESTAMP_GE_TIMESTAMPTZ, F_TIMESTAMP_GT_TIMESTAMPTZ,
	F_TIMESTAMP_LE_TIMESTAMPTZ, F_TIMESTAMP_LT_TIMESTAMPTZ, F_TIMESTAMP_NE_TIMESTAMPTZ,
	F_TIMESTAMP_TIMESTAMPTZ, F_TIME_TIMESTAMPTZ, F_TO_DATE, F_TO_TIMESTAMP_TEXT_TEXT,
	/* what not each version has, or not each calls stable */
	TPG_HARMLESS_FUNCTIONS
};

typedef struct KnownFunction
{
	Oid			function;
	const char *why;
	const char *instead;
} KnownFunction;

#define CLOCK "reads the clock"
#define WITH_NOW "temporal.now()"
#define LOCKS "takes a lock of the session"
#define WITH_LOCK "temporal.lock()"
#define SEQUENCE "depends on what other sessions have drawn"
#define SETTING "depends on the settings of the process"
#define DRAWS(function) {function, "draws a random number", "temporal.random()"},
#define MAKES_UUID(function) {function, "draws a random number", "temporal.uuid4()"},

static const KnownFunction known[] = {
	{F_NOW, CLOCK, WITH_NOW},
	{F_TRANSACTION_TIMESTAMP, CLOCK, WITH_NOW},
	{F_STATEMENT_TIMESTAMP, CLOCK, WITH_NOW},
	{F_CLOCK_TIMESTAMP, CLOCK, WITH_NOW},
	{F_TIMEOFDAY, CLOCK, WITH_NOW},
	{F_AGE_TIMESTAMPTZ, CLOCK, "age(temporal.now(), …)"},
	{F_AGE_TIMESTAMP, CLOCK, "age(temporal.now(), …)"},
	{F_TIMETZ_TIME, CLOCK, "timestamptz"},
	TPG_RANDOM_FUNCTIONS(DRAWS)
	TPG_UUID_FUNCTIONS(MAKES_UUID)
	{F_SETSEED, "changes the random numbers of the session", "temporal.random()"},
	{F_PG_SLEEP, "holds the process up", "temporal.sleep()"},
	{F_PG_SLEEP_FOR, "holds the process up", "temporal.sleep()"},
	{F_PG_SLEEP_UNTIL, "holds the process up", "temporal.sleep()"},
	{F_NEXTVAL, SEQUENCE, "an activity"},
	{F_CURRVAL, SEQUENCE, "an activity"},
	{F_LASTVAL, SEQUENCE, "an activity"},
	{F_SETVAL_REGCLASS_INT8, SEQUENCE, "an activity"},
	{F_SETVAL_REGCLASS_INT8_BOOL, SEQUENCE, "an activity"},
	{F_PG_NOTIFY, "tells other sessions", "an activity"},
	{F_SET_CONFIG, "changes a setting", "ALTER FUNCTION … SET"},
	{F_CURRENT_SETTING_TEXT, SETTING, "temporal.side_effect()"},
	{F_CURRENT_SETTING_TEXT_BOOL, SETTING, "temporal.side_effect()"},
	{F_PG_ADVISORY_LOCK_INT8, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_LOCK_INT4_INT4, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_LOCK_SHARED_INT8, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_LOCK_SHARED_INT4_INT4, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_XACT_LOCK_INT8, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_XACT_LOCK_INT4_INT4, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_XACT_LOCK_SHARED_INT8, LOCKS, WITH_LOCK},
	{F_PG_ADVISORY_XACT_LOCK_SHARED_INT4_INT4, LOCKS, WITH_LOCK},
	{F_PG_TRY_ADVISORY_LOCK_INT8, LOCKS, WITH_LOCK},
	{F_PG_TRY_ADVISORY_LOCK_INT4_INT4, LOCKS, WITH_LOCK},
	{F_PG_TRY_ADVISORY_XACT_LOCK_INT8, LOCKS, WITH_LOCK},
	{F_PG_TRY_ADVISORY_XACT_LOCK_INT4_INT4, LOCKS, WITH_LOCK},
};

/* Functions of schema temporal that are no mere look: leaving one out changes what follows. */
static const char *const waiting[] = {
	"await", "await_all", "await_any", "execute_activity", "execute_child_workflow", "execute_local_activity",
	"lock", "sleep", "wait_condition", "wait_signal"
};
static const char *const asking[] = {
	"continue_as_new", "random", "side_effect", "signal", "spawn", "start_activity", "start_child_workflow",
	"start_local_activity", "start_timer", "start_wait_condition", "start_wait_signal", "uuid4"
};

static int
compare_oids(const void *a, const void *b)
{
	Oid			x = *(const Oid *) a;
	Oid			y = *(const Oid *) b;

	return x < y ? -1 : x > y;
}

static bool
is_harmless(Oid function)
{
	static bool sorted = false;

	if (!sorted)
		qsort(harmless, lengthof(harmless), sizeof(Oid), compare_oids);
	sorted = true;
	return bsearch(&function, harmless, lengthof(harmless), sizeof(Oid), compare_oids) != NULL;
}

static TpgJudgement
judge_builtin(Oid function, char volatility)
{
	TpgJudgement j = {.judged = TPG_JUDGED_HARMLESS};

	if (volatility == PROVOLATILE_IMMUTABLE || is_harmless(function))
		return j;
	j.judged = TPG_JUDGED_BAD;
	for (int i = 0; i < lengthof(known); i++)
	{
		if (known[i].function == function)
		{
			j.why = known[i].why;
			j.instead = known[i].instead;
			return j;
		}
	}
	j.why = volatility == PROVOLATILE_VOLATILE ? "is volatile" : "depends on more than its arguments";
	j.instead = volatility == PROVOLATILE_VOLATILE ? "an activity, or temporal.side_effect() if it only reads" : "temporal.side_effect()";
	return j;
}

TpgJudgement
tpg_judge(Oid function)
{
	TpgJudgement j = {.judged = TPG_JUDGED_HARMLESS};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		return j;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->pronamespace == PG_CATALOG_NAMESPACE && function < FirstNormalObjectId)
		j = judge_builtin(function, proc->provolatile);
	else if (proc->pronamespace == get_namespace_oid("temporal", true) ||
			 proc->pronamespace == get_namespace_oid("temporal_internal", true))
		j.judged = TPG_JUDGED_OURS;
	else if (proc->prokind == PROKIND_AGGREGATE || proc->prokind == PROKIND_WINDOW ||
			 proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId)
		j = judge_builtin(InvalidOid, proc->provolatile);
	else if (proc->prolang == SQLlanguageId || proc->prolang == get_language_oid("plpgsql", true))
		j.judged = TPG_JUDGED_LOOK_INSIDE;
	else if (proc->provolatile != PROVOLATILE_IMMUTABLE)
		j.judged = TPG_JUDGED_OPAQUE;
	ReleaseSysCache(tuple);
	return j;
}

TpgJudged
tpg_judge_quickly(Oid function)
{
	typedef struct Remembered
	{
		Oid			function;
		TpgJudged	judged;
	} Remembered;

	static uint8 builtin[FirstGenbkiObjectId];
	static HTAB *others = NULL;
	static uint64 generation = 0;
	Remembered *r;
	bool		found;

	if (function < lengthof(builtin))
	{
		if (builtin[function] == 0)
			builtin[function] = tpg_judge(function).judged;
		return builtin[function];
	}
	if (others != NULL && generation != tpg_definition_generation())
	{
		hash_destroy(others);
		others = NULL;
	}
	if (others == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Remembered)};

		generation = tpg_definition_generation();
		others = hash_create("temporal_pg judged functions", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	r = hash_search(others, &function, HASH_FIND, NULL);
	if (r == NULL)
	{
		/* first this: it reads catalogs */
		TpgJudged	judged = tpg_judge(function).judged;

		r = hash_search(others, &function, HASH_ENTER, &found);
		r->judged = judged;
	}
	return r->judged;
}

static bool
is_in_temporal(Oid function)
{
	Oid			schema = get_func_namespace(function);

	return schema != PG_CATALOG_NAMESPACE && schema == get_namespace_oid("temporal", true);
}

bool
tpg_judge_is_ours(Oid function, const char *name)
{
	char	   *is;

	if (!is_in_temporal(function))
		return false;
	is = get_func_name(function);
	return is != NULL && strcmp(is, name) == 0;
}

TpgStep
tpg_judge_step(Oid function)
{
	char	   *is;

	if (!is_in_temporal(function))
		return TPG_STEP_NONE;
	is = get_func_name(function);
	for (int i = 0; is != NULL && i < lengthof(waiting); i++)
	{
		if (strcmp(is, waiting[i]) == 0)
			return TPG_STEP_WAITS;
	}
	for (int i = 0; is != NULL && i < lengthof(asking); i++)
	{
		if (strcmp(is, asking[i]) == 0)
			return TPG_STEP_ASKS;
	}
	return TPG_STEP_NONE;
}
