/*-------------------------------------------------------------------------
 * capi.h
 *	  The C interface for other extensions (include/temporal_pg.h): what its
 *	  files share.
 *
 * Each call of the interface makes a frame, fills in arguments, calls the function that SQL
 * calls under the same name, and copies the result into the caller's memory.  So
 * arguments are checked, and errors told, in one place for SQL and C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_API_CAPI_H
#define TPG_API_CAPI_H

/* the macros have the names of our own functions */
#define TPG_API_NO_MACROS
#include "temporal_pg.h"

#include "runtime/activation.h"

#define TPG_CALL_MAX_ARGS 24

/* One call, on the stack of the function of the interface. */
typedef struct TpgCall
{
	const char *function;		/* of the interface, without tpg_ */
	const char *where;			/* file and line of the caller; may be NULL */
	MemoryContext caller;		/* where results go */
	MemoryContext scratch;		/* everything else, until the call is over */
	ErrorContextCallback errors;
	union
	{
		FunctionCallInfoBaseData fcinfo;
		char		space[SizeForFunctionCallInfo(TPG_CALL_MAX_ARGS)];
	}			u;
} TpgCall;

/* Makes CurrentMemoryContext the scratch context.  All arguments are NULL. */
extern void tpg_call_begin(TpgCall *c, const char *function, int nargs);

/* Back in the caller's context, without scratch; results have been copied before. */
extern void tpg_call_end(TpgCall *c);

/* Arguments; what is NULL, or "not given" (0; tpg_call_timeout: TPG_FOREVER), stays NULL. */
extern void tpg_call_text(TpgCall *c, int n, const char *value);
extern void tpg_call_jsonb(TpgCall *c, int n, const Jsonb *value);
extern void tpg_call_uuid(TpgCall *c, int n, const pg_uuid_t *value);
extern void tpg_call_duration(TpgCall *c, int n, int64 us);
extern void tpg_call_timeout(TpgCall *c, int n, int64 us);
extern void tpg_call_retry(TpgCall *c, int n, const TpgRetryOpts *retry);
extern void tpg_call_datum(TpgCall *c, int n, Datum value);
extern void tpg_call_priority(TpgCall *c, int n, int key);
extern void tpg_call_weight(TpgCall *c, int n, double weight);

/* 22004 for a pointer that must be given. */
extern void tpg_call_required(const void *pointer, const char *what);

/* Calls it; a NULL result is 0 (and *isnull, if that is asked for). */
extern Datum tpg_call(TpgCall *c, PGFunction function, bool *isnull);

/* The same of one whose result is a row: looked up by name in schema temporal. */
extern Datum tpg_call_by_name(TpgCall *c, const char *function, int nargs, const Oid *types);

/* Calls it, ends the call, and gives the result in the caller's memory; NULL for NULL. */
extern void tpg_call_void(TpgCall *c, PGFunction function);
extern Jsonb *tpg_call_to_jsonb(TpgCall *c, PGFunction function);
extern char *tpg_call_to_text(TpgCall *c, PGFunction function);
extern TpgFuture tpg_call_to_future(TpgCall *c, PGFunction function);
extern bool tpg_call_to_bool(TpgCall *c, PGFunction function);

/*
 * A struct of options as we know it, from one that the caller may know with
 * fewer members, or with more: 0A000 if it makes use of those.
 */
extern void tpg_call_options(void *ours, size_t our_size, const void *theirs, size_t their_size);

/* In the caller's memory. */
extern TpgFailure *tpg_call_failure(const TpgCall *c, const Jsonb *failure);

/* From _PG_init: leaves the table for other libraries. */
extern void tpg_capi_init(void);

extern const char *tpg_capi_where;

/* ---------- members of TpgApi, by file ---------- */

/* capi_workflow.c */
extern Jsonb *tpg_capi_execute_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);
extern Jsonb *tpg_capi_try_execute_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size);
extern TpgFuture tpg_capi_start_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);
extern Jsonb *tpg_capi_execute_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);
extern Jsonb *tpg_capi_try_execute_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, TpgFailure **failure, size_t size);
extern TpgFuture tpg_capi_start_local_activity(const char *type, const Jsonb *input, const TpgActivityOpts *opts, size_t size);
extern Jsonb *tpg_capi_execute_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size);
extern Jsonb *tpg_capi_try_execute_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, TpgFailure **failure, size_t size);
extern TpgFuture tpg_capi_start_child_workflow(const char *type, const Jsonb *input, const TpgChildOpts *opts, size_t size);
extern char *tpg_capi_child_execution(TpgFuture child, pg_uuid_t *run_id);
extern void tpg_capi_signal_child(TpgFuture child, const char *signal_name, const Jsonb *input);
extern TpgFuture tpg_capi_spawn(const char *function, const Jsonb *input);
extern void tpg_capi_continue_as_new(const Jsonb *input, const TpgContinueOpts *opts, size_t size);

