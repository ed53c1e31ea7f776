/*-------------------------------------------------------------------------
 *
 * lanes.c
 *	  The hints of one work queue: a lane for each class of work and priority.
 *
 * Cells of one array, chained: each lane is first in, first out; the lane with
 * the lowest priority number goes first.  What may wait has not all the room: so a hint
 * of high priority finds some also behind a long backlog.
 *
 * Callers hold the queue's mutex, a spinlock: a handful of instructions each,
 * no memory is allocated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "ipc/lanes.h"

/* how much of the room items of a priority may fill, 1 to 5 */
static const int room[TPG_PRIORITIES] = {
	TPG_RING_SIZE, TPG_RING_SIZE - 64, TPG_RING_SIZE - 128, 512, 512
};

static inline uint32
item_hash(const TpgWorkItem *item)
{
	uint32		h = (uint32) item->execution_key ^ (uint32) (item->execution_key >> 32);

	h = murmurhash32(h) ^ ((uint32) item->event_id * 2 + (uint32) item->kind);
	return murmurhash32(h);
}

static inline int
lane_of(const TpgWorkItem *item)
{
	return (item->priority >= 1 && item->priority <= TPG_PRIORITIES ? item->priority : TPG_DEFAULT_PRIORITY) - 1;
}

void
tpg_lanes_reset(TpgLanes *lanes)
{
	memset(lanes, 0, sizeof(*lanes));
	for (int c = 0; c < TPG_LANE_CLASSES; c++)
		for (int p = 0; p < TPG_PRIORITIES; p++)
			lanes->first[c][p] = lanes->last[c][p] = -1;
	for (int i = 0; i < TPG_RING_SIZE; i++)
		lanes->cells[i].next = i + 1 < TPG_RING_SIZE ? i + 1 : -1;
}

bool
tpg_lanes_contain(const TpgLanes *lanes, const TpgWorkItem *item)
{
	return tpg_same_item(&lanes->cells[lanes->recent[item_hash(item) % TPG_RECENT_SIZE]].item, item);
}

bool
tpg_lanes_append(TpgLanes *lanes, const TpgWorkItem *item)
{
	int			class = tpg_lane_class(item);
	int			lane = lane_of(item);
	int16		i = lanes->free;

	if (lanes->nitems >= room[lane])
		return false;
	lanes->free = lanes->cells[i].next;
	lanes->cells[i].item = *item;
	lanes->cells[i].seq = lanes->seq++;
	lanes->cells[i].next = -1;
	if (lanes->last[class][lane] >= 0)
		lanes->cells[lanes->last[class][lane]].next = i;
	else
		lanes->first[class][lane] = i;
	lanes->last[class][lane] = i;
	lanes->recent[item_hash(item) % TPG_RECENT_SIZE] = i;
	lanes->nitems++;
	lanes->nclass[class]++;
	return true;
}

int
tpg_lanes_next(const TpgLanes *lanes, const bool *allowed, int *priority)
{
	for (int p = 0; p < TPG_PRIORITIES; p++)
	{
		int			best = -1;

		for (int c = 0; c < TPG_LANE_CLASSES; c++)
		{
			if (!allowed[c] || lanes->first[c][p] < 0)
				continue;
			if (best < 0 || (int32) (lanes->cells[lanes->first[c][p]].seq - lanes->cells[lanes->first[best][p]].seq) < 0)
				best = c;
		}
		if (best >= 0)
		{
			*priority = p;
			return best;
		}
	}
	return -1;
}

void
tpg_lanes_take(TpgLanes *lanes, int class, int priority, TpgWorkItem *item)
{
	int16		i = lanes->first[class][priority];
	TpgLaneCell *cell = &lanes->cells[i];

	*item = cell->item;
	lanes->first[class][priority] = cell->next;
	if (cell->next < 0)
		lanes->last[class][priority] = -1;
	cell->item.kind = 0;
	cell->next = lanes->free;
	lanes->free = i;
	lanes->nitems--;
	lanes->nclass[class]--;
}
