/*-------------------------------------------------------------------------
 *
 * parked.c
 *	  Work put aside because its run was locked by somebody else.
 *
 * An executor that finds a run locked hands the item to the dispatcher, which
 * offers it again after 10 ms, then 20 ms, … at most 1 s, and at once when a
 * transaction that held a run lock has ended.  So due mail behind a lock that
 * is held for long costs one attempt a second, and behind a short one no delay
 * worth mentioning.
 *
 * An item that was offered stays in the table for a moment: if it comes back,
 * its next delay is longer.  The table is local to the dispatcher; if it is lost,
 * the sweep finds the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ipc/databases.h"
#include "ipc/dispatch.h"
#include "ipc/queue.h"
#include "worker/parked.h"

#define DELAY_FIRST_MS 10
#define DELAY_LAST_MS 1000

/* an item that has not come back after this time went through */
#define REMEMBER_MS 3000

/* more than that are left to the sweep */
#define MAX_PARKED 10000

typedef struct ParkedEntry
{
	TpgWorkItem item;			/* hash key */
	Oid			owner;
	bool		waiting;		/* to be offered at `when`; else offered then */
	int			attempts;
	TimestampTz when;
} ParkedEntry;

static HTAB *parked = NULL;
static long nwaiting = 0;

void
tpg_parked_init(void)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = offsetof(TpgWorkItem, priority);	/* what tells items apart */
	ctl.entrysize = sizeof(ParkedEntry);
	ctl.hcxt = TopMemoryContext;
	parked = hash_create("temporal_pg parked work", 128, &ctl,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
tpg_parked_collect(TimestampTz now)
{
	TpgParkedItem items[32];
	int			n;

	while ((n = tpg_dispatcher_take_parked(items, lengthof(items))) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			ParkedEntry *entry;
			bool		found;
			int			delay;

			if (hash_get_num_entries(parked) >= MAX_PARKED)
				continue;
			entry = hash_search(parked, &items[i].item, HASH_ENTER, &found);
			if (!found)
			{
				entry->attempts = 0;
				entry->waiting = false;
			}
			if (!entry->waiting)
			{
				nwaiting++;
				entry->attempts++;
			}
			entry->item = items[i].item;
			entry->owner = items[i].owner;
			entry->waiting = true;
			delay = entry->attempts > 7 ? DELAY_LAST_MS :
				Min(DELAY_FIRST_MS << (entry->attempts - 1), DELAY_LAST_MS);
			entry->when = TimestampTzPlusMilliseconds(now, delay);
		}
	}
}

TimestampTz
tpg_parked_turn(TimestampTz now, bool released)
{
	HASH_SEQ_STATUS status;
	ParkedEntry *entry;
	TimestampTz next = DT_NOEND;

	if (hash_get_num_entries(parked) == 0)
		return DT_NOEND;

	hash_seq_init(&status, parked);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->waiting)
		{
			/*
			 * The lock may have been another run's.  Then this comes back,
			 * but it must not have to wait for a full second if the
			 * released one was its own and is just about to go.
			 */
			if (released)
				entry->attempts = 0;
			if (released || entry->when <= now)
			{
				TpgOffer	offer = tpg_queue_offer(tpg_queue_ref(MyDatabaseId, entry->owner),
													entry->item, 0);

				if (offer == TPG_OFFER_FULL || offer == TPG_OFFER_GONE)
					entry->when = TimestampTzPlusMilliseconds(now, DELAY_LAST_MS);
				else
				{
					entry->waiting = false;
					entry->when = now;
					nwaiting--;
				}
			}
		}
		if (entry->waiting)
			next = Min(next, entry->when);
		else
		{
			TimestampTz until = TimestampTzPlusMilliseconds(entry->when, REMEMBER_MS);

			/* nobody need wake up just to forget: the next turn does it */
			if (until <= now)
				(void) hash_search(parked, &entry->item, HASH_REMOVE, NULL);
		}
	}
	return next;
}

bool
tpg_parked_contains(TpgWorkItem item)
{
	ParkedEntry *entry;

	if (nwaiting == 0)
		return false;
	entry = hash_search(parked, &item, HASH_FIND, NULL);
	return entry != NULL && entry->waiting;
}
