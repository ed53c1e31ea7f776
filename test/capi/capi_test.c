/* Every call of temporal_pg.h, and what C code can do wrong. */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "temporal_pg.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(capi_tour);
PG_FUNCTION_INFO_V1(capi_child);
PG_FUNCTION_INFO_V1(capi_branch);
PG_FUNCTION_INFO_V1(capi_handler);
PG_FUNCTION_INFO_V1(capi_loop);
PG_FUNCTION_INFO_V1(capi_swallow);
PG_FUNCTION_INFO_V1(capi_finally);
PG_FUNCTION_INFO_V1(capi_cancelled);
PG_FUNCTION_INFO_V1(capi_bad);
PG_FUNCTION_INFO_V1(capi_timeout);
PG_FUNCTION_INFO_V1(capi_next);
PG_FUNCTION_INFO_V1(capi_attempt);
PG_FUNCTION_INFO_V1(capi_fail);
PG_FUNCTION_INFO_V1(capi_beat);
PG_FUNCTION_INFO_V1(capi_later);
PG_FUNCTION_INFO_V1(capi_end);
PG_FUNCTION_INFO_V1(capi_client);

#define ARG_TEXT(n) text_to_cstring(PG_GETARG_TEXT_PP(n))

static void
note(StringInfo s, const char *what, const char *value)
{
	appendStringInfo(s, "%s%s=%s", s->len > 0 ? " " : "", what, value ? value : "NULL");
}

static bool
has_go(const Jsonb *state, const Jsonb *args)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &state->root), "go", 2, &v) != NULL;
}

static bool
never(const Jsonb *state, const Jsonb *args)
{
	return false;
}

static bool
broken(const Jsonb *state, const Jsonb *args)
{
	ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("broken predicate")));
	return false;
}

static Jsonb *
count_evaluations(void *arg)
{
	int		   *count = arg;

	(*count)++;
	return tpg_jsonb("\"seen once\"");
}

/* ---------- workflows ---------- */

