/*-------------------------------------------------------------------------
 *
 * http.c
 *	  The HTTP process of a database: makes the requests of activities of type http.
 *
 * One process, thousands of requests: no executor waits for a slow server.  It
 * is connected as the bootstrap superuser and runs no user code.  It sleeps at its
 * latch and at the sockets together; its transactions are short, and there is none
 * while a request is in flight: many starts are recorded by one commit, before
 * the first byte is sent, and many ends by another.
 *
 * Invariants: no request is sent whose start is not durable; a start that is
 * recorded and whose process is gone is found and counted as a failed attempt,
 * since the request may have been done (the Idempotency-Key makes the next one
 * safe).  Only this process of the database has requests, so what is recorded as
 * started and not known here has lost its process.
 *
 * Started by the dispatcher when a request is due; ends after
 * temporal_pg.idle_timeout without any.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/json.h"
#include "ipc/databases.h"
#include "ipc/http.h"
#include "model/failure.h"
#include "store/extension.h"
#include "worker/bgw.h"
#include "worker/http.h"
#include "worker/httpanswer.h"
#include "worker/httpclaim.h"
#include "worker/httpclient.h"

/* ends of one transaction */
#define BATCH 200
/* somebody has the row: again after */
#define LOCKED_RETRY_MS 50
/* an end that cannot be recorded is tried so often; then the attempt is left to its timeouts */
#define MAX_TRIES 20

typedef struct CallKey
{
	int64		execution_key;
	int64		event_id;
} CallKey;

typedef struct CallEntry
{
	CallKey		key;
	TpgHttpCall *call;
} CallEntry;

static const TpgHttpClient *client = NULL;	/* NULL: the library is not there */
static HTAB *calls = NULL;		/* all: in flight, or ended and not recorded */
static List *ended = NIL;		/* ended and not recorded */
static int	max_in_flight = 0;
static char identity[300];
static MemoryContext turn_context = NULL;

/* the earliest timeout of an attempt; may be that of one that has ended */
static TimestampTz next_timeout = DT_NOEND;

static bool want_claim = true;
static bool want_look = true;
static TimestampTz look_at = 0;	/* not before: what was locked is looked at again */

/* Extension gone: nothing to do here any more. */
static void
begin_transaction(void)
{
	tpg_bgw_begin();
	if (!tpg_extension_lock())
	{
		tpg_bgw_commit();
		proc_exit(0);
	}
}

static void
commit_transaction(void)
{
	tpg_bgw_commit();
	pgstat_report_stat(false);
}

/* ---------- calls ---------- */

static TpgHttpCall *
find_call(int64 execution_key, int32 event_id)
{
	CallKey		key = {execution_key, event_id};
	CallEntry  *e = hash_search(calls, &key, HASH_FIND, NULL);

	return e ? e->call : NULL;
}

static TpgHttpCall *
new_call(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "temporal_pg request", ALLOCSET_SMALL_SIZES);
	TpgHttpCall *call = MemoryContextAllocZero(context, sizeof(TpgHttpCall));

	call->context = context;
	return call;
}

/* Closes its connection if it has not ended. */
static void
forget_call(TpgHttpCall *call)
{
	CallKey		key = {call->name.execution_key, call->name.scheduled_event_id};

	if (call->transfer != NULL)
		client->release(call->transfer);
	if (find_call(call->name.execution_key, call->name.scheduled_event_id) == call)
		(void) hash_search(calls, &key, HASH_REMOVE, NULL);
	ended = list_delete_ptr(ended, call);
	MemoryContextDelete(call->context);
}

static void
remember_call(TpgHttpCall *call)
{
	CallKey		key = {call->name.execution_key, call->name.scheduled_event_id};
	TpgHttpCall *old = find_call(call->name.execution_key, call->name.scheduled_event_id);
	CallEntry  *e;

	/* an attempt before it that has ended otherwise, as by a timeout */
	if (old != NULL)
		forget_call(old);
	e = hash_search(calls, &key, HASH_ENTER, NULL);
	e->call = call;
	next_timeout = Min(next_timeout, call->timeout_at);
}

static void
add_ended(TpgHttpCall *call)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	ended = lappend(ended, call);
	MemoryContextSwitchTo(old);
}

