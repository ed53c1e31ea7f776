/*
 * worker.c - a worker for external activities of temporal_pg, on libpq.
 *
 * One thread talks to the server, each activity runs in a thread of its own.  Two connections:
 *
 *	  polls    waits in temporal.poll_activity_task() for as many tasks as there are free places
 *	  reports  pipeline mode: completions, failures and heartbeats, without waiting for the answer to the one before
 *
 * Only the main thread touches connections and the list of reports.  What it shares with an activity's thread is in its
 * Slot, under `mutex`; the thread writes a byte into a pipe when the main thread has something to do.
 *
 * A report that was not answered is sent again when the connection is back: it names its attempt by a token, so a
 * completion that had got through is merely answered by TP013.  Results of a poll that are lost are lost: those attempts time out.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define POLL_SQL \
	"SELECT task_token, activity_type, activity_id, workflow_id, input::text, heartbeat_details::text, attempt, " \
	"extract(epoch FROM heartbeat_timeout) FROM temporal.poll_activity_task($1, $2, '10 s', $3)"

/* Tells what is wanted of the attempt. */
#define HEARTBEAT "record_activity_heartbeat"

/* Without a heartbeat timeout, details are sent so often at most. */
#define HEARTBEAT_SECONDS 30.0
#define MAX_BACKOFF_SECONDS 5.0

typedef enum Stage
{
	FREE, RUNNING, ENDED, REPORTED	/* the last until the server has answered */
} Stage;

typedef struct Slot
{
	/* written by the main thread while the activity does not run */
	Task		task;
	char	   *token;
	double		heartbeat_every;
	PGresult   *row;			/* owns the strings of task */

	/* main thread only */
	double		next_heartbeat;
	bool		heartbeat_sent; /* and not answered */

	/* under mutex */
	Stage		stage;
	bool		stop;
	bool		cancelled;		/* by its workflow */
	const char *handed_back;	/* paused or reset by an operator: type of the failure that says so; NULL */
	bool		lost;			/* the attempt is not ours any more */
	bool		has_details;
	char	   *details;
	const char *report;			/* function that ends it; NULL: it said nothing */
	char	   *payload;
} Slot;

typedef struct Report
{
	struct Report *next;
	Slot	   *slot;			/* NULL: a task that is handed back unopened */
	const char *function;
	char	   *token;
	char	   *payload;		/* JSON; NULL */
	bool		is_heartbeat;
} Report;

typedef struct Connection
{
	const char *name;
	PGconn	   *conn;
	double		retry_at;
	double		backoff;
} Connection;

static const char *queue = "default";
static char identity[300];
static const char *conninfo = "";
static int	max_tasks = 10;
static double grace = 10;

static Slot *slots;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread Slot *my_slot;

static Connection polls = {.name = "polls"};
static Connection reports = {.name = "reports"};
static bool polling;			/* a poll has been sent and not answered */
static Report *first_report;	/* all that are not answered, in order */
static Report *first_unsent;

static int	wake_pipe[2];
static volatile sig_atomic_t stopping;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
say(const char *format,...)
{
	va_list		args;

	fprintf(stderr, "worker %s: ", identity);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void *
check(void *memory)
{
	if (memory == NULL)
	{
		say("out of memory");
		abort();
	}
	return memory;
}

static void
wake_main(void)
{
	/* a full pipe wakes as well */
	if (write(wake_pipe[1], "x", 1) < 0 && errno != EAGAIN)
		abort();
}

static void
on_signal(int signal_number)
{
	stopping = 1;
	wake_main();
}

/* ---------- for activities, in their threads ---------- */

bool
heartbeat(const char *details)
{
	bool		stop;

	pthread_mutex_lock(&mutex);
	free(my_slot->details);
	my_slot->details = details ? check(strdup(details)) : NULL;
	my_slot->has_details = true;
	stop = my_slot->stop;
	pthread_mutex_unlock(&mutex);
	wake_main();
	return stop;
}

bool
pause_ms(int milliseconds)
{
	struct timespec until;
	bool		stop;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L)
	{
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&mutex);
	while (!my_slot->stop && pthread_cond_timedwait(&changed, &mutex, &until) == 0)
		;
	stop = my_slot->stop;
	pthread_mutex_unlock(&mutex);
	return stop;
}

static void
end_with(Slot *slot, const char *function, char *payload)
{
	pthread_mutex_lock(&mutex);
	free(slot->payload);
	slot->report = function;
	slot->payload = payload;
	pthread_mutex_unlock(&mutex);
}

