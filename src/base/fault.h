/*-------------------------------------------------------------------------
 *
 * fault.h
 *	  Named points at which a test may have the process killed, or an error raised.
 *
 * With temporal_pg.fault_injection on, TPG_FAULT("name") looks for the file
 * temporal_pg_fault_<name> in the data directory; if it is there, it is
 * removed and the process sends itself SIGKILL.  Within one transaction a test
 * counts instead: tpg_fault_countdown = n makes the n-th point that this process
 * passes an error, which undoes what it stood in.  Off, it costs one test of two
 * variables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_FAULT_H
#define TPG_BASE_FAULT_H

#include "base/guc.h"

/*
 * All names.  A name not in this list is an internal error when fault
 * injection is on, so that tests can go through temporal_internal.fault_points().
 */
#define TPG_FAULT_NAMES(X) \
	X("start_before_commit")	/* execution and first event written */ \
	X("task_locked")			/* run lock taken, nothing read yet */ \
	X("task_replayed")			/* workflow code has run, nothing written */ \
	X("task_events_written")	/* events there, execution row not updated */ \
	X("task_before_commit")		/* all of a workflow task written */ \
	X("task_after_commit")		/* committed, executor has not gone on */ \
	X("task_failure_recorded")	/* failure of a workflow task written */ \
	X("activity_claimed")		/* activity row locked, function not called */ \
	X("activity_executed")		/* function returned, outcome not recorded */ \
	X("activity_recorded")		/* outcome recorded, not committed */ \
	X("activity_after_commit")	/* committed, executor has not gone on */ \
	X("activity_opened")		/* start of an attempt that stays open recorded, not committed */ \
	X("activity_retry_recorded")	/* failed attempt recorded, not committed */ \
	X("activity_timeout_recorded")	/* timeout written by the dispatcher */ \
	X("http_begun")				/* starts of requests committed, none sent */ \
	X("http_ended")				/* an answer is there, nothing recorded */ \
	X("http_recorded")			/* end of a request written, not committed */ \
	X("activity_opened")		/* an attempt that stays open is recorded, not committed */ \
	X("autonomous_opened")		/* attempt recorded and committed, procedure not called */ \
	X("autonomous_called")		/* procedure has returned and committed, nothing recorded */ \
	X("activity_lost_recorded")	/* attempt of a process that is gone: written by the dispatcher */ \
	X("eager_step")				/* between an eager activity and the replay after it */ \
	X("local_activity")			/* local activity done, marker not written */ \
	X("outbox_before_commit")	/* what a run asked of another is written, with the answer */ \
	X("close_before_update")	/* closing event written, execution row not */ \
	X("next_run_started")		/* old run closed as continued, new one written */ \
	X("terminate_before_commit") \
	X("reset_run_closed")		/* the run that is reset is terminated, the new one not written */ \
	X("reset_before_commit")	/* all of a reset written */ \
	X("delete_before_commit")	/* rows of a run deleted on request */ \
	X("retention_batch")		/* rows of old runs deleted, not committed */

extern int	tpg_fault_countdown;
extern void tpg_fault_point(const char *name);

/* Name by number, NULL past the end. */
extern const char *tpg_fault_name(int i);

#define TPG_FAULT(name) \
	do { \
		if (unlikely(tpg_guc_fault_injection || tpg_fault_countdown > 0)) \
			tpg_fault_point(name); \
	} while (0)

#endif							/* TPG_BASE_FAULT_H */
