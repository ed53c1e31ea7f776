/*-------------------------------------------------------------------------
 * engine/token.c - task tokens: names of single attempts, for those outside.
 *
 * A token names, it does not entitle: whoever uses one needs rights in the
 * namespace of the activity.  The epoch of the database's home is in it, so that
 * a restored copy does not take the answers that were meant for the original.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "engine/token.h"
#include "store/extension.h"

typedef struct Packed
{
	pg_uuid_t	epoch;
	uint64		execution_key;
	uint64		started_at;
	uint32		scheduled_event_id;
	uint32		attempt;
} Packed;

StaticAssertDecl(sizeof(Packed) == 40, "tokens have no padding");

char *
tpg_token_encode(const TpgToken *t)
{
	Packed		p;
	char	   *text = palloc(sizeof(Packed) * 2 + 1);

	tpg_home_epoch(&p.epoch);
	p.execution_key = pg_hton64((uint64) t->execution_key);
	p.started_at = pg_hton64((uint64) t->started_at);
	p.scheduled_event_id = pg_hton32((uint32) t->scheduled_event_id);
	p.attempt = pg_hton32((uint32) t->attempt);
	text[hex_encode((const char *) &p, sizeof(Packed), text)] = '\0';
	return text;
}

bool
tpg_token_decode(const char *text, TpgToken *t)
{
	Packed		p;
	pg_uuid_t	epoch;

	if (strlen(text) != sizeof(Packed) * 2 || strspn(text, "0123456789abcdef") != sizeof(Packed) * 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid task token"),
				 errdetail("A task token has %d hexadecimal digits; this is \"%.100s\".", (int) sizeof(Packed) * 2, text),
				 errhint("It is what (temporal.activity_info()).task_token and temporal.poll_activity_task() give.")));
	(void) hex_decode(text, sizeof(Packed) * 2, (char *) &p);
	t->execution_key = (int64) pg_ntoh64(p.execution_key);
	t->started_at = (TimestampTz) pg_ntoh64(p.started_at);
	t->scheduled_event_id = (int32) pg_ntoh32(p.scheduled_event_id);
	t->attempt = (int32) pg_ntoh32(p.attempt);
	tpg_home_epoch(&epoch);
	return memcmp(&epoch, &p.epoch, sizeof(epoch)) == 0;
}
