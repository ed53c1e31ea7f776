/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Settings temporal_pg.*.
 *
 * Limits that protect the server from a tenant, and everything that concerns
 * processes, are not for ordinary users to set.  Check hooks here run in the
 * postmaster and outside of transactions, and raise no errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "common/int.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/httpguc.h"

char	   *tpg_guc_namespace = NULL;
int			tpg_guc_determinism = TPG_DETERMINISM_ERROR;

int			tpg_guc_max_executors = 8;
int			tpg_guc_max_databases = 64;
int			tpg_guc_max_concurrent_activities = -1;
int			tpg_guc_max_concurrent_workflow_tasks = -1;
int			tpg_guc_max_cached_workflows = 32;
int			tpg_guc_idle_timeout = 20000;
int			tpg_guc_sweep_interval = 5000;
int			tpg_guc_careful_period = 60000;
bool		tpg_guc_fault_injection = false;

int			tpg_guc_max_payload_size = 2 * 1024 * 1024;
int			tpg_guc_max_id_length = 1000;
int			tpg_guc_max_history_events = 51200;
int			tpg_guc_max_history_size = 50 * 1024;
int			tpg_guc_suggest_continue_as_new_events = 4096;
int			tpg_guc_suggest_continue_as_new_size = 4 * 1024;
int			tpg_guc_continue_as_new_min_interval = 1000;
int			tpg_guc_max_pending_children = 2000;
int			tpg_guc_max_pending_activities = 2000;
int			tpg_guc_max_memo_size = 2 * 1024 * 1024;
int			tpg_guc_max_search_attributes = 100;
int			tpg_guc_max_search_attribute_size = 2 * 1024;
int			tpg_guc_max_search_attributes_size = 40 * 1024;
int			tpg_guc_max_summary_size = 400;
int			tpg_guc_max_details_size = 20000;
int			tpg_guc_workflow_task_timeout = 10000;
int			tpg_guc_max_workflow_task_timeout = 120000;

static char *default_start_to_close_timeout = NULL;
static int64 default_start_to_close_us = INT64CONST(60000000);

static const struct config_enum_entry determinism_options[] = {
	{"error", TPG_DETERMINISM_ERROR, false},
	{"warning", TPG_DETERMINISM_WARNING, false},
	{"off", TPG_DETERMINISM_OFF, false},
	{NULL, 0, false}
};

/*
 * An interval as microseconds, without raising errors (interval_in() does).
 * False when it is no interval, or too large.
 */
static bool
parse_interval(const char *text, int64 *us)
{
	char		workbuf[256];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nf;
	int			dtype;
	struct pg_itm_in itm = {0};
	int			rc;
	int64		days;

	if (strlen(text) >= sizeof(workbuf) / 2)
		return false;
	rc = ParseDateTime(text, workbuf, sizeof(workbuf), field, ftype, MAXDATEFIELDS, &nf);
	if (rc == 0)
		rc = DecodeInterval(field, ftype, nf, INTERVAL_FULL_RANGE, &dtype, &itm);
	if (rc == DTERR_BAD_FORMAT)
	{
		char	   *copy = strdup(text);

		if (copy == NULL)
			return false;
		rc = DecodeISO8601Interval(copy, &dtype, &itm);
		free(copy);
	}
	if (rc != 0 || dtype != DTK_DELTA)
		return false;

	days = (int64) itm.tm_year * MONTHS_PER_YEAR * DAYS_PER_MONTH + (int64) itm.tm_mon * DAYS_PER_MONTH + itm.tm_mday;
	if (pg_mul_s64_overflow(days, USECS_PER_DAY, us) ||
		pg_add_s64_overflow(*us, itm.tm_usec, us))
		return false;
	return true;
}

static bool
check_start_to_close(char **newval, void **extra, GucSource source)
{
	int64		us = -1;
	int64	   *stored;

	if (**newval != '\0')
	{
		if (!parse_interval(*newval, &us))
		{
			GUC_check_errdetail("It must be an interval such as \"60 s\", or empty for none.");
			return false;
		}
		if (us <= 0)
		{
			GUC_check_errdetail("The interval must be positive.");
			return false;
		}
	}
	stored = tpg_guc_alloc(sizeof(int64));
	if (stored == NULL)
		return false;
	*stored = us;
	*extra = stored;
	return true;
}

static void
assign_start_to_close(const char *newval, void *extra)
{
	default_start_to_close_us = *((int64 *) extra);
}

int64
tpg_guc_default_start_to_close_us(void)
{
	return default_start_to_close_us;
}

static bool
check_namespace(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0')
	{
		GUC_check_errdetail("The name of a namespace must not be empty.");
		return false;
	}
	return true;
}

/* All our integer settings have neither hooks nor flags beyond their unit. */
static void
define_int(const char *name, const char *text, int *variable, int boot, int min, int max,
		   GucContext context, int unit)
{
	DefineCustomIntVariable(name, text, NULL, variable, boot, min, max, context, unit, NULL, NULL, NULL);
}