/* One after the other; the result tells what each gave. */
Datum
capi_tour(PG_FUNCTION_ARGS)
{
	StringInfoData s;
	TpgFuture	f[3];
	TpgFailure *failure = NULL;
	TpgWorkflowInfo *info = tpg_workflow_info();
	Jsonb	  **all;
	Jsonb	   *value;
	pg_uuid_t	a = tpg_uuid4();
	pg_uuid_t	b = tpg_uuid4();
	double		r = tpg_random();
	int			evaluations = 0;
	char	   *child_id;
	pg_uuid_t	child_run;

	initStringInfo(&s);
	note(&s, "type", info->workflow_type);
	note(&s, "attempt", psprintf("%d", info->attempt));
	note(&s, "namespace", info->namespace_name);
	note(&s, "parent", info->parent_workflow_id);
	note(&s, "uuids", memcmp(&a, &b, sizeof(a)) == 0 ? "same" : "differ");
	note(&s, "random", r >= 0 && r < 1 ? "in range" : "out of range");
	note(&s, "now", tpg_now() >= info->workflow_start_time ? "after start" : "before start");
	(void) tpg_is_replaying();
	tpg_log("info", "on tour", tpg_jsonb("{\"stop\": 1}"));

	/* state, properties */
	tpg_set_state("x", tpg_jsonb("[1, 2]"));
	tpg_set_state("nothing", NULL);
	note(&s, "x", tpg_jsonb_text(tpg_get_state("x")));
	note(&s, "y", tpg_jsonb_text(tpg_get_state("y")));
	note(&s, "state", tpg_jsonb_text(tpg_state()));
	tpg_delete_state("x");
	tpg_replace_state(tpg_jsonb("{\"z\": 3}"));
	note(&s, "state", tpg_jsonb_text(tpg_state()));
	tpg_upsert_memo(tpg_jsonb("{\"m\": 1}"));
	note(&s, "memo", tpg_jsonb_text(tpg_memo()));
	tpg_upsert_search_attributes(tpg_jsonb("{}"));
	tpg_set_current_details("half way");
	note(&s, "patched", tpg_patched("tour") ? "t" : "f");
	tpg_deprecate_patch("gone");
	note(&s, "last", tpg_last_completion_result() == NULL && tpg_last_failure() == NULL ? "none" : "some");
	note(&s, "cancel_requested", tpg_cancel_requested() ? "t" : "f");
	note(&s, "side_effect", tpg_jsonb_text(tpg_side_effect(count_evaluations, &evaluations)));

	/* activities */
	note(&s, "activity", tpg_jsonb_text(tpg_execute_activity("capi_echo", tpg_jsonb("{\"n\": 1}"), NULL)));
	note(&s, "local", tpg_jsonb_text(tpg_execute_local_activity("capi_echo", tpg_jsonb("{\"n\": 2}"), NULL)));
	f[0] = tpg_start_activity("capi_echo", tpg_jsonb("{\"n\": 3}"), &(TpgActivityOpts) {.activity_id = "third", .priority_key = 2, .summary = "three"});
	f[1] = tpg_start_local_activity("capi_echo", tpg_jsonb("{\"n\": 4}"), NULL);
	f[2] = tpg_start_timer(TPG_MILLISECONDS(1), "short");
	all = tpg_await_all(f, 3, TPG_FOREVER);
	note(&s, "all", psprintf("%s,%s,%s", tpg_jsonb_text(all[0]), tpg_jsonb_text(all[1]), tpg_jsonb_text(all[2])));
	note(&s, "any", psprintf("%d", tpg_await_any(f, 3, TPG_FOREVER)));
	note(&s, "done", tpg_is_done(f[0]) ? "t" : "f");

	/* failures */
	value = tpg_try_execute_activity("capi_fail", tpg_jsonb("\"oops\""),
									 &(TpgActivityOpts) {
										 .retry = &(TpgRetryOpts) {
											 .maximum_attempts = 3, .initial_interval_us = TPG_MILLISECONDS(1), .backoff_coefficient = 1.5,
											 .maximum_interval_us = TPG_SECONDS(1),
											 .non_retryable_error_types = (const char *const[]) {"Other", "Oops", NULL}
										 }
									 }, &failure);
	note(&s, "failed", value == NULL && failure->sqlstate == TPG_ERRCODE_ACTIVITY_FAILURE && !failure->cancelled ? failure->type : "no");
	note(&s, "message", failure->message);
	note(&s, "last", tpg_failure()->type);
	value = tpg_try_execute_local_activity("capi_echo", tpg_jsonb("{\"n\": 5}"), NULL, &failure);
	note(&s, "tried", failure == NULL ? tpg_jsonb_text(value) : "failed");
	f[0] = tpg_start_timer(TPG_HOURS(1), NULL);
	value = tpg_try_await(f[0], TPG_MILLISECONDS(1), &failure);
	note(&s, "late", value == NULL && failure->sqlstate == TPG_ERRCODE_TIMEOUT_FAILURE ? failure->type : "no");
	tpg_cancel_future(f[0]);
	tpg_try_await(f[0], TPG_FOREVER, &failure);
	note(&s, "cancelled", failure != NULL && failure->cancelled && failure->sqlstate == ERRCODE_QUERY_CANCELED ? "t" : "f");

	/* waiting */
	note(&s, "signal", tpg_jsonb_text(tpg_wait_signal("hello", TPG_FOREVER)));
	note(&s, "no_signal", tpg_wait_signal("hello", 0) == NULL ? "timed out" : "came");
	f[0] = tpg_start_wait_signal("go");
	f[1] = tpg_start_wait_predicate("go was said", has_go, NULL);
	f[2] = tpg_start_wait_condition("state ? 'go' AND args ->> 0 = 'a'", tpg_jsonb("[\"a\"]"));
	tpg_await(tpg_spawn("capi_branch(int)", tpg_jsonb("1")), TPG_FOREVER);
	tpg_await(f[1], TPG_FOREVER);
	tpg_await(tpg_shield(f[2]), TPG_FOREVER);
	note(&s, "predicate", tpg_wait_predicate("go", has_go, NULL, TPG_FOREVER) ? "t" : "f");
	note(&s, "never", tpg_wait_predicate("never", never, tpg_jsonb("1"), TPG_MILLISECONDS(1)) ? "t" : "f");
	note(&s, "condition", tpg_wait_condition("state ? 'go'", NULL, TPG_FOREVER) ? "t" : "f");
	note(&s, "go", tpg_jsonb_text(tpg_get_state("go")));
	tpg_lock("l");
	tpg_unlock("l");
	note(&s, "handlers", tpg_all_handlers_finished() ? "finished" : "in progress");

	/* children */
	note(&s, "child", tpg_jsonb_text(tpg_execute_child_workflow("capi_child", NULL, &(TpgChildOpts) {.memo = tpg_jsonb("{\"of\": \"tour\"}"), .run_timeout_us = TPG_MINUTES(1)})));
	f[0] = tpg_start_child_workflow("capi_child", tpg_jsonb("true"), &(TpgChildOpts) {.id = "capi-child"});
	child_id = tpg_child_execution(f[0], &child_run);
	note(&s, "child_id", child_id);
	tpg_signal_child(f[0], "go_on", tpg_jsonb("\"now\""));
	note(&s, "child", tpg_jsonb_text(tpg_await(f[0], TPG_FOREVER)));
	tpg_try_execute_child_workflow("capi_child", tpg_jsonb("false"), NULL, &failure);
	note(&s, "child_failed", failure && failure->sqlstate == TPG_ERRCODE_CHILD_WORKFLOW_FAILURE ? failure->type : "no");
	note(&s, "external", tpg_signal("nobody", "x", NULL, &(TpgSignalOpts) {.missing_ok = true}) ? "t" : "f");
	tpg_sleep(0);
	PG_RETURN_TEXT_P(cstring_to_text(s.data));
}