void
complete(const char *result)
{
	end_with(my_slot, "complete_activity", check(strdup(result ? result : "null")));
}

/* A string as JSON; good for UTF-8. */
static char *
json_string(const char *text)
{
	char	   *json = check(malloc(strlen(text) * 6 + 3));
	char	   *p = json;

	*p++ = '"';
	for (; *text; text++)
	{
		if (*text == '"' || *text == '\\')
			*p++ = '\\', *p++ = *text;
		else if ((unsigned char) *text < 0x20)
			p += sprintf(p, "\\u%04x", *text);
		else
			*p++ = *text;
	}
	*p++ = '"';
	*p = '\0';
	return json;
}

static char *
failure(const char *type, const char *message, bool non_retryable, const char *more)
{
	char	   *t = json_string(type);
	char	   *m = json_string(message);
	size_t		size = strlen(t) + strlen(m) + strlen(more) + 80;
	char	   *json = check(malloc(size));

	snprintf(json, size, "{\"type\": %s, \"message\": %s, \"non_retryable\": %s%s}", t, m, non_retryable ? "true" : "false", more);
	free(t);
	free(m);
	return json;
}

void
fail(const char *type, const char *message, bool non_retryable)
{
	end_with(my_slot, "fail_activity", failure(type, message, non_retryable, ""));
}

/* The thread of a slot. */
static void *
run_activities(void *argument)
{
	my_slot = argument;
	for (;;)
	{
		pthread_mutex_lock(&mutex);
		while (my_slot->stage != RUNNING)
			pthread_cond_wait(&changed, &mutex);
		pthread_mutex_unlock(&mutex);

		find_activity(my_slot->task.activity_type) (&my_slot->task);

		pthread_mutex_lock(&mutex);
		my_slot->stage = ENDED;
		pthread_mutex_unlock(&mutex);
		wake_main();
	}
	return NULL;
}

/* ---------- connections ---------- */

static const char *
first_line(char *message)
{
	message[strcspn(message, "\n")] = '\0';
	return message;
}

static void
disconnected(Connection *c)
{
	say("%s: %s", c->name, c->conn ? first_line(PQerrorMessage(c->conn)) : "not connected");
	PQfinish(c->conn);
	c->conn = NULL;
	c->backoff = c->backoff == 0 ? 0.1 : c->backoff * 2;
	if (c->backoff > MAX_BACKOFF_SECONDS)
		c->backoff = MAX_BACKOFF_SECONDS;
	/* not all workers at the same moment */
	c->retry_at = now() + c->backoff * (0.5 + rand() / (2.0 * RAND_MAX));
	if (c == &polls)
		polling = false;
	else
		first_unsent = first_report;	/* all again */
}

static void
connect_if_due(Connection *c)
{
	const char *keywords[] = {"dbname", "connect_timeout", "application_name", "tcp_user_timeout", NULL};
	const char *values[] = {conninfo, "5", "worker-c", "15000", NULL};

	if (c->conn != NULL || now() < c->retry_at)
		return;
	c->conn = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(c->conn) != CONNECTION_OK || PQsetnonblocking(c->conn, 1) != 0 ||
		(c == &reports && !PQenterPipelineMode(c->conn)))
	{
		disconnected(c);
		return;
	}
	say("%s: connected", c->name);
}

/* ---------- reports ---------- */

static void
add_report(Slot *slot, const char *function, const char *token, char *payload, bool is_heartbeat)
{
	Report	   *r = check(calloc(1, sizeof(Report)));
	Report	  **last = &first_report;

	r->slot = slot;
	r->function = function;
	r->token = check(strdup(token));
	r->payload = payload;
	r->is_heartbeat = is_heartbeat;
	while (*last)
		last = &(*last)->next;
	*last = r;
	if (first_unsent == NULL)
		first_unsent = r;
}

static void
release(Slot *slot)
{
	PQclear(slot->row);
	free(slot->token);
	pthread_mutex_lock(&mutex);
	free(slot->details);
	free(slot->payload);
	slot->details = slot->payload = NULL;
	slot->stage = FREE;
	pthread_mutex_unlock(&mutex);
}

