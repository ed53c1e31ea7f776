/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  From due rows in the tables to hints in the rings.
 *
 * A pass reads due rows page by page, in the order of their due times, and
 * offers each to the queue of the role that runs it.  Where a ring is full, the
 * place of the first row that had to be left is kept: when the ring has drained
 * (its executors say so), the next pass goes on there.  So that one role's
 * backlog does not hide the work of others, a pass that had to leave something
 * still looks at a number of rows further on, and remembers how far it came.
 *
 * Invariant: a row that is due and not in a ring lies behind the place where a
 * later pass begins, or has been announced otherwise.
 *
 * Only the dispatcher calls this, in a transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "engine/sweep.h"
#include "engine/task.h"
#include "ipc/limits.h"
#include "ipc/queue.h"
#include "store/definition.h"
#include "store/due.h"
#include "worker/parked.h"
#include "worker/scan.h"

#define PAGE_ROWS 500
/* how many rows a pass looks at once it has met a full ring */
#define LOOKAHEAD_ROWS 2000

typedef struct Cursor
{
	TimestampTz due;
	int64		id;				/* message, outbox row, or run of the activity */
	int32		event;
} Cursor;

typedef struct Scan
{
	TpgWorkKind kind;
	bool		blocked;		/* rows were left behind `resume` */
	bool		have_ahead;
	Cursor		resume;
	Cursor		ahead;			/* so far have we looked past full rings */
} Scan;

static Scan scans[] = {{.kind = TPG_WORK_RUN}, {.kind = TPG_WORK_ACTIVITY}, {.kind = TPG_WORK_OUTBOX}};

static int
compare_cursors(const Cursor *a, const Cursor *b)
{
	if (a->due != b->due)
		return a->due < b->due ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->event != b->event)
		return a->event < b->event ? -1 : 1;
	return 0;
}

/* False: no room. */
static bool
offer_row(TpgDueRow *row, TpgWorkKind kind)
{
	Oid			owner = kind == TPG_WORK_ACTIVITY ?
		tpg_task_activity_owner(row->namespace_id, row->execution_key, row->type) :
		tpg_definition_owner_of_run(row->namespace_id, row->type, row->version);
	TpgWorkItem item = {0};
	TpgOffer	offer;

	if (!OidIsValid(owner))
	{
		/* an outbox runs no code, so any executor will do: its type may be gone when the run is closed */
		if (kind == TPG_WORK_OUTBOX)
			owner = BOOTSTRAP_SUPERUSERID;
		else
		{
			tpg_engine_unroutable(row, kind == TPG_WORK_ACTIVITY);
			return true;
		}
	}
	item.execution_key = row->execution_key;
	item.event_id = kind == TPG_WORK_ACTIVITY ? row->event_id : 0;
	item.kind = kind;
	item.priority = row->priority_key;
	if (tpg_parked_contains(item))
		return true;

	/* given out by worker/backlog */
	if (kind != TPG_WORK_OUTBOX)
	{
		TpgLimitRef ref = tpg_limits_find(row->namespace_id, row->task_queue);

		if (ref.index >= 0)
		{
			tpg_limits_news(ref, kind == TPG_WORK_ACTIVITY ? TPG_LIMIT_ACTIVITY : TPG_LIMIT_WORKFLOW, 0);
			return true;
		}
	}

	/*
	 * A run that is being worked on may have got this mail after its task
	 * looked, so it must be looked at once more.  An activity attempt in
	 * progress is due until it ends; that says nothing.
	 */
	offer = tpg_queue_offer(tpg_queue_ref(MyDatabaseId, owner), item,
							kind == TPG_WORK_ACTIVITY ? TPG_OFFER_ONCE : 0);
	return offer == TPG_OFFER_TAKEN || offer == TPG_OFFER_KNOWN || offer == TPG_OFFER_IN_HAND;
}

static void
scan_one(Scan *scan, Cursor start, TimestampTz now, bool keep_resume)
{
	Cursor		cursor = start;
	bool		blocked = false;
	int			budget = LOOKAHEAD_ROWS;
	MemoryContext page_context = AllocSetContextCreate(CurrentMemoryContext,
													   "temporal_pg due rows",
													   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(page_context);

	for (;;)
	{
		TpgDueRow  *rows;
		Cursor		previous = cursor;
		int			n;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(page_context);
		if (scan->kind == TPG_WORK_ACTIVITY)
			n = tpg_due_activities(now, &cursor.due, &cursor.id, &cursor.event, PAGE_ROWS, &rows);
		else if (scan->kind == TPG_WORK_OUTBOX)
			n = tpg_due_outboxes(now, &cursor.due, &cursor.id, PAGE_ROWS, &rows);
		else
			n = tpg_due_runs(now, &cursor.due, &cursor.id, PAGE_ROWS, &rows);

		for (int i = 0; i < n; i++)
		{
			if (!offer_row(&rows[i], scan->kind) && !blocked)
			{
				blocked = true;
				if (!keep_resume)
					scan->resume = previous;
			}
			if (blocked)
				budget--;
			previous.due = rows[i].due;
			previous.id = scan->kind == TPG_WORK_ACTIVITY ? rows[i].execution_key : rows[i].id;
			previous.event = rows[i].event_id;
		}

		if (n < PAGE_ROWS)
		{
			scan->have_ahead = false;
			break;
		}
		if (blocked)
		{
			if (scan->have_ahead && compare_cursors(&cursor, &scan->ahead) < 0)
				cursor = scan->ahead;
			if (budget <= 0)
			{
				scan->ahead = cursor;
				scan->have_ahead = true;
				break;
			}
		}
	}

	if (!keep_resume)
		scan->blocked = blocked;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(page_context);
}

void
tpg_scan_tables(TpgScanMode mode, TimestampTz from, TimestampTz now)
{
	/* rings have drained, but nothing was left by a pass: somebody's push met a full one */
	if (mode == TPG_SCAN_RESUME)
	{
		bool		blocked = false;

		for (int i = 0; i < lengthof(scans); i++)
			blocked = blocked || scans[i].blocked;
		if (!blocked)
			mode = TPG_SCAN_ALL;
	}

	for (int i = 0; i < lengthof(scans); i++)
	{
		Scan	   *scan = &scans[i];
		Cursor		start = {.due = DT_NOBEGIN, .id = 0, .event = 0};

		switch (mode)
		{
			case TPG_SCAN_RESUME:
				if (scan->blocked)
					scan_one(scan, scan->resume, now, false);
				break;
			case TPG_SCAN_NEW:
				start.due = from;
				scan_one(scan, start, now, scan->blocked);
				break;
			case TPG_SCAN_ALL:
				scan_one(scan, start, now, false);
				break;
		}
	}
}
