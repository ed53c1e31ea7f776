/*-------------------------------------------------------------------------
 * capi.c
 *	  The C interface: the table that other libraries find (include/temporal_pg.h).
 *
 * Members are only ever added at the end, with the same version.  One that
 * changes its meaning makes another version, under another name of the
 * variable, beside which this one goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/capi.h"

static const TpgApi api = {
	.version = TPG_API_VERSION,
	.size = sizeof(TpgApi),
	.where = &tpg_capi_where,
	.execute_activity = tpg_capi_execute_activity,
	.try_execute_activity = tpg_capi_try_execute_activity,
	.start_activity = tpg_capi_start_activity,
	.execute_local_activity = tpg_capi_execute_local_activity,
	.try_execute_local_activity = tpg_capi_try_execute_local_activity,
	.start_local_activity = tpg_capi_start_local_activity,
	.execute_child_workflow = tpg_capi_execute_child_workflow,
	.try_execute_child_workflow = tpg_capi_try_execute_child_workflow,
	.start_child_workflow = tpg_capi_start_child_workflow,
	.child_execution = tpg_capi_child_execution,
	.signal_child = tpg_capi_signal_child,
	.sleep = tpg_capi_sleep,
	.start_timer = tpg_capi_start_timer,
	.await = tpg_capi_await,
	.try_await = tpg_capi_try_await,
	.await_all = tpg_capi_await_all,
	.await_any = tpg_capi_await_any,
	.is_done = tpg_capi_is_done,
	.cancel_future = tpg_capi_cancel_future,
	.shield = tpg_capi_shield,
	.wait_signal = tpg_capi_wait_signal,
	.start_wait_signal = tpg_capi_start_wait_signal,
	.wait_condition = tpg_capi_wait_condition,
	.start_wait_condition = tpg_capi_start_wait_condition,
	.wait_predicate = tpg_capi_wait_predicate,
	.start_wait_predicate = tpg_capi_start_wait_predicate,
	.spawn = tpg_capi_spawn,
	.lock = tpg_capi_lock,
	.unlock = tpg_capi_unlock,
	.all_handlers_finished = tpg_capi_all_handlers_finished,
	.state = tpg_capi_state,
	.get_state = tpg_capi_get_state,
	.set_state = tpg_capi_set_state,
	.replace_state = tpg_capi_replace_state,
	.delete_state = tpg_capi_delete_state,
	.now = tpg_capi_now,
	.random = tpg_capi_random,
	.uuid4 = tpg_capi_uuid4,
	.side_effect = tpg_capi_side_effect,
	.is_replaying = tpg_capi_is_replaying,
	.log = tpg_capi_log,
	.patched = tpg_capi_patched,
	.deprecate_patch = tpg_capi_deprecate_patch,
	.continue_as_new = tpg_capi_continue_as_new,
	.workflow_info = tpg_capi_workflow_info,
	.cancel_requested = tpg_capi_cancel_requested,
	.memo = tpg_capi_memo,
	.upsert_memo = tpg_capi_upsert_memo,
	.upsert_search_attributes = tpg_capi_upsert_search_attributes,
	.set_current_details = tpg_capi_set_current_details,
	.last_completion_result = tpg_capi_last_completion_result,
	.last_failure = tpg_capi_last_failure,
	.failure = tpg_capi_failure,
	.raise_failure = tpg_capi_raise_failure,
	.raise_application_error = tpg_capi_raise_application_error,
	.activity_info = tpg_capi_activity_info,
	.heartbeat = tpg_capi_heartbeat,
	.complete_async = tpg_capi_complete_async,
	.complete_activity = tpg_capi_complete_activity,
	.fail_activity = tpg_capi_fail_activity,
	.report_activity_cancelled = tpg_capi_report_activity_cancelled,
	.heartbeat_activity = tpg_capi_heartbeat_activity,
	.start_workflow = tpg_capi_start_workflow,
	.signal = tpg_capi_signal,
	.signal_with_start = tpg_capi_signal_with_start,
	.query = tpg_capi_query,
	.update = tpg_capi_update,
	.start_update = tpg_capi_start_update,
	.update_result = tpg_capi_update_result,
	.result = tpg_capi_result,
	.cancel = tpg_capi_cancel,
	.terminate = tpg_capi_terminate,
	.workflow_status = tpg_capi_workflow_status,
	.jsonb = tpg_capi_jsonb,
	.jsonb_text = tpg_capi_jsonb_text,
	.to_jsonb = tpg_capi_to_jsonb,
};

void
tpg_capi_init(void)
{
	*find_rendezvous_variable(TPG_API_VARIABLE) = unconstify(TpgApi *, &api);
}
