/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  Settings temporal_pg.*, defined by tpg_guc_init() from _PG_init.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_GUC_H
#define TPG_BASE_GUC_H

typedef enum TpgDeterminism
{
	TPG_DETERMINISM_OFF,
	TPG_DETERMINISM_WARNING,
	TPG_DETERMINISM_ERROR
} TpgDeterminism;

extern void tpg_guc_init(void);

/* anybody may set these */
extern char *tpg_guc_namespace;
extern int	tpg_guc_determinism;	/* TpgDeterminism */

/* -1: no default (then a call without a timeout is an error, as in Temporal) */
extern int64 tpg_guc_default_start_to_close_us(void);

/* processes */
#define TPG_MAX_CACHED_WORKFLOWS 1000
extern int	tpg_guc_max_executors;
extern int	tpg_guc_max_databases;
extern int	tpg_guc_max_concurrent_activities;	/* in a database; -1: any number */
extern int	tpg_guc_max_concurrent_workflow_tasks;
extern int	tpg_guc_max_cached_workflows;
extern int	tpg_guc_idle_timeout;	/* ms */
extern int	tpg_guc_sweep_interval; /* ms */
extern int	tpg_guc_careful_period; /* ms */
extern bool tpg_guc_fault_injection;

/* limits; a tenant cannot raise them */
extern int	tpg_guc_max_payload_size;	/* bytes */
extern int	tpg_guc_max_id_length;	/* bytes */
extern int	tpg_guc_max_history_events;
extern int	tpg_guc_max_history_size;	/* kB */
extern int	tpg_guc_suggest_continue_as_new_events;
extern int	tpg_guc_suggest_continue_as_new_size;	/* kB */
extern int	tpg_guc_continue_as_new_min_interval;	/* ms */
extern int	tpg_guc_max_pending_children;
extern int	tpg_guc_max_pending_activities;
extern int	tpg_guc_max_memo_size;	/* bytes */
extern int	tpg_guc_max_search_attributes;
extern int	tpg_guc_max_search_attribute_size;	/* bytes of one value */
extern int	tpg_guc_max_search_attributes_size; /* bytes of all */
extern int	tpg_guc_max_summary_size;	/* bytes */
extern int	tpg_guc_max_details_size;	/* bytes */
extern int	tpg_guc_workflow_task_timeout;	/* ms */
extern int	tpg_guc_max_workflow_task_timeout;	/* ms */

#endif							/* TPG_BASE_GUC_H */