/* The connection is closed, the outcome stands. */
static void
stop_call(TpgHttpCall *call)
{
	if (call->transfer != NULL)
		client->release(call->transfer);
	call->transfer = NULL;
	if (!call->ended)
		add_ended(call);
	call->ended = true;
}

/* ---------- starting ---------- */

static void
send_request(TpgHttpCall *call)
{
	if (!call->ended && client == NULL)
		tpg_http_call_fail(call, "HttpUnavailable", "library temporal_pg_http could not be loaded", NULL,
						   "The server's log has the reason. It needs libcurl, and that temporal_pg was built with WITH_HTTP=yes.", false);
	if (!call->ended)
	{
		call->transfer = client->start(&call->request);
		if (call->transfer == NULL)
			tpg_http_call_fail(call, "HttpOverload", "out of memory", NULL, NULL, false);
	}
	if (call->ended)
		add_ended(call);
}

/* Records the start of what is due, as far as there is room, then sends it. */
static void
claim(void)
{
	TpgHttpStart *starts;
	TpgHttpCall **started;
	MemoryContext old = CurrentMemoryContext;
	int			room = max_in_flight - (int) hash_get_num_entries(calls);
	int			n;

	if (room <= 0)
		return;
	begin_transaction();
	n = tpg_http_claim(room, identity, &starts);
	started = MemoryContextAlloc(turn_context, sizeof(TpgHttpCall *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		started[i] = new_call();
		tpg_http_call_build(started[i], &starts[i]);
	}
	commit_transaction();
	MemoryContextSwitchTo(old);
	if (n > 0)
		TPG_FAULT("http_begun");

	want_claim = tpg_http_claimed();
	for (int i = 0; i < n; i++)
	{
		remember_call(started[i]);
		send_request(started[i]);
	}
}

/* ---------- ending ---------- */

static void
collect(void)
{
	TpgHttpTransfer *t;

	while (client != NULL && (t = client->next_done()) != NULL)
	{
		TpgHttpCall *call = client->request(t)->tag;
		TpgHttpResponse response;

		client->response(t, &response);
		tpg_http_call_answer(call, &response);
		/* gives the memory of the answer back */
		client->release(t);
		call->transfer = NULL;
		add_ended(call);
		TPG_FAULT("http_ended");
	}
}

/* In a transaction. True: it is recorded, or there is nothing to record. */
static bool
record_call(TpgHttpCall *call, TimestampTz now)
{
	switch (tpg_engine_http_end(&call->name, &call->attempt))
	{
		case TPG_HTTP_RECORDED:
		case TPG_HTTP_GONE:
			return true;
		case TPG_HTTP_LOCKED:
			call->record_at = TimestampTzPlusMilliseconds(now, LOCKED_RETRY_MS);
			break;
	}
	return false;
}

/* One of them cannot be recorded: each for itself. */
static void
record_alone(TpgHttpCall *call, TimestampTz now)
{
	volatile bool recorded = false;
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		begin_transaction();
		recorded = record_call(call, now);
		commit_transaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(old);
		recorded = ++call->tries >= MAX_TRIES;
		call->record_at = TimestampTzPlusMilliseconds(now, LOCKED_RETRY_MS * 20);
	}
	PG_END_TRY();
	if (recorded)
		forget_call(call);
}

static void
record(void)
{
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext old = CurrentMemoryContext;
	TpgHttpCall *batch[BATCH];
	bool		recorded[BATCH] = {false};
	int			n = 0;
	volatile bool failed = false;
	ListCell   *lc;

	foreach(lc, ended)
	{
		TpgHttpCall *call = lfirst(lc);

		if (call->record_at <= now && n < BATCH)
			batch[n++] = call;
	}
	if (n == 0)
		return;
	PG_TRY();
	{
		begin_transaction();
		for (int i = 0; i < n; i++)
			recorded[i] = record_call(batch[i], now);
		commit_transaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(old);
		failed = true;
	}
	PG_END_TRY();
	/* told to end: not to be taken for trouble with a row */
	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < n; i++)
	{
		if (failed)
			record_alone(batch[i], now);
		else if (recorded[i])
			forget_call(batch[i]);
	}
}

