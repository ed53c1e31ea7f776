/*
 * worker.h - what an activity of this worker sees.
 *
 * An activity is a C function in the table at the end of activities.c.  It runs in a thread of its own and may block.
 * It has no connection to the server: what it has to say goes through the functions below, and the main thread sends it.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>

typedef struct Task
{
	const char *activity_type;
	const char *activity_id;
	const char *workflow_id;
	const char *input;			/* JSON text */
	const char *heartbeat_details;	/* JSON text of an earlier attempt; NULL: none */
	int			attempt;
} Task;

/* How far it is (JSON text, or NULL).  True: clean up and return; it was cancelled, paused, reset or given up, or the worker shuts down. */
extern bool heartbeat(const char *details);

/* Sleeps; true as soon as it is to stop. */
extern bool pause_ms(int milliseconds);

/* What has come of it: one of these, before it returns.  The strings are copied. */
extern void complete(const char *result);	/* JSON text; NULL: null */
extern void fail(const char *type, const char *message, bool non_retryable);

typedef void (*Activity) (const Task *task);

/* The function of an activity type. */
extern Activity find_activity(const char *activity_type);

#endif
