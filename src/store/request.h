/*-------------------------------------------------------------------------
 * store/request.h - table temporal_internal.signal_request: signals that came before.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_REQUEST_H
#define TPG_STORE_REQUEST_H

/* Remembers a request id for a run; false: it was remembered already. Waits for another session's uncommitted one. */
extern bool tpg_request_remember(int64 execution_key, const char *request_id);
extern void tpg_request_delete_all(int64 execution_key);

#endif							/* TPG_STORE_REQUEST_H */
