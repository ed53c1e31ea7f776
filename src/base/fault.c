/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  Named points at which a test may have the process killed.
 *
 * May be called from any process with a data directory, also outside of
 * transactions; never raises an error for a file that is not there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"

#include "base/fault.h"

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

	snprintf(path, sizeof(path), "%s/temporal_pg_fault_%s", DataDir, name);

	/* whoever removes the file is the one that dies: one file, one kill */
	if (unlink(path) != 0)
		return;
	elog(LOG, "fault point \"%s\": killing process %d", name, MyProcPid);
	kill(MyProcPid, SIGKILL);
	pg_usleep(1000000L);
}