/* An activity has returned: what is to be told? */
static void
report_end(Slot *slot)
{
	const char *function = slot->report;
	char	   *payload = slot->payload;

	slot->stage = REPORTED;
	slot->payload = NULL;
	if (function == NULL && slot->lost)
		function = NULL;
	else if (function == NULL && slot->cancelled)
		function = "report_activity_cancelled";
	else if (function == NULL)
	{
		function = "fail_activity";
		/* a paused activity is held behind that, one that was reset begins anew */
		payload = slot->handed_back ? failure(slot->handed_back, "the activity was paused or reset", false, "") : stopping ? failure("WorkerShutdown", "the worker shut down", false, "") :
			failure("NoResult", "the activity gave no result", false, "");
	}
	if (function == NULL || slot->lost)
	{
		free(payload);
		release(slot);
	}
	else
	{
		/* so that the next attempt goes on where this one was */
		if (slot->has_details && strcmp(function, "complete_activity") != 0)
			add_report(slot, HEARTBEAT, slot->token, slot->details ? check(strdup(slot->details)) : NULL, true);
		add_report(slot, function, slot->token, payload, false);
	}
}

static void
send_reports(void)
{
	while (reports.conn != NULL && first_unsent != NULL)
	{
		Report	   *r = first_unsent;
		const char *values[2] = {r->token, r->payload};
		char		sql[100];

		snprintf(sql, sizeof(sql), "SELECT * FROM temporal.%s($1::text, $2::jsonb)", r->function);
		/* a sync behind each: a transaction of its own */
		if (!PQsendQueryParams(reports.conn, sql, 2, NULL, values, NULL, NULL, 0) || !PQpipelineSync(reports.conn))
		{
			disconnected(&reports);
			return;
		}
		first_unsent = r->next;
	}
	if (reports.conn != NULL && PQflush(reports.conn) < 0)
		disconnected(&reports);
}

/* A conflict, a lock, too little of something, the server goes down. */
static bool
may_be_repeated(const char *state)
{
	static const char *const classes[] = {"40", "53", "55", "57", "58"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(state, classes[i], 2) == 0)
			return true;
	return false;
}

/* The first report that was sent has been answered. */
static void
answered(PGresult *result)
{
	Report	   *r = first_report;
	Slot	   *slot = r->slot;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool		gone = state != NULL && strcmp(state, "TP013") == 0;

	first_report = r->next;
	reports.backoff = 0;
	if (state != NULL && !gone)
		say("%s: %s", r->function, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	if (r->is_heartbeat)
	{
		pthread_mutex_lock(&mutex);
		slot->heartbeat_sent = false;
		slot->lost = slot->lost || gone;
		/* cancel_requested, activity_paused, activity_reset */
		slot->cancelled = slot->cancelled || (state == NULL && strcmp(PQgetvalue(result, 0, 0), "t") == 0);
		if (state == NULL && strcmp(PQgetvalue(result, 0, 1), "t") == 0)
			slot->handed_back = "ActivityPaused";
		else if (state == NULL && strcmp(PQgetvalue(result, 0, 2), "t") == 0)
			slot->handed_back = "ActivityReset";
		slot->stop = slot->stop || slot->lost || slot->cancelled || slot->handed_back != NULL;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	else if (state != NULL && !gone && may_be_repeated(state))
	{
		add_report(slot, r->function, r->token, r->payload, false);
		r->payload = NULL;
	}
	else if (state != NULL && !gone && strcmp(r->function, "complete_activity") == 0)
		/* it cannot be said, as when the result is too large */
		add_report(slot, "fail_activity", r->token,
				   failure("ReportFailed", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), true, ""), false);
	else if (slot != NULL)
		release(slot);
	free(r->token);
	free(r->payload);
	free(r);
}

static void
take_answers(void)
{
	if (!PQconsumeInput(reports.conn))
	{
		disconnected(&reports);
		return;
	}
	while (first_report != first_unsent && !PQisBusy(reports.conn))
	{
		PGresult   *result = PQgetResult(reports.conn);

		if (result == NULL)
			continue;			/* between two results */
		if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_FATAL_ERROR)
		{
			/* without an SQLSTATE it is the connection that has failed */
			if (PQresultStatus(result) == PGRES_FATAL_ERROR && PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL)
			{
				PQclear(result);
				disconnected(&reports);
				return;
			}
			answered(result);
		}
		PQclear(result);
	}
	if (PQstatus(reports.conn) == CONNECTION_BAD)
		disconnected(&reports);
}

