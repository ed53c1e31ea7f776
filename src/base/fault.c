/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  Named points at which a test may have the process killed, or an error raised.
 *
 * May be called from any process with a data directory, also outside of
 * transactions; never raises an error for a file that is not there.  The
 * countdown is that of a session, which never passes the points outside of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"

#include "base/fault.h"

int			tpg_fault_countdown = 0;

#define FAULT_NAME(name) name,
static const char *const fault_names[] = {
	TPG_FAULT_NAMES(FAULT_NAME)
	NULL
};

const char *
tpg_fault_name(int i)
{
	return (i >= 0 && i < lengthof(fault_names)) ? fault_names[i] : NULL;
}

void
tpg_fault_point(const char *name)
{
	char		path[MAXPGPATH];
	int			i;

	for (i = 0; fault_names[i] != NULL; i++)
	{
		if (strcmp(fault_names[i], name) == 0)
			break;
	}
	if (fault_names[i] == NULL)
		elog(ERROR, "fault point \"%s\" is not in the list of fault.h", name);

	if (tpg_fault_countdown > 0 && --tpg_fault_countdown == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRASH_SHUTDOWN),
				 errmsg("fault point \"%s\"", name)));
	if (!tpg_guc_fault_injection)
		return;

	snprintf(path, sizeof(path), "%s/temporal_pg_fault_%s", DataDir, name);

	/* whoever removes the file is the one that dies: one file, one kill */
	if (unlink(path) != 0)
		return;
	elog(LOG, "fault point \"%s\": killing process %d", name, MyProcPid);
	kill(MyProcPid, SIGKILL);
	pg_usleep(1000000L);
}
