/*-------------------------------------------------------------------------
 * temporal_pg.h
 *	  Durable workflows from C: workflow code, activities and clients of
 *	  temporal_pg, written as C functions of another extension.
 *
 * A workflow or activity in C is an ordinary SQL-callable function
 * (PG_FUNCTION_INFO_V1, CREATE FUNCTION ... LANGUAGE c), registered with
 * temporal.register_workflow() or temporal.register_activity().  What it would
 * call in SQL as temporal.sleep('1 hour') it calls here as
 * tpg_sleep(TPG_HOURS(1)).  The SQL function's COMMENT (\df+, docs/sql.md)
 * tells what it does and raises; this header tells what is different in C.
 *
 * What workflow code has to keep to (activities and clients do not):
 *
 * - Let errors pass.  A call that has to wait ends the code by an error, and
 *	 the code is run again from its top when there is an answer; every call
 *	 that was answered before gets its answer at once.  So no PG_CATCH around
 *	 calls without PG_RE_THROW; PG_FINALLY is fine.  To learn of a failure use
 *	 the tpg_try_ calls, which hand it over instead of raising it.
 * - Do the same each time: no static or global variables, no clock but
 *	 tpg_now(), no chance but tpg_random() and tpg_uuid4(), no tables, files,
 *	 sockets, settings.  What has to look elsewhere is an activity, or
 *	 tpg_side_effect().  Nothing checks C code for that.
 * - Own nothing that an error could leak: palloc, not malloc.
 *
 * Conventions:
 *
 * - Payloads are Jsonb, detoasted (PG_GETARG_JSONB_P gives that); NULL is
 *	 none.  Nothing that is passed in is kept or changed.
 * - Results are palloc'd in the memory context that is current at the call,
 *	 and the caller's to pfree.
 * - Durations are microseconds: TPG_SECONDS(1.5).  In the structs of options 0
 *	 (and NULL) is "not given"; an argument that may be without limit takes
 *	 TPG_FOREVER.  Other negative values raise 22023.
 * - Everything raises by ereport(ERROR): besides what is said at a call, TP021
 *	 in the wrong place, TP025 for what is too large or too many, 22004 and
 *	 22023 for bad arguments.
 *
 * Nothing has to be linked: the calls go through a table of pointers that
 * temporal_pg leaves under a name of the server process, so the order in which
 * libraries are loaded does not matter.  Within a version of that table
 * members are only ever added at its end, the same for the structs below; a
 * library runs with any temporal_pg that has at least the members of the
 * header that it was built with.  Otherwise its first call raises 0A000.
 *
 * PostgreSQL 15 to 18.  C11; C++ may include it inside of its usual
 * extern "C" for postgres.h.
 *-------------------------------------------------------------------------
 */
