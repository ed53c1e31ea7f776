/*
 * activities.c - what this worker can do.  Replace these by your own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

/* Gives back what it got. */
static void
echo(const Task *task)
{
	complete(task->input);
}

/*
 * Writes a line to the file $WORKER_LEDGER.  A worker may die behind that line and before its completion is recorded;
 * then the attempt is repeated: what an activity does happens at least once.
 */
static void
append(const Task *task)
{
	const char *path = getenv("WORKER_LEDGER");
	char		line[512];
	int			n = snprintf(line, sizeof(line), "%s %s\n", task->workflow_id, task->activity_id);
	int			fd = open(path ? path : "ledger.txt", O_WRONLY | O_APPEND | O_CREAT, 0644);

	if (fd < 0 || write(fd, line, n) != n)
		fail("IOError", "cannot write to the ledger", false);
	else
		complete("true");
	if (fd >= 0)
		close(fd);
}

/* Counts to its input, ten a second; goes on where an earlier attempt was. */
static void
count(const Task *task)
{
	char		text[32];
	int			n = task->heartbeat_details ? atoi(task->heartbeat_details) : 0;

	for (int to = atoi(task->input); n < to; n++)
	{
		snprintf(text, sizeof(text), "%d", n);
		if (heartbeat(text) || pause_ms(100))
			return;
	}
	snprintf(text, sizeof(text), "%d", n);
	complete(text);
}

/* Every other type: perhaps another worker knows it. */
static void
unknown(const Task *task)
{
	fail("NotFoundError", "this worker has no such activity", false);
}

static const struct
{
	const char *type;
	Activity	activity;
}			activities[] = {
	{"echo", echo},
	{"append", append},
	{"count", count},
};

Activity
find_activity(const char *activity_type)
{
	for (size_t i = 0; i < sizeof(activities) / sizeof(activities[0]); i++)
	{
		if (strcmp(activities[i].type, activity_type) == 0)
			return activities[i].activity;
	}
	return unknown;
}