/* ---------- what has happened to attempts meanwhile ---------- */

/* The time of an attempt is over: the dispatcher may have recorded that already. */
static void
time_out(void)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS status;
	CallEntry  *e;
	List	   *due = NIL;
	ListCell   *lc;

	if (now < next_timeout)
		return;
	next_timeout = DT_NOEND;
	hash_seq_init(&status, calls);
	while ((e = hash_seq_search(&status)) != NULL)
	{
		if (e->call->ended)
			continue;
		if (e->call->timeout_at <= now)
			due = lappend(due, e->call);
		else
			next_timeout = Min(next_timeout, e->call->timeout_at);
	}
	if (due == NIL)
		return;
	begin_transaction();
	foreach(lc, due)
	{
		TpgHttpCall *call = lfirst(lc);
		TimestampTz again = TimestampTzPlusMilliseconds(now, LOCKED_RETRY_MS);

		if (tpg_engine_http_time_out(&call->name, now, &again) == TPG_HTTP_LOCKED)
		{
			call->timeout_at = again;
			next_timeout = Min(next_timeout, again);
			lfirst(lc) = NULL;
		}
	}
	commit_transaction();
	foreach(lc, due)
		if (lfirst(lc) != NULL)
			forget_call(lfirst(lc));
}

static void
end_lost(const TpgOpenRequest *r)
{
	TpgHttpName name = {r->execution_key, r->scheduled_event_id, r->attempt, r->started_at};
	TpgAttempt	a = {.end = TPG_ATTEMPT_FAILED, .ended_at = GetCurrentTimestamp()};

	if (r->cancelled)
		a.end = TPG_ATTEMPT_CANCELED;
	else
		a.failure = tpg_failure_application("the process that made the request has ended; the request may or may not have been done",
											"HttpInterrupted", NULL, false, -1, NULL, "temporal_pg", NULL);
	if (tpg_engine_http_end(&name, &a) == TPG_HTTP_LOCKED)
	{
		want_look = true;
		look_at = TimestampTzPlusMilliseconds(a.ended_at, LOCKED_RETRY_MS * 20);
	}
}

/* Compares what is recorded as started with what is in flight. */
static void
look(void)
{
	TpgOpenRequest *open;
	HTAB	   *there;
	HASHCTL		ctl = {.keysize = sizeof(CallKey), .entrysize = sizeof(CallKey), .hcxt = turn_context};
	HASH_SEQ_STATUS status;
	CallEntry  *e;
	List	   *gone = NIL;
	ListCell   *lc;
	int			n;

	want_look = false;
	begin_transaction();
	MemoryContextSwitchTo(turn_context);
	n = tpg_activity_http_open(&open);
	commit_transaction();

	there = hash_create("temporal_pg open requests", Max(n, 16), &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int from = 0; from < n; from += BATCH)
	{
		bool		begun = false;

		for (int i = from; i < Min(n, from + BATCH); i++)
		{
			TpgHttpCall *call = find_call(open[i].execution_key, open[i].scheduled_event_id);
			CallKey		key = {open[i].execution_key, open[i].scheduled_event_id};

			if (call != NULL && call->name.attempt == open[i].attempt && call->name.started_at == open[i].started_at)
			{
				(void) hash_search(there, &key, HASH_ENTER, NULL);
				if (open[i].cancelled && !call->ended)
				{
					call->attempt.end = TPG_ATTEMPT_CANCELED;
					call->attempt.ended_at = GetCurrentTimestamp();
					stop_call(call);
				}
				continue;
			}
			if (!begun)
				begin_transaction();
			begun = true;
			end_lost(&open[i]);
		}
		if (begun)
			commit_transaction();
	}

	hash_seq_init(&status, calls);
	while ((e = hash_seq_search(&status)) != NULL)
		if (hash_search(there, &e->key, HASH_FIND, NULL) == NULL)
			gone = lappend(gone, e->call);
	foreach(lc, gone)
		forget_call(lfirst(lc));
}