#ifndef TEMPORAL_PG_H
#define TEMPORAL_PG_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#ifdef __cplusplus
extern "C"
{
#endif

#define TPG_API_VERSION 1
#define TPG_API_VARIABLE "temporal_pg_api_1"

/* ---------- time ---------- */

#define TPG_FOREVER ((int64) -1)
#define TPG_MILLISECONDS(n) ((int64) ((n) * 1000.0))
#define TPG_SECONDS(n) ((int64) ((n) * 1000000.0))
#define TPG_MINUTES(n) TPG_SECONDS((n) * 60.0)
#define TPG_HOURS(n) TPG_SECONDS((n) * 3600.0)
#define TPG_DAYS(n) TPG_SECONDS((n) * 86400.0)

/* ---------- failures ---------- */

/* SQLSTATEs of class TF; all others are in docs/errors.md. */
#define TPG_ERRCODE_APPLICATION_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '1')
#define TPG_ERRCODE_ACTIVITY_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '2')
#define TPG_ERRCODE_CHILD_WORKFLOW_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '3')
#define TPG_ERRCODE_CANCELLED_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '4')
#define TPG_ERRCODE_TIMEOUT_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '5')
#define TPG_ERRCODE_TERMINATED_FAILURE MAKE_SQLSTATE('T', 'F', '0', '0', '6')

/* What a call would have raised.  Given by the tpg_try_ calls and tpg_failure(). */
typedef struct TpgFailure
{
	int			sqlstate;		/* TPG_ERRCODE_ACTIVITY_FAILURE ... */
	bool		cancelled;		/* it is the request to cancel this code: clean up, then tpg_raise_failure() */
	char	   *message;		/* of the error: "activity task failed: card declined" */
	char	   *type;			/* of the innermost application failure, or the kind of a timeout; NULL: none */
	Jsonb	   *detail;			/* the chain, as in PG_EXCEPTION_DETAIL */
} TpgFailure;

/* ---------- options: what is 0 or NULL is not given ---------- */

/* temporal.retry_policy() */
typedef struct TpgRetryOpts
{
	int64		initial_interval_us;	/* 1 s */
	double		backoff_coefficient;	/* 2.0 */
	int64		maximum_interval_us;	/* 100 times the first */
	int			maximum_attempts;	/* no limit; 1: no retry */
	const char *const *non_retryable_error_types;	/* ends with NULL */
} TpgRetryOpts;

/* temporal.execute_activity(); a local one takes no task_queue, heartbeat_us, priority_key, fairness_key, fairness_weight (22023) */
typedef struct TpgActivityOpts
{
	const char *task_queue;
	int64		schedule_to_close_us;
	int64		schedule_to_start_us;
	int64		start_to_close_us;
	int64		heartbeat_us;
	const TpgRetryOpts *retry;
	const char *cancellation_type;	/* "try_cancel", "wait_cancellation_completed", "abandon" */
	const char *activity_id;
	const char *summary;
	int			priority_key;	/* 1, first, to 5 */
	const char *fairness_key;
	double		fairness_weight;
} TpgActivityOpts;

/* temporal.execute_child_workflow() */
typedef struct TpgChildOpts
{
	const char *id;				/* a uuid, the same in each replay */
	const char *task_queue;
	int64		execution_timeout_us;
	int64		run_timeout_us;
	int64		task_timeout_us;
	const char *parent_close_policy;	/* "terminate", "abandon", "request_cancel" */
	const char *cancellation_type;	/* "wait_cancellation_completed", "wait_cancellation_requested", "try_cancel",
									 * "abandon" */
	const char *id_reuse_policy;
	const TpgRetryOpts *retry;
	const char *cron_schedule;
	const Jsonb *memo;
	const Jsonb *search_attributes;
	const char *summary;
	int			priority_key;	/* 1, first, to 5; those of the workflow where they are not given */
	const char *fairness_key;
	double		fairness_weight;
} TpgChildOpts;

/* temporal.continue_as_new() */
typedef struct TpgContinueOpts
{
	const char *workflow_type;
	const char *task_queue;
	int64		run_timeout_us;
	int64		task_timeout_us;
	const TpgRetryOpts *retry;
	const Jsonb *memo;
	const Jsonb *search_attributes;
	const char *cron_schedule;
	const char *initial_versioning_behavior;	/* "pinned", "auto_upgrade" */
} TpgContinueOpts;

/* temporal.raise_application_error() */
typedef struct TpgErrorOpts
{
	const char *type;
	const Jsonb *details;
	bool		non_retryable;
	int64		next_retry_delay_us;
	const char *category;		/* "benign" */
} TpgErrorOpts;

/* temporal.start_workflow() */
typedef struct TpgStartOpts
{
	const char *id;				/* a uuid */
	const char *task_queue;
	int64		execution_timeout_us;
	int64		run_timeout_us;
	int64		task_timeout_us;
	const char *id_reuse_policy;
	const char *id_conflict_policy;
	const TpgRetryOpts *retry;
	const char *cron_schedule;
	int64		start_delay_us;
	const Jsonb *memo;
	const Jsonb *search_attributes;
	const char *static_summary;
	const char *static_details;
	int			priority_key;
	const char *request_id;
	const char *fairness_key;
	double		fairness_weight;
} TpgStartOpts;

/* temporal.signal() */
typedef struct TpgSignalOpts
{
	const pg_uuid_t *run_id;	/* the latest run */
	const char *request_id;
	bool		missing_ok;
} TpgSignalOpts;

/* ---------- what code may know of itself ---------- */

/* temporal.workflow_info(); 0 and NULL: none */
typedef struct TpgWorkflowInfo
{
	char	   *namespace_name;
	char	   *workflow_id;
	pg_uuid_t	run_id;
	char	   *workflow_type;
	char	   *task_queue;
	int			attempt;
	TimestampTz workflow_start_time;
	Jsonb	   *memo;
	Jsonb	   *search_attributes;
	int			history_length;
	int64		history_size_bytes;
	bool		continue_as_new_suggested;
	char	   *parent_workflow_id;
	char	   *root_workflow_id;
} TpgWorkflowInfo;

/* temporal.activity_info(); 0 and NULL: none */
typedef struct TpgActivityInfo
{
	char	   *activity_id;
	char	   *activity_type;
	int			attempt;		/* from 1 */
	char	   *namespace_name;
	char	   *workflow_id;
	pg_uuid_t	run_id;
	char	   *workflow_type;
	char	   *task_queue;
	char	   *task_token;
	Jsonb	   *heartbeat_details;
	TimestampTz scheduled_time;
	TimestampTz started_time;
	bool		is_local;
} TpgActivityInfo;

/* What workflow code has started and can await; a value of this run only. */
typedef struct TpgFuture
{
	int64		value;
} TpgFuture;

/*
 * A condition on the state of a workflow: true when it is fulfilled.  Called
 * by temporal_pg, any number of times, while no code of the run is running; must
 * look at its arguments only, and call nothing of this header.  state is the whole
 * state, an object; args as given at the call, or NULL.
 */
typedef bool (*TpgPredicate) (const Jsonb *state, const Jsonb *args);

/* What tpg_side_effect() is to find out; may read tables by SPI. NULL is JSON null. */
typedef Jsonb *(*TpgEvaluate) (void *arg);

/*
 * The calls.  Use the macros behind the struct (tpg_sleep() for sleep), which
 * find the table and say where in the source a call stands: errors, explain()
 * and the query __stack_trace show it.  `size` is the size of a struct of options
 * as the caller knows it; the macros add it.
 */
typedef struct TpgApi
{
	int			version;		/* TPG_API_VERSION */
	size_t		size;			/* of this struct, as temporal_pg has it */
	const char **where;			/* file and line of the next call */

	/* ---------- workflow code: activities ---------- */

	/*
	 * Runs an activity and gives its result, JSON null when it has none.
	 * Raises TF002 when it has failed.
	 */
	Jsonb	   *(*execute_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);

	/* The same; when it fails NULL, and what would have been raised in *failure (else NULL there). */
	Jsonb	   *(*try_execute_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size);

	/* Starts it, to be awaited later. */
	TpgFuture	(*start_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);

	/* In the workflow task's own transaction: no queue. */
	Jsonb	   *(*execute_local_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);
	Jsonb	   *(*try_execute_local_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size);
	TpgFuture	(*start_local_activity) (const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);

	/* ---------- workflow code: child workflows ---------- */

	/* Raises TF003 when it does not complete, TP011 when its id is in use. */
	Jsonb	   *(*execute_child_workflow) (const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size);
	Jsonb	   *(*try_execute_child_workflow) (const char *type, const Jsonb *input, const TpgChildOpts *opts, TpgFailure **failure, size_t size);
	TpgFuture	(*start_child_workflow) (const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size);

	/* Waits until the child has started; its workflow id, and the id of its first run in *run_id unless that is NULL. */
	char	   *(*child_execution) (TpgFuture child, pg_uuid_t *run_id);

	/* Waits until the child has taken the signal.  TP010: it has ended. */
	void		(*signal_child) (TpgFuture child, const char *signal_name, const Jsonb *input);

	/* ---------- workflow code: waiting ---------- */

	void		(*sleep) (int64 duration_us);
	TpgFuture	(*start_timer) (int64 duration_us, const char *summary);

	/*
	 * Waits and gives the result, or raises the failure of what was started;
	 * TF005 when the time is over, which leaves it running.
	 */
	Jsonb	   *(*await) (TpgFuture future, int64 timeout_us);
	Jsonb	   *(*try_await) (TpgFuture future, int64 timeout_us, TpgFailure **failure);

	/* All of n: an array of n results, in their order. Raises the failure that came first. */
	Jsonb	  **(*await_all) (const TpgFuture *futures, int n, int64 timeout_us);

	/* The index of the first of the array that is done, well or not: tpg_await() tells.  n is at least 1. */
	int			(*await_any) (const TpgFuture *futures, int n, int64 timeout_us);

	bool		(*is_done) (TpgFuture future);

	/* Asks an activity, timer or child to end; a timer or activity that is awaited then raises query_canceled. */
	void		(*cancel_future) (TpgFuture future);

	/* The same future, which a cancellation of who awaits it leaves alone. */
	TpgFuture	(*shield) (TpgFuture future);

	/* The next signal that no handler takes: its input, JSON null when it has none; NULL: the time is over. */
	Jsonb	   *(*wait_signal) (const char *signal_name, int64 timeout_us);
	TpgFuture	(*start_wait_signal) (const char *signal_name);

	/* Until an SQL expression over state and args is true; false: the time is over. */
	bool		(*wait_condition) (const char *condition, const Jsonb *args, int64 timeout_us);
	TpgFuture	(*start_wait_condition) (const char *condition, const Jsonb *args);

	/* The same with a C function in place of the expression. name: what explain() calls it. */
	bool		(*wait_predicate) (const char *name, TpgPredicate predicate, const Jsonb *args, int64 timeout_us);
	TpgFuture	(*start_wait_predicate) (const char *name, TpgPredicate predicate, const Jsonb *args);

	/* Runs an SQL function of the same owner beside this code: "f" or "f(text)". It may be in C. */
	TpgFuture	(*spawn) (const char *function, const Jsonb *input);

	void		(*lock) (const char *name);
	void		(*unlock) (const char *name);
	bool		(*all_handlers_finished) (void);

	/* ---------- workflow code: state ---------- */

	Jsonb	   *(*state) (void);	/* all of it, an object */
	Jsonb	   *(*get_state) (const char *key); /* NULL: there is none */
	void		(*set_state) (const char *key, const Jsonb *value); /* NULL is JSON null */
	void		(*replace_state) (const Jsonb *state);	/* an object */
	void		(*delete_state) (const char *key);

	/* ---------- workflow code: instead of the clock, chance and queries ---------- */

	TimestampTz (*now) (void);
	double		(*random) (void);	/* 0 <= x < 1 */
	pg_uuid_t	(*uuid4) (void);

	/* Calls evaluate(arg) once, records what it gives, and gives that again in each replay. */
	Jsonb	   *(*side_effect) (TpgEvaluate evaluate, void *arg);
	bool		(*is_replaying) (void);

	/* In activities, too.  level: "debug", "info", "notice", "warning", "error"; fields: NULL or more to say.  Silent in a replay. */
	void		(*log) (const char *level, const char *message, const Jsonb *fields);

	/* ---------- workflow code: the run ---------- */

	bool		(*patched) (const char *patch_id);
	void		(*deprecate_patch) (const char *patch_id);

	/* Ends the run and starts the next one; does not return. */
	void		(*continue_as_new) (const Jsonb *input, const TpgContinueOpts *opts, size_t size);
	TpgWorkflowInfo *(*workflow_info) (void);
	bool		(*cancel_requested) (void);
	Jsonb	   *(*memo) (void);
	void		(*upsert_memo) (const Jsonb *memo);
	void		(*upsert_search_attributes) (const Jsonb *search_attributes);
	void		(*set_current_details) (const char *details);
	Jsonb	   *(*last_completion_result) (void);	/* of a cron chain; NULL: none */
	Jsonb	   *(*last_failure) (void); /* of the run before; NULL: none */

	/* ---------- failures ---------- */

	/* Workflow code: the last failure that this code was told of, raised or by a tpg_try_ call; NULL: none. */
	TpgFailure *(*failure) (void);

	/* Raises it as if it had not been caught: the run then ends with it as it came.  Does not return. */
	void		(*raise_failure) (const TpgFailure *failure);

	/* In workflows, handlers, validators, activities.  Does not return. */
	void		(*raise_application_error) (const char *message, const TpgErrorOpts *opts, size_t size);

	/* ---------- activities ---------- */

	TpgActivityInfo *(*activity_info) (void);

	/* temporal.heartbeat(); details: NULL or how far it has come.  Raises query_canceled when it is to end. */
	void		(*heartbeat) (const Jsonb *details);

	/* Activities: what they have done is committed when they return, and the attempt stays open for one of the calls below. */
	void		(*complete_async) (void);

	/* Any function, with the task token of an open attempt (TP013: it is not). failure: as the detail of a TpgFailure. */
	void		(*complete_activity) (const char *task_token, const Jsonb *result);
	void		(*fail_activity) (const char *task_token, const Jsonb *failure);
	void		(*report_activity_cancelled) (const char *task_token, const Jsonb *details);

	/* True: its workflow wants it to end. */
	bool		(*heartbeat_activity) (const char *task_token, const Jsonb *details);

	/* ---------- clients: any function, trigger or activity, in its transaction ---------- */

	/* The workflow id; the id of the run in *run_id unless that is NULL.  TP011: it is open already. */
	char	   *(*start_workflow) (const char *type, const Jsonb *input, const TpgStartOpts *opts, pg_uuid_t *run_id, size_t size);

	/* Workflow code may call it, too: a command to another workflow.  False: missing_ok, and nobody is there. */
	bool		(*signal) (const char *workflow_id, const char *signal_name, const Jsonb *input, const TpgSignalOpts *opts, size_t size);
	char	   *(*signal_with_start) (const char *type, const char *signal_name, const Jsonb *signal_input, const Jsonb *input, const TpgStartOpts *opts, size_t size);

	/* run_id: NULL is the latest run */
	Jsonb	   *(*query) (const char *workflow_id, const char *query_name, const Jsonb *input, const pg_uuid_t *run_id);

	/* update_id: NULL is a new one */
	Jsonb	   *(*update) (const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id);

	/* Up to its first wait; its id. */
	char	   *(*start_update) (const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id);
	Jsonb	   *(*update_result) (const char *workflow_id, const char *update_id, int64 timeout_us);

	/* Waits until it is closed.  Raises TF004 to TF007 when it did not complete, TP008 when the time is over. */
	Jsonb	   *(*result) (const char *workflow_id, const pg_uuid_t *run_id, int64 timeout_us);

	/* Workflow code may call it, too.  reason: may be NULL. */
	void		(*cancel) (const char *workflow_id, const char *reason, const pg_uuid_t *run_id);
	void		(*terminate) (const char *workflow_id, const char *reason, const Jsonb *details, const pg_uuid_t *run_id);

	/* "Running", "Completed" ...; a constant.  NULL: there is no such workflow. */
	const char *(*workflow_status) (const char *workflow_id, const pg_uuid_t *run_id);

	/* ---------- payloads ---------- */

	Jsonb	   *(*jsonb) (const char *text);	/* from JSON text; 22P02 when it is none */
	char	   *(*jsonb_text) (const Jsonb *value); /* the text of JSON; NULL for NULL */
	Jsonb	   *(*to_jsonb) (Datum value, Oid type);	/* any SQL value, as to_jsonb() makes it */

	/* members are added here */
} TpgApi;

/* ---------- finding the table ---------- */

/* What a library needs of it: everything that its header has; define it smaller to run with older versions, too. */
#ifndef TPG_API_SIZE_NEEDED
#define TPG_API_SIZE_NEEDED sizeof(TpgApi)
#endif

/* The table; raises 55000 when temporal_pg is not loaded, 0A000 when it is too old. */
static inline const TpgApi *
tpg_api_at(const char *where)
{
	static const TpgApi *api = NULL;

	if (api == NULL)
	{
		const TpgApi *found = (const TpgApi *) *find_rendezvous_variable(TPG_API_VARIABLE);

		if (found == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("temporal_pg is not loaded, or does not have version %d of its C interface", TPG_API_VERSION),
					 errhint("Add temporal_pg to shared_preload_libraries and restart the server; or build this library with the header of the temporal_pg that is installed.")));
		if (found->version != TPG_API_VERSION || found->size < TPG_API_SIZE_NEEDED)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("temporal_pg is older than the header that this library was built with"),
					 errdetail("Its C interface has %zu bytes; the library needs %zu.", found->size, (size_t) TPG_API_SIZE_NEEDED),
					 errhint("Install a newer temporal_pg and restart the server, or build this library anew.")));
		api = found;
	}
	*api->where = where;
	return api;
}