/* NULL: at once; true: waits for a signal; false: fails. */
Datum
capi_child(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(tpg_workflow_info()->parent_workflow_id));
	if (!PG_GETARG_BOOL(0))
		tpg_raise_application_error("no child", &(TpgErrorOpts) {.type = "NoChild", .details = tpg_jsonb("[1]")});
	PG_RETURN_TEXT_P(cstring_to_text(tpg_jsonb_text(tpg_wait_signal("go_on", TPG_FOREVER))));
}

/* A fiber of several steps. */
Datum
capi_branch(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = tpg_execute_activity("capi_echo", tpg_to_jsonb(PG_GETARG_DATUM(0), INT4OID), NULL);

	tpg_sleep(TPG_MILLISECONDS(1));
	tpg_set_state("go", value);
	PG_RETURN_VOID();
}

/* Unwound at each wait, and run again over what it was told. */
Datum
capi_handler(PG_FUNCTION_ARGS)
{
	TpgFailure *failure;
	TpgFailure *none;
	Jsonb	   *echo;

	tpg_try_execute_activity("capi_fail", tpg_jsonb("\"oops\""), NULL, &failure);
	echo = tpg_try_execute_activity("capi_echo", tpg_jsonb("\"echo\""), NULL, &none);
	tpg_wait_predicate("never", never, NULL, TPG_MILLISECONDS(1));
	tpg_sleep(TPG_MILLISECONDS(1));
	tpg_set_state("handled", tpg_jsonb(psprintf("[%d, \"%s\", %s, %s]", PG_GETARG_INT32(0), failure ? failure->type : "no failure",
											   tpg_jsonb_text(echo), none ? "true" : "false")));
	PG_RETURN_VOID();
}

