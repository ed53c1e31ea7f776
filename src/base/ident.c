/*-------------------------------------------------------------------------
 *
 * ident.c
 *	  Ids: UUIDs, and the checks that every name and id given by a user passes.
 *
 * Results are palloc'd in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"

#include "base/guc.h"
#include "base/ident.h"

pg_uuid_t *
tpg_uuid_random(void)
{
	uint8		bytes[UUID_LEN];

	if (!pg_strong_random(bytes, UUID_LEN))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return tpg_uuid_from_bytes(bytes);
}

pg_uuid_t *
tpg_uuid_from_bytes(const uint8 *bytes)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	memcpy(uuid->data, bytes, UUID_LEN);
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;	/* version 4 */
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;	/* RFC 4122 variant */
	return uuid;
}

char *
tpg_uuid_to_text(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

bool
tpg_uuid_equal(const pg_uuid_t *a, const pg_uuid_t *b)
{
	return memcmp(a->data, b->data, UUID_LEN) == 0;
}

static void
id_check_length(const char *value, const char *what)
{
	int			length = strlen(value);

	if (length > tpg_guc_max_id_length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errdetail("It has %d bytes: \"%s...\".", length,
						   pnstrdup(value, pg_mbcliplen(value, length, 40))),
				 errhint("At most %d bytes are allowed (temporal_pg.max_id_length).", tpg_guc_max_id_length)));
}

void
tpg_id_check(const char *value, const char *what)
{
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
	if (value[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", what)));
	id_check_length(value, what);
}

void
tpg_id_check_optional(const char *value, const char *what)
{
	if (value != NULL)
		id_check_length(value, what);
}