#define TPG_WHERE (__FILE__ ":" CppAsString2(__LINE__))
#define TPG_CALL(member) (tpg_api_at(TPG_WHERE)->member)

/* ---------- the calls; their arguments and results are those of the members above ---------- */

#ifndef TPG_API_NO_MACROS

/* (type, input, opts) */
#define tpg_execute_activity(...) (TPG_CALL(execute_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))
/* (type, input, opts, &failure) */
#define tpg_try_execute_activity(...) (TPG_CALL(try_execute_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))
#define tpg_start_activity(...) (TPG_CALL(start_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))
#define tpg_execute_local_activity(...) (TPG_CALL(execute_local_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))
#define tpg_try_execute_local_activity(...) (TPG_CALL(try_execute_local_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))
#define tpg_start_local_activity(...) (TPG_CALL(start_local_activity) (__VA_ARGS__, sizeof(TpgActivityOpts)))

/* (type, input, opts), (type, input, opts, &failure) */
#define tpg_execute_child_workflow(...) (TPG_CALL(execute_child_workflow) (__VA_ARGS__, sizeof(TpgChildOpts)))
#define tpg_try_execute_child_workflow(...) (TPG_CALL(try_execute_child_workflow) (__VA_ARGS__, sizeof(TpgChildOpts)))
#define tpg_start_child_workflow(...) (TPG_CALL(start_child_workflow) (__VA_ARGS__, sizeof(TpgChildOpts)))
#define tpg_child_execution(child, run_id) (TPG_CALL(child_execution) (child, run_id))
#define tpg_signal_child(child, signal_name, input) (TPG_CALL(signal_child) (child, signal_name, input))