/* n activities, one after the other; by how much the memory of the code has grown from the tenth on. */
Datum
capi_loop(PG_FUNCTION_ARGS)
{
	int			n = PG_GETARG_INT32(0);
	Size		before = 0;

	for (int i = 0; i < n; i++)
	{
		Jsonb	   *input = tpg_to_jsonb(Int32GetDatum(i), INT4OID);

		pfree(tpg_execute_activity("capi_echo", input, NULL));
		pfree(input);
		if (i == 9)
			before = MemoryContextMemAllocated(CurrentMemoryContext, true);
	}
	PG_RETURN_INT64((int64) MemoryContextMemAllocated(CurrentMemoryContext, true) - (int64) before);
}

/* how: "return", "go on", "raise": what follows after the suspension has been caught */
Datum
capi_swallow(PG_FUNCTION_ARGS)
{
	char	   *how = ARG_TEXT(0);
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		tpg_wait_signal("wake", TPG_FOREVER);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	if (strcmp(how, "go on") == 0)
		tpg_set_state("x", NULL);
	if (strcmp(how, "raise") == 0)
		ereport(ERROR, (errcode(ERRCODE_RAISE_EXCEPTION), errmsg("something else")));
	PG_RETURN_TEXT_P(cstring_to_text("slept"));
}

/* What is allowed. */
Datum
capi_finally(PG_FUNCTION_ARGS)
{
	volatile int cleaned = 0;

	PG_TRY();
	{
		tpg_wait_signal("wake", TPG_FOREVER);
	}
	PG_FINALLY();
	{
		cleaned++;
	}
	PG_END_TRY();
	PG_RETURN_INT32(cleaned);
}

/* Cleans up when it is cancelled, and goes as cancelled. */
Datum
capi_cancelled(PG_FUNCTION_ARGS)
{
	TpgFailure *failure;

	tpg_try_await(tpg_start_wait_signal("wake"), TPG_FOREVER, &failure);
	if (failure != NULL && failure->cancelled)
	{
		tpg_execute_activity("capi_echo", tpg_jsonb("\"cleaned up\""), NULL);
		tpg_raise_failure(failure);
	}
	PG_RETURN_TEXT_P(cstring_to_text("woken"));
}

/* A failure that was caught and raised again. */
Datum
capi_timeout(PG_FUNCTION_ARGS)
{
	TpgFailure *failure;

	tpg_try_execute_activity("capi_fail", tpg_jsonb("\"again\""), NULL, &failure);
	tpg_raise_failure(failure);
	PG_RETURN_VOID();
}

/* Continues as new until n is 0. */
Datum
capi_next(PG_FUNCTION_ARGS)
{
	int			n = PG_GETARG_INT32(0);

	if (n > 0)
		tpg_continue_as_new(tpg_to_jsonb(Int32GetDatum(n - 1), INT4OID), &(TpgContinueOpts) {.task_timeout_us = TPG_SECONDS(5)});
	PG_RETURN_TEXT_P(cstring_to_text("last"));
}