/* Sends what is due; returns when the next is. */
static double
send_heartbeats(void)
{
	double		t = now();
	double		next = t + 3600;

	for (int i = 0; i < max_tasks; i++)
	{
		Slot	   *slot = &slots[i];
		char	   *details = NULL;
		bool		due;

		pthread_mutex_lock(&mutex);
		due = slot->stage == RUNNING && !slot->lost && !slot->heartbeat_sent &&
			(slot->heartbeat_every > 0 || slot->has_details);
		if (due && t >= slot->next_heartbeat)
		{
			details = slot->details ? check(strdup(slot->details)) : NULL;
			slot->has_details = false;
		}
		else if (due && slot->next_heartbeat < next)
			next = slot->next_heartbeat;
		due = due && t >= slot->next_heartbeat;
		pthread_mutex_unlock(&mutex);
		if (due)
		{
			slot->heartbeat_sent = true;
			slot->next_heartbeat = t + (slot->heartbeat_every > 0 ? slot->heartbeat_every : HEARTBEAT_SECONDS);
			add_report(slot, HEARTBEAT, slot->token, details, true);
			if (slot->next_heartbeat < next)
				next = slot->next_heartbeat;
		}
	}
	return next;
}

/* ---------- polls ---------- */

static int
free_slots(void)
{
	int			n = 0;

	for (int i = 0; i < max_tasks; i++)
		n += slots[i].stage == FREE;
	return n;
}

static void
send_poll(void)
{
	char		wanted[16];
	const char *values[3] = {queue, identity, wanted};
	int			n = free_slots();

	/* a place first, then a task */
	if (polls.conn == NULL || polling || stopping || n == 0)
		return;
	snprintf(wanted, sizeof(wanted), "%d", n);
	if (!PQsendQueryParams(polls.conn, POLL_SQL, 3, NULL, values, NULL, NULL, 0) || PQflush(polls.conn) < 0)
	{
		disconnected(&polls);
		return;
	}
	polling = true;
}