#define tpg_sleep(duration_us) (TPG_CALL(sleep) (duration_us))
#define tpg_start_timer(duration_us, summary) (TPG_CALL(start_timer) (duration_us, summary))
#define tpg_await(future, timeout_us) (TPG_CALL(await) (future, timeout_us))
#define tpg_try_await(future, timeout_us, failure) (TPG_CALL(try_await) (future, timeout_us, failure))
#define tpg_await_all(futures, n, timeout_us) (TPG_CALL(await_all) (futures, n, timeout_us))
#define tpg_await_any(futures, n, timeout_us) (TPG_CALL(await_any) (futures, n, timeout_us))
#define tpg_is_done(future) (TPG_CALL(is_done) (future))
#define tpg_cancel_future(future) (TPG_CALL(cancel_future) (future))
#define tpg_shield(future) (TPG_CALL(shield) (future))
#define tpg_wait_signal(signal_name, timeout_us) (TPG_CALL(wait_signal) (signal_name, timeout_us))
#define tpg_start_wait_signal(signal_name) (TPG_CALL(start_wait_signal) (signal_name))
#define tpg_wait_condition(condition, args, timeout_us) (TPG_CALL(wait_condition) (condition, args, timeout_us))
#define tpg_start_wait_condition(condition, args) (TPG_CALL(start_wait_condition) (condition, args))
#define tpg_wait_predicate(name, predicate, args, timeout_us) (TPG_CALL(wait_predicate) (name, predicate, args, timeout_us))
#define tpg_start_wait_predicate(name, predicate, args) (TPG_CALL(start_wait_predicate) (name, predicate, args))
#define tpg_spawn(function, input) (TPG_CALL(spawn) (function, input))
#define tpg_lock(name) (TPG_CALL(lock) (name))
#define tpg_unlock(name) (TPG_CALL(unlock) (name))
#define tpg_all_handlers_finished() (TPG_CALL(all_handlers_finished) ())