/* Bad arguments, one each. */
Datum
capi_bad(PG_FUNCTION_ARGS)
{
	char	   *what = ARG_TEXT(0);

	if (strcmp(what, "negative sleep") == 0)
		tpg_sleep(-5);
	else if (strcmp(what, "null type") == 0)
		tpg_execute_activity(NULL, NULL, NULL);
	else if (strcmp(what, "empty type") == 0)
		tpg_execute_activity("", NULL, NULL);
	else if (strcmp(what, "unknown type") == 0)
		tpg_execute_activity("capi_nobody", NULL, NULL);
	else if (strcmp(what, "negative timeout") == 0)
		tpg_await(tpg_start_timer(0, NULL), -2);
	else if (strcmp(what, "negative option") == 0)
		tpg_execute_activity("capi_echo", NULL, &(TpgActivityOpts) {.start_to_close_us = -1});
	else if (strcmp(what, "priority") == 0)
		tpg_execute_activity("capi_echo", NULL, &(TpgActivityOpts) {.priority_key = 9});
	else if (strcmp(what, "retry") == 0)
		tpg_execute_activity("capi_echo", NULL, &(TpgActivityOpts) {.retry = &(TpgRetryOpts) {.backoff_coefficient = 0.5}});
	else if (strcmp(what, "local queue") == 0)
		tpg_execute_local_activity("capi_echo", NULL, &(TpgActivityOpts) {.task_queue = "q"});
	else if (strcmp(what, "policy") == 0)
		tpg_execute_child_workflow("capi_child", NULL, &(TpgChildOpts) {.parent_close_policy = "explode"});
	else if (strcmp(what, "future") == 0)
		tpg_await((TpgFuture) {.value = 12345}, TPG_FOREVER);
	else if (strcmp(what, "not a child") == 0)
		tpg_child_execution(tpg_start_timer(0, NULL), NULL);
	else if (strcmp(what, "none of any") == 0)
		tpg_await_any(NULL, 0, TPG_FOREVER);
	else if (strcmp(what, "null predicate") == 0)
		tpg_wait_predicate("p", NULL, NULL, TPG_FOREVER);
	else if (strcmp(what, "broken predicate") == 0)
		tpg_wait_predicate("p", broken, NULL, TPG_FOREVER);
	else if (strcmp(what, "null evaluate") == 0)
		tpg_side_effect(NULL, NULL);
	else if (strcmp(what, "state") == 0)
		tpg_replace_state(tpg_jsonb("[]"));
	else if (strcmp(what, "level") == 0)
		tpg_log("loud", "x", NULL);
	else if (strcmp(what, "json") == 0)
		tpg_jsonb("{");
	else if (strcmp(what, "null failure") == 0)
		tpg_raise_failure(NULL);
	else if (strcmp(what, "nowhere to put a failure") == 0)
		tpg_try_execute_activity("capi_echo", tpg_jsonb("1"), NULL, NULL);
	else if (strcmp(what, "nowhere to put it of a future") == 0)
		tpg_try_await(tpg_start_timer(0, NULL), TPG_FOREVER, NULL);
	else if (strcmp(what, "null futures") == 0)
		tpg_await_all(NULL, 2, TPG_FOREVER);
	else if (strcmp(what, "client in workflow") == 0)
		tpg_query("x", "y", NULL, NULL);
	else if (strcmp(what, "table") == 0)
	{
		SPI_connect();
		SPI_execute("SELECT count(*) FROM pg_catalog.pg_class", true, 0);
		SPI_finish();
	}
	else if (strcmp(what, "spin") == 0)
	{
		for (;;)
			(void) tpg_now();
	}
	else if (strcmp(what, "clock") == 0)
	{
		SPI_connect();
		SPI_execute("SELECT clock_timestamp()", true, 0);
		SPI_finish();
	}
	else if (strcmp(what, "options to come") == 0)
	{
		struct
		{
			TpgActivityOpts known;
			int64		unknown;
		}			more = {.unknown = 1};

		TPG_CALL(execute_activity) ("capi_echo", NULL, &more.known, sizeof(more));
	}
	else if (strcmp(what, "options of before") == 0)
	{
		/* with the first member only */
		TpgActivityOpts less = {.priority_key = 99};

		PG_RETURN_TEXT_P(cstring_to_text(tpg_jsonb_text(TPG_CALL(execute_activity) ("capi_echo", tpg_jsonb("\"old\""), &less, sizeof(char *)))));
	}
	PG_RETURN_TEXT_P(cstring_to_text("nothing was wrong"));
}

/* ---------- activities ---------- */

Datum
capi_attempt(PG_FUNCTION_ARGS)
{
	TpgActivityInfo *info = tpg_activity_info();

	tpg_log("debug", "attempt", NULL);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s %s attempt %d of %s %s%s", info->activity_type, info->activity_id, info->attempt,
											  info->workflow_id, info->workflow_type, info->is_local ? ", local" : "")));
}

