/*-------------------------------------------------------------------------
 *
 * polling.c
 *	  SQL-callable: workers outside of the database wait for activities.
 *
 * Two forms.  The function hands out in the caller's transaction; a statement holds its
 * snapshot while it waits, and the oldest snapshot is what vacuum has to spare, so it waits
 * 10 s at most.  The procedure commits before it sleeps, and holds nothing while it does;
 * it hands out in a transaction of its own, which is committed before the worker
 * hears of it.
 *
 * Promised in the COMMENTs of sql/again/39_polling.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "api/args.h"
#include "api/client.h"
#include "base/clock.h"
#include "base/ident.h"
#include "base/json.h"
#include "engine/handout.h"
#include "engine/openattempt.h"
#include "engine/testenv.h"
#include "ipc/databases.h"
#include "ipc/pollers.h"
#include "ipc/shmem.h"
#include "ipc/wake.h"
#include "store/extension.h"
#include "store/namespace.h"

PG_FUNCTION_INFO_V1(tpg_sql_poll_activity_task);
PG_FUNCTION_INFO_V1(tpg_sql_poll_activity_tasks);
PG_FUNCTION_INFO_V1(tpg_sql_pollers);

/* What a statement that holds a snapshot may wait. */
#define FUNCTION_WAIT_US INT64CONST(10000000)
#define MAX_TASKS 1000
/* A sleep that nobody interrupts; whoever waits for longer sleeps again. */
#define MAX_SLEEP_MS (60 * 60 * 1000L)

/* And what it sleeps at least, where the limits of its queue are full. */
#define MIN_SLEEP_US INT64CONST(1000)

#define TASK_FIELDS 22

typedef struct Poll
{
	char	   *task_queue;
	char	   *identity;
	int64		wait_us;
	int			max_tasks;
	int32		namespace_id;
	uint64		key;
} Poll;

/*
 * The default namespace comes into being with the first that writes into it.  That is not a poll,
 * since its transaction, and everybody who wants the same then, may wait for long.
 */
static bool
find_namespace(Poll *p)
{
	if (p->namespace_id != 0)
		return true;
	p->namespace_id = tpg_namespace_current();
	p->key = tpg_poller_key(p->namespace_id, p->task_queue);
	if (p->namespace_id == 0)
		return false;
	tpg_access_require(p->namespace_id, TPG_ACCESS_CLIENT);
	return true;
}

/* (task_queue, identity, wait, max_tasks): checked, and the rights of the caller. */
static void
poll_args(FunctionCallInfo fcinfo, const char *what, Poll *p)
{
	tpg_not_in_workflow(what, "Call it in a client session.");
	tpg_not_read_only(what);
	tpg_require_preload();
	p->task_queue = tpg_arg_text(fcinfo, 0);
	tpg_id_check(p->task_queue, "task queue");
	p->identity = tpg_arg_text(fcinfo, 1);
	tpg_id_check(p->identity, "identity");
	tpg_arg_required(fcinfo, 2, "wait");
	p->wait_us = tpg_interval_arg_us(PG_GETARG_INTERVAL_P(2), "wait");
	tpg_arg_required(fcinfo, 3, "max_tasks");
	p->max_tasks = PG_GETARG_INT32(3);
	if (p->max_tasks < 1 || p->max_tasks > MAX_TASKS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_tasks must be between 1 and %d", MAX_TASKS),
				 errdetail("It is %d.", p->max_tasks),
				 errhint("As many as the worker has free places for; it polls again when some are done.")));
	p->namespace_id = 0;
	(void) find_namespace(p);
}

/*
 * Waits for tasks of which the attempts are then recorded as started, in the transaction in
 * progress.  nonatomic: that one is new; what came before is committed, and nothing is
 * held while it sleeps.
 */
static int
poll_wait(Poll *p, bool nonatomic, TpgLineTask **tasks)
{
	TimestampTz deadline = GetCurrentTimestamp() + p->wait_us;
	MemoryContext caller = CurrentMemoryContext;
	TimestampTz again = DT_NOEND;
	bool		more = false;
	int			n = 0;

	*tasks = NULL;
	/* nothing comes while the clock stands still */
	if (tpg_testenv_active())
		return p->namespace_id == 0 ? 0 : tpg_engine_hand_out(p->namespace_id, p->task_queue, p->identity, p->max_tasks, tasks, &again);

	tpg_poller_begin(p->key, p->max_tasks);
	for (;;)
	{
		TimestampTz now;
		long		ms;

		tpg_poller_check_client();
		/* it may have been dropped while nothing was held */
		if (nonatomic && !tpg_extension_lock())
			break;
		if (p->namespace_id == 0 && find_namespace(p))
			tpg_poller_begin(p->key, p->max_tasks);
		if (p->namespace_id != 0)
			n = tpg_engine_hand_out(p->namespace_id, p->task_queue, p->identity, p->max_tasks, tasks, &again);
		if (n > 0)
			break;
		if (nonatomic)
		{
			SPI_commit();
			MemoryContextSwitchTo(caller);
		}
		now = GetCurrentTimestamp();
		if (now >= deadline)
			break;
		/* limits of the queue may let it start something before anybody tells it */
		ms = (long) ((Min(deadline, Max(again, now + MIN_SLEEP_US)) - now + 999) / 1000);
		(void) tpg_poller_sleep(Min(ms, MAX_SLEEP_MS), &more);
		if (tpg_database_paused(MyDatabaseId))
			break;
	}
	/* it was not said how many there are: whoever got all that he asked for leaves the rest to the next */
	if (more && n == p->max_tasks)
		tpg_wake_pollers(p->key, 1, true);
	tpg_poller_end();
	return n;
}

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static Datum
duration_or_null(const Jsonb *attributes, const char *key, bool *isnull)
{
	int64		us = tpg_json_get_duration(attributes, key, 0);

	*isnull = us <= 0;
	return us <= 0 ? (Datum) 0 : IntervalPGetDatum(tpg_interval_from_us(us));
}