#define tpg_state() (TPG_CALL(state) ())
#define tpg_get_state(key) (TPG_CALL(get_state) (key))
#define tpg_set_state(key, value) (TPG_CALL(set_state) (key, value))
#define tpg_replace_state(state) (TPG_CALL(replace_state) (state))
#define tpg_delete_state(key) (TPG_CALL(delete_state) (key))

#define tpg_now() (TPG_CALL(now) ())
#define tpg_random() (TPG_CALL(random) ())
#define tpg_uuid4() (TPG_CALL(uuid4) ())
#define tpg_side_effect(evaluate, arg) (TPG_CALL(side_effect) (evaluate, arg))
#define tpg_is_replaying() (TPG_CALL(is_replaying) ())
#define tpg_log(level, message, fields) (TPG_CALL(log) (level, message, fields))

#define tpg_patched(patch_id) (TPG_CALL(patched) (patch_id))
#define tpg_deprecate_patch(patch_id) (TPG_CALL(deprecate_patch) (patch_id))
/* (input, opts) */
#define tpg_continue_as_new(...) (TPG_CALL(continue_as_new) (__VA_ARGS__, sizeof(TpgContinueOpts)), pg_unreachable())
#define tpg_workflow_info() (TPG_CALL(workflow_info) ())
#define tpg_cancel_requested() (TPG_CALL(cancel_requested) ())
#define tpg_memo() (TPG_CALL(memo) ())
#define tpg_upsert_memo(memo) (TPG_CALL(upsert_memo) (memo))
#define tpg_upsert_search_attributes(search_attributes) (TPG_CALL(upsert_search_attributes) (search_attributes))
#define tpg_set_current_details(details) (TPG_CALL(set_current_details) (details))
#define tpg_last_completion_result() (TPG_CALL(last_completion_result) ())
#define tpg_last_failure() (TPG_CALL(last_failure) ())