static void
define_session_settings(void)
{
	DefineCustomStringVariable("temporal_pg.namespace",
							   "Namespace in which the calls of this session act.", NULL,
							   &tpg_guc_namespace, "default", PGC_USERSET, 0,
							   check_namespace, NULL, NULL);
	DefineCustomEnumVariable("temporal_pg.determinism",
							 "What happens when workflow code does what a replay could not repeat.", NULL,
							 &tpg_guc_determinism, TPG_DETERMINISM_ERROR, determinism_options, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("temporal_pg.default_start_to_close_timeout",
							   "Start-to-close timeout of activities that give none.",
							   "An interval; empty means that a call without a timeout is an error.",
							   &default_start_to_close_timeout, "60 s", PGC_USERSET, 0,
							   check_start_to_close, assign_start_to_close, NULL);
	define_int("temporal_pg.workflow_task_timeout", "Time that one workflow task may take.",
			   &tpg_guc_workflow_task_timeout, 10000, 1, INT_MAX, PGC_SUSET, GUC_UNIT_MS);
	define_int("temporal_pg.max_workflow_task_timeout", "Longest task timeout that a start may ask for.",
			   &tpg_guc_max_workflow_task_timeout, 120000, 1, INT_MAX, PGC_SUSET, GUC_UNIT_MS);
}

static void
define_process_settings(void)
{
	/*
	 * Loaded by a session on its own, there are no processes and it is too
	 * late for settings of the postmaster.
	 */
	if (process_shared_preload_libraries_in_progress)
	{
		define_int("temporal_pg.max_executors", "Processes that may run workflow and activity code at once, in all databases together.",
				   &tpg_guc_max_executors, 8, 1, 1000, PGC_POSTMASTER, 0);
		define_int("temporal_pg.max_databases", "Databases of this server that may have the extension.",
				   &tpg_guc_max_databases, 64, 1, 10000, PGC_POSTMASTER, 0);
	}
	define_int("temporal_pg.max_concurrent_activities", "Activities that executors may run at once in each database; -1 means any number.",
			   &tpg_guc_max_concurrent_activities, -1, -1, 1000, PGC_SIGHUP, 0);
	define_int("temporal_pg.max_concurrent_workflow_tasks", "Workflow tasks that executors may run at once in each database; -1 means any number.",
			   &tpg_guc_max_concurrent_workflow_tasks, -1, -1, 1000, PGC_SIGHUP, 0);
	define_int("temporal_pg.max_cached_workflows", "Runs whose histories each executor keeps in memory.",
			   &tpg_guc_max_cached_workflows, 32, 0, TPG_MAX_CACHED_WORKFLOWS, PGC_SIGHUP, 0);
	define_int("temporal_pg.idle_timeout", "Time after which an executor without work ends.",
			   &tpg_guc_idle_timeout, 20000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("temporal_pg.sweep_interval", "Time between two looks at the tables for work that nothing announced.",
			   &tpg_guc_sweep_interval, 5000, 10, 3600000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("temporal_pg.careful_period", "Time after a crash during which activities run one at a time.",
			   &tpg_guc_careful_period, 60000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);

	/*
	 * SIGHUP rather than SUSET: it has to act in the background processes,
	 * and nobody should be able to have a backend killed by SET.
	 */
	DefineCustomBoolVariable("temporal_pg.fault_injection",
							 "Lets tests kill processes at named points.", NULL,
							 &tpg_guc_fault_injection, false, PGC_SIGHUP,
							 GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

static void
define_limits(void)
{
	define_int("temporal_pg.max_payload_size", "Largest input, result or other payload.",
			   &tpg_guc_max_payload_size, 2 * 1024 * 1024, 1024, 256 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_id_length", "Longest id or name.",
			   &tpg_guc_max_id_length, 1000, 64, 1000, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_history_events", "Events after which a run is terminated.",
			   &tpg_guc_max_history_events, 51200, 10, INT_MAX, PGC_SUSET, 0);
	define_int("temporal_pg.max_history_size", "Size of a history at which its run is terminated.",
			   &tpg_guc_max_history_size, 50 * 1024, 64, INT_MAX, PGC_SUSET, GUC_UNIT_KB);
	define_int("temporal_pg.suggest_continue_as_new_events", "Events from which on a run is told to continue as new.",
			   &tpg_guc_suggest_continue_as_new_events, 4096, 1, INT_MAX, PGC_SUSET, 0);
	define_int("temporal_pg.suggest_continue_as_new_size", "Size of a history from which on its run is told to continue as new.",
			   &tpg_guc_suggest_continue_as_new_size, 4 * 1024, 1, INT_MAX, PGC_SUSET, GUC_UNIT_KB);
	define_int("temporal_pg.continue_as_new_min_interval", "Time between two runs of a chain that continues as new.",
			   &tpg_guc_continue_as_new_min_interval, 1000, 0, 3600 * 1000, PGC_SUSET, GUC_UNIT_MS);
	define_int("temporal_pg.max_pending_activities", "Activities that a run may have pending.",
			   &tpg_guc_max_pending_activities, 2000, 1, INT_MAX, PGC_SUSET, 0);
	define_int("temporal_pg.max_pending_children", "Child workflows that a run may have pending.",
			   &tpg_guc_max_pending_children, 2000, 1, INT_MAX, PGC_SUSET, 0);
	define_int("temporal_pg.max_memo_size", "Largest memo of a run.",
			   &tpg_guc_max_memo_size, 2 * 1024 * 1024, 1024, 256 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_search_attributes", "Search attributes that a run may have.",
			   &tpg_guc_max_search_attributes, 100, 1, 10000, PGC_SUSET, 0);
	define_int("temporal_pg.max_search_attribute_size", "Largest value of a search attribute.",
			   &tpg_guc_max_search_attribute_size, 2 * 1024, 16, 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_search_attributes_size", "Size of all search attributes of a run together.",
			   &tpg_guc_max_search_attributes_size, 40 * 1024, 16, 64 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_summary_size", "Longest summary.",
			   &tpg_guc_max_summary_size, 400, 1, 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
	define_int("temporal_pg.max_details_size", "Longest text of static or current details.",
			   &tpg_guc_max_details_size, 20000, 1, 64 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE);
}

void
tpg_guc_init(void)
{
	define_session_settings();
	define_process_settings();
	define_limits();
	tpg_guc_http_init();
	MarkGUCPrefixReserved("temporal_pg");
}