Datum
capi_fail(PG_FUNCTION_ARGS)
{
	tpg_raise_application_error(ARG_TEXT(0), &(TpgErrorOpts) {.type = "Oops", .non_retryable = true, .category = "benign"});
	PG_RETURN_VOID();
}

Datum
capi_beat(PG_FUNCTION_ARGS)
{
	tpg_heartbeat(tpg_jsonb("{\"done\": 1}"));
	PG_RETURN_TEXT_P(cstring_to_text("beaten"));
}

/* Somebody else ends it. */
Datum
capi_later(PG_FUNCTION_ARGS)
{
	SPI_connect();
	SPI_execute(psprintf("INSERT INTO token VALUES ('%s', '%s')", ARG_TEXT(0), tpg_activity_info()->task_token), false, 0);
	SPI_finish();
	tpg_complete_async();
	PG_RETURN_VOID();
}

/* (how, token) */
Datum
capi_end(PG_FUNCTION_ARGS)
{
	char	   *how = ARG_TEXT(0);
	char	   *token = ARG_TEXT(1);

	if (strcmp(how, "completed") == 0)
		tpg_complete_activity(token, tpg_jsonb("\"from outside\""));
	else if (strcmp(how, "failed") == 0)
		tpg_fail_activity(token, tpg_jsonb("{\"message\": \"no\", \"type\": \"Outside\", \"non_retryable\": true}"));
	else if (strcmp(how, "cancelled") == 0)
	{
		if (tpg_heartbeat_activity(token, NULL))
			tpg_report_activity_cancelled(token, NULL);
	}
	PG_RETURN_VOID();
}

/* ---------- clients ---------- */

/* (call, workflow id) */
Datum
capi_client(PG_FUNCTION_ARGS)
{
	char	   *call = ARG_TEXT(0);
	char	   *id = ARG_TEXT(1);
	const char *given = "done";

	if (strcmp(call, "start") == 0)
	{
		pg_uuid_t	run_id = {{0}};

		given = tpg_start_workflow("capi_service", NULL, &(TpgStartOpts) {.id = id, .static_summary = "s", .retry = &(TpgRetryOpts) {.maximum_attempts = 1}}, &run_id);
		if (strcmp(tpg_workflow_status(given, &run_id), "Running") != 0)
			given = "not running";
	}
	else if (strcmp(call, "signal") == 0)
		given = tpg_signal(id, "note", tpg_jsonb("7"), &(TpgSignalOpts) {.request_id = "once"}) ? "t" : "f";
	else if (strcmp(call, "signal_with_start") == 0)
		given = tpg_signal_with_start("capi_service", "note", tpg_jsonb("1"), NULL, &(TpgStartOpts) {.id = id});
	else if (strcmp(call, "query") == 0)
		given = tpg_jsonb_text(tpg_query(id, "state", NULL, NULL));
	else if (strcmp(call, "update") == 0)
		given = tpg_jsonb_text(tpg_update(id, "put", tpg_jsonb("8"), NULL, NULL));
	else if (strcmp(call, "start_update") == 0)
		given = tpg_start_update(id, "put_later", tpg_jsonb("9"), "u-1", NULL);
	else if (strcmp(call, "update_result") == 0)
		given = tpg_jsonb_text(tpg_update_result(id, "u-1", TPG_SECONDS(30)));
	else if (strcmp(call, "result") == 0)
		given = tpg_jsonb_text(tpg_result(id, NULL, TPG_SECONDS(30)));
	else if (strcmp(call, "cancel") == 0)
		tpg_cancel(id, "enough", NULL);
	else if (strcmp(call, "terminate") == 0)
		tpg_terminate(id, "enough", NULL, NULL);
	else if (strcmp(call, "status") == 0)
		given = tpg_workflow_status(id, NULL);
	else if (strcmp(call, "sleep") == 0)
		tpg_sleep(1);
	if (given == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(given));
}