static Datum
jsonb_or_null(const Jsonb *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? JsonbPGetDatum(value) : (Datum) 0;
}

/* order of the type temporal.activity_task */
static void
task_values(const TpgLineTask *l, Datum *values, bool *nulls)
{
	const TpgActivityTask *t = &l->task;
	Jsonb	   *input = tpg_json_get_raw(t->attributes, "input");
	int			n = 0;

	memset(nulls, false, sizeof(bool) * TASK_FIELDS);
	values[n++] = CStringGetTextDatum(tpg_engine_attempt_token(t, t->started_at));
	values[n++] = CStringGetTextDatum(tpg_namespace_name(t->namespace_id));
	values[n++] = CStringGetTextDatum(t->task_queue);
	values[n++] = CStringGetTextDatum(t->activity_type);
	values[n++] = CStringGetTextDatum(t->activity_id);
	values[n++] = JsonbPGetDatum(input ? input : tpg_json_null());
	values[n++] = CStringGetTextDatum(l->workflow_id);
	values[n++] = UUIDPGetDatum(&l->run_id);
	values[n++] = CStringGetTextDatum(l->workflow_type);
	values[n++] = Int32GetDatum(t->attempt);
	values[n] = jsonb_or_null(l->heartbeat_details, &nulls[n]), n++;
	values[n++] = TimestampTzGetDatum(t->scheduled_at);
	values[n++] = TimestampTzGetDatum(t->attempt_scheduled_at);
	values[n++] = TimestampTzGetDatum(t->started_at);
	values[n] = duration_or_null(t->attributes, "scheduleToCloseTimeout", &nulls[n]), n++;
	nulls[n] = tpg_attempt_start_to_close(t) == 0;
	values[n++] = IntervalPGetDatum(tpg_interval_from_us(tpg_attempt_start_to_close(t)));
	values[n] = duration_or_null(t->attributes, "heartbeatTimeout", &nulls[n]), n++;
	values[n] = jsonb_or_null(tpg_json_get(t->attributes, "retryPolicy"), &nulls[n]), n++;
	values[n++] = Int32GetDatum(t->priority.key);
	values[n] = text_or_null(l->summary, &nulls[n]), n++;
	values[n] = text_or_null(t->priority.fairness_key, &nulls[n]), n++;
	nulls[n] = t->priority.fairness_weight == 0;
	values[n++] = Float8GetDatum(t->priority.fairness_weight);
	Assert(n == TASK_FIELDS);
}

/* temporal.poll_activity_task(task_queue, identity, wait, max_tasks) */
Datum
tpg_sql_poll_activity_task(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TpgLineTask *tasks;
	Poll		poll;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	poll_args(fcinfo, "poll_activity_task", &poll);
	poll.wait_us = Min(poll.wait_us, FUNCTION_WAIT_US);
	n = poll_wait(&poll, false, &tasks);
	for (int i = 0; i < n; i++)
	{
		Datum		values[TASK_FIELDS];
		bool		nulls[TASK_FIELDS];

		task_values(&tasks[i], values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* As to_jsonb() makes them of rows of temporal.activity_task. */
static Jsonb *
tasks_to_jsonb(const TpgLineTask *tasks, int n)
{
	Oid			type;
	TupleDesc	desc;
	TpgJson    *b = tpg_json_array();

	if (n == 0)
		return tpg_json_finish(b);
	type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("activity_task"),
						   ObjectIdGetDatum(get_namespace_oid("temporal", false)));
	desc = lookup_rowtype_tupdesc(type, -1);

	for (int i = 0; i < n; i++)
	{
		Datum		values[TASK_FIELDS];
		bool		nulls[TASK_FIELDS];

		task_values(&tasks[i], values, nulls);
		tpg_json_push_jsonb(b, tpg_datum_to_jsonb(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)), type, false));
	}
	ReleaseTupleDesc(desc);
	return tpg_json_finish(b);
}

/* CALL temporal.poll_activity_tasks(task_queue, identity, wait, max_tasks, tasks) */
Datum
tpg_sql_poll_activity_tasks(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	TpgLineTask *tasks;
	Jsonb	   *result;
	Poll		poll;
	int			n;

	tpg_require_nonatomic(fcinfo, "poll_activity_tasks");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	poll_args(fcinfo, "poll_activity_tasks", &poll);
	/* what is done here is not part of what the caller may do with it */
	n = poll_wait(&poll, true, &tasks);
	result = tasks_to_jsonb(tasks, n);
	if (n > 0)
	{
		SPI_commit();
		MemoryContextSwitchTo(context);
	}
	SPI_finish();
	return tpg_call_result(fcinfo, result);
}

/* temporal_internal.pollers(namespace_id, task_queue) */
Datum
tpg_sql_pollers(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tpg_poller_count(tpg_poller_key(PG_GETARG_INT32(0), text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}
