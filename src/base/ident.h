/*-------------------------------------------------------------------------
 *
 * ident.h
 *	  Ids: UUIDs, and the checks that every name and id given by a user passes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_IDENT_H
#define TPG_BASE_IDENT_H

#include "utils/uuid.h"

extern pg_uuid_t *tpg_uuid_random(void);

/* Version 4 UUID made of 16 bytes of somebody's random numbers. */
extern pg_uuid_t *tpg_uuid_from_bytes(const uint8 *bytes);
extern char *tpg_uuid_to_text(const pg_uuid_t *uuid);
extern bool tpg_uuid_equal(const pg_uuid_t *a, const pg_uuid_t *b);

/*
 * 22004 when NULL, 22023 when empty or longer than temporal_pg.max_id_length
 * bytes.  `what` is for the message: "workflow id".
 */
extern void tpg_id_check(const char *value, const char *what);

/* The same, but NULL and empty are good. */
extern void tpg_id_check_optional(const char *value, const char *what);

#endif							/* TPG_BASE_IDENT_H */