/* Row i of what a poll gave; the strings of all rows live as long as their result. */
static void
begin_task(PGresult *result, int i)
{
	Slot	   *slot = slots;
	PGresult   *row = PQcopyResult(result, PG_COPYRES_ATTRS);

	check(row);
	for (int c = 0; c < PQnfields(result); c++)
		if (!PQsetvalue(row, 0, c, PQgetvalue(result, i, c), PQgetisnull(result, i, c) ? -1 : PQgetlength(result, i, c)))
			check(NULL);
	while (slot->stage != FREE)
		slot++;
	slot->row = row;
	slot->token = check(strdup(PQgetvalue(row, 0, 0)));
	slot->task.activity_type = PQgetvalue(row, 0, 1);
	slot->task.activity_id = PQgetvalue(row, 0, 2);
	slot->task.workflow_id = PQgetvalue(row, 0, 3);
	slot->task.input = PQgetvalue(row, 0, 4);
	slot->task.heartbeat_details = PQgetisnull(row, 0, 5) ? NULL : PQgetvalue(row, 0, 5);
	slot->task.attempt = atoi(PQgetvalue(row, 0, 6));
	/* twice in its time, so that one may get lost */
	slot->heartbeat_every = PQgetisnull(row, 0, 7) ? 0 : atof(PQgetvalue(row, 0, 7)) / 2;
	slot->next_heartbeat = now() + slot->heartbeat_every;
	slot->heartbeat_sent = false;
	/* a heartbeat replaces the details, so those that have not been replaced are sent along */
	pthread_mutex_lock(&mutex);
	slot->stop = slot->cancelled = slot->lost = slot->has_details = false;
	slot->details = slot->task.heartbeat_details ? check(strdup(slot->task.heartbeat_details)) : NULL;
	slot->report = slot->handed_back = NULL;
	slot->stage = RUNNING;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void
take_tasks(void)
{
	if (!PQconsumeInput(polls.conn))
	{
		disconnected(&polls);
		return;
	}
	while (polling && !PQisBusy(polls.conn))
	{
		PGresult   *result = PQgetResult(polls.conn);

		if (result == NULL)
			polling = false;
		else if (PQresultStatus(result) == PGRES_TUPLES_OK)
		{
			polls.backoff = 0;
			for (int i = 0; i < PQntuples(result); i++)
			{
				if (!stopping)
					begin_task(result, i);
				else
					add_report(NULL, "fail_activity", PQgetvalue(result, i, 0),
							   failure("WorkerShutdown", "the worker shut down before it began", false, ", \"next_retry_delay\": \"0s\""), false);
			}
		}
		else if (!stopping)
		{
			/* such as: no rights, no such namespace; or the server goes down */
			PQclear(result);
			disconnected(&polls);
			return;
		}
		PQclear(result);
	}
}

/* Ends a poll that waits; what it has got all the same comes as its result. */
static void
cancel_poll(void)
{
	char		error[256];
	PGcancel   *cancel = polling ? PQgetCancel(polls.conn) : NULL;

	if (cancel != NULL && !PQcancel(cancel, error, sizeof(error)))
		say("cannot cancel the poll: %s", error);
	PQfreeCancel(cancel);
}

/* ---------- main ---------- */

static void
wait_for_events(double until)
{
	struct pollfd fds[3] = {{.fd = wake_pipe[0], .events = POLLIN}, {.fd = -1}, {.fd = -1}};
	double		ms = (until - now()) * 1000 + 1;
	char		bytes[64];

	if (polls.conn)
		fds[1] = (struct pollfd) {.fd = PQsocket(polls.conn), .events = POLLIN};
	if (reports.conn)
		fds[2] = (struct pollfd) {.fd = PQsocket(reports.conn), .events = POLLIN | (PQflush(reports.conn) == 1 ? POLLOUT : 0)};
	if (poll(fds, 3, ms < 0 ? 0 : ms > 60000 ? 60000 : (int) ms) < 0)
		return;					/* a signal */
	while (read(wake_pipe[0], bytes, sizeof(bytes)) > 0)
		;
	if (polls.conn && fds[1].revents)
		take_tasks();
	if (reports.conn && fds[2].revents)
		take_answers();
}

static double
earliest(double until, const Connection *c)
{
	return c->conn == NULL && c->retry_at < until ? c->retry_at : until;
}

static void
serve(void)
{
	double		stop_at = 0;	/* running activities are told to stop */
	double		give_up_at = 0;

	for (;;)
	{
		double		until;
		bool		busy = polling || first_report != NULL;
		bool		again = false;

		connect_if_due(&reports);
		if (!stopping)
			connect_if_due(&polls);
		else if (stop_at == 0)
		{
			say("stopping");
			stop_at = now() + grace;
			give_up_at = stop_at + 5;
			cancel_poll();
		}
		send_poll();
		for (int i = 0; i < max_tasks; i++)
		{
			bool		ended;

			pthread_mutex_lock(&mutex);
			busy = busy || slots[i].stage != FREE;
			if (stop_at != 0 && now() >= stop_at && !slots[i].stop)
			{
				slots[i].stop = true;
				pthread_cond_broadcast(&changed);
			}
			/* a heartbeat on its way names the slot */
			ended = slots[i].stage == ENDED && !slots[i].heartbeat_sent;
			pthread_mutex_unlock(&mutex);
			if (ended)
				report_end(&slots[i]);
			again = again || ended;
		}
		until = send_heartbeats();
		send_reports();
		if (stopping && (!busy || now() >= give_up_at))
		{
			/* attempts that are left time out, and are repeated elsewhere */
			say(busy ? "gave up" : "stopped");
			return;
		}
		until = earliest(until, &reports);
		if (!stopping)
			until = earliest(until, &polls);
		else if (until > (now() < stop_at ? stop_at : give_up_at))
			until = now() < stop_at ? stop_at : give_up_at;
		wait_for_events(again ? 0 : until);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"queue", required_argument, NULL, 'q'}, {"identity", required_argument, NULL, 'i'},
		{"max-tasks", required_argument, NULL, 'm'}, {"grace", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0}
	};
	struct sigaction action = {.sa_handler = on_signal};
	char		host[200] = "localhost";
	int			c;

	gethostname(host, sizeof(host) - 1);
	snprintf(identity, sizeof(identity), "%d@%s", (int) getpid(), host);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
	{
		if (c == 'q')
			queue = optarg;
		else if (c == 'i')
			snprintf(identity, sizeof(identity), "%s", optarg);
		else if (c == 'm')
			max_tasks = atoi(optarg);
		else if (c == 'g')
			grace = atof(optarg);
		else
			max_tasks = 0;
	}
	if (max_tasks < 1 || max_tasks > 1000 || argc - optind > 1)
	{
		fprintf(stderr, "usage: worker [--queue NAME] [--identity NAME] [--max-tasks 1..1000] [--grace SECONDS] [CONNINFO]\n");
		return 2;
	}
	if (optind < argc)
		conninfo = argv[optind];

	srand(getpid());
	if (pipe(wake_pipe) != 0)
		return 1;
	for (int i = 0; i < 2; i++)
		if (fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK) != 0)
			return 1;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);

	slots = check(calloc(max_tasks, sizeof(Slot)));
	for (int i = 0; i < max_tasks; i++)
	{
		pthread_t	thread;

		if (pthread_create(&thread, NULL, run_activities, &slots[i]) != 0)
			return 1;
		pthread_detach(thread);
	}
	serve();
	return 0;
}
