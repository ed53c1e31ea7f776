/*-------------------------------------------------------------------------
 * model/activitymode.c - names of the modes.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "model/activitymode.h"

static const char *const names[] = {
	[TPG_MODE_TRANSACTIONAL] = "transactional",
	[TPG_MODE_AUTONOMOUS] = "autonomous",
	[TPG_MODE_EXTERNAL] = "external"
};

TpgActivityMode
tpg_activity_mode_from_name(const char *name)
{
	for (int i = TPG_MODE_TRANSACTIONAL; i < lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
			return (TpgActivityMode) i;
	return 0;
}

TpgActivityMode
tpg_activity_mode_of_builtin(const char *activity_type)
{
	return strcmp(activity_type, TPG_ACTIVITY_HTTP) == 0 ? TPG_MODE_HTTP : 0;
}