static void
take_interrupts(void)
{
	int64		keys[TPG_HTTP_INTERRUPTS];
	int			n = tpg_http_take_interrupts(keys);
	HASH_SEQ_STATUS status;
	CallEntry  *e;

	if (n == 0 || want_look)
		return;
	if (n < 0)
	{
		want_look = true;
		return;
	}
	hash_seq_init(&status, calls);
	while ((e = hash_seq_search(&status)) != NULL)
		for (int i = 0; i < n; i++)
			if (e->key.execution_key == keys[i])
				want_look = true;
}

/* ---------- the process ---------- */

/* Milliseconds until there is something to do that nobody announces; -1: never. */
static long
time_to_wait(TimestampTz idle_since)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz at = next_timeout;
	long		curl_ms = client ? client->timeout() : -1;
	long		ms = -1;
	ListCell   *lc;

	if (want_claim && (int) hash_get_num_entries(calls) < max_in_flight)
		return 0;
	if (want_look)
		at = Min(at, look_at);
	foreach(lc, ended)
		at = Min(at, ((TpgHttpCall *) lfirst(lc))->record_at);
	if (hash_get_num_entries(calls) == 0)
		at = Min(at, TimestampTzPlusMilliseconds(idle_since, tpg_guc_idle_timeout));
	if (!TIMESTAMP_NOT_FINITE(at))
		ms = TimestampDifferenceMilliseconds(now, at);
	if (curl_ms >= 0 && (ms < 0 || curl_ms < ms))
		ms = curl_ms;
	return ms;
}

void
tpg_http_main(Datum main_arg)
{
	Oid			dboid;
	HASHCTL		ctl = {.keysize = sizeof(CallKey), .entrysize = sizeof(CallEntry)};
	WaitEventSet *set;
	WaitEvent	event;
	uint32		wait_event;
	char		host[256] = "localhost";
	TimestampTz idle_since = GetCurrentTimestamp();
	long		reported = -1;

	memcpy(&dboid, MyBgworkerEntry->bgw_extra, sizeof(dboid));
	tpg_bgw_setup();
	if (!tpg_http_attach(DatumGetInt32(main_arg), dboid))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	tpg_bgw_pin_settings();
	tpg_bgw_without_jit();
	wait_event = tpg_wait_event("TemporalHttpMain");
	gethostname(host, sizeof(host) - 1);
	snprintf(identity, sizeof(identity), "http %d@%s", MyProcPid, host);

	calls = hash_create("temporal_pg requests", 256, &ctl, HASH_ELEM | HASH_BLOBS);
	turn_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg http turn", ALLOCSET_DEFAULT_SIZES);
	client = tpg_http_client_load();
	max_in_flight = tpg_http_client_configure(client);
	set = tpg_create_wait_event_set(3);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (client != NULL)
		AddWaitEventToSet(set, WL_SOCKET_READABLE, client->fd(), NULL, NULL);

	for (;;)
	{
		bool		reload = ConfigReloadPending;
		long		in_flight;

		ResetLatch(MyLatch);
		reload = reload || ConfigReloadPending;
		tpg_bgw_process_interrupts();
		if (reload)
			max_in_flight = tpg_http_client_configure(client);
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		if (tpg_database_paused(MyDatabaseId))
			proc_exit(0);		/* what is in flight is found by the next one */

		if (tpg_http_take_work())
			want_claim = true;
		/* by stop_workers(): what is in flight comes to its end, and the dispatcher tells when there may be more */
		if (tpg_database_stopped(MyDatabaseId))
			want_claim = false;
		take_interrupts();
		if (client != NULL)
			client->work();
		collect();
		record();
		time_out();
		if (want_look && GetCurrentTimestamp() >= look_at)
			look();
		if (want_claim)
			claim();

		in_flight = hash_get_num_entries(calls);
		if (in_flight > 0)
			idle_since = GetCurrentTimestamp();
		else if (!want_claim && !want_look && TimestampDifferenceExceeds(idle_since, GetCurrentTimestamp(), tpg_guc_idle_timeout))
			break;
		if (in_flight != reported)
		{
			char		text[64];

			snprintf(text, sizeof(text), "%ld requests in flight", in_flight);
			pgstat_report_activity(in_flight > 0 ? STATE_RUNNING : STATE_IDLE, text);
			reported = in_flight;
		}
		(void) WaitEventSetWait(set, time_to_wait(idle_since), &event, 1, wait_event);
	}
	proc_exit(0);
}