#define tpg_failure() (TPG_CALL(failure) ())
#define tpg_raise_failure(failure) (TPG_CALL(raise_failure) (failure), pg_unreachable())
/* (message, opts) */
#define tpg_raise_application_error(...) (TPG_CALL(raise_application_error) (__VA_ARGS__, sizeof(TpgErrorOpts)), pg_unreachable())

#define tpg_activity_info() (TPG_CALL(activity_info) ())
#define tpg_heartbeat(details) (TPG_CALL(heartbeat) (details))
#define tpg_complete_async() (TPG_CALL(complete_async) ())
#define tpg_complete_activity(task_token, result) (TPG_CALL(complete_activity) (task_token, result))
#define tpg_fail_activity(task_token, failure) (TPG_CALL(fail_activity) (task_token, failure))
#define tpg_report_activity_cancelled(task_token, details) (TPG_CALL(report_activity_cancelled) (task_token, details))
#define tpg_heartbeat_activity(task_token, details) (TPG_CALL(heartbeat_activity) (task_token, details))

/* (type, input, opts, &run_id), (workflow_id, signal_name, input, opts), (type, signal_name, signal_input, input, opts) */
#define tpg_start_workflow(...) (TPG_CALL(start_workflow) (__VA_ARGS__, sizeof(TpgStartOpts)))
#define tpg_signal(...) (TPG_CALL(signal) (__VA_ARGS__, sizeof(TpgSignalOpts)))
#define tpg_signal_with_start(...) (TPG_CALL(signal_with_start) (__VA_ARGS__, sizeof(TpgStartOpts)))
#define tpg_query(workflow_id, query_name, input, run_id) (TPG_CALL(query) (workflow_id, query_name, input, run_id))
#define tpg_update(workflow_id, update_name, input, update_id, run_id) (TPG_CALL(update) (workflow_id, update_name, input, update_id, run_id))
#define tpg_start_update(workflow_id, update_name, input, update_id, run_id) (TPG_CALL(start_update) (workflow_id, update_name, input, update_id, run_id))
#define tpg_update_result(workflow_id, update_id, timeout_us) (TPG_CALL(update_result) (workflow_id, update_id, timeout_us))
#define tpg_result(workflow_id, run_id, timeout_us) (TPG_CALL(result) (workflow_id, run_id, timeout_us))
#define tpg_cancel(workflow_id, reason, run_id) (TPG_CALL(cancel) (workflow_id, reason, run_id))
#define tpg_terminate(workflow_id, reason, details, run_id) (TPG_CALL(terminate) (workflow_id, reason, details, run_id))
#define tpg_workflow_status(workflow_id, run_id) (TPG_CALL(workflow_status) (workflow_id, run_id))

#define tpg_jsonb(text) (TPG_CALL(jsonb) (text))
#define tpg_jsonb_text(value) (TPG_CALL(jsonb_text) (value))
#define tpg_to_jsonb(value, type) (TPG_CALL(to_jsonb) (value, type))

#endif							/* TPG_API_NO_MACROS */

#ifdef __cplusplus
}
#endif

#endif							/* TEMPORAL_PG_H */
