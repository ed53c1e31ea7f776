/*-------------------------------------------------------------------------
 * model/activitymode.h - how attempts of an activity are made, and by whom.
 *
 * The numbers stand in temporal_internal.activity_task.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_ACTIVITYMODE_H
#define TPG_MODEL_ACTIVITYMODE_H

typedef enum TpgActivityMode
{
	TPG_MODE_TRANSACTIONAL = 1, /* effects and the record of its end are one transaction */
	TPG_MODE_AUTONOMOUS = 2,	/* may commit; its start is recorded first */
	TPG_MODE_EXTERNAL = 3,		/* no function here: a worker outside polls for it */
	TPG_MODE_HTTP = 4			/* built in: a request made by the HTTP process; cannot be registered */
} TpgActivityMode;

/* "transactional" …; 0 when it is none. */
extern TpgActivityMode tpg_activity_mode_from_name(const char *name);

/* The built-in activity type. */
#define TPG_ACTIVITY_HTTP "http"

/* Of a type that is there without being registered; 0: there is none of that name. */
extern TpgActivityMode tpg_activity_mode_of_builtin(const char *activity_type);

#endif							/* TPG_MODEL_ACTIVITYMODE_H */