/* capi_waiting.c */
extern void tpg_capi_sleep(int64 duration_us);
extern TpgFuture tpg_capi_start_timer(int64 duration_us, const char *summary);
extern Jsonb *tpg_capi_await(TpgFuture future, int64 timeout_us);
extern Jsonb *tpg_capi_try_await(TpgFuture future, int64 timeout_us, TpgFailure **failure);
extern Jsonb **tpg_capi_await_all(const TpgFuture *futures, int n, int64 timeout_us);
extern int	tpg_capi_await_any(const TpgFuture *futures, int n, int64 timeout_us);
extern bool tpg_capi_is_done(TpgFuture future);
extern void tpg_capi_cancel_future(TpgFuture future);
extern TpgFuture tpg_capi_shield(TpgFuture future);
extern Jsonb *tpg_capi_wait_signal(const char *signal_name, int64 timeout_us);
extern TpgFuture tpg_capi_start_wait_signal(const char *signal_name);
extern bool tpg_capi_wait_condition(const char *condition, const Jsonb *args, int64 timeout_us);
extern TpgFuture tpg_capi_start_wait_condition(const char *condition, const Jsonb *args);
extern bool tpg_capi_wait_predicate(const char *name, TpgPredicate predicate, const Jsonb *args, int64 timeout_us);
extern TpgFuture tpg_capi_start_wait_predicate(const char *name, TpgPredicate predicate, const Jsonb *args);
extern void tpg_capi_lock(const char *name);
extern void tpg_capi_unlock(const char *name);
extern bool tpg_capi_all_handlers_finished(void);

/* capi_context.c */
extern Jsonb *tpg_capi_state(void);
extern Jsonb *tpg_capi_get_state(const char *key);
extern void tpg_capi_set_state(const char *key, const Jsonb *value);
extern void tpg_capi_replace_state(const Jsonb *state);
extern void tpg_capi_delete_state(const char *key);
extern TimestampTz tpg_capi_now(void);
extern double tpg_capi_random(void);
extern pg_uuid_t tpg_capi_uuid4(void);
extern Jsonb *tpg_capi_side_effect(TpgEvaluate evaluate, void *arg);
extern bool tpg_capi_is_replaying(void);
extern void tpg_capi_log(const char *level, const char *message, const Jsonb *fields);
extern bool tpg_capi_patched(const char *patch_id);
extern void tpg_capi_deprecate_patch(const char *patch_id);
extern bool tpg_capi_cancel_requested(void);
extern Jsonb *tpg_capi_memo(void);
extern void tpg_capi_upsert_memo(const Jsonb *memo);
extern void tpg_capi_upsert_search_attributes(const Jsonb *search_attributes);
extern void tpg_capi_set_current_details(const char *details);
extern Jsonb *tpg_capi_last_completion_result(void);
extern Jsonb *tpg_capi_last_failure(void);
extern TpgFailure *tpg_capi_failure(void);
extern void tpg_capi_raise_failure(const TpgFailure *failure);
extern void tpg_capi_raise_application_error(const char *message, const TpgErrorOpts *opts, size_t size);

/* capi_activity.c */
extern TpgWorkflowInfo *tpg_capi_workflow_info(void);
extern TpgActivityInfo *tpg_capi_activity_info(void);
extern void tpg_capi_heartbeat(const Jsonb *details);
extern void tpg_capi_complete_async(void);
extern void tpg_capi_complete_activity(const char *task_token, const Jsonb *result);
extern void tpg_capi_fail_activity(const char *task_token, const Jsonb *failure);
extern void tpg_capi_report_activity_cancelled(const char *task_token, const Jsonb *details);
extern bool tpg_capi_heartbeat_activity(const char *task_token, const Jsonb *details);

/* capi_client.c */
extern char *tpg_capi_start_workflow(const char *type, const Jsonb *input, const TpgStartOpts *opts, pg_uuid_t *run_id, size_t size);
extern bool tpg_capi_signal(const char *workflow_id, const char *signal_name, const Jsonb *input, const TpgSignalOpts *opts, size_t size);
extern char *tpg_capi_signal_with_start(const char *type, const char *signal_name, const Jsonb *signal_input, const Jsonb *input,
										const TpgStartOpts *opts, size_t size);
extern Jsonb *tpg_capi_query(const char *workflow_id, const char *query_name, const Jsonb *input, const pg_uuid_t *run_id);
extern Jsonb *tpg_capi_update(const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id);
extern char *tpg_capi_start_update(const char *workflow_id, const char *update_name, const Jsonb *input, const char *update_id, const pg_uuid_t *run_id);
extern Jsonb *tpg_capi_update_result(const char *workflow_id, const char *update_id, int64 timeout_us);
extern Jsonb *tpg_capi_result(const char *workflow_id, const pg_uuid_t *run_id, int64 timeout_us);
extern void tpg_capi_cancel(const char *workflow_id, const char *reason, const pg_uuid_t *run_id);
extern void tpg_capi_terminate(const char *workflow_id, const char *reason, const Jsonb *details, const pg_uuid_t *run_id);
extern const char *tpg_capi_workflow_status(const char *workflow_id, const pg_uuid_t *run_id);
extern Jsonb *tpg_capi_jsonb(const char *text);
extern char *tpg_capi_jsonb_text(const Jsonb *value);
extern Jsonb *tpg_capi_to_jsonb(Datum value, Oid type);

#endif							/* TPG_API_CAPI_H */
